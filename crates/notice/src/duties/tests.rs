//! Deadlines worked by hand, for every regime that is kept, and what people's words do to them.

use strandline_model::duty::{DutyDecision, DutyWord};
use strandline_model::personal::Personal;

use super::*;

fn at(written: &str) -> Instant {
    Instant(written.parse::<jiff::Timestamp>().expect("a test's time").as_microsecond())
}

fn text(words: &str) -> Personal<String> {
    Personal::new(words.to_owned())
}

fn happened(event: &str, written: &str) -> DutyWord {
    DutyWord::Happened { event: event.to_owned(), at: at(written), knowing: text("what was known") }
}

fn done(duty: &str, written: &str) -> DutyWord {
    DutyWord::Done { duty: duty.to_owned(), at: at(written), what: text("sent") }
}

fn recorded(words: Vec<DutyWord>) -> Vec<RecordedDecision> {
    let word = |(entry, word): (u64, DutyWord)| RecordedDecision {
        ledger_entry: entry,
        decision: DutyDecision { word, decided_by: "alice".to_owned(), decided_at: at("2026-11-25T00:00:00Z") },
    };
    (0..).zip(words).map(word).collect()
}

const NOW: &str = "2026-11-25T00:00:00Z";
const HOUSE: &str = r#"
schema = 1
[regime]
id = "house"
name = "House rules"
standing = "house_rule"
binding = true
rests_on = "house_rule"
checked = 2026-11-25
time_zone = "Asia/Hong_Kong"
calendar = "hk"
sources = ["the board, 1 November 2026"]
[events]
vendor_told = "the vendor told us"
[[duty]]
id = "board"
title = "Tell the board"
recipient = "board"
audience = "internal"
trigger = "vendor_told"
deadline = { within = 5, unit = "business_days" }
[[duty]]
id = "board-5-day-week"
title = "Tell the board"
recipient = "board"
audience = "internal"
trigger = "vendor_told"
deadline = { within = 5, unit = "business_days", ends = "end_of_day", closed_weekdays = ["saturday"] }
[[duty]]
id = "month"
title = "Report"
recipient = "board"
audience = "internal"
trigger = "vendor_told"
deadline = { within = 1, unit = "months" }
"#;

fn book() -> LawBook {
    LawBook::built_in().expect("kept").and(&[("house.toml", HOUSE)]).expect("the test's regime is valid")
}

fn look(duty: &str, zone: &str, now: &str, words: Vec<DutyWord>) -> DutyView {
    let (book, decisions, regimes) = (book(), recorded(words), [duty.split_once('/').expect("regime/duty").0.to_owned()]);
    let zone = TimeZone::get(zone).expect("a zone");
    let people = Some(TierCounts { confirmed: 12, likely: 3, possible: 600 });
    let all = survey(&Survey { book: &book, regimes: &regimes, decisions: &decisions, now: at(now), zone: &zone, people, people_under: &BTreeMap::new() });
    all.duties.into_iter().find(|view| view.duty.id == duty).expect("the duty is kept")
}

/// A duty, the organisation's zone, what people recorded, and the deadline worked by hand (`-`: none).
#[track_caller]
fn check(duty: &str, zone: &str, words: Vec<DutyWord>, expected: &str) {
    let view = look(duty, zone, NOW, words);
    let due = view.deadline.map_or("-".to_owned(), |due| due.local);
    assert_eq!(due, expected, "{duty}");
}

#[test]
fn hong_kong_government() {
    let identified = |when| vec![happened("identified", when)];
    check("hk-ispg-sm02/giro-call", "UTC", identified("2026-11-24T09:00:00+08:00"), "Tue 24 Nov 2026 10:00 HKT");
    check("hk-ispg-sm02/giro-call", "UTC", identified("2026-12-31T23:30:00+08:00"), "Fri 1 Jan 2027 00:30 HKT");
    check("hk-ispg-sm02/c2", "UTC", identified("2026-11-27T17:00:00+08:00"), "Sun 29 Nov 2026 17:00 HKT");
    check("hk-ispg-sm02/c2", "UTC", identified("2026-02-27T08:00:00+08:00"), "Sun 1 Mar 2026 08:00 HKT");
    check("hk-ispg-sm02/c3-2", "UTC", vec![happened("resolved", "2026-12-25T12:00:00+08:00")], "Fri 1 Jan 2027 12:00 HKT");
    check("hk-ispg-sm02/c4-1", "UTC", vec![happened("onset", "2026-12-26T08:15:00+08:00")], "Mon 28 Dec 2026 08:15 HKT");
    check("hk-ispg-sm02/c4-2", "UTC", vec![happened("onset", "2026-12-26T08:15:00+08:00")], "Sat 2 Jan 2027 08:15 HKT");
    check("hk-ispg-sm02/individuals", "UTC", vec![happened("personal_data_involved", "2026-11-24T09:00:00+08:00")], "-");
    check("hk-ispg-sm02/police", "UTC", vec![happened("crime_suspected", "2026-11-24T09:00:00+08:00")], "-");
    check("hk-ispg-sm02/pcpd", "UTC", vec![happened("personal_data_involved", "2026-11-24T09:00:00+08:00")], "-");
}

