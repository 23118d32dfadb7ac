//! Clients: honest ones, and ones that stop half-way.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::ServerName;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::Result;
use crate::server::{Certificates, PASSWORD, provider};

const SSL_REQUEST: &[u8] = &[0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];
/// AuthenticationCleartextPassword.
const CLEARTEXT: [u8; 4] = [0, 0, 0, 3];
const PATIENCE: Duration = Duration::from_secs(30);

/// What all clients share.
pub(crate) struct Clients {
    config: Arc<ClientConfig>,
    startup: Vec<u8>,
}

/// A client that is logged in.
pub(crate) struct Client(StreamOwned<ClientConnection, TcpStream>);

/// Where a client stops.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Stop {
    Silent,
    HalfSslRequest,
    AfterS,
    HalfClientHello,
    TlsWithoutStartup,
    LoginUnanswered,
}

impl Stop {
    pub(crate) const ALL: [Self; 6] = [
        Self::Silent,
        Self::HalfSslRequest,
        Self::AfterS,
        Self::HalfClientHello,
        Self::TlsWithoutStartup,
        Self::LoginUnanswered,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Silent => "silent",
            Self::HalfSslRequest => "half an SSLRequest",
            Self::AfterS => "after `S`",
            Self::HalfClientHello => "half a ClientHello",
            Self::TlsWithoutStartup => "TLS without startup",
            Self::LoginUnanswered => "login unanswered",
        }
    }
}

impl Clients {
    pub(crate) fn new(certificates: &Certificates) -> Result<Self> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(certificates.made.ca_cert())?)?;
        let mut config = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"postgresql".to_vec()];
        // As libpq: every login is a full handshake.
        config.resumption = rustls::client::Resumption::disabled();
        let mut startup = b"\0\0\0\0\0\x03\0\0user\0postgres\0database\0postgres\0\0".to_vec();
        let length = u32::try_from(startup.len())?;
        startup.splice(..4, length.to_be_bytes());
        Ok(Self {
            config: Arc::new(config),
            startup,
        })
    }

    fn connect(&self, server: SocketAddr, says: &[u8]) -> Result<TcpStream> {
        let mut socket = TcpStream::connect(server)?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        socket.write_all(says)?;
        Ok(socket)
    }

    fn connect_for_tls(&self, server: SocketAddr) -> Result<TcpStream> {
        let mut socket = self.connect(server, SSL_REQUEST)?;
        let mut answer = [0];
        socket.read_exact(&mut answer)?;
        if answer != *b"S" {
            return Err("no TLS".into());
        }
        Ok(socket)
    }

    fn tls(&self) -> Result<ClientConnection> {
        let name = ServerName::try_from("localhost")?;
        Ok(ClientConnection::new(Arc::clone(&self.config), name)?)
    }

    /// Logs in over TLS, up to ReadyForQuery.
    pub(crate) fn log_in(&self, server: SocketAddr) -> Result<Client> {
        let socket = self.connect_for_tls(server)?;
        let mut stream = StreamOwned::new(self.tls()?, socket);
        stream.write_all(&self.startup)?;
        let mut client = Client(stream);
        loop {
            match client.message()? {
                (b'Z', _) => return Ok(client),
                (b'E', _) => return Err("refused".into()),
                (b'R', question) if question == CLEARTEXT => {
                    let mut answer = b"p\0\0\0\0".to_vec();
                    answer.extend_from_slice(PASSWORD.as_bytes());
                    answer.push(0);
                    let length = u32::try_from(answer.len() - 1)?;
                    answer.splice(1..5, length.to_be_bytes());
                    client.0.write_all(&answer)?;
                }
                _ => {}
            }
        }
    }

    /// Goes so far and no further.
    pub(crate) fn stop(&self, server: SocketAddr, at: Stop) -> Result<TcpStream> {
        match at {
            Stop::Silent => self.connect(server, b""),
            Stop::HalfSslRequest => self.connect(server, &SSL_REQUEST[..4]),
            Stop::AfterS => self.connect_for_tls(server),
            Stop::HalfClientHello => {
                let mut socket = self.connect_for_tls(server)?;
                let mut hello = Vec::new();
                self.tls()?.write_tls(&mut hello)?;
                socket.write_all(&hello[..hello.len() / 2])?;
                Ok(socket)
            }
            Stop::TlsWithoutStartup => {
                let mut socket = self.connect_for_tls(server)?;
                let mut tls = self.tls()?;
                while tls.is_handshaking() {
                    tls.complete_io(&mut socket)?;
                }
                while tls.wants_write() {
                    tls.write_tls(&mut socket)?;
                }
                Ok(socket)
            }
            Stop::LoginUnanswered => {
                let socket = self.connect_for_tls(server)?;
                let mut stream = StreamOwned::new(self.tls()?, socket);
                stream.write_all(&self.startup)?;
                let mut client = Client(stream);
                match client.message()? {
                    (b'R', question) if question == CLEARTEXT => Ok(client.into_socket()),
                    other => Err(format!("no question: {other:?}").into()),
                }
            }
        }
    }
}

