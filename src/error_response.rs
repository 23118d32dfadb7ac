//! ErrorResponse and SQLSTATE: what a client is told when something goes wrong.
#![warn(
    clippy::alloc_instead_of_core,
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core
)]

use alloc::{borrow::Cow, boxed::Box, string::String, vec::Vec};
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
    /// 00000, successful_completion.
    SUCCESSFUL_COMPLETION = b"00000";
    /// 01000, warning.
    WARNING = b"01000";
    /// 08006, connection_failure.
    CONNECTION_FAILURE = b"08006";
    /// 08P01, protocol_violation.
    PROTOCOL_VIOLATION = b"08P01";
    /// 0A000, feature_not_supported.
    FEATURE_NOT_SUPPORTED = b"0A000";
    /// 21000, cardinality_violation.
    CARDINALITY_VIOLATION = b"21000";
    /// 22001, string_data_right_truncation.
    STRING_DATA_RIGHT_TRUNCATION = b"22001";
    /// 22003, numeric_value_out_of_range.
    NUMERIC_VALUE_OUT_OF_RANGE = b"22003";
    /// 22007, invalid_datetime_format.
    INVALID_DATETIME_FORMAT = b"22007";
    /// 22008, datetime_field_overflow.
    DATETIME_FIELD_OVERFLOW = b"22008";
    /// 22012, division_by_zero.
    DIVISION_BY_ZERO = b"22012";
    /// 22013, invalid_preceding_or_following_size.
    INVALID_PRECEDING_OR_FOLLOWING_SIZE = b"22013";
    /// 2201B, invalid_regular_expression.
    INVALID_REGULAR_EXPRESSION = b"2201B";
    /// 22021, character_not_in_repertoire.
    CHARACTER_NOT_IN_REPERTOIRE = b"22021";
    /// 22023, invalid_parameter_value.
    INVALID_PARAMETER_VALUE = b"22023";
    /// 22P02, invalid_text_representation.
    INVALID_TEXT_REPRESENTATION = b"22P02";
    /// 22P03, invalid_binary_representation.
    INVALID_BINARY_REPRESENTATION = b"22P03";
    /// 22P04, bad_copy_file_format.
    BAD_COPY_FILE_FORMAT = b"22P04";
    /// 23502, not_null_violation.
    NOT_NULL_VIOLATION = b"23502";
    /// 23503, foreign_key_violation.
    FOREIGN_KEY_VIOLATION = b"23503";
    /// 23505, unique_violation.
    UNIQUE_VIOLATION = b"23505";
    /// 23514, check_violation.
    CHECK_VIOLATION = b"23514";
    /// 2BP01, dependent_objects_still_exist.
    DEPENDENT_OBJECTS_STILL_EXIST = b"2BP01";
    /// 25001, active_sql_transaction.
    ACTIVE_SQL_TRANSACTION = b"25001";
    /// 25006, read_only_sql_transaction.
    READ_ONLY_SQL_TRANSACTION = b"25006";
    /// 25P01, no_active_sql_transaction.
    NO_ACTIVE_SQL_TRANSACTION = b"25P01";
    /// 25P02, in_failed_sql_transaction.
    IN_FAILED_SQL_TRANSACTION = b"25P02";
    /// 26000, invalid_sql_statement_name.
    INVALID_SQL_STATEMENT_NAME = b"26000";
    /// 28000, invalid_authorization_specification.
    INVALID_AUTHORIZATION_SPECIFICATION = b"28000";
    /// 28P01, invalid_password.
    INVALID_PASSWORD = b"28P01";
    /// 34000, invalid_cursor_name.
    INVALID_CURSOR_NAME = b"34000";
    /// 3D000, invalid_catalog_name.
    INVALID_CATALOG_NAME = b"3D000";
    /// 3F000, invalid_schema_name.
    INVALID_SCHEMA_NAME = b"3F000";
    /// 40001, serialization_failure.
    SERIALIZATION_FAILURE = b"40001";
    /// 42000, syntax_error_or_access_rule_violation.
    SYNTAX_ERROR_OR_ACCESS_RULE_VIOLATION = b"42000";
    /// 42501, insufficient_privilege.
    INSUFFICIENT_PRIVILEGE = b"42501";
    /// 42601, syntax_error.
    SYNTAX_ERROR = b"42601";
    /// 42622, name_too_long.
    NAME_TOO_LONG = b"42622";
    /// 42701, duplicate_column.
    DUPLICATE_COLUMN = b"42701";
    /// 42702, ambiguous_column.
    AMBIGUOUS_COLUMN = b"42702";
    /// 42703, undefined_column.
    UNDEFINED_COLUMN = b"42703";
    /// 42704, undefined_object.
    UNDEFINED_OBJECT = b"42704";
    /// 42710, duplicate_object.
    DUPLICATE_OBJECT = b"42710";
    /// 42712, duplicate_alias.
    DUPLICATE_ALIAS = b"42712";
    /// 42803, grouping_error.
    GROUPING_ERROR = b"42803";
    /// 42804, datatype_mismatch.
    DATATYPE_MISMATCH = b"42804";
    /// 42830, invalid_foreign_key.
    INVALID_FOREIGN_KEY = b"42830";
    /// 42809, wrong_object_type.
    WRONG_OBJECT_TYPE = b"42809";
    /// 42846, cannot_coerce.
    CANNOT_COERCE = b"42846";
    /// 42883, undefined_function.
    UNDEFINED_FUNCTION = b"42883";
    /// 42P01, undefined_table.
    UNDEFINED_TABLE = b"42P01";
    /// 42P02, undefined_parameter.
    UNDEFINED_PARAMETER = b"42P02";
    /// 42P03, duplicate_cursor.
    DUPLICATE_CURSOR = b"42P03";
    /// 42P05, duplicate_prepared_statement.
    DUPLICATE_PREPARED_STATEMENT = b"42P05";
    /// 42P07, duplicate_table.
    DUPLICATE_TABLE = b"42P07";
    /// 42P10, invalid_column_reference.
    INVALID_COLUMN_REFERENCE = b"42P10";
    /// 42P16, invalid_table_definition.
    INVALID_TABLE_DEFINITION = b"42P16";
    /// 42P18, indeterminate_datatype.
    INDETERMINATE_DATATYPE = b"42P18";
    /// 53100, disk_full.
    DISK_FULL = b"53100";
    /// 53200, out_of_memory.
    OUT_OF_MEMORY = b"53200";
    /// 53300, too_many_connections.
    TOO_MANY_CONNECTIONS = b"53300";
    /// 54000, program_limit_exceeded.
    PROGRAM_LIMIT_EXCEEDED = b"54000";
    /// 54001, statement_too_complex.
    STATEMENT_TOO_COMPLEX = b"54001";
    /// 55006, object_in_use.
    OBJECT_IN_USE = b"55006";
    /// 55000, object_not_in_prerequisite_state.
    OBJECT_NOT_IN_PREREQUISITE_STATE = b"55000";
    /// 55P02, cant_change_runtime_param.
    CANT_CHANGE_RUNTIME_PARAM = b"55P02";
    /// 55P03, lock_not_available.
    LOCK_NOT_AVAILABLE = b"55P03";
    /// 57014, query_canceled.
    QUERY_CANCELED = b"57014";
    /// 57P01, admin_shutdown.
    ADMIN_SHUTDOWN = b"57P01";
    /// `idle_in_transaction_session_timeout`.
    IDLE_IN_TRANSACTION_SESSION_TIMEOUT = b"25P03";
    /// `idle_session_timeout`.
    IDLE_SESSION_TIMEOUT = b"57P05";
    /// 57P03, cannot_connect_now.
    CANNOT_CONNECT_NOW = b"57P03";
    /// 58030, io_error.
    IO_ERROR = b"58030";
    /// F0000, config_file_error.
    CONFIG_FILE_ERROR = b"F0000";
    /// XX000, internal_error.
    INTERNAL_ERROR = b"XX000";
    /// XX001, data_corrupted.
    DATA_CORRUPTED = b"XX001";
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

