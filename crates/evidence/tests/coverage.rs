//! Coverage on made-up traffic: what is lost must be found, what is only quiet must not.

#![allow(clippy::unwrap_used, reason = "a test may stop at once")]

mod folder;

use std::f64::consts::TAU;
use std::io::BufRead;

use folder::estate;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use strandline_evidence::TRUNCATED;
use strandline_evidence::coverage::CoverageBuilder;
use strandline_model::event::{Activity, Class, Event, EventBatchBuilder};
use strandline_model::evidence::{ArtefactId, Coverage, EventRef, GapKind, Warning};
use strandline_model::time::{Instant, Interval};

const SECOND: f64 = 1e6;
const DAY: f64 = 86_400.0;
/// A Monday, midnight UTC.
const MONDAY: f64 = 1_767_571_200.0;

fn artefact(source: &str) -> ArtefactId {
    ArtefactId(format!("{source:0>16}"))
}

fn instant(seconds: f64) -> Instant {
    Instant((seconds * SECOND) as i64)
}

fn event<'a>(source: &'a str, seconds: f64, number: usize) -> Event<'a> {
    let place = EventRef { artefact: artefact(source), offset: number as u64 * 100, length: 99 };
    let mut event = Event::new(instant(seconds), Class::Http, Activity::Request, place);
    event.source = source.into();
    event.system = "s".into();
    event
}

