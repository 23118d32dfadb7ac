//! CPU time of large results of the embedded database, beside a bare server that writes as many
//! bytes, and SQLite that makes the same values.

use std::path::Path;
use std::time::{Duration, Instant};

use nix::time::{ClockId, clock_gettime};
use rusqlite::Connection;
use rusqlite::functions::FunctionFlags;

use crate::Result;
use crate::client::{Clients, binary, simple};
use crate::cost::{median, ratio};
use crate::process::Server;
use crate::server::{Certificates, DATABASE, Kind};

/// A result: what is asked for, how, and what SQLite alone does for it.
struct Shape {
    title: &'static str,
    /// `{n}` is the number of rows.
    sql: &'static str,
    /// In binary format.
    binary: bool,
    /// About how many bytes a row has on the wire.
    row: usize,
    /// What SQLite does for it, without a server: each value of each row is looked at in place.
    alone: &'static str,
}

const MADE: &str =
    "select repeat('x', n) from generate_series(1000, 1001) as n, generate_series(1, {n} / 2)";
/// The same, as the server has it.
const MADE_ALONE: &str = "select pg_repeat('x', n.value) from generate_series(1000, 1001) as n, generate_series(1, {n} / 2)";
const TEXTS: &str = "select t from texts limit {n}";
const NUMBERS: &str = "select a, b, c, d, e, f, g, h, i, j from numbers limit {n}";
/// What SQLite has to do for their digits.
const DIGITS: &str = "select cast(a as text), cast(b as text), cast(c as text), cast(d as text), cast(e as text), cast(f as text), cast(g as text), cast(h as text), cast(i as text), cast(j as text) from numbers limit {n}";

const SHAPES: &[Shape] = &[
    Shape {
        title: "1 KB texts, made",
        sql: MADE,
        binary: false,
        row: 1011,
        alone: MADE_ALONE,
    },
    Shape {
        title: "1 KB texts, table",
        sql: TEXTS,
        binary: false,
        row: 1011,
        alone: TEXTS,
    },
    Shape {
        title: "1 KB texts, table, binary",
        sql: TEXTS,
        binary: true,
        row: 1011,
        alone: TEXTS,
    },
    Shape {
        title: "1 KB texts, table, COPY",
        sql: "copy (select t from texts limit {n}) to stdout",
        binary: false,
        row: 1006,
        alone: TEXTS,
    },
    Shape {
        title: "10 integers, table",
        sql: NUMBERS,
        binary: false,
        row: 107,
        alone: DIGITS,
    },
    Shape {
        title: "10 integers, table, binary",
        sql: NUMBERS,
        binary: true,
        row: 87,
        alone: NUMBERS,
    },
    Shape {
        title: "10 integers, table, COPY",
        sql: "copy (select a, b, c, d, e, f, g, h, i, j from numbers limit {n}) to stdout",
        binary: false,
        row: 75,
        alone: DIGITS,
    },
];

/// In each round, in ms a GB on the wire.
#[derive(Default)]
struct Used {
    bare: Vec<f64>,
    all: Vec<f64>,
    own: Vec<f64>,
    rest: Vec<f64>,
    elapsed: Vec<f64>,
}

