//! One database being filled from its snapshots: which table has whose rows, and which still have none.

use std::collections::{BTreeMap, BTreeSet};

use crate::Rows;
use crate::store::{StoredDatabase, StoredTable};

/// A database while its snapshots are read, one after another.
pub(super) struct Filling<'d> {
    pub database: &'d mut StoredDatabase,
    pub rows: Rows,
    /// Which snapshot is being read, counted from 1.
    snapshot: u32,
    /// Which snapshot gave a table its rows.
    filled: BTreeMap<String, u32>,
    /// Tables that the snapshot being read defines anew, as they were.
    displaced: BTreeMap<String, StoredTable>,
    /// Tables that a snapshot has rows of and nothing defined so far.
    orphans: BTreeSet<String>,
    /// Tables to which the snapshot being read adds rows that cannot be read.
    spoiled: BTreeSet<String>,
    /// On a second reading: the tables whose rows are wanted.
    wanted: Option<BTreeSet<String>>,
    /// Databases that the snapshot also holds, and that were passed over.
    pub passed_over: BTreeSet<String>,
    /// Rows with a cell that could not be read.
    pub doubtful_rows: u64,
}

impl<'d> Filling<'d> {
    pub fn new(database: &'d mut StoredDatabase, rows: Rows) -> Self {
        Self {
            database,
            rows,
            snapshot: 0,
            filled: BTreeMap::new(),
            displaced: BTreeMap::new(),
            orphans: BTreeSet::new(),
            spoiled: BTreeSet::new(),
            wanted: None,
            passed_over: BTreeSet::new(),
            doubtful_rows: 0,
        }
    }

    /// Begins the next snapshot.
    pub fn begin(&mut self) {
        self.snapshot += 1;
        self.orphans.clear();
        self.spoiled.clear();
        self.passed_over.clear();
        self.doubtful_rows = 0;
        self.wanted = None;
    }

    /// Begins a snapshot once more, for the rows of these tables alone.
    pub fn begin_again(&mut self, wanted: BTreeSet<String>) {
        self.begin();
        self.wanted = Some(wanted);
    }

    /// Ends a snapshot. A table that it defines without rows keeps those of an earlier one.
    /// Returns the tables whose rows stand in it and which nothing defines yet.
    pub fn end(&mut self) -> BTreeSet<String> {
        for (name, before) in std::mem::take(&mut self.displaced) {
            let Some(at) = self.database.table(&name) else { continue };
            let now = &mut self.database.tables[at];
            let same = |a: &StoredTable| a.columns.iter().map(|c| (&c.name, c.kind)).eq(now.columns.iter().map(|c| (&c.name, c.kind)));
            if self.filled.get(&name) != Some(&self.snapshot) && same(&before) {
                now.take_rows(before);
            }
        }
        std::mem::take(&mut self.orphans)
    }

    /// Adds a table's definition.
    pub fn add_table(&mut self, table: StoredTable) {
        if self.wanted.is_some() {
            return;
        }
        let name = table.full_name();
        let before = self.database.remove_table(&name);
        if let Some(before) = before.filter(|_| self.filled.get(&name).is_some_and(|snapshot| *snapshot != self.snapshot)) {
            self.displaced.entry(name).or_insert(before);
        }
        self.database.add_table(table);
    }

    /// The table that rows are to be added to; those of an earlier snapshot are gone.
    pub fn table_for_rows(&mut self, full: &str) -> Option<usize> {
        if self.wanted.as_ref().is_some_and(|wanted| !wanted.contains(full)) {
            return None;
        }
        let Some(index) = self.database.table(full) else {
            self.orphans.insert(full.to_owned());
            return None;
        };
        self.fill(full, index);
        Some(index)
    }

    fn fill(&mut self, full: &str, index: usize) {
        if self.filled.get(full) == Some(&self.snapshot) {
            return;
        }
        if self.filled.insert(full.to_owned(), self.snapshot).is_some() {
            self.database.tables[index].clear_rows();
        }
    }

    /// Whether only rows are wanted: the definitions were read before.
    pub fn wants_rows_alone(&self) -> bool {
        self.wanted.is_some()
    }

    /// The rows of a table were read to their end; `in_full` says whether those are all rows.
    pub fn mark_complete(&mut self, full: &str, in_full: impl Fn(&StoredTable) -> bool) {
        let Some(index) = self.table_for_rows(full) else { return };
        let spoiled = self.spoiled.contains(full);
        let table = &mut self.database.tables[index];
        table.complete = in_full(table) && !spoiled && !table.has_other_types;
    }

    /// Something in the snapshot adds rows to the table that cannot be read.
    pub fn spoil(&mut self, full: &str, index: usize) {
        self.spoiled.insert(full.to_owned());
        self.database.tables[index].complete = false;
    }

    /// Compares the rows that were read with how many there were, by the bare names of tables.
    pub fn check_counts(&mut self, counts: &BTreeMap<String, u64>) {
        for table in &mut self.database.tables {
            let Some(count) = counts.get(&table.name) else { continue };
            let read = table.rows_read() as u64;
            table.complete = if read == *count { table.complete || read == 0 } else { false };
        }
    }

    /// Something is missing, and nothing says of which table: anybody may be in any.
    pub fn open_all(&mut self) {
        for table in &mut self.database.tables {
            table.complete = false;
        }
    }
}
