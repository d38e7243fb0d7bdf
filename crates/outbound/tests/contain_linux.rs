//! A real sshd with an account of its own, in namespaces: key, password, open session and multiplexed channel, each cut and back.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod servers;

use std::process::{Child, Command, Stdio};

use servers::{Server, Sshd, check_answer, connector, cut, inside, manner, run, until};
use strandline_model::containment::Effect;
use strandline_model::estate::{BreakGlass, TargetKind};
use strandline_outbound::contain::{Answer, ContainError, Manner, NeverTouch, Reach, connect};

const NAMESPACES: [&str; 4] = ["--net", "--mount", "--pid", "--mount-proc"];

fn eve() -> String {
    "eve".to_owned()
}

/// A session that stays open, and the socket over which others go.
fn open(sshd: &Sshd) -> Child {
    let mut command = sshd.ssh("eve");
    command.args(["-M", "-S", "/run/mux", "eve@127.0.0.1", "sleep 300"]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let child = command.spawn().unwrap();
    // The socket may be there before what the session runs.
    let runs = || Command::new("ps").args(["-u", "eve", "-o", "args="]).output().unwrap();
    until("the session is open", || multiplexed(sshd) && String::from_utf8_lossy(&runs().stdout).contains("sleep 300"));
    child
}

/// Without the socket ssh would open a connection of its own.
fn multiplexed(sshd: &Sshd) -> bool {
    std::path::Path::new("/run/mux").exists() && sshd.ssh("eve").args(["-S", "/run/mux", "eve@127.0.0.1", "true"]).output().unwrap().status.success()
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
    // With what opens his sessions: tried, refused; and let in where somebody unlocks the account.
    let knowing = |secret: String| {
        let keys = std::collections::BTreeMap::from([(("host".to_owned(), eve()), strandline_outbound::Secret::new(secret))]);
        // A refusal by PAM is slow, and a busy machine slower.
        connector(&sshd.reach(), &Manner { keys, patience: std::time::Duration::from_secs(30), ..manner() })
    };
    let (mut by_password, mut by_key) = (knowing("pw1".to_owned()), knowing(std::fs::read_to_string(sshd.key()).unwrap().trim_end().to_owned()));
    for trial in [&mut by_password, &mut by_key] {
        check_answer(&trial.verify(&lock, &before, &meant).unwrap(), Answer::Effective, "was tried by ssh with what was given and refused");
    }
    run(Command::new("usermod").args(["-U", "-e", "", "eve"]));
    for trial in [&mut by_password, &mut by_key] {
        check_answer(&trial.verify(&lock, &before, &meant).unwrap(), Answer::NotEffective, "signs in by ssh with what was given");
    }
    linux.apply(&lock, &meant).unwrap();
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
    std::fs::remove_file("/etc/cron.d/x").unwrap();
    std::fs::write("/etc/systemd/system/strandline-test.service", "[Service]\nExecStart=/bin/true\nUser = eve\n").unwrap();
    check_answer(&linux.verify(&jobs, &before_jobs, &meant_jobs).unwrap(), Answer::NotEffective, "strandline-test.service runs as eve");
    // As `systemd-run` leaves it.
    std::fs::create_dir_all("/run/systemd/transient").unwrap();
    std::fs::write("/run/systemd/transient/run-u1.service", "[Service]\nUser=eve\n").unwrap();
    check_answer(&linux.verify(&jobs, &before_jobs, &meant_jobs).unwrap(), Answer::NotEffective, "transient/run-u1.service runs as eve");
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
fn jobs_of_every_name_of_an_account_are_stopped() {
    if !inside("jobs_of_every_name_of_an_account_are_stopped", &NAMESPACES) {
        return;
    }
    let sshd = Sshd::start();
    let uid = run(Command::new("id").args(["-u", "eve"]));
    run(Command::new("useradd").args(["-M", "-o", "-u", uid.trim(), "-s", "/bin/sh", "evelyn"]));
    let tab = |name: &str| format!("/var/spool/cron/crontabs/{name}");
    std::fs::write(tab("eve"), "* * * * * true\n").unwrap();
    std::fs::write(tab("evelyn"), "* * * * * false\n").unwrap();
    let texts = || [tab("eve"), tab("evelyn")].map(|path| std::fs::read_to_string(path).unwrap_or_default());
    let (untouched, mut linux) = (texts(), connector(&sshd.reach(), &manner()));
    let jobs = Effect::LinuxJobsStop { account: eve() };
    let (before, meant) = cut(linux.as_mut(), &jobs);
    assert_eq!(texts(), ["", ""]);
    check_answer(&linux.verify(&jobs, &before, &meant).unwrap(), Answer::Effective, "crontabs/evelyn is not there");
    std::fs::write("/etc/cron.d/x", "* * * * * evelyn true\n").unwrap();
    check_answer(&linux.verify(&jobs, &before, &meant).unwrap(), Answer::NotEffective, "/etc/cron.d/x names evelyn");
    std::fs::remove_file("/etc/cron.d/x").unwrap();
    linux.undo(&jobs, &before).unwrap();
    linux.undo(&jobs, &before).unwrap();
    assert_eq!(texts(), untouched, "each has its own again");
}

/// As somebody of the machine.
fn as_account(account: &str, program: &str) -> Command {
    let mut command = Command::new("runuser");
    command.args(["-u", account, "--", program]);
    command
}

#[test]
#[ignore = "needs root, sshd and namespaces: apt-get install openssh-server openssh-client sshpass cron at"]
fn jobs_of_at_and_what_lingers_are_moved_and_come_back() {
    if !inside("jobs_of_at_and_what_lingers_are_moved_and_come_back", &NAMESPACES) {
        return;
    }
    let sshd = Sshd::start();
    let at = |account: &str| {
        let mut child = as_account(account, "at").args(["now", "+", "1", "day"]).stdin(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), b"true\n").unwrap();
        assert!(child.wait().unwrap().success());
    };
    let queue = |account: &str| run(&mut as_account(account, "atq"));
    let lingers = |account: &str| std::path::Path::new("/var/lib/systemd/linger").join(account).exists();
    // As `loginctl enable-linger` leaves it.
    std::fs::create_dir_all("/var/lib/systemd/linger").unwrap();
    for account in ["eve", "bob"] {
        at(account);
        std::fs::write(format!("/var/lib/systemd/linger/{account}"), "").unwrap();
    }
    at("eve");
    let all =
        || run(Command::new("sh").args(["-c", "cd /var/spool/cron && find . -type f ! -name .SEQ -exec sha256sum {} + -exec stat -c '%n %U %a' {} + | sort"]));
    let (mine, theirs, untouched) = (queue("eve"), queue("bob"), all());
    assert_eq!((mine.lines().count(), theirs.lines().count()), (2, 1));
    let mut linux = connector(&sshd.reach(), &manner());
    let jobs = Effect::LinuxJobsStop { account: eve() };
    let (before, meant) = cut(linux.as_mut(), &jobs);
    assert_eq!((queue("eve").as_str(), lingers("eve")), ("", false));
    assert!(queue("bob") == theirs && lingers("bob"), "the neighbour's are where they were");
    check_answer(&linux.verify(&jobs, &before, &meant).unwrap(), Answer::Effective, "linger/eve is not there");
    // A job that he makes afterwards.
    at("eve");
    check_answer(&linux.verify(&jobs, &before, &meant).unwrap(), Answer::NotEffective, "is there: it would start again");
    let late = queue("eve");
    run(as_account("eve", "atrm").arg(late.split_whitespace().next().unwrap()));
    std::fs::write("/var/lib/systemd/linger/eve", "").unwrap();
    check_answer(&linux.verify(&jobs, &before, &meant).unwrap(), Answer::NotEffective, "linger/eve is there: it would start again");
    std::fs::remove_file("/var/lib/systemd/linger/eve").unwrap();
    linux.undo(&jobs, &before).unwrap();
    linux.undo(&jobs, &before).unwrap();
    assert_eq!((queue("eve"), lingers("eve"), all()), (mine, true, untouched));
}

#[test]
#[ignore = "needs root, sshd and namespaces: apt-get install openssh-server openssh-client sshpass cron at"]
fn processes_that_are_born_when_others_die_are_not_born() {
    if !inside("processes_that_are_born_when_others_die_are_not_born", &NAMESPACES) {
        return;
    }
    // One that is among the first to be ended, many between, and some that wait for its end; and one that always forks.
    const FAMILY: &str = "cd /home/eve && mkfifo pipe && sleep 300 > pipe & while [ ! -p /home/eve/pipe ]; do sleep 0.05; done; cd /home/eve; \
         for i in $(seq 150); do sleep 300 & done; \
         for i in $(seq 20); do sh -c 'read line < pipe; echo born >> births; exec sleep 300' & done; \
         while :; do sleep 0.05; done";
    let sshd = Sshd::start();
    let uid = run(Command::new("id").args(["-u", "eve"]));
    let mut family = Command::new("setpriv").args([&format!("--reuid={}", uid.trim()), "--clear-groups", "--", "sh", "-c", FAMILY]).spawn().unwrap();
    let running = || run(Command::new("sh").args(["-c", "ps -u eve -o args= | grep -cE 'sleep 300|read line'; true"])).trim().parse().unwrap_or(0);
    until("all of it runs", || running() > 170);
    let births = || std::fs::read_to_string("/home/eve/births").unwrap_or_default();
    assert_eq!(births(), "", "none was born while all lived");
    let mut linux = connector(&sshd.reach(), &Manner { patience: std::time::Duration::from_secs(30), ..manner() });
    let end = Effect::LinuxEndSessions { account: eve() };
    let (none, _) = cut(linux.as_mut(), &end);
    assert_eq!(births(), "", "whoever was suspended saw nobody die");
    check_answer(&linux.verify(&end, &none, &none).unwrap(), Answer::Effective, "looked at twice");
    let _ = family.wait();
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
    assert!(matches!(linux.refuse_protected(&Effect::LinuxLock { account: "root".to_owned() }), Err(ContainError::NeverTouched { .. })));
    assert!(matches!(linux.read(&Effect::LinuxLock { account: "nobody2".to_owned() }), Err(ContainError::Absent { .. })));
    assert!(matches!(linux.read(&Effect::LinuxLock { account: "-L".to_owned() }), Err(ContainError::Unusable { .. })));
    // Under an id that she may give to a container, and of a program that stands in no folder any more.
    std::fs::write("/etc/subuid", "eve:100000:65536\n").unwrap();
    run(Command::new("cp").args(["/bin/sleep", "/run/gone"]));
    let ghost = |uid: &str| Command::new("setpriv").args([&format!("--reuid={uid}"), "--clear-groups", "--", "/run/gone", "300"]).spawn().unwrap();
    let (mut contained, mut deleted) = (ghost("100001"), ghost(run(Command::new("id").args(["-u", "eve"])).trim()));
    until("both run", || run(Command::new("ps").args(["-eo", "args="])).matches("/run/gone 300").count() == 2);
    std::fs::remove_file("/run/gone").unwrap();
    let end = Effect::LinuxEndSessions { account: eve() };
    let capture = linux.capture(&end).unwrap();
    let program = capture.pieces.iter().find(|piece| piece.name == format!("program-{}.bin", deleted.id())).unwrap();
    assert_eq!(program.bytes, std::fs::read("/bin/sleep").unwrap());
    assert!(capture.lost.iter().any(|text| text.contains(&format!("memory of process {}", deleted.id()))), "{:?}", capture.lost);
    let (none, _) = cut(linux.as_mut(), &end);
    let _ = deleted.wait();
    check_answer(&linux.verify(&end, &none, &none).unwrap(), Answer::NotEffective, "1 processes run under ids that eve may give to containers");
    let _ = contained.kill();
    let _ = contained.wait();
    check_answer(&linux.verify(&end, &none, &none).unwrap(), Answer::Effective, "looked at twice");
    // Another name of the same account.
    let lock = Effect::LinuxLock { account: eve() };
    let (before, meant) = cut(linux.as_mut(), &lock);
    let uid = run(Command::new("id").args(["-u", "eve"]));
    run(Command::new("useradd").args(["-o", "-u", uid.trim(), "-M", "twin"]));
    check_answer(&linux.verify(&lock, &before, &meant).unwrap(), Answer::NotEffective, "account twin is the same one");
    // Whose other name is never cut off is not, either.
    let spared = BreakGlass { target: None, account: Some("twin".to_owned()), address: None, reason: "sealed".to_owned() };
    let mut careful = connector(&sshd.reach(), &Manner { never: NeverTouch::new(vec![spared]), ..manner() });
    assert!(matches!(careful.refuse_protected(&end), Err(ContainError::NeverTouched { .. })));
    linux.undo(&lock, &before).unwrap();
    servers::comes_back_though_protected(&sshd.reach(), &lock, Some("twin"), None);
    let _ = master.kill();
    let _ = master.wait();
}

/// The machine by ssh, as somebody, with a key.
fn by_ssh(account: &str, kind: TargetKind, key: &std::path::Path) -> Reach {
    let rest = format!("ssh = \"{account}@127.0.0.1:2222\"\nidentity_file = \"{}\"", key.display());
    servers::reach(servers::target("host", kind, &rest), None)
}

/// What ssh is set up with: root's own folder, which is empty in the test's namespaces.
fn set_up_ssh(sshd: &Sshd) {
    std::fs::create_dir_all("/root/.ssh").unwrap();
    run(Command::new("chmod").args(["700", "/root", "/root/.ssh"]));
    std::fs::copy(sshd.key().with_extension("pub"), "/root/.ssh/authorized_keys").unwrap();
    // We come from an address of our own.
    std::fs::write("/root/.ssh/config", "Host 127.0.0.1\n BindAddress 127.0.0.5\n").unwrap();
}

fn trust(key: &str) {
    std::fs::write("/root/.ssh/known_hosts", format!("[127.0.0.1]:2222 {}", std::fs::read_to_string(key).unwrap())).unwrap();
}

#[test]
#[ignore = "needs root, sshd, nft and namespaces: apt-get install openssh-server openssh-client sshpass cron at nftables iproute2"]
fn a_machine_is_reached_by_ssh_with_its_key_and_only_if_it_is_the_one_that_is_known() {
    if !inside("a_machine_is_reached_by_ssh_with_its_key_and_only_if_it_is_the_one_that_is_known", &NAMESPACES) {
        return;
    }
    let sshd = Sshd::start();
    set_up_ssh(&sshd);
    let root = by_ssh("root", TargetKind::Linux, &sshd.key());
    let error = |reach: &Reach| connect(reach, &manner()).map(|_| ()).expect_err("it is not to be reached");
    // Nobody knows its key yet; then it is another one.
    assert!(error_text(&error(&root)).contains("Host key verification failed"), "{:?}", error(&root));
    let folder = Server::new();
    run(Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(folder.at("other")));
    trust(&folder.at("other.pub").display().to_string());
    assert!(error_text(&error(&root)).contains("Host key verification failed"), "{:?}", error(&root));
    trust("/etc/ssh/ssh_host_ed25519_key.pub");
    // A key that it does not take, one that is not there, an account without rights.
    let told = error(&by_ssh("root", TargetKind::Linux, &folder.at("other")));
    assert!(matches!(told, ContainError::NotLetIn { .. }), "{told:?}");
    let told = error(&by_ssh("root", TargetKind::Linux, &folder.at("nowhere")));
    assert!(matches!(told, ContainError::Unusable { .. }) && told.to_string().contains("nowhere"), "{told:?}");
    let told = error(&by_ssh("bob", TargetKind::Linux, &sshd.key()));
    assert!(matches!(told, ContainError::NoRight { .. }), "{told:?}");
    // The cut itself: locked, ended, back, with the programs of administrators in the path of another machine's shell.
    let untouched = files();
    let mut master = open(&sshd);
    let mut linux = connector(&root, &manner());
    let cuts = [
        (Effect::LinuxLock { account: eve() }, "opens new channels without asking"),
        (Effect::LinuxKeysMove { account: eve() }, "its password opens sessions still"),
    ];
    for (effect, said) in cuts {
        let (before, meant) = cut(linux.as_mut(), &effect);
        check_answer(&linux.verify(&effect, &before, &meant).unwrap(), Answer::NotEffective, said);
        if matches!(effect, Effect::LinuxLock { .. }) {
            assert!(!sshd.by_key("eve") && !sshd.by_password("eve", "pw1"));
            let end = Effect::LinuxEndSessions { account: eve() };
            assert!(linux.capture(&end).unwrap().pieces.iter().any(|piece| String::from_utf8_lossy(&piece.bytes).contains("SSH_CONNECTION=")));
            let (none, _) = cut(linux.as_mut(), &end);
            check_answer(&linux.verify(&end, &none, &none).unwrap(), Answer::Effective, "looked at twice");
            assert!(!multiplexed(&sshd));
        }
        linux.undo(&effect, &before).unwrap();
        assert_eq!(files(), untouched, "{effect:?}");
    }
    let _ = master.wait();
    // Who we are ourselves there, and where we come from.
    let mut edge = connector(&by_ssh("root", TargetKind::Nftables, &sshd.key()), &manner());
    let drop_of = |address: &str| Effect::NftablesDrop { address: address.to_owned() };
    match edge.refuse_protected(&drop_of("127.0.0.5")) {
        Err(ContainError::NeverTouched { why, .. }) => assert!(why.contains("our own connection"), "{why}"),
        other => panic!("{other:?}"),
    }
    let (before, meant) = cut(edge.as_mut(), &drop_of("127.0.0.9"));
    check_answer(&edge.verify(&drop_of("127.0.0.9"), &before, &meant).unwrap(), Answer::NotTestable, "nobody here can try it");
    edge.undo(&drop_of("127.0.0.9"), &before).unwrap();
}

/// What `sudo -n` does for somebody who may: the administrator, and nothing of the environment.
fn set_up_sudo() {
    run(Command::new("mount").args(["-t", "tmpfs", "tmpfs", "/usr/local/bin"]));
    run(Command::new("cp").args(["/usr/bin/setpriv", "/usr/local/bin/as-root"]));
    run(Command::new("chmod").args(["4755", "/usr/local/bin/as-root"]));
    let script = "#!/bin/sh\nshift\nexec /usr/local/bin/as-root --reuid=0 --regid=0 --clear-groups -- env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin \"$@\"\n";
    std::fs::write("/usr/local/bin/sudo", script).unwrap();
    run(Command::new("chmod").args(["755", "/usr/local/bin", "/usr/local/bin/sudo"]));
}

#[test]
#[ignore = "needs root, sshd, nft and namespaces: apt-get install openssh-server openssh-client sshpass cron at nftables iproute2"]
fn behind_sudo_our_own_way_in_is_still_known() {
    if !inside("behind_sudo_our_own_way_in_is_still_known", &NAMESPACES) {
        return;
    }
    let sshd = Sshd::start();
    set_up_ssh(&sshd);
    trust("/etc/ssh/ssh_host_ed25519_key.pub");
    set_up_sudo();
    // The account stands in ssh's own settings alone.
    std::fs::write("/root/.ssh/config", "Host 127.0.0.1\n BindAddress 127.0.0.5\n User bob\n").unwrap();
    let bare = |kind| {
        let rest = format!("ssh = \"127.0.0.1:2222\"\nidentity_file = \"{}\"", sshd.key().display());
        servers::reach(servers::target("host", kind, &rest), None)
    };
    let mut edge = connector(&bare(TargetKind::Nftables), &manner());
    match edge.refuse_protected(&Effect::NftablesDrop { address: "127.0.0.5".to_owned() }) {
        Err(ContainError::NeverTouched { why, .. }) => assert!(why.contains("our own connection"), "{why}"),
        other => panic!("{other:?}"),
    }
    let drop = Effect::NftablesDrop { address: "203.0.113.9".to_owned() };
    let (before, _) = cut(edge.as_mut(), &drop);
    edge.undo(&drop, &before).unwrap();
    let mut linux = connector(&bare(TargetKind::Linux), &manner());
    match linux.refuse_protected(&Effect::LinuxLock { account: "bob".to_owned() }) {
        Err(ContainError::NeverTouched { why, .. }) => assert!(why.contains("we use ourselves"), "{why}"),
        other => panic!("{other:?}"),
    }
    let (before, _) = cut(linux.as_mut(), &Effect::LinuxLock { account: eve() });
    linux.undo(&Effect::LinuxLock { account: eve() }, &before).unwrap();
}

#[test]
#[ignore = "needs root, sshd and namespaces: apt-get install openssh-server openssh-client sshpass cron at"]
fn what_a_killed_run_left_at_work_is_waited_for() {
    if !inside("what_a_killed_run_left_at_work_is_waited_for", &NAMESPACES) {
        return;
    }
    let sshd = Sshd::start();
    // As a shell of ours that still has to rename a file when its program is gone.
    let mut left = Command::new("flock").args(["-o", "/run/strandline.lock", "sh", "-c", "sleep 2; usermod -L eve"]).spawn().unwrap();
    until("it is at work", || !Command::new("flock").args(["-n", "/run/strandline.lock", "true"]).status().unwrap().success());
    let lock = Effect::LinuxLock { account: eve() };
    let found = connector(&sshd.reach(), &manner()).read(&lock).unwrap();
    assert!(left.try_wait().unwrap().is_some(), "nothing is read before it has ended");
    assert!(format!("{found:?}").contains("yes"), "{found:?}");
    run(Command::new("usermod").args(["-U", "eve"]));
    // Nor is anything changed meanwhile.
    let mut linux = connector(&sshd.reach(), &Manner { patience: std::time::Duration::from_secs(1), ..manner() });
    let (before, meant) = (linux.read(&lock).unwrap(), linux.read(&lock).and_then(|before| linux.meant(&lock, &before, &mut || [7; 32])).unwrap());
    let mut left = Command::new("flock").args(["/run/strandline.lock", "sleep", "3"]).spawn().unwrap();
    until("it is at work", || !Command::new("flock").args(["-n", "/run/strandline.lock", "true"]).status().unwrap().success());
    assert!(linux.apply(&lock, &meant).is_err());
    assert_eq!(linux.read(&lock).unwrap(), before);
    let _ = left.wait();
}

fn error_text(error: &ContainError) -> String {
    std::iter::successors(Some(error as &dyn std::error::Error), |cause| cause.source()).map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

#[test]
#[ignore = "needs ssh: apt-get install openssh-client"]
fn a_machine_that_takes_the_connection_and_says_nothing_is_given_up() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    for kind in [TargetKind::Linux, TargetKind::Nftables, TargetKind::Web] {
        let more = if kind == TargetKind::Web { "\nfolder = \"/etc/nginx/strandline\"" } else { "" };
        let at = servers::reach(servers::target("host", kind, &format!("ssh = \"root@127.0.0.1:{port}\"{more}")), None);
        let begun = std::time::Instant::now();
        let told = connect(&at, &Manner { patience: std::time::Duration::from_secs(1), ..manner() }).map(|_| ()).expect_err("it says nothing");
        assert!(matches!(told, ContainError::TooSlow { .. } | ContainError::Unreachable { .. }), "{told:?}");
        assert!(begun.elapsed() < std::time::Duration::from_secs(10), "{:?}", begun.elapsed());
    }
}
