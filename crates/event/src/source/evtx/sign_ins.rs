//! Sign-ins and sign-outs: at a machine, at the domain, over remote desktop.
//! Microsoft, "Security auditing", describes each event id and its fields.

use std::borrow::Cow;

use strandline_model::event::{Activity, Class, Status};

use super::named::{Named, Who};
use super::{Reader, kind};
use crate::fields::{Column, Filling, Kind};

const SIGNED_IN: Kind = kind(Class::Authentication, Activity::Logon, Status::Success);
const REFUSED: Kind = kind(Class::Authentication, Activity::Logon, Status::Failure);
const SIGNED_OUT: Kind = kind(Class::Authentication, Activity::Logoff, Status::Success);
/// The right password, or a ticket: not yet a sign-in.
const PROVED: Kind = kind(Class::Authentication, Activity::Other, Status::Success);
const CONNECTED: Kind = kind(Class::Authentication, Activity::Connect, Status::Success);
const DISCONNECTED: Kind = kind(Class::Authentication, Activity::Disconnect, Status::Success);

pub(super) fn security(event_id: u32) -> Option<Reader> {
    Some(match event_id {
        4624 => signed_in,
        4625 => refused,
        4634 | 4647 => signed_out,
        4648 => other_credentials,
        4672 => privileges,
        4768 => ticket_granting,
        4769 | 4770 => service_ticket,
        4771 | 4772 => before_ticket,
        4776 | 4777 => checked,
        4778 => |filling, named| session(filling, named, CONNECTED),
        4779 => |filling, named| session(filling, named, DISCONNECTED),
        _ => return None,
    })
}

/// What every record of a sign-in says.
fn sign_in<'r>(filling: &mut Filling<'r>, named: &Named<'r>) {
    named.who(filling, Who::Target);
    named.address(filling, "IpAddress", "IpPort");
    for (label, name) in [
        ("logon_type", "LogonType"),
        ("workstation", "WorkstationName"),
        ("method", "AuthenticationPackageName"),
        ("ntlm", "LmPackageName"),
        ("process", "ProcessName"),
        ("logon_guid", "LogonGuid"),
        ("elevated", "ElevatedToken"),
        ("used_account", "TargetOutboundUserName"),
    ] {
        named.label(filling, label, name);
    }
    if let Some(by) = named.account("SubjectUserName", "SubjectDomainName") {
        filling.label("by", by);
    }
}

fn signed_in<'r>(filling: &mut Filling<'r>, named: &Named<'r>) -> Kind {
    sign_in(filling, named);
    if let Some(linked) = named.session("TargetLinkedLogonId") {
        filling.label("linked_session", linked);
    }
    SIGNED_IN
}

fn refused<'r>(filling: &mut Filling<'r>, named: &Named<'r>) -> Kind {
    sign_in(filling, named);
    let code = named.text("SubStatus").filter(|_| named.whole("SubStatus") != Some(0)).or_else(|| named.text("Status"));
    code.into_iter().for_each(|code| filling.put(&Column::ErrorCode, code));
    REFUSED
}

fn signed_out<'r>(filling: &mut Filling<'r>, named: &Named<'r>) -> Kind {
    named.who(filling, Who::Target);
    named.label(filling, "logon_type", "LogonType");
    SIGNED_OUT
}

/// Somebody used another account's password; whether it worked stands at the other machine.
fn other_credentials<'r>(filling: &mut Filling<'r>, named: &Named<'r>) -> Kind {
    named.who(filling, Who::Target);
    named.by(filling);
    named.address(filling, "IpAddress", "IpPort");
    named.label(filling, "target_host", "TargetServerName");
    named.label(filling, "process", "ProcessName");
    kind(Class::Authentication, Activity::Other, Status::Unknown)
}

fn privileges<'r>(filling: &mut Filling<'r>, named: &Named<'r>) -> Kind {
    named.who(filling, Who::Subject);
    if let Some(list) = named.text("PrivilegeList") {
        filling.label("privileges", Cow::Owned(list.split_whitespace().collect::<Vec<_>>().join(" ")));
    }
    PROVED
}

/// What a domain controller says of a ticket or a password; a `Status` other than 0 is a refusal.
fn proof<'r>(filling: &mut Filling<'r>, named: &Named<'r>) -> Kind {
    named.who(filling, Who::Target);
    named.address(filling, "IpAddress", "IpPort");
    for (label, name) in
        [("service", "ServiceName"), ("ticket_encryption", "TicketEncryptionType"), ("ticket_options", "TicketOptions"), ("logon_guid", "LogonGuid")]
    {
        named.label(filling, label, name);
    }
    match named.whole("Status") {
        Some(0) => PROVED,
        Some(code) => {
            filling.put(&Column::ErrorCode, Cow::Owned(format!("{code:#x}")));
            REFUSED
        }
        None => Kind { status: Some(named.status()), ..PROVED },
    }
}

fn ticket_granting<'r>(filling: &mut Filling<'r>, named: &Named<'r>) -> Kind {
    named.label(filling, "pre_authentication", "PreAuthType");
    proof(filling, named)
}

fn service_ticket<'r>(filling: &mut Filling<'r>, named: &Named<'r>) -> Kind {
    // A ticket that is refused is no failed sign-in: the client asks again in another way.
    Kind { activity: Activity::Other, ..proof(filling, named) }
}

fn before_ticket<'r>(filling: &mut Filling<'r>, named: &Named<'r>) -> Kind {
    named.label(filling, "pre_authentication", "PreAuthType");
    proof(filling, named)
}

/// NTLM, checked by the machine that keeps the account.
fn checked<'r>(filling: &mut Filling<'r>, named: &Named<'r>) -> Kind {
    named.label(filling, "workstation", "Workstation");
    named.label(filling, "method", "PackageName");
    proof(filling, named)
}

/// A desktop session that was taken up again, or left.
fn session<'r>(filling: &mut Filling<'r>, named: &Named<'r>, kind: Kind) -> Kind {
    if let Some(account) = named.account("AccountName", "AccountDomain") {
        filling.put(&Column::Account, account);
    }
    if let Some(session) = named.session("LogonID") {
        filling.put(&Column::Session, session);
    }
    named.address(filling, "ClientAddress", "");
    named.label(filling, "workstation", "ClientName");
    named.label(filling, "login_session", "SessionName");
    kind
}

/// Remote desktop, as the machine's session manager tells it.
pub(super) fn local_sessions(event_id: u32) -> Option<Reader> {
    fn read<'r>(filling: &mut Filling<'r>, named: &Named<'r>, kind: Kind) -> Kind {
        named.put(filling, Column::Account, "User");
        named.address(filling, "Address", "");
        named.label(filling, "login_session", "SessionID");
        kind
    }
    Some(match event_id {
        21 => |filling, named| read(filling, named, SIGNED_IN),
        23 => |filling, named| read(filling, named, SIGNED_OUT),
        24 => |filling, named| read(filling, named, DISCONNECTED),
        25 => |filling, named| read(filling, named, CONNECTED),
        _ => return None,
    })
}

/// 1149: somebody reached the sign-in over the network, or got through it where that comes first.
pub(super) fn remote_connections(event_id: u32) -> Option<Reader> {
    fn read<'r>(filling: &mut Filling<'r>, named: &Named<'r>) -> Kind {
        if let Some(account) = named.account("Param1", "Param2") {
            filling.put(&Column::Account, account);
        }
        named.address(filling, "Param3", "");
        PROVED
    }
    (event_id == 1149).then_some(read as Reader)
}
