//! Clients of tokio-postgres, and answers in short.

use pgtls::PgServerBuilder;
use tokio_postgres::{Client, NoTls, SimpleQueryMessage};

use super::{Server, embedded};

/// Runs a test with a client.
pub fn with_client<F: Future<Output = ()>>(server: &Server, test: impl FnOnce(Client) -> F) {
    with_clients(server, async |[client]: [Client; 1]| test(client).await);
}

/// Runs a test with several clients of one server.
pub fn with_clients<const N: usize>(server: &Server, test: impl AsyncFnOnce([Client; N])) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let config = format!("host=127.0.0.1 port={} user=postgres", server.port());
        let mut connections = Vec::new();
        let mut clients = Vec::new();
        for _ in 0..N {
            let (client, connection) = tokio_postgres::connect(&config, NoTls).await.unwrap();
            connections.push(tokio::spawn(connection));
            clients.push(client);
        }
        test(clients.try_into().unwrap()).await;
        for connection in connections {
            connection.await.unwrap().unwrap();
        }
    });
}

/// All rows, `a|b;c|d`, or the SQLSTATE.
pub async fn answer(client: &Client, sql: &str) -> String {
    let messages = match client.simple_query(sql).await {
        Ok(messages) => messages,
        Err(error) => return error.code().unwrap().code().to_owned(),
    };
    let rows: Vec<String> = messages
        .iter()
        .filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => {
                let values: Vec<&str> = (0..row.len()).map(|i| row.get(i).unwrap_or("∅")).collect();
                Some(values.join("|"))
            }
            _ => None,
        })
        .collect();
    rows.join(";")
}

pub async fn check(client: &Client, cases: &[(&str, &str)]) {
    let mut wrong = Vec::new();
    for (sql, expected) in cases {
        let got = answer(client, sql).await;
        if got != *expected {
            wrong.push(format!("{sql}\n     got {got}\nexpected {expected}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A server without TLS and login, with a database of its own.
pub fn plain() -> Server {
    Server::start(PgServerBuilder::new(), embedded())
}

/// Checks on such a server.
pub fn on_empty(cases: &[(&str, &str)]) {
    with_client(&plain(), async |client| check(&client, cases).await);
}
