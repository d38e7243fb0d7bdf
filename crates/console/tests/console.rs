//! The console over real connections: every page, every act, and whoever should not be heard.

#![allow(clippy::unwrap_used)] // helpers of tests are tests too

mod support;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use strandline_model::detection::Verdict;
use strandline_response::desk::{Act, Given, PersonRow, Quiet, SignIn, Signed, Trying, check, perform, preview, renew};
use strandline_response::notice::LawBook;
use strandline_response::{MessageKind, PinWord, Role};
use support::{
    HOSTILE_NAME, Served, Visitor, code_of, draft_round, enrol, enrol_as, entries, message, raw, readdress, remove, seen, served, settings, sign, trace_alone,
    wait_for,
};

const PAGES: [&str; 14] = [
    "/",
    "/evidence",
    "/path",
    "/timeline",
    "/people",
    "/contain",
    "/clocks",
    "/clocks/form/gdpr-33",
    "/letters",
    "/desk",
    "/desk?all",
    "/ledger",
    "/access",
    "/work",
];

#[test]
fn every_page_is_there_in_both_languages_and_sealed() {
    let served = served("A. Chan", |_| {});
    let mut visitor = Visitor::inside(&served);
    let mut pages: Vec<String> = PAGES.map(str::to_owned).to_vec();
    let person = visitor.first("/people?tier=confirmed", "/people/");
    pages.push(person.replace("/people/", "/letters/"));
    pages.extend([person, visitor.first("/path", "/path/"), visitor.first("/path", "/lines/step/"), visitor.first("/contain", "/contain/")]);
    for (language, tag, word) in [("en", "<html lang=\"en\">", "Tide"), ("zh-HK,zh", "<html lang=\"zh-Hant\">", "潮汐")] {
        visitor.language = language;
        for page in &pages {
            let answer = visitor.get(page);
            assert_eq!(answer.status, 200, "{page}: {}", answer.body);
            assert!(answer.body.contains(tag) && answer.body.contains(word), "{page} in {language}");
            let policy = answer.header("content-security-policy").unwrap();
            assert!(policy.contains("default-src 'self'") && policy.contains("script-src 'self'"), "{page}");
            assert_eq!(answer.header("cache-control"), Some("no-store"), "{page}");
            assert_eq!(answer.body.matches("<script").count(), 1, "{page}");
            assert!(answer.body.contains("<script src=\"/assets/palette.js\" defer></script>"), "{page}");
            for never in [" style=", " onload=", " onclick=", "http://", "https://"] {
                let body = answer.body.replace("http://www.w3.org/2000/svg", "");
                // Evidence can name addresses; nothing that the browser would fetch or run may.
                let is_code = never.starts_with("http") && !body.contains(&format!("src=\"{never}")) && !body.contains(&format!("href=\"{never}"));
                assert!(is_code || !body.contains(never), "{page} holds {never}");
            }
        }
    }
    assert_eq!(visitor.get("/nothing").status, 404);
}

#[test]
fn a_link_lets_in_once_and_is_not_used_up_by_looking() {
    let served = served("A. Chan", |_| {});
    let mut first = Visitor::outside(&served);
    // Somebody lays out a session before: it is none afterwards.
    first.cookie = format!("strandline-{}={}", served.at.port(), "0".repeat(64));
    assert_eq!(first.get(&served.link).status, 200);
    assert_eq!(first.get(&served.link).status, 200, "looking used the link up");
    let entered = first.post(&served.link, &[]);
    let cookie = entered.header("set-cookie").unwrap().to_owned();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict") && !cookie.contains(&"0".repeat(64)), "{cookie}");
    assert_eq!(first.get("/").status, 303, "the session that was laid out opened");
    first.take_cookie(&entered);
    assert_eq!(first.get("/").status, 200);
    let second = Visitor::outside(&served);
    assert_eq!(second.get(&served.link).status, 403);
    assert_eq!(second.post(&served.link, &[]).status, 422);
    assert_eq!(second.get("/people").header("location"), Some("/in"));
    // Another browser has no use for the cookie.
    let thief = Visitor { cookie: first.cookie.clone(), agent: "another", ..Visitor::outside(&served) };
    assert_eq!(thief.get("/").status, 303);
    // Leaving ends it.
    assert_eq!(first.act("/act/end", &[]).status, 303);
    assert_eq!(first.get("/").status, 303);
}

#[test]
fn a_form_from_elsewhere_does_nothing() {
    let served = served("A. Chan", |_| {});
    let visitor = Visitor::inside(&served);
    let (before, csrf, target) = (entries(&served), visitor.csrf(), visitor.first("/path", "/path/").replace("/path/", ""));
    let fields = |token: &'static str| [("target", target.clone()), ("verdict", "struck".to_owned()), ("why", "x".to_owned()), ("csrf", token.to_owned())];
    let own = format!("Origin: http://{}\r\n", served.at);
    let forged = |headers: &str, csrf: &str| {
        let mut list = fields("");
        list[3].1 = csrf.to_owned();
        let pairs: Vec<(&str, &str)> = list.iter().map(|(name, value)| (*name, value.as_str())).collect();
        visitor.post_from("/act/judge", &pairs, headers).status
    };
    assert_eq!(forged(&own, ""), 403, "no token");
    assert_eq!(forged(&own, &"0".repeat(64)), 403, "another token");
    assert_eq!(forged("", &csrf), 403, "no origin");
    assert_eq!(forged("Origin: null\r\n", &csrf), 403, "a hidden origin");
    assert_eq!(forged("Origin: http://evil.example\r\n", &csrf), 403, "another origin");
    assert_eq!(forged(&format!("{own}Sec-Fetch-Site: cross-site\r\n"), &csrf), 403, "another site");
    assert_eq!(Visitor::outside(&served).post("/act/judge", &[("target", &target), ("verdict", "struck"), ("csrf", &csrf)]).status, 303, "nobody's");
    assert_eq!(entries(&served), before, "something was entered");
    assert_eq!(forged(&own, &csrf), 303);
    assert_eq!(entries(&served), before + 1);
}

#[test]
fn names_that_lead_here_from_elsewhere_are_not_served() {
    let served = served("A. Chan", |_| {});
    for host in ["evil.example", "evil.example:80", "127.0.0.1", "", "localhost.evil.example"] {
        let answer = raw(served.at, format!("GET {} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n", served.link).as_bytes());
        assert_eq!(answer.status, 421, "{host:?}");
    }
    let twice = format!("GET / HTTP/1.1\r\nHost: {0}\r\nHost: evil.example\r\nConnection: close\r\n\r\n", served.at);
    assert!(matches!(raw(served.at, twice.as_bytes()).status, 400 | 421));
    let ours = format!("GET {} HTTP/1.1\r\nHost: localhost:{}\r\nConnection: close\r\n\r\n", served.link, served.at.port());
    assert_eq!(raw(served.at, ours.as_bytes()).status, 200);
}

#[test]
fn no_path_leads_out() {
    let served = served("A. Chan", |_| {});
    let visitor = Visitor::inside(&served);
    for path in [
        "/assets/../../../../etc/passwd",
        "/assets/..%2f..%2f..%2fetc%2fpasswd",
        "/assets/%2e%2e/case.db",
        "/letters/..%2f..%2fledger%2fkey",
        "/lines/step/..%2f..%2fledger",
        "/lines/gap/99999999999999999999",
        "/people/0000000000000000",
        "//evil.example/",
        "/sign/18446744073709551616",
        "/ledger?before=18446744073709551616",
    ] {
        let answer = visitor.get(path);
        assert!(!answer.body.contains("root:") && !answer.body.contains("PRIVATE"), "{path}");
        assert!(matches!(answer.status, 200 | 400 | 404 | 422), "{path}: {}", answer.status);
        assert!(answer.status != 200 || path.starts_with("/ledger"), "{path} was found");
    }
    let away = visitor.get("/language/en?back=//evil.example/");
    assert_eq!(away.header("location"), Some("/"));
}

#[test]
fn a_hundred_megabytes_are_refused_and_somebody_slow_keeps_nobody_out() {
    let served = served("A. Chan", |_| {});
    let visitor = Visitor::inside(&served);
    let began = Instant::now();
    let megabytes = vec![b'a'; 1 << 20];
    let mut stream = TcpStream::connect(served.at).unwrap();
    stream.set_write_timeout(Some(Duration::from_secs(20))).unwrap();
    let head = format!(
        "POST /act/judge HTTP/1.1\r\nHost: {0}\r\nOrigin: http://{0}\r\nUser-Agent: test\r\nCookie: {1}\r\nContent-Length: 104857600\r\n\r\n",
        served.at, visitor.cookie
    );
    stream.write_all(head.as_bytes()).unwrap();
    let sent = (0..100).take_while(|_| stream.write_all(&megabytes).is_ok()).count();
    assert!(sent < 100, "all of it was taken");
    let mut said = Vec::new();
    let _ = stream.set_read_timeout(Some(Duration::from_secs(5)));
    let _ = stream.read_to_end(&mut said);
    assert!(said.is_empty() || String::from_utf8_lossy(&said).contains(" 413 "), "it was heard");
    assert!(began.elapsed() < Duration::from_secs(30));
    // Heads that never end, many at once.
    let slow: Vec<TcpStream> = (0..40).map(|_| slow_head(served.at)).collect();
    assert_eq!(visitor.get("/").status, 200);
    let mut one = &slow[0];
    one.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut rest = Vec::new();
    let began = Instant::now();
    let _ = one.read_to_end(&mut rest);
    assert!(began.elapsed() < Duration::from_secs(15), "a head that never ends was waited for");
}

