//! A database that does as its statements say, for tests and fuzzing: no I/O, every
//! future is ready at once.
#![allow(clippy::unwrap_used, reason = "of what cannot fail, in tests")]

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use crate::auth::AuthMethod;
use crate::error_response::{ErrorResponse, SqlState};
use crate::login::{Login, ProtocolVersion, Startup};
use crate::server::{
    Client, Column, CopyIn, CopyOptions, CopyOut, CopyRows, Database, DatabaseSession, Event,
    Portal, Prepared, RowFormat, Rows, SessionCommand, SessionContext, TransactionStatus, Type,
    Value,
};

/// Who uses it.
pub(super) fn login() -> Login {
    Login {
        startup: Startup {
            asked: ProtocolVersion::V3_0,
            user: b"alice".to_vec(),
            database: b"db".to_vec(),
            options: None,
            replication: None,
            settings: Vec::new(),
        },
        version: ProtocolVersion::V3_0,
        tls: None,
        method: AuthMethod::Trust,
        rule: None,
    }
}

/// Statements, separated by `;`:
/// - `rows N`: the numbers from 1 to N, as many at once as are wanted
/// - `greedy N`: the same, seven at once whatever is wanted
/// - `made N`: the same, all of them made and the statement over before the first is given
/// - `echo TYPE…`: its parameters, which have these types
/// - `copy in FORMAT`, `copy out FORMAT N`: rows of a number and a text
/// - `begin`, `commit`, `rollback`, `do`, `fail`, `notice`, and those of [`SessionCommand`]
#[derive(Debug, Default)]
pub(super) struct Engine {
    /// What the engine was called for, but for `next`.
    pub(super) calls: Arc<Mutex<Vec<String>>>,
}

#[derive(Debug)]
pub(super) struct Session {
    shared: Arc<Mutex<Shared>>,
    calls: Arc<Mutex<Vec<String>>>,
}

#[derive(Debug)]
struct Shared {
    status: TransactionStatus,
    context: SessionContext,
}

impl Database for Engine {
    type Session = Session;
    async fn connect(&self, client: Client<'_>) -> Result<Session, ErrorResponse> {
        Ok(Session {
            shared: Arc::new(Mutex::new(Shared {
                status: TransactionStatus::Idle,
                context: client.context,
            })),
            calls: Arc::clone(&self.calls),
        })
    }
}

impl Session {
    fn called(&self, what: impl Into<String>) {
        self.calls.lock().unwrap().push(what.into());
    }

    fn portal(
        &self,
        statements: &[&str],
        parameters: Vec<Value<'static>>,
        format: RowFormat,
    ) -> Running {
        Running {
            shared: Arc::clone(&self.shared),
            statements: statements.iter().map(|s| s.trim().to_owned()).collect(),
            parameters,
            format,
            at: 0,
            copied: false,
            calls: Arc::clone(&self.calls),
            queue: VecDeque::new(),
        }
    }
}

fn types(statement: &str) -> Vec<Type> {
    statement
        .split_whitespace()
        .skip(1)
        .map(|name| match name {
            "int4" => Type::INT4,
            "int8" => Type::INT8,
            "bool" => Type::BOOL,
            "numeric" => Type::NUMERIC,
            "bytea" => Type::BYTEA,
            "timestamptz" => Type::TIMESTAMPTZ,
            "int4[]" => Type::INT4_ARRAY,
            _ => Type::TEXT,
        })
        .collect()
}

/// Of rows; no more than any test needs.
fn number(word: &str) -> u64 {
    word.parse().unwrap_or(0).min(100_000)
}

fn two() -> Vec<Column> {
    vec![Column::new("n", Type::INT4), Column::new("t", Type::TEXT)]
}

fn columns(statement: &str) -> Option<Vec<Column>> {
    let command = SessionCommand::parse(statement);
    match statement.split_whitespace().next() {
        Some("rows" | "greedy" | "made") => Some(vec![Column::new("n", Type::INT4)]),
        Some("echo") => {
            let types = types(statement).into_iter();
            Some(types.map(|kind| Column::new("?column?", kind)).collect())
        }
        _ => command.and_then(|command| command.columns()),
    }
}

impl DatabaseSession for Session {
    type Statement = String;
    type Portal = Running;

    async fn query(&mut self, sql: &str) -> Result<Running, ErrorResponse> {
        self.called(format!("query {sql}"));
        let statements: Vec<&str> = sql.split(';').collect();
        Ok(self.portal(&statements, Vec::new(), RowFormat::text(&[])))
    }

    async fn prepare(
        &mut self,
        sql: &str,
        given: &[Option<Type>],
    ) -> Result<Prepared<String>, ErrorResponse> {
        self.called(format!("prepare {sql}"));
        if sql == "syntax" {
            return Err(
                ErrorResponse::error(SqlState::SYNTAX_ERROR, "syntax error").with_position(1)
            );
        }
        let mut types = if sql.starts_with("echo") {
            types(sql)
        } else {
            Vec::new()
        };
        for (kind, given) in types.iter_mut().zip(given) {
            if let Some(given) = given {
                *kind = given.clone();
            }
        }
        let mut prepared = Prepared::new(sql.to_owned()).with_parameters(types);
        if let Some(columns) = columns(sql) {
            prepared = prepared.with_columns(columns);
        }
        Ok(prepared)
    }

    async fn bind(
        &mut self,
        statement: &String,
        parameters: Vec<Value<'static>>,
        format: RowFormat,
    ) -> Result<Running, ErrorResponse> {
        self.called(format!("bind {statement}"));
        Ok(self.portal(&[statement], parameters, format))
    }

    async fn sync(&mut self) -> Result<(), ErrorResponse> {
        self.called("sync");
        Ok(())
    }

