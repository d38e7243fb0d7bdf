//! The language, the log sources, the refusals and the correlations, each through one `check`.

use std::borrow::Cow;

use strandline_model::evidence::{ArtefactId, EventRef};
use strandline_model::record::{FieldList, FieldValue, LogRecord};
use strandline_model::time::Instant;

use super::{CorrelationReport, LoadReport, Matcher, Placeholders, RuleFile, RuleSet, Unreachable};

/// A record written down in a test.
#[derive(Clone, Debug)]
struct Written {
    channel: &'static str,
    event_id: Option<u32>,
    at: i64,
    number: u64,
    fields: Vec<(&'static str, FieldValue<'static>)>,
}

impl LogRecord for Written {
    fn place(&self) -> EventRef {
        EventRef { artefact: ArtefactId("a".into()), offset: self.number, length: 1 }
    }
    fn time(&self) -> Option<Instant> {
        (self.at >= 0).then_some(Instant(self.at * 1_000_000))
    }
    fn channel(&self) -> Option<&str> {
        Some(self.channel).filter(|channel| !channel.is_empty())
    }
    fn provider(&self) -> Option<&str> {
        None
    }
    fn event_id(&self) -> Option<u32> {
        self.event_id
    }
    fn record_id(&self) -> Option<u64> {
        Some(self.number)
    }
    fn host(&self) -> Option<&str> {
        None
    }
    fn fields<'a>(&'a self, into: &mut FieldList<'a>) {
        into.extend(self.fields.iter().map(|(name, value)| (Cow::Borrowed(*name), value.clone())));
        into.extend(self.event_id.map(|id| (Cow::Borrowed("EventID"), FieldValue::Whole(id.into()))));
    }
}

