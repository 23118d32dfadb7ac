//! Functions whose result has the type of an argument, and the like.

use postgres_types::Type;

use crate::embedded::dialect::Fault;
use crate::embedded::dialect::expr::{Sql, Translator};
use crate::embedded::dialect::function::resolve::undefined;
use crate::embedded::dialect::{operator, row, types};
use crate::error_response::SqlState;

impl Translator<'_> {
    /// Functions whose result has the type of an argument, and the like.
    pub(super) fn special(&mut self, name: &str, arguments: &[Sql]) -> Result<Option<Sql>, Fault> {
        if let Some(sql) = self.of_numbers(name, arguments)? {
            return Ok(Some(sql));
        }
        if let Some(sql) = self.of_times(name, arguments)? {
            return Ok(Some(sql));
        }
        if let Some(sql) = self.of_arrays(name, arguments)? {
            return Ok(Some(sql));
        }
        if let Some(sql) = self.of_json(name, arguments)? {
            return Ok(Some(sql));
        }
        let all = || arguments.to_vec();
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
                all.iter().try_for_each(row::known)?;
                let texts: Vec<String> = all.into_iter().map(|a| a.text).collect();
                Sql::new(
                    format!("pg_{name}({},{})", kind.oid(), texts.join(",")),
                    kind,
                )
            }
            ("nullif", 2) => {
                let kinds = arguments.iter().map(|a| a.kind().clone());
                let kinds: Vec<Type> = kinds.collect();
                let (all, kind) = self.common_by(all(), "NULLIF", operator::wider)?;
                all.iter().try_for_each(row::known)?;
                let texts: Vec<String> = all.iter().map(Sql::ordered).collect();
                // It is of what `=` compares on the left: integers of any size are compared as they
                // are, varchars as texts.
                let kind = match (kind, &*kinds) {
                    (Type::VARCHAR, _) => Type::TEXT,
                    (
                        Type::INT4 | Type::INT8,
                        [left @ (Type::INT2 | Type::INT4 | Type::INT8), _],
                    ) => left.clone(),
                    (Type::FLOAT8, [Type::FLOAT4, Type::FLOAT8]) => Type::FLOAT4,
                    (kind, _) => kind,
                };
                Sql::new(format!("nullif({})", texts.join(",")), kind)
            }
            ("pg_typeof", 1) => {
                let kind = arguments
                    .first()
                    .map_or(Type::UNKNOWN, |a| a.kind().clone());
                Sql::new(kind.oid().to_string(), Type::REGTYPE)
            }
            ("octet_length", 1) if all().iter().all(|a| *a.kind() == Type::BPCHAR) => {
                let texts: String = all().into_iter().map(|a| a.text).collect();
                Sql::new(format!("octet_length({texts})"), Type::INT4)
            }
            ("num_nulls" | "num_nonnulls", 1..) => {
                let test = if name == "num_nulls" {
                    "IS NULL"
                } else {
                    "IS NOT NULL"
                };
                let mut tests = Vec::new();
                for argument in all() {
                    let sql = self.settle_as(argument, &Type::TEXT)?;
                    tests.push(format!("({} {test})", sql.text));
                }
                Sql {
                    not_null: true,
                    ..Sql::new(format!("({})", tests.join("+")), Type::INT4)
                }
            }
            // What takes anything makes it a text first.
            ("quote_literal" | "quote_nullable", 1) => {
                let texts = self.as_texts(arguments)?;
                let function = if name == "quote_literal" {
                    "quote_literal"
                } else {
                    "pg_quote_nullable"
                };
                Sql::new(format!("{function}({})", texts.join(",")), Type::TEXT)
            }
            ("pg_column_size", 1) => {
                let size = match arguments.first().map(Sql::kind) {
                    Some(&Type::BOOL | &Type::CHAR) => 1,
                    Some(&Type::INT2) => 2,
                    Some(&Type::INT4 | &Type::OID | &Type::FLOAT4 | &Type::DATE) => 4,
                    Some(
                        &Type::INT8
                        | &Type::FLOAT8
                        | &Type::TIME
                        | &Type::TIMESTAMP
                        | &Type::TIMESTAMPTZ,
                    ) => 8,
                    Some(&Type::INTERVAL | &Type::UUID) => 16,
                    // Their length is that of PostgreSQL's storage.
                    _ => return Err(Fault::unsupported("pg_column_size of this type")),
                };
                let value = all().into_iter().map(|a| a.text).collect::<String>();
                Sql::new(format!("iif({value} IS NULL,NULL,{size})"), Type::INT4)
            }
            ("regexp_instr", 2..=7) => {
                let wanted = ["t", "t", "1", "1", "0", "", "0"];
                let texts = self.with_defaults(name, arguments, &wanted)?;
                Sql::new(format!("pg_regexp_instr({})", texts.join(",")), Type::INT4)
            }
            ("regexp_substr", 2..=6) => {
                let wanted = ["t", "t", "1", "1", "", "0"];
                let texts = self.with_defaults(name, arguments, &wanted)?;
                Sql::new(format!("pg_regexp_substr({})", texts.join(",")), Type::TEXT)
            }
            ("regexp_replace", 3..=6) => {
                // The fourth is flags if it is a text, else where to begin.
                let flags = arguments.get(3).filter(|a| types::is_text(a.kind()));
                let texts = match (flags, arguments) {
                    (Some(flags), [a, b, c, _]) => {
                        let four = [a.clone(), b.clone(), c.clone(), flags.clone()];
                        let mut texts = self.with_defaults(name, &four, &["t", "t", "t", ""])?;
                        let flags = texts.pop().unwrap_or_default();
                        texts.extend(["1".into(), "(-2147483648)".into(), flags]);
                        texts
                    }
                    (Some(_), _) => return Err(undefined(name, arguments)),
                    // A start alone is for the first match from there.
                    _ => {
                        let wanted = match arguments.len() {
                            ..=4 => ["t", "t", "t", "1", "-2147483648", ""],
                            _ => ["t", "t", "t", "1", "1", ""],
                        };
                        self.with_defaults(name, arguments, &wanted)?
                    }
                };
                Sql::new(
                    format!("pg_regexp_replace({})", texts.join(",")),
                    Type::TEXT,
                )
            }
            _ => return Ok(None),
        }))
    }

    /// All arguments in their text form.
    pub(super) fn as_texts(&mut self, arguments: &[Sql]) -> Result<Vec<String>, Fault> {
        let mut texts = Vec::new();
        for argument in arguments {
            let sql = self.settle_as(argument.clone(), &Type::TEXT)?;
            texts.push(self.cast_now(sql, &Type::TEXT.into(), false)?.text);
        }
        Ok(texts)
    }

    /// Arguments and what stands for those that are missing: numbers, or texts.
    fn with_defaults(
        &mut self,
        name: &str,
        arguments: &[Sql],
        wanted: &[&str],
    ) -> Result<Vec<String>, Fault> {
        let mut texts = Vec::new();
        for (i, default) in wanted.iter().enumerate() {
            let number = default.parse::<i64>().is_ok();
            texts.push(match arguments.get(i) {
                Some(argument) => {
                    let kind = if number { Type::INT4 } else { Type::TEXT };
                    let one = self.all_of(name, std::slice::from_ref(argument), &kind);
                    one.map_err(|fault| match fault.code {
                        SqlState::UNDEFINED_FUNCTION => undefined(name, arguments),
                        _ => fault,
                    })?
                    .concat()
                }
                None if number => format!("({default})"),
                None => "''".into(),
            });
        }
        Ok(texts)
    }
}
