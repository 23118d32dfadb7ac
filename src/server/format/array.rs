//! Arrays: their text form (`{a,"b c",NULL}`) is what engines see; the binary form is made of it
//! and into it. PostgreSQL docs, "Array Input and Output Syntax".

use std::borrow::Cow;

use jiff::tz::TimeZone;

use crate::error_response::{ErrorResponse, SqlState};
use crate::server::format::{Element, binary, text};
use crate::server::value::Value;
use crate::wire::{self, Malformed, Reader};

/// PostgreSQL's `MAXDIM`.
const MAX_DIMENSIONS: usize = 6;

fn malformed(text: &str) -> ErrorResponse {
    let text: String = text.chars().take(200).collect();
    ErrorResponse::error(
        SqlState::INVALID_TEXT_REPRESENTATION,
        format!("malformed array literal: \"{text}\""),
    )
}

/// What PostgreSQL skips around elements (`array_isspace`).
fn blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r' | '\x0b' | '\x0c')
}

/// Whether it has the form of an array.
pub(super) fn check(text: &str) -> Result<(), ErrorResponse> {
    read(text).map(|_| ())
}

/// The elements in row-major order, and the size of each dimension.
struct Parsed<'a> {
    sizes: Vec<i32>,
    elements: Vec<Option<Cow<'a, str>>>,
}

fn read(text: &str) -> Result<Parsed<'_>, ErrorResponse> {
    let bad = || malformed(text);
    let mut rest = text.trim_matches(blank);
    // Lower bounds other than 1 stand before the braces; nobody downstream asks for them.
    if rest.starts_with('[') {
        let (_, braces) = rest.split_once('=').ok_or_else(bad)?;
        rest = braces.trim_start_matches(blank);
    }
    let mut elements = Vec::new();
    // For each open brace, how many there are within it so far; and how many there must be.
    let mut open: Vec<i32> = Vec::new();
    let mut sizes: Vec<Option<i32>> = Vec::new();
    let mut want_item = true;
    loop {
        rest = rest.trim_start_matches(blank);
        let c = rest.chars().next().ok_or_else(bad)?;
        match c {
            '{' if want_item => {
                if let Some(count) = open.last_mut() {
                    *count = count.checked_add(1).ok_or_else(bad)?;
                }
                open.push(0);
                if open.len() > MAX_DIMENSIONS {
                    return Err(bad());
                }
                if sizes.len() < open.len() {
                    if !elements.is_empty() {
                        return Err(bad());
                    }
                    sizes.push(None);
                }
                rest = rest.get(1..).unwrap_or_default();
                rest = rest.trim_start_matches(blank);
                want_item = true;
                if rest.starts_with('}') {
                    want_item = false;
                }
            }
            '}' if !want_item => {
                let depth = open.len();
                let count = open.pop().ok_or_else(bad)?;
                let size = sizes.get_mut(depth.saturating_sub(1)).ok_or_else(bad)?;
                if size.is_some_and(|size| size != count) {
                    return Err(bad());
                }
                *size = Some(count);
                rest = rest.get(1..).unwrap_or_default();
                if open.is_empty() {
                    break;
                }
            }
            ',' if !want_item && !open.is_empty() => {
                rest = rest.get(1..).unwrap_or_default();
                want_item = true;
            }
            _ if want_item && !open.is_empty() && open.len() == sizes.len() => {
                let (element, tail) = element(rest).ok_or_else(bad)?;
                elements.push(element);
                if let Some(count) = open.last_mut() {
                    *count = count.checked_add(1).ok_or_else(bad)?;
                }
                rest = tail;
                want_item = false;
            }
            _ => return Err(bad()),
        }
    }
    if !rest.trim_matches(blank).is_empty() {
        return Err(bad());
    }
    let sizes = if elements.is_empty() {
        Vec::new()
    } else {
        sizes.into_iter().map(Option::unwrap_or_default).collect()
    };
    Ok(Parsed { sizes, elements })
}

/// One element off the front, `None` inside for NULL.
fn element(rest: &str) -> Option<(Option<Cow<'_, str>>, &str)> {
    if let Some(inner) = rest.strip_prefix('"') {
        let mut text = String::new();
        let mut chars = inner.char_indices();
        while let Some((at, c)) = chars.next() {
            match c {
                '"' => return Some((Some(text.into()), inner.get(at.saturating_add(1)..)?)),
                '\\' => text.push(chars.next()?.1),
                c => text.push(c),
            }
        }
        return None;
    }
    let end = rest.find([',', '}'])?;
    let (word, tail) = rest.split_at(end);
    let word = word.trim_end_matches(blank);
    if word.is_empty() || word.contains(['{', '"']) {
        return None;
    }
    if word.contains('\\') {
        // An escape may hide a comma or a brace.
        return escaped(rest);
    }
    if word.eq_ignore_ascii_case("null") {
        return Some((None, tail));
    }
    Some((Some(word.into()), tail))
}

