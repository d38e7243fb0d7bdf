//! Where in a text or an array a copied value stands, and which piece of it a function cuts out: as expressions over the row.

use arrow_schema::DataType;
use datafusion::functions::expr_fn::{character_length, greatest, least};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{Expr, cast, lit, when};

use crate::pieces::field_edge;

/// Longer than any value, and far from what a sum could overflow.
const END: i64 = 1 << 40;

/// Characters of a text, or elements of an array, that are cut out: from, and up to but without, counted from 0.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Cut {
    pub(crate) from: Expr,
    pub(crate) to: Expr,
}

impl Cut {
    /// The piece that a further cut makes of this piece.
    pub(crate) fn then(&self, next: &Self) -> Self {
        let start = greatest(vec![self.from.clone(), lit(0_i64)]);
        let to = least(vec![self.to.clone(), start.clone() + next.to.clone()]);
        Self { from: greatest(vec![start.clone() + next.from.clone(), start]), to }
    }

    /// The same range, counted from where a copy stands.
    pub(crate) fn moved(&self, span: &Span) -> Self {
        Self { from: self.from.clone() - span.start.clone(), to: self.to.clone() - span.start.clone() }
    }
}

/// Where a copy stands in a text.
#[derive(Clone, Debug)]
pub(crate) struct Span {
    start: Expr,
    length: Expr,
}

impl Span {
    /// The whole of a text.
    pub(crate) fn whole(text: &Expr) -> Self {
        Self { start: lit(0_i64), length: length(text) }
    }

    /// The same behind so many more characters.
    pub(crate) fn moved(self, before: &Expr) -> Self {
        Self { start: self.start + before.clone(), ..self }
    }

    /// How many characters stand before what follows a part.
    pub(crate) fn after(before: Expr, part: &Expr, separator: Option<&Expr>) -> Expr {
        let own = separator.map_or_else(|| length(part), |separator| length(part) + length(separator));
        let Ok(own) = when(part.clone().is_null(), lit(0_i64)).otherwise(own) else {
            return before;
        };
        before + own
    }

    /// Whether any of it is in a range.
    pub(crate) fn touches(&self, range: &Cut) -> Expr {
        let end = self.start.clone() + self.length.clone();
        self.start.clone().lt(range.to.clone()).and(end.gt(range.from.clone())).and(range.from.clone().lt(range.to.clone()))
    }

    /// Where it stands in what a range cuts out.
    pub(crate) fn within(self, range: &Cut) -> Self {
        let from = greatest(vec![range.from.clone(), lit(0_i64)]);
        let start = greatest(vec![self.start.clone(), from.clone()]);
        let end = least(vec![self.start + self.length, range.to.clone()]);
        Self { start: start.clone() - from, length: end - start }
    }
}

fn length(text: &Expr) -> Expr {
    cast(character_length(cast(text.clone(), DataType::Utf8)), DataType::Int64)
}

/// A number of the statement, kept where sums cannot overflow.
fn number(value: &Expr) -> Expr {
    let value = cast(value.clone(), DataType::Int64);
    greatest(vec![least(vec![value, lit(END)]), lit(-END)])
}

fn choose(condition: Expr, then: Expr, otherwise: Expr) -> Option<Expr> {
    when(condition, then).otherwise(otherwise).ok()
}

/// The argument of which a function copies a piece, and which.
pub(crate) fn cut_of(function: &ScalarFunction) -> Option<(&Expr, Cut)> {
    let cut = |from: Expr, to: Expr| Some(Cut { from, to });
    let of = function.args.first()?;
    let range = match (function.name(), function.args.get(1..)?) {
        ("substr" | "substring", [first]) => cut(number(first) - lit(1_i64), lit(END)),
        ("substr" | "substring", [first, count]) => cut(number(first) - lit(1_i64), number(first) - lit(1_i64) + number(count)),
        ("left", [count]) => {
            let count = number(count);
            cut(lit(0_i64), choose(count.clone().lt(lit(0_i64)), length(of) + count.clone(), count)?)
        }
        ("right", [count]) => {
            let count = number(count);
            cut(choose(count.clone().lt(lit(0_i64)), -count.clone(), length(of) - count)?, lit(END))
        }
        ("lpad" | "rpad", [count, ..]) => cut(lit(0_i64), number(count)),
        ("ascii", []) => cut(lit(0_i64), lit(1_i64)),
        ("split_part", [delimiter, field]) => {
            let edge = |is_end| field_edge(of.clone(), delimiter.clone(), field.clone(), is_end);
            cut(edge(false), edge(true))
        }
        ("array_element", [index]) => {
            let index = number(index);
            cut(index.clone() - lit(1_i64), index)
        }
        ("array_slice", [first, last, ..]) => cut(number(first) - lit(1_i64), number(last)),
        _ => None,
    }?;
    Some((of, range))
}
