//! What a page shows, by the estate's routes: what an application read is proved, and not what it showed.

use std::collections::{BTreeSet, HashMap};

use sqlparser::ast::{Expr, Ident, ObjectName, Select, SelectItem, SelectItemQualifiedWildcardKind, SetExpr, Statement, TableFactor};
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
    /// The result columns of its queries: under which name, and of what.
    outputs: BTreeSet<(String, String)>,
    /// What its queries read.
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
    pub(crate) fn on_page(&self, access: &Access, sql: &str, database: &DatabaseWorld, session: &Session) -> OnPage {
        let Some(names) = &access.routes else { return OnPage::Everything };
        let pages: Vec<&Page> = names.iter().filter_map(|name| self.routes.get(name)).collect();
        if pages.is_empty() {
            return OnPage::Columns(BTreeSet::new());
        }
        // What an attacker adds to a page's own query goes where its columns go.
        let sent = first_select(sql, database.dialect).map(|select| Sends::of(&select, database, session));
        let is_own = |page: &&Page| sent.as_ref().is_some_and(|sent| page.runs(sent));
        if pages.iter().any(is_own) {
            return OnPage::Everything;
        }
        OnPage::Columns(pages.iter().flat_map(|page| page.columns.iter().copied()).collect())
    }
}

impl Page {
    /// Whether a SELECT sends what the page's own query sends, or a part of it.
    fn runs(&self, sent: &Sends) -> bool {
        let is_part = |own: &BTreeSet<_>, of: &BTreeSet<_>| !own.is_empty() && own.is_subset(of);
        !self.outputs.is_empty() && sent.outputs.is_subset(&self.outputs) && is_part(&sent.relations, &self.relations)
    }

