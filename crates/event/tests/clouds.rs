//! What the clouds export, record by record, after the field names that the vendors publish.

mod common;

use common::{check, read, source};

const JSON: &str = "format = \"json\"";
const POSTGRESQL: &str = "format = \"postgresql\"";

/// One record of several lines in one.
fn line(record: &str) -> String {
    format!("{}\n", record.lines().map(str::trim).collect::<String>())
}

#[test]
fn google_clouds_load_balancer() {
    let record = line(
        r#"{"insertId":"1a","jsonPayload":{"@type":"type.googleapis.com/google.cloud.loadbalancing.type.LoadBalancerLogEntry","statusDetails":"response_sent_by_backend","remoteIp":"203.0.113.7"},
           "httpRequest":{"requestMethod":"GET","requestUrl":"https://hr.example.org/staff/C1?x=1","requestSize":"121","status":200,"responseSize":"795","userAgent":"curl/8","remoteIp":"203.0.113.7","serverIp":"10.0.0.2","latency":"0.054321s","referer":"https://hr.example.org/"},
           "resource":{"type":"http_load_balancer","labels":{"zone":"global"}},"timestamp":"2026-11-23T20:42:57.109000Z","severity":"INFO","logName":"projects/p/logs/requests","trace":"projects/p/traces/0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331"}"#,
    );
    check(
        JSON,
        &record,
        r#"2026-11-23T20:42:57.109Z http_activity/request/success src_ip=203.0.113.7 request_id=0af7651916cd43dd8448eb211c80319c method=GET url=https://hr.example.org/staff/C1?x=1 user_agent=curl/8 labels={"referer":"https://hr.example.org/","level":"INFO"} status_code=200 bytes=795 duration_micros=54321"#,
    );
    // The balancer stamps the beginning: the answer came within the time that it took.
    let (_, kept) = read(&source(JSON), record.as_bytes()).expect("a source");
    assert_eq!(kept.events().iter().map(|event| event.time_precision_micros).collect::<Vec<_>>(), [54_321]);
}

#[test]
fn google_clouds_audit_of_postgresql() {
    let entry = |chunks: u32| {
        line(&format!(
            r#"{{"protoPayload":{{"@type":"type.googleapis.com/google.cloud.audit.AuditLog","serviceName":"cloudsql.googleapis.com","methodName":"cloudsql.instances.query",
               "request":{{"@type":"type.googleapis.com/google.cloud.sql.audit.v1.PgAuditEntry","auditClass":"READ","auditType":"SESSION","chunkCount":"{chunks}","chunkIndex":"1","command":"SELECT","database":"hr","databaseSessionId":2209692,"parameter":"[not logged]","statement":"SELECT * FROM staff","statementId":2,"substatementId":1,"user":"app"}}}},
               "insertId":"2b","resource":{{"type":"cloudsql_database","labels":{{"database_id":"p:hr"}}}},"timestamp":"2026-11-23T20:42:57.109Z","logName":"projects/p/logs/cloudaudit.googleapis.com%2Fdata_access"}}"#
        ))
    };
    check(
        POSTGRESQL,
        [entry(1), entry(2)].concat(),
        r#"2026-11-23T20:42:57.109Z datastore_activity/read/unknown account=app session=2209692 database=hr statement=SELECT * FROM staff command=SELECT host=p:hr labels={"class":"READ","substatement":"1"}
           ! 2: not a record of a jsonlog"#,
    );
}

