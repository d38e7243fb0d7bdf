//! What real servers answer, beside what is replayed on their own dumps: random values of every type, random conditions, orders and
//! groups. Nobody is sure whom the server did not send, and nobody is left out whom it did.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use strandline_history::{ReadOptions, Snapshot, Words, load};
use strandline_model::estate::Estate;

use crate::Options;
use crate::replay::{Call, Replayed};
use crate::session::Session;
use crate::world::{Builder, World};

/// Rows of the table, and statements that are asked of each seed.
const ROWS: u64 = 60;
const STATEMENTS: u64 = 100;

/// A small generator of its own: the same seed, the same values and statements.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }

    fn pick<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[usize::try_from(self.below(of.len() as u64)).unwrap_or(0)]
    }
}

/// A column: its name, its definition, the texts of values, and conditions in which `@` is a literal.
struct Kind {
    name: &'static str,
    definition: &'static str,
    values: &'static [&'static str],
    conditions: &'static [&'static str],
}

const COMPARED: &[&str] = &["# = @", "# <> @", "# < @", "# >= @", "# BETWEEN @ AND @", "# IN (@, @)", "# IS NULL", "NOT # > @", "# = @ OR # < @"];
const WORDS: &[&str] = &[
    "de Boer",
    "DeBaker",
    "van Horn",
    "VanDyke",
    "Müller",
    "Muller",
    "Mueller",
    "muller",
    "Östlund",
    "Zorn",
    "Ångström",
    "O'Neil",
    "o neil",
    "a-b",
    "ab",
    "a b",
    "A",
    "a",
    "",
    "ß",
    "ss",
    "coop",
    "co-op",
    "Coop",
    "résumé",
    "resume",
    "x_y",
    "x%y",
    "10",
    "9",
    "ﬁ",
    "日本",
    "abc ",
    "abc",
    // Letters with accents beside those without, Han characters, other scripts; letters that some languages move or put together.
    "José",
    "jose",
    "Zoë",
    "zoe",
    "Ñandú",
    "陳大文",
    "陳小文",
    "陳 David",
    "Иван",
    "иван",
    "Ёлка",
    "김",
    "Łódź",
    "chata",
    "cukr",
    "hrad",
    "Wik",
    "Vik",
    "iris",
    "yrsa",
    "IRIS",
    "Aase",
    "Azur",
    "zs",
    "tz",
];
const TEXTS: &[&str] = &[
    "# LIKE @",
    "# NOT LIKE 'a%'",
    "# LIKE 'M_ller'",
    "lower(#) = lower(@)",
    "upper(#) LIKE 'A%'",
    "# IN (SELECT # FROM t WHERE id < 9)",
    "# = ANY (SELECT # FROM t WHERE id < 9)",
    "# <> ALL (SELECT # FROM t WHERE id < 4)",
    "char_length(#) > 3",
];
/// What only MariaDB has of texts.
const WORDS_OF_MARIADB: &[&str] =
    &["FIELD(#, @, 'ab', @)", "FIND_IN_SET(#, 'Muller,AB,10')", "ELT(FIELD(#, @, @), 'x', 'y') = 'y'", "# = CHAR(97, 98)", "! (# = @)"];

