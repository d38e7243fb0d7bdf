//! Secrets in SQL: literals and bind values compared with or assigned to a column that holds a secret, arguments of
//! hashing and encrypting functions, passwords in role commands and connection strings. It understands positions and
//! no grammar, so it survives broken and injected SQL; what identifies a person stays, and so does injected text.

use std::borrow::Cow;
use std::collections::HashSet;
use std::rc::Rc;

use strandline_model::event::MASK;
use strandline_sql::content;

use crate::mask::{self, Secrecy};
use crate::sql::{Dialect, Kind, Token};

/// What masking found in one statement.
#[derive(Clone, Debug, PartialEq)]
pub struct Masked<'s> {
    /// The statement, secrets replaced.
    pub statement: Cow<'s, str>,
    /// Bind parameters at the places of secrets: 1-based number, and how far its name says so.
    pub secret_parameters: Vec<(usize, Secrecy)>,
    /// The constants that were replaced.
    pub secrets: Vec<&'s str>,
}

/// Functions whose arguments are secrets.
const SECRET_FUNCTIONS: &[&str] = &[
    "md5",
    "sha",
    "sha1",
    "sha2",
    "sha224",
    "sha256",
    "sha384",
    "sha512",
    "crypt",
    "encrypt",
    "digest",
    "hmac",
    "password",
    "old_password",
    "hashbytes",
    "encrypt_iv",
    "decrypt",
    "decrypt_iv",
    "aes_encrypt",
    "aes_decrypt",
    "des_encrypt",
    "des_decrypt",
    "pgp_sym_encrypt",
    "pgp_sym_decrypt",
    "pgp_sym_encrypt_bytea",
    "pgp_sym_decrypt_bytea",
    "pgp_pub_encrypt",
    "pgp_pub_decrypt",
    "pbkdf2",
    "bcrypt",
    "scrypt",
    "argon2",
];

/// Parts of names of functions that check a secret given beside a name: every argument but the first is one.
const SIGN_IN_PARTS: &[&str] = &["login", "log_in", "signin", "sign_in", "authenticat", "auth_user", "verify_user"];

/// Words that end the expression that a secret name began.
const BOUNDARIES: &[&str] = &[
    "and",
    "or",
    "where",
    "from",
    "order",
    "group",
    "limit",
    "offset",
    "union",
    "returning",
    "on",
    "when",
    "then",
    "else",
    "end",
    "having",
    "set",
    "select",
    "join",
    "values",
    "into",
    "using",
    "as",
];

/// Beginnings of stored password hashes that nothing else looks like.
const HASH_MARKS: &[&str] = &[
    "$2a$",
    "$2b$",
    "$2y$",
    "$argon2",
    "$1$",
    "$5$",
    "$6$",
    "$y$",
    "$pbkdf2",
    "pbkdf2_",
    "pbkdf2:",
    "scrypt:",
    "bcrypt_",
    "SCRAM-SHA-",
    "{SSHA",
    "{SHA",
    "{CRYPT}",
    "{bcrypt}",
];

/// Masks one statement of which the tokens are given. `execute` says which arguments of an `EXECUTE name(…)` are
/// secrets, as the `PREPARE` of that name showed it. Linear in the length of the statement.
pub fn statement<'s>(sql: &'s str, tokens: &[Token], dialect: Dialect, execute: &[(usize, Secrecy)]) -> Masked<'s> {
    let mut walk = Walk::new(sql, tokens, dialect, execute);
    for index in 0..walk.tokens.len() {
        walk.step(index);
    }
    walk.close()
}

/// Text that may quote SQL (an error, a line of no known kind): masked as SQL and as text.
pub fn message(text: &str, dialect: Dialect) -> Cow<'_, str> {
    let tokens = crate::sql::tokens(text, dialect);
    match statement(text, &tokens, dialect, &[]).statement {
        Cow::Borrowed(same) => mask::text(same),
        Cow::Owned(masked) => Cow::Owned(mask::text(&masked).into_owned()),
    }
}

/// One bind value: masked if its place is a secret's, or if it is a stored hash or holds a secret itself.
pub fn value(value: &str, secrecy: Secrecy) -> Cow<'_, str> {
    if secrecy.hides(value) || is_stored_hash(value) {
        return Cow::Borrowed(MASK);
    }
    literal(value)
}