fn slow_head(at: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(at).unwrap();
    stream.write_all(format!("GET / HTTP/1.1\r\nHost: {at}\r\nX-Slow: ").as_bytes()).unwrap();
    stream
}

#[test]
fn a_name_is_shown_to_who_says_why_and_never_as_markup() {
    let served = served("A. Chan", |_| {});
    let visitor = Visitor::inside(&served);
    let list = visitor.get("/people").body;
    let person = list.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next()).find(|href| href.starts_with("/people/")).unwrap().to_owned();
    let handle = person.trim_start_matches("/people/").to_owned();
    let before = entries(&served);
    assert!(visitor.get(&person).body.contains("&#60;** </bdi>") || visitor.get(&person).body.contains("&#60;**"), "the name is not masked");
    assert_eq!(visitor.act("/act/look", &[("handle", &handle), ("why", " ")]).status, 422, "no reason was taken");
    let letter = visitor.get(&format!("/letters/{handle}"));
    assert_eq!(letter.status, 200, "{}", letter.body);
    for page in [visitor.get(&person).body, letter.body] {
        assert!(!page.contains("alert(1)"), "the name is shown to somebody who said nothing");
    }
    assert_eq!(visitor.act("/act/look", &[("handle", &handle), ("why", "she called"), ("back", &person)]).status, 303);
    assert_eq!(entries(&served), before + 1, "the look is not in the ledger");
    let shown = visitor.get(&person).body;
    assert!(shown.contains("alert(1)"), "the name is not shown");
    for page in [shown, visitor.get(&format!("/letters/{handle}")).body] {
        let page = page.replace("<script src=\"/assets/palette.js\" defer></script>", "");
        assert!(!page.contains("<svg onload") && !page.contains("<script") && !page.contains('\u{202e}'), "the name is markup");
    }
    let bytes = std::fs::read_dir(served.case.join("ledger")).unwrap().flat_map(|entry| std::fs::read(entry.unwrap().path()).unwrap_or_default());
    assert!(!String::from_utf8_lossy(&bytes.collect::<Vec<u8>>()).contains(HOSTILE_NAME), "the ledger has the name");
    assert!(check(&served.case).is_sound());
}

#[test]
fn a_letter_names_nobody_to_who_said_nothing_whoever_reads_it() {
    let served = served("A. Chan", |_| {});
    let visitor = Visitor::inside(&served);
    let handle = visitor.first("/people?tier=confirmed", "/people/").replace("/people/", "");
    let key = seen(&served.case).person(&handle).unwrap().data_subject.clone();
    readdress(&served.case, &key, "WONG Ka Yan");
    let page = visitor.get(&format!("/letters/{handle}")).body;
    assert!(page.contains("W** K** Y**") && !page.contains("WONG") && !page.contains("Ka Yan"), "the reader is named");
    visitor.act("/act/look", &[("handle", &handle), ("why", "she called"), ("back", &format!("/letters/{handle}"))]);
    assert!(visitor.get(&format!("/letters/{handle}")).body.contains("WONG Ka Yan"));
}

#[test]
fn who_was_told_stays_told_in_the_next_round() {
    let served = served("A. Chan", |_| {});
    let visitor = Visitor::inside(&served);
    let handle = visitor.first("/people?tier=confirmed", "/people/").replace("/people/", "");
    let at = "2026-01-01T08:00";
    assert_eq!(visitor.act("/act/letter", &[("handle", &handle), ("word", "by_hand"), ("at", at), ("why", "told in person")]).status, 303);
    let told = seen(&served.case).told;
    assert_eq!(told.len(), 1);
    draft_round(&served.case, 2);
    let overview = seen(&served.case);
    assert_eq!(overview.person(&handle).unwrap().letter.as_deref(), Some("drafted"), "no second letter is drafted");
    assert_eq!((overview.told, overview.told_all.len()), (told, 1));
}

#[test]
fn people_of_an_older_trail_are_said_to_be_so() {
    let served = served("A. Chan", |_| {});
    let visitor = Visitor::inside(&served);
    let links: Vec<String> = seen(&served.case).path.links.iter().map(|view| view.link.id.clone()).collect();
    assert!(!visitor.get("/").body.contains("are of an older trail"));
    for link in links {
        visitor.act("/act/judge", &[("target", &link), ("verdict", "struck"), ("why", "our own test")]);
    }
    trace_alone(&served.case);
    wait_for("the older trail", || visitor.get("/").body.contains("are of an older trail"));
    assert!(visitor.get("/path").body.contains("value=\"renew\""), "there is no button");
    visitor.act("/act/work", &[("work", "renew")]);
    wait_for("the end of the work", || visitor.get("/work").body.contains("It is done."));
    assert!(!visitor.get("/").body.contains("are of an older trail"));
}

#[test]
fn who_only_looks_decides_nothing_and_sees_no_name() {
    let served = served("A. Chan", |_| {});
    let visitor = Visitor::inside(&served);
    assert_eq!(visitor.act("/act/link", &[("name", "Head of department")]).status, 303);
    let page = visitor.get("/access").body;
    let link = page.split("/in/").nth(1).unwrap()[..64].to_owned();
    let mut reader = Visitor { agent: "another", ..Visitor::outside(&served) };
    let entered = reader.post(&format!("/in/{link}"), &[]);
    reader.take_cookie(&entered);
    let (before, target) = (entries(&served), reader.first("/path", "/path/").replace("/path/", ""));
    let handle = reader.first("/people", "/people/").replace("/people/", "");
    for (path, fields) in [
        ("/act/judge", vec![("target", target.as_str()), ("verdict", "struck"), ("why", "x")]),
        ("/act/duty", vec![("what", "aware"), ("at", "2026-11-20T08:00"), ("knowing", "x")]),
        ("/act/letter", vec![("handle", handle.as_str()), ("word", "hold"), ("why", "x")]),
        ("/act/look", vec![("handle", handle.as_str()), ("why", "x")]),
        ("/act/approve", vec![]),
        ("/act/work", vec![("work", "renew")]),
        ("/act/link", vec![("name", "x")]),
        ("/act/elsewhere", vec![]),
        ("/act/end", vec![("session", "1")]),
    ] {
        assert_eq!(reader.act(path, &fields).status, 403, "{path}");
    }
    assert_eq!(entries(&served), before);
}

/// The link that a page tells.
fn told_link(visitor: &Visitor<'_>) -> String {
    format!("/in/{}", &visitor.get("/access").body.split("/in/").nth(1).unwrap()[..64])
}

#[test]
fn whoever_is_ended_has_no_link_to_come_back_by_and_nobody_makes_them_without_end() {
    let served = served("A. Chan", |_| {});
    let visitor = Visitor::inside(&served);
    // Links by which somebody goes on elsewhere are few; so are those of one guest.
    let statuses = |path: &str, fields: &[(&str, &str)]| -> Vec<u16> { (0..4).map(|_| visitor.act(path, fields).status).collect() };
    assert_eq!(statuses("/act/elsewhere", &[]), [303, 303, 303, 422]);
    visitor.act("/act/link", &[("name", "Head of department")]);
    let first = told_link(&visitor);
    visitor.act("/act/link", &[("name", "Head of department")]);
    let second = told_link(&visitor);
    let mut reader = Visitor { agent: "another", ..Visitor::outside(&served) };
    let entered = reader.post(&first, &[]);
    reader.take_cookie(&entered);
    assert_eq!(reader.get("/").status, 200);
    let page = visitor.get("/access").body;
    let row = page.split("<td>Head of department</td>").nth(1).unwrap();
    let number = row.split("name=\"session\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    assert_eq!(visitor.act("/act/end", &[("session", &number)]).status, 303);
    assert_eq!(reader.get("/").status, 303, "an ended session goes on");
    assert_eq!(reader.post(&second, &[]).status, 422, "whoever was ended came back");
}

#[test]
fn a_struck_link_is_followed_by_trail_people_and_letters() {
    let served = served("A. Chan", |_| {});
    let visitor = Visitor::inside(&served);
    let target = visitor.first("/path", "/path/").replace("/path/", "");
    assert_eq!(visitor.act("/act/judge", &[("target", "none-such"), ("verdict", "struck"), ("why", "x")]).status, 404);
    assert_eq!(visitor.act("/act/judge", &[("target", &target), ("verdict", "struck"), ("why", "")]).status, 422);
    assert_eq!(visitor.act("/act/judge", &[("target", &target), ("verdict", "struck"), ("why", "our own test")]).status, 303);
    assert!(visitor.get("/path").body.contains("Decisions that the case does not follow yet: 1"));
    assert!(visitor.get(&format!("/path/{target}")).body.contains("our own test"));
    visitor.act("/act/work", &[("work", "renew")]);
    wait_for("the end of the work", || visitor.get("/work").body.contains("It is done."));
    assert!(!visitor.get("/path").body.contains("Decisions that the case does not follow yet"));
    visitor.act("/act/work", &[("work", "verify")]);
    wait_for("the check", || visitor.get("/ledger").body.contains("Sound."));
}

/// The two figures of a row of a preview: now, and then.
fn figures(page: &str, name: &str) -> [u64; 2] {
    let row = page.split(&format!("<th scope=\"row\">{name}</th>")).nth(1).unwrap_or_else(|| panic!("no row {name}")).split("</tr>").next().unwrap();
    let mut numbers = row.split("<td class=\"n\">").skip(1).map(|cell| cell.split('<').next().unwrap().replace(',', "").parse().unwrap_or_default());
    [numbers.next().unwrap(), numbers.next().unwrap()]
}

/// Everything in a case folder, by name and bytes; its lock is touched by every look.
fn bytes_of(folder: &std::path::Path) -> std::collections::BTreeMap<std::path::PathBuf, Vec<u8>> {
    let mut found = std::collections::BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(bytes_of(&path));
        } else {
            found.insert(path.clone(), std::fs::read(&path).unwrap());
        }
    }
    found
}