const POSTGRES: &[Kind] = &[
    Kind { name: "mood", definition: "mood", values: &["new", "active", "closed", "Zed"], conditions: &["#::text LIKE 'a%'", "coalesce(#, 'new') < @"] },
    Kind { name: "pay", definition: "money", values: &["$9,001.00", "10004", "-5.20", "0", "99.99"], conditions: &[] },
    Kind { name: "ip", definition: "inet", values: &["10.9.0.1", "10.10.0.4", "10.0.0.0/8", "::1", "192.168.1.5/24"], conditions: &[] },
    Kind { name: "span", definition: "interval", values: &["9 days", "10 days", "1 mon", "30 days", "23:59:59", "-1 day", "1 year 2 mons"], conditions: &[] },
    Kind {
        name: "amount",
        definition: "numeric(8,2)",
        values: &["1.40", "1.50", "2.50", "-1.50", "2.60", "1000.00"],
        conditions: &["#::int = 2", "round(#) = 2", "#::int % 2 = 0", "# * 2 > 5", "# / 3 > 0.5"],
    },
    Kind { name: "loose", definition: "numeric", values: &["1.4", "1.50", "2.5", "-0.001", "12345.678"], conditions: &["#::int = 2", "trunc(#, 1) = 1.4"] },
    Kind {
        name: "ratio",
        definition: "double precision",
        values: &["0.1", "0.5", "1.5", "2.5", "-0.5"],
        conditions: &["#::int = 2", "# + 0.2 = 0.3", "round(#) = 2"],
    },
    Kind { name: "part", definition: "real", values: &["0.1", "0.5", "1.5", "3.25"], conditions: &["# = 0.1", "# = 0.1::real"] },
    Kind {
        name: "whole",
        definition: "integer",
        values: &["1", "2", "10", "-7", "9"],
        conditions: &["# / 2 = 1", "# % 3 = 1", "abs(#) = 7", "#::text LIKE '1%'"],
    },
    Kind {
        name: "born",
        definition: "date",
        values: &["2026-03-22", "2026-03-23", "1999-12-31", "2024-02-29"],
        conditions: &[
            "extract(year from #) = 2026",
            "date_trunc('month', #) = '2026-03-01'",
            "# + interval '1 day' = '2026-03-23'",
            "to_char(#, 'MM') = '03'",
            "extract(year from age('2026-12-30', #)) = 26",
            "date_part('year', age(DATE '2024-02-28', #)) < 0",
            "# > DATE '2026-03-27' - 5",
        ],
    },
    Kind {
        name: "made",
        definition: "timestamp",
        values: &["2026-03-22 23:30:00", "2026-03-23 00:30:00", "2026-03-23 12:00:00.5"],
        conditions: &["#::date = '2026-03-23'", "date_trunc('day', #) = '2026-03-22'", "extract(hour from #) = 0"],
    },
    Kind {
        name: "seen",
        definition: "timestamptz",
        values: &["2026-03-22 15:30:00+00", "2026-03-22 16:30:00+00", "2026-03-23 04:00:00+00", "2026-03-23 23:59:59+00"],
        conditions: &[
            "#::date = '2026-03-23'",
            "# >= '2026-03-23' AND # < '2026-03-24'",
            "date_trunc('day', #) = '2026-03-23'",
            "(# AT TIME ZONE 'UTC')::date = '2026-03-22'",
            "extract(day from #) = 22",
            "# = ANY (ARRAY(SELECT # FROM t WHERE id < 9))",
            "# AT TIME ZONE 'Asia/Tokyo' >= '2026-03-23 08:00'",
            "to_char(#, 'DD') = '23'",
            "# > DATE '2026-03-22'",
        ],
    },
    Kind { name: "name", definition: "text", values: WORDS, conditions: TEXTS },
    Kind { name: "german", definition: "text COLLATE \"de-x-icu\"", values: WORDS, conditions: TEXTS },
    Kind { name: "rooted", definition: "text COLLATE \"und-x-icu\"", values: WORDS, conditions: &[] },
    Kind { name: "czech", definition: "text COLLATE \"cs-x-icu\"", values: WORDS, conditions: &[] },
    Kind { name: "estonian", definition: "text COLLATE \"et-EE-x-icu\"", values: WORDS, conditions: &[] },
    Kind { name: "chinese", definition: "text COLLATE \"zh-Hant-TW-x-icu\"", values: WORDS, conditions: &[] },
    Kind {
        name: "plain",
        definition: "text COLLATE \"C\"",
        values: WORDS,
        conditions: &["# ~ 'b'", "# ~* '^m.*r$'", "# SIMILAR TO '(a|b)%'", "# < @ COLLATE \"en-x-icu\"", "# ILIKE 'M%'"],
    },
    Kind { name: "folded", definition: "text COLLATE folded", values: WORDS, conditions: &["# IN (SELECT # FROM t WHERE id < 9)"] },
    Kind {
        name: "short",
        definition: "varchar(12)",
        values: &["abcdef", "abcx", "ab", "xyz", "AB"],
        conditions: &["#::varchar(3) = 'abc'", "CAST(# AS char(2)) = 'ab'", "substr(#, 1, 2) = 'ab'", "left(#, 2) IN ('ab', 'xy')"],
    },
    Kind {
        name: "padded",
        definition: "char(5)",
        values: &["ab", "abc", "b", "abcde"],
        conditions: &["# LIKE 'ab'", "# LIKE 'ab%'", "length(#) = 2", "# || 'x' = 'abx'", "# ~ 'b$'", "octet_length(#) = 5"],
    },
    Kind {
        name: "free",
        definition: "citext",
        values: &["UserP3", "userp3", "Other", "other", "ÄB", "äb"],
        conditions: &["# LIKE 'user%'", "#::text = 'UserP3'"],
    },
    Kind {
        name: "code",
        definition: "uuid",
        values: &["87942129-0000-4000-8000-000000000001", "97942129-0000-4000-8000-000000000001", "0a942129-0000-4000-8000-00000000000a"],
        conditions: &["# = '87942129000040008000000000000001'", "#::text LIKE '8%'"],
    },
    Kind { name: "raw", definition: "bytea", values: &["\\x00ff", "\\x01", "\\xab"], conditions: &[] },
    Kind { name: "hour", definition: "time", values: &["08:00:00", "08:00:00.5", "23:59:59"], conditions: &["# > '8:00'"] },
    Kind { name: "aged", definition: "age", values: &["5", "40", "9", "100"], conditions: &["# + 1 > 10"] },
    Kind { name: "flag", definition: "boolean", values: &["true", "false"], conditions: &["#", "NOT #", "# IS NOT TRUE"] },
];

