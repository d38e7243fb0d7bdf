//! What the columns of a dump hold, for a draft of an estate file: how much, how varied, and which of it a register knows.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt;

use strandline_model::sketch::{ByType, ColumnSketch, Compared, Samples, Split};

use crate::store::StoredTable;

/// Distinct values kept of each column.
const SAMPLES: usize = 300;
/// Rows of a table that are looked at; of a larger one, as many, spread over it.
const ROWS: usize = 50_000;
/// Rows of a table in which a line of the register is compared with the other columns.
const COMPARED: usize = 500;
/// Values of a column that may part persons from others.
const FEW_VALUES: u64 = 6;
/// Kinds of values in a table of keys and values, where they are told one by one.
const MANY_KINDS: u64 = 24;
/// Distinct values kept of each of them.
const KIND_SAMPLES: usize = 60;
/// Letters kept of a sample.
const SAMPLE_LETTERS: usize = 400;
/// Letters from which on a word can tell a person.
const TELLING: usize = 3;

/// The lines of a register, to match columns with. They are about people, and do not print themselves.
#[derive(Clone, Default)]
pub struct KnownPeople {
    columns: Vec<String>,
    /// In lower case.
    lines: Vec<Vec<String>>,
    /// For each column: value -> its line. Empty where too many lines share their values.
    by_value: Vec<HashMap<String, usize>>,
    /// For each column of words: all of them, in lower case.
    words: Vec<HashSet<String>>,
}

impl fmt::Debug for KnownPeople {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{} people]", self.lines.len())
    }
}

impl KnownPeople {
    /// From the column names and the lines of a register.
    pub fn new(columns: Vec<String>, lines: Vec<Vec<String>>) -> Self {
        let by_value = (0..columns.len()).map(|column| telling_values(&lines, column)).collect();
        let words = (0..columns.len()).map(|column| words_of(&lines, column)).collect();
        let lines = lines.into_iter().map(|line| line.iter().map(|field| field.trim().to_lowercase()).collect()).collect();
        Self { columns, lines, by_value, words }
    }

    /// Its column names.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// How many people it has.
    pub fn people(&self) -> usize {
        self.lines.len()
    }

    /// Whether (nearly) each line has a value of its own in a column.
    pub fn tells_people_apart(&self, column: usize) -> bool {
        self.by_value.get(column).is_some_and(|values| !values.is_empty() && values.len() * 100 >= self.lines.len() * 99)
    }

    /// Whether another field of a line says the same as one of a row's values in lower case, the one at `but` left out.
    fn tells(&self, line: usize, column: usize, row: &[Option<String>], but: usize) -> bool {
        let mut fields = self.lines[line].iter().enumerate().filter(|(at, _)| *at != column && !self.by_value[*at].is_empty());
        let others = || row.iter().enumerate().filter(|(at, _)| *at != but).filter_map(|(_, value)| value.as_deref());
        fields.any(|(_, field)| others().any(|value| says_the_same(value, field)))
    }

    /// Whether one of a row's values stands in another line alone, in a column that tells people apart: an e-mail address of somebody else.
    fn tells_another(&self, line: usize, column: usize, row: &[Option<String>], but: usize) -> bool {
        let mut telling = (0..self.columns.len()).filter(|at| *at != column && self.tells_people_apart(*at));
        let others = || row.iter().enumerate().filter(|(at, _)| *at != but).filter_map(|(_, value)| value.as_deref().map(str::trim));
        telling.any(|at| others().any(|value| is_telling(value) && self.by_value[at].get(value).is_some_and(|other| *other != line)))
    }
}

/// Whether two values are equal, or one stands in the other as whole words: a surname in a full name.
fn says_the_same(value: &str, field: &str) -> bool {
    if !is_telling(value) || !is_telling(field) {
        return false;
    }
    let holds = |long: &str, short: &str| {
        let is_end = |c: Option<char>| !c.is_some_and(char::is_alphanumeric);
        long.match_indices(short).any(|(at, _)| is_end(long[..at].chars().next_back()) && is_end(long[at + short.len()..].chars().next()))
    };
    value == field || (value.len() < field.len() && holds(field, value)) || (field.len() < value.len() && value.len() < 200 && holds(value, field))
}

/// Whether a value is more than a small number or an initial.
fn is_telling(text: &str) -> bool {
    text.chars().filter(|c| c.is_alphabetic()).count() >= TELLING || text.chars().filter(char::is_ascii_digit).count() >= 5
}

/// Value -> line of a column in which most lines have a value of their own.
fn telling_values(lines: &[Vec<String>], column: usize) -> HashMap<String, usize> {
    let mut values = HashMap::new();
    let mut filled = 0;
    for (at, line) in lines.iter().enumerate() {
        let Some(value) = line.get(column).map(|value| value.trim()).filter(|value| !value.is_empty()) else { continue };
        filled += 1;
        values.entry(value.to_owned()).or_insert(at);
    }
    if values.len() * 2 > filled { values } else { HashMap::new() }
}

