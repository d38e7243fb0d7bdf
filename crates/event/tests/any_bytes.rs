//! Any bytes: no panic, no byte in two records, and events, passes and refusals together are the records.

mod common;

use common::evtx::{Chunk, Node, Value, data, element, event, file, strings, text, values};
use proptest::prelude::*;
use strandline_event::fuzz;

const SEEDS: &[&str] = &[
    "10.0.0.1 - amy [23/Nov/2026:20:42:55 +0000] \"GET /a?password=x HTTP/1.1\" 200 5 \"-\" \"x \\x22\"\n",
    "{\"t\":\"1795466577.109\",\"a\":\"::1:22\",\"r\":\"GET / HTTP/1.1\",\"s\":200,\"u\":\"/a?b=c\"}\n",
    "www:80 ::1 - [23/Nov/2026:20:42:55.109 +0000] \"GET /a?b HTTP/1.1\" 200 - 12 \"x\"\n",
    "{\"time\":1795466577.5,\"req\":{\"method\":\"GET\",\"url\":\"/;jsessionid=a\"},\"status\":\"200\",\"duration\":\"1m2s\",\"user\":[\"a\"]}\n",
    "2026-10-25 02:30:00 amy 12ms /a?token=b secret = \"x\n  at y\n",
    "<34>Nov 23 20:42:57 gate sshd[7]: Failed password for invalid user x from 10.0.0.1 port 5 ssh2\n",
    "Dec 31 23:59:59 gate sudo: amy : TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/ls --password \"x\n",
    "<1>1 2026-11-23T20:42:59Z gate su 12 - [x@1 a=\"]\"] (to root) amy on pts/0\n",
    "{\"__REALTIME_TIMESTAMP\":\"1795466577109000\",\"_COMM\":\"su\",\"MESSAGE\":[40,116,111,32,255]}\n",
    "__REALTIME_TIMESTAMP=1795466577109000\nMESSAGE\n\u{2}\0\0\0\0\0\0\0hi\n\n",
    "2026-11-23 20:42:53.049 UTC [97] amy@hr LOG:  execute s1: select \"a\" from b where c = $1\n2026-11-23 20:42:53.049 UTC [97] amy@hr DETAIL:  parameters: $1 = 'x'\n\tand d\n",
    "2026-11-23 20:42:53.049 UTC,\"amy\",\"hr\",25930,\"::1:5\",6b04a54c.654a,1,\"SELECT\",2026-11-23 20:42:52 UTC,3/1,0,LOG,00000,\"AUDIT: SESSION,1,1,READ,SELECT,,,\"\"select\n1\"\",<none>\",,,,,,,,,\"\"\n",
    "{\"timestamp\":\"2026-11-23 20:46:01.416 UTC\",\"error_severity\":\"LOG\",\"message\":\"statement: select 1\"}\n",
    "2026-11-23T20:42:57.109000Z\t   12 Query\tselect 1\nfrom a\n2026-11-23T20:42:57.109000Z\t   12 Connect\tamy@10.0.0.1 on hr using TCP/IP\n",
    "20261123 20:42:57,db,amy,10.0.0.1,12,34,QUERY,hr,'select \\'a\\'',0\n",
    "2026-11-23T20:42:55.123456789Z stdout P 10.0.0.1 - \n2026-11-23T20:42:55.123456789Z stdout F amy [23/Nov/2026:20:42:55 +0000] \"GET / HTTP/1.1\" 200 5\n",
    "{\"log\":\"10.0.0.1 - amy [23/Nov/2026:20:42:55 +0000] \\\"GET / HTTP/1.1\\\" 200 5\\n\",\"stream\":\"stdout\",\"time\":\"2026-11-23T20:42:55Z\"}\n",
    "{\"Records\":[{\"message\":\"a\",\"timestamp\":1795466577109,\"id\":\"1\"},{\"user\":\"b\"}]}\n",
    "web-1  | <34>Nov 23 20:42:57 gate postgres[7]: [3-1] user=a,db=b LOG:  statement: select#012\nNov 23 20:42:57 gate postgres[7]: [3-2] #0111\n",
    "https 2026-11-23T20:42:55.1Z front ::1:5 - -1 -1 -1 503 - 0 9 \"GET http://a:80/ HTTP/1.1\" \"x\" - - - \"Root=1\" more\n#Fields: date time c-ip\n2026-11-23\t20:42:55\t::1\n",
    "INFO:     10.0.0.1:5 - \"GET / HTTP/1.1\" 200 OK\n1795466575.109    134 10.1.1.5 TCP_MISS/200 4567 GET http://a/ - HIER_DIRECT/b -\n",
    "node=gate type=SYSCALL msg=audit(1795466575.123:456): success=yes pid=7 comm=\"ls\"\ntype=EXECVE msg=audit(1795466575.123:456): argc=2 a0=\"ls\" a1=2D6C\ntype=USER_LOGIN msg=audit(1795466575.2:457): pid=1 msg='op=login acct=\"amy\" addr=::1 res=success'\n",
    "2026-11-23 20:42:55.123 UTC [12] LOG C-0x55: hr/app@10.0.0.1:5432 login attempt: db=hr\n[1] WARNING S-0x: a/b@unix(1):2 x\n",
    "<AUDIT_RECORD>\n <NAME>Query</NAME>\n<TIMESTAMP>2026-01-24T21:00:00 UTC</TIMESTAMP><SQLTEXT>a &lt; b</SQLTEXT>\n</AUDIT_RECORD>\n<AUDIT_RECORD NAME=\"Quit\" TIMESTAMP=\"2026-01-24T21:00:00 UTC\"/>\n\"Query\",\"1\",\"2026-01-24T21:00:00 UTC\",\"select\",\"5\",\"0\",\"a\"\"b\",\"u\",\"h\",\"\",\"\",\"d\"\n",
    "event_time,action_id,succeeded,server_principal_name,statement,client_ip\n2026-11-23 20:42:55.1234567,SL,1,app,\"select a\nfrom b\",10.0.0.1\n2026-11-23 20:42:55.12 Logon       Login failed for user 'a'. Reason: x. [CLIENT: ::1]\n",
    "{\"EVENT_TIMESTAMP\":\"23-NOV-26 08.42.55.123456 PM\",\"DBUSERNAME\":\"A\",\"ACTION_NAME\":\"SELECT\",\"RETURN_CODE\":0,\"SQL_TEXT\":\"select :1\",\"SQL_BINDS\":\" #1(2):C1\"}\nTYPE:\"4\" DBUSER:\"A\" ACTION:\"3\" RETCODE:\"0\" SESID:\"7\"\n",
    "\u{feff}\0\0 é\r\n\n",
    "Mon, 23 Nov 2026 20:42:57 GMT +08:00 20261123T204257Z 999999999999999999999",
];

