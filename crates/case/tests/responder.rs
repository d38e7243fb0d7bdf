//! Who may decide: enrolled by signed decisions, checked offline, and what a forged or borrowed signature comes to.

#![allow(clippy::unwrap_used, clippy::print_stderr)] // helpers of tests are tests too

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use ssh_key::private::Ed25519Keypair;
use ssh_key::{HashAlg, LineEnding, PrivateKey};
use strandline_case::{
    Anchor, Approval, Case, CaseError, Change, Enrolment, Entry, EntryKind, Function, NotSigned, Origin, PublicKey, Role, Secrets, SignatureProblem, Signer,
    Statement, VerifyReport, verify,
};
use strandline_model::detection::{Decision, Verdict};
use strandline_model::time::Instant;

fn key(seed: u8) -> PrivateKey {
    PrivateKey::from(Ed25519Keypair::from_seed(&[seed; 32]))
}

fn public(seed: u8) -> String {
    PublicKey::of_openssh(&key(seed).public_key().to_openssh().unwrap()).unwrap().to_openssh()
}

/// Signs as an agent would, for a namespace that may be another than was asked for.
fn signer(seed: u8, namespace: Option<&'static str>) -> Signer {
    Signer(Arc::new(move |text: &[u8], asked: &str| {
        let signature = key(seed).sign(namespace.unwrap_or(asked), HashAlg::Sha512, text).map_err(|e| e.to_string())?;
        signature.to_pem(LineEnding::LF).map_err(|e| e.to_string())
    }))
}

fn enrolment(change: Change, name: &str, seed: u8, role: Role) -> Enrolment {
    Enrolment { change, key: public(seed), name: name.to_owned(), role }
}

/// A case that was opened by `opener`, and a folder that it lies in.
fn case(opener: &str) -> (tempfile::TempDir, Case) {
    let folder = tempfile::tempdir().unwrap();
    let mut case = Case::create(&folder.path().join("case"), &Origin::new("example.org", "a").unwrap(), &Secrets::new([1; 32], [2; 32])).unwrap();
    case.ledger_mut().unwrap().append(&[Entry::new(EntryKind::MachineRun, Function::Respond, opener, Instant(1), "0")]).unwrap();
    (folder, case)
}

fn enrol(case: &mut Case, by: (&str, u8), name: &str, seed: u8, role: Role) -> Result<u64, CaseError> {
    case.sign_with(signer(by.1, None));
    case.change_responders(enrolment(Change::Enrolled, name, seed, role), by.0, Instant(2), "0")
}

fn decision(name: &str) -> Decision {
    Decision { target: "L1".into(), verdict: Verdict::Struck, decided_by: name.into(), decided_at: Instant(3), reason: None }
}

fn approval(name: &str) -> Approval {
    Approval { plan_sha256: "ab".repeat(32), letters: 2, approved_by: name.into(), approved_at: Instant(4), reason: None }
}

fn report(folder: &tempfile::TempDir) -> VerifyReport {
    verify(&folder.path().join("case"), &Anchor::default())
}

/// The error's words, of a decision that must not be entered.
fn refused<T: std::fmt::Debug>(case: &mut Case, work: impl FnOnce(&mut Case) -> Result<T, CaseError>) -> String {
    let before = case.ledger().size();
    let error = work(case).unwrap_err();
    assert!(matches!(error, CaseError::NotSigned(_)), "{error:?}");
    assert_eq!(case.ledger().size(), before, "what is refused is not entered");
    error.to_string()
}

