//! A real sshd with an account of its own, in namespaces: key, password, open session and multiplexed channel, each cut and back.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod servers;

use std::process::{Child, Command, Stdio};

use servers::{Sshd, check_answer, connector, cut, inside, manner, run, until};
use strandline_model::containment::Effect;
use strandline_outbound::contain::{Answer, ContainError};

const NAMESPACES: [&str; 4] = ["--net", "--mount", "--pid", "--mount-proc"];

fn eve() -> String {
    "eve".to_owned()
}

/// A session that stays open, and the socket over which others go.
fn open(sshd: &Sshd) -> Child {
    let mut command = sshd.ssh("eve");
    command.args(["-M", "-S", "/run/mux", "eve@127.0.0.1", "sleep 300"]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let child = command.spawn().unwrap();
    until("the session is open", || multiplexed(sshd));
    child
}

fn multiplexed(sshd: &Sshd) -> bool {
    sshd.ssh("eve").args(["-S", "/run/mux", "eve@127.0.0.1", "true"]).output().unwrap().status.success() && std::path::Path::new("/run/mux").exists()
}

fn files() -> String {
    let text = |path: &str| std::fs::read_to_string(path).unwrap_or_else(|_| "absent".to_owned());
    ["/etc/shadow", "/etc/passwd", "/home/eve/.ssh/authorized_keys", "/home/eve/.ssh/authorized_keys2", "/var/spool/cron/crontabs/eve"].map(text).join("\n--\n")
}

#[test]
#[ignore = "needs root, sshd and namespaces: apt-get install openssh-server openssh-client sshpass cron at"]
fn an_account_is_locked_expired_and_its_multiplexed_session_ended() {
    if !inside("an_account_is_locked_expired_and_its_multiplexed_session_ended", &NAMESPACES) {
        return;
    }
    let sshd = Sshd::start();
    let untouched = files();
    let mut master = open(&sshd);
    let mut linux = connector(&sshd.reach(), &manner());
    let lock = Effect::LinuxLock { account: eve() };
    let (before, meant) = cut(linux.as_mut(), &lock);
    assert!(!sshd.by_key("eve") && !sshd.by_password("eve", "pw1") && sshd.by_key("bob"), "neither key nor password, and the neighbour is in");
    assert!(multiplexed(&sshd), "the open connection opens new channels");
    check_answer(&linux.verify(&lock, &before, &meant).unwrap(), Answer::NotEffective, "opens new channels without asking");
    let end = Effect::LinuxEndSessions { account: eve() };
    let (none, _) = cut(linux.as_mut(), &end);
    check_answer(&linux.verify(&end, &none, &none).unwrap(), Answer::Effective, "looked at twice");
    check_answer(&linux.verify(&lock, &before, &meant).unwrap(), Answer::NotTestable, "has expired, for keys, too");
    assert!(!multiplexed(&sshd));
    let _ = master.wait();
    linux.undo(&lock, &before).unwrap();
    linux.undo(&lock, &before).unwrap();
    assert_eq!(files(), untouched);
    assert!(sshd.by_key("eve") && sshd.by_password("eve", "pw1"));
}

#[test]
#[ignore = "needs root, sshd and namespaces: apt-get install openssh-server openssh-client sshpass cron at"]
fn keys_and_jobs_are_moved_and_come_back() {
    if !inside("keys_and_jobs_are_moved_and_come_back", &NAMESPACES) {
        return;
    }
    let sshd = Sshd::start();
    std::fs::write("/var/spool/cron/crontabs/eve", "* * * * * true\n").unwrap();
    let untouched = files();
    let mut linux = connector(&sshd.reach(), &manner());
    let (keys, jobs) = (Effect::LinuxKeysMove { account: eve() }, Effect::LinuxJobsStop { account: eve() });
    let (before_keys, meant_keys) = cut(linux.as_mut(), &keys);
    assert!(!sshd.by_key("eve") && sshd.by_password("eve", "pw1"));
    check_answer(&linux.verify(&keys, &before_keys, &meant_keys).unwrap(), Answer::NotEffective, "its password opens sessions still");
    let (before_jobs, meant_jobs) = cut(linux.as_mut(), &jobs);
    check_answer(&linux.verify(&jobs, &before_jobs, &meant_jobs).unwrap(), Answer::Effective, "crontabs/eve is not there");
    std::fs::write("/etc/cron.d/x", "* * * * * eve true\n").unwrap();
    check_answer(&linux.verify(&jobs, &before_jobs, &meant_jobs).unwrap(), Answer::NotEffective, "/etc/cron.d/x names eve");
    // Somebody puts another key there.
    std::fs::write("/home/eve/.ssh/authorized_keys", "ssh-ed25519 AAAA other\n").unwrap();
    check_answer(&linux.verify(&keys, &before_keys, &meant_keys).unwrap(), Answer::NotEffective, "its keys open sessions");
    assert_ne!(linux.read(&keys).unwrap(), meant_keys);
    std::fs::remove_file("/home/eve/.ssh/authorized_keys").unwrap();
    linux.undo(&keys, &before_keys).unwrap();
    linux.undo(&jobs, &before_jobs).unwrap();
    assert_eq!(files(), untouched);
    assert!(sshd.by_key("eve"));
}

#[test]
#[ignore = "needs root, sshd and namespaces: apt-get install openssh-server openssh-client sshpass cron at"]
fn evidence_is_captured_and_who_must_stay_in_stays_in() {
    if !inside("evidence_is_captured_and_who_must_stay_in_stays_in", &NAMESPACES) {
        return;
    }
    let sshd = Sshd::start();
    let mut master = open(&sshd);
    let mut linux = connector(&sshd.reach(), &manner());
    let capture = linux.capture(&Effect::LinuxEndSessions { account: eve() }).unwrap();
    let processes = capture.pieces.iter().find(|piece| piece.name == "processes.txt").unwrap();
    assert!(String::from_utf8_lossy(&processes.bytes).contains("SSH_CONNECTION="), "the environment of his processes");
    assert!(capture.lost.iter().any(|text| text.contains("memory")));
    assert!(matches!(linux.read(&Effect::LinuxLock { account: "root".to_owned() }), Err(ContainError::NeverTouched { .. })));
    assert!(matches!(linux.read(&Effect::LinuxLock { account: "nobody2".to_owned() }), Err(ContainError::Absent { .. })));
    assert!(matches!(linux.read(&Effect::LinuxLock { account: "-L".to_owned() }), Err(ContainError::Unusable { .. })));
    // Another name of the same account.
    let lock = Effect::LinuxLock { account: eve() };
    let (before, meant) = cut(linux.as_mut(), &lock);
    let uid = run(Command::new("id").args(["-u", "eve"]));
    run(Command::new("useradd").args(["-o", "-u", uid.trim(), "-M", "twin"]));
    check_answer(&linux.verify(&lock, &before, &meant).unwrap(), Answer::NotEffective, "account twin is the same one");
    let _ = master.kill();
    let _ = master.wait();
}
