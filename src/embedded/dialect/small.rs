//! Statements of `grammar`: what they mean here.

use sqlparser::ast::{Ident, ObjectName};

use crate::embedded::dialect::definition::Step;
use crate::embedded::dialect::dml::own_name;
use crate::embedded::dialect::expr::Translator;
use crate::embedded::dialect::grammar::{Own, Reindex};
use crate::embedded::dialect::plan::Plan;
use crate::embedded::dialect::scope::{fold, object};
use crate::embedded::dialect::{Fault, plpgsql, quote};
use crate::embedded::{enums, public};
use crate::error_response::SqlState;

pub(super) fn nothing(tag: &str) -> Plan {
    Plan::Nothing {
        tag: tag.into(),
        notices: Vec::new(),
    }
}

impl Translator<'_> {
    pub(super) fn own(&self, own: &Own) -> Result<Plan, Fault> {
        Ok(match own {
            Own::AlterSequence {
                name,
                if_exists,
                changes,
            } => self.alter_sequence(name, *if_exists, changes)?,
            Own::Analyze(tables) => self.analyze(tables, "ANALYZE")?,
            Own::Checkpoint => nothing("CHECKPOINT"),
            Own::CommentOnConstraint {
                name,
                table,
                comment,
            } => self.comment_on_constraint(name, table, comment.as_deref())?,
            // Rows have their order in SQLite.
            Own::Cluster(what) => {
                if let Some((table, index)) = what {
                    self.clustered(table, index.as_ref())?;
                }
                nothing("CLUSTER")
            }
            Own::Do(code, language) => {
                if let Some(language) = language.as_ref().filter(|l| fold(l) != "plpgsql") {
                    return Err(Fault::new(
                        SqlState::UNDEFINED_OBJECT,
                        format!("language \"{}\" does not exist", fold(language)),
                    ));
                }
                Plan::Do(plpgsql::read(code)?)
            }
            Own::CreateLike(like) => self.create_like(like)?,
            Own::Lock {
                tables,
                mode,
                nowait,
            } => self.lock(tables, mode, *nowait)?,
            // It is about a name: see `named`.
            Own::Move(_) => return Err(Fault::unsupported("MOVE here")),
            Own::OwnerTo { kind, name } => {
                self.owned_thing(kind, name)?;
                nothing(&format!("ALTER {kind}"))
            }
            Own::Reindex(what) => self.reindex(what)?,
            Own::Refused(what) => return Err(Fault::unsupported(what)),
            Own::Vacuum { tables, analyze } => {
                if tables.is_empty() {
                    return Ok(Plan::Alone {
                        sql: if *analyze {
                            &["VACUUM", "ANALYZE"]
                        } else {
                            &["VACUUM"]
                        },
                        tag: "VACUUM".into(),
                    });
                }
                // SQLite keeps no dead rows to be cleared away.
                for table in tables {
                    self.table(table)?;
                }
                if *analyze {
                    self.analyze(tables, "VACUUM")?
                } else {
                    nothing("VACUUM")
                }
            }
        })
    }

    /// That it is there: there is one owner.
    fn owned_thing(&self, kind: &str, name: &ObjectName) -> Result<(), Fault> {
        let bare = bare(name);
        let (there, code) = match kind {
            "TYPE" => (enums::by_name(&bare).is_some(), SqlState::UNDEFINED_OBJECT),
            "SCHEMA" => (
                bare == "public" && public::is_there(),
                SqlState::INVALID_SCHEMA_NAME,
            ),
            _ => return self.table(name).map(drop),
        };
        if there {
            return Ok(());
        }
        let kind = kind.to_lowercase();
        Err(Fault::new(
            code,
            format!("{kind} \"{bare}\" does not exist"),
        ))
    }

    fn analyze(&self, tables: &[ObjectName], tag: &str) -> Result<Plan, Fault> {
        let mut steps = Vec::new();
        for name in tables {
            let table = self.table(name)?;
            if !table.view && !table.system {
                steps.push(Step::Sql(format!("ANALYZE {}", table.sql)));
            }
        }
        if tables.is_empty() {
            steps.push(Step::Sql("ANALYZE".into()));
        }
        if steps.is_empty() {
            return Ok(nothing(tag));
        }
        Ok(Plan::Schema {
            steps,
            tag: tag.into(),
        })
    }

    fn clustered(&self, table: &ObjectName, index: Option<&Ident>) -> Result<(), Fault> {
        let table = self.table(table)?;
        let Some(index) = index.map(fold) else {
            return Err(Fault::new(
                SqlState::UNDEFINED_OBJECT,
                format!(
                    "there is no previously clustered index for table \"{}\"",
                    table.name
                ),
            ));
        };
        let key = format!("{}_pkey", table.name);
        let has = self.schema.indexes(&table)?.iter().any(|i| i.name == index);
        if has || index == key && table.columns.iter().any(|c| c.key) {
            return Ok(());
        }
        Err(Fault::new(
            SqlState::UNDEFINED_OBJECT,
            format!(
                "index \"{index}\" for table \"{}\" does not exist",
                table.name
            ),
        ))
    }

    /// There is one writer, and no one else is kept out.
    fn lock(&self, names: &[ObjectName], mode: &str, nowait: bool) -> Result<Plan, Fault> {
        let mut takes = None;
        let mut relation = String::new();
        for name in names {
            let table = self.table(name)?;
            if table.system {
                continue;
            }
            relation.clone_from(&table.name);
            if !table.view {
                takes = Some(format!("DELETE FROM {} WHERE false", table.sql));
            }
        }
        let weak = matches!(mode, "ACCESS SHARE" | "ROW SHARE" | "ROW EXCLUSIVE");
        Ok(Plan::Lock {
            takes: takes.filter(|_| !weak),
            relation,
            nowait,
        })
    }

    fn reindex(&self, what: &Reindex) -> Result<Plan, Fault> {
        let sql = match what {
            Reindex::All => "REINDEX".to_owned(),
            Reindex::Table(name) => {
                let table = self.table(name)?;
                if table.view || table.system {
                    return Err(Fault::new(
                        SqlState::WRONG_OBJECT_TYPE,
                        format!("\"{}\" is not a table or materialized view", table.name),
                    ));
                }
                format!("REINDEX {}", table.sql)
            }
            Reindex::Index(name) => {
                let name = own_name(name)?;
                match self.schema.index_text(&name)? {
                    Some((database, _)) => {
                        format!("REINDEX {}.{}", quote(&database), quote(&name))
                    }
                    // That of a primary key has another name in SQLite, or is the table itself.
                    None => match name.strip_suffix("_pkey") {
                        Some(table) if self.schema.table(Some("public"), table)?.is_some() => {
                            return Ok(nothing("REINDEX"));
                        }
                        _ => {
                            return Err(Fault::new(
                                SqlState::UNDEFINED_TABLE,
                                format!("relation \"{name}\" does not exist"),
                            ));
                        }
                    },
                }
            }
        };
        Ok(Plan::Schema {
            steps: vec![sql.into()],
            tag: "REINDEX".into(),
        })
    }
}

/// CREATE EXTENSION: those whose functions there are, at least in part, are there from the start.
pub(super) fn create_extension(name: &Ident, if_not_exists: bool) -> Result<Plan, Fault> {
    let name = fold(name);
    if !["plpgsql", "pgcrypto", "uuid-ossp"].contains(&name.as_str()) {
        return Err(Fault::new(
            SqlState::FEATURE_NOT_SUPPORTED,
            format!("extension \"{name}\" is not available"),
        ));
    }
    let exists = format!("extension \"{name}\" already exists");
    if if_not_exists {
        return Ok(Plan::skipped(
            "CREATE EXTENSION",
            format!("{exists}, skipping"),
        ));
    }
    Err(Fault::new(SqlState::DUPLICATE_OBJECT, exists))
}

/// The name of a schema, if it is a plain one.
pub(super) fn bare(name: &ObjectName) -> String {
    object(name).map_or_else(|_| name.to_string(), |(_, name)| name)
}
