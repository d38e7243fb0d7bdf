//! The sender is killed in the middle and started again, on the store that is used in earnest: each person once, or listed.

#![allow(clippy::unwrap_used, clippy::print_stdout)] // helpers of tests are tests too

mod support;

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use strandline_case::Case;
use strandline_model::letter::SendingState;
use strandline_outbound::{SendPlan, Server, send};
use support::{CaseOutbox, NEVER, Sink, Sinkable, address_of, identity, new_case, now, pace, queue, server, states};

/// Set in the child: the case, and the port of the server.
const CHILD_CASE: &str = "STRANDLINE_TEST_SENDING_CASE";
const CHILD_PORT: &str = "STRANDLINE_TEST_SENDING_PORT";

const PEOPLE: usize = 600;
const CONNECTIONS: usize = 4;

/// Not a test of its own: the child that the kill test starts and kills.
#[test]
fn child_that_gets_killed() {
    let (Some(path), Ok(port)) = (std::env::var_os(CHILD_CASE), std::env::var(CHILD_PORT)) else { return };
    let case = Case::open(Path::new(&path)).unwrap();
    let sink = Sink::start(Sinkable::default());
    let (identity, server) = (identity(), Server { port: port.parse().unwrap(), ..server(&sink) });
    let pace = strandline_outbound::Pace { connections: CONNECTIONS, ..pace() };
    let plan = SendPlan { server: &server, identity: &identity, dkim: None, pace, stop: &NEVER };
    send(&plan, &mut CaseOutbox(case.sending().unwrap()), &now, &mut |_| ()).unwrap();
}

#[test]
fn killed_and_started_again_each_person_gets_one_letter_or_is_listed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("case");
    let case = new_case(&path);
    queue(&case, PEOPLE);
    drop(case);
    let sink = Sink::start(Sinkable { pause: Duration::from_millis(3), ..Sinkable::default() });
    let mut kills = 0;
    for round in 0.. {
        assert!(round < 200, "it never came to an end");
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child_that_gets_killed", "--test-threads=1"])
            .env(CHILD_CASE, &path)
            .env(CHILD_PORT, sink.address.port().to_string())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // Let it send some, and then kill it at whatever point it is.
        let before = sink.taken().len();
        loop {
            if let Some(status) = child.try_wait().unwrap() {
                assert!(status.success());
                break;
            }
            if sink.taken().len() > before + 20 + (round * 7) % 40 {
                std::thread::sleep(Duration::from_micros((round as u64 * 613) % 5_000));
                child.kill().unwrap();
                kills += 1;
                break;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        child.wait().unwrap();
        let case = Case::open(&path).unwrap();
        let found = states(&case);
        let left = [SendingState::Queued, SendingState::InFlight, SendingState::Deferred].iter().map(|s| found.get(s).map_or(0, Vec::len)).sum::<usize>();
        if left == 0 {
            break;
        }
    }
    // What the server still works on when the sender dies, it finishes.
    std::thread::sleep(Duration::from_millis(200));
    let case = Case::open(&path).unwrap();
    let found = states(&case);
    let taken = sink.taken();
    assert!(taken.values().all(|times| *times == 1), "somebody got two");
    let uncertain = found.get(&SendingState::Uncertain).cloned().unwrap_or_default();
    for person in 0..PEOPLE {
        assert!(taken.contains_key(&address_of(person)) || uncertain.contains(&person), "person {person} was left out");
    }
    assert_eq!(found.get(&SendingState::Accepted).map_or(0, Vec::len) + uncertain.len(), PEOPLE, "{found:?}");
    assert!(kills >= 5, "killed only {kills} times");
    assert!(uncertain.len() <= kills * CONNECTIONS, "{} uncertain after {kills} kills", uncertain.len());
    println!(
        "{kills} kills, {} uncertain, of which {} had arrived",
        uncertain.len(),
        uncertain.iter().filter(|p| taken.contains_key(&address_of(**p))).count()
    );
}
