//! A dump, sketched: which tables it has, with which keys, and what their columns hold. What a draft of an estate file is made from.

use std::fmt;

/// A table as a dump has it.
#[derive(Clone, Debug, Default)]
pub struct TableSketch {
    /// `schema.table`
    pub name: String,
    /// Its columns, in order.
    pub columns: Vec<ColumnSketch>,
    /// The primary key's columns, as declared.
    pub primary_key: Vec<String>,
    /// Other columns of which each value stands once, as declared.
    pub unique: Vec<String>,
    /// Rows.
    pub rows: u64,
    /// Columns that name a row of another table: column, `schema.table`, its column.
    pub foreign_keys: Vec<(String, String, String)>,
    /// Columns of few values, beside a key that the register's people stand in.
    pub splits: Vec<Split>,
    /// Columns whose values are of another kind in each row, as a column beside them says.
    pub by_type: Vec<ByType>,
}

/// What a column holds by the value of another: `contact.value` by `contact.type`.
#[derive(Clone, Debug, Default)]
pub struct ByType {
    /// The column that says the kind.
    pub of: String,
    /// The column that holds the values.
    pub value: String,
    /// Each kind, with its rows and some of their distinct values.
    pub values: Vec<(String, u64, Samples)>,
}

/// How a column of few values parts the rows whose key the register has from those whose key it has not.
#[derive(Clone, Debug, Default)]
pub struct Split {
    /// The key's column.
    pub key: String,
    /// The column of the register that its values are of.
    pub register: usize,
    /// The column of few values.
    pub column: String,
    /// Each value, with the rows that the register has and those that it has not; the empty text where it holds nothing.
    pub values: Vec<(String, u64, u64)>,
}

/// Rows compared with the lines of a register that have the same value in one column.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Compared {
    /// How many.
    pub rows: u64,
    /// Of which another column tells the same person.
    pub same: u64,
    /// Of which another column tells another person of the register, and none the same.
    pub other: u64,
}

/// Values of a column. They are about people, and do not print themselves.
#[derive(Clone, Default)]
pub struct Samples(Vec<String>);

/// A column as a dump has it.
#[derive(Clone, Debug, Default)]
pub struct ColumnSketch {
    /// Its name.
    pub name: String,
    /// Its type, as the dump declares it.
    pub declared: String,
    /// Rows looked at in which it holds something.
    pub filled: u64,
    /// Distinct values in these.
    pub distinct: u64,
    /// Some of them.
    pub samples: Samples,
    /// For each column of the register: distinct values that it holds, too.
    pub known: Vec<u64>,
    /// For each column of the register: rows, compared with the line that has this value there.
    pub compared: Vec<Compared>,
    /// For each column of the register: samples that are one of its values with a few letters before or behind.
    pub within: Vec<u64>,
    /// For each column of the register: samples all of whose words stand in it, and samples of which some do.
    pub words: Vec<(u64, u64)>,
}

impl fmt::Debug for Samples {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{} values]", self.0.len())
    }
}

impl Samples {
    /// Wraps values.
    pub fn new(values: Vec<String>) -> Self {
        Self(values)
    }

    /// The values, to look at; no word of them may be shown.
    pub fn expose_personal(&self) -> &[String] {
        &self.0
    }
}
