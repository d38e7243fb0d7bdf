//! Follows the commands of each connection in their order: cursors, prepared statements, and what they stand for.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use strandline_model::access::Access;
use strandline_model::evidence::EventRef;

use crate::Dialect;
use crate::missing::Missing;
use crate::statement::{Command, Meaning, Motion, understand};
use strandline_sql::lexer;

/// What a command of a connection comes to.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Resolved {
    /// It shows nothing by itself.
    Control,
    /// It fetched rows of the cursor with this number; which ones is worked out once the cursor's size is known.
    Fetched { cursor: usize, fetch: usize },
    /// The cursor's rows were fetched, and no one knows how far.
    WholeCursor { cursor: usize },
    /// It executed this statement.
    Executed { sql: String, parameters: Vec<Option<String>>, parameters_known: bool, missing: Option<Missing> },
    /// It showed rows of something that the log does not have.
    Lost(Missing),
}

/// A cursor of a connection.
#[derive(Clone, Debug)]
pub(crate) struct Cursor {
    pub(crate) database: String,
    pub(crate) connection: String,
    /// Number of the access that declared it.
    pub(crate) declared: usize,
    pub(crate) query: String,
    pub(crate) time: i64,
    pub(crate) parameters: Vec<Option<String>>,
    pub(crate) parameters_known: bool,
    /// In order; whether the motion shows its rows.
    pub(crate) motions: Vec<(Motion, bool)>,
    /// Records of the DECLARE.
    pub(crate) proof: Vec<EventRef>,
    /// Number of the access, and of the statement in it.
    pub(crate) place: (usize, usize),
}

struct Item {
    order: (i64, i64, usize, usize),
    command: Command,
    parameters: Vec<Option<String>>,
    parameters_known: bool,
    row_count: Option<i64>,
}

/// Collects the commands of all connections.
#[derive(Default)]
pub(crate) struct Collector {
    items: BTreeMap<(String, String), Vec<Item>>,
    /// Connections on which a prepared statement ran whose rows were not sent.
    unsent: BTreeSet<(String, String)>,
}

/// The commands, resolved.
#[derive(Default)]
pub(crate) struct Commands {
    /// By number of the access and of the statement in its string.
    pub(crate) resolved: HashMap<(usize, usize), Resolved>,
    pub(crate) cursors: Vec<Cursor>,
}

impl Collector {
    /// Takes the commands of one access.
    pub(crate) fn take(&mut self, number: usize, access: &Access, dialect: Dialect) {
        let connection = || access.connection.clone().or_else(|| access.session.clone()).unwrap_or_default();
        if executes_unsent(&access.statement) {
            self.unsent.insert((access.database.clone(), connection()));
        }
        if !may_hold_command(&access.statement) {
            return;
        }
        for (part, sql) in lexer::statements(&access.statement, dialect).into_iter().enumerate() {
            let Meaning::Command(command) = understand(sql, dialect) else { continue };
            let connection = connection();
            let order = (access.sequence.unwrap_or(i64::MAX), access.time.micros(), number, part);
            self.items.entry((access.database.clone(), connection)).or_default().push(Item {
                order: if access.sequence.is_some() { order } else { (access.time.micros(), 0, number, part) },
                command,
                parameters: access.parameters.clone(),
                parameters_known: access.parameters_known,
                row_count: access.row_count,
            });
        }
    }

    /// The connections that have commands.
    pub(crate) fn connections(&self) -> impl Iterator<Item = &str> {
        self.items.keys().map(|(_, connection)| connection.as_str())
    }

    /// Resolves the commands. `logged` says whether the log of a connection has its FETCHes and EXECUTEs.
    pub(crate) fn resolve(self, logged: &dyn Fn(&str) -> bool) -> Commands {
        let mut commands = Commands::default();
        for ((database, connection), mut items) in self.items {
            items.sort_by_key(|i| i.order);
            let is_sent = !self.unsent.contains(&(database.clone(), connection.clone()));
            let mut conversation = Conversation { database, connection, is_sent, commands: &mut commands, open: HashMap::new(), prepared: HashMap::new() };
            let first_cursor = conversation.commands.cursors.len();
            for item in items {
                conversation.take(item);
            }
            let all_logged = logged(&conversation.connection);
            conversation.finish(first_cursor, all_logged);
        }
        commands
    }
}

/// `CREATE TABLE t AS EXECUTE p`, `EXPLAIN ANALYZE EXECUTE p`: pgaudit then counts the rows of `p`, and nobody is sent them.
fn executes_unsent(statement: &str) -> bool {
    let lower = statement.to_ascii_lowercase();
    let words: Vec<&str> = lower.split_whitespace().collect();
    let explains = words.first() == Some(&"explain") && words.contains(&"execute");
    explains || words.windows(2).any(|pair| pair == ["as", "execute"])
}

