//! What has a grammar of its own.

use postgres_types::Type;
use sqlparser::ast::{AccessExpr, CaseWhen, Expr, Subscript, TrimWhereField};

use crate::embedded::dialect::deparse::literals::{cast_name, literal_of};
use crate::embedded::dialect::deparse::paren::Parent;
use crate::embedded::dialect::deparse::query::VAR;
use crate::embedded::dialect::deparse::sides::sides;
use crate::embedded::dialect::deparse::{Printer, Unknown, Written};
use crate::embedded::dialect::types;

impl<'t> Printer<'t> {
    /// `[…]` behind an array.
    fn subscript(&mut self, access: &'t AccessExpr) -> Written {
        let AccessExpr::Subscript(subscript) = access else {
            return Err(Unknown);
        };
        self.put("[");
        match subscript {
            Subscript::Index { index } => self.settled(index)?,
            Subscript::Slice {
                lower_bound,
                upper_bound,
                stride: None,
            } => {
                if let Some(low) = lower_bound {
                    self.expr(low)?;
                }
                self.put(":");
                if let Some(high) = upper_bound {
                    self.expr(high)?;
                }
            }
            Subscript::Slice { .. } => return Err(Unknown),
        }
        self.put("]");
        Ok(())
    }

    fn case(
        &mut self,
        operand: Option<&'t Expr>,
        conditions: &'t [CaseWhen],
        otherwise: Option<&'t Expr>,
        whole: &Expr,
    ) -> Written {
        // It is of this type, or of no other than text.
        let kind = self.type_of(whole).unwrap_or(&Type::TEXT);
        self.line(self.indent);
        self.put("CASE");
        let start = self.indent;
        self.indent = start.saturating_add(VAR);
        if let Some(operand) = operand {
            self.put(" ");
            self.expr(operand)?;
        }
        for when in conditions {
            self.line(self.indent);
            self.put("WHEN ");
            let wanted = match operand {
                Some(value) => sides("=", self.type_of(value), self.type_of(&when.condition)).1,
                None => Type::BOOL,
            };
            self.operand(&when.condition, &wanted)?;
            self.put(" THEN ");
            self.operand(&when.result, kind)?;
        }
        self.line(self.indent);
        self.put("ELSE ");
        match otherwise {
            Some(otherwise) => self.operand(otherwise, kind)?,
            None => self.put(&format!("NULL::{}", cast_name(&kind.clone().into()))),
        }
        self.indent = start;
        self.line(start);
        self.put("END");
        Ok(())
    }

    /// What becomes of its type unasked, and unsaid, within a function's own grammar.
    fn uncast(&mut self, expr: &'t Expr, open: &Type) -> Written {
        match literal_of(expr) {
            Some(_) => self.operand(expr, open),
            None => self.within(expr, Parent::Other),
        }
    }

    /// The same for several, each behind a word.
    fn words(&mut self, all: &[(&str, Option<&'t Expr>)]) -> Written {
        for (word, expr) in all {
            if let Some(expr) = expr {
                self.put(word);
                self.uncast(expr, &Type::TEXT)?;
            }
        }
        self.put(")");
        Ok(())
    }

    /// `name(…)` of what is written otherwise.
    fn called(&mut self, name: &str, all: &[Option<&'t Expr>]) -> Written {
        let given: Vec<&Expr> = all.iter().copied().flatten().collect();
        self.put(name);
        self.put("(");
        for at in 0..given.len() {
            self.put(if at > 0 { ", " } else { "" });
            self.argument(name.trim_matches('"'), &given, at)?;
        }
        self.put(")");
        Ok(())
    }

    pub(super) fn form(&mut self, expr: &'t Expr) -> Written {
        match expr {
            Expr::Case {
                operand,
                conditions,
                else_result,
                ..
            } => self.case(operand.as_deref(), conditions, else_result.as_deref(), expr),
            Expr::CompoundFieldAccess { root, access_chain } => {
                let plain = matches!(&**root, Expr::Identifier(_) | Expr::CompoundIdentifier(_));
                self.put(if plain { "" } else { "(" });
                self.expr(root)?;
                self.put(if plain { "" } else { ")" });
                for access in access_chain {
                    self.subscript(access)?;
                }
                Ok(())
            }
            Expr::AtTimeZone {
                timestamp,
                time_zone,
            } => {
                self.put("(");
                self.uncast(timestamp, &Type::TIMESTAMPTZ)?;
                self.put(" AT TIME ZONE ");
                self.uncast(time_zone, &Type::TEXT)?;
                self.put(")");
                Ok(())
            }
            Expr::Extract {
                field, expr: inner, ..
            } => {
                let field = field.to_string().to_lowercase();
                self.put(&format!("EXTRACT({} FROM ", field.trim_matches('\'')));
                self.expr(inner)?;
                self.put(")");
                Ok(())
            }
            Expr::Position { expr: inner, r#in } => {
                self.words(&[("POSITION((", Some(inner)), (") IN (", Some(r#in))])?;
                self.put(")");
                Ok(())
            }
            Expr::Substring {
                expr: inner,
                substring_from,
                substring_for,
                special,
                shorthand,
            } => {
                let (from, length) = (substring_from.as_deref(), substring_for.as_deref());
                let all = [Some(&**inner), from, length];
                // By a pattern it is a function as others.
                let pattern = from.is_some_and(|from| match self.type_of(from) {
                    Some(kind) => types::is_text(kind),
                    None => literal_of(from).is_some(),
                });
                match (shorthand, *special || pattern) {
                    (true, _) => self.called("substr", &all),
                    (false, true) => self.called("\"substring\"", &all),
                    (false, false) => self.words(&[
                        ("SUBSTRING(", Some(inner)),
                        (" FROM ", from),
                        (" FOR ", length),
                    ]),
                }
            }
            Expr::Overlay {
                expr: inner,
                overlay_what,
                overlay_from,
                overlay_for,
            } => {
                let all = [
                    ("OVERLAY(", Some(&**inner)),
                    (" PLACING ", Some(&**overlay_what)),
                    (" FROM ", Some(&**overlay_from)),
                    (" FOR ", overlay_for.as_deref()),
                ];
                self.words(&all)
            }
            Expr::Trim {
                expr: inner,
                trim_where,
                trim_what,
                trim_characters: None,
            } => {
                self.put(match trim_where {
                    Some(TrimWhereField::Leading) => "TRIM(LEADING ",
                    Some(TrimWhereField::Trailing) => "TRIM(TRAILING ",
                    _ => "TRIM(BOTH ",
                });
                let from = if trim_what.is_some() {
                    " FROM "
                } else {
                    "FROM "
                };
                self.words(&[("", trim_what.as_deref()), (from, Some(inner))])
            }
            Expr::Ceil { expr: inner, .. } => self.called("ceil", &[Some(inner)]),
            Expr::Floor { expr: inner, .. } => self.called("floor", &[Some(inner)]),
            _ => Err(Unknown),
        }
    }
}
