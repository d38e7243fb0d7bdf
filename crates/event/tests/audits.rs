//! Audit trails of databases as they are exported: SQL Server, Oracle, McAfee's plug-in for MySQL.

mod common;

use common::{check, read, show, source};

const SQLSERVER: &str = "format = \"sqlserver\"";
const ORACLE: &str = "format = \"oracle\"";

/// The format that content alone tells.
#[track_caller]
fn check_known(format: &str, input: &str) {
    assert_eq!(strandline_event::recognise(input.as_bytes()).first().map(|(name, _)| *name), Some(format));
}

#[test]
fn rows_of_the_audit_of_sql_server() {
    let table = "event_time,sequence_number,action_id,succeeded,session_id,session_server_principal_name,server_principal_name,database_name,schema_name,object_name,statement,client_ip,application_name\n\
        2026-11-23 20:42:55.1234567,1,LGIS,1,51,hr_app,hr_app,,,,-- network protocol: TCP/IP,203.0.113.7,app\n\
        2026-11-23 20:42:56.1234567,1,SL  ,1,51,hr_app,hr_app,hr,dbo,staff,\"select name\nfrom dbo.staff where staff_no = 'C1'\",203.0.113.7,app\n\
        2026-11-23 20:42:57.1234567,1,LGIF,0,0,NULL,sa,NULL,NULL,NULL,Login failed,203.0.113.8,NULL\n\
        2026-11-23 20:42:58.1234567,1,SL,0,51,hr_app,hr_app,hr,dbo,pay,select 1 from dbo.pay where password = 'hunter2hunter2',local machine,app\n";
    let (summary, kept) = read(&source("format = \"sqlserver\"\nclock = \"Asia/Hong_Kong\""), table.as_bytes()).expect("a source");
    assert_eq!(summary.format, "sqlserver_audit in a table");
    let shown = show(&kept);
    let lines: Vec<&str> = shown.lines().collect();
    assert!(lines[0].starts_with("2026-11-23T20:42:55.123Z authentication/logon/success src_ip=203.0.113.7 account=hr_app session=51"), "{shown}");
    assert!(
        shown.contains("2026-11-23T20:42:56.123Z datastore_activity/read/unknown src_ip=203.0.113.7 account=hr_app session=51 database=hr application=app statement=select name\nfrom dbo.staff where staff_no = 'C1' command=SELECT labels={\"action\":\"SL\",\"object_name\":\"dbo.staff\",\"sequence_number\":\"1\"}"),
        "{shown}"
    );
    assert!(shown.contains("authentication/logon/failure src_ip=203.0.113.8 account=sa"), "{shown}");
    // A permission that was refused; and no secret comes through.
    assert!(shown.contains("datastore_activity/read/failure account=hr_app"), "{shown}");
    assert!(!shown.contains("hunter2"));
    check_known("sqlserver", table);
    let azure = r#"{"time":"2026-11-23T20:42:56.1Z","category":"SQLSecurityAuditEvents","LogicalServerName":"sql1","properties":{"event_time":"2026-11-23T20:42:56.123Z","action_id":"BCM","action_name":"BATCH COMPLETED","succeeded":"true","session_id":75,"client_ip":"203.0.113.7","server_principal_name":"hr_app","database_name":"hr","statement":"update t set a = 1","affected_rows":4,"response_rows":0}}
"#;
    check(
        SQLSERVER,
        azure,
        r#"2026-11-23T20:42:56.123Z datastore_activity/write/unknown src_ip=203.0.113.7 account=hr_app session=75 database=hr statement=update t set a = 1 command=UPDATE labels={"action":"BCM","affected_rows":"4","response_rows":"0"}"#,
    );
    check_known("sqlserver", azure);
    check(
        SQLSERVER,
        "{\"timestamp\":\"2026-11-23T20:42:56Z\",\"action_id\":\"x\"}\n",
        "! 1: not a row of an audit of SQL Server (action_id or action_name, and a principal)",
    );
}

#[test]
fn the_error_log_of_sql_server_is_utf_16() {
    let log = "2026-11-23 20:42:54.01 Server      Microsoft SQL Server 2022 (RTM)\r\n2026-11-23 20:42:55.12 Logon       Error: 18456, Severity: 14, State: 8.\r\n2026-11-23 20:42:55.12 Logon       Login failed for user 'it's me'. Reason: Password did not match that for the login provided. [CLIENT: 203.0.113.7]\r\n2026-11-23 20:42:56.12 Logon       Login succeeded for user 'app'. Connection made using SQL Server authentication. [CLIENT: <local machine>]\r\n2026-11-23 20:42:57.00 spid51      Starting up database 'hr'.\r\n";
    let wide: Vec<u8> = [vec![0xff, 0xfe], log.encode_utf16().flat_map(u16::to_le_bytes).collect()].concat();
    let expected = r"2026-11-23T20:42:54.010Z application_lifecycle/other/unknown application=Server message=Microsoft SQL Server 2022 (RTM)
        2026-11-23T20:42:55.120Z base_event/other/unknown application=Logon message=Error: 18456, Severity: 14, State: 8.
        2026-11-23T20:42:55.120Z authentication/logon/failure src_ip=203.0.113.7 account=it's me application=Logon message=Login failed for user 'it's me'. Reason: Password did not match that for the login provided. [CLIENT: 203.0.113.7]
        2026-11-23T20:42:56.120Z authentication/logon/success account=app application=Logon message=Login succeeded for user 'app'. Connection made using SQL Server authentication. [CLIENT: <local machine>]
        2026-11-23T20:42:57.000Z base_event/other/unknown application=spid51 message=Starting up database 'hr'.";
    check(SQLSERVER, &wide, expected);
    check(SQLSERVER, log, expected);
    check_known("sqlserver", log);
    check(
        SQLSERVER,
        "2026-11-23 20:42:55 INFO hello\n",
        "! 1: not a line of an error log of SQL Server (STAMP WRITER text), or one that goes on from the line before",
    );
}

