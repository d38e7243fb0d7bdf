//! Tells the engine what the columns of the data were declared as: enums with their order, types that are kept as text,
//! collations. What the dumps do not say stays unknown there, and so confirms nobody.

use std::sync::Arc;

use arrow_schema::{Field, Schema, SchemaRef};
use strandline_history::Base;
use strandline_history::store::{StoredDatabase, StoredTable};
use strandline_provenance::{Declared, collated};
use strandline_sql::Dialect;

/// The columns of a table, with what they were declared as.
pub(crate) fn columns(database: &StoredDatabase, table: &StoredTable, plain: &Schema) -> SchemaRef {
    let fields = plain.fields().iter().enumerate().map(|(at, field)| match table.columns.get(at) {
        Some(column) => described(database, table, column, Field::clone(field)),
        None => Field::clone(field),
    });
    Arc::new(Schema::new(fields.collect::<Vec<Field>>()))
}

fn described(database: &StoredDatabase, table: &StoredTable, column: &strandline_history::store::Column, field: Field) -> Field {
    let declaration = database.declaration(table, column);
    let declared = match &declaration.base {
        Base::Enum(labels) => Some(Declared::Enum(labels.clone())),
        // MySQL keeps more digits of a float than its dumps write.
        Base::Written(written) if database.dialect == Dialect::MySql && is_float(written) => Some(Declared::Opaque),
        Base::Written(written) => Declared::of_column(written, &field),
        Base::Other => Some(Declared::Opaque),
    };
    let is_name = matches!(&declaration.base, Base::Written(written) if matches!(written.as_str(), "name" | "pg_catalog.name"));
    let field = declared.map_or_else(|| field.clone(), |declared| declared.describe(field.clone()));
    match declaration.collation {
        Some(collation) if field.data_type().is_string() => collated(field, &collation),
        None if is_name => collated(field, "C"),
        _ => field,
    }
}

fn is_float(written: &str) -> bool {
    let word = written.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
    word.eq_ignore_ascii_case("float") || word.eq_ignore_ascii_case("float4")
}

#[cfg(test)]
mod tests {
    use strandline_history::store::{Column, ColumnDefault};
    use strandline_history::value::ColumnKind;

    use super::*;

    #[test]
    fn a_column_of_a_dump_tells_the_engine_its_type_and_its_collation() {
        let column = |declared: &str, kind, collation: Option<&str>| Column {
            declared: declared.to_owned(),
            collation: collation.map(str::to_owned),
            ..Column::new("c".to_owned(), kind, ColumnDefault::Null)
        };
        let check = |column: Column, words: &[&str]| {
            let database = StoredDatabase::new("d", "d", Dialect::PostgreSql, &["hr".to_owned()]);
            let table = StoredTable::new("hr".to_owned(), "t".to_owned(), vec![column]);
            let found = columns(&database, &table, &table.arrow_schema());
            let mut values: Vec<&str> = found.field(0).metadata().values().map(String::as_str).collect();
            values.sort_unstable();
            assert_eq!(values, words);
        };
        check(column("inet", ColumnKind::Text, None), &["network"]);
        check(column("integer", ColumnKind::Int, None), &[]);
        check(column("character varying(9)", ColumnKind::Text, Some("pg_catalog.C")), &["C"]);
        check(column("name", ColumnKind::Text, None), &["C"]);
        check(column("public.unheard_of", ColumnKind::Text, None), &["opaque"]);
    }
}
