//! What was said of indexes and sequences is shown, and what had no name has PostgreSQL's.

use crate::common::sql::on_empty;

#[test]
fn an_index_is_shown_as_it_was_made() {
    let shown = "select pg_get_indexdef('i'::regclass)";
    on_empty(&[
        ("create table t(a int primary key, b text, c numeric)", ""),
        (
            "create unique index i on t (b text_pattern_ops desc) include (c) with (fillfactor = 50) where a > 1",
            "",
        ),
        (
            shown,
            "CREATE UNIQUE INDEX i ON public.t USING btree (b text_pattern_ops DESC) INCLUDE (c) \
             WITH (fillfactor='50') WHERE (a > 1)",
        ),
        (
            "select indnatts, indnkeyatts, indkey, indoption from pg_index where indexrelid='i'::regclass",
            "2|1|2 3|3",
        ),
        (
            "select attname from pg_attribute where attrelid='i'::regclass order by attnum",
            "b;c",
        ),
        ("alter table t rename column c to \"D\"", ""),
        (
            shown,
            "CREATE UNIQUE INDEX i ON public.t USING btree (b text_pattern_ops DESC) INCLUDE (\"D\") \
             WITH (fillfactor='50') WHERE (a > 1)",
        ),
        ("alter table t drop column \"D\"", ""),
        ("select count(*) from pg_class where relname='i'", "0"),
        ("create index i on t using hash (b)", ""),
        (shown, "CREATE INDEX i ON public.t USING hash (b)"),
        (
            "select amname from pg_class c join pg_am a on a.oid=relam where relname='i'",
            "hash",
        ),
        ("drop index i", ""),
        ("create index i on t (b collate \"C\")", ""),
        (
            shown,
            "CREATE INDEX i ON public.t USING btree (b COLLATE \"C\")",
        ),
        ("create unique index on t using hash (b)", "0A000"),
        ("create index on t using hash (a, b)", "0A000"),
        ("create index on t using nope (b)", "42704"),
        ("create index on t (b nope_ops)", "42704"),
        ("create index on t (b) include (nope)", "42703"),
        ("create index on t (b) with (nope = 1)", "22023"),
        ("create index on t (b) with (fillfactor = 5)", "22023"),
        ("alter table t add unique (b) include (a)", "0A000"),
    ]);
}

#[test]
fn a_sequence_is_shown_as_it_was_made() {
    let cache =
        |name: &str| format!("select cache_size from pg_sequences where sequencename='{name}'");
    let (q, r, x) = (cache("q"), cache("r"), cache("x_a_seq"));
    on_empty(&[
        ("create sequence q cache 20", ""),
        (&q, "20"),
        ("alter sequence q cache 7", ""),
        (&q, "7"),
        ("alter sequence q rename to r", ""),
        (&r, "7"),
        ("drop sequence r", ""),
        ("create sequence r", ""),
        (&r, "1"),
        (
            "create table x(a int generated always as identity (cache 5))",
            "",
        ),
        (&x, "5"),
        ("create sequence s cache 0", "22023"),
        ("alter sequence r cache 0", "22023"),
    ]);
}

#[test]
fn default_null_is_none() {
    on_empty(&[
        (
            "create table x(a int default null, b text default (null), c varchar(3) default null, \
             d text default null::text, e numeric(4,1) default null, f int default 5)",
            "",
        ),
        (
            "select column_name, column_default from information_schema.columns where table_name='x' \
             order by ordinal_position",
            "a|∅;b|∅;c|NULL::character varying;d|∅;e|NULL::numeric;f|5",
        ),
        ("alter table x alter f set default null", ""),
        (
            "select atthasdef from pg_attribute where attrelid='x'::regclass and attname='f'",
            "f",
        ),
        ("insert into x default values returning f", "∅"),
    ]);
}

#[test]
fn made_names_are_postgresqls() {
    let table = "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffff";
    on_empty(&[
        (
            &format!(
                "create table {table}(ggggggggggggggg serial, \
                 hhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhh int unique, i int primary key, check (i > 1))"
            ),
            "",
        ),
        (
            "select relname from pg_class where relname like 'aaa%' and relkind <> 'r' order by 1",
            "aaaaaaaaaabbbbbbbbbbccccccccc_hhhhhhhhhhhhhhhhhhhhhhhhhhhhh_key;\
             aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeee_ggggggggggggggg_seq;\
             aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffff_pkey",
        ),
        (
            "select conname from pg_constraint where contype='c'",
            "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeefffff_i_check",
        ),
        ("create table t(a int primary key)", ""),
        (
            "create table x(a int references t, b int, foreign key (a) references t, unique (a, b), unique (a, b))",
            "",
        ),
        ("alter table x add foreign key (a) references t", ""),
        (
            "select conname from pg_constraint where conrelid='x'::regclass order by 1",
            "x_a_b_key;x_a_fkey;x_a_fkey1;x_a_fkey2",
        ),
        ("create index on x ((a+b))", ""),
        ("create index on x (lower(a::text), a, a)", ""),
        (
            "select indexname from pg_indexes where tablename='x' order by 1",
            "x_a_b_key;x_expr_idx;x_lower_a_a1_idx",
        ),
        ("create table y_pkey(a int)", ""),
        ("create table y_a_key(a int)", ""),
        ("create table y_b_seq(a int)", ""),
        (
            "create table y(a int unique, b serial, c int primary key)",
            "",
        ),
        (
            "select conname from pg_constraint where conrelid='y'::regclass order by 1",
            "y_a_key1;y_pkey1",
        ),
        (
            "select column_default from information_schema.columns where table_name='y' and column_name='b'",
            "nextval('y_b_seq1'::regclass)",
        ),
        ("create table z_a_seq(a int)", ""),
        ("create table z(a serial primary key)", "0A000"),
    ]);
}
