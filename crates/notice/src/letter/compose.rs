//! One letter from one person's exposures: the tier chooses the sentences, the templates hold them.

use std::collections::{BTreeMap, BTreeSet};

use jiff::tz::TimeZone;
use strandline_model::document::{Block, Document, Field, PageLink};
use strandline_model::estate::Contact;
use strandline_model::exposure::{Basis, Certainty, Exposure};
use strandline_model::personal::Personal;
use strandline_model::register::Status;
use strandline_model::time::{Instant, Interval};
use strandline_model::window::{self, Window};

use super::pattern::{BodyItem, join_lines};
use super::recipient::{Addressee, named};
use super::template::{ALL, Advice, Templates, Texts};
use super::{Attention, Before, DraftError, Facts, Kind, Letter, Next, Recipient, Recounted, dates};

/// What one person is told of one category: the strongest that the case holds.
#[derive(Clone, Debug)]
pub(super) struct Told {
    certainty: Certainty,
    basis: Basis,
    seen: Interval,
}

/// Actions that one letter asks for, at most, but for what a category that was reached asks for.
pub(super) const ACTIONS_LIMIT: usize = 5;

/// Consequences that one letter names, at most, but for what a category that was reached leads to: the strongest first, as the templates
/// order them.
const CONSEQUENCES_LIMIT: usize = 4;

/// Drafts the letter to one person from all their exposures.
///
/// # Errors
/// [`DraftError`], if something of another person was given, or a reassurance has nothing to rest on.
pub fn draft(recipient: &Recipient<'_>, facts: &Facts<'_>, templates: &Templates) -> Result<Letter, DraftError> {
    let others_entry = recipient.entry.is_some_and(|entry| entry.key != recipient.key);
    if others_entry || recipient.exposures.iter().any(|exposure| exposure.data_subject != recipient.key) {
        return Err(DraftError::OtherPerson);
    }
    if recipient.exposures.is_empty() && facts.checked.is_none() {
        return Err(DraftError::NotCovered);
    }
    let addressee = Addressee::of(recipient, facts, templates);
    let texts = templates.texts(&addressee.language).expect("the language was chosen among those that the templates have");
    let told = strongest(recipient.exposures);
    let highest = told.values().map(|t| t.certainty).max();
    let kind = Kind::of(highest, addressee.status == Status::Deceased);
    let mut composer = Composer { recipient, facts, templates, texts, addressee, told, kind, highest, zone: zone(facts) };
    if composer.lacks_translation() {
        composer.addressee.attention.push(Attention::Untranslated);
    }
    Ok(composer.finish())
}

/// The rows of the table that a recipient's letter must have, for [`super::lint`].
pub(super) fn expected_rows(recipient: &Recipient<'_>, facts: &Facts<'_>, texts: &Texts) -> Vec<Vec<String>> {
    rows(&strongest(recipient.exposures), facts, texts, &zone(facts))
}

pub(super) fn zone(facts: &Facts<'_>) -> TimeZone {
    TimeZone::get(&facts.organisation.time_zone).unwrap_or(TimeZone::UTC)
}

fn strongest(exposures: &[Exposure]) -> BTreeMap<&str, Told> {
    let mut told: BTreeMap<&str, Told> = BTreeMap::new();
    for exposure in exposures {
        let seen = Interval { from: exposure.first_seen, to: exposure.last_seen };
        let this = Told { certainty: exposure.certainty, basis: exposure.basis, seen };
        // A disclosed value outranks an inferred one of the same tier: the letter says the plainer thing.
        let rank = |t: &Told| (t.certainty, t.basis == Basis::Disclosed);
        match told.get_mut(exposure.category.as_str()) {
            Some(known) if rank(known) == rank(&this) => known.seen = known.seen.hull(&this.seen),
            Some(known) if rank(known) > rank(&this) => {}
            _ => {
                told.insert(&exposure.category, this);
            }
        }
    }
    told
}

