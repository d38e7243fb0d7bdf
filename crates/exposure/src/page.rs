//! What a page shows, by the estate's routes: what an application read is proved, and not what it showed.

use std::collections::{BTreeSet, HashMap};

use sqlparser::ast::{Expr, ObjectName, Select, SelectItem, SelectItemQualifiedWildcardKind, SetExpr, Statement, TableFactor};
use strandline_history::writes;
use strandline_model::access::Access;
use strandline_model::estate::{Estate, Route};
use strandline_sql::Dialect;

use crate::session::Session;
use crate::world::{DatabaseWorld, World};

/// What the pages of all routes show, by [`Route::name`].
#[derive(Default)]
pub(crate) struct Pages {
    routes: HashMap<String, Page>,
}

/// What one page shows.
#[derive(Default)]
struct Page {
    /// Names of the result columns of its query.
    outputs: BTreeSet<String>,
    /// What its query reads.
    relations: BTreeSet<String>,
    /// Categorised columns.
    columns: BTreeSet<u32>,
}

/// What of a statement's rows stood on the page that it was run for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum OnPage {
    /// All of it: the rows went to the actor's own connection, or the statement is the page's own.
    Everything,
    /// These categorised columns, as far as the estate tells.
    Columns(BTreeSet<u32>),
}

impl Pages {
    /// Reads the estate's routes.
    pub(crate) fn of(estate: &Estate, world: &World) -> Self {
        let page = |route: &Route| {
            let mut page = Page::default();
            match (world.database(&route.database).map(|at| &world.databases[at]), &route.shows) {
                (Some(database), None) => page.take_query(&route.reads, database, world),
                (Some(database), Some(shows)) => page.columns.extend(shows.iter().flat_map(|column| world.columns_named(column, database))),
                (None, _) => {}
            }
            (route.name(), page)
        };
        let mut routes: HashMap<String, Page> = HashMap::new();
        for (name, page) in estate.routes.iter().map(page) {
            let known = routes.entry(name).or_default();
            known.outputs.extend(page.outputs);
            known.relations.extend(page.relations);
            known.columns.extend(page.columns);
        }
        Self { routes }
    }

    /// What of an access's statement stood on its page.
    pub(crate) fn on_page(&self, access: &Access, sql: &str, dialect: Dialect) -> OnPage {
        let Some(names) = &access.routes else { return OnPage::Everything };
        let pages: Vec<&Page> = names.iter().filter_map(|name| self.routes.get(name)).collect();
        if pages.is_empty() {
            return OnPage::Columns(BTreeSet::new());
        }
        // What an attacker adds to a page's own query goes where its columns go.
        let select = first_select(sql, dialect);
        let is_own = |page: &&Page| select.as_ref().is_some_and(|select| page.runs(select));
        if pages.iter().any(is_own) {
            return OnPage::Everything;
        }
        OnPage::Columns(pages.iter().flat_map(|page| page.columns.iter().copied()).collect())
    }
}

impl Page {
    /// Whether a SELECT sends what the page's own query sends, or a part of it.
    fn runs(&self, select: &Select) -> bool {
        let outputs: BTreeSet<String> = select.projection.iter().map(output).collect();
        let relations = relations(select);
        !self.outputs.is_empty() && outputs.is_subset(&self.outputs) && !relations.is_empty() && relations.is_subset(&self.relations)
    }

    /// The columns that a route's query selects. One that cannot be read shows nothing that is known.
    fn take_query(&mut self, reads: &str, database: &DatabaseWorld, world: &World) {
        let sql = without_placeholders(reads);
        let Some(select) = first_select(&sql, database.dialect) else { return };
        self.relations = relations(&select);
        let items = select.projection;
        self.outputs = items.iter().map(output).collect();
        for table in &database.named(&sql, &Session::default()).described {
            let table = &database.tables[*table];
            let is_selected = |number: &u32| selects_any(&items, &table.full_name, world.column_name(*number));
            self.columns.extend(table.categorised.iter().copied().filter(is_selected));
        }
    }
}

fn selects_any(items: &[SelectItem], table: &str, column: &str) -> bool {
    items.iter().any(|item| selects(item, table, column))
}

/// The query with values in the place of its placeholders: `:name`, `:page?1`.
fn without_placeholders(reads: &str) -> String {
    let mut sql = String::with_capacity(reads.len());
    let mut chars = reads.chars().peekable();
    let (mut before, mut quoted) = (' ', false);
    while let Some(c) = chars.next() {
        quoted ^= c == '\'';
        let begins = c == ':' && !quoted && before != ':' && chars.peek().is_some_and(|next| next.is_ascii_alphabetic() || *next == '_');
        before = c;
        if begins {
            while chars.next_if(|next| next.is_ascii_alphanumeric() || matches!(next, '_' | '?' | '.')).is_some() {}
            sql.push('1');
        } else {
            sql.push(c);
        }
    }
    sql
}

/// The first SELECT of a query.
fn first_select(sql: &str, dialect: Dialect) -> Option<Select> {
    let Statement::Query(query) = writes::parse(sql, dialect)? else { return None };
    let mut body = *query.body;
    loop {
        match body {
            SetExpr::Select(select) => return Some(*select),
            SetExpr::Query(inner) => body = *inner.body,
            SetExpr::SetOperation { left, .. } => body = *left,
            _ => return None,
        }
    }
}

/// The last parts of the names of the relations that a SELECT reads, lower case; of what is no name, its text.
fn relations(select: &Select) -> BTreeSet<String> {
    let factors = select.from.iter().flat_map(|from| std::iter::once(&from.relation).chain(from.joins.iter().map(|join| &join.relation)));
    let name = |factor: &TableFactor| match factor {
        TableFactor::Table { name, args: None, .. } => name.0.last().map(ToString::to_string).unwrap_or_default(),
        other => other.to_string(),
    };
    factors.map(|factor| name(factor).trim_matches(['"', '`']).to_lowercase()).collect()
}

fn output(item: &SelectItem) -> String {
    let name = match item {
        SelectItem::ExprWithAlias { alias, .. } => alias.value.clone(),
        SelectItem::UnnamedExpr(Expr::Identifier(name)) => name.value.clone(),
        SelectItem::UnnamedExpr(Expr::CompoundIdentifier(parts)) => parts.last().map(|part| part.value.clone()).unwrap_or_default(),
        other => other.to_string(),
    };
    name.to_lowercase()
}

/// Whether an item of a select list may send a column.
fn selects(item: &SelectItem, table: &str, column: &str) -> bool {
    match item {
        SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => names(expr).iter().any(|name| name.eq_ignore_ascii_case(column)),
        SelectItem::ExprWithAliases { expr, .. } => names(expr).iter().any(|name| name.eq_ignore_ascii_case(column)),
        SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(of), _) => is_or_aliases(of, table),
        SelectItem::QualifiedWildcard(..) | SelectItem::Wildcard(_) => true,
    }
}

/// `t.*` of the table itself; another name may be its alias.
fn is_or_aliases(of: &ObjectName, table: &str) -> bool {
    let (of, name) = (of.to_string().to_lowercase(), table.to_lowercase());
    !of.contains('.') || of == name
}

/// The column names in an expression.
fn names(expr: &Expr) -> Vec<String> {
    let mut found = Vec::new();
    let _ = sqlparser::ast::visit_expressions(expr, |inner| {
        match inner {
            Expr::Identifier(name) => found.push(name.value.clone()),
            Expr::CompoundIdentifier(parts) => found.extend(parts.last().map(|part| part.value.clone())),
            _ => {}
        }
        std::ops::ControlFlow::<()>::Continue(())
    });
    found
}