pub(crate) fn run(
    certificates: &Certificates,
    clients: &Clients,
    rounds: usize,
    mib: usize,
    only: &str,
) -> Result<()> {
    println!(
        "\nCPU time of the server process, in ms a GB: {rounds} rounds of about {mib} MiB for each\nresult; medians. \"SQLite\" is what it takes to make the same values, as text where they go as\ntext, and send none; \"bare\" a bare server that writes as many bytes; \"of bare\" what is left of\n\"all\" without SQLite, beside that.\n"
    );
    let mut bare = Server::start(Kind::Bare, certificates, Duration::from_secs(60))?;
    let mut server = Server::start(Kind::Bulk, certificates, Duration::from_secs(60))?;
    let mut buffer = vec![0; 256 * 1024];
    let size = mib * 1024 * 1024;
    // Short rows cost more each, and are looked at for as long.
    let wanted = |shape: &Shape| if shape.row < 200 { size / 4 } else { size };
    let rows = |shape: &Shape| wanted(shape).div_ceil(shape.row).to_string();
    let shapes: Vec<&Shape> = SHAPES.iter().filter(|s| s.title.contains(only)).collect();
    fill(clients, &server, size, &mut buffer)?;
    let mut used: Vec<Used> = shapes.iter().map(|_| Used::default()).collect();
    for _ in 0..rounds {
        for (shape, used) in shapes.iter().zip(&mut used) {
            // Just before each, since what a byte costs changes with what else the machine does.
            let mut client = clients.log_in(bare.address)?;
            let begun = bare.cpu()?;
            client.download(mib, &mut buffer)?;
            let down = per_gigabyte(bare.cpu()?.saturating_sub(begun), size);
            client.leave()?;
            used.bare.push(down);
            let sql = shape.sql.replace("{n}", &rows(shape));
            let request = if shape.binary {
                binary(&sql)?
            } else {
                simple(&sql)?
            };
            let mut client = clients.log_in(server.address)?;
            let begun = server.cpu()?;
            let clock = Instant::now();
            let got = client.ask(&request, &mut buffer)?;
            let elapsed = clock.elapsed();
            let all = server.cpu()?.saturating_sub(begun);
            if got < wanted(shape) / 2 {
                return Err(format!("{}: only {got} bytes", shape.title).into());
            }
            client.leave()?;
            let own = alone(
                &certificates.directory().join(DATABASE),
                &shape.alone.replace("{n}", &rows(shape)),
            )?;
            used.all.push(per_gigabyte(all, got));
            used.elapsed.push(per_gigabyte(elapsed, got));
            used.own.push(per_gigabyte(own, got));
            used.rest.push(per_gigabyte(all.saturating_sub(own), got));
        }
    }
    println!("| result | elapsed | all | SQLite | bare | of bare | of both |");
    println!("| --- | --- | --- | --- | --- | --- | --- |");
    for (shape, used) in shapes.iter().zip(&used) {
        let (all, own, bare) = (median(&used.all), median(&used.own), median(&used.bare));
        println!(
            "| {} | {:.0} | {all:.0} | {own:.0} | {bare:.0} | {:.2} | {:.2} |",
            shape.title,
            median(&used.elapsed),
            ratio(&used.rest, &used.bare),
            all / (own + bare),
        );
    }
    Ok(())
}

/// The tables that are read.
fn fill(clients: &Clients, server: &Server, size: usize, buffer: &mut [u8]) -> Result<()> {
    let mut client = clients.log_in(server.address)?;
    let texts = size.div_ceil(1000);
    let numbers = size.div_ceil(4 * 70);
    for sql in [
        "create table texts (t text)".to_owned(),
        format!(
            "insert into texts select repeat('x', 1000 + n % 2) from generate_series(1, {texts}) as n"
        ),
        "create table numbers (a int, b int, c int, d int, e int, f int, g int, h int, i int, j int)"
            .to_owned(),
        format!(
            "insert into numbers select 100000 + n % 900000, n % 1000, 1234567, 100000 + n % 800000, n % 100, 7654321, 100000 + n % 700000, n % 10000, 7777777, n from generate_series(1, {numbers}) as n"
        ),
    ] {
        client.ask(&simple(&sql)?, buffer)?;
    }
    client.leave()
}

/// CPU time of this thread while SQLite makes the values, and nobody takes them.
fn alone(database: &Path, sql: &str) -> Result<Duration> {
    let connection = Connection::open(database)?;
    rusqlite::vtab::series::load_module(&connection)?;
    let pure = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    connection.create_scalar_function("pg_repeat", 2, pure, |given| {
        let text: String = given.get(0)?;
        Ok(text.repeat(usize::from(given.get::<u16>(1)?)))
    })?;
    let mut statement = connection.prepare(sql)?;
    let columns = statement.column_count();
    let used = || clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map(Duration::from);
    let begun = used()?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        for column in 0..columns {
            std::hint::black_box(row.get_ref(column)?);
        }
    }
    Ok(used()?.saturating_sub(begun))
}

fn per_gigabyte(time: Duration, bytes: usize) -> f64 {
    time.as_secs_f64() * 1e12 / bytes as f64
}
