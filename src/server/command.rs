//! Statements about the session itself: SET, SHOW, RESET, DISCARD, DEALLOCATE, LISTEN, UNLISTEN,
//! NOTIFY. Engines get them for nothing.

use postgres_types::Type;

use crate::error_response::ErrorResponse;
use crate::server::context::SessionContext;
use crate::server::database::Event;
use crate::server::rows::{Column, RowFormat, Rows};
use crate::server::settings::Scope;
use crate::server::value::Value;

/// A statement about the session itself.
///
/// # Example
///
/// ```
/// use pgtls::server::SessionCommand;
///
/// let command = SessionCommand::parse("SET extra_float_digits = 3").unwrap();
/// assert_eq!(command.tag(), "SET");
/// assert!(command.columns().is_none());
/// assert_eq!(SessionCommand::parse("SELECT 1"), None);
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum SessionCommand {
    /// DEALLOCATE; `None` is ALL.
    Deallocate(Option<String>),
    /// DISCARD ALL.
    DiscardAll,
    /// DISCARD PLANS, SEQUENCES or TEMP: nothing to be done.
    DiscardPart(&'static str),
    /// LISTEN.
    Listen(String),
    /// NOTIFY, with its payload.
    Notify(String, String),
    /// RESET; `None` is ALL.
    Reset(Option<String>),
    /// SET: settings and their values, `None` being DEFAULT.
    Set(Scope, Vec<(String, Option<String>)>),
    /// SHOW; `None` is ALL.
    Show(Option<String>),
    /// UNLISTEN; `None` is `*`.
    Unlisten(Option<String>),
}

impl SessionCommand {
    /// Recognises a single statement, with or without a semicolon behind it. What is not exactly
    /// of this kind is `None`, and for the engine.
    #[must_use]
    pub fn parse(sql: &str) -> Option<Self> {
        let tokens = Tokens::of(sql)?;
        let mut tokens = tokens.peekable();
        let command = command(&mut tokens)?;
        tokens.at_end().then_some(command)
    }

    /// The command tag.
    #[must_use]
    pub fn tag(&self) -> &'static str {
        match self {
            Self::Deallocate(Some(_)) => "DEALLOCATE",
            Self::Deallocate(None) => "DEALLOCATE ALL",
            Self::DiscardAll => "DISCARD ALL",
            Self::DiscardPart(tag) => tag,
            Self::Listen(_) => "LISTEN",
            Self::Notify(..) => "NOTIFY",
            Self::Reset(_) => "RESET",
            Self::Set(..) => "SET",
            Self::Show(_) => "SHOW",
            Self::Unlisten(_) => "UNLISTEN",
        }
    }

    /// What its rows look like; only SHOW has any.
    #[must_use]
    pub fn columns(&self) -> Option<Vec<Column>> {
        match self {
            Self::Show(Some(name)) => Some(vec![Column::new(spelled(name), Type::TEXT)]),
            Self::Show(None) => Some(
                ["name", "setting", "description"]
                    .map(|name| Column::new(name, Type::TEXT))
                    .into(),
            ),
            _ => None,
        }
    }

    /// Does it, and gives the pieces of its result.
    ///
    /// # Errors
    /// Those of [`SessionContext`]'s methods.
    pub fn run(
        &self,
        context: &SessionContext,
        format: &RowFormat,
    ) -> Result<Vec<Event>, ErrorResponse> {
        let mut events = Vec::with_capacity(3);
        match self {
            Self::Deallocate(name) => context.deallocate(name.as_deref())?,
            Self::DiscardAll => {
                context.reset_all();
                context.unlisten(None);
                context.deallocate(None)?;
            }
            Self::DiscardPart(_) => {}
            Self::Listen(channel) => context.listen(channel)?,
            Self::Notify(channel, payload) => context.notify(channel, payload)?,
            Self::Reset(Some(name)) => context.reset(name, Scope::Session)?,
            Self::Reset(None) => context.reset_all(),
            Self::Set(scope, values) => {
                for (name, value) in values {
                    match value {
                        Some(value) => drop(context.set(name, value, *scope)?),
                        None => context.reset(name, *scope)?,
                    }
                }
            }
            Self::Show(name) => {
                let mut rows = Rows::new(format);
                match name {
                    Some(name) => rows.push([context.setting(name)?])?,
                    None => {
                        for setting in context.settings() {
                            rows.push([
                                Value::from(setting.name),
                                setting.value.into(),
                                setting.description.into(),
                            ])?;
                        }
                    }
                }
                events.extend(self.columns().map(Event::Columns));
                events.push(Event::Rows(rows));
            }
            Self::Unlisten(channel) => context.unlisten(channel.as_deref()),
        }
        events.push(Event::Complete(self.tag().into()));
        Ok(events)
    }
}

