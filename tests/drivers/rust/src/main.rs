//! sqlx: Parse, Describe, Sync, then Bind of the statement; binary results, type look-ups, pool.

use std::env::var;
use std::time::Duration;

use futures_util::TryStreamExt;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgListener, PgPoolOptions, PgSslMode};
use sqlx::types::Uuid;
use sqlx::{ConnectOptions, Connection, Executor, Row};

type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;

fn options() -> Result<PgConnectOptions> {
    Ok(PgConnectOptions::new_without_pgpass()
        .host("localhost")
        .port(var("PGTLS_PORT")?.parse()?)
        .username(&var("PGTLS_USER")?)
        .password(&var("PGTLS_PASSWORD")?)
        .database("heliosdb")
        .ssl_mode(PgSslMode::VerifyFull)
        .ssl_root_cert(var("PGTLS_CA")?))
}

fn fails<T>(code: &str, result: std::result::Result<T, sqlx::Error>) -> u32 {
    let error = result.err().unwrap_or_else(|| panic!("{code} expected"));
    let got = error.as_database_error().and_then(|e| e.code());
    assert_eq!(got.as_deref(), Some(code), "{error}");
    1
}

async fn login(method: &str) -> Result<u32> {
    if method == "cert" {
        let with = |user: &str| -> Result<PgConnectOptions> {
            let (cert, key) = (var("PGTLS_CERT")?, var("PGTLS_KEY")?);
            Ok(options()?.username(user).ssl_client_cert(cert).ssl_client_key(key))
        };
        with(&var("PGTLS_USER")?)?.connect().await?.close().await?;
        return Ok(1
            + fails("28000", with("mallory")?.connect().await)
            + fails("28000", options()?.connect().await));
    }
    options()?.connect().await?.close().await?;
    Ok(1 + fails("28P01", options()?.password("wrong").connect().await))
}

async fn work() -> Result<u32> {
    let mut passed = 0;
    let mut c: PgConnection = options()?.connect().await?;
    c.execute("drop table if exists sqlx_t").await?;
    c.execute("create table sqlx_t (id serial primary key, n int not null, big bigint, f double precision, txt text, flag boolean, bin bytea, u uuid)").await?;
    let (text, bin) = ("Grüße, 'Welt' \\ 🐘", vec![0_u8, 1, 254, 255]);
    let uuid = Uuid::parse_str("12345678-1234-5678-1234-567812345678")?;
    let id: i32 = sqlx::query_scalar("insert into sqlx_t (n, big, f, txt, flag, bin, u) values ($1, $2, $3, $4, $5, $6, $7) returning id")
        .bind(-7)
        .bind(9_007_199_254_740_993_i64)
        .bind(2.5)
        .bind(text)
        .bind(true)
        .bind(&bin)
        .bind(uuid)
        .fetch_one(&mut c)
        .await?;
    let row = sqlx::query("select * from sqlx_t where id = $1")
        .bind(id)
        .fetch_one(&mut c)
        .await?;
    assert_eq!(row.try_get::<i32, _>("n")?, -7);
    assert_eq!(row.try_get::<i64, _>("big")?, 9_007_199_254_740_993);
    assert_eq!(row.try_get::<f64, _>("f")?, 2.5);
    assert_eq!(row.try_get::<String, _>("txt")?, text);
    assert!(row.try_get::<bool, _>("flag")?);
    assert_eq!(row.try_get::<Vec<u8>, _>("bin")?, bin);
    assert_eq!(row.try_get::<Uuid, _>("u")?, uuid);
    let none: Option<String> = sqlx::query_scalar("insert into sqlx_t (n) values ($1) returning txt")
        .bind(1)
        .fetch_one(&mut c)
        .await?;
    assert_eq!(none, None);
    passed += 1;

    passed += fails("42P01", sqlx::query("select * from nope").fetch_all(&mut c).await);
    passed += fails("42703", c.execute("select nope from sqlx_t").await);
    passed += fails("23505", sqlx::query("insert into sqlx_t (id, n) values ($1, 1)").bind(1).execute(&mut c).await);
    let mut tx = c.begin().await?;
    tx.execute("delete from sqlx_t").await?;
    let inner = tx.begin().await?;
    inner.rollback().await?;
    tx.rollback().await?;
    let mut tx = c.begin().await?;
    passed += fails("42P01", tx.execute("select * from nope").await);
    passed += fails("25P02", tx.execute("select 1").await);
    tx.rollback().await?;
    let n: i64 = sqlx::query_scalar("select count(*) from sqlx_t").fetch_one(&mut c).await?;
    assert_eq!(n, 2);
    passed += 1;

    for n in 0..10 {
        let next: i32 = sqlx::query_scalar("select $1::int + 1").bind(n).fetch_one(&mut c).await?;
        assert_eq!(next, n + 1);
    }
    passed += 1;

    let mut count = 0;
    let mut rows = sqlx::query_as::<_, (i32, String)>("select n, 'row ' || n from generate_series(1, $1::int) as n")
        .bind(100_000)
        .fetch(&mut c);
    while let Some((n, text)) = rows.try_next().await? {
        count += 1;
        assert_eq!((n, text), (count, format!("row {count}")));
    }
    drop(rows);
    assert_eq!(count, 100_000);
    passed += 1;

    let pid: i32 = sqlx::query_scalar("select pg_backend_pid()").fetch_one(&mut c).await?;
    assert!(pid > 0);
    let ssl: bool = sqlx::query_scalar("select ssl from pg_stat_ssl where pid = pg_backend_pid()").fetch_one(&mut c).await?;
    assert!(ssl);
    passed += 1;

    let mut copy = c.copy_in_raw("copy sqlx_t (n, txt) from stdin").await?;
    copy.send(&b"5\tfive\n6\t\\N\n"[..]).await?;
    assert_eq!(copy.finish().await?, 2);
    let mut out = Vec::new();
    let mut stream = c.copy_out_raw("copy (select n, txt from sqlx_t where txt = 'five') to stdout").await?;
    while let Some(chunk) = stream.try_next().await? {
        out.extend_from_slice(&chunk);
    }
    drop(stream);
    assert_eq!(out, b"5\tfive\n");
    passed += 1;

    let pool = PgPoolOptions::new().max_connections(4).connect_with(options()?).await?;
    let mut listener = PgListener::connect_with(&pool).await?;
    listener.listen("news").await?;
    sqlx::query("select pg_notify('news', $1)").bind("extra").execute(&pool).await?;
    let heard = tokio::time::timeout(Duration::from_secs(10), listener.recv()).await??;
    assert_eq!(heard.payload(), "extra");
    drop(listener);
    pool.close().await;
    passed += 1;

    c.execute("drop table sqlx_t").await?;
    c.close().await?;
    Ok(passed)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result {
    let passed = match std::env::args().nth(1).as_deref() {
        Some("login") => login(&std::env::args().nth(2).unwrap_or_default()).await?,
        _ => work().await?,
    };
    println!("sqlx: {passed} passed, 0 failed");
    Ok(())
}
