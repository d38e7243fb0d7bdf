//! Watches the keys of groups: whether texts that are written otherwise were one to the server, so that it made other groups than the replay.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, BooleanArray, StringArray};
use arrow_schema::DataType;
use datafusion::common::{Result, internal_err};
use datafusion::logical_expr::{ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility, cast};

use crate::arena::Arena;
use crate::collation::{Collation, loosest};
use crate::tongue::is_han;

/// Bytes of keys that are kept; beyond them the worst is taken for granted.
const MOST_BYTES: usize = 64 << 20;

/// Texts that are compared one with another; beyond them all are taken for one.
const MOST_COMPARED: usize = 4 << 20;

/// One key of a group.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct GroupKey {
    pub(crate) key: Expr,
    /// By what its texts are the same; `None` if the server holds equal what the replay does.
    pub(crate) collation: Option<Collation>,
}

/// A condition that lets every row through, and notes in the arena what the rows' keys are.
pub(crate) fn one_spelling(arena: &Arena, watch: u32, keys: Vec<GroupKey>) -> Expr {
    let signature = Signature::uniform(keys.len(), vec![DataType::Utf8], Volatility::Volatile);
    let (keys, collations) = keys.into_iter().map(|key| (cast(key.key, DataType::Utf8), key.collation)).unzip();
    ScalarUDF::new_from_impl(Watch { arena: arena.clone(), watch, collations, signature }).call(keys)
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Watch {
    arena: Arena,
    watch: u32,
    collations: Vec<Option<Collation>>,
    signature: Signature,
}

impl ScalarUDFImpl for Watch {
    fn name(&self) -> &str {
        "one_spelling"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(DataType::Boolean)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = args.args.iter().map(|value| value.to_array(args.number_rows)).collect::<Result<Vec<_>>>()?;
        let keys: Vec<&StringArray> = arrays.iter().filter_map(|array| array.as_string_opt::<i32>()).collect();
        if keys.len() != self.collations.len() {
            return internal_err!("keys that are no texts");
        }
        self.arena.spell(|spelled| {
            let met = spelled.watches.entry(self.watch).or_insert_with(|| Met::of(&self.collations));
            for row in 0..args.number_rows {
                spelled.bytes += met.note(keys.iter().map(|key| (!key.is_null(row)).then(|| key.value(row))));
            }
            if spelled.bytes > MOST_BYTES {
                spelled.bytes = spelled.watches.values_mut().map(Met::forget_rows).sum();
            }
        });
        Ok(ColumnarValue::Array(Arc::new(BooleanArray::from(vec![true; args.number_rows]))))
    }
}

/// The keys that were met, by the place in the statement that made groups of them.
#[derive(Debug, Default)]
pub(crate) struct Spelled {
    watches: HashMap<u32, Met>,
    bytes: usize,
}

impl Spelled {
    /// Whether the server may have made one group where the replay made two.
    pub(crate) fn differ(&self) -> bool {
        self.bytes > MOST_BYTES || self.watches.values().any(Met::differs)
    }
}

/// Keys of one place: each value by a number, each row by those of its values.
#[derive(Debug)]
struct Met {
    columns: Vec<Column>,
    /// `None` where they became too many.
    rows: Option<HashSet<Box<[u32]>>>,
}

#[derive(Debug)]
struct Column {
    collation: Option<Collation>,
    numbers: HashMap<Box<str>, u32>,
}

/// Of NULL, which is a group of its own.
const NULL: u32 = u32::MAX;

impl Met {
    fn of(collations: &[Option<Collation>]) -> Self {
        let columns = collations.iter().map(|collation| Column { collation: collation.clone(), numbers: HashMap::new() });
        Self { columns: columns.collect(), rows: Some(HashSet::new()) }
    }

    /// Returns how many bytes are kept for it.
    fn note<'t>(&mut self, values: impl Iterator<Item = Option<&'t str>>) -> usize {
        let mut bytes = 0;
        let mut row = Vec::with_capacity(self.columns.len());
        for (column, value) in self.columns.iter_mut().zip(values) {
            let is_of_use = column.collation.is_some() || self.rows.is_some();
            row.push(match value {
                Some(value) if is_of_use => column.number(value, &mut bytes),
                _ => NULL,
            });
        }
        if let Some(rows) = &mut self.rows
            && !rows.contains(row.as_slice())
        {
            bytes += row.len() * 4 + 32;
            rows.insert(row.into());
        }
        bytes
    }

    /// Keeps the texts alone, each column by itself; returns their bytes.
    fn forget_rows(&mut self) -> usize {
        self.rows = None;
        for column in self.columns.iter_mut().filter(|column| column.collation.is_none()) {
            column.numbers = HashMap::new();
        }
        self.columns.iter().flat_map(|column| column.numbers.keys()).map(|text| cost(text)).sum()
    }

    fn differs(&self) -> bool {
        let classes: Vec<Option<Vec<u32>>> = self.columns.iter().map(Column::classes).collect();
        if classes.iter().all(Option::is_none) {
            return false;
        }
        let Some(rows) = &self.rows else { return true };
        let class = |(number, classes): (&u32, &Option<Vec<u32>>)| match classes {
            Some(classes) if *number != NULL => classes.get(*number as usize).copied().unwrap_or(NULL),
            _ => *number,
        };
        let groups: HashSet<Vec<u32>> = rows.iter().map(|row| row.iter().zip(&classes).map(class).collect()).collect();
        groups.len() < rows.len()
    }
}

