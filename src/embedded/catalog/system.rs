//! What is in the catalogs of every database: types, roles, settings, the session itself.

use postgres_types::{Kind, Type};
use rusqlite::Connection;

use crate::TlsFacts;
use crate::embedded::catalog::{NAMESPACES, OWNER, TABLES, columns_of, insert, name_of, opclasses};
use crate::embedded::dialect::types;
use crate::embedded::functions::SessionInfo;

/// What the catalogs tell of the session.
#[derive(Clone, Debug)]
pub(in crate::embedded) struct Facts {
    pub(in crate::embedded) info: SessionInfo,
    pub(in crate::embedded) tls: Option<TlsFacts>,
}

/// `typlen`, `typcategory` and whether it is passed by value.
fn traits(kind: &Type) -> (i16, &'static str, bool) {
    match kind.kind() {
        Kind::Array(_) => return (-1, "A", false),
        Kind::Range(_) | Kind::Multirange(_) => return (-1, "R", false),
        Kind::Pseudo => return (4, "P", true),
        _ => {}
    }
    match *kind {
        Type::BOOL => (1, "B", true),
        Type::CHAR => (1, "Z", true),
        Type::INT2 => (2, "N", true),
        Type::INT4 | Type::FLOAT4 => (4, "N", true),
        Type::INT8 | Type::FLOAT8 | Type::MONEY => (8, "N", true),
        Type::NUMERIC => (-1, "N", false),
        _ if types::is_oid(kind) => (4, if *kind == Type::XID { "U" } else { "N" }, true),
        Type::DATE => (4, "D", true),
        Type::TIME | Type::TIMESTAMP | Type::TIMESTAMPTZ => (8, "D", true),
        Type::TIMETZ => (12, "D", false),
        Type::INTERVAL => (16, "T", false),
        Type::NAME => (64, "S", false),
        Type::TEXT | Type::VARCHAR | Type::BPCHAR => (-1, "S", false),
        Type::UUID => (16, "U", false),
        Type::INET | Type::CIDR => (-1, "I", false),
        Type::INT2_VECTOR | Type::OID_VECTOR => (-1, "A", false),
        Type::UNKNOWN => (-2, "X", false),
        _ => (-1, "U", false),
    }
}

/// The numbers that PostgreSQL gives to its tables (the CATALOG lines of `catalog/*.h`). The
/// others of `pg_catalog` are views, whose numbers no one relies on.
const TABLE_OIDS: &[(&str, i64)] = &[
    ("pg_am", 2601),
    ("pg_attrdef", 2604),
    ("pg_attribute", 1249),
    ("pg_auth_members", 1261),
    ("pg_class", 1259),
    ("pg_collation", 3456),
    ("pg_constraint", 2606),
    ("pg_database", 1262),
    ("pg_db_role_setting", 2964),
    ("pg_depend", 2608),
    ("pg_description", 2609),
    ("pg_enum", 3501),
    ("pg_extension", 3079),
    ("pg_foreign_server", 1417),
    ("pg_foreign_table", 3118),
    ("pg_index", 2610),
    ("pg_inherits", 2611),
    ("pg_language", 2612),
    ("pg_namespace", 2615),
    ("pg_opclass", 2616),
    ("pg_partitioned_table", 3350),
    ("pg_policy", 3256),
    ("pg_proc", 1255),
    ("pg_publication", 6104),
    ("pg_publication_namespace", 6237),
    ("pg_publication_rel", 6106),
    ("pg_range", 3541),
    ("pg_rewrite", 2618),
    ("pg_sequence", 2224),
    ("pg_shdescription", 2396),
    ("pg_statistic_ext", 3381),
    ("pg_tablespace", 1213),
    ("pg_trigger", 2620),
    ("pg_type", 1247),
];
/// The first number of the views.
const VIEW_OIDS: i64 = 12_000;

/// Numbers for the functions that the catalogs name.
pub(super) const ARRAY_IN: i64 = 750;

