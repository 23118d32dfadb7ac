//! INSERT, and what any statement gives to columns.

use std::rc::Rc;

use postgres_types::Type;
use sqlparser::ast::{
    ConflictTarget, Expr, Ident, Insert, InsertOverriding, OnConflict, OnConflictAction, OnInsert,
    Query, SelectItem, SetExpr, TableObject, Value, ValueWithSpan, Values,
};

use crate::embedded::dialect::expr::{Sql, Translator};
use crate::embedded::dialect::from::{relation_of, scope_within};
use crate::embedded::dialect::plan::Plan;
use crate::embedded::dialect::scope::{Place, Scope, fold, object};
use crate::embedded::dialect::types::{self, Ty};
use crate::embedded::dialect::update::set_list;
use crate::embedded::dialect::{Fault, Table, TableColumn, quote};
use crate::error_response::SqlState;

/// 428C9.
pub(super) fn only_default(column: &TableColumn, what: &str) -> Fault {
    let name = &column.name;
    Fault::new(
        SqlState::new("428C9").unwrap_or(SqlState::SYNTAX_ERROR),
        format!("cannot insert a non-DEFAULT value into column \"{name}\""),
    )
    .with_detail(format!("Column \"{name}\" is {what}."))
}

/// Whether values of a type go into a column of another (`pg_cast.castcontext` `a` or `i`).
fn assignable(from: &Type, to: &Type) -> bool {
    if let (Some(from), Some(to)) = (types::element(from), types::element(to)) {
        return assignable(&from, &to);
    }
    let numbers = types::is_number(from) && types::is_number(to);
    from == to
        || numbers && !(types::is_oid(to) && !types::is_integer(from) && !types::is_oid(from))
        || types::is_text(to) && (*to != Type::CHAR || types::is_text(from))
        || types::is_time(from) && types::is_time(to)
        || *from == Type::TIMESTAMP && *to == Type::TIME
        || matches!(
            (from, to),
            (&Type::JSON, &Type::JSONB) | (&Type::JSONB, &Type::JSON)
        )
}

/// What the column of the table that is changed is called where that is done.
pub(super) fn own_column(scope: &Scope<'_>, name: &str) -> String {
    let relation = scope.relations.first();
    let found = relation.and_then(|r| Some(r.sql(r.columns.iter().find(|c| c.name == name)?)));
    found.unwrap_or_else(|| quote(name))
}