/// As PostgreSQL spells the column of SHOW.
fn spelled(name: &str) -> String {
    ["DateStyle", "IntervalStyle", "TimeZone"]
        .into_iter()
        .find(|known| known.eq_ignore_ascii_case(name))
        .map_or_else(|| name.to_lowercase(), str::to_owned)
}

fn command(tokens: &mut Peekable) -> Option<SessionCommand> {
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
        "RESET" => {
            let name = if tokens.take("ALL") {
                None
            } else {
                Some(setting(tokens)?)
            };
            Some(SessionCommand::Reset(name))
        }
        "SHOW" => {
            let name = if tokens.take("ALL") {
                None
            } else {
                Some(setting(tokens)?)
            };
            Some(SessionCommand::Show(name))
        }
        "SET" => set(tokens),
        _ => None,
    }
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

#[derive(Debug, Eq, PartialEq)]
enum Token {
    /// As it stands; without quotes its case does not matter.
    Word(String),
    Quoted(String),
    String(String),
    Number(String),
    Symbol(char),
}

/// The tokens of a statement that is short and simple; `None` inside for what is neither.
struct Tokens(Vec<Token>);

/// Such statements are no longer than this.
const MAX_TOKENS: usize = 256;

impl Tokens {
    fn of(sql: &str) -> Option<Self> {
        let first = sql.trim_start().get(..2)?;
        // Most statements are told apart by their first letters, without further work.
        let begins = ["DE", "DI", "LI", "UN", "NO", "RE", "SH", "SE", "--", "/*"];
        if !begins.iter().any(|b| b.eq_ignore_ascii_case(first)) {
            return None;
        }
        let mut tokens = Vec::new();
        let mut rest = sql;
        loop {
            rest = rest.trim_start();
            let Some(c) = rest.chars().next() else { break };
            if tokens.len() > MAX_TOKENS {
                return None;
            }
            if rest.starts_with("--") {
                rest = rest
                    .find('\n')
                    .and_then(|n| rest.get(n..))
                    .unwrap_or_default();
                continue;
            }
            if let Some(inside) = rest.strip_prefix("/*") {
                let end = inside.find("*/")?;
                // Comments nest; what does that here is somebody else's.
                if inside.get(..end)?.contains("/*") {
                    return None;
                }
                rest = inside.get(end.checked_add(2)?..)?;
                continue;
            }
            let (token, tail) = match c {
                '\'' => quoted(rest, '\'').map(|(text, tail)| (Token::String(text), tail))?,
                '"' => quoted(rest, '"').map(|(text, tail)| (Token::Quoted(text), tail))?,
                c if c.is_alphabetic() || c == '_' => {
                    let end = rest
                        .find(|c: char| !c.is_alphanumeric() && c != '_' && c != '$')
                        .unwrap_or(rest.len());
                    let (word, tail) = rest.split_at(end);
                    // E'…' and its like.
                    if tail.starts_with('\'') {
                        return None;
                    }
                    (Token::Word(word.to_owned()), tail)
                }
                '0'..='9' | '+' | '-' => {
                    let from = c.len_utf8();
                    let end = rest
                        .get(from..)?
                        .find(|c: char| !c.is_alphanumeric() && c != '.')
                        .map_or(rest.len(), |n| n.saturating_add(from));
                    let (number, tail) = rest.split_at(end);
                    (Token::Number(number.to_owned()), tail)
                }
                '=' | ',' | '.' | '*' | ';' => (Token::Symbol(c), rest.get(1..)?),
                _ => return None,
            };
            tokens.push(token);
            rest = tail;
        }
        while tokens.last() == Some(&Token::Symbol(';')) {
            tokens.pop();
        }
        Some(Self(tokens))
    }

