//! What forms say, and what they never say.

use strandline_model::duty::{DutyDecision, DutyWord, RecordedDecision};
use strandline_model::evidence::{ArtefactId, Coverage, EventRef, Gap, GapKind};
use strandline_model::personal::Personal;
use strandline_model::register::RegisterEntry;
use strandline_model::time::Interval;
use strandline_model::trail::{Step, Strength};

use super::*;
use crate::duties::TierCounts;

fn counts(confirmed: u64, likely: u64, possible: u64) -> TierCounts {
    TierCounts { confirmed, likely, possible }
}

fn answered(entry: u64, question: &str, text: &str) -> RecordedDecision {
    let word = DutyWord::Answered { question: question.to_owned(), text: Personal::new(text.to_owned()) };
    RecordedDecision { ledger_entry: entry, decision: DutyDecision { word, decided_by: "alice".to_owned(), decided_at: Instant(1_795_500_000_000_000) } }
}

fn step() -> Step {
    Step {
        id: "S01".into(),
        first: Instant(1_795_466_600_000_000),
        last: Instant(1_795_466_700_000_000),
        tactic: "initial_access".into(),
        technique: "T1190".into(),
        technique_name: "Exploit Public-Facing Application".into(),
        from_host: Some("203.0.113.7".into()),
        system: "portal".into(),
        account: Some("j.account".into()),
        session: None,
        summary: "queries were put into a search field".into(),
        exploited: Some("SQL injection in GET /search, parameter q".into()),
        strength: Strength::Proved,
        event_count: 31,
        because: vec![],
        events: vec![EventRef { artefact: ArtefactId("aa00".into()), offset: 17, length: 99 }],
    }
}

fn facts() -> CaseFacts {
    let interval = Interval { from: Instant(1_795_400_000_000_000), to: Instant(1_795_490_000_000_000) };
    CaseFacts {
        reference: "R-1".into(),
        people: Some(PeopleFacts {
            registered: Some(100),
            all: counts(10, 20, 30),
            disclosed: counts(9, 8, 30),
            inferred: counts(1, 13, 0),
            by_status: vec![
                StatusFacts { status: None, in_register: false, people: counts(1, 0, 0) },
                StatusFacts { status: Some("departed".into()), in_register: true, people: counts(2, 5, 10) },
                StatusFacts { status: Some("patient".into()), in_register: true, people: counts(4, 5, 10) },
                StatusFacts { status: Some("serving".into()), in_register: true, people: counts(3, 10, 10) },
            ],
        }),
        categories: vec![CategoryFacts { category: "date_of_birth".into(), disclosed: counts(9, 8, 30), inferred: counts(1, 13, 0) }],
        coverage: Coverage {
            spans: vec![("portal-web".into(), interval)],
            gaps: vec![Gap {
                source: "portal-web".into(),
                system: "portal".into(),
                artefact: None,
                kind: GapKind::Silence,
                interval: Interval { from: Instant(1_795_470_000_000_000), to: Instant(1_795_471_000_000_000) },
                missing: None,
                reason: "silence".into(),
                evidence: vec![],
            }],
            skews: vec![],
        },
        systems: vec![
            SystemFacts { id: "mail".into(), name: "Mail".into(), steps: 0, sources: vec![] },
            SystemFacts { id: "portal".into(), name: "Portal".into(), steps: 1, sources: vec!["portal-web".into()] },
        ],
        steps: vec![step()],
        accesses: AccessFacts { reads: 7, span: Some(interval), tables: vec!["hr.staff".into()], widened: 2 },
        artefacts: 3,
        ..CaseFacts::empty(Instant(1_795_500_000_000_000))
    }
}

fn text_of(form: FormId, facts: &CaseFacts) -> String {
    plain(&fill(form, facts))
}

/// Every form must hold, and must lack.
#[track_caller]
fn check(facts: &CaseFacts, forms: &[FormId], holds: &[&str], lacks: &[&str]) {
    for form in forms {
        let text = text_of(*form, facts);
        for words in holds {
            assert!(text.contains(words), "{} lacks {words:?}\n{text}", form.as_str());
        }
        for words in lacks {
            assert!(!text.contains(words), "{} holds {words:?}\n{text}", form.as_str());
        }
    }
}

#[test]
fn an_empty_case_fills_every_field_with_unknown_because() {
    for form in FormId::ALL {
        for field in fill(form, &CaseFacts::empty(Instant(0))).parts.iter().flat_map(|part| &part.fields) {
            match &field.value {
                Value::Unknown { because } => assert!(!because.is_empty()),
                other => panic!("{} of {} is {other:?} in a case of which nothing is known", field.id, form.as_str()),
            }
        }
    }
    check(&CaseFacts::empty(Instant(0)), &FormId::ALL, &["Unknown, because", "as of"], &["no evidence"]);
}