/// Whether a value is a pattern that a search box makes: it begins or ends with what stands for any text.
pub fn is_pattern(value: &str) -> bool {
    value.len() > 2 && (value.starts_with('%') || value.ends_with('%'))
}

/// How secret the `index`-th bind value (1-based) is.
pub fn parameter_secrecy(secrets: &[(usize, Secrecy)], index: usize) -> Secrecy {
    secrets.iter().filter(|(i, _)| *i == index).fold(Secrecy::Open, |sum, (_, secrecy)| stronger(sum, *secrecy))
}

fn is_stored_hash(value: &str) -> bool {
    HASH_MARKS.iter().any(|mark| value.get(..mark.len()).is_some_and(|head| head.eq_ignore_ascii_case(mark)))
        || (value.len() == 35 && value.starts_with("md5") && value[3..].bytes().all(|b| b.is_ascii_hexdigit()))
}

/// Connection strings, URLs and JSON inside a literal.
fn literal(value: &str) -> Cow<'_, str> {
    if memchr::memchr2(b'=', b':', value.as_bytes()).is_some() || value.starts_with("eyJ") { mask::text(value) } else { Cow::Borrowed(value) }
}

fn stronger(one: Secrecy, other: Secrecy) -> Secrecy {
    let rank = |s| match s {
        Secrecy::Open => 0,
        Secrecy::IfRandom => 1,
        Secrecy::IfShortNumber => 2,
        Secrecy::Secret => 3,
    };
    if rank(other) > rank(one) { other } else { one }
}

/// One pair of parentheses, or the statement itself.
struct Frame {
    /// Token before the first one inside.
    opened_at: usize,
    /// What its place makes of every value in it.
    inherited: Secrecy,
    /// What the expression being read makes of a value.
    active: Secrecy,
    /// What the last operand's name says.
    operand: Secrecy,
    /// The strongest name inside, for `lower(password) = …`.
    strongest: Secrecy,
    /// The column names read so far, while there is nothing but names and commas.
    names: Option<Vec<Secrecy>>,
    /// Secrecy by position, where a column list said so.
    positions: Option<Rc<[Secrecy]>>,
    /// Number of the current item.
    item: usize,
    /// Column list that the next row of values takes its positions from.
    columns: Option<Rc<[Secrecy]>>,
    /// Whether rows of values follow.
    rows: bool,
    /// The function's name is a secret's, so that a single argument is one.
    single_argument: bool,
    /// It is a function call.
    call: bool,
    /// The argument just read is a literal that names a secret: the next one is it.
    names_secret: bool,
}

impl Frame {
    fn new(opened_at: usize) -> Self {
        Self {
            opened_at,
            inherited: Secrecy::Open,
            active: Secrecy::Open,
            operand: Secrecy::Open,
            strongest: Secrecy::Open,
            names: None,
            positions: None,
            item: 0,
            columns: None,
            rows: false,
            single_argument: false,
            call: false,
            names_secret: false,
        }
    }

    fn current(&self) -> Secrecy {
        let placed = match &self.positions {
            Some(list) => list.get(self.item).or(list.last()).copied().unwrap_or(Secrecy::Open),
            None => Secrecy::Open,
        };
        stronger(stronger(placed, self.inherited), self.active)
    }

    fn reset_expression(&mut self) {
        self.active = Secrecy::Open;
        self.operand = Secrecy::Open;
    }
}

struct Walk<'s, 't> {
    sql: &'s str,
    dialect: Dialect,
    tokens: Vec<&'t Token>,
    frames: Vec<Frame>,
    /// For each `)`: the index of its `(`.
    opened_by: Vec<u32>,
    /// Secrecy of each token.
    secrecy: Vec<Secrecy>,
    /// Spans of tokens that turned out to be secret after they were read.
    backward: Vec<(usize, usize)>,
    /// `SET PASSWORD …` waits for its `=`.
    set_password: bool,
    execute: Option<Rc<[Secrecy]>>,
    /// Secrecy of the table of an INSERT without a column list.
    insert_table: Secrecy,
    /// The next parenthesis is the column list of an INSERT.
    expects_columns: bool,
    /// Column list of an INSERT … SELECT, for `unnest` in its FROM.
    insert_columns: Option<Rc<[Secrecy]>>,
}

