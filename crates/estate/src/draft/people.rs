//! Whose the rows of each table are. The register's values say which column of which table is its key; from there keys lead on to the
//! other tables, the one whose rows are about a person before the one who wrote them.

use std::collections::{BTreeMap, BTreeSet};

use strandline_model::sketch::{ColumnSketch, Compared, TableSketch};

use super::{RegisterSketch, words};

/// Rows from which on it tells something that few people stand in them.
const MANY_ROWS: u64 = 20;
/// How a declared way is told.
const DECLARED: &str = "a foreign key";
/// What an edge costs that nothing speaks for; dearer ones are not taken.
const TOO_DEAR: u32 = 1_000;

/// Where the people stand in the data.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct People {
    /// The table that has one row for each.
    pub(super) table: usize,
    /// Its column that the register's key is.
    pub(super) column: String,
    /// The column of the register, if its values decided it.
    pub(super) register: Option<usize>,
    /// What speaks for it.
    pub(super) why: String,
    /// How many of the register's people stand there.
    pub(super) known: u64,
    /// Whether the register's values decided it.
    pub(super) is_sure: bool,
}

/// How a table's rows belong to a person.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Owner {
    pub(super) way: Way,
    /// What speaks for it.
    pub(super) why: String,
    pub(super) is_sure: bool,
}

/// The way from a row to its person.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Way {
    /// A column holds the person's key.
    Key(String),
    /// A column names a row of a table whose rows belong to people.
    Via { column: String, table: String, to_column: String },
}

impl Owner {
    pub(super) fn column(&self) -> &str {
        match &self.way {
            Way::Key(column) | Way::Via { column, .. } => column,
        }
    }
}

/// The rows of which tables belong to people, and those of which only who wrote them does, or too few: table -> why not.
#[derive(Debug, Default)]
pub(super) struct Owners {
    /// The table of people.
    pub(super) people: usize,
    pub(super) of: BTreeMap<usize, Owner>,
    pub(super) doubtful: BTreeMap<usize, String>,
}

/// Finds the table of people: by the register's values (those of one column, where it must be that one), or else as the table that tells
/// most about people.
pub(super) fn people(tables: &[TableSketch], register: Option<&RegisterSketch>, key: Option<usize>) -> Option<People> {
    register.and_then(|register| by_values(tables, register, key)).or_else(|| by_looks(tables))
}

/// A column of the data that the register's key could be.
struct Candidate {
    table: usize,
    column: usize,
    register: usize,
    people: u64,
    compared: Compared,
}

fn by_values(tables: &[TableSketch], register: &RegisterSketch, key: Option<usize>) -> Option<People> {
    let mut candidates = Vec::new();
    for (table, sketch) in tables.iter().enumerate() {
        for (at, column) in sketch.columns.iter().enumerate() {
            candidates.extend(matches(column, register).map(|(key, people, compared)| Candidate { table, column: at, register: key, people, compared }));
        }
    }
    candidates.retain(|candidate| key.is_none_or(|key| candidate.register == key));
    let best = candidates.iter().max_by_key(|candidate| rank(candidate, tables))?;
    let column = &tables[best.table].columns[best.column];
    let why = match best.compared {
        Compared { rows: 0, .. } => format!("it holds {} of the register's {} values of {}", best.people, register.people, register.columns[best.register]),
        Compared { rows, same, .. } => format!(
            "{} of the register's {} values of {} stand in it, and {same} of {rows} rows tell the same person otherwise, too",
            best.people, register.people, register.columns[best.register]
        ),
    };
    let (table, column) = root(tables, best.table, column.name.clone());
    let why = if table == best.table { why } else { format!("{}.{} names it: {why}", tables[best.table].name, tables[best.table].columns[best.column].name) };
    Some(People { table, column, register: Some(best.register), why, known: best.people, is_sure: true })
}

