//! ALTER, DROP, COMMENT and what constraints say when they are violated.

use crate::common::Server;
use crate::common::sql::{check, on_empty, plain, with_client, with_clients};
use pgtls::{EmbeddedDatabase, PgServerBuilder};
use tokio_postgres::Client;

#[test]
fn columns_change() {
    on_empty(&[
        (
            "create table t(id bigserial primary key, a int, b varchar(10) default 'x', \
             c numeric(8,2) default 1.5, d int[], e timestamptz default now(), f jsonb, g uuid, \
             h bytea, i boolean default true, j double precision, k real, l smallint, m date, \
             o time, p interval, q char(3), r text[], s timestamp)",
            "",
        ),
        (
            "insert into t(a, b, c, d, h) values (1, 'one', 2.5, '{1,2}', '\\x00ff'), (2, 'two', 10, null, null), (null, null, null, '{}', null)",
            "",
        ),
        ("alter table t alter column b type varchar(2)", "22001"),
        ("alter table t alter column b type text", ""),
        ("alter table t alter column a type text", ""),
        (
            "select a, pg_typeof(a) from t order by id",
            "1|text;2|text;∅|text",
        ),
        ("alter table t alter column a type int", "42804"),
        ("alter table t alter column a type int using a::int", ""),
        (
            "select a + 1, d, h, i from t order by id",
            "2|{1,2}|\\x00ff|t;3|∅|∅|t;∅|{}|∅|t",
        ),
        ("alter table t alter column b set not null", "23502"),
        ("update t set b = 'n' where b is null", ""),
        ("alter table t alter column b set not null", ""),
        ("insert into t(b) values (null)", "23502"),
        ("alter table t alter column b drop not null", ""),
        ("insert into t(b) values (null) returning b", "∅"),
        (
            "alter table t alter b set default 'd', alter b set not null",
            "23502",
        ),
        ("insert into t(a) values (5) returning b", "x"),
        ("alter table t alter b set default 'd'", ""),
        ("insert into t(a) values (5) returning b", "d"),
        ("alter table t alter b drop default", ""),
        ("insert into t(a) values (6) returning b", "∅"),
        ("alter table t alter c type int", ""),
        (
            "select c, pg_typeof(c) from t where id < 3 order by id",
            "3|integer;10|integer",
        ),
        ("insert into t(a) values (7) returning c", "2"),
        ("alter table t alter c type numeric(10,3) using c * 2", ""),
        ("select c from t where id = 1", "6.000"),
        ("alter table t add column u int default 5 not null", ""),
        ("select distinct u from t", "5"),
        ("alter table t add column v int not null", "23502"),
        (
            "alter table t add column w timestamptz not null default now()",
            "",
        ),
        ("select count(*) from t where w is null", "0"),
        (
            "alter table t add column x text unique, add column z int check (z > 3)",
            "",
        ),
        ("insert into t(x, z) values ('k', 4)", ""),
        ("insert into t(x) values ('k')", "23505"),
        ("insert into t(z) values (1)", "23514"),
        ("alter table t add column if not exists z int", ""),
        ("alter table t add column z int", "42701"),
        ("create index t_u on t(u)", ""),
        ("alter index t_u rename to t_u2", ""),
        ("alter table t drop column x, drop column z", ""),
        ("alter table t drop column nope", "42703"),
        ("alter table t drop column if exists nope", ""),
        (
            "select indexname from pg_indexes where tablename = 't' order by 1",
            "t_pkey;t_u2",
        ),
        ("create view v as select b from t", ""),
        ("alter table t alter column b type varchar(50)", "0A000"),
        ("alter table t drop column b", "2BP01"),
        ("alter table t drop column b cascade", ""),
        ("select * from v", "42P01"),
        ("alter table t drop column u", ""),
        (
            "select indexname from pg_indexes where tablename = 't' order by 1",
            "t_pkey",
        ),
        (
            "begin; alter table t add column q1 int default 3; rollback",
            "",
        ),
        ("select q1 from t", "42703"),
        (
            "begin; alter table t add column q1 int default 3; alter table t alter column q1 type text; commit",
            "",
        ),
        ("select distinct q1 || '!' from t", "3!"),
    ]);
}

