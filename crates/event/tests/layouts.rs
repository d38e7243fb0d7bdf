//! Access logs in the usual layouts of other servers, and those that declare their fields.

mod common;

use common::{check, read, source};

const WEB: &str = "format = \"web\"";

/// One line of a layout: its name, and the event.
#[track_caller]
fn check_layout(name: &str, line: &str, expected: &str) {
    let (summary, _) = read(&source(WEB), line.as_bytes()).expect("a source");
    assert_eq!(summary.format, name);
    check(WEB, line, expected);
    let best = strandline_event::recognise(line.as_bytes()).first().copied();
    assert_eq!(best, Some(("web", 1.0)), "{name}");
}

#[test]
fn load_balancers() {
    check_layout(
        "web (Application Load Balancer)",
        "https 2026-11-23T20:42:55.186641Z app/front/50dc 203.0.113.7:2817 10.0.0.1:80 0.001 0.002 0.000 200 200 34 366 \"GET https://hr.example.org:443/staff/C1?a=b HTTP/1.1\" \"curl/8\" ECDHE TLSv1.2 arn:x \"Root=1-5\" \"hr.example.org\" \"arn:y\" 0 2026-11-23T20:42:55.184000Z \"forward\" \"-\" \"-\"\n",
        r#"2026-11-23T20:42:55.186Z http_activity/request/success src_ip=203.0.113.7 method=GET url=https://hr.example.org:443/staff/C1?a=b user_agent=curl/8 labels={"type":"https","elb":"app/front/50dc","target":"10.0.0.1:80","request_processing_time":"0.001","response_processing_time":"0.000","target_status_code":"200","received_bytes":"34","ssl_cipher":"ECDHE","ssl_protocol":"TLSv1.2","target_group_arn":"arn:x","trace_id":"Root=1-5","more":"\"hr.example.org\" \"arn:y\" 0 2026-11-23T20:42:55.184000Z \"forward\" \"-\" \"-\""} src_port=2817 status_code=200 bytes=366 duration_micros=2000"#,
    );
    check_layout(
        "web (Classic Load Balancer)",
        "2026-11-23T20:42:55.186641Z front 203.0.113.7:2817 - -1 -1 -1 503 0 0 0 \"GET http://hr.example.org:80/ HTTP/1.1\" \"curl/8\" - -\n",
        r#"2026-11-23T20:42:55.186Z http_activity/request/failure src_ip=203.0.113.7 method=GET url=http://hr.example.org:80/ user_agent=curl/8 labels={"elb":"front","request_processing_time":"-1","duration":"-1","response_processing_time":"-1","backend_status_code":"0","received_bytes":"0"} src_port=2817 status_code=503 bytes=0"#,
    );
    check_layout(
        "web (HAProxy)",
        "203.0.113.7:33317 [23/Nov/2026:20:42:55.655] http-in app/web1 10/0/30/69/109 200 2750 - - ---- 1/1/1/1/0 0/0 {hr.example.org|Mozilla 5} \"GET /staff HTTP/1.1\"\n",
        r#"2026-11-23T20:42:55.655Z http_activity/request/success src_ip=203.0.113.7 method=GET url=/staff labels={"frontend":"http-in","backend":"app","server":"web1","queue_time":"10","wait_time":"0","connect_time":"30","response_time":"69","termination_state":"----","connections":"1/1/1/1/0","queues":"0/0","captures":"hr.example.org|Mozilla 5"} src_port=33317 status_code=200 bytes=2750 duration_micros=109000"#,
    );
    check_layout(
        "web (Envoy)",
        "[2026-11-23T20:42:55.123Z] \"GET /staff/C1 HTTP/1.1\" 200 - 0 154 12 10 \"203.0.113.7\" \"curl/8\" \"r-1\" \"hr.example.org\" \"10.0.0.1:80\"\n",
        r#"2026-11-23T20:42:55.123Z http_activity/request/success request_id=r-1 method=GET url=/staff/C1 user_agent=curl/8 labels={"received_bytes":"0","upstream_service_time":"10","forwarded":"203.0.113.7","host":"hr.example.org","upstream_host":"10.0.0.1:80"} status_code=200 bytes=154 duration_micros=12000"#,
    );
    check_layout(
        "web (Traefik)",
        "203.0.113.7 - - [23/Nov/2026:20:42:55 +0000] \"GET /a HTTP/1.1\" 200 12 \"-\" \"curl/8\" 1 \"web@docker\" \"http://10.0.0.2:80\" 2ms\n",
        r#"2026-11-23T20:42:55.000Z http_activity/request/success src_ip=203.0.113.7 method=GET url=/a user_agent=curl/8 labels={"request_count":"1","router":"web@docker","server_url":"http://10.0.0.2:80"} status_code=200 bytes=12 duration_micros=2000"#,
    );
    check_layout(
        "web (Nginx Proxy Manager)",
        "[23/Nov/2026:20:42:55 +0000] - 200 200 - GET https hr.example.org \"/a?b=c\" [Client 203.0.113.7] [Length 120] [Gzip 2.1] [Sent-to 10.0.0.2] \"curl/8\" \"-\"\n",
        r#"2026-11-23T20:42:55.000Z http_activity/request/success src_ip=203.0.113.7 method=GET url=/a?b=c user_agent=curl/8 labels={"upstream_status_code":"200","scheme":"https","host":"hr.example.org","gzip_ratio":"2.1","sent_to":"10.0.0.2"} status_code=200 bytes=120"#,
    );
}

