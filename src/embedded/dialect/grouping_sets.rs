//! GROUPING SETS, ROLLUP and CUBE: each row of the input stands there once for each set, by a join
//! with the sets' numbers. What a set does not group by is NULL in it. The set of nothing has a row
//! even without input; aggregates leave that row out.

use std::rc::Rc;

use postgres_types::Type;
use sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Select, SelectItem, Value,
};

use crate::embedded::dialect::Fault;
use crate::embedded::dialect::expr::{Open, Sql, Translator};
use crate::embedded::dialect::scope::{Place, Scope, fold, object};
use crate::error_response::SqlState;

/// As in PostgreSQL.
const MAX_SETS: usize = 4096;
/// The same for the elements of CUBE.
const MAX_CUBE: usize = 12;

/// Where the numbers of the sets are, and what tells a row of the input.
const NUMBER: &str = "\"set#\".\"i\"";
const INPUT: &str = "\"in#\".\"m\"";

/// What a query with several groupings groups by.
#[derive(Debug)]
pub(super) struct Sets {
    keys: Vec<Key>,
    /// The keys of each set.
    sets: Vec<Vec<usize>>,
}

#[derive(Debug)]
struct Key {
    expr: Expr,
    sql: Sql,
    /// NULL where the set does not group by it.
    shown: Sql,
}

impl Sets {
    /// What stands for an expression that is grouped by.
    pub(super) fn of_expr(&self, expr: &Expr) -> Option<Sql> {
        let key = self.keys.iter().find(|k| k.expr == *expr);
        key.map(|k| k.shown.clone())
    }

    pub(super) fn of_text(&self, text: &str) -> Option<Sql> {
        let key = self.keys.iter().find(|k| k.sql.text == text);
        key.map(|k| k.shown.clone())
    }

    fn has_empty(&self) -> bool {
        self.sets.iter().any(Vec::is_empty)
    }

    /// The condition of an aggregate: without the row that is there for want of input.
    pub(super) fn filter(&self, condition: Option<&str>) -> String {
        match (self.has_empty(), condition) {
            (true, Some(condition)) => format!(" FILTER (WHERE {INPUT} AND {condition})"),
            (true, None) => format!(" FILTER (WHERE {INPUT})"),
            (false, Some(condition)) => format!(" FILTER (WHERE {condition})"),
            (false, None) => String::new(),
        }
    }

    /// FROM and WHERE.
    pub(super) fn input(&self, from: &str, condition: Option<&str>) -> String {
        let numbers: Vec<String> = (0..self.sets.len())
            .map(|n| match n {
                0 => "SELECT 0 AS \"i\"".into(),
                n => format!("SELECT {n}"),
            })
            .collect();
        let numbers = format!("({}) AS \"set#\"", numbers.join(" UNION ALL "));
        let marked = "(SELECT 1 AS \"m\") AS \"in#\"";
        let from = match from {
            "" => format!("({marked})"),
            from => format!("({marked} CROSS JOIN ({from}))"),
        };
        if !self.has_empty() {
            let condition = condition.unwrap_or("true");
            return format!("{numbers} CROSS JOIN {from} WHERE {condition}");
        }
        let empty = self.sets.iter().enumerate().filter(|(_, s)| s.is_empty());
        let empty: Vec<String> = empty.map(|(n, _)| n.to_string()).collect();
        format!(
            "{numbers} LEFT JOIN {from} ON ({}) WHERE ({INPUT} OR {NUMBER} IN ({}))",
            condition.unwrap_or("true"),
            empty.join(",")
        )
    }

    /// GROUP BY.
    pub(super) fn groups(&self) -> Vec<String> {
        let keys = self.keys.iter().map(|k| k.shown.ordered());
        std::iter::once(NUMBER.to_owned()).chain(keys).collect()
    }

    /// The texts that need not be within an aggregate.
    pub(super) fn texts(&self) -> impl Iterator<Item = String> {
        self.keys
            .iter()
            .flat_map(|k| [k.sql.text.clone(), k.shown.text.clone()])
    }

    /// Columns that are keys show what their set says.
    pub(super) fn show(&self, scope: &mut Scope<'_>) {
        for relation in &mut scope.relations {
            let known = relation.clone();
            for column in &mut relation.columns {
                let text = known.sql(column);
                column.grouped = self.of_text(&text).map(|sql| sql.text);
            }
        }
    }
}

