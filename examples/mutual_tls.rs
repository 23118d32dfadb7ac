//! Mutual TLS in a minute: a CA, a server that lets in whoever's certificate names them, clients.
//!
//! `cargo run --example mutual_tls` makes everything in ./certs/mutual, says which psql lines to
//! try, and serves until Ctrl-C.

use std::error::Error;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use clap::Parser;
use pgtls::runtimes::tokio::Serve;
use pgtls::{
    AuthMethod, CertificateManager, EmbeddedDatabase, PgServerBuilder, SslConfig, SslMode,
};

#[derive(Parser)]
#[command(about = "Mutual TLS in a minute")]
struct Args {
    /// Where to listen; port 0 lets the system choose
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:5432")]
    listen: SocketAddr,
}

fn main() -> Result<(), Box<dyn Error>> {
    let args = Args::parse();
    let place = Path::new("certs/mutual");
    make_certificates(place)?;

    // VerifyFull: the certificate must be of our CA, and the name in it must be the user's.
    let ssl_config = SslConfig::new(
        SslMode::VerifyFull,
        place.join("server.crt"),
        place.join("server.key"),
    )
    .with_ca_cert(place.join("ca.crt"))
    .with_crl_file(place.join("ca.crl"));
    let server = PgServerBuilder::new()
        .address(args.listen)
        // The certificate is the proof; nothing more is asked.
        .auth_method(AuthMethod::Cert)
        .ssl_config(ssl_config)
        .build(Arc::new(EmbeddedDatabase::new_in_memory()?))?;
    let listeners = server.bind()?;
    print_lines(place, listeners.local_addr()?);

    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(server.serve_on(listeners, async {
            // Should it fail there is no way to hear Ctrl-C; then the server stops at once.
            let _ = tokio::signal::ctrl_c().await;
        }))?;
    Ok(())
}

/// A CA, a certificate for the server, one for the user postgres, and one for joe, who has left.
/// What is there already is taken as it is.
fn make_certificates(place: &Path) -> Result<(), Box<dyn Error>> {
    let path = |name: &str| place.join(name);
    let ca = if path("ca.crt").exists() {
        CertificateManager::open_ca(path("ca.crt"), path("ca.key"))?
    } else {
        CertificateManager::create_ca(path("ca.crt"), path("ca.key"), "mutual TLS CA")?
    };
    if !path("server.crt").exists() {
        let names = ["localhost", "127.0.0.1", "::1"];
        ca.issue_server(path("server.crt"), path("server.key"), &names)?;
    }
    for user in ["postgres", "joe"] {
        let (certificate, key) = (path(&format!("{user}.crt")), path(&format!("{user}.key")));
        if !certificate.exists() {
            ca.issue_client(&certificate, key, user)?;
        }
    }
    // A list is good for 30 days, so it is renewed each time.
    ca.revoke(path("ca.crl"), &[path("joe.crt")])?;
    CertificateManager::verify_cert_files(path("server.crt"), path("server.key"))?;
    Ok(())
}

fn print_lines(place: &Path, address: SocketAddr) {
    let place = place.display();
    let (host, port) = (address.ip(), address.port());
    let to = format!("sslmode=verify-full sslrootcert={place}/ca.crt host={host} port={port}");
    let of = |user: &str| format!("sslcert={place}/{user}.crt sslkey={place}/{user}.key");
    println!("certificates are in {place}; listening on {address}");
    println!("the user of the certificate -> gets in");
    println!(
        "  psql \"{to} user=postgres {}\" -c 'select 1+1'",
        of("postgres")
    );
    println!("somebody else with it -> certificate authentication failed for user \"joe\"");
    println!("  psql \"{to} user=joe {}\" -c 'select 1'", of("postgres"));
    println!("no certificate -> connection requires a valid client certificate");
    println!("  psql \"{to} user=postgres sslcert=none\" -c 'select 1'");
    println!("a certificate that was revoked -> certificate revoked");
    println!("  psql \"{to} user=joe {}\" -c 'select 1'", of("joe"));
    println!("stop with Ctrl-C");
}