/// Coverage of events per source; `shape` may add to each.
fn cover(sources: &[(&str, Vec<f64>)], window: Option<Interval>, shape: &dyn Fn(&mut Event<'_>, usize)) -> Coverage {
    let listed: Vec<(&str, &str, &str)> = sources.iter().map(|(id, _)| (*id, *id, "nginx")).collect();
    let estate = estate(&listed);
    let mut builder = CoverageBuilder::new(&estate, window);
    for (source, times) in sources {
        let mut batch = EventBatchBuilder::new();
        for (number, time) in times.iter().enumerate() {
            let mut event = event(source, *time, number);
            shape(&mut event, number);
            batch.push(&event);
            if batch.is_full() {
                builder.observe(&batch.finish().unwrap());
            }
        }
        builder.observe(&batch.finish().unwrap());
    }
    builder.finish()
}

/// A Poisson process of `rate(t)` events a second, at most `peak`.
fn traffic(seed: u64, from: f64, to: f64, peak: f64, rate: impl Fn(f64) -> f64) -> Vec<f64> {
    let mut random = StdRng::seed_from_u64(seed);
    let (mut times, mut at) = (Vec::new(), from);
    loop {
        at -= (1.0 - random.random::<f64>()).ln() / peak;
        if at >= to {
            return times;
        }
        if random.random::<f64>() * peak < rate(at) {
            times.push(at);
        }
    }
}

fn without(times: &[f64], from: f64, to: f64) -> Vec<f64> {
    times.iter().copied().filter(|t| !(from..to).contains(t)).collect()
}

/// Busy by day, a trickle by night, nearly nothing on Saturday and Sunday.
fn rhythm(t: f64) -> f64 {
    let (day, hour) = (((t - MONDAY) / DAY).floor() as i64 % 7, (t - MONDAY) % DAY / 3600.0);
    if day < 5 { 0.02 + 0.5 * ((hour / 24.0 * TAU - TAU / 4.0).sin()).max(0.0) } else { 0.004 }
}

/// An office: nothing at all outside of hours.
fn office(t: f64) -> f64 {
    let (day, hour) = (((t - MONDAY) / DAY).floor() as i64 % 7, (t - MONDAY) % DAY / 3600.0);
    if day < 5 && (9.0..18.0).contains(&hour) { 0.2 } else { 0.0 }
}

fn check(coverage: &Coverage, expected: &[(GapKind, f64, f64)]) {
    let found: Vec<(GapKind, f64, f64)> =
        coverage.gaps.iter().map(|g| (g.kind, (g.interval.from.seconds() - MONDAY).round(), (g.interval.to.seconds() - MONDAY).round())).collect();
    let fits = found.len() == expected.len() && found.iter().zip(expected).all(|(f, e)| f.0 == e.0 && (f.1 - e.1).abs() <= 30.0 && (f.2 - e.2).abs() <= 30.0);
    assert!(fits, "expected {expected:?}, found {:#?}", coverage.gaps);
}

#[test]
fn no_false_gap_in_fifty_departments() {
    for seed in 0..50 {
        let weeks = traffic(seed, MONDAY, MONDAY + 8.0 * DAY, 0.52, rhythm);
        check(&cover(&[("web", weeks)], None, &|_, _| {}), &[]);
        let minutes = traffic(seed, MONDAY + 40_000.0, MONDAY + 40_300.0, 8.0, |_| 8.0);
        let calm = traffic(seed + 1000, MONDAY + 40_000.0, MONDAY + 40_300.0, 0.7, |_| 0.7);
        check(&cover(&[("web", minutes), ("app", calm)], None, &|_, _| {}), &[]);
    }
}

#[test]
fn forty_lost_seconds_of_a_short_recording_are_found() {
    for seed in 0..20 {
        let from = MONDAY + 40_000.0;
        let web = traffic(seed, from, from + 300.0, 8.0, |_| 8.0);
        let app = traffic(seed + 99, from, from + 300.0, 8.0, |_| 8.0);
        let coverage = cover(&[("web", without(&web, from + 130.0, from + 170.0)), ("app", app)], None, &|_, _| {});
        check(&coverage, &[(GapKind::Silence, 40_130.0, 40_170.0)]);
        assert!(coverage.gaps[0].reason.contains("meanwhile app has "), "{}", coverage.gaps[0].reason);
    }
}

#[test]
fn lost_ends_of_a_short_recording_are_found() {
    let from = MONDAY + 40_000.0;
    let web = traffic(1, from, from + 300.0, 8.0, |_| 8.0);
    let app = traffic(2, from, from + 300.0, 8.0, |_| 8.0);
    let coverage = cover(&[("web", without(&web, from + 260.0, from + 400.0)), ("app", without(&app, from, from + 40.0))], None, &|_, _| {});
    check(&coverage, &[(GapKind::LateStart, 40_000.0, 40_040.0), (GapKind::EarlyEnd, 40_260.0, 40_300.0)]);
    let window = Interval { from: instant(from - 100.0), to: instant(from + 300.0) };
    check(&cover(&[("web", web)], Some(window), &|_, _| {}), &[(GapKind::LateStart, 39_900.0, 40_000.0)]);
}

#[test]
fn a_quiet_night_is_no_gap_and_a_lost_morning_is() {
    let weeks = traffic(3, MONDAY, MONDAY + 15.0 * DAY, 0.2, office);
    check(&cover(&[("web", weeks.clone())], None, &|_, _| {}), &[]);
    let (from, to) = (8.0 * DAY + 10.0 * 3600.0, 8.0 * DAY + 11.0 * 3600.0);
    check(&cover(&[("web", without(&weeks, MONDAY + from, MONDAY + to))], None, &|_, _| {}), &[(GapKind::Silence, from, to)]);
    let two_days = without(&weeks, MONDAY + 2.0 * DAY, f64::MAX);
    check(&cover(&[("web", two_days)], None, &|_, _| {}), &[]);
}

/// The gaps of a source with two servers, of which the second lost `lost` (days); each writes a log of its own, or both into one.
fn of_two_servers(paths: [&str; 2], named: bool, lost: (f64, f64)) -> Vec<(GapKind, String)> {
    let estate = estate(&[("web", "**", "nginx")]);
    let mut builder = CoverageBuilder::new(&estate, None);
    for (number, (server, path)) in ["web1", "web2"].into_iter().zip(paths).enumerate() {
        let times = traffic(number as u64, MONDAY, MONDAY + 14.0 * DAY, 0.05, |_| 0.02);
        let times = if server == "web2" { without(&times, MONDAY + lost.0 * DAY, MONDAY + lost.1 * DAY) } else { times };
        builder.lies_at(&artefact(path), path);
        let mut batch = EventBatchBuilder::new();
        for (number, time) in times.iter().enumerate() {
            let mut event = event("web", *time, number);
            event.place.artefact = artefact(path);
            event.host = named.then(|| server.into());
            batch.push(&event);
        }
        builder.observe(&batch.finish().unwrap());
    }
    builder.finish().gaps.into_iter().map(|gap| (gap.kind, gap.reason)).collect()
}

#[test]
fn a_day_of_one_of_two_servers_is_a_gap_of_their_source() {
    let check = |paths: [&str; 2], named: bool, lost: (f64, f64), kind: GapKind, words: &str| {
        let gaps = of_two_servers(paths, named, lost);
        assert!(gaps.len() == 1 && gaps[0].0 == kind && gaps[0].1.starts_with(words), "{words}: {gaps:?}");
    };
    let folders = ["web1/access.log", "web2/access.log.1"];
    check(folders, false, (7.0, 8.0), GapKind::Silence, "web2/access.log is silent");
    check(folders, false, (13.0, 14.0), GapKind::EarlyEnd, "web2/access.log ends");
    check(["access-web1.log", "access-web2.log"], false, (0.0, 1.0), GapKind::LateStart, "access-web2.log starts");
    // Both write into one log, which names them.
    check(["syslog", "syslog"], true, (7.0, 8.0), GapKind::Silence, "web2 in syslog is silent");
    // A log of another kind may begin and end when it likes; nothing is lost where nothing is.
    assert_eq!(of_two_servers(["access.log", "other.log"], false, (13.0, 14.0)), []);
    assert_eq!(of_two_servers(folders, false, (20.0, 21.0)), []);
}

#[test]
fn batches_every_ten_minutes_are_no_gaps() {
    let times: Vec<f64> = (0..200).flat_map(|run| (0..300).map(move |i| MONDAY + f64::from(run) * 600.0 + f64::from(i) * 0.02)).collect();
    check(&cover(&[("batch", times)], None, &|_, _| {}), &[]);
}

#[test]
fn artefacts_in_any_order_give_the_same_coverage() {
    let from = MONDAY + 40_000.0;
    let times = without(&traffic(5, from, from + 3000.0, 8.0, |_| 8.0), from + 1000.0, from + 1100.0);
    let mut turned = times.clone();
    turned.rotate_left(times.len() / 2);
    let shape = |event: &mut Event<'_>, _: usize| event.place.offset = event.time.0 as u64;
    let (a, b) = (cover(&[("web", times)], None, &shape), cover(&[("web", turned)], None, &shape));
    assert_eq!(a, b);
    check(&a, &[(GapKind::Silence, 41_000.0, 41_100.0)]);
}

#[test]
fn numbers_that_skip_within_a_session_are_a_gap() {
    let times: Vec<f64> = (0..100).map(|i| MONDAY + f64::from(i)).collect();
    let session = |event: &mut Event<'_>, number: usize, skip: i64| {
        event.class = Class::Datastore;
        event.session = Some(format!("{:x}.{:x}", MONDAY as i64, 7).into());
        event.sequence = Some(number as i64 + 1 + if number >= 50 { skip } else { 0 });
    };
    check(&cover(&[("db", times.clone())], None, &|e, n| session(e, n, 0)), &[]);
    let coverage = cover(&[("db", times.clone())], None, &|e, n| session(e, n, 3));
    check(&coverage, &[(GapKind::Sequence, 49.0, 50.0)]);
    assert_eq!(coverage.gaps[0].missing, Some(3));
    // A pool's session, open before the log begins.
    let early = cover(&[("db", times)], None, &|e, n| {
        session(e, n, 0);
        e.session = Some(format!("{:x}.7", MONDAY as i64 - 500).into());
        e.sequence = Some(n as i64 + 41);
    });
    check(&early, &[(GapKind::LateStart, -500.0, 0.0)]);
    assert_eq!(early.gaps[0].missing, Some(40));
}

