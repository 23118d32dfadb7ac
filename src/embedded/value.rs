//! Values between SQLite and the protocol.

use std::borrow::Cow;

use postgres_types::Type;
use rusqlite::types::{Value as Kept, ValueRef};

use crate::embedded::array;
use crate::embedded::datetime::{self, EPOCH};
use crate::embedded::dialect::{Fault, Output, Ty, types};
use crate::embedded::enums;
use crate::embedded::number;
use crate::embedded::special::Special;
use crate::embedded::{canonical, convert};
use crate::error_response::{ErrorResponse, SqlState};
use crate::server::{Column, Field, Value};

pub(super) fn column(output: &Output) -> Column {
    let (table, number) = output.origin.unwrap_or_default();
    Column::new(&*output.name, output.ty.kind.clone())
        .with_modifier(output.ty.modifier)
        .with_origin(table, number)
}

/// Writes a value as it is in SQLite, as one of its column's type. A copy of `raw`, which was just
/// written, would be waited for.
#[inline]
pub(super) fn put(raw: &ValueRef<'_>, ty: &Ty, field: Field<'_>) -> Result<(), ErrorResponse> {
    match (raw, &ty.kind) {
        (ValueRef::Integer(n), &Type::INT4) => {
            if let Ok(n) = i32::try_from(*n) {
                return field.int4(n);
            }
        }
        (ValueRef::Integer(n), &Type::INT8) => return field.int8(*n),
        (ValueRef::Text(text), &Type::TEXT | &Type::VARCHAR) => return field.text(text),
        (ValueRef::Text(text), kind) if types::is_named(kind) => {
            let text = convert::utf8(text);
            // As `Translator::presented` has it.
            if let Some((oid, name)) = text.split_once(' ')
                && let Ok(oid) = oid.parse()
            {
                return field.object(oid, name);
            }
        }
        (ValueRef::Text(text), _) => {
            return match canonical::put(text, field)? {
                Some(field) => field.value(&of(*raw, ty).map_err(|f| f.respond(None))?),
                None => Ok(()),
            };
        }
        _ => {}
    }
    field.value(&of(*raw, ty).map_err(|f| f.respond(None))?)
}

/// A value as it is in SQLite, as one of its column's type.
pub(super) fn of<'v>(raw: ValueRef<'v>, ty: &Ty) -> Result<Value<'v>, Fault> {
    let stray = |text: &str| {
        Fault::new(
            SqlState::INVALID_TEXT_REPRESENTATION,
            format!(
                "the value \"{text}\" in the database is no {}",
                types::show(&ty.kind, -1)
            ),
        )
    };
    let range = || number::out_of_range(&types::show(&ty.kind, -1));
    Ok(match (raw, &ty.kind) {
        (ValueRef::Null, _) => Value::Null,
        (ValueRef::Integer(n), &Type::BOOL) => Value::Bool(n != 0),
        (ValueRef::Integer(n), &Type::INT2) => Value::Int2(n.try_into().map_err(|_| range())?),
        (ValueRef::Integer(n), &Type::INT4) => Value::Int4(n.try_into().map_err(|_| range())?),
        (ValueRef::Integer(n), &Type::INT8) => Value::Int8(n),
        (ValueRef::Integer(n), kind) if enums::is_enum(kind) => {
            let label = enums::label(kind, n).ok_or_else(|| stray(&n.to_string()))?;
            Value::Text(label.into())
        }
        (ValueRef::Integer(n), kind) if types::is_oid(kind) => {
            Value::Oid(n.try_into().map_err(|_| range())?)
        }
        (ValueRef::Integer(n), &Type::FLOAT4) => Value::Float4(n as f32),
        (ValueRef::Integer(n), &Type::FLOAT8) => Value::Float8(n as f64),
        (ValueRef::Integer(n), &Type::NUMERIC) => Value::Numeric(n.to_string().into()),
        (ValueRef::Real(x), &Type::FLOAT4) => Value::Float4(x as f32),
        (ValueRef::Real(x), &Type::FLOAT8) => Value::Float8(x),
        (ValueRef::Real(x), &Type::NUMERIC) => Value::Numeric(convert::show_float(x, false).into()),
        (ValueRef::Integer(n), kind) if types::storage(kind) == types::Storage::Text => {
            Value::Text(n.to_string().into())
        }
        (ValueRef::Real(x), kind) if types::storage(kind) == types::Storage::Text => {
            Value::Text(convert::show_float(x, false).into())
        }
        (ValueRef::Real(x), kind) => {
            let kind = Ty::from(kind.clone());
            match convert::cast(ValueRef::Real(x), &Type::FLOAT8, &kind, false)? {
                Kept::Integer(n) => of(ValueRef::Integer(n), ty)?.into_owned(),
                _ => return Err(stray(&x.to_string())),
            }
        }
        (ValueRef::Integer(n), _) => return Err(stray(&n.to_string())),
        (ValueRef::Text(text), kind) => {
            let text = convert::utf8(text);
            match *kind {
                Type::NUMERIC
                    if canonical::is_numeric(text.as_bytes()) || Special::kept(&text).is_some() =>
                {
                    Value::Numeric(text)
                }
                Type::NUMERIC => {
                    let number = number::parse(&text).map_err(|_| stray(&text))?;
                    Value::Numeric(number::show(&number).into())
                }
                Type::TIMESTAMPTZ => {
                    Value::TimestampTz(datetime::parse_timestamptz(&text)?.saturating_sub(EPOCH))
                }
                Type::BPCHAR if ty.modifier > 4 => Value::Text(padded(text, ty.modifier)),
                Type::BPCHAR_ARRAY if ty.modifier > 4 => {
                    let pad = |item: String| padded(item.into(), ty.modifier).into_owned();
                    let items = array::parse(&text)?.into_iter();
                    let items: Vec<_> = items.map(|item| item.map(pad)).collect();
                    Value::Text(array::show(&items).into())
                }
                _ if types::storage(kind) == types::Storage::Text => Value::Text(text),
                _ => {
                    let kept = convert::parse(&text, ty).map_err(|_| stray(&text))?;
                    of(ValueRef::from(&kept), ty)?.into_owned()
                }
            }
        }
        (ValueRef::Blob(bytes), &Type::BYTEA) => Value::Bytea(Cow::Borrowed(bytes)),
        (ValueRef::Blob(bytes), kind) if types::storage(kind) == types::Storage::Text => {
            Value::Text(convert::utf8(bytes))
        }
        (ValueRef::Blob(_), _) => return Err(stray("\\x…")),
    })
}

