//! How fast each format is read, on generated input: megabytes and events a second on one core.
//!
//! `cargo run --release -p strandline-event --example parse_speed [MEGABYTES]`
#![allow(clippy::print_stdout, reason = "a program that prints its result")]

use std::fmt::Write;
use std::time::Instant;

use arrow_array::RecordBatch;
use strandline_event::{Context, Sink, SinkError, read_artefact};
use strandline_model::estate::LogSource;
use strandline_model::evidence::{ArtefactId, Warning};

/// A format, what its source says in the estate file, and how its line number `n` looks.
type Case = (&'static str, &'static str, fn(u64, &mut String));

const TEXT_PATTERN: &str = r#"format = "text"
[[pattern]]
pattern = '^(?P<time>\S+) \w+ \[(?P<request_id>\w+)\] user=(?P<account>\S+) ip=(?P<src_ip>\S+) "(?P<method>[A-Z]+) (?P<url>\S+)" (?P<status_code>\d+)$'"#;

/// One line a format.
const CASES: &[Case] = &[
    ("nginx combined", "format = \"nginx\"", combined),
    ("nginx log_format", "format = \"nginx\"\nlog_format = '$remote_addr $msec $request_time \"$request\" $status $body_bytes_sent $request_id'", custom),
    ("apache combined", "format = \"apache\"", combined),
    ("web, a load balancer", "format = \"web\"", load_balancer),
    ("json", "format = \"json\"", json),
    ("text", TEXT_PATTERN, text),
    ("linux_auth", "format = \"linux_auth\"", auth),
    ("auditd", "format = \"auditd\"", auditd),
    ("pgbouncer", "format = \"pgbouncer\"", pool),
    ("sqlserver audit", "format = \"sqlserver\"", sqlserver),
    ("journald", "format = \"journald\"", journal),
    ("postgresql csvlog", "format = \"postgresql\"", csvlog),
    ("postgresql jsonlog", "format = \"postgresql\"", jsonlog),
    ("postgresql stderr", "format = \"postgresql\"\nlog_format = '%m [%p] %q%u@%d '", stderr),
    ("mysql general", "format = \"mysql_general\"", general),
    ("mariadb audit", "format = \"mysql_audit\"", audit),
];

/// A clock that goes on by 10 ms a line.
fn clock(n: u64) -> String {
    format!("20:{:02}:{:02}", n / 6000 % 60, n / 100 % 60)
}

fn address(n: u64) -> String {
    format!("10.20.{}.{}", n % 8, n % 251)
}

fn combined(n: u64, out: &mut String) {
    let (clock, address, staff, page, bytes) = (clock(n), address(n), n % 6800, n % 9, 300 + n % 5000);
    let agent = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0";
    let _ = writeln!(
        out,
        "{address} - - [23/Nov/2026:{clock} +0000] \"GET /staff/C{staff:05}?page={page} HTTP/1.1\" 200 {bytes} \"https://hrs.example.org/staff\" \"{agent}\""
    );
}

fn custom(n: u64, out: &mut String) {
    let (address, second, milli, staff, bytes) = (address(n), 1_795_466_577 + n / 100, n % 1000, n % 6800, 300 + n % 5000);
    let _ = writeln!(out, "{address} {second}.{milli:03} 0.{:03} \"GET /staff/C{staff:05} HTTP/1.1\" 200 {bytes} {n:032x}", n % 300);
}

fn load_balancer(n: u64, out: &mut String) {
    let (clock, address, staff, bytes) = (clock(n), address(n), n % 6800, 300 + n % 5000);
    let _ = write!(out, "https 2026-11-23T{clock}.186641Z app/front/50dc {address}:2817 10.0.0.1:80 0.001 0.002 0.000 200 200 34 {bytes} ");
    let _ = writeln!(out, "\"GET https://hrs.example.org:443/staff/C{staff:05} HTTP/1.1\" \"curl/8\" ECDHE TLSv1.2 arn:x \"Root=1-{n:x}\" \"-\" \"-\" 0");
}

