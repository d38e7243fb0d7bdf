//! Values that are about a person, or secret, and so cannot print themselves.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A value about a person. `Debug` and `Display` print a placeholder; showing it takes a call that says so.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Personal<T>(T);

impl<T> Personal<T> {
    /// Wraps a value about a person.
    pub fn new(value: T) -> Self {
        Self(value)
    }

    /// The value itself. Call it only where a person is meant to read it: a letter, an unmasked export.
    pub fn expose_personal(&self) -> &T {
        &self.0
    }

    /// The value itself, by value.
    pub fn into_personal(self) -> T {
        self.0
    }
}

impl<T> fmt::Debug for Personal<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[personal]")
    }
}

impl<T> fmt::Display for Personal<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[personal]")
    }
}
