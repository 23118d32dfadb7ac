//! FROM: tables, joins, subqueries, functions that give rows.

use postgres_types::Type;
use sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentList, FunctionArguments, Join,
    JoinConstraint, JoinOperator, ObjectName, TableAlias, TableFactor, TableWithJoins,
};

use crate::embedded::dialect::expr::{Sql, Translator};
use crate::embedded::dialect::scope::{Place, Relation, RelationColumn, Scope, fold, object};
use crate::embedded::dialect::types;
use crate::embedded::dialect::{Fault, Table, quote};
use crate::error_response::SqlState;

/// What every table has besides its own columns.
pub(super) fn relation_of(table: &Table, name: String) -> Relation {
    let columns = table
        .columns
        .iter()
        .map(|c| RelationColumn {
            not_null: c.not_null,
            key: c.key,
            ..RelationColumn::new(c.name.clone(), c.ty.clone())
        })
        .collect();
    Relation {
        name,
        qualified: true,
        columns,
    }
}

impl Translator<'_> {
    pub(super) fn from(
        &mut self,
        from: &[TableWithJoins],
        scope: &mut Scope<'_>,
    ) -> Result<String, Fault> {
        let several = from.len() > 1;
        let mut parts = Vec::new();
        for item in from {
            let start = scope.relations.len();
            let mut text = self.factor(&item.relation, scope)?;
            let mut outer = false;
            for join in &item.joins {
                outer |= matches!(
                    join.join_operator,
                    JoinOperator::Right(_)
                        | JoinOperator::RightOuter(_)
                        | JoinOperator::FullOuter(_)
                );
                text = self.join(text, join, scope, start)?;
            }
            // SQLite reads `a, b RIGHT JOIN c` from the left.
            parts.push(if several && outer {
                format!("({text})")
            } else {
                text
            });
        }
        Ok(parts.join(", "))
    }

    fn join(
        &mut self,
        left: String,
        join: &Join,
        scope: &mut Scope<'_>,
        start: usize,
    ) -> Result<String, Fault> {
        use JoinOperator as J;
        let (word, constraint) = match &join.join_operator {
            J::Join(c) | J::Inner(c) => ("JOIN", c),
            J::Left(c) | J::LeftOuter(c) => ("LEFT JOIN", c),
            J::Right(c) | J::RightOuter(c) => ("RIGHT JOIN", c),
            J::FullOuter(c) => ("FULL JOIN", c),
            J::CrossJoin(c) => ("CROSS JOIN", c),
            _ => return Err(Fault::unsupported("this kind of join").at(join)),
        };
        let middle = scope.relations.len();
        let right = self.factor(&join.relation, scope)?;
        if word != "JOIN" && word != "CROSS JOIN" {
            let nullable = match word {
                "LEFT JOIN" => middle..scope.relations.len(),
                "RIGHT JOIN" => start..middle,
                _ => start..scope.relations.len(),
            };
            for relation in scope.relations.get_mut(nullable).into_iter().flatten() {
                for column in &mut relation.columns {
                    column.not_null = false;
                }
            }
        }
        let names = match constraint {
            JoinConstraint::None => return Ok(format!("{left} {word} {right}")),
            JoinConstraint::On(expr) => {
                let on = self.condition(expr, scope, "JOIN/ON")?;
                return Ok(format!("{left} {word} {right} ON {}", on.text));
            }
            JoinConstraint::Using(names) => names
                .iter()
                .map(|name| object(name).map(|(_, name)| name))
                .collect::<Result<Vec<_>, _>>()?,
            JoinConstraint::Natural => {
                let (lefts, rights) = scope.relations.split_at(middle);
                let lefts = lefts.get(start..).unwrap_or_default();
                let rights: Vec<_> = rights.iter().flat_map(|r| &r.columns).collect();
                lefts
                    .iter()
                    .flat_map(|r| &r.columns)
                    .filter(|l| !l.hidden && rights.iter().any(|r| !r.hidden && r.name == l.name))
                    .map(|l| l.name.clone())
                    .collect()
            }
            JoinConstraint::UsingAlias(..) => {
                return Err(Fault::unsupported("an alias of USING").at(join));
            }
        };
        if names.is_empty() {
            return Ok(format!("{left} CROSS JOIN {right}"));
        }
        let mut inner = Vec::new();
        for name in &names {
            inner.push(quote(&merge(name, scope, start, middle).at(join)?));
        }
        let names = inner;
        Ok(format!("{left} {word} {right} USING({})", names.join(",")))
    }

    fn factor(&mut self, factor: &TableFactor, scope: &mut Scope<'_>) -> Result<String, Fault> {
        match factor {
            TableFactor::Table {
                name,
                alias,
                args: None,
                with_ordinality: false,
                sample: None,
                version: None,
                ..
            } => {
                let (text, relation) = self.named_table(name, alias.as_ref()).at(name)?;
                scope.add(relation).at(name)?;
                Ok(text)
            }
            TableFactor::Table {
                name,
                alias,
                args: Some(args),
                with_ordinality,
                ..
            } if !with_ordinality || empty_function(name) => self
                .function_factor(name, &args.args, alias.as_ref(), scope)
                .at(name),
            TableFactor::Function {
                lateral: _,
                name,
                args,
                with_ordinality,
                alias,
            } if !with_ordinality || empty_function(name) => self
                .function_factor(name, args, alias.as_ref(), scope)
                .at(name),
            TableFactor::UNNEST {
                alias,
                array_exprs,
                with_offset: false,
                with_ordinality: false,
                ..
            } => {
                let [array] = array_exprs.as_slice() else {
                    return Err(Fault::unsupported("UNNEST of several arrays"));
                };
                let array = self.expr(array, scope)?;
                let name = alias
                    .as_ref()
                    .map_or_else(|| "unnest".into(), |a| fold(&a.name));
                let (text, mut relation) = self.unnest(array, &name)?;
                rename(&mut relation, alias.as_ref())?;
                scope.add(relation)?;
                Ok(text)
            }
            TableFactor::Derived {
                lateral,
                subquery,
                alias,
                ..
            } => {
                if *lateral {
                    return Err(Fault::unsupported("LATERAL").at(&**subquery));
                }
                // What stands beside it in FROM means nothing inside.
                let outer = scope.parent.cloned().unwrap_or_default();
                let (text, columns) = self.query(subquery, &outer)?;
                let Some(alias) = alias else {
                    return Err(Fault::new(
                        SqlState::SYNTAX_ERROR,
                        "subquery in FROM must have an alias",
                    )
                    .with_hint("For example, FROM (SELECT ...) [AS] foo.")
                    .at(&**subquery));
                };
                let name = fold(&alias.name);
                let mut relation = Relation {
                    name: name.clone(),
                    qualified: true,
                    columns: columns
                        .into_iter()
                        .map(|c| RelationColumn::new(c.name, c.ty))
                        .collect(),
                };
                rename(&mut relation, Some(alias))?;
                scope.add(relation)?;
                Ok(format!("({text}) AS {}", quote(&name)))
            }
            TableFactor::NestedJoin {
                table_with_joins,
                alias: None,
            } => {
                let start = scope.relations.len();
                let mut text = self.factor(&table_with_joins.relation, scope)?;
                for join in &table_with_joins.joins {
                    text = self.join(text, join, scope, start)?;
                }
                Ok(format!("({text})"))
            }
            other => Err(Fault::unsupported(super::expr::shorten(&other.to_string())).at(other)),
        }
    }

    fn named_table(
        &self,
        name: &ObjectName,
        alias: Option<&TableAlias>,
    ) -> Result<(String, Relation), Fault> {
        let (namespace, bare) = object(name)?;
        let visible = alias.map_or_else(|| bare.clone(), |a| fold(&a.name));
        let cte = self
            .ctes
            .iter()
            .rev()
            .find(|c| namespace.is_none() && c.name == bare);
        let (sql, mut relation) = match cte {
            Some(cte) => (
                quote(&bare),
                Relation {
                    name: visible.clone(),
                    qualified: true,
                    columns: cte
                        .columns
                        .iter()
                        .map(|c| RelationColumn::new(c.name.clone(), c.ty.clone()))
                        .collect(),
                },
            ),
            None => {
                let table = self.table(name)?;
                (table.sql.clone(), relation_of(&table, visible.clone()))
            }
        };
        rename(&mut relation, alias)?;
        Ok((format!("{sql} AS {}", quote(&visible)), relation))
    }

    /// A table that must be there.
    pub(super) fn table(&self, name: &ObjectName) -> Result<std::rc::Rc<Table>, Fault> {
        let (namespace, bare) = object(name)?;
        self.schema
            .table(namespace.as_deref(), &bare)?
            .ok_or_else(|| {
                let full = match namespace {
                    Some(namespace) => format!("{namespace}.{bare}"),
                    None => bare,
                };
                Fault::new(
                    SqlState::UNDEFINED_TABLE,
                    format!("relation \"{full}\" does not exist"),
                )
                .at(name)
            })
    }

    fn function_factor(
        &mut self,
        name: &ObjectName,
        args: &[FunctionArg],
        alias: Option<&TableAlias>,
        scope: &mut Scope<'_>,
    ) -> Result<String, Fault> {
        let (_, bare) = object(name)?;
        let call = Function {
            name: name.clone(),
            uses_odbc_syntax: false,
            parameters: FunctionArguments::None,
            args: FunctionArguments::List(FunctionArgumentList {
                duplicate_treatment: None,
                args: args.to_vec(),
                clauses: Vec::new(),
            }),
            within_group: Vec::new(),
            filter: None,
            null_treatment: None,
            over: None,
        };
        let visible = alias.map_or_else(|| bare.clone(), |a| fold(&a.name));
        let (text, mut relation) = if super::function::gives_rows(&call) {
            self.table_function(&call, scope, &visible)?
        } else {
            let sql = self.expr(
                &Expr::Function(call),
                &scope.parent.cloned().unwrap_or_default(),
            )?;
            let relation = Relation {
                name: visible.clone(),
                qualified: true,
                columns: vec![RelationColumn::new(visible.clone(), sql.ty.clone())],
            };
            let text = format!(
                "(SELECT {} AS {}) AS {}",
                sql.text,
                quote(&visible),
                quote(&visible)
            );
            (text, relation)
        };
        rename(&mut relation, alias)?;
        scope.add(relation)?;
        Ok(text)
    }

    /// `generate_series` and `unnest`, as a table of one column that is called as the alias.
    pub(super) fn table_function(
        &mut self,
        call: &Function,
        scope: &Scope<'_>,
        alias: &str,
    ) -> Result<(String, Relation), Fault> {
        let (_, name) = object(&call.name)?;
        let mut arguments = Vec::new();
        if let FunctionArguments::List(list) = &call.args {
            for argument in &list.args {
                let FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) = argument else {
                    return Err(Fault::unsupported(format!("this argument of {name}")));
                };
                arguments.push(self.expr(expr, scope)?);
            }
        }
        if name == "unnest" {
            let [array] = arguments.as_slice() else {
                return Err(Fault::unsupported("unnest of several arrays"));
            };
            return self.unnest(array.clone(), alias);
        }
        // No table is a partition.
        if name == "pg_partition_ancestors" {
            let relation = Relation {
                name: alias.to_owned(),
                qualified: true,
                columns: vec![
                    RelationColumn::new("relid", Type::REGCLASS),
                    RelationColumn::new("ordinality", Type::INT8),
                ],
            };
            let text = format!(
                "(SELECT NULL AS relid, NULL AS ordinality WHERE 0) AS {}",
                quote(alias)
            );
            return Ok((text, relation));
        }
        if name == "generate_subscripts" {
            let (Some(array), 2) = (arguments.first(), arguments.len()) else {
                return Err(Fault::unsupported(
                    "generate_subscripts with these arguments",
                ));
            };
            let oid = array.kind().oid();
            let (lower, upper) = (
                format!("pg_array_lower({},{oid})", array.text),
                format!("pg_array_upper({},{oid})", array.text),
            );
            return Ok(series(&lower, &upper, "1", Type::INT4, alias));
        }
        let step = match arguments.len() {
            2 => Sql::new("1", Type::INT4),
            3 => arguments.pop().unwrap_or_else(|| Sql::new("1", Type::INT4)),
            _ => {
                return Err(Fault::new(
                    SqlState::UNDEFINED_FUNCTION,
                    "function generate_series with these arguments does not exist",
                ));
            }
        };
        let timed = arguments.iter().any(|a| types::is_time(a.kind()));
        if timed {
            return self.series_of_times(arguments, step, alias);
        }
        arguments.push(step);
        let (arguments, kind) = self.common(arguments, "generate_series")?;
        let kind = match kind {
            Type::INT2 | Type::TEXT => Type::INT4,
            kind => kind,
        };
        let [start, stop, step] = arguments.as_slice() else {
            return Err(Fault::unsupported("generate_series"));
        };
        if !types::is_integer(&kind) {
            return Err(Fault::unsupported(format!(
                "generate_series of {}",
                types::show(&kind, -1)
            )));
        }
        Ok(series(
            &start.text,
            &stop.text,
            &format!("pg_step({})", step.text),
            kind,
            alias,
        ))
    }

    fn series_of_times(
        &mut self,
        arguments: Vec<Sql>,
        step: Sql,
        alias: &str,
    ) -> Result<(String, Relation), Fault> {
        let (arguments, kind) = self.common(arguments, "generate_series")?;
        let kind = if kind == Type::DATE {
            Type::TIMESTAMPTZ
        } else {
            kind
        };
        let [start, stop] = arguments.as_slice() else {
            return Err(Fault::unsupported("generate_series"));
        };
        let ty = kind.clone().into();
        let start = self.cast_now(start.clone(), &ty, false)?;
        let stop = self.cast_now(stop.clone(), &ty, false)?;
        let step = self.cast(step, &Type::INTERVAL.into())?;
        let value = Sql::new("\"v\"", kind.clone());
        let next = self.binary(&sqlparser::ast::BinaryOperator::Plus, value, step.clone())?;
        let name = quote(alias);
        let text = format!(
            "(WITH RECURSIVE \"s\"(\"v\",\"stop\",\"up\") AS (\
             SELECT {0},{1},pg_interval_sign({2}) WHERE iif(pg_interval_sign({2})>0,{0}<={1},{0}>={1}) \
             UNION ALL SELECT {3},\"stop\",\"up\" FROM \"s\" \
             WHERE iif(\"up\">0,{3}<=\"stop\",{3}>=\"stop\")) SELECT \"v\" AS {name} FROM \"s\") AS {name}",
            start.text, stop.text, step.text, next.text
        );
        Ok((text, single(alias, alias, kind)))
    }

    fn unnest(&mut self, array: Sql, alias: &str) -> Result<(String, Relation), Fault> {
        let array = self.settle_as(array, &Type::TEXT_ARRAY)?;
        let Some(element) = types::element(array.kind()) else {
            return Err(Fault::new(
                SqlState::UNDEFINED_FUNCTION,
                format!(
                    "function unnest({}) does not exist",
                    types::show(array.kind(), -1)
                ),
            ));
        };
        let text = format!(
            "json_each(pg_array_json({},{})) AS {}",
            array.text,
            element.oid(),
            quote(alias)
        );
        Ok((text, single(alias, "value", element)))
    }
}

