//! Documents and arrays that a column keeps as their text: parts of JSON, and PostgreSQL's `{a,b}` as lists.
//!
//! A text that is not read as what the operator takes it for (`hstore` has the arrow of JSON too) gives no value, and what stands
//! on it is not known: `is_read` says so of each row.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::builder::{ListBuilder, StringBuilder};
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, BooleanArray, StringArray};
use arrow_schema::{DataType, Field};
use datafusion::common::{Result, ScalarValue, internal_err};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility, cast};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::fidelity::text_literal;
use crate::vocabulary::array_items;

/// One step into a document.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Step {
    /// The value of a key, or the element at a place written as a text.
    Key(String),
    /// The element at a place, from the end where it is negative.
    Place(i64),
    /// Of a path: a key, or a place in an array.
    Any(String),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum What {
    /// (document): the part that the steps lead to; as a text, or as it is written.
    Part(Vec<Step>, bool),
    /// (document): whether it has the key, or the text among its elements.
    HasKey(String),
    /// (document, document): whether the first contains the second.
    Contains,
    /// (text): the list that it writes.
    Array,
    /// (list): its text; a text stays as it is.
    Text,
    /// (text): whether it is a document.
    IsDocument,
    /// (text): whether it is an array of one dimension.
    IsArray,
    /// (array, array or element): whether it is sure which elements are equal, whatever type they are of.
    AreTold,
}

/// A function of documents.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Document {
    what: What,
    signature: Signature,
}

fn call(what: What, arguments: Vec<Expr>) -> Expr {
    let keeps = matches!(what, What::Array | What::Text | What::IsArray | What::AreTold);
    let arguments = if keeps { arguments } else { arguments.into_iter().map(|argument| cast(argument, DataType::Utf8)).collect() };
    Expr::ScalarFunction(ScalarFunction::new_udf(Arc::new(function_of(what)), arguments))
}

fn function_of(what: What) -> ScalarUDF {
    ScalarUDF::new_from_impl(Document { what, signature: Signature::variadic_any(Volatility::Immutable) })
}

/// The function that makes a list of the text of an array: statements are put into its words.
pub(crate) fn array_function() -> ScalarUDF {
    function_of(What::Array)
}

/// Its name.
pub(crate) const ARRAY: &str = "array_of_text";

/// The function that makes a text of a list, which stands for a document of many rows: its default is a text.
pub(crate) fn text_function() -> ScalarUDF {
    function_of(What::Text)
}

/// Its name.
pub(crate) const TEXT: &str = "text_of_list";

/// `document -> step`.
pub(crate) fn part_of(document: Expr, steps: Vec<Step>, as_text: bool) -> Expr {
    call(What::Part(steps, as_text), vec![document])
}

/// `document ? 'key'`.
pub(crate) fn has_key(document: Expr, key: &str) -> Expr {
    call(What::HasKey(key.to_owned()), vec![document])
}

/// `document @> document`.
pub(crate) fn contains(whole: Expr, part: Expr) -> Expr {
    call(What::Contains, vec![whole, part])
}

/// A list of what an array's text writes; a list stays as it is.
pub(crate) fn array_of(array: Expr) -> Expr {
    call(What::Array, vec![array])
}

/// Whether a text is a document.
pub(crate) fn is_document(text: &str) -> bool {
    serde_json::from_str::<Value>(text).is_ok()
}

/// The step that the right side of an arrow is.
pub(crate) fn step(key: &Expr) -> Option<Vec<Step>> {
    match key {
        Expr::Literal(ScalarValue::Int64(Some(place)), _) => Some(vec![Step::Place(*place)]),
        Expr::Negative(place) => match place.as_ref() {
            Expr::Literal(ScalarValue::Int64(Some(place)), _) => Some(vec![Step::Place(-place)]),
            _ => None,
        },
        key => Some(vec![Step::Key(text_literal(key)?.to_owned())]),
    }
}

/// The steps of `'{a,b}'` or `ARRAY['a', 'b']`.
pub(crate) fn path(path: &Expr) -> Option<Vec<Step>> {
    texts_of(path).map(|texts| texts.into_iter().map(Step::Any).collect())
}

/// The texts of an array that is written in the statement.
pub(crate) fn texts_of(array: &Expr) -> Option<Vec<String>> {
    match array {
        Expr::ScalarFunction(function) if function.name() == "make_array" => function.args.iter().map(|item| text_literal(item).map(str::to_owned)).collect(),
        Expr::Cast(inner) => texts_of(&inner.expr),
        array => array_items(text_literal(array)?)?.into_iter().collect(),
    }
}

