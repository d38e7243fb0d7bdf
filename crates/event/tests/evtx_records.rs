//! Windows event logs, written by the test: what is read, what is carved, what is refused.

mod common;

use std::fmt::Write;
use std::ops::ControlFlow;

use common::evtx::{Chunk, Node, TIME, Value, data, element, event, file, seal, strings, text, time, u16_value, values};
use strandline_event::evtx::{ChunkReader, Chunks, Damage, Visit, find_record, read_records};
use strandline_model::evidence::{ArtefactId, EventRef};
use strandline_model::record::{FieldList, FieldValue, LogRecord};

#[derive(Default)]
struct Shown {
    text: String,
    records: usize,
    fields: usize,
    bytes: usize,
}

impl Visit for Shown {
    fn record(&mut self, record: &dyn LogRecord) -> ControlFlow<()> {
        self.records += 1;
        let place = record.place();
        let (channel, provider, host) = (record.channel().unwrap_or("?"), record.provider().unwrap_or("?"), record.host().unwrap_or("?"));
        let id = record.event_id().map_or("?".to_owned(), |id| id.to_string());
        let _ = write!(self.text, "{} {channel}/{provider}/{id}@{host}", record.record_id().unwrap_or(0));
        let mut fields = FieldList::new();
        record.fields(&mut fields);
        self.fields += fields.len();
        assert!(place.length >= 28);
        const HEAD: [&str; 6] = ["Provider_Name", "EventID", "TimeCreated_SystemTime", "EventRecordID", "Channel", "Computer"];
        for (name, value) in fields.iter().filter(|(name, _)| !HEAD.contains(&name.as_ref())) {
            let shown = match value {
                FieldValue::Null => "null".to_owned(),
                FieldValue::Text(text) => text.to_string(),
                FieldValue::Whole(value) => format!("#{value}"),
                other => format!("{other:?}"),
            };
            self.bytes += shown.len();
            let _ = write!(self.text, " {name}={shown}");
        }
        for (word, is_so) in [(" carved", record.is_carved()), (" partial", record.is_partial())] {
            self.text.push_str(if is_so { word } else { "" });
        }
        self.text.push('\n');
        ControlFlow::Continue(())
    }

    fn damage(&mut self, damage: Damage) {
        let _ = writeln!(self.text, "! {}{}", if damage.is_loss { "lost: " } else { "" }, damage.reason);
    }
}

fn read(log: &[u8]) -> Shown {
    let mut shown = Shown::default();
    read_records(&mut &log[..], &ArtefactId("00".into()), &mut shown).expect("memory does not fail");
    shown
}

/// Reads a log; `expected` is one line a record or damage, blanks around lines aside.
#[track_caller]
fn check(log: &[u8], expected: &str) {
    let expected: String = expected.lines().map(str::trim).filter(|line| !line.is_empty()).map(|line| format!("{line}\n")).collect();
    assert_eq!(read(log).text, expected);
}

fn simple() -> Node {
    event(vec![element("EventData", vec![data("User", 6)])])
}

/// A chunk with records of these ids.
fn chunk(ids: std::ops::RangeInclusive<u64>) -> Chunk {
    let mut chunk = Chunk::new();
    for id in ids {
        chunk.record(id, 7, &simple(), &values("P", 1, id, "C", vec![text("amy")]));
    }
    chunk
}

