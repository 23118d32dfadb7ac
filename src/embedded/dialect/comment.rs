//! COMMENT ON. Comments are rows of a table that nobody sees but `pg_description`.

use sqlparser::ast::{CommentObject, ObjectName};

use crate::embedded::dialect::definition::Step;
use crate::embedded::dialect::expr::Translator;
use crate::embedded::dialect::plan::Plan;
use crate::embedded::dialect::scope::{Place, fold};
use crate::embedded::dialect::{Fault, literal};
use crate::embedded::public;
use crate::error_response::SqlState;

/// The table of comments: the relation's name, the column's or nothing, the comment.
pub(in crate::embedded) const COMMENTS: &str = "pgtls_comment";

impl Translator<'_> {
    pub(super) fn comment(
        &self,
        kind: CommentObject,
        name: &ObjectName,
        comment: Option<&str>,
    ) -> Result<Plan, Fault> {
        let (object, sub) = self.commented(kind, name).at(name)?;
        let (object, sub) = (literal(&object), literal(&sub));
        let mut steps = vec![Step::Sql(format!(
            "CREATE TABLE IF NOT EXISTS main.{COMMENTS}(object TEXT, sub TEXT, comment TEXT NOT NULL, \
             PRIMARY KEY(object,sub)) WITHOUT ROWID"
        ))];
        steps.push(Step::Sql(match comment {
            // An empty one is none.
            None | Some("") => {
                format!("DELETE FROM main.{COMMENTS} WHERE object={object} AND sub={sub}")
            }
            Some(text) if text.contains('\0') => return Err(Fault::unsupported("this comment")),
            Some(text) => format!(
                "INSERT OR REPLACE INTO main.{COMMENTS} VALUES ({object},{sub},{})",
                literal(text)
            ),
        }));
        Ok(Plan::Schema {
            steps,
            tag: "COMMENT".into(),
        })
    }

    /// The relation and the column.
    fn commented(&self, kind: CommentObject, name: &ObjectName) -> Result<(String, String), Fault> {
        let mut parts: Vec<String> = name
            .0
            .iter()
            .filter_map(|p| p.as_ident().map(fold))
            .collect();
        if kind == CommentObject::Schema {
            let name = parts.pop().unwrap_or_default();
            if name != "public" || !public::is_there() {
                return Err(Fault::new(
                    SqlState::INVALID_SCHEMA_NAME,
                    format!("schema \"{name}\" does not exist"),
                ));
            }
            // No relation is without a name.
            return Ok((String::new(), name));
        }
        if kind == CommentObject::Index {
            let name = parts.pop().unwrap_or_default();
            if !self.schema.index_exists(&name)? {
                return Err(Fault::new(
                    SqlState::UNDEFINED_TABLE,
                    format!("relation \"{name}\" does not exist"),
                ));
            }
            return Ok((name, String::new()));
        }
        let column = match kind {
            CommentObject::Column => parts.pop(),
            CommentObject::Table | CommentObject::View => None,
            other => return Err(Fault::unsupported(format!("COMMENT ON {other}"))),
        };
        let idents = parts
            .iter()
            .map(|p| sqlparser::ast::Ident::with_quote('"', p));
        let table = self.table(&ObjectName::from(idents.collect::<Vec<_>>()))?;
        if table.database != "main" {
            return Err(Fault::unsupported("a comment on this relation"));
        }
        let wrong = match kind {
            CommentObject::Table => table.view.then_some("table"),
            CommentObject::View => (!table.view).then_some("view"),
            _ => None,
        };
        if let Some(word) = wrong {
            return Err(Fault::new(
                SqlState::WRONG_OBJECT_TYPE,
                format!("\"{}\" is not a {word}", table.name),
            ));
        }
        match column {
            Some(column) if !table.columns.iter().any(|c| c.name == column) => Err(Fault::new(
                SqlState::UNDEFINED_COLUMN,
                format!(
                    "column \"{column}\" of relation \"{}\" does not exist",
                    table.name
                ),
            )),
            column => Ok((table.name.clone(), column.unwrap_or_default())),
        }
    }

    /// The comments of what gets a new name, or goes.
    pub(super) fn move_comments(
        &self,
        object: &str,
        column: Option<&str>,
        new: Option<&str>,
    ) -> Result<Option<Step>, Fault> {
        if !self.schema.has_comments()? {
            return Ok(None);
        }
        let mut place = format!("object={}", literal(object));
        if let Some(column) = column {
            place.push_str(&format!(" AND sub={}", literal(column)));
        }
        Ok(Some(Step::Sql(match new {
            Some(new) => {
                let part = if column.is_some() { "sub" } else { "object" };
                let new = literal(new);
                format!("UPDATE main.{COMMENTS} SET {part}={new} WHERE {place}")
            }
            None => format!("DELETE FROM main.{COMMENTS} WHERE {place}"),
        })))
    }
}
