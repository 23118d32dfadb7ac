//! Values from one of PostgreSQL's types to another, as SQLite keeps them.

use std::borrow::Cow;

use bigdecimal::{BigDecimal, FromPrimitive, ToPrimitive};
use postgres_types::Type;
use rusqlite::types::{Value, ValueRef};

use crate::embedded::datetime::{self, Interval};
use crate::embedded::dialect::Fault;
use crate::embedded::dialect::types::{self, Storage, Ty, is_integer, is_oid, is_text, storage};
use crate::embedded::special::Special;
use crate::embedded::{array, context, enums, inet, number};
use crate::error_response::SqlState;

fn syntax(kind: &Type, text: &str) -> Fault {
    Fault::new(
        SqlState::INVALID_TEXT_REPRESENTATION,
        format!(
            "invalid input syntax for type {}: \"{text}\"",
            types::show(kind, -1)
        ),
    )
}

/// A type's input function: the value that a text means.
pub(super) fn parse(text: &str, ty: &Ty) -> Result<Value, Fault> {
    let kind = &ty.kind;
    if let Some(element) = types::element(kind) {
        if matches!(*kind, Type::INT2_VECTOR | Type::OID_VECTOR) {
            return Ok(Value::Text(text.trim().to_owned()));
        }
        let items = array::parse(text)?;
        let element = Ty {
            kind: element,
            modifier: ty.modifier,
        };
        let items: Result<Vec<Option<String>>, Fault> = items
            .into_iter()
            .map(|item| {
                item.map(|item| show(ValueRef::from(&parse(&item, &element)?), &element.kind))
                    .transpose()
            })
            .collect();
        return Ok(Value::Text(array::show(&items?)));
    }
    if enums::is_enum(kind) {
        let key = enums::key(kind, text).map(Value::Integer);
        return key.ok_or_else(|| {
            Fault::new(
                SqlState::INVALID_TEXT_REPRESENTATION,
                format!(
                    "invalid input value for enum {}: \"{text}\"",
                    types::show(kind, -1)
                ),
            )
        });
    }
    Ok(match *kind {
        Type::BOOL => {
            let lower = text.trim().to_lowercase();
            let is = |words: [&str; 3]| {
                !lower.is_empty() && words.iter().any(|w| w.starts_with(&lower) || *w == lower)
            };
            // `o` could be on or off.
            if lower == "o" {
                return Err(syntax(kind, text));
            }
            if is(["true", "yes", "1"]) || lower == "on" {
                Value::Integer(1)
            } else if is(["false", "no", "0"]) || lower == "off" || lower == "of" {
                Value::Integer(0)
            } else {
                return Err(syntax(kind, text));
            }
        }
        Type::INT2 | Type::INT4 | Type::INT8 => {
            let trimmed = text.trim();
            let n: i64 = trimmed.parse().map_err(|_| {
                let digits = trimmed.trim_start_matches(['-', '+']);
                if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) {
                    let kind = types::show(kind, -1);
                    Fault::new(
                        SqlState::NUMERIC_VALUE_OUT_OF_RANGE,
                        format!("value \"{text}\" is out of range for type {kind}"),
                    )
                } else {
                    syntax(kind, text)
                }
            })?;
            let fits = match *kind {
                Type::INT2 => i16::try_from(n).is_ok(),
                Type::INT4 => i32::try_from(n).is_ok(),
                _ => true,
            };
            if !fits {
                let kind = types::show(kind, -1);
                return Err(Fault::new(
                    SqlState::NUMERIC_VALUE_OUT_OF_RANGE,
                    format!("value \"{text}\" is out of range for type {kind}"),
                ));
            }
            Value::Integer(n)
        }
        Type::REGTYPE if !text.bytes().all(|b| b.is_ascii_digit()) => {
            Value::Integer(types::named(text)?.kind.oid().into())
        }
        _ if is_oid(kind) => {
            let n: i64 = text.trim().parse().map_err(|_| syntax(kind, text))?;
            // −1 means the highest, as in C.
            let oid = u32::try_from(n).or_else(|_| i32::try_from(n).map(i32::cast_unsigned));
            Value::Integer(oid.map_err(|_| syntax(kind, text))?.into())
        }
        Type::FLOAT4 | Type::FLOAT8 => {
            let trimmed = text.trim();
            let x: f64 = match trimmed.to_ascii_lowercase().as_str() {
                // SQLite has no NaN.
                "nan" => return Err(Fault::unsupported("NaN")),
                "infinity" | "+infinity" | "inf" | "+inf" => f64::INFINITY,
                "-infinity" | "-inf" => f64::NEG_INFINITY,
                _ => {
                    let x: f64 = trimmed.parse().map_err(|_| syntax(kind, text))?;
                    let x = match *kind {
                        Type::FLOAT4 => trimmed.parse::<f32>().map_or(x, f64::from),
                        _ => x,
                    };
                    if x.is_infinite() || x == 0.0 && has_digits(trimmed) {
                        return Err(beyond(text, kind));
                    }
                    x
                }
            };
            Value::Real(if *kind == Type::FLOAT4 { single(x)? } else { x })
        }
        Type::NUMERIC => {
            if let Some(special) = Special::written(text) {
                return Ok(Value::Text(special.fit(ty.modifier)?.shown().into()));
            }
            Value::Text(number::show(&number::fit(
                number::parse(text)?,
                ty.modifier,
            )?))
        }
        Type::VARCHAR | Type::BPCHAR => Value::Text(length(text, ty, false)?),
        Type::CHAR => Value::Text(one_char(text)?),
        Type::BYTEA => Value::Blob(bytes(text)?),
        Type::DATE => Value::Text(datetime::show_date(datetime::parse_date(text)?)),
        Type::TIME => {
            let micros = datetime::parse_time(text)?;
            Value::Text(datetime::show_time(datetime::round_to(micros, ty.modifier)))
        }
        Type::TIMESTAMP => {
            let micros = datetime::parse_timestamp(text)?;
            Value::Text(datetime::show_timestamp(datetime::round_to(
                micros,
                ty.modifier,
            ))?)
        }
        Type::TIMESTAMPTZ => {
            let micros = datetime::parse_timestamptz(text)?;
            Value::Text(datetime::keep_timestamptz(datetime::round_to(
                micros,
                ty.modifier,
            ))?)
        }
        Type::INTERVAL => Value::Text(Interval::parse(text)?.show()),
        Type::UUID => Value::Text(uuid(text).ok_or_else(|| syntax(kind, text))?),
        Type::INET => Value::Text(inet::parse(text)?),
        // What is JSON is SQLite's to know: the caller checks.
        _ => Value::Text(text.to_owned()),
    })
}

