//! Law as data: regimes, their duties, and the events that start clocks. What a file says is checked here; what it means for a
//! case is in `duties`, and how a deadline is counted in `clock`. The schema is `docs/law.md`.

mod read;

use std::collections::BTreeMap;

use jiff::civil::{Date, Weekday};
use serde::{Deserialize, Serialize};

use crate::calendar::{self, Calendar};

/// A mistake in a law or calendar file, with its place and the way out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path} line {line}: {problem}; {hint}")]
pub struct LawError {
    /// The file.
    pub path: String,
    /// 1-based line; 0 where the whole file is meant.
    pub line: usize,
    /// What is wrong.
    pub problem: String,
    /// What would be right.
    pub hint: String,
}

/// What kind of rule a duty is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// An act, an ordinance, a regulation.
    Law,
    /// What an authority, or a government for itself, asks for.
    Guidance,
    /// What the organisation has set itself.
    HouseRule,
}

/// Whether who it applies to must follow it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Force {
    /// It must be followed.
    Binding,
    /// It is recommended.
    Voluntary,
}

/// What was read before a rule was written down here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RestsOn {
    /// The rule's own words.
    OfficialText,
    /// A page of the authority.
    OfficialPage,
    /// What somebody else wrote of it.
    Secondary,
    /// The organisation's own decision.
    HouseRule,
}

/// Whom a duty is owed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Audience {
    /// An authority.
    Authority,
    /// The people whose data it is.
    Individuals,
    /// Somebody inside, or a record kept inside.
    Internal,
    /// The police.
    Police,
    /// The public, by the media.
    Media,
    /// The controller that a processor works for.
    Controller,
}

/// What starts a duty's clock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Trigger {
    /// A recorded event.
    Event(String),
    /// Another duty that was done, `regime/duty`.
    Done(String),
}

/// A unit that deadlines are counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// 60 seconds each, whatever the clocks on the wall do.
    Minutes,
    /// 60 minutes each, whatever the clocks on the wall do.
    Hours,
    /// Days of the calendar.
    Days,
    /// Days of the calendar that are not closed.
    BusinessDays,
    /// Months of the calendar; a day that the month has not becomes its last.
    Months,
}

/// When, on its last day, a period in days or months ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ends {
    /// At the time of day at which it began: the strictest reading, for rules that do not say.
    #[default]
    SameTime,
    /// At 23:59:59.
    EndOfDay,
}

/// What a period is counted from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CountedFrom {
    /// The event itself.
    #[default]
    Event,
    /// The end of the calendar year of the event.
    EndOfCalendarYear,
}

/// A period with an end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Period {
    /// How many; above 0.
    pub amount: u32,
    /// Of what.
    pub unit: Unit,
    /// When it ends on its last day.
    pub ends: Ends,
    /// From when.
    pub from: CountedFrom,
    /// Weekdays that count as closed besides those of the calendar; for business days.
    pub closed_weekdays: Vec<String>,
}

/// When a duty is due: in the rule's own words, within a period, or both (`without unreasonable delay, and within 60 days`). It has
/// one of them at least.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Deadline {
    /// In the rule's own words, without a number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub promptly: Option<String>,
    /// Within a period.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub within: Option<Period>,
}

/// How far a rule has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It is in force, from its first day to its last.
    #[default]
    InForce,
    /// It was adopted, and begins on its first day; without one it has not begun.
    Adopted,
    /// Somebody proposed it. Nobody is bound.
    Draft,
}

/// When somebody last compared a rule with its sources, and who.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// The day.
    pub on: Date,
    /// Who; `None`: the file does not say.
    pub by: Option<String>,
}

/// The first and the last day of a rule; `None`: the sources do not say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Span {
    /// First day in force.
    pub from: Option<Date>,
    /// Last day in force.
    pub to: Option<Date>,
}

impl Span {
    /// Whether it holds the day.
    pub fn holds(&self, day: Date) -> bool {
        self.from.is_none_or(|from| from <= day) && self.to.is_none_or(|to| day <= to)
    }
}

/// A report that comes again and again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Repeats {
    /// Every so many.
    pub every: u32,
    /// Of what: days or months.
    pub unit: Unit,
    /// The event that ends it.
    pub until: String,
}

