//! A record's fields by name, and what Windows writes into many of them: accounts, logon ids, addresses, masks.

use std::borrow::Cow;

use strandline_model::event::Status;
use strandline_model::record::{FieldList, FieldValue};

use crate::fields::{Column, Filling};

/// The fields of one record.
pub(super) struct Named<'r> {
    host: &'r str,
    fields: FieldList<'r>,
}

/// Logon ids that every machine has: the system itself, anonymous, local service, network service.
const COMMON_LOGON_IDS: [u64; 5] = [0, 0x3e7, 0x3e6, 0x3e5, 0x3e4];

impl<'r> Named<'r> {
    pub fn new(host: &'r str, fields: FieldList<'r>) -> Self {
        Self { host, fields }
    }

    /// The first value of a name; `None` where there is none or it says nothing.
    pub fn text(&self, name: &str) -> Option<Cow<'r, str>> {
        self.fields.iter().find(|(known, _)| known == name).and_then(|(_, value)| text_of(value))
    }

    /// The last value of a name: what a record says for itself stands behind what its header says.
    pub fn last(&self, name: &str) -> Option<Cow<'r, str>> {
        self.fields.iter().rfind(|(known, _)| known == name).and_then(|(_, value)| text_of(value))
    }

    /// A number, also where it is written as text or in hexadecimal.
    pub fn whole(&self, name: &str) -> Option<u64> {
        match &self.fields.iter().find(|(known, _)| known == name)?.1 {
            FieldValue::Whole(value) => u64::try_from(*value).ok(),
            FieldValue::Text(text) => match text.trim().strip_prefix("0x") {
                Some(digits) => u64::from_str_radix(digits, 16).ok(),
                None => text.trim().parse().ok(),
            },
            _ => None,
        }
    }

    /// `DOMAIN\name`, from two fields; the name alone where the domain is missing or already in it.
    pub fn account(&self, name: &str, domain: &str) -> Option<Cow<'r, str>> {
        let name = self.text(name)?;
        Some(match self.text(domain) {
            Some(domain) if !name.contains(['\\', '@']) => Cow::Owned(format!("{domain}\\{name}")),
            _ => name,
        })
    }

    /// The session that a logon id means: it is one on its host only, and none where every host has it.
    pub fn session(&self, name: &str) -> Option<Cow<'r, str>> {
        let id = self.whole(name).filter(|id| !COMMON_LOGON_IDS.contains(id))?;
        Some(Cow::Owned(format!("{}/{id:#x}", self.host.to_lowercase())))
    }

    /// Whether the audit succeeded, as the keywords say.
    pub fn status(&self) -> Status {
        const SUCCESS: u64 = 1 << 53;
        const FAILURE: u64 = 1 << 52;
        match self.whole("Keywords") {
            Some(keywords) if keywords & FAILURE != 0 => Status::Failure,
            Some(keywords) if keywords & SUCCESS != 0 => Status::Success,
            _ => Status::Unknown,
        }
    }

    /// Sets a column from a field.
    pub fn put(&self, filling: &mut Filling<'r>, column: Column, name: &str) {
        if let Some(value) = self.text(name) {
            filling.put(&column, value);
        }
    }

    /// Sets a label from a field.
    pub fn label(&self, filling: &mut Filling<'r>, label: &'static str, name: &str) {
        if let Some(value) = self.text(name) {
            filling.label(label, value);
        }
    }

    /// Sets the account, and the session of a logon id.
    pub fn who(&self, filling: &mut Filling<'r>, prefix: Who) {
        let (name, domain, logon) = prefix.fields();
        if let Some(account) = self.account(name, domain) {
            filling.put(&Column::Account, account);
        }
        if let Some(session) = self.session(logon) {
            filling.put(&Column::Session, session);
        }
    }

    /// Who did it to somebody else, as the label `by`; and the session they did it in.
    pub fn by(&self, filling: &mut Filling<'r>) {
        if let Some(account) = self.account("SubjectUserName", "SubjectDomainName") {
            filling.label("by", account);
        }
        if let Some(session) = self.session("SubjectLogonId") {
            filling.put(&Column::Session, session);
        }
    }

    /// The other end's address and port. Windows writes IPv4 addresses as IPv6 ones here and there.
    pub fn address(&self, filling: &mut Filling<'r>, address: &str, port: &str) {
        if let Some(written) = self.text(address).filter(|written| !matches!(written.as_ref(), "LOCAL" | "local")) {
            let plain = match written.strip_prefix("::ffff:").filter(|v4| v4.contains('.')) {
                Some(v4) => Cow::Owned(v4.to_owned()),
                None => written,
            };
            filling.put(&Column::SrcIp, plain);
        }
        if let Some(port) = self.whole(port).filter(|port| *port != 0) {
            filling.put(&Column::SrcPort, Cow::Owned(port.to_string()));
        }
    }

    /// A process id, which Windows writes in hexadecimal.
    pub fn pid(&self, filling: &mut Filling<'r>, name: &str) {
        if let Some(pid) = self.whole(name) {
            filling.put(&Column::Pid, Cow::Owned(pid.to_string()));
        }
    }
}

/// Whose fields a record's account is in.
#[derive(Clone, Copy)]
pub(super) enum Who {
    /// Who asked.
    Subject,
    /// Whom it is about.
    Target,
}

impl Who {
    fn fields(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Subject => ("SubjectUserName", "SubjectDomainName", "SubjectLogonId"),
            Self::Target => ("TargetUserName", "TargetDomainName", "TargetLogonId"),
        }
    }
}

fn text_of<'r>(value: &FieldValue<'r>) -> Option<Cow<'r, str>> {
    let text = match value {
        FieldValue::Null => return None,
        FieldValue::Text(text) => text.clone(),
        FieldValue::Whole(value) => Cow::Owned(value.to_string()),
        FieldValue::Number(value) => Cow::Owned(value.to_string()),
        FieldValue::Bool(value) => Cow::Borrowed(if *value { "true" } else { "false" }),
    };
    let trimmed = text.trim();
    if trimmed.is_empty() || trimmed == "-" {
        return None;
    }
    Some(if trimmed.len() == text.len() { text } else { Cow::Owned(trimmed.to_owned()) })
}
