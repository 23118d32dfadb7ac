//! The settings there are (PostgreSQL docs, "Server Configuration"): those that clients set, show
//! or are told.

use crate::error_response::{ErrorResponse, SqlState};
use crate::server::format::{datetime, text};
use crate::server::settings::cannot_be_changed;

/// The version clients are told. They choose their catalogue queries by it; an older one than
/// the client's own is what all of them can cope with.
pub(crate) const SERVER_VERSION: &str = "15.0";

/// What values a setting takes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Check {
    /// on and off.
    Bool,
    /// UTF-8 and nothing else.
    Encoding,
    /// ISO, in three orders of day and month.
    DateStyle,
    /// One of these words.
    Enum(&'static [&'static str]),
    /// Cannot be changed.
    Fixed,
    /// From and to.
    Int(i64, i64),
    /// A size in kB.
    Kilobytes,
    /// A time in ms.
    Milliseconds,
    /// Only this value: any other would need what is not there.
    Only(&'static str),
    /// Printable ASCII, at most 63 bytes.
    Printable,
    /// Nobody but who came in, or `none`.
    Role,
    Text,
    TimeZone,
}

pub(super) struct Known {
    pub(super) name: &'static str,
    pub(super) default: &'static str,
    pub(super) check: Check,
    /// The client is told at login and whenever it changes.
    pub(super) reported: bool,
    /// Of the transaction; this setting has its default.
    pub(super) follows: Option<&'static &'static str>,
    pub(super) about: &'static str,
}

const fn known(
    name: &'static str,
    default: &'static str,
    check: Check,
    about: &'static str,
) -> Known {
    Known {
        name,
        default,
        check,
        reported: false,
        follows: None,
        about,
    }
}

const fn reported(
    name: &'static str,
    default: &'static str,
    check: Check,
    about: &'static str,
) -> Known {
    let mut known = known(name, default, check, about);
    known.reported = true;
    known
}

const fn of_transaction(
    name: &'static str,
    default: &'static str,
    check: Check,
    follows: &'static &'static str,
    about: &'static str,
) -> Known {
    let mut known = known(name, default, check, about);
    known.follows = Some(follows);
    known
}

const ISOLATION: Check = Check::Enum(&[
    "serializable",
    "repeatable read",
    "read committed",
    "read uncommitted",
]);
const LEVELS: Check = Check::Enum(&[
    "debug5", "debug4", "debug3", "debug2", "debug1", "debug", "log", "notice", "warning", "error",
]);
const INTERVALS: Check = Check::Only("postgres");

