//! What each access showed, one by one, before the matrix folds it: whom and which categories a session saw, and when.
//! Held in runs, each sorted by session, so that a question about a few sessions reads a few pages.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow_array::builder::{Int64Builder, StringBuilder};
use arrow_array::{ArrayRef, RecordBatch};
use strandline_model::event::BATCH_ROWS;
use strandline_model::exposure::{Basis, Certainty, Sighting};
use strandline_model::table::Row;

use crate::ExposureError;
use crate::stage::Output;
use crate::world::World;

/// Subjects held before a run is written: sixteen megabytes of them.
const RUN_SUBJECTS: usize = 4 << 20;

/// Whom one piece of an access showed.
enum Whom {
    /// These, by number.
    Subjects(Vec<u32>),
    /// Everybody who ever stood in a table: database and table number.
    Table(usize, usize),
}

/// One piece of an access.
struct Seen {
    session: Arc<str>,
    time: i64,
    access: Arc<str>,
    categories: BTreeSet<u32>,
    basis: Basis,
    certainty: Certainty,
    whom: Whom,
}

/// The session and id of an access.
#[derive(Clone)]
pub(crate) struct Of {
    pub(crate) session: Arc<str>,
    pub(crate) access: Arc<str>,
}

/// The run being held.
#[derive(Default)]
pub(crate) struct Sightings {
    run: Vec<Seen>,
    subjects: usize,
}

impl Sightings {
    pub(crate) fn people(&mut self, of: &Of, time: i64, people: &[u32], categories: BTreeSet<u32>, basis: Basis, certainty: Certainty) {
        self.subjects += people.len();
        let (session, access) = (of.session.clone(), of.access.clone());
        self.run.push(Seen { session, time, access, categories, basis, certainty, whom: Whom::Subjects(people.to_vec()) });
    }

    pub(crate) fn table(&mut self, of: &Of, time: i64, table: (usize, usize), categories: BTreeSet<u32>) {
        let (session, access, whom) = (of.session.clone(), of.access.clone(), Whom::Table(table.0, table.1));
        self.run.push(Seen { session, time, access, categories, basis: Basis::Disclosed, certainty: Certainty::Possible, whom });
    }

    pub(crate) fn is_full(&self) -> bool {
        self.subjects >= RUN_SUBJECTS || self.run.len() >= RUN_SUBJECTS / 16
    }

    /// Writes the run, sorted by session, time and access.
    pub(crate) fn write(&mut self, world: &World, out: &mut dyn Output) -> Result<(), ExposureError> {
        let mut run = std::mem::take(&mut self.run);
        self.subjects = 0;
        run.sort_by(|a, b| (&a.session, a.time, &a.access).cmp(&(&b.session, b.time, &b.access)));
        let mut rows = Rows::default();
        for seen in &run {
            let of_table = if let Whom::Table(database, table) = seen.whom { Some(world.databases[database].tables[table].full_name.as_str()) } else { None };
            let people: &[u32] = if let Whom::Subjects(people) = &seen.whom { people } else { &[] };
            let categories: Vec<&str> = seen.categories.iter().map(|category| world.categories[*category as usize].as_str()).collect();
            let whom = people.iter().map(|person| Some(world.people.key(*person))).chain(of_table.is_some().then_some(None));
            for person in whom {
                categories.iter().for_each(|category| rows.push(seen, person, of_table, category));
                rows.flush(BATCH_ROWS, out)?;
            }
        }
        rows.flush(1, out)
    }
}

/// Rows of a batch, column by column.
#[derive(Default)]
struct Rows {
    session: StringBuilder,
    time: Int64Builder,
    data_subject: StringBuilder,
    of_table: StringBuilder,
    category: StringBuilder,
    basis: StringBuilder,
    certainty: StringBuilder,
    access: StringBuilder,
    count: usize,
}

impl Rows {
    fn push(&mut self, seen: &Seen, person: Option<&str>, of_table: Option<&str>, category: &str) {
        self.session.append_value(&seen.session);
        self.time.append_value(seen.time);
        self.data_subject.append_option(person);
        self.of_table.append_option(of_table);
        self.category.append_value(category);
        self.basis.append_value(seen.basis.as_str());
        self.certainty.append_value(seen.certainty.as_str());
        self.access.append_value(&seen.access);
        self.count += 1;
    }

    fn flush(&mut self, at_least: usize, out: &mut dyn Output) -> Result<(), ExposureError> {
        if self.count < at_least {
            return Ok(());
        }
        self.count = 0;
        let columns: Vec<ArrayRef> = vec![
            Arc::new(self.session.finish()),
            Arc::new(self.time.finish()),
            Arc::new(self.data_subject.finish()),
            Arc::new(self.of_table.finish()),
            Arc::new(self.category.finish()),
            Arc::new(self.basis.finish()),
            Arc::new(self.certainty.finish()),
            Arc::new(self.access.finish()),
        ];
        let batch = RecordBatch::try_new(Sighting::schema(), columns).map_err(|e| ExposureError::Write(Box::new(e)))?;
        out.sightings(batch).map_err(ExposureError::Write)
    }
}
