//! A plain SQL dump, as `pg_dump` and `mysqldump` write it, statement by statement and row by row.
//!
//! Sources: PostgreSQL 17 documentation, `COPY` (text format) and `pg_dump`; MySQL 8.4 Reference Manual, `mysqldump`.

use std::io::{BufRead, Read};

use crate::store::{Column, ColumnDefault, ForeignKey, StoredDatabase, StoredTable, StoredView};
use crate::value::{ColumnKind, Value};
use crate::{Dialect, HistoryError, OnCut, ReadOptions, Rows};
use strandline_sql::lexer::{Kind, Token, after_bracket, outside_brackets, qualified_name, tokens};

/// Longest line that is read; PostgreSQL's own limit for a cell is 1 GB, but a dump of people has no such rows.
const LINE_BYTES: u64 = 256 << 20;

pub(super) fn read(
    reader: &mut dyn BufRead,
    path: &str,
    database: &mut StoredDatabase,
    options: &ReadOptions,
    notes: &mut Vec<String>,
) -> Result<(), HistoryError> {
    let mut dump = Dump {
        reader,
        path,
        database,
        line: 0,
        raw: Vec::new(),
        latin1: false,
        skipping: false,
        announced: false,
        finished: false,
        unread: 0,
        rows: options.rows,
    };
    let cut = dump.read_all()?;
    if dump.unread > 0 {
        notes.push(format!("{path}: {} rows have a cell that is not of its column's type, or too few cells; they count as doubtful", dump.unread));
    }
    let Some(table) = cut else { return Ok(()) };
    let line = dump.line;
    let whereabouts = table.as_ref().map_or_else(|| "between two statements".to_owned(), |t| format!("within table {t}"));
    if options.on_cut == OnCut::Stop {
        let reason = format!("the dump ends {whereabouts}, before its own end mark; take a complete dump, or go on with what there is by --cut-dump go-on");
        return Err(HistoryError::Snapshot { path: path.to_owned(), line, reason });
    }
    notes.push(format!("{path} line {line}: the dump ends {whereabouts}; its tables count as incomplete"));
    for table in &mut database.tables {
        table.complete = false;
    }
    Ok(())
}

struct Dump<'r, 'd> {
    reader: &'r mut dyn BufRead,
    path: &'r str,
    database: &'d mut StoredDatabase,
    line: u64,
    raw: Vec<u8>,
    latin1: bool,
    /// Inside another database's part of a dump of many.
    skipping: bool,
    /// Whether the dump said that it is one, and so will say when it ends.
    announced: bool,
    finished: bool,
    unread: u64,
    rows: Rows,
}

impl Dump<'_, '_> {
    /// Reads to the end. `Some` says that the dump is cut, and within which table.
    fn read_all(&mut self) -> Result<Option<Option<String>>, HistoryError> {
        let mut statement = String::new();
        let mut scanner = Scanner::default();
        while self.next_line()? {
            let text = self.text();
            if statement.is_empty() && self.outside_statement(&text)? {
                continue;
            }
            if statement.len() as u64 + text.len() as u64 > LINE_BYTES {
                return Err(self.error("a statement is longer than 256 MB; dump with one row a statement, or with COPY"));
            }
            statement.push_str(&text);
            statement.push('\n');
            if !scanner.ends_statement(&text, self.database.dialect) {
                continue;
            }
            let cut = self.take_statement(&statement)?;
            if cut.is_some() {
                return Ok(cut);
            }
            statement.clear();
            scanner = Scanner::default();
        }
        let all = tokens(&statement, self.database.dialect);
        if !all.is_empty() {
            let table = insert_target(&all, self.database.dialect).map(|parts| parts.join("."));
            return Ok(Some(table));
        }
        Ok((self.announced && !self.finished).then_some(None))
    }

    fn error(&self, reason: &str) -> HistoryError {
        HistoryError::Snapshot { path: self.path.to_owned(), line: self.line, reason: reason.to_owned() }
    }

    fn next_line(&mut self) -> Result<bool, HistoryError> {
        self.raw.clear();
        let read = (&mut *self.reader).take(LINE_BYTES).read_until(b'\n', &mut self.raw);
        let read = read.map_err(|source| HistoryError::Read { path: self.path.to_owned(), source })?;
        if read == 0 {
            return Ok(false);
        }
        self.line += 1;
        if read as u64 == LINE_BYTES {
            return Err(self.error("a line is longer than 256 MB; this is no dump that can be read"));
        }
        if self.raw.last() == Some(&b'\n') {
            self.raw.pop();
        }
        if self.raw.last() == Some(&b'\r') {
            self.raw.pop();
        }
        Ok(true)
    }

    fn text(&self) -> String {
        decode(&self.raw, self.latin1)
    }

