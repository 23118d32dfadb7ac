//! What a server serves: the traits an engine implements.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use postgres_types::Type;

use crate::error_response::ErrorResponse;
use crate::login::Login;
use crate::wire;

/// A client that was admitted.
#[derive(Debug)]
#[non_exhaustive]
pub struct Client<'a> {
    /// Who it is, to which database it wants, with which settings, over what.
    pub login: &'a Login,
    /// The process id it will be told (`pg_backend_pid()`).
    pub process_id: i32,
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
///     Client, Column, Database, DatabaseSession, Event, Portal, Rows, TransactionStatus, Type,
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
/// impl DatabaseSession for Echo {
///     type Portal = Answer;
///     async fn query(&mut self, sql: &str) -> Result<Answer, ErrorResponse> {
///         let mut rows = Rows::new();
///         rows.push([Some(sql)])?;
///         Ok(Answer(vec![
///             Event::Complete("SELECT 1".into()),
///             Event::Rows(rows),
///             Event::Columns(vec![Column::new("echo", Type::TEXT)]),
///         ]))
///     }
///     fn transaction_status(&self) -> TransactionStatus {
///         TransactionStatus::Idle
///     }
/// }
///
/// struct Answer(Vec<Event>);
///
/// impl Portal for Answer {
///     async fn next(&mut self) -> Result<Option<Event>, ErrorResponse> {
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
pub trait DatabaseSession: Send + 'static {
    /// The results of a query, pulled piece by piece.
    type Portal: Portal;

    /// Begins a simple query: any number of statements in one string, run one after the other.
    /// Outside a transaction block they form one transaction (PostgreSQL docs, "Multiple
    /// Statements in a Simple Query").
    ///
    /// # Errors
    /// None of it could be begun.
    fn query(
        &mut self,
        sql: &str,
    ) -> impl Future<Output = Result<Self::Portal, ErrorResponse>> + Send;

    /// Where the session stands, asked between two queries.
    fn transaction_status(&self) -> TransactionStatus;

    /// What interrupts the running statement, for cancel requests. Nothing unless said.
    fn interrupt(&self) -> Interrupt {
        Arc::new(|| {})
    }
}

/// The results of a query. When it is dropped before its end, the rest is not wanted.
pub trait Portal: Send {
    /// The next piece, or `None` at the end of the last statement. It is called when the one
    /// before was sent, so an engine need not produce faster than the client reads.
    ///
    /// # Errors
    /// The statement failed; the statements behind it are not run.
    fn next(&mut self) -> impl Future<Output = Result<Option<Event>, ErrorResponse>> + Send;
}

/// A piece of a query's results. For each statement: `Columns` if it gives rows, any number of
/// `Rows`, then `Complete`.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    /// What the rows that follow look like.
    Columns(Vec<Column>),
    /// The statement is done; the command tag, for example `INSERT 0 1` (PostgreSQL docs,
    /// "Message Formats", CommandComplete).
    Complete(String),
    /// There was no statement in the string.
    Empty,
    /// Some rows.
    Rows(Rows),
}

/// A column of a result.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Column {
    pub(crate) name: String,
    pub(crate) kind: Type,
}

impl Column {
    /// A column, shown in text format.
    pub fn new(name: impl Into<String>, kind: Type) -> Self {
        Self {
            name: name.into(),
            kind,
        }
    }
}

/// Rows as they go over the wire, in text format. Fill one to about [`Rows::ENOUGH`] bytes, then
/// hand it over and start another.
#[derive(Clone, Default, Eq, PartialEq)]
pub struct Rows {
    bytes: Vec<u8>,
}

impl fmt::Debug for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rows")
            .field("bytes", &self.bytes.len())
            .finish()
    }
}

impl Rows {
    /// The size at which it pays to send what there is: 32 KiB.
    pub const ENOUGH: usize = 32 * 1024;

    /// No rows.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends a row of values in text format; `None` is NULL.
    ///
    /// # Errors
    /// 54000: the row has more than 32 767 columns or 2 GiB. Nothing is appended.
    pub fn push<'a>(
        &mut self,
        values: impl IntoIterator<Item = Option<&'a str>>,
    ) -> Result<(), ErrorResponse> {
        self.push_with(|row| {
            for value in values {
                match value {
                    Some(text) => row.value(|out| out.extend_from_slice(text.as_bytes())),
                    None => row.null(),
                }
            }
        })
    }

    pub(crate) fn push_with(
        &mut self,
        fill: impl FnOnce(&mut Row<'_>),
    ) -> Result<(), ErrorResponse> {
        use crate::error_response::SqlState;

        let start = self.bytes.len();
        let mut good = true;
        let fits = wire::put_message(&mut self.bytes, b'D', |out| {
            let count_at = out.len();
            out.extend_from_slice(&[0; 2]);
            let mut row = Row {
                out,
                count: 0,
                good: true,
            };
            fill(&mut row);
            let (count, ok) = (row.count, row.good);
            good = ok && wire::set_i16(out, count_at, count);
        });
        if fits.is_ok() && good {
            return Ok(());
        }
        self.bytes.truncate(start);
        Err(ErrorResponse::error(
            SqlState::PROGRAM_LIMIT_EXCEEDED,
            "row is too large",
        ))
    }

    /// How many bytes they have.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

/// A row that is being appended.
pub(crate) struct Row<'a> {
    out: &'a mut Vec<u8>,
    count: usize,
    good: bool,
}

impl Row<'_> {
    pub(crate) fn null(&mut self) {
        self.count = self.count.saturating_add(1);
        self.out.extend_from_slice(&(-1_i32).to_be_bytes());
    }

    pub(crate) fn value(&mut self, put: impl FnOnce(&mut Vec<u8>)) {
        self.count = self.count.saturating_add(1);
        self.good &= wire::put_counted(self.out, put).is_ok();
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_have_the_bytes_of_data_row() {
        let mut rows = Rows::new();
        rows.push([Some("2"), None, Some("")]).unwrap();
        assert_eq!(
            rows.bytes,
            b"D\0\0\0\x13\0\x03\0\0\0\x012\xff\xff\xff\xff\0\0\0\0"
        );
    }

    #[test]
    fn a_row_too_wide_is_taken_back_whole() {
        let mut rows = Rows::new();
        rows.push([Some("kept")]).unwrap();
        let before = rows.clone();
        let error = rows.push(vec![Some("x"); 32_768]).unwrap_err();
        assert_eq!(error.code().as_str(), "54000");
        assert_eq!(rows, before);
    }
}
