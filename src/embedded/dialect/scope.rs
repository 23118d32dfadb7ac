//! Which column a name means.

use sqlparser::ast::{Ident, ObjectName, Spanned};

use crate::embedded::dialect::types::Ty;
use crate::embedded::dialect::{Fault, quote};
use crate::error_response::SqlState;

/// A table, subquery or function in FROM.
#[derive(Clone, Debug)]
pub(super) struct Relation {
    /// The name that columns may be qualified with.
    pub(super) name: String,
    /// Whether the columns are written with the name in front. RETURNING does not take it.
    pub(super) qualified: bool,
    pub(super) columns: Vec<RelationColumn>,
}

#[derive(Clone, Debug)]
pub(super) struct RelationColumn {
    pub(super) name: String,
    pub(super) ty: Ty,
    pub(super) not_null: bool,
    /// The second of two columns that USING made one, or a system column: neither `*` nor a bare
    /// name finds it.
    pub(super) hidden: bool,
    /// Hidden from `t.*` too.
    pub(super) system: bool,
    /// One of two that USING made one: SQLite picks the value.
    pub(super) merged: bool,
    /// Part of the primary key.
    pub(super) key: bool,
    /// What SQLite calls it, where that is another name.
    pub(super) inner: Option<String>,
}

impl RelationColumn {
    pub(super) fn new(name: impl Into<String>, ty: impl Into<Ty>) -> Self {
        Self {
            name: name.into(),
            ty: ty.into(),
            not_null: false,
            hidden: false,
            system: false,
            merged: false,
            key: false,
            inner: None,
        }
    }
}

impl Relation {
    pub(super) fn sql(&self, column: &RelationColumn) -> String {
        let name = quote(column.inner.as_ref().unwrap_or(&column.name));
        if self.qualified && !column.merged {
            format!("{}.{name}", quote(&self.name))
        } else {
            name
        }
    }
}

/// What names mean in a query; outside it those of the query around it.
#[derive(Clone, Debug, Default)]
pub(super) struct Scope<'p> {
    pub(super) relations: Vec<Relation>,
    pub(super) parent: Option<&'p Self>,
}

impl<'p> Scope<'p> {
    pub(super) fn within(parent: &'p Self) -> Self {
        Self {
            relations: Vec::new(),
            parent: Some(parent),
        }
    }

    pub(super) fn add(&mut self, relation: Relation) -> Result<(), Fault> {
        if self.relations.iter().any(|r| r.name == relation.name) {
            return Err(Fault::new(
                SqlState::DUPLICATE_ALIAS,
                format!("table name \"{}\" specified more than once", relation.name),
            ));
        }
        self.relations.push(relation);
        Ok(())
    }

    /// A column by its bare name.
    pub(super) fn column(&self, name: &str) -> Result<Option<(&Relation, &RelationColumn)>, Fault> {
        let mut found = None;
        for relation in &self.relations {
            for column in &relation.columns {
                if column.name == name && !column.hidden {
                    if found.is_some() {
                        return Err(Fault::new(
                            SqlState::AMBIGUOUS_COLUMN,
                            format!("column reference \"{name}\" is ambiguous"),
                        ));
                    }
                    found = Some((relation, column));
                }
            }
        }
        match (found, self.parent) {
            (None, Some(parent)) => parent.column(name),
            (found, _) => Ok(found),
        }
    }

    pub(super) fn relation(&self, name: &str) -> Option<&Relation> {
        self.relations
            .iter()
            .find(|r| r.name == name)
            .or_else(|| self.parent.and_then(|p| p.relation(name)))
    }

    /// A column by its name and its table's.
    pub(super) fn qualified(
        &self,
        table: &str,
        name: &str,
    ) -> Result<(&Relation, &RelationColumn), Fault> {
        let relation = self.relation(table).ok_or_else(|| missing_from(table))?;
        relation
            .columns
            .iter()
            .find(|c| c.name == name)
            .map(|column| (relation, column))
            .ok_or_else(|| {
                Fault::new(
                    SqlState::UNDEFINED_COLUMN,
                    format!("column {table}.{name} does not exist"),
                )
            })
    }
}

pub(super) fn missing_from(table: &str) -> Fault {
    Fault::new(
        SqlState::UNDEFINED_TABLE,
        format!("missing FROM-clause entry for table \"{table}\""),
    )
}

/// As PostgreSQL folds identifiers: to lower case, unless in quotes.
pub(super) fn fold(ident: &Ident) -> String {
    match ident.quote_style {
        Some(_) => ident.value.clone(),
        None => ident.value.to_lowercase(),
    }
}

/// A name of one or two parts, schema and name; a database in front must not be.
pub(super) fn object(name: &ObjectName) -> Result<(Option<String>, String), Fault> {
    let parts: Option<Vec<String>> = name
        .0
        .iter()
        .map(|part| part.as_ident().map(fold))
        .collect();
    match parts.as_deref() {
        Some([name]) => Ok((None, name.clone())),
        Some([schema, name]) => Ok((Some(schema.clone()), name.clone())),
        _ => Err(Fault::unsupported(format!("the name {name}")).at(name)),
    }
}

/// Marks where a fault lies, if it does not say.
pub(super) trait Place<T> {
    fn at(self, node: &impl Spanned) -> Result<T, Fault>;
    fn at_name(self, name: &Ident) -> Result<T, Fault>;
}

impl<T> Place<T> for Result<T, Fault> {
    fn at(self, node: &impl Spanned) -> Self {
        self.map_err(|fault| fault.at(node))
    }

    fn at_name(self, name: &Ident) -> Self {
        self.map_err(|fault| fault.at_name(name))
    }
}
