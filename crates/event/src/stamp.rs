//! Time stamps as logs write them, to UTC microseconds. Stamps without an offset are read in the source's clock zone.
//!
//! The zone data are compiled in and the machine's own zone is never asked, so that the same evidence reads the same
//! everywhere. Forms that cannot be told apart (`03/04/2026`) are not guessed: `time_format` in the estate file says.

use std::cell::Cell;

use jiff::civil::DateTime;
use jiff::fmt::strtime::BrokenDownTime;
use jiff::tz::{AmbiguousOffset, TimeZone, TimeZoneDatabase};
use strandline_model::time::Instant;

use crate::{Context, EventError};

const SECOND: i64 = 1_000_000;
const DAY: i64 = 86_400 * SECOND;

/// How far behind the newest stamp a record may stand and still count as merely late. In the hour that a clock lives
/// twice, a stamp further back belongs to the second passage.
const LATE_MICROS: i64 = 300 * SECOND;

/// How far ahead a stamp may stand and be believed alone. Further ahead it takes a second one near it: a single forged or
/// broken line must not move every later line into another year.
const LEAP_MICROS: i64 = 60 * DAY;

/// A stamp that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// The instant.
    pub time: Instant,
    /// Resolution of the writing, microseconds: 1,000,000 for stamps to the second.
    pub precision_micros: i32,
    /// Offset from UTC that it was written with, seconds.
    pub utc_offset_seconds: i32,
}

/// How one artefact's clock is read: its zone, its year where stamps carry none, and the newest stamp so far, which
/// settles the hour that happens twice and the turn of the year.
#[derive(Debug)]
pub struct Zone {
    zone: Option<TimeZone>,
    newest: Cell<Option<i64>>,
    /// A stamp far ahead of the newest, which waits for a second one.
    leap: Cell<Option<i64>>,
    year: Cell<i16>,
    /// The last instant that a stamp without a year may mean.
    latest: Option<i64>,
}

impl Zone {
    /// The zone of an IANA name; UTC without one. `assumed_year` is that of the first stamp.
    ///
    /// # Errors
    /// A sentence for the estate's author, if there is no such zone.
    pub fn new(clock: Option<&str>, assumed_year: i16) -> Result<Self, String> {
        let zone = match clock.map(str::trim) {
            None | Some("" | "UTC" | "Etc/UTC" | "GMT" | "Z") => None,
            Some(name) => Some(
                find_zone(name)
                    .ok_or_else(|| format!("there is no time zone {name:?}; clock takes an IANA name (Asia/Hong_Kong, Europe/Berlin) or an offset (+08:00)"))?,
            ),
        };
        Ok(Self { zone, newest: Cell::new(None), leap: Cell::new(None), year: Cell::new(assumed_year), latest: None })
    }

    /// The zone of an artefact, as its source says.
    ///
    /// # Errors
    /// If the estate names no zone that exists.
    pub fn of(context: &Context<'_>) -> Result<Self, EventError> {
        let zone = Self::new(context.source.clock.as_deref(), context.assumed_year)
            .map_err(|reason| EventError::Configuration { source_id: context.source.id.clone(), reason })?;
        Ok(zone.until(context.last_change))
    }

    /// The same for a file that was last changed then. A day of grace: its clock may run ahead, or in another zone.
    fn until(self, last_change: Option<Instant>) -> Self {
        Self { latest: last_change.map(|at| at.micros().saturating_add(DAY)), ..self }
    }

    /// UTC.
    pub fn utc() -> Self {
        Self { zone: None, newest: Cell::new(None), leap: Cell::new(None), year: Cell::new(1970), latest: None }
    }

    /// The instant of a civil time in this zone, and its offset. In a gap (spring) the offset before it holds; in a
    /// fold (autumn) the first passage, unless the log has already come past it.
    fn instant(&self, civil_micros: i64) -> Option<(i64, i32)> {
        let Some(zone) = &self.zone else { return Some((civil_micros, 0)) };
        let ambiguous = zone.to_ambiguous_timestamp(civil_date_time(civil_micros)?);
        let at = |offset: jiff::tz::Offset| (civil_micros - i64::from(offset.seconds()) * SECOND, offset.seconds());
        Some(match ambiguous.offset() {
            AmbiguousOffset::Unambiguous { offset } => at(offset),
            AmbiguousOffset::Gap { before, .. } => at(before),
            AmbiguousOffset::Fold { before, after } => match self.newest.get() {
                Some(newest) if at(before).0 < newest - LATE_MICROS => at(after),
                _ => at(before),
            },
        })
    }

    /// The year for a stamp that carries none: the current one, unless the stamp would then lie half a year back (the
    /// year has turned) or most of a year ahead (a late record from before the turn). Never one behind the file's last
    /// change, unless records with years stand behind it and show that its date is wrong.
    fn year_for(&self, month: u8, day: u8) -> i16 {
        let at = |year: i16| days_from_civil(i64::from(year), month, day) * DAY;
        let year = self.nearest_year(at);
        let latest = self.latest.filter(|latest| self.newest.get().is_none_or(|newest| newest <= *latest));
        if latest.is_some_and(|latest| at(year) > latest) { year.saturating_sub(1) } else { year }
    }

