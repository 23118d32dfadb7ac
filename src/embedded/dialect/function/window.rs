//! Window functions, and what stands in the parentheses of OVER.

use postgres_types::Type;
use sqlparser::ast::{Expr, Value, WindowFrame, WindowFrameBound, WindowSpec};

use crate::embedded::dialect::expr::{Sql, Translator};
use crate::embedded::dialect::function::resolve::undefined;
use crate::embedded::dialect::scope::{Scope, fold};
use crate::embedded::dialect::{Fault, quote};

impl Translator<'_> {
    /// What stands in the parentheses of OVER.
    pub(in crate::embedded::dialect) fn window(
        &mut self,
        spec: &WindowSpec,
        scope: &Scope<'_>,
    ) -> Result<String, Fault> {
        let mut parts = Vec::new();
        if let Some(name) = &spec.window_name {
            parts.push(quote(&fold(name)));
        }
        if !spec.partition_by.is_empty() {
            let mut keys = Vec::new();
            for expr in &spec.partition_by {
                keys.push(self.expr(expr, scope)?.ordered());
            }
            parts.push(format!("PARTITION BY {}", keys.join(",")));
        }
        if !spec.order_by.is_empty() {
            parts.push(format!(
                "ORDER BY {}",
                self.order_by(&spec.order_by, scope)?
            ));
        }
        if let Some(frame) = &spec.window_frame {
            parts.push(frame_text(frame)?);
        }
        Ok(parts.join(" "))
    }

    pub(super) fn window_function(&self, name: &str, arguments: Vec<Sql>) -> Result<Sql, Fault> {
        let first = arguments.first().map(|a| a.ty.clone());
        let kind = match (name, arguments.len()) {
            ("row_number" | "rank" | "dense_rank", 0) => Type::INT8.into(),
            ("percent_rank" | "cume_dist", 0) => Type::FLOAT8.into(),
            ("ntile", 1) => Type::INT4.into(),
            ("lag" | "lead", 1..=3) | ("first_value" | "last_value", 1) | ("nth_value", 2) => {
                first.unwrap_or_else(|| Type::TEXT.into())
            }
            _ => return Err(undefined(name, &arguments)),
        };
        let arguments: Vec<String> = arguments.into_iter().map(|a| a.text).collect();
        Ok(Sql::new(format!("{name}({})", arguments.join(",")), kind))
    }
}

/// A window's frame, whose bounds are numbers.
fn frame_text(frame: &WindowFrame) -> Result<String, Fault> {
    let bound = |bound: &WindowFrameBound| {
        let number = |expr: &Option<Box<Expr>>| match expr.as_deref() {
            None => Ok("UNBOUNDED".to_owned()),
            Some(Expr::Value(value)) => match &value.value {
                Value::Number(n, _) if n.bytes().all(|b| b.is_ascii_digit()) => Ok(n.clone()),
                _ => Err(Fault::unsupported("this window frame")),
            },
            Some(_) => Err(Fault::unsupported("this window frame")),
        };
        Ok::<_, Fault>(match bound {
            WindowFrameBound::CurrentRow => "CURRENT ROW".into(),
            WindowFrameBound::Preceding(n) => format!("{} PRECEDING", number(n)?),
            WindowFrameBound::Following(n) => format!("{} FOLLOWING", number(n)?),
        })
    };
    let start = bound(&frame.start_bound)?;
    Ok(match &frame.end_bound {
        Some(end) => format!("{} BETWEEN {start} AND {}", frame.units, bound(end)?),
        None => format!("{} {start}", frame.units),
    })
}
