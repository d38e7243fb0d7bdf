//! One cell as the version roller sees it, its comparison, and its way from text to an Arrow column and back.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use arrow_array::builder::{
    BooleanBuilder, Date32Builder, Decimal128Builder, Float32Builder, Float64Builder, Int16Builder, Int32Builder, Int64Builder, StringBuilder,
    TimestampMicrosecondBuilder,
};
use arrow_array::cast::AsArray;
use arrow_array::types::{Date32Type, Decimal128Type, Float32Type, Float64Type, Int16Type, Int32Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{Array, ArrayRef};
use arrow_schema::{DataType, TimeUnit};
use strandline_sql::Zone;

/// The type of a column, as far as comparison and Arrow need it. Everything else is text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnKind {
    /// Text, and whatever is no other kind.
    Text,
    /// `char(n)`: trailing blanks mean nothing.
    Padded,
    /// 16 bits.
    SmallInt,
    /// 32 bits.
    Int,
    /// 64 bits.
    BigInt,
    /// Exact decimal.
    Decimal {
        /// Digits in all.
        precision: u8,
        /// Digits after the point.
        scale: i8,
    },
    /// Float of 32 bits.
    Real,
    /// Float of 64 bits.
    Double,
    /// Truth.
    Bool,
    /// Day.
    Date,
    /// Without zone.
    Timestamp,
    /// With zone: an instant.
    Instant,
}

/// Scale given to `numeric` columns that declare none.
const OPEN_SCALE: i8 = 10;

