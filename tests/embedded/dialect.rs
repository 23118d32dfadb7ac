//! The embedded database as its clients see it: PostgreSQL's dialect, types, errors, catalogs.

use std::time::{Duration, Instant};

use crate::common::raw::{Raw, message, query, startup};
use crate::common::sql::{answer, check, plain, with_client};
use crate::common::{Certs, PATIENCE, Server, psql};
use futures_util::{SinkExt, TryStreamExt};
use pgtls::{EmbeddedDatabase, PgServerBuilder, SslMode};
use tokio_postgres::NoTls;
use tokio_postgres::types::{Format, IsNull, Type};

#[test]
fn expressions_mean_what_they_mean_in_postgresql() {
    let server = plain();
    with_client(&server, async |client| {
        check(
            &client,
            &[
                ("select 10/4, 10/4.0, -7/2, -7%3, 2^10", "2|2.5000000000000000|-3|-1|1024"),
                ("select 1/0", "22012"),
                ("select 1.5 % 0", "22012"),
                ("select 1e0::float8 / 0", "22012"),
                ("select 2147483647 + 1", "22003"),
                ("select 9223372036854775807 + 1", "22003"),
                ("select 0.1 + 0.2, 1.10 * 2, 0.1::float8 + 0.2", "0.3|2.20|0.30000000000000004"),
                ("select 'abc'::int", "22P02"),
                ("select '12'::int + 1, '1.50'::numeric, 't'::bool, 2.5::int", "13|1.50|t|3"),
                ("select 'abcdef'::varchar(3), 'x'::char(3) || '!'", "abc|x!"),
                ("select 1 = '1', 'a' < 'b', null = null, null is null", "t|t|∅|t"),
                ("select 'a'::text = 1", "42883"),
                ("select 'abc' like 'A%', 'abc' ilike 'A%', 'a%' like 'a\\%'", "f|t|t"),
                ("select 'abc' ~ 'b', 'abc' ~* 'B', 'abc' !~ '^b'", "t|t|t"),
                ("select 1 in (1, 2), 3 not in (1, null), 1 between 0 and 1", "t|∅|t"),
                ("select case when true then 1 else 2.5 end, coalesce(null, 'x')", "1|x"),
                ("select nullif(1, 1), greatest(1, 3, 2), least('b', 'a')", "∅|3|a"),
                ("select upper('straße'), length('äöü'), octet_length('äöü')", "STRAßE|3|6"),
                ("select round(2.5), round(-2.345, 2), floor(-1.5), trunc(1.99, 1)", "3|-2.35|-2|1.9"),
                ("select date '2026-01-31' + interval '1 month', date '2026-03-01' - date '2026-02-01'", "2026-02-28 00:00:00|28"),
                ("select extract(epoch from interval '178000000 years')", "5617252800000000.000000"),
                ("select interval '2562047788 hours' + interval '2562047788 hours'", "22008"),
                ("select timestamptz '2026-01-01' + interval '2562047788 hours'", "22008"),
                ("select timestamp '2026-01-01' - interval '-2562047788 hours'", "22008"),
                ("select '2026-01-01 12:00+02'::timestamptz at time zone 'UTC'", "2026-01-01 10:00:00"),
                ("select extract(dow from date '2026-11-24'), date_trunc('hour', timestamp '2026-01-01 10:59')", "2|2026-01-01 10:00:00"),
                ("select array[1,2,3], (array['a','b'])[2], 2 = any('{1,2}'::int[])", "{1,2,3}|b|t"),
                ("select array(select 1 union select 2), array_length(array[1,2], 1)", "{1,2}|2"),
                ("select '{\"a\": [1, true]}'::json -> 'a' -> 1, '{\"a\": null}'::json ->> 'a'", "true|∅"),
                ("select '{bad'::json", "22P02"),
                ("select E'a\\tb', $$it's$$, 'it''s', U&'\\0041'", "a\tb|it's|it's|A"),
                ("select row_number() over (order by x desc), x from (values (1), (2)) t(x)", "1|2;2|1"),
                ("select x from (values (1), (null), (2)) t(x) order by x desc", "∅;2;1"),
                ("select x from (values (10.0), (9.5), (100)) t(x) order by x", "9.5;10.0;100"),
                ("select string_agg(x, ',' order by x), array_agg(x) from (values ('b'), ('a')) t(x)", "a,b|{b,a}"),
                ("select sum(x), avg(x), count(*) filter (where x > 1) from generate_series(1, 3) x", "6|2.0000000000000000|2"),
                ("select 1 union select 2 except select 1", "2"),
                ("select 1 union all (select 3 order by 1 limit 1)", "1;3"),
                ("with recursive n(i) as (select 1 union all select i + 1 from n where i < 4) select sum(i) from n", "10"),
                ("select $1", "42P02"),
                ("select a.x from generate_series(1, 2) a(x) join generate_series(2, 3) b(x) using (x)", "2"),
                ("select distinct on (1) 1", "1"),
                ("select * from generate_series(1, 2) x, lateral (select x) y", "1|1;2|2"),
                ("select nope(1)", "42883"),
                ("select 1 limit -1", "2201W"),
                ("select x, count(*) from generate_series(1, 2) x", "42803"),
                ("select count(*) from generate_series(1, 2) x having count(*) > 5", ""),
                ("explain select 1", "Result"),
            ],
        )
        .await;
    });
}