#[test]
fn numbers_stand_by_tier_with_their_time() {
    let forms = [FormId::Pcpd, FormId::IspgC31, FormId::IspgC32, FormId::IspgC41, FormId::IspgC42, FormId::Gdpr33, FormId::Gdpr335];
    check(&facts(), &forms, &["Every number is as of", "confirmed", "likely", "possible", "date of birth"], &[]);
}

#[test]
fn accessed_disclosed_and_exfiltrated_are_three_fields() {
    for form in FormId::ALL {
        let form = fill(form, &facts());
        let fields: Vec<&Field> = form.parts.iter().flat_map(|part| &part.fields).collect();
        let words = |id: &str| fields.iter().find(|field| field.id == id).map(|field| format!("{:?}", field.value));
        let (accessed, disclosed, exfiltrated) = (words("accessed").expect("there"), words("disclosed").expect("there"), words("exfiltrated").expect("there"));
        assert!(accessed.contains("10 confirmed, 20 likely, 30 possible") && !accessed.contains("9 confirmed"), "{accessed}");
        assert!(disclosed.contains("9 confirmed, 8 likely, 30 possible") && disclosed.contains("1 confirmed, 13 likely, 0 possible"), "{disclosed}");
        assert!(exfiltrated.starts_with("Unknown"), "{exfiltrated}");
    }
}

#[test]
fn staff_and_citizens_are_apart_once_somebody_says_who_is_staff() {
    let table = |answer: Option<&str>| {
        let mut facts = facts();
        facts.decisions.extend(answer.map(|answer| answered(4, "staff_are", answer)));
        let form = fill(FormId::IspgC32, &facts);
        let field = form.parts.iter().flat_map(|part| &part.fields).find(|field| field.id == "people").cloned().expect("there");
        let Value::Table { rows, .. } = field.value else { panic!("a table") };
        rows
    };
    let row = |cells: [&str; 5]| cells.map(str::to_owned).to_vec();
    assert_eq!(table(None)[0], row(["confirmed", "10", "unknown", "unknown", "unknown"]));
    assert_eq!(table(Some("everyone"))[0], row(["confirmed", "10", "10", "0", "0"]));
    assert_eq!(table(Some("nobody"))[3], row(["all affected", "60", "0", "60", "0"]));
    // Whom the register does not hold, it does not call staff or citizen.
    assert_eq!(table(Some("status=serving, departed"))[0], row(["confirmed", "10", "5", "4", "1"]));
    assert_eq!(table(Some("status=serving, departed"))[3], row(["all affected", "60", "40", "19", "1"]));
    assert_eq!("some".parse::<StaffRule>(), Err(StaffRuleError));
    assert_eq!("status=".parse::<StaffRule>(), Err(StaffRuleError));
}

#[test]
fn a_claim_of_absence_carries_what_the_logs_cover() {
    let mut facts = facts();
    facts.decisions.push(answered(5, "potential_risk", "There is no evidence of misuse."));
    check(&facts, &[FormId::Pcpd], &["no evidence of misuse. (the logs in custody (1 sources) cover", "with 1 gap"], &[]);
    // What is not affected is said with the interval, too.
    check(&facts, &[FormId::Pcpd], &["Of 100 people in the register, 41 have no exposure in this case; the logs in custody"], &[]);
    check(&facts, &[FormId::IspgC32], &["the trail has no step: Mail. The logs in custody"], &[]);
}

#[test]
fn evidence_stands_under_each_value_and_a_persons_word_under_its_ledger_entry() {
    let mut facts = facts();
    facts.decisions.push(answered(5, "lessons", "Search fields are checked now.\nTwice."));
    facts.decisions.push(answered(6, "cause", "The patch was late."));
    check(
        &facts,
        &[FormId::IspgC42],
        &["SQL injection in GET /search", "31 evidence lines, the first aa00@17+99", "The patch was late.", "ledger entry 6"],
        &[],
    );
    check(&facts, &[FormId::IspgC32], &["Search fields are checked now.", "stated by alice", "ledger entry 5"], &[]);
    for form in FormId::ALL {
        for field in fill(form, &facts).parts.iter().flat_map(|part| &part.fields) {
            let unknown = matches!(field.value, Value::Unknown { .. });
            assert_eq!(unknown, field.grounds.is_empty(), "{} of {}: a value has grounds, an unknown has none", field.id, form.as_str());
        }
    }
}