#[test]
fn the_first_enrols_itself_and_every_later_one_is_enrolled_by_somebody() {
    let (folder, mut case) = case("ann");
    case.record_decision(&decision("ann"), "0").unwrap();
    assert!(refused(&mut case, |c| enrol(c, ("eve", 9), "Eve", 9, Role::Approver)).contains("opened the case, ann"));
    assert!(refused(&mut case, |c| enrol(c, ("ann", 1), "Ann", 1, Role::Responder)).contains("first responder is an approver"));
    assert!(refused(&mut case, |c| enrol(c, ("ann", 2), "Ann", 1, Role::Approver)).contains("signs their own enrolment"));
    enrol(&mut case, ("ann", 1), "Ann", 1, Role::Approver).unwrap();
    assert!(refused(&mut case, |c| enrol(c, ("Eve", 9), "Eve", 9, Role::Approver)).contains("not enrolled"));
    enrol(&mut case, ("Ann", 1), "Bob", 2, Role::Responder).unwrap();
    assert!(refused(&mut case, |c| enrol(c, ("Bob", 2), "Bob", 3, Role::Approver)).contains("not to approve"), "nobody makes himself an approver");
    assert!(refused(&mut case, |c| enrol(c, ("Ann", 1), "Cid", 2, Role::Responder)).contains("Bob's"));
    assert!(refused(&mut case, |c| enrol(c, ("Ann", 1), "bob ", 4, Role::Responder)).contains("another spelling"));
    let names: Vec<String> = case.responders().unwrap().iter().map(|r| r.name.clone()).collect();
    assert_eq!(names, ["Ann", "Bob"]);
    drop(case);
    let found = report(&folder);
    assert!(found.is_sound(), "{:?}", found.problems);
    assert_eq!((found.signatures, found.typed), (2, 1));
    assert!(found.notes.iter().any(|n| n.contains("typed names")), "{:?}", found.notes);
}

#[test]
fn once_anybody_is_enrolled_every_decision_is_signed_by_whom_it_names() {
    let (folder, mut case) = case("Ann");
    case.sign_with(signer(1, None));
    assert!(refused(&mut case, |c| c.record_decision(&decision("Ann"), "0")).contains("nobody is enrolled"));
    enrol(&mut case, ("Ann", 1), "Ann", 1, Role::Approver).unwrap();
    enrol(&mut case, ("Ann", 1), "Bob", 2, Role::Responder).unwrap();
    case.record_decision(&decision("Ann"), "0").unwrap();
    assert!(refused(&mut case, |c| c.record_decision(&decision("Bob"), "0")).contains("the key is Ann's"));
    case.sign_with(signer(1, Some("file")));
    assert!(refused(&mut case, |c| c.record_decision(&decision("Ann"), "0")).contains("something else"));
    case.sign_with(signer(2, None));
    let entry = case.record_decision(&decision("Bob"), "0").unwrap();
    assert_eq!(case.signer_of(entry).unwrap().map(|r| r.name), Some("Bob".to_owned()));
    assert!(refused(&mut case, |c| c.record_approval(&approval("Bob"), "0")).contains("not to approve"));
    case.sign_with(Signer(Arc::new(|_, _| Err("no agent".to_owned()))));
    assert!(refused(&mut case, |c| c.record_decision(&decision("Ann"), "0")).contains("no agent"));
    let root = case.path().to_owned();
    drop(case);
    let mut again = Case::open(&root).unwrap();
    assert!(refused(&mut again, |c| c.record_decision(&decision("Ann"), "0")).contains("--sign-with"));
    assert_eq!(again.stored_decisions().unwrap().len(), 2, "what was refused left no row");
    drop(again);
    assert!(report(&folder).is_sound(), "{:?}", report(&folder).problems);
}

#[test]
fn a_removed_key_signs_no_more_and_what_it_signed_stays() {
    let (folder, mut case) = case("Ann");
    enrol(&mut case, ("Ann", 1), "Ann", 1, Role::Approver).unwrap();
    enrol(&mut case, ("Ann", 1), "Bob", 2, Role::Approver).unwrap();
    case.sign_with(signer(2, None));
    let approved = case.record_approval(&approval("Bob"), "0").unwrap();
    case.sign_with(signer(1, None));
    case.change_responders(enrolment(Change::Removed, "Bob", 2, Role::Approver), "Ann", Instant(5), "0").unwrap();
    assert!(
        refused(&mut case, |c| c.change_responders(enrolment(Change::Removed, "Ann", 1, Role::Approver), "Ann", Instant(6), "0")).contains("last approver")
    );
    assert!(refused(&mut case, |c| c.change_responders(enrolment(Change::Removed, "Bob", 2, Role::Approver), "Ann", Instant(6), "0")).contains("no such key"));
    case.sign_with(signer(2, None));
    assert!(refused(&mut case, |c| c.record_decision(&decision("Bob"), "0")).contains("was removed"));
    assert_eq!(case.signer_of(approved).unwrap().map(|r| (r.name, r.role)), Some(("Bob".to_owned(), Role::Approver)));
    drop(case);
    let found = report(&folder);
    assert!(found.is_sound() && found.signatures == 4, "{found:?}");
}

