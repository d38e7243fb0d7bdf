//! A record of a structured log as a rule sees it: names and values, decoded on demand.
//!
//! This is the meeting place of two stages that do not know each other: a format fills it, a rule reads it. An
//! [`crate::event::Event`] is what a record means; this is what it says.

use std::borrow::Cow;

use crate::evidence::EventRef;
use crate::time::Instant;

/// A value of a field, as the log typed it.
#[derive(Clone, Debug, PartialEq)]
pub enum FieldValue<'a> {
    /// The field is there and empty of meaning (`null`).
    Null,
    /// Text.
    Text(Cow<'a, str>),
    /// A whole number; every unsigned 64-bit value fits.
    Whole(i128),
    /// Any other number.
    Number(f64),
    /// True or false.
    Bool(bool),
}

/// The fields of one record, in the order of the log. A name may stand more than once (the unnamed `Data` values of a
/// Windows event): a rule then matches if any of its values does. Names carry no spaces; nested names are joined by dots.
pub type FieldList<'a> = Vec<(Cow<'a, str>, FieldValue<'a>)>;

/// One record. What stands in its header is at hand; its fields are decoded when a rule asks for them.
pub trait LogRecord {
    /// Its place in the evidence.
    fn place(&self) -> EventRef;

    /// Its time, where it has one.
    fn time(&self) -> Option<Instant>;

    /// Windows channel (`Security`), as the record says and never as its file is named.
    fn channel(&self) -> Option<&str>;

    /// Windows provider name.
    fn provider(&self) -> Option<&str>;

    /// Windows event id.
    fn event_id(&self) -> Option<u32>;

    /// Windows record id: consecutive within a channel of a host.
    fn record_id(&self) -> Option<u64>;

    /// Host name.
    fn host(&self) -> Option<&str>;

    /// Appends every field, header fields included, under the names that Sigma uses (`EventID`, `Channel`, `Computer`,
    /// `Provider_Name`, `TargetUserName` …).
    fn fields<'a>(&'a self, into: &mut FieldList<'a>);

    /// Whether it was found in bytes that the log no longer counts as its own (the slack of a chunk): it is genuine as
    /// bytes, its order and its neighbours are not known.
    fn is_carved(&self) -> bool {
        false
    }

    /// Whether some of it could not be read: names are missing, or values. May decode the record.
    fn is_partial(&self) -> bool {
        false
    }
}
