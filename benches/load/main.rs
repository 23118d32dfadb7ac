//! The load program: what logins, sessions and attackers cost the server, as the README reports.
//!
//! `cargo bench --bench load` runs it all in a few minutes; `-- --help` lists what can be chosen.
//! Servers are processes of their own (this program again), all on the loopback interface, and
//! everything is bounded in count and time. A server is measured by what the kernel has booked on
//! it: CPU time of the process, resident memory.
#![allow(
    clippy::disallowed_methods,
    reason = "it measures time; the core must not know it"
)]

mod attack;
mod bulk;
mod client;
mod cost;
mod idle;
mod process;
mod server;

use std::error::Error;
use std::time::Duration;

use clap::{Parser, ValueEnum};

use server::Kind;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

#[derive(Parser)]
#[command(about = "Loads pgtls and a bare tokio-rustls server, and prints what it costs them")]
struct Args {
    /// What to measure; everything unless said
    #[arg(value_enum)]
    what: Vec<What>,
    /// Half-open connections in each state
    #[arg(long, default_value_t = 2000)]
    half_open: usize,
    /// Honest logins beside them, and before them
    #[arg(long, default_value_t = 300)]
    honest: usize,
    /// The login timeout under attack, in seconds
    #[arg(long, default_value_t = 12)]
    deadline: u64,
    /// Idle sessions
    #[arg(long, default_value_t = 10_000)]
    idle: usize,
    /// Rounds over all servers, one after the other
    #[arg(long, default_value_t = 7)]
    rounds: usize,
    /// Logins in each round
    #[arg(long, default_value_t = 600)]
    logins: usize,
    /// Data in each round, in MiB each way
    #[arg(long, default_value_t = 256)]
    bulk: usize,
    /// Of large results, and of servers of cost and idle, only those with this in their name
    #[arg(long, default_value = "")]
    only: String,
    /// Runs servers under this command, for example "strace -f -c"
    #[arg(long, default_value = "")]
    under: String,
    /// Small numbers: shows that it works, not what it costs; so does cargo test
    #[arg(long)]
    smoke: bool,
    /// Given by cargo bench
    #[arg(long, hide = true)]
    bench: bool,
}

#[derive(Clone, Copy, Eq, PartialEq, ValueEnum)]
enum What {
    Attack,
    Idle,
    Cost,
    Bulk,
}

fn main() -> Result<()> {
    if let Some(kind) = std::env::args().nth(1).as_deref().and_then(Kind::parse) {
        return server::run(kind);
    }
    let mut args = Args::parse();
    args.smoke |= !args.bench && args.what.is_empty();
    if args.smoke {
        (args.half_open, args.honest, args.deadline) = (60, 10, 5);
        (args.idle, args.rounds, args.logins, args.bulk) = (60, 1, 20, 4);
    }
    let wants = |what| args.what.is_empty() || args.what.contains(&what);
    process::raise_descriptor_limit()?;
    process::run_under(&args.under);
    let kinds: Vec<Kind> = Kind::COMPARED
        .iter()
        .copied()
        .chain([Kind::Many])
        .filter(|kind| kind.title().contains(&args.only))
        .collect();
    let certificates = server::Certificates::new()?;
    let clients = client::Clients::new(&certificates)?;
    if wants(What::Attack) {
        let deadline = Duration::from_secs(args.deadline);
        attack::run(
            &certificates,
            &clients,
            args.half_open,
            args.honest,
            deadline,
            args.smoke,
        )?;
    }
    if wants(What::Idle) {
        idle::run(&certificates, &clients, &kinds, args.idle)?;
    }
    if wants(What::Cost) {
        cost::run(
            &certificates,
            &clients,
            &kinds,
            args.rounds,
            args.logins,
            args.bulk,
        )?;
    }
    if wants(What::Bulk) {
        bulk::run(&certificates, &clients, args.rounds, args.bulk, &args.only)?;
    }
    Ok(())
}
