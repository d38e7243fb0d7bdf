//! What MySQL counts between days and times, and its division of whole numbers, which the planner does not have.
//! A statement reaches them by MySQL's names alone: those of the functions here have a blank in them.
//!
//! Sources: MySQL 8.4 Reference Manual, Date and Time Functions (`TIMESTAMPDIFF`, `DATEDIFF`, `LAST_DAY`, `WEEKDAY`) and Arithmetic Operators (`DIV`).
//! `TIMESTAMPDIFF` counts whole units that have passed: a month has once its day of the month and time of day are reached again.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Int64Type, TimestampMicrosecondType};
use arrow_array::{Date32Array, Int64Array};
use arrow_schema::{DataType, TimeUnit};
use datafusion::common::{Result, internal_err, plan_err};
use datafusion::logical_expr::{ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};
use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::Offset;

/// The day of a time, counted from 1970-01-01.
pub(crate) const DAY: &str = "calendar day";
/// The last day of a time's month.
pub(crate) const LAST_DAY: &str = "calendar last_day";
/// A whole number divided by another, towards zero; NULL by zero.
const QUOTIENT: &str = "calendar quotient";

const DAY_MICROS: i64 = 86_400_000_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Unit {
    Microsecond,
    Second,
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Quarter,
    Year,
}

const UNITS: &[(&str, &str, Unit)] = &[
    ("microsecond", "calendar microseconds", Unit::Microsecond),
    ("second", "calendar seconds", Unit::Second),
    ("minute", "calendar minutes", Unit::Minute),
    ("hour", "calendar hours", Unit::Hour),
    ("day", "calendar days", Unit::Day),
    ("week", "calendar weeks", Unit::Week),
    ("month", "calendar months", Unit::Month),
    ("quarter", "calendar quarters", Unit::Quarter),
    ("year", "calendar years", Unit::Year),
];

/// The function that counts the whole units from one time to another; `None` for a word that is no unit of `TIMESTAMPDIFF`.
pub(crate) fn between(unit: &str) -> Option<&'static str> {
    let plain = unit.to_lowercase();
    UNITS.iter().find(|(name, ..)| plain.strip_prefix("sql_tsi_").unwrap_or(&plain) == *name).map(|(_, function, _)| *function)
}

/// Whether a function is one of these: it decides as MySQL does wherever its arguments are MySQL's.
pub(crate) fn is_counted(function: &str) -> bool {
    function.starts_with("calendar ")
}

/// Whether it counts times, and no other numbers.
pub(crate) fn is_of_times(function: &str) -> bool {
    is_counted(function) && function != QUOTIENT
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum What {
    Day,
    LastDay,
    Between(Unit),
    Quotient,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Counting {
    name: &'static str,
    what: What,
    signature: Signature,
}

/// `one DIV other`.
pub(crate) fn quotient(one: Expr, other: Expr) -> Expr {
    counting(QUOTIENT, What::Quotient).call(vec![one, other])
}

/// All of them.
pub(crate) fn counting_functions() -> impl Iterator<Item = ScalarUDF> {
    let single = [(DAY, What::Day), (LAST_DAY, What::LastDay), (QUOTIENT, What::Quotient)];
    let between = UNITS.iter().map(|(_, function, unit)| (*function, What::Between(*unit)));
    single.into_iter().chain(between).map(|(name, what)| counting(name, what))
}

fn counting(name: &'static str, what: What) -> ScalarUDF {
    ScalarUDF::new_from_impl(Counting { name, what, signature: Signature::user_defined(Volatility::Immutable) })
}

fn local_type() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, None)
}

