//! What each construct of SQL reveals, on a small hospital.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod hospital;

use hospital::{check, check_call, check_together, check_used, unsupported};
use strandline_provenance::RowWindow;

#[test]
fn a_key_lookup_displays_one() {
    check("SELECT name, born FROM patient WHERE id = 1", 1, "displayed born,name: 1; inferred id: 1");
}

#[test]
fn a_star_displays_visible_columns_alone() {
    check("SELECT * FROM admission WHERE id = 11", 1, "displayed diagnosis,id,patient_id,started,ward: 1");
}

#[test]
fn a_column_beside_a_star_that_holds_it_is_the_same_twice() {
    let all = "displayed diagnosis,id,patient_id,started,ward: 1";
    check("SELECT a.*, a.id, a.ward FROM admission a WHERE a.id = 11 ORDER BY a.ward, a.id LIMIT 5", 1, all);
    check("SELECT \"a\".\"id\", * FROM admission \"a\" WHERE id = 11 ORDER BY id", 1, all);
    check(
        "SELECT * FROM (SELECT a.*, a.id, p.town FROM admission a JOIN patient p ON p.id = a.patient_id) x WHERE x.id = 11",
        1,
        "displayed diagnosis,id,patient_id,started,town,ward: 1; inferred id: 1",
    );
}

#[test]
fn a_condition_gives_its_column_away() {
    check("SELECT id FROM patient WHERE town = 'Aberdeen'", 2, "displayed id: 1 4; inferred town: 1 4");
}

#[test]
fn like_gives_its_column_away() {
    check("SELECT id FROM patient WHERE name LIKE 'Ch%'", 2, "displayed id: 2 3; inferred name: 2 3");
}

#[test]
fn a_join_by_key_says_nothing_of_the_key() {
    check(
        "SELECT p.name, a.diagnosis FROM patient p JOIN admission a ON a.patient_id = p.id WHERE a.ward = 'W1'",
        3,
        "displayed diagnosis,name: 1 2 3; inferred ward: 1 2 3",
    );
}

#[test]
fn a_comma_join_is_a_join() {
    check("SELECT p.name FROM patient p, admission a WHERE a.patient_id = p.id AND a.diagnosis = 'flu'", 3, "displayed name: 1 2 5; inferred diagnosis: 1 2 5");
}

#[test]
fn a_lookup_table_decodes_the_column() {
    check("SELECT a.id, w.title FROM admission a JOIN ward w ON w.code = a.ward WHERE a.id = 11", 1, "displayed id: 1; inferred ward: 1");
}

#[test]
fn a_left_join_shows_who_has_nothing() {
    check(
        "SELECT p.name, a.diagnosis FROM patient p LEFT JOIN admission a ON a.patient_id = p.id AND a.diagnosis = 'flu' WHERE p.id IN (1, 4)",
        2,
        "displayed diagnosis: 1; displayed name: 1 4; inferred diagnosis: 4; inferred id: 1 4",
    );
}

#[test]
fn conditions_on_both_sides_of_a_right_join_hold_of_both() {
    check(
        "SELECT p.name FROM admission a RIGHT JOIN patient p ON a.patient_id = p.id \
         WHERE LOWER(p.town) = LOWER('ABERDEEN') AND LOWER(a.ward) = LOWER('w1') ORDER BY p.name, a.id",
        1,
        "displayed name: 1; inferred town,ward: 1",
    );
}

#[test]
fn order_and_limit_display_the_rows_inside() {
    check("SELECT name FROM patient ORDER BY id LIMIT 2", 2, "displayed name: 1 2");
}

#[test]
fn offset_displays_the_page_not_what_came_before() {
    check("SELECT name FROM patient ORDER BY id LIMIT 2 OFFSET 3", 2, "displayed name: 4 5");
}

#[test]
fn limit_without_order_widens_to_everybody() {
    check("SELECT name FROM patient WHERE id > 2 LIMIT 2", 2, "displayed name: 3 4 5 6 7 8 (UnorderedLimit); inferred id: 3 4 5 6 7 8 (UnorderedLimit)");
}

#[test]
fn limit_over_groups_widens_to_whom_each_group_tells() {
    let doubt = "(UnorderedLimit)";
    check("SELECT name, count(*) FROM patient GROUP BY name LIMIT 3", 3, &format!("displayed name: 1 2 3 4 5 6 7 8 {doubt}"));
    check("SELECT * FROM (SELECT name, sum(score) FROM patient GROUP BY name) t LIMIT 3", 3, &format!("displayed name,score: 1 2 3 4 5 6 7 8 {doubt}"));
    check("SELECT town, count(*) FROM patient GROUP BY town LIMIT 2", 2, &format!("displayed town: 3 {doubt}; inferred town: 1 4 {doubt}"));
}

#[test]
fn what_a_recursion_begins_with_may_be_of_one_in_a_group() {
    let query = "WITH RECURSIVE t(n, i) AS (SELECT max(name), 1 FROM patient UNION ALL SELECT n, i + 1 FROM t WHERE i < 2) SELECT n FROM t";
    check(query, 2, "displayed name: 8 (ExtremeOfGroup)");
}

#[test]
fn limit_that_cuts_nothing_is_exact() {
    check("SELECT name FROM patient WHERE id = 2 LIMIT 1", 1, "displayed name: 2; inferred id: 2");
}

#[test]
fn ties_at_the_edge_are_all_in_doubt() {
    check("SELECT name FROM patient ORDER BY score LIMIT 3", 3, "displayed name: 1; displayed name: 2 3 4 (TiedLimit)");
}

#[test]
fn a_collation_that_matters_widens() {
    check("SELECT id FROM patient ORDER BY nickname LIMIT 1", 1, "displayed id: 1 2 (Collation)");
}

