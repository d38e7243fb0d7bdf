//! The event: one normalised record, pointing back to its place in the evidence.
//!
//! Columns carry OCSF attribute names, flattened (`http_request.uid` is `request_id`; the mapping is in
//! `docs/events.md`). One wide table serves every class, since most columns are empty and cost nothing in Parquet.

use std::borrow::Cow;
use std::str::FromStr;
use std::sync::Arc;

use arrow_array::builder::{BooleanBuilder, Int32Builder, Int64Builder, ListBuilder, StringBuilder, TimestampMicrosecondBuilder, UInt32Builder, UInt64Builder};
use arrow_array::cast::AsArray;
use arrow_array::types::{Int32Type, Int64Type, TimestampMicrosecondType, UInt32Type, UInt64Type};
use arrow_array::{Array, ArrayRef, BooleanArray, ListArray, PrimitiveArray, RecordBatch, StringArray};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef, TimeUnit};

use crate::evidence::EventRef;
use crate::time::Instant;

pub mod columns;

/// Rows in a full batch.
pub const BATCH_ROWS: usize = 8192;

/// The name of the events table.
pub const TABLE: &str = "events";

macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($(#[$vmeta:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name { $($(#[$vmeta])* $variant,)+ }

        impl $name {
            /// The word that stands in the table.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }
        }

        impl FromStr for $name {
            type Err = $crate::event::UnknownWord;
            fn from_str(word: &str) -> Result<Self, Self::Err> {
                match word { $($word => Ok(Self::$variant),)+ other => Err($crate::event::UnknownWord(other.to_owned())) }
            }
        }
    };
}
pub(crate) use words;

/// A word in a table that this version does not know.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the word {0:?} is not one this version knows")]
pub struct UnknownWord(pub String);

words! {
    /// OCSF event classes that we fill.
    Class {
        /// Authentication [3002]: sign-in, sign-out, failed sign-in.
        Authentication = "authentication",
        /// HTTP Activity [4002]: one request, as a web server or an application logged it.
        Http = "http_activity",
        /// Datastore Activity [6005]: one statement, connection or disconnection at a database.
        Datastore = "datastore_activity",
        /// Account Change [3001].
        AccountChange = "account_change",
        /// Process Activity [1007]: a command that ran.
        Process = "process_activity",
        /// Application Lifecycle [6002]: start, stop, configuration; also services, scheduled tasks and the clock.
        Lifecycle = "application_lifecycle",
        /// File System Activity [1001]: a file, or a share and a file below it.
        FileSystem = "file_system_activity",
        /// Event Log Activity [1008]: what was done to the log itself.
        EventLog = "event_log_activity",
        /// Anything else that was read in full.
        Other = "base_event",
    }
}

words! {
    /// What was done.
    Activity {
        /// A sign-in (Authentication).
        Logon = "logon",
        /// A sign-out (Authentication).
        Logoff = "logoff",
        /// A connection was opened or authorised (Datastore, Lifecycle).
        Connect = "connect",
        /// A connection was closed.
        Disconnect = "disconnect",
        /// A web request.
        Request = "request",
        /// A statement that reads: SELECT, COPY TO, FETCH, DECLARE CURSOR, TABLE, VALUES, SHOW.
        Read = "read",
        /// A statement that writes: INSERT, UPDATE, DELETE, MERGE, COPY FROM, TRUNCATE.
        Write = "write",
        /// A statement that changes definitions or rights.
        Define = "define",
        /// Any other statement: BEGIN, SET, CLOSE, PREPARE …
        Query = "query",
        /// An error reported for a statement that stands in the same record.
        Error = "error",
        /// A command that ran, and by whom (sudo, cron, audit).
        Execute = "execute",
        /// Something began to run or to record.
        Start = "start",
        /// Something stopped running or recording.
        Stop = "stop",
        /// A log was emptied.
        Clear = "clear",
        /// The machine's clock was set.
        ClockChange = "clock_change",
        /// Anything else.
        Other = "other",
    }
}

