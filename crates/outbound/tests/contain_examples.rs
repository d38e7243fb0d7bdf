//! The worked examples of the documentation (Entra ID, Okta, Microsoft Defender for Endpoint), against services that were written
//! after the public documentation of their APIs, which each program names: each refuses what the documentation says is refused.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test that cannot go on fails")]

mod servers;

use std::io::{BufRead, BufReader, Read, Write};
use std::process::Command;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use servers::{Server, check_answer, connector, cut, manner, reach, target};
use strandline_model::containment::Effect;
use strandline_model::estate::TargetKind;
use strandline_outbound::contain::{Answer, ContainError, Reach};

const KEY: &str = "a key of sixteen characters";
const CONTRACT: &str = include_str!("../../../docs/containment/responder_contract.py");
const ENTRA: &str = include_str!("../../../docs/containment/entra_id.py");
const OKTA: &str = include_str!("../../../docs/containment/okta.py");
const DEFENDER: &str = include_str!("../../../docs/containment/defender.py");

/// One request: method, path with its query, authorization, body.
struct Asked {
    method: String,
    path: String,
    token: String,
    body: String,
}

impl Asked {
    fn is(&self, method: &str, path: &str) -> bool {
        self.method == method && self.path.split('?').next() == Some(path)
    }
}

type Answers = fn(&mut Value, &Asked) -> (u16, Value);

/// A service with a state, which answers until the test ends.
fn service(state: Value, answers: Answers) -> (String, Arc<Mutex<Value>>) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let state = Arc::new(Mutex::new(state));
    let held = Arc::clone(&state);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut reader = BufReader::new(stream);
            let (mut line, mut token, mut length) = (String::new(), String::new(), 0);
            if reader.read_line(&mut line).unwrap_or(0) == 0 {
                continue;
            }
            let mut words = line.split_whitespace().map(str::to_owned);
            let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
            let mut header = String::new();
            while reader.read_line(&mut header).unwrap_or(0) > 2 {
                let (name, value) = header.trim().split_once(':').unwrap_or_default();
                match name.to_ascii_lowercase().as_str() {
                    "authorization" => token = value.trim().to_owned(),
                    "content-length" => length = value.trim().parse().unwrap(),
                    _ => {}
                }
                header.clear();
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            let asked = Asked { method, path, token, body: String::from_utf8(body).unwrap() };
            let (status, said) = answers(&mut held.lock().unwrap(), &asked);
            let text = if said.is_null() { String::new() } else { said.to_string() };
            let _ = write!(reader.get_mut(), "HTTP/1.1 {status} x\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{text}", text.len());
        }
    });
    (url, state)
}

fn python() -> bool {
    let is_there = Command::new("python3").arg("--version").output().is_ok();
    if !is_there {
        println!("SKIPPED: python3, in which the documentation's examples are written, is not here");
    }
    is_there
}

fn program(folder: &Server, text: &str, settings: &Value) -> Reach {
    for (name, text) in [("responder_contract.py", CONTRACT), ("program.py", text), ("key", KEY), ("secret", "the secret\n")] {
        std::fs::write(folder.at(name), text).unwrap();
    }
    let mut settings = settings.clone();
    settings["secret_file"] = json!(folder.at("secret"));
    std::fs::write(folder.at("settings.json"), settings.to_string()).unwrap();
    let at = folder.folder().display();
    let rest = format!("command = [\"python3\", \"{at}/program.py\", \"{at}/key\", \"{at}/settings.json\"]");
    reach(target("idp", TargetKind::Exec, &rest), Some(KEY))
}

fn ask(action: &str, subject: &str) -> Effect {
    Effect::Exec { action: action.to_owned(), subject: subject.to_owned() }
}

/// The token of client credentials, for both services of Microsoft.
fn token(asked: &Asked, scope: &str) -> Option<(u16, Value)> {
    if !asked.is("POST", "/tenant/oauth2/v2.0/token") {
        return None;
    }
    let is_right = asked.body.contains("grant_type=client_credentials") && asked.body.contains("client_secret=the+secret") && asked.body.contains(scope);
    Some(if is_right { (200, json!({ "access_token": "t", "token_type": "Bearer" })) } else { (401, json!({ "error": "invalid_client" })) })
}

fn microsoft(url: &str) -> Value {
    json!({ "tenant": "tenant", "client_id": "c", "login": url, "graph": format!("{url}/v1.0"), "api": url })
}

