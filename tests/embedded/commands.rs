//! Small statements that programs and people send now and then.

use crate::common::sql::{answer, check, on_empty, plain, with_client, with_clients};
use tokio_postgres::{Client, SimpleQueryMessage};

/// Command tags count, as far as the client tells.
async fn count(client: &Client, sql: &str) -> u64 {
    let messages = client.simple_query(sql).await.unwrap();
    let mut counts = messages.into_iter().filter_map(|m| match m {
        SimpleQueryMessage::CommandComplete(n) => Some(n),
        _ => None,
    });
    counts.next_back().unwrap()
}

#[test]
fn tables_are_queries() {
    on_empty(&[
        ("create table t(a int, \"B c\" text)", ""),
        ("insert into t values (1, 'x'), (2, 'y')", ""),
        ("table t", "1|x;2|y"),
        ("table public.t order by a desc limit 1", "2|y"),
        ("table t union all table t order by 1", "1|x;1|x;2|y;2|y"),
        ("select (table t limit 1)", "42601"),
        (
            "select exists (table t), a from (table t) s where a = 1",
            "t|1",
        ),
        ("with w as (select 5 as n) table w", "5"),
        ("create table u as table t", ""),
        ("insert into u table t", ""),
        ("select count(*) from u", "4"),
        ("table nope", "42P01"),
        ("table t where a = 1", "42601"),
    ]);
}

#[test]
fn a_generated_column_takes_nothing_but_default() {
    on_empty(&[
        (
            "create table g(a int, up int generated always as (a * 2) stored, b int)",
            "",
        ),
        (
            "insert into g(a, up) values (1, default), (2, default) returning *",
            "1|2|∅;2|4|∅",
        ),
        ("insert into g values (3, default, 4) returning *", "3|6|4"),
        ("insert into g values (5) returning *", "5|10|∅"),
        ("insert into g values (3, 4)", "428C9"),
        ("insert into g(up) values (1)", "428C9"),
        ("insert into g(a, up) values (1, default), (2, 7)", "428C9"),
        ("insert into g select 1, 2", "428C9"),
        ("insert into g default values returning *", "∅|∅|∅"),
    ]);
}

#[test]
fn tables_are_made_after_others() {
    on_empty(&[
        (
            "create table p(id serial primary key, n numeric(6,2) not null default 1.5 check (n > 0), \
             u text unique, g int generated always as (id * 2) stored)",
            "",
        ),
        ("create index on p(n)", ""),
        ("insert into p(u) values ('a')", ""),
        ("select id, n into q from p", ""),
        ("select * from q", "1|1.50"),
        ("select 1 as one into temp table tt", ""),
        ("select one from tt", "1"),
        ("select id into q from p", "42P07"),
        ("create table bare(like p)", ""),
        ("insert into bare values (null, 1)", "23502"),
        ("insert into bare(id, n) values (1, -1), (1, -1)", ""),
        ("select id, n, u, g from bare limit 1", "1|-1.00|∅|∅"),
        ("create table whole(like p including all)", ""),
        (
            "insert into whole(u) values ('z') returning id, n, g",
            "2|1.50|4",
        ),
        ("insert into whole(id, n) values (2, 1)", "23505"),
        ("insert into whole(n) values (-1)", "23514"),
        ("insert into whole(u) values ('z')", "23505"),
        (
            "select indexname from pg_indexes where tablename = 'whole' order by 1",
            "whole_n_idx;whole_pkey;whole_u_key",
        ),
        (
            "create table some(like p including defaults including constraints excluding defaults)",
            "",
        ),
        ("insert into some(id, n) values (1, -1)", "23514"),
        ("insert into some(id) values (1)", "23502"),
        ("create table some(like p)", "42P07"),
        ("create table if not exists some(like p)", ""),
        ("create table other(like nope)", "42P01"),
    ]);
}

#[test]
fn writers_lock_tables() {
    with_clients(&plain(), async |[one, two]: [Client; 2]| {
        check(
            &one,
            &[
                ("create table t(a int)", ""),
                ("lock table t", "25P01"),
                ("begin", ""),
                ("lock table nope", "42P01"),
                ("rollback", ""),
                ("begin", ""),
                ("lock table only public.t in share row exclusive mode", ""),
            ],
        )
        .await;
        check(
            &two,
            &[
                ("begin", ""),
                ("lock t in access share mode nowait", ""),
                ("lock t in exclusive mode nowait", "55P03"),
                ("rollback", ""),
                ("set lock_timeout = 50", ""),
                ("insert into t values (1)", "55P03"),
            ],
        )
        .await;
        check(&one, &[("commit", "")]).await;
        check(
            &two,
            &[("begin; lock t; insert into t values (1); commit", "")],
        )
        .await;
    });
}

#[test]
fn cursors_move_without_giving_rows() {
    with_client(&plain(), async |client| {
        check(
            &client,
            &[
                ("begin", ""),
                (
                    "declare c scroll cursor for select n from generate_series(1, 9) n",
                    "",
                ),
                (
                    "declare d cursor for select n from generate_series(1, 9) n",
                    "",
                ),
            ],
        )
        .await;
        for (sql, moved) in [
            ("move 3 from c", 3),
            ("move backward 1 in c", 1),
            ("move relative -1 c", 1),
            ("move absolute 100 from c", 0),
            ("move backward all c", 9),
            ("move next d", 1),
            ("move forward 2 from d", 2),
        ] {
            assert_eq!(count(&client, sql).await, moved, "{sql}");
        }
        check(
            &client,
            &[
                ("fetch next from c", "1"),
                ("fetch absolute -2 from c", "8"),
                ("fetch -2 from c", "7;6"),
                ("fetch relative - 1 from c", "5"),
                ("fetch forward -1 from c", "4"),
                ("fetch backward -2 from c", "5;6"),
                ("fetch 0 c", "6"),
                ("fetch next d", "4"),
            ],
        )
        .await;
        assert_eq!(count(&client, "move all in d").await, 5);
        check(
            &client,
            &[
                ("fetch d", ""),
                ("move prior d", "55000"),
                ("rollback", ""),
                ("move c", "34000"),
            ],
        )
        .await;
    });
}