/// One row a category: those with an exposure first, the surest first; then the others. The category's id is the tie-break.
fn rows(told: &BTreeMap<&str, Told>, facts: &Facts<'_>, texts: &Texts, zone: &TimeZone) -> Vec<Vec<String>> {
    let mut ordered: Vec<(&&str, &Told)> = told.iter().collect();
    ordered.sort_by(|a, b| b.1.certainty.cmp(&a.1.certainty).then(a.0.cmp(b.0)));
    let mut rows: Vec<Vec<String>> = ordered
        .iter()
        .map(|(category, told)| {
            let section = match (told.certainty, told.basis) {
                (Certainty::Confirmed, Basis::Disclosed) => "row-confirmed",
                (Certainty::Confirmed, Basis::Inferred) => "row-confirmed-inferred",
                (Certainty::Likely, Basis::Disclosed) => "row-likely",
                (Certainty::Likely, Basis::Inferred) => "row-likely-inferred",
                (Certainty::Possible, _) => "row-possible",
            };
            row(category, section, &when(told.seen, texts, zone), texts)
        })
        .collect();
    let section = if facts.checked.is_some() { "row-not-touched" } else { "row-unknown" };
    rows.extend(facts.categories.iter().filter(|c| !told.contains_key(c.as_str())).map(|category| row(category, section, "", texts)));
    rows
}

fn row(category: &str, section: &'static str, when: &str, texts: &Texts) -> Vec<String> {
    let text = texts.sentence(section).fill(|_| Some(when)).unwrap_or_default();
    let (state, why) = text.split_once('|').unwrap_or((&text, ""));
    vec![texts.category(category), state.trim().to_owned(), why.trim().to_owned()]
}

fn when(seen: Interval, texts: &Texts, zone: &TimeZone) -> String {
    span(seen, "day", ["when-at", "when-same-day", "when-days"], texts, zone)
}

/// What a person is to somebody whose records tell of them too, as categories.txt calls it.
pub(super) fn about_category(about: &str) -> String {
    format!("about_{about}")
}

/// The sentence that asks the person to tell others of whom the same records tell.
pub(super) fn tell_others(recipient: &Recipient<'_>, texts: &Texts) -> Option<String> {
    (!recipient.tells.is_empty()).then_some(())?;
    let names: Vec<String> = recipient.tells.iter().map(|about| texts.category(&about_category(about))).collect();
    let names = listed(&names, texts);
    texts.sentence("tell-others").fill(|_| Some(&names))
}

/// How sure a letter is of each category, and whether the value itself was sent.
pub(super) fn told_of(exposures: &[Exposure]) -> BTreeMap<String, (Certainty, Basis)> {
    strongest(exposures).into_iter().map(|(category, told)| (category.to_owned(), (told.certainty, told.basis))).collect()
}

/// The sentences of a later round on what its letter says that the one before did not: of the person's data, and of the break-in.
pub(super) fn news(recipient: &Recipient<'_>, facts: &Facts<'_>, texts: &Texts, language: &str) -> Option<String> {
    let before = recipient.before?;
    let now = told_of(recipient.exposures);
    let day = written(before.at, "date", texts, &zone(facts));
    let categories: BTreeSet<&String> = before.told.keys().chain(now.keys()).collect();
    let changed: Vec<String> = categories.into_iter().filter(|c| before.told.get(*c) != now.get(*c)).map(|c| texts.category(c)).collect();
    let of_data = if changed.is_empty() {
        texts.sentence("news-nothing").fill(|_| Some(&day))
    } else {
        let changed = listed(&changed, texts);
        texts.sentence("news-changed").fill(|slot| Some(if slot == "day" { &day } else { &changed }))
    };
    Some(join_lines([of_data, also_new(before, facts, texts, language)].iter().flatten().map(String::as_str)))
}

