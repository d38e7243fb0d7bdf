//! A register of two hundred odd rows, taken through the binary from the logs to the mail server: nobody is mailed wrongly, nobody is
//! dropped, and each letter that waits has a way out that works. And the same register in encodings that registers come in.

mod kinds;
#[path = "../servers/mod.rs"]
mod servers;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use kinds::{Fate, KINDS, Kind, Way};
use servers::{Taken, start_server, strandline, text};
use tempfile::TempDir;

/// Chooses which people are odd, and in which order the rows stand.
const SEED: u64 = 0x5eed_0f0d_d2c0_77e5;

/// Runs it; the exit code must be among `codes` and its words must hold `holds`. Returns standard output.
fn check(arguments: &[&str], codes: &[i32], holds: &str) -> String {
    let output = strandline(arguments);
    let (out, err) = (String::from_utf8_lossy(&output.stdout).into_owned(), String::from_utf8_lossy(&output.stderr).into_owned());
    assert!(output.status.code().is_some_and(|code| codes.contains(&code)), "{arguments:?}: {:?} {out}{err}", output.status.code());
    assert!(format!("{out}{err}").contains(holds), "{arguments:?} does not say {holds:?}: {out}{err}");
    out
}

/// One row of the register, by column.
type Row = BTreeMap<String, String>;

/// One odd person.
struct Person {
    key: String,
    kind: &'static Kind,
    fate: Fate,
    way: Option<&'static Way>,
    number: usize,
}

impl Person {
    fn fill(&self, template: &str) -> String {
        template.replace("{n}", &self.number.to_string())
    }

    /// What becomes of the letter once somebody has decided.
    fn end(&self) -> Fate {
        self.way.map_or(self.fate, |(_, end)| *end)
    }
}

/// A made-up department whose register is odd: its folder, and what is to become of whom.
struct Made {
    folder: TempDir,
    people: Vec<Person>,
}

impl Made {
    fn new() -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let into = folder.path().join("made");
        check(&["drill", "--only-make", "--people", "200", "--days", "3", "--into", text(&into)], &[0], "");
        let mut made = Self { folder, people: Vec::new() };
        made.describe(|estate| {
            let estate = estate.replace("regimes = [\"hk-pdpo\"]", "regimes = [\"hk-pdpo\", \"us-hipaa\"]").replace(
                "status = \"status\"\n",
                "status = \"status\"\nlaw = \"law\"\nemail_agreed = \"agreed\"\n\n[register.statuses]\nretired_on_pension = \"departed\"\n",
            );
            estate.replace("[sending]\n", "[sending]\nsecond_approver_from = 2\n")
        });
        made.spoil();
        made
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn describe(&self, change: impl FnOnce(String) -> String) {
        let path = self.at("made/estate.toml");
        let estate = fs::read_to_string(&path).expect("an estate");
        fs::write(&path, change(estate)).expect("an estate");
    }

    /// Makes rows odd, each kind in people whom the intruder reached, drawn by the seed.
    fn spoil(&mut self) {
        let register = self.at("made/register/crew.csv");
        let mut reader = csv::Reader::from_path(&register).expect("a register");
        let mut columns: Vec<String> = reader.headers().expect("column names").iter().map(str::to_owned).collect();
        columns.extend(["law".to_owned(), "agreed".to_owned()]);
        let read = reader.records().map(|row| columns.iter().cloned().zip(row.expect("a line").iter().map(str::to_owned)).collect());
        let mut rows: Vec<Row> = read.collect();
        shuffle(&mut rows, SEED);
        // Who was not reached comes last: a line that is gone tells nobody of them.
        let reached = reached(&self.at("made/truth/exposures.csv"));
        rows.sort_by_key(|row| !reached.contains(&row["emp_id"]));
        let mut odd = KINDS.iter().rev().flat_map(|kind| (0..kind.rows).map(move |place| (kind, place)));
        let mut lines = vec![line(&columns)];
        for (number, row) in rows.iter_mut().enumerate() {
            row.insert("law".to_owned(), "hk-pdpo".to_owned());
            row.insert("agreed".to_owned(), String::new());
            row.insert("status".to_owned(), "serving".to_owned());
            match odd.next() {
                Some((kind, place)) => lines.extend(self.make_odd(row, &columns, (kind, place), number)),
                None => lines.push(row_line(row, &columns)),
            }
        }
        assert_eq!((odd.next().map(|(_, place)| place), self.people.len()), (None, 200), "two hundred rows are odd");
        shuffle(&mut lines[1..], SEED ^ 1);
        fs::write(&register, lines.concat()).expect("a register");
    }

