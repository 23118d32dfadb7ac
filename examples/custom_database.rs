//! A database of one's own behind the door: keys and values in memory, with a language of four
//! words, for every PostgreSQL client.
//!
//! ```text
//! cargo run --example custom_database
//! psql "host=127.0.0.1 port=5433 user=me" -c "PUT colour 'sea green'" -c "SCAN"
//! ```
//!
//! `PUT key value`, `GET key`, `DELETE key`, `SCAN [prefix]`; each may be `$1` in a prepared
//! statement. `COPY FROM STDIN`, `COPY TO STDOUT`. BEGIN, COMMIT and ROLLBACK work, and so do SET,
//! SHOW, LISTEN and NOTIFY, which pgtls brings along.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pgtls::runtimes::tokio::Serve;
use pgtls::server::{
    Client, Column, CopyIn, CopyOptions, CopyOut, CopyRows, Database, DatabaseSession, Event,
    Portal, Prepared, RowFormat, Rows, SessionCommand, SessionContext, TransactionStatus, Type,
    Value,
};
use pgtls::{ErrorResponse, PgServerBuilder, SqlState};

/// The database: what is committed.
#[derive(Debug, Default)]
pub(crate) struct KeyValues(Arc<Mutex<BTreeMap<String, String>>>);

/// A client's session with it.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    committed: Arc<Mutex<BTreeMap<String, String>>>,
    transaction: Arc<Mutex<Transaction>>,
    context: SessionContext,
}

/// What is not committed: values put, and keys deleted.
#[derive(Debug, Default)]
struct Transaction {
    block: bool,
    failed: bool,
    changes: BTreeMap<String, Option<String>>,
}

/// A statement of the language.
#[derive(Clone, Debug)]
pub(crate) enum Statement {
    /// BEGIN, COMMIT or ROLLBACK.
    Block(&'static str),
    /// COPY FROM STDIN.
    CopyIn,
    /// COPY TO STDOUT.
    CopyOut,
    /// DELETE.
    Delete(Word),
    /// Nothing.
    Empty,
    /// GET.
    Get(Word),
    /// PUT.
    Put(Word, Word),
    /// SCAN.
    Scan(Word),
    /// What pgtls knows by itself.
    Session(SessionCommand),
}

/// A word of a statement, or the number of a parameter, from 0.
#[derive(Clone, Debug)]
pub(crate) enum Word {
    /// `$1` and so on.
    Parameter(usize),
    /// As it stands.
    Text(String),
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn columns() -> Vec<Column> {
    vec![
        Column::new("key", Type::TEXT),
        Column::new("value", Type::TEXT),
    ]
}

impl Statement {
    fn parse(text: &str) -> Result<Self, ErrorResponse> {
        if let Some(command) = SessionCommand::parse(text) {
            return Ok(Self::Session(command));
        }
        let words = words(text);
        let word = |n: usize| -> Word {
            let text = words.get(n).cloned().unwrap_or_default();
            match text.strip_prefix('$').and_then(|n| n.parse::<usize>().ok()) {
                Some(number @ 1..=9) => Word::Parameter(number - 1),
                _ => Word::Text(text),
            }
        };
        let verb = words.first().map(|verb| verb.to_ascii_uppercase());
        Ok(match (verb.as_deref(), words.len()) {
            (None, _) => Self::Empty,
            (Some("BEGIN" | "START"), _) => Self::Block("BEGIN"),
            (Some("COMMIT" | "END"), 1) => Self::Block("COMMIT"),
            (Some("ROLLBACK"), 1) => Self::Block("ROLLBACK"),
            (Some("COPY"), 3) if words[1].eq_ignore_ascii_case("from") => Self::CopyIn,
            (Some("COPY"), 3) if words[1].eq_ignore_ascii_case("to") => Self::CopyOut,
            (Some("DELETE"), 2) => Self::Delete(word(1)),
            (Some("GET"), 2) => Self::Get(word(1)),
            (Some("PUT"), 3) => Self::Put(word(1), word(2)),
            (Some("SCAN"), 1 | 2) => Self::Scan(word(1)),
            (Some(verb), _) => {
                return Err(ErrorResponse::error(
                    SqlState::SYNTAX_ERROR,
                    format!("syntax error at or near \"{verb}\""),
                )
                .with_position(1)
                .with_hint("Try PUT, GET, DELETE or SCAN."));
            }
        })
    }

    fn parameters(&self) -> usize {
        let number = |word: &Word| match word {
            Word::Parameter(n) => n + 1,
            Word::Text(_) => 0,
        };
        match self {
            Self::Delete(word) | Self::Get(word) | Self::Scan(word) => number(word),
            Self::Put(key, value) => number(key).max(number(value)),
            _ => 0,
        }
    }