impl<'s, 't> Walk<'s, 't> {
    fn new(sql: &'s str, tokens: &'t [Token], dialect: Dialect, execute: &[(usize, Secrecy)]) -> Self {
        let tokens: Vec<&Token> = tokens.iter().filter(|t| t.kind != Kind::Comment).collect();
        let last = execute.iter().map(|(index, _)| *index).max().unwrap_or(0).min(1 << 16);
        let count = tokens.len();
        Self {
            sql,
            dialect,
            tokens,
            frames: vec![Frame::new(0)],
            opened_by: vec![0; count],
            secrecy: vec![Secrecy::Open; count],
            backward: Vec::new(),
            set_password: false,
            execute: (last > 0).then(|| (1..=last).map(|index| parameter_secrecy(execute, index)).collect()),
            insert_table: Secrecy::Open,
            expects_columns: false,
            insert_columns: None,
        }
    }

    fn frame(&mut self) -> &mut Frame {
        self.frames.last_mut().expect("the statement's own frame is never popped")
    }

    fn word(&self, index: usize) -> &'s str {
        self.tokens.get(index).map_or("", |t| t.text(self.sql))
    }

    fn is_word(&self, index: Option<usize>, word: &str) -> bool {
        index.and_then(|i| self.tokens.get(i)).is_some_and(|t| t.is_word(self.sql, word))
    }

    fn step(&mut self, index: usize) {
        let token = self.tokens[index];
        match token.kind {
            Kind::Text if self.is_key_of_json(index) || self.may_be_name(index) => self.name(index, token.inner(self.sql)),
            Kind::Text | Kind::Number | Kind::Parameter => self.value(index),
            Kind::QuotedName => self.name(index, &content(token, self.sql, '\\')),
            Kind::Variable => self.name(index, token.inner(self.sql)),
            Kind::Word => self.keyword_or_name(index),
            Kind::Symbol => self.symbol(index),
            Kind::Comment => {}
        }
    }

    /// `data->>'password'`: the literal is a name.
    fn is_key_of_json(&self, index: usize) -> bool {
        index.checked_sub(1).is_some_and(|before| matches!(self.word(before), "->" | "->>" | "#>" | "#>>"))
    }

    /// `"password" = 'x'`: a name, where the session has ANSI_QUOTES, which one record does not tell.
    fn may_be_name(&self, index: usize) -> bool {
        match self.dialect {
            Dialect::PostgreSql => false,
            Dialect::MySql => {
                let names_secret = || mask::secrecy(self.tokens[index].inner(self.sql)) == Secrecy::Secret;
                self.word(index).starts_with('"') && is_comparison(self.word(index + 1)) && names_secret()
            }
        }
    }

    fn value(&mut self, index: usize) {
        let token = self.tokens[index];
        let sql = self.sql;
        let before = index.checked_sub(1).and_then(|i| self.tokens.get(i)).copied();
        let follows_name = before.is_some_and(|t| matches!(t.kind, Kind::Word | Kind::QuotedName | Kind::Variable));
        let frame = self.frame();
        let mut secrecy = frame.current();
        if follows_name {
            secrecy = stronger(secrecy, frame.operand);
        }
        frame.names = None;
        // jsonb_build_object('password', $1): a literal that names a secret, before a comma, in a call.
        if token.kind == Kind::Text && frame.call && is_plain_name(token.inner(sql)) && mask::secrecy(token.inner(sql)) == Secrecy::Secret {
            frame.names_secret = true;
            self.secrecy[index] = if secrecy == Secrecy::Secret { secrecy } else { Secrecy::Open };
            return;
        }
        self.secrecy[index] = secrecy;
    }

    fn keyword_or_name(&mut self, index: usize) {
        let word = self.word(index);
        let lower = word.to_ascii_lowercase();
        let before = index.checked_sub(1);
        if self.is_listed(index) {
            return self.name(index, word);
        }
        match lower.as_str() {
            "identified" => {
                self.frame().active = Secrecy::Secret;
                return;
            }
            "distinct" | "not" | "null" | "binary" | "any" | "all" | "some" | "collate" | "escape" => return,
            "like" | "ilike" | "in" | "is" | "similar" | "between" | "regexp" | "rlike" | "glob" => return self.compare(),
            "to" => {
                if self.frame().operand == Secrecy::Secret {
                    self.compare();
                }
                return;
            }
            "from" if self.is_word(before, "distinct") => return,
            "when" if before.is_some_and(|i| matches!(self.tokens[i].kind, Kind::Word | Kind::QuotedName)) && self.frame().operand != Secrecy::Open => {
                return self.compare(); // CASE password WHEN 'x'
            }
            "insert" | "into" => self.expects_columns = true,
            "password" if self.is_word(before, "set") && self.frames.len() == 1 && index == 1 => self.set_password = true,
            "values" => {
                self.expects_columns = false;
                return self.begin_rows(index);
            }
            "value" if self.word(index + 1) == "(" => return self.begin_rows(index),
            "select" => return self.begin_select(),
            _ => {}
        }
        if BOUNDARIES.contains(&lower.as_str()) {
            self.expects_columns &= matches!(lower.as_str(), "into" | "as");
            let frame = self.frame();
            if lower != "as" {
                frame.reset_expression();
            }
            if matches!(lower.as_str(), "from" | "where" | "union" | "on" | "returning" | "set") {
                frame.positions = None;
                frame.rows = false;
            }
            frame.names = None;
            return;
        }
        self.name(index, word);
    }

    /// Whether a word is an item of a list of names, where a keyword is a name too: `(account, value, password)`.
    fn is_listed(&self, index: usize) -> bool {
        let in_list = self.frames.len() > 1 && self.frames.last().is_some_and(|f| f.names.is_some());
        in_list && index.checked_sub(1).is_some_and(|i| matches!(self.word(i), "(" | ",")) && matches!(self.word(index + 1), "," | ")")
    }

    /// A name: what follows it may be its value, and so may what stands before it.
    fn name(&mut self, index: usize, name: &str) {
        let before = index.checked_sub(1);
        if before.is_some_and(|i| self.word(i) == "::") {
            return; // a type
        }
        let secrecy = mask::secrecy(name);
        let table_at = if before.is_some_and(|i| self.word(i) == ".") { before.and_then(|i| i.checked_sub(2)) } else { before };
        if self.is_word(table_at, "into") {
            self.insert_table = secrecy;
        }
        let follows = before.map(|i| self.tokens[i]);
        let frame = self.frame();
        let qualified = follows.is_some_and(|t| t.kind == Kind::Symbol);
        if let Some(names) = &mut frame.names {
            let item = frame.item;
            if names.len() == item {
                names.push(secrecy);
            } else if let Some(last) = names.last_mut().filter(|_| qualified) {
                *last = secrecy;
            } else {
                frame.names = None;
            }
        }
        frame.operand = secrecy;
        frame.strongest = stronger(frame.strongest, secrecy);
        if secrecy == Secrecy::Secret && self.word(index + 1) != "(" {
            self.look_back(index);
        }
    }

    /// `'x' = password`, `md5($1) = password_md5`, `$1::text AS password`: the value stands before the name.
    fn look_back(&mut self, index: usize) {
        let mut at = index;
        while at >= 2 && self.word(at - 1) == "." {
            at -= 2; // schema.table.column
        }
        let Some(operator) = at.checked_sub(1).filter(|i| is_comparison(self.word(*i)) || self.is_word(Some(*i), "as") || self.is_word(Some(*i), "like"))
        else {
            return;
        };
        let Some(mut end) = operator.checked_sub(1) else { return };
        loop {
            // A cast: `::text`, `::varchar(255)`.
            let named = if self.word(end) == ")" { (self.opened_by[end] as usize).saturating_sub(1) } else { end };
            if named < 2 || self.tokens[named].kind != Kind::Word || self.word(named - 1) != "::" {
                break;
            }
            end = named - 2;
        }
        if self.tokens[end].is_value() {
            self.backward.push((end, end));
        } else if self.word(end) == ")" {
            self.backward.push((self.opened_by[end] as usize, end));
        }
    }

    fn symbol(&mut self, index: usize) {
        match self.word(index) {
            "(" => self.open(index),
            ")" => self.pop(index),
            "," => {
                let frame = self.frame();
                let named = std::mem::take(&mut frame.names_secret);
                frame.item += 1;
                frame.reset_expression();
                if named {
                    frame.active = Secrecy::Secret;
                }
            }
            ";" => {
                self.frames.truncate(1);
                *self.frame() = Frame::new(0);
                self.set_password = false;
                self.insert_table = Secrecy::Open;
                self.expects_columns = false;
                self.insert_columns = None;
            }
            "||" | "::" | "." | "*" | "->" | "->>" | "#>" | "#>>" => {}
            operator if is_comparison(operator) => {
                if std::mem::take(&mut self.set_password) {
                    self.frame().operand = Secrecy::Secret;
                }
                self.compare();
            }
            _ => self.frame().names = None,
        }
    }

    /// A comparison or an assignment: the operand's secrecy goes over to what follows.
    fn compare(&mut self) {
        let frame = self.frame();
        if frame.operand != Secrecy::Open {
            frame.active = stronger(frame.active, frame.operand);
        }
        frame.names = None;
        frame.rows = frame.columns.is_some();
    }

    fn begin_rows(&mut self, index: usize) {
        let insert_table = self.insert_table;
        let is_insert = insert_table == Secrecy::Secret && self.word(index).to_ascii_lowercase().starts_with("value");
        let frame = self.frame();
        if frame.columns.is_none() && is_insert {
            frame.columns = Some(Rc::new([Secrecy::Open, Secrecy::Secret]));
        }
        frame.rows = frame.columns.is_some();
        frame.reset_expression();
    }

    fn begin_select(&mut self) {
        self.expects_columns = false;
        if let Some(columns) = self.frame().columns.clone() {
            self.insert_columns = Some(columns);
        }
        let frame = self.frame();
        frame.reset_expression();
        frame.names = None;
        frame.inherited = Secrecy::Open; // a subquery chooses by its own columns
        if let Some(columns) = frame.columns.take() {
            frame.positions = Some(columns);
            frame.item = 0;
        }
    }

    fn open(&mut self, index: usize) {
        let before = index.checked_sub(1).map(|i| self.tokens[i]);
        let function = before.filter(|t| matches!(t.kind, Kind::Word | Kind::QuotedName)).map(|t| t.inner(self.sql).to_ascii_lowercase());
        let function =
            function.filter(|name| !BOUNDARIES.contains(&name.as_str()) && !matches!(name.as_str(), "in" | "any" | "all" | "exists" | "not" | "some"));
        let executes = index >= 2 && self.is_word(index.checked_sub(2), "execute") && self.execute.is_some();
        let column_list = std::mem::take(&mut self.expects_columns);
        let unnested = self.insert_columns.clone();
        let execute = self.execute.clone();
        let frame = self.frame();
        let mut inherited = frame.current();
        let mut child = Frame { names: Some(Vec::new()), ..Frame::new(index) };
        if frame.rows && function.is_none() {
            child.positions = frame.columns.clone();
            child.columns = frame.columns.clone();
            child.rows = true;
            inherited = frame.inherited; // the row's positions say it
            frame.rows = true;
        } else if executes {
            child.positions = execute;
        } else if let Some(name) = function.filter(|_| !column_list) {
            child.call = true;
            if name == "unnest" {
                child.positions = unnested;
            } else if SECRET_FUNCTIONS.contains(&name.as_str()) {
                inherited = Secrecy::Secret;
            } else if SIGN_IN_PARTS.iter().any(|part| name.contains(part)) {
                child.positions = Some(Rc::new([Secrecy::Open, Secrecy::Secret]));
            } else if mask::secrecy(&name) == Secrecy::Secret {
                child.positions = Some(Rc::new([Secrecy::Open, Secrecy::Secret]));
                child.single_argument = true;
            }
        }
        child.inherited = inherited;
        self.frames.push(child);
    }

    fn pop(&mut self, index: usize) {
        if self.frames.len() == 1 {
            return; // an injected closing parenthesis
        }
        let child = self.frames.pop().expect("more than one frame");
        self.opened_by[index] = u32::try_from(child.opened_at).unwrap_or(u32::MAX);
        if child.single_argument && child.item == 0 {
            self.backward.push((child.opened_at, index));
        }
        let frame = self.frame();
        let call = child.call;
        frame.operand = if call { child.strongest } else { Secrecy::Open };
        frame.names = None;
        if let Some(names) = child.names.filter(|names| !call && !names.is_empty() && !frame.rows) {
            frame.columns = Some(names.into());
        } else if !call && !frame.rows {
            frame.operand = child.strongest;
        }
    }

    fn close(mut self) -> Masked<'s> {
        self.apply_backward();
        let (mut secret_parameters, mut secrets) = (Vec::new(), Vec::new());
        let mut question_marks = 0;
        let mut masked = String::new();
        let mut copied = 0;
        let searched = self.searched();
        for (token, secrecy) in self.tokens.iter().zip(&self.secrecy) {
            match token.kind {
                Kind::Parameter => {
                    question_marks += 1;
                    let number = match self.dialect {
                        Dialect::MySql => Some(question_marks),
                        Dialect::PostgreSql => token.text(self.sql)[1..].parse().ok(),
                    };
                    if let Some(number) = number.filter(|_| *secrecy != Secrecy::Open) {
                        secret_parameters.push((number, *secrecy));
                    }
                }
                Kind::Text | Kind::Number => {
                    let inner = token.inner(self.sql);
                    let secrecy = if searched.contains(inner) { Secrecy::Open } else { *secrecy };
                    let clean = if token.kind == Kind::Text { value(inner, secrecy) } else { number(inner, secrecy) };
                    if clean != inner {
                        secrets.push(inner);
                        masked.push_str(&self.sql[copied..token.inner_start]);
                        masked.push_str(&clean);
                        copied = token.inner_end;
                    }
                }
                _ => {}
            }
        }
        let statement = if copied == 0 {
            Cow::Borrowed(self.sql)
        } else {
            masked.push_str(&self.sql[copied..]);
            Cow::Owned(masked)
        };
        Masked { statement, secret_parameters, secrets }
    }

    /// Search patterns that stand in the clear: the same pattern beside them, over a secret column, is what somebody looked
    /// for everywhere, and no secret.
    fn searched(&self) -> HashSet<&'s str> {
        let open = self.tokens.iter().zip(&self.secrecy).filter(|(token, secrecy)| token.kind == Kind::Text && **secrecy == Secrecy::Open);
        open.map(|(token, _)| token.inner(self.sql)).filter(|text| is_pattern(text)).collect()
    }

    /// Marks the spans found backwards, in one sweep.
    fn apply_backward(&mut self) {
        self.backward.sort_unstable();
        let mut reached = 0; // one past the last token marked so far
        for (from, to) in std::mem::take(&mut self.backward) {
            for index in from.max(reached)..(to + 1).min(self.secrecy.len()) {
                self.secrecy[index] = Secrecy::Secret;
            }
            reached = reached.max(to + 1);
        }
    }
}