/// The columns of the register whose values this column holds, in a way that is no chance.
fn matches<'r>(column: &'r ColumnSketch, register: &'r RegisterSketch) -> impl Iterator<Item = (usize, u64, Compared)> + 'r {
    let keys = (0..register.columns.len()).filter(|key| register.tells_apart.get(*key).is_some_and(|tells| *tells));
    keys.filter_map(|key| {
        let found = column.known.get(key).copied()?;
        let compared = column.compared.get(key).copied().unwrap_or_default();
        is_no_chance(column, found, compared, register.people).then_some((key, found, compared))
    })
}

/// Whether a column holds values of the register because it is about the same people: other columns of its rows say so, or the values are
/// such that chance does not meet them.
fn is_no_chance(column: &ColumnSketch, found: u64, compared: Compared, people: u64) -> bool {
    let is_much = found >= 3 && (found * 2 >= people || found * 2 >= column.distinct);
    let is_agreed = compared.rows >= 3 && compared.same * 5 >= compared.rows * 4;
    let is_telling = found * 5 >= column.distinct * 4 && is_telling(column) && compared.other <= compared.same;
    is_much && (is_agreed || is_telling)
}

/// Whether values are more than small numbers.
fn is_telling(column: &ColumnSketch) -> bool {
    let is_long = |value: &&String| value.len() >= 5 && (value.chars().any(char::is_alphabetic) || value.len() >= 8);
    let samples = column.samples.expose_personal();
    !samples.is_empty() && samples.iter().filter(is_long).count() * 10 >= samples.len() * 9
}

/// The best candidate first of all is a number, not a way to reach people, which changes; it stands once in its table, other tables' keys name
/// it, and it comes first in the register.
fn rank(candidate: &Candidate, tables: &[TableSketch]) -> (bool, bool, bool, usize, bool, u64, std::cmp::Reverse<usize>, std::cmp::Reverse<usize>) {
    let table = &tables[candidate.table];
    let column = &table.columns[candidate.column];
    let is_own = column.distinct == column.filled && column.filled > 0;
    let names_other = table.foreign_keys.iter().any(|(name, ..)| *name == column.name);
    let named_by = tables.iter().flat_map(|t| &t.foreign_keys).filter(|(_, to, to_column)| *to == table.name && *to_column == column.name).count();
    let named_by = named_by + usual_names(table, column).map_or(0, |names| tables.iter().filter(|t| t.name != table.name && has_one_of(t, &names)).count());
    let is_agreed = candidate.compared.same > 0;
    let is_contact = column.samples.expose_personal().iter().any(|value| value.contains(['@', '+', ' ']));
    let order = (std::cmp::Reverse(candidate.register), std::cmp::Reverse(candidate.table));
    (!is_contact, is_own && !names_other, is_own && is_agreed, named_by, table.primary_key == [column.name.clone()], candidate.people, order.0, order.1)
}

/// The table that a column of keys names in the end: the one that has a row for each, where names and numbers stand in tables of their own.
fn root(tables: &[TableSketch], mut table: usize, mut column: String) -> (usize, String) {
    // A chain of keys is no longer than there are tables.
    for _ in 0..tables.len() {
        let key = tables[table].foreign_keys.iter().find(|(name, ..)| *name == column);
        let Some((_, to, to_column)) = key else { break };
        let Some(at) = tables.iter().position(|other| other.name == *to).filter(|at| *at != table) else { break };
        (table, column) = (at, to_column.clone());
    }
    (table, column)
}

fn has_one_of(table: &TableSketch, names: &[String]) -> bool {
    table.columns.iter().any(|column| names.contains(&column.name.to_lowercase()))
}

/// How other tables usually name a row of this one by this column: `patient_id`, `patient` for `patients.id`; `patient_no` as it is.
fn usual_names(table: &TableSketch, column: &ColumnSketch) -> Option<Vec<String>> {
    let primary = column.name.to_lowercase();
    let short = table.name.rsplit('.').next().unwrap_or(&table.name);
    let own = words::words(short).last().map(|word| words::singular(word))?;
    let whole = words::words(short).iter().map(|word| words::singular(word)).collect::<Vec<_>>().join("_");
    if primary == "id" || primary == "uuid" || primary == "pk" {
        return Some(vec![format!("{own}_{primary}"), format!("{own}{primary}"), format!("{whole}_{primary}"), whole]);
    }
    Some(vec![primary])
}

