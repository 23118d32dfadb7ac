//! Enum types.

use std::error::Error;

use crate::common::sql::{check, on_empty, plain, with_client, with_clients};
use futures_util::SinkExt;
use tokio_postgres::Client;
use tokio_postgres::types::{FromSql, IsNull, Kind, ToSql, Type};

/// A value of any enum.
#[derive(Debug)]
struct Label(String);

impl ToSql for Label {
    fn to_sql(
        &self,
        _: &Type,
        out: &mut bytes::BytesMut,
    ) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        out.extend_from_slice(self.0.as_bytes());
        Ok(IsNull::No)
    }

    fn accepts(kind: &Type) -> bool {
        matches!(kind.kind(), Kind::Enum(_))
    }

    tokio_postgres::types::to_sql_checked!();
}

impl<'a> FromSql<'a> for Label {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(String::from_utf8(raw.to_vec())?))
    }

    fn accepts(kind: &Type) -> bool {
        matches!(kind.kind(), Kind::Enum(_))
    }
}

/// Each answer is PostgreSQL 15's.
#[test]
fn values_are_labels_and_sort_as_they_were_listed() {
    on_empty(&[
        ("create type mood as enum ('sad', 'ok', 'happy')", ""),
        ("create type mood as enum ('x')", "42710"),
        ("create type public.\"Role\" as enum ('USER', 'ADMIN')", ""),
        (
            "create table t(id int primary key, m mood default 'ok' not null, r \"Role\", check (m <> 'sad' or r is null))",
            "",
        ),
        (
            "insert into t values (1, 'happy', 'ADMIN'), (2, default, null), (3, 'sad', null)",
            "",
        ),
        ("insert into t values (4, 'nope')", "22P02"),
        ("insert into t values (4, 'sad', 'USER')", "23514"),
        (
            "select * from t order by m, id",
            "3|sad|∅;2|ok|∅;1|happy|ADMIN",
        ),
        ("select id from t where m > 'sad' order by m desc", "1;2"),
        (
            "select max(m), min(m), count(distinct m) from t",
            "happy|sad|3",
        ),
        (
            "select m, count(*) from t group by m having m < 'happy' order by 1",
            "sad|1;ok|1",
        ),
        (
            "select id from t where m in ('sad', 'happy') order by 1",
            "1;3",
        ),
        ("select id from t where m = 'x'", "22P02"),
        ("select id from t where m = 'sad'::text", "42883"),
        ("select m = r from t", "42883"),
        ("select id from t where m::text = 'sad'", "3"),
        (
            "select m || '!', upper(m::text), coalesce(m, 'sad'), m is null from t where id = 1",
            "happy!|HAPPY|happy|f",
        ),
        (
            "select greatest(m, 'ok'), least(m, 'ok') from t order by id",
            "happy|ok;ok|ok;ok|sad",
        ),
        (
            "select 'sad'::mood < 'ok', 'ok'::text::mood, cast('ok' as public.mood), pg_typeof('ok'::mood)",
            "t|ok|ok|mood",
        ),
        ("select 5::mood", "42846"),
        ("select 'ok'::mood::int", "42846"),
        ("select 'no'::text::mood", "22P02"),
        (
            "select to_json(m), jsonb_agg(m order by m) from t where id = 1 group by m",
            "\"happy\"|[\"happy\"]",
        ),
        ("insert into t select 5, 'happy'::text", "42804"),
        ("insert into t select 5, 'happy'", ""),
        ("update t set m = 'sad' where id = 5 returning m", "sad"),
        ("create table texts(x text)", ""),
        ("insert into texts select m from t where id = 1", ""),
        ("select * from texts", "happy"),
        ("create view v as select m from t", ""),
        ("select m from v order by m desc limit 1", "happy"),
        (
            "select m from t union select 'ok' order by 1",
            "sad;ok;happy",
        ),
        (
            "select x.m from t x join t y on x.m = y.m and x.id < y.id",
            "sad",
        ),
        ("create index on t(m)", ""),
        (
            "select id from t where m between 'ok' and 'happy' order by id",
            "1;2",
        ),
        ("alter table t alter column m type text", "0A000"),
        (
            "select array_agg(m order by m) from t",
            "{sad,sad,ok,happy}",
        ),
    ]);
}

