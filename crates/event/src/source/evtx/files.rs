//! Shares and files that were opened, with what was asked of them.

use std::borrow::Cow;

use strandline_model::event::{Activity, Class, Status};

use super::named::{Named, Who};
use super::{Reader, kind};
use crate::fields::{Column, Filling, Kind};

pub(super) fn security(event_id: u32) -> Option<Reader> {
    Some(match event_id {
        5140 => share,
        5145 => file_on_share,
        4663 | 4656 => object,
        4660 => deleted,
        _ => return None,
    })
}

/// Sysmon 11, a file was made; 23 and 26, one was deleted.
pub(super) fn sysmon(event_id: u32) -> Option<Reader> {
    fn read<'r>(filling: &mut Filling<'r>, named: &Named<'r>) -> Kind {
        named.put(filling, Column::Account, "User");
        named.put(filling, Column::Object, "TargetFilename");
        named.label(filling, "process", "Image");
        named.pid(filling, "ProcessId");
        kind(Class::FileSystem, Activity::Write, Status::Success)
    }
    matches!(event_id, 11 | 23 | 26).then_some(read as Reader)
}

/// What a mask of rights asks for: \[MS-DTYP\] 2.4.3 and \[MS-SMB2\] 2.2.13.1. Whoever may write may read, so writing counts.
fn activity(mask: Option<u64>) -> Activity {
    const READ: u64 = 0x1 | 0x20 | 0x8000_0000 | 0x2000_0000; // data or a folder's list, execute; generic read and execute
    const WRITE: u64 = 0x2 | 0x4 | 0x40 | 0x1_0000 | 0x4000_0000; // data, append, delete below, delete; generic write
    const DEFINE: u64 = 0x4_0000 | 0x8_0000; // rights and owner
    match mask {
        Some(mask) if mask & WRITE != 0 => Activity::Write,
        Some(mask) if mask & DEFINE != 0 => Activity::Define,
        Some(mask) if mask & (READ | 0x1000_0000 | 0x0200_0000) != 0 => Activity::Read,
        _ => Activity::Other,
    }
}

fn share<'r>(filling: &mut Filling<'r>, named: &Named<'r>) -> Kind {
    named.who(filling, Who::Subject);
    named.address(filling, "IpAddress", "IpPort");
    named.put(filling, Column::Object, "ShareName");
    named.label(filling, "folder", "ShareLocalPath");
    named.label(filling, "access_mask", "AccessMask");
    kind(Class::FileSystem, Activity::Connect, named.status())
}

/// A file or folder on a share. The record is of the check of rights when it was opened, not of each read.
fn file_on_share<'r>(filling: &mut Filling<'r>, named: &Named<'r>) -> Kind {
    named.who(filling, Who::Subject);
    named.address(filling, "IpAddress", "IpPort");
    if let Some(share) = named.text("ShareName") {
        let share = share.trim_end_matches('\\').to_owned();
        let object = match named.text("RelativeTargetName").map(|name| name.trim_start_matches('\\').to_owned()).filter(|name| !name.is_empty()) {
            Some(name) => format!("{share}\\{name}"),
            None => share,
        };
        filling.put(&Column::Object, Cow::Owned(object));
    }
    named.label(filling, "folder", "ShareLocalPath");
    named.label(filling, "access_mask", "AccessMask");
    kind(Class::FileSystem, activity(named.whole("AccessMask")), named.status())
}

fn object<'r>(filling: &mut Filling<'r>, named: &Named<'r>) -> Kind {
    named.who(filling, Who::Subject);
    named.put(filling, Column::Object, "ObjectName");
    named.label(filling, "object_type", "ObjectType");
    named.label(filling, "access_mask", "AccessMask");
    named.label(filling, "process", "ProcessName");
    named.pid(filling, "ProcessId");
    let is_file = named.text("ObjectType").is_some_and(|kind| kind == "File");
    let class = if is_file { Class::FileSystem } else { Class::Other };
    kind(class, activity(named.whole("AccessMask")), named.status())
}

fn deleted<'r>(filling: &mut Filling<'r>, named: &Named<'r>) -> Kind {
    named.who(filling, Who::Subject);
    named.label(filling, "handle", "HandleId");
    named.label(filling, "process", "ProcessName");
    kind(Class::FileSystem, Activity::Write, named.status())
}