    fn peekable(self) -> Peekable {
        Peekable(self.0.into_iter().peekable())
    }
}

/// A quoted piece off the front, its doubled quotes made single.
fn quoted(rest: &str, quote: char) -> Option<(String, &str)> {
    let mut text = String::new();
    let mut chars = rest.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        if c != quote {
            text.push(c);
        } else if chars.next_if(|(_, c)| *c == quote).is_some() {
            text.push(quote);
        } else {
            return Some((text, rest.get(at.checked_add(1)?..)?));
        }
    }
    None
}

struct Peekable(std::iter::Peekable<std::vec::IntoIter<Token>>);

impl Peekable {
    fn at_end(&mut self) -> bool {
        self.0.peek().is_none()
    }

    /// A keyword, in capitals.
    fn word(&mut self) -> Option<String> {
        match self.0.next()? {
            Token::Word(word) => Some(word.to_ascii_uppercase()),
            _ => None,
        }
    }

    /// Takes a keyword if it is there.
    fn take(&mut self, keyword: &str) -> bool {
        let is = |token: &Token| matches!(token, Token::Word(w) if w.eq_ignore_ascii_case(keyword));
        self.0.next_if(is).is_some()
    }

    fn symbol(&mut self, symbol: char) -> bool {
        self.0.next_if_eq(&Token::Symbol(symbol)).is_some()
    }

    /// An identifier; without quotes it is made lower case.
    fn name(&mut self) -> Option<String> {
        match self.0.next()? {
            Token::Word(word) => Some(word.to_lowercase()),
            Token::Quoted(name) => Some(name),
            _ => None,
        }
    }

    fn string(&mut self) -> Option<String> {
        match self.0.next()? {
            Token::String(text) => Some(text),
            _ => None,
        }
    }

