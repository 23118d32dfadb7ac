//! FROM: tables, joins, subqueries, functions that give rows.

use postgres_types::Type;
use sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgumentList, FunctionArguments, JoinOperator, ObjectName,
    ObjectNamePart, TableAlias, TableFactor, TableWithJoins,
};

use crate::embedded::catalog;
use crate::embedded::dialect::expr::Translator;
use crate::embedded::dialect::returning::row_number;
use crate::embedded::dialect::scope::{Place, Relation, RelationColumn, Scope, fold, object};
use crate::embedded::dialect::select::{CteRows, inner_name};
use crate::embedded::dialect::staged::kept_name;
use crate::embedded::dialect::{Fault, Table, quote};
use crate::error_response::SqlState;

const TABLEOID: &str = "tableoid";

/// A table's columns, and what every table has besides.
pub(super) fn relation_of(table: &Table, name: String) -> Relation {
    let columns = (1..)
        .zip(&table.columns)
        .map(|(number, c)| RelationColumn {
            not_null: c.not_null,
            key: c.key,
            origin: (table.oid > 0).then_some((table.oid, number)),
            direct: true,
            ..RelationColumn::new(c.name.clone(), c.ty.clone())
        })
        .chain(table_oid(table))
        .collect();
    Relation {
        name,
        qualified: true,
        columns,
    }
}

/// `tableoid`, which every table has.
fn table_oid(table: &Table) -> Option<RelationColumn> {
    if table.view && !table.system || table.columns.iter().any(|c| c.name == TABLEOID) {
        return None;
    }
    let oid = match table.system {
        true => catalog::oid_of(&table.name)?,
        false => table.oid.into(),
    };
    // What is NULL only where a join has no row of it.
    let there = match table.system {
        true => table.columns.iter().find(|c| c.name == "oid"),
        false => None,
    };
    let there = match (there, table.system) {
        (Some(column), _) => column.name.as_str(),
        (None, true) => table.columns.first()?.name.as_str(),
        (None, false) => row_number(table).ok()?,
    };
    Some(RelationColumn {
        system: true,
        not_null: true,
        computed: Some(oid.to_string()),
        inner: Some(there.to_owned()),
        ..RelationColumn::new(TABLEOID, Type::OID)
    })
}

