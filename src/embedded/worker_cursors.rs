//! What a session's thread does with cursors.

use rusqlite::types::Value as Cell;

use crate::embedded::cursor::{Cursor, Kept, Streaming};
use crate::embedded::dialect::{Direction, OpenCursor, Output, no_cursor};
use crate::embedded::error::respond;
use crate::embedded::forward::{on_row, way};
use crate::embedded::portal::{Begun, Fetching, Running};
use crate::embedded::value;
use crate::embedded::worker::{Worker, changed_result};
use crate::error_response::{ErrorResponse, SqlState};
use crate::server::{Event, RowFormat};

impl<'c> Worker<'c> {
    pub(super) fn declare(
        &mut self,
        name: &str,
        sql: &str,
        parameters: &[Cell],
        cursor: &OpenCursor,
        together: bool,
    ) -> Result<(), ErrorResponse> {
        if !self.transaction.block && !together && !cursor.hold {
            return Err(ErrorResponse::error(
                SqlState::NO_ACTIVE_SQL_TRANSACTION,
                "DECLARE CURSOR can only be used in transaction blocks",
            ));
        }
        let columns = &cursor.columns;
        let open = if cursor.scroll || cursor.hold {
            self.begin_implicit()?;
            self.next_cursor = self.next_cursor.wrapping_add(1);
            let query = (sql, parameters, columns.len());
            let how = (cursor.scroll, cursor.hold);
            Kept::new(self.connection, self.next_cursor, query, how).map(Cursor::Kept)
        } else {
            // The formats are those of each FETCH.
            let format = RowFormat::text(&[]);
            Running::new(self.connection, sql, parameters, columns, &format, "FETCH")
                .map(|running| Cursor::Streaming(Streaming::new(running)))
        };
        let open = open.map_err(|e| respond(&e, Some(&self.schema)))?;
        self.cursors.insert(name.to_owned(), open);
        self.names.cursors.insert(name.to_owned(), cursor.clone());
        if cursor.hold {
            self.end_single(together)?;
        }
        Ok(())
    }

