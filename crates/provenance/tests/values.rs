//! Displayed is a value that went out: neither NULL nor empty, of the branch that was taken, inside the piece that was cut.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod hospital;

use std::collections::BTreeSet;

use hospital::{NOW, text, texts, whole, wholes};
use strandline_provenance::{Call, Database, Dialect, Engine, Options, ReplayError, VersionedTable, View};

/// The fourth has no phone number, the fifth an empty one.
fn people() -> Database {
    let mut table = hospital::table(
        "person",
        vec![text("no"), text("name"), text("email"), text("phone"), whole("score")],
        vec![vec![0]],
        vec![
            texts(&["P1", "P2", "P3", "P4", "P5", "P6"]),
            texts(&["Ann", "Ben", "Cat", "Dan", "Eva", "Fay"]),
            texts(&["p1@mail.test", "p2@mail.test", "p3@mail.test", "p4@mail.test", "p5@mail.test", "p6@mail.test"]),
            std::sync::Arc::new(arrow_array::StringArray::from(vec![Some("555-1"), Some("555-2"), Some("555-3"), None, Some(""), Some("555-6")])),
            std::sync::Arc::new(arrow_array::Int64Array::from(vec![Some(1), Some(2), Some(3), None, None, Some(6)])),
        ],
        Some(&[1, 2, 3, 4, 5, 6]),
        &[],
    );
    table.name = "person".into();
    let codes = hospital::table("code", vec![whole("k"), text("word")], vec![vec![0]], vec![wholes(&[1, 2, 3]), texts(&["a", "b", "c"])], None, &[]);
    let cards = View { schema: "clinic".into(), name: "card".into(), sql: "SELECT no, coalesce(phone, email) AS reach FROM person".into(), as_of: None };
    Database {
        search_path: vec!["clinic".into()],
        dialect: Dialect::PostgreSql,
        tables: vec![table, codes],
        views: vec![cards],
        collation: None,
        holders: Vec::new().into(),
    }
}

