//! Column sets: which columns of the events table a pass reads. [`event_columns!`](crate::event_columns) makes a row type whose
//! fields are the columns that its scan asks for, so that a column which is read and not asked for does not compile.

use std::borrow::Cow;
use std::marker::PhantomData;

use arrow_array::{Array, RecordBatch};

use super::{Activity, Class, Event, EventRows, RecordKind, Secrets, Status, list_row, text, whole, word};
use crate::evidence::{ArtefactId, EventRef};
use crate::table::{Scan, ScanError};
use crate::time::Instant;

/// One column of the table, or several that are one value.
pub trait Column {
    /// What a row holds.
    type Value<'b>;
    /// The same, lent.
    type Lent<'e>;
    /// Its names in the table.
    const NAMES: &'static [&'static str];

    /// The value of a row.
    fn read<'b>(rows: &EventRows<'b>, row: usize) -> Self::Value<'b>;

    /// Lends a value.
    fn lend<'e>(value: &'e Self::Value<'_>) -> Self::Lent<'e>;
}

/// A row that has a column: for what several passes share.
pub trait Holds<C: Column> {
    /// The column's value.
    fn lent(&self) -> C::Lent<'_>;
}

/// Columns by their names: `event.column::<columns::session>()`.
pub trait Lend {
    /// The column's value.
    fn column<C: Column>(&self) -> C::Lent<'_>
    where
        Self: Holds<C>,
    {
        Holds::<C>::lent(self)
    }
}

impl<T: ?Sized> Lend for T {}

/// A row type, and the columns that a scan for it asks for.
pub trait ColumnSet: 'static {
    /// The row, borrowing from a batch.
    type Row<'b>;

    /// Names of the columns, in the order of the declaration.
    fn names() -> Vec<&'static str>;

    /// One row of a batch.
    fn read<'b>(rows: &EventRows<'b>, row: usize) -> Self::Row<'b>;

    /// The part of an event that a row of this kind has.
    fn of_event(event: Event<'_>) -> Self::Row<'_>;
}

/// A batch of which the columns of a set are read.
#[derive(Clone, Debug)]
pub struct Part<S> {
    batch: RecordBatch,
    set: PhantomData<fn() -> S>,
}

impl<S: ColumnSet> Part<S> {
    /// The rows, in order.
    pub fn iter(&self) -> impl Iterator<Item = S::Row<'_>> {
        let rows = EventRows::new(&self.batch);
        (0..rows.len()).map(move |row| S::read(&rows, row))
    }
}

/// Scans the events table for the columns of a set.
///
/// # Errors
/// If the table cannot be opened; each part, if it cannot be read.
pub fn scan<'t, S: ColumnSet>(events: &'t dyn Scan) -> Result<impl Iterator<Item = Result<Part<S>, ScanError>> + 't, ScanError> {
    Ok(events.scan(&S::names())?.map(|batch| batch.map(|batch| Part { batch, set: PhantomData })))
}

/// Declares columns: name and type of a row's field, how it is read, what is lent of it. A field is called as [`Event`]'s is.
macro_rules! columns {
    ($($(#[$meta:meta])* $column:ident [$($name:literal)+]: $value:ty = |$rows:ident, $row:ident| $read:expr, lent $lent:ty = |$held:ident| $lend:expr;)+) => {
        $(
            $(#[$meta])*
            #[allow(non_camel_case_types, reason = "a column is called as the field is, so that one word declares both")]
            #[derive(Clone, Copy, Debug)]
            pub struct $column;

            impl Column for $column {
                type Value<'b> = $value;
                type Lent<'e> = $lent;
                const NAMES: &'static [&'static str] = &[$($name),+];

                fn read<'b>($rows: &EventRows<'b>, $row: usize) -> Self::Value<'b> {
                    $read
                }

                fn lend<'e>($held: &'e Self::Value<'_>) -> Self::Lent<'e> {
                    $lend
                }
            }

            impl Holds<$column> for Event<'_> {
                fn lent(&self) -> <$column as Column>::Lent<'_> {
                    $column::lend(&self.$column)
                }
            }
        )+

        impl<'b> EventRows<'b> {
            /// One event, borrowing from the batch.
            ///
            /// # Panics
            /// If `row` is not below `len`.
            pub fn get(&self, row: usize) -> Event<'b> {
                assert!(row < self.len(), "row within the batch");
                Event { $($column: <$column as Column>::read(self, row),)+ }
            }
        }
    };
}

