//! Sequences. A serial column has one by name; others are rows of a table that nobody sees. SQLite's
//! expressions cannot write, so numbers are drawn before a statement is run: `nextval` is for where
//! it is evaluated once.

use postgres_types::Type;
use sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, ObjectName, Query, SelectItem,
    SequenceOptions, SetExpr, Value,
};

use crate::embedded::dialect::definition::Step;
use crate::embedded::dialect::dml::own_name;
use crate::embedded::dialect::expr::{Sql, Translator};
use crate::embedded::dialect::plan::Plan;
use crate::embedded::dialect::scope::{Scope, object};
use crate::embedded::dialect::{Fault, Output, Table, literal, types};
use crate::error_response::{ErrorResponse, SqlState};

/// The table of sequences.
pub(in crate::embedded) const SEQUENCES: &str = "pgtls_sequence";

/// What PostgreSQL calls the sequence of a serial column.
pub(in crate::embedded) fn serial_name(table: &str, column: &str) -> String {
    format!("{table}_{column}_seq")
}

/// The sequence whose number an INSERT takes unasked.
pub(super) fn taken_by(table: &Table, given: &[&str]) -> Option<String> {
    let column = table.columns.iter().find(|c| c.counts)?;
    (!given.contains(&column.name.as_str())).then(|| serial_name(&table.name, &column.name))
}

fn arguments(call: &Function) -> Vec<&Expr> {
    let FunctionArguments::List(list) = &call.args else {
        return Vec::new();
    };
    list.args
        .iter()
        .filter_map(|a| match a {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr),
            _ => None,
        })
        .collect()
}

/// `'name'` or `'name'::regclass`.
fn written(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Cast {
            expr, data_type, ..
        } => {
            let kind = data_type.to_string().to_lowercase();
            matches!(kind.as_str(), "regclass" | "text").then(|| written(expr))?
        }
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(text) => Some(text),
            _ => None,
        },
        _ => None,
    }
}

/// Whether the list of a query is evaluated once.
pub(super) fn is_once(query: &Query) -> bool {
    matches!(&*query.body, SetExpr::Select(select) if select.from.is_empty())
}

/// The call, if that is the list of the query.
fn setval(query: &Query) -> Option<&Function> {
    let SetExpr::Select(select) = &*query.body else {
        return None;
    };
    let [
        SelectItem::UnnamedExpr(Expr::Function(call))
        | SelectItem::ExprWithAlias {
            expr: Expr::Function(call),
            ..
        },
    ] = select.projection.as_slice()
    else {
        return None;
    };
    object(&call.name)
        .is_ok_and(|(_, name)| name == "setval")
        .then_some(call)
}