#[test]
fn tables_constraints_and_changes() {
    let server = plain();
    with_client(&server, async |client| {
        check(
            &client,
            &[
                ("create table p(id serial primary key, name varchar(5) not null unique, \
                  n numeric(6,2) default 1.5 check (n > 0), at date default current_date)", ""),
                ("create table c(p int references p on delete cascade, k text, primary key (p, k))", ""),
                ("insert into p(name) values ('a'), ('b') returning id, n", "1|1.50;2|1.50"),
                ("insert into p values (default, 'c', 12.345, '2026-02-03') returning *", "3|c|12.35|2026-02-03"),
                ("insert into p(name) values ('toolong')", "22001"),
                ("insert into p(name) values ('a')", "23505"),
                ("insert into p(name) values (null)", "23502"),
                ("insert into p(id, name) values (null, 'd')", "23502"),
                ("insert into p(name, n) values ('d', 0)", "23514"),
                ("insert into p(name, n) values ('d', 10000)", "22003"),
                ("insert into p(name, n) values ('d', 'x')", "22P02"),
                ("insert into p(name, at) values ('d', 5)", "42804"),
                ("insert into p(nope) values (1)", "42703"),
                ("insert into nope values (1)", "42P01"),
                ("insert into c values (9, 'x')", "23503"),
                ("insert into c values (1, null)", "23502"),
                ("insert into c values (1, 'x'), (2, 'y')", ""),
                ("insert into p(id, name) values (1, 'z') on conflict (id) do update set name = excluded.name returning name", "z"),
                ("insert into p(name) values ('z') on conflict do nothing", ""),
                ("update p set n = n + 1, name = upper(name) where id = 1 returning id, name, n", "1|Z|2.50"),
                ("update p set n = c.p from c where c.p = p.id and c.k = 'y' returning p.id, n", "2|2.00"),
                ("delete from p using c where c.p = p.id and c.k = 'x' returning p.id", "1"),
                ("select p, k from c", "2|y"),
                ("insert into p(name) select 's' || x from generate_series(1, 2) x returning id", "8;9"),
                ("create view v as select id, n * 2 as twice from p", ""),
                ("select twice from v where id = 2", "4.00"),
                ("create index on p(n)", ""),
                ("alter table p add column extra int4 default 7", ""),
                ("alter table p rename column extra to more", ""),
                ("select more from p where id = 2", "7"),
                ("alter table p alter column more type text; select more || '!' from p where id = 2", "7!"),
                ("create table p(x int)", "42P07"),
                ("create table q(x int, x int)", "42701"),
                ("create table q(x nope)", "42704"),
                ("create table q as select 1 as a, 'x' as b", ""),
                ("select a, b from q", "1|x"),
                ("truncate q", ""),
                ("select count(*) from q", "0"),
                ("drop table nope", "42P01"),
                ("drop table if exists nope", ""),
                ("drop view v; drop table c, p, q", ""),
                ("create schema s", "0A000"),
                ("attach database 'x' as y", "0A000"),
                ("pragma writable_schema = on", "42601"),
                ("select * from sqlite_schema", "42P01"),
            ],
        )
        .await;
    });
}

