//! `case.db`: how it is opened, and how an older form of it becomes the present one.

use rusqlite::{Connection, OpenFlags};

use crate::folder::{Case, CaseError};

pub(crate) const STATE: &str = "case.db";

/// What makes form n of form n-1, from an empty file on. Each ends by setting the number of its form.
const SCHEMAS: [&str; 5] = [
    include_str!("schema/case_1.sql"),
    include_str!("schema/case_2.sql"),
    include_str!("schema/case_3.sql"),
    include_str!("schema/case_4.sql"),
    include_str!("schema/case_5.sql"),
];

/// Opens the state for writing and brings it to the present form.
pub(crate) fn open_state(case: &Case) -> Result<Connection, CaseError> {
    let state = Connection::open(case.path().join(STATE))?;
    state.pragma_update(None, "synchronous", "FULL")?;
    let form = form_of(&state, case)?;
    for schema in &SCHEMAS[form..] {
        state.execute_batch(&format!("BEGIN;{schema}COMMIT;"))?;
    }
    Ok(state)
}

/// Opens the state for reading, if it has this form at least; an older one, or none, holds nothing of the kind.
pub(crate) fn open_state_for_reading(case: &Case, form: usize) -> Result<Option<Connection>, CaseError> {
    if !case.path().join(STATE).exists() {
        return Ok(None);
    }
    let open = |flags| Connection::open_with_flags(case.path().join(STATE), flags);
    let mut state = open(OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let found = match form_of(&state, case) {
        // A run was killed inside a transaction. Whoever reads next must take that half away; nothing else is written.
        Err(CaseError::State(error)) if is_half_written(&error) => {
            state = open(OpenFlags::SQLITE_OPEN_READ_WRITE)?;
            form_of(&state, case)?
        }
        found => found?,
    };
    Ok(if found >= form { Some(state) } else { None })
}

fn is_half_written(error: &rusqlite::Error) -> bool {
    error.sqlite_error().is_some_and(|e| e.extended_code == rusqlite::ffi::SQLITE_READONLY_ROLLBACK)
}

fn form_of(state: &Connection, case: &Case) -> Result<usize, CaseError> {
    let form: i64 = state.pragma_query_value(None, "user_version", |row| row.get(0))?;
    match usize::try_from(form) {
        Ok(form) if form <= SCHEMAS.len() => Ok(form),
        _ => Err(CaseError::UnknownForm { path: case.path().join(STATE), form: u32::try_from(form).unwrap_or(u32::MAX) }),
    }
}

/// SQLite has signed whole numbers only; no ledger comes near their end.
pub(crate) fn stored(index: u64) -> i64 {
    i64::try_from(index).unwrap_or(i64::MAX)
}

/// A negative number is none of ours and names no entry.
pub(crate) fn index(stored: i64) -> u64 {
    u64::try_from(stored).unwrap_or(u64::MAX)
}