#[test]
fn hong_kong_phased_reports() {
    let call = |when| done("hk-ispg-sm02/giro-call", when);
    let report = |when| done("hk-ispg-sm02/c3-1", when);
    check("hk-ispg-sm02/c3-1", "UTC", vec![], "-");
    check("hk-ispg-sm02/c3-1", "UTC", vec![call("2026-11-24T10:00:00+08:00")], "Tue 8 Dec 2026 10:00 HKT");
    // From the second report on, every three months from the first deadline, whenever the reports were sent.
    let first = report("2026-12-01T10:00:00+08:00");
    check("hk-ispg-sm02/c3-1", "UTC", vec![call("2026-11-24T10:00:00+08:00"), first.clone()], "Mon 8 Mar 2027 10:00 HKT");
    // 16 November and 14 days: 30 November. February has no 30th; May has, and gets it back.
    let month_end = vec![call("2026-11-16T10:00:00+08:00"), first.clone()];
    check("hk-ispg-sm02/c3-1", "UTC", month_end.clone(), "Sun 28 Feb 2027 10:00 HKT");
    let second = [month_end, vec![report("2027-02-20T10:00:00+08:00")]].concat();
    check("hk-ispg-sm02/c3-1", "UTC", second.clone(), "Sun 30 May 2027 10:00 HKT");
    let open = look("hk-ispg-sm02/c3-1", "UTC", NOW, second.clone());
    assert_eq!((open.state, open.reports), (State::Running, 2));
    let ended = look("hk-ispg-sm02/c3-1", "UTC", NOW, [second, vec![happened("resolved", "2027-03-01T10:00:00+08:00")]].concat());
    assert_eq!(ended.state, State::Done);
}

#[test]
fn hong_kong_ordinances() {
    let aware = |when| vec![happened("aware", when)];
    check("hk-cap653/commissioner-12h", "UTC", aware("2026-11-24T20:00:00+08:00"), "Wed 25 Nov 2026 08:00 HKT");
    check("hk-cap653/commissioner-48h", "UTC", aware("2026-11-24T20:00:00+08:00"), "Thu 26 Nov 2026 20:00 HKT");
    // The fourteenth day after 24 November ends at midnight.
    check("hk-cap653/report", "UTC", aware("2026-11-24T20:00:00+08:00"), "Tue 8 Dec 2026 23:59 HKT");
    check("hk-cap653/oral-record", "UTC", aware("2026-11-24T20:00:00+08:00"), "-");
    check("hk-hkma/hkma", "UTC", aware("2026-11-24T20:00:00+08:00"), "-");
    check("hk-sfc/sfc", "UTC", aware("2026-11-24T20:00:00+08:00"), "-");
    check("hk-pdpo/pcpd", "UTC", aware("2026-11-24T20:00:00+08:00"), "-");
    check("hk-pdpo/individuals", "UTC", aware("2026-11-24T20:00:00+08:00"), "-");
    let before = look("hk-cap653/commissioner-12h", "UTC", NOW, aware("2025-12-31T23:59:59+08:00"));
    assert_eq!(before.state, State::NotInForce);
    let first_day = look("hk-cap653/commissioner-12h", "UTC", NOW, aware("2026-01-01T00:00:00+08:00"));
    assert_eq!(first_day.state, State::Overdue);
}

#[test]
fn europe_counts_hours_across_both_clock_changes() {
    let aware = |when| vec![happened("aware", when)];
    // Berlin puts clocks back on 25 October 2026 and forward on 29 March 2026: 72 hours are 72 hours.
    check("gdpr/authority", "Europe/Berlin", aware("2026-10-23T12:00:00+02:00"), "Mon 26 Oct 2026 11:00 CET");
    check("gdpr/authority", "Europe/Berlin", aware("2026-03-27T12:00:00+01:00"), "Mon 30 Mar 2026 13:00 CEST");
    check("gdpr/authority", "Europe/Berlin", aware("2026-12-31T23:00:00+01:00"), "Sun 3 Jan 2027 23:00 CET");
    check("gdpr/individuals", "Europe/Berlin", vec![happened("high_risk", "2026-10-23T12:00:00+02:00")], "-");
    check("gdpr/register", "Europe/Berlin", aware("2026-10-23T12:00:00+02:00"), "-");
    check("gdpr/controller", "Europe/Berlin", vec![happened("processor_aware", "2026-10-23T12:00:00+02:00")], "-");
    // The regime's own zone goes before the organisation's.
    check("uk-gdpr/ico", "Asia/Hong_Kong", aware("2026-10-24T12:00:00+01:00"), "Tue 27 Oct 2026 11:00 GMT");
    // 28 March 2026 and 72 hours: clocks go forward on the 29th.
    check("uk-gdpr/pecr", "UTC", aware("2026-03-28T12:00:00Z"), "Tue 31 Mar 2026 13:00 BST");
    check("uk-gdpr/individuals", "UTC", vec![happened("high_risk", "2026-03-28T12:00:00Z")], "-");
}

#[test]
fn america_counts_days() {
    let discovered = |when| vec![happened("discovered", when)];
    check("us-hipaa/individuals", "America/New_York", discovered("2026-01-01T09:00:00-05:00"), "Mon 2 Mar 2026 09:00 EST");
    // Clocks go forward on 8 March 2026: the same time of day on the sixtieth day.
    check("us-hipaa/hhs", "America/New_York", discovered("2026-02-01T09:00:00-05:00"), "Thu 2 Apr 2026 09:00 EDT");
    check("us-hipaa/media", "America/New_York", discovered("2026-09-15T09:00:00-04:00"), "Sat 14 Nov 2026 09:00 EST");
    // The sixtieth day of 2027 is 1 March; that of the leap year 2028 is 29 February.
    check("us-hipaa/hhs-yearly", "America/New_York", discovered("2026-11-24T09:00:00-05:00"), "Mon 1 Mar 2027 23:59 EST");
    check("us-hipaa/hhs-yearly", "America/New_York", discovered("2027-12-31T23:59:59-05:00"), "Tue 29 Feb 2028 23:59 EST");
    // The year is that of the place: at this instant it is 2027 in UTC and still 2026 in New York.
    check("us-hipaa/hhs-yearly", "America/New_York", discovered("2027-01-01T02:00:00Z"), "Mon 1 Mar 2027 23:59 EST");

    check("us-ca/individuals", "UTC", discovered("2026-01-31T10:00:00-08:00"), "Mon 2 Mar 2026 10:00 PST");
    check("us-ca/individuals", "UTC", discovered("2026-10-15T10:00:00-07:00"), "Sat 14 Nov 2026 10:00 PST");
    check("us-ca/attorney-general", "UTC", vec![done("us-ca/individuals", "2026-02-14T10:00:00-08:00")], "Sun 1 Mar 2026 10:00 PST");
    assert_eq!(look("us-ca/individuals", "UTC", NOW, discovered("2025-12-31T10:00:00-08:00")).state, State::NotInForce);
    let told = |when| vec![happened("processor_aware", when)];
    check("us-hipaa/substitute", "America/New_York", discovered("2026-11-24T09:00:00-05:00"), "Sat 23 Jan 2027 09:00 EST");
    check("us-hipaa/business-associate", "America/New_York", told("2026-11-24T09:00:00-05:00"), "Sat 23 Jan 2027 09:00 EST");
    check("us-ca/owner", "UTC", told("2026-11-24T09:00:00-08:00"), "-");
}

