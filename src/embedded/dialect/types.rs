//! PostgreSQL's types: their names, how SQLite stores them, how they are declared there.

use postgres_types::{Kind, Type};

use crate::embedded::dialect::{Fault, identifier};
use crate::embedded::enums;
use crate::error_response::SqlState;

/// A type and its modifier (`pg_attribute.atttypmod`): −1 for none.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(in crate::embedded) struct Ty {
    pub(in crate::embedded) kind: Type,
    pub(in crate::embedded) modifier: i32,
}

impl From<Type> for Ty {
    fn from(kind: Type) -> Self {
        Self { kind, modifier: -1 }
    }
}

/// Names as users write them, the name in `pg_type`, and how a column is declared in SQLite. The
/// declaration carries the type and, by SQLite's rules (SQLite docs, "Datatypes In SQLite", §3.1),
/// the right affinity: what is kept as text must say TEXT, or `1.10` would come back as `1.1`.
const TYPES: &[(Type, &str, &str, &[&str])] = &[
    (Type::BOOL, "boolean", "bool", &["bool"]),
    (Type::INT2, "smallint", "int2", &["int2"]),
    (Type::INT4, "integer", "int4", &["int", "int4"]),
    (Type::INT8, "bigint", "int8", &["int8"]),
    (Type::FLOAT4, "real", "float4", &["float4"]),
    (
        Type::FLOAT8,
        "double precision",
        "float8",
        &["float8", "float", "double"],
    ),
    (
        Type::NUMERIC,
        "numeric",
        "numeric_text",
        &["decimal", "dec"],
    ),
    (Type::TEXT, "text", "text", &["string"]),
    (
        Type::VARCHAR,
        "character varying",
        "varchar",
        &["varchar", "char varying"],
    ),
    (Type::BPCHAR, "character", "bpchar", &["char", "bpchar"]),
    (Type::NAME, "name", "name_text", &[]),
    (Type::CHAR, "\"char\"", "onechar_text", &[]),
    (Type::BYTEA, "bytea", "blob", &[]),
    (Type::DATE, "date", "date_text", &[]),
    (Type::TIME, "time without time zone", "time_text", &["time"]),
    (
        Type::TIMESTAMP,
        "timestamp without time zone",
        "timestamp_text",
        &["timestamp"],
    ),
    (
        Type::TIMESTAMPTZ,
        "timestamp with time zone",
        "timestamptz_text",
        &["timestamptz"],
    ),
    (Type::INTERVAL, "interval", "ival_text", &[]),
    (Type::UUID, "uuid", "uuid_text", &[]),
    (Type::JSON, "json", "json_text", &[]),
    (Type::JSONB, "jsonb", "jsonb_text", &[]),
    (Type::OID, "oid", "oid_int", &[]),
    (Type::REGCLASS, "regclass", "regclass_int", &[]),
    (Type::REGTYPE, "regtype", "regtype_int", &[]),
    (Type::REGPROC, "regproc", "regproc_int", &[]),
    (Type::REGPROCEDURE, "regprocedure", "regprocedure_int", &[]),
    (Type::REGOPERATOR, "regoperator", "regoperator_int", &[]),
    (Type::REGNAMESPACE, "regnamespace", "regnamespace_int", &[]),
    (Type::REGROLE, "regrole", "regrole_int", &[]),
    (Type::XID, "xid", "xid_int", &[]),
    (Type::INET, "inet", "inet_text", &[]),
    (Type::PG_NODE_TREE, "pg_node_tree", "node_text", &[]),
    (Type::INT2_VECTOR, "int2vector", "i2vector_text", &[]),
    (Type::OID_VECTOR, "oidvector", "oidvector_text", &[]),
    (Type::UNKNOWN, "unknown", "unknown_text", &[]),
    (Type::VOID, "void", "void_text", &[]),
    (Type::RECORD, "record", "record_text", &[]),
];

