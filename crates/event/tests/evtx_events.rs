//! What becomes of Windows records as events.

mod common;

use common::evtx::{Chunk, Node, Value, data, element, event, file, text, values};

/// A log of one record with this provider and event id, in this channel, with text fields. `Keywords` says that it succeeded.
fn record(provider: &str, event_id: u16, channel: &str, root: Shape, fields: &[(&str, &str)]) -> Vec<u8> {
    let mut chunk = Chunk::new();
    let named = |(number, (name, _)): (usize, &(&str, &str))| match root {
        Shape::EventData => data(name, 7 + number as u16),
        Shape::UserData => Node::Element(Box::leak(name.to_string().into_boxed_str()), vec![], vec![Node::Slot(7 + number as u16)]),
    };
    let leaves: Vec<Node> = fields.iter().enumerate().map(named).collect();
    let body = match root {
        Shape::EventData => element("EventData", leaves),
        Shape::UserData => element("UserData", vec![element("EventXML", leaves)]),
    };
    let keywords = element("System", vec![element("Keywords", vec![Node::Slot(6)])]);
    let more = std::iter::once(Value(0x15, (1_u64 << 53).to_le_bytes().to_vec())).chain(fields.iter().map(|(_, value)| text(value))).collect();
    chunk.record(1, 7, &event(vec![keywords, body]), &values(provider, event_id, 1, channel, more));
    file(&[chunk.finish()])
}

#[derive(Clone, Copy)]
enum Shape {
    EventData,
    UserData,
}

/// `expected` is what the event shows behind its time, with host, channel and provider left out.
#[track_caller]
fn check(provider: &str, event_id: u16, channel: &str, root: Shape, fields: &[(&str, &str)], expected: &str) {
    let log = record(provider, event_id, channel, root, fields);
    let (summary, kept) = common::read(&common::source("format = \"evtx\""), &log).expect("a source that can be read");
    assert_eq!((summary.format.as_str(), summary.records_read, summary.records_refused), ("evtx", 1, 0));
    let shown = common::show(&kept);
    let plain = shown.trim_end().strip_prefix("2026-11-23T20:42:58.000Z ").expect("the record's time");
    let plain = plain.replace(&format!(" application={provider}"), "").replace(" host=pc1.example.org", "").replace(&format!(" channel={channel}"), "");
    assert_eq!(plain.replace(&format!("\"event_id\":\"{event_id}\""), "id"), expected);
    let events = kept.events();
    assert_eq!((events[0].host.as_deref(), events[0].channel.as_deref(), events[0].sequence), (Some("pc1.example.org"), Some(channel), Some(1)));
}

const SECURITY: &str = "Microsoft-Windows-Security-Auditing";

#[track_caller]
fn security(event_id: u16, fields: &[(&str, &str)], expected: &str) {
    check(SECURITY, event_id, "Security", Shape::EventData, fields, expected);
}

#[test]
fn sign_ins_say_who_from_where_and_in_which_session() {
    let target = [
        ("TargetUserName", "amy"),
        ("TargetDomainName", "CORP"),
        ("TargetLogonId", "0x1a2b"),
        ("LogonType", "3"),
        ("IpAddress", "::ffff:10.0.0.9"),
        ("IpPort", "5000"),
    ];
    security(
        4624,
        &target,
        "authentication/logon/success src_ip=10.0.0.9 account=CORP\\amy session=pc1.example.org/0x1a2b labels={id,\"logon_type\":\"3\"} src_port=5000",
    );
    let system = [
        ("TargetUserName", "SYSTEM"),
        ("TargetDomainName", "NT AUTHORITY"),
        ("TargetLogonId", "0x3e7"),
        ("LogonType", "5"),
        ("IpAddress", "-"),
        ("IpPort", "-"),
    ];
    security(4624, &system, "authentication/logon/success account=NT AUTHORITY\\SYSTEM labels={id,\"logon_type\":\"5\"}");
    let refused = [
        ("TargetUserName", "amy"),
        ("TargetDomainName", "-"),
        ("Status", "0xc000006d"),
        ("SubStatus", "0xc000006a"),
        ("LogonType", "10"),
        ("IpAddress", "10.0.0.9"),
    ];
    security(4625, &refused, "authentication/logon/failure src_ip=10.0.0.9 account=amy error_code=0xc000006a labels={id,\"logon_type\":\"10\"}");
    security(4634, &target[..4], "authentication/logoff/success account=CORP\\amy session=pc1.example.org/0x1a2b labels={id,\"logon_type\":\"3\"}");
    let other = [
        ("SubjectUserName", "bob"),
        ("SubjectDomainName", "CORP"),
        ("SubjectLogonId", "0x77"),
        ("TargetUserName", "amy"),
        ("TargetDomainName", "CORP"),
        ("TargetServerName", "db1"),
    ];
    security(
        4648,
        &other,
        "authentication/other/unknown account=CORP\\amy session=pc1.example.org/0x77 labels={id,\"by\":\"CORP\\\\bob\",\"target_host\":\"db1\"}",
    );
}