/// In alphabetical order, as SHOW ALL gives them. What has no effect on an engine is accepted all
/// the same: clients set it by habit.
#[rustfmt::skip]
pub(super) const KNOWN: &[Known] = &[
    reported("application_name", "", Check::Printable, "Sets the application name to be reported in statistics and logs."),
    known("array_nulls", "on", Check::Bool, "Enables input of NULL elements in arrays."),
    known("backslash_quote", "safe_encoding", Check::Enum(&["safe_encoding", "on", "off"]), "Sets whether \"\\'\" is allowed in string literals."),
    known("block_size", "8192", Check::Fixed, "Shows the size of a disk block."),
    known("bytea_output", "hex", Check::Only("hex"), "Sets the output format for bytea."),
    known("check_function_bodies", "on", Check::Bool, "Checks routine bodies during CREATE FUNCTION and CREATE PROCEDURE."),
    reported("client_encoding", "UTF8", Check::Encoding, "Sets the client's character set encoding."),
    known("client_min_messages", "notice", LEVELS, "Sets the message levels that are sent to the client."),
    reported("DateStyle", "ISO, MDY", Check::DateStyle, "Sets the display format for date and time values."),
    known("default_table_access_method", "heap", Check::Text, "Sets the default table access method for new tables."),
    known("default_tablespace", "", Check::Text, "Sets the default tablespace to create tables and indexes in."),
    known("default_text_search_config", "pg_catalog.simple", Check::Text, "Sets default text search configuration."),
    known("default_transaction_deferrable", "off", Check::Bool, "Sets the default deferrable status of new transactions."),
    known("default_transaction_isolation", "read committed", ISOLATION, "Sets the transaction isolation level of each new transaction."),
    reported("default_transaction_read_only", "off", Check::Bool, "Sets the default read-only status of new transactions."),
    known("escape_string_warning", "on", Check::Bool, "Warn about backslash escapes in ordinary string literals."),
    known("extra_float_digits", "1", Check::Int(1, 3), "Sets the number of digits displayed for floating-point values."),
    known("geqo", "on", Check::Bool, "Enables genetic query optimization."),
    known("gin_fuzzy_search_limit", "0", Check::Int(0, 2_147_483_647), "Sets the maximum allowed result for exact search by GIN."),
    known("idle_in_transaction_session_timeout", "0", Check::Milliseconds, "Sets the maximum allowed idle time between queries, when in a transaction."),
    known("idle_session_timeout", "0", Check::Milliseconds, "Sets the maximum allowed idle time between queries, when not in a transaction."),
    reported("in_hot_standby", "off", Check::Fixed, "Shows whether hot standby is currently active."),
    reported("integer_datetimes", "on", Check::Fixed, "Shows whether datetimes are integer based."),
    reported("IntervalStyle", "postgres", INTERVALS, "Sets the display format for interval values."),
    reported("is_superuser", "off", Check::Fixed, "Shows whether the current user is a superuser."),
    known("jit", "off", Check::Bool, "Allow JIT compilation."),
    known("lc_collate", "C", Check::Fixed, "Shows the collation order locale."),
    known("lc_ctype", "C", Check::Fixed, "Shows the character classification and case conversion locale."),
    known("lc_messages", "C", Check::Text, "Sets the language in which messages are displayed."),
    known("lc_monetary", "C", Check::Text, "Sets the locale for formatting monetary amounts."),
    known("lc_numeric", "C", Check::Text, "Sets the locale for formatting numbers."),
    known("lc_time", "C", Check::Text, "Sets the locale for formatting date and time values."),
    known("lock_timeout", "0", Check::Milliseconds, "Sets the maximum allowed duration of any wait for a lock."),
    known("max_identifier_length", "63", Check::Fixed, "Shows the maximum identifier length."),
    known("max_index_keys", "32", Check::Fixed, "Shows the maximum number of index keys."),
    known("maintenance_work_mem", "64MB", Check::Kilobytes, "Sets the maximum memory to be used for maintenance operations."),
    known("password_encryption", "scram-sha-256", Check::Enum(&["md5", "scram-sha-256"]), "Chooses the algorithm for encrypting passwords."),
    known("plan_cache_mode", "auto", Check::Enum(&["auto", "force_generic_plan", "force_custom_plan"]), "Controls the planner's selection of custom or generic plan."),
    known("quote_all_identifiers", "off", Check::Bool, "When generating SQL fragments, quote all identifiers."),
    known("role", "none", Check::Role, "Sets the current role."),
    known("row_security", "on", Check::Bool, "Enable row security."),
    known("search_path", "\"$user\", public", Check::Text, "Sets the schema search order for names that are not schema-qualified."),
    reported("server_encoding", "UTF8", Check::Fixed, "Shows the server (database) character set encoding."),
    reported("server_version", SERVER_VERSION, Check::Fixed, "Shows the server version."),
    known("server_version_num", "150000", Check::Fixed, "Shows the server version as an integer."),
    reported("session_authorization", "", Check::Role, "Sets the session user name."),
    known("session_replication_role", "origin", Check::Only("origin"), "Sets the session's behavior for triggers and rewrite rules."),
    known("ssl", "off", Check::Fixed, "Shows whether this connection is encrypted."),
    reported("standard_conforming_strings", "on", Check::Only("on"), "Causes '...' strings to treat backslashes literally."),
    known("statement_timeout", "0", Check::Milliseconds, "Sets the maximum allowed duration of any statement."),
    known("synchronize_seqscans", "on", Check::Bool, "Enable synchronized sequential scans."),
    known("synchronous_commit", "on", Check::Enum(&["local", "remote_write", "remote_apply", "on", "off"]), "Sets the current transaction's synchronization level."),
    known("tcp_keepalives_count", "0", Check::Int(0, 2_147_483_647), "Maximum number of TCP keepalive retransmits."),
    known("tcp_keepalives_idle", "0", Check::Int(0, 2_147_483_647), "Time between issuing TCP keepalives."),
    known("tcp_keepalives_interval", "0", Check::Int(0, 2_147_483_647), "Time between TCP keepalive retransmits."),
    known("tcp_user_timeout", "0", Check::Milliseconds, "TCP user timeout."),
    reported("TimeZone", "UTC", Check::TimeZone, "Sets the time zone for displaying and interpreting time stamps."),
    of_transaction("transaction_deferrable", "off", Check::Bool, &"default_transaction_deferrable", "Whether to defer a read-only serializable transaction until it can be executed with no possible serialization failures."),
    of_transaction("transaction_isolation", "read committed", ISOLATION, &"default_transaction_isolation", "Sets the current transaction's isolation level."),
    of_transaction("transaction_read_only", "off", Check::Bool, &"default_transaction_read_only", "Sets the current transaction's read-only status."),
    known("transform_null_equals", "off", Check::Only("off"), "Treats \"expr=NULL\" as \"expr IS NULL\"."),
    known("work_mem", "4MB", Check::Kilobytes, "Sets the maximum memory to be used for query workspaces."),
    known("xmlbinary", "base64", Check::Enum(&["base64", "hex"]), "Sets how binary values are to be encoded in XML."),
    known("xmloption", "content", Check::Enum(&["content", "document"]), "Sets whether XML data in implicit parsing and serialization operations is to be considered as documents or content fragments."),
];

