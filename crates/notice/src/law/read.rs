//! Law and calendar files as they are written, and the checks that turn them into what cannot be wrong.

use std::collections::BTreeMap;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Deserialize;
use toml::Spanned;
use toml::value::Datetime;

use super::{
    Audience, Check, CountedFrom, Deadline, Duty, EVENTS, Ends, Force, LawError, LetterForm, LetterRules, Period, Regime, Repeats, RestsOn, Span, Standing,
    Status, Trigger, Unit,
};
use crate::calendar::{Calendar, weekday};
use crate::forms;

/// Longer files are none of ours.
const FILE_BYTES_LIMIT: usize = 1 << 20;

/// Longest period that a rule can name, in its own unit. It keeps every sum far from the ends of time.
const AMOUNT_LIMIT: i64 = 100_000;

/// A file of either kind.
pub(super) enum Parsed {
    Calendar(Calendar),
    Regime(Box<Written>),
}

/// A regime file as it is written, with what errors need.
pub(super) struct Written {
    place: Place,
    file: File,
}

/// Where errors are.
#[derive(Clone)]
struct Place {
    path: String,
    /// Byte offsets of line starts.
    lines: Vec<usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    schema: Spanned<i64>,
    regime: Spanned<RawRegime>,
    #[serde(default)]
    events: BTreeMap<String, Spanned<String>>,
    #[serde(default, rename = "duty")]
    duties: Vec<Spanned<RawDuty>>,
}

/// A file with several regimes, each with its duties: a table of places whose rules differ in a few numbers.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TableFile {
    schema: Spanned<i64>,
    #[serde(rename = "regime")]
    regimes: Vec<Spanned<RawRegime>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRegime {
    id: Spanned<String>,
    name: Spanned<String>,
    standing: Standing,
    binding: bool,
    applies_to: Option<String>,
    rests_on: RestsOn,
    checked: Spanned<Datetime>,
    checked_by: Option<String>,
    #[serde(default)]
    status: Status,
    in_force_from: Option<Spanned<Datetime>>,
    in_force_to: Option<Spanned<Datetime>>,
    time_zone: Option<Spanned<String>>,
    calendar: Option<Spanned<String>>,
    letters: Option<Spanned<RawLetters>>,
    sources: Spanned<Vec<String>>,
    note: Option<String>,
    /// In a file with several regimes; elsewhere duties stand beside the regime.
    #[serde(default, rename = "duty")]
    duties: Vec<Spanned<RawDuty>>,
}

