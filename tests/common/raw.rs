//! A client by hand: bytes to the server, messages back, plain or under TLS.

use std::fmt::Write as _;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::{Certs, Server};

pub const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];
pub const GSSENC_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x30];

pub fn startup(settings: &[(&str, &str)]) -> Vec<u8> {
    let mut body = vec![0, 3, 0, 0];
    for (name, value) in settings {
        body.extend_from_slice(name.as_bytes());
        body.push(0);
        body.extend_from_slice(value.as_bytes());
        body.push(0);
    }
    body.push(0);
    let mut packet = u32::try_from(body.len() + 4)
        .unwrap()
        .to_be_bytes()
        .to_vec();
    packet.append(&mut body);
    packet
}

pub fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut message = vec![kind];
    message.extend_from_slice(&u32::try_from(body.len() + 4).unwrap().to_be_bytes());
    message.extend_from_slice(body);
    message
}

pub fn query(sql: &str) -> Vec<u8> {
    let mut body = sql.as_bytes().to_vec();
    body.push(0);
    message(b'Q', &body)
}

pub fn cancel(process_id: i32, key: &[u8]) -> Vec<u8> {
    let mut packet = u32::try_from(key.len() + 12)
        .unwrap()
        .to_be_bytes()
        .to_vec();
    packet.extend_from_slice(&80_877_102_u32.to_be_bytes());
    packet.extend_from_slice(&process_id.to_be_bytes());
    packet.extend_from_slice(key);
    packet
}

#[cfg(feature = "aws-lc-rs")]
pub fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

#[cfg(all(feature = "ring", not(feature = "aws-lc-rs")))]
pub fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// A client that trusts these certificates, offering `alpn`.
pub fn client_config(certs: &Certs, with_certificate: bool, alpn: &[&str]) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_file(certs.made.ca_cert()).unwrap())
        .unwrap();
    let builder = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    let mut config = if with_certificate {
        let chain = vec![CertificateDer::from_pem_file(certs.made.client_cert()).unwrap()];
        let key = PrivateKeyDer::from_pem_file(certs.made.client_key()).unwrap();
        builder.with_client_auth_cert(chain, key).unwrap()
    } else {
        builder.with_no_client_auth()
    };
    config.alpn_protocols = alpn.iter().map(|p| p.as_bytes().to_vec()).collect();
    config
}

pub trait Stream: Read + Write + Send {
    /// Says that no more will be sent.
    fn end(&mut self);
}

impl Stream for TcpStream {
    fn end(&mut self) {
        self.shutdown(Shutdown::Write).unwrap();
    }
}

#[cfg(unix)]
impl Stream for std::os::unix::net::UnixStream {
    fn end(&mut self) {
        self.shutdown(Shutdown::Write).unwrap();
    }
}

impl Stream for StreamOwned<ClientConnection, TcpStream> {
    fn end(&mut self) {
        self.conn.send_close_notify();
        self.flush().unwrap();
        self.sock.shutdown(Shutdown::Write).unwrap();
    }
}

/// A connection.
pub struct Raw(pub Box<dyn Stream>);

impl Raw {
    pub fn plain(server: &Server) -> Self {
        Self(Box::new(server.connect()))
    }

    /// By SSLRequest.
    pub fn tls(server: &Server, config: ClientConfig) -> Self {
        let mut socket = server.connect();
        socket.write_all(&SSL_REQUEST).unwrap();
        let mut answer = [0];
        socket.read_exact(&mut answer).unwrap();
        assert_eq!(answer, *b"S");
        Self::direct(socket, config)
    }

    pub fn direct(socket: TcpStream, config: ClientConfig) -> Self {
        let name = ServerName::try_from("localhost").unwrap();
        let client = ClientConnection::new(Arc::new(config), name).unwrap();
        Self(Box::new(StreamOwned::new(client, socket)))
    }

    pub fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).unwrap();
        self.0.flush().unwrap();
    }

    /// One message, or `None` at the end of the stream.
    pub fn message(&mut self) -> Option<(u8, Vec<u8>)> {
        let mut head = [0; 5];
        match self.0.read_exact(&mut head) {
            Ok(()) => {}
            Err(e) if e.kind() == ErrorKind::UnexpectedEof => return None,
            Err(e) => panic!("{e}"),
        }
        let [kind, length @ ..] = head;
        let mut body = vec![0; usize::try_from(u32::from_be_bytes(length)).unwrap() - 4];
        self.0.read_exact(&mut body).unwrap();
        Some((kind, body))
    }

    /// Messages up to ReadyForQuery or the end, in short: `T C(SELECT 1) Z(I)`, `E(28000: …) end`.
    pub fn story(&mut self) -> String {
        let mut story = String::new();
        loop {
            let Some((kind, body)) = self.message() else {
                story.push_str("end");
                return story;
            };
            let text = String::from_utf8_lossy(&body).into_owned();
            match kind {
                b'E' => {
                    let field = |kind: char| {
                        let of_kind = text.split('\0').find(|f| f.starts_with(kind));
                        of_kind.map(|f| f[1..].to_owned()).unwrap_or_default()
                    };
                    write!(story, "E({} {}: {}) ", field('S'), field('C'), field('M')).unwrap();
                }
                b'C' => write!(story, "C({}) ", text.trim_end_matches('\0')).unwrap(),
                b'Z' => {
                    write!(story, "Z({text})").unwrap();
                    return story;
                }
                b'S' | b'K' => {}
                kind => write!(story, "{} ", char::from(kind)).unwrap(),
            }
        }
    }

    /// Logs in and gives process id and cancel key.
    pub fn log_in(&mut self) -> (i32, Vec<u8>) {
        self.send(&startup(&[("user", "postgres")]));
        let mut key = None;
        loop {
            let (kind, body) = self.message().expect("the login to go on");
            match kind {
                b'K' => {
                    let (id, secret) = body.split_first_chunk().unwrap();
                    key = Some((i32::from_be_bytes(*id), secret.to_vec()));
                }
                b'Z' => return key.expect("BackendKeyData before ReadyForQuery"),
                b'R' | b'S' => {}
                other => panic!("{}: {}", char::from(other), String::from_utf8_lossy(&body)),
            }
        }
    }

    /// Says that no more will be sent.
    pub fn end(&mut self) {
        self.0.end();
    }

    pub fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        match self.0.read_to_end(&mut rest) {
            Ok(_) => {}
            Err(e) if e.kind() == ErrorKind::UnexpectedEof => {}
            Err(e) => panic!("{e}"),
        }
        rest
    }
}
