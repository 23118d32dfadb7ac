//! A server of one's own behind the door, by hand: threads, a plain read loop, and messages put
//! together from bytes. It answers every query with its own text.
//!
//! `cargo run --example bare_loop`, then `psql "host=127.0.0.1 user=me" -c "hello"`.

use std::error::Error;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use pgtls::runtimes::Accepted;
use pgtls::runtimes::blocking::{Stream, accept_from};
use pgtls::{CertificateManager, FrontDoor, Peer, SslMode};

/// Longer queries are not taken.
const MAX_MESSAGE: usize = 1 << 20;

fn main() -> Result<(), Box<dyn Error>> {
    let certificates = CertificateManager::setup_test_certs()?;
    let door = FrontDoor::new(certificates.ssl_config(SslMode::Prefer))?.max_sessions(100);
    let address = std::env::args().nth(1);
    let listener = TcpListener::bind(address.as_deref().unwrap_or("127.0.0.1:5432"))?;
    println!("listening on {}", listener.local_addr()?);
    loop {
        // What goes wrong with one connection is no reason to end.
        let Ok((socket, peer)) = listener.accept() else {
            continue;
        };
        let door = door.clone();
        thread::spawn(move || {
            if let Accepted::Session(stream) = accept_from(socket, Peer::Tcp(peer), &door) {
                let user = stream.login().user_str().unwrap_or("?").to_owned();
                match serve(stream) {
                    Ok(()) => println!("{user} has left"),
                    Err(error) => println!("{user} was lost: {error}"),
                }
            }
        });
    }
}

/// AuthenticationOk is on its way; all that follows is ours.
fn serve(mut stream: Stream<TcpStream>) -> io::Result<()> {
    let mut out = Vec::new();
    put(&mut out, b'S', b"client_encoding\0UTF8\0");
    put(&mut out, b'Z', b"I");
    loop {
        stream.write_all(&out)?;
        stream.flush()?;
        out.clear();
        let mut head = [0; 5];
        match stream.read_exact(&mut head) {
            Err(e) if e.kind() == ErrorKind::UnexpectedEof => return Ok(()),
            other => other?,
        }
        let [kind, length @ ..] = head;
        let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
        if !(4..=MAX_MESSAGE).contains(&length) {
            return Err(ErrorKind::InvalidData.into());
        }
        let mut body = vec![0; length - 4];
        stream.read_exact(&mut body)?;
        match kind {
            b'Q' => answer(&mut out, body.strip_suffix(b"\0").unwrap_or(&body)),
            // Terminate: close_notify under TLS, then the end of the transport.
            b'X' => return stream.shutdown(),
            _ => {
                put(
                    &mut out,
                    b'E',
                    b"SERROR\0VERROR\0C0A000\0Monly simple queries\0\0",
                );
                put(&mut out, b'Z', b"I");
            }
        }
    }
}

/// One row with one column, which says what was asked.
fn answer(out: &mut Vec<u8>, text: &[u8]) {
    // One column of type text, in text format (PostgreSQL docs, "Message Formats").
    put(
        out,
        b'T',
        b"\0\x01echo\0\0\0\0\0\0\0\0\0\0\x19\xff\xff\xff\xff\xff\xff\0\0",
    );
    let mut row = vec![0, 1];
    row.extend_from_slice(&u32::try_from(text.len()).unwrap_or_default().to_be_bytes());
    row.extend_from_slice(text);
    put(out, b'D', &row);
    put(out, b'C', b"SELECT 1\0");
    put(out, b'Z', b"I");
}

fn put(out: &mut Vec<u8>, kind: u8, body: &[u8]) {
    out.push(kind);
    let length = u32::try_from(body.len() + 4).unwrap_or_default();
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(body);
}