/// The table that tells most about people: a key of one column, and the most kinds of what tells people apart.
fn by_looks(tables: &[TableSketch]) -> Option<People> {
    const OF_PEOPLE: &[&str] = &["name", "date_of_birth", "identity_document", "email", "phone", "address", "gender", "marital_status"];
    let score = |table: &TableSketch| {
        let kinds: BTreeSet<&str> = table.columns.iter().filter_map(|column| super::columns::own_category(column, None)).map(|(kind, _)| kind).collect();
        let named_by = tables.iter().flat_map(|t| &t.foreign_keys).filter(|(_, to, _)| *to == table.name).count();
        (kinds.iter().filter(|kind| OF_PEOPLE.contains(kind)).count(), named_by, kinds.len(), table.rows)
    };
    let (at, table) = tables.iter().enumerate().filter(|(_, t)| t.primary_key.len() == 1).max_by_key(|(_, t)| score(t))?;
    let why = "no register decides it; this table tells most about people, and it is its primary key".to_owned();
    (score(table).0 >= 2).then(|| People { table: at, column: table.primary_key[0].clone(), register: None, why, known: 0, is_sure: false })
}

/// A way from the rows of one table to those of another, whose people they are then about.
struct Edge {
    from: usize,
    to: usize,
    way: Way,
    why: String,
    cost: u32,
    is_sure: bool,
}

/// Whose the rows of each table are: of the table of people by its key, and of those that lead to it, by the cheapest way.
pub(super) fn owners(tables: &[TableSketch], register: Option<&RegisterSketch>, people: &People) -> Owners {
    let mut owners = Owners { people: people.table, ..Owners::default() };
    owners.of.insert(people.table, Owner { way: Way::Key(people.column.clone()), why: people.why.clone(), is_sure: people.is_sure });
    let mut edges = edges(tables, register, people);
    part_the_equal(&mut edges);
    let mut costs: BTreeMap<usize, u32> = BTreeMap::from([(people.table, 0)]);
    // The cheapest open way first, so that a table goes through the one whose rows are about the person.
    loop {
        let open = edges.iter().filter(|edge| edge.cost < TOO_DEAR && !costs.contains_key(&edge.from));
        let next =
            open.filter_map(|edge| Some((costs.get(&edge.to)? + edge.cost, edge))).min_by_key(|(cost, edge)| (*cost, edge.from, edge.way.column().to_owned()));
        let Some((cost, edge)) = next else { break };
        costs.insert(edge.from, cost);
        owners.of.insert(edge.from, Owner { way: edge.way.clone(), why: edge.why.clone(), is_sure: edge.is_sure });
    }
    for edge in edges.iter().filter(|edge| edge.cost >= TOO_DEAR && costs.contains_key(&edge.to) && !costs.contains_key(&edge.from)) {
        owners.doubtful.entry(edge.from).or_insert_with(|| format!("{} leads to {}, but {}", edge.way.column(), tables[edge.to].name, edge.why));
    }
    owners
}

/// Where two columns lead to the same table and nothing says which of them a row is about, neither is taken: a message is of its sender and
/// of whoever it went to. Where one is taken before others, the draft says so.
fn part_the_equal(edges: &mut [Edge]) {
    let mut ways: BTreeMap<(usize, usize), BTreeMap<String, u32>> = BTreeMap::new();
    for edge in edges.iter().filter(|edge| edge.cost < TOO_DEAR) {
        let cost = ways.entry((edge.from, edge.to)).or_default().entry(edge.way.column().to_owned()).or_insert(edge.cost);
        *cost = (*cost).min(edge.cost);
    }
    for edge in edges.iter_mut().filter(|edge| edge.cost < TOO_DEAR) {
        let Some(columns) = ways.get(&(edge.from, edge.to)).filter(|columns| columns.len() > 1) else { continue };
        let least = columns.values().min().copied().unwrap_or_default();
        let equal = columns.values().filter(|cost| **cost == least).count();
        let others: Vec<&str> = columns.keys().map(String::as_str).filter(|column| *column != edge.way.column()).collect();
        if equal > 1 {
            edge.why = format!("so does {}, and nothing says which of them a row is about", others.join(", "));
            edge.cost = TOO_DEAR;
        } else if columns.get(edge.way.column()) == Some(&least) {
            edge.why.push_str(&format!("; {} leads there, too", others.join(", ")));
        }
    }
}