impl Translator<'_> {
    /// `nextval` and `currval` of a sequence that is named.
    pub(super) fn sequence_call(
        &mut self,
        name: &str,
        call: &Function,
    ) -> Result<Option<Sql>, Fault> {
        let all = arguments(call);
        let sequence = match all.as_slice() {
            [one] => written(one),
            _ => None,
        };
        match (name, sequence) {
            ("currval", Some(sequence)) => Ok(Some(Sql::new(
                format!("pg_currval({})", literal(sequence)),
                Type::INT8,
            ))),
            ("nextval", Some(sequence)) if self.once => {
                let number = self.draws.len();
                self.draws.push(sequence.to_owned());
                Ok(Some(Sql::new(format!("pg_drawn({number})"), Type::INT8)))
            }
            ("nextval", Some(_)) => Err(Fault::unsupported("nextval for each row")),
            ("nextval", None) if all.len() == 1 => {
                Err(Fault::unsupported("nextval of what is not a literal"))
            }
            ("setval", _) => Err(Fault::unsupported("setval within an expression")),
            _ => Ok(None),
        }
    }

    /// SELECT setval(…), as a query of its arguments.
    pub(super) fn setval(&mut self, query: &Query) -> Result<Option<Plan>, Fault> {
        let Some(call) = setval(query) else {
            return Ok(None);
        };
        let all = arguments(call);
        if !(2..=3).contains(&all.len()) {
            return Ok(None);
        }
        let mut asked = query.clone();
        if let SetExpr::Select(select) = &mut *asked.body {
            let name = |expr: &Expr| match written(expr) {
                Some(name) => Expr::value(Value::SingleQuotedString(name.to_owned())),
                None => expr.clone(),
            };
            let mut list: Vec<Expr> = all.iter().map(|e| (*e).clone()).collect();
            if let Some(first) = list.first_mut() {
                *first = name(first);
            }
            select.projection = list.into_iter().map(SelectItem::UnnamedExpr).collect();
        }
        let (sql, outputs) = self.query(&asked, &Scope::default())?;
        let number = outputs.get(1).map(|o| o.ty.kind.clone());
        if !number.is_some_and(|k| types::is_integer(&k)) {
            return Err(Fault::unsupported("setval to what is no integer"));
        }
        Ok(Some(Plan::SetVal {
            query: sql,
            columns: vec![Output::new("setval", Type::INT8)],
        }))
    }

    pub(super) fn create_sequence(
        &self,
        name: &ObjectName,
        if_not_exists: bool,
        options: &[SequenceOptions],
    ) -> Result<Plan, Fault> {
        let name = own_name(name)?;
        let number = |expr: &Expr| {
            let text = expr.to_string().replace(' ', "");
            text.parse::<i64>()
                .map_err(|_| Fault::unsupported(format!("the number {text} of a sequence")))
        };
        let mut kind = Type::INT8;
        let (mut start, mut increment, mut min, mut max, mut cycle) =
            (None, 1_i64, None, None, false);
        for option in options {
            match option {
                SequenceOptions::DataType(ty) => kind = types::named(&ty.to_string())?.kind,
                SequenceOptions::IncrementBy(n, _) => increment = number(n)?,
                SequenceOptions::MinValue(n) => min = n.as_ref().map(number).transpose()?,
                SequenceOptions::MaxValue(n) => max = n.as_ref().map(number).transpose()?,
                SequenceOptions::StartWith(n, _) => start = Some(number(n)?),
                SequenceOptions::Cycle(no) => cycle = !no,
                SequenceOptions::Cache(_) | SequenceOptions::OwnedBy(None) => {}
                SequenceOptions::OwnedBy(Some(_)) => {
                    return Err(Fault::unsupported("OWNED BY of a sequence"));
                }
            }
        }
        let (low, high) = match kind {
            Type::INT2 => (i16::MIN.into(), i16::MAX.into()),
            Type::INT4 => (i32::MIN.into(), i32::MAX.into()),
            Type::INT8 => (i64::MIN, i64::MAX),
            _ => return Err(Fault::unsupported("a sequence of this type")),
        };
        let invalid = |text: String| Fault::new(SqlState::INVALID_PARAMETER_VALUE, text);
        if increment == 0 {
            return Err(invalid("INCREMENT must not be zero".into()));
        }
        let up = increment > 0;
        let min = min.unwrap_or(if up { 1 } else { low });
        let max = max.unwrap_or(if up { high } else { -1 });
        if min >= max {
            return Err(invalid(format!(
                "MINVALUE ({min}) must be less than MAXVALUE ({max})"
            )));
        }
        let start = start.unwrap_or(if up { min } else { max });
        if start < min {
            return Err(invalid(format!(
                "START value ({start}) cannot be less than MINVALUE ({min})"
            )));
        }
        if start > max {
            return Err(invalid(format!(
                "START value ({start}) cannot be greater than MAXVALUE ({max})"
            )));
        }
        if self.schema.has_sequence(&name)? || self.schema.table(Some("public"), &name)?.is_some() {
            if if_not_exists {
                return Ok(Plan::skipped(
                    "CREATE SEQUENCE",
                    format!("relation \"{name}\" already exists, skipping"),
                ));
            }
            return Err(super::ddl::already(&name));
        }
        let cycle = u8::from(cycle);
        let steps = vec![
            Step::Sql(format!(
                "CREATE TABLE IF NOT EXISTS main.{SEQUENCES}(name TEXT PRIMARY KEY, last INTEGER, \
                 called INTEGER, start INTEGER, step INTEGER, low INTEGER, high INTEGER, \
                 cycle INTEGER, kind INTEGER) WITHOUT ROWID"
            )),
            Step::Sql(format!(
                "INSERT INTO main.{SEQUENCES} VALUES ({},{start},0,{start},{increment},{},{},{cycle},{})",
                literal(&name),
                super::expr::constant(&min.into()),
                super::expr::constant(&max.into()),
                kind.oid()
            )),
        ];
        Ok(Plan::Schema {
            steps,
            tag: "CREATE SEQUENCE".into(),
        })
    }

    pub(super) fn drop_sequence(&self, name: &str) -> Result<Option<Step>, Fault> {
        Ok(self.schema.has_sequence(name)?.then(|| {
            Step::Sql(format!(
                "DELETE FROM main.{SEQUENCES} WHERE name={}",
                literal(name)
            ))
        }))
    }
}

/// 42P01.
pub(in crate::embedded) fn no_sequence(name: &str) -> ErrorResponse {
    ErrorResponse::error(
        SqlState::UNDEFINED_TABLE,
        format!("relation \"{name}\" does not exist"),
    )
}
