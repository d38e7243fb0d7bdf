//! Templates of letters: folders of text that an organisation edits without a compiler. Reads and checks them; fills none.
//!
//! `<folder>/<language>/<file>.txt`, where the folder is a regime or `default`. `docs/letters.md` describes the files.

use std::collections::{BTreeMap, BTreeSet};

use thiserror::Error;

use super::Kind;
use super::manner::Manner;
use super::pattern::{Body, BodyItem, Pattern, Section, read_body, read_sections};

/// What is wrong with a template. The file is to blame, and its place is named.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TemplateError {
    /// A slot that nothing fills.
    #[error("{file} line {line}: nothing fills the slot {{{slot}}}; here you can use {known}")]
    UnknownSlot {
        /// The file.
        file: String,
        /// The line, from 1.
        line: usize,
        /// The slot.
        slot: String,
        /// The slots that this place has.
        known: String,
    },
    /// A slot that is a block stands within a line.
    #[error("{file} line {line}: {{{slot}}} is a block; put it on a line of its own, with nothing else")]
    BlockWithinLine {
        /// The file.
        file: String,
        /// The line, from 1.
        line: usize,
        /// The slot.
        slot: &'static str,
    },
    /// A brace without its partner.
    #[error("{file} line {line}: a brace has no partner; write {{{{ or }}}} for a brace that is meant to be printed")]
    Brace {
        /// The file.
        file: String,
        /// The line, from 1.
        line: usize,
    },
    /// Text before the first `[section]`.
    #[error("{file} line {line}: text stands before the first [section]")]
    NoSection {
        /// The file.
        file: String,
        /// The line, from 1.
        line: usize,
    },
    /// A section that stands twice, or is empty.
    #[error("{file} line {line}: the section [{section}] is empty, or stands there twice")]
    BadSection {
        /// The file.
        file: String,
        /// The line, from 1.
        line: usize,
        /// The section.
        section: String,
    },
    /// A section that nothing uses.
    #[error("{file} line {line}: nothing uses the section [{section}]; there are {known}")]
    UnknownSection {
        /// The file.
        file: String,
        /// The line, from 1.
        line: usize,
        /// The section.
        section: String,
        /// The sections that there are.
        known: String,
    },
    /// A row of the table without its two parts.
    #[error("{file} line {line}: a row is written `what they did | how we know`, on one line")]
    BadRow {
        /// The file.
        file: String,
        /// The line, from 1.
        line: usize,
    },
    /// A date pattern that cannot be written.
    #[error("{file} line {line}: a date is written in strftime words, such as %-d %B %Y")]
    BadDate {
        /// The file.
        file: String,
        /// The line, from 1.
        line: usize,
    },
    /// Months that are not twelve.
    #[error("{file} line {line}: a year has twelve months, a line each, and {found} stand there")]
    BadMonths {
        /// The file.
        file: String,
        /// The line, from 1.
        line: usize,
        /// How many stand there.
        found: usize,
    },
    /// A limit that is none.
    #[error("{file} line {line}: a limit is written as its name and a number, such as `words 300`; there are {known}")]
    BadLimit {
        /// The file.
        file: String,
        /// The line, from 1.
        line: usize,
        /// The limits that there are.
        known: String,
    },
    /// A pattern of categories.
    #[error(
        "{file} line {line}: a section names its categories in full, and * alone for all of them; {pattern:?} would take categories that it is not meant for"
    )]
    Pattern {
        /// The file.
        file: String,
        /// The line, from 1.
        line: usize,
        /// The pattern.
        pattern: String,
    },
    /// A text file with a name of none of ours.
    #[error("{file}: no letter uses a file of this name; there are {known}")]
    UnknownFile {
        /// The file.
        file: String,
        /// The names that there are.
        known: String,
    },
    /// A language without one of its files.
    #[error("the language {language} has no {file}; put it beside its other files")]
    MissingFile {
        /// The language.
        language: String,
        /// The file.
        file: &'static str,
    },
    /// A language without one of its sentences.
    #[error("the language {language} lacks the section [{section}] in {file}")]
    MissingSection {
        /// The language.
        language: String,
        /// The file.
        file: &'static str,
        /// The section.
        section: &'static str,
    },
    /// A file beyond reason.
    #[error("{file}: a template of more than {limit_bytes} bytes is not read")]
    TooLong {
        /// The file.
        file: String,
        /// The limit.
        limit_bytes: usize,
    },
}