impl ScalarUDFImpl for Counting {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    /// Days, times and their texts as times without a zone; numbers that are whole.
    fn coerce_types(&self, kinds: &[DataType]) -> Result<Vec<DataType>> {
        let (wanted, count) = match self.what {
            What::Quotient => (DataType::Int64, 2),
            What::Between(_) => (local_type(), 2),
            What::Day | What::LastDay => (local_type(), 1),
        };
        let fits = |kind: &DataType| match self.what {
            What::Quotient => kind.is_integer() || *kind == DataType::Null,
            _ => matches!(kind, DataType::Date32 | DataType::Timestamp(..) | DataType::Null) || kind.is_string(),
        };
        if kinds.len() != count || !kinds.iter().all(fits) {
            return plan_err!("counting between values of these types is not supported");
        }
        Ok(vec![wanted; count])
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(if self.what == What::LastDay { DataType::Date32 } else { DataType::Int64 })
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = args.args.iter().map(|value| value.to_array(args.number_rows)).collect::<Result<Vec<_>>>()?;
        let of_time = |count: &dyn Fn(i64) -> Option<i64>| -> Option<Int64Array> {
            Some(arrays.first()?.as_primitive::<TimestampMicrosecondType>().iter().map(|time| time.and_then(count)).collect())
        };
        let of_two = |count: &dyn Fn(i64, i64) -> Option<i64>| -> Option<Int64Array> {
            let [one, other] = arrays.as_slice() else { return None };
            let pairs: Box<dyn Iterator<Item = (Option<i64>, Option<i64>)>> = if self.what == What::Quotient {
                Box::new(one.as_primitive::<Int64Type>().iter().zip(other.as_primitive::<Int64Type>().iter()))
            } else {
                Box::new(one.as_primitive::<TimestampMicrosecondType>().iter().zip(other.as_primitive::<TimestampMicrosecondType>().iter()))
            };
            Some(pairs.map(|(one, other)| count(one?, other?)).collect())
        };
        let counted = match self.what {
            What::Day => of_time(&|time| Some(time.div_euclid(DAY_MICROS))),
            What::LastDay => of_time(&last_day),
            What::Between(unit) => of_two(&|from, to| counted(unit, from, to)),
            What::Quotient => of_two(&i64::checked_div),
        };
        let Some(counted) = counted else { return internal_err!("counting without its values") };
        if self.what == What::LastDay {
            let days: Date32Array = counted.iter().map(|day| day.and_then(|day| i32::try_from(day).ok())).collect();
            return Ok(ColumnarValue::Array(Arc::new(days)));
        }
        Ok(ColumnarValue::Array(Arc::new(counted)))
    }
}

fn moment(micros: i64) -> Option<DateTime> {
    Some(Offset::UTC.to_datetime(Timestamp::from_microsecond(micros).ok()?))
}

/// The last day of the month of a time, counted from 1970-01-01.
fn last_day(time: i64) -> Option<i64> {
    days(moment(time)?.date().last_of_month())
}

/// A day, counted from 1970-01-01.
fn days(date: Date) -> Option<i64> {
    Some(Offset::UTC.to_timestamp(date.to_datetime(Time::midnight())).ok()?.as_second().div_euclid(86_400))
}

fn counted(unit: Unit, from: i64, to: i64) -> Option<i64> {
    let micros = to.checked_sub(from)?;
    Some(match unit {
        Unit::Microsecond => micros,
        Unit::Second => micros / 1_000_000,
        Unit::Minute => micros / 60_000_000,
        Unit::Hour => micros / 3_600_000_000,
        Unit::Day => micros / DAY_MICROS,
        Unit::Week => micros / (7 * DAY_MICROS),
        Unit::Month => months(from, to)?,
        Unit::Quarter => months(from, to)? / 3,
        Unit::Year => months(from, to)? / 12,
    })
}

/// Whole months from one time to another; negative where it is the later one.
fn months(from: i64, to: i64) -> Option<i64> {
    if to < from {
        return months(to, from).map(|months| -months);
    }
    let (begin, end) = (moment(from)?, moment(to)?);
    let of = |time: &DateTime| i64::from(time.year()) * 12 + i64::from(time.month());
    let is_short = (end.day(), end.time()) < (begin.day(), begin.time());
    Some(of(&end) - of(&begin) - i64::from(is_short))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> i64 {
        let time: DateTime = text.parse().unwrap();
        Offset::UTC.to_timestamp(time).unwrap().as_microsecond()
    }

    /// As MariaDB 10.11 answers.
    #[test]
    fn units_that_have_passed() {
        let (born, day) = (at("2000-02-29 12:00:00"), at("2026-02-28 12:00:00"));
        assert_eq!(counted(Unit::Year, born, day), Some(25));
        assert_eq!(counted(Unit::Month, born, day), Some(311));
        assert_eq!(counted(Unit::Month, day, born), Some(-311));
        assert_eq!(counted(Unit::Year, born, at("2026-03-01 00:00:00")), Some(26));
        assert_eq!(counted(Unit::Month, at("2026-01-31 00:00:00"), at("2026-02-28 23:00:00")), Some(0));
        assert_eq!(counted(Unit::Quarter, at("2026-01-01 00:00:00"), at("2026-09-30 00:00:00")), Some(2));
        assert_eq!(counted(Unit::Day, at("2026-01-02 00:00:00"), at("2026-01-01 00:00:01")), Some(0));
        assert_eq!(counted(Unit::Week, at("2026-01-01 00:00:00"), at("2026-01-15 00:00:00")), Some(2));
    }

    #[test]
    fn last_days_of_months() {
        let day = |text: &str| last_day(at(text)).and_then(|days| moment(days * DAY_MICROS)).map(|time| time.date().to_string());
        assert_eq!(day("2024-02-03 11:00:00").as_deref(), Some("2024-02-29"));
        assert_eq!(day("1969-12-05 00:00:00").as_deref(), Some("1969-12-31"));
    }
}