/// The sentence on what the letter says of the break-in that the one before did not; what is no longer said is not new.
fn also_new(before: &Before, facts: &Facts<'_>, texts: &Texts, language: &str) -> Option<String> {
    let then = before.recounted.as_ref()?;
    let now = Recounted::of(facts.account, facts.measures, facts.stopped_at, language);
    let new = [
        ("news-account", now.account.is_some() && now.account != then.account),
        ("news-measures", now.measures.iter().any(|measure| !then.measures.contains(measure))),
        ("news-stopped", now.stopped_at.is_some() && now.stopped_at != then.stopped_at),
    ];
    let new: Vec<String> = new.into_iter().filter(|(_, is_new)| *is_new).map(|(section, _)| texts.sentence(section).plain()).collect();
    (!new.is_empty()).then_some(())?;
    let new = listed(&new, texts);
    texts.sentence("news-also").fill(|_| Some(&new))
}

/// Names side by side, as the language parts them.
fn listed(names: &[String], texts: &Texts) -> String {
    let comma = texts.sentence("comma").plain();
    let blank = if comma.ends_with(super::pattern::is_wide) { "" } else { " " };
    names.join(&format!("{comma}{blank}"))
}

/// The sentence that says why data is held about somebody who is none of our people.
pub(super) fn because(recipient: &Recipient<'_>, texts: &Texts) -> Option<String> {
    let about = &recipient.entry?.belongs_to.as_ref()?.about;
    let name = texts.category(&about_category(about));
    texts.sentence("because").fill(|_| Some(&name))
}

/// The sentence on when the organisation writes again.
pub(super) fn next_sentence(facts: &Facts<'_>, texts: &Texts) -> String {
    let day = next_day(facts, texts).unwrap_or_default();
    let section = match facts.next {
        Next::Open => "next-open",
        Next::By(_) => "next-by",
        Next::Last => "next-last",
    };
    texts.sentence(section).fill(|_| Some(&day)).unwrap_or_default()
}

/// The sentence that names the support page, where there is one.
pub(super) fn page(facts: &Facts<'_>, texts: &Texts) -> Option<String> {
    let address = isolated(facts.support_page?, texts);
    texts.sentence("page").fill(|_| Some(&address))
}

/// A number, an address or a code as it stands in a line that runs from right to left: in its own order (UAX #9, isolates).
fn isolated(value: &str, texts: &Texts) -> String {
    if texts.is_right_to_left() { format!("\u{2066}{value}\u{2069}") } else { value.to_owned() }
}

/// The day of the next letter, where one is promised.
pub(super) fn next_day(facts: &Facts<'_>, texts: &Texts) -> Option<String> {
    let Next::By(day) = facts.next else { return None };
    dates::write(&texts.date_pattern("date", day.month()), day.at(0, 0, 0, 0))
}

/// Writes an interval by the sentence for one moment, for one day, or for several days.
fn span(interval: Interval, day: &'static str, [at, same_day, days]: [&'static str; 3], texts: &Texts, zone: &TimeZone) -> String {
    let write = |section, at| written(at, section, texts, zone);
    let (first_day, last_day) = (write(day, interval.from), write(day, interval.to));
    let (time, last_time) = (write("time", interval.from), write("time", interval.to));
    let section = match (first_day == last_day, time == last_time) {
        (true, true) => at,
        (true, false) => same_day,
        (false, _) => days,
    };
    let value = |slot: &str| match slot {
        "day" => Some(first_day.as_str()),
        "last_day" => Some(last_day.as_str()),
        "time" => Some(time.as_str()),
        "last_time" => Some(last_time.as_str()),
        _ => None,
    };
    texts.sentence(section).fill(value).unwrap_or_default()
}

/// An instant by one of the date patterns. An instant beyond every calendar is written as it stands.
pub(super) fn written(at: Instant, section: &'static str, texts: &Texts, zone: &TimeZone) -> String {
    dates::local(at, zone).and_then(|moment| dates::write(&texts.date_pattern(section, moment.month()), moment)).unwrap_or_else(|| at.to_string())
}

