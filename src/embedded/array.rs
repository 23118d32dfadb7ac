//! Arrays of one dimension, in PostgreSQL's text form: `{1,NULL,"a b"}`.

use crate::embedded::dialect::Fault;
use crate::error_response::SqlState;

/// `array_isspace`.
fn blank(c: char) -> bool {
    c.is_ascii_whitespace() || c == '\u{b}'
}

/// The elements; `None` is NULL.
pub(super) fn parse(text: &str) -> Result<Vec<Option<String>>, Fault> {
    if text.trim_start_matches(blank).starts_with('[') {
        return Err(Fault::unsupported("an array with bounds of its own"));
    }
    let malformed = || {
        Fault::new(
            SqlState::INVALID_TEXT_REPRESENTATION,
            format!("malformed array literal: \"{text}\""),
        )
    };
    let body = text
        .trim_matches(blank)
        .strip_prefix('{')
        .and_then(|t| t.strip_suffix('}'))
        .ok_or_else(malformed)?;
    let mut items = Vec::new();
    if body.trim_matches(blank).is_empty() {
        return Ok(items);
    }
    let mut chars = body.chars().peekable();
    loop {
        while chars.next_if(|c| blank(*c)).is_some() {}
        let mut item = String::new();
        let quoted = chars.next_if_eq(&'"').is_some();
        loop {
            if !quoted && chars.peek() == Some(&',') {
                break;
            }
            match chars.next() {
                Some('\\') => item.push(chars.next().ok_or_else(malformed)?),
                Some('"') if quoted => break,
                Some('"') => return Err(malformed()),
                Some('{') if !quoted => {
                    return Err(Fault::unsupported("arrays of several dimensions"));
                }
                Some('}') if !quoted => return Err(malformed()),
                Some(c) => item.push(c),
                None if quoted => return Err(malformed()),
                None => break,
            }
        }
        if quoted {
            while chars.next_if(|c| blank(*c)).is_some() {}
            items.push(Some(item));
        } else {
            let item = item.trim_end_matches(blank);
            if item.is_empty() {
                return Err(malformed());
            }
            items.push((!item.eq_ignore_ascii_case("null")).then(|| item.to_owned()));
        }
        match chars.next() {
            Some(',') => {}
            None => return Ok(items),
            Some(_) => return Err(malformed()),
        }
    }
}

/// The text form.
pub(super) fn show(items: &[Option<String>]) -> String {
    let mut out = String::from("{");
    for (i, item) in items.iter().enumerate() {
        if i > 0 {
            out.push(',');
        }
        match item {
            None => out.push_str("NULL"),
            Some(item) => {
                let plain = !item.is_empty()
                    && !item.eq_ignore_ascii_case("null")
                    && !item
                        .contains(|c: char| matches!(c, '{' | '}' | ',' | '"' | '\\') || blank(c));
                if plain {
                    out.push_str(item);
                } else {
                    out.push('"');
                    for c in item.chars() {
                        if matches!(c, '"' | '\\') {
                            out.push('\\');
                        }
                        out.push(c);
                    }
                    out.push('"');
                }
            }
        }
    }
    out.push('}');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrays_there_and_back() {
        for text in [
            "{}",
            "{1,2}",
            "{NULL,\"null\",\"\"}",
            "{\"a \\\" b\",\"\\\\\",ü}",
            "{\"\u{b}\",\u{85},\u{a0},\u{1c}}",
        ] {
            assert_eq!(show(&parse(text).unwrap()), text);
        }
        for text in [
            "", "{", "{1,}", "{,}", "{\"a}", "{a\"b}", "1,2", "{\"a\"b}", "{\\",
        ] {
            assert_eq!(parse(text).unwrap_err().code.as_str(), "22P02", "{text}");
        }
        for text in ["{{1}}", "[0:1]={1,2}"] {
            assert_eq!(parse(text).unwrap_err().code.as_str(), "0A000", "{text}");
        }
    }
}
