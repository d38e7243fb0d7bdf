//! What a column was declared as: domains opened, names of types looked up, its collation by provider and locale. What the
//! dumps do not say is not known.

use strandline_sql::lexer::{qualified_name, tokens};

use crate::Dialect;
use crate::store::{Column, StoredCollation, StoredDatabase, StoredTable, StoredType};

/// Domains upon domains that are opened; more are a circle, or hostile.
const DOMAINS: usize = 64;

/// What a column was declared as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declaration {
    /// Its type, with every domain opened.
    pub base: Base,
    /// Its collation: `icu:LOCALE`, `libc:LOCALE`, `charset:NAME` for the default of a character set, `nondeterministic`, or its name.
    /// `None` where it has the database's.
    pub collation: Option<String>,
}

/// A type, domains opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Base {
    /// An enum, with its labels in order.
    Enum(Vec<String>),
    /// A type of the server's own, as it is written (`character varying(20)`, `enum('a','b')`).
    Written(String),
    /// A type that the database defines otherwise, or of which the dumps say nothing.
    Other,
}

impl StoredDatabase {
    /// What a column of one of its tables was declared as.
    pub fn declaration(&self, table: &StoredTable, column: &Column) -> Declaration {
        let (base, of_domain) = self.open_type(&table.schema, &column.declared);
        let collation = match self.dialect {
            Dialect::PostgreSql => column.collation.clone().or(of_domain).and_then(|name| self.collation(&table.schema, &name)),
            Dialect::MySql => mysql_collation(table, column),
        };
        Declaration { base, collation }
    }

    /// A type with all domains opened, and the collation that the outermost of them names.
    pub(crate) fn open_type(&self, schema: &str, declared: &str) -> (Base, Option<String>) {
        let (mut written, mut collation) = (declared.to_owned(), None);
        for _ in 0..DOMAINS {
            match self.defined_type(schema, &written) {
                None => return (Base::Written(written), collation),
                Some(StoredType::Enum(labels)) => return (Base::Enum(labels.clone()), collation),
                Some(StoredType::Composite(_) | StoredType::Other(_)) => return (Base::Other, collation),
                Some(StoredType::Domain { base, collation: own }) => {
                    collation = collation.or_else(|| own.clone());
                    written = base.clone();
                }
            }
        }
        (Base::Other, collation)
    }

    /// The type of the database's own that these words name.
    fn defined_type(&self, schema: &str, written: &str) -> Option<&StoredType> {
        let all = tokens(written, self.dialect);
        let (parts, after) = qualified_name(&all, 0, self.dialect)?;
        // `mood[]` is an array.
        if after != all.len() {
            return None;
        }
        self.named(&self.described.types, schema, &parts)
    }

    /// What bears a name of one or two parts: in its own schema, in the table's, on the search path, or nowhere else.
    fn named<'d, T>(&self, all: &'d std::collections::BTreeMap<String, T>, schema: &str, parts: &[String]) -> Option<&'d T> {
        match parts {
            [name] => {
                let schemas = std::iter::once(schema).chain(self.search_path.iter().map(String::as_str));
                let near = schemas.filter_map(|schema| all.get(&format!("{schema}.{name}"))).next();
                near.or_else(|| {
                    let mut far = all.iter().filter(|(full, _)| full.rsplit_once('.').is_some_and(|(_, own)| own == name));
                    let only = far.next().filter(|_| far.next().is_none());
                    only.map(|(_, found)| found)
                })
            }
            [.., schema, name] => all.get(&format!("{schema}.{name}")),
            [] => None,
        }
    }

    /// What a collation's name stands for; `None` for the database's own.
    fn collation(&self, schema: &str, name: &str) -> Option<String> {
        let bare = name.strip_prefix("pg_catalog.").unwrap_or(name);
        if bare == "default" {
            return None;
        }
        let parts: Vec<String> = bare.split('.').map(str::to_owned).collect();
        let defined = self.named(&self.described.collations, schema, &[bare.to_owned()]).or_else(|| self.named(&self.described.collations, schema, &parts));
        Some(defined.map_or_else(|| bare.to_owned(), locale_of))
    }
}

/// The provider and the locale of a collation that the database defines.
fn locale_of(defined: &StoredCollation) -> String {
    match (&defined.locale, defined.provider.as_deref()) {
        _ if defined.nondeterministic => "nondeterministic".to_owned(),
        (Some(locale), Some("icu")) => format!("icu:{locale}"),
        // Without a provider it is the C library's.
        (Some(locale), None | Some("libc")) => format!("libc:{locale}"),
        _ => "unknown".to_owned(),
    }
}