/// Makes one column of the two that USING names, and gives SQLite's name for it.
fn merge(name: &str, scope: &mut Scope<'_>, start: usize, middle: usize) -> Result<String, Fault> {
    let (lefts, rights) = scope.relations.split_at_mut(middle);
    let lefts = lefts.get_mut(start..).unwrap_or_default();
    let find = |side: &mut [Relation], word: &str| {
        side.iter()
            .enumerate()
            .find_map(|(i, r)| {
                let column = r.columns.iter().position(|c| c.name == name && !c.hidden)?;
                Some((i, column))
            })
            .ok_or_else(|| {
                Fault::new(
                    SqlState::UNDEFINED_COLUMN,
                    format!(
                        "column \"{name}\" specified in USING clause does not exist in {word} table"
                    ),
                )
            })
    };
    let (l, r) = (find(lefts, "left")?, find(rights, "right")?);
    let left = lefts.get_mut(l.0).and_then(|t| t.columns.get_mut(l.1));
    let right = rights.get_mut(r.0).and_then(|t| t.columns.get_mut(r.1));
    if let (Some(left), Some(right)) = (left, right) {
        super::operator::comparable("=", &left.ty.kind, &right.ty.kind)?;
        let inner = left.inner.clone().unwrap_or_else(|| name.to_owned());
        if right.inner.as_deref().unwrap_or(name) != inner {
            return Err(Fault::unsupported("USING of a column with another name"));
        }
        if types::storage(&left.ty.kind) != types::storage(&right.ty.kind) {
            return Err(Fault::unsupported("USING of columns of different types"));
        }
        left.merged = true;
        right.hidden = true;
        return Ok(inner);
    }
    Err(Fault::unsupported("this USING"))
}

