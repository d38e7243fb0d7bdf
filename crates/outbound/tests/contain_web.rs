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
fn a_session_is_refused_however_its_cookie_is_written() {
    let nginx = Nginx::start();
    let mut edge = nginx.edge();
    let effect = Effect::WebDenySession { session: "abcdef0123".to_owned() };
    let (before, meant) = cut(edge.as_mut(), &effect);
    let is_refused = |cookie: &str| nginx.get("127.0.0.8", "/page", cookie) == 403;
    for cookie in [
        "abcdef0123456789",
        "\"abcdef0123456789\"",
        "zzz; sid=abcdef0123456789",
        "abcdef0123456789; sid=zzz",
        "zzz; SID = abcdef0123456789",
        "%61bcdef0123456789",
        "a%62cd%65f0123456789",
        "\"\\141bcdef0123456789\"",
        "zzz, sid=abcdef0123456789",
    ] {
        assert!(is_refused(cookie), "{cookie}");
    }
    for cookie in ["zzz", "xabcdef0123456789", "zzz; xsid=abcdef0123456789", "ABCDEF0123456789", "zzz; other=sid=1"] {
        assert!(!is_refused(cookie), "{cookie}");
    }
    until("no old worker is left", || nginx.old_workers() == 0);
    check_answer(&edge.verify(&effect, &before, &meant).unwrap(), Answer::Effective, "all cookies of a request are looked at");
    // A line as plans of before wrote it is told and taken back.
    std::fs::write(nginx.server.at("cut/sessions"), "\"~^abcdef0123\" 1; # strandline case t\n").unwrap();
    check_answer(&edge.verify(&effect, &before, &meant).unwrap(), Answer::NotEffective, "its line is gone");
    edge.undo(&effect, &before).unwrap();
    assert_eq!(std::fs::read(nginx.server.at("cut/sessions")).unwrap(), b"");
    // One cookie alone is not enough to look at.
    let one = std::fs::read_to_string(nginx.server.at("conf")).unwrap().replace("map $http_cookie", "map $cookie_sid");
    std::fs::write(nginx.server.at("one"), one).unwrap();
    let mut reach = nginx.reach();
    reach.target.config = Some(nginx.server.at("one").display().to_string());
    let mut other = servers::connector(&reach, &manner());
    let before = other.read(&effect).unwrap();
    let told = other.meant(&effect, &before, &mut || [7; 32]).unwrap_err().to_string();
    assert!(told.contains("map $http_cookie"), "{told}");
}

#[test]
#[ignore = "needs root and nginx's own program: apt-get install nginx-light"]
fn a_session_that_is_refused_in_one_location_alone_is_served_elsewhere() {
    let nginx = Nginx::start();
    let text = std::fs::read_to_string(nginx.server.at("conf")).unwrap();
    let line = "if ($strandline_session) { return 403; }";
    let inside = |inside: &str| text.replacen(line, inside, 1);
    let effect = Effect::WebDenySession { session: "abcdef0123".to_owned() };
    for (conf, said) in [
        (inside(&format!("location = /page {{ {line} }} location /hr/ {{ return 200; }}")), "location = /page alone"),
        (inside(&format!("location /a {{ }} location /page {{ location /page {{ {line} }} }} location /hr/ {{ return 200; }}")), "location /page alone"),
        (inside(&format!("if ($uri ~ ^/hr/) {{ break; }} {line} location /hr/ {{ return 200; }}")), "may pass it by: if ($uri"),
    ] {
        std::fs::write(nginx.server.at("conf"), conf).unwrap();
        let mut edge = nginx.edge();
        let (before, meant) = cut(edge.as_mut(), &effect);
        let cookie = "abcdef0123456789";
        assert_eq!((nginx.get("127.0.0.8", "/page", cookie), nginx.get("127.0.0.8", "/hr/", cookie)), (403, 200), "{said}");
        until("no old worker is left", || nginx.old_workers() == 0);
        check_answer(&edge.verify(&effect, &before, &meant).unwrap(), Answer::NotTestable, said);
        edge.undo(&effect, &before).unwrap();
    }
}