impl Known {
    /// The value as it is kept and shown. `login` is what the client came with.
    pub(super) fn check(&self, value: &str, login: Option<&str>) -> Result<String, ErrorResponse> {
        let invalid = || {
            ErrorResponse::error(
                SqlState::INVALID_PARAMETER_VALUE,
                format!("invalid value for parameter \"{}\": \"{value}\"", self.name),
            )
        };
        let trimmed = value.trim();
        match self.check {
            Check::Bool => match text::boolean(trimmed) {
                Some(true) => Ok("on".into()),
                Some(false) => Ok("off".into()),
                None => Err(ErrorResponse::error(
                    SqlState::INVALID_PARAMETER_VALUE,
                    format!("parameter \"{}\" requires a Boolean value", self.name),
                )),
            },
            Check::DateStyle => match date_style(value) {
                Some(MDY) => Ok(MDY.into()),
                Some(_) => Err(ErrorResponse::error(
                    SqlState::FEATURE_NOT_SUPPORTED,
                    format!("parameter \"{}\" cannot be \"{value}\" here", self.name),
                )
                .with_hint(format!("The only value supported is \"{MDY}\"."))),
                None => Err(invalid()),
            },
            Check::Encoding => {
                let plain: String = value.chars().filter(char::is_ascii_alphanumeric).collect();
                // libpq's `auto` arrives as the encoding of the client's locale; SQL_ASCII is
                // "don't care".
                match plain.to_lowercase().as_str() {
                    "utf8" | "unicode" | "sqlascii" => Ok("UTF8".into()),
                    _ => Err(invalid()),
                }
            }
            Check::Enum(words) => words
                .iter()
                .find(|word| word.eq_ignore_ascii_case(trimmed))
                .map(|word| (*word).to_owned())
                .ok_or_else(|| {
                    invalid().with_hint(format!("Available values: {}.", words.join(", ")))
                }),
            Check::Fixed => Err(cannot_be_changed(self.name)),
            Check::Int(least, most) => {
                let n: i64 = trimmed.parse().map_err(|_| invalid())?;
                if (least..=most).contains(&n) {
                    Ok(n.to_string())
                } else {
                    Err(ErrorResponse::error(
                        SqlState::INVALID_PARAMETER_VALUE,
                        format!(
                            "{n} is outside the valid range for parameter \"{}\" ({least} .. {most})",
                            self.name
                        ),
                    ))
                }
            }
            Check::Kilobytes => {
                let units = [("TB", 1 << 30), ("GB", 1 << 20), ("MB", 1 << 10), ("kB", 1)];
                measured(trimmed, &units).ok_or_else(invalid)
            }
            Check::Milliseconds => measured(trimmed, &TIMES).ok_or_else(invalid),
            Check::Only(word) => {
                let same = match text::boolean(trimmed) {
                    Some(true) => word == "on",
                    Some(false) => word == "off",
                    None => false,
                };
                if same || trimmed.eq_ignore_ascii_case(word) {
                    Ok(word.into())
                } else {
                    Err(ErrorResponse::error(
                        SqlState::FEATURE_NOT_SUPPORTED,
                        format!("parameter \"{}\" cannot be \"{value}\" here", self.name),
                    )
                    .with_hint(format!("The only value supported is \"{word}\".")))
                }
            }
            Check::Printable => Ok(clean(value)),
            Check::Role => {
                if login == Some(value) || (self.name == "role" && trimmed == "none") {
                    Ok(value.into())
                } else {
                    Err(ErrorResponse::error(
                        SqlState::INSUFFICIENT_PRIVILEGE,
                        format!("permission denied to set role \"{value}\""),
                    ))
                }
            }
            Check::Text => Ok(value.into()),
            Check::TimeZone => datetime::zone_name(trimmed).ok_or_else(invalid),
        }
    }
}

