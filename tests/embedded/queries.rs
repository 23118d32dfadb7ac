//! Queries of the embedded database, compared with what PostgreSQL 15 answers.

use crate::common::sql::{check, on_empty, plain, with_client};

#[test]
fn merged_columns_come_first_and_mean_the_side_that_is_there() {
    on_empty(&[
        (
            "create table a(k int, id int, x text, arr int[]); \
             create table b(y text, id int, k int); create table c(id bigint, z text)",
            "",
        ),
        (
            "insert into a values (1, 1, 'a1', '{1,2}'), (2, 2, 'a2', '{3}'), (3, 3, 'a3', null)",
            "",
        ),
        (
            "insert into b values ('b1', 1, 1), ('b2', 2, 9), ('b4', 4, 4)",
            "",
        ),
        ("insert into c values (1, 'c1'), (2, 'c2'), (5, 'c5')", ""),
        (
            "select * from a join b using (id) order by 1",
            "1|1|a1|{1,2}|b1|1;2|2|a2|{3}|b2|9",
        ),
        ("select * from a natural join b", "1|1|a1|{1,2}|b1"),
        ("select * from a join b using (id, k)", "1|1|a1|{1,2}|b1"),
        (
            "select id, a.id, b.id from a right join b using (id) order by 1",
            "1|1|1;2|2|2;4|∅|4",
        ),
        (
            "select id, a.id, b.id from a full join b using (id) order by 1",
            "1|1|1;2|2|2;3|3|∅;4|∅|4",
        ),
        (
            "select id, x, y, z from a full join b using (id) full join c using (id) order by id",
            "1|a1|b1|c1;2|a2|b2|c2;3|a3|∅|∅;4|∅|b4|∅;5|∅|∅|c5",
        ),
        (
            "select pg_typeof(id) from a join c using (id) limit 1",
            "bigint",
        ),
        (
            "select a.*, b.y from a join b using (id) where id = 1",
            "1|1|a1|{1,2}|b1",
        ),
        (
            "select id, count(*) from a left join b using (id) group by id order by id",
            "1|1;2|1;3|1",
        ),
        (
            "select id, unnest(arr) from a join b using (id)",
            "1|1;1|2;2|3",
        ),
        ("select * from a join b using (nope)", "42703"),
        ("select id from a, b", "42702"),
        (
            "select id from a, b join c using (id) where a.id = 1",
            "42702",
        ),
    ]);
}

#[test]
fn functions_that_give_rows_stand_in_lists_and_in_from() {
    on_empty(&[
        ("select unnest(array[1, 2]) * 10", "10;20"),
        (
            "select unnest(array[1, 2]), upper(unnest(array['x', 'y', 'z']))",
            "1|X;2|Y;∅|Z",
        ),
        (
            "select (information_schema._pg_expandarray(array[7, 8])).n, \
             (information_schema._pg_expandarray(array[7, 8])).x",
            "1|7;2|8",
        ),
        (
            "select information_schema._pg_expandarray('{5,6}'::int[])",
            "(5,1);(6,2)",
        ),
        (
            "select x, n from information_schema._pg_expandarray('{5,6}'::int[])",
            "5|1;6|2",
        ),
        (
            "select (r.k).x, (r.k).n from (select information_schema._pg_expandarray(array[9]) as k) r",
            "9|1",
        ),
        (
            "select * from unnest(array['x', 'y']) with ordinality as t(v, n) order by n desc",
            "y|2;x|1",
        ),
        (
            "select e ->> 'a' from jsonb_array_elements('[{\"a\": 1}, {\"a\": \"two\"}]') e",
            "1;two",
        ),
        (
            "select value from jsonb_array_elements('[1, \"x\", null, {\"a\": [1,2]}, 1.50]')",
            "1;\"x\";null;{\"a\": [1, 2]};1.50",
        ),
        (
            "select value from jsonb_array_elements_text('[\"x\\u00e4\", null, [1], 1.50]')",
            "xä;∅;[1];1.50",
        ),
        (
            "select * from jsonb_each('{\"a\": 1, \"b\": {\"c\": 2}}')",
            "a|1;b|{\"c\": 2}",
        ),
        (
            "select * from json_each_text('{\"a\": null, \"d\": \"e\"}')",
            "a|∅;d|e",
        ),
        (
            "select k from jsonb_object_keys('{\"a\": 1, \"b\": 2}') k",
            "a;b",
        ),
        ("select jsonb_array_elements('{\"a\": 1}')", "22023"),
        ("select regexp_split_to_table('a1b22c', '[0-9]+')", "a;b;c"),
        ("select string_to_table('a,b,,c', ',')", "a;b;;c"),
        (
            "select case when true then generate_series(1, 2) end",
            "0A000",
        ),
        ("select sum(unnest(array[1, 2]))", "0A000"),
        ("select 1 where generate_series(1, 2) > 1", "0A000"),
    ]);
}

