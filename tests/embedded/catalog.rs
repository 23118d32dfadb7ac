//! What tools that compare a schema with their own ask the catalogs.

use crate::common::sql::on_empty;

/// Each answer is PostgreSQL 15's.
#[test]
fn a_table_is_told_in_full() {
    on_empty(&[
        (
            "create table t(id int generated always as identity (start 100 increment 5), \
             name varchar(20) not null, up int generated always as (length(name) * 2) stored, \
             n int default 0, ts timestamp(3), d date, constraint \"PK x\" primary key (id), \
             constraint \"low\" check (n >= 0 and length(name) > 1))",
            "",
        ),
        ("create index t_lo on t (lower(name), n desc)", ""),
        (
            "select column_name, character_octet_length, datetime_precision, identity_start, identity_increment, \
             identity_maximum, identity_cycle, dtd_identifier, is_self_referencing, domain_name, is_generated \
             from information_schema.columns where table_name='t' order by ordinal_position",
            "id|∅|∅|100|5|2147483647|NO|1|NO|∅|NEVER;name|80|∅|∅|∅|∅|NO|2|NO|∅|NEVER;\
             up|∅|∅|∅|∅|∅|NO|3|NO|∅|ALWAYS;n|∅|∅|∅|∅|∅|NO|4|NO|∅|NEVER;\
             ts|∅|3|∅|∅|∅|NO|5|NO|∅|NEVER;d|∅|0|∅|∅|∅|NO|6|NO|∅|NEVER",
        ),
        (
            "select adnum, pg_get_expr(adbin,adrelid) is not null from pg_attrdef where adrelid='t'::regclass order by 1",
            "3|t;4|t",
        ),
        (
            "select conname, contype, conkey from pg_constraint where conrelid='t'::regclass order by 1",
            "PK x|p|{1};low|c|{2,4}",
        ),
        (
            "select constraint_name, constraint_type from information_schema.table_constraints \
             where table_name='t' and constraint_name not like '%not_null' order by 1",
            "PK x|PRIMARY KEY;low|CHECK",
        ),
        (
            "select indexrelid::regclass, indexprs is null, array(select opcname from pg_opclass o where o.oid=any(indclass) order by 1) \
             from pg_index where indrelid='t'::regclass order by 2",
            "t_lo|f|{int4_ops,text_ops};\"PK x\"|t|{int4_ops}",
        ),
        (
            "select r.typname, r.typtype, r.typrelid = c.oid from pg_class c join pg_type r on r.oid=c.reltype where relname='t'",
            "t|c|t",
        ),
        (
            "select conname from pg_constraint c where exists (select from pg_attribute a where a.attrelid=c.conrelid and a.attname='up') order by 1",
            "PK x;low",
        ),
        (
            "create table \"Caps\"(id serial, constraint k primary key (id))",
            "",
        ),
        (
            "select column_default from information_schema.columns where table_name='Caps'",
            "nextval('\"Caps_id_seq\"'::regclass)",
        ),
        (
            "insert into \"Caps\" values (1) on conflict on constraint k do nothing",
            "",
        ),
        (
            "select true as t from information_schema.columns where table_name='Caps'",
            "t",
        ),
    ]);
}

/// What pgAdmin and DBeaver ask when they come.
#[test]
fn tools_are_told_what_they_ask_first() {
    on_empty(&[
        ("create table t(id serial primary key)", ""),
        (
            "select set_config('bytea_output','hex',false) from pg_show_all_settings() where name = 'bytea_output'",
            "hex",
        ),
        (
            "select gss_authenticated, encrypted from pg_catalog.pg_stat_gssapi where pid = pg_backend_pid()",
            "",
        ),
        (
            "select i.indexrelid::regclass, pg_catalog.pg_relation_size(i.indexrelid) >= 0, \
             pg_catalog.pg_stat_get_numscans(i.indexrelid) from pg_catalog.pg_index i where i.indrelid='t'::regclass",
            "t_pkey|t|∅",
        ),
        (
            "select sum(xact_commit) from pg_catalog.pg_stat_database",
            "∅",
        ),
        (
            "select schemaname, relname from pg_stat_user_tables",
            "public|t",
        ),
        (
            "select tableoid::regclass from pg_class where relname='t'",
            "pg_class",
        ),
    ]);
}

/// As in PostgreSQL where the extensions are installed already.
#[test]
fn extensions_whose_functions_there_are_exist() {
    on_empty(&[
        ("create extension if not exists \"uuid-ossp\"", ""),
        ("create extension if not exists pgcrypto", ""),
        ("create extension pgcrypto", "42710"),
        ("create extension postgis", "0A000"),
        (
            "select extname from pg_extension order by 1",
            "pgcrypto;plpgsql;uuid-ossp",
        ),
        (
            "create table t(id uuid primary key default uuid_generate_v4(), n int)",
            "",
        ),
        ("insert into t(n) values (1), (2)", ""),
        (
            "select count(distinct id), max(length(id::text)) from t",
            "2|36",
        ),
        ("select pg_get_functiondef(0)", "∅"),
    ]);
}
