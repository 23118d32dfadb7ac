//! Which column a name means.

use std::cell::Cell;
use std::rc::Rc;

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
    /// Where USING made one of two: what the bare name means.
    pub(super) merged: Option<(String, Ty)>,
    /// Part of the primary key.
    pub(super) key: bool,
    /// What SQLite calls it, where that is another name.
    pub(super) inner: Option<String>,
    /// The table it is from, and its number there.
    pub(super) origin: Option<(u32, i16)>,
    /// What it is in SQLite, where that is no column.
    pub(super) computed: Option<String>,
    /// What it shows where GROUP BY has several groupings.
    pub(super) grouped: Option<String>,
    /// FROM names the table that it is of, and the column goes by its own name.
    pub(super) direct: bool,
}

impl RelationColumn {
    /// The type of what its bare name means.
    pub(super) fn bare_ty(&self) -> &Ty {
        self.merged.as_ref().map_or(&self.ty, |(_, ty)| ty)
    }

    pub(super) fn new(name: impl Into<String>, ty: impl Into<Ty>) -> Self {
        Self {
            name: name.into(),
            ty: ty.into(),
            not_null: false,
            hidden: false,
            system: false,
            merged: None,
            key: false,
            inner: None,
            origin: None,
            computed: None,
            grouped: None,
            direct: false,
        }
    }
}

impl Relation {
    pub(super) fn sql(&self, column: &RelationColumn) -> String {
        if let Some(sql) = column.grouped.as_ref().or(column.computed.as_ref()) {
            return sql.clone();
        }
        let name = quote(column.inner.as_ref().unwrap_or(&column.name));
        if self.qualified {
            format!("{}.{name}", quote(&self.name))
        } else {
            name
        }
    }

    /// What its bare name means.
    pub(super) fn bare_sql(&self, column: &RelationColumn) -> String {
        match &column.merged {
            Some((sql, _)) => sql.clone(),
            _ => self.sql(column),
        }
    }
}

/// What names mean in a query; outside it those of the query around it.
#[derive(Clone, Debug, Default)]
pub(super) struct Scope<'p> {
    pub(super) relations: Vec<Relation>,
    /// The columns of `*` in their order: relation, and place there.
    pub(super) visible: Vec<(usize, usize)>,
    pub(super) parent: Option<&'p Self>,
    /// How often something was found here or further out.
    pub(super) hits: Rc<Cell<u64>>,
    /// How often in another relation than the first.
    pub(super) others: Rc<Cell<u64>>,
}

impl<'p> Scope<'p> {
    pub(super) fn within(parent: &'p Self) -> Self {
        Self {
            parent: Some(parent),
            ..Self::default()
        }
    }

    pub(super) fn add(&mut self, relation: Relation) -> Result<(), Fault> {
        if self.relations.iter().any(|r| r.name == relation.name) {
            return Err(Fault::new(
                SqlState::DUPLICATE_ALIAS,
                format!("table name \"{}\" specified more than once", relation.name),
            ));
        }
        let number = self.relations.len();
        let columns = relation.columns.iter().enumerate();
        let shown = columns.filter(|(_, c)| !c.hidden && !c.system);
        self.visible.extend(shown.map(|(i, _)| (number, i)));
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
        let found = match (found, self.parent) {
            (None, Some(parent)) => parent.column(name)?,
            (found, _) => found,
        };
        self.note(found.map(|(relation, _)| relation));
        Ok(found)
    }

    /// The same before anything is grouped.
    pub(super) fn ungrouped(&self) -> Self {
        let mut scope = self.clone();
        for relation in &mut scope.relations {
            for column in &mut relation.columns {
                column.grouped = None;
            }
        }
        scope
    }

    fn note(&self, found: Option<&Relation>) {
        let more = |cell: &Cell<u64>, more: bool| cell.set(cell.get().wrapping_add(more.into()));
        let first = self.relations.first();
        let other = found.is_some_and(|r| first.is_none_or(|f| !std::ptr::eq(f, r)));
        more(&self.hits, found.is_some());
        more(&self.others, other);
    }

    pub(super) fn relation(&self, name: &str) -> Option<&Relation> {
        let here = self.relations.iter().find(|r| r.name == name);
        let found = here.or_else(|| self.parent.and_then(|p| p.relation(name)));
        self.note(found);
        found
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
