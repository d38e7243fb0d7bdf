//! The intruder in the office: guesses a password of Personnel, opens a remote desktop, and from there reads one export.

use super::work::{TO_LIST, TO_LOOK, TO_READ};
use super::{Account, DESK_ADDRESS, Host, How, MOMENT, Office, PERSONNEL, REMOTE, SHORTLY, STAFF, gap, is_exported, machine, shapes, subject};
use crate::Plan;
use crate::clock::{DAY, HOUR, MINUTE, Millis, SECOND, weekday};
use crate::dice::Dice;
use crate::store::{BIRTH_DATE, FULL_NAME, GRADE, MAIL, MOBILE, PIER};

/// What is lost of the file server's log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Loss {
    /// Somebody cleared it: what it held since it was last archived is gone.
    Cleared(Millis),
    /// The archive of the day is not there.
    ArchiveGone,
}

/// What the intruder will do, and when.
#[derive(Clone, Debug)]
pub(super) struct Theft {
    /// Midnight of the day.
    pub(super) day: Millis,
    pub(super) loss: Option<Loss>,
    at: Millis,
    /// Of whose machine: nobody's of the office, or a colleague's.
    colleague: Option<usize>,
    address: String,
    victim: usize,
    /// Whether many accounts are tried with one password, or one with many.
    sprays: bool,
    /// Whether the file server also logs that files were read.
    audits_objects: bool,
    dice: Dice,
}

const GUESSING: (&str, &str, &str) = ("credential_access", "T1110", "desktop");
const DESKTOP: (&str, &str, &str) = ("lateral_movement", "T1021.001", "desktop");
const PROGRAMS: (&str, &str, &str) = ("execution", "T1059", "desktop");
const SHARE: (&str, &str, &str) = ("lateral_movement", "T1021.002", "files");
const CLEARING: (&str, &str, &str) = ("defense_evasion", "T1070.001", "files");
const READING: (&str, &str, &str) = ("collection", "T1039", "files");

impl Theft {
    pub(super) fn of(plan: &Plan, window: (Millis, Millis)) -> Self {
        let mut dice = Dice::stream(plan.seed, "intruder");
        let mut day = window.0 + i64::from(plan.days - 2) * DAY;
        while weekday(day) >= 5 {
            day -= DAY;
        }
        let at = day + 13 * HOUR + dice.between(0, 100) * MINUTE;
        let colleague = (plan.seed % 3 == 1).then(|| REMOTE + dice.below(STAFF - REMOTE));
        let outside = format!("203.0.113.{}", dice.between(3, 250));
        let address = colleague.map_or(outside, |at| format!("10.61.9.{}", 20 + at));
        let loss = plan.gap.then(|| if plan.seed.is_multiple_of(2) { Loss::Cleared(at + HOUR) } else { Loss::ArchiveGone });
        Self { day, loss, at, colleague, address, victim: dice.below(PERSONNEL), sprays: plan.seed % 3 == 2, audits_objects: plan.seed % 4 < 2, dice }
    }

    /// The hole in the file server's log, where there is one.
    fn hole(&self) -> Option<(Millis, Millis)> {
        match self.loss? {
            Loss::Cleared(at) => Some((self.day, at)),
            Loss::ArchiveGone => Some((self.day, self.day + DAY)),
        }
    }

    pub(super) fn play(&self, office: &mut Office) {
        let mut dice = self.dice.clone();
        let victim = office.staff[self.victim].clone();
        let workstation = self.colleague.map_or_else(|| "DESKTOP-7QK2R1".to_owned(), |_| machine(&self.address));
        office.truth.intrusion.gaps.extend(self.hole().map(gap));
        office.truth.intrusion.addresses = vec![self.address.clone(), DESK_ADDRESS.to_owned()];
        office.truth.intrusion.accounts = vec![victim.written()];
        let at = self.guess(office, &mut dice, &victim, &workstation);
        let (at, logon, session) = self.open_desktop(office, at, &victim, &workstation);
        let at = self.look_around(office, &mut dice, at, &victim, logon);
        let (at, files_logon) = self.read_export(office, &mut dice, at, &victim);
        // The owner is at work meanwhile, and opens what the intruder leaves alone.
        office.visit(at - 2 * MINUTE, &victim, &victim.address, true, Some("exports\\pensions.csv"));
        if let Some(Loss::Cleared(cleared)) = self.loss {
            let values = subject(&victim, files_logon);
            office.record(Host::Files, cleared, &shapes::CLEARED, values);
            office.truth.step(cleared, CLEARING, DESK_ADDRESS, Some(&victim.written()), "clears the file server's log");
        }
        let end = self.at + HOUR + 10 * MINUTE;
        office.desktop(end, &shapes::DESKTOP_ENDED, &victim, session, &self.address);
        office.sign_out(Host::Desk, end + MOMENT, &victim, logon, 10);
    }

