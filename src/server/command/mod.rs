//! Statements about the session itself: SET, SHOW, RESET, DISCARD, DEALLOCATE, LISTEN, UNLISTEN,
//! NOTIFY. Engines get them for nothing.

mod parse;
#[cfg(test)]
mod tests;
mod tokens;

use postgres_types::Type;

use crate::error_response::ErrorResponse;
use crate::server::context::SessionContext;
use crate::server::database::Event;
use crate::server::rows::{Column, RowFormat, Rows};
use crate::server::settings::Scope;
use crate::server::value::Value;
use tokens::Tokens;

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
        let command = parse::command(&mut tokens)?;
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