/// How a value is kept in SQLite.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::embedded) enum Storage {
    Integer,
    Real,
    /// PostgreSQL's own text form, which for dates and times in UTC sorts as they do.
    Text,
    Blob,
}

pub(in crate::embedded) fn storage(kind: &Type) -> Storage {
    match *kind {
        Type::BOOL | Type::INT2 | Type::INT4 | Type::INT8 => Storage::Integer,
        _ if is_oid(kind) => Storage::Integer,
        Type::FLOAT4 | Type::FLOAT8 => Storage::Real,
        Type::BYTEA => Storage::Blob,
        _ if enums::is_enum(kind) => Storage::Integer,
        _ => Storage::Text,
    }
}

/// Whether it is one of the types whose values are numbers, `oid` and its like among them.
pub(in crate::embedded) fn is_number(kind: &Type) -> bool {
    rank(kind).is_some()
}

/// The order in which numeric types give way to each other in an expression.
pub(in crate::embedded) fn rank(kind: &Type) -> Option<u8> {
    Some(match *kind {
        Type::INT2 => 0,
        Type::INT4 => 1,
        _ if is_oid(kind) => 2,
        Type::INT8 => 3,
        Type::NUMERIC => 4,
        Type::FLOAT4 => 5,
        Type::FLOAT8 => 6,
        _ => return None,
    })
}

pub(in crate::embedded) fn is_integer(kind: &Type) -> bool {
    matches!(*kind, Type::INT2 | Type::INT4 | Type::INT8)
}

/// `oid` and the types that show one by name.
pub(in crate::embedded) fn is_oid(kind: &Type) -> bool {
    matches!(
        *kind,
        Type::OID
            | Type::XID
            | Type::REGCLASS
            | Type::REGTYPE
            | Type::REGPROC
            | Type::REGPROCEDURE
            | Type::REGOPERATOR
            | Type::REGNAMESPACE
            | Type::REGROLE
    )
}

/// The types that show an object by its name.
pub(in crate::embedded) fn is_named(kind: &Type) -> bool {
    is_oid(kind) && !matches!(*kind, Type::OID | Type::XID)
}

pub(in crate::embedded) fn is_text(kind: &Type) -> bool {
    matches!(
        *kind,
        Type::TEXT | Type::VARCHAR | Type::BPCHAR | Type::NAME | Type::CHAR | Type::UNKNOWN
    )
}

pub(in crate::embedded) fn is_time(kind: &Type) -> bool {
    matches!(*kind, Type::DATE | Type::TIMESTAMP | Type::TIMESTAMPTZ)
}

/// The element's type, of an array.
pub(in crate::embedded) fn element(kind: &Type) -> Option<Type> {
    match kind.kind() {
        Kind::Array(element) => Some(element.clone()),
        _ => match *kind {
            Type::INT2_VECTOR => Some(Type::INT2),
            Type::OID_VECTOR => Some(Type::OID),
            _ => None,
        },
    }
}

/// The array of such elements.
pub(in crate::embedded) fn array_of(kind: &Type) -> Option<Type> {
    if enums::is_enum(kind) {
        return enums::array_of(kind);
    }
    // PostgreSQL's own types: the array's name is the element's behind an underscore.
    let wanted = format!("_{}", kind.name());
    (1..=4000)
        .filter_map(Type::from_oid)
        .find(|t| t.name() == wanted)
}