#[test]
fn a_text_outside_ascii_may_stand_anywhere_and_moves_the_others_by_one() {
    let mut database = hospital::hospital();
    let columns = database.tables[0].batches[0].columns().to_vec();
    let names = hospital::texts(&["Ann", "Chan", "Éva", "Dora", "Eva", "Fu", "Gu", "Ho"]);
    let columns = columns.into_iter().enumerate().map(|(at, column)| if at == 1 { names.clone() } else { column }).collect();
    let schema = database.tables[0].batches[0].schema();
    database.tables[0].batches = vec![arrow_array::RecordBatch::try_new(schema, columns).unwrap()];
    let engine = strandline_provenance::Engine::new(database, strandline_provenance::Options { threads: 1, ..Default::default() }).unwrap();
    let check = |sql: &str, rows, expected: &str| hospital::check_with(&engine, sql, rows, expected);
    check("SELECT id FROM patient ORDER BY name LIMIT 3", 3, "displayed id: 1 2; displayed id: 3 4 (Collation)");
    check("SELECT id FROM patient ORDER BY name LIMIT 2 OFFSET 5", 2, "displayed id: 7; displayed id: 3 6 8 (Collation)");
    check("SELECT id FROM patient ORDER BY name LIMIT 8", 8, "displayed id: 1 2 3 4 5 6 7 8");
}

#[test]
fn texts_that_every_collation_sorts_alike_are_exact() {
    check("SELECT id FROM admission ORDER BY ward, id LIMIT 2", 2, "displayed id: 1 2");
}

#[test]
fn a_count_over_many_reveals_nobody() {
    check("SELECT count(*) FROM patient", 1, "");
}

#[test]
fn a_count_by_group_reveals_small_groups() {
    check("SELECT town, count(*) FROM patient GROUP BY town", 3, "displayed town: 3; inferred town: 1 4");
}

#[test]
fn an_average_of_one_displays_it() {
    check("SELECT avg(score) FROM patient WHERE town = 'Repulse Bay'", 1, "displayed score: 3; inferred town: 3");
}

#[test]
fn having_and_order_by_aggregates() {
    check("SELECT town, avg(score) FROM patient GROUP BY town HAVING count(*) > 1 ORDER BY avg(score) DESC", 2, "inferred score,town: 1 4");
}

#[test]
fn the_greatest_of_many_is_displayed_in_doubt() {
    check("SELECT max(score) FROM patient", 1, "displayed score: 8 (ExtremeOfGroup)");
}

#[test]
fn distinct_displays_for_all_who_hold_the_value() {
    check("SELECT DISTINCT town FROM patient", 3, "displayed town: 1 2 3 4 5 6 7 8");
}

#[test]
fn group_by_alone_is_distinct() {
    check("SELECT town FROM patient GROUP BY town", 3, "displayed town: 1 2 3 4 5 6 7 8");
}

#[test]
fn distinct_over_small_groups_displays_what_the_groups_gave() {
    check("SELECT DISTINCT n FROM (SELECT id, sum(score) n FROM patient GROUP BY id) t", 6, "displayed score: 1 2 3 4 5 6 7 8");
}

#[test]
fn string_agg_displays_everybody() {
    check("SELECT string_agg(name, ',') FROM patient", 1, "displayed name: 1 2 3 4 5 6 7 8");
}

#[test]
fn exists_gives_its_condition_away() {
    check(
        "SELECT p.name FROM patient p WHERE EXISTS (SELECT 1 FROM admission a WHERE a.patient_id = p.id AND a.diagnosis = 'flu')",
        3,
        "displayed name: 1 2 5; inferred diagnosis: 1 2 5",
    );
}

#[test]
fn exists_with_an_inequality() {
    check(
        "SELECT p.name FROM patient p WHERE EXISTS (SELECT 1 FROM admission a WHERE a.patient_id = p.id AND a.started > p.born AND a.diagnosis = 'flu')",
        3,
        "displayed name: 1 2 5; inferred born,diagnosis,started: 1 2 5",
    );
}

#[test]
fn in_gives_its_condition_away() {
    check(
        "SELECT name FROM patient WHERE id IN (SELECT patient_id FROM admission WHERE diagnosis = 'flu')",
        3,
        "displayed name: 1 2 5; inferred diagnosis: 1 2 5",
    );
}

#[test]
fn not_exists_gives_the_absence_away() {
    check(
        "SELECT p.name FROM patient p WHERE NOT EXISTS (SELECT 1 FROM admission a WHERE a.patient_id = p.id AND a.diagnosis = 'flu')",
        5,
        "displayed name: 3 4 6 7 8; inferred diagnosis: 3 4 6 7 8",
    );
}

#[test]
fn not_in_gives_the_absence_away() {
    check(
        "SELECT name FROM patient WHERE id NOT IN (SELECT patient_id FROM admission WHERE diagnosis = 'flu')",
        5,
        "displayed name: 3 4 6 7 8; inferred diagnosis: 3 4 6 7 8",
    );
}

#[test]
fn exists_under_or() {
    check(
        "SELECT name FROM patient p WHERE p.id = 8 OR EXISTS (SELECT 1 FROM admission a WHERE a.patient_id = p.id AND a.diagnosis = 'flu')",
        4,
        "displayed name: 1 2 5 8; inferred diagnosis,id: 1 2 5 8",
    );
}

#[test]
fn a_scalar_subquery_in_select() {
    check(
        "SELECT p.name, (SELECT max(a.diagnosis) FROM admission a WHERE a.patient_id = p.id) FROM patient p WHERE p.id = 1",
        1,
        "displayed diagnosis,name: 1; inferred id: 1",
    );
}

#[test]
fn a_scalar_subquery_in_where() {
    check("SELECT name FROM patient WHERE score > (SELECT avg(score) FROM patient)", 4, "displayed name: 5 6 7 8; inferred score: 5 6 7 8");
}

#[test]
fn union_all_and_union() {
    check(
        "SELECT name FROM patient WHERE id = 1 UNION ALL SELECT diagnosis FROM admission WHERE id = 12",
        2,
        "displayed diagnosis: 2; displayed name: 1; inferred id: 1; inferred id: 2",
    );
    check("SELECT town FROM patient WHERE id < 3 UNION SELECT town FROM patient WHERE id = 4", 2, "displayed town: 1 2 4; inferred id: 1 2 4");
}