#[test]
fn american_agencies() {
    let discovered = |when| vec![happened("discovered", when)];
    check("us-glba/ftc", "America/New_York", discovered("2026-11-24T09:00:00-05:00"), "Thu 24 Dec 2026 09:00 EST");
    let material = |when| vec![happened("material", when)];
    // Tuesday 24 November 2026: 25; Thanksgiving closed; 27, 30; Saturday and Sunday closed; 1.
    check("us-sec/form-8k", "UTC", material("2026-11-24T17:00:00-05:00"), "Tue 1 Dec 2026 17:00 EST");
    // Thursday 2 July 2026: Friday is Independence Day, kept early; 6, 7, 8, 9.
    check("us-sec/form-8k", "UTC", material("2026-07-02T17:00:00-04:00"), "Thu 9 Jul 2026 17:00 EDT");
    check("us-sec/assessment", "UTC", discovered("2026-11-24T09:00:00-05:00"), "-");
    let paid = |when| vec![happened("ransom_paid", when)];
    // Clocks go back on 1 November 2026.
    check("us-nydfs/superintendent", "UTC", vec![happened("determined", "2026-10-30T12:00:00-04:00")], "Mon 2 Nov 2026 11:00 EST");
    check("us-nydfs/extortion", "UTC", paid("2026-11-24T09:00:00-05:00"), "Wed 25 Nov 2026 09:00 EST");
    check("us-nydfs/extortion-reasons", "UTC", paid("2026-11-24T09:00:00-05:00"), "Thu 24 Dec 2026 09:00 EST");
    // A draft counts, so that somebody can plan, and binds nobody.
    check("us-circia/ransom", "UTC", paid("2026-11-24T09:00:00Z"), "Wed 25 Nov 2026 09:00 UTC");
    check("us-circia/incident", "UTC", vec![happened("reasonable_grounds", "2026-11-24T09:00:00Z")], "Fri 27 Nov 2026 09:00 UTC");
    let draft = look("us-circia/ransom", "UTC", NOW, paid("2026-11-24T09:00:00Z"));
    assert_eq!(draft.state, State::NotInForce);
    assert!(draft.standing.starts_with("DRAFT"), "{}", draft.standing);
}

/// Each state, and the day on which its residents must have been told of a breach known on 24 November 2026.
#[test]
fn american_states() {
    let (thirty, forty_five, sixty) = ("Thu 24 Dec 2026 09:00 UTC", "Fri 8 Jan 2027 09:00 UTC", "Sat 23 Jan 2027 09:00 UTC");
    for (duty, due) in [
        ("us-al/individuals", forty_five),
        ("us-az/individuals", forty_five),
        ("us-co/individuals", thirty),
        ("us-ct/individuals", sixty),
        ("us-de/individuals", sixty),
        ("us-fl/individuals", thirty),
        ("us-in/individuals", forty_five),
        ("us-la/individuals", sixty),
        ("us-me/individuals", thirty),
        ("us-nm/individuals", forty_five),
        ("us-ny/individuals", thirty),
        ("us-oh/individuals", forty_five),
        ("us-or/individuals", forty_five),
        ("us-ri/individuals", forty_five),
        ("us-sd/individuals", sixty),
        ("us-tn/individuals", forty_five),
        ("us-tx/individuals", sixty),
        ("us-vt/individuals", forty_five),
        ("us-wa/individuals", thirty),
        ("us-wi/individuals", forty_five),
        ("us-co/attorney-general", thirty),
        ("us-tx/attorney-general", thirty),
        ("us-fl/authority", "-"),
        ("us-ny/authorities", "-"),
        ("us-me/authority", "-"),
    ] {
        let words = ["discovered", "determined", "aware"].map(|event| happened(event, "2026-11-24T09:00:00Z"));
        check(duty, "UTC", words.to_vec(), due);
    }
}

