//! Behind the door: [`PgServer`], the [`Database`] trait, and the query phase.
//!
//! The query phase is sans-IO too: bytes in, bytes out, and nothing awaited but the database. Its
//! codec is strict: each message is a length-checked slice that must be used up whole.

mod builder;
mod cancel;
mod command;
mod context;
mod copy;
mod database;
pub(crate) mod format;
mod notifications;
mod pg_server;
mod protocol;
mod rows;
mod savepoints;
mod scan;
mod session;
mod settings;
mod stand_in;
mod value;

#[cfg(feature = "sqlite")]
pub(crate) use settings::SERVER_VERSION;

pub use builder::{BuildError, DEFAULT_GRACE, DEFAULT_MAX_CONNECTIONS, PgServerBuilder};
pub use command::SessionCommand;
pub use context::SessionContext;
pub use copy::{CopyFormat, CopyIn, CopyOptions, CopyOut, CopyRow, CopyRows};
pub use database::{
    Client, Database, DatabaseSession, Event, Interrupt, Portal, Prepared, TransactionStatus,
};
pub use format::Format;
pub use pg_server::{PgServer, TcpSettings};
pub use postgres_types::Type;
pub use protocol::check_message;
#[cfg(feature = "sqlite")]
pub(crate) use rows::Field;
pub use rows::{Column, RowFormat, Rows};
#[cfg(any(test, feature = "_fuzzing"))]
pub(crate) use session::frontend;
#[cfg(all(feature = "sqlite", any(test, feature = "_fuzzing")))]
pub(crate) use session::newcomer;
pub use session::{QuerySession, StatementTimer, Turn};
pub use settings::{Scope, Setting};
pub use stand_in::StandIn;
pub use value::{Interval, Value};
