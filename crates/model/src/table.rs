//! How a stage's rows become a table: plain structs through `serde_arrow`, wide or hot tables by hand.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::{DataType, Field, FieldRef, Schema, SchemaRef};
use serde::{Serialize, de::DeserializeOwned};

/// A row of a table: a plain struct with a fixed Arrow schema.
pub trait Row: Serialize + DeserializeOwned {
    /// The table's name; also its folder below `tables/`.
    const TABLE: &'static str;

    /// Names and types of the columns, in the order of the struct's fields.
    fn fields() -> Vec<FieldRef>;

    /// The Arrow schema.
    fn schema() -> SchemaRef {
        Arc::new(Schema::new(Self::fields()))
    }

    /// Rows to one batch. Columns in schema order.
    ///
    /// # Errors
    /// Only if `fields` and the struct disagree, which is our bug.
    fn to_batch(rows: &[Self]) -> Result<RecordBatch, TableError> {
        serde_arrow::to_record_batch(&Self::fields(), &rows).map_err(|source| TableError { table: Self::TABLE, source: Box::new(source) })
    }

    /// The rows of one batch.
    ///
    /// # Errors
    /// If the batch has not the columns of this table.
    fn from_batch(batch: &RecordBatch) -> Result<Vec<Self>, TableError> {
        serde_arrow::from_record_batch(batch).map_err(|source| TableError { table: Self::TABLE, source: Box::new(source) })
    }
}

/// A batch and a struct that disagree on the shape of a table.
#[derive(Debug, thiserror::Error)]
#[error("table {table} does not have the shape that this version expects")]
pub struct TableError {
    /// The table's name.
    pub table: &'static str,
    /// What disagreed.
    #[source]
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

/// Anything that stops a scan of a stored table.
pub type ScanError = Box<dyn std::error::Error + Send + Sync>;

/// An iterator over the batches of a table.
pub type Batches<'a> = Box<dyn Iterator<Item = Result<RecordBatch, ScanError>> + 'a>;

/// A stored table that a stage may read as often as it needs, so that no stage has to hold it in memory.
pub trait Scan {
    /// A fresh scan, in the table's stored order. `columns` names the columns wanted; empty means all.
    /// A column not asked for reads as absent.
    ///
    /// # Errors
    /// If the table cannot be opened.
    fn scan(&self, columns: &[&str]) -> Result<Batches<'_>, ScanError>;
}

/// Batches in memory are a table too: for tests and small inputs.
impl Scan for Vec<RecordBatch> {
    fn scan(&self, _columns: &[&str]) -> Result<Batches<'_>, ScanError> {
        Ok(Box::new(self.iter().cloned().map(Ok)))
    }
}

pub(crate) fn text(name: &str) -> FieldRef {
    Arc::new(Field::new(name, DataType::Utf8, false))
}

pub(crate) fn optional_text(name: &str) -> FieldRef {
    Arc::new(Field::new(name, DataType::Utf8, true))
}

pub(crate) fn whole(name: &str) -> FieldRef {
    Arc::new(Field::new(name, DataType::Int64, false))
}

pub(crate) fn optional_whole(name: &str) -> FieldRef {
    Arc::new(Field::new(name, DataType::Int64, true))
}

pub(crate) fn flag(name: &str) -> FieldRef {
    Arc::new(Field::new(name, DataType::Boolean, false))
}

pub(crate) fn list(name: &str, item: DataType) -> FieldRef {
    Arc::new(Field::new(name, DataType::List(Arc::new(Field::new("element", item, true))), false))
}

pub(crate) fn optional_list(name: &str, item: DataType) -> FieldRef {
    Arc::new(Field::new(name, DataType::List(Arc::new(Field::new("element", item, true))), true))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::{Access, AccessKind, Completion};
    use crate::evidence::{ArtefactId, EventRef, Gap, GapKind, Warning};
    use crate::exposure::{Basis, Certainty, Exposure};
    use crate::time::{Instant, Interval};
    use crate::trail::Strength;

    fn check<R: Row + PartialEq + std::fmt::Debug>(row: R) {
        let batch = R::to_batch(std::slice::from_ref(&row)).expect("struct and schema agree");
        assert_eq!(batch.schema(), R::schema());
        assert_eq!(R::from_batch(&batch).expect("the same schema"), vec![row]);
        assert_eq!(R::to_batch(&[]).expect("no rows are rows too").num_rows(), 0);
    }

    #[test]
    fn rows_survive_their_tables() {
        let place = EventRef { artefact: ArtefactId("0123456789abcdef".into()), offset: 1, length: 2 };
        check(Exposure {
            data_subject: "C1".into(),
            category: "name".into(),
            basis: Basis::Disclosed,
            certainty: Certainty::Likely,
            first_seen: Instant(1),
            last_seen: Instant(2),
            columns: vec!["hr.staff.name".into()],
            accesses: vec!["a".into()],
            access_count: 1,
            missing_proof: None,
            proof: vec![place.clone()],
        });
        check(Warning { artefact: place.artefact.clone(), path: "a".into(), line: 1, offset: 2, reason: "why".into() });
        check(Gap {
            source: "s".into(),
            system: "t".into(),
            artefact: None,
            kind: GapKind::Silence,
            interval: Interval { from: Instant(1), to: Instant(2) },
            missing: Some(3),
            reason: "why".into(),
            evidence: vec![place.clone()],
        });
        check(Access {
            id: place.to_string(),
            step: "S01".into(),
            time: Instant(1),
            kind: AccessKind::Statement,
            system: "hrs".into(),
            database: "hrs".into(),
            role: None,
            connection: Some("c".into()),
            sequence: Some(3),
            session: None,
            account: None,
            address: None,
            statement: "SELECT 1".into(),
            parameters: vec![Some("x".into()), None],
            parameters_known: true,
            masked: false,
            row_count: Some(1),
            is_within: false,
            completion: Completion::Completed,
            error: None,
            error_values: Some(vec!["x".into()]),
            strength: Strength::Proved,
            reason: "because".into(),
            response_status: Some(200),
            response_bytes: None,
            asked: None,
            asked_instead: None,
            response_bytes_instead: None,
            routes: Some(vec!["s GET /".into()]),
            proof: vec![place],
            delivery: vec![],
        });
    }
}