impl Way {
    fn column(&self) -> &str {
        match self {
            Self::Key(column) | Self::Via { column, .. } => column,
        }
    }
}

fn edges(tables: &[TableSketch], register: Option<&RegisterSketch>, people: &People) -> Vec<Edge> {
    let at: BTreeMap<&str, usize> = tables.iter().enumerate().map(|(at, table)| (table.name.as_str(), at)).collect();
    let known = register.map_or(0, |register| register.people);
    let mut edges = Vec::new();
    for (from, table) in tables.iter().enumerate().filter(|(from, _)| *from != people.table) {
        if let Some(register) = register {
            edges.extend(table.columns.iter().filter_map(|column| by_register(from, column, table, people, register)));
        }
        for (column, other, to_column) in &table.foreign_keys {
            if let Some(to) = at.get(other.as_str()).copied().filter(|to| *to != from) {
                edges.push(edge((from, column), (to, to_column), tables, people, known, DECLARED));
                edges.extend(backwards((from, column), (to, to_column), tables, people));
            }
        }
        edges.extend(by_usual_names(from, tables, people, known));
    }
    for (column, other, to_column) in &tables[people.table].foreign_keys {
        if let Some(to) = at.get(other.as_str()).copied() {
            edges.extend(backwards((people.table, column), (to, to_column), tables, people));
        }
    }
    edges
}

/// A column that holds the register's keys itself.
fn by_register(from: usize, column: &ColumnSketch, table: &TableSketch, people: &People, register: &RegisterSketch) -> Option<Edge> {
    let key = people.register?;
    let (_, found, _) = matches(column, register).find(|(at, ..)| *at == key)?;
    if words::is_of_a_writer(&column.name) || !is_filled(column, table) {
        return None;
    }
    // A table's own numbers may be the people's by chance, where there is another column.
    let cost = if table.primary_key == [column.name.clone()] { 2 } else { 1 };
    let why = format!("it holds {found} of the register's keys");
    Some(Edge { from, to: people.table, way: Way::Key(column.name.clone()), why, cost, is_sure: true })
}

/// Whether (nearly) each row names somebody. One without a holder is nobody's.
fn is_filled(column: &ColumnSketch, table: &TableSketch) -> bool {
    table.rows == 0 || column.filled * 100 >= looked_at(table) * 95
}

fn hardly_filled(column: &ColumnSketch, table: &TableSketch) -> bool {
    table.rows > 0 && column.filled * 2 < looked_at(table)
}

/// Rows that the figures of a table's columns are of.
fn looked_at(table: &TableSketch) -> u64 {
    let fullest = table.columns.iter().map(|column| column.filled).max().unwrap_or(0);
    fullest.min(table.rows)
}

