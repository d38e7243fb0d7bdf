//! Directories: an account locked at OpenLDAP by its password policy, or disabled at Active Directory.
//!
//! A lock that no policy honours is taken with *success* and changes nothing; a disabled account keeps the tickets that it holds.
//! Both are told, and the first is refused.

use std::io;

use ldap3::{LdapConn, LdapConnSettings, Mod, Scope, SearchEntry};
use strandline_model::containment::Effect;
use strandline_model::estate::TargetKind;

use super::error::ContainError;
use super::state::{Held, TargetState};
use super::tls::{Protection, client_config, is_this_machine, protection};
use super::{Capture, Captured, Connector, Manner, Reach, Verdict};
use crate::smtp::Secret;

const LOCKED: &str = "pwdAccountLockedTime";
const CONTROL: &str = "userAccountControl";

/// Locked for good, by the draft of password policies (draft-behera-ldap-password-policy, 5.3.3).
const FOR_GOOD: &str = "000001010000Z";

/// The bit of `userAccountControl` that disables.
const DISABLED: i64 = 2;

/// Domain Admins and Enterprise Admins, below the domain's own number.
const DOMAIN_ADMINS: [u32; 2] = [512, 519];

/// Administrators of every domain: S-1-5-32-544.
const BUILTIN_ADMINS: [u8; 16] = [1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0, 32, 2, 0, 0];

/// A service ticket lives so long by default.
const TICKET_HOURS: i64 = 10;

/// A directory.
pub(crate) struct Ldap {
    reach: Reach,
    manner: Manner,
    connection: LdapConn,
}

impl Ldap {
    /// Binds.
    ///
    /// # Errors
    /// If the directory does not answer, or does not let us in.
    pub(crate) fn connect(reach: &Reach, manner: &Manner) -> Result<Self, ContainError> {
        let mut connection = dial(reach, manner)?;
        let account = reach.target.account.clone().unwrap_or_default();
        let secret = reach.secret.as_ref().map_or("", Secret::expose_secret);
        if secret.is_empty() {
            // A bind without a password is anonymous, and succeeds.
            return Err(ContainError::NotLetIn { target: reach.target.name.clone(), account, why: "it has no password: give `password_file`".to_owned() });
        }
        let bound = connection.simple_bind(&account, secret).map_err(|error| unreachable(reach, &error))?;
        if bound.rc != 0 {
            return Err(ContainError::NotLetIn { target: reach.target.name.clone(), account, why: format!("result {}", bound.rc) });
        }
        Ok(Self { reach: reach.clone(), manner: manner.clone(), connection })
    }

    fn is_active_directory(&self) -> bool {
        self.reach.target.kind == TargetKind::ActiveDirectory
    }

