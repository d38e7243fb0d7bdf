//! What was done to the log itself, and to the clock that its times come from.

use std::borrow::Cow;

use strandline_model::event::{Activity, Class, Status};

use super::named::{Named, Who};
use super::{Reader, kind};
use crate::fields::{Column, Filling, Kind};

/// Windows' own log service, in the channels `Security` and `System`.
pub(super) fn event_log(event_id: u32) -> Option<Reader> {
    Some(match event_id {
        1102 | 104 => cleared,
        1100 => |filling, named| service(filling, named, Activity::Stop, "the log service was shut down"),
        1101 => |filling, named| service(filling, named, Activity::Stop, "records were dropped before they were written"),
        1104 => |filling, named| service(filling, named, Activity::Stop, "the log is full"),
        1105 => |filling, named| service(filling, named, Activity::Other, "the log was archived, and a new one begun"),
        _ => return None,
    })
}

/// The service's older name, in `System`: 6005 at each start, 6006 at each orderly end, 6008 after one that was none.
pub(super) fn event_log_service(event_id: u32) -> Option<Reader> {
    Some(match event_id {
        6005 => |filling, named| service(filling, named, Activity::Start, "the log service was started"),
        6006 => |filling, named| service(filling, named, Activity::Stop, "the log service was stopped"),
        6008 => |filling, named| service(filling, named, Activity::Other, "the machine had gone down without a word"),
        _ => return None,
    })
}

fn cleared<'r>(filling: &mut Filling<'r>, named: &Named<'r>) -> Kind {
    named.who(filling, Who::Subject);
    // 104 names the channel that was cleared; 1102 stands in its own.
    if let Some(log) = named.last("Channel") {
        filling.put(&Column::Object, log);
    }
    named.label(filling, "backup", "BackupPath");
    filling.put(&Column::Message, Cow::Borrowed("the log was cleared"));
    kind(Class::EventLog, Activity::Clear, Status::Success)
}

fn service<'r>(filling: &mut Filling<'r>, named: &Named<'r>, activity: Activity, message: &'static str) -> Kind {
    named.put(filling, Column::Object, "Channel");
    named.label(filling, "backup", "BackupPath");
    filling.put(&Column::Message, Cow::Borrowed(message));
    kind(Class::EventLog, activity, Status::Success)
}

pub(super) fn security(event_id: u32) -> Option<Reader> {
    Some(match event_id {
        4616 => |filling, named| clock(filling, named, ("PreviousTime", "NewTime")),
        4719 => policy,
        _ => return None,
    })
}

/// Kernel-General 1, in `System`: the clock was set, by whomever.
pub(super) fn kernel(event_id: u32) -> Option<Reader> {
    fn read<'r>(filling: &mut Filling<'r>, named: &Named<'r>) -> Kind {
        clock(filling, named, ("OldTime", "NewTime"))
    }
    (event_id == 1).then_some(read as Reader)
}

fn clock<'r>(filling: &mut Filling<'r>, named: &Named<'r>, (from, to): (&str, &str)) -> Kind {
    named.who(filling, Who::Subject);
    named.label(filling, "clock_from", from);
    named.label(filling, "clock_to", to);
    named.label(filling, "process", "ProcessName");
    kind(Class::Lifecycle, Activity::ClockChange, Status::Success)
}

/// The audit policy says what is logged from now on.
fn policy<'r>(filling: &mut Filling<'r>, named: &Named<'r>) -> Kind {
    named.who(filling, Who::Subject);
    named.put(filling, Column::Object, "SubcategoryGuid");
    named.label(filling, "changes", "AuditPolicyChanges");
    let changes = named.text("AuditPolicyChanges").unwrap_or_default();
    // %%8448 and %%8450: successes, failures are no longer recorded.
    if ["%%8448", "%%8450"].iter().any(|removed| changes.contains(removed)) {
        filling.label("records_less", Cow::Borrowed("true"));
    }
    kind(Class::EventLog, Activity::Define, Status::Success)
}
