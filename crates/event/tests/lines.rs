//! JSON lines, text, auth.log and the journal, through the door that everybody uses.

mod common;

use common::{check, read, source};

const JSON: &str = "format = \"json\"";
const AUTH: &str = "format = \"linux_auth\"";
const JOURNAL: &str = "format = \"journald\"";

#[test]
fn json_without_a_mapping() {
    check(
        JSON,
        concat!(
            "{\"@timestamp\":\"2026-11-23T20:42:57.002Z\",\"remote_addr\":\"10.0.0.1\",\"user\":null,\"session\":\"\",\"path\":\"/a\",\"query\":\"pin=1234&id=5\",\"status\":\"200\",\"duration_ms\":1.5,\"level\":\"info\"}\n",
            "{\"ts\":1795466577.109,\"request\":{\"remote_ip\":\"10.0.0.2\",\"method\":\"GET\",\"uri\":\"/b\"},\"status\":404,\"size\":12,\"duration\":0.011}\n",
            "{\"time\":1795466577109,\"req\":{\"method\":\"GET\",\"url\":\"/c\",\"remoteAddress\":\"::1\"},\"res\":{\"statusCode\":200},\"responseTime\":7,\"msg\":\"request completed\"}\n",
            "{\"timestamp\":\"2026-11-23 20:42:57\",\"message\":\"token=abc for amy\",\"user.name\":\"amy\",\"status\":\"failed\"}\n",
        ),
        r#"2026-11-23T20:42:57.002Z http_activity/request/success src_ip=10.0.0.1 url=/a?pin=[masked]&id=5 labels={"level":"info"} status_code=200 duration_micros=1500 masked
           2026-11-23T20:42:57.109Z http_activity/request/failure src_ip=10.0.0.2 method=GET url=/b status_code=404 bytes=12 duration_micros=11000
           2026-11-23T20:42:57.109Z http_activity/request/success src_ip=::1 method=GET url=/c message=request completed status_code=200 duration_micros=7000
           2026-11-23T20:42:57.000Z base_event/other/failure account=amy message=token=[masked] for amy masked"#,
    );
}

#[test]
fn json_with_a_mapping() {
    check(
        r#"format = "json"
           time_format = "%d/%m/%Y %H:%M:%S"
           clock = "Europe/Berlin"
           fields = { time = "when.at", account = "who", src_ip = "net.peer", note = "password", unit = "unit" }
           classify = [{ field = "kind", equals = "in", class = "authentication", status = "success" }]"#,
        "{\"when\":{\"at\":\"23/11/2026 21:42:57\"},\"who\":7,\"net\":{\"peer\":[\"10.0.0.1\",\"x\"]},\"password\":\"hunter2\",\"unit\":\"caf\\u00e9\",\"kind\":\"in\"}\n",
        r#"2026-11-23T20:42:57.000Z authentication/logon/success src_ip=10.0.0.1 account=7 labels={"note":"[masked]","unit":"café"} masked"#,
    );
}

#[test]
fn names_that_are_not_in_utf_8_stay_two() {
    let line = |name: &[u8]| [b"Nov 23 20:42:57 gate sshd[7]: Failed password for ", name, b" from 10.0.0.1 port 5 ssh2\n"].concat();
    let event = |name: &str| {
        format!(
            "2026-11-23T20:42:57.000Z authentication/logon/failure src_ip=10.0.0.1 account={name} application=sshd message=Failed password for {name} from 10.0.0.1 port 5 ssh2 labels={{\"host\":\"gate\",\"method\":\"password\"}} src_port=5 pid=7"
        )
    };
    check(AUTH, [line(b"ren\xe9"), line(b"ren\xe8")].concat(), &[event("ren\\xE9"), event("ren\\xE8")].join("\n"));
}

#[test]
fn what_is_called_behind_one_url_is_kept() {
    let mapped = "format = \"json\"\nfields = { operation = \"call.name\" }";
    let line = |call: &str| format!("{{\"time\":\"2026-11-23T20:42:55Z\",\"method\":\"POST\",\"url\":\"/graphql\",\"status\":200,{call}}}\n");
    for (source, call) in [(JSON, "\"operationName\":\"getPatient\""), (mapped, "\"call\":{\"name\":\"getPatient\"}")] {
        check(source, line(call), "2026-11-23T20:42:55.000Z http_activity/request/success method=POST url=/graphql command=getPatient status_code=200");
    }
}