/// What fits, in the templates' order: for each category the first section that names it, whatever the limit, and others as far as it goes.
fn advised<'t>(advice: &'t [Advice], told: &BTreeMap<&str, Told>, limit: usize) -> Vec<&'t str> {
    let needed = needed(advice, told.keys().copied());
    let mut room = limit.saturating_sub(needed.iter().map(|place| advice[*place].lines.len()).sum());
    let mut lines: Vec<&str> = Vec::new();
    for (place, a) in advice.iter().enumerate() {
        let fits = a.categories.iter().any(|name| name == ALL || told.contains_key(name.as_str()));
        let is_needed = needed.contains(&place);
        for line in a.lines.iter().filter(|_| fits) {
            if is_needed || room > 0 {
                lines.push(line);
                room -= usize::from(!is_needed);
            }
        }
    }
    lines
}

/// Of each category, the first section that names it; and what stands first where it is for all: an action that is quick.
fn needed<'c>(advice: &[Advice], told: impl Iterator<Item = &'c str>) -> BTreeSet<usize> {
    let first = advice.first().filter(|first| first.categories.iter().any(|name| name == ALL)).map(|_| 0);
    told.filter_map(|category| advice.iter().position(|a| a.categories.iter().any(|name| name == category))).chain(first).collect()
}

/// How many actions these categories ask for at least.
pub(super) fn actions_needed(texts: &Texts, exposures: &[Exposure]) -> usize {
    let needed = needed(&texts.actions, exposures.iter().map(|exposure| exposure.category.as_str()));
    needed.into_iter().map(|place| texts.actions[place].lines.len()).sum()
}

fn reserved<'t>(advice: &'t [Advice], name: &str) -> Vec<&'t str> {
    advice.iter().filter(|a| a.categories == [name]).flat_map(|a| a.lines.iter().map(String::as_str)).take(ACTIONS_LIMIT).collect()
}

struct Composer<'a> {
    recipient: &'a Recipient<'a>,
    facts: &'a Facts<'a>,
    templates: &'a Templates,
    texts: &'a Texts,
    addressee: Addressee,
    told: BTreeMap<&'a str, Told>,
    kind: Kind,
    highest: Option<Certainty>,
    zone: TimeZone,
}

