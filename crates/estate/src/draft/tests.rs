//! Drafts of made-up schemas.

use strandline_model::sketch::{ByType, ColumnSketch, Compared, Samples, Split};

use super::sources::{json_fields, shares_a_word};
use super::*;
use crate::draft::people::{Way, owners, people};

fn column(name: &str, declared: &str, values: &[&str]) -> ColumnSketch {
    let values: Vec<String> = values.iter().map(|value| (*value).to_owned()).collect();
    let distinct = values.iter().collect::<BTreeSet<_>>().len() as u64;
    ColumnSketch {
        name: name.into(),
        declared: declared.into(),
        filled: values.len() as u64,
        distinct,
        samples: Samples::new(values),
        ..ColumnSketch::default()
    }
}

fn table(name: &str, columns: &[&str], key: &str, foreign: &[(&str, &str, &str)]) -> TableSketch {
    let values: Vec<String> = (1..=9).map(|n| n.to_string()).collect();
    let values: Vec<&str> = values.iter().map(String::as_str).collect();
    TableSketch {
        name: name.into(),
        columns: columns.iter().map(|c| column(c, "text", &values)).collect(),
        primary_key: vec![key.into()],
        foreign_keys: foreign.iter().map(|(a, b, c)| ((*a).into(), (*b).into(), (*c).into())).collect(),
        rows: 9,
        ..TableSketch::default()
    }
}

fn drafted(findings: &Findings) -> (String, strandline_model::estate::Estate) {
    let text = write(findings);
    let estate = crate::read(&text, "draft.toml").expect("a draft is valid");
    (text, estate)
}

#[test]
fn a_name_with_a_control_character_leaves_the_draft_readable() {
    let odd = "db\u{1}\u{1b}[31m\"";
    let mut log = LogSketch { path: format!("db/{odd}.csv"), format: Some(("postgresql".into(), 1.0)), ..LogSketch::default() };
    log.roles.insert(odd.into(), [("10.0.0.5\u{7f}".to_owned(), 1)].into());
    log.databases.insert("hr\u{9b}".into());
    let unread = LogSketch { path: format!("x/{odd}"), ..LogSketch::default() };
    let tables =
        vec![table(&format!("public.{odd}"), &["id", odd, "first_name", "email"], "id", &[]), table(&format!("public.{odd}{odd}"), &["email"], "email", &[])];
    let database = DatabaseSketch { snapshot: odd.into(), name: Some(odd.into()), tables, ..DatabaseSketch::default() };
    let register = RegisterSketch::new(odd.into(), vec![odd.into(), "name".into()], 3, vec![true, true]);
    let findings = Findings { logs: vec![log, unread], databases: vec![database], register: Some(register), other_registers: vec![odd.into()] };
    let text = write(&findings);
    assert!(!text.chars().any(|c| c.is_control() && c != '\n'));
    assert!(toml::from_str::<toml::Value>(&text).is_ok(), "{}", text.escape_debug());
}

#[test]
fn a_draft_is_an_estate_file_and_holds_no_value() {
    let contacts: Vec<String> = (0..9).map(|n| format!("p{n}@example.org")).collect();
    let contacts: Vec<&str> = contacts.iter().map(String::as_str).collect();
    let mut patient = table("care.patient", &["patient_no", "full_name", "created_at"], "patient_no", &[]);
    patient.columns.push(column("reach", "text", &contacts));
    let visit = table("care.visit", &["id", "patient_no", "diagnosis"], "id", &[]);
    let findings = Findings {
        databases: vec![DatabaseSketch { snapshot: "../snapshot/clinic.sql".into(), tables: vec![patient, visit], ..DatabaseSketch::default() }],
        logs: vec![LogSketch { path: "web/access.log".into(), format: Some(("nginx".into(), 1.0)), ..LogSketch::default() }],
        register: Some(RegisterSketch::new("../register.csv".into(), vec!["patient_no".into(), "name".into(), "email".into()], 9, vec![true; 3])),
        ..Findings::default()
    };
    let (text, estate) = drafted(&findings);
    assert_eq!(estate.tables[0].subject_key.as_deref(), Some("patient_no"));
    assert_eq!(estate.tables[0].categories.get("reach").map(String::as_str), Some("email"));
    assert_eq!(estate.tables[1].categories.get("diagnosis").map(String::as_str), Some("health"));
    assert_eq!(estate.tables[1].subject_key.as_deref(), Some("patient_no"));
    assert!(!text.contains("example.org"), "a value stands in the draft");
    assert!(text.contains("respond"), "a register whose values were not found in the data is told");
}

