//! Assignments to parts of values, and what holds values to their types, compared with what
//! PostgreSQL 15 answers.

use crate::common::sql::on_empty;

#[test]
fn elements_and_slices_of_arrays_are_assigned_to() {
    on_empty(&[
        (
            "create table t(id int primary key, a int[], s text[], n numeric(6,2)[])",
            "",
        ),
        (
            "insert into t values (1, '{1,2,3}', '{x}', '{1.5}'), (2, null, null, null), (3, '{}', '{}', null)",
            "",
        ),
        (
            "update t set a[2] = 20, s[1] = 'q,\"' where id = 1 returning a, s",
            "{1,20,3}|{\"q,\\\"\"}",
        ),
        (
            "update t set a[5] = 50 where id = 1 returning a",
            "{1,20,3,NULL,50}",
        ),
        (
            "update t set a[1] = null where id = 1 returning a",
            "{NULL,20,3,NULL,50}",
        ),
        (
            "update t set a[2:3] = '{7,8}' where id = 1 returning a",
            "{NULL,7,8,NULL,50}",
        ),
        (
            "update t set a[4:] = array[9, 10] where id = 1 returning a",
            "{NULL,7,8,9,10}",
        ),
        (
            "update t set a[:2] = array[1, 2] where id = 1 returning a",
            "{1,2,8,9,10}",
        ),
        (
            "update t set a[1:2] = null where id = 1 returning a",
            "{1,2,8,9,10}",
        ),
        (
            "update t set a[1] = 1 where id > 1 returning id, a",
            "2|{1};3|{1}",
        ),
        (
            "update t set n[1] = 3.14159, n[2] = 2 where id = 1 returning n",
            "{3.14,2.00}",
        ),
        (
            "update t set a[1] = 1.6 where id = 1 returning a",
            "{2,2,8,9,10}",
        ),
        ("update t set a[1] = 'x' where id = 1", "22P02"),
        ("update t set a[2:1] = '{1}' where id = 1", "2202E"),
        ("update t set a[1:3] = '{1}' where id = 1", "2202E"),
        ("update t set a[null] = 1 where id = 1", "22004"),
        (
            "update t set a[1:] = '{1}', s[:1] = '{2}' where id = 2",
            "2202E",
        ),
        ("update t set s[:1] = '{2}' where id = 2", "2202E"),
        ("update t set a[1] = 1, a = '{2}' where id = 1", "42601"),
        ("update t set id[1] = 1 where id = 1", "42804"),
        (
            "insert into t values (1) on conflict (id) do update set a[1] = excluded.id + 100 returning a",
            "{101,2,8,9,10}",
        ),
        (
            "update t set a[1] = u.a[1] + 1 from (select 1 as id, array[41] as a) u where t.id = u.id returning t.a",
            "{42,2,8,9,10}",
        ),
        (
            "update t set a[a[3]] = case when s[1] is distinct from 'x' then -1 end, s[1] = 'y' where id = 1 returning a, s",
            "{42,2,8,9,10,NULL,NULL,-1}|{y}",
        ),
        (
            "prepare p(int, int) as update t set a[$1] = $2 where id = 1 returning a; execute p(2, 77)",
            "{42,77,8,9,10,NULL,NULL,-1}",
        ),
        ("create type e as enum ('a', 'b')", ""),
        ("create table u(e e[], b bytea[], v varchar(3)[])", ""),
        ("insert into u values ('{a}', '{}', '{}')", ""),
        (
            "update u set e[2] = 'b', b[1] = '\\xdead', v[1] = 'abc' returning *",
            "{a,b}|{\"\\\\xdead\"}|{abc}",
        ),
        ("update u set e[1:2] = '{b,a}' returning e", "{b,a}"),
        ("update u set e[1] = 'x'", "22P02"),
        ("update u set v[1] = 'abcd'", "22001"),
    ]);
}

#[test]
fn what_a_path_leads_to_in_jsonb_is_assigned_to() {
    on_empty(&[
        ("create table t(id int primary key, j jsonb, x json)", ""),
        (
            "insert into t values (1, '{\"a\": 1}', '{}'), (2, null, null), (3, '[1]', null), (4, '5', null)",
            "",
        ),
        (
            "update t set j['b'] = '2', j['c']['d'][2] = '{\"x\": 1}' where id = 1 returning j",
            "{\"a\": 1, \"b\": 2, \"c\": {\"d\": [null, null, {\"x\": 1}]}}",
        ),
        ("update t set j['a']['b'] = '2' where id = 1", "22023"),
        (
            "update t set j['c']['d'][-1]['x'] = 'null' where id = 1 returning j",
            "{\"a\": 1, \"b\": 2, \"c\": {\"d\": [null, null, {\"x\": null}]}}",
        ),
        (
            "update t set j[3] = '\"x\"' where id = 3 returning j",
            "[1, null, null, \"x\"]",
        ),
        (
            "update t set j[-1] = '\"y\"' where id = 3 returning j",
            "[1, null, null, \"y\"]",
        ),
        ("update t set j[-9] = '\"y\"' where id = 3", "22023"),
        ("update t set j['x'] = '\"y\"' where id = 3", "22P02"),
        (
            "update t set j['x']['y'] = '\"y\"' where id = 2 returning j",
            "{\"x\": {\"y\": \"y\"}}",
        ),
        (
            "update t set j['x'] = null where id = 2 returning j",
            "{\"x\": null}",
        ),
        ("update t set j = null where id = 2", ""),
        (
            "update t set j[1][0] = '1' where id = 2 returning j",
            "[null, [1]]",
        ),
        ("update t set j['a'] = '1' where id = 4", "22023"),
        ("update t set j[null] = '1' where id = 1", "22004"),
        ("update t set j[1.5] = '1' where id = 1", "42804"),
        ("update t set j['a':'b'] = '1' where id = 1", "42804"),
        ("update t set x['a'] = '1' where id = 1", "42804"),
        (
            "insert into t values (1) on conflict (id) do update set j['z'] = to_jsonb(t.id) returning j -> 'z'",
            "1",
        ),
    ]);
}

