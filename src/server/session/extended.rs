//! The extended query protocol: Parse, Bind, Describe, Execute, Close (PostgreSQL docs, "Extended
//! Query").

use std::collections::VecDeque;
use std::sync::Arc;

use postgres_types::Type;

use crate::error_response::{ErrorResponse, SqlState};
use crate::server::context::no_such_statement;
use crate::server::database::{DatabaseSession, TransactionStatus};
use crate::server::format::{self, Format};
use crate::server::protocol::{self, Array, Bind, Parse, Target};
use crate::server::rows::{Column, RowFormat};
use crate::server::session::Core;
use crate::server::session::store::{Bound, Formats, MAX_TEXT, Progress, Statement, too_many};
use crate::server::value::Value;

/// The OID by which some clients say that they leave a type open.
const UNKNOWN: u32 = 705;

impl<S: DatabaseSession> Core<S> {
    pub(super) async fn parse(&mut self, parse: &Parse<'_>) -> Result<(), ErrorResponse> {
        let name = format::utf8(parse.name)?;
        let sql = format::utf8(parse.sql)?;
        if name.is_empty() {
            // It is gone even if the new one fails.
            self.statements.remove("");
        } else if self.statements.get(name).is_some() {
            return Err(ErrorResponse::error(
                SqlState::DUPLICATE_PREPARED_STATEMENT,
                format!("prepared statement \"{name}\" already exists"),
            ));
        } else {
            let text: usize = self.statements.values().map(|s| s.size).sum();
            if self.statements.is_full() || text.saturating_add(sql.len()) > MAX_TEXT {
                return Err(too_many("prepared statements"));
            }
        }
        let types: Vec<Option<Type>> = parse.types.iter().map(of_oid).collect();
        let prepared = self.session.prepare(sql, &types).await?;
        let statement = Statement {
            engines: prepared.statement,
            parameters: prepared.parameters,
            columns: prepared.columns.map(Arc::from),
            size: sql.len(),
        };
        if !name.is_empty() {
            self.context.prepared(name);
        }
        self.statements.insert(name, statement);
        protocol::put_bare(&mut self.out, b'1');
        Ok(())
    }

    pub(super) async fn bind(&mut self, bind: Bind<'_>) -> Result<(), ErrorResponse> {
        let name = format::utf8(bind.statement)?;
        let portal = format::utf8(bind.portal)?;
        let statement = self
            .statements
            .get(name)
            .ok_or_else(|| no_such_statement(name))?;
        if !portal.is_empty() {
            if self.portals.get(portal).is_some() {
                return Err(ErrorResponse::error(
                    SqlState::DUPLICATE_CURSOR,
                    format!("cursor \"{portal}\" already exists"),
                ));
            }
            if self.portals.is_full() {
                return Err(too_many("portals"));
            }
        }
        let zone = self.context.zone();
        let parameters = parameters(&bind, name, &statement.parameters, zone.as_ref())?;
        let columns = statement.columns.clone();
        let formats = result_formats(bind.result_formats, columns.as_deref())?;
        let format =
            RowFormat::new(columns.as_deref().unwrap_or_default(), |i| formats.of(i)).in_zone(zone);
        // The old one goes first: an engine may have room for one only.
        self.portals.remove(portal);
        self.begun = true;
        let engines = self
            .session
            .bind(&statement.engines, parameters, format)
            .await?;
        let bound = Bound {
            engines,
            columns,
            formats,
            ahead: VecDeque::new(),
            progress: Progress::Open,
        };
        self.portals.insert(portal, bound);
        protocol::put_bare(&mut self.out, b'2');
        Ok(())
    }

    pub(super) async fn describe(&mut self, target: Target<'_>) -> Result<(), ErrorResponse> {
        let (columns, formats) = match target {
            Target::Statement(name) => {
                let name = format::utf8(name)?;
                let statement = self
                    .statements
                    .get(name)
                    .ok_or_else(|| no_such_statement(name))?;
                (statement.columns.clone(), Err(&statement.parameters))
            }
            Target::Portal(name) => {
                let name = format::utf8(name)?;
                let declared = match self.portals.get(name) {
                    Some(_) => None,
                    None => self.session.cursor(name).await,
                };
                match (self.portals.get(name), declared) {
                    (Some(bound), _) => (bound.columns.clone(), Ok(Some(&bound.formats))),
                    // FETCH says in which formats its rows come.
                    (None, Some(columns)) => (Some(columns.into()), Ok(None)),
                    (None, None) => return Err(no_such_portal(name)),
                }
            }
        };
        let failed = self.session.transaction_status() == TransactionStatus::Failed;
        if failed && columns.is_some() {
            // PostgreSQL does not look at tables in a failed transaction.
            return Err(in_failed_block());
        }
        if let Err(parameters) = formats {
            protocol::put_parameter_description(&mut self.out, parameters);
        }
        match columns {
            Some(columns) => {
                protocol::put_row_description(&mut self.out, &columns, |i| match formats {
                    Ok(Some(formats)) => formats.of(i),
                    _ => Format::Text,
                })
            }
            None => {
                protocol::put_bare(&mut self.out, b'n');
                Ok(())
            }
        }
    }

