//! Functions by name and arguments.

mod aggregate;
mod resolve;
mod special;
mod table;
mod window;

use sqlparser::ast::{
    DuplicateTreatment, Function, FunctionArg, FunctionArgExpr, FunctionArgumentClause,
    FunctionArguments, WindowType,
};

use crate::embedded::dialect::expr::{Sql, Translator};
use crate::embedded::dialect::function::aggregate::is_aggregate;
use crate::embedded::dialect::scope::{Scope, fold, object};
use crate::embedded::dialect::{Fault, quote};
use crate::error_response::SqlState;
pub(super) use resolve::undefined;
pub(super) use table::is_bare;

impl Translator<'_> {
    pub(super) fn function(&mut self, call: &Function, scope: &Scope<'_>) -> Result<Sql, Fault> {
        let (namespace, name) = object(&call.name)?;
        if super::sets::gives_rows(call) {
            return self.set_call(call, scope);
        }
        if let Some(sql) = self.sequence_call(&name, call)? {
            return Ok(sql);
        }
        if !matches!(namespace.as_deref(), None | Some("pg_catalog")) {
            return Err(undefined(&call.name.to_string(), &[]));
        }
        if !call.within_group.is_empty() || call.null_treatment.is_some() {
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
        let aggregate = is_aggregate(&name);
        let outer = self.grouping.clone();
        let mut star = false;
        let mut arguments = Vec::new();
        for argument in list.map(|l| l.args.as_slice()).unwrap_or_default() {
            match argument {
                FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => {
                    arguments.push(self.expr(expr, scope)?);
                }
                FunctionArg::Unnamed(FunctionArgExpr::Wildcard) if aggregate => star = true,
                _ => return Err(Fault::unsupported(format!("this argument of {name}"))),
            }
        }
        let windowed = call.over.is_some();
        if aggregate && !windowed && self.grouping.aggregates && !outer.aggregates {
            return Err(Fault::new(
                SqlState::GROUPING_ERROR,
                "aggregate function calls cannot be nested",
            ));
        }
        let sql = if aggregate {
            let distinct = matches!(
                list.and_then(|l| l.duplicate_treatment),
                Some(DuplicateTreatment::Distinct)
            );
            let mut order = String::new();
            for clause in list.map(|l| l.clauses.as_slice()).unwrap_or_default() {
                let FunctionArgumentClause::OrderBy(keys) = clause else {
                    return Err(Fault::unsupported(format!("this clause in {name}")));
                };
                order = format!(" ORDER BY {}", self.order_by(keys, scope)?);
            }
            self.aggregate(&name, arguments, star, distinct, &order)?
        } else if windowed {
            self.window_function(&name, arguments)?
        } else {
            self.call(&name, arguments)?
        };
        let Some(over) = &call.over else {
            if !aggregate {
                return Ok(sql);
            }
            let filter = match &call.filter {
                Some(filter) => {
                    format!(
                        " FILTER (WHERE {})",
                        self.condition(filter, scope, "FILTER")?.text
                    )
                }
                None => String::new(),
            };
            // What stands within the aggregate need not be grouped by.
            self.grouping = outer;
            self.grouping.aggregates = true;
            return Ok(Sql {
                text: format!("{}{filter}", sql.text),
                ..sql
            });
        };
        let filter = match &call.filter {
            Some(filter) => {
                format!(
                    " FILTER (WHERE {})",
                    self.condition(filter, scope, "FILTER")?.text
                )
            }
            None => String::new(),
        };
        self.grouping.windows = true;
        let window = match over {
            WindowType::NamedWindow(name) => quote(&fold(name)),
            WindowType::WindowSpec(spec) => format!("({})", self.window(spec, scope)?),
        };
        Ok(Sql {
            text: format!("{}{filter} OVER {window}", sql.text),
            ..sql
        })
    }
}
