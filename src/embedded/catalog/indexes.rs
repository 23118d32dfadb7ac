//! The rows about indexes and the constraints they stand for.

use sqlparser::ast::CreateTable;

use crate::embedded::catalog::fill::{Fill, Object, list};
use crate::embedded::catalog::index_keys::{self, Key};
use crate::embedded::catalog::{OWNER, insert, opclasses};
use crate::embedded::dialect::{
    IndexOptions, PRIMARY_MARK, Table, TableColumn, UNIQUE_MARK, constraint_name, identifier,
    index_text,
};

impl Fill<'_> {
    /// Indexes and the constraints they stand for; gives how many there are.
    pub(super) fn indexes(
        &mut self,
        object: &Object,
        table: &Table,
        objects: &[Object],
        create: Option<&CreateTable>,
    ) -> rusqlite::Result<usize> {
        let mut count = 0;
        if let Some(counts) = table.columns.iter().find(|c| c.counts) {
            let oid = self.number();
            let columns = [counts.name.clone()];
            let name = create
                .and_then(|c| constraint_name(c, "p", &columns))
                .unwrap_or_else(|| format!("{}_pkey", object.name));
            let keys = [Key::plain(&counts.name)];
            self.index(
                object,
                table,
                oid,
                &name,
                &keys,
                (true, Some("p")),
                None,
                "",
            )?;
            count += 1;
        }
        let mut list = self.connection.prepare_cached(
            "SELECT name, \"unique\", origin, partial FROM pragma_index_list(?1, ?2)",
        )?;
        let rows = list.query_map([&object.name, object.database], |r| {
            Ok((
                r.get::<_, String>(0)?,
                r.get::<_, bool>(1)?,
                r.get::<_, String>(2)?,
                r.get::<_, bool>(3)?,
            ))
        })?;
        for row in rows {
            let (name, unique, origin, partial) = row?;
            let found = objects
                .iter()
                .find(|o| o.kind == "index" && o.name == name && o.database == object.database);
            let text = found.and_then(|o| o.sql.as_deref()).unwrap_or_default();
            let (keys, predicate) = index_keys::read(
                self.connection,
                self.schema,
                table,
                (object.database, &name),
                text,
            )?;
            let columns: Vec<String> = keys.iter().map(|k| k.name.clone()).collect();
            let kind = match origin.as_str() {
                "pk" => Some("p"),
                "u" => Some("u"),
                _ if text.contains(PRIMARY_MARK) => Some("p"),
                _ if text.contains(UNIQUE_MARK) => Some("u"),
                _ => None,
            };
            let shown = match kind {
                _ if origin == "c" => name.clone(),
                None => name.clone(),
                Some(kind) => create
                    .and_then(|c| constraint_name(c, kind, &columns))
                    .unwrap_or_else(|| match kind {
                        "p" => format!("{}_pkey", object.name),
                        _ => format!("{}_{}_key", object.name, columns.join("_")),
                    }),
            };
            let oid = match found {
                Some(found) => found.oid,
                None => self.number(),
            };
            self.index(
                object,
                table,
                oid,
                &shown,
                &keys,
                (unique, kind),
                predicate.as_deref().filter(|_| partial),
                text,
            )?;
            count += 1;
        }
        Ok(count)
    }

    #[expect(clippy::too_many_arguments, reason = "a row of a table")]
    pub(super) fn index(
        &mut self,
        object: &Object,
        table: &Table,
        oid: i64,
        name: &str,
        keys: &[Key],
        (unique, constraint): (bool, Option<&str>),
        predicate: Option<&str>,
        statement: &str,
    ) -> rusqlite::Result<()> {
        let options = IndexOptions::kept(statement);
        let (method, method_number) = options.method();
        let included: Vec<Key> = options.included.iter().map(|c| Key::plain(c)).collect();
        let all: Vec<&Key> = keys.iter().chain(&included).collect();
        let whole = i64::try_from(all.len()).unwrap_or(0);
        let count = i64::try_from(keys.len()).unwrap_or(0);
        let columns: Vec<String> = keys.iter().map(|k| k.name.clone()).collect();
        let numbers: Vec<String> = all
            .iter()
            .map(|k| {
                let same = |t: &TableColumn| Some(&t.name) == k.column.as_ref();
                let at = table.columns.iter().position(same);
                at.map_or(0, |i| i.saturating_add(1)).to_string()
            })
            .collect();
        let persistence = if object.database == "temp" { "t" } else { "p" };
        insert(
            self.connection,
            "pg_class",
            "oid,relname,relnamespace,relowner,relam,relpersistence,relkind,relnatts,relispopulated,relreplident",
            &[
                &oid,
                &name,
                &2200,
                &OWNER,
                &method_number,
                &persistence,
                &"i",
                &whole,
                &1,
                &"n",
            ],
        )?;
        let zeros = vec!["0"; keys.len()].join(" ");
        let orders: Vec<&str> = keys.iter().map(Key::option).collect();
        let expressions: Vec<&str> = keys
            .iter()
            .filter(|k| k.column.is_none())
            .map(|k| k.shown.as_str())
            .collect();
        let expressions = (!expressions.is_empty()).then(|| expressions.join(", "));
        let classes: Vec<String> = keys
            .iter()
            .map(|k| {
                let same = |c: &&TableColumn| Some(&c.name) == k.column.as_ref();
                let column = table.columns.iter().find(same);
                let class = column.map_or(&k.kind, |c| &c.ty.kind);
                opclasses::of(class).to_string()
            })
            .collect();
        insert(
            self.connection,
            "pg_index",
            "indexrelid,indrelid,indnatts,indnkeyatts,indisunique,indisprimary,indimmediate,\
             indisvalid,indisready,indislive,indkey,indcollation,indclass,indoption,indexprs,indpred",
            &[
                &oid,
                &object.oid,
                &whole,
                &count,
                &unique,
                &(constraint == Some("p")),
                &1,
                &1,
                &1,
                &1,
                &numbers.join(" "),
                &zeros,
                &classes.join(" "),
                &orders.join(" "),
                &expressions,
                &predicate,
            ],
        )?;
        for (number, key) in (1_i64..).zip(&all) {
            let same = |c: &&TableColumn| Some(&c.name) == key.column.as_ref();
            let ty = table.columns.iter().find(same);
            insert(
                self.connection,
                "pg_attribute",
                "attrelid,attname,atttypid,attnum,atttypmod,attislocal,attstattarget",
                &[
                    &oid,
                    &key.name,
                    &ty.map_or(&key.kind, |c| &c.ty.kind).oid(),
                    &number,
                    &ty.map_or(-1, |c| c.ty.modifier),
                    &1,
                    &-1,
                ],
            )?;
            insert(
                self.connection,
                "pgtls_index_column",
                "oid,n,def",
                &[&oid, &number, &key.shown],
            )?;
        }
        let word = if unique { "UNIQUE " } else { "" };
        let mut text = format!(
            "CREATE {word}INDEX {} ON public.{} USING {method} ({}){}",
            identifier(name),
            identifier(&object.name),
            keys.iter().map(Key::ordered).collect::<Vec<_>>().join(", "),
            options.tail()
        );
        if let Some(predicate) = predicate {
            text.push_str(&format!(" WHERE {predicate}"));
        }
        self.define(oid, &text)?;
        insert(
            self.connection,
            "pg_indexes",
            "schemaname,tablename,indexname,indexdef",
            &[&object.schema, &object.name, &name, &index_text(&text)],
        )?;
        let Some(kind) = constraint else {
            return Ok(());
        };
        let key = format!("{{{}}}", numbers.join(","));
        let number = self.number();
        insert(
            self.connection,
            "pg_constraint",
            "oid,conname,connamespace,contype,convalidated,conrelid,conindid,conkey,conislocal,connoinherit",
            &[
                &number,
                &name,
                &2200,
                &kind,
                &1,
                &object.oid,
                &oid,
                &key,
                &1,
                &1,
            ],
        )?;
        let words = if kind == "p" { "PRIMARY KEY" } else { "UNIQUE" };
        self.define(number, &format!("{words} ({})", list(&columns)))?;
        self.usage(object, name, words, &columns)
    }

    /// A constraint in information_schema.
    pub(super) fn usage(
        &self,
        object: &Object,
        name: &str,
        kind: &str,
        columns: &[String],
    ) -> rusqlite::Result<()> {
        let database = &self.facts.info.database;
        insert(
            self.connection,
            "information_schema.table_constraints",
            "constraint_catalog,constraint_schema,constraint_name,table_catalog,table_schema,\
             table_name,constraint_type,is_deferrable,initially_deferred,enforced",
            &[
                database,
                &"public",
                &name,
                database,
                &"public",
                &object.name,
                &kind,
                &"NO",
                &"NO",
                &"YES",
            ],
        )?;
        for (number, column) in (1_i64..).zip(columns) {
            insert(
                self.connection,
                "information_schema.key_column_usage",
                "constraint_catalog,constraint_schema,constraint_name,table_catalog,table_schema,\
                 table_name,column_name,ordinal_position",
                &[
                    database,
                    &"public",
                    &name,
                    database,
                    &"public",
                    &object.name,
                    column,
                    &number,
                ],
            )?;
        }
        Ok(())
    }
}
