//! Sessions over TLS that do nothing.

use std::time::Duration;

use crate::Result;
use crate::client::Clients;
use crate::process::Server;
use crate::server::{Certificates, Kind};

pub(crate) fn run(
    certificates: &Certificates,
    clients: &Clients,
    kinds: &[Kind],
    count: usize,
) -> Result<()> {
    println!("\n{count} idle sessions over TLS, from ReadyForQuery on\n");
    println!("| server | KiB each | of the first |");
    println!("| --- | --- | --- |");
    let mut bare = None;
    for kind in kinds {
        let server = Server::start(*kind, certificates, Duration::from_secs(60))?;
        for _ in 0..20 {
            clients.log_in(server.address)?.leave()?;
        }
        let before = server.memory()?;
        let mut sessions = Vec::with_capacity(count);
        for _ in 0..count {
            sessions.push(clients.log_in(server.address)?.into_socket());
        }
        std::thread::sleep(Duration::from_millis(200));
        let each = server.memory()?.saturating_sub(before) as f64 / 1024.0 / count as f64;
        let bare = *bare.get_or_insert(each);
        println!("| {} | {each:.1} | {:.2} |", kind.title(), each / bare);
    }
    Ok(())
}
