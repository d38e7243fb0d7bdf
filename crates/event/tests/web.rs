//! nginx and Apache access logs, through the door that everybody uses.

mod common;

use common::{check, read, show, source};

const NGINX: &str = "format = \"nginx\"";
const APACHE: &str = "format = \"apache\"";

#[test]
fn combined_is_the_default() {
    check(
        NGINX,
        "127.0.0.1 - - [23/Nov/2026:20:42:55 +0000] \"GET /health?a=%20b HTTP/1.1\" 502 157 \"-\" \"curl/8\"\r\n2001:db8::7 - amy lee [24/Nov/2026:04:42:55 +0800] \"POST /login HTTP/2.0\" 302 0 \"https://h/x?token=abc\" \"M \\x22q\\x22\"\n",
        r#"2026-11-23T20:42:55.000Z http_activity/request/failure src_ip=127.0.0.1 method=GET url=/health?a=%20b user_agent=curl/8 status_code=502 bytes=157
           2026-11-23T20:42:55.000Z http_activity/request/success src_ip=2001:db8::7 account=amy lee method=POST url=/login user_agent=M "q" labels={"referer":"https://h/x?token=[masked]"} status_code=302 bytes=0 masked"#,
    );
}

#[test]
fn other_usual_formats_are_told_by_content() {
    let line = "10.0.0.1 - - [23/Nov/2026:20:42:55 +0000] \"GET / HTTP/1.1\" 200 5 \"-\" \"x\"";
    let head = "2026-11-23T20:42:55.000Z http_activity/request/success";
    check(
        NGINX,
        format!("{line} \"203.0.113.9\"\n"),
        &format!("{head} src_ip=10.0.0.1 method=GET url=/ user_agent=x labels={{\"forwarded\":\"203.0.113.9\"}} status_code=200 bytes=5"),
    );
    check(NGINX, format!("{line} 0.250\n"), &format!("{head} src_ip=10.0.0.1 method=GET url=/ user_agent=x status_code=200 bytes=5 duration_micros=250000"));
    check(
        APACHE,
        format!("www.example.org:443 {line}\n"),
        &format!(
            "{head} src_ip=10.0.0.1 method=GET url=/ user_agent=x labels={{\"host\":\"www.example.org\",\"port\":\"443\",\"bytes_sent\":\"5\"}} status_code=200"
        ),
    );
    check(
        APACHE,
        "10.0.0.1 - - [23/Nov/2026:20:42:55 +0000] \"HEAD / HTTP/1.0\" 304 -\n",
        &format!("{head} src_ip=10.0.0.1 method=HEAD url=/ status_code=304 bytes=0"),
    );
}

#[test]
fn hostile_requests_cost_one_line_or_none() {
    let wrap = |request: &str| format!("10.0.0.1 - - [23/Nov/2026:20:42:55 +0000] \"{request}\" 400 5 \"-\" \"-\"\n");
    let head = "2026-11-23T20:42:55.000Z http_activity/request/failure src_ip=10.0.0.1";
    check(NGINX, wrap("\\x16\\x03\\x01\\x00"), &format!("{head} message=\\u{{16}}\\u{{3}}\\u{{1}}\\u{{0}} status_code=400 bytes=5"));
    check(NGINX, wrap(""), &format!("{head} status_code=400 bytes=5"));
    check(NGINX, wrap("-"), &format!("{head} status_code=400 bytes=5"));
    check(NGINX, wrap("GET /old"), &format!("{head} method=GET url=/old status_code=400 bytes=5"));
    check(NGINX, wrap("GET /a b\\x22c HTTP/1.1"), &format!("{head} method=GET url=/a b\"c status_code=400 bytes=5"));
    check(APACHE, wrap("GET /a\\\"b HTTP/1.1"), &format!("{head} method=GET url=/a\"b status_code=400 bytes=5"));
    // A server that escapes nothing.
    check(
        NGINX,
        wrap("GET /a\" 200x b HTTP/1.1"),
        &format!(
            "{head} method=GET url=/a\" 200x b labels={{\"ambiguous\":\"a quote stands unescaped in a field, so that where fields end is the likeliest reading and not certain\"}} status_code=400 bytes=5"
        ),
    );
    let long = format!("GET /{} HTTP/1.1", "a".repeat(100_000));
    check(NGINX, wrap(&long), &format!("{head} method=GET url=/{} status_code=400 bytes=5", "a".repeat(100_000)));
    check(NGINX, "10.0.0.1 - - [23/Nov/2026:20:42\n", "! 1: does not fit the log format");
    check(NGINX, "{\"a\":1}\n", "! 1: does not fit the log format; it looks like JSON, for which the format is json");
    check(NGINX, "10.0.0.1 - - [99/Nov/2026:20:42:55 +0000] \"GET / HTTP/1.1\" 400 5 \"-\" \"-\"\n", "! 1: the time cannot be read");
}