    fn account<'e>(&self, effect: &'e Effect) -> Result<&'e str, ContainError> {
        match (effect, self.is_active_directory()) {
            (Effect::LdapLock { account }, false) | (Effect::AdDisable { account }, true) => Ok(account),
            _ => Err(ContainError::NoConnector { target: self.reach.target.name.clone(), kind: self.reach.target.kind.as_str() }),
        }
    }

    fn search(&mut self, base: &str, scope: Scope, filter: &str, attributes: &[&str]) -> Result<Vec<SearchEntry>, ContainError> {
        let timeout = self.manner.patience;
        let found = self.connection.with_timeout(timeout).search(base, scope, filter, attributes.to_vec()).map_err(|error| unreachable(&self.reach, &error))?;
        match found.1.rc {
            0 => Ok(found.0.into_iter().map(SearchEntry::construct).collect()),
            // Nothing of that name, or nothing that we may see.
            32 => Ok(Vec::new()),
            50 => Err(self.no_right("read the directory")),
            code => {
                Err(ContainError::Refused { target: self.reach.target.name.clone(), doing: "read the directory".to_owned(), why: format!("result {code}") })
            }
        }
    }

    fn no_right(&self, doing: &str) -> ContainError {
        ContainError::NoRight {
            target: self.reach.target.name.clone(),
            account: self.reach.target.account.clone().unwrap_or_default(),
            doing: doing.to_owned(),
            way_out: "docs/containment/ldap.md has the rights that it needs".to_owned(),
        }
    }

    /// The one entry of an account, with what is operational about it.
    fn entry(&mut self, account: &str) -> Result<SearchEntry, ContainError> {
        let default = if self.is_active_directory() { "sAMAccountName" } else { "uid" };
        let attribute = self.reach.target.name_attribute.clone().unwrap_or_else(|| default.to_owned());
        let base = self.reach.target.base.clone().unwrap_or_default();
        let filter = format!("({attribute}={})", ldap3::ldap_escape(account));
        let mut found = self.search(&base, Scope::Subtree, &filter, &["*", "+"])?;
        let target = self.reach.target.name.clone();
        match (found.len(), found.pop()) {
            (1, Some(entry)) => Ok(entry),
            (0, _) | (_, None) => Err(ContainError::Absent { target, what: format!("account {account} below {base}") }),
            (count, _) => {
                Err(ContainError::NoEffect { target, why: format!("{count} entries have the name {account}: narrow `base`, or take another `name_attribute`") })
            }
        }
    }

    /// The groups that administer the domain, by their numbers: their names are another in each language, and can be changed.
    fn admin_groups(&mut self) -> Result<(String, Vec<String>), ContainError> {
        let root = self.search("", Scope::Base, "(objectClass=*)", &["defaultNamingContext"])?;
        let base = root.first().and_then(|root| values(root, "defaultNamingContext").into_iter().next()).unwrap_or_default();
        let domain = self.search(&base, Scope::Base, "(objectClass=*)", &["objectSid"])?;
        let sid = domain.first().and_then(|entry| binary(entry, "objectSid"));
        let mut groups = Vec::new();
        for sid in sid.iter().flat_map(|sid| DOMAIN_ADMINS.map(|number| below(sid, number))).chain([BUILTIN_ADMINS.to_vec()]) {
            let filter = format!("(objectSid={})", sid.iter().map(|byte| format!("\\{byte:02x}")).collect::<String>());
            groups.extend(self.search(&base, Scope::Subtree, &filter, &["cn"])?.into_iter().map(|group| group.dn));
        }
        if groups.is_empty() || sid.is_none() {
            return Err(self.no_right("see which groups administer the domain"));
        }
        Ok((base, groups))
    }

    /// Everybody who administers the domain and could do so now, by any of its groups, however deep.
    fn admins(&mut self) -> Result<Vec<String>, ContainError> {
        let (base, groups) = self.admin_groups()?;
        let of_group: String = groups.iter().map(|group| format!("(memberOf:1.2.840.113556.1.4.1941:={})", ldap3::ldap_escape(group))).collect();
        let primary: String = DOMAIN_ADMINS.iter().map(|number| format!("(primaryGroupID={number})")).collect();
        let filter = format!("(&(objectClass=user)(!(objectClass=computer))(|{of_group}{primary})(!(userAccountControl:1.2.840.113556.1.4.803:={DISABLED})))");
        let found = self.search(&base, Scope::Subtree, &filter, &["accountExpires"])?;
        let now = jiff::Timestamp::now();
        let can = found.into_iter().filter(|entry| !values(entry, "accountExpires").first().is_some_and(|stamp| has_expired(stamp, now)));
        Ok(can.map(|entry| entry.dn).collect())
    }

    /// The policy with lockout that applies to an entry, and for how many seconds it locks where it does so for a time; who could not
    /// be asked is told.
    fn policy(&mut self, entry: &SearchEntry) -> Result<Option<i64>, String> {
        let own = values(entry, "pwdPolicySubentry").first().cloned();
        let named = own.or_else(|| self.configured_policy()).or_else(|| self.reach.target.policy.clone());
        let Some(named) = named else {
            return Err("whether a password policy applies cannot be read: name the default one in the estate (`policy`); without one the lock is taken and changes nothing".to_owned());
        };
        let found = self.search(&named, Scope::Base, "(objectClass=*)", &["pwdLockout", "pwdLockoutDuration"]).unwrap_or_default();
        match found.first().and_then(|policy| values(policy, "pwdLockout").first().cloned()).as_deref() {
            Some("TRUE") => {
                let seconds = found.first().and_then(|policy| values(policy, "pwdLockoutDuration").first()?.parse().ok());
                Ok(seconds.filter(|seconds| *seconds > 0))
            }
            Some(_) => Err("the policy that applies has no lockout (pwdLockout): the lock is taken and changes nothing".to_owned()),
            None => Err("the policy that is to apply is not there, or says nothing of lockout: the lock is taken and changes nothing".to_owned()),
        }
    }

    fn configured_policy(&mut self) -> Option<String> {
        let found = self.search("cn=config", Scope::Subtree, "(olcPPolicyDefault=*)", &["olcPPolicyDefault"]).ok()?;
        let mut defaults: Vec<String> = found.iter().flat_map(|overlay| values(overlay, "olcPPolicyDefault")).collect();
        defaults.dedup();
        if defaults.len() == 1 { defaults.pop() } else { None }
    }

    fn bring(&mut self, effect: &Effect, aim: &TargetState) -> Result<(), ContainError> {
        let account = self.account(effect)?.to_owned();
        let entry = self.entry(&account)?;
        let attribute = if self.is_active_directory() { CONTROL } else { LOCKED };
        let wanted = aim.held(attribute).expose().map(str::to_owned);
        if values(&entry, attribute).first() == wanted.as_ref() {
            return Ok(());
        }
        let set = wanted.into_iter().collect();
        let changed = self.connection.with_timeout(self.manner.patience).modify(&entry.dn, vec![Mod::Replace(attribute.to_owned(), set)]);
        match changed.map_err(|error| unreachable(&self.reach, &error))?.rc {
            0 => Ok(()),
            50 => Err(self.no_right("change the account")),
            code => {
                Err(ContainError::Refused { target: self.reach.target.name.clone(), doing: "change the account".to_owned(), why: format!("result {code}") })
            }
        }
    }

    /// Who is bound already reads on: the directory tells of its connections, where it lets us read that. Our own is one of them.
    fn try_connections(&mut self, account: &str, dn: &str, verdict: &mut Verdict) -> Result<(), ContainError> {
        const BOUND: &str = "monitorConnectionAuthzDN";
        let found = match self.search("cn=Connections,cn=Monitor", Scope::Subtree, &format!("({BOUND}=*)"), &[BOUND]) {
            Ok(found) => found,
            Err(error @ ContainError::Unreachable { .. }) => return Err(error),
            Err(_) => Vec::new(),
        };
        let bound: Vec<String> = found.iter().flat_map(|connection| values(connection, BOUND)).filter(|dn| !dn.is_empty()).collect();
        if bound.is_empty() {
            verdict.untested.push(format!(
                "whether {account} is bound already, and so reads on, cannot be read: let our account read cn=Connections,cn=Monitor (`database monitor`)"
            ));
            return Ok(());
        }
        let open = bound.iter().filter(|other| same_dn(other, dn)).count();
        verdict.note(
            open == 0,
            format!("no connection is bound as {account}"),
            format!("{open} connections are bound as {account} and read on: cut their addresses, or restart the directory"),
        );
        Ok(())
    }

    /// The intruder's own way, where somebody gave the account's secret for it.
    fn try_key(&mut self, account: &str, dn: &str, verdict: &mut Verdict) {
        let Some(key) = self.manner.key(&self.reach.target.name, account) else {
            verdict.untested.push(format!("the password of {account} was not given, and with a wrong one the directory answers as it always did"));
            return;
        };
        match dial(&self.reach, &self.manner).and_then(|mut other| other.simple_bind(dn, key.expose_secret()).map_err(|error| unreachable(&self.reach, &error)))
        {
            Ok(said) if said.rc == 0 => verdict.doors.push(format!("{account} binds with the password that was given")),
            // 533: disabled, said only to the right password; 52e: a wrong one.
            Ok(said) if said.text.contains("data 533") => verdict.held.push(format!("{account} was tried with its password and is disabled (data 533)")),
            Ok(said) if said.text.contains("data 52e") => verdict.untested.push(format!("the password that was given for {account} is not its password")),
            Ok(said) if said.rc == 49 => verdict.held.push(format!("{account} was tried with the password that was given and refused (49)")),
            Ok(said) => verdict.untested.push(format!("the trial ended for another reason (result {})", said.rc)),
            Err(error) => verdict.untested.push(format!("the trial did not reach the directory: {error}")),
        }
    }
}