#[test]
fn what_somebody_with_the_ledgers_key_puts_in_is_found() {
    let (folder, mut case) = case("Ann");
    enrol(&mut case, ("Ann", 1), "Ann", 1, Role::Approver).unwrap();
    case.sign_with(signer(1, None));
    let signed = case.record_decision(&decision("Ann"), "0").unwrap();
    // The same entry in another place, one that nobody signed, and an enrolment by the enrolled key itself.
    let copy = case.ledger().entry(signed).unwrap();
    let bare = Entry { signature: None, ..copy.clone() };
    let mut own = Entry::new(EntryKind::MachineRun, Function::Respond, "Eve", Instant(9), "0");
    own.enrolment = Some(enrolment(Change::Enrolled, "Eve", 9, Role::Approver));
    let odd = Entry { signature: Some("-----BEGIN SSH SIGNATURE-----\nAAAA\n-----END SSH SIGNATURE-----\n".to_owned()), ..copy.clone() };
    case.ledger_mut().unwrap().append(&[copy, bare, own, odd]).unwrap();
    assert_eq!(case.responders().unwrap().iter().count(), 1, "nobody signed for Eve");
    drop(case);
    let problems: Vec<String> = report(&folder).problems.into_iter().map(|p| p.meaning).collect();
    for (entry, words) in [(3, "does not hold"), (4, "nobody signed"), (5, "where no decision is"), (6, "not in the form")] {
        assert!(problems.iter().any(|p| p.contains(&format!("entry {entry}:")) && p.contains(words)), "{entry} {words}: {problems:?}");
    }
}

#[test]
fn keys_that_are_none_or_too_weak_are_refused() {
    for (line, expected) in [
        ("", SignatureProblem::NoKey),
        ("ssh-ed25519", SignatureProblem::NoKey),
        ("ssh-ed25519 AAAA", SignatureProblem::NoKey),
        ("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ\nssh-ed25519 x", SignatureProblem::NoKey),
        ("-----BEGIN OPENSSH PRIVATE KEY-----", SignatureProblem::NoKey),
    ] {
        assert_eq!(PublicKey::of_openssh(line).unwrap_err(), expected, "{line:?}");
    }
    assert_eq!(PublicKey::of_openssh(&format!("{} ann@host\n", public(1))).unwrap().to_openssh(), public(1));
}

/// Signs as the program does, by `ssh-keygen`.
fn by_ssh_keygen(file: &Path) -> Signer {
    let file = file.to_owned();
    Signer(Arc::new(move |text: &[u8], namespace: &str| {
        use std::io::Write;
        let spawned =
            Command::new("ssh-keygen").args(["-Y", "sign", "-q", "-n", namespace, "-f"]).arg(&file).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = spawned.map_err(|e| e.to_string())?;
        child.stdin.take().unwrap().write_all(text).map_err(|e| e.to_string())?;
        String::from_utf8(child.wait_with_output().map_err(|e| e.to_string())?.stdout).map_err(|e| e.to_string())
    }))
}

