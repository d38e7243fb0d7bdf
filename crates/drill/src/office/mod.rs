//! An office on Windows: a domain controller, a file server, a host for remote desktops, people at their desks, and what
//! the three hosts write into their event logs. Its world is its own: no web system and no database server takes part.

mod shapes;
mod theft;
mod work;

use std::io::Write;
use std::path::{Path, PathBuf};

use strandline_model::time::{Instant, Interval};

use crate::clock::{DAY, HONG_KONG, MINUTE, Millis, SECOND, iso_date};
use crate::dice::Dice;
use crate::evtx::{Channel, Entry, Shape, Value};
use crate::people::{GRADES, PIERS, Person, name};
use crate::store::Store;
use crate::truth::{TrueGap, TruthBook, seconds};
use crate::{DUMP_HOUR, Department, DrillError, Plan, dump};
use theft::Theft;

const DOMAIN: &str = "OIFA";
const REALM: &str = "OIFA.EXAMPLE.HK";
const DC_ADDRESS: &str = "10.61.4.5";
const FILES_ADDRESS: &str = "10.61.4.30";
const DESK_ADDRESS: &str = "10.61.4.31";
const BACKUP_ADDRESS: &str = "10.61.4.40";
const MONITOR_ADDRESS: &str = "10.61.4.41";
/// People with an account.
const STAFF: usize = 40;
/// The first of them work in Personnel, those after them on the host for remote desktops.
const PERSONNEL: usize = 5;
const REMOTE: usize = 14;

/// A host that writes a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Host {
    Dc,
    Files,
    Desk,
}

/// An account of the domain.
#[derive(Clone, Debug)]
struct Account {
    name: String,
    /// The last number of its SID.
    number: u32,
    /// Where its owner sits.
    address: String,
}

impl Account {
    fn service(name: &str, number: u32, address: &str) -> Self {
        Self { name: name.to_owned(), number, address: address.to_owned() }
    }

    fn written(&self) -> String {
        format!("{DOMAIN}\\{}", self.name)
    }
}

/// A log and what waits to be written into it until the day is over.
struct Log {
    channel: Channel,
    waiting: Vec<Entry>,
}

impl Log {
    fn new(host: &'static str, name: &'static str, first: u64) -> Self {
        Self { channel: Channel::new(host, name, first), waiting: Vec::new() }
    }

    /// Writes what was logged before `end`, in order of time; of equal times, in the order in which it happened.
    fn flush(&mut self, end: Millis) -> Result<(), DrillError> {
        self.waiting.sort_by_key(|entry| entry.at);
        let due = self.waiting.partition_point(|entry| entry.at < end);
        self.waiting.drain(..due).collect::<Vec<_>>().iter().try_for_each(|entry| self.channel.write(entry))
    }
}

/// The office at work.
struct Office {
    dice: Dice,
    staff: Vec<Account>,
    dc: Log,
    files: Log,
    desk: Log,
    desktops: Log,
    /// The last logon id of each host.
    logon_ids: [u64; 3],
    truth: TruthBook,
    store: Store,
    rate: f64,
}

impl Office {
    fn new(plan: &Plan, window: (Millis, Millis), rate: f64) -> Self {
        let today = (window.0 + HONG_KONG).div_euclid(DAY);
        let store = Store::new(&mut Dice::stream(plan.seed, "people"), plan.people.max(200), today);
        let mut dice = Dice::stream(plan.seed, "office");
        let account = |at: usize, dice: &mut Dice| Account {
            name: format!("{}{}", name(dice).2, at + 1),
            number: 1_601 + at as u32,
            address: format!("10.61.9.{}", 20 + at),
        };
        let staff = (0..STAFF).map(|at| account(at, &mut dice)).collect();
        let first = |dice: &mut Dice| dice.between(80_000, 900_000).unsigned_abs();
        let (dc, files, desk, desktops) = (first(&mut dice), first(&mut dice), first(&mut dice), first(&mut dice));
        let logon_ids = [first(&mut dice) * 3, first(&mut dice) * 3, first(&mut dice) * 3];
        Self {
            staff,
            dc: Log::new("dc01.oifa.example.hk", "Security", dc),
            files: Log::new("fs01.oifa.example.hk", "Security", files),
            desk: Log::new("ts01.oifa.example.hk", "Security", desk),
            desktops: Log::new("ts01.oifa.example.hk", "Microsoft-Windows-TerminalServices-LocalSessionManager/Operational", desktops),
            logon_ids,
            truth: TruthBook::new(plan.seed, plan.scenario.to_string()),
            store,
            dice,
            rate,
        }
    }

    fn log(&mut self, host: Host) -> &mut Log {
        match host {
            Host::Dc => &mut self.dc,
            Host::Files => &mut self.files,
            Host::Desk => &mut self.desk,
        }
    }

