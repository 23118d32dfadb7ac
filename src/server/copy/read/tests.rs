use proptest::prelude::*;

use super::*;
use crate::server::copy::write::SIGNATURE;
use crate::server::rows::{Column, RowFormat, Rows};
use crate::server::{Type, Value};

fn columns() -> Vec<Column> {
    vec![Column::new("a", Type::INT4), Column::new("b", Type::TEXT)]
}

fn options(given: &[(&str, &str)]) -> CopyOptions {
    CopyOptions::parse(given.iter().map(|(n, v)| (*n, Some(*v)))).unwrap()
}

/// The rows as `1|text`, or the error; fed in pieces of that size.
fn read(options: &CopyOptions, data: &[u8], size: usize) -> Result<Vec<String>, ErrorResponse> {
    let mut decoder = Decoder::new(CopyIn::new("t", options.clone(), columns()), None);
    for piece in data.chunks(size) {
        decoder.feed(piece)?;
    }
    decoder.finish()?;
    let rows = decoder.take_rows();
    rows.rows()
        .map(|row| {
            let values: Result<Vec<_>, _> = row
                .values()
                .map(|v| Ok(v?.to_text().unwrap_or_else(|| "NULL".into())))
                .collect();
            Ok(values?.join("|"))
        })
        .collect()
}

#[test]
fn data_is_read_as_in_postgresql() {
    let text = options(&[]);
    let csv = options(&[("format", "csv")]);
    let head = options(&[
        ("format", "csv"),
        ("header", "on"),
        ("delimiter", ";"),
        ("escape", "\\"),
    ]);
    type Case<'a> = (&'a CopyOptions, &'a [u8], Result<&'a [&'a str], &'a str>);
    let cases: &[Case<'_>] = &[
        (&text, b"", Ok(&[])),
        (&text, b"1\tx\n2\t\\N\n", Ok(&["1|x", "2|NULL"])),
        (&text, b"1\tx\r\n2\ty", Ok(&["1|x", "2|y"])),
        (
            &text,
            b"1\ta\\tb\\\\c\\101\\x41\\\nd\n",
            Ok(&["1|a\tb\\cAA\nd"]),
        ),
        (&text, b"1\t\n\\.\nrubbish\n", Ok(&["1|"])),
        (
            &text,
            b"1\tx\n2\n",
            Err("22P04 missing data for column \"b\" COPY t, line 2"),
        ),
        (
            &text,
            b"1\tx\ty\n",
            Err("22P04 extra data after last expected column COPY t, line 1"),
        ),
        (
            &text,
            b"1\tx\nz\ty\n",
            Err(
                "22P02 invalid input syntax for type integer: \"z\" COPY t, line 2, column a: \"z\"",
            ),
        ),
        (
            &text,
            b"1\tx\ry\n",
            Err("22P04 literal carriage return found in data COPY t, line 1"),
        ),
        (
            &text,
            b"1\t\xff\n",
            Err("22021 invalid byte sequence for encoding \"UTF8\": 0xff COPY t, line 1"),
        ),
        (
            &text,
            b"1\t\\xff\n",
            Err("22021 invalid byte sequence for encoding \"UTF8\": 0xff COPY t, line 1"),
        ),
        (&csv, b"1,x\n2,\n3,\"\"\n", Ok(&["1|x", "2|NULL", "3|"])),
        (&csv, b"1,\"a,\"\"b\"\"\nc\"\r\n", Ok(&["1|a,\"b\"\nc"])),
        (&csv, b"1,a\"b,c\"d\n", Ok(&["1|ab,cd"])),
        (
            &csv,
            b"1,\"open\n",
            Err("22P04 unterminated CSV quoted field COPY t, line 1"),
        ),
        (&head, b"a;b\n1;\"x\\\"y\"\n", Ok(&["1|x\"y"])),
        (
            &head,
            b"a;b\nx;y\n",
            Err(
                "22P02 invalid input syntax for type integer: \"x\" COPY t, line 2, column a: \"x\"",
            ),
        ),
    ];
    for (options, data, expected) in cases {
        for size in [1, 2, 3, 1000] {
            let got = read(options, data, size);
            let got = got.map_err(|e| {
                format!(
                    "{} {} {}",
                    e.code(),
                    e.message(),
                    e.context().unwrap_or_default()
                )
            });
            let expected = expected
                .map(|rows| rows.iter().map(|r| (*r).to_owned()).collect())
                .map_err(str::to_owned);
            assert_eq!(got, expected, "{} in pieces of {size}", data.escape_ascii());
        }
    }
}