/// One duty of a regime.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Duty {
    /// `regime/duty`.
    pub id: String,
    /// What to do, one line.
    pub title: String,
    /// Whom it is owed to.
    pub recipient: String,
    /// Of which kind the recipient is.
    pub audience: Audience,
    /// What starts the clock.
    pub trigger: Trigger,
    /// What the rule calls that.
    pub trigger_means: Option<String>,
    /// When it is due.
    pub deadline: Deadline,
    /// What else must hold, or what frees from it.
    pub condition: Option<String>,
    /// From how many people on.
    pub threshold_people: Option<u64>,
    /// Only below so many people.
    pub fewer_than_people: Option<u64>,
    /// What it must contain.
    pub contents: Vec<String>,
    /// What it must not contain.
    pub must_not_contain: Option<String>,
    /// What frees from it or delays it.
    pub exceptions: Vec<String>,
    /// What to do when it is late.
    pub late: Option<String>,
    /// How it can be given in parts.
    pub phased: Option<String>,
    /// Whether it comes again.
    pub repeats: Option<Repeats>,
    /// By which channel.
    pub channel: Option<String>,
    /// The form that is filled for it.
    pub form: Option<String>,
    /// Law, guidance or house rule.
    pub standing: Standing,
    /// Whether it must be followed.
    pub force: Force,
    /// What was read.
    pub rests_on: RestsOn,
    /// Where it stands, besides what the regime names.
    pub sources: Vec<String>,
    /// When somebody last compared it with them, and who.
    pub checked: Check,
    /// How far it has come.
    pub status: Status,
    /// Its days, where they differ from the regime's.
    pub days: Span,
    /// What a reader must know.
    pub note: Option<String>,
}

/// One regime: a law, a guideline or a house rule, and the duties in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Regime {
    /// Short id, as the estate names it.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Who it applies to, where the sources say.
    pub applies_to: Option<String>,
    /// First and last day in force.
    pub days: Span,
    /// How far it has come.
    pub status: Status,
    /// IANA zone in which its days are counted; the organisation's where none is given.
    pub time_zone: Option<String>,
    /// The holiday calendar of the place, by id.
    pub calendar: Option<String>,
    /// What it asks of the letters to people.
    pub letters: LetterRules,
    /// When somebody last compared it with its sources, and who.
    pub checked: Check,
    /// What was read.
    pub sources: Vec<String>,
    /// What a reader must know.
    pub note: Option<String>,
    /// Events of its own, besides the common ones: id and meaning.
    pub events: BTreeMap<String, String>,
    /// Its duties, in the file's order.
    pub duties: Vec<Duty>,
    /// The file it was read from.
    pub path: String,
}

/// What laws ask of a letter: the way it goes, and how it looks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LetterRules {
    /// Whether people are written to by e-mail only if they agreed to it; others get paper.
    pub email_needs_consent: bool,
    /// The smallest type, in points.
    pub points: Option<u32>,
    /// The title and the headings that the law's own words ask for, by language.
    pub forms: BTreeMap<String, LetterForm>,
}

/// The title and the headings of a letter, as a law has them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LetterForm {
    /// The law: its id.
    pub regime: String,
    /// The title.
    pub title: String,
    /// The headings, in order; others may stand between them.
    pub headings: Vec<String>,
}

impl LetterRules {
    /// What these and others ask together: the strictest of each. Where two laws ask for a form, the first one has it.
    fn and(&mut self, other: &Self) {
        self.email_needs_consent |= other.email_needs_consent;
        self.points = self.points.max(other.points);
        for (language, form) in &other.forms {
            self.forms.entry(language.clone()).or_insert_with(|| form.clone());
        }
    }
}

/// Events that start clocks and that every regime can name: id and meaning.
pub const EVENTS: &[(&str, &str)] = &[
    ("access_known_people_unclear", "illegal access is known, and the affected people are hard to identify"),
    ("assessed_notifiable", "the breach was assessed, and must be notified"),
    ("aware", "the organisation became aware of the breach, with a reasonable degree of certainty"),
    ("credible_grounds", "there were credible grounds to believe that a breach occurred"),
    ("crime_suspected", "a crime was suspected"),
    ("detected", "the breach was detected"),
    ("determined", "the organisation determined that the breach occurred"),
    ("discovered", "the breach was discovered, or would have been with reasonable diligence"),
    ("high_risk", "the breach was found likely to result in a high risk to people"),
    ("identified", "the incident was first identified"),
    ("leak_possible", "a leak occurred, or may have occurred"),
    ("onset", "the incident began"),
    ("personal_data_involved", "personal data was found to be involved"),
    ("processor_aware", "we, as a processor, became aware of the breach"),
    ("ransom_paid", "a ransom was paid, by the organisation or for it"),
    ("reasonable_grounds", "there were reasonable grounds to believe that a notifiable breach occurred"),
    ("resolved", "the incident was resolved"),
    ("significant_harm", "the breach was found likely to cause significant harm"),
    ("statement_prepared", "the statement for the authority was prepared"),
    ("suspected", "a notifiable breach was suspected"),
];

