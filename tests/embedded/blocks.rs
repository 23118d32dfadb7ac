//! DO, as migrations send it, compared with what PostgreSQL 15 answers.

use crate::common::sql::{check, on_empty, plain, with_client};

#[test]
fn guards_of_migrations_do_what_is_missing() {
    on_empty(&[
        (
            "DO 'BEGIN CREATE TYPE m AS ENUM (''a'', ''b''); EXCEPTION WHEN duplicate_object THEN null; END'",
            "",
        ),
        (
            "DO 'BEGIN CREATE TYPE m AS ENUM (''c''); EXCEPTION WHEN duplicate_object THEN null; END'",
            "",
        ),
        ("select 'b'::m", "b"),
        ("do $$ begin create type m as enum ('a'); end $$", "42710"),
        (
            "DO $$ BEGIN\n IF NOT EXISTS (SELECT 1 FROM pg_class WHERE relname = 'z') THEN\n\
             CREATE TABLE z(a int);\n INSERT INTO z VALUES (1);\n ELSE INSERT INTO z VALUES (2);\n END IF;\nEND $$",
            "",
        ),
        (
            "DO $$ BEGIN\n IF NOT EXISTS (SELECT 1 FROM pg_class WHERE relname = 'z') THEN\n\
             CREATE TABLE z(a int);\n ELSIF 1 > 2 THEN NULL; ELSE INSERT INTO z VALUES (2);\n END IF;\nEND $$",
            "",
        ),
        ("select a from z order by a", "1;2"),
        (
            "create table p(id int primary key); create table c(p int)",
            "",
        ),
        (
            "DO $$ BEGIN ALTER TABLE \"c\" ADD CONSTRAINT \"k\" FOREIGN KEY (\"p\") REFERENCES \"public\".\"p\"(\"id\"); \
             EXCEPTION WHEN duplicate_object THEN null; END $$",
            "",
        ),
        (
            "DO $$ BEGIN ALTER TABLE \"c\" ADD CONSTRAINT \"k\" FOREIGN KEY (\"p\") REFERENCES \"public\".\"p\"(\"id\"); \
             EXCEPTION WHEN duplicate_object THEN null; END $$",
            "",
        ),
        ("insert into c values (7)", "23503"),
        (
            "do language plpgsql 'begin alter table z add constraint u unique (a); end'",
            "",
        ),
        (
            "do $$ begin alter table z add constraint u unique (a); exception when duplicate_object then null; end $$",
            "42P07",
        ),
    ]);
}

#[test]
fn handlers_undo_what_their_block_did() {
    on_empty(&[
        ("create table z(a int); create sequence s", ""),
        (
            "do $$ begin insert into z values (1); perform 1 / 0; \
             exception when unique_violation or data_exception then insert into z values (2); end $$",
            "",
        ),
        (
            "do $$ begin begin create table gone(x int); perform 1 / 0; exception when sqlstate '23505' then null; end; \
             exception when others then insert into z values (3); end $$",
            "",
        ),
        ("select * from gone", "42P01"),
        (
            "do $$ begin insert into z values (4); perform nextval('s'); execute 'insert into z values (5)'; \
             raise exception 'no' using errcode = 'check_violation'; end $$",
            "23514",
        ),
        (
            "do $$ begin perform nextval('s'); insert into z select nextval('s') + 100 from generate_series(1, 2); end $$",
            "",
        ),
        ("select count(*), max(a) > 100 from z where a > 3", "2|t"),
        ("select a from z where a < 100 order by a", "2;3"),
        ("begin", ""),
        ("do $$ begin perform nope(); end $$", "42883"),
        ("select 1", "25P02"),
        ("rollback", ""),
        ("begin read only", ""),
        ("do $$ begin perform 1; end $$", ""),
        ("do $$ begin insert into z values (9); end $$", "25006"),
        ("rollback", ""),
        ("do $$ begin select 1; end $$", "42601"),
        ("do $$ begin vacuum; end $$", "25001"),
        ("do $$ begin end $$ language plperl", "42704"),
        // PostgreSQL has variables.
        ("do $$ declare x int; begin end $$", "0A000"),
    ]);
}

#[test]
fn what_is_raised_has_its_code_and_place() {
    with_client(&plain(), async |client| {
        let error = client
            .batch_execute(
                "do $$\nbegin\n raise exception 'a%%b' using detail = 'd', hint = 'h';\nend $$",
            )
            .await
            .unwrap_err();
        let error = error.as_db_error().unwrap();
        assert_eq!((error.code().code(), error.message()), ("P0001", "a%b"));
        assert_eq!((error.detail(), error.hint()), (Some("d"), Some("h")));
        assert_eq!(
            error.where_(),
            Some("PL/pgSQL function inline_code_block line 3 at RAISE")
        );
        client
            .execute("do $$ begin create table t(a int); end $$", &[])
            .await
            .unwrap();
        check(&client, &[("select count(*) from t", "0")]).await;
    });
}
