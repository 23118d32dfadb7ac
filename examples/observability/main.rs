//! What a server tells of itself: a Prometheus endpoint, and a line for each connection.
//!
//! `cargo run --example observability --features metrics`, then log in some times with
//! `psql "sslmode=require host=127.0.0.1 user=postgres"` and look at
//! `curl http://127.0.0.1:9187/metrics`.

mod scrape;

use std::error::Error;
use std::sync::Arc;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder};
use pgtls::runtimes::tokio::Serve;
use pgtls::{EmbeddedDatabase, PgServerBuilder};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt()
        .with_env_filter("pgtls=info")
        .init();
    // Login times in buckets, so that they can be added up over servers.
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(
            Matcher::Full("pgtls_login_seconds".into()),
            &[0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 10.0],
        )?
        .install_recorder()?;

    let server = PgServerBuilder::new()
        .ssl_test()
        .build(Arc::new(EmbeddedDatabase::new_in_memory()?))?;
    let listener = TcpListener::bind("127.0.0.1:9187").await?;
    println!("metrics at http://{}/metrics", listener.local_addr()?);
    tokio::spawn(scrape::serve(listener, handle, server.front_door().clone()));
    server.serve().await?;
    Ok(())
}