words! {
    /// Whether it worked, as far as the record says.
    Status {
        /// It did.
        Success = "success",
        /// It did not: refused, failed, 4xx, 5xx.
        Failure = "failure",
        /// The record does not say.
        Unknown = "unknown",
    }
}

words! {
    /// Which kind of database record a statement comes from. The same execution may stand in several.
    RecordKind {
        /// pgaudit, session logging.
        PgauditSession = "pgaudit_session",
        /// pgaudit, object logging.
        PgauditObject = "pgaudit_object",
        /// `statement:` of log_statement, simple protocol.
        Statement = "statement",
        /// `execute NAME:` of log_statement, extended protocol; parameters in DETAIL.
        Execute = "execute",
        /// `duration: … statement/execute:` of log_min_duration_statement.
        Duration = "duration",
        /// A statement quoted by an error record that does not say when the error came.
        ErrorContext = "error_context",
        /// A statement quoted by an error that came while it was parsed or bound: it did not run.
        ErrorUnrun = "error_unrun",
        /// A statement quoted by an error that came while it ran.
        ErrorRunning = "error_running",
        /// MySQL general log.
        MysqlGeneral = "mysql_general",
        /// MySQL or MariaDB slow query log.
        MysqlSlow = "mysql_slow",
        /// MySQL or MariaDB audit plug-in.
        MysqlAudit = "mysql_audit",
        /// Anything else.
        Other = "other",
    }
}

/// One event. Borrowed where it can be; absent is `None`, never an empty string.
#[derive(Clone, Debug, PartialEq)]
pub struct Event<'a> {
    /// When, by the clock of the machine that wrote the record.
    pub time: Instant,
    /// Resolution of that clock's writing, microseconds: 1,000,000 for stamps to the second.
    pub time_precision_micros: i32,
    /// Offset from UTC that the record was written with, seconds.
    pub utc_offset_seconds: i32,
    /// OCSF class.
    pub class: Class,
    /// OCSF activity.
    pub activity: Activity,
    /// OCSF status.
    pub status: Status,
    /// The estate's log source.
    pub source: Cow<'a, str>,
    /// The estate's system.
    pub system: Cow<'a, str>,
    /// The place in the evidence.
    pub place: EventRef,
    /// 1-based number of the record's first line.
    pub line: u64,
    /// Address of the other end (`src_endpoint.ip`), as written; `[local]` for a Unix socket.
    pub src_ip: Option<Cow<'a, str>>,
    /// Its port.
    pub src_port: Option<i32>,
    /// Who (`actor.user.name`): the account; at a database, the role.
    pub account: Option<Cow<'a, str>>,
    /// The session (`actor.session.uid`): web session; at a database, the connection's session id.
    pub session: Option<Cow<'a, str>>,
    /// Request id (`http_request.uid`); on a statement, the one its comment carries.
    pub request_id: Option<Cow<'a, str>>,
    /// HTTP method.
    pub method: Option<Cow<'a, str>>,
    /// Path and query as requested (`http_request.url`), secrets masked.
    pub url: Option<Cow<'a, str>>,
    /// HTTP status.
    pub status_code: Option<i32>,
    /// Bytes of the response body (`http_response.length`).
    pub bytes: Option<i64>,
    /// How long it took, microseconds. nginx stamps the end of a request, Apache its beginning.
    pub duration_micros: Option<i64>,
    /// User agent.
    pub user_agent: Option<Cow<'a, str>>,
    /// Database name.
    pub database: Option<Cow<'a, str>>,
    /// Client application (`application_name`).
    pub application: Option<Cow<'a, str>>,
    /// Process id at the server.
    pub pid: Option<i32>,
    /// The statement (`query_info.query_string`), comments taken off, secrets masked.
    pub statement: Option<Cow<'a, str>>,
    /// Command tag or audit command: `SELECT`, `UPDATE`, `DECLARE CURSOR` …
    pub command: Option<Cow<'a, str>>,
    /// Name of the prepared statement or portal it ran as.
    pub statement_name: Option<Cow<'a, str>>,
    /// Bind values in order, as text; `None` is SQL NULL. Masked ones read [`MASK`].
    pub parameters: Option<Vec<Option<Cow<'a, str>>>>,
    /// Rows returned or changed, where logged.
    pub row_count: Option<i64>,
    /// Number of the record within its session (`session_line_num`, sequence fields).
    pub sequence: Option<i64>,
    /// Number of the statement within its session (pgaudit STATEMENT_ID).
    pub statement_id: Option<i64>,
    /// Transaction (virtual transaction id, or id).
    pub transaction: Option<Cow<'a, str>>,
    /// Which kind of record a statement stands in.
    pub record_kind: Option<RecordKind>,
    /// Error or SQLSTATE code.
    pub error_code: Option<Cow<'a, str>>,
    /// What is left: message text, command line, error text; secrets masked.
    pub message: Option<Cow<'a, str>>,
    /// What an error quotes beyond names, the statement's own words and its bind values: values of the data, perhaps, which
    /// its client saw. For comparing only, never shown. `None` where that is not known.
    pub error_values: Option<Vec<Option<Cow<'a, str>>>>,
    /// Machine that wrote the record (`device.hostname`), where the record says it.
    pub host: Option<Cow<'a, str>>,
    /// Windows channel (`metadata.log_name`). With it, `sequence` is the record id: consecutive within channel and host.
    pub channel: Option<Cow<'a, str>>,
    /// What was touched, where it is nothing in a database (`file.path`): file, share and file, service, task, log.
    pub object: Option<Cow<'a, str>>,
    /// Fields that have no column (sqlcommenter fields, mapped extras), as one JSON object.
    pub labels: Option<Cow<'a, str>>,
    /// Secrets that were masked, as far as they tell a session: equal where the secrets are.
    pub secrets: Secrets<'a>,
    /// Whether a secret was masked in this event.
    pub masked: bool,
}

