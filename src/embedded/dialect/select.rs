//! Queries.

use postgres_types::Type;
use sqlparser::ast::{
    Distinct, Expr, GroupByExpr, LimitClause, OrderByExpr, OrderByKind, OrderBySort, Query, Select,
    SelectItem, SelectItemQualifiedWildcardKind, SetExpr, Value,
};

use crate::embedded::dialect::deparse::Named;
use crate::embedded::dialect::expr::{Sql, Translator};
use crate::embedded::dialect::output_name::output_name;
use crate::embedded::dialect::scope::{Place, Relation, Scope, fold, missing_from, object};
use crate::embedded::dialect::with::headed_as;
use crate::embedded::dialect::{Fault, Output, grouping_sets, origin, quote, row_locks};
use crate::error_response::SqlState;

/// A query of a WITH clause.
#[derive(Clone, Debug)]
pub(super) struct Cte {
    pub(super) name: String,
    pub(super) columns: Vec<Output>,
    pub(super) rows: CteRows,
}

/// Where its rows are.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum CteRows {
    /// It stands in front of the query.
    Query,
    /// They were kept.
    Kept(usize),
    /// It changes data and returns nothing.
    None,
}

/// What a WITH query is called, where names of our own would hide it.
pub(super) fn inner_name(name: &str) -> String {
    match name {
        "drawn" | "n" | "part" | "s" => format!("{name}#"),
        _ => name.to_owned(),
    }
}

/// What stands behind LIMIT and OFFSET; `None` if that is `LIMIT n, n`, which is not PostgreSQL's.
pub(super) fn limit_and_offset(query: &Query) -> Option<(Option<&Expr>, Option<&Expr>)> {
    match &query.limit_clause {
        Some(LimitClause::LimitOffset { limit, offset, .. }) => {
            Some((limit.as_ref(), offset.as_ref().map(|o| &o.value)))
        }
        Some(LimitClause::OffsetCommaLimit { .. }) => None,
        None => Some((None, None)),
    }
}