/// Files that come with the program: path and text.
const BUILT_IN: &[(&str, &str)] = &[
    ("law/holidays/br.toml", include_str!("../../../law/holidays/br.toml")),
    ("law/holidays/hk.toml", include_str!("../../../law/holidays/hk.toml")),
    ("law/holidays/us.toml", include_str!("../../../law/holidays/us.toml")),
    ("law/au-ndb.toml", include_str!("../../../law/au-ndb.toml")),
    ("law/au-ransom.toml", include_str!("../../../law/au-ransom.toml")),
    ("law/br-lgpd.toml", include_str!("../../../law/br-lgpd.toml")),
    ("law/ca-pipeda.toml", include_str!("../../../law/ca-pipeda.toml")),
    ("law/ca-quebec.toml", include_str!("../../../law/ca-quebec.toml")),
    ("law/ch-fadp.toml", include_str!("../../../law/ch-fadp.toml")),
    ("law/cn-cac.toml", include_str!("../../../law/cn-cac.toml")),
    ("law/cn-pipl.toml", include_str!("../../../law/cn-pipl.toml")),
    ("law/eu-cra.toml", include_str!("../../../law/eu-cra.toml")),
    ("law/eu-dora.toml", include_str!("../../../law/eu-dora.toml")),
    ("law/eu-nis2.toml", include_str!("../../../law/eu-nis2.toml")),
    ("law/gdpr.toml", include_str!("../../../law/gdpr.toml")),
    ("law/hk-cap653.toml", include_str!("../../../law/hk-cap653.toml")),
    ("law/hk-hkma.toml", include_str!("../../../law/hk-hkma.toml")),
    ("law/hk-ispg-sm02.toml", include_str!("../../../law/hk-ispg-sm02.toml")),
    ("law/hk-pdpo.toml", include_str!("../../../law/hk-pdpo.toml")),
    ("law/hk-sfc.toml", include_str!("../../../law/hk-sfc.toml")),
    ("law/in-certin.toml", include_str!("../../../law/in-certin.toml")),
    ("law/in-dpdp.toml", include_str!("../../../law/in-dpdp.toml")),
    ("law/jp-appi.toml", include_str!("../../../law/jp-appi.toml")),
    ("law/kr-pipa.toml", include_str!("../../../law/kr-pipa.toml")),
    ("law/mo-cyber.toml", include_str!("../../../law/mo-cyber.toml")),
    ("law/my-pdpa.toml", include_str!("../../../law/my-pdpa.toml")),
    ("law/nz-privacy.toml", include_str!("../../../law/nz-privacy.toml")),
    ("law/ph-dpa.toml", include_str!("../../../law/ph-dpa.toml")),
    ("law/sg-pdpa.toml", include_str!("../../../law/sg-pdpa.toml")),
    ("law/th-pdpa.toml", include_str!("../../../law/th-pdpa.toml")),
    ("law/tw-pdpa.toml", include_str!("../../../law/tw-pdpa.toml")),
    ("law/uk-gdpr.toml", include_str!("../../../law/uk-gdpr.toml")),
    ("law/us-ca.toml", include_str!("../../../law/us-ca.toml")),
    ("law/us-circia.toml", include_str!("../../../law/us-circia.toml")),
    ("law/us-glba.toml", include_str!("../../../law/us-glba.toml")),
    ("law/us-hipaa.toml", include_str!("../../../law/us-hipaa.toml")),
    ("law/us-nydfs.toml", include_str!("../../../law/us-nydfs.toml")),
    ("law/us-sec.toml", include_str!("../../../law/us-sec.toml")),
    ("law/us-states.toml", include_str!("../../../law/us-states.toml")),
    ("law/za-popia.toml", include_str!("../../../law/za-popia.toml")),
];

/// All regimes and calendars that are known.
#[derive(Clone, Debug, Default)]
pub struct LawBook {
    regimes: BTreeMap<String, Regime>,
    calendars: BTreeMap<String, Calendar>,
}

impl LawBook {
    /// The regimes that come with the program.
    ///
    /// # Errors
    /// If the machine has no time zones: the files themselves are valid, and a test reads them.
    pub fn built_in() -> Result<Self, LawError> {
        Self::default().and(BUILT_IN)
    }