    fn record(&mut self, host: Host, at: Millis, shape: &'static Shape, values: Vec<Value>) {
        // The process that audits: lsass.
        self.log(host).waiting.push(Entry { at, shape, process: 692, values });
    }

    fn next_logon(&mut self, host: Host) -> u64 {
        let step = 0x2000 + self.dice.below(0x9000) as u64;
        let last = &mut self.logon_ids[host as usize];
        *last += step;
        *last
    }

    fn port(&mut self) -> String {
        self.dice.between(49_152, 65_535).to_string()
    }

    fn written(&self) -> u64 {
        [&self.dc, &self.files, &self.desk, &self.desktops].iter().map(|log| log.channel.written()).sum()
    }

    /// Opens the logs of the first day.
    fn open(&mut self, evidence: &Path) -> Result<(), DrillError> {
        self.dc.channel.go_on_in(Some(evidence.join("dc01/Security.evtx")))?;
        self.desk.channel.go_on_in(Some(evidence.join("ts01/Security.evtx")))?;
        let name = "ts01/Microsoft-Windows-TerminalServices-LocalSessionManager%4Operational.evtx";
        self.desktops.channel.go_on_in(Some(evidence.join(name)))
    }

    fn close(&mut self) -> Result<(), DrillError> {
        [&mut self.dc, &mut self.files, &mut self.desk, &mut self.desktops].into_iter().try_for_each(|log| {
            log.flush(Millis::MAX)?;
            log.channel.close()
        })
    }
}

fn text(value: impl Into<String>) -> Value {
    Value::Text(value.into())
}

/// Nothing, as Windows writes it.
fn nothing() -> Value {
    text("-")
}

/// The four fields of who asked.
fn subject(account: &Account, logon: u64) -> Vec<Value> {
    vec![Value::Sid(account.number), text(&account.name), text(DOMAIN), Value::Hex64(logon)]
}

/// How a sign-in was made.
#[derive(Clone, Copy)]
enum How {
    Kerberos,
    Ntlm,
    /// Remote desktop, once the network has proved who it is.
    Desktop,
}

impl Office {
    /// 4624 at a host; the new logon id.
    fn sign_in(&mut self, host: Host, at: Millis, who: &Account, from: (&str, &str), how: How) -> u64 {
        let (logon, port) = (self.next_logon(host), self.port());
        let (kind, process, package) = match how {
            How::Kerberos => (3, "Kerberos", "Kerberos"),
            How::Ntlm => (3, "NtLmSsp ", "NTLM"),
            How::Desktop => (10, "User32 ", "Negotiate"),
        };
        let is_desktop = kind == 10;
        let mut values = vec![if is_desktop { Value::Sid(1_000) } else { Value::Sid(0) }];
        values.extend(if is_desktop { [text("TS01$"), text(DOMAIN), Value::Hex64(0x3e7)] } else { [nothing(), nothing(), Value::Hex64(0)] });
        values.extend([Value::Sid(who.number), text(&who.name), text(DOMAIN), Value::Hex64(logon), Value::U32(kind), text(process), text(package)]);
        values.extend([text(from.1), text("{00000000-0000-0000-0000-000000000000}"), nothing()]);
        values.extend([text(if matches!(how, How::Ntlm) { "NTLM V2" } else { "-" }), Value::U32(if matches!(how, How::Ntlm) { 128 } else { 0 })]);
        values.extend([Value::Hex64(0), nothing(), text(from.0), text(port), text("%%1833"), nothing(), nothing(), nothing()]);
        values.extend([text("%%1843"), Value::Hex64(0), text("%%1842")]);
        self.record(host, at, &shapes::SIGNED_IN, values);
        logon
    }

    fn sign_out(&mut self, host: Host, at: Millis, who: &Account, logon: u64, kind: u32) {
        let values = vec![Value::Sid(who.number), text(&who.name), text(DOMAIN), Value::Hex64(logon), Value::U32(kind)];
        self.record(host, at, &shapes::SIGNED_OUT, values);
    }

    /// 4768 at the domain controller: somebody signed in, and the machine at `address` asked for a ticket.
    fn ticket(&mut self, at: Millis, who: &Account, address: &str) {
        let port = self.port();
        let mut values = vec![text(&who.name), text(REALM), Value::Sid(who.number), text("krbtgt"), Value::Sid(502), Value::Hex32(0x4081_0010)];
        values.extend([Value::Hex32(0), Value::Hex32(0x12), text("2"), text(format!("::ffff:{address}")), text(port), text(""), text(""), text("")]);
        self.record(Host::Dc, at, &shapes::TICKET, values);
    }

