//! Which statement it is.

use crate::server::command::SessionCommand;
use crate::server::command::tokens::Peekable;
use crate::server::settings::Scope;

pub(super) fn command(tokens: &mut Peekable) -> Option<SessionCommand> {
    match tokens.word()?.as_str() {
        "DEALLOCATE" => {
            tokens.take("PREPARE");
            let name = if tokens.take("ALL") {
                None
            } else {
                Some(tokens.name()?)
            };
            Some(SessionCommand::Deallocate(name))
        }
        "DISCARD" => Some(match tokens.word()?.as_str() {
            "ALL" => SessionCommand::DiscardAll,
            "PLANS" => SessionCommand::DiscardPart("DISCARD PLANS"),
            "SEQUENCES" => SessionCommand::DiscardPart("DISCARD SEQUENCES"),
            "TEMP" | "TEMPORARY" => SessionCommand::DiscardPart("DISCARD TEMP"),
            _ => return None,
        }),
        "LISTEN" => tokens.name().map(SessionCommand::Listen),
        "UNLISTEN" => {
            let channel = if tokens.symbol('*') {
                None
            } else {
                Some(tokens.name()?)
            };
            Some(SessionCommand::Unlisten(channel))
        }
        "NOTIFY" => {
            let channel = tokens.name()?;
            let payload = if tokens.symbol(',') {
                tokens.string()?
            } else {
                String::new()
            };
            Some(SessionCommand::Notify(channel, payload))
        }
        "RESET" => setting_or_all(tokens).map(SessionCommand::Reset),
        "SHOW" => setting_or_all(tokens).map(SessionCommand::Show),
        "SET" => set(tokens),
        _ => None,
    }
}

/// The name of a setting; `None` inside is ALL.
fn setting_or_all(tokens: &mut Peekable) -> Option<Option<String>> {
    if tokens.take("ALL") {
        return Some(None);
    }
    setting(tokens).map(Some)
}

/// The name of a setting, or the words that SQL has for it.
fn setting(tokens: &mut Peekable) -> Option<String> {
    if tokens.take("TIME") {
        return tokens.take("ZONE").then(|| "TimeZone".into());
    }
    if tokens.take("TRANSACTION") {
        return (tokens.take("ISOLATION") && tokens.take("LEVEL"))
            .then(|| "transaction_isolation".into());
    }
    if tokens.take("SESSION") {
        return tokens
            .take("AUTHORIZATION")
            .then(|| "session_authorization".into());
    }
    let mut name = tokens.name()?;
    while tokens.symbol('.') {
        name.push('.');
        name.push_str(&tokens.name()?);
    }
    Some(name)
}

fn set(tokens: &mut Peekable) -> Option<SessionCommand> {
    let mut scope = Scope::Session;
    if tokens.take("LOCAL") {
        scope = Scope::Transaction;
    } else if tokens.take("SESSION") {
        if tokens.take("CHARACTERISTICS") {
            let words = tokens.take("AS") && tokens.take("TRANSACTION");
            return modes(tokens, "default_", words).map(|m| SessionCommand::Set(scope, m));
        }
        if tokens.take("AUTHORIZATION") {
            let value = tokens.value()?;
            let set = vec![("session_authorization".into(), value)];
            return Some(SessionCommand::Set(scope, set));
        }
    }
    if tokens.take("TRANSACTION") {
        return modes(tokens, "", true).map(|m| SessionCommand::Set(Scope::Transaction, m));
    }
    if tokens.take("NAMES") {
        let value = tokens.value()?;
        return Some(SessionCommand::Set(
            scope,
            vec![("client_encoding".into(), value)],
        ));
    }
    if tokens.take("ROLE") {
        let value = tokens.value()?.map(|v| {
            if v.eq_ignore_ascii_case("none") {
                "none".into()
            } else {
                v
            }
        });
        return Some(SessionCommand::Set(scope, vec![("role".into(), value)]));
    }
    if tokens.take("TIME") {
        if !tokens.take("ZONE") {
            return None;
        }
        let value = if tokens.take("LOCAL") {
            None
        } else {
            tokens.value()?
        };
        return Some(SessionCommand::Set(scope, vec![("TimeZone".into(), value)]));
    }
    let name = setting(tokens)?;
    if !tokens.symbol('=') && !tokens.take("TO") {
        return None;
    }
    let mut value = tokens.value()?;
    while tokens.symbol(',') {
        let more = tokens.value()??;
        value = value.map(|value| format!("{value}, {more}"));
    }
    Some(SessionCommand::Set(scope, vec![(name, value)]))
}

/// Transaction modes: ISOLATION LEVEL, READ ONLY, READ WRITE, DEFERRABLE.
fn modes(
    tokens: &mut Peekable,
    prefix: &str,
    go_on: bool,
) -> Option<Vec<(String, Option<String>)>> {
    let mut modes = Vec::new();
    if !go_on {
        return None;
    }
    loop {
        let (name, value) = match tokens.word()?.as_str() {
            "ISOLATION" => {
                if !tokens.take("LEVEL") {
                    return None;
                }
                let level = match tokens.word()?.as_str() {
                    "SERIALIZABLE" => "serializable",
                    "REPEATABLE" if tokens.take("READ") => "repeatable read",
                    "READ" if tokens.take("COMMITTED") => "read committed",
                    "READ" if tokens.take("UNCOMMITTED") => "read uncommitted",
                    _ => return None,
                };
                ("transaction_isolation", level)
            }
            "READ" if tokens.take("ONLY") => ("transaction_read_only", "on"),
            "READ" if tokens.take("WRITE") => ("transaction_read_only", "off"),
            "DEFERRABLE" => ("transaction_deferrable", "on"),
            "NOT" if tokens.take("DEFERRABLE") => ("transaction_deferrable", "off"),
            _ => return None,
        };
        modes.push((format!("{prefix}{name}"), Some(value.into())));
        tokens.symbol(',');
        if tokens.at_end() {
            return Some(modes);
        }
    }
}
