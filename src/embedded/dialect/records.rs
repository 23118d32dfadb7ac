//! `json_to_recordset` and its like: JSON objects as rows, whose columns are said beside the call, or
//! are those of a table.

use postgres_types::Type;
use sqlparser::ast::{BinaryOperator, Expr, FunctionArg, FunctionArgExpr, ObjectName, TableAlias};

use crate::embedded::dialect::expr::{Open, Sql, Translator};
use crate::embedded::dialect::function::undefined;
use crate::embedded::dialect::scope::{Place, Relation, RelationColumn, Scope, fold};
use crate::embedded::dialect::types::{self, Ty};
use crate::embedded::dialect::{Fault, literal, quote};
use crate::error_response::SqlState;

/// A function of this kind: its JSON type, whether it is of several rows, and of a table's.
pub(super) struct Kind {
    json: Type,
    several: bool,
    of_table: bool,
}

/// What the function of that name is.
pub(super) fn kind_of(name: &str) -> Option<Kind> {
    let (json, rest) = match name.strip_prefix("jsonb_") {
        Some(rest) => (Type::JSONB, rest),
        None => (Type::JSON, name.strip_prefix("json_")?),
    };
    let (several, of_table) = match rest {
        "to_record" => (false, false),
        "to_recordset" => (true, false),
        "populate_record" => (false, true),
        "populate_recordset" => (true, true),
        _ => return None,
    };
    Some(Kind {
        json,
        several,
        of_table,
    })
}

/// The table of `NULL::table`.
fn row_type(expr: &Expr) -> Option<ObjectName> {
    match expr {
        Expr::Nested(inner) => row_type(inner),
        Expr::Cast {
            expr, data_type, ..
        } if matches!(&**expr, Expr::Value(v) if v.value == sqlparser::ast::Value::Null) => {
            match data_type {
                sqlparser::ast::DataType::Custom(name, modifiers) if modifiers.is_empty() => {
                    Some(name.clone())
                }
                _ => None,
            }
        }
        _ => None,
    }
}

impl Translator<'_> {
    /// The call as a part of FROM.
    pub(super) fn records(
        &mut self,
        (name, kind): (&str, &Kind),
        args: &[FunctionArg],
        numbered: bool,
        alias: Option<&TableAlias>,
        scope: &mut Scope<'_>,
    ) -> Result<String, Fault> {
        let mut exprs = Vec::new();
        for argument in args {
            match argument {
                FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => exprs.push(expr),
                _ => return Err(Fault::unsupported(format!("this argument of {name}"))),
            }
        }
        let listed = alias.map(|a| a.columns.as_slice()).unwrap_or_default();
        let typed = listed.iter().any(|c| c.data_type.is_some());
        let mut columns: Vec<(String, Ty)> = Vec::new();
        let json = match (kind.of_table, exprs.as_slice()) {
            (true, [row, json]) => {
                let Some(table) = row_type(row) else {
                    return Err(Fault::unsupported(format!(
                        "{name} of a row that is not NULL"
                    )));
                };
                let table = self.table(&table).at(*row)?;
                columns.extend(table.columns.iter().map(|c| (c.name.clone(), c.ty.clone())));
                if typed {
                    return Err(Fault::unsupported(format!(
                        "a column definition list for {name}"
                    )));
                }
                for (column, other) in columns.iter_mut().zip(listed) {
                    column.0 = fold(&other.name);
                }
                json
            }
            (false, [json]) if typed => {
                for column in listed {
                    let Some(ty) = &column.data_type else {
                        return Err(Fault::new(
                            SqlState::SYNTAX_ERROR,
                            format!("syntax error at or near \"{}\"", column.name),
                        ));
                    };
                    let name = fold(&column.name);
                    if columns.iter().any(|(n, _)| *n == name) {
                        return Err(Fault::new(
                            SqlState::DUPLICATE_COLUMN,
                            format!("column name \"{name}\" specified more than once"),
                        ));
                    }
                    columns.push((name, types::named(&ty.to_string()).at_name(&column.name)?));
                }
                if numbered {
                    return Err(Fault::new(
                        SqlState::SYNTAX_ERROR,
                        "WITH ORDINALITY cannot be used with a column definition list",
                    )
                    .with_hint("Put the column definition list inside ROWS FROM()."));
                }
                json
            }
            (false, [_]) => {
                return Err(Fault::new(
                    SqlState::SYNTAX_ERROR,
                    "a column definition list is required for functions returning \"record\"",
                ));
            }
            _ => return Err(undefined(name, &[])),
        };
        let json = self.expr(json, scope)?;
        let json = self.settle_as(json, &kind.json)?;
        if *json.kind() != kind.json {
            return Err(undefined(name, &[json]));
        }
        let visible = alias.map_or_else(|| name.to_owned(), |a| fold(&a.name));
        let text = format!(
            "json_each(pg_json_records({},{},{})) AS {}",
            json.text,
            literal(name),
            u8::from(kind.several),
            quote(&visible)
        );
        let mut relation = Relation {
            name: visible.clone(),
            qualified: true,
            columns: Vec::new(),
        };
        for (column, ty) in columns {
            let sql = self.member(&visible, kind, &column, &ty)?;
            relation.columns.push(RelationColumn {
                computed: Some(sql),
                ..RelationColumn::new(column, ty)
            });
        }
        if numbered {
            super::sets::number_rows(&mut relation, &text)?;
        }
        scope.add(relation)?;
        Ok(text)
    }

    /// A member of the object at hand, as a value of its column.
    fn member(
        &mut self,
        visible: &str,
        kind: &Kind,
        column: &str,
        ty: &Ty,
    ) -> Result<String, Fault> {
        if types::element(&ty.kind).is_some() {
            return Err(Fault::unsupported(format!(
                "an array as the column \"{column}\" of a JSON record"
            )));
        }
        let object = Sql::new(format!("{}.\"value\"", quote(visible)), kind.json.clone());
        let key = Sql {
            open: Open::Text(column.to_owned()),
            ..Sql::new(literal(column), Type::TEXT)
        };
        let operator = match ty.kind {
            Type::JSON | Type::JSONB => BinaryOperator::Arrow,
            _ => BinaryOperator::LongArrow,
        };
        let value = self.binary(&operator, object, key)?;
        let value = match ty.kind {
            // A null is none here.
            Type::JSON | Type::JSONB => Sql {
                text: format!("nullif({},'null')", value.text),
                ..value
            },
            _ => value,
        };
        Ok(self.cast_now(value, ty, false)?.text)
    }
}
