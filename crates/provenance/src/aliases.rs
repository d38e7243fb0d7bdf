//! Lists of column names behind a table's name that are shorter than the table: `person AS p (no, name)`. The rest keep their
//! names, as at the server; the planner wants all of them.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use datafusion::common::TableReference;
use datafusion::execution::SessionState;
use datafusion::sql::sqlparser::ast::{Ident, ObjectName, Query, Statement, TableAliasColumnDef, TableFactor, Visit, VisitMut, Visitor, VisitorMut};

/// Makes the lists whole, of tables that the planner knows by these names.
pub(crate) async fn fill_aliases(statement: &mut Statement, state: &SessionState) {
    let mut short = Short::default();
    let _all: ControlFlow<()> = Visit::visit(statement, &mut short);
    let mut filled = Filled::default();
    for (name, known) in short.lists.iter().filter(|(name, _)| !short.defined.contains(name)) {
        let columns = columns_of(name, state).await;
        filled.lists.push(columns.and_then(|columns| columns.get(*known..).map(<[String]>::to_vec)).unwrap_or_default());
    }
    filled.defined = short.defined;
    if filled.lists.iter().any(|rest| !rest.is_empty()) {
        filled.lists.reverse();
        let _all: ControlFlow<()> = VisitMut::visit(statement, &mut filled);
    }
}

/// The columns of a table, in their order.
async fn columns_of(name: &[String], state: &SessionState) -> Option<Vec<String>> {
    let reference = match name {
        [table] => TableReference::bare(table.clone()),
        [.., schema, table] => TableReference::partial(schema.clone(), table.clone()),
        [] => return None,
    };
    let table = reference.table().to_owned();
    let provider = state.schema_for_ref(reference).ok()?.table(&table).await.ok()??;
    Some(provider.schema().fields().iter().map(|field| field.name().clone()).collect())
}

fn parts(name: &ObjectName) -> Vec<String> {
    let part = |ident: &Ident| if ident.quote_style.is_some() { ident.value.clone() } else { ident.value.to_lowercase() };
    name.0.iter().filter_map(|part| part.as_ident()).map(part).collect()
}

/// Tables with a list of names, and how long it is; and names that the statement defines itself.
#[derive(Default)]
struct Short {
    lists: Vec<(Vec<String>, usize)>,
    defined: BTreeSet<Vec<String>>,
}

impl Visitor for Short {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        for table in query.with.iter().flat_map(|with| &with.cte_tables) {
            self.defined.insert(parts(&ObjectName::from(vec![table.alias.name.clone()])));
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
        if let TableFactor::Table { name, alias: Some(alias), args: None, .. } = factor
            && !alias.columns.is_empty()
        {
            self.lists.push((parts(name), alias.columns.len()));
        }
        ControlFlow::Continue(())
    }
}

/// What each list lacks, the last one first.
#[derive(Default)]
struct Filled {
    lists: Vec<Vec<String>>,
    defined: BTreeSet<Vec<String>>,
}

impl VisitorMut for Filled {
    type Break = ();

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
        if let TableFactor::Table { name, alias: Some(alias), args: None, .. } = factor
            && !alias.columns.is_empty()
            && !self.defined.contains(&parts(name))
        {
            let rest = self.lists.pop().unwrap_or_default();
            alias.columns.extend(rest.into_iter().map(|name| TableAliasColumnDef { name: Ident::with_quote('"', name), data_type: None }));
        }
        ControlFlow::Continue(())
    }
}
