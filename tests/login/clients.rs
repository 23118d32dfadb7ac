//! Real clients log in with every method, with right and wrong passwords.

use std::io::Read as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::common::raw::{Raw, message, startup};
use crate::common::{Certs, PATIENCE, Runtime, Said, Server, embedded, psql};
use pgtls::{
    AuthMethod, MemoryStore, PgServerBuilder, Secret, SecretStore, SslConfig, SslMode, StoreError,
    UserFile,
};

const PASSWORD: &str = "pässwörd\u{a0}Ⅳ ©";
const WRONG: &str = "FATAL:  password authentication failed for user \"alice\"";

fn scram_secret() -> Secret {
    Secret::scram_sha_256(PASSWORD).unwrap()
}

fn md5_secret() -> Secret {
    Secret::md5("alice", PASSWORD).unwrap()
}

fn server(method: AuthMethod, secret: Secret, certs: &Certs) -> Server {
    let store = MemoryStore::new();
    store.set("alice", secret);
    let builder = PgServerBuilder::new()
        .auth_method(method)
        .secret_store(store)
        .ssl_config(certs.made.ssl_config(SslMode::Prefer));
    Server::start(builder, embedded())
}

fn log_in(server: &Server, options: &str, password: &str) -> Said {
    let options = format!("user=alice dbname=heliosdb password='{password}' {options}");
    psql(server, &options, &["select 1+1"])
}

#[test]
fn psql_logs_in_with_every_method_and_the_right_password_only() {
    let certs = Certs::new();
    for (method, secret) in [
        (AuthMethod::Password, scram_secret()),
        (AuthMethod::Password, md5_secret()),
        (AuthMethod::Md5, scram_secret()),
        (AuthMethod::Md5, md5_secret()),
        (AuthMethod::ScramSha256, scram_secret()),
    ] {
        let what = format!("{method:?} {secret:?}");
        let server = server(method, secret, &certs);
        for options in ["sslmode=disable", "sslmode=require"] {
            let said = log_in(&server, options, PASSWORD);
            assert!(said.ok && said.out == "2\n", "{what}: {said:?}");
            for wrong in ["pässwörd", "", "x"] {
                let said = log_in(&server, options, wrong);
                // psql does not send an empty password, it leaves.
                let words = if wrong.is_empty() {
                    "no password supplied"
                } else {
                    WRONG
                };
                assert!(!said.ok && said.err.contains(words), "{what}: {said:?}");
            }
            let options = format!("user=mallory password='{PASSWORD}' {options}");
            let said = psql(&server, &options, &["select 1"]);
            let words = "FATAL:  password authentication failed for user \"mallory\"";
            assert!(!said.ok && said.err.contains(words), "{what}: {said:?}");
        }
    }
}

#[test]
fn scram_needs_a_scram_secret() {
    let certs = Certs::new();
    let server = server(AuthMethod::ScramSha256, md5_secret(), &certs);
    let said = log_in(&server, "sslmode=require", PASSWORD);
    assert!(!said.ok && said.err.contains(WRONG), "{said:?}");
}

#[test]
fn psql_binds_the_channel_where_it_insists() {
    let certs = Certs::new();
    let bound = server(AuthMethod::ScramSha256, scram_secret(), &certs);
    let insists = "channel_binding=require sslmode=require";
    let said = log_in(&bound, insists, PASSWORD);
    assert!(said.ok, "{said:?}");
    let said = log_in(&bound, insists, "x");
    assert!(!said.ok && said.err.contains(WRONG), "{said:?}");
    let said = log_in(&bound, "channel_binding=disable sslmode=require", PASSWORD);
    assert!(said.ok, "{said:?}");
    // Without TLS, and with a method that proves nothing about the server, it refuses.
    let said = log_in(&bound, "channel_binding=require sslmode=disable", PASSWORD);
    assert!(
        !said.ok && said.err.contains("channel binding required"),
        "{said:?}"
    );
    let clear = server(AuthMethod::Password, scram_secret(), &certs);
    let said = log_in(&clear, insists, PASSWORD);
    assert!(
        !said.ok && said.err.contains("channel binding required"),
        "{said:?}"
    );
}

#[test]
fn a_certificate_is_a_login() {
    let certs = Certs::new();
    let builder = PgServerBuilder::new()
        .auth_method(AuthMethod::Cert)
        .ssl_config(certs.made.ssl_config(SslMode::Prefer));
    let server = Server::start(builder, embedded());
    let with = format!("sslmode=require {}", certs.client_options());
    let said = psql(&server, &format!("user=postgres {with}"), &["select 1"]);
    assert!(said.ok, "{said:?}");
    for (options, words) in [
        (
            format!("user=mallory {with}"),
            "FATAL:  certificate authentication failed for user \"mallory\"",
        ),
        (
            "user=postgres sslmode=require".to_owned(),
            "FATAL:  connection requires a valid client certificate",
        ),
        (
            "user=postgres sslmode=disable".to_owned(),
            "FATAL:  connection requires a valid client certificate",
        ),
    ] {
        let said = psql(&server, &options, &["select 1"]);
        assert!(!said.ok && said.err.contains(words), "{options}: {said:?}");
    }
}

