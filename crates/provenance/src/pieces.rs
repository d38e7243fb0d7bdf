//! The functions that make sets depend on the values of a row: whether a value is there, who stands where in joined values,
//! and who is in a piece of them.

use std::sync::Arc;

use arrow_array::builder::{BinaryBuilder, UInt32Builder, UInt64Builder};
use arrow_array::cast::AsArray;
use arrow_array::types::{Int64Type, UInt32Type, UInt64Type};
use arrow_array::{Array, ArrayRef, Int64Array, OffsetSizeTrait, UInt64Array};
use arrow_schema::{DataType, Field, FieldRef, SortOptions};
use datafusion::arrow::row::{RowConverter, SortField};
use datafusion::common::utils::SingleRowListArrayBuilder;
use datafusion::common::{Result, ScalarValue, internal_err};
use datafusion::logical_expr::expr::{AggregateFunction, AggregateFunctionParams};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, SortExpr, Volatility, cast,
};

use crate::arena::{Arena, Placed};
use crate::functions::Functions;
use crate::types::Doubt;

impl Functions {
    /// The set, where a value is there.
    pub(crate) fn present(&self, set: Expr, value: Expr) -> Expr {
        let signature = Signature::any(2, Volatility::Immutable);
        ScalarUDF::new_from_impl(Present { signature }).call(vec![set, value])
    }

    /// Who of a set stands in a piece of the joined values.
    pub(crate) fn piece(&self, set: Expr, from: Expr, to: Expr) -> Expr {
        let signature = Signature::exact(vec![DataType::UInt64, DataType::Int64, DataType::Int64], Volatility::Stable);
        ScalarUDF::new_from_impl(Piece { arena: self.arena.clone(), signature }).call(vec![set, from, to])
    }

    /// Who stands where among values that are joined in an order.
    pub(crate) fn sequence(&self, joined: &Joined, set: Expr, order: &[SortExpr], filter: Option<Box<Expr>>) -> Expr {
        let value = match joined.separator {
            Some(_) => cast(joined.value.clone(), DataType::Utf8),
            None => joined.value.clone(),
        };
        let args: Vec<Expr> = [value, set].into_iter().chain(order.iter().map(|key| key.expr.clone())).collect();
        let sequence = Sequence {
            arena: self.arena.clone(),
            separator: joined.separator.clone(),
            limit_bytes: joined.limit_bytes,
            order: order.iter().map(|key| SortOptions { descending: !key.asc, nulls_first: key.nulls_first }).collect(),
            signature: Signature::any(args.len(), Volatility::Immutable),
        };
        let params = AggregateFunctionParams { args, distinct: false, filter, order_by: Vec::new(), null_treatment: None };
        Expr::AggregateFunction(AggregateFunction { func: Arc::new(AggregateUDF::new_from_impl(sequence)), params })
    }
}

/// What an aggregate function joins.
#[derive(Clone, Debug)]
pub(crate) struct Joined {
    pub(crate) value: Expr,
    /// What stands between texts; absent for the elements of an array.
    pub(crate) separator: Option<String>,
    /// Beyond so many bytes the server may have cut the text.
    pub(crate) limit_bytes: u64,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Present {
    signature: Signature,
}

impl ScalarUDFImpl for Present {
    fn name(&self) -> &str {
        "subject_present"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(DataType::UInt64)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let [sets, values] = arrays.as_slice() else {
            return internal_err!("a value is present with a set");
        };
        if are_all_present(values) {
            return Ok(ColumnarValue::Array(Arc::clone(sets)));
        }
        let nulls = values.logical_nulls();
        let is_there = |row: usize| nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row)) && !is_empty(values, row);
        let kept: UInt64Array = sets.as_primitive::<UInt64Type>().iter().enumerate().map(|(row, set)| set.filter(|_| is_there(row))).collect();
        Ok(ColumnarValue::Array(Arc::new(kept)))
    }
}

