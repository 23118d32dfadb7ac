//! Aggregates.

use postgres_types::Type;
use sqlparser::ast::OrderByExpr;

use crate::embedded::dialect::Fault;
use crate::embedded::dialect::expr::{Open, Sql, Translator};
use crate::embedded::dialect::function::resolve::undefined;
use crate::embedded::dialect::scope::Scope;
use crate::embedded::dialect::types::{self, Ty, is_integer, is_number};
use crate::error_response::SqlState;

/// An aggregate or window function. FILTER and OVER stand behind the call itself, within what is
/// made of its result.
pub(super) struct Call {
    before: &'static str,
    call: String,
    after: String,
    ty: Ty,
}

impl From<Sql> for Call {
    fn from(sql: Sql) -> Self {
        Self {
            before: "",
            call: sql.text,
            after: String::new(),
            ty: sql.ty,
        }
    }
}

impl Call {
    pub(super) fn sql(self, behind: &str) -> Sql {
        let Self {
            before,
            call,
            after,
            ty,
        } = self;
        Sql::new(format!("{before}{call}{behind}{after}"), ty)
    }
}

/// What PostgreSQL does not do over a window.
pub(super) fn no_window(
    name: &str,
    ordered_set: bool,
    distinct: bool,
    order: &str,
) -> Result<(), Fault> {
    let message = if ordered_set {
        format!("OVER is not supported for ordered-set aggregate {name}")
    } else if distinct {
        "DISTINCT is not implemented for window functions".into()
    } else if !order.is_empty() {
        "aggregate ORDER BY is not implemented for window functions".into()
    } else {
        return Ok(());
    };
    Err(Fault::new(SqlState::FEATURE_NOT_SUPPORTED, message))
}

/// Aggregates of two float8, the dependent one first.
const PAIRS: &[&str] = &[
    "corr",
    "covar_pop",
    "covar_samp",
    "regr_avgx",
    "regr_avgy",
    "regr_count",
    "regr_intercept",
    "regr_r2",
    "regr_slope",
    "regr_sxx",
    "regr_sxy",
    "regr_syy",
];

/// What is computed of the spread, and the name of ours.
const SPREADS: &[(&str, &str)] = &[
    ("stddev", "stddev_samp"),
    ("stddev_pop", "stddev_pop"),
    ("stddev_samp", "stddev_samp"),
    ("var_pop", "var_pop"),
    ("var_samp", "var_samp"),
    ("variance", "var_samp"),
];

