//! A real mail server: 6,800 letters, the sender killed in the middle, and reports of those that did not arrive.

#![allow(clippy::unwrap_used, clippy::print_stdout)] // helpers of tests are tests too

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rcgen::{CertificateParams, KeyPair};
use strandline_case::{Case, SendingStep};
use strandline_model::letter::{Channel, LetterReference, SendingState};
use strandline_outbound::{BounceKind, Pace, Security, SendPlan, Server, Timeouts, find_accepted, read_bounce, read_messages, send};
use support::{CaseOutbox, NEVER, address_of, identity, new_case, now, queue, states};

const PEOPLE: usize = 6_800;
const CONNECTIONS: usize = 8;

/// Set in the child: the case, the server's port, and the file of its certificate.
const CHILD: [&str; 3] = ["STRANDLINE_TEST_POSTFIX_CASE", "STRANDLINE_TEST_POSTFIX_PORT", "STRANDLINE_TEST_POSTFIX_CERTIFICATE"];

/// A Postfix of our own, in a folder of its own. People whose number ends in 50 or 00 have no mailbox.
struct Postfix {
    folder: tempfile::TempDir,
    port: u16,
}

impl Postfix {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        Command::new("chmod").args(["755"]).arg(root).status().unwrap();
        for name in ["conf", "spool", "data", "mail"] {
            fs::create_dir(root.join(name)).unwrap();
        }
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(vec!["127.0.0.1".into()]).unwrap().self_signed(&key).unwrap();
        fs::write(root.join("conf/key.pem"), key.serialize_pem()).unwrap();
        fs::write(root.join("conf/certificate.pem"), certificate.pem()).unwrap();
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let at = root.display();
        fs::write(root.join("conf/main.cf"), MAIN.replace("{at}", &at.to_string())).unwrap();
        fs::write(root.join("conf/master.cf"), MASTER.replace("{port}", &port.to_string())).unwrap();
        fs::write(root.join("conf/people"), "if !/^p[0-9]*[05]0@/\n/^p[0-9]+@example\\.net$/ people/\nendif\n").unwrap();
        for (owner, name) in [("postfix", "data"), ("nobody", "mail")] {
            assert!(Command::new("chown").arg(owner).arg(root.join(name)).status().unwrap().success());
        }
        let this = Self { folder, port };
        this.run("check");
        this.run("start");
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            std::thread::sleep(Duration::from_millis(50));
        }
        this
    }

    fn run(&self, what: &str) {
        let status = Command::new("postfix").arg("-c").arg(self.path("conf")).arg(what).stderr(Stdio::null()).status();
        assert!(status.expect("postfix is installed").success(), "postfix {what}");
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Waits until everything that was taken is delivered or returned.
    fn drain(&self) {
        let empty = |name: &str| files(&self.path(&format!("spool/{name}"))).is_empty();
        let mut quiet = 0;
        while quiet < 10 {
            quiet = if ["incoming", "active", "maildrop", "deferred"].iter().all(|name| empty(name)) { quiet + 1 } else { 0 };
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

impl Drop for Postfix {
    fn drop(&mut self) {
        let _ = Command::new("postfix").arg("-c").arg(self.path("conf")).arg("stop").stderr(Stdio::null()).status();
    }
}

const MAIN: &str = "compatibility_level = 3.6
queue_directory = {at}/spool
data_directory = {at}/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
myhostname = mx.example.org
mydestination =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
virtual_mailbox_domains = example.net example.org
virtual_mailbox_base = {at}/mail
virtual_mailbox_maps = inline:{ { bounces@example.org = bounces/ } }, regexp:{at}/conf/people
virtual_uid_maps = static:65534
virtual_gid_maps = static:65534
virtual_minimum_uid = 100
recipient_delimiter = +
smtpd_reject_unlisted_recipient = no
smtpd_tls_security_level = encrypt
smtpd_tls_cert_file = {at}/conf/certificate.pem
smtpd_tls_key_file = {at}/conf/key.pem
smtpd_client_connection_count_limit = 0
smtpd_client_connection_rate_limit = 0
maillog_file = {at}/mail.log
maillog_file_prefixes = {at}
";

const MASTER: &str = "127.0.0.1:{port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
error unix - - n - - error
retry unix - - n - - error
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
";

/// All files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => found.extend(files(&entry.path())),
            _ => found.push(entry.path()),
        }
    }
    found
}

fn has_no_mailbox(person: usize) -> bool {
    person.is_multiple_of(50)
}

/// Not a test of its own: the child that is killed. Sends what the case has.
#[test]
fn child_that_gets_killed() {
    let [Some(path), Some(port), Some(certificate)] = CHILD.map(std::env::var_os) else { return };
    let server = Server {
        host: "127.0.0.1".into(),
        port: port.to_str().unwrap().parse().unwrap(),
        security: Security::StartTls,
        credentials: None,
        own_name: "client.example.org".into(),
        timeouts: Timeouts::default(),
        authorities_pem: Some(fs::read_to_string(certificate).unwrap()),
    };
    let case = Case::open(Path::new(&path)).unwrap();
    let identity = identity();
    let pace = Pace { connections: CONNECTIONS, retry_after: Duration::from_millis(200), ..Pace::default() };
    let plan = SendPlan { server: &server, identity: &identity, dkim: None, pace, stop: &NEVER };
    send(&plan, &mut CaseOutbox(case.sending().unwrap()), &now, &mut |_| ()).unwrap();
}

