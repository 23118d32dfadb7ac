//! ALTER TABLE: columns.

use std::rc::Rc;

use postgres_types::Type;
use sqlparser::ast::{
    AlterColumnOperation, ColumnDef, ColumnOption, DataType, Expr, SequenceOptions,
};

use crate::embedded::dialect::alter::{Change, depends};
use crate::embedded::dialect::alter_constraint::{
    check_rows, contains_null, holds_null, unique_index,
};
use crate::embedded::dialect::alter_sequence::drawing;
use crate::embedded::dialect::ddl::{NewColumn, Uniques, declared_as, is_no_default, scope_of};
use crate::embedded::dialect::definition::{Removed, UNIQUE_MARK};
use crate::embedded::dialect::expr::{Sql, Translator, shorten};
use crate::embedded::dialect::from::relation_of;
use crate::embedded::dialect::identity::{identity, identity_mark, mark_of};
use crate::embedded::dialect::index_options::IndexOptions;
use crate::embedded::dialect::scope::{Place, Scope, fold};
use crate::embedded::dialect::types::{self, Ty};
use crate::embedded::dialect::{BY_DEFAULT, Fault, TableColumn, literal, quote, shown};
use crate::error_response::SqlState;

impl Translator<'_> {
    /// With it go the indexes and constraints that name it.
    pub(super) fn drop_column(
        &self,
        change: &mut Change,
        column: &TableColumn,
        cascade: bool,
    ) -> Result<(), Fault> {
        let (table, name) = (change.table.name.clone(), &column.name);
        if column.key {
            return Err(Fault::unsupported("dropping a column of the primary key"));
        }
        for view in self.views_of(&change.table, Some(name))? {
            if !cascade {
                return Err(depends(
                    &format!("column {name} of table {table}"),
                    format!("view {view} depends on column {name} of table {table}"),
                ));
            }
            change.sql(format!("DROP VIEW {}", quote(&view)));
        }
        for index in self.schema.indexes(&change.table)? {
            let quoted = quote(name);
            let options = IndexOptions::kept(index.sql.as_deref().unwrap_or_default());
            let within = options.included.contains(name)
                || index.columns.contains(&Some(name.clone()))
                || index.sql.as_ref().is_some_and(|sql| sql.contains(&quoted));
            if within {
                if index.sql.is_none() {
                    return Err(Fault::unsupported("dropping a column of this constraint"));
                }
                change.sql(format!("DROP INDEX {}", quote(&index.name)));
            }
        }
        match change.definition.remove_constraints_of(name) {
            Removed::Fixed => {
                return Err(Fault::unsupported("dropping a column of this constraint"));
            }
            Removed::Done => change.define(),
            Removed::Absent => {}
        }
        change.definition.drop_column(name);
        if let Some(steps) = self.drop_owned(&table, Some(name))? {
            change.steps.extend(steps);
        }
        change.sql(format!(
            "ALTER TABLE {} DROP COLUMN {}",
            change.table.sql,
            quote(name)
        ));
        change
            .steps
            .extend(self.move_comments(&table, Some(name), None)?);
        Ok(())
    }

    /// SQLite adds a bare column. It is filled, then given the rest of its definition.
    pub(super) fn add_column(
        &mut self,
        change: &mut Change,
        definition: &ColumnDef,
    ) -> Result<(), Fault> {
        let definition = &self.with_names_in(change, definition)?;
        let bare = change.table.name.clone();
        let target = change.table.sql.clone();
        let mut columns = self.new_columns(std::slice::from_ref(definition))?;
        let mut relation = relation_of(&change.table, bare.clone());
        relation.qualified = false;
        let mut scope = scope_of(&bare, &columns);
        for own in &mut scope.relations {
            own.columns.splice(0..0, relation.columns.clone());
        }
        for column in &mut columns {
            let mut drawn = String::new();
            if column.serial {
                if change.table.database == "temp" {
                    return Err(Fault::unsupported(
                        "adding a serial or identity column to a temporary table",
                    ));
                }
                column.serial = false;
                let (mark, options) = identity(definition);
                let (default, steps) = self.own_sequence(&bare, column, options, mark)?;
                drawn = default;
                change.steps.extend(steps);
            }
            let mut uniques = Uniques::default();
            let text = self.new_column(&bare, definition, column, &scope, &mut uniques)?;
            let text = format!("{text}{drawn}");
            let name = quote(&column.name);
            change.sql(format!(
                "ALTER TABLE {target} ADD COLUMN {name} {}",
                declared_as(&column.ty)?
            ));
            let mut default = false;
            let mut not_null = false;
            if !drawn.is_empty() {
                let sequence = self.free_name((&bare, Some(&column.name)), "seq", &[])?;
                let sequence = literal(&sequence);
                change.sql(format!("UPDATE {target} SET {name}=pg_nextval({sequence})"));
            }
            for option in &definition.options {
                match &option.option {
                    ColumnOption::Default(expr) => {
                        let sql = self.expr(expr, &Scope::default())?;
                        let sql = self.assign(sql, &column.name, &column.ty).at(expr)?;
                        change.sql(format!("UPDATE {target} SET {name}={}", sql.text));
                        default = true;
                    }
                    ColumnOption::NotNull => not_null = true,
                    ColumnOption::PrimaryKey(_) => {
                        return Err(Fault::unsupported("adding a column as the primary key"));
                    }
                    ColumnOption::Generated {
                        generation_expr: Some(_),
                        ..
                    } => {
                        return Err(Fault::unsupported("adding a generated column"));
                    }
                    _ => {}
                }
            }
            if not_null {
                change.refuse(
                    holds_null(&target, &column.name),
                    contains_null(&column.name, &bare),
                );
            }
            for option in &definition.options {
                match &option.option {
                    ColumnOption::Check(check) => {
                        let condition = self.condition(&check.expr, &scope, "CHECK")?;
                        let given = option.name.as_ref().map(fold).unwrap_or_default();
                        check_rows(change, &condition, &given);
                    }
                    ColumnOption::ForeignKey(key) if default => {
                        let given = option.name.as_ref().map(fold).unwrap_or_default();
                        self.check_keys(change, std::slice::from_ref(&column.name), key, &given)?;
                    }
                    _ => {}
                }
            }
            change.definition.add_column(&text)?;
            let mut options = definition.options.iter();
            if !drawn.is_empty() || options.any(|o| !matches!(o.option, ColumnOption::Null)) {
                change.define();
            }
            for (name, columns) in uniques.0 {
                let on = (change.table.database, change.table.name.as_str());
                change.sql(unique_index(on, &name, &columns, UNIQUE_MARK));
            }
        }
        change.added.extend(columns);
        Ok(())
    }

    pub(super) fn alter_column(
        &mut self,
        change: &mut Change,
        column: &TableColumn,
        op: &AlterColumnOperation,
    ) -> Result<(), Fault> {
        use AlterColumnOperation as O;
        let bare = change.table.name.clone();
        match op {
            O::SetNotNull => {
                if !column.not_null {
                    change.refuse(
                        holds_null(&change.table.sql, &column.name),
                        contains_null(&column.name, &bare),
                    );
                    change.definition.set_not_null(&column.name, true)?;
                    change.define();
                }
            }
            O::DropNotNull => {
                if column.key {
                    return Err(Fault::new(
                        SqlState::INVALID_TABLE_DEFINITION,
                        format!("column \"{}\" is in a primary key", column.name),
                    ));
                }
                change.definition.set_not_null(&column.name, false)?;
                change.define();
            }
            O::SetDefault { .. } | O::DropDefault if column.counts => {
                return Err(Fault::unsupported("the default of a serial column"));
            }
            O::SetDefault { value } => {
                let sql = self.expr(value, &Scope::default())?;
                let sql = self.assign(sql, &column.name, &column.ty).at(value)?;
                if is_no_default(value, &column.ty) {
                    change.definition.set_default(&column.name, None)?;
                    change.define();
                    return Ok(());
                }
                change
                    .definition
                    .set_default(&column.name, Some(&sql.text))?;
                if let Some(shown) = shown::written(value, &column.ty, self.schema) {
                    change.definition.mark_default(&column.name, &shown)?;
                }
                change.define();
            }
            O::DropDefault => {
                change.definition.set_default(&column.name, None)?;
                change.define();
            }
            O::AddGenerated {
                generated_as,
                sequence_options,
            } => {
                let mark = generated_as.as_ref().map_or(BY_DEFAULT, mark_of);
                let options = sequence_options.as_deref().unwrap_or_default();
                self.add_identity(change, column, options, mark)?;
            }
            O::SetDataType {
                data_type, using, ..
            } => self.set_type(change, column, data_type, using.as_ref())?,
            other => {
                return Err(Fault::unsupported(format!(
                    "ALTER COLUMN … {}",
                    shorten(&other.to_string())
                )));
            }
        }
        Ok(())
    }

    fn add_identity(
        &self,
        change: &mut Change,
        column: &TableColumn,
        options: &[SequenceOptions],
        mark: &str,
    ) -> Result<(), Fault> {
        let bare = change.table.name.clone();
        let wrong = |what: &str| {
            Fault::new(
                SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE,
                format!("column \"{}\" of relation \"{bare}\" {what}", column.name),
            )
        };
        if !column.not_null {
            return Err(wrong(
                "must be declared NOT NULL before identity can be added",
            ));
        }
        if !column.identity.is_empty() {
            return Err(wrong("is already an identity column"));
        }
        if column.counts || column.default.is_some() {
            return Err(wrong("already has a default value"));
        }
        if !types::is_integer(&column.ty.kind) {
            return Err(Fault::new(
                SqlState::INVALID_PARAMETER_VALUE,
                "identity column type must be smallint, integer, or bigint",
            ));
        }
        let new = NewColumn {
            name: column.name.clone(),
            ty: column.ty.clone(),
            serial: false,
        };
        let (_, steps) = self.own_sequence(&bare, &new, options, None)?;
        change.steps.extend(steps);
        let default = drawing(&self.free_name((&bare, Some(&column.name)), "seq", &[])?);
        change
            .definition
            .set_default(&column.name, Some(&default))?;
        change
            .definition
            .add_constraint(&identity_mark(mark, &column.name))?;
        change.define();
        Ok(())
    }

    /// The values are computed as they are, kept aside, and put back when the column is another.
    fn set_type(
        &mut self,
        change: &mut Change,
        column: &TableColumn,
        data_type: &DataType,
        using: Option<&Expr>,
    ) -> Result<(), Fault> {
        let ty = types::named(&data_type.to_string())?;
        let table = Rc::clone(&change.table);
        if ty == column.ty && using.is_none() {
            return Ok(());
        }
        if column.counts {
            if !types::is_integer(&ty.kind) || ty.kind == Type::INT2 {
                return Err(Fault::unsupported("this type of a serial column"));
            }
            if ty.kind == Type::INT8 {
                change.definition.widen(&column.name)?;
                change.define();
                return Ok(());
            }
            return Err(Fault::unsupported("narrowing a serial column"));
        }
        if column.key || column.generated {
            return Err(Fault::unsupported(
                "changing the type of a generated column or of the primary key",
            ));
        }
        if types::storage(&ty.kind) != types::storage(&column.ty.kind) {
            if let Some(key) = change.definition.foreign_key_of(&column.name) {
                return Err(Fault::new(
                    SqlState::DATATYPE_MISMATCH,
                    format!("foreign key constraint \"{key}\" cannot be implemented"),
                ));
            }
            let named = Some(column.name.clone());
            let indexes = self.schema.indexes(&table)?;
            let key = indexes
                .iter()
                .any(|i| i.unique && i.columns.contains(&named));
            if key && !self.schema.referencing(&table.name)?.is_empty() {
                return Err(Fault::unsupported(
                    "this type for a column of a table that foreign keys point at",
                ));
            }
        }
        if let Some(view) = self.views_of(&table, Some(&column.name))?.first() {
            return Err(Fault::new(
                SqlState::FEATURE_NOT_SUPPORTED,
                "cannot alter type of a column used by a view or rule",
            )
            .with_detail(format!(
                "rule _RETURN on view {view} depends on column \"{}\"",
                column.name
            )));
        }
        let quoted = quote(&column.name);
        let indexed = self.schema.indexes(&table)?.iter().any(|i| {
            !i.columns.iter().all(Option::is_some)
                && i.sql.as_ref().is_some_and(|s| s.contains(&quoted))
        });
        if change.definition.computes_with(&column.name) || indexed {
            return Err(Fault::unsupported(
                "changing the type of a column that a constraint or an index computes with",
            ));
        }
        let mut scope = Scope::default();
        scope.add(relation_of(&table, table.name.clone()))?;
        let old = Sql::new(
            format!("{}.{quoted}", quote(&table.name)),
            column.ty.clone(),
        );
        let value = match using {
            Some(using) => {
                let sql = self.expr(using, &scope).at(using)?;
                self.assign(sql, &column.name, &ty)
            }
            None => self.assign(old, &column.name, &ty),
        };
        let value = value.map_err(|_| {
            Fault::new(
                SqlState::DATATYPE_MISMATCH,
                format!(
                    "column \"{}\" cannot be cast automatically to type {}",
                    column.name,
                    types::show(&ty.kind, -1)
                ),
            )
            .with_hint("You might need to specify an explicit USING clause.")
        })?;
        change.sql("DROP TABLE IF EXISTS temp.pgtls_values".into());
        change.sql(format!(
            "CREATE TABLE temp.pgtls_values AS SELECT {0}.rowid AS r, {1} AS v FROM {2} AS {0}",
            quote(&table.name),
            value.text,
            table.sql
        ));
        change.sql("CREATE UNIQUE INDEX temp.pgtls_values_r ON pgtls_values(r)".into());
        change
            .definition
            .set_type(&column.name, &declared_as(&ty)?)?;
        if let Some(default) = &column.default {
            let default = self.changed_default(default, column, &ty)?;
            change
                .definition
                .set_default(&column.name, Some(&default))?;
        }
        change.define();
        // What is indexed has the old type's affinity.
        change.sql(format!("REINDEX {}", table.sql));
        change.sql(format!(
            "UPDATE {} SET {quoted}=(SELECT v FROM temp.pgtls_values WHERE r={}.rowid)",
            table.sql,
            quote(&table.name)
        ));
        change.sql("DROP TABLE temp.pgtls_values".into());
        Ok(())
    }

    fn changed_default(
        &mut self,
        default: &str,
        column: &TableColumn,
        ty: &Ty,
    ) -> Result<String, Fault> {
        let old = Sql::new(format!("({default})"), column.ty.clone());
        self.assign(old, &column.name, ty)
            .map(|sql| sql.text)
            .map_err(|_| {
                Fault::new(
                    SqlState::DATATYPE_MISMATCH,
                    format!(
                        "default for column \"{}\" cannot be cast automatically to type {}",
                        column.name,
                        types::show(&ty.kind, -1)
                    ),
                )
            })
    }
}