const MARIADB: &[Kind] = &[
    Kind {
        name: "mood",
        definition: "enum('new','active','closed','Zed')",
        values: &["new", "active", "closed", "Zed"],
        conditions: &["# LIKE 'A%'", "# > 2", "# = 'ACTIVE'"],
    },
    Kind { name: "name", definition: "varchar(40) COLLATE utf8mb4_general_ci", values: WORDS, conditions: TEXTS },
    Kind { name: "uni", definition: "varchar(40) COLLATE utf8mb4_unicode_ci", values: WORDS, conditions: TEXTS },
    Kind { name: "bin", definition: "varchar(40) COLLATE utf8mb4_bin", values: WORDS, conditions: TEXTS },
    Kind { name: "listed", definition: "varchar(40) COLLATE utf8mb4_general_ci", values: WORDS, conditions: WORDS_OF_MARIADB },
    Kind { name: "listed_bin", definition: "varchar(40) COLLATE utf8mb4_bin", values: WORDS, conditions: WORDS_OF_MARIADB },
    Kind { name: "nopad", definition: "varchar(40) COLLATE utf8mb4_nopad_bin", values: WORDS, conditions: TEXTS },
    Kind {
        name: "latin",
        definition: "varchar(40) CHARACTER SET latin1",
        values: &["Müller", "Muller", "Myller", "muller", "a-b", "ab", "A", "Östlund", "Zorn"],
        conditions: &["# = 'Muller'", "# COLLATE latin1_bin = 'Muller'"],
    },
    Kind { name: "swedish", definition: "varchar(40) COLLATE utf8mb4_swedish_ci", values: WORDS, conditions: &[] },
    Kind { name: "uca", definition: "varchar(40) COLLATE utf8mb4_uca1400_ai_ci", values: WORDS, conditions: TEXTS },
    Kind { name: "czech", definition: "varchar(40) COLLATE utf8mb4_czech_ci", values: WORDS, conditions: &[] },
    Kind { name: "turkish", definition: "varchar(40) COLLATE utf8mb4_turkish_ci", values: WORDS, conditions: TEXTS },
    Kind { name: "spanish", definition: "varchar(40) COLLATE utf8mb4_spanish_ci", values: WORDS, conditions: &[] },
    Kind { name: "lettish", definition: "varchar(40) COLLATE utf8mb4_latvian_ci", values: WORDS, conditions: &[] },
    Kind { name: "padded", definition: "char(6)", values: &["ab", "abc", "b ", "AB"], conditions: &["# LIKE 'ab'", "# = 'ab  '", "length(#) = 2"] },
    Kind {
        name: "amount",
        definition: "decimal(8,2)",
        values: &["1.40", "1.50", "2.50", "-1.50", "1000.00"],
        conditions: &["CAST(# AS SIGNED) = 2", "ROUND(#) = 2", "# DIV 2 = 1", "# MOD 2 = 0.5", "# = '1.5'", "# > '1.45e0x'", "# = '.25e1'"],
    },
    Kind {
        name: "ratio",
        definition: "double",
        values: &["0.1", "0.5", "1.5", "2.5"],
        conditions: &["CAST(# AS SIGNED) = 2", "ROUND(#) = 2", "# + 0.2 = 0.3"],
    },
    Kind { name: "part", definition: "float", values: &["0.1", "0.5", "1.2345678", "3.25"], conditions: &["# = 0.1", "# > 1.2345"] },
    Kind {
        name: "whole",
        definition: "int",
        values: &["1", "2", "10", "-7", "9"],
        conditions: &[
            "# / 2 = 1",
            "# = '10abc'",
            "# LIKE '1%'",
            "# AND 1",
            "!(# = 1)",
            "# DIV 3 = -2",
            "# DIV 2 * 2 <> # AND # > 1",
            "# DIV 0 IS NULL",
            "FIELD(#, 9, 10, -7) > 1",
            "FIND_IN_SET(#, '9,2,10')",
            "ELT(#, 'a', 'b') = 'b'",
            "# < '2x' OR # >= ' 9 '",
            "# = '' OR # <=> '-7.0e0'",
            "# > '1.5e0'",
            "! (# > 2) && # <> 1",
            "!!# && !ABS(#) = 0",
        ],
    },
    Kind { name: "big", definition: "bigint unsigned", values: &["0", "18446744073709551615", "7"], conditions: &["# > 6"] },
    Kind {
        name: "born",
        definition: "date",
        values: &["2026-03-22", "2026-03-23", "1999-12-31"],
        conditions: &[
            "YEAR(#) = 2026",
            "# = 20260322",
            "DATE_ADD(#, INTERVAL 1 DAY) = '2026-03-23'",
            "DATE_FORMAT(#, '%m') = '03'",
            "# > '2026-3-1'",
            "DATEDIFF(#, '2026-03-01') > 21",
            "DATEDIFF('2026-03-23 23:59:59', #) = 0",
            "TIMESTAMPDIFF(MONTH, #, '2026-03-22') = 314",
            "TIMESTAMPDIFF(YEAR, #, '2026-12-30') = 26",
            "TIMESTAMPDIFF(WEEK, '2026-03-01', #) = 3",
            "WEEKDAY(#) = 6 OR DAYOFWEEK(#) = 6",
            "LAST_DAY(#) = '2026-03-31'",
            "DAYOFYEAR(#) = 365",
        ],
    },
    Kind {
        name: "made",
        definition: "datetime",
        values: &["2026-03-22 23:30:00", "2026-03-23 00:30:00"],
        conditions: &[
            "DATE(#) = '2026-03-23'",
            "HOUR(#) = 0",
            "# LIKE '2026-03-22%'",
            "TIMESTAMPDIFF(MINUTE, '2026-03-23', #) = 30",
            "TIMESTAMPDIFF(HOUR, #, '2026-03-23') = 0",
            "TIMESTAMPDIFF(DAY, #, '2026-03-23 23:00:00') = 0",
            "DATEDIFF(#, '2026-03-23') = 0",
            "WEEKDAY(#) = 0",
        ],
    },
    Kind {
        name: "seen",
        definition: "timestamp NULL",
        values: &["2026-03-22 15:30:00", "2026-03-22 16:30:00", "2026-03-23 04:00:00"],
        conditions: &["DATE(#) = '2026-03-23'", "# >= '2026-03-23'", "YEAR(#) = 2026", "DATEDIFF(#, '2026-03-23') = 0", "WEEKDAY(#) = 0"],
    },
    Kind { name: "hour", definition: "time", values: &["08:00:00", "23:59:59", "100:00:00", "-01:00:00"], conditions: &["# > '8:00'"] },
    Kind { name: "flag", definition: "tinyint(1)", values: &["0", "1", "2"], conditions: &["#", "NOT #", "# = TRUE", "# IS TRUE"] },
    Kind { name: "tags", definition: "set('b','a','c')", values: &["a", "b", "b,a", "c"], conditions: &["# LIKE '%a%'"] },
    Kind { name: "raw", definition: "varbinary(20)", values: &["abc", "ABC", "x"], conditions: &["# = 'ABC'"] },
];