/// A value's text as clients see it.
pub(super) fn padded_to(text: String, ty: &Ty) -> String {
    match ty.kind {
        Type::BPCHAR if ty.modifier > 4 => padded(text.into(), ty.modifier).into_owned(),
        _ => text,
    }
}

/// `char(n)` is kept without its padding.
fn padded(text: Cow<'_, str>, modifier: i32) -> Cow<'_, str> {
    let width = usize::try_from(modifier.saturating_sub(4)).unwrap_or(0);
    let has = text.chars().count();
    if has >= width {
        return text;
    }
    let mut text = text.into_owned();
    text.extend(std::iter::repeat_n(' ', width.saturating_sub(has)));
    text.into()
}

/// A parameter as it is bound: the name of an object stays one until the statement looks it up.
pub(super) fn bound(value: Value<'static>, kind: &Type) -> Result<Kept, Fault> {
    match value {
        Value::Text(name) if types::is_named(kind) => Ok(Kept::Text(name.into_owned())),
        value => kept(value, kind),
    }
}

/// A value as SQLite keeps it.
pub(super) fn kept(value: Value<'static>, kind: &Type) -> Result<Kept, Fault> {
    Ok(match value {
        Value::Null => Kept::Null,
        Value::Bool(b) => Kept::Integer(b.into()),
        Value::Int2(n) => Kept::Integer(n.into()),
        Value::Int4(n) => Kept::Integer(n.into()),
        Value::Int8(n) => Kept::Integer(n),
        Value::Oid(n) => Kept::Integer(n.into()),
        Value::Float4(x) => real(x.into())?,
        Value::Float8(x) => real(x)?,
        Value::Bytea(bytes) => Kept::Blob(bytes.into_owned()),
        Value::TimestampTz(micros) if micros != i64::MAX && micros != i64::MIN => {
            Kept::Text(datetime::keep_timestamptz(
                micros
                    .checked_add(EPOCH)
                    .ok_or_else(|| datetime::out_of_range("timestamp"))?,
            )?)
        }
        Value::Text(text) => {
            if text.contains('\0') {
                return Err(Fault::new(
                    SqlState::CHARACTER_NOT_IN_REPERTOIRE,
                    "invalid byte sequence for encoding \"UTF8\": 0x00",
                ));
            }
            if *kind == Type::CHAR {
                Kept::Text(convert::one_char(&text)?)
            } else if types::storage(kind) == types::Storage::Text && types::element(kind).is_none()
            {
                Kept::Text(text.into_owned())
            } else {
                convert::parse(&text, &kind.clone().into())?
            }
        }
        // PostgreSQL's text form is how they are kept.
        other => match other.to_text() {
            Some(text) if *kind == Type::NUMERIC && number::is_shown(&text, -1) => Kept::Text(text),
            Some(text) if *kind == Type::NUMERIC && Special::kept(&text).is_none() => {
                Kept::Text(number::show(&number::parse(&text)?))
            }
            Some(text) => Kept::Text(text),
            None => Kept::Null,
        },
    })
}

fn real(x: f64) -> Result<Kept, Fault> {
    // SQLite would make it NULL.
    if x.is_nan() {
        return Err(Fault::unsupported("NaN"));
    }
    Ok(Kept::Real(x))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_wrote_is_read_and_written_anew_or_refused() {
        let of = |text: &str, kind: Type| {
            let value = of(ValueRef::Text(text.as_bytes()), &kind.into());
            value
                .map(|v| v.to_text().unwrap())
                .map_err(|f| f.code.as_str().to_owned())
        };
        for (text, kind, expected) in [
            ("1.50", Type::NUMERIC, "1.50"),
            ("1e3", Type::NUMERIC, "1000"),
            ("NaN", Type::NUMERIC, "NaN"),
            ("007", Type::NUMERIC, "7"),
            (
                "2026-01-31 10:00:00+02",
                Type::TIMESTAMPTZ,
                "2026-01-31 08:00:00+00",
            ),
            (
                "2026-01-31T10:00Z",
                Type::TIMESTAMPTZ,
                "2026-01-31 10:00:00+00",
            ),
        ] {
            assert_eq!(of(text, kind).unwrap(), expected, "{text}");
        }
        assert_eq!(of("ten", Type::NUMERIC).unwrap_err(), "22P02");
        assert_eq!(of("soon", Type::TIMESTAMPTZ).unwrap_err(), "22007");
    }
}