/// What a masked secret reads as.
pub const MASK: &str = "[masked]";

/// What a bind value reads as of which a log does not tell whether it is NULL or an empty text: no text holds this character.
pub const EMPTY_OR_NULL: &str = "\u{FFFD}";

/// Secrets that stood in a record. On their way from the line they are themselves; the table takes digests alone.
#[derive(Clone, Default, PartialEq, Eq)]
pub enum Secrets<'a> {
    /// None that could tell a session.
    #[default]
    None,
    /// As they stood, until they are digested. Never written anywhere.
    Values(Vec<String>),
    /// Keyed digests, separated by blanks. The key is the case's.
    Digests(Cow<'a, str>),
}

impl<'a> Secrets<'a> {
    /// Adds a value that was masked.
    pub fn add(&mut self, value: &str) {
        match self {
            Self::Values(values) if values.iter().any(|known| known == value) => {}
            Self::Values(values) => values.push(value.to_owned()),
            Self::None | Self::Digests(_) => *self = Self::Values(vec![value.to_owned()]),
        }
    }

    /// Takes over the values of another record of the same event.
    pub fn join(&mut self, other: Self) {
        if let Self::Values(values) = other {
            values.iter().for_each(|value| self.add(value));
        }
    }

    /// The same as digests; without a digest nothing is left of them.
    pub fn digested(self, digest: Option<&dyn Fn(&str) -> String>) -> Self {
        match (self, digest) {
            (Self::Values(values), Some(digest)) if !values.is_empty() => {
                Self::Digests(Cow::Owned(values.iter().map(|value| digest(value)).collect::<Vec<_>>().join(" ")))
            }
            (Self::Digests(known), _) => Self::Digests(known),
            _ => Self::None,
        }
    }

    /// The digests, one by one.
    pub fn digests(&self) -> impl Iterator<Item = &str> {
        let digests: &str = if let Self::Digests(digests) = self { digests } else { "" };
        digests.split_ascii_whitespace()
    }

    fn column(&self) -> Option<&str> {
        if let Self::Digests(digests) = self { Some(digests) } else { None }
    }

