//! Window functions, and what stands in the parentheses of OVER.

use postgres_types::Type;
use sqlparser::ast::{
    DataType, Expr, Value, WindowFrame, WindowFrameBound, WindowFrameUnits, WindowSpec,
};

use crate::embedded::dialect::expr::{Sql, Translator};
use crate::embedded::dialect::function::resolve::undefined;
use crate::embedded::dialect::scope::{Place, Scope, fold};
use crate::embedded::dialect::{Fault, quote, types};

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
            parts.push(self.frame(frame)?);
        }
        Ok(parts.join(" "))
    }

    pub(super) fn window_function(
        &mut self,
        name: &str,
        mut arguments: Vec<Sql>,
    ) -> Result<Sql, Fault> {
        // How far, and what stands for rows that are not there.
        let own = arguments.first().map(Sql::kind);
        let own = own.filter(|k| **k != Type::UNKNOWN).unwrap_or(&Type::TEXT);
        let kinds = [own.clone(), Type::INT4, own.clone()];
        if matches!(
            name,
            "lag" | "lead" | "nth_value" | "first_value" | "last_value"
        ) {
            for (argument, kind) in arguments.iter_mut().zip(kinds) {
                *argument = self.settle_as(argument.clone(), &kind)?;
            }
        }
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

    /// A window's frame. Its bounds are numbers, and the same for all rows.
    fn frame(&mut self, frame: &WindowFrame) -> Result<String, Fault> {
        let start = self.frame_bound(&frame.start_bound, frame.units)?;
        Ok(match &frame.end_bound {
            Some(end) => {
                let end = self.frame_bound(end, frame.units)?;
                format!("{} BETWEEN {start} AND {end}", frame.units)
            }
            None => format!("{} {start}", frame.units),
        })
    }

    fn frame_bound(
        &mut self,
        bound: &WindowFrameBound,
        units: WindowFrameUnits,
    ) -> Result<String, Fault> {
        let (number, side) = match bound {
            WindowFrameBound::CurrentRow => return Ok("CURRENT ROW".into()),
            WindowFrameBound::Preceding(n) => (n, "PRECEDING"),
            WindowFrameBound::Following(n) => (n, "FOLLOWING"),
        };
        let Some(number) = number else {
            return Ok(format!("UNBOUNDED {side}"));
        };
        let sql = self.expr(number, &Scope::default())?;
        let sql = self.settle_as(sql, &Type::INT8)?;
        if units == WindowFrameUnits::Range && !types::is_integer(sql.kind()) {
            return Err(
                Fault::unsupported("RANGE with an offset that is no integer").at(&**number),
            );
        }
        let sql = self.implicit(sql, &Type::INT8.into()).at(&**number)?;
        // SQLite takes what it knows to be the same for all rows: numbers and parameters.
        let text = match bare(number) {
            Expr::Value(value) => match &value.value {
                Value::Number(..) => sql.text,
                Value::Placeholder(name) => format!("?{}", name.trim_start_matches('$')),
                _ => return Err(Fault::unsupported("this window frame").at(&**number)),
            },
            _ => return Err(Fault::unsupported("this window frame").at(&**number)),
        };
        Ok(format!("{text} {side}"))
    }
}

/// Without conversions to integers, which a number that comes so is already.
fn bare(expr: &Expr) -> &Expr {
    match expr {
        Expr::Nested(inner) => bare(inner),
        Expr::Cast {
            expr,
            data_type: DataType::Integer(None) | DataType::Int(None) | DataType::BigInt(None),
            ..
        } => bare(expr),
        other => other,
    }
}