/// A literal of a column's type.
fn literal(kind: &Kind, chance: &mut Chance) -> String {
    format!("'{}'", chance.pick(kind.values).replace('\'', "''"))
}

fn filled(template: &str, kind: &Kind, chance: &mut Chance) -> String {
    let mut text = template.replace('#', kind.name);
    while text.contains('@') {
        text = text.replacen('@', &literal(kind, chance), 1);
    }
    text
}

fn statement(kinds: &[Kind], chance: &mut Chance) -> String {
    let kind = &kinds[usize::try_from(chance.below(kinds.len() as u64)).unwrap_or(0)];
    let one = |chance: &mut Chance| {
        let own = !kind.conditions.is_empty() && chance.below(2) == 0;
        let template = if own { chance.pick(kind.conditions) } else { chance.pick(COMPARED) };
        filled(template, kind, chance)
    };
    let name = kind.name;
    let limit = 1 + chance.below(6);
    let direction = chance.pick(&["", " DESC"]);
    match chance.below(14) {
        0..=4 => format!("SELECT id FROM t WHERE {}", one(chance)),
        5 => format!("SELECT id FROM t WHERE NOT ({})", one(chance)),
        6 => format!("SELECT id FROM t ORDER BY {name}{direction}, id LIMIT {limit}"),
        7 => format!("SELECT id FROM t WHERE {} ORDER BY {name}{direction} LIMIT {limit}", one(chance)),
        8 => format!("SELECT id FROM t WHERE {name} = (SELECT min({name}) FROM t)"),
        9 => format!("SELECT id FROM t WHERE {name} IN (SELECT {name} FROM t GROUP BY {name} HAVING count(*) > {limit})"),
        10 => format!("SELECT q.id FROM (SELECT id, row_number() OVER (ORDER BY {name}{direction}, id) AS n FROM t) q WHERE q.n <= {limit}"),
        11 => format!("SELECT min(id) FROM t GROUP BY {name}"),
        12 => format!("SELECT min(id) FROM t GROUP BY {name}, id > '{limit}'"),
        _ => format!("SELECT a.id FROM t a JOIN t b ON a.{name} = b.{name} WHERE b.id = {limit}"),
    }
}

