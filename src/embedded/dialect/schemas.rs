//! CREATE SCHEMA and DROP SCHEMA, of the one there is.

use sqlparser::ast::{ObjectName, SchemaName};

use crate::embedded::dialect::alter_sequence::told;
use crate::embedded::dialect::comment::{COMMENTS, CONSTRAINT_COMMENTS};
use crate::embedded::dialect::definition::Step;
use crate::embedded::dialect::dml::own_name;
use crate::embedded::dialect::drop::drops;
use crate::embedded::dialect::expr::Translator;
use crate::embedded::dialect::plan::Plan;
use crate::embedded::dialect::scope::{fold, object};
use crate::embedded::dialect::sequence::SEQUENCES;
use crate::embedded::dialect::sequence_cache::CACHES;
use crate::embedded::dialect::{Fault, OWNED, small};
use crate::embedded::{enums, public};
use crate::error_response::SqlState;

const SYSTEM: [&str; 2] = ["pg_catalog", "information_schema"];

fn absent(name: &str) -> Fault {
    Fault::new(
        SqlState::INVALID_SCHEMA_NAME,
        format!("schema \"{name}\" does not exist"),
    )
}

fn is_there(name: &str) -> bool {
    SYSTEM.contains(&name) || name == "public" && public::is_there()
}

/// The name of what is to be made, where there is a place for it.
pub(super) fn new_name(name: &ObjectName) -> Result<String, Fault> {
    let own = own_name(name)?;
    if public::is_there() {
        return Ok(own);
    }
    Err(match object(name)? {
        (Some(schema), _) => absent(&schema),
        (None, _) => Fault::new(
            SqlState::INVALID_SCHEMA_NAME,
            "no schema has been selected to create in",
        ),
    }
    .at(name))
}

/// The same of what is in nobody's way, if it is temporary.
pub(super) fn new_relation(name: &ObjectName, temporary: bool) -> Result<String, Fault> {
    match temporary {
        true if object(name)?.0.is_some() => Err(Fault::new(
            SqlState::INVALID_TABLE_DEFINITION,
            "cannot create temporary relation in non-temporary schema",
        )),
        true => own_name(name),
        false => new_name(name),
    }
}

pub(super) fn create_schema(name: &SchemaName, if_not_exists: bool) -> Result<Plan, Fault> {
    let name = match name {
        SchemaName::Simple(name) | SchemaName::NamedAuthorization(name, _) => small::bare(name),
        SchemaName::UnnamedAuthorization(user) => fold(user),
    };
    match (is_there(&name), if_not_exists) {
        (true, true) => Ok(Plan::skipped(
            "CREATE SCHEMA",
            format!("schema \"{name}\" already exists, skipping"),
        )),
        (true, false) => Err(Fault::new(
            SqlState::new("42P06").unwrap_or(SqlState::DUPLICATE_OBJECT),
            format!("schema \"{name}\" already exists"),
        )),
        (false, _) if name == "public" => Ok(Plan::Schema {
            steps: vec![Step::Sql(format!("DROP TABLE main.{}", public::GONE))],
            tag: "CREATE SCHEMA".into(),
        }),
        (false, _) => Err(Fault::unsupported(format!(
            "CREATE SCHEMA {name}: a schema other than public"
        ))),
    }
}

impl Translator<'_> {
    pub(super) fn drop_schema(
        &self,
        names: &[ObjectName],
        if_exists: bool,
        cascade: bool,
    ) -> Result<Plan, Fault> {
        let tag = "DROP SCHEMA";
        let mut notices = Vec::new();
        let mut steps = Vec::new();
        for name in names {
            let bare = small::bare(name);
            if SYSTEM.contains(&bare.as_str()) {
                return Err(Fault::new(
                    SqlState::DEPENDENT_OBJECTS_STILL_EXIST,
                    format!(
                        "cannot drop schema {bare} because it is required by the database system"
                    ),
                ));
            }
            if is_there(&bare) {
                steps = self.drop_public(cascade)?;
            } else if if_exists {
                notices.push(format!("schema \"{bare}\" does not exist, skipping"));
            } else {
                return Err(absent(&bare));
            }
        }
        Ok(match steps.is_empty() {
            true => Plan::Nothing {
                tag: tag.into(),
                notices,
            },
            false => Plan::Schema {
                steps,
                tag: tag.into(),
            },
        })
    }

    fn drop_public(&self, cascade: bool) -> Result<Vec<Step>, Fault> {
        let own = |name: &String| !name.starts_with("pgtls_") && !name.starts_with("sqlite_");
        let mut tables = self.schema.tables_with("")?;
        tables.retain(own);
        let views: Vec<String> = self.schema.views()?.into_iter().map(|(n, _)| n).collect();
        let sequences = self.schema.sequence_names()?;
        let types = enums::all();
        if !cascade {
            let all = tables.iter().map(|n| format!("table {n}"));
            let all = all.chain(views.iter().map(|n| format!("view {n}")));
            let all = all.chain(sequences.iter().map(|n| format!("sequence {n}")));
            let all = all.chain(types.iter().map(|t| format!("type {}", t.kind.name())));
            let all: Vec<String> = all
                .map(|what| format!("{what} depends on schema public"))
                .collect();
            if !all.is_empty() {
                return Err(super::alter::depends("schema public", all.join("\n")));
            }
        }
        let mut steps = Vec::new();
        for name in tables.iter().chain(&views) {
            let found = self.schema.table(Some("public"), name)?;
            if let Some(table) = found.filter(|t| !drops(&steps, t)) {
                self.drop_relation(&table, &[], true, &mut steps)?;
            }
        }
        if !sequences.is_empty() {
            steps.push(Step::Sql(format!("DELETE FROM main.{SEQUENCES}")));
        }
        if self.schema.has_owned()? {
            steps.push(Step::Sql(format!("DELETE FROM main.{OWNED}")));
        }
        for kept in [COMMENTS, CONSTRAINT_COMMENTS, CACHES] {
            if self.schema.keeps(kept)? {
                steps.push(Step::Sql(format!("DELETE FROM main.{kept}")));
            }
        }
        if !types.is_empty() {
            steps.push(Step::Sql(format!("DELETE FROM main.{}", enums::LABELS)));
            steps.push(Step::Sql(format!(
                "UPDATE main.{} SET name=NULL",
                enums::TYPES
            )));
        }
        steps.push(Step::Sql(format!("CREATE TABLE main.{}(x)", public::GONE)));
        steps.extend(told());
        Ok(steps)
    }
}
