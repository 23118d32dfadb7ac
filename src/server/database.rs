//! What a server serves: the traits an engine implements.

use std::future::Future;
use std::sync::Arc;

use postgres_types::Type;

use crate::error_response::{ErrorResponse, SqlState};
use crate::login::Login;
use crate::server::context::SessionContext;
use crate::server::copy::{CopyIn, CopyOut, CopyRows};
use crate::server::rows::{Column, RowFormat, Rows};
use crate::server::value::Value;

/// A client that was admitted.
#[derive(Debug)]
#[non_exhaustive]
pub struct Client<'a> {
    /// Who it is, to which database it wants, with which settings, over what.
    pub login: &'a Login,
    /// The process id it will be told (`pg_backend_pid()`).
    pub process_id: i32,
    /// Its settings and notifications, for the engine to keep.
    pub context: SessionContext,
}

/// What interrupts a session's running statement; harmless when none runs. It is called from
/// other threads, and must not block.
pub type Interrupt = Arc<dyn Fn() + Send + Sync>;

/// An engine. One value serves all connections.
///
/// # Example: a database that answers everything with one row
///
/// ```
/// use pgtls::server::{
///     Client, Column, Database, DatabaseSession, Event, Portal, Prepared, RowFormat, Rows,
///     TransactionStatus, Type, Value,
/// };
/// use pgtls::ErrorResponse;
///
/// struct Echo;
///
/// impl Database for Echo {
///     type Session = Echo;
///     async fn connect(&self, _: Client<'_>) -> Result<Echo, ErrorResponse> {
///         Ok(Echo)
///     }
/// }
///
/// fn columns() -> Vec<Column> {
///     vec![Column::new("echo", Type::TEXT)]
/// }
///
/// fn answer(sql: &str, format: &RowFormat) -> Result<Answer, ErrorResponse> {
///     let mut rows = Rows::new(format);
///     rows.push([sql])?;
///     Ok(Answer(vec![
///         Event::Complete("SELECT 1".into()),
///         Event::Rows(rows),
///         Event::Columns(columns()),
///     ]))
/// }
///
/// impl DatabaseSession for Echo {
///     type Statement = String;
///     type Portal = Answer;
///
///     async fn query(&mut self, sql: &str) -> Result<Answer, ErrorResponse> {
///         answer(sql, &RowFormat::text(&columns()))
///     }
///
///     async fn prepare(
///         &mut self,
///         sql: &str,
///         _: &[Option<Type>],
///     ) -> Result<Prepared<String>, ErrorResponse> {
///         Ok(Prepared::new(sql.to_owned()).with_columns(columns()))
///     }
///
///     async fn bind(
///         &mut self,
///         sql: &String,
///         _: Vec<Value<'static>>,
///         format: RowFormat,
///     ) -> Result<Answer, ErrorResponse> {
///         answer(sql, &format)
///     }
///
///     fn transaction_status(&self) -> TransactionStatus {
///         TransactionStatus::Idle
///     }
/// }
///
/// struct Answer(Vec<Event>);
///
/// impl Portal for Answer {
///     async fn next(&mut self, _: u64) -> Result<Option<Event>, ErrorResponse> {
///         Ok(self.0.pop())
///     }
/// }
/// ```
pub trait Database: Send + Sync + 'static {
    /// What a connection works with.
    type Session: DatabaseSession;

    /// Opens a session.
    ///
    /// # Errors
    /// The client is told in these words and the connection ends, for example 3D000.
    fn connect(
        &self,
        client: Client<'_>,
    ) -> impl Future<Output = Result<Self::Session, ErrorResponse>> + Send;
}

/// One client's session with a [`Database`]. When it is dropped, an open transaction is rolled
/// back.
///
/// # Transactions
///
/// Outside a transaction block, what runs between two calls of [`DatabaseSession::sync`] is one
/// transaction (PostgreSQL docs, "Pipelining"); so is what one [`DatabaseSession::query`] runs. An
/// engine without transactions leaves `sync` and [`DatabaseSession::abort`] as they are.
pub trait DatabaseSession: Send + 'static {
    /// A prepared statement. When it is dropped, it is not needed any more.
    type Statement: Send;
    /// The results of a query, pulled piece by piece.
    type Portal: Portal;

    /// Begins a simple query: any number of statements in one string, run one after the other.
    /// Outside a transaction block they form one transaction, which ends with the query
    /// (PostgreSQL docs, "Multiple Statements in a Simple Query").
    ///
    /// # Errors
    /// None of it could be begun.
    fn query(
        &mut self,
        sql: &str,
    ) -> impl Future<Output = Result<Self::Portal, ErrorResponse>> + Send;

    /// Prepares one statement, or none if there is nothing but blanks and comments. `parameters`
    /// are the types that the client gave for `$1` and so on; `None`, or one too few, leaves the
    /// type to the engine.
    ///
    /// # Errors
    /// For example 42601: there is more than one statement, or what is no statement.
    fn prepare(
        &mut self,
        sql: &str,
        parameters: &[Option<Type>],
    ) -> impl Future<Output = Result<Prepared<Self::Statement>, ErrorResponse>> + Send;

    /// Makes a portal of a statement: nothing need happen before the portal is pulled.
    /// `parameters` are as many as the statement has, each NULL or of the type the statement gives
    /// it. Rows are to be written in `format`.
    ///
    /// # Errors
    /// The statement cannot be run with these parameters.
    fn bind(
        &mut self,
        statement: &Self::Statement,
        parameters: Vec<Value<'static>>,
        format: RowFormat,
    ) -> impl Future<Output = Result<Self::Portal, ErrorResponse>> + Send;

    /// Ends the transaction of what was run through portals of the extended protocol since the
    /// last time, unless the session is in a transaction block: commits it, or if it has failed
    /// rolls it back.
    ///
    /// # Errors
    /// It could not be committed, and is rolled back.
    fn sync(&mut self) -> impl Future<Output = Result<(), ErrorResponse>> + Send {
        async { Ok(()) }
    }

    /// Something failed, in the engine or before it got there: the transaction has failed. In a
    /// transaction block, nothing more is done until its end (25P02); outside, what
    /// [`DatabaseSession::sync`] would commit is rolled back. The portal that failed was dropped.
    fn abort(&mut self) -> impl Future<Output = ()> + Send {
        async {}
    }

    /// What the rows of a cursor look like that was declared in SQL. Such cursors are portals, so
    /// clients may have them described by name. None unless said.
    fn cursor(&mut self, name: &str) -> impl Future<Output = Option<Vec<Column>>> + Send {
        let _ = name;
        async { None }
    }

    /// Closes such a cursor, if it is there: a client closed the portal of that name.
    fn close_cursor(&mut self, name: &str) -> impl Future<Output = ()> + Send {
        let _ = name;
        async {}
    }

    /// Where the session stands, asked between two statements. What only
    /// [`DatabaseSession::sync`] will end is no transaction block: that is idle.
    fn transaction_status(&self) -> TransactionStatus;

    /// What interrupts the running statement, for cancel requests. Nothing unless said.
    fn interrupt(&self) -> Interrupt {
        Arc::new(|| {})
    }
}

