//! Advisory locks, which programs that change a schema take so that they do not meet.

use std::time::{Duration, Instant};

use crate::common::PATIENCE;
use crate::common::sql::{answer, check, plain, with_client, with_clients};
use tokio_postgres::{AsyncMessage, Client, NoTls, types::Type};

async fn briefly() {
    tokio::time::sleep(Duration::from_millis(100)).await;
}

#[test]
fn locks_are_for_one_or_shared_and_have_their_types() {
    with_clients(&plain(), async |[one, two]: [Client; 2]| {
        check(
            &one,
            &[
                ("select pg_advisory_lock(1)", ""),
                ("select pg_try_advisory_lock(1)", "t"),
                (
                    "select pg_advisory_lock_shared(2), pg_advisory_lock(0, 1)",
                    "|",
                ),
                (
                    "select pg_try_advisory_lock(null), pg_try_advisory_lock(1, null)",
                    "∅|∅",
                ),
                ("select pg_advisory_lock(1, 2::bigint)", "42883"),
                ("select pg_advisory_lock('x')", "22P02"),
            ],
        )
        .await;
        check(
            &two,
            &[
                (
                    "select pg_try_advisory_lock(1), pg_try_advisory_lock_shared(1)",
                    "f|f",
                ),
                (
                    "select pg_try_advisory_lock_shared(2), pg_try_advisory_lock(2)",
                    "t|f",
                ),
                ("select pg_try_advisory_lock(0, 1)", "f"),
                ("select pg_advisory_unlock(1)", "f"),
                (
                    "select pg_try_advisory_lock(x) from generate_series(1, 3) x",
                    "f;f;t",
                ),
            ],
        )
        .await;
        check(
            &one,
            &[
                (
                    "select pg_advisory_unlock(1), pg_advisory_unlock(1), pg_advisory_unlock(1)",
                    "t|t|f",
                ),
                (
                    "select pg_advisory_unlock(2), pg_advisory_unlock_shared(2)",
                    "f|t",
                ),
                ("select pg_advisory_unlock_all()", ""),
                ("select pg_advisory_unlock(0, 1)", "f"),
            ],
        )
        .await;
        check(
            &two,
            &[(
                "select pg_try_advisory_lock(1), pg_try_advisory_lock(2)",
                "t|t",
            )],
        )
        .await;

        let lock = one.prepare("select pg_advisory_lock($1)").await.unwrap();
        assert_eq!(lock.params(), [Type::INT8]);
        assert_eq!(lock.columns()[0].type_(), &Type::VOID);
        one.query(&lock, &[&7_i64]).await.unwrap();
        let lock = two
            .prepare("select pg_try_advisory_lock($1, $2)")
            .await
            .unwrap();
        assert_eq!(lock.params(), [Type::INT4, Type::INT4]);
        assert_eq!(lock.columns()[0].type_(), &Type::BOOL);
        check(&two, &[("select pg_try_advisory_lock(7)", "f")]).await;
        // Where a session began, its locks end.
        check(&one, &[("discard all", "")]).await;
        check(&two, &[("select pg_try_advisory_lock(7)", "t")]).await;
    });
}