#[test]
fn sessions_taken_out_whole_are_no_gap() {
    let times: Vec<f64> = (0..300).map(|i| MONDAY + f64::from(i)).collect();
    let coverage = cover(&[("db", times)], None, &|event, number| {
        event.class = Class::Datastore;
        // Ten records a session; every third session is not in the log.
        event.session = Some(format!("{:x}.{:x}", MONDAY as i64 + number as i64 / 10 * 10, number / 10 * 3).into());
        event.sequence = Some(number as i64 % 10 + 1);
    });
    check(&coverage, &[]);
}

#[test]
fn refused_cut_and_absent_evidence_is_a_gap() {
    let estate = estate(&[("web", "a", "nginx"), ("never", "b", "nginx")]);
    let mut builder = CoverageBuilder::new(&estate, None);
    let mut batch = EventBatchBuilder::new();
    for number in (0..100).filter(|n| !(40..45).contains(n)) {
        batch.push(&event("web", MONDAY + number as f64, number));
    }
    let warning = |line: u64, reason: &str| Warning { artefact: artefact("web"), path: "a".into(), line, offset: line * 100, reason: reason.into() };
    builder.refused("web", &(40..45).map(|line| warning(line, "no format fits")).collect::<Vec<_>>());
    builder.refused("web", &[warning(100, &format!("{TRUNCATED}cut"))]);
    builder.observe(&batch.finish().unwrap());
    let coverage = builder.finish();
    check(&coverage, &[(GapKind::Absent, 0.0, 99.0), (GapKind::Refused, 39.0, 45.0), (GapKind::Truncated, 99.0, 99.0)]);
    assert_eq!(coverage.gaps[1].missing, Some(5));
}