/// Whether a number is not zero as it is written.
fn has_digits(text: &str) -> bool {
    let digits = text.split(['e', 'E']).next().unwrap_or_default();
    digits.bytes().any(|b| matches!(b, b'1'..=b'9'))
}

fn beyond(text: &str, kind: &Type) -> Fault {
    Fault::new(
        SqlState::NUMERIC_VALUE_OUT_OF_RANGE,
        format!(
            "\"{text}\" is out of range for type {}",
            types::show(kind, -1)
        ),
    )
}

/// The nearest float4.
fn single(x: f64) -> Result<f64, Fault> {
    let narrow = x as f32;
    if narrow == 0.0 && x != 0.0 {
        return Err(Fault::new(
            SqlState::NUMERIC_VALUE_OUT_OF_RANGE,
            "value out of range: underflow",
        ));
    }
    if narrow.is_infinite() && x.is_finite() {
        return Err(Fault::new(
            SqlState::NUMERIC_VALUE_OUT_OF_RANGE,
            "value out of range: overflow",
        ));
    }
    Ok(narrow.into())
}

/// The input of `"char"`: the first byte, or one in three octal digits.
pub(super) fn one_char(text: &str) -> Result<String, Fault> {
    let byte = match text.as_bytes() {
        [b'\\', a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7'] => {
            (a - b'0') << 6 | (b - b'0') << 3 | (c - b'0')
        }
        bytes => bytes.first().copied().unwrap_or(0),
    };
    char_of(byte.cast_signed().into())
}

