//! Dumps that real servers and tools made, in every form (`tests/dumps`; `registry.sql` and `clinic.sql` say of what),
//! and the ways in which a dump can hold less than its tables.

use super::*;
use crate::store::{AttachedKind, RowSecurity, StoredType};

type InMemory<'b> = [(&'b str, &'b [u8])];

macro_rules! dump {
    ($name:literal) => {
        include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/dumps/", $name)).as_slice()
    };
}

const DIRECTORY: &[(&str, &[u8])] = &[
    ("3388.dat", dump!("directory/3388.dat")),
    ("3389.dat", dump!("directory/3389.dat")),
    ("3390.dat", dump!("directory/3390.dat")),
    ("3391.dat", dump!("directory/3391.dat")),
    ("toc.dat", dump!("directory/toc.dat")),
];

const MYDUMPER: &[(&str, &[u8])] = &[
    ("clinic-schema-create.sql", dump!("mydumper/clinic-schema-create.sql")),
    ("clinic-schema-post.sql", dump!("mydumper/clinic-schema-post.sql")),
    ("clinic.audit-schema.sql", dump!("mydumper/clinic.audit-schema.sql")),
    ("clinic.nothing-schema.sql", dump!("mydumper/clinic.nothing-schema.sql")),
    ("clinic.patient-schema.sql", dump!("mydumper/clinic.patient-schema.sql")),
    ("clinic.patient.sql", dump!("mydumper/clinic.patient.sql")),
    ("clinic.seen-schema-view.sql", dump!("mydumper/clinic.seen-schema-view.sql")),
    ("clinic.seen-schema.sql", dump!("mydumper/clinic.seen-schema.sql")),
    ("clinic.visit-schema-triggers.sql", dump!("mydumper/clinic.visit-schema-triggers.sql")),
    ("clinic.visit-schema.sql", dump!("mydumper/clinic.visit-schema.sql")),
    ("clinic.visit.sql", dump!("mydumper/clinic.visit.sql")),
    ("metadata", dump!("mydumper/metadata")),
];

