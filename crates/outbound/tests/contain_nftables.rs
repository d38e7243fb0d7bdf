//! A real packet filter in a network namespace of the test's own: the intruder's open connection and his new one, a neighbour, and back.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test that cannot go on fails")]

mod servers;

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use servers::{answers, check_answer, connector, cut, echo, from, inside, manner, reach, run, target, until};
use strandline_model::containment::Effect;
use strandline_model::estate::{BreakGlass, TargetKind};
use strandline_outbound::contain::{Answer, Connector, ContainError, Manner, NeverTouch};

const HOST: &str = "table inet host {\n chain in {\n type filter hook input priority 0; policy accept;\n ct state established,related accept\n }\n}\n";

fn edge(manner: &Manner) -> Box<dyn Connector> {
    connector(&reach(target("edge", TargetKind::Nftables, ""), None), manner)
}

fn nft(text: &str) {
    let mut child = Command::new("nft").args(["-f", "-"]).stdin(Stdio::piped()).spawn().unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), text.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success(), "{text}");
}

/// The ruleset, without what counts.
fn ruleset() -> String {
    run(Command::new("nft").args(["-s", "-j", "list", "ruleset"]))
}

fn drop_of(address: &str) -> Effect {
    Effect::NftablesDrop { address: address.to_owned() }
}

#[test]
#[ignore = "needs root, nft and network namespaces: apt-get install nftables iproute2 conntrack"]
fn an_address_is_reset_and_dropped_and_its_neighbour_is_not() {
    if !inside("an_address_is_reset_and_dropped_and_its_neighbour_is_not", &["--net"]) {
        return;
    }
    // A host's own firewall that lets established connections through first.
    nft(HOST);
    // Whoever comes from there comes to us, as from all of 127.0.0.0/8, and none of it is an address of ours.
    run(Command::new("ip").args(["-6", "route", "add", "local", "2001:db8::/32", "dev", "lo"]));
    std::fs::write("/proc/sys/net/ipv6/ip_nonlocal_bind", "1").unwrap();
    let before_all = ruleset();
    let to = echo();
    for (intruder, address, neighbour) in [
        ("127.0.0.9", "127.0.0.9", "127.0.0.8"),
        ("127.0.7.0/24", "127.0.7.77", "127.0.0.8"),
        ("2001:db8::9", "2001:db8::9", "2001:db8::8"),
        ("2001:db8:7::/64", "2001:db8:7::77", "2001:db8::8"),
    ] {
        let (mut open, mut other) = (from(address, to).unwrap(), from(neighbour, to).unwrap());
        assert!(answers(&mut open) && answers(&mut other));
        let mut edge = edge(&manner());
        let effect = drop_of(intruder);
        let (before, meant) = cut(edge.as_mut(), &effect);
        assert!(!answers(&mut open) && from(address, to).is_err(), "{intruder}: both ways are shut");
        assert!(answers(&mut other) && from(neighbour, to).is_ok());
        let verdict = edge.verify(&effect, &before, &meant).unwrap();
        check_answer(&verdict, Answer::Effective, "refused since");
        if intruder == address {
            check_answer(&verdict, Answer::Effective, &format!("a connection from {intruder} was tried and refused"));
        }
        // Again is once.
        edge.apply(&effect, &meant).unwrap();
        assert_eq!(edge.read(&effect).unwrap(), meant);
        edge.undo(&effect, &before).unwrap();
        edge.undo(&effect, &before).unwrap();
        assert_eq!(ruleset(), before_all);
        assert!(!answers(&mut open), "a connection that was reset does not come to life again");
        assert!(from(address, to).is_ok() && from(neighbour, to).is_ok());
    }
}

/// Another network, whose way to all others is our machine: 10.9.N.2 and 10.9.N.3, 2001:db8:N::2 and 2001:db8:N::3.
struct Beyond(Child);

impl Beyond {
    fn set_up(number: u8) -> Self {
        let this = Self(Command::new("setpriv").args(["--pdeathsig=KILL", "--", "unshare", "--net", "sleep", "600"]).spawn().unwrap());
        let space = |pid: &str| std::fs::read_link(format!("/proc/{pid}/ns/net")).unwrap();
        until("it is a network of its own", || space(&this.0.id().to_string()) != space("self"));
        let here = [
            format!("link add way{number} type veth peer name way netns {}", this.0.id()),
            format!("addr add 10.9.{number}.1/24 dev way{number}"),
            format!("addr add 2001:db8:{number}::1/64 dev way{number} nodad"),
            format!("link set way{number} up"),
        ];
        let there = [
            format!("addr add 10.9.{number}.2/24 dev way"),
            format!("addr add 10.9.{number}.3/24 dev way"),
            format!("addr add 2001:db8:{number}::2/64 dev way nodad"),
            format!("addr add 2001:db8:{number}::3/64 dev way nodad"),
            "link set way up".to_owned(),
            format!("route add default via 10.9.{number}.1"),
            format!("-6 route add default via 2001:db8:{number}::1"),
        ];
        here.iter().for_each(|words| drop(run(Command::new("ip").args(words.split(' ')))));
        there.iter().for_each(|words| drop(run(this.command("ip").args(words.split(' ')))));
        this
    }

