//! A real nginx and a real Redis: an address, a session and a route refused, a running download named, a session that is saved again.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod servers;

use std::process::Command;
use std::time::Duration;

use servers::{Nginx, Redis, check_answer, cut, from, manner, reach, run, status, target, until};
use strandline_model::containment::Effect;
use strandline_model::estate::TargetKind;
use strandline_outbound::contain::{Answer, ContainError};

#[test]
#[ignore = "needs root and nginx's own program: apt-get install nginx-light"]
fn an_address_is_refused_and_its_running_download_is_named() {
    let nginx = Nginx::start();
    let files = nginx.files();
    let mut download = from("127.0.0.9", nginx.to()).unwrap();
    download.set_read_timeout(None).unwrap();
    assert_eq!(status(&mut download, "/big", "x"), 200);
    let reading = std::thread::spawn(move || std::io::copy(&mut download, &mut std::io::sink()));
    let effect = Effect::WebDenyAddress { address: "127.0.0.9".to_owned() };
    let mut edge = nginx.edge();
    let (before, meant) = cut(edge.as_mut(), &effect);
    assert_eq!((nginx.get("127.0.0.9", "/page", "x"), nginx.get("127.0.0.8", "/page", "x")), (403, 200));
    check_answer(&edge.verify(&effect, &before, &meant).unwrap(), Answer::NotEffective, "a download that began before");
    // The download's own way is cut, as the packet filter would cut it.
    drop(reading);
    run(Command::new("ss").args(["-K", "src", "127.0.0.9"]).stderr(std::process::Stdio::null()));
    until("the old worker is gone", || nginx.old_workers() == 0);
    check_answer(&edge.verify(&effect, &before, &meant).unwrap(), Answer::Effective, "refused (403)");
    edge.undo(&effect, &before).unwrap();
    assert_eq!(nginx.files(), files);
    assert_eq!(nginx.get("127.0.0.9", "/page", "x"), 200);
}

#[test]
#[ignore = "needs root and nginx's own program: apt-get install nginx-light"]
fn a_session_and_a_route_are_refused_and_no_other() {
    let nginx = Nginx::start();
    let files = nginx.files();
    let mut edge = nginx.edge();
    for (effect, refused, lawful) in [
        (Effect::WebDenySession { session: "abcdef0123".to_owned() }, ("/page", "abcdef0123456789"), ("/page", "abcdef99")),
        (Effect::WebDenyRoute { method: "GET".to_owned(), path: "/staff/{}/export".to_owned() }, ("/staff/7/export", "y"), ("/staff/7/exports", "y")),
    ] {
        assert_eq!(nginx.get("127.0.0.8", refused.0, refused.1), 200);
        let (before, meant) = cut(edge.as_mut(), &effect);
        assert_eq!((nginx.get("127.0.0.8", refused.0, refused.1), nginx.get("127.0.0.8", lawful.0, lawful.1)), (403, 200), "{effect:?}");
        until("no old worker is left", || nginx.old_workers() == 0);
        check_answer(&edge.verify(&effect, &before, &meant).unwrap(), Answer::Effective, "refused (403)");
        edge.undo(&effect, &before).unwrap();
        assert_eq!(nginx.get("127.0.0.8", refused.0, refused.1), 200);
    }
    assert_eq!(nginx.files(), files);
    assert!(matches!(edge.read(&Effect::WebDenySession { session: "abc".to_owned() }), Err(ContainError::Unusable { .. })), "it would fit others");
    assert!(matches!(edge.read(&Effect::WebDenySession { session: "abcdefgh\" 1; } server {".to_owned() }), Err(ContainError::Unusable { .. })));
}