#[test]
fn a_refused_record_may_lie_as_far_back_as_others_of_its_log_do() {
    let estate = estate(&[("web", "a", "nginx")]);
    let mut builder = CoverageBuilder::new(&estate, None);
    let mut batch = EventBatchBuilder::new();
    // Every second record was written 300 seconds after its own time.
    for number in (0..1000).filter(|n| *n != 500) {
        let late = if number % 2 == 0 { 300.0 } else { 0.0 };
        batch.push(&event("web", MONDAY + number as f64 - late, number));
    }
    builder.refused("web", &[Warning { artefact: artefact("web"), path: "a".into(), line: 501, offset: 50_000, reason: "no format fits".into() }]);
    builder.observe(&batch.finish().unwrap());
    check(&builder.finish(), &[(GapKind::Refused, -101.0, 1101.0)]);
}

/// Two sources of the same requests: the web server stamps the end, the application somewhere before it.
fn requests(shift: f64, whole_seconds: bool, duration_known: bool) -> Coverage {
    let mut random = StdRng::seed_from_u64(4);
    let starts = traffic(6, MONDAY + 40_000.0, MONDAY + 40_300.0, 2.0, |_| 2.0);
    let lives: Vec<(f64, f64)> = starts.iter().map(|start| (start + random.random::<f64>() * 0.3, start + 0.3 + random.random::<f64>())).collect();
    let web: Vec<f64> = lives.iter().map(|life| if whole_seconds { (life.1 + shift).floor() } else { life.1 + shift }).collect();
    let app: Vec<f64> = lives.iter().map(|life| life.0).collect();
    let coverage = cover(&[("app", app), ("web", web)], None, &|event, number| {
        event.request_id = Some(format!("request-{number}").into());
        if event.source == "web" {
            event.time_precision_micros = if whole_seconds { 1_000_000 } else { 1000 };
            event.duration_micros = duration_known.then_some(((lives[number].1 - starts[number]) * SECOND) as i64);
        } else {
            event.class = Class::Other;
        }
    });
    Coverage { gaps: vec![], ..coverage }
}

#[test]
fn clocks_that_disagree_are_found_and_slow_requests_are_not() {
    for (whole_seconds, duration_known) in [(false, true), (true, true), (true, false), (false, false)] {
        assert_eq!(requests(0.0, whole_seconds, duration_known).skews, []);
        for shift in [-90.0, 90.0, 3600.0] {
            let skews = requests(shift, whole_seconds, duration_known).skews;
            assert_eq!((skews.len(), skews[0].reference.as_str(), skews[0].source.as_str()), (1, "app", "web"));
            assert!((skews[0].skew_micros as f64 / SECOND - shift).abs() < 1.5 && skews[0].pairs > 300, "{skews:?}");
        }
    }
}

