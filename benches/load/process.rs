//! A server in a process of its own, and what it costs.

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::Result;
use crate::server::{Certificates, Kind};

/// The words of a command that servers run under, for a profile.
static UNDER: OnceLock<Vec<String>> = OnceLock::new();

/// Runs all servers under this command.
pub(crate) fn run_under(command: &str) {
    let words = command.split_whitespace().map(str::to_owned).collect();
    // Said once, before any server.
    let _ = UNDER.set(words);
}

/// As many files as the system allows; servers inherit it.
pub(crate) fn raise_descriptor_limit() -> Result<()> {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(
        Resource::Nofile,
        Rlimit {
            current: limit.maximum,
            maximum: limit.maximum,
        },
    )?;
    Ok(())
}

/// How many files a process may have open.
pub(crate) fn descriptor_limit() -> u64 {
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

/// A running server. It ends with this value.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    child: Child,
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Server {
    pub(crate) fn start(
        kind: Kind,
        certificates: &Certificates,
        timeout: Duration,
    ) -> Result<Self> {
        let this = std::env::current_exe()?;
        let mut words = UNDER.get().into_iter().flatten();
        let mut command = match words.next() {
            Some(program) => Command::new(program),
            None => Command::new(&this),
        };
        if UNDER.get().is_some_and(|under| !under.is_empty()) {
            command.args(words).arg(&this);
        }
        let mut child = command
            .arg(kind.name())
            .arg(certificates.directory())
            .arg(timeout.as_secs().to_string())
            // One thread each, so that they can be compared.
            .env("ASYNC_STD_THREAD_COUNT", "1")
            .env("SMOL_THREADS", "1")
            .env("GLIBC_TUNABLES", "glibc.malloc.arena_max=2")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let orders = child.stdin.take();
        let answers = child.stdout.take().ok_or("no output")?;
        let mut server = Self {
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            child,
            orders,
            answers: BufReader::new(answers),
        };
        server.address = server.answer()?.parse()?;
        Ok(server)
    }

    fn answer(&mut self) -> Result<String> {
        let mut line = String::new();
        if self.answers.read_line(&mut line)? == 0 {
            return Err("the server has ended".into());
        }
        Ok(line.trim().to_owned())
    }

    fn ask(&mut self, order: &str) -> Result<String> {
        let orders = self.orders.as_mut().ok_or("no input")?;
        writeln!(orders, "{order}")?;
        self.answer()
    }

    /// The CPU time it has used.
    pub(crate) fn cpu(&mut self) -> Result<Duration> {
        Ok(Duration::from_nanos(self.ask("cpu")?.parse()?))
    }

    /// How many of its connections are not logged in.
    pub(crate) fn half_open(&mut self) -> Result<usize> {
        Ok(self.ask("half-open")?.parse()?)
    }

    /// Its resident memory, in bytes.
    pub(crate) fn memory(&self) -> Result<u64> {
        let path = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(path)?;
        let line = status.lines().find(|l| l.starts_with("VmRSS:"));
        let kib = line.and_then(|l| l.split_whitespace().nth(1));
        Ok(kib.ok_or("no VmRSS")?.parse::<u64>()? * 1024)
    }

    /// How many files it has open.
    pub(crate) fn descriptors(&self) -> Result<usize> {
        Ok(std::fs::read_dir(format!("/proc/{}/fd", self.child.id()))?.count())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The end of its input is its order to end.
        self.orders = None;
        let _ = self.child.wait();
    }
}

/// The server's half: answers until its input ends.
pub(crate) fn obey(half_open: impl Fn() -> usize) -> Result<()> {
    for order in std::io::stdin().lines() {
        match order?.as_str() {
            "cpu" => {
                let used = Duration::from(clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID)?);
                println!("{}", used.as_nanos());
            }
            "half-open" => println!("{}", half_open()),
            other => return Err(format!("unknown order {other}").into()),
        }
    }
    Ok(())
}