    async fn abort(&mut self) {
        self.called("abort");
        let mut shared = self.shared.lock().unwrap();
        if shared.status == TransactionStatus::InTransaction {
            shared.status = TransactionStatus::Failed;
        }
    }

    fn transaction_status(&self) -> TransactionStatus {
        self.shared.lock().unwrap().status
    }
}

/// Results, made as they are pulled.
#[derive(Debug)]
pub(super) struct Running {
    shared: Arc<Mutex<Shared>>,
    statements: VecDeque<String>,
    parameters: Vec<Value<'static>>,
    format: RowFormat,
    /// How many rows of the first statement were given.
    at: u64,
    copied: bool,
    calls: Arc<Mutex<Vec<String>>>,
    queue: VecDeque<Event>,
}

impl Portal for Running {
    async fn next(&mut self, wanted: u64) -> Result<Option<Event>, ErrorResponse> {
        if let Some(event) = self.queue.pop_front() {
            return Ok(Some(event));
        }
        let Some(statement) = self.statements.front().cloned() else {
            return Ok(None);
        };
        let words: Vec<&str> = statement.split_whitespace().collect();
        let mut shared = self.shared.lock().unwrap();
        let ends = matches!(words.first(), Some(&("commit" | "rollback")));
        if shared.status == TransactionStatus::Failed && !ends {
            return Err(ErrorResponse::error(
                SqlState::IN_FAILED_SQL_TRANSACTION,
                "current transaction is aborted, commands ignored until end of transaction block",
            ));
        }
        let mut tag = statement.to_uppercase();
        match *words.as_slice() {
            [] => {
                self.statements.pop_front();
                return Ok(Some(Event::Empty));
            }
            [kind @ ("rows" | "greedy" | "made"), count] => {
                let count = number(count);
                let columns = columns(&statement).unwrap();
                if self.format.columns() == 0 {
                    self.format = RowFormat::text(&columns);
                    return Ok(Some(Event::Columns(columns)));
                }
                let most = if kind == "rows" { wanted.min(1_000) } else { 7 };
                let mut rows = Rows::new(&self.format);
                while self.at < count && (rows.count() < most || kind == "made") {
                    self.at += 1;
                    rows.push([i32::try_from(self.at).unwrap()])?;
                    if kind == "made" && rows.is_full() {
                        self.queue.push_back(Event::Rows(rows.take()));
                    }
                }
                if kind == "made" {
                    self.statements.pop_front();
                    self.queue.push_back(Event::Rows(rows));
                    self.queue
                        .push_back(Event::Complete(format!("SELECT {count}")));
                    return Ok(self.queue.pop_front());
                }
                if !rows.is_empty() {
                    return Ok(Some(Event::Rows(rows)));
                }
                self.format = RowFormat::text(&[]);
                self.at = 0;
                tag = format!("SELECT {count}");
            }
            ["echo", ..] => {
                let mut rows = Rows::new(&self.format);
                rows.push(std::mem::take(&mut self.parameters))?;
                self.queue.push_back(Event::Rows(rows));
                tag = "SELECT 1".into();
            }
            ["copy", "in", format] => {
                if !self.copied {
                    self.copied = true;
                    let options = CopyOptions::parse([("format", Some(format))])?;
                    return Ok(Some(Event::CopyIn(CopyIn::new("t", options, two()))));
                }
                tag = format!("COPY {}", self.at);
            }
            ["copy", "out", format, count] => {
                let options = CopyOptions::parse([
                    ("format", Some(format)),
                    ("header", (format == "csv").then_some("on").or(Some("off"))),
                ])?;
                let count = number(count);
                let mut rows = Rows::new(&RowFormat::copy(&options, &two()));
                for n in 1..=count {
                    rows.push([Value::Int8(i64::try_from(n).unwrap()), "x\ty".into()])?;
                }
                self.queue
                    .push_back(Event::CopyOut(CopyOut::new(options, two())));
                self.queue.push_back(Event::Rows(rows));
                tag = format!("COPY {count}");
            }
            ["begin"] => shared.status = TransactionStatus::InTransaction,
            ["commit"] => {
                if shared.status == TransactionStatus::Failed {
                    tag = "ROLLBACK".into();
                    shared.context.rollback();
                }
                shared.context.commit();
                shared.status = TransactionStatus::Idle;
            }
            ["rollback"] => {
                shared.context.rollback();
                shared.status = TransactionStatus::Idle;
            }
            ["fail"] => {
                return Err(ErrorResponse::error(
                    SqlState::new("22012").unwrap(),
                    "division by zero",
                ));
            }
            ["notice"] => self
                .queue
                .push_back(Event::Notice(ErrorResponse::notice("hear"))),
            _ => {
                if let Some(command) = SessionCommand::parse(&statement) {
                    let columns = command.columns().unwrap_or_default();
                    let format = if self.format.columns() == 0 {
                        RowFormat::text(&columns)
                    } else {
                        self.format.clone()
                    };
                    self.queue.extend(command.run(&shared.context, &format)?);
                    self.statements.pop_front();
                    return Ok(self.queue.pop_front());
                }
            }
        }
        self.statements.pop_front();
        self.queue.push_back(Event::Complete(tag));
        Ok(self.queue.pop_front())
    }

    fn has_ended(&self) -> bool {
        self.statements.is_empty()
    }

    async fn copy_in(&mut self, rows: CopyRows) -> Result<(), ErrorResponse> {
        for row in rows.rows() {
            let values: Result<Vec<Value<'_>>, _> = row.values().collect();
            let values: Vec<String> = values?
                .iter()
                .map(|v| v.to_text().unwrap_or_else(|| "NULL".into()))
                .collect();
            self.calls.lock().unwrap().push(values.join("|"));
            self.at += 1;
        }
        Ok(())
    }
}
