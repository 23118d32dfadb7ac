//! GROUPING SETS, ROLLUP and CUBE, compared with what PostgreSQL 15 answers.

use crate::common::sql::on_empty;

#[test]
fn several_groupings_are_one_result() {
    on_empty(&[
        (
            "create table s(id int, region text, prod text, yr int, amt numeric); \
             create table p(prod text, kind text); \
             insert into p values ('a', 'x'), ('c', 'y'); \
             insert into s values (1, 'n', 'a', 2020, 1.50), (2, 'n', 'b', 2020, 2.0), \
             (3, 's', 'a', 2021, 3), (4, null, 'a', 2021, 4)",
            "",
        ),
        (
            "select region, prod, sum(amt), grouping(region), grouping(prod), grouping(region, prod) \
             from s group by cube(region, prod) order by 6, 1, 2",
            "n|a|1.50|0|0|0;n|b|2.0|0|0|0;s|a|3|0|0|0;∅|a|4|0|0|0;n|∅|3.50|0|1|1;s|∅|3|0|1|1;\
             ∅|∅|4|0|1|1;∅|a|8.50|1|0|2;∅|b|2.0|1|0|2;∅|∅|10.50|1|1|3",
        ),
        (
            "select region, yr, count(*) from s group by grouping sets ((region), (yr)) \
             having count(*) > 1 order by 1, 2",
            "n|∅|2;∅|2020|2;∅|2021|2",
        ),
        (
            "select prod, region, count(*) from s group by prod, rollup(region) having prod = 'b' order by 2",
            "b|n|1;b|∅|1",
        ),
        (
            "select region, prod, count(*) from s group by grouping sets ((region, prod), rollup(region)) \
             order by grouping(region, prod), 3, 1, 2 limit 4 offset 3",
            "∅|a|1;s|∅|1;∅|∅|1;n|∅|2",
        ),
        (
            "select case when grouping(region) = 1 then 'all' else coalesce(region, '?') end as r, max(amt) \
             from s group by rollup(region) order by grouping(region), r",
            "?|4;n|2.0;s|3;all|4",
        ),
        (
            "select upper(region), region || '!', count(amt) from s where region is not null \
             group by rollup(upper(region), region) order by 1, 2",
            "N|n!|2;N|∅|2;S|s!|1;S|∅|1;∅|∅|3",
        ),
        // Aggregates are of the rows as they are.
        (
            "select string_agg(region || prod, ',' order by id) filter (where prod < 'b') \
             from s group by rollup(region) order by 1",
            "na;na,sa;sa;∅",
        ),
        // Without rows there is still the sum of nothing.
        (
            "select region, count(*), sum(amt), grouping(region) from s where false group by rollup(region)",
            "∅|0|∅|1",
        ),
        ("select count(*) from s where false group by ()", "0"),
        (
            "select count(*) from s where false group by grouping sets ((region))",
            "",
        ),
        (
            "select region, rank() over (order by sum(amt) desc) from s group by rollup(region) order by 2, 1",
            "∅|1;∅|2;n|3;s|4",
        ),
        (
            "select kind, region, count(*) from s right join p using (prod) group by rollup(kind, region) \
             order by grouping(kind, region), 1, 2",
            "x|n|1;x|s|1;x|∅|1;y|∅|1;x|∅|3;y|∅|1;∅|∅|4",
        ),
        (
            "select region, (select kind from p where p.prod = s.prod) from s where id = 1 \
             group by rollup(region, prod) order by 1, 2",
            "n|x;n|∅;∅|∅",
        ),
        (
            "select region as r, count(*) from s group by rollup(r) order by 2, 1 limit 1",
            "s|1",
        ),
        (
            "select sum(c) from (select count(*) c from s group by cube(prod)) z",
            "8",
        ),
        (
            "select region, grouping(region) from s group by region order by 1 limit 1",
            "n|0",
        ),
        ("select grouping(region) from s", "42803"),
        (
            "select grouping(yr) from s group by rollup(region)",
            "42803",
        ),
        ("select region from s group by rollup(prod)", "42803"),
        (
            "select id, count(*) from s group by rollup(region, prod)",
            "42803",
        ),
    ]);
}
