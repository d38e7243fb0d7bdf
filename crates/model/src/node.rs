//! What links join: one enum with its parts typed. Its text is written and read here and nowhere else: link ids are hashes of
//! it and people's decisions name those, so the text of a kind never changes.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::event::words;
use crate::time::Instant;
use crate::trail::Pin;

words! {
    /// How it is known which request caused a statement.
    How {
        /// The statement carries the request's id.
        Id = "by request id",
        /// The request's own values stand in it.
        Value = "by value",
        /// Requests of this kind always cause it.
        Route = "by route",
        /// SQL from the request stands in it.
        Injected = "injected",
        /// Nothing else ran, and no application ever sent its like.
        Unusual = "by unusual shape",
        /// It stands in one transaction with statements of the request.
        Transaction = "by transaction",
        /// It ran on the connection that served the request and no other.
        Lane = "by its own connection",
        /// It stands between statements of the request on a connection that serves one request at a time.
        Connection = "by connection",
        /// A value stands in it that otherwise only statements of the request have.
        Chain = "by chained value",
        /// It ran on a connection that handled a task of the request.
        Job = "by task",
        /// Of the requests that were running, his are of the kinds that run its like.
        Habit = "by habit",
        /// Only the actor's requests were running.
        Alone = "by time alone",
        /// Requests of others were running too, and nothing tells whose it is.
        Open = "open",
    }
}

words! {
    /// What statements in a gap of the request logs are taken for.
    InGap {
        /// They carry on what the actor was doing.
        Continued = "continued",
        /// Nothing explains them.
        Unexplained = "unexplained",
    }
}

/// One thing that links join. Whoever looks at nodes answers every kind: there is no catch-all arm on purpose, here or where
/// they are used.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Node {
    /// An account that a person pinned: everything of it.
    Account(Arc<str>),
    /// An address from which everything is followed.
    Address(Arc<str>),
    /// An address in one session, since others use it too.
    AddressInSession {
        /// The address.
        address: Arc<str>,
        /// The session's system.
        system: Arc<str>,
        /// The session.
        session: Arc<str>,
    },
    /// A database connection, by its session id.
    Connection(Arc<str>),
    /// A detection that started a trail, by its id.
    Detection(Arc<str>),
    /// Statements while no log tells of requests.
    Gap {
        /// The system whose log is missing.
        system: Arc<str>,
        /// Since when; see [`Node::gap`].
        from: Instant,
        /// Until when.
        to: Instant,
        /// What the statements are taken for.
        what: InGap,
    },
    /// A Windows sign-in.
    Logon {
        /// The account, as [`crate::names::account_key`].
        account: Arc<str>,
        /// The host, as [`crate::names::host_key`].
        host: Arc<str>,
        /// The address that it came from; empty at the machine itself.
        origin: Arc<str>,
    },
    /// What a responder pinned.
    Pin(Pin),
    /// A request, by its id; `-` where none is known.
    Request(Arc<str>),
    /// A web session.
    Session {
        /// Its system.
        system: Arc<str>,
        /// The session, cut as the shortest log of the system cuts it.
        session: Arc<str>,
    },
    /// Sign-ins of an account to a system from one address.
    SignIn {
        /// The account.
        account: Arc<str>,
        /// The system.
        system: Arc<str>,
        /// The address that they came from.
        address: Arc<str>,
    },
    /// Statements that requests of one kind caused.
    Statements {
        /// The requests' kind: method and path without its values, with the names of its filters; or what was called.
        kind: Arc<str>,
        /// What the requests hang on: a session, an address, a request.
        of: Box<Node>,
        /// How it is known that these requests caused them.
        how: How,
    },
}

impl Node {
    /// A gap, named to the millisecond, as its text is.
    pub fn gap(system: Arc<str>, from: Instant, to: Instant, what: InGap) -> Self {
        Self::Gap { system, from: from.to_the_millisecond(), to: to.to_the_millisecond(), what }
    }
}

/// The text that stands in the table `links`, and of which a link's id is made.
impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Account(account) => write!(f, "account={account}"),
            Self::Address(address) => write!(f, "address={address}"),
            Self::AddressInSession { address, system, session } => write!(f, "address_in_session={address} in {system}/{session}"),
            Self::Connection(connection) => write!(f, "connection={connection}"),
            Self::Detection(detection) => write!(f, "detection={detection}"),
            Self::Gap { system, from, to, what } => write!(f, "gap={system} {from} to {to}, {}", what.as_str()),
            Self::Logon { account, host, origin } => write!(f, "logon={account}@{host} from {origin}"),
            Self::Pin(pin) => write!(f, "pin:{pin}"),
            Self::Request(request) => write!(f, "request={request}"),
            Self::Session { system, session } => write!(f, "session={system}/{session}"),
            Self::SignIn { account, system, address } => write!(f, "sign_in={account}@{system} from {address}"),
            Self::Statements { kind, of, how } => write!(f, "statements={kind} of {of}, {}", how.as_str()),
        }
    }
}

