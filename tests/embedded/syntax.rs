//! What PostgreSQL 15 understands is understood, or refused by name; what it does not is a mistake.

use crate::common::sql::on_empty;

#[test]
fn constraints_have_comments() {
    let of = |name: &str| {
        format!(
            "select obj_description(oid,'pg_constraint') from pg_constraint where conname='{name}'"
        )
    };
    let all: Vec<String> = ["p_pkey", "c", "u", "t_x_fkey", "d"].map(of).into();
    let [key, check, unique, foreign, renamed] = all.as_slice() else {
        panic!();
    };
    on_empty(&[
        ("create table p(a int constraint p_pkey primary key)", ""),
        (
            "create table t(x int references p, y text constraint u unique, constraint c check (x > 0))",
            "",
        ),
        ("comment on constraint p_pkey on p is 'the key'", ""),
        ("comment on constraint c on public.t is 'it''s so'", ""),
        ("comment on constraint u on t is 'once'", ""),
        ("comment on constraint t_x_fkey on t is 'there'", ""),
        ("comment on column t.x is 'x'", ""),
        (key, "the key"),
        (check, "it's so"),
        (unique, "once"),
        (foreign, "there"),
        ("comment on constraint nope on t is 'x'", "42704"),
        ("comment on constraint c on nope is 'x'", "42P01"),
        ("comment on constraint c on domain d is 'x'", "0A000"),
        ("alter table t rename constraint c to d", ""),
        (renamed, "it's so"),
        ("alter table t rename to t2", ""),
        (renamed, "it's so"),
        ("alter table t2 drop constraint d", ""),
        ("alter table t2 add constraint d check (x > 1)", ""),
        (renamed, "∅"),
        ("comment on constraint u on t2 is null", ""),
        (unique, "∅"),
        ("select col_description('t2'::regclass, 1)", "x"),
    ]);
}

#[test]
fn rows_are_locked_where_there_are_rows() {
    on_empty(&[
        ("create table t(a int)", ""),
        ("insert into t values (1)", ""),
        ("select 1 for update", "1"),
        ("select 1 as a for share nowait", "1"),
        ("select t.a from t, t u for update of t, u skip locked", "1"),
        ("select a from t for update of nope", "42P01"),
        ("select a from t u for update of t", "42P01"),
        ("select distinct a from t for update", "0A000"),
        ("select a from t group by a for update", "0A000"),
        ("select count(*) from t for share", "0A000"),
        ("select row_number() over () from t for update", "0A000"),
        ("select 1 union select 2 for update", "0A000"),
        ("values (1) for update", "0A000"),
    ]);
}

#[test]
fn expressions_are_those_of_postgresql() {
    on_empty(&[
        ("create table t(a int)", ""),
        ("insert into t values (1),(2),(null)", ""),
        (
            "select 5 between symmetric 7 and 3, 5 not between symmetric 3 and 7",
            "t|f",
        ),
        (
            "select 5 between symmetric null and 3, 5 between asymmetric 7 and 3",
            "∅|f",
        ),
        ("select a isnull from t order by a", "f;f;t"),
        ("select a from t order by a using > limit 2", "∅;2"),
        ("select a from t order by a using < limit 1", "1"),
        ("select a from t order by a using <>", "0A000"),
        (
            "select operator(pg_catalog.-) 2, 1 operator(pg_catalog.+) 2",
            "-2|3",
        ),
        (
            "select a operator(pg_catalog.=) any (array[1,3]), a operator(<) all (array[2]) from t where a = 1",
            "t|t",
        ),
        ("select set_config('datestyle', 'German', false)", "0A000"),
        (
            "select proargtypes::regtype[] from pg_proc where proname = 'repeat'",
            "{text,integer}",
        ),
        ("select * from current_user as u", "postgres"),
        ("select count(d) from current_date as x(d)", "1"),
        ("select U&\"d\\0061t\" from (select 1 as dat) x", "1"),
        ("select N'a' = 'a  ', pg_typeof(N'a')", "t|character"),
        ("select interval(3) '1.5'", "0A000"),
        ("select interval '1-2' year to month", "0A000"),
        ("select '1'::interval day to second", "0A000"),
        ("select normalize('a')", "0A000"),
        ("select 'a' like all (array['a'])", "0A000"),
        ("select 1a", "42601"),
        ("select 1_000", "42601"),
        ("select 1 as \"\"", "42601"),
        ("select 1 year", "42601"),
    ]);
}