impl Translator<'_> {
    /// A query and its columns.
    pub(super) fn query(
        &mut self,
        query: &Query,
        parent: &Scope<'_>,
    ) -> Result<(String, Vec<Output>), Fault> {
        let ctes = self.ctes.len();
        let grouping = std::mem::take(&mut self.grouping);
        let sets = self.sets.take();
        let now = std::mem::take(&mut self.once_next);
        let once = std::mem::replace(&mut self.once, now);
        let result = self.apart(parent, |this| {
            let translated = this.nest(|this| this.query_body(query, parent))?;
            row_locks::check(query, &this.grouping)?;
            Ok(translated)
        });
        self.one_row = self.has_one_row(query);
        self.ctes.truncate(ctes);
        (self.grouping, self.sets, self.once) = (grouping, sets, once);
        result
    }

    /// Whether it has one row at most, once it is translated.
    fn has_one_row(&self, query: &Query) -> bool {
        let is_one = |expr: &Expr| matches!(expr, Expr::Value(v) if matches!(&v.value, Value::Number(n, _) if n == "1"));
        if let Some(LimitClause::LimitOffset {
            limit: Some(limit), ..
        }) = &query.limit_clause
            && is_one(limit)
        {
            return true;
        }
        if let Some(fetch) = &query.fetch
            && !fetch.with_ties
            && !fetch.percent
            && fetch.quantity.as_ref().is_none_or(is_one)
        {
            return true;
        }
        let SetExpr::Select(select) = &*query.body else {
            return false;
        };
        let grouped = match &select.group_by {
            GroupByExpr::Expressions(keys, modifiers) => !keys.is_empty() || !modifiers.is_empty(),
            GroupByExpr::All(_) => true,
        };
        !self.grouping.rows && !grouped && (self.grouping.aggregates || select.from.is_empty())
    }

    fn query_body(
        &mut self,
        query: &Query,
        parent: &Scope<'_>,
    ) -> Result<(String, Vec<Output>), Fault> {
        if query.for_clause.is_some() || !query.pipe_operators.is_empty() {
            return Err(Fault::unsupported("this clause of a query").at(query));
        }
        // FOR UPDATE and its like need nothing: who writes on old knowledge gets 40001.
        let recursing = std::mem::take(&mut self.recursing);
        let head = self.with(query, parent)?;
        let mut text = headed_as(query, &head);
        let order: &[OrderByExpr] = match query.order_by.as_ref().map(|o| &o.kind) {
            None => &[],
            Some(OrderByKind::Expressions(order)) => order,
            Some(OrderByKind::All(_)) => {
                return Err(Fault::unsupported("ORDER BY ALL").at(query));
            }
        };
        if let Some(key) = order
            .iter()
            .find(|k| matches!(k.options.sort, Some(OrderBySort::Using(_))))
        {
            return Err(Fault::unsupported("ORDER BY … USING this operator").at(&key.expr));
        }
        let columns = match &*query.body {
            SetExpr::Select(select) => {
                let (body, columns) = self.select(select, order, parent)?;
                text.push_str(&body);
                columns
            }
            body => {
                self.recursing = recursing;
                let (part, columns) = self.set(body, parent)?;
                let alone = !matches!(body, SetExpr::Values(_) | SetExpr::Query(_));
                let cut = query.limit_clause.is_some() || query.fetch.is_some();
                if alone || order.is_empty() && !cut {
                    text.push_str(&part);
                } else {
                    text.push_str(&format!("SELECT * FROM ({part})"));
                }
                let keys = self.order_of_outputs(order, &columns)?;
                if !keys.is_empty() {
                    text.push_str(&format!(" ORDER BY {}", keys.join(",")));
                }
                columns
            }
        };
        self.limit(query, parent, &mut text)?;
        Ok((text, columns))
    }

    fn limit(&mut self, query: &Query, parent: &Scope<'_>, text: &mut String) -> Result<(), Fault> {
        let (mut limit, offset) = limit_and_offset(query).ok_or_else(|| {
            Fault::new(SqlState::SYNTAX_ERROR, "LIMIT #,# syntax is not supported")
                .with_hint("Use separate LIMIT and OFFSET clauses.")
        })?;
        let one = Expr::value(Value::Number("1".into(), false));
        if let Some(fetch) = &query.fetch {
            if fetch.with_ties || fetch.percent {
                return Err(Fault::unsupported("FETCH WITH TIES").at(query));
            }
            limit = Some(fetch.quantity.as_ref().unwrap_or(&one));
        }
        if limit.is_none() && offset.is_none() {
            return Ok(());
        }
        let mut bound = |expr: &Expr, word: u8| {
            let sql = self.expr(expr, parent)?;
            let sql = self.implicit(sql, &Type::INT8.into()).at(expr)?;
            // NULL is no limit, and no offset.
            let none = if word == 0 { -1 } else { 0 };
            Ok::<_, Fault>(format!("coalesce(pg_limit({},{word}),{none})", sql.text))
        };
        match limit {
            Some(limit) => text.push_str(&format!(" LIMIT {}", bound(limit, 0)?)),
            None => text.push_str(" LIMIT -1"),
        }
        if let Some(offset) = offset {
            text.push_str(&format!(" OFFSET {}", bound(offset, 1)?));
        }
        Ok(())
    }

    pub(super) fn select(
        &mut self,
        select: &Select,
        order: &[OrderByExpr],
        parent: &Scope<'_>,
    ) -> Result<(String, Vec<Output>), Fault> {
        if select.into.is_some() {
            return Err(Fault::unsupported("SELECT INTO").at(select));
        }
        if select.qualify.is_some() || select.top.is_some() || select.prewhere.is_some() {
            return Err(Fault::unsupported("this clause of SELECT").at(select));
        }
        let mut scope = Scope::within(parent);
        let mut from = self.from(&select.from, &mut scope)?;
        let condition = match &select.selection {
            Some(expr) => Some(self.clause_without_aggregates(expr, &scope, "WHERE")?),
            None => None,
        };
        self.grouping = super::expr::Grouping::default();
        let groups = self.groups(select, &scope)?;
        self.grouping.keys.extend(groups.iter().cloned());
        match self.grouping.sets.clone() {
            Some(sets) => sets.show(&mut scope),
            None => self.allow_dependent(&scope),
        }

        let items = self.projection(&select.projection, &scope, &mut from)?;
        let having = match &select.having {
            Some(expr) => {
                self.grouping.aggregates = true;
                Some(self.condition(expr, &scope, "HAVING")?.text)
            }
            None => None,
        };
        let mut outputs: Vec<Output> = items
            .iter()
            .map(|(name, sql)| Output {
                name: name.clone(),
                ty: sql.ty.clone(),
                origin: None,
            })
            .collect();
        origin::trace(&select.projection, &scope, &mut outputs);
        let mut keys = Vec::new();
        let first = match &select.distinct {
            Some(Distinct::On(exprs)) => {
                let first = self.distinct_on(exprs, order, &items, &outputs, &scope);
                Some(first.at(select)?)
            }
            _ => {
                for key in order {
                    keys.push(self.order_key(key, &outputs, &scope)?);
                }
                None
            }
        };
        // They give rows after all that, while what is joined to FROM gives them before.
        let folded = self.grouping.aggregates || !groups.is_empty() || self.grouping.windows;
        if self.grouping.rows && folded {
            return Err(Fault::unsupported(
                "a function that gives rows beside groups, aggregates or windows",
            )
            .at(select));
        }
        self.check_grouping(!groups.is_empty())?;

        let mut text = String::from("SELECT ");
        match &select.distinct {
            None | Some(Distinct::All) => {}
            Some(Distinct::Distinct) => {
                for output in &outputs {
                    has_operator(&output.ty.kind, "equality").at(select)?;
                }
                text.push_str("DISTINCT ");
            }
            Some(Distinct::On(_)) => {}
        }
        let named = items;
        let items: Vec<String> = named
            .iter()
            .map(|(name, sql)| format!("{} AS {}", sql.ordered(), quote(name)))
            .collect();
        if items.is_empty() {
            return Err(Fault::unsupported("a SELECT without columns").at(select));
        }
        match &first {
            Some(first) => text.push_str(&first.list(&named)),
            None => text.push_str(&items.join(",")),
        }
        if let Some(sets) = self.grouping.sets.take() {
            let input = sets.input(&from, condition.as_deref());
            text.push_str(&format!(" FROM {input}"));
        } else {
            if !from.is_empty() {
                text.push_str(&format!(" FROM {from}"));
            }
            if let Some(condition) = condition {
                text.push_str(&format!(" WHERE {condition}"));
            }
        }
        if !groups.is_empty() {
            text.push_str(&format!(" GROUP BY {}", groups.join(",")));
        }
        if let Some(having) = having {
            if groups.is_empty() {
                // SQLite wants a GROUP BY in front.
                text.push_str(" GROUP BY NULL");
            }
            text.push_str(&format!(" HAVING {having}"));
        }
        let mut windows = Vec::new();
        for window in &select.named_window {
            let sqlparser::ast::NamedWindowExpr::WindowSpec(spec) = &window.1 else {
                return Err(Fault::unsupported("this WINDOW clause").at(select));
            };
            windows.push(format!(
                "{} AS ({})",
                quote(&fold(&window.0)),
                self.window(spec, &scope)?
            ));
        }
        if !windows.is_empty() {
            text.push_str(&format!(" WINDOW {}", windows.join(",")));
        }
        if !keys.is_empty() {
            text.push_str(&format!(" ORDER BY {}", keys.join(",")));
        }
        if let Some(first) = first {
            text = first.whole(&text, &named);
        }
        Ok((text, outputs))
    }

    fn clause_without_aggregates(
        &mut self,
        expr: &Expr,
        scope: &Scope<'_>,
        clause: &str,
    ) -> Result<String, Fault> {
        self.grouping = super::expr::Grouping::default();
        let sql = self.condition(expr, scope, clause)?;
        if self.grouping.aggregates {
            return Err(Fault::new(
                SqlState::GROUPING_ERROR,
                format!("aggregate functions are not allowed in {clause}"),
            )
            .at(expr));
        }
        Ok(sql.text)
    }

    fn groups(&mut self, select: &Select, scope: &Scope<'_>) -> Result<Vec<String>, Fault> {
        let GroupByExpr::Expressions(exprs, modifiers) = &select.group_by else {
            return Err(Fault::unsupported("GROUP BY ALL").at(select));
        };
        if !modifiers.is_empty() {
            return Err(Fault::unsupported("this GROUP BY").at(select));
        }
        if grouping_sets::has_sets(exprs) {
            let sets = self.grouping_sets(select, exprs, scope)?;
            self.no_aggregates_in_groups(select)?;
            self.grouping.keys.extend(sets.texts());
            let groups = sets.groups();
            self.grouping.sets = Some(sets);
            return Ok(groups);
        }
        let mut groups = Vec::new();
        for expr in exprs {
            let target = self.group_target(expr, select, scope)?;
            if self.trace.is_some() {
                // That is another node, and may be the only one with a meaning.
                drop(self.expr(expr, scope));
            }
            let sql = self.expr(&target, scope)?;
            has_operator(sql.kind(), "equality").at(expr)?;
            groups.push(sql.ordered());
            self.grouping.keys.push(sql.text);
        }
        self.no_aggregates_in_groups(select)?;
        Ok(groups)
    }

    fn no_aggregates_in_groups(&mut self, select: &Select) -> Result<(), Fault> {
        if self.grouping.aggregates {
            return Err(Fault::new(
                SqlState::GROUPING_ERROR,
                "aggregate functions are not allowed in GROUP BY",
            )
            .at(select));
        }
        self.grouping.bare = None;
        Ok(())
    }

    /// A table whose primary key is grouped by may show its other columns.
    fn allow_dependent(&mut self, scope: &Scope<'_>) {
        for relation in &scope.relations {
            let mut keys = relation.columns.iter().filter(|c| c.key).peekable();
            if keys.peek().is_some() && keys.all(|k| self.grouping.keys.contains(&relation.sql(k)))
            {
                self.grouping.whole.push(relation.name.clone());
            }
        }
    }

    fn check_grouping(&self, grouped: bool) -> Result<(), Fault> {
        match &self.grouping.bare {
            Some((name, fault)) if grouped || self.grouping.aggregates => {
                let mut fault = fault.clone();
                fault.code = SqlState::GROUPING_ERROR;
                fault.message = format!(
                    "column \"{name}\" must appear in the GROUP BY clause or be used in an aggregate function"
                )
                .into();
                Err(fault)
            }
            _ => Ok(()),
        }
    }

    pub(super) fn item(
        &mut self,
        item: &SelectItem,
        scope: &Scope<'_>,
        items: &mut Vec<(String, Sql)>,
    ) -> Result<(), Fault> {
        match item {
            SelectItem::UnnamedExpr(expr) => {
                let sql = self.expr(expr, scope)?;
                items.push((output_name(expr), sql));
            }
            SelectItem::ExprWithAlias { expr, alias } => {
                let sql = self.expr(expr, scope)?;
                items.push((fold(alias), sql));
            }
            SelectItem::Wildcard(_) => {
                if scope.relations.is_empty() {
                    return Err(Fault::new(
                        SqlState::SYNTAX_ERROR,
                        "SELECT * with no tables specified is not valid",
                    )
                    .at(item));
                }
                let mut all = Vec::new();
                for (r, c) in &scope.visible {
                    let relation = scope.relations.get(*r);
                    if let Some((relation, column)) =
                        relation.and_then(|r| Some((r, r.columns.get(*c)?)))
                    {
                        if self.trace.is_some() {
                            all.push(Named::new(relation, column, true));
                        }
                        let sql = Sql::new(relation.bare_sql(column), column.bare_ty().clone());
                        self.note_column(&sql.text, &column.name, relation, None);
                        items.push((column.name.clone(), sql));
                    }
                }
                if let Some(trace) = &mut self.trace {
                    trace.star(item, all);
                }
            }
            SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(name), _) => {
                let (_, name) = object(name)?;
                let relation = scope
                    .relation(&name)
                    .cloned()
                    .ok_or_else(|| missing_from(&name).at(item))?;
                if let Some(trace) = &mut self.trace {
                    let shown = relation.columns.iter().filter(|c| !c.system);
                    let all = shown.map(|c| Named::new(&relation, c, false));
                    trace.star(item, all.collect());
                }
                self.star(&relation, items);
            }
            other => return Err(Fault::unsupported(other).at(other)),
        }
        Ok(())
    }

    fn star(&mut self, relation: &Relation, items: &mut Vec<(String, Sql)>) {
        for column in relation.columns.iter().filter(|c| !c.system) {
            let sql = Sql::new(relation.sql(column), column.ty.clone());
            self.note_column(&sql.text, &column.name, relation, None);
            items.push((column.name.clone(), sql));
        }
    }

    /// A key of ORDER BY: an output column by name or number, or an expression.
    fn order_key(
        &mut self,
        key: &OrderByExpr,
        outputs: &[Output],
        scope: &Scope<'_>,
    ) -> Result<String, Fault> {
        if let Some(sql) = output_key(&key.expr, outputs)? {
            has_operator(&sql.ty.kind, "ordering").at(&key.expr)?;
            return Ok(direction(&sql, key));
        }
        if let Some(keys) = super::row::keys(key) {
            return self.order_by(&keys, scope);
        }
        let sql = self.expr(&key.expr, scope)?;
        has_operator(sql.kind(), "ordering").at(&key.expr)?;
        Ok(direction(&sql, key))
    }

    fn order_of_outputs(
        &self,
        order: &[OrderByExpr],
        outputs: &[Output],
    ) -> Result<Vec<String>, Fault> {
        order
            .iter()
            .map(|key| match output_key(&key.expr, outputs)? {
                Some(sql) => {
                    has_operator(sql.kind(), "ordering").at(&key.expr)?;
                    Ok(direction(&sql, key))
                }
                None => Err(Fault::new(
                    SqlState::FEATURE_NOT_SUPPORTED,
                    "invalid UNION/INTERSECT/EXCEPT ORDER BY clause",
                )
                .with_detail(
                    "Only result column names can be used, not expressions or functions.".into(),
                )
                .at(key)),
            })
            .collect()
    }

    /// Keys of an ORDER BY that knows no output columns: of a window or an aggregate.
    pub(super) fn order_by(
        &mut self,
        order: &[OrderByExpr],
        scope: &Scope<'_>,
    ) -> Result<String, Fault> {
        let mut keys = Vec::new();
        for key in order {
            if let Some(fields) = super::row::keys(key) {
                keys.push(self.order_by(&fields, scope)?);
                continue;
            }
            let sql = self.expr(&key.expr, scope)?;
            has_operator(sql.kind(), "ordering").at(&key.expr)?;
            keys.push(direction(&sql, key));
        }
        Ok(keys.join(","))
    }
}

