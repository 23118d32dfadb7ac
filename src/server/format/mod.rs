//! What values look like on the wire, in text and in binary format.

pub(crate) mod array;
pub(crate) mod binary;
pub(crate) mod datetime;
pub(crate) mod numeric;
pub(crate) mod text;

use jiff::tz::TimeZone;
use postgres_types::Type;

use crate::error_response::{ErrorResponse, SqlState};
use crate::server::value::Value;

/// How a value is written (PostgreSQL docs, "Formats and Format Codes").
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "the protocol has two")]
pub enum Format {
    /// As PostgreSQL shows it.
    #[default]
    Text,
    /// As PostgreSQL's send functions write it.
    Binary,
}

impl Format {
    pub(crate) fn code(self) -> i16 {
        match self {
            Self::Text => 0,
            Self::Binary => 1,
        }
    }
}

/// The types whose inside is known here. Comparing a [`Type`] for each value would cost more than
/// writing it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    /// Of such elements, whose type has this OID.
    Array(Element, u32),
    Plain(Element),
    /// `int2vector`, `oidvector`: arrays that count from 0, as text without braces.
    Vector(Element),
    /// Text format only.
    Other,
}

/// What a value, or each element of an array, is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Element {
    Bool,
    Bytea,
    /// `"char"`: one byte.
    Char,
    Date,
    Float4,
    Float8,
    Int2,
    Int4,
    Int8,
    Interval,
    Jsonb,
    Numeric,
    Oid,
    /// text and those whose binary form is their text form.
    Text,
    Time,
    Timestamp,
    TimestampTz,
    Uuid,
}

/// Type, its array, what it is, `pg_type.typlen`, and its name in messages.
const KINDS: &[(Type, Type, Element, i16, &str)] = &[
    (Type::BOOL, Type::BOOL_ARRAY, Element::Bool, 1, "boolean"),
    (Type::BYTEA, Type::BYTEA_ARRAY, Element::Bytea, -1, "bytea"),
    (Type::CHAR, Type::CHAR_ARRAY, Element::Char, 1, "\"char\""),
    (Type::NAME, Type::NAME_ARRAY, Element::Text, 64, "name"),
    (Type::INT8, Type::INT8_ARRAY, Element::Int8, 8, "bigint"),
    (Type::INT2, Type::INT2_ARRAY, Element::Int2, 2, "smallint"),
    (Type::INT4, Type::INT4_ARRAY, Element::Int4, 4, "integer"),
    (Type::TEXT, Type::TEXT_ARRAY, Element::Text, -1, "text"),
    (Type::OID, Type::OID_ARRAY, Element::Oid, 4, "oid"),
    (
        Type::REGPROC,
        Type::REGPROC_ARRAY,
        Element::Oid,
        4,
        "regproc",
    ),
    (
        Type::REGCLASS,
        Type::REGCLASS_ARRAY,
        Element::Oid,
        4,
        "regclass",
    ),
    (
        Type::REGTYPE,
        Type::REGTYPE_ARRAY,
        Element::Oid,
        4,
        "regtype",
    ),
    (
        Type::REGNAMESPACE,
        Type::REGNAMESPACE_ARRAY,
        Element::Oid,
        4,
        "regnamespace",
    ),
    (
        Type::REGROLE,
        Type::REGROLE_ARRAY,
        Element::Oid,
        4,
        "regrole",
    ),
    (Type::XID, Type::XID_ARRAY, Element::Oid, 4, "xid"),
    (Type::JSON, Type::JSON_ARRAY, Element::Text, -1, "json"),
    (Type::XML, Type::XML_ARRAY, Element::Text, -1, "xml"),
    (Type::FLOAT4, Type::FLOAT4_ARRAY, Element::Float4, 4, "real"),
    (
        Type::FLOAT8,
        Type::FLOAT8_ARRAY,
        Element::Float8,
        8,
        "double precision",
    ),
    (
        Type::BPCHAR,
        Type::BPCHAR_ARRAY,
        Element::Text,
        -1,
        "character",
    ),
    (
        Type::VARCHAR,
        Type::VARCHAR_ARRAY,
        Element::Text,
        -1,
        "character varying",
    ),
    (Type::DATE, Type::DATE_ARRAY, Element::Date, 4, "date"),
    (
        Type::TIME,
        Type::TIME_ARRAY,
        Element::Time,
        8,
        "time without time zone",
    ),
    (
        Type::TIMESTAMP,
        Type::TIMESTAMP_ARRAY,
        Element::Timestamp,
        8,
        "timestamp without time zone",
    ),
    (
        Type::TIMESTAMPTZ,
        Type::TIMESTAMPTZ_ARRAY,
        Element::TimestampTz,
        8,
        "timestamp with time zone",
    ),
    (
        Type::INTERVAL,
        Type::INTERVAL_ARRAY,
        Element::Interval,
        16,
        "interval",
    ),
    (
        Type::NUMERIC,
        Type::NUMERIC_ARRAY,
        Element::Numeric,
        -1,
        "numeric",
    ),
    (Type::UUID, Type::UUID_ARRAY, Element::Uuid, 16, "uuid"),
    (Type::JSONB, Type::JSONB_ARRAY, Element::Jsonb, -1, "jsonb"),
];

