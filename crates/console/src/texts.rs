//! The texts of the pages, as data: one file a language under `texts/`, the same keys in each. A test holds them against each other
//! and against what the pages ask for.

use std::collections::BTreeMap;
use std::fmt::Display;

use strandline_response::desk::{Kind, Said};

/// A language that the pages are written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// English.
    English,
    /// Traditional Chinese.
    Chinese,
}

impl Language {
    /// Its tag (BCP 47).
    pub fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Chinese => "zh-Hant",
        }
    }

    /// The one of this tag.
    pub fn of_tag(tag: &str) -> Option<Self> {
        [Self::English, Self::Chinese].into_iter().find(|language| language.tag() == tag)
    }

    /// The one that a browser asks for: the first of its languages that is one of ours.
    pub fn accepted(header: &str) -> Self {
        let named = header.split(',').filter_map(|part| part.split(';').next()).map(str::trim);
        named
            .filter_map(|tag| if tag.starts_with("zh") { Some(Self::Chinese) } else { tag.starts_with("en").then_some(Self::English) })
            .next()
            .unwrap_or(Self::English)
    }
}

/// Languages of letters and of call sheets, as their readers call them.
pub const LETTER_LANGUAGES: [(&str, &str); 15] = [
    ("en", "English"),
    ("zh-Hant", "繁體中文"),
    ("zh-Hans", "简体中文"),
    ("ur", "اردو"),
    ("hi", "हिन्दी"),
    ("ne", "नेपाली"),
    ("th", "ไทย"),
    ("tl", "Tagalog"),
    ("id", "Bahasa Indonesia"),
    ("ja", "日本語"),
    ("ko", "한국어"),
    ("de", "Deutsch"),
    ("fr", "Français"),
    ("es", "Español"),
    ("pt", "Português"),
];

/// All texts of one language.
#[derive(Clone, Debug)]
pub struct Texts {
    /// The language.
    pub language: Language,
    texts: BTreeMap<String, String>,
    /// Why something was not done, by kind; none in English, which errors are written in.
    errors: BTreeMap<String, String>,
}

impl Texts {
    /// Those of a language.
    ///
    /// # Errors
    /// If the file is not what it was built with; a test reads it.
    pub fn of(language: Language) -> Result<Self, toml::de::Error> {
        let written = match language {
            Language::English => include_str!("../texts/en.toml"),
            Language::Chinese => include_str!("../texts/zh-Hant.toml"),
        };
        let errors = match language {
            Language::English => BTreeMap::new(),
            Language::Chinese => toml::from_str(include_str!("../texts/errors.zh-Hant.toml"))?,
        };
        Ok(Self { language, texts: toml::from_str(written)?, errors })
    }

    /// A text; its key, where there is none.
    pub fn x<'t>(&'t self, key: &'t str) -> &'t str {
        self.texts.get(key).map_or(key, String::as_str)
    }

    /// A text, where there is one.
    pub fn find(&self, key: &str) -> Option<&str> {
        self.texts.get(key).map(String::as_str)
    }

    /// A text with `{0}` filled in.
    pub fn w(&self, key: &str, first: impl Display) -> String {
        self.x(key).replace("{0}", &first.to_string())
    }

    /// A text with `{0}` and `{1}` filled in.
    pub fn w2(&self, key: &str, first: impl Display, second: impl Display) -> String {
        // The later place first, so that nothing in the first value is taken for a place.
        let (before, after) = self.x(key).split_once("{0}").map_or((self.x(key), None), |(before, after)| (before, Some(after)));
        let second = second.to_string();
        let filled = |part: &str| part.replace("{1}", &second);
        match after {
            Some(after) => format!("{}{first}{}", filled(before), filled(after)),
            None => filled(before),
        }
    }

    /// Why something was not done.
    pub fn said(&self, said: &Said) -> String {
        match self.language {
            Language::English => said.text.clone(),
            Language::Chinese => self.sentence(&said.kind).unwrap_or_else(|| said.text.clone()),
        }
    }

    /// The sentence of a kind, with what is behind it; none for a kind that has no sentence.
    fn sentence(&self, kind: &Kind) -> Option<String> {
        let mut text = filled(self.errors.get(kind.key)?, &kind.values);
        if let Some(cause) = kind.cause.as_deref().and_then(|cause| self.sentence(cause)) {
            text = format!("{}：{cause}", text.trim_end_matches('。'));
        }
        if let Some(detail) = &kind.detail {
            text = format!("{text}{}", filled(self.errors.get("detail")?, std::slice::from_ref(detail)));
        }
        Some(text)
    }

    /// A number as people write it: `6,812`.
    pub fn n(&self, number: u64) -> String {
        let digits = number.to_string();
        let mut text = String::new();
        for (place, digit) in digits.chars().enumerate() {
            if place > 0 && (digits.len() - place).is_multiple_of(3) {
                text.push(',');
            }
            text.push(digit);
        }
        text
    }
}

