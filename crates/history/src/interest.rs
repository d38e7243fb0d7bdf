//! Which writes are worth keeping: those that name a table, or something made from one, that is described or read.

use std::collections::{BTreeSet, HashSet};
use std::hash::Hasher;

use strandline_model::estate::Estate;

use crate::routines::Routines;
use crate::store::{StoredDatabase, StoredTable};
use crate::triggers::{Event, besides, triggers_of};

/// Words that are kept at most; with more, every write is kept.
const WORDS: usize = 1 << 20;

/// The words of many statements, as digests.
#[derive(Clone, Debug, Default)]
pub struct Words {
    seen: HashSet<u64>,
    texts: HashSet<u64>,
    overflow: bool,
}

impl Words {
    /// Adds the words of a statement.
    pub fn add(&mut self, text: &str) {
        if self.overflow || !self.texts.insert(digest(text)) {
            return;
        }
        self.overflow |= hides_names(text) || self.seen.len() > WORDS || self.texts.len() > WORDS;
        self.seen.extend(words(text));
    }

    /// Whether a name may stand among them.
    pub fn may_name(&self, name: &str) -> bool {
        self.has(name)
    }

    fn has(&self, name: &str) -> bool {
        self.overflow || !is_plain(name) || self.seen.contains(&digest(&name.to_lowercase()))
    }
}

/// Names, one of which a write must hold to matter.
#[derive(Clone, Debug, Default)]
pub struct Interest {
    names: HashSet<u64>,
    /// Words of what is read: a relation that is made under one of them matters.
    read: Words,
    everything: bool,
    /// Functions and procedures that may write to one of the names.
    routines: HashSet<u64>,
}

impl Interest {
    /// Every write matters.
    pub fn everything() -> Self {
        Self { everything: true, ..Self::default() }
    }

    /// What the estate describes and what `read` names, with all that these depend on: what views are made of, parents and
    /// partitions, and the tables whose deletions cascade.
    pub fn of(estate: &Estate, stored: &[StoredDatabase], read: &Words) -> Self {
        let mut names: BTreeSet<String> = BTreeSet::new();
        let mut add = |full: &str| {
            names.insert(full.rsplit('.').next().unwrap_or(full).to_lowercase());
        };
        for table in &estate.tables {
            add(&table.name);
            table.entries().filter_map(|entry| entry.subject_via.as_ref()).for_each(|via| add(&via.table));
        }
        let relations = || stored.iter().flat_map(|d| d.tables.iter().map(|t| &t.name).chain(d.views.iter().map(|v| &v.name)));
        relations().filter(|name| read.has(name)).for_each(|name| add(name));
        close(stored, &mut names);
        close_above(stored, &mut names);
        let everything = names.iter().any(|name| !is_plain(name));
        let routines = stored.iter().flat_map(|database| Routines::of(database, std::iter::empty()).writing_to(&names)).map(|name| digest(&name)).collect();
        Self { routines, names: names.iter().map(|name| digest(name)).collect(), read: read.clone(), everything }
    }

    /// Whether the statement names anything that matters.
    pub(crate) fn touches(&self, statement: &str) -> bool {
        self.everything || hides_names(statement) || words(statement).any(|word| self.names.contains(&word))
    }

    /// Whether the statement may call what writes to anything that matters.
    pub(crate) fn calls(&self, statement: &str) -> bool {
        !self.routines.is_empty() && words(statement).any(|word| self.routines.contains(&word))
    }

    /// What a definition makes that writes to what matters: calls of it matter from then on.
    pub(crate) fn add_routine(&mut self, name: &str) {
        if self.routines.len() < WORDS {
            self.routines.insert(digest(&name.to_lowercase()));
        }
    }

    /// Whether a definition makes, or gives a new name to, what is read.
    pub(crate) fn makes(&self, definition: &str) -> bool {
        made_by(definition).iter().any(|name| self.read.has(name))
    }

    /// What a definition makes, or gives a new name, matters from then on.
    pub(crate) fn add(&mut self, definition: &str) {
        if self.names.len() < WORDS {
            self.names.extend(made_by(definition).iter().map(|name| digest(name)));
        }
    }
}