/// `json` has neither: what it says may be said in many ways.
pub(super) fn has_operator(kind: &Type, what: &str) -> Result<(), Fault> {
    if matches!(*kind, Type::RECORD | Type::RECORD_ARRAY) {
        return Err(Fault::unsupported(format!("{what} of rows as values")));
    }
    if *kind != Type::JSON {
        return Ok(());
    }
    Err(Fault::new(
        SqlState::UNDEFINED_FUNCTION,
        format!("could not identify an {what} operator for type json"),
    ))
}

pub(super) fn output_key(expr: &Expr, outputs: &[Output]) -> Result<Option<Sql>, Fault> {
    let at = |index: usize| {
        outputs
            .get(index)
            .map(|o| Sql::new(index.saturating_add(1).to_string(), o.ty.clone()))
    };
    match expr {
        Expr::Identifier(ident) => {
            let name = fold(ident);
            Ok(outputs.iter().position(|o| o.name == name).and_then(at))
        }
        Expr::Value(value) => match &value.value {
            Value::Number(n, _) => n
                .parse::<usize>()
                .ok()
                .and_then(|n| n.checked_sub(1))
                .and_then(at)
                .map(Some)
                .ok_or_else(|| {
                    Fault::new(
                        SqlState::INVALID_COLUMN_REFERENCE,
                        format!("ORDER BY position {n} is not in select list"),
                    )
                    .at(expr)
                }),
            _ => Ok(None),
        },
        _ => Ok(None),
    }
}

/// PostgreSQL puts NULL behind everything, SQLite before.
pub(super) fn direction(sql: &Sql, key: &OrderByExpr) -> String {
    let descending = matches!(key.options.sort, Some(OrderBySort::Desc));
    let nulls_first = key.options.nulls_first.unwrap_or(descending);
    let text = sql.ordered();
    let word = if descending { " DESC" } else { "" };
    if sql.not_null {
        return format!("{text}{word}");
    }
    let nulls = if nulls_first { "FIRST" } else { "LAST" };
    format!("{text}{word} NULLS {nulls}")
}
