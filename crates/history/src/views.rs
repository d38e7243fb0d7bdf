//! Views that a write may go through: it changes the tables below, and fires what stands on the view.

use std::collections::{BTreeMap, BTreeSet};

use crate::Dialect;
use crate::definition::{Definition, Name, definitions};
use crate::store::StoredDatabase;
use crate::triggers::{Trigger, triggers_on};
use crate::writes::Write;

/// What stands below a view.
#[derive(Debug, Default)]
struct Below {
    /// Names in its queries: of tables and of other views. One name may have stood for several views, one after the other.
    names: BTreeSet<Name>,
    triggers: Vec<Trigger>,
}

/// The views of a database, by full name: those of the snapshot, and those that the log makes. When one came or went is not asked.
#[derive(Debug, Default)]
pub(crate) struct Views(BTreeMap<String, Below>);

impl Views {
    pub(crate) fn of<'w>(stored: &StoredDatabase, writes: impl Iterator<Item = &'w Write>) -> Self {
        let mut views = Self::default();
        for view in stored.views.iter().filter(|view| !view.materialized) {
            let below = views.0.entry(view.full_name()).or_default();
            below.names.extend(strandline_sql::names(&view.sql, stored.dialect).relations);
            below.triggers.extend(triggers_on(&view.attached, stored));
        }
        for write in writes.filter(|write| may_define(&write.statement)) {
            for definition in definitions(&write.statement, write.dialect).into_iter().flatten() {
                views.take(&definition, stored);
            }
        }
        views
    }

    fn take(&mut self, definition: &Definition, stored: &StoredDatabase) {
        match definition {
            Definition::View { name, query, materialised: false, .. } => {
                let below = self.0.entry(full(name, None, stored)).or_default();
                below.names.extend(strandline_sql::names(query, stored.dialect).relations);
            }
            Definition::Rename { name, to } => {
                let Some(old) = self.find(name, stored) else { return };
                let schema = old.split_once('.').map(|(schema, _)| schema.to_owned());
                self.also(&old, full(to, schema.as_deref(), stored));
            }
            Definition::Move { name, schema } => {
                let Some(old) = self.find(name, stored) else { return };
                let bare = old.rsplit('.').next().unwrap_or_default().to_owned();
                self.also(&old, format!("{schema}.{bare}"));
            }
            _ => {}
        }
    }

    /// The view of one name has another one from some time on.
    fn also(&mut self, old: &str, new: String) {
        let Some(Below { names, triggers }) = self.0.get(old) else { return };
        let (names, triggers) = (names.clone(), triggers.clone());
        let below = self.0.entry(new).or_default();
        below.names.extend(names);
        below.triggers.extend(triggers);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The full name of the view that a name stands for, if it may stand for one.
    pub(crate) fn find(&self, name: &[String], stored: &StoredDatabase) -> Option<String> {
        if self.is_empty() { None } else { stored.resolve(name, |full| self.0.contains_key(full)) }
    }

    /// The names of all that stands below a view, through other views, and itself.
    pub(crate) fn below(&self, view: &str, stored: &StoredDatabase) -> BTreeSet<Name> {
        let (mut found, mut seen, mut open) = (BTreeSet::new(), BTreeSet::from([view.to_owned()]), vec![view.to_owned()]);
        while let Some(below) = open.pop().and_then(|next| self.0.get(&next)) {
            open.extend(below.names.iter().filter_map(|name| self.find(name, stored)).filter(|next| seen.insert(next.clone())));
            found.extend(below.names.iter().cloned());
        }
        found
    }

    /// The triggers of a view, and of the views below it.
    pub(crate) fn triggers(&self, view: &str, stored: &StoredDatabase) -> Vec<&Trigger> {
        let below = self.below(view, stored).into_iter().filter_map(|name| self.find(&name, stored));
        std::iter::once(view.to_owned()).chain(below).filter_map(|view| self.0.get(&view)).flat_map(|below| &below.triggers).collect()
    }

    /// A trigger that the log puts on a view.
    pub(crate) fn attach(&mut self, view: &str, trigger: Trigger) {
        if let Some(below) = self.0.get_mut(view) {
            below.triggers.push(trigger);
        }
    }
}

/// Whether a statement may make a view, or give one another name.
fn may_define(statement: &str) -> bool {
    let mut words = statement.split_whitespace();
    match words.next() {
        Some(first) if first.eq_ignore_ascii_case("create") => words.take(12).any(|word| word.eq_ignore_ascii_case("view")),
        Some(first) => first.eq_ignore_ascii_case("alter") || first.eq_ignore_ascii_case("rename"),
        None => false,
    }
}

/// `schema.name`; a bare name stands in the given schema, or in the first of the search path.
fn full(name: &[String], schema: Option<&str>, stored: &StoredDatabase) -> String {
    let own = || schema.unwrap_or_else(|| stored.search_path.first().map_or("public", String::as_str));
    match name {
        [one] => format!("{}.{one}", own()),
        [.., of, one] if stored.dialect == Dialect::MySql && of.eq_ignore_ascii_case(&stored.name) => format!("{}.{one}", own()),
        [.., of, one] => format!("{of}.{one}"),
        [] => String::new(),
    }
}