#[test]
fn intersect_and_except() {
    check("SELECT id FROM patient INTERSECT SELECT patient_id FROM admission", 4, "displayed id,patient_id: 1 2 3 5");
    check("SELECT id FROM patient EXCEPT SELECT patient_id FROM admission", 4, "displayed id: 4 6 7 8");
}

#[test]
fn row_numbers_are_used_only() {
    check(
        "SELECT n, name FROM (SELECT name, row_number() OVER (PARTITION BY town ORDER BY score DESC, id) n FROM patient) t WHERE n = 1",
        3,
        "displayed name: 3 4 8",
    );
}

#[test]
fn lag_shows_another_row() {
    check("SELECT id, lag(name) OVER (ORDER BY id) FROM patient", 8, "displayed id: 1 2 3 4 5 6 7 8; displayed name: 1 2 3 4 5 6 7");
}

#[test]
fn a_window_sum_follows_the_partition() {
    check("SELECT sum(score) OVER (PARTITION BY town) FROM patient", 8, "displayed score: 3; inferred score: 1 4");
}

#[test]
fn common_table_expressions_views_and_aliases() {
    check("WITH t AS (SELECT id AS i, upper(name) AS n FROM patient) SELECT n FROM t WHERE i = 3", 1, "displayed name: 3; inferred id: 3");
    check("SELECT n FROM names WHERE i = 3", 1, "displayed name: 3; inferred id: 3");
    check("SELECT n FROM clinic.names x WHERE x.i = 3", 1, "displayed name: 3; inferred id: 3");
}

#[test]
fn self_joins_keep_their_rows_apart() {
    check("SELECT b.name FROM patient a JOIN patient b ON b.id = a.id + 1 WHERE a.id = 1", 1, "displayed name: 2; inferred id: 1 2");
}

#[test]
fn lengths_hashes_and_comparisons_decide() {
    check("SELECT length(name), md5(town), born IS NULL, score > 3 FROM patient WHERE id = 1", 1, "inferred born,id,name,score,town: 1");
}

#[test]
fn concatenation_case_and_coalesce_copy() {
    check(
        "SELECT name || town, CASE WHEN score > 3 THEN nickname ELSE 'x' END, coalesce(born, DATE '2000-01-01') FROM patient WHERE id = 1",
        1,
        "displayed born,name,town: 1; inferred id,score: 1",
    );
}

#[test]
fn values_and_cross_joins() {
    check("SELECT v.k, p.name FROM (VALUES (1), (2)) v(k) JOIN patient p ON p.id = v.k", 2, "displayed name: 1 2; inferred id: 1 2");
    check("SELECT p.name, w.title FROM patient p CROSS JOIN ward w WHERE p.id = 1", 2, "displayed name: 1; inferred id: 1");
}

#[test]
fn distinct_on_shows_one_of_each() {
    check(
        "SELECT DISTINCT ON (patient_id) patient_id, diagnosis FROM admission ORDER BY patient_id, started DESC",
        4,
        "displayed diagnosis,patient_id: 1 2 3 5",
    );
}

#[test]
fn rollup_reveals_small_groups() {
    check("SELECT town, count(*) FROM patient GROUP BY ROLLUP (town)", 4, "displayed town: 3; inferred town: 1 4");
}

#[test]
fn lateral_joins() {
    check(
        "SELECT p.name, l.diagnosis FROM patient p JOIN LATERAL (SELECT a.diagnosis FROM admission a WHERE a.patient_id = p.id) l ON true WHERE p.id = 2",
        1,
        "displayed diagnosis,name: 2; inferred id,patient_id: 2",
    );
}

#[test]
fn wrappers_come_off() {
    check("COPY (SELECT name FROM patient WHERE id = 1) TO STDOUT", 1, "displayed name: 1; inferred id: 1");
    check("COPY patient (name, town) TO STDOUT", 8, "displayed name,town: 1 2 3 4 5 6 7 8");
    check("TABLE ward", 2, "");
    check("DECLARE c CURSOR FOR SELECT name FROM patient", 8, "displayed name: 1 2 3 4 5 6 7 8");
    check("EXPLAIN SELECT name FROM patient", 0, "");
    check("SELECT name FROM patient WHERE id = 1 FOR UPDATE", 1, "displayed name: 1; inferred id: 1");
    check("SELECT name FROM patient ORDER BY id FETCH FIRST 2 ROWS ONLY", 2, "displayed name: 1 2");
}

#[test]
fn postgresql_words() {
    check("SELECT name FROM patient WHERE name ILIKE 'an%'", 1, "displayed name: 1");
    check("SELECT name::text FROM patient WHERE name ~ '^An'", 1, "displayed name: 1");
    check("SELECT name FROM patient WHERE id = ANY(ARRAY[1, 2])", 2, "displayed name: 1 2; inferred id: 1 2");
    check("SELECT name::character varying FROM patient WHERE born < now() AND id = 1", 1, "displayed name: 1; inferred born,id: 1");
    check("SELECT table_name FROM information_schema.tables", 0, "");
}

#[test]
fn chance_widens() {
    check("SELECT name FROM patient WHERE random() < 0.5 AND id < 3", 2, "displayed name: 1 2 (Nondeterministic); inferred id: 1 2 (Nondeterministic)");
}

#[test]
fn doubtful_row_versions_are_in_doubt() {
    check("SELECT phone FROM contact", 2, "displayed phone: 1; displayed phone: 2 (DoubtfulRow)");
}

#[test]
fn what_cannot_be_replayed_names_its_tables() {
    unsupported("INSERT INTO ward SELECT name, town FROM patient", "clinic.patient clinic.ward");
    unsupported("SELECT frobnicate(name) FROM patient", "clinic.patient");
    unsupported("UPDATE patient SET name = 'x' RETURNING name", "clinic.patient");
    unsupported("SELECT * FROM names, nowhere", "clinic.patient");
    unsupported("SELEC name FRM patient", "clinic.patient");
    unsupported("SELECT pg_sleep(5) FROM patient WHERE id = 1", "clinic.patient");
    unsupported("SELECT query_to_xml('SELECT * FROM patient', true, true, '')", "clinic.patient");
}