    fn into_owned(self) -> Secrets<'static> {
        match self {
            Self::None => Secrets::None,
            Self::Values(values) => Secrets::Values(values),
            Self::Digests(digests) => Secrets::Digests(Cow::Owned(digests.into_owned())),
        }
    }
}

impl std::fmt::Debug for Secrets<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::None => f.write_str("None"),
            Self::Values(values) => write!(f, "{} values", values.len()),
            Self::Digests(digests) => write!(f, "Digests({digests})"),
        }
    }
}

impl<'a> Event<'a> {
    /// An event with only what every event has.
    pub fn new(time: Instant, class: Class, activity: Activity, place: EventRef) -> Self {
        Self {
            time,
            time_precision_micros: 1,
            utc_offset_seconds: 0,
            class,
            activity,
            status: Status::Unknown,
            source: Cow::Borrowed(""),
            system: Cow::Borrowed(""),
            place,
            line: 0,
            src_ip: None,
            src_port: None,
            account: None,
            session: None,
            request_id: None,
            method: None,
            url: None,
            status_code: None,
            bytes: None,
            duration_micros: None,
            user_agent: None,
            database: None,
            application: None,
            pid: None,
            statement: None,
            command: None,
            statement_name: None,
            parameters: None,
            row_count: None,
            sequence: None,
            statement_id: None,
            transaction: None,
            record_kind: None,
            error_code: None,
            message: None,
            error_values: None,
            host: None,
            channel: None,
            object: None,
            labels: None,
            secrets: Secrets::None,
            masked: false,
        }
    }

    /// The same event, owning everything.
    pub fn into_owned(self) -> Event<'static> {
        fn own(value: Option<Cow<'_, str>>) -> Option<Cow<'static, str>> {
            value.map(|v| Cow::Owned(v.into_owned()))
        }
        Event {
            source: Cow::Owned(self.source.into_owned()),
            system: Cow::Owned(self.system.into_owned()),
            src_ip: own(self.src_ip),
            account: own(self.account),
            session: own(self.session),
            request_id: own(self.request_id),
            method: own(self.method),
            url: own(self.url),
            user_agent: own(self.user_agent),
            database: own(self.database),
            application: own(self.application),
            statement: own(self.statement),
            command: own(self.command),
            statement_name: own(self.statement_name),
            parameters: self.parameters.map(|list| list.into_iter().map(own).collect()),
            transaction: own(self.transaction),
            error_code: own(self.error_code),
            message: own(self.message),
            error_values: self.error_values.map(|list| list.into_iter().map(own).collect()),
            host: own(self.host),
            channel: own(self.channel),
            object: own(self.object),
            labels: own(self.labels),
            secrets: self.secrets.into_owned(),
            time: self.time,
            time_precision_micros: self.time_precision_micros,
            utc_offset_seconds: self.utc_offset_seconds,
            class: self.class,
            activity: self.activity,
            status: self.status,
            place: self.place,
            line: self.line,
            src_port: self.src_port,
            status_code: self.status_code,
            bytes: self.bytes,
            duration_micros: self.duration_micros,
            pid: self.pid,
            row_count: self.row_count,
            sequence: self.sequence,
            statement_id: self.statement_id,
            record_kind: self.record_kind,
            masked: self.masked,
        }
    }
}

