//! What sequences gave stays given behind a rollback, compared with what PostgreSQL 15 answers.

use crate::common::sql::{check, on_empty, plain, with_clients};

#[test]
fn numbers_stay_drawn_behind_a_rollback() {
    on_empty(&[
        ("create table s(id serial primary key, v int unique)", ""),
        ("create sequence q", ""),
        ("begin", ""),
        ("select nextval('q')", "1"),
        ("insert into s(v) values (1) returning id", "1"),
        ("rollback", ""),
        ("select nextval('q')", "2"),
        ("insert into s(v) values (1) returning id", "2"),
        ("select currval('q'), lastval()", "2|2"),
        ("insert into s(v) values (1)", "23505"),
        ("insert into s(v) values (1) returning id", "23505"),
        ("insert into s(v) values (2) returning id", "5"),
        ("begin", ""),
        ("select setval('q', 100)", "100"),
        ("rollback", ""),
        ("select nextval('q')", "101"),
        ("begin", ""),
        ("select nextval('q')", "102"),
        ("alter sequence q restart with 500", ""),
        ("select nextval('q')", "500"),
        ("rollback", ""),
        ("select nextval('q')", "103"),
        ("begin", ""),
        ("create sequence q2", ""),
        ("savepoint a", ""),
        ("select nextval('q2')", "1"),
        ("rollback to a", ""),
        ("select nextval('q2')", "2"),
        ("rollback", ""),
        ("select nextval('q2')", "42P01"),
        ("begin", ""),
        ("savepoint a", ""),
        ("select nextval('q')", "104"),
        ("savepoint b", ""),
        ("alter sequence q restart with 7", ""),
        ("select nextval('q')", "7"),
        ("release b", ""),
        ("rollback to a", ""),
        ("select nextval('q')", "105"),
        ("insert into s(v) values (3) returning id", "6"),
        ("rollback to a", ""),
        ("insert into s(v) values (3) returning id", "7"),
        ("commit", ""),
        ("select nextval('q')", "106"),
        (
            "create table k(i int generated always as identity, u int unique)",
            "",
        ),
        ("insert into k(u) values (1)", ""),
        ("insert into k(u) values (1)", "23505"),
        ("insert into k(u) values (2) returning i", "3"),
        ("insert into k(u) values (3), (4), (2), (5)", "23505"),
        ("insert into k(u) values (3) returning i", "7"),
        ("begin", ""),
        ("truncate k restart identity", ""),
        ("insert into k(u) values (3) returning i", "1"),
        ("rollback", ""),
        ("insert into k(u) values (4) returning i", "8"),
        ("begin", ""),
        ("insert into k(u) values (9), (10)", ""),
        ("select 1/0", "22012"),
        ("insert into k(u) values (11)", "25P02"),
        ("commit", ""),
        ("insert into k(u) values (5) returning i", "11"),
        ("create sequence d increment -2 maxvalue 10", ""),
        ("begin", ""),
        ("select nextval('d'), nextval('d')", "10|8"),
        ("rollback", ""),
        ("select nextval('d')", "6"),
        ("create sequence c maxvalue 3 cycle", ""),
        ("select nextval('c'), nextval('c'), nextval('c')", "1|2|3"),
        ("begin", ""),
        ("select nextval('c')", "1"),
        ("rollback", ""),
        ("select nextval('c')", "2"),
        ("begin", ""),
        ("select setval('d', 8, false)", "8"),
        ("rollback", ""),
        ("select nextval('d')", "8"),
        (
            "do $$ begin perform nextval('q'); perform 1/0; exception when division_by_zero then perform nextval('q'); end $$",
            "",
        ),
        ("select nextval('q')", "109"),
        ("begin", ""),
        ("drop sequence q", ""),
        ("rollback", ""),
        ("select nextval('q')", "110"),
        ("begin", ""),
        ("create table s2(id serial primary key, v int)", ""),
        ("insert into s2(v) values (1)", ""),
        ("rollback", ""),
        ("create table s2(id serial primary key, v int)", ""),
        ("insert into s2(v) values (1) returning id", "1"),
    ]);
}
#[test]
fn other_sessions_go_on_from_there() {
    with_clients(&plain(), async |[one, other]| {
        check(
            &one,
            &[
                (
                    "create sequence q; create table s(id serial primary key, v int)",
                    "",
                ),
                ("begin; select nextval('q'), nextval('q')", "1|2"),
                ("insert into s(v) values (1) returning id", "1"),
                ("rollback", ""),
            ],
        )
        .await;
        check(
            &other,
            &[
                ("select nextval('q')", "3"),
                ("insert into s(v) values (1) returning id", "2"),
                // A number of one's own, of a row that is undone, does not count.
                ("begin; insert into s(id) values (1000); rollback", ""),
                ("insert into s(v) values (1) returning id", "3"),
            ],
        )
        .await;
    });
}
