//! CPU time of a login, and of bytes: pgtls on each runtime beside a bare server, in turns.

use std::time::Duration;

use crate::Result;
use crate::client::Clients;
use crate::process::Server;
use crate::server::{Certificates, Kind};

/// What one server used in each round, in µs a login or ms a GB.
#[derive(Default)]
struct Used {
    login: Vec<f64>,
    down: Vec<f64>,
    up: Vec<f64>,
}

pub(crate) fn run(
    certificates: &Certificates,
    clients: &Clients,
    kinds: &[Kind],
    rounds: usize,
    logins: usize,
    mib: usize,
) -> Result<()> {
    println!(
        "\nCPU time of the server process: {rounds} rounds of {logins} full TLS logins, {mib} MiB down, {mib} MiB up;\nmedians, and the median of each round's ratio to the first\n"
    );
    let mut servers = Vec::new();
    // PgServer takes no orders for bytes.
    for kind in kinds.iter().filter(|kind| **kind != Kind::Many) {
        let server = Server::start(*kind, certificates, Duration::from_secs(60))?;
        servers.push((*kind, server, Used::default()));
    }
    let mut buffer = vec![7; 256 * 1024];
    for (_, server, _) in &mut servers {
        round(
            server,
            clients,
            &mut Used::default(),
            logins.min(100),
            1,
            &mut buffer,
        )?;
    }
    for _ in 0..rounds {
        for (_, server, used) in &mut servers {
            round(server, clients, used, logins, mib, &mut buffer)?;
        }
    }
    println!(
        "| server | µs a login | of the first | down, ms a GB | of the first | up, ms a GB | of the first |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- |");
    let Some((_, _, bare)) = servers.first() else {
        return Ok(());
    };
    for (kind, _, used) in &servers {
        println!(
            "| {} | {:.0} | {:.2} | {:.0} | {:.2} | {:.0} | {:.2} |",
            kind.title(),
            median(&used.login),
            ratio(&used.login, &bare.login),
            median(&used.down),
            ratio(&used.down, &bare.down),
            median(&used.up),
            ratio(&used.up, &bare.up),
        );
    }
    Ok(())
}

fn round(
    server: &mut Server,
    clients: &Clients,
    used: &mut Used,
    logins: usize,
    mib: usize,
    buffer: &mut [u8],
) -> Result<()> {
    let begun = server.cpu()?;
    for _ in 0..logins {
        clients.log_in(server.address)?.leave()?;
    }
    // The last ones are still being closed.
    std::thread::sleep(Duration::from_millis(20));
    let took = server.cpu()?.saturating_sub(begun);
    used.login.push(took.as_secs_f64() * 1e6 / logins as f64);

    let mut client = clients.log_in(server.address)?;
    let gigabytes = (mib * 1024 * 1024) as f64 / 1e9;
    let begun = server.cpu()?;
    client.download(mib, buffer)?;
    let down = server.cpu()?;
    client.upload(mib, buffer)?;
    let up = server.cpu()?.saturating_sub(down);
    let down = down.saturating_sub(begun);
    used.down.push(down.as_secs_f64() * 1e3 / gigabytes);
    used.up.push(up.as_secs_f64() * 1e3 / gigabytes);
    client.leave()
}

pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Of values that were measured one right after the other.
pub(crate) fn ratio(values: &[f64], to: &[f64]) -> f64 {
    let ratios: Vec<f64> = values.iter().zip(to).map(|(v, t)| v / t).collect();
    median(&ratios)
}