/// The names that a definition makes: after `TABLE` or `VIEW` in a CREATE, after `TO` in a renaming, after `INTO`.
fn made_by(definition: &str) -> Vec<String> {
    let lower = definition.to_lowercase();
    let words: Vec<&str> = lower.split(|c: char| !is_letter(c) && c != '.').map(|w| w.trim_matches('.')).filter(|w| !w.is_empty()).collect();
    let creates = words.first() == Some(&"create");
    let starts = |word: &str| if creates { matches!(word, "table" | "view") } else { matches!(word, "to" | "into" | "table") };
    let skipped = ["if", "not", "exists", "temp", "temporary", "table", "unlogged"];
    (0..words.len())
        .filter(|at| starts(words[*at]))
        .filter_map(|at| words[at + 1..].iter().find(|w| !skipped.contains(w)))
        .map(|name| name.rsplit('.').next().unwrap_or(name).to_owned())
        .collect()
}

/// Adds what the named relations depend on, until nothing is left to add.
fn close(stored: &[StoredDatabase], names: &mut BTreeSet<String>) {
    loop {
        let mut more: BTreeSet<String> = BTreeSet::new();
        for database in stored {
            let bare = |full: &str| full.rsplit('.').next().unwrap_or(full).to_lowercase();
            for view in database.views.iter().filter(|v| names.contains(&v.name.to_lowercase())) {
                let mut of_view = Words::default();
                of_view.add(&view.sql);
                let all = database.tables.iter().map(|t| &t.name).chain(database.views.iter().map(|v| &v.name));
                more.extend(all.filter(|name| of_view.has(name)).map(|name| name.to_lowercase()));
            }
            for table in &database.tables {
                let own = table.name.to_lowercase();
                if names.contains(&own) {
                    more.extend(table.parents.iter().map(|p| bare(p)));
                    more.extend(table.foreign_keys.iter().map(|key| bare(&key.table)));
                } else if table.parents.iter().any(|p| names.contains(&bare(p))) || fires_into(table, database, names) {
                    more.insert(own);
                }
            }
        }
        let before = names.len();
        names.append(&mut more);
        if names.len() == before {
            return;
        }
    }
}

/// Adds the views of which one of the named relations is a part: a write through them changes it.
fn close_above(stored: &[StoredDatabase], names: &mut BTreeSet<String>) {
    let views: Vec<(String, Words)> = stored
        .iter()
        .flat_map(|database| &database.views)
        .filter(|view| !view.materialized)
        .map(|view| {
            let mut words = Words::default();
            words.add(&view.sql);
            (view.name.to_lowercase(), words)
        })
        .collect();
    loop {
        let above = |(view, words): &&(String, Words)| !names.contains(view) && names.iter().any(|name| words.has(name));
        let more: Vec<String> = views.iter().filter(above).map(|(view, _)| view.clone()).collect();
        if more.is_empty() {
            return;
        }
        names.extend(more);
    }
}

/// Whether a write to the table may write one of these tables, too.
fn fires_into(table: &StoredTable, database: &StoredDatabase, names: &BTreeSet<String>) -> bool {
    let besides = besides(triggers_of(table, database).iter(), Event::Any);
    besides.any_table || besides.tables.iter().any(|name| name.last().is_some_and(|name| names.contains(&name.to_lowercase())))
}

/// Whether a name may be written so that its letters do not stand in the text.
fn hides_names(text: &str) -> bool {
    text.as_bytes().windows(2).any(|pair| pair[0].eq_ignore_ascii_case(&b'u') && pair[1] == b'&')
}

fn is_plain(name: &str) -> bool {
    !name.is_empty() && name.chars().all(is_letter)
}

fn is_letter(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '$'
}

fn words(text: &str) -> impl Iterator<Item = u64> + '_ {
    text.split(|c| !is_letter(c)).filter(|word| !word.is_empty()).map(|word| {
        if word.is_ascii() {
            let mut hasher = Fnv::default();
            word.bytes().for_each(|b| hasher.write_u8(b.to_ascii_lowercase()));
            hasher.finish()
        } else {
            digest(&word.to_lowercase())
        }
    })
}

fn digest(text: &str) -> u64 {
    let mut hasher = Fnv::default();
    hasher.write(text.as_bytes());
    hasher.finish()
}

/// FNV-1a: the same in every run.
struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Hasher for Fnv {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(names: &[&str], statement: &str, expected: bool) {
        let interest = Interest { names: names.iter().map(|n| digest(n)).collect(), ..Interest::default() };
        assert_eq!(interest.touches(statement), expected, "{statement}");
    }

    #[test]
    fn only_writes_that_name_something_held_matter() {
        check(&["patient"], "UPDATE public.\"Patient\" SET a = 1", true);
        check(&["patient"], "INSERT INTO journal VALUES (1, 'patients')", false);
        check(&["patient"], "UPDATE U&\"p\\0061tient\" SET a = 1", true);
    }
}