#[test]
fn fields_carry_the_names_that_rules_use() {
    let event_data = event(vec![element(
        "EventData",
        vec![
            data("Threat Name", 6),
            data("Empty", 7),
            element("Data", vec![Node::Slot(8)]),
            Node::Element("Data", vec![("Name", Node::Text("None".into()))], vec![]),
        ],
    )]);
    let user_data = event(vec![element(
        "UserData",
        vec![Node::Element(
            "EventXML",
            vec![("xmlns", Node::Text("x".into()))],
            vec![
                element("User", vec![Node::Slot(6)]),
                Node::Element("Link", vec![("href", Node::Slot(7))], vec![]),
                Node::Element("Data", vec![("Name", Node::Text("A b".into()))], vec![Node::Slot(6)]),
            ],
        )],
    )]);
    let mixed = event(vec![element(
        "EventData",
        vec![Node::Element("Data", vec![("Name", Node::Slot(6))], vec![Node::Text("a".into()), Node::Slot(7), Node::Text("c".into())])],
    )]);
    let rendered = event(vec![element("RenderingInfo", vec![element("Level", vec![Node::Text("Error".into())])])]);
    let mut chunk = Chunk::new();
    chunk
        .record(1, 1, &event_data, &values("P", 1, 1, "C", vec![text("worm"), text(""), strings(&["one", "two"])]))
        .record(2, 2, &user_data, &values("P", 2, 2, "C", vec![text("amy"), Value(0, vec![])]))
        .record(3, 3, &mixed, &values("P", 3, 3, "C", vec![text("Dyn amic"), u16_value(5)]))
        .record(4, 4, &rendered, &values("P", 4, 4, "C", vec![]))
        .record(5, 1, &event_data, &values("P", 5, 5, "Other", vec![Value(0, vec![]), Value(8, vec![1, 0, 0, 0]), strings(&[])]));
    check(
        &file(&[chunk.finish()]),
        "1 C/P/1@pc1.example.org ThreatName=worm Empty= Data=one Data=two None=null
         2 C/P/2@pc1.example.org User=amy Ab=amy
         3 C/P/3@pc1.example.org Dyn amic=a5c
         4 C/P/4@pc1.example.org RenderingInfo.Level=Error
         5 Other/P/5@pc1.example.org ThreatName=null Empty=#1 None=null",
    );
}

#[test]
fn an_event_id_written_as_text_is_one() {
    let mut chunk = Chunk::new();
    let mut with_text = values("P", 0, 1, "C", vec![text("amy")]);
    with_text[1] = text("4624");
    chunk.record(1, 7, &simple(), &with_text);
    check(&file(&[chunk.finish()]), "1 C/P/4624@pc1.example.org User=amy");
}

#[test]
fn a_fragment_in_a_slot_is_read_with_its_own_definition() {
    let mut chunk = Chunk::new();
    let outer = event(vec![Node::Slot(6)]);
    let inner = element("EventData", vec![data("User", 0)]);
    // The fragment's place is known once everything before it is: it is the last value.
    let probe = { Chunk::new().instance(0, 1, &outer, &values("P", 1, 1, "C", vec![Value(0x21, vec![])])).len() - 1 };
    let at = chunk.content_at() + probe;
    let mut first = Chunk::new();
    let content_at = first.content_at();
    let _ = first.instance(content_at, 1, &outer, &[]);
    let fragment = first.instance(at, 2, &inner, &[text("amy")]);
    chunk.record(1, 1, &outer, &values("P", 1, 1, "C", vec![Value(0x21, fragment)]));
    check(&file(&[chunk.finish()]), "1 C/P/1@pc1.example.org User=amy");
}

#[test]
fn records_go_on_where_the_header_was_not_brought_up_to_date() {
    let mut bytes = chunk(1..=3).finish();
    let stale = 512_u32 + 8;
    bytes[48..52].copy_from_slice(&stale.to_le_bytes());
    check(
        &file(&[bytes]),
        "! a chunk whose checksum does not fit: it was changed, or not closed; it was read all the same
         1 C/P/1@pc1.example.org User=amy
         2 C/P/1@pc1.example.org User=amy
         3 C/P/1@pc1.example.org User=amy",
    );
}