/// A type by the name a statement gives it, `character varying(10)` or `int4[]`.
pub(in crate::embedded) fn named(written: &str) -> Result<Ty, Fault> {
    let mut name = written.trim().to_lowercase();
    let mut dimensions = 0_u8;
    // `int ARRAY[3]`, as the standard has it.
    let mut own = written.split('[').next().unwrap_or_default().trim();
    let word = own.len().saturating_sub(" array".len());
    if let Some((element, word)) = own.split_at_checked(word)
        && word.eq_ignore_ascii_case(" array")
    {
        own = element;
        name = element.trim_end().to_lowercase();
        dimensions = 1;
    }
    while let Some(inner) = name.strip_suffix(']') {
        let Some((element, _)) = inner.rsplit_once('[') else {
            break;
        };
        name = element.trim_end().to_owned();
        dimensions = dimensions.saturating_add(1);
    }
    let mut modifiers = Vec::new();
    if let (Some(open), Some(close)) = (name.find('('), name.rfind(')')) {
        modifiers = name
            .get(open.saturating_add(1)..close)
            .unwrap_or_default()
            .split(',')
            .map(|m| m.trim().parse::<i32>().unwrap_or(-1))
            .collect();
        let rest = name.get(close.saturating_add(1)..).unwrap_or_default();
        name = format!("{}{rest}", name.get(..open).unwrap_or_default().trim_end());
    }
    let bare = ["pg_catalog.", "\"pg_catalog\"."]
        .iter()
        .find_map(|schema| name.strip_prefix(schema))
        .unwrap_or(&name);
    let bare = match bare {
        "\"char\"" => bare,
        _ => bare.trim_matches('"'),
    };
    if let Some(fields) = bare.strip_prefix("interval ") {
        return Err(Fault::unsupported(format!("interval {fields}")));
    }
    let bare = match bare {
        "time with time zone" => "timetz",
        "bit varying" => "varbit",
        _ => bare,
    };
    let kind = TYPES
        .iter()
        .find(|(kind, long, _, others)| {
            bare == *long || bare == kind.name() && bare != "char" || others.contains(&bare)
        })
        .map(|(kind, ..)| kind.clone())
        .or_else(|| {
            (1..=4600)
                .filter_map(Type::from_oid)
                .find(|t| t.name() == bare)
        })
        .or_else(|| enums::written(own))
        .ok_or_else(|| {
            Fault::new(
                SqlState::UNDEFINED_OBJECT,
                format!("type \"{bare}\" does not exist"),
            )
        })?;
    let modifier = match (&kind, modifiers.as_slice()) {
        (&Type::VARCHAR | &Type::BPCHAR, [length]) => length.saturating_add(4),
        // `char` alone is `char(1)`.
        (&Type::BPCHAR, []) if bare != "bpchar" => 5,
        (&Type::NUMERIC, [precision]) => numeric_modifier(*precision, 0),
        (&Type::NUMERIC, [precision, scale]) => numeric_modifier(*precision, *scale),
        (&Type::TIME | &Type::TIMESTAMP | &Type::TIMESTAMPTZ, [precision]) => *precision,
        (&Type::INTERVAL, [precision]) => {
            return Err(Fault::unsupported(format!("interval({precision})")));
        }
        _ => -1,
    };
    if dimensions == 0 {
        return Ok(Ty { kind, modifier });
    }
    let array = array_of(&kind).map(|kind| Ty { kind, modifier });
    array.ok_or_else(|| {
        Fault::new(
            SqlState::UNDEFINED_OBJECT,
            format!("type \"{bare}[]\" does not exist"),
        )
    })
}

fn numeric_modifier(precision: i32, scale: i32) -> i32 {
    // PostgreSQL's packing (numeric.c, make_numeric_typmod).
    ((precision & 0xffff) << 16 | (scale & 0x7ff)).saturating_add(4)
}

/// Precision and scale out of a modifier.
pub(in crate::embedded) fn precision_and_scale(modifier: i32) -> Option<(i32, i32)> {
    (modifier >= 4).then(|| {
        let packed = modifier.saturating_sub(4);
        (packed >> 16 & 0xffff, packed & 0x7ff)
    })
}