fn cost(text: &str) -> usize {
    text.len() + 64
}

impl Column {
    fn number(&mut self, value: &str, bytes: &mut usize) -> u32 {
        if let Some(known) = self.numbers.get(value) {
            return *known;
        }
        let number = u32::try_from(self.numbers.len()).unwrap_or(NULL - 1);
        *bytes += cost(value);
        self.numbers.insert(value.into(), number);
        number
    }

    /// For each value the least of those that may be the same to the server, by one reading of the collation or by another; `None` if each is
    /// only itself. What a reading cannot tell may be any other.
    fn classes(&self) -> Option<Vec<u32>> {
        let collation = self.collation.as_ref()?;
        let mut texts: Vec<(&str, u32)> = self.numbers.iter().map(|(text, number)| (text.as_ref(), *number)).collect();
        texts.sort_unstable_by_key(|(_, number)| *number);
        if texts.len() < 2 {
            return None;
        }
        let mut least: Vec<u32> = (0..).take(texts.len()).collect();
        for reading in &collation.readings {
            let mut first: HashMap<Vec<u8>, u32> = HashMap::new();
            for (text, number) in &texts {
                let other = *first.entry(reading.key(text)).or_insert(*number);
                put_together(&mut least, *number, other);
            }
        }
        let is_told = |text: &str| collation.readings.iter().all(|reading| reading.tells(text));
        let untold: Vec<(Ends, u32)> = texts.iter().filter(|(text, _)| !is_told(text)).map(|(text, number)| (Ends::of(text), *number)).collect();
        if untold.len().saturating_mul(texts.len()) > MOST_COMPARED {
            return Some(vec![0; texts.len()]);
        }
        let all: Vec<(Ends, u32)> = if untold.is_empty() { Vec::new() } else { texts.iter().map(|(text, number)| (Ends::of(text), *number)).collect() };
        for (one, number) in &untold {
            for (_, other) in all.iter().filter(|(other, _)| one.may_equal(other)) {
                put_together(&mut least, *number, *other);
            }
        }
        let classes: Vec<u32> = (0..).take(texts.len()).map(|number| root(&least, number)).collect();
        classes.iter().zip(0..).any(|(class, number)| *class != number).then_some(classes)
    }
}

/// What is known of a text that holds letters which a reading does not know: how it begins and how it ends, by the loosest of all readings.
/// A letter beside one that is not known may be one with it.
struct Ends {
    begins: Vec<char>,
    /// Backwards.
    ends: Vec<char>,
}

impl Ends {
    fn of(text: &str) -> Self {
        let letters: Vec<char> = loosest(text).chars().collect();
        let is_known = |letter: &char| (' '..='~').contains(letter) || is_han(*letter);
        let known = |letters: &mut dyn Iterator<Item = &char>| {
            let mut run: Vec<char> = letters.take_while(|letter| is_known(letter)).copied().collect();
            run.pop();
            run
        };
        match letters.iter().all(is_known) {
            true => Self { begins: letters.clone(), ends: letters.into_iter().rev().collect() },
            false => Self { begins: known(&mut letters.iter()), ends: known(&mut letters.iter().rev()) },
        }
    }