impl ColumnKind {
    /// The Arrow type of such a column.
    pub fn data_type(self) -> DataType {
        match self {
            Self::Text | Self::Padded => DataType::Utf8,
            Self::SmallInt => DataType::Int16,
            Self::Int => DataType::Int32,
            Self::BigInt => DataType::Int64,
            Self::Decimal { precision, scale } => DataType::Decimal128(precision, scale),
            Self::Real => DataType::Float32,
            Self::Double => DataType::Float64,
            Self::Bool => DataType::Boolean,
            Self::Date => DataType::Date32,
            Self::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, None),
            Self::Instant => DataType::Timestamp(TimeUnit::Microsecond, Some("+00:00".into())),
        }
    }

    /// From a type as written in a definition: its words in lower case, and its arguments.
    pub fn of_sql(words: &str, arguments: &[u32]) -> Self {
        let decimal = |precision: u32, scale: u32| match (u8::try_from(precision), i8::try_from(scale)) {
            (Ok(precision @ 1..=38), Ok(scale)) if scale as u8 <= precision => Self::Decimal { precision, scale },
            _ => Self::Text,
        };
        match words.trim_end_matches(" zerofill") {
            "smallint" | "int2" | "smallserial" | "tinyint" | "tinyint unsigned" => Self::SmallInt,
            "integer" | "int" | "int4" | "serial" | "mediumint" | "smallint unsigned" | "mediumint unsigned" | "year" => Self::Int,
            "bigint" | "int8" | "bigserial" | "oid" | "int unsigned" | "integer unsigned" => Self::BigInt,
            "bigint unsigned" => Self::Decimal { precision: 20, scale: 0 },
            "numeric" | "decimal" | "dec" | "decimal unsigned" => match arguments {
                [] => Self::Decimal { precision: 38, scale: OPEN_SCALE },
                [precision] => decimal(*precision, 0),
                [precision, scale, ..] => decimal(*precision, *scale),
            },
            "real" | "float4" => Self::Real,
            "float" | "double" | "double precision" | "float8" => Self::Double,
            "boolean" | "bool" => Self::Bool,
            "date" => Self::Date,
            "timestamp" | "timestamp without time zone" | "datetime" => Self::Timestamp,
            "timestamp with time zone" | "timestamptz" => Self::Instant,
            "character" | "char" | "bpchar" => Self::Padded,
            _ => Self::Text,
        }
    }

    /// Reads a cell of this type from its text; `None` if it is not one.
    pub fn parse(self, text: &str) -> Option<Value> {
        let trimmed = text.trim();
        Some(match self {
            Self::Text => Value::Text(text.to_owned()),
            Self::Padded => Value::Text(text.trim_end_matches(' ').to_owned()),
            Self::SmallInt => Value::Int(i64::from(trimmed.parse::<i16>().ok()?)),
            Self::Int => Value::Int(i64::from(trimmed.parse::<i32>().ok()?)),
            Self::BigInt => Value::Int(trimmed.parse().ok()?),
            Self::Decimal { precision, scale } => {
                let unscaled = parse_decimal(trimmed, scale)?;
                if unscaled.unsigned_abs() >= 10_u128.checked_pow(u32::from(precision))? {
                    return None;
                }
                Value::Decimal(unscaled, scale)
            }
            Self::Real => Value::Float(f64::from(trimmed.parse::<f32>().ok()?)),
            Self::Double => Value::Float(trimmed.parse().ok()?),
            Self::Bool => Value::Bool(match trimmed.to_ascii_lowercase().as_str() {
                "t" | "true" | "1" | "on" | "yes" | "y" => true,
                "f" | "false" | "0" | "off" | "no" | "n" => false,
                _ => return None,
            }),
            Self::Date => Value::Date(parse_date(trimmed)?),
            Self::Timestamp => Value::Timestamp(parse_timestamp(trimmed, ZoneUse::Ignored)?),
            Self::Instant => Value::Instant(parse_timestamp(trimmed, ZoneUse::Applied)?),
        })
    }

    /// The value as a cell of this type; `None` if it does not fit. What hangs on the session's zone is unknown without it.
    pub fn coerce(self, value: Value, zone: &InZone<'_>) -> Option<Value> {
        let local = |instant: i64| zone().and_then(|zone| zone.to_local()(instant)).map_or(Value::Unknown, Value::Timestamp);
        let instant = |local: i64| zone().and_then(|zone| zone.to_instant()(local)).map_or(Value::Unknown, Value::Instant);
        match (self, value) {
            (_, value @ (Value::Null | Value::Unknown)) => Some(value),
            (Self::Text, Value::Text(text)) => Some(Value::Text(text)),
            (Self::Text | Self::Padded, Value::Instant(_)) => Some(Value::Unknown),
            (_, Value::Near(near)) => Some(near.coerced(self, zone)),
            (Self::Double | Self::Real, Value::Int(n)) => Some(Value::Float(n as f64)),
            (Self::Timestamp, Value::Date(days)) => Some(Value::Timestamp(i64::from(days) * DAY_MICROS)),
            (Self::Date, Value::Timestamp(micros)) => i32::try_from(micros.div_euclid(DAY_MICROS)).ok().map(Value::Date),
            (Self::Timestamp, value @ Value::Timestamp(_)) | (Self::Instant, value @ Value::Instant(_)) => Some(value),
            (Self::Timestamp, Value::Instant(micros)) => Some(local(micros)),
            (Self::Date, Value::Instant(micros)) => self.coerce(local(micros), zone),
            (Self::Instant, Value::Timestamp(micros)) => Some(instant(micros)),
            (Self::Instant, Value::Date(days)) => Some(instant(i64::from(days) * DAY_MICROS)),
            (Self::Instant, Value::Text(text)) if !names_a_zone(&text) => Some(instant(parse_timestamp(text.trim(), ZoneUse::Ignored)?)),
            (kind, value) => kind.parse(&value.text()?),
        }
    }
}

/// The zone of a session, asked for where it matters; `None` where it is not known.
pub type InZone<'z> = dyn Fn() -> Option<Zone> + 'z;

