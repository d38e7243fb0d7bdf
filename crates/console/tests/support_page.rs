//! The support page from the desk: sealed and collected where whoever started the console said, and nowhere that a browser says.

#![allow(clippy::unwrap_used)] // helpers of tests are tests too

mod support;

use strandline_response::desk::Given;
use support::{Visitor, approve, approve_here, served_with, wait_for};

fn is_over(visitor: &Visitor<'_>, job: &str) -> bool {
    let page = visitor.get("/work").body;
    let of_it = page.split("<section").find(|part| part.contains(job)).unwrap_or_default();
    of_it.contains("It is done.") || of_it.contains("It could not be done:")
}

#[test]
fn cards_are_sealed_and_messages_collected_where_the_start_said() {
    let served = served_with(|folder| Given { bundle: Some(folder.join("bundle")), ..Given::default() }, |case| approve(case, "B. Lee"));
    let bundle = served.case.with_file_name("bundle");
    let visitor = Visitor::inside(&served);
    // Nothing was released yet.
    visitor.act("/act/work", &[("work", "publish")]);
    wait_for("the refusal", || is_over(&visitor, "Sealing the cards"));
    assert!(visitor.get("/work").body.contains("It could not be done:") && !bundle.join("manifest.json").exists());
    approve_here(&visitor);
    let elsewhere = served.case.with_file_name("elsewhere");
    visitor.act("/act/work", &[("work", "publish"), ("bundle", elsewhere.to_str().unwrap()), ("into", elsewhere.to_str().unwrap())]);
    wait_for("the cards", || is_over(&visitor, "Sealing the cards"));
    assert!(visitor.get("/work").body.contains("cards sealed, 0 answers"), "{}", visitor.get("/work").body);
    assert!(bundle.join("manifest.json").exists() && !elsewhere.exists(), "a path from a browser was taken");
    visitor.act("/act/work", &[("work", "collect")]);
    wait_for("the collection", || is_over(&visitor, "Collecting what people wrote"));
    assert!(visitor.get("/desk").body.contains("0 new messages, 0 about"), "what came is not at the desk");
}

#[test]
fn without_a_bundle_the_desk_says_who_names_one() {
    let served = served_with(|_| Given::default(), |_| {});
    let visitor = Visitor::inside(&served);
    let page = visitor.get("/desk").body;
    assert!(page.contains("serve --support-bundle FOLDER") && !page.contains("value=\"collect\""));
    visitor.act("/act/work", &[("work", "collect")]);
    wait_for("the refusal", || is_over(&visitor, "Collecting what people wrote"));
    assert!(visitor.get("/work").body.contains("serve --support-bundle FOLDER"));
}