#[test]
fn many_quotes_do_not_make_it_slow() {
    let line = format!("1 - - [23/Nov/2026:20:42:55 +0000] \"{}\n", "\" \"".repeat(200_000));
    check(NGINX, line, "! 1: does not fit the log format");
}

#[test]
fn nginx_formats_of_the_estate() {
    check(
        r#"format = "nginx"
           log_format = '''$remote_addr:$remote_port $time_iso8601 $msec $request_method $scheme://$host$request_uri $status $body_bytes_sent $request_time "$http_x_forwarded_for" rid=$request_id sid="$cookie_sid" up=$upstream_response_time'''
           fields = { session = "$cookie_sid" }"#,
        "2001:db8::1:5123 2026-11-23T20:42:55+00:00 1795466575.109 GET https://hr.example.org/staff/C1?x=1 200 9 0.011 \"203.0.113.9, 10.0.0.9\" rid=abc sid=\"0123456789abcdef\" up=0.010, 0.020\n",
        r#"2026-11-23T20:42:55.109Z http_activity/request/success src_ip=2001:db8::1 session=0123456789abcdef request_id=abc method=GET url=/staff/C1?x=1 labels={"scheme":"https","host":"hr.example.org","forwarded":"203.0.113.9, 10.0.0.9","upstream_response_time":"0.010, 0.020"} src_port=5123 status_code=200 bytes=9 duration_micros=11000"#,
    );
    check(
        r#"format = "nginx"
           log_format = """log_format json_log escape=json '{"time":"$time_iso8601","ip":"$remote_addr",' '"req":"$request","status":$status,"ua":"$http_user_agent","cookie":"$http_cookie"}';""""#,
        "{\"time\":\"2026-11-23T20:42:55+08:00\",\"ip\":\"10.0.0.1\",\"req\":\"GET /a\\\"b HTTP/1.1\",\"status\":200,\"ua\":\"\",\"cookie\":\"sid=1\"}\n",
        r#"2026-11-23T12:42:55.000Z http_activity/request/success src_ip=10.0.0.1 method=GET url=/a"b labels={"http_cookie":"[masked]"} status_code=200 masked"#,
    );
    check(
        r#"format = "nginx"
           log_format = '$remote_addr [$time_local] $request_method $uri$is_args$args $server_protocol $status $http_x_request_id'"#,
        "10.0.0.1 [23/Nov/2026:20:42:55 +0000] GET /a?password=x HTTP/1.1 200 r1\n",
        r#"2026-11-23T20:42:55.000Z http_activity/request/success src_ip=10.0.0.1 request_id=r1 method=GET url=/a?password=[masked] labels={"server_protocol":"HTTP/1.1"} status_code=200 masked"#,
    );
    check(
        r#"format = "nginx"
           log_format = '$time_local|$remote_addr|$request|$status|$http_x_custom'"#,
        "23/Nov/2026:20:42:55 +0000|10.0.0.1|GET /a|b HTTP/1.1|200|v\n",
        r#"2026-11-23T20:42:55.000Z http_activity/request/success src_ip=10.0.0.1 method=GET url=/a|b labels={"http_x_custom":"v"} status_code=200"#,
    );
}