    fn nearest_year(&self, at: impl Fn(i16) -> i64) -> i16 {
        let year = self.year.get();
        let Some(newest) = self.newest.get() else { return year };
        if at(year) < newest - 183 * DAY {
            year.saturating_add(1)
        } else if at(year) > newest + 300 * DAY {
            year.saturating_sub(1)
        } else {
            year
        }
    }

    fn saw(&self, time: i64, year: Option<i16>) {
        let near = |other: i64| time.saturating_sub(other).saturating_abs() <= LEAP_MICROS;
        let ahead = self.newest.get().is_some_and(|newest| time > newest && !near(newest));
        if ahead && !self.leap.get().is_some_and(near) {
            return self.leap.set(Some(time));
        }
        self.leap.set(None); // the two must follow one another
        if self.newest.get().is_none_or(|newest| time > newest) {
            self.newest.set(Some(time));
            if let Some(year) = year {
                self.year.set(year);
            }
        }
    }
}

fn find_zone(name: &str) -> Option<TimeZone> {
    let mut cursor = Cursor::new(name);
    if let Some(offset) = cursor.offset().filter(|_| cursor.rest().is_empty()) {
        return Some(TimeZone::fixed(jiff::tz::Offset::from_seconds(offset).ok()?));
    }
    TimeZoneDatabase::bundled().get(name).ok()
}

/// Reads a stamp in any of the usual forms: ISO 8601 and RFC 3339 (`T` or blank, `.` or `,`, `Z`, `+08`, `+0800`,
/// zone abbreviations), the common log format, RFC 3164 and ctime, RFC 2822, and seconds, milliseconds,
/// microseconds or nanoseconds since the epoch. Brackets and quotes around it are looked through.
pub fn parse(text: &str, zone: &Zone) -> Option<Stamp> {
    let text = text.trim().trim_matches(['[', ']', '"']).trim();
    let (written, rest) = parse_prefix(text, zone)?;
    rest.trim().is_empty().then_some(written)
}

/// Reads the stamp that `text` begins with; also what follows it.
pub fn parse_prefix<'t>(text: &'t str, zone: &Zone) -> Option<(Stamp, &'t str)> {
    let bytes = text.as_bytes();
    let mut cursor = Cursor::new(text);
    let written = match bytes {
        [b'0'..=b'9', b'0'..=b'9', b'0'..=b'9', b'0'..=b'9', b'-' | b'/' | b'.', ..] => iso(&mut cursor),
        [b'0'..=b'9', b'0'..=b'9', b'0'..=b'9', b'0'..=b'9', b' ', b'A'..=b'Z' | b'a'..=b'z', ..] => year_first(&mut cursor),
        [b'0'..=b'9', b'/', b'A'..=b'Z' | b'a'..=b'z', ..] | [b'0'..=b'9', b'0'..=b'9', b'/', b'A'..=b'Z' | b'a'..=b'z', ..] => common_log(&mut cursor),
        [b'A'..=b'Z' | b'a'..=b'z', ..] => named_month(&mut cursor),
        [b'0'..=b'9', b' ' | b'-', ..] | [b'0'..=b'9', b'0'..=b'9', b' ' | b'-', ..] => day_first(&mut cursor),
        [b'0'..=b'9', ..] => compact(&mut cursor),
        _ => None,
    }?;
    Some((written.resolve(zone)?, cursor.rest()))
}

/// Reads a stamp by a strptime format of the estate file (`%d/%m/%Y %H:%M:%S`; `%f` for a fraction).
pub fn parse_format(text: &str, format: &str, zone: &Zone) -> Option<Stamp> {
    let mut parts = BrokenDownTime::parse(format, text.trim()).ok()?;
    let precision_micros = if parts.subsec_nanosecond().is_some() { fraction_precision(text) } else { 1_000_000 };
    if let Some(instant) = parts.timestamp() {
        let time = instant.as_microsecond();
        zone.saw(time, None);
        return Some(Stamp { time: Instant(time), precision_micros, utc_offset_seconds: 0 });
    }
    let yearless = parts.year().is_none() && parts.iso_week_year().is_none();
    if yearless {
        let year = zone.year_for(u8::try_from(parts.month()?).ok()?, u8::try_from(parts.day()?).ok()?);
        parts.set_year(Some(year)).ok()?;
    }
    if parts.hour().is_none() {
        parts.set_hour(Some(0)).ok()?;
    }
    if parts.minute().is_none() {
        parts.set_minute(Some(0)).ok()?;
    }
    if parts.second().is_none() {
        parts.set_second(Some(0)).ok()?;
    }
    let civil = parts.to_datetime().ok()?;
    let days = days_from_civil(i64::from(civil.year()), civil.month().unsigned_abs(), civil.day().unsigned_abs());
    let of_day = (i64::from(civil.hour()) * 60 + i64::from(civil.minute())) * 60 + i64::from(civil.second());
    let civil_micros = days * DAY + of_day * SECOND + i64::from(civil.subsec_nanosecond()) / 1000;
    let (time, utc_offset_seconds) = match parts.offset() {
        Some(offset) => (civil_micros - i64::from(offset.seconds()) * SECOND, offset.seconds()),
        None => zone.instant(civil_micros)?,
    };
    zone.saw(time, yearless.then(|| civil.year()));
    Some(Stamp { time: Instant(time), precision_micros, utc_offset_seconds })
}