#[test]
fn what_is_left_in_the_slack_is_carved() {
    let whole = chunk(1..=3);
    let older = chunk(8..=9);
    // The definition of the older records stood in the first of them, and lies elsewhere now; its id finds the same one.
    let second = older.bytes.windows(4).rposition(|w| w == b"**\0\0").expect("two records");
    let log = file(&[whole.finish_with(&[&[0; 64], &older.bytes[second..]].concat())]);
    check(
        &log,
        "1 C/P/1@pc1.example.org User=amy
         2 C/P/1@pc1.example.org User=amy
         3 C/P/1@pc1.example.org User=amy
         9 C/P/1@pc1.example.org User=amy carved",
    );
}

#[test]
fn a_record_whose_definition_is_missing_keeps_its_values() {
    let mut chunk = chunk(1..=1);
    let mut content = chunk.instance(chunk.content_at(), 7, &simple(), &values("P", 1, 2, "C", vec![text("amy")]));
    content[10..14].copy_from_slice(&60_000_u32.to_le_bytes());
    content[6..10].copy_from_slice(&99_u32.to_le_bytes());
    chunk.raw_record(2, TIME, &content);
    let shown = read(&file(&[chunk.finish()])).text;
    assert!(shown.contains("! records without the definition of their fields"), "{shown}");
    assert!(shown.contains("2 ?/?/?@? Data=P Data=#1"), "{shown}");
    assert!(shown.contains("Data=amy partial"), "{shown}");
}

#[test]
fn a_record_hidden_in_another_one_is_found() {
    let plain = chunk(1..=3);
    let mut bytes = plain.finish();
    let starts: Vec<usize> = (0..plain.bytes.len() - 4).filter(|at| bytes[*at..].starts_with(b"**\0\0")).collect();
    // The first record is made as long as the first two. The second is left as it was, but for its last four bytes.
    let size = ((starts[2] - starts[0]) as u32).to_le_bytes();
    bytes[starts[0] + 4..starts[0] + 8].copy_from_slice(&size);
    bytes[starts[2] - 4..starts[2]].copy_from_slice(&size);
    seal(&mut bytes, plain.bytes.len());
    check(
        &file(&[bytes]),
        "1 C/P/1@pc1.example.org User=amy
         ! a record hides inside another one
         2 C/P/1@pc1.example.org User=amy carved
         3 C/P/1@pc1.example.org User=amy",
    );
}

#[test]
fn damage_within_a_chunk_costs_what_it_hits() {
    let whole = chunk(1..=5);
    let mut bytes = whole.finish();
    let starts: Vec<usize> = (0..whole.bytes.len() - 4).filter(|at| bytes[*at..].starts_with(b"**\0\0")).collect();
    bytes[starts[2]..starts[2] + 16].fill(0xee);
    check(
        &file(&[bytes]),
        "! a chunk whose checksum does not fit: it was changed, or not closed; it was read all the same
         1 C/P/1@pc1.example.org User=amy
         2 C/P/1@pc1.example.org User=amy
         ! lost: bytes among the records that are no record
         4 C/P/1@pc1.example.org User=amy
         5 C/P/1@pc1.example.org User=amy",
    );
}

#[test]
fn chunks_are_found_wherever_they_are() {
    let (a, b) = (chunk(1..=1).finish(), chunk(2..=2).finish());
    let lines = "1 C/P/1@pc1.example.org User=amy\n2 C/P/1@pc1.example.org User=amy";
    let log = file(&[a.clone(), b.clone()]);
    check(&log, lines);
    check(&file(&[a.clone(), vec![0; 3 * 65536], b.clone()]), lines);
    // Without a header; with bytes in between.
    check(&log[4096..], lines);
    check(&[&log[..4096], &[9; 100], &log[4096..]].concat(), &format!("! lost: the log does not begin with a header and a chunk\n{lines}"));
    check(
        &[&log[..4096 + 65536], &[9; 100], &log[4096 + 65536..]].concat(),
        "1 C/P/1@pc1.example.org User=amy\n! lost: bytes where a chunk should be\n2 C/P/1@pc1.example.org User=amy",
    );
    // A thousand bytes of the first chunk are missing.
    check(
        &[&log[..60_000], &log[61_000..]].concat(),
        "! lost: truncated: a chunk that is not whole
         1 C/P/1@pc1.example.org User=amy
         2 C/P/1@pc1.example.org User=amy",
    );
}