/// A `"char"` by its number. Of those that are no characters the order would be another.
fn char_of(n: i64) -> Result<String, Fault> {
    match u8::try_from(n) {
        Ok(0) => Ok(String::new()),
        Ok(byte @ ..=127) => Ok(char::from(byte).to_string()),
        _ if i8::try_from(n).is_ok() => Err(Fault::unsupported("a \"char\" beyond ASCII")),
        _ => Err(number::out_of_range("\"char\"")),
    }
}

/// Holds a text to `varchar(n)` or `char(n)`, which is filled up with blanks. Blanks at the end may
/// go; a cast cuts off anything.
fn length(text: &str, ty: &Ty, cast: bool) -> Result<String, Fault> {
    let Ok(limit) = usize::try_from(ty.modifier.saturating_sub(4)) else {
        return Ok(text.to_owned());
    };
    let Some((end, _)) = text.char_indices().nth(limit) else {
        if ty.kind != Type::BPCHAR {
            return Ok(text.to_owned());
        }
        let missing = limit.saturating_sub(text.chars().count());
        return Ok(format!("{text}{}", " ".repeat(missing)));
    };
    let (kept, rest) = text.split_at(end);
    if cast || rest.chars().all(|c| c == ' ') {
        return Ok(kept.to_owned());
    }
    Err(Fault::new(
        SqlState::STRING_DATA_RIGHT_TRUNCATION,
        format!(
            "value too long for type {}",
            types::show(&ty.kind, ty.modifier)
        ),
    ))
}

/// `bytea`'s input: hexadecimal, or PostgreSQL's old escapes.
fn bytes(text: &str) -> Result<Vec<u8>, Fault> {
    let invalid = || {
        Fault::new(
            SqlState::INVALID_TEXT_REPRESENTATION,
            "invalid input syntax for type bytea",
        )
    };
    let mut out = Vec::with_capacity(text.len() / 2);
    if let Some(hex) = text.strip_prefix("\\x") {
        let mut digits = hex.chars().filter(|c| !c.is_ascii_whitespace());
        while let Some(high) = digits.next() {
            let high = high.to_digit(16).ok_or_else(invalid)?;
            let low = digits
                .next()
                .and_then(|c| c.to_digit(16))
                .ok_or_else(invalid)?;
            out.push(u8::try_from(high << 4 | low).unwrap_or(0));
        }
        return Ok(out);
    }
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        (out, rest) = match (first, tail) {
            (b'\\', [b'\\', tail @ ..]) => {
                out.push(b'\\');
                (out, tail)
            }
            (b'\\', [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', tail @ ..]) => {
                out.push((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'));
                (out, tail)
            }
            (b'\\', _) => return Err(invalid()),
            _ => {
                out.push(*first);
                (out, tail)
            }
        };
    }
    Ok(out)
}

fn uuid(text: &str) -> Option<String> {
    let text = text.trim();
    let inner = text
        .strip_prefix('{')
        .map_or(Some(text), |t| t.strip_suffix('}'))?;
    let digits: String = inner.chars().filter(|c| *c != '-').collect();
    if digits.len() != 32 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let digits = digits.to_ascii_lowercase();
    let part = |range: std::ops::Range<usize>| digits.get(range).unwrap_or_default();
    Some(
        [
            part(0..8),
            part(8..12),
            part(12..16),
            part(16..20),
            part(20..32),
        ]
        .join("-"),
    )
}

/// SQLite does not look at what it is given as a text; this is quick for what is UTF-8.
pub(super) fn utf8(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.into(),
        Err(_) => String::from_utf8_lossy(bytes),
    }
}

/// A type's output function, for a value that is not NULL.
pub(super) fn show(value: ValueRef<'_>, kind: &Type) -> Result<String, Fault> {
    Ok(match (kind, value) {
        (&Type::BOOL, ValueRef::Integer(n)) => if n == 0 { "f" } else { "t" }.to_owned(),
        (&Type::FLOAT4, ValueRef::Real(x)) => show_float((x as f32).into(), true),
        (&Type::TIMESTAMPTZ, ValueRef::Text(text)) => datetime::show_timestamptz(
            datetime::parse_timestamptz(&String::from_utf8_lossy(text))?,
        )?,
        (_, ValueRef::Null) => String::new(),
        (kind, ValueRef::Integer(n)) if enums::is_enum(kind) => {
            enums::label(kind, n).ok_or_else(|| syntax(kind, &n.to_string()))?
        }
        (&Type::REGTYPE, ValueRef::Integer(n)) => {
            let known = u32::try_from(n).ok().and_then(types::from_oid);
            known.map_or_else(|| n.to_string(), |kind| types::show(&kind, -1))
        }
        (_, ValueRef::Integer(n)) => n.to_string(),
        (_, ValueRef::Real(x)) => show_float(x, false),
        (_, ValueRef::Text(text)) => utf8(text).into_owned(),
        (_, ValueRef::Blob(bytes)) => hex(bytes),
    })
}

/// The output function of `bytea`.
pub(super) fn hex(bytes: &[u8]) -> String {
    format!("\\x{}", hex_digits(bytes))
}

pub(super) fn hex_digits(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len().saturating_mul(2));
    for byte in bytes {
        for digit in [byte >> 4, byte & 0xf] {
            out.push(char::from_digit(digit.into(), 16).unwrap_or('0'));
        }
    }
    out
}