#[test]
fn rows_of_oracles_unified_audit_trail() {
    let table = "\"EVENT_TIMESTAMP\",\"DBUSERNAME\",\"ACTION_NAME\",\"RETURN_CODE\",\"SESSIONID\",\"AUTHENTICATION_TYPE\",\"OBJECT_SCHEMA\",\"OBJECT_NAME\",\"SQL_TEXT\",\"SQL_BINDS\",\"CLIENT_PROGRAM_NAME\",\"USERHOST\"\n\
        \"23-NOV-26 08.42.55.123456000 PM\",\"APP\",\"SELECT\",\"0\",\"77\",\"(TYPE=(DATABASE));(CLIENT ADDRESS=((PROTOCOL=tcp)(HOST=203.0.113.7)(PORT=41234)));\",\"HR\",\"STAFF\",\"select name from staff where staff_no = :1 and a = :2\",\" #1(2):C1 #2(4):NULL\",\"sqlplus@gate\",\"gate\"\n\
        \"23-NOV-26 12.00.01.000000 AM\",\"SYSTEM\",\"LOGON\",\"1017\",\"78\",\"\",\"\",\"\",\"\",\"\",\"\",\"gate\"\n";
    let row = r#"2026-11-23T20:42:55.123Z datastore_activity/read/success src_ip=203.0.113.7 account=APP session=77 application=sqlplus@gate statement=select name from staff where staff_no = :1 and a = :2 command=SELECT labels={"action":"SELECT","client_host":"gate","object_name":"HR.STAFF"} src_port=41234"#;
    check(
        ORACLE,
        table,
        &format!(
            "{row}\n2026-11-23T00:00:01.000Z authentication/logon/failure account=SYSTEM session=78 error_code=ORA-01017 labels={{\"action\":\"LOGON\",\"client_host\":\"gate\"}}"
        ),
    );
    let (_, kept) = read(&source(ORACLE), table.as_bytes()).expect("a source");
    let binds: Vec<Option<String>> = kept.events()[0].parameters.clone().unwrap_or_default().into_iter().map(|value| value.map(|v| v.into_owned())).collect();
    assert_eq!(binds, [Some("C1".to_owned()), None]);
    check_known("oracle", table);
    // As SQLcl writes JSON; the time in UTC counts before the one of the session's zone.
    let json = r#"{"results":[{"columns":[{"name":"DBUSERNAME","type":"VARCHAR2"}],"items":[{"event_timestamp":"2026-11-24 04:42:55.123","event_timestamp_utc":"2026-11-23 20:42:55.123","dbusername":"APP","action_name":"DELETE","return_code":942,"sessionid":77}]}]}"#;
    check(ORACLE, json, r#"2026-11-23T20:42:55.123Z datastore_activity/write/failure account=APP session=77 error_code=ORA-00942 labels={"action":"DELETE"}"#);
    let line = "Nov 23 20:42:55 db1 journal: Oracle Unified Audit[7]: LENGTH: '204' TYPE:\"4\" DBID:\"1\" SESID:\"77\" CLIENTID:\"\" ENTRYID:\"1\" STMTID:\"7\" DBUSER:\"APP\" CURUSER:\"APP\" ACTION:\"3\" RETCODE:\"0\" SCHEMA:\"HR\" OBJNAME:\"STAFF\" PDB_GUID:\"\"\n";
    check(
        ORACLE,
        line,
        r#"2026-11-23T20:42:55.000Z datastore_activity/read/success account=APP session=77 host=db1 labels={"action":"3","object_name":"HR.STAFF"}"#,
    );
}

#[test]
fn mcafees_plug_in_for_mysql() {
    let input = r#"{"msg-type":"header","date":"1795466575000","audit-version":"1.1.7","hostname":"db1"}
{"msg-type":"activity","date":"1795466575123","thread-id":"12","query-id":"34","user":"app","priv_user":"app","ip":"203.0.113.7","host":"web1","rows":"3","status":"0","cmd":"select","objects":[{"db":"hr","name":"staff","obj_type":"TABLE"}],"query":"select name from staff where staff_no = 'C1'"}
{"msg-type":"activity","date":"1795466576000","thread-id":"13","query-id":"0","user":"root","ip":"203.0.113.8","host":"","cmd":"Failed Login","query":"Failed Login"}
{"msg-type":"activity","date":"1795466577000","thread-id":"12","query-id":"0","user":"app","ip":"203.0.113.7","host":"web1","cmd":"Quit","query":"Quit"}
"#;
    check(
        "format = \"mysql_audit\"\nclock = \"Asia/Hong_Kong\"",
        input,
        r#"2026-11-23T20:42:55.123Z datastore_activity/read/success src_ip=203.0.113.7 account=app session=12 statement=select name from staff where staff_no = 'C1' command=SELECT labels={"class":"select","rows":"3"}
           2026-11-23T20:42:56.000Z authentication/logon/failure src_ip=203.0.113.8 account=root session=13 labels={"class":"failed login"}
           2026-11-23T20:42:57.000Z datastore_activity/disconnect/unknown src_ip=203.0.113.7 account=app session=12 labels={"class":"quit"}"#,
    );
    check_known("mysql_audit", input);
}