/// A file beyond this is no template.
const LIMIT_BYTES: usize = 256 * 1024;

/// The folder of the templates that every regime falls back to.
const DEFAULT_FOLDER: &str = "default";

const SUBJECT: &str = "subject.txt";
const SENTENCES: &str = "sentences.txt";
const CATEGORIES: &str = "categories.txt";
const CONSEQUENCES: &str = "consequences.txt";
const ACTIONS: &str = "actions.txt";
/// What the letters are measured by; a language can do without.
const LANGUAGE: &str = "language.txt";

/// Every file of a language.
const FILES: [&str; 10] = [
    SUBJECT,
    SENTENCES,
    CATEGORIES,
    CONSEQUENCES,
    ACTIONS,
    LANGUAGE,
    Kind::Exposed.body_file(),
    Kind::Possible.body_file(),
    Kind::NotReached.body_file(),
    Kind::Deceased.body_file(),
];

/// The subject lines.
const SUBJECTS: [&str; 5] = ["confirmed", "likely", "possible", "not-reached", "deceased"];

/// The sentences, and the slots that each has.
const SENTENCE_SLOTS: &[(&str, &[&str])] = &[
    ("date", &[]),
    ("moment", &[]),
    ("day", &[]),
    ("time", &[]),
    ("when-at", &["day", "time"]),
    ("when-same-day", &["day", "time", "last_time"]),
    ("when-days", &["day", "time", "last_day", "last_time"]),
    ("span-moment", &["day", "time"]),
    ("span-same-day", &["day", "time", "last_time"]),
    ("span-days", &["day", "time", "last_day", "last_time"]),
    ("comma", &[]),
    ("salutation", &["name"]),
    ("salutation-deceased", &["name"]),
    ("salutation-guardian", &["name"]),
    ("unnamed", &[]),
    ("addressee-deceased", &["name"]),
    ("addressee-guardian", &["name"]),
    ("care-of", &["reader"]),
    ("about", &["name"]),
    ("because", &["about"]),
    ("tell-others", &["others"]),
    ("news-changed", &["day", "changed"]),
    ("news-nothing", &["day"]),
    ("news-also", &["changed"]),
    ("news-account", &[]),
    ("news-measures", &[]),
    ("news-stopped", &[]),
    ("opening-confirmed", &[]),
    ("opening-likely", &[]),
    ("opening-possible", &[]),
    ("opening-not-reached", &[]),
    ("opening-deceased-confirmed", &["name"]),
    ("opening-deceased-likely", &["name"]),
    ("opening-deceased-possible", &["name"]),
    ("opening-deceased-not-reached", &["name"]),
    ("table-data", &[]),
    ("table-state", &[]),
    ("table-why", &[]),
    ("row-confirmed", &["when"]),
    ("row-confirmed-inferred", &["when"]),
    ("row-likely", &["when"]),
    ("row-likely-inferred", &["when"]),
    ("row-possible", &["when"]),
    ("row-not-touched", &[]),
    ("row-unknown", &[]),
    ("checked", &["checked_from", "checked_to"]),
    ("measures", &[]),
    ("next-by", &["day"]),
    ("next-open", &[]),
    ("next-last", &[]),
    ("page", &["address"]),
    ("page-picture", &["address"]),
    ("label-reference", &[]),
    ("label-date", &[]),
    ("label-questions", &[]),
    ("label-safety", &[]),
    ("namesake", &["record"]),
    ("departed", &[]),
    ("offer", &["phone"]),
];

/// The date patterns among the sentences.
const DATES: [&str; 4] = ["date", "moment", "day", "time"];

/// What stands for every category, alone.
pub(super) const ALL: &str = "*";

/// A list of texts, each for some categories: what it can lead to, what to do now.
#[derive(Clone, Debug)]
pub(super) struct Advice {
    /// Category ids in full, or [`ALL`]. A pattern would take what it was not meant for: `*address` an `ip_address`.
    pub(super) categories: Vec<String>,
    /// A text each.
    pub(super) lines: Vec<String>,
}

