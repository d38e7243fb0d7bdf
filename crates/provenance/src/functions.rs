//! The functions that the rewritten plan calls to make, join, doubt and weigh sets of subjects.
//! A statement can never name them: they are not registered.

use std::cmp::Ordering;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{UInt32Type, UInt64Type};
use arrow_array::{Array, ArrayRef, BooleanArray, UInt64Array};
use arrow_schema::DataType;
use datafusion::arrow::compute::kernels::cmp::eq;
use datafusion::arrow::compute::{SortOptions, sort_to_indices};
use datafusion::common::{DataFusionError, Result, ScalarValue, internal_err};
use datafusion::logical_expr::function::AccumulatorArgs;
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, ColumnarValue, EmitTo, Expr, GroupsAccumulator, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Volatility, cast, lit,
};

use crate::arena::{Arena, Growing, element};
use crate::types::Doubt;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Scalar {
    /// (subject, doubt bits): one row of a table.
    Element,
    /// (set): the same with these doubt bits.
    Doubted(u64),
    /// (set): the set if it is at most so many people, else nobody.
    AtMost(usize),
    /// (set): the set if anybody in it has such a doubt, else nobody.
    InDoubt(u64),
    /// (set, set): both.
    Both,
    /// (set, other): the set, nobody in it surer than the surest of the other.
    NoSurer,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct SetFunction {
    what: Scalar,
    arena: Arena,
    signature: Signature,
}

impl ScalarUDFImpl for SetFunction {
    fn name(&self) -> &str {
        match self.what {
            Scalar::Element => "subject_element",
            Scalar::Doubted(_) => "subject_doubted",
            Scalar::AtMost(_) => "subject_at_most",
            Scalar::InDoubt(_) => "subject_in_doubt",
            Scalar::Both => "subject_both",
            Scalar::NoSurer => "subject_no_surer",
        }
    }

    fn schema_name(&self, args: &[Expr]) -> Result<String> {
        Ok(format!("{:?}({})", self.what, args.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")))
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(DataType::UInt64)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let first = arrays.first().ok_or_else(|| DataFusionError::Internal("a set function without arguments".into()))?;
        let result: UInt64Array = match self.what {
            Scalar::Element => {
                let Some(doubts) = arrays.get(1).map(|array| array.as_primitive::<UInt64Type>()) else {
                    return internal_err!("a row without its doubts");
                };
                let of_row = |(row, subject): (usize, Option<u32>)| subject.map(|subject| self.arena.of_row(subject, doubts.value(row))).transpose();
                first.as_primitive::<UInt32Type>().iter().enumerate().map(of_row).collect::<Result<_>>()?
            }
            Scalar::Doubted(doubts) => {
                let mut last = None;
                let doubted = |value: u64| match last {
                    Some((known, result)) if known == value => Ok(result),
                    _ => {
                        let result = self.arena.doubted(value, doubts)?;
                        last = Some((value, result));
                        Ok::<u64, DataFusionError>(result)
                    }
                };
                let mut doubted = doubted;
                first.as_primitive::<UInt64Type>().iter().map(|value| value.map(&mut doubted).transpose()).collect::<Result<_>>()?
            }
            Scalar::AtMost(limit) => {
                first.as_primitive::<UInt64Type>().iter().map(|value| value.filter(|value| self.arena.is_at_most(*value, limit))).collect()
            }
            Scalar::InDoubt(doubt) => {
                first.as_primitive::<UInt64Type>().iter().map(|value| value.filter(|value| self.arena.has_doubt(*value, doubt))).collect()
            }
            Scalar::Both => {
                let Some(second) = arrays.get(1) else {
                    return internal_err!("a set function without its second argument");
                };
                let pairs = first.as_primitive::<UInt64Type>().iter().zip(second.as_primitive::<UInt64Type>().iter());
                pairs.map(|(one, other)| self.arena.union(one.into_iter().chain(other).collect())).collect::<Result<_>>()?
            }
            Scalar::NoSurer => {
                let Some(second) = arrays.get(1) else {
                    return internal_err!("a set function without its second argument");
                };
                let pairs = first.as_primitive::<UInt64Type>().iter().zip(second.as_primitive::<UInt64Type>().iter());
                let one = |(set, other): (Option<u64>, Option<u64>)| match (set, other.map(|other| self.arena.fewest_doubts(other))) {
                    (Some(set), Some(doubts @ 1..)) => self.arena.doubted(set, doubts).map(Some),
                    (set, _) => Ok(set),
                };
                pairs.map(one).collect::<Result<_>>()?
            }
        };
        Ok(ColumnarValue::Array(Arc::new(result)))
    }
}

/// Lets through what we decide, and notes where the server may decide otherwise.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Witness {
    arena: Arena,
    signature: Signature,
}

impl ScalarUDFImpl for Witness {
    fn name(&self) -> &str {
        "decision_witness"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(DataType::Boolean)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let [ours, must, may] = arrays.as_slice() else {
            return internal_err!("a witness takes three decisions");
        };
        let is_true = |decisions: &ArrayRef, row| decisions.as_boolean().is_valid(row) && decisions.as_boolean().value(row);
        if (0..may.len()).any(|row| is_true(may, row) && !is_true(must, row)) {
            self.arena.open();
        }
        Ok(ColumnarValue::Array(ours.clone()))
    }
}

/// Builds the expressions of one plan, over one arena.
#[derive(Clone, Debug)]
pub(crate) struct Functions {
    pub(crate) arena: Arena,
}

impl Functions {
    fn scalar(&self, what: Scalar, arguments: Vec<Expr>, types: Vec<DataType>) -> Expr {
        let signature = Signature::exact(types, Volatility::Stable);
        ScalarUDF::new_from_impl(SetFunction { what, arena: self.arena.clone(), signature }).call(arguments)
    }

    pub(crate) fn element(&self, subject: Expr, doubts: Expr) -> Expr {
        self.scalar(Scalar::Element, vec![subject, doubts], vec![DataType::UInt32, DataType::UInt64])
    }

    pub(crate) fn doubted(&self, set: Expr, doubt: u64) -> Expr {
        self.scalar(Scalar::Doubted(doubt), vec![set], vec![DataType::UInt64])
    }

    pub(crate) fn at_most(&self, set: Expr, limit: usize) -> Expr {
        self.scalar(Scalar::AtMost(limit), vec![set], vec![DataType::UInt64])
    }

    pub(crate) fn in_doubt(&self, set: Expr, doubt: u64) -> Expr {
        self.scalar(Scalar::InDoubt(doubt), vec![set], vec![DataType::UInt64])
    }

    pub(crate) fn both(&self, one: Expr, other: Expr) -> Expr {
        self.scalar(Scalar::Both, vec![one, other], vec![DataType::UInt64, DataType::UInt64])
    }

    /// The same people, none of them surer than the surest of another set: a value stands in the result only if both sides hold it.
    pub(crate) fn no_surer(&self, set: Expr, other: Expr) -> Expr {
        self.scalar(Scalar::NoSurer, vec![set, other], vec![DataType::UInt64, DataType::UInt64])
    }

    pub(crate) fn union_function(&self, cap: Option<usize>) -> Arc<AggregateUDF> {
        let signature = Signature::exact(vec![DataType::UInt64], Volatility::Immutable);
        Arc::new(AggregateUDF::new_from_impl(Union { arena: self.arena.clone(), cap, signature }))
    }

    /// The union over a group; with a cap, who they are is not kept beyond it.
    pub(crate) fn union(&self, set: Expr, cap: Option<usize>) -> Expr {
        self.union_function(cap).call(vec![set])
    }

    pub(crate) fn extreme_function(&self, is_maximum: bool) -> Arc<AggregateUDF> {
        let signature = Signature::any(2, Volatility::Immutable);
        Arc::new(AggregateUDF::new_from_impl(Extreme { arena: self.arena.clone(), is_maximum, signature }))
    }

    /// Whose rows hold the extreme value of a group.
    pub(crate) fn extreme(&self, value: Expr, set: Expr, is_maximum: bool) -> Expr {
        self.extreme_function(is_maximum).call(vec![value, set])
    }

    /// The union over a group whose texts are joined; in doubt if they come to more than `limit` bytes.
    pub(crate) fn joined(&self, text: Expr, set: Expr, limit: u64) -> Expr {
        let signature = Signature::any(2, Volatility::Immutable);
        Arc::new(AggregateUDF::new_from_impl(Joined { arena: self.arena.clone(), limit, signature })).call(vec![cast(text, DataType::Utf8), set])
    }

    /// Our own decision; that it may come out otherwise at the server is noted in the arena.
    pub(crate) fn witness(&self, ours: Expr, must: Expr, may: Expr) -> Expr {
        let signature = Signature::exact(vec![DataType::Boolean; 3], Volatility::Volatile);
        ScalarUDF::new_from_impl(Witness { arena: self.arena.clone(), signature }).call(vec![ours, must, may])
    }

    /// A set that stands for the row itself instead of people.
    pub(crate) fn row() -> Expr {
        lit(ScalarValue::UInt64(Some(element(u32::MAX, 0))))
    }

    /// Nobody.
    pub(crate) fn nobody() -> Expr {
        lit(ScalarValue::UInt64(None))
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Union {
    arena: Arena,
    cap: Option<usize>,
    signature: Signature,
}

impl AggregateUDFImpl for Union {
    fn name(&self) -> &str {
        if self.cap.is_some() { "subject_few" } else { "subject_union" }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(DataType::UInt64)
    }

    fn order_sensitivity(&self) -> datafusion::logical_expr::utils::AggregateOrderSensitivity {
        datafusion::logical_expr::utils::AggregateOrderSensitivity::Insensitive
    }

    fn accumulator(&self, _arguments: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(UnionOfOne { arena: self.arena.clone(), cap: self.cap, set: Growing::default() }))
    }

    fn groups_accumulator_supported(&self, _arguments: AccumulatorArgs) -> bool {
        true
    }

    fn create_groups_accumulator(&self, _arguments: AccumulatorArgs) -> Result<Box<dyn GroupsAccumulator>> {
        Ok(Box::new(UnionOfGroups { arena: self.arena.clone(), cap: self.cap, sets: Vec::new() }))
    }
}

#[derive(Debug)]
struct UnionOfOne {
    arena: Arena,
    cap: Option<usize>,
    set: Growing,
}

impl Accumulator for UnionOfOne {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        for value in values.first().into_iter().flat_map(|array| array.as_primitive::<UInt64Type>().iter()).flatten() {
            self.set.add(value, self.cap);
        }
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        Ok(ScalarValue::UInt64(self.set.finish(&self.arena, self.cap)?))
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.set.bytes()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![self.evaluate()?])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.update_batch(states)
    }
}

struct UnionOfGroups {
    arena: Arena,
    cap: Option<usize>,
    sets: Vec<Growing>,
}

impl GroupsAccumulator for UnionOfGroups {
    fn update_batch(&mut self, values: &[ArrayRef], groups: &[usize], filter: Option<&BooleanArray>, total: usize) -> Result<()> {
        self.sets.resize_with(total.max(self.sets.len()), Growing::default);
        let Some(values) = values.first() else {
            return Ok(());
        };
        for (row, (value, group)) in values.as_primitive::<UInt64Type>().iter().zip(groups).enumerate() {
            let wanted = filter.is_none_or(|filter| filter.is_valid(row) && filter.value(row));
            if let (Some(value), true, Some(set)) = (value, wanted, self.sets.get_mut(*group)) {
                set.add(value, self.cap);
            }
        }
        Ok(())
    }

    fn evaluate(&mut self, emit: EmitTo) -> Result<ArrayRef> {
        let sets = emit.take_needed(&mut self.sets);
        let values: UInt64Array = sets.iter().map(|set| set.finish(&self.arena, self.cap)).collect::<Result<_>>()?;
        Ok(Arc::new(values))
    }

    fn state(&mut self, emit: EmitTo) -> Result<Vec<ArrayRef>> {
        Ok(vec![self.evaluate(emit)?])
    }

    fn merge_batch(&mut self, values: &[ArrayRef], groups: &[usize], total: usize) -> Result<()> {
        self.update_batch(values, groups, None, total)
    }

    fn convert_to_state(&self, values: &[ArrayRef], filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        let Some(values) = values.first() else {
            return internal_err!("a union without an argument");
        };
        let wanted = |row: usize| filter.is_none_or(|filter| filter.is_valid(row) && filter.value(row));
        let kept: UInt64Array = values.as_primitive::<UInt64Type>().iter().enumerate().map(|(row, value)| value.filter(|_| wanted(row))).collect();
        Ok(vec![Arc::new(kept)])
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.sets.iter().map(Growing::bytes).sum::<usize>()
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Joined {
    arena: Arena,
    limit: u64,
    signature: Signature,
}

impl AggregateUDFImpl for Joined {
    fn name(&self) -> &str {
        "subject_joined"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(DataType::UInt64)
    }

    fn accumulator(&self, _arguments: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(JoinedOfOne { arena: self.arena.clone(), limit: self.limit, bytes: 0, set: Growing::default() }))
    }

    fn state_fields(&self, args: datafusion::logical_expr::function::StateFieldsArgs) -> Result<Vec<arrow_schema::FieldRef>> {
        let field = |part: &str| Arc::new(arrow_schema::Field::new(format!("{}[{part}]", args.name), DataType::UInt64, true));
        Ok(vec![field("bytes"), field("set")])
    }
}

#[derive(Debug)]
struct JoinedOfOne {
    arena: Arena,
    limit: u64,
    /// Of the texts, with a separator of one byte after each.
    bytes: u64,
    set: Growing,
}

impl JoinedOfOne {
    fn add(&mut self, sets: &ArrayRef) {
        for set in sets.as_primitive::<UInt64Type>().iter().flatten() {
            self.set.add(set, None);
        }
    }
}

impl Accumulator for JoinedOfOne {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let [texts, sets] = values else {
            return internal_err!("a join of texts takes a text and a set");
        };
        self.bytes += texts.as_string::<i32>().iter().flatten().map(|text| text.len() as u64 + 1).sum::<u64>();
        self.add(sets);
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let set = self.set.finish(&self.arena, None)?;
        let is_long = self.bytes > self.limit + 1;
        let set = set.map(|set| if is_long { self.arena.doubted(set, Doubt::Shortened.bit()) } else { Ok(set) }).transpose()?;
        Ok(ScalarValue::UInt64(set))
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.set.bytes()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![ScalarValue::UInt64(Some(self.bytes)), ScalarValue::UInt64(self.set.finish(&self.arena, None)?)])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let [bytes, sets] = states else {
            return internal_err!("a join of texts has two parts");
        };
        self.bytes += bytes.as_primitive::<UInt64Type>().iter().flatten().sum::<u64>();
        self.add(sets);
        Ok(())
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Extreme {
    arena: Arena,
    is_maximum: bool,
    signature: Signature,
}

impl AggregateUDFImpl for Extreme {
    fn name(&self) -> &str {
        if self.is_maximum { "subject_of_maximum" } else { "subject_of_minimum" }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(DataType::UInt64)
    }

    fn accumulator(&self, arguments: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        let value_type = arguments.expr_fields.first().map_or(DataType::Null, |field| field.data_type().clone());
        let best = ScalarValue::try_from(&value_type)?;
        Ok(Box::new(ExtremeOfOne { arena: self.arena.clone(), is_maximum: self.is_maximum, best, set: Growing::default() }))
    }

    fn state_fields(&self, args: datafusion::logical_expr::function::StateFieldsArgs) -> Result<Vec<arrow_schema::FieldRef>> {
        let value_type = args.input_fields.first().map_or(DataType::Null, |field| field.data_type().clone());
        Ok(vec![
            Arc::new(arrow_schema::Field::new(format!("{}[value]", args.name), value_type, true)),
            Arc::new(arrow_schema::Field::new(format!("{}[set]", args.name), DataType::UInt64, true)),
        ])
    }
}

#[derive(Debug)]
struct ExtremeOfOne {
    arena: Arena,
    is_maximum: bool,
    best: ScalarValue,
    set: Growing,
}

impl Accumulator for ExtremeOfOne {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let [values, sets] = values else {
            return internal_err!("an extreme takes a value and a set");
        };
        let order = SortOptions { descending: self.is_maximum, nulls_first: false };
        let first = sort_to_indices(values, Some(order), Some(1))?;
        let Some(first) = first.iter().next().flatten() else {
            return Ok(());
        };
        let best = ScalarValue::try_from_array(values, first as usize)?;
        if best.is_null() {
            return Ok(());
        }
        let worse = if self.is_maximum { Ordering::Less } else { Ordering::Greater };
        match if self.best.is_null() { None } else { best.partial_cmp(&self.best) } {
            Some(order) if order == worse => return Ok(()),
            Some(Ordering::Equal) => {}
            _ => {
                self.best = best;
                self.set = Growing::default();
            }
        }
        let holds = eq(values, &self.best.to_scalar()?)?;
        for (set, holds) in sets.as_primitive::<UInt64Type>().iter().zip(&holds) {
            if let (Some(set), Some(true)) = (set, holds) {
                self.set.add(set, None);
            }
        }
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let set = self.set.finish(&self.arena, None)?;
        let doubted = set.map(|set| self.arena.doubted(set, Doubt::ExtremeOfGroup.bit())).transpose()?;
        Ok(ScalarValue::UInt64(doubted))
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.best.size() + self.set.bytes()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![self.best.clone(), ScalarValue::UInt64(self.set.finish(&self.arena, None)?)])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.update_batch(states)
    }
}