/// A column's own collation or character set, else its table's.
fn mysql_collation(table: &StoredTable, column: &Column) -> Option<String> {
    let of = |collation: &Option<String>, set: &Option<String>| collation.clone().or_else(|| set.as_ref().map(|set| format!("charset:{set}")));
    let word = column.declared.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default().to_ascii_lowercase();
    // Bytes have no letters.
    if matches!(word.as_str(), "binary" | "varbinary" | "blob" | "tinyblob" | "mediumblob" | "longblob") {
        return Some("binary".to_owned());
    }
    of(&column.collation, &column.character_set).or_else(|| of(&table.collation, &table.character_set))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ReadOptions;
    use crate::value::ColumnKind;

    fn check(dialect: Dialect, dump: &str, expected: &[(Base, Option<&str>)]) -> StoredDatabase {
        let mut database = StoredDatabase::new("d", "d", dialect, &["hr".to_owned()]);
        crate::snapshot::fill(&mut database, &[("dump.sql", dump.as_bytes())], &ReadOptions::default(), &mut Vec::new()).expect("a whole dump");
        let table = &database.tables[0];
        let found: Vec<(Base, Option<String>)> =
            table.columns.iter().map(|column| database.declaration(table, column)).map(|declared| (declared.base, declared.collation)).collect();
        let expected: Vec<(Base, Option<String>)> = expected.iter().map(|(base, collation)| (base.clone(), collation.map(str::to_owned))).collect();
        assert_eq!(found, expected);
        database
    }

    fn written(of: &str) -> Base {
        Base::Written(of.to_owned())
    }

    #[test]
    fn types_of_the_database_are_looked_up_and_domains_opened() {
        let labels = Base::Enum(vec!["new".to_owned(), "active".to_owned()]);
        let dump = "CREATE TYPE public.mood AS ENUM (\n    'new',\n    'active'\n);\nCREATE DOMAIN hr.age AS integer\n\tCONSTRAINT age_check CHECK ((VALUE > 0));\n\
            CREATE DOMAIN hr.old AS hr.age;\nCREATE DOMAIN hr.word AS text COLLATE pg_catalog.\"C\";\nCREATE TYPE hr.place AS (\n\tx integer\n);\n\
            CREATE TABLE hr.t (a public.mood, b mood DEFAULT 'new'::public.mood, c hr.old NOT NULL, d hr.word, e hr.place, f public.mood[], g public.citext);\n";
        let expected = [
            (labels.clone(), None),
            (labels, None),
            (written("integer"), None),
            (written("text"), Some("C")),
            (Base::Other, None),
            (written("public.mood[]"), None),
            (written("public.citext"), None),
        ];
        check(Dialect::PostgreSql, dump, &expected);
    }

    #[test]
    fn types_are_known_in_a_dump_that_quotes_all_names() {
        let dump = "CREATE DOMAIN \"hr\".\"day\" AS \"date\";\nCREATE TABLE \"hr\".\"t\" (\n \"a\" \"date\",\n \"b\" character varying(15) NOT NULL,\n \
            \"c\" \"hr\".\"day\",\n \"d\" \"pg_catalog\".\"text\",\n \"e\" \"char\",\n \"f\" \"text\"[],\n \"g\" pg_catalog.timestamptz,\n \"h\" \"bit\"(3)\n);\n";
        let expected = ["date", "character varying(15)", "date", "text", "\"char\"", "text[]", "timestamptz", "bit(3)"].map(|word| (written(word), None));
        let database = check(Dialect::PostgreSql, dump, &expected);
        let kinds: Vec<ColumnKind> = database.tables[0].columns.iter().map(|column| column.kind).collect();
        use ColumnKind::{Date, Instant, Text};
        assert_eq!(kinds, [Date, Text, Date, Text, Text, Text, Instant, Text]);
    }

    #[test]
    fn collations_are_told_by_provider_and_locale() {
        let dump = "CREATE COLLATION public.german (provider = icu, locale = 'de-DE');\nCREATE COLLATION hr.\"any case\" (provider = icu, deterministic = false, locale = 'und');\n\
            CREATE TABLE hr.t (a text COLLATE public.german, b text COLLATE hr.\"any case\", c text COLLATE pg_catalog.\"de-x-icu\", d text COLLATE pg_catalog.\"default\", e text);\n";
        let expected = [
            (written("text"), Some("icu:de-DE")),
            (written("text"), Some("nondeterministic")),
            (written("text"), Some("de-x-icu")),
            (written("text"), None),
            (written("text"), None),
        ];
        check(Dialect::PostgreSql, dump, &expected);
    }

    #[test]
    fn a_mysql_column_has_its_own_collation_or_its_tables() {
        let dump = "CREATE TABLE `t` (\n `a` varchar(20) DEFAULT NULL,\n `b` varchar(9) CHARACTER SET latin1 COLLATE latin1_german1_ci NOT NULL,\n `c` char(3) CHARACTER SET ascii DEFAULT 'x',\n `d` blob\n) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;\n";
        let expected = [
            (written("varchar(20)"), Some("utf8mb4_unicode_ci")),
            (written("varchar(9) CHARACTER SET latin1"), Some("latin1_german1_ci")),
            (written("char(3) CHARACTER SET ascii"), Some("charset:ascii")),
            (written("blob"), Some("binary")),
        ];
        check(Dialect::MySql, dump, &expected);
    }
}
