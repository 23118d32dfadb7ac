//! Sequences. A serial primary key has one by name; others are rows of a table that nobody sees.
//! SQLite's expressions cannot write, so numbers are drawn before a statement is run: as many as it
//! says, or, where `nextval` is for each row, more and more until they suffice.

use postgres_types::Type;
use sqlparser::ast::{
    CastKind, DataType, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments,
    ObjectName, Query, SelectItem, SequenceOptions, SetExpr, Value,
};

use crate::embedded::dialect::expr::{Sql, Translator};
use crate::embedded::dialect::made_names::made_name;
use crate::embedded::dialect::plan::Plan;
use crate::embedded::dialect::scope::{Scope, object};
use crate::embedded::dialect::{Fault, Output, Table, literal, quote, types};
use crate::error_response::{ErrorResponse, SqlState};

/// What is known of a sequence.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(in crate::embedded) struct Sequence {
    /// The number that was drawn last, or will be the next.
    pub(in crate::embedded) last: i64,
    pub(in crate::embedded) called: bool,
    pub(in crate::embedded) start: i64,
    pub(in crate::embedded) step: i64,
    pub(in crate::embedded) low: i64,
    pub(in crate::embedded) high: i64,
    pub(in crate::embedded) cycle: bool,
    pub(in crate::embedded) kind: Type,
}

/// The table of columns that own a sequence, but for those that count by themselves.
pub(in crate::embedded) const OWNED: &str = "pgtls_owned";
/// The table of sequences.
pub(in crate::embedded) const SEQUENCES: &str = "pgtls_sequence";

/// The last part of a name, folded as identifiers are.
pub(in crate::embedded) fn bare_name(name: &str) -> String {
    match name.strip_suffix('"') {
        Some(inner) => inner.rsplit_once('"').map_or(inner, |(_, n)| n).to_owned(),
        None => name.rsplit('.').next().unwrap_or_default().to_lowercase(),
    }
}

/// What PostgreSQL calls the sequence of a serial column.
pub(in crate::embedded) fn serial_name(table: &str, column: &str) -> String {
    made_name(table, Some(column), "seq")
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
        scope: &Scope<'_>,
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
            ("nextval", Some(sequence)) => {
                let bare = bare_name(sequence);
                if !self.schema.has_sequence(&bare)? && self.schema.serial_of(&bare)?.is_none() {
                    return Err(Fault::new(
                        SqlState::UNDEFINED_TABLE,
                        format!("relation \"{bare}\" does not exist"),
                    ));
                }
                self.draws_rows = true;
                let name = literal(&bare);
                Ok(Some(Sql::new(format!("pg_nextval({name})"), Type::INT8)))
            }
            ("nextval", None) if all.len() == 1 => {
                let name = match all.first() {
                    Some(expr) => self.expr_of(expr, scope, Type::TEXT)?,
                    None => return Ok(None),
                };
                self.draws_rows = true;
                Ok(Some(Sql::new(
                    format!("pg_nextval_of({})", name.text),
                    Type::INT8,
                )))
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
            // What has no type of its own has the function's.
            if let Some(second) = list.get_mut(1)
                && matches!(second, Expr::Value(_))
            {
                let expr = Box::new(second.clone());
                *second = Expr::Cast {
                    kind: CastKind::DoubleColon,
                    expr,
                    data_type: DataType::BigInt(None),
                    format: None,
                };
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
        let name = super::schemas::new_name(name)?;
        let (sequence, owner) = described(options, Type::INT8)?;
        if self.schema.has_sequence(&name)? || self.schema.table(Some("public"), &name)?.is_some() {
            if if_not_exists {
                return Ok(Plan::skipped(
                    "CREATE SEQUENCE",
                    format!("relation \"{name}\" already exists, skipping"),
                ));
            }
            return Err(super::ddl::already(&name));
        }
        let mut steps = sequence.create(&name);
        steps.extend(self.keep_cache(&name, super::sequence_cache::said(options)?)?);
        if owner.is_some() {
            steps.extend(self.own_by(&name, owner)?);
        }
        Ok(Plan::Schema {
            steps,
            tag: "CREATE SEQUENCE".into(),
        })
    }
}

/// The sequence that the options describe, and the column that is to own it.
pub(super) fn described(
    options: &[SequenceOptions],
    mut kind: Type,
) -> Result<(Sequence, Option<&ObjectName>), Fault> {
    let number = |expr: &Expr| {
        let text = expr.to_string().replace(' ', "");
        text.parse::<i64>()
            .map_err(|_| Fault::unsupported(format!("the number {text} of a sequence")))
    };
    let (mut start, mut increment, mut min, mut max, mut cycle) = (None, 1_i64, None, None, false);
    let mut owner = None;
    for option in options {
        match option {
            SequenceOptions::DataType(ty) => kind = types::named(&ty.to_string())?.kind,
            SequenceOptions::IncrementBy(n, _) => increment = number(n)?,
            SequenceOptions::MinValue(n) => min = n.as_ref().map(number).transpose()?,
            SequenceOptions::MaxValue(n) => max = n.as_ref().map(number).transpose()?,
            SequenceOptions::StartWith(n, _) => start = Some(number(n)?),
            SequenceOptions::Cycle(no) => cycle = !no,
            SequenceOptions::Cache(_) | SequenceOptions::OwnedBy(None) => {}
            SequenceOptions::OwnedBy(Some(name)) => {
                owner = Some(name).filter(|n| !n.to_string().eq_ignore_ascii_case("none"));
            }
        }
    }
    let (low, high) = bounds(&kind)?;
    let up = increment > 0;
    let low = min.unwrap_or(if up { 1 } else { low });
    let high = max.unwrap_or(if up { high } else { -1 });
    let start = start.unwrap_or(if up { low } else { high });
    let sequence = Sequence {
        last: start,
        called: false,
        start,
        step: increment,
        low,
        high,
        cycle,
        kind,
    };
    sequence.check(false)?;
    Ok((sequence, owner))
}

/// The numbers of a type that a sequence may have.
pub(super) fn bounds(kind: &Type) -> Result<(i64, i64), Fault> {
    Ok(match *kind {
        Type::INT2 => (i16::MIN.into(), i16::MAX.into()),
        Type::INT4 => (i32::MIN.into(), i32::MAX.into()),
        Type::INT8 => (i64::MIN, i64::MAX),
        _ => {
            return Err(Fault::new(
                SqlState::INVALID_PARAMETER_VALUE,
                "sequence type must be smallint, integer, or bigint",
            ));
        }
    })
}

/// A query whose numbers are drawn for each row: all rows are there before the first is given, so
/// that it can be run again with more numbers.
pub(super) fn drawing_rows(plan: Plan) -> Plan {
    let Plan::Query {
        sql,
        columns,
        locks,
    } = plan
    else {
        return plan;
    };
    let names: Vec<String> = (0..columns.len()).map(|i| format!("\"c{i}\"")).collect();
    let items: Vec<String> = names
        .iter()
        .zip(&columns)
        .map(|(name, column)| format!("{name} AS {}", quote(&column.name)))
        .collect();
    let sql = format!(
        "WITH \"drawn\"({}) AS MATERIALIZED ({sql}) SELECT {} FROM \"drawn\"",
        names.join(","),
        items.join(",")
    );
    Plan::Query {
        sql,
        columns,
        locks,
    }
}

/// 42P01.
pub(in crate::embedded) fn no_sequence(name: &str) -> ErrorResponse {
    ErrorResponse::error(
        SqlState::UNDEFINED_TABLE,
        format!("relation \"{name}\" does not exist"),
    )
}
