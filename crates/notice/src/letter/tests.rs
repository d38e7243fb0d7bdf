//! Letters as their readers see them, and registers as an intruder would write them.

use std::collections::{BTreeMap, BTreeSet};

use strandline_model::document::Block;
use strandline_model::estate::{Contact, Organisation};
use strandline_model::exposure::{Basis, Certainty, Exposure};
use strandline_model::letter_word::Gate;
use strandline_model::personal::Personal;
use strandline_model::register::{BelongsTo, RegisterEntry};
use strandline_model::time::{Instant, Interval};

use super::lint::{Finding, Rule, Strangers, check_pages, lint};
use super::*;
use crate::law::LetterRules;

const HOUR: i64 = 3_600_000_000;
const BREAK_IN: Instant = Instant(1_795_466_660_000_000);

fn both(english: &str, chinese: &str) -> BTreeMap<String, String> {
    BTreeMap::from([("en".to_owned(), english.to_owned()), ("zh-Hant".to_owned(), chinese.to_owned())])
}

fn organisation() -> Organisation {
    Organisation {
        name: both("Harbour Hospital", "海港醫院"),
        time_zone: "Asia/Hong_Kong".into(),
        regimes: vec![],
        domain: Some("harbour.example.hk".into()),
        link_domains: vec![],
        contact: Some(Contact {
            name: both("Privacy Office", "私隱辦事處"),
            phone: Some("+852 2000 0300".into()),
            email: Some("privacy@harbour.example.hk".into()),
            hours: both("Monday to Friday, 9 am to 5 pm", "星期一至五，上午九時至下午五時"),
        }),
        safety_contact: Some(Contact {
            name: both("Welfare Officer", "福利主任"), phone: Some("+852 2000 0301".into()), email: None, hours: BTreeMap::new()
        }),
        postal_address: vec!["1 Harbour Road".into(), "Hong Kong".into()],
        envelope_window: None,
        working_hours: None,
    }
}

fn person(key: &str, name: &str, name_zh: &str, language: &str) -> RegisterEntry {
    RegisterEntry {
        key: key.into(),
        names: BTreeMap::from([("en".into(), Personal::new(name.into())), ("zh-Hant".into(), Personal::new(name_zh.into()))]),
        email: Some(Personal::new(format!("{}@mail.example.hk", key.to_lowercase()))),
        phone: Some(Personal::new("+852 9123 4567".into())),
        postal_address: Some(Personal::new("Flat 9B, 12 Sample Road, Hong Kong".into())),
        language: Some(language.into()),
        status: Some("serving".into()),
        ..RegisterEntry::default()
    }
}

fn chan(language: &str) -> RegisterEntry {
    person("P00007", "CHAN Siu Ming", "陳小明", language)
}

fn exposure(key: &str, category: &str, certainty: Certainty, basis: Basis) -> Exposure {
    Exposure {
        data_subject: key.into(),
        category: category.into(),
        basis,
        certainty,
        first_seen: BREAK_IN,
        last_seen: BREAK_IN.plus_micros(if certainty == Certainty::Possible { HOUR } else { 0 }),
        columns: vec![],
        accesses: vec![],
        access_count: 1,
        missing_proof: (certainty != Certainty::Confirmed).then(|| "why".into()),
        proof: vec![],
    }
}

fn categories() -> Vec<String> {
    ["academic_qualification", "date_of_birth", "email", "employment", "employment_history", "financial", "gender", "identity_document", "name", "phone"]
        .map(str::to_owned)
        .to_vec()
}

/// A case and its register, and what a test wants to change of them.
struct Case {
    organisation: Organisation,
    account: BTreeMap<String, String>,
    measures: Vec<BTreeMap<String, String>>,
    checked: Option<Interval>,
    next: Next,
    templates: Templates,
    register: Vec<RegisterEntry>,
    categories: Vec<String>,
    rules: LetterRules,
    support_page: Option<&'static str>,
}

impl Case {
    fn new(register: Vec<RegisterEntry>) -> Self {
        Self {
            organisation: organisation(),
            account: BTreeMap::new(),
            measures: vec![both("We changed every password of the system.", "我們更改了系統的全部密碼。")],
            checked: Some(Interval { from: BREAK_IN.plus_micros(-72 * HOUR), to: BREAK_IN.plus_micros(HOUR) }),
            next: Next::By(jiff::civil::date(2026, 12, 9)),
            templates: Templates::built_in(),
            register,
            categories: categories(),
            rules: LetterRules::default(),
            support_page: None,
        }
    }

    fn facts(&self) -> Facts<'_> {
        Facts {
            organisation: &self.organisation,
            reference: "HH-2026-01",
            intrusion: Interval { from: BREAK_IN.plus_micros(-HOUR), to: BREAK_IN.plus_micros(HOUR) },
            found_at: Some(BREAK_IN.plus_micros(8 * HOUR)),
            stopped_at: Some(BREAK_IN.plus_micros(12 * HOUR)),
            checked: self.checked,
            account: &self.account,
            measures: &self.measures,
            drafted_at: BREAK_IN.plus_micros(30 * HOUR),
            rules: &self.rules,
            next: self.next,
            categories: &self.categories,
            support_page: self.support_page,
        }
    }

    fn draft(&self, number: usize, exposures: &[Exposure]) -> (Letter, Vec<Finding>) {
        self.draft_among(number, exposures, &self.strangers())
    }

    fn strangers(&self) -> Strangers {
        Strangers::of(self.register.iter(), &self.facts(), &self.templates)
    }

    fn draft_among(&self, number: usize, exposures: &[Exposure], strangers: &Strangers) -> (Letter, Vec<Finding>) {
        let entry = &self.register[number];
        let endings = record_endings(self.register.iter());
        let recipient = Recipient {
            key: &entry.key,
            entry: Some(entry),
            exposures,
            code: Some("7K2M-QX4D-9RTV-H3"),
            record_ending: endings.get(&entry.key).map(String::as_str),
            gate: Gate::Unset,
            mailbox: Mailbox::Own,
            tells: &[],
            before: None,
        };
        let letter = draft(&recipient, &self.facts(), &self.templates).expect("the case has what a letter needs");
        let findings = lint(&letter, &recipient, &self.facts(), &self.templates, strangers);
        (letter, findings)
    }

    fn lint(&self, letter: &Letter, number: usize, exposures: &[Exposure]) -> Vec<Finding> {
        let entry = &self.register[number];
        let endings = record_endings(self.register.iter());
        let recipient = Recipient {
            key: &entry.key,
            entry: Some(entry),
            exposures,
            code: Some("7K2M-QX4D-9RTV-H3"),
            record_ending: endings.get(&entry.key).map(String::as_str),
            gate: Gate::Unset,
            mailbox: Mailbox::Own,
            tells: &[],
            before: None,
        };
        let strangers = self.strangers();
        lint(letter, &recipient, &self.facts(), &self.templates, &strangers)
    }
}

fn rules(findings: &[Finding]) -> Vec<Rule> {
    let mut rules: Vec<Rule> = findings.iter().map(|f| f.rule).collect();
    rules.dedup();
    rules
}

/// Everything of one tier: what the longest letter of that tier says.
fn all(key: &str, certainty: Certainty, basis: Basis) -> Vec<Exposure> {
    categories().iter().map(|category| exposure(key, category, certainty, basis)).collect()
}

fn mixed(key: &str) -> Vec<Exposure> {
    vec![
        exposure(key, "name", Certainty::Confirmed, Basis::Disclosed),
        exposure(key, "academic_qualification", Certainty::Confirmed, Basis::Inferred),
        exposure(key, "email", Certainty::Likely, Basis::Inferred),
        exposure(key, "phone", Certainty::Likely, Basis::Disclosed),
        exposure(key, "financial", Certainty::Possible, Basis::Disclosed),
    ]
}