/// The call, if it is ROLLUP or CUBE within GROUPING SETS: the parser takes it for a function.
fn nested(expr: &Expr) -> Option<(bool, Vec<Vec<Expr>>)> {
    let Expr::Function(call) = expr else {
        return None;
    };
    let (_, name) = object(&call.name).ok()?;
    let rollup = match name.as_str() {
        "rollup" => true,
        "cube" => false,
        _ => return None,
    };
    let FunctionArguments::List(list) = &call.args else {
        return None;
    };
    let parts = list.args.iter().map(|a| match a {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Tuple(all))) => Some(all.clone()),
        FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Nested(one))) => {
            Some(vec![(**one).clone()])
        }
        FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(vec![expr.clone()]),
        _ => None,
    });
    Some((rollup, parts.collect::<Option<Vec<_>>>()?))
}

/// The sets of ROLLUP and CUBE.
fn unfold(rollup: bool, parts: &[Vec<Expr>]) -> Result<Vec<Vec<Expr>>, Fault> {
    if rollup {
        let lengths = (0..=parts.len()).rev();
        return Ok(lengths
            .map(|n| parts.iter().take(n).flatten().cloned().collect())
            .collect());
    }
    if parts.len() > MAX_CUBE {
        return Err(Fault::new(
            SqlState::new("54011").unwrap_or(SqlState::STATEMENT_TOO_COMPLEX),
            format!("CUBE is limited to {MAX_CUBE} elements"),
        ));
    }
    let mut sets: Vec<Vec<Expr>> = vec![Vec::new()];
    for part in parts {
        let with: Vec<Vec<Expr>> = sets
            .iter()
            .map(|s| s.iter().chain(part).cloned().collect())
            .collect();
        // Those with more of the first come first.
        sets = sets
            .into_iter()
            .zip(with)
            .flat_map(|(a, b)| [b, a])
            .collect();
    }
    Ok(sets)
}

/// The sets that one element of GROUP BY stands for.
fn sets_of(element: &Expr) -> Result<Vec<Vec<Expr>>, Fault> {
    Ok(match element {
        Expr::Rollup(parts) => unfold(true, parts)?,
        Expr::Cube(parts) => unfold(false, parts)?,
        Expr::GroupingSets(sets) => {
            let mut all = Vec::new();
            for set in sets {
                match set.as_slice() {
                    [one] => match nested(one) {
                        Some((rollup, parts)) => all.extend(unfold(rollup, &parts)?),
                        None => all.push(set.clone()),
                    },
                    _ => all.push(set.clone()),
                }
            }
            all
        }
        Expr::Tuple(all) => vec![all.clone()],
        other => vec![vec![other.clone()]],
    })
}

/// Whether GROUP BY has more than plain expressions.
pub(super) fn has_sets(elements: &[Expr]) -> bool {
    elements.iter().any(|e| {
        matches!(
            e,
            Expr::GroupingSets(_) | Expr::Cube(_) | Expr::Rollup(_) | Expr::Tuple(_)
        )
    })
}