#[test]
fn those_of_a_transaction_end_with_it() {
    with_clients(&plain(), async |[one, two]: [Client; 2]| {
        let free = "select pg_try_advisory_xact_lock(1), pg_try_advisory_xact_lock(2)";
        check(&one, &[("select pg_advisory_xact_lock(1)", "")]).await;
        check(&two, &[(free, "t|t")]).await;
        for end in ["commit", "rollback"] {
            check(
                &one,
                &[
                    ("begin", ""),
                    ("select pg_advisory_xact_lock(1)", ""),
                    ("select pg_advisory_unlock(1)", "f"),
                    ("savepoint s", ""),
                    ("select pg_advisory_xact_lock(2)", ""),
                ],
            )
            .await;
            check(&two, &[(free, "f|f")]).await;
            check(&one, &[("rollback to s", "")]).await;
            check(&two, &[(free, "f|t")]).await;
            check(&one, &[(end, "")]).await;
            check(&two, &[(free, "t|t")]).await;
        }
        // An error ends it at once, but not what the session has.
        check(
            &one,
            &[
                ("begin", ""),
                ("select pg_advisory_lock(2), pg_advisory_xact_lock(1)", "|"),
                ("select 1/0", "22012"),
            ],
        )
        .await;
        check(&two, &[(free, "t|f")]).await;
        check(&one, &[("rollback", "")]).await;
        check(&two, &[(free, "t|f")]).await;
        check(&one, &[("select pg_advisory_unlock(2)", "t")]).await;
        // The statements of one message are one transaction.
        let both = answer(
            &one,
            "select pg_advisory_xact_lock(1); select pg_sleep(0.5)",
        );
        let look = async {
            briefly().await;
            check(&two, &[(free, "f|t")]).await;
        };
        tokio::join!(both, look);
        check(&two, &[(free, "t|t")]).await;
        check(&one, &[("select pg_advisory_xact_lock(1), 1/0", "22012")]).await;
        check(&two, &[(free, "t|t")]).await;
        one.query_one("select pg_advisory_xact_lock(1)", &[])
            .await
            .unwrap();
        check(&two, &[(free, "t|t")]).await;
    });
}

#[test]
fn what_is_not_held_is_told() {
    let server = plain();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let config = format!("host=127.0.0.1 port={} user=postgres", server.port());
        let (client, mut connection) = tokio_postgres::connect(&config, NoTls).await.unwrap();
        let connection = tokio::spawn(async move {
            let mut told = Vec::new();
            let mut next = async || std::future::poll_fn(|cx| connection.poll_message(cx)).await;
            while let Some(message) = next().await {
                if let AsyncMessage::Notice(notice) = message.unwrap() {
                    told.push(format!("{} {}", notice.code().code(), notice.message()));
                }
            }
            told
        });
        check(&client, &[("select pg_advisory_unlock(4)", "f")]).await;
        let sql = "select pg_advisory_unlock_shared($1, 0)";
        let row = client.query_one(sql, &[&4]).await.unwrap();
        assert!(!row.get::<_, bool>(0));
        drop(client);
        assert_eq!(
            connection.await.unwrap(),
            [
                "01000 you don't own a lock of type ExclusiveLock",
                "01000 you don't own a lock of type ShareLock"
            ]
        );
    });
}

#[test]
fn a_wait_ends() {
    with_clients(&plain(), async |[one, two]: [Client; 2]| {
        let take = "select pg_advisory_lock(1)";
        check(&one, &[(take, "")]).await;
        let began = Instant::now();
        check(
            &two,
            &[
                ("set lock_timeout = 100", ""),
                (take, "55P03"),
                ("set lock_timeout = 0; set statement_timeout = 100", ""),
                (take, "57014"),
                ("set statement_timeout = 0", ""),
            ],
        )
        .await;
        let waits = answer(&two, take);
        let cancel = async {
            briefly().await;
            two.cancel_token().cancel_query(NoTls).await.unwrap();
        };
        assert_eq!(tokio::join!(waits, cancel).0, "57014");
        let unlock = async {
            briefly().await;
            check(&one, &[("select pg_advisory_unlock(1)", "t")]).await;
        };
        assert_eq!(tokio::join!(answer(&two, take), unlock).0, "");
        check(&one, &[("select pg_try_advisory_lock(1)", "f")]).await;
        check(&two, &[("select pg_advisory_unlock(1)", "t")]).await;
        assert!(began.elapsed() < PATIENCE);
    });
}

