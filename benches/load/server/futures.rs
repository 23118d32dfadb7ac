//! Servers over the traits of `futures-io`.

use std::future::Future;
use std::io;
use std::sync::Arc;

use futures_io::{AsyncRead, AsyncWrite};
use futures_lite::{AsyncReadExt, AsyncWriteExt};
use futures_rustls::TlsAcceptor;
use pgtls::Peer;
use rustls::ServerConfig;

use super::{ADMITTED, PIECE, Tell};

#[cfg(feature = "async-std")]
pub(super) fn on_async_std<F: Future<Output = ()> + Send + 'static>(
    serve: impl Fn(async_std::net::TcpStream, Peer) -> F + Send + 'static,
) -> impl FnOnce(Tell) -> io::Result<()> + Send + 'static {
    move |told| {
        async_std::task::block_on(async move {
            let listener = async_std::net::TcpListener::bind("127.0.0.1:0").await?;
            told(listener.local_addr()?);
            loop {
                let (socket, peer) = listener.accept().await?;
                let _ = socket.set_nodelay(true);
                async_std::task::spawn(serve(socket, Peer::Tcp(peer)));
            }
        })
    }
}

#[cfg(feature = "smol")]
pub(super) fn on_smol<F: Future<Output = ()> + Send + 'static>(
    serve: impl Fn(smol::net::TcpStream, Peer) -> F + Send + 'static,
) -> impl FnOnce(Tell) -> io::Result<()> + Send + 'static {
    move |told| {
        smol::block_on(async move {
            let listener = smol::net::TcpListener::bind("127.0.0.1:0").await?;
            told(listener.local_addr()?);
            loop {
                let (socket, peer) = listener.accept().await?;
                let _ = socket.set_nodelay(true);
                smol::spawn(serve(socket, Peer::Tcp(peer))).detach();
            }
        })
    }
}

/// The same bytes as those of a login, whatever the client says.
pub(super) async fn bare(
    mut socket: impl AsyncRead + AsyncWrite + Unpin,
    config: Arc<ServerConfig>,
) -> io::Result<()> {
    socket.read_exact(&mut [0; 8]).await?;
    socket.write_all(b"S").await?;
    let mut stream = TlsAcceptor::from(config).accept(socket).await?;
    let mut length = [0; 4];
    stream.read_exact(&mut length).await?;
    let length = u32::from_be_bytes(length) as usize;
    let mut startup = vec![0; length.saturating_sub(4)];
    stream.read_exact(&mut startup).await?;
    drop(startup);
    talk(&mut stream, ADMITTED).await
}

/// Greets, obeys until the client leaves, and says goodbye.
pub(super) async fn talk(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    greeting: &[u8],
) -> io::Result<()> {
    stream.write_all(greeting).await?;
    stream.flush().await?;
    obey(stream).await?;
    stream.close().await
}

async fn obey(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> io::Result<()> {
    talk!(stream.await)
}
