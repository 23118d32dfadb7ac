//! The clauses of a query, each on its line.

use sqlparser::ast::{
    Distinct, GroupByExpr, NamedWindowExpr, OrderByExpr, OrderByKind, Query, Select, SelectItem,
    SetExpr, SetOperator, SetQuantifier, Values,
};

use crate::embedded::dialect::deparse::{Printer, Unknown, Written, address};
use crate::embedded::dialect::identifier;
use crate::embedded::dialect::output_name::output_name;
use crate::embedded::dialect::scope::fold;
use crate::embedded::dialect::select::limit_and_offset;

/// PostgreSQL's PRETTYINDENT_STD, _JOIN and _VAR.
pub(super) const STEP: usize = 8;
pub(super) const JOIN: usize = 4;
pub(super) const VAR: usize = 4;

impl<'t> Printer<'t> {
    pub(super) fn put(&mut self, text: &str) {
        self.out.push_str(text);
    }

    /// A new line, with so much before it.
    pub(super) fn line(&mut self, indent: usize) {
        let kept = self.out.trim_end_matches(' ').len();
        self.out.truncate(kept);
        self.out.push('\n');
        self.out.push_str(&" ".repeat(indent));
    }

    /// A clause begins on a line of its own, left of what is in it.
    fn clause(&mut self, word: &str, more: usize) {
        self.line(self.indent.saturating_sub(STEP).saturating_add(more));
        self.put(word);
    }

    /// What is written meanwhile.
    pub(super) fn apart(
        &mut self,
        write: impl FnOnce(&mut Self) -> Written,
    ) -> Result<String, Unknown> {
        let before = std::mem::take(&mut self.out);
        let done = write(self);
        let written = std::mem::replace(&mut self.out, before);
        done.map(|()| written)
    }

    pub(super) fn query(&mut self, query: &'t Query, names: Option<&[String]>) -> Written {
        let start = self.indent;
        let items = std::mem::take(&mut self.items);
        let done = self.query_body(query, names);
        (self.indent, self.items) = (start, items);
        done
    }

    fn query_body(&mut self, query: &'t Query, names: Option<&[String]>) -> Written {
        if !query.locks.is_empty() || query.for_clause.is_some() {
            return Err(Unknown);
        }
        if let Some(with) = &query.with {
            self.indent = self.indent.saturating_add(STEP);
            self.put(if with.recursive {
                " WITH RECURSIVE "
            } else {
                " WITH "
            });
            for (at, cte) in with.cte_tables.iter().enumerate() {
                if at > 0 {
                    self.put(", ");
                }
                self.put(&identifier(&fold(&cte.alias.name)));
                self.alias_columns(&cte.alias);
                self.put(match cte.materialized {
                    Some(sqlparser::ast::CteAsMaterialized::Materialized) => " AS MATERIALIZED (",
                    Some(sqlparser::ast::CteAsMaterialized::NotMaterialized) => {
                        " AS NOT MATERIALIZED ("
                    }
                    None => " AS (",
                });
                self.line(self.indent);
                self.query(&cte.query, None)?;
                self.line(self.indent);
                self.put(")");
            }
            self.indent = self.indent.saturating_sub(STEP);
            self.line(self.indent);
        }
        let by_number = !matches!(*query.body, SetExpr::Select(_));
        self.set(&query.body, names)?;
        let order: &[OrderByExpr] = match query.order_by.as_ref().map(|o| &o.kind) {
            None => &[],
            Some(OrderByKind::Expressions(order)) => order,
            Some(OrderByKind::All(_)) => return Err(Unknown),
        };
        if !order.is_empty() {
            self.clause(" ORDER BY ", 1);
            self.order(order, by_number.then_some(&*query.body))?;
        }
        self.limit(query)
    }

    fn limit(&mut self, query: &'t Query) -> Written {
        let (limit, offset) = limit_and_offset(query).ok_or(Unknown)?;
        if let Some(offset) = offset {
            self.clause(" OFFSET ", 0);
            self.expr(offset)?;
        }
        match (&query.fetch, limit) {
            (Some(fetch), None) if !fetch.with_ties && !fetch.percent => {
                self.clause(" LIMIT ", 0);
                match &fetch.quantity {
                    Some(count) => self.expr(count)?,
                    None => self.put("1"),
                }
            }
            (None, Some(limit)) => {
                self.clause(" LIMIT ", 0);
                self.expr(limit)?;
            }
            (None, None) => {}
            _ => return Err(Unknown),
        }
        Ok(())
    }

    fn set(&mut self, body: &'t SetExpr, names: Option<&[String]>) -> Written {
        match body {
            SetExpr::Select(select) => {
                self.indent = self.indent.saturating_add(STEP);
                self.select(select, names)
            }
            SetExpr::Values(values) => {
                self.indent = self.indent.saturating_add(STEP);
                self.put(" ");
                self.values(values)
            }
            SetExpr::Query(query) => self.query(query, names),
            SetExpr::SetOperation {
                op,
                set_quantifier,
                left,
                right,
            } => {
                let start = self.indent;
                let all = *set_quantifier == SetQuantifier::All;
                let other = matches!(inner(left), SetExpr::SetOperation { op: o, set_quantifier: q, .. }
                    if o != op || (*q == SetQuantifier::All) != all);
                self.part(left, names, other)?;
                self.indent = start;
                self.line(start);
                self.put(match op {
                    SetOperator::Union => "UNION ",
                    SetOperator::Intersect => "INTERSECT ",
                    SetOperator::Except | SetOperator::Minus => "EXCEPT ",
                });
                if all {
                    self.put("ALL ");
                }
                let nested = matches!(inner(right), SetExpr::SetOperation { .. });
                if !nested {
                    self.line(start);
                }
                self.part(right, names, nested)?;
                self.indent = start;
                Ok(())
            }
            _ => Err(Unknown),
        }
    }

