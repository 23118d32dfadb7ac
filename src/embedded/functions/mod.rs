//! PostgreSQL's functions and operators, as functions of SQLite. Those that a client does not
//! write itself begin with `pg_`.

mod aggregate;
mod are;
mod arithmetic;
mod array_change;
mod calendar;
mod collection;
mod durations;
mod encoding;
mod exact;
mod extract;
mod float_sums;
mod format;
mod hash;
mod json;
mod json_aggregate;
mod json_at;
mod json_change;
mod json_order;
mod json_shape;
mod names;
mod order;
mod ordered_set;
mod part;
mod pattern;
mod picture;
mod regexp;
mod row;
mod session;
mod statistics;
mod string_agg;
mod text;
mod time;
mod visible;

use std::fmt;

use postgres_types::Type;
use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, Error, Result};

use crate::embedded::convert;
use crate::embedded::dialect::{Fault, Ty, types};
use crate::error_response::SqlState;
pub(super) use json::checked as json;
pub(super) use order::collation;
pub(super) use session::{Alarm, SessionInfo, Woken};

/// A function of values that are not NULL.
type Strict = fn(&[ValueRef<'_>]) -> Result<Value, Fault>;

/// Name, number of arguments (−1 for any), function.
type Table = &'static [(&'static str, i32, Strict)];

/// What all functions have: they may stand in views, defaults and checks.
const PURE: FunctionFlags = FunctionFlags::SQLITE_UTF8
    .union(FunctionFlags::SQLITE_DETERMINISTIC)
    .union(FunctionFlags::SQLITE_INNOCUOUS);

/// Makes all of them known to a connection.
pub(super) fn register(connection: &Connection, info: SessionInfo) -> Result<()> {
    for table in [
        arithmetic::FUNCTIONS,
        array_change::FUNCTIONS,
        calendar::FUNCTIONS,
        collection::FUNCTIONS,
        encoding::FUNCTIONS,
        exact::FUNCTIONS,
        extract::FUNCTIONS,
        hash::FUNCTIONS,
        json::FUNCTIONS,
        json_at::FUNCTIONS,
        json_change::FUNCTIONS,
        json_shape::FUNCTIONS,
        names::FUNCTIONS,
        pattern::FUNCTIONS,
        picture::FUNCTIONS,
        regexp::FUNCTIONS,
        text::FUNCTIONS,
        time::FUNCTIONS,
    ] {
        for (name, arguments, function) in table {
            strict(connection, name, *arguments, PURE, *function)?;
        }
    }
    // A value of an enum, and its type: for those who read it.
    strict(connection, "pg_enum", 2, PURE, |a| {
        Ok(Value::Integer(integer(a, 0)))
    })?;
    // These see NULL.
    for (name, function) in text::LOOSE
        .iter()
        .chain(array_change::LOOSE)
        .chain(collection::LOOSE)
        .chain(format::LOOSE)
        .chain(json::LOOSE)
        .chain(ordered_set::LOOSE)
        .chain(part::LOOSE)
        .chain(row::LOOSE)
    {
        connection.create_scalar_function(*name, -1, PURE, move |context| {
            with_arguments(context, function).map_err(fail)
        })?;
    }
    aggregate::register(connection)?;
    json_aggregate::register(connection)?;
    ordered_set::register(connection)?;
    statistics::register(connection)?;
    string_agg::register(connection)?;
    durations::register(connection)?;
    float_sums::register(connection)?;
    session::register(connection, info)?;
    crate::embedded::sequences::register(connection)?;
    crate::embedded::stages::register(connection)?;
    crate::embedded::violation::register(connection)?;
    order::register(connection)
}

fn strict(
    connection: &Connection,
    name: &str,
    count: i32,
    flags: FunctionFlags,
    function: Strict,
) -> Result<()> {
    connection.create_scalar_function(name, count, flags, move |context| {
        with_arguments(context, |arguments| {
            if arguments.iter().any(|a| matches!(a, ValueRef::Null)) {
                return Ok(Value::Null);
            }
            function(arguments)
        })
        .map_err(fail)
    })
}