impl Translator<'_> {
    /// The conversion of a value on its way into a column.
    pub(super) fn assign(&mut self, sql: Sql, name: &str, ty: &Ty) -> Result<Sql, Fault> {
        let loose = *sql.kind() == Type::UNKNOWN;
        let sql = self.settle(sql, ty)?;
        if loose {
            return Ok(sql);
        }
        let (from, to) = (sql.kind().clone(), &ty.kind);
        let good = assignable(&from, to);
        if !good {
            return Err(Fault::new(
                SqlState::DATATYPE_MISMATCH,
                format!(
                    "column \"{name}\" is of type {} but expression is of type {}",
                    types::show(to, -1),
                    types::show(&from, -1)
                ),
            )
            .with_hint("You will need to rewrite or cast the expression."));
        }
        self.cast_now(sql, ty, false)
    }

    pub(super) fn assign_column(&mut self, sql: Sql, column: &TableColumn) -> Result<Sql, Fault> {
        let sql = self.assign(sql, &column.name, &column.ty)?;
        Ok(self.counted(sql, column))
    }

    /// Where NULL would make SQLite count on, it is the error that it is.
    fn counted(&self, sql: Sql, column: &TableColumn) -> Sql {
        if !column.counts || sql.text.bytes().all(|b| b.is_ascii_digit()) {
            return sql;
        }
        Sql {
            text: format!(
                "pg_not_null({},{},{})",
                sql.text,
                super::literal(&column.name),
                super::literal(&self.changing)
            ),
            ..sql
        }
    }

    pub(super) fn target_column<'t>(
        &self,
        table: &'t Table,
        name: &Ident,
    ) -> Result<&'t TableColumn, Fault> {
        let folded = fold(name);
        table
            .columns
            .iter()
            .find(|c| c.name == folded)
            .ok_or_else(|| {
                Fault::new(
                    SqlState::UNDEFINED_COLUMN,
                    format!(
                        "column \"{folded}\" of relation \"{}\" does not exist",
                        table.name
                    ),
                )
                .at_name(name)
            })
    }

    pub(super) fn insert(&mut self, insert: &Insert) -> Result<Plan, Fault> {
        let TableObject::TableName(name) = &insert.table else {
            return Err(Fault::unsupported("INSERT into this"));
        };
        if insert.or.is_some()
            || insert.replace_into
            || insert.ignore
            || !insert.assignments.is_empty()
        {
            return Err(Fault::new(SqlState::SYNTAX_ERROR, "syntax error in INSERT").at(name));
        }
        let table = self.table(name)?;
        own_target(&table).at(name)?;
        self.changing.clone_from(&table.name);
        let mut columns: Vec<TableColumn> = Vec::new();
        for column in &insert.columns {
            let ident = column
                .0
                .last()
                .and_then(|p| p.as_ident())
                .ok_or_else(|| Fault::unsupported(format!("the column {column}")))?;
            let found = self.target_column(&table, ident)?.clone();
            if columns.iter().any(|c| c.name == found.name) {
                return Err(Fault::new(
                    SqlState::DUPLICATE_COLUMN,
                    format!("column \"{}\" specified more than once", found.name),
                )
                .at(column));
            }
            columns.push(found);
        }
        let listed = !columns.is_empty();
        if !listed {
            columns.clone_from(&table.columns);
        }
        let alias = insert.table_alias.as_ref().map(|a| fold(&a.alias));
        let visible = alias.unwrap_or_else(|| table.name.clone());
        let scope = Scope::default();
        let source = match &insert.source {
            None => "DEFAULT VALUES".to_owned(),
            Some(query) => match plain_values(query) {
                Some(values) => {
                    self.once = true;
                    let text = self.insert_values(values, &mut columns, listed);
                    self.once = false;
                    text?
                }
                None => self.insert_query(query, &mut columns, listed, &scope)?,
            },
        };
        // Where it was only DEFAULT it is left out by now.
        let generated = columns.iter().find(|c| c.generated);
        if let Some(column) = generated.filter(|_| insert.source.is_some()) {
            return Err(only_default(column, "a generated column"));
        }
        let always = columns.iter().find(|c| c.identity == "a");
        if let Some(column) = always.filter(|_| insert.source.is_some()) {
            match insert.overriding {
                Some(InsertOverriding::System) => {}
                Some(InsertOverriding::User) => {
                    return Err(Fault::unsupported("OVERRIDING USER VALUE").at(name));
                }
                None => {
                    return Err(only_default(
                        column,
                        "an identity column defined as GENERATED ALWAYS",
                    )
                    .with_hint("Use OVERRIDING SYSTEM VALUE to override."));
                }
            }
        }
        let given: Vec<&str> = match insert.source {
            Some(_) => columns.iter().map(|c| c.name.as_str()).collect(),
            None => Vec::new(),
        };
        let names: Vec<String> = columns.iter().map(|c| quote(&c.name)).collect();
        let list = if insert.source.is_none() || names.is_empty() {
            String::new()
        } else {
            format!("({}) ", names.join(","))
        };
        let mut sql = format!(
            "INSERT INTO {} AS {} {list}{source}",
            table.sql,
            quote(&visible)
        );
        match &insert.on {
            None => {}
            Some(OnInsert::OnConflict(conflict)) => {
                let text = self.on_conflict(conflict, &table, &visible)?;
                sql.push_str(&text);
            }
            Some(_) => return Err(Fault::unsupported("ON DUPLICATE KEY")),
        }
        let outputs = self.returning(insert.returning.as_deref(), &table, &visible, &mut sql)?;
        Ok(Plan::Change {
            sql: self.staging.finish(sql),
            columns: outputs,
            tag: "INSERT 0",
            takes: super::sequence::taken_by(&table, &given),
        })
    }

    /// VALUES of an INSERT, where DEFAULT may stand for a value.
    fn insert_values(
        &mut self,
        values: &Values,
        columns: &mut Vec<TableColumn>,
        listed: bool,
    ) -> Result<String, Fault> {
        let width = values
            .rows
            .iter()
            .map(|r| r.content.len())
            .max()
            .unwrap_or(0);
        check_width(width, columns, listed)?;
        let is_default = |expr: &Expr| matches!(expr, Expr::Identifier(i) if i.quote_style.is_none() && i.value.eq_ignore_ascii_case("default"));
        // A column that is DEFAULT in all rows is left out.
        let all_default: Vec<bool> = (0..width)
            .map(|i| {
                values
                    .rows
                    .iter()
                    .all(|r| r.content.get(i).is_some_and(is_default))
            })
            .collect();
        let scope = Scope::default();
        let mut rows = Vec::new();
        for row in &values.rows {
            if row.content.len() != width {
                return Err(Fault::new(
                    SqlState::SYNTAX_ERROR,
                    "VALUES lists must all be the same length",
                ));
            }
            let mut items = Vec::new();
            for ((expr, column), skip) in row.content.iter().zip(columns.iter()).zip(&all_default) {
                if *skip {
                    continue;
                }
                if is_default(expr) {
                    items.push(column.default.clone().unwrap_or_else(|| "NULL".into()));
                    continue;
                }
                let sql = self.expr(expr, &scope)?;
                items.push(self.assign_column(sql, column).at(expr)?.text);
            }
            rows.push(format!("({})", items.join(",")));
        }
        if all_default.iter().all(|d| *d) {
            if values.rows.len() == 1 {
                columns.clear();
                return Ok("DEFAULT VALUES".into());
            }
            // SQLite has that for one row only: one column is said for all.
            let said = columns.iter().position(|c| !c.generated);
            let said = said.ok_or_else(|| Fault::unsupported("several rows of DEFAULT only"))?;
            columns.truncate(said.saturating_add(1));
            columns.drain(..said);
            let default = columns.first().and_then(|c| c.default.clone());
            let row = format!("({})", default.as_deref().unwrap_or("NULL"));
            return Ok(format!("VALUES {}", vec![row; values.rows.len()].join(",")));
        }
        let mut kept = all_default.iter();
        columns.retain(|_| !kept.next().copied().unwrap_or(false));
        Ok(format!("VALUES {}", rows.join(",")))
    }

    /// A parameter that stands in the list by itself has the type of its column.
    fn parameters_of(&mut self, query: &Query, columns: &[TableColumn]) -> Result<(), Fault> {
        let SetExpr::Select(select) = &*query.body else {
            return Ok(());
        };
        for (item, column) in select.projection.iter().zip(columns) {
            let (SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. }) = item
            else {
                return Ok(());
            };
            let is_parameter = |v: &ValueWithSpan| matches!(v.value, Value::Placeholder(_));
            if matches!(expr, Expr::Value(value) if is_parameter(value)) {
                let sql = self.expr(expr, &Scope::default())?;
                self.settle_as(sql, &column.ty.kind)?;
            }
        }
        Ok(())
    }

    fn insert_query(
        &mut self,
        query: &Query,
        columns: &mut Vec<TableColumn>,
        listed: bool,
        scope: &Scope<'_>,
    ) -> Result<String, Fault> {
        self.parameters_of(query, columns)?;
        let (text, outputs) = self.query(query, scope)?;
        check_width(outputs.len(), columns, listed)?;
        let mut items = Vec::new();
        let mut same = true;
        for (i, (output, column)) in outputs.iter().zip(columns.iter()).enumerate() {
            let kind = match output.ty.kind {
                // A literal in the list takes the column's type.
                Type::UNKNOWN => Type::TEXT,
                _ => output.ty.kind.clone(),
            };
            let name = format!("\"c{i}\"");
            let sql = Sql::new(
                name.clone(),
                Ty {
                    kind,
                    modifier: output.ty.modifier,
                },
            );
            let sql = if output.ty.kind == Type::UNKNOWN {
                self.counted(self.cast_now(sql, &column.ty, false)?, column)
            } else {
                self.assign_column(sql, column).at(query)?
            };
            same &= sql.text == name;
            items.push(sql.text);
        }
        if same {
            return Ok(format!("SELECT * FROM ({text}) WHERE true"));
        }
        let names: Vec<String> = (0..items.len()).map(|i| format!("\"c{i}\"")).collect();
        Ok(format!(
            "WITH \"part\"({}) AS ({text}) SELECT {} FROM \"part\" WHERE true",
            names.join(","),
            items.join(",")
        ))
    }

    fn on_conflict(
        &mut self,
        conflict: &OnConflict,
        table: &Rc<Table>,
        visible: &str,
    ) -> Result<String, Fault> {
        let mut text = String::from(" ON CONFLICT");
        match &conflict.conflict_target {
            None => {}
            Some(ConflictTarget::Columns { columns, predicate }) => {
                let mut names = Vec::new();
                for column in columns {
                    names.push(quote(&self.target_column(table, column)?.name));
                }
                text.push_str(&format!(" ({})", names.join(",")));
                if let Some(predicate) = predicate {
                    let scope = scope_within(table, visible)?;
                    let condition = self.condition(predicate, &scope, "WHERE")?;
                    text.push_str(&format!(" WHERE {}", condition.text));
                }
            }
            Some(ConflictTarget::OnConstraint(name)) => {
                let columns = self.constrained(table, name)?;
                let columns: Vec<String> = columns.iter().map(|c| quote(c)).collect();
                text.push_str(&format!(" ({})", columns.join(",")));
            }
        }
        match &conflict.action {
            OnConflictAction::DoNothing => text.push_str(" DO NOTHING"),
            OnConflictAction::DoUpdate(update) => {
                if conflict.conflict_target.is_none() {
                    return Err(Fault::new(
                        SqlState::SYNTAX_ERROR,
                        "ON CONFLICT DO UPDATE requires inference specification or constraint name",
                    ));
                }
                let mut scope = Scope::default();
                scope.add(relation_of(table, visible.to_owned()))?;
                scope.add(relation_of(table, "excluded".into()))?;
                let sets = set_list(&self.assignments(&update.assignments, table, &scope)?);
                text.push_str(&format!(" DO UPDATE SET {sets}"));
                if let Some(selection) = &update.selection {
                    let condition = self.condition(selection, &scope, "WHERE")?;
                    text.push_str(&format!(" WHERE {}", condition.text));
                }
            }
        }
        Ok(text)
    }

    /// The columns of a unique constraint.
    fn constrained(
        &self,
        table: &Table,
        name: &sqlparser::ast::ObjectName,
    ) -> Result<Vec<String>, Fault> {
        let (_, wanted) = object(name)?;
        for index in self.schema.indexes(table)? {
            let columns: Option<Vec<String>> = index.columns.into_iter().collect();
            if let Some(columns) = columns.filter(|_| index.constraint && index.name == wanted) {
                return Ok(columns);
            }
        }
        let key: Vec<String> = table
            .columns
            .iter()
            .filter(|c| c.key)
            .map(|c| c.name.clone())
            .collect();
        let named = format!("CONSTRAINT {} PRIMARY KEY", quote(&wanted));
        if !key.is_empty()
            && (table.definition.contains(&named) || wanted == format!("{}_pkey", table.name))
        {
            return Ok(key);
        }
        Err(Fault::new(
            SqlState::UNDEFINED_OBJECT,
            format!(
                "constraint \"{wanted}\" for table \"{}\" does not exist",
                table.name
            ),
        )
        .at(name))
    }
}