fn escaped(rest: &str) -> Option<(Option<Cow<'_, str>>, &str)> {
    let mut text = String::new();
    let mut chars = rest.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            ',' | '}' => return Some((Some(text.into()), rest.get(at..)?)),
            '\\' => text.push(chars.next()?.1),
            c => text.push(c),
        }
    }
    None
}

/// Appends the binary form (`array_send`), in which the elements' type has its OID.
pub(super) fn put_binary(
    out: &mut Vec<u8>,
    (element, oid): (Element, u32),
    value: &Value<'_>,
    zone: Option<&TimeZone>,
) -> Result<(), ErrorResponse> {
    let Value::Text(literal) = value else {
        return Err(malformed(&value.to_text().unwrap_or_default()));
    };
    let array = read(literal)?;
    let nulls = array.elements.iter().any(Option::is_none);
    let dimensions = i32::try_from(array.sizes.len()).unwrap_or(0);
    out.extend_from_slice(&dimensions.to_be_bytes());
    out.extend_from_slice(&i32::from(nulls).to_be_bytes());
    out.extend_from_slice(&oid.to_be_bytes());
    for size in &array.sizes {
        out.extend_from_slice(&size.to_be_bytes());
        out.extend_from_slice(&1_i32.to_be_bytes());
    }
    for item in &array.elements {
        let Some(item) = item else {
            out.extend_from_slice(&(-1_i32).to_be_bytes());
            continue;
        };
        let typed = text::parse_element(element, item, zone)?;
        let mut result = Ok(());
        wire::put_counted(out, |out| result = binary::put(out, element, &typed, zone)).map_err(
            |_| {
                ErrorResponse::error(
                    SqlState::PROGRAM_LIMIT_EXCEEDED,
                    "array element is too large",
                )
            },
        )?;
        result?;
    }
    Ok(())
}

/// `int2vector` and `oidvector`: one dimension that counts from 0, also where it is empty.
pub(super) fn put_vector(
    out: &mut Vec<u8>,
    element: Element,
    value: &Value<'_>,
) -> Result<(), ErrorResponse> {
    let text = value.to_text().unwrap_or_default();
    let count = i32::try_from(text.split_ascii_whitespace().count()).unwrap_or(i32::MAX);
    out.extend_from_slice(&1_i32.to_be_bytes());
    out.extend_from_slice(&0_i32.to_be_bytes());
    out.extend_from_slice(&element.oid().to_be_bytes());
    out.extend_from_slice(&count.to_be_bytes());
    out.extend_from_slice(&0_i32.to_be_bytes());
    for item in text.split_ascii_whitespace() {
        let typed = text::parse_element(element, item, None)?;
        let size = if element == Element::Int2 { 2_i32 } else { 4 };
        out.extend_from_slice(&size.to_be_bytes());
        binary::put(out, element, &typed, None)?;
    }
    Ok(())
}

/// Reads the binary form into the text form.
pub(super) fn get_binary(element: Element, bytes: &[u8]) -> Result<Value<'static>, ErrorResponse> {
    let mut reader = Reader::new(bytes);
    let head = head(&mut reader).map_err(|_| short())?;
    let Head { sizes, oid } = head.ok_or_else(wrong)?;
    // Of types that are alike inside, any will do.
    if element.oid() != oid && element != Element::Text && element != Element::Oid {
        return Err(ErrorResponse::error(
            SqlState::DATATYPE_MISMATCH,
            format!(
                "binary data has array element type {oid} instead of expected {}",
                element.oid()
            ),
        ));
    }
    let mut out = String::new();
    if sizes.is_empty() {
        out.push_str("{}");
    } else {
        items(&mut out, element, &sizes, &mut reader)?;
    }
    reader.finish().map_err(|_| wrong())?;
    Ok(Value::Text(out.into()))
}

fn short() -> ErrorResponse {
    ErrorResponse::error(
        SqlState::PROTOCOL_VIOLATION,
        "insufficient data left in message",
    )
}

fn wrong() -> ErrorResponse {
    ErrorResponse::error(
        SqlState::INVALID_BINARY_REPRESENTATION,
        "incorrect binary data format",
    )
}

struct Head {
    sizes: Vec<usize>,
    oid: u32,
}

fn head(reader: &mut Reader<'_>) -> Result<Option<Head>, Malformed> {
    let dimensions = usize::try_from(reader.i32()?).ok();
    let _has_nulls = reader.i32()?;
    let oid = u32::from_be_bytes(reader.array()?);
    let Some(dimensions) = dimensions.filter(|n| *n <= MAX_DIMENSIONS) else {
        return Ok(None);
    };
    let mut sizes = Vec::with_capacity(dimensions);
    for _ in 0..dimensions {
        let size = usize::try_from(reader.i32()?).ok();
        let _lower_bound = reader.i32()?;
        match size {
            Some(size) if size > 0 => sizes.push(size),
            // One empty dimension makes the whole empty.
            Some(_) if dimensions == 1 => {}
            _ => return Ok(None),
        }
    }
    Ok(Some(Head { sizes, oid }))
}