fn number(value: &str, secrecy: Secrecy) -> Cow<'_, str> {
    if secrecy.hides(value) { Cow::Borrowed(MASK) } else { Cow::Borrowed(value) }
}

fn is_plain_name(text: &str) -> bool {
    text.len() < 64 && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'))
}

fn is_comparison(symbol: &str) -> bool {
    matches!(symbol, "=" | "==" | "<>" | "!=" | "<=>" | ":=" | "<" | ">" | "<=" | ">=" | "~" | "~*" | "!~" | "!~*" | "~~" | "~~*" | "!~~" | "!~~*" | "=>")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql;

    fn check_dialect(dialect: Dialect, statement_in: &str, expected: &str, secret: &[usize]) {
        let tokens = sql::tokens(statement_in, dialect);
        let masked = statement(statement_in, &tokens, dialect, &[]);
        assert_eq!(masked.statement, expected);
        let mut got: Vec<usize> = masked.secret_parameters.iter().map(|(index, _)| *index).collect();
        got.dedup();
        assert_eq!(got, secret, "{statement_in}");
    }

    fn check(statement_in: &str, expected: &str, secret: &[usize]) {
        check_dialect(Dialect::PostgreSql, statement_in, expected, secret);
    }

    fn same(statement_in: &str, secret: &[usize]) {
        check(statement_in, statement_in, secret);
    }

    #[test]
    fn values_compared_with_or_assigned_to_a_secret() {
        same("SELECT 1 FROM kms.account WHERE username = $1 AND password_md5 = md5($2)", &[2]);
        check("select * from a where name='ann' and a.password = 'x' and no=7", "select * from a where name='ann' and a.password = '[masked]' and no=7", &[]);
        check("update a set password='x', email='e' where no=7", "update a set password='[masked]', email='e' where no=7", &[]);
        check("select 1 from a where 'x' = password and b='y'", "select 1 from a where '[masked]' = password and b='y'", &[]);
        same("select 1 from a where crypt($1, password) = a.password and no=$2", &[1]);
        same("select 1 from a where upper($1)::text = password_hash and no = $2", &[1]);
        check("select 1 from a where lower(password) like 'x%' or b in ('y')", "select 1 from a where lower(password) like '[masked]' or b in ('y')", &[]);
        check("select 1 from a where password in ('x','y') and b in ('z')", "select 1 from a where password in ('[masked]','[masked]') and b in ('z')", &[]);
        check(r#"select 1 from a where U&"p\0061ssword" = 'x'"#, r#"select 1 from a where U&"p\0061ssword" = '[masked]'"#, &[]);
        check("select 1 from a where \"Password\" is distinct from 'x'", "select 1 from a where \"Password\" is distinct from '[masked]'", &[]);
        check("select 1 from a where d->>'password' = 'x'", "select 1 from a where d->>'password' = '[masked]'", &[]);
        check("select 1 from a where pin = 1234 and no = 5678", "select 1 from a where pin = [masked] and no = 5678", &[]);
        same("update a set password = (select password from b where no = 'C1') where no = $1", &[]);
        same("select 1 from a where (username, password) = ($1, $2)", &[2]);
        same("select 1 from a where $1::varchar(255) = password and no = $2", &[1]);
        same("select case password when $1 then 1 end, no from a where no = $2", &[1]);
        same("select 1 from a where (email = $1 and password = $2) or no = $3", &[2]);
        same("call sp_login($1, $2)", &[2]);
        same("select f(p_user => $1, p_password => $2, p_no => $3)", &[2]);
        same("select 1 from a where password_changed_at < '2026-01-01'", &[]);
    }

    #[test]
    fn a_pattern_that_is_searched_for_everywhere_is_no_secret() {
        same("select no from a where upper(name::text) like upper('%bra%') or upper(secret::text) like upper('%bra%')", &[]);
        check("select no from a where name like '%x%' or secret like '%y%'", "select no from a where name like '%x%' or secret like '[masked]'", &[]);
        check("select no from a where name = 'ann' and password = 'ann'", "select no from a where name = 'ann' and password = '[masked]'", &[]);
    }

    #[test]
    fn column_lists_map_positions_to_names() {
        same("INSERT INTO account(username, password_md5) VALUES ($1,$2)", &[2]);
        same("INSERT INTO s.account (username, \"password\", email) VALUES ($1, md5($2), $3), ($4, $5, $6) ON CONFLICT DO NOTHING RETURNING id", &[2, 5]);
        same("INSERT INTO a(account, value, \"order\", set, password) VALUES ($1, $2, $3, $4, $5)", &[5]);
        same("INSERT INTO account(username, password) SELECT $1, $2 FROM x WHERE no = $3", &[2]);
        check("insert into a(no, secret) values (1, E'x\\'y'), (2, null)", "insert into a(no, secret) values (1, E'[masked]'), (2, null)", &[]);
        check("insert into password_reset_token values ('C1', 'x')", "insert into password_reset_token values ('C1', '[masked]')", &[]);
        same("INSERT INTO account AS a (username, password) VALUES ($1, $2)", &[2]);
        same("INSERT INTO account(username, password) SELECT * FROM unnest($1::text[], $2::text[])", &[2]);
        same("MERGE INTO a USING b ON a.u = b.u WHEN NOT MATCHED THEN INSERT (username, password) VALUES ($1, $2)", &[2]);
        same("INSERT INTO t(a, b) VALUES ($1, (SELECT x FROM y WHERE z = $2 AND pin = $3))", &[3]);
        same("MERGE INTO a USING (SELECT $1 AS username, $2 AS password) s ON a.u = s.username", &[2]);
    }

    #[test]
    fn functions_and_role_commands() {
        check("select digest('x', 'sha256'), upper('y')", "select digest('[masked]', '[masked]'), upper('y')", &[]);
        check("select set_password('ann', 'x')", "select set_password('ann', '[masked]')", &[]);
        check("select hash_password('x')", "select hash_password('[masked]')", &[]);
        check("select login('ann', 'x')", "select login('ann', '[masked]')", &[]);
        check(
            "select jsonb_build_object('user', 'ann', 'password', 'x', 'no', 1)",
            "select jsonb_build_object('user', 'ann', 'password', '[masked]', 'no', 1)",
            &[],
        );
        check("ALTER ROLE ann WITH LOGIN PASSWORD 'x' VALID UNTIL '2027-01-01'", "ALTER ROLE ann WITH LOGIN PASSWORD '[masked]' VALID UNTIL '2027-01-01'", &[]);
        check("create role ann encrypted password 'md5x", "create role ann encrypted password '[masked]", &[]);
        check(
            "CREATE USER MAPPING FOR a SERVER s OPTIONS (user 'u', password 'x')",
            "CREATE USER MAPPING FOR a SERVER s OPTIONS (user 'u', password '[masked]')",
            &[],
        );
        check("set app.token to 'x'", "set app.token to '[masked]'", &[]);
        check("select dblink('host=h user=u password=x', 'select 1')", "select dblink('host=h user=u password=[masked]', 'select 1')", &[]);
        check("select dblink('postgres://u:x@h/d', $$select 1$$)", "select dblink('postgres://u:[masked]@h/d', $$select 1$$)", &[]);
        check("insert into a values (1, '$2b$12$abcdefghijklmnopqrstuv')", "insert into a values (1, '[masked]')", &[]);
    }

    #[test]
    fn mysql_accounts() {
        let check = |sql, expected, secret: &[usize]| check_dialect(Dialect::MySql, sql, expected, secret);
        check("CREATE USER 'u'@'h' IDENTIFIED BY 'x'", "CREATE USER 'u'@'h' IDENTIFIED BY '[masked]'", &[]);
        check(
            "ALTER USER u IDENTIFIED WITH mysql_native_password AS '*ABC' REQUIRE SSL",
            "ALTER USER u IDENTIFIED WITH mysql_native_password AS '[masked]' REQUIRE SSL",
            &[],
        );
        check("SET PASSWORD FOR 'u'@'h' = PASSWORD('x')", "SET PASSWORD FOR 'u'@'h' = PASSWORD('[masked]')", &[]);
        check("INSERT INTO u SET name='a', pass='b', no=1", "INSERT INTO u SET name='a', pass='[masked]', no=1", &[]);
        check(
            "INSERT INTO u (name, pass) VALUES ('a','b') ON DUPLICATE KEY UPDATE pass='c', name='d'",
            "INSERT INTO u (name, pass) VALUES ('a','[masked]') ON DUPLICATE KEY UPDATE pass='[masked]', name='d'",
            &[],
        );
        check(
            "SELECT 1 FROM a WHERE \"password\" = 'x' /*! AND `pin` = 1234 */",
            "SELECT 1 FROM a WHERE \"password\" = '[masked]' /*! AND `pin` = [masked] */",
            &[],
        );
        check("SET PASSWORD = \"x\"", "SET PASSWORD = \"[masked]\"", &[]);
        check("CHANGE MASTER TO MASTER_USER='u', MASTER_PASSWORD='x'", "CHANGE MASTER TO MASTER_USER='u', MASTER_PASSWORD='[masked]'", &[]);
        check("SELECT 1 FROM a WHERE u = ? AND `password` = SHA2(?, 256)", "SELECT 1 FROM a WHERE u = ? AND `password` = SHA2(?, [masked])", &[2]);
    }

    #[test]
    fn injected_text_and_identifiers_stay() {
        same("SELECT id, title FROM d WHERE title ILIKE '%x' UNION SELECT 1, username||':'||password_md5 FROM kms.account --%' ORDER BY 2", &[]);
        same("SELECT a FROM b WHERE staff_no = 'C10738' AND hkid = 'A123456(7)' AND name ILIKE '%x'' OR 1=1 --'", &[]);
        same("SELECT staff_no, password_md5 FROM a WHERE staff_no = $1 ORDER BY password_md5, 2 LIMIT 20", &[]);
        same("select ')))' from a where b = ')' )", &[]);
    }

    #[test]
    fn execute_takes_its_secrets_from_prepare() {
        let sql = "execute q('ann', 'x')";
        let tokens = sql::tokens(sql, Dialect::PostgreSql);
        let masked = statement(sql, &tokens, Dialect::PostgreSql, &[(2, Secrecy::Secret)]);
        assert_eq!(masked.statement, "execute q('ann', '[masked]')");
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[ -~\n'\"$()=,;pasword*/é-]{0,80}", mysql in proptest::bool::ANY) {
            let dialect = if mysql { Dialect::MySql } else { Dialect::PostgreSql };
            let tokens = sql::tokens(&text, dialect);
            statement(&text, &tokens, dialect, &[(2, Secrecy::Secret)]);
            message(&text, dialect);
        }
    }
}