/// Times of one file of a recording, by the text around the stamp.
fn stamps(path: &std::path::Path, key: &str, read: impl Fn(&str) -> f64) -> Vec<f64> {
    let file = std::io::BufReader::new(std::fs::File::open(path).unwrap());
    file.lines().map(|line| line.unwrap()).filter_map(|line| line.split_once(key).map(|(_, rest)| read(rest))).collect()
}

#[test]
fn the_lost_seconds_of_a_real_recording_are_found() {
    let shared = std::env::var("STRANDLINE_SHARED").unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared").to_owned());
    let recordings = std::path::Path::new(&shared).join("recordings");
    if !recordings.is_dir() {
        println!("skipped: no recordings at hand");
        return;
    }
    let iso = |text: &str| {
        text.replace(' ', "T").get(..23).and_then(|t| format!("{t}Z").parse::<jiff::Timestamp>().ok()).map_or(0.0, |t| t.as_microsecond() as f64 / SECOND)
    };
    for (name, database, expected) in [("kms-pivot", "postgresql.csv", 0), ("quiet-hours", "postgresql.json", 2)] {
        let folder = recordings.join(name).join("evidence");
        let quoted = |rest: &str| rest.split('"').next().and_then(|t| t.parse().ok()).unwrap_or(0.0);
        let mut db =
            stamps(&folder.join("db").join(database), if name == "kms-pivot" { "2026-" } else { "\"timestamp\":\"2026-" }, |rest| iso(&format!("2026-{rest}")));
        db.retain(|t| *t > 0.0);
        let sources = [
            ("db", db),
            ("hrs-web", stamps(&folder.join("hrs/access.json"), "\"msec\":\"", quoted)),
            ("hrs-app", stamps(&folder.join("hrs/app.jsonl"), "\"ts\": \"", iso)),
            ("kms-app", stamps(&folder.join("kms/app.log"), "2026-", |rest| iso(&format!("2026-{rest}")))),
        ];
        let coverage = cover(&sources, None, &|_, _| {});
        println!("{name}: {:#?}", coverage.gaps.iter().map(|g| format!("{} {:?} {} {}", g.source, g.kind, g.interval, g.reason)).collect::<Vec<_>>());
        assert_eq!(coverage.gaps.len(), expected);
        assert!(coverage.gaps.iter().all(|gap| gap.source.starts_with("hrs") && gap.kind == GapKind::EarlyEnd));
    }
}

#[test]
fn stamps_beyond_any_calendar_overflow_nothing() {
    let times = vec![f64::MIN, -1e18, 0.0, MONDAY, MONDAY + 1.0, 1e18, f64::MAX];
    let everything = Some(Interval { from: Instant::MIN, to: Instant::MAX });
    let coverage = cover(&[("web", times.clone()), ("app", times)], everything, &|event, number| event.request_id = Some(format!("request-{number}").into()));
    assert_eq!(coverage.spans.len(), 2);
}