/// The words of a column, in lower case, where it holds texts.
fn words_of(lines: &[Vec<String>], column: usize) -> HashSet<String> {
    lines.iter().filter_map(|line| line.get(column)).flat_map(|value| telling_words(value)).collect()
}

/// The words of a text that can tell a person; of scripts without blanks between words, the whole run is one.
fn telling_words(text: &str) -> Vec<String> {
    let is_telling = |word: &&str| word.chars().count() >= TELLING || !word.is_ascii();
    text.split(|c: char| !c.is_alphanumeric()).filter(is_telling).filter(|word| word.chars().any(char::is_alphabetic)).map(str::to_lowercase).collect()
}

/// The columns of a table.
pub(super) fn sketch(table: &StoredTable, known: &KnownPeople) -> Vec<ColumnSketch> {
    let step = table.rows().div_ceil(ROWS).max(1);
    let rows: Vec<usize> = (0..table.rows()).step_by(step).collect();
    let mut sketches: Vec<ColumnSketch> = (0..table.columns.len()).map(|column| one(table, column, &rows, known)).collect();
    let compared: Vec<usize> = rows.iter().step_by(rows.len().div_ceil(COMPARED).max(1)).copied().collect();
    for (column, sketch) in sketches.iter_mut().enumerate() {
        let is_candidate = |found: u64| found >= 3 && found * 5 >= sketch.distinct;
        let candidates: BTreeSet<usize> = (0..sketch.known.len()).filter(|at| is_candidate(sketch.known[*at])).collect();
        sketch.compared = compare(table, column, &compared, &candidates, known);
    }
    sketches
}

fn one(table: &StoredTable, column: usize, rows: &[usize], known: &KnownPeople) -> ColumnSketch {
    let described = &table.columns[column];
    let declared = if described.declared.is_empty() { described.kind.data_type().to_string() } else { described.declared.clone() };
    let mut values: HashSet<String> = HashSet::new();
    let (mut filled, mut samples) = (0, Vec::new());
    for row in rows {
        let Some(text) = table.cell(*row, column).text().filter(|text| !text.trim().is_empty()) else { continue };
        filled += 1;
        if !values.contains(&text) {
            if samples.len() < SAMPLES {
                samples.push(text.chars().take(SAMPLE_LETTERS).collect());
            }
            values.insert(text);
        }
    }
    let found = |people: &HashMap<String, usize>| values.iter().filter(|value| people.contains_key(value.trim())).count() as u64;
    let matched = known.by_value.iter().map(found).collect();
    let words = known.words.iter().map(|words| words_known(&samples, words)).collect();
    let within = known.by_value.iter().map(|values| samples.iter().filter(|sample| holds_one(sample, values)).count() as u64).collect();
    ColumnSketch {
        name: described.name.clone(),
        declared,
        filled,
        distinct: values.len() as u64,
        samples: Samples::new(samples),
        known: matched,
        compared: Vec::new(),
        within,
        words,
    }
}

/// Whether a value is one of these with a few letters before or behind: a number with the code of a country.
fn holds_one(value: &str, known: &HashMap<String, usize>) -> bool {
    const FEW: usize = 4;
    const LONG: usize = 6;
    let value = value.trim();
    let cuts = || value.char_indices().map(|(at, _)| at).chain([value.len()]);
    let is_long = |part: &str| part.len() >= LONG;
    let behind = cuts().skip(1).take(FEW).map(|at| &value[at..]).filter(|part| is_long(part)).any(|part| known.contains_key(part));
    let letters = value.chars().count();
    behind
        || cuts()
            .skip(letters.saturating_sub(FEW))
            .map(|at| &value[..at])
            .filter(|part| part.len() < value.len() && is_long(part))
            .any(|part| known.contains_key(part))
}

fn words_known(samples: &[String], known: &HashSet<String>) -> (u64, u64) {
    let mut counts = (0, 0);
    for words in samples.iter().map(|sample| telling_words(sample)).filter(|words| !words.is_empty()) {
        let found = words.iter().filter(|word| known.contains(*word)).count();
        counts.0 += u64::from(found == words.len());
        counts.1 += u64::from(found > 0);
    }
    counts
}

/// How columns of few values part the rows that the register has from the others, by each key of one column in which its people stand.
pub(super) fn splits(table: &StoredTable, sketches: &[ColumnSketch], known: &KnownPeople) -> Vec<Split> {
    let step = table.rows().div_ceil(ROWS).max(1);
    let mut splits = Vec::new();
    for (key, sketch) in sketches.iter().enumerate().filter(|(key, _)| table.unique_keys.contains(&vec![*key])) {
        let compared = sketch.compared.iter().enumerate();
        for (register, _) in compared.filter(|(_, compared)| compared.rows >= 3 && compared.same * 5 >= compared.rows * 4) {
            for (column, few) in sketches.iter().enumerate().filter(|(column, few)| *column != key && (2..=FEW_VALUES).contains(&few.distinct)) {
                let mut values: BTreeMap<String, (u64, u64)> = BTreeMap::new();
                for row in (0..table.rows()).step_by(step) {
                    let is_known = table.cell(row, key).text().is_some_and(|key| known.by_value[register].contains_key(key.trim()));
                    let counts = values.entry(table.cell(row, column).text().unwrap_or_default()).or_default();
                    *(if is_known { &mut counts.0 } else { &mut counts.1 }) += 1;
                }
                let values = values.into_iter().map(|(value, (inside, outside))| (value, inside, outside)).collect();
                splits.push(Split { key: sketch.name.clone(), register, column: few.name.clone(), values });
            }
        }
    }
    splits
}