#[test]
fn the_rest_is_done_or_refused_by_name() {
    on_empty(&[
        ("create table t(a int primary key, b text)", ""),
        ("create index i on t(b)", ""),
        ("insert into t values (1, 'x')", ""),
        ("analyze", ""),
        ("analyze verbose t", ""),
        ("analyze t(a, b)", ""),
        ("analyze nope", "42P01"),
        ("vacuum", ""),
        ("vacuum full", ""),
        ("vacuum (verbose, analyze) t", ""),
        ("vacuum analyze", ""),
        ("vacuum nope", "42P01"),
        ("begin; vacuum", "25001"),
        ("rollback", ""),
        ("reindex table t", ""),
        ("reindex index concurrently i", ""),
        ("reindex index t_pkey", ""),
        ("reindex database postgres", ""),
        ("reindex index nope", "42P01"),
        ("cluster t using i", ""),
        ("cluster t using nope", "42704"),
        ("cluster t", "42704"),
        ("cluster", ""),
        ("checkpoint", ""),
        ("create schema if not exists public", ""),
        ("create schema public", "42P06"),
        ("create schema if not exists app", "0A000"),
        ("create extension if not exists plpgsql", ""),
        ("create extension plpgsql", "42710"),
        ("create extension if not exists \"postgis\"", "0A000"),
        ("do $$ begin perform 1; end $$", ""),
        ("select * from pg_prepared_statements", "0A000"),
        ("grant select on t to public", "0A000"),
        (
            "grant all on all tables in schema public to bob with grant option",
            "0A000",
        ),
        ("revoke all on t from public", "0A000"),
        (
            "create function f() returns int language sql as 'select 1'",
            "0A000",
        ),
        (
            "create trigger x before insert on t for each row execute function f()",
            "0A000",
        ),
        ("create role bob", "0A000"),
        ("security label on table t is 'x'", "0A000"),
        (
            "alter table t add column c int, add check (c > 0), add constraint cu unique (b, c)",
            "",
        ),
        ("insert into t values (2, 'y', 0)", "23514"),
        ("insert into t values (2, 'y', 1)", ""),
        ("insert into t values (3, 'y', 1)", "23505"),
        (
            "alter table t add column p int, add foreign key (p) references t",
            "",
        ),
        ("update t set p = 9", "23503"),
        ("begin; set constraints all deferred; commit", ""),
    ]);
}

#[test]
fn what_is_discarded_is_gone() {
    on_empty(&[
        (
            "create temp table a(x int primary key); create temp table b(x int references a); \
             create temp view v as select * from a; create table kept(x int); create sequence s",
            "",
        ),
        ("insert into a values (1); insert into b values (1)", ""),
        ("select nextval('s')", "1"),
        ("discard temp", ""),
        ("select * from a", "42P01"),
        ("select * from v", "42P01"),
        ("select currval('s')", "1"),
        ("discard sequences", ""),
        ("select currval('s')", "55000"),
        ("begin", ""),
        ("create temp table a(x int)", ""),
        ("discard temporary", ""),
        ("select * from a", "42P01"),
        ("rollback", ""),
        ("create temp table a(x int); insert into a values (1)", ""),
        ("begin", ""),
        ("discard all", "25001"),
        ("rollback", ""),
        ("select * from a", "1"),
        ("discard all", ""),
        ("select * from a", "42P01"),
        ("select * from kept", ""),
        ("create temp table a(y int); select * from a", ""),
    ]);
}

#[test]
fn sessions_of_one_role_cancel_and_end_each_other() {
    let server = plain();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let open = async || {
            let config = format!("host=127.0.0.1 port={} user=postgres", server.port());
            let (client, connection) = tokio_postgres::connect(&config, tokio_postgres::NoTls)
                .await
                .unwrap();
            (client, tokio::spawn(connection))
        };
        let ((one, _first), (two, second), (three, third)) =
            (open().await, open().await, open().await);
        let process = |id: String| format!("({id})");
        let second_id = process(answer(&two, "select pg_backend_pid()").await);
        let third_id = process(answer(&three, "select pg_backend_pid()").await);
        check(
            &one,
            &[
                (
                    "select pg_cancel_backend(0), pg_terminate_backend(null)",
                    "f|∅",
                ),
                (&format!("select pg_cancel_backend{second_id}"), "t"),
            ],
        )
        .await;
        // What came while nothing ran is for nothing.
        assert_eq!(answer(&two, "select 1").await, "1");
        let (slow, _) = tokio::join!(answer(&two, "select pg_sleep(60)"), async {
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
            answer(&one, &format!("select pg_cancel_backend{second_id}")).await
        });
        assert_eq!(slow, "57014");
        // One that works, and one that waits.
        let (slow, _) = tokio::join!(answer(&two, "select pg_sleep(60)"), async {
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
            answer(&one, &format!("select pg_terminate_backend{second_id}")).await
        });
        assert_eq!(slow, "57P01");
        let end = |error: tokio_postgres::Error| error.code().map(|c| c.code().to_owned());
        assert_eq!(
            answer(&one, &format!("select pg_terminate_backend{third_id}")).await,
            "t"
        );
        let told = third.await.unwrap().map_err(end);
        assert_eq!(told, Err(Some("57P01".into())));
        drop(second);
        assert_eq!(answer(&one, "select 1").await, "1");
    });
}