#[test]
fn transactions_follow_postgresql() {
    let server = plain();
    with_client(&server, async |client| {
        check(
            &client,
            &[
                ("create table t(a int unique)", ""),
                ("insert into t values (1); insert into t values (1)", "23505"),
                ("select count(*) from t", "0"),
                ("begin; insert into t values (1); savepoint s; insert into t values (2)", ""),
                ("insert into t values (2)", "23505"),
                ("select 1", "25P02"),
                ("rollback to nope", "3B001"),
                ("rollback to s", ""),
                ("commit", ""),
                ("select a from t", "1"),
                ("begin read only", ""),
                ("insert into t values (3)", "25006"),
                ("rollback", ""),
                ("savepoint s", "25P01"),
                ("begin isolation level serializable; show transaction_isolation", "serializable"),
                ("commit", ""),
                ("begin; vacuum", "25001"),
                ("rollback", ""),
                ("set timezone to 'Europe/Berlin'; select '2026-07-01 12:00+00'::timestamptz", "2026-07-01 14:00:00+02"),
                ("select current_setting('timezone'), set_config('application_name', 'x', false)", "Europe/Berlin|x"),
            ],
        )
        .await;
    });
}

#[test]
fn prepared_statements_infer_types_and_go_both_ways_in_binary() {
    let server = plain();
    with_client(&server, async |client| {
        client
            .batch_execute(
                "create table t(a smallint, b int primary key, c bigint, d real, e float8, f bool, \
                 g text, h bytea, i varchar(10))",
            )
            .await
            .unwrap();
        let insert = client
            .prepare("insert into t values ($1, $2, $3, $4, $5, $6, $7, $8, $9)")
            .await
            .unwrap();
        assert_eq!(
            insert.params(),
            [
                Type::INT2,
                Type::INT4,
                Type::INT8,
                Type::FLOAT4,
                Type::FLOAT8,
                Type::BOOL,
                Type::TEXT,
                Type::BYTEA,
                Type::VARCHAR
            ]
        );
        let bytes: &[u8] = &[0, 1, 0xff];
        for key in 1..=2_i32 {
            let changed = client
                .execute(
                    &insert,
                    &[
                        &-7_i16,
                        &key,
                        &i64::MAX,
                        &1.5_f32,
                        &0.1_f64,
                        &true,
                        &"žluťoučký 🐎",
                        &bytes,
                        &None::<&str>,
                    ],
                )
                .await
                .unwrap();
            assert_eq!(changed, 1);
        }
        let row = client
            .query_one(
                "select * from t where b = $1 and c > $2 limit $3",
                &[&2, &5_i64, &1_i64],
            )
            .await
            .unwrap();
        assert_eq!(row.get::<_, i16>(0), -7);
        assert_eq!(row.get::<_, i32>(1), 2);
        assert_eq!(row.get::<_, i64>(2), i64::MAX);
        assert_eq!(row.get::<_, f32>(3), 1.5);
        assert_eq!(row.get::<_, f64>(4), 0.1);
        assert!(row.get::<_, bool>(5));
        assert_eq!(row.get::<_, &str>(6), "žluťoučký 🐎");
        assert_eq!(row.get::<_, &[u8]>(7), bytes);
        assert_eq!(row.get::<_, Option<&str>>(8), None);
        let rows = client
            .query(
                "select b from t where b = any($1) order by b",
                &[&vec![1, 2, 3]],
            )
            .await
            .unwrap();
        assert_eq!(rows.len(), 2);
        // A column that is gone is found out, not read wrongly.
        let all = client.prepare("select * from t").await.unwrap();
        client
            .batch_execute("alter table t drop column i")
            .await
            .unwrap();
        let error = client.query(&all, &[]).await.unwrap_err();
        assert_eq!(error.code().unwrap().code(), "0A000");
    });
}

#[test]
fn portals_go_on_while_other_statements_run() {
    let server = plain();
    with_client(&server, async |mut client| {
        client.batch_execute("create table t(a int)").await.unwrap();
        let transaction = client.transaction().await.unwrap();
        let sql = "select x from generate_series(1, 10) x";
        let one = transaction.bind(sql, &[]).await.unwrap();
        let two = transaction.bind(sql, &[]).await.unwrap();
        let take = async |portal| -> Vec<i32> {
            let rows = transaction.query_portal(portal, 4).await.unwrap();
            rows.iter().map(|row| row.get(0)).collect()
        };
        assert_eq!(take(&one).await, [1, 2, 3, 4]);
        assert_eq!(take(&two).await, [1, 2, 3, 4]);
        transaction
            .execute("insert into t values (1)", &[])
            .await
            .unwrap();
        assert_eq!(take(&one).await, [5, 6, 7, 8]);
        assert_eq!(take(&one).await, [9, 10]);
        assert_eq!(take(&two).await, [5, 6, 7, 8]);
        transaction.commit().await.unwrap();
        assert_eq!(answer(&client, "select count(*) from t").await, "1");
    });
}

