//! Functions whose result has the type of an argument, and the like.

use postgres_types::Type;

use crate::embedded::dialect::Fault;
use crate::embedded::dialect::expr::{Sql, Translator};
use crate::embedded::dialect::function::resolve::undefined;
use crate::embedded::dialect::function::table::FLOATS;
use crate::embedded::dialect::types::{self, is_integer, is_number};
use crate::error_response::SqlState;

impl Translator<'_> {
    /// Functions whose result has the type of an argument, and the like.
    pub(super) fn special(&mut self, name: &str, arguments: &[Sql]) -> Result<Option<Sql>, Fault> {
        let all = || arguments.to_vec();
        let one = |i: usize| arguments.get(i).cloned();
        Ok(Some(match (name, arguments.len()) {
            ("coalesce", 1..) => {
                let (all, kind) = self.common(all(), "COALESCE")?;
                let not_null = all.iter().any(|a| a.not_null);
                let texts: Vec<String> = all.into_iter().map(|a| a.text).collect();
                let text = match texts.as_slice() {
                    [only] => only.clone(),
                    _ => format!("coalesce({})", texts.join(",")),
                };
                Sql {
                    not_null,
                    ..Sql::new(text, kind)
                }
            }
            ("greatest" | "least", 1..) => {
                let (all, kind) = self.common(all(), &name.to_uppercase())?;
                let texts: Vec<String> = all.into_iter().map(|a| a.text).collect();
                Sql::new(
                    format!("pg_{name}({},{})", kind.oid(), texts.join(",")),
                    kind,
                )
            }
            ("nullif", 2) => {
                let (all, kind) = self.common(all(), "NULLIF")?;
                let texts: Vec<String> = all.iter().map(Sql::ordered).collect();
                Sql::new(format!("nullif({})", texts.join(",")), kind)
            }
            ("abs" | "ceil" | "ceiling" | "floor" | "round" | "sign" | "trunc", 1) => {
                let value = one(0).ok_or_else(|| undefined(name, arguments))?;
                let value = self.settle_as(value, &Type::FLOAT8)?;
                let kind = match value.kind() {
                    k if !is_number(k) || types::is_oid(k) => {
                        return Err(undefined(name, arguments));
                    }
                    k if name == "abs" || *k == Type::NUMERIC || *k == Type::FLOAT8 => k.clone(),
                    _ => Type::FLOAT8,
                };
                let value = self.cast_now(value, &kind.clone().into(), false)?;
                Sql::new(format!("pg_{name}({},{})", value.text, kind.oid()), kind)
            }
            ("round" | "trunc", 2) => {
                let value = one(0).ok_or_else(|| undefined(name, arguments))?;
                let digits = one(1).ok_or_else(|| undefined(name, arguments))?;
                let value = self
                    .implicit(value, &Type::NUMERIC.into())
                    .map_err(|_| undefined(name, arguments))?;
                let digits = self.implicit(digits, &Type::INT4.into())?;
                Sql::new(
                    format!("pg_{name}_to({},{})", value.text, digits.text),
                    Type::NUMERIC,
                )
            }
            ("mod", 2) => {
                let (all, kind) = self.common(all(), "mod")?;
                let texts: Vec<String> = all.into_iter().map(|a| a.text).collect();
                if !is_integer(&kind) && kind != Type::NUMERIC {
                    return Err(undefined(name, arguments));
                }
                Sql::new(
                    format!(
                        "pg_arith({},{},{})",
                        u32::from('%'),
                        kind.oid(),
                        texts.join(",")
                    ),
                    kind,
                )
            }
            ("power" | "pow" | "atan2", 2) => {
                let mut texts = Vec::new();
                for argument in all() {
                    texts.push(
                        self.implicit(argument, &Type::FLOAT8.into())
                            .map_err(|_| undefined(name, arguments))?
                            .text,
                    );
                }
                let function = if name == "atan2" {
                    "pg_atan2"
                } else {
                    "pg_power"
                };
                Sql::new(format!("{function}({})", texts.join(",")), Type::FLOAT8)
            }
            (float, 1) if FLOATS.contains(&float) => {
                let value = one(0).ok_or_else(|| undefined(name, arguments))?;
                let value = self
                    .implicit(value, &Type::FLOAT8.into())
                    .map_err(|_| undefined(name, arguments))?;
                Sql::new(format!("pg_{name}({})", value.text), Type::FLOAT8)
            }
            ("pg_typeof", 1) => {
                let kind = arguments
                    .first()
                    .map_or(Type::UNKNOWN, |a| a.kind().clone());
                Sql::new(kind.oid().to_string(), Type::REGTYPE)
            }
            ("date_trunc", 2) => {
                let unit = one(0).ok_or_else(|| undefined(name, arguments))?;
                let value = one(1).ok_or_else(|| undefined(name, arguments))?;
                let unit = self.implicit(unit, &Type::TEXT.into())?;
                let value = self.settle_as(value, &Type::TIMESTAMPTZ)?;
                let kind = match *value.kind() {
                    Type::TIMESTAMP => Type::TIMESTAMP,
                    Type::TIMESTAMPTZ | Type::DATE => Type::TIMESTAMPTZ,
                    _ => return Err(undefined(name, arguments)),
                };
                let value = self.cast_now(value, &kind.clone().into(), false)?;
                Sql::new(
                    format!(
                        "pg_date_trunc({},{},{})",
                        unit.text,
                        value.text,
                        u8::from(kind == Type::TIMESTAMPTZ)
                    ),
                    kind,
                )
            }
            ("extract" | "date_part", 2) => {
                let unit = one(0).ok_or_else(|| undefined(name, arguments))?;
                let value = one(1).ok_or_else(|| undefined(name, arguments))?;
                let unit = self.implicit(unit, &Type::TEXT.into())?;
                let value = self.settle_as(value, &Type::TIMESTAMP)?;
                if !types::is_time(value.kind())
                    && !matches!(*value.kind(), Type::TIME | Type::INTERVAL)
                {
                    return Err(undefined(name, arguments));
                }
                let extracted = Sql::new(
                    format!(
                        "pg_extract({},{},{})",
                        unit.text,
                        value.text,
                        value.kind().oid()
                    ),
                    Type::NUMERIC,
                );
                if name == "extract" {
                    extracted
                } else {
                    self.cast_now(extracted, &Type::FLOAT8.into(), false)?
                }
            }
            ("array_to_string", 2 | 3) => {
                let array = one(0).ok_or_else(|| undefined(name, arguments))?;
                let mut texts = vec![array.text.clone(), array.kind().oid().to_string()];
                if types::element(array.kind()).is_none() {
                    return Err(undefined(name, arguments));
                }
                for text in arguments.iter().skip(1) {
                    texts.push(self.implicit(text.clone(), &Type::TEXT.into())?.text);
                }
                Sql::new(
                    format!("pg_array_to_string({})", texts.join(",")),
                    Type::TEXT,
                )
            }
            ("array_length" | "array_upper" | "array_lower", 2) | ("cardinality", 1) => {
                let array = one(0).ok_or_else(|| undefined(name, arguments))?;
                if types::element(array.kind()).is_none() {
                    return Err(undefined(name, arguments));
                }
                let oid = array.kind().oid();
                let function = match name {
                    "array_lower" => "pg_array_lower",
                    "array_upper" => "pg_array_upper",
                    "array_length" => "pg_array_length",
                    _ => "pg_cardinality",
                };
                Sql::new(format!("{function}({},{oid})", array.text), Type::INT4)
            }
            ("array_position", 2) => {
                let array = one(0).ok_or_else(|| undefined(name, arguments))?;
                let value = one(1).ok_or_else(|| undefined(name, arguments))?;
                let element =
                    types::element(array.kind()).ok_or_else(|| undefined(name, arguments))?;
                let value = self.implicit(value, &element.into())?;
                let value = self.cast_now(value, &Type::TEXT.into(), false)?;
                Sql::new(
                    format!("pg_array_position({},{})", array.text, value.text),
                    Type::INT4,
                )
            }
            ("array_append", 2) => {
                let mut both = all().into_iter();
                match (both.next(), both.next()) {
                    (Some(a), Some(b)) => {
                        return self
                            .binary(&sqlparser::ast::BinaryOperator::StringConcat, a, b)
                            .map(Some);
                    }
                    _ => return Err(undefined(name, arguments)),
                }
            }
            ("to_json" | "to_jsonb", 1) => {
                let value = one(0).ok_or_else(|| undefined(name, arguments))?;
                let value = self.settle_as(value, &Type::TEXT)?;
                let kind = if name == "to_json" {
                    Type::JSON
                } else {
                    Type::JSONB
                };
                Sql::new(
                    format!("pg_to_json({},{})", value.text, value.kind().oid()),
                    kind,
                )
            }
            (
                "json_build_object" | "jsonb_build_object" | "json_build_array"
                | "jsonb_build_array",
                _,
            ) => {
                let object = name.ends_with("object");
                let mut texts = Vec::new();
                for (i, argument) in all().into_iter().enumerate() {
                    let sql = self.settle_as(argument, &Type::TEXT)?;
                    texts.push(if object && i % 2 == 0 {
                        self.cast_now(sql, &Type::TEXT.into(), false)?.text
                    } else {
                        format!("pg_to_json({},{})", sql.text, sql.kind().oid())
                    });
                }
                if object && texts.len() % 2 != 0 {
                    return Err(Fault::new(
                        SqlState::INVALID_PARAMETER_VALUE,
                        "argument list must have even number of elements",
                    ));
                }
                let function = if object {
                    "pg_json_object"
                } else {
                    "pg_json_array"
                };
                let text = format!("{function}({})", texts.join(","));
                if name.starts_with("jsonb") {
                    Sql::new(format!("pg_json({text},1)"), Type::JSONB)
                } else {
                    Sql::new(text, Type::JSON)
                }
            }
            ("jsonb_set", 3 | 4) => {
                let mut texts = Vec::new();
                for (argument, kind) in
                    all()
                        .into_iter()
                        .zip([Type::JSONB, Type::TEXT_ARRAY, Type::JSONB, Type::BOOL])
                {
                    let sql = self.settle_as(argument, &kind)?;
                    if *sql.kind() != kind {
                        return Err(undefined(name, arguments));
                    }
                    texts.push(sql.text);
                }
                if texts.len() == 3 {
                    texts.push("1".into());
                }
                Sql::new(format!("pg_jsonb_set({})", texts.join(",")), Type::JSONB)
            }
            ("timezone", 2) => return Err(Fault::unsupported("timezone(…); AT TIME ZONE is")),
            _ => return Ok(None),
        }))
    }
}
