//! `Value`: what engines and the protocol hand to each other.

use std::borrow::Cow;

use postgres_types::Type;

use crate::error_response::ErrorResponse;
use crate::server::format::{self, Format, Kind};

/// A value of a row or of a parameter.
///
/// A type without a variant of its own is [`Value::Text`], in PostgreSQL's text form: json,
/// arrays (`{1,2}`), inet and the rest. How it goes over the wire is decided by the column's type
/// and the format the client asked for; a value that is not of the column's type is converted
/// where nothing is lost by it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Value<'a> {
    /// NULL.
    Null,
    /// boolean.
    Bool(bool),
    /// smallint.
    Int2(i16),
    /// integer.
    Int4(i32),
    /// bigint.
    Int8(i64),
    /// oid.
    Oid(u32),
    /// real.
    Float4(f32),
    /// double precision.
    Float8(f64),
    /// numeric, as decimal digits with an optional sign, point and exponent, or `NaN`,
    /// `Infinity`, `-Infinity`.
    Numeric(Cow<'a, str>),
    /// text, varchar and every type that has no variant.
    Text(Cow<'a, str>),
    /// bytea.
    Bytea(Cow<'a, [u8]>),
    /// date: days since 2000-01-01; `i32::MAX` and `i32::MIN` are the infinities.
    Date(i32),
    /// time: microseconds since midnight.
    Time(i64),
    /// timestamp: microseconds since 2000-01-01 00:00; `i64::MAX` and `i64::MIN` are the
    /// infinities.
    Timestamp(i64),
    /// timestamptz: microseconds since 2000-01-01 00:00 UTC; infinities as above.
    TimestampTz(i64),
    /// interval.
    Interval(Interval),
    /// uuid.
    Uuid([u8; 16]),
}

/// An interval, as PostgreSQL keeps it: three parts that are not converted into each other.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "PostgreSQL's own three fields")]
pub struct Interval {
    /// Months, years among them.
    pub months: i32,
    /// Days, weeks among them.
    pub days: i32,
    /// Hours and what is smaller, in microseconds.
    pub microseconds: i64,
}

impl<'a> Value<'a> {
    /// Reads PostgreSQL's text form of a type. Types that pgtls knows nothing of are taken as
    /// they are, as [`Value::Text`].
    ///
    /// # Errors
    /// 22P02, 22003, 22007, 22008: it is not a value of that type.
    pub fn parse(kind: &Type, text: &'a str) -> Result<Self, ErrorResponse> {
        format::text::parse(Kind::of(kind), text)
    }

    /// Reads a type's text or binary form off the wire; `bytes` must be used up whole.
    ///
    /// # Errors
    /// 08P01, 22021, 22P02, 22P03, 22003, 22007, 22008: it is not a value of that type. 42883: the
    /// type's binary form is not known here.
    pub fn decode(kind: &Type, format: Format, bytes: &'a [u8]) -> Result<Self, ErrorResponse> {
        format::get(kind, format, bytes, None)
    }

    /// The same, borrowing nothing.
    #[must_use]
    pub fn into_owned(self) -> Value<'static> {
        match self {
            Self::Null => Value::Null,
            Self::Bool(b) => Value::Bool(b),
            Self::Int2(n) => Value::Int2(n),
            Self::Int4(n) => Value::Int4(n),
            Self::Int8(n) => Value::Int8(n),
            Self::Oid(n) => Value::Oid(n),
            Self::Float4(x) => Value::Float4(x),
            Self::Float8(x) => Value::Float8(x),
            Self::Numeric(text) => Value::Numeric(Cow::Owned(text.into_owned())),
            Self::Text(text) => Value::Text(Cow::Owned(text.into_owned())),
            Self::Bytea(bytes) => Value::Bytea(Cow::Owned(bytes.into_owned())),
            Self::Date(n) => Value::Date(n),
            Self::Time(n) => Value::Time(n),
            Self::Timestamp(n) => Value::Timestamp(n),
            Self::TimestampTz(n) => Value::TimestampTz(n),
            Self::Interval(interval) => Value::Interval(interval),
            Self::Uuid(bytes) => Value::Uuid(bytes),
        }
    }

    /// Whether it is NULL.
    #[must_use]
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// Its text form, as PostgreSQL shows it with the settings of a new session; `None` for NULL.
    #[must_use]
    pub fn to_text(&self) -> Option<String> {
        if self.is_null() {
            return None;
        }
        let mut out = Vec::new();
        format::text::put(&mut out, self, None);
        Some(String::from_utf8_lossy(&out).into_owned())
    }
}

macro_rules! from {
    ($($from:ty => $variant:ident),* $(,)?) => {
        $(impl From<$from> for Value<'_> {
            fn from(value: $from) -> Self {
                Self::$variant(value)
            }
        })*
    };
}

from! {
    bool => Bool,
    i16 => Int2,
    i32 => Int4,
    i64 => Int8,
    u32 => Oid,
    f32 => Float4,
    f64 => Float8,
    Interval => Interval,
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl From<String> for Value<'_> {
    fn from(text: String) -> Self {
        Self::Text(Cow::Owned(text))
    }
}

impl<'a> From<&'a [u8]> for Value<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self::Bytea(Cow::Borrowed(bytes))
    }
}

impl From<Vec<u8>> for Value<'_> {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytea(Cow::Owned(bytes))
    }
}

impl<T: Into<Self>> From<Option<T>> for Value<'_> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}
