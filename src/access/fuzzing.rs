//! Bodies of the fuzz targets for the two file formats.

use std::io;
use std::net::IpAddr;

use ipnet::IpNet;

use super::address::System;
use super::ident::IdentMaps;
use super::rules::{AccessRules, Facts};
use super::tokens::{self, Line, Token};

/// A system without a network.
struct Nowhere;

impl System for Nowhere {
    fn interfaces(&self) -> io::Result<Vec<IpNet>> {
        Ok(vec![IpNet::from(IpAddr::from([127, 0, 0, 1]))])
    }

    fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        match host {
            "localhost" => Ok(vec![IpAddr::from([127, 0, 0, 1])]),
            _ => Err(io::ErrorKind::NotFound.into()),
        }
    }
}

/// The tokens of a line, written so that they must be read as the same again.
fn written(line: &Line) -> Vec<u8> {
    let mut out = Vec::new();
    for field in &line.fields {
        for (index, token) in field.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            // Quotes behind the first character do not take a keyword its meaning.
            let rest = if token.quoted {
                token.text.as_slice()
            } else {
                out.extend(token.text.first());
                token.text.get(1..).unwrap_or_default()
            };
            out.push(b'"');
            for byte in rest {
                out.push(*byte);
                if *byte == b'"' {
                    out.push(b'"');
                }
            }
            out.push(b'"');
        }
        out.push(b' ');
    }
    out.push(b'\n');
    out
}

fn fields(lines: &[Line]) -> Vec<&[Vec<Token>]> {
    lines.iter().map(|line| line.fields.as_slice()).collect()
}

/// What was read, written and read again is the same.
fn round_trip(input: &[u8]) {
    let Ok(read) = tokens::parse(input) else {
        return;
    };
    let text: Vec<u8> = read.lines.iter().flat_map(written).collect();
    // What would include files was refused before.
    let again = tokens::parse(&text);
    let again = again.unwrap_or_else(|error| panic!("{}: {error}", text.escape_ascii()));
    assert_eq!(fields(&read.lines), fields(&again.lines));
    let lines = input.split(|b| *b == b'\n').count();
    let mut before = 0;
    for line in &read.lines {
        assert!(line.place.line > before && line.place.line <= lines);
        before = line.place.line;
        assert!(!line.fields.is_empty() && line.fields.iter().all(|field| !field.is_empty()));
    }
}

/// pg_hba.conf: any text is read or refused, and whatever is read decides.
///
/// # Panics
/// On a finding.
pub fn hba(input: &[u8]) {
    round_trip(input);
    let Ok(rules) = AccessRules::parse_with(input, &Nowhere) else {
        return;
    };
    assert!(!rules.is_empty());
    let member = |role: &[u8]| Some(role.len().is_multiple_of(2));
    for name in input
        .split(|b| b.is_ascii_whitespace() || *b == b',')
        .take(16)
    {
        for (local, encrypted) in [(true, false), (false, false), (false, true)] {
            let facts = Facts {
                local,
                address: (!local).then_some(IpAddr::from([127, 0, 0, 1])),
                encrypted,
                user: name,
                database: name,
                physical_replication: encrypted,
            };
            assert!(rules.find(&facts, &member).is_ok());
            // Where no role is known one may be asked for, and nothing else happens.
            let _ = rules.find(&facts, &|_| None);
        }
    }
}

/// pg_ident.conf, likewise.
///
/// # Panics
/// On a finding.
pub fn ident(input: &[u8]) {
    round_trip(input);
    let Ok(maps) = IdentMaps::parse(input) else {
        return;
    };
    let words: Vec<&[u8]> = input
        .split(|b| b.is_ascii_whitespace() || *b == b',')
        .take(24)
        .collect();
    for three in words.windows(3) {
        if let [map, system_name, user] = three
            && let Ok(map) = std::str::from_utf8(map)
        {
            let yes = maps.maps(map, system_name, user, &|_| true);
            let no = maps.maps(map, system_name, user, &|_| false);
            assert!(yes || !no, "a role less lets more in");
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Text in which what matters is frequent.
    fn text() -> impl Strategy<Value = Vec<u8>> {
        let word = prop::sample::select(vec![
            "host",
            "hostssl",
            "local",
            "all",
            "sameuser",
            "+staff",
            "/^a(.*)$",
            "\\1",
            "a",
            "b",
            "\"",
            "\"\"",
            ",",
            " ",
            "\t",
            "\n",
            "\\\n",
            "\r",
            "#",
            "@",
            "127.0.0.1/8",
            "::1/128",
            "localhost",
            "trust",
            "reject",
            "clientname=CN",
            "map=a",
            "include",
            "\0",
            "é",
            "/",
        ]);
        prop::collection::vec(word, 0..40).prop_map(|words| words.concat().into_bytes())
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in text()) {
            hba(&text);
            ident(&text);
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            hba(&bytes);
            ident(&bytes);
        }
    }
}