pub(super) fn fill(connection: &Connection, facts: &Facts) -> rusqlite::Result<()> {
    for (oid, name) in NAMESPACES {
        insert(
            connection,
            "pg_namespace",
            "oid,nspname,nspowner",
            &[oid, name, &OWNER],
        )?;
    }
    for (oid, name, kind) in [(2, "heap", "t"), (403, "btree", "i")] {
        insert(
            connection,
            "pg_am",
            "oid,amname,amtype",
            &[&oid, &name, &kind],
        )?;
    }
    for (oid, name) in [(100, "default"), (950, "C"), (951, "POSIX")] {
        insert(
            connection,
            "pg_collation",
            "oid,collname,collnamespace,collowner,collprovider,collisdeterministic,collencoding",
            &[&oid, &name, &11, &OWNER, &"d", &1, &-1],
        )?;
    }
    for (oid, name) in [(1663, "pg_default"), (1664, "pg_global")] {
        insert(
            connection,
            "pg_tablespace",
            "oid,spcname,spcowner",
            &[&oid, &name, &OWNER],
        )?;
    }
    insert(
        connection,
        "pg_proc",
        "oid,proname,pronamespace,proowner,prokind,prorettype,proargtypes",
        &[
            &ARRAY_IN,
            &"array_in",
            &11,
            &OWNER,
            &"f",
            &2277,
            &"2275 26 23",
        ],
    )?;
    tables(connection)?;
    opclasses::fill(connection)?;
    let all: Vec<Type> = (1..=6_500).filter_map(Type::from_oid).collect();
    for kind in &all {
        type_row(connection, kind, &all)?;
        if let Kind::Range(element) = kind.kind() {
            insert(
                connection,
                "pg_range",
                "rngtypid,rngsubtype",
                &[&kind.oid(), &element.oid()],
            )?;
        }
    }
    let user = &facts.info.user;
    insert(
        connection,
        "pg_roles",
        "rolname,rolsuper,rolinherit,rolcreaterole,rolcreatedb,rolcanlogin,rolreplication,rolconnlimit,rolpassword,rolbypassrls,oid",
        &[user, &1, &1, &1, &1, &1, &0, &-1, &"********", &1, &OWNER],
    )?;
    insert(
        connection,
        "pg_user",
        "usename,usesysid,usecreatedb,usesuper,userepl,usebypassrls,passwd",
        &[user, &OWNER, &1, &1, &0, &1, &"********"],
    )?;
    let database = &facts.info.database;
    insert(
        connection,
        "pg_database",
        "oid,datname,datdba,encoding,datlocprovider,datallowconn,datconnlimit,dattablespace,datcollate,datctype",
        &[
            &5, database, &OWNER, &6, &"c", &1, &-1, &1663, &"C.UTF-8", &"C.UTF-8",
        ],
    )?;
    for (_, name) in NAMESPACES {
        insert(
            connection,
            "information_schema.schemata",
            "catalog_name,schema_name,schema_owner",
            &[database, name, user],
        )?;
    }
    Ok(())
}

/// The catalogs' own tables: `'pg_class'::regclass` finds them.
fn tables(connection: &Connection) -> rusqlite::Result<()> {
    let lines = TABLES
        .lines()
        .filter(|line| name_of(line).0 == "pg_catalog" && !line.starts_with("pgtls_"));
    for (line, view) in lines.zip(VIEW_OIDS..) {
        let (_, name) = name_of(line);
        let known = TABLE_OIDS.iter().find(|(table, _)| *table == name);
        let oid = known.map_or(view, |(_, oid)| *oid);
        let (kind, am) = if known.is_some() { ("r", 2) } else { ("v", 0) };
        let count = i64::try_from(columns_of(line).count()).unwrap_or(0);
        insert(
            connection,
            "pg_class",
            "oid,relname,relnamespace,relowner,relam,relfilenode,reltuples,relpersistence,\
             relkind,relnatts,relispopulated,relreplident",
            &[
                &oid, &name, &11, &OWNER, &am, &oid, &-1, &"p", &kind, &count, &1, &"n",
            ],
        )?;
        for (number, (column, kind)) in (1_i64..).zip(columns_of(line)) {
            let Ok(ty) = types::named(kind) else { continue };
            insert(
                connection,
                "pg_attribute",
                "attrelid,attname,atttypid,attnum,atttypmod,attislocal",
                &[&oid, &column, &ty.kind.oid(), &number, &-1, &1],
            )?;
        }
    }
    Ok(())
}