/// States most of whose statutes give no number of days; of those that do, the days from 24 November 2026.
#[test]
fn american_states_without_a_number() {
    let words = |duty: &str| {
        let regime = duty.split_once('/').expect("regime/duty").0;
        let events = ["discovered", "determined", "aware", "processor_aware"].map(|event| happened(event, "2026-11-24T09:00:00Z"));
        [events.to_vec(), vec![done(&format!("{regime}/individuals"), "2026-11-24T09:00:00Z")]].concat()
    };
    for (duty, due) in [
        ("us-ar/attorney-general", "Fri 8 Jan 2027 09:00 UTC"),
        ("us-ga/owner", "Wed 25 Nov 2026 09:00 UTC"),
        // Thursday 26 November is Thanksgiving: 25, 27, 30, 1, 2.
        ("us-ia/attorney-general", "Wed 2 Dec 2026 09:00 UTC"),
        ("us-id/attorney-general", "Wed 25 Nov 2026 09:00 UTC"),
        ("us-ky/agencies", "Fri 27 Nov 2026 09:00 UTC"),
        ("us-md/individuals", "Fri 8 Jan 2027 09:00 UTC"),
        ("us-ok/attorney-general", "Sat 23 Jan 2027 09:00 UTC"),
        ("us-ut/governmental-entity", "Sun 29 Nov 2026 09:00 UTC"),
    ] {
        check(duty, "UTC", words(duty), due);
    }
    for duty in [
        "us-ak/individuals",
        "us-ak/attorney-general",
        "us-ar/individuals",
        "us-ar/owner",
        "us-dc/individuals",
        "us-dc/attorney-general",
        "us-ga/individuals",
        "us-hi/individuals",
        "us-hi/consumer-protection",
        "us-hi/owner",
        "us-ia/individuals",
        "us-id/individuals",
        "us-il/individuals",
        "us-il/attorney-general",
        "us-ks/individuals",
        "us-ks/owner",
        "us-ky/individuals",
        "us-ma/individuals",
        "us-ma/attorney-general",
        "us-md/attorney-general",
        "us-mi/individuals",
        "us-mn/individuals",
        "us-mo/individuals",
        "us-mo/attorney-general",
        "us-ms/individuals",
        "us-mt/individuals",
        "us-mt/attorney-general",
        "us-nc/individuals",
        "us-nc/attorney-general",
        "us-nc/owner",
        "us-nd/individuals",
        "us-nd/attorney-general",
        "us-ne/individuals",
        "us-ne/attorney-general",
        "us-nh/individuals",
        "us-nh/attorney-general",
        "us-nh/owner",
        "us-nj/individuals",
        "us-nj/state-police",
        "us-nv/individuals",
        "us-nv/owner",
        "us-ok/individuals",
        "us-pa/individuals",
        "us-pa/attorney-general",
        "us-sc/individuals",
        "us-sc/consumer-affairs",
        "us-sc/owner",
        "us-ut/individuals",
        "us-ut/attorney-general",
        "us-ut/owner",
        "us-va/individuals",
        "us-va/attorney-general",
        "us-wv/individuals",
        "us-wv/owner",
        "us-wy/individuals",
    ] {
        check(duty, "UTC", words(duty), "-");
    }
}

#[test]
fn asia_and_australia() {
    let assessed = |when| vec![happened("assessed_notifiable", when)];
    // The day after the assessment is the first; the third ends at midnight.
    check("sg-pdpa/pdpc", "UTC", assessed("2026-12-25T15:00:00+08:00"), "Mon 28 Dec 2026 23:59 +08");
    check("sg-pdpa/pdpc", "UTC", assessed("2028-02-27T23:59:00+08:00"), "Wed 1 Mar 2028 23:59 +08");
    check("sg-pdpa/assessment", "UTC", vec![happened("credible_grounds", "2026-01-31T09:00:00+08:00")], "Mon 2 Mar 2026 09:00 +08");
    check("sg-pdpa/individuals", "UTC", vec![happened("significant_harm", "2026-01-31T09:00:00+08:00")], "-");

    let suspected = |when| vec![happened("suspected", when)];
    // Sydney puts clocks back on 5 April 2026, and forward at 02:00 on 4 October 2026: half past two is not there that day.
    check("au-ndb/assessment", "Australia/Sydney", suspected("2026-03-20T02:30:00+11:00"), "Sun 19 Apr 2026 02:30 AEST");
    check("au-ndb/assessment", "Australia/Sydney", suspected("2026-09-04T02:30:00+10:00"), "Sun 4 Oct 2026 03:30 AEDT");
    // 5 April has half past two twice: the first one, which is the earlier deadline.
    check("au-ndb/assessment", "Australia/Sydney", suspected("2026-03-06T02:30:00+11:00"), "Sun 5 Apr 2026 02:30 AEDT");
    check("au-ndb/oaic", "UTC", vec![happened("reasonable_grounds", "2026-03-20T02:30:00+11:00")], "-");
    check("au-ndb/individuals", "UTC", vec![happened("statement_prepared", "2026-03-20T02:30:00+11:00")], "-");

    check("cn-pipl/authority", "UTC", vec![happened("leak_possible", "2026-11-24T09:00:00+08:00")], "-");
    check("cn-pipl/individuals", "UTC", vec![happened("leak_possible", "2026-11-24T09:00:00+08:00")], "-");

    let aware = |when| vec![happened("aware", when)];
    check("kr-pipa/individuals", "UTC", aware("2026-10-09T10:00:00+09:00"), "Mon 12 Oct 2026 10:00 KST");
    check("kr-pipa/authority", "UTC", aware("2026-12-30T10:00:00+09:00"), "Sat 2 Jan 2027 10:00 KST");
    check("kr-pipa/possibly-affected", "UTC", vec![happened("access_known_people_unclear", "2026-10-09T10:00:00+09:00")], "Mon 12 Oct 2026 10:00 KST");
    check("kr-pipa/possible", "UTC", vec![happened("leak_possible", "2026-10-09T10:00:00+09:00")], "-");
    assert_eq!(look("kr-pipa/individuals", "UTC", NOW, aware("2026-09-10T23:00:00+09:00")).state, State::NotInForce);
}