#[test]
fn json_with_the_escapes_of_nginx() {
    check(
        JSON,
        "{\"time\":1795466577,\"user\":\"a\\x22b\\x5C \\xE6\\x97\\xA5\\n\\\\x41\",\"url\":\"/\\x\"}\n{\"time\":1795466577,\"user\":\"\\x22,\\x22account\\x22:\\x22root\"}\n",
        "2026-11-23T20:42:57.000Z base_event/other/unknown account=\",\"account\":\"root
         ! 1: not valid JSON",
    );
    check(
        JSON,
        "{\"time\":1795466577,\"user\":\"a\\x22b\\x5C \\xE6\\x97\\xA5 \\\\x41\"}\n",
        "2026-11-23T20:42:57.000Z base_event/other/unknown account=a\"b\\ 日 \\x41",
    );
    check(
        "format = \"nginx\"\nlog_format = '{\"t\":\"$time_iso8601\",\"a\":\"$remote_addr\",\"r\":\"$request\",\"s\":$status}'",
        "{\"t\":\"2026-11-23T20:42:57+00:00\",\"a\":\"10.0.0.1\",\"r\":\"GET /a\\x22b HTTP/1.1\",\"s\":200}\n",
        "2026-11-23T20:42:57.000Z http_activity/request/success src_ip=10.0.0.1 method=GET url=/a\"b status_code=200",
    );
}

#[test]
fn json_that_is_none_is_refused() {
    check(
        JSON,
        "{\"time\":1795466577,\"user\":\"amy\",\"user\":\"bob\"}\n{\"time\":1\n{\"time\":1795466577},\nnull\n[1]\n{\"a\":1}\n{\"time\":\"soon\"}\n{\"time\":1795466577} x\n\n\0\0\0\n",
        r#"2026-11-23T20:42:57.000Z base_event/other/unknown account=amy labels={"repeated_fields":"a field stands twice with different values; the first was taken"}
           ! 2: the JSON object is cut off; if it is spread over several lines, convert it first: jq -c .
           ! 3: a comma follows the JSON object; it is an element of an array: convert the file first: jq -c '.[]'
           ! 4: not a JSON object
           ! 5: a JSON array, where one object a line is read
           ! 6: the record carries no time, or none under a name that is known; map it: fields = { time = "…" }
           ! 7: the time cannot be read; say how it is written: time_format = "…"
           ! 8: not valid JSON
           ! 10: NUL bytes where a line should be"#,
    );
    let event = "2026-11-23T20:42:57.000Z base_event/other/unknown account=amy";
    check(JSON, "{\n  \"time\": 1795466577,\n  \"user\": \"amy\"\n}\n", event);
    check(JSON, "[{\"time\": 1795466577, \"user\": \"amy\"}, {\"time\": 1795466577, \"user\": \"amy\"}]", &format!("{event}\n{event}"));
}

#[test]
fn deep_json_overflows_nothing() {
    let deep = format!("{{\"time\":1795466577,\"user\":\"amy\",\"a\":{}{}}}\n", "[".repeat(100_000), "]".repeat(100_000));
    check(JSON, deep, "2026-11-23T20:42:57.000Z base_event/other/unknown account=amy");
    let deep = format!("{{\"request\":{}1{}}}\n", "{\"request\":".repeat(100_000), "}".repeat(100_000));
    check(JSON, deep, "! 1: the record carries no time, or none under a name that is known; map it: fields = { time = \"…\" }");
}

#[test]
fn bytes_of_every_kind() {
    let event = "2026-11-23T20:42:57.000Z base_event/other/unknown";
    check(JSON, b"\xef\xbb\xbf{\"time\":1795466577,\"user\":\"a\xff\"}\r\n", &format!("{event} account=a\u{fffd}"));
    check(JSON, b"\0\0\0{\"time\":1795466577,\"user\":\"a\"}\n", &format!("{event} account=a"));
    check(JSON, b"", "");
    let wide: Vec<u8> = "{\"time\":1795466577}\r\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let hint = "the file is UTF-16; convert it first: iconv -f UTF-16 -t UTF-8";
    check(JSON, &wide, &format!("! 1: {hint}\n! 2: {hint}"));
    check(AUTH, b"\x7fELF\x02\x01\x01\0\0\0\n\xde\xad\xbe\xef\n", "! 1: the line begins with no syslog stamp\n! 2: the line begins with no syslog stamp");
}

#[test]
fn a_line_of_a_hundred_megabytes_costs_one_line() {
    let mut input = vec![b'x'; 100 << 20];
    input.extend_from_slice(b"\n{\"time\":1795466577,\"user\":\"a\"}\n");
    check(JSON, input, "2026-11-23T20:42:57.000Z base_event/other/unknown account=a\n! 1: longer than a record may be; its rest was skipped");
}

