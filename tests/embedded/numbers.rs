//! Numbers at their bounds and beyond, compared with what PostgreSQL 15 answers.

use crate::common::sql::on_empty;

#[test]
fn numeric_may_be_infinite_or_no_number() {
    on_empty(&[
        (
            "select 'inf'::numeric, '-Infinity'::numeric, 'NaN'::numeric, ' +inf '::numeric, 'nan'::numeric",
            "Infinity|-Infinity|NaN|Infinity|NaN",
        ),
        (
            "select 'NaN'::numeric + 1, 'NaN'::numeric = 'NaN'::numeric, 'NaN'::numeric > 1, -'NaN'::numeric, -'inf'::numeric",
            "NaN|t|t|NaN|-Infinity",
        ),
        (
            "select 'inf'::numeric + 1, 1 - 'inf'::numeric, 'inf'::numeric - 'inf'::numeric, 'inf'::numeric * -2, 0 * 'inf'::numeric, 1.50 / 'inf'::numeric, 5 % 'inf'::numeric, 'inf'::numeric % 5, 'inf'::numeric / -3",
            "Infinity|-Infinity|NaN|-Infinity|NaN|0|5|NaN|-Infinity",
        ),
        ("select 'inf'::numeric / 0", "22012"),
        ("select 'NaN'::numeric / 0", "NaN"),
        (
            "select sum(x), avg(x), max(x), min(x), count(x) from (values ('NaN'::numeric),(1)) v(x)",
            "NaN|NaN|NaN|1|2",
        ),
        (
            "select sum(x), avg(x), max(x), min(x) from (values ('inf'::numeric),(1),('-inf')) v(x)",
            "NaN|NaN|Infinity|-Infinity",
        ),
        (
            "select sum(x) over (order by i rows 1 preceding) from (values (1,'inf'::numeric),(2,1),(3,2)) v(i,x)",
            "Infinity;Infinity;3",
        ),
        (
            "select x from (values ('NaN'::numeric),(1),(-3),('-inf'),('inf')) v(x) order by x",
            "-Infinity;-3;1;Infinity;NaN",
        ),
        (
            "select 'inf'::numeric::float8, '-inf'::float8::numeric, 'inf'::real::numeric",
            "Infinity|-Infinity|Infinity",
        ),
        ("select 'NaN'::numeric::int", "0A000"),
        ("select 'inf'::numeric::bigint", "0A000"),
        ("select 'NaN'::numeric(5,2)", "NaN"),
        ("select 'inf'::numeric(5,2)", "22003"),
        ("select 'inf'::numeric::numeric(5,2)", "22003"),
        (
            "select round('NaN'::numeric,2), abs('-inf'::numeric), sqrt('NaN'::numeric), floor('inf'::numeric), 'NaN'::numeric::text, to_json('NaN'::numeric), to_jsonb('-inf'::numeric), sign('-inf'::numeric), exp('-inf'::numeric), ln('inf'::numeric), trunc('inf'::numeric, 1)",
            "NaN|Infinity|NaN|Infinity|NaN|\"NaN\"|\"-Infinity\"|-1|0|Infinity|Infinity",
        ),
        ("create table n(x numeric, y numeric(6,2))", ""),
        (
            "insert into n values ('NaN', 'NaN'), ('inf', 1), ('-inf', 2), (1.5, 3)",
            "",
        ),
        ("insert into n values (1, 'inf')", "22003"),
        (
            "select x, y, x > 1, x + y from n order by x, y",
            "-Infinity|2.00|f|-Infinity;1.5|3.00|t|4.50;Infinity|1.00|t|Infinity;NaN|NaN|t|NaN",
        ),
        (
            "select x from n where x = 'inf' or x = 'NaN' order by x",
            "Infinity;NaN",
        ),
        (
            "select distinct x from (select x from n union all select x from n) a order by x",
            "-Infinity;1.5;Infinity;NaN",
        ),
        ("create unique index on n(x)", ""),
        ("insert into n values ('Infinity', 1)", "23505"),
        ("update n set x = -x where x = '-inf'", "23505"),
        (
            "select array_agg(x order by x), greatest('inf'::numeric, 'NaN', 1), least('-inf'::numeric, 2) from n",
            "{-Infinity,1.5,Infinity,NaN}|NaN|-Infinity",
        ),
        (
            "select 'inf'::numeric between 1 and 'NaN', 'inf'::numeric in (1, 'inf'), coalesce(null, 'inf'::numeric)",
            "t|t|Infinity",
        ),
    ]);
}
#[test]
fn floats_do_not_become_nothing_or_infinite() {
    on_empty(&[
        ("select exp(-745::float8)", "5e-324"),
        ("select exp(-720::float8)", "2.0322308024e-313"),
        ("select exp(-700::float8)", "9.85967654375977e-305"),
        ("select exp(1000::float8)", "22003"),
        ("select exp(-1000::numeric) = 0", "f"),
        ("select power(2::float8,-2000::float8)", "22003"),
        ("select power(2::float8,-1074::float8)", "5e-324"),
        ("select power(2::float8,2000::float8)", "22003"),
        ("select power(0::float8,-1)", "2201F"),
        ("select power(-8::float8, 0.5)", "2201F"),
        (
            "select power('inf'::float8,-2), power(2::float8,'-inf'), power('-inf'::float8, 3), power(0.5::float8,'inf')",
            "0|0|-Infinity|0",
        ),
        (
            "select power(2,-3), power(10::numeric,-30), 2::numeric ^ (-3), 0.5^0.5, power(1.5::numeric, 200), power(10::numeric, -5)",
            "0.125|0.0000000000000000|0.1250000000000000|0.7071067811865475|165291991078820803015600259355571011.1874611288060509|0.0000100000000000",
        ),
        ("select 1e-200::float8*1e-200::float8", "22003"),
        ("select 1e200::float8*1e200::float8", "22003"),
        ("select 1e-200::float8/1e200::float8", "22003"),
        ("select 1e200::float8/1e-200::float8", "22003"),
        ("select 1e308::float8+1e308::float8", "22003"),
        ("select -1e308::float8-1e308::float8", "22003"),
        (
            "select 0::float8 * 1e-300::float8, 0::float8 / 1e300::float8, 1::float8 / 'inf'::float8",
            "0|0|0",
        ),
        ("select 1e-30::real*1e-30::real", "22003"),
        ("select 1e30::real*1e30::real", "22003"),
        ("select 1e-30::real/1e30::real", "22003"),
        ("select 1e-20::real*1e-20::real", "1e-40"),
        ("select 3e38::real + 3e38::real", "22003"),
        ("select '1e-400'::float8", "22003"),
        ("select '1e-320'::float8", "1e-320"),
        ("select '1e-60'::real", "22003"),
        ("select '1e-40'::real", "1e-40"),
        ("select '1e60'::real", "22003"),
        ("select 1e-60::real", "22003"),
        ("select 1e-60::float8::real", "22003"),
        ("select 1e60::float8::real", "22003"),
        (
            "select exp('inf'::float8), exp('-inf'::float8), power('inf'::float8,2), ln('inf'::float8)",
            "Infinity|0|Infinity|Infinity",
        ),
        (
            "select sinh(1000::float8), cosh(1000::float8)",
            "Infinity|Infinity",
        ),
        ("select '0e5'::float8, '0.0'::real, '-0'::float8", "0|0|-0"),
    ]);
}
/// SQLite has no NaN.
#[test]
fn floats_are_numbers() {
    on_empty(&[
        ("select 'nan'::float8", "0A000"),
        ("select 'NaN'::numeric::float8", "0A000"),
        ("select 'inf'::float8 - 'inf'::float8", "0A000"),
        ("select 0 * 'inf'::float8", "0A000"),
        (
            "select stddev(x) from (values ('inf'::numeric), (1)) v(x)",
            "0A000",
        ),
    ]);
}
