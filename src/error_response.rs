//! ErrorResponse and SQLSTATE: what a client is told when something goes wrong.

use alloc::{borrow::Cow, string::String, vec::Vec};
use core::fmt;

use crate::wire;

/// A five-character error code (PostgreSQL docs, appendix A, "PostgreSQL Error Codes").
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub struct SqlState([u8; 5]);

macro_rules! sqlstates {
    ($($(#[$doc:meta])* $name:ident = $code:literal;)*) => {
        impl SqlState {
            $($(#[$doc])* pub const $name: Self = Self(*$code);)*
        }
    };
}

sqlstates! {
    /// 08P01, protocol_violation.
    PROTOCOL_VIOLATION = b"08P01";
    /// 08006, connection_failure.
    CONNECTION_FAILURE = b"08006";
    /// 0A000, feature_not_supported.
    FEATURE_NOT_SUPPORTED = b"0A000";
    /// 22023, invalid_parameter_value.
    INVALID_PARAMETER_VALUE = b"22023";
    /// 25P02, in_failed_sql_transaction.
    IN_FAILED_SQL_TRANSACTION = b"25P02";
    /// 28000, invalid_authorization_specification.
    INVALID_AUTHORIZATION_SPECIFICATION = b"28000";
    /// 28P01, invalid_password.
    INVALID_PASSWORD = b"28P01";
    /// 3D000, invalid_catalog_name.
    INVALID_CATALOG_NAME = b"3D000";
    /// 42601, syntax_error.
    SYNTAX_ERROR = b"42601";
    /// 42704, undefined_object.
    UNDEFINED_OBJECT = b"42704";
    /// 53300, too_many_connections.
    TOO_MANY_CONNECTIONS = b"53300";
    /// 57014, query_canceled.
    QUERY_CANCELED = b"57014";
    /// 57P01, admin_shutdown.
    ADMIN_SHUTDOWN = b"57P01";
    /// 57P03, cannot_connect_now.
    CANNOT_CONNECT_NOW = b"57P03";
    /// F0000, config_file_error.
    CONFIG_FILE_ERROR = b"F0000";
    /// XX000, internal_error.
    INTERNAL_ERROR = b"XX000";
}

impl SqlState {
    /// A code from its five characters, each an ASCII digit or upper-case letter; `None` otherwise.
    #[must_use]
    pub fn new(code: &str) -> Option<Self> {
        let code: [u8; 5] = code.as_bytes().try_into().ok()?;
        code.iter()
            .all(|b| b.is_ascii_digit() || b.is_ascii_uppercase())
            .then_some(Self(code))
    }

    /// The five characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        core::str::from_utf8(&self.0).unwrap_or("XX000")
    }
}

impl fmt::Debug for SqlState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for SqlState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How grave an [`ErrorResponse`] is: whether the connection survives it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Severity {
    /// The statement failed, the session goes on.
    Error,
    /// The connection ends.
    Fatal,
}

impl Severity {
    /// The word on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "ERROR",
            Self::Fatal => "FATAL",
        }
    }
}

/// The message that tells a client what went wrong (PostgreSQL docs, "Error and Notice Message
/// Fields": `S`, `V`, `C`, `M` and, where set, `D`, `H`, `P`).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ErrorResponse {
    severity: Severity,
    code: SqlState,
    message: Cow<'static, str>,
    detail: Option<Cow<'static, str>>,
    hint: Option<Cow<'static, str>>,
    position: Option<u32>,
}

impl ErrorResponse {
    /// An error after which the connection ends.
    pub fn fatal(code: SqlState, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Severity::Fatal, code, message.into())
    }

    /// An error that the session survives.
    pub fn error(code: SqlState, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Severity::Error, code, message.into())
    }

    fn new(severity: Severity, code: SqlState, message: Cow<'static, str>) -> Self {
        Self {
            severity,
            code,
            message,
            detail: None,
            hint: None,
            position: None,
        }
    }

    /// Adds what explains the message.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<Cow<'static, str>>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Adds what the user can do.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<Cow<'static, str>>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds where in the query text the error is, in characters, counted from 1.
    #[must_use]
    pub fn with_position(mut self, position: u32) -> Self {
        self.position = Some(position);
        self
    }

    /// Whether the connection survives.
    #[must_use]
    pub fn severity(&self) -> Severity {
        self.severity
    }

    /// The SQLSTATE.
    #[must_use]
    pub fn code(&self) -> SqlState {
        self.code
    }

    /// The text for the user.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The explanation, if there is one.
    #[must_use]
    pub fn detail(&self) -> Option<&str> {
        self.detail.as_deref()
    }

    /// The advice, if there is any.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// Appends the message in protocol 3 format.
    pub(crate) fn put(&self, out: &mut Vec<u8>) {
        let fits = wire::put_message(out, b'E', |out| {
            let mut field = |kind: u8, text: &str| {
                out.push(kind);
                wire::put_cstr(out, text.as_bytes());
            };
            field(b'S', self.severity.as_str());
            field(b'V', self.severity.as_str());
            field(b'C', self.code.as_str());
            field(b'M', &self.message);
            if let Some(detail) = &self.detail {
                field(b'D', detail);
            }
            if let Some(hint) = &self.hint {
                field(b'H', hint);
            }
            if let Some(position) = self.position {
                field(b'P', &alloc::format!("{position}"));
            }
            out.push(0);
        });
        if fits.is_err() {
            // Only a text of 2 GiB gets here; the client still learns the code.
            Self::new(
                self.severity,
                self.code,
                Cow::Borrowed("error message too long"),
            )
            .put(out);
        }
    }

    /// The message in the format of protocol 2 and older: `E`, one string, a zero byte.
    pub(crate) fn put_old_format(&self, out: &mut Vec<u8>) {
        out.push(b'E');
        let text: String = alloc::format!("{}:  {}\n", self.severity.as_str(), self.message);
        wire::put_cstr(out, text.as_bytes());
    }
}

impl fmt::Display for ErrorResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: {} ({})",
            self.severity.as_str(),
            self.message,
            self.code
        )
    }
}

impl core::error::Error for ErrorResponse {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_stand_in_postgresql_order() {
        let mut out = Vec::new();
        ErrorResponse::fatal(SqlState::PROTOCOL_VIOLATION, "m")
            .with_hint("h")
            .with_detail("d")
            .put(&mut out);
        assert_eq!(out, b"E\0\0\0\x23SFATAL\0VFATAL\0C08P01\0Mm\0Dd\0Hh\0\0");
    }

    #[test]
    fn old_format_has_no_length() {
        let mut out = Vec::new();
        ErrorResponse::fatal(SqlState::FEATURE_NOT_SUPPORTED, "m").put_old_format(&mut out);
        assert_eq!(out, b"EFATAL:  m\n\0");
    }

    #[test]
    fn codes_are_five_digits_or_capitals() {
        assert_eq!(SqlState::new("28P01"), Some(SqlState::INVALID_PASSWORD));
        for bad in ["", "28P0", "28p01", "28P011", "28P0é"] {
            assert_eq!(SqlState::new(bad), None, "{bad}");
        }
    }
}