impl Kind {
    pub(crate) fn of(kind: &Type) -> Self {
        match *kind {
            // void is sent as an empty value in both formats.
            Type::UNKNOWN | Type::VOID | Type::PG_NODE_TREE => return Self::Plain(Element::Text),
            Type::INT2_VECTOR => return Self::Vector(Element::Int2),
            Type::OID_VECTOR => return Self::Vector(Element::Oid),
            _ => {}
        }
        // A label's binary form is its text.
        if matches!(kind.kind(), postgres_types::Kind::Enum(_)) {
            return Self::Plain(Element::Text);
        }
        if let postgres_types::Kind::Array(element) = kind.kind()
            && matches!(element.kind(), postgres_types::Kind::Enum(_))
        {
            return Self::Array(Element::Text, element.oid());
        }
        for (plain, array, element, ..) in KINDS {
            if plain == kind {
                return Self::Plain(*element);
            }
            if array == kind {
                return Self::Array(*element, plain.oid());
            }
        }
        Self::Other
    }
}

impl Element {
    /// Its name in messages; where several types are alike, that of the first.
    fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            _ => KINDS
                .iter()
                .find(|(_, _, element, ..)| *element == self)
                .map_or("unknown", |(.., name)| name),
        }
    }

    /// The OID that stands in the binary form of its array.
    fn oid(self) -> u32 {
        match self {
            Self::Text => Type::TEXT.oid(),
            _ => KINDS
                .iter()
                .find(|(_, _, element, ..)| *element == self)
                .map_or(0, |(plain, ..)| plain.oid()),
        }
    }
}

/// `pg_type.typlen`: the size of a fixed-length type, −1 for others.
pub(crate) fn type_length(kind: &Type) -> i16 {
    if matches!(kind.kind(), postgres_types::Kind::Enum(_)) {
        return 4;
    }
    KINDS
        .iter()
        .find(|(plain, ..)| plain.oid() == kind.oid())
        .map_or(-1, |(_, _, _, length, _)| *length)
}