fn fraction_precision(text: &str) -> i32 {
    let digits = text.rfind(['.', ',']).map_or(0, |at| text[at + 1..].bytes().take_while(u8::is_ascii_digit).count());
    precision_of(digits)
}

/// When a file was last changed, as far as it is dated: what builds, archives and broken clocks write (the epoch, the first day
/// of a zip archive, a day to come) says nothing, and then it is `now`.
pub fn last_change(dated: Option<Instant>, now: Instant) -> Instant {
    const EARLIEST: i64 = 315_705_600 * SECOND; // 3 January 1980
    dated.filter(|at| (EARLIEST..=now.micros().saturating_add(DAY)).contains(&at.micros())).unwrap_or(now)
}

/// The year of an artefact's first stamp, from its first bytes and the instant of its last change, for
/// [`Context::assumed_year`]: a file last changed on 3 January whose first stamp says December began the year before.
pub fn assumed_year(head: &[u8], modified_at: Instant) -> i16 {
    let changed = civil_date_time(modified_at.micros()).map_or((1970, 1, 1), |t| (t.year(), t.month(), t.day()));
    let first = head.split(|b| *b == b'\n').take(50).find_map(|line| {
        let text = String::from_utf8_lossy(&line[..line.len().min(64)]);
        let text = text.trim_start_matches(|c: char| c == '<' || c == '>' || c.is_ascii_digit());
        let written = named_month(&mut Cursor::new(text))?;
        written.year.is_none().then_some((written.month, written.day))
    });
    match first {
        // A day of grace: the file's own clock may run ahead of the one that copied it, or in another zone.
        Some((month, day)) if days_from_civil(1972, month, day) > days_from_civil(1972, changed.1.unsigned_abs(), changed.2.unsigned_abs()) + 1 => {
            changed.0 - 1
        }
        _ => changed.0,
    }
}

/// A stamp as written, before zone and year are known.
#[derive(Clone, Copy, Debug)]
struct Written<'t> {
    year: Option<i16>,
    month: u8,
    day: u8,
    micros_of_day: i64,
    precision_micros: i32,
    zone: WrittenZone<'t>,
}

#[derive(Clone, Copy, Debug)]
enum WrittenZone<'t> {
    None,
    Offset(i32),
    Name(&'t str),
    /// The fields count from the epoch: nothing to resolve.
    Epoch(i64),
}

impl Written<'_> {
    fn resolve(&self, zone: &Zone) -> Option<Stamp> {
        if let WrittenZone::Epoch(time) = self.zone {
            zone.saw(time, None);
            return Some(Stamp { time: Instant(time), precision_micros: self.precision_micros, utc_offset_seconds: 0 });
        }
        let year = self.year.unwrap_or_else(|| zone.year_for(self.month, self.day));
        if !valid_date(i64::from(year), self.month, self.day) {
            return None;
        }
        let civil = days_from_civil(i64::from(year), self.month, self.day) * DAY + self.micros_of_day;
        let (time, utc_offset_seconds) = match self.zone {
            WrittenZone::Offset(offset) => (civil - i64::from(offset) * SECOND, offset),
            WrittenZone::Name(name) => named_offset(name, civil, zone)?,
            _ => zone.instant(civil)?,
        };
        zone.saw(time, self.year.is_none().then_some(year));
        Some(Stamp { time: Instant(time), precision_micros: self.precision_micros, utc_offset_seconds })
    }
}

/// Zone abbreviations that mean one thing. CST, IST, BST and their like mean several: they are taken only where
/// the source's own clock zone uses them.
const ABBREVIATIONS: &[(&str, i32)] = &[
    ("ACDT", 37_800),
    ("ACST", 34_200),
    ("AEDT", 39_600),
    ("AEST", 36_000),
    ("AKDT", -28_800),
    ("AKST", -32_400),
    ("AWST", 28_800),
    ("CAT", 7_200),
    ("CDT", -18_000),
    ("CEST", 7_200),
    ("CET", 3_600),
    ("EAT", 10_800),
    ("EDT", -14_400),
    ("EEST", 10_800),
    ("EET", 7_200),
    ("EST", -18_000),
    ("GMT", 0),
    ("HKT", 28_800),
    ("HST", -36_000),
    ("JST", 32_400),
    ("KST", 32_400),
    ("MDT", -21_600),
    ("MSK", 10_800),
    ("NZDT", 46_800),
    ("NZST", 43_200),
    ("PDT", -25_200),
    ("PST", -28_800),
    ("SAST", 7_200),
    ("SGT", 28_800),
    ("UT", 0),
    ("UTC", 0),
    ("WAT", 3_600),
    ("WEST", 3_600),
    ("WET", 0),
    ("WIB", 25_200),
    ("Z", 0),
];

fn named_offset(name: &str, civil: i64, zone: &Zone) -> Option<(i64, i32)> {
    let at = |offset: i32| (civil - i64::from(offset) * SECOND, offset);
    if let Some(tz) = &zone.zone
        && let Some(offset) = abbreviated(tz, name, civil)
    {
        return Some(at(offset));
    }
    ABBREVIATIONS.binary_search_by(|(known, _)| (*known).cmp(name)).ok().map(|i| at(ABBREVIATIONS[i].1))
}