#[test]
fn text_by_patterns() {
    check(
        r#"format = "text"
           clock = "Asia/Hong_Kong"
           [[pattern]]
           pattern = '^(?P<time>\S+ \S+) \w+ login (?P<account>\S+) from (?P<src_ip>\S+) (?P<took_ms>\d+)ms$'
           class = "authentication"
           status = "success"
           [[pattern]]
           pattern = '^(?P<time>\S+ \S+) (?P<level>\w+) (?P<message>.*)$'"#,
        concat!(
            "2026-11-24 04:42:57,002 INFO login amy from 10.0.0.1 12ms\n",
            "2026-11-24 04:42:58,000 ERROR failed password=hunter2\n",
            "java.lang.NullPointerException: null\n",
            "\tat x.y.Z(Z.java:10)\n",
            "2026-11-24T04:42:59 broken\n",
            "\tat x.y.Z(Z.java:10)\n",
            "tomorrow morning x y\n",
        ),
        r#"2026-11-23T20:42:57.002Z authentication/logon/success src_ip=10.0.0.1 account=amy labels={"took_ms":"12"}
           2026-11-23T20:42:58.000Z base_event/other/unknown message=failed password=[masked] labels={"level":"ERROR"} masked
           ! 5: no pattern of the estate fits the line
           ! 6: no pattern of the estate fits the line
           ! 7: the time cannot be read; say how it is written: time_format = "…""#,
    );
}

#[test]
fn text_of_every_kind() {
    let source = "format = \"text\"\n[[pattern]]\npattern = '^(?P<time>\\S+) (?P<account>\\w+) (?P<message>.*)$'";
    let event = "2026-11-23T20:42:57.000Z base_event/other/unknown account=amy";
    check(
        source,
        b"\xef\xbb\xbf2026-11-23T20:42:57Z amy hi\r\n\x00\x002026-11-23T20:42:57Z amy h\xff\r\n",
        &format!("{event} message=hi\n{event} message=h\u{fffd}\n! 2: NUL bytes within the file: what stood there is lost"),
    );
    // NULs and a stamp cut off were passed as if they carried on the record before them.
    check(source, "2026-11-23T20:42:57Z amy hi\n\0\0\0\n", &format!("{event} message=hi\n! 2: NUL bytes where a line should be"));
    check(source, "2026-11-23T20:42:57Z amy hi\n2026-11-2", &format!("{event} message=hi\n! 2: no pattern of the estate fits the line"));
    let wide: Vec<u8> = "2026-11-23T20:42:57Z amy hi".encode_utf16().flat_map(u16::to_le_bytes).collect();
    check(source, wide, "! 1: the file is UTF-16; convert it first: iconv -f UTF-16 -t UTF-8");
}

#[test]
fn stamps_in_json() {
    for stamp in ["1795466577.109", "1795466577109", "\"1795466577109000\"", "1795466577109000000", "1.795466577109E9", "\"2026-11-24T04:42:57.109+08:00\""] {
        check(JSON, format!("{{\"time\":{stamp},\"user\":\"a\"}}\n"), "2026-11-23T20:42:57.109Z base_event/other/unknown account=a");
    }
}

#[test]
fn sshd() {
    let wrap = |lines: &[&str]| lines.iter().map(|line| format!("Nov 23 20:42:57 gate sshd[7]: {line}\n")).collect::<String>();
    let head = "2026-11-23T20:42:57.000Z authentication";
    let lines = [
        "Accepted publickey for amy from 10.0.0.1 port 22 ssh2: RSA SHA256:abc",
        "Failed password for invalid user x from 1.1.1.1 port 1 ssh2 from 2001:db8::9 port 33 ssh2",
        "Invalid user  from 10.0.0.2 port 3",
        "Disconnected from user amy 10.0.0.1 port 22",
        "Connection closed by authenticating user root 10.0.0.3 port 4 [preauth]",
        "message repeated 2 times: [ Failed password for root from 10.0.0.4 port 5 ssh2]",
    ];
    check(
        AUTH,
        wrap(&lines),
        &format!(
            r#"{head}/logon/success src_ip=10.0.0.1 account=amy application=sshd message={} labels={{"host":"gate","method":"publickey","public_key":"RSA SHA256:abc"}} src_port=22 pid=7
               {head}/logon/failure src_ip=2001:db8::9 account=x from 1.1.1.1 port 1 ssh2 application=sshd message={} labels={{"host":"gate","method":"password","invalid_user":"true"}} src_port=33 pid=7
               {head}/logon/failure src_ip=10.0.0.2 application=sshd message={} labels={{"host":"gate","invalid_user":"true"}} src_port=3 pid=7
               {head}/logoff/success src_ip=10.0.0.1 account=amy application=sshd message={} labels={{"host":"gate"}} src_port=22 pid=7
               {head}/disconnect/unknown src_ip=10.0.0.3 account=root application=sshd message={} labels={{"host":"gate"}} src_port=4 pid=7
               {head}/logon/failure src_ip=10.0.0.4 account=root application=sshd message={} labels={{"host":"gate","repeated":"2","method":"password"}} src_port=5 pid=7"#,
            lines[0], lines[1], lines[2], lines[3], lines[4], lines[5]
        ),
    );
}

