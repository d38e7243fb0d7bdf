//! JSON lines: one object a line, by a field mapping of the estate or by customary names.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::Value;
use strandline_model::estate::{Classify, LogSource};
use strandline_model::event::{Activity, Class, Event, Status};
use strandline_model::time::Instant;

use crate::fields::{Field, Filling, Times};
use crate::source::Format;
use crate::stamp::Zone;
use crate::{Context, EventError, Output, Record, mask};

/// Reads JSON lines.
pub struct Json {
    times: Times,
    /// (event field, path into the object)
    mapping: Vec<(Field, Vec<String>)>,
    /// Fields that have no column go into labels under these names.
    extras: Vec<(String, Vec<String>)>,
    classify: Vec<Classified>,
}

struct Classified {
    path: Vec<String>,
    equals: String,
    class: Class,
    activity: Option<Activity>,
    status: Option<Status>,
}

fn path_of(dotted: &str) -> Vec<String> {
    dotted.split('.').map(str::to_owned).collect()
}

impl Json {
    /// For a source of the estate.
    ///
    /// # Errors
    /// If the estate maps a field that does not exist, or classifies with a word that does not.
    pub fn new(context: &Context<'_>) -> Result<Self, EventError> {
        let source = context.source;
        let times = Times { zone: Zone::of(context)?, format: source.time_format.clone() };
        let (mut mapping, mut extras) = (Vec::new(), Vec::new());
        for (field, path) in &source.fields {
            match (Field::named(field), field.strip_prefix("labels.")) {
                (Some(known), _) => mapping.push((known, path_of(path))),
                (None, Some(label)) => extras.push((label.to_owned(), path_of(path))),
                (None, None) => {
                    return Err(wrong(source, format!("`fields` maps {field:?}, which is no event field; see docs/events.md, or write \"labels.{field}\"")));
                }
            }
        }
        let classify = source.classify.iter().map(|rule| classified(source, rule)).collect::<Result<_, _>>()?;
        Ok(Self { times, mapping, extras, classify })
    }

    fn fill<'e>(&self, object: &Value, event: Event<'e>) -> Result<Event<'e>, &'static str> {
        let mut filling = Filling::new(event);
        if self.mapping.is_empty() {
            let Value::Object(fields) = object else { return Err("the line is no JSON object") };
            for (name, value) in fields {
                if let (Some(field), Some(text)) = (Field::customary(name), text_of(value)) {
                    filling.set(field, Cow::Owned(text), &self.times)?;
                }
            }
        }
        for (field, path) in &self.mapping {
            if let Some(text) = look_up(object, path).and_then(text_of) {
                filling.set(*field, Cow::Owned(text), &self.times)?;
            }
        }
        self.classify(object, &mut filling.event);
        self.label(object, &mut filling.event);
        filling.finish()
    }

    fn classify(&self, object: &Value, event: &mut Event<'_>) {
        for rule in &self.classify {
            if look_up(object, &rule.path).and_then(text_of).as_deref() == Some(rule.equals.as_str()) {
                event.class = rule.class;
                event.activity = rule.activity.unwrap_or(event.activity);
                event.status = rule.status.unwrap_or(event.status);
                return;
            }
        }
    }

    fn label(&self, object: &Value, event: &mut Event<'_>) {
        let mut labels = BTreeMap::new();
        for (name, path) in &self.extras {
            if let Some(text) = look_up(object, path).and_then(text_of) {
                let masked = mask::field(name, &text).into_owned();
                event.masked |= masked != text;
                labels.insert(name.clone(), masked);
            }
        }
        if !labels.is_empty() {
            event.labels = serde_json::to_string(&labels).ok().map(Cow::Owned);
        }
    }
}

impl Format for Json {
    fn name(&self) -> &'static str {
        "json"
    }

    fn read(&mut self, record: &Record<'_>, output: &mut Output<'_>) {
        let bytes = record.bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(record.bytes);
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return output.pass(record);
        }
        let object: Value = match serde_json::from_slice(bytes) {
            Ok(object @ Value::Object(_)) => object,
            Ok(_) => return output.refuse(record, "the line is JSON but no object"),
            Err(error) if error.is_eof() => return output.refuse(record, "the JSON object ends too early"),
            Err(_) => return output.refuse(record, "the line is no JSON"),
        };
        let event = Event::new(Instant::default(), Class::Other, Activity::Other, output.place(record));
        match self.fill(&object, event) {
            Ok(event) => output.event(record, event),
            Err(reason) => output.refuse(record, reason),
        }
    }
}

fn wrong(source: &LogSource, reason: String) -> EventError {
    EventError::Configuration { source_id: source.id.clone(), reason }
}

fn classified(source: &LogSource, rule: &Classify) -> Result<Classified, EventError> {
    let word = |kind: &str, word: &str| wrong(source, format!("`classify` names the {kind} {word:?}, which does not exist; see docs/events.md"));
    Ok(Classified {
        path: path_of(&rule.field),
        equals: rule.equals.clone(),
        class: rule.class.parse().map_err(|_| word("class", &rule.class))?,
        activity: rule.activity.as_ref().map(|a| a.parse().map_err(|_| word("activity", a))).transpose()?,
        status: rule.status.as_ref().map(|s| s.parse().map_err(|_| word("status", s))).transpose()?,
    })
}

/// A field by its path; a name that itself holds dots is found too.
fn look_up<'v>(object: &'v Value, path: &[String]) -> Option<&'v Value> {
    if path.len() > 1
        && let Some(value) = object.get(path.join("."))
    {
        return Some(value);
    }
    path.iter().try_fold(object, |value, key| value.get(key))
}

/// A scalar as text; null, lists and objects are none.
fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}