/// The offset that the zone calls `name` around this civil time; it also tells the two passages of a fold apart.
fn abbreviated(tz: &TimeZone, name: &str, civil: i64) -> Option<i32> {
    let ambiguous = tz.to_ambiguous_timestamp(civil_date_time(civil)?);
    let candidates = match ambiguous.offset() {
        AmbiguousOffset::Unambiguous { offset } => [offset, offset],
        AmbiguousOffset::Gap { before, after } | AmbiguousOffset::Fold { before, after } => [before, after],
    };
    candidates.into_iter().find_map(|offset| {
        let seconds = offset.seconds();
        let instant = jiff::Timestamp::from_microsecond(civil - i64::from(seconds) * SECOND).ok()?;
        let info = tz.to_offset_info(instant);
        (info.abbreviation() == name && info.offset() == offset).then_some(seconds)
    })
}

/// `2026-11-23T20:42:57.002Z`, `2026-11-23 20:42:57,002 HKT`, `2026/11/23 20:42:57`.
fn iso<'t>(cursor: &mut Cursor<'t>) -> Option<Written<'t>> {
    let year = i16::try_from(cursor.number(4, 4)?).ok()?;
    let separator = cursor.any(b"-/.")?;
    let month = cursor.small(2)?;
    cursor.expect(separator)?;
    let day = cursor.small(2)?;
    if cursor.any(b"Tt ").is_none() {
        // `2026-11-23:20:42:57` exists too; a date alone does not say when.
        cursor.expect(b':')?;
    }
    let (micros_of_day, precision_micros) = cursor.time_of_day()?;
    Some(Written { year: Some(year), month, day, micros_of_day, precision_micros, zone: cursor.zone() })
}

/// `23/Nov/2026:20:42:55 +0000`
fn common_log<'t>(cursor: &mut Cursor<'t>) -> Option<Written<'t>> {
    let day = cursor.small(2)?;
    cursor.expect(b'/')?;
    let month = cursor.month()?;
    cursor.expect(b'/')?;
    let year = i16::try_from(cursor.number(4, 4)?).ok()?;
    cursor.any(b": ")?;
    let (micros_of_day, precision_micros) = cursor.time_of_day()?;
    Some(Written { year: Some(year), month, day, micros_of_day, precision_micros, zone: cursor.zone() })
}

/// `Nov 23 20:42:55`, `Nov 23 2026 20:42:55`, `Mon Nov 23 20:42:55.123456 2026`, `Mon, 23 Nov 2026 20:42:55 +0000`.
fn named_month<'t>(cursor: &mut Cursor<'t>) -> Option<Written<'t>> {
    let rfc_2822 = if cursor.weekday() {
        let comma = cursor.any(b",").is_some();
        cursor.blanks();
        // `Mon 2026-11-23 20:42:55 UTC`, as `journalctl -o short-full` writes.
        if !comma && cursor.digits_ahead() == 4 {
            return iso(cursor);
        }
        comma && cursor.rest().starts_with(|c: char| c.is_ascii_digit())
    } else {
        false
    };
    if rfc_2822 {
        return day_first(cursor);
    }
    let month = cursor.month()?;
    cursor.blanks();
    let day = cursor.small(2)?;
    cursor.any(b",");
    cursor.any(b" ")?;
    cursor.blanks();
    let mut year = cursor.year_before_blank();
    let (micros_of_day, precision_micros) = cursor.time_of_day()?;
    let zone = cursor.zone();
    if year.is_none() {
        let mark = cursor.at;
        cursor.blanks();
        year = cursor.number(4, 4).filter(|_| cursor.at_word_end()).filter(|year| (1970..2200).contains(year)).and_then(|year| i16::try_from(year).ok());
        if year.is_none() {
            cursor.at = mark;
        }
    }
    Some(Written { year, month, day, micros_of_day, precision_micros, zone })
}

/// `2026 Nov 23 20:42:55`, as some collectors put the year in front.
fn year_first<'t>(cursor: &mut Cursor<'t>) -> Option<Written<'t>> {
    let year = i16::try_from(cursor.number(4, 4)?).ok()?;
    cursor.blanks();
    let month = cursor.month()?;
    cursor.blanks();
    let day = cursor.small(2)?;
    cursor.any(b" ")?;
    cursor.blanks();
    let (micros_of_day, precision_micros) = cursor.time_of_day()?;
    Some(Written { year: Some(year), month, day, micros_of_day, precision_micros, zone: cursor.zone() })
}

/// `23 Nov 2026 20:42:55 +0000`, `23-Nov-2026 20:42:55.123`.
fn day_first<'t>(cursor: &mut Cursor<'t>) -> Option<Written<'t>> {
    let day = cursor.small(2)?;
    cursor.any(b" -")?;
    let month = cursor.month()?;
    cursor.any(b" -")?;
    let year = i16::try_from(cursor.number(4, 4)?).ok()?;
    cursor.any(b" :T")?;
    let (micros_of_day, precision_micros) = cursor.time_of_day()?;
    Some(Written { year: Some(year), month, day, micros_of_day, precision_micros, zone: cursor.zone() })
}

