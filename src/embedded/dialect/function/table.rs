//! The functions that are known by their name and the types of their arguments.

use postgres_types::Type;

/// Name, arguments, result, and SQLite's name where it differs. A letter is a type:
/// `t` text, `i` int4, `l` int8, `f` float8, `n` numeric, `b` bool, `y` bytea, `d` date,
/// `s` timestamp, `z` timestamptz, `v` interval, `j` jsonb, `o` oid, `m` name, `u` uuid, `0` void,
/// `c` regclass, `T` text[], `M` name[]; `a` is anything, `x` anything in its text form. A `*`
/// repeats the last.
pub(super) const FUNCTIONS: &[(&str, &str, char, &str)] = &[
    ("acldefault", "ao", 'T', "pg_null"),
    ("age", "z", 'v', "pg_age_z"),
    ("age", "s", 'v', "pg_age_s"),
    ("age", "zz", 'v', "pg_age_z"),
    ("age", "ss", 'v', "pg_age_s"),
    ("ascii", "t", 'i', "pg_ascii"),
    ("bit_count", "y", 'l', "pg_bit_count"),
    ("bit_length", "t", 'i', "pg_bit_length"),
    ("bit_length", "y", 'i', "pg_bit_length"),
    ("btrim", "t", 't', "trim"),
    ("btrim", "tt", 't', "trim"),
    ("char_length", "t", 'i', "length"),
    ("character_length", "t", 'i', "length"),
    ("chr", "i", 't', "pg_chr"),
    ("clock_timestamp", "", 'z', ""),
    ("concat", "x*", 't', "pg_concat"),
    ("concat_ws", "tx*", 't', "pg_concat_ws"),
    ("convert_from", "yt", 't', "pg_convert_from"),
    ("convert_to", "tt", 'y', "pg_convert_to"),
    ("current_catalog", "", 'm', "current_database"),
    ("current_database", "", 'm', ""),
    ("current_date", "", 'd', "pg_current_date"),
    ("current_query", "", 't', "pg_null"),
    ("current_role", "", 'm', "pg_current_user"),
    ("current_schema", "", 'm', "pg_current_schema"),
    ("current_schemas", "b", 'M', ""),
    ("current_setting", "t", 't', ""),
    ("current_setting", "tb", 't', ""),
    ("current_timestamp", "", 'z', "now"),
    ("current_user", "", 'm', "pg_current_user"),
    ("currval", "t", 'l', "pg_currval"),
    ("date_bin", "vzz", 'z', "pg_date_bin_z"),
    ("date_bin", "vss", 's', "pg_date_bin_s"),
    ("decode", "tt", 'y', "pg_decode"),
    ("div", "nn", 'n', "pg_div"),
    ("encode", "yt", 't', "pg_encode"),
    ("factorial", "l", 'n', "pg_factorial"),
    ("format", "t", 't', "pg_format"),
    ("format", "tx*", 't', "pg_format"),
    ("format_type", "oi", 't', ""),
    ("gen_random_uuid", "", 'u', ""),
    ("get_bit", "yl", 'i', "pg_get_bit"),
    ("get_byte", "yi", 'i', "pg_get_byte"),
    ("has_any_column_privilege", "at", 'b', "pg_true"),
    ("has_any_column_privilege", "aat", 'b', "pg_true"),
    ("has_column_privilege", "aat", 'b', "pg_true"),
    ("has_database_privilege", "at", 'b', "pg_true"),
    ("has_database_privilege", "aat", 'b', "pg_true"),
    ("has_function_privilege", "at", 'b', "pg_true"),
    ("has_function_privilege", "aat", 'b', "pg_true"),
    ("has_schema_privilege", "at", 'b', "pg_true"),
    ("has_schema_privilege", "aat", 'b', "pg_true"),
    ("has_sequence_privilege", "at", 'b', "pg_true"),
    ("has_table_privilege", "at", 'b', "pg_true"),
    ("has_table_privilege", "aat", 'b', "pg_true"),
    ("inet_client_addr", "", 't', "pg_null"),
    ("inet_client_port", "", 'i', "pg_null"),
    ("inet_server_addr", "", 't', "pg_null"),
    ("inet_server_port", "", 'i', "pg_null"),
    ("initcap", "t", 't', "pg_initcap"),
    ("isfinite", "d", 'b', "pg_true"),
    ("isfinite", "v", 'b', "pg_true"),
    ("isfinite", "z", 'b', "pg_true"),
    ("isfinite", "s", 'b', "pg_true"),
    ("json_array_length", "j", 'i', "pg_json_length"),
    ("json_typeof", "j", 't', "pg_json_typeof"),
    ("jsonb_array_length", "j", 'i', "pg_json_length"),
    ("jsonb_typeof", "j", 't', "pg_json_typeof"),
    ("justify_days", "v", 'v', "pg_justify_days"),
    ("justify_hours", "v", 'v', "pg_justify_hours"),
    ("justify_interval", "v", 'v', "pg_justify_interval"),
    ("lastval", "", 'l', "pg_lastval"),
    ("left", "ti", 't', "pg_left"),
    ("length", "y", 'i', ""),
    ("length", "t", 'i', ""),
    ("localtime", "", 'h', "pg_localtime"),
    ("localtimestamp", "", 's', "pg_localtimestamp"),
    ("log", "nn", 'n', "pg_log_of"),
    ("lower", "t", 't', "pg_lower"),
    ("lpad", "ti", 't', "pg_lpad"),
    ("lpad", "tit", 't', "pg_lpad"),
    ("ltrim", "t", 't', ""),
    ("ltrim", "tt", 't', ""),
    ("make_date", "iii", 'd', "pg_make_date"),
    ("make_time", "iif", 'h', "pg_make_time"),
    ("make_timestamp", "iiiiif", 's', "pg_make_timestamp"),
    ("make_timestamptz", "iiiiif", 'z', "pg_make_timestamptz"),
    ("make_timestamptz", "iiiiift", 'z', "pg_make_timestamptz"),
    ("md5", "t", 't', "pg_md5"),
    ("md5", "y", 't', "pg_md5"),
    ("min_scale", "n", 'i', "pg_min_scale"),
    ("now", "", 'z', ""),
    ("octet_length", "y", 'i', "octet_length"),
    ("octet_length", "t", 'i', "octet_length"),
    ("overlay", "tti", 't', "pg_overlay"),
    ("overlay", "ttii", 't', "pg_overlay"),
    ("pg_backend_pid", "", 'i', ""),
    ("pg_client_encoding", "", 'm', ""),
    ("pg_collation_is_visible", "o", 'b', "pg_true"),
    ("pg_conf_load_time", "", 'z', "pg_postmaster_start_time"),
    ("pg_encoding_to_char", "i", 'm', ""),
    ("pg_function_is_visible", "o", 'b', "pg_true"),
    ("pg_get_expr", "to", 't', ""),
    ("pg_get_expr", "tob", 't', ""),
    ("pg_get_functiondef", "o", 't', "pg_null"),
    ("pg_get_partkeydef", "o", 't', "pg_null"),
    ("pg_get_statisticsobjdef_columns", "o", 't', "pg_null"),
    ("pg_get_triggerdef", "o", 't', "pg_null"),
    ("pg_get_triggerdef", "ob", 't', "pg_null"),
    ("pg_get_userbyid", "o", 'm', ""),
    ("pg_has_role", "at", 'b', "pg_true"),
    ("pg_has_role", "aat", 'b', "pg_true"),
    ("pg_is_in_recovery", "", 'b', "pg_false"),
    ("pg_is_other_temp_schema", "o", 'b', "pg_false"),
    ("pg_my_temp_schema", "", 'o', "pg_zero"),
    ("pg_notify", "tt", '0', ""),
    ("pg_opclass_is_visible", "o", 'b', "pg_true"),
    ("pg_postmaster_start_time", "", 'z', ""),
    ("pg_relation_is_publishable", "c", 'b', "pg_false"),
    ("pg_size_pretty", "l", 't', ""),
    ("pg_sleep", "f", '0', ""),
    ("pg_statistics_obj_is_visible", "o", 'b', "pg_true"),
    ("pg_tablespace_location", "o", 't', "pg_empty"),
    ("pg_type_is_visible", "o", 'b', "pg_true"),
    ("pi", "", 'f', "pg_pi"),
    ("quote_ident", "t", 't', ""),
    ("random", "", 'f', "pg_random"),
    ("regexp_count", "tt", 'i', "pg_regexp_count"),
    ("regexp_count", "tti", 'i', "pg_regexp_count"),
    ("regexp_count", "ttit", 'i', "pg_regexp_count"),
    ("regexp_like", "tt", 'b', "pg_regexp_like"),
    ("regexp_like", "ttt", 'b', "pg_regexp_like"),
    ("regexp_match", "tt", 'T', "pg_regexp_match"),
    ("regexp_match", "ttt", 'T', "pg_regexp_match"),
    ("regexp_split_to_array", "tt", 'T', "pg_regexp_split"),
    ("regexp_split_to_array", "ttt", 'T', "pg_regexp_split"),
    ("repeat", "ti", 't', "pg_repeat"),
    ("replace", "ttt", 't', "pg_replace"),
    ("reverse", "t", 't', "pg_reverse"),
    ("right", "ti", 't', "pg_right"),
    ("rpad", "ti", 't', "pg_rpad"),
    ("rpad", "tit", 't', "pg_rpad"),
    ("rtrim", "t", 't', ""),
    ("rtrim", "tt", 't', ""),
    ("scale", "n", 'i', "pg_scale"),
    ("session_user", "", 'm', "pg_session_user"),
    ("set_bit", "yli", 'y', "pg_set_bit"),
    ("set_byte", "yii", 'y', "pg_set_byte"),
    ("set_config", "ttb", 't', ""),
    ("sha224", "y", 'y', "pg_sha224"),
    ("sha256", "y", 'y', "pg_sha256"),
    ("sha384", "y", 'y', "pg_sha384"),
    ("sha512", "y", 'y', "pg_sha512"),
    ("shobj_description", "om", 't', "pg_null"),
    ("split_part", "tti", 't', "pg_split_part"),
    ("starts_with", "tt", 'b', "pg_starts_with"),
    ("statement_timestamp", "", 'z', ""),
    ("string_to_array", "tt", 'T', "pg_string_to_array"),
    ("string_to_array", "ttt", 'T', "pg_string_to_array"),
    ("strpos", "tt", 'i', "instr"),
    ("substr", "ti", 't', "pg_substr"),
    ("substr", "tii", 't', "pg_substr"),
    ("substr", "yi", 'y', "pg_substr_bytes"),
    ("substr", "yii", 'y', "pg_substr_bytes"),
    ("substring", "ti", 't', "pg_substr"),
    ("substring", "tii", 't', "pg_substr"),
    ("substring", "tt", 't', "pg_regexp_substring"),
    ("substring", "yi", 'y', "pg_substr_bytes"),
    ("substring", "yii", 'y', "pg_substr_bytes"),
    ("timeofday", "", 't', ""),
    ("to_char", "zt", 't', "pg_to_char_z"),
    ("to_char", "st", 't', "pg_to_char_s"),
    ("to_char", "vt", 't', "pg_to_char_v"),
    ("to_date", "tt", 'd', "pg_to_date"),
    ("to_hex", "i", 't', "pg_to_hex_of_int4"),
    ("to_hex", "l", 't', "pg_to_hex"),
    ("to_number", "tt", 'n', "pg_to_number"),
    ("to_timestamp", "tt", 'z', "pg_to_timestamp_by"),
    ("to_timestamp", "f", 'z', "pg_to_timestamp"),
    ("transaction_timestamp", "", 'z', "now"),
    ("translate", "ttt", 't', "pg_translate"),
    ("trim_scale", "n", 'n', "pg_trim_scale"),
    ("upper", "t", 't', "pg_upper"),
    ("user", "", 'm', "pg_current_user"),
    ("uuid_generate_v4", "", 'u', "gen_random_uuid"),
    ("version", "", 't', ""),
];