/// Everything that a letter of one language is made of.
#[derive(Clone, Debug)]
pub(super) struct Texts {
    subjects: BTreeMap<&'static str, String>,
    sentences: BTreeMap<&'static str, Pattern>,
    categories: BTreeMap<String, String>,
    pub(super) consequences: Vec<Advice>,
    pub(super) actions: Vec<Advice>,
    bodies: BTreeMap<Kind, Body>,
    manner: Option<Manner>,
    is_right_to_left: bool,
}

impl Texts {
    /// A sentence by its section. Every language has every one: [`Templates::read`] refuses it otherwise.
    pub(super) fn sentence(&self, section: &'static str) -> &Pattern {
        self.sentences.get(section).expect("a language without one of its sentences is refused when it is read")
    }

    pub(super) fn subject(&self, section: &'static str) -> &str {
        self.subjects.get(section).expect("a language without one of its subject lines is refused when it is read")
    }

    pub(super) fn body(&self, kind: Kind) -> &Body {
        self.bodies.get(&kind).expect("a language without one of its bodies is refused when it is read")
    }

    /// Whether a category has words of its own, on what it leads to and on what to do: that it is named in a section.
    pub(super) fn advises_on(&self, id: &str) -> [bool; 2] {
        self.advice_on(id).map(|advice| advice.is_some())
    }

    /// What a category leads to, and what to do: the first section of each file that names it.
    pub(super) fn advice_on(&self, id: &str) -> [Option<&Advice>; 2] {
        [&self.consequences, &self.actions].map(|advice| advice.iter().find(|a| a.categories.iter().any(|name| name == id)))
    }

    /// A date's pattern with the name of its month in the language.
    pub(super) fn date_pattern(&self, section: &'static str, month: i8) -> String {
        let pattern = self.sentence(section).plain();
        self.manner.as_ref().map_or_else(|| pattern.clone(), |manner| manner.with_month(&pattern, month))
    }

    /// Whether the language is written from right to left.
    pub(super) fn is_right_to_left(&self) -> bool {
        self.is_right_to_left
    }

    /// Every category that the templates have a name for.
    #[cfg(test)]
    pub(super) fn named_categories(&self) -> impl Iterator<Item = &str> {
        self.categories.keys().map(String::as_str).filter(|id| !id.starts_with("about_"))
    }

    /// Whether the templates say what a category is called.
    pub(super) fn names(&self, id: &str) -> bool {
        self.categories.contains_key(id)
    }

    /// What a category is called; its id in plain words where the templates do not say.
    pub(super) fn category(&self, id: &str) -> String {
        if let Some(name) = self.categories.get(id) {
            return name.clone();
        }
        let mut words = super::cleaning::line(id, 60).text.replace(['_', '-'], " ");
        if let Some(first) = words.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        words
    }
}

/// The templates of letters, by language.
#[derive(Clone, Debug)]
pub struct Templates {
    languages: BTreeMap<String, Texts>,
    own_words: String,
}

impl Templates {
    /// The templates that come with Strandline.
    pub fn built_in() -> Self {
        Self::read(&[], &[]).expect("a test reads the built-in templates")
    }

    /// The built-in templates, and over them an organisation's own files, given as (path within its folder, text).
    ///
    /// For each file the first of these that has it counts: own folder of a regime (in the order of `regimes`), own `default`, a regime's
    /// that comes with Strandline, and its `default`.
    /// In `subject`, `sentences` and `categories` that holds for each section; the other files count whole. Files that do not end
    /// in `.txt` belong to the layout and are passed over.
    ///
    /// # Errors
    /// [`TemplateError`], which names the file and the line.
    pub fn read(files: &[(String, String)], regimes: &[String]) -> Result<Self, TemplateError> {
        let mut raw = Raw::default();
        for (_, place, text) in laid(files, regimes) {
            raw.lay(&place, text)?;
        }
        raw.finish()
    }