impl Translator<'_> {
    pub(super) fn aggregate(
        &mut self,
        name: &str,
        mut arguments: Vec<Sql>,
        star: bool,
        distinct: bool,
        mut order: String,
    ) -> Result<Call, Fault> {
        let word = if distinct { "DISTINCT " } else { "" };
        if star {
            return match name {
                "count" => Ok(Sql::new("count(*)", Type::INT8).into()),
                _ => Err(undefined(name, &[])),
            };
        }
        if name == "string_agg" {
            let [value, delimiter] = arguments.as_slice() else {
                return Err(undefined(name, &arguments));
            };
            let value = self.implicit(value.clone(), &Type::TEXT.into())?;
            let fixed = matches!(delimiter.open, Open::Text(_));
            let delimiter = self.implicit(delimiter.clone(), &Type::TEXT.into())?;
            if !distinct {
                return Ok(Sql::new(
                    format!("string_agg({},{}{order})", value.text, delimiter.text),
                    Type::TEXT,
                )
                .into());
            }
            if !fixed {
                return Err(Fault::unsupported(
                    "string_agg(DISTINCT) with a delimiter that is no literal",
                ));
            }
            if order.is_empty() {
                order = format!(" ORDER BY {}", value.text);
            }
            return Ok(Call {
                before: "pg_joined(",
                call: format!("pg_gather(DISTINCT {}{order})", value.text),
                after: format!(",{})", delimiter.text),
                ty: Type::TEXT.into(),
            });
        }
        if name == "json_object_agg" || name == "jsonb_object_agg" {
            let [key, member] = arguments.as_slice() else {
                return Err(undefined(name, &arguments));
            };
            if distinct {
                return Err(Fault::unsupported(format!("{name}(DISTINCT)")));
            }
            let key = self.settle_as(key.clone(), &Type::TEXT)?;
            let key = self.as_shown(key)?;
            let member = self.settle_as(member.clone(), &Type::TEXT)?;
            let oid = member.kind().oid();
            let call = format!(
                "pg_json_object_agg({},pg_to_json({},{oid}){order})",
                key.text, member.text
            );
            return Ok(if name == "json_object_agg" {
                Sql::new(call, Type::JSON).into()
            } else {
                Call {
                    before: "pg_json(",
                    call,
                    after: ",1)".into(),
                    ty: Type::JSONB.into(),
                }
            });
        }
        if PAIRS.contains(&name) && arguments.len() == 2 {
            if distinct {
                return Err(Fault::unsupported(format!("{name}(DISTINCT)")));
            }
            let texts = self.all_of(name, &arguments, &Type::FLOAT8)?;
            let kind = if name == "regr_count" {
                Type::INT8
            } else {
                Type::FLOAT8
            };
            return Ok(Sql::new(format!("pg_{name}({}{order})", texts.join(",")), kind).into());
        }
        let (Some(value), true) = (arguments.pop(), arguments.is_empty()) else {
            return Err(undefined(name, &arguments));
        };
        let value = self.settle_as(value, &Type::TEXT)?;
        let kind = value.kind().clone();
        // PostgreSQL sorts to find the distinct ones, and that is how they come.
        if distinct && order.is_empty() {
            order = format!(" ORDER BY {} NULLS LAST", value.ordered());
        }
        let spread = SPREADS.iter().find(|(n, _)| *n == name).map(|(_, s)| *s);
        if let Some(spread) = spread
            && is_number(&kind)
            && !types::is_oid(&kind)
        {
            let (way, result) = match kind {
                Type::FLOAT4 | Type::FLOAT8 => ("float", Type::FLOAT8),
                _ => ("exact", Type::NUMERIC),
            };
            let text = value.ordered();
            let call = format!("pg_{way}_{spread}({word}{text}{order})");
            return Ok(Sql::new(call, result).into());
        }
        let (function, result) = match name {
            "count" => ("count", Type::INT8),
            "sum" if matches!(kind, Type::INT2 | Type::INT4) => ("sum", Type::INT8),
            "sum" if matches!(kind, Type::INT8 | Type::NUMERIC) => ("pg_sum", Type::NUMERIC),
            "sum" if kind == Type::FLOAT4 => ("pg_sum_float4", kind),
            "sum" if kind == Type::FLOAT8 => ("pg_sum_float8", kind),
            "avg" if is_integer(&kind) || kind == Type::NUMERIC => ("pg_avg", Type::NUMERIC),
            "avg" if is_number(&kind) && !types::is_oid(&kind) => ("pg_avg_float", Type::FLOAT8),
            "sum" if kind == Type::INTERVAL => ("pg_sum_interval", kind),
            "avg" if kind == Type::INTERVAL => ("pg_avg_interval", kind),
            "min" | "max"
                if !matches!(
                    kind,
                    Type::BOOL | Type::JSON | Type::JSONB | Type::UUID | Type::BYTEA
                ) =>
            {
                let kind = if kind == Type::VARCHAR {
                    Type::TEXT
                } else {
                    kind
                };
                (if name == "min" { "min" } else { "max" }, kind)
            }
            "bool_and" | "every" if kind == Type::BOOL => ("min", Type::BOOL),
            "bit_and" | "bit_or" | "bit_xor" if is_integer(&kind) => {
                let call = format!("pg_{name}({word}{}{order})", value.text);
                return Ok(Sql::new(call, kind).into());
            }
            "bool_or" if kind == Type::BOOL => ("max", Type::BOOL),
            "array_agg" => {
                let array = types::array_of(&kind)
                    .ok_or_else(|| Fault::unsupported(format!("an array of {}", kind.name())))?;
                let oid = kind.oid();
                let call = if distinct {
                    let element = format!("pg_element({},{oid})", value.text);
                    let element = Sql::new(element, kind).ordered();
                    format!("pg_gather(DISTINCT {element}{order})")
                } else {
                    format!("pg_array_of({oid},{}{order})", value.text)
                };
                return Ok(Sql::new(call, array).into());
            }
            "json_agg" | "jsonb_agg" => {
                let json = if name == "json_agg" {
                    Type::JSON
                } else {
                    Type::JSONB
                };
                // The parts of jsonb are in its form already, and so is what joins them.
                let part = format!("pg_to_json({},{})", value.text, kind.oid());
                let part = if json == Type::JSONB {
                    format!("pg_json({part},1)")
                } else {
                    part
                };
                return Ok(Sql::new(format!("pg_json_agg({word}{part}{order})"), json).into());
            }
            _ => return Err(undefined(name, &[value])),
        };
        let text = match function {
            _ if distinct => value.ordered(),
            "min" | "max" | "count" => value.ordered(),
            _ => value.text,
        };
        // The order of what is counted or summed does not matter.
        Ok(Sql::new(format!("{function}({word}{text})"), result).into())
    }

    /// `mode`, `percentile_cont`, `percentile_disc`.
    pub(super) fn ordered_set(
        &mut self,
        name: &str,
        arguments: Vec<Sql>,
        keys: &[OrderByExpr],
        scope: &Scope<'_>,
    ) -> Result<Call, Fault> {
        let [key] = keys else {
            return Err(undefined(name, &arguments));
        };
        let value = self.expr(&key.expr, scope)?;
        let value = self.settle_as(value, &Type::TEXT)?;
        let mut kind = value.kind().clone();
        let mut after = String::new();
        match (name, arguments.as_slice()) {
            ("mode", []) => {}
            ("percentile_cont" | "percentile_disc", [fraction]) => {
                if types::element(fraction.kind()).is_some() {
                    return Err(Fault::unsupported(format!("{name} of several fractions")));
                }
                let fraction = self.all_of(name, &arguments, &Type::FLOAT8)?.concat();
                if fraction.contains('"') {
                    return Err(Fault::unsupported(format!("{name} of a column")));
                }
                after = format!(",{fraction}");
            }
            _ => return Err(undefined(name, &arguments)),
        }
        if types::element(&kind).is_some() || matches!(kind, Type::JSON | Type::JSONB) {
            return Err(Fault::unsupported(format!(
                "{name} of {}",
                types::show(&kind, -1)
            )));
        }
        let mut value = value;
        if name == "percentile_cont" && kind != Type::INTERVAL {
            if !is_number(&kind) || types::is_oid(&kind) {
                return Err(undefined(name, &[value]));
            }
            kind = Type::FLOAT8;
            value = self.cast_now(value, &kind.clone().into(), false)?;
        }
        let order = self.order_by(keys, scope)?;
        let oid = kind.oid();
        Ok(Call {
            before: match name {
                "mode" => "pg_mode(",
                "percentile_cont" => "pg_percentile_cont(",
                _ => "pg_percentile_disc(",
            },
            call: format!(
                "pg_gather(pg_element({},{oid}) ORDER BY {order})",
                value.text
            ),
            after: format!(",{oid}{after})"),
            ty: kind.into(),
        })
    }
}

pub(super) fn is_ordered_set(name: &str) -> bool {
    matches!(name, "mode" | "percentile_cont" | "percentile_disc")
}

pub(in crate::embedded::dialect) fn is_aggregate(name: &str) -> bool {
    PAIRS.contains(&name)
        || SPREADS.iter().any(|(n, _)| *n == name)
        || matches!(
            name,
            "count"
                | "sum"
                | "avg"
                | "min"
                | "max"
                | "bit_and"
                | "bit_or"
                | "bit_xor"
                | "bool_and"
                | "bool_or"
                | "every"
                | "string_agg"
                | "array_agg"
                | "json_agg"
                | "json_object_agg"
                | "jsonb_agg"
                | "jsonb_object_agg"
        )
}