/// Where the columns of one table are named without it.
pub(super) fn scope_within(table: &Table, name: &str) -> Result<Scope<'static>, Fault> {
    let mut scope = Scope::default();
    let mut relation = relation_of(table, name.to_owned());
    relation.qualified = false;
    scope.add(relation)?;
    Ok(scope)
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

    pub(super) fn factor(
        &mut self,
        factor: &TableFactor,
        scope: &mut Scope<'_>,
    ) -> Result<String, Fault> {
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
                if let [ObjectNamePart::Identifier(ident)] = name.0.as_slice()
                    && ident.quote_style.is_none()
                    && super::function::is_bare(&fold(ident))
                {
                    return self.function_factor(name, &[], false, alias.as_ref(), scope);
                }
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
            } => self
                .function_factor(name, &args.args, *with_ordinality, alias.as_ref(), scope)
                .at(name),
            TableFactor::Function {
                lateral: _,
                name,
                args,
                with_ordinality,
                alias,
            } => self
                .function_factor(name, args, *with_ordinality, alias.as_ref(), scope)
                .at(name),
            TableFactor::UNNEST {
                alias,
                array_exprs,
                with_offset: false,
                with_ordinality,
                ..
            } => {
                let mut arrays = Vec::new();
                for array in array_exprs {
                    arrays.push(self.expr(array, scope)?);
                }
                let name = alias
                    .as_ref()
                    .map_or_else(|| "unnest".into(), |a| fold(&a.name));
                let (text, mut relation) = match arrays.as_slice() {
                    [array] => self.unnest(array.clone(), &name)?,
                    _ => self.unnest_all(arrays, &name)?,
                };
                if *with_ordinality {
                    super::sets::number_rows(&mut relation, &text)?;
                }
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
                let Some(alias) = alias else {
                    return Err(Fault::new(
                        SqlState::SYNTAX_ERROR,
                        "subquery in FROM must have an alias",
                    )
                    .with_hint("For example, FROM (SELECT ...) [AS] foo.")
                    .at(&**subquery));
                };
                if *lateral && !scope.relations.is_empty() {
                    let (text, mut relation) = self.lateral(subquery, alias, scope)?;
                    rename(&mut relation, Some(alias))?;
                    scope.add(relation)?;
                    return Ok(text);
                }
                // What stands beside it in FROM means nothing inside.
                let outer = scope.parent.cloned().unwrap_or_default();
                let (text, columns) = self.query(subquery, &outer)?;
                let name = fold(&alias.name);
                let mut relation = Relation {
                    name: name.clone(),
                    qualified: true,
                    columns: columns
                        .into_iter()
                        .map(|c| RelationColumn {
                            origin: c.origin,
                            ..RelationColumn::new(c.name, c.ty)
                        })
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
        &mut self,
        name: &ObjectName,
        alias: Option<&TableAlias>,
    ) -> Result<(String, Relation), Fault> {
        let (namespace, bare) = object(name)?;
        let visible = alias.map_or_else(|| bare.clone(), |a| fold(&a.name));
        let cte = self
            .ctes
            .iter()
            .enumerate()
            .rev()
            .find(|(_, c)| namespace.is_none() && c.name == bare);
        let (sql, mut relation) = match cte {
            Some((number, cte)) => {
                if self.staging.returning {
                    return Err(Fault::unsupported("a WITH query in RETURNING"));
                }
                let columns = cte.columns.iter().enumerate();
                let columns = columns.map(|(i, c)| RelationColumn {
                    origin: c.origin,
                    inner: matches!(cte.rows, CteRows::Kept(_)).then(|| format!("c{i}")),
                    ..RelationColumn::new(c.name.clone(), c.ty.clone())
                });
                let relation = Relation {
                    name: visible.clone(),
                    qualified: true,
                    columns: columns.collect(),
                };
                match cte.rows {
                    CteRows::Query => {
                        self.staging.used.cte(number);
                        (quote(&inner_name(&bare)), relation)
                    }
                    CteRows::Kept(slot) => {
                        self.staging.used.rows(slot, cte.columns.len());
                        (kept_name(slot), relation)
                    }
                    CteRows::None => {
                        return Err(Fault::new(
                            SqlState::FEATURE_NOT_SUPPORTED,
                            format!("WITH query \"{bare}\" does not have a RETURNING clause"),
                        ));
                    }
                }
            }
            None => {
                let own = matches!(namespace.as_deref(), None | Some("public"));
                let table = match self.table(name) {
                    Err(fault) if own => self.schema.sequence_rows(&bare)?.ok_or(fault)?,
                    table => table?,
                };
                if let Some(trace) = &mut self.trace {
                    trace.table(name, table.oid);
                }
                let relation = relation_of(&table, visible.clone());
                (self.staging.name_of(&table), relation)
            }
        };
        rename(&mut relation, alias)?;
        Ok((format!("{sql} AS {}", quote(&visible)), relation))
    }

    /// A table that must be there.
    pub(super) fn table(&self, name: &ObjectName) -> Result<std::rc::Rc<Table>, Fault> {
        let (namespace, bare) = object(name)?;
        // The names that clients give to statements are not told to a database.
        if bare == "pg_prepared_statements" && namespace.as_deref() != Some("public") {
            return Err(Fault::unsupported("pg_prepared_statements").at(name));
        }
        let found = self.schema.table(namespace.as_deref(), &bare)?;
        if found.as_ref().is_some_and(|t| t.database == "temp") {
            self.temporary.set(true);
        }
        found.ok_or_else(|| {
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
        numbered: bool,
        alias: Option<&TableAlias>,
        scope: &mut Scope<'_>,
    ) -> Result<String, Fault> {
        let (_, bare) = object(name)?;
        if let Some(kind) = super::records::kind_of(&bare) {
            return self.records((&bare, &kind), args, numbered, alias, scope);
        }
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
        let (text, mut relation) = if super::sets::gives_rows(&call) {
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
        if numbered && bare != "pg_partition_ancestors" {
            super::sets::number_rows(&mut relation, &text)?;
        }
        rename(&mut relation, alias)?;
        scope.add(relation)?;
        Ok(text)
    }
}

/// `t(a, b)`: other names for the columns.
fn rename(relation: &mut Relation, alias: Option<&TableAlias>) -> Result<(), Fault> {
    let names = alias.map(|a| a.columns.as_slice()).unwrap_or_default();
    if !names.is_empty() {
        relation.columns.retain(|c| !c.system);
    }
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
        column.direct = false;
    }
    Ok(())
}