#[test]
fn an_error_is_told_before_sync() {
    let server = plain();
    let mut client = Raw::plain(&server);
    client.log_in();
    client.send(&message(b'P', b"\0select * from nope\0\0\0"));
    client.send(&message(b'H', b""));
    let (kind, body) = client.message().unwrap();
    assert_eq!(kind, b'E');
    assert!(body.windows(5).any(|w| w == b"42P01"));
    client.send(&message(b'S', b""));
    assert_eq!(client.story(), "Z(I)");
}

#[cfg(unix)]
#[test]
fn what_was_committed_is_there_after_a_kill() {
    let mut path = std::env::current_exe().unwrap();
    path.pop();
    path.pop();
    let place = tempfile::tempdir().unwrap();
    let mut child = std::process::Command::new(path.join("examples/postgres_server_ssl"))
        .args([
            "--listen",
            "127.0.0.1:0",
            "--ssl-mode",
            "disable",
            "--db-file",
            "data.db",
        ])
        .current_dir(place.path())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().unwrap()));
    let address: std::net::SocketAddr = lines
        .by_ref()
        .find_map(|line| line.unwrap().strip_prefix("listening on ")?.parse().ok())
        .unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let config = format!("host=127.0.0.1 port={} user=postgres", address.port());
        let (client, connection) = tokio_postgres::connect(&config, NoTls).await.unwrap();
        tokio::spawn(connection);
        client.batch_execute("create table t(a int)").await.unwrap();
        for n in 0..20 {
            client
                .execute("insert into t values ($1)", &[&n])
                .await
                .unwrap();
        }
        client
            .batch_execute("begin; insert into t values (99)")
            .await
            .unwrap();
        // SIGKILL.
        child.kill().unwrap();
        child.wait().unwrap();
    });
    let database = EmbeddedDatabase::open(place.path().join("data.db")).unwrap();
    let server = Server::start(PgServerBuilder::new(), database);
    with_client(&server, async |client| {
        assert_eq!(
            answer(&client, "select count(*), max(a) from t").await,
            "20|19"
        );
    });
}

#[test]
fn what_drivers_ask_by_themselves_is_answered() {
    let server = plain();
    with_client(&server, async |client| {
        check(
            &client,
            &[
                ("select t.typname, t.typtype, t.typelem, r.rngsubtype, t.typbasetype, n.nspname, t.typrelid \
                  from pg_catalog.pg_type t left outer join pg_catalog.pg_range r on r.rngtypid = t.oid \
                  inner join pg_catalog.pg_namespace n on t.typnamespace = n.oid where t.oid = 23", "int4|b|0|∅|0|pg_catalog|0"),
                ("select enumlabel from pg_catalog.pg_enum where enumtypid = 1 order by enumsortorder", ""),
                ("select oid::regtype::text, typtype, typcategory, typrelid, typelem, typbasetype from pg_catalog.pg_type where oid = 1007", "integer[]|b|A|0|23|0"),
                ("select count(*) > 50 from (select b.oid, b.typarray from pg_catalog.pg_type a left join \
                  pg_catalog.pg_type b on b.oid = a.typelem where a.typcategory = 'A' group by b.oid, b.typarray order by b.oid) x", "t"),
                ("select pg_catalog.version() like 'PostgreSQL 15%', current_schema()", "t|public"),
                ("show standard_conforming_strings", "on"),
                ("select pg_advisory_unlock_all(); close all; unlisten *; reset all", ""),
                ("select ssl, version from pg_stat_ssl where pid = pg_backend_pid()", "f|∅"),
                ("select n.nspname = any(current_schemas(true)), n.nspname, t.typname from pg_catalog.pg_type t \
                  join pg_catalog.pg_namespace n on t.typnamespace = n.oid where t.oid = 25", "t|pg_catalog|text"),
                ("select typinput = 'array_in'::regproc as is_array, typtype, typname, pg_type.oid from pg_catalog.pg_type \
                  left join (select ns.oid as nspoid, ns.nspname, r.r from pg_namespace as ns join \
                  (select s.r, (current_schemas(false))[s.r] as nspname from generate_series(1, array_upper(current_schemas(false), 1)) as s(r)) as r \
                  using (nspname)) as sp on sp.nspoid = typnamespace where typname = '_int4' order by sp.r, pg_type.oid desc", "t|b|_int4|1007"),
            ],
        )
        .await;
    });
}

