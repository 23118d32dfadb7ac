//! psql's backslash commands.

use pgtls::SslMode;

use crate::common::{Certs, Server, psql};

const OPTIONS: &str = "sslmode=require user=postgres dbname=postgres";

/// All that ask the server, by themselves and with what they are told more of.
const COMMANDS: &str = "\\d \\d+ \\dS+ \\dt \\dt+ \\di \\di+ \\dv \\dv+ \\ds \\ds+ \\dm \\dn \\dn+ \\dT \\dT+ \\du \\du+ \\dg \\dp \\l \\l+ \
    \\df \\df+ \\dfS \\da \\do \\doS \\dC \\dC+ \\dc \\dc+ \\dd \\dD \\dF \\dFp \\dFd \\dFd+ \\dFt \\dFt+ \\dx \\dx+ \\dy \\des \\det \
    \\dew \\deu \\dP \\dP+ \\dRp \\dRp+ \\dRs \\dO \\dO+ \\drds \\ddp \\dconfig \\dE \\dX \\db \\db+ \\dL \\dL+ \\dA \\dA+ \\dAc \\dAo \
    \\dAf \\dAp \\lo_list \\dl \\z \\conninfo \\encoding";

const PATTERNS: &[&str] = &[
    "\\d t",
    "\\d+ t",
    "\\d+ t_lo",
    "\\d t_id_seq",
    "\\d+ v",
    "\\d public.*",
    "\\dt public.t",
    "\\di t_*",
    "\\dT mood",
    "\\dT+ int*",
    "\\df lower",
    "\\df+ lower",
    "\\da sum",
    "\\do =",
    "\\dC integer",
    "\\dn+ public",
    "\\dp t",
    "\\z v",
    "\\dx+ plpgsql",
    "\\dconfig search_path",
    "\\dO C",
    "\\dAc btree",
    "\\dAo btree",
    "\\dAf btree",
    "\\sv v",
    "\\sv+ v",
    "\\d pg_class",
    "\\d pg_catalog.pg_sequences",
    "\\d information_schema.tables",
    "\\dd t_lo",
    "\\dF english",
    "\\drds postgres",
];

#[test]
fn no_command_of_psql_fails() {
    let certs = Certs::new();
    let server = Server::in_mode(SslMode::Require, &certs);
    let made = psql(
        &server,
        OPTIONS,
        &[
            "create type mood as enum ('ok'); create table t(id serial primary key, name text unique, m mood); \
           create index t_lo on t (lower(name)); create view v as select id from t; comment on index t_lo is 'by name'; \
           insert into t(name) select repeat('x', 5000) || n from generate_series(1, 20) n",
        ],
    );
    assert!(made.ok, "{}", made.err);
    let commands: Vec<&str> = COMMANDS
        .split_whitespace()
        .chain(PATTERNS.iter().copied())
        .collect();
    let said = psql(&server, OPTIONS, &commands);
    let wrong: Vec<&str> = said.err.lines().filter(|l| l.contains("ERROR")).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    for (command, wanted) in [
        (
            "\\dp",
            "public|t|table|||\npublic|t_id_seq|sequence|||\npublic|v|view|||\n",
        ),
        ("\\dn", "public|pg_database_owner\n"),
        ("\\df lower", "pg_catalog|lower|text|text|func\n"),
        (
            "\\sv v",
            "CREATE OR REPLACE VIEW public.v AS\n SELECT t.id\n   FROM t\n",
        ),
        ("\\dT+ mood", "public|mood|mood|4|ok|postgres||\n"),
        ("\\d t_id_seq", "integer|1|1|2147483647|1|no|1\n"),
        (
            "select pg_table_size('t') >= 100000, pg_total_relation_size('t') > pg_table_size('t'), pg_relation_size('t_lo') > 0, \
          pg_database_size('postgres') > 100000, pg_size_pretty(pg_relation_size('v'))",
            "t|t|t|t|0 bytes\n",
        ),
        ("select last_value, is_called from t_id_seq", "20|t\n"),
        (
            "select schemaname, sequencename, data_type, last_value from pg_sequences",
            "public|t_id_seq|integer|20\n",
        ),
        (
            "select count(*) from pg_cast where castsource = 'int4'::regtype and casttarget = 'int8'::regtype and castcontext = 'i'",
            "1\n",
        ),
    ] {
        let said = psql(&server, OPTIONS, &[command]);
        assert!(
            said.out.contains(wanted),
            "{command}: {}{}",
            said.out,
            said.err
        );
    }
}

/// Each has all its columns, and none of its queries fails.
#[test]
fn every_catalog_can_be_read() {
    let certs = Certs::new();
    let server = Server::in_mode(SslMode::Require, &certs);
    let names = psql(
        &server,
        OPTIONS,
        &[
            "select n.nspname || '.' || c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace \
           where n.nspname in ('pg_catalog', 'information_schema') and c.relkind in ('r', 'v')",
        ],
    );
    assert!(names.ok && names.out.lines().count() > 150, "{}", names.err);
    let reads: Vec<String> = names
        .out
        .lines()
        .map(|name| format!("select count(*) >= 0 from (select * from {name}) x"))
        .collect();
    let reads: Vec<&str> = reads.iter().map(String::as_str).collect();
    let said = psql(&server, OPTIONS, &reads);
    assert!(said.err.is_empty(), "{}", said.err);
    assert!(said.out.lines().all(|l| l == "t"));
}