#[test]
fn more_of_asia_and_the_pacific() {
    let aware = |when| vec![happened("aware", when)];
    check("jp-appi/ppc-prompt", "UTC", aware("2026-11-24T09:00:00+09:00"), "Fri 27 Nov 2026 09:00 JST");
    check("jp-appi/ppc-full", "UTC", aware("2026-11-24T09:00:00+09:00"), "Thu 24 Dec 2026 09:00 JST");
    check("jp-appi/ppc-full-attack", "UTC", aware("2026-11-24T09:00:00+09:00"), "Sat 23 Jan 2027 09:00 JST");
    check("jp-appi/individuals", "UTC", aware("2026-11-24T09:00:00+09:00"), "-");
    check("in-certin/certin", "UTC", aware("2026-11-24T20:30:00+05:30"), "Wed 25 Nov 2026 02:30 IST");
    check("in-dpdp/board", "UTC", aware("2027-06-01T09:00:00+05:30"), "Fri 4 Jun 2027 09:00 IST");
    check("in-dpdp/board-first", "UTC", aware("2027-06-01T09:00:00+05:30"), "-");
    check("in-dpdp/individuals", "UTC", aware("2027-06-01T09:00:00+05:30"), "-");
    let early = look("in-dpdp/board", "UTC", NOW, aware("2026-11-24T09:00:00+05:30"));
    assert_eq!(early.state, State::NotInForce, "adopted, and not yet begun");
    assert!(early.standing.starts_with("ADOPTED"), "{}", early.standing);
    assert_ne!(look("in-dpdp/board", "UTC", "2027-06-02T00:00:00Z", aware("2027-06-01T09:00:00+05:30")).state, State::NotInForce);
    check("my-pdpa/commissioner", "UTC", aware("2026-11-24T09:00:00+08:00"), "Fri 27 Nov 2026 09:00 +08");
    check("my-pdpa/individuals", "UTC", vec![happened("significant_harm", "2026-11-24T09:00:00+08:00")], "-");
    check("ph-dpa/npc", "UTC", aware("2026-11-24T09:00:00+08:00"), "Fri 27 Nov 2026 09:00 PST");
    check("ph-dpa/npc-full", "UTC", aware("2026-11-24T09:00:00+08:00"), "Sun 29 Nov 2026 09:00 PST");
    check("ph-dpa/individuals", "UTC", aware("2026-11-24T09:00:00+08:00"), "Fri 27 Nov 2026 09:00 PST");
    check("th-pdpa/pdpc", "UTC", aware("2026-11-24T09:00:00+07:00"), "Fri 27 Nov 2026 09:00 +07");
    check("th-pdpa/individuals", "UTC", vec![happened("high_risk", "2026-11-24T09:00:00+07:00")], "-");
    check("tw-pdpa/individuals", "UTC", aware("2026-11-24T09:00:00+08:00"), "-");
    check("tw-pdpa/pdpc", "UTC", aware("2026-11-24T09:00:00+08:00"), "-");
    check("tw-pdpa/pdpc-72h", "UTC", aware("2026-11-24T09:00:00+08:00"), "Fri 27 Nov 2026 09:00 CST");
    check("tw-pdpa/individuals-72h", "UTC", aware("2026-11-24T09:00:00+08:00"), "Fri 27 Nov 2026 09:00 CST");
    // Adopted without a first day, and drafted: neither binds. What was in force before does.
    let states = ["tw-pdpa/individuals", "tw-pdpa/pdpc", "tw-pdpa/pdpc-72h"].map(|duty| look(duty, "UTC", NOW, aware("2026-11-24T09:00:00+08:00")).state);
    assert_eq!(states, [State::Running, State::NotInForce, State::NotInForce]);
    check("mo-cyber/caric", "UTC", aware("2026-11-24T09:00:00+08:00"), "-");
    let discovered = |when| vec![happened("discovered", when)];
    check("cn-cac/cii", "UTC", discovered("2026-11-24T23:30:00+08:00"), "Wed 25 Nov 2026 00:30 CST");
    check("cn-cac/organs", "UTC", discovered("2026-11-24T23:30:00+08:00"), "Wed 25 Nov 2026 01:30 CST");
    check("cn-cac/others", "UTC", discovered("2026-11-24T23:30:00+08:00"), "Wed 25 Nov 2026 03:30 CST");
    check("cn-cac/summary", "UTC", vec![happened("resolved", "2026-11-24T09:00:00+08:00")], "Thu 24 Dec 2026 09:00 CST");
    let notifiable = |when| vec![happened("assessed_notifiable", when)];
    check("nz-privacy/commissioner", "UTC", notifiable("2026-09-25T12:00:00+12:00"), "-");
    // Auckland puts clocks forward on 27 September 2026.
    check("nz-privacy/commissioner-72h", "UTC", notifiable("2026-09-25T12:00:00+12:00"), "Mon 28 Sep 2026 13:00 NZDT");
    check("nz-privacy/individuals", "UTC", notifiable("2026-09-25T12:00:00+12:00"), "-");
    check("au-ransom/payment", "Australia/Sydney", vec![happened("ransom_paid", "2026-11-24T09:00:00+11:00")], "Fri 27 Nov 2026 09:00 AEDT");
}