    /// Adds files, each a path and its text. A regime or calendar with the id of a known one takes its place, so that a
    /// changed law needs no new program; two of the same id among the added files are a mistake.
    ///
    /// # Errors
    /// The first mistake.
    pub fn and<P: AsRef<str>, T: AsRef<str>>(mut self, files: &[(P, T)]) -> Result<Self, LawError> {
        let mut parsed = Vec::new();
        for (path, text) in files {
            parsed.extend(read::parse(path.as_ref(), text.as_ref())?);
        }
        let mut added = BTreeMap::new();
        // Calendars first: regimes name them.
        for file in &parsed {
            if let read::Parsed::Calendar(calendar) = file {
                require_new(&mut added, "calendar", &calendar.id, &calendar.path)?;
                self.calendars.insert(calendar.id.clone(), calendar.clone());
            }
        }
        for file in parsed {
            if let read::Parsed::Regime(raw) = file {
                let regime = raw.check(&self.calendars)?;
                require_new(&mut added, "regime", &regime.id, &regime.path)?;
                self.regimes.insert(regime.id.clone(), regime);
            }
        }
        Ok(self)
    }

    /// A regime, by id.
    pub fn regime(&self, id: &str) -> Option<&Regime> {
        self.regimes.get(id)
    }

    /// All regimes, by id.
    pub fn regimes(&self) -> impl Iterator<Item = &Regime> {
        self.regimes.values()
    }

    /// What some regimes together ask of a letter to somebody who falls under them.
    pub fn letter_rules<'i>(&self, ids: impl IntoIterator<Item = &'i String>) -> LetterRules {
        let mut rules = LetterRules::default();
        ids.into_iter().filter_map(|id| self.regimes.get(id)).for_each(|regime| rules.and(&regime.letters));
        rules
    }

    /// A calendar, by id.
    pub fn calendar(&self, id: &str) -> Option<&Calendar> {
        self.calendars.get(id)
    }

    /// A duty and its regime, by `regime/duty`.
    pub fn duty(&self, id: &str) -> Option<(&Regime, &Duty)> {
        let regime = self.regimes.get(id.split_once('/')?.0)?;
        regime.duties.iter().find(|duty| duty.id == id).map(|duty| (regime, duty))
    }

    /// What an event means, in general; `None` if no regime and no common list knows it.
    pub fn event_means(&self, event: &str) -> Option<&str> {
        let common = EVENTS.iter().find(|(id, _)| *id == event).map(|(_, means)| *means);
        common.or_else(|| self.regimes.values().find_map(|regime| regime.events.get(event).map(String::as_str)))
    }

    /// Every event that some regime of `ids` waits for, sorted.
    pub fn events_of(&self, ids: &[String]) -> Vec<&str> {
        let duties = ids.iter().filter_map(|id| self.regimes.get(id)).flat_map(|regime| &regime.duties);
        let mut events: Vec<&str> = duties
            .flat_map(|duty| {
                let started = match &duty.trigger {
                    Trigger::Event(event) => Some(event.as_str()),
                    Trigger::Done(_) => None,
                };
                started.into_iter().chain(duty.repeats.as_ref().map(|repeats| repeats.until.as_str()))
            })
            .collect();
        events.sort_unstable();
        events.dedup();
        events
    }
}

fn require_new(added: &mut BTreeMap<(&'static str, String), String>, kind: &'static str, id: &str, path: &str) -> Result<(), LawError> {
    match added.insert((kind, id.to_owned()), path.to_owned()) {
        None => Ok(()),
        Some(first) => Err(LawError {
            path: path.to_owned(),
            line: 0,
            problem: format!("{first} has a {kind} {id:?} too"),
            hint: "give one of them another id, or remove one file".to_owned(),
        }),
    }
}

impl Standing {
    /// For a reader.
    pub fn words(self) -> &'static str {
        match self {
            Self::Law => "law",
            Self::Guidance => "guidance",
            Self::HouseRule => "house rule",
        }
    }
}

impl Force {
    /// For a reader.
    pub fn words(self) -> &'static str {
        match self {
            Self::Binding => "binding",
            Self::Voluntary => "voluntary",
        }
    }
}