fn graph(state: &mut Value, asked: &Asked) -> (u16, Value) {
    if let Some(answer) = token(asked, "graph.microsoft.com") {
        return answer;
    }
    if asked.token != "Bearer t" {
        return (401, Value::Null);
    }
    if asked.is("GET", "/v1.0/auditLogs/signIns") {
        return (200, json!({ "value": [{ "ipAddress": "203.0.113.7" }] }));
    }
    let Some(rest) = asked.path.strip_prefix("/v1.0/users/ann@example.org") else { return (404, json!({ "error": {} })) };
    match (asked.method.as_str(), rest.split('?').next().unwrap()) {
        ("GET", "") => (200, state.clone()),
        ("PATCH", "") => {
            state["accountEnabled"] = serde_json::from_str::<Value>(&asked.body).unwrap()["accountEnabled"].clone();
            (204, Value::Null)
        }
        ("POST", "/revokeSignInSessions") => {
            state["signInSessionsValidFromDateTime"] = json!(jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
            (200, json!({ "value": true }))
        }
        _ => (400, Value::Null),
    }
}

#[test]
fn entra_id_disables_an_account_revokes_its_sessions_and_enables_it_again() {
    if !python() {
        return;
    }
    let folder = Server::new();
    let user = json!({ "id": "1", "accountEnabled": true, "signInSessionsValidFromDateTime": "2026-01-02T03:04:05Z", "onPremisesSyncEnabled": null });
    let (url, state) = service(user, graph);
    let mut idp = connector(&program(&folder, ENTRA, &microsoft(&url)), &manner());
    let disable = ask("disable_account", "ann@example.org");
    let capture = idp.capture(&disable).unwrap();
    assert_eq!(capture.pieces.len(), 2);
    assert!(capture.lost.iter().any(|lost| lost.contains("undo brings none back")));
    let (before, meant) = cut(idp.as_mut(), &disable);
    assert!(state.lock().unwrap()["accountEnabled"] == false && state.lock().unwrap()["signInSessionsValidFromDateTime"] != "2026-01-02T03:04:05Z");
    check_answer(&idp.verify(&disable, &before, &meant).unwrap(), Answer::NotTestable, "access tokens in hand");
    state.lock().unwrap()["signInSessionsValidFromDateTime"] = json!("2026-01-02T03:04:05Z");
    check_answer(&idp.verify(&disable, &before, &meant).unwrap(), Answer::Effective, "is disabled");
    state.lock().unwrap()["accountEnabled"] = json!(true);
    check_answer(&idp.verify(&disable, &before, &meant).unwrap(), Answer::NotEffective, "is enabled");
    idp.apply(&disable, &meant).unwrap();
    idp.undo(&disable, &before).unwrap();
    assert_eq!(idp.read(&disable).unwrap(), before);
    assert!(matches!(idp.read(&ask("disable_account", "bob@example.org")), Err(ContainError::Refused { .. })));
    // One that a directory of their own would enable again.
    state.lock().unwrap()["onPremisesSyncEnabled"] = json!(true);
    assert!(idp.apply(&disable, &meant).unwrap_err().to_string().contains("directory of your own"));
    assert_eq!(state.lock().unwrap()["accountEnabled"], true);
    // With another secret nobody is let in.
    std::fs::write(folder.at("secret"), "another").unwrap();
    assert!(idp.read(&disable).unwrap_err().to_string().contains("rights of its credential"));
}

fn okta(state: &mut Value, asked: &Asked) -> (u16, Value) {
    if asked.token != "SSWS the secret" {
        return (401, json!({ "errorCode": "E0000011" }));
    }
    if asked.is("GET", "/api/v1/logs") {
        let of = ["user.lifecycle.suspend", "user.session.clear"].into_iter().find(|event| asked.path.contains(event));
        let at = of.map_or(Value::Null, |event| state["log"][event].clone());
        return (200, if at.is_null() { json!([]) } else { json!([{ "published": at }]) });
    }
    let Some(rest) = asked.path.strip_prefix("/api/v1/users/ann") else { return (404, json!({ "errorCode": "E0000007" })) };
    let note = |state: &mut Value, event: &str| {
        let count = state["count"].as_u64().unwrap() + 1;
        state["count"] = json!(count);
        state["log"][event] = json!(format!("2026-01-02T03:04:{count:02}.000Z"));
    };
    match (asked.method.as_str(), rest) {
        ("GET", "") => (200, json!({ "id": "00u1", "status": state["status"] })),
        ("POST", "/lifecycle/suspend") if state["status"] == "ACTIVE" => {
            note(state, "user.lifecycle.suspend");
            state["status"] = json!("SUSPENDED");
            (200, json!({}))
        }
        ("POST", "/lifecycle/unsuspend") if state["status"] == "SUSPENDED" => {
            state["status"] = json!("ACTIVE");
            (200, json!({}))
        }
        ("DELETE", "/sessions?oauthTokens=true") => {
            note(state, "user.session.clear");
            (204, Value::Null)
        }
        // A transition that its state does not allow.
        _ => (400, json!({ "errorCode": "E0000001" })),
    }
}

#[test]
fn okta_suspends_a_user_signs_him_out_and_brings_him_back() {
    if !python() {
        return;
    }
    let folder = Server::new();
    let (url, state) = service(json!({ "status": "ACTIVE", "count": 0, "log": {} }), okta);
    let mut idp = connector(&program(&folder, OKTA, &json!({ "org": url })), &manner());
    let suspend = ask("disable_account", "ann");
    assert_eq!(idp.capture(&suspend).unwrap().pieces.len(), 2);
    let (before, meant) = cut(idp.as_mut(), &suspend);
    idp.apply(&suspend, &meant).unwrap();
    check_answer(&idp.verify(&suspend, &before, &meant).unwrap(), Answer::Effective, "signed out after that");
    // Suspended by somebody's hand, and not signed out since.
    state.lock().unwrap()["log"]["user.lifecycle.suspend"] = json!("2026-01-02T04:00:00.000Z");
    check_answer(&idp.verify(&suspend, &before, &meant).unwrap(), Answer::NotTestable, "not in the log yet");
    idp.undo(&suspend, &before).unwrap();
    idp.undo(&suspend, &before).unwrap();
    assert_eq!(state.lock().unwrap()["status"], "ACTIVE");
    check_answer(&idp.verify(&suspend, &before, &meant).unwrap(), Answer::NotEffective, "is ACTIVE");
    // What the service could not bring back is not planned.
    state.lock().unwrap()["status"] = json!("LOCKED_OUT");
    let locked = idp.read(&suspend).unwrap();
    assert!(idp.meant(&suspend, &locked, &mut || [7; 32]).unwrap_err().to_string().contains("only ACTIVE ones"));
    assert!(matches!(idp.read(&ask("disable_account", "bob")), Err(ContainError::Refused { .. })));
    assert!(idp.read(&ask("isolate_host", "ann")).unwrap_err().to_string().contains("only knows disable_account"));
}

fn defender(state: &mut Value, asked: &Asked) -> (u16, Value) {
    if let Some(answer) = token(asked, "api.securitycenter.microsoft.com") {
        return answer;
    }
    if asked.token != "Bearer t" {
        return (401, Value::Null);
    }
    let order = |state: &mut Value, kind: &str| {
        let orders = state.as_array_mut().unwrap();
        if orders.last().is_some_and(|last| last["status"] == "Pending") {
            return (400, json!({ "error": { "code": "ActiveRequestAlreadyExists" } }));
        }
        let at = format!("2026-01-02T03:04:{:02}Z", orders.len());
        orders.push(json!({ "id": orders.len(), "machineId": "m1", "type": kind, "status": "Pending", "creationDateTimeUtc": at }));
        (201, orders.last().unwrap().clone())
    };
    match (asked.method.as_str(), asked.path.split('?').next().unwrap()) {
        ("GET", "/api/machines") if asked.path.contains("pc7.example.org") => (200, json!({ "value": [{ "id": "m1", "computerDnsName": "pc7.example.org" }] })),
        ("GET", "/api/machines") => (200, json!({ "value": [] })),
        ("GET", "/api/machineactions") => (200, json!({ "value": state })),
        ("POST", "/api/machines/m1/isolate") if asked.body.contains("\"IsolationType\": \"Full\"") && asked.body.contains("Comment") => order(state, "Isolate"),
        ("POST", "/api/machines/m1/unisolate") if asked.body.contains("Comment") => order(state, "Unisolate"),
        ("POST", "/api/machines/m1/collectInvestigationPackage") => (201, json!({ "id": "p" })),
        _ => (400, Value::Null),
    }
}

#[test]
fn an_edr_isolates_a_machine_says_when_it_has_and_lets_it_go() {
    if !python() {
        return;
    }
    let folder = Server::new();
    let (url, state) = service(json!([]), defender);
    // What answers as long as the machine is not isolated.
    let probe = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut settings = microsoft(&url);
    settings["probe"] = json!(["127.0.0.1", probe.local_addr().unwrap().port()]);
    let mut edr = connector(&program(&folder, DEFENDER, &settings), &manner());
    let isolate = ask("isolate_host", "pc7.example.org");
    let done = |at: usize, status: &str| state.lock().unwrap()[at]["status"] = json!(status);
    assert!(edr.capture(&isolate).unwrap().lost.iter().any(|lost| lost.contains("investigation package")));
    let (before, meant) = cut(edr.as_mut(), &isolate);
    edr.apply(&isolate, &meant).unwrap();
    assert_eq!(state.lock().unwrap().as_array().unwrap().len(), 1, "twice is once");
    check_answer(&edr.verify(&isolate, &before, &meant).unwrap(), Answer::NotEffective, "answers from here");
    drop(probe);
    check_answer(&edr.verify(&isolate, &before, &meant).unwrap(), Answer::NotTestable, "has not carried it out yet");
    done(0, "Succeeded");
    check_answer(&edr.verify(&isolate, &before, &meant).unwrap(), Answer::Effective, "says that it is isolated");
    // An order that failed is none.
    done(0, "Failed");
    assert_eq!(edr.read(&isolate).unwrap(), before);
    check_answer(&edr.verify(&isolate, &before, &meant).unwrap(), Answer::NotEffective, "is not isolated");
    done(0, "Succeeded");
    edr.undo(&isolate, &before).unwrap();
    done(1, "Succeeded");
    edr.undo(&isolate, &before).unwrap();
    assert_eq!((edr.read(&isolate).unwrap(), state.lock().unwrap().as_array().unwrap().len()), (before, 2));
    for other in ["pc8.example.org", "x' or '1' eq '1"] {
        assert!(matches!(edr.read(&ask("isolate_host", other)), Err(ContainError::Refused { .. })), "{other}");
    }
}