/// Whether no value is NULL or an empty text.
pub(crate) fn are_all_present(values: &ArrayRef) -> bool {
    fn none_empty<O: OffsetSizeTrait>(offsets: &[O]) -> bool {
        offsets.windows(2).all(|pair| pair[0] != pair[1])
    }
    if values.logical_null_count() > 0 {
        return false;
    }
    match values.data_type() {
        DataType::Utf8 => none_empty(values.as_string::<i32>().value_offsets()),
        DataType::LargeUtf8 => none_empty(values.as_string::<i64>().value_offsets()),
        DataType::Binary => none_empty(values.as_binary::<i32>().value_offsets()),
        DataType::LargeBinary => none_empty(values.as_binary::<i64>().value_offsets()),
        DataType::Utf8View | DataType::BinaryView | DataType::Dictionary(..) => (0..values.len()).all(|row| !is_empty(values, row)),
        _ => true,
    }
}

/// Whether a value that is not NULL is an empty text.
fn is_empty(values: &ArrayRef, row: usize) -> bool {
    match values.data_type() {
        DataType::Utf8 => values.as_string::<i32>().value(row).is_empty(),
        DataType::LargeUtf8 => values.as_string::<i64>().value(row).is_empty(),
        DataType::Utf8View => values.as_string_view().value(row).is_empty(),
        DataType::Binary => values.as_binary::<i32>().value(row).is_empty(),
        DataType::LargeBinary => values.as_binary::<i64>().value(row).is_empty(),
        DataType::BinaryView => values.as_binary_view().value(row).is_empty(),
        DataType::Dictionary(..) => ScalarValue::try_from_array(values, row).is_ok_and(|value| value.try_as_str().flatten() == Some("")),
        _ => false,
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Piece {
    arena: Arena,
    signature: Signature,
}

impl ScalarUDFImpl for Piece {
    fn name(&self) -> &str {
        "subject_piece"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(DataType::UInt64)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let [sets, from, to] = arrays.as_slice() else {
            return internal_err!("a piece is of a set, from and to");
        };
        let ranges = from.as_primitive::<Int64Type>().iter().zip(to.as_primitive::<Int64Type>().iter());
        let piece = |(set, (from, to)): (Option<u64>, (Option<i64>, Option<i64>))| match (set, from, to) {
            (Some(set), Some(from), Some(to)) => self.arena.piece(set, from, to),
            _ => Ok(None),
        };
        let pieces: UInt64Array = sets.as_primitive::<UInt64Type>().iter().zip(ranges).map(piece).collect::<Result<_>>()?;
        Ok(ColumnarValue::Array(Arc::new(pieces)))
    }
}

/// The place, in characters, at which a field of a text begins or ends; fields are counted from 1, or from the last by −1.
pub(crate) fn field_edge(text: Expr, delimiter: Expr, field: Expr, is_end: bool) -> Expr {
    let arguments = vec![cast(text, DataType::Utf8), cast(delimiter, DataType::Utf8), cast(field, DataType::Int64)];
    let signature = Signature::exact(vec![DataType::Utf8, DataType::Utf8, DataType::Int64], Volatility::Immutable);
    ScalarUDF::new_from_impl(FieldEdge { is_end, signature }).call(arguments)
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct FieldEdge {
    is_end: bool,
    signature: Signature,
}

impl ScalarUDFImpl for FieldEdge {
    fn name(&self) -> &str {
        if self.is_end { "field_end" } else { "field_start" }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(DataType::Int64)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let [texts, delimiters, fields] = arrays.as_slice() else {
            return internal_err!("a field is of a text, by a delimiter and a number");
        };
        let parts = texts.as_string::<i32>().iter().zip(delimiters.as_string::<i32>()).zip(fields.as_primitive::<Int64Type>());
        let edges: Int64Array = parts.map(|((text, delimiter), field)| edge(text?, delimiter?, field?, self.is_end)).collect();
        Ok(ColumnarValue::Array(Arc::new(edges)))
    }
}

fn edge(text: &str, delimiter: &str, field: i64, is_end: bool) -> Option<i64> {
    let characters = |text: &str| text.chars().count() as i64;
    if delimiter.is_empty() {
        return Some(if is_end && field.abs() == 1 { characters(text) } else { 0 });
    }
    let fields: Vec<&str> = text.split(delimiter).collect();
    let position = usize::try_from(field.checked_abs()?).ok()?.checked_sub(1)?;
    let position = if field > 0 { position } else { fields.len().checked_sub(position + 1)? };
    let own = fields.get(position)?;
    let before: i64 = fields.iter().take(position).map(|field| characters(field) + characters(delimiter)).sum();
    Some(if is_end { before + characters(own) } else { before })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Sequence {
    arena: Arena,
    separator: Option<String>,
    limit_bytes: u64,
    order: Vec<SortOptions>,
    signature: Signature,
}

/// Names of what an accumulator hands on, in order.
const STATE: [(&str, DataType); 4] = [("keys", DataType::Binary), ("characters", DataType::UInt32), ("bytes", DataType::UInt32), ("sets", DataType::UInt64)];

impl AggregateUDFImpl for Sequence {
    fn name(&self) -> &str {
        "subject_sequence"
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

    fn accumulator(&self, arguments: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        let fields = arguments.expr_fields.iter().skip(2).zip(&self.order);
        let fields = fields.map(|(field, order)| SortField::new_with_options(field.data_type().clone(), *order)).collect();
        Ok(Box::new(SequenceOfOne {
            arena: self.arena.clone(),
            separator: self.separator.clone(),
            limit_bytes: self.limit_bytes,
            keys: RowConverter::new(fields)?,
            items: Vec::new(),
            letters: 0,
        }))
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        let list = |(name, kind): (&str, DataType)| Arc::new(Field::new_list(format!("{}[{name}]", args.name), Field::new_list_field(kind, true), true));
        let letters = Arc::new(Field::new(format!("{}[letters]", args.name), DataType::UInt64, true));
        Ok(STATE.into_iter().map(list).chain([letters]).collect())
    }
}

/// One value of a sequence.
#[derive(Debug)]
struct Item {
    key: Box<[u8]>,
    characters: u32,
    bytes: u32,
    set: Option<u64>,
}

#[derive(Debug)]
struct SequenceOfOne {
    arena: Arena,
    separator: Option<String>,
    limit_bytes: u64,
    keys: RowConverter,
    items: Vec<Item>,
    /// Which kinds of letters the keys have.
    letters: u64,
}

/// Kinds of letters that not every collation sorts alike, if they meet.
const SMALL: u64 = 1;
const CAPITAL: u64 = 2;
const OTHER: u64 = 4;

fn letters_of(values: &ArrayRef) -> Result<u64> {
    if !matches!(values.data_type(), DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View) {
        return Ok(0);
    }
    let texts = datafusion::arrow::compute::cast(values, &DataType::Utf8)?;
    let kind = |byte: u8| match byte {
        b'0'..=b'9' => 0,
        b'a'..=b'z' => SMALL,
        b'A'..=b'Z' => CAPITAL,
        _ => OTHER,
    };
    Ok(texts.as_string::<i32>().iter().flatten().flat_map(str::bytes).fold(0, |letters, byte| letters | kind(byte)))
}

impl SequenceOfOne {
    fn add(&mut self, values: &ArrayRef, sets: &UInt64Array, keys: &[ArrayRef]) -> Result<()> {
        for key in keys {
            self.letters |= letters_of(key)?;
        }
        let rows = if keys.is_empty() { None } else { Some(self.keys.convert_columns(keys)?) };
        for (row, set) in sets.iter().enumerate() {
            let (characters, bytes) = match &self.separator {
                None => (1, 0),
                Some(_) if values.is_null(row) => continue,
                Some(_) => {
                    let text = values.as_string::<i32>().value(row);
                    (u32::try_from(text.chars().count()).unwrap_or(u32::MAX), u32::try_from(text.len()).unwrap_or(u32::MAX))
                }
            };
            let key = rows.as_ref().map_or_else(Box::default, |rows| rows.row(row).as_ref().into());
            self.items.push(Item { key, characters, bytes, set });
        }
        Ok(())
    }

    /// Whether the order of the values is known.
    fn is_ordered(&self) -> bool {
        let tied = self.items.windows(2).any(|pair| pair[0].key == pair[1].key);
        self.items.len() < 2 || !tied && self.letters & OTHER == 0 && self.letters != SMALL | CAPITAL
    }

    fn places(&self) -> Result<Option<u64>> {
        let (between, between_bytes) =
            self.separator.as_ref().map_or((0, 0), |text| (u32::try_from(text.chars().count()).unwrap_or(u32::MAX), text.len() as u64));
        let (mut at, mut at_bytes) = (0_u32, 0_u64);
        let mut parts = Vec::with_capacity(self.items.len());
        for item in &self.items {
            let to = at.saturating_add(item.characters);
            if let Some(set) = item.set {
                let is_cut = at_bytes.saturating_add(u64::from(item.bytes)) > self.limit_bytes;
                let set = if is_cut { self.arena.doubted(set, Doubt::Shortened.bit())? } else { set };
                parts.push(Placed { from: at, to, set });
            }
            at = to.saturating_add(between);
            at_bytes += u64::from(item.bytes) + between_bytes;
        }
        self.arena.sequence(parts)
    }

    /// All of them: who stands where is not known.
    fn somewhere(&self) -> Result<Option<u64>> {
        let all = self.arena.union(self.items.iter().filter_map(|item| item.set).collect())?;
        let bytes = self.items.iter().map(|item| u64::from(item.bytes) + 1).sum::<u64>();
        let is_long = bytes > self.limit_bytes.saturating_add(1);
        all.map(|all| if is_long { self.arena.doubted(all, Doubt::Shortened.bit()) } else { Ok(all) }).transpose()
    }
}

impl Accumulator for SequenceOfOne {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let [value, sets, keys @ ..] = values else {
            return internal_err!("a sequence takes a value and a set");
        };
        self.add(value, sets.as_primitive::<UInt64Type>(), keys)
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        self.items.sort_by(|one, other| one.key.cmp(&other.key));
        Ok(ScalarValue::UInt64(if self.is_ordered() { self.places()? } else { self.somewhere()? }))
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.items.capacity() * size_of::<Item>() + self.items.iter().map(|item| item.key.len()).sum::<usize>()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let (mut keys, mut characters, mut bytes, mut sets) = (BinaryBuilder::new(), UInt32Builder::new(), UInt32Builder::new(), UInt64Builder::new());
        for item in &self.items {
            keys.append_value(&item.key);
            characters.append_value(item.characters);
            bytes.append_value(item.bytes);
            sets.append_option(item.set);
        }
        let lists: [ArrayRef; 4] = [Arc::new(keys.finish()), Arc::new(characters.finish()), Arc::new(bytes.finish()), Arc::new(sets.finish())];
        let lists = lists.into_iter().map(|list| SingleRowListArrayBuilder::new(list).build_list_scalar());
        Ok(lists.chain([ScalarValue::UInt64(Some(self.letters))]).collect())
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let [keys, characters, bytes, sets, letters] = states else {
            return internal_err!("a sequence has five parts");
        };
        for row in 0..letters.len() {
            self.letters |= letters.as_primitive::<UInt64Type>().value(row);
            let list = |lists: &ArrayRef| lists.as_list::<i32>().value(row);
            let (keys, characters, bytes, sets) = (list(keys), list(characters), list(bytes), list(sets));
            let keys = keys.as_binary::<i32>().iter();
            let sizes = characters.as_primitive::<UInt32Type>().iter().zip(bytes.as_primitive::<UInt32Type>());
            for ((key, (characters, bytes)), set) in keys.zip(sizes).zip(sets.as_primitive::<UInt64Type>()) {
                let (key, characters, bytes) = (key.unwrap_or_default().into(), characters.unwrap_or(0), bytes.unwrap_or(0));
                self.items.push(Item { key, characters, bytes, set });
            }
        }
        Ok(())
    }
}