#[test]
fn constraints_come_and_go() {
    on_empty(&[
        (
            "create table p(id serial primary key, code text unique, n int)",
            "",
        ),
        (
            "create table c(a int, b int, d int references nope)",
            "42P01",
        ),
        ("create table c(a int, b int references p(n))", "42830"),
        ("create table c(a int, b int)", ""),
        ("insert into p(code, n) values ('A', 1), ('B', 2)", ""),
        ("insert into c values (1, 1), (2, 2)", ""),
        (
            "alter table c add constraint c_a foreign key (a) references p(id) deferrable initially deferred",
            "",
        ),
        ("alter table c add constraint c_a check (a > 0)", "42710"),
        ("insert into c values (99, 1)", "23503"),
        (
            "begin; insert into c values (3, 1); insert into p(code) values ('C'); commit",
            "",
        ),
        ("alter table c add constraint c_b check (b < 2)", "23514"),
        (
            "alter table c add constraint c_b check (b < 2) not valid",
            "",
        ),
        ("insert into c values (1, 5)", "23514"),
        ("alter table c rename constraint c_b to c_bb", ""),
        ("alter table c drop constraint c_b", "42704"),
        ("alter table c drop constraint if exists c_b", ""),
        (
            "alter table c drop constraint c_bb, drop constraint c_a",
            "",
        ),
        ("insert into c values (99, 5)", ""),
        (
            "alter table c add constraint c_a foreign key (a) references p(id)",
            "23503",
        ),
        ("alter table c add constraint c_u unique (a, b)", ""),
        ("insert into c values (99, 5)", "23505"),
        ("drop index c_u", "2BP01"),
        (
            "select conname, contype from pg_constraint where conrelid = 'c'::regclass",
            "c_u|u",
        ),
        ("alter table c drop constraint c_u", ""),
        ("insert into c values (99, 5)", ""),
        ("alter table c add primary key (a)", "23505"),
        ("delete from c; insert into c values (1, 5)", ""),
        ("alter table c add primary key (a)", ""),
        ("alter table c add primary key (b)", "42P16"),
        ("insert into c values (1, 1)", "23505"),
        ("insert into c values (null, 1)", "23502"),
        (
            "insert into c values (1, 9) on conflict (a) do update set b = excluded.b returning b",
            "9",
        ),
        (
            "alter table c drop constraint c_pkey; insert into c values (1, 1)",
            "",
        ),
    ]);
}

#[test]
fn what_others_depend_on_is_not_dropped_or_emptied_by_the_way() {
    on_empty(&[
        ("create table p(id int primary key)", ""),
        ("create table c(p int references p on delete cascade)", ""),
        ("create view v as select id from p", ""),
        ("create view w as select id from v", ""),
        (
            "insert into p values (1), (2); insert into c values (1)",
            "",
        ),
        ("drop table p", "2BP01"),
        ("drop view v", "2BP01"),
        ("truncate p", "0A000"),
        ("select count(*) from c", "1"),
        ("drop view v cascade", ""),
        ("select * from w", "42P01"),
        ("drop table p cascade", ""),
        ("select p from c", "1"),
        ("insert into c values (77)", ""),
        (
            "create table p(id int primary key); create table q(p int references p)",
            "",
        ),
        ("insert into p values (1); insert into q values (1)", ""),
        ("truncate p, q", ""),
        (
            "insert into p values (1); insert into q values (1); truncate p cascade",
            "",
        ),
        ("select count(*) from q", "0"),
        (
            "insert into p values (1); insert into q values (1); drop table p, q",
            "",
        ),
        (
            "create table s(id int primary key, up int references s)",
            "",
        ),
        ("insert into s values (1, 1), (2, 1); drop table s", ""),
        ("drop table if exists p, q, s", ""),
    ]);
}

#[test]
fn comments_are_kept_and_go_with_what_they_are_on() {
    on_empty(&[
        (
            "create table t(a int, b int); create view v as select 1 as x",
            "",
        ),
        ("comment on table t is 'the ''table'''", ""),
        ("comment on column t.b is 'the b'", ""),
        ("comment on view v is 'the view'", ""),
        (
            "create index i on t(b); comment on index i is 'the index'",
            "",
        ),
        (
            "select obj_description('t'::regclass), col_description('t'::regclass, 2), \
             col_description('t'::regclass, 1), obj_description('v'::regclass, 'pg_class'), \
             obj_description('i'::regclass, 'pg_type')",
            "the 'table'|the b|∅|the view|∅",
        ),
        (
            "select c.relname, d.objsubid, d.description from pg_description d \
             join pg_class c on c.oid = d.objoid order by 1, 2",
            "i|0|the index;t|0|the 'table';t|2|the b;v|0|the view",
        ),
        (
            "alter table t rename column b to bb; alter table t rename to u",
            "",
        ),
        (
            "select obj_description('u'::regclass), col_description('u'::regclass, 2)",
            "the 'table'|the b",
        ),
        ("comment on table u is null", ""),
        ("select obj_description('u'::regclass)", "∅"),
        ("drop table u; create table u(a int, bb int)", ""),
        ("select col_description('u'::regclass, 2)", "∅"),
        ("comment on column u.nope is 'x'", "42703"),
        ("comment on table nope is 'x'", "42P01"),
        ("comment on view u is 'x'", "42809"),
        ("comment on database x is 'x'", "0A000"),
        ("comment on schema public is 'ours'", ""),
        (
            "select obj_description('public'::regnamespace, 'pg_namespace')",
            "ours",
        ),
        ("comment on schema nope is 'x'", "3F000"),
        (
            "select table_name from information_schema.tables where table_schema = 'public' order by 1",
            "u;v",
        ),
        ("select * from pgtls_comment", "42P01"),
    ]);
}