fn definition(kinds: &[Kind], chance: &mut Chance) -> String {
    let columns: Vec<String> = kinds.iter().map(|kind| format!("{} {}", kind.name, kind.definition)).collect();
    let mut sql = format!("CREATE TABLE t (id varchar(9) PRIMARY KEY, {});\n", columns.join(", "));
    for id in 1..=ROWS {
        let values: Vec<String> = kinds.iter().map(|kind| if chance.below(9) == 0 { "NULL".to_owned() } else { literal(kind, chance) }).collect();
        sql.push_str(&format!("INSERT INTO t VALUES ('{id}', {});\n", values.join(", ")));
    }
    sql
}

fn world(dump: &str, dialect: &str, schema: &str) -> World {
    let estate = format!(
        "[organisation]\nname = {{ en = \"Test\" }}\ntime_zone = \"UTC\"\n[[database]]\nid = \"d\"\nsystem = \"s\"\nname = \"d\"\ndialect = \"{dialect}\"\n\
         [[table]]\ndatabase = \"d\"\nname = \"{schema}.t\"\nsubject_key = \"id\"\ncategories = {{ id = \"number\" }}\n"
    );
    let estate: Estate = toml::from_str(&estate).expect("an estate");
    let snapshot = Snapshot { database: "d".to_owned(), table: None, path: "dump.sql".to_owned(), parts: Box::new(dump.as_bytes()) };
    let (stored, _) = load(&estate, vec![snapshot], &ReadOptions::default()).expect("a whole dump");
    let mut make = |database| crate::engine::replayer(database, &Options::default());
    let mut notes = Vec::new();
    let world = Builder {
        estate: &estate,
        register: &[],
        writes: Vec::new(),
        made_schemas: &BTreeSet::new(),
        defined: &BTreeSet::new(),
        audited: &BTreeSet::new(),
        read: &Words::default(),
        make: &mut make,
        notes: &mut notes,
    }
    .build(stored)
    .expect("a world");
    assert_eq!(world.in_data.len() as u64, ROWS, "{notes:?}");
    world
}