/// Seeds cut, joined and dirtied, and plain bytes.
fn input() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        4 => (prop::sample::select(SEEDS), any::<prop::sample::Index>(), any::<prop::sample::Index>()).prop_map(|(seed, a, b)| {
            let (a, b) = (a.index(seed.len() + 1), b.index(seed.len() + 1));
            seed.as_bytes()[a.min(b)..a.max(b)].to_vec()
        }),
        4 => prop::sample::select(SEEDS).prop_map(|seed| seed.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..40),
        1 => prop::sample::select(&["\"", "\\", "\n", "%3F", "%3D", "eyJ", "://", ":", "@", "=", "[", "{", "\r\n", "\0"][..]).prop_map(|text| text.as_bytes().to_vec()),
    ];
    prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

/// Bytes that mean something in BinXML, more often than others.
fn windows_byte() -> impl Strategy<Value = u8> {
    prop_oneof![prop::sample::select(&[0, 1, 2, 3, 4, 5, 6, 0x0c, 0x0d, 0x0e, 0x0f, 0x21, 0x41, 0x81, 0xff][..]), any::<u8>()]
}

/// A log with records of each shape.
fn windows_log() -> Vec<u8> {
    let plain = event(vec![element("EventData", vec![data("User", 6), element("Data", vec![Node::Slot(7)])])]);
    let nested = event(vec![element("UserData", vec![element("EventXML", vec![element("Param1", vec![Node::Slot(6)]), Node::Slot(7)])])]);
    let fragment = [&[0x0f, 1, 1, 0, 0x0c, 1, 7, 0, 0, 0][..], &600_u32.to_le_bytes(), &[0; 5]].concat();
    let mut chunk = Chunk::new();
    for id in 1..=6 {
        let provider = "Microsoft-Windows-Security-Auditing";
        chunk.record(id, 7, &plain, &values(provider, 4624, id, "Security", vec![text("amy"), strings(&["a", "b"])]));
        chunk.record(id + 100, 8, &nested, &values("P", 1149, id, "C", vec![text("amy"), Value(0x21, fragment.clone())]));
    }
    file(&[chunk.finish()])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_read_or_refused(bytes in input()) {
        fuzz::fuzz_nginx(&bytes);
        fuzz::fuzz_apache(&bytes);
        fuzz::fuzz_web(&bytes);
        fuzz::fuzz_json(&bytes);
        fuzz::fuzz_text(&bytes);
        fuzz::fuzz_linux_auth(&bytes);
        fuzz::fuzz_auditd(&bytes);
        fuzz::fuzz_pgbouncer(&bytes);
        fuzz::fuzz_sqlserver(&bytes);
        fuzz::fuzz_oracle(&bytes);
        fuzz::fuzz_journald(&bytes);
        fuzz::fuzz_values(&bytes);
        fuzz::fuzz_postgresql(&bytes);
        fuzz::fuzz_mysql_general(&bytes);
        fuzz::fuzz_mysql_audit(&bytes);
        fuzz::fuzz_wrapped(&bytes);
        fuzz::fuzz_evtx(&bytes);
    }

    #[test]
    fn any_change_of_a_windows_log_is_read_or_refused(changes in prop::collection::vec((any::<prop::sample::Index>(), windows_byte()), 1..24)) {
        let mut log = windows_log();
        let used = 4096 + 512 + 6000;
        for (at, byte) in changes {
            log[at.index(used)] = byte;
        }
        fuzz::fuzz_evtx(&log);
    }

    #[test]
    fn any_bytes_are_recognised_as_something_or_nothing(bytes in input()) {
        fuzz::fuzz_recognise(&bytes);
    }
}