/// Runs the child until it ends, or kills it when it has sent `kill_after` more. Returns letters accepted by it and seconds.
fn run_child(postfix: &Postfix, case: &Path, kill_after: Option<usize>) -> (usize, f64) {
    let accepted = || states(&Case::open_for_reading(case).unwrap()).get(&SendingState::Accepted).map_or(0, Vec::len);
    let before = accepted();
    let began = Instant::now();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child_that_gets_killed", "--test-threads=1"])
        .env(CHILD[0], case)
        .env(CHILD[1], postfix.port.to_string())
        .env(CHILD[2], postfix.path("conf/certificate.pem"))
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            assert!(status.success());
            break;
        }
        if kill_after.is_some_and(|after| accepted() >= before + after) {
            child.kill().unwrap();
            break;
        }
        std::thread::sleep(Duration::from_millis(30));
    }
    child.wait().unwrap();
    (accepted() - before, began.elapsed().as_secs_f64())
}

/// How many letters lie in the people's mailbox, by person.
fn delivered(postfix: &Postfix) -> BTreeMap<String, u32> {
    let mut counts = BTreeMap::new();
    for file in files(&postfix.path("mail/people")) {
        let text = fs::read_to_string(file).unwrap();
        let to = text.lines().find_map(|line| line.strip_prefix("Delivered-To: ")).unwrap().to_owned();
        assert!(text.contains(&format!("<{to}>")), "a letter lies with the wrong person");
        *counts.entry(to).or_insert(0) += 1;
    }
    counts
}

#[test]
#[ignore = "needs an SMTP server: apt-get install postfix, and to be root"]
fn killed_with_postfix_each_person_gets_one_letter_and_each_report_finds_its_person() {
    let postfix = Postfix::start();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("case");
    let case = new_case(&path);
    queue(&case, PEOPLE);
    drop(case);
    for kill_after in [1_500, 700, 1_100] {
        run_child(&postfix, &path, Some(kill_after));
    }
    let (sent, seconds) = run_child(&postfix, &path, None);
    postfix.drain();
    resolve(&postfix, &path);
    // Those that the log does not have go now.
    run_child(&postfix, &path, None);
    postfix.drain();
    let case = Case::open(&path).unwrap();
    let found = states(&case);
    assert_eq!(found.iter().map(|(s, p)| (*s, p.len())).collect::<Vec<_>>(), [(SendingState::Accepted, PEOPLE)]);
    let counts = delivered(&postfix);
    for person in 0..PEOPLE {
        let expected = if has_no_mailbox(person) { None } else { Some(&1) };
        assert_eq!(counts.get(&address_of(person)), expected, "person {person}");
    }
    let bounced = read_reports(&postfix, &case);
    assert_eq!(bounced, (0..PEOPLE).filter(|p| has_no_mailbox(*p)).collect());
    println!("the last run sent {sent} letters in {seconds:.1} s ({:.0} a second)", sent as f64 / seconds);
}

/// Settles uncertain letters by the server's own log.
fn resolve(postfix: &Postfix, path: &Path) {
    let log = fs::File::open(postfix.path("mail.log")).unwrap();
    let taken = find_accepted(BufReader::new(log), identity().return_path()).unwrap();
    let case = Case::open(path).unwrap();
    let mut sending = case.sending().unwrap();
    sending.settle(now()).unwrap();
    let uncertain: Vec<_> = case.stored_letters().unwrap().into_iter().filter(|l| l.state == SendingState::Uncertain).collect();
    assert!(uncertain.len() <= 3 * CONNECTIONS, "{} uncertain after three kills", uncertain.len());
    let steps: Vec<SendingStep> = uncertain
        .iter()
        .map(|stored| {
            let reference = stored.letter.reference.clone();
            let state = if taken.contains(&reference) { SendingState::Accepted } else { SendingState::Queued };
            SendingStep { reference, channel: Channel::Email, state, at: now(), due_at: None, answer: None }
        })
        .collect();
    println!("{} uncertain, of which the log has {}", steps.len(), steps.iter().filter(|s| s.state == SendingState::Accepted).count());
    sending.commit(&steps).unwrap();
}

/// People whose letter came back, by the reports in the return path's mailbox.
fn read_reports(postfix: &Postfix, case: &Case) -> BTreeSet<usize> {
    let people: BTreeMap<LetterReference, usize> =
        case.stored_letters().unwrap().into_iter().map(|l| (l.letter.reference, l.letter.data_subject.parse().unwrap())).collect();
    let mut found = BTreeSet::new();
    let messages = read_messages(&postfix.path("mail/bounces"), &mut |_, message| {
        let bounce = read_bounce(message, identity().return_path()).unwrap();
        assert_eq!((bounce.kind, bounce.answer.enhanced.as_deref()), (BounceKind::Failed, Some("5.1.1")));
        assert!(found.insert(people[&bounce.reference]), "two reports about one letter");
    });
    assert_eq!(messages.unwrap() as usize, found.len());
    found
}
