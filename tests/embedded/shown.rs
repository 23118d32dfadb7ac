//! Defaults, constraints and indexes as the catalogs show them: what PostgreSQL 15 shows.

use crate::common::sql::on_empty;

#[test]
fn defaults() {
    let shown = "select string_agg(pg_get_expr(adbin, adrelid), ';' order by adnum) from pg_attrdef where adrelid = ";
    let of = |table: &str| format!("{shown}'{table}'::regclass");
    let (numbers, texts, times, others) = (of("n"), of("t"), of("w"), of("o"));
    on_empty(&[
        (
            "create type mood as enum ('sad', 'happy'); create sequence s",
            "",
        ),
        (
            "create table n(a int default 5, b int default -5, c bigint default 0, d bigint default '-5', \
             e numeric(10,2) default 0.00, f numeric(10,2) default 0, g numeric default '5', h float8 default 0, \
             i float8 default '1e10', j real default -0.5, k int default 1 + 1, l bigint default 10000000000)",
            "",
        ),
        (
            &numbers,
            "5;'-5'::integer;0;'-5'::bigint;0.00;0;'5'::numeric;0;'10000000000'::double precision;\
             '-0.5'::numeric;(1 + 1);'10000000000'::bigint",
        ),
        (
            "create table t(a text default 'x', b varchar(10) default 'it''s', c char(3) default 'ab', \
             d text default null, e text default lower('ABC'), f text default 'a' || 'b', \
             g text default current_user, h text default md5(random()::text), i text default 5, \
             j text default substring('abc' from 1 for 2))",
            "",
        ),
        (
            &texts,
            "'x'::text;'it''s'::character varying;'ab'::bpchar;lower('ABC'::text);\
             ('a'::text || 'b'::text);CURRENT_USER;md5((random())::text);5;\
             SUBSTRING('abc'::text FROM 1 FOR 2)",
        ),
        (
            "create table w(a timestamptz default now(), b timestamptz default current_timestamp, \
             c timestamp(3) default current_timestamp(3), d date default current_date + 7, \
             e timestamp default (now() at time zone 'utc'), f timestamp default timezone('utc', now()), \
             g timestamptz default now() + interval '1 day', h date default now()::date, \
             i interval default '1 hour', j bigint default (extract(epoch from now()) * 1000)::bigint)",
            "",
        ),
        (
            &times,
            "now();CURRENT_TIMESTAMP;CURRENT_TIMESTAMP(3);(CURRENT_DATE + 7);\
             (now() AT TIME ZONE 'utc'::text);timezone('utc'::text, now());(now() + '1 day'::interval);\
             (now())::date;'01:00:00'::interval;((EXTRACT(epoch FROM now()) * (1000)::numeric))::bigint",
        ),
        (
            "create table o(a uuid default gen_random_uuid(), b uuid default uuid_generate_v4(), \
             c jsonb default '{\"b\":1,\"a\":2}', d text[] default '{}', e text[] default array[]::text[], \
             f text[] default array['a','b'], g bool default true, h mood default 'sad', \
             i int default nextval('s'), j serial, k jsonb default jsonb_build_object('a', 1))",
            "",
        ),
        (
            &others,
            "gen_random_uuid();uuid_generate_v4();'{\"a\": 2, \"b\": 1}'::jsonb;'{}'::text[];\
             ARRAY[]::text[];ARRAY['a'::text, 'b'::text];true;'sad'::mood;nextval('s'::regclass);\
             nextval('o_j_seq'::regclass);jsonb_build_object('a', 1)",
        ),
        // Later defaults, and what becomes of them.
        (
            "alter table n alter a set default 7::bigint, add z numeric(5,1) default 0",
            "",
        ),
        ("insert into n default values returning a, z", "7|0.0"),
        (
            "select column_name, column_default from information_schema.columns where table_name = 'n' \
             and column_name in ('a', 'z')",
            "a|(7)::bigint;z|0",
        ),
        (
            "alter table n alter a drop default; alter table n rename to m",
            "",
        ),
        (
            "select column_default from information_schema.columns where table_name = 'm' and column_name in ('a', 'f')",
            "∅;0",
        ),
    ]);
}