/// `20261123T204255Z`, `20261123204255`, `261123 20:42:55` (old MySQL), or a count from the epoch.
fn compact<'t>(cursor: &mut Cursor<'t>) -> Option<Written<'t>> {
    let digits = cursor.digits_ahead();
    let after = cursor.rest().as_bytes().get(digits).copied();
    match (digits, after) {
        (8, Some(b'T' | b'-' | b' ')) | (14, _) => {
            let year = i16::try_from(cursor.number(4, 4)?).ok()?;
            let (month, day) = (cursor.pair()?, cursor.pair()?);
            if digits == 8 {
                cursor.any(b"T- ")?;
            }
            let (micros_of_day, precision_micros) =
                if cursor.rest().as_bytes().get(2) == Some(&b':') { cursor.time_of_day()? } else { cursor.packed_time()? };
            Some(Written { year: Some(year), month, day, micros_of_day, precision_micros, zone: cursor.zone() })
        }
        (6, Some(b' ')) => {
            let year = i16::from(cursor.pair()?);
            let (month, day) = (cursor.pair()?, cursor.pair()?);
            cursor.blanks();
            let (micros_of_day, precision_micros) = cursor.time_of_day()?;
            let year = if year < 70 { 2000 + year } else { 1900 + year };
            Some(Written { year: Some(year), month, day, micros_of_day, precision_micros, zone: cursor.zone() })
        }
        _ => epoch(cursor),
    }
}

/// Seconds, milliseconds, microseconds or nanoseconds since the epoch, told apart by their size: seconds up to the
/// year 5138, so that every unit covers 1973 to 5138.
fn epoch<'t>(cursor: &mut Cursor<'t>) -> Option<Written<'t>> {
    let digits = cursor.digits_ahead();
    let whole = cursor.number(9, 19)?;
    let (unit_nanos, unit_digits) = match digits {
        9..=11 => (1_000_000_000_i128, 0_usize),
        12..=14 => (1_000_000, 3),
        15..=17 => (1_000, 6),
        _ => (1, 9),
    };
    let (fraction_nanos, fraction_digits) = if cursor.any(b".").is_some() { cursor.fraction()? } else { (0, 0) };
    let nanos = i128::from(whole) * unit_nanos + i128::from(fraction_nanos) * unit_nanos / 1_000_000_000;
    let time = i64::try_from(nanos / 1000).ok()?;
    let precision_micros = precision_of(unit_digits + fraction_digits);
    Some(Written { year: None, month: 1, day: 1, micros_of_day: 0, precision_micros, zone: WrittenZone::Epoch(time) })
}

/// Microseconds per last digit, for so many digits behind the second.
fn precision_of(digits: usize) -> i32 {
    10_i32.pow(6 - digits.min(6) as u32)
}

/// Days from 1970-01-01 in the proleptic Gregorian calendar.
/// Source: H. Hinnant, "chrono-Compatible Low-Level Date Algorithms", `days_from_civil`.
fn days_from_civil(year: i64, month: u8, day: u8) -> i64 {
    let (month, day) = (i64::from(month), i64::from(day));
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

fn valid_date(year: i64, month: u8, day: u8) -> bool {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        1..=12 => 31,
        _ => 0,
    };
    (1..=days).contains(&day) && (1..=9998).contains(&year)
}

fn civil_date_time(micros: i64) -> Option<DateTime> {
    let instant = jiff::Timestamp::from_microsecond(micros).ok()?;
    Some(TimeZone::UTC.to_datetime(instant))
}

