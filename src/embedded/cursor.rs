//! Cursors: those that give their rows as they come, and those whose rows are kept, because they
//! scroll or outlive their transaction (PostgreSQL docs, "DECLARE", "FETCH").

use rusqlite::Connection;
use rusqlite::types::Value as Cell;

use crate::embedded::dialect::Direction;
use crate::embedded::forward::{Place, way};
use crate::embedded::portal::{Running, bind};
use crate::error_response::{ErrorResponse, SqlState};
use crate::server::RowFormat;

/// An open cursor.
pub(super) enum Cursor<'c> {
    Streaming(Streaming<'c>),
    Kept(Kept),
}

/// A cursor whose rows come as they are asked for.
pub(super) struct Streaming<'c> {
    /// What has given its last row is `None`.
    pub(super) running: Option<Running<'c>>,
    /// Rows of the FETCHes before.
    passed: u64,
}

impl<'c> Streaming<'c> {
    pub(super) fn new(running: Running<'c>) -> Self {
        Self {
            running: Some(running),
            passed: 0,
        }
    }

    /// The next FETCH counts anew, and gives its rows in this format.
    pub(super) fn restart(&mut self, format: &RowFormat) {
        if let Some(running) = &mut self.running {
            self.passed = self.passed.saturating_add(running.count());
            running.restart(format);
        }
    }

    /// There are no more rows.
    pub(super) fn end(&mut self) {
        let last = self.running.take();
        let rows = last.map_or(0, |running| running.count());
        self.passed = self.passed.saturating_add(rows);
    }

    pub(super) fn place(&self) -> Place {
        let now = self.running.as_ref().map_or(0, Running::count);
        Place {
            rows: self.passed.saturating_add(now),
            ended: self.running.is_none(),
        }
    }
}

/// A cursor whose rows are in a temporary table, which SQLite keeps in a file once it is large.
pub(super) struct Kept {
    table: String,
    count: u64,
    /// The current row from 1; 0 is before the first, and `count + 1` behind the last.
    position: u64,
    scrolls: bool,
    /// It outlives its transaction.
    hold: bool,
    /// The transaction that declared it has been committed.
    pub(super) committed: bool,
}

impl Kept {
    /// Runs the query to its end.
    pub(super) fn new(
        connection: &Connection,
        number: u64,
        (sql, parameters, width): (&str, &[Cell], usize),
        (scrolls, hold): (bool, bool),
    ) -> rusqlite::Result<Self> {
        let table = format!("temp.pgtls_cursor_{number}");
        // Without types, so that nothing is converted.
        let columns: Vec<String> = (0..width).map(|i| format!("c{i}")).collect();
        connection.execute_batch(&format!(
            "DROP TABLE IF EXISTS {table}; CREATE TABLE {table}({})",
            columns.join(",")
        ))?;
        let mut insert = connection.prepare_cached(&format!("INSERT INTO {table} {sql}"))?;
        bind(&mut insert, parameters)?;
        let count = insert.raw_execute()?;
        Ok(Self {
            table,
            count: u64::try_from(count).unwrap_or(u64::MAX),
            position: 0,
            scrolls,
            hold,
            committed: false,
        })
    }

    /// Whether it is there after the end of the transaction.
    pub(super) fn survives(&self, commit: bool) -> bool {
        self.hold && (commit || self.committed)
    }

    /// Whether its rows are there.
    pub(super) fn has_rows(&self, connection: &Connection) -> bool {
        let sql = format!("SELECT 1 FROM {}", self.table);
        connection.prepare(&sql).is_ok()
    }

    pub(super) fn drop_rows(&self, connection: &Connection) {
        let sql = format!("DROP TABLE IF EXISTS {}", self.table);
        if let Err(error) = connection.execute_batch(&sql) {
            tracing::debug!(target: "pgtls::sqlite", %error, "rows of a cursor");
        }
    }

    /// Goes there, and gives the query of the rows on the way and its parameters.
    pub(super) fn go(
        &mut self,
        direction: Direction,
    ) -> Result<(String, [Cell; 2]), ErrorResponse> {
        let direction = match self.scrolls {
            true => direction,
            false => {
                let ended = self.position > self.count;
                let rows = self.position.min(self.count);
                let way = way(direction, Place { rows, ended })?;
                let to = self.position.saturating_add(way.skip);
                self.position = to.min(self.count.saturating_add(1));
                Direction::Forward(Some(way.give))
            }
        };
        let (end, here) = (self.count.saturating_add(1), self.position);
        let single = |position: u64| (position, position, false, position.min(end));
        let (first, last, back, position) = match direction {
            Direction::Forward(Some(0)) | Direction::Backward(Some(0)) => single(here),
            Direction::Forward(n) => {
                let to = here.saturating_add(n.unwrap_or(u64::MAX)).min(end);
                (here.saturating_add(1), to, false, to)
            }
            Direction::Backward(n) => {
                let to = here.saturating_sub(n.unwrap_or(u64::MAX));
                (to.max(1), here.saturating_sub(1), true, to)
            }
            Direction::Absolute(n) => single(match u64::try_from(n) {
                Ok(n) => n.min(end),
                Err(_) => end.saturating_sub(n.unsigned_abs()),
            }),
            Direction::Relative(n) => single(here.saturating_add_signed(n).min(end)),
        };
        self.position = position;
        let order = if back { " DESC" } else { "" };
        let sql = format!(
            "SELECT * FROM {} WHERE rowid BETWEEN ?1 AND ?2 ORDER BY rowid{order}",
            self.table
        );
        let number = |n: u64| Cell::Integer(i64::try_from(n).unwrap_or(i64::MAX));
        Ok((sql, [number(first), number(last)]))
    }
}

/// 55000.
pub(super) fn forward_only() -> ErrorResponse {
    ErrorResponse::error(
        SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE,
        "cursor can only scan forward",
    )
    .with_hint("Declare it with SCROLL option to enable backward scan.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_those_of_postgresql() {
        let connection = Connection::open_in_memory().unwrap();
        let query = "VALUES (1),(2),(3)";
        let mut cursor = Kept::new(&connection, 1, (query, &[], 1), (true, false)).unwrap();
        let mut fetch = |direction| {
            let (sql, parameters) = cursor.go(direction).unwrap();
            let mut statement = connection.prepare(&sql).unwrap();
            let rows = statement
                .query_map(rusqlite::params_from_iter(parameters), |r| {
                    r.get::<_, i64>(0)
                })
                .unwrap();
            rows.collect::<Result<Vec<_>, _>>().unwrap()
        };
        use Direction as D;
        for (direction, rows) in [
            (D::Backward(Some(1)), vec![]),
            (D::Forward(Some(2)), vec![1, 2]),
            (D::Forward(Some(0)), vec![2]),
            (D::Backward(Some(1)), vec![1]),
            (D::Backward(Some(5)), vec![]),
            (D::Forward(None), vec![1, 2, 3]),
            (D::Forward(Some(1)), vec![]),
            (D::Backward(None), vec![3, 2, 1]),
            (D::Absolute(2), vec![2]),
            (D::Relative(1), vec![3]),
            (D::Relative(0), vec![3]),
            (D::Relative(-2), vec![1]),
            (D::Absolute(-1), vec![3]),
            (D::Absolute(-9), vec![]),
            (D::Absolute(9), vec![]),
            (D::Backward(Some(2)), vec![3, 2]),
            (D::Absolute(0), vec![]),
            (D::Forward(Some(1)), vec![1]),
        ] {
            assert_eq!(fetch(direction), rows, "{direction:?}");
        }
    }
}