#[test]
fn more_of_europe_america_and_africa() {
    let aware = |when| vec![happened("aware", when)];
    check("eu-nis2/early-warning", "Europe/Berlin", aware("2026-10-24T12:00:00+02:00"), "Sun 25 Oct 2026 11:00 CET");
    check("eu-nis2/notification", "Europe/Berlin", aware("2026-10-24T12:00:00+02:00"), "Tue 27 Oct 2026 11:00 CET");
    check("eu-nis2/final", "Europe/Berlin", vec![done("eu-nis2/notification", "2027-01-31T12:00:00+01:00")], "Sun 28 Feb 2027 12:00 CET");
    check("eu-dora/initial-classified", "Europe/Berlin", vec![happened("classified_major", "2026-11-24T22:00:00+01:00")], "Wed 25 Nov 2026 02:00 CET");
    check("eu-dora/initial-aware", "Europe/Berlin", aware("2026-11-24T22:00:00+01:00"), "Wed 25 Nov 2026 22:00 CET");
    let initial = || done("eu-dora/initial-classified", "2026-11-24T10:00:00+01:00");
    check("eu-dora/intermediate", "Europe/Berlin", vec![initial()], "Fri 27 Nov 2026 10:00 CET");
    check("eu-dora/final", "Europe/Berlin", vec![done("eu-dora/intermediate", "2026-11-27T10:00:00+01:00")], "Sun 27 Dec 2026 10:00 CET");
    let exploited = || vec![happened("exploited_vulnerability", "2026-11-24T10:00:00+01:00")];
    check("eu-cra/vulnerability-warning", "Europe/Berlin", exploited(), "Wed 25 Nov 2026 10:00 CET");
    check("eu-cra/vulnerability-notification", "Europe/Berlin", exploited(), "Fri 27 Nov 2026 10:00 CET");
    check("eu-cra/vulnerability-report", "Europe/Berlin", vec![happened("measure_available", "2026-11-24T10:00:00+01:00")], "Tue 8 Dec 2026 10:00 CET");
    let severe = || vec![happened("severe_incident", "2026-11-24T10:00:00+01:00")];
    check("eu-cra/incident-warning", "Europe/Berlin", severe(), "Wed 25 Nov 2026 10:00 CET");
    check("eu-cra/incident-notification", "Europe/Berlin", severe(), "Fri 27 Nov 2026 10:00 CET");
    let notified = vec![done("eu-cra/incident-notification", "2026-11-27T10:00:00+01:00")];
    check("eu-cra/incident-report", "Europe/Berlin", notified, "Sun 27 Dec 2026 10:00 CET");
    // In the hour before the article began to apply, nothing was owed.
    let before = vec![happened("severe_incident", "2026-09-10T23:30:00+02:00")];
    assert_eq!(look("eu-cra/incident-warning", "Europe/Berlin", NOW, before).state, State::NotInForce);
    check("ch-fadp/bacs", "UTC", vec![happened("discovered", "2026-11-24T10:00:00+01:00")], "Wed 25 Nov 2026 10:00 CET");
    check("ch-fadp/fdpic", "UTC", vec![happened("high_risk", "2026-11-24T10:00:00+01:00")], "-");
    check("ch-fadp/individuals", "UTC", aware("2026-11-24T10:00:00+01:00"), "-");
    check("ch-fadp/controller", "UTC", vec![happened("processor_aware", "2026-11-24T10:00:00+01:00")], "-");
    let involved = |when| vec![happened("personal_data_involved", when)];
    // Thursday 19 November 2026: Friday is the day of Zumbi; 23, 24, 25.
    check("br-lgpd/anpd", "UTC", involved("2026-11-19T10:00:00-03:00"), "Wed 25 Nov 2026 10:00 -03");
    check("br-lgpd/individuals", "UTC", involved("2026-11-19T10:00:00-03:00"), "Wed 25 Nov 2026 10:00 -03");
    // Wednesday 25 November 2026: two in November, 30, then 1 to 4, 7 to 11, 14 to 18, 21 to 23 (Christmas is the day after the twentieth).
    check("br-lgpd/anpd-complement", "UTC", vec![done("br-lgpd/anpd", "2026-11-25T10:00:00-03:00")], "Wed 23 Dec 2026 10:00 -03");
    for duty in ["ca-pipeda/commissioner", "ca-pipeda/individuals", "ca-pipeda/others"] {
        check(duty, "UTC", vec![happened("determined", "2026-11-24T10:00:00Z")], "-");
    }
    for duty in ["ca-pipeda/record", "ca-quebec/cai", "ca-quebec/individuals", "ca-quebec/register"] {
        check(duty, "UTC", aware("2026-11-24T10:00:00Z"), "-");
    }
    for duty in ["za-popia/regulator", "za-popia/individuals"] {
        check(duty, "UTC", vec![happened("reasonable_grounds", "2026-11-24T10:00:00Z")], "-");
    }
}

#[test]
fn a_rule_that_changed_has_both_its_texts() {
    let state = |duty: &str, event: &str, when: &str| look(duty, "UTC", NOW, vec![happened(event, when)]).state;
    check("uk-gdpr/pecr-before", "UTC", vec![happened("detected", "2025-08-19T12:00:00+01:00")], "Wed 20 Aug 2025 12:00 BST");
    assert_eq!(state("uk-gdpr/pecr-before", "detected", "2025-08-19T12:00:00+01:00"), State::Overdue);
    assert_eq!(state("uk-gdpr/pecr-before", "detected", "2025-08-20T00:00:00+01:00"), State::NotInForce);
    assert_eq!(state("uk-gdpr/pecr", "aware", "2025-08-19T23:59:00+01:00"), State::NotInForce);
    assert_eq!(state("uk-gdpr/pecr", "aware", "2025-08-20T00:00:00+01:00"), State::Overdue);
}

#[test]
fn both_limits_stand_side_by_side() {
    let view = look("us-hipaa/individuals", "UTC", NOW, vec![happened("discovered", "2026-11-24T10:00:00Z")]);
    assert_eq!(view.rule, "without unreasonable delay, and within 60 calendar days");
    assert!(view.deadline.is_some());
}

#[test]
fn a_comparison_over_half_a_year_ago_is_told() {
    let warned = |now: &str| look("gdpr/authority", "UTC", now, vec![]).warnings.join(" ");
    assert_eq!(warned("2027-05-28T00:00:00Z"), "");
    assert!(warned("2027-05-29T00:00:00Z").contains("181 days ago"), "{}", warned("2027-05-29T00:00:00Z"));
    assert!(warned("2026-11-28T00:00:00Z").contains("to come"));
    let standing = look("gdpr/authority", "UTC", NOW, vec![]).standing;
    assert!(standing.contains("checked 2026-11-29 by "), "{standing}");
}

#[test]
fn every_kept_duty_stands_in_the_tables_above() {
    let tables = include_str!("tests.rs");
    for duty in LawBook::built_in().expect("kept").regimes().flat_map(|regime| &regime.duties) {
        assert!(tables.contains(&format!("\"{}\"", duty.id)), "{} has no case worked by hand", duty.id);
    }
}

#[test]
fn a_deadline_on_a_closed_day_is_told() {
    let warnings = |when: &str| look("hk-ispg-sm02/c2", "UTC", NOW, vec![happened("identified", when)]).warnings.join("\n");
    assert!(warnings("2026-11-27T17:00:00+08:00").contains("(Sunday)"));
    assert!(warnings("2026-12-23T17:00:00+08:00").contains("(Christmas Day)"));
    assert!(!warnings("2026-11-24T17:00:00+08:00").contains("closed"));
}

