//! JSON of the embedded database, compared with what PostgreSQL 15 answers.

use crate::common::sql::on_empty;

#[test]
fn jsonb_is_compared_by_value() {
    on_empty(&[
        (
            "create table j(id int primary key, d jsonb); insert into j values \
             (1, '1'), (2, '1.0'), (3, '[1,2]'), (4, '[1.0,2.00]'), (5, '{\"a\":1}'), (6, '{\"a\":1.0}'), \
             (7, '[]'), (8, null), (9, '\"a\"'), (10, 'true'), (11, 'null'), (12, '{}')",
            "",
        ),
        ("select id from j where d = '1' order by id", "1;2"),
        (
            "select id from j where d in ('1.00', '{\"a\":1.000}') order by id",
            "1;2;5;6",
        ),
        (
            "select id from j where d = any(array['1.00', '{\"a\":1.000}']::jsonb[]) order by id",
            "1;2;5;6",
        ),
        ("select count(distinct d), count(d) from j", "8|11"),
        (
            "select string_agg(id::text, ',' order by d, id) from j",
            "7,11,9,1,2,10,3,4,12,5,6,8",
        ),
        (
            "select id from j order by d desc nulls last, id limit 3",
            "5;6;12",
        ),
        ("select count(*) from (select d from j group by d) x", "9"),
        (
            "select count(*) from (select d from j union select d from j) x",
            "9",
        ),
        (
            "select d from j where id in (3, 5) except select d from j where id in (4, 6)",
            "",
        ),
        (
            "select count(*) from j a join j b using (d) where a.id < b.id",
            "3",
        ),
        (
            "select distinct on (d) id from j order by d, id limit 4",
            "7;11;9;1",
        ),
        (
            "select '1'::jsonb is distinct from '1.0', nullif('1'::jsonb, '1.0'), greatest('1'::jsonb, '\"a\"', '[]')",
            "f|∅|1",
        ),
        (
            "select '[1,2]'::jsonb @> '[1.0]', '[1]'::jsonb @> '1.0', '[\"1\"]'::jsonb ? '1'",
            "t|t|t",
        ),
        ("create table u(d jsonb unique, a numeric[] unique)", ""),
        ("insert into u values ('{\"a\":[1]}', '{1.0}')", ""),
        ("insert into u values ('{\"a\":[1.00]}', '{2}')", "23505"),
        ("insert into u values ('{\"a\":[2.00]}', '{1.00}')", "23505"),
        (
            "insert into u values ('{\"a\":[1.0]}', '{3}') on conflict (d) do update set d = '2' returning d",
            "2",
        ),
        (
            "select array['1'::jsonb] = array['1.0'::jsonb], array_position(array['1'::jsonb, '2'], '2.0')",
            "t|2",
        ),
    ]);
}

#[test]
fn arrays_are_compared_by_their_elements() {
    on_empty(&[
        (
            "select array[10] > array[9], array[1,2] < array[1,10], array[1.0] = array[1.00], array[1.0,2] @> array[2.0]",
            "t|t|t|t",
        ),
        (
            "select max(x), min(x) from (values (array[10]), (array[9]), (array[9,1])) t(x)",
            "{10}|{9}",
        ),
        (
            "select x from (values (array['b c']), (array['b']), (array['a,']), (array[null]), (array['']::text[])) t(x) order by x",
            "{\"\"};{\"a,\"};{b};{\"b c\"};{NULL}",
        ),
    ]);
}

#[test]
fn json_is_given_as_it_was_written() {
    on_empty(&[
        (
            "create table t(t json); insert into t values ('{\"b\": [1,  {\"k\" : 2}], \"a\":1, \"a\" : {\"y\":1 ,\"x\":2}}')",
            "",
        ),
        (
            "select t -> 'b', t ->> 'b', t -> 'a', t #> '{b,1}', t #>> '{b,1,k}', t -> 'b' -> -2, t -> 0 from t",
            "[1,  {\"k\" : 2}]|[1,  {\"k\" : 2}]|{\"y\":1 ,\"x\":2}|{\"k\" : 2}|2|1|∅",
        ),
        (
            "select key, value from t, json_each(t)",
            "b|[1,  {\"k\" : 2}];a|1;a|{\"y\":1 ,\"x\":2}",
        ),
        (
            "select value from t, json_array_elements(t -> 'b')",
            "1;{\"k\" : 2}",
        ),
        (
            "select '{\"a\":\"x\\ty\"}'::json -> 'a', '{\"a\":\"x\\ty\"}'::json ->> 'a', '{\"a\":null}'::json ->> 'a'",
            "\"x\\ty\"|x\ty|∅",
        ),
        ("select '{\"a\":\"\\u0000\"}'::json ->> 'a'", "22P05"),
        (
            "select '1'::jsonb -> 0, '1'::json -> 0, '{\"a\":1}'::jsonb -> 'b'",
            "1|∅|∅",
        ),
        (
            "select json_array_length('[1, [2,3]]'), jsonb_array_length('[]')",
            "2|0",
        ),
        ("select json_array_length('{}')", "22023"),
        (
            "select x from (values ('1'::json), ('2')) t(x) order by x",
            "42883",
        ),
        (
            "select x from (values ('1'::json), ('2')) t(x) group by x",
            "42883",
        ),
        (
            "select distinct x from (values ('1'::json), ('2')) t(x)",
            "42883",
        ),
        ("select '1'::json union select '1'::json", "42883"),
        ("select '1'::json union all select '1'::json", "1;1"),
        (
            "select '1.7'::jsonb::int, 'true'::jsonb::bool, '1.50'::jsonb::numeric, ('{\"a\":2}'::jsonb -> 'a')::float8 / 4",
            "2|t|1.50|0.5",
        ),
        ("select '\"1\"'::jsonb::int", "22023"),
        ("select jsonb_set('{\"a\":[1]}', '{a,x}', '2')", "22P02"),
        (
            "select '[]'::jsonb #- '{a}', jsonb_set('{\"a\":[1]}', '{a,3}', '2')",
            "[]|{\"a\": [1, 2]}",
        ),
        ("select 'null'::jsonb::bool", "22023"),
        (
            "select jsonb_insert('{\"bb\":1}', '{a}', '2')",
            "{\"a\": 2, \"bb\": 1}",
        ),
    ]);
}
