//! Calls of functions.

use postgres_types::Type;
use sqlparser::ast::{
    DuplicateTreatment, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentClause,
    FunctionArguments, WindowFrameBound, WindowSpec, WindowType,
};

use crate::embedded::dialect::deparse::sides::argument;
use crate::embedded::dialect::deparse::{Printer, Unknown, Written};
use crate::embedded::dialect::function::is_bare;
use crate::embedded::dialect::identifier;
use crate::embedded::dialect::scope::{fold, object};

/// What is written in capitals, and is no function in PostgreSQL's eyes.
const WORDS: &[&str] = &["coalesce", "greatest", "least", "nullif"];

impl<'t> Printer<'t> {
    /// `name(…)`, in FROM.
    pub(super) fn call_of(&mut self, name: &str, args: &'t [FunctionArg]) -> Written {
        self.put(&identifier(name));
        self.put("(");
        self.arguments(name, args, None)?;
        self.put(")");
        Ok(())
    }

    fn arguments(&mut self, name: &str, args: &'t [FunctionArg], all: Option<&Type>) -> Written {
        let given: Option<Vec<&Expr>> = args
            .iter()
            .map(|argument| match argument {
                FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr),
                _ => None,
            })
            .collect();
        let given = match (given, args) {
            (Some(given), _) => given,
            (None, [FunctionArg::Unnamed(FunctionArgExpr::Wildcard)]) => {
                self.put("*");
                return Ok(());
            }
            _ => return Err(Unknown),
        };
        for (at, expr) in given.iter().copied().enumerate() {
            self.put(if at > 0 { ", " } else { "" });
            match all {
                Some(kind) => self.operand(expr, kind)?,
                None => self.argument(name, &given, at)?,
            }
        }
        Ok(())
    }

    /// One of a function's arguments, as what its parameter is.
    pub(super) fn argument(&mut self, name: &str, all: &[&'t Expr], at: usize) -> Written {
        let kinds: Vec<Option<&Type>> = all.iter().map(|expr| self.type_of(expr)).collect();
        let expr = all.get(at).copied().ok_or(Unknown)?;
        match argument(name, &kinds, at) {
            Some(kind) => self.operand(expr, &kind),
            None => self.expr(expr),
        }
    }

    pub(super) fn call(&mut self, call: &'t Function, whole: &'t Expr) -> Written {
        let (_, name) = object(&call.name).map_err(|_| Unknown)?;
        let list = match &call.args {
            FunctionArguments::List(list) => list,
            FunctionArguments::None if is_bare(&name) => {
                self.put(&name.to_uppercase());
                return Ok(());
            }
            FunctionArguments::Subquery(query) if name == "array" => {
                self.put("ARRAY(");
                self.query(query, None)?;
                self.put(")");
                return Ok(());
            }
            _ => return Err(Unknown),
        };
        if call.null_treatment.is_some() {
            return Err(Unknown);
        }
        let word = WORDS.contains(&name.as_str());
        // PostgreSQL's grammar has words of their own for these.
        let timed = matches!(
            name.as_str(),
            "current_timestamp" | "current_time" | "localtime" | "localtimestamp"
        );
        if word || timed {
            self.put(&name.to_uppercase());
        } else {
            self.put(&identifier(&name));
        }
        self.put("(");
        if list.duplicate_treatment == Some(DuplicateTreatment::Distinct) {
            self.put("DISTINCT ");
        }
        let kind = self.type_of(whole).filter(|_| word && name != "nullif");
        self.arguments(&name, &list.args, kind)?;
        for clause in &list.clauses {
            let FunctionArgumentClause::OrderBy(order) = clause else {
                return Err(Unknown);
            };
            self.put(" ORDER BY ");
            self.order_plain(order)?;
        }
        self.put(")");
        if !call.within_group.is_empty() {
            self.put(" WITHIN GROUP (ORDER BY ");
            self.order_plain(&call.within_group)?;
            self.put(")");
        }
        if let Some(filter) = &call.filter {
            self.put(" FILTER (WHERE ");
            self.expr(filter)?;
            self.put(")");
        }
        match &call.over {
            None => {}
            Some(WindowType::NamedWindow(name)) => {
                self.put(&format!(" OVER {}", identifier(&fold(name))));
            }
            Some(WindowType::WindowSpec(spec)) => {
                self.put(" OVER (");
                self.window(spec)?;
                self.put(")");
            }
        }
        Ok(())
    }

    /// An ORDER BY that knows no columns of the list.
    fn order_plain(&mut self, order: &'t [sqlparser::ast::OrderByExpr]) -> Written {
        for (at, key) in order.iter().enumerate() {
            if at > 0 {
                self.put(", ");
            }
            self.key(&key.expr)?;
            self.direction(key);
        }
        Ok(())
    }

    pub(super) fn window(&mut self, spec: &'t WindowSpec) -> Written {
        let mut between = "";
        if let Some(name) = &spec.window_name {
            self.put(&identifier(&fold(name)));
            between = " ";
        }
        for (at, expr) in spec.partition_by.iter().enumerate() {
            self.put(if at > 0 { ", " } else { between });
            if at == 0 {
                self.put("PARTITION BY ");
            }
            self.key(expr)?;
            between = " ";
        }
        if !spec.order_by.is_empty() {
            self.put(between);
            self.put("ORDER BY ");
            self.order_plain(&spec.order_by)?;
            between = " ";
        }
        if let Some(frame) = &spec.window_frame {
            self.put(between);
            self.put(&frame.units.to_string());
            self.put(" ");
            match &frame.end_bound {
                Some(end) => {
                    self.put("BETWEEN ");
                    self.bound(&frame.start_bound)?;
                    self.put(" AND ");
                    self.bound(end)?;
                }
                None => self.bound(&frame.start_bound)?,
            }
        }
        Ok(())
    }

    fn bound(&mut self, bound: &'t WindowFrameBound) -> Written {
        let (count, word) = match bound {
            WindowFrameBound::CurrentRow => {
                self.put("CURRENT ROW");
                return Ok(());
            }
            WindowFrameBound::Preceding(count) => (count, " PRECEDING"),
            WindowFrameBound::Following(count) => (count, " FOLLOWING"),
        };
        match count {
            Some(count) => self.expr(count)?,
            None => self.put("UNBOUNDED"),
        }
        self.put(word);
        Ok(())
    }
}