/// A prepared statement and what clients are told of it.
#[derive(Debug)]
#[non_exhaustive]
pub struct Prepared<S> {
    /// The engine's own.
    pub statement: S,
    /// The types of `$1` and so on.
    pub parameters: Vec<Type>,
    /// What its rows look like; `None` if it gives none.
    pub columns: Option<Vec<Column>>,
}

impl<S> Prepared<S> {
    /// A statement without parameters that gives no rows.
    pub fn new(statement: S) -> Self {
        Self {
            statement,
            parameters: Vec::new(),
            columns: None,
        }
    }

    /// Adds the types of its parameters.
    #[must_use]
    pub fn with_parameters(mut self, types: Vec<Type>) -> Self {
        self.parameters = types;
        self
    }

    /// Adds what its rows look like.
    #[must_use]
    pub fn with_columns(mut self, columns: Vec<Column>) -> Self {
        self.columns = Some(columns);
        self
    }
}

/// The results of a query. When it is dropped before its end, the rest is not wanted.
///
/// Between two calls of [`Portal::next`] the session may be asked to do other things: a client can
/// take some rows, run another statement, and take some more.
pub trait Portal: Send {
    /// The next piece, or `None` at the end of the last statement. It is called when the one
    /// before was sent, so an engine need not produce faster than the client reads.
    ///
    /// `rows` is how many rows are wanted before the client is asked for more; an engine that
    /// gives more at once only does work that may be in vain. What it does not give is asked for
    /// again, or the portal is dropped.
    ///
    /// # Errors
    /// The statement failed; the statements behind it are not run.
    fn next(
        &mut self,
        rows: u64,
    ) -> impl Future<Output = Result<Option<Event>, ErrorResponse>> + Send;

    /// Whether all that was asked for is done, and only has to be given. An interruption is too
    /// late then: the client is told of the success rather than of a failure that did not happen.
    /// False unless said.
    fn has_ended(&self) -> bool {
        false
    }

    /// Takes rows that the client sends, after [`Event::CopyIn`]; any number of times, then comes
    /// `next` for the end of the statement. If the client gives up instead, or sends what cannot
    /// be read, the portal is dropped, and [`DatabaseSession::abort`] called.
    ///
    /// # Errors
    /// The statement failed.
    fn copy_in(
        &mut self,
        rows: CopyRows,
    ) -> impl Future<Output = Result<(), ErrorResponse>> + Send {
        drop(rows);
        async { Err(not_supported("COPY FROM STDIN")) }
    }
}

/// A piece of a query's results. For each statement: `Columns` if it gives rows, any number of
/// `Rows`, then `Complete`; COPY has `CopyIn` or `CopyOut` first. `Columns` may be left out where a prepared statement has told them.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    /// What the rows that follow look like.
    Columns(Vec<Column>),
    /// The statement is done; the command tag, for example `INSERT 0 1` (PostgreSQL docs,
    /// "Message Formats", CommandComplete).
    Complete(String),
    /// The statement takes rows from the client, through [`Portal::copy_in`].
    CopyIn(CopyIn),
    /// The rows that follow are the data of a COPY TO STDOUT.
    CopyOut(CopyOut),
    /// There was no statement in the string.
    Empty,
    /// Something the client should know of, sent as NoticeResponse.
    Notice(ErrorResponse),
    /// Some rows.
    Rows(Rows),
}

/// 0A000.
pub(crate) fn not_supported(what: &str) -> ErrorResponse {
    ErrorResponse::error(
        SqlState::FEATURE_NOT_SUPPORTED,
        format!("{what} is not supported"),
    )
}

/// Whether a session is in a transaction block (PostgreSQL docs, "ReadyForQuery").
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum TransactionStatus {
    /// In a transaction block that has failed: everything but its end is refused (25P02).
    Failed,
    /// Not in a transaction block.
    Idle,
    /// In a transaction block.
    InTransaction,
}
