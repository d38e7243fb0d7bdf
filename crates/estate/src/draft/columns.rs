//! The category of a column: by what the register knows of its values, by their form, by its name, and then by what its table is about.

use strandline_model::sketch::{ColumnSketch, TableSketch};

use super::people::Owner;
use super::values::{self, Kind};
use super::{RegisterSketch, by_type, words};

/// Values from which on their form tells something.
const FEWEST: usize = 5;

/// Tables about others than the people of the register.
const OF_OTHER_PEOPLE: &[&str] = &["next_of_kin", "emergency_contact", "family"];
/// What tells people apart, and of others says no more than that they are there.
const TELLS_APART: &[&str] = &["name", "email", "phone", "address", "contact", "date_of_birth", "gender"];

/// What the draft says of a column.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Category {
    pub(super) name: &'static str,
    pub(super) why: String,
    pub(super) is_sure: bool,
}

/// The columns of a table, sorted out.
#[derive(Debug, Default)]
pub(super) struct Sorted {
    /// Those with a category.
    pub(super) categories: Vec<(String, Category)>,
    /// The table's own keys and book-keeping.
    pub(super) without: Vec<String>,
    /// The category of the others.
    pub(super) others: &'static str,
    /// How many others there are.
    pub(super) left: usize,
}

/// Sorts the columns of a table whose rows belong to people. `standing` is what these people are to the organisation.
pub(super) fn sort(table: &TableSketch, owner: &Owner, is_of_people: bool, standing: &'static str, register: Option<&RegisterSketch>) -> Sorted {
    let topic = if is_of_people { standing } else { words::of_table(&table.name).unwrap_or(standing) };
    let mut sorted = Sorted { others: topic, ..Sorted::default() };
    for column in &table.columns {
        if is_technical(column, table, owner) {
            sorted.without.push(column.name.clone());
        } else if let Some(category) = category(column, table, (topic, is_of_people), register) {
            sorted.categories.push((column.name.clone(), category));
        } else {
            sorted.left += 1;
        }
    }
    sorted
}

/// Whether a column only numbers rows, says where they belong, or keeps the machine's books.
fn is_technical(column: &ColumnSketch, table: &TableSketch, owner: &Owner) -> bool {
    let is_number = column.samples.expose_personal().iter().all(|value| is_machine_key(value));
    let is_key = table.primary_key == [column.name.clone()];
    (is_key || column.name == owner.column()) && is_number || words::is_bookkeeping(&column.name)
}

/// A number that a machine gave: digits, or a UUID.
fn is_machine_key(value: &str) -> bool {
    let is_uuid = value.len() == 36 && value.chars().all(|c| c.is_ascii_hexdigit() || c == '-');
    is_uuid || value.chars().all(|c| c.is_ascii_digit())
}

