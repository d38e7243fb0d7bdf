//! Whose rules of quoting apply: a dialect, and what a session or a server changes of it.

use std::borrow::Cow;

/// The SQL dialect of a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dialect {
    /// PostgreSQL.
    PostgreSql,
    /// MySQL and MariaDB.
    MySql,
}

impl Dialect {
    /// A name as its server compares it with others, quoted or not: MySQL takes no notice of capitals in the names of columns
    /// and aliases, nor of tables where its files do not (`lower_case_table_names`). PostgreSQL does; what it makes of names that are
    /// not quoted is for whoever parses them.
    #[must_use]
    pub fn plain_name(self, name: &str) -> Cow<'_, str> {
        match self {
            Self::MySql if name.chars().any(char::is_uppercase) => Cow::Owned(name.to_lowercase()),
            _ => Cow::Borrowed(name),
        }
    }
}

/// What a backslash in a plain string is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Backslash {
    /// It stands for itself: PostgreSQL with `standard_conforming_strings`, MySQL with `NO_BACKSLASH_ESCAPES`.
    Itself,
    /// It escapes what follows.
    Escapes,
}

/// What stands between double quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DoubleQuotes {
    /// A name: PostgreSQL, MySQL with `ANSI_QUOTES`.
    Name,
    /// A text.
    Text,
}

/// Which server of a dialect, as far as it is known: MariaDB and MySQL run other comments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Server {
    /// Not known.
    Unknown,
    /// MySQL of this version, as `80036` for 8.0.36.
    MySql(u32),
    /// MariaDB of this version, as `101106` for 10.11.6.
    MariaDb(u32),
}

/// What is done with a comment of which it is not known whether the server ran it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DoubtfulComments {
    /// It is read as if it ran.
    Run,
    /// It is read as a comment.
    Skip,
}

/// How text is cut into tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rules {
    /// Whose grammar.
    pub dialect: Dialect,
    /// What a backslash in a plain string is.
    pub backslash: Backslash,
    /// What stands between double quotes.
    pub double_quotes: DoubleQuotes,
    /// Which server reads the text.
    pub server: Server,
    /// What to do where the server is not known.
    pub doubtful_comments: DoubtfulComments,
}

/// Who runs an executable comment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Executable {
    /// `/*! … */`
    Both,
    /// `/*M! … */`
    MariaDb,
}

impl Rules {
    /// The rules of a dialect as servers are set up.
    pub const fn of(dialect: Dialect) -> Self {
        let (backslash, double_quotes) = match dialect {
            Dialect::PostgreSql => (Backslash::Itself, DoubleQuotes::Name),
            Dialect::MySql => (Backslash::Escapes, DoubleQuotes::Text),
        };
        Self { dialect, backslash, double_quotes, server: Server::Unknown, doubtful_comments: DoubtfulComments::Run }
    }

    /// Whether the server runs such a comment; `None` if that depends on a server that is not known.
    ///
    /// MariaDB leaves out what MySQL marks for its versions from 5.7 on. Sources: MariaDB, Comment Syntax; MySQL 8.4,
    /// 11.7 Comments.
    pub(crate) fn runs(&self, comment: Executable, version: Option<u32>) -> Option<bool> {
        const OLD_ENOUGH_FOR_ALL: u32 = 50_700;
        const MYSQL_ONLY: std::ops::RangeInclusive<u32> = 50_700..=99_999;
        match (self.server, comment, version) {
            (Server::MySql(_), Executable::MariaDb, _) => Some(false),
            (Server::MariaDb(_), Executable::Both, Some(version)) if MYSQL_ONLY.contains(&version) => Some(false),
            (Server::MySql(own) | Server::MariaDb(own), _, version) => Some(version.is_none_or(|v| v <= own)),
            (Server::Unknown, Executable::Both, None) => Some(true),
            (Server::Unknown, Executable::Both, Some(version)) if version < OLD_ENOUGH_FOR_ALL => Some(true),
            (Server::Unknown, _, _) => None,
        }
    }
}

impl From<Dialect> for Rules {
    fn from(dialect: Dialect) -> Self {
        Self::of(dialect)
    }
}
