//! What clients are told of constraints that are violated: which one, where, and by what.

use crate::common::sql::{check, plain, with_client};
use tokio_postgres::Client;

/// Code, detail, table, column and constraint.
async fn told(client: &Client, sql: &str) -> String {
    let error = match client.batch_execute(sql).await {
        Ok(()) => return String::new(),
        Err(error) => error,
    };
    let error = error.as_db_error().unwrap();
    let parts = [
        Some(error.code().code()),
        error.detail(),
        error.table(),
        error.column(),
        error.constraint(),
    ];
    let parts: Vec<&str> = parts.into_iter().map(|p| p.unwrap_or("-")).collect();
    parts.join("|")
}

/// As PostgreSQL 15 tells it.
#[test]
fn rows_and_keys_are_told() {
    with_client(&plain(), async |client| {
        check(
            &client,
            &[
                ("set time zone 'Europe/Berlin'", ""),
                (
                    "create table p(id int primary key, k text unique, n numeric, b bool default true, y bytea, \
                     ts timestamptz default '2026-01-01 00:00+00', ar text[], j jsonb)",
                    "",
                ),
                ("insert into p(id, k) values (1, 'a')", ""),
                (
                    "create table s(id serial primary key, name text not null, q int check (q > 0), \
                     g int generated always as (q*2) stored, constraint two check (q < 10 or name = 'x'))",
                    "",
                ),
                (
                    "create table c(a int, b int, p int references p, r int references p on delete restrict, \
                     constraint both_of primary key(a, b))",
                    "",
                ),
                ("insert into c values (1, 2, 1)", ""),
                (
                    "create table e(a char(3) unique, f float8, v varchar(3), constraint bad check (v <> 'bad'))",
                    "",
                ),
                ("insert into e values ('a', 0.1, 'ok')", ""),
                ("create temp table tmp(x int unique, y int not null)", ""),
                ("insert into tmp values (1, 1)", ""),
            ],
        )
        .await;
        for (sql, expected) in [
            (
                "insert into p(id, k) values (1, 'b')",
                "23505|Key (id)=(1) already exists.|p|-|p_pkey",
            ),
            (
                "insert into p(id, k) values (7, 'x'), (2, 'a')",
                "23505|Key (k)=(a) already exists.|p|-|p_k_key",
            ),
            (
                "insert into p(id, k, n, b, y, ar, j) values (null, 'z', 1.50, false, '\\x00ff', '{a,\"b c\"}', '{\"a\": 1}')",
                "23502|Failing row contains (null, z, 1.50, f, \\x00ff, 2026-01-01 01:00:00+01, {a,\"b c\"}, {\"a\": 1}).|p|id|-",
            ),
            (
                "insert into p values (null, repeat('é', 50))",
                "23502|Failing row contains (null, éééééééééééééééééééééééééééééééé..., null, t, null, \
                 2026-01-01 01:00:00+01, null, null).|p|id|-",
            ),
            (
                "insert into s(q) values (1)",
                "23502|Failing row contains (1, null, 1, 2).|s|name|-",
            ),
            (
                "insert into s(name, q) values ('a', 1), ('z', 0)",
                "23514|Failing row contains (3, z, 0, 0).|s|-|s_q_check",
            ),
            (
                "insert into s(id, name, q) values (9, 'z', 11)",
                "23514|Failing row contains (9, z, 11, 22).|s|-|two",
            ),
            ("insert into s(name) values ('z')", ""),
            (
                "update s set name = null",
                "23502|Failing row contains (4, null, null, null).|s|name|-",
            ),
            (
                "insert into c values (1, null)",
                "23502|Failing row contains (1, null, null, null).|c|b|-",
            ),
            (
                "insert into c values (1, 2, 1)",
                "23505|Key (a, b)=(1, 2) already exists.|c|-|both_of",
            ),
            (
                "insert into c values (1, 3, 9)",
                "23503|Key (p)=(9) is not present in table \"p\".|c|-|c_p_fkey",
            ),
            (
                "delete from p",
                "23503|Key (id)=(1) is still referenced from table \"c\".|c|-|c_p_fkey",
            ),
            ("update c set p = null, r = 1", ""),
            (
                "delete from p where id in (1, 7)",
                "23503|Key (id)=(1) is still referenced from table \"c\".|c|-|c_r_fkey",
            ),
            (
                "insert into e values ('a', 1)",
                "23505|Key (a)=(a  ) already exists.|e|-|e_a_key",
            ),
            (
                "insert into e values ('b', 0.25, 'bad')",
                "23514|Failing row contains (b  , 0.25, bad).|e|-|bad",
            ),
            ("insert into e select 'a', random()", "23505|-|e|-|e_a_key"),
            (
                "insert into e values ('a') on conflict (a) do update set v = 'bad'",
                "23514|Failing row contains (a  , 0.1, bad).|e|-|bad",
            ),
            (
                "insert into tmp values (1, 2)",
                "23505|Key (x)=(1) already exists.|tmp|-|tmp_x_key",
            ),
            (
                "insert into tmp values (2)",
                "23502|Failing row contains (2, null).|tmp|y|-",
            ),
        ] {
            assert_eq!(told(&client, sql).await, expected, "{sql}");
        }
        // An expression is not computed anew.
        check(&client, &[("create unique index low on p(lower(k))", "")]).await;
        let sql = "insert into p values (8, 'A')";
        assert_eq!(told(&client, sql).await, "23505|-|p|-|low");
        check(&client, &[("drop index low", "")]).await;
        // With parameters, and in a transaction that goes on behind a savepoint.
        check(&client, &[("begin; savepoint s", "")]).await;
        let insert = "insert into p(id, k) values ($1, $2)";
        let error = client.execute(insert, &[&5, &"a"]).await.unwrap_err();
        let error = error.as_db_error().unwrap();
        assert_eq!(error.detail(), Some("Key (k)=(a) already exists."));
        check(
            &client,
            &[
                ("rollback to s", ""),
                ("insert into p(id, k) values (5, 'five')", ""),
                ("commit", ""),
                ("select id, k from p order by 1", "1|a;5|five"),
                ("select count(*) from pg_trigger", "0"),
            ],
        )
        .await;
        // Nothing is left of the second look.
        check(
            &client,
            &[("insert into s(name) values ('y') returning id", "5")],
        )
        .await;
    });
}