/// As the server writes floats.
pub(super) fn show_float(x: f64, single: bool) -> String {
    let value = if single {
        crate::server::Value::Float4(x as f32)
    } else {
        crate::server::Value::Float8(x)
    };
    value.to_text().unwrap_or_default()
}

/// Whether a cast exists, without regard to the value.
pub(super) fn castable(from: &Type, to: &Type) -> bool {
    use types::{is_number, is_time};
    let json = |k: &Type| matches!(*k, Type::JSON | Type::JSONB);
    if from != to && (*from == Type::CHAR || *to == Type::CHAR) {
        let beside = |k: &Type| is_text(k) || *k == Type::INT4;
        return beside(from) && beside(to);
    }
    from == to
        || is_text(from)
        || is_text(to)
        || json(from) && json(to)
        || is_number(from) && is_number(to)
        || matches!(
            (from, to),
            (&Type::BOOL, &Type::INT4) | (&Type::INT4, &Type::BOOL)
        )
        || is_time(from) && (is_time(to) || *to == Type::TIME && *from != Type::DATE)
        || matches!(
            (from, to),
            (&Type::TIME, &Type::INTERVAL) | (&Type::INTERVAL, &Type::TIME)
        )
        || types::element(from).is_some() && types::element(to).is_some()
}

/// An array, each element of which is held to the length or the precision.
fn each_held(
    value: ValueRef<'_>,
    from: &Type,
    to: &Ty,
    element: &Type,
    explicit: bool,
) -> Result<Value, Fault> {
    let Value::Text(array) = cast(value, from, &to.kind.clone().into(), explicit)? else {
        return Err(cannot(from, &to.kind));
    };
    let (plain, held) = (
        Ty::from(element.clone()),
        Ty {
            kind: element.clone(),
            modifier: to.modifier,
        },
    );
    let hold = |item: &String| {
        let value = parse(item, &plain)?;
        show(
            ValueRef::from(&cast((&value).into(), element, &held, explicit)?),
            element,
        )
    };
    let items: Result<Vec<Option<String>>, Fault> = array::parse(&array)?
        .iter()
        .map(|item| item.as_ref().map(hold).transpose())
        .collect();
    Ok(Value::Text(array::show(&items?)))
}