#[test]
fn what_decides_without_a_row_is_used() {
    check_used("SELECT title FROM ward w WHERE NOT EXISTS (SELECT 1 FROM admission a WHERE a.ward = w.code)", "1 2 3 5");
    check_used("SELECT count(*) FROM patient", "1 2 3 4 5 6 7 8");
}

#[test]
fn point_statements_run_together_and_others_do_not() {
    check_together("SELECT * FROM patient WHERE id = $1", true);
    check_together("SELECT p.name FROM patient p JOIN admission a ON a.patient_id = p.id WHERE p.id = $1 AND a.ward = $2 ORDER BY p.name LIMIT 20", true);
    check_together("SELECT x.name FROM (SELECT * FROM patient WHERE town = $1) x LEFT JOIN admission a ON a.patient_id = x.id", true);
    check_together("SELECT n FROM names WHERE i = $1", true);
    check_together("SELECT name FROM patient p WHERE p.id = $1 AND EXISTS (SELECT 1 FROM admission a WHERE a.patient_id = p.id)", true);
    check_together("SELECT count(*) FROM patient WHERE town = $1", false);
    check_together("SELECT name FROM patient WHERE id > $1", false);
    check_together("SELECT name FROM patient WHERE born < now() AND id = $1", false);
    check_together("SELECT name FROM patient ORDER BY id LIMIT $1", false);
}

#[test]
fn parameters_take_the_type_of_what_they_stand_beside() {
    check_call("SELECT name FROM patient WHERE id = $1", &["2"], None, "displayed name: 2; inferred id: 2");
    check_call("SELECT id FROM patient WHERE name = $1", &["Ann"], None, "displayed id: 1; inferred name: 1");
    check_call("SELECT id FROM patient WHERE born = $1", &["1970-01-03"], None, "displayed id: 2; inferred born: 2");
    check_call("SELECT name FROM patient ORDER BY id LIMIT $1 OFFSET $2", &["2", "1"], None, "displayed name: 2 3");
    check_call("SELECT id FROM patient WHERE name LIKE $1 || '%'", &["An"], None, "displayed id: 1; inferred name: 1");
    check_call("SELECT id FROM patient WHERE id IN ($1, $2)", &["1", "2"], None, "displayed id: 1 2");
}

#[test]
fn a_cursor_shows_what_it_fetched() {
    let window = |skip, take| Some(RowWindow { skip, take: Some(take) });
    check_call("SELECT name FROM patient ORDER BY id", &[], window(2, 3), "displayed name: 3 4 5");
    check_call("SELECT name FROM patient ORDER BY id LIMIT 4", &[], window(2, 3), "displayed name: 3 4");
    check_call("SELECT name FROM patient WHERE id < 4", &[], window(0, 2), "displayed name: 1 2 3 (UnorderedLimit); inferred id: 1 2 3 (UnorderedLimit)");
    check_call("SELECT name FROM patient WHERE id < 4", &[], window(0, 3), "displayed name: 1 2 3; inferred id: 1 2 3");
}

#[test]
fn an_order_of_texts_lets_both_readings_through() {
    check(
        "SELECT id FROM patient WHERE nickname < 'b'",
        2,
        "displayed id: 2; displayed id: 1 (Comparison); inferred nickname: 2; inferred nickname: 1 (Comparison)",
    );
    check("SELECT id FROM admission WHERE ward < 'W2'", 3, "displayed id: 1 2 3; inferred ward: 1 2 3");
}

#[test]
fn mysql_compares_without_case() {
    let check = hospital::check_mysql;
    check("SELECT `id` FROM `patient` WHERE `name` = 'ANN'", 1, "displayed id: 1; inferred name: 1");
    check("SELECT id FROM patient WHERE name IN ('ANN', 'eva') LIMIT 0, 5", 2, "displayed id: 1 5; inferred name: 1 5");
    check("SELECT id FROM patient WHERE name LIKE 'an%'", 1, "displayed id: 1; inferred name: 1");
    check("SELECT id FROM patient WHERE town IN (SELECT town FROM patient WHERE id = 3)", 1, "displayed id: 3; inferred town: 3");
}

#[test]
fn a_comparison_that_may_come_out_otherwise_clears_nobody() {
    check(
        "SELECT id FROM patient WHERE id < 3 AND name ~ '(?i)^a'",
        2,
        "displayed id: 1 (Comparison); displayed id: 2 (LetThrough); inferred name: 1 (Comparison); inferred name: 2 (LetThrough)",
    );
    // Under what folds rows it cannot be told row by row who was let through.
    check("SELECT max(score) FROM patient WHERE name ~ '(?i)^a'", u64::MAX, "displayed score: 1 (Comparison); inferred name: 1 (Comparison)");
}

#[test]
fn a_place_among_rows_that_tie_is_not_sure() {
    check("SELECT id FROM (SELECT id, row_number() OVER (ORDER BY score) n FROM patient) t WHERE n = 1", u64::MAX, "displayed id: 1 (Comparison)");
    check("SELECT id FROM (SELECT id, row_number() OVER (ORDER BY id) n FROM patient) t WHERE n = 1", 1, "displayed id: 1");
}

#[test]
fn a_value_that_only_goes_out_need_not_be_computed() {
    check("SELECT id, to_char(born, 'FMMonth Q') FROM patient WHERE id < 3", 2, "displayed born,id: 1 2");
    check("SELECT extract(year FROM age(born)) + 1 AS years FROM patient WHERE id = 1", 1, "displayed born: 1; inferred id: 1");
    check("SELECT json_build_object('n', name, 't', upper(quote_ident(town))) FROM patient ORDER BY id LIMIT 2", 2, "displayed name,town: 1 2");
    check("SELECT max(age(born)) FROM patient WHERE id = 2", 1, "displayed born: 2; inferred id: 2");
    check(
        "SELECT age(born) FROM patient WHERE id = 1 UNION ALL SELECT age(started) FROM admission WHERE id = 12",
        2,
        "displayed born: 1; displayed started: 2; inferred id: 1; inferred id: 2",
    );
    // Where it decides, it decides nothing for sure.
    check(
        "SELECT age(born) AS a, name FROM patient WHERE id < 3 ORDER BY a LIMIT 1",
        1,
        "displayed born,name: 1 2 (UnorderedLimit); inferred id: 1 2 (UnorderedLimit)",
    );
    check(
        "SELECT name FROM (SELECT name, age(born) AS a FROM patient WHERE id < 3) p WHERE a = 'x'",
        2,
        "displayed name: 1 2 (LetThrough); inferred born,id: 1 2 (LetThrough)",
    );
}

