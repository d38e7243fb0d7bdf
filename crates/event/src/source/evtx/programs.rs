//! What ran: processes, scripts, services and scheduled tasks; and what Defender said of it.

use std::borrow::Cow;

use strandline_model::event::{Activity, Class, Status};

use super::named::{Named, Who};
use super::{Reader, kind};
use crate::fields::{Column, Filling, Kind};

const RAN: Kind = kind(Class::Process, Activity::Execute, Status::Success);
const INSTALLED: Kind = kind(Class::Lifecycle, Activity::Define, Status::Success);

pub(super) fn security(event_id: u32) -> Option<Reader> {
    Some(match event_id {
        4688 => process,
        4697 => service,
        4698 => |filling, named| task(filling, named, "created"),
        4699 => |filling, named| task(filling, named, "deleted"),
        4700 => |filling, named| task(filling, named, "enabled"),
        4701 => |filling, named| task(filling, named, "disabled"),
        4702 => |filling, named| task(filling, named, "changed"),
        _ => return None,
    })
}

fn process<'r>(filling: &mut Filling<'r>, named: &Named<'r>) -> Kind {
    // Where another account was given, that is the one the process runs as.
    let target = named.account("TargetUserName", "TargetDomainName");
    named.who(filling, if target.is_some() { Who::Target } else { Who::Subject });
    named.by(filling);
    named.put(filling, Column::Object, "NewProcessName");
    named.put(filling, Column::Command, "CommandLine");
    named.put(filling, Column::Command, "NewProcessName");
    named.pid(filling, "NewProcessId");
    named.label(filling, "parent", "ParentProcessName");
    named.label(filling, "elevation", "TokenElevationType");
    if let Some(parent) = named.whole("ProcessId") {
        filling.label("parent_pid", Cow::Owned(parent.to_string()));
    }
    RAN
}

/// Sysmon 1.
pub(super) fn sysmon(event_id: u32) -> Option<Reader> {
    fn read<'r>(filling: &mut Filling<'r>, named: &Named<'r>) -> Kind {
        named.put(filling, Column::Account, "User");
        if let Some(session) = named.session("LogonId") {
            filling.put(&Column::Session, session);
        }
        named.put(filling, Column::Object, "Image");
        named.put(filling, Column::Command, "CommandLine");
        named.put(filling, Column::Command, "Image");
        named.pid(filling, "ProcessId");
        for (label, name) in [
            ("parent", "ParentImage"),
            ("parent_command", "ParentCommandLine"),
            ("parent_pid", "ParentProcessId"),
            ("folder", "CurrentDirectory"),
            ("hashes", "Hashes"),
            ("integrity", "IntegrityLevel"),
        ] {
            named.label(filling, label, name);
        }
        RAN
    }
    (event_id == 1).then_some(read as Reader)
}

/// 7045, a service was installed.
pub(super) fn services(event_id: u32) -> Option<Reader> {
    (event_id == 7045).then_some(service as Reader)
}

fn service<'r>(filling: &mut Filling<'r>, named: &Named<'r>) -> Kind {
    named.who(filling, Who::Subject);
    named.put(filling, Column::Object, "ServiceName");
    named.put(filling, Column::Command, "ImagePath");
    named.put(filling, Column::Command, "ServiceFileName");
    for (label, name) in
        [("run_as", "AccountName"), ("run_as", "ServiceAccount"), ("start", "StartType"), ("start", "ServiceStartType"), ("service_type", "ServiceType")]
    {
        named.label(filling, label, name);
    }
    filling.label("change", Cow::Borrowed("service installed"));
    INSTALLED
}

fn task<'r>(filling: &mut Filling<'r>, named: &Named<'r>, change: &'static str) -> Kind {
    named.who(filling, Who::Subject);
    named.put(filling, Column::Object, "TaskName");
    if let Some(content) = named.text("TaskContent").or_else(|| named.text("TaskContentNew")) {
        let command = [element(&content, "Command"), element(&content, "Arguments")].into_iter().flatten().collect::<Vec<_>>().join(" ");
        filling.put(&Column::Command, Cow::Owned(command));
        if let Some(account) = element(&content, "UserId") {
            filling.label("run_as", Cow::Owned(account));
        }
    }
    filling.label("change", Cow::Owned(format!("task {change}")));
    INSTALLED
}

/// The text of the first element of this name, its entities resolved.
fn element(xml: &str, name: &str) -> Option<String> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    let (text, _) = rest.split_once(&format!("</{name}>"))?;
    let plain = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&apos;", "'").replace("&amp;", "&");
    Some(plain.trim().to_owned()).filter(|text| !text.is_empty())
}

/// 4103, a pipeline ran; 4104, a script was compiled, in parts if it is long.
pub(super) fn powershell(event_id: u32) -> Option<Reader> {
    Some(match event_id {
        4103 => pipeline,
        4104 => script,
        _ => return None,
    })
}

fn script<'r>(filling: &mut Filling<'r>, named: &Named<'r>) -> Kind {
    named.put(filling, Column::Account, "Security_UserID");
    named.put(filling, Column::Command, "ScriptBlockText");
    named.put(filling, Column::Object, "Path");
    named.pid(filling, "Execution_ProcessID");
    named.label(filling, "script", "ScriptBlockId");
    if let (Some(part), Some(parts)) = (named.whole("MessageNumber"), named.whole("MessageTotal")) {
        filling.label("part", Cow::Owned(format!("{part} of {parts}")));
    }
    // The script was handed over to run; whether it ran to its end is not said.
    Kind { status: Some(Status::Unknown), ..RAN }
}

fn pipeline<'r>(filling: &mut Filling<'r>, named: &Named<'r>) -> Kind {
    let context = named.text("ContextInfo").unwrap_or_default();
    let line = |name: &str| {
        let found = context.lines().filter_map(|line| line.split_once('=')).find(|(key, _)| key.trim() == name)?;
        Some(found.1.trim().to_owned()).filter(|value| !value.is_empty())
    };
    if let Some(user) = line("User") {
        filling.put(&Column::Account, Cow::Owned(user));
    }
    named.put(filling, Column::Account, "Security_UserID");
    named.put(filling, Column::Command, "Payload");
    named.pid(filling, "Execution_ProcessID");
    for (label, name) in [("process", "Host Application"), ("command_name", "Command Name"), ("script_file", "Script Name")] {
        if let Some(value) = line(name) {
            filling.label(label, Cow::Owned(value));
        }
    }
    RAN
}

/// 1116, something was found; 1117, something was done about it; 5001, protection was switched off.
pub(super) fn defender(event_id: u32) -> Option<Reader> {
    Some(match event_id {
        1116 | 1117 => malware,
        5001 => |_, _| kind(Class::Lifecycle, Activity::Stop, Status::Success),
        _ => return None,
    })
}

fn malware<'r>(filling: &mut Filling<'r>, named: &Named<'r>) -> Kind {
    named.put(filling, Column::Account, "DetectionUser");
    named.put(filling, Column::Object, "Path");
    named.put(filling, Column::Message, "ThreatName");
    for (label, name) in
        [("severity", "SeverityName"), ("category", "CategoryName"), ("process", "ProcessName"), ("action", "ActionName"), ("origin", "OriginName")]
    {
        named.label(filling, label, name);
    }
    super::OTHER
}