fn check_snapshot(name: &str, status: &str, exposures: &[Exposure]) {
    for language in ["en", "zh-Hant"] {
        let case = Case::new(vec![RegisterEntry { status: Some(status.into()), ..chan(language) }]);
        let (letter, findings) = case.draft(0, exposures);
        assert_eq!(findings, [], "{name} in {language}");
        assert!(!format!("{letter:?}").contains("CHAN"), "a letter prints its text");
        let text = format!("{}\n\n{}\n\n{}", letter.document.expose_personal().recipient.join("\n"), letter.subject, letter.plain_text().expose_personal());
        insta::assert_snapshot!(format!("{name}_{language}"), text);
    }
}

#[test]
fn each_tier_has_its_letter_in_each_language() {
    check_snapshot("confirmed", "serving", &all("P00007", Certainty::Confirmed, Basis::Disclosed));
    check_snapshot("likely", "serving", &all("P00007", Certainty::Likely, Basis::Disclosed));
    check_snapshot("inferred", "serving", &all("P00007", Certainty::Likely, Basis::Inferred));
    check_snapshot("possible", "serving", &all("P00007", Certainty::Possible, Basis::Disclosed));
    check_snapshot("mixed", "serving", &mixed("P00007"));
    check_snapshot("not_reached", "serving", &[]);
    check_snapshot("departed", "departed", &mixed("P00007"));
    check_snapshot("deceased", "deceased", &mixed("P00007"));
}

#[test]
fn the_strongest_tier_chooses_the_letter() {
    let check = |exposures: &[Exposure], kind: Kind, subject: &str| {
        let (letter, _) = Case::new(vec![chan("en")]).draft(0, exposures);
        assert_eq!((letter.kind, letter.subject.as_str()), (kind, subject));
    };
    let one = |certainty| [exposure("P00007", "email", certainty, Basis::Disclosed)];
    check(&one(Certainty::Confirmed), Kind::Exposed, "An intruder saw data about you");
    check(&one(Certainty::Likely), Kind::Exposed, "Treat data about you as seen by an intruder");
    check(&one(Certainty::Possible), Kind::Possible, "An intruder was near data about you");
    check(&[], Kind::NotReached, "The intruder did not reach your data");
}

#[test]
fn a_disclosed_value_outranks_an_inferred_one() {
    let both = [exposure("P00007", "email", Certainty::Confirmed, Basis::Inferred), exposure("P00007", "email", Certainty::Confirmed, Basis::Disclosed)];
    let (letter, _) = Case::new(vec![chan("en")]).draft(0, &both);
    let Some(Block::Table { rows, .. }) = letter.document.expose_personal().blocks.iter().find(|b| matches!(b, Block::Table { .. })) else {
        panic!("no table")
    };
    assert_eq!(rows[0][..2], ["E-mail address", "Seen"]);
    assert_eq!(rows.len(), categories().len(), "one row a category");
}

#[test]
fn no_letter_says_not_touched_without_a_window() {
    let mut case = Case::new(vec![chan("en")]);
    case.checked = None;
    let (letter, _) = case.draft(0, &mixed("P00007"));
    assert!(!letter.plain_text().expose_personal().contains("Not touched"));
    let entry = chan("en");
    let recipient = Recipient {
        key: "P00007",
        entry: Some(&entry),
        exposures: &[],
        code: None,
        record_ending: None,
        gate: Gate::Unset,
        mailbox: Mailbox::Own,
        tells: &[],
        before: None,
    };
    assert_eq!(draft(&recipient, &case.facts(), &case.templates).err(), Some(DraftError::NotCovered));
}

#[test]
fn what_belongs_to_another_is_refused() {
    let case = Case::new(vec![chan("en")]);
    let entry = chan("en");
    let others = mixed("P00008");
    let refuse = |recipient: Recipient<'_>| assert_eq!(draft(&recipient, &case.facts(), &case.templates).err(), Some(DraftError::OtherPerson));
    refuse(Recipient {
        key: "P00007",
        entry: Some(&entry),
        exposures: &others,
        code: None,
        record_ending: None,
        gate: Gate::Unset,
        mailbox: Mailbox::Own,
        tells: &[],
        before: None,
    });
    refuse(Recipient {
        key: "P00008",
        entry: Some(&entry),
        exposures: &others,
        code: None,
        record_ending: None,
        gate: Gate::Unset,
        mailbox: Mailbox::Own,
        tells: &[],
        before: None,
    });
}

#[test]
fn two_namesakes_in_a_household_get_the_right_two_letters() {
    let other = person("P99907", "CHAN Siu-ming", "陳小明", "en");
    let case = Case::new(vec![chan("en"), other]);
    let (first, of_first) = case.draft(0, &[exposure("P00007", "email", Certainty::Confirmed, Basis::Disclosed)]);
    let (second, of_second) = case.draft(1, &[exposure("P99907", "phone", Certainty::Confirmed, Basis::Disclosed)]);
    assert_eq!((of_first, of_second), (vec![], vec![]));
    for (letter, ending, category) in [(&first, "0007", "E-mail address: Seen"), (&second, "9907", "Telephone number: Seen")] {
        let text = letter.plain_text();
        assert!(text.expose_personal().contains(&format!("the record that ends in {ending}")) && text.expose_personal().contains(category));
        assert!(letter.attention.contains(&Attention::Namesake) && !letter.is_held());
    }
    // The letters are put into each other's envelopes: the lint sees it, by the exposures and by the record.
    let exposures = [exposure("P99907", "phone", Certainty::Confirmed, Basis::Disclosed)];
    let mut swapped = second.clone();
    swapped.document = first.document.clone();
    assert!(rules(&case.lint(&swapped, 1, &exposures)).contains(&Rule::WrongPerson));
}

#[test]
fn endings_tell_namesakes_apart_and_show_no_more() {
    let people = |keys: &[&str]| keys.iter().map(|key| person(key, "A Chan", "", "en")).collect::<Vec<_>>();
    let check = |keys: &[&str], expected: &[&str]| {
        let people = people(keys);
        assert_eq!(record_endings(people.iter()).values().map(String::as_str).collect::<Vec<_>>(), expected);
    };
    check(&["A1234567"], &[]);
    check(&["A1230001", "A1230002"], &["0001", "0002"]);
    check(&["A1230001", "A1290001"], &["30001", "90001"]);
    check(&["7", "8"], &["7", "8"]);
}

/// The languages that come along and that no speaker has read.
const UNCHECKED: [&str; 13] = ["de", "es", "fr", "hi", "id", "ja", "ko", "ne", "pt", "th", "tl", "ur", "zh-Hans"];

#[test]
fn each_language_is_clean_in_each_tier_but_for_texts_that_no_speaker_has_read() {
    for language in UNCHECKED {
        let people = [("serving", "P1"), ("deceased", "P2"), ("departed", "P3"), ("minor", "P4")]
            .map(|(status, key)| RegisterEntry { status: Some(status.into()), ..person(key, "CHAN Siu Ming", "陳小明", language) });
        let mut case = Case::new(people.to_vec());
        case.support_page = Some("support.harbour.example.hk");
        let (strangers, mut found) = (case.strangers(), BTreeSet::new());
        for who in 0..4 {
            let key = case.register[who].key.clone();
            for basis in [Basis::Disclosed, Basis::Inferred] {
                for certainty in [Certainty::Confirmed, Certainty::Likely, Certainty::Possible] {
                    let (letter, findings) = case.draft_among(who, &all(&key, certainty, basis), &strangers);
                    assert_eq!(letter.language, language);
                    found.extend(findings);
                }
            }
            found.extend(case.draft_among(who, &[], &strangers).1);
            found.extend(case.draft_among(who, &mixed(&key), &strangers).1);
        }
        let found: Vec<Finding> = found.into_iter().filter(|finding| finding.rule != Rule::Unchecked).collect();
        assert_eq!(found, [], "{language}");
        case.templates.checked_by_speakers_of(&BTreeSet::from([language.to_owned()]));
        assert_eq!(case.draft(0, &all("P1", Certainty::Confirmed, Basis::Disclosed)).1, [], "{language} was read by a speaker");
    }
}