fn replayed(database: &Database, sql: &str) -> String {
    let engine = Engine::new(database.clone(), Options { threads: 1, ..Options::default() }).unwrap();
    let prepared = engine.prepare(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
    let replayed = engine.replay(&prepared, &[hospital::call()]).remove(0).unwrap_or_else(|error| panic!("{sql}: {error}"));
    hospital::readable(database, &replayed).split("; ").filter(|part| part.starts_with("displayed")).collect::<Vec<_>>().join("; ")
}

/// What a statement displays of the people.
fn check(sql: &str, expected: &str) {
    assert_eq!(replayed(&people(), sql), expected, "{sql}");
}

fn check_mysql(sql: &str, expected: &str) {
    assert_eq!(replayed(&Database { dialect: Dialect::MySql, ..people() }, sql), expected, "{sql}");
}

#[test]
fn a_cell_that_is_null_or_empty_is_nobodys() {
    check("SELECT phone FROM person", "displayed phone: 1 2 3 6");
    check("SELECT * FROM person WHERE no IN ('P3', 'P4')", "displayed email,name,no: 3 4; displayed phone,score: 3");
    check("SELECT phone || '!' FROM person", "displayed phone: 1 2 3 6");
    check("SELECT concat(name, phone) FROM person WHERE no IN ('P4', 'P6')", "displayed name: 4 6; displayed phone: 6");
    check("SELECT DISTINCT phone FROM person", "displayed phone: 1 2 3 6");
    check("SELECT phone FROM person ORDER BY no LIMIT 1 OFFSET 3", "");
    check("SELECT phone FROM person LIMIT 1", "displayed phone: 1 2 3 6 (UnorderedLimit)");
    check("SELECT p.name, q.phone FROM person p LEFT JOIN person q ON q.no = p.no AND q.score > 2", "displayed name: 1 2 3 4 5 6; displayed phone: 3 6");
}

#[test]
fn the_branch_that_was_taken_was_copied() {
    check("SELECT CASE WHEN no = 'P1' THEN email ELSE '-' END FROM person", "displayed email: 1");
    check("SELECT CASE no WHEN 'P1' THEN email WHEN 'P2' THEN phone END FROM person", "displayed email: 1; displayed phone: 2");
    check("SELECT coalesce(phone, name) FROM person", "displayed name: 4; displayed phone: 1 2 3 6");
    check("SELECT coalesce(nullif(phone, ''), name) FROM person", "displayed name: 4 5; displayed phone: 1 2 3 6");
    check("SELECT nullif(name, 'Ann') FROM person", "displayed name: 2 3 4 5 6");
    check("SELECT greatest(score, 3) FROM person WHERE score IS NOT NULL", "displayed score: 3 6");
    check("SELECT upper(coalesce(x.r, '?')) FROM (SELECT CASE WHEN score > 2 THEN phone END AS r FROM person) x", "displayed phone: 3 6");
    check("SELECT reach FROM card", "displayed email: 4; displayed phone: 1 2 3 6");
    check("SELECT string_agg(coalesce(phone, name), ',') FROM person WHERE no IN ('P1', 'P4')", "displayed name: 4; displayed phone: 1");
    check(
        "SELECT coalesce(phone, name) FROM person WHERE no = 'P4' UNION ALL SELECT CASE WHEN score = 1 THEN email END FROM person",
        "displayed email: 1; displayed name: 4",
    );
    check("SELECT CASE WHEN random() < 2 THEN phone ELSE name END FROM person WHERE no = 'P1'", "displayed name,phone: 1 (Branch)");
    // What decides is not computed: either branch, whichever of ours is there.
    check("SELECT CASE WHEN age(now()) > interval '1 day' THEN phone ELSE NULL END FROM person WHERE no IN ('P1', 'P4')", "displayed phone: 1 (Branch)");
    check("SELECT nullif(phone, age(now())::text) FROM person WHERE no IN ('P1', 'P4')", "displayed phone: 1 (UnknownFunction)");
    check_mysql("SELECT IF(score > 2, phone, name) FROM person WHERE score < 4", "displayed name: 1 2; displayed phone: 3");
    check_mysql("SELECT IFNULL(phone, email) FROM person WHERE no IN ('P3', 'P4')", "displayed email: 4; displayed phone: 3");
}

#[test]
fn a_piece_of_joined_values_shows_those_who_stand_in_it() {
    check("SELECT substr((SELECT string_agg(email, ',' ORDER BY no) FROM person), 1, 25)", "displayed email: 1 2");
    check("SELECT substr((SELECT string_agg(email, ',' ORDER BY no) FROM person), 26, 3)", "displayed email: 3");
    check("SELECT substr((SELECT string_agg(email, ',' ORDER BY no) FROM person), 13, 1)", "");
    check("SELECT substr((SELECT string_agg(email, ',' ORDER BY no) FROM person), 500, 25)", "");
    check("SELECT left(string_agg(name, ',' ORDER BY score DESC NULLS LAST), 5) FROM person WHERE score > 0", "displayed name: 3 6");
    check("SELECT right(string_agg(name, ',' ORDER BY no), 3) FROM person", "displayed name: 6");
    check("SELECT split_part(string_agg(name, ',' ORDER BY no), ',', 2) FROM person", "displayed name: 2");
    check("SELECT substr(substr(string_agg(name, ',' ORDER BY no), 5), 1, 3) FROM person", "displayed name: 2");
    check("SELECT substr('x' || string_agg(name, ',' ORDER BY no), 1, 2) FROM person", "displayed name: 1");
    check("SELECT (array_agg(name ORDER BY no))[1:2] FROM person", "displayed name: 1 2");
    check("SELECT (array_agg(name ORDER BY no))[3] FROM person", "displayed name: 3");
    check("SELECT substr(string_agg(name, ','), 1, 3) FROM person", "displayed name: 1 2 3 4 5 6 (Piece)");
    check("SELECT substr(string_agg(name, ',' ORDER BY email), 1, 3) FROM person", "displayed name: 1 2 3 4 5 6 (Piece)");
    check("SELECT substr(name, 3, 1) FROM person WHERE no = 'P1'", "displayed name: 1");
    check("SELECT substr(name, 4, 1) FROM person WHERE no = 'P1'", "");
    check("SELECT substr(name || ':' || phone, 5, 9) FROM person WHERE no = 'P1'", "displayed phone: 1");
    check_mysql("SELECT MID((SELECT GROUP_CONCAT(name ORDER BY no SEPARATOR ';') FROM person), 1, 4)", "displayed name: 1");
    check_mysql("SELECT SUBSTR(CONCAT(name, 0x3a, email), 1, 3) FROM person WHERE no = 'P2'", "displayed name: 2");
}

#[test]
fn a_whole_row_shows_what_is_in_it() {
    check("SELECT (p.*)::text FROM person p WHERE no = 'P3'", "displayed email,name,no,phone,score: 3");
    check("SELECT p::text FROM person p WHERE no IN ('P3', 'P4')", "displayed email,name,no: 3 4; displayed phone,score: 3");
    check("SELECT p FROM person p WHERE no = 'P4'", "displayed email,name,no: 4");
    check("SELECT row_to_json(p) FROM person p WHERE no = 'P4'", "displayed email,name,no: 4");
    check("SELECT to_jsonb(person.*) FROM person WHERE no = 'P4'", "displayed email,name,no: 4");
    check("SELECT json_agg(p) FROM person p WHERE score > 2", "displayed email,name,no,phone,score: 3 6");
    check(
        "SELECT coalesce(json_agg(row_to_json(x)), '[]') FROM (SELECT name, phone FROM person WHERE no >= 'P4') x",
        "displayed name: 4 5 6; displayed phone: 6",
    );
    check("WITH x AS (SELECT name FROM person WHERE score = 1) SELECT coalesce(json_agg(x), '[]')::text FROM x", "displayed name: 1");
    check(
        "SELECT coalesce(json_agg(root), '[]') AS root FROM (SELECT row_to_json((SELECT e FROM (SELECT t.name AS name, t.phone AS phone) AS e)) AS root FROM (SELECT * FROM person WHERE no > 'P4') AS t) AS u",
        "displayed name: 5 6; displayed phone: 6",
    );
    check("SELECT ROW(name, phone) FROM person WHERE no = 'P4'", "displayed name: 4");
    check("SELECT array_agg(p) FROM person p WHERE score = 1", "displayed email,name,no,phone,score: 1");
    check("SELECT ROW(p.*) FROM person p WHERE no = 'P4'", "displayed email,name,no: 4");
    check("SELECT ROW(1, p.*, name) FROM person p WHERE no = 'P4'", "displayed email,name,no: 4");
    check("SELECT concat('x', p.*) FROM person p WHERE no = 'P4'", "displayed email,name,no: 4");
}

#[test]
fn functions_that_hide_the_value_decide() {
    check("SELECT pg_typeof(email), json_array_length(json_build_array(phone)) FROM person", "");
    check("SELECT length(email), md5(email), phone IS NULL, score > 1, octet_length(name) FROM person", "");
    check_mysql("SELECT SHA1(email), CRC32(email), CHARSET(email), JSON_LENGTH(phone), PASSWORD(name) FROM person", "");
    check("SELECT json_build_object('n', name, 'p', phone) FROM person WHERE no IN ('P4', 'P6')", "displayed name: 4 6; displayed phone: 6");
    check("SELECT jsonb_extract_path_text(email, 'x') FROM person WHERE no = 'P1'", "displayed email: 1 (UnknownFunction)");
}

#[test]
fn a_set_returning_function_multiplies_rows_before_limit_counts() {
    check("SELECT email, generate_series(1, 3) FROM person ORDER BY no LIMIT 3", "displayed email: 1");
    check("SELECT email, generate_series(1, 3) FROM person ORDER BY no LIMIT 6", "displayed email: 1 2");
}

#[test]
fn aggregates_and_windows_leave_out_what_is_not_there() {
    check("SELECT string_agg(phone, ',') FROM person", "displayed phone: 1 2 3 6");
    check("SELECT sum(score) FROM person WHERE no IN ('P3', 'P4')", "displayed score: 3");
    check("SELECT sum(coalesce(score, 100)) FROM person WHERE no IN ('P3', 'P4')", "");
    check("SELECT max(score) FROM person WHERE no >= 'P4'", "displayed score: 6");
    check("SELECT sum(score) FILTER (WHERE no = 'P2') FROM person", "displayed score: 2");
    check("SELECT count(phone) FROM person", "");
    check("SELECT lag(phone) OVER (ORDER BY no) FROM person WHERE no IN ('P4', 'P6')", "");
    check("SELECT DISTINCT ON (score IS NULL) name FROM person ORDER BY score IS NULL, no", "displayed name: 1 4");
    check("SELECT phone, count(*) FROM person WHERE no >= 'P4' GROUP BY phone", "displayed phone: 6");
}

#[test]
fn a_window_that_picks_a_row_shows_whose_value_it_was() {
    check("SELECT no, lag(phone) OVER (ORDER BY no) FROM person WHERE no <= 'P3'", "displayed no: 1 2 3; displayed phone: 1 2");
    check("SELECT first_value(name) OVER (ORDER BY score DESC) FROM person WHERE score > 0", "displayed name: 6");
    check("SELECT last_value(name) OVER (PARTITION BY score > 2 ORDER BY score) FROM person WHERE score < 3", "displayed name: 1 2");
    check("SELECT nth_value(name, 2) OVER (ORDER BY score) FROM person WHERE score > 0", "displayed name: 2");
    check("SELECT lead(name, 2) OVER (ORDER BY score) FROM person WHERE score > 0", "displayed name: 3 6");
    // Rows that tie may stand in either order.
    check("SELECT first_value(name) OVER (ORDER BY score > 2) FROM person WHERE score > 0", "displayed name: 1 2 3 6 (OrderOfPartition)");
    // One of them has no value, and which row is the first is not known: that ours is empty says nothing.
    for hidden in ["Cat", "Dan"] {
        let name = format!("nullif(name, '{hidden}')");
        let shown = if hidden == "Cat" { 4 } else { 3 };
        let doubtful = format!("displayed name: {shown} (OrderOfPartition)");
        check(&format!("SELECT first_value({name}) OVER (PARTITION BY no > 'P1' ORDER BY no > 'P1') FROM person WHERE no IN ('P3', 'P4')"), &doubtful);
        check(&format!("SELECT lead({name}) OVER (ORDER BY no > 'P1') FROM person WHERE no IN ('P3', 'P4')"), &doubtful);
        check(&format!("SELECT max({name}) OVER () FROM person WHERE no IN ('P3', 'P4')"), &format!("displayed name: {shown}"));
        check(&format!("SELECT any_value({name}) FROM person WHERE no IN ('P3', 'P4')"), &format!("displayed name: {shown} (ExtremeOfGroup)"));
        check(&format!("SELECT any_value({name}) FROM person WHERE no IN ('P3', 'P4') GROUP BY no"), &format!("displayed name: {shown}"));
    }
    check("SELECT first_value(name) OVER (PARTITION BY no) FROM person WHERE no IN ('P3', 'P4')", "displayed name: 3 4");
    // An upper and a lower case letter stand in an order that depends on the collation.
    check("SELECT first_value(name) OVER (ORDER BY CASE WHEN no = 'P1' THEN 'b' ELSE 'A' || no END) FROM person WHERE no < 'P3'", "displayed name: 2");
    check_mysql("SELECT LAG(phone) OVER (PARTITION BY name ORDER BY no) FROM person WHERE no < 'P4'", "");
    check_mysql("SELECT LAG(phone) OVER (ORDER BY email, no) FROM person WHERE no < 'P4'", "displayed phone: 1 2");
    check_mysql(
        "SELECT MAX(name) OVER (PARTITION BY score > 2 ORDER BY phone) FROM person WHERE no < 'P4'",
        "displayed name: 3; displayed name: 1 2 (OrderOfPartition)",
    );
}

#[test]
fn what_a_statement_displays_is_known_where_it_finds_no_row() {
    let check = |sql: &str, expected: &[(usize, usize)]| {
        let engine = Engine::new(people(), Options { threads: 1, ..Options::default() }).unwrap();
        let replayed = engine.replay(&engine.prepare(sql).unwrap(), &[hospital::call()]).remove(0).unwrap();
        let columns: Vec<(usize, usize)> = replayed.displayable.iter().map(|c| (c.table, c.column)).collect();
        assert_eq!(columns, expected, "{sql}");
    };
    check("SELECT c.word, p.phone FROM code c LEFT JOIN person p ON p.no = c.word", &[(0, 3)]);
    check("SELECT upper(name), score > 2 FROM person WHERE no = 'none'", &[(0, 1)]);
    check("SELECT count(*) FROM person", &[]);
}

#[test]
fn a_partition_by_texts_that_the_server_folds_picks_no_row_for_sure() {
    let mut database = people();
    let towns = strandline_provenance::collated(text("town"), "nondeterministic");
    let columns = vec![texts(&["Ann", "Ben"]), texts(&["Oslo", "oslo"])];
    database.tables.push(hospital::table("place", vec![text("name"), towns], vec![], columns, Some(&[1, 2]), &[]));
    for window in ["first_value(p.name) OVER (PARTITION BY p.town ORDER BY p.name)", "max(p.name) OVER (PARTITION BY p.town)"] {
        let shown = replayed(&database, &format!("SELECT {window} FROM place p WHERE p.name > 'A' OR p.name = 'x'"));
        assert_eq!(shown, "displayed name: 1 2 (OrderOfPartition)", "{window}");
    }
}

#[test]
fn a_moving_frame_holds_some_of_its_partition() {
    check("SELECT string_agg(name, ',') OVER (ORDER BY no) FROM person ORDER BY no LIMIT 1", "displayed name: 1 2 3 4 5 6 (OrderOfPartition)");
    check("SELECT string_agg(name, ',') OVER () FROM person ORDER BY no LIMIT 1", "displayed name: 1 2 3 4 5 6");
}

#[test]
fn a_limit_of_null_cuts_nothing() {
    check("SELECT name FROM person ORDER BY score, no LIMIT NULL OFFSET NULL", "displayed name: 1 2 3 4 5 6");
    check("SELECT name FROM person LIMIT NULL", "displayed name: 1 2 3 4 5 6");
}

#[test]
fn a_percentile_leaves_out_what_is_not_there() {
    check("SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY phone) FROM person WHERE no IN ('P4', 'P6')", "displayed phone: 6");
    check("SELECT mode() WITHIN GROUP (ORDER BY phone) FROM person WHERE no >= 'P4'", "displayed phone: 6");
}

#[test]
fn a_pattern_may_be_escaped_by_any_sign() {
    check("SELECT name FROM person WHERE replace(email, '@', '%') LIKE 'p1!%mail.test' ESCAPE '!'", "displayed name: 1");
    check("SELECT name FROM person WHERE name || '!' LIKE concat('Ann', '!!') ESCAPE '!'", "displayed name: 1");
    check("SELECT name FROM person WHERE name || '\\' LIKE concat('Ann', '!\\') ESCAPE '!'", "displayed name: 1");
    check("SELECT name FROM person WHERE name LIKE concat('A', '_!', 'n') ESCAPE '!'", "displayed name: 1");
}

#[test]
fn what_the_parser_does_not_know_is_put_otherwise() {
    check("SELECT name FROM ONLY person WHERE no = 'P1'", "displayed name: 1");
    check("SELECT name FROM ONLY clinic.person WHERE no = 'P1'", "displayed name: 1");
    check("SELECT p.name FROM ONLY person AS p JOIN ONLY code ON k = score WHERE no = 'P1'", "displayed name: 1");
    check("SELECT ctid, name FROM person WHERE no = 'P1'", "displayed name: 1");
    check("SELECT p.tableoid::regclass, p.xmin, name FROM person p WHERE no = 'P1'", "displayed name: 1");
    check_mysql("SELECT (SELECT name FROM person WHERE no = 'P1') FROM DUAL", "displayed name: 1");
    check_mysql("SELECT (SELECT name FROM person WHERE no = 'P1') AS n FROM dual WHERE 1 = 1 LIMIT 1", "displayed name: 1");
}

/// A replay that would take too much ends soon, with its reason.
fn over_budget(sql: &str, options: Options, reason: &ReplayError) {
    let rows: Vec<i64> = (0..2000).collect();
    let names: Vec<String> = rows.iter().map(|row| format!("n{row}")).collect();
    let columns = vec![wholes(&rows), texts(&names.iter().map(String::as_str).collect::<Vec<_>>())];
    let subjects: Vec<u32> = (0..2000).collect();
    let person: VersionedTable = hospital::table("person", vec![whole("id"), text("name")], vec![vec![0]], columns, Some(&subjects), &[]);
    let database = Database {
        search_path: vec!["clinic".into()],
        dialect: Dialect::PostgreSql,
        tables: vec![person],
        views: vec![],
        collation: None,
        holders: Vec::new().into(),
    };
    let engine = Engine::new(database, Options { threads: 1, ..options }).unwrap();
    let prepared = engine.prepare(sql).unwrap();
    assert_eq!(engine.replay(&prepared, &[Call { time: NOW, ..Call::default() }]).remove(0).as_ref().err(), Some(reason), "{sql}");
}

#[test]
fn a_limit_on_a_cross_join_needs_few_rows_of_the_sides_that_it_does_not_show() {
    check("SELECT a.name FROM person a, person b, person c LIMIT 2", "displayed name: 1 2 3 4 5 6 (UnorderedLimit)");
    check("SELECT a.name FROM person a, person b WHERE a.no = 'P1' LIMIT 2", "displayed name: 1 (UnorderedLimit)");
    check("SELECT a.word FROM code a, person b LIMIT 2", "");
}

#[test]
fn a_replay_has_a_budget() {
    let small = Options { rows_at_most: 1_000_000, ..Options::default() };
    over_budget("SELECT a.name FROM person a, person b WHERE a.name <> b.name ORDER BY a.id, b.id LIMIT 10", small, &ReplayError::Rows);
    over_budget("SELECT a.name FROM person a JOIN person b ON a.id < b.id JOIN person c ON b.id < c.id", small, &ReplayError::Rows);
    over_budget(
        "WITH RECURSIVE t(i) AS (SELECT id FROM person UNION ALL SELECT i + 1 FROM t) SELECT i FROM t",
        Options { rows_at_most: 50_000, ..small },
        &ReplayError::Rows,
    );
    // Each row stands above itself.
    for union in ["UNION ALL", "UNION"] {
        over_budget(
            &format!("WITH RECURSIVE t(i) AS (SELECT id FROM person WHERE id = 1 {union} SELECT p.id FROM person p JOIN t ON p.id = t.i) SELECT i FROM t"),
            Options { rows_at_most: 50_000, ..small },
            &ReplayError::Rows,
        );
    }
    let tight = Options { memory_limit_bytes: 4 << 20, ..Options::default() };
    over_budget("SELECT a.name, count(*) OVER () FROM person a, person b", tight, &ReplayError::Memory);
    let short = Options { seconds_at_most: 0, ..Options::default() };
    over_budget("SELECT a.name FROM person a, person b", short, &ReplayError::Time);
}

/// A small generator of its own: the same seed, the same statement.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

/// Each cell is made of one character that no other cell has: whoever sees the character sees the cell.
fn marked(chance: &mut Chance) -> (Database, Vec<(char, u32, usize)>) {
    let people = 2 + chance.below(6) as usize;
    let mut marks = Vec::new();
    let mut columns = vec![wholes(&(0..people as i64).collect::<Vec<_>>())];
    for column in 1..4 {
        let cell = |person: usize, chance: &mut Chance| match chance.below(6) {
            0 => None,
            1 => Some(String::new()),
            _ => {
                let mark = char::from_u32(0x4e00 + (column * 100 + person) as u32).unwrap();
                marks.push((mark, person as u32, column));
                Some(mark.to_string().repeat(1 + chance.below(3) as usize))
            }
        };
        let mut cell = cell;
        let values: Vec<Option<String>> = (0..people).map(|person| cell(person, chance)).collect();
        columns.push(std::sync::Arc::new(arrow_array::StringArray::from(values)));
    }
    let subjects: Vec<u32> = (0..people as u32).collect();
    let table = hospital::table("person", vec![whole("id"), text("a"), text("b"), text("c")], vec![vec![0]], columns, Some(&subjects), &[]);
    (
        Database {
            search_path: vec!["clinic".into()],
            dialect: Dialect::PostgreSql,
            tables: vec![table],
            views: vec![],
            collation: None,
            holders: Vec::new().into(),
        },
        marks,
    )
}

fn condition(chance: &mut Chance) -> String {
    match chance.below(4) {
        0 => format!("id = {}", chance.below(6)),
        1 => format!("id < {}", chance.below(6)),
        2 => "id % 2 = 0".into(),
        _ => format!("{} IS NULL", ["a", "b", "c"][chance.below(3) as usize]),
    }
}

fn value(chance: &mut Chance, depth: u64) -> String {
    let inner = |chance: &mut Chance| value(chance, depth - 1);
    match if depth == 0 { chance.below(4) } else { chance.below(18) } {
        0..=2 => ["a", "b", "c"][chance.below(3) as usize].into(),
        3 => "'x-'".into(),
        4 => format!("CASE WHEN {} THEN {} ELSE {} END", condition(chance), inner(chance), inner(chance)),
        5 => format!("CASE id WHEN {} THEN {} WHEN 2 THEN {} END", chance.below(4), inner(chance), inner(chance)),
        6 => format!("coalesce({}, {})", inner(chance), inner(chance)),
        7 => format!("nullif({}, {})", inner(chance), inner(chance)),
        8 => format!("({} || {})", inner(chance), inner(chance)),
        9 => format!("concat({}, {}, {})", inner(chance), inner(chance), inner(chance)),
        10 => format!("concat_ws('-', {}, {}, {})", inner(chance), inner(chance), inner(chance)),
        11 | 12 => format!("substr({}, {}, {})", inner(chance), 1 + chance.below(4), chance.below(4)),
        13 => format!("left({}, {})", inner(chance), chance.below(6) as i64 - 2),
        14 => format!("right({}, {})", inner(chance), chance.below(6) as i64 - 2),
        15 => format!("split_part({}, '-', {})", inner(chance), 1 + chance.below(3)),
        16 => format!("reverse({})", inner(chance)),
        _ => format!("upper({})", inner(chance)),
    }
}

fn statement(chance: &mut Chance) -> String {
    let one = value(chance, 3);
    let (from, count) = (1 + chance.below(8), chance.below(6));
    match chance.below(17) {
        0 => format!("SELECT {one} FROM person WHERE {}", condition(chance)),
        1 => format!("SELECT {} FROM (SELECT id, {one} AS a, b, c FROM person) t", value(chance, 2)),
        2 => format!("SELECT substr(string_agg({one}, ', ' ORDER BY id), {from}, {count}) FROM person"),
        3 => format!("SELECT substr((SELECT string_agg({one}, '' ORDER BY id DESC) FROM person), {from}, {count})"),
        4 => format!("SELECT (array_agg({one} ORDER BY id))[{from}:{}] FROM person", from + count),
        5 => format!("SELECT (array_agg({one} ORDER BY id))[{from}] FROM person"),
        6 => format!("SELECT {one} FROM person UNION ALL SELECT {} FROM person WHERE {}", value(chance, 2), condition(chance)),
        7 => format!("SELECT DISTINCT {one} FROM person"),
        8 => format!("SELECT {one} FROM person ORDER BY id LIMIT {count} OFFSET {}", chance.below(3)),
        9 => format!("SELECT {one} FROM person LIMIT {count}"),
        10 => format!("SELECT x, lag(x) OVER (ORDER BY id), first_value(x) OVER (ORDER BY id) FROM (SELECT id, {one} AS x FROM person) t"),
        11 => format!("SELECT string_agg({one}, ',') FILTER (WHERE {}) FROM person GROUP BY id % 2", condition(chance)),
        12 => format!("SELECT p.a, t.x FROM person p LEFT JOIN (SELECT id, {one} AS x FROM person WHERE {}) t ON t.id = p.id", condition(chance)),
        13 => format!("WITH t AS (SELECT {one} AS x, id FROM person) SELECT left(string_agg(x, '-' ORDER BY id), {count}) FROM t GROUP BY id % 2"),
        14 => format!("SELECT split_part(string_agg({one}, '-' ORDER BY id), '-', {from}) FROM person"),
        15 => format!("SELECT max({one}), min(b) FROM person GROUP BY id % 3"),
        _ => format!("SELECT first_value({one} ORDER BY id) FROM person GROUP BY id % 2"),
    }
}

/// Nobody is displayed for sure whose character is not in the rows, and nobody whose character is in them is missed.
fn check_statement(seed: u64) {
    let mut chance = Chance(seed);
    let (database, marks) = marked(&mut chance);
    let sql = statement(&mut chance);
    let engine = Engine::new(database, Options { threads: 1 + (seed % 2) as usize, ..Options::default() }).unwrap();
    let prepared = engine.prepare(&sql).unwrap_or_else(|error| panic!("{seed}: {sql}: {error}"));
    let rows = engine.visible_rows(&prepared, &hospital::call()).unwrap_or_else(|error| panic!("{seed}: {sql}: {error}"));
    let sent = datafusion::arrow::util::pretty::pretty_format_batches(&rows).unwrap().to_string();
    let truth: BTreeSet<(u32, usize)> = marks.iter().filter(|(mark, ..)| sent.contains(*mark)).map(|(_, person, column)| (*person, *column)).collect();
    let replayed = engine.replay(&prepared, &[hospital::call()]).remove(0).unwrap_or_else(|error| panic!("{seed}: {sql}: {error}"));
    let displayed = |sure: bool| -> BTreeSet<(u32, usize)> {
        let parts = replayed.revealed.iter().filter(|part| part.how == strandline_provenance::How::Displayed && !(sure && part.doubt.is_some()));
        let cells = parts.flat_map(|part| part.columns.iter().flat_map(|column| part.subjects.iter().map(|person| (*person, column.column))));
        cells.filter(|(_, column)| *column > 0).collect()
    };
    let is_limited = sql.contains("LIMIT");
    assert!(displayed(false).is_superset(&truth), "{seed}: {sql} misses {:?}", truth.difference(&displayed(false)));
    if !is_limited || sql.contains("ORDER BY id LIMIT") {
        assert!(truth.is_superset(&displayed(true)), "{seed}: {sql} is sure of {:?}", displayed(true).difference(&truth));
    }
}

#[test]
fn what_is_displayed_is_what_the_rows_hold() {
    let count = std::env::var("STRANDLINE_VALUES_SEEDS").ok().and_then(|count| count.parse().ok()).unwrap_or(400);
    let first = std::env::var("STRANDLINE_VALUES_FIRST").ok().and_then(|first| first.parse().ok()).unwrap_or(0);
    (first..first + count).for_each(check_statement);
}

/// What MySQL has by other words than the planner.
#[test]
fn mysqls_own_functions_and_operators_are_computed() {
    check_mysql("SELECT email FROM person WHERE FIELD(no, 'P3', 'P1') > 1", "displayed email: 1");
    check_mysql("SELECT email FROM person WHERE FIND_IN_SET(score, '6,2')", "displayed email: 2 6");
    check_mysql("SELECT ELT(score, name, email) FROM person", "displayed email: 2; displayed name: 1");
    check_mysql("SELECT email FROM person WHERE score DIV 2 = 1 AND score <> 3", "displayed email: 2");
    check_mysql("SELECT email FROM person WHERE score DIV 2 = 1 OR score MOD 6 = 0", "displayed email: 2 3 6");
    check_mysql("SELECT email FROM person WHERE !(score <> 1) && name = 'Ann'", "displayed email: 1");
    check_mysql("SELECT email FROM person WHERE no = 'P1' || name = 'Ben' && score = 2", "displayed email: 1 2");
    check_mysql("SELECT email FROM person WHERE score = '2nd'", "displayed email: 2");
    check_mysql("SELECT email FROM person WHERE score = '2 OR 1=1'", "displayed email: 2");
    check_mysql("SELECT email FROM person WHERE score < 'a' OR '3.0x' = score", "displayed email: 3");
    check_mysql("SELECT email FROM person WHERE DATEDIFF('2026-03-02', '2026-02-28') = score", "displayed email: 2");
    check_mysql("SELECT email FROM person WHERE TIMESTAMPDIFF(MONTH, '2026-01-31', '2026-04-30') = score", "displayed email: 2");
    check_mysql("SELECT email FROM person WHERE WEEKDAY('2026-11-26') = score AND DAYOFWEEK('1969-12-31') = score + 1", "displayed email: 3");
    check_mysql("SELECT CHAR(65, 66), name FROM person WHERE name = CHAR(65, 110, 110)", "displayed name: 1");
    check_mysql("SELECT name, (SELECT max(k) FROM code WHERE k = score) AS m FROM person HAVING m > 2", "displayed name: 3");
    check_mysql("SELECT name, max(score) FROM person WHERE no = 'P2' GROUP BY 1 WITH ROLLUP", "displayed name,score: 2");
}

#[test]
fn rows_in_other_words_are_computed() {
    check("SELECT (p).email FROM person p WHERE no = 'P2'", "displayed email: 2");
    check("SELECT email FROM person WHERE score <> ALL (ARRAY(SELECT k FROM code WHERE k < 3))", "displayed email: 3 6");
    check("SELECT email FROM person WHERE score = ANY (ARRAY(SELECT k FROM code WHERE word > 'a'))", "displayed email: 2 3");
    check("VALUES ((SELECT email FROM person WHERE no = 'P1')), ((SELECT name FROM person WHERE no = 'P6'))", "displayed email: 1; displayed name: 6");
    check("SELECT g, email FROM generate_series(1, 5, 2) g JOIN person ON score = g", "displayed email: 1 3");
    check("SELECT email FROM generate_series(2, 3) AS t (g) JOIN person ON score = t.g", "displayed email: 2 3");
    check("SELECT x.at, name FROM unnest(ARRAY[3, 1]) WITH ORDINALITY AS x (id, at) JOIN person ON score = x.id", "displayed name: 1 3");
}

/// In whatever zone the session was, of days that are years apart.
#[test]
fn days_beside_todays_are_computed() {
    let table = hospital::table(
        "born",
        vec![text("no"), arrow_schema::Field::new("day", arrow_schema::DataType::Date32, true)],
        vec![vec![0]],
        vec![texts(&["P1", "P2", "P3"]), hospital::dates(&[0, 10_000, 19_000])],
        Some(&[1, 2, 3]),
        &[],
    );
    let database = |dialect| Database { dialect, tables: vec![table.clone()], views: Vec::new(), ..people() };
    let today = i32::try_from(NOW / 86_400_000_000).unwrap();
    let (days, years) = (today - 15_000, (today - 15_000) / 365);
    for (condition, dialect) in [
        (format!("day < current_date - interval '{days} days'"), Dialect::PostgreSql),
        (format!("current_date - day > {days}"), Dialect::PostgreSql),
        (format!("extract(year from age(day)) > {years}"), Dialect::PostgreSql),
        (format!("date_part('year', age(now(), day)) > {years}"), Dialect::PostgreSql),
        (format!("date_trunc('month', current_date) - interval '{days} days' > day"), Dialect::PostgreSql),
        (format!("day < DATE_SUB(CURDATE(), INTERVAL {days} DAY)"), Dialect::MySql),
        (format!("DATEDIFF(NOW(), day) > {days}"), Dialect::MySql),
        (format!("TIMESTAMPDIFF(YEAR, day, CURDATE()) > {years}"), Dialect::MySql),
        (format!("YEAR(CURDATE()) - YEAR(day) > {years}"), Dialect::MySql),
        ("day < STR_TO_DATE('01/02/2011', '%d/%m/%Y')".to_owned(), Dialect::MySql),
    ] {
        let shown = replayed(&database(dialect), &format!("SELECT no FROM born WHERE {condition}"));
        assert_eq!(shown, "displayed no: 1 2", "{condition}");
    }
}

/// A rank is the same for all that tie, whichever of them goes first.
#[test]
fn ranks_and_correlated_subqueries_decide() {
    for dialect in [Dialect::PostgreSql, Dialect::MySql] {
        let database = Database { dialect, collation: Some(if dialect == Dialect::MySql { "utf8mb4_general_ci" } else { "C" }.to_owned()), ..people() };
        let check = |sql: &str, expected: &str| assert_eq!(replayed(&database, sql), expected, "{sql}");
        check(
            "SELECT email FROM (SELECT email, rank() OVER (ORDER BY k DESC) AS r FROM person JOIN code ON k <= score) x WHERE r <= 1",
            "displayed email: 3 6",
        );
        check("SELECT email FROM person WHERE 1 <= (SELECT count(*) FROM code WHERE k = score AND word <> 'a')", "displayed email: 2 3");
        check("SELECT email FROM person p WHERE 1 <= (SELECT count(*) FROM person q WHERE q.name = p.name AND q.score > 2)", "displayed email: 3 6");
        check("SELECT email FROM person WHERE name NOT IN (SELECT q.name FROM person q WHERE q.score > 1)", "displayed email: 1 4 5");
        check(
            "SELECT email FROM person p ORDER BY (SELECT count(*) FROM person q WHERE q.name = p.name AND q.score > 3) DESC, no LIMIT 1",
            "displayed email: 6",
        );
        check(
            "SELECT email FROM (SELECT email, rank() OVER (ORDER BY (SELECT count(*) FROM code WHERE k = score), no DESC) AS r FROM person) x WHERE r = 1",
            "displayed email: 6",
        );
    }
    check("SELECT email FROM person ORDER BY score IS NULL FETCH FIRST 1 ROW WITH TIES", "displayed email: 1 2 3 6");
    check(
        "SELECT email FROM person p WHERE 1 = (SELECT count(*) FROM person q WHERE upper(q.name) = upper(p.name) AND q.score = 2)",
        "displayed email: 2 (Comparison)",
    );
}

/// The column is `NO` in the dump; MySQL takes `id`, `Id` and `` `iD` `` for the same.
#[test]
fn mysql_takes_no_notice_of_capitals_in_names() {
    let mut database = Database { dialect: Dialect::MySql, ..people() };
    let columns = database.tables[0].columns.fields().iter().map(|field| field.as_ref().clone().with_name(field.name().to_uppercase()));
    database.tables[0].columns = std::sync::Arc::new(arrow_schema::Schema::new(columns.collect::<Vec<_>>()));
    let stored = VersionedTable::stored_schema(&database.tables[0].columns);
    for batch in &mut database.tables[0].batches {
        *batch = arrow_array::RecordBatch::try_new(stored.clone(), batch.columns().to_vec()).unwrap();
    }
    database.views.clear();
    for sql in ["SELECT NAME FROM person WHERE NO = 'P1'", "SELECT name FROM person P WHERE p.no = 'P1'", "SELECT `Name` FROM `person` WHERE `nO` = 'P1'"] {
        assert_eq!(replayed(&database, sql), "displayed NAME: 1", "{sql}");
    }
    assert_eq!(replayed(&database, "SELECT * FROM person WHERE No = 'P4'"), "displayed EMAIL,NAME,NO: 4");
}

/// Where two tables differ in capitals alone, neither may be taken for the other.
#[test]
fn namesakes_in_mysql_are_not_understood() {
    let mut database = Database { dialect: Dialect::MySql, ..people() };
    let other = VersionedTable { name: "Person".into(), ..database.tables[0].clone() };
    database.tables.push(other);
    database.views.clear();
    let engine = Engine::new(database, Options { threads: 1, ..Options::default() }).unwrap();
    assert!(engine.prepare("SELECT name FROM person").is_err());
    assert!(engine.prepare("SELECT word FROM code").is_ok());
}