#[test]
fn other_programs_of_auth_log() {
    check(
        AUTH,
        concat!(
            "2026-11-23T20:42:57.002+08:00 gate sudo:      amy : TTY=pts/0 ; PWD=/home/amy ; USER=root ; COMMAND=/usr/bin/mysql -phunter2\n",
            "<86>Nov 23 20:42:58 gate sudo[9]: bob : 3 incorrect password attempts ; TTY=pts/1 ; PWD=/ ; USER=root ; COMMAND=/bin/sh\n",
            "<86>1 2026-11-23T20:42:59Z gate su 12 - [x@1 a=\"]\"] FAILED SU (to root) amy on pts/0\n",
            "Nov 23 20:43:00 gate CRON[1]: (root) CMD (run-parts /etc/cron.hourly)\n",
            "Nov 23 20:43:01 gate useradd[2]: new user: name=eve, UID=0, GID=0, home=/, shell=/bin/sh, from=none\n",
            "Nov 23 20:43:02 gate usermod[2]: add 'eve' to group 'sudo'\n",
            "Nov 23 20:43:03 gate passwd[2]: pam_unix(passwd:chauthtok): password changed for eve\n",
            "Nov 23 20:43:04 gate systemd-logind[3]: New session 12 of user eve.\n",
            "Nov 23 20:43:05 gate login[3]: pam_unix(login:auth): authentication failure; logname= uid=0 euid=0 tty=tty1 ruser= rhost=10.0.0.9  user=eve\n",
            "Nov 23 20:43:06 gate app: password: hunter2\n",
            "no stamp\n",
        ),
        r#"2026-11-23T12:42:57.002Z process_activity/execute/success account=amy application=sudo command=/usr/bin/mysql -p[masked] message=amy : TTY=pts/0 ; PWD=/home/amy ; USER=root ; COMMAND=/usr/bin/mysql -p[masked] labels={"host":"gate","tty":"pts/0","folder":"/home/amy","run_as":"root"} masked
           2026-11-23T20:42:58.000Z authentication/logon/failure account=bob application=sudo command=/bin/sh message=bob : 3 incorrect password attempts ; TTY=pts/1 ; PWD=/ ; USER=root ; COMMAND=/bin/sh labels={"host":"gate","tty":"pts/1","folder":"/","run_as":"root"} pid=9
           2026-11-23T20:42:59.000Z authentication/logon/failure account=amy application=su message=FAILED SU (to root) amy on pts/0 labels={"host":"gate","run_as":"root"} pid=12
           2026-11-23T20:43:00.000Z process_activity/execute/unknown account=root application=CRON command=run-parts /etc/cron.hourly message=(root) CMD (run-parts /etc/cron.hourly) labels={"host":"gate"} pid=1
           2026-11-23T20:43:01.000Z account_change/other/success account=eve application=useradd message=new user: name=eve, UID=0, GID=0, home=/, shell=/bin/sh, from=none labels={"host":"gate"} pid=2
           2026-11-23T20:43:02.000Z account_change/other/success account=eve application=usermod message=add 'eve' to group 'sudo' labels={"host":"gate","group":"sudo"} pid=2
           2026-11-23T20:43:03.000Z account_change/other/success account=eve application=passwd message=pam_unix(passwd:chauthtok): password changed for eve labels={"host":"gate"} pid=2
           2026-11-23T20:43:04.000Z authentication/logon/success account=eve application=systemd-logind message=New session 12 of user eve. labels={"host":"gate","login_session":"12"} pid=3
           2026-11-23T20:43:05.000Z authentication/logon/failure src_ip=10.0.0.9 account=eve application=login message=pam_unix(login:auth): authentication failure; logname= uid=0 euid=0 tty=tty1 ruser= rhost=10.0.0.9  user=eve labels={"host":"gate","tty":"tty1"} pid=3
           2026-11-23T20:43:06.000Z base_event/other/unknown application=app message=password: [masked] labels={"host":"gate"} masked
           ! 11: the line begins with no syslog stamp"#,
    );
}

/// Reads lines of auth.log that all were written at the same second on the same host, and shows them without what they
/// share: the time, the host and the message.
#[track_caller]
fn check_auth(lines: &[(&str, &str)]) {
    let head = "2026-11-23T20:42:57.000Z";
    for (line, expected) in lines {
        let input = format!("Nov 23 20:42:57 {line}\n");
        let message = line.split_once(": ").map_or("", |(_, message)| message).trim();
        check(AUTH, input, &format!("{head} {}", expected.replace("MESSAGE", message)));
    }
}