#[test]
fn a_domain_controller_tells_proofs_from_refusals() {
    let ticket = |status| [("TargetUserName", "amy"), ("TargetDomainName", "CORP"), ("Status", status), ("IpAddress", "10.0.0.9"), ("ServiceName", "krbtgt")];
    security(4768, &ticket("0x0"), "authentication/other/success src_ip=10.0.0.9 account=CORP\\amy labels={id,\"service\":\"krbtgt\"}");
    security(4768, &ticket("0x6"), "authentication/logon/failure src_ip=10.0.0.9 account=CORP\\amy error_code=0x6 labels={id,\"service\":\"krbtgt\"}");
    security(4769, &ticket("0x20"), "authentication/other/failure src_ip=10.0.0.9 account=CORP\\amy error_code=0x20 labels={id,\"service\":\"krbtgt\"}");
    let ntlm = [("TargetUserName", "amy"), ("Workstation", "WS9"), ("Status", "0xc000006a")];
    security(4776, &ntlm, "authentication/logon/failure account=amy error_code=0xc000006a labels={id,\"workstation\":\"WS9\"}");
}

#[test]
fn remote_desktop_says_where_it_came_from() {
    let (local, remote) = ("Microsoft-Windows-TerminalServices-LocalSessionManager", "Microsoft-Windows-TerminalServices-RemoteConnectionManager");
    let session = [("User", "CORP\\amy"), ("SessionID", "3"), ("Address", "10.0.0.9")];
    check(local, 21, "TS", Shape::UserData, &session, "authentication/logon/success src_ip=10.0.0.9 account=CORP\\amy labels={id,\"login_session\":\"3\"}");
    check(
        local,
        24,
        "TS",
        Shape::UserData,
        &session,
        "authentication/disconnect/success src_ip=10.0.0.9 account=CORP\\amy labels={id,\"login_session\":\"3\"}",
    );
    check(local, 25, "TS", Shape::UserData, &[("User", "amy"), ("Address", "LOCAL")], "authentication/connect/success account=amy labels={id}");
    let reached = [("Param1", "amy"), ("Param2", "CORP"), ("Param3", "10.0.0.9")];
    check(remote, 1149, "TS", Shape::UserData, &reached, "authentication/other/success src_ip=10.0.0.9 account=CORP\\amy labels={id}");
}

#[test]
fn programs_say_what_ran_and_keep_no_password() {
    let process = [
        ("SubjectUserName", "amy"),
        ("SubjectDomainName", "CORP"),
        ("SubjectLogonId", "0x1a2b"),
        ("NewProcessId", "0x1f4"),
        ("NewProcessName", "C:\\a.exe"),
        ("CommandLine", "a.exe --password hunter2"),
    ];
    security(
        4688,
        &process,
        "process_activity/execute/success account=CORP\\amy session=pc1.example.org/0x1a2b command=a.exe --password [masked] object=C:\\a.exe labels={id,\"by\":\"CORP\\\\amy\"} pid=500 masked",
    );
    let script = [("ScriptBlockText", "Get-Item x"), ("MessageNumber", "1"), ("MessageTotal", "2"), ("Path", "C:\\x.ps1")];
    check(
        "Microsoft-Windows-PowerShell",
        4104,
        "PS",
        Shape::EventData,
        &script,
        "process_activity/execute/unknown command=Get-Item x object=C:\\x.ps1 labels={id,\"part\":\"1 of 2\"}",
    );
    let service = [("ServiceName", "evil"), ("ImagePath", "C:\\e.exe"), ("AccountName", "LocalSystem")];
    check(
        "Service Control Manager",
        7045,
        "System",
        Shape::EventData,
        &service,
        "application_lifecycle/define/success command=C:\\e.exe object=evil labels={id,\"run_as\":\"LocalSystem\",\"change\":\"service installed\"}",
    );
    let task = [("SubjectUserName", "amy"), ("TaskName", "\\t"), ("TaskContent", "<Exec><Command>cmd.exe</Command><Arguments>/c a &amp; b</Arguments></Exec>")];
    security(4698, &task, "application_lifecycle/define/success account=amy command=cmd.exe /c a & b object=\\t labels={id,\"change\":\"task created\"}");
}

#[test]
fn files_say_what_was_asked_of_them() {
    let share = |mask| {
        [
            ("SubjectUserName", "amy"),
            ("SubjectDomainName", "CORP"),
            ("SubjectLogonId", "0x1a2b"),
            ("IpAddress", "10.0.0.9"),
            ("IpPort", "5000"),
            ("ShareName", "\\\\*\\hr"),
            ("RelativeTargetName", "a\\b.xlsx"),
            ("AccessMask", mask),
        ]
    };
    let expected = |activity, mask| {
        format!(
            "file_system_activity/{activity}/success src_ip=10.0.0.9 account=CORP\\amy session=pc1.example.org/0x1a2b object=\\\\*\\hr\\a\\b.xlsx labels={{id,\"access_mask\":\"{mask}\"}} src_port=5000"
        )
    };
    for (mask, activity) in [("0x120089", "read"), ("0x2", "write"), ("0x10080", "write"), ("0x40000", "define"), ("0x80", "other")] {
        security(5145, &share(mask), &expected(activity, mask));
    }
    let key = [("SubjectUserName", "amy"), ("ObjectType", "Key"), ("ObjectName", "\\REGISTRY\\x"), ("AccessMask", "0x1")];
    security(4663, &key, "base_event/read/success account=amy object=\\REGISTRY\\x labels={id,\"object_type\":\"Key\",\"access_mask\":\"0x1\"}");
}