#[test]
fn azures_gateways() {
    let second = line(
        r#"{"timeStamp":"2026-11-23T20:42:57+00:00","resourceId":"/SUBSCRIPTIONS/X/RESOURCEGROUPS/R/PROVIDERS/MICROSOFT.NETWORK/APPLICATIONGATEWAYS/G","listenerName":"l","ruleName":"r","operationName":"ApplicationGatewayAccess","category":"ApplicationGatewayAccessLog",
           "properties":{"instanceId":"appgw_0","clientIP":"203.0.113.7","clientPort":50421,"httpMethod":"GET","originalRequestUriWithArgs":"/staff/C1?x=1","requestUri":"/staff/C1","requestQuery":"x=1","userAgent":"curl/8","httpStatus":200,"httpVersion":"HTTP/2.0","receivedBytes":80,"sentBytes":795,"timeTaken":0.054,"transactionId":"e9a8c5bc5f3d4b7b8f2f8c4b0a5b2d61","sslEnabled":"on","host":"hr.example.org","originalHost":"hr.example.org"}}"#,
    );
    let door = line(
        r#"{"time":"2026-11-23T20:42:58.1Z","resourceId":"/SUBSCRIPTIONS/X","category":"FrontDoorAccessLog","operationName":"Microsoft.Cdn/Profiles/AccessLog/Write",
           "properties":{"trackingReference":"0AbC","httpMethod":"GET","httpVersion":"2.0","requestUri":"https://hr.example.org:443/staff/C2","requestBytes":"80","responseBytes":"900","userAgent":"curl/8","clientIp":"203.0.113.7","clientPort":"50422","socketIp":"203.0.113.7","timeTaken":"0.25","httpStatusCode":"404","httpStatusDetails":"404"}}"#,
    );
    let workspace = line(
        r#"{"TimeGenerated":"2026-11-23T20:42:59Z","ResourceId":"/SUBSCRIPTIONS/X","Category":"ApplicationGatewayAccessLog","OperationName":"ApplicationGatewayAccess","clientIP_s":"203.0.113.7","httpMethod_s":"GET",
           "originalRequestUriWithArgs_s":"/staff/C3?x=1","requestUri_s":"/staff/C3","userAgent_s":"curl/8","httpStatus_d":200,"sentBytes_d":795,"timeTaken_d":0.054}"#,
    );
    check(
        JSON,
        [second, door, workspace].concat(),
        r#"2026-11-23T20:42:57.000Z http_activity/request/success src_ip=203.0.113.7 request_id=e9a8c5bc5f3d4b7b8f2f8c4b0a5b2d61 method=GET url=/staff/C1?x=1 user_agent=curl/8 labels={"host":"hr.example.org"} src_port=50421 status_code=200 bytes=795 duration_micros=54000
           2026-11-23T20:42:58.100Z http_activity/request/failure src_ip=203.0.113.7 request_id=0AbC method=GET url=https://hr.example.org:443/staff/C2 user_agent=curl/8 src_port=50422 status_code=404 bytes=900 duration_micros=250000
           2026-11-23T20:42:59.000Z http_activity/request/success src_ip=203.0.113.7 method=GET url=/staff/C3?x=1 user_agent=curl/8 status_code=200 bytes=795 duration_micros=54000"#,
    );
}

#[test]
fn azures_postgresql() {
    let record = |said: &str| {
        line(&format!(
            r#"{{"LogicalServerName":"hr","SubscriptionId":"x","ResourceGroup":"r","time":"2026-11-23T20:42:58Z","resourceId":"/SUBSCRIPTIONS/X/RESOURCEGROUPS/R/PROVIDERS/MICROSOFT.DBFORPOSTGRESQL/FLEXIBLESERVERS/HR","category":"PostgreSQLLogs","operationName":"LogEvent",
               "properties":{{"timestamp":"2026-11-23 20:42:57.109 UTC","processId":97,"errorLevel":"LOG","sqlerrcode":"00000","message":{},"backend_type":"client backend"}}}}"#,
            serde_json::json!(said)
        ))
    };
    check(
        POSTGRESQL,
        [
            record("2026-11-23 20:42:57 UTC-65a1b2c3.61-LOG:  connection authorized: user=app database=hr SSL enabled"),
            record("2026-11-23 20:42:57 UTC-65a1b2c3.61-LOG:  AUDIT: SESSION,1,1,READ,SELECT,,,SELECT * FROM staff,<none>"),
        ]
        .concat(),
        r#"2026-11-23T20:42:57.000Z datastore_activity/connect/success account=app session=65a1b2c3.61 database=hr message=connection authorized: user=app database=hr SSL enabled host=hr
           2026-11-23T20:42:57.000Z datastore_activity/read/unknown account=app session=65a1b2c3.61 database=hr statement=SELECT * FROM staff command=SELECT host=hr labels={"class":"READ","substatement":"1"}"#,
    );
}

#[test]
fn cloudflares_logpush() {
    let record = |start: &str, end: &str| {
        line(&format!(
            r#"{{"ClientIP":"203.0.113.7","ClientSrcPort":50421,"ClientRequestHost":"hr.example.org","ClientRequestMethod":"GET","ClientRequestURI":"/staff/C1?x=1","ClientRequestUserAgent":"curl/8","ClientRequestReferer":"https://hr.example.org/","EdgeStartTimestamp":{start},{end}"EdgeResponseBytes":795,"EdgeResponseStatus":200,"RayID":"8e5f0c3a1b2d4e6f","ZoneName":"example.org"}}"#
        ))
    };
    check(
        JSON,
        [
            record("\"2026-11-23T20:42:57Z\"", "\"EdgeEndTimestamp\":\"2026-11-23T20:42:58Z\","),
            record("1795466577109000000", "\"EdgeEndTimestamp\":1795466577209000000,"),
            record("1795466577", ""),
        ]
        .concat(),
        r#"2026-11-23T20:42:58.000Z http_activity/request/success src_ip=203.0.113.7 request_id=8e5f0c3a1b2d4e6f method=GET url=/staff/C1?x=1 user_agent=curl/8 labels={"referer":"https://hr.example.org/","host":"hr.example.org"} src_port=50421 status_code=200 bytes=795
           2026-11-23T20:42:57.209Z http_activity/request/success src_ip=203.0.113.7 request_id=8e5f0c3a1b2d4e6f method=GET url=/staff/C1?x=1 user_agent=curl/8 labels={"referer":"https://hr.example.org/","host":"hr.example.org"} src_port=50421 status_code=200 bytes=795
           2026-11-23T20:42:57.000Z http_activity/request/success src_ip=203.0.113.7 request_id=8e5f0c3a1b2d4e6f method=GET url=/staff/C1?x=1 user_agent=curl/8 labels={"referer":"https://hr.example.org/","host":"hr.example.org"} src_port=50421 status_code=200 bytes=795"#,
    );
}

