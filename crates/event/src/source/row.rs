//! One row of a database's audit trail as somebody exported it: an object of JSON, or a row of a table that became one
//! ([`crate::wrapper`]). Names are compared without regard to case, since tools differ there.

use std::collections::BTreeMap;

use serde_json::Value;

/// The values of a row by their names in small letters.
#[derive(Debug)]
pub(super) struct Row {
    values: BTreeMap<String, String>,
}

impl Row {
    /// Reads an object; what stands in `properties` (Azure) is part of it. `None` if it is none.
    pub(super) fn of(text: &str) -> Option<Self> {
        let Value::Object(object) = serde_json::from_str(text).ok()? else { return None };
        let mut values = BTreeMap::new();
        let inner = object.get("properties").and_then(Value::as_object);
        for (name, value) in inner.into_iter().flatten().chain(&object) {
            let written = match value {
                Value::String(text) => text.trim().to_owned(),
                Value::Number(number) => number.to_string(),
                Value::Bool(truth) => truth.to_string(),
                _ => continue,
            };
            if !written.is_empty() && !matches!(written.as_str(), "NULL" | "null" | "(null)") {
                // The first of two equal names stands.
                values.entry(name.to_ascii_lowercase()).or_insert(written);
            }
        }
        Some(Self { values })
    }

    /// The first value that one of these names has.
    pub(super) fn get(&self, names: &[&str]) -> Option<&str> {
        names.iter().find_map(|name| self.values.get(*name)).map(String::as_str)
    }
}

/// `schema.name`, or the name alone.
pub(super) fn qualified(schema: Option<&str>, name: Option<&str>) -> String {
    match (schema, name) {
        (Some(schema), Some(name)) => format!("{schema}.{name}"),
        (_, name) => name.unwrap_or_default().to_owned(),
    }
}