/// A sentence with its places filled in, once from left to right: nothing in a value is taken for a place.
fn filled(sentence: &str, values: &[String]) -> String {
    let mut text = String::new();
    let mut rest = sentence;
    while let Some((before, after)) = rest.split_once('{') {
        text.push_str(before);
        let place = after.split_once('}').and_then(|(place, after)| Some((values.get(place.parse::<usize>().ok()?)?, after)));
        match place {
            Some((value, after)) => {
                text.push_str(value);
                rest = after;
            }
            None => {
                text.push('{');
                rest = after;
            }
        }
    }
    text + rest
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use strandline_case::{CaseError, NotSigned};
    use strandline_response::{ResponseError, SignatureProblem};

    use super::*;

    fn places(text: &str) -> BTreeSet<&str> {
        ["{0}", "{1}"].into_iter().filter(|place| text.contains(place)).collect()
    }

    #[test]
    fn both_languages_have_the_same_keys_and_places() {
        let (english, chinese) = (Texts::of(Language::English).unwrap(), Texts::of(Language::Chinese).unwrap());
        let keys = |texts: &Texts| texts.texts.keys().cloned().collect::<BTreeSet<_>>();
        assert_eq!(keys(&english), keys(&chinese));
        for (key, text) in &english.texts {
            assert_eq!(places(text), places(chinese.x(key)), "{key}");
            assert!(!text.trim().is_empty() && !chinese.x(key).trim().is_empty(), "{key} is empty");
        }
    }

    #[test]
    fn pages_ask_for_texts_that_are_there() {
        let english = Texts::of(Language::English).unwrap();
        let mut asked = BTreeSet::new();
        for folder in ["src", "src/pages", "src/pictures", "templates"] {
            for entry in std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)).unwrap() {
                let path = entry.unwrap().path();
                let Ok(text) = std::fs::read_to_string(&path) else { continue };
                for call in ["t.x(\"", "t.w(\"", "t.w2(\"", "t().x(\"", "t().w(\"", "fact(\""] {
                    asked.extend(text.split(call).skip(1).filter_map(|rest| rest.split('"').next()).map(str::to_owned));
                }
            }
        }
        let missing: Vec<&String> = asked.iter().filter(|key| english.find(key).is_none()).collect();
        assert!(asked.len() > 50 && missing.is_empty(), "{missing:?}");
    }

    #[test]
    fn every_kind_of_error_has_its_sentence_in_chinese() {
        let chinese = Texts::of(Language::Chinese).unwrap();
        let source = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../response/src/desk/said.rs")).unwrap();
        let of_passkeys = source.split("impl Kinded for PasskeyProblem").nth(1).unwrap().split("impl Kinded for DutyError").next().unwrap();
        let calls = ["Kind::of(\"", "Kind::with(\""].into_iter().flat_map(|call| source.split(call).skip(1));
        let mut keys: BTreeSet<&str> = calls.chain(of_passkeys.split("=> \"").skip(1)).filter_map(|rest| rest.split('"').next()).collect();
        keys.insert("detail");
        let known: BTreeSet<&str> = chinese.errors.keys().map(String::as_str).collect();
        assert!(keys.len() > 100, "{} kinds", keys.len());
        assert_eq!(keys.difference(&known).collect::<Vec<_>>(), Vec::<&&str>::new(), "kinds without a sentence");
        assert_eq!(known.difference(&keys).collect::<Vec<_>>(), Vec::<&&str>::new(), "sentences of no kind");
    }

    #[test]
    fn an_error_is_said_in_the_language_of_the_page() {
        let said = Said::from(&ResponseError::from(CaseError::NotSigned(NotSigned::Wrong(SignatureProblem::OtherText))));
        let (english, chinese) = (Texts::of(Language::English).unwrap(), Texts::of(Language::Chinese).unwrap());
        assert_eq!(english.said(&said), "the signature does not fit: it is not one over this text");
        assert_eq!(chinese.said(&said), "簽署不符：這不是對這段文字的簽署。");
        let said = Said::from(&ResponseError::NoSuchLanguage { language: "{1}".to_owned(), known: "en".to_owned() });
        assert!(chinese.said(&said).contains("「{1}」") && chinese.said(&said).contains("en"));
    }

    #[test]
    fn a_value_is_never_taken_for_a_place() {
        let mut texts = Texts::of(Language::English).unwrap();
        texts.texts.insert("k".into(), "{0} of {1}".into());
        assert_eq!(texts.w2("k", "{1}", "b"), "{1} of b");
        assert_eq!(texts.n(6812), "6,812");
    }

    #[test]
    fn a_browser_is_heard() {
        assert_eq!(Language::accepted("fr, zh-TW;q=0.9, en;q=0.8"), Language::Chinese);
        assert_eq!(Language::accepted("en-GB,zh"), Language::English);
        assert_eq!(Language::accepted(""), Language::English);
    }
}