#[test]
#[ignore = "needs root and nginx's own program: apt-get install nginx-light"]
fn a_broken_file_is_told_and_everything_stays_as_it_was() {
    let nginx = Nginx::start();
    let mut edge = nginx.edge();
    let effect = Effect::WebDenyAddress { address: "127.0.0.9".to_owned() };
    let before = edge.read(&effect).unwrap();
    let meant = edge.meant(&effect, &before, &mut || [7; 32]).unwrap();
    std::fs::write(nginx.server.at("cut/routes"), "\"GET /x\" 1\n").unwrap();
    let told = edge.apply(&effect, &meant).unwrap_err().to_string();
    assert!(told.contains("test its configuration") || told.contains("read its configuration"), "{told}");
    assert_eq!(std::fs::read(nginx.server.at("cut/addresses")).unwrap(), b"");
    std::fs::write(nginx.server.at("cut/routes"), "").unwrap();
    edge.apply(&effect, &meant).unwrap();
    // Somebody reverts the file and reloads: the cut is gone, and that is told.
    std::fs::write(nginx.server.at("cut/addresses"), "").unwrap();
    run(Command::new("nginx").arg("-c").arg(nginx.server.at("conf")).args(["-s", "reload"]));
    until("it is let in again", || nginx.get("127.0.0.9", "/page", "x") == 200);
    check_answer(&edge.verify(&effect, &before, &meant).unwrap(), Answer::NotEffective, "its line is gone");
}

#[test]
#[ignore = "needs Redis's own programs: apt-get install redis-server"]
fn a_session_is_held_back_ended_again_when_it_is_saved_again_and_put_back_exactly() {
    let redis = Redis::start();
    let mut store = redis.store();
    let key = "sess:0007aaaabbbb";
    let (dump, value) = (redis.cli(&["DEBUG", "DIGEST"]), redis.cli(&["GET", key]));
    let effect = Effect::SessionStoreDelete { session: "0007aaaabb".to_owned() };
    let capture = store.capture(&effect).unwrap();
    assert_eq!(capture.pieces.len(), 2);
    let (before, meant) = cut(store.as_mut(), &effect);
    check_answer(&store.verify(&effect, &before, &meant).unwrap(), Answer::Effective, "looked at twice");
    assert_eq!(redis.cli(&["EXISTS", key]), "0");
    redis.cli(&["SETEX", key, "3600", "another"]);
    check_answer(&store.verify(&effect, &before, &meant).unwrap(), Answer::NotEffective, "a running request saves");
    store.apply(&effect, &meant).unwrap();
    check_answer(&store.verify(&effect, &before, &meant).unwrap(), Answer::Effective, "looked at twice");
    store.undo(&effect, &before).unwrap();
    store.undo(&effect, &before).unwrap();
    assert_eq!((redis.cli(&["GET", key]), redis.cli(&["DEBUG", "DIGEST"])), (value, dump));
    let left: u64 = redis.cli(&["TTL", key]).parse().unwrap();
    assert!((3000..=3600).contains(&left), "{left}");
}

#[test]
#[ignore = "needs Redis's own programs: apt-get install redis-server"]
fn all_sessions_of_an_account_and_of_nobody_else() {
    let redis = Redis::start();
    let mut store = redis.store();
    let digest = redis.cli(&["DEBUG", "DIGEST"]);
    let effect = Effect::SessionStoreDeleteAccount { account: "u1".to_owned() };
    let (before, meant) = cut(store.as_mut(), &effect);
    assert_eq!(redis.cli(&["EVAL", "return #redis.call('KEYS', 'sess:*')", "0"]), "43", "7 of 50 are gone");
    check_answer(&store.verify(&effect, &before, &meant).unwrap(), Answer::Effective, "looked at twice");
    store.undo(&effect, &before).unwrap();
    assert_eq!(redis.cli(&["DEBUG", "DIGEST"]), digest);
    for (session, why) in [("0007", "so short"), ("000*aaaa", "no such session"), ("zzzzzzzzzz", "no such session")] {
        let effect = Effect::SessionStoreDelete { session: session.to_owned() };
        let told = store.read(&effect).and_then(|before| store.meant(&effect, &before, &mut || [7; 32])).unwrap_err().to_string();
        assert!(told.contains(why), "{session}: {told}");
    }
    let wrong = reach(target("store", TargetKind::Sessions, &format!("address = \"127.0.0.1:{}\"\nsessions = \"sess:\"", redis.server.port)), Some("wrong"));
    assert!(matches!(strandline_outbound::contain::connect(&wrong, &manner()), Err(ContainError::NotLetIn { .. })));
    std::thread::sleep(Duration::from_millis(10));
}
