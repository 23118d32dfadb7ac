//! Hands connections that are through the door to pgwire's query layer.
//!
//! `cargo run` in this directory, then `psql "host=127.0.0.1 user=me sslmode=require" -c "hello"`.
//! Every query is answered with its own text.

use std::error::Error;
use std::fmt::Debug;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use async_trait::async_trait;
use futures::{Sink, SinkExt, stream};
use pgtls::runtimes::Accepted;
use pgtls::runtimes::tokio::{Stream, accept_from};
use pgtls::server::check_message;
use pgtls::{CertificateManager, FrontDoor, Peer, SslMode};
use pgwire::api::query::SimpleQueryHandler;
use pgwire::api::results::{DataRowEncoder, FieldFormat, FieldInfo, QueryResponse, Response};
use pgwire::api::{
    ClientInfo, ClientPortalStore, DefaultClient, NoopHandler, PgWireConnectionState, Type,
};
use pgwire::error::{PgWireError, PgWireResult};
use pgwire::messages::PgWireBackendMessage;
use pgwire::messages::response::{ReadyForQuery, TransactionStatus};
use pgwire::messages::startup::ParameterStatus;
use pgwire::tokio::server::{PgWireMessageServerCodec, process_error, process_message};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::bytes::BytesMut;
use tokio_util::codec::{Decoder, Framed};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let certificates = CertificateManager::setup_test_certs()?;
    let door = FrontDoor::new(certificates.ssl_config(SslMode::Prefer))?.max_sessions(100);
    let address = std::env::args().nth(1);
    let listener = TcpListener::bind(address.as_deref().unwrap_or("127.0.0.1:5432")).await?;
    println!("listening on {}", listener.local_addr()?);
    loop {
        // What goes wrong with one connection is no reason to end.
        let Ok((socket, peer)) = listener.accept().await else {
            continue;
        };
        let door = door.clone();
        tokio::spawn(async move {
            if let Accepted::Session(stream) = accept_from(socket, Peer::Tcp(peer), &door).await
                && let Err(error) = serve(stream, peer).await
            {
                println!("{peer} was lost: {error}");
            }
        });
    }
}

/// AuthenticationOk is on its way; pgwire takes over where it is ready for queries.
async fn serve(stream: Stream<TcpStream>, peer: SocketAddr) -> io::Result<()> {
    let mut client = DefaultClient::new(peer, stream.login().tls().is_some());
    for (name, value) in [
        ("user", stream.login().user()),
        ("database", stream.login().database()),
    ] {
        let value = String::from_utf8_lossy(value).into_owned();
        client.metadata_mut().insert(name.into(), value);
    }
    client.set_state(PgWireConnectionState::ReadyForQuery);
    let mut framed = Framed::new(stream, PgWireMessageServerCodec::new(client));
    for (name, value) in [("server_version", "16.0"), ("client_encoding", "UTF8")] {
        let status = ParameterStatus::new(name.into(), value.into());
        framed
            .feed(PgWireBackendMessage::ParameterStatus(status))
            .await?;
    }
    let ready = ReadyForQuery::new(TransactionStatus::Idle);
    framed
        .send(PgWireBackendMessage::ReadyForQuery(ready))
        .await?;

    let (echo, nothing) = (Arc::new(Echo), Arc::new(NoopHandler));
    let mut input = BytesMut::new();
    loop {
        // Each message is judged whole, by its length and to its last byte, before it is decoded.
        let length = match check_message(&input) {
            Ok(Some(length)) => length,
            Ok(None) => {
                if framed.get_mut().read_buf(&mut input).await? == 0 {
                    return Ok(());
                }
                continue;
            }
            Err(error) => {
                let mut farewell = Vec::new();
                error.put(&mut farewell);
                framed.get_mut().write_all(&farewell).await?;
                return framed.get_mut().shutdown().await;
            }
        };
        let mut message = input.split_to(length);
        if message.first() == Some(&b'X') {
            // close_notify under TLS, then the end of the transport.
            return framed.get_mut().shutdown().await;
        }
        let Some(message) = framed.codec_mut().decode(&mut message)? else {
            continue;
        };
        let extended = message.is_extended_query();
        let done = process_message(
            message,
            &mut framed,
            Arc::clone(&nothing),
            Arc::clone(&echo),
            Arc::clone(&nothing),
            Arc::clone(&nothing),
            Arc::clone(&nothing),
        );
        if let Err(error) = done.await {
            process_error(&mut framed, error, extended).await?;
        }
    }
}

/// A handler as pgwire has them.
struct Echo;

#[async_trait]
impl SimpleQueryHandler for Echo {
    async fn do_query<C>(&self, _: &mut C, query: &str) -> PgWireResult<Vec<Response>>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        let field = FieldInfo::new("echo".into(), None, None, Type::TEXT, FieldFormat::Text);
        let columns = Arc::new(vec![field]);
        let mut row = DataRowEncoder::new(Arc::clone(&columns));
        row.encode_field(&query)?;
        let rows = stream::iter([Ok(row.take_row())]);
        Ok(vec![Response::Query(QueryResponse::new(columns, rows))])
    }
}
