//! What each wrapper leaves of a line, and where it says that the line stood.

use strandline_model::estate::LogSource;
use strandline_model::evidence::ArtefactId;

use crate::{Collected, Context, bare_source, read_artefact, recognise};

const WEB: &str = "192.0.2.7 - amy [23/Nov/2026:20:42:55 +0000] \"GET /a/1 HTTP/1.1\" 200 20 \"-\" \"x\"";
const WEB_READ: &str = "http_activity/request/success ip=192.0.2.7 account=amy";
const SQL: &str = "2026-11-23 20:42:57.145 UTC [97] app@hr LOG:  statement: select 1";
const SQL_READ: &str =
    "datastore_activity/read/unknown account=app session=97@2026-11-23 20:42:57.145 UTC database=hr pid=97 command=SELECT statement=select 1 kind=statement";

fn read(format: &str, input: &str) -> (Collected, String) {
    read_as(&bare_source(format), input)
}

fn read_as(source: &LogSource, input: &str) -> (Collected, String) {
    let artefact = ArtefactId("0123456789abcdef".into());
    let context = Context { artefact: &artefact, path: "a.log", source, assumed_year: 2026, last_change: None, secret_key: None };
    let mut collected = Collected::default();
    let summary = read_artefact(&mut input.as_bytes(), &context, &mut collected).expect("the source is described rightly");
    (collected, summary.format)
}

/// Reads `input`, whose wrapper must be taken off; each event, up to the length of what is expected of it.
fn check(format: &str, wrapper: &str, input: &str, expected: &[&str]) {
    let (collected, name) = read(format, input);
    let text = collected.text();
    let lines: Vec<&str> = text.lines().collect();
    assert!(name.ends_with(&format!(" in {wrapper}")), "{name}\n{text}");
    assert_eq!(lines.len(), expected.len(), "{text}");
    for (line, expected) in lines.iter().zip(expected) {
        assert!(line.split_once(' ').is_some_and(|(_, event)| event.starts_with(expected)), "{line}\n{expected}");
    }
    for event in collected.events() {
        let (from, to) = (event.place.offset as usize, event.place.offset as usize + event.place.length as usize);
        assert!(to <= input.len() && to > from, "the place lies within the artefact");
    }
    let best = recognise(input.as_bytes()).first().map(|(name, _)| *name);
    assert_eq!(best, Some(format), "a draft knows it too");
}

#[test]
fn lines_with_something_in_front() {
    check("nginx", "CRI", &format!("2026-11-23T20:42:55.123456789Z stdout F {WEB}\n"), &[WEB_READ]);
    check("nginx", "Docker Compose", &format!("web-1   | {WEB}\ndb-1    | {WEB}\n"), &[WEB_READ, WEB_READ]);
    check("nginx", "kubectl", &format!("[pod/web-0/nginx] {WEB}\n"), &[WEB_READ]);
    check("nginx", "syslog", &format!("Nov 23 20:42:55 front nginx: {WEB}\n"), &[WEB_READ]);
    check("nginx", "syslog", &format!("<190>1 2026-11-23T20:42:55Z front nginx 7 - - {WEB}\n"), &[WEB_READ]);
    check("postgresql", "a stamp", &format!("2026-11-23T20:42:57.200Z {SQL}\n"), &[SQL_READ]);
}

#[test]
fn a_record_in_parts_is_one() {
    let (a, b) = WEB.split_at(30);
    let at = "2026-11-23T20:42:55.123456789Z";
    // The other stream writes between the parts.
    let input = format!("{at} stdout P {a}\n{at} stderr F {WEB}\n{at} stdout F {b}\n{at} stdout F {WEB}\n");
    check("nginx", "CRI", &input, &[WEB_READ, WEB_READ, WEB_READ]);
    let docker = |text: &str, end: &str| format!("{{\"log\":{},\"stream\":\"stdout\",\"time\":\"{at}\"}}\n", serde_json::json!(format!("{text}{end}")));
    check("nginx", "Docker json-file", &[docker(a, ""), docker(b, "\n"), docker(WEB, "\n")].concat(), &[WEB_READ, WEB_READ]);
}