#[test]
#[ignore = "needs root and nginx's own program: apt-get install nginx-light"]
fn a_route_that_is_cut_is_cut_for_head_too_and_a_line_of_before_is_taken_back() {
    let nginx = Nginx::start();
    let files = nginx.files();
    let mut edge = nginx.edge();
    let effect = Effect::WebDenyRoute { method: "GET".to_owned(), path: "/staff/{}/export".to_owned() };
    let (before, meant) = cut(edge.as_mut(), &effect);
    assert_eq!(["GET", "HEAD", "POST"].map(|method| nginx.request(method, "/staff/7/export")), [403, 403, 200]);
    until("no old worker is left", || nginx.old_workers() == 0);
    check_answer(&edge.verify(&effect, &before, &meant).unwrap(), Answer::Effective, "refused (403)");
    // As plans of before wrote it, HEAD was served: it is told, and taken back.
    let line = std::fs::read_to_string(nginx.server.at("cut/routes")).unwrap();
    std::fs::write(nginx.server.at("cut/routes"), line.replace("(?:GET|HEAD)", "GET")).unwrap();
    run(Command::new("nginx").arg("-c").arg(nginx.server.at("conf")).args(["-s", "reload"]));
    // For a moment old workers and new ones take connections.
    std::thread::sleep(Duration::from_millis(500));
    until("HEAD is served", || nginx.request("HEAD", "/staff/7/export") == 200);
    check_answer(&edge.verify(&effect, &before, &meant).unwrap(), Answer::NotEffective, "answered with 200");
    edge.undo(&effect, &before).unwrap();
    assert_eq!(nginx.files(), files);
    let post = Effect::WebDenyRoute { method: "POST".to_owned(), path: "/staff/{}/export".to_owned() };
    cut(edge.as_mut(), &post);
    assert_eq!(["GET", "HEAD", "POST"].map(|method| nginx.request(method, "/staff/7/export")), [200, 200, 403]);
}

#[test]
#[ignore = "needs root and nginx's own program: apt-get install nginx-light"]
fn a_probe_that_refuses_everybody_tells_nothing() {
    let nginx = Nginx::start();
    let text = std::fs::read_to_string(nginx.server.at("conf")).unwrap();
    std::fs::write(nginx.server.at("conf"), text.replacen("location /staff/", "location /shut { return 403; } location /staff/", 1)).unwrap();
    let mut reach = nginx.reach();
    let session = Effect::WebDenySession { session: "abcdef0123".to_owned() };
    let address = Effect::WebDenyAddress { address: "127.0.0.9".to_owned() };
    let route = Effect::WebDenyRoute { method: "GET".to_owned(), path: "/shut/{}".to_owned() };
    let all = [&session, &address, &route].map(|effect| (effect, cut(servers::connector(&reach, &manner()).as_mut(), effect)));
    until("no old worker is left", || nginx.old_workers() == 0);
    for (effect, (before, meant)) in &all {
        reach.target.probe = Some(format!("http://127.0.0.1:{}/shut", nginx.server.port));
        let told = servers::connector(&reach, &manner()).verify(effect, before, meant).unwrap();
        check_answer(&told, Answer::NotTestable, "refused to everybody (403)");
        assert!(!told.held.iter().any(|held| held.contains("tried by HTTP")), "{told:?}");
        reach.target.probe = Some(format!("http://127.0.0.1:{}/page", nginx.server.port));
        let expected = if *effect == &route { Answer::NotTestable } else { Answer::Effective };
        assert_eq!(servers::connector(&reach, &manner()).verify(effect, before, meant).unwrap().answer(), expected, "{effect:?}");
    }
}

#[test]
#[ignore = "needs root and nginx's own program: apt-get install nginx-light openssl"]
fn a_probe_by_https_trusts_the_authorities_of_its_target() {
    let (folder, port) = (servers::Server::new(), servers::free_port());
    let (key, cert) = (folder.at("key.pem").display().to_string(), folder.at("cert.pem").display().to_string());
    run(Command::new("openssl")
        .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost", "-keyout", &key, "-out", &cert])
        .args(["-addext", "subjectAltName=DNS:localhost", "-addext", "basicConstraints=critical,CA:FALSE"]));
    let nginx = Nginx::start_with(&format!(
        "server {{ listen 127.0.0.1:{port} ssl; ssl_certificate {cert}; ssl_certificate_key {key};\n if ($strandline_address) {{ return 403; }}\n \
         if ($strandline_session) {{ return 403; }}\n if ($strandline_route) {{ return 403; }}\n location / {{ return 200; }} }}"
    ));
    let mut reach = nginx.reach();
    reach.target.probe = Some(format!("https://localhost:{port}/"));
    let effect = Effect::WebDenyRoute { method: "GET".to_owned(), path: "/staff/{}".to_owned() };
    let (before, meant) = cut(servers::connector(&reach, &manner()).as_mut(), &effect);
    until("no old worker is left", || nginx.old_workers() == 0);
    let told = servers::connector(&reach, &manner()).verify(&effect, &before, &meant).unwrap();
    check_answer(&told, Answer::NotTestable, "the probe does not answer");
    reach.authorities = Some(std::fs::read_to_string(&cert).unwrap());
    check_answer(&servers::connector(&reach, &manner()).verify(&effect, &before, &meant).unwrap(), Answer::Effective, "refused (403)");
}

