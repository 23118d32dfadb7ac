//! The schema `public`, which tools drop and make again to begin anew, compared with PostgreSQL 15.

use crate::common::sql::{check, on_empty, plain, with_clients};

#[test]
fn public_goes_with_all_that_is_in_it_and_comes_back_empty() {
    on_empty(&[
        (
            "create table p(id serial primary key, x text); create table c(id int primary key, p int references p); \
             create view v as select * from p; create view w as select * from v; create sequence sq; \
             create type m as enum ('a'); create table e(m m); create index on c(p); \
             insert into p(x) values ('q'); insert into c values (1, 1); \
             alter table p add column c int references c deferrable initially deferred; \
             create table self(id int primary key, up int references self); insert into self values (1, 1)",
            "",
        ),
        ("drop schema public", "2BP01"),
        ("drop schema public cascade", ""),
        ("create table t(a int)", "3F000"),
        ("create table public.t(a int)", "3F000"),
        ("create sequence s", "3F000"),
        ("create type m as enum ('a')", "3F000"),
        ("select * from public.p", "42P01"),
        (
            "select current_schema(), current_schemas(true)",
            "∅|{pg_catalog}",
        ),
        (
            "select count(*) from pg_namespace where nspname = 'public'",
            "0",
        ),
        ("create temp table tt(a int); select * from tt", ""),
        ("drop table if exists p; drop type if exists m", ""),
        ("drop schema public", "3F000"),
        ("drop schema if exists public", ""),
        ("create schema public", ""),
        ("create schema public", "42P06"),
        (
            "create schema if not exists public authorization postgres",
            "",
        ),
        ("select current_schema()", "public"),
        (
            "create table p(id serial primary key, x text); insert into p(x) values ('n') returning id",
            "1",
        ),
        ("create type m as enum ('b'); select 'b'::m", "b"),
        ("create sequence sq; select nextval('sq')", "1"),
        (
            "select count(*) from pg_class where relname in ('c', 'v', 'w', 'e', 'self')",
            "0",
        ),
        (
            "begin; drop schema public cascade; create schema public; create table p(z int)",
            "",
        ),
        ("rollback", ""),
        ("select * from p", "1|n"),
        ("drop schema nope", "3F000"),
        ("drop schema if exists nope", ""),
        ("drop schema pg_catalog", "2BP01"),
    ]);
}

#[test]
fn other_sessions_see_that_it_is_gone() {
    with_clients(&plain(), async |[one, two]| {
        check(
            &two,
            &[(
                "select count(*) from pg_tables where schemaname = 'public'",
                "0",
            )],
        )
        .await;
        check(
            &one,
            &[("create table t(a int); drop schema public cascade", "")],
        )
        .await;
        check(
            &two,
            &[
                ("create table t(a int)", "3F000"),
                ("select current_schema() is null", "t"),
            ],
        )
        .await;
        check(&one, &[("create schema public", "")]).await;
        check(&two, &[("create table t(b int); select * from t", "")]).await;
    });
}
