//! COPY within a session: the client sends rows, or gets them (PostgreSQL docs, "COPY
//! Operations").

use crate::error_response::{ErrorResponse, SqlState};
use crate::server::copy::read::Decoder;
use crate::server::copy::{CopyFormat, CopyIn, CopyOut, write};
use crate::server::database::{DatabaseSession, Portal};
use crate::server::format::Format;
use crate::server::protocol::{self, Fault, Frontend};
use crate::server::rows::Rows;
use crate::server::session::Core;
use crate::server::session::run::Running;

/// The COPY that goes on.
#[derive(Debug)]
pub(super) enum Copy {
    In(Box<Decoder>),
    Out {
        format: CopyFormat,
        /// What stands before the first row, and in the same message, as PostgreSQL sends it.
        head: Vec<u8>,
    },
}

fn format_of(format: CopyFormat) -> Format {
    match format {
        CopyFormat::Binary => Format::Binary,
        CopyFormat::Text | CopyFormat::Csv => Format::Text,
    }
}

impl<S: DatabaseSession> Core<S> {
    pub(super) fn begin_copy_in(&mut self, copy: CopyIn) {
        let format = format_of(copy.options.format());
        protocol::put_copy_response(&mut self.out, b'G', format, copy.columns.len());
        self.copy = Some(Copy::In(Box::new(Decoder::new(copy, self.context.zone()))));
        // The client waits for it.
        self.flush = true;
    }

    pub(super) fn begin_copy_out(&mut self, copy: &CopyOut) {
        let format = copy.options.format();
        let count = copy.columns.len();
        protocol::put_copy_response(&mut self.out, b'H', format_of(format), count);
        let mut head = Vec::new();
        let put = |out: &mut Vec<u8>| write::head(out, &copy.options, &copy.columns);
        match format {
            CopyFormat::Binary => put(&mut head),
            // Names of columns are a row of their own.
            CopyFormat::Text | CopyFormat::Csv => protocol::put_copy_data(&mut self.out, put),
        }
        self.copy = Some(Copy::Out { format, head });
    }

    /// Sends rows, the first of them behind what stands before it.
    pub(super) fn put_rows(&mut self, mut rows: Rows) {
        if let Some(Copy::Out { head, .. }) = &mut self.copy
            && !head.is_empty()
            && !rows.is_empty()
        {
            let head = std::mem::take(head);
            let rest = rows.split_off(1);
            let first = std::mem::replace(&mut rows, rest).into_bytes();
            // A row's message begins with its type and its length.
            let row = first.get(5..).unwrap_or_default();
            // Of both together it must not become too long.
            let joined = row.len() < 1 << 30;
            protocol::put_copy_data(&mut self.out, |out| {
                out.extend_from_slice(&head);
                if joined {
                    out.extend_from_slice(row);
                }
            });
            if !joined {
                self.out.extend_from_slice(&first);
            }
        }
        let bytes = rows.into_bytes();
        if self.out.is_empty() {
            self.out = bytes;
        } else {
            self.out.extend_from_slice(&bytes);
        }
    }

    /// The statement is at its end.
    pub(super) fn end_copy(&mut self) {
        if let Some(Copy::Out { format, head }) = self.copy.take() {
            protocol::put_copy_data(&mut self.out, |out| {
                out.extend_from_slice(&head);
                write::tail(out, format);
            });
            protocol::put_bare(&mut self.out, b'c');
        }
    }

    pub(super) fn is_copying_in(&self) -> bool {
        matches!(self.copy, Some(Copy::In(_)))
    }

    /// Deals with a message that comes during COPY FROM STDIN. True: the client should have its
    /// answer at once.
    pub(super) async fn handle_copy(
        &mut self,
        kind: u8,
        message: Result<Frontend<'_>, Fault>,
    ) -> bool {
        let done = match message {
            Ok(Frontend::CopyData(data)) => self.copy_data(data).await,
            Ok(Frontend::CopyDone) => self.copy_done().await,
            Ok(Frontend::CopyFail(why)) => Err(ErrorResponse::error(
                SqlState::QUERY_CANCELED,
                format!("COPY from stdin failed: {}", String::from_utf8_lossy(why)),
            )),
            // Clients that pipeline may have sent them already.
            Ok(Frontend::Flush | Frontend::Sync) => return false,
            Ok(Frontend::Terminate) => {
                self.over = true;
                return true;
            }
            Err(fault @ Fault::Format(_, b'd' | b'c' | b'f' | b'H' | b'S' | b'X')) => {
                Err(fault.error())
            }
            Ok(_) | Err(_) => Err(ErrorResponse::fatal(
                SqlState::PROTOCOL_VIOLATION,
                format!("unexpected message type 0x{kind:02X} during COPY from stdin"),
            )),
        };
        match done {
            Ok(()) => false,
            Err(error) => self.fail(error).await,
        }
    }

    async fn copy_data(&mut self, data: &[u8]) -> Result<(), ErrorResponse> {
        // While it waited for the client, the engine had nothing to be interrupted in.
        self.take_interruption().map_or(Ok(()), Err)?;
        let Some(Copy::In(decoder)) = &mut self.copy else {
            return Ok(());
        };
        if decoder.feed(data)? {
            return self.hand_over().await;
        }
        Ok(())
    }

    async fn copy_done(&mut self) -> Result<(), ErrorResponse> {
        self.take_interruption().map_or(Ok(()), Err)?;
        if let Some(Copy::In(decoder)) = &mut self.copy {
            decoder.finish()?;
        }
        self.hand_over().await?;
        // What runs is pulled again, for its end.
        self.copy = None;
        Ok(())
    }

    async fn hand_over(&mut self) -> Result<(), ErrorResponse> {
        let Some(Copy::In(decoder)) = &mut self.copy else {
            return Ok(());
        };
        let rows = decoder.take_rows();
        if rows.is_empty() {
            return Ok(());
        }
        match &mut self.running {
            Running::Nothing => Ok(()),
            Running::Query(portal) => portal.copy_in(rows).await,
            Running::Execute(execute) => match self.portals.get_mut(execute.portal()) {
                Some(bound) => bound.engines.copy_in(rows).await,
                None => Ok(()),
            },
        }
    }
}