fn dial(reach: &Reach, manner: &Manner) -> Result<LdapConn, ContainError> {
    let address = reach.target.address.as_deref().unwrap_or_default();
    let protection = protection(reach);
    let scheme = if protection == Protection::Tls { "ldaps" } else { "ldap" };
    let url = if address.contains("://") { address.to_owned() } else { format!("{scheme}://{address}") };
    let is_clear = url.starts_with("ldap://") && protection != Protection::StartTls;
    if is_clear && !is_this_machine(&url) && protection != Protection::Plain {
        let why = "its address is ldap:// and its security is TLS: write ldaps://, or security = \"starttls\"".to_owned();
        return Err(ContainError::Unusable { target: reach.target.name.clone(), why });
    }
    let settings = LdapConnSettings::new().set_conn_timeout(manner.patience).set_starttls(protection == Protection::StartTls && !url.starts_with("ldaps://"));
    let settings = settings.set_config(client_config(reach)?);
    let mut connection = LdapConn::with_settings(settings, &url).map_err(|error| unreachable(reach, &error))?;
    connection.with_timeout(manner.patience);
    Ok(connection)
}

fn unreachable(reach: &Reach, error: &ldap3::LdapError) -> ContainError {
    // What the library quotes of a server is left out.
    let why = match error {
        ldap3::LdapError::Io { source } => source.to_string(),
        ldap3::LdapError::Timeout { .. } => "it answers too late".to_owned(),
        _ => "it does not answer as a directory does, or its certificate does not fit".to_owned(),
    };
    ContainError::Unreachable { target: reach.target.name.clone(), source: io::Error::other(why) }
}

