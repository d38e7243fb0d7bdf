//! Sending against a mail server that refuses, drops, stalls and lies at every stage: each person once, or listed.

#![allow(clippy::unwrap_used)] // helpers of tests are tests too

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use rcgen::{CertificateParams, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use strandline_case::CaseError;
use strandline_model::letter::{LetterReference, SendingState};
use strandline_model::time::Instant;
use strandline_outbound::{Credentials, Outbox, Outcome, OutgoingLetter, Pace, Secret, Security, SendError, SendPlan, Server, SmtpError, Tally, send};
use support::{Act, At, CaseOutbox, NEVER, Sink, Sinkable, address_of, identity, new_case, now, pace, queue, server, states};

type Sent = (Result<Tally, SendError<CaseError>>, BTreeMap<SendingState, Vec<usize>>);

/// Sends `count` letters in one run.
fn send_all(server: &Server, pace: Pace, count: usize) -> Sent {
    let folder = tempfile::tempdir().unwrap();
    let case = new_case(&folder.path().join("case"));
    queue(&case, count);
    let identity = identity();
    let plan = SendPlan { server, identity: &identity, dkim: None, pace, stop: &NEVER };
    let result = send(&plan, &mut CaseOutbox(case.sending().unwrap()), &now, &mut |_| ());
    (result, states(&case))
}

/// Runs `count` letters against a server that follows `script`, and compares the numbers by state.
fn check(script: impl Fn(At, &str, u32) -> Act + Send + Sync + 'static, count: usize, expected: &[(SendingState, usize)]) -> Sink {
    let sink = Sink::scripted(script);
    let (result, found) = send_all(&server(&sink), pace(), count);
    result.unwrap();
    let numbers: Vec<_> = found.iter().map(|(state, people)| (*state, people.len())).collect();
    assert_eq!(numbers, expected);
    let twice: Vec<_> = sink.taken().into_iter().filter(|(_, times)| *times > 1).collect();
    assert_eq!(twice, [], "somebody got two");
    for person in found.get(&SendingState::Accepted).into_iter().flatten() {
        assert_eq!(sink.taken().get(&address_of(*person)), Some(&1), "person {person} counts as told and got nothing");
    }
    for person in found.get(&SendingState::Refused).into_iter().flatten() {
        assert_eq!(sink.taken().get(&address_of(*person)), None, "person {person} counts as refused and got it");
    }
    sink
}

/// On the first attempt at a letter to an even number, `act` at `at`.
fn first_time(at: At, act: Act) -> impl Fn(At, &str, u32) -> Act + Send + Sync + 'static {
    move |here, recipient, attempt| if here == at && attempt == 1 && recipient[5..6].parse::<u32>().unwrap() % 2 == 0 { act } else { Act::Go }
}

#[test]
fn each_letter_arrives_once_with_a_return_path_of_its_own() {
    let sink = check(|_, _, _| Act::Go, 100, &[(SendingState::Accepted, 100)]);
    let seen = sink.seen.lock().unwrap();
    let paths: BTreeSet<_> = seen.taken.iter().map(|(_, sender, _)| sender.clone()).collect();
    assert_eq!(paths.len(), 100);
    for (recipient, sender, message) in &seen.taken {
        let text = String::from_utf8(message.clone()).unwrap();
        let reference = sender.strip_prefix("bounces+").unwrap().strip_suffix("@example.org").unwrap();
        assert!(text.contains(&format!("Message-ID: <{reference}@example.org>")));
        assert!(text.contains(&format!("<{recipient}>")));
        assert!(text.contains("\r\n.\r\n"), "the line with a dot was lost");
    }
    assert!(seen.connections <= 4);
}

#[test]
fn later_means_later_and_once() {
    for at in [At::Recipient, At::Data, At::Dot] {
        check(first_time(at, Act::Say("451 4.7.1 greylisted")), 20, &[(SendingState::Accepted, 20)]);
    }
    let times = AtomicU32::new(0);
    check(
        move |at, _, _| if at == At::Mail && times.fetch_add(1, Ordering::SeqCst) < 5 { Act::Say("450 4.3.2 busy") } else { Act::Go },
        20,
        &[(SendingState::Accepted, 20)],
    );
    let times = AtomicU32::new(0);
    check(
        move |at, _, _| if at == At::Greeting && times.fetch_add(1, Ordering::SeqCst) < 3 { Act::Say("421 4.3.2 too many connections") } else { Act::Go },
        20,
        &[(SendingState::Accepted, 20)],
    );
}