/// Has a preview worked out, and gives its page.
fn previewed(visitor: &Visitor<'_>, target: &str) -> String {
    let begun = visitor.act("/act/preview", &[("target", target), ("verdict", "struck")]);
    let page = format!("/path/{target}/struck");
    assert_eq!((begun.status, begun.header("location")), (303, Some(page.as_str())));
    wait_for("the preview", || !visitor.get(&page).body.contains("It runs:"));
    visitor.get(&page).body
}

#[test]
fn a_preview_says_what_the_case_will_say_and_leaves_no_trace_in_it() {
    let served = served("A. Chan", |_| {});
    let visitor = Visitor::inside(&served);
    let before = seen(&served.case);
    // What these requests showed, nothing else did.
    let target = before.path.links.iter().find(|view| view.link.to.contains("/assignments of")).unwrap().link.id.clone();
    assert_eq!(visitor.act("/act/preview", &[("target", "none-such"), ("verdict", "struck")]).status, 404);
    assert_eq!(visitor.act("/act/preview", &[("target", &target), ("verdict", "other")]).status, 404);
    let bytes = bytes_of(&served.case);
    let page = previewed(&visitor, &target);
    assert!(bytes_of(&served.case) == bytes, "a preview changed the case");
    let tiers = [("confirmed", before.tiers.confirmed), ("likely", before.tiers.likely), ("possible", before.tiers.possible)];
    for (name, now) in tiers {
        assert_eq!(figures(&page, name)[0], now, "{name} now");
    }
    assert_ne!(figures(&page, "accesses of the trail")[0], figures(&page, "accesses of the trail")[1], "the accesses of a struck link stay");
    // Who they are stands in a list, masked as every list.
    let list = page.split("<a href=\"/people?").nth(1).unwrap().split('"').next().unwrap().replace("&#38;", "&");
    let count: u64 =
        page.split("<a href=\"/people?").nth(1).unwrap().split("<strong>").nth(1).unwrap().split('<').next().unwrap().replace(',', "").parse().unwrap();
    let rows = visitor.get(&format!("/people?{list}")).body;
    assert!(rows.contains(&format!("{count} of ")) && rows.contains(&target), "the list is not of those who move");
    // What was foretold is what comes.
    let state = page.split("name=\"state\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    assert_eq!(visitor.act("/act/judge", &[("target", &target), ("verdict", "struck"), ("why", "our own test"), ("state", &state)]).status, 303);
    visitor.act("/act/work", &[("work", "renew")]);
    wait_for("the end of the work", || !visitor.get("/work").body.contains("It runs:"));
    let after = seen(&served.case);
    let tiers = [("confirmed", after.tiers.confirmed), ("likely", after.tiers.likely), ("possible", after.tiers.possible)];
    for (name, then) in
        tiers.into_iter().chain([("not reached", after.not_reached), ("not known yet", after.not_known), ("steps of the trail", after.path.steps.len() as u64)])
    {
        assert_eq!(figures(&page, name)[1], then, "{name} then");
    }
    let cells = |row: &PersonRow| (row.strongest, row.is_cleared, row.cells.clone());
    let moved = before.people.iter().filter(|row| after.person_of_key(&row.data_subject).map(cells) != Some(cells(row))).count();
    assert!(moved > 0 && page.contains(&format!("Of {moved} people the case would say something else")), "{moved} people moved");
    assert!(check(&served.case).is_sound());
}

#[test]
fn whoever_is_shown_by_what_is_struck_alone_is_in_no_tier_then() {
    let served = served("A. Chan", |_| {});
    let (settings, before) = (settings(&served.case, "A. Chan"), seen(&served.case));
    let judgements: Vec<(String, Verdict)> = before.path.detections.iter().map(|detection| (detection.id.clone(), Verdict::Struck)).collect();
    let named = vec!["session=nobody-of-ours".parse().unwrap()];
    let trying = Trying { judgements, named, withdrawn: before.path.pins.iter().map(|view| view.pin.clone()).collect() };
    let refused = preview(&settings, Role::Reader, &trying, &mut Quiet).unwrap_err().to_string();
    assert!(refused.contains("may not decide on the trail"), "{refused}");
    let unknown = Trying { judgements: vec![("none-such".to_owned(), Verdict::Struck)], ..Trying::default() };
    assert!(preview(&settings, Role::Approver, &unknown, &mut Quiet).unwrap_err().to_string().contains("no link or detection"));
    let found = preview(&settings, Role::Approver, &trying, &mut Quiet).unwrap();
    assert!(found.before.tiers == before.tiers && found.before.tiers.confirmed > 0, "now is not as the case is");
    assert!(found.after.tiers.confirmed < found.before.tiers.confirmed && !found.moved.is_empty(), "{:?}", found.after);
    let law = LawBook::built_in().unwrap();
    for (target, verdict) in trying.judgements {
        perform(&settings, Role::Approver, &Act::Judge { target, verdict, why: None, looked_at: None }, &law, None).unwrap();
    }
    perform(&settings, Role::Approver, &Act::Pin(PinWord { named: trying.named, withdrawn: trying.withdrawn, why: None }), &law, None).unwrap();
    renew(&settings, &mut Quiet).unwrap();
    let after = seen(&served.case);
    assert_eq!((found.after.tiers, found.after.not_reached), (after.tiers, after.not_reached), "what was foretold is not what came");
}

#[test]
fn a_judgement_is_over_the_state_that_was_previewed_or_asks_again() {
    let served = served("A. Chan", |case| {
        enrol(case, "A. Chan", 7);
        enrol_as(case, ("A. Chan", 7), "Ben Wong", (8, Role::Reader));
    });
    let ann = Visitor::signed_in(&served, 7);
    let (links, reader) = (seen(&served.case).path.links, Visitor::signed_in(&served, 8));
    let [target, other] = [0, 1].map(|place| links[place].link.id.clone());
    assert_eq!(reader.act("/act/preview", &[("target", &target), ("verdict", "struck")]).status, 403);
    let page = previewed(&ann, &target);
    let state = page.split("name=\"state\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let counts = reader.get(&format!("/path/{target}/struck")).body;
    assert!(counts.contains("scope=\"row\">confirmed<") && !counts.contains("name=\"state\""), "counts are everybody's, the judgement is not");
    let signed = |waits: &str| {
        let text = ann.get(&format!("{waits}/text")).body;
        ann.act(waits, &[("signature", &sign(7, Signed::NAMESPACE, &text))])
    };
    let strike = [("target", target.as_str()), ("verdict", "struck"), ("why", "x"), ("state", state.as_str())];
    let waits = ann.act("/act/judge", &strike).header("location").unwrap().to_owned();
    assert!(waits.starts_with("/sign/"), "{waits}");
    // Meanwhile something else is decided.
    let meanwhile = ann.act("/act/judge", &[("target", &other), ("verdict", "confirmed"), ("why", "x")]).header("location").unwrap().to_owned();
    assert_eq!(signed(&meanwhile).status, 303);
    let before = entries(&served);
    let refused = signed(&waits);
    assert!(refused.status == 422 && refused.body.contains("has changed since"), "{}", refused.status);
    let again = ann.act("/act/judge", &strike);
    assert_eq!((again.header("location"), entries(&served)), (Some(format!("/path/{target}/struck").as_str()), before), "another state was judged");
    wait_for("the second preview", || ann.get(&format!("/path/{target}/struck")).body.contains("Here it does: now means"));
    let page = previewed(&ann, &target);
    let state = page.split("name=\"state\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let strike = [("target", target.as_str()), ("verdict", "struck"), ("why", "x"), ("state", state.as_str())];
    let waits = ann.act("/act/judge", &strike).header("location").unwrap().to_owned();
    assert_eq!((signed(&waits).status, entries(&served)), (303, before + 1));
}

#[test]
fn a_starting_point_is_named_and_withdrawn_and_the_trail_follows() {
    let served = served("A. Chan", |_| {});
    let visitor = Visitor::inside(&served);
    let before = entries(&served);
    let name = |value: &str| visitor.act("/act/pin", &[("word", "name"), ("kind", "session"), ("value", value), ("why", "the owner denies it")]);
    assert_eq!(visitor.act("/act/pin", &[("word", "name"), ("kind", "shoe"), ("value", "x"), ("why", "x")]).status, 422);
    assert_eq!(visitor.act("/act/pin", &[("word", "name"), ("kind", "account"), ("value", "x"), ("why", " ")]).status, 422);
    assert_eq!(visitor.act("/act/pin", &[("word", "withdraw"), ("pin", "account=nobody"), ("why", "x")]).status, 404);
    assert_eq!((entries(&served), name("nobody-of-ours").status), (before, 303));
    assert_eq!(entries(&served), before + 1);
    let page = visitor.get("/path").body;
    assert!(page.contains("session=nobody-of-ours") && page.contains("not followed yet"), "the starting point does not stand there");
    assert!(page.contains("Decisions that the case does not follow yet: 1"), "the case is not stale");
    assert_eq!((name("nobody-of-ours").status, entries(&served)), (303, before + 1), "the same was entered twice");
    let renewed = || {
        visitor.act("/act/work", &[("work", "renew")]);
        wait_for("the trail", || !visitor.get("/work").body.contains("It runs:"));
        visitor.get("/path").body
    };
    let page = renewed();
    assert!(!page.contains("not followed yet") && page.contains("the pin session=nobody-of-ours stands in no event"), "the trail was not followed from it");
    assert_eq!(visitor.act("/act/pin", &[("word", "withdraw"), ("pin", "session=nobody-of-ours"), ("why", "a slip")]).status, 303);
    let page = renewed();
    assert!(!page.contains("session=nobody-of-ours"), "a withdrawn starting point is followed");
    assert!(check(&served.case).is_sound());
}

#[test]
fn holes_in_the_logs_are_drawn_over_time_and_told_in_words() {
    let served = served("A. Chan", |_| {});
    let mut visitor = Visitor::inside(&served);
    let (case, page) = (seen(&served.case), visitor.get("/evidence").body);
    assert!(!case.coverage.gaps.is_empty(), "the drill has a hole");
    let svg = page.split("class='coverage'").nth(1).unwrap().split("</svg>").next().unwrap();
    for place in 0..case.coverage.gaps.len() {
        assert!(svg.contains(&format!("href='#gap-{place}'")) && page.contains(&format!("id=\"gap-{place}\"")), "hole {place} is not drawn, or leads nowhere");
    }
    assert!(svg.contains("class='intruder-time'"), "the intruder's time is not there");
    let rows = page.split("<table class=\"sources\">").nth(1).unwrap().split("</table>").next().unwrap();
    assert!(!case.evidence.sources.is_empty());
    for source in &case.evidence.sources {
        let row = rows.split(&format!("<th scope=\"row\">{}</th>", source.source)).nth(1).unwrap();
        let numbers: Vec<&str> = row.split("<a href=\"#gaps\">").skip(1).take(2).filter_map(|rest| rest.split('<').next()).collect();
        assert_eq!(numbers, [source.gaps.len().to_string(), source.gaps_of_intruder.to_string()], "{}", source.source);
    }
    assert_eq!(case.evidence.sources.iter().map(|source| source.gaps.len()).sum::<usize>(), case.coverage.gaps.len(), "a hole has no row");
    visitor.language = "zh-Hant";
    assert!(visitor.get("/evidence").body.contains("各紀錄涵蓋的時間及缺口"));
}

#[test]
fn what_is_refused_is_said_in_chinese_on_a_chinese_page() {
    let served = served("A. Chan", |case| enrol(case, "A. Chan", 7));
    let mut visitor = Visitor::signed_in(&served, 7);
    visitor.language = "zh-Hant";
    let link = seen(&served.case).path.links[0].link.id.clone();
    let latin = |text: &str| {
        text.split("<h1>")
            .nth(1)
            .unwrap()
            .split("<p><a class")
            .next()
            .unwrap()
            .replace("SSHSIG", "")
            .replace("<p>", "")
            .replace("h1>", "")
            .replace("</p>", "")
            .chars()
            .any(|c| c.is_ascii_alphabetic())
    };
    let waits = visitor.act("/act/judge", &[("target", &link), ("verdict", "struck"), ("why", "x")]).header("location").unwrap().to_owned();
    let wrong = visitor.act(&waits, &[("signature", "no signature")]);
    assert!(wrong.status == 422 && wrong.body.contains("簽署不符"), "{}", wrong.body);
    for (path, fields) in [
        (waits.as_str(), vec![("signature", "no signature")]),
        ("/act/judge", vec![("target", link.as_str()), ("verdict", "struck"), ("why", " ")]),
        ("/act/judge", vec![("target", "none-such"), ("verdict", "struck"), ("why", "x")]),
        ("/act/pin", vec![("word", "name"), ("kind", "shoe"), ("value", "x"), ("why", "x")]),
        ("/act/find", vec![("who", "nobody")]),
        ("/scope", vec![]),
    ] {
        let refused = visitor.act(path, &fields);
        assert!((400..500).contains(&refused.status) && !latin(&refused.body), "{path}: {}", refused.body);
    }
    // What stands in a stage's way is said by its kind; its own words are the detail.
    let held = std::fs::OpenOptions::new().write(true).open(served.case.join("case.lock")).unwrap();
    held.lock().unwrap();
    visitor.act("/act/work", &[("work", "renew")]);
    wait_for("the end of the work", || !visitor.get("/work").body.contains("進行中："));
    let page = visitor.get("/work").body;
    assert!(page.contains("另一項工作正在寫入個案") && !page.contains("another run is writing"), "the job's error is not in Chinese");
    drop(held);
}

#[test]
fn the_palette_offers_what_is_theirs_to_do_and_no_more() {
    let served = served("A. Chan", |case| {
        enrol(case, "A. Chan", 7);
        enrol_as(case, ("A. Chan", 7), "Ben Wong", (8, Role::Reader));
        enrol_as(case, ("A. Chan", 7), "Dee Ho", (10, Role::Desk));
    });
    let [ann, reader, clerk] = [7, 8, 10].map(|seed| Visitor::signed_in(&served, seed));
    let offered = |visitor: &Visitor<'_>, name: &str| visitor.get("/go").body.contains(name);
    for (name, expected) in [
        ("Strike or confirm a link", [true, false, false]),
        ("Name a starting point", [true, false, false]),
        ("Check every byte", [true, false, false]),
        ("Find a person by key", [true, true, false]),
        ("Answer what people wrote", [true, false, true]),
        ("Ask whose data a session saw", [true, true, false]),
        ("Let somebody in", [true, false, false]),
        // There is nothing to do it to.
        ("Bring the case up to date", [false, false, false]),
    ] {
        assert_eq!([&ann, &reader, &clerk].map(|visitor| offered(visitor, name)), expected, "{name}");
    }
    // One that leads somewhere is gone to; one that does something takes a press more.
    assert_eq!(ann.act("/go", &[("go", "starting pin")]).header("location"), Some("/path#pins"));
    let before = ann.get("/work").body;
    let found = ann.act("/go", &[("go", "every byte")]);
    assert!(found.status == 200 && found.body.contains("name=\"work\" value=\"verify\"") && ann.get("/work").body == before, "a look did something");
    let link = seen(&served.case).path.links[0].link.id.clone();
    let found = ann.act("/go", &[("go", &format!("struck {link}"))]).body;
    assert!(found.contains("action=\"/act/preview\"") && found.contains(&format!("name=\"target\" value=\"{link}\"")), "a link cannot be struck from here");
    assert!(!reader.act("/go", &[("go", &link)]).body.contains("/act/preview"), "a reader is offered a judgement");
}

#[test]
fn the_page_answers_what_a_session_saw() {
    let served = served("A. Chan", |_| {});
    let visitor = Visitor::inside(&served);
    let page = visitor.get("/path").body;
    let options: Vec<&str> = page.split("<option>").skip(1).filter_map(|rest| rest.split('<').next()).collect();
    assert!(!options.is_empty(), "no session is offered");
    assert_eq!(visitor.act("/scope", &[("from", "")]).status, 422, "a question about nobody was answered");
    assert_eq!(visitor.act("/scope", &[("session", options[0]), ("from", "2026-02-02T00:00"), ("to", "2026-01-01T00:00")]).status, 422);
    let all: Vec<(&str, &str)> = options.iter().map(|session| ("session", *session)).collect();
    let answer = visitor.act("/scope", &all).body;
    let confirmed = seen(&served.case).people.iter().find(|row| row.strongest.is_some_and(|tier| tier.as_str() == "confirmed")).unwrap().handle.clone();
    assert!(answer.contains("People by category and tier") && answer.contains(&format!("/people/{confirmed}")), "whom they saw is not there");
    let never: Vec<(&str, &str)> = all.iter().copied().chain([("to", "1999-01-01T00:00")]).collect();
    assert!(visitor.act("/scope", &never).body.contains("<h2>0 people</h2>"), "the time is not heard");
    let reader = served_reader(&served, &visitor);
    let counts = reader.act("/scope", &all).body;
    assert!(counts.contains("People by category and tier"), "counts are everybody's");
}

/// Somebody who came by a link that only looks.
fn served_reader<'s>(served: &'s Served, visitor: &Visitor<'_>) -> Visitor<'s> {
    visitor.act("/act/link", &[("name", "B. Reader")]);
    let mut reader = Visitor::outside(served);
    let entered = reader.post(&told_link(visitor), &[]);
    reader.take_cookie(&entered);
    reader
}

#[test]
fn a_clock_starts_from_a_persons_word_and_a_letter_waits_for_one() {
    let served = served("A. Chan", |_| {});
    let visitor = Visitor::inside(&served);
    let before = visitor.get("/clocks").body;
    assert!(before.contains("Waiting: no clock runs"));
    let event = before.split("name=\"what\"><option>").nth(1).unwrap().split('<').next().unwrap().to_owned();
    assert_eq!(visitor.act("/act/duty", &[("what", &event), ("at", "2126-01-01T08:00"), ("knowing", "x")]).status, 422, "what is to come was taken");
    assert_eq!(visitor.act("/act/duty", &[("what", &event), ("at", "2026-01-01"), ("knowing", "x")]).status, 422, "a day was taken");
    assert_eq!(visitor.act("/act/duty", &[("what", &event), ("at", "2026-01-01T08:00"), ("knowing", "an account read records")]).status, 303);
    assert!(visitor.get("/clocks").body.contains("The clock started"));
    let handle = visitor.first("/people?tier=confirmed", "/people/").replace("/people/", "");
    visitor.act("/act/letter", &[("handle", &handle), ("word", "hold"), ("why", "the family is told in person")]);
    assert!(visitor.get(&format!("/letters/{handle}")).body.contains("name=\"word\" value=\"release\""), "the letter is not held");
    assert!(check(&served.case).is_sound());
}

#[test]
fn what_was_recorded_is_taken_back_a_question_answered_and_a_letter_readdressed() {
    let served = served("A. Chan", |_| {});
    let visitor = Visitor::inside(&served);
    let clocks = visitor.get("/clocks").body;
    let event = clocks.split("name=\"what\"><option>").nth(1).unwrap().split('<').next().unwrap().to_owned();
    visitor.act("/act/duty", &[("what", &event), ("at", "2026-01-01T08:00"), ("knowing", "an account read records")]);
    assert!(visitor.get("/clocks").body.contains("The clock started"));
    assert_eq!(visitor.act("/act/duty", &[("verb", "retract"), ("what", &event), ("why", " ")]).status, 422, "no reason was taken");
    assert_eq!(visitor.act("/act/duty", &[("verb", "retract"), ("what", &event), ("why", "it was another system")]).status, 303);
    assert!(!visitor.get("/clocks").body.contains("The clock started"), "the clock still runs");
    // Every question that the page offers is one; its answer stands in the form.
    let offered: Vec<&str> = clocks.split("<optgroup").nth(1).unwrap().split("<option value=\"").skip(1).map(|part| part.split('"').next().unwrap()).collect();
    assert!(offered.len() > 10, "{offered:?}");
    let question = offered.iter().find(|question| **question != "letter_next").unwrap();
    assert_eq!(visitor.act("/act/duty", &[("verb", "answer"), ("what", question), ("text", "")]).status, 422);
    assert_eq!(visitor.act("/act/duty", &[("verb", "answer"), ("what", "letter_account/en"), ("text", "A stolen account was used.")]).status, 303);
    assert_eq!(visitor.act("/act/duty", &[("verb", "answer"), ("what", "nonsense"), ("text", "x")]).status, 422);
    visitor.act("/act/work", &[("work", "renew")]);
    wait_for("the end of the work", || visitor.get("/work").body.contains("It is done."));
    let handle = visitor.first("/people?tier=confirmed", "/people/").replace("/people/", "");
    let letter = format!("/letters/{handle}");
    visitor.act("/act/look", &[("handle", &handle), ("why", "to readdress it"), ("back", &letter)]);
    let readdress = |reader: &str, name: &str, address: &str| {
        let fields =
            [("handle", handle.as_str()), ("word", "readdress"), ("reader", reader), ("name", name), ("address", address), ("why", "the family wrote")];
        visitor.act("/act/letter", &fields).status
    };
    assert_eq!(readdress("executor", "", "1 New Street"), 422, "nobody's name was taken");
    assert_eq!(readdress("person", "", ""), 422, "no other place was taken");
    assert_eq!(readdress("executor", "WONG Ka Yan", "1 New Street\r\nHong Kong"), 303);
    assert!(visitor.get(&letter).body.contains("WONG Ka Yan"), "the letter has another reader");
    assert!(check(&served.case).is_sound());
}

#[test]
fn where_anybody_is_enrolled_nothing_is_entered_unsigned() {
    let served = served("A. Chan", |case| enrol(case, "A. Chan", 7));
    let visitor = Visitor::inside(&served);
    let (before, target) = (entries(&served), visitor.first("/path", "/path/").replace("/path/", ""));
    let waits = visitor.act("/act/judge", &[("target", &target), ("verdict", "struck"), ("why", "our own test")]);
    let page = waits.header("location").unwrap().to_owned();
    assert_eq!((page.as_str(), entries(&served)), ("/sign/1", before), "it was entered unsigned");
    let text = visitor.get("/sign/1/text").body;
    assert!(text.starts_with("strandline decision 1\n"), "{text}");
    for (wrong, what) in [
        (sign(8, Signed::NAMESPACE, &text), "a key of nobody's"),
        (sign(7, SignIn::NAMESPACE, &text), "a signature for another purpose"),
        (sign(7, Signed::NAMESPACE, &format!("{text} ")), "a signature of another text"),
        ("nonsense".to_owned(), "no signature"),
    ] {
        assert_eq!(visitor.act("/sign/1", &[("signature", &wrong)]).status, 422, "{what} was taken");
        assert_eq!(entries(&served), before, "{what} was entered");
    }
    let right = sign(7, Signed::NAMESPACE, &text);
    assert_eq!(visitor.act("/sign/1", &[("signature", &right)]).status, 303);
    assert_eq!(entries(&served), before + 1);
    assert_eq!(visitor.act("/sign/1", &[("signature", &right)]).status, 404, "the same signature was taken again");
    let report = check(&served.case);
    assert!(report.is_sound() && report.signatures == 2, "{:?}", report.problems);
}

#[test]
fn ssh_keys_are_enrolled_by_their_lines_and_signed_for() {
    let served = served("A. Chan", |_| {});
    let visitor = Visitor::inside(&served);
    let before = entries(&served);
    let line = |seed| support::key(seed).public_key().to_openssh().unwrap();
    let fingerprint = |seed| support::key(seed).public_key().fingerprint(Default::default()).to_string();
    let enrol = |name: &str, key: &str, role: &str| visitor.act("/act/key", &[("name", name), ("key", key), ("role", role)]);
    for wrong in ["", "ssh-ed25519 AAAA", "ssh-dss AAAAB3NzaC1kc3M", &format!("{}\n{}", line(7), line(8))] {
        assert_eq!(enrol("A. Chan", wrong, "approver").status, 422, "{wrong:?} is a key");
    }
    // The first signs for itself; the next is signed for by it.
    for (name, seed, signer, role) in [("A. Chan", 7, 7, "approver"), ("B. Lee", 8, 7, "desk")] {
        let page = enrol(name, &format!("{} somebody@somewhere", line(seed)), role).header("location").unwrap().to_owned();
        assert!(page.starts_with("/sign/") && visitor.get(&page).body.contains(&fingerprint(seed)), "the fingerprint is not shown");
        let text = visitor.get(&format!("{page}/text")).body;
        assert_eq!(visitor.act(&page, &[("signature", &sign(8, Signed::NAMESPACE, &text))]).status, if signer == 8 { 303 } else { 422 });
        assert_eq!(visitor.act(&page, &[("signature", &sign(signer, Signed::NAMESPACE, &text))]).status, 303);
    }
    assert_eq!(entries(&served), before + 2);
    let list = Visitor::signed_in(&served, 7).get("/access").body;
    assert!(list.contains(&fingerprint(7)) && list.contains(&fingerprint(8)));
    assert_eq!(Visitor::signed_in(&served, 8).get("/").header("location"), Some("/desk"));
    let report = check(&served.case);
    assert!(report.is_sound() && report.signatures == 2, "{:?}", report.problems);
}

#[test]
fn a_signature_of_an_earlier_place_is_asked_for_again() {
    let served = served("A. Chan", |case| enrol(case, "A. Chan", 7));
    let visitor = Visitor::inside(&served);
    let target = visitor.first("/path", "/path/").replace("/path/", "");
    for why in ["first", "second"] {
        visitor.act("/act/judge", &[("target", &target), ("verdict", "struck"), ("why", why)]);
    }
    let texts = [visitor.get("/sign/1/text").body, visitor.get("/sign/2/text").body];
    visitor.act("/sign/2", &[("signature", &sign(7, Signed::NAMESPACE, &texts[1]))]);
    let before = entries(&served);
    let again = visitor.act("/sign/1", &[("signature", &sign(7, Signed::NAMESPACE, &texts[0]))]);
    assert_eq!((again.header("location"), entries(&served)), (Some("/sign/1"), before), "a signature of another place was entered");
    let text = visitor.get("/sign/1/text").body;
    assert_ne!(text, texts[0]);
    visitor.act("/sign/1", &[("signature", &sign(7, Signed::NAMESPACE, &text))]);
    assert_eq!(entries(&served), before + 1);
    assert!(check(&served.case).is_sound());
}

#[test]
fn an_enrolled_key_signs_in_and_a_stranger_only_looks() {
    let served = served("Somebody", |case| enrol(case, "A. Chan", 7));
    let stranger = Visitor::inside(&served);
    assert!(stranger.get("/access").body.contains("looks"));
    let target = stranger.first("/path", "/path/").replace("/path/", "");
    assert_eq!(stranger.act("/act/judge", &[("target", &target), ("verdict", "struck"), ("why", "x")]).status, 403);
    let mut visitor = Visitor { agent: "another", ..Visitor::outside(&served) };
    let door = visitor.get("/in").body;
    let text = format!("{}\n", door.split("<pre tabindex=\"0\">").nth(1).unwrap().split("</pre>").next().unwrap().trim_end());
    let number = door.split("name=\"number\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let good = sign(7, SignIn::NAMESPACE, &text);
    assert_eq!(visitor.post("/in", &[("number", &number), ("signature", &sign(8, SignIn::NAMESPACE, &text))]).status, 422, "a key of nobody's");
    // However often somebody else asks for a number, this one is good; once.
    (0..70).for_each(|_| assert_eq!(Visitor { agent: "a third", ..Visitor::outside(&served) }.get("/in").status, 200));
    assert_eq!(Visitor { agent: "a third", ..Visitor::outside(&served) }.post("/in", &[("number", &number), ("signature", &good)]).status, 422);
    let entered = visitor.post("/in", &[("number", &number), ("signature", &good)]);
    assert_eq!(visitor.post("/in", &[("number", &number), ("signature", &good)]).status, 422, "a number was good twice");
    visitor.take_cookie(&entered);
    assert!(visitor.get("/").body.contains("A. Chan"));
}

/// A case in which somebody of each role is enrolled; their keys are 7 to 11.
fn with_all_roles() -> Served {
    served("A. Chan", |case| {
        enrol(case, "A. Chan", 7);
        for (seed, role) in [(8, Role::Responder), (9, Role::PrivacyOfficer), (10, Role::Desk), (11, Role::Reader)] {
            enrol_as(case, ("A. Chan", 7), role.as_str(), (seed, role));
        }
    })
}

#[test]
fn each_role_is_refused_what_is_not_theirs() {
    let served = with_all_roles();
    let overview = seen(&served.case);
    let row = overview.people.iter().find(|row| row.strongest.is_some() && row.letter.is_some()).unwrap();
    let id = message(&served.case, 1, &row.data_subject, MessageKind::Question, "x");
    let (person, letter, line) = (format!("/people/{}", row.handle), format!("/letters/{}", row.handle), format!("/lines/step/{}", overview.path.steps[0].id));
    let link = overview.path.links[0].link.id.as_str();
    let (handle, of_message) = (("handle", row.handle.as_str()), ("message", id.as_str()));
    let message_page = format!("/desk/{id}");
    // Whether an approver, a responder, a privacy officer, somebody at the desk, a reader is heard.
    let (all, case, desk) = ([true; 5], [true, true, true, false, true], [true, true, true, true, false]);
    let (officers, decide, approve) = ([true, true, true, false, false], [true, true, false, false, false], [true, false, false, false, false]);
    let pages = [
        ("/evidence", case),
        ("/path", case),
        ("/timeline", case),
        ("/people", case),
        (&person, case),
        (&letter, case),
        ("/contain", case),
        ("/clocks", case),
        ("/letters", case),
        ("/ledger", case),
        ("/ledger/checkpoint", case),
        ("/access", case),
        (&line, officers),
        ("/clocks/form/gdpr-33", officers),
        ("/desk", desk),
        (&message_page, desk),
        ("/work", all),
    ];
    let acts = [
        ("/act/judge", vec![("target", link), ("verdict", "struck"), ("why", "x")], decide),
        ("/act/duty", vec![("what", "aware"), ("at", "2026-01-01T08:00"), ("knowing", "x")], officers),
        ("/act/letter", vec![handle, ("word", "hold"), ("why", "x")], officers),
        ("/act/approve", vec![("plan", "x")], approve),
        ("/act/cut", vec![("plan", "1")], approve),
        ("/act/look", vec![handle, ("why", "x")], desk),
        ("/act/find", vec![("who", "nobody")], case),
        ("/act/call", vec![("code", "nothing")], desk),
        ("/act/read", vec![of_message], desk),
        ("/act/assign", vec![of_message, ("to", "x")], desk),
        ("/act/answer", vec![of_message, ("text", "x")], desk),
        ("/act/close", vec![of_message, ("why", "x")], desk),
        ("/act/withdraw", vec![of_message, ("why", "x")], desk),
        ("/act/work", vec![("work", "lint")], officers),
        ("/act/work", vec![("work", "rehearse")], officers),
        ("/act/work", vec![("work", "verify")], officers),
        ("/act/work", vec![("work", "renew")], decide),
        ("/act/link", vec![("name", "x")], decide),
        ("/act/elsewhere", vec![], decide),
        ("/act/key", vec![("name", "x"), ("key", "x"), ("role", "reader")], decide),
        ("/act/end", vec![("session", "999")], decide),
    ];
    let before = entries(&served);
    for (place, seed) in (7..=11).enumerate() {
        let visitor = Visitor::signed_in(&served, seed);
        for (page, heard) in &pages {
            assert_eq!(visitor.get(page).status != 403, heard[place], "{page} to {place}");
        }
        for (path, fields, heard) in &acts {
            let answer = visitor.act(path, fields);
            assert_eq!(answer.status != 403, heard[place], "{path} {fields:?} to {place}: {}", answer.status);
        }
        let home = visitor.get("/");
        assert_eq!((home.status, home.header("location")), if place == 3 { (303, Some("/desk")) } else { (200, None) });
        wait_for("the work", || !visitor.get("/work").body.contains("It runs:"));
    }
    assert_eq!(entries_of_decisions(&served, before), 0, "something was decided unsigned");
}

/// Decisions among the entries since.
fn entries_of_decisions(served: &Served, before: u64) -> u64 {
    let case = strandline_case::Case::open_for_reading(&served.case).unwrap();
    (before..entries(served)).filter(|index| case.ledger().entry(*index).unwrap().kind == strandline_case::EntryKind::Decision).count() as u64
}

#[test]
fn a_reader_sees_no_value_and_no_line_of_a_person() {
    let served = with_all_roles();
    let row = seen(&served.case).people.iter().find(|row| row.strongest.is_some()).unwrap().handle.clone();
    let page = |seed| Visitor::signed_in(&served, seed).get(&format!("/people/{row}")).body;
    assert!(page(8).contains("class=\"lines\"") && !page(11).contains("class=\"lines\"") && page(11).contains("class=\"card proof"));
}

#[test]
fn whoever_is_removed_looks_from_then_on_and_a_typed_name_counts_no_more() {
    let served = served("D. Ng", |_| {});
    let typed = Visitor::inside(&served);
    let target = typed.first("/path", "/path/").replace("/path/", "");
    let fields = [("target", target.as_str()), ("verdict", "struck"), ("why", "x")];
    enrol(&served.case, "A. Chan", 7);
    enrol_as(&served.case, ("A. Chan", 7), "C. Ho", (8, Role::Responder));
    assert_eq!(typed.act("/act/judge", &fields).status, 403, "a typed name of before decides");
    let responder = Visitor::signed_in(&served, 8);
    let handle = responder.first("/people?tier=confirmed", "/people/").replace("/people/", "");
    assert_eq!(responder.act("/act/judge", &fields).status, 303);
    remove(&served.case, ("A. Chan", 7), "C. Ho");
    assert_eq!(responder.act("/act/judge", &fields).status, 403, "whoever was removed decides");
    assert_eq!(responder.act("/act/look", &[("handle", &handle), ("why", "x")]).status, 403);
    assert_eq!(responder.get("/path").status, 200);
}

#[test]
fn a_message_is_read_answered_and_closed_and_a_strangers_card_withdrawn() {
    let served = served("A. Chan", |_| {});
    let key = seen(&served.case).people.iter().find(|row| row.strongest.is_some() && row.letter.is_some()).unwrap().data_subject.clone();
    let safety = message(&served.case, 1, &key, MessageKind::Safety, "they know <b>where I live");
    let question = message(&served.case, 2, &key, MessageKind::Question, "was my bank account seen");
    let stranger = message(&served.case, 3, &key, MessageKind::NotMe, "this is not for me");
    let visitor = Visitor::inside(&served);
    let list = visitor.get("/desk").body;
    let place = |id: &str| list.find(&format!("/desk/{id}")).unwrap();
    assert!(place(&safety) < place(&stranger) && place(&stranger) < place(&question), "the gravest is not first");
    assert!(!list.contains("bank account"), "the list has words");
    let page = format!("/desk/{question}");
    let before = entries(&served);
    assert!(!visitor.get(&page).body.contains("bank account"), "it was read before anybody said so");
    assert_eq!(visitor.act("/act/read", &[("message", &question)]).status, 303);
    assert_eq!(entries(&served), before + 1, "the look is not in the ledger");
    assert!(visitor.get(&page).body.contains("was my bank account seen"));
    visitor.act("/act/read", &[("message", &safety)]);
    assert!(visitor.get(&format!("/desk/{safety}")).body.contains("they know &#60;b&#62;where I live"));
    assert_eq!(visitor.act("/act/answer", &[("message", &safety), ("sheet", "1")]).status, 422, "a sheet answered a fear");
    assert_eq!(visitor.act("/act/answer", &[("message", &question), ("text", "It was not.")]).status, 303);
    assert_eq!(visitor.act("/act/assign", &[("message", &safety), ("to", "D. Ng")]).status, 303);
    assert_eq!(visitor.act("/act/close", &[("message", &question), ("why", "")]).status, 422);
    assert_eq!(visitor.act("/act/close", &[("message", &question), ("why", "told")]).status, 303);
    let list = visitor.get("/desk").body;
    assert!(list.contains("D. Ng") && !list.contains(&question) && visitor.get("/desk?all").body.contains(&question));
    assert!(visitor.get(&format!("/desk/{stranger}")).body.contains("/act/withdraw"));
    assert_eq!(visitor.act("/act/withdraw", &[("message", &stranger), ("why", "somebody else has it")]).status, 303);
    let page = visitor.get(&format!("/desk/{stranger}")).body;
    assert!(page.contains("is withdrawn") && !page.contains("/act/withdraw"));
    assert_eq!(visitor.get("/desk/ffffffffffffffff").status, 404);
    assert!(check(&served.case).is_sound());
}

#[test]
fn a_request_for_safety_is_read_in_one_step_and_never_without_an_entry() {
    let served = with_all_roles();
    let key = seen(&served.case).people.iter().find(|row| row.strongest.is_some() && row.letter.is_some()).unwrap().data_subject.clone();
    let safety = message(&served.case, 1, &key, MessageKind::Safety, "they know where I live");
    let question = message(&served.case, 2, &key, MessageKind::Question, "was my bank account seen");
    let (clerk, page) = (Visitor::signed_in(&served, 10), format!("/desk/{safety}"));
    let (before, csrf) = (entries(&served), clerk.csrf());
    assert_eq!(clerk.act("/act/read", &[("message", &question)]).header("location"), Some("/sign/1"), "a question waits for no signature");
    // Where the ledger takes nothing, nothing is read.
    let lock = std::fs::OpenOptions::new().write(true).open(served.case.join("case.lock")).unwrap();
    lock.try_lock().unwrap();
    let refused = clerk.post("/act/read", &[("message", &safety), ("csrf", &csrf)]);
    assert_eq!(refused.status, 422, "{}", refused.body);
    assert!(!clerk.get(&page).body.contains("where I live"), "it was read without an entry");
    drop(lock);
    assert_eq!(entries(&served), before);
    assert_eq!(clerk.act("/act/read", &[("message", &safety)]).header("location"), Some(page.as_str()));
    assert_eq!(entries(&served), before + 1, "the look is not in the ledger");
    let shown = clerk.get(&page).body;
    assert!(shown.contains("they know where I live") && shown.contains(&format!("entry {before}")), "{shown}");
    let case = strandline_case::Case::open_for_reading(&served.case).unwrap();
    let entry = case.ledger().entry(before).unwrap();
    assert_eq!((entry.actor.as_str(), entry.stage.as_deref()), ("desk", Some("look_up")));
    let report = check(&served.case);
    assert!(report.is_sound(), "{:?}", report.problems);
}

#[test]
fn a_callers_code_opens_plain_words_and_the_look_says_so() {
    let served = with_all_roles();
    let row = seen(&served.case).people.iter().find(|row| row.strongest.is_some() && row.letter.is_some()).unwrap().clone();
    let code = code_of(&served.case, &row.data_subject);
    let clerk = Visitor::signed_in(&served, 10);
    let sheet = format!("/desk/person/{}", row.handle);
    assert_eq!(clerk.get(&sheet).status, 403, "nobody gave a code");
    assert_eq!(clerk.act("/act/call", &[("code", "0000-0000-0000-0000")]).status, 422);
    let waits = clerk.act("/act/call", &[("code", &code)]);
    assert_eq!(waits.header("location"), Some("/sign/1"), "it was looked at unsigned");
    let text = clerk.get("/sign/1/text").body;
    let signed = clerk.act("/sign/1", &[("signature", &sign(10, Signed::NAMESPACE, &text))]);
    assert_eq!(signed.header("location"), Some(sheet.as_str()), "{}", signed.body);
    let page = clerk.get(&format!("{sheet}?language=zh-Hant"));
    assert!(page.status == 200 && page.body.contains("<dl class=\"call\" lang=\"zh-Hant\""), "{}", page.body);
    assert!(!page.body.contains(&code), "the code stands on the page");
    assert!(check(&served.case).is_sound());
}

#[test]
fn every_number_opens_its_rows() {
    let served = served("A. Chan", |_| {});
    let visitor = Visitor::inside(&served);
    let overview = seen(&served.case);
    let link = overview.path.links.iter().find(|view| view.people > 0 && view.accesses > 0).unwrap();
    let id = &link.link.id;
    for page in ["/path".to_owned(), format!("/path/{id}")] {
        assert!(visitor.get(&page).body.contains(&format!("href=\"/people?link={id}\"")), "{page}");
    }
    let count = |page: &str| {
        let body = visitor.get(page).body;
        body.split("<h2>").find_map(|part| part.split_once(" people</h2>")).unwrap_or_else(|| panic!("{page}: {body}")).0.split(' ').next().unwrap().to_owned()
    };
    assert_eq!(count(&format!("/people?link={id}")), link.people.to_string());
    assert_eq!(count(&format!("/people?link={id}&alone")), link.people_by_nothing_else.to_string());
    assert_eq!(visitor.get("/people?link=none-such").status, 404);
    let accesses = visitor.get(&format!("/lines/accesses/{id}")).body;
    assert!(accesses.contains(&format!(" of {}</p>", link.accesses)) && accesses.contains("class=\"place\""), "{accesses}");
    assert!(visitor.get("/people").body.contains("<td class=\"n\"><a href=\"/people?tier=confirmed\">"), "totals open nothing");
    // Whatever could not be read is shown where it is.
    let warnings = overview.evidence.warnings.len();
    assert!(warnings > 0 && visitor.get("/lines/warning/0").body.contains("no record of anything"), "{:?}", overview.evidence.warnings);
    assert_eq!(visitor.get("/evidence").body.matches("href=\"/lines/warning/").count(), warnings);
    assert_eq!(visitor.get(&format!("/lines/warning/{warnings}")).status, if overview.evidence.warning_count > warnings as u64 { 200 } else { 404 });
    (0..warnings.min(3)).for_each(|place| assert_eq!(visitor.get(&format!("/lines/warning/{place}")).status, 200));
    // A finding of the lint opens the letters that have it.
    visitor.act("/act/duty", &[("what", "found"), ("at", "2026-01-01T08:00"), ("knowing", "an account read records")]);
    visitor.act("/act/work", &[("work", "lint")]);
    wait_for("the lint", || visitor.get("/work").body.contains("It is done."));
    let letters = visitor.get("/letters").body;
    let found = letters.split("href=\"/people?lint=0\">").nth(1).expect("old letters are a finding").split('<').next().unwrap().to_owned();
    assert_eq!(count("/people?lint=0"), found);
    assert_eq!(visitor.get("/people?lint=99").status, 404);
}

#[test]
fn the_home_page_says_what_needs_whoever_looks() {
    let served = with_all_roles();
    let key = seen(&served.case).people.iter().find(|row| row.strongest.is_some() && row.letter.is_some()).unwrap().data_subject.clone();
    message(&served.case, 1, &key, MessageKind::Safety, "x");
    message(&served.case, 2, &key, MessageKind::Question, "x");
    let needs = |seed| {
        let page = Visitor::signed_in(&served, seed).get("/").body;
        page.split("<h2>Needs you</h2>").nth(1).unwrap().split("</section>").next().unwrap().to_owned()
    };
    let (approver, officer, reader) = (needs(7), needs(9), needs(11));
    for (what, to_approver, to_officer) in [
        ("People who fear for their safety: 1", true, true),
        ("Messages without an answer: 1", true, true),
        ("Duties without a running clock", true, true),
        ("Letters to approve", true, false),
        ("People of whom nothing is known yet", true, false),
    ] {
        assert_eq!((approver.contains(what), officer.contains(what)), (to_approver, to_officer), "{what}");
    }
    assert!(reader.contains("Nothing waits for you."), "{reader}");
    // What somebody has approved waits for somebody else.
    let visitor = Visitor::signed_in(&served, 7);
    let page = visitor.get("/letters").body;
    let plan = page.split("name=\"plan\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let waits = visitor.act("/act/approve", &[("plan", &plan)]).header("location").unwrap().to_owned();
    let text = visitor.get(&format!("{waits}/text")).body;
    assert_eq!(visitor.act(&waits, &[("signature", &sign(7, Signed::NAMESPACE, &text))]).status, 303);
    assert!(!visitor.get("/").body.contains("Letters to approve"));
}

#[test]
fn the_palette_finds_pages_and_people_and_nothing_for_whom_it_is_not() {
    let served = with_all_roles();
    let row = seen(&served.case).people[3].clone();
    let responder = Visitor::signed_in(&served, 8);
    assert!(responder.act("/go", &[("go", "")]).body.contains("/clocks"));
    assert_eq!(responder.act("/go", &[("go", "evidenc")]).header("location"), Some("/evidence"));
    assert_eq!(responder.act("/go", &[("go", &row.data_subject)]).header("location"), Some(format!("/people/{}", row.handle).as_str()));
    let clerk = Visitor::signed_in(&served, 10);
    let found = clerk.act("/go", &[("go", &row.data_subject)]);
    assert!(found.status == 200 && !found.body.contains(&row.handle), "the desk finds people by key");
}

#[test]
fn a_rehearsal_writes_letters_and_sends_none_and_work_does_not_hold_up_work() {
    let served = served("A. Chan", |_| {});
    let visitor = Visitor::inside(&served);
    let before = entries(&served);
    assert_eq!(visitor.get("/work").header("refresh"), None);
    visitor.act("/act/work", &[("work", "verify")]);
    visitor.act("/act/work", &[("work", "rehearse")]);
    let running = visitor.get("/work");
    assert_eq!(running.header("refresh").is_some(), running.body.contains("It runs:"), "the page does not come again while work runs, or does after");
    wait_for("both", || visitor.get("/work").body.matches("It is done.").count() == 2);
    let folder = std::fs::read_dir(served.case.join("rehearsals")).unwrap().next().unwrap().unwrap().path();
    let written = std::fs::read_dir(&folder).unwrap().filter(|entry| entry.as_ref().unwrap().path().extension().is_some_and(|kind| kind == "eml")).count();
    assert!(written > 0, "nothing was written");
    assert_eq!(entries(&served), before, "a rehearsal was entered");
    assert!(seen(&served.case).letters.unwrap().status.people.iter().all(|person| person.state == "drafted" || person.state == "held"));
    assert!(check(&served.case).is_sound(), "a rehearsal in the case is a damage");
}

#[test]
fn whoever_decides_while_another_run_ends_waits_for_it() {
    let served = served("A. Chan", |_| {});
    let visitor = Visitor::inside(&served);
    let (target, csrf) = (visitor.first("/path", "/path/").replace("/path/", ""), visitor.csrf());
    let lock = std::fs::OpenOptions::new().write(true).open(served.case.join("case.lock")).unwrap();
    lock.try_lock().unwrap();
    let held = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(900));
        drop(lock);
    });
    let fields = [("target", target.as_str()), ("verdict", "struck"), ("why", "our own test"), ("csrf", csrf.as_str())];
    assert_eq!(visitor.post("/act/judge", &fields).status, 303);
    held.join().unwrap();
}

#[test]
fn the_table_of_roles_is_the_one_that_is_documented() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/console.md")).unwrap();
    for right in strandline_response::Right::all() {
        let marks = Role::ALL.map(|role| if role.may(right) { "yes" } else { "" });
        let line = format!("| {} | {} |", right.as_str(), marks.join(" | "));
        assert!(page.contains(&line), "docs/console.md lacks: {line}");
    }
}

#[test]
fn letters_are_approved_as_they_were_looked_at() {
    let served = served("A. Chan", |_| {});
    let visitor = Visitor::inside(&served);
    let (before, other) = (entries(&served), visitor.act("/act/approve", &[("plan", &"0".repeat(64))]));
    assert!(other.status == 422 && other.body.contains("changed since you looked"), "{}", other.body);
    assert_eq!(entries(&served), before, "other letters were approved");
    let page = visitor.get("/letters").body;
    let plan = page.split("name=\"plan\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let answer = visitor.act("/act/approve", &[("plan", &plan)]);
    assert_eq!(answer.status, 303, "{}", answer.body);
    assert!(visitor.get("/letters").body.contains("1 of 2 approvals"));
    let after = entries(&served);
    assert!(after > before);
    assert_eq!(visitor.act("/act/approve", &[("plan", &plan)]).status, 422, "one person approved twice");
    assert_eq!(entries(&served), after);
    visitor.act("/act/work", &[("work", "lint")]);
    wait_for("the lint", || visitor.get("/work").body.contains("It is done."));
    assert!(!visitor.get("/letters").body.contains("Nobody has had the letters read"));
}

#[test]
fn letters_that_are_older_than_the_case_are_let_go_by_nobody() {
    let served = served("A. Chan", |_| {});
    let visitor = Visitor::inside(&served);
    let handle = visitor.first("/people?tier=confirmed", "/people/").replace("/people/", "");
    visitor.act("/act/letter", &[("handle", &handle), ("word", "hold"), ("why", "the family is told in person")]);
    let link = visitor.first("/path", "/path/").replace("/path/", "");
    visitor.act("/act/judge", &[("target", &link), ("verdict", "confirmed"), ("why", "our own test")]);
    let (page, letter, before) = (visitor.get("/letters").body, visitor.get(&format!("/letters/{handle}")).body, entries(&served));
    assert!(!page.contains("action=\"/act/approve\"") && page.contains("value=\"renew\""), "the page offers old letters");
    assert!(!letter.contains("value=\"release\"") && letter.contains("value=\"renew\""), "the page offers an old letter");
    let plan = page.split("What is approved:").nth(1).unwrap().split("<code class=\"hash\">").nth(1).unwrap().split('<').next().unwrap().to_owned();
    for (path, fields) in
        [("/act/approve", vec![("plan", plan.as_str())]), ("/act/letter", vec![("handle", handle.as_str()), ("word", "release"), ("why", "told")])]
    {
        let refused = visitor.act(path, &fields);
        assert!(refused.status == 422 && refused.body.contains("older than the case"), "{path}: {}", refused.body);
    }
    assert_eq!(entries(&served), before, "old letters were let go");
    visitor.act("/act/work", &[("work", "renew")]);
    wait_for("the end of the work", || visitor.get("/work").body.contains("It is done."));
    assert_eq!(visitor.act("/act/letter", &[("handle", &handle), ("word", "release"), ("why", "told")]).status, 303);
    let page = visitor.get("/letters").body;
    let plan = page.split("name=\"plan\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    assert_eq!(visitor.act("/act/approve", &[("plan", &plan)]).status, 303);
}

#[test]
fn other_machines_are_not_served_in_clear() {
    let options = strandline_console::Options {
        case: "/nowhere".into(),
        responder: "x".into(),
        now: support::now,
        random: support::random,
        reader: None,
        memory_limit_bytes: 1 << 20,
        threads: 1,
        law: LawBook::default(),
        given: Given::default(),
    };
    let error = strandline_console::serve(vec![options], SocketAddr::from(([0, 0, 0, 0], 0)), None, &mut |_| panic!("it listens")).unwrap_err();
    assert!(error.to_string().contains("must not cross a network in clear"), "{error}");
}