/// Whom a replay shows for sure, and whom at all; `None` is anybody.
fn shown(replayed: &Replayed, world: &World) -> (BTreeSet<String>, Option<BTreeSet<String>>) {
    let (mut sure, mut all) = (BTreeSet::new(), BTreeSet::new());
    let settles = replayed.rows.least == replayed.rows.most && replayed.others.is_empty();
    for revealed in replayed.revealed.iter().filter(|revealed| revealed.displayed) {
        for subject in &revealed.subjects {
            let key = world.people.key(*subject).to_owned();
            if revealed.doubt.is_none() && settles || revealed.doubt.is_none() && replayed.others.is_empty() {
                sure.insert(key.clone());
            }
            all.insert(key);
        }
    }
    let is_open = !replayed.others.is_empty() || replayed.other_rows;
    (sure, (!is_open).then_some(all))
}

/// Compares all answers; what is wrong, and a summary.
fn compare(statements: &[String], answers: &[Option<BTreeSet<String>>], session: &Session, world: &mut World) -> Vec<String> {
    let (mut exact, mut doubtful, mut refused, mut wrong) = (0, 0, 0, Vec::new());
    for (sql, answer) in statements.iter().zip(answers) {
        let Some(sent) = answer else { continue };
        let replayer = &mut world.databases[0].replayer;
        let replayed = replayer.prepare(sql, session).and_then(|statement| replayer.replay(statement, &[Call::default()]).remove(0));
        let Ok(replayed) = replayed else {
            refused += 1;
            continue;
        };
        let (sure, all) = shown(&replayed, world);
        let falsely: Vec<&String> = sure.difference(sent).collect();
        let missed: Vec<&String> = all.iter().flat_map(|all| sent.difference(all)).collect();
        if !falsely.is_empty() || !missed.is_empty() {
            wrong.push(format!("{sql} | sent {} | falsely sure {falsely:?} | missed {missed:?}", sent.len()));
        } else if sure == *sent && all.as_ref() == Some(sent) {
            exact += 1;
        } else {
            doubtful += 1;
        }
    }
    println!("exact {exact}, in doubt {doubtful}, not replayed {refused}, wrong {}", wrong.len());
    wrong
}