/// Whether a text says in which zone its time is.
fn names_a_zone(text: &str) -> bool {
    let clock = text.trim().get(11..).unwrap_or_default();
    clock.find(['+', '-', 'Z', 'z', ' ']).is_some_and(|at| !clock[at..].trim().is_empty())
}

const DAY_MICROS: i64 = 86_400_000_000;

/// One cell. It cannot print itself: it may be about a person.
#[derive(Clone, PartialEq)]
pub enum Value {
    /// Not to be known from the evidence.
    Unknown,
    /// SQL NULL.
    Null,
    /// Truth.
    Bool(bool),
    /// Whole number.
    Int(i64),
    /// Unscaled value and scale.
    Decimal(i128, i8),
    /// Float.
    Float(f64),
    /// Text.
    Text(String),
    /// Days since 1970-01-01.
    Date(i32),
    /// A local time: microseconds since 1970-01-01.
    Timestamp(i64),
    /// Microseconds since 1970, in UTC.
    Instant(i64),
    /// What the server's clock gave to a write: the log's stamp is near it.
    Near(Near),
}

/// A time that is known but for a little.
#[derive(Clone, Copy, PartialEq)]
pub struct Near {
    /// The time that is taken for it: microseconds, in UTC or of a local time.
    pub at: i64,
    /// How much earlier it may be, milliseconds.
    before: u32,
    /// How much later it may be, milliseconds.
    after: u32,
    /// Tells the values of one write from those of another.
    pub write: u32,
    is_local: bool,
}

impl Near {
    /// An instant near `at`, from `from` to `to`, microseconds. What the clock of one write gives is one value.
    pub fn new(at: i64, from: i64, to: i64, write: i64) -> Self {
        let apart = |less: i64, more: i64| u32::try_from(more.saturating_sub(less).max(0).saturating_add(999) / 1_000).unwrap_or(u32::MAX);
        Self { at, before: apart(from, at), after: apart(at, to), write: (write ^ (write >> 32)) as u32, is_local: false }
    }

    /// The first and the last time that it may be.
    pub fn between(self) -> (i64, i64) {
        (self.at.saturating_sub(i64::from(self.before) * 1_000), self.at.saturating_add(i64::from(self.after) * 1_000))
    }

    /// What is stored of it.
    pub fn guess(self) -> Value {
        if self.is_local { Value::Timestamp(self.at) } else { Value::Instant(self.at) }
    }

    /// How it compares with another value for sure.
    pub(crate) fn compare(self, other: &Value, zone: &InZone<'_>) -> Option<Ordering> {
        let kind = if self.is_local { ColumnKind::Timestamp } else { ColumnKind::Instant };
        let (from, to) = match kind.coerce(other.clone(), zone)? {
            Value::Timestamp(micros) | Value::Instant(micros) => (micros, micros),
            Value::Near(other) => other.between(),
            _ => return None,
        };
        let (first, last) = self.between();
        match () {
            () if last < from => Some(Ordering::Less),
            () if to < first => Some(Ordering::Greater),
            () if first == last && from == to => Some(Ordering::Equal),
            () => None,
        }
    }

    /// As a cell of a column; unknown where that hangs on what is not known of it.
    fn coerced(self, kind: ColumnKind, zone: &InZone<'_>) -> Value {
        let (first, last) = self.between();
        let moved = |to: &dyn Fn(i64) -> Option<i64>| {
            let by = to(self.at)?.checked_sub(self.at)?;
            let is_same = |time: i64| to(time).and_then(|moved| moved.checked_sub(time)) == Some(by);
            (is_same(first) && is_same(last)).then_some(Self { at: self.at + by, is_local: !self.is_local, ..self })
        };
        match kind {
            ColumnKind::Instant if !self.is_local => Value::Near(self),
            ColumnKind::Timestamp if self.is_local => Value::Near(self),
            ColumnKind::Instant => moved(&|local| zone()?.to_instant()(local)).map_or(Value::Unknown, Value::Near),
            ColumnKind::Timestamp => moved(&|instant| zone()?.to_local()(instant)).map_or(Value::Unknown, Value::Near),
            ColumnKind::Date => {
                let day = |time: i64| ColumnKind::Date.coerce(if self.is_local { Value::Timestamp(time) } else { Value::Instant(time) }, zone);
                let one = day(first).unwrap_or(Value::Unknown);
                if day(last) == Some(one.clone()) { one } else { Value::Unknown }
            }
            _ => Value::Unknown,
        }
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[cell]")
    }
}