fn category(column: &ColumnSketch, table: &TableSketch, (topic, is_of_people): (&'static str, bool), register: Option<&RegisterSketch>) -> Option<Category> {
    let samples = column.samples.expose_personal();
    let varies = column.distinct >= 2 || (column.filled > 0 && table.rows < FEWEST as u64);
    let category = |name, why: &str| Some(Category { name, why: why.to_owned(), is_sure: false });
    if let Some(category) = by_type::one_for_all(column, table) {
        return Some(category);
    }
    if let Some((name, why)) = own_category(column, register) {
        let of_others = OF_OTHER_PEOPLE.contains(&topic) && TELLS_APART.contains(&name);
        return match (varies, is_flag(column) || name == topic) {
            // What is empty, and says no more than its table, is left to the others.
            (false, true) => None,
            _ if of_others => category(topic, "somebody's beside the person, by its table"),
            _ => Some(Category { is_sure: !why.starts_with("by its name"), name, why }),
        };
    }
    let is_name = column.name.eq_ignore_ascii_case("name") || column.name.to_lowercase().ends_with("_name");
    if is_name && (is_of_people || topic == "name") {
        return category("name", "by its name");
    }
    if is_of_people && is_birth_date(samples) {
        return category("date_of_birth", "its dates reach back as the births of adults do");
    }
    let speaking = || samples.iter().filter(|value| values::speaks_of_health(value)).count();
    if !["medication", "test_result", "purchase"].contains(&topic) && speaking() * 5 > samples.len() * 2 {
        return category("health", "its texts speak of health");
    }
    let is_of_a_writer = words::is_of_a_writer(&column.name) && table.foreign_keys.iter().any(|(name, ..)| *name == column.name);
    if !varies || is_of_a_writer {
        return None;
    }
    let some = column.words.iter().map(|(_, some)| *some).max().unwrap_or(0);
    if some > 0 && samples.iter().any(|value| values::word_count(value) > 3) {
        return category(topic, "texts, some with names of the register");
    }
    category(topic, if is_of_people { "by what these people are" } else { "by what its table is about" })
}

fn is_flag(column: &ColumnSketch) -> bool {
    let declared = column.declared.to_lowercase();
    declared.starts_with("bool") || declared.starts_with("tinyint(1)") || declared.starts_with("bit(1)")
}

/// The category that a column's own values or name tell, and what speaks for it.
pub(super) fn own_category(column: &ColumnSketch, register: Option<&RegisterSketch>) -> Option<(&'static str, String)> {
    let by_register = register.and_then(|register| by_register(column, register));
    // Numbers in groups may be of anything; a name says of what.
    let form = by_form(column).filter(|(category, _)| *category != "phone" || words::of_column(&column.name).is_none_or(|named| named == "phone"));
    by_register.or(form).or_else(|| Some((words::of_column(&column.name).filter(|name| can_be(name, column))?, "by its name".to_owned())))
}

/// Whether a column's type can hold what its name says: a flag holds no address.
fn can_be(category: &str, column: &ColumnSketch) -> bool {
    const OF_TEXT: &[&str] = &["email", "address", "name", "ip_address", "identity_document", "phone", "username", "credentials", "photo", "signature"];
    let declared = column.declared.to_lowercase();
    let is_moment = declared.starts_with("timestamp") || declared.starts_with("datetime") || declared.starts_with("time");
    !(OF_TEXT.contains(&category) && (is_flag(column) || is_moment || declared.starts_with("date")))
}

/// By the values that the register has, too.
fn by_register(column: &ColumnSketch, register: &RegisterSketch) -> Option<(&'static str, String)> {
    let mut found: Vec<(&'static str, usize, u64)> = Vec::new();
    for (at, category) in register.categories.iter().enumerate() {
        let Some(category) = category else { continue };
        let same = column.known.get(at).copied().unwrap_or(0);
        let is_number = column.samples.expose_personal().iter().all(|value| is_machine_key(value) && value.len() < 7);
        if same >= 3 && same * 10 >= column.distinct && !is_number {
            found.push((category, at, same));
        }
    }
    let sum: u64 = found.iter().map(|(.., same)| same).sum();
    if sum * 2 >= column.distinct && !found.is_empty() {
        let kinds: std::collections::BTreeSet<&str> = found.iter().map(|(category, ..)| *category).collect();
        let (category, at, same) = found.iter().max_by_key(|(.., same)| *same).copied()?;
        let why = format!("{same} of its {} values stand in the register as {}", column.distinct, register.columns[at]);
        if kinds.len() > 1 && kinds.iter().all(|kind| matches!(*kind, "email" | "phone")) {
            return Some(("contact", "its values stand in the register as e-mail addresses and as telephone numbers".to_owned()));
        }
        return Some((category, why));
    }
    let samples = column.samples.expose_personal().len() as u64;
    let within = register.categories.iter().enumerate().filter_map(|(at, category)| Some((at, (*category)?, column.within.get(at).copied()?)));
    if let Some((at, category, _)) = within.filter(|(.., some)| *some >= 3 && some * 10 >= samples * 8).max_by_key(|(.., some)| *some) {
        return Some((category, format!("its values hold the register's {}", register.columns[at])));
    }
    by_words(column, register)
}

/// By words of the register's names and addresses: a given name, a street.
fn by_words(column: &ColumnSketch, register: &RegisterSketch) -> Option<(&'static str, String)> {
    let samples = column.samples.expose_personal();
    let worded = samples.iter().filter(|value| value.chars().any(char::is_alphabetic)).count() as u64;
    let is_of_parts = |(at, category): (usize, &Option<&'static str>)| {
        let (all, _) = column.words.get(at).copied()?;
        let category = category.filter(|category| matches!(*category, "name" | "address"))?;
        (worded >= 3 && all * 10 >= worded * 7 && worded * 2 >= samples.len() as u64).then_some((category, all, at))
    };
    let (category, all, at) = register.categories.iter().enumerate().filter_map(is_of_parts).max_by_key(|(_, all, _)| *all)?;
    Some((category, format!("the words of {all} of {worded} values stand in the register's {}", register.columns[at])))
}

/// By the form of the values.
fn by_form(column: &ColumnSketch) -> Option<(&'static str, String)> {
    let samples = column.samples.expose_personal();
    if samples.len() < FEWEST || column.declared.to_lowercase().starts_with("time") {
        return None;
    }
    let kinds: Vec<Kind> = samples.iter().filter_map(|value| values::kind(value)).collect();
    let share = |kind: Kind| kinds.iter().filter(|k| **k == kind).count();
    let of = |count: usize| count * 10 >= samples.len() * 9;
    if of(share(Kind::Email) + share(Kind::Phone)) && share(Kind::Email).min(share(Kind::Phone)) * 10 >= samples.len() {
        return Some(("contact", "its values are e-mail addresses and telephone numbers".to_owned()));
    }
    // A number alone has a right check digit by chance, one in ten.
    let told = |kind: &&Kind| of(share(**kind)) && (**kind != Kind::NhsNumber || samples.len() >= 10);
    if let Some(kind) = kinds.iter().find(told) {
        let (category, why) = kind.category();
        return Some((category, why.to_owned()));
    }
    (samples.iter().filter(|value| values::reads_as_address(value)).count() * 10 >= samples.len() * 7)
        .then(|| ("address", "its values read as addresses".to_owned()))
}

/// Dates over more than forty years, the latest of which are not of the last: births, not events.
fn is_birth_date(samples: &[String]) -> bool {
    let mut years: Vec<i32> = samples.iter().filter_map(|value| values::year(value)).collect();
    years.sort_unstable();
    let (Some(first), Some(last)) = (years.first(), years.last()) else { return false };
    years.len() >= FEWEST && years.len() == samples.len() && last - first >= 40 && *first < 1970 && years[years.len() / 2] < 2005
}
