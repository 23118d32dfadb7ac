//! IN, ANY and ALL.

use postgres_types::Type;
use sqlparser::ast::{Expr, InTarget};

use crate::embedded::dialect::deparse::expr::bare;
use crate::embedded::dialect::deparse::paren::Parent;
use crate::embedded::dialect::deparse::sides::sides;
use crate::embedded::dialect::deparse::{Printer, Unknown, Written};
use crate::embedded::dialect::{operator, types};

impl<'t> Printer<'t> {
    fn comma(&mut self, all: &'t [Expr]) -> Written {
        for (at, expr) in all.iter().enumerate() {
            if at > 0 {
                self.put(", ");
            }
            self.expr(expr)?;
        }
        Ok(())
    }

    pub(super) fn is_in(
        &mut self,
        inner: &'t Expr,
        target: &'t InTarget,
        negated: bool,
    ) -> Written {
        match target {
            InTarget::List(_) if matches!(inner, Expr::Tuple(_)) => Err(Unknown),
            InTarget::List(list) => self.in_list(inner, list, negated),
            InTarget::Subquery(query) => self.not(negated, |this| {
                this.put("(");
                match inner {
                    Expr::Tuple(items) => {
                        this.put("(");
                        this.comma(items)?;
                        this.put(")");
                    }
                    one => this.expr(one)?,
                }
                this.subquery(" IN ", query, ")")
            }),
            _ => Err(Unknown),
        }
    }

    /// The constants become an array, if there are more than one; all else is compared alone.
    fn in_list(&mut self, inner: &'t Expr, list: &'t [Expr], negated: bool) -> Written {
        let (op, any, between) = match negated {
            false => ("=", "ANY", " OR "),
            true => ("<>", "ALL", " AND "),
        };
        let (mut constants, mut others): (Vec<&Expr>, Vec<&Expr>) =
            list.iter().partition(|item| is_constant(item));
        if constants.len() < 2 {
            (constants, others) = (Vec::new(), list.iter().collect());
        }
        let tests = others
            .len()
            .saturating_add(usize::from(!constants.is_empty()));
        self.put(if tests > 1 { "(" } else { "" });
        if !constants.is_empty() {
            let own = self.type_of(inner).cloned().unwrap_or(Type::TEXT);
            let known = constants.iter().filter_map(|item| self.type_of(item));
            let kind = known
                .into_iter()
                .try_fold(own, |kind, next| operator::wider(&kind, next))
                .ok_or(Unknown)?;
            // There are no operators of varchar but those of text.
            let relabelled = kind == Type::VARCHAR;
            let wanted = if relabelled { &Type::TEXT } else { &kind };
            self.open();
            self.typed(inner, wanted, Some(Parent::Other))?;
            self.put(&format!(" {op} {any} ("));
            self.put(if relabelled { "(" } else { "" });
            self.put("ARRAY[");
            for (at, item) in constants.into_iter().enumerate() {
                self.put(if at > 0 { ", " } else { "" });
                self.operand(item, &kind)?;
            }
            self.put(if relabelled { "])::text[]" } else { "]" });
            self.put(")");
            self.close();
            self.put(if tests > 1 { between } else { "" });
        }
        for (at, item) in others.into_iter().enumerate() {
            self.put(if at > 0 { between } else { "" });
            self.binary(op, inner, item)?;
        }
        self.put(if tests > 1 { ")" } else { "" });
        Ok(())
    }

    pub(super) fn any(&mut self, left: &'t Expr, op: &str, right: &'t Expr, word: &str) -> Written {
        if let Expr::Subquery(query) = right {
            self.put("(");
            self.expr(left)?;
            return match (op, word) {
                ("=", "ANY") => self.subquery(" IN ", query, ")"),
                _ => self.subquery(&format!(" {op} {word} "), query, ")"),
            };
        }
        let (own, element) = (
            self.type_of(left),
            self.type_of(right).and_then(types::element),
        );
        let (l, r) = sides(op, own, element.as_ref());
        self.open();
        self.typed(left, &l, Some(Parent::Other))?;
        self.put(&format!(" {op} {word} ("));
        match types::array_of(&r) {
            Some(array) => self.typed(right, &array, Some(Parent::Other))?,
            None => self.within(right, Parent::Other)?,
        }
        self.put(")");
        self.close();
        Ok(())
    }
}

/// Whether it names no column, as far as is simply seen.
fn is_constant(item: &Expr) -> bool {
    match bare(item) {
        Expr::Value(_) | Expr::TypedString(_) | Expr::Interval(_) => true,
        Expr::UnaryOp { expr, .. } | Expr::Cast { expr, .. } => is_constant(expr),
        _ => false,
    }
}