    fn columns(&self) -> Option<Vec<Column>> {
        match self {
            Self::Get(_) | Self::Scan(_) => Some(columns()),
            Self::Session(command) => command.columns(),
            _ => None,
        }
    }
}

/// Words at blanks, 'quoted' where they have some.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut rest = text.trim_matches(|c: char| c.is_whitespace() || c == ';');
    while !rest.is_empty() {
        let (word, tail) = match rest.strip_prefix('\'') {
            Some(inner) => inner.split_once('\'').unwrap_or((inner, "")),
            None => rest.split_once(char::is_whitespace).unwrap_or((rest, "")),
        };
        words.push(word.to_owned());
        rest = tail.trim_start();
    }
    words
}

impl Database for KeyValues {
    type Session = Session;

    async fn connect(&self, client: Client<'_>) -> Result<Session, ErrorResponse> {
        Ok(Session {
            committed: Arc::clone(&self.0),
            transaction: Arc::default(),
            context: client.context,
        })
    }
}

impl Session {
    fn portal(
        &self,
        statements: Vec<Statement>,
        parameters: Vec<Value<'static>>,
        format: Option<RowFormat>,
    ) -> Results {
        Results {
            session: self.clone(),
            statements: statements.into(),
            parameters,
            format,
            ready: VecDeque::new(),
            copied: None,
        }
    }

    /// What is seen: the committed values under one's own changes.
    fn snapshot(&self) -> BTreeMap<String, String> {
        let mut all = lock(&self.committed).clone();
        for (key, change) in &lock(&self.transaction).changes {
            match change {
                Some(value) => drop(all.insert(key.clone(), value.clone())),
                None => drop(all.remove(key)),
            }
        }
        all
    }

    fn change(&self, key: String, value: Option<String>) {
        lock(&self.transaction).changes.insert(key, value);
    }

    fn commit(&self) {
        let changes = std::mem::take(&mut *lock(&self.transaction)).changes;
        let mut all = lock(&self.committed);
        for (key, change) in changes {
            match change {
                Some(value) => drop(all.insert(key, value)),
                None => drop(all.remove(&key)),
            }
        }
        self.context.commit();
    }

    fn roll_back(&self) {
        *lock(&self.transaction) = Transaction::default();
        self.context.rollback();
    }
}

impl DatabaseSession for Session {
    type Statement = Statement;
    type Portal = Results;

    async fn query(&mut self, sql: &str) -> Result<Results, ErrorResponse> {
        let statements: Result<Vec<Statement>, _> = sql
            .trim_end_matches(|c: char| c.is_whitespace() || c == ';')
            .split(';')
            .map(Statement::parse)
            .collect();
        Ok(self.portal(statements?, Vec::new(), None))
    }

    async fn prepare(
        &mut self,
        sql: &str,
        _: &[Option<Type>],
    ) -> Result<Prepared<Statement>, ErrorResponse> {
        let statement = Statement::parse(sql)?;
        let mut prepared =
            Prepared::new(statement.clone())
                .with_parameters(vec![Type::TEXT; statement.parameters()]);
        prepared.columns = statement.columns();
        Ok(prepared)
    }

    async fn bind(
        &mut self,
        statement: &Statement,
        parameters: Vec<Value<'static>>,
        format: RowFormat,
    ) -> Result<Results, ErrorResponse> {
        Ok(self.portal(vec![statement.clone()], parameters, Some(format)))
    }

    async fn sync(&mut self) -> Result<(), ErrorResponse> {
        if !lock(&self.transaction).block {
            self.commit();
        }
        Ok(())
    }

    async fn abort(&mut self) {
        let mut transaction = lock(&self.transaction);
        if transaction.block {
            transaction.failed = true;
        } else {
            *transaction = Transaction::default();
        }
    }

    fn transaction_status(&self) -> TransactionStatus {
        match &*lock(&self.transaction) {
            Transaction { block: false, .. } => TransactionStatus::Idle,
            Transaction { failed: true, .. } => TransactionStatus::Failed,
            _ => TransactionStatus::InTransaction,
        }
    }
}

/// The results of a query, statement by statement.
#[derive(Debug)]
pub(crate) struct Results {
    session: Session,
    statements: VecDeque<Statement>,
    parameters: Vec<Value<'static>>,
    /// As a prepared statement is asked for its rows; in a simple query it is always text.
    format: Option<RowFormat>,
    ready: VecDeque<Event>,
    /// How many rows a COPY has taken.
    copied: Option<u64>,
}

impl Results {
    fn word(&self, word: &Word) -> Result<String, ErrorResponse> {
        match word {
            Word::Text(text) => Ok(text.clone()),
            Word::Parameter(n) => {
                self.parameters
                    .get(*n)
                    .and_then(Value::to_text)
                    .ok_or_else(|| {
                        ErrorResponse::error(SqlState::NOT_NULL_VIOLATION, "there is no NULL here")
                    })
            }
        }
    }