fn may_hold_command(statement: &str) -> bool {
    let word = statement.split_whitespace().next().unwrap_or_default().to_ascii_lowercase();
    ["declare", "fetch", "move", "close", "prepare", "execute", "deallocate", "drop"].contains(&word.as_str()) || statement.contains(';')
}

struct Prepared {
    statement: String,
    place: (usize, usize),
    executed: bool,
}

struct Conversation<'c> {
    database: String,
    connection: String,
    /// Whether what a prepared statement gave was sent each time.
    is_sent: bool,
    commands: &'c mut Commands,
    open: HashMap<String, usize>,
    prepared: HashMap<String, Prepared>,
}

impl Conversation<'_> {
    fn take(&mut self, item: Item) {
        let place = (item.order.2, item.order.3);
        let resolved = match item.command {
            Command::Declare { name, query } => {
                self.declare(name, query, place, (item.parameters, item.parameters_known));
                Resolved::Control
            }
            Command::Fetch { name, motion, shows } => match self.open.get(&name) {
                Some(&cursor) => {
                    let motions = &mut self.commands.cursors[cursor].motions;
                    motions.push((motion, shows));
                    if shows { Resolved::Fetched { cursor, fetch: motions.len() - 1 } } else { Resolved::Control }
                }
                None if shows => Resolved::Lost(Missing::CursorUnknown),
                None => Resolved::Control,
            },
            Command::Close { name } => {
                match name {
                    Some(name) => drop(self.open.remove(&name)),
                    None => self.open.clear(),
                }
                Resolved::Control
            }
            Command::Prepare { name, statement } => {
                // pgaudit logs an execution under the text of its PREPARE, with the parameters and rows of the execution.
                if !item.parameters.is_empty() || item.row_count.is_some_and(|n| n > 0) {
                    if let Some(prepared) = self.prepared.get_mut(&name) {
                        prepared.executed = true;
                    }
                    let missing = (!self.is_sent).then_some(Missing::SentToServer);
                    Resolved::Executed { sql: statement, parameters: item.parameters, parameters_known: item.parameters_known, missing }
                } else {
                    self.prepared.insert(name, Prepared { statement, place, executed: false });
                    Resolved::Control
                }
            }
            Command::Execute { name, arguments } => match self.prepared.get_mut(&name) {
                Some(prepared) => {
                    prepared.executed = true;
                    Resolved::Executed {
                        sql: prepared.statement.clone(),
                        parameters_known: arguments.is_some(),
                        parameters: arguments.unwrap_or_default(),
                        missing: None,
                    }
                }
                None => Resolved::Lost(Missing::PreparedUnknown),
            },
            Command::Deallocate { name } => {
                match name {
                    Some(name) => self.forget(&name),
                    None => self.prepared.keys().cloned().collect::<Vec<_>>().iter().for_each(|name| self.forget(name)),
                }
                Resolved::Control
            }
        };
        self.commands.resolved.insert(place, resolved);
    }

    /// Opens a cursor, unless several logs tell of one DECLARE.
    fn declare(&mut self, name: String, query: String, place: (usize, usize), (parameters, parameters_known): (Vec<Option<String>>, bool)) {
        let is_repeated = |at: &usize| self.commands.cursors[*at].query == query && self.commands.cursors[*at].motions.is_empty();
        if self.open.get(&name).is_some_and(is_repeated) {
            return;
        }
        self.open.insert(name, self.commands.cursors.len());
        self.commands.cursors.push(Cursor {
            database: self.database.clone(),
            connection: self.connection.clone(),
            declared: place.0,
            query,
            time: 0,
            parameters,
            parameters_known,
            motions: Vec::new(),
            proof: Vec::new(),
            place,
        });
    }

    fn forget(&mut self, name: &str) {
        if let Some(prepared) = self.prepared.remove(name).filter(|p| !p.executed) {
            self.unexecuted(prepared);
        }
    }

    /// A prepared statement without an execution in the log: whether there was one is not known.
    fn unexecuted(&mut self, prepared: Prepared) {
        let parameters_known = !prepared.statement.contains(['$', '?']);
        let missing = Some(Missing::ExecutionNotLogged);
        self.commands.resolved.insert(prepared.place, Resolved::Executed { sql: prepared.statement, parameters: Vec::new(), parameters_known, missing });
    }

    fn finish(mut self, first_cursor: usize, all_logged: bool) {
        if all_logged {
            return;
        }
        let mut left: Vec<Prepared> = self.prepared.drain().map(|(_, p)| p).filter(|p| !p.executed).collect();
        left.sort_by_key(|p| p.place);
        left.into_iter().for_each(|p| self.unexecuted(p));
        for cursor in first_cursor..self.commands.cursors.len() {
            if !self.commands.cursors[cursor].motions.iter().any(|(_, shows)| *shows) {
                let place = self.commands.cursors[cursor].place;
                self.commands.resolved.insert(place, Resolved::WholeCursor { cursor });
            }
        }
    }
}