#[test]
fn later_for_ever_is_given_up() {
    check(
        |at, recipient, _| if at == At::Recipient && recipient.starts_with("p00003") { Act::Say("452 4.2.2 full") } else { Act::Go },
        10,
        &[(SendingState::Accepted, 9), (SendingState::Refused, 1)],
    );
}

#[test]
fn never_is_final_and_costs_no_connection() {
    for at in [At::Recipient, At::Data, At::Dot] {
        let odd = move |here, recipient: &str, _| {
            if here == at && recipient[5..6].parse::<u32>().unwrap() % 2 == 0 { Act::Say("550 5.1.1 no such user") } else { Act::Go }
        };
        let sink = check(odd, 20, &[(SendingState::Accepted, 10), (SendingState::Refused, 10)]);
        assert!(sink.seen.lock().unwrap().connections <= 4);
        assert!(sink.seen.lock().unwrap().attempts.values().all(|n| *n == 1), "a refused letter was tried again");
    }
}

#[test]
fn a_connection_lost_before_the_dot_costs_nobody_a_letter() {
    for act in [Act::Drop, Act::Stall, Act::Say("421 4.3.0 going down"), Act::Trickle, Act::Flood] {
        for at in [At::Recipient, At::Data] {
            check(first_time(at, act), 8, &[(SendingState::Accepted, 8)]);
        }
        let times = AtomicU32::new(0);
        check(move |at, _, _| if at == At::Mail && times.fetch_add(1, Ordering::SeqCst) < 2 { act } else { Act::Go }, 8, &[(SendingState::Accepted, 8)]);
        let times = AtomicU32::new(0);
        check(move |at, _, _| if at == At::Hello && times.fetch_add(1, Ordering::SeqCst) < 2 { act } else { Act::Go }, 8, &[(SendingState::Accepted, 8)]);
    }
}

#[test]
fn a_connection_lost_after_the_dot_leaves_the_letter_uncertain_and_never_sends_it_again() {
    for act in [Act::Drop, Act::Stall, Act::Trickle, Act::Flood, Act::Say("what?")] {
        let sink = check(first_time(At::Taken, act), 8, &[(SendingState::Accepted, 4), (SendingState::Uncertain, 4)]);
        assert_eq!(sink.taken().len(), 8);
    }
    let sink = check(first_time(At::Dot, Act::Drop), 8, &[(SendingState::Accepted, 4), (SendingState::Uncertain, 4)]);
    assert_eq!(sink.taken().len(), 4);
}

#[test]
fn a_connection_lost_in_the_letter_is_known_or_uncertain() {
    let sink = Sink::scripted(first_time(At::Body, Act::Drop));
    let (result, found) = send_all(&server(&sink), pace(), 8);
    result.unwrap();
    let number = |state| found.get(&state).map_or(0, Vec::len);
    assert_eq!(number(SendingState::Accepted) + number(SendingState::Uncertain), 8);
    assert_eq!(sink.taken().len(), number(SendingState::Accepted));
}

#[test]
fn a_refused_sender_refuses_no_person() {
    let sink = Sink::scripted(|at, _, _| if at == At::Mail { Act::Say("553 5.7.1 not your domain") } else { Act::Go });
    let (result, found) = send_all(&server(&sink), pace(), 50);
    assert!(matches!(result, Err(SendError::SenderRefused(_))), "{result:?}");
    assert_eq!(found.get(&SendingState::Refused), None);
    assert!(sink.seen.lock().unwrap().connections <= 1);
}

#[test]
fn one_mistake_does_not_refuse_everybody() {
    let sink = Sink::scripted(|at, _, _| if at == At::Recipient { Act::Say("554 5.7.1 relay access denied") } else { Act::Go });
    let (result, found) = send_all(&server(&sink), pace(), 200);
    assert!(matches!(result, Err(SendError::AllRefused { .. })), "{result:?}");
    assert!(found[&SendingState::Queued].len() >= 200 - 25 - 4, "{found:?}");
}

