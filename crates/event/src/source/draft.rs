//! A database event being filled: its statement, bind values and labels, with secrets masked on the way in.

use std::borrow::Cow;
use std::collections::BTreeMap;

use strandline_model::event::{Activity, Event};

use crate::mask::{self, Secrecy};
use crate::sql::{self, Dialect, Kind};
use crate::{mask_sql, sql_comment};

/// An event being filled, with its labels.
pub(crate) struct Draft<'e> {
    pub event: Event<'e>,
    labels: BTreeMap<String, String>,
}

/// What a statement turned out to be.
pub(crate) struct StatementRead {
    /// Bind parameters that are secrets.
    pub secret_parameters: Vec<(usize, Secrecy)>,
    /// The lower-case name that it prepares.
    pub prepares: Option<String>,
}

impl<'e> Draft<'e> {
    /// From what every record of the format has.
    pub fn new(event: Event<'e>) -> Self {
        Self { event, labels: BTreeMap::new() }
    }

    /// An empty draft of the same record, for text that lives shorter than the record.
    pub fn fork<'s>(&self) -> Draft<'s> {
        Draft::new(Event::new(self.event.time, self.event.class, self.event.activity, self.event.place.clone()))
    }

    /// Takes over what a statement filled in another draft, owned.
    pub fn join(&mut self, other: Draft<'_>) {
        let event = other.event.into_owned();
        self.event.statement = event.statement;
        self.event.command = event.command;
        self.event.activity = event.activity;
        self.event.request_id = event.request_id;
        self.event.masked |= event.masked;
        self.event.secrets.join(event.secrets);
        self.labels.extend(other.labels);
    }

    /// Adds a field that has no column.
    pub fn label(&mut self, key: &str, value: &str) {
        if !value.is_empty() {
            self.labels.insert(key.to_owned(), value.to_owned());
        }
    }

    /// Sets the statement: its comments become fields, secrets are masked, command and activity follow from it.
    /// `prepared` says which arguments are secrets in an EXECUTE of that name.
    pub fn statement(&mut self, text: &'e str, dialect: Dialect, prepared: impl Fn(&str) -> Vec<(usize, Secrecy)>) -> StatementRead {
        let mut tokens = sql::tokens(text, dialect);
        let comments = sql_comment::read(text, &tokens);
        let rest = text.get(comments.rest.0..comments.rest.1).unwrap_or(text);
        if rest.len() != text.len() {
            tokens = sql::tokens(rest, dialect);
        }
        if let Some(request) = comments.request() {
            self.event.request_id = Some(Cow::Owned(request.to_owned()));
        }
        self.labels.extend(comments.fields);
        let command = sql::command(rest, &tokens);
        let mut words = tokens.iter().filter(|t| matches!(t.kind, Kind::Word | Kind::QuotedName)).skip(1);
        let mut name = || words.next().map(|t| t.inner(rest).to_lowercase());
        let (prepares, executes) = match command.as_deref() {
            Some("PREPARE") => (name(), None),
            Some("EXECUTE") => (None, name()),
            _ => (None, None),
        };
        let known = executes.map(|name| prepared(&name)).unwrap_or_default();
        let masked = mask_sql::statement(rest, &tokens, dialect, &known);
        if let Some(command) = command {
            self.event.activity = sql::activity(&command, rest, &tokens);
            self.event.command = Some(Cow::Owned(command));
        } else {
            self.event.activity = Activity::Query;
        }
        self.event.masked |= masked.statement != rest;
        masked.secrets.iter().for_each(|secret| self.secret(secret));
        self.event.statement = (!rest.is_empty()).then_some(masked.statement);
        StatementRead { secret_parameters: masked.secret_parameters, prepares }
    }

    /// Sets bind values, secrets masked.
    pub fn parameters(&mut self, values: Option<Vec<Option<String>>>, secrets: &[(usize, Secrecy)]) {
        let Some(values) = values else { return };
        if values.iter().flatten().any(|value| value.ends_with("...")) {
            self.label("parameters_cut", "possible"); // log_parameter_max_length leaves three dots
        }
        let secrecy = |index: usize| mask_sql::parameter_secrecy(secrets, index + 1);
        // A pattern that is searched for in other columns too is no secret.
        let open = |(index, value): (usize, &Option<String>)| value.clone().filter(|v| mask_sql::is_pattern(v) && secrecy(index) == Secrecy::Open);
        let searched: Vec<String> = if secrets.is_empty() { Vec::new() } else { values.iter().enumerate().filter_map(open).collect() };
        let mut list = Vec::with_capacity(values.len());
        for (index, value) in values.into_iter().enumerate() {
            list.push(value.map(|value| {
                let secrecy = if searched.contains(&value) { Secrecy::Open } else { secrecy(index) };
                let clean = mask_sql::value(&value, secrecy).into_owned();
                if clean != value {
                    self.event.masked = true;
                    self.secret(&value);
                }
                Cow::Owned(clean)
            }));
        }
        self.event.parameters = Some(list);
    }

    /// A value that was masked. One that nobody could guess may tell a session; a password is forgotten.
    fn secret(&mut self, value: &str) {
        if Secrecy::IfRandom.hides(value) {
            self.event.secrets.add(value);
        }
    }

    /// Sets the message, secrets masked.
    pub fn message(&mut self, text: &'e str) {
        self.event.message = (!text.is_empty()).then(|| mask::text(text));
    }

    /// The event.
    pub fn finish(mut self) -> Event<'e> {
        if !self.labels.is_empty() {
            self.event.labels = serde_json::to_string(&self.labels).ok().map(Cow::Owned);
        }
        self.event
    }
}
