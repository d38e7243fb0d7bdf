//! Live rows by the value of a column. Only rows that still stand at the edge of the rolling are in it, so that a row
//! that changes all day costs each time the same.

use std::collections::{BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::Dialect;
use crate::value::Value;

/// Rows with one value.
enum Rows {
    One(usize),
    Many(Vec<usize>),
}

/// An index over one column.
#[derive(Default)]
pub(crate) struct Index {
    rows: HashMap<u64, Rows>,
    /// Rows whose cell is not known: they may have any value.
    unknown: BTreeSet<usize>,
}

/// The texts that a dialect takes for equal have one digest.
pub(crate) fn digest(text: &str, dialect: Dialect) -> u64 {
    let mut hasher = DefaultHasher::new();
    match dialect {
        Dialect::PostgreSql => text.hash(&mut hasher),
        // Without case and without blanks at the end, as its usual collations compare.
        Dialect::MySql => text.trim_end_matches(' ').to_lowercase().hash(&mut hasher),
    }
    hasher.finish()
}

impl Index {
    pub(crate) fn add(&mut self, row: usize, cell: &Value, dialect: Dialect) {
        let Some(text) = cell.text() else {
            if cell.is_unknown() {
                self.unknown.insert(row);
            }
            return;
        };
        self.rows
            .entry(digest(&text, dialect))
            .and_modify(|rows| match rows {
                Rows::One(one) => *rows = Rows::Many(vec![*one, row]),
                Rows::Many(many) => many.push(row),
            })
            .or_insert(Rows::One(row));
    }

    pub(crate) fn remove(&mut self, row: usize, cell: &Value, dialect: Dialect) {
        let Some(text) = cell.text() else {
            self.unknown.remove(&row);
            return;
        };
        let key = digest(&text, dialect);
        match self.rows.get_mut(&key) {
            Some(Rows::Many(many)) => many.retain(|r| *r != row),
            Some(Rows::One(one)) if *one == row => drop(self.rows.remove(&key)),
            _ => {}
        }
    }

    /// Rows that have this value, and those that may; texts that only share a digest are among them.
    pub(crate) fn find(&self, text: &str, dialect: Dialect) -> impl Iterator<Item = usize> + '_ {
        let found: &[usize] = match self.rows.get(&digest(text, dialect)) {
            Some(Rows::One(one)) => std::slice::from_ref(one),
            Some(Rows::Many(many)) => many,
            None => &[],
        };
        found.iter().chain(&self.unknown).copied()
    }
}
