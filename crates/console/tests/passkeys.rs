//! Passkeys in the console, over real connections: an authenticator of a few lines stands behind the browser.

#![allow(clippy::unwrap_used)] // helpers of tests are tests too

#[path = "../../case/tests/support/authenticator.rs"]
mod authenticator;
mod support;

use authenticator::{Authenticator, PRESENT};
use strandline_case::Algorithm;
use strandline_response::desk::check;
use support::{Answer, Served, Visitor, code_of, enrol, entries, seen, served};

/// Somebody at the console's name, with an authenticator.
struct Person<'s> {
    visitor: Visitor<'s>,
    authenticator: Authenticator,
}

/// A value that a page has for its script, or in a field.
fn field(page: &str, name: &str) -> String {
    let found = page.split(&format!("{name}=\"")).nth(1).unwrap_or_else(|| panic!("no {name} in {page}"));
    found.split('"').next().unwrap().to_owned()
}

fn value(page: &str, name: &str) -> String {
    let found = page.split(&format!("name=\"{name}\" value=\"")).nth(1).unwrap_or_else(|| panic!("no {name} in {page}"));
    found.split('"').next().unwrap().to_owned()
}

fn unescaped(text: &str) -> String {
    text.replace("&#34;", "\"").replace("&#38;", "&").replace("&#39;", "'").replace("&quot;", "\"").replace("&#x27;", "'").replace("&amp;", "&")
}

impl<'s> Person<'s> {
    fn new(served: &'s Served, seed: u8, algorithm: Algorithm) -> Self {
        let visitor = Visitor { is_by_name: true, ..Visitor::outside(served) };
        Self { visitor, authenticator: Authenticator::new(algorithm, seed, &format!("http://localhost:{}", served.at.port())) }
    }

    fn enter(&mut self, link: &str) {
        let entered = self.visitor.post(link, &[]);
        assert_eq!(entered.status, 303, "{}", entered.body);
        self.visitor.take_cookie(&entered);
    }

    /// Makes a passkey; what came of it.
    fn make(&self, change: impl FnOnce(&mut Authenticator)) -> Answer {
        let page = self.visitor.get("/access").body;
        let form = page.split("data-passkey=\"create\"").nth(1).unwrap();
        let number = value(form, "number");
        let mut made = self.authenticator.clone();
        change(&mut made);
        let [attestation, client] = made.make(format!("strandline new passkey 1\n{number}\n").as_bytes());
        self.visitor.act("/act/passkey", &[("number", &number), ("attestation", &attestation), ("client_data", &client)])
    }

    /// What the authenticator says of a text, as a page's form has it.
    fn says(&self, text: &str) -> [(&'static str, String); 4] {
        let [data, client, signature] = self.authenticator.sign(text.as_bytes());
        [("credential", self.authenticator.passkey().credential()), ("authenticator_data", data), ("client_data", client), ("assertion", signature)]
    }

    fn sign(&self, at: &str) -> Answer {
        let text = self.visitor.get(&format!("{at}/text")).body;
        let said = self.says(&text);
        let fields: Vec<(&str, &str)> = said.iter().map(|(name, value)| (*name, value.as_str())).collect();
        self.visitor.act(at, &fields)
    }

    /// Does an act and signs it.
    fn signed(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let waits = self.visitor.act(path, fields);
        let at = waits.header("location").unwrap_or_else(|| panic!("{}", waits.body)).to_owned();
        assert!(at.starts_with("/sign/"), "{path} was not to be signed: {at}");
        self.sign(&at)
    }

    fn sign_in(&mut self) -> Answer {
        let door = self.visitor.get("/in").body;
        let number = value(&door, "number");
        let text = unescaped(&door.split("<pre tabindex=\"0\">").nth(1).unwrap().split("</pre>").next().unwrap().replace("\r\n", "\n"));
        let said = self.says(&format!("{}\n", text.trim_end()));
        let fields: Vec<(&str, &str)> = said.iter().map(|(name, value)| (*name, value.as_str())).chain([("number", number.as_str())]).collect();
        self.visitor.post("/in", &fields)
    }
}

/// The first person, enrolled as an approver by their own passkey.
fn first(served: &Served) -> Person<'_> {
    let mut ann = Person::new(served, 1, Algorithm::Es256);
    ann.enter(&served.link);
    assert_eq!(ann.make(|_| {}).status, 303);
    let offer = value(&ann.visitor.get("/access").body, "offer");
    let before = entries(served);
    let enrolled = ann.signed("/act/enrol", &[("offer", &offer), ("role", "approver")]);
    assert_eq!((enrolled.status, entries(served)), (303, before + 1), "{}", enrolled.body);
    ann
}

