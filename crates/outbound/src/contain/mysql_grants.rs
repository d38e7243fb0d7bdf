//! Lines of `SHOW GRANTS`: what each gives, on which level, and whether two levels share a table. The name of a database is a
//! pattern there where a whole database is granted (`h%`.*), and stands for itself where a table is.

/// What a line gives, and on which level, both as it writes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Given<'l> {
    /// `SELECT, INSERT`.
    pub(super) rights: &'l str,
    /// `` `hr`.* ``.
    pub(super) level: &'l str,
}

/// A line that gives rights on tables; nothing of one that gives a role, or rights on a routine.
pub(super) fn given(line: &str) -> Option<Given<'_>> {
    let (rights, rest) = split_outside(line.strip_prefix("GRANT ")?, " ON ")?;
    let (level, _) = split_outside(rest, " TO ")?;
    let is_routine = ["PROCEDURE ", "FUNCTION ", "PACKAGE "].iter().any(|word| level.starts_with(word));
    (!is_routine).then_some(Given { rights, level })
}

impl Given<'_> {
    /// Whether it gives anything: `USAGE` is no right.
    pub(super) fn gives(&self) -> bool {
        self.rights != "USAGE"
    }

    /// Whether it lets somebody read.
    pub(super) fn reads(&self) -> bool {
        self.rights.split(',').any(|right| matches!(right.trim().split([' ', '(']).next(), Some("SELECT" | "ALL")))
    }

    /// Whether it reaches anything of another level, as `SHOW GRANTS` would write that. What cannot be read counts as reaching.
    pub(super) fn meets(&self, level: &str) -> bool {
        let (Some(mine), Some(theirs)) = (parts(self.level), parts(level)) else { return true };
        let pattern = |level: &(Option<String>, Option<String>)| match level {
            (None, _) => vec![Sign::Any],
            (Some(name), None) => signs(name),
            (Some(name), Some(_)) => name.chars().map(Sign::One).collect(),
        };
        let same_table = match (&mine.1, &theirs.1) {
            // Whether capitals count is the server's setting; that they do not reaches further.
            (Some(one), Some(other)) => one.to_lowercase() == other.to_lowercase(),
            _ => true,
        };
        same_table && overlap(&pattern(&mine), &pattern(&theirs))
    }
}

/// One sign of a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sign {
    /// `%`
    Any,
    /// `_`
    Each,
    /// Itself.
    One(char),
}

fn signs(text: &str) -> Vec<Sign> {
    let (mut found, mut chars) = (Vec::new(), text.chars());
    while let Some(c) = chars.next() {
        found.push(match c {
            '%' => Sign::Any,
            '_' => Sign::Each,
            '\\' => chars.next().map_or(Sign::One(c), Sign::One),
            c => Sign::One(c),
        });
    }
    found
}

/// Whether some name fits both patterns.
fn overlap(one: &[Sign], other: &[Sign]) -> bool {
    let same = |a: Sign, b: Sign| match (a, b) {
        (Sign::One(a), Sign::One(b)) => a.to_lowercase().eq(b.to_lowercase()),
        _ => true,
    };
    // From the ends to the beginnings: whether what is left of both has a name in common.
    let mut fits = vec![vec![false; other.len() + 1]; one.len() + 1];
    for i in (0..=one.len()).rev() {
        for j in (0..=other.len()).rev() {
            fits[i][j] = match (one.get(i), other.get(j)) {
                (None, None) => true,
                (Some(Sign::Any), _) => fits[i + 1][j] || (j < other.len() && fits[i][j + 1]),
                (_, Some(Sign::Any)) => fits[i][j + 1] || (i < one.len() && fits[i + 1][j]),
                (Some(a), Some(b)) => same(*a, *b) && fits[i + 1][j + 1],
                (None, Some(_)) | (Some(_), None) => false,
            };
        }
    }
    fits[0][0]
}

/// Database and table of a level; nothing stands for all.
fn parts(level: &str) -> Option<(Option<String>, Option<String>)> {
    let (database, rest) = name(level)?;
    let (table, rest) = name(rest.strip_prefix('.')?)?;
    rest.is_empty().then_some((database, table))
}

fn name(text: &str) -> Option<(Option<String>, &str)> {
    if let Some(rest) = text.strip_prefix('*') {
        return Some((None, rest));
    }
    let mut rest = text.strip_prefix('`')?;
    let mut found = String::new();
    loop {
        let (before, after) = rest.split_once('`')?;
        found.push_str(before);
        match after.strip_prefix('`') {
            Some(more) => {
                found.push('`');
                rest = more;
            }
            None => return Some((Some(found), after)),
        }
    }
}

/// Splits at the first place that stands in no name.
fn split_outside<'t>(text: &'t str, at: &str) -> Option<(&'t str, &'t str)> {
    let found = text.match_indices(at).map(|(place, _)| place).find(|place| text[..*place].matches('`').count().is_multiple_of(2))?;
    Some((&text[..found], &text[found + at.len()..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grant_reaches_what_its_level_shares() {
        let check = |line: &str, level: &str, expected: bool| {
            let found = given(line).is_some_and(|given| given.gives() && given.meets(level));
            assert_eq!(found, expected, "{line} {level}");
        };
        for level in ["`hr`.*", "`hr`.`staff`", "*.*"] {
            check("GRANT SELECT ON *.* TO `x`@`%`", level, true);
            check("GRANT SELECT ON `h%`.* TO `x`@`%`", level, true);
            check("GRANT SELECT ON `h_`.* TO `x`@`%` WITH GRANT OPTION", level, true);
            check("GRANT SELECT (`a ON b`) ON `HR`.`staff` TO `x`@`%`", level, true);
            check("GRANT USAGE ON *.* TO `x`@`%`", level, false);
            check("GRANT EXECUTE ON PROCEDURE `hr`.`p` TO `x`@`%`", level, false);
            check("GRANT `role` TO `x`@`%`", level, false);
        }
        check("GRANT SELECT ON `pay`.* TO x", "`hr`.*", false);
        check("GRANT SELECT ON `hr`.`pay` TO x", "`hr`.`staff`", false);
        check("GRANT SELECT ON `h%`.`staff` TO x", "`hr`.`staff`", false);
        check("GRANT SELECT ON `hr\\_x`.* TO x", "`hrax`.*", false);
        check("GRANT SELECT ON `hr_x`.* TO x", "`hr%y`.*", false);
        check("GRANT SELECT ON `hr_%x`.* TO x", "`%r%x`.*", true);
        check("GRANT SELECT ON `a``b`.* TO x", "`a``b`.`c`", true);
        check("GRANT SELECT ON nonsense TO x", "`hr`.*", true);
    }

    #[test]
    fn names_of_any_length_end() {
        let long = format!("GRANT SELECT ON `{}`.* TO x", "%a".repeat(300));
        assert!(!given(&long).unwrap().meets(&format!("`{}b`.*", "a".repeat(300))));
    }
}