#[test]
fn system_tables_are_found_without_their_schema() {
    let server = plain();
    with_client(&server, async |client| {
        check(
            &client,
            &[
                ("select 'pg_class'::regclass, 'pg_class'::regclass::oid, 'pg_catalog.pg_type'::regclass::oid", "pg_class|1259|1247"),
                ("select 'nope'::regclass", "42P01"),
                ("select to_regclass('pg_views'), to_regclass('nope'), to_regclass('public.pg_views')", "pg_views|∅|∅"),
                ("select to_regtype('int4'), to_regtype('nope'), to_regnamespace('public'), to_regrole('nope')", "integer|∅|public|∅"),
                ("create table t(a int, note text)", ""),
                ("select 't'::regclass, 'public.t'::regclass = 't'::regclass, to_regclass('pg_catalog.t')", "t|t|∅"),
                ("select relname, relkind, nspname from pg_class c join pg_namespace n on n.oid = relnamespace \
                  where relname in ('t', 'pg_index', 'pg_tables') order by 1", "pg_index|r|pg_catalog;pg_tables|v|pg_catalog;t|r|public"),
                ("select attname from pg_attribute where attrelid = 'pg_am'::regclass and attnum < 3 order by attnum", "oid;amname"),
                // The comments of pgJDBC's getTables.
                ("select c.relname, d.description from pg_catalog.pg_namespace n, pg_catalog.pg_class c left join \
                  pg_catalog.pg_description d on (c.oid = d.objoid and d.objsubid = 0 and d.classoid = 'pg_class'::regclass) \
                  where c.relnamespace = n.oid and n.nspname like 'public' and c.relname like 't'", "t|∅"),
                // What pgJDBC's getImportedKeys goes by.
                ("create table p(x int, y int primary key, unique (y, x)); create table c(a int, b int, foreign key (a, b) references p(x, y))", ""),
                ("select con.conname, k.relname, con.confkey, fka.attname, pka.attname from pg_constraint con, generate_series(1, 32) pos(n), \
                  pg_class k, pg_attribute fka, pg_attribute pka where con.contype = 'f' and k.relkind = 'i' and k.oid = con.conindid \
                  and pka.attrelid = con.confrelid and pka.attnum = con.confkey[pos.n] and fka.attrelid = con.conrelid and \
                  fka.attnum = con.conkey[pos.n] order by pos.n", "c_a_b_fkey|p_y_x_key|{1,2}|a|x;c_a_b_fkey|p_y_x_key|{1,2}|b|y"),
                // Another table: the user's part is written anew, the system's is there once.
                ("create table u(a int)", ""),
                ("select count(*) from pg_class where relname in ('t', 'u', 'pg_class')", "3"),
                ("select count(*) from pg_attribute where attrelid in ('t'::regclass, 'pg_am'::regclass)", "6"),
            ],
        )
        .await;
    });
}