/// A text that is not one of a node.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a link's end is not written as this version writes one; run trace again")]
pub struct NodeError;

/// Reads what [`Node`]'s `Display` wrote. An account, a session and a kind of request may hold whatever stands between the parts:
/// systems, hosts and addresses, which stand on the other side of it, hold neither blank nor `@` nor `/`.
impl FromStr for Node {
    type Err = NodeError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some(pin) = text.strip_prefix("pin:") {
            return pin.parse().map(Self::Pin).map_err(|_| NodeError);
        }
        let (kind, value) = text.split_once('=').ok_or(NodeError)?;
        let whole = || Arc::from(value);
        match kind {
            "account" => Some(Self::Account(whole())),
            "address" => Some(Self::Address(whole())),
            "address_in_session" => in_session(value),
            "connection" => Some(Self::Connection(whole())),
            "detection" => Some(Self::Detection(whole())),
            "gap" => gap(value),
            "logon" => account_from(value).map(|(account, host, origin)| Self::Logon { account, host, origin }),
            "request" => Some(Self::Request(whole())),
            "session" => session(value).map(|(system, session)| Self::Session { system, session }),
            "sign_in" => account_from(value).map(|(account, system, address)| Self::SignIn { account, system, address }),
            "statements" => statements(value),
            _ => None,
        }
        .ok_or(NodeError)
    }
}

/// `SYSTEM/SESSION`.
fn session(value: &str) -> Option<(Arc<str>, Arc<str>)> {
    let (system, session) = value.split_once('/')?;
    Some((Arc::from(system), Arc::from(session)))
}

/// `ADDRESS in SYSTEM/SESSION`.
fn in_session(value: &str) -> Option<Node> {
    let (address, at) = value.split_once(" in ")?;
    let (system, session) = session(at)?;
    Some(Node::AddressInSession { address: Arc::from(address), system, session })
}

/// `ACCOUNT@PLACE from ORIGIN`.
fn account_from(value: &str) -> Option<(Arc<str>, Arc<str>, Arc<str>)> {
    let (who, origin) = value.rsplit_once(" from ")?;
    let (account, place) = who.rsplit_once('@')?;
    Some((Arc::from(account), Arc::from(place), Arc::from(origin)))
}

/// `SYSTEM FROM to TO, WHAT`.
fn gap(value: &str) -> Option<Node> {
    let (rest, what) = value.rsplit_once(", ")?;
    let (rest, to) = rest.rsplit_once(" to ")?;
    let (system, from) = rest.rsplit_once(' ')?;
    Some(Node::Gap { system: Arc::from(system), from: Instant::of_rfc3339(from)?, to: Instant::of_rfc3339(to)?, what: what.parse().ok()? })
}

