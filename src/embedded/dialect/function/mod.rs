//! Functions by name and arguments.

mod aggregate;
mod arrays;
mod catalogs;
mod json;
mod missing;
mod named;
mod numbers;
mod resolve;
mod special;
mod table;
mod times;
mod window;

use sqlparser::ast::{
    DuplicateTreatment, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentClause,
    FunctionArguments, WindowType,
};

use crate::embedded::dialect::expr::{Sql, Translator};
use crate::embedded::dialect::function::aggregate::{Call, is_ordered_set, no_window};
use crate::embedded::dialect::row::{fields, is_row};
use crate::embedded::dialect::scope::{Scope, fold, object};
use crate::embedded::dialect::{Fault, quote};
use crate::error_response::SqlState;
pub(super) use aggregate::is_aggregate;
pub(in crate::embedded) use catalogs::known_functions;
pub(super) use resolve::{parameter, undefined};
pub(super) use table::{FLOATS, is_bare, letter, named_in_sqlite};

impl Translator<'_> {
    pub(super) fn function(&mut self, call: &Function, scope: &Scope<'_>) -> Result<Sql, Fault> {
        let (namespace, name) = object(&call.name)?;
        if is_row(call) {
            return self.row_value(&Expr::Function(call.clone()), scope);
        }
        if super::sets::gives_rows(call) {
            return self.set_call(call, scope);
        }
        if name == "grouping" && namespace.is_none() {
            return self.grouping_call(call, scope);
        }
        if let Some(sql) = self.sequence_call(&name, call, scope)? {
            return Ok(sql);
        }
        if !matches!(namespace.as_deref(), None | Some("pg_catalog")) {
            return Err(undefined(&call.name.to_string(), &[]));
        }
        let ordered_set = is_ordered_set(&name);
        if call.within_group.is_empty() == ordered_set || call.null_treatment.is_some() {
            if ordered_set && call.null_treatment.is_none() {
                return Err(undefined(&name, &[]));
            }
            return Err(Fault::unsupported(format!("this form of {name}")));
        }
        let list = match &call.args {
            FunctionArguments::List(list) => Some(list),
            FunctionArguments::None => None,
            FunctionArguments::Subquery(query) if name == "array" => {
                return self.array_query(query, scope);
            }
            FunctionArguments::Subquery(_) => {
                return Err(Fault::unsupported(format!("{name} of a query")));
            }
        };
        let aggregate = is_aggregate(&name) || ordered_set;
        let outer = self.grouping.clone();
        // An aggregate is of the rows as they are.
        let ungrouped;
        let mut scope = scope;
        if aggregate && call.over.is_none() && self.grouping.sets.take().is_some() {
            ungrouped = scope.ungrouped();
            scope = &ungrouped;
        }
        let mut star = false;
        let mut arguments = Vec::new();
        let written = list.map(|l| l.args.as_slice()).unwrap_or_default();
        for argument in named::in_order(&name, written)?.iter() {
            match argument {
                FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => {
                    let row = match takes_rows(&name) {
                        true => match fields(expr) {
                            Some(items) => Some(self.row_as_json(&items, scope)?),
                            None => self.whole_row(expr, scope),
                        },
                        false => None,
                    };
                    arguments.push(match row {
                        Some(row) => row,
                        None => self.expr(expr, scope)?,
                    });
                }
                FunctionArg::Unnamed(FunctionArgExpr::Wildcard) if aggregate => star = true,
                _ => return Err(Fault::unsupported(format!("this argument of {name}"))),
            }
        }
        let record = |a: &Sql| *a.kind() == postgres_types::Type::RECORD;
        if matches!(&*name, "max" | "min") && arguments.iter().any(record) {
            return Err(undefined(&name, &arguments));
        }
        let windowed = call.over.is_some();
        if aggregate && !windowed && self.grouping.aggregates && !outer.aggregates {
            return Err(Fault::new(
                SqlState::GROUPING_ERROR,
                "aggregate function calls cannot be nested",
            ));
        }
        let made: Call = if aggregate {
            let distinct = matches!(
                list.and_then(|l| l.duplicate_treatment),
                Some(DuplicateTreatment::Distinct)
            );
            let mut order = String::new();
            for clause in list.map(|l| l.clauses.as_slice()).unwrap_or_default() {
                let FunctionArgumentClause::OrderBy(keys) = clause else {
                    return Err(Fault::unsupported(format!("this clause in {name}")));
                };
                let among = |expr: &Expr| {
                    written.iter().any(
                        |a| matches!(a, FunctionArg::Unnamed(FunctionArgExpr::Expr(e)) if e == expr),
                    )
                };
                if distinct && !keys.iter().all(|k| among(&k.expr)) {
                    return Err(Fault::new(
                        SqlState::INVALID_COLUMN_REFERENCE,
                        "in an aggregate with DISTINCT, ORDER BY expressions must appear in argument list",
                    ));
                }
                order = format!(" ORDER BY {}", self.order_by(keys, scope)?);
            }
            if windowed {
                no_window(&name, ordered_set, distinct, &order)?;
            }
            if ordered_set {
                self.ordered_set(&name, arguments, &call.within_group, scope)?
            } else {
                self.aggregate(&name, arguments, star, distinct, order)?
            }
        } else if windowed {
            self.window_function(&name, arguments)?.into()
        } else {
            return self.call(&name, arguments);
        };
        let filter = match &call.filter {
            Some(filter) => Some(self.condition(filter, scope, "FILTER")?.text),
            None => None,
        };
        let sets = outer.sets.as_ref().filter(|_| call.over.is_none());
        let filter = match (sets, filter) {
            (Some(sets), filter) => sets.filter(filter.as_deref()),
            (None, Some(filter)) => format!(" FILTER (WHERE {filter})"),
            (None, None) => String::new(),
        };
        let Some(over) = &call.over else {
            // What stands within the aggregate need not be grouped by.
            self.grouping = outer;
            self.grouping.aggregates = true;
            return Ok(made.sql(&filter));
        };
        self.grouping.windows = true;
        let window = match over {
            WindowType::NamedWindow(name) => quote(&fold(name)),
            WindowType::WindowSpec(spec) => format!("({})", self.window(spec, scope)?),
        };
        Ok(made.sql(&format!("{filter} OVER {window}")))
    }
}

/// Functions that a whole row can be given to.
fn takes_rows(name: &str) -> bool {
    matches!(
        name,
        "row_to_json" | "to_json" | "to_jsonb" | "json_agg" | "jsonb_agg"
    )
}