    /// Whether nothing that is known of both keeps them apart.
    fn may_equal(&self, other: &Self) -> bool {
        let agree = |one: &[char], other: &[char]| one.iter().zip(other).all(|(one, other)| one == other);
        agree(&self.begins, &other.begins) && agree(&self.ends, &other.ends)
    }
}

fn put_together(least: &mut [u32], one: u32, other: u32) {
    let (one, other) = (root(least, one), root(least, other));
    if let Some(of) = least.get_mut(one.max(other) as usize) {
        *of = one.min(other);
    }
}

/// Follows what each value was put together with.
fn root(least: &[u32], mut number: u32) -> u32 {
    while let Some(below) = least.get(number as usize).filter(|below| **below != number) {
        number = *below;
    }
    number
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::Dialect;

    fn check(names: &[Option<&str>], rows: &[&[&str]], expected: bool) {
        let collations: Vec<Option<Collation>> = names.iter().map(|name| name.map(|name| Collation::declared(Dialect::MySql, name))).collect();
        let mut met = Met::of(&collations);
        for row in rows {
            met.note(row.iter().map(|value| (*value != "NULL").then_some(*value)));
        }
        assert_eq!(met.differs(), expected, "{names:?} {rows:?}");
    }

    #[test]
    fn what_is_one_to_the_server_is_found() {
        let unicode = Some("utf8mb4_unicode_ci");
        check(&[unicode], &[&["Ann"], &["Bob"], &["Ann"]], false);
        check(&[unicode], &[&["Ann"], &["ann "]], true);
        check(&[unicode], &[&["Zoe"], &["Zoë"]], true);
        check(&[unicode], &[&["陳大文"], &["陳小文"], &["NULL"]], false);
        // What another script's letters weigh is not known, so that they may be any; but what stands before them is.
        check(&[unicode], &[&["Иван"], &["Ann"]], true);
        check(&[unicode], &[&["Dr Иван"], &["Mr Анна"]], false);
        check(&[Some("utf8mb4_german2_ci")], &[&["Zoë Pine"], &["Zoe Oak"], &["Lü Fu"]], false);
        check(&[Some("utf8mb4_german2_ci")], &[&["Müller"], &["Mueller"]], true);
        check(&[Some("utf8mb4_bin")], &[&["Ann"], &["ann"]], false);
    }

    #[test]
    fn keys_that_differ_keep_groups_apart() {
        let unicode = Some("utf8mb4_0900_ai_ci");
        check(&[None, unicode], &[&["1", "Ann"], &["2", "ANN"], &["3", "Иван"]], false);
        check(&[None, unicode], &[&["1", "Ann"], &["1", "ANN"]], true);
        check(&[unicode, unicode], &[&["C1", "Иван"], &["C2", "Анна"]], false);
        check(&[unicode, unicode], &[&["C1", "Иван"], &["c1", "Анна"]], true);
        check(&[None, unicode], &[&["NULL", "a"], &["1", "A"]], false);
    }

    #[test]
    fn each_reading_of_a_collation_that_is_not_known_counts() {
        check(&[Some("utf8mb4_czech_ci")], &[&["a"], &["A"]], true);
        check(&[Some("utf8mb4_swedish_ci")], &[&["Vik"], &["Wik"]], true);
        check(&[Some("utf8mb4_swedish_ci")], &[&["Bok"], &["Ask"]], false);
    }

    #[test]
    fn too_many_rows_leave_the_texts() {
        let mut met = Met::of(&[None, Some(Collation::declared(Dialect::MySql, "utf8mb4_general_ci"))]);
        for number in 0..100 {
            met.note([Some(number.to_string().as_str()), Some("open")].into_iter());
        }
        met.forget_rows();
        met.note([Some("200"), Some("shut")].into_iter());
        assert!(!met.differs());
        met.note([Some("201"), Some("Open")].into_iter());
        assert!(met.differs());
    }
}
