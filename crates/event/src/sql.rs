//! What a statement's tokens say of the event: its command and its activity. The tokens themselves are cut by
//! `strandline-sql`, for masking and understanding alike.

use strandline_model::event::Activity;
use strandline_sql::Rules;
use strandline_sql::token::tokenize;

pub use strandline_sql::Dialect;
pub use strandline_sql::token::{Kind, Token};

/// Cuts SQL into tokens, as a server is set up by default. Where it depends on a server that is not known whether a
/// comment runs, it is taken to run, so that the secrets in it are masked.
pub fn tokens(sql: &str, dialect: Dialect) -> Vec<Token> {
    tokenize(sql, Rules::of(dialect))
}

/// The command of a statement: its first keyword, or two where one does not say enough (`CREATE TABLE`,
/// `DECLARE CURSOR`). A `WITH` is looked through.
pub fn command(sql: &str, tokens: &[Token]) -> Option<String> {
    let significant = || tokens.iter().filter(|t| t.kind != Kind::Comment);
    let mut words = significant().skip_while(|t| t.is_symbol(sql, "(")).take_while(|t| t.kind == Kind::Word);
    let first = words.next()?.text(sql).to_ascii_uppercase();
    let second = words.next().map(|t| t.text(sql).to_ascii_uppercase());
    let third = words.next().map(|t| t.text(sql).to_ascii_uppercase());
    Some(match (first.as_str(), second.as_deref(), third.as_deref()) {
        ("WITH", ..) => main_verb(sql, significant()).unwrap_or(first),
        ("DECLARE", ..) => "DECLARE CURSOR".to_owned(),
        ("CREATE", Some("OR"), Some("REPLACE")) => "CREATE".to_owned(),
        ("CREATE", Some("TEMP" | "TEMPORARY" | "UNLOGGED" | "UNIQUE"), Some(what)) => format!("CREATE {what}"),
        ("ALTER", Some("DEFAULT"), Some("PRIVILEGES")) => "ALTER DEFAULT PRIVILEGES".to_owned(),
        ("CREATE" | "ALTER" | "DROP" | "START" | "LOAD", Some(what), _) => format!("{first} {what}"),
        _ => first,
    })
}

/// The first verb outside parentheses after a `WITH`.
fn main_verb<'t>(sql: &str, tokens: impl Iterator<Item = &'t Token>) -> Option<String> {
    let mut depth = 0_i32;
    for token in tokens {
        match token.kind {
            Kind::Symbol if token.text(sql) == "(" => depth += 1,
            Kind::Symbol if token.text(sql) == ")" => depth -= 1,
            Kind::Word if depth == 0 => {
                let word = token.text(sql).to_ascii_uppercase();
                if matches!(word.as_str(), "SELECT" | "INSERT" | "UPDATE" | "DELETE" | "MERGE" | "VALUES" | "TABLE" | "REPLACE") {
                    return Some(word);
                }
            }
            _ => {}
        }
    }
    None
}

/// What a statement does, by its command. `COPY` and the like are told apart by where the data go.
pub fn activity(command: &str, sql: &str, tokens: &[Token]) -> Activity {
    let verb = command.split(' ').next().unwrap_or_default();
    match verb {
        "SELECT" | "TABLE" | "VALUES" | "SHOW" | "FETCH" | "DESCRIBE" | "DESC" => Activity::Read,
        "DECLARE" => Activity::Read,
        "INSERT" | "UPDATE" | "DELETE" | "MERGE" | "TRUNCATE" | "REPLACE" | "LOAD" => Activity::Write,
        "COPY" => copy_direction(sql, tokens),
        "CREATE" | "ALTER" | "DROP" | "GRANT" | "REVOKE" | "COMMENT" | "SECURITY" | "REASSIGN" | "RENAME" | "IMPORT" | "REINDEX" => Activity::Define,
        _ => Activity::Query,
    }
}