/// Nobody could be let in, and the server says why.
#[test]
fn certificates_need_somebody_who_vouches_for_them() {
    let certs = Certs::new();
    let (cert, key) = (certs.made.server_cert(), certs.made.server_key());
    let builder = PgServerBuilder::new()
        .auth_method(AuthMethod::Cert)
        .ssl_config(SslConfig::new(SslMode::Prefer, cert, key));
    let server = Server::start(builder, embedded());
    let said = psql(&server, "user=postgres sslmode=require", &["select 1"]);
    let words =
        "FATAL:  client certificates can only be checked if a root certificate store is available";
    assert!(!said.ok && said.err.contains(words), "{said:?}");
}

/// In mode VerifyFull the name is judged last, and a mismatch fails in the method's words.
#[test]
fn a_certificate_of_another_fails_like_a_wrong_password() {
    let certs = Certs::new();
    let store = MemoryStore::new();
    store.set("alice", scram_secret());
    store.set("postgres", scram_secret());
    let builder = PgServerBuilder::new()
        .auth_method(AuthMethod::ScramSha256)
        .secret_store(store)
        .ssl_config(certs.made.ssl_config(SslMode::VerifyFull));
    let server = Server::start(builder, embedded());
    let with = format!("sslmode=require {}", certs.client_options());
    let said = log_in(&server, &with, PASSWORD);
    assert!(!said.ok && said.err.contains(WRONG), "{said:?}");
    let said = psql(
        &server,
        &format!("user=postgres password='{PASSWORD}' {with}"),
        &["select 1"],
    );
    assert!(said.ok, "{said:?}");
}

#[test]
fn tokio_postgres_logs_in_with_every_method() {
    let certs = Certs::new();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    for (method, secret) in [
        (AuthMethod::Password, scram_secret()),
        (AuthMethod::Md5, md5_secret()),
        (AuthMethod::ScramSha256, scram_secret()),
    ] {
        let server = server(method, secret, &certs);
        for password in [PASSWORD, "x"] {
            let mut config = tokio_postgres::Config::new();
            config
                .host("localhost")
                .port(server.port())
                .user("alice")
                .password(password)
                .ssl_mode(tokio_postgres::config::SslMode::Require);
            if method == AuthMethod::ScramSha256 {
                config.channel_binding(tokio_postgres::config::ChannelBinding::Require);
            }
            let client = crate::common::raw::client_config(&certs, false, &[]);
            let tls = tokio_postgres_rustls::MakeRustlsConnect::new(client);
            let connected = runtime.block_on(async {
                let (client, connection) = config.connect(tls).await?;
                tokio::spawn(connection);
                client.simple_query("select 1").await
            });
            match connected {
                Ok(_) => assert_eq!(password, PASSWORD, "{method:?}"),
                Err(error) => {
                    assert_eq!(password, "x", "{method:?}: {error:?}");
                    assert_eq!(error.code().map(|c| c.code()), Some("28P01"), "{error:?}");
                }
            }
        }
    }
}

#[test]
fn a_server_takes_users_or_a_store() {
    let server = Server::start(
        PgServerBuilder::new()
            .auth_method(AuthMethod::ScramSha256)
            .user("alice", PASSWORD)
            .user("bob", "other"),
        embedded(),
    );
    assert!(log_in(&server, "", PASSWORD).ok);
    assert!(!log_in(&server, "", "other").ok);
    let both = PgServerBuilder::new()
        .user("alice", PASSWORD)
        .secret_store(MemoryStore::new());
    let empty = PgServerBuilder::new().user("alice", "");
    for (builder, words) in [
        (both, "give either a store or users"),
        (empty, "user \"alice\": the password is empty"),
    ] {
        let error = builder.build(Arc::new(embedded())).map(|_| ()).unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
        assert!(!format!("{error:?}").contains(PASSWORD));
    }
}

/// What is changed while the server runs counts from the next login on.
#[test]
fn users_come_and_go_while_the_server_runs() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("userlist.txt");
    let write = |secret: &str| std::fs::write(&path, format!("\"alice\" \"{secret}\"\n")).unwrap();
    write("one");
    let users = UserFile::load(&path).unwrap();
    let builder = PgServerBuilder::new()
        .auth_method(AuthMethod::ScramSha256)
        .secret_store(users.clone());
    let server = Server::start(builder, embedded());
    assert!(log_in(&server, "", "one").ok);
    write(&Secret::scram_sha_256(PASSWORD).unwrap().to_postgres());
    users.reload().unwrap();
    assert!(!log_in(&server, "", "one").ok);
    assert!(log_in(&server, "", PASSWORD).ok);
    write("");
    users.reload().unwrap();
    let said = log_in(&server, "", PASSWORD);
    assert!(!said.ok && said.err.contains(WRONG), "{said:?}");
}