#[test]
fn each_language_finds_its_own_hedges_and_knows_what_registers_call_it() {
    for (language, called, hedge) in [
        ("es", "Español", "Quizás lo vieron."),
        ("fr", "french", "Ils l’ont peut-être vu."),
        ("de", "ger", "Sie haben es möglicherweise gesehen."),
        ("pt", "pt-BR", "Talvez o tenham visto."),
        ("ja", "日本語", "見られたかもしれません。"),
        ("ko", "kor", "보았을 가능성이 있습니다."),
        ("th", "ไทย", "พวกเขาน่าจะเห็น"),
        ("id", "bahasa indonesia", "Mungkin mereka melihatnya."),
        ("tl", "fil", "Marahil nakita nila."),
        ("hi", "Hindi", "उन्होंने शायद देखा।"),
        ("ne", "nepali", "सायद उनीहरूले हेरे।"),
        ("ur", "اردو", "شاید انہوں نے دیکھا۔"),
        ("zh-Hans", "zh-CN", "他们可能看过。"),
    ] {
        let case = Case::new(vec![chan(called)]);
        let exposures = [exposure("P00007", "email", Certainty::Confirmed, Basis::Disclosed)];
        let (mut letter, _) = case.draft(0, &exposures);
        assert_eq!(letter.language, language, "{called}");
        let mut document = letter.document.into_personal();
        document.blocks.push(Block::paragraph(hedge));
        letter.document = Personal::new(document);
        assert!(rules(&case.lint(&letter, 0, &exposures)).contains(&Rule::Hedge), "{language}");
    }
}

#[test]
fn a_letter_from_right_to_left_keeps_numbers_in_their_order() {
    let mut case = Case::new(vec![chan("ur")]);
    case.support_page = Some("support.harbour.example.hk");
    let (letter, _) = case.draft(0, &mixed("P00007"));
    let (text, html) = (letter.plain_text(), letter.html());
    for value in ["+852 2000 0300", "7K2M-QX4D-9RTV-H3", "HH-2026-01", "privacy@harbour.example.hk", "support.harbour.example.hk"] {
        assert!(text.expose_personal().contains(&format!("\u{2066}{value}\u{2069}")), "{value} runs backwards");
    }
    assert!(html.expose_personal().contains("<html lang=\"ur\" dir=\"rtl\">"));
    let (english, _) = Case::new(vec![chan("en")]).draft(0, &mixed("P00007"));
    assert!(!english.plain_text().expose_personal().contains('\u{2066}'));
}

/// Draws the letter of a person whose entry is changed, and says what it calls for.
fn check_attention(change: impl Fn(&mut RegisterEntry), expected: &[Attention], channels: &[Channel], held: bool) -> Letter {
    let mut entry = chan("en");
    change(&mut entry);
    let (letter, findings) = Case::new(vec![entry]).draft(0, &mixed("P00007"));
    assert_eq!(findings, [], "{expected:?}");
    assert_eq!(letter.attention, expected);
    assert_eq!(letter.channels, channels);
    assert_eq!(letter.is_held(), held);
    letter
}

#[test]
fn what_the_register_lacks_is_listed_and_nobody_is_dropped() {
    use Attention::*;
    use Channel::*;
    let personal = |text: &str| Some(Personal::new(text.to_owned()));
    check_attention(|_| {}, &[], &[Email, Post], false);
    check_attention(|e| e.language = None, &[NoLanguage], &[Email, Post], false);
    check_attention(|e| e.language = Some("zh-HK".into()), &[], &[Email, Post], false);
    let letter = check_attention(|e| e.language = Some("tlh".into()), &[LanguageWithoutTemplate], &[Email, Post], false);
    assert!(letter.plain_text().expose_personal().contains("如需本函的中文版，請致電+852 2000 0300。"));
    check_attention(|e| e.email = None, &[], &[Post], false);
    check_attention(|e| e.postal_address = None, &[], &[Email], false);
    check_attention(|e| (e.email, e.postal_address) = (None, None), &[NoChannel], &[], true);
    check_attention(|e| e.names.clear(), &[NoName], &[Email, Post], true);
    check_attention(|e| e.status = Some("Departed".into()), &[Departed], &[Email, Post], false);
    let work = |e: &mut RegisterEntry| (e.status, e.email) = (Some("離職".into()), Some(Personal::new("chan@HARBOUR.example.hk".into())));
    check_attention(work, &[Departed, WorkEmailOfDeparted], &[Post], false);
    check_attention(|e| e.status = Some("deceased".into()), &[Deceased], &[Post], true);
    check_attention(|e| e.status = Some("on the moon".into()), &[UnclearStatus], &[Email, Post], true);
    check_attention(|e| e.email = personal("a@b.hk\r\nBcc: c@d.hk"), &[TwoEmails], &[Post], false);
    check_attention(|e| e.email = personal("a@b.hk, c@d.hk"), &[TwoEmails], &[Post], false);
}

#[test]
fn a_person_beside_the_register_gets_a_letter_that_waits() {
    let case = Case::new(vec![]);
    let exposures = mixed("P1");
    let recipient = Recipient {
        key: "P1",
        entry: None,
        exposures: &exposures,
        code: None,
        record_ending: None,
        gate: Gate::Unset,
        mailbox: Mailbox::Own,
        tells: &[],
        before: None,
    };
    let letter = draft(&recipient, &case.facts(), &case.templates).expect("it is drafted");
    assert_eq!((letter.attention.as_slice(), letter.is_held()), ([Attention::NotInRegister].as_slice(), true));
    assert!(letter.mail().is_none() && !letter.plain_text().expose_personal().contains("P1"), "a key can be an identity number");
}

#[test]
fn a_hostile_name_stays_one_line_of_text() {
    let check = |name: &str, shown: &str, held: bool| {
        let mut entry = chan("en");
        entry.names = BTreeMap::from([("en".into(), Personal::new(name.to_owned()))]);
        let (letter, findings) = Case::new(vec![entry]).draft(0, &mixed("P00007"));
        assert_eq!(findings, []);
        let document = letter.document.expose_personal();
        assert!(document.recipient[0] == shown, "the envelope shows something else");
        let Block::Paragraph { text, .. } = &document.blocks[0] else { panic!("a letter begins with its salutation") };
        assert!(*text == format!("Dear {shown},"), "the salutation shows something else");
        assert_eq!(letter.is_held(), held);
        assert!(!letter.subject.contains('\n') && letter.mail().is_some_and(|mail| !mail.to.expose_personal().contains(['\r', '\n'])));
    };
    check("CHAN Siu Ming\r\nBcc: all@example.org", "CHAN Siu Ming Bcc: all@example.org", true);
    check("{code} {name}", "{code} {name}", false);
    check("#eval(read(\"/etc/passwd\")) *bold* $x$ \\u{1F600} // @ref <label>", "#eval(read(\"/etc/passwd\")) *bold* $x$ \\u{1F600} // @ref <label>", false);
    check("\u{202E}NAHC\u{2066}", "NAHC", true);
    check("محمد عبد الله", "محمد عبد الله", false);
    check("e\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}", "e\u{301}\u{301}\u{301}", true);
    check(&"Maximilian ".repeat(40), "Maximilian ".repeat(11)[..120].trim(), true);
    check("May Might Could", "May Might Could", false);
    check("https://evil.example/x", "https://evil.example/x", false);
}