    /// What is not there is closed already.
    pub(super) async fn close(&mut self, target: Target<'_>) -> Result<(), ErrorResponse> {
        match target {
            Target::Statement(name) => {
                let name = format::utf8(name)?;
                self.statements.remove(name);
                self.context.closed(name);
            }
            Target::Portal(name) => {
                let name = format::utf8(name)?;
                // A cursor that was declared is a portal, too.
                if self.portals.remove(name).is_none() && !name.is_empty() {
                    self.session.close_cursor(name).await;
                }
            }
        }
        protocol::put_bare(&mut self.out, b'3');
        Ok(())
    }
}

pub(super) fn no_such_portal(name: &str) -> ErrorResponse {
    ErrorResponse::error(
        SqlState::INVALID_CURSOR_NAME,
        format!("portal \"{name}\" does not exist"),
    )
}

fn in_failed_block() -> ErrorResponse {
    ErrorResponse::error(
        SqlState::IN_FAILED_SQL_TRANSACTION,
        "current transaction is aborted, commands ignored until end of transaction block",
    )
}

fn of_oid(bytes: [u8; 4]) -> Option<Type> {
    match u32::from_be_bytes(bytes) {
        0 | UNKNOWN => None,
        // A type of the engine's own; it may know it by the number.
        oid => Some(Type::from_oid(oid).unwrap_or_else(|| {
            let kind = postgres_types::Kind::Simple;
            Type::new(format!("unknown ({oid})"), oid, kind, String::new())
        })),
    }
}

fn protocol_violation(message: String) -> ErrorResponse {
    ErrorResponse::error(SqlState::PROTOCOL_VIOLATION, message)
}

fn parameters(
    bind: &Bind<'_>,
    name: &str,
    types: &[Type],
    zone: Option<&jiff::tz::TimeZone>,
) -> Result<Vec<Value<'static>>, ErrorResponse> {
    let formats = bind.parameter_formats.iter();
    if formats.len() > 1 && formats.len() != bind.count {
        return Err(protocol_violation(format!(
            "bind message has {} parameter formats but {} parameters",
            formats.len(),
            bind.count
        )));
    }
    if bind.count != types.len() {
        return Err(protocol_violation(format!(
            "bind message supplies {} parameters, but prepared statement \"{name}\" requires {}",
            bind.count,
            types.len()
        )));
    }
    let mut reader = bind.parameters.clone();
    let mut values = Vec::with_capacity(types.len());
    for (i, kind) in types.iter().enumerate() {
        let code = match formats.len() {
            0 => [0, 0],
            1 => bind.parameter_formats.get(0),
            _ => bind.parameter_formats.get(i),
        };
        let format = format_of(code)?;
        // Bind was checked as a whole when it was cut off the input.
        let bytes = protocol::parameter(&mut reader)
            .map_err(|_| protocol_violation("insufficient data left in message".into()))?;
        let value = match bytes {
            None => Value::Null,
            Some(bytes) => format::get(kind, format, bytes, zone)
                .map_err(|error| in_parameter(error, i))?
                .into_owned(),
        };
        values.push(value);
    }
    Ok(values)
}

/// PostgreSQL says which parameter it was.
fn in_parameter(error: ErrorResponse, i: usize) -> ErrorResponse {
    if error.code() == SqlState::INVALID_BINARY_REPRESENTATION {
        let number = i.saturating_add(1);
        return ErrorResponse::error(
            error.code(),
            format!("{} in bind parameter {number}", error.message()),
        );
    }
    error
}

fn format_of(code: [u8; 2]) -> Result<Format, ErrorResponse> {
    match i16::from_be_bytes(code) {
        0 => Ok(Format::Text),
        1 => Ok(Format::Binary),
        code => Err(ErrorResponse::error(
            SqlState::INVALID_PARAMETER_VALUE,
            format!("unsupported format code: {code}"),
        )),
    }
}

fn result_formats(
    codes: Array<'_, 2>,
    columns: Option<&[Column]>,
) -> Result<Formats, ErrorResponse> {
    let columns = columns.map_or(0, <[Column]>::len);
    match codes.iter().len() {
        0 => Ok(Formats::All(Format::Text)),
        1 => format_of(codes.get(0)).map(Formats::All),
        // What gives no rows takes any number.
        count if columns == 0 || count == columns => {
            let each: Result<Vec<Format>, _> = codes.iter().map(format_of).collect();
            Ok(Formats::Each(each?.into()))
        }
        count => Err(protocol_violation(format!(
            "bind message has {count} result formats but query has {columns} columns"
        ))),
    }
}
