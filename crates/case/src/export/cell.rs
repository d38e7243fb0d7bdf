//! Cells of CSV files that a spreadsheet will open: a text that it would run as a formula is made a text.

use std::borrow::Cow;
use std::fmt::Display;

/// A free text as a cell. A spreadsheet takes `=`, `+`, `-`, `@` at the beginning (also after blanks, tabs and line ends) for a
/// formula; an apostrophe in front stops that. Plain numbers stay as they are.
pub fn text(value: &str) -> Cow<'_, str> {
    let starts_formula = value.trim_start().starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠']) || value.starts_with(['\t', '\r']);
    let is_number = value.strip_prefix(['-', '+']).unwrap_or(value).bytes().all(|b| b.is_ascii_digit() || b == b'.');
    if starts_formula && !is_number { Cow::Owned(format!("'{value}")) } else { Cow::Borrowed(value) }
}

/// Values separated by spaces.
pub(super) fn words<T: Display>(values: impl IntoIterator<Item = T>) -> String {
    values.into_iter().map(|v| v.to_string()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_become_text_and_text_stays() {
        for (value, cell) in [
            ("plain", "plain"),
            ("", ""),
            ("=1+1", "'=1+1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("-cmd|' /C calc'!A0", "'-cmd|' /C calc'!A0"),
            (" =1", "' =1"),
            ("\t=1", "'\t=1"),
            ("-12.5", "-12.5"),
            ("+85291234567", "+85291234567"),
            ("a=b", "a=b"),
        ] {
            assert_eq!(text(value), cell, "{value:?}");
        }
    }
}