    /// Comments, psql and mysql client lines between statements.
    fn outside_statement(&mut self, line: &str) -> Result<bool, HistoryError> {
        let trimmed = line.trim();
        if let Some(comment) = trimmed.strip_prefix("--") {
            let comment = comment.trim();
            if let Some(dialect) = announced_dialect(comment) {
                self.announced = true;
                self.check_dialect(dialect)?;
            }
            self.finished |= comment.ends_with("dump complete") || comment.starts_with("Dump completed");
            return Ok(true);
        }
        if let Some(rest) = trimmed.strip_prefix("\\connect").or_else(|| trimmed.strip_prefix("\\c ")) {
            let name = rest.split_whitespace().find(|w| !w.starts_with('-')).unwrap_or_default().trim_matches('"').to_owned();
            self.skipping = name != self.database.name;
        }
        // mariadb-dump begins with such a line, without a semicolon: `/*M!999999\- enable the sandbox mode */`.
        let comment =
            trimmed.strip_prefix("/*").and_then(|rest| rest.strip_suffix("*/")).is_some_and(|inside| !inside.starts_with('!') && !inside.contains("*/"));
        Ok(comment || trimmed.is_empty() || trimmed.starts_with('\\') || trimmed.to_ascii_uppercase().starts_with("DELIMITER "))
    }

    /// One dialect's quoting read as the other's loses rows without a sign of it.
    fn check_dialect(&self, found: Dialect) -> Result<(), HistoryError> {
        if found == self.database.dialect {
            return Ok(());
        }
        let (what, word) = if found == Dialect::MySql { ("MySQL or MariaDB", "mysql") } else { ("PostgreSQL", "postgresql") };
        Err(self.error(&format!("this is a dump of {what}; write dialect = \"{word}\" for the database {:?} in the estate", self.database.id)))
    }

    fn take_statement(&mut self, statement: &str) -> Result<Option<Option<String>>, HistoryError> {
        let dialect = self.database.dialect;
        let all = tokens(statement, dialect);
        let Some(first) = all.first() else { return Ok(None) };
        if first.is("copy") {
            return self.take_copy(&all);
        }
        if first.is("use") {
            let name = all.get(1).and_then(|t| t.name(dialect)).unwrap_or_default();
            self.skipping = name != self.database.name;
        }
        if self.skipping {
            return Ok(None);
        }
        if first.is("create") {
            self.take_create(&all, statement);
        } else if first.is("insert") || first.is("replace") {
            self.take_insert(&all);
        } else if first.is("alter") {
            self.take_alter(&all);
        } else if first.is("grant") {
            self.take_grant(&all);
        } else if first.is("set") && all.get(1).is_some_and(|t| t.is("client_encoding")) {
            let encoding = all.iter().find_map(|t| if let Kind::Text(name) = &t.kind { Some(name.to_ascii_uppercase()) } else { None });
            self.latin1 = encoding.is_some_and(|name| matches!(name.as_str(), "LATIN1" | "WIN1252" | "SQL_ASCII"));
        }
        Ok(None)
    }

    fn name(&self, parts: Vec<String>) -> (String, String) {
        let mut parts = parts;
        let name = parts.pop().unwrap_or_default();
        let default = self.database.search_path.first().cloned().unwrap_or_else(|| "public".to_owned());
        match parts.pop() {
            Some(schema) if self.database.dialect == Dialect::MySql && schema.eq_ignore_ascii_case(&self.database.name) => (default, name),
            Some(schema) => (schema, name),
            None => (default, name),
        }
    }

    fn full_name(&self, parts: Vec<String>) -> String {
        let (schema, name) = self.name(parts);
        format!("{schema}.{name}")
    }

