//! CREATE INDEX and CREATE VIEW.

use sqlparser::ast::{CreateIndex, CreateView};

use crate::embedded::dialect::ddl::{VIEW_TYPES, already, settled};
use crate::embedded::dialect::definition::Step;
use crate::embedded::dialect::dml::own_name;
use crate::embedded::dialect::expr::Translator;
use crate::embedded::dialect::index_options::{IndexOptions, descends};
use crate::embedded::dialect::made_names::{addition, index_columns};
use crate::embedded::dialect::plan::Plan;
use crate::embedded::dialect::scope::{Place, Scope, fold};
use crate::embedded::dialect::types;
use crate::embedded::dialect::{Fault, deparse, quote};
use crate::error_response::SqlState;

impl Translator<'_> {
    pub(super) fn create_index(&mut self, create: &CreateIndex) -> Result<Plan, Fault> {
        if create.nulls_distinct == Some(false) {
            return Err(Fault::unsupported("NULLS NOT DISTINCT").at(&create.table_name));
        }
        let table = self.table(&create.table_name)?;
        let scope = super::from::scope_within(&table, &table.name)?;
        let mut keys = Vec::new();
        let mut nulls = Vec::new();
        let options = IndexOptions::said(create).at(&create.table_name)?;
        let known = |name: &String| table.columns.iter().any(|c| c.name == *name);
        if let Some(name) = options.included.iter().find(|name| !known(name)) {
            return Err(Fault::new(
                SqlState::UNDEFINED_COLUMN,
                format!("column \"{name}\" does not exist"),
            ));
        }
        for column in &create.columns {
            let sql = self.expr(&column.column.expr, &scope)?;
            let descending = descends(column);
            nulls.push((column.column.options.nulls_first, descending));
            keys.push(format!(
                "{}{}",
                sql.ordered(),
                if descending { " DESC" } else { "" }
            ));
        }
        let name = match &create.name {
            Some(name) => own_name(name)?,
            None => {
                let columns = addition(&index_columns(&create.columns, &create.include));
                self.free_name((&table.name, Some(&columns)), "idx", &[])?
            }
        };
        if self.schema.index_exists(&name)? || self.schema.table(Some("public"), &name)?.is_some() {
            if create.if_not_exists {
                return Ok(Plan::skipped(
                    "CREATE INDEX",
                    format!("relation \"{name}\" already exists, skipping"),
                ));
            }
            return Err(already(&name));
        }
        let unique = if create.unique { "UNIQUE " } else { "" };
        let schema = table.sql.split('.').next().unwrap_or("\"main\"");
        let mut sql = format!(
            "CREATE {unique}INDEX {schema}.{}{}{} ON {}({})",
            quote(&name),
            options.mark(),
            nulls_mark(&nulls),
            quote(&table.name),
            keys.join(",")
        );
        if let Some(predicate) = &create.predicate {
            let condition = self.condition(predicate, &scope, "WHERE")?;
            sql.push_str(&format!(" WHERE {}", condition.text));
        }
        Ok(Plan::Schema {
            steps: vec![sql.into()],
            tag: "CREATE INDEX".into(),
        })
    }

    pub(super) fn create_view(&mut self, create: &CreateView) -> Result<Plan, Fault> {
        if create.materialized {
            return Err(Fault::unsupported("CREATE MATERIALIZED VIEW").at(&create.name));
        }
        let fault = "views must not contain data-modifying statements in WITH";
        super::with::only_reads(&create.query, fault)?;
        let before = self.temporary.replace(false);
        let (text, mut outputs) = self.query(&create.query, &Scope::default())?;
        let temporary = create.temporary || self.temporary.get();
        self.temporary.set(before || temporary);
        let name = super::schemas::new_relation(&create.name, temporary)?;
        let namespace = if temporary { "temp" } else { "main" };
        let mut steps = Vec::new();
        if temporary && !create.temporary {
            let notice = format!("view \"{name}\" will be a temporary view");
            steps.push(Step::Notice(notice));
        }
        match self.schema.table(Some(namespace), &name)? {
            Some(table) if create.or_replace && table.view => {
                steps.push(Step::Sql(format!("DROP VIEW {}", table.sql)));
            }
            Some(_) => return Err(already(&name)),
            None => {}
        }
        for (output, column) in outputs.iter_mut().zip(&create.columns) {
            output.name = fold(&column.name);
        }
        let mut kinds = Vec::new();
        for (at, output) in outputs.iter().enumerate() {
            if outputs.iter().take(at).any(|o| o.name == output.name) {
                return Err(Fault::new(
                    SqlState::DUPLICATE_COLUMN,
                    format!("column \"{}\" specified more than once", output.name),
                ));
            }
            kinds.push(types::declaration(&settled(&output.ty))?);
        }
        let names: Vec<String> = outputs.iter().map(|o| quote(&o.name)).collect();
        let shown = deparse::of(self.schema, &create.query, &outputs);
        steps.push(Step::Sql(format!(
            "CREATE VIEW \"{namespace}\".{}({}) AS {VIEW_TYPES}{}*/ {} {text}",
            quote(&name),
            names.join(","),
            kinds.join(";"),
            deparse::comment(&shown)
        )));
        Ok(Plan::Schema {
            steps,
            tag: "CREATE VIEW".into(),
        })
    }
}

/// Says in a statement, after the index's name, which keys have NULLs first: SQLite has no word
/// for it.
const NULLS: &str = " /*pgtls nulls ";

fn nulls_mark(keys: &[(Option<bool>, bool)]) -> String {
    let usual = |(nulls, descending): &(Option<bool>, bool)| nulls.is_none_or(|n| n == *descending);
    if keys.iter().all(usual) {
        return String::new();
    }
    let digit = |(nulls, descending): &(Option<bool>, bool)| match nulls.unwrap_or(*descending) {
        true => '1',
        false => '0',
    };
    let digits: String = keys.iter().map(digit).collect();
    format!("{NULLS}{digits}*/")
}

/// Which keys of an index have NULLs first, if its statement says.
pub(in crate::embedded) fn nulls_order(sql: &str) -> Vec<bool> {
    let digits = sql
        .split_once(NULLS)
        .and_then(|(_, tail)| tail.split_once("*/"));
    let digits = digits.map(|(digits, _)| digits).unwrap_or_default();
    digits.chars().map(|digit| digit == '1').collect()
}