/// The schema of the events table.
pub fn schema() -> SchemaRef {
    let utf8 = |name: &str, nullable| Field::new(name, DataType::Utf8, nullable);
    let int = |name: &str, data_type| Field::new(name, data_type, true);
    Arc::new(Schema::new(vec![
        Field::new("time", DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())), false),
        Field::new("time_precision_micros", DataType::Int32, false),
        Field::new("utc_offset_seconds", DataType::Int32, false),
        utf8("class", false),
        utf8("activity", false),
        utf8("status", false),
        utf8("source", false),
        utf8("system", false),
        utf8("artefact", false),
        Field::new("offset", DataType::UInt64, false),
        Field::new("length", DataType::UInt32, false),
        Field::new("line", DataType::UInt64, false),
        utf8("src_ip", true),
        int("src_port", DataType::Int32),
        utf8("account", true),
        utf8("session", true),
        utf8("request_id", true),
        utf8("method", true),
        utf8("url", true),
        int("status_code", DataType::Int32),
        int("bytes", DataType::Int64),
        int("duration_micros", DataType::Int64),
        utf8("user_agent", true),
        utf8("database", true),
        utf8("application", true),
        int("pid", DataType::Int32),
        utf8("statement", true),
        utf8("command", true),
        utf8("statement_name", true),
        Field::new("parameters", DataType::List(Arc::new(Field::new("element", DataType::Utf8, true))), true),
        int("row_count", DataType::Int64),
        int("sequence", DataType::Int64),
        int("statement_id", DataType::Int64),
        utf8("transaction", true),
        utf8("record_kind", true),
        utf8("error_code", true),
        utf8("message", true),
        Field::new("error_values", DataType::List(Arc::new(Field::new("element", DataType::Utf8, true))), true),
        utf8("host", true),
        utf8("channel", true),
        utf8("object", true),
        utf8("labels", true),
        utf8("secrets", true),
        Field::new("masked", DataType::Boolean, false),
    ]))
}

/// Collects events into record batches of the table's schema.
#[derive(Debug, Default)]
pub struct EventBatchBuilder {
    rows: usize,
    time: TimestampMicrosecondBuilder,
    time_precision: Int32Builder,
    utc_offset: Int32Builder,
    class: StringBuilder,
    activity: StringBuilder,
    status: StringBuilder,
    source: StringBuilder,
    system: StringBuilder,
    artefact: StringBuilder,
    offset: UInt64Builder,
    length: UInt32Builder,
    line: UInt64Builder,
    src_ip: StringBuilder,
    src_port: Int32Builder,
    account: StringBuilder,
    session: StringBuilder,
    request_id: StringBuilder,
    method: StringBuilder,
    url: StringBuilder,
    status_code: Int32Builder,
    bytes: Int64Builder,
    duration: Int64Builder,
    user_agent: StringBuilder,
    database: StringBuilder,
    application: StringBuilder,
    pid: Int32Builder,
    statement: StringBuilder,
    command: StringBuilder,
    statement_name: StringBuilder,
    parameters: Option<ListBuilder<StringBuilder>>,
    row_count: Int64Builder,
    sequence: Int64Builder,
    statement_id: Int64Builder,
    transaction: StringBuilder,
    record_kind: StringBuilder,
    error_code: StringBuilder,
    message: StringBuilder,
    error_values: Option<ListBuilder<StringBuilder>>,
    host: StringBuilder,
    channel: StringBuilder,
    object: StringBuilder,
    labels: StringBuilder,
    secrets: StringBuilder,
    masked: BooleanBuilder,
}

impl EventBatchBuilder {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Rows so far.
    pub fn len(&self) -> usize {
        self.rows
    }

    /// Whether there is no row yet.
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// Whether the batch has the size that a batch should have.
    pub fn is_full(&self) -> bool {
        self.rows >= BATCH_ROWS
    }

