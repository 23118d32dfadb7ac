//! CACHE of a sequence. Numbers are not drawn ahead for a session, which nobody can see but by what is
//! said here.

use sqlparser::ast::SequenceOptions;

use crate::embedded::dialect::definition::Step;
use crate::embedded::dialect::expr::Translator;
use crate::embedded::dialect::{Fault, literal};
use crate::error_response::SqlState;

/// The table of those that are not 1: the sequence's name, and how many.
pub(in crate::embedded) const CACHES: &str = "pgtls_sequence_cache";

/// How many are said.
pub(super) fn said(options: &[SequenceOptions]) -> Result<i64, Fault> {
    let mut count = 1;
    for option in options {
        if let SequenceOptions::Cache(number) = option {
            let text = number.to_string().replace(' ', "");
            count = text
                .parse()
                .map_err(|_| Fault::unsupported(format!("the number {text} of a sequence")))?;
        }
    }
    Ok(count)
}

impl Translator<'_> {
    pub(super) fn keep_cache(&self, name: &str, count: i64) -> Result<Vec<Step>, Fault> {
        if count < 1 {
            return Err(Fault::new(
                SqlState::INVALID_PARAMETER_VALUE,
                format!("CACHE ({count}) must be greater than zero"),
            ));
        }
        if count == 1 {
            return Ok(self.move_cache(name, None)?.into_iter().collect());
        }
        let made = format!(
            "CREATE TABLE IF NOT EXISTS main.{CACHES}(name TEXT PRIMARY KEY, cache INTEGER) WITHOUT ROWID"
        );
        let name = literal(name);
        let kept = format!("INSERT OR REPLACE INTO main.{CACHES} VALUES ({name},{count})");
        Ok(vec![Step::Sql(made), Step::Sql(kept)])
    }

    /// The sequence gets a new name, or goes.
    pub(super) fn move_cache(&self, name: &str, new: Option<&str>) -> Result<Option<Step>, Fault> {
        if !self.schema.keeps(CACHES)? {
            return Ok(None);
        }
        let name = literal(name);
        Ok(Some(Step::Sql(match new {
            Some(new) => {
                let new = literal(new);
                format!("UPDATE main.{CACHES} SET name={new} WHERE name={name}")
            }
            None => format!("DELETE FROM main.{CACHES} WHERE name={name}"),
        })))
    }
}