#[test]
fn rows_belong_to_people_by_the_keys_that_lead_to_them() {
    let tables = vec![
        table(
            "clinic.admission",
            &["id", "doctor_id", "patient_id", "diagnosis"],
            "id",
            &[("doctor_id", "clinic.doctor", "id"), ("patient_id", "clinic.patient", "id")],
        ),
        table("clinic.doctor", &["id", "person_id"], "id", &[("person_id", "clinic.patient", "id")]),
        table("clinic.lab_result", &["id", "admission_id", "value", "created_by"], "id", &[("created_by", "clinic.patient", "id")]),
        table("clinic.patient", &["id", "mrn", "surname", "birth_date", "mobile"], "id", &[]),
        table("clinic.drug", &["code", "label"], "code", &[]),
        table("clinic.log", &["id", "written_by"], "id", &[("written_by", "clinic.patient", "id")]),
    ];
    let found = people(&tables, None, None).expect("there are people");
    assert_eq!((found.table, found.column.as_str(), found.is_sure), (3, "id", false));
    let owned = owners(&tables, None, &found);
    assert_eq!(owned.of[&0].way, Way::Key("patient_id".into()), "the patient, not the doctor");
    assert_eq!(owned.of[&2].way, Way::Via { column: "admission_id".into(), table: "clinic.admission".into(), to_column: "id".into() });
    assert!(!owned.of.contains_key(&4) && !owned.of.contains_key(&5), "who wrote a row is not whom it is about");
    assert!(owned.doubtful.contains_key(&5));
}

#[test]
fn the_registers_values_decide_the_key_and_a_number_by_chance_does_not() {
    let mut tables = vec![
        table("shop.product", &["id", "title"], "id", &[]),
        table("shop.customer", &["id", "customer_no", "label"], "id", &[]),
        table("shop.purchase", &["id", "customer_id", "item"], "id", &[("customer_id", "shop.customer", "id")]),
    ];
    let register = RegisterSketch::new("r.csv".into(), vec!["no".into(), "name".into(), "email".into()], 9, vec![true, true, true]);
    // The numbers 1 to 9 stand in each `id`; only the customers' rows tell the same people.
    for table in &mut tables {
        for column in &mut table.columns {
            (column.known, column.compared) = (vec![9, 0, 0], vec![Compared { rows: 9, ..Compared::default() }; 3]);
        }
    }
    tables[1].columns[0].compared[0].same = 9;
    let found = people(&tables, Some(&register), None).expect("there are people");
    assert_eq!((found.table, found.column.as_str(), found.register, found.is_sure), (1, "id", Some(0), true));
    let owned = owners(&tables, Some(&register), &found);
    assert_eq!(owned.of[&2].way, Way::Key("customer_id".into()));
    assert!(!owned.of.contains_key(&0));
}

#[test]
fn a_row_that_is_of_two_people_is_left_to_a_person_to_decide() {
    let tables = vec![
        table("app.person", &["id", "first_name", "last_name", "email", "birth_date"], "id", &[]),
        table("app.message", &["id", "from_id", "to_id", "body"], "id", &[("from_id", "app.person", "id"), ("to_id", "app.person", "id")]),
        table("app.visit", &["id", "person_id", "guest_id"], "id", &[("person_id", "app.person", "id"), ("guest_id", "app.person", "id")]),
    ];
    let found = people(&tables, None, None).expect("there are people");
    let owned = owners(&tables, None, &found);
    assert!(!owned.of.contains_key(&1) && owned.doubtful[&1].contains("to_id"), "{:?}", owned.doubtful);
    assert_eq!(owned.of[&2].way, Way::Key("person_id".into()));
    assert!(owned.of[&2].why.contains("guest_id leads there, too"));
}

