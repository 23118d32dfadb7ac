use postgres_types::Type;
use proptest::prelude::*;

use super::*;

fn shown(value: &Value<'_>) -> String {
    value.to_text().unwrap()
}

#[test]
fn floats_look_as_in_postgresql() {
    let cases = [
        (1.0, "1"),
        (0.1, "0.1"),
        (-2.5, "-2.5"),
        (0.0, "0"),
        (-0.0, "-0"),
        (1e14, "100000000000000"),
        (1e15, "1e+15"),
        (1.5e20, "1.5e+20"),
        (1e-4, "0.0001"),
        (1e-5, "1e-05"),
        (1.797_693_134_862_315_7e308, "1.7976931348623157e+308"),
        (5e-324, "5e-324"),
        (f64::INFINITY, "Infinity"),
        (f64::NEG_INFINITY, "-Infinity"),
        (f64::NAN, "NaN"),
    ];
    for (value, expected) in cases {
        assert_eq!(shown(&Value::Float8(value)), expected);
    }
    assert_eq!(shown(&Value::Float4(0.1)), "0.1");
    assert_eq!(shown(&Value::Float4(1e6)), "1e+06");
    assert_eq!(shown(&Value::Float4(123_456.0)), "123456");
}

#[test]
fn text_is_read_and_shown_as_in_postgresql() {
    let cases: &[(Type, &str, &str)] = &[
        (Type::BOOL, "yes", "t"),
        (Type::BOOL, " OFF ", "f"),
        (Type::INT2, "-32768", "-32768"),
        (Type::INT4, " 7 ", "7"),
        (Type::INT8, "+9", "9"),
        (Type::OID, "4294967295", "4294967295"),
        (Type::FLOAT8, "-Infinity", "-Infinity"),
        (Type::NUMERIC, "1.50", "1.50"),
        (Type::BYTEA, "\\x00aB ff", "\\x00abff"),
        (Type::BYTEA, "a\\000\\\\b", "\\x61005c62"),
        (
            Type::UUID,
            "{A0EEBC99-9C0B4EF8-BB6D6BB9BD380A11}",
            "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
        ),
        (Type::JSON, " {} ", " {} "),
        (Type::INT4_ARRAY, "{1,2}", "{1,2}"),
        (Type::INET, "127.0.0.1", "127.0.0.1"),
        (Type::INTERVAL, "1 day", "1 day"),
    ];
    for (kind, text, back) in cases {
        let value = Value::parse(kind, text).unwrap();
        assert_eq!(shown(&value), *back, "{kind} {text}");
    }
}

#[test]
fn what_is_no_value_of_its_type_is_refused_in_postgresqls_words() {
    let cases: &[(Type, &str, &str, &str)] = &[
        (
            Type::INT4,
            "x",
            "22P02",
            "invalid input syntax for type integer: \"x\"",
        ),
        (
            Type::INT4,
            "",
            "22P02",
            "invalid input syntax for type integer: \"\"",
        ),
        (
            Type::INT2,
            "32768",
            "22003",
            "value \"32768\" is out of range for type smallint",
        ),
        (
            Type::BOOL,
            "o",
            "22P02",
            "invalid input syntax for type boolean: \"o\"",
        ),
        (
            Type::FLOAT8,
            "1.2.3",
            "22P02",
            "invalid input syntax for type double precision: \"1.2.3\"",
        ),
        (
            Type::NUMERIC,
            "one",
            "22P02",
            "invalid input syntax for type numeric: \"one\"",
        ),
        (
            Type::BYTEA,
            "\\xabc",
            "22023",
            "invalid hexadecimal data: odd number of digits",
        ),
        (
            Type::BYTEA,
            "\\9",
            "22P02",
            "invalid input syntax for type bytea",
        ),
        (
            Type::UUID,
            "a0ee",
            "22P02",
            "invalid input syntax for type uuid: \"a0ee\"",
        ),
        (
            Type::DATE,
            "soon",
            "22007",
            "invalid input syntax for type date: \"soon\"",
        ),
        (
            Type::DATE,
            "2026-02-30",
            "22008",
            "date/time field value out of range: \"2026-02-30\"",
        ),
    ];
    for (kind, text, code, message) in cases {
        let error = Value::parse(kind, text).unwrap_err();
        assert_eq!((error.code().as_str(), error.message()), (*code, *message));
    }
}

#[test]
fn values_take_the_form_of_their_column() {
    let cases: &[(Type, Value<'_>, &str)] = &[
        (Type::BOOL, Value::Int8(1), "t"),
        (Type::BOOL, Value::Int8(2), "2"),
        (Type::INT8, Value::Bool(true), "1"),
        (Type::BYTEA, "ab".into(), "\\x6162"),
        (Type::DATE, "2026-01-02T03:04:05".into(), "2026-01-02"),
        (
            Type::TIMESTAMP,
            "2026-01-02T03:04:05Z".into(),
            "2026-01-02 03:04:05",
        ),
        (Type::TIMESTAMP, "not yet".into(), "not yet"),
        (Type::TIMESTAMP, Value::Date(0), "2000-01-01 00:00:00"),
        (Type::DATE, Value::Timestamp(-1), "1999-12-31"),
        (
            Type::UUID,
            Value::Bytea(Cow::Owned(vec![0; 16])),
            "00000000-0000-0000-0000-000000000000",
        ),
        (Type::TEXT, Value::Int4(-5), "-5"),
    ];
    for (kind, value, expected) in cases {
        let mut out = Vec::new();
        put_as(&mut out, Kind::of(kind), value, None);
        assert_eq!(String::from_utf8(out).unwrap(), *expected);
    }
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,30}") {
        for kind in [Type::BOOL, Type::BYTEA, Type::INT4, Type::FLOAT4, Type::NUMERIC, Type::UUID, Type::TEXT_ARRAY] {
            let _ = Value::parse(&kind, &text);
        }
    }

    #[test]
    fn floats_come_back(x in any::<f64>(), y in any::<f32>()) {
        let text = shown(&Value::Float8(x));
        prop_assert_eq!(Value::parse(&Type::FLOAT8, &text).unwrap(), Value::Float8(x));
        let text = shown(&Value::Float4(y));
        prop_assert_eq!(Value::parse(&Type::FLOAT4, &text).unwrap(), Value::Float4(y));
    }
}
