//! What a session keeps by name: cursors, and statements prepared in SQL (PostgreSQL docs,
//! "DECLARE", "FETCH", "CLOSE", "PREPARE", "EXECUTE").

use std::collections::HashMap;
use std::sync::Arc;

use postgres_types::Type;
use sqlparser::ast::{CloseCursor, Declare, Expr, FetchDirection, Ident, Statement, ValueWithSpan};

use crate::embedded::dialect::expr::Translator;
use crate::embedded::dialect::grammar::{Own, Parsed};
use crate::embedded::dialect::scope::{Scope, fold};
use crate::embedded::dialect::{Fault, Output, Plan, Schema, Translated, translate_known, types};
use crate::error_response::SqlState;

/// The names in use.
#[derive(Default)]
pub(in crate::embedded) struct Names {
    pub(in crate::embedded) cursors: HashMap<String, OpenCursor>,
    pub(in crate::embedded) statements: HashMap<String, Arc<Definition>>,
}

/// What is known of a cursor.
#[derive(Clone, Debug)]
pub(in crate::embedded) struct OpenCursor {
    pub(in crate::embedded) columns: Vec<Output>,
    /// The statement that declared it.
    pub(in crate::embedded) statement: String,
    pub(in crate::embedded) scroll: bool,
    pub(in crate::embedded) hold: bool,
}

/// Where a FETCH goes; `None` is to the end.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::embedded) enum Direction {
    Forward(Option<u64>),
    Backward(Option<u64>),
    Absolute(i64),
    Relative(i64),
}

/// A statement prepared in SQL. It is translated when it is executed, as the schema is then.
#[derive(Debug)]
pub(in crate::embedded) struct Definition {
    statement: Statement,
    declared: Vec<Option<Type>>,
}

impl Names {
    /// Translates a statement that is about names; `None` for all others.
    pub(in crate::embedded) fn translate(
        &self,
        statement: &Parsed,
        schema: &dyn Schema,
        declared: &[Option<Type>],
    ) -> Option<Result<Translated, Fault>> {
        let plain = |plan: Result<Plan, Fault>| {
            plan.map(|plan| Translated {
                plan,
                parameters: Vec::new(),
            })
        };
        let (statement, moves) = match statement {
            Parsed::Known(statement) => (&**statement, false),
            Parsed::Own(Own::Move(fetch)) => (&**fetch, true),
            Parsed::Own(_) => return None,
        };
        Some(match statement {
            Statement::Declare { stmts, .. } => match stmts.as_slice() {
                [declare] => self.declare(declare, schema, declared),
                _ => Err(Fault::unsupported("DECLARE of several")),
            },
            Statement::Fetch {
                name,
                direction,
                into: None,
                ..
            } => plain(self.fetch(name, direction, moves)),
            Statement::Close { cursor } => plain(match cursor {
                CloseCursor::All => Ok(Plan::Close(None)),
                CloseCursor::Specific { name } => {
                    self.cursor(name).map(|_| Plan::Close(Some(fold(name))))
                }
            }),
            Statement::Prepare {
                name,
                data_types,
                statement,
            } => {
                let types: Result<Vec<_>, _> = data_types
                    .iter()
                    .map(|ty| types::named(&ty.to_string()).map(|ty| Some(ty.kind)))
                    .collect();
                plain(types.and_then(|declared| self.prepare(name, statement, declared, schema)))
            }
            Statement::Execute {
                name: Some(name),
                parameters,
                immediate: false,
                ..
            } => match name.0.as_slice() {
                [part] => part.as_ident().map_or_else(
                    || Err(Fault::unsupported("EXECUTE of this")),
                    |name| self.execute(name, parameters, schema, declared),
                ),
                _ => Err(Fault::unsupported("EXECUTE of a qualified name")),
            },
            _ => return None,
        })
    }

    fn declare(
        &self,
        declare: &Declare,
        schema: &dyn Schema,
        declared: &[Option<Type>],
    ) -> Result<Translated, Fault> {
        let ([name], Some(query)) = (declare.names.as_slice(), &declare.for_query) else {
            return Err(Fault::unsupported("DECLARE without a query"));
        };
        if declare.binary == Some(true) {
            return Err(Fault::unsupported("a BINARY cursor").at_name(name));
        }
        let folded = fold(name);
        if self.cursors.contains_key(&folded) {
            let message = format!("cursor \"{folded}\" already exists");
            return Err(Fault::new(SqlState::DUPLICATE_CURSOR, message));
        }
        let fault = "DECLARE CURSOR must not contain data-modifying statements in WITH";
        super::with::only_reads(query, fault)?;
        let inner = translate_known(&Statement::Query(query.clone()), schema, declared)?;
        let Plan::Query { sql, columns, .. } = inner.plan else {
            return Err(Fault::unsupported("a cursor for this"));
        };
        Ok(Translated {
            plan: Plan::Declare {
                name: folded,
                sql,
                cursor: OpenCursor {
                    columns,
                    statement: format!("DECLARE {declare}"),
                    // What is kept can be read in any order.
                    scroll: declare.scroll.unwrap_or_else(|| declare.hold == Some(true)),
                    hold: declare.hold == Some(true),
                },
            },
            parameters: inner.parameters,
        })
    }