#[test]
fn organisations_among_the_people_are_proposed_to_be_left_out() {
    let mut partner = table("app.partner", &["id", "name", "is_company"], "id", &[]);
    for column in &mut partner.columns {
        (column.known, column.compared) = (vec![9, 0, 0], vec![Compared { rows: 9, same: 9, other: 0 }; 3]);
    }
    let split = |column: &str, values: &[(&str, u64, u64)]| Split {
        key: "id".into(),
        register: 0,
        column: column.into(),
        values: values.iter().map(|(value, known, unknown)| ((*value).to_owned(), *known, *unknown)).collect(),
    };
    partner.splits = vec![split("colour", &[("red", 9, 0), ("blue", 0, 5)]), split("is_company", &[("f", 9, 0), ("t", 0, 5)]), split("active", &[("t", 9, 3)])];
    let firm =
        TableSketch { foreign_keys: vec![("partner".into(), "app.partner".into(), "id".into())], ..table("app.firm", &["id", "partner", "iban"], "id", &[]) };
    let mut firm = firm;
    firm.columns.iter_mut().for_each(|column| column.known = vec![0, 0, 0]);
    let findings = Findings {
        databases: vec![DatabaseSketch { tables: vec![partner, firm], ..DatabaseSketch::default() }],
        register: Some(RegisterSketch::new("r.csv".into(), vec!["no".into(), "name".into(), "email".into()], 9, vec![true; 3])),
        ..Findings::default()
    };
    let (text, estate) = drafted(&findings);
    assert!(text.contains("# rows = { is_company = [\"f\"] }"), "{text}");
    assert_eq!(estate.tables.len(), 1, "what names none of the register is of others");
    let proposed = text.replace("# rows", "rows");
    assert!(crate::read(&proposed, "draft.toml").is_ok(), "what is proposed can be taken");
}

#[test]
fn the_key_is_that_of_the_table_which_names_lead_to() {
    let mut tables = vec![
        table("x.name", &["id", "person", "given"], "id", &[("person", "x.person", "id")]),
        table("x.person", &["id", "born"], "id", &[]),
        table("x.reach", &["id", "person", "value"], "id", &[("person", "x.person", "id")]),
    ];
    tables[2].columns[2] = column("value", "text", &["a@x.example", "b@x.example", "c@x.example", "d@x.example", "e@x.example"]);
    let agreed = Compared { rows: 9, same: 9, other: 0 };
    (tables[0].columns[1].known, tables[0].columns[1].compared) = (vec![9, 0], vec![agreed, Compared::default()]);
    (tables[2].columns[2].known, tables[2].columns[2].compared) = (vec![0, 5], vec![Compared::default(), agreed]);
    let register = RegisterSketch::new("r.csv".into(), vec!["no".into(), "email".into()], 9, vec![true, true]);
    let found = people(&tables, Some(&register), None).expect("there are people");
    assert_eq!((found.table, found.column.as_str(), found.register), (1, "id", Some(0)), "{}", found.why);
}

#[test]
fn a_column_that_few_people_stand_in_says_who_handled_the_row() {
    let clerks: Vec<String> = (0..60).map(|n| (n % 2).to_string()).collect();
    let clerks: Vec<&str> = clerks.iter().map(String::as_str).collect();
    let mut desk = table("app.ticket", &["id", "body"], "id", &[("desk", "app.person", "id")]);
    (desk.rows, desk.columns) = (60, vec![column("desk", "int", &clerks)]);
    let mut person = table("app.person", &["id", "first_name", "last_name", "email", "birth_date"], "id", &[]);
    person.rows = 500;
    let tables = vec![desk, person];
    let found = people(&tables, None, None).expect("there are people");
    let owned = owners(&tables, None, &found);
    assert!(!owned.of.contains_key(&0) && owned.doubtful.contains_key(&0));
}

#[test]
fn a_way_goes_through_described_tables_alone() {
    let tables = vec![
        table("app.person", &["id", "first_name", "last_name", "email", "birth_date"], "id", &[]),
        table("app.link", &["id", "person_id"], "id", &[("person_id", "app.person", "id")]),
        table("app.paper", &["id", "link_id", "body"], "id", &[("link_id", "app.link", "id")]),
    ];
    let findings = Findings { databases: vec![DatabaseSketch { tables, ..DatabaseSketch::default() }], ..Findings::default() };
    let (text, estate) = drafted(&findings);
    let names: Vec<&str> = estate.tables.iter().map(|t| t.name.as_str()).collect();
    assert_eq!(names, ["app.person", "app.link", "app.paper"], "{text}");
}

