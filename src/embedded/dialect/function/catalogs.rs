//! Functions that tools ask beside the catalogs, and all functions for the catalogs themselves.

use postgres_types::Type;

use crate::embedded::dialect::function::aggregate::is_aggregate;
use crate::embedded::dialect::function::table::{self, letter};
use crate::embedded::dialect::locking;

/// As the functions beside it in `table.rs`.
pub(super) const FUNCTIONS: &[(&str, &str, char, &str)] = &[
    ("getdatabaseencoding", "", 'm', "pg_database_encoding"),
    ("has_foreign_data_wrapper_privilege", "at", 'b', "pg_true"),
    ("has_language_privilege", "at", 'b', "pg_true"),
    ("has_server_privilege", "at", 'b', "pg_true"),
    ("has_tablespace_privilege", "at", 'b', "pg_true"),
    ("has_type_privilege", "at", 'b', "pg_true"),
    ("pg_char_to_encoding", "m", 'i', ""),
    ("pg_conversion_is_visible", "o", 'b', "pg_true"),
    ("pg_describe_object", "ooi", 't', "pg_null"),
    ("pg_get_function_arg_default", "oi", 't', "pg_null"),
    ("pg_get_function_sqlbody", "o", 't', "pg_null"),
    ("pg_get_ruledef", "o", 't', "pg_null"),
    ("pg_get_ruledef", "ob", 't', "pg_null"),
    ("pg_get_statisticsobjdef", "o", 't', "pg_null"),
    ("pg_is_wal_replay_paused", "", 'b', "pg_false"),
    ("pg_operator_is_visible", "o", 'b', "pg_true"),
    ("pg_opfamily_is_visible", "o", 'b', "pg_true"),
    ("pg_stat_get_numscans", "o", 'l', "pg_null"),
    ("pg_ts_config_is_visible", "o", 'b', "pg_true"),
    ("pg_ts_dict_is_visible", "o", 'b', "pg_true"),
    ("pg_ts_parser_is_visible", "o", 'b', "pg_true"),
    ("pg_ts_template_is_visible", "o", 'b', "pg_true"),
];

/// Aggregates whose types are always the same.
const AGGREGATES: &[(&str, &str, char)] = &[
    ("bool_and", "b", 'b'),
    ("bool_or", "b", 'b'),
    ("count", "", 'l'),
    ("count", "a", 'l'),
    ("every", "b", 'b'),
    ("string_agg", "tt", 't'),
    ("sum", "i", 'l'),
    ("sum", "l", 'n'),
    ("sum", "n", 'n'),
    ("sum", "f", 'f'),
    ("avg", "i", 'n'),
    ("avg", "l", 'n'),
    ("avg", "n", 'n'),
    ("avg", "f", 'f'),
];

/// A function, as `pg_proc` has it.
pub(in crate::embedded) struct Known {
    pub(in crate::embedded) name: &'static str,
    pub(in crate::embedded) arguments: Vec<Type>,
    pub(in crate::embedded) result: Type,
    /// `prokind`.
    pub(in crate::embedded) kind: &'static str,
}

/// The functions that are known by their types.
pub(in crate::embedded) fn known_functions() -> impl Iterator<Item = Known> {
    let kind = |c: char| if c == 'a' { Type::ANY } else { letter(c) };
    let known =
        move |name: &'static str, arguments: &str, result: char, word: &'static str| Known {
            name,
            arguments: arguments.chars().filter(|c| *c != '*').map(kind).collect(),
            result: kind(result),
            kind: word,
        };
    let plain = table::FUNCTIONS
        .iter()
        .chain(locking::FUNCTIONS)
        .chain(FUNCTIONS)
        .map(move |(name, arguments, result, _)| known(name, arguments, *result, "f"));
    let aggregates = AGGREGATES
        .iter()
        .filter(|a| is_aggregate(a.0))
        .map(move |(name, arguments, result)| known(name, arguments, *result, "a"));
    plain.chain(aggregates)
}
