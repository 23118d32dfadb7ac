//! Rows that are written as such, compared with what PostgreSQL 15 answers.

use crate::common::sql::on_empty;

#[test]
fn rows_are_compared_and_shown() {
    on_empty(&[
        ("select row(1,'a'), pg_typeof(row(1,'a'))", "(1,a)|record"),
        (
            "select row(1,null,'a b','c,d','e\"f','g\\h',''), row(), row(null), row(1.5,true,'2024-01-01'::date)",
            "(1,,\"a b\",\"c,d\",\"e\"\"f\",\"g\\\\h\",\"\")|()|()|(1.5,t,2024-01-01)",
        ),
        (
            "select (1,2), (1,2)=(1,2), (1,2)<(1,3), (1,2)<=(1,2), (2,1)>(1,9), (1,null)=(1,2), (1,null)=(2,2), (1,null)<(2,null), (1,2)<>(1,null), (1,2)<>(2,null)",
            "(1,2)|t|t|t|t|∅|f|t|∅|t",
        ),
        (
            "select (1,2) in (select 1,2), (1,3) in (select 1,2), (1,2) not in (select 1,2), (1,null) in (select 1,2), row(1,2) in (select 1,2)",
            "t|f|f|∅|t",
        ),
        (
            "select (1,2) in ((1,2),(3,4)), row(1,2) in ((3,4)), (1,2) in (row(1,2))",
            "t|f|t",
        ),
        (
            "select row(1,2) = row(1,2), row(1,2) is null, row(null,null) is null, row(1,null) is null, row(1,null) is not null, row(1,2) is not null, (1,2) is distinct from (1,2), (1,null) is not distinct from (1,null), row() is null",
            "t|f|t|f|f|t|f|t|t",
        ),
        ("select (1,2) = (1,2,3)", "42601"),
        (
            "select row(1,'a')::text, row(1,2)::text || 'x', concat(row(1,2),'a'), format('%s', row(1,2)), md5(row(1,2)::text)",
            "(1,a)|(1,2)x|(1,2)a|(1,2)|369a154d5347e70114104fec91cf72fe",
        ),
        ("select row(1,2) = 1", "42883"),
        ("select (row(1,'x'::text)).f1, (row(1,'x'::text)).f2", "1|x"),
        ("create table t(a int, b text, c char(3))", ""),
        (
            "insert into t values (1,'x','q'),(2,null,null),(1,'a','z')",
            "",
        ),
        ("select (a,b) from t order by a, b", "(1,a);(1,x);(2,)"),
        (
            "select row(t.*) from t order by a, b",
            "(1,a,\"z  \");(1,x,\"q  \");(2,,)",
        ),
        (
            "select row(t.*, 3) from t order by (a, b) desc",
            "(2,,,3);(1,x,\"q  \",3);(1,a,\"z  \",3)",
        ),
        ("select a, b from t order by (b, a)", "1|a;1|x;2|∅"),
        (
            "select row_number() over (order by (a, b)), a, b from t order by 1",
            "1|1|a;2|1|x;3|2|∅",
        ),
        ("select * from t where (a,b) = (1,'x')", "1|x|q  "),
        (
            "select * from t where (a,b) in (select a, b from t) order by a, b",
            "1|a|z  ;1|x|q  ",
        ),
        (
            "select * from t where (a,b) > (0,'a') order by (a,b)",
            "1|a|z  ;1|x|q  ;2|∅|∅",
        ),
        ("select count(*) from t where row(a, b) is not null", "2"),
        (
            "select array_agg((a,b) order by a, b) from t",
            "{\"(1,a)\",\"(1,x)\",\"(2,)\"}",
        ),
        (
            "select json_agg((a,b) order by a, b) from t where b = 'x'",
            "[{\"f1\":1,\"f2\":\"x\"}]",
        ),
        (
            "select to_json(row(1,'a')), row_to_json(row(1,'a')), to_jsonb(row(1.5,null))",
            "{\"f1\":1,\"f2\":\"a\"}|{\"f1\":1,\"f2\":\"a\"}|{\"f1\": 1.5, \"f2\": null}",
        ),
        ("select count((1,2)), count(row(a,b)) from t", "3|3"),
        (
            "select coalesce(row(1,2), row(3,4)), case when true then row(1,2) end",
            "(1,2)|(1,2)",
        ),
        (
            "select (select (1,2)), x from (select row(1,2) as x) y",
            "(1,2)|(1,2)",
        ),
        ("update t set (a,b) = (5,'y') where a=2", ""),
        ("update t set (a,b) = row(7,'w') where a=5", ""),
        ("select * from t order by a, b", "1|a|z  ;1|x|q  ;7|w|∅"),
        (
            "select row('x'::char(3), 1.50, now() is null, array[1,2], '{\"a\": 1}'::jsonb, '\\x01'::bytea)",
            "(\"x  \",1.50,f,\"{1,2}\",\"{\"\"a\"\": 1}\",\"\\\\x01\")",
        ),
    ]);
}

/// What is not known of a row as a value.
#[test]
fn rows_as_values_are_not_compared() {
    on_empty(&[
        ("create table t(a int, b text)", ""),
        ("select distinct (a, b) from t", "0A000"),
        ("select row(1, 2) union select row(1, 2)", "0A000"),
        (
            "select x = y from (select row(1, 2) as x, row(1, 2) as y) r",
            "0A000",
        ),
        ("select x is null from (select row(1, 2) as x) r", "0A000"),
        ("select greatest(row(1, 2), row(2, 1))", "0A000"),
        ("select jsonb_build_object('x', row(1, 2))", "0A000"),
        ("select (1, 2) = (select 1, 2)", "0A000"),
        ("select (1, 2) between (1, 1) and (1, 3)", "0A000"),
        ("select max((a, b)) from t", "42883"),
        ("select '(1,2)'::record", "0A000"),
    ]);
}