/// A cast. `explicit` is how `::` differs from what an INSERT does: it cuts a text to its length.
pub(super) fn cast(
    value: ValueRef<'_>,
    from: &Type,
    to: &Ty,
    explicit: bool,
) -> Result<Value, Fault> {
    if value == ValueRef::Null {
        return Ok(Value::Null);
    }
    let target = &to.kind;
    if to.modifier >= 0
        && let Some(element) = types::element(target)
    {
        return each_held(value, from, to, &element, explicit);
    }
    if is_text(target) {
        let text = match (from, value) {
            (&Type::BOOL, ValueRef::Integer(n)) => if n == 0 { "false" } else { "true" }.into(),
            (&Type::INET, ValueRef::Text(text)) => inet::with_length(&utf8(text)),
            // Another text has no padding.
            (&Type::BPCHAR, ValueRef::Text(text)) if *target != Type::BPCHAR => {
                utf8(text).trim_end_matches(' ').to_owned()
            }
            _ => show(value, from)?,
        };
        return Ok(Value::Text(match *target {
            Type::VARCHAR | Type::BPCHAR => length(&text, to, explicit)?,
            Type::CHAR => match value {
                ValueRef::Integer(n) if *from == Type::INT4 => char_of(n)?,
                _ => one_char(&text)?,
            },
            Type::NAME => text.chars().take(63).collect(),
            _ => text,
        }));
    }
    if *from == Type::CHAR && *target == Type::INT4 {
        let text = show(value, from)?;
        let byte = text.bytes().next().unwrap_or(0);
        return Ok(Value::Integer(byte.into()));
    }
    if is_text(from) {
        return parse(&show(value, from)?, to);
    }
    match storage(target) {
        Storage::Integer if *target == Type::BOOL => match value {
            ValueRef::Integer(n) => Ok(Value::Integer((n != 0).into())),
            _ => Err(cannot(from, target)),
        },
        Storage::Integer => integer(value, from, target),
        Storage::Real => {
            if let ValueRef::Text(text) = value
                && *from == Type::NUMERIC
            {
                return parse(&utf8(text), &to.kind.clone().into());
            }
            let x = real(value)?;
            Ok(Value::Real(if *target == Type::FLOAT4 {
                single(x)?
            } else {
                x
            }))
        }
        Storage::Text if *target == Type::NUMERIC => {
            if let ValueRef::Text(text) = value
                && std::str::from_utf8(text).is_ok_and(|t| number::is_shown(t, to.modifier))
            {
                return Ok(owned(value));
            }
            if let Some(special) = Special::of(value) {
                return Ok(Value::Text(special.fit(to.modifier)?.shown().into()));
            }
            let number = match value {
                // A real has six digits (float4_numeric).
                ValueRef::Real(x) if *from == Type::FLOAT4 => digits_of(x, 6)?,
                _ => numeric(value)?,
            };
            Ok(Value::Text(number::show(&number::fit(
                number,
                to.modifier,
            )?)))
        }
        Storage::Text if types::is_time(from) && from != target => time(value, from, to),
        Storage::Text | Storage::Blob if *from == Type::JSONB || *from == Type::JSON => {
            Ok(owned(value))
        }
        Storage::Text => parse(&show_kept(value), to),
        Storage::Blob => Ok(owned(value)),
    }
}

fn owned(value: ValueRef<'_>) -> Value {
    Value::try_from(value).unwrap_or(Value::Null)
}

/// As it is kept, without regard to the session's time zone.
fn show_kept(value: ValueRef<'_>) -> String {
    show(value, &Type::TEXT).unwrap_or_default()
}

fn cannot(from: &Type, to: &Type) -> Fault {
    Fault::new(
        SqlState::CANNOT_COERCE,
        format!(
            "cannot cast type {} to {}",
            types::show(from, -1),
            types::show(to, -1)
        ),
    )
}

