//! Columns and tables by the names they go by.

use sqlparser::ast::{Expr, Ident};

use crate::embedded::dialect::deparse::trace::Named;
use crate::embedded::dialect::deparse::{Printer, Unknown, Written, address};
use crate::embedded::dialect::function::is_bare;
use crate::embedded::dialect::identifier;
use crate::embedded::dialect::scope::fold;

impl<'t> Printer<'t> {
    /// The new name of a table.
    pub(super) fn new_table(&self, oid: u32) -> Option<&'t str> {
        let renamed = self.renamed.filter(|r| r.column.is_none())?;
        (renamed.table == oid).then_some(renamed.new)
    }

    /// Whether something else in the query goes by the table's new name.
    pub(super) fn taken(&self) -> bool {
        let new = self.renamed.map(|r| r.new);
        let mut names = self.trace.names.values();
        names.any(|n| Some(n.relation.as_str()) == new)
    }

    /// The new name of a column.
    pub(super) fn new_name(&self, named: &Named) -> Option<&'t str> {
        let renamed = self.renamed?;
        let (table, number) = named.table?;
        (table == renamed.table && renamed.column == Some(number)).then_some(renamed.new)
    }

    /// A column with its table in front, and the name that it goes by.
    pub(super) fn column_text(&self, named: &Named) -> Result<(String, String), Unknown> {
        if named.merged {
            // Its two columns have one name.
            if self.renamed.is_some_and(|r| r.column.is_some()) {
                return Err(Unknown);
            }
            return Ok((identifier(&named.name), named.name.clone()));
        }
        let name = self.new_name(named).unwrap_or(&named.name);
        let renamed = self.renamed.filter(|r| {
            named.table.is_some_and(|(oid, _)| oid == r.table)
                && r.column.is_none()
                && named.relation == r.table_name
                && !self.taken()
        });
        let relation = renamed.map_or(named.relation.as_str(), |r| r.new);
        let text = match self.alone {
            true => identifier(name),
            false => format!("{}.{}", identifier(relation), identifier(name)),
        };
        Ok((text, name.to_owned()))
    }

    /// The name that a column is shown by, if it is one.
    pub(super) fn bare_name(&self, expr: &Expr) -> Option<String> {
        let ident = match expr {
            Expr::Nested(inner) => return self.bare_name(inner),
            Expr::Identifier(ident) => ident,
            Expr::CompoundIdentifier(parts) => parts.last()?,
            _ => return None,
        };
        match self.trace.names.get(&address(ident)) {
            Some(named) => self.column_text(named).ok().map(|(_, name)| name),
            None => self.pretty.then(|| fold(ident)),
        }
    }

    /// A column, perhaps with its table in front, or a word that is a value.
    pub(super) fn ident(&mut self, parts: &[Ident]) -> Written {
        let ident = parts.last().ok_or(Unknown)?;
        let text = match self.trace.names.get(&address(ident)) {
            Some(named) => self.column_text(named)?.0,
            None if ident.quote_style.is_none() && is_bare(&fold(ident)) => {
                ident.value.to_uppercase()
            }
            None if self.pretty => {
                let names: Vec<String> = parts.iter().map(|p| identifier(&fold(p))).collect();
                names.join(".")
            }
            None => return Err(Unknown),
        };
        self.put(&text);
        Ok(())
    }
}
