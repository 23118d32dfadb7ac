//! The settings that a client gives in its StartupMessage.

use crate::error_response::{ErrorResponse, SqlState};
use crate::login::Login;
use crate::server::settings::Registry;

/// Takes what the server has for all its sessions, then what the client wants set. Its options come first, so that its parameters win.
pub(crate) fn registry(
    login: &Login,
    of_server: &[(&'static str, String)],
) -> Result<Registry, ErrorResponse> {
    let mut registry = Registry::default();
    for (name, value) in of_server {
        registry
            .begin_with(name, value)
            .map_err(ErrorResponse::into_fatal)?;
    }
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    registry.begin_fixed("session_authorization", text(login.user()));
    if login.tls().is_some() {
        registry.begin_fixed("ssl", "on".into());
    }
    let from_options = options(login.options().unwrap_or_default());
    let given = from_options
        .iter()
        .map(|(n, v)| (n.as_slice(), v.as_slice()))
        .chain(login.settings());
    for (name, value) in given {
        if core::str::from_utf8(value).is_err() && !name.eq_ignore_ascii_case(b"application_name") {
            return Err(ErrorResponse::fatal(
                SqlState::CHARACTER_NOT_IN_REPERTOIRE,
                "invalid byte sequence for encoding \"UTF8\"",
            ));
        }
        registry
            .begin_with(&text(name), &text(value))
            .map_err(ErrorResponse::into_fatal)?;
    }
    Ok(registry)
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
    use crate::auth::AuthMethod;
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
            method: AuthMethod::Trust,
            rule: None,
        }
    }

    fn told(settings: &[(&str, &str)], options: Option<&str>, name: &str) -> String {
        registry(&login(settings, options), &[])
            .unwrap()
            .get(name)
            .unwrap()
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
            registry(&login(settings, None), &[]).unwrap();
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
            ("DateStyle", "German", "0A000"),
        ];
        for (name, value, code) in cases {
            let error = registry(&login(&[(name, value)], None), &[]).unwrap_err();
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
            let error = registry(&login(&[], Some(bad)), &[]).unwrap_err();
            assert_eq!(error.code().as_str(), "42704", "{bad}");
        }
    }
}