const MONTHS: [&[u8; 3]; 12] = [b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov", b"dec"];
const WEEKDAYS: [&[u8; 3]; 7] = [b"mon", b"tue", b"wed", b"thu", b"fri", b"sat", b"sun"];

/// A place in the text of a stamp.
struct Cursor<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Cursor<'t> {
    fn new(text: &'t str) -> Self {
        Self { text, at: 0 }
    }

    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or("")
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn any(&mut self, of: &[u8]) -> Option<u8> {
        let byte = self.peek().filter(|b| of.contains(b))?;
        self.at += 1;
        Some(byte)
    }

    fn expect(&mut self, byte: u8) -> Option<()> {
        self.any(&[byte]).map(|_| ())
    }

    fn blanks(&mut self) {
        while self.any(b" ").is_some() {}
    }

    fn at_word_end(&self) -> bool {
        !self.peek().is_some_and(|b| b.is_ascii_alphanumeric())
    }

    fn digits_ahead(&self) -> usize {
        self.rest().bytes().take_while(u8::is_ascii_digit).count()
    }

    fn number(&mut self, least: usize, most: usize) -> Option<u64> {
        let digits = self.digits_ahead().min(most);
        if digits < least {
            return None;
        }
        let value = self.rest()[..digits].parse().ok()?;
        self.at += digits;
        Some(value)
    }

    fn small(&mut self, most: usize) -> Option<u8> {
        self.number(1, most).and_then(|n| u8::try_from(n).ok())
    }

    fn pair(&mut self) -> Option<u8> {
        self.number(2, 2).and_then(|n| u8::try_from(n).ok())
    }

    /// A fraction of a second: nanoseconds, and the digits it was written with.
    fn fraction(&mut self) -> Option<(u32, usize)> {
        let digits = self.digits_ahead();
        if digits == 0 {
            return None;
        }
        let kept = digits.min(9);
        let value: u32 = self.rest()[..kept].parse().ok()?;
        self.at += digits;
        Some((value * 10_u32.pow(9 - kept as u32), digits))
    }

    /// `20:42`, `20:42:57`, `20:42:57.002`, `20:42:57,002`: microseconds of the day and their precision.
    fn time_of_day(&mut self) -> Option<(i64, i32)> {
        let hour = self.small(2)?;
        self.expect(b':')?;
        let minute = self.pair()?;
        if self.any(b":").is_none() {
            return clock(hour, minute, 0, 0).map(|micros| (micros, 60_000_000));
        }
        let second = self.pair()?;
        self.with_fraction(hour, minute, second)
    }

    /// `204257`, `204257.002`
    fn packed_time(&mut self) -> Option<(i64, i32)> {
        let (hour, minute, second) = (self.pair()?, self.pair()?, self.pair()?);
        self.with_fraction(hour, minute, second)
    }

    fn with_fraction(&mut self, hour: u8, minute: u8, second: u8) -> Option<(i64, i32)> {
        let has_fraction = matches!(self.peek(), Some(b'.' | b',')) && self.text.as_bytes().get(self.at + 1).is_some_and(u8::is_ascii_digit);
        let (nanos, digits) = if has_fraction {
            self.at += 1;
            self.fraction()?
        } else {
            (0, 0)
        };
        clock(hour, minute, second, nanos).map(|micros| (micros, precision_of(digits)))
    }

    /// `Z`, ` Z`, `+08`, ` +0800`, `+08:00`, ` HKT`; nothing if a word follows that is none.
    fn zone(&mut self) -> WrittenZone<'t> {
        let mark = self.at;
        self.blanks();
        if let Some(offset) = self.offset() {
            return WrittenZone::Offset(offset);
        }
        let rest = self.rest();
        let length = rest.bytes().take_while(u8::is_ascii_uppercase).count();
        let ends = !rest.as_bytes().get(length).is_some_and(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b':' | b'['));
        let known =
            matches!(&rest[..length], "Z" | "UT") || (3..=5).contains(&length) && ends && (self.ends_stamp(length) || is_known_abbreviation(&rest[..length]));
        if known {
            self.at += length;
            return WrittenZone::Name(&rest[..length]);
        }
        self.at = mark;
        WrittenZone::None
    }

    /// Whether nothing but a closing bracket or a year follows the word ahead: then it must be a zone.
    fn ends_stamp(&self, length: usize) -> bool {
        let after = self.rest()[length..].trim();
        after.is_empty() || (after.len() == 4 && after.bytes().all(|b| b.is_ascii_digit()))
    }

    /// `+08`, `+0800`, `+08:00`, `-03:30:15`, in seconds.
    fn offset(&mut self) -> Option<i32> {
        let sign = match self.peek()? {
            b'+' => 1,
            b'-' => -1,
            _ => return None,
        };
        let mark = self.at;
        self.at += 1;
        let parsed = self.offset_fields();
        if parsed.is_none() {
            self.at = mark;
        }
        parsed.map(|seconds| sign * seconds)
    }

    fn offset_fields(&mut self) -> Option<i32> {
        let hours = self.pair()?;
        let colon = self.any(b":").is_some();
        let minutes = if colon { self.pair()? } else { self.pair().unwrap_or(0) };
        let seconds = if colon && self.any(b":").is_some() { self.pair()? } else { 0 };
        (hours <= 15 && minutes < 60 && seconds < 60).then(|| i32::from(hours) * 3600 + i32::from(minutes) * 60 + i32::from(seconds))
    }

    fn month(&mut self) -> Option<u8> {
        let at = self.word_of(&MONTHS)?;
        Some(at as u8 + 1)
    }

    fn weekday(&mut self) -> bool {
        let mark = self.at;
        let found = self.word_of(&WEEKDAYS).is_some();
        if found {
            self.blanks();
        } else {
            self.at = mark;
        }
        found
    }

    /// One of the words by its first three letters; the rest of the word is skipped.
    fn word_of(&mut self, words: &[&[u8; 3]]) -> Option<usize> {
        let bytes = self.rest().as_bytes();
        let head = bytes.get(..3)?;
        let found = words.iter().position(|word| word.eq_ignore_ascii_case(head))?;
        let length = bytes.iter().take_while(|b| b.is_ascii_alphabetic()).count();
        if length > 9 {
            return None;
        }
        self.at += length;
        self.any(b".");
        Some(found)
    }

    fn year_before_blank(&mut self) -> Option<i16> {
        if self.digits_ahead() != 4 || self.rest().as_bytes().get(4) != Some(&b' ') {
            return None;
        }
        let year = self.number(4, 4)?;
        self.blanks();
        i16::try_from(year).ok()
    }
}

fn is_known_abbreviation(word: &str) -> bool {
    ABBREVIATIONS.binary_search_by(|(known, _)| (*known).cmp(word)).is_ok() || matches!(word, "CST" | "IST" | "BST" | "AST" | "MST" | "PKT" | "PHT")
}