/// Whether two names are the same entry's, whatever their case and the spaces between their parts.
fn same_dn(one: &str, other: &str) -> bool {
    let plain = |dn: &str| dn.split(',').map(|part| part.split('=').map(str::trim).collect::<Vec<_>>().join("=")).collect::<Vec<_>>().join(",").to_lowercase();
    plain(one) == plain(other)
}

/// The first value of an attribute as bytes, whether it is a text or not.
fn binary(entry: &SearchEntry, attribute: &str) -> Option<Vec<u8>> {
    let of_bytes = entry.bin_attrs.iter().find(|(name, _)| name.eq_ignore_ascii_case(attribute)).and_then(|(_, values)| values.first().cloned());
    of_bytes.or_else(|| values(entry, attribute).first().map(|text| text.clone().into_bytes()))
}

/// Values of an attribute, whatever its case.
fn values(entry: &SearchEntry, attribute: &str) -> Vec<String> {
    entry.attrs.iter().find(|(name, _)| name.eq_ignore_ascii_case(attribute)).map(|(_, values)| values.clone()).unwrap_or_default()
}

impl Connector for Ldap {
    fn refuse_protected(&mut self, effect: &Effect) -> Result<(), ContainError> {
        let account = self.account(effect)?.to_owned();
        let target = self.reach.target.name.clone();
        self.manner.never.account(&target, &account)?;
        let entry = self.entry(&account)?;
        let own = self.reach.target.account.clone().unwrap_or_default();
        let never = |why: &str| Err(ContainError::NeverTouched { target: target.clone(), what: account.clone(), why: why.to_owned() });
        let bare = own.rsplit(['\\', '/']).next().and_then(|name| name.split('@').next()).unwrap_or_default();
        if entry.dn.eq_ignore_ascii_case(&own) || bare.eq_ignore_ascii_case(&account) {
            return never("it is the account that we use ourselves");
        }
        // The estate may name somebody as the directory does, or by another of its names.
        self.manner.never.account(&target, &entry.dn)?;
        for name in ["uid", "sAMAccountName", "userPrincipalName", "mail"].iter().flat_map(|attribute| values(&entry, attribute)) {
            self.manner.never.account(&target, &name)?;
        }
        if self.is_active_directory() {
            let admins = self.admins()?;
            if !admins.is_empty() && admins.iter().all(|dn| same_dn(dn, &entry.dn)) {
                return never("it is the last administrator of the domain");
            }
        }
        Ok(())
    }

    fn read(&mut self, effect: &Effect) -> Result<TargetState, ContainError> {
        let account = self.account(effect)?.to_owned();
        let entry = self.entry(&account)?;
        let attribute = if self.is_active_directory() { CONTROL } else { LOCKED };
        Ok(TargetState::default().with(attribute, Held::optional(values(&entry, attribute).into_iter().next())))
    }

