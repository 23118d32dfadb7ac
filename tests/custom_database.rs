//! The example of a database of one's own, over psql and a driver that speaks the extended
//! protocol, with TLS.
#![cfg(all(
    feature = "tokio",
    feature = "sqlite",
    feature = "certificates",
    any(feature = "aws-lc-rs", feature = "ring")
))]
#![allow(clippy::unwrap_used, reason = "tests fail on surprises")]

mod common;
#[allow(dead_code, reason = "its main is not for here")]
#[path = "../examples/custom_database.rs"]
mod custom_database;

use std::pin::pin;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt, TryStreamExt, future::join_all, stream::poll_fn};
use pgtls::{PgServerBuilder, SslMode};
use tokio_postgres::{AsyncMessage, Client, NoTls, SimpleQueryMessage};
use tokio_postgres_rustls::MakeRustlsConnect;

use common::raw::client_config;
use common::{Certs, PATIENCE, Server, psql};
use custom_database::KeyValues;

fn server(certs: &Certs) -> Server {
    let builder = PgServerBuilder::new().ssl_config(certs.made.ssl_config(SslMode::Require));
    Server::start(builder, KeyValues::default())
}

/// A client over TLS, and what it is told unasked.
async fn connect(
    server: &Server,
    certs: &Certs,
) -> (Client, tokio::sync::mpsc::UnboundedReceiver<AsyncMessage>) {
    let tls = MakeRustlsConnect::new(client_config(certs, false, &[]));
    let settings = format!(
        "host=localhost hostaddr=127.0.0.1 port={} user=me sslmode=require",
        server.port()
    );
    let (client, mut connection) = tokio_postgres::connect(&settings, tls).await.unwrap();
    let (tell, told) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        let mut messages = poll_fn(move |cx| connection.poll_message(cx));
        while let Some(Ok(message)) = messages.next().await {
            let _ = tell.send(message);
        }
    });
    (client, told)
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

#[test]
fn psql_speaks_a_language_of_its_own() {
    let certs = Certs::new();
    let server = server(&certs);
    let said = psql(
        &server,
        "user=me sslmode=require",
        &[
            "PUT colour 'sea green'; PUT shape round",
            "SCAN",
            "BEGIN; DELETE shape; ROLLBACK; GET shape",
            "SELECT 1",
            "SET application_name = 'x'",
            "SHOW application_name",
            "COPY TO STDOUT",
        ],
    );
    assert_eq!(
        said.out,
        "PUT 1\nPUT 1\ncolour|sea green\nshape|round\nBEGIN\nDELETE 1\nROLLBACK\nshape|round\nSET\nx\n\
         colour\tsea green\nshape\tround\n"
    );
    assert!(
        said.err
            .contains("ERROR:  syntax error at or near \"SELECT\""),
        "{}",
        said.err
    );
    assert!(said.err.contains("HINT:  Try PUT, GET"), "{}", said.err);
}

#[test]
fn a_driver_prepares_binds_and_pipelines() {
    let certs = Certs::new();
    let server = server(&certs);
    runtime().block_on(async {
        let (mut client, _told) = connect(&server, &certs).await;
        let put = client.prepare("PUT $1 $2").await.unwrap();
        // Without waiting for one before the next.
        let puts = (0..100).map(|n| {
            let (client, put) = (&client, &put);
            async move {
                client
                    .execute(put, &[&format!("k{n:02}"), &format!("v\u{fc}{n}")])
                    .await
            }
        });
        for count in join_all(puts).await {
            assert_eq!(count.unwrap(), 1);
        }
        let rows = client.query("SCAN $1", &[&"k1"]).await.unwrap();
        assert_eq!(rows.len(), 10);
        assert_eq!(rows[3].get::<_, &str>("value"), "v\u{fc}13");

        // A failure leaves the session as it was, a transaction rolls back.
        let error = client.query("GET $1", &[&None::<&str>]).await.unwrap_err();
        assert_eq!(error.code().unwrap().code(), "23502");
        let error = client.prepare("NONSENSE").await.unwrap_err();
        assert_eq!(error.code().unwrap().code(), "42601");
        let transaction = client.transaction().await.unwrap();
        transaction.execute("DELETE $1", &[&"k00"]).await.unwrap();
        assert!(
            transaction
                .query_opt("GET k00", &[])
                .await
                .unwrap()
                .is_none()
        );
        transaction.rollback().await.unwrap();
        assert!(client.query_opt("GET k00", &[]).await.unwrap().is_some());

        // A portal gives a few rows, and later the rest.
        let transaction = client.transaction().await.unwrap();
        let portal = transaction.bind("SCAN", &[]).await.unwrap();
        for expected in [40, 40, 20, 0] {
            let rows = transaction.query_portal(&portal, 40).await.unwrap();
            assert_eq!(rows.len(), expected);
        }
        transaction.query("GET k01", &[]).await.unwrap();
        transaction.commit().await.unwrap();
        assert_eq!(
            client
                .query_one("SHOW timezone", &[])
                .await
                .unwrap()
                .get::<_, &str>(0),
            "UTC"
        );
    });
}