#[test]
fn business_days_and_months_of_a_users_regime() {
    let told = |when| vec![happened("vendor_told", when)];
    // Monday 30 March 2026: 31, 1, 2; Good Friday to Tuesday 7 April closed; 8, 9.
    check("house/board", "UTC", told("2026-03-30T11:00:00+08:00"), "Thu 9 Apr 2026 11:00 HKT");
    check("house/board-5-day-week", "UTC", told("2026-03-30T11:00:00+08:00"), "Thu 9 Apr 2026 23:59 HKT");
    // Wednesday 25 November 2026: 26, 27, 28 (a Saturday), 30, 1; and without Saturdays 26, 27, 30, 1, 2.
    check("house/board", "UTC", told("2026-11-25T11:00:00+08:00"), "Tue 1 Dec 2026 11:00 HKT");
    check("house/board-5-day-week", "UTC", told("2026-11-25T11:00:00+08:00"), "Wed 2 Dec 2026 23:59 HKT");
    check("house/month", "UTC", told("2027-01-31T11:00:00+08:00"), "Sun 28 Feb 2027 11:00 HKT");
    let beyond = look("house/board", "UTC", NOW, told("2027-12-28T11:00:00+08:00"));
    assert_eq!(beyond.deadline, None, "beyond the calendar nothing is guessed");
    assert!(beyond.warnings.iter().any(|note| note.contains("2027-12-31")), "{:?}", beyond.warnings);
    assert!(beyond.standing.contains("house rule"), "{}", beyond.standing);
}

#[test]
fn without_a_decision_no_clock_runs() {
    let book = book();
    let regimes: Vec<String> = book.regimes().map(|regime| regime.id.clone()).collect();
    let people = Some(TierCounts { confirmed: 5_000, likely: 1_000, possible: 800 });
    let all = survey(&Survey { book: &book, regimes: &regimes, decisions: &[], now: at(NOW), zone: &TimeZone::UTC, people, people_under: &BTreeMap::new() });
    assert_eq!(all.duties.len(), book.regimes().map(|regime| regime.duties.len()).sum::<usize>());
    for view in &all.duties {
        assert!(matches!(view.state, State::Waiting | State::NotInForce), "{}", view.duty.id);
        assert_eq!((&view.deadline, &view.left), (&None, &None), "{}", view.duty.id);
        assert!(view.waits_for.as_ref().is_some_and(|what| !what.is_empty()));
    }
    assert_eq!(ics::write(&all, &calendar()).matches("VEVENT").count(), 0);
}

#[test]
fn a_secondary_source_shows_on_its_face() {
    let book = LawBook::built_in().expect("kept");
    for duty in book.regimes().flat_map(|regime| &regime.duties) {
        let view = look(&duty.id, "UTC", NOW, vec![]);
        assert_eq!(view.standing.contains("SECONDARY"), duty.rests_on == RestsOn::Secondary, "{}", duty.id);
        assert!(view.standing.contains(&duty.checked.on.to_string()));
    }
    for secondary in
        ["hk-pdpo/pcpd", "hk-cap653/commissioner-12h", "us-ca/individuals", "sg-pdpa/pdpc", "cn-pipl/authority", "kr-pipa/authority", "hk-ispg-sm02/c3-1"]
    {
        assert!(look(secondary, "UTC", NOW, vec![]).standing.contains("SECONDARY"), "{secondary}");
    }
}

#[test]
fn the_last_word_counts_and_a_moved_start_is_told() {
    let aware = || happened("aware", "2026-11-24T10:00:00Z");
    let due = |words: Vec<DutyWord>| {
        let view = look("gdpr/authority", "UTC", NOW, words);
        (view.state, view.deadline.map_or("-".to_owned(), |due| due.local), view.warnings.join("\n"))
    };
    let later = due(vec![aware(), happened("aware", "2026-11-24T20:00:00Z")]);
    assert_eq!(later.1, "Fri 27 Nov 2026 20:00 UTC");
    assert!(later.2.contains("later, which gains time"), "{}", later.2);
    let why = || text("it was a test account");
    assert_eq!(due(vec![aware(), DutyWord::Retracted { event: "aware".into(), why: why() }]).0, State::Waiting);
    // A word for one regime goes before a word for all.
    assert_eq!(due(vec![happened("gdpr/aware", "2026-11-24T08:00:00Z"), aware()]).1, "Fri 27 Nov 2026 08:00 UTC");
    let not = || DutyWord::NotRequired { duty: "gdpr/authority".into(), why: why() };
    assert_eq!(due(vec![aware(), not()]).0, State::NotRequired);
    assert_eq!(due(vec![aware(), not(), DutyWord::Required { duty: "gdpr/authority".into(), why: why() }]).0, State::Running);
    let part = DutyWord::PartlyDone { duty: "gdpr/authority".into(), at: at("2026-11-25T10:00:00Z"), what: text("first phase") };
    assert_eq!(due(vec![aware(), part.clone()]).0, State::PartlyDone);
    let finished = done("gdpr/authority", "2026-11-29T10:00:00Z");
    let late = due(vec![aware(), part, finished.clone()]);
    assert_eq!(late.0, State::Done);
    assert!(late.2.contains("after its deadline") && late.2.contains("reasons for the delay"), "{}", late.2);
    assert_eq!(due(vec![aware(), finished, DutyWord::Reopened { duty: "gdpr/authority".into(), why: why() }]).0, State::Running);
    let future = due(vec![happened("aware", "2027-11-24T10:00:00Z")]);
    assert!(future.2.contains("future"), "{}", future.2);
}

#[test]
fn what_is_left_is_told() {
    let left = |now: &str| look("gdpr/authority", "UTC", now, vec![happened("aware", "2026-11-24T10:00:00Z")]).left.unwrap_or_default();
    assert_eq!(left("2026-11-25T00:00:00Z"), "in 2 d 10:00");
    assert_eq!(left("2026-11-27T09:30:30Z"), "in 00:29");
    assert_eq!(left("2026-11-28T11:00:00Z"), "1 d 01:00 late");
}

#[test]
fn a_threshold_shows_the_numbers_and_decides_nothing() {
    let view = look("us-hipaa/hhs", "UTC", NOW, vec![happened("discovered", "2026-11-24T10:00:00Z")]);
    let below = look("us-hipaa/hhs-yearly", "UTC", NOW, vec![happened("discovered", "2026-11-24T10:00:00Z")]);
    assert!(below.notes.iter().any(|note| note.contains("fewer than 500 people; the case shows 12 confirmed")), "{:?}", below.notes);
    assert_eq!((view.state, view.required), (State::Running, None));
    assert!(view.notes.iter().any(|note| note.contains("500 people") && note.contains("12 confirmed, 3 likely, 600 possible")), "{:?}", view.notes);
}