#[test]
fn a_table_whose_people_are_not_known_is_left_out_and_named() {
    let tables = vec![
        table("app.person", &["id", "first_name", "last_name", "email", "birth_date"], "id", &[]),
        table("app.account", &["id", "email", "password"], "id", &[]),
        table("app.colour", &["id", "shade"], "id", &[]),
    ];
    let findings = Findings { databases: vec![DatabaseSketch { tables, ..DatabaseSketch::default() }], ..Findings::default() };
    let (text, estate) = drafted(&findings);
    assert_eq!(estate.tables.iter().map(|t| t.name.as_str()).collect::<Vec<_>>(), ["app.person"]);
    assert!(text.contains("# Not described, since whose rows these are is not known: app.account: credentials, email"));
    assert!(text.contains("# without_personal_data = [\"app.colour\"]") && estate.databases[0].without_personal_data.is_empty());
}

#[test]
fn rotated_logs_are_one_source_and_a_mysql_dump_says_so() {
    let log = |path: &str| LogSketch { path: path.into(), format: Some(("mysql_audit".into(), 1.0)), ..LogSketch::default() };
    let database = DatabaseSketch {
        snapshot: "clinic.sql".into(),
        is_mysql: true,
        name: Some("clinic".into()),
        tables: vec![table("clinic.patient", &["id", "surname", "birth_date"], "id", &[])],
    };
    let register = RegisterSketch::new("r.csv".into(), ["id", "english_name", "chinese_name", "mail"].map(str::to_owned).to_vec(), 9, vec![true; 4]);
    let findings = Findings {
        databases: vec![database],
        logs: vec![log("db/server_audit.log"), log("db/server_audit.log.1"), log("db/server_audit.log-20261120.gz"), log("db/v2.log")],
        register: Some(register),
        ..Findings::default()
    };
    let (text, estate) = drafted(&findings);
    let paths: Vec<&str> = estate.sources.iter().map(|s| s.path[0].as_str()).collect();
    assert_eq!(paths, ["db/server_audit.log", "db/v2.log"]);
    assert_eq!((estate.databases[0].dialect.as_str(), estate.databases[0].id.as_str()), ("mysql", "clinic"));
    assert!(shares_a_word("hrs_app", "hrs") && !shares_a_word("dba_ho", "db"), "a name is not a part of a word");
    assert!(text.contains("\"zh-Hant\" = \"chinese_name\""));
}

#[test]
fn logs_that_tell_of_the_same_requests_are_of_one_system() {
    let log = |path: &str, format: &str, request: &str| LogSketch {
        path: path.into(),
        format: Some((format.into(), 1.0)),
        requests: [request.to_owned()].into(),
        roles: if format == "postgresql" {
            [("app".to_owned(), [("10.0.0.5".to_owned(), 9), ("10.0.0.9".to_owned(), 1)].into())].into()
        } else {
            BTreeMap::new()
        },
        ..LogSketch::default()
    };
    let logs =
        vec![log("web/access.log", "nginx", "r1"), log("app/app.log", "json", "r1"), log("db/pg.csv", "postgresql", "r1"), log("mail/x.log", "postgresql", "")];
    let (_, estate) = drafted(&Findings { logs, ..Findings::default() });
    let systems: Vec<(&str, &str)> = estate.sources.iter().map(|s| (s.path[0].as_str(), s.system.as_str())).collect();
    assert_eq!(systems, [("app/app.log", "app"), ("db/pg.csv", "db"), ("mail/x.log", "mail"), ("web/access.log", "app")]);
    assert_eq!((estate.systems[0].roles.join(","), estate.systems[0].addresses.join(",")), ("app".to_owned(), "10.0.0.5".to_owned()));
    assert!(estate.systems[1].roles.is_empty());
}

#[test]
fn logs_by_days_are_one_source_and_one_role_is_the_applications() {
    let log = |path: &str, format: &str| LogSketch {
        path: path.into(),
        format: Some((format.into(), 1.0)),
        roles: ["crew_app", "crew_report"].iter().zip([9, 2]).map(|(role, count)| ((*role).to_owned(), [("10.0.0.5".to_owned(), count)].into())).collect(),
        databases: ["board".to_owned(), "crew".to_owned()].into(),
        ..LogSketch::default()
    };
    let logs = vec![
        log("crew/a.json", "json"),
        log("db/postgresql-2026-09-13_000000.csv", "postgresql"),
        log("db/postgresql-2026-09-14_000000.csv.gz", "postgresql"),
        log("db/pg20260915T1200Z.log", "postgresql"),
        log("db/v20261399.log", "postgresql"),
    ];
    let database = DatabaseSketch { snapshot: "snapshot/crew.sql".into(), tables: vec![table("x.t", &["id"], "id", &[])], ..DatabaseSketch::default() };
    let (_, estate) = drafted(&Findings { logs, databases: vec![database], ..Findings::default() });
    let paths: Vec<&str> = estate.sources.iter().map(|s| s.path[0].as_str()).collect();
    assert_eq!(paths, ["crew/a.json", "db/pg*Z.log", "db/postgresql-*.csv", "db/v20261399.log"]);
    assert_eq!(estate.systems[0].roles, ["crew_app"]);
    assert_eq!(estate.databases[0].id, "crew");
}

