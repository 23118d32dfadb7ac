//! COPY FROM STDIN and TO STDOUT: its options and its three formats (PostgreSQL docs, "COPY").

mod options;
pub(crate) mod read;
pub(crate) mod write;

use crate::server::rows::Column;

pub use options::{CopyFormat, CopyOptions};
pub use read::{CopyRow, CopyRows};

/// What a COPY FROM STDIN takes, given as [`Event::CopyIn`](crate::server::Event::CopyIn).
#[derive(Clone, Debug)]
pub struct CopyIn {
    pub(crate) table: String,
    pub(crate) options: CopyOptions,
    pub(crate) columns: Vec<Column>,
}

impl CopyIn {
    /// Rows of these columns, in this format. The table's name is for error messages.
    pub fn new(table: impl Into<String>, options: CopyOptions, columns: Vec<Column>) -> Self {
        Self {
            table: table.into(),
            options,
            columns,
        }
    }
}

/// What a COPY TO STDOUT gives, given as [`Event::CopyOut`](crate::server::Event::CopyOut). The
/// rows that follow are to be written in [`RowFormat::copy`](crate::server::RowFormat::copy) of
/// the same options and columns.
#[derive(Clone, Debug)]
pub struct CopyOut {
    pub(crate) options: CopyOptions,
    pub(crate) columns: Vec<Column>,
}

impl CopyOut {
    /// Rows of these columns, in this format.
    #[must_use]
    pub fn new(options: CopyOptions, columns: Vec<Column>) -> Self {
        Self { options, columns }
    }
}
