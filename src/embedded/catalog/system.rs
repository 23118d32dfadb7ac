//! What is in the catalogs of every database: types, roles, settings, the session itself.

use postgres_types::{Kind, Type};
use rusqlite::Connection;

use crate::TlsFacts;
use crate::embedded::catalog::{
    NAMESPACES, OWNER, columns_of, derived, insert, name_of, opclasses,
};
use crate::embedded::dialect::{known_functions, types};
use crate::embedded::functions::SessionInfo;
use crate::embedded::public;

/// The role that owns the schema `public`, whoever the database's owner is.
const DATABASE_OWNER: i64 = 6171;

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

/// `typstorage`: whether long values are kept apart or compressed.
pub(super) fn stored(kind: &Type) -> &'static str {
    let fixed = types::is_time(kind)
        || matches!(
            *kind,
            Type::TIME | Type::INTERVAL | Type::UUID | Type::NAME | Type::CHAR
        );
    match *kind {
        Type::NUMERIC | Type::INET | Type::CIDR => "m",
        Type::BYTEA => "x",
        _ if matches!(kind.kind(), Kind::Enum(_) | Kind::Pseudo) => "p",
        _ if types::storage(kind) == types::Storage::Text && !fixed => "x",
        _ => "p",
    }
}

/// The numbers that PostgreSQL gives to its tables (the CATALOG lines of `catalog/*.h`). The
/// others of `pg_catalog` are views, whose numbers no one relies on.
const TABLE_OIDS: &[(&str, i64)] = &[
    ("pg_aggregate", 2600),
    ("pg_am", 2601),
    ("pg_amop", 2602),
    ("pg_amproc", 2603),
    ("pg_attrdef", 2604),
    ("pg_attribute", 1249),
    ("pg_auth_members", 1261),
    ("pg_authid", 1260),
    ("pg_cast", 2605),
    ("pg_class", 1259),
    ("pg_collation", 3456),
    ("pg_constraint", 2606),
    ("pg_conversion", 2607),
    ("pg_database", 1262),
    ("pg_db_role_setting", 2964),
    ("pg_default_acl", 826),
    ("pg_depend", 2608),
    ("pg_description", 2609),
    ("pg_enum", 3501),
    ("pg_event_trigger", 3466),
    ("pg_extension", 3079),
    ("pg_foreign_data_wrapper", 2328),
    ("pg_foreign_server", 1417),
    ("pg_foreign_table", 3118),
    ("pg_index", 2610),
    ("pg_inherits", 2611),
    ("pg_init_privs", 3394),
    ("pg_language", 2612),
    ("pg_largeobject", 2613),
    ("pg_largeobject_metadata", 2995),
    ("pg_namespace", 2615),
    ("pg_opclass", 2616),
    ("pg_operator", 2617),
    ("pg_opfamily", 2753),
    ("pg_parameter_acl", 6243),
    ("pg_partitioned_table", 3350),
    ("pg_policy", 3256),
    ("pg_proc", 1255),
    ("pg_publication", 6104),
    ("pg_publication_namespace", 6237),
    ("pg_publication_rel", 6106),
    ("pg_range", 3541),
    ("pg_replication_origin", 6000),
    ("pg_rewrite", 2618),
    ("pg_seclabel", 3596),
    ("pg_sequence", 2224),
    ("pg_shdepend", 1214),
    ("pg_shdescription", 2396),
    ("pg_shseclabel", 3592),
    ("pg_statistic", 2619),
    ("pg_statistic_ext", 3381),
    ("pg_statistic_ext_data", 3429),
    ("pg_subscription", 6100),
    ("pg_subscription_rel", 6102),
    ("pg_tablespace", 1213),
    ("pg_transform", 3576),
    ("pg_trigger", 2620),
    ("pg_ts_config", 3602),
    ("pg_ts_config_map", 3603),
    ("pg_ts_dict", 3600),
    ("pg_ts_parser", 3601),
    ("pg_ts_template", 3764),
    ("pg_type", 1247),
    ("pg_user_mapping", 1418),
];
/// The first number of the views.
const VIEW_OIDS: i64 = 12_000;

/// The number of a catalog that is a table.
pub(in crate::embedded) fn oid_of(name: &str) -> Option<i64> {
    let found = TABLE_OIDS.iter().find(|(table, _)| *table == name);
    found.map(|(_, oid)| *oid)
}

/// Numbers for the functions that the catalogs name.
pub(super) const ARRAY_IN: i64 = 750;