/// Whether it is sure which elements of two arrays, or of one and a value, are equal.
pub(crate) fn told(array: Expr, other: Expr) -> Expr {
    call(What::AreTold, vec![array, other])
}

/// Whether the texts that a function of documents reads are what it takes them for, by its arguments; `None` for other functions.
pub(crate) fn is_read(function: &ScalarFunction) -> Option<Vec<Expr>> {
    let inner: &dyn Any = function.func.inner().as_ref();
    let asked = match inner.downcast_ref::<Document>()?.what {
        What::Array => What::IsArray,
        What::Text => return None,
        _ => What::IsDocument,
    };
    Some(function.args.iter().map(|argument| call(asked.clone(), vec![argument.clone()])).collect())
}

impl ScalarUDFImpl for Document {
    fn name(&self) -> &str {
        match self.what {
            What::Part(_, true) => "document_text",
            What::Part(_, false) => "document_part",
            What::HasKey(_) => "document_has_key",
            What::Contains => "document_contains",
            What::Array => ARRAY,
            What::Text => TEXT,
            What::IsDocument => "is_document",
            What::IsArray => "is_array",
            What::AreTold => "elements_are_told",
        }
    }

    fn schema_name(&self, args: &[Expr]) -> Result<String> {
        Ok(format!("{:?}({})", self.what, args.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")))
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        Ok(match self.what {
            What::Part(..) | What::Text => DataType::Utf8,
            What::Array => match arguments.first() {
                Some(list @ (DataType::List(_) | DataType::LargeList(_) | DataType::FixedSizeList(..))) => list.clone(),
                _ => DataType::List(Arc::new(Field::new_list_field(DataType::Utf8, true))),
            },
            _ => DataType::Boolean,
        })
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = args.args.iter().map(|value| value.to_array(args.number_rows)).collect::<Result<Vec<_>>>()?;
        let Some(first) = arrays.first() else {
            return internal_err!("a function of documents without one");
        };
        if self.what == What::Text {
            let texts = (0..args.number_rows).map(|row| (!first.is_null(row)).then(|| elements(first, row).join(",")));
            let is_list = first.as_string_opt::<i32>().is_none();
            let texts: StringArray = texts.map(|text| text.map(|text| if is_list { format!("[{text}]") } else { text })).collect();
            return Ok(ColumnarValue::Array(Arc::new(texts)));
        }
        if self.what == What::AreTold {
            let second = arrays.get(1).unwrap_or(first);
            let sure = (0..args.number_rows).map(|row| Some(are_told(&elements(first, row), &elements(second, row))));
            return Ok(ColumnarValue::Array(Arc::new(sure.collect::<BooleanArray>())));
        }
        let Some(texts) = first.as_string_opt::<i32>() else {
            return match self.what {
                What::Array => Ok(ColumnarValue::Array(first.clone())),
                What::IsArray => Ok(ColumnarValue::Array(Arc::new(BooleanArray::from(vec![true; first.len()])))),
                _ => internal_err!("a document that is no text"),
            };
        };
        let truths = |judge: &dyn Fn(&str) -> Option<bool>| -> ArrayRef { Arc::new(texts.iter().map(|text| text.and_then(judge)).collect::<BooleanArray>()) };
        Ok(ColumnarValue::Array(match &self.what {
            What::Part(steps, as_text) => Arc::new(texts.iter().map(|text| text.and_then(|text| part(text, steps, *as_text))).collect::<StringArray>()),
            What::HasKey(key) => truths(&|text| Some(holds_key(&serde_json::from_str(text).ok()?, key))),
            What::Contains => {
                let second = arrays.get(1).and_then(|array| array.as_string_opt::<i32>());
                let pairs = texts.iter().zip(second.into_iter().flatten());
                let holds = |(whole, part): (Option<&str>, Option<&str>)| {
                    let (whole, part): (Value, Value) = (serde_json::from_str(whole?).ok()?, serde_json::from_str(part?).ok()?);
                    Some(holds(&whole, &part, true))
                };
                Arc::new(pairs.map(holds).collect::<BooleanArray>())
            }
            What::Array => lists(texts),
            // Of a NULL the server makes a NULL too.
            What::IsDocument => Arc::new(texts.iter().map(|text| Some(text.is_none_or(is_document))).collect::<BooleanArray>()),
            What::IsArray => Arc::new(texts.iter().map(|text| Some(text.is_none_or(|text| array_items(text).is_some()))).collect::<BooleanArray>()),
            What::AreTold | What::Text => return internal_err!("it was told before"),
        }))
    }
}

/// What is no array gives a list of itself: whatever stood in it may have been sent.
fn lists(texts: &StringArray) -> ArrayRef {
    let mut lists = ListBuilder::new(StringBuilder::new());
    for text in texts {
        let items = text.map(|text| array_items(text).unwrap_or_else(|| vec![Some(text.to_owned())]));
        items.iter().flatten().for_each(|item| lists.values().append_option(item.as_deref()));
        lists.append(items.is_some());
    }
    Arc::new(lists.finish())
}

/// The elements of an array's text or of a list, or a value alone, as texts.
fn elements(array: &ArrayRef, row: usize) -> Vec<String> {
    if array.is_null(row) {
        return Vec::new();
    }
    let list = array.as_list_opt::<i32>().map(|lists| lists.value(row));
    let own = list.unwrap_or_else(|| array.slice(row, 1));
    let written = datafusion::arrow::compute::cast(&own, &DataType::Utf8);
    written.ok().and_then(|own| own.as_string_opt::<i32>().map(|texts| texts.iter().flatten().map(str::to_owned).collect())).unwrap_or_default()
}

/// Whether no two elements are written otherwise and yet may be the same value: in another case, with other digits or blanks.
fn are_told(ours: &[String], others: &[String]) -> bool {
    let number = |text: &str| text.starts_with(|letter: char| letter.is_ascii_digit() || matches!(letter, '-' | '+' | '.'));
    let truth = |text: &str| matches!(text, "t" | "f");
    let whole = |text: &str| text.trim_start_matches('-').bytes().all(|byte| byte.is_ascii_digit()) && !text.trim_start_matches('-').starts_with('0');
    let apart = |one: &String, other: &String| {
        let differ = one.trim().to_lowercase() != other.trim().to_lowercase();
        differ && !truth(one) && !truth(other) && !(number(one) && number(other) && !(whole(one) && whole(other)))
    };
    ours.iter().all(|one| others.iter().all(|other| one == other || apart(one, other)))
}

/// The part that steps lead to. What is no document gives itself: whatever stood in it may have been sent.
fn part(text: &str, steps: &[Step], as_text: bool) -> Option<String> {
    let Ok(mut at) = serde_json::from_str::<&RawValue>(text) else { return Some(text.to_owned()) };
    for step in steps {
        at = one_step(at, step)?;
    }
    let written = at.get();
    match (as_text, written.as_bytes().first()) {
        (true, Some(b'"')) => serde_json::from_str(written).ok(),
        (true, Some(b'n')) => None,
        _ => Some(written.to_owned()),
    }
}

fn one_step<'t>(at: &'t RawValue, step: &Step) -> Option<&'t RawValue> {
    match (at.get().as_bytes().first(), step) {
        (Some(b'{'), Step::Key(key) | Step::Any(key)) => serde_json::from_str::<BTreeMap<String, &RawValue>>(at.get()).ok()?.remove(key),
        (Some(b'['), Step::Place(place)) => element(at, *place),
        (Some(b'['), Step::Any(place)) => element(at, place.parse().ok()?),
        _ => None,
    }
}

