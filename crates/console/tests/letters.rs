//! Letters from the browser: what they are made from, in which lots they go, and that each goes once, whoever decides meanwhile and
//! whatever ends.

#![allow(clippy::unwrap_used)] // helpers of tests are tests too

mod support;

use std::collections::BTreeSet;
use std::time::Duration;

use strandline_response::Role;
use strandline_response::desk::{Given, Task, TaskNote, check, note_task};
use support::{Served, Visitor, approve, approve_here, enrol, enrol_as, entries, mail_server, mail_through, now, seen, served, served_with, wait_for};

/// The number of a row, by where it leads.
fn count_of(page: &str, href: &str) -> u64 {
    let row = page.split(&format!("href=\"{href}\">")).nth(1).unwrap_or_else(|| panic!("no number leads to {href}"));
    row.split('<').next().unwrap().replace(',', "").parse().unwrap()
}

fn is_over(visitor: &Visitor<'_>, job: &str) -> bool {
    let page = visitor.get("/work").body;
    let of_it = page.split("<section").find(|part| part.contains(job)).unwrap_or_default();
    of_it.contains("It is done.") || of_it.contains("It could not be done:")
}

#[test]
fn a_template_stands_beside_a_real_letter_and_its_envelope_and_names_nobody_to_who_said_nothing() {
    let served = served("A. Chan", |_| {});
    let visitor = Visitor::inside(&served);
    let page = visitor.get("/letters").body;
    let batches = seen(&served.case).letters.unwrap().batches;
    assert!(batches.templates.len() > 1, "the case has letters of one template alone");
    for ((kind, language), people) in &batches.templates {
        let (href, rows) = (format!("/letters/template/{kind}/{language}"), format!("/people?template={kind}.{language}"));
        assert_eq!(count_of(&page, &rows), people.len() as u64);
        assert!(visitor.get(&rows).body.contains(&format!("<h2>{} of ", people.len())), "{rows} are other people");
        let beside = visitor.get(&href);
        assert_eq!(beside.status, 200, "{href}: {}", beside.body);
        assert!(beside.body.contains("default/") && beside.body.contains("class='envelope'"), "{href}");
    }
    assert_eq!(visitor.get("/letters/template/exposed/tlh").status, 404);
    // One person's: the address is covered until somebody says why.
    let ((kind, language), people) = batches.templates.iter().find(|((kind, _), _)| kind == "exposed").unwrap();
    let overview = seen(&served.case);
    let row = people.iter().filter_map(|key| overview.person_of_key(key)).next().unwrap();
    let path = format!("/letters/template/{kind}/{language}?of={}", row.handle);
    let (before, covered) = (entries(&served), visitor.get(&path).body);
    let lines = |page: &str| page.split("<h3>The address</h3>").nth(1).unwrap().split("</ul>").next().unwrap().matches("<bdi>").count();
    assert!(lines(&covered) > 1 && covered.contains("**"), "no covered address stands there");
    let looked =
        visitor.act("/act/look", &[("handle", &row.handle), ("why", "to see the envelope"), ("back", &format!("/letters/template/{kind}/{language}"))]);
    assert_eq!(looked.header("location"), Some(path.as_str()));
    assert_eq!(entries(&served), before + 1, "the look is not in the ledger");
    let shown = visitor.get(&path).body;
    let address = |page: &str| page.split("<h3>The address</h3>").nth(1).unwrap().split("</ul>").next().unwrap().to_owned();
    assert!(!address(&shown).contains("**") && lines(&shown) == lines(&covered), "the address is covered still");
    assert!(shown.contains("not printed as they are now"), "a window that nobody saw is called good");
}

#[test]
fn findings_of_the_lint_open_their_letters_and_stay_while_the_letters_do() {
    let served = served("A. Chan", |_| {});
    let visitor = Visitor::inside(&served);
    visitor.act("/act/work", &[("work", "lint")]);
    wait_for("the lint", || is_over(&visitor, "Reading every letter"));
    let found = || visitor.get("/letters").body.contains("Nobody has had the letters read");
    assert!(!found());
    // A look at somebody changes no letter.
    let handle = visitor.first("/people?tier=confirmed", "/people/").replace("/people/", "");
    visitor.act("/act/look", &[("handle", &handle), ("why", "she called"), ("back", "/people/x")]);
    assert!(!found(), "what the lint found is forgotten by a look");
    visitor.act("/act/letter", &[("handle", &handle), ("word", "hold"), ("why", "the family is told in person")]);
    assert!(found(), "what the lint found of other letters stands there");
}

