//! Aggregates of the embedded database, compared with what PostgreSQL 15 answers.

use crate::common::sql::on_empty;

#[test]
fn spreads() {
    on_empty(&[
        (
            "select stddev(x), stddev_samp(x), stddev_pop(x), variance(x), var_samp(x), var_pop(x) from (values (1), (2), (4)) t(x)",
            "1.5275252316519467|1.5275252316519467|1.2472191289246471|2.3333333333333333|2.3333333333333333|1.5555555555555556",
        ),
        (
            "select stddev(x), stddev_pop(x), variance(x), var_pop(x), pg_typeof(stddev(x)) from (values (1.50), (2.25), (-4.125)) t(x)",
            "3.4843399661915885|2.8449516691852605|12.1406250000000000|8.0937500000000000|numeric",
        ),
        (
            "select stddev(x), stddev_pop(x), variance(x), var_pop(x), pg_typeof(stddev(x)) from (values (1.5::float8), (2.25), (-4.1)) t(x)",
            "3.4699903938387684|2.833235292421408|12.040833333333332|8.027222222222221|double precision",
        ),
        (
            "select stddev(x), variance(x::float4), pg_typeof(variance(x::float4)) from (values (0.1::float4), (0.7::float4)) t(x)",
            "0.4242640592288876|0.17999999195337305|double precision",
        ),
        (
            "select stddev(x), stddev_pop(x), var_samp(x), var_pop(x) from (values (5)) t(x)",
            "∅|0|∅|0",
        ),
        (
            "select stddev(x), stddev_pop(x) from (values (5)) t(x) where false",
            "∅|∅",
        ),
        (
            "select stddev(x), stddev_pop(x::float8) from (values (3), (3), (null)) t(x)",
            "0|0",
        ),
        (
            "select stddev(distinct x), var_pop(distinct x) from (values (1.0), (1.00), (2)) t(x)",
            "0.70710678118654752440|0.25000000000000000000",
        ),
        (
            "select stddev(x) filter (where x > 1), var_samp(x) filter (where x > 100) from (values (1), (2), (4)) t(x)",
            "1.4142135623730950|∅",
        ),
        (
            "select x, stddev(x) over (order by x), var_pop(x) over (order by x rows between 1 preceding and current row), stddev_samp(x::float8) over (order by x rows between 1 preceding and 1 following) from (values (1.0), (2.25), (4), (9.5)) t(x) order by x",
            "1.0|∅|0|0.8838834764831844;2.25|0.88388347648318440550|0.39062500000000000000|1.5069284433354269;4|1.5069284433354270|0.76562500000000000000|3.783186487605389;9.5|3.7493054912432338|7.5625000000000000|3.8890872965260113",
        ),
        ("select stddev('a'::text)", "42883"),
        (
            "select corr(y, x), covar_pop(y, x), covar_samp(y, x), regr_count(y, x), regr_slope(y, x), regr_intercept(y, x), regr_r2(y, x) from (values (1, 2.0), (2, 3.5), (3, 9), (null, 1)) t(x, y)",
            "0.9496528264568826|2.3333333333333335|3.5|3|3.5|-2.1666666666666665|0.9018404907975461",
        ),
        (
            "select regr_sxx(y, x), regr_syy(y, x), regr_sxy(y, x), regr_avgx(y, x), regr_avgy(y, x), pg_typeof(regr_count(y, x)) from (values (1, 2.0), (2, 3.5), (3, 9)) t(x, y)",
            "2|27.166666666666664|7|2|4.833333333333333|bigint",
        ),
        (
            "select corr(y, x), regr_r2(y, x), covar_samp(y, x), regr_count(y, x) from (values (1, 2)) t(x, y)",
            "∅|∅|∅|1",
        ),
        (
            "select corr(y, x), regr_r2(y, x), covar_pop(y, x), regr_count(y, x) from (values (1, 2)) t(x, y) where false",
            "∅|∅|∅|0",
        ),
        (
            "select x, covar_pop(y, x) over (order by x rows between 1 preceding and current row) from (values (1, 2.0), (2, 3.5), (3, 9)) t(x, y) order by x",
            "1|0;2|0.375;3|1.375",
        ),
    ]);
}

#[test]
fn bits_and_truths() {
    on_empty(&[
        (
            "select bit_and(x), bit_or(x), bit_xor(x), pg_typeof(bit_and(x)) from (values (6), (3), (null)) t(x)",
            "2|7|5|integer",
        ),
        (
            "select bit_and(x), bit_or(x::int8), pg_typeof(bit_or(x::int8)) from (values (6)) t(x) where false",
            "∅|∅|bigint",
        ),
        (
            "select x, bit_or(x) over (order by x rows between 1 preceding and current row) from (values (1), (2), (4)) t(x) order by x",
            "1|1;2|3;4|6",
        ),
        (
            "select bit_xor(distinct x) from (values (6), (6), (1)) t(x)",
            "7",
        ),
        (
            "select every(x), bool_and(x), bool_or(x) from (values (true), (false)) t(x)",
            "f|f|t",
        ),
        ("select bit_and(x) from (values (1.5)) t(x)", "42883"),
    ]);
}