#[test]
fn an_address_of_many_lines_is_cut_and_listed() {
    let mut entry = chan("en");
    entry.postal_address = Some(Personal::new("Flat A\n\n  1 Road \r\n".to_owned()));
    let (letter, _) = Case::new(vec![entry.clone()]).draft(0, &mixed("P00007"));
    assert_eq!(letter.document.expose_personal().recipient[1..], ["Flat A", "1 Road"]);
    entry.postal_address = Some(Personal::new("x\n".repeat(1_000_000)));
    let (letter, _) = Case::new(vec![entry]).draft(0, &mixed("P00007"));
    assert!(letter.attention == [Attention::AddressCleaned] && letter.document.expose_personal().recipient.len() == 7);
}

/// Own files over the built-in ones.
fn with(files: &[(&str, &str)], regimes: &[&str]) -> Result<Templates, TemplateError> {
    let files: Vec<(String, String)> = files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
    Templates::read(&files, &regimes.iter().map(|r| (*r).to_owned()).collect::<Vec<_>>())
}

#[test]
fn a_mistake_in_a_template_names_file_and_line() {
    let check = |path: &str, text: &str, expected: &str| {
        let error = with(&[(path, text)], &[]).expect_err("it is a mistake").to_string();
        assert!(error.contains(expected), "{error:?} should say {expected:?}");
    };
    check(
        "default/en/body.txt",
        "Dear {name},\n\nYou owe {amount}.",
        "default/en/body.txt line 3: nothing fills the slot {amount}; here you can use organisation",
    );
    check("own/default/en/body.txt", "{name}\nSee {table} now", "own/default/en/body.txt line 2: {table} is a block");
    check("default/en/body.txt", "{name", "line 1: a brace has no partner");
    check("default/en/body.txt", "name}", "line 1: a brace has no partner");
    check("default/en/sentences.txt", "[opening-confirmed]\nThey saw {name}.", "line 2: nothing fills the slot {name}; here you can use no slot");
    check("default/en/sentences.txt", "// a note\n[opening-confirmd]\nx", "line 2: nothing uses the section [opening-confirmd]; there are date,");
    check("default/en/sentences.txt", "x", "line 1: text stands before the first [section]");
    check("default/en/sentences.txt", "[comma]\n\n[date]\n%Y", "line 1: the section [comma] is empty");
    check("default/en/sentences.txt", "[row-confirmed]\nSeen {when}.", "line 2: a row is written");
    check("default/en/sentences.txt", "[date]\n%Q", "line 2: a date is written in strftime words");
    check("default/en/actoins.txt", "[*]\nx", "no letter uses a file of this name; there are subject.txt,");
    check("default/xx/subject.txt", "[confirmed]\nx", "the language xx has no");
    check("default/en/language.txt", "[months]\nMay", "line 1: a year has twelve months, a line each, and 1 stand there");
    check("default/en/body.txt", &"x\n".repeat(200_000), "is not read");
}

#[test]
fn an_organisation_edits_one_sentence_or_one_file() {
    let regime = "[opening-confirmed]\nThey read it.";
    let templates = with(
        &[
            ("letters/default/en/sentences.txt", "[opening-confirmed]\nThey looked."),
            ("letters/hk-pdpo/en/sentences.txt", regime),
            ("letters/gdpr/en/sentences.txt", "[opening-confirmed]\nNot ours."),
            ("letters/default/layout.typ", "#let x = 1"),
            ("letters/default/en/body-possible.txt", "{salutation}\n\n{{}} {opening}"),
        ],
        &["hk-pdpo"],
    )
    .expect("they are templates");
    let mut case = Case::new(vec![chan("en")]);
    case.templates = templates;
    let text = case.draft(0, &mixed("P00007")).0.plain_text();
    assert!(text.expose_personal().contains("They read it."));
    let (letter, findings) = case.draft(0, &all("P00007", Certainty::Possible, Basis::Disclosed));
    assert!(letter.plain_text().expose_personal().contains("{} In that time"));
    assert_eq!(rules(&findings), [Rule::ActionCount, Rule::NextDate, Rule::UnfilledSlot, Rule::MissingPart]);
}

/// One paragraph is put before the end of a clean letter; the lint says what it must.
fn check_paragraph(language: &str, paragraph: &str, expected: &[Rule]) {
    let case = Case::new(vec![chan(language), person("P00042", "LEE Ka Yan", "李嘉欣", "en"), person("P00043", "LO Wai", "盧偉", "zh-Hant")]);
    let exposures = [exposure("P00007", "email", Certainty::Confirmed, Basis::Disclosed)];
    let (mut letter, clean) = case.draft(0, &exposures);
    assert_eq!(clean, []);
    let mut document = letter.document.into_personal();
    document.blocks.push(Block::paragraph(paragraph));
    letter.document = Personal::new(document);
    let findings = case.lint(&letter, 0, &exposures);
    assert_eq!(rules(&findings), expected, "{paragraph}");
    for finding in findings {
        let said = finding.to_string();
        assert!(!["CHAN", "LEE", "陳", "李", "盧", "P000", "Flat", "@mail"].iter().any(|value| said.contains(value)), "a finding prints a value");
    }
}

#[test]
fn hedges_and_empty_phrases_are_found() {
    check_paragraph("en", "Your data might be out.", &[Rule::Hedge]);
    check_paragraph("en", "You may be at risk.", &[Rule::Hedge]);
    check_paragraph("en", "May we call you?", &[Rule::Hedge]);
    check_paragraph("en", "We met on 3 May 2026. Call on May 4.", &[]);
    check_paragraph("en", "It is potentially out. It is likely. We cannot rule out more.", &[Rule::Hedge]);
    check_paragraph("en", "There is no\u{a0}evidence of misuse.", &[Rule::NoEvidence]);
    check_paragraph("en", "We take this seriously.", &[Rule::Boast]);
    check_paragraph("zh-Hant", "你的資料可能外洩。", &[Rule::Hedge]);
    check_paragraph("zh-Hant", "沒有證據顯示資料外洩。", &[Rule::NoEvidence]);
    check_paragraph("zh-Hant", "我們高度重視此事。", &[Rule::Boast]);
    check_paragraph("en", "Call {phone} now.", &[Rule::UnfilledSlot]);
}

#[test]
fn long_and_hard_text_is_found() {
    let long = "We went to the bank and then we saw that the man at the door had a red hat on and that it was too big for him to wear.";
    check_paragraph("en", long, &[Rule::SentenceLength]);
    check_paragraph("en", &"We see it now. ".repeat(60), &[Rule::Length]);
    let hard = "Unauthorised individuals systematically compromised organisational infrastructure containing confidential documentation.";
    check_paragraph("en", &format!("{hard} ").repeat(4), &[Rule::Readability]);
    check_paragraph("zh-Hant", "入侵者進入系統之後在多部伺服器之間移動並且讀取了許多人員的紀錄然後離開。", &[Rule::ClauseLength]);
    check_paragraph("zh-Hant", &"我們已經通知你。".repeat(60), &[Rule::Length]);
    assert_eq!((check_pages(1, None), check_pages(2, None).map(|f| f.rule)), (None, Some(Rule::Length)));
    assert_eq!((check_pages(2, Some(10)), check_pages(3, Some(10)).map(|f| f.rule)), (None, Some(Rule::Length)));
}