#[test]
fn a_log_cut_at_any_byte_of_its_headers_is_read_as_far_as_it_goes() {
    let log = file(&[chunk(1..=2).finish()]);
    // Beyond its first 128 bytes a file's header is empty.
    for cut in (0..132).chain((132..4090).step_by(131)).chain(4090..4096 + 520).chain((4096 + 520..log.len()).step_by(1999)) {
        read(&log[..cut]);
        let behind = read(&log[cut..]);
        assert!(cut > 4096 || behind.records == 2, "cut at {cut}");
    }
}

#[test]
fn zeros_and_nothing_are_empty_logs() {
    check(&[], "");
    check(&vec![0; 1 << 20], "");
    check(&file(&[]), "");
}

#[test]
fn one_chunk_repeated_is_read_each_time() {
    let one = chunk(1..=2).finish();
    assert_eq!(read(&file(&vec![one; 50])).records, 100);
}

#[test]
fn a_definition_that_holds_itself_is_refused() {
    let mut chunk = Chunk::new();
    let at = chunk.content_at() as u32 + 14;
    let mut cycle = vec![0x0c, 1];
    cycle.extend(7_u32.to_le_bytes());
    cycle.extend(at.to_le_bytes());
    cycle.extend([0; 4]);
    chunk.record(1, 7, &event(vec![Node::Raw(cycle)]), &values("P", 1, 1, "C", vec![]));
    let shown = read(&file(&[chunk.finish()])).text;
    assert!(shown.contains("! records without the definition of their fields"), "{shown}");
    assert!(shown.contains("partial"), "{shown}");
}

/// A record may point to a large text again and again, nest fragments, repeat instances: it gets a few times its size.
#[test]
fn a_small_record_cannot_grow_without_bound() {
    let many = event(vec![element("EventData", (0..2000).map(|_| element("Data", vec![Node::Slot(6)])).collect())]);
    let mut chunk = Chunk::new();
    for id in 1..=8 {
        chunk.record(id, 7, &many, &values("P", 1, id, "C", vec![text(&"x".repeat(1500))]));
    }
    let shown = read(&file(&[chunk.finish()]));
    assert_eq!(shown.records, 8);
    assert!(shown.text.contains("partial"));
    assert!(shown.bytes < 8 * 300_000, "{}", shown.bytes);
    // Elements opened and never closed.
    let mut deep = Chunk::new();
    let open = [[0x01, 0xff, 0xff, 0, 0, 0, 0].to_vec(), 600_u32.to_le_bytes().to_vec(), vec![0x02]].concat();
    deep.record(1, 7, &event(vec![Node::Raw(open.repeat(4000))]), &values("P", 1, 1, "C", vec![]));
    read(&file(&[deep.finish()]));
    // A number of values that memory has no room for.
    let mut counted = Chunk::new();
    let mut content = counted.instance(counted.content_at(), 7, &simple(), &values("P", 1, 1, "C", vec![]));
    let count = content.len() - 1 - values("P", 1, 1, "C", vec![]).iter().map(|v| v.1.len() + 4).sum::<usize>() - 4;
    content[count..count + 4].copy_from_slice(&u32::MAX.to_le_bytes());
    counted.raw_record(1, TIME, &content);
    check(&file(&[counted.finish()]), "! lost: a record whose values are cut off");
}