impl Value {
    /// The cell as text, the way a key is written; `None` for NULL and unknown.
    pub fn text(&self) -> Option<String> {
        Some(match self {
            Self::Unknown | Self::Null | Self::Near(_) => return None,
            Self::Bool(b) => if *b { "t" } else { "f" }.to_owned(),
            Self::Int(n) => n.to_string(),
            Self::Decimal(unscaled, scale) => decimal_text(*unscaled, *scale),
            Self::Float(x) => x.to_string(),
            Self::Text(text) => text.clone(),
            Self::Date(days) => jiff::civil::date(1970, 1, 1).checked_add(jiff::Span::new().try_days(i64::from(*days)).ok()?).ok()?.to_string(),
            Self::Timestamp(micros) | Self::Instant(micros) => jiff::Timestamp::from_microsecond(*micros).ok()?.strftime("%Y-%m-%d %H:%M:%S%.f").to_string(),
        })
    }

    /// Whether it is unknown; what is known but for a little is.
    pub fn is_unknown(&self) -> bool {
        matches!(self, Self::Unknown | Self::Near(_))
    }

    fn number(&self) -> Option<f64> {
        match self {
            Self::Int(n) => Some(*n as f64),
            Self::Decimal(unscaled, scale) => Some(*unscaled as f64 / 10_f64.powi(i32::from(*scale))),
            Self::Float(x) => Some(*x),
            _ => None,
        }
    }
}

/// How two cells compare; `None` if either is NULL or unknown, or if their types do not meet.
/// A text meets any other type as a constant of that type, as an untyped SQL constant does.
pub fn compare(left: &Value, right: &Value, fold_case: FoldCase) -> Option<Ordering> {
    use Value::{Bool, Date, Decimal, Float, Instant, Int, Text, Timestamp};
    match (left, right) {
        (Int(a), Int(b)) => Some(a.cmp(b)),
        (Decimal(a, s), Decimal(b, t)) if s == t => Some(a.cmp(b)),
        (Int(_) | Decimal(..) | Float(_), Int(_) | Decimal(..) | Float(_)) => left.number()?.partial_cmp(&right.number()?),
        (Bool(a), Bool(b)) => Some(a.cmp(b)),
        (Date(a), Date(b)) => Some(a.cmp(b)),
        (Timestamp(a), Timestamp(b)) | (Instant(a), Instant(b)) => Some(a.cmp(b)),
        (Date(a), Timestamp(b)) => Some((i64::from(*a) * DAY_MICROS).cmp(b)),
        (Timestamp(a), Date(b)) => Some(a.cmp(&(i64::from(*b) * DAY_MICROS))),
        (Text(a), Text(b)) => Some(match fold_case {
            FoldCase::Yes => a.to_lowercase().cmp(&b.to_lowercase()),
            FoldCase::No => a.cmp(b),
        }),
        (Text(a), other) => compare(&like_type(a, other)?, other, fold_case),
        (other, Text(b)) => compare(other, &like_type(b, other)?, fold_case),
        _ => None,
    }
}

/// Whether texts compare without regard to case, as under MySQL's default collations.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum FoldCase {
    /// They do.
    Yes,
    /// They do not.
    No,
}