#[test]
fn labels_are_added_and_renamed() {
    with_clients(&plain(), async |[one, two]: [Client; 2]| {
        check(
            &one,
            &[
                ("create type mood as enum ('sad', 'ok', 'happy')", ""),
                (
                    "create table t(id int, m mood default 'ok', check (m <> 'sad' or id > 0))",
                    "",
                ),
                (
                    "insert into t values (1, 'happy'), (2, 'ok'), (3, 'sad')",
                    "",
                ),
            ],
        )
        .await;
        let sorted = "select m from t order by m";
        let prepared = two.prepare(sorted).await.unwrap();
        check(
            &one,
            &[
                ("alter type mood add value 'meh' before 'ok'", ""),
                ("alter type mood add value if not exists 'meh'", ""),
                ("alter type mood add value 'meh'", "42710"),
                ("alter type mood add value 'x' after 'nope'", "22023"),
                ("alter type mood add value 'great'", ""),
                ("alter type mood add value 'low' before 'sad'", ""),
                (
                    "insert into t values (4, 'meh'), (5, 'great'), (6, 'low')",
                    "",
                ),
                (sorted, "low;sad;meh;ok;happy;great"),
            ],
        )
        .await;
        // The other session sees it, even by what it prepared before.
        let rows = two.query(&prepared, &[]).await.unwrap();
        assert_eq!(rows.len(), 6);
        check(
            &two,
            &[
                (sorted, "low;sad;meh;ok;happy;great"),
                ("select case m when 'meh' then 'M' else m::text end from t where id in (1, 4) order by m", "M;happy"),
                ("alter type mood rename value 'sad' to 'blue'", ""),
                ("alter type mood rename value 'sad' to 'blue'", "22023"),
                ("alter type mood rename value 'ok' to 'blue'", "42710"),
                ("alter type mood rename to \"Feeling\"", ""),
                ("alter type mood rename to x", "42704"),
            ],
        )
        .await;
        check(
            &one,
            &[
                (sorted, "low;blue;meh;ok;happy;great"),
                ("select m from t where m = 'sad'", "22P02"),
                (
                    "select enumlabel, enumsortorder from pg_enum e join pg_type t on t.oid = enumtypid \
                     where typname = 'Feeling' order by enumsortorder",
                    "low|1;blue|2;meh|3;ok|4;happy|5;great|6",
                ),
                (
                    "select format_type(atttypid, atttypmod) from pg_attribute where attrelid = 't'::regclass and attnum > 0 order by attnum",
                    "integer;\"Feeling\"",
                ),
                (
                    "select data_type, udt_schema, udt_name, column_default from information_schema.columns \
                     where table_name = 't' and column_name = 'm'",
                    "USER-DEFINED|public|Feeling|'ok'::\"Feeling\"",
                ),
                (
                    "select pg_get_constraintdef(oid) from pg_constraint where conname = 't_check'",
                    "CHECK (((m <> 'blue'::\"Feeling\") OR (id > 0)))",
                ),
                ("insert into t(id) values (9) returning m", "ok"),
                ("insert into t values (0, 'blue')", "23514"),
                ("drop type \"Feeling\"", "2BP01"),
                ("drop type nope", "42704"),
                ("drop type if exists nope", ""),
                ("drop type \"Feeling\" cascade", "0A000"),
                ("begin", ""),
                ("create type gone as enum ('a')", ""),
                ("select 'a'::gone", "a"),
                ("rollback", ""),
                ("select 'a'::gone", "42704"),
                ("alter table t drop constraint t_check", ""),
                ("alter table t alter column m drop default", ""),
                ("alter table t alter column m type text", ""),
                ("drop type \"Feeling\"", ""),
                ("create type other as enum ('z', 'great', 'happy', 'ok', 'meh', 'blue', 'low')", ""),
                ("alter table t alter column m type other using m::other", ""),
                ("select m, m > 'blue' from t where id in (1, 6) order by m", "happy|f;low|t"),
                ("drop table t", ""),
                ("drop type other", ""),
                ("create type empty as enum ()", ""),
                ("create table e(m empty)", ""),
                ("insert into e values ('a')", "22P02"),
                ("create type dup as enum ('a', 'a')", "23505"),
                ("create type pair as (a int, b int)", "0A000"),
            ],
        )
        .await;
    });
}