#[test]
fn signatures_of_the_real_ssh_keygen_hold() {
    if Command::new("ssh-keygen").arg("-?").output().is_err() {
        eprintln!("SKIPPED: there is no ssh-keygen here, so its signatures are not tried");
        return;
    }
    for (kind, bits) in [("ed25519", "256"), ("ecdsa", "256"), ("ecdsa", "384"), ("rsa", "2048"), ("rsa", "1024")] {
        let (folder, mut case) = case("Ann");
        let file = folder.path().join("key");
        let made = Command::new("ssh-keygen").args(["-q", "-t", kind, "-b", bits, "-N", "", "-f"]).arg(&file).status().unwrap();
        assert!(made.success(), "{kind} {bits}");
        let line = std::fs::read_to_string(folder.path().join("key.pub")).unwrap();
        if bits == "1024" {
            assert_eq!(PublicKey::of_openssh(&line).unwrap_err(), SignatureProblem::WeakKey);
            continue;
        }
        let key = PublicKey::of_openssh(&line).unwrap();
        let shown = Command::new("ssh-keygen").args(["-l", "-f"]).arg(&file).output().unwrap().stdout;
        assert!(String::from_utf8(shown).unwrap().contains(&key.fingerprint()), "{kind} {bits}");
        case.sign_with(by_ssh_keygen(&file));
        let first = Enrolment { change: Change::Enrolled, key: key.to_openssh(), name: "Ann".into(), role: Role::Approver };
        case.change_responders(first, "Ann", Instant(2), "0").unwrap();
        let entry = case.record_approval(&approval("Ann"), "0").unwrap();
        assert_eq!(case.signer_of(entry).unwrap().map(|r| r.key), Some(key.to_openssh()), "{kind} {bits}");
        drop(case);
        let found = report(&folder);
        assert!(found.is_sound() && found.signatures == 2, "{kind} {bits}: {found:?}");
    }
}

/// A FIDO token, as the wire has what it makes (PROTOCOL.u2f of OpenSSH): whether somebody touched it stands in the flags that it signs, too.
#[derive(Clone, Copy)]
struct Token {
    is_ecdsa: bool,
    /// What it signs.
    flags: u8,
    /// What stands behind its signature.
    shown: u8,
}

/// Its length, and itself.
fn field(bytes: &[u8]) -> Vec<u8> {
    [&u32::try_from(bytes.len()).unwrap().to_be_bytes(), bytes].concat()
}

/// A positive number: with a nought before it where its first bit would say otherwise.
fn number(bytes: &[u8]) -> Vec<u8> {
    let bytes = &bytes[bytes.iter().take_while(|byte| **byte == 0).count()..];
    let nought: &[u8] = if bytes[0] & 0x80 == 0 { &[] } else { &[0] };
    field(&[nought, bytes].concat())
}

impl Token {
    const APPLICATION: &'static [u8] = b"ssh:";

    fn algorithm(self) -> &'static str {
        if self.is_ecdsa { "sk-ecdsa-sha2-nistp256@openssh.com" } else { "sk-ssh-ed25519@openssh.com" }
    }

    fn ed25519() -> ed25519_dalek::SigningKey {
        ed25519_dalek::SigningKey::from_bytes(&[5; 32])
    }

    fn p256() -> p256::ecdsa::SigningKey {
        p256::ecdsa::SigningKey::from_slice(&[5; 32]).unwrap()
    }

    fn public(self) -> Vec<u8> {
        let key = if self.is_ecdsa {
            [field(b"nistp256"), field(Self::p256().verifying_key().to_encoded_point(false).as_bytes())].concat()
        } else {
            field(Self::ed25519().verifying_key().as_bytes())
        };
        [field(self.algorithm().as_bytes()), key, field(Self::APPLICATION)].concat()
    }

    fn key(self) -> PublicKey {
        PublicKey::of_openssh(&format!("{} {}", self.algorithm(), STANDARD.encode(self.public()))).unwrap()
    }

    fn sign(self, text: &[u8], namespace: &str) -> String {
        let trailer = |flags: u8| [&[flags][..], &7_u32.to_be_bytes()].concat();
        let data = ssh_key::SshSig::signed_data(namespace, HashAlg::Sha512, text).unwrap();
        let data = [&Sha256::digest(Self::APPLICATION)[..], &trailer(self.flags), &Sha256::digest(data)].concat();
        let made = if self.is_ecdsa {
            let made: p256::ecdsa::Signature = p256::ecdsa::signature::Signer::sign(&Self::p256(), &data);
            let (r, s) = made.split_bytes();
            [number(&r), number(&s)].concat()
        } else {
            ed25519_dalek::Signer::sign(&Self::ed25519(), &data).to_bytes().to_vec()
        };
        let signature = [field(self.algorithm().as_bytes()), field(&made), trailer(self.shown)].concat();
        let head = [&b"SSHSIG"[..], &1_u32.to_be_bytes()].concat();
        let whole = [head, field(&self.public()), field(namespace.as_bytes()), field(b""), field(b"sha512"), field(&signature)].concat();
        let lines: Vec<String> = STANDARD.encode(whole).as_bytes().chunks(70).map(|line| String::from_utf8(line.to_vec()).unwrap()).collect();
        format!("-----BEGIN SSH SIGNATURE-----\n{}\n-----END SSH SIGNATURE-----\n", lines.join("\n"))
    }

    fn signer(self) -> Signer {
        Signer(Arc::new(move |text: &[u8], namespace: &str| Ok(self.sign(text, namespace))))
    }
}

