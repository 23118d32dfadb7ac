//! Half-open connections in every state, and honest logins beside them.

use std::time::{Duration, Instant};

use crate::Result;
use crate::client::{Clients, Stop, is_closed};
use crate::process::{Server, descriptor_limit};
use crate::server::{Certificates, Kind};

/// Longer than the deadline by this, and a connection was not closed by it.
const LATE: Duration = Duration::from_secs(3);

pub(crate) fn run(
    certificates: &Certificates,
    clients: &Clients,
    count: usize,
    honest: usize,
    deadline: Duration,
    at_once: bool,
) -> Result<()> {
    println!("\n{count} half-open connections, {honest} honest TLS logins beside them, one after");
    println!(
        "the other; limits as shipped, a deadline of {} s, {} descriptors\n",
        deadline.as_secs(),
        descriptor_limit()
    );
    println!(
        "| state | got in | p50 ms (unloaded) | p99 ms (unloaded) | p99 ratio | KiB each | left after the deadline |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- |");
    let one = |state| one(certificates, clients, state, count, honest, deadline);
    if at_once {
        let rows: Vec<_> = std::thread::scope(|scope| {
            let threads =
                Stop::ALL.map(|state| scope.spawn(move || one(state).map_err(|e| e.to_string())));
            threads.into_iter().map(|t| t.join()).collect()
        });
        for row in rows {
            println!("{}", row.map_err(|_| "a thread panicked")??);
        }
    } else {
        for state in Stop::ALL {
            println!("{}", one(state)?);
        }
    }
    Ok(())
}

fn one(
    certificates: &Certificates,
    clients: &Clients,
    state: Stop,
    count: usize,
    honest: usize,
    deadline: Duration,
) -> Result<String> {
    let kind = match state {
        Stop::LoginUnanswered => Kind::Password,
        _ => Kind::Serve,
    };
    let mut server = Server::start(kind, certificates, deadline)?;
    // Warm: threads, allocator, caches.
    logins(clients, &server, 50);
    let before = logins(clients, &server, honest);
    let descriptors = server.descriptors()?;
    let memory = server.memory()?;

    let begun = Instant::now();
    let mut crowd = Vec::with_capacity(count);
    for _ in 0..count {
        crowd.push(clients.stop(server.address, state)?);
    }
    // What was just sent is still to be read.
    std::thread::sleep(Duration::from_millis(200));
    let held = server.half_open()?;
    let grown = server.memory()?.saturating_sub(memory);
    let during = logins(clients, &server, honest);
    if during.len() < honest {
        return Err(format!("{}: {} of {honest} got in", state.name(), during.len()).into());
    }
    let still_held = server.half_open()?;
    if begun.elapsed() >= deadline {
        return Err("the deadline is too short for so many; see --deadline".into());
    }

    let last = Instant::now();
    while !crowd.iter().all(is_closed) {
        if last.elapsed() > deadline + LATE {
            return Err(format!("{}: open after the deadline", state.name()).into());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    drop(crowd);
    std::thread::sleep(Duration::from_millis(200));
    let (left, files) = (server.half_open()?, server.descriptors()?);
    if left > 0 || files > descriptors {
        return Err(format!(
            "{}: {left} places, {files} descriptors are left",
            state.name()
        )
        .into());
    }
    Ok(format!(
        "| {} | {} of {} | {:.2} ({:.2}) | {:.2} ({:.2}) | {:.2} | {:.1} of {held} ({still_held} at the end) | {:.1} MiB |",
        state.name(),
        during.len(),
        honest,
        percentile(&during, 50),
        percentile(&before, 50),
        percentile(&during, 99),
        percentile(&before, 99),
        percentile(&during, 99) / percentile(&before, 99),
        grown as f64 / 1024.0 / held.max(1) as f64,
        server.memory()?.saturating_sub(memory) as f64 / 1024.0 / 1024.0,
    ))
}

/// Honest logins, one after the other: how long each took that got in, in order of length.
fn logins(clients: &Clients, server: &Server, count: usize) -> Vec<Duration> {
    let mut took: Vec<Duration> = (0..count)
        .filter_map(|_| {
            let begun = Instant::now();
            let client = clients.log_in(server.address).ok()?;
            let took = begun.elapsed();
            let _ = client.leave();
            Some(took)
        })
        .collect();
    took.sort_unstable();
    took
}

/// In milliseconds.
fn percentile(sorted: &[Duration], percent: usize) -> f64 {
    let at = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
    sorted.get(at).map_or(f64::NAN, |d| d.as_secs_f64() * 1e3)
}
