//! Tables made after others: CREATE TABLE AS, SELECT INTO, CREATE TABLE (LIKE …).

use std::rc::Rc;

use sqlparser::ast::{
    ColumnOption, CreateTable, Expr, GeneratedAs, Ident, ObjectName, Query, SetExpr,
    TableConstraint,
};

use crate::embedded::dialect::alter_constraint::unique_index;
use crate::embedded::dialect::ddl::{already, declare, declared_as};
use crate::embedded::dialect::definition::{Definition, PRIMARY_MARK, Step, UNIQUE_MARK};
use crate::embedded::dialect::expr::Translator;
use crate::embedded::dialect::grammar::Like;
use crate::embedded::dialect::identity::{ALWAYS, BY_DEFAULT};
use crate::embedded::dialect::plan::Plan;
use crate::embedded::dialect::schemas::new_relation;
use crate::embedded::dialect::scope::{Scope, fold};
use crate::embedded::dialect::{Fault, Table, literal, quote, serial_name};
use crate::error_response::SqlState;

impl Translator<'_> {
    pub(super) fn create_table_as(
        &mut self,
        target: &str,
        names: &[Ident],
        query: &Query,
    ) -> Result<Plan, Fault> {
        let fault = "CREATE TABLE AS of a WITH that changes data is not supported";
        super::with::only_reads(query, fault)?;
        let (text, mut outputs) = self.query(query, &Scope::default())?;
        if names.len() > outputs.len() {
            return Err(Fault::new(
                SqlState::SYNTAX_ERROR,
                "too many column names were specified",
            ));
        }
        for (output, name) in outputs.iter_mut().zip(names) {
            output.name = fold(name);
        }
        let columns = declare(&outputs)?;
        let sql = vec![format!("CREATE TABLE {target}({columns})")];
        Ok(Plan::CreateAs {
            sql,
            insert: format!("INSERT INTO {target} {text}"),
        })
    }

    /// SELECT … INTO a table.
    pub(super) fn select_into(&mut self, query: &Query) -> Result<Option<Plan>, Fault> {
        let SetExpr::Select(select) = &*query.body else {
            return Ok(None);
        };
        let Some(into) = &select.into else {
            return Ok(None);
        };
        let mut asked = query.clone();
        if let SetExpr::Select(select) = &mut *asked.body {
            select.into = None;
        }
        let parts = match into.targets.as_slice() {
            [Expr::Identifier(name)] => vec![name.clone()],
            [Expr::CompoundIdentifier(parts)] => parts.clone(),
            _ => return Err(Fault::unsupported("SELECT INTO this").at(&**select)),
        };
        let target = self.free_table(&ObjectName::from(parts), into.temporary)?;
        self.create_table_as(&target, &[], &asked).map(Some)
    }

    fn free_table(&self, name: &ObjectName, temporary: bool) -> Result<String, Fault> {
        let bare = new_relation(name, temporary)?;
        let namespace = if temporary { "temp" } else { "main" };
        if self.schema.table(Some(namespace), &bare)?.is_some() {
            return Err(already(&bare));
        }
        Ok(format!("\"{namespace}\".{}", quote(&bare)))
    }

    /// The columns of another table, and of the rest what is asked for.
    pub(super) fn create_like(&self, like: &Like) -> Result<Plan, Fault> {
        let name = new_relation(&like.name, like.temporary)?;
        let namespace = if like.temporary { "temp" } else { "main" };
        if self.schema.table(Some(namespace), &name)?.is_some() {
            if like.if_not_exists {
                return Ok(Plan::skipped(
                    "CREATE TABLE",
                    format!("relation \"{name}\" already exists, skipping"),
                ));
            }
            return Err(already(&name));
        }
        let source = self.table(&like.source)?;
        let with = |word: &str| like.including.iter().any(|w| w == word);
        let mut parts = Vec::new();
        let mut key = Vec::new();
        let definition = match source.view || source.system {
            true => None,
            false => Some(Definition::new(&source.definition)?),
        };
        let definition = definition.as_ref().map(Definition::create);
        for column in &source.columns {
            let quoted = quote(&column.name);
            let identity = !column.identity.is_empty() && with("IDENTITY");
            if identity && !column.counts {
                return Err(Fault::unsupported("LIKE of this identity column"));
            }
            if identity {
                let mark = match column.identity {
                    "a" => ALWAYS,
                    _ => BY_DEFAULT,
                };
                if !with("INDEXES") {
                    return Err(Fault::unsupported(
                        "LIKE of an identity column without its primary key",
                    ));
                }
                parts.push(format!(
                    "{quoted} INTEGER CONSTRAINT {} PRIMARY KEY AUTOINCREMENT{} {}",
                    quote(&format!("{name}_pkey")),
                    super::identity::serial_bounds(&quoted, &column.ty.kind),
                    super::identity::identity_mark(mark, &column.name),
                ));
                continue;
            }
            let mut text = format!("{quoted} {}", declared_as(&column.ty)?);
            if column.not_null {
                text.push_str(" NOT NULL");
            }
            if column.generated {
                let expression = definition.and_then(|d| generated(d, &column.name));
                if let Some(expression) = expression.filter(|_| with("GENERATED")) {
                    text.push_str(&format!(" GENERATED ALWAYS AS ({expression}) STORED"));
                }
            } else if with("DEFAULTS") {
                if column.counts && column.identity.is_empty() {
                    let sequence = literal(&serial_name(&source.name, &column.name));
                    text.push_str(&format!(" DEFAULT (pg_nextval({sequence}))"));
                } else if let Some(default) = &column.default
                    && column.identity.is_empty()
                {
                    text.push_str(&format!(" DEFAULT ({default})"));
                }
            }
            parts.push(text);
            if column.key {
                key.push(column.name.clone());
            }
        }
        if with("CONSTRAINTS") {
            parts.extend(definition.map(checks).unwrap_or_default());
        }
        let target = format!("\"{namespace}\".{}", quote(&name));
        let mut steps = vec![Step::Sql(format!(
            "CREATE TABLE {target}({})",
            parts.join(",")
        ))];
        if with("INDEXES") {
            self.like_indexes(&source, (namespace, &name), key, &mut steps)?;
        }
        Ok(Plan::Schema {
            steps,
            tag: "CREATE TABLE".into(),
        })
    }

    fn like_indexes(
        &self,
        source: &Rc<Table>,
        on: (&str, &str),
        key: Vec<String>,
        steps: &mut Vec<Step>,
    ) -> Result<(), Fault> {
        let (namespace, name) = on;
        if !key.is_empty() {
            let free = self.free_name((name, None), "pkey", &[])?;
            steps.push(unique_index(on, &free, &key, PRIMARY_MARK).into());
        }
        let mut made = Vec::new();
        for index in self.schema.indexes(source)? {
            let Some(sql) = &index.sql else {
                continue;
            };
            if sql.contains(PRIMARY_MARK) {
                continue;
            }
            let columns: Option<Vec<String>> = index.columns.iter().cloned().collect();
            let middle = match &columns {
                Some(columns) => columns.join("_"),
                None => "expr".into(),
            };
            if let (true, Some(columns)) = (index.constraint, &columns) {
                let free = self.free_name((name, Some(&middle)), "key", &made)?;
                made.push(free.clone());
                steps.push(unique_index(on, &free, columns, UNIQUE_MARK).into());
                continue;
            }
            let free = self.free_name((name, Some(&middle)), "idx", &made)?;
            made.push(free.clone());
            let (_, keys) = sql
                .split_once(&format!(" ON {}(", quote(&source.name)))
                .ok_or_else(|| Fault::unsupported("LIKE of this index"))?;
            let unique = if sql.contains("UNIQUE INDEX") {
                "UNIQUE "
            } else {
                ""
            };
            steps.push(Step::Sql(format!(
                "CREATE {unique}INDEX \"{namespace}\".{} ON {}({keys}",
                quote(&free),
                quote(name)
            )));
        }
        Ok(())
    }
}

/// The expression of a generated column.
fn generated(create: &CreateTable, column: &str) -> Option<String> {
    let column = create.columns.iter().find(|c| c.name.value == column)?;
    column.options.iter().find_map(|o| match &o.option {
        ColumnOption::Generated {
            generation_expr: Some(expr),
            generated_as: GeneratedAs::ExpStored | GeneratedAs::Always,
            ..
        } => Some(expr.to_string()),
        _ => None,
    })
}

/// The checks with a name, but for our own.
fn checks(create: &CreateTable) -> Vec<String> {
    let columns = create.columns.iter().flat_map(|c| &c.options);
    let columns = columns.filter_map(|o| match (&o.option, &o.name) {
        (ColumnOption::Check(check), Some(name)) => Some((name, &check.expr)),
        _ => None,
    });
    let tables = create.constraints.iter().filter_map(|c| match c {
        TableConstraint::Check(check) => check.name.as_ref().map(|n| (n, &check.expr)),
        _ => None,
    });
    columns
        .chain(tables)
        .filter(|(name, _)| !name.value.starts_with("pgtls_"))
        .map(|(name, expr)| format!("CONSTRAINT {} CHECK ({expr})", quote(&name.value)))
        .collect()
}
