//! Names of accounts and hosts in one form, so that what two logs write differently is found to be the same.

/// An account in one form: `DOMAIN\name` and `name@domain.example` of the same domain are the same, in any case.
pub fn account_key(written: &str) -> String {
    let lower = written.to_lowercase();
    let (domain, name) = match (lower.split_once('\\'), lower.rsplit_once('@')) {
        (Some((domain, name)), _) | (None, Some((name, domain))) => (domain, name),
        (None, None) => return lower,
    };
    let name = name.split('@').next().unwrap_or(name);
    format!("{}\\{name}", domain.split('.').next().unwrap_or(domain))
}

/// Whether two accounts in the form of [`account_key`] are the same; one without a domain is any domain's.
pub fn same_account(one: &str, other: &str) -> bool {
    one == other
        || match (one.split_once('\\'), other.split_once('\\')) {
            (None, Some((_, name))) => one == name,
            (Some((_, name)), None) => name == other,
            _ => false,
        }
}

/// A host's own name: lower case, without its domain, and without what no host's name has.
pub fn host_key(written: &str) -> String {
    let name = written.split('.').next().unwrap_or(written).to_lowercase();
    if name.contains(['@', ' ']) { name.replace(['@', ' '], "_") } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_have_one_form() {
        for (one, other, same) in [
            ("CLINIC\\a.nurse", "a.nurse@CLINIC.EXAMPLE.ORG", true),
            ("CLINIC\\a.nurse", "clinic.example.org\\A.Nurse", true),
            ("CLINIC\\a.nurse", "a.nurse", true),
            ("FS1\\Administrator", "CLINIC\\Administrator", false),
            ("CLINIC\\a.nurse", "CLINIC\\b.nurse", false),
        ] {
            assert_eq!(same_account(&account_key(one), &account_key(other)), same, "{one} and {other}");
        }
    }
}