fn integer(value: ValueRef<'_>, from: &Type, to: &Type) -> Result<Value, Fault> {
    let range = || number::out_of_range(&types::show(to, -1));
    let n = match value {
        ValueRef::Integer(n) => n,
        ValueRef::Real(x) => {
            // Half to even, as the C library rounds.
            let rounded = x.round_ties_even();
            if !(-9.3e18..9.3e18).contains(&rounded) {
                return Err(range());
            }
            rounded.to_i64().ok_or_else(range)?
        }
        ValueRef::Text(_) if *from == Type::NUMERIC => {
            if let Some(special) = Special::of(value) {
                return Err(special.no_integer(&types::show(to, -1)));
            }
            number::to_i64(&numeric(value)?).ok_or_else(range)?
        }
        _ => return Err(cannot(from, to)),
    };
    let fits = match *to {
        Type::INT2 => i16::try_from(n).is_ok(),
        Type::INT4 => i32::try_from(n).is_ok(),
        _ if is_oid(to) => u32::try_from(n).is_ok() || is_integer(from) && i32::try_from(n).is_ok(),
        _ => true,
    };
    if fits {
        Ok(Value::Integer(if is_oid(to) { n & 0xffff_ffff } else { n }))
    } else {
        Err(range())
    }
}

pub(super) fn real(value: ValueRef<'_>) -> Result<f64, Fault> {
    match value {
        ValueRef::Integer(n) => Ok(n as f64),
        ValueRef::Real(x) => Ok(x),
        ValueRef::Text(text) => {
            let text = String::from_utf8_lossy(text);
            text.trim()
                .parse()
                .map_err(|_| syntax(&Type::FLOAT8, &text))
        }
        ValueRef::Null | ValueRef::Blob(_) => Err(syntax(&Type::FLOAT8, "")),
    }
}

pub(super) fn numeric(value: ValueRef<'_>) -> Result<BigDecimal, Fault> {
    match value {
        ValueRef::Integer(n) => Ok(n.into()),
        // PostgreSQL goes by 15 digits (float8_numeric).
        ValueRef::Real(x) => digits_of(x, 15),
        ValueRef::Text(b"NaN" | b"Infinity" | b"-Infinity") => {
            let text = show_kept(value);
            Err(Fault::unsupported(format!("this computation with {text}")))
        }
        ValueRef::Text(text) => number::parse(&String::from_utf8_lossy(text)),
        ValueRef::Null | ValueRef::Blob(_) => Err(syntax(&Type::NUMERIC, "")),
    }
}

/// The exact number of so many digits.
fn digits_of(x: f64, digits: usize) -> Result<BigDecimal, Fault> {
    let text = format!("{x:.*e}", digits.saturating_sub(1));
    let number = number::parse(&text)
        .ok()
        .or_else(|| BigDecimal::from_f64(x))
        .ok_or_else(|| syntax(&Type::NUMERIC, &text))?;
    let number = number.normalized();
    Ok(if number.fractional_digit_count() < 0 {
        number.with_scale(0)
    } else {
        number
    })
}