/// How a column of this type is declared in SQLite.
pub(in crate::embedded) fn declaration(ty: &Ty) -> Result<String, Fault> {
    if element(&ty.kind).is_some() {
        return Ok(match ty.modifier {
            -1 => format!("array_text({})", ty.kind.oid()),
            modifier => format!("array_text({},{modifier})", ty.kind.oid()),
        });
    }
    if enums::is_enum(&ty.kind) {
        return Ok(format!("enum_int({})", ty.kind.oid()));
    }
    let (_, name, declared, _) = TYPES
        .iter()
        .find(|(kind, ..)| *kind == ty.kind)
        .ok_or_else(|| Fault::unsupported(format!("columns of type {}", ty.kind.name())))?;
    if matches!(
        ty.kind,
        Type::VOID | Type::RECORD | Type::UNKNOWN | Type::PG_NODE_TREE
    ) {
        return Err(Fault::new(
            SqlState::INVALID_TABLE_DEFINITION,
            format!("column has pseudo-type {name}"),
        ));
    }
    Ok(match (&ty.kind, ty.modifier) {
        (_, -1) => (*declared).to_owned(),
        (&Type::NUMERIC, modifier) => match precision_and_scale(modifier) {
            Some((precision, scale)) => format!("{declared}({precision},{scale})"),
            None => (*declared).to_owned(),
        },
        (&Type::VARCHAR | &Type::BPCHAR, modifier) => {
            format!("{declared}({})", modifier.saturating_sub(4))
        }
        (_, modifier) => format!("{declared}({modifier})"),
    })
}

/// The type of a column by its declaration in SQLite: ours, or by SQLite's rules in a database
/// that was made elsewhere. There an INTEGER has 64 bits.
pub(in crate::embedded) fn declared(declaration: &str) -> Ty {
    let lower = declaration.to_lowercase();
    let (name, modifiers) = lower.split_once('(').unwrap_or((&lower, ""));
    let name = name.trim();
    let numbers: Vec<i32> = modifiers
        .trim_end_matches(')')
        .split(',')
        .filter_map(|m| m.trim().parse().ok())
        .collect();
    if name == "array_text" {
        let array = numbers
            .first()
            .and_then(|oid| u32::try_from(*oid).ok())
            .and_then(from_oid);
        return Ty {
            kind: array.unwrap_or(Type::TEXT),
            modifier: numbers.get(1).copied().unwrap_or(-1),
        };
    }
    if name == "enum_int" {
        let oid = numbers.first().and_then(|oid| u32::try_from(*oid).ok());
        return oid.and_then(enums::by_oid).unwrap_or(Type::INT8).into();
    }
    if let Some((kind, ..)) = TYPES.iter().find(|(_, _, declared, _)| *declared == name) {
        let modifier = match (kind, numbers.as_slice()) {
            (&Type::NUMERIC, [precision, scale]) => numeric_modifier(*precision, *scale),
            (&Type::VARCHAR | &Type::BPCHAR, [length]) => length.saturating_add(4),
            (_, [precision]) => *precision,
            _ => -1,
        };
        return Ty {
            kind: kind.clone(),
            modifier,
        };
    }
    let has = |words: &[&str]| words.iter().any(|w| name.contains(w));
    match name {
        "boolean" => Type::BOOL,
        _ if has(&["int"]) => Type::INT8,
        _ if has(&["char", "clob", "text"]) => Type::TEXT,
        _ if name.is_empty() => Type::TEXT,
        _ if has(&["blob"]) => Type::BYTEA,
        _ if has(&["real", "floa", "doub"]) => Type::FLOAT8,
        _ => Type::TEXT,
    }
    .into()
}

/// A type by its number: PostgreSQL's own, an enum, or an array of one.
pub(in crate::embedded) fn from_oid(oid: u32) -> Option<Type> {
    Type::from_oid(oid)
        .or_else(|| enums::by_oid(oid))
        .or_else(|| enums::array_by_oid(oid))
}

