//! Who may come in, from where, to what, and how: PostgreSQL's pg_hba.conf and pg_ident.conf.

pub(crate) mod error;
pub(crate) mod ident;
mod pattern;
mod tokens;
