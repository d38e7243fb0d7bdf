//! A plain SQL dump, as `pg_dump` and `mysqldump` write it, statement by statement and row by row.
//!
//! Sources: PostgreSQL 17 documentation, `COPY` (text format) and `pg_dump`; MySQL 8.4 Reference Manual, `mysqldump`.

use std::io::{BufRead, Read};

use strandline_sql::lexer::{Kind, Token, after_bracket, at_commas, outside_brackets, qualified_name, tokens};

use super::cells::{RowRead, column_order, constant, copy_cells, push_cells};
use super::encoding::TextEncoding;
use super::filling::Filling;
use super::objects;
use super::tables::{add_element, add_key, character_set, column_list, inside_bracket, kind_of, named_after, written};
use crate::declared::Base;
use crate::store::{AttachedKind, Column, ColumnDefault, RowSecurity, StoredTable, StoredType, StoredView};
use crate::value::ColumnKind;
use crate::{Defined, Dialect, HistoryError, Rows};

/// Longest line that is read; PostgreSQL's own limit for a cell is 1 GB, but a dump of people has no such rows.
const LINE_BYTES: u64 = 256 << 20;

/// Where a dump ends before it is whole: within this table's rows or, without one, between two statements.
pub(super) type Cut = Option<String>;

/// The reading of one dump, in one piece or in several.
pub(super) struct Dump<'f, 'd> {
    pub(super) filling: &'f mut Filling<'d>,
    path: &'f str,
    line: u64,
    raw: Vec<u8>,
    encoding: TextEncoding,
    /// Whether the text was converted as a whole, so that what it says of its encoding no longer holds.
    converted: bool,
    /// Whether its lines end as on Windows.
    windows_lines: Option<bool>,
    /// What ends a statement; clients of MySQL change it around bodies that hold semicolons.
    delimiter: Option<String>,
    /// The schema of bare names, where the dump sets it.
    schema: Option<String>,
    /// Inside another database's part of a dump of many.
    skipping: bool,
    /// How often the dump said that one begins, and that one ends.
    begun: usize,
    ended: usize,
    /// The table whose rows come now.
    section: Option<String>,
    /// Tables that INSERTs gave rows to.
    inserted: Vec<String>,
    /// Whether the rows are those that the dumping role may see, not all.
    row_security: bool,
    /// Whether backslashes escape in plain strings of PostgreSQL.
    backslashes: bool,
}

impl<'f, 'd> Dump<'f, 'd> {
    pub(super) fn new(filling: &'f mut Filling<'d>, path: &'f str) -> Self {
        Self {
            filling,
            path,
            line: 0,
            raw: Vec::new(),
            encoding: TextEncoding::Utf8,
            converted: false,
            windows_lines: None,
            delimiter: None,
            schema: None,
            skipping: false,
            begun: 0,
            ended: 0,
            section: None,
            inserted: Vec::new(),
            row_security: false,
            backslashes: false,
        }
    }

    /// Says that the text was converted to UTF-8 before it came here.
    pub(super) fn set_converted(&mut self) {
        self.converted = true;
    }

    /// Says in which schema bare names are.
    pub(super) fn set_schema(&mut self, schema: &str) {
        self.schema = Some(schema.to_owned()).filter(|schema| !schema.is_empty());
    }

    /// Says who owns a table.
    pub(super) fn set_owner(&mut self, table: Vec<String>, owner: &str) {
        if let Some(at) = self.filling.database.table(&self.full_name(table)) {
            self.filling.database.tables[at].owner = Some(owner.to_owned());
        }
    }

    /// Takes one definition by itself, wherever it ends.
    pub(super) fn take_definition(&mut self, statement: &str) {
        let all = tokens(statement, self.dialect());
        if all.first().is_some_and(|t| t.is("create")) {
            self.take_create(&all, statement);
        }
    }

    /// Leaves a section whose rows are cut.
    pub(super) fn leave_section(&mut self) {
        self.section = None;
        self.inserted.clear();
    }

    /// The line that was read last.
    pub(super) fn line(&self) -> u64 {
        self.line
    }

    /// Ends the dump: its last section too is whole.
    pub(super) fn close(&mut self) {
        self.end_section();
        for table in std::mem::take(&mut self.inserted) {
            self.mark_complete(&table);
        }
    }

