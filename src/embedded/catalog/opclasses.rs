//! The operator classes of B-trees, and of the extensions that need no installing.

use postgres_types::Type;
use rusqlite::Connection;

use crate::embedded::catalog::{OWNER, insert};
use crate::embedded::dialect::types;
use crate::embedded::enums;

/// Number, name, family, type, and whether it is the type's own, as in PostgreSQL 15.
const CLASSES: &[(i64, &str, i64, u32, bool)] = &[
    (1978, "int4_ops", 1976, 23, true),
    (1979, "int2_ops", 1976, 21, true),
    (1981, "oid_ops", 1989, 26, true),
    (3122, "date_ops", 434, 1082, true),
    (3123, "float8_ops", 1970, 701, true),
    (3124, "int8_ops", 1976, 20, true),
    (3125, "numeric_ops", 1988, 1700, true),
    (3126, "text_ops", 1994, 25, true),
    (3127, "timestamptz_ops", 434, 1184, true),
    (3128, "timestamp_ops", 434, 1114, true),
    (4217, "text_pattern_ops", 2095, 25, false),
    (4218, "varchar_pattern_ops", 2095, 25, false),
    (4219, "bpchar_pattern_ops", 2097, 1042, false),
    (10_000, "array_ops", 397, 2277, true),
    (10_003, "bool_ops", 424, 16, true),
    (10_004, "bpchar_ops", 426, 1042, true),
    (10_006, "bytea_ops", 428, 17, true),
    (10_007, "char_ops", 429, 18, true),
    (10_012, "float4_ops", 1970, 700, true),
    (10_015, "inet_ops", 1974, 869, true),
    (10_022, "interval_ops", 1982, 1186, true),
    (10_028, "name_ops", 1994, 19, true),
    (10_032, "oidvector_ops", 1991, 30, true),
    (10_038, "time_ops", 1996, 1083, true),
    (10_044, "varchar_ops", 1994, 25, false),
    (10_065, "uuid_ops", 2968, 2950, true),
    (10_069, "enum_ops", 3522, 3500, true),
    (10_088, "jsonb_ops", 4033, 3802, true),
];

/// The class of an index's column of a type.
pub(super) fn of(kind: &Type) -> i64 {
    let input = match *kind {
        Type::VARCHAR => 25,
        _ if enums::is_enum(kind) => 3500,
        _ if types::element(kind).is_some() && *kind != Type::OID_VECTOR => 2277,
        _ => kind.oid(),
    };
    CLASSES
        .iter()
        .find(|class| class.3 == input && class.4)
        .map_or(0, |class| class.0)
}

/// Name, version, and namespace. What there is of them is there without CREATE EXTENSION.
const EXTENSIONS: &[(&str, &str, i64)] = &[
    ("plpgsql", "1.0", 11),
    ("pgcrypto", "1.3", 2200),
    ("uuid-ossp", "1.1", 2200),
];

pub(super) fn fill(connection: &Connection) -> rusqlite::Result<()> {
    for (oid, name, family, input, own) in CLASSES {
        insert(
            connection,
            "pg_opclass",
            "oid,opcmethod,opcname,opcnamespace,opcowner,opcfamily,opcintype,opcdefault",
            &[oid, &403, name, &11, &OWNER, family, input, own],
        )?;
    }
    for (oid, (name, version, namespace)) in (13_500_i64..).zip(EXTENSIONS) {
        insert(
            connection,
            "pg_extension",
            "oid,extname,extowner,extnamespace,extrelocatable,extversion",
            &[&oid, name, &OWNER, namespace, &(*namespace != 11), version],
        )?;
    }
    Ok(())
}