#[test]
fn lines_in_a_field_of_json() {
    let line = |text: &str| serde_json::json!(text).to_string();
    let (web, sql) = (line(WEB), line(SQL));
    check(
        "postgresql",
        "Docker json-file",
        &format!("{{\"log\":{},\"stream\":\"stderr\",\"time\":\"2026-11-23T20:42:57Z\"}}\n", line(&format!("{SQL}\n"))),
        &[SQL_READ],
    );
    check("postgresql", "Google Cloud", &format!("{{\"textPayload\":{sql},\"logName\":\"p\",\"timestamp\":\"2026-11-23T20:42:57Z\"}}\n"), &[SQL_READ]);
    check(
        "postgresql",
        "Azure",
        &format!("{{\"properties\":{{\"message\":{sql}}},\"time\":\"2026-11-23T20:42:57Z\",\"category\":\"PostgreSQLLogs\"}}\n"),
        &[SQL_READ],
    );
    check("nginx", "Filebeat", &format!("{{\"@timestamp\":\"2026-11-23T20:42:57Z\",\"message\":{web},\"host\":{{\"name\":\"front\"}}}}\n"), &[WEB_READ]);
    check(
        "nginx",
        "an Elastic export",
        &format!("{{\"_index\":\"i\",\"_source\":{{\"@timestamp\":\"2026-11-23T20:42:57Z\",\"message\":{web}}}}}\n"),
        &[WEB_READ],
    );
    check("nginx", "Vector", &format!("{{\"message\":{web},\"timestamp\":\"2026-11-23T20:42:57Z\",\"source_type\":\"file\"}}\n"), &[WEB_READ]);
    check("nginx", "Fluent Bit", &format!("{{\"date\":1795466577.1,\"log\":{web}}}\n"), &[WEB_READ]);
    check("nginx", "Loki", &format!("{{\"labels\":{{}},\"line\":{web},\"timestamp\":\"2026-11-23T20:42:57Z\"}}\n"), &[WEB_READ]);
}

#[test]
fn records_in_an_array() {
    let event = format!("{{\"id\":\"1\",\"timestamp\":1795466577145,\"message\":{}}}", serde_json::json!(SQL));
    check("postgresql", "CloudWatch", &format!("{{\"logGroup\":\"g\",\"logEvents\":[{event},\n{event}]}}\n"), &[SQL_READ, SQL_READ]);
    let one = format!("{{\"logGroup\":\"g\",\"logEvents\":[{event},{event}]}}\n");
    check("postgresql", "a JSON array, CloudWatch", &one.repeat(2), &[SQL_READ; 4]);
    let (collected, _) = read("postgresql", &one.repeat(2));
    let places: Vec<&str> = collected
        .events()
        .iter()
        .map(|e| one.repeat(2)[e.place.offset as usize..][..e.place.length as usize] == event)
        .map(|same| if same { "its own" } else { "another" })
        .collect();
    assert_eq!(places, ["its own"; 4]);
}

#[test]
fn documents_of_json_are_records() {
    let record = "{\n \"eventTime\": \"2026-11-23T20:42:55Z\",\n \"sourceIPAddress\": \"192.0.2.7\"\n}";
    for document in [format!("{{\"Records\": [{record},{record}]}}"), format!("[\n{record},\n{record}\n]\n"), format!("{record}\n{record}\n")] {
        let (collected, name) = read("json", &document);
        assert_eq!((collected.events().len(), collected.warnings.len(), name.as_str()), (2, 0, "json"), "{document}\n{}", collected.text());
        let event = &collected.events()[1];
        assert_eq!(&document[event.place.offset as usize..][..event.place.length as usize], record);
    }
}