#[test]
fn two_people_enrol_sign_in_and_approve_by_passkeys_alone() {
    let served = served("A. Chan", |_| {});
    let mut ann = first(&served);
    // Somebody else comes to look, and brings a passkey.
    ann.visitor.act("/act/link", &[("name", "B. Lee")]);
    let page = ann.visitor.get("/access").body;
    let link = page.split("/in/").nth(1).unwrap().split(|c: char| !c.is_ascii_hexdigit()).next().unwrap().to_owned();
    let mut bob = Person::new(&served, 2, Algorithm::EdDsa);
    bob.enter(&format!("/in/{link}"));
    assert_eq!(bob.make(|_| {}).status, 303);
    assert!(bob.visitor.get("/access").body.matches(&bob.authenticator.passkey().fingerprint()).count() == 1, "its maker is told its fingerprint");
    assert!(ann.visitor.get("/").body.contains("Passkeys to enrol: 1") && !bob.visitor.get("/").body.contains("Passkeys to enrol"));
    let page = ann.visitor.get("/access").body;
    assert!(page.contains(&bob.authenticator.passkey().fingerprint()));
    assert_eq!(page.matches("action=\"/act/enrol\"").count(), 1, "an enrolled one is offered again");
    assert_eq!(bob.visitor.act("/act/enrol", &[("offer", &value(&page, "offer")), ("role", "approver")]).status, 403, "somebody enrolled themselves");
    assert_eq!(ann.signed("/act/enrol", &[("offer", &value(&page, "offer")), ("role", "approver")]).status, 303);
    // Both sign in, and approve the letters as they are.
    for person in [&mut ann, &mut bob] {
        let entered = person.sign_in();
        assert_eq!(entered.status, 303, "{}", entered.body);
        person.visitor.take_cookie(&entered);
        let plan = value(&person.visitor.get("/letters").body, "plan");
        let approved = person.signed("/act/approve", &[("plan", &plan)]);
        assert_eq!(approved.header("location"), Some("/letters"), "{}", approved.body);
    }
    let approval = seen(&served.case).letters.unwrap().status.approval;
    assert!(approval.is_enough() && approval.have == 2, "{approval:?}");
    let report = check(&served.case);
    assert!(report.is_sound() && report.signatures == 4, "{:?}", report.problems);
}

#[test]
fn a_passkey_that_does_not_count_on_lets_nobody_in_and_decides_nothing() {
    let served = served("A. Chan", |_| {});
    let mut ann = first(&served);
    let mut enter = |counter: u32| {
        ann.authenticator.counter = counter;
        let entered = ann.sign_in();
        if entered.status == 303 {
            ann.visitor.take_cookie(&entered);
        }
        entered.status
    };
    assert_eq!([enter(6), enter(6), enter(5), enter(7)], [303, 422, 422, 303], "a copy that counts beside it came in");
    // What a sign-in counted, no decision counts again.
    let target = ann.visitor.first("/path", "/path/").replace("/path/", "");
    let strike = [("target", target.as_str()), ("verdict", "struck"), ("why", "x")];
    let before = entries(&served);
    assert_eq!((ann.signed("/act/judge", &strike).status, entries(&served)), (422, before));
    ann.authenticator.counter = 8;
    assert_eq!((ann.signed("/act/judge", &strike).status, entries(&served)), (303, before + 1));
}

