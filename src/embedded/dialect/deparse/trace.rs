//! What the names of a query mean, found while it is translated. Nodes go by their addresses:
//! the tree stands still meanwhile.

use std::collections::HashMap;

use postgres_types::Type;

use crate::embedded::dialect::scope::{Relation, RelationColumn, Scope};

/// A column of a relation in FROM.
#[derive(Clone, Debug)]
pub(in crate::embedded::dialect) struct Named {
    pub(super) relation: String,
    pub(super) name: String,
    /// The table that has it, and its number there, if FROM names the table itself.
    pub(super) table: Option<(u32, i16)>,
    /// FULL JOIN … USING made it of two: it has no table.
    pub(super) merged: bool,
}

impl Named {
    pub(in crate::embedded::dialect) fn new(
        relation: &Relation,
        column: &RelationColumn,
        bare: bool,
    ) -> Self {
        let merged = column.merged.as_ref().filter(|_| bare);
        Self {
            relation: relation.name.clone(),
            name: column.name.clone(),
            table: column.origin.filter(|_| column.direct),
            merged: merged.is_some_and(|(sql, _)| *sql != relation.sql(column)),
        }
    }
}

/// A column of a scope: its relation and its place there.
type Index = (usize, usize);

/// All there is to know of one query.
#[derive(Debug, Default)]
pub(in crate::embedded::dialect) struct Trace {
    pub(super) types: HashMap<usize, Type>,
    pub(super) names: HashMap<usize, Named>,
    pub(super) stars: HashMap<usize, Vec<Named>>,
    pub(super) tables: HashMap<usize, u32>,
    pub(super) joins: HashMap<usize, Vec<(Named, Named)>>,
}

pub(in crate::embedded::dialect) fn address<T>(node: &T) -> usize {
    std::ptr::from_ref(node).addr()
}

impl Trace {
    pub(in crate::embedded::dialect) fn typed<T>(&mut self, node: &T, kind: &Type) {
        self.types.insert(address(node), kind.clone());
    }

    pub(in crate::embedded::dialect) fn named<T>(&mut self, node: &T, name: Named) {
        self.names.insert(address(node), name);
    }

    pub(in crate::embedded::dialect) fn star<T>(&mut self, node: &T, all: Vec<Named>) {
        self.stars.insert(address(node), all);
    }

    pub(in crate::embedded::dialect) fn table<T>(&mut self, node: &T, oid: u32) {
        self.tables.insert(address(node), oid);
    }

    /// The columns that USING or NATURAL joins by.
    pub(in crate::embedded::dialect) fn joined<T>(
        &mut self,
        node: &T,
        scope: &Scope<'_>,
        pairs: &[(Index, Index)],
    ) {
        let named = |(r, c): Index| {
            let relation = scope.relations.get(r)?;
            Some(Named::new(relation, relation.columns.get(c)?, false))
        };
        let both = |(left, right): &(_, _)| Some((named(*left)?, named(*right)?));
        self.joins
            .insert(address(node), pairs.iter().filter_map(both).collect());
    }
}