    fn guess(&self, office: &mut Office, dice: &mut Dice, victim: &Account, workstation: &str) -> Millis {
        let mut at = self.at;
        for n in 0..14 + dice.below(16) {
            let other = office.staff[(self.victim + 1 + n) % STAFF].clone();
            let tried = if self.sprays { &other } else { victim };
            office.check_password(at, tried, workstation, false);
            office.refuse(Host::Desk, at + MOMENT, tried, (&self.address, workstation));
            office.truth.step(at + MOMENT, GUESSING, &self.address, None, "guesses passwords at the host for remote desktops");
            at += dice.pause(5 * SECOND);
        }
        at
    }

    /// When it was open, its logon id, and its number on the host.
    fn open_desktop(&self, office: &mut Office, at: Millis, victim: &Account, workstation: &str) -> (Millis, u64, u32) {
        office.check_password(at, victim, workstation, true);
        let before = office.sign_in(Host::Desk, at + MOMENT, victim, (&self.address, workstation), How::Ntlm);
        let open = at + 2 * SHORTLY;
        office.ticket(open - MOMENT, victim, DESK_ADDRESS);
        office.service_ticket(open, victim, DESK_ADDRESS, "TS01$");
        let logon = office.sign_in(Host::Desk, open + MOMENT, victim, (&self.address, "TS01"), How::Desktop);
        let session = 40 + (self.at / 1000 % 20).unsigned_abs() as u32;
        office.desktop(open + 2 * MOMENT, &shapes::DESKTOP_BEGUN, victim, session, &self.address);
        office.sign_out(Host::Desk, open + SHORTLY, victim, before, 3);
        office.truth.step(open + MOMENT, DESKTOP, &self.address, Some(&victim.written()), "opens a remote desktop");
        (open + SHORTLY, logon, session)
    }

    fn look_around(&self, office: &mut Office, dice: &mut Dice, from: Millis, victim: &Account, logon: u64) -> Millis {
        let shell = "C:\\Windows\\System32\\cmd.exe";
        let mut at = from;
        for (image, command, parent) in [
            ("C:\\Windows\\explorer.exe", "C:\\Windows\\Explorer.EXE", "C:\\Windows\\System32\\userinit.exe"),
            (shell, "\"C:\\Windows\\System32\\cmd.exe\"", "C:\\Windows\\explorer.exe"),
            ("C:\\Windows\\System32\\whoami.exe", "whoami /all", shell),
            ("C:\\Windows\\System32\\net.exe", "net view \\\\fs01 /all", shell),
        ] {
            at += dice.pause(30 * SECOND);
            office.program(at, victim, logon, image, command, parent);
            office.truth.step(at, PROGRAMS, &self.address, Some(&victim.written()), "runs programs in the remote desktop");
        }
        at + MINUTE
    }

    /// Lists the share, looks at the other export's attributes, and opens the export of those who serve.
    fn read_export(&self, office: &mut Office, dice: &mut Dice, from: Millis, victim: &Account) -> (Millis, u64) {
        let account = victim.written();
        let (share, exports) = ("HR$", "exports\\staff.csv");
        office.service_ticket(from, victim, DESK_ADDRESS, "FS01$");
        let logon = office.sign_in(Host::Files, from + MOMENT, victim, (DESK_ADDRESS, "-"), How::Kerberos);
        office.share(from + 2 * MOMENT, victim, logon, DESK_ADDRESS, share);
        office.truth.step(from + 2 * MOMENT, SHARE, DESK_ADDRESS, Some(&account), "connects to the share of Personnel");
        office.open_file(from + 3 * MOMENT, victim, logon, DESK_ADDRESS, (share, "\\"), TO_LIST);
        let mut at = from + dice.pause(20 * SECOND);
        office.open_file(at, victim, logon, DESK_ADDRESS, (share, "exports"), TO_LIST);
        for name in ["exports\\pensions.csv", exports] {
            office.open_file(at + MOMENT, victim, logon, DESK_ADDRESS, (share, name), TO_LOOK);
        }
        at += dice.pause(40 * SECOND);
        office.open_file(at, victim, logon, DESK_ADDRESS, (share, exports), TO_READ);
        if self.audits_objects {
            office.use_file(at + 2, victim, logon, "D:\\Shares\\HR\\exports\\staff.csv", 0x1);
        }
        let everybody = office.store.those(is_exported);
        let answer = office.store.answer(everybody, &[FULL_NAME, MAIL, MOBILE, BIRTH_DATE, GRADE, PIER]);
        office.truth.step(at, READING, DESK_ADDRESS, Some(&account), "opens the export of those who serve");
        office.truth.sent(at, format!("read \\\\fs01\\{share}\\{exports}"), Some(answer.rows));
        office.truth.shown(at, "share", &answer);
        let idle = dice.between(10, 15) * MINUTE;
        office.sign_out(Host::Files, at + idle, victim, logon, 3);
        (at, logon)
    }
}
