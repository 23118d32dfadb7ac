//! What `accept` gives, on each runtime: a stream with the runtime's own traits.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread::JoinHandle;

use crate::common::raw::{self, Raw, SSL_REQUEST, startup};
use crate::common::{Certs, PATIENCE};
use pgtls::{FrontDoor, SslMode};

/// Bytes in bulk, that are not the same everywhere.
fn bulk() -> Vec<u8> {
    (0..1_u32 << 20).map(|i| (i % 251) as u8).collect()
}

/// So that what is sent in bulk has to be taken before all of it is sent.
fn small_buffers(socket: &TcpStream) {
    let socket = socket2::SockRef::from(socket);
    socket.set_recv_buffer_size(64 * 1024).unwrap();
    socket.set_send_buffer_size(64 * 1024).unwrap();
}

const READY: &[u8] = b"Z\0\0\0\x05I";

/// A server for one connection, in a thread: what it returns is what it read.
struct One {
    address: SocketAddr,
    thread: JoinHandle<Vec<u8>>,
}

impl One {
    fn start(
        door: FrontDoor,
        serve: impl FnOnce(TcpStream, FrontDoor) -> Vec<u8> + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let thread = std::thread::spawn(move || {
            let socket = listener.accept().unwrap().0;
            small_buffers(&socket);
            serve(socket, door)
        });
        Self { address, thread }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        small_buffers(&stream);
        stream
    }

    /// Connects, with or without TLS, and logs in up to AuthenticationOk.
    fn client(&self, certs: Option<&Certs>) -> Raw {
        let mut socket = self.connect();
        let mut client = match certs {
            None => Raw(Box::new(socket)),
            Some(certs) => {
                socket.write_all(&SSL_REQUEST).unwrap();
                let mut answer = [0];
                socket.read_exact(&mut answer).unwrap();
                assert_eq!(answer, *b"S");
                Raw::direct(socket, raw::client_config(certs, false, &[]))
            }
        };
        client.send(&startup(&[("user", "alice")]));
        assert_eq!(client.message(), Some((b'R', vec![0; 4])));
        client
    }
}

/// The server's side of [`shut_down_is_honest`], the same text for every async runtime.
#[cfg(any(feature = "tokio", feature = "async-std", feature = "smol"))]
macro_rules! talk {
    ($socket:expr, $door:expr, $runtime:ident, $close:expr) => {{
        use pgtls::runtimes::{Accepted, $runtime};
        let Accepted::Session(mut stream) = $runtime::accept($socket, &$door).await else {
            panic!("not admitted");
        };
        assert_eq!(stream.login().user(), b"alice");
        let (one, two) = READY.split_at(3);
        let slices = [std::io::IoSlice::new(one), std::io::IoSlice::new(two)];
        assert_eq!(stream.write_vectored(&slices).await.unwrap(), READY.len());
        stream.flush().await.unwrap();
        stream.write_all(&bulk()).await.unwrap();
        $close(&mut stream).await.unwrap();
        assert!(stream.write_all(b"more").await.is_err(), "it is closed");
        let mut heard = Vec::new();
        stream.read_to_end(&mut heard).await.unwrap();
        heard
    }};
}

#[cfg(any(feature = "async-std", feature = "smol"))]
async fn close(stream: &mut (impl futures_io::AsyncWrite + Unpin)) -> std::io::Result<()> {
    std::future::poll_fn(|cx| std::pin::Pin::new(&mut *stream).poll_close(cx)).await
}

#[cfg(feature = "tokio")]
fn on_tokio<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}

/// Sends in bulk and says that this is all; the client sees a clean end, answers, and is heard.
fn shut_down_is_honest(serve: impl Fn(TcpStream, FrontDoor) -> Vec<u8> + Send + Copy + 'static) {
    let certs = Certs::new();
    let door = FrontDoor::new(certs.made.ssl_config(SslMode::Prefer)).unwrap();
    for tls in [None, Some(&certs)] {
        let one = One::start(door.clone(), serve);
        let mut client = one.client(tls);
        assert_eq!(client.message(), Some((b'Z', b"I".to_vec())));
        let mut received = Vec::new();
        // A stream that was cut would be an error here.
        client.0.read_to_end(&mut received).unwrap();
        assert!(received == bulk());
        client.send(&bulk());
        client.send(b"late words");
        client.end();
        let mut expected = bulk();
        expected.extend(b"late words");
        assert!(one.thread.join().unwrap() == expected);
    }
    assert_eq!(door.sessions(), 0);
}

