//! A normal day in the office: arrivals, mistyped passwords, shares and files, remote desktops, the nightly export and backup,
//! the hosts' own sign-ins and a monitor that never sleeps.

use super::{
    Account, BACKUP_ADDRESS, DC_ADDRESS, DESK_ADDRESS, FILES_ADDRESS, Host, How, MOMENT, MONITOR_ADDRESS, MORNING, Office, PERSONNEL, REMOTE, SHORTLY, machine,
    nothing, shapes, text,
};
use crate::clock::{DAY, HOUR, MINUTE, Millis, SECOND, weekday};
use crate::evtx::Value;

/// Files that people of Personnel open, on the share `HR$`.
const HR_FILES: [&str; 6] =
    ["exports\\staff.csv", "exports\\pensions.csv", "letters\\leave policy.docx", "letters\\template.dotx", "rosters\\week.xlsx", "forms\\sick leave.docx"];
/// Files that everybody opens, on the share `Ops$`.
const OPS_FILES: [&str; 6] =
    ["rosters\\week.xlsx", "rosters\\typhoon.xlsx", "vessels\\dry dock.docx", "notices\\pier.docx", "notices\\fuel.docx", "minutes\\safety.docx"];
/// Rights asked for: to read a file; to look at its attributes; to list a folder.
pub(super) const TO_READ: u32 = 0x12_0089;
pub(super) const TO_LOOK: u32 = 0x80;
pub(super) const TO_LIST: u32 = 0x10_0081;

impl Office {
    /// A day from midnight on.
    pub(super) fn day(&mut self, day: Millis) {
        self.machines(day);
        self.night(day);
        if weekday(day) >= 5 {
            return;
        }
        for at in 0..self.staff.len() {
            if self.dice.chance(92) {
                let who = self.staff[at].clone();
                let arrival = day + MORNING + self.dice.between(0, 90) * MINUTE + self.dice.between(0, 59_999);
                self.arrive(arrival, &who);
                if (PERSONNEL..REMOTE).contains(&at) {
                    self.remote_day(arrival + 4 * MINUTE, &who);
                } else {
                    self.desk_day(arrival + MINUTE, &who, at < PERSONNEL);
                }
            }
        }
    }

    /// Somebody signs in at the own desk; some mistype first.
    fn arrive(&mut self, at: Millis, who: &Account) {
        let address = who.address.clone();
        if self.dice.chance(15) {
            for n in 0..1 + self.dice.below(2) as i64 {
                self.mistype(at - (3 - n) * 9 * SECOND, who, &address);
            }
        }
        self.ticket(at, who, &address);
        self.service_ticket(at + MOMENT, who, &address, "DC01$");
        let logon = self.sign_in(Host::Dc, at + 2 * MOMENT, who, (&address, "-"), How::Kerberos);
        let stay = self.dice.between(12, 40) * SECOND;
        self.sign_out(Host::Dc, at + stay, who, logon, 3);
    }

    fn mistype(&mut self, at: Millis, who: &Account, address: &str) {
        let mut values = vec![text(&who.name), Value::Sid(who.number), text("krbtgt/OIFA"), Value::Hex32(0x4081_0010), Value::Hex32(0x18), text("2")];
        values.extend([text(format!("::ffff:{address}")), text(self.port()), text(""), text(""), text("")]);
        self.record(Host::Dc, at, &shapes::MISTYPED, values);
    }

    fn desk_day(&mut self, from: Millis, who: &Account, is_personnel: bool) {
        let mean = (50.0 * MINUTE as f64 / self.rate) as i64;
        let mut at = from + self.dice.pause(6 * MINUTE);
        let address = who.address.clone();
        while at < from + 9 * HOUR {
            let personnel = is_personnel && self.dice.chance(70);
            self.visit(at, who, &address, personnel, None);
            at += self.dice.pause(mean.max(SECOND));
        }
    }

    /// A visit to a share: some files, and after a while the server lets the session go.
    pub(super) fn visit(&mut self, at: Millis, who: &Account, address: &str, is_personnel: bool, file: Option<&str>) {
        let share = if is_personnel { "HR$" } else { "Ops$" };
        if self.dice.chance(60) {
            self.service_ticket(at - MOMENT, who, address, "FS01$");
        }
        let logon = self.sign_in(Host::Files, at, who, (address, "-"), How::Kerberos);
        self.share(at + MOMENT, who, logon, address, share);
        self.open_file(at + 2 * MOMENT, who, logon, address, (share, "\\"), TO_LIST);
        let mut now = at + SHORTLY;
        for _ in 0..1 + self.dice.below(4) {
            let name = file.unwrap_or_else(|| if is_personnel { self.dice.pick::<&str>(&HR_FILES) } else { self.dice.pick::<&str>(&OPS_FILES) });
            if let Some((folder, _)) = name.split_once('\\') {
                self.open_file(now - MOMENT, who, logon, address, (share, folder), TO_LIST);
            }
            self.open_file(now, who, logon, address, (share, name), TO_READ);
            now += self.dice.pause(50 * SECOND);
        }
        let idle = self.dice.between(10, 15) * MINUTE;
        self.sign_out(Host::Files, now + idle, who, logon, 3);
    }

