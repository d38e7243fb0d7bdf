//! Passkeys: made, signing decisions, checked offline; and everything about one that can be wrong.

#![allow(clippy::unwrap_used)] // helpers of tests are tests too

#[path = "support/authenticator.rs"]
mod authenticator;

use std::sync::Arc;

use authenticator::{ATTESTED, Authenticator, BACKED_UP, BACKUP_ELIGIBLE, EXTENDED, PRESENT, VERIFIED, bytes};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ciborium::Value;
use proptest::prelude::*;
use strandline_case::{
    Algorithm, Anchor, Approval, Assertion, Case, CaseError, Change, Enrolment, Entry, EntryKind, Function, Origin, Passkey, PasskeyProblem, Registration,
    Role, Secrets, Signer, VerifyReport, rp_id, verify,
};
use strandline_model::detection::{Decision, Verdict};
use strandline_model::time::Instant;

const HERE: &str = "http://localhost:8642";
const TEXT: &[u8] = b"strandline decision 1\nx\nentry 4\n{}";

fn one(algorithm: Algorithm) -> Authenticator {
    Authenticator::new(algorithm, 7, HERE)
}

/// What becomes of an answer in which something is other than it should be.
fn said(key: &Passkey, authenticator: &Authenticator, text: &[u8]) -> Result<(), PasskeyProblem> {
    let assertion = Assertion::of_text(&authenticator.assertion(key, text)).unwrap();
    assertion.check(TEXT)
}

fn made(authenticator: &Authenticator, text: &[u8]) -> Result<Passkey, PasskeyProblem> {
    let [attestation, client] = authenticator.make(text);
    Registration::of_browser([&attestation, &client])?.passkey(b"new", HERE)
}

/// One thing changed.
fn with(from: &Authenticator, change: impl FnOnce(&mut Authenticator)) -> Authenticator {
    let mut changed = from.clone();
    change(&mut changed);
    changed
}