#[test]
fn the_last_answer_stands() {
    let mut facts = facts();
    facts.decisions.extend([answered(5, "cost", "unclear"), answered(8, "cost", "HK$20,000")]);
    check(&facts, &[FormId::IspgC32], &["HK$20,000", "ledger entry 8"], &["unclear"]);
}

#[test]
fn the_account_of_a_step_stays_out() {
    check(&facts(), &FormId::ALL, &[], &["j.account"]);
}

#[test]
fn a_step_of_exfiltration_is_told_and_no_number_is_made_of_it() {
    let mut facts = facts();
    facts.steps[0].tactic = "exfiltration".into();
    check(&facts, &FormId::ALL, &["Of how many people: unknown, because"], &[]);
}

#[test]
fn why_people_were_not_informed_is_told() {
    let mut facts = facts();
    let word = DutyWord::NotRequired { duty: "hk-ispg-sm02/individuals".into(), why: Personal::new("approved by the Head, 25 November".into()) };
    facts.decisions.push(RecordedDecision { ledger_entry: 9, decision: DutyDecision { word, decided_by: "alice".into(), decided_at: Instant(0) } });
    check(&facts, &[FormId::IspgC32], &["is not required, as recorded by alice: approved by the Head, 25 November"], &[]);
}

#[test]
fn an_answer_about_a_person_of_the_register_is_found() {
    let person = RegisterEntry {
        key: "C12345".into(),
        names: [("en".to_owned(), Personal::new("CHAN Siu Ming".to_owned())), ("zh-Hant".to_owned(), Personal::new("陳小明".to_owned()))].into(),
        email: Some(Personal::new("ming@example.org".into())),
        ..RegisterEntry::default()
    };
    let found = |question: &str, text: &str| {
        let mut facts = facts();
        facts.decisions.push(answered(5, question, text));
        fields_about_people(&fill(FormId::IspgC32, &facts), [&person].into_iter()).into_iter().collect::<Vec<_>>()
    };
    assert_eq!(found("lessons", "Chan Siu Ming was told"), ["lessons"]);
    assert_eq!(found("lessons", "已通知陳小明"), ["lessons"]);
    assert_eq!(found("lessons", "mail to MING@example.org"), ["lessons"]);
    assert_eq!(found("lessons", "row c12345"), ["lessons"]);
    assert_eq!(found("lessons", "row c123456"), Vec::<&str>::new());
    // What was known, and what was given, are people's words too.
    let mut facts = facts();
    let word = DutyWord::Happened { event: "identified".into(), at: Instant(0), knowing: Personal::new("the row of Chan Siu Ming was read".into()) };
    facts.decisions.push(RecordedDecision { ledger_entry: 9, decision: DutyDecision { word, decided_by: "alice".into(), decided_at: Instant(0) } });
    let about = fields_about_people(&fill(FormId::IspgC32, &facts), [&person].into_iter());
    assert_eq!(about.into_iter().collect::<Vec<_>>(), ["identified"]);
    // Whom to call is named on purpose.
    assert_eq!(found("reporter", "CHAN Siu Ming, 2000 0000"), Vec::<&str>::new());
}

#[test]
fn hostile_words_stay_on_their_line() {
    let mut facts = facts();
    facts.steps[0].summary = "a\u{1b}[2J\u{202e}b\r\nc".into();
    for form in FormId::ALL {
        let text = text_of(form, &facts);
        assert!(!text.contains(['\u{1b}', '\u{202e}', '\r']), "{}", form.as_str());
    }
}

#[test]
fn the_json_of_a_form_is_stable() {
    let json = |facts: &CaseFacts| serde_json::to_string(&fill(FormId::IspgC2, facts)).expect("a form has only texts and numbers");
    assert_eq!(json(&facts()), json(&facts()));
    assert!(json(&facts()).contains(r#""kind":"unknown""#));
}

#[test]
fn every_question_has_one_label() {
    let questions = questions();
    assert!(questions.windows(2).all(|pair| pair[0].0 < pair[1].0));
    assert!(questions.iter().any(|(id, _)| *id == "staff_are"));
}

#[test]
fn no_form_prints_a_command_of_ours_and_what_states_a_field_stands_beside_it() {
    for id in FormId::ALL {
        let form = fill(id, &facts());
        let shown = format!("{}{}", plain(&form), serde_json::to_string(&form).expect("a form is JSON"));
        assert!(!shown.contains("strandline"), "{} prints a command", id.as_str());
        assert!(form.ways().all(|(_, way)| way.starts_with("strandline ")));
    }
    assert!(fill(FormId::Pcpd, &facts()).ways().count() > 0);
}