#[test]
fn apache_formats_of_the_estate() {
    check(
        r#"format = "apache"
           log_format = '''LogFormat "%a %{c}a %l %u [%{%d/%b/%Y:%H:%M:%S}t.%{msec_frac}t %{%z}t] \"%m %U%q %H\" %>s %b %D %{X-Request-ID}i \"%{Referer}i\" \"%{User-Agent}i\" %{UNIQUE_ID}e" mine'''"#,
        "203.0.113.9 10.0.0.5 - amy [23/Nov/2026:20:42:55.109 +0000] \"GET /a?b=1 HTTP/1.1\" 200 - 1500 rid \"-\" \"x \\\"y\\\"\" uniq\n",
        r#"2026-11-23T20:42:55.109Z http_activity/request/success src_ip=203.0.113.9 account=amy request_id=uniq method=GET url=/a?b=1 user_agent=x "y" labels={"H":"HTTP/1.1","peer_ip":"10.0.0.5","x_request_id":"rid"} status_code=200 bytes=0 duration_micros=1500"#,
    );
    check(
        r#"format = "apache"
           log_format = '%h %{sec}t %T "%r" %!200,304>s %B %{JSESSIONID}C %{seat}C'
           fields = { account = "%{seat}C" }"#,
        "10.0.0.1 1795466575 2 \"GET / HTTP/1.1\" 200 7 ABC amy\n",
        "2026-11-23T20:42:55.000Z http_activity/request/success src_ip=10.0.0.1 account=amy session=ABC method=GET url=/ status_code=200 bytes=7 duration_micros=2000000",
    );
    check(
        r#"format = "apache"
           clock = "Asia/Hong_Kong"
           log_format = '%{%Y-%m-%d %H:%M:%S}t %h "%r" %>s'"#,
        "2026-11-24 04:42:55 10.0.0.1 \"GET / HTTP/1.1\" 200\n",
        "2026-11-23T20:42:55.000Z http_activity/request/success src_ip=10.0.0.1 method=GET url=/ status_code=200",
    );
}

#[test]
fn apache_stamps_since_the_epoch() {
    let event = "http_activity/request/success src_ip=10.0.0.1 method=GET url=/ status_code=200";
    for (stamp, written, expected) in [
        ("%{sec}t", "1795466577", "2026-11-23T20:42:57.000Z"),
        ("%{msec}t", "1795466577109", "2026-11-23T20:42:57.109Z"),
        ("%{usec}t", "1795466577109123", "2026-11-23T20:42:57.109Z"),
        // The milliseconds were lost where seconds and fraction are two directives.
        ("%{sec}t.%{msec_frac}t", "1795466577.109", "2026-11-23T20:42:57.109Z"),
        ("%{sec}t.%{usec_frac}t", "1795466577.109123", "2026-11-23T20:42:57.109Z"),
        ("%{begin:sec}t.%{begin:msec_frac}t", "1795466577.109", "2026-11-23T20:42:57.109Z"),
    ] {
        let source = format!("format = \"apache\"\nlog_format = '%h {stamp} \"%r\" %>s'");
        check(&source, format!("10.0.0.1 {written} \"GET / HTTP/1.1\" 200\n"), &format!("{expected} {event}"));
    }
}

