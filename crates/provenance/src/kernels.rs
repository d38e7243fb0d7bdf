//! Functions of texts that a plan calls to compare as the server does, and to say where that is not sure.
//! A statement can never name them: they are not registered.

use std::any::Any;
use std::sync::Arc;

use arrow_array::builder::BinaryBuilder;
use arrow_array::cast::AsArray;
use arrow_array::{ArrayRef, BooleanArray, Float64Array, StringArray, TimestampMicrosecondArray};
use arrow_schema::{DataType, Field, FieldRef, TimeUnit};
use datafusion::common::{Result, internal_err};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility, cast, lit};

use crate::collation::{Collation, Reading, general};
use crate::declared::Declared;
use crate::fidelity::{Readings, text_literal, weighed_literal};
use crate::session::Zone;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum What {
    /// (text): a key in the order of a reading.
    Key(Reading),
    /// (text): a key in the order of a declared type.
    DeclaredKey(Declared),
    /// (text): its characters as MySQL weighs them, for LIKE.
    Weighed,
    /// (text): whether all readings know its place.
    Placed(Vec<Reading>),
    /// (text): whether all readings know what is equal to it.
    Tellable(Vec<Reading>),
    /// (text): whether it has a key in the type.
    HasKey(Declared),
    /// (text): whether it is of plain characters, for which all servers do the same.
    Plain,
    /// (text, pattern): whether the one matches the other alike however the server changes case.
    Caseless,
    /// (text, text): whether it is sure that they are equal, or are not, their case changed.
    ToldInCase(Case, Case),
    /// (text, text): whether their order is sure.
    Ordered(Collation),
    /// (text, text): whether it is sure that they are equal or are not.
    Told(Collation),
    /// (ours, must, may): a decision with its readings; ours.
    Decided,
    /// (number): to the nearest whole number, halves to the even one.
    ToEven,
    /// (instant): the local time in a zone.
    ToLocal(Zone),
    /// (local time): the instant in a zone.
    ToInstant(Zone),
}

/// A function of texts.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Kernel {
    what: What,
    signature: Signature,
}

fn call(what: What, arguments: Vec<Expr>) -> Expr {
    let kind = match what {
        What::ToLocal(_) => instant_type(),
        What::ToInstant(_) => local_type(),
        What::ToEven => DataType::Float64,
        What::Decided => DataType::Boolean,
        _ => DataType::Utf8,
    };
    let signature = Signature::exact(vec![kind.clone(); arguments.len()], Volatility::Immutable);
    let arguments = arguments.into_iter().map(|argument| cast(argument, kind.clone())).collect();
    ScalarUDF::new_from_impl(Kernel { what, signature }).call(arguments)
}

/// The type of an instant.
pub(crate) fn instant_type() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("+00:00".into()))
}

/// The type of a local time.
fn local_type() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, None)
}

/// An instant as the local time of a zone.
pub(crate) fn to_local(zone: Zone, instant: Expr) -> Expr {
    call(What::ToLocal(zone), vec![instant])
}

/// A local time of a zone as an instant.
pub(crate) fn to_instant(zone: Zone, local: Expr) -> Expr {
    call(What::ToInstant(zone), vec![local])
}

/// Whether it is such an instant.
pub(crate) fn is_to_instant(function: &ScalarFunction) -> bool {
    function.func.inner().downcast_ref::<Kernel>().is_some_and(|kernel| matches!(kernel.what, What::ToInstant(_)))
}

/// A key of a text in the order of a reading.
pub(crate) fn key(reading: Reading, text: Expr) -> Expr {
    call(What::Key(reading), vec![text])
}

/// A key of a text in the order of a declared type.
pub(crate) fn declared_key(declared: Declared, text: Expr) -> Expr {
    call(What::DeclaredKey(declared), vec![text])
}

/// A text's characters as MySQL weighs them. A literal's are computed here, for the engine would forget which text they are of.
pub(crate) fn weighed(text: Expr) -> Expr {
    match text_literal(&text) {
        Some(written) => weighed_literal(&general(written), written),
        None => call(What::Weighed, vec![text]),
    }
}

/// Whether all readings know where a text stands.
pub(crate) fn placed(readings: Vec<Reading>, text: Expr) -> Expr {
    call(What::Placed(readings), vec![text])
}

/// Whether all readings know which texts are equal to a text.
pub(crate) fn tellable(readings: Vec<Reading>, text: Expr) -> Expr {
    call(What::Tellable(readings), vec![text])
}

/// Whether a text has a key in a declared type.
pub(crate) fn has_key(declared: Declared, text: Expr) -> Expr {
    call(What::HasKey(declared), vec![text])
}

/// Whether a text is of plain characters.
pub(crate) fn plain(text: Expr) -> Expr {
    call(What::Plain, vec![text])
}

/// Whether a text without regard to case matches a pattern alike however the server changes the case of letters.
pub(crate) fn caseless(text: Expr, pattern: Expr) -> Expr {
    call(What::Caseless, vec![text, pattern])
}