impl RestsOn {
    /// For a reader: what was read, and what to do where that is not enough.
    pub fn words(self) -> &'static str {
        match self {
            Self::OfficialText => "official text read",
            Self::OfficialPage => "official page read",
            Self::Secondary => "SECONDARY SOURCE ONLY: check the rule itself before you rely on it",
            Self::HouseRule => "set by the organisation",
        }
    }
}

impl Unit {
    /// `1 hour`, `3 business days`.
    pub fn count(self, amount: u32) -> String {
        let word = match self {
            Self::Minutes => "minute",
            Self::Hours => "hour",
            Self::Days => "calendar day",
            Self::BusinessDays => "business day",
            Self::Months => "month",
        };
        format!("{amount} {word}{}", if amount == 1 { "" } else { "s" })
    }
}

impl Deadline {
    /// In the rule's own words alone.
    pub fn promptly(words: &str) -> Self {
        Self { promptly: Some(words.to_owned()), within: None }
    }

    /// The rule in words.
    pub fn words(&self) -> String {
        let within = self.within.as_ref().map(Period::words);
        let parts: Vec<String> = self.promptly.iter().cloned().chain(within).collect();
        parts.join(", and ")
    }
}

impl Status {
    /// For a reader, where it is not simply in force.
    pub fn words(self) -> Option<&'static str> {
        match self {
            Self::InForce => None,
            Self::Adopted => Some("ADOPTED, binds from its first day on"),
            Self::Draft => Some("DRAFT, binds nobody yet"),
        }
    }
}

impl Period {
    fn words(&self) -> String {
        let from = match self.from {
            CountedFrom::Event => "",
            CountedFrom::EndOfCalendarYear => " after the end of the calendar year",
        };
        let ends = match self.ends {
            Ends::SameTime => "",
            Ends::EndOfDay => ", to the end of the last day",
        };
        format!("within {}{from}{ends}", self.unit.count(self.amount))
    }