#[test]
fn a_server_that_is_gone_leaves_everybody_queued() {
    let sink = Sink::scripted(|at, _, _| if at == At::Greeting { Act::Drop } else { Act::Go });
    let (result, found) = send_all(&server(&sink), pace(), 10);
    assert!(matches!(result, Err(SendError::Unreachable { .. })), "{result:?}");
    assert_eq!(found[&SendingState::Queued].len(), 10);
}

#[test]
fn deferred_letters_are_left_to_the_next_run_when_patience_ends() {
    let sink = Sink::scripted(first_time(At::Recipient, Act::Say("451 4.7.1 greylisted")));
    let (result, found) = send_all(&server(&sink), Pace { retry_after: Duration::from_secs(600), patience: Duration::ZERO, ..pace() }, 20);
    assert_eq!(result.unwrap().deferrals, 10);
    assert_eq!((found[&SendingState::Accepted].len(), found[&SendingState::Deferred].len()), (10, 10));
}

#[test]
fn a_limit_of_letters_a_minute_is_kept() {
    let sink = Sink::scripted(|_, _, _| Act::Go);
    let began = std::time::Instant::now();
    send_all(&server(&sink), Pace { letters_per_minute: Some(600), ..pace() }, 8).0.unwrap();
    assert!(began.elapsed() >= Duration::from_millis(700), "eight letters went in {:?}", began.elapsed());
}

#[test]
fn a_stopped_run_finishes_what_is_under_way_and_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let case = new_case(&folder.path().join("case"));
    queue(&case, 300);
    let sink = Sink::start(Sinkable { pause: Duration::from_millis(2), ..Sinkable::default() });
    let (stop, identity, server) = (AtomicBool::new(false), identity(), server(&sink));
    let plan = SendPlan { server: &server, identity: &identity, dkim: None, pace: pace(), stop: &stop };
    let tally = send(&plan, &mut CaseOutbox(case.sending().unwrap()), &now, &mut |tally| stop.store(tally.accepted >= 20, Ordering::SeqCst)).unwrap();
    let found = states(&case);
    assert_eq!(found[&SendingState::Accepted].len(), sink.taken().len());
    assert!(tally.accepted < 300 && !found.contains_key(&SendingState::InFlight) && !found.contains_key(&SendingState::Uncertain));
}

/// An outbox whose disk is full after a number of commits.
struct FullDisk<'c> {
    inner: CaseOutbox<'c>,
    left: u32,
    marked: BTreeSet<LetterReference>,
}

#[derive(Debug, thiserror::Error)]
#[error("the disk is full")]
struct Full;

impl Outbox for FullDisk<'_> {
    type Error = Full;

    fn settle(&mut self, now: Instant) -> Result<u64, Full> {
        self.inner.settle(now).map_err(|_| Full)
    }

    fn next(&mut self, now: Instant, limit: usize, taken: &BTreeSet<LetterReference>) -> Result<Vec<OutgoingLetter>, Full> {
        self.inner.next(now, limit, taken).map_err(|_| Full)
    }

    fn next_due(&mut self) -> Result<Option<Instant>, Full> {
        self.inner.next_due().map_err(|_| Full)
    }

    fn commit(&mut self, in_flight: &[LetterReference], outcomes: &[Outcome], now: Instant) -> Result<(), Full> {
        self.left = self.left.checked_sub(1).ok_or(Full)?;
        self.marked.extend(in_flight.iter().cloned());
        self.inner.commit(in_flight, outcomes, now).map_err(|_| Full)
    }
}