    /// The lines that one row of a kind comes to.
    fn make_odd(&mut self, row: &mut Row, columns: &[String], (kind, place): (&'static Kind, usize), number: usize) -> Vec<String> {
        let way = (!kind.ways.is_empty()).then(|| &kind.ways[place % kind.ways.len()]);
        let person = Person { key: row["emp_id"].clone(), kind, fate: kind.fate, way, number };
        let mut broken = "";
        for (column, values) in kind.cells {
            let value = values[place % values.len()];
            if *column == "line" {
                broken = value;
            } else {
                row.insert((*column).to_owned(), person.fill(value));
            }
        }
        self.people.push(person);
        let whole = row_line(row, columns);
        let with = |column: &str, value: &str| {
            row_line(&row.iter().map(|(c, v)| (c.clone(), if c == column { value.to_owned() } else { v.clone() })).collect(), columns)
        };
        match broken {
            "" => vec![whole],
            "gone" => vec![],
            "no key" => vec![with("emp_id", "")],
            "twice" => vec![whole, with("mail", "another@people.example")],
            "the same twice" => vec![whole.clone(), whole],
            "key in blanks" => vec![with("emp_id", &format!("  {} ", row["emp_id"]))],
            // A comma within a name that nobody quoted.
            "unquoted" => vec![with("name", "UNQUOTED").replacen("UNQUOTED", "CHAN, Siu Ming", 1)],
            other => panic!("a line cannot be {other}"),
        }
    }

    fn respond(&self, codes: &[i32], holds: &str) {
        let (estate, evidence, case) = (self.at("made/estate.toml"), self.at("made/evidence"), self.at("case"));
        check(&["respond", "--estate", text(&estate), "--evidence", text(&evidence), "--case", text(&case)], codes, holds);
    }

    fn index(&self) -> BTreeMap<String, BTreeMap<String, String>> {
        let mut reader = csv::Reader::from_path(self.at("case/export/letters.csv")).expect("an index");
        let lines: Vec<BTreeMap<String, String>> = reader.deserialize().collect::<Result<_, _>>().expect("lines");
        let number = lines.len();
        let by_key: BTreeMap<_, _> = lines.into_iter().map(|line| (line["data_subject"].clone(), line)).collect();
        assert_eq!(by_key.len(), number, "somebody has two letters");
        by_key
    }

    /// State, channel and reference of each person's letter.
    fn states(&self) -> BTreeMap<String, (String, Option<String>, Option<String>)> {
        let status = check(&["notify", text(&self.at("case")), "status", "--json"], &[0], "");
        let status: serde_json::Value = serde_json::from_str(&status).expect("JSON");
        let word = |value: &serde_json::Value| value.as_str().map(str::to_owned);
        let people = status["people"].as_array().expect("people").iter();
        people.map(|p| (word(&p["data_subject"]).expect("a key"), (word(&p["state"]).expect("a state"), word(&p["channel"]), word(&p["reference"])))).collect()
    }

    /// Records what people decide about each letter that waits: the same word on several at once.
    fn decide(&self) {
        let mut decided: BTreeMap<Vec<String>, Vec<&str>> = BTreeMap::new();
        for (person, (words, _)) in self.people.iter().filter_map(|person| Some((person, person.way?))) {
            decided.entry(words.iter().map(|word| person.fill(word)).collect()).or_default().push(&person.key);
        }
        for (words, keys) in &decided {
            let (verb, more) = words.split_first().expect("a way begins with its verb");
            let case = self.at("case");
            let mut command = vec!["notify", text(&case), verb];
            command.extend(keys);
            command.extend(["--why", "x", "--responder", "A. Chan"]);
            command.extend(more.iter().map(String::as_str));
            check(&command, &[0], "recorded by A. Chan");
        }
    }
}

/// People whom the intruder reached, as the drill knows.
fn reached(truth: &Path) -> BTreeSet<String> {
    csv::Reader::from_path(truth).expect("a truth").records().map(|line| line.expect("a line")[0].to_owned()).collect()
}

fn row_line(row: &Row, columns: &[String]) -> String {
    line(&columns.iter().map(|column| row.get(column).cloned().unwrap_or_default()).collect::<Vec<_>>())
}

fn line(cells: &[String]) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(cells).expect("memory takes it");
    String::from_utf8(writer.into_inner().expect("memory can be flushed")).expect("it was text")
}