#[test]
fn a_trace_is_the_request_where_no_id_stands() {
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let nginx = "format = \"nginx\"\nlog_format = '$remote_addr [$time_iso8601] \"$request\" $status $http_traceparent $request_id'";
    let head = "2026-11-23T20:42:57.000Z http_activity/request/success src_ip=10.0.0.1";
    let line = |id: &str| format!("10.0.0.1 [2026-11-23T20:42:57+00:00] \"GET /a HTTP/1.1\" 200 {trace} {id}\n");
    check(nginx, line("-"), &format!("{head} request_id=0af7651916cd43dd8448eb211c80319c method=GET url=/a status_code=200"));
    check(nginx, line("r1"), &format!("{head} request_id=r1 method=GET url=/a labels={{\"trace_id\":\"0af7651916cd43dd8448eb211c80319c\"}} status_code=200"));
    check(
        JSON,
        format!("{{\"time\":\"2026-11-23T20:42:57Z\",\"ip\":\"10.0.0.1\",\"method\":\"GET\",\"url\":\"/a\",\"status\":200,\"traceparent\":\"{trace}\"}}\n"),
        &format!("{head} request_id=0af7651916cd43dd8448eb211c80319c method=GET url=/a status_code=200"),
    );
    let sql = |comment: &str| format!("2026-11-23 20:42:57.000 UTC [97] app@hr LOG:  statement: SELECT 1 /*{comment}*/\n");
    let read = |id: &str, labels: &str| {
        format!(
            "2026-11-23T20:42:57.000Z datastore_activity/read/unknown account=app session=97@2026-11-23 20:42:57.000 UTC{id} database=hr statement=SELECT 1 command=SELECT labels={labels} pid=97"
        )
    };
    let traced = format!("{{\"trace_id\":\"0af7651916cd43dd8448eb211c80319c\",\"traceparent\":\"{trace}\"}}");
    check(POSTGRESQL, sql(&format!("traceparent='{trace}'")), &read(" request_id=0af7651916cd43dd8448eb211c80319c", &traced));
    // A key of the estate's.
    check(POSTGRESQL, sql("flow='f-7'"), &read("", "{\"flow\":\"f-7\"}"));
    check(&format!("{POSTGRESQL}\nfields = {{ request_id = \"flow\" }}"), sql("flow='f-7'"), &read(" request_id=f-7", "{\"flow\":\"f-7\"}"));
}

#[test]
fn whoever_was_served_with_a_token_is_whom_it_is_of() {
    // {"alg":"HS256"} and {"sub":"amy","jti":"Ab12Cd34Ef56Gh78"}
    let token = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbXkiLCJqdGkiOiJBYjEyQ2QzNEVmNTZHaDc4In0.c2lnbmF0dXJlMTIz";
    let line = |status: u16| {
        format!(
            "{{\"time\":\"2026-11-23T20:42:57Z\",\"ip\":\"10.0.0.1\",\"method\":\"GET\",\"url\":\"/a\",\"status\":{status},\"headers\":{{\"authorization\":\"Bearer {token}\"}}}}\n"
        )
    };
    let head = "2026-11-23T20:42:57.000Z http_activity/request";
    check(
        JSON,
        line(200),
        &format!("{head}/success src_ip=10.0.0.1 account=amy method=GET url=/a labels={{\"authorization\":\"[masked]\"}} status_code=200 masked"),
    );
    check(
        JSON,
        line(401),
        &format!("{head}/failure src_ip=10.0.0.1 method=GET url=/a labels={{\"authorization\":\"[masked]\",\"token_subject\":\"amy\"}} status_code=401 masked"),
    );
}

#[test]
fn google_clouds_logs_of_mysql() {
    let record = |said: &str| {
        line(&format!(
            r#"{{"textPayload":{},"insertId":"3c","resource":{{"type":"cloudsql_database","labels":{{"database_id":"p:hr"}}}},"timestamp":"2026-11-23T20:42:58Z","logName":"projects/p/logs/cloudsql.googleapis.com%2Fmysql-general.log"}}"#,
            serde_json::json!(said)
        ))
    };
    check(
        "format = \"mysql_general\"",
        [record("2026-11-23T20:42:57.109000Z\t   12 Connect\tapp@10.0.0.5 on hr using TCP/IP"), record("2026-11-23T20:42:57.209000Z\t   12 Query\tSELECT 1")]
            .concat(),
        r#"2026-11-23T20:42:57.109Z datastore_activity/connect/unknown src_ip=10.0.0.5 account=app session=12 database=hr message=app@10.0.0.5 on hr using TCP/IP host=p:hr
           2026-11-23T20:42:57.209Z datastore_activity/read/unknown src_ip=10.0.0.5 account=app session=12 database=hr statement=SELECT 1 command=SELECT host=p:hr"#,
    );
}
