//! What can be wrong with access rules and identity maps, and what mends it.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where an entry stands: a file and a line, or code.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Place {
    pub(crate) file: Arc<Path>,
    pub(crate) line: usize,
}

impl Place {
    /// The place of what was built in Rust.
    pub(crate) fn code(number: usize) -> Self {
        Self {
            file: Arc::from(Path::new("<rule>")),
            line: number,
        }
    }

    /// The file, as configured; `<text>` for text handed over, `<rule>` for what was built in
    /// Rust.
    #[must_use]
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// The line, counted from 1: the first one of an entry continued over several. For what was
    /// built in Rust, which one it is.
    #[must_use]
    pub fn line(&self) -> usize {
        self.line
    }
}

/// As PostgreSQL's log has it: `FILE:LINE`.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file.display(), self.line)
    }
}

/// Why access rules or identity maps were refused. Where PostgreSQL has the same error, the text
/// begins as its own does (`hba.c`).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AccessError {
    /// An entry that cannot be used.
    #[error("{place}: {fault}")]
    Entry {
        /// Where it stands.
        place: Place,
        /// What is wrong with it.
        fault: AccessFault,
    },
    /// A file of access rules without rules: nobody could come in.
    #[error(
        "configuration file \"{}\" contains no entries; to keep everybody out on purpose write: local all all reject",
        .path.display()
    )]
    NoEntries {
        /// The file as configured.
        path: PathBuf,
    },
    /// A file that cannot be read.
    #[error("could not open file \"{}\": {source}; check the path and its permissions", .path.display())]
    Unreadable {
        /// The file as configured.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

impl AccessError {
    pub(crate) fn entry(place: &Place, fault: AccessFault) -> Self {
        Self::Entry {
            place: place.clone(),
            fault,
        }
    }
}

/// What is wrong with one entry.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AccessFault {
    /// `\1` without a group that could fill it.
    #[error(
        "regular expression \"{pattern}\" has no subexpressions as requested by backreference in \"{database_name}\"; put what is to be taken over in parentheses"
    )]
    BackReference {
        /// The expression, without its slash.
        pattern: String,
        /// The name with `\1`.
        database_name: String,
    },
    /// An included file that cannot be read.
    #[error("could not open file \"{}\": {source}; check the path and its permissions", .path.display())]
    Include {
        /// The file, relative to the one that names it.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Files that include each other for ever, or nearly.
    #[error("could not open file \"{}\": maximum nesting depth exceeded; include fewer levels than {limit}", .path.display())]
    IncludeDepth {
        /// The file one too deep.
        path: PathBuf,
        /// How many levels there may be.
        limit: usize,
    },
    /// Text that was handed over cannot name files.
    #[error("\"{0}\" names a file, which only a file can do; load the rules from a file")]
    IncludeInText(String),
    /// A field is missing at the end of the line of pg_ident.conf.
    #[error("missing entry at end of line; write: MAPNAME SYSTEM-USERNAME DATABASE-USERNAME")]
    MissingField,
    /// Several values in a field for one.
    #[error("multiple values in ident field; write one line for each")]
    MultipleValues,
    /// A regular expression that cannot be used.
    #[error("invalid regular expression \"{pattern}\": {reason}")]
    Regex {
        /// The expression, without its slash.
        pattern: String,
        /// What is wrong with it.
        reason: String,
    },
    /// All files together are too large.
    #[error("the files together are longer than {limit} bytes; is one of them the wrong file?")]
    TooLong {
        /// How many bytes there may be.
        limit: usize,
    },
    /// A quote without its end.
    #[error("unterminated quoted string; add the closing \" before the end of the line")]
    UnterminatedQuote,
    /// A zero byte.
    #[error("the line holds a zero byte; is it a text file?")]
    ZeroByte,
}