#[test]
#[ignore = "needs root and nginx's own program: apt-get install nginx-light"]
fn logs_of_errors_are_evidence_and_a_server_that_does_not_run_is_told_before_anything_is_written() {
    let mut nginx = Nginx::start();
    let mut edge = nginx.edge();
    let effect = Effect::WebDenyAddress { address: "127.0.0.9".to_owned() };
    let names: Vec<String> = edge.capture(&effect).unwrap().pieces.into_iter().map(|piece| piece.name).collect();
    assert!(["errors", "access"].iter().all(|log| names.iter().any(|name| name.ends_with(log))), "{names:?}");
    let before = edge.read(&effect).unwrap();
    let meant = edge.meant(&effect, &before, &mut || [7; 32]).unwrap();
    let files = nginx.files();
    nginx.stop();
    assert!(edge.apply(&effect, &meant).unwrap_err().to_string().contains("nginx is not running"));
    assert_eq!(nginx.files(), files);
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
    let reaches = std::collections::BTreeMap::from([("store".to_owned(), redis.reach())]);
    let strays = |applied: &[(String, Effect)]| strandline_outbound::contain::strays(&reaches, &manner(), applied).remove("store").unwrap().unwrap();
    assert_eq!(strays(&[("store".to_owned(), effect.clone())]), []);
    let found = strays(&[]);
    assert!(found.len() == 7 && found.iter().all(|one| !one.what.contains("aaaabbbb")), "by their beginnings alone: {found:?}");
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

#[test]
#[ignore = "needs Redis's own programs: apt-get install redis-server"]
fn a_name_that_stands_elsewhere_in_somebody_elses_session_takes_nobody_else() {
    let redis = Redis::empty(&[]);
    for (key, value) in [
        ("sess:admin0000001", "{\"user\":\"admin\"}"),
        ("sess:admin0000002", "{\"user\":\"admin\",\"role\":\"admin\"}"),
        ("sess:carol0000001", "{\"user\":\"carol\",\"role\":\"admin\"}"),
        ("sess:dave00000001", "{\"user\":\"dave\",\"seen\":{\"admin\":1}}"),
    ] {
        redis.cli(&["SETEX", key, "3600", value]);
    }
    let effect = Effect::SessionStoreDeleteAccount { account: "admin".to_owned() };
    let mut store = redis.store();
    let before = store.read(&effect).unwrap();
    let told = store.meant(&effect, &before, &mut || [7; 32]).unwrap_err().to_string();
    assert!(told.contains("account_field = \"user\"") && !told.contains("carol"), "{told}");
    let mut reach = redis.reach();
    reach.target.account_field = Some("user".to_owned());
    let mut store = servers::connector(&reach, &manner());
    let digest = redis.cli(&["DEBUG", "DIGEST"]);
    let (before, meant) = cut(store.as_mut(), &effect);
    assert_eq!(before.held("in the store").to_string(), "2 sessions, by user");
    assert_eq!(
        ["admin0000001", "admin0000002", "carol0000001", "dave00000001"].map(|key| redis.cli(&["EXISTS", &format!("sess:{key}")])),
        ["0", "0", "1", "1"]
    );
    check_answer(&store.verify(&effect, &before, &meant).unwrap(), Answer::Effective, "looked at twice");
    store.undo(&effect, &before).unwrap();
    assert_eq!(redis.cli(&["DEBUG", "DIGEST"]), digest);
    // A name that is nowhere else is found without being told where.
    let dave = Effect::SessionStoreDeleteAccount { account: "dave".to_owned() };
    let (before, _) = cut(redis.store().as_mut(), &dave);
    assert_eq!(before.held("in the store").to_string(), "1 session, by user");
}

#[test]
#[ignore = "needs root and nginx's own program: apt-get install nginx-light"]
fn a_server_that_does_not_ask_is_named() {
    let (port, elsewhere) = (servers::free_port(), servers::free_port());
    let nginx = Nginx::start_with(&format!(
        "server {{ listen 127.0.0.1:{port}; server_name old; location / {{ return 200 hi; root /; }} }}\nserver {{ listen 127.0.0.1:{elsewhere}; return 301 https://x/; }}"
    ));
    let mut edge = nginx.edge();
    let effect = Effect::WebDenyAddress { address: "127.0.0.9".to_owned() };
    let (before, meant) = cut(edge.as_mut(), &effect);
    until("no old worker is left", || nginx.old_workers() == 0);
    let mut other = from("127.0.0.9", std::net::SocketAddr::from(([127, 0, 0, 1], port))).unwrap();
    assert_eq!(status(&mut other, "/", "x"), 200, "the intruder is served there");
    let verdict = edge.verify(&effect, &before, &meant).unwrap();
    check_answer(&verdict, Answer::NotEffective, "server old does not look at $strandline_address");
    assert_eq!(verdict.doors.len(), 1, "one that only sends elsewhere serves nothing: {verdict:?}");
}

#[test]
#[ignore = "needs root and nginx's own program: apt-get install nginx-light"]
fn an_nginx_that_reloads_slowly_is_not_called_done_and_the_rerun_brings_it_about() {
    let nginx = Nginx::start();
    let effect = Effect::WebDenyAddress { address: "127.0.0.9".to_owned() };
    let master = std::fs::read_to_string(nginx.server.at("pid")).unwrap();
    let signal = |name: &str| drop(run(Command::new("kill").args([name, master.trim()])));
    let mut hasty = servers::connector(&nginx.reach(), &strandline_outbound::contain::Manner { patience: Duration::from_secs(1), ..manner() });
    let before = hasty.read(&effect).unwrap();
    let meant = hasty.meant(&effect, &before, &mut || [7; 32]).unwrap();
    signal("-STOP");
    let told = hasty.apply(&effect, &meant);
    assert!(matches!(told, Err(ContainError::Refused { .. })), "{told:?}");
    assert_eq!(nginx.get("127.0.0.9", "/page", "x"), 200, "the old workers serve him still");
    assert_ne!(hasty.read(&effect).unwrap(), meant);
    check_answer(&hasty.verify(&effect, &before, &meant).unwrap(), Answer::NotEffective, "does not run with what is written");
    signal("-CONT");
    let mut edge = nginx.edge();
    edge.apply(&effect, &meant).unwrap();
    assert_eq!(edge.read(&effect).unwrap(), meant);
    assert_eq!(nginx.get("127.0.0.9", "/page", "x"), 403);
    edge.undo(&effect, &before).unwrap();
    assert_eq!(nginx.get("127.0.0.9", "/page", "x"), 200);
}

#[test]
#[ignore = "needs Redis's own programs: apt-get install redis-server"]
fn a_replica_that_is_behind_is_named_and_is_no_place_to_cut() {
    let store = Redis::start();
    let port = store.server.port.to_string();
    let replica = Redis::empty(&["--replicaof", "127.0.0.1", &port, "--masterauth", "r"]);
    let has = |key: &str| replica.cli(&["EXISTS", key]) == "1";
    until("the replica has the sessions", || has("sess:0007aaaabbbb"));
    let mut there = replica.store();
    let effect = Effect::SessionStoreDelete { session: "0007aaaabb".to_owned() };
    let before = there.read(&effect).unwrap();
    let told = there.meant(&effect, &before, &mut || [7; 32]).unwrap_err().to_string();
    assert!(told.contains("it is a replica"), "{told}");
    let mut cutter = store.store();
    let (before, meant) = cut(cutter.as_mut(), &effect);
    check_answer(&cutter.verify(&effect, &before, &meant).unwrap(), Answer::Effective, "looked at twice");
    assert!(!has("sess:0007aaaabbbb"), "it has come to the replica, too");
    // One that takes nothing over any more.
    let process = run(Command::new("redis-cli").args(["-p", &replica.server.port.to_string(), "-a", "r", "--no-auth-warning", "INFO", "server"]));
    let pid = process.lines().find_map(|line| line.strip_prefix("process_id:")).unwrap().trim().to_owned();
    run(Command::new("kill").args(["-STOP", &pid]));
    let other = Effect::SessionStoreDelete { session: "0008aaaabb".to_owned() };
    let (before, meant) = cut(cutter.as_mut(), &other);
    check_answer(&cutter.verify(&other, &before, &meant).unwrap(), Answer::NotEffective, "has not taken it over");
    run(Command::new("kill").args(["-CONT", &pid]));
    until("the replica has it", || !has("sess:0008aaaabbbb"));
    check_answer(&cutter.verify(&other, &before, &meant).unwrap(), Answer::Effective, "looked at twice");
}

#[test]
#[ignore = "needs Redis's own programs: apt-get install redis-server"]
fn sessions_in_another_form_are_told_and_not_passed_over() {
    let redis = Redis::empty(&[]);
    redis.cli(&["HSET", "sess:hash00000001", "user", "u1"]);
    let effect = Effect::SessionStoreDeleteAccount { account: "u1".to_owned() };
    let mut store = redis.store();
    let before = store.read(&effect).unwrap();
    let told = store.meant(&effect, &before, &mut || [7; 32]).unwrap_err().to_string();
    assert!(told.contains("another form than a text"), "{told}");
    redis.cli(&["SET", "sess:text00000001", "{\"user\":\"u1\"}"]);
    let (before, meant) = cut(store.as_mut(), &effect);
    check_answer(&store.verify(&effect, &before, &meant).unwrap(), Answer::NotTestable, "1 sessions are kept in another form");
}