#[cfg(feature = "tokio")]
#[test]
fn shut_down_is_honest_on_tokio() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    shut_down_is_honest(|socket, door| {
        on_tokio(async {
            socket.set_nonblocking(true).unwrap();
            let socket = tokio::net::TcpStream::from_std(socket).unwrap();
            talk!(socket, door, tokio, AsyncWriteExt::shutdown)
        })
    });
}

#[cfg(feature = "async-std")]
#[test]
fn shut_down_is_honest_on_async_std() {
    use async_std::io::{ReadExt, WriteExt};
    shut_down_is_honest(|socket, door| {
        async_std::task::block_on(async {
            let socket = async_std::net::TcpStream::from(socket);
            talk!(socket, door, async_std, close)
        })
    });
}

#[cfg(feature = "smol")]
#[test]
fn shut_down_is_honest_on_smol() {
    use smol::io::{AsyncReadExt, AsyncWriteExt};
    shut_down_is_honest(|socket, door| {
        smol::block_on(async {
            let socket = smol::net::TcpStream::try_from(socket).unwrap();
            talk!(socket, door, smol, close)
        })
    });
}

#[cfg(feature = "blocking")]
#[test]
fn shut_down_is_honest_on_threads() {
    use pgtls::runtimes::{Accepted, blocking};
    shut_down_is_honest(|socket, door| {
        let Accepted::Session(mut stream) = blocking::accept(socket, &door) else {
            panic!("not admitted");
        };
        assert_eq!(stream.get_ref().read_timeout().unwrap(), None);
        let (one, two) = READY.split_at(3);
        let slices = [std::io::IoSlice::new(one), std::io::IoSlice::new(two)];
        assert_eq!(stream.write_vectored(&slices).unwrap(), READY.len());
        stream.flush().unwrap();
        stream.write_all(&bulk()).unwrap();
        stream.flush().unwrap();
        stream.shutdown().unwrap();
        assert!(stream.write_all(b"more").is_err(), "it is closed");
        let mut heard = Vec::new();
        stream.read_to_end(&mut heard).unwrap();
        heard
    });
}

/// The client sends all before it reads anything: the server can write no more, and must read on;
/// when the client reads at last, the server must notice that it can write.
fn halves_do_not_wait_for_each_other(
    serve: impl Fn(TcpStream, FrontDoor) -> Vec<u8> + Send + Copy + 'static,
) {
    let certs = Certs::new();
    let door = FrontDoor::new(certs.made.ssl_config(SslMode::Prefer)).unwrap();
    for tls in [None, Some(&certs)] {
        let one = One::start(door.clone(), serve);
        let mut client = one.client(tls);
        for _ in 0..4 {
            client.send(&bulk());
        }
        let mut received = vec![0; bulk().len() * 4];
        client.0.read_exact(&mut received).unwrap();
        assert!(received == bulk().repeat(4));
        client.end();
        assert!(one.thread.join().unwrap() == bulk().repeat(4));
    }
    assert_eq!(door.sessions(), 0);
}

#[cfg(feature = "tokio")]
#[test]
fn halves_do_not_wait_for_each_other_on_tokio() {
    use pgtls::runtimes::{Accepted, tokio::accept};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    halves_do_not_wait_for_each_other(|socket, door| {
        on_tokio(async {
            socket.set_nonblocking(true).unwrap();
            let socket = tokio::net::TcpStream::from_std(socket).unwrap();
            let Accepted::Session(stream) = accept(socket, &door).await else {
                panic!("not admitted");
            };
            let (mut read, mut write) = tokio::io::split(stream);
            let writing = tokio::spawn(async move {
                write.write_all(&bulk().repeat(4)).await.unwrap();
                write.flush().await.unwrap();
            });
            let mut heard = Vec::new();
            read.read_to_end(&mut heard).await.unwrap();
            writing.await.unwrap();
            heard
        })
    });
}