    fn take_create(&mut self, all: &[Token<'_>], statement: &str) {
        let dialect = self.database.dialect;
        let Some(kind) = all.iter().take(16).position(|t| t.is("table") || t.is("view") || t.is("function") || t.is("index") || t.is("trigger")) else {
            return;
        };
        let mut at = kind + 1;
        while all.get(at).is_some_and(|t| t.is("if") || t.is("not") || t.is("exists")) {
            at += 1;
        }
        let Some((parts, after)) = qualified_name(all, at, dialect) else { return };
        let (schema, name) = self.name(parts);
        if all[kind].is("view") {
            let Some(body) = outside_brackets(all, after, |t| t.is("as")) else { return };
            let until = all.len() - all.iter().rev().take_while(|t| t.is_symbol(';')).count();
            let (Some(from), Some(last)) = (all.get(body + 1), all.get(until.saturating_sub(1))) else { return };
            let mut sql = statement[from.from..last.to.max(from.from)].to_owned();
            for tail in ["WITH NO DATA", "WITH DATA"] {
                if let Some(cut) = sql.strip_suffix(tail) {
                    sql = cut.trim_end().to_owned();
                }
            }
            self.database.views.retain(|v| v.schema != schema || v.name != name);
            self.database.views.push(StoredView { schema, name, sql });
        } else if all[kind].is("table") {
            self.add_table(all, after, schema, name);
        }
    }

    fn add_table(&mut self, all: &[Token<'_>], after: usize, schema: String, name: String) {
        let mut parents = Vec::new();
        let mut table = StoredTable::new(schema, name, Vec::new());
        let mut tail = after;
        if all.get(after).is_some_and(|t| t.is_symbol('(')) {
            let end = after_bracket(all, after);
            for element in split_at_commas(&all[after + 1..end.saturating_sub(1).max(after + 1)]) {
                add_element(&mut table, element, self.database.dialect);
            }
            tail = end;
        }
        if all.get(tail).is_some_and(|t| t.is("inherits")) {
            for parent in split_at_commas(&all[(tail + 2).min(all.len())..after_bracket(all, tail + 1).saturating_sub(1).max(tail + 2).min(all.len())]) {
                parents.extend(qualified_name(parent, 0, self.database.dialect).map(|(parts, _)| self.full_name(parts)));
            }
        } else if all.get(tail).is_some_and(|t| t.is("partition")) && all.get(tail + 1).is_some_and(|t| t.is("of")) {
            parents.extend(qualified_name(all, tail + 2, self.database.dialect).map(|(parts, _)| self.full_name(parts)));
        }
        for parent in &parents {
            if let Some(at) = self.database.table(parent) {
                let inherited: Vec<Column> = self.database.tables[at].columns.iter().filter(|c| table.column_index(&c.name).is_none()).cloned().collect();
                table.columns.splice(0..0, inherited);
            }
        }
        table.parents = parents;
        self.database.add_table(table);
    }

    fn take_alter(&mut self, all: &[Token<'_>]) {
        let dialect = self.database.dialect;
        if !all.get(1).is_some_and(|t| t.is("table")) {
            return;
        }
        let mut at = 2;
        while all.get(at).is_some_and(|t| t.is("only") || t.is("if") || t.is("exists")) {
            at += 1;
        }
        let Some((parts, after)) = qualified_name(all, at, dialect) else { return };
        let full = self.full_name(parts);
        let Some(index) = self.database.table(&full) else { return };
        let rest = &all[after..];
        if rest.first().is_some_and(|t| t.is("attach")) {
            if let Some((child, _)) = qualified_name(rest, 2, dialect) {
                let child = self.full_name(child);
                if let Some(child) = self.database.table(&child) {
                    self.database.tables[child].parents.push(full);
                }
            }
        } else if rest.first().is_some_and(|t| t.is("owner")) {
            self.database.tables[index].owner = rest.get(2).and_then(|t| t.name(dialect));
        } else if rest.first().is_some_and(|t| t.is("alter")) {
            let identity = rest.iter().any(|t| t.is("identity") || t.is("nextval"));
            let column = rest.iter().skip(1).find(|t| !t.is("column")).and_then(|t| t.name(dialect));
            let table = &mut self.database.tables[index];
            if let Some(column) = column.and_then(|c| table.column_index(&c)).filter(|_| identity) {
                table.columns[column].default = ColumnDefault::Unknown;
            }
        } else {
            add_key(&mut self.database.tables[index], rest, dialect);
        }
    }

    fn take_grant(&mut self, all: &[Token<'_>]) {
        let dialect = self.database.dialect;
        let Some(to) = outside_brackets(all, 0, |t| t.is("to")) else { return };
        let roles: Vec<String> = split_at_commas(&all[to + 1..])
            .iter()
            .filter_map(|part| {
                part.iter().find(|t| !t.is("group")).and_then(|t| t.name(dialect).or(if let Kind::Text(s) = &t.kind { Some(s.clone()) } else { None }))
            })
            .collect();
        let Some(on) = outside_brackets(all, 0, |t| t.is("on")).filter(|on| *on < to) else {
            for group in split_at_commas(&all[1..to]).iter().filter_map(|part| part.first().and_then(|t| t.name(dialect))) {
                for role in &roles {
                    self.database.rights.memberships.entry(role.clone()).or_default().insert(group.clone());
                }
            }
            return;
        };
        if !all[1..on].iter().any(|t| t.is("select") || t.is("all")) {
            return;
        }
        let mut at = on + 1;
        if all.get(at).is_some_and(|t| t.is("all")) {
            if let Some(schema) = all.get(at + 4).and_then(|t| t.name(dialect)).filter(|_| all.get(at + 1).is_some_and(|t| t.is("tables"))) {
                self.database.rights.schema_readers.entry(schema).or_default().extend(roles);
            }
            return;
        }
        if all.get(at).is_some_and(|t| t.is("table")) {
            at += 1;
        } else if all.get(at).is_some_and(|t| ["schema", "sequence", "function", "database", "type", "language", "procedure"].iter().any(|w| t.is(w))) {
            return;
        }
        for part in split_at_commas(&all[at..to]) {
            if let Some((parts, _)) = qualified_name(part, 0, dialect) {
                let full = self.full_name(parts);
                self.database.rights.readers.entry(full).or_default().extend(roles.iter().cloned());
            }
        }
    }

    fn take_insert(&mut self, all: &[Token<'_>]) {
        if self.rows == Rows::Skipped {
            return;
        }
        let dialect = self.database.dialect;
        let Some(values) = outside_brackets(all, 0, |t| t.is("values")) else { return };
        let Some(at) = all.iter().position(|t| t.is("into")) else { return };
        let Some((parts, after)) = qualified_name(all, at + 1, dialect) else { return };
        let full = self.full_name(parts);
        let Some(index) = self.database.table(&full) else { return };
        let names = if all.get(after).is_some_and(|t| t.is_symbol('(')) { column_list(all, after, dialect) } else { Vec::new() };
        let table = &mut self.database.tables[index];
        let order = column_order(table, &names);
        let mut at = values + 1;
        while all.get(at).is_some_and(|t| t.is_symbol('(')) {
            let end = after_bracket(all, at);
            let cells: Vec<Option<String>> = split_at_commas(&all[at + 1..end.saturating_sub(1).max(at + 1)]).iter().map(|part| constant(part)).collect();
            self.unread += u64::from(!push_cells(table, &order, cells.into_iter()));
            at = end + usize::from(all.get(end).is_some_and(|t| t.is_symbol(',')));
        }
    }

    /// Reads the rows after `COPY … FROM stdin;`. `Some` says that they are cut.
    fn take_copy(&mut self, all: &[Token<'_>]) -> Result<Option<Option<String>>, HistoryError> {
        let dialect = self.database.dialect;
        let Some((parts, after)) = qualified_name(all, 1, dialect) else { return Ok(None) };
        let full = self.full_name(parts);
        let names = if all.get(after).is_some_and(|t| t.is_symbol('(')) { column_list(all, after, dialect) } else { Vec::new() };
        let index = self.database.table(&full).filter(|_| !self.skipping && self.rows == Rows::Read);
        let order = index.map(|at| column_order(&self.database.tables[at], &names)).unwrap_or_default();
        loop {
            if !self.next_line()? {
                return Ok(Some(Some(full)));
            }
            if self.raw == b"\\." {
                return Ok(None);
            }
            let Some(index) = index else { continue };
            let latin1 = self.latin1;
            let cells = self.raw.split(|b| *b == b'\t').map(|cell| unescape_copy(cell).map(|bytes| decode(&bytes, latin1)));
            let all_read = push_cells(&mut self.database.tables[index], &order, cells);
            self.unread += u64::from(!all_read);
        }
    }
}

/// Whose dump a comment says that this is, if it says so.
pub fn announced_dialect(comment: &str) -> Option<Dialect> {
    if comment.starts_with("MySQL dump") || comment.starts_with("MariaDB dump") {
        return Some(Dialect::MySql);
    }
    (comment.ends_with("PostgreSQL database dump") || comment.ends_with("PostgreSQL database cluster dump")).then_some(Dialect::PostgreSql)
}

fn decode(bytes: &[u8], latin1: bool) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) if latin1 => bytes.iter().map(|b| char::from(*b)).collect(),
        Err(_) => String::from_utf8_lossy(bytes).into_owned(),
    }
}

/// Adds a row whose cells stand in `order`; whether every cell could be read.
fn push_cells(table: &mut StoredTable, order: &[Option<usize>], cells: impl Iterator<Item = Option<String>>) -> bool {
    let mut row = vec![Value::Null; table.columns.len()];
    let mut all_read = true;
    let mut count = 0;
    for (place, cell) in cells.enumerate() {
        count += 1;
        let Some(Some(column)) = order.get(place) else {
            all_read &= place < order.len();
            continue;
        };
        if let Some(text) = cell {
            let value = table.columns[*column].kind.parse(&text);
            all_read &= value.is_some();
            row[*column] = value.unwrap_or(Value::Null);
        }
    }
    all_read &= count == order.len();
    table.push_row(&row, all_read);
    all_read
}

/// The columns that the named ones are; all, where none is named.
fn column_order(table: &StoredTable, names: &[String]) -> Vec<Option<usize>> {
    if names.is_empty() { (0..table.columns.len()).map(Some).collect() } else { names.iter().map(|name| table.column_index(name)).collect() }
}

fn column_list(all: &[Token<'_>], open: usize, dialect: Dialect) -> Vec<String> {
    let end = after_bracket(all, open).saturating_sub(1).max(open + 1);
    split_at_commas(&all[open + 1..end]).iter().filter_map(|part| part.first().and_then(|t| t.name(dialect))).collect()
}

/// The text of a constant; `None` for NULL and DEFAULT.
fn constant(part: &[Token<'_>]) -> Option<String> {
    let mut sign = "";
    for token in part {
        match &token.kind {
            Kind::Symbol('-') => sign = "-",
            Kind::Text(text) => return Some(text.clone()),
            Kind::Number(number) => return Some(format!("{sign}{number}")),
            Kind::Word(word) if word.eq_ignore_ascii_case("true") || word.eq_ignore_ascii_case("false") => return Some(word.to_ascii_lowercase()),
            _ => {}
        }
    }
    None
}

fn insert_target(all: &[Token<'_>], dialect: Dialect) -> Option<Vec<String>> {
    let into = all.iter().take(8).position(|t| t.is("into"))?;
    qualified_name(all, into + 1, dialect).map(|(parts, _)| parts)
}

/// The parts between commas that stand outside brackets.
fn split_at_commas<'s, 't>(all: &'s [Token<'t>]) -> Vec<&'s [Token<'t>]> {
    let mut parts = Vec::new();
    let mut from = 0;
    while from < all.len() {
        let to = outside_brackets(all, from, |t| t.is_symbol(',')).unwrap_or(all.len());
        parts.push(&all[from..to]);
        from = to + 1;
    }
    parts
}

/// A column or a constraint of a CREATE TABLE.
fn add_element(table: &mut StoredTable, element: &[Token<'_>], dialect: Dialect) {
    let Some(first) = element.first() else { return };
    let constraint = ["constraint", "primary", "unique", "check", "foreign", "exclude", "like", "key", "index", "fulltext", "spatial", "period"];
    if constraint.iter().any(|word| first.is(word)) {
        add_key(table, element, dialect);
        return;
    }
    let Some(name) = first.name(dialect) else { return };
    let ends = [
        "not",
        "null",
        "default",
        "collate",
        "constraint",
        "primary",
        "unique",
        "check",
        "references",
        "generated",
        "auto_increment",
        "comment",
        "on",
        "encoding",
        "storage",
        "compression",
        "options",
        "charset",
        "key",
        "as",
        "virtual",
        "stored",
        "invisible",
        "visible",
    ];
    let stop = element.iter().skip(1).position(|t| ends.iter().any(|word| t.is(word))).map_or(element.len(), |p| p + 1);
    let (mut words, mut arguments, mut array) = (Vec::new(), Vec::new(), false);
    for token in &element[1..stop] {
        match &token.kind {
            Kind::Word(word) => words.push(word.to_ascii_lowercase()),
            Kind::Number(number) => arguments.extend(number.parse::<u32>()),
            Kind::Symbol('[') => array = true,
            Kind::Quoted(_) | Kind::Symbol('.') => array = true,
            _ => {}
        }
    }
    if let Some(at) = words.iter().position(|w| w == "character" || w == "set").filter(|at| *at > 0) {
        words.truncate(at);
    }
    let kind = if array { ColumnKind::Text } else { ColumnKind::of_sql(&words.join(" "), &arguments) };
    let serial = words.first().is_some_and(|w| w.ends_with("serial"));
    let default = column_default(&element[stop..], serial);
    table.columns.push(Column { name, kind, default });
    let key = element[stop..].windows(2).any(|pair| pair[0].is("primary") && pair[1].is("key")) || element[stop..].iter().any(|t| t.is("unique"));
    let column = table.columns.len() - 1;
    if key {
        table.unique_keys.push(vec![column]);
    }
    add_reference(table, column, &element[stop..], dialect);
}

/// `REFERENCES other (column)`, after a column or after `FOREIGN KEY (column)`.
fn add_reference(table: &mut StoredTable, column: usize, element: &[Token<'_>], dialect: Dialect) {
    let Some(at) = outside_brackets(element, 0, |t| t.is("references")) else { return };
    let Some((parts, after)) = qualified_name(element, at + 1, dialect) else { return };
    let other = if parts.len() == 1 { format!("{}.{}", table.schema, parts[0]) } else { parts.join(".") };
    let named = element.get(after).filter(|t| t.is_symbol('(')).map(|_| column_list(element, after, dialect)).unwrap_or_default();
    if let [to_column] = named.as_slice() {
        table.foreign_keys.push(ForeignKey { column, table: other, to_column: to_column.clone() });
    }
}

fn column_default(tail: &[Token<'_>], serial: bool) -> ColumnDefault {
    if serial || tail.iter().any(|t| t.is("generated") || t.is("auto_increment") || t.is("as")) {
        return ColumnDefault::Unknown;
    }
    let Some(at) = tail.iter().position(|t| t.is("default")) else { return ColumnDefault::Null };
    let now = ["now", "current_timestamp", "current_date", "localtimestamp"];
    match tail.get(at + 1).map(|t| &t.kind) {
        Some(Kind::Word(word)) if word.eq_ignore_ascii_case("null") => ColumnDefault::Null,
        Some(Kind::Word(word)) if now.iter().any(|n| word.eq_ignore_ascii_case(n)) => ColumnDefault::Sql((*word).to_ascii_lowercase()),
        Some(Kind::Word(word)) if word.eq_ignore_ascii_case("true") || word.eq_ignore_ascii_case("false") => ColumnDefault::Sql((*word).to_ascii_lowercase()),
        Some(Kind::Number(number)) => ColumnDefault::Sql((*number).to_owned()),
        Some(Kind::Text(text)) => ColumnDefault::Sql(format!("'{}'", text.replace('\'', "''"))),
        _ => ColumnDefault::Unknown,
    }
}

/// A primary or unique key among the tokens of a constraint.
fn add_key(table: &mut StoredTable, element: &[Token<'_>], dialect: Dialect) {
    if let Some(at) = outside_brackets(element, 0, |t| t.is("foreign"))
        && let Some(open) = element.iter().skip(at).position(|t| t.is_symbol('(')).map(|p| p + at)
        && let [column] = column_list(element, open, dialect).as_slice()
        && let Some(column) = table.column_index(column)
    {
        add_reference(table, column, element, dialect);
        return;
    }
    let Some(at) = outside_brackets(element, 0, |t| t.is("primary") || t.is("unique")) else { return };
    let Some(open) = element.iter().skip(at).position(|t| t.is_symbol('(')).map(|p| p + at) else { return };
    let columns: Option<Vec<usize>> = column_list(element, open, dialect).iter().map(|name| table.column_index(name)).collect();
    if let Some(columns) = columns.filter(|c| !c.is_empty()) {
        table.unique_keys.push(columns);
    }
}

/// Undoes the escapes of one cell of COPY's text format; `None` for `\N`.
fn unescape_copy(cell: &[u8]) -> Option<Vec<u8>> {
    if cell == b"\\N" {
        return None;
    }
    let mut out = Vec::with_capacity(cell.len());
    let mut at = 0;
    while at < cell.len() {
        let (byte, next) = if cell[at] == b'\\' { escaped_byte(cell, at + 1) } else { (cell[at], at + 1) };
        out.push(byte);
        at = next;
    }
    Some(out)
}

fn escaped_byte(cell: &[u8], at: usize) -> (u8, usize) {
    let Some(&c) = cell.get(at) else { return (b'\\', at) };
    let number = |from: usize, most: usize, radix: u32| {
        let digits = cell[from..].iter().take(most).take_while(|b| char::from(**b).is_digit(radix)).count();
        let value = cell[from..from + digits].iter().fold(0_u32, |sum, b| sum * radix + char::from(*b).to_digit(radix).unwrap_or(0));
        (value as u8, from + digits, digits)
    };
    match c {
        b'b' => (8, at + 1),
        b'f' => (12, at + 1),
        b'n' => (b'\n', at + 1),
        b'r' => (b'\r', at + 1),
        b't' => (b'\t', at + 1),
        b'v' => (11, at + 1),
        b'0'..=b'7' => {
            let (value, next, _) = number(at, 3, 8);
            (value, next)
        }
        b'x' => match number(at + 1, 2, 16) {
            (value, next, 1..) => (value, next),
            _ => (b'x', at + 1),
        },
        other => (other, at + 1),
    }
}

/// Follows quotes and comments over the lines of one statement, to find the semicolon that ends it.
#[derive(Default)]
struct Scanner {
    quote: Option<u8>,
    backslash: bool,
    fence: Option<Vec<u8>>,
    comment_depth: usize,
    /// Quoted text of a function body in MySQL is between BEGIN and END, which `;;` ends; psql has none.
    last: u8,
}

impl Scanner {
    /// Takes one line; whether it ends the statement.
    fn ends_statement(&mut self, line: &str, dialect: Dialect) -> bool {
        let bytes = line.as_bytes();
        let mut at = 0;
        let mut ended = false;
        while at < bytes.len() {
            let rest = &bytes[at..];
            let byte = rest[0];
            if let Some(fence) = &self.fence {
                if rest.starts_with(fence) {
                    at += fence.len();
                    self.fence = None;
                    continue;
                }
            } else if let Some(quote) = self.quote {
                if self.backslash && byte == b'\\' {
                    at += 1;
                } else if byte == quote {
                    self.quote = None;
                }
            } else if self.comment_depth > 0 {
                self.comment_depth += usize::from(rest.starts_with(b"/*"));
                self.comment_depth -= usize::from(rest.starts_with(b"*/"));
                at += usize::from(rest.starts_with(b"/*") || rest.starts_with(b"*/"));
            } else if rest.starts_with(b"--") {
                return ended;
            } else if rest.starts_with(b"/*") && !(dialect == Dialect::MySql && rest.starts_with(b"/*!")) {
                self.comment_depth = 1;
                at += 1;
            } else {
                match byte {
                    b'\'' | b'"' | b'`' => {
                        self.quote = Some(byte);
                        self.backslash = byte != b'`' && (dialect == Dialect::MySql || (byte == b'\'' && self.last.eq_ignore_ascii_case(&b'e')));
                    }
                    b'$' if dialect == Dialect::PostgreSql => {
                        let tag = rest[1..].iter().take_while(|b| b.is_ascii_alphanumeric() || **b == b'_').count();
                        if rest.get(tag + 1) == Some(&b'$') && !rest.get(1).is_some_and(u8::is_ascii_digit) {
                            self.fence = Some(rest[..tag + 2].to_vec());
                            at += tag + 1;
                        }
                    }
                    _ => {}
                }
                ended = byte == b';' || (ended && byte.is_ascii_whitespace());
            }
            self.last = byte;
            at += 1;
        }
        ended
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::store::StoredDatabase;

    fn load(text: &str, dialect: Dialect, on_cut: OnCut) -> Result<(StoredDatabase, Vec<String>), HistoryError> {
        let mut database = StoredDatabase::new("d", "d", dialect, &["hr".to_owned()]);
        let mut notes = Vec::new();
        let options = ReadOptions { on_cut, ..ReadOptions::default() };
        read(&mut text.as_bytes(), "dump.sql", &mut database, &options, &mut notes)?;
        database.tables.iter_mut().for_each(StoredTable::close_batch);
        Ok((database, notes))
    }

    fn check(text: &str, dialect: Dialect, expected: &[&[&str]]) {
        let (database, _) = load(text, dialect, OnCut::Stop).expect("a whole dump");
        let table = &database.tables[0];
        let rows: Vec<Vec<String>> = (0..table.rows())
            .map(|row| (0..table.columns.len()).map(|column| table.cell(row, column).text().unwrap_or_else(|| "∅".to_owned())).collect())
            .collect();
        assert_eq!(rows, expected);
    }

    #[test]
    fn rows_come_from_copy_and_from_inserts() {
        let table = "CREATE TABLE hr.staff (\n staff_no text NOT NULL,\n \"Full; Name\" character varying(9) DEFAULT 'x'::text,\n age integer\n);\n";
        let copy = format!(
            "\\restrict abc\n{table}COPY hr.staff (staff_no, \"Full; Name\", age) FROM stdin;\nA\\tB\t\\N\t1\n\\\\.\t\\x41\\101\t\\N\n\\.\n\nSELECT 1;\n"
        );
        check(&copy, Dialect::PostgreSql, &[&["A\tB", "∅", "1"], &["\\.", "AA", "∅"]]);
        let inserts =
            format!("{table}INSERT INTO hr.staff VALUES ('a''b', NULL, -3);\nINSERT INTO hr.staff (age, staff_no) VALUES (4, 'x\n; y'), (5, E'\\n');\n");
        check(&inserts, Dialect::PostgreSql, &[&["a'b", "∅", "-3"], &["x\n; y", "∅", "4"], &["\n", "∅", "5"]]);
    }

    #[test]
    fn a_mysqldump_is_read() {
        let dump = "-- MySQL dump 10.13\n/*!40101 SET NAMES utf8mb4 */;\nCREATE TABLE `staff` (\n `id` int unsigned NOT NULL AUTO_INCREMENT,\n `Name` varchar(20) CHARACTER SET latin1 DEFAULT NULL,\n PRIMARY KEY (`id`)\n) ENGINE=InnoDB;\nINSERT INTO `staff` VALUES (1,'O\\'Neil;'),(2,NULL);\n-- Dump completed on 2026-11-23\n";
        check(dump, Dialect::MySql, &[&["1", "O'Neil;"], &["2", "∅"]]);
        let (database, _) = load(dump, Dialect::MySql, OnCut::Stop).expect("whole");
        assert_eq!(database.tables[0].unique_keys, [[0]]);
    }

    #[test]
    fn a_dump_of_the_other_dialect_is_not_read() {
        let head = "/*M!999999\\- enable the sandbox mode */ \n-- MariaDB dump 10.19  Distrib 10.11.19-MariaDB, for debian-linux-gnu (x86_64)\n";
        let dump = format!("{head}CREATE TABLE `t` (`a` text);\nINSERT INTO `t` VALUES ('O\\'Brien'),('b');\n-- Dump completed on 2026-11-25 14:40:04\n");
        check(&dump, Dialect::MySql, &[&["O'Brien"], &["b"]]);
        let error = load(&dump, Dialect::PostgreSql, OnCut::Stop).err().expect("the estate says PostgreSQL");
        assert!(error.to_string().contains("line 2") && error.to_string().contains("dialect = \"mysql\""), "{error}");
        let error = load("--\n-- PostgreSQL database dump\n--\n", Dialect::MySql, OnCut::Stop).err().expect("the estate says MySQL");
        assert!(error.to_string().contains("dialect = \"postgresql\""), "{error}");
        assert!(load(&format!("{head}CREATE TABLE `t` (`a` text);\n"), Dialect::MySql, OnCut::Stop).is_err(), "its end mark is missing");
    }

    #[test]
    fn foreign_keys_are_read() {
        let dump = "CREATE TABLE `a` (`id` int PRIMARY KEY);\nCREATE TABLE `b` (`n` int REFERENCES `a` (`id`), `m` int, KEY `k` (`m`), CONSTRAINT `f` FOREIGN KEY (`m`) REFERENCES `a` (`id`) ON DELETE CASCADE);\n\
            ALTER TABLE ONLY b ADD CONSTRAINT g FOREIGN KEY (m) REFERENCES x.y(z);\n";
        let (database, _) = load(dump, Dialect::MySql, OnCut::Stop).expect("whole");
        let found: Vec<String> = database.tables[1].foreign_keys.iter().map(|key| format!("{} {} {}", key.column, key.table, key.to_column)).collect();
        assert_eq!(found, ["0 hr.a id", "1 hr.a id", "1 x.y z"]);
    }

    #[test]
    fn a_cut_dump_names_line_and_table() {
        let dump = "CREATE TABLE hr.staff (staff_no text);\nCOPY hr.staff (staff_no) FROM stdin;\nA\n";
        let error = load(dump, Dialect::PostgreSql, OnCut::Stop).err().expect("cut");
        assert!(error.to_string().contains("line 3") && error.to_string().contains("hr.staff"), "{error}");
        let (database, notes) = load(dump, Dialect::PostgreSql, OnCut::GoOn).expect("goes on");
        assert!(!database.tables[0].complete && database.tables[0].rows() == 1 && notes.len() == 1);
        let between = "-- PostgreSQL database dump\nCREATE TABLE hr.staff (staff_no text);\n";
        assert!(load(between, Dialect::PostgreSql, OnCut::Stop).is_err());
    }

    #[test]
    fn views_rights_keys_and_partitions_are_read() {
        let dump = "CREATE TABLE hr.p (id integer, name text) PARTITION BY RANGE (id);\nCREATE TABLE hr.p1 (id integer, name text);\n\
            CREATE VIEW hr.v AS\n SELECT p.id\n   FROM hr.p\n  WHERE (p.name = 'x;y'::text);\nALTER TABLE ONLY hr.p ATTACH PARTITION hr.p1 FOR VALUES FROM (1) TO (9);\n\
            ALTER TABLE ONLY hr.p ADD CONSTRAINT k PRIMARY KEY (id);\nALTER TABLE hr.p OWNER TO boss;\nGRANT SELECT(id),UPDATE ON TABLE hr.p TO reader;\n\
            GRANT SELECT ON TABLE hr.v TO PUBLIC;\nGRANT reader TO clerk;\nCREATE FUNCTION hr.f() RETURNS int LANGUAGE sql AS $_$ SELECT 1; $_$;\n";
        let (database, _) = load(dump, Dialect::PostgreSql, OnCut::Stop).expect("whole");
        assert_eq!(database.tables[1].parents, ["hr.p"]);
        assert_eq!(database.views[0].sql, "SELECT p.id\n   FROM hr.p\n  WHERE (p.name = 'x;y'::text)");
        assert_eq!(database.tables[0].unique_keys, [[0]]);
        assert!(database.rights.readers["hr.p"].contains("reader") && database.rights.readers["hr.v"].contains("public"));
        assert!(database.rights.memberships["clerk"].contains("reader"));
    }

    proptest! {
        #[test]
        fn copy_escapes_are_undone(text in "(?s).{0,40}") {
            let escaped: String = text.chars().map(|c| match c {
                '\\' => "\\\\".to_owned(), '\n' => "\\n".to_owned(), '\t' => "\\t".to_owned(), '\r' => "\\r".to_owned(),
                '\u{b}' => "\\v".to_owned(), '\u{8}' => "\\b".to_owned(), '\u{c}' => "\\f".to_owned(), other => other.to_string(),
            }).collect();
            prop_assert_eq!(unescape_copy(escaped.as_bytes()), Some(text.into_bytes()));
        }

        #[test]
        fn no_bytes_break_the_reader(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let text = String::from_utf8_lossy(&bytes).into_owned();
            for start in ["", "CREATE TABLE hr.a (", "INSERT INTO hr.a VALUES (", "GRANT ", "ALTER TABLE a ", "COPY "] {
                let _ = load(&format!("{start}{text};"), Dialect::PostgreSql, OnCut::GoOn);
                let _ = load(&format!("{start}{text};"), Dialect::MySql, OnCut::GoOn);
            }
        }
    }
}
