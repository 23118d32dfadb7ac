//! Values of the embedded database, compared with what PostgreSQL 15 answers.

use tokio_postgres::types::Type;

use crate::common::sql::{on_empty, plain, with_client};

#[test]
fn numbers() {
    on_empty(&[
        (
            "select -2 ^ 2, - 2 ^ 2 ^ 3, 1 << 32, 1 << 31, 1::bigint << 40",
            "4|64|1|-2147483648|1099511627776",
        ),
        (
            "select 1.1::real * 2, pg_typeof(1::real + 1), 0.1::real::numeric, pg_typeof(coalesce(1::real, 1.5))",
            "2.200000047683716|double precision|0.1|real",
        ),
        ("select 1e400::float8", "22003"),
        (
            "select 10 % 123.456, 0.5 % 1.10, (0 / 1.10) + 2.50, 1 - 0.00",
            "10.000|0.50|2.50000000000000000000|1.00",
        ),
        (
            "select date '2024-01-31' + interval '-1 mon 5 days', timestamp '2024-03-31 10:00' - interval '-1 mon 5 days 01:00'",
            "2024-01-05 00:00:00|2024-04-25 09:00:00",
        ),
        (
            "select to_hex(-1), to_hex(-1::bigint)",
            "ffffffff|ffffffffffffffff",
        ),
        (
            "select sum(x), avg(x) from (values (0.1::float8), (0.2), (0.3)) t(x)",
            "0.6000000000000001|0.20000000000000004",
        ),
        (
            "select sum(x), avg(x) from (values (0.1::real), (0.2), (0.3)) t(x)",
            "0.6|0.2000000054637591",
        ),
        (
            "select sum(x) over (order by i rows 1 preceding) from (values (1, 0.1::float8), (2, 0.2), (3, null), (4, 0.3)) t(i, x)",
            "0.1;0.30000000000000004;0.2;0.3",
        ),
    ]);
}

#[test]
fn texts_arrays_and_instants() {
    on_empty(&[
        (
            "select string_agg(x, ',') over (order by i rows between 1 preceding and 1 following) from \
             (values (1, null), (2, ''), (3, 'b'), (4, ''), (5, null), (6, '')) t(i, x)",
            ";,b;,b,;b,;,;",
        ),
        (
            "select string_agg(x, ',' order by i), string_agg(x, null order by i), string_agg(x, ',') filter (where i > 9) from (values (1, ''), (2, 'b'), (3, null)) t(i, x)",
            ",b|b|∅",
        ),
        (
            "select upper('straße'), lower('ΑΣ'), initcap('éa ßb')",
            "STRAßE|ασ|Éa ßb",
        ),
        (
            "select 1 = any(null::int[]), 1 <> all(null::int[]), 1 = any('{}'::int[]), 1 = any(array[2, null])",
            "∅|∅|f|∅",
        ),
        (
            "select to_json('2024-01-05 10:00+00'::timestamptz), to_jsonb(array['2024-01-05 10:00+00'::timestamptz])",
            "\"2024-01-05T10:00:00+00:00\"|[\"2024-01-05T10:00:00+00:00\"]",
        ),
        ("set timezone = 'Asia/Kolkata'", ""),
        (
            "select row_to_json(x) from (select '2024-01-05 10:00+00'::timestamptz as a, '2024-01-05 10:00'::timestamp as b) x",
            "{\"a\":\"2024-01-05T15:30:00+05:30\",\"b\":\"2024-01-05T10:00:00\"}",
        ),
        (
            "select format_type(1042, -1), format_type(1042, null), format_type(1042, 7)",
            "bpchar|character|character(3)",
        ),
        // What is not kept is not taken for wrong.
        ("select 'infinity'::timestamp", "0A000"),
        ("select '-infinity'::date", "0A000"),
        ("select '0044-03-15 BC'::date", "0A000"),
        ("select timestamp '9999-12-31' + interval '1 day'", "0A000"),
        ("set datestyle = 'ISO, DMY'", "0A000"),
    ]);
}

#[test]
fn addresses_and_what_has_no_type_here() {
    on_empty(&[
        (
            "select '10.0.0.1'::inet < '9.0.0.1'::inet, '192.168.0.1/32'::inet, '1.2.3.4'::inet::text, '1.2.3.4'::inet = '1.2.3.4/32'",
            "f|192.168.0.1|1.2.3.4/32|t",
        ),
        ("select '999'::inet", "22P02"),
        (
            "create table t(a inet unique); insert into t values ('10.0.0.1/32'), ('9.0.0.1'), ('::1'), (null)",
            "",
        ),
        ("insert into t values ('10.0.0.1')", "23505"),
        ("select a from t order by a", "9.0.0.1;10.0.0.1;::1;∅"),
        ("select '1'::money", "0A000"),
        ("select '10:00+02'::timetz", "0A000"),
        ("select '{[1,2)}'::int4range[]", "0A000"),
        ("select 'inf'::numeric", "Infinity"),
    ]);
}

#[test]
fn parameters_have_the_types_of_their_places() {
    let server = plain();
    with_client(&server, async |client| {
        client
            .batch_execute("create table t(id int, v varchar(9), s text)")
            .await
            .unwrap();
        for (sql, types) in [
            ("select now() - $1 * interval '1 day'", vec![Type::FLOAT8]),
            (
                "insert into t(id, v) select $1, $2",
                vec![Type::INT4, Type::VARCHAR],
            ),
            (
                "select * from t where v = $1 and $2 < v",
                vec![Type::TEXT, Type::TEXT],
            ),
            (
                "select lag(s, $1, $2) over (order by id) from t",
                vec![Type::INT4, Type::TEXT],
            ),
        ] {
            let statement = client.prepare(sql).await.unwrap();
            assert_eq!(statement.params(), types, "{sql}");
        }
    });
    on_empty(&[
        ("create table t(a int)", ""),
        ("select count(t) from t", "0A000"),
        ("select xmax from t", "0A000"),
        ("select t.ctid from t", "0A000"),
        ("select nope from t", "42703"),
    ]);
}

#[test]
fn nothing_is_no_limit_and_an_empty_array() {
    on_empty(&[
        ("select 1 limit null offset null", "1"),
        (
            "select array(select 1 where false), cardinality(array(select 1 where false))",
            "{}|0",
        ),
        ("select extract('year' from date '2024-01-01')", "2024"),
    ]);
}

#[test]
fn what_changes_gives_of_its_own_table() {
    on_empty(&[
        (
            "create table a(i int, n int); create table b(i int, m text)",
            "",
        ),
        (
            "insert into a values (1, 1), (2, 2); insert into b values (1, 'x'), (2, 'y')",
            "",
        ),
        (
            "update a set n = 5 from b where a.i = b.i and m = 'x' returning a.*, n",
            "1|5|5",
        ),
        (
            "delete from a using b where a.i = b.i and m = 'y' returning n",
            "2",
        ),
        ("update a set n = 6 returning b.m", "42P01"),
    ]);
}