#[test]
fn links_lead_home_or_nowhere() {
    for good in [
        "See https://www.harbour.example.hk/help.",
        "See harbour.example.hk.",
        "Write to help@it.harbour.example.hk.",
        "It was 5.30 pm, e.g. late.",
        "Read HH-2026-01.pdf2.",
    ] {
        check_paragraph("en", good, &[]);
    }
    for bad in [
        "See https://harbour.example.hk.evil.example/a.",
        "See https://harbour.example.hk@evil.example.",
        "See https://evil.example/harbour.example.hk.",
        "See http://203.0.113.9/x.",
        "See www.evil.example.",
        "See bit.ly/x.",
        "See HTTPS://EVIL.EXAMPLE.",
        "See notharbour.example.hk.",
        "Write to help@harbour-example.hk.",
        "See https://h\u{430}rbour.example.hk.",
    ] {
        check_paragraph("en", bad, &[Rule::ForeignLink]);
    }
    check_paragraph("zh-Hant", "請瀏覽evil.example查詢。", &[Rule::ForeignLink]);
}

#[test]
fn another_persons_value_is_found() {
    for text in ["Ask Lee Ka-yan about it.", "It was P00042.", "Call 9123 4567 now."] {
        check_paragraph("en", text, &[Rule::WrongPerson]);
    }
    check_paragraph("en", "We write to Flat 9B, 12 Sample Road, Hong Kong.", &[]);
    check_paragraph("en", "Write to p00042@mail.example.hk.", &[Rule::ForeignLink, Rule::WrongPerson]);
    check_paragraph("zh-Hant", "請問李嘉欣。", &[Rule::WrongPerson]);
    check_paragraph("zh-Hant", "姓名：盧偉。", &[Rule::WrongPerson]);
    check_paragraph("zh-Hant", "致陳小明。", &[]);
    check_paragraph("en", "Dear CHAN Siu Ming, we wrote to P00007.", &[]);
}

#[test]
fn a_letter_changed_by_hand_is_read_again() {
    let exposures = mixed("P00007");
    let check = |change: &dyn Fn(&mut Document), expected: &[Rule]| {
        let case = Case::new(vec![chan("en")]);
        let (mut letter, _) = case.draft(0, &exposures);
        let mut document = letter.document.into_personal();
        change(&mut document);
        letter.document = Personal::new(document);
        // That actions of categories are gone is another test's.
        let findings: Vec<Finding> = case.lint(&letter, 0, &exposures).into_iter().filter(|f| !f.place.starts_with("what the category")).collect();
        assert_eq!(rules(&findings), expected);
    };
    let actions = |document: &mut Document, items: &[&str]| {
        for block in &mut document.blocks {
            if let Block::Numbered { items: list } = block {
                *list = items.iter().map(|item| (*item).to_owned()).collect();
            }
        }
    };
    check(&|_| {}, &[]);
    check(&|d| actions(d, &["Call your bank."]), &[Rule::ActionWithoutTime]);
    check(&|d| actions(d, &["Call your bank. (soon)"]), &[Rule::ActionWithoutTime]);
    check(&|d| actions(d, &["Call your bank. (20 minutes)"]), &[Rule::FirstActionSlow]);
    check(&|d| actions(d, &["Call your bank. (1 hour)"]), &[Rule::FirstActionSlow]);
    check(&|d| actions(d, &["Call us. (1 minute)"; 12]), &[Rule::ActionCount]);
    check(&|d| d.blocks.retain(|b| !matches!(b, Block::Numbered { .. })), &[Rule::ActionCount]);
    check(&|d| d.blocks.retain(|b| !matches!(b, Block::Fields { .. })), &[Rule::MissingPart]);
    check(&|d| d.blocks.retain(|b| !matches!(b, Block::Table { .. })), &[Rule::MissingPart]);
    check(&|d| d.recipient[1] = "Flat 1, 2 Other Road".into(), &[Rule::WrongPerson]);
    check(&|d| d.recipient[0] = "CHAN Siu Wing".into(), &[Rule::WrongPerson]);
    check(&|d| d.blocks[0] = Block::paragraph("Dear CHAN Siu Wing,"), &[Rule::WrongPerson]);
    check(
        &|d| {
            for block in &mut d.blocks {
                if let Block::Table { rows, .. } = block {
                    rows.pop();
                }
            }
        },
        &[Rule::WrongPerson],
    );
}

#[test]
fn a_category_that_the_letters_language_does_not_name_is_found() {
    let mut exposures = mixed("P00007");
    exposures.push(exposure("P00007", "blood_group", Certainty::Confirmed, Basis::Disclosed));
    let english = Case::new(vec![chan("en")]).draft(0, &exposures);
    let nameless = |findings: &[Finding]| findings.iter().filter(|finding| finding.place.starts_with("the name of the category")).count();
    assert_eq!(nameless(&english.1), 0);
    assert!(english.0.plain_text().expose_personal().contains("Blood group"));
    let chinese = Case::new(vec![chan("zh-Hant")]).draft(0, &exposures);
    assert_eq!((rules(&chinese.1), nameless(&chinese.1)), (vec![Rule::MissingPart], 1));
    assert!(chinese.1[0].to_string().contains("blood_group"), "{}", chinese.1[0]);
}

#[test]
fn a_letter_without_a_day_ahead_or_a_contact_is_found() {
    let exposures = mixed("P00007");
    let mut case = Case::new(vec![chan("en")]);
    case.next = Next::By(jiff::civil::date(2026, 11, 24));
    assert_eq!(rules(&case.draft(0, &exposures).1), [Rule::NextDate]);
    let mut case = Case::new(vec![chan("en")]);
    case.organisation.safety_contact = None;
    assert_eq!(rules(&case.draft(0, &exposures).1), [Rule::MissingPart]);
    let case = Case::new(vec![chan("en")]);
    let recipient = Recipient {
        key: "P00007",
        entry: Some(&case.register[0]),
        exposures: &exposures,
        code: None,
        record_ending: None,
        gate: Gate::Unset,
        mailbox: Mailbox::Own,
        tells: &[],
        before: None,
    };
    let letter = draft(&recipient, &case.facts(), &case.templates).expect("it is drafted");
    assert!(!letter.plain_text().expose_personal().contains("Your code"), "a line whose slot is empty is left out");
    assert_eq!(rules(&lint(&letter, &recipient, &case.facts(), &case.templates, &Strangers::default())), [Rule::MissingPart]);
}

#[test]
fn an_account_without_a_translation_is_left_out_and_listed() {
    let mut case = Case::new(vec![chan("zh-Hant")]);
    case.account = BTreeMap::from([("en".into(), "Somebody stole a password.".into())]);
    let (letter, findings) = case.draft(0, &mixed("P00007"));
    assert_eq!((letter.attention.as_slice(), findings.as_slice()), ([Attention::Untranslated].as_slice(), [].as_slice()));
}

fn with_status(status: &str, change: impl FnOnce(&mut RegisterEntry)) -> RegisterEntry {
    let mut entry = RegisterEntry { status: Some(status.into()), ..chan("en") };
    change(&mut entry);
    entry
}