#[test]
fn constraints_and_generated_columns() {
    on_empty(&[
        (
            "create table c(a int check (a >= 0), p numeric(10,2) check (p > 0 and p <= 9.5), \
             s text check (s in ('x', 'y')), v varchar(9) check (v in ('x', 'y')), \
             e varchar check (e ~ '^a' and e not like '%b'), f float8 check (f > 0), \
             d date check (d > '2020-01-01'), b bool check (not b or b is true), \
             n int check (n not between 1 and 5), j jsonb check (jsonb_typeof(j) = 'object' and j ? 'k'), \
             g int generated always as (a * 2) stored, h text generated always as (lower(v) || '!') stored, \
             constraint m1 check (a + 1 < n - 1 or p * a > 1), constraint m2 check (num_nonnulls(a, n) = 1), \
             constraint m3 check (case when a > 5 then n > 1 else true end), \
             constraint m4 check (length(trim(s)) > 0 and coalesce(a, 0) <> -1), \
             constraint m5 check (a = any (array[1, 2])))",
            "",
        ),
        (
            "select conname, pg_get_constraintdef(oid) from pg_constraint where conrelid = 'c'::regclass order by 1",
            "c_a_check|CHECK ((a >= 0));\
             c_b_check|CHECK (((NOT b) OR (b IS TRUE)));\
             c_d_check|CHECK ((d > '2020-01-01'::date));\
             c_e_check|CHECK ((((e)::text ~ '^a'::text) AND ((e)::text !~~ '%b'::text)));\
             c_f_check|CHECK ((f > (0)::double precision));\
             c_j_check|CHECK (((jsonb_typeof(j) = 'object'::text) AND (j ? 'k'::text)));\
             c_n_check|CHECK (((n < 1) OR (n > 5)));\
             c_p_check|CHECK (((p > (0)::numeric) AND (p <= 9.5)));\
             c_s_check|CHECK ((s = ANY (ARRAY['x'::text, 'y'::text])));\
             c_v_check|CHECK (((v)::text = ANY ((ARRAY['x'::character varying, 'y'::character varying])::text[])));\
             m1|CHECK ((((a + 1) < (n - 1)) OR ((p * (a)::numeric) > (1)::numeric)));\
             m2|CHECK ((num_nonnulls(a, n) = 1));\
             m3|CHECK (\nCASE\n    WHEN (a > 5) THEN (n > 1)\n    ELSE true\nEND);\
             m4|CHECK (((length(TRIM(BOTH FROM s)) > 0) AND (COALESCE(a, 0) <> '-1'::integer)));\
             m5|CHECK ((a = ANY (ARRAY[1, 2])))",
        ),
        // What pg_dump writes is taken, too.
        (
            "create table d(v varchar, constraint k check (((v)::text = any ((array['x'::character varying, 'y'::character varying])::text[]))))",
            "",
        ),
        ("insert into d values ('z')", "23514"),
        ("insert into d values ('y')", ""),
        ("alter table c rename a to \"A b\"", ""),
        (
            "select column_name, generation_expression from information_schema.columns \
             where table_name = 'c' and is_generated = 'ALWAYS'",
            "g|(\"A b\" * 2);h|(lower((v)::text) || '!'::text)",
        ),
    ]);
}

#[test]
fn checks_that_sqlite_has_other_functions_for() {
    on_empty(&[
        (
            "create table f(a int, n numeric(10,2), t text, v varchar(9), y bytea, ia int[], \
             constraint c1 check (v not like 'x%' escape '#'), constraint c2 check (v not similar to 'a|b'), \
             constraint c3 check (sqrt(a) > 1), constraint c4 check (sin(a) < power(a, 2)), \
             constraint c5 check (y <> '\\x00ff' and y || '\\x01' <> y), constraint c6 check (ia @> array[1, a]), \
             constraint c7 check (ia[1] = 2 and ia[1:2] = ia || 1), constraint c8 check (coalesce(a, 1.5) > 1), \
             constraint c9 check (regexp_replace(v, 'a', 'b', 'g') = regexp_replace(t, 'a', 'b')), \
             constraint d1 check (array_position(ia, 3) is null))",
            "",
        ),
        (
            "select conname, pg_get_constraintdef(oid) from pg_constraint where conrelid = 'f'::regclass order by 1",
            "c1|CHECK (((v)::text !~~ like_escape('x%'::text, '#'::text)));\
             c2|CHECK (((v)::text !~ similar_to_escape('a|b'::text)));\
             c3|CHECK ((sqrt((a)::double precision) > (1)::double precision));\
             c4|CHECK ((sin((a)::double precision) < power((a)::double precision, (2)::double precision)));\
             c5|CHECK (((y <> '\\x00ff'::bytea) AND ((y || '\\x01'::bytea) <> y)));\
             c6|CHECK ((ia @> ARRAY[1, a]));\
             c7|CHECK (((ia[1] = 2) AND (ia[1:2] = (ia || 1))));\
             c8|CHECK ((COALESCE((a)::numeric, 1.5) > (1)::numeric));\
             c9|CHECK ((regexp_replace((v)::text, 'a'::text, 'b'::text, 'g'::text) = regexp_replace(t, 'a'::text, 'b'::text)));\
             d1|CHECK ((array_position(ia, 3) IS NULL))",
        ),
    ]);
}

#[test]
fn indexes() {
    on_empty(&[
        (
            "create table i(a int, b text, c varchar(9), e bool, f numeric, j jsonb, t timestamptz); \
             create index i1 on i(lower(c), (a + 1), (f * 2)); create index i2 on i(a desc) where b = 'x' and e; \
             create index i3 on i((j ->> 'k'), (b || c)) where t is null; \
             create unique index i4 on i(coalesce(b, ''), (a::text)) where f > 0 and e = false; \
             create index i5 on i(date_trunc('day', t at time zone 'utc')) where b in ('x', 'y')",
            "",
        ),
        (
            "select indexdef from pg_indexes where tablename = 'i' order by indexname",
            "CREATE INDEX i1 ON public.i USING btree (lower((c)::text), ((a + 1)), ((f * (2)::numeric)));\
             CREATE INDEX i2 ON public.i USING btree (a DESC) WHERE ((b = 'x'::text) AND e);\
             CREATE INDEX i3 ON public.i USING btree (((j ->> 'k'::text)), ((b || (c)::text))) WHERE (t IS NULL);\
             CREATE UNIQUE INDEX i4 ON public.i USING btree (COALESCE(b, ''::text), ((a)::text)) WHERE ((f > (0)::numeric) AND (e = false));\
             CREATE INDEX i5 ON public.i USING btree (date_trunc('day'::text, (t AT TIME ZONE 'utc'::text))) WHERE (b = ANY (ARRAY['x'::text, 'y'::text]))",
        ),
        (
            "select attname, format_type(atttypid, atttypmod) from pg_attribute where attrelid = 'i1'::regclass order by attnum",
            "lower|text;expr|integer;expr1|numeric",
        ),
    ]);
}