#[test]
fn what_is_not_exactly_right_is_entered_nowhere() {
    let served = served("A. Chan", |_| {});
    let ann = first(&served);
    let target = ann.visitor.first("/path", "/path/").replace("/path/", "");
    let strike = [("target", target.as_str()), ("verdict", "struck"), ("why", "x")];
    let waits = ann.visitor.act("/act/judge", &strike);
    let at = waits.header("location").unwrap().to_owned();
    let (before, text) = (entries(&served), ann.visitor.get(&format!("{at}/text")).body);
    let good = ann.says(&text);
    let refused = |fields: &[(&'static str, String)], what: &str| {
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        assert_eq!((ann.visitor.act(&at, &fields).status, entries(&served)), (422, before), "{what}");
    };
    let with = |change: fn(&mut Authenticator)| {
        let mut authenticator = ann.authenticator.clone();
        change(&mut authenticator);
        let [data, client, signature] = authenticator.sign(text.as_bytes());
        [good[0].clone(), ("authenticator_data", data), ("client_data", client), ("assertion", signature)]
    };
    refused(&with(|a| a.origin = "http://localhost:1".into()), "another origin");
    refused(&with(|a| a.host = "evil.example".into()), "another relying party");
    refused(&with(|a| a.flags = PRESENT), "nobody known");
    refused(&with(|a| a.seed = 9), "another key");
    refused(&ann.says(&format!("{text} ")), "another text");
    refused(&[good[0].clone(), good[1].clone(), good[2].clone(), ("assertion", "AAAA".into())], "no signature");
    refused(&[("credential", "AAAA".into()), good[1].clone(), good[2].clone(), good[3].clone()], "nobody's credential");
    refused(&good[..1], "nothing but a name");
    // The same assertion is good for this entry, once.
    let fields: Vec<(&str, &str)> = good.iter().map(|(name, value)| (*name, value.as_str())).collect();
    assert_eq!((ann.visitor.act(&at, &fields).status, entries(&served)), (303, before + 1));
    let again = ann.visitor.act("/act/judge", &strike).header("location").unwrap().to_owned();
    assert_eq!(ann.visitor.act(&again, &fields).status, 422, "an assertion of one entry was taken for another");
    assert_eq!(entries(&served), before + 1, "an assertion was entered twice");
}

#[test]
fn a_passkey_that_is_made_wrong_waits_for_nobody() {
    let served = served("A. Chan", |_| {});
    let mut ann = Person::new(&served, 1, Algorithm::Es256);
    ann.enter(&served.link);
    assert_eq!(ann.make(|a| a.origin = "http://localhost:1".into()).status, 422);
    assert_eq!(ann.make(|a| a.flags = PRESENT).status, 422);
    assert_eq!(ann.make(|a| a.host = "evil.example".into()).status, 422);
    assert_eq!(ann.visitor.act("/act/passkey", &[("number", "x"), ("attestation", "AAAA"), ("client_data", "AAAA")]).status, 422);
    assert!(!ann.visitor.get("/access").body.contains("/act/enrol"));
    // At an address browsers make none, and the page says where they do.
    let at_address = Visitor::outside(&served);
    let page = at_address.get("/in").body;
    assert!(!page.contains("data-passkey"));
}

#[test]
fn a_sign_in_is_good_once_and_a_removed_passkey_signs_nobody_in() {
    let served = served("A. Chan", |case| enrol(case, "A. Chan", 7));
    // A. Chan has an SSH key, and adds a passkey for the browser.
    let visitor = Visitor::signed_in(&served, 7);
    let ann = Person {
        visitor: Visitor { is_by_name: true, cookie: visitor.cookie.clone(), ..Visitor::outside(&served) },
        ..Person::new(&served, 3, Algorithm::EdDsa)
    };
    assert_eq!(ann.make(|_| {}).status, 303);
    let offer = value(&ann.visitor.get("/access").body, "offer");
    let by_key = |at: &str| {
        let text = visitor.get(&format!("{at}/text")).body;
        visitor.act(at, &[("signature", &support::sign(7, "strandline-decision", &text))])
    };
    let waits = visitor.act("/act/enrol", &[("offer", &offer), ("role", "approver")]);
    assert_eq!(by_key(waits.header("location").unwrap()).status, 303);
    let mut again = Person { visitor: Visitor { is_by_name: true, ..Visitor::outside(&served) }, ..ann };
    let door = again.visitor.get("/in").body;
    let ask = door.split("data-passkey=\"get\"").nth(1).unwrap();
    assert_eq!(field(ask, "data-credentials"), "", "names of passkeys are told to somebody who is not in");
    assert_eq!(again.sign_in().status, 303);
    // Removed, it lets nobody in.
    let page = visitor.get("/access").body;
    let entry = page.split("name=\"entry\" value=\"").last().unwrap().split('"').next().unwrap().to_owned();
    let waits = visitor.act("/act/remove", &[("entry", &entry)]);
    assert_eq!(by_key(waits.header("location").unwrap()).status, 303);
    assert_eq!(again.sign_in().status, 422);
    let report = check(&served.case);
    assert!(report.is_sound(), "{:?}", report.problems);
    // A code of a letter is nothing that any of these pages show.
    let key = seen(&served.case).people.iter().find(|row| row.letter.is_some()).unwrap().data_subject.clone();
    assert!(!page.contains(&code_of(&served.case, &key)));
}
