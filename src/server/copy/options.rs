//! The options of COPY, and what PostgreSQL has against them.

use crate::error_response::{ErrorResponse, SqlState};
use crate::server::format::text;

/// The format of COPY's data.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "PostgreSQL has three")]
pub enum CopyFormat {
    /// One line for each row, with backslash escapes.
    #[default]
    Text,
    /// Comma-separated values.
    Csv,
    /// PostgreSQL's binary format.
    Binary,
}

/// How COPY's data is read and written. The default is text with tabs and `\N`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CopyOptions {
    pub(crate) format: CopyFormat,
    pub(crate) delimiter: u8,
    pub(crate) null: String,
    pub(crate) header: bool,
    pub(crate) quote: u8,
    pub(crate) escape: u8,
}

impl Default for CopyOptions {
    fn default() -> Self {
        Self {
            format: CopyFormat::Text,
            delimiter: b'\t',
            null: "\\N".into(),
            header: false,
            quote: b'"',
            escape: b'"',
        }
    }
}

fn error(code: SqlState, message: impl Into<String>) -> ErrorResponse {
    ErrorResponse::error(code, message.into())
}

fn one_byte(what: &str, value: &str) -> Result<u8, ErrorResponse> {
    match value.as_bytes() {
        [byte] => Ok(*byte),
        _ => Err(error(
            SqlState::FEATURE_NOT_SUPPORTED,
            format!("COPY {what} must be a single one-byte character"),
        )),
    }
}

impl CopyOptions {
    /// Takes the options as they stand in `COPY … WITH (name value, …)`: FORMAT, DELIMITER, NULL,
    /// HEADER, QUOTE, ESCAPE, ENCODING, FREEZE; names have no case. A value that is left out is
    /// true.
    ///
    /// # Errors
    /// 42601, 22023, 0A000: an option that there is not, twice, or that does not fit the others.
    pub fn parse<'a>(
        options: impl IntoIterator<Item = (&'a str, Option<&'a str>)>,
    ) -> Result<Self, ErrorResponse> {
        let mut given = Given::default();
        for (name, value) in options {
            given.take(name, value)?;
        }
        given.options()
    }

    /// The format.
    #[must_use]
    pub fn format(&self) -> CopyFormat {
        self.format
    }
}

#[derive(Default)]
struct Given<'a> {
    format: Option<CopyFormat>,
    delimiter: Option<&'a str>,
    null: Option<&'a str>,
    header: Option<bool>,
    quote: Option<&'a str>,
    escape: Option<&'a str>,
    encoding: Option<()>,
    freeze: Option<()>,
}

fn once<T>(place: &mut Option<T>, value: T) -> Result<(), ErrorResponse> {
    if place.replace(value).is_some() {
        return Err(error(
            SqlState::SYNTAX_ERROR,
            "conflicting or redundant options",
        ));
    }
    Ok(())
}

impl<'a> Given<'a> {
    fn take(&mut self, name: &str, value: Option<&'a str>) -> Result<(), ErrorResponse> {
        let text = || {
            value.ok_or_else(|| {
                error(
                    SqlState::SYNTAX_ERROR,
                    format!("{} requires a parameter", name.to_lowercase()),
                )
            })
        };
        match name.to_lowercase().as_str() {
            "format" => {
                let format = match text()?.to_lowercase().as_str() {
                    "text" => CopyFormat::Text,
                    "csv" => CopyFormat::Csv,
                    "binary" => CopyFormat::Binary,
                    other => {
                        return Err(error(
                            SqlState::INVALID_PARAMETER_VALUE,
                            format!("COPY format \"{other}\" not recognized"),
                        ));
                    }
                };
                once(&mut self.format, format)
            }
            "delimiter" => once(&mut self.delimiter, text()?),
            "null" => once(&mut self.null, text()?),
            "quote" => once(&mut self.quote, text()?),
            "escape" => once(&mut self.escape, text()?),
            "header" => {
                let header = value.map_or(Some(true), text::boolean).ok_or_else(|| {
                    let match_ = value.is_some_and(|v| v.eq_ignore_ascii_case("match"));
                    if match_ {
                        error(
                            SqlState::FEATURE_NOT_SUPPORTED,
                            "COPY HEADER MATCH is not supported",
                        )
                    } else {
                        error(
                            SqlState::SYNTAX_ERROR,
                            "header requires a Boolean value or \"match\"",
                        )
                    }
                })?;
                once(&mut self.header, header)
            }
            "freeze" => once(&mut self.freeze, ()),
            "encoding" => {
                let plain: String = text()?
                    .chars()
                    .filter(char::is_ascii_alphanumeric)
                    .collect();
                if !plain.eq_ignore_ascii_case("utf8") {
                    return Err(error(
                        SqlState::FEATURE_NOT_SUPPORTED,
                        "COPY supports the encoding UTF8 only",
                    ));
                }
                once(&mut self.encoding, ())
            }
            other @ ("force_quote" | "force_not_null" | "force_null") => Err(error(
                SqlState::FEATURE_NOT_SUPPORTED,
                format!("COPY option \"{other}\" is not supported"),
            )),
            other => Err(error(
                SqlState::SYNTAX_ERROR,
                format!("option \"{other}\" not recognized"),
            )),
        }
    }