/// A number with a unit, shown in the largest unit that divides it.
/// Units of time in ms, the largest first.
const TIMES: [(&str, i64); 5] = [
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("min", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

/// A time as it is kept, in ms.
pub(super) fn milliseconds(value: &str) -> Option<u64> {
    let unit = value.trim_start_matches(|c: char| c.is_ascii_digit());
    let digits = value.strip_suffix(unit)?;
    let size = match unit {
        "" => 1,
        unit => TIMES.iter().find(|(name, _)| *name == unit)?.1,
    };
    digits.parse::<u64>().ok()?.checked_mul(size.unsigned_abs())
}

fn measured(value: &str, units: &[(&str, i64)]) -> Option<String> {
    let end = value
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(value.len());
    let (digits, unit) = value.split_at(end);
    let unit = unit.trim_start();
    let size = match unit {
        "" => 1,
        unit => units.iter().find(|(name, _)| *name == unit)?.1,
    };
    let n = digits.parse::<i64>().ok()?.checked_mul(size)?;
    if n > 2_147_483_647 {
        return None;
    }
    if n == 0 {
        return Some("0".into());
    }
    let (name, size) = units.iter().find(|(_, size)| n % size == 0)?;
    Some(format!("{}{name}", n / size))
}

const MDY: &str = "ISO, MDY";

/// Dates are shown in ISO style; the order of day and month matters for reading only.
fn date_style(value: &str) -> Option<&'static str> {
    let mut order = MDY;
    for word in value.to_lowercase().split(',').map(str::trim) {
        order = match word {
            "iso" => order,
            "mdy" | "us" | "noneuropean" | "default" => MDY,
            "dmy" | "euro" | "european" => "ISO, DMY",
            "ymd" => "ISO, YMD",
            "german" | "sql" => "another style",
            _ if word.starts_with("euro") => "ISO, DMY",
            _ if word.starts_with("postgres") => "another style",
            _ => return None,
        };
    }
    Some(order)
}

/// As PostgreSQL cleans application_name: what is not printable ASCII becomes `?`.
fn clean(value: &str) -> String {
    value
        .bytes()
        .take(63)
        .map(|b| match b {
            0x20..=0x7e => char::from(b),
            _ => '?',
        })
        .collect()
}
