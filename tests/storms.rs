//! Servers in processes of their own, under storms: connections that are reset at once, floods of
//! cancel requests, no descriptors left, a stop under load. On every runtime: no listener is lost,
//! no descriptor leaks, and the process ends with status 0.
//!
//! `PGTLS_STORM` is the number of connections of a storm; 20000 is the size to try a release with.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests take their time and fail on surprises"
)]

mod common;

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use common::raw::{self, Raw, cancel, query, startup};
use common::{Certs, PATIENCE, Runtime, Server, embedded};
use pgtls::{PgServerBuilder, SslMode};
use rustix::process::{Resource, Rlimit, setrlimit};

/// Descriptors of the server that is to run out of them.
const FEW: u64 = 40;
/// Connections at a time of those who attack.
const THREADS: usize = 4;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, serve, runtime, files] = arguments.as_slice()
        && serve == "serve"
    {
        return server_process(runtime, files.parse().unwrap());
    }
    let size = std::env::var("PGTLS_STORM").map_or(1_000, |size| size.parse().unwrap());
    for &on in Runtime::ALL {
        for (name, case) in [
            ("resets", resets as fn(Runtime, usize)),
            ("cancel flood", cancel_flood),
            ("few descriptors", few_descriptors),
            ("stop under load", stop_under_load),
        ] {
            let began = Instant::now();
            case(on, size);
            println!("{on:?}, {name}: {:?}", began.elapsed());
        }
    }
}

/// The server: tells its port, serves until its input ends, then stops.
fn server_process(runtime: &str, files: u64) {
    if files > 0 {
        let limit = Rlimit {
            current: Some(files),
            maximum: Some(files),
        };
        setrlimit(Resource::Nofile, limit).unwrap();
    }
    let certs = Certs::new();
    let on = *Runtime::ALL
        .iter()
        .find(|on| format!("{on:?}") == runtime)
        .unwrap();
    let builder = PgServerBuilder::new()
        .ssl_config(certs.made.ssl_config(SslMode::Prefer))
        .login_timeout(Duration::from_secs(10))
        .shutdown_grace(Duration::from_millis(300));
    let server = Server::start_on(on, builder, embedded());
    println!("{}", server.port());
    io::stdin().read_to_end(&mut Vec::new()).unwrap();
    // Its end asserts that no session is left.
    drop(server);
}

struct Process {
    child: Child,
    address: SocketAddr,
}

impl Process {
    fn start(on: Runtime, files: u64) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["serve", &format!("{on:?}"), &files.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let port: u16 = line.trim().parse().unwrap();
        Self {
            child,
            address: SocketAddr::from(([127, 0, 0, 1], port)),
        }
    }

    /// Once all is quiet it has no more descriptors than when it was quiet before.
    fn is_quiet_at(&self, before: usize) {
        let deadline = Instant::now() + PATIENCE;
        while self.descriptors() > before {
            assert!(
                Instant::now() < deadline,
                "{} descriptors, {before} before",
                self.descriptors()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// All but those of the data. Of these SQLite may close none while another session has them
    /// open (POSIX locks are the process's): it keeps one for as many sessions as there were at
    /// once, and uses them again.
    #[cfg(target_os = "linux")]
    fn descriptors(&self) -> usize {
        let all = std::fs::read_dir(format!("/proc/{}/fd", self.child.id())).unwrap();
        let (data, others): (Vec<_>, Vec<_>) = all
            .filter_map(|entry| std::fs::read_link(entry.unwrap().path()).ok())
            .partition(|file| file.ends_with("data"));
        assert!(
            data.len() <= pgtls::server::DEFAULT_MAX_CONNECTIONS + 1,
            "{}",
            data.len()
        );
        others.len()
    }

    #[cfg(not(target_os = "linux"))]
    fn descriptors(&self) -> usize {
        0
    }

    /// Tells it to stop and waits for its end.
    fn stop(mut self) {
        drop(self.child.stdin.take());
        let deadline = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            if Instant::now() > deadline {
                let _ = self.child.kill();
                panic!("the server does not end");
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        assert!(status.success(), "{status}");
    }
}

fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Logs in and asks something. An error if the server says no or goes away.
fn honest(address: SocketAddr) -> io::Result<()> {
    let mut stream = connect(address)?;
    let mut bytes = startup(&[("user", "alice")]);
    bytes.extend(query("select 1"));
    stream.write_all(&bytes)?;
    let mut received = Vec::new();
    let mut ready = 0;
    while ready < 2 {
        let mut buffer = [0; 1024];
        match stream.read(&mut buffer)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            n => received.extend_from_slice(&buffer[..n]),
        }
        ready = received.windows(6).filter(|w| w == b"Z\0\0\0\x05I").count();
    }
    stream.write_all(&raw::message(b'X', b""))
}

/// Ends a connection with a reset instead of an end.
fn reset(stream: TcpStream) {
    let _ = socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO));
    drop(stream);
}

/// In several threads: `count` times in all.
fn many(count: usize, act: impl Fn(usize) + Sync) {
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                loop {
                    let i = next.fetch_add(1, Ordering::Relaxed);
                    if i >= count {
                        return;
                    }
                    act(i);
                }
            });
        }
    });
}

