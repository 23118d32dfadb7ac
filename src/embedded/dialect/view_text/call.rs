//! Calls of functions.

use postgres_types::Type;
use sqlparser::ast::{
    DuplicateTreatment, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentClause,
    FunctionArguments, WindowFrameBound, WindowSpec, WindowType,
};

use crate::embedded::dialect::function::{is_bare, takes_text};
use crate::embedded::dialect::identifier;
use crate::embedded::dialect::scope::{fold, object};
use crate::embedded::dialect::view_text::literals::literal_of;
use crate::embedded::dialect::view_text::{Printer, Unknown, Written};

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
        for (at, argument) in args.iter().enumerate() {
            if at > 0 {
                self.put(", ");
            }
            let expr = match argument {
                FunctionArg::Unnamed(FunctionArgExpr::Wildcard) => {
                    self.put("*");
                    continue;
                }
                FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => expr,
                _ => return Err(Unknown),
            };
            let wanted = match all {
                Some(kind) => Some(kind.clone()),
                None => self.wanted(name, args.len(), at, expr),
            };
            self.operand(expr, wanted.as_ref())?;
        }
        Ok(())
    }

    /// The type of a parameter, where it is text whatever the others are.
    fn wanted(&self, name: &str, count: usize, at: usize, expr: &Expr) -> Option<Type> {
        let own = self.type_of(expr);
        let text = || match own {
            None => literal_of(expr).is_some(),
            Some(own) => *own == Type::VARCHAR,
        };
        let takes = takes_text(name, count, at)
            || matches!(
                name,
                "string_agg" | "min" | "max" | "date_trunc" | "date_part"
            );
        (takes && text()).then_some(Type::TEXT)
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
        if word {
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
