//! The audit log of Linux and the log of pgbouncer.

mod common;

use common::{check, read, source};

const AUDITD: &str = "format = \"auditd\"";
const POOL: &str = "format = \"pgbouncer\"";

#[test]
fn the_lines_of_one_system_call_are_one_event() {
    let at = "msg=audit(1795466575.123:456):";
    let input = format!(
        "node=gate type=SYSCALL {at} arch=c000003e syscall=59 success=yes exit=0 pid=71 ppid=7 auid=1000 uid=0 tty=pts0 ses=3 comm=\"psql\" exe=\"/usr/bin/psql\" key=\"exec\"\u{1d}SYSCALL=execve AUID=\"amy\" UID=\"root\"\nnode=gate type=EXECVE {at} argc=3 a0=\"psql\" a1=\"-c\" a2=73656C6563742031\nnode=gate type=PATH {at} item=0 name=\"/usr/bin/psql\"\nnode=gate type=SYSCALL msg=audit(1795466575.2:457): success=no pid=72 comm=\"cat\"\nnode=gate type=PATH msg=audit(1795466575.2:457): item=0 name=\"/etc/shadow\"\n"
    );
    check(
        AUDITD,
        &input,
        r#"2026-11-23T20:42:55.123Z process_activity/execute/success account=amy application=psql command=psql -c select 1 host=gate labels={"serial":"456","exe":"/usr/bin/psql","tty":"pts0","auid":"1000","uid":"0","ppid":"7","login_session":"3","rule":"exec","syscall":"execve"} pid=71
           2026-11-23T20:42:55.200Z file_system_activity/other/failure application=cat host=gate object=/etc/shadow labels={"serial":"457"} pid=72"#,
    );
    let (_, kept) = read(&source(AUDITD), input.as_bytes()).expect("a source");
    let place = &kept.events()[0].place;
    let shown = &input[place.offset as usize..][..place.length as usize];
    assert!(shown.starts_with("node=gate type=SYSCALL") && shown.ends_with("name=\"/usr/bin/psql\""), "{shown}");
    assert_eq!(strandline_event::recognise(input.as_bytes()).first().map(|(name, _)| *name), Some("auditd"));
}

#[test]
fn sign_ins_of_auditd() {
    check(
        AUDITD,
        "type=USER_LOGIN msg=audit(1795466575.123:9): pid=7 uid=0 auid=1000 ses=3 msg='op=login id=1000 exe=\"/usr/sbin/sshd\" hostname=203.0.113.7 addr=203.0.113.7 terminal=ssh res=success'\u{1d}UID=\"root\" AUID=\"amy\" ID=\"amy\"\ntype=USER_AUTH msg=audit(1795466576.0:10): pid=7 uid=0 msg='op=PAM:authentication acct=616D79206C6565 exe=\"/usr/bin/su\" hostname=? addr=? terminal=pts/0 res=failed'\nnothing\n\n",
        "2026-11-23T20:42:55.123Z authentication/logon/success src_ip=203.0.113.7 account=amy application=/usr/sbin/sshd message=pid=7 uid=0 auid=1000 ses=3 msg='op=login id=1000 exe=\"/usr/sbin/sshd\" hostname=203.0.113.7 addr=203.0.113.7 terminal=ssh res=success' UID=\"root\" AUID=\"amy\" ID=\"amy\" labels={\"type\":\"USER_LOGIN\",\"serial\":\"9\",\"tty\":\"ssh\",\"op\":\"login\",\"auid\":\"1000\",\"login_session\":\"3\"} pid=7
         2026-11-23T20:42:56.000Z authentication/logon/failure account=amy lee application=/usr/bin/su message=pid=7 uid=0 msg='op=PAM:authentication acct=616D79206C6565 exe=\"/usr/bin/su\" hostname=? addr=? terminal=pts/0 res=failed' labels={\"type\":\"USER_AUTH\",\"serial\":\"10\",\"tty\":\"pts/0\",\"op\":\"PAM:authentication\"} pid=7
         ! 3: not a line of auditd (type=… msg=audit(…): …)",
    );
}

#[test]
fn a_system_call_without_an_end_is_bounded() {
    let line = format!("type=EXECVE msg=audit(1795466575.123:456): a0=\"{}\"\n", "x".repeat(1000));
    let (summary, kept) = read(&source(AUDITD), line.repeat(2000).as_bytes()).expect("a source");
    assert_eq!(summary.records_read, 1);
    assert!(kept.events()[0].command.as_ref().is_some_and(|command| command.len() < 300_000));
}

#[test]
fn who_came_to_the_pool() {
    let input = "2026-11-23 20:42:55.123 UTC [12] LOG C-0x55d5: hr/app@203.0.113.7:41234 login attempt: db=hr user=app tls=no\n2026-11-23 20:42:56.123 UTC [12] WARNING C-0x55d6: hr/root@[::1]:5 pooler error: password authentication failed\n2026-11-23 20:42:57.123 UTC [12] LOG S-0x77: hr/app@10.0.0.2:5432 new connection to server (from 10.0.0.3:4)\n2026-11-23 20:42:58.123 UTC [12] LOG C-0x55d5: hr/app@203.0.113.7:41234 closing because: client close request (age=3s)\n2026-11-23 20:42:59.000 UTC [12] LOG stats: 0 xacts/s\nhello\n";
    check(
        POOL,
        input,
        r#"2026-11-23T20:42:55.123Z datastore_activity/connect/unknown src_ip=203.0.113.7 account=app database=hr message=login attempt: db=hr user=app tls=no labels={"connection":"C-0x55d5","level":"LOG"} src_port=41234 pid=12
           2026-11-23T20:42:56.123Z authentication/logon/failure src_ip=::1 account=root database=hr message=pooler error: password authentication failed labels={"connection":"C-0x55d6","level":"WARNING"} src_port=5 pid=12
           2026-11-23T20:42:57.123Z base_event/other/unknown account=app database=hr message=new connection to server (from 10.0.0.3:4) labels={"server":"10.0.0.2:5432","connection":"S-0x77","level":"LOG"} pid=12
           2026-11-23T20:42:58.123Z datastore_activity/disconnect/unknown src_ip=203.0.113.7 account=app database=hr message=closing because: client close request (age=3s) labels={"connection":"C-0x55d5","level":"LOG"} src_port=41234 pid=12
           2026-11-23T20:42:59.000Z base_event/other/unknown message=stats: 0 xacts/s labels={"level":"LOG"} pid=12
           ! 6: not a line of pgbouncer (STAMP [PID] LEVEL …)"#,
    );
    assert_eq!(strandline_event::recognise(input.as_bytes()).first().map(|(name, _)| *name), Some("pgbouncer"));
    check(
        POOL,
        "Nov 23 20:42:55 pool pgbouncer[12]: C-0x55d5: hr/app@203.0.113.7:41234 login attempt: db=hr user=app tls=no\n",
        r#"2026-11-23T20:42:55.000Z datastore_activity/connect/unknown src_ip=203.0.113.7 account=app database=hr message=login attempt: db=hr user=app tls=no host=pool labels={"connection":"C-0x55d5"} src_port=41234"#,
    );
}