columns! {
    /// When.
    time["time"]: Instant = |rows, row| Instant(rows.time.map_or(0, |c| c.value(row))), lent Instant = |held| *held;
    /// Resolution of the stamp.
    time_precision_micros["time_precision_micros"]: i32 = |rows, row| rows.time_precision.map_or(1, |c| c.value(row)), lent i32 = |held| *held;
    /// Offset that it was written with.
    utc_offset_seconds["utc_offset_seconds"]: i32 = |rows, row| rows.utc_offset.map_or(0, |c| c.value(row)), lent i32 = |held| *held;
    /// OCSF class.
    class["class"]: Class = |rows, row| word(rows.class, row).unwrap_or(Class::Other), lent Class = |held| *held;
    /// OCSF activity.
    activity["activity"]: Activity = |rows, row| word(rows.activity, row).unwrap_or(Activity::Other), lent Activity = |held| *held;
    /// OCSF status.
    status["status"]: Status = |rows, row| word(rows.status, row).unwrap_or(Status::Unknown), lent Status = |held| *held;
    /// The estate's log source.
    source["source"]: Cow<'b, str> = |rows, row| Cow::Borrowed(rows.source.map_or("", |c| c.value(row))), lent &'e str = |held| held;
    /// The estate's system.
    system["system"]: Cow<'b, str> = |rows, row| Cow::Borrowed(rows.system.map_or("", |c| c.value(row))), lent &'e str = |held| held;
    /// The place in the evidence.
    place["artefact" "offset" "length"]: EventRef = |rows, row| EventRef {
        artefact: ArtefactId(rows.artefact.map_or("", |c| c.value(row)).to_owned()),
        offset: rows.offset.map_or(0, |c| c.value(row)),
        length: rows.length.map_or(0, |c| c.value(row)),
    }, lent &'e EventRef = |held| held;
    /// Number of the record's first line.
    line["line"]: u64 = |rows, row| rows.line.map_or(0, |c| c.value(row)), lent u64 = |held| *held;
    /// Address of the other end.
    src_ip["src_ip"]: Option<Cow<'b, str>> = |rows, row| text(rows.src_ip, row), lent Option<&'e str> = |held| held.as_deref();
    /// Its port.
    src_port["src_port"]: Option<i32> = |rows, row| rows.src_port.and_then(|c| c.is_valid(row).then(|| c.value(row))), lent Option<i32> = |held| *held;
    /// Who.
    account["account"]: Option<Cow<'b, str>> = |rows, row| text(rows.account, row), lent Option<&'e str> = |held| held.as_deref();
    /// The session.
    session["session"]: Option<Cow<'b, str>> = |rows, row| text(rows.session, row), lent Option<&'e str> = |held| held.as_deref();
    /// Request id.
    request_id["request_id"]: Option<Cow<'b, str>> = |rows, row| text(rows.request_id, row), lent Option<&'e str> = |held| held.as_deref();
    /// HTTP method.
    method["method"]: Option<Cow<'b, str>> = |rows, row| text(rows.method, row), lent Option<&'e str> = |held| held.as_deref();
    /// Path and query.
    url["url"]: Option<Cow<'b, str>> = |rows, row| text(rows.url, row), lent Option<&'e str> = |held| held.as_deref();
    /// HTTP status.
    status_code["status_code"]: Option<i32> = |rows, row| rows.status_code.and_then(|c| c.is_valid(row).then(|| c.value(row))), lent Option<i32> = |held| *held;
    /// Bytes of the response.
    bytes["bytes"]: Option<i64> = |rows, row| whole(rows.bytes, row), lent Option<i64> = |held| *held;
    /// How long it took.
    duration_micros["duration_micros"]: Option<i64> = |rows, row| whole(rows.duration, row), lent Option<i64> = |held| *held;
    /// User agent.
    user_agent["user_agent"]: Option<Cow<'b, str>> = |rows, row| text(rows.user_agent, row), lent Option<&'e str> = |held| held.as_deref();
    /// Database.
    database["database"]: Option<Cow<'b, str>> = |rows, row| text(rows.database, row), lent Option<&'e str> = |held| held.as_deref();
    /// Client application.
    application["application"]: Option<Cow<'b, str>> = |rows, row| text(rows.application, row), lent Option<&'e str> = |held| held.as_deref();
    /// Process id at the server.
    pid["pid"]: Option<i32> = |rows, row| rows.pid.and_then(|c| c.is_valid(row).then(|| c.value(row))), lent Option<i32> = |held| *held;
    /// The statement.
    statement["statement"]: Option<Cow<'b, str>> = |rows, row| text(rows.statement, row), lent Option<&'e str> = |held| held.as_deref();
    /// Command tag.
    command["command"]: Option<Cow<'b, str>> = |rows, row| text(rows.command, row), lent Option<&'e str> = |held| held.as_deref();
    /// Name of the prepared statement or portal.
    statement_name["statement_name"]: Option<Cow<'b, str>> = |rows, row| text(rows.statement_name, row), lent Option<&'e str> = |held| held.as_deref();
    /// Bind values.
    parameters["parameters"]: Option<Vec<Option<Cow<'b, str>>>> = |rows, row| rows.parameters.filter(|c| c.is_valid(row)).map(|c| list_row(c, row)), lent Option<&'e [Option<Cow<'e, str>>]> = |held| held.as_deref();
    /// Rows returned or changed.
    row_count["row_count"]: Option<i64> = |rows, row| whole(rows.row_count, row), lent Option<i64> = |held| *held;
    /// Number within the session.
    sequence["sequence"]: Option<i64> = |rows, row| whole(rows.sequence, row), lent Option<i64> = |held| *held;
    /// Number of the statement within the session.
    statement_id["statement_id"]: Option<i64> = |rows, row| whole(rows.statement_id, row), lent Option<i64> = |held| *held;
    /// Transaction.
    transaction["transaction"]: Option<Cow<'b, str>> = |rows, row| text(rows.transaction, row), lent Option<&'e str> = |held| held.as_deref();
    /// Which kind of record a statement stands in.
    record_kind["record_kind"]: Option<RecordKind> = |rows, row| word(rows.record_kind, row), lent Option<RecordKind> = |held| *held;
    /// Error or SQLSTATE code.
    error_code["error_code"]: Option<Cow<'b, str>> = |rows, row| text(rows.error_code, row), lent Option<&'e str> = |held| held.as_deref();
    /// What is left.
    message["message"]: Option<Cow<'b, str>> = |rows, row| text(rows.message, row), lent Option<&'e str> = |held| held.as_deref();
    /// What an error quotes.
    error_values["error_values"]: Option<Vec<Option<Cow<'b, str>>>> = |rows, row| rows.error_values.filter(|c| c.is_valid(row)).map(|c| list_row(c, row)), lent Option<&'e [Option<Cow<'e, str>>]> = |held| held.as_deref();
    /// Machine that wrote the record.
    host["host"]: Option<Cow<'b, str>> = |rows, row| text(rows.host, row), lent Option<&'e str> = |held| held.as_deref();
    /// Windows channel.
    channel["channel"]: Option<Cow<'b, str>> = |rows, row| text(rows.channel, row), lent Option<&'e str> = |held| held.as_deref();
    /// What was touched.
    object["object"]: Option<Cow<'b, str>> = |rows, row| text(rows.object, row), lent Option<&'e str> = |held| held.as_deref();
    /// Fields that have no column.
    labels["labels"]: Option<Cow<'b, str>> = |rows, row| text(rows.labels, row), lent Option<&'e str> = |held| held.as_deref();
    /// Masked secrets that tell a session.
    secrets["secrets"]: Secrets<'b> = |rows, row| text(rows.secrets, row).map_or(Secrets::None, Secrets::Digests), lent &'e Secrets<'e> = |held| held;
    /// Whether a secret was masked.
    masked["masked"]: bool = |rows, row| rows.masked.is_some_and(|c| c.value(row)), lent bool = |held| *held;
}

/// Declares a row of the events table with the columns that a pass reads, called as the fields of
/// [`Event`]: `event_columns! { pub(crate) struct Seen { time, class, account } }`. [`scan`] asks for these
/// and no others. A column that is not declared is a field that is not there:
///
/// ```
/// strandline_model::event_columns! {
///     /// What this pass reads.
///     struct Seen { time, account }
/// }
/// fn is_told(seen: &Seen<'_>) -> bool { seen.account.is_some() }
/// ```
///
/// ```compile_fail,E0609
/// strandline_model::event_columns! {
///     /// What this pass reads.
///     struct Seen { time, account }
/// }
/// fn is_told(seen: &Seen<'_>) -> bool { seen.statement.is_some() } // no such field
/// ```
///
/// `trait` in the place of `struct` names columns that a function needs of whatever row it is given; a row that does not have all
/// of them is none of its: `event_columns! { pub(crate) trait Timed { time, duration_micros } }`.
#[macro_export]
macro_rules! event_columns {
    ($(#[$meta:meta])* $visibility:vis struct $name:ident { $($column:ident),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Debug)]
        $visibility struct $name<'b> {
            $(
                #[allow(missing_docs, reason = "described where the event is")]
                pub $column: <$crate::event::columns::$column as $crate::event::columns::Column>::Value<'b>,
            )+
        }

        impl $crate::event::columns::ColumnSet for $name<'static> {
            type Row<'b> = $name<'b>;

            fn names() -> ::std::vec::Vec<&'static str> {
                [$(<$crate::event::columns::$column as $crate::event::columns::Column>::NAMES),+].concat()
            }

            fn read<'b>(rows: &$crate::event::EventRows<'b>, row: usize) -> $name<'b> {
                $name { $($column: <$crate::event::columns::$column as $crate::event::columns::Column>::read(rows, row)),+ }
            }

            fn of_event(event: $crate::event::Event<'_>) -> $name<'_> {
                $name { $($column: event.$column),+ }
            }
        }

        $(
            impl $crate::event::columns::Holds<$crate::event::columns::$column> for $name<'_> {
                fn lent(&self) -> <$crate::event::columns::$column as $crate::event::columns::Column>::Lent<'_> {
                    <$crate::event::columns::$column as $crate::event::columns::Column>::lend(&self.$column)
                }
            }
        )+
    };
    ($(#[$meta:meta])* $visibility:vis trait $name:ident $(: $above:ident)? { $($column:ident),+ $(,)? }) => {
        $(#[$meta])*
        $visibility trait $name: $($above +)? $($crate::event::columns::Holds<$crate::event::columns::$column> +)+ {}

        impl<R: $($above +)? $($crate::event::columns::Holds<$crate::event::columns::$column> +)+> $name for R {}
    };
}

#[cfg(test)]
mod tests {
    // Not all of it: a binding called as a column is would be taken for a pattern.
    use super::{ColumnSet, Lend, Part, account, scan};
    use crate::event::{Activity, Class, Event, EventBatchBuilder, schema};
    use crate::evidence::{ArtefactId, EventRef};
    use crate::time::Instant;

    crate::event_columns! {
        /// Every column there is, to hold names and types against the schema.
        struct All {
            time, time_precision_micros, utc_offset_seconds, class, activity, status, source, system, place, line, src_ip, src_port, account, session,
            request_id, method, url, status_code, bytes, duration_micros, user_agent, database, application, pid, statement, command, statement_name,
            parameters, row_count, sequence, statement_id, transaction, record_kind, error_code, message, error_values, host, channel, object, labels,
            secrets, masked,
        }
    }

    crate::event_columns! {
        /// A few.
        struct Few { account, place, time }
    }

    #[test]
    fn a_set_asks_for_what_it_has() {
        assert_eq!(Few::names(), ["account", "artefact", "offset", "length", "time"]);
        let schema = schema();
        let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
        assert_eq!(All::names(), names);
    }

    #[test]
    fn a_set_reads_what_an_event_holds() {
        let place = EventRef { artefact: ArtefactId("0123456789abcdef".into()), offset: 7, length: 9 };
        let mut event = Event::new(Instant(5), Class::Http, Activity::Request, place.clone());
        event.account = Some("ann".into());
        let mut builder = EventBatchBuilder::new();
        builder.push(&event);
        let table = vec![builder.finish().expect("schema and builders agree")];
        let parts: Vec<Part<Few<'_>>> = scan(&table).expect("in memory").map(|part| part.expect("in memory")).collect();
        let seen = parts[0].iter().next().expect("one row");
        assert_eq!((seen.account.as_deref(), &seen.place, seen.time), (Some("ann"), &place, Instant(5)));
        assert_eq!(seen.column::<account>(), event.column::<account>());
        assert_eq!(Few::of_event(event).account.as_deref(), Some("ann"));
    }
}