    pub(crate) fn closed(&self) -> Vec<Weekday> {
        self.closed_weekdays.iter().filter_map(|name| calendar::weekday(name)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = include_str!("../../../law/gdpr.toml");

    fn kept() -> LawBook {
        LawBook::built_in().expect("the kept files are valid")
    }

    /// Changes one thing in a good file and expects an error that names the changed line.
    fn check(from: &str, to: &str, line_holds: &str, problem: &str, hint: &str) {
        assert!(GOOD.contains(from), "the kept file no longer holds what the test changes");
        let text = GOOD.replacen(from, to, 1);
        let error = kept().and(&[("our/x.toml", text.as_str())]).expect_err("a mistake was made");
        let line = text.lines().nth(error.line.wrapping_sub(1)).unwrap_or_default();
        assert!(line.contains(line_holds), "names line {}: {line}; {error}", error.line);
        assert!(error.problem.contains(problem), "{error}");
        assert!(error.hint.contains(hint), "{error}");
        assert_eq!(error.path, "our/x.toml");
    }

    #[test]
    fn the_kept_files_are_valid_and_name_their_sources() {
        let book = kept();
        for regime in book.regimes() {
            assert!(!regime.sources.is_empty() && !regime.duties.is_empty(), "{}", regime.id);
            let table = regime.path == "law/us-states.toml" && regime.id.starts_with("us-");
            assert!(table || regime.path == format!("law/{}.toml", regime.id), "{}: a file is named after its regime", regime.id);
            for duty in &regime.duties {
                assert!(duty.checked.by.is_some(), "{} does not say who compared it with its sources", duty.id);
            }
        }
        for (path, _) in BUILT_IN.iter().filter(|(path, _)| !path.starts_with("law/holidays/")) {
            assert!(book.regimes().any(|regime| regime.path == *path), "{path} holds no regime");
        }
    }

    #[test]
    fn a_mistake_names_its_line_and_what_would_be_right() {
        check("within = 72", "within = -72", "within = -72", "-72", "above 0");
        check("within = 72", "within = 0", "within = 0", "0", "above 0");
        check("within = 72", "within = 99999999999", "within = 99", "99999999999", "at most");
        check("within = 72", "within = \"72\"", "within = \"72\"", "invalid type", "docs/law.md");
        check("unit = \"hours\"", "unit = \"fortnights\"", "fortnights", "unknown variant", "docs/law.md");
        check("unit = \"hours\"", "unit = \"business_days\"", "business_days", "calendar", "calendar = \"hk\"");
        check("standing = \"law\"", "standing = \"custom\"", "custom", "unknown variant", "docs/law.md");
        check("id = \"gdpr\"", "id = \"gdpr\"\nholidays = \"hk\"", "holidays", "unknown field", "docs/law.md");
        check("id = \"gdpr\"", "id = \"gdpr\"\ncalendar = \"hkg\"", "hkg", "no calendar", "\"hk\"");
        check("id = \"gdpr\"", "id = \"../gdpr\"", "../gdpr", "an id", "lower-case");
        check("id = \"gdpr\"", "id = \"gdpr\"\ntime_zone = \"Mars/Base\"", "Mars", "time zone", "IANA");
        check("id = \"individuals\"", "id = \"authority\"", "id = \"authority\"", "two duties", "another id");
        check("trigger = \"high_risk\"", "trigger = \"hihg_risk\"", "hihg_risk", "event", "[events]");
        check("trigger = \"high_risk\"", "after = \"nobody\"", "nobody", "no duty", "authority");
        check("trigger = \"high_risk\"", "trigger = \"high_risk\"\nafter = \"authority\"", "after", "both", "one of them");
        check("trigger = \"high_risk\"\n", "", "Tell the data subjects", "neither", "trigger");
        check("checked = 2026-11-29", "checked = 2026-02-30", "2026-02-30", "invalid", "docs/law.md");
        check("checked = 2026-11-29", "checked = 12:30:00", "12:30:00", "date", "2026-");
        check("checked = 2026-11-29", "checked = 2026-11-29\nin_force_from = 2027-01-01\nin_force_to = 2026-01-01", "in_force_to", "before", "after");
        check("schema = 1", "schema = 2", "schema = 2", "schema", "1");
        check("form = \"gdpr-33\"", "form = \"gdpr-34\"", "gdpr-34", "no form", "gdpr-33");
        check("within = 72, unit = \"hours\" }", "within = 72 }", "within = 72", "unit", "unit =");
        check("promptly = \"without undue delay\", within = 72, unit = \"hours\" }", "}", "deadline", "neither", "within");
        check("promptly = \"without undue delay\", within = 72", "promptly = \" \", within = 72", "promptly", "nothing", "own words");
        let sources = &GOOD[GOOD.find("sources = [").expect("there")..GOOD.find("]\nnote").expect("there")];
        check(sources, "sources = [", "sources", "no source", "where");
    }

    #[test]
    fn a_damaged_or_huge_file_is_a_mistake_and_not_a_panic() {
        let long = format!("# {}\n", "x".repeat(2 << 20));
        for text in ["", "\u{0}", "schema = 1", "[[[", "a = {", "schema = 1\n[calendar]\n", long.as_str()] {
            let error = LawBook::default().and(&[("x.toml", text)]).expect_err("no such file is valid");
            assert_eq!(error.path, "x.toml");
        }
        let longest = (0..GOOD.len()).filter(|end| GOOD.is_char_boundary(*end));
        for end in longest {
            // Any prefix either is a file or an error; it never panics.
            let _ = LawBook::default().and(&[("x.toml", &GOOD[..end])]);
        }
    }

    #[test]
    fn a_calendar_names_its_mistakes_too() {
        let good = include_str!("../../../law/holidays/hk.toml");
        for (from, to, problem) in [
            ("2026-02-17 =", "2026-02-30 =", "no date"),
            ("2026-02-17 =", "2028-02-17 =", "outside"),
            ("\"sunday\"", "\"funday\"", "weekday"),
            ("\"sunday\"", "\"monday\", \"tuesday\", \"wednesday\", \"thursday\", \"friday\", \"saturday\", \"sunday\"", "every day"),
            ("covers_to = 2027-12-31", "covers_to = 2025-12-31", "before"),
        ] {
            let error = LawBook::default().and(&[("c.toml", good.replacen(from, to, 1))]).expect_err("a mistake was made");
            assert!(error.problem.contains(problem), "{error}");
            assert!(error.line > 0, "{error}");
        }
    }

    #[test]
    fn a_users_file_takes_the_place_of_a_kept_one_and_two_of_them_are_a_mistake() {
        let changed = GOOD.replacen("within = 72", "within = 96", 1);
        let book = kept().and(&[("our/gdpr.toml", changed.as_str())]).expect("valid");
        let regime = book.regime("gdpr").expect("still there");
        assert_eq!(regime.path, "our/gdpr.toml");
        assert!(regime.duties[0].deadline.words().contains("96"));
        let twice = kept().and(&[("a.toml", GOOD), ("b.toml", GOOD)]).expect_err("two of the same id");
        assert!(twice.problem.contains("a.toml"), "{twice}");
    }
}
