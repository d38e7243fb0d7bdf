//! Replays a logged SQL statement against versioned tables and says which data subjects' cells it displayed,
//! and whose values can be inferred from its answer.
//!
//! The logical plan is rewritten so that every result row also carries the subjects it came from; one execution
//! gives the row count and the provenance. It knows nothing of logs, categories or certainty: that is `exposure`.

mod aliases;
mod arena;
mod batch;
mod budget;
mod calendar;
mod catalog;
mod collation;
mod collect;
mod copies;
mod correlated;
mod cross_join;
mod database;
mod declared;
mod document;
mod engine;
mod expression;
mod fidelity;
mod functions;
mod kernels;
mod keyed;
mod ladder;
mod lateral;
mod lists;
mod near;
mod operators;
mod pieces;
mod place;
mod rewrite;
mod session;
mod shape;
mod spelling;
mod spellings;
mod stand_in;
mod statement;
mod table_functions;
mod tongue;
mod types;
mod vocabulary;
mod watches;
mod whole_row;
mod zone;

pub use catalog::{CHANGED, physical_rules};
pub use database::{
    Database, Dialect, Hidden, IN_DOUBT, NEAR, NearCell, OPEN_SCALE, Options, ROW_IN_DOUBT, SUBJECT, TableName, VALID_FROM, VALID_TO, VersionedTable, View,
    column_in_doubt,
};
pub use declared::{Declared, collated};
pub use engine::{Engine, Prepared};
pub use session::{Session, Zone};
pub use types::{Call, ColumnRef, Doubt, EngineError, How, ReplayError, Replayed, Revealed, RowRange, RowWindow, Sureness, Unsupported};
