//! Views and routines of MySQL that come to a table in the end: a view over a view reads on where the one in the middle names
//! nothing of what was taken. Definitions are told with every name in backticks and every table with its database.

use std::collections::BTreeSet;

/// A view or a routine, as the server tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Code {
    /// Its database.
    pub(super) schema: String,
    /// Its name.
    pub(super) name: String,
    /// What it is made of; nothing, or an empty text, where we may not see that.
    pub(super) body: Option<String>,
    /// It reads with its definer's rights.
    pub(super) as_definer: bool,
    /// A view; else a routine, whose text is as somebody wrote it.
    pub(super) is_view: bool,
}

/// What comes to a level.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Reaching {
    /// Those that name it, or a view that does, by their places in the list.
    pub(super) sure: BTreeSet<usize>,
    /// Those that may: what they are made of, or what one of those whom they name is made of, is not shown.
    pub(super) unseen: BTreeSet<usize>,
}

impl Code {
    fn body(&self) -> Option<&str> {
        self.body.as_deref().filter(|body| !body.trim().is_empty())
    }

    /// Whether it names a table, a view or a routine; of a whole database where no name is given.
    fn names(&self, schema: &str, name: Option<&str>) -> bool {
        let Some(body) = self.body() else { return false };
        let (body, schema) = (body.to_lowercase(), schema.to_lowercase());
        let name = name.map(str::to_lowercase);
        if self.is_view {
            let quoted = |text: &str| format!("`{}`", text.replace('`', "``"));
            return body.contains(&name.map_or_else(|| format!("{}.", quoted(&schema)), |name| format!("{}.{}", quoted(&schema), quoted(&name))));
        }
        // A routine may leave the database out: its own is meant, or the one that was chosen.
        match name {
            Some(name) => body.contains(&name),
            None => body.contains(&schema) || self.schema.to_lowercase() == schema,
        }
    }
}

/// What of a list comes to a level, however many steps there are between; `*` stands for all of it.
pub(super) fn reaching(all: &[Code], database: &str, table: &str) -> Reaching {
    let level = |code: &Code| database == "*" || code.names(database, Some(table).filter(|table| *table != "*"));
    let sure = closure(all, |code| code.body().is_some() && level(code));
    let unseen = closure(all, |code| code.body().is_none());
    Reaching { unseen: unseen.difference(&sure).copied().collect(), sure }
}

fn closure(all: &[Code], begins: impl Fn(&Code) -> bool) -> BTreeSet<usize> {
    let mut found: BTreeSet<usize> = (0..all.len()).filter(|at| begins(&all[*at])).collect();
    let mut last: Vec<usize> = found.iter().copied().collect();
    while !last.is_empty() {
        let names_one = |code: &Code| last.iter().any(|at| code.names(&all[*at].schema, Some(&all[*at].name)));
        let next: Vec<usize> = (0..all.len()).filter(|at| !found.contains(at) && names_one(&all[*at])).collect();
        found.extend(&next);
        last = next;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(name: &str, body: Option<&str>) -> Code {
        Code { schema: "pub".to_owned(), name: name.to_owned(), body: body.map(str::to_owned), as_definer: true, is_view: true }
    }

    fn check(all: &[Code], level: (&str, &str), sure: &[usize], unseen: &[usize]) {
        let found = reaching(all, level.0, level.1);
        let listed = |set: &BTreeSet<usize>| set.iter().copied().collect::<Vec<_>>();
        assert_eq!((listed(&found.sure), listed(&found.unseen)), (sure.to_vec(), unseen.to_vec()), "{level:?}");
    }

    #[test]
    fn a_view_over_a_view_over_what_was_taken_is_found() {
        let all = [
            view("three", Some("select `t`.`id` from `pub`.`two` `t`")),
            view("two", Some("select `pub`.`one`.`id` AS `id` from `pub`.`One`")),
            view("one", Some("select `hr`.`staff`.`id` AS `id` from `hr`.`staff`")),
            view("other", Some("select `hr`.`staffing`.`staff` AS `staff` from `hr`.`staffing`")),
            view("hidden", Some("")),
            view("over", Some("select 1 from `pub`.`hidden`")),
            view("round", Some("select 1 from `pub`.`round`")),
        ];
        check(&all, ("hr", "staff"), &[0, 1, 2], &[4, 5]);
        check(&all, ("HR", "Staff"), &[0, 1, 2], &[4, 5]);
        check(&all, ("hr", "*"), &[0, 1, 2, 3], &[4, 5]);
        check(&all, ("*", "*"), &[0, 1, 2, 3, 5, 6], &[4]);
        check(&all, ("pay", "*"), &[], &[4, 5]);
    }

    #[test]
    fn a_view_that_calls_a_routine_comes_to_what_that_reads() {
        let routine = |name: &str, body: &str| Code { is_view: false, ..view(name, Some(body)) };
        let all = [view("v", Some("select `pub`.`f`() AS `f`")), routine("f", "RETURN (SELECT count(*) FROM hr.Staff)"), routine("g", "RETURN 1")];
        check(&all, ("hr", "staff"), &[0, 1], &[]);
    }
}
