//! What a function does with its arguments: copies them, changes their form, puts them beside each other, or only decides by them.

use datafusion::common::ScalarValue;
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::expr::ScalarFunction;

use crate::stand_in::stood_for;
use crate::vocabulary::OPAQUE;
use crate::whole_row::WHOLE_ROW;

/// What becomes of the arguments of a function or an operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reading {
    /// The value does not hold them.
    Decides,
    /// One value of all, NULL if any is: arithmetic.
    Computes,
    /// The first, in another form; maybe empty.
    Keeps,
    /// All that are there, somewhere in the value; maybe empty.
    Copies,
    /// All that are there, in a value that is never empty.
    Lists,
    /// Texts one after the other.
    Joins,
    /// Texts one after the other, with the first argument between them.
    JoinsWith,
    /// The first, unless something holds of the others.
    FirstUnless,
    /// One of them, by their order.
    Chooses,
    /// All of them, for all that is known.
    Unknown,
}

/// What a function does with its arguments.
pub(crate) fn reading_of(function: &ScalarFunction) -> Reading {
    let name = function.name();
    if name == OPAQUE {
        // The last argument of a value that is not computed is the name of the function that would make it.
        let Some(Expr::Literal(ScalarValue::Utf8(Some(hidden)), _)) = function.args.last() else {
            return Reading::Unknown;
        };
        return match hidden.as_str() {
            hidden if DECIDING.contains(&hidden) => Reading::Decides,
            hidden if LISTING.contains(&hidden) => Reading::Lists,
            _ => Reading::Unknown,
        };
    }
    if let Some(hidden) = stood_for(name) {
        return match hidden {
            hidden if DECIDING.contains(&hidden) => Reading::Decides,
            hidden if LISTING.contains(&hidden) && hidden != "value" => Reading::Lists,
            _ => Reading::Unknown,
        };
    }
    match name {
        "nullif" => Reading::FirstUnless,
        "greatest" | "least" => Reading::Chooses,
        "concat" => Reading::Joins,
        "concat_ws" => Reading::JoinsWith,
        WHOLE_ROW => Reading::Lists,
        name if DECIDING.contains(&name) => Reading::Decides,
        name if KEEPING.contains(&name) => Reading::Keeps,
        _ => Reading::Copies,
    }
}

/// Functions whose value does not hold their arguments: types, lengths, hashes, comparisons.
const DECIDING: &[&str] = &[
    "array_dims",
    "array_has",
    "array_has_all",
    "array_has_any",
    "array_length",
    "array_ndims",
    "array_position",
    "array_positions",
    "arrow_typeof",
    "bit_length",
    "cardinality",
    "char_length",
    "character_length",
    "charset",
    "coercibility",
    "collation",
    "contains",
    "crc32",
    "crypt",
    "digest",
    "document_contains",
    "document_has_key",
    "elements_are_told",
    "empty",
    "ends_with",
    "field",
    "find_in_set",
    "hashtext",
    "hmac",
    "inet_same_family",
    "is_array",
    "is_document",
    "isempty",
    "isfinite",
    "isnan",
    "iszero",
    "json_array_length",
    "json_contains",
    "json_contains_path",
    "json_depth",
    "json_exists",
    "json_length",
    "json_overlaps",
    "json_type",
    "json_typeof",
    "json_valid",
    "jsonb_array_length",
    "jsonb_exists",
    "jsonb_path_exists",
    "jsonb_path_match",
    "jsonb_typeof",
    "length",
    "levenshtein",
    "lower_inc",
    "match_against",
    "md5",
    "num_nonnulls",
    "num_nulls",
    "octet_length",
    "old_password",
    "overlaps",
    "password",
    "pg_column_size",
    "pg_table_is_visible",
    "pg_typeof",
    "regexp_count",
    "regexp_instr",
    "regexp_like",
    "regexp_position",
    "sha",
    "sha1",
    "sha2",
    "sha224",
    "sha256",
    "sha384",
    "sha512",
    "sign",
    "signum",
    "similarity",
    "st_contains",
    "st_dwithin",
    "st_intersects",
    "st_within",
    "starts_with",
    "strcmp",
    "strpos",
    "truth",
    "ts_rank",
    "ts_rank_cd",
    "uncompressed_length",
    "upper_inc",
    "width_bucket",
    "word_similarity",
];

/// Functions of the planner that give their first argument in another form.
const KEEPING: &[&str] = &[
    "abs",
    "array_of_text",
    "array_to_string",
    "btrim",
    "ceil",
    "date_part",
    "date_trunc",
    "decode",
    "encode",
    "floor",
    "initcap",
    "lower",
    "ltrim",
    "regexp_replace",
    "repeat",
    "replace",
    "reverse",
    "round",
    "rtrim",
    "text_collated",
    "text_of_list",
    "to_char",
    "to_hex",
    "translate",
    "trunc",
    "upper",
];

/// Functions that are not computed, and surely copy each argument that is there.
const LISTING: &[&str] = &[
    "adddate",
    "addtime",
    "age",
    "bin",
    "concat",
    "concat_ws",
    "convert_from",
    "convert_to",
    "convert_tz",
    "date_add",
    "date_bin",
    "date_format",
    "date_sub",
    "datediff",
    "dayname",
    "dayofweek",
    "dayofyear",
    "format",
    "from_unixtime",
    "hex",
    "host",
    "inet6_ntoa",
    "inet_aton",
    "inet_ntoa",
    "initcap",
    "json_array",
    "json_build_array",
    "json_build_object",
    "json_object",
    "json_pretty",
    "json_quote",
    "jsonb_build_array",
    "jsonb_build_object",
    "jsonb_object",
    "jsonb_pretty",
    "justify_interval",
    "last_day",
    "lower",
    "monthname",
    "oct",
    "period_diff",
    "quote",
    "quote_ident",
    "quote_literal",
    "quote_nullable",
    "reverse",
    "row_to_json",
    "sec_to_time",
    "st_asgeojson",
    "st_astext",
    "st_x",
    "st_y",
    "subdate",
    "time_format",
    "time_to_sec",
    "timediff",
    "timestampadd",
    "timestampdiff",
    "to_base64",
    "to_char",
    "to_days",
    "to_json",
    "to_jsonb",
    "unaccent",
    "unix_timestamp",
    "upper",
    "value",
    "weekday",
    "weekofyear",
    "xmlforest",
    "yearweek",
];