#[test]
fn postgresql_through_syslog() {
    let head = "Nov 23 20:42:57 db1 postgres[97]:";
    let input = format!(
        "{head} [3-1] user=app,db=hr LOG:  execute s1: select *\n{head} [3-2] #011from staff where id = $1 and\n{head} [3-3]  name = $2\n{head} [3-4] user=app,db=hr DETAIL:  parameters: $1 = '1', $2 = 'b'\n{head} [4-1] user=app,db=hr LOG:  statement: select 2\n"
    );
    check(
        "postgresql",
        "syslog",
        &input,
        &[
            "datastore_activity/read/unknown account=app session=97@2026-11-23 20:42:57.000000 UTC database=hr pid=97 command=SELECT name=s1 statement=select *\\nfrom staff where id = $1 and name = $2 parameters=[\"1\", \"b\"]",
            "datastore_activity/read/unknown account=app session=97@2026-11-23 20:42:57.000000 UTC database=hr pid=97 command=SELECT statement=select 2",
        ],
    );
}

#[test]
fn server_audit_through_syslog() {
    check(
        "mysql_audit",
        "syslog",
        "Nov 23 20:42:57 db1 mysql-server_auditing: db1,app,192.0.2.7,7,12,QUERY,hr,'SELECT 1',0\n",
        &["datastore_activity/read/success ip=192.0.2.7 account=app session=7 database=hr command=SELECT statement=SELECT 1"],
    );
}

#[test]
fn records_of_an_operator() {
    let record = |audit: &str, message: &str| {
        format!(
            "{{\"level\":\"info\",\"ts\":\"2026-11-23T20:42:57.145Z\",\"logger\":\"postgres\",\"msg\":\"record\",\"logging_pod\":\"c-1\",\"record\":{{\"log_time\":\"2026-11-23 20:42:57.145 UTC\",\"user_name\":\"app\",\"database_name\":\"hr\",\"process_id\":\"97\",\"connection_from\":\"192.0.2.5:3\",\"session_id\":\"6b.61\",\"session_line_num\":\"1\",\"error_severity\":\"LOG\",\"sql_state_code\":\"00000\"{message}{audit}}}}}\n"
        )
    };
    let audit = ",\"audit\":{\"audit_type\":\"SESSION\",\"statement_id\":\"8\",\"substatement_id\":\"1\",\"class\":\"READ\",\"command\":\"SELECT\",\"object_type\":\"TABLE\",\"object_name\":\"t\",\"statement\":\"select a, b\",\"parameter\":\"<none>\",\"rows\":\"3\"}";
    check(
        "postgresql",
        "CloudNativePG",
        &[record("", ",\"message\":\"statement: select 1\""), record(audit, "")].concat(),
        &[
            "datastore_activity/read/unknown ip=192.0.2.5 port=3 account=app session=6b.61 database=hr pid=97 command=SELECT statement=select 1",
            "datastore_activity/read/success ip=192.0.2.5 port=3 account=app session=6b.61 database=hr pid=97 command=SELECT statement=select a, b parameters=[] rows=3",
        ],
    );
}

#[test]
fn the_wrapper_says_what_the_line_does_not() {
    let wrapped = "{\"log\":\"{\\\"remote_addr\\\":\\\"192.0.2.7\\\",\\\"path\\\":\\\"/a\\\",\\\"method\\\":\\\"GET\\\"}\\n\",\"stream\":\"stdout\",\"time\":\"2026-11-23T20:42:55.5Z\",\"hostname\":\"front\"}\n";
    let (collected, _) = read("json", wrapped);
    let event = &collected.events()[0];
    assert_eq!((event.time.0, event.host.as_deref(), event.url.as_deref()), (1_795_466_575_500_000, Some("front"), Some("/a")));
}