/// How grave an [`ErrorResponse`] is: whether the statement and the connection survive it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Severity {
    /// The statement failed, the session goes on.
    Error,
    /// The connection ends.
    Fatal,
    /// Not an error: something to know, sent as NoticeResponse.
    Notice,
    /// Not an error: something that is likely a mistake, sent as NoticeResponse.
    Warning,
}

impl Severity {
    /// The word on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "ERROR",
            Self::Fatal => "FATAL",
            Self::Notice => "NOTICE",
            Self::Warning => "WARNING",
        }
    }
}

/// The message that tells a client what went wrong (PostgreSQL docs, "Error and Notice Message
/// Fields": `S`, `V`, `C`, `M` and, where set, `D`, `H`, `P`, `W`, `s`, `t`, `c`, `n`), or what it should
/// know otherwise (NoticeResponse).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ErrorResponse {
    severity: Severity,
    code: SqlState,
    message: Cow<'static, str>,
    detail: Option<Cow<'static, str>>,
    hint: Option<Cow<'static, str>>,
    position: Option<u32>,
    names: Option<Box<Names>>,
}

/// What the error is about, for clients that look it up.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
struct Names {
    context: Option<String>,
    schema: Option<String>,
    table: Option<String>,
    column: Option<String>,
    constraint: Option<String>,
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

