//! Views whose texts name what gets another name.

use crate::embedded::dialect::definition::Step;
use crate::embedded::dialect::deparse::{self, Renamed, comment, kept};
use crate::embedded::dialect::expr::Translator;
use crate::embedded::dialect::{Fault, Table};
use crate::embedded::enums::Enum;

impl Translator<'_> {
    /// What is to be done with the views of a table that gets another name, or a column of it.
    pub(in crate::embedded::dialect) fn renamed_views(
        &self,
        table: &Table,
        column: Option<&str>,
        new: &str,
    ) -> Result<Vec<Step>, Fault> {
        let number = column.and_then(|name| {
            let at = table.columns.iter().position(|c| c.name == name)?;
            i16::try_from(at.saturating_add(1)).ok()
        });
        let renamed = Renamed {
            table: table.oid,
            table_name: &table.name,
            column: number,
            new,
        };
        self.rewritten(|text, name| {
            deparse::renamed(self.schema, text, renamed).or_else(|_| {
                if !text.contains(&table.name) {
                    return Ok(None);
                }
                Err(Fault::unsupported(format!(
                    "renaming what the view \"{name}\" is about"
                )))
            })
        })
    }

    /// The same for a label of an enum, or the enum itself.
    pub(in crate::embedded::dialect) fn retyped_views(
        &self,
        known: &Enum,
        label: Option<(&str, &str)>,
        new: &str,
    ) -> Result<Vec<Step>, Fault> {
        self.rewritten(|text, _| {
            Ok(match label {
                Some((old, new)) => deparse::relabel(text, &known.kind, old, new),
                None => deparse::retype(text, known.kind.name(), new),
            })
        })
    }

    fn rewritten(
        &self,
        change: impl Fn(&str, &str) -> Result<Option<String>, Fault>,
    ) -> Result<Vec<Step>, Fault> {
        let mut steps = Vec::new();
        for view in self.schema.all_views()? {
            let Some(text) = kept(&view.sql) else {
                continue;
            };
            if let Some(changed) = change(&text, &view.name)? {
                steps.push(Step::ViewText {
                    database: view.database,
                    name: view.name,
                    old: comment(&text),
                    new: comment(&changed),
                });
            }
        }
        Ok(steps)
    }
}