/// What a column of values holds by the kind that the column beside it says. Both are known by how such columns are called.
pub(super) fn by_type(table: &StoredTable, sketches: &[ColumnSketch]) -> Vec<ByType> {
    const KINDS: [&str; 9] = ["type", "kind", "key", "system", "field", "attribute", "attr", "property", "code"];
    const VALUES: [&str; 6] = ["value", "val", "content", "data", "contact", "detail"];
    let called = |column: &ColumnSketch, words: &[&str]| {
        let name = column.name.to_lowercase();
        name.split(['_', '-', ' ']).next_back().is_some_and(|last| words.contains(&last))
    };
    let is_kind = |column: &&ColumnSketch| called(column, &KINDS) && (2..=MANY_KINDS).contains(&column.distinct) && column.filled >= column.distinct * 3;
    let plain = |value: &str| value.len() <= 40 && value.chars().all(|c| c.is_ascii_alphanumeric() || "_-.: /".contains(c));
    let Some((of, kind)) = sketches.iter().enumerate().find(|(_, column)| is_kind(column)) else { return Vec::new() };
    if !kind.samples.expose_personal().iter().all(|value| plain(value)) {
        return Vec::new();
    }
    let step = table.rows().div_ceil(ROWS).max(1);
    let of_kinds = |at: usize| {
        let mut values: BTreeMap<String, (u64, BTreeSet<String>)> = BTreeMap::new();
        for row in (0..table.rows()).step_by(step) {
            let (Some(kind), Some(value)) = (table.cell(row, of).text(), table.cell(row, at).text()) else { continue };
            let held = values.entry(kind).or_default();
            held.0 += 1;
            if held.1.len() < KIND_SAMPLES {
                held.1.insert(value.chars().take(SAMPLE_LETTERS).collect());
            }
        }
        values.into_iter().map(|(kind, (rows, some))| (kind, rows, Samples::new(some.into_iter().collect()))).collect()
    };
    let held = sketches.iter().enumerate().filter(|(at, column)| *at != of && called(column, &VALUES) && column.distinct > kind.distinct);
    held.map(|(at, column)| ByType { of: kind.name.clone(), value: column.name.clone(), values: of_kinds(at) }).collect()
}

/// How the rows of a table compare with the register's lines of the same key.
pub(crate) fn compared_by_key(table: &StoredTable, column: usize, key: usize, known: &KnownPeople) -> Compared {
    let rows: Vec<usize> = (0..table.rows()).step_by(table.rows().div_ceil(COMPARED).max(1)).collect();
    compare(table, column, &rows, &BTreeSet::from([key]), known).get(key).copied().unwrap_or_default()
}

/// For these columns of the register, the rows whose value in a column is one of a line.
fn compare(table: &StoredTable, column: usize, rows: &[usize], candidates: &BTreeSet<usize>, known: &KnownPeople) -> Vec<Compared> {
    let mut counts = vec![Compared::default(); known.columns.len()];
    for row in rows.iter().filter(|_| !candidates.is_empty()) {
        let cells: Vec<Option<String>> = (0..table.columns.len()).map(|at| table.cell(*row, at).text()).collect();
        let Some(value) = &cells[column] else { continue };
        let lower: Vec<Option<String>> = cells.iter().map(|cell| cell.as_deref().map(|text| text.trim().to_lowercase())).collect();
        for at in candidates {
            let Some(line) = known.by_value.get(*at).and_then(|values| values.get(value.trim())).copied() else { continue };
            counts[*at].rows += 1;
            if known.tells(line, *at, &lower, column) {
                counts[*at].same += 1;
            } else if known.tells_another(line, *at, &cells, column) {
                counts[*at].other += 1;
            }
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_people_do_not_print_themselves() {
        let known = KnownPeople::new(vec!["no".into()], vec![vec!["SECRET".into()]]);
        assert!(!format!("{known:?} {:?}", Samples::new(vec!["SECRET".into()])).contains("SECRET"));
    }

    #[test]
    fn a_name_says_the_same_as_a_part_of_it_and_a_number_by_chance_does_not() {
        for (value, field, expected) in [
            ("ada", "ada lovelace", true),
            ("ada lovelace", "lovelace", true),
            ("adam", "ada", false),
            ("12", "12", false),
            ("52434886", "52434886", true),
            ("7", "7 lantern hill", false),
        ] {
            assert_eq!(says_the_same(value, field), expected);
        }
    }
}