#[test]
fn failures_of_sshd_behind_pam_were_no_failures() {
    check_auth(&[
        (
            "sshd[7]: error: PAM: Authentication failure for root from 10.0.0.7",
            r#"authentication/logon/failure src_ip=10.0.0.7 account=root application=sshd message=MESSAGE labels={"method":"pam"} pid=7"#,
        ),
        (
            "sshd[7]: error: PAM: User not known to the underlying authentication module for illegal user x from 10.0.0.7",
            r#"authentication/logon/failure src_ip=10.0.0.7 account=x application=sshd message=MESSAGE labels={"method":"pam","invalid_user":"true"} pid=7"#,
        ),
        (
            "sshd[7]: pam_sss(sshd:auth): authentication success; logname= uid=0 euid=0 tty=ssh ruser= rhost=10.0.0.1 user=amy",
            r#"authentication/other/success src_ip=10.0.0.1 account=amy application=sshd message=MESSAGE labels={"tty":"ssh"} pid=7"#,
        ),
    ]);
}

#[test]
fn words_of_sshd_were_taken_for_addresses() {
    check_auth(&[
        (
            "sshd[7]: Timeout, client not responding from user amy 10.0.0.1 port 22",
            "authentication/disconnect/unknown src_ip=10.0.0.1 account=amy application=sshd message=MESSAGE src_port=22 pid=7",
        ),
        ("sshd[7]: Connection closed by UNKNOWN port 65535", "authentication/disconnect/unknown application=sshd message=MESSAGE pid=7"),
        (
            "sshd[7]: Connection reset by authenticating user a 1.1.1.1 port 1 2001:db8::9 port 22 [preauth]",
            "authentication/disconnect/unknown src_ip=2001:db8::9 account=a 1.1.1.1 port 1 application=sshd message=MESSAGE src_port=22 pid=7",
        ),
    ]);
}

#[test]
fn what_a_client_chose_was_taken_for_its_address() {
    let in_ = |who: &str, from: &str, key: &str, port: u16| {
        format!(
            r#"authentication/logon/success src_ip={from} account={who} application=sshd message=MESSAGE labels={{"method":"publickey","public_key":"{key}"}} src_port={port} pid=7"#
        )
    };
    let failed = |method: &str, who: &str| {
        format!(
            r#"authentication/logon/failure src_ip=5.6.7.8 account={who} application=sshd message=MESSAGE labels={{"method":"{method}","invalid_user":"true"}} src_port=999 pid=7"#
        )
    };
    let certificate = "RSA-CERT ID alice from 6.6.6.6 port 1 (serial 1) CA RSA SHA256:abc";
    let hostile = "RSA-CERT ID alice from 6.6.6.6 port 1 ssh2: RSA SHA256:x (serial 1) CA RSA SHA256:abc";
    let nobody_can_say =
        r#"authentication/logon/failure application=sshd message=MESSAGE labels={"method":"publickey","invalid_user":"true","ambiguous":"place"} pid=7"#;
    let closed = r#"authentication/disconnect/unknown application=sshd message=MESSAGE labels={"invalid_user":"true","ambiguous":"place"} pid=7"#;
    check_auth(&[
        (&format!("sshd[7]: Accepted publickey for root from 10.0.0.5 port 5022 ssh2: {certificate}"), &in_("root", "10.0.0.5", certificate, 5022)),
        // The id is the certificate's owner's choice; the account is one of the machine's.
        (&format!("sshd[7]: Accepted publickey for root from 10.0.0.5 port 5022 ssh2: {hostile}"), &in_("root", "10.0.0.5", hostile, 5022)),
        ("sshd[7]: Failed password for invalid user a from 1.2.3.4 port 22 from 5.6.7.8 port 999 ssh2", &failed("password", "a from 1.2.3.4 port 22")),
        // No key stands behind a password's line: whatever is written like one is the name's.
        (
            "sshd[7]: Failed password for invalid user a from 1.2.3.4 port 22 ssh2: RSA SHA256:x from 5.6.7.8 port 999 ssh2",
            &failed("password", "a from 1.2.3.4 port 22 ssh2: RSA SHA256:x"),
        ),
        (&format!("sshd[7]: Failed publickey for invalid user a from from 5.6.7.8 port 999 ssh2: {certificate}"), &failed("publickey", "a from")),
        // Both ends are the client's: neither address is given.
        (
            "sshd[7]: Failed publickey for invalid user a from 1.2.3.4 port 22 ssh2: RSA-CERT ID x from 5.6.7.8 port 999 ssh2: RSA-CERT ID y (serial 0) CA RSA SHA256:x",
            nobody_can_say,
        ),
        (
            "sshd[7]: Disconnecting invalid user a 5.6.7.8 port 22: Change of username or service not allowed: (a,ssh-connection) -> (b 1.2.3.4 port 9: x,ssh-connection) [preauth]",
            closed,
        ),
        (
            "sshd[7]: Disconnecting authenticating user root 5.6.7.8 port 22: Too many authentication failures [preauth]",
            "authentication/disconnect/unknown src_ip=5.6.7.8 account=root application=sshd message=MESSAGE src_port=22 pid=7",
        ),
        (
            "sshd[7]: Unable to negotiate with 5.6.7.8 port 22: no matching cipher found. Their offer: aes from 1.2.3.4 port 9 [preauth]",
            "base_event/other/unknown src_ip=5.6.7.8 application=sshd message=MESSAGE src_port=22 pid=7",
        ),
    ]);
}

