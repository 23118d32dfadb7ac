//! Aggregates.

use postgres_types::Type;

use crate::embedded::dialect::Fault;
use crate::embedded::dialect::expr::{Sql, Translator};
use crate::embedded::dialect::function::resolve::undefined;
use crate::embedded::dialect::types::{self, is_integer, is_number};

impl Translator<'_> {
    pub(super) fn aggregate(
        &mut self,
        name: &str,
        mut arguments: Vec<Sql>,
        star: bool,
        distinct: bool,
        order: &str,
    ) -> Result<Sql, Fault> {
        let word = if distinct { "DISTINCT " } else { "" };
        if star {
            return match name {
                "count" => Ok(Sql::new("count(*)", Type::INT8)),
                _ => Err(undefined(name, &[])),
            };
        }
        if name == "string_agg" {
            let [value, delimiter] = arguments.as_slice() else {
                return Err(undefined(name, &arguments));
            };
            let value = self.implicit(value.clone(), &Type::TEXT.into())?;
            let delimiter = self.implicit(delimiter.clone(), &Type::TEXT.into())?;
            if distinct {
                return Err(Fault::unsupported("string_agg(DISTINCT)"));
            }
            return Ok(Sql::new(
                format!("string_agg({},{}{order})", value.text, delimiter.text),
                Type::TEXT,
            ));
        }
        if name == "json_object_agg" {
            let [key, member] = arguments.as_slice() else {
                return Err(undefined(name, &arguments));
            };
            let key = self.settle_as(key.clone(), &Type::TEXT)?;
            let key = self.cast_now(key, &Type::TEXT.into(), false)?;
            let member = self.settle_as(member.clone(), &Type::TEXT)?;
            let oid = member.kind().oid();
            return Ok(Sql::new(
                format!(
                    "pg_json_object_agg({},pg_to_json({},{oid}){order})",
                    key.text, member.text
                ),
                Type::JSON,
            ));
        }
        let (Some(value), true) = (arguments.pop(), arguments.is_empty()) else {
            return Err(undefined(name, &arguments));
        };
        let value = self.settle_as(value, &Type::TEXT)?;
        let kind = value.kind().clone();
        let (function, result) = match name {
            "count" => ("count", Type::INT8),
            "sum" if matches!(kind, Type::INT2 | Type::INT4) => ("sum", Type::INT8),
            "sum" if matches!(kind, Type::INT8 | Type::NUMERIC) => ("pg_sum", Type::NUMERIC),
            "sum" if matches!(kind, Type::FLOAT4 | Type::FLOAT8) => ("sum", kind),
            "avg" if is_integer(&kind) || kind == Type::NUMERIC => ("pg_avg", Type::NUMERIC),
            "avg" if is_number(&kind) && !types::is_oid(&kind) => ("avg", Type::FLOAT8),
            "min" | "max"
                if !matches!(kind, Type::BOOL | Type::JSON | Type::JSONB | Type::UUID) =>
            {
                let kind = if kind == Type::VARCHAR {
                    Type::TEXT
                } else {
                    kind
                };
                (if name == "min" { "min" } else { "max" }, kind)
            }
            "bool_and" | "every" if kind == Type::BOOL => ("min", Type::BOOL),
            "bool_or" if kind == Type::BOOL => ("max", Type::BOOL),
            "array_agg" => {
                let array = types::array_of(&kind)
                    .ok_or_else(|| Fault::unsupported(format!("an array of {}", kind.name())))?;
                return Ok(Sql::new(
                    format!("pg_array_of({},{word}{}{order})", kind.oid(), value.text),
                    array,
                ));
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
                return Ok(Sql::new(format!("pg_json_agg({word}{part}{order})"), json));
            }
            _ => return Err(undefined(name, &[value])),
        };
        let text = match function {
            "min" | "max" | "count" => value.ordered(),
            _ => value.text,
        };
        Ok(Sql::new(format!("{function}({word}{text}{order})"), result))
    }
}

pub(super) fn is_aggregate(name: &str) -> bool {
    matches!(
        name,
        "count"
            | "sum"
            | "avg"
            | "min"
            | "max"
            | "bool_and"
            | "bool_or"
            | "every"
            | "string_agg"
            | "array_agg"
            | "json_agg"
            | "json_object_agg"
            | "jsonb_agg"
    )
}
