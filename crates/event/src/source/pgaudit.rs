//! The records of pgaudit (<https://github.com/pgaudit/pgaudit#format>):
//! `SESSION|OBJECT,statement id,sub-statement id,class,command,object type,object name,statement,parameters[,rows]`.
//!
//! An empty parameter and NULL read the same there; both are given as NULL, and the label `empty_or_null` says so.
//! Rows are counted for SELECT, INSERT, UPDATE, DELETE and MERGE only: pgaudit writes 0 for COPY, FETCH and every other
//! utility command, whatever they sent, so that 0 is taken as no count.

use std::borrow::Cow;

use strandline_model::event::{Activity, RecordKind, Status};

use super::draft::Draft;
use super::postgres::{Entry, Log, csv_fields, filled};
use crate::sql::{self, Dialect, Kind};

const PREVIOUS: &str = "<previously logged>";

/// The longest statement that is kept for `<previously logged>`.
const REMEMBERED_BYTES: usize = 256 << 10;

/// The most sub-statements of one statement that are kept.
const REMEMBERED_PARTS: usize = 64;

/// Reads one record, the text after `AUDIT: `.
pub(crate) fn read<'e>(log: &mut Log, entry: &'e Entry<'_>, record: &'e str, draft: &mut Draft<'e>) {
    let fields = csv_fields(record).unwrap_or_else(|| cut_off_fields(record));
    let field = |index: usize| fields.get(index).map_or("", |f| f.as_ref());
    draft.event.record_kind = Some(if field(0) == "OBJECT" { RecordKind::PgauditObject } else { RecordKind::PgauditSession });
    let statement_id: Option<i64> = field(1).parse().ok();
    let part: i64 = field(2).parse().unwrap_or(0);
    draft.event.statement_id = statement_id;
    for (key, index) in [("substatement", 2), ("class", 3), ("object_type", 5), ("object_name", 6)] {
        draft.label(key, field(index));
    }
    let (statement, parameters) = text_and_parameters(log, entry, statement_id.unwrap_or(0), part, field(7), field(8));
    let command = field(4).to_owned();
    let statement = without_prepare(&statement, &command, draft);
    let secrets = {
        // The statement does not outlive this call where it was remembered, so its masked form is owned.
        let mut inner = draft.fork();
        let secrets = log.statement(entry, &statement, &[], &mut inner);
        draft.join(inner);
        secrets
    };
    draft.event.activity = activity(field(3), &command, draft.event.activity, &statement);
    draft.event.command = filled(&command).map(|c| Cow::Owned(c.to_owned()));
    if matches!(statement.as_ref(), "<not logged>" | PREVIOUS) {
        draft.event.statement = None;
    }
    set_parameters(&parameters, &secrets, draft);
    if let Some(rows) = fields.get(9).and_then(|r| r.parse::<i64>().ok()) {
        draft.event.status = Status::Success;
        let counted = matches!(command.as_str(), "SELECT" | "INSERT" | "UPDATE" | "DELETE" | "MERGE") || rows > 0;
        draft.event.row_count = counted.then_some(rows);
    }
}

/// Statement and parameter field, filled from the session's last record of that statement where they were left out.
fn text_and_parameters<'f>(log: &mut Log, entry: &Entry<'_>, id: i64, part: i64, statement: &'f str, parameters: &'f str) -> (Cow<'f, str>, Cow<'f, str>) {
    if statement == PREVIOUS {
        let session = log.session(entry).filter(|session| session.statement_id == id);
        let kept = session.and_then(|s| s.parts.iter().rev().find(|p| p.0 == part).or(s.parts.last()));
        return match kept {
            Some((_, text, values)) => (text.clone().into(), if parameters == PREVIOUS { values.clone().into() } else { parameters.into() }),
            None => (statement.into(), parameters.into()),
        };
    }
    if statement.len() + parameters.len() <= REMEMBERED_BYTES {
        log.remember(entry, statement.len() + parameters.len(), |session| {
            session.begin(id);
            if session.parts.len() < REMEMBERED_PARTS {
                session.parts.push((part, statement.to_owned(), parameters.to_owned()));
            }
        });
    }
    (statement.into(), parameters.into())
}

/// `PREPARE name AS query`, of which the query ran: the query, and the name aside.
fn without_prepare<'s>(statement: &Cow<'s, str>, command: &str, draft: &mut Draft<'_>) -> Cow<'s, str> {
    let begins = statement.trim_start().get(..7).is_some_and(|word| word.eq_ignore_ascii_case("prepare"));
    if !begins || command == "PREPARE" {
        return statement.clone();
    }
    let tokens = sql::tokens(statement, Dialect::PostgreSql);
    let significant: Vec<_> = tokens.iter().filter(|t| t.kind != Kind::Comment).collect();
    let query = significant.iter().position(|t| t.is_word(statement, "as")).and_then(|at| significant.get(at + 1));
    let (Some(name), Some(query)) = (significant.get(1), query) else { return statement.clone() };
    draft.event.statement_name = Some(Cow::Owned(name.inner(statement).to_owned()));
    Cow::Owned(statement[query.start..].to_owned())
}

fn set_parameters(field: &str, secrets: &[(usize, crate::mask::Secrecy)], draft: &mut Draft<'_>) {
    match field {
        "<none>" => draft.event.parameters = Some(Vec::new()),
        "<not logged>" | PREVIOUS => {}
        _ => {
            let Some(values) = csv_fields(field) else { return };
            if values.iter().any(|v| v.is_empty()) {
                draft.label("empty_or_null", "true");
            }
            if values.iter().any(|v| v == "<long param suppressed>") {
                draft.label("parameters_cut", "true");
            }
            let values = values.into_iter().map(|v| filled(&v).map(str::to_owned)).collect();
            draft.parameters(Some(values), secrets);
        }
    }
}

/// The audit class decides where it is plain; else the command.
fn activity(class: &str, command: &str, by_text: Activity, statement: &str) -> Activity {
    match (class, command) {
        ("READ", "PREPARE") | ("FUNCTION", _) => Activity::Query,
        ("READ", _) => Activity::Read,
        ("WRITE", _) => Activity::Write,
        ("DDL" | "ROLE", _) => Activity::Define,
        _ if command.is_empty() => by_text,
        _ => sql::activity(command, statement, &[]),
    }
}

/// Fields of a record that was cut off in the middle of a quoted one.
fn cut_off_fields(record: &str) -> Vec<Cow<'_, str>> {
    let mut fields: Vec<Cow<'_, str>> = record.splitn(8, ',').map(Cow::Borrowed).collect();
    if let Some(last) = fields.get_mut(7) {
        let text = last.strip_prefix('"').unwrap_or(last).replace("\"\"", "\"");
        *last = Cow::Owned(text);
    }
    fields.push(Cow::Borrowed("<not logged>"));
    fields
}