/// The same order for the same seed (splitmix64).
fn shuffle<T>(items: &mut [T], mut seed: u64) {
    for place in (1..items.len()).rev() {
        seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (seed ^ (seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        items.swap(place, ((mixed ^ (mixed >> 31)) % (place as u64 + 1)) as usize);
    }
}

#[test]
fn of_two_hundred_odd_rows_nobody_is_mailed_wrongly_and_nobody_is_dropped() {
    let made = Made::new();
    made.respond(&[0], "");
    let case = made.at("case");
    let name = text(&case);
    everybody_has_one_letter_or_waits_for_a_stated_reason(&made);
    made.decide();
    check(&["notify", name, "lint"], &[0], "findings");
    greets_nobody_by_nothing(&made);
    for by in ["A. Chan", "B. Lee"] {
        check(&["notify", name, "approve", "--responder", by], &[0], "letters, approved by");
    }
    let (port, taken) = start_server();
    check(&["notify", name, "send", "--server", &format!("127.0.0.1:{port}")], &[0], "");
    check(&["notify", name, "send", "--server", &format!("127.0.0.1:{port}")], &[0], "");
    each_letter_reached_whom_it_is_to(&made, &taken);
    check(&["verify", name], &[0], "sound");
}

fn everybody_has_one_letter_or_waits_for_a_stated_reason(made: &Made) {
    let index = made.index();
    assert_eq!(index.len(), 216, "somebody has no letter, or somebody stands there who is nobody");
    let mut wrong = Vec::new();
    for person in &made.people {
        let letter = &index[&person.key];
        let (held, ways, reason) = (letter["held"] != "no", letter["channels"].as_str(), letter["attention"].as_str());
        let fits = match person.fate {
            Fate::Mail(_) => !held && ways.starts_with("email"),
            Fate::Paper => !held && ways == "post",
            Fate::Held(why) => held && reason.contains(why),
            Fate::ByHand | Fate::Nobody => false,
        };
        if !fits {
            let place = KINDS.iter().position(|kind| std::ptr::eq(kind, person.kind));
            wrong.push(format!("kind {place:?} row {}: {:?}, but held {held}, ways {ways:?}, {reason:?}", person.number, person.fate));
        }
    }
    assert!(wrong.is_empty(), "{} of 200:\n{}", wrong.len(), wrong.join("\n"));
}

/// No letter begins with what stands for nothing.
fn greets_nobody_by_nothing(made: &Made) {
    for (key, line) in made.index() {
        let letter = fs::read_to_string(made.at("case/letters").join(format!("{}.txt", line["stem"]))).expect("a letter");
        for nothing in ["Dear NULL", "Dear -", "Dear N/A", "Dear ,", "Dear 0", "Dear #", "Dear TBC", "Dear Mr Unknown", "無：", "NULL："] {
            assert!(!letter.contains(nothing), "the letter to {key} greets {nothing:?}");
        }
        let html = fs::read_to_string(made.at("case/letters").join(format!("{}.html", line["stem"]))).expect("a letter");
        assert!(!html.contains("<b>"), "a name became markup in the letter to {key}");
    }
}

fn each_letter_reached_whom_it_is_to(made: &Made, taken: &Taken) {
    let states = made.states();
    assert_eq!(states.len(), 216, "somebody was dropped");
    let index = made.index();
    let waits = made.people.iter().filter(|person| states[&person.key].0 == "held");
    let waits: Vec<String> = waits.map(|person| format!("{:?} {}", person.way.map(|(words, _)| words), index[&person.key]["attention"])).collect();
    assert!(waits.is_empty(), "letters wait although somebody decided:\n{}", waits.join("\n"));
    let mut by_reference: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for mail in taken.lock().expect("no panic").iter() {
        let reference = mail.return_path.split_once('+').and_then(|(_, rest)| rest.split_once('@')).expect("a return path of its own").0;
        by_reference.entry(reference.to_owned()).or_default().push(mail.recipient.clone());
    }
    for person in &made.people {
        let (state, channel, reference) = &states[&person.key];
        let got = reference.as_ref().and_then(|reference| by_reference.get(reference)).cloned().unwrap_or_default();
        match person.end() {
            Fate::Mail(to) => assert_eq!((state.as_str(), got), ("accepted", vec![person.fill(to)]), "{}", person.key),
            Fate::Paper => assert_eq!((channel.as_deref(), got), (Some("post"), vec![]), "{} is {state}", person.key),
            Fate::ByHand => assert_eq!((state.as_str(), got), ("by_hand", vec![]), "{}", person.key),
            Fate::Nobody => assert_eq!((state.as_str(), got), ("nobody", vec![]), "{}", person.key),
            Fate::Held(_) => panic!("{} has no way out", person.key),
        }
    }
    let odd: BTreeSet<&String> = made.people.iter().map(|person| &person.key).collect();
    for (key, (state, channel, _)) in states.iter().filter(|(key, _)| !odd.contains(key)) {
        let goes_by = index[key]["channels"].split(' ').next();
        assert_eq!((channel.as_deref(), state == "accepted"), (goes_by, goes_by == Some("email")), "{key} is like anybody else");
    }
    let mailed: usize = by_reference.values().map(Vec::len).sum();
    assert_eq!(mailed, states.values().filter(|(state, ..)| state == "accepted").count(), "a letter went that is nobody's");
}

/// One register in an encoding, with the names that it can hold, and how it is written.
fn check_encoding(made: &Plain, named: Option<&str>, names: [&str; 2], encode: impl Fn(&str) -> Vec<u8>) {
    made.describe_register("");
    let rows: String = made.keys.iter().enumerate().map(|(n, key)| format!("{key};{};p{n}@people.example;{n} Road\r\n", names[n % 2])).collect();
    fs::write(made.folder.path().join("made/register/crew.csv"), encode(&format!("emp_id;name;mail;address\r\n{rows}"))).expect("a register");
    match named {
        // The real reason, and the way out.
        None => made.respond(1, "the register is not in UTF-8: say what it is in, [register] encoding = \"big5\""),
        Some(encoding) => {
            made.describe_register(encoding);
            made.respond(0, "");
            let letters = made.folder.path().join("case/letters");
            for (n, key) in made.keys.iter().enumerate() {
                let letter = fs::read_to_string(letters.join(format!("{key}.txt"))).unwrap_or_else(|_| panic!("{key} has no letter"));
                assert!(letter.contains(&format!("Dear {},", names[n % 2])), "{encoding}: a name came out otherwise");
            }
        }
    }
}

/// A small department with a register of few columns.
struct Plain {
    folder: TempDir,
    keys: Vec<String>,
}

impl Plain {
    fn new() -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let into = folder.path().join("made");
        check(&["drill", "--only-make", "--people", "200", "--days", "3", "--into", text(&into)], &[0], "");
        let keys =
            csv::Reader::from_path(into.join("register/crew.csv")).expect("a register").records().map(|row| row.expect("a line")[0].to_owned()).collect();
        Self { folder, keys }
    }

    fn describe_register(&self, encoding: &str) {
        let path = self.folder.path().join("made/estate.toml");
        let estate = fs::read_to_string(&path).expect("an estate");
        let (before, rest) = estate.split_once("[register]\n").expect("the estate has a register");
        let after = rest.split_once("\n\n").expect("something follows it").1;
        let encoding = if encoding.is_empty() { String::new() } else { format!("encoding = \"{encoding}\"\n") };
        let register = "file = \"../register/crew.csv\"\nkey = \"emp_id\"\nname = { en = \"name\" }\nemail = \"mail\"\npostal_address = \"address\"\n";
        fs::write(&path, format!("{before}[register]\n{register}{encoding}\n{after}")).expect("an estate");
    }

    fn respond(&self, code: i32, holds: &str) {
        let at = |name: &str| self.folder.path().join(name);
        check(&["respond", "--estate", text(&at("made/estate.toml")), "--evidence", text(&at("made/evidence")), "--case", text(&at("case"))], &[code], holds);
    }
}

#[test]
fn a_register_with_semicolons_is_read_in_its_encoding_or_refused_with_the_reason() {
    let made = Plain::new();
    let by = |encoding: &'static encoding_rs::Encoding| move |text: &str| encoding.encode(text).0.into_owned();
    let utf_16 = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    check_encoding(&made, Some("big5"), ["陳大文", "黃小明"], by(encoding_rs::BIG5));
    check_encoding(&made, None, ["陳大文", "黃小明"], by(encoding_rs::BIG5));
    check_encoding(&made, Some("gbk"), ["陈大文", "黄小明"], by(encoding_rs::GBK));
    check_encoding(&made, Some("windows-1252"), ["Jürgen Müller", "Zoë O’Neill"], by(encoding_rs::WINDOWS_1252));
    check_encoding(&made, Some("utf-16le"), ["陳大文", "Jürgen Müller"], utf_16);
    check_encoding(&made, None, ["陳大文", "Jürgen Müller"], utf_16);
}
