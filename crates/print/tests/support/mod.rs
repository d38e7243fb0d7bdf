//! People about nobody, their letters, and the fonts of this machine.

use std::collections::BTreeMap;

use strandline_model::estate::{Contact, Organisation};
use strandline_model::exposure::{Basis, Certainty, Exposure};
use strandline_model::letter_word::Gate;
use strandline_model::personal::Personal;
use strandline_model::register::RegisterEntry;
use strandline_model::time::{Instant, Interval};
use strandline_notice::law::LetterRules;
use strandline_notice::letter::{Facts, Letter, Mailbox, Next, Recipient, Templates, draft};
use strandline_print::{Fonts, USUAL_PLACES};

pub const HOUR: i64 = 3_600_000_000;
pub const BREAK_IN: Instant = Instant(1_795_466_660_000_000);

/// The built-in fonts and, where this machine has them, those with Hong Kong's characters.
#[allow(clippy::print_stdout, reason = "a skipped test says so")]
pub fn fonts() -> Option<Fonts> {
    let files: Vec<(String, Vec<u8>)> = USUAL_PLACES.iter().filter_map(|place| Some(((*place).to_owned(), std::fs::read(place).ok()?))).collect();
    if files.is_empty() {
        println!("SKIPPED: no font with Hong Kong's characters on this machine (Debian: fonts-noto-cjk)");
        return None;
    }
    Some(Fonts::built_in().with(files).expect("the files are fonts"))
}

fn both(english: &str, chinese: &str) -> BTreeMap<String, String> {
    BTreeMap::from([("en".to_owned(), english.to_owned()), ("zh-Hant".to_owned(), chinese.to_owned())])
}

/// Everything that the letters of a made-up case share.
pub struct Case {
    organisation: Organisation,
    account: BTreeMap<String, String>,
    measures: Vec<BTreeMap<String, String>>,
    categories: Vec<String>,
    pub templates: Templates,
    rules: LetterRules,
    pub support_page: Option<&'static str>,
}

impl Case {
    pub fn new() -> Self {
        let contact = |name, phone: &str| Contact { name, phone: Some(phone.into()), email: Some("privacy@harbour.example.hk".into()), hours: BTreeMap::new() };
        Self {
            organisation: Organisation {
                name: both("Harbour Hospital", "海港醫院"),
                time_zone: "Asia/Hong_Kong".into(),
                regimes: vec![],
                domain: Some("harbour.example.hk".into()),
                link_domains: vec![],
                contact: Some(contact(both("Privacy Office", "私隱辦事處"), "+852 2000 0300")),
                safety_contact: Some(contact(both("Welfare Officer", "福利主任"), "+852 2000 0301")),
                postal_address: vec!["1 Harbour Road".into(), "Hong Kong".into()],
                envelope_window: None,
                working_hours: None,
            },
            account: BTreeMap::new(),
            measures: vec![
                both("We changed every password of the system.", "我們更改了系統的全部密碼。"),
                both("We closed the door that they used.", "我們關閉了他們所用的入口。"),
            ],
            categories: [
                "academic_qualification",
                "date_of_birth",
                "email",
                "employment",
                "employment_history",
                "financial",
                "gender",
                "identity_document",
                "name",
                "phone",
                "postal_address",
            ]
            .map(str::to_owned)
            .to_vec(),
            templates: Templates::built_in(),
            rules: LetterRules::default(),
            support_page: None,
        }
    }

    pub fn facts(&self) -> Facts<'_> {
        Facts {
            organisation: &self.organisation,
            reference: "HH-2026-01",
            intrusion: Interval { from: BREAK_IN.plus_micros(-HOUR), to: BREAK_IN.plus_micros(30 * HOUR) },
            found_at: Some(BREAK_IN.plus_micros(32 * HOUR)),
            stopped_at: Some(BREAK_IN.plus_micros(34 * HOUR)),
            checked: Some(Interval { from: BREAK_IN.plus_micros(-72 * HOUR), to: BREAK_IN.plus_micros(34 * HOUR) }),
            account: &self.account,
            measures: &self.measures,
            drafted_at: BREAK_IN.plus_micros(50 * HOUR),
            rules: &self.rules,
            next: Next::By(jiff::civil::date(2026, 12, 9)),
            categories: &self.categories,
            support_page: self.support_page,
        }
    }

    /// All exposures of one person at one tier, in every category.
    pub fn exposures(&self, key: &str, certainty: Certainty, basis: Basis) -> Vec<Exposure> {
        let exposure = |category: &String| Exposure {
            data_subject: key.into(),
            category: category.clone(),
            basis,
            certainty,
            first_seen: BREAK_IN,
            last_seen: BREAK_IN.plus_micros(HOUR / 2),
            columns: vec![],
            accesses: vec![],
            access_count: 2,
            missing_proof: None,
            proof: vec![],
        };
        self.categories.iter().map(exposure).collect()
    }

    pub fn draft(&self, entry: &RegisterEntry, exposures: &[Exposure]) -> Letter {
        let recipient = Recipient {
            key: &entry.key,
            entry: Some(entry),
            exposures,
            code: Some("7K2M-QX4D-9RTV-H3"),
            record_ending: None,
            gate: Gate::Unset,
            mailbox: Mailbox::Own,
            tells: &[],
            before: None,
        };
        draft(&recipient, &self.facts(), &self.templates).expect("the case has what a letter needs")
    }
}

pub fn person(key: &str, name: &str, language: &str) -> RegisterEntry {
    RegisterEntry {
        key: key.into(),
        names: BTreeMap::from([(language.into(), Personal::new(name.into()))]),
        postal_address: Some(Personal::new("Flat 10F, Block 3, Sample Court\n104 Sample Road\nKowloon, Hong Kong".into())),
        language: Some(language.into()),
        ..RegisterEntry::default()
    }
}