#[test]
fn what_is_refused_has_a_name() {
    on_empty(&[
        ("create table t(a int primary key, b text)", ""),
        ("alter table t alter b set storage external", "0A000"),
        ("alter table t cluster on t_pkey", "0A000"),
        ("alter index t_pkey set (fillfactor = 50)", "0A000"),
        ("comment on trigger x on t is 'x'", "0A000"),
        ("create table x of y", "0A000"),
        (
            "create table x(a int references t on delete set null (a))",
            "0A000",
        ),
        (
            "create view x as select a from t with local check option",
            "0A000",
        ),
        ("drop publication if exists x", "0A000"),
        (
            "select sum(a) over (order by a rows 1 preceding exclude ties) from t",
            "0A000",
        ),
        ("select xmlelement(name x)", "0A000"),
        ("select * from rows from (generate_series(1,2)) x", "0A000"),
        ("update t set b = 'x' where current of c", "0A000"),
        (
            "create table x(a int generated always as (1) stored)",
            "0A000",
        ),
        ("alter table t frob", "42601"),
        ("drop frob x", "42601"),
    ]);
}

#[test]
fn tables_without_rows_and_keys_with_another_name() {
    on_empty(&[
        ("create table t(a, \"B\") as select 1, 'x' with no data", ""),
        ("select count(*) from t", "0"),
        ("create table u(a int primary key) without oids", ""),
        ("alter index u_pkey rename to k", ""),
        (
            "select conname from pg_constraint where conrelid='u'::regclass",
            "k",
        ),
        ("comment on index k is 'key'", ""),
        ("select obj_description('k'::regclass)", "key"),
        ("alter index nope rename to k", "42P01"),
        ("set schema 'public'", ""),
        ("show search_path", "public"),
        ("reset time zone", ""),
        ("show session authorization", "postgres"),
    ]);
}

#[test]
fn a_view_of_what_is_temporary_is_temporary() {
    on_empty(&[
        ("create temp table t(a int)", ""),
        ("insert into t values (1)", ""),
        ("create view public.v as select a from t", "42P16"),
        (
            "create view v as select a + 1 as b from (select * from t) s",
            "",
        ),
        ("create view w as select b from v", ""),
        ("select * from w", "2"),
        (
            "select count(distinct relnamespace), bool_and(relpersistence = 't') from pg_class \
             where relname in ('t', 'v', 'w')",
            "1|t",
        ),
        (
            "create view x as with t as (select 1 as a) select a from t",
            "",
        ),
        (
            "select relpersistence from pg_class where relname = 'x'",
            "p",
        ),
    ]);
}

#[test]
fn what_nulls_not_distinct_asks_for_is_refused() {
    on_empty(&[
        ("create table t(a int unique nulls not distinct)", "0A000"),
        (
            "create table t(a int, unique nulls not distinct (a))",
            "0A000",
        ),
        (
            "create table t(a serial unique nulls not distinct)",
            "0A000",
        ),
        ("create table t(a int unique nulls distinct, b int)", ""),
        ("alter table t add unique nulls not distinct (b)", "0A000"),
        (
            "alter table t add column c int unique nulls not distinct",
            "0A000",
        ),
        ("create unique index on t(b) nulls not distinct", "0A000"),
    ]);
}

#[test]
fn names_have_63_bytes() {
    let long = "a".repeat(70);
    let short = "a".repeat(63);
    on_empty(&[
        (&format!("create table {long}(b int)"), ""),
        (&format!("select count(*) from {short}"), "0"),
        (
            "select relname from pg_class where relname like 'aaa%'",
            &short,
        ),
    ]);
}