    fn cursor(&self, name: &Ident) -> Result<&[Output], Fault> {
        let folded = fold(name);
        self.cursors
            .get(&folded)
            .map(|c| c.columns.as_slice())
            .ok_or_else(|| no_cursor(&folded))
    }

    fn fetch(&self, name: &Ident, direction: &FetchDirection, moves: bool) -> Result<Plan, Fault> {
        use FetchDirection as F;
        let signed = |limit: &ValueWithSpan| {
            let text = limit.value.to_string();
            text.parse::<i64>().map_err(|_| {
                Fault::new(
                    SqlState::SYNTAX_ERROR,
                    format!("syntax error at or near \"{text}\""),
                )
            })
        };
        // Less than none is the other way.
        let ahead = |n: i64| match n < 0 {
            true => Direction::Backward(Some(n.unsigned_abs())),
            false => Direction::Forward(Some(n.unsigned_abs())),
        };
        let direction = match direction {
            F::All | F::ForwardAll => Direction::Forward(None),
            F::Next | F::Forward { limit: None } => Direction::Forward(Some(1)),
            F::Count { limit } | F::Forward { limit: Some(limit) } => ahead(signed(limit)?),
            F::Prior | F::Backward { limit: None } => Direction::Backward(Some(1)),
            F::Backward { limit: Some(limit) } => ahead(signed(limit)?.saturating_neg()),
            F::BackwardAll => Direction::Backward(None),
            F::First => Direction::Absolute(1),
            F::Last => Direction::Absolute(-1),
            F::Absolute { limit } => Direction::Absolute(signed(limit)?),
            F::Relative { limit } => Direction::Relative(signed(limit)?),
        };
        let columns = self.cursor(name)?.to_vec();
        let name = fold(name);
        Ok(match moves {
            true => Plan::Move { name, direction },
            false => Plan::Fetch {
                name,
                direction,
                columns,
            },
        })
    }

    fn prepare(
        &self,
        name: &Ident,
        statement: &Statement,
        declared: Vec<Option<Type>>,
        schema: &dyn Schema,
    ) -> Result<Plan, Fault> {
        let folded = fold(name);
        if self.statements.contains_key(&folded) {
            let message = format!("prepared statement \"{folded}\" already exists");
            return Err(Fault::new(SqlState::DUPLICATE_PREPARED_STATEMENT, message));
        }
        // Translated here to say at once what is wrong with it.
        let translated = translate_known(statement, schema, &declared)?;
        if !matches!(
            translated.plan,
            Plan::Query { .. } | Plan::Change { .. } | Plan::Staged(_)
        ) {
            return Err(Fault::unsupported("PREPARE of this").at(statement));
        }
        let declared = translated.parameters.into_iter().map(Some).collect();
        Ok(Plan::Prepare {
            name: folded,
            definition: Arc::new(Definition {
                statement: statement.clone(),
                declared,
            }),
        })
    }

    fn execute(
        &self,
        name: &Ident,
        arguments: &[Expr],
        schema: &dyn Schema,
        declared: &[Option<Type>],
    ) -> Result<Translated, Fault> {
        let folded = fold(name);
        let definition = self.statements.get(&folded).ok_or_else(|| {
            Fault::new(
                SqlState::INVALID_SQL_STATEMENT_NAME,
                format!("prepared statement \"{folded}\" does not exist"),
            )
        })?;
        let inner = translate_known(&definition.statement, schema, &definition.declared)?;
        let (wanted, given) = (inner.parameters.len(), arguments.len());
        if wanted != given {
            return Err(Fault::new(
                SqlState::SYNTAX_ERROR,
                format!("wrong number of parameters for prepared statement \"{folded}\""),
            )
            .with_detail(format!("Expected {wanted} parameters but got {given}.")));
        }
        let mut translator = Translator::new(schema, declared);
        let values = arguments
            .iter()
            .zip(inner.parameters)
            .map(|(argument, kind)| Ok(translator.expr_of(argument, &Scope::default(), kind)?.text))
            .collect::<Result<Vec<_>, Fault>>()?;
        Ok(Translated {
            plan: Plan::Execute {
                arguments: (!values.is_empty()).then(|| format!("SELECT {}", values.join(","))),
                plan: Box::new(inner.plan),
            },
            parameters: translator.parameters()?,
        })
    }
}

/// 34000.
pub(in crate::embedded) fn no_cursor(name: &str) -> Fault {
    Fault::new(
        SqlState::INVALID_CURSOR_NAME,
        format!("cursor \"{name}\" does not exist"),
    )
}