fn load_all(dialect: Dialect, name: &str, snapshots: &[&InMemory<'_>], on_cut: OnCut) -> Result<(StoredDatabase, Vec<String>), HistoryError> {
    let schema = if dialect == Dialect::MySql { name } else { "public" };
    let mut database = StoredDatabase::new("d", name, dialect, &[schema.to_owned()]);
    let mut notes = Vec::new();
    let options = ReadOptions { on_cut, ..ReadOptions::default() };
    let snapshots: Vec<Snapshot<'_>> =
        snapshots.iter().map(|parts| Snapshot { database: "d".into(), table: None, path: "dump".into(), parts: Box::new(*parts) }).collect();
    fill_all(&mut database, &snapshots.iter().collect::<Vec<_>>(), &options, &mut notes)?;
    Ok((database, notes))
}

/// Tables by name, `…` after one that is not complete, and their rows; `?` before one that is doubtful.
fn shape(database: &StoredDatabase) -> Vec<String> {
    let mut lines = Vec::new();
    for table in &database.tables {
        let mut rows: Vec<String> = (0..table.rows())
            .map(|row| {
                let cells: Vec<String> = (0..table.columns.len()).map(|c| table.cell(row, c).text().unwrap_or_else(|| "∅".to_owned())).collect();
                format!("{}{}", if table.unsure_rows.contains(&row) { "?" } else { "" }, cells.join("|"))
            })
            .collect();
        rows.sort();
        lines.push(format!("{}{}: {}", table.full_name(), if table.complete { "" } else { "…" }, rows.join(" / ")));
    }
    lines.sort();
    lines
}

fn check(dialect: Dialect, name: &str, snapshots: &[&InMemory<'_>], expected: &[&str]) -> StoredDatabase {
    let (database, _) = load_all(dialect, name, snapshots, OnCut::Stop).expect("a whole dump");
    assert_eq!(shape(&database), expected);
    database
}

fn refused(dialect: Dialect, parts: &InMemory<'_>) -> String {
    let error = load_all(dialect, "clinic", &[parts], OnCut::Stop).err().expect("it cannot be read");
    error.to_string()
}

// The first letter is generated and in no dump; `infinity` and BC are days that are not known.
const REGISTRY: [&str; 5] = [
    "hr.duty: ",
    "hr.log: ",
    "hr.log_1: 1|2026-01-01 / 2|2026-01-02",
    "hr.posting: A1|1|x / A1|2|∅ / C3|1|",
    "hr.staff: ?A1|Ada|happy|1970-01-02|2026-11-23 00:00:00|10.5|∅ / ?B2|Bo\tb\n\\|sad|∅|∅|∅|∅ / ?C3|山田|∅|∅|2026-11-23 00:00:00|3|∅",
];

#[test]
fn every_form_of_pg_dump_gives_the_same_rows() {
    for bytes in [dump!("plain.sql"), dump!("plain-inserts.sql"), dump!("custom-0.dump"), dump!("custom-9.dump"), dump!("custom-inserts.dump")] {
        check(Dialect::PostgreSql, "registry", &[&[("", bytes)]], &REGISTRY);
    }
    check(Dialect::PostgreSql, "registry", &[DIRECTORY], &REGISTRY);
}

#[test]
fn what_a_dump_says_besides_rows_is_kept() {
    for bytes in [dump!("plain.sql"), dump!("custom-9.dump")] {
        let database = check(Dialect::PostgreSql, "registry", &[&[("", bytes)]], &REGISTRY);
        let described = &database.described;
        assert_eq!(described.types["hr.mood"], StoredType::Enum(vec!["sad".into(), "ok".into(), "happy".into()]));
        assert_eq!(described.types["hr.code"], StoredType::Domain { base: "character varying(8)".into(), collation: None });
        assert_eq!(described.collations["hr.german"].provider.as_deref(), Some("icu"));
        assert!(described.collations["hr.german"].nondeterministic);
        let bodies: Vec<(&str, &str)> = described.functions.iter().map(|f| (f.name.as_str(), f.language.as_str())).collect();
        assert_eq!(bodies, [("count_all", "sql"), ("find", "sql"), ("stamp", "plpgsql")]);
        assert!(described.functions[0].body.ends_with("END") && described.functions[1].body.contains("FROM hr.staff"));
        let staff = &database.tables[database.table("hr.staff").expect("defined")];
        assert_eq!(staff.columns[1].declared, "character varying(40)");
        assert_eq!(staff.columns[1].collation.as_deref(), Some("hr.german"));
        assert!(staff.columns[6].generated.is_some() && staff.owner.as_deref() == Some("postgres"));
        let attached: Vec<AttachedKind> = staff.attached.iter().map(|a| a.kind).collect();
        assert!(attached.contains(&AttachedKind::Trigger) && attached.contains(&AttachedKind::Policy));
        assert_eq!(staff.row_security, RowSecurity::On);
        let duty = &database.tables[database.table("hr.duty").expect("defined")];
        assert_eq!((duty.foreign_keys[0].columns.as_slice(), duty.foreign_keys[0].to_columns.len()), ([0, 1].as_slice(), 2));
        assert_eq!(database.views.iter().map(|v| (v.name.as_str(), v.materialized)).collect::<Vec<_>>(), [("totals", true), ("units", false)]);
        assert!(database.tables[database.table("hr.log").expect("defined")].partitioned);
    }
    let database = check(Dialect::PostgreSql, "registry", &[&[("", dump!("plain-inserts.sql"))]], &REGISTRY);
    assert_eq!((database.described.settings[0].name.as_str(), database.described.settings[0].value.as_str()), ("timezone", "Asia/Hong_Kong"));
}

#[test]
fn a_dump_without_rows_leaves_its_tables_open() {
    let open = ["hr.duty…: ", "hr.log: ", "hr.log_1…: ", "hr.posting…: ", "hr.staff…: "];
    check(Dialect::PostgreSql, "registry", &[&[("", dump!("custom-schema.dump"))]], &open);
    let empty = ["clinic.audit…: ", "clinic.nothing…: ", "clinic.patient…: ", "clinic.visit…: "];
    check(Dialect::MySql, "clinic", &[&[("", dump!("mysqldump-no-data.sql"))]], &empty);
}

#[test]
fn rows_and_definitions_may_come_in_either_order() {
    let (schema, rows): (&InMemory<'_>, &InMemory<'_>) = (&[("", dump!("mysqldump-no-data.sql"))], &[("", dump!("mysqldump-no-create-info.sql"))]);
    check(Dialect::MySql, "clinic", &[schema, rows], &CLINIC);
    check(Dialect::MySql, "clinic", &[rows, schema], &CLINIC);
    let (database, notes) = load_all(Dialect::MySql, "clinic", &[rows], OnCut::Stop).expect("whole");
    assert!(database.tables.is_empty() && notes.iter().any(|note| note.contains("which no snapshot defines")), "{notes:?}");
}

#[test]
fn of_two_dumps_the_later_rows_count() {
    let dump = |rows: &str| format!("-- PostgreSQL database dump\nCREATE TABLE public.t (a text);\n{rows}-- PostgreSQL database dump complete\n");
    let copy = |value: &str| dump(&format!("COPY public.t (a) FROM stdin;\n{value}\n\\.\n"));
    let (first, second, without, other) = (copy("1"), copy("2"), dump(""), dump("").replace("public.t ", "public.u "));
    check(Dialect::PostgreSql, "d", &[&[("", first.as_bytes())], &[("", second.as_bytes())]], &["public.t: 2"]);
    check(Dialect::PostgreSql, "d", &[&[("", first.as_bytes())], &[("", without.as_bytes())]], &["public.t: 1"]);
    check(Dialect::PostgreSql, "d", &[&[("", first.as_bytes())], &[("", other.as_bytes())]], &["public.t: 1", "public.u…: "]);
}

// The photo's first bytes are no text; they stay bytes.
const CLINIC: [&str; 4] = [
    "clinic.audit: ",
    "clinic.nothing: ",
    "clinic.patient: 1|Ada|\0ÿA|2026-11-23 00:00:00|1970-01-02|known|A / 2|O'Neil;\n\\ \"山\"|abc|∅|∅|new|O",
    "clinic.visit: 1|2026-01-01|a\tb / 2|2026-01-02|∅",
];

#[test]
fn every_form_of_mysqldump_gives_the_same_rows() {
    let database = check(Dialect::MySql, "clinic", &[&[("", dump!("mysqldump.sql"))]], &CLINIC);
    assert_eq!(database.described.time_zone.as_deref(), Some("+00:00"));
    assert_eq!(database.described.functions[0].name, "tidy");
    let visit = &database.tables[database.table("clinic.visit").expect("defined")];
    assert_eq!(visit.attached[0].name, "note");
    assert!(database.views.iter().all(|view| view.sql.contains("from")), "the placeholder of a view is none");
    check(Dialect::MySql, "clinic", &[&[("", dump!("mysqldump-databases.sql"))]], &CLINIC);
    // Nothing in a compact dump says that a table is empty.
    let compact = ["clinic.audit…: ", "clinic.nothing…: ", CLINIC[2], CLINIC[3]];
    check(Dialect::MySql, "clinic", &[&[("", dump!("mysqldump-compact.sql"))]], &compact);
}

#[test]
fn mydumpers_folder_is_read() {
    let patient = "clinic.patient: ?1|Ada|\0ÿA|2026-11-23 00:00:00|1970-01-02|known|∅ / ?2|O'Neil;\n\\ \"山\"|abc|∅|∅|new|∅";
    let expected = ["clinic.audit…: ", "clinic.nothing…: ", patient, CLINIC[3]];
    let database = check(Dialect::MySql, "clinic", &[MYDUMPER], &expected);
    assert_eq!((database.views.len(), database.described.functions.len()), (1, 1));
    let unfinished: Vec<(&str, &[u8])> =
        MYDUMPER.iter().map(|(name, bytes)| if *name == "metadata" { (*name, b"Started dump at: x\n".as_slice()) } else { (*name, *bytes) }).collect();
    assert!(refused(Dialect::MySql, &unfinished).contains("before its own end mark"));
    let mut counted = MYDUMPER.to_vec();
    let metadata = b"# Started dump at: x\n[`clinic`.`audit`]\nrows = 0\n[`clinic`.`visit`]\nrows = 3\n# Finished dump at: y\n";
    counted.last_mut().expect("a folder").1 = metadata;
    check(Dialect::MySql, "clinic", &[&counted], &["clinic.audit: ", "clinic.nothing…: ", patient, &CLINIC[3].replace("visit:", "visit…:")]);
}

#[test]
fn a_cut_archive_is_said_to_be_cut() {
    for bytes in [dump!("custom-0.dump"), dump!("custom-9.dump")] {
        for cut in [bytes.len() - 1, bytes.len() - 20] {
            let error = refused(Dialect::PostgreSql, &[("", &bytes[..cut])]);
            assert!(error.contains("within table hr."), "{error}");
        }
        assert!(refused(Dialect::PostgreSql, &[("", &bytes[..2000])]).contains("cut or damaged"));
    }
    let (database, _) = load_all(Dialect::PostgreSql, "registry", &[&DIRECTORY[1..]], OnCut::GoOn).expect("goes on");
    assert!(!database.tables[database.table("hr.staff").expect("defined")].complete);
    assert!(database.tables[database.table("hr.posting").expect("defined")].complete);
}

#[test]
fn what_is_no_dump_is_refused_with_a_way_out() {
    assert!(refused(Dialect::PostgreSql, &[("", b"SQLite format 3\0\x10")]).contains("make one with pg_dump"));
    assert!(refused(Dialect::PostgreSql, &[("", b"")]).contains("empty"));
    assert!(refused(Dialect::PostgreSql, &[("", dump!("directory/toc.dat"))]).contains("name its folder"));
    assert!(refused(Dialect::MySql, &[("t.sql", b"CREATE TABLE t (a int);\n"), ("t.txt", b"1\n")]).contains("--tab"));
    let named = refused(Dialect::MySql, &[("", b"USE `shop`;\nCREATE TABLE t (a int);\n")]);
    assert!(named.contains("shop") && named.contains("name of the database"), "{named}");
    let newer = [b"PGDMP\x01\x63\x00\x04\x08\x01".as_slice(), &[0; 64]].concat();
    assert!(refused(Dialect::PostgreSql, &[("", &newer)]).contains("pg_restore -f dump.sql"));
    let encoding = refused(Dialect::PostgreSql, &[("", b"SET client_encoding = 'EUC_TW';\n")]);
    assert!(encoding.contains("EUCTW") || encoding.contains("EUC_TW") && encoding.contains("line 1"), "{encoding}");
}

#[test]
fn names_in_another_encoding_are_their_letters() {
    let dump = [
        b"-- PostgreSQL database dump\nSET client_encoding = 'EUC_JP';\nCREATE TABLE public.t (a text, b text);\n".as_slice(),
        b"COPY public.t (a, b) FROM stdin;\n\xbb\xb3\xc5\xc4\tx\n\xbb\ty\n\\.\nINSERT INTO public.t VALUES ('\xbb\xb3', 'z');\n-- PostgreSQL database dump complete\n",
    ]
    .concat();
    check(Dialect::PostgreSql, "d", &[&[("", &dump)]], &["public.t: ?∅|y / 山|z / 山田|x"]);
    let (_, notes) = load_all(Dialect::PostgreSql, "d", &[&[("", &dump)]], OnCut::Stop).expect("whole");
    assert!(notes.iter().any(|note| note.contains("1 rows")), "{notes:?}");
}

#[test]
fn a_dump_through_a_windows_shell_is_read() {
    let text = "-- PostgreSQL database dump\r\nSET client_encoding = 'EUC_JP';\r\nCREATE TABLE public.t (a text);\r\nCOPY public.t (a) FROM stdin;\r\n山\r\n\\.\r\n-- PostgreSQL database dump complete\r\n";
    let bytes: Vec<u8> = std::iter::once(0xfeff).chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    check(Dialect::PostgreSql, "d", &[&[("", &bytes)]], &["public.t: 山"]);
}

#[test]
fn code_in_a_dump_gives_no_rows() {
    let dump = "CREATE TABLE public.t (a text);\nCREATE FUNCTION public.f() RETURNS void\n    LANGUAGE sql\n    BEGIN ATOMIC\n INSERT INTO public.t VALUES ('no');\n INSERT INTO public.t VALUES ('no');\nEND;\n\
        CREATE FUNCTION public.g() RETURNS void LANGUAGE sql AS $$\nINSERT INTO public.t VALUES ('no');\n$$;\nINSERT INTO public.t VALUES ('yes');\n";
    check(Dialect::PostgreSql, "d", &[&[("", dump.as_bytes())]], &["public.t: yes"]);
}

#[test]
fn rows_that_a_dump_leaves_out_leave_the_table_open() {
    let secured = "-- PostgreSQL database dump\nSET row_security = on;\nCREATE TABLE public.t (a text);\nCOPY public.t (a) FROM stdin;\n1\n\\.\nCREATE POLICY p ON public.t USING (true);\n-- PostgreSQL database dump complete\n";
    check(Dialect::PostgreSql, "d", &[&[("", secured.as_bytes())]], &["public.t…: 1"]);
    let chosen = "-- MySQL dump 10.13\nCREATE TABLE `t` (`a` int);\n-- Dumping data for table `t`\n--\n-- WHERE:  a > 1\n\nLOCK TABLES `t` WRITE;\nINSERT INTO `t` VALUES (2);\nUNLOCK TABLES;\n-- Dump completed on 2026-11-23\n";
    check(Dialect::MySql, "d", &[&[("", chosen.as_bytes())]], &["d.t…: 2"]);
    let selected = "CREATE TABLE t (a int);\nINSERT INTO t SELECT 1;\n";
    check(Dialect::MySql, "d", &[&[("", selected.as_bytes())]], &["d.t…: "]);
}

mod hostile {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_bytes_break_the_reader_of_archives(flips in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8), cut in any::<prop::sample::Index>()) {
            for whole in [dump!("custom-0.dump"), dump!("custom-9.dump")] {
                let mut bytes = whole.to_vec();
                for (at, byte) in &flips {
                    let at = at.index(bytes.len());
                    bytes[at] = *byte;
                }
                let _ = load_all(Dialect::PostgreSql, "registry", &[&[("", &bytes)]], OnCut::GoOn);
                bytes.truncate(cut.index(bytes.len()));
                let _ = load_all(Dialect::PostgreSql, "registry", &[&[("", &bytes)]], OnCut::GoOn);
            }
        }

        #[test]
        fn no_bytes_break_the_reader_of_folders(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            for name in ["toc.dat", "metadata", "clinic.patient.sql", "clinic.patient-schema.sql", "clinic-schema-post.sql", "3391.dat"] {
                let with = |folder: &[(&'static str, &'static [u8])]| -> Vec<(&str, &[u8])> {
                    folder.iter().map(|(n, b)| if *n == name { (*n, bytes.as_slice()) } else { (*n, *b) }).collect()
                };
                let _ = load_all(Dialect::PostgreSql, "registry", &[&with(DIRECTORY)], OnCut::GoOn);
                let _ = load_all(Dialect::MySql, "clinic", &[&with(MYDUMPER)], OnCut::GoOn);
            }
        }
    }
}
