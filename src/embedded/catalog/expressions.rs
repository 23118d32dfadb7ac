//! What the catalogs tell of a column or a constraint beside its name.

use postgres_types::Type;
use sqlparser::ast::{ColumnOption, CreateTable};
use sqlparser::dialect::SQLiteDialect;
use sqlparser::tokenizer::{Token, Tokenizer};

use crate::embedded::dialect::types::{self, Ty};
use crate::embedded::dialect::{Table, shown_mark};

/// What a generated column is computed by.
pub(super) fn generated(create: &CreateTable, column: &str) -> Option<String> {
    let column = create.columns.iter().find(|c| c.name.value == column)?;
    column.options.iter().find_map(|o| match &o.option {
        ColumnOption::Generated {
            generation_expr: Some(expr),
            ..
        } => Some(expr.to_string()),
        _ => None,
    })
}

/// The default of a column as it is shown, where the definition says so.
pub(super) fn marked(create: &CreateTable, column: &str) -> Option<String> {
    let column = create.columns.iter().find(|c| c.name.value == column)?;
    column.options.iter().find_map(|o| match &o.option {
        ColumnOption::Default(_) => shown_mark(&o.name.as_ref()?.value).map(str::to_owned),
        _ => None,
    })
}

/// The numbers of the columns that an expression in SQLite's words names: `{1,3}`, if any.
pub(super) fn columns(text: &str, table: &Table) -> Option<String> {
    let tokens = Tokenizer::new(&SQLiteDialect {}, text).tokenize().ok()?;
    let named = |name: &str| {
        let same = |t: &Token| matches!(t, Token::Word(word) if word.value == name);
        tokens.iter().any(same)
    };
    let numbers: Vec<String> = (1_u32..)
        .zip(&table.columns)
        .filter(|(_, column)| named(&column.name))
        .map(|(number, _)| number.to_string())
        .collect();
    (!numbers.is_empty()).then(|| format!("{{{}}}", numbers.join(",")))
}

/// `character_octet_length`: four for each character, or as many as a value may have.
pub(super) fn octets(ty: &Ty) -> Option<i32> {
    match ty.kind {
        Type::VARCHAR | Type::BPCHAR if ty.modifier >= 4 => {
            Some(ty.modifier.saturating_sub(4).saturating_mul(4))
        }
        Type::TEXT | Type::VARCHAR | Type::BPCHAR => Some(1 << 30),
        _ => None,
    }
}

/// `datetime_precision`.
pub(super) fn second_digits(ty: &Ty) -> Option<i32> {
    match ty.kind {
        Type::DATE => Some(0),
        Type::TIME | Type::INTERVAL => Some(if ty.modifier < 0 { 6 } else { ty.modifier }),
        _ if types::is_time(&ty.kind) => Some(if ty.modifier < 0 { 6 } else { ty.modifier }),
        _ => None,
    }
}