fn copy_direction(sql: &str, tokens: &[Token]) -> Activity {
    let mut depth = 0_i32;
    for token in tokens {
        match token.kind {
            Kind::Symbol if token.text(sql) == "(" => depth += 1,
            Kind::Symbol if token.text(sql) == ")" => depth -= 1,
            Kind::Word if depth == 0 && token.is_word(sql, "from") => return Activity::Write,
            Kind::Word if depth == 0 && token.is_word(sql, "to") => return Activity::Read,
            _ => {}
        }
    }
    Activity::Read // cut off before the direction: a read is what must not be missed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(dialect: Dialect, sql: &str, expected: &[(Kind, &str)]) {
        let got: Vec<_> = tokens(sql, dialect).iter().map(|t| (t.kind, t.inner(sql))).collect();
        assert_eq!(got, expected);
    }

    #[test]
    fn postgresql_literals_names_and_comments() {
        check(Dialect::PostgreSql, r#"a='it''s' --x"#, &[(Kind::Word, "a"), (Kind::Symbol, "="), (Kind::Text, "it''s"), (Kind::Comment, "x")]);
        check(Dialect::PostgreSql, r"E'a\'b' 'a\'", &[(Kind::Text, r"a\'b"), (Kind::Text, r"a\")]);
        check(Dialect::PostgreSql, "$f$a'b$f$ $1 $$", &[(Kind::Text, "a'b"), (Kind::Parameter, "$1"), (Kind::Text, "")]);
        check(Dialect::PostgreSql, "/*a/*b*/c*/1.5e3", &[(Kind::Comment, "a/*b*/c"), (Kind::Number, "1.5e3")]);
        check(Dialect::PostgreSql, r#""a""b"x"#, &[(Kind::QuotedName, r#"a""b"#), (Kind::Word, "x")]);
    }

    #[test]
    fn mysql_literals_names_and_comments() {
        check(Dialect::MySql, r#"`a`="b\"c"#, &[(Kind::QuotedName, "a"), (Kind::Symbol, "="), (Kind::Text, r#"b\"c"#)]);
        check(Dialect::MySql, "a=? # x\nb", &[(Kind::Word, "a"), (Kind::Symbol, "="), (Kind::Parameter, "?"), (Kind::Comment, " x"), (Kind::Word, "b")]);
    }

    #[test]
    fn cut_off_text_ends_with_the_text() {
        check(Dialect::PostgreSql, "'abc", &[(Kind::Text, "abc")]);
        check(Dialect::PostgreSql, "E'abc\\", &[(Kind::Text, "abc\\")]);
        check(Dialect::PostgreSql, "/* abc", &[(Kind::Comment, " abc")]);
        check(Dialect::PostgreSql, "$a$ abc", &[(Kind::Text, " abc")]);
        check(Dialect::PostgreSql, "e'", &[(Kind::Text, "")]);
    }

    fn check_activity(sql: &str, expected: &str, activity_expected: Activity) {
        let tokens = tokens(sql, Dialect::PostgreSql);
        let command = command(sql, &tokens).expect("a command");
        assert_eq!((command.as_str(), activity(&command, sql, &tokens)), (expected, activity_expected));
    }

    #[test]
    fn commands_and_activities() {
        check_activity("/* x */ (select 1)", "SELECT", Activity::Read);
        check_activity("WITH x AS (DELETE FROM a RETURNING *) SELECT * FROM x", "SELECT", Activity::Read);
        check_activity("WITH x AS (SELECT 1) INSERT INTO a SELECT * FROM x", "INSERT", Activity::Write);
        check_activity("COPY (SELECT a FROM b) TO STDOUT", "COPY", Activity::Read);
        check_activity("copy t from stdin", "COPY", Activity::Write);
        check_activity("create temp table x as select 1", "CREATE TABLE", Activity::Define);
        check_activity("declare c1 cursor for select 1", "DECLARE CURSOR", Activity::Read);
        check_activity("begin", "BEGIN", Activity::Query);
    }
}
