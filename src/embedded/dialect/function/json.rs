//! Functions that make JSON.

use postgres_types::Type;
use sqlparser::ast::Expr;

use crate::embedded::dialect::expr::{Sql, Translator};
use crate::embedded::dialect::function::resolve::undefined;
use crate::embedded::dialect::scope::{Scope, fold};
use crate::embedded::dialect::{Fault, literal, types};
use crate::error_response::SqlState;

impl Translator<'_> {
    pub(super) fn of_json(&mut self, name: &str, arguments: &[Sql]) -> Result<Option<Sql>, Fault> {
        let all = || arguments.to_vec();
        let one = |i: usize| arguments.get(i).cloned();
        Ok(Some(match (name, arguments.len()) {
            ("array_to_json", 1)
                if arguments.iter().all(|a| types::element(a.kind()).is_some()) =>
            {
                return self.of_json("to_json", arguments);
            }
            ("json_strip_nulls" | "jsonb_strip_nulls", 1) => {
                let binary = name.starts_with("jsonb");
                let kind = if binary { Type::JSONB } else { Type::JSON };
                let json = self.exactly(name, arguments, &kind)?.concat();
                let text = format!("pg_json_strip_nulls({json},{})", u8::from(binary));
                Sql::new(text, kind)
            }
            ("jsonb_pretty", 1) => {
                let json = self.exactly(name, arguments, &Type::JSONB)?.concat();
                Sql::new(format!("pg_jsonb_pretty({json})"), Type::TEXT)
            }
            ("json_object" | "jsonb_object", 1 | 2) => {
                let arrays = self.exactly(name, arguments, &Type::TEXT_ARRAY)?;
                let text = format!("pg_json_object_of({})", arrays.join(","));
                if name == "json_object" {
                    Sql::new(text, Type::JSON)
                } else {
                    Sql::new(format!("pg_json({text},1)"), Type::JSONB)
                }
            }
            // A row is JSON already.
            ("row_to_json", 1) if arguments.iter().all(|a| *a.kind() == Type::JSON) => {
                return Ok(one(0));
            }
            ("to_json" | "to_jsonb", 1) => {
                let value = one(0).ok_or_else(|| undefined(name, arguments))?;
                let value = self.settle_as(value, &Type::TEXT)?;
                let text = format!("pg_as_json({},{})", value.text, value.kind().oid());
                if name == "to_json" {
                    Sql::new(text, Type::JSON)
                } else {
                    Sql::new(format!("pg_json({text},1)"), Type::JSONB)
                }
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
                        self.as_shown(sql)?.text
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
            ("jsonb_set" | "jsonb_insert", 3 | 4) => {
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
                    texts.push(u8::from(name == "jsonb_set").to_string());
                }
                Sql::new(format!("pg_{name}({})", texts.join(",")), Type::JSONB)
            }
            (
                "json_extract_path"
                | "jsonb_extract_path"
                | "json_extract_path_text"
                | "jsonb_extract_path_text",
                2..,
            ) => {
                let (json, path) = arguments.split_at(1);
                let kind = if name.starts_with("jsonb") {
                    Type::JSONB
                } else {
                    Type::JSON
                };
                let json = self.exactly(name, json, &kind)?;
                let path = self.all_of(name, path, &Type::TEXT)?;
                let as_text = name.ends_with("text");
                let text = format!(
                    "pg_json_path({},pg_array({},{}),{})",
                    json.join(","),
                    Type::TEXT.oid(),
                    path.join(","),
                    u8::from(as_text)
                );
                Sql::new(text, if as_text { Type::TEXT } else { kind })
            }
            _ => return Ok(None),
        }))
    }

    /// All arguments, which must be of this type.
    fn exactly(
        &mut self,
        name: &str,
        arguments: &[Sql],
        kind: &Type,
    ) -> Result<Vec<String>, Fault> {
        let mut texts = Vec::new();
        for argument in arguments {
            let sql = self.settle_as(argument.clone(), kind)?;
            if sql.kind() != kind {
                return Err(undefined(name, arguments));
            }
            texts.push(sql.text);
        }
        Ok(texts)
    }

    /// The row of a table that is named like a column, as JSON: `row_to_json(t)`.
    pub(super) fn whole_row(&mut self, expr: &Expr, scope: &Scope<'_>) -> Option<Sql> {
        let Expr::Identifier(ident) = expr else {
            return None;
        };
        let name = fold(ident);
        if !matches!(scope.column(&name), Ok(None)) {
            return None;
        }
        let relation = scope.relations.iter().find(|r| r.name == name)?;
        let mut texts = Vec::new();
        for column in relation.columns.iter().filter(|c| !c.system) {
            let sql = relation.sql(column);
            self.note_column(&sql, &column.name, relation, Some(ident));
            let kind = if column.ty.kind == Type::UNKNOWN {
                Type::TEXT
            } else {
                column.ty.kind.clone()
            };
            texts.push(literal(&column.name));
            texts.push(format!("pg_to_json({sql},{})", kind.oid()));
        }
        Some(Sql::new(
            format!("pg_json_row({})", texts.join(",")),
            Type::JSON,
        ))
    }
}