    fn meant(&mut self, effect: &Effect, before: &TargetState, _random: &mut dyn FnMut() -> [u8; 32]) -> Result<TargetState, ContainError> {
        let account = self.account(effect)?.to_owned();
        let entry = self.entry(&account)?;
        let target = self.reach.target.name.clone();
        if self.is_active_directory() {
            let control: i64 = before
                .held(CONTROL)
                .expose()
                .and_then(|text| text.parse().ok())
                .ok_or_else(|| ContainError::Strange { target, why: "the account has no userAccountControl".to_owned() })?;
            return Ok(TargetState::default().with(CONTROL, Held::text((control | DISABLED).to_string())));
        }
        let ends_after = self.policy(&entry).map_err(|why| ContainError::NoEffect { target, why })?;
        let stamp = ends_after.zip(self.manner.lease).and_then(|(seconds, lease)| stamp_for(jiff::Timestamp::now(), seconds, lease));
        Ok(TargetState::default().with(LOCKED, Held::text(stamp.unwrap_or_else(|| FOR_GOOD.to_owned()))))
    }

    fn capture(&mut self, effect: &Effect) -> Result<Capture, ContainError> {
        let account = self.account(effect)?.to_owned();
        let entry = self.entry(&account)?;
        let text = serde_json::json!({ "dn": entry.dn, "attributes": entry.attrs, "binary": entry.bin_attrs.keys().collect::<Vec<_>>() });
        let pieces = vec![Captured { name: "entry.json".to_owned(), bytes: text.to_string().into_bytes() }];
        Ok(Capture { pieces, lost: vec!["who was bound before is in the directory's own log alone".to_owned()] })
    }

    fn apply(&mut self, effect: &Effect, meant: &TargetState) -> Result<(), ContainError> {
        self.bring(effect, meant)
    }

    fn verify(&mut self, effect: &Effect, _before: &TargetState, meant: &TargetState) -> Result<Verdict, ContainError> {
        let account = self.account(effect)?.to_owned();
        let entry = self.entry(&account)?;
        let mut verdict = Verdict::default();
        let attribute = if self.is_active_directory() { CONTROL } else { LOCKED };
        let fits = values(&entry, attribute).first().map(String::as_str) == meant.held(attribute).expose();
        verdict.note(fits, format!("{attribute} is as meant"), format!("{attribute} is not as meant"));
        if self.is_active_directory() {
            let changed = values(&entry, "whenChanged").first().and_then(|text| instant_of(text));
            of_before(&account, changed, jiff::Timestamp::now(), &mut verdict);
        } else {
            match self.policy(&entry) {
                Err(why) => verdict.doors.push(why),
                Ok(ends_after) => verdict.doors.extend(has_ended(meant.held(LOCKED).expose().unwrap_or_default(), ends_after)),
            }
        }
        self.try_key(&account, &entry.dn.clone(), &mut verdict);
        if !self.is_active_directory() {
            self.try_connections(&account, &entry.dn, &mut verdict)?;
        }
        verdict.remarks.push("services that read accounts without binding do not see it".to_owned());
        Ok(verdict)
    }

    fn undo(&mut self, effect: &Effect, before: &TargetState) -> Result<(), ContainError> {
        self.bring(effect, before)
    }
}

/// What an account has from before it was disabled: tickets end by themselves, and connections do not.
fn of_before(account: &str, changed: Option<jiff::Timestamp>, now: jiff::Timestamp, verdict: &mut Verdict) {
    match changed.filter(|changed| now.duration_since(*changed).as_hours() >= TICKET_HOURS) {
        Some(_) => verdict.held.push(format!("tickets from before have ended: the account was changed more than {TICKET_HOURS} hours ago")),
        None => verdict.untested.push(format!(
            "service tickets that {account} holds open new sessions until they end, {TICKET_HOURS} hours by default: end its sessions at the services"
        )),
    }
    verdict.untested.push(format!(
        "whether {account} has a connection open (LDAP, file shares, remote desktops), and so goes on, cannot be seen from here: end its sessions at the services"
    ));
}

/// A number below a domain's own: a SID is a revision, a count of numbers, an authority of six bytes, and the numbers.
fn below(domain: &[u8], number: u32) -> Vec<u8> {
    let mut sid = domain.to_vec();
    if let Some(count) = sid.get_mut(1) {
        *count = count.saturating_add(1);
    }
    sid.extend(number.to_le_bytes());
    sid
}