/// A table that rows may be written to.
pub(super) fn own_target(table: &Table) -> Result<(), Fault> {
    if table.system {
        return Err(Fault::new(
            SqlState::INSUFFICIENT_PRIVILEGE,
            format!("permission denied: \"{}\" is a system catalog", table.name),
        ));
    }
    if table.view {
        return Err(Fault::unsupported(format!(
            "changing rows through the view \"{}\"",
            table.name
        )));
    }
    Ok(())
}

/// A query that is VALUES and nothing else.
fn plain_values(query: &Query) -> Option<&Values> {
    match &*query.body {
        SetExpr::Values(values)
            if query.with.is_none() && query.order_by.is_none() && query.limit_clause.is_none() =>
        {
            Some(values)
        }
        _ => None,
    }
}

/// As many values as columns; without a list there may be fewer.
fn check_width(width: usize, columns: &mut Vec<TableColumn>, listed: bool) -> Result<(), Fault> {
    if width > columns.len() {
        return Err(Fault::new(
            SqlState::SYNTAX_ERROR,
            "INSERT has more expressions than target columns",
        ));
    }
    if width < columns.len() {
        if listed {
            return Err(Fault::new(
                SqlState::SYNTAX_ERROR,
                "INSERT has more target columns than expressions",
            ));
        }
        columns.truncate(width);
    }
    Ok(())
}

/// Whether a name with its schema is one the user may make tables under.
pub(super) fn own_name(name: &sqlparser::ast::ObjectName) -> Result<String, Fault> {
    match object(name)? {
        (None, name) => Ok(name),
        (Some(schema), name) if schema == "public" || schema == "main" => Ok(name),
        (Some(schema), _) => Err(Fault::new(
            SqlState::INVALID_SCHEMA_NAME,
            format!("schema \"{schema}\" does not exist"),
        )
        .at(name)),
    }
}
