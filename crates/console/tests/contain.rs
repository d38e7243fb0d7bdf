//! A cut from the browser, from its rehearsal to its being taken back, at a simulated directory. Its secret comes from the file that the
//! estate names, and from nobody's typing.

#![allow(clippy::unwrap_used, clippy::print_stderr)] // helpers of tests are tests too; a test that is skipped says so

mod support;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use strandline_model::containment::Effect;
use strandline_response::desk::{Given, Quiet, check};
use strandline_response::{Response, Secret, TargetSecrets, by_hand};
use support::{Visitor, served_with, settings, wait_for, with_estate};

/// The worked example of the documentation: a directory of accounts.
const DIRECTORY: &str = include_str!("../../../docs/containment/example_responder.py");
const KEY: &str = "a key of sixteen characters";

fn is_over(visitor: &Visitor<'_>, job: &str) -> bool {
    let page = visitor.get("/work").body;
    let of_it = page.split("<section").find(|part| part.contains(job)).unwrap_or_default();
    of_it.contains("It is done.") || of_it.contains("It could not be done:")
}

fn done(visitor: &Visitor<'_>, work: &str, name: &str) {
    visitor.act("/act/work", &[("work", work), ("plan", "1")]);
    wait_for(name, || is_over(visitor, name));
}

/// Makes the directory beside a case, and a plan that locks an account of it, which one person has approved.
fn plan(case: &Path) {
    let folder = case.parent().unwrap();
    let [program, key, accounts] = ["responder.py", "key", "accounts.json"].map(|name| folder.join(name));
    std::fs::write(&program, DIRECTORY).unwrap();
    std::fs::write(&key, KEY).unwrap();
    std::fs::write(&accounts, "{\"someone.else\": {\"enabled\": \"yes\"}}").unwrap();
    let command = [&program, &key, &accounts].map(|path| format!("{path:?}")).join(", ");
    with_estate(case, &format!("\n[[target]]\nname = \"idp\"\nkind = \"exec\"\ncommand = [\"python3\", {command}]\npassword_file = {key:?}\n"));
    let effect: Effect = serde_json::from_value(serde_json::json!({ "effect": "exec", "action": "disable_account", "subject": "someone.else" })).unwrap();
    let given = TargetSecrets { secrets: BTreeMap::from([("idp".to_owned(), Secret::new(KEY.to_owned()))]), ..TargetSecrets::default() };
    Response::resume(&settings(case, "A. Chan"), &mut Quiet).unwrap().plan_cut(&[by_hand(effect, "idp")], None, &given).unwrap();
    Response::resume(&settings(case, "B. Lee"), &mut Quiet).unwrap().approve_cut(None, None).unwrap();
}

#[test]
fn a_plan_is_rehearsed_approved_applied_verified_and_taken_back_from_the_browser() {
    if std::process::Command::new("python3").arg("--version").output().is_err() {
        eprintln!("SKIPPED: python3, in which the simulated directory is written, is not here");
        return;
    }
    let served = served_with(|_| Given { again_after: Some(Duration::ZERO), ..Given::default() }, plan);
    let (accounts, key): (PathBuf, PathBuf) = (served.case.with_file_name("accounts.json"), served.case.with_file_name("key"));
    let (visitor, untouched) = (Visitor::inside(&served), std::fs::read_to_string(&accounts).unwrap());
    let page = || visitor.get("/contain").body;
    assert!(!page().contains("value=\"apply_cut\"") && !page().contains("type=\"password\""));
    done(&visitor, "rehearse_cut", "Holding plan 1 against its targets");
    assert!(page().contains("as the plan found it"), "{}", page());
    // One approval is not enough, whatever a form says.
    done(&visitor, "apply_cut", "Applying plan 1");
    assert!(visitor.get("/work").body.contains("1 of 2 approvals"), "{}", visitor.get("/work").body);
    assert_eq!(visitor.act("/act/cut", &[("plan", "1"), ("why", "it is his")]).status, 303);
    assert_eq!(std::fs::read_to_string(&accounts).unwrap(), untouched, "something was done before it was to be");
    // Without the file of its secret it is told, and nobody is asked.
    let kept = std::fs::read(&key).unwrap();
    std::fs::remove_file(&key).unwrap();
    done(&visitor, "apply_cut", "Applying plan 1");
    assert!(visitor.get("/work").body.contains("target idp: the password file"), "{}", visitor.get("/work").body);
    std::fs::write(&key, kept).unwrap();
    assert!(page().contains("value=\"apply_cut\""));
    done(&visitor, "apply_cut", "Applying plan 1");
    assert!(std::fs::read_to_string(&accounts).unwrap().contains("\"no\""), "{}", visitor.get("/work").body);
    assert!(page().contains("effective") && !page().contains("value=\"apply_cut\""));
    // Somebody opens it behind our back: the door that is left open stands there.
    let cut = std::fs::read_to_string(&accounts).unwrap();
    std::fs::write(&accounts, &untouched).unwrap();
    done(&visitor, "verify_cuts", "Trying the doors of what is cut");
    assert!(page().contains("not effective"), "an open door is not shown");
    std::fs::write(&accounts, &cut).unwrap();
    done(&visitor, "undo_cut", "Taking plan 1 back");
    assert_eq!(std::fs::read_to_string(&accounts).unwrap(), untouched, "{}", visitor.get("/work").body);
    assert!(!page().contains("value=\"undo_cut\"") && !page().contains("value=\"apply_cut\""));
    assert!(check(&served.case).is_sound());
}