/// The answers that a client printed behind their marks; `None` where the server refused.
fn answers(printed: &str, count: usize) -> Vec<Option<BTreeSet<String>>> {
    let mut found: Vec<Option<BTreeSet<String>>> = vec![None; count];
    let mut at = None;
    for line in printed.lines() {
        if let Some(number) = line.strip_prefix("==").and_then(|number| number.parse::<usize>().ok()) {
            at = Some(number).filter(|number| *number < count);
        } else if line == "!!" || line == "??" {
            // The statement before ran to its end, or was refused.
            if let Some(at) = at.take() {
                found[at] = (line == "!!").then(|| found[at].take().unwrap_or_default());
            }
        } else if let Some(at) = at {
            found[at].get_or_insert_default().insert(line.to_owned());
        }
    }
    found
}

fn ask(command: &mut Command, input: &str) -> String {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("the server's client");
    let mut stdin = child.stdin.take().expect("a pipe");
    let input = input.to_owned();
    let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
    let out = child.wait_with_output().expect("an answer");
    writer.join().expect("a thread that only writes").expect("a client that reads");
    String::from_utf8_lossy(&out.stdout).into_owned()
}

fn run(command: &mut Command) {
    let out = command.stdin(Stdio::null()).output().expect("the programs of the server");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
}

/// A folder of its own.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a folder");
        Self(path)
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

struct Stop {
    programs: PathBuf,
    data: PathBuf,
}

impl Drop for Stop {
    fn drop(&mut self) {
        let _ = Command::new(self.programs.join("pg_ctl")).args(["-w", "-m", "immediate", "-D"]).arg(&self.data).arg("stop").output();
    }
}

struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// How many statements are asked of each seed: few in every run of the checks, as many as `STATEMENTS` says by hand.
fn number_of_statements() -> u64 {
    std::env::var("STATEMENTS").ok().and_then(|number| number.parse().ok()).unwrap_or(STATEMENTS)
}

fn seeds() -> Vec<u64> {
    let written = std::env::var("SEEDS").unwrap_or_else(|_| "1".to_owned());
    written.split(',').filter_map(|seed| seed.parse().ok()).collect()
}