    /// The file that the letters of a kind have their text from, in a language, and the subject lines that they can have: as
    /// [`Templates::read`] finds them. `None` for a language that nobody wrote.
    pub fn source(&self, files: &[(String, String)], regimes: &[String], language: &str, kind: Kind) -> Option<Source> {
        let texts = self.texts(language)?;
        let is_it = |place: &Place<'_>| place.language == language && place.file == kind.body_file();
        let (is_own, place, text) = laid(files, regimes).into_iter().rfind(|(_, place, _)| is_it(place))?;
        let subjects: &[&'static str] = match kind {
            Kind::Exposed => &["confirmed", "likely"],
            Kind::Possible => &["possible"],
            Kind::NotReached => &["not-reached"],
            Kind::Deceased => &["deceased"],
        };
        let subjects = subjects.iter().map(|section| texts.subject(section).to_owned()).collect();
        Some(Source { path: place.path.to_owned(), is_own, subjects, text: text.to_owned() })
    }

    /// Takes note that speakers of these languages have read the texts.
    pub fn checked_by_speakers_of(&mut self, languages: &BTreeSet<String>) {
        let checked = self.languages.iter_mut().filter(|(language, _)| languages.contains(*language));
        checked.filter_map(|(_, texts)| texts.manner.as_mut()).for_each(|manner| manner.unchecked = false);
    }

    /// What letters of a language are measured by: its own file, or that of the same language as written elsewhere.
    pub(super) fn manner(&self, language: &str) -> Option<&Manner> {
        let primary = |tag: &str| tag.split('-').next().unwrap_or_default().to_lowercase();
        let own = self.languages.get(language).and_then(|texts| texts.manner.as_ref());
        own.or_else(|| self.languages.iter().filter(|(tag, _)| primary(tag) == primary(language)).find_map(|(_, texts)| texts.manner.as_ref()))
    }

    /// The language that a register calls by this tag or word, as its file says.
    pub(super) fn called(&self, tag: &str) -> Option<&str> {
        let is_called = |texts: &Texts| texts.manner.as_ref().is_some_and(|manner| manner.tags.iter().any(|known| known == tag));
        self.languages.iter().find(|(_, texts)| is_called(texts)).map(|(language, _)| language.as_str())
    }

    /// The languages, by tag, sorted.
    pub fn languages(&self) -> impl Iterator<Item = &str> {
        self.languages.keys().map(String::as_str)
    }

    /// Words that a printed letter has and its text does not: above its table, and before or behind a name in its address.
    pub fn page_heads(&self, language: &str) -> Vec<String> {
        let Some(texts) = self.languages.get(language) else { return Vec::new() };
        let of_table = ["table-data", "table-state", "table-why"].map(|section| texts.sentence(section).plain());
        let of_address = ["addressee-deceased", "addressee-guardian", "care-of"].map(|section| texts.sentence(section).fill(|_| Some("\n")));
        let pieces: Vec<String> =
            of_address.into_iter().flatten().flat_map(|line| line.lines().map(|piece| piece.trim().to_owned()).collect::<Vec<_>>()).collect();
        of_table.into_iter().chain(pieces).filter(|head| !head.is_empty()).collect()
    }

    /// The headings of a language's letters, as their text has them.
    pub fn headings(&self, language: &str) -> BTreeSet<String> {
        let items = self.languages.get(language).into_iter().flat_map(|texts| texts.bodies.values()).flat_map(|body| &body.0);
        let headings = items.filter_map(|item| if let BodyItem::Heading(pattern) = item { pattern.fill(|_| None) } else { None });
        headings.map(|heading| heading.to_uppercase()).collect()
    }

    pub(super) fn texts(&self, language: &str) -> Option<&Texts> {
        self.languages.get(language)
    }

    /// Every text of the templates, in lower case: what stands here is nobody's data.
    pub(super) fn own_words(&self) -> &str {
        &self.own_words
    }
}

/// What letters of a kind are made from, as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The file, within its folder.
    pub path: String,
    /// Whether it is the organisation's own.
    pub is_own: bool,
    /// The subject lines that such a letter can have.
    pub subjects: Vec<String>,
    /// The text, with its slots.
    pub text: String,
}