impl Client {
    /// One message: its type and its body.
    fn message(&mut self) -> Result<(u8, Vec<u8>)> {
        let mut head = [0; 5];
        self.0.read_exact(&mut head)?;
        let [kind, length @ ..] = head;
        let length = usize::try_from(u32::from_be_bytes(length))?;
        let mut body = vec![0; length.checked_sub(4).ok_or("bad length")?];
        self.0.read_exact(&mut body)?;
        Ok((kind, body))
    }

    /// Goes without a further word of TLS; the socket stays open.
    pub(crate) fn into_socket(self) -> TcpStream {
        self.0.sock
    }

    /// Terminate.
    pub(crate) fn leave(mut self) -> Result<()> {
        self.0.write_all(b"X\0\0\0\x04")?;
        Ok(())
    }

    /// Lets the server send so many MiB.
    pub(crate) fn download(&mut self, mib: usize, buffer: &mut [u8]) -> Result<()> {
        self.order(b'd', mib)?;
        let mut left = mib * 1024 * 1024;
        while left > 0 {
            match self.0.read(buffer)? {
                0 => return Err(io::Error::from(ErrorKind::UnexpectedEof).into()),
                n => left = left.checked_sub(n).ok_or("more than asked for")?,
            }
        }
        Ok(())
    }

    /// Sends a request, and reads up to ReadyForQuery: how many bytes came.
    pub(crate) fn ask(&mut self, request: &[u8], buffer: &mut [u8]) -> Result<usize> {
        self.0.write_all(request)?;
        self.0.flush()?;
        let (mut head, mut have, mut body, mut all) = ([0; 5], 0, 0, 0);
        loop {
            let n = match self.0.read(buffer)? {
                0 => return Err(io::Error::from(ErrorKind::UnexpectedEof).into()),
                n => n,
            };
            all += n;
            let mut rest = &buffer[..n];
            while !rest.is_empty() {
                let missing = rest.len().min(head.len() - have);
                if missing > 0 {
                    head[have..have + missing].copy_from_slice(&rest[..missing]);
                    (have, rest) = (have + missing, &rest[missing..]);
                    if have < head.len() {
                        break;
                    }
                    let [_, length @ ..] = head;
                    let length = usize::try_from(u32::from_be_bytes(length))?;
                    body = length.checked_sub(4).ok_or("bad length")?;
                }
                let now = rest.len().min(body);
                (body, rest) = (body - now, &rest[now..]);
                if body == 0 {
                    match head[0] {
                        b'E' => return Err("the query failed".into()),
                        b'Z' => return Ok(all),
                        _ => have = 0,
                    }
                }
            }
        }
    }

    /// Sends so many MiB.
    pub(crate) fn upload(&mut self, mib: usize, buffer: &[u8]) -> Result<()> {
        self.order(b'u', mib)?;
        let mut left = mib * 1024 * 1024;
        while left > 0 {
            let piece = &buffer[..left.min(buffer.len())];
            self.0.write_all(piece)?;
            left -= piece.len();
        }
        self.0.flush()?;
        self.0.read_exact(&mut [0])?;
        Ok(())
    }

    fn order(&mut self, kind: u8, mib: usize) -> Result<()> {
        let [a, b, c, d] = u32::try_from(mib)?.to_be_bytes();
        self.0.write_all(&[kind, a, b, c, d])?;
        Ok(())
    }
}

fn message(kind: u8, parts: &[&[u8]]) -> Result<Vec<u8>> {
    let body = parts.concat();
    let length = u32::try_from(body.len() + 4)?.to_be_bytes();
    Ok([&[kind], &length[..], &body].concat())
}

/// A simple query.
pub(crate) fn simple(sql: &str) -> Result<Vec<u8>> {
    message(b'Q', &[sql.as_bytes(), b"\0"])
}

/// A query through the extended protocol, all of its results in binary format.
pub(crate) fn binary(sql: &str) -> Result<Vec<u8>> {
    Ok([
        message(b'P', &[b"\0", sql.as_bytes(), b"\0\0\0"])?,
        message(b'B', &[b"\0\0\0\0\0\0\0\x01\0\x01"])?,
        message(b'E', &[b"\0\0\0\0\0"])?,
        message(b'S', &[])?,
    ]
    .concat())
}

/// Whether the server has closed it.
pub(crate) fn is_closed(socket: &TcpStream) -> bool {
    let _ = socket.set_nonblocking(true);
    loop {
        match (&*socket).read(&mut [0; 4096]) {
            Ok(0) => return true,
            // A ticket, or a question.
            Ok(_) => {}
            Err(e) => return e.kind() != ErrorKind::WouldBlock,
        }
    }
}