impl Translator<'_> {
    pub(super) fn grouping_sets(
        &mut self,
        select: &Select,
        elements: &[Expr],
        scope: &Scope<'_>,
    ) -> Result<Rc<Sets>, Fault> {
        let mut all: Vec<Vec<Expr>> = vec![Vec::new()];
        for element in elements {
            let more = sets_of(element)?;
            let joined = all.iter().flat_map(|a| {
                more.iter()
                    .map(move |b| a.iter().chain(b).cloned().collect::<Vec<_>>())
            });
            if all.len().saturating_mul(more.len()) > MAX_SETS {
                return Err(Fault::new(
                    SqlState::STATEMENT_TOO_COMPLEX,
                    format!("too many grouping sets present (maximum {MAX_SETS})"),
                ));
            }
            all = joined.collect();
        }
        let mut keys: Vec<(Expr, Sql)> = Vec::new();
        let mut sets = Vec::new();
        for set in &all {
            let mut numbers = Vec::new();
            for expr in set {
                let target = self.group_target(expr, select, scope)?;
                let sql = self.expr(&target, scope)?;
                let sql = self.settle_as(sql, &Type::TEXT)?;
                let known = keys.iter().position(|(_, k)| k.text == sql.text);
                let number = known.unwrap_or(keys.len());
                if known.is_none() {
                    self.grouping.keys.push(sql.text.clone());
                    keys.push((target, sql));
                }
                numbers.push(number);
            }
            sets.push(numbers);
        }
        let keys = keys.into_iter().enumerate().map(|(number, (expr, sql))| {
            let within = sets.iter().enumerate();
            let within = within.filter(|(_, s): &(usize, &Vec<usize>)| s.contains(&number));
            let within: Vec<String> = within.map(|(n, _)| n.to_string()).collect();
            let shown = Sql {
                text: format!("iif({NUMBER} IN ({}),{},NULL)", within.join(","), sql.text),
                ty: sql.ty.clone(),
                not_null: false,
                open: Open::No,
            };
            Key { expr, sql, shown }
        });
        Ok(Rc::new(Sets {
            keys: keys.collect(),
            sets,
        }))
    }

    /// What an expression of GROUP BY means: it may be an output column's number or name.
    pub(super) fn group_target(
        &self,
        expr: &Expr,
        select: &Select,
        scope: &Scope<'_>,
    ) -> Result<Expr, Fault> {
        match expr {
            Expr::Value(value) => {
                let Value::Number(n, _) = &value.value else {
                    return Ok(expr.clone());
                };
                let number = n.parse::<usize>().ok().and_then(|n| n.checked_sub(1));
                match number.and_then(|n| select.projection.get(n)) {
                    Some(
                        SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. },
                    ) => Ok(expr.clone()),
                    _ => Err(Fault::new(
                        SqlState::INVALID_COLUMN_REFERENCE,
                        format!("GROUP BY position {n} is not in select list"),
                    )
                    .at(expr)),
                }
            }
            Expr::Identifier(ident) if scope.column(&fold(ident)).at_name(ident)?.is_none() => {
                let name = fold(ident);
                let named = select.projection.iter().find_map(|item| match item {
                    SelectItem::ExprWithAlias { expr, alias } if fold(alias) == name => {
                        Some(expr.clone())
                    }
                    _ => None,
                });
                Ok(named.unwrap_or_else(|| expr.clone()))
            }
            _ => Ok(expr.clone()),
        }
    }

    /// `grouping(…)`: a bit for each argument that the set at hand does not group by.
    pub(super) fn grouping_call(
        &mut self,
        call: &Function,
        scope: &Scope<'_>,
    ) -> Result<Sql, Fault> {
        let wrong = || {
            Fault::new(
                SqlState::GROUPING_ERROR,
                "arguments to GROUPING must be grouping expressions of the associated query level",
            )
        };
        let FunctionArguments::List(list) = &call.args else {
            return Err(wrong());
        };
        if list.args.len() > 31 {
            return Err(Fault::new(
                SqlState::new("54023").unwrap_or(SqlState::STATEMENT_TOO_COMPLEX),
                "GROUPING must have fewer than 32 arguments",
            ));
        }
        let sets = self.grouping.sets.clone();
        let keys = self.grouping.keys.clone();
        let bare = self.grouping.bare.clone();
        let mut numbers = Vec::new();
        for argument in &list.args {
            let FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) = argument else {
                return Err(wrong());
            };
            let sql = self.expr(expr, scope)?;
            let number = match &sets {
                Some(sets) => sets.keys.iter().position(|k| k.shown.text == sql.text),
                None => keys.iter().position(|k| *k == sql.text),
            };
            numbers.push(number.ok_or_else(|| wrong().at(expr))?);
        }
        self.grouping.bare = bare;
        let Some(sets) = sets else {
            return Ok(Sql::new("0", Type::INT4));
        };
        let cases = sets.sets.iter().enumerate().map(|(n, set)| {
            let bits = numbers
                .iter()
                .fold(0_u32, |bits, key| bits << 1 | u32::from(!set.contains(key)));
            format!("WHEN {n} THEN {bits}")
        });
        let cases: Vec<String> = cases.collect();
        Ok(Sql::new(
            format!("(CASE {NUMBER} {} END)", cases.join(" ")),
            Type::INT4,
        ))
    }
}
