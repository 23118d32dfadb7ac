//! The rows of the friendlier views.

use crate::embedded::catalog::fill::{Fill, Object};
use crate::embedded::catalog::insert;
use crate::embedded::dialect::{Table, unqualified, view_text};

impl Fill<'_> {
    /// The friendlier views.
    pub(super) fn shown(&self, object: &Object, table: &Table) -> rusqlite::Result<()> {
        let info = &self.facts.info;
        let kind = match (table.view, object.database) {
            (true, _) => "VIEW",
            (_, "temp") => "LOCAL TEMPORARY",
            _ => "BASE TABLE",
        };
        let writable = if table.view { "NO" } else { "YES" };
        insert(
            self.connection,
            "information_schema.tables",
            "table_catalog,table_schema,table_name,table_type,is_insertable_into,is_typed",
            &[
                &info.database,
                &object.schema,
                &object.name,
                &kind,
                &writable,
                &"NO",
            ],
        )?;
        if !table.view {
            return insert(
                self.connection,
                "pg_tables",
                "schemaname,tablename,tableowner,hasindexes",
                &[
                    &object.schema,
                    &object.name,
                    &info.user,
                    &!table.columns.is_empty(),
                ],
            );
        }
        let text = object.sql.as_deref().and_then(view_text);
        let text = text.map(|text| unqualified(&text));
        insert(
            self.connection,
            "pg_views",
            "schemaname,viewname,viewowner,definition",
            &[&object.schema, &object.name, &info.user, &text],
        )?;
        insert(
            self.connection,
            "information_schema.views",
            "table_catalog,table_schema,table_name,view_definition,check_option,is_updatable,is_insertable_into",
            &[
                &info.database,
                &object.schema,
                &object.name,
                &text,
                &"NONE",
                &"NO",
                &"NO",
            ],
        )
    }
}