/// The client asks the catalogs by itself.
#[test]
fn drivers_know_the_type() {
    with_client(&plain(), async |client| {
        check(
            &client,
            &[
                ("create type mood as enum ('sad', 'ok')", ""),
                ("create table t(id int, m mood)", ""),
            ],
        )
        .await;
        let insert = client
            .prepare("insert into t values ($1, $2) returning m")
            .await
            .unwrap();
        let kind = &insert.params()[1];
        assert_eq!((kind.name(), kind.schema()), ("mood", "public"));
        assert_eq!(*kind.kind(), Kind::Enum(vec!["sad".into(), "ok".into()]));
        assert_eq!(insert.columns()[0].type_(), kind);
        let row = client
            .query_one(&insert, &[&1, &Label("ok".into())])
            .await
            .unwrap();
        assert_eq!(row.get::<_, Label>(0).0, "ok");
        let error = client
            .query_one(&insert, &[&1, &Label("no".into())])
            .await
            .unwrap_err();
        assert_eq!(error.code().unwrap().code(), "22P02");
        // What was undone is not seen, even by what was prepared before.
        let shown = client.prepare("select m from t").await.unwrap();
        check(
            &client,
            &[
                ("begin; alter type mood rename value 'ok' to 'fine'", ""),
                ("select m, m = 'fine' from t", "fine|t"),
                ("rollback", ""),
            ],
        )
        .await;
        let row = client.query_one(&shown, &[]).await.unwrap();
        assert_eq!(row.get::<_, Label>(0).0, "ok");
        // Its number may be told, and stays.
        let asked = client
            .query_typed(
                "select m from t where m = $1",
                &[(&Label("ok".into()), kind.clone())],
            )
            .await;
        assert_eq!(asked.unwrap().len(), 1);
        let oid = kind.oid().to_string();
        check(
            &client,
            &[
                ("alter type mood add value 'happy' before 'sad'", ""),
                (
                    &format!("select typname, typtype, typcategory from pg_type where oid = {oid}"),
                    "mood|e|E",
                ),
                ("select 'mood'::regtype, to_regtype('mood')", "mood|mood"),
            ],
        )
        .await;
        let copy = client
            .copy_in::<_, bytes::Bytes>("copy t from stdin")
            .await
            .unwrap();
        futures_util::pin_mut!(copy);
        copy.send("2\thappy\n3\tsad\n".into()).await.unwrap();
        copy.finish().await.unwrap();
        check(&client, &[("select m from t order by m", "happy;sad;ok")]).await;
    });
}

/// SQLite counts changes of the schema, and those that are undone give their numbers back.
#[test]
fn what_was_undone_is_not_taken_for_what_came_after() {
    with_clients(&plain(), async |[one, two]: [Client; 2]| {
        check(
            &one,
            &[
                ("create table t(a int)", ""),
                ("begin; alter table t add column gone int", ""),
                ("select gone from t", ""),
                ("rollback", ""),
            ],
        )
        .await;
        check(&two, &[("alter table t add column came int", "")]).await;
        check(
            &one,
            &[("select came from t", ""), ("select gone from t", "42703")],
        )
        .await;
    });
}

/// Each answer is PostgreSQL 15's, but for RENAME VALUE.
#[test]
fn arrays_have_labels() {
    on_empty(&[
        ("create type mood as enum ('sad', 'ok', 'happy')", ""),
        (
            "create table m(id serial primary key, a mood[] default '{}', b text array, c \"public\".\"mood\" array not null default '{ok}')",
            "",
        ),
        (
            "insert into m(a) values ('{sad,happy}'),(null),(array['ok'::mood]),('{}') returning id, a, c",
            "1|{sad,happy}|{ok};2|∅|{ok};3|{ok}|{ok};4|{}|{ok}",
        ),
        ("insert into m(a) values ('{bad}')", "22P02"),
        ("select id from m where 'sad' = any(a)", "1"),
        (
            "select a[2], a || 'ok'::mood, array_append(a,'sad'), a @> '{sad}', a::text[], pg_typeof(a) from m where id=1",
            "happy|{sad,happy,ok}|{sad,happy,sad}|t|{sad,happy}|mood[]",
        ),
        ("select unnest(a) from m order by 1", "sad;ok;happy"),
        (
            "select column_name, data_type, udt_schema, udt_name from information_schema.columns where table_name='m' order by ordinal_position offset 1",
            "a|ARRAY|public|_mood;b|ARRAY|pg_catalog|_text;c|ARRAY|public|_mood",
        ),
        (
            "select t.typname, e.typname, t.typcategory from pg_type t join pg_type e on e.oid=t.typelem and e.typarray=t.oid where t.typname='_mood'",
            "_mood|mood|A",
        ),
        ("select format_type('_mood'::regtype, -1)", "mood[]"),
        ("alter type mood rename value 'sad' to 'glad'", "0A000"),
        ("drop type mood", "2BP01"),
        ("drop type mood cascade", "0A000"),
        ("drop table m", ""),
        ("drop type if exists mood, nope cascade", ""),
    ]);
}