#[test]
fn bytes_of_every_kind() {
    let line = "10.0.0.1 - - [23/Nov/2026:20:42:55 +0000] \"GET / HTTP/1.1\" 200 5 \"-\" \"x\"\r\n";
    let event = "2026-11-23T20:42:55.000Z http_activity/request/success src_ip=10.0.0.1 method=GET url=/ user_agent=x status_code=200 bytes=5";
    for format in [NGINX, APACHE] {
        check(format, [b"\xef\xbb\xbf", line.as_bytes()].concat(), event);
        check(format, [b"\0\0\0\0", line.as_bytes(), b"\0\0\0\n"].concat(), &format!("{event}\n! 2: NUL bytes where a line should be"));
        check(format, [line.as_bytes(), b"\r\n", &line.as_bytes()[..60]].concat(), &format!("{event}\n! 3: does not fit the log format"));
        check(format, b"10.0.0.1 - - [23/Nov/2026:20:42:55 +0000] \"GET /\xff HTTP/1.1\" 200 5 \"-\" \"x\"\n", &event.replace("url=/", "url=/\\xFF"));
        let little: Vec<u8> = line.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> = [b"\xfe\xff".to_vec(), line.encode_utf16().flat_map(u16::to_be_bytes).collect()].concat();
        check(format, &little, event);
        check(format, &big, event);
        check(format, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\n", "! 1: does not fit the log format");
    }
}

#[test]
fn two_records_on_one_line_are_not_one() {
    let record = |address: &str, path: &str| format!("{address} - - [23/Nov/2026:20:42:55 +0000] \"GET {path} HTTP/1.1\" 200 5 \"-\" \"x\"");
    let (first, second) = (record("10.0.0.1", "/a"), record("10.0.0.2", "/b"));
    for cut in [12, 20, 30, 45, 55, 66, 70] {
        let shown = show(&read(&source("format = \"nginx\""), format!("{}{second}\n", &first[..cut]).as_bytes()).expect("a source").1);
        assert!(shown.starts_with("! 1: "), "cut at {cut}: {shown}");
    }
}

#[test]
fn a_client_is_an_address_or_a_host() {
    let line = "10.0.0.1 - - [23/Nov/2026:20:42:55 +0000] \"GET / HTTP/1.1\" 200 5 \"-\" \"x\"";
    // What stands in front of the line is no client; among lines without it, such a one is refused.
    for odd in ["2026-11-23T20:42:55.123Z stdout F ", "web_1 | ", "Nov 23 20:42:55 gate nginx: ", "[error] "] {
        let input = format!("{}{odd}{line}\n", format!("{line}\n").repeat(9));
        let (summary, _) = read(&source("format = \"nginx\""), input.as_bytes()).expect("a source");
        assert_eq!((summary.records_read, summary.records_refused), (9, 1), "{odd}");
    }
    for (written, address) in [
        ("[::1]", "::1"),
        ("10.0.0.1:55", "10.0.0.1"),
        ("::ffff:10.0.0.1", "10.0.0.1"),
        ("2001:0DB8:0:0:0:0:0:1", "2001:db8::1"),
        ("gate.example.org", "gate.example.org"),
        ("fe80::1%eth0", "fe80::1"),
    ] {
        let (_, kept) = read(&source("format = \"nginx\""), line.replace("10.0.0.1", written).as_bytes()).expect("a source");
        assert_eq!(kept.events()[0].src_ip.as_deref(), Some(address), "{written}");
    }
}

#[test]
fn blank_lines_are_no_events() {
    let line = "10.0.0.1 - - [23/Nov/2026:20:42:55 +0000] \"GET / HTTP/1.1\" 200 5 \"-\" \"x\"\n";
    let (summary, _) = read(&source("format = \"nginx\""), format!("{line}\n \n\n").as_bytes()).expect("a source");
    assert_eq!((summary.records_read, summary.records_passed, summary.records_refused), (1, 3, 0));
}

#[test]
fn a_user_name_written_like_a_log_line_forges_nothing() {
    for name in ["a [01/Jan/2020:00:00:00 +0000] \\x22GET", "a [01/Jan/2020:00:00:00 +0000] \\x22GET /x HTTP/1.1\\x22 200 5 \\x22-\\x22 \\x22x\\x22"] {
        check(
            NGINX,
            format!("10.0.0.1 - {name} [23/Nov/2026:20:42:55 +0000] \"GET / HTTP/1.1\" 401 5 \"-\" \"x\"\n"),
            &format!(
                "2026-11-23T20:42:55.000Z http_activity/request/failure src_ip=10.0.0.1 account={} method=GET url=/ user_agent=x status_code=401 bytes=5",
                name.replace("\\x22", "\"")
            ),
        );
    }
}

#[test]
fn the_token_in_a_cookie_of_any_name_stood_open() {
    check(
        r#"format = "nginx"
           log_format = '$remote_addr [$time_local] $status "$cookie_app" "$cookie_language" "$http_authorization" "$request_body" $args'"#,
        "10.0.0.1 [23/Nov/2026:20:42:55 +0000] 200 \"0123456789abcdef0123456789abcdef\" \"zh-HK\" \"Basic YTpi\" \"{\\x22password\\x22:\\x22hunter2\\x22}\" a=1&password=x\n",
        r#"2026-11-23T20:42:55.000Z http_activity/request/success src_ip=10.0.0.1 labels={"cookie_app":"[masked]","cookie_language":"zh-HK","http_authorization":"[masked]","request_body":"{\"password\":\"[masked]\"}","query":"a=1&password=[masked]"} status_code=200 masked"#,
    );
}

#[test]
fn the_address_that_the_estate_names_lost_to_the_first_one_written() {
    let line = |forwarded: &str| format!("10.0.0.9 - - [23/Nov/2026:20:42:55 +0000] \"GET / HTTP/1.1\" 200 5 \"-\" \"x\" \"{forwarded}\"\n");
    let (head, tail) = ("2026-11-23T20:42:55.000Z http_activity/request/success", "method=GET url=/ user_agent=x");
    let source = "format = \"nginx\"\nfields = { src_ip = \"$http_x_forwarded_for\" }";
    let two = format!("{head} src_ip=203.0.113.9 {tail} labels={{\"forwarded\":\"203.0.113.9, 10.0.0.8\",\"peer_ip\":\"10.0.0.9\"}} status_code=200 bytes=5");
    check(source, line("203.0.113.9, 10.0.0.8"), &two);
    check(source, line("-"), &format!("{head} src_ip=10.0.0.9 {tail} status_code=200 bytes=5"));
    // Where the format does not write that field, nothing is displaced.
    check(source, line("-").replace(" \"-\"\n", "\n"), &format!("{head} src_ip=10.0.0.9 {tail} status_code=200 bytes=5"));
    check(
        r#"format = "apache"
           log_format = '%h %l %u %t "%r" %>s %{X-User}i'
           fields = { account = "%{X-User}i" }"#,
        "10.0.0.9 - service [23/Nov/2026:20:42:55 +0000] \"GET / HTTP/1.1\" 200 amy\n",
        &format!("{head} src_ip=10.0.0.9 account=amy method=GET url=/ labels={{\"u\":\"service\"}} status_code=200"),
    );
}

#[test]
fn lists_of_upstreams_moved_all_later_fields() {
    let source = r#"format = "nginx"
           log_format = '$remote_addr [$time_local] "$request" $status $upstream_addr $upstream_response_time $ssl_protocol $http_host'"#;
    let head = "2026-11-23T20:42:55.000Z http_activity/request/success src_ip=10.0.0.9 method=GET url=/";
    for (addresses, times) in
        [("10.0.0.1:80", "0.1"), ("10.0.0.1:80, 10.0.0.2:80", "0.1, 0.2"), ("10.0.0.1:80, unix:/run/a : 10.0.0.2:80", "-, 0.1 : 0.2"), ("-", "-")]
    {
        let mut labels = String::new();
        if addresses != "-" {
            labels = format!("\"upstream_addr\":\"{addresses}\",\"upstream_response_time\":\"{times}\",");
        }
        check(
            source,
            format!("10.0.0.9 [23/Nov/2026:20:42:55 +0000] \"GET / HTTP/1.1\" 200 {addresses} {times} TLSv1.3 h:80\n"),
            &format!("{head} labels={{{labels}\"ssl_protocol\":\"TLSv1.3\",\"host\":\"h:80\"}} status_code=200"),
        );
    }
    let list = "203.0.113.9, 10.0.0.2 - - [23/Nov/2026:20:42:55 +0000] \"GET / HTTP/1.1\" 200 5 \"-\" \"-\"\n";
    check(APACHE, list, "! 1: does not fit the log format"); // the first address was taken for a host, the second for the client
}

#[test]
fn a_format_that_cannot_work_is_said() {
    for wrong in [
        "format = \"nginx\"\nlog_format = 'no fields'",
        "format = \"nginx\"\nlog_format = '$remote_addr$status'",
        "format = \"nginx\"\nlog_format = '$remote_addr $status'",
        "format = \"nginx\"\nlog_format = 'escape=xml $status'",
        "format = \"apache\"\nlog_format = '%h %'",
        "format = \"apache\"\nlog_format = '%h %{x'",
        "format = \"apache\"\nlog_format = '%h %Z'",
        "format = \"apache\"\nclock = \"Mars/Olympus\"",
        "format = \"weblog\"",
        "format = \"text\"",
        "format = \"text\"\n[[pattern]]\npattern = '(?P<time>x'",
        "format = \"text\"\n[[pattern]]\npattern = '(?P<url>x)'",
        "format = \"json\"\nclassify = [{ field = \"a\", equals = \"b\", class = \"sign_in\" }]",
    ] {
        assert!(read(&source(wrong), b"x\n").is_err(), "{wrong}");
    }
}

/// Two writers, or a crash before the line feed: victims were swapped, since the first record's address stood beside the
/// second's URL.
#[test]
fn two_records_on_one_line_swapped_their_victims() {
    let first = "192.0.2.6 - - [23/Nov/2026:20:42:10 +0000] \"GET /a/2 HTTP/1.1\" 200 612 \"-\" \"x\"";
    let second = "10.0.0.2 - amy [23/Nov/2026:20:43:10 +0000] \"GET /a/6 HTTP/1.1\" 200 612 \"-\" \"y\"";
    let joined = r#"labels={"joined":"two records stood on one line, and only one cut gives two that are whole"} status_code=200 bytes=612"#;
    let expected = format!(
        "2026-11-23T20:42:10.000Z http_activity/request/success src_ip=192.0.2.6 method=GET url=/a/2 user_agent=x {joined}
         2026-11-23T20:43:10.000Z http_activity/request/success src_ip=10.0.0.2 account=amy method=GET url=/a/6 user_agent=y {joined}"
    );
    let input = format!("{first}{second}\n");
    check(NGINX, &input, &expected);
    let (_, kept) = read(&source(NGINX), input.as_bytes()).expect("a source");
    let shown: Vec<&str> = kept.events().iter().map(|event| &input[event.place.offset as usize..][..event.place.length as usize]).collect();
    assert_eq!(shown, [first, second]);
    // Out of a wrapper both have its place.
    let wrapped = format!("2026-11-23T20:42:10.1Z stdout F {input}");
    let (_, kept) = read(&source(NGINX), wrapped.as_bytes()).expect("a source");
    let urls: Vec<String> = kept.events().iter().filter_map(|event| event.url.as_deref().map(str::to_owned)).collect();
    assert_eq!(urls, ["/a/2", "/a/6"]);
}

#[test]
fn where_two_records_cannot_be_cut_for_sure_the_line_is_refused() {
    let whole = "10.0.0.2 - - [23/Nov/2026:20:43:10 +0000] \"GET /a/6 HTTP/1.1\" 200 612 \"-\" \"y\"";
    let short = "10.0.0.2 - - [23/Nov/2026:20:43:10 +0000] \"GET /a/6 HTTP/1.1\" 200 612";
    // One within another's request; a size and an address that run together; a second one that is cut.
    for line in [format!("192.0.2.6 - - [23/Nov/2026:20:42:10 +0000] \"GET /a/2{whole}"), format!("{short}{short}"), format!("{whole}{}", &whole[..40])] {
        let shown = show(&read(&source(NGINX), format!("{line}\n").as_bytes()).expect("a source").1);
        assert!(shown.starts_with("! 1: "), "{shown}");
    }
}

/// A list of addresses in front of the line was taken for lighttpd's client and host, and the account for "- amy".
#[test]
fn a_list_in_front_of_a_line_is_no_client() {
    let line = "10.1.1.5, 10.2.2.2 - amy [23/Nov/2026:20:42:00 +0000] \"GET /a HTTP/1.1\" 200 600 \"-\" \"x\"\n";
    assert_eq!(strandline_event::recognise(line.as_bytes()).first(), None);
    check(
        "format = \"nginx\"\nlog_format = '$http_x_forwarded_for - $remote_user [$time_local] \"$request\" $status $body_bytes_sent \"$http_referer\" \"$http_user_agent\"'\nfields = { src_ip = \"$http_x_forwarded_for\" }",
        line,
        r#"2026-11-23T20:42:00.000Z http_activity/request/success src_ip=10.1.1.5 account=amy method=GET url=/a user_agent=x labels={"forwarded":"10.1.1.5, 10.2.2.2"} status_code=200 bytes=600"#,
    );
}

#[test]
fn nuls_within_a_file_are_a_loss() {
    let line = "10.0.0.1 - - [23/Nov/2026:20:42:55 +0000] \"GET / HTTP/1.1\" 200 5 \"-\" \"x\"\n";
    let event = "2026-11-23T20:42:55.000Z http_activity/request/success src_ip=10.0.0.1 method=GET url=/ user_agent=x status_code=200 bytes=5";
    let input = [line.as_bytes(), b"\0\0\0\0", line.as_bytes()].concat();
    check(NGINX, &input, &format!("{event}\n{event}\n! 2: NUL bytes within the file: what stood there is lost"));
    // Of one that was cut while it was written to, the beginning alone is NULs.
    check(NGINX, &input[line.len()..], event);
}