    /// A day on the host for remote desktops, from the own desk.
    fn remote_day(&mut self, at: Millis, who: &Account) {
        let address = who.address.clone();
        let session = 3 + self.dice.below(30) as u32;
        self.service_ticket(at - MOMENT, who, &address, "TS01$");
        self.sign_in(Host::Desk, at, who, (&address, &machine(&address)), How::Kerberos);
        let logon = self.sign_in(Host::Desk, at + SHORTLY, who, (&address, "TS01"), How::Desktop);
        self.desktop(at + SHORTLY + MOMENT, &shapes::DESKTOP_BEGUN, who, session, &address);
        self.ticket(at + SHORTLY - MOMENT, who, DESK_ADDRESS);
        self.program(at + 2 * SHORTLY, who, logon, "C:\\Windows\\explorer.exe", "C:\\Windows\\Explorer.EXE", "C:\\Windows\\System32\\userinit.exe");
        let end = at + self.dice.between(6, 9) * HOUR;
        let mut now = at + MINUTE;
        while now < end - HOUR {
            self.visit(now, who, DESK_ADDRESS, false, None);
            let word = "C:\\Program Files\\Microsoft Office\\root\\Office16\\WINWORD.EXE";
            self.program(now + SHORTLY, who, logon, word, &format!("\"{word}\""), "C:\\Windows\\explorer.exe");
            now += self.dice.pause(70 * MINUTE);
        }
        if self.dice.chance(40) {
            self.desktop(end - 20 * MINUTE, &shapes::DESKTOP_LEFT, who, session, &address);
        }
        self.desktop(end, &shapes::DESKTOP_ENDED, who, session, &address);
        self.sign_out(Host::Desk, end + MOMENT, who, logon, 10);
    }

    /// The export at two, the backup of all shares at four.
    fn night(&mut self, day: Millis) {
        let export = Account::service("svc_export", 1_550, FILES_ADDRESS);
        let logon = self.next_logon(Host::Files);
        let mut at = day + 2 * HOUR + self.dice.between(0, 90) * SECOND;
        for name in ["staff.csv", "pensions.csv"] {
            self.use_file(at, &export, logon, &format!("D:\\Shares\\HR\\exports\\{name}"), 0x2);
            at += 8 * SECOND;
        }
        let backup = Account::service("svc_backup", 1_551, BACKUP_ADDRESS);
        let mut at = day + 4 * HOUR + self.dice.between(0, 90) * SECOND;
        let logon = self.sign_in(Host::Files, at, &backup, (BACKUP_ADDRESS, "-"), How::Kerberos);
        for (share, names) in [("HR$", HR_FILES), ("Ops$", OPS_FILES)] {
            self.share(at + MOMENT, &backup, logon, BACKUP_ADDRESS, share);
            for name in names {
                at += self.dice.pause(2 * SECOND);
                self.open_file(at, &backup, logon, BACKUP_ADDRESS, (share, name), TO_READ);
            }
        }
        self.sign_out(Host::Files, at + MINUTE, &backup, logon, 3);
    }

    /// The hosts' own accounts at the domain controller, and the monitor everywhere.
    fn machines(&mut self, day: Millis) {
        let monitor = Account::service("svc_monitor", 1_552, MONITOR_ADDRESS);
        let own = [("FS01$", 1_101, FILES_ADDRESS), ("TS01$", 1_102, DESK_ADDRESS), ("DC01$", 1_100, DC_ADDRESS)];
        let mut at = day + self.dice.between(1, 59) * SECOND;
        while at < day + DAY {
            for host in [Host::Dc, Host::Files, Host::Desk] {
                let logon = self.sign_in(host, at, &monitor, (MONITOR_ADDRESS, "-"), How::Kerberos);
                self.sign_out(host, at + SECOND, &monitor, logon, 3);
                at += self.dice.between(200, 900);
            }
            if self.dice.chance(12) {
                let (name, number, address) = *self.dice.pick(&own);
                let host = Account::service(name, number, address);
                let logon = self.sign_in(Host::Dc, at, &host, (address, "-"), How::Kerberos);
                self.sign_out(Host::Dc, at + 20 * SECOND, &host, logon, 3);
            }
            at += 4 * MINUTE + self.dice.between(0, 20) * SECOND;
        }
    }

    /// 4776 at the domain controller: a password was checked for a host that asked by NTLM.
    pub(super) fn check_password(&mut self, at: Millis, who: &Account, workstation: &str, is_right: bool) {
        let package = "MICROSOFT_AUTHENTICATION_PACKAGE_V1_0";
        let status = if is_right { 0 } else { 0xc000_006a };
        let shape = if is_right { &shapes::CHECKED_RIGHT } else { &shapes::CHECKED_WRONG };
        self.record(Host::Dc, at, shape, vec![text(package), text(&who.name), text(workstation), Value::Hex32(status)]);
    }

    /// 4625 at a host.
    pub(super) fn refuse(&mut self, host: Host, at: Millis, who: &Account, (address, workstation): (&str, &str)) {
        let mut values = vec![Value::Sid(0), nothing(), nothing(), Value::Hex64(0), Value::Sid(0), text(&who.name), text(super::DOMAIN)];
        values.extend([Value::Hex32(0xc000_006d), text("%%2313"), Value::Hex32(0xc000_006a), Value::U32(3), text("NtLmSsp "), text("NTLM")]);
        values.extend([text(workstation), nothing(), nothing(), Value::U32(0), Value::Hex64(0), nothing(), text(address), text("0")]);
        self.record(host, at, &shapes::REFUSED, values);
    }
}