    /// Reads a piece to its end. `Some` says that it is cut.
    pub(super) fn feed(&mut self, reader: &mut dyn BufRead) -> Result<Option<Cut>, HistoryError> {
        let mut statement = String::new();
        let mut scanner = Scanner::default();
        while self.next_line(reader)? {
            let text = self.encoding.decode_marked(&self.raw).into_owned();
            if statement.is_empty() && self.outside_statement(&text)? {
                continue;
            }
            if statement.len() as u64 + text.len() as u64 > LINE_BYTES {
                return Err(self.error("a statement is longer than 256 MB; dump with one row a statement, or with COPY"));
            }
            statement.push_str(&text);
            statement.push('\n');
            if !self.ends_statement(&mut scanner, &text, &mut statement) {
                continue;
            }
            let cut = self.take_statement(reader, &statement)?;
            if cut.is_some() {
                return Ok(cut);
            }
            statement.clear();
            scanner = Scanner::default();
        }
        let all = tokens(&statement, self.dialect());
        if !all.is_empty() {
            let table = insert_target(&all, self.dialect()).map(|parts| self.full_name(parts));
            return Ok(Some(table));
        }
        Ok((self.begun > self.ended).then(|| self.section.clone()))
    }

    pub(super) fn dialect(&self) -> Dialect {
        self.filling.database.dialect
    }

    fn error(&self, reason: &str) -> HistoryError {
        HistoryError::Snapshot { path: self.path.to_owned(), line: self.line, reason: reason.to_owned() }
    }

    fn next_line(&mut self, reader: &mut dyn BufRead) -> Result<bool, HistoryError> {
        self.raw.clear();
        let read = reader.take(LINE_BYTES).read_until(b'\n', &mut self.raw);
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
        // A carriage return within a dump of other lines is part of a value.
        let windows_lines = *self.windows_lines.get_or_insert(self.raw.ends_with(b"\r"));
        if windows_lines && self.raw.last() == Some(&b'\r') {
            self.raw.pop();
        }
        Ok(true)
    }

    /// Whether the line ends the statement; a delimiter of the client's is taken off.
    fn ends_statement(&self, scanner: &mut Scanner, line: &str, statement: &mut String) -> bool {
        if let Some(delimiter) = &self.delimiter {
            let Some(body) = statement.trim_end().strip_suffix(delimiter.as_str()) else { return false };
            statement.truncate(body.len());
            return true;
        }
        let body_of_statements = scanner.atomic || (self.dialect() == Dialect::PostgreSql && begins_atomic(line));
        scanner.atomic = body_of_statements;
        let ended = scanner.ends_statement(line, self.dialect());
        if body_of_statements { ended && line.trim().eq_ignore_ascii_case("end;") } else { ended }
    }

    /// Comments, psql and mysql client lines between statements.
    fn outside_statement(&mut self, line: &str) -> Result<bool, HistoryError> {
        let trimmed = line.trim();
        if let Some(comment) = trimmed.strip_prefix("--") {
            self.take_comment(comment.trim())?;
            return Ok(true);
        }
        if let Some(rest) = trimmed.strip_prefix("\\connect").or_else(|| trimmed.strip_prefix("\\c ")) {
            self.enter(&connected_database(rest));
        }
        if self.dialect() == Dialect::MySql
            && let Some(delimiter) = trimmed.get(..10).filter(|word| word.eq_ignore_ascii_case("delimiter ")).map(|_| trimmed[10..].trim())
        {
            self.delimiter = Some(delimiter.to_owned()).filter(|d| !d.is_empty() && d != ";");
            return Ok(true);
        }
        // mariadb-dump begins with such a line, without a semicolon: `/*M!999999\- enable the sandbox mode */`.
        let comment =
            trimmed.strip_prefix("/*").and_then(|rest| rest.strip_suffix("*/")).is_some_and(|inside| !inside.starts_with('!') && !inside.contains("*/"));
        Ok(comment || trimmed.is_empty() || trimmed.starts_with('\\') || trimmed.starts_with('#') && self.dialect() == Dialect::MySql)
    }

    fn take_comment(&mut self, comment: &str) -> Result<(), HistoryError> {
        if let Some(dialect) = announced_dialect(comment) {
            self.begun += 1;
            self.check_dialect(dialect)?;
        }
        if comment.ends_with("dump complete") || comment.starts_with("Dump completed") {
            self.ended += 1;
            self.end_section();
        }
        if self.skipping {
            return Ok(());
        }
        if let Some(table) = section_of(comment, self.dialect()) {
            let full = self.full_name(table);
            self.begin_section(full);
        } else if comment.starts_with("WHERE:") {
            // mysqldump --where: some of the rows are left out on purpose.
            if let Some(full) = self.section.take()
                && let Some(index) = self.filling.table_for_rows(&full)
            {
                self.filling.spoil(&full, index);
            }
        }
        Ok(())
    }

    /// Another table's rows begin: those of the one before are whole.
    pub(super) fn begin_section(&mut self, full: String) {
        self.end_section();
        self.section = Some(full);
    }

    pub(super) fn end_section(&mut self) {
        if let Some(table) = self.section.take() {
            self.mark_complete(&table);
        }
    }