#[test]
fn what_is_approved_by_two_goes_from_the_browser_each_letter_once() {
    let (port, taken) = mail_server(Duration::ZERO);
    let served = served_with(|_| Given { mail: mail_through(port, 4), ..Given::default() }, |case| approve(case, "B. Lee"));
    let visitor = Visitor::inside(&served);
    let page = visitor.get("/letters").body;
    let mails = count_of(&page, "/people?batch=email");
    assert!(mails > 20 && page.contains(&format!("Through 127.0.0.1:{port}, in clear")), "the page does not say by which way");
    assert!(!page.contains("value=\"send\""), "one approval is enough");
    // A form that the page does not have sends nothing either.
    visitor.act("/act/work", &[("work", "send")]);
    wait_for("the refusal", || is_over(&visitor, "Sending the letters"));
    assert!(visitor.get("/work").body.contains("1 of 2 approvals") && taken.lock().unwrap().is_empty());
    approve_here(&visitor);
    assert!(visitor.get("/letters").body.contains("value=\"send\""));
    visitor.act("/act/work", &[("work", "rehearse")]);
    wait_for("the rehearsal", || is_over(&visitor, "Writing the e-mails as they would go"));
    assert!(visitor.get("/work").body.contains(&format!("{mails} e-mails written into")) && taken.lock().unwrap().is_empty(), "a rehearsal sends");
    visitor.act("/act/work", &[("work", "send")]);
    wait_for("the end of sending", || is_over(&visitor, "Sending the letters"));
    assert!(visitor.get("/work").body.contains(&format!("{mails} taken by the mail server, 0 refused")), "{}", visitor.get("/work").body);
    let sent = taken.lock().unwrap().clone();
    assert_eq!(sent.len() as u64, mails);
    assert_eq!(sent.iter().collect::<BTreeSet<_>>().len() as u64, mails, "somebody got two");
    assert!(!visitor.get("/letters").body.contains("/people?batch=email"), "they would go again");
}

#[test]
fn whoever_decides_while_letters_go_is_heard_and_a_held_letter_stays() {
    let (port, taken) = mail_server(Duration::from_millis(150));
    let served = served_with(|_| Given { mail: mail_through(port, 1), ..Given::default() }, |case| approve(case, "B. Lee"));
    let visitor = Visitor::inside(&served);
    approve_here(&visitor);
    let overview = seen(&served.case);
    let mails = overview.letters.as_ref().unwrap().batches.by_channel["email"].clone();
    visitor.act("/act/work", &[("work", "send")]);
    wait_for("the first letters", || taken.lock().unwrap().len() > 2);
    let status = |key: &str| seen(&served.case).letters.unwrap().status.people.into_iter().find(|person| person.data_subject == key).unwrap();
    let last = mails.iter().rev().find(|key| status(key).state == "queued").unwrap();
    let handle = overview.person_of_key(last).unwrap().handle.clone();
    assert_eq!(visitor.act("/act/letter", &[("handle", &handle), ("word", "hold"), ("why", "she is told in person")]).status, 303);
    wait_for("the end of sending", || is_over(&visitor, "Sending the letters"));
    assert_eq!(status(last).state, "held");
    let sent = taken.lock().unwrap().clone();
    assert_eq!(sent.len(), mails.len() - 1, "{}", visitor.get("/work").body);
    assert_eq!(sent.iter().collect::<BTreeSet<_>>().len(), sent.len(), "somebody got two");
    assert!(check(&served.case).is_sound());
}

#[test]
fn sending_ends_where_somebody_says_so_and_goes_on_where_it_was() {
    let (port, taken) = mail_server(Duration::from_millis(100));
    let served = served_with(|_| Given { mail: mail_through(port, 1), ..Given::default() }, |case| approve(case, "B. Lee"));
    let visitor = Visitor::inside(&served);
    approve_here(&visitor);
    let mails = seen(&served.case).letters.unwrap().batches.by_channel["email"].len();
    visitor.act("/act/work", &[("work", "send")]);
    wait_for("the first letters", || taken.lock().unwrap().len() > 1);
    assert!(visitor.get("/work").body.contains("/act/end-sending"));
    assert_eq!(visitor.act("/act/end-sending", &[]).status, 303);
    wait_for("the end of sending", || is_over(&visitor, "Sending the letters"));
    let first = taken.lock().unwrap().len();
    assert!(first < mails, "it did not end");
    visitor.act("/act/work", &[("work", "send")]);
    wait_for("the rest", || is_over(&visitor, "Sending the letters"));
    let sent = taken.lock().unwrap().clone();
    assert_eq!((sent.len(), sent.iter().collect::<BTreeSet<_>>().len()), (mails, mails));
}