/// Whether it is sure that two texts whose case is changed are equal, or are not.
pub(crate) fn told_in_case((left, of_left): (Expr, Case), (right, of_right): (Expr, Case)) -> Expr {
    call(What::ToldInCase(of_left, of_right), vec![left, right])
}

/// Whether the order of two texts is sure.
pub(crate) fn ordered(collation: Collation, left: Expr, right: Expr) -> Expr {
    call(What::Ordered(collation), vec![left, right])
}

/// Whether it is sure that two texts are equal, or are not.
pub(crate) fn told(collation: Collation, left: Expr, right: Expr) -> Expr {
    call(What::Told(collation), vec![left, right])
}

/// A decision that the server may make otherwise, with its readings.
pub(crate) fn decided(ours: Expr, readings: Readings) -> Expr {
    call(What::Decided, vec![ours, readings.must, readings.may])
}

/// The readings of a decision.
pub(crate) fn readings_of(function: &ScalarFunction) -> Option<Readings> {
    match function.args.as_slice() {
        [_, must, may] if function.name() == "decided" => Some(Readings { must: must.clone(), may: may.clone() }),
        _ => None,
    }
}

/// A number to the nearest whole one, halves to the even one.
pub(crate) fn to_even(number: Expr) -> Expr {
    call(What::ToEven, vec![number])
}

/// The declared type of a key.
pub(crate) fn declared_of(function: &ScalarFunction) -> Option<Declared> {
    let inner: &dyn Any = function.func.inner().as_ref();
    match &inner.downcast_ref::<Kernel>()?.what {
        What::DeclaredKey(declared) => Some(declared.clone()),
        _ => None,
    }
}

impl ScalarUDFImpl for Kernel {
    fn name(&self) -> &str {
        match self.what {
            What::Key(_) => "text_key",
            What::DeclaredKey(_) => "declared_key",
            What::Weighed => "text_weighed",
            What::Placed(_) => "text_placed",
            What::Tellable(_) => "text_tellable",
            What::HasKey(_) => "declared_has_key",
            What::Plain => "text_plain",
            What::Caseless => "text_caseless",
            What::ToldInCase(..) => "text_told_in_case",
            What::Ordered(_) => "text_ordered",
            What::Told(_) => "text_told",
            What::ToEven => "number_to_even",
            What::ToLocal(_) => "instant_to_local",
            What::ToInstant(_) => "local_to_instant",
            What::Decided => "decided",
        }
    }

    fn schema_name(&self, args: &[Expr]) -> Result<String> {
        Ok(format!("{:?}({})", self.what, args.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")))
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(match self.what {
            What::Key(_) | What::DeclaredKey(_) => DataType::Binary,
            What::Weighed => DataType::Utf8,
            What::ToEven => DataType::Float64,
            What::ToLocal(_) => local_type(),
            What::ToInstant(_) => instant_type(),
            _ => DataType::Boolean,
        })
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = args.args.iter().map(|value| value.to_array(args.number_rows)).collect::<Result<Vec<_>>>()?;
        let Some(first) = arrays.first() else {
            return internal_err!("a function of texts without a text");
        };
        if self.what == What::ToEven {
            let rounded: Float64Array = first.as_primitive::<arrow_array::types::Float64Type>().unary(f64::round_ties_even);
            return Ok(ColumnarValue::Array(Arc::new(rounded)));
        }
        let times = |change: &dyn Fn(i64) -> Option<i64>| {
            let changed: TimestampMicrosecondArray =
                first.as_primitive::<arrow_array::types::TimestampMicrosecondType>().iter().map(|time| time.and_then(change)).collect();
            changed
        };
        match &self.what {
            What::ToLocal(zone) => return Ok(ColumnarValue::Array(Arc::new(times(&zone.to_local())))),
            What::ToInstant(zone) => return Ok(ColumnarValue::Array(Arc::new(times(&zone.to_instant()).with_timezone("+00:00")))),
            _ => {}
        }
        if self.what == What::Decided {
            return Ok(ColumnarValue::Array(first.clone()));
        }
        let texts = first.as_string::<i32>();
        let second = arrays.get(1).map(|array| array.as_string::<i32>());
        // A NULL decides alike everywhere.
        let judged = |judge: &dyn Fn(&str) -> bool| -> ArrayRef { Arc::new(texts.iter().map(|text| Some(text.is_none_or(judge))).collect::<BooleanArray>()) };
        let compared = |judge: &dyn Fn(&str, &str) -> bool| -> ArrayRef {
            let pair = |(left, right): (Option<&str>, Option<&str>)| Some(left.zip(right).is_none_or(|(left, right)| judge(left, right)));
            Arc::new(texts.iter().zip(second.into_iter().flatten()).map(pair).collect::<BooleanArray>())
        };
        Ok(ColumnarValue::Array(match &self.what {
            What::Key(reading) => keys(texts, |text| Some(reading.key(text))),
            What::DeclaredKey(declared) => keys(texts, |text| declared.key(text)),
            What::Weighed => Arc::new(texts.iter().map(|text| text.map(general)).collect::<StringArray>()),
            What::Placed(readings) => judged(&|text| readings.iter().all(|reading| reading.places(text))),
            What::Tellable(readings) => judged(&|text| readings.iter().all(|reading| reading.tells(text))),
            What::HasKey(declared) => judged(&|text| declared.key(text).is_some()),
            What::Plain => judged(&is_plain),
            What::Caseless => compared(&|text, pattern| is_plain(pattern) && text.chars().all(keeps_apart)),
            What::ToldInCase(of_left, of_right) => compared(&|left, right| {
                let is_equal = |fold: &Fold| fold.of(*of_left, left) == fold.of(*of_right, right);
                let first = is_equal(&Fold::Plain);
                [Fold::Letters, Fold::Whole].iter().all(|fold| is_equal(fold) == first)
            }),
            What::Ordered(collation) => compared(&|left, right| collation.orders_alike(left, right)),
            What::Told(collation) => compared(&|left, right| collation.equals_alike(left, right)),
            What::ToEven | What::Decided | What::ToLocal(_) | What::ToInstant(_) => return internal_err!("it is no text"),
        }))
    }
}

fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| (b' '..=b'~').contains(&byte))
}