    pub(super) fn begin_fetch(
        &mut self,
        name: &str,
        direction: Direction,
        columns: &[Output],
        format: Option<&RowFormat>,
        events: &mut Vec<Event>,
    ) -> Result<Begun<'c>, ErrorResponse> {
        match self.names.cursors.get(name) {
            Some(now) if now.columns == columns => {}
            // Told when it was prepared, of another cursor of that name.
            Some(_) => return Err(changed_result()),
            None => return Err(no_cursor(name).respond(None)),
        }
        let text;
        let (format, tell) = match format {
            Some(format) => (format, None),
            None => {
                let columns: Vec<_> = columns.iter().map(value::column).collect();
                text = self.facts.info.context.text_format(&columns);
                (&text, Some(Event::Columns(columns)))
            }
        };
        let begun = match self.cursors.get_mut(name) {
            Some(Cursor::Kept(kept)) => {
                let (sql, parameters) = kept.go(direction)?;
                Running::new(self.connection, &sql, &parameters, columns, format, "FETCH")
                    .map(Begun::Rows)
                    .map_err(|e| respond(&e, Some(&self.schema)))?
            }
            Some(Cursor::Streaming(cursor)) => {
                let way = way(direction, cursor.place())?;
                self.pass(name, way.skip)?;
                if let Some(Cursor::Streaming(cursor)) = self.cursors.get_mut(name) {
                    cursor.restart(format);
                }
                Begun::Fetch(Fetching {
                    name: name.to_owned(),
                    limit: way.give,
                })
            }
            None => return Err(no_cursor(name).respond(None)),
        };
        events.extend(tell);
        Ok(begun)
    }

    /// Goes on with a FETCH; true at its end.
    pub(super) fn fetch(
        &mut self,
        fetching: &Fetching,
        rows: u64,
        events: &mut Vec<Event>,
    ) -> Result<bool, ErrorResponse> {
        let Some(Cursor::Streaming(cursor)) = self.cursors.get_mut(&fetching.name) else {
            return Err(no_cursor(&fetching.name).respond(None));
        };
        let Some(running) = cursor.running.as_mut() else {
            events.push(Event::Complete("FETCH 0".into()));
            return Ok(true);
        };
        let left = fetching.limit.saturating_sub(running.count());
        if running.fetch(rows.min(left), &self.schema, events)? {
            cursor.end();
            return Ok(true);
        }
        if running.count() < fetching.limit {
            return Ok(false);
        }
        events.push(Event::Complete(format!("FETCH {}", running.count())));
        Ok(true)
    }

    /// As a FETCH that gives nothing.
    pub(super) fn move_cursor(
        &mut self,
        name: &str,
        direction: Direction,
        events: &mut Vec<Event>,
    ) -> Result<(), ErrorResponse> {
        let told = |e: rusqlite::Error| respond(&e, None);
        let count = match self.cursors.get_mut(name) {
            Some(Cursor::Kept(kept)) => {
                let (sql, parameters) = kept.go(direction)?;
                let count: i64 = self
                    .connection
                    .query_row(
                        &format!("SELECT count(*) FROM ({sql})"),
                        rusqlite::params_from_iter(parameters),
                        |r| r.get(0),
                    )
                    .map_err(told)?;
                u64::try_from(count).unwrap_or_default()
            }
            Some(Cursor::Streaming(cursor)) => {
                let place = cursor.place();
                match direction {
                    Direction::Forward(Some(0))
                    | Direction::Backward(Some(0))
                    | Direction::Relative(0) => u64::from(on_row(place)),
                    direction => {
                        let way = way(direction, place)?;
                        self.pass(name, way.skip)?;
                        self.pass(name, way.give)?
                    }
                }
            }
            None => return Err(no_cursor(name).respond(None)),
        };
        events.push(Event::Complete(format!("MOVE {count}")));
        Ok(())
    }

    /// Goes so many rows ahead; how many there were.
    fn pass(&mut self, name: &str, limit: u64) -> Result<u64, ErrorResponse> {
        if let Some(Cursor::Streaming(cursor)) = self.cursors.get_mut(name) {
            cursor.restart(&RowFormat::text(&[]));
        }
        if limit == 0 {
            return Ok(0);
        }
        let fetching = Fetching {
            name: name.to_owned(),
            limit,
        };
        let mut given = Vec::new();
        while !self.fetch(&fetching, u64::MAX, &mut given)? {
            given.clear();
        }
        // The end tells how many they were.
        Ok(match given.last() {
            Some(Event::Complete(tag)) => {
                let number = tag.rsplit(' ').next();
                number.and_then(|n| n.parse().ok()).unwrap_or_default()
            }
            _ => 0,
        })
    }

    pub(super) fn close_cursor(&mut self, name: &str) {
        self.names.cursors.remove(name);
        if let Some(Cursor::Kept(kept)) = self.cursors.remove(name) {
            kept.drop_rows(self.connection);
        }
    }

    /// Closes all cursors but those that may stay.
    pub(super) fn close_cursors(&mut self, stays: impl Fn(&Kept) -> bool) {
        let goes = |cursor: &Cursor<'_>| !matches!(cursor, Cursor::Kept(kept) if stays(kept));
        let all = self.cursors.iter().filter(|(_, c)| goes(c));
        let gone: Vec<String> = all.map(|(name, _)| name.clone()).collect();
        for name in gone {
            self.close_cursor(&name);
        }
    }

    /// After ROLLBACK TO: those whose rows went with it.
    pub(super) fn lose_cursors(&mut self) {
        let connection = self.connection;
        self.cursors
            .retain(|_, c| !matches!(c, Cursor::Kept(kept) if !kept.has_rows(connection)));
        self.forget_cursors();
    }

    /// Names are those of open cursors.
    pub(super) fn forget_cursors(&mut self) {
        let open = &self.cursors;
        self.names.cursors.retain(|name, _| open.contains_key(name));
    }
}