    /// No error, but something to know.
    pub fn notice(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(
            Severity::Notice,
            SqlState::SUCCESSFUL_COMPLETION,
            message.into(),
        )
    }

    /// As [`ErrorResponse::notice`], with a code other than 00000.
    #[cfg(feature = "sqlite")]
    pub(crate) fn notice_of(code: SqlState, message: String) -> Self {
        Self::new(Severity::Notice, code, message.into())
    }

    /// No error, but most likely not what was meant.
    pub fn warning(code: SqlState, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Severity::Warning, code, message.into())
    }

    fn new(severity: Severity, code: SqlState, message: Cow<'static, str>) -> Self {
        Self {
            severity,
            code,
            message,
            detail: None,
            hint: None,
            position: None,
            names: None,
        }
    }

    /// Adds what explains the message.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<Cow<'static, str>>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Says no longer where.
    #[cfg(feature = "sqlite")]
    pub(crate) fn without_position(mut self) -> Self {
        self.position = None;
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

    /// Adds the table that the error is about, and its schema.
    #[must_use]
    pub fn with_table(mut self, schema: impl Into<String>, table: impl Into<String>) -> Self {
        let names = self.names.get_or_insert_default();
        (names.schema, names.table) = (Some(schema.into()), Some(table.into()));
        self
    }

    /// Adds where it happened, as a line of text.
    #[must_use]
    pub fn with_context(mut self, context: impl Into<String>) -> Self {
        self.names.get_or_insert_default().context = Some(context.into());
        self
    }

    /// Adds the column that the error is about.
    #[must_use]
    pub fn with_column(mut self, column: impl Into<String>) -> Self {
        self.names.get_or_insert_default().column = Some(column.into());
        self
    }

    /// Adds the constraint that is violated.
    #[must_use]
    pub fn with_constraint(mut self, constraint: impl Into<String>) -> Self {
        self.names.get_or_insert_default().constraint = Some(constraint.into());
        self
    }

    /// The same, but the connection does not survive it.
    #[must_use]
    pub fn into_fatal(mut self) -> Self {
        self.severity = Severity::Fatal;
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

    /// Where in the statement, in characters from 1.
    #[must_use]
    pub fn position(&self) -> Option<u32> {
        self.position
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

    /// Where it happened, if that is known.
    #[must_use]
    pub fn context(&self) -> Option<&str> {
        self.names.as_ref()?.context.as_deref()
    }

    /// Appends the message in protocol 3 format.
    pub fn put(&self, out: &mut Vec<u8>) {
        let kind = match self.severity {
            Severity::Error | Severity::Fatal => b'E',
            Severity::Notice | Severity::Warning => b'N',
        };
        let fits = wire::put_message(out, kind, |out| {
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
            if let Some(names) = &self.names {
                let fields = [
                    (b'W', &names.context),
                    (b's', &names.schema),
                    (b't', &names.table),
                    (b'c', &names.column),
                    (b'n', &names.constraint),
                ];
                for (kind, name) in fields {
                    if let Some(name) = name {
                        field(kind, name);
                    }
                }
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
    fn names_and_notices_have_their_place() {
        let mut out = Vec::new();
        ErrorResponse::warning(SqlState::WARNING, "m")
            .with_constraint("k")
            .with_column("c")
            .with_table("s", "t")
            .with_position(7)
            .put(&mut out);
        assert_eq!(
            out,
            b"N\0\0\0\x30SWARNING\0VWARNING\0C01000\0Mm\0P7\0ss\0tt\0cc\0nk\0\0"
        );
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
