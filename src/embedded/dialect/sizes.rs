//! How much room things take, by SQLite's own account of its pages.

use postgres_types::Type;

use crate::embedded::dialect::Fault;
use crate::embedded::dialect::expr::{Sql, Translator};

const DATABASE: &str =
    "(SELECT c.page_count*s.page_size FROM main.pragma_page_count c, main.pragma_page_size s)";

impl Translator<'_> {
    /// `pg_relation_size` and the like.
    pub(super) fn size(&mut self, name: &str, arguments: &[Sql]) -> Result<Option<Sql>, Fault> {
        let Some(first) = arguments.first() else {
            return Ok(None);
        };
        let pages = |which: &str| {
            format!(
                "coalesce((SELECT sum(\"pgtls d\".pgsize) FROM dbstat \"pgtls d\" WHERE \"pgtls d\".schema='main' AND \"pgtls d\".aggregate=TRUE \
                 AND \"pgtls d\".name IN (SELECT s.name FROM main.sqlite_schema s WHERE {which})),0)"
            )
        };
        let text = match (name, arguments.len()) {
            ("pg_database_size" | "pg_tablespace_size", 1) => DATABASE.to_owned(),
            (
                "pg_relation_size" | "pg_table_size" | "pg_indexes_size" | "pg_total_relation_size",
                1..=2,
            ) => {
                self.schema.use_catalog();
                let object = self.implicit(first.clone(), &Type::REGCLASS.into())?.text;
                let named = "s.name=\"pgtls r\".relname";
                let indexes = "s.type='index' AND s.tbl_name=\"pgtls r\".relname";
                let size = match name {
                    "pg_indexes_size" => pages(indexes),
                    "pg_total_relation_size" => pages("s.tbl_name=\"pgtls r\".relname"),
                    _ => pages(named),
                };
                format!(
                    "(SELECT {size} FROM \"pg_catalog\".pg_class \"pgtls r\" WHERE \"pgtls r\".oid={object})"
                )
            }
            ("pg_size_pretty", 1) if *first.kind() == Type::NUMERIC => {
                let number = self.cast_now(first.clone(), &Type::INT8.into(), true)?;
                return Ok(Some(Sql::new(
                    format!("pg_size_pretty({})", number.text),
                    Type::TEXT,
                )));
            }
            _ => return Ok(None),
        };
        Ok(Some(Sql::new(text, Type::INT8)))
    }
}