/// Most functions have few arguments, and are called for each row.
fn with_arguments<T>(context: &Context<'_>, function: impl FnOnce(&[ValueRef<'_>]) -> T) -> T {
    let count = context.len();
    // Made where they stay: to move them costs more than to read them.
    let few: [_; 4] = std::array::from_fn(|i| match i < count {
        true => context.get_raw(i),
        false => ValueRef::Null,
    });
    match few.get(..count) {
        Some(arguments) => function(arguments),
        None => {
            let all: Vec<_> = (0..count).map(|i| context.get_raw(i)).collect();
            function(&all)
        }
    }
}

/// A fault on its way through SQLite, which knows nothing but a text.
#[derive(Debug)]
struct Carried(Fault);

/// Separates the parts; no text of SQLite's has it.
const MARK: char = '\u{1}';

impl fmt::Display for Carried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(fault) = self;
        let detail = fault.detail().unwrap_or_default();
        write!(
            f,
            "{MARK}{}{MARK}{detail}{MARK}{}",
            fault.code,
            fault.message()
        )
    }
}

impl std::error::Error for Carried {}

pub(in crate::embedded) fn fail(fault: Fault) -> Error {
    Error::UserFunctionError(Box::new(Carried(fault)))
}

/// The fault in an error text, if it carries one.
pub(super) fn carried(text: &str) -> Option<Fault> {
    let mut parts = text.splitn(4, MARK).skip(1);
    let code = SqlState::new(parts.next()?)?;
    let detail = parts.next()?.to_owned();
    let fault = Fault::new(code, parts.next()?.to_owned());
    Some(if detail.is_empty() {
        fault
    } else {
        fault.with_detail(detail)
    })
}

fn text<'v>(arguments: &[ValueRef<'v>], index: usize) -> std::borrow::Cow<'v, str> {
    match arguments.get(index) {
        Some(ValueRef::Text(bytes) | ValueRef::Blob(bytes)) => convert::utf8(bytes),
        Some(ValueRef::Integer(n)) => n.to_string().into(),
        Some(ValueRef::Real(x)) => convert::show_float(*x, false).into(),
        Some(ValueRef::Null) | None => "".into(),
    }
}

fn integer(arguments: &[ValueRef<'_>], index: usize) -> i64 {
    match arguments.get(index) {
        Some(ValueRef::Integer(n)) => *n,
        Some(ValueRef::Text(bytes)) => std::str::from_utf8(bytes)
            .ok()
            .and_then(|t| t.parse().ok())
            .unwrap_or(0),
        _ => 0,
    }
}

/// A type that the translation put in as a number.
fn kind(arguments: &[ValueRef<'_>], index: usize) -> Type {
    u32::try_from(integer(arguments, index))
        .ok()
        .and_then(types::from_oid)
        .unwrap_or(Type::TEXT)
}

fn value<'v>(arguments: &[ValueRef<'v>], index: usize) -> ValueRef<'v> {
    arguments.get(index).copied().unwrap_or(ValueRef::Null)
}

/// A state that has no constant.
fn state(code: &str) -> SqlState {
    SqlState::new(code).unwrap_or(SqlState::INVALID_PARAMETER_VALUE)
}

fn boolean(value: bool) -> Value {
    Value::Integer(value.into())
}

/// `pg_cast(value, from, to, modifier, explicit)`.
fn cast(arguments: &[ValueRef<'_>]) -> Result<Value, Fault> {
    let to = Ty {
        kind: kind(arguments, 2),
        modifier: i32::try_from(integer(arguments, 3)).unwrap_or(-1),
    };
    convert::cast(
        value(arguments, 0),
        &kind(arguments, 1),
        &to,
        integer(arguments, 4) != 0,
    )
}