/// The way by a column that names a row of another table, and what it costs to believe that the row is about that person.
fn edge((from, column): (usize, &str), (to, to_column): (usize, &str), tables: &[TableSketch], people: &People, known: u64, how: &str) -> Edge {
    let (table, other) = (&tables[from], &tables[to]);
    let way = if to == people.table && to_column == people.column {
        Way::Key(column.to_owned())
    } else {
        Way::Via { column: column.to_owned(), table: other.name.clone(), to_column: to_column.to_owned() }
    };
    let sketch = table.columns.iter().find(|sketch| sketch.name == column);
    let (people_table, key) = (&tables[people.table], people.register);
    let names_it = words::share_a_word(column, &other.name) || words::share_a_word(column, &people_table.name) || words::share_a_word(column, &people.column);
    let is_direct = matches!(way, Way::Key(_));
    let is_of_others = |sketch: &ColumnSketch| is_direct && sketch.filled > 0 && key.is_some_and(|key| sketch.known.get(key) == Some(&0));
    let few = |sketch: &ColumnSketch| sketch.filled >= MANY_ROWS && sketch.distinct * 10 < sketch.filled && sketch.distinct * 10 < known.max(people_table.rows);
    let (cost, why) = match sketch {
        Some(sketch) if is_of_others(sketch) => (TOO_DEAR, "none of those it names is in the register".to_owned()),
        Some(sketch) if hardly_filled(sketch, table) => (TOO_DEAR, "many of its rows name nobody there".to_owned()),
        _ if words::is_of_a_writer(column) => (TOO_DEAR, "it says who wrote or handled a row".to_owned()),
        Some(sketch) if few(sketch) => (TOO_DEAR, format!("only {} stand in {} rows: it may say who handled them", sketch.distinct, sketch.filled)),
        Some(sketch) if !is_filled(sketch, table) => {
            (4, format!("{how} to {}; {} of its rows name nobody there, and show nobody", other.name, table.rows.saturating_sub(sketch.filled)))
        }
        _ if names_it => (1, format!("{how} to the rows of {}", other.name)),
        Some(sketch) if sketch.distinct * 2 > sketch.filled => (3, format!("{how} to {}, hardly two rows with the same", other.name)),
        _ => (5, format!("{how} to {}", other.name)),
    };
    Edge { from, to, way, why, cost, is_sure: cost == 1 && how == DECLARED }
}

/// A table whose rows are each named by one row of another: files by the documents that hold them.
fn backwards((named_by, column): (usize, &str), (named, to_column): (usize, &str), tables: &[TableSketch], people: &People) -> Option<Edge> {
    let (table, other) = (&tables[named_by], &tables[named]);
    let sketch = table.columns.iter().find(|sketch| sketch.name == column)?;
    let is_one_to_one = sketch.filled > 1 && sketch.distinct == sketch.filled && sketch.filled * 2 >= other.rows && named != people.table;
    is_one_to_one.then(|| Edge {
        from: named,
        to: named_by,
        way: Way::Via { column: to_column.to_owned(), table: table.name.clone(), to_column: column.to_owned() },
        why: format!("each of its rows is named once by {}.{column}", table.name),
        cost: 6,
        is_sure: false,
    })
}

/// Columns that no key is declared for, and that bear the usual name of another table's key and hold its values.
fn by_usual_names(from: usize, tables: &[TableSketch], people: &People, known: u64) -> Vec<Edge> {
    let table = &tables[from];
    let is_declared = |column: &str| table.foreign_keys.iter().any(|(name, ..)| name == column);
    let mut edges = Vec::new();
    for (to, other) in tables.iter().enumerate().filter(|(to, _)| *to != from) {
        let key_columns = other.columns.iter().filter(|c| other.primary_key == [c.name.clone()] || (to == people.table && c.name == people.column));
        for key in key_columns {
            let names = usual_names(other, key).unwrap_or_default();
            let bears = |column: &&ColumnSketch| {
                names.contains(&column.name.to_lowercase()) && table.primary_key != [column.name.clone()] && !is_declared(&column.name)
            };
            let fits = |column: &&ColumnSketch| column.declared == key.declared || column.filled == 0 || holds_values_of(column, key);
            if let Some(column) = table.columns.iter().filter(bears).find(fits) {
                edges.push(edge((from, &column.name), (to, &key.name), tables, people, known, "by its name a key"));
            }
        }
    }
    edges
}

/// Whether the values of a column are of the kind that another holds.
fn holds_values_of(column: &ColumnSketch, key: &ColumnSketch) -> bool {
    let form = |values: &[String]| values.first().map(|value| value.chars().all(|c| c.is_ascii_digit()));
    form(column.samples.expose_personal()) == form(key.samples.expose_personal())
}