/// Functions of one float8 that SQLite's own do not do as PostgreSQL does.
pub(super) const FLOATS: &[&str] = &[
    "acos", "acosh", "asin", "asinh", "atan", "atanh", "cbrt", "cos", "cosh", "cot", "degrees",
    "exp", "ln", "log", "log10", "radians", "sin", "sinh", "sqrt", "tan", "tanh",
];

/// Functions that are written without parentheses.
const BARE: &[&str] = &[
    "current_catalog",
    "current_date",
    "current_role",
    "current_schema",
    "current_timestamp",
    "current_user",
    "localtime",
    "localtimestamp",
    "session_user",
    "user",
];

pub(in crate::embedded::dialect) fn is_bare(name: &str) -> bool {
    BARE.contains(&name)
}

/// Whether a function of that name that takes so many has a text there.
pub(in crate::embedded::dialect) fn takes_text(name: &str, count: usize, at: usize) -> bool {
    let mut named = FUNCTIONS
        .iter()
        .filter(|f| f.0 == name && f.1.len() == count);
    named.any(|f| f.1.chars().nth(at) == Some('t'))
}

/// The type a letter stands for.
pub(super) fn letter(letter: char) -> Type {
    match letter {
        'i' => Type::INT4,
        'l' => Type::INT8,
        'f' => Type::FLOAT8,
        'n' => Type::NUMERIC,
        'b' => Type::BOOL,
        'y' => Type::BYTEA,
        'd' => Type::DATE,
        'h' => Type::TIME,
        's' => Type::TIMESTAMP,
        'z' => Type::TIMESTAMPTZ,
        'v' => Type::INTERVAL,
        'j' => Type::JSONB,
        'o' => Type::OID,
        'c' => Type::REGCLASS,
        'm' => Type::NAME,
        'u' => Type::UUID,
        'T' => Type::TEXT_ARRAY,
        'M' => Type::NAME_ARRAY,
        '0' => Type::VOID,
        _ => Type::TEXT,
    }
}

/// The letters of a function's arguments, if it is here.
pub(in crate::embedded::dialect) fn argument_letters(
    name: &str,
    count: usize,
) -> Option<&'static str> {
    let fits = |letters: &str| match letters.strip_suffix('*') {
        Some(first) => count >= first.len(),
        None => count == letters.len(),
    };
    // Most are of texts, where there are two of one name.
    let found = FUNCTIONS.iter().filter(|(own, ..)| *own == name);
    found
        .map(|(_, letters, ..)| *letters)
        .filter(|letters| fits(letters))
        .min_by_key(|letters| letters.contains('y'))
}

/// PostgreSQL's name for a function of SQLite's, the one that is used most where there are several.
pub(in crate::embedded::dialect) fn named_in_sqlite(name: &str) -> Option<&'static str> {
    const PLAIN: &[&str] = &["coalesce", "nullif"];
    if let Some(plain) = PLAIN.iter().find(|n| **n == name) {
        return Some(plain);
    }
    FUNCTIONS
        .iter()
        .filter(|(own, _, _, sqlite)| *sqlite == name || sqlite.is_empty() && *own == name)
        .map(|(own, ..)| *own)
        .min_by_key(|own| (own.starts_with("json_"), *own == "user", own.len()))
}