#[test]
fn elements_of_arrays_keep_to_the_length_of_their_type() {
    on_empty(&[
        (
            "create table t(n numeric(6,2)[], v varchar(3)[], t timestamp(0)[], c char(3)[])",
            "",
        ),
        (
            "insert into t values ('{3.14159}', '{abc}', '{2020-01-01 00:00:00.6}', '{a}')",
            "",
        ),
        (
            "insert into t values (array[3.14159], array['abc'], null, array['a'])",
            "",
        ),
        (
            "select * from t",
            "{3.14}|{abc}|{\"2020-01-01 00:00:01\"}|{\"a  \"};{3.14}|{abc}|∅|{\"a  \"}",
        ),
        ("insert into t(v) values ('{abcd}')", "22001"),
        ("insert into t(v) select array['abcd']", "22001"),
        ("insert into t(n) select array[123456.1]", "22003"),
        ("update t set v = v || 'abcd'::text", "22001"),
        (
            "select '{3.14159}'::numeric(6,2)[], '{abcd}'::varchar(3)[], array[1.555, null]::numeric(6,1)[]",
            "{3.14}|{abc}|{1.6,NULL}",
        ),
        (
            "select atttypmod, format_type(atttypid, atttypmod) from pg_attribute where attrelid = 't'::regclass and attnum > 0 order by attnum",
            "393222|numeric(6,2)[];7|character varying(3)[];0|timestamp(0) without time zone[];7|character(3)[]",
        ),
        ("alter table t alter column n type numeric(6,1)[]", ""),
        ("alter table t alter column v type varchar(2)[]", "22001"),
        ("select n from t", "{3.1};{3.1}"),
    ]);
}

#[test]
fn null_is_no_number_that_counts_on() {
    on_empty(&[
        (
            "create table t(id serial primary key, b int default 7, c text)",
            "",
        ),
        (
            "insert into t(id) values (default), (default), (default) returning id, b",
            "1|7;2|7;3|7",
        ),
        (
            "insert into t values (default), (default) returning *",
            "4|7|∅;5|7|∅",
        ),
        (
            "insert into t(id, b) values (default, default), (default, default) returning *",
            "6|7|∅;7|7|∅",
        ),
        ("update t set id = null where 1 != 1 returning id", ""),
        ("update t set id = null where id = 1", "23502"),
        ("insert into t(id) values (null)", "23502"),
        ("insert into t(id) select null where false", ""),
        ("insert into t(id) select null", "23502"),
        ("insert into t(id, b) values (null, 1), (99, 2)", "23502"),
        ("select count(*) from t", "7"),
    ]);
}

#[test]
fn frames_and_numbers_of_rows_are_expressions() {
    on_empty(&[
        ("create table t(id int primary key)", ""),
        ("insert into t values (1), (2), (3)", ""),
        (
            "select id from t order by id fetch first (1 + 1) rows only",
            "1;2",
        ),
        (
            "select id from t order by id offset (1) rows fetch next (1) row only",
            "2",
        ),
        ("select id from t order by id for no key update", "1;2;3"),
        (
            "select id from t order by id for key share of t nowait",
            "1;2;3",
        ),
        (
            "select id, sum(id) over (order by id rows between 1 preceding and current row) from t order by id",
            "1|1;2|3;3|5",
        ),
        (
            "prepare w(int) as select id, sum(id) over (order by id rows between $1::int preceding and current row) from t order by id",
            "",
        ),
        ("execute w(1)", "1|1;2|3;3|5"),
        ("execute w(-1)", "22013"),
        (
            "prepare w2 as select id, sum(id) over (order by id rows between $1 preceding and $2 following) from t order by id",
            "",
        ),
        ("execute w2(1, 2)", "1|6;2|6;3|5"),
        (
            "select sum(id) over (order by id range between 1 preceding and 1 following) from t order by id",
            "3;6;5",
        ),
    ]);
}

#[test]
fn keys_that_wait_are_shown_as_such() {
    on_empty(&[
        ("create table co(id int primary key)", ""),
        (
            "create table pe(id int primary key, c int references co match full on delete restrict on update restrict deferrable initially deferred, d int references co deferrable, e int references co)",
            "",
        ),
        (
            "select conname, pg_get_constraintdef(oid), condeferrable, condeferred, confmatchtype from pg_constraint where conrelid = 'pe'::regclass and contype = 'f' order by 1",
            "pe_c_fkey|FOREIGN KEY (c) REFERENCES co(id) MATCH FULL ON UPDATE RESTRICT ON DELETE RESTRICT DEFERRABLE INITIALLY DEFERRED|t|t|f;pe_d_fkey|FOREIGN KEY (d) REFERENCES co(id) DEFERRABLE|t|f|s;pe_e_fkey|FOREIGN KEY (e) REFERENCES co(id)|f|f|s",
        ),
        (
            "select constraint_name, is_deferrable, initially_deferred from information_schema.table_constraints where table_name = 'pe' and constraint_type = 'FOREIGN KEY' order by 1",
            "pe_c_fkey|YES|YES;pe_d_fkey|YES|NO;pe_e_fkey|NO|NO",
        ),
        (
            "create table pf(a int references co match partial)",
            "0A000",
        ),
    ]);
}