    /// The columns that a route's query selects. One that cannot be read shows nothing that is known.
    fn take_query(&mut self, reads: &str, database: &DatabaseWorld, world: &World) {
        let sql = without_placeholders(reads);
        let Some(select) = first_select(&sql, database.dialect) else { return };
        Sends { outputs: self.outputs, relations: self.relations } = Sends::of(&select, database, &Session::default());
        let items = select.projection;
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

/// The first SELECT of a query. One with WITH is not told from what else it could read by the same names.
fn first_select(sql: &str, dialect: Dialect) -> Option<Select> {
    let Statement::Query(query) = writes::parse(sql, dialect)? else { return None };
    let mut next = *query;
    loop {
        if next.with.is_some() {
            return None;
        }
        let mut body = *next.body;
        loop {
            match body {
                SetExpr::Select(select) => return Some(*select),
                SetExpr::Query(inner) => {
                    next = *inner;
                    break;
                }
                SetExpr::SetOperation { left, .. } => body = *left,
                _ => return None,
            }
        }
    }
}

/// What a SELECT sends: the names of its result columns with what stands in them, and what it reads, under full names.
struct Sends {
    outputs: BTreeSet<(String, String)>,
    relations: BTreeSet<String>,
}

impl Sends {
    fn of(select: &Select, database: &DatabaseWorld, session: &Session) -> Self {
        let factors = select.from.iter().flat_map(|from| std::iter::once(&from.relation).chain(from.joins.iter().map(|join| &join.relation)));
        let full = |name: &ObjectName| {
            let written =
                || name.0.iter().map(|part| part.as_ident().map_or_else(|| part.to_string(), |ident| ident.value.clone())).collect::<Vec<_>>().join(".");
            database.target(name, session).map_or_else(written, |target| target.full_name).to_lowercase()
        };
        let mut relations = BTreeSet::new();
        let mut aliases: HashMap<String, String> = HashMap::new();
        for factor in factors {
            let (full, alias) = match factor {
                TableFactor::Table { name, alias, args: None, .. } => {
                    let last = name.0.last().and_then(|part| part.as_ident()).map(|ident| ident.value.clone());
                    (full(name), alias.as_ref().map(|alias| alias.name.value.clone()).or(last))
                }
                other => (other.to_string().to_lowercase(), None),
            };
            aliases.extend(alias.map(|alias| (alias.to_lowercase(), full.clone())));
            relations.insert(full);
        }
        let outputs = select.projection.iter().map(|item| (output(item), content(item, &aliases, &relations))).collect();
        Self { outputs, relations }
    }
}

/// What an item of a select list is made of, its columns under the full names of their relations.
fn content(item: &SelectItem, aliases: &HashMap<String, String>, relations: &BTreeSet<String>) -> String {
    let relation = |alias: &str| aliases.get(&alias.to_lowercase()).cloned().unwrap_or_else(|| alias.to_lowercase());
    let only = relations.first().filter(|_| relations.len() == 1);
    let mut item = item.clone();
    let expr = match &mut item {
        SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => expr,
        SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(of), _) => return format!("{}.*", relation(&of.to_string())),
        other => return other.to_string().to_lowercase(),
    };
    let _all: std::ops::ControlFlow<()> = sqlparser::ast::visit_expressions_mut(expr, |part| {
        let named = match part {
            Expr::Identifier(column) => only.map(|table| (table.clone(), column.value.clone())),
            Expr::CompoundIdentifier(parts) => match parts.as_slice() {
                [table, column] => Some((relation(&table.value), column.value.clone())),
                [.., schema, table, column] => Some((format!("{}.{}", schema.value, table.value), column.value.clone())),
                _ => None,
            },
            _ => None,
        };
        if let Some((table, column)) = named {
            *part = Expr::CompoundIdentifier(vec![Ident::new(table.to_lowercase()), Ident::new(column.to_lowercase())]);
        }
        std::ops::ControlFlow::Continue(())
    });
    // Texts in another case are other texts.
    expr.to_string()
}

fn output(item: &SelectItem) -> String {
    let name = match item {
        SelectItem::ExprWithAlias { alias, .. } => alias.value.clone(),
        SelectItem::UnnamedExpr(Expr::Identifier(name)) => name.value.clone(),
        SelectItem::UnnamedExpr(Expr::CompoundIdentifier(parts)) => parts.last().map(|part| part.value.clone()).unwrap_or_default(),
        SelectItem::UnnamedExpr(_) => String::new(),
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

#[cfg(test)]
mod tests {
    use crate::tests::{Case, access, cells};

    #[test]
    fn a_statement_is_the_pages_own_by_what_it_selects_and_not_by_its_words() {
        let through = |statement: &str| {
            let mut read = access(5, statement, Some(if statement.contains("UNION") { 2 } else { 1 }));
            (read.session, read.response_status) = (Some("web".into()), Some(200));
            read.routes = Some(vec!["hrs GET /staff/{no}".to_owned()]);
            let options = crate::Options::default();
            cells(&Case::of(vec![read]).run(&mut |database| crate::engine::replayer(database, &options)).0)
        };
        let check = |statement: &str, expected: &str| assert_eq!(through(statement), expected, "{statement}");
        check("SELECT staff_no, name FROM hr.staff WHERE staff_no = 'B'", "B:name+");
        check("SELECT s.\"name\" FROM staff AS s WHERE s.staff_no = 'B'", "B:name+");
        check("SELECT name FROM hr.staff WHERE staff_no = 'B' UNION SELECT dob FROM hr.staff WHERE staff_no = 'C'", "B:name+ C:date_of_birth+");
        check("SELECT dob AS name FROM hr.staff WHERE staff_no = 'B'", "B:date_of_birth~");
        check("SELECT name AS other FROM hr.staff WHERE staff_no = 'B'", "B:name+");
        check("SELECT concat(name, dob) AS name FROM hr.staff WHERE staff_no = 'B'", "B:date_of_birth~ B:name+");
        check("WITH staff AS (SELECT dob AS name FROM hr.staff WHERE staff_no = 'B') SELECT name FROM staff", "B:date_of_birth~");
    }
}