    fn rows(&mut self, found: Vec<(String, String)>) -> Result<(), ErrorResponse> {
        let format = self.format.clone();
        let mut rows = Rows::new(&format.unwrap_or_else(|| RowFormat::text(&columns())));
        let count = found.len();
        self.ready.push_back(Event::Columns(columns()));
        for (key, value) in found {
            rows.push([key, value])?;
            if rows.is_full() {
                self.ready.push_back(Event::Rows(rows.take()));
            }
        }
        self.ready.push_back(Event::Rows(rows));
        self.done(format!("SELECT {count}"));
        Ok(())
    }

    fn done(&mut self, tag: impl Into<String>) {
        self.ready.push_back(Event::Complete(tag.into()));
    }

    fn run(&mut self, statement: &Statement) -> Result<(), ErrorResponse> {
        let failed = lock(&self.session.transaction).failed;
        if failed && !matches!(statement, Statement::Block("COMMIT" | "ROLLBACK")) {
            return Err(ErrorResponse::error(
                SqlState::IN_FAILED_SQL_TRANSACTION,
                "current transaction is aborted, commands ignored until end of transaction block",
            ));
        }
        match statement {
            Statement::Empty => self.ready.push_back(Event::Empty),
            Statement::Block("BEGIN") => {
                lock(&self.session.transaction).block = true;
                self.done("BEGIN");
            }
            Statement::Block("COMMIT") if !failed => {
                self.session.commit();
                self.done("COMMIT");
            }
            Statement::Block(_) => {
                self.session.roll_back();
                self.done("ROLLBACK");
            }
            Statement::Session(command) => {
                let columns = command.columns().unwrap_or_default();
                let format = self.format.clone();
                let format = format.unwrap_or_else(|| self.session.context.text_format(&columns));
                self.ready = command.run(&self.session.context, &format)?.into();
            }
            Statement::Get(key) => {
                let key = self.word(key)?;
                let value = self.session.snapshot().remove(&key);
                self.rows(value.map(|value| (key, value)).into_iter().collect())?;
            }
            Statement::Scan(prefix) => {
                let prefix = self.word(prefix)?;
                let all = self.session.snapshot().into_iter();
                self.rows(all.filter(|(key, _)| key.starts_with(&prefix)).collect())?;
            }
            Statement::Put(key, value) => {
                let (key, value) = (self.word(key)?, self.word(value)?);
                self.session.change(key, Some(value));
                self.done("PUT 1");
            }
            Statement::Delete(key) => {
                self.session.change(self.word(key)?, None);
                self.done("DELETE 1");
            }
            Statement::CopyIn => {
                self.copied = Some(0);
                let copy = CopyIn::new("values", CopyOptions::default(), columns());
                self.ready.push_back(Event::CopyIn(copy));
            }
            Statement::CopyOut => {
                let options = CopyOptions::default();
                let mut rows = Rows::new(&RowFormat::copy(&options, &columns()));
                self.ready
                    .push_back(Event::CopyOut(CopyOut::new(options, columns())));
                for (key, value) in self.session.snapshot() {
                    rows.push([key, value])?;
                }
                let count = rows.count();
                self.ready.push_back(Event::Rows(rows));
                self.done(format!("COPY {count}"));
            }
        }
        Ok(())
    }
}

impl Portal for Results {
    async fn next(&mut self, _: u64) -> Result<Option<Event>, ErrorResponse> {
        if let Some(event) = self.ready.pop_front() {
            return Ok(Some(event));
        }
        if let Some(count) = self.copied.take() {
            return Ok(Some(Event::Complete(format!("COPY {count}"))));
        }
        let Some(statement) = self.statements.pop_front() else {
            // The end of a simple query is the end of its transaction.
            if self.format.is_none() && !lock(&self.session.transaction).block {
                self.session.commit();
            }
            return Ok(None);
        };
        self.run(&statement)?;
        Ok(self.ready.pop_front())
    }

    async fn copy_in(&mut self, rows: CopyRows) -> Result<(), ErrorResponse> {
        for row in rows.rows() {
            let values: Result<Vec<Value<'_>>, _> = row.values().collect();
            if let [key, value] = values?.as_slice() {
                let (key, value) = (key.to_text().unwrap_or_default(), value.to_text());
                self.session.change(key, value);
            }
            self.copied = self.copied.map(|count| count + 1);
        }
        Ok(())
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let server = PgServerBuilder::new()
        .address("127.0.0.1:5433".parse()?)
        .build(Arc::new(KeyValues::default()))?;
    println!("psql \"host=127.0.0.1 port=5433 user=me\" -c \"PUT colour 'sea green'\" -c SCAN");
    server.serve().await?;
    Ok(())
}