/// `KIND of OWNER, HOW`, cut at the last ` of ` behind which an owner can be read: a path may hold one too.
fn statements(value: &str) -> Option<Node> {
    let (rest, how) = value.rsplit_once(", ")?;
    let how = how.parse().ok()?;
    let owner = |text: &str| match text.parse().ok()? {
        owner @ (Node::Address(_) | Node::Request(_) | Node::Session { .. }) => Some(owner),
        Node::Account(_)
        | Node::AddressInSession { .. }
        | Node::Connection(_)
        | Node::Detection(_)
        | Node::Gap { .. }
        | Node::Logon { .. }
        | Node::Pin(_)
        | Node::SignIn { .. }
        | Node::Statements { .. } => None,
    };
    let of = " of ";
    rest.rmatch_indices(of).find_map(|(at, _)| {
        let of = Box::new(owner(&rest[at + of.len()..])?);
        Some(Node::Statements { kind: Arc::from(&rest[..at]), of, how })
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn arc(text: &str) -> Arc<str> {
        Arc::from(text)
    }

    /// Ids of links in cases made before hang on these texts, letter by letter.
    #[test]
    fn every_kind_keeps_its_text() {
        let session = || Node::Session { system: arc("hrs"), session: arc("7f3a") };
        let gap = |what| Node::gap(arc("hrs"), Instant(1_795_466_660_575_999), Instant(1_795_466_661_000_000), what);
        let statements = |of, how| Node::Statements { kind: arc("GET /find?q"), of: Box::new(of), how };
        let written = [
            (Node::Account(arc("ann")), "account=ann"),
            (Node::Address(arc("203.0.113.7")), "address=203.0.113.7"),
            (Node::AddressInSession { address: arc("203.0.113.7"), system: arc("hrs"), session: arc("7f3a") }, "address_in_session=203.0.113.7 in hrs/7f3a"),
            (Node::Connection(arc("6a1.2f")), "connection=6a1.2f"),
            (Node::Detection(arc("D0123")), "detection=D0123"),
            (gap(InGap::Continued), "gap=hrs 2026-11-23T20:44:20.575Z to 2026-11-23T20:44:21.000Z, continued"),
            (gap(InGap::Unexplained), "gap=hrs 2026-11-23T20:44:20.575Z to 2026-11-23T20:44:21.000Z, unexplained"),
            (Node::Logon { account: arc("clinic\\ann"), host: arc("fs1"), origin: arc("") }, "logon=clinic\\ann@fs1 from "),
            (Node::Pin(Pin::Address("203.0.113.7".to_owned())), "pin:address=203.0.113.7"),
            (Node::Pin(Pin::Statement("0123@4".to_owned())), "pin:statement=0123@4"),
            (Node::Request(arc("-")), "request=-"),
            (session(), "session=hrs/7f3a"),
            (Node::SignIn { account: arc("ann"), system: arc("hrs"), address: arc("10.0.0.1") }, "sign_in=ann@hrs from 10.0.0.1"),
            (statements(session(), How::Id), "statements=GET /find?q of session=hrs/7f3a, by request id"),
            (statements(Node::Address(arc("10.0.0.1")), How::Injected), "statements=GET /find?q of address=10.0.0.1, injected"),
        ];
        for (node, text) in written {
            assert_eq!(node.to_string(), text);
            assert_eq!(text.parse(), Ok(node));
        }
        let known = [
            (How::Id, "by request id"),
            (How::Value, "by value"),
            (How::Route, "by route"),
            (How::Injected, "injected"),
            (How::Unusual, "by unusual shape"),
            (How::Transaction, "by transaction"),
            (How::Lane, "by its own connection"),
            (How::Connection, "by connection"),
            (How::Chain, "by chained value"),
            (How::Job, "by task"),
            (How::Habit, "by habit"),
            (How::Alone, "by time alone"),
            (How::Open, "open"),
        ];
        for (how, word) in known {
            assert_eq!((how.as_str(), word.parse()), (word, Ok(how)));
        }
    }

    #[test]
    fn what_is_no_node_is_none() {
        for text in ["", "=", "pin:", "pin:x", "session=x", "address_in_session=a", "logon=a", "logon=@ from", "gap=a to b, continued", "statements= of , open"]
        {
            assert_eq!(text.parse::<Node>(), Err(NodeError), "{text}");
        }
    }

    /// Anything, and with what stands between the parts more often than by chance.
    fn anything() -> impl Strategy<Value = Arc<str>> {
        let piece = prop_oneof![Just("@".to_owned()), Just(" from ".to_owned()), Just("=".to_owned()), Just("/".to_owned()), Just(", ".to_owned()), ".{0,6}"];
        prop::collection::vec(piece, 0..5).prop_map(|pieces| Arc::from(pieces.concat()))
    }

    /// A system's id, a host or an address.
    fn place() -> impl Strategy<Value = Arc<str>> {
        "[a-z0-9.:_-]{0,12}".prop_map(Arc::from)
    }

    fn session_node() -> impl Strategy<Value = Node> {
        (place(), anything()).prop_map(|(system, session)| Node::Session { system, session })
    }

    fn how() -> impl Strategy<Value = How> {
        prop::sample::select(vec![How::Id, How::Value, How::Injected, How::Alone, How::Open])
    }

    fn node() -> impl Strategy<Value = Node> {
        let times = (-62_000_000_000i64..250_000_000_000, 0i64..100_000_000);
        let pins = prop::sample::select(vec!["address=203.0.113.7", "account=a=b@c from d", "session=x/y", "statement=a@9"]);
        let owner = prop_oneof![place().prop_map(Node::Address), place().prop_map(Node::Request), session_node()];
        let kinds = prop_oneof![anything(), Just(arc("GET /out of session/x")), Just(arc("GET /a of b?c"))];
        prop_oneof![
            anything().prop_map(Node::Account),
            anything().prop_map(Node::Address),
            anything().prop_map(Node::Connection),
            anything().prop_map(Node::Detection),
            anything().prop_map(Node::Request),
            session_node(),
            (place(), place(), anything()).prop_map(|(address, system, session)| Node::AddressInSession { address, system, session }),
            (anything(), place(), place()).prop_map(|(account, host, origin)| Node::Logon { account, host, origin }),
            (anything(), place(), place()).prop_map(|(account, system, address)| Node::SignIn { account, system, address }),
            (place(), times, any::<bool>()).prop_map(|(system, (from, long), continued)| {
                let what = if continued { InGap::Continued } else { InGap::Unexplained };
                Node::gap(system, Instant(from * 1_000_003), Instant((from + long) * 1_000_003), what)
            }),
            pins.prop_map(|pin| Node::Pin(pin.parse().expect("a pin"))),
            (kinds, owner, how()).prop_map(|(kind, of, how)| Node::Statements { kind, of: Box::new(of), how }),
        ]
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(node in node()) {
            prop_assert_eq!(node.to_string().parse::<Node>(), Ok(node));
        }

        #[test]
        fn any_text_is_read_or_refused_and_never_changed(text in "(pin:|statements=|gap=|logon=)?.{0,40}") {
            if let Ok(node) = text.parse::<Node>() {
                prop_assert_eq!(node.to_string().parse::<Node>(), Ok(node));
            }
        }
    }
}