/// Whether WITH ORDINALITY changes nothing.
fn empty_function(name: &ObjectName) -> bool {
    object(name).is_ok_and(|(_, name)| name == "pg_partition_ancestors")
}

fn series(start: &str, stop: &str, step: &str, kind: Type, alias: &str) -> (String, Relation) {
    let text = format!("generate_series({start},{stop},{step}) AS {}", quote(alias));
    (text, single(alias, "value", kind))
}

/// The relation of a function with one column, which is called as the function is.
fn single(name: &str, column: &str, kind: Type) -> Relation {
    Relation {
        name: name.to_owned(),
        qualified: true,
        columns: vec![RelationColumn {
            inner: Some(column.to_owned()),
            ..RelationColumn::new(name, kind)
        }],
    }
}

/// `t(a, b)`: other names for the columns.
fn rename(relation: &mut Relation, alias: Option<&TableAlias>) -> Result<(), Fault> {
    let names = alias.map(|a| a.columns.as_slice()).unwrap_or_default();
    if names.len() > relation.columns.len() {
        return Err(Fault::new(
            SqlState::INVALID_COLUMN_REFERENCE,
            format!(
                "table \"{}\" has {} columns available but {} columns specified",
                relation.name,
                relation.columns.len(),
                names.len()
            ),
        ));
    }
    for (column, name) in relation.columns.iter_mut().zip(names) {
        let old = std::mem::replace(&mut column.name, fold(&name.name));
        column.inner.get_or_insert(old);
    }
    Ok(())
}
