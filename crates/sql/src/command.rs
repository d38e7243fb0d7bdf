//! Commands of a connection: cursors and prepared statements. No parser knows FETCH, MOVE and EXECUTE as servers do, so
//! they are read from tokens.

use crate::Dialect;
use crate::lexer::{Kind, Token, after_bracket, outside_brackets};

/// A command of a connection.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// It opens a cursor.
    Declare {
        /// Its name.
        name: String,
        /// The query that it runs over.
        query: String,
    },
    /// It moves a cursor.
    Fetch {
        /// Its name.
        name: String,
        /// How far.
        motion: Motion,
        /// Whether the rows are sent: FETCH, not MOVE.
        shows: bool,
    },
    /// It closes a cursor; all of them, if it names none.
    Close {
        /// Its name.
        name: Option<String>,
    },
    /// It keeps a statement.
    Prepare {
        /// Its name.
        name: String,
        /// What it keeps.
        statement: String,
    },
    /// It runs a kept statement.
    Execute {
        /// Its name.
        name: String,
        /// The values; `None` if one of them is no constant.
        arguments: Option<Vec<Option<String>>>,
    },
    /// It forgets a kept statement; all of them, if it names none.
    Deallocate {
        /// Its name.
        name: Option<String>,
    },
}

/// How far a cursor moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Motion {
    /// Rows onward, back if negative, the current row if none.
    Relative {
        /// How many.
        rows: i64,
        /// Whether those on the way are fetched too.
        all_between: AllBetween,
    },
    /// To a row counted from the start, from the end if negative.
    Absolute(i64),
}

/// Whether a motion fetches every row on its way or only the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AllBetween {
    /// Every row.
    Yes,
    /// The last alone.
    No,
}

impl Motion {
    /// Whether the command itself states that it fetches just this many rows. `FETCH ALL` states no number.
    pub fn states(self, fetched: u64) -> bool {
        match self {
            Self::Relative { rows, all_between: AllBetween::Yes } if rows != 0 => rows.unsigned_abs() == fetched,
            _ => fetched == 1,
        }
    }
}

fn without_end(sql: &str) -> String {
    sql.trim_end_matches(|c: char| c == ';' || c.is_whitespace()).to_owned()
}

