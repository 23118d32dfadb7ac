//! Who may come in, from where, to what, and how: PostgreSQL's pg_hba.conf and pg_ident.conf.

mod address;
pub(crate) mod decide;
pub(crate) mod error;
pub(crate) mod failures;
#[cfg(any(test, feature = "_fuzzing"))]
pub(crate) mod fuzzing;
pub(crate) mod hba;
pub(crate) mod ident;
mod names;
mod pattern;
pub(crate) mod rules;
mod tokens;
