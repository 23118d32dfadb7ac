//! The definitions that the catalogs show: each is PostgreSQL 15's own text.

use crate::common::sql::on_empty;

const TABLES: &[(&str, &str)] = &[
    ("create type mood as enum ('sad', 'ok', 'happy')", ""),
    (
        "create table dept(id serial primary key, name varchar(40) not null, budget numeric(12,2))",
        "",
    ),
    (
        "create table emp(id int primary key, dept_id int references dept, name text, email varchar(9), \
         salary float8, m mood, small int2, tags text[], born date)",
        "",
    ),
];

fn on_tables(cases: &[(&str, &str)]) {
    let all: Vec<(&str, &str)> = TABLES.iter().chain(cases).copied().collect();
    on_empty(&all);
}

#[test]
fn a_view_is_shown_as_postgresql_shows_it() {
    on_tables(&[
        ("create view v as select * from dept where budget > 10", ""),
        (
            "select definition from pg_views where viewname='v'",
            " SELECT dept.id,\n    dept.name,\n    dept.budget\n   FROM dept\n  WHERE (dept.budget > (10)::numeric);",
        ),
        (
            "create view w as select e.name as who, d.*, count(*) over (partition by d.id), case when small > 1 \
             then 'big' end as size from emp e left join dept d on d.id=e.dept_id where e.m in ('ok','sad') \
             and email like 'x%' and not exists (select 1 from v where v.id = d.id) order by 1 desc limit 3",
            "",
        ),
        (
            "select pg_get_viewdef('w'::regclass)",
            " SELECT e.name AS who,\n    d.id,\n    d.name,\n    d.budget,\n    count(*) OVER (PARTITION BY d.id) AS count,\n        \
             CASE\n            WHEN (e.small > 1) THEN 'big'::text\n            ELSE NULL::text\n        END AS size\n   \
             FROM (emp e\n     LEFT JOIN dept d ON ((d.id = e.dept_id)))\n  \
             WHERE ((e.m = ANY (ARRAY['ok'::mood, 'sad'::mood])) AND ((e.email)::text ~~ 'x%'::text) AND \
             (NOT (EXISTS ( SELECT 1\n           FROM v\n          WHERE (v.id = d.id)))))\n  ORDER BY e.name DESC\n LIMIT 3;",
        ),
        (
            "create view u(a) as select lower(email) from emp union all select name from dept order by 1",
            "",
        ),
        (
            "select view_definition from information_schema.views where table_name='u'",
            " SELECT lower((emp.email)::text) AS a\n   FROM emp\nUNION ALL\n SELECT dept.name AS a\n   FROM dept\n  ORDER BY 1;",
        ),
        (
            "create view y as select email in ('a', 'b') as i, name not like 'x%' escape '#' as l, name similar to 'a|b' as s, \
             nullif(email, 'x') as n, power(small, 2) as p, substring(email from 'a.c') as r from emp",
            "",
        ),
        (
            "select pg_get_viewdef('y'::regclass)",
            " SELECT ((emp.email)::text = ANY ((ARRAY['a'::character varying, 'b'::character varying])::text[])) AS i,\n    \
             (emp.name !~~ like_escape('x%'::text, '#'::text)) AS l,\n    \
             (emp.name ~ similar_to_escape('a|b'::text)) AS s,\n    \
             NULLIF((emp.email)::text, 'x'::text) AS n,\n    \
             power((emp.small)::double precision, (2)::double precision) AS p,\n    \
             \"substring\"((emp.email)::text, 'a.c'::text) AS r\n   FROM emp;",
        ),
        ("create view x as select 1 as a, 2 as a", "42701"),
        // Where `public` is not searched it is said.
        ("select set_config('search_path', '', false)", ""),
        (
            "select pg_get_viewdef('public.v'::regclass)",
            " SELECT dept.id,\n    dept.name,\n    dept.budget\n   FROM public.dept\n  WHERE (dept.budget > (10)::numeric);",
        ),
        (
            "select 'public.v'::regclass, format_type('public.mood'::regtype, -1)",
            "public.v|public.mood",
        ),
    ]);
}