    /// Adds one event.
    pub fn push(&mut self, event: &Event<'_>) {
        self.rows += 1;
        self.time.append_value(event.time.micros());
        self.time_precision.append_value(event.time_precision_micros);
        self.utc_offset.append_value(event.utc_offset_seconds);
        self.class.append_value(event.class.as_str());
        self.activity.append_value(event.activity.as_str());
        self.status.append_value(event.status.as_str());
        self.source.append_value(&event.source);
        self.system.append_value(&event.system);
        self.artefact.append_value(&event.place.artefact.0);
        self.offset.append_value(event.place.offset);
        self.length.append_value(event.place.length);
        self.line.append_value(event.line);
        self.src_ip.append_option(event.src_ip.as_deref());
        self.src_port.append_option(event.src_port);
        self.account.append_option(event.account.as_deref());
        self.session.append_option(event.session.as_deref());
        self.request_id.append_option(event.request_id.as_deref());
        self.method.append_option(event.method.as_deref());
        self.url.append_option(event.url.as_deref());
        self.status_code.append_option(event.status_code);
        self.bytes.append_option(event.bytes);
        self.duration.append_option(event.duration_micros);
        self.user_agent.append_option(event.user_agent.as_deref());
        self.database.append_option(event.database.as_deref());
        self.application.append_option(event.application.as_deref());
        self.pid.append_option(event.pid);
        self.statement.append_option(event.statement.as_deref());
        self.command.append_option(event.command.as_deref());
        self.statement_name.append_option(event.statement_name.as_deref());
        push_list(&mut self.parameters, event.parameters.as_deref());
        self.row_count.append_option(event.row_count);
        self.sequence.append_option(event.sequence);
        self.statement_id.append_option(event.statement_id);
        self.transaction.append_option(event.transaction.as_deref());
        self.record_kind.append_option(event.record_kind.map(RecordKind::as_str));
        self.error_code.append_option(event.error_code.as_deref());
        self.message.append_option(event.message.as_deref());
        push_list(&mut self.error_values, event.error_values.as_deref());
        self.host.append_option(event.host.as_deref());
        self.channel.append_option(event.channel.as_deref());
        self.object.append_option(event.object.as_deref());
        self.labels.append_option(event.labels.as_deref());
        self.secrets.append_option(event.secrets.column());
        self.masked.append_value(event.masked);
    }

    /// The batch so far; the builder is empty afterwards.
    ///
    /// # Errors
    /// Only if schema and builders disagree, which is our bug.
    pub fn finish(&mut self) -> Result<RecordBatch, ArrowError> {
        self.rows = 0;
        let mut parameters = self.parameters.take().unwrap_or_else(new_list_builder);
        let mut error_values = self.error_values.take().unwrap_or_else(new_list_builder);
        let columns: Vec<ArrayRef> = vec![
            Arc::new(self.time.finish().with_timezone("UTC")),
            Arc::new(self.time_precision.finish()),
            Arc::new(self.utc_offset.finish()),
            Arc::new(self.class.finish()),
            Arc::new(self.activity.finish()),
            Arc::new(self.status.finish()),
            Arc::new(self.source.finish()),
            Arc::new(self.system.finish()),
            Arc::new(self.artefact.finish()),
            Arc::new(self.offset.finish()),
            Arc::new(self.length.finish()),
            Arc::new(self.line.finish()),
            Arc::new(self.src_ip.finish()),
            Arc::new(self.src_port.finish()),
            Arc::new(self.account.finish()),
            Arc::new(self.session.finish()),
            Arc::new(self.request_id.finish()),
            Arc::new(self.method.finish()),
            Arc::new(self.url.finish()),
            Arc::new(self.status_code.finish()),
            Arc::new(self.bytes.finish()),
            Arc::new(self.duration.finish()),
            Arc::new(self.user_agent.finish()),
            Arc::new(self.database.finish()),
            Arc::new(self.application.finish()),
            Arc::new(self.pid.finish()),
            Arc::new(self.statement.finish()),
            Arc::new(self.command.finish()),
            Arc::new(self.statement_name.finish()),
            Arc::new(parameters.finish()),
            Arc::new(self.row_count.finish()),
            Arc::new(self.sequence.finish()),
            Arc::new(self.statement_id.finish()),
            Arc::new(self.transaction.finish()),
            Arc::new(self.record_kind.finish()),
            Arc::new(self.error_code.finish()),
            Arc::new(self.message.finish()),
            Arc::new(error_values.finish()),
            Arc::new(self.host.finish()),
            Arc::new(self.channel.finish()),
            Arc::new(self.object.finish()),
            Arc::new(self.labels.finish()),
            Arc::new(self.secrets.finish()),
            Arc::new(self.masked.finish()),
        ];
        RecordBatch::try_new(schema(), columns)
    }
}