#[test]
fn an_unknown_regime_is_a_problem_and_not_a_silence() {
    let (book, regimes) = (book(), ["hk-pdpoo".to_owned()]);
    let all =
        survey(&Survey { book: &book, regimes: &regimes, decisions: &[], now: at(NOW), zone: &TimeZone::UTC, people: None, people_under: &BTreeMap::new() });
    assert!(all.duties.is_empty() && all.problems[0].contains("hk-pdpoo") && all.problems[0].contains("hk-pdpo,"), "{:?}", all.problems);
}

#[test]
fn times_beyond_every_calendar_are_told_and_not_a_panic() {
    for instant in [Instant::MIN, Instant::MAX, Instant(253_402_300_799_000_000), Instant(-377_705_116_800_000_000)] {
        for duty in book().regimes().flat_map(|regime| &regime.duties) {
            let Trigger::Event(event) = &duty.trigger else { continue };
            let word = DutyWord::Happened { event: event.clone(), at: instant, knowing: text("") };
            let view = look(&duty.id, "Asia/Hong_Kong", NOW, vec![word]);
            let _ = ics::write(&Duties { as_of: moment(instant, &TimeZone::UTC), duties: vec![view], regimes: vec![], problems: vec![] }, &calendar());
        }
    }
}

fn calendar() -> ics::Calendar<'static> {
    ics::Calendar { case: "strandline.example.org/case/r-1", reference: "R-1", stamp: at(NOW), revision: 3 }
}

#[test]
fn a_deadline_becomes_an_appointment() {
    let view = look("hk-ispg-sm02/c2", "UTC", NOW, vec![happened("identified", "2026-11-24T17:00:00+08:00")]);
    let all = Duties { as_of: moment(at(NOW), &TimeZone::UTC), duties: vec![view], regimes: vec![], problems: vec![] };
    let file = ics::write(&all, &calendar());
    assert_eq!(file, ics::write(&all, &calendar()), "the same input gives the same bytes");
    assert!(file.split_terminator("\r\n").all(|line| line.len() <= 75 && !line.contains('\n')));
    let unfolded = file.replace("\r\n ", "");
    for line in [
        "BEGIN:VCALENDAR",
        "UID:hk-ispg-sm02/c2@strandline.example.org/case/r-1",
        "DTSTAMP:20261125T000000Z",
        "SEQUENCE:3",
        "DTSTART:20261126T090000Z",
        "SUMMARY:R-1: due: Preliminary Information Security Incident Report (Annex C.2)",
        "BEGIN:VALARM",
        "TRIGGER:-P1D",
        "TRIGGER:-PT4H",
        "END:VCALENDAR",
    ] {
        assert!(unfolded.split("\r\n").any(|found| found == line), "lacks {line}\n{unfolded}");
    }
}

#[test]
fn a_deadline_that_was_met_in_part_goes_from_the_calendar() {
    let part = DutyWord::PartlyDone { duty: "gdpr/authority".into(), at: at("2026-11-24T20:00:00Z"), what: text("first phase") };
    let view = look("gdpr/authority", "UTC", NOW, vec![happened("aware", "2026-11-24T10:00:00Z"), part]);
    assert_eq!(view.state, State::PartlyDone);
    let file = ics::write(&Duties { as_of: moment(at(NOW), &TimeZone::UTC), duties: vec![view], regimes: vec![], problems: vec![] }, &calendar());
    assert!(file.contains("UID:gdpr/authority@") && file.contains("STATUS:CANCELLED\r\n") && !file.contains("VALARM"), "{file}");
}

#[test]
fn a_duty_without_a_number_is_a_reminder_on_every_day_until_it_is_done() {
    let file = |words| {
        let view = look("gdpr/individuals", "UTC", NOW, words);
        ics::write(&Duties { as_of: moment(at(NOW), &TimeZone::UTC), duties: vec![view], regimes: vec![], problems: vec![] }, &calendar())
    };
    let high_risk = || happened("high_risk", "2026-11-24T17:00:00Z");
    let running = file(vec![high_risk()]);
    for line in ["DTSTART;VALUE=DATE:20261124\r\n", "RRULE:FREQ=DAILY\r\n", "SUMMARY:R-1: not done yet: Tell the data subjects"] {
        assert!(running.contains(line), "lacks {line}\n{running}");
    }
    assert!(!running.contains("CANCELLED") && running.contains("TRIGGER:PT9H\r\n"));
    let over = file(vec![high_risk(), done("gdpr/individuals", "2026-11-24T18:00:00Z")]);
    assert!(!over.contains("VALARM"), "what is over rings");
    assert!(file(vec![high_risk(), done("gdpr/individuals", "2026-11-24T18:00:00Z")]).contains("STATUS:CANCELLED\r\n"));
    assert_eq!(file(vec![]).matches("VEVENT").count(), 0);
}

#[test]
fn five_hundred_and_one_people_are_not_five_hundred_and_one_californians() {
    let (book, regimes) = (book(), ["us-ca".to_owned(), "gdpr".to_owned()]);
    let people = Some(TierCounts { confirmed: 501, likely: 0, possible: 0 });
    let under = BTreeMap::from([("us-ca".to_owned(), TierCounts { confirmed: 3, likely: 0, possible: 0 })]);
    let notes = |people_under: &BTreeMap<String, TierCounts>| {
        let all = survey(&Survey { book: &book, regimes: &regimes, decisions: &[], now: at(NOW), zone: &TimeZone::UTC, people, people_under });
        all.duties.into_iter().find(|view| view.duty.id == "us-ca/attorney-general").expect("kept").notes.join(" ")
    };
    assert!(notes(&BTreeMap::new()).contains("the case shows 501 confirmed"));
    assert!(notes(&under).contains("of the people under this law the case shows 3 confirmed"), "{}", notes(&under));
}
