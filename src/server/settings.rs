//! The settings a client may give in its StartupMessage, and those it is told.

use crate::error_response::{ErrorResponse, SqlState};
use crate::login::Login;

/// Told to every client as ParameterStatus (PostgreSQL docs, "Asynchronous Operations"), in this
/// order; `None` is filled in per session.
const REPORTED: &[(&str, Option<&str>)] = &[
    ("in_hot_standby", Some("off")),
    ("integer_datetimes", Some("on")),
    ("TimeZone", Some("UTC")),
    ("IntervalStyle", Some("postgres")),
    ("is_superuser", Some("off")),
    ("application_name", None),
    ("default_transaction_read_only", Some("off")),
    ("DateStyle", Some("ISO, MDY")),
    ("standard_conforming_strings", Some("on")),
    ("session_authorization", None),
    ("client_encoding", Some("UTF8")),
    ("server_version", Some(SERVER_VERSION)),
    ("server_encoding", Some("UTF8")),
];

/// The version clients are told. They choose their catalogue queries by it; an older one than
/// the client's own is what all of them can cope with.
pub(crate) const SERVER_VERSION: &str = "15.0";

/// Accepted and without effect on an engine that has no such thing.
const ACCEPTED: &[&str] = &[
    "client_min_messages",
    "default_transaction_isolation",
    "default_transaction_read_only",
    "extra_float_digits",
    "geqo",
    "idle_in_transaction_session_timeout",
    "idle_session_timeout",
    "intervalstyle",
    "jit",
    "lock_timeout",
    "search_path",
    "statement_timeout",
];

/// Checks what the client wants set, and gives what it is told.
pub(crate) fn negotiate(login: &Login) -> Result<Vec<(&'static str, Vec<u8>)>, ErrorResponse> {
    let from_options = options(login.options().unwrap_or_default());
    let mut application_name = Vec::new();
    let (mut date_style, mut time_zone) = (None, None);
    let given = from_options
        .iter()
        .map(|(n, v)| (n.as_slice(), v.as_slice()))
        .chain(login.settings());
    for (name, value) in given {
        let text = String::from_utf8_lossy(name).to_lowercase();
        match text.as_str() {
            "application_name" => application_name = clean(value),
            "client_encoding" => utf8_only(value)?,
            "datestyle" => date_style = Some(iso_only(value)?),
            "timezone" => time_zone = Some(clean(value)),
            other if ACCEPTED.contains(&other) => {}
            _ => {
                let name = String::from_utf8_lossy(name);
                return Err(ErrorResponse::fatal(
                    SqlState::UNDEFINED_OBJECT,
                    format!("unrecognized configuration parameter \"{name}\""),
                ));
            }
        }
    }
    Ok(REPORTED
        .iter()
        .map(|(name, value)| {
            let value = match (*name, value) {
                ("application_name", _) => application_name.clone(),
                ("session_authorization", _) => login.user().to_vec(),
                ("DateStyle", Some(default)) => date_style.unwrap_or(default).as_bytes().to_vec(),
                ("TimeZone", Some(default)) => time_zone
                    .clone()
                    .unwrap_or_else(|| default.as_bytes().to_vec()),
                (_, value) => value.unwrap_or_default().as_bytes().to_vec(),
            };
            (*name, value)
        })
        .collect())
}

/// What the session speaks is UTF-8 and nothing else.
fn utf8_only(value: &[u8]) -> Result<(), ErrorResponse> {
    let plain: String = String::from_utf8_lossy(value)
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .collect();
    match plain.to_lowercase().as_str() {
        "utf8" | "unicode" => Ok(()),
        // libpq's `auto` arrives as the encoding of the client's locale; SQL_ASCII is "don't care".
        "sqlascii" => Ok(()),
        _ => Err(invalid("client_encoding", value)),
    }
}

/// Dates are shown in ISO style; the order of day and month matters for reading only.
fn iso_only(value: &[u8]) -> Result<&'static str, ErrorResponse> {
    let text = String::from_utf8_lossy(value).to_lowercase();
    let mut order = "ISO, MDY";
    for word in text.split(',').map(str::trim) {
        order = match word {
            "iso" => order,
            "mdy" | "us" | "noneuropean" => "ISO, MDY",
            "dmy" | "euro" | "european" => "ISO, DMY",
            "ymd" => "ISO, YMD",
            _ => return Err(invalid("DateStyle", value)),
        };
    }
    Ok(order)
}

fn invalid(name: &str, value: &[u8]) -> ErrorResponse {
    let value = String::from_utf8_lossy(value);
    ErrorResponse::fatal(
        SqlState::INVALID_PARAMETER_VALUE,
        format!("invalid value for parameter \"{name}\": \"{value}\""),
    )
}