#[test]
fn the_second_line_of_a_long_sudo_command_was_a_failed_sign_in() {
    check_auth(&[
        (
            "sudo[7]: amy : (command continued) tell the password office",
            r#"process_activity/execute/unknown account=amy application=sudo command=tell the password office message=MESSAGE labels={"continued":"true"} pid=7"#,
        ),
        (
            "sudo[7]: amy : user NOT in sudoers ; TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/sh",
            r#"process_activity/execute/failure account=amy application=sudo command=/bin/sh message=MESSAGE labels={"tty":"pts/0","folder":"/","run_as":"root"} pid=7"#,
        ),
    ]);
}

#[test]
fn shells_and_numbers_were_taken_for_groups() {
    let change = "account_change/other/success account=amy application=usermod message=MESSAGE";
    check_auth(&[
        ("usermod: change user 'amy' UID from '1000' to '0'", change),
        ("usermod: change user 'amy' shell from '/bin/sh' to '/bin/bash'", change),
        ("usermod: change user name 'amy' to 'bob'", change),
        ("usermod: add 'amy' to shadow group 'sudo'", &format!(r#"{change} labels={{"group":"sudo"}}"#)),
        ("passwd: password for 'root' changed by 'amy'", r#"account_change/other/success account=root application=passwd message=MESSAGE labels={"by":"amy"}"#),
        (
            "gpasswd: user amy added by root to group sudo",
            r#"account_change/other/success account=amy application=gpasswd message=MESSAGE labels={"group":"sudo"}"#,
        ),
        ("groupadd: new group: name=x, GID=1001", r#"account_change/other/success application=groupadd message=MESSAGE labels={"group":"x"}"#),
        ("useradd: failed adding user 'amy', data deleted", "account_change/other/failure account=amy application=useradd message=MESSAGE"),
    ]);
}

#[test]
fn su_in_each_of_its_dialects() {
    let su = r#"authentication/logon/success account=amy application=su message=MESSAGE labels={"run_as":"root"}"#;
    check_auth(&[
        ("su: (to root) amy on pts/0", su),
        ("su: Successful su for root by amy", su),
        ("su: + /dev/pts/0 amy:root", su),
        ("su: - /dev/pts/0 amy:root", &su.replace("success", "failure")),
        ("su: FAILED su for root by amy", &su.replace("success", "failure")),
    ]);
}

#[test]
fn the_year_turns_within_a_file() {
    check(
        AUTH,
        "Dec 31 23:59:59 gate x: a\nJan  1 00:00:01 gate x: b\nDec 31 23:59:58 gate x: late\nJan  1 00:00:02 gate x: c\n",
        r#"2026-12-31T23:59:59.000Z base_event/other/unknown application=x message=a labels={"host":"gate"}
           2027-01-01T00:00:01.000Z base_event/other/unknown application=x message=b labels={"host":"gate"}
           2026-12-31T23:59:58.000Z base_event/other/unknown application=x message=late labels={"host":"gate"}
           2027-01-01T00:00:02.000Z base_event/other/unknown application=x message=c labels={"host":"gate"}"#,
    );
}

#[test]
fn a_stamp_of_the_journal_lay_beyond_the_calendar() {
    let reason = "__REALTIME_TIMESTAMP is no count of microseconds, or lies beyond the calendar";
    check(
        JOURNAL,
        "{\"__REALTIME_TIMESTAMP\":\"9223372036854775807\",\"MESSAGE\":\"x\"}\n{\"__REALTIME_TIMESTAMP\":\"-1\",\"MESSAGE\":\"x\"}\n",
        &format!("! 1: {reason}\n! 2: {reason}"),
    );
}

#[test]
fn a_message_that_journalctl_left_out_vanished() {
    let event = "2026-11-23T20:42:57.109Z base_event/other/unknown application=x";
    let entry = |message: &str| format!("{{\"__REALTIME_TIMESTAMP\":\"1795466577109000\",\"_COMM\":\"x\",\"MESSAGE\":{message}}}\n");
    check(JOURNAL, entry("null"), &format!(r#"{event} labels={{"message_omitted":"too long for journalctl without --all; export again with it"}}"#));
    check(JOURNAL, entry("[[104,105],\"second\"]"), &format!("{event} message=hi"));
    check(JOURNAL, entry("[\"first\",\"second\"]"), &format!("{event} message=first"));
}

#[test]
fn numbers_that_cannot_be_stay_readable() {
    check(
        JSON,
        "{\"time\":1795466577,\"status\":99999999999999999999,\"src_port\":70000,\"bytes\":-5,\"pid\":\"x\"}\n",
        r#"2026-11-23T20:42:57.000Z base_event/other/unknown labels={"src_port":"70000","status_code":"99999999999999999999","bytes":"-5","pid":"x"}"#,
    );
    check(JSON, "{\"time\":\"20:42:57\",\"date\":\"2026-11-23\"}\n", "! 1: the time cannot be read; say how it is written: time_format = \"…\"");
}

#[test]
fn a_query_without_a_path_vanished() {
    check(
        JSON,
        "{\"time\":1795466577,\"query\":\"id=1&password=hunter2\"}\n",
        r#"2026-11-23T20:42:57.000Z base_event/other/unknown labels={"query":"id=1&password=[masked]"} masked"#,
    );
}

#[test]
fn the_journal_as_json_and_as_export() {
    let event = r#"2026-11-23T20:42:57.109Z authentication/logon/failure src_ip=10.0.0.1 account=root application=sshd message=Failed password for root from 10.0.0.1 port 5 ssh2 labels={"host":"gate","method":"password"} src_port=5 pid=7"#;
    check(
        JOURNAL,
        concat!(
            "{\"__REALTIME_TIMESTAMP\":\"1795466577109000\",\"SYSLOG_IDENTIFIER\":\"sshd\",\"_PID\":\"7\",\"_HOSTNAME\":\"gate\",\"MESSAGE\":\"Failed password for root from 10.0.0.1 port 5 ssh2\"}\n",
            "{\"__REALTIME_TIMESTAMP\":\"1795466577109000\",\"_COMM\":\"x\",\"MESSAGE\":[104,105,255]}\n",
            "{\"MESSAGE\":\"no time\"}\n",
        ),
        &format!(
            "{event}\n2026-11-23T20:42:57.109Z base_event/other/unknown application=x message=hi\u{fffd}\n! 3: the record carries no __REALTIME_TIMESTAMP"
        ),
    );
    let mut export = b"__CURSOR=s=1\n__REALTIME_TIMESTAMP=1795466577109000\nSYSLOG_IDENTIFIER=sshd\n_PID=7\n_HOSTNAME=gate\nMESSAGE\n".to_vec();
    let message = b"Failed password for root from 10.0.0.1 port 5 ssh2";
    export.extend_from_slice(&(message.len() as u64).to_le_bytes());
    export.extend_from_slice(message);
    export.extend_from_slice(b"\n\n__REALTIME_TIMESTAMP=1\nMESSAGE\n\xff\xff\xff\xff\xff\xff\xff\xff\n");
    check(JOURNAL, export, &format!("{event}\n! 9: a journal entry that is cut off"));
    // Hosts with AppArmor write a binary field that ends in a line feed, so that an empty line follows.
    let entry = b"__REALTIME_TIMESTAMP=1795466577109000\n_SELINUX_CONTEXT\n\x0b\0\0\0\0\0\0\0unconfined\n\nSYSLOG_IDENTIFIER=sshd\n_PID=7\n_HOSTNAME=gate\nMESSAGE=Failed password for root from 10.0.0.1 port 5 ssh2\n\n";
    check(JOURNAL, entry.repeat(2), &format!("{event}\n{event}"));
    let object = "{\"__REALTIME_TIMESTAMP\":\"1795466577109000\",\"SYSLOG_IDENTIFIER\":\"sshd\",\"_PID\":\"7\",\"_HOSTNAME\":\"gate\",\"MESSAGE\":\"Failed password for root from 10.0.0.1 port 5 ssh2\"}";
    for written in
        [format!("\u{1e}{object}\n"), format!("data: {object}\n\n"), format!("{}\n", object.replace(",", ",\n\t").replace("{", "{\n\t").replace("}", "\n}"))]
    {
        check(JOURNAL, written, event);
    }
}

#[test]
fn sign_ins_in_dialects_of_syslog() {
    let said = "Accepted password for amy from 192.0.2.7 port 1 ssh2";
    for head in [
        "Nov 23 20:42:57 gate auth.info sshd[1]:",
        "Nov 23 20:42:57 gate sshd[1]: [ID 800047 auth.info]",
        "Nov 23 20:42:57 192.0.2.1 Nov 23 20:42:57 gate sshd[1]:",
        "Mon 2026-11-23 20:42:57 UTC gate sshd[1]:",
        "2026 Nov 23 20:42:57 gate sshd[1]:",
    ] {
        let shown = common::show(&read(&source(AUTH), format!("{head} {said}\n").as_bytes()).expect("a source").1);
        assert!(shown.starts_with("2026-11-23T20:42:57.000Z authentication/logon/success src_ip=192.0.2.7 account=amy application=sshd"), "{head}: {shown}");
    }
    let old = "Nov 23 20:42:57 gate sshd(pam_unix)[7]: authentication failure; logname= uid=0 euid=0 tty=NODEVssh ruser= rhost=192.0.2.7  user=root\nNov 23 20:43:07 gate last message repeated 30 times\n";
    let shown = common::show(&read(&source(AUTH), old.as_bytes()).expect("a source").1);
    assert_eq!(shown.matches("authentication/logon/failure src_ip=192.0.2.7 account=root").count(), 2, "{shown}");
    assert!(shown.contains("\"repeated\":\"30\""), "{shown}");
}

#[test]
fn formats_are_recognised_by_trial() {
    let best = |head: &[u8]| strandline_event::recognise(head).first().copied();
    let line = "10.0.0.1 - - [23/Nov/2026:20:42:55 +0000] \"GET / HTTP/1.1\" 200 5 \"-\" \"x\"\n";
    assert_eq!(best(line.repeat(3).as_bytes()), Some(("nginx", 1.0)));
    assert_eq!(best(format!("{line}garbage\n").as_bytes()), Some(("nginx", 0.5)));
    assert_eq!(best(b"Nov 23 20:42:57 gate sshd[7]: x\n"), Some(("linux_auth", 0.6)));
    assert_eq!(best(b"{\"time\":1795466577,\"path\":\"/\"}\n"), Some(("json", 1.0)));
    assert_eq!(best(b"{\"__REALTIME_TIMESTAMP\":\"1795466577109000\",\"MESSAGE\":\"x\"}\n"), Some(("journald", 0.6)));
    assert_eq!(best(b"{\"timestamp\":\"2026-11-23 20:46:01.416 UTC\",\"error_severity\":\"LOG\",\"message\":\"x\"}\n"), Some(("postgresql", 1.0)));
    assert_eq!(best(b"2026-11-24 20:54:26.340 UTC [97] LOG:  statement: select 1\n"), Some(("postgresql", 1.0)));
    assert_eq!(best(b"20261123 20:42:57,db,amy,10.0.0.1,12,34,QUERY,hr,'select 1',0\n"), Some(("mysql_audit", 1.0)));
    assert_eq!(best(b"2026-11-23T20:42:57.109000Z\t   12 Query\tselect 1\n"), Some(("mysql_general", 1.0)));
    assert_eq!(best(b"2026-11-23T20:42:57.002Z INFO hello\n"), None);
    assert_eq!(best(b"\x7fELF\0\0\0\n"), None);
    assert_eq!(best(b""), None);
}

#[test]
fn the_journal_as_verbose_prints_it() {
    let input = "Mon 2026-11-23 20:42:55.123456 UTC [s=5f;i=1a;b=0c;m=2d;t=63f1c2a8e9d40;x=7e]\n    PRIORITY=6\n    _HOSTNAME=gate\n    SYSLOG_IDENTIFIER=sshd\n    _PID=71\n    MESSAGE=Accepted password for amy from 203.0.113.7 port 5 ssh2\n    _SYSTEMD_UNIT=ssh.service\nMon 2026-11-23 20:42:56.123456 UTC [s=5f;i=1b;b=0c;m=2e;t=63f1c2a9de000;x=7f]\n    SYSLOG_IDENTIFIER=app\n    MESSAGE=one\n            two\n";
    let micros = |hex: &str| i64::from_str_radix(hex, 16).expect("a number");
    let (_, kept) = read(&source("format = \"journald\""), input.as_bytes()).expect("a source");
    let events = kept.events();
    assert_eq!(events.iter().map(|event| event.time.micros()).collect::<Vec<_>>(), [micros("63f1c2a8e9d40"), micros("63f1c2a9de000")]);
    assert_eq!((events[0].account.as_deref(), events[0].src_ip.as_deref(), events[0].host.as_deref()), (Some("amy"), Some("203.0.113.7"), None));
    assert_eq!(events[1].message.as_deref(), Some("one two"));
    let place = &events[0].place;
    assert!(input[place.offset as usize..][..place.length as usize].ends_with("_SYSTEMD_UNIT=ssh.service"));
    assert_eq!(strandline_event::recognise(input.as_bytes()).first().map(|(name, _)| *name), Some("journald"));
    check(
        "format = \"journald\"",
        "    MESSAGE=x\nMon 2026 [s=5f;t=65e1f9a8e9d40]\n    MESSAGE=y\n",
        "2026-10-18T16:08:10.298Z base_event/other/unknown message=y\n! 1: no entry of the journal begins before this line",
    );
}