#[test]
fn what_a_token_signs_counts_only_where_somebody_touched_it() {
    const TOUCHED: u8 = 1;
    // The token knows who holds it (by a PIN), and that is no touch.
    const KNOWN: u8 = 4;
    for is_ecdsa in [false, true] {
        let token = |flags: u8, shown: u8| Token { is_ecdsa, flags, shown };
        let touched = token(TOUCHED, TOUCHED);
        let (folder, mut case) = case("Ann");
        case.sign_with(token(0, 0).signer());
        let first = Enrolment { change: Change::Enrolled, key: touched.key().to_openssh(), name: "Ann".into(), role: Role::Approver };
        let refused = case.change_responders(first.clone(), "Ann", Instant(2), "0").unwrap_err();
        assert!(matches!(refused, CaseError::NotSigned(NotSigned::Wrong(SignatureProblem::NotTouched))), "{is_ecdsa}: {refused:?}");
        case.sign_with(touched.signer());
        case.change_responders(first, "Ann", Instant(2), "0").unwrap();
        for (wrong, expected) in [
            (token(0, 0), SignatureProblem::NotTouched),
            (token(KNOWN, KNOWN), SignatureProblem::NotTouched),
            // Said of a signature that was made without.
            (token(0, TOUCHED), SignatureProblem::OtherText),
            (token(KNOWN, KNOWN | TOUCHED), SignatureProblem::OtherText),
            (Token { is_ecdsa: !is_ecdsa, ..token(0, 0) }, SignatureProblem::NotTouched),
        ] {
            case.sign_with(wrong.signer());
            let refused = case.record_approval(&approval("Ann"), "0").unwrap_err();
            assert!(matches!(&refused, CaseError::NotSigned(NotSigned::Wrong(problem)) if *problem == expected), "{is_ecdsa} {}: {refused:?}", wrong.flags);
        }
        case.sign_with(token(TOUCHED | KNOWN, TOUCHED | KNOWN).signer());
        let entry = case.record_approval(&approval("Ann"), "0").unwrap();
        assert_eq!(case.signer_of(entry).unwrap().map(|r| r.key), Some(touched.key().to_openssh()), "{is_ecdsa}");
        drop(case);
        let found = report(&folder);
        assert!(found.is_sound() && found.signatures == 2, "{is_ecdsa}: {found:?}");
    }
}

#[test]
fn an_error_says_whose_fault_it_is() {
    let error = NotSigned::OtherName { holder: "Ann".into(), name: "ann".into() };
    assert!(error.to_string().contains("--responder \"Ann\""), "{error}");
}

