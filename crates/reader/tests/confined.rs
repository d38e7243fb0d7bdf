//! What a process that reads evidence cannot do, tried by one: a child of this test that gives up all and then tries.
#![cfg(target_os = "linux")]

use std::fs::File;
use std::net::TcpStream;
use std::process::Command;

use strandline_reader::{Confinement, confine};

/// Set in the child.
const CHILD: &str = "STRANDLINE_CONFINED_CHILD";
/// The child's exit code where nothing was to be had.
const NOTHING: i32 = 40;

#[test]
fn child_that_tries() {
    if std::env::var_os(CHILD).is_none() {
        return;
    }
    let own = std::env::current_exe().expect("a test has a path");
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port of this machine");
    let port = listener.local_addr().expect("it is bound").port();
    let all = Confinement { limits: true, landlock: true, system_calls: true };
    if confine() != all {
        std::process::exit(NOTHING + 1);
    }
    let had = [
        File::open("/etc/passwd").is_ok(),
        File::create(own.with_extension("written")).is_ok(),
        std::fs::read_dir("/").is_ok(),
        TcpStream::connect(("127.0.0.1", port)).is_ok(),
        Command::new(&own).spawn().is_ok(),
        std::thread::Builder::new().spawn(|| ()).is_ok(),
        Vec::<u8>::new().try_reserve_exact(4 << 30).is_ok(),
    ];
    std::process::exit(had.iter().position(|had| *had).map_or(NOTHING, |which| which as i32));
}

#[test]
fn a_reader_has_no_file_no_connection_no_program_and_no_memory_without_end() {
    let own = std::env::current_exe().expect("a test has a path");
    let mut child = Command::new(own);
    child.args(["child_that_tries", "--exact", "--test-threads=1"]).env(CHILD, "1").stdout(std::process::Stdio::piped());
    let code = child.output().expect("the child runs").status.code();
    if code == Some(NOTHING + 1) {
        println!("SKIPPED: this kernel does not let a process give up everything (Landlock and seccomp are needed)");
        return;
    }
    assert_eq!(code, Some(NOTHING), "a code below {NOTHING} says which of the things it tried it could do");
}
