//! A certificate of one's own, made at the first start at which other machines are served and none is given. Nobody vouches for it: whoever
//! comes compares its fingerprint with the one that the start printed.

use std::fs;
use std::io::{self, Write};
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use jiff::civil::Date;
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, date_time_ymd};
use serde::{Deserialize, Serialize};
use strandline_model::time::Instant;

use crate::serve::{Seal, ServeError};

/// Where it lies in the case: beside what is exported, never in it.
const FOLDER: &str = "console";
const CERTIFICATE: &str = "certificate.pem";
const KEY: &str = "key.pem";
/// What it is for; written last, so that half a certificate counts as none.
const MADE: &str = "made.json";
/// Browsers take no certificate that holds for much longer than a year.
const GOOD_FOR_DAYS: i32 = 390;
/// One that ends so soon is made anew at a start.
const LEFT_DAYS: i32 = 30;

/// What a certificate was made for.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Made {
    host: String,
    until: Date,
}

/// What browsers call a console that nobody gave a name: the address that it listens at.
///
/// # Errors
/// If it listens at every address of this machine.
pub fn host_of(listen: SocketAddr, host: Option<&str>) -> Result<String, ServeError> {
    match (host, listen.ip()) {
        (Some(host), _) => Ok(host.to_owned()),
        (None, ip) if ip.is_unspecified() => Err(ServeError::NoHost(listen)),
        (None, IpAddr::V4(ip)) => Ok(ip.to_string()),
        (None, IpAddr::V6(ip)) => Ok(format!("[{ip}]")),
    }
}

/// The certificate of a case for this host; made where there is none, or its time is nearly over.
///
/// # Errors
/// If it cannot be made, or the case cannot be written.
pub fn own_seal(case: &Path, host: &str, now: Instant) -> Result<Seal, ServeError> {
    let folder = case.join(FOLDER);
    let seal = Seal { certificate: folder.join(CERTIFICATE), key: folder.join(KEY), host: host.to_owned() };
    let today = jiff::Timestamp::from_microsecond(now.micros()).map(|at| jiff::tz::TimeZone::UTC.to_datetime(at).date()).unwrap_or(Date::ZERO);
    let day = |days: i32| today.saturating_add(jiff::Span::new().days(days));
    let is_good = |made: &Made| made.host == host && made.until >= day(LEFT_DAYS) && is_private(&seal.key);
    if seal.certificate.is_file() && read_made(&folder).as_ref().is_some_and(is_good) {
        return Ok(seal);
    }
    let made = Made { host: host.to_owned(), until: day(GOOD_FOR_DAYS) };
    let name = host.trim_start_matches('[').trim_end_matches(']');
    let mut params = CertificateParams::new(vec![name.to_owned()]).map_err(ServeError::Making)?;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "strandline console");
    // A clock of a browser can be behind by some hours.
    let (from, until) = (day(-1), made.until);
    let of = |date: Date| date_time_ymd(date.year().into(), date.month().unsigned_abs(), date.day().unsigned_abs());
    (params.not_before, params.not_after) = (of(from), of(until));
    let key = KeyPair::generate().map_err(ServeError::Making)?;
    let certificate = params.self_signed(&key).map_err(ServeError::Making)?;
    let failed = |source| ServeError::Write { path: folder.clone(), source };
    fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder).map_err(failed)?;
    let _ = fs::remove_file(folder.join(MADE));
    write_private(&seal.key, key.serialize_pem().as_bytes()).map_err(failed)?;
    write_private(&seal.certificate, certificate.pem().as_bytes()).map_err(failed)?;
    write_private(&folder.join(MADE), serde_json::to_string(&made).unwrap_or_default().as_bytes()).map_err(failed)?;
    Ok(seal)
}

fn read_made(folder: &Path) -> Option<Made> {
    serde_json::from_slice(&fs::read(folder.join(MADE)).ok()?).ok()
}

/// Whether nobody but its owner reads a file: a key that others could have read is made anew.
fn is_private(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    fs::symlink_metadata(path).is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o077 == 0)
}

/// Writes a file that its owner alone reads: under another name first, so that nobody opens it before it is theirs to open.
fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let unfinished: PathBuf = path.with_extension("unfinished");
    let _ = fs::remove_file(&unfinished);
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&unfinished)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&unfinished, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_kept_while_it_is_good_and_its_key_is_its_owners() {
        let case = tempfile::tempdir().unwrap();
        let at = |day: i64| Instant(1_795_000_000_000_000 + day * 86_400_000_000);
        let made = |host: &str, day: i64| {
            let seal = own_seal(case.path(), host, at(day)).unwrap();
            assert!(is_private(&seal.key), "others can read the key");
            fs::read_to_string(&seal.certificate).unwrap()
        };
        let first = made("console.example", 0);
        assert_eq!(made("console.example", 300), first, "it is made at every start");
        let later = made("console.example", 370);
        assert_ne!(later, first, "it ends while it is used");
        assert_ne!(made("10.1.2.3", 370), later, "it is another host's");
        fs::set_permissions(case.path().join("console/key.pem"), std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
        let before = fs::read(case.path().join("console/key.pem")).unwrap();
        made("10.1.2.3", 370);
        assert_ne!(fs::read(case.path().join("console/key.pem")).unwrap(), before, "a key that others could read is used");
    }

    #[test]
    fn who_listens_everywhere_says_what_browsers_call_it() {
        let host = |at: &str, host: Option<&str>| host_of(at.parse().unwrap(), host).ok();
        assert_eq!(host("10.1.2.3:443", None).as_deref(), Some("10.1.2.3"));
        assert_eq!(host("[2001:db8::1]:443", None).as_deref(), Some("[2001:db8::1]"));
        assert_eq!(host("0.0.0.0:443", None), None);
        assert_eq!(host("0.0.0.0:443", Some("console.example")).as_deref(), Some("console.example"));
    }
}