fn element(at: &RawValue, place: i64) -> Option<&RawValue> {
    let elements: Vec<&RawValue> = serde_json::from_str(at.get()).ok()?;
    let place = if place < 0 { place.checked_add(i64::try_from(elements.len()).ok()?)? } else { place };
    elements.get(usize::try_from(place).ok()?).copied()
}

fn holds_key(document: &Value, key: &str) -> bool {
    match document {
        Value::Object(members) => members.contains_key(key),
        Value::Array(elements) => elements.iter().any(|element| element.as_str() == Some(key)),
        Value::String(text) => text == key,
        _ => false,
    }
}

/// Containment as PostgreSQL's manual, 8.14.3, has it: an array also contains a bare value, at the top alone.
fn holds(whole: &Value, part: &Value, is_top: bool) -> bool {
    match (whole, part) {
        (Value::Object(whole), Value::Object(part)) => part.iter().all(|(key, part)| whole.get(key).is_some_and(|whole| holds(whole, part, false))),
        (Value::Array(whole), Value::Array(part)) => part.iter().all(|part| whole.iter().any(|whole| holds(whole, part, false))),
        (Value::Array(whole), part) if is_top && !part.is_object() => whole.iter().any(|whole| holds(whole, part, false)),
        (Value::Number(one), Value::Number(other)) => one == other || one.as_f64() == other.as_f64(),
        (one, other) => one == other,
    }
}