#[test]
fn stores_and_proxies() {
    check_layout(
        "web (S3)",
        "79a5 files [23/Nov/2026:20:42:55 +0000] 203.0.113.7 arn:aws:iam::1:user/amy 3E57 REST.GET.OBJECT c1.pdf \"GET /files/c1.pdf HTTP/1.1\" 200 - 113 113 7 5 \"-\" \"curl/8\" - h= SigV4\n",
        r#"2026-11-23T20:42:55.000Z http_activity/request/success src_ip=203.0.113.7 account=arn:aws:iam::1:user/amy request_id=3E57 method=GET url=/files/c1.pdf user_agent=curl/8 labels={"bucket_owner":"79a5","bucket":"files","operation":"REST.GET.OBJECT","key":"c1.pdf","object_size":"113","turn_around_time":"5","more":"- h= SigV4"} status_code=200 bytes=113 duration_micros=7000"#,
    );
    check_layout(
        "web (Squid)",
        "1795466575.109    134 10.1.1.5 TCP_MISS/200 4567 GET http://hr.example.org/a amy HIER_DIRECT/192.0.2.4 text/html\n",
        r#"2026-11-23T20:42:55.109Z http_activity/request/success src_ip=10.1.1.5 account=amy method=GET url=http://hr.example.org/a labels={"result":"TCP_MISS","hierarchy":"HIER_DIRECT/192.0.2.4","content_type":"text/html"} status_code=200 bytes=4567 duration_micros=134000"#,
    );
    check_layout(
        "web (lighttpd)",
        "10.1.1.5 hr.example.org - [23/Nov/2026:20:42:55 +0000] \"GET /a HTTP/1.1\" 200 12 \"-\" \"curl/8\"\n",
        r#"2026-11-23T20:42:55.000Z http_activity/request/success src_ip=10.1.1.5 method=GET url=/a user_agent=curl/8 labels={"host":"hr.example.org"} status_code=200 bytes=12"#,
    );
}

#[test]
fn a_line_without_a_time_takes_that_of_its_wrapper() {
    let line = "INFO:     10.1.1.5:51234 - \"GET /a HTTP/1.1\" 200 OK\n";
    check(WEB, line, "! 1: the record carries no time");
    check(
        WEB,
        format!("2026-11-23T20:42:55.1Z stdout F INFO:     Started server process [1]\n2026-11-23T20:42:55.2Z stdout F {line}"),
        r#"2026-11-23T20:42:55.100Z base_event/other/unknown message=INFO:     Started server process [1]
           2026-11-23T20:42:55.200Z http_activity/request/success src_ip=10.1.1.5 method=GET url=/a labels={"more":"OK"} src_port=51234 status_code=200"#,
    );
}

#[test]
fn the_log_of_a_python_server_was_taken_for_postgresql() {
    let docker = |line: &str| format!("{{\"log\":{},\"stream\":\"stdout\",\"time\":\"2026-11-23T20:42:55.1Z\"}}\n", serde_json::json!(format!("{line}\n")));
    let input = [docker("INFO:     Started server process [1]"), docker("INFO:     10.1.1.5:51234 - \"GET /a HTTP/1.1\" 200 OK")].concat();
    assert_eq!(strandline_event::recognise(input.as_bytes()).first().map(|(name, _)| *name), Some("web"));
}