    /// A command there.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["-t", &self.0.id().to_string(), "-n", "--", "setpriv", "--pdeathsig=KILL", "--", program]);
        command
    }

    /// A connection from one of its addresses to another network, which asks once a line and ends well while it is answered.
    fn connect(&self, from: &str, to: &str) -> Child {
        const CLIENT: &str = "import socket, sys\n\
            stream = socket.create_connection((sys.argv[2], 8080), 5, (sys.argv[1], 0))\n\
            for line in sys.stdin:\n    stream.send(b'x')\n    stream.recv(1) or sys.exit(1)\n    print(flush=True)\n";
        let mut command = self.command("python3");
        command.args(["-c", CLIENT, from, to]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        command.spawn().unwrap()
    }

    /// Whether a new one gets through and is answered.
    fn reaches(&self, from: &str, to: &str) -> bool {
        ask(self.connect(from, to))
    }
}

impl Drop for Beyond {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Asks, and waits for the end.
fn ask(mut connection: Child) -> bool {
    // Who was refused reads no more.
    let _ = std::io::Write::write_all(&mut connection.stdin.take().unwrap(), b"\n");
    connection.wait().unwrap().success()
}

#[test]
#[ignore = "needs root, nft and network namespaces: apt-get install nftables iproute2 conntrack"]
fn what_the_machine_only_passes_on_is_cut_too() {
    if Command::new("python3").arg("--version").output().is_err() {
        println!("SKIPPED: python3, in which the machines behind the filter are written, is not here");
        return;
    }
    if !inside("what_the_machine_only_passes_on_is_cut_too", &["--net"]) {
        return;
    }
    let (outside, behind) = (Beyond::set_up(1), Beyond::set_up(2));
    for switch in ["ipv4/ip_forward", "ipv6/conf/all/forwarding"] {
        std::fs::write(format!("/proc/sys/net/{switch}"), "1").unwrap();
    }
    const SERVER: &str = "import socket, threading\n\
        def answer(stream):\n    while byte := stream.recv(1):\n        stream.send(byte)\n\
        server = socket.create_server(('::', 8080), family=socket.AF_INET6, dualstack_ipv6=True)\n\
        while True:\n    threading.Thread(target=answer, args=[server.accept()[0]], daemon=True).start()\n";
    let mut server = behind.command("python3").args(["-c", SERVER]).spawn().unwrap();
    for (intruder, neighbour, to) in [("10.9.1.2", "10.9.1.3", "10.9.2.2"), ("2001:db8:1::2", "2001:db8:1::3", "2001:db8:2::2")] {
        until("it is passed on", || outside.reaches(intruder, to));
        assert!(outside.reaches(neighbour, to));
        let mut open = [intruder, neighbour].map(|from| outside.connect(from, to));
        for connection in &mut open {
            std::io::Write::write_all(connection.stdin.as_mut().unwrap(), b"\n").unwrap();
            std::io::Read::read_exact(connection.stdout.as_mut().unwrap(), &mut [0]).unwrap();
        }
        let mut edge = edge(&manner());
        let effect = drop_of(intruder);
        let (before, meant) = cut(edge.as_mut(), &effect);
        assert_eq!(open.map(ask), [false, true], "{intruder}: the open connection is reset, and the neighbour's is not");
        assert!(!outside.reaches(intruder, to) && outside.reaches(neighbour, to));
        check_answer(&edge.verify(&effect, &before, &meant).unwrap(), Answer::Effective, "refused since");
        edge.undo(&effect, &before).unwrap();
        assert!(outside.reaches(intruder, to) && !ruleset().contains("strandline"));
    }
    let _ = server.kill();
    let _ = server.wait();
}

#[test]
#[ignore = "needs root, nft and network namespaces: apt-get install nftables iproute2 conntrack"]
fn one_that_somebody_flushed_is_found_and_the_other_stays() {
    if !inside("one_that_somebody_flushed_is_found_and_the_other_stays", &["--net"]) {
        return;
    }
    let _ = echo();
    let mut edge = edge(&manner());
    let (first, second) = (drop_of("127.0.0.9"), drop_of("127.0.0.10"));
    let (before, meant) = cut(edge.as_mut(), &first);
    cut(edge.as_mut(), &second);
    // What this case owns is no stray; what is left of another one is.
    let reaches = std::collections::BTreeMap::from([("edge".to_owned(), reach(target("edge", TargetKind::Nftables, ""), None))]);
    let applied = vec![("edge".to_owned(), drop_of("127.0.0.9")), ("edge".to_owned(), drop_of("127.0.0.10"))];
    let strays = |applied: &[(String, Effect)]| strandline_outbound::contain::strays(&reaches, &manner(), applied).remove("edge").unwrap().unwrap();
    assert_eq!(strays(&applied), []);
    nft("add element inet strandline n4 { 203.0.113.0/24 comment \"strandline case of yore\" }");
    let found = strays(&applied);
    assert!(found.len() == 1 && found[0].what == "n4 203.0.113.0/24" && found[0].mark.as_deref() == Some("case of yore"), "{found:?}");
    assert_eq!(strays(&applied[..1]).len(), 2);
    nft("delete element inet strandline n4 { 203.0.113.0/24 }");
    // One taken back leaves the other in force.
    edge.undo(&second, &before).unwrap();
    check_answer(&edge.verify(&first, &before, &meant).unwrap(), Answer::Effective, "tried and refused");
    run(Command::new("nft").args(["flush", "chain", "inet", "strandline", "cut_in"]));
    assert_ne!(edge.read(&first).unwrap(), meant);
    check_answer(&edge.verify(&first, &before, &meant).unwrap(), Answer::NotEffective, "rules are gone");
    edge.apply(&first, &meant).unwrap();
    check_answer(&edge.verify(&first, &before, &meant).unwrap(), Answer::Effective, "both chains stand");
    run(Command::new("nft").args(["flush", "ruleset"]));
    check_answer(&edge.verify(&first, &before, &meant).unwrap(), Answer::NotEffective, "came through");
    edge.undo(&first, &before).unwrap();
}

#[test]
#[ignore = "needs root, nft and network namespaces: apt-get install nftables iproute2 conntrack"]
fn a_lease_ends_in_the_kernel_without_us() {
    if !inside("a_lease_ends_in_the_kernel_without_us", &["--net"]) {
        return;
    }
    let to = echo();
    let mut edge = edge(&Manner { lease: Some(Duration::from_secs(2)), ..manner() });
    let (before, _) = cut(edge.as_mut(), &drop_of("127.0.0.9"));
    assert!(from("127.0.0.9", to).is_err());
    std::thread::sleep(Duration::from_millis(2600));
    assert!(from("127.0.0.9", to).is_ok());
    assert_eq!(edge.read(&drop_of("127.0.0.9")).unwrap(), before);
    edge.undo(&drop_of("127.0.0.9"), &before).unwrap();
    assert!(!ruleset().contains("strandline"));
}

#[test]
#[ignore = "needs root, nft and network namespaces: apt-get install nftables iproute2 conntrack"]
fn what_must_stay_reachable_is_refused() {
    if !inside("what_must_stay_reachable_is_refused", &["--net"]) {
        return;
    }
    run(Command::new("ip").args(["addr", "add", "192.0.2.2/32", "dev", "lo"]));
    run(Command::new("ip").args(["route", "add", "default", "via", "192.0.2.1", "dev", "lo", "onlink"]));
    let desk = BreakGlass { target: None, account: None, address: Some("198.51.100.0/24".to_owned()), reason: "the desk".to_owned() };
    let mut edge = edge(&Manner { never: NeverTouch::new(vec![desk]), ..manner() });
    for (address, why) in [
        ("192.0.2.1", "default route"),
        ("192.0.2.0/24", "default route"),
        ("127.0.0.1", "the machine itself"),
        ("198.51.100.7", "the desk"),
        ("0.0.0.0/0", "the desk"),
    ] {
        match edge.refuse_protected(&drop_of(address)) {
            Err(ContainError::NeverTouched { why: told, .. }) => assert!(told.contains(why) || address.contains('/'), "{address}: {told}"),
            other => panic!("{address}: {other:?}"),
        }
    }
    // An IPv4 address in IPv6 form is dropped as what it is.
    let (before, _) = cut(edge.as_mut(), &drop_of("::ffff:203.0.113.8"));
    assert!(run(Command::new("nft").args(["list", "set", "inet", "strandline", "v4"])).contains("203.0.113.8"));
    edge.undo(&drop_of("::ffff:203.0.113.8"), &before).unwrap();
    assert!(matches!(edge.read(&drop_of("nonsense")), Err(ContainError::Unusable { .. })));
    assert!(edge.refuse_protected(&drop_of("203.0.113.7")).is_ok());
    let machine = reach(target("edge", TargetKind::Nftables, ""), None);
    servers::comes_back_though_protected(&machine, &drop_of("203.0.113.7"), None, Some("203.0.113.0/24"));
}

#[test]
#[ignore = "needs root, nft and network namespaces: apt-get install nftables iproute2 conntrack"]
fn evidence_of_connections_is_captured() {
    if !inside("evidence_of_connections_is_captured", &["--net"]) {
        return;
    }
    let to = echo();
    let _open = from("127.0.0.9", to).unwrap();
    let capture = edge(&manner()).capture(&drop_of("127.0.0.9")).unwrap();
    let sockets = capture.pieces.iter().find(|piece| piece.name == "sockets.txt").unwrap();
    assert!(String::from_utf8_lossy(&sockets.bytes).contains("127.0.0.9"));
}
