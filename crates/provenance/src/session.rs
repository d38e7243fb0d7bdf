//! The session in which a statement ran, as far as its answer hangs on it: where bare names are looked for, in which zone its
//! times are read, what `||` does.

pub use strandline_sql::Zone;

/// What a replay is told of a session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Session {
    /// Schemas that are searched for a bare name; `None` is the database's own list.
    pub search_path: Option<Vec<String>>,
    /// The role as which it works; `None` where it is not known.
    pub role: Option<String>,
    /// The zone of its times; `None` where it is not known.
    pub zone: Option<Zone>,
    /// Whether MySQL's `||` joins texts.
    pub pipes_join: bool,
    /// Bytes after which MySQL cuts a joined text (`group_concat_max_len`), where the session set it.
    pub joined_bytes: Option<u64>,
}
