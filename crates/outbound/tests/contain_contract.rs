//! The contract with a program and a service of the organisation: each verb, a wrong key, an answer to another question.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test that cannot go on fails")]

mod servers;

use std::io::{BufRead, BufReader, Read, Write};
use std::process::Command;

use servers::{Server, check_answer, connector, cut, manner, reach, run, target};
use strandline_model::containment::Effect;
use strandline_model::estate::TargetKind;
use strandline_outbound::contain::{Answer, ContainError, Reach, connect};

const KEY: &str = "a key of sixteen characters";

/// The worked example of the documentation, on a file in place of a directory.
const EXAMPLE: &str = include_str!("../../../docs/containment/example_responder.py");

fn python() -> bool {
    let is_there = Command::new("python3").arg("--version").output().is_ok();
    if !is_there {
        println!("SKIPPED: python3, in which the documentation's example is written, is not here");
    }
    is_there
}

fn program(folder: &Server, key: &str) -> Reach {
    std::fs::write(folder.at("responder.py"), EXAMPLE).unwrap();
    std::fs::write(folder.at("key"), key).unwrap();
    std::fs::write(folder.at("accounts.json"), "{\"ann\": {\"enabled\": \"yes\"}, \"bob\": {\"enabled\": \"yes\"}}").unwrap();
    let at = folder.folder().display();
    let rest = format!("command = [\"python3\", \"{at}/responder.py\", \"{at}/key\", \"{at}/accounts.json\"]");
    reach(target("idp", TargetKind::Exec, &rest), Some(KEY))
}

fn disable(subject: &str) -> Effect {
    Effect::Exec { action: "disable_account".to_owned(), subject: subject.to_owned() }
}

#[test]
fn the_documented_example_keeps_the_contract() {
    if !python() {
        return;
    }
    let folder = Server::new();
    let mut idp = connector(&program(&folder, KEY), &manner());
    let accounts = || std::fs::read_to_string(folder.at("accounts.json")).unwrap();
    let untouched = accounts();
    let (before, meant) = cut(idp.as_mut(), &disable("ann"));
    check_answer(&idp.verify(&disable("ann"), &before, &meant).unwrap(), Answer::Effective, "ann");
    assert!(accounts().contains("no") && accounts() != untouched);
    idp.undo(&disable("ann"), &before).unwrap();
    assert_eq!(accounts(), untouched);
    assert_eq!(idp.capture(&disable("ann")).unwrap().pieces.len(), 1);
    assert!(matches!(idp.read(&disable("nobody")), Err(ContainError::Refused { .. })));
}

#[test]
fn a_program_that_signs_with_another_key_is_not_believed() {
    if !python() {
        return;
    }
    let folder = Server::new();
    let mut idp = connector(&program(&folder, "another key of sixteen"), &manner());
    assert!(matches!(idp.read(&disable("ann")), Err(ContainError::Refused { .. } | ContainError::Strange { .. })));
    let silent = reach(target("idp", TargetKind::Exec, "command = [\"true\"]"), Some(KEY));
    assert!(matches!(connector(&silent, &manner()).read(&disable("ann")), Err(ContainError::Strange { .. })));
    let absent = reach(target("idp", TargetKind::Exec, "command = [\"/nowhere/at/all\"]"), Some(KEY));
    assert!(matches!(connector(&absent, &manner()).read(&disable("ann")), Err(ContainError::Unreachable { .. })));
}

#[test]
fn a_service_is_asked_by_https_or_on_this_machine_and_an_old_answer_is_refused() {
    if !python() {
        return;
    }
    let folder = Server::new();
    let program = program(&folder, KEY).target.command;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/strandline", listener.local_addr().unwrap());
    // A service around the same program, which answers its second question as the first.
    std::thread::spawn(move || {
        let mut first: Option<Vec<u8>> = None;
        for stream in listener.incoming().flatten() {
            let mut stream = BufReader::new(stream);
            let (mut line, mut length) = (String::new(), 0);
            while stream.read_line(&mut line).unwrap() > 2 {
                if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
                line.clear();
            }
            let mut body = vec![0; length];
            stream.read_exact(&mut body).unwrap();
            let answer = first.get_or_insert_with(|| {
                let mut child = Command::new(&program[0])
                    .args(&program[1..])
                    .arg("read")
                    .stdin(std::process::Stdio::piped())
                    .stdout(std::process::Stdio::piped())
                    .spawn()
                    .unwrap();
                child.stdin.take().unwrap().write_all(&body).unwrap();
                child.wait_with_output().unwrap().stdout
            });
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", answer.len());
            stream.get_mut().write_all(&[head.as_bytes(), answer].concat()).unwrap();
        }
    });
    let mut service = connector(&reach(target("idp", TargetKind::Webhook, &format!("address = \"{url}\"")), Some(KEY)), &manner());
    let effect = Effect::Webhook { action: "disable_account".to_owned(), subject: "ann".to_owned() };
    assert_eq!(service.read(&effect).unwrap().0.len(), 1);
    match service.read(&effect) {
        Err(ContainError::Strange { why, .. }) => assert!(why.contains("another question"), "{why}"),
        other => panic!("{other:?}"),
    }
    for (address, key) in [("http://192.0.2.1/x", Some(KEY)), ("https://example.org/", None), ("https://example.org/", Some("short"))] {
        let one = reach(target("idp", TargetKind::Webhook, &format!("address = \"{address}\"")), key);
        assert!(matches!(connect(&one, &manner()), Err(ContainError::Unusable { .. })), "{address}");
    }
    run(&mut Command::new("true"));
}

#[test]
fn evidence_that_takes_too_long_is_named_and_holds_nobody() {
    let slow = reach(target("slow", TargetKind::Exec, "command = [\"sh\", \"-c\", \"sleep 60\"]"), Some(KEY));
    let planned = vec![strandline_outbound::contain::Planned {
        action: servers::action("slow", disable("ann")),
        target: "slow".to_owned(),
        before: strandline_outbound::contain::TargetState::default(),
        meant: strandline_outbound::contain::TargetState::default(),
        lost: Vec::new(),
    }];
    let hasty = strandline_outbound::contain::Manner { evidence: std::time::Duration::from_millis(300), ..manner() };
    let begun = std::time::Instant::now();
    let captured = strandline_outbound::contain::Wave::new(&planned, &std::collections::BTreeMap::from([("slow".to_owned(), slow)]), &hasty).capture(&[0]);
    assert!(matches!(captured[&0], Err(ContainError::TooSlow { .. })));
    assert!(begun.elapsed() < std::time::Duration::from_secs(3), "{:?}", begun.elapsed());
}