#[test]
fn those_who_wait_for_each_other_are_told() {
    with_clients(&plain(), async |[one, two]: [Client; 2]| {
        check(&one, &[("begin; select pg_advisory_xact_lock(1)", "")]).await;
        check(&two, &[("begin; select pg_advisory_xact_lock(2)", "")]).await;
        let second = async {
            briefly().await;
            let error = two.batch_execute("select pg_advisory_xact_lock(1)").await;
            let error = error.unwrap_err();
            let told = error.as_db_error().unwrap();
            assert_eq!(told.code().code(), "40P01");
            assert_eq!(told.message(), "deadlock detected");
            let detail = told.detail().unwrap();
            assert!(detail.contains(
                "waits for ExclusiveLock on advisory lock [5,0,1,1]; blocked by process"
            ));
        };
        let (first, ()) = tokio::join!(answer(&one, "select pg_advisory_xact_lock(2)"), second);
        assert_eq!(first, "");
        check(&one, &[("commit", "")]).await;
        check(&two, &[("rollback", "")]).await;
    });
}

#[test]
fn a_client_that_is_gone_holds_nothing() {
    let server = plain();
    with_client(&server, async |client| {
        let config = format!("host=127.0.0.1 port={} user=postgres", server.port());
        for waits in [false, true] {
            let (gone, connection) = tokio_postgres::connect(&config, NoTls).await.unwrap();
            let connection = tokio::spawn(connection);
            check(&gone, &[("select pg_advisory_lock(1)", "")]).await;
            if waits {
                check(&client, &[("select pg_advisory_lock(2)", "")]).await;
                let wait = gone.batch_execute("select pg_advisory_lock(2)");
                tokio::time::timeout(Duration::from_millis(100), wait)
                    .await
                    .unwrap_err();
            }
            // The socket closes, and nothing is said.
            connection.abort();
            drop(gone);
            if waits {
                // As in PostgreSQL it is seen when the wait ends.
                check(&client, &[("select pg_advisory_unlock(2)", "t")]).await;
            }
            let began = Instant::now();
            for lock in [1, 2] {
                let free = format!("select pg_try_advisory_xact_lock({lock})");
                while answer(&client, &free).await != "t" {
                    assert!(began.elapsed() < PATIENCE, "{waits}");
                }
            }
        }
    });
}

/// What a program does that changes a schema only where nobody did it before.
#[test]
fn migrations_run_once() {
    with_clients(&plain(), async |clients: [Client; 4]| {
        let migrate = async |client: &Client| {
            check(client, &[("select pg_advisory_lock(72707369)", "")]).await;
            let done = "select count(*) from information_schema.tables where table_name = 'm'";
            if answer(client, done).await == "0" {
                check(
                    client,
                    &[
                        ("begin", ""),
                        ("create table m(v int)", ""),
                        ("insert into m values (1)", ""),
                        ("commit", ""),
                    ],
                )
                .await;
            }
            check(client, &[("select pg_advisory_unlock(72707369)", "t")]).await;
        };
        let [a, b, c, d] = &clients;
        tokio::join!(migrate(a), migrate(b), migrate(c), migrate(d));
        check(a, &[("select count(*) from m", "1")]).await;
    });
}

#[test]
fn locks_are_listed_in_every_session() {
    with_clients(&plain(), async |[one, two]: [Client; 2]| {
        let list = "select classid, objid, objsubid, mode, granted, fastpath, pid = pg_backend_pid() \
             from pg_locks where locktype = 'advisory' order by classid, objid";
        let take = "select pg_advisory_lock(42), pg_advisory_lock_shared(1, 2), \
             pg_advisory_lock(9223372036854775807)";
        check(
            &one,
            &[
                (list, ""),
                (take, "||"),
                (
                    list,
                    "0|42|1|ExclusiveLock|t|f|t;1|2|2|ShareLock|t|f|t;2147483647|4294967295|1|ExclusiveLock|t|f|t",
                ),
            ],
        )
        .await;
        let others = "0|42|1|ExclusiveLock|t|f|f;1|2|2|ShareLock|t|f|f;2147483647|4294967295|1|ExclusiveLock|t|f|f";
        check(&two, &[(list, others)]).await;
        check(&one, &[("select pg_advisory_unlock_all()", "")]).await;
        check(&two, &[(list, "")]).await;
    });
}