#[test]
fn several_functions_that_give_rows_go_in_step() {
    let server = plain();
    with_client(&server, async |client| {
        check(
            &client,
            &[
                ("create table t(id int, a int[]); insert into t values (1, '{4,5}'), (2, null), (3, '{7}')", ""),
                ("select t.a[2], a[1], public.t.a[1] from t order by id limit 1", "5|4|4"),
                ("select s.a from (select t.a[1] from t) s where s.a > 5", "7"),
                ("select id, unnest(a) as x, generate_subscripts(a, 1) as n from t order by 1, 3", "1|4|1;1|5|2;3|7|1"),
                ("select id, unnest(a), generate_series(id, 3) from t order by 1, 3", "1|4|1;1|5|2;1|∅|3;2|∅|2;2|∅|3;3|7|3"),
                ("select unnest('{}'::int[]), unnest(array[1]) union all select 2, 3", "∅|1;2|3"),
                ("select unnest('{a,\"b\\\"c,]\",NULL,\"{1}\"}'::text[]), unnest('{0.1,0.30000000000000004}'::float8[]), \
                  unnest('{t,f}'::bool[]), unnest('{1.10}'::numeric[])", "a|0.1|t|1.10;b\"c,]|0.30000000000000004|f|∅;∅|∅|∅|∅;{1}|∅|∅|∅"),
                ("select b from (select unnest(array[1,2]) a, unnest(array['x','y']) b) q where a = 2", "y"),
                ("create table m(x int, y text); insert into m select unnest(array[8,9]), unnest(array['a','b']) returning *", "8|a;9|b"),
                ("select unnest(array['\\xab'::bytea]), 1, unnest(array[1])", "0A000"),
                // They give their rows after these, not before.
                ("select count(*), unnest(array[1,2])", "0A000"),
                ("select row_number() over (), unnest(array[1,2])", "0A000"),
                ("select unnest(a), unnest(a) from t group by a", "0A000"),
                // What SQLAlchemy reflects constraints with.
                ("create table k(x int, y int, z text, primary key (z, x))", ""),
                ("select con.conname, con.ord, att.attname from pg_catalog.pg_attribute att join \
                  (select c.conrelid, c.conname, unnest(i.indkey) as attnum, generate_subscripts(i.indkey, 1) as ord, d.description \
                  from pg_catalog.pg_constraint c join pg_catalog.pg_index i on c.conindid = i.indexrelid left outer join \
                  pg_catalog.pg_description d on d.objoid = c.oid and d.classoid = cast('pg_catalog.pg_constraint' as regclass) \
                  where c.contype = 'p' and c.conrelid = 'k'::regclass) con on att.attnum = con.attnum and att.attrelid = con.conrelid \
                  order by con.ord", "k_pkey|0|z;k_pkey|1|x"),
                // And indexes.
                ("select oid from pg_catalog.pg_opclass where not pg_catalog.pg_opclass.opcdefault and opcname = 'text_pattern_ops'", "4217"),
                ("create index k_yx on k(y, x)", ""),
                ("select unnest(indkey) as attnum, unnest(indclass) is null as class, generate_subscripts(indkey, 1) as ord \
                  from pg_index where not indisprimary and indrelid = 'k'::regclass order by ord", "2|f|0;1|f|1"),
                ("select unnest(indkey) as attnum, unnest(indclass) as class, generate_subscripts(indkey, 1) as ord \
                  from pg_index where not indisprimary and indrelid = 'k'::regclass order by ord", "2|1978|0;1|1978|1"),
            ],
        )
        .await;
    });
}

/// A value as it is on the wire.
struct Wire(Vec<u8>);

impl<'a> tokio_postgres::types::FromSql<'a> for Wire {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self(raw.to_vec()))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

