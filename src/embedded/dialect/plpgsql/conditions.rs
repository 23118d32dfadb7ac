//! Names of errors that a handler may wait for (PostgreSQL docs, "PostgreSQL Error Codes"). A code
//! that ends in 000 is its class.

const CONDITIONS: &[(&str, &str)] = &[
    ("ambiguous_column", "42702"),
    ("ambiguous_function", "42725"),
    ("array_subscript_error", "2202E"),
    ("assert_failure", "P0004"),
    ("cannot_coerce", "42846"),
    ("cardinality_violation", "21000"),
    ("check_violation", "23514"),
    ("data_exception", "22000"),
    ("datatype_mismatch", "42804"),
    ("datetime_field_overflow", "22008"),
    ("deadlock_detected", "40P01"),
    ("dependent_objects_still_exist", "2BP01"),
    ("division_by_zero", "22012"),
    ("duplicate_alias", "42712"),
    ("duplicate_column", "42701"),
    ("duplicate_database", "42P04"),
    ("duplicate_file", "58P02"),
    ("duplicate_function", "42723"),
    ("duplicate_object", "42710"),
    ("duplicate_schema", "42P06"),
    ("duplicate_table", "42P07"),
    ("exclusion_violation", "23P01"),
    ("feature_not_supported", "0A000"),
    ("foreign_key_violation", "23503"),
    ("grouping_error", "42803"),
    ("insufficient_privilege", "42501"),
    ("integrity_constraint_violation", "23000"),
    ("internal_error", "XX000"),
    ("invalid_catalog_name", "3D000"),
    ("invalid_column_definition", "42611"),
    ("invalid_column_reference", "42P10"),
    ("invalid_datetime_format", "22007"),
    ("invalid_foreign_key", "42830"),
    ("invalid_name", "42602"),
    ("invalid_object_definition", "42P17"),
    ("invalid_parameter_value", "22023"),
    ("invalid_schema_name", "3F000"),
    ("invalid_table_definition", "42P16"),
    ("invalid_text_representation", "22P02"),
    ("lock_not_available", "55P03"),
    ("name_too_long", "42622"),
    ("no_data_found", "P0002"),
    ("not_null_violation", "23502"),
    ("null_value_not_allowed", "22004"),
    ("numeric_value_out_of_range", "22003"),
    ("object_in_use", "55006"),
    ("object_not_in_prerequisite_state", "55000"),
    ("operator_intervention", "57000"),
    ("program_limit_exceeded", "54000"),
    ("query_canceled", "57014"),
    ("raise_exception", "P0001"),
    ("read_only_sql_transaction", "25006"),
    ("reserved_name", "42939"),
    ("restrict_violation", "23001"),
    ("serialization_failure", "40001"),
    ("string_data_right_truncation", "22001"),
    ("syntax_error", "42601"),
    ("syntax_error_or_access_rule_violation", "42000"),
    ("too_many_rows", "P0003"),
    ("undefined_column", "42703"),
    ("undefined_file", "58P01"),
    ("undefined_function", "42883"),
    ("undefined_object", "42704"),
    ("undefined_parameter", "42P02"),
    ("undefined_table", "42P01"),
    ("unique_violation", "23505"),
    ("wrong_object_type", "42809"),
];

/// The code of a name; `None` if there is no such name.
pub(super) fn code(name: &str) -> Option<&'static str> {
    let found = CONDITIONS.iter().find(|(known, _)| *known == name);
    found.map(|(_, code)| *code)
}

/// Whether an error is what a handler waits for.
pub(in crate::embedded) fn fits(condition: &str, code: &str) -> bool {
    match condition.strip_suffix("000") {
        _ if condition == code => true,
        Some(class) => code.starts_with(class),
        // OTHERS: all but what is meant to end the statement.
        None => condition == "others" && !matches!(code, "57014" | "P0004"),
    }
}