/// What a law asks of letters.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawLetters {
    #[serde(default)]
    email_needs_consent: bool,
    points: Option<Spanned<i64>>,
    #[serde(default)]
    form: BTreeMap<String, RawForm>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawForm {
    title: Spanned<String>,
    #[serde(default)]
    headings: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawDuty {
    id: Spanned<String>,
    title: Spanned<String>,
    recipient: String,
    audience: Audience,
    trigger: Option<Spanned<String>>,
    after: Option<Spanned<String>>,
    trigger_means: Option<String>,
    deadline: Spanned<RawDeadline>,
    condition: Option<String>,
    threshold_people: Option<Spanned<i64>>,
    fewer_than_people: Option<Spanned<i64>>,
    #[serde(default)]
    contents: Vec<String>,
    must_not_contain: Option<String>,
    #[serde(default)]
    exceptions: Vec<String>,
    late: Option<String>,
    phased: Option<String>,
    repeats: Option<RawRepeats>,
    channel: Option<String>,
    form: Option<Spanned<String>>,
    standing: Option<Standing>,
    binding: Option<bool>,
    rests_on: Option<RestsOn>,
    #[serde(default)]
    sources: Vec<String>,
    checked: Option<Spanned<Datetime>>,
    checked_by: Option<String>,
    status: Option<Status>,
    in_force_from: Option<Spanned<Datetime>>,
    in_force_to: Option<Spanned<Datetime>>,
    note: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawDeadline {
    within: Option<Spanned<i64>>,
    unit: Option<Spanned<Unit>>,
    ends: Option<Ends>,
    from: Option<CountedFrom>,
    #[serde(default)]
    closed_weekdays: Vec<Spanned<String>>,
    promptly: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRepeats {
    every: Spanned<i64>,
    unit: Spanned<Unit>,
    until: Spanned<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CalendarFile {
    schema: Spanned<i64>,
    calendar: Spanned<RawCalendar>,
    #[serde(default)]
    holidays: BTreeMap<String, Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCalendar {
    id: Spanned<String>,
    name: String,
    covers_from: Spanned<Datetime>,
    covers_to: Spanned<Datetime>,
    closed_weekdays: Spanned<Vec<Spanned<String>>>,
    rests_on: RestsOn,
    checked: Spanned<Datetime>,
    sources: Spanned<Vec<String>>,
}

/// Reads one file. A regime is checked further by [`Written::check`], once the calendars are known.
pub(super) fn parse(path: &str, text: &str) -> Result<Vec<Parsed>, LawError> {
    let lines = std::iter::once(0).chain(text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1)).collect();
    let place = Place { path: path.to_owned(), lines };
    if text.len() > FILE_BYTES_LIMIT {
        return Err(place.at_line(0, "the file is longer than a law file can be".to_owned(), "keep it below one MiB"));
    }
    // A header line decides: it keeps the error of a broken file about what its writer meant.
    if text.lines().any(|line| line.trim() == "[calendar]") {
        let file: CalendarFile = toml::from_str(text).map_err(|error| place.of_toml(&error))?;
        return Ok(vec![Parsed::Calendar(check_calendar(&place, file)?)]);
    }
    if text.lines().any(|line| line.trim() == "[[regime]]") {
        let file: TableFile = toml::from_str(text).map_err(|error| place.of_toml(&error))?;
        place.schema(&file.schema)?;
        let written = |mut regime: Spanned<RawRegime>| {
            let duties = std::mem::take(&mut regime.get_mut().duties);
            let file = File { schema: file.schema.clone(), regime, events: BTreeMap::new(), duties };
            Parsed::Regime(Box::new(Written { place: place.clone(), file }))
        };
        return Ok(file.regimes.into_iter().map(written).collect());
    }
    let mut file: File = toml::from_str(text).map_err(|error| place.of_toml(&error))?;
    file.duties.append(&mut file.regime.get_mut().duties);
    Ok(vec![Parsed::Regime(Box::new(Written { place, file }))])
}

impl Place {
    fn at_line(&self, line: usize, problem: String, hint: &str) -> LawError {
        LawError { path: self.path.clone(), line, problem, hint: hint.to_owned() }
    }

    fn line_of(&self, offset: usize) -> usize {
        self.lines.partition_point(|start| *start <= offset)
    }

    fn at<T>(&self, value: &Spanned<T>, problem: String, hint: &str) -> LawError {
        self.at_line(self.line_of(value.span().start), problem, hint)
    }

    fn of_toml(&self, error: &toml::de::Error) -> LawError {
        let line = error.span().map_or(0, |span| self.line_of(span.start));
        self.at_line(line, error.message().replace('\n', " "), "docs/law.md describes every field")
    }

    fn schema(&self, schema: &Spanned<i64>) -> Result<(), LawError> {
        match schema.get_ref() {
            1 => Ok(()),
            other => Err(self.at(schema, format!("this version does not know schema {other}"), "it knows schema 1; docs/law.md describes it")),
        }
    }

    fn id(&self, id: &Spanned<String>) -> Result<String, LawError> {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if !id.get_ref().is_empty() && id.get_ref().len() <= 64 && id.get_ref().chars().all(plain) {
            return Ok(id.get_ref().clone());
        }
        Err(self.at(id, format!("{:?} is not an id", id.get_ref()), "an id is at most 64 lower-case letters, digits and hyphens"))
    }

    fn date(&self, written: &Spanned<Datetime>) -> Result<Date, LawError> {
        let wrong = || self.at(written, format!("{} is not a date", written.get_ref()), "write a date without a time, such as 2026-11-25");
        let Datetime { date: Some(date), time: None, offset: None } = written.get_ref() else { return Err(wrong()) };
        date_of(i64::from(date.year), i64::from(date.month), i64::from(date.day)).ok_or_else(wrong)
    }

    /// A whole number of at least one, and no more than any rule has.
    fn amount(&self, written: &Spanned<i64>, what: &str) -> Result<u32, LawError> {
        let amount = *written.get_ref();
        if amount > AMOUNT_LIMIT {
            return Err(self.at(written, format!("{what} of {amount} is beyond what can be counted"), &format!("write at most {AMOUNT_LIMIT}")));
        }
        match u32::try_from(amount) {
            Ok(amount) if amount > 0 => Ok(amount),
            _ => Err(self.at(written, format!("{what} of {amount} ends before it begins"), "write a whole number above 0")),
        }
    }

    fn weekdays(&self, written: &[Spanned<String>]) -> Result<Vec<String>, LawError> {
        for name in written {
            if weekday(name.get_ref()).is_none() {
                return Err(self.at(name, format!("{:?} is not a weekday", name.get_ref()), "write monday, tuesday … sunday"));
            }
        }
        Ok(written.iter().map(|name| name.get_ref().clone()).collect())
    }
}

fn date_of(year: i64, month: i64, day: i64) -> Option<Date> {
    Date::new(i16::try_from(year).ok()?, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()
}

fn check_calendar(place: &Place, file: CalendarFile) -> Result<Calendar, LawError> {
    place.schema(&file.schema)?;
    let raw = file.calendar.into_inner();
    let (from, to) = (place.date(&raw.covers_from)?, place.date(&raw.covers_to)?);
    if to < from {
        return Err(place.at(&raw.covers_to, "the calendar ends before it begins".to_owned(), "write a covers_to after covers_from"));
    }
    let closed_names = place.weekdays(raw.closed_weekdays.get_ref())?;
    let mut closed_weekdays: Vec<_> = closed_names.iter().filter_map(|name| weekday(name)).collect();
    closed_weekdays.sort_by_key(|day| day.to_monday_zero_offset());
    closed_weekdays.dedup();
    if closed_weekdays.len() == 7 {
        return Err(place.at(&raw.closed_weekdays, "every day of the week is closed".to_owned(), "leave at least one open"));
    }
    let mut holidays = BTreeMap::new();
    for (written, name) in &file.holidays {
        let hint = "write dates as 2026-12-25";
        let date: Date = written.parse().map_err(|_| place.at(name, format!("{written:?} is no date"), hint))?;
        if date < from || to < date {
            return Err(place.at(name, format!("{date} lies outside of what the calendar covers"), "widen covers_from or covers_to, or remove it"));
        }
        holidays.insert(date, name.get_ref().clone());
    }
    if raw.sources.get_ref().is_empty() {
        return Err(place.at(&raw.sources, "the calendar names no source".to_owned(), "say where the dates are from"));
    }
    Ok(Calendar {
        id: place.id(&raw.id)?,
        name: raw.name,
        covers_from: from,
        covers_to: to,
        closed_weekdays,
        holidays,
        rests_on: raw.rests_on,
        checked: place.date(&raw.checked)?,
        sources: raw.sources.into_inner(),
        path: place.path.clone(),
    })
}

impl Written {
    /// The regime, if everything it says can be followed.
    pub(super) fn check(self, calendars: &BTreeMap<String, Calendar>) -> Result<Regime, LawError> {
        let Self { place, file } = self;
        place.schema(&file.schema)?;
        let raw = file.regime.get_ref();
        let id = place.id(&raw.id)?;
        check_names(&place, raw, calendars)?;
        let days = in_force(&place, raw.in_force_from.as_ref(), raw.in_force_to.as_ref())?;
        let checked = Check { on: place.date(&raw.checked)?, by: raw.checked_by.clone() };
        let events = check_events(&place, &file.events)?;
        if raw.sources.get_ref().is_empty() {
            return Err(place.at(&raw.sources, "the regime names no source".to_owned(), "say where the rule stands, or who set it"));
        }
        let ids: Vec<&Spanned<String>> = file.duties.iter().map(|duty| &duty.get_ref().id).collect();
        for (at, own) in ids.iter().enumerate() {
            if ids[..at].iter().any(|earlier| earlier.get_ref() == own.get_ref()) {
                return Err(place.at(own, format!("two duties have the id {:?}", own.get_ref()), "give one of them another id"));
            }
        }
        let context = Context { place: &place, regime: &id, raw, events: &events, ids: &ids, checked: &checked };
        let duties: Vec<Duty> = file.duties.iter().map(|duty| context.duty(duty)).collect::<Result<_, _>>()?;
        if duties.is_empty() {
            return Err(place.at(&file.regime, "the regime has no duty".to_owned(), "add a [[duty]]"));
        }
        Ok(Regime {
            name: raw.name.get_ref().clone(),
            applies_to: raw.applies_to.clone(),
            days,
            status: raw.status,
            letters: letter_rules(&place, raw)?,
            time_zone: raw.time_zone.as_ref().map(|zone| zone.get_ref().clone()),
            calendar: raw.calendar.as_ref().map(|calendar| calendar.get_ref().clone()),
            checked,
            sources: raw.sources.get_ref().clone(),
            note: raw.note.clone(),
            duties,
            path: place.path.clone(),
            id,
            events,
        })
    }
}

fn check_names(place: &Place, raw: &RawRegime, calendars: &BTreeMap<String, Calendar>) -> Result<(), LawError> {
    if let Some(zone) = &raw.time_zone
        && TimeZone::get(zone.get_ref()).is_err()
    {
        return Err(place.at(
            zone,
            format!("there is no time zone {:?}", zone.get_ref()),
            "use an IANA name such as Asia/Hong_Kong; if it is one, this machine lacks the time zone database (tzdata)",
        ));
    }
    if let Some(calendar) = &raw.calendar
        && !calendars.contains_key(calendar.get_ref())
    {
        let known: Vec<String> = calendars.keys().map(|id| format!("{id:?}")).collect();
        let hint = format!("there are: {}; add a calendar file for another", known.join(", "));
        return Err(place.at(calendar, format!("there is no calendar {:?}", calendar.get_ref()), &hint));
    }
    Ok(())
}

/// Larger than any page of a letter is set in.
const POINTS_LIMIT: u32 = 24;

fn letter_rules(place: &Place, raw: &RawRegime) -> Result<LetterRules, LawError> {
    let Some(written) = &raw.letters else { return Ok(LetterRules::default()) };
    let letters = written.get_ref();
    let points = letters.points.as_ref().map(|points| place.amount(points, "a size of type")).transpose()?;
    if let (Some(written), Some(points)) = (&letters.points, points)
        && points > POINTS_LIMIT
    {
        return Err(place.at(written, format!("no letter is set in {points} points"), &format!("write at most {POINTS_LIMIT}")));
    }
    let mut forms = BTreeMap::new();
    for (language, form) in &letters.form {
        if form.title.get_ref().trim().is_empty() || form.headings.iter().any(|heading| heading.trim().is_empty()) {
            return Err(place.at(&form.title, "a title or a heading says nothing".to_owned(), "write the law's own words"));
        }
        let form = LetterForm { regime: raw.id.get_ref().clone(), title: form.title.get_ref().clone(), headings: form.headings.clone() };
        forms.insert(language.clone(), form);
    }
    Ok(LetterRules { email_needs_consent: letters.email_needs_consent, points, forms })
}

fn in_force(place: &Place, from: Option<&Spanned<Datetime>>, to: Option<&Spanned<Datetime>>) -> Result<Span, LawError> {
    let days = Span { from: from.map(|date| place.date(date)).transpose()?, to: to.map(|date| place.date(date)).transpose()? };
    match (days.from, days.to, to) {
        (Some(first), Some(last), Some(written)) if last < first => {
            Err(place.at(written, "the rule ends before it begins".to_owned(), "write an in_force_to after in_force_from"))
        }
        _ => Ok(days),
    }
}

fn check_events(place: &Place, written: &BTreeMap<String, Spanned<String>>) -> Result<BTreeMap<String, String>, LawError> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    for (id, meaning) in written {
        if id.is_empty() || id.len() > 64 || !id.chars().all(plain) {
            return Err(place.at(meaning, format!("{id:?} cannot name an event"), "use at most 64 lower-case letters, digits and underscores"));
        }
        if EVENTS.iter().any(|(common, _)| common == id) {
            return Err(place.at(meaning, format!("{id:?} is an event of every regime already"), "use it as it is, or choose another name"));
        }
    }
    Ok(written.iter().map(|(id, meaning)| (id.clone(), meaning.get_ref().clone())).collect())
}

/// What the checks of a duty stand on.
struct Context<'a> {
    place: &'a Place,
    regime: &'a str,
    raw: &'a RawRegime,
    events: &'a BTreeMap<String, String>,
    ids: &'a [&'a Spanned<String>],
    checked: &'a Check,
}

impl Context<'_> {
    fn duty(&self, written: &Spanned<RawDuty>) -> Result<Duty, LawError> {
        let raw = written.get_ref();
        let binding = raw.binding.unwrap_or(self.raw.binding);
        let people = |written: &Option<Spanned<i64>>| match written {
            Some(people) => self.place.amount(people, "a threshold").map(|people| Some(u64::from(people))),
            None => Ok(None),
        };
        Ok(Duty {
            id: format!("{}/{}", self.regime, self.place.id(&raw.id)?),
            title: raw.title.get_ref().clone(),
            recipient: raw.recipient.clone(),
            audience: raw.audience,
            trigger: self.trigger(raw)?,
            trigger_means: raw.trigger_means.clone(),
            deadline: self.deadline(&raw.deadline)?,
            condition: raw.condition.clone(),
            threshold_people: people(&raw.threshold_people)?,
            fewer_than_people: people(&raw.fewer_than_people)?,
            contents: raw.contents.clone(),
            must_not_contain: raw.must_not_contain.clone(),
            exceptions: raw.exceptions.clone(),
            late: raw.late.clone(),
            phased: raw.phased.clone(),
            repeats: raw.repeats.as_ref().map(|repeats| self.repeats(repeats, &raw.deadline)).transpose()?,
            channel: raw.channel.clone(),
            form: self.form(raw.form.as_ref())?,
            standing: raw.standing.unwrap_or(self.raw.standing),
            force: if binding { Force::Binding } else { Force::Voluntary },
            rests_on: raw.rests_on.unwrap_or(self.raw.rests_on),
            sources: raw.sources.clone(),
            checked: self.checked(raw)?,
            status: raw.status.unwrap_or(self.raw.status),
            days: in_force(self.place, raw.in_force_from.as_ref(), raw.in_force_to.as_ref())?,
            note: raw.note.clone(),
        })
    }

    /// The duty's own comparison, or else the regime's. A day of its own without a name is nobody's.
    fn checked(&self, raw: &RawDuty) -> Result<Check, LawError> {
        match &raw.checked {
            Some(on) => Ok(Check { on: self.place.date(on)?, by: raw.checked_by.clone() }),
            None => Ok(Check { on: self.checked.on, by: raw.checked_by.clone().or_else(|| self.checked.by.clone()) }),
        }
    }

    fn trigger(&self, raw: &RawDuty) -> Result<Trigger, LawError> {
        match (&raw.trigger, &raw.after) {
            (Some(event), None) => self.event(event).map(Trigger::Event),
            (None, Some(duty)) if duty.get_ref() == raw.id.get_ref() => {
                Err(self.place.at(duty, "a duty cannot wait for itself".to_owned(), "name another duty, or a trigger"))
            }
            (None, Some(duty)) if self.ids.iter().any(|id| id.get_ref() == duty.get_ref()) => Ok(Trigger::Done(format!("{}/{}", self.regime, duty.get_ref()))),
            (None, Some(duty)) => {
                let known: Vec<&str> = self.ids.iter().map(|id| id.get_ref().as_str()).collect();
                Err(self.place.at(duty, format!("there is no duty {:?} in this file", duty.get_ref()), &format!("there are: {}", known.join(", "))))
            }
            (Some(_), Some(duty)) => Err(self.place.at(duty, "a duty has both trigger and after".to_owned(), "keep one of them")),
            (None, None) => {
                Err(self.place.at(&raw.title, "the duty has neither trigger nor after".to_owned(), "say what starts its clock: trigger = \"aware\""))
            }
        }
    }

    fn event(&self, event: &Spanned<String>) -> Result<String, LawError> {
        let name = event.get_ref();
        if EVENTS.iter().any(|(id, _)| id == name) || self.events.contains_key(name) {
            return Ok(name.clone());
        }
        let known: Vec<&str> = EVENTS.iter().map(|(id, _)| *id).chain(self.events.keys().map(String::as_str)).collect();
        Err(self.place.at(event, format!("there is no event {name:?}"), &format!("describe it under [events], or use one of: {}", known.join(", "))))
    }

    fn deadline(&self, written: &Spanned<RawDeadline>) -> Result<Deadline, LawError> {
        let raw = written.get_ref();
        if let Some(words) = &raw.promptly
            && words.get_ref().trim().is_empty()
        {
            return Err(self.place.at(words, "promptly says nothing".to_owned(), "give the rule's own words"));
        }
        if raw.within.is_none() && raw.promptly.is_none() {
            return Err(self.place.at(written, "the deadline has neither within nor promptly".to_owned(), "write { within = 72, unit = \"hours\" }"));
        }
        let promptly = raw.promptly.as_ref().map(|words| words.get_ref().clone());
        Ok(Deadline { promptly, within: raw.within.as_ref().map(|within| self.period(raw, within)).transpose()? })
    }

    fn period(&self, raw: &RawDeadline, within: &Spanned<i64>) -> Result<Period, LawError> {
        let Some(unit) = &raw.unit else {
            return Err(self.place.at(within, "the deadline has no unit".to_owned(), "add unit = \"hours\" (or minutes, days, business_days, months)"));
        };
        if *unit.get_ref() == Unit::BusinessDays && self.raw.calendar.is_none() {
            return Err(self.place.at(unit, "business days need a holiday calendar".to_owned(), "add calendar = \"hk\" (or another) to [regime]"));
        }
        Ok(Period {
            amount: self.place.amount(within, "a deadline")?,
            unit: *unit.get_ref(),
            ends: raw.ends.unwrap_or_default(),
            from: raw.from.unwrap_or_default(),
            closed_weekdays: self.place.weekdays(&raw.closed_weekdays)?,
        })
    }

    fn repeats(&self, raw: &RawRepeats, deadline: &Spanned<RawDeadline>) -> Result<Repeats, LawError> {
        if !matches!(raw.unit.get_ref(), Unit::Days | Unit::Months) {
            return Err(self.place.at(&raw.unit, "a report can repeat every so many days or months".to_owned(), "write days or months"));
        }
        if deadline.get_ref().within.is_none() {
            return Err(self.place.at(
                deadline,
                "a report that repeats needs a first deadline with a number".to_owned(),
                "write { within = 14, unit = \"days\" }",
            ));
        }
        Ok(Repeats { every: self.place.amount(&raw.every, "a repetition")?, unit: *raw.unit.get_ref(), until: self.event(&raw.until)? })
    }

    fn form(&self, form: Option<&Spanned<String>>) -> Result<Option<String>, LawError> {
        match form {
            Some(form) if forms::FormId::of(form.get_ref()).is_none() => {
                let known: Vec<&str> = forms::FormId::ALL.iter().map(|id| id.as_str()).collect();
                Err(self.place.at(form, format!("there is no form {:?}", form.get_ref()), &format!("there are: {}", known.join(", "))))
            }
            other => Ok(other.map(|form| form.get_ref().clone())),
        }
    }
}