#[test]
fn binary_data_is_read_strictly() {
    let binary = options(&[("format", "binary")]);
    let head = [&SIGNATURE[..], &[0; 8]].concat();
    let row = b"\0\x02\0\0\0\x04\0\0\0\x07\xff\xff\xff\xff";
    let good = [&head, &row[..], b"\xff\xff"].concat();
    for size in [1, 5, 1000] {
        assert_eq!(read(&binary, &good, size).unwrap(), ["7|NULL"]);
    }
    for n in 0..good.len() {
        assert_eq!(
            read(&binary, &good[..n], 1000).unwrap_err().code().as_str(),
            "22P04"
        );
    }
    for wrong in [
        [&head, &b"\0\x01\0\0\0\0\xff\xff"[..]].concat(),
        [&head, &b"\0\x02\xff\xff\xff\xfe"[..]].concat(),
        [&head, &b"\0\x02\0\0\0\x01\x01\xff\xff\xff\xff\xff\xff"[..]].concat(),
        b"PGCOPY\n\xff\r\n\x01\0\0\0\0\0\0\0\0".to_vec(),
    ] {
        assert!(
            read(&binary, &wrong, 1000).is_err(),
            "{}",
            wrong.escape_ascii()
        );
    }
}

#[test]
fn a_line_that_does_not_end_is_searched_once() {
    let mut decoder = Decoder::new(CopyIn::new("t", options(&[]), columns()), None);
    for _ in 0..1000 {
        decoder.feed(&[b'x'; 100]).unwrap();
        assert_eq!(decoder.scan.at, decoder.rest.len());
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        values in proptest::collection::vec((proptest::option::of(any::<i32>()), proptest::option::of("(\\PC|[\"'\\\\,;\t\n\r.N\x08\x0b])*")), 0..6),
        format in prop_oneof![Just("text"), Just("csv"), Just("binary")],
        size in 1..40_usize,
    ) {
        let options = options(&[("format", format)]);
        let mut rows = Rows::new(&RowFormat::copy(&options, &columns()));
        let mut expected = Vec::new();
        for (a, b) in &values {
            rows.push([Value::from(*a), Value::from(b.as_deref())]).unwrap();
            let a = a.map_or_else(|| "NULL".into(), |n| n.to_string());
            expected.push(format!("{a}|{}", b.as_deref().unwrap_or("NULL")));
        }
        let mut data = Vec::new();
        super::super::write::head(&mut data, &options, &columns());
        let mut messages = &rows.into_bytes()[..];
        while let Some((_, rest)) = messages.split_first() {
            let length = u32::from_be_bytes(*rest.first_chunk().unwrap()) as usize;
            data.extend_from_slice(&rest[4..length]);
            messages = &rest[length..];
        }
        super::super::write::tail(&mut data, options.format);
        prop_assert_eq!(read(&options, &data, size).unwrap(), expected);
    }

    #[test]
    fn any_data_is_read_or_refused(data in proptest::collection::vec(any::<u8>(), 0..200), format in 0..3_usize) {
        let options = options(&[("format", ["text", "csv", "binary"][format])]);
        let whole = read(&options, &data, 1000).map_err(|e| e.to_string());
        prop_assert_eq!(read(&options, &data, 3).map_err(|e| e.to_string()), whole);
    }
}