/// Each element costs at least its four length bytes, so the sizes cannot promise more than is
/// there.
fn items(
    out: &mut String,
    element: Element,
    sizes: &[usize],
    reader: &mut Reader<'_>,
) -> Result<(), ErrorResponse> {
    let Some((size, inner)) = sizes.split_first() else {
        return item(out, element, reader);
    };
    out.push('{');
    for i in 0..*size {
        if i > 0 {
            out.push(',');
        }
        items(out, element, inner, reader)?;
    }
    out.push('}');
    Ok(())
}

fn item(out: &mut String, element: Element, reader: &mut Reader<'_>) -> Result<(), ErrorResponse> {
    let length = reader.i32().map_err(|_| short())?;
    if length == -1 {
        out.push_str("NULL");
        return Ok(());
    }
    let length = usize::try_from(length).map_err(|_| wrong())?;
    let bytes = reader.bytes(length).map_err(|_| short())?;
    let value = binary::get(element, bytes)?;
    let text = value.to_text().unwrap_or_default();
    put_quoted(out, &text);
    Ok(())
}

/// Quotes where PostgreSQL's `array_out` does.
fn put_quoted(out: &mut String, text: &str) {
    let plain = !text.is_empty()
        && !text.eq_ignore_ascii_case("null")
        && !text.contains(|c: char| "\"\\{},".contains(c) || blank(c));
    if plain {
        out.push_str(text);
        return;
    }
    out.push('"');
    for c in text.chars() {
        if c == '"' || c == '\\' {
            out.push('\\');
        }
        out.push(c);
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_binary_form_names_the_type_of_the_elements() {
        use crate::server::format::{self, Format, Kind};
        use postgres_types::Type;
        let label = Type::new(
            "mood".into(),
            70_000,
            postgres_types::Kind::Enum(vec!["ok".into()]),
            "public".into(),
        );
        let labels = Type::new(
            "_mood".into(),
            70_001,
            postgres_types::Kind::Array(label),
            "public".into(),
        );
        for (array, element) in [
            (Type::TEXT_ARRAY, 25_u32),
            (Type::VARCHAR_ARRAY, 1043),
            (Type::JSON_ARRAY, 114),
            (Type::INT8_ARRAY, 20),
            (Type::REGCLASS_ARRAY, 2205),
            (labels, 70_000),
        ] {
            let mut out = Vec::new();
            let kind = Kind::of(&array);
            format::put(&mut out, kind, Format::Binary, &"{}".into(), None).unwrap();
            assert_eq!(out[8..12], element.to_be_bytes(), "{array}");
        }
    }

    #[test]
    fn literals_are_read_as_in_postgresql() {
        type Case = (
            &'static str,
            &'static [i32],
            &'static [Option<&'static str>],
        );
        let good: &[Case] = &[
            ("{}", &[], &[]),
            ("{{},{}}", &[], &[]),
            (" { a , b } ", &[2], &[Some("a"), Some("b")]),
            (
                "{\"a,}\",NULL,\"NULL\"}",
                &[3],
                &[Some("a,}"), None, Some("NULL")],
            ),
            (
                "{{1,2},{3,4}}",
                &[2, 2],
                &[Some("1"), Some("2"), Some("3"), Some("4")],
            ),
            ("{a\\,b}", &[1], &[Some("a,b")]),
            ("[2:3]={1,2}", &[2], &[Some("1"), Some("2")]),
            ("{\"\"}", &[1], &[Some("")]),
            ("{\u{a0}}", &[1], &[Some("\u{a0}")]),
        ];
        for (text, sizes, elements) in good {
            let parsed = read(text).unwrap();
            assert_eq!(parsed.sizes, *sizes, "{text}");
            let found: Vec<_> = parsed.elements.iter().map(|e| e.as_deref()).collect();
            assert_eq!(found, *elements, "{text}");
        }
        for bad in [
            "",
            "a",
            "{",
            "}",
            "{a",
            "{a,}",
            "{,a}",
            "{\"a}",
            "{a}b",
            "{{1},{2,3}}",
            "{{1},2}",
            "{1,{2}}",
            "{{{{{{{1}}}}}}}",
            "{a\"b}",
            "{\\",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_size_without_elements_behind_it_costs_nothing() {
        let mut bytes = Vec::new();
        for n in [6, 0, 23] {
            bytes.extend_from_slice(&i32::to_be_bytes(n));
        }
        for _ in 0..6 {
            bytes.extend_from_slice(&[0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 1]);
        }
        let error = get_binary(Element::Int4, &bytes).unwrap_err();
        assert_eq!(error.code().as_str(), "08P01");
    }

    proptest! {
        #[test]
        fn any_strings_survive_both_forms(items in proptest::collection::vec(proptest::option::of("\\PC{0,8}"), 0..6)) {
            let mut literal = String::from("{");
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    literal.push(',');
                }
                match item {
                    Some(text) => put_quoted(&mut literal, text),
                    None => literal.push_str("NULL"),
                }
            }
            literal.push('}');
            let mut bytes = Vec::new();
            put_binary(&mut bytes, (Element::Text, 25), &literal.as_str().into(), None).unwrap();
            prop_assert_eq!(get_binary(Element::Text, &bytes).unwrap(), Value::from(literal));
        }
    }
}