#[test]
fn parentheses_that_nobody_needs_are_left_out_where_that_is_asked_for() {
    on_tables(&[
        (
            "create table t(a int check (a > 0 and (a < 10 or a = -(a + 1))) default 1 + 2, v varchar(9) check (v in ('a', 'b')), \
             g int generated always as ((a - 1) * 2 - (3 - a)) stored, primary key (a)); \
             create index i on t((a + 1), lower(v), (v || 'x') desc) where a > 1 and not (v is null or a = 2); \
             create view v as select e.id, d.budget * 2 + 1 as x, (e.small + 1)::text || 'x' as y from emp e join dept d on \
             d.id = e.dept_id left join (t t1 join t t2 on t1.a = t2.a) on t1.g = e.id where e.id > 1 and (d.budget < 5 or \
             not (e.small = 7 and e.m = 'ok')) and e.id in (select a from t where a > 2) order by e.id + 1, lower(e.email); \
             create view w as (select a from t where a > 1 order by a limit 1) union all select a + 1 from t",
            "",
        ),
        (
            "select pg_get_viewdef('v'::regclass, true)",
            " SELECT e.id,\n    d.budget * 2::numeric + 1::numeric AS x,\n    ((e.small + 1)::text) || 'x'::text AS y\n   \
             FROM emp e\n     JOIN dept d ON d.id = e.dept_id\n     \
             LEFT JOIN (t t1\n     JOIN t t2 ON t1.a = t2.a) ON t1.g = e.id\n  \
             WHERE e.id > 1 AND (d.budget < 5::numeric OR NOT (e.small = 7 AND e.m = 'ok'::mood)) AND \
             (e.id IN ( SELECT t.a\n           FROM t\n          WHERE t.a > 2))\n  \
             ORDER BY (e.id + 1), (lower(e.email::text));",
        ),
        (
            "select pg_get_viewdef('w'::regclass, true)",
            "( SELECT t.a\n   FROM t\n  WHERE t.a > 1\n  ORDER BY t.a\n LIMIT 1)\nUNION ALL\n SELECT t.a + 1 AS a\n   FROM t;",
        ),
        (
            "select pg_get_constraintdef(oid, true) from pg_constraint where conrelid = 't'::regclass order by conname",
            "CHECK (a > 0 AND (a < 10 OR a = (- (a + 1))));PRIMARY KEY (a);\
             CHECK (v::text = ANY (ARRAY['a'::character varying, 'b'::character varying]::text[]))",
        ),
        (
            "select pg_get_expr(adbin, adrelid, true) from pg_attrdef where adrelid = 't'::regclass order by adnum",
            "1 + 2;(a - 1) * 2 - (3 - a)",
        ),
        (
            "select pg_get_indexdef('i'::regclass, 0, true)",
            "CREATE INDEX i ON t USING btree ((a + 1), lower(v::text), (v::text || 'x'::text) DESC) \
             WHERE a > 1 AND NOT (v IS NULL OR a = 2)",
        ),
        (
            "select pg_get_indexdef('i'::regclass, 1, true), pg_get_indexdef('i'::regclass, 2, true), pg_get_indexdef('i'::regclass, 3, false)",
            "(a + 1)|lower(v::text)|(((v)::text || 'x'::text))",
        ),
    ]);
}

#[test]
fn a_view_follows_what_gets_another_name() {
    on_tables(&[
        (
            "create view v as select e.name, dept.name as dept from emp e join dept on dept.id = e.dept_id where e.m = 'ok'",
            "",
        ),
        (
            "create view j as select id, emp.email from emp join dept using (id)",
            "",
        ),
        ("alter table dept rename to unit", ""),
        ("alter table emp rename column name to called", ""),
        ("alter table emp rename column id to number", ""),
        ("alter type mood rename to feeling", ""),
        ("alter type feeling rename value 'ok' to 'fine'", ""),
        (
            "select pg_get_viewdef('v'::regclass)",
            " SELECT e.called AS name,\n    unit.name AS dept\n   FROM (emp e\n     JOIN unit ON ((unit.id = e.dept_id)))\n  \
             WHERE (e.m = 'fine'::feeling);",
        ),
        (
            "select pg_get_viewdef('j'::regclass)",
            " SELECT emp.number AS id,\n    emp.email\n   FROM (emp\n     JOIN unit ON ((emp.number = unit.id)));",
        ),
        ("insert into unit(name) values ('u')", ""),
        ("insert into emp values (1, 1, 'n', 'e', 1, 'fine')", ""),
        ("select * from v", "n|u"),
        ("select * from j", "1|e"),
    ]);
}

#[test]
fn checks_defaults_and_indexes_are_shown_as_postgresql_shows_them() {
    on_tables(&[
        (
            "create table t(a int check (a + 1 > 0) check (a <> 7), b numeric check (b * 2 between 1 and 9.5), t text, \
             v varchar(9), f float8 default 0, d timestamptz default now() + interval '1 day', m mood default 'ok', \
             g int generated always as (a * 2) stored, check (v like 'x%' or t !~ '^a'), \
             check (case when a > 1 then t is null else true end), y bytea default '\\x00ff')",
            "",
        ),
        (
            "select conname, pg_get_constraintdef(oid) from pg_constraint where conrelid='t'::regclass order by 1",
            "t_a_check|CHECK (((a + 1) > 0));t_a_check1|CHECK ((a <> 7));\
             t_b_check|CHECK ((((b * (2)::numeric) >= (1)::numeric) AND ((b * (2)::numeric) <= 9.5)));\
             t_check|CHECK ((((v)::text ~~ 'x%'::text) OR (t !~ '^a'::text)));\
             t_check1|CHECK (\nCASE\n    WHEN (a > 1) THEN (t IS NULL)\n    ELSE true\nEND)",
        ),
        (
            "select column_name, column_default, generation_expression from information_schema.columns \
             where table_name='t' and (column_default is not null or is_generated='ALWAYS') order by 1",
            "d|(now() + '1 day'::interval)|∅;f|0|∅;g|∅|(a * 2);m|'ok'::mood|∅;y|'\\x00ff'::bytea|∅",
        ),
        (
            "create index i on t (a nulls first, b desc nulls last, (a + 1), lower(v)) where m = 'ok' and v = 'x'",
            "",
        ),
        (
            "select pg_get_indexdef(indexrelid), indoption from pg_index where indrelid='t'::regclass",
            "CREATE INDEX i ON public.t USING btree (a NULLS FIRST, b DESC NULLS LAST, ((a + 1)), lower((v)::text)) \
             WHERE ((m = 'ok'::mood) AND ((v)::text = 'x'::text))|2 1 0 0",
        ),
        ("alter table t add check (a < 100)", ""),
        (
            "select conname from pg_constraint where conrelid='t'::regclass and conname like '%a_check2'",
            "t_a_check2",
        ),
        ("insert into t(a) values (7)", "23514"),
    ]);
}