/// One record of a Windows channel.
fn windows(channel: &'static str, seconds: f64, record_id: i64) -> Event<'static> {
    let mut event = event("win", seconds, usize::try_from(record_id).unwrap());
    event.class = Class::Other;
    event.activity = Activity::Other;
    event.host = Some("pc1".into());
    event.channel = Some(channel.into());
    event.sequence = Some(record_id);
    event
}

/// Gaps of Windows records that do not follow from silence, as kind, seconds from and to, and how many are missing.
fn check_windows(events: &[Event<'_>], expected: &[(GapKind, f64, f64, Option<u64>)]) {
    let estate = estate(&[("win", "win", "evtx")]);
    let mut builder = CoverageBuilder::new(&estate, None);
    let mut batch = EventBatchBuilder::new();
    events.iter().for_each(|event| batch.push(event));
    builder.observe(&batch.finish().unwrap());
    let seconds = |at: Instant| (at.0 - instant(MONDAY).0) as f64 / SECOND;
    let found: Vec<_> = builder
        .finish()
        .gaps
        .iter()
        .filter(|gap| gap.kind != GapKind::Silence)
        .map(|gap| (gap.kind, seconds(gap.interval.from), seconds(gap.interval.to), gap.missing))
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn record_ids_of_each_channel_are_counted_by_themselves() {
    let events: Vec<Event<'_>> = (0..40)
        .filter(|n| !(10..13).contains(n))
        .flat_map(|n| [windows("Security", MONDAY + n as f64 * 10.0, 7000 + n), windows("System", MONDAY + n as f64 * 10.0 + 1.0, 12 + n)])
        .filter(|e| e.channel.as_deref() == Some("Security") || e.sequence != Some(30))
        .collect();
    check_windows(&events, &[(GapKind::Sequence, 90.0, 130.0, Some(3)), (GapKind::Sequence, 91.0, 131.0, Some(3)), (GapKind::Sequence, 171.0, 191.0, Some(1))]);
}

#[test]
fn a_log_that_was_cleared_stopped_or_told_to_record_less_has_a_gap() {
    let mut events: Vec<Event<'_>> = (0..10).map(|n| windows("Security", MONDAY + n as f64 * 100.0, 50 + n)).collect();
    let mut mark = |at: usize, class, activity, labels: &'static str| {
        events[at].class = class;
        events[at].activity = activity;
        events[at].object = Some(if activity == Activity::Define { "{0CCE9215}" } else { "Security" }.into());
        events[at].labels = Some(labels.into());
    };
    mark(2, Class::EventLog, Activity::Clear, "{}");
    mark(4, Class::EventLog, Activity::Stop, "{}");
    mark(6, Class::EventLog, Activity::Define, r#"{"records_less":"true"}"#);
    mark(8, Class::EventLog, Activity::Define, "{}");
    mark(9, Class::Lifecycle, Activity::ClockChange, r#"{"clock_from":"2026-01-05T00:15:00.0000000Z","clock_to":"2026-01-05T01:15:00.0000000Z"}"#);
    check_windows(
        &events,
        &[
            (GapKind::Truncated, 100.0, 200.0, None),
            (GapKind::Unlogged, 400.0, 500.0, None),
            (GapKind::Unlogged, 600.0, 800.0, None),
            (GapKind::ClockChange, 900.0, 4500.0, None),
        ],
    );
}

#[test]
fn small_corrections_of_a_clock_are_no_gap() {
    let mut events: Vec<Event<'_>> = (0..3).map(|n| windows("System", MONDAY + n as f64, n + 1)).collect();
    events[1].class = Class::Lifecycle;
    events[1].activity = Activity::ClockChange;
    events[1].labels = Some(r#"{"clock_from":"2026-01-05T00:00:01.5000000Z","clock_to":"2026-01-05T00:00:01.0000000Z"}"#.into());
    check_windows(&events, &[]);
}

#[test]
fn carved_records_do_not_stretch_what_a_log_covers() {
    let mut events: Vec<Event<'_>> = (0..3).map(|n| windows("System", MONDAY + n as f64, n + 100)).collect();
    let mut carved = windows("System", MONDAY - 30.0 * DAY, 4);
    carved.sequence = None;
    events.push(carved);
    check_windows(&events, &[]);
}

#[test]
fn a_note_on_a_chunk_is_no_refused_record() {
    let estate = estate(&[("win", "win", "evtx")]);
    let mut builder = CoverageBuilder::new(&estate, None);
    let warning = Warning { artefact: artefact("win"), path: "a.evtx".into(), line: 0, offset: 4096, reason: format!("{}a checksum", Warning::NOTED) };
    let mut batch = EventBatchBuilder::new();
    batch.push(&windows("System", MONDAY, 1));
    builder.observe(&batch.finish().unwrap());
    builder.refused("win", &[warning]);
    assert_eq!(builder.finish().gaps, []);
}