pub(crate) fn close(all: &[Token<'_>], dialect: Dialect) -> Command {
    Command::Close { name: all.get(1).filter(|t| !t.is("all")).and_then(|t| t.name(dialect)) }
}

pub(crate) fn deallocate(all: &[Token<'_>], dialect: Dialect) -> Command {
    Command::Deallocate { name: all.iter().skip(1).find(|t| !t.is("prepare")).filter(|t| !t.is("all")).and_then(|t| t.name(dialect)) }
}

pub(crate) fn declare(sql: &str, all: &[Token<'_>], dialect: Dialect) -> Option<Command> {
    let name = all.get(1)?.name(dialect)?;
    let cursor = all.iter().position(|t| t.is("cursor"))?;
    let at = outside_brackets(all, cursor, |t| t.is("for"))?;
    Some(Command::Declare { name, query: without_end(&sql[all.get(at + 1)?.from..]) })
}

pub(crate) fn prepare(sql: &str, all: &[Token<'_>], dialect: Dialect) -> Option<Command> {
    let name = all.get(1)?.name(dialect)?;
    let at = outside_brackets(all, 2, |t| t.is("as") || t.is("from"))?;
    let body = all.get(at + 1)?;
    let statement = match (&body.kind, dialect) {
        (Kind::Text(text), Dialect::MySql) => text.clone(),
        _ => sql[body.from..].to_owned(),
    };
    Some(Command::Prepare { name, statement: without_end(&statement) })
}

pub(crate) fn execute(all: &[Token<'_>], dialect: Dialect) -> Option<Command> {
    let name = all.get(1)?.name(dialect)?;
    if all.get(2).is_some_and(|t| t.is("using")) {
        return Some(Command::Execute { name, arguments: None });
    }
    let mut arguments = Some(Vec::new());
    if all.get(2).is_some_and(|t| t.is_symbol('(')) {
        let mut at = 3;
        let end = after_bracket(all, 2).saturating_sub(1).max(3);
        while at < end {
            let stop = outside_brackets(&all[..end], at, |t| t.is_symbol(',')).unwrap_or(end);
            let argument = argument(&all[at..stop]);
            arguments = arguments.zip(argument).map(|(mut list, value)| {
                list.push(value);
                list
            });
            at = stop + 1;
        }
    }
    Some(Command::Execute { name, arguments })
}

/// A constant argument, with a cast after it or not; `None` if it is no constant.
fn argument(part: &[Token<'_>]) -> Option<Option<String>> {
    let (sign, part) = match part {
        [minus, rest @ ..] if minus.is_symbol('-') => ("-", rest),
        part => ("", part),
    };
    let value = match &part.first()?.kind {
        Kind::Text(text) => Some(text.clone()),
        Kind::Number(number) => Some(format!("{sign}{number}")),
        Kind::Word(word) if word.eq_ignore_ascii_case("null") => None,
        Kind::Word(word) if word.eq_ignore_ascii_case("true") || word.eq_ignore_ascii_case("false") => Some(word.to_ascii_lowercase()),
        _ => return None,
    };
    (part.len() == 1 || part[1].is_symbol(':')).then_some(value)
}

pub(crate) fn fetch(all: &[Token<'_>], dialect: Dialect) -> Option<Command> {
    let shows = all.first()?.is("fetch");
    let name = all.iter().rev().find(|t| !t.is_symbol(';'))?.name(dialect)?;
    let direction: Vec<&Token<'_>> = all[1..].iter().rev().skip_while(|t| t.is_symbol(';')).skip(1).filter(|t| !t.is("from") && !t.is("in")).collect();
    let direction: Vec<&Token<'_>> = direction.into_iter().rev().collect();
    Some(Command::Fetch { name, motion: motion(&direction)?, shows })
}

fn motion(direction: &[&Token<'_>]) -> Option<Motion> {
    let number = |from: usize| {
        let sign = if direction.get(from).is_some_and(|t| t.is_symbol('-')) { -1 } else { 1 };
        direction.iter().skip(from).find_map(|t| if let Kind::Number(n) = t.kind { n.parse::<i64>().ok() } else { None }).map(|n| sign * n)
    };
    let all_between = |rows| Motion::Relative { rows, all_between: AllBetween::Yes };
    let word = |w: &str| direction.first().is_some_and(|t| t.is(w));
    let everything = direction.iter().any(|t| t.is("all"));
    Some(if word("prior") {
        all_between(-1)
    } else if word("first") {
        Motion::Absolute(1)
    } else if word("last") {
        Motion::Absolute(-1)
    } else if word("absolute") {
        Motion::Absolute(number(1)?)
    } else if word("relative") {
        Motion::Relative { rows: number(1)?, all_between: AllBetween::No }
    } else if word("backward") {
        all_between(if everything { i64::MIN } else { number(1).unwrap_or(1).checked_neg()? })
    } else if everything {
        all_between(i64::MAX)
    } else if direction.is_empty() || word("next") {
        all_between(1)
    } else {
        all_between(if word("forward") { number(1).unwrap_or(1) } else { number(0)? })
    })
}

/// Where a cursor over `rows` rows stands after a motion from `position` (0 before the first, `rows + 1` after the
/// last), and the rows it fetched: how many to skip, how many to take. Source: PostgreSQL documentation, FETCH.
pub fn advance(position: u64, rows: u64, motion: Motion) -> (u64, Option<(u64, u64)>) {
    let after = rows.saturating_add(1);
    let one = |row: u64| (1..=rows).contains(&row).then(|| (row - 1, 1));
    match motion {
        Motion::Relative { rows: 0, .. } => (position, one(position)),
        Motion::Relative { rows: n, all_between: AllBetween::No } => {
            let target = position.saturating_add_signed(n).min(after);
            (target, one(target))
        }
        Motion::Relative { rows: n, all_between: AllBetween::Yes } if n > 0 => {
            let last = position.saturating_add(n.unsigned_abs()).min(rows);
            let target = position.saturating_add(n.unsigned_abs()).min(after);
            (target, (last > position).then(|| (position, last - position)))
        }
        Motion::Relative { rows: n, all_between: AllBetween::Yes } => {
            let target = position.saturating_sub(n.unsigned_abs());
            let first = target.max(1);
            (target, (position > first).then(|| (first - 1, position - first)))
        }
        Motion::Absolute(n) if n >= 0 => {
            let target = n.unsigned_abs().min(after);
            (target, one(target))
        }
        Motion::Absolute(n) => {
            let target = after.saturating_sub(n.unsigned_abs());
            (target, one(target))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Meaning, understand};

    #[test]
    fn cursors_move_as_the_manual_says() {
        let run = |sql: &[&str]| {
            let mut position = 0;
            let mut windows = Vec::new();
            for statement in sql {
                let Meaning::Command(Command::Fetch { motion, .. }) = understand(statement, Dialect::PostgreSql) else { panic!("a FETCH: {statement}") };
                let (next, window) = advance(position, 10, motion);
                position = next;
                windows.push(window);
            }
            windows
        };
        assert_eq!(run(&["FETCH 3 FROM c", "FETCH c", "MOVE 2 IN c", "FETCH ALL c"]), [Some((0, 3)), Some((3, 1)), Some((4, 2)), Some((6, 4))]);
        assert_eq!(
            run(&["FETCH LAST c", "FETCH BACKWARD 2 c", "FETCH PRIOR c", "FETCH RELATIVE -6 FROM c"]),
            [Some((9, 1)), Some((7, 2)), Some((6, 1)), Some((0, 1))]
        );
        assert_eq!(
            run(&["FETCH 20 c", "FETCH c", "FETCH BACKWARD ALL c", "FETCH ABSOLUTE 4 c", "FETCH 0 c"]),
            [Some((0, 10)), None, Some((0, 10)), Some((3, 1)), Some((3, 1))]
        );
        assert_eq!(run(&["FETCH ABSOLUTE -11 c", "FETCH FORWARD 2 c", "FETCH -1 c"]), [None, Some((0, 2)), Some((0, 1))]);
    }
}