#[test]
fn more_fields_than_combined_are_kept_in_one_label() {
    let line = "10.0.0.1 - - [23/Nov/2026:20:42:55 +0000] \"GET /a HTTP/1.1\" 200 5 \"-\" \"x\"";
    let event = "2026-11-23T20:42:55.000Z http_activity/request/success src_ip=10.0.0.1 method=GET url=/a user_agent=x";
    check(
        "format = \"nginx\"",
        format!("{line} \"-\" rt=0.1 \"HIT\" eu\n"),
        &format!("{event} labels={{\"more\":\"\\\"-\\\" rt=0.1 \\\"HIT\\\" eu\"}} status_code=200 bytes=5"),
    );
    for torn in ["x y\" 200 5", "/b HTTP/1.1\" 200 5 \"-\"", "10.0.0.2 - - [23/Nov/2026:20:42:55 +0000] \"GET /b HTTP/1.1\" 200 5 \"-\" \"x\""] {
        let own = "! 1: two records stand on this line, or one within another: whose the fields are cannot be told";
        check("format = \"nginx\"", format!("{line} {torn}\n"), own);
    }
}

#[test]
fn fields_are_read_in_the_order_that_the_file_declares() {
    check_layout(
        "web (W3C extended)",
        "#Software: Microsoft Internet Information Services 10.0\r\n#Fields: date time s-ip cs-method cs-uri-stem cs-uri-query s-port cs-username c-ip cs(User-Agent) cs(Referer) sc-status sc-substatus time-taken\r\n2026-11-23 20:42:55 10.0.0.1 GET /staff/C1 a=b 443 HR\\amy 203.0.113.7 Mozilla/5.0+(X11) - 200 0 15\r\n#Fields: date time c-ip cs-method cs-uri-stem sc-status\r\n2026-11-23 20:42:56 203.0.113.8 GET /b 404\r\n",
        r#"2026-11-23T20:42:55.000Z http_activity/request/success src_ip=203.0.113.7 account=HR\amy method=GET url=/staff/C1?a=b user_agent=Mozilla/5.0 (X11) labels={"s_ip":"10.0.0.1","s_port":"443","sc_substatus":"0"} status_code=200 duration_micros=15000
           2026-11-23T20:42:56.000Z http_activity/request/failure src_ip=203.0.113.8 method=GET url=/b status_code=404"#,
    );
    check_layout(
        "web (W3C extended)",
        "#Version: 1.0\n#Fields: date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status cs(User-Agent) cs-uri-query cs(Cookie) x-edge-request-id time-taken\n2026-11-23\t20:42:55\tHKG62-C1\t1045\t2001:db8::7\tGET\td1.example.org\t/staff/C1\t200\tMozilla/5.0%20(X11)\t-\tsid=abc\tR1==\t0.002\n",
        r#"2026-11-23T20:42:55.000Z http_activity/request/success src_ip=2001:db8::7 request_id=R1== method=GET url=/staff/C1 user_agent=Mozilla/5.0 (X11) labels={"x_edge_location":"HKG62-C1","host":"d1.example.org","cs_cookie":"[masked]"} status_code=200 bytes=1045 duration_micros=2000 masked"#,
    );
    // A clock of the estate does not move what is in UTC by the format's own rule.
    let moved = "format = \"web\"\nclock = \"Asia/Hong_Kong\"";
    check(
        moved,
        "#Date: 2026-11-23 20:00:00\n#Fields: time c-ip sc-status cs-uri-stem\n20:42:55 10.0.0.1 200 /\n",
        "2026-11-23T20:42:55.000Z http_activity/request/success src_ip=10.0.0.1 url=/ status_code=200",
    );
}

#[test]
fn a_line_of_another_number_of_fields_is_refused() {
    let head = "#Fields: date time c-ip cs-uri-stem sc-status\n";
    let refused = "! 2: it holds another number of fields than #Fields names";
    check(WEB, format!("{head}2026-11-23 20:42:55 10.0.0.1 /a\n"), refused);
    check(WEB, format!("{head}2026-11-23 20:42:55 10.0.0.1 /a2026-11-23 20:42:55 10.0.0.1 /b 200\n"), refused);
    let misplaced = "! 2: a field holds what it cannot: the line has not the fields that #Fields names";
    check(WEB, format!("{head}2026-11-23 20:42:55 /a 10.0.0.1 200\n"), misplaced);
    check(WEB, format!("{head}2026-99-23 20:42:55 10.0.0.1 /a 200\n"), "! 2: the time cannot be read");
    let declared = "format = \"web\"\nlog_format = \"#Fields: date time c-ip cs-uri-stem sc-status\"";
    check(declared, "2026-11-23 20:42:55 10.0.0.1 /a 200\n", "2026-11-23T20:42:55.000Z http_activity/request/success src_ip=10.0.0.1 url=/a status_code=200");
}