    /// The value of a setting; `None` inside is DEFAULT.
    fn value(&mut self) -> Option<Option<String>> {
        Some(match self.0.next()? {
            Token::Word(word) if word.eq_ignore_ascii_case("default") => None,
            Token::Word(word) => Some(word),
            Token::Quoted(text) | Token::String(text) | Token::Number(text) => Some(text),
            Token::Symbol(_) => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::server::settings::Registry;
    use SessionCommand::*;

    fn one(name: &str, value: &str) -> Vec<(String, Option<String>)> {
        vec![(name.into(), Some(value.into()))]
    }

    #[test]
    fn what_drivers_send_is_recognised() {
        let cases = [
            (
                "SET extra_float_digits = 3",
                Set(Scope::Session, one("extra_float_digits", "3")),
            ),
            (
                "SET application_name = 'it''s';",
                Set(Scope::Session, one("application_name", "it's")),
            ),
            (
                "set session datestyle to iso, dmy",
                Set(Scope::Session, one("datestyle", "iso, dmy")),
            ),
            (
                "SET LOCAL x.Y TO on -- why",
                Set(Scope::Transaction, one("x.y", "on")),
            ),
            (
                "SET TIME ZONE 'Europe/Berlin'",
                Set(Scope::Session, one("TimeZone", "Europe/Berlin")),
            ),
            (
                "SET TIME ZONE -7",
                Set(Scope::Session, one("TimeZone", "-7")),
            ),
            (
                "SET TIME ZONE DEFAULT",
                Set(Scope::Session, vec![("TimeZone".into(), None)]),
            ),
            (
                "SET NAMES 'UTF8'",
                Set(Scope::Session, one("client_encoding", "UTF8")),
            ),
            ("SET ROLE NONE", Set(Scope::Session, one("role", "none"))),
            (
                "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL READ COMMITTED, READ ONLY",
                Set(
                    Scope::Session,
                    [
                        one("default_transaction_isolation", "read committed"),
                        one("default_transaction_read_only", "on"),
                    ]
                    .concat(),
                ),
            ),
            (
                "SET TRANSACTION READ WRITE",
                Set(Scope::Transaction, one("transaction_read_only", "off")),
            ),
            (
                "SHOW TRANSACTION ISOLATION LEVEL",
                Show(Some("transaction_isolation".into())),
            ),
            (
                "show standard_conforming_strings",
                Show(Some("standard_conforming_strings".into())),
            ),
            ("/* a */ SHOW ALL", Show(None)),
            ("RESET ALL", Reset(None)),
            ("reset \"TimeZone\"", Reset(Some("TimeZone".into()))),
            ("DISCARD ALL", DiscardAll),
            ("DISCARD TEMPORARY", DiscardPart("DISCARD TEMP")),
            ("DEALLOCATE ALL", Deallocate(None)),
            (
                "DEALLOCATE PREPARE \"_pg3_0\"",
                Deallocate(Some("_pg3_0".into())),
            ),
            ("LISTEN Chan", Listen("chan".into())),
            ("UNLISTEN *", Unlisten(None)),
            (
                "NOTIFY \"Chan\", 'hello'",
                Notify("Chan".into(), "hello".into()),
            ),
            ("NOTIFY c", Notify("c".into(), String::new())),
        ];
        for (sql, expected) in cases {
            assert_eq!(SessionCommand::parse(sql), Some(expected), "{sql}");
        }
        for other in [
            "",
            "S",
            "SELECT 1",
            "SET",
            "SET x",
            "SET x =",
            "SET x = 1; SELECT 1",
            "SHOW",
            "SHOW a b",
            "LISTEN",
            "NOTIFY c,",
            "NOTIFY c, E'x'",
            "DISCARD",
            "UPDATE t SET a = 1",
            "RELEASE s",
            "REINDEX",
            "SET x = 'open",
            "/* open",
            "SET x = (1)",
            "NOTIFY c 'x'",
        ] {
            assert_eq!(SessionCommand::parse(other), None, "{other}");
        }
    }

    #[test]
    fn show_tells_what_set_has_set() {
        let (context, _woken) = SessionContext::new(Registry::default(), Arc::default(), 1);
        let run = |sql: &str| {
            let command = SessionCommand::parse(sql).unwrap();
            let format = RowFormat::text(&command.columns().unwrap_or_default());
            let mut shown = Vec::new();
            for event in command.run(&context, &format)? {
                match event {
                    Event::Columns(columns) => shown.push(columns[0].name().to_owned()),
                    Event::Rows(rows) => shown.push(format!("{} rows", rows.count())),
                    Event::Complete(tag) => shown.push(tag),
                    other => panic!("{other:?}"),
                }
            }
            Ok::<_, ErrorResponse>(shown.join(", "))
        };
        assert_eq!(run("SET datestyle TO dmy").unwrap(), "SET");
        assert_eq!(run("SHOW datestyle").unwrap(), "DateStyle, 1 rows, SHOW");
        assert_eq!(context.setting("DATESTYLE").unwrap(), "ISO, DMY");
        assert!(run("SHOW ALL").unwrap().starts_with("name, "));
        assert_eq!(run("SHOW nope").unwrap_err().code().as_str(), "42704");
        assert_eq!(run("DEALLOCATE nope").unwrap_err().code().as_str(), "26000");
        assert_eq!(run("DISCARD ALL").unwrap(), "DISCARD ALL");
        assert_eq!(context.setting("DateStyle").unwrap(), "ISO, MDY");
    }

    proptest! {
        #[test]
        fn any_text_is_recognised_or_not(text in "\\PC{0,40}", like in "(SET|SHOW|NOTIFY|LISTEN|/\\*|--)[ a-z'\"=,.;*0-9\u{fc}-]{0,20}") {
            let _ = (SessionCommand::parse(&text), SessionCommand::parse(&like));
        }
    }
}