/// A parameter in text format.
#[derive(Debug)]
struct Named(&'static str);

impl tokio_postgres::types::ToSql for Named {
    fn to_sql(
        &self,
        _: &Type,
        out: &mut bytes::BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        out.extend_from_slice(self.0.as_bytes());
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    fn encode_format(&self, _: &Type) -> Format {
        Format::Text
    }

    tokio_postgres::types::to_sql_checked!();
}

#[test]
fn types_of_the_catalogs_have_a_binary_form() {
    let server = plain();
    with_client(&server, async |client| {
        client
            .batch_execute("create table t(a int, b int, primary key (b, a))")
            .await
            .unwrap();
        // A parameter is the name of an object in text, its number in binary.
        let row = client
            .query_one(
                "select count(*) from pg_class where oid = $1::regclass or oid = cast($1 as regclass)",
                &[&Named("t")],
            )
            .await
            .unwrap();
        assert_eq!(row.get::<_, i64>(0), 1);
        let nope = client.query_one("select $1::regclass::oid", &[&Named("nope")]);
        assert_eq!(nope.await.unwrap_err().code().unwrap().code(), "42P01");
        let row = client
            .query_one(
                "select $1::regclass::oid, $2::regtype::oid",
                &[&Named("1259"), &Named("numeric")],
            )
            .await;
        let row = row.unwrap();
        assert_eq!((row.get::<_, u32>(0), row.get::<_, u32>(1)), (1259, 1700));
        let row = client
            .query_one(
                "select pg_notify('news', $1), indkey, relfrozenxid \
                 from pg_index join pg_class c on c.oid = indrelid where indrelid = 't'::regclass",
                &[&"extra"],
            )
            .await
            .unwrap();
        let types: Vec<&Type> = row.columns().iter().map(|c| c.type_()).collect();
        assert_eq!(types, [&Type::VOID, &Type::INT2_VECTOR, &Type::XID]);
        let bytes = |i: usize| row.get::<_, Wire>(i).0;
        assert_eq!(bytes(0), b"");
        // One dimension, no NULL, of int2; two that count from 0; 2 and 1.
        let vector = [
            &[0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 21, 0, 0, 0, 2, 0, 0, 0, 0][..],
            &[0, 0, 0, 2, 0, 2, 0, 0, 0, 2, 0, 1],
        ]
        .concat();
        assert_eq!(bytes(1), vector);
        assert_eq!(bytes(2), 0_u32.to_be_bytes());
    });
}

#[test]
fn copy_takes_all_rows_or_none_and_gives_them_back() {
    let server = plain();
    with_client(&server, async |client| {
        client
            .batch_execute("create table t(a int primary key, b varchar(3), c numeric(5,1))")
            .await
            .unwrap();
        let give = async |sql: &str, data: &'static str| -> Result<u64, tokio_postgres::Error> {
            let mut sink = std::pin::pin!(client.copy_in::<_, &[u8]>(sql).await?);
            sink.send(data.as_bytes()).await?;
            sink.finish().await
        };
        let code = |result: Result<u64, tokio_postgres::Error>| {
            result.unwrap_err().code().unwrap().code().to_owned()
        };
        assert_eq!(
            give("copy t from stdin", "1\tx\t1.25\n2\t\\N\t7\n")
                .await
                .unwrap(),
            2
        );
        let csv = "copy t(c, a) from stdin with (format csv, header)";
        assert_eq!(give(csv, "c,a\n5,3\n,4\n").await.unwrap(), 2);
        for (data, expected) in [
            ("5\tx\t1\n1\ty\t2\n", "23505"),
            ("5\tlong\t1\n", "22001"),
            ("x\ty\t1\n", "22P02"),
            ("5\n", "22P04"),
        ] {
            assert_eq!(
                code(give("copy t from stdin", data).await),
                expected,
                "{data}"
            );
        }
        for (sql, expected) in [
            (
                "copy t to stdout",
                "1\tx\t1.3\n2\t\\N\t7.0\n3\t\\N\t5.0\n4\t\\N\t\\N\n",
            ),
            (
                "copy (select a, b from t where a < 3) to stdout with (format csv)",
                "1,x\n2,\n",
            ),
        ] {
            let rows: Vec<_> = client
                .copy_out(sql)
                .await
                .unwrap()
                .try_collect()
                .await
                .unwrap();
            let bytes: Vec<u8> = rows.into_iter().flatten().collect();
            assert_eq!(String::from_utf8(bytes).unwrap(), expected, "{sql}");
        }
        assert_eq!(answer(&client, "copy t from '/etc/passwd'").await, "42501");
        let made = "create table j(a jsonb, b json)";
        client.batch_execute(made).await.unwrap();
        let data = "{\"b\":1,\"a\" :2}\t{\"b\":1,\"a\" :2}\n";
        assert_eq!(give("copy j from stdin", data).await.unwrap(), 1);
        assert_eq!(
            answer(&client, "select * from j").await,
            "{\"a\": 2, \"b\": 1}|{\"b\":1,\"a\" :2}"
        );
        for data in ["{a}\t{}\n", "{}\t{a}\n"] {
            assert_eq!(code(give("copy j from stdin", data).await), "22P02");
        }
    });
}

#[test]
fn psql_describes_what_there_is() {
    let certs = Certs::new();
    let server = Server::in_mode(SslMode::Require, &certs);
    let options = "sslmode=require user=postgres";
    let made = psql(
        &server,
        options,
        &[
            "create table p(id serial primary key, name varchar(20) not null unique); \
           create table c(p int references p, note text default 'x'); create index c_note on c(note); \
           create view v as select id from p",
        ],
    );
    assert!(made.ok, "{}", made.err);
    for (command, wanted) in [
        (
            "\\d",
            &[
                "public|c|table|postgres",
                "public|p|table|postgres",
                "public|v|view|postgres",
            ][..],
        ),
        (
            "\\d p",
            &[
                "id|integer||not null|nextval('p_id_seq'::regclass)",
                "name|character varying(20)||not null|",
                "\"p_pkey\" PRIMARY KEY, btree (id)",
                "\"p_name_key\" UNIQUE CONSTRAINT, btree (name)",
                "TABLE \"c\" CONSTRAINT \"c_p_fkey\" FOREIGN KEY (p) REFERENCES p(id)",
            ],
        ),
        (
            "\\d c",
            &[
                "note|text|||'x'",
                "\"c_note\" btree (note)",
                "\"c_p_fkey\" FOREIGN KEY (p) REFERENCES p(id)",
            ],
        ),
        ("\\di", &["public|c_note|index|postgres|c"]),
        ("\\dv", &["public|v|view|postgres"]),
        ("\\dn", &["public|pg_database_owner"]),
        ("\\du", &["postgres|Superuser"]),
        ("\\l", &["postgres|postgres|UTF8"]),
        (
            "select ssl, version from pg_stat_ssl where pid = pg_backend_pid()",
            &["t|TLSv1.3"],
        ),
    ] {
        let said = psql(&server, options, &["\\pset tuples_only off", command]);
        assert!(said.ok, "{command}: {}", said.err);
        for line in wanted {
            assert!(
                said.out.contains(line),
                "{command}: no {line:?} in\n{}",
                said.out
            );
        }
    }
}

#[test]
fn a_slow_query_keeps_nobody_from_logging_in_and_locks_are_not_waited_for_forever() {
    let place = tempfile::tempdir().unwrap();
    let database = EmbeddedDatabase::open(place.path().join("data.db")).unwrap();
    let builder = PgServerBuilder::new().shutdown_grace(Duration::from_millis(100));
    let server = Server::start(builder, database);
    let mut slow = Raw::plain(&server);
    slow.log_in();
    slow.send(&query(
        "select count(*) from generate_series(1, 100000000) x where x % 7 = 3",
    ));
    std::thread::sleep(Duration::from_millis(100));
    let began = Instant::now();
    let mut other = Raw::plain(&server);
    other.send(&startup(&[("user", "postgres")]));
    assert_eq!(other.story(), "R Z(I)");
    other.send(&query("select 1"));
    assert_eq!(other.story(), "T D C(SELECT 1) Z(I)");
    assert!(
        began.elapsed() < Duration::from_secs(3),
        "{:?}",
        began.elapsed()
    );
    drop(slow);

    let mut writer = Raw::plain(&server);
    writer.log_in();
    writer.send(&query("create table t(a int)"));
    assert_eq!(writer.story(), "C(CREATE TABLE) Z(I)");
    writer.send(&query("begin; insert into t values (1)"));
    assert_eq!(writer.story(), "C(BEGIN) C(INSERT 0 1) Z(T)");
    let began = Instant::now();
    other.send(&query("insert into t values (2)"));
    assert_eq!(
        other.story(),
        "E(ERROR 55P03: canceling statement due to lock timeout) Z(I)"
    );
    assert!(began.elapsed() < PATIENCE);
    writer.send(&query("commit"));
    assert_eq!(writer.story(), "C(COMMIT) Z(I)");
}

#[test]
fn objects_of_the_catalogs_have_types_of_their_own() {
    let server = plain();
    with_client(&server, async |client| {
        let statement = client
            .prepare(
                "select 'pg_class'::regclass, 'int4'::regtype, 'public'::regnamespace, 7::oid, \
                 'x'::name, 'c'::\"char\", null::regclass",
            )
            .await
            .unwrap();
        let types: Vec<u32> = statement
            .columns()
            .iter()
            .map(|c| c.type_().oid())
            .collect();
        assert_eq!(types, [2205, 2206, 4089, 26, 19, 18, 2205]);
        // In binary they are numbers.
        let row = client.query_one(&statement, &[]).await.unwrap();
        let number = |at: usize| row.get::<_, Option<Number>>(at).map(|n| n.0);
        assert_eq!(
            [number(0), number(1), number(2), number(6)],
            [Some(1259), Some(23), Some(2200), None]
        );
    });
}

/// The number of an object.
struct Number(u32);

impl<'a> tokio_postgres::types::FromSql<'a> for Number {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self(u32::from_be_bytes(raw.try_into()?)))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}
