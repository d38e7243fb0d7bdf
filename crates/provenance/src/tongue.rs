//! The order of texts in a language, as ICU has it: the Unicode Collation Algorithm (UTS #10) with the tailorings of CLDR.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock};

use icu_collator::options::{CollatorOptions, Strength};
use icu_collator::{Collator, CollatorBorrowed};
use icu_locale_core::Locale;

/// Languages that CLDR orders by rules of their own, beside those that it orders as the root does and that databases are set up in.
const TAILORED: &[&str] = &[
    "af", "am", "ar", "as", "az", "be", "bg", "bn", "br", "bs", "ca", "ceb", "cs", "cy", "da", "de", "dsb", "ee", "el", "en", "eo", "es", "et", "fa", "fi",
    "fil", "fo", "fr", "fr-CA", "gl", "gu", "ha", "haw", "he", "hi", "hr", "hsb", "hu", "hy", "id", "ig", "is", "it", "ja", "ka", "kk", "kl", "km", "kn", "ko",
    "kok", "ku", "ky", "lkt", "ln", "lt", "lv", "mk", "ml", "mn", "mr", "ms", "mt", "my", "nb", "ne", "nl", "nn", "no", "nso", "om", "or", "pa", "pl", "ps",
    "pt", "ro", "ru", "se", "si", "sk", "sl", "smn", "sq", "sr", "sv", "sw", "ta", "te", "th", "tk", "tn", "to", "tr", "ug", "uk", "ur", "uz", "vi", "wae",
    "wo", "xh", "yi", "yo", "zh", "zu",
];

/// Languages whose Han characters stand in an order of readings or strokes, which changes with CLDR.
const ORDERS_HAN: &[&str] = &["ja", "ko", "zh"];

/// A language by whose order texts stand; [`Tongue::ROOT`] is what all begin from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Tongue(&'static str);

/// By language; `None` where the collator has no data of it.
type Collators = HashMap<&'static str, Option<Arc<CollatorBorrowed<'static>>>>;

impl Tongue {
    /// The order of CLDR's root.
    pub(crate) const ROOT: Self = Self("und");

    /// Of a locale as servers write it (`de`, `de-AT`, `cs_CZ`, `und`, nothing); `None` with options, a script or a language that we do not know of.
    pub(crate) fn of(locale: &str) -> Option<Self> {
        let mut parts = locale.split(['-', '_', '.']);
        let language = parts.next().unwrap_or_default().to_ascii_lowercase();
        if matches!(language.as_str(), "" | "und" | "root") {
            return parts.next().is_none().then_some(Self::ROOT);
        }
        let regions: Vec<String> = parts.map(str::to_ascii_uppercase).collect();
        let name = match regions.as_slice() {
            [] => language,
            [region] if language == "fr" && region == "CA" => "fr-CA".to_owned(),
            [region] if region.len() == 2 || region.chars().all(|letter| letter.is_ascii_digit()) => language,
            _ => return None,
        };
        TAILORED.iter().find(|known| **known == name).map(|known| Self(known))
    }

    /// Whether the order of a letter is the same in the versions of CLDR that servers have.
    pub(crate) fn places(self, letter: char) -> bool {
        match letter {
            ' '..='~' => true,
            _ if is_han(letter) => !ORDERS_HAN.contains(&self.0),
            _ => is_settled(letter),
        }
    }

    /// What stands in the order of the language: by all that tells texts apart, the bytes being last, as PostgreSQL has it.
    pub(crate) fn key(self, text: &str) -> Vec<u8> {
        let mut key = Vec::with_capacity(text.len() * 4);
        if let Some(collator) = self.collator() {
            let Ok(()) = collator.write_sort_key_to(text, &mut key);
        }
        key.push(0);
        key.extend_from_slice(text.as_bytes());
        key
    }

    fn collator(self) -> Option<Arc<CollatorBorrowed<'static>>> {
        static KNOWN: OnceLock<Mutex<Collators>> = OnceLock::new();
        let mut known = KNOWN.get_or_init(Mutex::default).lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        known
            .entry(self.0)
            .or_insert_with(|| {
                let locale: Locale = self.0.parse().ok()?;
                let mut options = CollatorOptions::default();
                options.strength = Some(Strength::Tertiary);
                Collator::try_new((&locale).into(), options).ok().map(Arc::new)
            })
            .clone()
    }
}

/// Of the unified ideographs those that Unicode had from the beginning; their order in the root is that of their numbers.
pub(crate) fn is_han(letter: char) -> bool {
    ('\u{4E00}'..='\u{9FA5}').contains(&letter)
}

/// Letters of the scripts that names are written in, as far as no version of the root has moved them.
fn is_settled(letter: char) -> bool {
    let blocks = ['\u{C0}'..='\u{24F}', '\u{370}'..='\u{3FF}', '\u{400}'..='\u{52F}', '\u{1E00}'..='\u{1EFF}', '\u{AC00}'..='\u{D7A3}'];
    letter.is_alphabetic() && blocks.iter().any(|block| block.contains(&letter))
}