/// As `format_type` shows it.
pub(in crate::embedded) fn show(kind: &Type, modifier: i32) -> String {
    if let Kind::Array(element) = kind.kind() {
        return format!("{}[]", show(element, modifier));
    }
    if enums::is_enum(kind) {
        return identifier(kind.name());
    }
    let name = TYPES
        .iter()
        .find(|(k, ..)| k == kind)
        .map_or_else(|| kind.name(), |(_, name, ..)| name);
    match *kind {
        _ if modifier < 0 => name.to_owned(),
        Type::VARCHAR | Type::BPCHAR => format!("{name}({})", modifier.saturating_sub(4)),
        Type::NUMERIC => match precision_and_scale(modifier) {
            Some((precision, scale)) => format!("{name}({precision},{scale})"),
            None => name.to_owned(),
        },
        Type::TIME | Type::TIMESTAMP | Type::TIMESTAMPTZ => {
            let (head, tail) = name.split_once(' ').unwrap_or((name, ""));
            format!("{head}({modifier}) {tail}")
        }
        _ => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_declarations_and_back() {
        let cases = [
            ("INT", Type::INT4, "int4", "integer"),
            (
                "character varying(10)",
                Type::VARCHAR,
                "varchar(10)",
                "character varying(10)",
            ),
            ("CHAR", Type::BPCHAR, "bpchar(1)", "character(1)"),
            (
                "pg_catalog.\"char\"",
                Type::CHAR,
                "onechar_text",
                "\"char\"",
            ),
            (
                "NUMERIC(10,2)",
                Type::NUMERIC,
                "numeric_text(10,2)",
                "numeric(10,2)",
            ),
            ("decimal", Type::NUMERIC, "numeric_text", "numeric"),
            (
                "timestamp(3) with time zone",
                Type::TIMESTAMPTZ,
                "timestamptz_text(3)",
                "timestamp(3) with time zone",
            ),
            (
                "double precision",
                Type::FLOAT8,
                "float8",
                "double precision",
            ),
            ("text[]", Type::TEXT_ARRAY, "array_text(1009)", "text[]"),
            (
                "varchar(3)[]",
                Type::VARCHAR_ARRAY,
                "array_text(1015,7)",
                "character varying(3)[]",
            ),
            (
                "INT4[][]",
                Type::INT4_ARRAY,
                "array_text(1007)",
                "integer[]",
            ),
            ("bytea", Type::BYTEA, "blob", "bytea"),
        ];
        for (written, kind, declaration_, shown) in cases {
            let ty = named(written).unwrap();
            assert_eq!(ty.kind, kind, "{written}");
            assert_eq!(declaration(&ty).unwrap(), declaration_);
            assert_eq!(declared(declaration_), ty, "{written}");
            assert_eq!(show(&ty.kind, ty.modifier), shown);
        }
        assert_eq!(named("nope").unwrap_err().code.as_str(), "42704");
    }

    #[test]
    fn declarations_of_other_databases_follow_sqlite() {
        for (declaration, kind) in [
            ("INTEGER", Type::INT8),
            ("NVARCHAR(100)", Type::TEXT),
            ("BOOLEAN", Type::BOOL),
            ("REAL", Type::FLOAT8),
            ("BLOB", Type::BYTEA),
            ("DATETIME", Type::TEXT),
            ("", Type::TEXT),
        ] {
            assert_eq!(declared(declaration).kind, kind, "{declaration}");
        }
    }

    #[test]
    fn declarations_have_the_affinity_of_their_storage() {
        let connection = rusqlite::Connection::open_in_memory().unwrap();
        for (kind, _, declaration, _) in TYPES {
            let sql = format!(
                "DROP TABLE IF EXISTS t; CREATE TABLE t(a {declaration}); INSERT INTO t VALUES ('7')"
            );
            connection.execute_batch(&sql).unwrap();
            let kept: String = connection
                .query_row("SELECT typeof(a) FROM t", [], |row| row.get(0))
                .unwrap();
            let expected = match storage(kind) {
                Storage::Integer => "integer",
                Storage::Real => "real",
                Storage::Text | Storage::Blob => "text",
            };
            assert_eq!(kept, expected, "{declaration}");
        }
    }
}
