//! Who a record is about, for whoever reports a match of a rule on the raw record.

use strandline_model::record::{FieldList, LogRecord};

use super::describe;
use super::named::Named;
use crate::fields::Filling;

/// Account, session and address that a record names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Involved {
    /// A person's or a service's account, as `DOMAIN\name` where the record says the domain; never the machine's own.
    pub account: Option<String>,
    /// The session, as events name it.
    pub session: Option<String>,
    /// The other end's address.
    pub address: Option<String>,
}

/// Where records that mean nothing to a trail name an account.
const ACCOUNTS: [&str; 5] = ["TargetUserName", "SubjectUserName", "User", "UserName", "AccountName"];
/// … and an address.
const ADDRESSES: [&str; 3] = ["IpAddress", "ClientAddress", "ClientIP"];

/// What a record names: as its event says, or else by the usual names of fields.
pub fn involved(record: &dyn LogRecord) -> Involved {
    let mut filling = Filling::new(record.place());
    describe(&mut filling, record);
    let mut found = Involved::default();
    if let Some(event) = filling.finish() {
        found.account = event.account.map(|account| account.into_owned()).filter(|account| !is_of_machine(account));
        found.session = event.session.map(|session| session.into_owned());
        found.address = event.src_ip.map(|address| address.into_owned());
    }
    if found.account.is_none() || found.address.is_none() {
        let mut fields = FieldList::new();
        record.fields(&mut fields);
        let named = Named::new(record.host().unwrap_or(""), fields);
        let account = || ACCOUNTS.iter().filter_map(|name| named.text(name)).find(|account| !is_of_machine(account));
        found.account = found.account.or_else(|| account().map(|account| account.into_owned()));
        found.address = found.address.or_else(|| ADDRESSES.iter().find_map(|name| named.text(name)).map(|address| address.into_owned()));
    }
    found
}

/// Accounts that every machine has, and those of machines themselves: a match on one says where, not who. Windows
/// translates the names of the first; one that is not known here stands as an account, beside its host.
fn is_of_machine(account: &str) -> bool {
    const NAMES: [&str; 8] = ["system", "localsystem", "localservice", "networkservice", "anonymouslogon", "s-1-5-18", "s-1-5-19", "s-1-5-20"];
    let name = account.rsplit('\\').next().unwrap_or(account).to_lowercase().replace(' ', "");
    let is_numbered = |start: &str| name.strip_prefix(start).is_some_and(|number| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()));
    NAMES.contains(&name.as_str()) || name.ends_with('$') || is_numbered("dwm-") || is_numbered("umfd-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machines_own_accounts_are_nobody() {
        let check = |account: &str, expected: bool| assert_eq!(is_of_machine(account), expected, "{account}");
        check("NT AUTHORITY\\SYSTEM", true);
        check("PC1$", true);
        check("LocalSystem", true);
        check("NT AUTHORITY\\LOCAL SERVICE", true);
        check("Window Manager\\DWM-3", true);
        check("DWM-team", false);
        check("EXAMPLE\\systems", false);
        check("ann@example.org", false);
    }
}