#[test]
fn nested_keys_mean_fields_where_their_values_can() {
    let keys = |pairs: &[(&str, &str)]| pairs.iter().map(|(key, value)| ((*key).to_owned(), vec![(*value).to_owned()])).collect::<BTreeMap<_, _>>();
    let text = json_fields(&keys(&[
        ("@timestamp", "2026-11-28T10:00:00Z"),
        ("http.request.id", "0105aa125eb4"),
        ("http.response.status_code", "200"),
        ("source.ip", "10.0.0.1"),
        ("url.original", "/x"),
        ("user.name", "kit"),
    ]));
    for part in ["time = \"@timestamp\"", "src_ip = \"source.ip\"", "account = \"user.name\"", "request_id = \"http.request.id\"", "url = \"url.original\""] {
        assert!(text.contains(part), "{text}");
    }
    let text =
        json_fields(&keys(&[("clock", "1795894663.719"), ("peer", "10.0.0.1"), ("verb", "GET"), ("target", "/x"), ("rid", "0105aa125eb4"), ("time", "14 ms")]));
    for part in ["time = \"clock\"", "src_ip = \"peer\"", "method = \"verb\"", "url = \"target\"", "request_id = \"rid\""] {
        assert!(text.contains(part), "{text}");
    }
    let text = json_fields(&keys(&[
        ("time", "1795894663719"),
        ("req.id", "182"),
        ("req.method", "GET"),
        ("req.url", "/items"),
        ("req.headers.x-request-id", "0105aa125eb4e5e4cf35839d54718d61"),
        ("req.headers.content-length", "3"),
        ("res.headers.content-length", "3345"),
        ("res.statusCode", "200"),
        ("status", "request completed"),
    ]));
    for part in ["request_id = \"req.headers.x-request-id\"", "url = \"req.url\"", "bytes = \"res.headers.content-length\"", "status_code = \"res.statusCode\""]
    {
        assert!(text.contains(part), "{text}");
    }
}

#[test]
fn what_a_table_of_keys_and_values_holds_is_told_by_its_types() {
    let held = |values: Vec<String>| (values.len() as u64, Samples::new(values));
    let reach = |types: &[&str]| {
        let mut reach = table("app.reach", &["id", "person_id", "type", "value"], "id", &[("person_id", "app.person", "id")]);
        let of = |kind: &str| match kind {
            "mail" => (0..9).map(|n| format!("p{n}@example.org")).collect(),
            "cell" => (0..9).map(|n| format!("+44 7700 90000{n}")).collect(),
            _ => (0..9).map(|n| format!("word {n}")).collect(),
        };
        let values = types.iter().map(|kind| {
            let (rows, samples) = held(of(kind));
            ((*kind).to_owned(), rows, samples)
        });
        reach.by_type = vec![ByType { of: "type".into(), value: "value".into(), values: values.collect() }];
        reach
    };
    let check = |types: &[&str], expected: &str, says: &str| {
        let person = table("app.person", &["id", "first_name", "last_name", "email", "birth_date"], "id", &[]);
        let database = DatabaseSketch { tables: vec![person, reach(types)], ..DatabaseSketch::default() };
        let (text, estate) = drafted(&Findings { databases: vec![database], ..Findings::default() });
        let described = estate.tables.iter().find(|table| table.name == "app.reach").expect("it is described");
        assert_eq!(described.categories.get("value").map(String::as_str), Some(expected), "{text}");
        assert!(text.contains(says), "{text}");
        assert!(!text.contains("example.org"), "a value stands in the draft");
    };
    check(&["cell", "mail"], "contact", "# value holds by type: cell (9 rows): phone, mail (9 rows): email. Letters name one category for all of it.");
    check(&["mail"], "email", "mail (9 rows): email");
    // One of which nothing tells what it holds: it is not called a contact.
    check(&["mail", "other"], tables::PLAIN, "other (9 rows): not told");
}