fn push_list(builder: &mut Option<ListBuilder<StringBuilder>>, list: Option<&[Option<Cow<'_, str>>]>) {
    let builder = builder.get_or_insert_with(new_list_builder);
    for value in list.unwrap_or_default() {
        builder.values().append_option(value.as_deref());
    }
    builder.append(list.is_some());
}

fn new_list_builder() -> ListBuilder<StringBuilder> {
    ListBuilder::new(StringBuilder::new()).with_field(Field::new("element", DataType::Utf8, true))
}

/// A typed view over a batch of events. Columns that the scan left out read as absent.
#[derive(Debug)]
pub struct EventRows<'b> {
    rows: usize,
    time: Option<&'b PrimitiveArray<TimestampMicrosecondType>>,
    time_precision: Option<&'b PrimitiveArray<Int32Type>>,
    utc_offset: Option<&'b PrimitiveArray<Int32Type>>,
    class: Option<&'b StringArray>,
    activity: Option<&'b StringArray>,
    status: Option<&'b StringArray>,
    source: Option<&'b StringArray>,
    system: Option<&'b StringArray>,
    artefact: Option<&'b StringArray>,
    offset: Option<&'b PrimitiveArray<UInt64Type>>,
    length: Option<&'b PrimitiveArray<UInt32Type>>,
    line: Option<&'b PrimitiveArray<UInt64Type>>,
    src_ip: Option<&'b StringArray>,
    src_port: Option<&'b PrimitiveArray<Int32Type>>,
    account: Option<&'b StringArray>,
    session: Option<&'b StringArray>,
    request_id: Option<&'b StringArray>,
    method: Option<&'b StringArray>,
    url: Option<&'b StringArray>,
    status_code: Option<&'b PrimitiveArray<Int32Type>>,
    bytes: Option<&'b PrimitiveArray<Int64Type>>,
    duration: Option<&'b PrimitiveArray<Int64Type>>,
    user_agent: Option<&'b StringArray>,
    database: Option<&'b StringArray>,
    application: Option<&'b StringArray>,
    pid: Option<&'b PrimitiveArray<Int32Type>>,
    statement: Option<&'b StringArray>,
    command: Option<&'b StringArray>,
    statement_name: Option<&'b StringArray>,
    parameters: Option<&'b ListArray>,
    row_count: Option<&'b PrimitiveArray<Int64Type>>,
    sequence: Option<&'b PrimitiveArray<Int64Type>>,
    statement_id: Option<&'b PrimitiveArray<Int64Type>>,
    transaction: Option<&'b StringArray>,
    record_kind: Option<&'b StringArray>,
    error_code: Option<&'b StringArray>,
    message: Option<&'b StringArray>,
    error_values: Option<&'b ListArray>,
    host: Option<&'b StringArray>,
    channel: Option<&'b StringArray>,
    object: Option<&'b StringArray>,
    labels: Option<&'b StringArray>,
    secrets: Option<&'b StringArray>,
    masked: Option<&'b BooleanArray>,
}

