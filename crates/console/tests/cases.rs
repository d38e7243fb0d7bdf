//! Several cases behind one address: one link into all, each with its own sessions and rights.

#![allow(clippy::unwrap_used)] // helpers of tests are tests too

mod support;

use strandline_response::Role;
use support::{Answer, Served, Visitor, enrol, enrol_as, remove, served_all};

/// Each cookie of an answer.
fn cookies(answer: &Answer) -> Vec<String> {
    let lines = answer.head.lines().filter_map(|line| line.split_once(": ")).filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie"));
    lines.map(|(_, value)| value.split(';').next().unwrap().to_owned()).collect()
}

/// Somebody who came in by the link of all cases, and the paths of those.
fn inside(served: &Served) -> (Visitor<'_>, Vec<String>) {
    let mut visitor = Visitor::outside(served);
    let entered = visitor.post(&served.link, &[]);
    assert_eq!((entered.status, entered.header("location")), (303, Some("/")));
    let cookies = cookies(&entered);
    assert_eq!(cookies.len(), 2, "one session for each case");
    visitor.cookie = cookies.join("; ");
    let page = visitor.get("/").body;
    let paths: Vec<String> = page.split("<h2><a href=\"").skip(1).map(|part| part.split('"').next().unwrap().to_owned()).collect();
    (visitor, paths)
}

#[test]
fn one_link_lets_into_all_cases_and_a_page_lists_them() {
    let served = served_all("A. Chan", 2, |_, _| {});
    let outside = Visitor::outside(&served);
    let page = outside.get("/").body;
    assert!(page.contains("/case/") && !page.contains("confirmed"), "figures are shown to nobody's browser");
    let (visitor, paths) = inside(&served);
    assert_eq!(paths.len(), 2);
    let page = visitor.get("/").body;
    for shown in ["confirmed", "Next clock", "need"] {
        assert!(page.contains(shown), "{shown}");
    }
    assert_eq!(outside.post(&served.link, &[]).header("set-cookie"), None, "the link was good twice");
    for path in &paths {
        let home = visitor.get(path);
        assert_eq!(home.status, 200, "{path}");
        // Every way on leads into the same case, or to the list of all.
        for way in ["href=\"/", "href='/", "action=\"/", "src=\"/"] {
            for led in home.body.split(way).skip(1) {
                assert!(format!("/{led}").starts_with(path.as_str()), "{way}{}", &led[..20]);
            }
        }
        let people = visitor.get(&format!("{path}/people"));
        assert_eq!(people.status, 200);
        assert_eq!(visitor.get(&format!("{path}/assets/console.css")).status, 200);
        assert_eq!(visitor.get(&format!("{path}/nothing")).status, 404);
    }
    assert_eq!(visitor.get("/case/00000000").status, 404);
    assert_eq!(visitor.get("/people").status, 404);
    let from_elsewhere = visitor.post_from(&format!("{}/act/end", paths[0]), &[], "Origin: http://evil.example\r\n");
    assert_eq!(from_elsewhere.status, 403);
}

#[test]
fn sessions_and_rights_are_each_cases_own() {
    // In the second case somebody else decides: there the link lets somebody in who only looks.
    let served = served_all("A. Chan", 2, |place, case| {
        if place == 1 {
            enrol(case, "A. Chan", 7);
            enrol_as(case, ("A. Chan", 7), "B. Lee", (8, Role::Approver));
            remove(case, ("B. Lee", 8), "A. Chan");
        }
    });
    let (mut visitor, paths) = inside(&served);
    let list = visitor.get("/").body;
    assert!(list.contains("decides and approves") && list.contains("looks"));
    let other = paths.iter().find(|path| visitor.get(&format!("{path}/access")).body.contains("B. Lee")).unwrap().clone();
    let own = paths.iter().find(|path| **path != other).unwrap().clone();
    let csrf = |path: &str| visitor.get(&format!("{path}/work")).body.split("name=\"csrf\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let (of_own, of_other) = (csrf(&own), csrf(&other));
    let link = |path: &str, token: &str| visitor.post(&format!("{path}/act/link"), &[("csrf", token), ("name", "C. Ho")]).status;
    assert_eq!(link(&own, &of_other), 403, "the token of another case's session was taken");
    assert_eq!(link(&other, &of_other), 403, "a right of one case was one in another");
    assert_eq!(link(&own, &of_own), 303);
    // Leaving one case leaves the other open.
    let left = visitor.post(&format!("{own}/act/end"), &[("csrf", &of_own)]);
    assert_eq!(left.header("location"), Some(format!("{own}/in").as_str()));
    assert_eq!(visitor.get(&format!("{own}/people")).header("location"), Some(format!("{own}/in").as_str()));
    assert_eq!(visitor.get(&other).status, 200);
    // One case's secret opens no other.
    let name = |path: &str| format!("strandline-{}-{}", served.at.port(), path.rsplit('/').next().unwrap());
    let secret = visitor.cookie.split("; ").find_map(|pair| pair.strip_prefix(&format!("{}=", name(&other)))).unwrap().to_owned();
    visitor.cookie = format!("{}={secret}", name(&own));
    assert_eq!(visitor.get(&own).status, 303);
}

#[test]
fn whoever_comes_in_again_leaves_no_session_behind() {
    let served = served_all("A. Chan", 2, |_, _| {});
    let (visitor, paths) = inside(&served);
    let csrf = visitor.get(&format!("{}/work", paths[0])).body.split("name=\"csrf\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    visitor.post(&format!("{}/act/link", paths[0]), &[("csrf", &csrf), ("name", "C. Ho")]);
    let told = visitor.get(&format!("{}/access", paths[0])).body;
    let secret = told.split("/in/").nth(1).unwrap()[..64].to_owned();
    assert_eq!(visitor.post(&format!("/in/{secret}"), &[]).status, 303);
    assert_eq!(visitor.get(&paths[0]).status, 303, "the session of before goes on");
    assert_eq!(visitor.get(&paths[1]).status, 200, "another case's session ended");
}

#[test]
fn one_case_given_twice_is_refused() {
    let served = served_all("A. Chan", 2, |_, _| {});
    let error = support::serve_again(&served).unwrap_err().to_string();
    assert!(error.contains("is served already"), "{error}");
}