impl Composer<'_> {
    fn finish(mut self) -> Letter {
        let subject = self.texts.subject(if self.kind == Kind::Deceased { "deceased" } else { self.tier() }).to_owned();
        let document = Document {
            language: self.addressee.language.clone(),
            title: subject.clone(),
            sender: std::iter::once(self.organisation().to_owned()).chain(self.facts.organisation.postal_address.iter().cloned()).collect(),
            recipient: self.addressee.envelope(self.texts),
            head: vec![
                Field { label: self.sentence("label-reference"), value: isolated(self.facts.reference, self.texts), note: None },
                Field { label: self.sentence("label-date"), value: self.date(self.facts.drafted_at), note: None },
            ],
            blocks: self.blocks(),
            window: Window::named(self.facts.organisation.envelope_window.as_deref().unwrap_or(window::USUAL)),
            points: self.facts.rules.points,
            page: self
                .facts
                .support_page
                .map(|address| PageLink { address: address.to_owned(), says: self.texts.sentence("page-picture").fill(|_| Some(address)).unwrap_or_default() }),
        };
        self.addressee.attention.sort_unstable();
        self.addressee.attention.dedup();
        Letter {
            data_subject: self.recipient.key.to_owned(),
            kind: self.kind,
            language: self.addressee.language,
            subject,
            document: Personal::new(document),
            channels: self.addressee.channels,
            attention: self.addressee.attention,
            gate: self.recipient.gate,
            email: self.addressee.email.map(Personal::new),
        }
    }

    fn blocks(&self) -> Vec<Block> {
        let values = self.values();
        let value = |slot: &str| values.get(slot).map(String::as_str);
        let mut blocks = Vec::new();
        for item in &self.texts.body(self.kind).0 {
            match item {
                BodyItem::Heading(pattern) => blocks.extend(pattern.fill(value).map(|text| Block::Heading { level: 1, text })),
                BodyItem::Paragraph(lines) => {
                    let filled: Vec<String> = lines.iter().filter_map(|line| line.fill(value)).collect();
                    blocks.extend((!filled.is_empty()).then(|| Block::paragraph(join_lines(filled.iter().map(String::as_str)))));
                }
                BodyItem::Block(slot) => self.block(slot, &mut blocks),
            }
        }
        blocks
    }

    /// What stands in the slots of a line. A slot without a value takes its line away.
    fn values(&self) -> BTreeMap<&'static str, String> {
        let mut values = BTreeMap::from([
            ("organisation", self.organisation().to_owned()),
            ("reference", self.facts.reference.to_owned()),
            ("date", self.date(self.facts.drafted_at)),
            ("salutation", self.addressee.salutation(self.texts)),
            ("name", self.name()),
            ("intrusion", span(self.facts.intrusion, "date", ["span-moment", "span-same-day", "span-days"], self.texts, &self.zone)),
            ("opening", self.opening()),
            ("next", next_sentence(self.facts, self.texts)),
            ("leads_to", join_lines(advised(&self.texts.consequences, &self.told, CONSEQUENCES_LIMIT).into_iter())),
        ]);
        let mut add = |slot, value: Option<String>| values.extend(value.map(|value| (slot, value)));
        add("next_update", next_day(self.facts, self.texts));
        add("domain", self.facts.organisation.domain.clone());
        add("account", self.facts.account.get(&self.addressee.language).cloned());
        add("found", self.facts.found_at.map(|at| self.date(at)));
        add("stopped", self.facts.stopped_at.map(|at| self.date(at)));
        add("checked", self.checked());
        add("about", self.addressee.about(self.texts));
        add("because", because(self.recipient, self.texts));
        add("others", tell_others(self.recipient, self.texts));
        add("news", news(self.recipient, self.facts, self.texts, &self.addressee.language));
        add("page", page(self.facts, self.texts));
        add("value", self.recipient.entry.and_then(|entry| entry.given.as_ref()).map(|value| value.expose_personal().clone()));
        add("code", self.recipient.code.map(|code| isolated(code, self.texts)));
        add("namesake", self.recipient.record_ending.and_then(|ending| self.texts.sentence("namesake").fill(|_| Some(ending))));
        add("departed", (self.addressee.status == Status::Departed).then(|| self.sentence("departed")));
        values
    }

    fn block(&self, slot: &str, blocks: &mut Vec<Block>) {
        match slot {
            "table" => blocks.push(Block::Table {
                columns: ["table-data", "table-state", "table-why"].map(|section| self.sentence(section)).to_vec(),
                rows: rows(&self.told, self.facts, self.texts, &self.zone),
            }),
            "measures" => {
                blocks.push(Block::paragraph(self.sentence("measures")));
                let items: Vec<String> = self.facts.measures.iter().filter_map(|m| m.get(&self.addressee.language).cloned()).collect();
                blocks.extend((!items.is_empty()).then_some(Block::Bulleted { items }));
            }
            "actions" => {
                let actions = match self.kind {
                    Kind::NotReached => reserved(&self.texts.actions, "not-reached"),
                    Kind::Deceased => reserved(&self.texts.actions, "deceased"),
                    Kind::Exposed | Kind::Possible => advised(&self.texts.actions, &self.told, ACTIONS_LIMIT),
                };
                blocks.push(Block::Numbered { items: actions.into_iter().map(str::to_owned).collect() });
            }
            "contacts" => blocks.push(Block::Fields { fields: self.contacts() }),
            "offers" => blocks.extend(self.offers()),
            _ => {}
        }
    }

    fn contacts(&self) -> Vec<Field> {
        let organisation = self.facts.organisation;
        let field =
            |contact: &Option<Contact>, label| contact.as_ref().map(|contact| Field { label: self.sentence(label), value: self.contact(contact), note: None });
        [field(&organisation.contact, "label-questions"), field(&organisation.safety_contact, "label-safety")].into_iter().flatten().collect()
    }

    fn contact(&self, contact: &Contact) -> String {
        let language = &self.addressee.language;
        let mut parts: Vec<&str> = named(&contact.name, language).map(String::as_str).into_iter().collect();
        let ways: Vec<String> = [&contact.phone, &contact.email].into_iter().flatten().map(|way| isolated(way, self.texts)).collect();
        parts.extend(ways.iter().map(String::as_str));
        parts.extend(named(&contact.hours, language).map(String::as_str));
        let comma = self.sentence("comma");
        let blank = if comma.ends_with(super::pattern::is_wide) { "" } else { " " };
        parts.join(&format!("{comma}{blank}"))
    }

    fn offers(&self) -> Vec<Block> {
        let Some(phone) = self.facts.organisation.contact.as_ref().and_then(|c| c.phone.as_deref()) else { return Vec::new() };
        let offer = |language: &String| {
            let texts = self.templates.texts(language)?;
            let phone = isolated(phone, texts);
            let text = texts.sentence("offer").fill(|_| Some(&phone))?;
            Some(Block::Paragraph { text, language: Some(language.clone()) })
        };
        self.addressee.offers.iter().filter_map(offer).collect()
    }

    fn opening(&self) -> String {
        let section = match (self.kind == Kind::Deceased, self.highest) {
            (false, Some(Certainty::Confirmed)) => "opening-confirmed",
            (false, Some(Certainty::Likely)) => "opening-likely",
            (false, Some(Certainty::Possible)) => "opening-possible",
            (false, None) => "opening-not-reached",
            (true, Some(Certainty::Confirmed)) => "opening-deceased-confirmed",
            (true, Some(Certainty::Likely)) => "opening-deceased-likely",
            (true, Some(Certainty::Possible)) => "opening-deceased-possible",
            (true, None) => "opening-deceased-not-reached",
        };
        let name = self.name();
        self.texts.sentence(section).fill(|_| Some(&name)).unwrap_or_default()
    }

    /// The window that "not touched" rests on, where the letter says so of anything.
    fn checked(&self) -> Option<String> {
        let window = self.facts.checked?;
        self.facts.categories.iter().any(|c| !self.told.contains_key(c.as_str())).then_some(())?;
        let (from, to) = (self.moment(window.from), self.moment(window.to));
        self.texts.sentence("checked").fill(|slot| Some(if slot == "checked_from" { &from } else { &to }))
    }

    fn lacks_translation(&self) -> bool {
        let language = &self.addressee.language;
        let lacks = |text: &BTreeMap<String, String>| !text.is_empty() && !text.contains_key(language);
        lacks(self.facts.account) || self.facts.measures.iter().any(lacks)
    }

    fn tier(&self) -> &'static str {
        match self.highest {
            Some(Certainty::Confirmed) => "confirmed",
            Some(Certainty::Likely) => "likely",
            Some(Certainty::Possible) => "possible",
            None => "not-reached",
        }
    }

    fn name(&self) -> String {
        self.addressee.named(self.texts)
    }

    fn organisation(&self) -> &str {
        named(&self.facts.organisation.name, &self.addressee.language).map_or("", String::as_str)
    }

    fn sentence(&self, section: &'static str) -> String {
        self.texts.sentence(section).plain()
    }

    fn date(&self, at: Instant) -> String {
        written(at, "date", self.texts, &self.zone)
    }

    fn moment(&self, at: Instant) -> String {
        written(at, "moment", self.texts, &self.zone)
    }
}