fn resets(on: Runtime, size: usize) {
    let server = Process::start(on, 0);
    honest(server.address).unwrap();
    // The database's first session may have opened something for good.
    std::thread::sleep(Duration::from_millis(50));
    let before = server.descriptors();
    let login = startup(&[("user", "alice")]);
    let parts: [&[u8]; 6] = [
        b"",
        &raw::SSL_REQUEST[..4],
        &raw::SSL_REQUEST,
        &[0x16, 3, 1, 2, 0, 1, 0, 1],
        &login[..login.len() - 1],
        &login,
    ];
    many(size, |i| {
        let mut stream = connect(server.address).unwrap();
        let _ = stream.write_all(parts[i % parts.len()]);
        reset(stream);
    });
    honest(server.address).unwrap();
    server.is_quiet_at(before);
    server.stop();
}

fn cancel_flood(on: Runtime, size: usize) {
    let server = Process::start(on, 0);
    let stream = connect(server.address).unwrap();
    let watch = stream.try_clone().unwrap();
    let mut victim = Raw(Box::new(stream));
    let (id, key) = victim.log_in();
    // The session opens the database with its first statement.
    victim.send(&query("select 1"));
    assert_eq!(victim.story(), "T D C(SELECT 1) Z(I)");
    let before = server.descriptors();
    victim.send(&query("select pg_sleep(600)"));
    many(size / 2, |i| {
        let mut wrong = key.clone();
        let place = i % wrong.len();
        wrong[place] ^= 1 << (i % 8);
        let wrong_id = if i % 2 == 0 { id } else { id ^ 1 };
        let key = if i % 2 == 0 { &wrong } else { &key };
        let mut stream = connect(server.address).unwrap();
        stream.write_all(&cancel(wrong_id, key)).unwrap();
        if i % 3 == 0 {
            reset(stream);
        } else {
            assert_eq!(stream.read(&mut [0]).unwrap_or(0), 0, "no answer");
        }
    });
    watch
        .set_read_timeout(Some(Duration::from_millis(10)))
        .unwrap();
    assert!(watch.peek(&mut [0]).is_err(), "it is still running");
    watch.set_read_timeout(Some(PATIENCE)).unwrap();
    server.is_quiet_at(before);
    connect(server.address)
        .unwrap()
        .write_all(&cancel(id, &key))
        .unwrap();
    assert_eq!(
        victim.story(),
        "T E(ERROR 57014: canceling statement due to user request) Z(I)"
    );
    server.stop();
}

/// The server has fewer descriptors than there are connections, of clients that say nothing.
fn few_descriptors(on: Runtime, _: usize) {
    let server = Process::start(on, FEW);
    honest(server.address).unwrap();
    let silent: Vec<_> = (0..FEW * 2)
        .map(|_| connect(server.address).unwrap())
        .collect();
    // Long before the silent ones are closed on at their deadline, the oldest make room.
    let began = Instant::now();
    while let Err(error) = honest(server.address) {
        assert!(began.elapsed() < Duration::from_secs(8), "{error}");
        std::thread::sleep(Duration::from_millis(20));
    }
    drop(silent);
    let began = Instant::now();
    while let Err(error) = honest(server.address) {
        assert!(began.elapsed() < PATIENCE, "{error}");
        std::thread::sleep(Duration::from_millis(20));
    }
    honest(server.address).unwrap();
    server.stop();
}

fn stop_under_load(on: Runtime, _: usize) {
    let server = Process::start(on, 0);
    let (address, over) = (server.address, AtomicBool::new(false));
    let served = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    if honest(address).is_ok() {
                        served.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
        let mut idle = Raw(Box::new(connect(address).unwrap()));
        idle.log_in();
        std::thread::sleep(Duration::from_millis(300));
        server.stop();
        over.store(true, Ordering::Relaxed);
        assert!(idle.story().contains("57P01"));
    });
    assert!(served.into_inner() > THREADS, "there was load");
    connect(address).expect_err("nobody listens any more");
}