/// What a driver needs to change a row where it stands.
#[test]
fn columns_tell_which_table_they_are_from() {
    with_client(&plain(), async |client| {
        check(
            &client,
            &[("create table a(k int, x text); create table b(k int); create view v as select x from a", "")],
        )
        .await;
        let oid = |name: &'static str| {
            let client = &client;
            async move {
                let sql = "select oid from pg_class where relname = $1";
                client
                    .query_one(sql, &[&name])
                    .await
                    .unwrap()
                    .get::<_, u32>(0)
            }
        };
        let (a, b, v) = (oid("a").await, oid("b").await, oid("v").await);
        for (sql, expected) in [
            ("select * from a", vec![(a, 1), (a, 2)]),
            (
                "select x, 1 as n, a.k, upper(x) from a",
                vec![(a, 2), (0, 0), (a, 1), (0, 0)],
            ),
            (
                "select t.* from (select x as y, k + 1 from a) t",
                vec![(a, 2), (0, 0)],
            ),
            ("with c as (select k from a) select k from c", vec![(a, 1)]),
            (
                "select a.k, b.k from a join b on a.k = b.k",
                vec![(a, 1), (b, 1)],
            ),
            ("select k from a join b using (k)", vec![(0, 0)]),
            ("select x from v", vec![(v, 1)]),
            ("select k from a union select k from b", vec![(0, 0)]),
            (
                "insert into a values (1, 'x') returning x, k",
                vec![(a, 2), (a, 1)],
            ),
        ] {
            let statement = client.prepare(sql).await.unwrap();
            let found: Vec<(u32, i16)> = statement
                .columns()
                .iter()
                .map(|c| (c.table_oid().unwrap_or(0), c.column_id().unwrap_or(0)))
                .collect();
            assert_eq!(found, expected, "{sql}");
        }
    });
}

#[test]
fn the_first_of_each_kind() {
    on_empty(&[
        ("create table t(k int, v int, n text unique)", ""),
        (
            "insert into t values (1, 1, 'a'), (1, 9, 'b'), (2, 5, 'c'), (null, 3, 'd')",
            "",
        ),
        (
            "select distinct on (k) k, v from t order by k, v desc",
            "1|9;2|5;∅|3",
        ),
        (
            "select distinct on (k) v from t order by k desc, v limit 2",
            "3;5",
        ),
        (
            "select distinct on (k % 2) k % 2 as p, sum(v) from t group by k order by k % 2, sum(v)",
            "0|5;1|10;∅|3",
        ),
        (
            "select distinct on (2) v, k from t order by 2, 1",
            "1|1;5|2;3|∅",
        ),
        ("select distinct on (k) k from t order by v", "42P10"),
        (
            "select count(*) from (select distinct on (k) * from t) x",
            "3",
        ),
        (
            "insert into t values (7, 7, 'a') on conflict on constraint t_n_key do update set v = 70 returning k, v",
            "1|70",
        ),
        (
            "insert into t values (7, 7, 'a') on conflict on constraint nope do nothing",
            "42704",
        ),
        (
            "explain (format json, costs off) select 1",
            "[\n  {\n    \"Plan\": {\n      \"Node Type\": \"Result\"\n    }\n  }\n]",
        ),
        ("explain (format xml) select 1", "0A000"),
        ("explain analyze select 1", "0A000"),
        ("explain (nope) select 1", "42601"),
    ]);
}