#[test]
#[ignore = "needs PostgreSQL's own programs (PGBIN) and a user other than root"]
fn postgresql_answers_as_the_replay_says() {
    let programs = std::env::var_os("PGBIN").map_or_else(|| PathBuf::from("/usr/lib/postgresql/15/bin"), PathBuf::from);
    let folder = Folder::new("fidelity-pg");
    let data = folder.at("data");
    run(Command::new(programs.join("initdb"))
        .args(["-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale-provider=icu", "--icu-locale=en", "--locale=C", "-D"])
        .arg(&data));
    let socket = format!("-c listen_addresses='' -k {}", folder.0.display());
    run(Command::new(programs.join("pg_ctl")).args(["-w", "-l"]).arg(folder.at("log")).arg("-D").arg(&data).args(["-o", &socket, "start"]));
    let _stopped = Stop { programs: programs.clone(), data };
    let client = |database: &str, input: &str| {
        ask(Command::new(programs.join("psql")).args(["-q", "-At", "-U", "postgres", "-h"]).arg(&folder.0).args(["-d", database]), input)
    };
    let mut wrong = Vec::new();
    for seed in seeds() {
        let mut chance = Chance(seed);
        client("postgres", "DROP DATABASE IF EXISTS d; ");
        client("postgres", "CREATE DATABASE d;");
        let types = "CREATE EXTENSION citext; CREATE TYPE mood AS ENUM ('new', 'active', 'closed', 'Zed'); CREATE DOMAIN age AS integer CHECK (VALUE > 0);\n\
            CREATE COLLATION folded (provider = icu, locale = 'und-u-ks-level2', deterministic = false);\n";
        client("d", &format!("{types}{}", definition(POSTGRES, &mut chance)));
        run(Command::new(programs.join("pg_dump")).args(["--create", "-U", "postgres", "-h"]).arg(&folder.0).arg("-f").arg(folder.at("dump.sql")).arg("d"));
        let dump = std::fs::read_to_string(folder.at("dump.sql")).expect("a dump");
        let mut world = world(&dump, "postgresql", "public");
        let statements: Vec<String> = (0..number_of_statements()).map(|_| statement(POSTGRES, &mut chance)).collect();
        for zone in [Some("Asia/Hong_Kong"), Some("UTC"), None] {
            let set = format!("SET TimeZone = '{}';\n", zone.unwrap_or("America/New_York"));
            let input: String =
                statements.iter().enumerate().map(|(at, sql)| format!("\\echo =={at}\n{sql} \\g\n\\if :ERROR\n\\else\n\\echo !!\n\\endif\n")).collect();
            let answers = answers(&client("d", &(set + &input)), statements.len());
            let session = Session { zone: zone.map(str::to_owned), ..Session::default() };
            wrong.extend(compare(&statements, &answers, &session, &mut world).into_iter().map(|line| format!("seed {seed} zone {zone:?}: {line}")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The server will not run as root unless it is told to.
fn as_root() -> Option<&'static str> {
    let owner = std::os::unix::fs::MetadataExt::uid(&std::fs::metadata("/proc/self").ok()?);
    (owner == 0).then_some("--user=root")
}

fn mariadb(socket: &Path) -> Command {
    let mut command = Command::new("mariadb");
    command.args(["--no-defaults", "-u", "root", "-N", "-r", "--force", "--default-character-set=utf8mb4"]).arg(format!("--socket={}", socket.display()));
    command
}

#[test]
#[ignore = "needs MariaDB's own programs: apt-get install mariadb-server"]
fn mariadb_answers_as_the_replay_says() {
    let folder = Folder::new("fidelity-my");
    let (socket, data) = (folder.at("socket"), format!("--datadir={}", folder.at("data").display()));
    run(Command::new("mariadb-install-db").args(["--no-defaults", &data, "--auth-root-authentication-method=normal", "--skip-test-db"]).args(as_root()));
    let mut server = Command::new("mariadbd");
    server.args(["--no-defaults", "--skip-networking", &data]).arg(format!("--socket={}", socket.display())).args(as_root());
    let _server = Server(server.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("mariadbd: apt-get install mariadb-server"));
    let is_up = || !ask(&mut mariadb(&socket), "SELECT 1;").is_empty();
    assert!(
        (0..100).any(|_| is_up() || {
            std::thread::sleep(std::time::Duration::from_millis(200));
            false
        }),
        "the server does not start"
    );
    let mut wrong = Vec::new();
    for seed in seeds() {
        let mut chance = Chance(seed);
        let made = format!(
            "DROP DATABASE IF EXISTS d; CREATE DATABASE d CHARACTER SET utf8mb4; USE d; SET sql_mode = ''; SET time_zone = '+00:00';\n{}",
            definition(MARIADB, &mut chance)
        );
        ask(&mut mariadb(&socket), &made);
        let dump = ask(Command::new("mariadb-dump").args(["--no-defaults", "-u", "root"]).arg(format!("--socket={}", socket.display())).arg("d"), "");
        let mut world = world(&dump, "mysql", "d");
        let statements: Vec<String> = (0..number_of_statements()).map(|_| statement(MARIADB, &mut chance)).collect();
        for zone in [Some("+08:00"), None] {
            let set = format!("USE d; SET time_zone = '{}';\n", zone.unwrap_or("-05:00"));
            let input: String = statements.iter().enumerate().map(|(at, sql)| format!("SELECT '=={at}';\n{sql};\n")).collect();
            // The client says nothing of an error on this side; a statement without rows is told by one that cannot fail.
            let input = input
                .lines()
                .map(|line| if line.starts_with("SELECT '==") { format!("{line}\n") } else { format!("{line}\nSELECT IF(@@error_count = 0, '!!', '??');\n") })
                .collect::<String>();
            let answers = answers(&ask(&mut mariadb(&socket), &(set + &input)), statements.len());
            let session = Session { zone: zone.map(str::to_owned), ..Session::default() };
            wrong.extend(compare(&statements, &answers, &session, &mut world).into_iter().map(|line| format!("seed {seed} zone {zone:?}: {line}")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
