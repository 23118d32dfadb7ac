//! Cursors that scroll and that outlive their transaction.

use crate::common::sql::{answer, check, on_empty, plain, with_clients};
use tokio_postgres::Client;

#[test]
fn rows_can_be_fetched_in_any_order_and_after_the_transaction() {
    on_empty(&[
        (
            "create table t(a int, b text); insert into t select x, 'r' || x from generate_series(1, 10) x",
            "",
        ),
        (
            "begin; declare c scroll cursor for select * from t order by a",
            "",
        ),
        ("fetch c", "1|r1"),
        ("fetch 2 c", "2|r2;3|r3"),
        ("fetch prior c", "2|r2"),
        ("fetch last from c", "10|r10"),
        ("fetch backward 2 in c", "9|r9;8|r8"),
        ("fetch absolute 5 c", "5|r5"),
        ("fetch relative 2 c", "7|r7"),
        ("fetch 0 c", "7|r7"),
        ("fetch forward all c", "8|r8;9|r9;10|r10"),
        ("fetch c", ""),
        ("close c; commit", ""),
        (
            "declare h cursor with hold for select a, null as n from t where a < 5 order by a",
            "",
        ),
        ("fetch h", "1|∅"),
        ("delete from t where a < 5", ""),
        ("begin; fetch h", "2|∅"),
        ("rollback", ""),
        ("fetch h", "3|∅"),
        (
            "select name, is_holdable, is_scrollable, statement like 'declare h%' from pg_cursors",
            "h|t|t|t",
        ),
        ("close h", ""),
        ("fetch h", "34000"),
        (
            "begin; declare h cursor with hold for select a from t; rollback",
            "",
        ),
        ("fetch h", "34000"),
        (
            "begin; savepoint s; declare k scroll cursor for select 1; rollback to s",
            "",
        ),
        ("fetch k", "34000"),
        (
            "rollback; begin; declare n no scroll cursor for select a from t order by a",
            "",
        ),
        ("fetch 2 n", "5;6"),
        ("fetch prior n", "55000"),
        (
            "rollback; begin; declare b binary cursor for select 1",
            "0A000",
        ),
        ("rollback", ""),
        ("declare z cursor for select 1", "25P01"),
        ("select count(*) from pg_cursors", "0"),
    ]);
}

/// What is kept is no transaction: others write meanwhile, and so may this one.
#[test]
fn a_cursor_that_is_held_holds_nothing_else() {
    with_clients(&plain(), async |[one, two]: [Client; 2]| {
        check(
            &one,
            &[
                (
                    "create table t(a int); insert into t select x from generate_series(1, 1000) x",
                    "",
                ),
                (
                    "declare h cursor with hold for select a from t order by a",
                    "",
                ),
                ("fetch 2 h", "1;2"),
            ],
        )
        .await;
        check(
            &two,
            &[
                ("update t set a = -a", ""),
                ("alter table t rename to u", ""),
            ],
        )
        .await;
        check(
            &one,
            &[
                ("insert into u values (1001)", ""),
                ("begin; select count(*) from u where a < 0", "1000"),
                ("fetch last h", "1000"),
                ("fetch prior h", "999"),
                ("commit; discard all", ""),
                ("fetch h", "34000"),
            ],
        )
        .await;
        assert_eq!(answer(&two, "select count(*) from u").await, "1001");
    });
}

#[test]
fn several_arrays_are_unnested_in_step() {
    on_empty(&[
        (
            "select * from unnest(array[1, 2], array['a', 'b', 'c']) as t(x, y)",
            "1|a;2|b;∅|c",
        ),
        (
            "select * from unnest(array[1, null], array[true, false])",
            "1|t;∅|f",
        ),
        ("select * from unnest(null::int[], array[1.50])", "∅|1.50"),
        ("create table t(id serial primary key, n text, k int)", ""),
        (
            "insert into t(n, k) select * from unnest('{x,y}'::varchar[], '{1,2}'::int[]) returning id, n, k",
            "1|x|1;2|y|2",
        ),
    ]);
}

#[test]
fn a_cursor_goes_ahead_to_a_row() {
    on_empty(&[
        ("create table t(a int primary key)", ""),
        ("insert into t select generate_series(1,9)", ""),
        ("begin", ""),
        (
            "declare c no scroll   cursor for select a from t order by a",
            "",
        ),
        (
            "select statement from pg_cursors",
            "declare c no scroll   cursor for select a from t order by a",
        ),
        ("fetch absolute 0 from c", ""),
        ("fetch first from c", "1"),
        ("fetch absolute 3 from c", "3"),
        ("fetch relative 2 from c", "5"),
        ("move relative 1 in c", ""),
        ("fetch next from c", "7"),
        ("move 0 in c", ""),
        ("fetch absolute 12 from c", ""),
        ("fetch relative 0 from c", ""),
        ("fetch absolute 3 from c", "55000"),
        ("rollback", ""),
        ("begin", ""),
        (
            "declare c no scroll cursor with hold for select a from t order by a",
            "",
        ),
        ("commit", ""),
        ("fetch absolute 4 from c", "4"),
        ("fetch relative 2 from c", "6"),
        ("fetch relative 0 from c", "55000"),
        ("close c", ""),
    ]);
}