/// Drafts a letter behind a gate: whether it is held, the first lines of its envelope, its greeting, its ways and what the lint finds.
fn gated(entry: RegisterEntry, gate: Gate) -> (bool, Vec<String>, String, Vec<Channel>, Vec<Finding>) {
    let case = Case::new(vec![entry]);
    let entry = &case.register[0];
    let exposures = mixed(&entry.key);
    let recipient = Recipient {
        key: &entry.key,
        entry: Some(entry),
        exposures: &exposures,
        code: Some("7K2M-QX4D-9RTV-H3"),
        record_ending: None,
        gate,
        mailbox: Mailbox::Own,
        tells: &[],
        before: None,
    };
    let letter = draft(&recipient, &case.facts(), &case.templates).expect("the case has what a letter needs");
    let findings = lint(&letter, &recipient, &case.facts(), &case.templates, &Strangers::of(case.register.iter(), &case.facts(), &case.templates));
    let document = letter.document.expose_personal();
    let greeting = document.blocks.iter().find_map(|block| if let Block::Paragraph { text, .. } = block { Some(text.clone()) } else { None });
    let held = letter.is_held();
    (held, document.recipient.clone(), greeting.unwrap_or_default(), letter.channels.clone(), findings)
}

#[test]
fn a_held_letter_has_a_way_out_to_whoever_reads_it() {
    use strandline_model::letter_word::Reader;
    let reader = |role, name: &str| Some((role, Some(Personal::new(name.to_owned()))));
    let home = "Flat 9B, 12 Sample Road, Hong Kong";
    let check = |entry: RegisterEntry, gate, held, envelope: &[&str], greets: &str, channels: &[Channel]| {
        let (is_held, lines, greeting, ways, findings) = gated(entry, gate);
        assert_eq!((is_held, lines.iter().map(String::as_str).collect::<Vec<_>>().as_slice()), (held, envelope));
        assert!(greeting.starts_with(greets), "{greets}");
        assert_eq!((ways.as_slice(), rules(&findings)), (channels, vec![]));
    };
    let post = [Channel::Post];
    let both = [Channel::Email, Channel::Post];
    check(with_status("deceased", |_| ()), Gate::Unset, true, &["To the family of CHAN Siu Ming", home], "To the family of CHAN Siu Ming,", &post);
    check(with_status("deceased", |_| ()), Gate::Released, false, &["To the family of CHAN Siu Ming", home], "To the family of CHAN Siu Ming,", &post);
    let executor = |entry: &mut RegisterEntry| entry.reader = reader(Reader::Executor, "WONG Ka Yan");
    check(with_status("deceased", executor), Gate::Released, false, &["WONG Ka Yan", home], "Dear WONG Ka Yan,", &both);
    check(
        with_status("minor", |_| ()),
        Gate::Unset,
        true,
        &["Parent or guardian of CHAN Siu Ming", home],
        "To the parent or guardian of CHAN Siu Ming,",
        &post,
    );
    check(
        with_status("minor", |_| ()),
        Gate::Released,
        false,
        &["Parent or guardian of CHAN Siu Ming", home],
        "To the parent or guardian of CHAN Siu Ming,",
        &post,
    );
    let guardian = |entry: &mut RegisterEntry| entry.reader = reader(Reader::Guardian, "WONG Ka Yan");
    let lines = ["WONG Ka Yan", "Parent or guardian of CHAN Siu Ming", home];
    check(with_status("minor", guardian), Gate::Released, false, &lines, "Dear WONG Ka Yan,", &both);
    let care_of = |entry: &mut RegisterEntry| entry.reader = reader(Reader::CareOf, "Hope House");
    check(with_status("serving", care_of), Gate::Unset, false, &["CHAN Siu Ming", "c/o Hope House", home], "Dear CHAN Siu Ming,", &both);
    check(with_status("inmate", |_| ()), Gate::Unset, true, &["CHAN Siu Ming", home], "Dear CHAN Siu Ming,", &both);
    check(with_status("inmate", |_| ()), Gate::Released, false, &["CHAN Siu Ming", home], "Dear CHAN Siu Ming,", &both);
    check(with_status("serving", |_| ()), Gate::Held, true, &["CHAN Siu Ming", home], "Dear CHAN Siu Ming,", &both);
    let unreachable = |entry: &mut RegisterEntry| (entry.email, entry.postal_address) = (None, None);
    check(with_status("serving", unreachable), Gate::Released, true, &["CHAN Siu Ming"], "Dear CHAN Siu Ming,", &[]);
}

#[test]
fn a_letter_that_somebody_else_reads_says_whose_data_it_is_about() {
    let entry = with_status("minor", |_| ());
    let case = Case::new(vec![entry]);
    let (letter, _) = case.draft(0, &mixed("P00007"));
    assert!(letter.plain_text().expose_personal().contains("This letter is about the data of CHAN Siu Ming. In it, “you” means CHAN Siu Ming."));
    let body = include_str!("../../../../letters/default/en/body.txt").replace("{about}\n", "");
    let templates = Templates::read(&[("default/en/body.txt".to_owned(), body)], &[]).expect("a template");
    let case = Case { templates, ..case };
    let (_, findings) = case.draft(0, &mixed("P00007"));
    assert_eq!(rules(&findings), [Rule::MissingPart]);
}

#[test]
fn nobody_is_mailed_where_nobody_or_everybody_reads() {
    use Attention::{DotsInEmail, NoChannel, NoMailbox, NoName, NoPlace, SharedMailbox};
    use Channel::{Email, Post};
    let personal = |text: &str| Some(Personal::new(text.to_owned()));
    check_attention(|e| e.email = personal("noemail@people.example"), &[NoMailbox], &[Post], false);
    check_attention(|e| e.email = personal("N/A"), &[NoMailbox], &[Post], false);
    check_attention(|e| e.email = personal("hr@harbour.example.hk"), &[SharedMailbox], &[Post], false);
    check_attention(|e| e.email = personal("ke..n.@docomo.example"), &[DotsInEmail], &[Post], false);
    check_attention(|e| e.postal_address = personal("ADDRESS UNKNOWN"), &[NoPlace], &[Email], false);
    check_attention(|e| (e.email, e.postal_address) = (personal("-"), personal("n/a")), &[NoChannel, NoMailbox, NoPlace], &[], true);
    let letter = check_attention(|e| e.names = BTreeMap::from([("en".into(), Personal::new("NULL".into()))]), &[NoName], &[Email, Post], true);
    assert!(!letter.plain_text().expose_personal().contains("NULL"));
    check_attention(|e| e.email = personal("陳大文@例子.example"), &[], &[Email, Post], false);
    check_attention(|e| e.email = personal("ann@bücher.example"), &[], &[Email, Post], false);
    let entry = chan("en");
    let case = Case::new(vec![entry]);
    let exposures = mixed("P00007");
    let shared = Recipient {
        key: "P00007",
        entry: Some(&case.register[0]),
        exposures: &exposures,
        code: None,
        record_ending: None,
        gate: Gate::Unset,
        mailbox: Mailbox::Shared,
        tells: &[],
        before: None,
    };
    let letter = draft(&shared, &case.facts(), &case.templates).expect("the case has what a letter needs");
    assert_eq!((letter.attention.as_slice(), letter.channels.as_slice()), (&[SharedMailbox][..], &[Post][..]));
}

#[test]
fn every_category_of_the_list_has_words_of_its_own_in_every_language() {
    let templates = Templates::built_in();
    for language in templates.languages() {
        let texts = templates.texts(language).expect("a language");
        for category in texts.named_categories() {
            assert_eq!(texts.advises_on(category), [true, true], "{language}: {category} has no words on what it leads to, or on what to do");
        }
    }
}

