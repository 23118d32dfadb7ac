//! The rows about foreign keys.

use std::collections::HashMap;

use sqlparser::ast::{ConstraintReferenceMatchKind, CreateTable};

use crate::embedded::catalog::fill::{Fill, Object, list};
use crate::embedded::catalog::insert;
use crate::embedded::dialect::{Table, constraint_names, foreign_key, identifier, waits};

impl Fill<'_> {
    /// Which columns and which index of the other table a foreign key points at, once all are
    /// there.
    pub(super) fn point_keys(&self) -> rusqlite::Result<()> {
        let mut number = self.connection.prepare_cached(
            "SELECT attnum FROM pg_catalog.pg_attribute WHERE attrelid=?1 AND attname=?2",
        )?;
        let mut indexes = self.connection.prepare_cached(
            "SELECT indexrelid, indkey FROM pg_catalog.pg_index WHERE indrelid=?1 AND indisunique \
             AND indpred IS NULL ORDER BY indisprimary DESC, indexrelid",
        )?;
        let sorted = |mut numbers: Vec<String>| {
            numbers.sort();
            numbers
        };
        for (oid, table, columns) in &self.keys {
            let numbers: Vec<String> = columns
                .iter()
                .map(|c| number.query_row((table, c), |r| r.get::<_, i64>(0)))
                .filter_map(Result::ok)
                .map(|n| n.to_string())
                .collect();
            let wanted = sorted(numbers.clone());
            let index = indexes
                .query_map([table], |r| {
                    Ok((r.get::<_, i64>(0)?, r.get::<_, String>(1)?))
                })?
                .filter_map(Result::ok)
                .find(|(_, key)| sorted(key.split(' ').map(str::to_owned).collect()) == wanted);
            self.connection
                .prepare_cached(
                    "UPDATE pg_catalog.pg_constraint SET confkey=?2, conindid=?3 WHERE oid=?1",
                )?
                .execute((
                    oid,
                    format!("{{{}}}", numbers.join(",")),
                    index.map_or(0, |(index, _)| index),
                ))?;
        }
        Ok(())
    }

    pub(super) fn foreign_keys(
        &mut self,
        object: &Object,
        table: &Table,
        create: Option<&CreateTable>,
        oids: &HashMap<(&str, &str), i64>,
    ) -> rusqlite::Result<()> {
        let mut statement = self.connection.prepare_cached(
            "SELECT id, \"table\", \"from\", \"to\", on_update, on_delete \
             FROM pragma_foreign_key_list(?1, ?2) ORDER BY id DESC, seq",
        )?;
        let mut rows = statement.query([&object.name, object.database])?;
        let mut keys: Vec<ForeignKey> = Vec::new();
        while let Some(row) = rows.next()? {
            let id: i64 = row.get(0)?;
            let (from, to): (String, Option<String>) = (row.get(2)?, row.get(3)?);
            if keys.last().is_none_or(|k| k.id != id) {
                keys.push(ForeignKey {
                    id,
                    target: row.get(1)?,
                    from: Vec::new(),
                    to: Vec::new(),
                    on_update: row.get(4)?,
                    on_delete: row.get(5)?,
                });
            }
            if let Some(key) = keys.last_mut() {
                key.from.push(from);
                key.to.extend(to);
            }
        }
        let mut seen: Vec<Vec<String>> = Vec::new();
        for key in keys {
            let ForeignKey {
                target,
                from,
                mut to,
                on_update,
                on_delete,
                ..
            } = key;
            if to.is_empty() {
                // It is the other table's primary key that is meant.
                to = self.primary_key(object.database, &target)?;
            }
            // SQLite has the last first.
            let names = create.map(|c| constraint_names(c, "f", &from));
            let later = seen.iter().filter(|other| **other == from).count();
            seen.push(from.clone());
            let name = names
                .and_then(|names| names.into_iter().rev().nth(later))
                .unwrap_or_else(|| format!("{}_{}_fkey", object.name, from.join("_")));
            let oid = self.number();
            self.keys
                .push((oid, other_of(oids, object, &target), to.clone()));
            let written = create.and_then(|c| foreign_key(c, &from));
            let (deferrable, deferred) = written.map_or((false, false), waits);
            let full = written
                .is_some_and(|k| matches!(k.match_kind, Some(ConstraintReferenceMatchKind::Full)));
            let letter = |action: &str| match action {
                "CASCADE" => "c",
                "SET NULL" => "n",
                "SET DEFAULT" => "d",
                "RESTRICT" => "r",
                _ => "a",
            };
            let numbers: Vec<String> = from
                .iter()
                .filter_map(|c| table.columns.iter().position(|t| t.name == *c))
                .map(|i| i.saturating_add(1).to_string())
                .collect();
            let other = other_of(oids, object, &target);
            insert(
                self.connection,
                "pg_constraint",
                "oid,conname,connamespace,contype,convalidated,conrelid,confrelid,confupdtype,\
                 confdeltype,confmatchtype,conkey,conislocal,connoinherit,condeferrable,\
                 condeferred",
                &[
                    &oid,
                    &name,
                    &2200,
                    &"f",
                    &1,
                    &object.oid,
                    &other,
                    &letter(&on_update),
                    &letter(&on_delete),
                    &if full { "f" } else { "s" },
                    &format!("{{{}}}", numbers.join(",")),
                    &1,
                    &1,
                    &deferrable,
                    &deferred,
                ],
            )?;
            let mut text = format!(
                "FOREIGN KEY ({}) REFERENCES public.{}({})",
                list(&from),
                identifier(&target),
                list(&to)
            );
            if full {
                text.push_str(" MATCH FULL");
            }
            for (word, action) in [("UPDATE", &on_update), ("DELETE", &on_delete)] {
                if action != "NO ACTION" {
                    text.push_str(&format!(" ON {word} {action}"));
                }
            }
            for (is, words) in [
                (deferrable, " DEFERRABLE"),
                (deferred, " INITIALLY DEFERRED"),
            ] {
                if is {
                    text.push_str(words);
                }
            }
            self.define(oid, &text)?;
            self.usage(object, &name, "FOREIGN KEY", &from)?;
            if deferrable {
                self.connection
                    .prepare_cached(
                        "UPDATE information_schema.table_constraints SET is_deferrable='YES', \
                         initially_deferred=iif(?1,'YES','NO') WHERE table_name=?2 AND constraint_name=?3",
                    )?
                    .execute((deferred, &object.name, &name))?;
            }
        }
        Ok(())
    }

    pub(super) fn primary_key(&self, database: &str, table: &str) -> rusqlite::Result<Vec<String>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT name FROM pragma_table_info(?1, ?2) WHERE pk > 0 ORDER BY pk",
        )?;
        statement
            .query_map([table, database], |r| r.get::<_, String>(0))?
            .collect()
    }
}

pub(super) struct ForeignKey {
    id: i64,
    target: String,
    from: Vec<String>,
    to: Vec<String>,
    on_update: String,
    on_delete: String,
}

pub(super) fn other_of(oids: &HashMap<(&str, &str), i64>, object: &Object, target: &str) -> i64 {
    oids.get(&(object.database, target)).copied().unwrap_or(0)
}