/// Two tasks with one stream of `futures-io`.
#[cfg(any(feature = "async-std", feature = "smol"))]
async fn read_beside_a_task_that_writes<S, W>(
    stream: S,
    spawn: impl FnOnce(std::pin::Pin<Box<dyn Future<Output = ()> + Send>>) -> W,
) -> Vec<u8>
where
    S: futures_io::AsyncRead + futures_io::AsyncWrite + Unpin + Send + 'static,
    W: Future,
{
    use std::pin::Pin;
    use std::sync::{Arc, Mutex};
    use std::task::Poll;

    let stream = Arc::new(Mutex::new(stream));
    let for_writing = Arc::clone(&stream);
    let writing = spawn(Box::pin(async move {
        let all = bulk().repeat(4);
        let mut left = all.as_slice();
        std::future::poll_fn(|cx| {
            let mut stream = for_writing.lock().unwrap();
            while !left.is_empty() {
                match Pin::new(&mut *stream).poll_write(cx, left) {
                    Poll::Ready(n) => left = &left[n.unwrap()..],
                    Poll::Pending => return Poll::Pending,
                }
            }
            Pin::new(&mut *stream).poll_flush(cx)
        })
        .await
        .unwrap();
    }));
    let (mut heard, mut buffer) = (Vec::new(), vec![0; 64 * 1024]);
    loop {
        let read = std::future::poll_fn(|cx| {
            Pin::new(&mut *stream.lock().unwrap()).poll_read(cx, &mut buffer)
        });
        match read.await.unwrap() {
            0 => break,
            n => heard.extend_from_slice(&buffer[..n]),
        }
    }
    writing.await;
    heard
}

#[cfg(feature = "async-std")]
#[test]
fn halves_do_not_wait_for_each_other_on_async_std() {
    use pgtls::runtimes::{Accepted, async_std::accept};
    halves_do_not_wait_for_each_other(|socket, door| {
        async_std::task::block_on(async {
            let socket = async_std::net::TcpStream::from(socket);
            let Accepted::Session(stream) = accept(socket, &door).await else {
                panic!("not admitted");
            };
            read_beside_a_task_that_writes(stream, async_std::task::spawn).await
        })
    });
}

#[cfg(feature = "smol")]
#[test]
fn halves_do_not_wait_for_each_other_on_smol() {
    use pgtls::runtimes::{Accepted, smol::accept};
    halves_do_not_wait_for_each_other(|socket, door| {
        smol::block_on(async {
            let socket = smol::net::TcpStream::try_from(socket).unwrap();
            let Accepted::Session(stream) = accept(socket, &door).await else {
                panic!("not admitted");
            };
            read_beside_a_task_that_writes(stream, smol::spawn).await
        })
    });
}

#[cfg(feature = "blocking")]
#[test]
fn a_stream_gives_back_its_socket() {
    use pgtls::runtimes::{Accepted, blocking};
    let one = One::start(FrontDoor::plain(), |socket, door| {
        let Accepted::Session(stream) = blocking::accept(socket, &door) else {
            panic!("not admitted");
        };
        let mut parts = stream.into_parts();
        assert_eq!(door.sessions(), 1, "it counts while its session is there");
        while parts.session.wants_transmit() {
            parts.session.transmit(&mut parts.transport).unwrap();
        }
        let mut heard = Vec::new();
        let mut buffer = [0; 100];
        while let Ok(n @ 1..) = parts.session.read(&mut buffer) {
            heard.extend_from_slice(&buffer[..n]);
        }
        heard.append(&mut parts.unread);
        // The socket alone from here.
        parts.transport.write_all(READY).unwrap();
        parts.transport.read_to_end(&mut heard).unwrap();
        drop(parts);
        assert_eq!(door.sessions(), 0);
        heard
    });
    let mut socket = one.connect();
    let mut bytes = startup(&[("user", "alice")]);
    bytes.extend(b"early words, ");
    socket.write_all(&bytes).unwrap();
    let mut client = Raw(Box::new(socket));
    assert_eq!(client.message(), Some((b'R', vec![0; 4])));
    assert_eq!(client.message(), Some((b'Z', b"I".to_vec())));
    client.send(b"late words");
    client.end();
    assert_eq!(one.thread.join().unwrap(), b"early words, late words");
}