/// As PostgreSQL cleans application_name: what is not printable ASCII becomes `?`.
fn clean(value: &[u8]) -> Vec<u8> {
    value
        .iter()
        .map(|b| match b {
            0x20..=0x7e => *b,
            _ => b'?',
        })
        .collect()
}

/// Splits `options` as PostgreSQL's `pg_split_opts` and `process_postgres_switches`: words at
/// blanks, backslash escapes; `-c name=value` and `--name=value`, with `-` for `_` in names. Other
/// switches come out as names that nobody knows.
fn options(text: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut words: Vec<Vec<u8>> = Vec::new();
    let mut word: Option<Vec<u8>> = None;
    let mut bytes = text.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c => words.extend(word.take()),
            b'\\' => word.get_or_insert_default().extend(bytes.next().copied()),
            _ => word.get_or_insert_default().push(*byte),
        }
    }
    words.extend(word);

    let mut settings = Vec::new();
    let mut words = words.into_iter();
    while let Some(word) = words.next() {
        let setting = if word == b"-c" {
            words.next().unwrap_or(word)
        } else if let Some(joined) = word
            .strip_prefix(b"-c")
            .or_else(|| word.strip_prefix(b"--"))
        {
            joined.to_vec()
        } else {
            word
        };
        let mut halves = setting.splitn(2, |b| *b == b'=');
        let name = halves.next().unwrap_or_default();
        let name = if setting.starts_with(b"-") {
            name.to_vec()
        } else {
            name.iter()
                .map(|b| if *b == b'-' { b'_' } else { *b })
                .collect()
        };
        settings.push((name, halves.next().unwrap_or_default().to_vec()));
    }
    settings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::login::{ProtocolVersion, Startup};

    fn login(settings: &[(&str, &str)], options: Option<&str>) -> Login {
        Login {
            startup: Startup {
                asked: ProtocolVersion::V3_0,
                user: b"alice".to_vec(),
                database: b"db".to_vec(),
                options: options.map(|o| o.as_bytes().to_vec()),
                replication: None,
                settings: settings
                    .iter()
                    .map(|(n, v)| (n.as_bytes().to_vec(), v.as_bytes().to_vec()))
                    .collect(),
            },
            version: ProtocolVersion::V3_0,
            tls: None,
        }
    }

    fn told(settings: &[(&str, &str)], options: Option<&str>, name: &str) -> String {
        let told = negotiate(&login(settings, options)).unwrap();
        let value = &told.iter().find(|(n, _)| *n == name).unwrap().1;
        String::from_utf8_lossy(value).into_owned()
    }

    #[test]
    fn what_drivers_send_is_accepted() {
        let drivers: &[&[(&str, &str)]] = &[
            &[("client_encoding", "UTF8"), ("application_name", "psql")],
            &[("client_encoding", "'utf-8'")],
            &[
                ("DateStyle", "ISO, MDY"),
                ("client_encoding", "UTF8"),
                ("TimeZone", "UTC"),
                ("extra_float_digits", "2"),
            ],
            &[("datestyle", "ISO"), ("TimeZone", "Etc/UTC")],
        ];
        for settings in drivers {
            negotiate(&login(settings, None)).unwrap();
        }
        assert_eq!(
            told(&[("application_name", "a\u{fc}")], None, "application_name"),
            "a??"
        );
        assert_eq!(
            told(&[("TimeZone", "Etc/UTC")], None, "TimeZone"),
            "Etc/UTC"
        );
        assert_eq!(told(&[], None, "session_authorization"), "alice");
    }

    #[test]
    fn what_is_not_there_is_refused() {
        let cases = [
            ("no_such_setting", "1", "42704"),
            ("client_encoding", "LATIN1", "22023"),
            ("DateStyle", "German", "22023"),
        ];
        for (name, value, code) in cases {
            let error = negotiate(&login(&[(name, value)], None)).unwrap_err();
            assert_eq!(error.code().as_str(), code, "{name}");
        }
    }

    #[test]
    fn options_are_split_as_postgresql_splits_them() {
        let name = "application_name";
        assert_eq!(told(&[], Some("-c application_name=x"), name), "x");
        assert_eq!(told(&[], Some("-capplication_name=x"), name), "x");
        assert_eq!(told(&[], Some("--application-name=a\\ b"), name), "a b");
        // The StartupMessage's own parameters come later and win.
        assert_eq!(
            told(&[(name, "y")], Some("-c application_name=x"), name),
            "y"
        );
        for bad in ["-c nope=1", "-x", "word", "-c", "\\"] {
            let error = negotiate(&login(&[], Some(bad))).unwrap_err();
            assert_eq!(error.code().as_str(), "42704", "{bad}");
        }
    }
}