#[test]
fn documents_and_arrays_are_read() {
    check("SELECT id FROM (SELECT id, '{\"a\": \"x\"}' AS doc FROM patient WHERE id < 3) p WHERE doc ->> 'a' = 'x'", 2, "displayed id: 1 2");
    check("SELECT id FROM (SELECT id, '{\"a\": 1}' AS doc FROM patient WHERE id < 3) p WHERE doc @> '{\"a\": 2}'", 0, "");
    check("SELECT id FROM (SELECT id, '{red,blue}' AS tags FROM patient WHERE id < 3) p WHERE 'red' = ANY (tags)", 2, "displayed id: 1 2");
    check("SELECT id FROM (SELECT id, '{red,blue}' AS tags FROM patient WHERE id < 3) p WHERE tags && ARRAY['green']", 0, "");
}

/// The statement gives two rows, of patients 2 and 8, and shows what this says among others.
fn check_of_two(sql: &str, shown: &str) {
    let engine = hospital::engine();
    let prepared = engine.prepare(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
    let replayed = engine.replay(&prepared, &[hospital::call()]).remove(0).unwrap_or_else(|error| panic!("{sql}: {error}"));
    let told = hospital::readable(&hospital::hospital(), &replayed);
    assert!(told.contains(shown) && told.contains("displayed name: 2 8") && replayed.rows.most == 2, "{sql}: {told}");
}

#[test]
fn what_nests_deep_in_a_lateral_subquery_is_tied_to_its_row() {
    let from = |lateral: &str| format!("SELECT p.name, x.d FROM patient p LEFT JOIN LATERAL ({lateral}) x ON true WHERE p.id IN (2, 8)");
    let of_patient = "FROM admission a WHERE a.patient_id = p.id";
    check_of_two(&from(&format!("SELECT coalesce(json_agg(b), '[]') AS d FROM (SELECT a.diagnosis {of_patient}) b")), "displayed diagnosis: 2");
}

#[test]
fn a_lateral_subquery_may_give_the_outer_rows_values() {
    let sql = |lateral: &str| format!("SELECT p.id, x.w FROM patient p LEFT JOIN LATERAL ({lateral}) x ON true");
    check(&sql("SELECT p.name AS w WHERE p.score > 3"), 8, "displayed id: 1 2 3 4 5 6 7 8; displayed name: 5 6 7 8; inferred score: 1 2 3 4 5 6 7 8");
    check(&sql("SELECT p.name AS w FROM admission a WHERE a.id > p.id + 13"), 8, "displayed id: 1 2 3 4 5 6 7 8; displayed name: 1; inferred id: 1");
    check("SELECT p.id, v.w FROM patient p, LATERAL (VALUES (p.town)) v (w) WHERE p.id < 3", 2, "displayed id,town: 1 2");
    check(
        "SELECT p.id, x.w, x.o FROM patient p, LATERAL (SELECT a.diagnosis AS w, p.name AS o FROM admission a WHERE a.patient_id < p.id) x WHERE p.id = 2",
        2,
        "displayed diagnosis: 1; displayed id,name: 2; inferred patient_id: 1",
    );
}

#[test]
fn the_first_rows_of_each_may_be_counted_by_a_parameter() {
    let sql =
        "SELECT p.id, x.d FROM patient p, LATERAL (SELECT a.diagnosis AS d FROM admission a WHERE a.patient_id = p.id ORDER BY a.id LIMIT $1) x WHERE p.id < 4";
    let all = "displayed diagnosis,id: 1 2 3; inferred patient_id: 1 2 3";
    check_call(sql, &["9"], None, all);
    check_call(sql, &["0"], None, "");
    let value = "SELECT p.id, (SELECT a.diagnosis FROM admission a WHERE a.patient_id = p.id ORDER BY a.id DESC LIMIT $1) FROM patient p WHERE p.id < 4";
    check_call(value, &["1"], None, "displayed diagnosis,id: 1 2 3");
    check_call(value, &["0"], None, "displayed id: 1 2 3");
}

#[test]
fn like_without_a_sign_for_others_is_a_comparison() {
    hospital::check_mysql("SELECT id FROM patient WHERE name LIKE 'cheng'", 1, "displayed id: 3; inferred name: 3");
    hospital::check_mysql(
        "SELECT id FROM patient WHERE id < 3 AND (SELECT SUM(a.id) FROM admission a WHERE a.patient_id = patient.id GROUP BY a.patient_id ORDER BY NULL) > 1",
        2,
        "displayed id: 1 2; inferred id: 1 2",
    );
}

#[test]
fn a_value_may_compare_rows_with_the_outer_row() {
    let sql = |value: &str| format!("SELECT p.name, (SELECT {value} FROM admission a WHERE a.patient_id < p.id) FROM patient p WHERE p.id < 3");
    check(&sql("count(*)"), 2, "displayed name: 1 2; inferred id: 1 2; inferred patient_id: 1");
    check(&sql("min(a.diagnosis)"), 2, "displayed diagnosis: 1; displayed name: 1 2; inferred id: 1 2; inferred patient_id: 1");
    check("SELECT p.name FROM patient p WHERE (SELECT count(*) FROM patient q WHERE q.id < p.id) = 1", 1, "displayed name: 2; inferred id: 1 2");
}

#[test]
fn frames_that_leave_rows_out_give_any_of_the_partition() {
    let sql = |frame: &str| format!("SELECT id, first_value(name) OVER (ORDER BY id ROWS BETWEEN {frame}) FROM patient WHERE id < 4");
    check(&sql("CURRENT ROW AND 1 FOLLOWING EXCLUDE NO OTHERS"), 3, "displayed id,name: 1 2 3");
    check(&sql("1 PRECEDING AND CURRENT ROW EXCLUDE CURRENT ROW"), 3, "displayed id: 1 2 3; displayed name: 1 2 3 (OrderOfPartition)");
    check(&sql("2::int8 PRECEDING AND CURRENT ROW"), 3, "displayed id: 1 2 3; displayed name: 1; inferred name: 2 3");
}

#[test]
fn a_row_alone_in_its_partition_is_not_shown_by_a_frame_that_it_is_not_in() {
    let check = |value: &str, expected: &str| {
        check(&format!("SELECT {value} FROM patient WHERE id IN (1, 2, 3)"), 3, expected);
    };
    let of = |call: &str, frame: &str| format!("{call} OVER (PARTITION BY town ORDER BY id {frame})");
    check(&of("first_value(name)", ""), "displayed name: 1 2 3; inferred id: 1 2 3");
    check(&of("lag(name)", ""), "inferred id,name: 1 2 3");
    check(&of("first_value(name)", "ROWS BETWEEN 1 PRECEDING AND 1 PRECEDING"), "inferred id,name: 1 2 3");
    check(
        &of("first_value(name)", "ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING EXCLUDE CURRENT ROW"),
        "displayed name: 1 2 3 (OrderOfPartition); inferred id: 1 2 3",
    );
    // Rows of a moving frame are not told apart: all of the partition may have stood in it.
    check(&of("array_agg(name)", "ROWS BETWEEN 1 PRECEDING AND 1 PRECEDING"), "displayed name: 1 2 3 (OrderOfPartition); inferred id: 1 2 3");
}

#[test]
fn an_item_may_be_written_twice() {
    check("SELECT * FROM (SELECT 1, 1, name FROM patient WHERE id = 1) x", 1, "displayed name: 1; inferred id: 1");
    check("SELECT count(*) FROM (SELECT DISTINCT town, name, town FROM patient) x", 1, "");
    check("SELECT town, name, town FROM patient WHERE id < 3 ORDER BY town", 2, "displayed name,town: 1 2; inferred id: 1 2");
}

#[test]
fn fewer_names_than_columns() {
    check("SELECT * FROM patient AS p (a, b) WHERE a = 1", 1, "displayed born,id,name,nickname,score,town: 1");
    check("SELECT p.name FROM patient* p WHERE id = 1", 1, "displayed name: 1; inferred id: 1");
    check("SELECT TRIM(TRAILING FROM name), float8(id) FROM patient WHERE ceiling(id) = 2", 1, "displayed id,name: 2");
}

#[test]
fn times_written_as_texts_are_compared() {
    check("SELECT id FROM patient WHERE to_char(born, 'YYYY-MM-DD') = '1970-01-03'", 1, "displayed id: 2; inferred born: 2");
    check("SELECT to_char(born, 'DD/MM'), count(*) FROM patient WHERE id < 3 GROUP BY to_char(born, 'DD/MM')", 2, "displayed born: 1 2; inferred id: 1 2");
    hospital::check_mysql(
        "SELECT DATE_FORMAT(born, '%e.%c.%Y') AS d, COUNT(*) FROM patient WHERE id < 3 GROUP BY d",
        2,
        "displayed born: 1 2; inferred id: 1 2",
    );
    hospital::check_mysql("SELECT id FROM patient WHERE YEAR(born) = 1970 AND DAY(born) = 3", 1, "displayed id: 2; inferred born: 2");
    hospital::check_mysql("SELECT id FROM patient WHERE DATE(born) = DATE_SUB('1970-01-05', INTERVAL 2 DAY)", 1, "displayed id: 2; inferred born: 2");
}

#[test]
fn the_first_moment_of_a_day_is_the_day() {
    let sql = "SELECT id FROM patient WHERE born = '1970-01-03 00:00:00.000'";
    check(sql, 1, "displayed id: 2; inferred born: 2");
    hospital::check_mysql(sql, 1, "displayed id: 2; inferred born: 2");
}

#[test]
fn arrays_of_values() {
    check("SELECT id FROM patient WHERE id = ANY ('{1,3}'::int[])", 2, "displayed id: 1 3");
    check("SELECT id FROM patient WHERE id <> ALL ('{1,2,3,4,5,6}')", 2, "displayed id: 7 8");
    check_call("SELECT id FROM patient WHERE name = ANY ($1) AND id < $2", &[r#"{Ann,"Cheng","x\"y,"}"#, "9"], None, "displayed id: 1 3; inferred name: 1 3");
    check_call("SELECT name FROM patient WHERE id = ANY ($1::bigint[])", &["{}"], None, "");
    check_call("SELECT name FROM patient WHERE id = ANY ($1::bigint[]) ORDER BY id LIMIT 1", &["{2,3,NULL}"], None, "displayed name: 2; inferred id: 2");
}

#[test]
fn mysql_words() {
    let check = hospital::check_mysql;
    check("SELECT IF(score > 3, name, NULL) FROM patient WHERE id = 5", 1, "displayed name: 5; inferred id,score: 5");
    check("SELECT GROUP_CONCAT(DISTINCT name, town ORDER BY id SEPARATOR ';') FROM patient WHERE id < 3", 1, "displayed name,town: 1 2; inferred id: 1 2");
    check(
        "SELECT name FROM patient WHERE id = -1 UNION ALL SELECT GROUP_CONCAT(CONCAT_WS(0x3a, name, town)) FROM patient WHERE id = 2",
        1,
        "displayed name,town: 2; inferred id: 2",
    );
    check("SELECT JSON_ARRAYAGG(HEX(name)) FROM patient WHERE id = 2", 1, "displayed name: 2; inferred id: 2");
    check("SELECT id FROM patient WHERE name REGEXP '^c' AND NOT ISNULL(town)", 2, "displayed id: 2 3; inferred name,town: 2 3");
    check("SELECT id FROM patient WHERE LOCATE('nn', name) OR 0", 1, "displayed id: 1; inferred name: 1");
    check("SELECT id FROM patient WHERE id & 4 AND BINARY name <> 'x' LIMIT 9", 4, "displayed id: 4 5 6 7; inferred name: 4 5 6 7");
    check("SELECT id FROM patient WHERE id = 1 OR '1'", 8, "displayed id: 1 2 3 4 5 6 7 8");
    check("SELECT id FROM patient WHERE born LIKE '1970-01-0_' AND id LIKE '1%'", 1, "displayed id: 1; inferred born: 1");
    check("SELECT id FROM patient WHERE CAST(score AS UNSIGNED) = CONVERT('8', SIGNED)", 1, "displayed id: 8; inferred score: 8");
    check(
        "SELECT AES_DECRYPT(name, 'k'), TIMESTAMPDIFF(YEAR, born, NOW()) AS age FROM patient WHERE town <=> 'Repulse Bay'",
        1,
        "displayed born: 3; displayed name: 3 (UnknownFunction); inferred town: 3",
    );
    check("SELECT VERSION(), DATABASE(), USER()", 1, "");
}

#[test]
fn a_joined_text_that_mysql_may_have_cut_is_in_doubt() {
    let check = hospital::check_mysql;
    check("SELECT GROUP_CONCAT(RPAD(name, 500, 'x')) FROM patient WHERE id < 3", 1, "displayed name: 1 2; inferred id: 1 2");
    check("SELECT GROUP_CONCAT(RPAD(name, 512, 'x')) FROM patient WHERE id < 3", 1, "displayed name: 1 2 (Shortened); inferred id: 1 2");
    check(
        "SELECT town, GROUP_CONCAT(RPAD(name, 300, 'x') SEPARATOR '') FROM patient WHERE id IN (1, 2, 4, 5, 6, 7) GROUP BY town",
        2,
        "displayed name: 1 4; displayed name: 2 5 6 7 (Shortened); inferred id,town: 1 2 4 5 6 7",
    );
}

#[test]
fn what_tells_by_waiting_is_not_replayed() {
    for sql in [
        "SELECT id FROM patient WHERE id = 1 AND SLEEP(5)",
        "SELECT id FROM patient WHERE IF(score > 3, BENCHMARK(9, MD5('x')), 0)",
        "SELECT EXTRACTVALUE(1, CONCAT(0x7e, (SELECT name FROM patient LIMIT 1)))",
    ] {
        hospital::unsupported_mysql(sql, "clinic.patient");
    }
}

#[test]
fn recursion_displays_each_step() {
    check(
        "WITH RECURSIVE t(i, n) AS (SELECT id, name FROM patient WHERE id = 1 UNION ALL SELECT p.id, p.name FROM t JOIN patient p ON p.id = t.i + 1 WHERE p.id < 4) SELECT n FROM t",
        3,
        "displayed name: 1 2 3; inferred id: 1 2 3",
    );
    check(
        "WITH RECURSIVE t(i, n) AS (SELECT id, name FROM patient WHERE id = 1 UNION ALL SELECT p.id, t.n || p.name FROM t JOIN patient p ON p.id = t.i + 1 WHERE p.id < 4) SELECT n FROM t WHERE i = 3",
        1,
        "displayed name: 3; displayed name: 1 2 (Recursion); inferred id: 3; inferred id: 1 2 (Recursion)",
    );
    check("WITH RECURSIVE t(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM t WHERE i < 3) SELECT i FROM t", 3, "");
}

#[test]
fn the_least_and_the_greatest_of_several_batches_and_groups() {
    check(
        "SELECT town, min(nickname) FROM patient GROUP BY town",
        3,
        "displayed nickname: 1 2 4 (ExtremeOfGroup); displayed nickname,town: 3; inferred town: 1 4",
    );
    check(
        "SELECT max(score) FILTER (WHERE id < 3), string_agg(name, ',') FILTER (WHERE id = 4) FROM patient",
        1,
        "displayed name: 4; displayed score: 2 (ExtremeOfGroup); inferred score: 1",
    );
    check("SELECT min(score) FROM patient WHERE score = 2", 1, "displayed score: 2 3 4 (ExtremeOfGroup)");
}

#[test]
fn a_statement_too_deep_for_the_stack_is_refused_or_replayed() {
    let chain = |terms: usize, with: &str| format!("SELECT id FROM patient WHERE id = 1 AND ({})", vec!["score > 0 OR name < 'a'"; terms].join(with));
    check(&chain(200, " OR "), 1, "displayed id: 1; inferred name,score: 1");
    unsupported(&chain(200_000, " OR "), "clinic.patient");
    unsupported(&format!("SELECT {}1{} FROM patient", "(".repeat(100_000), ")".repeat(100_000)), "clinic.patient");
    unsupported(&vec!["SELECT id FROM patient"; 50_000].join(" UNION "), "clinic.patient");
    unsupported("SELECT 'x FROM patient", "clinic.patient");
}

#[test]
fn mysql_takes_numbers_for_truths_where_one_excludes_the_other() {
    hospital::check_mysql("SELECT name FROM patient WHERE id XOR score", 0, "");
    hospital::check_mysql("SELECT nickname FROM patient WHERE (id < 2) XOR (score > 7)", 2, "displayed nickname: 1 8; inferred id,score: 1 8");
    // The parser lets XOR bind before comparisons and AND, and the server after them.
    hospital::unsupported_mysql("SELECT nickname FROM patient WHERE id < 2 XOR score > 7", "clinic.patient");
    hospital::unsupported_mysql("SELECT nickname FROM patient WHERE (id = 1) AND (score = 1) XOR (id = 2)", "clinic.patient");
}

#[test]
fn a_search_path_more_than_are_kept_is_searched() {
    let engine = hospital::engine();
    for number in 0..600 {
        let search_path = Some(vec![format!("s{number}"), "clinic".to_owned()]);
        let session = strandline_provenance::Session { search_path, ..Default::default() };
        assert!(engine.prepare_in("SELECT name FROM patient", &session).is_ok(), "{number}");
    }
}

#[test]
fn lists_of_parameters_may_hold_the_same_values() {
    check_call("SELECT name FROM patient WHERE id IN ($1, $2) AND id IN ($3, $4)", &["1", "2", "2", "1"], None, "displayed name: 1 2; inferred id: 1 2");
    check_call(
        "SELECT name FROM patient WHERE id IN ($1, $2, $3, $4) AND id NOT IN ($5)",
        &["1", "2", "3", "4", "3"],
        None,
        "displayed name: 1 2 4; inferred id: 1 2 4",
    );
    check("SELECT name FROM patient WHERE id IN (1, 2, 3, 4, 5) AND id NOT IN (NULL)", 0, "");
    check("SELECT name FROM patient WHERE score IN (score, 3) AND score IN (id, score) AND id < 3", 2, "displayed name: 1 2; inferred id,score: 1 2");
}

#[test]
fn bounds_in_either_order_are_compared_as_what_they_stand_beside() {
    check("SELECT name FROM patient WHERE id BETWEEN SYMMETRIC '10' AND '6'", 3, "displayed name: 6 7 8; inferred id: 6 7 8");
    check("SELECT name FROM patient WHERE id NOT BETWEEN SYMMETRIC 8 AND 2 + 1", 2, "displayed name: 1 2; inferred id: 1 2");
    check_call("SELECT name FROM patient WHERE id BETWEEN SYMMETRIC $1 AND $2", &["10", "7"], None, "displayed name: 7 8; inferred id: 7 8");
}

#[test]
fn a_pattern_with_letters_that_a_collation_may_take_for_others_decides_nothing() {
    let code = strandline_provenance::collated(hospital::text("code"), "utf8mb4_german2_ci");
    let columns = vec![hospital::wholes(&[1, 2, 3]), hospital::texts(&["Ab", "ä", "x"])];
    let member = hospital::table("member", vec![hospital::whole("id"), code], vec![vec![0]], columns, Some(&[1, 2, 3]), &[]);
    let database =
        strandline_provenance::Database { dialect: strandline_provenance::Dialect::MySql, tables: vec![member], views: vec![], ..hospital::hospital() };
    let engine = strandline_provenance::Engine::new(database.clone(), strandline_provenance::Options { threads: 1, ..Default::default() }).unwrap();
    let shown = |sql: &str| {
        let prepared = engine.prepare(sql).unwrap();
        hospital::readable(&database, &engine.replay(&prepared, &[hospital::call()]).remove(0).unwrap())
    };
    // Whether ä is a, or ae, is a question of the collation.
    assert!(shown("SELECT id FROM member WHERE code NOT LIKE 'ä%'").starts_with("displayed id: 3 (Comparison); displayed id: 1 2 (LetThrough)"));
    assert!(shown("SELECT id FROM member WHERE code LIKE 'x%'").starts_with("displayed id: 3; "));
}

/// Members of a shop at MySQL, whose codes are in a collation.
fn shop(collation: &str, codes: &[&str]) -> (strandline_provenance::Database, strandline_provenance::Engine) {
    let code = || strandline_provenance::collated(hospital::text("code"), collation);
    let ids: Vec<i64> = (1..).take(codes.len()).collect();
    let owners: Vec<u32> = (1..).take(codes.len()).collect();
    let columns = || vec![hospital::wholes(&ids), hospital::texts(codes)];
    let member = hospital::table("member", vec![hospital::whole("id"), code()], vec![vec![0]], columns(), Some(&owners), &[]);
    let other = hospital::table("visit", vec![hospital::whole("nr"), code()], vec![vec![0]], columns(), Some(&owners), &[]);
    let database =
        strandline_provenance::Database { dialect: strandline_provenance::Dialect::MySql, tables: vec![member, other], views: vec![], ..hospital::hospital() };
    let engine = strandline_provenance::Engine::new(database.clone(), strandline_provenance::Options { threads: 1, ..Default::default() }).unwrap();
    (database, engine)
}

fn shown_in(shop: &(strandline_provenance::Database, strandline_provenance::Engine), sql: &str) -> String {
    let prepared = shop.1.prepare(sql).unwrap();
    hospital::readable(&shop.0, &shop.1.replay(&prepared, &[hospital::call()]).remove(0).unwrap())
}

#[test]
fn names_with_accents_and_in_han_characters_are_told_apart_by_the_collations_of_unicode() {
    let shop = shop("utf8mb4_0900_ai_ci", &["Zoë", "陳大文", "陳小文", "Ann"]);
    let check = |sql: &str, expected: &str| assert_eq!(shown_in(&shop, sql), expected, "{sql}");
    check("SELECT id FROM member ORDER BY code LIMIT 2", "displayed id: 1 4");
    check("SELECT id FROM member WHERE code = 'zoe'", "displayed id: 1; inferred code: 1");
    check("SELECT DISTINCT code FROM member", "displayed code: 1 2 3 4");
    check("SELECT id FROM member WHERE code LIKE '陳%'", "displayed id: 2 3; inferred code: 2 3");
    check("SELECT id FROM member WHERE LOWER(code) = LOWER('ANN')", "displayed id: 4; inferred code: 4");
    check("SELECT id FROM member WHERE LOWER(code) LIKE LOWER(CONCAT('%', 'N', '%'))", "displayed id: 4; inferred code: 4");
    check("SELECT id FROM member WHERE code IN (SELECT code FROM visit WHERE nr = 2)", "displayed id: 2; inferred code,code,nr: 2");
}

#[test]
fn who_may_be_one_group_to_the_server_is_in_doubt() {
    let shop = shop("utf8mb4_0900_ai_ci", &["Ann", "ann", "Bob", "Иван"]);
    let check = |sql: &str, is_sure: bool| {
        let shown = shown_in(&shop, sql);
        assert_eq!(!shown.contains('('), is_sure, "{sql}: {shown}");
    };
    check("SELECT code FROM member WHERE id < 4 GROUP BY code", false);
    check("SELECT code FROM member GROUP BY id, code", true);
    check("SELECT code FROM member WHERE id > 1 AND id < 4 GROUP BY code", true);
    check("SELECT code FROM member WHERE id > 2 GROUP BY code", false);
    check("SELECT id FROM member WHERE code IN (SELECT code FROM visit WHERE nr = 4)", false);
}