    /// 4769: a ticket for a host's services.
    fn service_ticket(&mut self, at: Millis, who: &Account, address: &str, service: &str) {
        let port = self.port();
        let mut values = vec![text(format!("{}@{REALM}", who.name)), text(REALM), text(service), Value::Sid(1_001), Value::Hex32(0x4081_0000)];
        values.extend([Value::Hex32(0x12), text(format!("::ffff:{address}")), text(port), Value::Hex32(0)]);
        values.extend([text("{00000000-0000-0000-0000-000000000000}"), nothing()]);
        self.record(Host::Dc, at, &shapes::SERVICE_TICKET, values);
    }

    /// 5140: a share was connected to.
    fn share(&mut self, at: Millis, who: &Account, logon: u64, address: &str, share: &str) {
        let mut values = subject(who, logon);
        values.extend([
            text("File"),
            text(address),
            text(self.port()),
            text(format!("\\\\*\\{share}")),
            text(local(share)),
            Value::Hex32(1),
            text("%%4416\r\n\t\t\t\t"),
        ]);
        self.record(Host::Files, at, &shapes::SHARE, values);
    }

    /// 5145: a file or folder on a share was opened.
    fn open_file(&mut self, at: Millis, who: &Account, logon: u64, address: &str, file: (&str, &str), mask: u32) {
        let list = if mask & 1 != 0 { "%%1538\r\n\t\t\t\t%%1541\r\n\t\t\t\t%%4416\r\n\t\t\t\t%%4423\r\n\t\t\t\t" } else { "%%4423\r\n\t\t\t\t" };
        let mut values = subject(who, logon);
        values.extend([text("File"), text(address), text(self.port()), text(format!("\\\\*\\{}", file.0)), text(local(file.0)), text(file.1)]);
        values.extend([Value::Hex32(mask), text(list), nothing()]);
        self.record(Host::Files, at, &shapes::SHARED_FILE, values);
    }

    /// 4663: a right of an open file was used.
    fn use_file(&mut self, at: Millis, who: &Account, logon: u64, path: &str, mask: u32) {
        let list = if mask & 1 != 0 { "%%4416\r\n\t\t\t\t" } else { "%%4417\r\n\t\t\t\t" };
        let handle = 0x400 + 4 * self.dice.below(0x800) as u64;
        let mut values = subject(who, logon);
        values.extend([
            text("Security"),
            text("File"),
            text(path),
            Value::Hex64(handle),
            text(list),
            Value::Hex32(mask),
            Value::Hex64(4),
            text(""),
            text("S:AI"),
        ]);
        self.record(Host::Files, at, &shapes::OBJECT, values);
    }

    /// 4688 on the host for remote desktops.
    fn program(&mut self, at: Millis, who: &Account, logon: u64, image: &str, command: &str, parent: &str) {
        let process = 0x1000 + 4 * self.dice.below(0x2000) as u64;
        let mut values = subject(who, logon);
        values.extend([Value::Hex64(process), text(image), text("%%1938"), Value::Hex64(process - 0x400), text(command)]);
        values.extend([Value::Sid(0), nothing(), nothing(), Value::Hex64(0), text(parent), text("S-1-16-8192")]);
        self.record(Host::Desk, at, &shapes::PROCESS, values);
    }

    /// What the session manager of remote desktop says.
    fn desktop(&mut self, at: Millis, shape: &'static Shape, who: &Account, session: u32, address: &str) {
        let mut values = vec![text(who.written()), Value::U32(session)];
        if shape.fields.len() > 2 {
            values.push(text(address));
        }
        self.desktops.waiting.push(Entry { at, shape, process: 1_180, values });
    }
}

/// Where a share lies on the file server's disk.
fn local(share: &str) -> String {
    format!("\\??\\D:\\Shares\\{}", share.trim_end_matches('$'))
}

/// The name of the machine at a desk.
fn machine(address: &str) -> String {
    format!("WS{:0>3}", address.rsplit('.').next().unwrap_or_default())
}

/// Makes the office of `plan` below the folder `into`.
pub(crate) fn generate(plan: &Plan, into: &Path, window: (Millis, Millis), rate: f64, progress: &mut dyn FnMut(u64)) -> Result<Department, DrillError> {
    let [evidence, snapshot, register, truth] = ["evidence", "snapshot", "register", "truth"].map(|name| into.join(name));
    let mut office = Office::new(plan, window, rate);
    let theft = Theft::of(plan, window);
    office.open(&evidence)?;
    run(&mut office, plan, window, Some((&evidence, &theft)), progress)?;
    let copies = write_copies(&snapshot, &office.store)?;
    let estate = into.join("estate.toml");
    let taken = crate::clock::civil(theft.day + DUMP_HOUR, 0);
    let described = include_str!("../estate/file-share.toml").replace("@TAKEN@", &format!("{}Z", taken.iso_seconds()));
    std::fs::write(&estate, described).map_err(|source| DrillError::Write { path: estate.clone(), source })?;
    let register = register.join("crew.csv");
    dump::write_register(&register, &office.store, &mut Dice::stream(plan.seed, "register"))?;
    let Office { truth: book, store, .. } = office;
    book.write(&truth, &store)?;
    let window = Interval { from: Instant(window.0 * 1000), to: Instant(window.1 * 1000) };
    Ok(Department { estate, evidence, register, snapshot: copies, truth, pins: Vec::new(), window })
}