#[test]
fn no_letter_goes_whose_mark_is_not_on_the_disk() {
    for left in [0, 1, 2, 7, 20] {
        let folder = tempfile::tempdir().unwrap();
        let case = new_case(&folder.path().join("case"));
        queue(&case, 60);
        let sink = Sink::scripted(|_, _, _| Act::Go);
        let (identity, server) = (identity(), server(&sink));
        let plan = SendPlan { server: &server, identity: &identity, dkim: None, pace: pace(), stop: &NEVER };
        let mut outbox = FullDisk { inner: CaseOutbox(case.sending().unwrap()), left, marked: BTreeSet::new() };
        assert!(matches!(send(&plan, &mut outbox, &now, &mut |_| ()), Err(SendError::Outbox(Full))));
        let marked: BTreeSet<String> = outbox.marked.iter().map(|r| format!("bounces+{r}@example.org")).collect();
        let seen = sink.seen.lock().unwrap();
        assert!(seen.taken.iter().all(|(_, sender, _)| marked.contains(sender)), "after {left} commits");
    }
}

/// A certificate for 127.0.0.1, as the server's configuration and as PEM.
fn certificate() -> (Arc<ServerConfig>, String) {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec!["127.0.0.1".into(), "localhost".into()]).unwrap().self_signed(&key).unwrap();
    let private = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], private)
        .unwrap();
    (Arc::new(config), certificate.pem())
}

fn account(password: &str) -> Option<Credentials> {
    Some(Credentials { account: "account".into(), password: Secret::new(password.into()) })
}

#[test]
fn tls_is_checked_and_nothing_goes_without_it() {
    let (config, pem) = certificate();
    const BOTH: &[&str] = &["PIPELINING", "STARTTLS", "AUTH PLAIN LOGIN"];
    let with = |immediate_tls, extensions, injected| {
        Sink::start(Sinkable { tls: Some(Arc::clone(&config)), immediate_tls, extensions, injected, ..Sinkable::default() })
    };
    for (security, immediate) in [(Security::Tls, true), (Security::StartTls, false)] {
        let sink = with(immediate, BOTH, "");
        let trusting = Server { security, authorities_pem: Some(pem.clone()), credentials: account("right"), ..server(&sink) };
        let (result, found) = send_all(&trusting, pace(), 30);
        result.unwrap();
        assert_eq!(found[&SendingState::Accepted].len(), 30);
        let strict = Server { authorities_pem: None, ..trusting };
        let (result, found) = send_all(&strict, pace(), 3);
        assert!(matches!(result, Err(SendError::Server(SmtpError::Tls(_)))), "{result:?}");
        assert_eq!(found[&SendingState::Queued].len(), 3);
        assert_eq!(sink.taken().len(), 30, "a letter went to a server that could not be checked");
    }
    let bare = with(false, &["PIPELINING"], "");
    let (result, _) = send_all(&Server { security: Security::StartTls, authorities_pem: Some(pem.clone()), ..server(&bare) }, pace(), 3);
    assert!(matches!(result, Err(SendError::Server(SmtpError::NoTls))), "{result:?}");
    let injected = with(false, BOTH, "250 AUTH\r\n");
    let (result, _) = send_all(&Server { security: Security::StartTls, authorities_pem: Some(pem), ..server(&injected) }, pace(), 3);
    assert!(matches!(result, Err(SendError::Server(SmtpError::Injected))), "{result:?}");
}

#[test]
fn a_wrong_password_is_tried_once_and_told_to_nobody() {
    let sink = Sink::start(Sinkable { extensions: &["AUTH PLAIN"], ..Sinkable::default() });
    let (result, found) = send_all(&Server { credentials: account("wrong-and-secret"), ..server(&sink) }, pace(), 30);
    let Err(SendError::Server(error)) = result else { panic!("{result:?}") };
    let told = format!("{error} {error:?} {:?}", account("wrong-and-secret"));
    assert!(!told.contains("wrong-and-secret") && !told.contains("AGFj"), "{told}");
    assert_eq!(sink.seen.lock().unwrap().commands.iter().filter(|c| c.starts_with("AUTH")).count(), 1);
    assert_eq!(found[&SendingState::Queued].len(), 30);
}

#[test]
fn a_password_goes_to_no_other_machine_in_the_clear() {
    let sink = Sink::scripted(|_, _, _| Act::Go);
    let (result, _) = send_all(&Server { host: "mail.example.org".into(), credentials: account("right"), ..server(&sink) }, pace(), 1);
    assert!(matches!(result, Err(SendError::Server(SmtpError::PlainCredentials))), "{result:?}");
}
