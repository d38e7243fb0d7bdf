//! Foreign keys that the log makes: what they do where the row that they name goes or changes.

use strandline_sql::lexer::{outside_brackets, qualified_name, tokens};

use crate::snapshot::add_key;
use crate::store::StoredDatabase;
use crate::writes::Write;

/// Adds to the tables the foreign keys that `ALTER TABLE … ADD … FOREIGN KEY` gave them.
pub fn add_keys_of_log(stored: &mut [StoredDatabase], writes: &[Write]) {
    let may_add = |write: &&Write| write.statement.trim_start().get(..5).is_some_and(|word| word.eq_ignore_ascii_case("alter"));
    for write in writes.iter().filter(may_add) {
        let all = tokens(&write.statement, write.dialect);
        let Some(mut foreign) = outside_brackets(&all, 0, |t| t.is("foreign")) else { continue };
        let words = all.iter().skip(2).take_while(|t| ["if", "exists", "only"].iter().any(|word| t.is(word))).count();
        let Some((parts, _)) = qualified_name(&all, 2 + words, write.dialect).filter(|_| all[1].is("table")) else { continue };
        let may_be_in =
            |database: &&mut StoredDatabase| database.dialect == write.dialect && write.database.as_deref().is_none_or(|name| name == database.name);
        for database in stored.iter_mut().filter(may_be_in) {
            let Some(at) = database.resolve(&parts, |full| database.table(full).is_some()).and_then(|full| database.table(&full)) else { continue };
            let table = &mut database.tables[at];
            loop {
                let next = outside_brackets(&all, foreign + 1, |t| t.is("foreign"));
                let before = table.foreign_keys.len();
                add_key(table, &all[foreign..next.unwrap_or(all.len())], write.dialect);
                table.foreign_keys[before..].iter_mut().for_each(|key| key.is_of_log = true);
                let Some(next) = next else { break };
                foreign = next;
            }
        }
    }
}