fn like_type(text: &str, other: &Value) -> Option<Value> {
    match other {
        Value::Int(_) => ColumnKind::BigInt.parse(text).or_else(|| ColumnKind::Double.parse(text)),
        Value::Decimal(_, scale) => ColumnKind::Decimal { precision: 38, scale: *scale }.parse(text),
        Value::Float(_) => ColumnKind::Double.parse(text),
        Value::Bool(_) => ColumnKind::Bool.parse(text),
        Value::Date(_) => ColumnKind::Date.parse(text).or_else(|| ColumnKind::Timestamp.parse(text)),
        Value::Timestamp(_) => ColumnKind::Timestamp.parse(text),
        Value::Instant(_) if names_a_zone(text) => ColumnKind::Instant.parse(text),
        _ => None,
    }
}

fn decimal_text(unscaled: i128, scale: i8) -> String {
    let scale = usize::try_from(scale).unwrap_or(0);
    let digits = format!("{:0>width$}", unscaled.unsigned_abs(), width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    let fraction = fraction.trim_end_matches('0');
    let sign = if unscaled < 0 { "-" } else { "" };
    if fraction.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
}

/// The unscaled value of a decimal constant; `None` if it has more digits after the point than `scale`.
fn parse_decimal(text: &str, scale: i8) -> Option<i128> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let fraction = fraction.trim_end_matches('0');
    let scale = usize::try_from(scale).ok()?;
    if fraction.len() > scale || (whole.is_empty() && fraction.is_empty() && !digits.contains('0')) {
        return None;
    }
    let joined = format!("{whole}{fraction:0<scale$}");
    if !joined.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let value: i128 = if joined.is_empty() { 0 } else { joined.parse().ok()? };
    Some(if negative { -value } else { value })
}

fn parse_date(text: &str) -> Option<i32> {
    let date = text.get(..10)?.parse::<jiff::civil::Date>().ok()?;
    let rest = &text[10..];
    // Years before Christ are no years of the calendar that days are counted in here.
    if rest.ends_with("BC") {
        return None;
    }
    if !rest.is_empty() && !rest.starts_with([' ', 'T']) {
        return None;
    }
    let days = jiff::civil::date(1970, 1, 1).until(date).ok()?.get_days();
    Some(days)
}

#[derive(Clone, Copy, PartialEq)]
enum ZoneUse {
    Applied,
    Ignored,
}

/// `2026-11-23 20:44:20.5+08`, with the time, the fraction and the zone optional.
fn parse_timestamp(text: &str, zone_use: ZoneUse) -> Option<i64> {
    let days = i64::from(parse_date(text)?);
    let mut micros = days.checked_mul(DAY_MICROS)?;
    let Some(clock) = text.get(11..) else { return Some(micros) };
    let zone_at = clock.find(['+', '-', 'Z', 'z', ' ']).unwrap_or(clock.len());
    let (clock, zone) = clock.split_at(zone_at);
    let mut parts = clock.split(':');
    let hours: i64 = parts.next()?.parse().ok()?;
    let minutes: i64 = parts.next().map_or(Some(0), |p| p.parse().ok())?;
    let seconds: f64 = parts.next().map_or(Some(0.0), |p| p.parse().ok())?;
    if !(0..=24).contains(&hours) || !(0..60).contains(&minutes) || !(0.0..61.0).contains(&seconds) {
        return None;
    }
    micros += (hours * 60 + minutes) * 60_000_000 + (seconds * 1e6).round() as i64;
    if zone_use == ZoneUse::Applied {
        micros -= zone_offset_micros(zone.trim())?;
    }
    Some(micros)
}

fn zone_offset_micros(zone: &str) -> Option<i64> {
    if zone.is_empty() || zone.eq_ignore_ascii_case("z") || zone.eq_ignore_ascii_case("utc") {
        return Some(0);
    }
    let sign = if zone.starts_with('-') { -1 } else { 1 };
    let digits: String = zone.get(1..)?.chars().filter(|c| *c != ':').collect();
    if digits.len() < 2 || digits.len() > 6 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let part = |at: usize| digits.get(at..at + 2).map_or(0, |p| p.parse::<i64>().unwrap_or(0));
    Some(sign * (part(0) * 3600 + part(2) * 60 + part(4)) * 1_000_000)
}

