//! Several sessions on one embedded database, in memory and in a file.

use std::time::{Duration, Instant};

use crate::common::sql::{answer, check, with_clients};
use crate::common::{PATIENCE, Server, embedded};
use pgtls::{EmbeddedDatabase, PgServerBuilder};
use tokio_postgres::{Client, NoTls};

/// The test with a database in memory, then with one in a file.
fn on_both<const N: usize>(test: impl AsyncFn([Client; N])) {
    let builder = || PgServerBuilder::new().shutdown_grace(Duration::from_millis(100));
    with_clients(&Server::start(builder(), embedded()), &test);
    let place = tempfile::tempdir().unwrap();
    let database = EmbeddedDatabase::open(place.path().join("data.db")).unwrap();
    with_clients(&Server::start(builder(), database), &test);
}

async fn with_table(client: &Client) {
    check(
        client,
        &[
            ("create table t(a int primary key, b int)", ""),
            (
                "insert into t select x, 0 from generate_series(1, 2000) x",
                "",
            ),
        ],
    )
    .await;
}

#[test]
fn readers_and_a_writer_do_not_wait_for_each_other() {
    on_both(async |[reader, writer]: [Client; 2]| {
        with_table(&writer).await;
        let began = Instant::now();
        let slow = "select count(*), max(x.b + y.b) from t x, t y, generate_series(1, 100) z";
        let long = reader.simple_query(slow);
        let quick = async {
            tokio::time::sleep(Duration::from_millis(200)).await;
            for _ in 0..5 {
                check(
                    &writer,
                    &[
                        ("update t set b = b + 1 where a = 1", ""),
                        ("begin; insert into t values (5001, 1); commit", ""),
                        ("delete from t where a = 5001", ""),
                    ],
                )
                .await;
            }
            assert!(began.elapsed() < PATIENCE, "{:?}", began.elapsed());
            reader.cancel_token().cancel_query(NoTls).await.unwrap();
        };
        let (long, ()) = tokio::join!(long, quick);
        assert_eq!(long.unwrap_err().code().unwrap().code(), "57014");

        check(&writer, &[("begin; update t set b = 100", "")]).await;
        let began = Instant::now();
        check(&reader, &[("select max(b) from t", "5")]).await;
        assert!(began.elapsed() < Duration::from_secs(2));
        check(&writer, &[("commit", "")]).await;
        check(&reader, &[("select max(b) from t", "100")]).await;
    });
}

#[test]
fn a_statement_sees_what_was_committed_before_it_began() {
    on_both(async |[one, two]: [Client; 2]| {
        with_table(&one).await;
        let seen = "select b from t where a = 1";
        // READ COMMITTED.
        check(&one, &[("begin", ""), (seen, "0")]).await;
        check(&two, &[("begin; update t set b = 1 where a = 1", "")]).await;
        check(&one, &[(seen, "0")]).await;
        check(&two, &[("commit", "")]).await;
        check(
            &one,
            &[
                (seen, "1"),
                ("savepoint s", ""),
                ("update t set b = b + 10 where a = 1 returning b", "11"),
                ("rollback to s", ""),
                (seen, "1"),
                ("commit", ""),
            ],
        )
        .await;
        // An open cursor keeps what it sees.
        check(
            &one,
            &[(
                "begin; declare c cursor for select b from t where a < 3",
                "",
            )],
        )
        .await;
        check(&one, &[("fetch 1 from c", "1")]).await;
        check(&two, &[("update t set b = 2", "")]).await;
        check(
            &one,
            &[
                ("fetch 1 from c", "0"),
                ("close c", ""),
                (seen, "2"),
                ("commit", ""),
            ],
        )
        .await;
    });
}