#[test]
fn a_log_without_a_wrapper_is_left_as_it_is() {
    let check = |format: &str, input: &str| {
        let (_, name) = read(format, input);
        assert!(!name.contains(" in "), "{name}");
    };
    check("nginx", &format!("{WEB}\n"));
    check("linux_auth", "Nov 23 20:42:57 gate sshd[7]: Accepted password for amy from 192.0.2.7 port 5 ssh2\n");
    check("json", "{\"time\":\"2026-11-23T20:42:55Z\",\"user\":\"amy\",\"message\":\"hello\"}\n");
}

#[test]
fn a_record_of_which_only_the_time_is_understood_is_not_read() {
    let (collected, _) = read("json", "{\"timestamp\":\"2026-11-23T20:42:55Z\",\"colour\":\"red\"}\n");
    assert_eq!(collected.text(), "1 refused: nothing but its time was understood: say which fields hold what, fields = { … }");
    assert!(recognise(b"{\"timestamp\":\"2026-11-23T20:42:55Z\",\"colour\":\"red\"}\n").is_empty());
}

#[test]
fn json_behind_a_stamp_was_taken_for_the_name_of_a_program() {
    let json = r#"{"ts": "2026-11-23T20:42:55Z", "remote_ip": "192.0.2.7", "user": "amy", "method": "GET", "uri": "/a/1", "status": 200}"#;
    check("json", "a stamp", &format!("2026-11-23T20:42:55.200Z {json}\n"), &[WEB_READ]);
    check("json", "Docker Compose, a stamp", &format!("web-1  | 2026-11-23T20:42:55.200Z {json}\n"), &[WEB_READ]);
}

#[test]
fn what_further_tools_print_and_export() {
    let (web, sql) = (serde_json::json!(WEB).to_string(), serde_json::json!(SQL).to_string());
    check("nginx", "Fluentd, JSON", &format!("2026-11-23T20:42:55+00:00\tkube.web\t{{\"log\":{web},\"stream\":\"stdout\"}}\n"), &[WEB_READ]);
    check("nginx", "CloudWatch", &format!("2026-11-23T20:42:55.1+00:00 web/nginx/0a1b {WEB}\n"), &[WEB_READ]);
    check("nginx", "a stamp, Loki", &format!("2026-11-23T20:42:55Z {{app=\"web\", pod=\"web-1\"}} {WEB}\n"), &[WEB_READ]);
    check("nginx", "Azure", &format!("{{\"TimeGenerated\":\"2026-11-23T20:42:55Z\",\"PodName\":\"web-1\",\"LogMessage\":{web}}}\n"), &[WEB_READ]);
    check(
        "nginx",
        "Datadog",
        &format!("{{\"id\":\"A\",\"attributes\":{{\"timestamp\":\"2026-11-23T20:42:55Z\",\"message\":{web},\"host\":\"h\"}}}}\n"),
        &[WEB_READ],
    );
    check("nginx", "Splunk", &format!("{{\"preview\":false,\"result\":{{\"_raw\":{web},\"_time\":\"2026-11-23T20:42:55Z\"}}}}\n"), &[WEB_READ]);
    check("nginx", "Graylog", &format!("{{\"version\":\"1.1\",\"host\":\"h\",\"short_message\":{web},\"timestamp\":1795466575.1}}\n"), &[WEB_READ]);
    let cloud = format!("{{\"logName\":\"p\",\"jsonPayload\":{{\"message\":{sql}}},\"timestamp\":\"2026-11-23T20:42:57Z\"}}\n");
    check("postgresql", "Google Cloud, JSON", &cloud, &[SQL_READ]);
}