/// The files that count under some regimes, and whether each is the organisation's own: what comes later is laid over what came before.
fn laid<'f>(files: &'f [(String, String)], regimes: &[String]) -> Vec<(bool, Place<'f>, &'f str)> {
    let order = |folder: &str| regimes.iter().position(|r| r == folder).or((folder == DEFAULT_FOLDER).then_some(regimes.len()));
    let built_in = BUILT_IN.iter().flat_map(|language| language.iter()).map(|(path, text)| (false, *path, *text));
    let own = files.iter().map(|(path, text)| (true, path.as_str(), text.as_str()));
    let placed = built_in.chain(own).filter_map(|(is_own, path, text)| Place::of(path).map(|place| (is_own, place, text)));
    let mut all: Vec<(usize, (bool, Place<'f>, &'f str))> = placed.filter_map(|found| Some((order(found.1.folder)?, found))).collect();
    // Built-in ones first, of each the farthest. The path is the tie-break.
    all.sort_by(|(a_order, a), (b_order, b)| a.0.cmp(&b.0).then(b_order.cmp(a_order)).then(a.1.path.cmp(b.1.path)));
    all.into_iter().map(|(_, found)| found).collect()
}

/// Where a template stands.
#[derive(Clone, Copy)]
struct Place<'a> {
    path: &'a str,
    folder: &'a str,
    language: &'a str,
    file: &'a str,
}

impl<'a> Place<'a> {
    /// `default/en/body.txt`; `None` for a file that is no template's text.
    fn of(path: &'a str) -> Option<Self> {
        let mut parts = path.rsplit(['/', '\\']);
        let (file, language, folder) = (parts.next()?, parts.next()?, parts.next()?);
        file.ends_with(".txt").then_some(Self { path, folder, language, file })
    }
}