#[test]
fn chunks_read_on_several_threads_read_the_same() {
    let log = file(&(0..8).map(|n| chunk(n * 3 + 1..=n * 3 + 3).finish()).collect::<Vec<_>>());
    let mut input = &log[..];
    let mut chunks = Chunks::new(&mut input);
    let mut owned = Vec::new();
    while let Some(chunk) = chunks.next().expect("memory does not fail") {
        owned.push((chunk.offset, chunk.bytes.to_vec()));
    }
    let read_one = |(offset, bytes): &(u64, Vec<u8>)| {
        let mut shown = Shown::default();
        let _ = ChunkReader::new(&ArtefactId("00".into())).read(bytes, *offset, &mut shown);
        shown.text
    };
    let text: String = std::thread::scope(|scope| {
        let threads: Vec<_> = owned.iter().map(|chunk| scope.spawn(move || read_one(chunk))).collect();
        threads.into_iter().map(|thread| thread.join().expect("no thread panics")).collect()
    });
    assert_eq!(text, read(&log).text);
}

#[test]
fn a_record_is_found_again_by_its_place() {
    let log = file(&[chunk(1..=3).finish(), chunk(4..=6).finish()]);
    let mut places = Vec::new();
    struct Places<'p>(&'p mut Vec<(EventRef, Option<u64>)>);
    impl Visit for Places<'_> {
        fn record(&mut self, record: &dyn LogRecord) -> ControlFlow<()> {
            self.0.push((record.place(), record.record_id()));
            ControlFlow::Continue(())
        }
        fn damage(&mut self, _: Damage) {}
    }
    read_records(&mut &log[..], &ArtefactId("00".into()), &mut Places(&mut places)).expect("memory does not fail");
    assert_eq!(places.len(), 6);
    for (place, id) in &places {
        let mut found = None;
        assert!(find_record(&mut &log[..], place, &mut |record| found = record.record_id()).expect("memory does not fail"));
        assert_eq!(found, *id);
    }
    let nowhere = EventRef { offset: 9, ..places[0].0.clone() };
    assert!(!find_record(&mut &log[..], &nowhere, &mut |_| {}).expect("memory does not fail"));
}

#[test]
fn times_come_from_the_event_and_else_from_the_record() {
    let mut chunk = Chunk::new();
    let mut forwarded = values("P", 1, 1, "C", vec![text("amy")]);
    forwarded[2] = time(TIME - 864_000_000_000);
    chunk.record(1, 7, &simple(), &forwarded);
    struct Times(Vec<String>);
    impl Visit for Times {
        fn record(&mut self, record: &dyn LogRecord) -> ControlFlow<()> {
            self.0.push(record.time().map(|t| t.to_string()).unwrap_or_default());
            ControlFlow::Continue(())
        }
        fn damage(&mut self, _: Damage) {}
    }
    let mut times = Times(Vec::new());
    read_records(&mut &file(&[chunk.finish()])[..], &ArtefactId("00".into()), &mut times).expect("memory does not fail");
    assert_eq!(times.0, ["2026-11-22T20:42:57.000Z"]);
}

#[test]
fn a_long_name_cannot_be_asked_for_again_and_again() {
    // One name of 500 characters, and thousands of attributes that point to it.
    let long = "n".repeat(500);
    let first = Node::Element("Data", vec![(Box::leak(long.into_boxed_str()), Node::Slot(6))], vec![]);
    let mut probe = Chunk::new();
    let _ = probe.instance(536, 7, &event(vec![element("EventData", vec![first.clone()])]), &[]);
    let at = probe.name_offset(&"n".repeat(500)).expect("the name was written");
    let again = [&[0x41, 0xff, 0xff, 0, 0, 0, 0][..], &probe.name_offset("Data").expect("written").to_le_bytes(), &[0; 4]].concat();
    let attribute = [&[0x06][..], &at.to_le_bytes(), &[0x0e, 6, 0, 1]].concat();
    let raw = Node::Raw([again, attribute.repeat(5000), vec![0x03]].concat());
    let mut chunk = Chunk::new();
    chunk.record(1, 7, &event(vec![element("EventData", vec![first, raw])]), &values("P", 1, 1, "C", vec![text("x")]));
    let shown = read(&file(&[chunk.finish()])).text;
    assert!(shown.contains("! records without the definition of their fields"), "{}", shown.len());
}