#[test]
fn what_is_repeatable_is_so_and_writing_on_old_knowledge_fails() {
    on_both(async |[one, two]: [Client; 2]| {
        with_table(&one).await;
        let seen = "select b from t where a = 1";
        for level in ["repeatable read", "serializable"] {
            check(&two, &[("update t set b = 0", "")]).await;
            let begin = format!("begin isolation level {level}");
            check(&one, &[(&begin, ""), (seen, "0")]).await;
            check(&two, &[("update t set b = 1", "")]).await;
            check(&one, &[(seen, "0")]).await;
            let error = one.batch_execute("update t set b = 2 where a = 2").await;
            let error = error.unwrap_err();
            let told = error.as_db_error().unwrap();
            assert_eq!(told.code().code(), "40001");
            assert_eq!(
                told.message(),
                "could not serialize access due to concurrent update"
            );
            check(&one, &[(seen, "25P02"), ("rollback", ""), (seen, "1")]).await;
            // Also while the other one is at it.
            check(&one, &[(&begin, ""), (seen, "1")]).await;
            check(&two, &[("begin; update t set b = 3", "")]).await;
            check(&one, &[("delete from t", "40001"), ("rollback", "")]).await;
            check(&two, &[("commit", "")]).await;
            // Who begins by writing waits, and then sees.
            check(&two, &[("begin; update t set b = 4", "")]).await;
            check(&one, &[(&begin, "")]).await;
            let update = answer(&one, "update t set b = b + 1 where a = 1 returning b");
            let commit = async {
                tokio::time::sleep(Duration::from_millis(100)).await;
                check(&two, &[("commit", "")]).await;
            };
            let (updated, ()) = tokio::join!(update, commit);
            assert_eq!(updated, "5");
            check(&one, &[("commit", "")]).await;
        }
    });
}

#[test]
fn writers_wait_for_each_other_but_not_forever() {
    on_both(async |[one, two]: [Client; 2]| {
        with_table(&one).await;
        check(&one, &[("begin; update t set b = 1", "")]).await;
        let began = Instant::now();
        check(&two, &[("update t set b = 2", "55P03")]).await;
        let waited = began.elapsed();
        assert!(
            waited >= Duration::from_secs(4) && waited < PATIENCE,
            "{waited:?}"
        );
        let began = Instant::now();
        check(
            &two,
            &[
                ("set lock_timeout = 200", ""),
                ("update t set b = 2", "55P03"),
                ("begin; savepoint s", ""),
                ("update t set b = 2", "55P03"),
                ("rollback to s", ""),
                ("select max(b) from t", "0"),
                ("select b from t where a = 1 for update", "55P03"),
                ("rollback", ""),
                ("set lock_timeout = '1min'", ""),
            ],
        )
        .await;
        assert!(began.elapsed() < Duration::from_secs(4));
        // A cancel request ends the wait.
        let update = answer(&two, "update t set b = 2");
        let cancel = async {
            tokio::time::sleep(Duration::from_millis(200)).await;
            two.cancel_token().cancel_query(NoTls).await.unwrap();
        };
        let (updated, ()) = tokio::join!(update, cancel);
        assert_eq!(updated, "57014");
        check(&one, &[("rollback", "")]).await;
        check(&two, &[("update t set b = 2", "")]).await;
    });
}

#[test]
fn counting_together_loses_nothing() {
    on_both(async |clients: [Client; 5]| {
        with_table(&clients[0]).await;
        let count = async |client: &Client| {
            for _ in 0..20 {
                check(
                    client,
                    &[
                        ("begin", ""),
                        ("select 1 from t where a = 1 for update", "1"),
                        ("update t set b = b + 1 where a = 1", ""),
                        ("commit", ""),
                    ],
                )
                .await;
            }
        };
        let [a, b, c, d, e] = &clients;
        tokio::join!(count(a), count(b), count(c), count(d), count(e));
        check(a, &[("select b from t where a = 1", "100")]).await;
        check(
            a,
            &[
                ("begin read only", ""),
                ("select * from t for update", "25006"),
                ("rollback", ""),
            ],
        )
        .await;
    });
}