    fn options(self) -> Result<CopyOptions, ErrorResponse> {
        let format = self.format.unwrap_or_default();
        let csv = format == CopyFormat::Csv;
        if format == CopyFormat::Binary {
            for (name, is) in [
                ("DELIMITER", self.delimiter.is_some()),
                ("NULL", self.null.is_some()),
                ("HEADER", self.header == Some(true)),
            ] {
                if is {
                    return Err(error(
                        SqlState::SYNTAX_ERROR,
                        format!("cannot specify {name} in BINARY mode"),
                    ));
                }
            }
        }
        for (name, is) in [
            ("quote", self.quote.is_some()),
            ("escape", self.escape.is_some()),
        ] {
            if is && !csv {
                return Err(error(
                    SqlState::FEATURE_NOT_SUPPORTED,
                    format!("COPY {name} available only in CSV mode"),
                ));
            }
        }
        let usual = CopyOptions::default();
        let delimiter = match self.delimiter {
            Some(value) => one_byte("delimiter", value)?,
            None if csv => b',',
            None => usual.delimiter,
        };
        let quote = self
            .quote
            .map_or(Ok(usual.quote), |v| one_byte("quote", v))?;
        let escape = self.escape.map_or(Ok(quote), |v| one_byte("escape", v))?;
        let null = self.null.unwrap_or(if csv { "" } else { "\\N" });
        let wrong = |message: String| Err(error(SqlState::INVALID_PARAMETER_VALUE, message));
        if matches!(delimiter, b'\r' | b'\n') {
            return wrong("COPY delimiter cannot be newline or carriage return".into());
        }
        if null.contains(['\r', '\n']) {
            return wrong("COPY null representation cannot use newline or carriage return".into());
        }
        // These would be taken for the escapes of the text format.
        let confusing = delimiter == b'\\'
            || delimiter == b'.'
            || delimiter.is_ascii_lowercase()
            || delimiter.is_ascii_digit();
        if !csv && confusing {
            let shown = char::from(delimiter);
            return wrong(format!("COPY delimiter cannot be \"{shown}\""));
        }
        if csv && delimiter == quote {
            return wrong("COPY delimiter and quote must be different".into());
        }
        if null.as_bytes().contains(&delimiter) {
            return wrong("COPY delimiter must not appear in the NULL specification".into());
        }
        if csv && null.as_bytes().contains(&quote) {
            return wrong("CSV quote character must not appear in the NULL specification".into());
        }
        Ok(CopyOptions {
            format,
            delimiter,
            null: null.to_owned(),
            header: self.header.unwrap_or(false),
            quote,
            escape,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_judged_as_in_postgresql() {
        type Case = (
            &'static [(&'static str, Option<&'static str>)],
            &'static str,
        );
        let cases: &[Case] = &[
            (&[], "Text \\t \\N"),
            (&[("FORMAT", Some("csv"))], "Csv , "),
            (
                &[
                    ("format", Some("CSV")),
                    ("header", None),
                    ("delimiter", Some(";")),
                    ("null", Some("-")),
                ],
                "Csv ; - header",
            ),
            (&[("format", Some("binary"))], "Binary \\t \\N"),
            (
                &[("encoding", Some("UTF-8")), ("freeze", None)],
                "Text \\t \\N",
            ),
            (
                &[("format", Some("xml"))],
                "22023: COPY format \"xml\" not recognized",
            ),
            (&[("format", None)], "42601: format requires a parameter"),
            (
                &[("null", Some("a")), ("null", Some("a"))],
                "42601: conflicting or redundant options",
            ),
            (&[("speed", None)], "42601: option \"speed\" not recognized"),
            (
                &[("delimiter", Some("ab"))],
                "0A000: COPY delimiter must be a single one-byte character",
            ),
            (
                &[("delimiter", Some("a"))],
                "22023: COPY delimiter cannot be \"a\"",
            ),
            (
                &[("delimiter", Some("\n"))],
                "22023: COPY delimiter cannot be newline or carriage return",
            ),
            (
                &[("quote", Some("'"))],
                "0A000: COPY quote available only in CSV mode",
            ),
            (
                &[("format", Some("csv")), ("quote", Some(","))],
                "22023: COPY delimiter and quote must be different",
            ),
            (
                &[("format", Some("binary")), ("null", Some("x"))],
                "42601: cannot specify NULL in BINARY mode",
            ),
            (
                &[("header", Some("perhaps"))],
                "42601: header requires a Boolean value or \"match\"",
            ),
            (
                &[("header", Some("match"))],
                "0A000: COPY HEADER MATCH is not supported",
            ),
            (
                &[("null", Some("a\tb"))],
                "22023: COPY delimiter must not appear in the NULL specification",
            ),
            (
                &[("encoding", Some("latin1"))],
                "0A000: COPY supports the encoding UTF8 only",
            ),
        ];
        for (given, expected) in cases {
            let got = match CopyOptions::parse(given.iter().copied()) {
                Ok(o) => format!(
                    "{:?} {} {}{}",
                    o.format,
                    o.delimiter.escape_ascii(),
                    o.null,
                    if o.header { " header" } else { "" }
                ),
                Err(e) => format!("{}: {}", e.code(), e.message()),
            };
            assert_eq!(got, *expected);
        }
    }
}
