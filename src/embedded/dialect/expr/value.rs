//! Literals and parameters, and the types that their places give them.

use postgres_types::Type;
use rusqlite::types::Value as Kept;
use sqlparser::ast::Value;

use crate::embedded::convert;
use crate::embedded::dialect::expr::{Open, Sql, Translator};
use crate::embedded::dialect::types::{self, Ty};
use crate::embedded::dialect::{Fault, enum_type, literal};
use crate::embedded::enums;
use crate::error_response::SqlState;

/// A value as SQLite writes it.
pub(in crate::embedded::dialect) fn constant(value: &Kept) -> String {
    match value {
        Kept::Null => "NULL".into(),
        Kept::Integer(n) if *n == i64::MIN => "(-9223372036854775807-1)".into(),
        Kept::Integer(n) if *n < 0 => format!("({n})"),
        Kept::Integer(n) => n.to_string(),
        Kept::Real(x) if x.is_infinite() => if *x > 0.0 { "9e999" } else { "(-9e999)" }.into(),
        Kept::Real(x) => format!("({x:?})"),
        Kept::Text(text) if text.contains('\0') => "NULL".into(),
        Kept::Text(text) => literal(text),
        Kept::Blob(bytes) => format!("x'{}'", convert::hex_digits(bytes)),
    }
}

impl Translator<'_> {
    pub(super) fn value(&mut self, value: &Value) -> Result<Sql, Fault> {
        let text = |text: &str| {
            if text.contains('\0') {
                return Err(Fault::new(
                    SqlState::CHARACTER_NOT_IN_REPERTOIRE,
                    "invalid byte sequence for encoding \"UTF8\": 0x00",
                ));
            }
            Ok(Sql {
                text: literal(text),
                ty: Type::UNKNOWN.into(),
                not_null: true,
                open: Open::Text(text.to_owned()),
            })
        };
        Ok(match value {
            Value::Number(digits, _) => {
                let digits: String = digits.chars().filter(|c| *c != '_').collect();
                match digits.parse::<i64>() {
                    Ok(n) if i32::try_from(n).is_ok() => Sql::new(digits, Type::INT4),
                    Ok(_) => Sql::new(digits, Type::INT8),
                    Err(_) => {
                        let value = convert::parse(&digits, &Type::NUMERIC.into())?;
                        Sql::new(constant(&value), Type::NUMERIC)
                    }
                }
            }
            Value::SingleQuotedString(s)
            | Value::EscapedStringLiteral(s)
            | Value::UnicodeStringLiteral(s)
            | Value::NationalStringLiteral(s) => return text(s),
            Value::DollarQuotedString(s) => return text(&s.value),
            Value::Boolean(b) => Sql::new(u8::from(*b).to_string(), Type::BOOL),
            Value::Null => Sql {
                text: "NULL".into(),
                ty: Type::UNKNOWN.into(),
                not_null: false,
                open: Open::Null,
            },
            Value::Placeholder(name) => return self.parameter(name),
            other => return Err(Fault::unsupported(format!("the literal {other}"))),
        })
    }

    fn parameter(&mut self, name: &str) -> Result<Sql, Fault> {
        let missing = || {
            Fault::new(
                SqlState::UNDEFINED_PARAMETER,
                format!("there is no parameter {name}"),
            )
        };
        let number: usize = name
            .strip_prefix('$')
            .and_then(|n| n.parse().ok())
            .filter(|n| (1..=32_766).contains(n))
            .ok_or_else(missing)?;
        let index = number.saturating_sub(1);
        if self.parameters.len() < number {
            self.parameters.resize(number, None);
        }
        let known = self.parameters.get(index).cloned().flatten();
        let text = format!("?{number}");
        Ok(Sql {
            text: match &known {
                Some(kind) => self.looked_up(text, kind),
                None => text,
            },
            open: if known.is_none() {
                Open::Parameter(index)
            } else {
                Open::No
            },
            ty: known.unwrap_or(Type::UNKNOWN).into(),
            not_null: false,
        })
    }

    /// A parameter that stands for an object comes as its number or its name.
    fn looked_up(&self, parameter: String, kind: &Type) -> String {
        if !types::is_named(kind) {
            return parameter;
        }
        format!(
            "iif(typeof({parameter})='text',{},{parameter})",
            self.object_in(&parameter, kind)
        )
    }

    /// Gives an expression of unknown type this one; others stay as they are.
    pub(in crate::embedded::dialect) fn settle(&mut self, sql: Sql, ty: &Ty) -> Result<Sql, Fault> {
        if *sql.kind() != Type::UNKNOWN {
            return Ok(sql);
        }
        let text = match &sql.open {
            Open::No => {
                // A column of unknown type in a subquery: its literal is a text there.
                return self.cast_now(
                    Sql {
                        ty: Type::TEXT.into(),
                        ..sql
                    },
                    ty,
                    false,
                );
            }
            Open::Null => "NULL".to_owned(),
            Open::Text(text) => {
                let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
                if types::is_named(&ty.kind) && !digits {
                    let text = self.object_in(&sql.text, &ty.kind);
                    return Ok(Sql::new(text, ty.kind.clone()));
                }
                if matches!(ty.kind, Type::JSON | Type::JSONB) {
                    format!("pg_json({},{})", sql.text, u8::from(ty.kind == Type::JSONB))
                } else {
                    match convert::parse(text, ty)? {
                        Kept::Integer(key) if enums::is_enum(&ty.kind) => enum_type::value(key, ty),
                        value => constant(&value),
                    }
                }
            }
            Open::Parameter(index) => {
                if let Some(slot) = self.parameters.get_mut(*index) {
                    if slot.as_ref().is_some_and(|known| *known != ty.kind) {
                        return Err(Fault::new(
                            SqlState::INDETERMINATE_DATATYPE,
                            format!(
                                "inconsistent types deduced for parameter ${}",
                                index.saturating_add(1)
                            ),
                        ));
                    }
                    *slot = Some(ty.kind.clone());
                }
                let typed = Sql::new(sql.text.clone(), ty.kind.clone());
                if ty.modifier >= 0 {
                    return self.cast_now(typed, ty, false);
                }
                self.looked_up(typed.text, &ty.kind)
            }
        };
        Ok(Sql {
            text,
            ty: ty.clone(),
            open: Open::No,
            not_null: sql.not_null,
        })
    }

    pub(in crate::embedded::dialect) fn settle_as(
        &mut self,
        sql: Sql,
        kind: &Type,
    ) -> Result<Sql, Fault> {
        self.settle(sql, &kind.clone().into())
    }
}
