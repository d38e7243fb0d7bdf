//! Mails a second through the whole sender, with the state kept in a case: `send_speed HOST:PORT LETTERS CONNECTIONS`, or
//! `send_speed sink` to start a server that takes everything and says on which port.

#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a program to measure with")]

#[path = "../tests/support/mod.rs"]
mod support;

use std::time::Instant;

use strandline_outbound::{Pace, SendPlan, Server, Timeouts, send};
use support::{CaseOutbox, NEVER, Sink, Sinkable, identity, new_case, now, pace, queue, server};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let sink = Sink::start(Sinkable::default());
    if arguments.first().is_none_or(|first| first == "sink") {
        println!("{}", sink.address.port());
        std::thread::park();
    }
    let (host, port) = arguments[0].rsplit_once(':').unwrap();
    let (letters, connections) = (arguments[1].parse().unwrap(), arguments[2].parse().unwrap());
    let folder = tempfile::tempdir_in(".").unwrap();
    let case = new_case(&folder.path().join("case"));
    queue(&case, letters);
    let (identity, server) = (identity(), Server { host: host.into(), port: port.parse().unwrap(), timeouts: Timeouts::default(), ..server(&sink) });
    let plan = SendPlan { server: &server, identity: &identity, dkim: None, pace: Pace { connections, ..pace() }, stop: &NEVER };
    let began = Instant::now();
    let tally = send(&plan, &mut CaseOutbox(case.sending().unwrap()), &now, &mut |_| ()).unwrap();
    let seconds = began.elapsed().as_secs_f64();
    println!(
        "strandline, {connections} connections: {} letters in {seconds:.2} s, {:.0} a second, {} uncertain",
        tally.accepted,
        tally.accepted as f64 / seconds,
        tally.uncertain
    );
}