impl<'b> EventRows<'b> {
    /// Views a batch. A column of another type reads as absent.
    pub fn new(batch: &'b RecordBatch) -> Self {
        let utf8 = |name: &str| batch.column_by_name(name).and_then(|c| c.as_string_opt::<i32>());
        let i32s = |name: &str| batch.column_by_name(name).and_then(|c| c.as_primitive_opt::<Int32Type>());
        let i64s = |name: &str| batch.column_by_name(name).and_then(|c| c.as_primitive_opt::<Int64Type>());
        let u64s = |name: &str| batch.column_by_name(name).and_then(|c| c.as_primitive_opt::<UInt64Type>());
        Self {
            rows: batch.num_rows(),
            time: batch.column_by_name("time").and_then(|c| c.as_primitive_opt::<TimestampMicrosecondType>()),
            time_precision: i32s("time_precision_micros"),
            utc_offset: i32s("utc_offset_seconds"),
            class: utf8("class"),
            activity: utf8("activity"),
            status: utf8("status"),
            source: utf8("source"),
            system: utf8("system"),
            artefact: utf8("artefact"),
            offset: u64s("offset"),
            length: batch.column_by_name("length").and_then(|c| c.as_primitive_opt::<UInt32Type>()),
            line: u64s("line"),
            src_ip: utf8("src_ip"),
            src_port: i32s("src_port"),
            account: utf8("account"),
            session: utf8("session"),
            request_id: utf8("request_id"),
            method: utf8("method"),
            url: utf8("url"),
            status_code: i32s("status_code"),
            bytes: i64s("bytes"),
            duration: i64s("duration_micros"),
            user_agent: utf8("user_agent"),
            database: utf8("database"),
            application: utf8("application"),
            pid: i32s("pid"),
            statement: utf8("statement"),
            command: utf8("command"),
            statement_name: utf8("statement_name"),
            parameters: batch.column_by_name("parameters").and_then(|c| c.as_list_opt::<i32>()),
            row_count: i64s("row_count"),
            sequence: i64s("sequence"),
            statement_id: i64s("statement_id"),
            transaction: utf8("transaction"),
            record_kind: utf8("record_kind"),
            error_code: utf8("error_code"),
            message: utf8("message"),
            error_values: batch.column_by_name("error_values").and_then(|c| c.as_list_opt::<i32>()),
            host: utf8("host"),
            channel: utf8("channel"),
            object: utf8("object"),
            labels: utf8("labels"),
            secrets: utf8("secrets"),
            masked: batch.column_by_name("masked").and_then(|c| c.as_boolean_opt()),
        }
    }

    /// Rows in the batch.
    pub fn len(&self) -> usize {
        self.rows
    }

    /// Whether the batch is empty.
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// All events of the batch, borrowing from it.
    pub fn iter(&self) -> impl Iterator<Item = Event<'b>> + '_ {
        (0..self.rows).map(|row| self.get(row))
    }
}

fn text<'b>(column: Option<&'b StringArray>, row: usize) -> Option<Cow<'b, str>> {
    column.filter(|c| c.is_valid(row)).map(|c| Cow::Borrowed(c.value(row)))
}

fn whole(column: Option<&PrimitiveArray<Int64Type>>, row: usize) -> Option<i64> {
    column.filter(|c| c.is_valid(row)).map(|c| c.value(row))
}

fn word<W: FromStr>(column: Option<&StringArray>, row: usize) -> Option<W> {
    column.filter(|c| c.is_valid(row)).and_then(|c| c.value(row).parse().ok())
}

fn list_row<'b>(column: &'b ListArray, row: usize) -> Vec<Option<Cow<'b, str>>> {
    let offsets = column.value_offsets();
    let (from, to) = (offsets[row] as usize, offsets[row + 1] as usize);
    match column.values().as_string_opt::<i32>() {
        Some(values) => (from..to).map(|i| values.is_valid(i).then(|| Cow::Borrowed(values.value(i)))).collect(),
        None => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::ArtefactId;

    #[test]
    fn an_event_survives_the_table() {
        let place = EventRef { artefact: ArtefactId("0123456789abcdef".into()), offset: 7, length: 9 };
        let mut event = Event::new(Instant(1_795_466_660_575_000), Class::Datastore, Activity::Read, place);
        event.statement = Some("SELECT $1".into());
        event.parameters = Some(vec![Some("a".into()), None]);
        event.row_count = Some(1);
        event.record_kind = Some(RecordKind::PgauditSession);
        event.error_values = Some(vec![Some("b".into())]);
        let bare = Event::new(Instant(0), Class::Http, Activity::Request, event.place.clone());
        let mut builder = EventBatchBuilder::new();
        builder.push(&event);
        builder.push(&bare);
        let batch = builder.finish().expect("schema and builders agree");
        let rows = EventRows::new(&batch);
        assert_eq!(rows.get(0), event);
        assert_eq!(rows.get(1), bare);
        assert!(builder.is_empty());
    }
}