/// The files of the languages as they are laid over each other.
#[derive(Default)]
struct Raw {
    sections: BTreeMap<(String, &'static str), Vec<Section>>,
    bodies: BTreeMap<(String, &'static str), Body>,
    own_words: String,
}

impl Raw {
    fn lay(&mut self, place: &Place<'_>, text: &str) -> Result<(), TemplateError> {
        let Some(file) = FILES.iter().copied().find(|known| *known == place.file) else {
            return Err(TemplateError::UnknownFile { file: place.path.to_owned(), known: FILES.join(", ") });
        };
        if text.len() > LIMIT_BYTES {
            return Err(TemplateError::TooLong { file: place.path.to_owned(), limit_bytes: LIMIT_BYTES });
        }
        self.own_words.push_str(&text.to_lowercase());
        self.own_words.push('\n');
        let key = (place.language.to_owned(), file);
        if file.starts_with("body") {
            self.bodies.insert(key, read_body(place.path, text)?);
            return Ok(());
        }
        let sections = read_sections(place.path, text)?;
        let kept = self.sections.entry(key).or_default();
        if matches!(file, SUBJECT | SENTENCES | CATEGORIES | LANGUAGE) {
            kept.retain(|old| sections.iter().all(|new| new.name != old.name));
            kept.extend(sections);
        } else {
            *kept = sections;
        }
        Ok(())
    }

    fn finish(self) -> Result<Templates, TemplateError> {
        let names: BTreeSet<String> = self.sections.keys().chain(self.bodies.keys()).map(|(language, _)| language.clone()).collect();
        let languages = names.into_iter().map(|name| Ok((name.clone(), self.language(&name)?))).collect::<Result<_, TemplateError>>()?;
        Ok(Templates { languages, own_words: self.own_words })
    }

    fn language(&self, language: &str) -> Result<Texts, TemplateError> {
        let missing = |file| TemplateError::MissingFile { language: language.to_owned(), file };
        let sections = |file| self.sections.get(&(language.to_owned(), file)).ok_or_else(|| missing(file));
        let mut bodies = BTreeMap::new();
        for kind in Kind::ALL {
            let file = kind.body_file();
            bodies.insert(kind, self.bodies.get(&(language.to_owned(), file)).ok_or_else(|| missing(file))?.clone());
        }
        Ok(Texts {
            subjects: subjects(language, sections(SUBJECT)?)?,
            sentences: sentences(language, sections(SENTENCES)?)?,
            categories: sections(CATEGORIES)?.iter().map(|section| (section.name.clone(), section.joined())).collect(),
            consequences: advice(sections(CONSEQUENCES)?)?,
            actions: advice(sections(ACTIONS)?)?,
            bodies,
            is_right_to_left: super::mail::is_right_to_left(language),
            manner: sections(LANGUAGE).ok().map(|sections| Manner::read(sections)).transpose()?,
        })
    }
}

/// The one section of `name`; an unknown one beside it is an error, so that a mistyped name is not passed over.
pub(super) fn known(sections: &[Section], names: impl Iterator<Item = &'static str> + Clone) -> Result<BTreeMap<&'static str, &Section>, TemplateError> {
    let mut by_name = BTreeMap::new();
    for section in sections {
        let Some(name) = names.clone().find(|name| *name == section.name) else {
            return Err(TemplateError::UnknownSection {
                file: section.file.clone(),
                line: section.line,
                section: section.name.clone(),
                known: names.collect::<Vec<_>>().join(", "),
            });
        };
        by_name.insert(name, section);
    }
    Ok(by_name)
}

fn subjects(language: &str, sections: &[Section]) -> Result<BTreeMap<&'static str, String>, TemplateError> {
    let found = known(sections, SUBJECTS.iter().copied())?;
    let missing = |section| TemplateError::MissingSection { language: language.to_owned(), file: SUBJECT, section };
    SUBJECTS.iter().map(|name| Ok((*name, found.get(name).ok_or_else(|| missing(name))?.joined()))).collect()
}

fn sentences(language: &str, sections: &[Section]) -> Result<BTreeMap<&'static str, Pattern>, TemplateError> {
    let found = known(sections, SENTENCE_SLOTS.iter().map(|(name, _)| *name))?;
    let mut sentences = BTreeMap::new();
    for (name, slots) in SENTENCE_SLOTS {
        let section = found.get(name).ok_or_else(|| TemplateError::MissingSection { language: language.to_owned(), file: SENTENCES, section: name })?;
        let pattern = Pattern::read(&section.file, section.first_line(), &section.joined(), slots)?;
        let text = section.joined();
        if name.starts_with("row-") && text.split('|').count() != 2 {
            return Err(TemplateError::BadRow { file: section.file.clone(), line: section.first_line() });
        }
        if DATES.contains(name) && super::dates::write(&text, jiff::civil::DateTime::ZERO).is_none() {
            return Err(TemplateError::BadDate { file: section.file.clone(), line: section.first_line() });
        }
        sentences.insert(*name, pattern);
    }
    Ok(sentences)
}

fn advice(sections: &[Section]) -> Result<Vec<Advice>, TemplateError> {
    let one = |section: &Section| {
        let categories: Vec<String> = section.name.split_whitespace().map(str::to_owned).collect();
        match categories.iter().find(|name| name.contains('*') && *name != ALL) {
            Some(pattern) => Err(TemplateError::Pattern { file: section.file.clone(), line: section.line, pattern: pattern.chars().take(40).collect() }),
            None => Ok(Advice { categories, lines: section.lines.iter().map(|(_, line)| line.clone()).collect() }),
        }
    };
    sections.iter().map(one).collect()
}

/// The files of languages in `letters/default`, and those of regimes.
macro_rules! built_in {
    ([$($language:literal),* $(,)?], $files:tt, [$($path:literal),* $(,)?]) => {
        &[$(built_in!(@each $language, $files)),*, &[$(($path, include_str!(concat!("../../../../letters/", $path)))),*]]
    };
    (@each $language:literal, [$($file:literal),* $(,)?]) => {
        &[$((
            concat!("default/", $language, "/", $file),
            include_str!(concat!("../../../../letters/default/", $language, "/", $file)),
        )),*]
    };
}

const BUILT_IN: &[&[(&str, &str)]] = built_in![
    ["de", "en", "es", "fr", "hi", "id", "ja", "ko", "ne", "pt", "th", "tl", "ur", "zh-Hans", "zh-Hant"],
    [
        "subject.txt",
        "sentences.txt",
        "categories.txt",
        "consequences.txt",
        "actions.txt",
        "language.txt",
        "body.txt",
        "body-possible.txt",
        "body-not-reached.txt",
        "body-deceased.txt",
    ],
    ["us-ca/en/subject.txt", "us-ca/en/body.txt", "us-ca/en/body-possible.txt", "us-ca/en/body-deceased.txt"]
];
