//! Functions and operators of the servers that are not computed here. All that is known of them is what their value is made of,
//! and its type: so they stand where the servers' own do, decide nothing for sure, and hold whatever their arguments hold.

use std::sync::Arc;

use arrow_array::types::IntervalMonthDayNano;
use arrow_array::{ArrayRef, BooleanArray, Date32Array, Float64Array, Int64Array, IntervalMonthDayNanoArray, StringArray, TimestampNanosecondArray};
use arrow_schema::{DataType, IntervalUnit, TimeUnit};
use datafusion::common::Result;
use datafusion::logical_expr::{ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};

use crate::vocabulary::OPAQUE;

/// What the name of a stand-in begins with: some servers' functions bear a name of the planner's.
const PREFIX: &str = "server_";

/// The type of a value that is not computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    Text,
    Whole,
    Number,
    Truth,
    Day,
    Instant,
    Span,
}

impl Kind {
    fn data_type(self) -> DataType {
        match self {
            Self::Text => DataType::Utf8,
            Self::Whole => DataType::Int64,
            Self::Number => DataType::Float64,
            Self::Truth => DataType::Boolean,
            Self::Day => DataType::Date32,
            Self::Instant => DataType::Timestamp(TimeUnit::Nanosecond, None),
            Self::Span => DataType::Interval(IntervalUnit::MonthDayNano),
        }
    }

    /// Any value of the type, in the rows in which there is one.
    fn values(self, is_there: impl Iterator<Item = bool>) -> ArrayRef {
        match self {
            Self::Text => Arc::new(is_there.map(|there| there.then_some("…")).collect::<StringArray>()),
            Self::Whole => Arc::new(is_there.map(|there| there.then_some(0)).collect::<Int64Array>()),
            Self::Number => Arc::new(is_there.map(|there| there.then_some(0.0)).collect::<Float64Array>()),
            Self::Truth => Arc::new(is_there.map(|there| there.then_some(false)).collect::<BooleanArray>()),
            Self::Day => Arc::new(is_there.map(|there| there.then_some(0)).collect::<Date32Array>()),
            Self::Instant => Arc::new(is_there.map(|there| there.then_some(0)).collect::<TimestampNanosecondArray>()),
            Self::Span => Arc::new(is_there.map(|there| there.then_some(IntervalMonthDayNano::ZERO)).collect::<IntervalMonthDayNanoArray>()),
        }
    }
}