    fn mark_complete(&mut self, full: &str) {
        let partial = self.row_security;
        self.filling.mark_complete(full, |table| !partial || !table.attached.iter().any(|a| a.kind == AttachedKind::Policy));
    }

    /// Enters the part of a dump of many that is of the database `name`.
    fn enter(&mut self, name: &str) {
        self.end_section();
        self.skipping = name != self.filling.database.name;
        self.schema = None;
        if self.skipping {
            self.filling.passed_over.insert(name.to_owned());
        }
    }

    /// One dialect's quoting read as the other's loses rows without a sign of it.
    fn check_dialect(&self, found: Dialect) -> Result<(), HistoryError> {
        if found == self.dialect() {
            return Ok(());
        }
        let (what, word) = if found == Dialect::MySql { ("MySQL or MariaDB", "mysql") } else { ("PostgreSQL", "postgresql") };
        Err(self.error(&format!("this is a dump of {what}; write dialect = \"{word}\" for the database {:?} in the estate", self.filling.database.id)))
    }

    fn take_statement(&mut self, reader: &mut dyn BufRead, statement: &str) -> Result<Option<Cut>, HistoryError> {
        let dialect = self.dialect();
        let all = tokens(statement, dialect);
        let Some(first) = all.first() else { return Ok(None) };
        let word = if let Kind::Word(word) = &first.kind { word.to_ascii_lowercase() } else { return Ok(None) };
        match word.as_str() {
            "copy" => return self.take_copy(reader, &all),
            "use" => self.enter(&all.get(1).and_then(|t| t.name(dialect)).unwrap_or_default()),
            // Roles stand before all databases.
            "alter" if all.get(1).is_some_and(|t| t.is("role") || t.is("user") || t.is("database")) => {
                self.filling.database.described.settings.extend(objects::setting(&all, dialect));
            }
            "grant" if self.skipping && !all.iter().any(|t| t.is("on")) => self.take_grant(&all),
            _ if self.skipping => {}
            "insert" | "replace" => self.take_insert(&all, statement)?,
            "lock" => self.take_lock(&all),
            "set" => self.take_set(&all)?,
            "select" => self.take_select(&all),
            _ if self.filling.wants_rows_alone() => {}
            "create" => self.take_create(&all, statement),
            "alter" => self.take_alter(&all, statement),
            "grant" => self.take_grant(&all),
            _ => {}
        }
        Ok(None)
    }

    fn take_set(&mut self, all: &[Token<'_>]) -> Result<(), HistoryError> {
        let dialect = self.dialect();
        let skip = usize::from(all.get(1).is_some_and(|t| t.is("session") || t.is("local")));
        let Some(name) = all.get(1 + skip) else { return Ok(()) };
        let text = |t: &Token<'_>| match &t.kind {
            Kind::Text(text) | Kind::Quoted(text) => Some(text.clone()),
            Kind::Word(text) => Some((*text).to_owned()),
            _ => None,
        };
        let value = all.iter().skip(2 + skip).find(|t| !t.is("to") && !t.is_symbol('=')).and_then(text).unwrap_or_default();
        if name.is("client_encoding") || name.is("names") {
            self.set_encoding(&value)?;
        } else if name.is("search_path") {
            self.schema = Some(value.to_lowercase()).filter(|schema| !schema.is_empty() && schema != "pg_catalog");
        } else if name.is("row_security") {
            self.row_security = value.eq_ignore_ascii_case("on");
        } else if name.is("standard_conforming_strings") {
            self.backslashes = value.eq_ignore_ascii_case("off");
        } else if name.is("time_zone") && dialect == Dialect::MySql && value.starts_with(['+', '-']) {
            self.filling.database.described.time_zone = Some(value);
        }
        Ok(())
    }

    /// Takes the encoding that the dump names.
    pub(super) fn set_encoding(&mut self, name: &str) -> Result<(), HistoryError> {
        if self.converted || name.is_empty() {
            return Ok(());
        }
        let Some(encoding) = TextEncoding::named(name, self.dialect()) else {
            // The name comes from the dump: it is shown only as far as it can be one.
            let shown: String = name.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_' || *c == '-').take(30).collect();
            let again = if self.dialect() == Dialect::MySql { "--default-character-set=utf8mb4" } else { "--encoding=UTF8" };
            return Err(self.error(&format!("the dump is written in {shown}, which is not read; dump again with {again}, or convert it with iconv")));
        };
        self.encoding = encoding;
        self.filling.database.described.encoding = Some(name.to_owned());
        Ok(())
    }

