//! Functions of numbers that depend on what kind of number it is.

use postgres_types::Type;

use crate::embedded::dialect::Fault;
use crate::embedded::dialect::expr::{Sql, Translator};
use crate::embedded::dialect::function::resolve::undefined;
use crate::embedded::dialect::function::table::FLOATS;
use crate::embedded::dialect::types::{self, is_integer, is_number};
use crate::error_response::SqlState;

/// Those that exist for `numeric` too.
const EXACT: &[(&str, &str)] = &[
    ("exp", "pg_exact_exp"),
    ("ln", "pg_exact_ln"),
    ("log", "pg_exact_log"),
    ("log10", "pg_exact_log"),
    ("sqrt", "pg_exact_sqrt"),
];

/// Whether `numeric` among them makes it a function of `numeric`: a float does not let it.
fn exact(arguments: &[Sql]) -> bool {
    let float = |a: &Sql| matches!(*a.kind(), Type::FLOAT4 | Type::FLOAT8);
    arguments.iter().any(|a| *a.kind() == Type::NUMERIC) && !arguments.iter().any(float)
}

impl Translator<'_> {
    pub(super) fn of_numbers(
        &mut self,
        name: &str,
        arguments: &[Sql],
    ) -> Result<Option<Sql>, Fault> {
        let all = || arguments.to_vec();
        let one = |i: usize| arguments.get(i).cloned();
        Ok(Some(match (name, arguments.len()) {
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
            ("gcd" | "lcm", 2) => {
                let (all, kind) = self.common(all(), name)?;
                if !is_integer(&kind) && kind != Type::NUMERIC {
                    return Err(undefined(name, arguments));
                }
                if kind == Type::INT2 {
                    let code = SqlState::new("42725").unwrap_or(SqlState::UNDEFINED_FUNCTION);
                    return Err(Fault::new(
                        code,
                        format!("function {name}(smallint, smallint) is not unique"),
                    ));
                }
                let texts: Vec<String> = all.into_iter().map(|a| a.text).collect();
                let text = format!("pg_{name}({},{})", kind.oid(), texts.join(","));
                Sql::new(text, kind)
            }
            ("power" | "pow", 2) => {
                let exact = exact(arguments);
                let kind = if exact { Type::NUMERIC } else { Type::FLOAT8 };
                let texts = self.all_of(name, arguments, &kind)?;
                let function = if exact { "pg_exact_power" } else { "pg_power" };
                Sql::new(format!("{function}({})", texts.join(",")), kind)
            }
            ("atan2", 2) => {
                let texts = self.all_of(name, arguments, &Type::FLOAT8)?;
                Sql::new(format!("pg_atan2({})", texts.join(",")), Type::FLOAT8)
            }
            ("width_bucket", 2) => {
                let array = one(1).ok_or_else(|| undefined(name, arguments))?;
                let element =
                    types::element(array.kind()).ok_or_else(|| undefined(name, arguments))?;
                let value = one(0).ok_or_else(|| undefined(name, arguments))?;
                let value = self
                    .implicit(value, &element.clone().into())
                    .map_err(|_| Fault::unsupported("width_bucket of different types"))?;
                let text = format!(
                    "pg_width_bucket_of({},{},{},{})",
                    element.oid(),
                    value.text,
                    array.kind().oid(),
                    array.text
                );
                Sql::new(text, Type::INT4)
            }
            ("width_bucket", 4) => {
                let (bounds, count) = arguments.split_at(3);
                let kind = if exact(bounds) {
                    Type::NUMERIC
                } else {
                    Type::FLOAT8
                };
                let mut texts = self.all_of(name, bounds, &kind)?;
                texts.extend(self.all_of(name, count, &Type::INT4)?);
                let text = format!("pg_width_bucket({},{})", kind.oid(), texts.join(","));
                Sql::new(text, Type::INT4)
            }
            (float, 1) if FLOATS.contains(&float) => {
                let known = EXACT.iter().find(|(n, _)| *n == float);
                let (function, kind) = match known {
                    Some((_, function)) if exact(arguments) => {
                        ((*function).to_owned(), Type::NUMERIC)
                    }
                    _ => (format!("pg_{name}"), Type::FLOAT8),
                };
                let texts = self.all_of(name, arguments, &kind)?;
                Sql::new(format!("{function}({})", texts.join(",")), kind)
            }
            ("to_char", 2)
                if arguments
                    .first()
                    .is_some_and(|a| is_number(a.kind()) && !types::is_oid(a.kind())) =>
            {
                let value = one(0).ok_or_else(|| undefined(name, arguments))?;
                let pattern = one(1).ok_or_else(|| undefined(name, arguments))?;
                let pattern = self.implicit(pattern, &Type::TEXT.into())?;
                // There is none for smallint, and double precision is preferred.
                let kind = match *value.kind() {
                    Type::INT2 => Type::FLOAT8.oid(),
                    _ => value.kind().oid(),
                };
                let text = format!("pg_to_char_n({},{kind},{})", value.text, pattern.text);
                Sql::new(text, Type::TEXT)
            }
            ("setseed", 1) => return Err(Fault::unsupported("setseed")),
            _ => return Ok(None),
        }))
    }

    /// All arguments as this type, or there is no such function.
    pub(super) fn all_of(
        &mut self,
        name: &str,
        arguments: &[Sql],
        kind: &Type,
    ) -> Result<Vec<String>, Fault> {
        let mut texts = Vec::new();
        for argument in arguments {
            let sql = self
                .implicit(argument.clone(), &kind.clone().into())
                .map_err(|fault| match fault.code {
                    SqlState::DATATYPE_MISMATCH => undefined(name, arguments),
                    _ => fault,
                })?;
            texts.push(sql.text);
        }
        Ok(texts)
    }
}
