//! Before there is a TLS session: its ClientHello, and the configuration for it.

use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{Acceptor, ClientHello, UnbufferedServerConnection};
use rustls::{Error, PeerIncompatible, ServerConfig};

use super::records::{self, Missing};
use super::session::{describe, failed};
use crate::meters;

/// protocol_version (RFC 8446 §6.2).
const PROTOCOL_VERSION: u8 = 70;

/// Picks the configuration for a ClientHello.
pub(crate) trait Select {
    fn select(&self, hello: ClientHello<'_>) -> Result<Choice, Refusal>;
}

/// A configuration, and what verified the client certificates that its tickets carry.
#[derive(Clone)]
pub(crate) struct Choice {
    pub(crate) config: Arc<ServerConfig>,
    pub(crate) verifier: Option<Arc<dyn ClientCertVerifier>>,
    /// Whether client certificates can be verified, as far as is known.
    pub(crate) has_ca: bool,
    /// The certificate that it presents.
    pub(crate) leaf: Option<Arc<CertificateDer<'static>>>,
}

/// There is no configuration for a ClientHello.
pub(crate) struct Refusal {
    /// For the log.
    pub(crate) why: String,
    /// The description of the fatal alert (RFC 8446 §6).
    pub(crate) alert: u8,
}

/// A ClientHello that is coming. Until a record of it is whole, its bytes are all there is.
#[derive(Default)]
pub(super) struct Hello {
    seen: Vec<u8>,
    /// Reads `seen`, of which it had so much. The session reads it again: the reader's own
    /// connection brings buffers that nobody could take from it later.
    reader: Option<Box<(Acceptor, usize)>>,
}

/// A ClientHello that has an answer.
pub(super) struct Chosen {
    pub(super) connection: UnbufferedServerConnection,
    pub(super) choice: Choice,
    pub(super) sni: Option<String>,
    /// The ClientHello, for the connection to read, and what came with it.
    pub(super) wire: Vec<u8>,
}

impl Hello {
    /// Takes all of `wire`. An alert to be sent is put into `alert`.
    pub(super) fn receive(
        &mut self,
        wire: &[u8],
        select: &dyn Select,
        alert: &mut Vec<u8>,
    ) -> Result<Option<Chosen>, String> {
        self.seen.extend_from_slice(wire);
        if self.reader.is_none() && matches!(records::missing(&self.seen), Missing::Bytes(_)) {
            return Ok(None);
        }
        let (acceptor, had) = &mut **self.reader.get_or_insert_default();
        // It takes at most 4 KiB a call.
        while let Some(mut rest) = self.seen.get(*had..).filter(|rest| !rest.is_empty()) {
            let read = acceptor.read_tls(&mut rest).map_err(|e| e.to_string())?;
            if read == 0 {
                return Err("the ClientHello cannot be read".into());
            }
            *had = had.saturating_add(read);
            let accepted = match acceptor.accept() {
                Ok(None) => continue,
                Ok(Some(accepted)) => accepted,
                Err((
                    error @ Error::PeerIncompatible(
                        PeerIncompatible::SignatureAlgorithmsExtensionRequired,
                    ),
                    _,
                )) => {
                    // Only clients of before TLS 1.2 do without. They deserve the alert that says
                    // so.
                    put_alert(alert, PROTOCOL_VERSION);
                    return Err(describe(&error));
                }
                Err((error, mut its)) => {
                    let _ = its.write_all(alert);
                    return Err(failed(&error));
                }
            };
            let hello = accepted.client_hello();
            let sni = hello.server_name().map(str::to_owned);
            let choice = select.select(hello).map_err(|refusal| {
                put_alert(alert, refusal.alert);
                refusal.why
            })?;
            let connection = UnbufferedServerConnection::new(Arc::clone(&choice.config))
                .map_err(|error| failed(&error))?;
            return Ok(Some(Chosen {
                connection,
                choice,
                sni,
                wire: std::mem::take(&mut self.seen),
            }));
        }
        Ok(None)
    }
}

/// A record of type alert, two bytes long: fatal, and its description.
fn put_alert(out: &mut Vec<u8>, description: u8) {
    meters::alert_sent(description.into());
    out.extend_from_slice(&[21, 3, 3, 0, 2, 2, description]);
}