impl ColumnKind {
    /// Some value of this kind, for a cell of which only is known that it may hold one.
    pub(crate) fn some_value(self) -> Value {
        match self {
            Self::Text | Self::Padded => Value::Text("0".to_owned()),
            Self::SmallInt | Self::Int | Self::BigInt => Value::Int(0),
            Self::Decimal { scale, .. } => Value::Decimal(0, scale),
            Self::Real | Self::Double => Value::Float(0.0),
            Self::Bool => Value::Bool(false),
            Self::Date => Value::Date(0),
            Self::Timestamp => Value::Timestamp(0),
            Self::Instant => Value::Instant(0),
        }
    }
}

/// Collects the cells of one column.
pub enum CellBuilder {
    /// Text.
    Text(StringBuilder),
    /// 16 bits.
    SmallInt(Int16Builder),
    /// 32 bits.
    Int(Int32Builder),
    /// 64 bits.
    BigInt(Int64Builder),
    /// Decimal.
    Decimal(Decimal128Builder),
    /// Float of 32 bits.
    Real(Float32Builder),
    /// Float of 64 bits.
    Double(Float64Builder),
    /// Truth.
    Bool(BooleanBuilder),
    /// Day.
    Date(Date32Builder),
    /// Instant.
    Timestamp(TimestampMicrosecondBuilder),
}

impl CellBuilder {
    /// An empty column of this kind.
    pub fn new(kind: ColumnKind) -> Self {
        match kind {
            ColumnKind::Text | ColumnKind::Padded => Self::Text(StringBuilder::new()),
            ColumnKind::SmallInt => Self::SmallInt(Int16Builder::new()),
            ColumnKind::Int => Self::Int(Int32Builder::new()),
            ColumnKind::BigInt => Self::BigInt(Int64Builder::new()),
            ColumnKind::Decimal { .. } => Self::Decimal(Decimal128Builder::new().with_data_type(kind.data_type())),
            ColumnKind::Real => Self::Real(Float32Builder::new()),
            ColumnKind::Double => Self::Double(Float64Builder::new()),
            ColumnKind::Bool => Self::Bool(BooleanBuilder::new()),
            ColumnKind::Date => Self::Date(Date32Builder::new()),
            ColumnKind::Timestamp | ColumnKind::Instant => Self::Timestamp(TimestampMicrosecondBuilder::new().with_data_type(kind.data_type())),
        }
    }

    /// Adds a cell that is of the column's kind; anything else is NULL.
    pub fn push(&mut self, value: &Value) {
        match self {
            Self::Text(b) => match value {
                Value::Text(text) => b.append_value(text),
                _ => b.append_null(),
            },
            Self::SmallInt(b) => b.append_option(whole(value)),
            Self::Int(b) => b.append_option(whole(value)),
            Self::BigInt(b) => b.append_option(whole(value)),
            Self::Decimal(b) => b.append_option(if let Value::Decimal(unscaled, _) = value { Some(*unscaled) } else { None }),
            Self::Real(b) => b.append_option(if let Value::Float(x) = value { Some(*x as f32) } else { None }),
            Self::Double(b) => b.append_option(if let Value::Float(x) = value { Some(*x) } else { None }),
            Self::Bool(b) => b.append_option(if let Value::Bool(x) = value { Some(*x) } else { None }),
            Self::Date(b) => b.append_option(if let Value::Date(x) = value { Some(*x) } else { None }),
            Self::Timestamp(b) => b.append_option(if let Value::Timestamp(x) | Value::Instant(x) = value { Some(*x) } else { None }),
        }
    }

