//! Servers over the traits of `std`, with a thread for each connection.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

use pgtls::Peer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::{ADMITTED, PIECE, Tell};

pub(super) fn on_threads(
    serve: impl Fn(TcpStream, Peer) + Clone + Send + 'static,
) -> impl FnOnce(Tell) -> io::Result<()> + Send + 'static {
    move |told| {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        told(listener.local_addr()?);
        loop {
            let (socket, peer) = listener.accept()?;
            let _ = socket.set_nodelay(true);
            let serve = serve.clone();
            std::thread::spawn(move || serve(socket, Peer::Tcp(peer)));
        }
    }
}

/// The same bytes as those of a login, whatever the client says.
pub(super) fn bare(mut socket: TcpStream, config: Arc<ServerConfig>) -> io::Result<()> {
    socket.read_exact(&mut [0; 8])?;
    socket.write_all(b"S")?;
    let tls = ServerConnection::new(config).map_err(io::Error::other)?;
    let mut stream = StreamOwned::new(tls, socket);
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let length = u32::from_be_bytes(length) as usize;
    let mut startup = vec![0; length.saturating_sub(4)];
    stream.read_exact(&mut startup)?;
    drop(startup);
    talk(&mut stream, ADMITTED)?;
    stream.conn.send_close_notify();
    stream.flush()
}

/// Greets, and obeys until the client leaves.
pub(super) fn talk(stream: &mut (impl Read + Write), greeting: &[u8]) -> io::Result<()> {
    stream.write_all(greeting)?;
    talk!(stream)
}