#[test]
fn violations_name_the_constraint_and_the_key() {
    with_client(&plain(), async |client| {
        check(
            &client,
            &[
                ("create table p(id int primary key, code text unique)", ""),
                (
                    "create table c(id int primary key, p int references p(id), q text references p(code))",
                    "",
                ),
                ("create table d(c int constraint named references c)", ""),
                ("create table s(id int primary key, up int references s)", ""),
                ("create table k(a int check (a > 0), b int not null)", ""),
                ("insert into p values (1, 'a'), (2, 'b'); insert into c values (10, 1, 'a')", ""),
                ("insert into d values (10); insert into s values (1, null), (2, 1)", ""),
            ],
        )
        .await;
        let child = |table: &str, name: &str| {
            format!(
                "insert or update on table \"{table}\" violates foreign key constraint \"{name}\""
            )
        };
        let parent = |parent: &str, name: &str, table: &str| {
            format!(
                "update or delete on table \"{parent}\" violates foreign key constraint \"{name}\" on table \"{table}\""
            )
        };
        for (sql, message, detail, table, name) in [
            (
                "insert into c values (11, 5, null)",
                child("c", "c_p_fkey"),
                Some("Key (p)=(5) is not present in table \"p\"."),
                "c",
                "c_p_fkey",
            ),
            (
                "insert into c values (11, 1, 'zz') returning id",
                child("c", "c_q_fkey"),
                Some("Key (q)=(zz) is not present in table \"p\"."),
                "c",
                "c_q_fkey",
            ),
            (
                "update c set p = 99",
                child("c", "c_p_fkey"),
                Some("Key (p)=(99) is not present in table \"p\"."),
                "c",
                "c_p_fkey",
            ),
            (
                "delete from p where id = 1",
                parent("p", "c_p_fkey", "c"),
                Some("Key (id)=(1) is still referenced from table \"c\"."),
                "c",
                "c_p_fkey",
            ),
            (
                "update p set code = 'c' where code = 'a'",
                parent("p", "c_q_fkey", "c"),
                Some("Key (code)=(a) is still referenced from table \"c\"."),
                "c",
                "c_q_fkey",
            ),
            (
                "delete from c",
                parent("c", "named", "d"),
                Some("Key (id)=(10) is still referenced from table \"d\"."),
                "d",
                "named",
            ),
            (
                "update s set up = 9 where id = 2",
                child("s", "s_up_fkey"),
                Some("Key (up)=(9) is not present in table \"s\"."),
                "s",
                "s_up_fkey",
            ),
            (
                "update s set id = 5 where id = 1",
                parent("s", "s_up_fkey", "s"),
                Some("Key (id)=(1) is still referenced from table \"s\"."),
                "s",
                "s_up_fkey",
            ),
            (
                "insert into k values (-1, 1)",
                "new row for relation \"k\" violates check constraint \"k_a_check\"".into(),
                Some("Failing row contains (-1, 1)."),
                "k",
                "k_a_check",
            ),
            (
                "insert into p values (3, 'a')",
                "duplicate key value violates unique constraint \"p_code_key\"".into(),
                Some("Key (code)=(a) already exists."),
                "p",
                "p_code_key",
            ),
        ] {
            // By itself, with a parameter, and within a transaction that goes on.
            for round in 0..2 {
                let error = if round == 0 {
                    client.batch_execute(sql).await.unwrap_err()
                } else {
                    client.execute(sql, &[]).await.unwrap_err()
                };
                let told = error.as_db_error().unwrap();
                assert_eq!(told.message(), message, "{sql}");
                assert_eq!(told.detail(), detail, "{sql}");
                assert_eq!(told.schema(), Some("public"), "{sql}");
                assert_eq!(told.table(), Some(table), "{sql}");
                assert_eq!(told.constraint(), Some(name), "{sql}");
            }
        }
        let error = client
            .execute("insert into k values (1, null)", &[])
            .await
            .unwrap_err();
        let told = error.as_db_error().unwrap();
        assert_eq!((told.table(), told.column()), (Some("k"), Some("b")));
        check(
            &client,
            &[
                ("begin; insert into d values (10); savepoint s", ""),
                ("insert into d values (78)", "23503"),
                ("rollback to s; insert into d values (10); commit", ""),
                ("select count(*) from d", "3"),
                // What is looked for is undone.
                ("select count(*) from c", "1"),
            ],
        )
        .await;
    });
}

