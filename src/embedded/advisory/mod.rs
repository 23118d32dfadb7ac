//! Advisory locks: numbers that sessions agree upon. A session's thread waits in them, as it does
//! in all that it runs.

mod functions;
mod session;
mod table;

pub(super) use functions::register;
pub(super) use session::{Advisory, Locks};