/// Whether a letter is plain, or stays one letter that is not, in either case.
fn keeps_apart(letter: char) -> bool {
    fn is_one(mut changed: impl Iterator<Item = char>) -> bool {
        matches!((changed.next(), changed.next()), (Some(one), None) if !one.is_ascii())
    }
    (' '..='~').contains(&letter) || !letter.is_ascii() && is_one(letter.to_lowercase()) && is_one(letter.to_uppercase())
}

/// To which case a text is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Case {
    Kept,
    Lower,
    Upper,
}

/// How a server changes case: plain letters only, as in the locale C; letter by letter, as the C library; or as ICU does,
/// where a letter may become several.
enum Fold {
    Plain,
    Letters,
    Whole,
}

impl Fold {
    fn of(&self, case: Case, text: &str) -> String {
        fn alone(letter: char, mut changed: impl Iterator<Item = char>) -> char {
            changed.next().filter(|_| changed.next().is_none()).unwrap_or(letter)
        }
        match (self, case) {
            (_, Case::Kept) => text.to_owned(),
            (Self::Plain, Case::Lower) => text.to_ascii_lowercase(),
            (Self::Plain, Case::Upper) => text.to_ascii_uppercase(),
            (Self::Letters, Case::Lower) => text.chars().map(|letter| alone(letter, letter.to_lowercase())).collect(),
            (Self::Letters, Case::Upper) => text.chars().map(|letter| alone(letter, letter.to_uppercase())).collect(),
            (Self::Whole, Case::Lower) => text.to_lowercase(),
            (Self::Whole, Case::Upper) => text.to_uppercase(),
        }
    }
}

fn keys(texts: &StringArray, key: impl Fn(&str) -> Option<Vec<u8>>) -> ArrayRef {
    let mut builder = BinaryBuilder::new();
    for text in texts {
        builder.append_option(text.and_then(&key));
    }
    Arc::new(builder.finish())
}

/// `x COLLATE c`, as a function: (text, name of the collation).
pub(crate) const IN_COLLATION: &str = "in_collation";

/// The text of `x COLLATE c`, and the collation's name.
pub(crate) fn collated(function: &ScalarFunction) -> Option<(&Expr, &str)> {
    match function.args.as_slice() {
        [text, name] if function.name() == IN_COLLATION => Some((text, text_literal(name)?)),
        _ => None,
    }
}

/// A text that compares by a collation.
pub(crate) fn in_collation(text: Expr, name: &str) -> Expr {
    collation_function().call(vec![text, lit(name)])
}

/// The function that keeps a text as it is, and says by which collation it compares. Statements say it as `COLLATE`.
pub(crate) fn collation_function() -> ScalarUDF {
    ScalarUDF::new_from_impl(InCollation { signature: Signature::exact(vec![DataType::Utf8, DataType::Utf8], Volatility::Immutable) })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct InCollation {
    signature: Signature,
}

impl ScalarUDFImpl for InCollation {
    fn name(&self) -> &str {
        IN_COLLATION
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    /// Names the collation, so that it is still known above the row that it was said of.
    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        let field = Field::new(self.name(), DataType::Utf8, true);
        let name = args.scalar_arguments.get(1).copied().flatten().and_then(|name| name.try_as_str().flatten());
        Ok(Arc::new(name.map_or_else(|| field.clone(), |name| crate::declared::collated(field.clone(), name))))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        args.args.into_iter().next().map_or_else(|| internal_err!("a collation without a text"), Ok)
    }
}