#[test]
fn values_in_order() {
    on_empty(&[
        (
            "select mode() within group (order by x) from (values (1), (2), (2), (3), (3), (null)) t(x)",
            "2",
        ),
        (
            "select mode() within group (order by x desc) from (values (1), (2), (2), (3), (3)) t(x)",
            "3",
        ),
        (
            "select mode() within group (order by x) from (values ('a'), ('b'), ('b')) t(x)",
            "b",
        ),
        (
            "select mode() within group (order by x) from (values (1.0), (1.00), (2), (2)) t(x)",
            "1.0",
        ),
        (
            "select percentile_cont(0.5) within group (order by x), percentile_disc(0.5) within group (order by x), pg_typeof(percentile_cont(0.5) within group (order by x)), pg_typeof(percentile_disc(0.5) within group (order by x)) from (values (1), (2), (4), (8)) t(x)",
            "3|2|double precision|integer",
        ),
        (
            "select percentile_cont(0.25) within group (order by x), percentile_cont(0) within group (order by x), percentile_cont(1) within group (order by x), percentile_disc(0) within group (order by x), percentile_disc(0.9) within group (order by x) from (values (1.5), (2), (4.25), (null)) t(x)",
            "1.75|1.5|4.25|1.5|4.25",
        ),
        (
            "select percentile_disc(0.5) within group (order by x), percentile_disc(0.5) within group (order by x desc) from (values ('a'), ('b'), ('c'), ('d')) t(x)",
            "b|c",
        ),
        (
            "select percentile_cont(0.5) within group (order by x) from (values ('1 day'::interval), ('2 days'), ('12:00')) t(x)",
            "1 day",
        ),
        (
            "select percentile_cont(0.3) within group (order by x) from (values ('1 day'::interval), ('2 days')) t(x)",
            "1 day 07:12:00",
        ),
        (
            "select percentile_cont(0.5) within group (order by x), mode() within group (order by x) from (values (1)) t(x) where false",
            "∅|∅",
        ),
        (
            "select percentile_cont(null) within group (order by x) from (values (1)) t(x)",
            "∅",
        ),
        (
            "select percentile_cont(1.5) within group (order by x) from (values (1)) t(x)",
            "22003",
        ),
        (
            "select percentile_cont(0.5) within group (order by x) from (values ('a'::text)) t(x)",
            "42883",
        ),
        (
            "select percentile_cont(0.5) from (values (1)) t(x)",
            "42883",
        ),
        (
            "select g, percentile_cont(0.5) within group (order by x) filter (where x < 10) from (values ('a', 1), ('a', 3), ('a', 50), ('b', 7)) t(g, x) group by g order by g",
            "a|2;b|7",
        ),
        (
            "select percentile_disc(0.5) within group (order by x) over () from (values (1)) t(x)",
            "0A000",
        ),
        (
            "select percentile_disc(0.5) within group (order by d) from (values ('2026-01-02'::date), ('2026-01-01')) t(d)",
            "2026-01-01",
        ),
    ]);
}

#[test]
fn distinct_ones() {
    on_empty(&[
        (
            "select array_agg(distinct x), array_agg(distinct x order by x desc), count(distinct x) from (values (3), (1), (null), (3)) t(x)",
            "{1,3,NULL}|{NULL,3,1}|2",
        ),
        (
            "select array_agg(distinct x) from (values (1.50), (1.5), (-1)) t(x)",
            "{-1,1.50}",
        ),
        (
            "select string_agg(distinct x, ','), string_agg(distinct x, ', ' order by x desc) from (values ('b'), ('a'), (null), ('b')) t(x)",
            "a,b|b, a",
        ),
        (
            "select string_agg(distinct x, ',') from (values ('b')) t(x) where false",
            "∅",
        ),
        (
            "select json_agg(distinct x), jsonb_agg(distinct x) from (values (3), (1), (3)) t(x)",
            "[1, 3]|[1, 3]",
        ),
        (
            "select sum(distinct x), avg(distinct x) from (values (1.0), (1.00), (2)) t(x)",
            "3.0|1.5000000000000000",
        ),
        (
            "select array_agg(distinct x order by y) from (values (1, 2)) t(x, y)",
            "42P10",
        ),
        (
            "select sum(distinct x) over () from (values (1)) t(x)",
            "0A000",
        ),
        (
            "select string_agg(x, ',' order by x) over () from (values ('a')) t(x)",
            "0A000",
        ),
        (
            "select max(x) from (values (array[9]), (array[10])) t(x)",
            "{10}",
        ),
    ]);
}

#[test]
fn intervals_in_sum() {
    on_empty(&[
        (
            "select sum(x), avg(x) from (values ('1 day'::interval), ('2 hours'), (null)) t(x)",
            "1 day 02:00:00|13:00:00",
        ),
        (
            "select sum(x), avg(x), pg_typeof(avg(x)) from (values ('1 mon 1 day'::interval), ('2 mons -00:00:01.5')) t(x)",
            "3 mons 1 day -00:00:01.5|1 mon 15 days 11:59:59.25|interval",
        ),
        (
            "select sum(x), avg(x) from (values ('1 mon'::interval)) t(x) where false",
            "∅|∅",
        ),
        (
            "select i, sum(x) over (order by i rows between 1 preceding and current row), avg(x) over (order by i) from (values (1, '1 day'::interval), (2, '2 hours'), (3, '1 mon')) t(i, x) order by i",
            "1|1 day|1 day;2|1 day 02:00:00|13:00:00;3|1 mon 02:00:00|10 days 08:40:00",
        ),
        (
            "select interval '1 mon' * 0.3, interval '1 day' * 0.1, interval '1 mon' / 7, interval '1 year 2 mons 3 days 04:05:06.7' * 1.7, interval '1 day' / 3, 2.5 * interval '1 mon 1 day', interval '-1 mon' * 0.35, interval '10 years' / 3.3",
            "9 days|02:24:00|4 days 06:51:25.6896|1 year 11 mons 29 days 09:20:41.39|08:00:00|2 mons 17 days 12:00:00|-10 days -12:00:00|3 years 10 days 21:49:05.4624",
        ),
        ("select interval '1 day' / 0", "22012"),
        ("select interval '100000 years' * 1e9", "22008"),
    ]);
}
