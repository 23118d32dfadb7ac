//! The clauses of a query, each on its line.

use sqlparser::ast::{
    Distinct, Expr, GroupByExpr, Join, JoinConstraint, JoinOperator, NamedWindowExpr, ObjectName,
    OrderByExpr, OrderByKind, Query, Select, SelectItem, SetExpr, SetOperator, SetQuantifier,
    TableAlias, TableFactor, TableWithJoins, Value, Values,
};

use crate::embedded::dialect::deparse::literals::literal_of;
use crate::embedded::dialect::deparse::trace::Named;
use crate::embedded::dialect::deparse::{Printer, Unknown, Written, address};
use crate::embedded::dialect::identifier;
use crate::embedded::dialect::output_name::output_name;
use crate::embedded::dialect::scope::{fold, object};
use crate::embedded::dialect::select::limit_and_offset;

/// PostgreSQL's PRETTYINDENT_STD, _JOIN and _VAR.
const STEP: usize = 8;
const JOIN: usize = 4;
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

    fn joined(&mut self, item: &'t TableWithJoins) -> Written {
        // Each join stands in parentheses with what is before it.
        let apart = if self.pretty { 0 } else { item.joins.len() };
        self.put(&"(".repeat(apart));
        self.factor(&item.relation)?;
        for join in &item.joins {
            self.join(join)?;
            self.close();
        }
        Ok(())
    }

    fn join(&mut self, join: &'t Join) -> Written {
        use JoinOperator as J;
        let (word, constraint) = match &join.join_operator {
            J::Join(c) | J::Inner(c) => ("JOIN ", c),
            J::Left(c) | J::LeftOuter(c) => ("LEFT JOIN ", c),
            J::Right(c) | J::RightOuter(c) => ("RIGHT JOIN ", c),
            J::FullOuter(c) => ("FULL JOIN ", c),
            J::CrossJoin(c) => ("CROSS JOIN ", c),
            _ => return Err(Unknown),
        };
        let trace = self.trace;
        let pairs = trace.joins.get(&address(join)).map(Vec::as_slice);
        let none =
            matches!(constraint, JoinConstraint::Natural) && pairs.is_none_or(<[_]>::is_empty);
        self.line(self.indent.saturating_sub(STEP).saturating_add(JOIN + 1));
        self.put(if none { "CROSS JOIN " } else { word });
        let nested = self.pretty && matches!(join.relation, TableFactor::NestedJoin { .. });
        self.put(if nested { "(" } else { "" });
        self.factor(&join.relation)?;
        self.put(if nested { ")" } else { "" });
        match constraint {
            JoinConstraint::None => {}
            JoinConstraint::On(expr) => {
                self.put(" ON ");
                self.open();
                self.expr(expr)?;
                self.close();
            }
            JoinConstraint::Using(names) if self.pretty => {
                let names: Result<Vec<String>, Unknown> = names
                    .iter()
                    .map(|name| Ok(identifier(&object(name).map_err(|_| Unknown)?.1)))
                    .collect();
                self.put(&format!(" USING ({})", names?.join(", ")));
            }
            JoinConstraint::Using(_) | JoinConstraint::Natural => {
                let pairs = pairs.unwrap_or_default();
                if pairs.is_empty() {
                    return Ok(());
                }
                let moved = |n: &Named| self.new_name(n).is_some();
                if pairs.iter().any(|(l, r)| moved(l) || moved(r)) {
                    let mut tests = Vec::new();
                    for (left, right) in pairs {
                        let (left, _) = self.column_text(left)?;
                        let (right, _) = self.column_text(right)?;
                        tests.push(format!("({left} = {right})"));
                    }
                    let all = tests.join(" AND ");
                    self.put(&match tests.len() {
                        1 => format!(" ON ({all})"),
                        _ => format!(" ON (({all}))"),
                    });
                    return Ok(());
                }
                let names: Vec<String> = pairs.iter().map(|(l, _)| identifier(&l.name)).collect();
                self.put(&format!(" USING ({})", names.join(", ")));
            }
            JoinConstraint::UsingAlias(..) => return Err(Unknown),
        }
        Ok(())
    }

    fn factor(&mut self, factor: &'t TableFactor) -> Written {
        match factor {
            TableFactor::Table {
                name,
                alias,
                args: None,
                with_ordinality: false,
                sample: None,
                version: None,
                ..
            } => self.table(name, alias.as_ref()),
            TableFactor::Table {
                name,
                alias,
                args: Some(args),
                with_ordinality,
                ..
            } => {
                let (_, bare) = object(name).map_err(|_| Unknown)?;
                self.call_of(&bare, &args.args)?;
                self.ordinality(*with_ordinality);
                self.function_alias(&bare, alias.as_ref(), *with_ordinality);
                Ok(())
            }
            TableFactor::Function {
                lateral,
                name,
                args,
                with_ordinality,
                alias,
            } => {
                let (_, bare) = object(name).map_err(|_| Unknown)?;
                self.put(if *lateral { "LATERAL " } else { "" });
                self.call_of(&bare, args)?;
                self.ordinality(*with_ordinality);
                self.function_alias(&bare, alias.as_ref(), *with_ordinality);
                Ok(())
            }
            TableFactor::UNNEST {
                alias,
                array_exprs,
                with_offset: false,
                with_ordinality,
                ..
            } => {
                self.put("unnest(");
                for (at, array) in array_exprs.iter().enumerate() {
                    if at > 0 {
                        self.put(", ");
                    }
                    self.expr(array)?;
                }
                self.put(")");
                self.ordinality(*with_ordinality);
                self.function_alias(
                    "unnest",
                    alias.as_ref(),
                    *with_ordinality || array_exprs.len() > 1,
                );
                Ok(())
            }
            TableFactor::Derived {
                lateral,
                subquery,
                alias: Some(alias),
                ..
            } => {
                self.put(if *lateral { "LATERAL (" } else { "(" });
                self.query(subquery, None)?;
                self.put(&format!(") {}", identifier(&fold(&alias.name))));
                self.alias_columns(alias);
                Ok(())
            }
            TableFactor::NestedJoin {
                table_with_joins,
                alias: None,
            } => self.joined(table_with_joins),
            _ => Err(Unknown),
        }
    }

    fn ordinality(&mut self, numbered: bool) {
        if numbered {
            self.put(" WITH ORDINALITY");
        }
    }

    fn function_alias(&mut self, name: &str, alias: Option<&TableAlias>, numbered: bool) {
        let single = matches!(name, "generate_series" | "unnest" | "generate_subscripts");
        let name = alias.map_or_else(|| name.to_owned(), |a| fold(&a.name));
        self.put(&format!(" {}", identifier(&name)));
        match alias {
            Some(alias) if alias.columns.is_empty() && single && !numbered => {
                self.put(&format!("({})", identifier(&name)));
            }
            Some(alias) => self.alias_columns(alias),
            None => {}
        }
    }

    fn alias_columns(&mut self, alias: &TableAlias) {
        if !alias.columns.is_empty() {
            let names = alias.columns.iter().map(|c| identifier(&fold(&c.name)));
            let names: Vec<String> = names.collect();
            self.put(&format!("({})", names.join(", ")));
        }
    }

    fn table(&mut self, name: &ObjectName, alias: Option<&TableAlias>) -> Written {
        let (namespace, bare) = object(name).map_err(|_| Unknown)?;
        let oid = self.trace.tables.get(&address(name)).copied();
        // A query of WITH, a table, or one of the system's.
        let text = match (oid, namespace.as_deref()) {
            (None, Some(namespace)) if self.pretty => {
                format!("{}.{}", identifier(namespace), identifier(&bare))
            }
            (None, _) => identifier(&bare),
            (Some(0), Some("information_schema")) => {
                format!("information_schema.{}", identifier(&bare))
            }
            (Some(0), _) => identifier(&bare),
            (Some(oid), _) if i64::from(oid) >= crate::embedded::catalog::FIRST_TEMP_OID => {
                format!("pg_temp.{}", identifier(&bare))
            }
            (Some(oid), _) => {
                let new = self.new_table(oid).unwrap_or(&bare);
                format!("public.{}", identifier(new))
            }
        };
        self.put(&text);
        let shown = alias.map_or_else(|| bare.clone(), |a| fold(&a.name));
        let renamed = oid.is_some_and(|oid| self.new_table(oid).is_some());
        let alone = shown == bare && (alias.is_none() || renamed) && !(renamed && self.taken());
        if !alone {
            self.put(&format!(" {}", identifier(&shown)));
        }
        if let Some(alias) = alias {
            if alone && !alias.columns.is_empty() {
                return Err(Unknown);
            }
            self.alias_columns(alias);
        }
        Ok(())
    }

    pub(super) fn order(
        &mut self,
        order: &'t [OrderByExpr],
        of_set: Option<&'t SetExpr>,
    ) -> Written {
        for (at, key) in order.iter().enumerate() {
            if at > 0 {
                self.put(", ");
            }
            match of_set {
                Some(body) => {
                    let number = set_column(body, &key.expr).ok_or(Unknown)?;
                    self.put(&number.to_string());
                }
                None => {
                    let meant = self.meant(&key.expr, true);
                    self.key(meant)?;
                }
            }
            self.direction(key);
        }
        Ok(())
    }

    pub(super) fn direction(&mut self, key: &OrderByExpr) {
        let descending = matches!(key.options.sort, Some(sqlparser::ast::OrderBySort::Desc));
        if descending {
            self.put(" DESC");
        }
        match key.options.nulls_first {
            Some(true) if !descending => self.put(" NULLS FIRST"),
            Some(false) if descending => self.put(" NULLS LAST"),
            _ => {}
        }
    }

    /// The expression of the list that a key of ORDER BY or GROUP BY stands for.
    fn meant(&self, key: &'t Expr, names_first: bool) -> &'t Expr {
        let item = match key {
            Expr::Value(value) => match &value.value {
                Value::Number(n, _) => n
                    .parse::<usize>()
                    .ok()
                    .and_then(|n| self.items.get(n.checked_sub(1)?)),
                _ => None,
            },
            Expr::Identifier(ident) => {
                let known = self.trace.names.contains_key(&address(ident));
                let name = fold(ident);
                let mut items = self.items.iter();
                items.find(|item| match item {
                    SelectItem::UnnamedExpr(expr) => names_first && output_name(expr) == name,
                    SelectItem::ExprWithAlias { alias, .. } => {
                        (names_first || !known) && fold(alias) == name
                    }
                    _ => false,
                })
            }
            _ => None,
        };
        match item {
            Some(SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. }) => expr,
            _ => key,
        }
    }

    /// A key of ORDER BY or GROUP BY.
    pub(super) fn key(&mut self, expr: &'t Expr) -> Written {
        let mut inner = expr;
        while let Expr::Nested(nested) = inner {
            inner = nested;
        }
        let column = matches!(inner, Expr::Identifier(_) | Expr::CompoundIdentifier(_));
        let apart = self.pretty && !column && literal_of(inner).is_none();
        if apart || matches!(inner, Expr::Function(_)) {
            self.put("(");
            self.expr(inner)?;
            self.put(")");
            return Ok(());
        }
        self.expr(inner)
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

/// The number of the column that a key of a set operation's ORDER BY means.
fn set_column(body: &SetExpr, key: &Expr) -> Option<usize> {
    match key {
        Expr::Value(value) => match &value.value {
            Value::Number(n, _) => n.parse().ok(),
            _ => None,
        },
        Expr::Identifier(ident) => {
            let mut body = body;
            let select = loop {
                match body {
                    SetExpr::Select(select) => break select,
                    SetExpr::SetOperation { left, .. } => body = left,
                    SetExpr::Query(query) => body = &query.body,
                    _ => return None,
                }
            };
            let at = select.projection.iter().position(|item| match item {
                SelectItem::UnnamedExpr(expr) => output_name(expr) == fold(ident),
                SelectItem::ExprWithAlias { alias, .. } => fold(alias) == fold(ident),
                _ => false,
            })?;
            let stars = select.projection.get(..at)?.iter().any(|item| {
                !matches!(
                    item,
                    SelectItem::UnnamedExpr(_) | SelectItem::ExprWithAlias { .. }
                )
            });
            (!stars).then(|| at.saturating_add(1))
        }
        _ => None,
    }
}

fn as_name(text: String, shown: Option<String>, name: &str) -> String {
    if shown.as_deref() == Some(name) || name == "?column?" {
        return text;
    }
    format!("{text} AS {}", identifier(name))
}