/// A store that does what it should not.
#[derive(Clone, Copy)]
enum Bad {
    Errs,
    Panics,
    PanicsAtOnce,
    NeverAnswers,
}

impl SecretStore for Bad {
    fn secret(&self, _: &str) -> impl Future<Output = Result<Option<Secret>, StoreError>> + Send {
        let how = *self;
        assert!(!matches!(how, Self::PanicsAtOnce), "at once");
        async move {
            tokio::task::yield_now().await;
            match how {
                Self::Errs | Self::PanicsAtOnce => Err(StoreError::new("the database is down")),
                Self::Panics => panic!("in the future"),
                Self::NeverAnswers => std::future::pending().await,
            }
        }
    }
}

#[test]
fn a_store_that_fails_lets_nobody_in() {
    let refused = "E(FATAL 57P03: passwords cannot be checked at the moment) end";
    for (store, story) in [
        (Bad::Errs, refused),
        (Bad::Panics, refused),
        (Bad::PanicsAtOnce, refused),
        (Bad::NeverAnswers, "end"),
    ] {
        // Each runtime once, and each method on the first.
        let methods = [AuthMethod::Md5, AuthMethod::ScramSha256].map(|m| (Runtime::ALL[0], m));
        let runtimes = Runtime::ALL.iter().map(|on| (*on, AuthMethod::Password));
        for (on, method) in runtimes.chain(methods) {
            let builder = PgServerBuilder::new()
                .auth_method(method)
                .login_timeout(match store {
                    Bad::NeverAnswers => Duration::from_millis(300),
                    Bad::Errs | Bad::Panics | Bad::PanicsAtOnce => PATIENCE,
                })
                .secret_store(store);
            let server = Server::start_on(on, builder, embedded());
            let mut client = Raw::plain(&server);
            // The password is there before it is asked for.
            let mut bytes = startup(&[("user", "alice")]);
            bytes.extend(message(b'p', b"secret\0"));
            client.send(&bytes);
            assert_eq!(client.story(), story, "{on:?} {method:?}");
        }
    }
}

/// A store that answers from a thread of its own.
struct Slow;

impl SecretStore for Slow {
    async fn secret(&self, _: &str) -> Result<Option<Secret>, StoreError> {
        let (tell, told) = tokio::sync::oneshot::channel();
        std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(200));
            let _ = tell.send(scram_secret());
        });
        told.await.map(Some).map_err(StoreError::new)
    }
}

#[test]
fn a_store_may_take_its_time_on_every_runtime() {
    for on in Runtime::ALL {
        let builder = PgServerBuilder::new()
            .auth_method(AuthMethod::ScramSha256)
            .secret_store(Slow);
        let server = Server::start_on(*on, builder, embedded());
        // Meanwhile others get their turn.
        let said = std::thread::scope(|scope| {
            let logins = [(); 3].map(|()| scope.spawn(|| log_in(&server, "", PASSWORD)));
            logins.map(|login| login.join().unwrap())
        });
        assert!(said.iter().all(|said| said.ok), "{on:?}: {said:?}");
    }
}

/// One deadline from accept on, whatever the login is waiting for.
#[test]
fn a_client_that_falls_silent_is_closed_at_the_deadline() {
    let limit = Duration::from_millis(600);
    let store = MemoryStore::new();
    store.set("alice", scram_secret());
    let builder = PgServerBuilder::new()
        .auth_method(AuthMethod::ScramSha256)
        .login_timeout(limit)
        .secret_store(store);
    let server = Server::start(builder, embedded());
    let begin = message(b'p', b"SCRAM-SHA-256\0\0\0\0\x0dn,,n=,r=nonce");
    for (said, heard) in [
        (&begin[..0], 24),
        (&begin[..1], 24),
        (&begin[..20], 24),
        (&begin[..], 24 + 9),
    ] {
        let started = Instant::now();
        let mut client = server.connect();
        std::io::Write::write_all(&mut client, &startup(&[("user", "alice")])).unwrap();
        for byte in said {
            // A trickle does not extend it.
            std::io::Write::write_all(&mut client, &[*byte]).unwrap();
            std::thread::sleep(Duration::from_millis(5));
        }
        let mut all = Vec::new();
        let _ = client.read_to_end(&mut all);
        let took = started.elapsed();
        assert!(
            all.len() >= heard && !all.windows(5).any(|w| w == b"FATAL"),
            "{all:?}"
        );
        assert!(took >= limit && took < PATIENCE, "{took:?}");
    }
}