/// The schemas: `public` may be gone.
pub(super) fn namespaces(
    connection: &Connection,
    database: &str,
    user: &str,
) -> rusqlite::Result<()> {
    connection.execute_batch(
        "DELETE FROM pg_catalog.pg_namespace; DELETE FROM information_schema.schemata",
    )?;
    let there = |name: &str| name != "public" || public::is_there();
    for (oid, name) in NAMESPACES.iter().filter(|(_, name)| there(name)) {
        let owner = if *name == "public" {
            DATABASE_OWNER
        } else {
            OWNER
        };
        insert(
            connection,
            "pg_namespace",
            "oid,nspname,nspowner",
            &[oid, name, &owner],
        )?;
        insert(
            connection,
            "information_schema.schemata",
            "catalog_name,schema_name,schema_owner",
            &[&database, name, &user],
        )?;
    }
    Ok(())
}

pub(super) fn fill(connection: &Connection, facts: &Facts) -> rusqlite::Result<()> {
    insert(
        connection,
        "pg_roles",
        "rolname,rolinherit,rolconnlimit,rolpassword,oid",
        &[&"pg_database_owner", &1, &-1, &"********", &DATABASE_OWNER],
    )?;
    for (oid, name, kind) in [
        (2, "heap", "t"),
        (403, "btree", "i"),
        (405, "hash", "i"),
        (3580, "brin", "i"),
    ] {
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
    functions(connection)?;
    insert(
        connection,
        "pg_language",
        "oid,lanname,lanowner,lanispl,lanpltrusted,lanplcallfoid",
        &[&13_542, &"plpgsql", &OWNER, &1, &1, &13_539],
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
    Ok(())
}

/// The functions there are. No one relies on their numbers.
fn functions(connection: &Connection) -> rusqlite::Result<()> {
    for (oid, known) in (14_000_i64..).zip(known_functions()) {
        let arguments: Vec<String> = known
            .arguments
            .iter()
            .map(|t| t.oid().to_string())
            .collect();
        insert(
            connection,
            "pg_proc",
            "oid,proname,pronamespace,proowner,prolang,prokind,provolatile,proparallel,proisstrict,\
             pronargs,prorettype,proargtypes",
            &[
                &oid,
                &known.name,
                &11,
                &OWNER,
                &12,
                &known.kind,
                &"s",
                &"u",
                &(known.kind == "f"),
                &i64::try_from(arguments.len()).unwrap_or(0),
                &known.result.oid(),
                &arguments.join(" "),
            ],
        )?;
    }
    Ok(())
}

/// The catalogs' own tables: `'pg_class'::regclass` finds them.
fn tables(connection: &Connection) -> rusqlite::Result<()> {
    for (line, view) in derived::all().zip(VIEW_OIDS..) {
        let (schema, name) = name_of(line);
        let namespace = if schema == "pg_catalog" { 11 } else { 13_000 };
        let known = oid_of(name).filter(|_| namespace == 11);
        let oid = known.unwrap_or(view);
        let (kind, am) = if known.is_some() { ("r", 2) } else { ("v", 0) };
        let count = i64::try_from(columns_of(line).count()).unwrap_or(0);
        insert(
            connection,
            "pg_class",
            "oid,relname,relnamespace,relowner,relam,relfilenode,reltuples,relpersistence,\
             relkind,relnatts,relispopulated,relreplident",
            &[
                &oid, &name, &namespace, &OWNER, &am, &oid, &-1, &"p", &kind, &count, &1, &"n",
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
         typisdefined,typdelim,typelem,typarray,typinput,typtypmod,typcollation,typstorage",
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
            &stored(kind),
        ],
    )
}

/// What may be otherwise with every statement: settings and the session's own rows.
pub(super) fn session(connection: &Connection, facts: &Facts) -> rusqlite::Result<()> {
    connection.execute_batch(
        "DELETE FROM pg_catalog.pg_settings; DELETE FROM pg_catalog.pg_stat_ssl; \
         DELETE FROM pg_catalog.pg_stat_activity; DELETE FROM pg_catalog.pg_locks",
    )?;
    let info = &facts.info;
    for lock in info.locks.shown() {
        let (class, object, sub) = lock.key;
        insert(
            connection,
            "pg_locks",
            "locktype,database,classid,objid,objsubid,virtualtransaction,pid,mode,granted,fastpath",
            &[
                &"advisory",
                &5,
                &class,
                &object,
                &sub,
                &format!("{}/0", lock.session),
                &lock.process,
                &lock.mode,
                &lock.granted,
                &false,
            ],
        )?;
    }
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