/// Functions of one row by the type of their value, as both servers' manuals have it.
const KNOWN: &[(Kind, &[&str])] = &[
    (
        Kind::Text,
        &[
            "abbrev",
            "addtime",
            "aes_decrypt",
            "aes_encrypt",
            "array_to_json",
            "bin",
            "box",
            "char",
            "charset",
            "collation",
            "compress",
            "conv",
            "convert_from",
            "convert_to",
            "crypt",
            "current_database",
            "current_role",
            "current_schema",
            "current_setting",
            "current_user",
            "curtime",
            "database",
            "date_format",
            "dayname",
            "decrypt",
            "des_decrypt",
            "elt",
            "encrypt",
            "export_set",
            "family",
            "format",
            "format_type",
            "from_base64",
            "hex",
            "host",
            "hstore",
            "inet6_ntoa",
            "inet_client_addr",
            "inet_ntoa",
            "inet_server_addr",
            "insert",
            "json_array",
            "json_build_array",
            "json_build_object",
            "json_extract",
            "json_extract_path",
            "json_extract_path_text",
            "json_insert",
            "json_keys",
            "json_merge",
            "json_merge_patch",
            "json_merge_preserve",
            "json_object",
            "json_pretty",
            "json_query",
            "json_quote",
            "json_remove",
            "json_replace",
            "json_search",
            "json_set",
            "json_strip_nulls",
            "json_type",
            "json_typeof",
            "json_unquote",
            "json_value",
            "jsonb_build_array",
            "jsonb_build_object",
            "jsonb_delete",
            "jsonb_extract_path",
            "jsonb_extract_path_text",
            "jsonb_insert",
            "jsonb_object",
            "jsonb_path_query_array",
            "jsonb_path_query_first",
            "jsonb_pretty",
            "jsonb_set",
            "jsonb_strip_nulls",
            "jsonb_typeof",
            "lower_inc",
            "make_set",
            "make_time",
            "maketime",
            "masklen",
            "monthname",
            "netmask",
            "network",
            "oct",
            "old_password",
            "parse_ident",
            "password",
            "pg_get_constraintdef",
            "pg_get_expr",
            "pg_get_indexdef",
            "pg_get_userbyid",
            "pg_size_pretty",
            "pg_typeof",
            "pgp_pub_decrypt",
            "pgp_sym_decrypt",
            "phraseto_tsquery",
            "plainto_tsquery",
            "quote",
            "quote_ident",
            "quote_literal",
            "quote_nullable",
            "regexp_split_to_array",
            "regexp_substr",
            "row_to_json",
            "schema",
            "sec_to_time",
            "session_user",
            "set_masklen",
            "set_config",
            "sha",
            "sha1",
            "sha2",
            "soundex",
            "space",
            "st_asgeojson",
            "st_astext",
            "subtime",
            "system_user",
            "time",
            "time_format",
            "timediff",
            "to_base64",
            "to_char",
            "to_json",
            "to_jsonb",
            "to_time",
            "to_tsquery",
            "to_tsvector",
            "ts_headline",
            "unaccent",
            "uncompress",
            "unhex",
            "user",
            "utc_time",
            "version",
            "websearch_to_tsquery",
            "xmlforest",
        ],
    ),
    (
        Kind::Whole,
        &[
            "array_ndims",
            "bit_count",
            "connection_id",
            "crc32",
            "datediff",
            "dayofmonth",
            "dayofweek",
            "dayofyear",
            "field",
            "found_rows",
            "hour",
            "inet_aton",
            "interval",
            "json_array_length",
            "json_depth",
            "json_length",
            "jsonb_array_length",
            "last_insert_id",
            "levenshtein",
            "microsecond",
            "minute",
            "num_nonnulls",
            "num_nulls",
            "ord",
            "period_add",
            "period_diff",
            "pg_backend_pid",
            "quarter",
            "regexp_instr",
            "regexp_position",
            "row_count",
            "second",
            "strcmp",
            "time_to_sec",
            "timestampdiff",
            "to_days",
            "to_seconds",
            "unix_timestamp",
            "uncompressed_length",
            "week",
            "weekday",
            "weekofyear",
            "width_bucket",
            "yearweek",
        ],
    ),
    (Kind::Number, &["random_normal", "similarity", "st_x", "st_y", "to_number", "truncate", "ts_rank", "ts_rank_cd", "word_similarity"]),
    (
        Kind::Truth,
        &[
            "inet_same_family",
            "isempty",
            "isfinite",
            "json_contains",
            "json_contains_path",
            "json_exists",
            "json_overlaps",
            "json_valid",
            "jsonb_exists",
            "jsonb_path_exists",
            "jsonb_path_match",
            "match_against",
            "member_of",
            "overlaps",
            "pg_table_is_visible",
            "regexp_like",
            "st_contains",
            "st_dwithin",
            "st_intersects",
            "st_within",
            "upper_inc",
        ],
    ),
    (Kind::Span, &["age", "justify_days", "justify_hours", "justify_interval", "make_interval"]),
    (Kind::Day, &["from_days", "last_day", "makedate", "to_date"]),
    (
        Kind::Instant,
        &[
            "adddate",
            "convert_tz",
            "date_add",
            "date_bin",
            "date_sub",
            "from_unixtime",
            "make_timestamp",
            "str_to_date",
            "subdate",
            "timestamp",
            "timestampadd",
            "timezone",
            "to_timestamp",
            "utc_timestamp",
        ],
    ),
];

/// Names of stand-ins that no statement calls by name: operators and casts, by the type of their value.
pub(crate) const OPERATORS: &[(Kind, &str)] = &[(Kind::Text, "value"), (Kind::Truth, "truth"), (Kind::Text, "part"), (Kind::Number, "number")];

/// The stand-in for a function of a server; `None` for one of which nothing is known.
pub(crate) fn stand_in_for(function: &str) -> Option<String> {
    KNOWN.iter().any(|(_, names)| names.contains(&function)).then(|| format!("{PREFIX}{function}"))
}

/// All stand-ins.
pub(crate) fn stand_ins() -> impl Iterator<Item = ScalarUDF> {
    let known = KNOWN.iter().flat_map(|(kind, names)| names.iter().map(|name| (*kind, *name)));
    known.chain(OPERATORS.iter().copied()).map(|(kind, name)| stand_in(name, kind))
}

/// A value of which only its parts are known.
pub(crate) fn stand_in(name: &str, kind: Kind) -> ScalarUDF {
    // Else it would be computed ahead where its arguments are all written in the statement, and then decide as if it were known.
    let signature =
        Signature::one_of(vec![datafusion::logical_expr::TypeSignature::VariadicAny, datafusion::logical_expr::TypeSignature::Nullary], Volatility::Volatile);
    ScalarUDF::new_from_impl(StandIn { name: format!("{PREFIX}{name}"), kind, signature })
}

/// The server's name of what an expression stands for.
pub(crate) fn stood_for(name: &str) -> Option<&str> {
    name.strip_prefix(PREFIX)
}

/// Whether an expression's value is not computed.
pub(crate) fn is_stand_in(part: &Expr) -> bool {
    matches!(part, Expr::ScalarFunction(function) if function.name() == OPAQUE || stood_for(function.name()).is_some())
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct StandIn {
    name: String,
    kind: Kind,
    signature: Signature,
}

impl ScalarUDFImpl for StandIn {
    fn name(&self) -> &str {
        &self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(self.kind.data_type())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = args.args.iter().map(|value| value.to_array(args.number_rows)).collect::<Result<Vec<_>>>()?;
        let is_there = |row: usize| arrays.is_empty() || arrays.iter().any(|array| !array.is_null(row));
        Ok(ColumnarValue::Array(self.kind.values((0..args.number_rows).map(is_there))))
    }
}