#[test]
fn rows_of_a_table_with_a_header() {
    let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
    let (web, sql) = (quoted(WEB), quoted(SQL));
    check("nginx", "a table, JSON", &format!("timestamp,message\n1795466575100,{web}\n1795466575100,{web}\n"), &[WEB_READ, WEB_READ]);
    check("postgresql", "a table, CloudWatch", &format!("\u{feff}@timestamp,@message\r\n2026-11-23 20:42:57.100,{sql}\r\n"), &[SQL_READ]);
    check("nginx", "a table, Azure", &format!("\"TimeGenerated [UTC]\",PodName,LogMessage\n\"11/23/2026, 8:42:55.100 PM\",web-1,{web}\n"), &[WEB_READ]);
    let json =
        "time;remote_addr;user;method;uri;status\n2026-11-23T20:42:55Z;192.0.2.7;amy;GET;\"/a;\nb\";200\n2026-11-23T20:42:56Z;192.0.2.7;amy;GET;/c;200\n";
    check("json", "a table", json, &[WEB_READ, WEB_READ]);
    // A table of people is no log, whatever its columns are called.
    assert_eq!(recognise(b"id,user,ip,created_at\n1,amy,192.0.2.7,2026-11-23 20:42:55\n").first(), None);
    // A row of another number of values is none.
    let (collected, _) = read("json", &format!("{json}2026-11-23T20:42:57Z;192.0.2.7\n"));
    assert_eq!((collected.events().len(), collected.warnings.len()), (2, 1));
}

#[test]
fn utf_16_is_read_as_what_it_holds() {
    let lines = format!("{WEB}\r\n{WEB}\r\n");
    let little: Vec<u8> = [vec![0xff, 0xfe], lines.encode_utf16().flat_map(u16::to_le_bytes).collect()].concat();
    let big: Vec<u8> = lines.encode_utf16().flat_map(u16::to_be_bytes).collect();
    let artefact = ArtefactId("0123456789abcdef".into());
    for (bytes, mark) in [(little, 2), (big, 0)] {
        let source = bare_source("nginx");
        let context = Context { artefact: &artefact, path: "a.log", source: &source, assumed_year: 2026, last_change: None, secret_key: None };
        let mut collected = Collected::default();
        let summary = read_artefact(&mut bytes.as_slice(), &context, &mut collected).expect("the source is described rightly");
        assert_eq!(summary.format, "nginx in UTF-16");
        let events = collected.events();
        assert_eq!(events.iter().map(|event| event.src_ip.as_deref()).collect::<Vec<_>>(), [Some("192.0.2.7"), Some("192.0.2.7")]);
        let second = &events[1].place;
        assert_eq!(second.offset as usize, mark + (WEB.len() + 2) * 2);
        assert!(second.offset as usize + second.length as usize <= bytes.len());
        assert_eq!(recognise(&bytes).first().map(|(name, _)| *name), Some("nginx"));
    }
}

/// Lines of PostgreSQL in these wrappers were told and not understood.
#[test]
fn prefixes_that_are_common_in_wrappers() {
    let read = |format: &str, input: &str| {
        read(format, input).0.events().iter().map(|e| (e.account.as_deref().map(str::to_owned), e.statement.as_deref().map(str::to_owned))).collect::<Vec<_>>()
    };
    let expected = |account: Option<&str>| vec![(account.map(str::to_owned), Some("select 1".to_owned()))];
    assert_eq!(
        read("postgresql", "Nov 23 20:42:57 db1 postgres[97]: [3-1] db=hr,user=app,app=web,client=10.0.0.5 LOG:  statement: select 1\n"),
        expected(Some("app"))
    );
    assert_eq!(
        read(
            "postgresql",
            "{\"logName\":\"p\",\"textPayload\":\"[97]: [2-1] db=hr,user=app LOG:  statement: select 1\",\"timestamp\":\"2026-11-23T20:42:57Z\"}\n"
        ),
        expected(Some("app"))
    );
    assert_eq!(
        read("postgresql", "2026-11-23T20:42:57+00:00 app[postgres.97]: [GREEN] [15-1]  sql_error_code = 00000 LOG:  statement: select 1\n"),
        expected(None)
    );
}