    /// A side of UNION and its like.
    fn part(&mut self, body: &'t SetExpr, names: Option<&[String]>, apart: bool) -> Written {
        let start = self.indent;
        if let (SetExpr::Query(query), false) = (body, apart) {
            let cut = query.with.is_some()
                || query.order_by.is_some()
                || query.limit_clause.is_some()
                || query.fetch.is_some();
            if cut {
                self.put("(");
            }
            self.query(query, names)?;
            if cut {
                self.put(")");
            }
        } else if apart {
            self.put("(");
            self.indent = start.saturating_add(STEP);
            self.line(self.indent);
            self.set(inner(body), names)?;
            self.indent = start;
            self.line(start);
            self.put(")");
        } else {
            self.set(body, names)?;
        }
        self.indent = start;
        Ok(())
    }

    fn values(&mut self, values: &'t Values) -> Written {
        self.put("VALUES ");
        for (at, row) in values.rows.iter().enumerate() {
            self.put(if at > 0 { ", (" } else { "(" });
            for (n, expr) in row.content.iter().enumerate() {
                if n > 0 {
                    self.put(",");
                }
                self.settled(expr)?;
            }
            self.put(")");
        }
        Ok(())
    }

    fn select(&mut self, select: &'t Select, names: Option<&[String]>) -> Written {
        self.items = select.projection.iter().collect();
        self.put(" SELECT");
        match &select.distinct {
            None | Some(Distinct::All) => {}
            Some(Distinct::Distinct) => self.put(" DISTINCT"),
            Some(Distinct::On(exprs)) => {
                self.put(" DISTINCT ON (");
                for (at, expr) in exprs.iter().enumerate() {
                    if at > 0 {
                        self.put(", ");
                    }
                    let meant = self.meant(expr, true);
                    self.key(meant)?;
                }
                self.put(")");
            }
        }
        self.list(select, names)?;
        for (at, item) in select.from.iter().enumerate() {
            if at == 0 {
                self.clause(" FROM ", 2);
                self.joined(item)?;
                continue;
            }
            self.put(",");
            let text = self.apart(|this| this.joined(item))?;
            if !text.starts_with('\n') {
                self.line(self.indent.saturating_sub(STEP).saturating_add(VAR));
            }
            self.put(&text);
        }
        if let Some(condition) = &select.selection {
            self.clause(" WHERE ", 1);
            self.expr(condition)?;
        }
        let GroupByExpr::Expressions(keys, modifiers) = &select.group_by else {
            return Err(Unknown);
        };
        if !modifiers.is_empty() {
            return Err(Unknown);
        }
        for (at, key) in keys.iter().enumerate() {
            if at == 0 {
                self.clause(" GROUP BY ", 1);
            } else {
                self.put(", ");
            }
            let meant = self.meant(key, false);
            self.key(meant)?;
        }
        if let Some(having) = &select.having {
            self.clause(" HAVING ", 0);
            self.expr(having)?;
        }
        for (at, window) in select.named_window.iter().enumerate() {
            let NamedWindowExpr::WindowSpec(spec) = &window.1 else {
                return Err(Unknown);
            };
            if at == 0 {
                self.clause(" WINDOW ", 1);
            } else {
                self.put(", ");
            }
            self.put(&format!("{} AS (", identifier(&fold(&window.0))));
            self.window(spec)?;
            self.put(")");
        }
        Ok(())
    }

    fn list(&mut self, select: &'t Select, names: Option<&[String]>) -> Written {
        let mut column = 0_usize;
        let mut put = |this: &mut Self, text: String| {
            if column == 0 {
                if !text.starts_with('\n') {
                    this.put(" ");
                }
            } else {
                this.put(",");
                if !text.starts_with('\n') {
                    this.line(this.indent.saturating_sub(STEP).saturating_add(VAR));
                }
            }
            this.put(&text);
            column = column.saturating_add(1);
        };
        let mut at = 0_usize;
        let mut called = |own: String| {
            let name = names.and_then(|n| n.get(at).cloned());
            at = at.saturating_add(1);
            name.unwrap_or(own)
        };
        for item in &select.projection {
            let (expr, own) = match item {
                SelectItem::UnnamedExpr(expr) => (expr, output_name(expr)),
                SelectItem::ExprWithAlias { expr, alias } => (expr, fold(alias)),
                star => {
                    let trace = self.trace;
                    let all = trace.stars.get(&address(star)).ok_or(Unknown)?;
                    for named in all {
                        let name = called(named.name.clone());
                        let text = self.column_text(named)?;
                        let (text, shown) = text;
                        put(self, as_name(text, Some(shown), &name));
                    }
                    continue;
                }
            };
            let name = called(own);
            let shown = self.bare_name(expr);
            let text = self.apart(|this| this.settled(expr))?;
            put(self, as_name(text, shown, &name));
        }
        Ok(())
    }
}

/// Without the parentheses around it.
fn inner(body: &SetExpr) -> &SetExpr {
    match body {
        SetExpr::Query(query)
            if query.with.is_none()
                && query.order_by.is_none()
                && query.limit_clause.is_none()
                && query.fetch.is_none() =>
        {
            inner(&query.body)
        }
        other => other,
    }
}

fn as_name(text: String, shown: Option<String>, name: &str) -> String {
    if shown.as_deref() == Some(name) || name == "?column?" {
        return text;
    }
    format!("{text} AS {}", identifier(name))
}