/// Between dates, timestamps and those with a time zone.
fn time(value: ValueRef<'_>, from: &Type, to: &Ty) -> Result<Value, Fault> {
    let text = show_kept(value);
    let zone = context::zone();
    // What the wall shows.
    let wall = match *from {
        Type::TIMESTAMPTZ => datetime::wall(datetime::parse_timestamptz(&text)?, &zone)?,
        _ => datetime::from_micros(datetime::parse_timestamp(&text)?)?,
    };
    let micros = datetime::to_micros(wall)?;
    Ok(Value::Text(match to.kind {
        Type::DATE => datetime::show_date(wall.date()),
        Type::TIME => datetime::show_time(datetime::round_to(
            micros.rem_euclid(datetime::DAY),
            to.modifier,
        )),
        Type::TIMESTAMP => datetime::show_timestamp(datetime::round_to(micros, to.modifier))?,
        Type::TIMESTAMPTZ => datetime::keep_timestamptz(datetime::round_to(
            datetime::in_zone(wall, &zone)?,
            to.modifier,
        ))?,
        _ => return Err(cannot(from, &to.kind)),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ty(name: &str) -> Ty {
        types::named(name).unwrap()
    }

    #[test]
    fn input_and_output() {
        let cases = [
            ("bool", " TRUE ", Ok("t")),
            ("bool", "off", Ok("f")),
            ("bool", "maybe", Err("22P02")),
            ("bool", "", Err("22P02")),
            ("int", " -7 ", Ok("-7")),
            ("int", "2147483648", Err("22003")),
            ("smallint", "40000", Err("22003")),
            ("bigint", "99999999999999999999", Err("22003")),
            ("int", "abc", Err("22P02")),
            ("int", "1.5", Err("22P02")),
            ("float8", "1e400", Err("22003")),
            ("float8", "1e20", Ok("1e+20")),
            ("float4", "0.1", Ok("0.1")),
            ("numeric(6,2)", "1.005", Ok("1.01")),
            ("varchar(3)", "abcd", Err("22001")),
            ("varchar(3)", "abc  ", Ok("abc")),
            ("bytea", "\\x00FF", Ok("\\x00ff")),
            ("bytea", "a\\\\\\001", Ok("\\x615c01")),
            ("bytea", "\\x0", Err("22P02")),
            (
                "uuid",
                "{A0EEBC99-9C0B4EF8BB6D6BB9BD380A11}",
                Ok("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
            ),
            ("uuid", "x", Err("22P02")),
            ("date", "2026-02-30", Err("22008")),
            ("oid", "4294967295", Ok("4294967295")),
            ("int[]", "{1, 2,NULL}", Ok("{1,2,NULL}")),
            ("int[]", "{1,x}", Err("22P02")),
            ("text[]", "{\"a b\",c,\"\"}", Ok("{\"a b\",c,\"\"}")),
        ];
        for (name, text, expected) in cases {
            let ty = ty(name);
            let got = parse(text, &ty).and_then(|v| show(ValueRef::from(&v), &ty.kind));
            match (&got, expected) {
                (Ok(got), Ok(expected)) => assert_eq!(got, expected, "{name} {text}"),
                (Err(fault), Err(code)) => assert_eq!(fault.code.as_str(), code, "{name} {text}"),
                other => panic!("{name} {text}: {other:?}"),
            }
        }
    }

    #[test]
    fn casts_round_cut_and_refuse() {
        let cases: [(Value, &str, &str, Result<&str, &str>); 11] = [
            (Value::Real(2.5), "float8", "int", Ok("2")),
            (Value::Text("2.5".into()), "numeric", "int", Ok("3")),
            (Value::Real(1e10), "float8", "int", Err("22003")),
            (Value::Integer(1), "bool", "text", Ok("true")),
            (Value::Text("abcd".into()), "text", "varchar(2)", Ok("ab")),
            (Value::Integer(70000), "int", "smallint", Err("22003")),
            (Value::Real(0.1), "float8", "numeric", Ok("0.1")),
            (
                Value::Text("2026-01-31 23:00:00+00".into()),
                "timestamptz",
                "date",
                Ok("2026-01-31"),
            ),
            (
                Value::Text("2026-01-31".into()),
                "date",
                "timestamp",
                Ok("2026-01-31 00:00:00"),
            ),
            (Value::Null, "int", "text", Ok("")),
            (Value::Integer(3), "int", "float8", Ok("3")),
        ];
        for (value, from, to, expected) in cases {
            let to = ty(to);
            let got = cast(ValueRef::from(&value), &ty(from).kind, &to, true)
                .and_then(|v| show(ValueRef::from(&v), &to.kind));
            match (&got, expected) {
                (Ok(got), Ok(expected)) => assert_eq!(got, expected, "{value:?}"),
                (Err(fault), Err(code)) => assert_eq!(fault.code.as_str(), code, "{value:?}"),
                other => panic!("{value:?}: {other:?}"),
            }
        }
    }
}