#[test]
fn a_signature_counts_for_what_its_role_may_do_and_verification_says_so() {
    let (folder, mut case) = case("ann");
    enrol(&mut case, ("ann", 1), "Ann", 1, Role::Approver).unwrap();
    for (seed, role) in [(2, Role::Desk), (3, Role::PrivacyOfficer), (4, Role::Reader), (5, Role::Responder)] {
        enrol(&mut case, ("Ann", 1), role.as_str(), seed, role).unwrap();
    }
    let mut says = |name: &str, seed: u8, kind: &str| {
        case.sign_with(signer(seed, None));
        let statement = Statement { kind: kind.to_owned(), body: "{}".to_owned(), made_by: name.to_owned(), made_at: Instant(9) };
        case.record_statement(&statement, Function::Respond, "0").map_err(|error| error.to_string())
    };
    for (name, seed, mays) in [
        ("desk", 2, [true, true, false, false, false]),
        ("privacy-officer", 3, [true, true, true, true, false]),
        ("reader", 4, [false; 5]),
        ("responder", 5, [true; 5]),
    ] {
        for (kind, may) in ["desk", "look_up", "duty", "letter", "another"].into_iter().zip(mays) {
            let said = says(name, seed, kind);
            assert_eq!(said.is_ok(), may, "{name} {kind}: {said:?}");
            assert!(may || said.unwrap_err().contains("who may not"), "{name} {kind}");
        }
    }
    assert!(report(&folder).is_sound());
}

#[test]
fn a_plan_is_applied_with_the_approvals_of_as_many_people_as_it_needs() {
    // Who approved (name and key), how many were needed, and what verification says.
    for (who, needed, expected) in [
        (&[("Ann", 1), ("Bob", 2)][..], 2, ""),
        (&[("Ann", 1)], 1, ""),
        (&[("Ann", 1)], 2, "the approvals of 1 people, and 2 were needed"),
        (&[("Ann", 1), ("Ann", 1)], 2, "the same person had approved already"),
        (&[], 0, ""),
    ] {
        let (folder, mut case) = case("Ann");
        enrol(&mut case, ("Ann", 1), "Ann", 1, Role::Approver).unwrap();
        enrol(&mut case, ("Ann", 1), "Bob", 2, Role::Approver).unwrap();
        for &(name, seed) in who {
            case.sign_with(signer(seed, None));
            case.record_approval(&approval(name), "0").unwrap();
        }
        let author = strandline_case::Author { actor: "Ann".to_owned(), time: Instant(5) };
        case.enter_apply(&"ab".repeat(32), needed, &author, "0").unwrap();
        drop(case);
        let found = report(&folder);
        let problems: Vec<String> = found.problems.into_iter().map(|p| p.meaning).collect();
        assert!(if expected.is_empty() { problems.is_empty() } else { problems.iter().any(|p| p.contains(expected)) }, "{who:?}: {problems:?}");
    }
}

#[test]
fn typed_names_release_a_plan_until_somebody_is_enrolled_and_a_day_ends_an_approval() {
    const DAY: i64 = 24 * 3600 * 1_000_000;
    let apply = |case: &mut Case, at: i64| {
        let author = strandline_case::Author { actor: "Ann".to_owned(), time: Instant(at) };
        case.enter_apply(&"ab".repeat(32), 2, &author, "0").unwrap()
    };
    let (folder, mut case) = case("Ann");
    for name in ["Ann", "Bob"] {
        case.record_approval(&approval(name), "0").unwrap();
    }
    apply(&mut case, DAY);
    let late = apply(&mut case, 2 * DAY);
    // The first ones have ended by then.
    case.record_approval(&Approval { approved_at: Instant(2 * DAY), ..approval("Ann") }, "0").unwrap();
    enrol(&mut case, ("Ann", 1), "Ann", 1, Role::Approver).unwrap();
    let typed = apply(&mut case, 5);
    drop(case);
    let problems: Vec<String> = report(&folder).problems.into_iter().map(|p| p.meaning).collect();
    let of = |entry: u64| problems.iter().any(|p| p.starts_with(&format!("entry {entry}: a plan of cuts")));
    assert!(of(late) && of(typed) && problems.len() == 2, "{problems:?}");
}