fn text(text: &'static str) -> FieldValue<'static> {
    FieldValue::Text(Cow::Borrowed(text))
}

fn application(fields: &[(&'static str, FieldValue<'static>)]) -> Written {
    Written { channel: "@application", event_id: None, at: 0, number: 0, fields: fields.to_vec() }
}

fn load(files: &[(&str, &str)]) -> (RuleSet, LoadReport) {
    RuleSet::load(files.iter().map(|(path, text)| ((*path).to_owned(), RuleFile::Read(text.as_bytes().to_vec()))))
}

/// A rule whose detection is this YAML, indented by four.
fn rule(detection: &str) -> String {
    format!("title: T\nid: r\nlogsource:\n    category: application\ndetection:\n{detection}")
}

fn fires(set: &RuleSet, record: &Written) -> bool {
    let mut fired = false;
    Matcher::new(set).look(record, &mut |_| fired = true);
    fired
}

/// One selection with one line, against a record.
#[track_caller]
fn check(line: &str, fields: &[(&'static str, FieldValue<'static>)], expected: bool) {
    let (set, report) = load(&[("r.yml", &rule(&format!("    s:\n        {line}\n    condition: s\n")))]);
    assert_eq!(report.refused, []);
    assert_eq!(fires(&set, &application(fields)), expected, "{line}");
}

#[test]
fn text_is_compared_whole_and_without_case() {
    check("a: CMD.exe", &[("a", text("cmd.EXE"))], true);
    check("a: cmd", &[("a", text("cmd.exe"))], false);
    check("A: cmd", &[("a", text("cmd"))], true);
    check("a: ÄRGER", &[("a", text("ärger"))], true);
    check("a|cased: Cmd", &[("a", text("cmd"))], false);
    check("a|cased: Cmd", &[("a", text("Cmd"))], true);
    check("a|cased|endswith: .Exe", &[("a", text("cmd.Exe"))], true);
    check("a|contains|cased: M", &[("a", text("cmd"))], false);
}

#[test]
fn places_in_the_text() {
    check("a|startswith: c:\\", &[("a", text("C:\\x"))], true);
    check("a|endswith: '\\cmd.exe'", &[("a", text("C:\\cmd.exe"))], true);
    check("a|endswith: '\\cmd.exe'", &[("a", text("C:\\cmd.exe "))], false);
    check("a|contains: '\\'", &[("a", text("C:\\x"))], true);
    check("a|contains: ['x', 'y']", &[("a", text("--y--"))], true);
    check("a|contains|all: ['x', 'y']", &[("a", text("--y--"))], false);
    check("a|all|contains: ['x', 'y']", &[("a", text("-xy-"))], true);
    check("a|contains: '*x*'", &[("a", text("-x-"))], true);
    check("a: 'x?z*'", &[("a", text("xyzzy"))], true);
    check("a: 'x?z'", &[("a", text("xz"))], false);
}

/// Hayabusa issue 897's case: the value of a real rule, two backslashes at the beginning of a share.
#[test]
fn four_backslashes_are_two() {
    check(r"a|contains: ' \\\\'", &[("a", text(r"copy \\server\share"))], true);
    check(r"a|contains: ' \\\\'", &[("a", text(r"copy \server"))], false);
    check(r"a|startswith: '\\\\'", &[("a", text(r"\\server"))], true);
    check(r"a|endswith: '\'", &[("a", text(r"dir\"))], true);
    check(r"a: 'C:\\*'", &[("a", text(r"C:\anything"))], true);
    check(r"a: 'C:\*'", &[("a", text("C:*"))], true);
}

#[test]
fn dashes_stand_for_each_other() {
    for value in ["x -enc y", "x /enc y", "x \u{2013}enc y", "x \u{2014}enc y", "x \u{2015}enc y"] {
        check("a|windash|contains: ' -enc '", &[("a", FieldValue::Text(Cow::Owned(value.to_owned())))], true);
        check("a|contains|windash: ' /enc '", &[("a", FieldValue::Text(Cow::Owned(value.to_owned())))], true);
    }
    check("a|windash|contains: ' -enc '", &[("a", text("x +enc y"))], false);
    check("a|windash|contains|all: ['-a -b -c -d', '-e']", &[("a", text("/a –b —c ―d -e"))], true);
    check("a|windash|contains|all: ['-a -b -c -d', '-e']", &[("a", text("/a –b —c ―d"))], false);
}

#[test]
fn encodings() {
    check("a|base64: foobar", &[("a", text("Zm9vYmFy"))], true);
    check("a|base64: foobar", &[("a", text("zm9vymfy"))], false);
    check("a|base64offset|contains: foobar", &[("a", text("xxZvb2Jhcgxx"))], true);
    check("a|base64offset|contains: foobar", &[("a", text("xxzvb2jhcgxx"))], false);
    check("a|wide|base64offset|contains: 'ping'", &[("a", text("-enc cABpAG4AZwA="))], true);
    check("a|utf16le|base64|contains: 'ping'", &[("a", text("cABpAG4AZwA="))], true);
    check("a|utf16be|base64|contains: 'ping'", &[("a", text("AHAAaQBuAGc="))], true);
    check("a|utf16|base64|contains: 'ping'", &[("a", text("//5wAGkAbgBnAA=="))], true);
    check("a|wide|contains: 'ab'", &[("a", text("-a\0b\0-"))], true);
}

#[test]
fn expressions_find_anywhere_and_keep_case() {
    check("a|re: 'o+b'", &[("a", text("foobar"))], true);
    check("a|re: 'O+B'", &[("a", text("foobar"))], false);
    check("a|re|i: 'O+B'", &[("a", text("foobar"))], true);
    check("a|re: '^bar$'", &[("a", text("foo\nbar\n"))], false);
    check("a|re|m: '^bar$'", &[("a", text("foo\nbar\n"))], true);
    check("a|re: 'foo.bar'", &[("a", text("foo\nbar"))], false);
    check("a|re|s: 'foo.bar'", &[("a", text("foo\nbar"))], true);
    check("a|re|i|s: 'FOO.bar'", &[("a", text("foo\nbar"))], true);
    check("a|re: 'C:\\\\[a-z]+\\.exe'", &[("a", text("C:\\cmd.exe"))], true);
    check("a|re|contains: 'o.b'", &[("a", text("foobar"))], true);
}

#[test]
fn numbers_are_compared_by_value() {
    check("a: 4688", &[("a", FieldValue::Whole(4688))], true);
    check("a: 4688", &[("a", text("4688"))], true);
    check("a: '4688'", &[("a", FieldValue::Whole(4688))], true);
    check("a: 4688", &[("a", text("0x1250"))], true);
    check("a: 4688", &[("a", text("46880"))], false);
    check("a|contains: 68", &[("a", FieldValue::Whole(4688))], true);
    check("a|gt: 5", &[("a", text("6"))], true);
    check("a|gte: 5", &[("a", FieldValue::Whole(5))], true);
    check("a|lt: -1.5", &[("a", FieldValue::Number(-2.0))], true);
    check("a|lte: 5", &[("a", text("five"))], false);
    check("a|gt: 5", &[], false);
    check("a: true", &[("a", text("True"))], true);
    check("a: 'false'", &[("a", FieldValue::Bool(false))], true);
    check("a: 18446744073709551615", &[("a", FieldValue::Whole(u64::MAX.into()))], true);
    check("a: 1.5", &[("a", text("1.5"))], true);
}

#[test]
fn absent_null_and_empty() {
    check("a: null", &[], true);
    check("a: null", &[("a", FieldValue::Null)], true);
    check("a: null", &[("a", text(""))], false);
    check("a: ''", &[("a", text(""))], true);
    check("a: ''", &[], false);
    check("a: '*'", &[("a", text(""))], true);
    check("a: '*'", &[], false);
    check("a|exists: true", &[("a", FieldValue::Null)], true);
    check("a|exists: true", &[], false);
    check("a|exists: false", &[], true);
}

#[test]
fn not_equal() {
    check("a|neq: x", &[("a", text("y"))], true);
    check("a|neq: x", &[("a", text("X"))], false);
    check("a|neq: [x, y]", &[("a", text("y"))], false);
    check("a|contains|neq: x", &[("a", text("-x-"))], false);
    check("a|neq: 5", &[("a", FieldValue::Whole(6))], true);
    check("a|fieldref|neq: b", &[("a", text("1")), ("b", text("2"))], true);
    check("a|neq: x", &[("a", text("y")), ("a", text("x"))], false);
}

#[test]
fn fields_that_refer_to_fields() {
    check("a|fieldref: b", &[("a", text("X")), ("b", text("x"))], true);
    check("a|fieldref: b", &[("a", text("x"))], false);
    check("a|fieldref|startswith: b", &[("a", text("xyz")), ("b", text("x"))], true);
    check("a|fieldref|endswith: b", &[("a", text("xyz")), ("b", text("x"))], false);
    check("a|fieldref|contains: b", &[("a", text("xyz")), ("b", text("y"))], true);
    check("a|fieldref: b", &[("a", FieldValue::Whole(5)), ("b", text("5"))], true);
}

#[test]
fn networks() {
    check("a|cidr: 10.0.0.0/8", &[("a", text("10.1.2.3"))], true);
    check("a|cidr: ['192.168.0.0/16', '10.0.0.0/8']", &[("a", text("11.1.2.3"))], false);
    check("a|cidr: 'fe80::/10'", &[("a", text("fe80::1%eth0"))], false);
    check("a|cidr: '2001:db8::/32'", &[("a", text("2001:DB8::1"))], true);
    check("a|cidr: 10.0.0.0/8", &[("a", text("not an address"))], false);
}

#[test]
fn parts_of_time() {
    let stamp = [("a", text("2025-11-27 07:40:10.132"))];
    check("a|hour: 7", &stamp, true);
    check("a|minute: 40", &stamp, true);
    check("a|day: 27", &stamp, true);
    check("a|week: 48", &stamp, true);
    check("a|month: 11", &stamp, true);
    check("a|year: 2025", &stamp, true);
    check("a|year: 2024", &stamp, false);
    check("a|hour|gte: 7", &stamp, true);
    check("a|gte|hour: 8", &stamp, false);
    check("a|hour: 7", &[("a", text("soon"))], false);
    check("a|hour: 7", &[("a", text("2025-11-27T07:40:10Z"))], true);
    check("a|year: 1970", &[("a", FieldValue::Whole(86_400))], true);
}

#[test]
fn several_values_of_a_field() {
    let twice = [("a", text("one")), ("a", text("two"))];
    check("a: two", &twice, true);
    check("a|contains|all: [one, two]", &twice, true);
    check("a: three", &twice, false);
}

/// A whole detection against a record with the fields a=1 and b=2.
#[track_caller]
fn check_condition(detection: &str, expected: bool) {
    let (set, report) = load(&[("r.yml", &rule(detection))]);
    assert_eq!(report.refused, []);
    assert_eq!(fires(&set, &application(&[("a", text("1")), ("b", text("2"))])), expected, "{detection}");
}

#[test]
fn conditions() {
    let with = |condition: &str| {
        format!("    s_a:\n        a: 1\n    s_b:\n        b: 3\n    _x:\n        a: 9\n    other:\n        b: 2\n    condition: {condition}\n")
    };
    check_condition(&with("s_a and other"), true);
    check_condition(&with("s_a and s_b"), false);
    check_condition(&with("s_a or s_b and _x"), true);
    check_condition(&with("(s_a or s_b) and _x"), false);
    check_condition(&with("not s_b and not _x"), true);
    check_condition(&with("not not s_a"), true);
    check_condition(&with("1 of s_*"), true);
    check_condition(&with("all of s_*"), false);
    check_condition(&with("any of them"), true);
    check_condition(&with("2 of them"), true);
    check_condition(&with("3 of them"), false);
    check_condition(&with("all of *_a"), true);
    check_condition(&with("1 of _*"), false);
    check_condition(&with("1 of *t*er"), true);
    check_condition(&with("[s_b, other]"), true);
    check_condition(&with("[s_b, _x]"), false);
    check_condition(&with("not 1 of s_b* and s_a"), true);
}

/// `_x` would make it false.
#[test]
fn them_leaves_out_what_begins_with_an_underscore() {
    check_condition("    s:\n        a: 1\n    _x:\n        a: 9\n    condition: all of them\n", true);
}

#[test]
fn lists_of_maps_and_keywords() {
    check_condition("    s:\n        - a: 9\n        - b: 2\n    condition: s\n", true);
    check_condition("    s:\n        - a: 1\n          b: 9\n        - b: 9\n    condition: s\n", false);
    check_condition("    s:\n        a:\n            - 9\n            - 1\n    condition: s\n", true);
    let words = [("a", text("The QUICK brown")), ("b", text("fox"))];
    let check_words = |detection: &str, expected: bool| {
        let (set, report) = load(&[("r.yml", &rule(detection))]);
        assert_eq!(report.refused, []);
        assert_eq!(fires(&set, &application(&words)), expected, "{detection}");
    };
    check_words("    k:\n        - quick\n        - slow\n    condition: k\n", true);
    check_words("    k:\n        - slow\n    condition: k\n", false);
    check_words("    k:\n        '|all':\n            - quick\n            - fox\n    condition: k\n", true);
    check_words("    k:\n        '|all':\n            - quick\n            - hound\n    condition: k\n", false);
    check_words("    k:\n        '|re': 'Q[A-Z]+K'\n    condition: k\n", true);
    check_words("    k: 'the*brown'\n    condition: k\n", true);
    check_words("    k: 'quick*fox'\n    condition: k\n", false);
    check_words("    k: quick\n    f:\n        b: fox\n    condition: k and not f\n", false);
}

#[test]
fn placeholders_take_the_values_given() {
    let text_of = rule("    s:\n        a|expand|contains: '%who%'\n    condition: s\n");
    let file = || [("r.yml".to_owned(), RuleFile::Read(text_of.clone().into_bytes()))];
    let (set, report) = RuleSet::load_with(file(), &Placeholders::from([("who".into(), vec!["x".into(), "1".into()])]));
    assert_eq!(report.refused, []);
    assert!(fires(&set, &application(&[("a", text("-1-"))])));
    let (_, report) = RuleSet::load(file());
    assert_eq!(report.refused[0].reason.to_string(), "the placeholder %who% has no value; name its values, or leave the rule out");
    assert_eq!(report.refused[0].line, Some(7));
}

#[track_caller]
fn check_refused(yaml: &str, line: Option<usize>, reason: &str) {
    let good = rule("    s:\n        a: 1\n    condition: s\n").replace("id: r", "id: good");
    let (set, report) = load(&[("bad.yml", yaml), ("good.yml", &good)]);
    assert_eq!(set.rules().len(), 1, "the other rule loads");
    assert_eq!(report.refused.len(), 1, "{:?}", report.refused);
    let refused = &report.refused[0];
    assert!(refused.reason.to_string().contains(reason), "{} holds not {reason}", refused.reason);
    assert_eq!((refused.path.as_str(), refused.line), ("bad.yml", line), "{}", refused.reason);
}

#[test]
fn what_is_not_understood_is_refused() {
    let with = |detection: &str| rule(detection);
    check_refused("title: [", Some(2), "not valid YAML");
    check_refused("", None, "no rule");
    check_refused("just text", None, "not a map");
    check_refused("title: T\nlogsource:\n    category: x\n", Some(1), "`detection` is missing");
    check_refused("title: T\ndetection:\n    s: x\n    condition: s\n", Some(1), "`logsource` is missing");
    check_refused(&with("    s:\n        a|fuzzy: x\n    condition: s\n"), Some(7), "fuzzy");
    check_refused(&with("    s:\n        a: x\n    condition: s and\n"), Some(8), "condition");
    check_refused(&with("    s:\n        a: x\n    condition: t\n"), Some(8), "no selection \"t\"");
    check_refused(&with("    s:\n        a: x\n    condition: 1 of t*\n"), Some(8), "names no selection");
    check_refused(&with("    s:\n        a: x\n    condition: s | count() > 5\n"), Some(8), "pipe");
    check_refused(&with("    s:\n        a|re: '(\\w{1000}){1000}'\n    condition: s\n"), Some(7), "regular expression");
    check_refused(&with("    s:\n        a|re: '(?=x)'\n    condition: s\n"), Some(7), "look-around");
    check_refused(&with("    s:\n        a|cidr: 'ten'\n    condition: s\n"), Some(7), "network");
    check_refused(&with("    s:\n        a|gt: many\n    condition: s\n"), Some(7), "number");
    check_refused(&with("    s:\n        a|contains|re: x\n    condition: s\n"), Some(7), "`re`");
    check_refused(&with("    s:\n        a|base64: 'x*y'\n    condition: s\n"), Some(7), "wildcards");
    check_refused(&with("    s:\n        a: [[x]]\n    condition: s\n"), Some(7), "list or map");
    check_refused(&with("    s:\n        a|base64offset|contains: x\n    condition: s\n"), Some(7), "one character");
    check_refused(&with("    s:\n        5: x\n    condition: s\n"), Some(1), "not text");
    check_refused(&with("    s: {}\n    condition: s\n"), Some(1), "empty");
    check_refused(&with("    s:\n        a: x\n    timeframe: 5m\n    condition: s\n"), Some(1), "timeframe");
    check_refused(&with("    s:\n        a: !tag x\n    condition: s\n"), Some(7), "tag");
    check_refused(&format!("sigma-version: 3\n{}", with("    s:\n        a: x\n    condition: s\n")), Some(2), "Sigma 3");
    check_refused(&"x".repeat(10 << 20), None, "more than the");
    let nots = format!("    s:\n        a: x\n    condition: {} s\n", "not ".repeat(2000));
    check_refused(&with(&nots), Some(8), "levels");
    let bomb = "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e]\ng: [*f,*f,*f,*f,*f,*f,*f,*f,*f]\n";
    check_refused(bomb, None, "repetition limit");
    check_refused(&format!("a: {}", "[".repeat(5000)), Some(1), "recursion limit");
}

/// Which lines YAML itself names depends on its reader; the reason must be there all the same.
#[test]
fn files_that_cannot_be_read_are_refused() {
    let files = [
        ("link.yml".to_owned(), RuleFile::Refused("a symbolic link; its target may lie outside the folder".into())),
        ("latin1.yml".to_owned(), RuleFile::Read(b"title: caf\xe9".to_vec())),
        ("good.yml".to_owned(), RuleFile::Read(rule("    s:\n        a: 1\n    condition: s\n").into_bytes())),
        ("again.yml".to_owned(), RuleFile::Read(rule("    s:\n        a: 2\n    condition: s\n").into_bytes())),
    ];
    let (set, report) = RuleSet::load(files);
    let reasons: Vec<(String, String)> = report.refused.iter().map(|r| (r.path.clone(), r.reason.to_string())).collect();
    assert_eq!(set.rules().len(), 1);
    assert_eq!(report.files, 4);
    assert_eq!(
        reasons,
        [
            ("good.yml".to_owned(), "the id is that of a rule in again.yml".to_owned()),
            ("latin1.yml".to_owned(), "the file is not UTF-8 (first wrong byte at 10); save it as UTF-8".to_owned()),
            ("link.yml".to_owned(), "a symbolic link; its target may lie outside the folder".to_owned()),
        ]
    );
}

#[test]
fn oddities_are_remarked_on() {
    let yaml = rule("    s:\n        a: 1\n    spare:\n        a: 2\n    condition: s\n") + "level: severe\n";
    let (set, report) = load(&[("r.yml", &yaml)]);
    assert_eq!(set.rules().len(), 1);
    let texts: Vec<&str> = report.remarks.iter().map(|remark| remark.text.as_str()).collect();
    assert_eq!(texts, ["the condition does not use the selection \"spare\"", "the level \"severe\" is none of Sigma's; read as medium"]);
}

#[test]
fn collections_of_the_old_kind() {
    let yaml = "action: global\ntitle: T\nlogsource:\n    category: application\ndetection:\n    condition: s\n---\nid: one\ndetection:\n    s:\n        a: 1\n---\nid: two\ndetection:\n    s:\n        a: 2\n---\naction: repeat\nid: three\ndetection:\n    s:\n        b: 3\n";
    let (set, report) = load(&[("r.yml", yaml)]);
    assert_eq!(report.refused, []);
    let ids = |fields: &[(&'static str, FieldValue<'static>)]| {
        let mut ids = Vec::new();
        Matcher::new(&set).look(&application(fields), &mut |found| ids.push(found.rule.id.clone()));
        ids
    };
    assert_eq!(ids(&[("a", text("1"))]), ["one"]);
    assert_eq!(ids(&[("a", text("2"))]), ["two"]);
    assert_eq!(ids(&[("a", text("2")), ("b", text("3"))]), ["two", "three"]);
}

#[test]
fn filters_narrow_the_rules_that_they_name() {
    let base = rule("    s:\n        a: 1\n    condition: s\n");
    let filter = |rules: &str, source: &str| {
        format!("title: F\nid: f\nlogsource:\n    {source}\nfilter:\n    rules: {rules}\n    selection:\n        b: quiet\n    condition: not selection\n")
    };
    let check = |filter: &str, expected: bool| {
        let (set, report) = load(&[("r.yml", &base), ("f.yml", filter)]);
        assert_eq!(report.refused, []);
        assert!(fires(&set, &application(&[("a", text("1")), ("b", text("loud"))])));
        assert_eq!(fires(&set, &application(&[("a", text("1")), ("b", text("quiet"))])), expected, "{filter}");
    };
    check(&filter("[r]", "category: application"), false);
    check(&filter("any", "category: application"), false);
    let (_, report) = load(&[("r.yml", &base), ("f.yml", &filter("[nobody]", "category: application"))]);
    assert_eq!(report.refused.len(), 1);
    let (_, report) = load(&[("r.yml", &base), ("f.yml", &filter("any", "category: webserver"))]);
    assert_eq!(report.refused.len(), 1);
}

fn windows(channel: &'static str, event_id: u32, fields: &[(&'static str, FieldValue<'static>)]) -> Written {
    Written { channel, event_id: Some(event_id), at: 0, number: 0, fields: fields.to_vec() }
}

const SYSMON: &str = "Microsoft-Windows-Sysmon/Operational";

fn windows_rule(source: &str, detection: &str) -> String {
    format!("title: T\nid: r\nlogsource:\n    product: windows\n    {source}\ndetection:\n    s:\n{detection}\n    condition: s\n")
}

#[test]
fn a_rule_is_tried_on_its_own_channel_only() {
    let (set, _) = load(&[("r.yml", &windows_rule("category: sysmon_status", "        State|exists: false"))]);
    assert!(fires(&set, &windows(SYSMON, 16, &[])));
    assert!(fires(&set, &windows("microsoft-windows-sysmon/OPERATIONAL", 4, &[])));
    // "Sysmon Configuration Change" on event 16 of another channel: 730 false detections of a stock pipeline.
    assert!(!fires(&set, &windows("System", 16, &[])));
    assert!(!fires(&set, &windows(SYSMON, 1, &[])));
    assert!(!fires(&set, &Written { channel: "", event_id: Some(16), at: 0, number: 0, fields: Vec::new() }));
}

#[test]
fn processes_are_read_under_both_sets_of_names() {
    let (set, _) = load(&[("r.yml", &windows_rule("category: process_creation", "        Image|endswith: '\\cmd.exe'\n        ProcessId: 7"))]);
    assert!(fires(&set, &windows(SYSMON, 1, &[("Image", text("C:\\cmd.exe")), ("ProcessId", FieldValue::Whole(7))])));
    let audit = |new: &'static str, parent: &'static str| {
        windows("Security", 4688, &[("NewProcessName", text("C:\\cmd.exe")), ("NewProcessId", text(new)), ("ProcessId", text(parent))])
    };
    assert!(fires(&set, &audit("0x7", "0x1")));
    assert!(!fires(&set, &audit("0x1", "0x7")), "ProcessId of 4688 is the parent's");
    assert!(!fires(&set, &windows("Security", 4689, &[("NewProcessName", text("C:\\cmd.exe")), ("NewProcessId", text("0x7"))])));
    // A rule about the Security log itself reads the names as they stand.
    let (set, _) = load(&[("r.yml", &windows_rule("service: security", "        ProcessId: '0x7'"))]);
    assert!(fires(&set, &audit("0x1", "0x7")));
}

#[test]
fn what_was_not_looked_at_is_counted() {
    let unknown =
        rule("    s:\n        a: 1\n    condition: s\n").replace("category: application", "product: aws\n    service: cloudtrail").replace("id: r", "id: aws");
    let (set, _) = load(&[
        ("a.yml", &windows_rule("service: security", "        EventID: 4624")),
        ("b.yml", &windows_rule("service: security", "        EventID: 4625").replace("id: r", "id: q")),
        ("c.yml", &windows_rule("service: system", "        EventID: 1").replace("id: r", "id: p")),
        ("d.yml", &unknown),
    ]);
    let mut matcher = Matcher::new(&set);
    assert!(matcher.wants(Some("Security"), Some(4624)));
    assert!(!matcher.wants(Some("Security"), Some(4634)));
    assert!(!matcher.wants(None, Some(4624)));
    let mut found = 0;
    for id in [4624, 4624, 4634] {
        matcher.look(&windows("Security", id, &[]), &mut |_| found += 1);
    }
    matcher.pass(Some("Application"), Some(1));
    let (seen, _) = matcher.finish();
    assert_eq!((found, seen.records(), seen.unlooked()), (2, 4, 2));
    let reasons: Vec<(&str, Unreachable)> = set.unreachable(&seen).into_iter().map(|(number, why)| (set.rule(number).id.as_str(), why)).collect();
    let ids: Vec<&str> = reasons.iter().map(|(id, _)| *id).collect();
    assert_eq!(ids, ["q", "p", "aws"]);
    assert_eq!(reasons[0].1.to_string(), "Security was seen, but no event with id 4625");
    assert_eq!(reasons[1].1.to_string(), "no event of system");
    assert_eq!(reasons[2].1.to_string(), "this version reads no evidence for the log source product=aws service=cloudtrail");
}

#[test]
fn a_match_names_its_fields_and_hides_their_values() {
    let (set, _) = load(&[("r.yml", &rule("    s:\n        a: 1\n        B|contains: ecre\n    f:\n        c: x\n    condition: s and not f\n"))]);
    let mut seen = Vec::new();
    Matcher::new(&set).look(&application(&[("a", text("1")), ("b", text("secret")), ("c", text("y"))]), &mut |found| {
        assert!(!format!("{found:?}").contains("secret"));
        seen = found.fields.iter().map(|field| (field.name.to_owned(), field.values[0].expose_personal().to_string())).collect();
    });
    assert_eq!(seen, [("B".to_owned(), "secret".to_owned()), ("a".to_owned(), "1".to_owned())]);
}

#[test]
fn techniques_come_from_tags() {
    let yaml = rule("    s:\n        a: 1\n    condition: s\n") + "level: high\ntags: [attack.t1003.001, attack.execution, attack.T1059, cve.2022-1]\n";
    let (set, _) = load(&[("r.yml", &yaml)]);
    assert_eq!(set.rules()[0].techniques, ["T1003.001", "T1059"]);
    assert_eq!(set.rules()[0].sha256.len(), 64);
}

/// The base rules `one`, `two` and `three` match a=1, a=2 and a=3; they have names, and records have fields u, v and n.
fn correlations(correlation: &str) -> (RuleSet, LoadReport) {
    let base = |name: &str, value: u32| {
        format!(
            "title: {name}\nid: id-{name}\nname: {name}\nlogsource:\n    category: application\ndetection:\n    s:\n        a: {value}\n    condition: s\n---\n"
        )
    };
    let yaml = base("one", 1) + &base("two", 2) + &base("three", 3) + correlation;
    load(&[("c.yml", &yaml)])
}

/// A record: second, a, u, v.
type Line = (i64, &'static str, &'static str, &'static str);

fn correlate(set: &RuleSet, lines: &[Line]) -> CorrelationReport {
    // Two matchers, each with every second record, as two threads would have them.
    let half = |half: usize| {
        let mut matcher = Matcher::new(set);
        for (number, (at, a, u, v)) in lines.iter().enumerate().filter(|(number, _)| number % 2 == half) {
            let fields = vec![("a", text(a)), ("u", text(u)), ("v", text(v))].into_iter().filter(|(_, value)| *value != text("")).collect();
            matcher.look(&Written { channel: "@application", event_id: None, at: *at, number: number as u64, fields }, &mut |_| {});
        }
        matcher.finish().1
    };
    let mut log = half(1);
    log.join(half(0)).expect("in memory");
    let report = set.correlate(log).expect("in memory");
    // The same with next to no memory, so that nearly everything is put aside and merged.
    for limit in [1, 2, 7] {
        let mut log = super::HitLog::with_runs(set, Box::new(tempfile::tempfile), limit);
        log.join(half(0)).expect("a scratch file");
        log.join(half(1)).expect("a scratch file");
        let aside = set.correlate(log).expect("a scratch file");
        assert_eq!(aside.matches, report.matches, "with {limit} matches in memory");
        assert_eq!((aside.without_time, aside.without_group, aside.incomplete.len()), (report.without_time, report.without_group, 0));
    }
    report
}

#[test]
fn thousands_of_matches_put_aside_are_judged_as_if_they_were_in_memory() {
    let names: Vec<&'static str> = vec!["ann", "bob", "cid", "dora", "", "eve", "fay", "Ünal"];
    for kind in ["event_count", "value_count", "temporal", "temporal_ordered"] {
        let rest = match kind {
            "event_count" => "    condition: {gte: 6}\n",
            "value_count" => "    condition: {gte: 4, field: v}\n",
            _ => "",
        };
        let (set, _) = correlations(&correlation(kind, "[one, two, three]", rest));
        let mut state = 42u64;
        let mut next = |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % below
        };
        let lines: Vec<Line> = (0..4000)
            .map(|_| (next(3000) as i64, ["1", "2", "3"][next(3) as usize], names[next(8) as usize], ["p", "q", "r", "s", "t"][next(5) as usize]))
            .collect();
        assert!(correlate(&set, &lines).matches.len() > 20, "{kind}");
    }
}

/// The stretches found: group, first second, last second, events. Input order must not matter.
#[track_caller]
fn check_correlation(correlation: &str, lines: &[Line], expected: &[(&str, i64, i64, u64)]) {
    let (set, report) = correlations(correlation);
    assert_eq!(report.refused, []);
    let of = |lines: &[Line]| -> Vec<(String, i64, i64, u64)> {
        let group = |found: &super::CorrelationMatch| found.group.iter().map(|(_, v)| v.expose_personal().clone()).collect::<Vec<_>>().join("+");
        let found = correlate(&set, lines).matches;
        found.iter().map(|f| (group(f), f.first.micros() / 1_000_000, f.last.micros() / 1_000_000, f.event_count)).collect()
    };
    let expected: Vec<(String, i64, i64, u64)> = expected.iter().map(|(g, f, l, n)| ((*g).to_owned(), *f, *l, *n)).collect();
    assert_eq!(of(lines), expected, "{correlation}");
    let mut reversed = lines.to_vec();
    reversed.reverse();
    assert_eq!(of(&reversed), expected, "out of order: {correlation}");
}

fn correlation(kind: &str, rules: &str, rest: &str) -> String {
    format!("title: C\nid: c\nname: c\ncorrelation:\n    type: {kind}\n    rules: {rules}\n    group-by: [u]\n    timespan: 10s\n{rest}")
}

#[test]
fn event_count_slides() {
    let three = correlation("event_count", "[one]", "    condition:\n        gte: 3\n");
    check_correlation(&three, &[(0, "1", "x", ""), (9, "1", "x", ""), (10, "1", "x", "")], &[("x", 0, 10, 3)]);
    check_correlation(&three, &[(0, "1", "x", ""), (9, "1", "x", ""), (11, "1", "x", "")], &[]);
    // Cut to ten seconds, 8 to 12 would be missed.
    check_correlation(&three, &[(8, "1", "x", ""), (9, "1", "x", ""), (12, "1", "x", "")], &[("x", 8, 12, 3)]);
    check_correlation(&three, &[(0, "1", "x", ""), (1, "1", "y", ""), (2, "1", "x", ""), (3, "2", "x", "")], &[]);
    // Ties count all at once; a record without the group's field is in no group.
    check_correlation(&three, &[(5, "1", "x", ""), (5, "1", "x", ""), (5, "1", "x", ""), (5, "1", "", "")], &[("x", 5, 5, 3)]);
    // Held without a break is one detection, held again is another.
    let lines = [(0, "1", "x", ""), (1, "1", "x", ""), (2, "1", "x", ""), (6, "1", "x", ""), (100, "1", "x", ""), (101, "1", "x", ""), (102, "1", "x", "")];
    check_correlation(&three, &lines, &[("x", 0, 6, 4), ("x", 100, 102, 3)]);
    let range = correlation("event_count", "[one]", "    condition:\n        gt: 1\n        lte: 2\n");
    check_correlation(&range, &[(0, "1", "x", ""), (1, "1", "x", ""), (2, "1", "x", "")], &[("x", 0, 1, 2)]);
    let both = correlation("event_count", "[one, two]", "    condition:\n        eq: 2\n");
    check_correlation(&both, &[(0, "1", "x", ""), (1, "2", "x", "")], &[("x", 0, 1, 2)]);
}

#[test]
fn value_count_counts_distinct_values() {
    let two = correlation("value_count", "[one]", "    condition:\n        field: v\n        gte: 2\n");
    check_correlation(&two, &[(0, "1", "x", "p"), (1, "1", "x", "p"), (2, "1", "x", "q")], &[("x", 0, 2, 3)]);
    check_correlation(&two, &[(0, "1", "x", "p"), (1, "1", "x", "p")], &[]);
    check_correlation(&two, &[(0, "1", "x", "p"), (1, "1", "x", "p"), (11, "1", "x", "q")], &[("x", 1, 11, 2)]);
    let pairs = correlation("value_count", "[one, two]", "    condition:\n        field: [a, v]\n        gte: 3\n");
    check_correlation(&pairs, &[(0, "1", "x", "p"), (1, "2", "x", "p"), (2, "1", "x", "q")], &[("x", 0, 2, 3)]);
}

#[test]
fn temporal_needs_all_rules_in_any_order() {
    let all = correlation("temporal", "[one, two, three]", "");
    check_correlation(&all, &[(0, "3", "x", ""), (5, "1", "x", ""), (9, "2", "x", "")], &[("x", 0, 9, 3)]);
    check_correlation(&all, &[(0, "3", "x", ""), (5, "1", "y", ""), (9, "2", "x", "")], &[]);
    check_correlation(&all, &[(0, "3", "x", ""), (5, "1", "x", ""), (11, "2", "x", "")], &[]);
    let some = correlation("temporal", "[one, two, three]", "    condition:\n        gte: 2\n");
    check_correlation(&some, &[(0, "3", "x", ""), (5, "1", "x", "")], &[("x", 0, 5, 2)]);
    let words = correlation("temporal", "[one, two, three]", "    condition: one and not two\n");
    check_correlation(&words, &[(0, "1", "x", ""), (20, "1", "x", ""), (21, "2", "x", "")], &[("x", 0, 0, 1), ("x", 20, 20, 1)]);
    let by_id = correlation("temporal", "[id-one, id-two]", "");
    check_correlation(&by_id, &[(0, "1", "x", ""), (5, "2", "x", "")], &[("x", 0, 5, 2)]);
}

#[test]
fn temporal_ordered_needs_the_order() {
    let ordered = correlation("temporal_ordered", "[one, two, three]", "");
    check_correlation(&ordered, &[(0, "1", "x", ""), (1, "2", "x", ""), (2, "3", "x", "")], &[("x", 0, 2, 3)]);
    check_correlation(&ordered, &[(0, "2", "x", ""), (1, "1", "x", ""), (2, "3", "x", "")], &[]);
    check_correlation(&ordered, &[(0, "2", "x", ""), (1, "1", "x", ""), (2, "2", "x", ""), (3, "3", "x", "")], &[("x", 0, 3, 4)]);
    // Events of one second are in any order.
    check_correlation(&ordered, &[(1, "3", "x", ""), (1, "2", "x", ""), (1, "1", "x", "")], &[("x", 1, 1, 3)]);
    check_correlation(&ordered, &[(0, "1", "x", ""), (1, "2", "x", ""), (11, "3", "x", "")], &[]);
}

#[test]
fn sums_averages_and_percentiles() {
    let with = |kind: &str, condition: &str| correlation(kind, "[one]", &format!("    condition:\n        field: v\n        {condition}\n"));
    let lines = [(0, "1", "x", "10"), (1, "1", "x", "20"), (2, "1", "x", "60")];
    check_correlation(&with("value_sum", "gte: 90"), &lines, &[("x", 0, 2, 3)]);
    check_correlation(&with("value_sum", "gt: 90"), &lines, &[]);
    check_correlation(&with("value_avg", "gte: 30"), &lines, &[("x", 0, 2, 3)]);
    check_correlation(&with("value_avg", "gt: 14.5\n        lt: 15.5"), &lines, &[("x", 0, 1, 2)]);
    check_correlation(&with("value_median", "eq: 20"), &lines, &[("x", 0, 2, 3)]);
    check_correlation(&with("value_percentile", "percentile: 100\n        gte: 60"), &lines, &[("x", 0, 2, 3)]);
    check_correlation(&with("value_percentile", "percentile: 75\n        eq: 40"), &lines, &[("x", 0, 2, 3)]);
    check_correlation(&with("value_sum", "gte: 70"), &[(0, "1", "x", "60"), (11, "1", "x", "20")], &[]);
    check_correlation(&with("value_sum", "gte: 1"), &[(0, "1", "x", "many")], &[]);
}

#[test]
fn aliases_join_different_fields() {
    let aliased = "title: C\nid: c\ncorrelation:\n    type: temporal\n    rules: [one, two]\n    group-by: [who]\n    timespan: 10s\n    aliases:\n        who:\n            one: u\n            two: v\n";
    check_correlation(aliased, &[(0, "1", "x", "y"), (1, "2", "z", "x")], &[("x", 0, 1, 2)]);
    check_correlation(aliased, &[(0, "1", "x", "y"), (1, "2", "x", "y")], &[]);
}

#[test]
fn chains() {
    let chain = "title: Many\nid: many\nname: many\ncorrelation:\n    type: event_count\n    rules: [one]\n    group-by: [u, v]\n    timespan: 10s\n    condition:\n        gte: 3\n---\ntitle: Then\nid: then\ncorrelation:\n    type: temporal_ordered\n    rules: [many, two]\n    group-by: [u]\n    timespan: 60s\n";
    let lines = [(0, "1", "x", "p"), (1, "1", "x", "p"), (2, "1", "x", "p"), (30, "2", "x", "q")];
    check_correlation(chain, &lines, &[("x", 2, 30, 2)]);
    check_correlation(chain, &[(0, "1", "x", "p"), (1, "1", "x", "p"), (30, "2", "x", "q")], &[]);
    check_correlation(chain, &[(0, "2", "x", "q"), (1, "1", "x", "p"), (2, "1", "x", "p"), (3, "1", "x", "p")], &[]);
    // The outer document may stand first.
    let (inner, outer) = chain.split_once("---\n").expect("two documents");
    check_correlation(&format!("{outer}---\n{inner}"), &lines, &[("x", 2, 30, 2)]);
}

#[test]
fn rules_of_a_correlation_fire_alone_only_where_it_says_so() {
    let count = |generate: &str| {
        let (set, report) = correlations(&(correlation("event_count", "[one]", "    condition:\n        gte: 3\n") + generate));
        assert_eq!(report.refused, []);
        let mut fired = 0;
        Matcher::new(&set).look(&application(&[("a", text("1")), ("u", text("x"))]), &mut |_| fired += 1);
        (fired, set.rules().iter().filter(|rule| rule.is_quiet).count())
    };
    assert_eq!(count(""), (0, 1));
    assert_eq!(count("generate: true\n"), (1, 0));
}

#[test]
fn what_a_correlation_could_not_use_is_counted() {
    let (set, _) = correlations(&correlation("event_count", "[one]", "    condition:\n        gte: 1\n"));
    let report = correlate(&set, &[(0, "1", "x", ""), (-1, "1", "x", ""), (0, "1", "", "")]);
    assert_eq!((report.matches.len(), report.without_time, report.without_group), (1, 1, 1));
}

#[track_caller]
fn check_correlation_refused(yaml: &str, reason: &str) {
    let (_, report) = correlations(yaml);
    assert_eq!(report.refused.len(), 1, "{yaml}");
    assert!(report.refused[0].reason.to_string().contains(reason), "{}", report.refused[0].reason);
}

#[test]
fn correlations_that_cannot_work_are_refused() {
    check_correlation_refused(&correlation("event_count", "[nobody]", "    condition:\n        gte: 1\n"), "nobody");
    check_correlation_refused(&correlation("event_count", "[c]", "    condition:\n        gte: 1\n"), "itself");
    check_correlation_refused(&correlation("event_count", "[one]", ""), "correlation.condition");
    check_correlation_refused(&correlation("event_count", "[one]", "    condition:\n        more: 1\n"), "does not know");
    check_correlation_refused(&correlation("event_count", "[one]", "    condition:\n        gte: some\n"), "no number");
    check_correlation_refused(&correlation("event_count", "[one]", "    condition:\n        gte: 1\n    window: tumbling\n"), "window");
    check_correlation_refused(&correlation("value_count", "[one]", "    condition:\n        gte: 1\n"), "field");
    check_correlation_refused(&correlation("sometimes", "[one]", "    condition:\n        gte: 1\n"), "sometimes");
    check_correlation_refused(&correlation("temporal", "[one]", "    condition: one and two\n"), "not among");
    check_correlation_refused(&correlation("event_count", "[one]", "    condition:\n        gte: 1\n").replace("10s", "10 s"), "10 s");
}