#[test]
fn a_letter_says_what_was_seen_leads_to_and_nothing_of_what_was_not() {
    let says = |categories: &[&str]| {
        let exposures: Vec<Exposure> = categories.iter().map(|category| exposure("P00007", category, Certainty::Confirmed, Basis::Disclosed)).collect();
        let (letter, findings) = Case::new(vec![chan("en")]).draft(0, &exposures);
        assert_eq!(rules(&findings), vec![], "{categories:?}");
        letter.plain_text().expose_personal().clone()
    };
    let seen = says(&["password", "sexual_orientation", "username"]);
    for part in ["They can sign in as you", "Change your password", "shame you", "If somebody threatens you"] {
        assert!(seen.contains(part), "{part}");
    }
    for (categories, leads) in [(&["address"][..], true), (&["ip_address"], false), (&["employment_history", "name"], false), (&["email"], false)] {
        assert_eq!(says(categories).contains("where you live"), leads, "{categories:?}");
    }
}

#[test]
fn a_category_without_words_of_its_own_is_found_and_a_pattern_refused() {
    let (_, findings) = Case::new(vec![chan("en")]).draft(0, &[exposure("P00007", "blood_bank_record", Certainty::Confirmed, Basis::Disclosed)]);
    assert_eq!(findings.iter().filter(|finding| finding.problem.contains("blood_bank_record")).count(), 2);
    let own = |name: &str| vec![("default/en/consequences.txt".to_owned(), format!("[*]\nOne.\n[{name}]\nTwo.\n"))];
    assert!(Templates::read(&own("financial blood_bank_record"), &[]).is_ok());
    let refused = Templates::read(&own("*bank*"), &[]).expect_err("a pattern").to_string();
    assert!(refused.contains("consequences.txt line 3") && refused.contains("in full"), "{refused}");
}

#[test]
fn where_a_law_asks_for_consent_only_who_agreed_is_mailed() {
    let ways = |agreed: bool, needs: bool| {
        let case = Case::new(vec![RegisterEntry { email_agreed: agreed, ..chan("en") }]);
        let rules = LetterRules { email_needs_consent: needs, ..LetterRules::default() };
        let facts = Facts { rules: &rules, ..case.facts() };
        let exposures = mixed("P00007");
        let recipient = Recipient {
            key: "P00007",
            entry: Some(&case.register[0]),
            exposures: &exposures,
            code: None,
            record_ending: None,
            gate: Gate::Unset,
            mailbox: Mailbox::Own,
            tells: &[],
            before: None,
        };
        draft(&recipient, &facts, &case.templates).expect("the case has what a letter needs").channels
    };
    use Channel::{Email, Post};
    assert_eq!(ways(false, false), [Email, Post]);
    assert_eq!(ways(true, true), [Email, Post]);
    assert_eq!(ways(false, true), [Post]);
}

#[test]
fn a_letter_under_californias_law_has_its_title_and_headings_and_type() {
    let book = crate::law::LawBook::built_in().expect("kept");
    let californian = vec!["us-ca".to_owned()];
    let mut case = Case::new(vec![RegisterEntry { email_agreed: true, ..chan("en") }, RegisterEntry { email_agreed: true, ..chan("zh-Hant") }]);
    case.rules = book.letter_rules(&californian);
    let exposures = [exposure("P00007", "name", Certainty::Confirmed, Basis::Disclosed)];
    let (_, findings) = case.draft(0, &exposures);
    let lacking: Vec<_> = findings.iter().filter(|f| f.rule == Rule::LawForm).map(|f| f.place.as_str()).collect();
    assert_eq!(lacking, ["the headings", "the subject"], "the usual letter has neither");
    case.templates = Templates::read(&[], &californian).expect("kept");
    for (certainty, status) in [(Certainty::Confirmed, "serving"), (Certainty::Possible, "serving"), (Certainty::Likely, "deceased")] {
        case.register[0].status = Some(status.into());
        let (letter, findings) = case.draft(0, &[exposure("P00007", "name", certainty, Basis::Disclosed)]);
        assert_eq!(findings, [], "{status}");
        let document = letter.document.expose_personal();
        assert_eq!((letter.subject.as_str(), document.points), ("Notice of Data Breach", Some(10)));
    }
    let (letter, findings) = case.draft(1, &exposures);
    assert_eq!(findings.iter().map(|f| (f.rule, f.rule.blocks())).collect::<Vec<_>>(), [(Rule::LawUnread, false)]);
    assert_eq!(letter.language, "zh-Hant");
    // Who was not reached gets no notice of a breach.
    assert_eq!(case.draft(1, &[]).1, []);
}

#[test]
fn laws_ask_together_for_the_strictest_of_each() {
    let book = crate::law::LawBook::built_in().expect("kept");
    let rules = |ids: &[&str]| book.letter_rules(&ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>());
    assert_eq!(rules(&["gdpr", "hk-pdpo"]), LetterRules::default());
    let both = rules(&["gdpr", "us-hipaa", "us-ca"]);
    assert_eq!((both.email_needs_consent, both.points, both.forms["en"].headings.len()), (true, Some(10), 5));
    assert!(!rules(&["us-hipaa"]).forms.contains_key("en"));
}

#[test]
fn a_link_to_a_domain_that_the_estate_names_is_no_strangers() {
    let mut case = Case::new(vec![chan("en")]);
    case.account = BTreeMap::from([("en".to_owned(), "Ask www.bureau.example for your report. Never use bureau.example.evil.org.".to_owned())]);
    let exposures = [exposure("P00007", "name", Certainty::Confirmed, Basis::Disclosed)];
    let foreign = |case: &Case| case.draft(0, &exposures).1.iter().filter(|finding| finding.rule == Rule::ForeignLink).count();
    assert_eq!(foreign(&case), 1);
    case.organisation.link_domains = vec!["bureau.example".into()];
    assert_eq!(foreign(&case), 1, "the lookalike stays one");
    case.account = BTreeMap::from([("en".to_owned(), "Ask www.bureau.example for your report.".to_owned())]);
    assert_eq!(foreign(&case), 0);
}

#[test]
fn other_people_of_whom_records_tell_get_letters_of_their_own_or_are_told_of_by_the_person() {
    for (language, own, through) in
        [("en", "You are their next of kin.", "tell of your next of kin, referee."), ("zh-Hant", "你是其近親", "你的近親，諮詢人的資料")]
    {
        let belongs_to = Some(BelongsTo { about: "kin".into(), subject: "P00001".into() });
        let case = Case::new(vec![RegisterEntry { belongs_to, ..chan(language) }, chan(language)]);
        let exposures = [exposure("P00007", "name", Certainty::Confirmed, Basis::Disclosed)];
        let recipient = |number: usize, tells| Recipient {
            key: "P00007",
            entry: Some(&case.register[number]),
            exposures: &exposures,
            code: Some("7K2M-QX4D-9RTV-H3"),
            tells,
            ..Recipient::default()
        };
        let check = |recipient: &Recipient<'_>, expected: &str| {
            let letter = draft(recipient, &case.facts(), &case.templates).expect("it can be drafted");
            assert!(letter.plain_text().expose_personal().contains(expected), "{language} lacks {expected}");
            assert_eq!(lint(&letter, recipient, &case.facts(), &case.templates, &Strangers::of([].iter(), &case.facts(), &case.templates)), []);
        };
        let tells = ["kin".to_owned(), "referee".to_owned()];
        check(&recipient(0, &[]), own);
        check(&recipient(1, &tells), through);
        let letter = draft(&recipient(1, &[]), &case.facts(), &case.templates).expect("it can be drafted");
        let told = recipient(1, &tells);
        let lacking = lint(&letter, &told, &case.facts(), &case.templates, &Strangers::of([].iter(), &case.facts(), &case.templates));
        assert_eq!(lacking.iter().map(|f| f.place.as_str()).collect::<Vec<_>>(), ["whom else to tell"]);
    }
}