/// Bytes that two days of work are worth, written nowhere.
pub(crate) fn measure(plan: &Plan, window: (Millis, Millis), rate: f64) -> Result<u64, DrillError> {
    let mut office = Office::new(plan, window, rate);
    run(&mut office, &Plan { days: 2, ..plan.clone() }, (window.0, window.0 + 2 * DAY), None, &mut |_| {})?;
    Ok(office.written())
}

/// Day after day; the file server's log is archived every midnight.
fn run(office: &mut Office, plan: &Plan, window: (Millis, Millis), with: Option<(&Path, &Theft)>, progress: &mut dyn FnMut(u64)) -> Result<(), DrillError> {
    for day in (0..i64::from(plan.days)).map(|n| window.0 + n * DAY) {
        office.day(day);
        let end = day + DAY;
        let Some((evidence, theft)) = with else {
            [&mut office.dc, &mut office.files, &mut office.desk, &mut office.desktops].into_iter().try_for_each(|log| log.flush(end))?;
            continue;
        };
        let file = evidence.join(if end >= window.1 { "fs01/Security.evtx".to_owned() } else { archive(day) });
        if theft.day == day {
            theft.play(office);
        }
        match theft.loss.filter(|_| theft.day == day) {
            Some(theft::Loss::Cleared(at)) => {
                office.files.channel.go_on_in(None)?;
                office.files.flush(at)?;
                office.files.channel.go_on_in(Some(file))?;
            }
            Some(theft::Loss::ArchiveGone) => office.files.channel.go_on_in(None)?,
            None => office.files.channel.go_on_in(Some(file))?,
        }
        [&mut office.dc, &mut office.files, &mut office.desk, &mut office.desktops].into_iter().try_for_each(|log| log.flush(end))?;
        progress(office.written());
    }
    office.close()
}

fn archive(day: Millis) -> String {
    format!("fs01/Archive-Security-{}.evtx", iso_date((day + HONG_KONG).div_euclid(DAY)))
}

/// Who stands in the export of those who serve; in that of the pensions are the others.
fn is_exported(person: &Person) -> bool {
    person.left_day.is_none()
}

/// Copies of the two exports, as the backup has them. The first one's path comes back.
fn write_copies(folder: &Path, store: &Store) -> Result<PathBuf, DrillError> {
    let serving: Vec<String> = store
        .people
        .iter()
        .filter(|p| is_exported(p))
        .map(|p| {
            let born = iso_date(p.birth_day);
            format!("{},{},{},{},{born},{},{}", p.emp_id, p.full_name, p.mail, p.mobile, GRADES[p.grade], PIERS[p.pier])
        })
        .collect();
    let pensions: Vec<String> =
        store.people.iter().filter(|p| !is_exported(p)).map(|p| format!("{},{},{},{}", p.emp_id, p.full_name, p.bank_no, p.pay_point)).collect();
    let write = |name: &str, header: &str, rows: &[String]| {
        let path = folder.join(name);
        let failed = |source| DrillError::Write { path: path.clone(), source };
        let mut out = std::io::BufWriter::new(std::fs::File::create(&path).map_err(failed)?);
        writeln!(out, "{header}").map_err(failed)?;
        rows.iter().try_for_each(|row| writeln!(out, "{row}")).map_err(failed)?;
        out.flush().map_err(failed)?;
        Ok(path)
    };
    write("exports.pensions.csv", "emp_id,full_name,bank_no,pay_point", &pensions)?;
    write("exports.staff.csv", "emp_id,full_name,mail,mobile,birth_date,grade,pier", &serving)
}

/// A gap of the file server's log, for the truth.
fn gap((from, to): (Millis, Millis)) -> TrueGap {
    TrueGap { sources: vec!["files-security".to_owned()], from: seconds(from), to: seconds(to) }
}

/// Times of the day.
const MORNING: Millis = 8 * 60 * MINUTE + 20 * MINUTE;
const MOMENT: Millis = 40;
const SHORTLY: Millis = 3 * SECOND;