    /// The column; the builder is empty again.
    pub fn finish(&mut self) -> ArrayRef {
        match self {
            Self::Text(b) => Arc::new(b.finish()),
            Self::SmallInt(b) => Arc::new(b.finish()),
            Self::Int(b) => Arc::new(b.finish()),
            Self::BigInt(b) => Arc::new(b.finish()),
            Self::Decimal(b) => Arc::new(b.finish()),
            Self::Real(b) => Arc::new(b.finish()),
            Self::Double(b) => Arc::new(b.finish()),
            Self::Bool(b) => Arc::new(b.finish()),
            Self::Date(b) => Arc::new(b.finish()),
            Self::Timestamp(b) => Arc::new(b.finish()),
        }
    }
}

fn whole<T: TryFrom<i64>>(value: &Value) -> Option<T> {
    if let Value::Int(n) = value { T::try_from(*n).ok() } else { None }
}

/// Reads one cell back from an Arrow column of this kind.
pub fn read_cell(kind: ColumnKind, column: &dyn Array, row: usize) -> Value {
    if column.is_null(row) {
        return Value::Null;
    }
    match kind {
        ColumnKind::Text | ColumnKind::Padded => column.as_string_opt::<i32>().map_or(Value::Unknown, |c| Value::Text(c.value(row).to_owned())),
        ColumnKind::SmallInt => column.as_primitive_opt::<Int16Type>().map_or(Value::Unknown, |c| Value::Int(c.value(row).into())),
        ColumnKind::Int => column.as_primitive_opt::<Int32Type>().map_or(Value::Unknown, |c| Value::Int(c.value(row).into())),
        ColumnKind::BigInt => column.as_primitive_opt::<Int64Type>().map_or(Value::Unknown, |c| Value::Int(c.value(row))),
        ColumnKind::Decimal { scale, .. } => column.as_primitive_opt::<Decimal128Type>().map_or(Value::Unknown, |c| Value::Decimal(c.value(row), scale)),
        ColumnKind::Real => column.as_primitive_opt::<Float32Type>().map_or(Value::Unknown, |c| Value::Float(c.value(row).into())),
        ColumnKind::Double => column.as_primitive_opt::<Float64Type>().map_or(Value::Unknown, |c| Value::Float(c.value(row))),
        ColumnKind::Bool => column.as_boolean_opt().map_or(Value::Unknown, |c| Value::Bool(c.value(row))),
        ColumnKind::Date => column.as_primitive_opt::<Date32Type>().map_or(Value::Unknown, |c| Value::Date(c.value(row))),
        ColumnKind::Timestamp => column.as_primitive_opt::<TimestampMicrosecondType>().map_or(Value::Unknown, |c| Value::Timestamp(c.value(row))),
        ColumnKind::Instant => column.as_primitive_opt::<TimestampMicrosecondType>().map_or(Value::Unknown, |c| Value::Instant(c.value(row))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(kind: ColumnKind, text: &str, expected: Option<&str>) {
        assert_eq!(kind.parse(text).and_then(|v| v.text()).as_deref(), expected);
    }

    #[test]
    fn cells_are_read_in_their_columns_type() {
        check(ColumnKind::Int, "12", Some("12"));
        check(ColumnKind::Int, "99999999999", None);
        check(ColumnKind::Decimal { precision: 10, scale: 2 }, "-1.50", Some("-1.5"));
        check(ColumnKind::Decimal { precision: 3, scale: 2 }, "1.555", None);
        check(ColumnKind::Date, "1970-01-02", Some("1970-01-02"));
        check(ColumnKind::Date, "infinity", None);
        check(ColumnKind::Instant, "2026-11-23 08:00:00+08", Some("2026-11-23 00:00:00"));
        check(ColumnKind::Timestamp, "2026-11-23 08:00:00.5", Some("2026-11-23 08:00:00.5"));
        check(ColumnKind::Padded, "ab  ", Some("ab"));
    }
}
