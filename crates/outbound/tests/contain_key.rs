//! The key of an application's sessions changed at a real one, written in Python: every session of before is unknown, and the old
//! key comes back as it was.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test that cannot go on fails")]

mod servers;

use std::collections::BTreeMap;
use std::process::Command;

use servers::{Server, check_answer, connector, cut, manner, reach, run, target, until};
use strandline_model::containment::Effect;
use strandline_model::estate::TargetKind;
use strandline_outbound::Secret;
use strandline_outbound::contain::{Answer, ContainError, Manner, Reach};

/// Signs sessions with the key of its file, which it reads again when it is told to: 200 with a right one, 401 without.
const APPLICATION: &str = r#"
import hashlib, hmac, http.server, os, signal, sys
port, path, pid = int(sys.argv[1]), sys.argv[2], sys.argv[3]
key = b""
def read(*_):
    global key
    key = open(path, "rb").read().strip()
read()
signal.signal(signal.SIGHUP, read)
class Site(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        user, _, signature = self.headers.get("Cookie", "").removeprefix("sid=").partition(".")
        right = hmac.new(key, user.encode(), hashlib.sha256).hexdigest()
        self.send_response(200 if user and hmac.compare_digest(signature, right) else 401)
        self.send_header("Content-Length", "0")
        self.end_headers()
    def log_message(self, *_):
        pass
server = http.server.HTTPServer(("127.0.0.1", port), Site)
open(pid, "w").write(str(os.getpid()))
server.serve_forever()
"#;

const OLD: &str = "0123456789abcdef0123456789abcdef0123456789abcdef\n";

struct Site {
    server: Server,
}

impl Site {
    fn start() -> Option<Self> {
        if Command::new("python3").arg("--version").output().is_err() {
            println!("SKIPPED: python3, in which the application is written, is not here");
            return None;
        }
        let mut server = Server::new();
        std::fs::write(server.at("app.py"), APPLICATION).unwrap();
        std::fs::write(server.at("key"), OLD).unwrap();
        run(Command::new("chmod").arg("640").arg(server.at("key")));
        let mut command = Command::new("python3");
        command.arg(server.at("app.py")).arg(server.port.to_string()).arg(server.at("key")).arg(server.at("pid"));
        server.spawn(&mut command);
        server.wait_for_port();
        until("it has written its id", || std::fs::read_to_string(server.at("pid")).is_ok_and(|pid| !pid.is_empty()));
        Some(Self { server })
    }

    fn reach(&self, reload: &str) -> Reach {
        let at = self.server.folder().display();
        let rest = format!("key_file = \"{at}/key\"\nreload = {reload}\nprobe = \"http://127.0.0.1:{}/\"", self.server.port);
        reach(target("site", TargetKind::Web, &rest), None)
    }

    /// Tells it, and waits until it has heard.
    fn told(&self) -> String {
        format!("[\"sh\", \"-c\", \"kill -HUP $(cat {}/pid); sleep 0.3\"]", self.server.folder().display())
    }

    /// A session that the old key signs.
    fn session() -> String {
        let script = format!("import hmac,hashlib; print('sid=ann.' + hmac.new(b'{}', b'ann', hashlib.sha256).hexdigest())", OLD.trim());
        run(Command::new("python3").args(["-c", &script])).trim().to_owned()
    }

    fn knowing() -> Manner {
        Manner { keys: BTreeMap::from([(("site".to_owned(), "shop".to_owned()), Secret::new(Self::session()))]), ..manner() }
    }

    fn state(&self) -> (String, u32, Vec<String>) {
        let mode = std::os::unix::fs::MetadataExt::mode(&std::fs::metadata(self.server.at("key")).unwrap());
        let mut names: Vec<String> =
            std::fs::read_dir(self.server.folder()).unwrap().map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        (std::fs::read_to_string(self.server.at("key")).unwrap(), mode, names)
    }
}

fn rotate() -> Effect {
    Effect::WebRotateKey { key: "shop".to_owned() }
}

#[test]
#[ignore = "needs root, or sudo without a password, and python3"]
fn sessions_of_before_are_unknown_and_the_old_key_comes_back() {
    let Some(site) = Site::start() else { return };
    let before_all = site.state();
    let mut web = connector(&site.reach(&site.told()), &Site::knowing());
    let (before, meant) = cut(web.as_mut(), &rotate());
    let held = format!("{before:?} {meant:?}");
    assert!(!held.contains(OLD.trim()) && !held.contains(site.state().0.trim()), "no key gets into a plan: {held}");
    check_answer(&web.verify(&rotate(), &before, &meant).unwrap(), Answer::Effective, "is not known");
    let mut stranger = connector(&site.reach(&site.told()), &manner());
    check_answer(&stranger.verify(&rotate(), &before, &meant).unwrap(), Answer::NotTestable, "no session of before was given");
    assert_eq!(site.state().1, before_all.1, "nobody else can read it");
    // Once is twice; another plan is none.
    let key = site.state().0;
    web.apply(&rotate(), &meant).unwrap();
    assert_eq!(site.state().0, key);
    let again = web.read(&rotate()).unwrap();
    assert!(matches!(web.meant(&rotate(), &again, &mut || [7; 32]), Err(ContainError::NoEffect { .. })));
    web.undo(&rotate(), &before).unwrap();
    web.undo(&rotate(), &before).unwrap();
    assert_eq!(site.state(), before_all);
    check_answer(&web.verify(&rotate(), &before, &meant).unwrap(), Answer::NotEffective, "answered with 200");
}

#[test]
#[ignore = "needs root, or sudo without a password, and python3"]
fn an_application_that_was_not_told_and_a_key_that_somebody_else_changed_are_named() {
    let Some(site) = Site::start() else { return };
    let before_all = site.state();
    let mut web = connector(&site.reach("[\"true\"]"), &Site::knowing());
    let (before, meant) = cut(web.as_mut(), &rotate());
    check_answer(&web.verify(&rotate(), &before, &meant).unwrap(), Answer::NotEffective, "was the application told?");
    std::fs::write(site.server.at("key"), "somebody-elses-key-of-his-own\n").unwrap();
    assert!(web.read(&rotate()).unwrap() != meant, "drift is seen");
    web.undo(&rotate(), &before).unwrap();
    assert_eq!(site.state(), before_all);
    // A command that fails leaves it begun, and the next run goes on.
    let mut broken = connector(&site.reach("[\"false\"]"), &manner());
    assert!(matches!(broken.apply(&rotate(), &meant), Err(ContainError::Refused { .. })));
    assert!(broken.read(&rotate()).unwrap() != meant && broken.read(&rotate()).unwrap() != before);
    web.apply(&rotate(), &meant).unwrap();
    assert_eq!(web.read(&rotate()).unwrap(), meant);
    web.undo(&rotate(), &before).unwrap();
    assert_eq!(site.state(), before_all);
    std::fs::write(site.server.at("key"), "SECRET_KEY = 'of more than a key'\n").unwrap();
    let odd = web.read(&rotate()).unwrap();
    assert!(matches!(web.meant(&rotate(), &odd, &mut || [7; 32]), Err(ContainError::NoEffect { .. })));
    let mut none = site.reach("[]");
    none.target.key_file = None;
    none.target.folder = None;
    assert!(matches!(connector(&none, &manner()).read(&rotate()), Err(ContainError::Unusable { .. })));
}