fn auditd(n: u64, out: &mut String) {
    let (second, address, user) = (1_795_466_577 + n / 100, address(n), n % 200);
    let _ = writeln!(
        out,
        "type=USER_LOGIN msg=audit({second}.123:{n}): pid=7 uid=0 auid=1000 ses=3 msg='op=login acct=\"user{user}\" exe=\"/usr/sbin/sshd\" addr={address} terminal=ssh res=failed'"
    );
}

fn pool(n: u64, out: &mut String) {
    let (clock, address) = (clock(n), address(n));
    let _ = writeln!(out, "2026-11-23 {clock}.123 UTC [12] LOG C-0x{n:x}: hr/hr_app@{address}:41234 login attempt: db=hr user=hr_app tls=no");
}

fn sqlserver(n: u64, out: &mut String) {
    let (clock, address, staff) = (clock(n), address(n), n % 6800);
    let _ = write!(
        out,
        r#"{{"event_time": "2026-11-23T{clock}.123Z", "action_id": "SL", "succeeded": true, "session_id": 51, "server_principal_name": "hr_app", "#
    );
    let _ = writeln!(out, r#""database_name": "hr", "client_ip": "{address}", "statement": "SELECT name FROM dbo.staff WHERE staff_no = 'C{staff:05}'"}}"#);
}

fn json(n: u64, out: &mut String) {
    let (clock, address, milli, user, staff, bytes) = (clock(n), address(n), n % 1000, n % 200, n % 6800, 300 + n % 5000);
    let _ = write!(out, r#"{{"ts": "2026-11-23T{clock}.{milli:03}Z", "level": "info", "msg": "request", "request_id": "{n:032x}", "session": "{user:012x}", "#);
    let _ = writeln!(out, r#""user": "user{user}", "client": "{address}", "method": "GET", "path": "/staff/C{staff:05}", "status": 200, "bytes": {bytes}}}"#);
}

fn text(n: u64, out: &mut String) {
    let (clock, address, milli, user) = (clock(n), address(n), n % 1000, n % 200);
    let _ = writeln!(out, "2026-11-23T{clock}.{milli:03}Z INFO [{n:08x}] user=user{user} ip={address} \"GET /doc/{}\" 200", n % 400);
}

fn auth(n: u64, out: &mut String) {
    let (clock, address, user, port) = (clock(n), address(n), n % 200, 1024 + n % 60_000);
    let _ = writeln!(out, "Nov 23 {clock} gate sshd[{}]: Failed password for invalid user user{user} from {address} port {port} ssh2", n % 30_000);
}

fn journal(n: u64, out: &mut String) {
    let (micros, address, user, port) = (1_795_466_577_000_000 + n * 10_000, address(n), n % 200, 1024 + n % 60_000);
    let _ = write!(out, r#"{{"__REALTIME_TIMESTAMP":"{micros}","SYSLOG_IDENTIFIER":"sshd","_PID":"{}","_HOSTNAME":"gate","PRIORITY":"6","#, n % 30_000);
    let _ = writeln!(out, r#""MESSAGE":"Accepted password for user{user} from {address} port {port} ssh2"}}"#);
}

/// pgaudit with parameters and rows, as a session's line.
fn csvlog(n: u64, out: &mut String) {
    let (clock, milli, session, staff) = (clock(n), n % 1000, n % 40, n % 6800);
    let _ = write!(out, r#"2026-11-23 {clock}.{milli:03} UTC,"hr_app","hr",{},"10.0.0.20:5{session:04}",6b04a5.{session:x},{},"#, 900 + session, n / 40 + 1);
    let _ = write!(out, r#""SELECT",2026-11-23 20:00:00 UTC,{session}/{},0,LOG,00000,"AUDIT: SESSION,{n},1,READ,SELECT,,,"#, n / 40);
    let _ = writeln!(out, r#"""select staff_no, name, grade from hr.staff where staff_no = $1"",C{staff:05},1",,,,,,,,,"hrs","client backend",,0"#);
}

fn jsonlog(n: u64, out: &mut String) {
    let (clock, milli, session, staff) = (clock(n), n % 1000, n % 40, n % 6800);
    let _ =
        write!(out, r#"{{"timestamp":"2026-11-23 {clock}.{milli:03} UTC","user":"hr_app","dbname":"hr","pid":{},"remote_host":"10.0.0.20","#, 900 + session);
    let _ = write!(out, r#""session_id":"6b04a5.{session:x}","line_num":{},"ps":"SELECT","vxid":"{session}/{}","error_severity":"LOG","#, n / 40 + 1, n / 40);
    let _ = writeln!(
        out,
        r#""message":"AUDIT: SESSION,{n},1,READ,SELECT,,,\"select name from hr.staff where staff_no = $1\",C{staff:05},1","application_name":"hrs"}}"#
    );
}

fn stderr(n: u64, out: &mut String) {
    let (clock, milli, session, staff) = (clock(n), n % 1000, n % 40, n % 6800);
    let prefix = format!("2026-11-23 {clock}.{milli:03} UTC [{}] hr_app@hr", 900 + session);
    let _ = writeln!(out, "{prefix} LOG:  execute <unnamed>: select staff_no, name, grade from hr.staff where staff_no = $1");
    let _ = writeln!(out, "{prefix} DETAIL:  parameters: $1 = 'C{staff:05}'");
}

fn general(n: u64, out: &mut String) {
    let (clock, staff) = (clock(n), n % 6800);
    let _ = writeln!(
        out,
        "2026-11-23T{clock}.000000Z\t{:>5} Query\tSELECT staff_no, name FROM staff WHERE staff_no = 'C{staff:05}' /*request_id='{n:x}'*/",
        n % 40
    );
}

fn audit(n: u64, out: &mut String) {
    let (clock, staff) = (clock(n), n % 6800);
    let _ =
        writeln!(out, "20261123 {clock},db1,hr_app,10.0.0.20,{},{n},QUERY,hr,'SELECT staff_no, name FROM staff WHERE staff_no = \\'C{staff:05}\\'',0", n % 40);
}

#[derive(Default)]
struct Count {
    events: usize,
    refused: usize,
}

impl Sink for Count {
    fn batch(&mut self, batch: RecordBatch) -> Result<(), SinkError> {
        self.events += batch.num_rows();
        Ok(())
    }

    fn warning(&mut self, _warning: Warning) -> Result<(), SinkError> {
        self.refused += 1;
        Ok(())
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let megabytes: usize = std::env::args().nth(1).map_or(Ok(64), |given| given.parse())?;
    println!("{:<18} {:>9} {:>12} {:>9}", "format", "MB/s", "events/s", "refused");
    for (name, toml, line) in CASES {
        let source: LogSource = toml::from_str(&format!("id = \"s\"\nsystem = \"s\"\npath = []\n{toml}"))?;
        let mut input = String::with_capacity((megabytes + 1) << 20);
        let mut n = 0;
        while input.len() < megabytes << 20 {
            line(n, &mut input);
            n += 1;
        }
        let artefact = ArtefactId("0123456789abcdef".to_owned());
        let context = Context { artefact: &artefact, path: "log", source: &source, assumed_year: 2026, last_change: None, secret_key: None };
        let mut count = Count::default();
        let start = Instant::now();
        read_artefact(&mut input.as_bytes(), &context, &mut count)?;
        let seconds = start.elapsed().as_secs_f64();
        println!("{name:<18} {:>9.1} {:>12.0} {:>9}", input.len() as f64 / 1e6 / seconds, count.events as f64 / seconds, count.refused);
    }
    Ok(())
}