#[test]
fn a_passkey_signs_one_text_at_one_place_with_somebody_there() {
    for algorithm in Algorithm::ALL {
        let good = one(algorithm);
        let key = good.passkey();
        assert_eq!(Passkey::of_line(&key.to_line()).as_ref(), Ok(&key));
        assert_eq!(said(&key, &good, TEXT), Ok(()));
        let wrong = |change: fn(&mut Authenticator)| said(&key, &with(&good, change), TEXT);
        assert_eq!(said(&key, &good, b"another"), Err(PasskeyProblem::OtherText), "a wrong challenge");
        assert_eq!(wrong(|a| a.origin = "http://localhost:9999".into()), Err(PasskeyProblem::OtherOrigin), "another origin");
        assert_eq!(wrong(|a| a.host = "evil.example".into()), Err(PasskeyProblem::OtherOrigin), "another relying party");
        assert_eq!(wrong(|a| a.kind = Some("webauthn.create")), Err(PasskeyProblem::OtherCeremony));
        assert_eq!(wrong(|a| a.also = r#","topOrigin":"https://evil.example""#), Err(PasskeyProblem::Framed));
        assert_eq!(wrong(|a| a.also = r#","crossOrigin":true"#), Err(PasskeyProblem::Malformed), "a field that stands twice");
        assert_eq!(wrong(|a| a.flags = VERIFIED), Err(PasskeyProblem::NotPresent));
        assert_eq!(wrong(|a| a.flags = PRESENT), Err(PasskeyProblem::NotVerified));
        assert_eq!(wrong(|a| a.flags |= BACKED_UP), Err(PasskeyProblem::OtherHome), "what cannot leave its device has not");
        assert_eq!(wrong(|a| a.flags |= BACKUP_ELIGIBLE), Err(PasskeyProblem::OtherHome), "another home than enrolled");
        assert_eq!(wrong(|a| a.after = vec![0]), Err(PasskeyProblem::Malformed), "bytes that nothing announces");
        assert_eq!(wrong(|a| a.flags |= EXTENDED), Err(PasskeyProblem::Malformed), "extensions that are not there");
        assert_eq!(wrong(|a| a.flags |= ATTESTED), Err(PasskeyProblem::Malformed), "a new key where none is made");
        assert_eq!(wrong(|a| (a.flags, a.after) = (a.flags | EXTENDED, vec![0xa0])), Ok(()), "extensions mean nothing");
        assert_eq!(wrong(|a| a.seed = 8), Err(PasskeyProblem::OtherText), "somebody else's key");
        let other = Authenticator::new(algorithm, 8, HERE).passkey();
        assert_eq!(said(&other, &good, TEXT), Err(PasskeyProblem::OtherText), "a swapped credential");
    }
}

#[test]
fn a_new_passkey_is_taken_only_as_a_browser_makes_it() {
    for algorithm in Algorithm::ALL {
        let good = one(algorithm);
        let key = made(&good, b"new").unwrap();
        assert!(!key.is_synced() && key.origin() == HERE);
        assert!(made(&with(&good, |a| a.flags |= BACKUP_ELIGIBLE | BACKED_UP), b"new").unwrap().is_synced());
        let wrong = |change: fn(&mut Authenticator)| made(&with(&good, change), b"new").unwrap_err();
        assert_eq!(made(&good, b"another"), Err(PasskeyProblem::OtherText));
        assert_eq!(wrong(|a| a.origin = "http://localhost:9999".into()), PasskeyProblem::OtherOrigin);
        assert_eq!(wrong(|a| a.host = "evil.example".into()), PasskeyProblem::OtherOrigin);
        assert_eq!(wrong(|a| a.kind = Some("webauthn.get")), PasskeyProblem::OtherCeremony);
        assert_eq!(wrong(|a| a.flags = VERIFIED), PasskeyProblem::NotPresent);
        assert_eq!(wrong(|a| a.flags = PRESENT), PasskeyProblem::NotVerified);
        assert_eq!(wrong(|a| a.credential = Vec::new()), PasskeyProblem::NoKey);
        assert_eq!(wrong(|a| a.credential = vec![1; 1024]), PasskeyProblem::NoKey);
        assert_eq!(wrong(|a| a.after = vec![0xa0]), PasskeyProblem::Malformed, "bytes that nothing announces");
        assert!(made(&with(&good, |a| (a.flags, a.after) = (a.flags | EXTENDED, vec![0xa0])), b"new").is_ok());
    }
}

#[test]
fn a_key_that_is_none_or_of_another_kind_is_not_taken() {
    let of = |authenticator: &Authenticator, key: Vec<u8>| {
        let [attestation, client] = authenticator.make_with(b"new", &key);
        Registration::of_browser([&attestation, &client]).unwrap().passkey(b"new", HERE)
    };
    for algorithm in Algorithm::ALL {
        let good = one(algorithm);
        let changed = |label: i64, value: Value| {
            let key = good.cose().into_iter().map(|(known, old)| if known == Value::Integer(label.into()) { (known, value.clone()) } else { (known, old) });
            of(&good, bytes(&Value::Map(key.collect())))
        };
        assert!(of(&good, bytes(&Value::Map(good.cose()))).is_ok());
        assert_eq!(changed(3, (-257).into()), Err(PasskeyProblem::WeakKey), "RSA");
        assert_eq!(changed(-1, 8.into()), Err(PasskeyProblem::WeakKey), "another curve");
        assert_eq!(changed(1, 4.into()), Err(PasskeyProblem::WeakKey), "a symmetric key");
        assert_eq!(changed(-2, Value::Bytes(vec![1; 31])), Err(PasskeyProblem::Malformed));
        assert!(changed(-2, Value::Bytes(vec![0xff; 32])).is_err(), "no point");
        let mut twice = good.cose();
        twice.push(twice[0].clone());
        assert_eq!(of(&good, bytes(&Value::Map(twice))), Err(PasskeyProblem::Malformed));
        let whole = bytes(&Value::Map(good.cose()));
        for end in 0..whole.len() {
            assert_eq!(of(&good, whole[..end].to_vec()), Err(PasskeyProblem::Malformed), "cut at {end}");
        }
        // A length that no memory holds.
        assert_eq!(of(&good, vec![0xbb, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]), Err(PasskeyProblem::Malformed));
        assert_eq!(of(&good, vec![0x5b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]), Err(PasskeyProblem::Malformed));
        assert_eq!(of(&good, vec![0x81; 4000]), Err(PasskeyProblem::Malformed), "lists within lists");
    }
    // The point of order one signs for everybody.
    let weak = one(Algorithm::EdDsa);
    let identity = [vec![1], vec![0; 31]].concat();
    let key =
        weak.cose().into_iter().map(|(label, old)| if label == Value::Integer((-2).into()) { (label, Value::Bytes(identity.clone())) } else { (label, old) });
    assert_eq!(of(&weak, bytes(&Value::Map(key.collect()))), Err(PasskeyProblem::NoKey));
}

#[test]
fn each_cut_of_an_attestation_is_refused() {
    let [attestation, client] = one(Algorithm::Es256).make(b"new");
    let whole = URL_SAFE_NO_PAD.decode(attestation).unwrap();
    for end in 0..whole.len() {
        let cut = Registration::of_browser([&URL_SAFE_NO_PAD.encode(&whole[..end]), &client]).unwrap();
        assert_eq!(cut.passkey(b"new", HERE), Err(PasskeyProblem::Malformed), "cut at {end}");
    }
    let long = Registration::of_browser([&URL_SAFE_NO_PAD.encode([whole.as_slice(), &[0]].concat()), &client]).unwrap();
    assert_eq!(long.passkey(b"new", HERE), Err(PasskeyProblem::Malformed));
    assert_eq!(Registration::of_browser([&"A".repeat(20_000), &client]), Err(PasskeyProblem::Malformed));
}

#[test]
fn of_two_signatures_that_both_fit_the_ledger_knows_one() {
    let good = one(Algorithm::Es256);
    let key = good.passkey();
    let [data, client, signature] = good.sign(TEXT);
    let first = p256::ecdsa::Signature::from_der(&URL_SAFE_NO_PAD.decode(&signature).unwrap()).unwrap();
    let (r, s) = first.split_scalars();
    let other = p256::ecdsa::Signature::from_scalars(r.to_bytes(), (-*s).to_bytes()).unwrap();
    let [low, high] = if first.normalize_s().is_none() { [first, other] } else { [other, first] };
    // Authenticators give either; both are entered as one.
    let texts = [low, high].map(|signature| {
        let der = URL_SAFE_NO_PAD.encode(signature.to_der().as_bytes());
        Assertion::of_browser(key.clone(), [&data, &client, &der]).unwrap().to_text()
    });
    assert_eq!(texts[0], texts[1]);
    assert_eq!(Assertion::of_text(&texts[0]).unwrap().check(TEXT), Ok(()));
    // Written into a ledger by hand, the other is none.
    let [low, high] = [low, high].map(|signature| URL_SAFE_NO_PAD.encode(signature.to_der().as_bytes()));
    let forged = texts[0].replace(&low, &high);
    assert_ne!(forged, texts[0]);
    assert_eq!(Assertion::of_text(&forged).unwrap().check(TEXT), Err(PasskeyProblem::OtherText));
}

#[test]
fn an_assertion_and_a_line_have_one_form() {
    let good = one(Algorithm::EdDsa);
    let text = good.assertion(&good.passkey(), TEXT);
    for bad in
        [text.replace("signature ", "signature  "), format!("{text}\n"), text.replace('\n', "\r\n"), text.replacen("key ", "Key ", 1), format!("{text}x y\n")]
    {
        assert_eq!(Assertion::of_text(&bad), Err(PasskeyProblem::Malformed), "{bad}");
    }
    let line = good.passkey().to_line();
    for bad in [
        line.replace("device", "Device"),
        format!("{line} "),
        line.replace("passkey-ed25519", "passkey-rsa"),
        line.replace("passkey-ed25519", "passkey-es256"),
        line.replace("localhost", "127.0.0.1"),
    ] {
        assert_eq!(Passkey::of_line(&bad), Err(PasskeyProblem::NoKey), "{bad}");
    }
    for (origin, host) in [
        ("https://console.example", Some("console.example")),
        ("https://console.example:8443", Some("console.example")),
        ("http://localhost:8642", Some("localhost")),
        ("http://console.example", None),
        ("http://127.0.0.1:8642", None),
        ("https://[::1]:8642", None),
        ("https://a b", None),
        ("https://", None),
        ("localhost", None),
        ("https://console.example:", None),
        ("https://Console.example", None),
    ] {
        assert_eq!(rp_id(origin), host, "{origin}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_refused_without_a_panic(
        data in proptest::collection::vec(any::<u8>(), 0..300),
        client in proptest::collection::vec(any::<u8>(), 0..200),
        signature in proptest::collection::vec(any::<u8>(), 0..100),
        text in ".{0,200}",
    ) {
        let good = one(Algorithm::EdDsa);
        let key = good.passkey();
        let [data, client, signature] = [data, client, signature].map(|bytes| URL_SAFE_NO_PAD.encode(bytes));
        let [good_data, good_client, good_signature] = good.sign(TEXT);
        for parts in [[&data, &good_client, &good_signature], [&good_data, &client, &good_signature], [&good_data, &good_client, &signature]] {
            let read = Assertion::of_browser(key.clone(), parts.map(String::as_str)).unwrap();
            prop_assert!(read.check(TEXT).is_err());
        }
        let attested = Registration::of_browser([&data, &good.make(b"new")[1]]).unwrap();
        prop_assert!(attested.passkey(b"new", HERE).is_err());
        let (line, assertion) = (format!("passkey-es256 {text}"), format!("strandline passkey 1\nkey {text}"));
        prop_assert!(Passkey::of_line(&text).is_err() && Passkey::of_line(&line).is_err());
        prop_assert!(Assertion::of_text(&text).is_err() && Assertion::of_text(&assertion).is_err());
    }

    #[test]
    fn one_bit_changed_is_another_answer(place in any::<prop::sample::Index>(), bit in 0_u8..8, part in 0_usize..3, is_es256 in any::<bool>()) {
        let good = one(if is_es256 { Algorithm::Es256 } else { Algorithm::EdDsa });
        let mut parts = good.sign(TEXT).map(|part| URL_SAFE_NO_PAD.decode(part).unwrap());
        let at = place.index(parts[part].len());
        parts[part][at] ^= 1 << bit;
        let [data, client, signature] = parts.map(|part| URL_SAFE_NO_PAD.encode(part));
        let read = Assertion::of_browser(good.passkey(), [&data, &client, &signature]);
        prop_assert!(read.is_err() || read.is_ok_and(|read| read.check(TEXT).is_err()));
    }
}

/// A case that `opener` opened, in a folder.
fn case(opener: &str) -> (tempfile::TempDir, Case) {
    let folder = tempfile::tempdir().unwrap();
    let mut case = Case::create(&folder.path().join("case"), &Origin::new("example.org", "a").unwrap(), &Secrets::new([1; 32], [2; 32])).unwrap();
    case.ledger_mut().unwrap().append(&[Entry::new(EntryKind::MachineRun, Function::Respond, opener, Instant(1), "0")]).unwrap();
    (folder, case)
}

fn signer(authenticator: Authenticator) -> Signer {
    let key = authenticator.passkey();
    Signer(Arc::new(move |text: &[u8], _: &str| Ok(authenticator.assertion(&key, text))))
}

fn enrol(case: &mut Case, (by, with): (&str, &Authenticator), (name, new, role): (&str, &Authenticator, Role)) -> Result<u64, CaseError> {
    case.sign_with(signer(with.clone()));
    case.change_responders(Enrolment { change: Change::Enrolled, key: new.passkey().to_line(), name: name.to_owned(), role }, by, Instant(2), "0")
}

fn decision(name: &str) -> Decision {
    Decision { target: "L1".into(), verdict: Verdict::Struck, decided_by: name.into(), decided_at: Instant(3), reason: None }
}

fn report(folder: &tempfile::TempDir) -> VerifyReport {
    verify(&folder.path().join("case"), &Anchor::default())
}

#[test]
fn two_people_approve_by_passkeys_and_an_outsider_checks_it() {
    let (folder, mut case) = case("Ann");
    let (ann, bob) = (one(Algorithm::Es256), Authenticator::new(Algorithm::EdDsa, 8, HERE));
    enrol(&mut case, ("Ann", &ann), ("Ann", &ann, Role::Approver)).unwrap();
    enrol(&mut case, ("Ann", &ann), ("Bob", &bob, Role::Approver)).unwrap();
    for (name, authenticator) in [("Ann", &ann), ("Bob", &bob)] {
        case.sign_with(signer(authenticator.clone()));
        let approval = Approval { plan_sha256: "ab".repeat(32), letters: 2, approved_by: name.into(), approved_at: Instant(4), reason: None };
        let entry = case.record_approval(&approval, "0").unwrap();
        assert_eq!(case.signer_of(entry).unwrap().map(|r| r.name), Some(name.to_owned()));
    }
    assert!(case.record_decision(&decision("Ann"), "0").unwrap_err().to_string().contains("the key is Bob's"));
    assert_eq!(case.responders().unwrap().of_credential(&bob.passkey().credential()).map(|(r, _)| r.name.clone()), Some("Bob".to_owned()));
    drop(case);
    let found = report(&folder);
    assert!(found.is_sound() && found.signatures == 4, "{found:?}");
}

#[test]
fn an_assertion_for_one_entry_is_none_for_another() {
    let (folder, mut case) = case("Ann");
    let ann = one(Algorithm::Es256);
    enrol(&mut case, ("Ann", &ann), ("Ann", &ann, Role::Approver)).unwrap();
    let entry = case.record_decision(&decision("Ann"), "0").unwrap();
    let old = case.ledger().entry(entry).unwrap();
    let replayed = old.signature.clone().unwrap();
    case.sign_with(Signer(Arc::new(move |_: &[u8], _: &str| Ok(replayed.clone()))));
    assert!(case.record_decision(&decision("Ann"), "0").unwrap_err().to_string().contains("did not sign this text"));
    // Whoever writes it into the ledger past this program is found out.
    case.ledger_mut().unwrap().append(&[old]).unwrap();
    drop(case);
    let found = report(&folder);
    assert!(found.problems.iter().any(|problem| problem.meaning.contains("did not sign this text")), "{:?}", found.problems);
}

#[test]
fn a_counter_that_does_not_rise_is_a_copys() {
    let (folder, mut case) = case("Ann");
    let at = |counter| Authenticator { counter, ..one(Algorithm::Es256) };
    enrol(&mut case, ("Ann", &at(5)), ("Ann", &at(0), Role::Approver)).unwrap();
    case.sign_with(signer(at(6)));
    case.record_decision(&decision("Ann"), "0").unwrap();
    for behind in [6, 5, 0] {
        case.sign_with(signer(at(behind)));
        assert!(case.record_decision(&decision("Ann"), "0").unwrap_err().to_string().contains("counter"), "{behind}");
        let text = case.sign_in_text("1");
        assert!(case.who_signs_in(text.as_bytes(), &at(behind).assertion(&at(0).passkey(), text.as_bytes())).is_err());
    }
    let text = case.sign_in_text("1");
    let signed_in = case.who_signs_in(text.as_bytes(), &at(7).assertion(&at(0).passkey(), text.as_bytes())).unwrap();
    assert_eq!(signed_in.name, "Ann");
    case.sign_with(signer(at(9)));
    case.record_decision(&decision("Ann"), "0").unwrap();
    drop(case);
    let found = report(&folder);
    assert!(found.is_sound() && found.signatures == 3, "{found:?}");
}

#[test]
fn a_sign_in_is_no_decision_and_a_decision_signs_nobody_in() {
    let (_folder, mut case) = case("Ann");
    let ann = one(Algorithm::EdDsa);
    enrol(&mut case, ("Ann", &ann), ("Ann", &ann, Role::Approver)).unwrap();
    let key = ann.passkey();
    assert!(case.who_signs_in(TEXT, &ann.assertion(&key, TEXT)).unwrap_err().to_string().contains("something else"));
    let sign_in = case.sign_in_text("1");
    case.sign_with(Signer(Arc::new(move |_: &[u8], _: &str| Ok(ann.assertion(&key, sign_in.as_bytes())))));
    assert!(case.record_decision(&decision("Ann"), "0").is_err());
}

#[test]
fn a_passkey_is_one_persons_and_its_name_is_used_once() {
    let (_folder, mut case) = case("Ann");
    let ann = one(Algorithm::Es256);
    enrol(&mut case, ("Ann", &ann), ("Ann", &ann, Role::Approver)).unwrap();
    let same_key = |c: &mut Case, name: &str| enrol(c, ("Ann", &ann), (name, &ann, Role::Desk)).unwrap_err().to_string();
    assert!(same_key(&mut case, "Bob").contains("Ann's"));
    let taken = Authenticator { seed: 9, ..ann.clone() };
    assert!(enrol(&mut case, ("Ann", &ann), ("Bob", &taken, Role::Desk)).unwrap_err().to_string().contains("of this name"), "a credential with another key");
    let line = ann.passkey().to_line().replace("localhost", "127.0.0.1");
    let enrolment = Enrolment { change: Change::Enrolled, key: line, name: "Bob".to_owned(), role: Role::Desk };
    assert!(case.change_responders(enrolment, "Ann", Instant(2), "0").unwrap_err().to_string().contains("no line of a passkey"));
}