/// Appends a value that is not NULL.
///
/// # Errors
/// 22P02, 22003: the value cannot be one of that type. What was appended is for the caller to
/// take back.
pub(crate) fn put(
    out: &mut Vec<u8>,
    kind: Kind,
    format: Format,
    value: &Value<'_>,
    zone: Option<&TimeZone>,
) -> Result<(), ErrorResponse> {
    match format {
        Format::Text => {
            text::put_as(out, kind, value, zone);
            Ok(())
        }
        Format::Binary => match kind {
            Kind::Plain(element) => binary::put(out, element, value, zone),
            Kind::Array(element, oid) => array::put_binary(out, (element, oid), value, zone),
            Kind::Vector(element) => array::put_vector(out, element, value),
            Kind::Other => Err(ErrorResponse::error(
                SqlState::UNDEFINED_FUNCTION,
                "no binary output function available for the type of a column",
            )
            .with_hint("Ask for the text format.")),
        },
    }
}

/// The types of object numbers whose text form is the object's name, which only the engine knows.
fn names_objects(kind: &Type) -> bool {
    matches!(
        *kind,
        Type::REGCLASS | Type::REGTYPE | Type::REGPROC | Type::REGNAMESPACE | Type::REGROLE
    )
}

/// Reads a parameter that is not NULL.
///
/// # Errors
/// 22021, 22P02, 22P03, 22003, 22007, 22008: the bytes are no value of that type.
pub(crate) fn get<'a>(
    kind: &Type,
    format: Format,
    bytes: &'a [u8],
    zone: Option<&TimeZone>,
) -> Result<Value<'a>, ErrorResponse> {
    get_as(Kind::of(kind), kind, format, bytes, zone)
}

/// The same, where what kind it is has been looked up.
pub(crate) fn get_as<'a>(
    of: Kind,
    kind: &Type,
    format: Format,
    bytes: &'a [u8],
    zone: Option<&TimeZone>,
) -> Result<Value<'a>, ErrorResponse> {
    match (format, of) {
        (Format::Text, of) => {
            let text = utf8(bytes)?;
            if names_objects(kind) && text.trim().parse::<u32>().is_err() {
                return Ok(Value::Text(text.into()));
            }
            text::parse_in(of, text, zone)
        }
        (Format::Binary, Kind::Plain(element)) => binary::get(element, bytes),
        (Format::Binary, Kind::Array(element, _)) => array::get_binary(element, bytes),
        (Format::Binary, Kind::Vector(_) | Kind::Other) => Err(ErrorResponse::error(
            SqlState::UNDEFINED_FUNCTION,
            format!(
                "no binary input function available for type {}",
                kind.name()
            ),
        )),
    }
}

/// Text is UTF-8 without zero bytes.
pub(crate) fn utf8(bytes: &[u8]) -> Result<&str, ErrorResponse> {
    let wrong = |at: &[u8]| {
        let mut shown = String::new();
        for byte in at.iter().take(4) {
            shown.push_str(&format!(" 0x{byte:02x}"));
        }
        ErrorResponse::error(
            SqlState::CHARACTER_NOT_IN_REPERTOIRE,
            format!("invalid byte sequence for encoding \"UTF8\":{shown}"),
        )
    };
    match core::str::from_utf8(bytes) {
        Ok(_) if bytes.contains(&0) => Err(wrong(&[0])),
        Ok(text) => Ok(text),
        Err(error) => {
            let rest = bytes.get(error.valid_up_to()..).unwrap_or_default();
            let length = error.error_len().unwrap_or(rest.len());
            Err(wrong(rest.get(..length).unwrap_or_default()))
        }
    }
}

/// 22P02 as PostgreSQL words it.
pub(crate) fn invalid(name: &str, text: &str) -> ErrorResponse {
    let text: String = text.chars().take(200).collect();
    ErrorResponse::error(
        SqlState::INVALID_TEXT_REPRESENTATION,
        format!("invalid input syntax for type {name}: \"{text}\""),
    )
}

/// 22003 as PostgreSQL words it.
pub(crate) fn out_of_range(name: &str, text: &str) -> ErrorResponse {
    let text: String = text.chars().take(200).collect();
    ErrorResponse::error(
        SqlState::NUMERIC_VALUE_OUT_OF_RANGE,
        format!("value \"{text}\" is out of range for type {name}"),
    )
}