fn type_row(connection: &Connection, kind: &Type, all: &[Type]) -> rusqlite::Result<()> {
    let (length, category, by_value) = traits(kind);
    let (word, element) = match kind.kind() {
        Kind::Array(element) => ("b", element.oid()),
        Kind::Range(_) => ("r", 0),
        Kind::Multirange(_) => ("m", 0),
        Kind::Pseudo => ("p", 0),
        _ if *kind == Type::UNKNOWN => ("p", 0),
        _ => ("b", types::element(kind).map_or(0, |e| e.oid())),
    };
    let array_name = format!("_{}", kind.name());
    let array = all
        .iter()
        .find(|t| t.name() == array_name)
        .map_or(0, Type::oid);
    let input = if matches!(kind.kind(), Kind::Array(_)) {
        ARRAY_IN
    } else {
        0
    };
    let preferred = matches!(
        *kind,
        Type::BOOL | Type::FLOAT8 | Type::TEXT | Type::OID | Type::TIMESTAMPTZ | Type::INTERVAL
    );
    let collation = if types::is_text(kind) && *kind != Type::CHAR {
        100
    } else {
        0
    };
    insert(
        connection,
        "pg_type",
        "oid,typname,typnamespace,typowner,typlen,typbyval,typtype,typcategory,typispreferred,\
         typisdefined,typdelim,typelem,typarray,typinput,typtypmod,typcollation",
        &[
            &kind.oid(),
            &kind.name(),
            &11,
            &OWNER,
            &length,
            &by_value,
            &word,
            &category,
            &preferred,
            &1,
            &",",
            &element,
            &array,
            &input,
            &-1,
            &collation,
        ],
    )
}

/// What may be otherwise with every statement: settings and the session's own rows.
pub(super) fn session(connection: &Connection, facts: &Facts) -> rusqlite::Result<()> {
    connection.execute_batch(
        "DELETE FROM pg_catalog.pg_settings; DELETE FROM pg_catalog.pg_stat_ssl; \
         DELETE FROM pg_catalog.pg_stat_activity",
    )?;
    let info = &facts.info;
    for setting in info.context.settings() {
        insert(
            connection,
            "pg_settings",
            "name,setting,category,short_desc,context,vartype,source,boot_val,reset_val",
            &[
                &setting.name,
                &setting.value,
                &"",
                &setting.description,
                &"user",
                &"string",
                &"session",
                &setting.value,
                &setting.value,
            ],
        )?;
    }
    let name = info.context.setting("application_name").unwrap_or_default();
    insert(
        connection,
        "pg_stat_activity",
        "datid,datname,pid,usesysid,usename,application_name,state,backend_type",
        &[
            &5,
            &info.database,
            &info.process_id,
            &OWNER,
            &info.user,
            &name,
            &"active",
            &"client backend",
        ],
    )?;
    let tls = facts.tls.as_ref();
    insert(
        connection,
        "pg_stat_ssl",
        "pid,ssl,version,cipher,bits,client_dn",
        &[
            &info.process_id,
            &tls.is_some(),
            &tls.map(|t| t.version().as_str()),
            &tls.map(TlsFacts::cipher),
            &tls.map(TlsFacts::cipher_bits),
            &tls.and_then(TlsFacts::peer_distinguished_name),
        ],
    )
}
