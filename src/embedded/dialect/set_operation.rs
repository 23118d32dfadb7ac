//! UNION and its like, and VALUES.

use postgres_types::Type;
use sqlparser::ast::{SetExpr, SetOperator, SetQuantifier, Values};

use crate::embedded::dialect::expr::{Sql, Translator};
use crate::embedded::dialect::scope::{Place, Scope};
use crate::embedded::dialect::select::has_operator;
use crate::embedded::dialect::types::{self, Ty};
use crate::embedded::dialect::{Fault, Output, operator, quote};
use crate::embedded::functions::collation;
use crate::error_response::SqlState;

impl Translator<'_> {
    /// UNION and its like, VALUES, queries in parentheses.
    pub(super) fn set(
        &mut self,
        body: &SetExpr,
        parent: &Scope<'_>,
    ) -> Result<(String, Vec<Output>), Fault> {
        let recursing = std::mem::take(&mut self.recursing);
        match body {
            SetExpr::Select(select) => self.apart(parent, |this| {
                this.nest(|this| this.select(select, &[], parent))
            }),
            SetExpr::Query(query) => self.query(query, parent),
            SetExpr::Values(values) => self.values(values, parent, None),
            SetExpr::SetOperation {
                op,
                set_quantifier,
                left,
                right,
            } => {
                let word = match (op, set_quantifier) {
                    (SetOperator::Union, SetQuantifier::All) => "UNION ALL",
                    (SetOperator::Union, SetQuantifier::None | SetQuantifier::Distinct) => "UNION",
                    (SetOperator::Intersect, SetQuantifier::None | SetQuantifier::Distinct) => {
                        "INTERSECT"
                    }
                    (SetOperator::Except, SetQuantifier::None | SetQuantifier::Distinct) => {
                        "EXCEPT"
                    }
                    _ => return Err(Fault::unsupported(format!("{op} {set_quantifier}"))),
                };
                let (left_text, left_columns) = self.nest(|this| this.set(left, parent))?;
                let (right_text, right_columns) = self.nest(|this| this.set(right, parent))?;
                if left_columns.len() != right_columns.len() {
                    return Err(Fault::new(
                        SqlState::SYNTAX_ERROR,
                        format!("each {op} query must have the same number of columns"),
                    )
                    .at(&**right));
                }
                let mut columns = Vec::new();
                for (l, r) in left_columns.iter().zip(&right_columns) {
                    let kind = match (&l.ty.kind, &r.ty.kind) {
                        (&Type::UNKNOWN, other) | (other, &Type::UNKNOWN) => other.clone(),
                        (l, r) => operator::meeting(l, r).ok_or_else(|| {
                            Fault::new(
                                SqlState::DATATYPE_MISMATCH,
                                format!(
                                    "{op} types {} and {} cannot be matched",
                                    types::show(l, -1),
                                    types::show(r, -1)
                                ),
                            )
                            .at(&**right)
                        })?,
                    };
                    if word != "UNION ALL" {
                        has_operator(&kind, "equality").at(&**right)?;
                    }
                    let same = l.ty == r.ty;
                    columns.push(Output {
                        name: l.name.clone(),
                        ty: if same { l.ty.clone() } else { kind.into() },
                        origin: None,
                    });
                }
                let plain_left = matches!(**left, SetExpr::Select(_) | SetExpr::Values(_))
                    || matches!(&**left, SetExpr::SetOperation { .. });
                let plain_right = matches!(**right, SetExpr::Select(_) | SetExpr::Values(_));
                let left = self.reshape(left_text, &left_columns, &columns, plain_left)?;
                let right = self.reshape(right_text, &right_columns, &columns, plain_right)?;
                // Where equal values may look different, PostgreSQL keeps the first and SQLite the last.
                let differ = columns.iter().any(|c| collation(&c.ty.kind).is_some());
                let text = match word {
                    "UNION" if differ && !recursing => {
                        format!("SELECT DISTINCT * FROM ({left} UNION ALL {right})")
                    }
                    "INTERSECT" | "EXCEPT" if differ => {
                        format!("SELECT DISTINCT * FROM ({left}) {word} {right}")
                    }
                    _ => format!("{left} {word} {right}"),
                };
                Ok((text, columns))
            }
            SetExpr::Table(table) => {
                let name = table.to_string();
                let name = name.trim_start_matches("TABLE").trim();
                Err(Fault::unsupported(format!("TABLE {name}")))
            }
            other => Err(Fault::unsupported(format!("the query {other}"))),
        }
    }

    /// Brings the columns of a part to the types of the whole.
    pub(super) fn reshape(
        &self,
        text: String,
        from: &[Output],
        to: &[Output],
        plain: bool,
    ) -> Result<String, Fault> {
        let same = from
            .iter()
            .zip(to)
            .all(|(f, t)| types_agree(&f.ty.kind, &t.ty.kind));
        if same {
            return Ok(if plain {
                text
            } else {
                format!("SELECT * FROM ({text})")
            });
        }
        // By position: names may occur twice.
        let names: Vec<String> = (0..from.len()).map(|i| format!("\"c{i}\"")).collect();
        let mut items = Vec::new();
        for ((f, t), name) in from.iter().zip(to).zip(&names) {
            let kind = match f.ty.kind {
                Type::UNKNOWN => Type::TEXT,
                _ => f.ty.kind.clone(),
            };
            let sql = self.cast_now(Sql::new(name.clone(), kind), &t.ty, false)?;
            items.push(format!("{} AS {}", sql.ordered(), quote(&t.name)));
        }
        Ok(format!(
            "SELECT * FROM (WITH \"part\"({}) AS ({text}) SELECT {} FROM \"part\")",
            names.join(","),
            items.join(",")
        ))
    }

    /// VALUES; in an INSERT its columns have the types of the table's.
    pub(super) fn values(
        &mut self,
        values: &Values,
        parent: &Scope<'_>,
        targets: Option<&[(String, Ty)]>,
    ) -> Result<(String, Vec<Output>), Fault> {
        let width = values.rows.first().map_or(0, |row| row.content.len());
        let mut columns: Vec<Vec<Sql>> = vec![Vec::new(); width];
        for row in &values.rows {
            if row.content.len() != width {
                return Err(Fault::new(
                    SqlState::SYNTAX_ERROR,
                    "VALUES lists must all be the same length",
                ));
            }
            for (i, expr) in row.content.iter().enumerate() {
                let sql = self.expr(expr, parent)?;
                let sql = match targets.and_then(|t| t.get(i)) {
                    Some((name, ty)) => self.assign(sql, name, ty).at(expr)?,
                    None => sql,
                };
                if let Some(column) = columns.get_mut(i) {
                    column.push(sql);
                }
            }
        }
        let mut outputs = Vec::new();
        let mut rows: Vec<Vec<String>> = vec![Vec::new(); values.rows.len()];
        for (i, column) in columns.into_iter().enumerate() {
            let unknown = column.iter().all(|s| *s.kind() == Type::UNKNOWN);
            let (column, kind) = if unknown || targets.is_some() {
                let kind = column.first().map_or(Type::UNKNOWN, |s| s.kind().clone());
                (column, kind)
            } else {
                self.common(column, "VALUES")?
            };
            for (row, sql) in rows.iter_mut().zip(column) {
                // UNION and its like compare what the first row says how to.
                row.push(match targets {
                    Some(_) => sql.text,
                    None => sql.ordered(),
                });
            }
            outputs.push(Output {
                name: format!("column{}", i.saturating_add(1)),
                ty: kind.into(),
                origin: None,
            });
        }
        let rows: Vec<String> = rows
            .iter()
            .map(|row| format!("({})", row.join(",")))
            .collect();
        Ok((format!("VALUES {}", rows.join(",")), outputs))
    }
}

/// Whether the values of one type are kept as those of the other.
pub(super) fn types_agree(a: &Type, b: &Type) -> bool {
    let text = |k: &Type| matches!(*k, Type::TEXT | Type::VARCHAR | Type::NAME | Type::UNKNOWN);
    a == b
        || text(a) && text(b)
        || types::storage(a) == types::Storage::Integer
            && types::storage(b) == types::Storage::Integer
            && types::rank(a).is_some()
            && types::rank(b).is_some()
}