#[test]
fn where_a_letter_is_takes_somebodys_word() {
    let (port, taken) = mail_server(Duration::ZERO);
    let served = served_with(|_| Given { mail: mail_through(port, 4), ..Given::default() }, |case| approve(case, "B. Lee"));
    let visitor = Visitor::inside(&served);
    approve_here(&visitor);
    visitor.act("/act/work", &[("work", "send")]);
    wait_for("the end of sending", || is_over(&visitor, "Sending the letters"));
    let handle = visitor.first("/people?letter=accepted", "/letters/").replace("/letters/", "");
    let letter = format!("/letters/{handle}");
    assert!(visitor.get(&letter).body.contains("250 taken"), "what the server said is not there");
    assert_eq!(visitor.act("/act/came", &[("handle", &handle), ("came", "returned")]).status, 422, "mail came back on paper");
    assert_eq!(visitor.act("/act/came", &[("handle", &handle), ("came", "bounced")]).status, 303);
    assert_eq!(seen(&served.case).letters.unwrap().status.counts.get("bounced"), Some(&1));
    assert!(visitor.get("/people?letter=bounced").body.contains(&letter), "the number does not open its row");
    let before = taken.lock().unwrap().len();
    assert_eq!(visitor.act("/act/came", &[("handle", &handle), ("came", "send_again")]).status, 303);
    visitor.act("/act/work", &[("work", "send")]);
    wait_for("the end of sending", || is_over(&visitor, "Sending the letters") && visitor.get("/work").body.contains("1 taken by"));
    assert_eq!(taken.lock().unwrap().len(), before + 1);
}

#[test]
fn each_role_begins_what_is_theirs() {
    let served = served("A. Chan", |case| {
        enrol(case, "A. Chan", 7);
        for (seed, name, role) in [(8, "Desk", Role::Desk), (9, "Officer", Role::PrivacyOfficer), (10, "Reader", Role::Reader)] {
            enrol_as(case, ("A. Chan", 7), name, (seed, role));
        }
    });
    let tasks = ["renew", "lint", "print", "rehearse", "send", "hand_over", "publish", "collect", "apply_cut", "undo_cut", "verify_cuts", "rehearse_cut"];
    let refused = |seed: u8| -> Vec<&str> {
        let visitor = Visitor::signed_in(&served, seed);
        let status = |task: &str| visitor.act("/act/work", &[("work", task), ("plan", "1")]).status;
        tasks.into_iter().filter(|task| status(task) == 403).collect()
    };
    assert_eq!(refused(10), tasks);
    let cuts = ["renew", "apply_cut", "undo_cut", "verify_cuts", "rehearse_cut"];
    assert_eq!(refused(9), cuts);
    assert_eq!(refused(8), tasks.into_iter().filter(|task| *task != "collect").collect::<Vec<_>>());
    let desk = Visitor::signed_in(&served, 8);
    assert_eq!(desk.act("/act/end-sending", &[]).status, 403);
    assert_eq!(desk.act("/act/came", &[("handle", "x"), ("came", "arrived")]).status, 403);
}

/// Serves the case as it was left by a program that died while it did this.
fn left(task: Task) -> Served {
    served_with(
        |_| Given::default(),
        |case| {
            let note = TaskNote { task: task.clone(), by: "A. Chan".to_owned(), begun_at: now() };
            let noted = note_task(case, &note).unwrap().unwrap();
            // A kill takes nothing away, and frees the lock.
            let file = case.join(format!("jobs/{}.json", task.word()));
            let kept = std::fs::read(&file).unwrap();
            drop(noted);
            std::fs::write(&file, kept).unwrap();
        },
    )
}

#[test]
fn work_that_a_kill_cut_short_is_told_and_taken_up_where_that_is_safe() {
    let served = left(Task::Renew);
    let visitor = Visitor::inside(&served);
    let page = visitor.get("/work").body;
    assert!(page.contains("Bringing the case up to date") && page.contains("the end of its program cut it short"), "{page}");
    wait_for("the end of the work", || is_over(&visitor, "Bringing the case up to date"));
    assert!(visitor.get("/work").body.contains("It is done."));
    assert!(!served.case.join("jobs/renew.json").exists(), "it would be told again");
}

#[test]
fn a_cut_that_a_kill_cut_short_waits_for_a_person() {
    let served = left(Task::ApplyCut { plan: 3 });
    let visitor = Visitor::inside(&served);
    let page = visitor.get("/work").body;
    assert!(page.contains("Applying plan 3") && page.contains("begin it again: it goes on where it stopped"), "{page}");
}