#[test]
fn json_is_spaced_as_in_postgresql() {
    on_empty(&[
        (
            "select jsonb_build_object('a', 1, 'b', array[1,2], 'c', null), json_build_object('k', 'v', 'n', 1)",
            "{\"a\": 1, \"b\": [1, 2], \"c\": null}|{\"k\" : \"v\", \"n\" : 1}",
        ),
        (
            "select json_build_array(1, 'x', null, true), jsonb_build_array(1.50, '{\"x\":1}'::jsonb)",
            "[1, \"x\", null, true]|[1.50, {\"x\": 1}]",
        ),
        ("select json_build_object(null, 1)", "22023"),
        (
            "select json_agg(x order by x desc), jsonb_agg(x) filter (where x > 1), json_agg(x) filter (where x > 9) from generate_series(1, 3) x",
            "[3, 2, 1]|[2, 3]|∅",
        ),
        (
            "select json_object_agg(k, v) from (values ('a', 1), ('b', null)) t(k, v)",
            "{ \"a\" : 1, \"b\" : null }",
        ),
    ]);
}

#[test]
fn jsonb_is_kept_one_way() {
    on_empty(&[
        (
            r#"select '{"bb":1,"a":2,"a":3,"c":{"z":1,"y":2}}'::jsonb, '{"b" :1,"a":2}'::json"#,
            r#"{"a": 3, "c": {"y": 2, "z": 1}, "bb": 1}|{"b" :1,"a":2}"#,
        ),
        (
            r#"select '[1e3,-0,1.10,1E-3,-1.50e1]'::jsonb, '"a\u00e4\/\b\u0001\ud83d\ude00"'::jsonb"#,
            r#"[1000, 0, 1.10, 0.001, -15.0]|"aä/\b\u0001😀""#,
        ),
        (r#"select '"\u0000"'::jsonb"#, "22P05"),
        (r#"select '{"\u0000":1}'::jsonb"#, "22P05"),
        (r#"select '"\ud83d"'::jsonb"#, "22P02"),
        (
            r#"select '{"b":1}'::jsonb || '{"a":2}', jsonb_set('{"b":1}','{a}','5'), jsonb_build_object('zz',1,'b',2,'b',3)"#,
            r#"{"a": 2, "b": 1}|{"a": 5, "b": 1}|{"b": 3, "zz": 1}"#,
        ),
        (
            "select to_jsonb(x), jsonb_agg(x) from (select 1 as zz, 2 as b) x group by zz, b",
            r#"{"b": 2, "zz": 1}|[{"b": 2, "zz": 1}]"#,
        ),
        (r#"select '{"b":1,"a":2}'::jsonb = '{"a":2,"b":1}'"#, "t"),
        ("create table j(x jsonb)", ""),
        (r#"insert into j values ('{"q":1,"b":1e2}')"#, ""),
        ("select x, x ->> 'b' from j", r#"{"b": 100, "q": 1}|100"#),
    ]);
}

#[test]
fn jsonb_and_arrays_contain_change_and_lead_somewhere() {
    on_empty(&[
        (
            "select '{\"a\": 1, \"b\": [1, 2, {\"c\": 3}]}'::jsonb @> '{\"b\": [{\"c\": 3.0}]}', \
             '{\"a\": 1}'::jsonb @> '{\"a\": 2}', '[1,2,[1,3]]'::jsonb @> '[[3]]', '[1,2]'::jsonb @> '1', \
             '1'::jsonb @> '[1]', '{\"a\": 1}'::jsonb <@ '{\"a\": 1, \"b\": 2}', '[1]'::jsonb @> '[1,1]', \
             '\"\\u00e4\"'::jsonb @> '\"ä\"'",
            "t|f|t|t|f|t|t|t",
        ),
        (
            "select '{\"a\": 1}'::jsonb ? 'a', '[\"a\",\"b\"]'::jsonb ? 'b', '{\"a\": 1}'::jsonb ? 'z'",
            "t|t|f",
        ),
        (
            "select x #> '{a,b}', x #>> '{a,b,1}', x #>> '{a,b,2}', x #> '{a,b,-3}', x #> '{z}' \
             from (select '{\"a\": {\"b\": [1, \"t\", null]}}'::jsonb as x) t",
            "[1, \"t\", null]|t|∅|1|∅",
        ),
        (
            "select '{\"a\": 1}'::jsonb || '{\"a\": {\"x\": 2}}', '[1]'::jsonb || '2', '1'::jsonb || '2'",
            "{\"a\": {\"x\": 2}}|[1, 2]|[1, 2]",
        ),
        (
            "select '{\"a\": 1, \"b\": 2}'::jsonb - 'a', '[\"a\",\"b\"]'::jsonb - 'a', '[1,2,3]'::jsonb - (-1)",
            "{\"b\": 2}|[\"b\"]|[1, 2]",
        ),
        ("select '{\"a\": 1}'::jsonb - 1", "22023"),
        (
            "select jsonb_set('{\"a\": {\"b\": 1}}', '{a,b}', '2'), jsonb_set('{\"a\": 1}', '{x}', '1', false), \
             jsonb_set('[1,2]', '{9}', '3'), jsonb_set('{\"a\": 1}', '{x,y}', '1')",
            "{\"a\": {\"b\": 2}}|{\"a\": 1}|[1, 2, 3]|{\"a\": 1}",
        ),
        (
            "select array[1,2,3] @> array[2], array[2] <@ array[1,2], array[1,2] && array[2,3], \
             array['a'] && array['b'], '{1,null}'::int[] @> '{null}'::int[], array[1] @> '{}'",
            "t|t|t|f|f|t",
        ),
        ("select array[1] @> array['a']", "42883"),
        ("create table t(id int, meta jsonb default '{}')", ""),
        (
            "insert into t values (1, '{\"tier\": \"gold\", \"n\": 1}'), (2, '{}')",
            "",
        ),
        ("select id from t where meta @> '{\"tier\": \"gold\"}'", "1"),
        (
            "update t set meta = meta - 'n' || '{\"x\": [1]}' where meta ? 'tier' returning meta",
            "{\"x\": [1], \"tier\": \"gold\"}",
        ),
    ]);
}

#[test]
fn lists_of_values_and_queries_in_parentheses_are_ordered_and_cut() {
    on_empty(&[
        (
            "values (1, 'a'), (3, null), (2, 'b') order by 1 desc",
            "3|∅;2|b;1|a",
        ),
        ("values (1), (3), (2) order by column1 limit 2", "1;2"),
        ("values (1), (2) offset 1", "2"),
        (
            "(select 1 as x union select 2 order by 1 desc limit 1) order by x limit 5",
            "2",
        ),
        ("((values (2), (1)) order by 1) limit 1", "1"),
        (
            "select * from (values (1), (2) order by 1 desc limit 1) v",
            "2",
        ),
    ]);
}

/// Each answer is PostgreSQL 15's.
#[test]
fn lateral_subqueries_see_what_stands_to_their_left() {
    on_empty(&[
        (
            "create table u(id int primary key, name varchar(10), f float8, b bytea, ts timestamptz default '2020-01-01 00:00+00', ok bool default true)",
            "",
        ),
        (
            "create table p(id int primary key, uid int references u, v int, n numeric(5,2))",
            "",
        ),
        (
            "insert into u values (1,'a',0.1,'\\x00ff'),(2,'b',1e300,null),(3,'c','infinity','\\x')",
            "",
        ),
        (
            "insert into p values (1,1,5,1.50),(2,1,9,2),(3,2,7,null),(4,1,1,0)",
            "",
        ),
        (
            "select u.name, l.* from u left join lateral (select p.id, p.v, p.n from p where p.uid=u.id order by v desc limit 2) l on true order by 1, l.v",
            "a|1|5|1.50;a|2|9|2.00;b|3|7|∅;c|∅|∅|∅",
        ),
        (
            "select u.name, l.x from u cross join lateral (select sum(v) from p where uid=u.id) l(x) order by 1",
            "a|15;b|7;c|∅",
        ),
        (
            "select u.name, l.c from u, lateral (select count(*) c from p where uid=u.id) as l where l.c>0 order by l.c",
            "b|1;a|3",
        ),
        (
            "select l.* from u join lateral (select u.f*1, u.b, u.ts, u.ok, u.name) l on l.ok order by u.id",
            "0.1|\\x00ff|2020-01-01 00:00:00+00|t|a;1e+300|∅|2020-01-01 00:00:00+00|t|b;Infinity|\\x|2020-01-01 00:00:00+00|t|c",
        ),
        (
            "select u.name, l.id from u left join lateral (select id from p where uid=u.id) l on l.id>2 order by 1,2",
            "a|4;b|3;c|∅",
        ),
        // As tools ask for what belongs to a row, and what belongs to that.
        (
            "select u.name, j.data from u left join lateral (select coalesce(json_agg(json_build_array(x.id, y.data) order by x.id desc), '[]'::json) as data from (select * from p x where x.uid=u.id order by x.id desc limit 2) x left join lateral (select json_build_array(z.name) as data from (select * from u z where z.id=x.uid limit 1) z) y on true) j on true order by 1",
            "a|[[4, [\"a\"]], [2, [\"a\"]]];b|[[3, [\"b\"]]];c|[]",
        ),
        (
            "select u.id, m.t from u, lateral (select u.id+1 as s) l, lateral (select l.s*2 as t) m where m.t>4 order by 1",
            "2|6;3|8",
        ),
        (
            "select * from u right join lateral (select u.id) l on true",
            "42P10",
        ),
        ("select l.* from lateral (select 1 as a) l", "1"),
    ]);
}

/// Each answer is PostgreSQL 15's.
#[test]
fn a_subquery_as_an_expression_has_one_row() {
    on_empty(&[
        ("select (select x from (values (1),(2)) v(x))", "21000"),
        (
            "select 1 where 1 = (select x from (values (1),(2)) v(x))",
            "21000",
        ),
        ("select (select unnest(array[1,2]))", "21000"),
        (
            "select (select x from (values (1)) v(x)), (select x from (values (1)) v(x) where false), (select null), (select max(x) from (values (1),(2)) v(x)), (select x from (values (2),(1)) v(x) order by x limit 1)",
            "1|∅|∅|2|1",
        ),
        (
            "create table t(a int, b text, c numeric(5,2), e float8, f bytea)",
            "",
        ),
        (
            "insert into t values (1,'x',1.5,1e300,'\\x00'),(2,'y',2,null,null)",
            "",
        ),
        (
            "select (select b from t s where s.a=t.a), (select c from t s where s.a=t.a), (select e from t s where s.a=t.a), (select f from t s where s.a=t.a) from t order by a",
            "x|1.50|1e+300|\\x00;y|2.00|∅|∅",
        ),
        (
            "select a from t where c < (select c from t s where s.a = 2)",
            "1",
        ),
        ("update t set c = (select c from t)", "21000"),
    ]);
}

/// The types are what PostgreSQL 15 tells of them.
#[test]
fn texts_of_several_types_meet_as_in_postgresql() {
    with_client(&plain(), async |client| {
        let cases = [
            ("select 'a'::varchar union select 'b'::text", "varchar"),
            ("select 'a'::text union select 'b'::varchar", "text"),
            ("select coalesce('a'::name, 'b'::text)", "name"),
            ("select coalesce('a'::varchar, 'b'::name)", "name"),
            ("select coalesce('a'::bpchar, 'b'::text)", "bpchar"),
            (
                "select case when true then 'a'::varchar else 'b'::text end",
                "text",
            ),
            ("select array['a'::varchar, 'b'::text]", "_varchar"),
            ("select nullif('a'::varchar, 'b'::text)", "text"),
            ("select nullif(1::int2, 2::int8)", "int2"),
            ("select nullif(1::int8, 2::int2)", "int8"),
            ("select nullif(1::float4, 2::float8)", "float4"),
            ("select nullif(1::int2, 2.0)", "numeric"),
            ("values ('a'::varchar), ('b'::text)", "varchar"),
        ];
        for (sql, expected) in cases {
            let statement = client.prepare(sql).await.unwrap();
            assert_eq!(statement.columns()[0].type_().name(), expected, "{sql}");
        }
        let names = [
            ("select true", "?column?"),
            ("select case when true then 1 else '2'::int end", "case"),
            (
                "select case when true then 1 else id end from (values (1)) v(id)",
                "id",
            ),
        ];
        for (sql, expected) in names {
            let statement = client.prepare(sql).await.unwrap();
            assert_eq!(statement.columns()[0].name(), expected, "{sql}");
        }
        // What has no type yet is an array beside an array.
        let row = client
            .query_one("select array['x'] || $1", &[&vec!["z"]])
            .await
            .unwrap();
        assert_eq!(row.get::<_, Vec<String>>(0), ["x", "z"]);
        check(
            &client,
            &[
                ("select array['x'] || '{y,z}', null || array[1]", "{x,y,z}|{1}"),
                ("select array['x'] || 'y'", "22P02"),
                ("select array_append(array['x'], '{y}')", "{x,\"{y}\"}"),
                (
                    "select '{\"b\":[1,2]}'::jsonb->'b', '{\"b\":[1,2]}'::jsonb->>'b'",
                    "[1, 2]|[1, 2]",
                ),
                (
                    "select ('{\"a\":{\"b\":[1,{\"c\":2}]}}'::jsonb)['a']['b'][1]['c'], ('{\"a\":1}'::jsonb)['x']",
                    "2|∅",
                ),
                ("select sum(x), 0.0*1.00 from (values (0.00),(0.0)) v(x)", "0.00|0.000"),
                (
                    "select sum(x) over (order by y rows between 1 preceding and current row) from (values (0.000,1),(1,2),(2.5,3),(3,4)) v(x,y)",
                    "0.000;1.000;3.5;5.5",
                ),
                (
                    "select '{int,int8,text[],\"double precision\"}'::regtype[], '\"pg_catalog\".\"int4\"'::regtype",
                    "{integer,bigint,text[],\"double precision\"}|integer",
                ),
                ("begin isolation level repeatable read read write not deferrable", ""),
                ("show transaction_isolation", "repeatable read"),
                ("rollback", ""),
                ("begin transaction read only, deferrable", ""),
                ("rollback", ""),
                ("set time zone interval '-08:30' hour to minute", ""),
                ("select '2020-01-01 00:00+00'::timestamptz", "2019-12-31 15:30:00-08:30"),
                ("set time zone '+02:00'", ""),
                ("select '2020-01-01 00:00+00'::timestamptz", "2019-12-31 22:00:00-02"),
            ],
        )
        .await;
    });
}

#[test]
fn rows_that_are_missing_are_of_no_table() {
    on_empty(&[
        ("create table l(a int)", ""),
        ("create table r(a int, b int)", ""),
        ("create table rr(rowid text, a int)", ""),
        ("insert into l values (1),(2)", ""),
        ("insert into r values (1,1)", ""),
        ("insert into rr values ('x', 1)", ""),
        (
            "select l.a, r.tableoid is null, r.tableoid::regclass, l.tableoid::regclass from l left join r on l.a=r.a order by 1",
            "1|f|r|l;2|t|∅|l",
        ),
        (
            "select r.tableoid::regclass, l.tableoid::regclass from r full join l on l.a=r.a order by 1",
            "r|l;∅|l",
        ),
        (
            "select r.tableoid::regclass from r right join l using (a) order by 1",
            "r;∅",
        ),
        (
            "select coalesce(rr.tableoid::regclass::text, '-') from l left join rr using (a) order by 1",
            "-;rr",
        ),
        (
            "select c.relname, i.tableoid::regclass from pg_class c left join pg_index i on i.indrelid = c.oid where relname = 'l'",
            "l|∅",
        ),
    ]);
}