/// Whether an account's time is over; in tenths of microseconds since 1601, where 0 and the largest number are never.
fn has_expired(stamp: &str, now: jiff::Timestamp) -> bool {
    const EPOCH_SECONDS: i64 = 11_644_473_600;
    let Ok(stamp) = stamp.parse::<i64>() else { return false };
    stamp != 0 && stamp != i64::MAX && stamp / 10_000_000 - EPOCH_SECONDS <= now.as_second()
}

/// A time of locking from which the policy's own duration comes to the end of the lease; none where it locks for less than that: a
/// time that is yet to come locks nobody.
fn stamp_for(now: jiff::Timestamp, seconds: i64, lease: std::time::Duration) -> Option<String> {
    let since = seconds.checked_sub(i64::try_from(lease.as_secs()).ok()?).filter(|since| *since >= 0)?;
    let at = now.checked_sub(jiff::SignedDuration::from_secs(since)).ok()?;
    Some(at.strftime("%Y%m%d%H%M%SZ").to_string())
}

/// Says so where a lock that ends by itself has ended.
fn has_ended(stamp: &str, ends_after: Option<i64>) -> Option<String> {
    let ends = instant_of(stamp)?.checked_add(jiff::SignedDuration::from_secs(ends_after?)).ok()?;
    (jiff::Timestamp::now() >= ends).then(|| format!("the lock has ended by itself at {ends}: its lease is over"))
}

/// `20261129153000.0Z`
fn instant_of(text: &str) -> Option<jiff::Timestamp> {
    let digits = text.get(..14).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))?;
    let [year, month, day, hour, minute, second] = [(0, 4), (4, 6), (6, 8), (8, 10), (10, 12), (12, 14)].map(|(from, to)| &digits[from..to]);
    format!("{year}-{month}-{day}T{hour}:{minute}:{second}Z").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_after_it_was_disabled_connections_are_untested_still() {
        let now: jiff::Timestamp = "2026-11-29T15:30:00Z".parse().expect("a time");
        for (hours, untested) in [(11, 1), (9, 2)] {
            let mut verdict = Verdict::default();
            of_before("ann", now.checked_sub(jiff::SignedDuration::from_hours(hours)).ok(), now, &mut verdict);
            assert_eq!((verdict.untested.len(), verdict.answer()), (untested, crate::contain::Answer::NotTestable), "{verdict:?}");
            assert!(verdict.untested.iter().any(|text| text.contains("cannot be seen from here")));
        }
    }

    #[test]
    fn a_number_below_a_domain_and_an_accounts_end_are_read() {
        let domain = [1, 4, 0, 0, 0, 0, 0, 5, 21, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0];
        let group = below(&domain, 512);
        assert!(group[1] == 5 && group.ends_with(&[3, 0, 0, 0, 0, 2, 0, 0]) && group.len() == domain.len() + 4);
        let now: jiff::Timestamp = "2026-11-29T15:30:00Z".parse().expect("a time");
        for (stamp, expected) in [("0", false), ("9223372036854775807", false), ("x", false), ("116444736000000000", true), ("138000000000000000", false)] {
            assert_eq!(has_expired(stamp, now), expected, "{stamp}");
        }
    }

    #[test]
    fn a_stamp_of_a_directory_is_read() {
        assert_eq!(instant_of("20261129153000.0Z").map(|at| at.to_string()).as_deref(), Some("2026-11-29T15:30:00Z"));
        let now: jiff::Timestamp = "2026-11-29T15:30:00Z".parse().expect("a time");
        let lease = std::time::Duration::from_secs(60);
        assert_eq!(stamp_for(now, 90, lease).as_deref(), Some("20261129152930Z"));
        assert_eq!(stamp_for(now, 30, lease), None);
        assert!(has_ended(FOR_GOOD, Some(5)).is_none() && has_ended("20200101000000Z", Some(5)).is_some() && has_ended("20200101000000Z", None).is_none());
        assert!(same_dn("uid=Ann, dc=x", "UID=ann,dc=x") && !same_dn("uid=ann,dc=x", "uid=anna,dc=x"));
        assert!(instant_of("2026").is_none() && instant_of("20269929153000.0Z").is_none() && instant_of("é0261129153000.0Z").is_none());
    }
}
