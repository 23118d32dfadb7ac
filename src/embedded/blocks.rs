//! Runs the blocks of DO. Where a block has handlers, its statements are behind a savepoint.

use postgres_types::Type;

use crate::embedded::catalog;
use crate::embedded::dialect::{
    Block, BlockStatement as Statement, Fault, Plan, Raise, Script, What, fits, quote,
};
use crate::embedded::error::respond;
use crate::embedded::portal::Begun;
use crate::embedded::worker::Worker;
use crate::error_response::{ErrorResponse, SqlState};
use crate::server::Event;

/// What a statement of a block is for.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Rows {
    /// There must not be any.
    None,
    /// They are let go.
    Unwanted,
}

impl Worker<'_> {
    pub(super) fn block(
        &mut self,
        block: &Block,
        depth: u32,
        events: &mut Vec<Event>,
    ) -> Result<(), ErrorResponse> {
        self.begin_implicit()?;
        if block.handlers.is_empty() {
            return self.statements(&block.statements, depth, events);
        }
        let name = format!("pgtls_block_{depth}");
        self.mark(&name)?;
        let deeper = depth.saturating_add(1);
        let Err(error) = self.statements(&block.statements, deeper, events) else {
            return self.keep_mark(&name);
        };
        // SQLite has ended the transaction by itself.
        if self.connection.is_autocommit() {
            return Err(error);
        }
        self.back_to_mark(&name)?;
        let code = error.code();
        let waits = |conditions: &[String]| conditions.iter().any(|c| fits(c, code.as_str()));
        match block.handlers.iter().find(|(c, _)| waits(c)) {
            Some((_, statements)) => self.statements(statements, deeper, events),
            None => Err(error),
        }
    }

    fn statements(
        &mut self,
        statements: &[Statement],
        depth: u32,
        events: &mut Vec<Event>,
    ) -> Result<(), ErrorResponse> {
        for Statement { line, what } in statements {
            let place = format!(
                "PL/pgSQL function inline_code_block line {line} at {}",
                what.name()
            );
            let of = |sql: &str| format!("SQL statement \"{sql}\"\n{place}");
            match what {
                What::Nothing => {}
                What::Block(block) => self.block(block, depth, events)?,
                What::Sql(sql) => self
                    .sql(sql, Rows::None, events)
                    .map_err(|e| placed(e, of(sql)))?,
                What::Perform(sql) | What::Execute(sql) => self
                    .sql(sql, Rows::Unwanted, events)
                    .map_err(|e| placed(e, of(sql)))?,
                What::Raise(raise) => match raised(raise) {
                    Ok(notice) => events.extend(notice.map(Event::Notice)),
                    Err(error) => return Err(placed(error, place)),
                },
                What::If(arms, otherwise) => {
                    let mut chosen = otherwise;
                    for (condition, then) in arms {
                        let holds = self.holds(condition);
                        if holds.map_err(|e| placed(e, place.clone()))? {
                            chosen = then;
                            break;
                        }
                    }
                    self.statements(chosen, depth, events)?;
                }
            }
        }
        Ok(())
    }

    /// The plan of a statement within, ready to be run.
    fn within(&mut self, sql: &str) -> Result<Option<Plan>, ErrorResponse> {
        let script = Script::parse(sql)?;
        let mut statements = script.statements.iter();
        let (Some(statement), None) = (statements.next(), statements.next()) else {
            return Err(Fault::unsupported("several statements in one EXECUTE").respond(None));
        };
        let mut translated = self.translate(statement, &script, &[])?;
        if self.prepare_transaction(&translated.plan)? {
            translated = self.translate(statement, &script, &[])?;
        }
        if !translated.parameters.is_empty() {
            return Err(ErrorResponse::error(
                SqlState::UNDEFINED_PARAMETER,
                "there is no parameter $1",
            ));
        }
        if self.schema.needs_catalog() {
            catalog::refresh(self.connection, &self.schema, &self.facts)
                .map_err(|e| respond(&e, None))?;
        }
        let plan = translated.plan;
        let may = match &plan {
            Plan::Alone { tag, .. } => Err(ErrorResponse::error(
                SqlState::ACTIVE_SQL_TRANSACTION,
                format!("{tag} cannot be executed from a function"),
            )),
            Plan::Savepoint(_) | Plan::Release(_) | Plan::RollbackTo(_) => {
                Err(ErrorResponse::error(
                    SqlState::FEATURE_NOT_SUPPORTED,
                    "unsupported transaction command in PL/pgSQL",
                ))
            }
            Plan::Begin { .. } | Plan::Commit | Plan::Rollback => {
                Err(Fault::unsupported("to begin or end a transaction in DO").respond(None))
            }
            Plan::Copy(_)
            | Plan::Fetch { .. }
            | Plan::Declare { .. }
            | Plan::Move { .. }
            | Plan::Close(_)
            | Plan::Prepare { .. }
            | Plan::Execute { .. } => {
                Err(Fault::unsupported("cursors, COPY and PREPARE in DO").respond(None))
            }
            _ => Ok(()),
        };
        may.map(|()| Some(plan))
    }

    fn sql(&mut self, sql: &str, rows: Rows, events: &mut Vec<Event>) -> Result<(), ErrorResponse> {
        let Some(plan) = self.within(sql)? else {
            return Ok(());
        };
        if rows == Rows::None && plan.columns().is_some() {
            let error = ErrorResponse::error(
                SqlState::SYNTAX_ERROR,
                "query has no destination for result data",
            );
            return Err(match plan {
                Plan::Query { .. } => error.with_hint(
                    "If you want to discard the results of a SELECT, use PERFORM instead.",
                ),
                _ => error,
            });
        }
        let mut told = Vec::new();
        let begun = self.execute(&plan, &[], None, true, &mut told)?;
        if let Begun::Rows(mut running) = begun {
            loop {
                let mut done = running.fetch(u64::MAX, &self.schema, &mut told);
                while done.is_err() && running.count() == 0 && self.reserve()? {
                    done = running.fetch(u64::MAX, &self.schema, &mut told);
                }
                told.retain(|e| matches!(e, Event::Notice(_)));
                if done? {
                    break;
                }
            }
        }
        crate::embedded::sequences::settle(self.connection)?;
        told.retain(|e| matches!(e, Event::Notice(_)));
        events.append(&mut told);
        Ok(())
    }

    fn holds(&mut self, condition: &str) -> Result<bool, ErrorResponse> {
        match self.within(&format!("SELECT {condition}"))? {
            Some(Plan::Query { sql, columns, .. }) => match columns.as_slice() {
                [column] if column.ty.kind == Type::BOOL => {
                    let found = self.evaluate(&sql, &[])?;
                    let truth = rusqlite::types::Value::Integer(1);
                    Ok(found.first() == Some(&truth))
                }
                _ => Err(Fault::unsupported("a condition in DO that is no boolean").respond(None)),
            },
            _ => Err(Fault::unsupported("this condition in DO").respond(None)),
        }
    }

    fn mark(&mut self, name: &str) -> Result<(), ErrorResponse> {
        self.savepoint_sql("SAVEPOINT", name)?;
        self.facts.info.context.savepoint(name);
        self.facts.info.locks.savepoint(name);
        self.transaction.savepoint(name);
        Ok(())
    }

    fn keep_mark(&mut self, name: &str) -> Result<(), ErrorResponse> {
        self.savepoint_sql("RELEASE", name)?;
        self.facts.info.context.release(name);
        self.facts.info.locks.release_savepoint(name);
        self.transaction.back_to(name, true);
        crate::embedded::drawn::released(self.transaction.depth());
        Ok(())
    }

    fn back_to_mark(&mut self, name: &str) -> Result<(), ErrorResponse> {
        let standing = self.standing(self.transaction.before(name));
        self.savepoint_sql("ROLLBACK TO", name)?;
        self.facts.info.context.rollback_to(name);
        self.facts.info.locks.rollback_to(name);
        self.schema.undone();
        self.restore(&standing);
        self.keep_mark(name)
    }

    fn savepoint_sql(&self, word: &str, name: &str) -> Result<(), ErrorResponse> {
        self.connection
            .execute_batch(&format!("{word} {}", quote(name)))
            .map_err(|e| respond(&e, None))
    }
}

/// The position is one in another text than the client's.
fn placed(error: ErrorResponse, context: String) -> ErrorResponse {
    let error = error.without_position();
    match error.context() {
        Some(_) => error,
        None => error.with_context(context),
    }
}

/// What RAISE tells, or fails with.
fn raised(raise: &Raise) -> Result<Option<ErrorResponse>, ErrorResponse> {
    let message = raise.message.clone();
    let fails = SqlState::new("P0001").unwrap_or(SqlState::INTERNAL_ERROR);
    let mut told = match raise.level.as_str() {
        "EXCEPTION" => ErrorResponse::error(raise.code.unwrap_or(fails), message),
        "WARNING" => {
            let plain = SqlState::new("01000").unwrap_or(SqlState::INTERNAL_ERROR);
            ErrorResponse::warning(raise.code.unwrap_or(plain), message)
        }
        "NOTICE" => ErrorResponse::notice(message),
        _ => return Ok(None),
    };
    if let Some(detail) = &raise.detail {
        told = told.with_detail(detail.clone());
    }
    if let Some(hint) = &raise.hint {
        told = told.with_hint(hint.clone());
    }
    match raise.level.as_str() {
        "EXCEPTION" => Err(told),
        _ => Ok(Some(told)),
    }
}