#[test]
fn the_catalogs_show_indexes_defaults_and_checks_as_postgresql_does() {
    on_empty(&[
        (
            "create table t(id serial primary key, n numeric(5,2) default -1.5 constraint pos check (n > -9), \
             x text default 'new', f boolean default false, amount bigint)",
            "",
        ),
        (
            "create unique index t_expr on t(lower(x)) where amount > 5",
            "",
        ),
        ("create index t_desc on t(amount desc, n)", ""),
        (
            "select indexname, indexdef from pg_indexes where tablename = 't' order by 1",
            "t_desc|CREATE INDEX t_desc ON public.t USING btree (amount DESC, n);\
             t_expr|CREATE UNIQUE INDEX t_expr ON public.t USING btree (lower(x)) WHERE (amount > 5);\
             t_pkey|CREATE UNIQUE INDEX t_pkey ON public.t USING btree (id)",
        ),
        (
            "select attname, indkey, indoption from pg_index i join pg_attribute a on a.attrelid = i.indexrelid \
             where indexrelid in ('t_expr'::regclass, 't_desc'::regclass) order by indexrelid, attnum",
            "lower|0|0;amount|5 2|3 0;n|5 2|3 0",
        ),
        (
            "select column_name, column_default from information_schema.columns where table_name = 't' \
             and column_default is not null order by ordinal_position",
            "id|nextval('t_id_seq'::regclass);n|'-1.5'::numeric;x|'new'::text;f|false",
        ),
    ]);
}

#[test]
fn actions_of_one_statement_build_on_each_other_or_are_refused() {
    on_empty(&[
        ("create table t(a int, b text)", ""),
        (
            "alter table t rename column b to c, alter column a set not null",
            "0A000",
        ),
        (
            "alter table t rename to u, alter column a set not null",
            "0A000",
        ),
        ("insert into t values (null, 'x') returning b", "x"),
        ("alter table t add c int, add c text", "42701"),
        ("alter table t add c int, alter c set default 1", "0A000"),
        ("alter table t drop a, add a text default 'new'", ""),
        ("select * from t", "x|new"),
    ]);
}

/// Others see what was changed, and a file is as good as new afterwards.
#[test]
fn changes_are_seen_by_other_sessions_and_after_opening_again() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("data.db");
    let open = || {
        Server::start(
            PgServerBuilder::new(),
            EmbeddedDatabase::open(&path).unwrap(),
        )
    };
    with_clients(&open(), async |[one, two]: [Client; 2]| {
        check(
            &one,
            &[
                ("create table p(id int primary key)", ""),
                ("create table t(a int, b text unique)", ""),
                ("insert into t values (1, 'x')", ""),
            ],
        )
        .await;
        let before = two.prepare("select a from t").await.unwrap();
        assert_eq!(two.query(&before, &[]).await.unwrap().len(), 1);
        check(
            &one,
            &[
                (
                    "alter table t alter a type text using 'n' || a, add c int default 4",
                    "",
                ),
                (
                    "alter table t add constraint t_c foreign key (c) references p not valid",
                    "",
                ),
            ],
        )
        .await;
        let error = two.query(&before, &[]).await.unwrap_err();
        assert_eq!(error.code().unwrap().code(), "0A000");
        check(
            &two,
            &[
                ("select * from t", "n1|x|4"),
                ("insert into t values ('2', 'y', 9)", "23503"),
            ],
        )
        .await;
    });
    with_clients(&open(), async |[one]: [Client; 1]| {
        check(
            &one,
            &[
                ("select * from t", "n1|x|4"),
                ("insert into t values ('2', 'x', null)", "23505"),
                ("insert into t values ('2', 'y', 9)", "23503"),
                ("insert into t values ('2', 'y') returning c", "23503"),
                ("insert into p values (4)", ""),
                ("insert into t values ('2', 'y') returning c", "4"),
            ],
        )
        .await;
    });
    let connection = rusqlite::Connection::open(&path).unwrap();
    let health: String = connection
        .query_row("PRAGMA integrity_check", [], |r| r.get(0))
        .unwrap();
    assert_eq!(health, "ok");
}