#[test]
fn a_later_round_says_what_changed() {
    let case = Case::new(vec![chan("en")]);
    let said = |before: &[Exposure], now: &[Exposure]| {
        let before = Before::of(before, BREAK_IN);
        let recipient =
            Recipient { key: "P00007", entry: Some(&case.register[0]), exposures: now, code: Some("7K2M"), before: Some(&before), ..Recipient::default() };
        let letter = draft(&recipient, &case.facts(), &case.templates).expect("it can be drafted");
        letter.plain_text().expose_personal().lines().find(|line| line.contains("letter of 24 November 2026")).map(str::to_owned)
    };
    let name = |certainty| exposure("P00007", "name", certainty, Basis::Disclosed);
    let email = exposure("P00007", "email", Certainty::Confirmed, Basis::Disclosed);
    let same = said(&[name(Certainty::Likely)], &[name(Certainty::Likely)]).expect("it says so");
    assert_eq!(same, "Nothing about your data has changed since our letter of 24 November 2026.");
    let more = said(&[name(Certainty::Likely)], &[name(Certainty::Confirmed), email]).expect("it says so");
    assert_eq!(more, "This letter takes the place of our letter of 24 November 2026. What changed: E-mail address, Name.");
    assert!(said(&[name(Certainty::Likely)], &[]).is_some_and(|line| line.contains("What changed: Name")));
}

#[test]
fn a_later_round_says_what_is_new_of_the_break_in_in_every_language() {
    let account = |text: &str, languages: &[String]| languages.iter().map(|language| (language.clone(), text.to_owned())).collect::<BTreeMap<_, _>>();
    let languages: Vec<String> = Case::new(vec![chan("en")]).templates.languages().map(str::to_owned).collect();
    for language in &languages {
        let mut case = Case::new(vec![chan(language)]);
        let exposures = [exposure("P00007", "name", Certainty::Confirmed, Basis::Disclosed)];
        let before = Before::of(&exposures, BREAK_IN).recounting(Recounted::of(&BTreeMap::new(), &[], None, language));
        let of_case = |case: &Case, stopped_at| {
            let facts = Facts { stopped_at, ..case.facts() };
            let recipient = Recipient {
                key: "P00007",
                entry: Some(&case.register[0]),
                exposures: &exposures,
                code: Some("7K2M"),
                before: Some(&before),
                ..Recipient::default()
            };
            let letter = draft(&recipient, &facts, &case.templates).expect("it can be drafted");
            letter.plain_text().expose_personal().clone()
        };
        let templates = Templates::built_in();
        let sentence = |section: &'static str| templates.texts(language).expect("a language").sentence(section).plain();
        let names: Vec<String> = ["news-account", "news-measures", "news-stopped"].map(sentence).to_vec();
        case.account = BTreeMap::new();
        case.measures = Vec::new();
        let text = of_case(&case, None);
        let has = |text: &str, name: &String| text.lines().any(|line| line.contains(name.as_str()) && line.contains("2026"));
        assert!(!names.iter().any(|name| has(&text, name)), "{language}: nothing is new, and the letter names it");
        case.account = account("Account.", &languages);
        case.measures = vec![account("Measure.", &languages)];
        let text = of_case(&case, Some(BREAK_IN));
        assert!(names.iter().all(|name| has(&text, name)), "{language}: what is new is not named");
    }
}

#[test]
fn every_category_that_was_reached_is_told_what_it_leads_to_and_what_to_do() {
    let languages: Vec<String> = Case::new(vec![chan("en")]).templates.languages().map(str::to_owned).collect();
    for language in &languages {
        let case = Case::new(vec![chan(language)]);
        let categories = ["password", "bank_account", "date_of_birth", "health", "address", "location", "biometric", "salary", "family"];
        let exposures = categories.map(|category| exposure("P00007", category, Certainty::Confirmed, Basis::Disclosed));
        let (letter, findings) = case.draft(0, &exposures);
        let text = letter.plain_text().expose_personal().clone();
        let texts = case.templates.texts(language).expect("a language");
        for category in categories {
            for advice in texts.advice_on(category) {
                assert!(advice.expect("a section").lines.iter().all(|line| text.contains(line.as_str())), "{language}: {category} is dropped");
            }
        }
        let silent = |f: &&Finding| f.rule == Rule::MissingPart && f.place.starts_with("what the category") || f.rule == Rule::ActionCount;
        assert_eq!(findings.iter().filter(silent).count(), 0, "{language}");
    }
    let own = [("default/en/body.txt".to_owned(), include_str!("../../../../letters/default/en/body.txt").replace("{leads_to}", "It can harm you."))];
    let mut case = Case::new(vec![chan("en")]);
    case.templates = Templates::read(&own, &[]).expect("a template");
    let (_, findings) = case.draft(0, &[exposure("P00007", "biometric", Certainty::Confirmed, Basis::Disclosed)]);
    assert!(findings.iter().any(|f| f.place.contains("biometric")), "the lint is silent where a letter leaves a consequence out");
}

#[test]
fn a_name_that_says_that_its_bearer_has_died_is_held() {
    let mut case = Case::new(vec![chan("en")]);
    case.register[0].names = BTreeMap::from([("en".to_owned(), Personal::new("CHAN Siu Ming (deceased)".to_owned()))]);
    let (letter, _) = case.draft(0, &[exposure("P00007", "name", Certainty::Confirmed, Basis::Disclosed)]);
    assert!(letter.is_held() && letter.kind == Kind::Deceased);
    assert!(!letter.plain_text().expose_personal().contains("(deceased)"));
}

#[test]
fn a_value_of_the_persons_own_stands_where_the_template_has_a_slot() {
    let own = [(
        "default/en/body.txt".to_owned(),
        format!("{}\nYour code for the monitoring service is {{value}}.\n", include_str!("../../../../letters/default/en/body.txt")),
    )];
    let mut case = Case::new(vec![RegisterEntry { given: Some(Personal::new("MON-4711".into())), ..chan("en") }]);
    let exposures = [exposure("P00007", "name", Certainty::Confirmed, Basis::Disclosed)];
    let places = |case: &Case| case.draft(0, &exposures).1.into_iter().map(|finding| finding.place).collect::<Vec<_>>();
    assert_eq!(places(&case), ["the value of their own"], "the template has no slot for it");
    case.templates = Templates::read(&own, &[]).expect("a template");
    assert_eq!(places(&case), [] as [&str; 0]);
    assert!(case.draft(0, &exposures).0.plain_text().expose_personal().contains("service is MON-4711."));
}

#[test]
fn the_source_of_a_letter_is_the_file_that_it_is_made_from() {
    let own = [("default/en/body.txt".to_owned(), "{opening}\n".to_owned())];
    let under = |files: &[(String, String)], regimes: &[&str], kind| {
        let regimes: Vec<String> = regimes.iter().map(|id| (*id).to_owned()).collect();
        let templates = Templates::read(files, &regimes).expect("templates");
        templates.source(files, &regimes, "en", kind).map(|source| (source.path, source.is_own, source.subjects.len()))
    };
    assert_eq!(under(&[], &[], Kind::Exposed), Some(("default/en/body.txt".to_owned(), false, 2)));
    assert_eq!(under(&[], &["us-ca"], Kind::Exposed), Some(("us-ca/en/body.txt".to_owned(), false, 2)));
    assert_eq!(under(&own, &["us-ca"], Kind::Exposed), Some(("default/en/body.txt".to_owned(), true, 2)), "own files stand over what is built in");
    assert_eq!(under(&[], &["us-ca"], Kind::NotReached), Some(("default/en/body-not-reached.txt".to_owned(), false, 1)));
    assert_eq!(Templates::built_in().source(&[], &[], "tlh", Kind::Exposed), None);
}
