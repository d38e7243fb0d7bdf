//! The words of the pages, one file a language; a test sees that none lacks a word. What the letter says is not here.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use jiff::civil::Date;

macro_rules! languages {
    ($count:literal: $($language:literal),* $(,)?) => {
        /// Languages that the pages are written in. The first is for whoever asks for none of them.
        pub const LANGUAGES: [&str; $count] = [$($language),*];

        const FILES: [&str; $count] = [$(include_str!(concat!("../words/", $language, ".txt"))),*];
    };
}

languages![15: "en", "zh-Hant", "zh-Hans", "ur", "hi", "ne", "th", "tl", "id", "ja", "ko", "de", "fr", "es", "pt"];

/// What a file may lack: that no speaker of the language has read it.
const UNCHECKED: &str = "unchecked";

/// The words of one language.
pub(crate) struct Words {
    /// Its tag.
    pub(crate) language: &'static str,
    texts: BTreeMap<&'static str, &'static str>,
}

impl Words {
    /// Of this language, one of [`LANGUAGES`]; else of the nearest.
    pub(crate) fn of(tag: &str) -> &'static Self {
        static ALL: OnceLock<Vec<Words>> = OnceLock::new();
        let all = ALL.get_or_init(|| LANGUAGES.into_iter().zip(FILES).map(|(language, file)| Self { language, texts: read(file) }).collect());
        let nearest = nearest(tag).unwrap_or(LANGUAGES[0]);
        all.iter().find(|words| words.language == nearest).expect("the nearest language is one of all")
    }

    /// The words of this name.
    pub(crate) fn say(&self, name: &str) -> &'static str {
        self.texts.get(name).copied().unwrap_or_default()
    }

    /// The words of this name, with its slots filled.
    pub(crate) fn fill(&self, name: &str, slots: &[(&str, &str)]) -> String {
        slots.iter().fold(self.say(name).to_owned(), |text, (slot, value)| text.replace(&format!("{{{slot}}}"), value))
    }

    /// That no speaker of the language has read these words, where that is so.
    pub(crate) fn unchecked(&self) -> Option<&'static str> {
        self.texts.get(UNCHECKED).copied()
    }

    /// A day, as the language writes it.
    pub(crate) fn day(&self, day: Date) -> String {
        let month = usize::try_from(day.month() - 1).ok().and_then(|place| self.say("date.months").split('|').nth(place)).unwrap_or_default();
        self.fill("date.day", &[("day", &day.day().to_string()), ("month", month), ("year", &day.year().to_string())])
    }
}

/// The language of ours that is nearest to a tag.
pub(crate) fn nearest(tag: &str) -> Option<&'static str> {
    let tag = tag.trim().to_ascii_lowercase();
    let parts: Vec<&str> = tag.split(['-', '_']).collect();
    match parts.split_first() {
        // Filipino is Tagalog by another name; Hindi and Urdu are two languages here, as they are written.
        Some((&"fil", _)) => own("tl"),
        Some((&"zh" | &"yue", rest)) if rest.contains(&"hans") => Some("zh-Hans"),
        Some((&"yue", _)) => Some("zh-Hant"),
        Some((&"zh", rest)) if rest.iter().any(|part| ["hant", "hk", "tw", "mo"].contains(part)) => Some("zh-Hant"),
        Some((&"zh", _)) => Some("zh-Hans"),
        Some((language, _)) => own(language),
        None => None,
    }
}

fn own(language: &str) -> Option<&'static str> {
    LANGUAGES.into_iter().find(|own| *own == language)
}

/// The first language of ours in what a browser accepts; it names them in the order of preference.
pub(crate) fn accepted(header: &str) -> Option<&'static str> {
    header.split(',').take(16).find_map(|part| nearest(part.split(';').next().unwrap_or_default()))
}

fn read(file: &'static str) -> BTreeMap<&'static str, &'static str> {
    file.lines().filter_map(|line| line.split_once(" = ")).map(|(name, text)| (name.trim(), text.trim())).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_language_has_every_word_and_its_slots() {
        let slots =
            |text: &str| text.match_indices('{').map(|(at, _)| text[at..].split_inclusive('}').next().unwrap_or_default().to_owned()).collect::<BTreeSet<_>>();
        let first = read(FILES[0]);
        for (language, file) in LANGUAGES.into_iter().zip(FILES) {
            let mut texts = read(file);
            texts.remove(UNCHECKED);
            assert_eq!(texts["date.months"].split('|').count(), 12, "{language}");
            let (missing, beside) = (first.keys().filter(|k| !texts.contains_key(*k)), texts.keys().filter(|k| !first.contains_key(*k)));
            assert_eq!((missing.count(), beside.count()), (0, 0), "{language}");
            for (name, text) in &texts {
                assert!(!text.is_empty(), "{language} {name}");
                assert_eq!(slots(text), slots(first[name]), "{language} {name}");
            }
        }
    }

    #[test]
    fn every_word_that_a_page_names_is_there_and_every_word_is_on_a_page() {
        let first = read(FILES[0]);
        let mut used = BTreeSet::new();
        for source in [include_str!("pages.rs"), include_str!("server/routes.rs")] {
            let named = source.match_indices(['"']).filter_map(|(at, _)| source[at + 1..].split('"').next());
            used.extend(named.filter(|word| first.contains_key(word)));
            used.extend(["date.months", "date.day"]);
            for call in ["say(\"", "fill(\""] {
                for (at, _) in source.match_indices(call) {
                    let name = source[at + call.len()..].split('"').next().unwrap_or_default();
                    assert!(first.contains_key(name), "no words of the name {name}");
                }
            }
        }
        let unused: Vec<_> = first.keys().filter(|name| !used.contains(*name) && !name.starts_with("kind.")).collect();
        assert!(unused.is_empty(), "{unused:?}");
    }

    #[test]
    fn a_browser_gets_the_nearest_language() {
        for (header, language) in [
            ("zh-HK,zh;q=0.9,en;q=0.8", Some("zh-Hant")),
            ("zh-CN,zh;q=0.9", Some("zh-Hans")),
            ("zh-Hans-HK", Some("zh-Hans")),
            ("yue", Some("zh-Hant")),
            ("fr-CH, fr;q=0.9, en;q=0.8", Some("fr")),
            ("nl, sv;q=0.9, en;q=0.8", Some("en")),
            ("fil-PH", Some("tl")),
            ("ur-PK", Some("ur")),
            ("nl", None),
            ("", None),
        ] {
            assert_eq!(accepted(header), language, "{header}");
        }
        assert_eq!((Words::of("pt-BR").language, Words::of("nl").language), ("pt", "en"));
        let day = jiff::civil::date(2026, 12, 2);
        assert_eq!((Words::of("en").day(day), Words::of("zh-Hant").day(day)), ("2 December 2026".into(), "2026年12月2日".into()));
        assert_eq!((Words::of("de").day(day), Words::of("ja").day(day)), ("2. Dezember 2026".into(), "2026年12月2日".into()));
        let checked: Vec<&str> = LANGUAGES.into_iter().filter(|language| Words::of(language).unchecked().is_none()).collect();
        assert_eq!(checked, ["en", "zh-Hant"], "whoever has no speaker who checked says so");
    }
}
