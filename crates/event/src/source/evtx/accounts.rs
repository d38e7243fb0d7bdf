//! Accounts and groups that were made, changed, locked or deleted. The account is the one that it happened to; who did
//! it is the label `by`.

use std::borrow::Cow;

use strandline_model::event::{Activity, Class};

use super::Reader;
use super::named::Named;
use crate::fields::{Column, Filling, Kind};

pub(super) fn security(event_id: u32) -> Option<Reader> {
    Some(match event_id {
        4720 | 4741 => |filling, named| account(filling, named, "created"),
        4722 => |filling, named| account(filling, named, "enabled"),
        4723 => |filling, named| account(filling, named, "password changed"),
        4724 => |filling, named| account(filling, named, "password reset"),
        4725 => |filling, named| account(filling, named, "disabled"),
        4726 | 4743 => |filling, named| account(filling, named, "deleted"),
        4738 | 4742 => |filling, named| account(filling, named, "changed"),
        4740 => |filling, named| account(filling, named, "locked out"),
        4767 => |filling, named| account(filling, named, "unlocked"),
        4781 => renamed,
        4728 | 4732 | 4746 | 4751 | 4756 | 4761 => |filling, named| member(filling, named, "added to group"),
        4729 | 4733 | 4747 | 4752 | 4757 | 4762 => |filling, named| member(filling, named, "removed from group"),
        4727 | 4731 | 4744 | 4749 | 4754 | 4759 => |filling, named| group(filling, named, "group created"),
        4730 | 4734 | 4748 | 4753 | 4758 | 4763 => |filling, named| group(filling, named, "group deleted"),
        4735 | 4737 | 4745 | 4750 | 4755 | 4760 => |filling, named| group(filling, named, "group changed"),
        _ => return None,
    })
}

fn changed<'r>(filling: &mut Filling<'r>, named: &Named<'r>, change: &'static str) -> Kind {
    filling.label("change", Cow::Borrowed(change));
    named.by(filling);
    Kind { class: Class::AccountChange, activity: Activity::Other, status: Some(named.status()) }
}

fn account<'r>(filling: &mut Filling<'r>, named: &Named<'r>, change: &'static str) -> Kind {
    if let Some(account) = named.account("TargetUserName", "TargetDomainName") {
        filling.put(&Column::Account, account);
    }
    if change == "locked out" {
        // Here the field of the domain names the machine that the wrong passwords came from.
        named.label(filling, "workstation", "TargetDomainName");
    }
    changed(filling, named, change)
}

fn renamed<'r>(filling: &mut Filling<'r>, named: &Named<'r>) -> Kind {
    if let Some(account) = named.account("NewTargetUserName", "TargetDomainName") {
        filling.put(&Column::Account, account);
    }
    named.label(filling, "old_name", "OldTargetUserName");
    changed(filling, named, "renamed")
}

fn member<'r>(filling: &mut Filling<'r>, named: &Named<'r>, change: &'static str) -> Kind {
    named.put(filling, Column::Account, "MemberName");
    named.put(filling, Column::Account, "MemberSid"); // where the directory gave no name
    named.label(filling, "member_sid", "MemberSid");
    group(filling, named, change)
}

fn group<'r>(filling: &mut Filling<'r>, named: &Named<'r>, change: &'static str) -> Kind {
    if let Some(group) = named.account("TargetUserName", "TargetDomainName") {
        filling.label("group", group);
    }
    changed(filling, named, change)
}