    /// `SELECT pg_catalog.set_config('search_path', '', false)`: from here on every name has its schema.
    fn take_select(&mut self, all: &[Token<'_>]) {
        let texts: Vec<&String> = all.iter().filter_map(|t| if let Kind::Text(text) = &t.kind { Some(text) } else { None }).collect();
        if let [name, value, ..] = texts.as_slice()
            && name.as_str() == "search_path"
            && all.iter().any(|t| t.is("set_config"))
        {
            let first = value.split(',').next().unwrap_or_default().trim().trim_matches('"');
            self.schema = Some(first.to_owned()).filter(|schema| !schema.is_empty() && schema != "pg_catalog");
        }
    }

    /// mysqldump locks a table before its rows, also where there are none.
    fn take_lock(&mut self, all: &[Token<'_>]) {
        if self.dialect() != Dialect::MySql || !all.iter().any(|t| t.is("write")) {
            return;
        }
        if let Some((parts, _)) = qualified_name(all, 2, self.dialect()) {
            let full = self.full_name(parts);
            if self.section.as_ref() != Some(&full) {
                self.begin_section(full);
            }
        }
    }

    fn name(&self, parts: Vec<String>) -> (String, String) {
        let mut parts = parts;
        let name = parts.pop().unwrap_or_default();
        let database = &self.filling.database;
        let default = || database.search_path.first().cloned().unwrap_or_else(|| "public".to_owned());
        match parts.pop() {
            Some(schema) if database.dialect == Dialect::MySql && schema.eq_ignore_ascii_case(&database.name) => (default(), name),
            Some(schema) => (schema, name),
            None => (self.schema.clone().unwrap_or_else(default), name),
        }
    }

    /// `schema.table`, for a name as the dump writes it.
    pub(super) fn full_name(&self, parts: Vec<String>) -> String {
        let (schema, name) = self.name(parts);
        format!("{schema}.{name}")
    }

    fn take_create(&mut self, all: &[Token<'_>], statement: &str) {
        const KINDS: [&str; 18] = [
            "table",
            "view",
            "function",
            "procedure",
            "aggregate",
            "index",
            "trigger",
            "rule",
            "policy",
            "type",
            "domain",
            "collation",
            "sequence",
            "extension",
            "database",
            "event",
            "schema",
            "role",
        ];
        let dialect = self.dialect();
        if dialect == Dialect::PostgreSql && all.get(1).is_some_and(|t| t.is("operator")) {
            return self.filling.database.described.operators.extend(Defined::in_tokens(all));
        }
        let Some((at, kind)) = all.iter().take(24).enumerate().find_map(|(at, t)| KINDS.iter().find(|word| t.is(word)).map(|word| (at, *word))) else {
            return;
        };
        let mut name_at = at + 1;
        while all.get(name_at).is_some_and(|t| t.is("if") || t.is("not") || t.is("exists")) {
            name_at += 1;
        }
        let Some((parts, after)) = qualified_name(all, name_at, dialect) else { return };
        let (schema, name) = self.name(parts);
        let full = format!("{schema}.{name}");
        let described = &mut self.filling.database.described;
        match kind {
            "table" => self.add_table(all, after, schema, name, statement),
            "view" => self.add_view(all, after, schema, name, statement),
            "function" | "procedure" => described.functions.push(objects::function(all, after, (schema, name), statement, dialect)),
            "aggregate" => described.functions.push(objects::aggregate((schema, name), statement)),
            "type" => {
                let found = objects::stored_type(all, after, statement);
                let shell = matches!(&found, StoredType::Other(sql) if sql.is_empty());
                if !shell || !described.types.contains_key(&full) {
                    described.types.insert(full, found);
                }
            }
            "domain" => drop(described.types.insert(full, objects::domain(all, after, statement))),
            "collation" => drop(described.collations.insert(full, objects::collation(all, after, statement))),
            "sequence" => drop(described.sequences.insert(full)),
            "extension" => drop(described.extensions.insert(name)),
            "database" if name == self.filling.database.name => {
                described.collation = database_collation(all, dialect).or_else(|| described.collation.take());
            }
            "trigger" => self.attach(AttachedKind::Trigger, all, after, name, statement),
            "rule" => self.attach(AttachedKind::Rule, all, after, name, statement),
            "policy" => self.attach(AttachedKind::Policy, all, after, name, statement),
            _ => {}
        }
    }

    fn attach(&mut self, kind: AttachedKind, all: &[Token<'_>], after: usize, name: String, statement: &str) {
        let Some((attached, at)) = objects::attached(kind, all, after, name, statement) else { return };
        let Some((parts, _)) = qualified_name(all, at, self.dialect()) else { return };
        let full = self.full_name(parts);
        let Some(index) = self.filling.database.table(&full) else {
            let views = self.filling.database.views.iter_mut();
            return views.filter(|view| view.full_name() == full).for_each(|view| view.attached.push(attached.clone()));
        };
        let table = &mut self.filling.database.tables[index];
        table.attached.retain(|a| a.kind != kind || a.name != attached.name);
        table.attached.push(attached);
        if kind == AttachedKind::Policy && self.row_security {
            table.complete = false;
        }
    }

    fn add_view(&mut self, all: &[Token<'_>], after: usize, schema: String, name: String, statement: &str) {
        let Some(body) = outside_brackets(all, after, |t| t.is("as")) else { return };
        let until = all.len() - all.iter().rev().take_while(|t| t.is_symbol(';')).count();
        let mut sql = written(&all[(body + 1).min(until)..until.max((body + 1).min(until))], statement).to_owned();
        for tail in ["WITH NO DATA", "WITH DATA", "WITH CASCADED CHECK OPTION", "WITH LOCAL CHECK OPTION"] {
            if let Some(cut) = sql.strip_suffix(tail) {
                sql = cut.trim_end().to_owned();
            }
        }
        if sql.is_empty() {
            return;
        }
        if is_placeholder(&all[body + 1..until]) {
            return;
        }
        let materialized = all.iter().take(8).any(|t| t.is("materialized"));
        // mysqldump first makes a table in the view's place, so that other views can be defined.
        self.filling.database.remove_table(&format!("{schema}.{name}"));
        self.filling.database.views.retain(|v| v.schema != schema || v.name != name);
        self.filling.database.views.push(StoredView { schema, name, sql, materialized, attached: Vec::new() });
    }

    fn add_table(&mut self, all: &[Token<'_>], after: usize, schema: String, name: String, statement: &str) {
        let dialect = self.dialect();
        let mut parents = Vec::new();
        let mut table = StoredTable::new(schema, name, Vec::new());
        let mut tail = after;
        if all.get(after).is_some_and(|t| t.is_symbol('(')) {
            for element in at_commas(inside_bracket(all, after)) {
                add_element(&mut table, element, statement, dialect);
            }
            tail = after_bracket(all, after);
        }
        if all.get(tail).is_some_and(|t| t.is("inherits")) {
            for parent in at_commas(inside_bracket(all, tail + 1)) {
                parents.extend(qualified_name(parent, 0, dialect).map(|(parts, _)| self.full_name(parts)));
            }
        } else if all.get(tail).is_some_and(|t| t.is("partition")) && all.get(tail + 1).is_some_and(|t| t.is("of")) {
            parents.extend(qualified_name(all, tail + 2, dialect).map(|(parts, _)| self.full_name(parts)));
        }
        for parent in &parents {
            if let Some(at) = self.filling.database.table(parent) {
                let known = &self.filling.database.tables[at].columns;
                let inherited: Vec<Column> = known.iter().filter(|c| table.column_index(&c.name).is_none()).cloned().collect();
                table.columns.splice(0..0, inherited);
            }
        }
        table.parents = parents;
        if dialect == Dialect::MySql {
            let options = &all[tail.min(all.len())..];
            (table.collation, table.character_set) = (named_after(options, "collate", dialect), character_set(options, dialect));
        }
        for column in &mut table.columns {
            self.settle_kind(&table.schema, column);
        }
        let partitioned = |pair: &[Token<'_>]| pair[0].is("partition") && pair[1].is("by");
        table.partitioned = dialect == Dialect::PostgreSql && all[tail.min(all.len())..].windows(2).any(partitioned);
        // Until its rows were seen to their end, anything may be in it.
        table.complete = table.partitioned;
        self.filling.add_table(table);
    }

    /// The kind of a column whose type the database defines: that of the domain's base. MySQL's `timestamp` is an instant,
    /// which the dump writes in the zone that it names.
    fn settle_kind(&self, schema: &str, column: &mut Column) {
        let database = &self.filling.database;
        if database.dialect == Dialect::MySql {
            let is_instant = column.declared.split('(').next().is_some_and(|word| word.trim().eq_ignore_ascii_case("timestamp"));
            if is_instant && database.described.time_zone.as_deref() == Some("+00:00") {
                column.kind = ColumnKind::Instant;
            }
        } else if column.kind == ColumnKind::Text
            && let (Base::Written(base), _) = database.open_type(schema, &column.declared)
        {
            column.kind = kind_of(&tokens(&base, database.dialect), database.dialect);
        }
    }

    fn take_alter(&mut self, all: &[Token<'_>], statement: &str) {
        let dialect = self.dialect();
        let mut at = 1;
        while all.get(at).is_some_and(|t| t.is("foreign")) {
            at += 1;
        }
        if !all.get(at).is_some_and(|t| t.is("table")) {
            return;
        }
        at += 1;
        while all.get(at).is_some_and(|t| t.is("only") || t.is("if") || t.is("exists")) {
            at += 1;
        }
        let Some((parts, after)) = qualified_name(all, at, dialect) else { return };
        let full = self.full_name(parts);
        let Some(index) = self.filling.database.table(&full) else { return };
        let rest = &all[after..];
        let Some(first) = rest.first() else { return };
        if first.is("attach") {
            if let Some((child, _)) = qualified_name(rest, 2, dialect) {
                self.adopt(&child, full);
            }
        } else if first.is("inherit") {
            if let Some((parent, _)) = qualified_name(rest, 1, dialect) {
                let parent = self.full_name(parent);
                self.filling.database.tables[index].parents.push(parent);
            }
        } else if first.is("owner") {
            self.filling.database.tables[index].owner = rest.get(2).and_then(|t| t.name(dialect));
        } else if first.is("disable") && rest.get(1).is_some_and(|t| t.is("keys")) {
            if self.section.as_ref() != Some(&full) {
                self.begin_section(full);
            }
        } else if rest.windows(3).any(|words| words[0].is("row") && words[1].is("level") && words[2].is("security")) {
            let security = &mut self.filling.database.tables[index].row_security;
            let is_no = rest.get(1).is_some_and(|t| t.is("force"));
            *security = match *security {
                RowSecurity::Forced if first.is("enable") => RowSecurity::Forced,
                _ if first.is("enable") || first.is("no") && is_no => RowSecurity::On,
                _ if first.is("force") => RowSecurity::Forced,
                _ if first.is("disable") => RowSecurity::Off,
                other => other,
            };
        } else if first.is("alter") {
            at_commas(rest).into_iter().for_each(|part| self.alter_column(index, part, statement));
        } else {
            for part in at_commas(rest) {
                match part.first() {
                    Some(word) if word.is("alter") || word.is("modify") || word.is("change") => self.alter_column(index, part, statement),
                    _ => add_key(&mut self.filling.database.tables[index], part, dialect),
                }
            }
        }
    }

    /// `ALTER [COLUMN] c …` of PostgreSQL, `MODIFY c …` and `CHANGE c d …` of MySQL.
    fn alter_column(&mut self, index: usize, part: &[Token<'_>], statement: &str) {
        let dialect = self.dialect();
        let after_word = 1 + usize::from(part.get(1).is_some_and(|t| t.is("column")));
        let Some(name) = part.get(after_word).and_then(|t| t.name(dialect)) else { return };
        let table = &self.filling.database.tables[index];
        let Some(column) = table.column_index(&name) else { return };
        let tail = &part[after_word + 1..];
        if part[0].is("alter") && !tail.first().is_some_and(|t| t.is("type") || t.is("set") && tail.get(1).is_some_and(|t| t.is("data"))) {
            if tail.iter().any(|t| t.is("identity") || t.is("nextval")) {
                self.filling.database.tables[index].columns[column].default = ColumnDefault::Unknown;
            }
            return;
        }
        let Some(from) = (if part[0].is("alter") { tail.iter().position(|t| t.is("type")).map(|at| at + 1) } else { Some(usize::from(part[0].is("change"))) })
        else {
            return;
        };
        let mut element = vec![part[after_word].clone()];
        if part[0].is("change") {
            element = tail.first().cloned().into_iter().collect();
        }
        let until = tail.iter().position(|t| t.is("using") || t.is_symbol(';')).unwrap_or(tail.len());
        element.extend(tail[from.min(until)..until].iter().cloned());
        let mut defined = StoredTable::new(table.schema.clone(), table.name.clone(), Vec::new());
        add_element(&mut defined, &element, statement, dialect);
        let Some(mut changed) = defined.columns.pop() else { return };
        self.settle_kind(&defined.schema, &mut changed);
        self.filling.database.tables[index].change_column(column, changed, part[0].is("alter"));
    }

    fn adopt(&mut self, child: &[String], parent: String) {
        let child = self.full_name(child.to_vec());
        if let Some(child) = self.filling.database.table(&child) {
            self.filling.database.tables[child].parents.push(parent);
        }
    }

    fn take_grant(&mut self, all: &[Token<'_>]) {
        let dialect = self.dialect();
        let mut rights = std::mem::take(&mut self.filling.database.rights);
        objects::grant(&mut rights, all, dialect, |parts| self.full_name(parts));
        self.filling.database.rights = rights;
    }

    fn take_insert(&mut self, all: &[Token<'_>], statement: &str) -> Result<(), HistoryError> {
        let dialect = self.dialect();
        let Some(at) = all.iter().take(8).position(|t| t.is("into")) else { return Ok(()) };
        let Some((parts, after)) = qualified_name(all, at + 1, dialect) else { return Ok(()) };
        let full = self.full_name(parts);
        let values = outside_brackets(all, after, |t| t.is("values") || t.is("value"));
        let Some(index) = self.filling.table_for_rows(&full) else { return Ok(()) };
        if !self.inserted.contains(&full) && self.section.as_ref() != Some(&full) {
            self.inserted.push(full.clone());
        }
        let Some(values) = values else {
            // INSERT … SELECT: rows that only the server knew.
            self.filling.spoil(&full, index);
            return Ok(());
        };
        if self.filling.rows == Rows::Skipped {
            return Ok(());
        }
        if self.backslashes && statement.contains('\\') {
            return Err(self.error("backslashes escape in this dump's strings (standard_conforming_strings = off), which is not read; dump without --inserts"));
        }
        let names = if all.get(after).is_some_and(|t| t.is_symbol('(')) { column_list(all, after, dialect) } else { Vec::new() };
        let table = &mut self.filling.database.tables[index];
        let order = column_order(table, &names);
        let mut at = values + 1;
        let mut doubtful = 0;
        while all.get(at).is_some_and(|t| t.is_symbol('(')) {
            let end = after_bracket(all, at);
            let cells = at_commas(inside_bracket(all, at)).into_iter().map(|part| constant(part, statement, dialect));
            doubtful += u64::from(push_cells(table, &order, cells) == RowRead::Doubtful);
            at = end + usize::from(all.get(end).is_some_and(|t| t.is_symbol(',')));
        }
        self.filling.doubtful_rows += doubtful;
        Ok(())
    }

    /// Reads the rows after `COPY … FROM stdin;`. `Some` says that they are cut.
    fn take_copy(&mut self, reader: &mut dyn BufRead, all: &[Token<'_>]) -> Result<Option<Cut>, HistoryError> {
        let dialect = self.dialect();
        let Some((parts, after)) = qualified_name(all, 1, dialect) else { return Ok(None) };
        if !all.iter().any(|t| t.is("stdin")) {
            return Ok(None);
        }
        let full = self.full_name(parts);
        let names = if all.get(after).is_some_and(|t| t.is_symbol('(')) { column_list(all, after, dialect) } else { Vec::new() };
        let index = if self.skipping { None } else { self.filling.table_for_rows(&full) };
        // Options change the form of the rows; pg_dump writes none.
        let plain = !all.iter().any(|t| t.is("delimiter") || t.is("csv") || t.is("format") || t.is("binary") || t.is("null"));
        let readable = index.filter(|_| self.filling.rows == Rows::Read && plain);
        let order = readable.map(|at| column_order(&self.filling.database.tables[at], &names)).unwrap_or_default();
        let mut doubtful = 0;
        loop {
            if !self.next_line(reader)? {
                self.filling.doubtful_rows += doubtful;
                return Ok(Some(Some(full)));
            }
            if self.raw == b"\\." {
                break;
            }
            let Some(index) = readable else { continue };
            // An empty line is a row where the table has no more than one column.
            let none = order.is_empty() && self.raw.is_empty();
            let cells = copy_cells(&self.raw, self.encoding).take(if none { 0 } else { usize::MAX });
            doubtful += u64::from(push_cells(&mut self.filling.database.tables[index], &order, cells) == RowRead::Doubtful);
        }
        self.filling.doubtful_rows += doubtful;
        if self.section.as_ref() == Some(&full) {
            self.section = None;
        }
        if plain && index.is_some() {
            self.mark_complete(&full);
        }
        Ok(None)
    }
}

/// Whether a view's query is what mysqldump writes in a view's place until all are defined: `SELECT 1 AS a, 1 AS b`.
fn is_placeholder(query: &[Token<'_>]) -> bool {
    let one = |part: &&[Token<'_>]| part.len() == 3 && matches!(part[0].kind, Kind::Number("1")) && part[1].is("as");
    query.first().is_some_and(|t| t.is("select")) && at_commas(&query[1..]).iter().all(one)
}

/// Whose dump a comment says that this is, if it says so.
pub fn announced_dialect(comment: &str) -> Option<Dialect> {
    if comment.starts_with("MySQL dump") || comment.starts_with("MariaDB dump") {
        return Some(Dialect::MySql);
    }
    (comment.ends_with("PostgreSQL database dump") || comment.ends_with("PostgreSQL database cluster dump")).then_some(Dialect::PostgreSql)
}

/// The table whose rows a comment announces: `Data for Name: staff; Type: TABLE DATA; Schema: hr; Owner: -`,
/// ``Dumping data for table `staff` ``.
fn section_of(comment: &str, dialect: Dialect) -> Option<Vec<String>> {
    if dialect == Dialect::MySql {
        let name = comment.strip_prefix("Dumping data for table ")?.trim();
        let name = name.strip_prefix('`').and_then(|n| n.strip_suffix('`')).unwrap_or(name);
        return Some(vec![name.replace("``", "`")]);
    }
    let (name, rest) = comment.strip_prefix("Data for Name: ")?.rsplit_once("; Type: TABLE DATA; Schema: ")?;
    let (schema, _) = rest.rsplit_once("; Owner: ")?;
    Some(vec![schema.to_owned(), name.to_owned()])
}

/// The database in `\connect mini` and `\connect -reuse-previous=on "dbname='mini'"`.
fn connected_database(rest: &str) -> String {
    if let Some((_, quoted)) = rest.split_once("dbname='") {
        return quoted.split('\'').next().unwrap_or_default().to_owned();
    }
    rest.split_whitespace().find(|word| !word.starts_with('-')).unwrap_or_default().trim_matches('"').to_owned()
}

/// `CREATE DATABASE … LOCALE_PROVIDER = icu LOCALE = 'C' ICU_LOCALE = 'de'`,
/// ``CREATE DATABASE `x` /*!40100 DEFAULT CHARACTER SET utf8mb4 COLLATE … */``.
fn database_collation(all: &[Token<'_>], dialect: Dialect) -> Option<String> {
    let value = |words: &[&str]| {
        words.iter().find_map(|word| {
            let at = all.iter().position(|t| t.is(word))?;
            all.iter().skip(at + 1).find(|t| !t.is_symbol('=')).and_then(|t| match &t.kind {
                Kind::Text(text) | Kind::Quoted(text) => Some(text.clone()),
                Kind::Word(text) => Some((*text).to_owned()),
                _ => None,
            })
        })
    };
    if dialect == Dialect::MySql {
        return value(&["collate"]).or_else(|| character_set(all, dialect).map(|set| format!("charset:{set}")));
    }
    let provider = value(&["locale_provider"]).map_or_else(|| "libc".to_owned(), |provider| provider.to_ascii_lowercase());
    match provider.as_str() {
        // Rules of its own may order anything.
        "icu" if all.iter().any(|t| t.is("icu_rules")) => Some("unknown".to_owned()),
        "icu" => value(&["icu_locale", "locale"]).map(|locale| format!("icu:{locale}")),
        "builtin" => Some("C".to_owned()),
        _ => value(&["lc_collate", "locale"]).map(|locale| format!("libc:{locale}")),
    }
}

fn insert_target(all: &[Token<'_>], dialect: Dialect) -> Option<Vec<String>> {
    let into = all.iter().take(8).position(|t| t.is("into"))?;
    qualified_name(all, into + 1, dialect).map(|(parts, _)| parts)
}

/// Whether a line begins a body of statements, as `CREATE FUNCTION … BEGIN ATOMIC` does.
fn begins_atomic(line: &str) -> bool {
    line.trim().eq_ignore_ascii_case("begin atomic") || line.trim().to_ascii_lowercase().ends_with(" begin atomic")
}

/// Follows quotes and comments over the lines of one statement, to find the semicolon that ends it.
#[derive(Default)]
struct Scanner {
    quote: Option<u8>,
    backslash: bool,
    fence: Option<Vec<u8>>,
    comment_depth: usize,
    last: u8,
    /// Within a body of statements.
    atomic: bool,
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
    use crate::store::{ForeignKey, KeyAction, StoredDatabase};
    use crate::{OnCut, ReadOptions};

    fn load(text: &str, dialect: Dialect, on_cut: OnCut) -> Result<(StoredDatabase, Vec<String>), HistoryError> {
        let mut database = StoredDatabase::new("d", "d", dialect, &["hr".to_owned()]);
        let mut notes = Vec::new();
        let options = ReadOptions { on_cut, ..ReadOptions::default() };
        crate::snapshot::fill(&mut database, &[("dump.sql", text.as_bytes())], &options, &mut notes)?;
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
        let key = |column, table: &str, to: &str, on_delete| ForeignKey {
            columns: vec![column],
            table: table.to_owned(),
            to_columns: vec![to.to_owned()],
            on_delete,
            on_update: KeyAction::Refuse,
            is_of_log: false,
        };
        let expected = [key(0, "hr.a", "id", KeyAction::Refuse), key(1, "hr.a", "id", KeyAction::Cascade), key(1, "x.y", "z", KeyAction::Refuse)];
        assert_eq!(database.tables[1].foreign_keys, expected);
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
        fn no_bytes_break_the_reader(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let text = String::from_utf8_lossy(&bytes).into_owned();
            for start in ["", "CREATE TABLE hr.a (", "INSERT INTO hr.a VALUES (", "GRANT ", "ALTER TABLE a ", "COPY "] {
                let _ = load(&format!("{start}{text};"), Dialect::PostgreSql, OnCut::GoOn);
                let _ = load(&format!("{start}{text};"), Dialect::MySql, OnCut::GoOn);
            }
        }
    }
}