#[test]
fn a_driver_copies_in_and_out() {
    let certs = Certs::new();
    let server = server(&certs);
    runtime().block_on(async {
        let (client, _told) = connect(&server, &certs).await;
        let mut sink = pin!(client.copy_in("COPY FROM STDIN").await.unwrap());
        for n in 0..1000 {
            let line = format!("key{n}\ta\\tb {n}\n");
            // Cut anywhere.
            let (head, tail) = line.split_at(line.len() / 2);
            sink.send(bytes::Bytes::from(head.to_owned()))
                .await
                .unwrap();
            sink.send(bytes::Bytes::from(tail.to_owned()))
                .await
                .unwrap();
        }
        assert_eq!(sink.finish().await.unwrap(), 1000);
        let row = client.query_one("GET key999", &[]).await.unwrap();
        assert_eq!(row.get::<_, &str>(1), "a\tb 999");

        let out = client.copy_out("COPY TO STDOUT").await.unwrap();
        let lines: Vec<bytes::Bytes> = out.try_collect().await.unwrap();
        assert_eq!(lines.len(), 1000);
        assert_eq!(lines[0], &b"key0\ta\\tb 0\n"[..]);

        // Given up half way, or wrong: nothing is kept, and the session goes on.
        let mut sink = Box::pin(
            client
                .copy_in::<_, bytes::Bytes>("COPY FROM STDIN")
                .await
                .unwrap(),
        );
        sink.send("never\tkept\n".into()).await.unwrap();
        drop(sink);
        assert!(client.query_opt("GET never", &[]).await.unwrap().is_none());
        let mut sink = pin!(
            client
                .copy_in::<_, bytes::Bytes>("COPY FROM STDIN")
                .await
                .unwrap()
        );
        let _ = sink.send("one column\n".into()).await;
        let error = sink.finish().await.unwrap_err();
        assert_eq!(error.code().unwrap().code(), "22P04");
        assert_eq!(client.query("SCAN key", &[]).await.unwrap().len(), 1000);
    });
}

#[test]
fn notifications_reach_a_client_that_waits() {
    let certs = Certs::new();
    let server = server(&certs);
    runtime().block_on(async {
        let (listener, mut told) = connect(&server, &certs).await;
        let (sender, _) = connect(&server, &certs).await;
        listener.batch_execute("LISTEN news").await.unwrap();
        sender.batch_execute("NOTIFY news, 'one'").await.unwrap();
        let heard = tokio::time::timeout(PATIENCE, told.recv()).await.unwrap();
        let Some(AsyncMessage::Notification(heard)) = heard else {
            panic!("{heard:?}");
        };
        assert_eq!((heard.channel(), heard.payload()), ("news", "one"));
        listener.batch_execute("UNLISTEN *").await.unwrap();
        sender.batch_execute("NOTIFY news, 'two'").await.unwrap();
        let silence = tokio::time::timeout(Duration::from_millis(100), told.recv()).await;
        assert!(silence.is_err(), "{silence:?}");
    });
}

#[test]
fn plain_clients_of_the_simple_protocol_work_too() {
    let server = Server::start(PgServerBuilder::new(), KeyValues::default());
    runtime().block_on(async {
        let settings = format!("host=127.0.0.1 port={} user=me", server.port());
        let (client, connection) = tokio_postgres::connect(&settings, NoTls).await.unwrap();
        tokio::spawn(connection);
        let messages = client.simple_query("PUT a b; SCAN").await.unwrap();
        let rows = messages
            .iter()
            .filter(|m| matches!(m, SimpleQueryMessage::Row(_)));
        assert_eq!(rows.count(), 1);
    });
}