/// Microseconds of the day. A leap second counts as the second before it.
fn clock(hour: u8, minute: u8, second: u8, nanos: u32) -> Option<i64> {
    (hour < 24 && minute < 60 && second <= 60)
        .then(|| ((i64::from(hour) * 60 + i64::from(minute)) * 60 + i64::from(second.min(59))) * SECOND + i64::from(nanos) / 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zone(name: &str) -> Zone {
        Zone::new(Some(name), 2026).expect("a zone that exists")
    }

    fn check(zone: &Zone, text: &str, expected: &str) {
        let got = parse(text, zone).map(|s| format!("{} ±{} {:+}", s.time, s.precision_micros, s.utc_offset_seconds));
        assert_eq!(got.as_deref().unwrap_or("none"), expected, "{text}");
    }

    #[test]
    fn the_usual_forms() {
        let utc = Zone::utc();
        for text in [
            "2026-11-23T20:42:57Z",
            "2026-11-23 20:42:57",
            "2026-11-23T20:42:57+00:00",
            "2026-11-23 20:42:57 UTC",
            "2026/11/23 20:42:57",
            "20261123T204257Z",
            "20261123204257",
            "261123 20:42:57",
            "23/Nov/2026:20:42:57 +0000",
            "[23/Nov/2026:20:42:57 +0000]",
            "Mon Nov 23 20:42:57 2026",
            "Mon Nov 23 20:42:57 UTC 2026",
            "Mon, 23 Nov 2026 20:42:57 GMT",
            "Monday, 23 November 2026 20:42:57 +0000",
            "Nov 23 2026 20:42:57",
            "23-Nov-2026 20:42:57",
            "1795466577",
        ] {
            check(&utc, text, "2026-11-23T20:42:57.000Z ±1000000 +0");
        }
        check(&utc, "1795466577.109", "2026-11-23T20:42:57.109Z ±1000 +0");
        check(&utc, "1795466577109", "2026-11-23T20:42:57.109Z ±1000 +0");
        check(&utc, "1795466577109000", "2026-11-23T20:42:57.109Z ±1 +0");
        check(&utc, "1795466577109000000", "2026-11-23T20:42:57.109Z ±1 +0");
        check(&utc, "2026-11-24T04:42:57,109+08:00", "2026-11-23T20:42:57.109Z ±1000 +28800");
        check(&utc, "2026-11-24 04:42:57.10900 HKT", "2026-11-23T20:42:57.109Z ±10 +28800");
        check(&utc, "23/Nov/2026:15:12:57 -0530", "2026-11-23T20:42:57.000Z ±1000000 -19800");
        check(&utc, "2026-11-23T20:42Z", "2026-11-23T20:42:00.000Z ±60000000 +0");
    }

    #[test]
    fn what_is_no_stamp_is_refused() {
        for text in [
            "",
            "-",
            "yesterday",
            "2026-13-01T00:00:00Z",
            "2026-02-30 00:00:00",
            "2026-11-23",
            "25:00:00",
            "03/04/2026 10:00:00",
            "2026-11-23T20:42:57 CST",
            "12",
            "é",
            "2026-11-23T20:42:57Zoo",
        ] {
            check(&Zone::utc(), text, "none");
        }
    }

    #[test]
    fn an_abbreviation_with_many_meanings_needs_the_clock() {
        check(&zone("Asia/Shanghai"), "2026-11-23 20:42:57 CST", "2026-11-23T12:42:57.000Z ±1000000 +28800");
        check(&zone("America/Chicago"), "2026-11-23 20:42:57 CST", "2026-11-24T02:42:57.000Z ±1000000 -21600");
    }

    #[test]
    fn the_hour_that_happens_twice_goes_by_order() {
        let berlin = zone("Europe/Berlin"); // 2026-10-25, 03:00 CEST becomes 02:00 CET
        check(&berlin, "2026-10-25 02:10:00", "2026-10-25T00:10:00.000Z ±1000000 +7200");
        check(&berlin, "2026-10-25 02:59:59", "2026-10-25T00:59:59.000Z ±1000000 +7200");
        check(&berlin, "2026-10-25 02:58:00", "2026-10-25T00:58:00.000Z ±1000000 +7200"); // merely late
        check(&berlin, "2026-10-25 02:00:01", "2026-10-25T01:00:01.000Z ±1000000 +3600");
        check(&berlin, "2026-10-25 02:50:00", "2026-10-25T01:50:00.000Z ±1000000 +3600");
        check(&berlin, "2026-10-25 03:00:00", "2026-10-25T02:00:00.000Z ±1000000 +3600");
        check(&zone("Europe/Berlin"), "2026-10-25 02:10:00 CET", "2026-10-25T01:10:00.000Z ±1000000 +3600");
    }

    #[test]
    fn the_hour_that_does_not_happen_keeps_the_offset_before() {
        check(&zone("Europe/Berlin"), "2026-03-29 02:30:00", "2026-03-29T01:30:00.000Z ±1000000 +3600");
    }

    #[test]
    fn the_year_turns() {
        let zone = zone("UTC");
        check(&zone, "Dec 31 23:59:59", "2026-12-31T23:59:59.000Z ±1000000 +0");
        check(&zone, "Jan  1 00:00:01", "2027-01-01T00:00:01.000Z ±1000000 +0");
        check(&zone, "Dec 31 23:59:58", "2026-12-31T23:59:58.000Z ±1000000 +0");
        check(&zone, "Jan  1 00:00:02", "2027-01-01T00:00:02.000Z ±1000000 +0");
    }

    #[test]
    fn one_forged_stamp_moved_all_later_lines_by_a_year() {
        let zone = zone("UTC");
        check(&zone, "Nov 23 20:42:57", "2026-11-23T20:42:57.000Z ±1000000 +0");
        check(&zone, "2099-01-01 00:00:00", "2099-01-01T00:00:00.000Z ±1000000 +0");
        check(&zone, "Nov 23 20:42:58", "2026-11-23T20:42:58.000Z ±1000000 +0");
        check(&zone, "May  1 00:00:00", "2027-05-01T00:00:00.000Z ±1000000 +0");
        check(&zone, "Nov 23 20:42:59", "2026-11-23T20:42:59.000Z ±1000000 +0");
        // A machine that slept for months: the second line after it settles the year.
        check(&zone, "May  1 00:00:00", "2027-05-01T00:00:00.000Z ±1000000 +0");
        check(&zone, "May  1 00:00:01", "2027-05-01T00:00:01.000Z ±1000000 +0");
        check(&zone, "Nov 23 20:42:59", "2027-11-23T20:42:59.000Z ±1000000 +0");
    }

    #[test]
    fn the_first_year_comes_from_the_last_change() {
        let changed = |text: &str| parse(text, &Zone::utc()).expect("a stamp").time;
        let head = b"garbage\nDec 28 10:00:00 host sshd[1]: x\n";
        assert_eq!(assumed_year(head, changed("2027-01-03 00:00:00")), 2026);
        assert_eq!(assumed_year(head, changed("2026-12-29 00:00:00")), 2026);
        assert_eq!(assumed_year(b"", changed("2026-12-29 00:00:00")), 2026);
    }

    #[test]
    fn a_stamp_without_a_year_lay_behind_the_files_last_change() {
        let changed = |text: &str| parse(text, &Zone::utc()).map(|stamp| stamp.time);
        let zone = zone("UTC").until(changed("2026-08-10 12:00:00"));
        check(&zone, "Aug  9 20:42:57", "2026-08-09T20:42:57.000Z ±1000000 +0");
        // A record half a year late, and one that no clock of this file can have written.
        check(&zone, "Jan  3 00:00:00", "2026-01-03T00:00:00.000Z ±1000000 +0");
        check(&zone, "Oct  1 00:00:00", "2025-10-01T00:00:00.000Z ±1000000 +0");
        check(&zone, "Aug 11 01:00:00", "2026-08-11T01:00:00.000Z ±1000000 +0");
        // Records with years show that the file's date is wrong.
        for stamp in ["2026-11-23 20:42:57", "2026-11-23 20:42:58"] {
            check(&zone, stamp, &format!("{}.000Z ±1000000 +0", stamp.replace(' ', "T")));
        }
        check(&zone, "Nov 23 20:42:59", "2026-11-23T20:42:59.000Z ±1000000 +0");
    }

    #[test]
    fn a_date_that_says_nothing_is_today() {
        let at = |text: &str| parse(text, &Zone::utc()).expect("a stamp").time;
        let now = at("2026-12-01 00:00:00");
        for (dated, expected) in
            [("1970-01-01 00:00:01", "2026-12-01 00:00:00"), ("2031-01-01 00:00:00", "2026-12-01 00:00:00"), ("2025-03-04 00:00:00", "2025-03-04 00:00:00")]
        {
            assert_eq!(last_change(Some(at(dated)), now), at(expected));
        }
        assert_eq!(last_change(None, now), now);
    }

    #[test]
    fn formats_of_the_estate() {
        let check = |zone: &Zone, text: &str, format: &str, expected: &str| {
            let got = parse_format(text, format, zone).map(|s| format!("{} ±{} {:+}", s.time, s.precision_micros, s.utc_offset_seconds));
            assert_eq!(got.as_deref().unwrap_or("none"), expected);
        };
        check(&zone("Europe/London"), "03/04/2026 10:00:00", "%d/%m/%Y %H:%M:%S", "2026-04-03T09:00:00.000Z ±1000000 +3600");
        check(&zone("UTC"), "11/23/2026 08:42:57.25 PM", "%m/%d/%Y %I:%M:%S%.f %p", "2026-11-23T20:42:57.250Z ±10000 +0");
        check(&zone("UTC"), "23.11. 20:42", "%d.%m. %H:%M", "2026-11-23T20:42:00.000Z ±1000000 +0");
        check(&zone("UTC"), "2026-11-23 20:42:57 +0800", "%Y-%m-%d %H:%M:%S %z", "2026-11-23T12:42:57.000Z ±1000000 +28800");
        check(&zone("UTC"), "nonsense", "%Y", "none");
    }

    #[test]
    fn a_zone_that_does_not_exist_is_said() {
        assert!(Zone::new(Some("Asia/Hongkong"), 2026).is_err());
        assert!(Zone::new(Some("+08:00"), 2026).is_ok());
    }
}
