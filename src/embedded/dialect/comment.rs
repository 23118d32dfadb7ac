//! COMMENT ON. Comments are rows of a table that nobody sees but `pg_description`.

use sqlparser::ast::{CommentObject, Ident, ObjectName};

use crate::embedded::dialect::ddl::NOT_NULL_KEY;
use crate::embedded::dialect::definition::{Definition, Step};
use crate::embedded::dialect::expr::Translator;
use crate::embedded::dialect::plan::Plan;
use crate::embedded::dialect::scope::{Place, fold};
use crate::embedded::dialect::{Fault, Table, literal};
use crate::embedded::public;
use crate::error_response::SqlState;

/// The table of comments: the relation's name, the column's or nothing, the comment.
pub(in crate::embedded) const COMMENTS: &str = "pgtls_comment";

/// The same for constraints: the table's name and the constraint's.
pub(in crate::embedded) const CONSTRAINT_COMMENTS: &str = "pgtls_constraint_comment";

/// The steps that keep a comment, or let it go.
fn keep(table: &str, object: &str, sub: &str, comment: Option<&str>) -> Result<Vec<Step>, Fault> {
    let (object, sub) = (literal(object), literal(sub));
    let made = format!(
        "CREATE TABLE IF NOT EXISTS main.{table}(object TEXT, sub TEXT, comment TEXT NOT NULL, \
         PRIMARY KEY(object,sub)) WITHOUT ROWID"
    );
    let kept = match comment {
        // An empty one is none.
        None | Some("") => format!("DELETE FROM main.{table} WHERE object={object} AND sub={sub}"),
        Some(text) if text.contains('\0') => return Err(Fault::unsupported("this comment")),
        Some(text) => format!(
            "INSERT OR REPLACE INTO main.{table} VALUES ({object},{sub},{})",
            literal(text)
        ),
    };
    Ok(vec![Step::Sql(made), Step::Sql(kept)])
}

impl Translator<'_> {
    pub(super) fn comment(
        &self,
        kind: CommentObject,
        name: &ObjectName,
        comment: Option<&str>,
    ) -> Result<Plan, Fault> {
        let (object, sub) = self.commented(kind, name).at(name)?;
        let steps = keep(COMMENTS, &object, &sub, comment)?;
        Ok(Plan::Schema {
            steps,
            tag: "COMMENT".into(),
        })
    }

    /// COMMENT ON CONSTRAINT.
    pub(super) fn comment_on_constraint(
        &self,
        name: &Ident,
        table: &ObjectName,
        comment: Option<&str>,
    ) -> Result<Plan, Fault> {
        let table = self.table(table)?;
        let name = fold(name);
        if !self.constraints_of(&table)?.contains(&name) {
            return Err(Fault::new(
                SqlState::UNDEFINED_OBJECT,
                format!(
                    "constraint \"{name}\" for table \"{}\" does not exist",
                    table.name
                ),
            ));
        }
        if table.database != "main" {
            return Err(Fault::unsupported("a comment on this constraint"));
        }
        Ok(Plan::Schema {
            steps: keep(CONSTRAINT_COMMENTS, &table.name, &name, comment)?,
            tag: "COMMENT".into(),
        })
    }

    /// The names of a table's constraints, as `pg_constraint` has them.
    fn constraints_of(&self, table: &Table) -> Result<Vec<String>, Fault> {
        if table.view || table.system {
            return Ok(Vec::new());
        }
        let definition = Definition::new(&table.definition)?;
        let own = definition.constraint_names();
        let own = own.into_iter().filter(|name| *name != NOT_NULL_KEY);
        let mut names: Vec<String> = own.map(str::to_owned).collect();
        let indexes = self.schema.indexes(table)?.into_iter();
        names.extend(indexes.filter(|i| i.constraint).map(|i| i.name));
        Ok(names)
    }

    /// The comments of constraints whose table or whose own name is another, or gone.
    pub(super) fn move_constraint_comments(
        &self,
        table: &str,
        constraint: Option<&str>,
        new: Option<&str>,
    ) -> Result<Option<Step>, Fault> {
        self.move_within(CONSTRAINT_COMMENTS, table, constraint, new)
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
            if !self.schema.index_exists(&name)? && self.keyed_by(&name)?.is_none() {
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
        let idents = parts.iter().map(|p| Ident::with_quote('"', p));
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
        self.move_within(COMMENTS, object, column, new)
    }

    fn move_within(
        &self,
        kept: &str,
        object: &str,
        column: Option<&str>,
        new: Option<&str>,
    ) -> Result<Option<Step>, Fault> {
        if !self.schema.keeps(kept)? {
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
                format!("UPDATE main.{kept} SET {part}={new} WHERE {place}")
            }
            None => format!("DELETE FROM main.{kept} WHERE {place}"),
        })))
    }
}