#[test]
fn account_changes_are_about_whom_they_happened_to() {
    let made = [("TargetUserName", "eve"), ("TargetDomainName", "CORP"), ("SubjectUserName", "amy"), ("SubjectDomainName", "CORP")];
    security(4720, &made, "account_change/other/success account=CORP\\eve labels={id,\"change\":\"created\",\"by\":\"CORP\\\\amy\"}");
    let member = [("MemberName", "-"), ("MemberSid", "S-1-5-21-7"), ("TargetUserName", "Administrators"), ("TargetDomainName", "Builtin")];
    security(
        4732,
        &member,
        "account_change/other/success account=S-1-5-21-7 labels={id,\"member_sid\":\"S-1-5-21-7\",\"group\":\"Builtin\\\\Administrators\",\"change\":\"added to group\"}",
    );
}

#[test]
fn what_is_done_to_the_log_is_told() {
    let log = "Microsoft-Windows-Eventlog";
    let by = [("SubjectUserName", "amy"), ("SubjectDomainName", "CORP")];
    check(
        log,
        1102,
        "Security",
        Shape::UserData,
        &by,
        "event_log_activity/clear/success account=CORP\\amy message=the log was cleared object=Security labels={id}",
    );
    check(
        log,
        104,
        "System",
        Shape::UserData,
        &[("Channel", "Sysmon")],
        "event_log_activity/clear/success message=the log was cleared object=Sysmon labels={id}",
    );
    check(log, 1100, "Security", Shape::UserData, &[], "event_log_activity/stop/success message=the log service was shut down object=Security labels={id}");
    let policy = |changes| [("SubcategoryGuid", "{0CCE9215-69AE-11D9-BED3-505054503030}"), ("AuditPolicyChanges", changes)];
    let object = "object={0CCE9215-69AE-11D9-BED3-505054503030}";
    security(
        4719,
        &policy("%%8448, %%8450"),
        &format!("event_log_activity/define/success {object} labels={{id,\"changes\":\"%%8448, %%8450\",\"records_less\":\"true\"}}"),
    );
    security(4719, &policy("%%8449"), &format!("event_log_activity/define/success {object} labels={{id,\"changes\":\"%%8449\"}}"));
    security(
        4616,
        &[("PreviousTime", "a"), ("NewTime", "b")],
        "application_lifecycle/clock_change/success labels={id,\"clock_from\":\"a\",\"clock_to\":\"b\"}",
    );
}

#[test]
fn an_event_id_means_nothing_without_its_provider() {
    check("Some-Application", 4624, "Application", Shape::EventData, &[("TargetUserName", "amy")], "base_event/other/unknown labels={id}");
}

#[test]
fn a_log_is_known_by_its_content() {
    let log = record(SECURITY, 4624, "Security", Shape::EventData, &[]);
    assert_eq!(strandline_event::recognise(&log), [("evtx", 1.0)]);
    assert_eq!(strandline_event::recognise(&log[4096..]), [("evtx", 1.0)]);
    let (_, kept) = common::read(&common::source("format = \"text\"\n[[pattern]]\npattern = '^(?P<time>.*)$'"), &log).expect("a source that can be read");
    assert!(kept.events().is_empty());
    assert!(kept.warnings[0].reason.contains("give its source the format \"evtx\""));
}

#[test]
fn carved_records_and_notes_are_marked() {
    let mut live = Chunk::new();
    let root = event(vec![element("EventData", vec![data("A", 6)])]);
    for id in 1..=2 {
        live.record(id, 7, &root, &values("P", 5, id, "C", vec![text("x")]));
    }
    let last = live.bytes.windows(4).rposition(|w| w == b"**\0\0").expect("a record");
    let old = live.bytes[last..].to_vec();
    let mut bytes = live.finish_with(&old);
    bytes[124] ^= 1;
    let (summary, kept) = common::read(&common::source("format = \"evtx\""), &file(&[bytes])).expect("a source that can be read");
    assert_eq!((summary.records_read, summary.records_refused), (3, 0));
    let events = kept.events();
    assert_eq!(events.iter().map(|e| e.sequence).collect::<Vec<_>>(), [Some(1), Some(2), None]);
    assert_eq!(events[2].labels.as_deref(), Some("{\"event_id\":\"5\",\"carved\":\"true\",\"record_id\":\"2\"}"));
    assert!(kept.warnings.iter().all(|warning| warning.is_note()) && kept.warnings.len() == 1);
}
