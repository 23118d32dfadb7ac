//! What becomes of a statement.

use std::sync::Arc;

use crate::embedded::dialect::Output;
use crate::embedded::dialect::copy::Copy;
use crate::embedded::dialect::definition::Step;
use crate::embedded::dialect::named::{Definition, Direction, OpenCursor};
use crate::embedded::dialect::plpgsql::Block;
use crate::embedded::dialect::staged::Staged;
use crate::embedded::transaction::Intent;
use crate::server::SessionCommand;

/// What is to be done.
#[derive(Clone, Debug)]
pub(in crate::embedded) enum Plan {
    /// It gives rows.
    Query {
        sql: String,
        columns: Vec<Output>,
        /// SELECT … FOR UPDATE and its like.
        locks: bool,
    },
    /// INSERT, UPDATE, DELETE; the columns are those of RETURNING.
    Change {
        sql: String,
        columns: Option<Vec<Output>>,
        tag: &'static str,
        /// The sequence whose numbers it takes unasked.
        takes: Option<String>,
    },
    /// Numbers are drawn from sequences, then it is run.
    Drawing {
        draws: Vec<String>,
        plan: Box<Self>,
    },
    /// The query gives a sequence, its value, and whether it was given already.
    SetVal {
        query: String,
        columns: Vec<Output>,
    },
    /// CREATE TABLE AS.
    CreateAs {
        sql: Vec<String>,
        insert: String,
    },
    Schema {
        steps: Vec<Step>,
        tag: String,
    },
    Begin {
        read_only: bool,
        isolation: Option<String>,
        tag: &'static str,
    },
    Commit,
    Rollback,
    Savepoint(String),
    Release(String),
    RollbackTo(String),
    /// SET, SHOW, LISTEN and their like.
    Session(SessionCommand),
    Copy(Copy),
    Declare {
        name: String,
        sql: String,
        cursor: OpenCursor,
    },
    Fetch {
        name: String,
        direction: Direction,
        columns: Vec<Output>,
    },
    Move {
        name: String,
        direction: Direction,
    },
    /// LOCK TABLE; what takes the writer's place, if the mode is that strong.
    Lock {
        takes: Option<String>,
        relation: String,
        nowait: bool,
    },
    /// One cursor, or all.
    Close(Option<String>),
    Prepare {
        name: String,
        definition: Arc<Definition>,
    },
    /// The arguments are the columns of a query's one row.
    Execute {
        arguments: Option<String>,
        plan: Box<Self>,
    },
    /// Several statements, one after the other.
    Staged(Staged),
    Do(Block),
    /// VACUUM: not within a transaction.
    Alone {
        sql: &'static [&'static str],
        tag: String,
    },
    /// Nothing to do, and perhaps something to tell.
    Nothing {
        tag: String,
        notices: Vec<String>,
    },
}

impl Plan {
    pub(super) fn skipped(tag: impl Into<String>, notice: String) -> Self {
        Self::Nothing {
            tag: tag.into(),
            notices: vec![notice],
        }
    }

    /// What its rows look like.
    pub(in crate::embedded) fn columns(&self) -> Option<&[Output]> {
        match self {
            Self::Query { columns, .. } | Self::Fetch { columns, .. } => Some(columns),
            Self::Execute { plan, .. } | Self::Drawing { plan, .. } => plan.columns(),
            Self::SetVal { columns, .. } => Some(columns),
            Self::Staged(staged) => staged.columns(),
            Self::Change { columns, .. } => columns.as_deref(),
            _ => None,
        }
    }

    /// What it is about to do with data; `None` if it does nothing.
    pub(in crate::embedded) fn intent(&self) -> Option<Intent> {
        match self {
            Self::Query { locks: true, .. }
            | Self::Change { .. }
            | Self::CreateAs { .. }
            | Self::Drawing { .. }
            | Self::SetVal { .. }
            | Self::Lock { takes: Some(_), .. }
            | Self::Schema { .. } => Some(Intent::Write),
            Self::Copy(copy) if copy.from => Some(Intent::Write),
            Self::Staged(staged) if staged.changes => Some(Intent::Write),
            Self::Query { .. } | Self::Declare { .. } | Self::Copy(_) | Self::Staged(_) => {
                Some(Intent::Read)
            }
            Self::Execute { plan, .. } => plan.intent(),
            _ => None,
        }
    }

    /// What a read-only transaction calls it.
    pub(in crate::embedded) fn verb(&self) -> &str {
        match self {
            Self::Query { .. } => "SELECT FOR UPDATE",
            Self::Change { tag, .. } => tag.split(' ').next().unwrap_or_default(),
            Self::CreateAs { .. } => "CREATE TABLE AS",
            Self::Schema { tag, .. } => tag,
            Self::Staged(staged) => staged.verb,
            Self::Execute { plan, .. } => plan.verb(),
            Self::Drawing { .. } => "nextval()",
            Self::SetVal { .. } => "setval()",
            Self::Lock { .. } => "LOCK TABLE",
            _ => "COPY FROM",
        }
    }
}
