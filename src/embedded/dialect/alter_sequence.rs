//! ALTER SEQUENCE, DROP SEQUENCE, and the columns that own a sequence.

use sqlparser::ast::{AlterTable, AlterTableOperation, ObjectName, SequenceOptions};

use crate::embedded::dialect::alter::{define, depends};
use crate::embedded::dialect::ddl::{NewColumn, already};
use crate::embedded::dialect::definition::{Definition, Step};
use crate::embedded::dialect::dml::own_name;
use crate::embedded::dialect::expr::{Translator, constant};
use crate::embedded::dialect::grammar::SequenceChange;
use crate::embedded::dialect::identity::identity_mark;
use crate::embedded::dialect::plan::Plan;
use crate::embedded::dialect::scope::fold;
use crate::embedded::dialect::sequence::{OWNED, SEQUENCES, Sequence, bounds, described};
use crate::embedded::dialect::small::nothing;
use crate::embedded::dialect::{Fault, literal, no_sequence, sequence_cache, types};
use crate::error_response::SqlState;

/// A default that draws from the sequence.
pub(super) fn drawing(name: &str) -> String {
    format!("pg_nextval({})", literal(name))
}

/// What catalogs tell is read anew when the schema is another.
pub(super) fn told() -> [Step; 2] {
    [
        "CREATE TABLE main.pgtls_told(x)",
        "DROP TABLE main.pgtls_told",
    ]
    .map(|sql| Step::Sql(sql.into()))
}

fn owners() -> Step {
    Step::Sql(format!(
        "CREATE TABLE IF NOT EXISTS main.{OWNED}(sequence TEXT PRIMARY KEY, tab TEXT, col TEXT) WITHOUT ROWID"
    ))
}

fn owned_by(sequence: &str, table: &str, column: &str) -> Step {
    Step::Sql(format!(
        "INSERT OR REPLACE INTO main.{OWNED} VALUES ({},{},{})",
        literal(sequence),
        literal(table),
        literal(column)
    ))
}

impl Translator<'_> {
    pub(super) fn alter_sequence(
        &self,
        name: &ObjectName,
        if_exists: bool,
        changes: &[SequenceChange],
    ) -> Result<Plan, Fault> {
        let tag = "ALTER SEQUENCE";
        let name = own_name(name)?;
        if let Some(table) = self.schema.serial_of(&name)?
            && !self.schema.has_sequence(&name)?
        {
            return self.alter_serial(&table, changes);
        }
        let Some(sequence) = self.schema.sequence(&name)? else {
            if if_exists {
                return Ok(Plan::skipped(
                    tag,
                    format!("relation \"{name}\" does not exist, skipping"),
                ));
            }
            if self.schema.table(Some("public"), &name)?.is_some() {
                return Err(Fault::new(
                    SqlState::WRONG_OBJECT_TYPE,
                    format!("\"{name}\" is not a sequence"),
                ));
            }
            return Err(no_sequence_fault(&name));
        };
        let mut steps = Vec::new();
        let mut new = sequence.clone();
        let mut counted = false;
        for change in changes {
            match change {
                SequenceChange::Rename(to) => {
                    return self.rename_sequence(&name, &fold(to));
                }
                SequenceChange::OwnedBy(owner) => {
                    steps.extend(self.own_by(&name, owner.as_ref())?);
                }
                SequenceChange::Schema(schema) if fold(schema) == "public" => {}
                SequenceChange::Schema(_) => {
                    return Err(Fault::unsupported("a schema other than public"));
                }
                SequenceChange::Cache(count) => steps.extend(self.keep_cache(&name, *count)?),
                SequenceChange::OwnerTo => {}
                other => {
                    counted = true;
                    new.change(other)?;
                }
            }
        }
        if counted {
            new.check(true)?;
            steps.push(Step::Sql(new.update(&name, &sequence)));
        }
        if steps.is_empty() {
            return Ok(nothing(tag));
        }
        steps.extend(told());
        Ok(Plan::Schema {
            steps,
            tag: tag.into(),
        })
    }

    /// What counts by itself in SQLite can be told where to go on.
    fn alter_serial(&self, table: &str, changes: &[SequenceChange]) -> Result<Plan, Fault> {
        let mut steps = Vec::new();
        for change in changes {
            match change {
                SequenceChange::Restart(n) => {
                    let next = n.unwrap_or(1);
                    if next < 1 {
                        return Err(Fault::new(
                            SqlState::INVALID_PARAMETER_VALUE,
                            format!("RESTART value ({next}) cannot be less than MINVALUE (1)"),
                        ));
                    }
                    let name = literal(table);
                    steps.push(Step::Sql(format!(
                        "DELETE FROM main.sqlite_sequence WHERE name={name}"
                    )));
                    steps.push(Step::Sql(format!(
                        "INSERT INTO main.sqlite_sequence(name, seq) VALUES ({name},{})",
                        next.saturating_sub(1)
                    )));
                }
                SequenceChange::Cache(1)
                | SequenceChange::Cycle(false)
                | SequenceChange::Increment(1)
                | SequenceChange::Max(None)
                | SequenceChange::Min(None | Some(1))
                | SequenceChange::OwnerTo
                | SequenceChange::Start(1) => {}
                SequenceChange::OwnedBy(Some(_)) => {}
                _ => {
                    return Err(Fault::unsupported(
                        "this change of the sequence of a serial primary key",
                    ));
                }
            }
        }
        if steps.is_empty() {
            return Ok(nothing("ALTER SEQUENCE"));
        }
        Ok(Plan::Schema {
            steps,
            tag: "ALTER SEQUENCE".into(),
        })
    }

    /// ALTER TABLE, said of a sequence.
    pub(super) fn alter_as_sequence(
        &self,
        alter: &AlterTable,
        name: &str,
    ) -> Result<Option<Plan>, Fault> {
        if self.schema.table(None, name)?.is_some() {
            return Ok(None);
        }
        let there = self.schema.has_sequence(name)? || self.schema.serial_of(name)?.is_some();
        if !there {
            return Ok(None);
        }
        match alter.operations.as_slice() {
            [AlterTableOperation::OwnerTo { .. }] => Ok(Some(nothing("ALTER TABLE"))),
            _ => Err(Fault::unsupported("this ALTER TABLE of a sequence").at(&alter.name)),
        }
    }

    fn rename_sequence(&self, name: &str, new: &str) -> Result<Plan, Fault> {
        if self.schema.has_sequence(new)?
            || self.schema.table(Some("public"), new)?.is_some()
            || self.schema.index_exists(new)?
        {
            return Err(already(new));
        }
        let (old, to) = (literal(name), literal(new));
        let mut steps = vec![Step::Sql(format!(
            "UPDATE main.{SEQUENCES} SET name={to} WHERE name={old}"
        ))];
        if self.schema.has_owned()? {
            steps.push(Step::Sql(format!(
                "UPDATE main.{OWNED} SET sequence={to} WHERE sequence={old}"
            )));
        }
        steps.extend(self.move_cache(name, Some(new))?);
        for table in self.schema.tables_with(&drawing(name))? {
            if let Some(table) = self.schema.table(Some("public"), &table)? {
                let sql = table.definition.replace(&drawing(name), &drawing(new));
                steps.push(define(&table, sql));
            }
        }
        steps.extend(told());
        Ok(Plan::Schema {
            steps,
            tag: "ALTER SEQUENCE".into(),
        })
    }

    /// OWNED BY table.column, or NONE.
    pub(super) fn own_by(
        &self,
        sequence: &str,
        owner: Option<&ObjectName>,
    ) -> Result<Vec<Step>, Fault> {
        let mut steps = vec![owners()];
        let Some(owner) = owner else {
            steps.push(Step::Sql(format!(
                "DELETE FROM main.{OWNED} WHERE sequence={}",
                literal(sequence)
            )));
            return Ok(steps);
        };
        let mut table = owner.clone();
        let column = table.0.pop().and_then(|p| p.as_ident().map(fold));
        let Some(column) = column.filter(|_| !table.0.is_empty()) else {
            return Err(
                Fault::new(SqlState::SYNTAX_ERROR, "invalid OWNED BY option")
                    .with_hint("Specify OWNED BY table.column or OWNED BY NONE.")
                    .at(owner),
            );
        };
        let table = self.table(&table)?;
        if table.view || table.system {
            return Err(Fault::new(
                SqlState::WRONG_OBJECT_TYPE,
                format!("referenced relation \"{}\" is not a table", table.name),
            ));
        }
        if !table.columns.iter().any(|c| c.name == column) {
            return Err(Fault::new(
                SqlState::UNDEFINED_COLUMN,
                format!(
                    "column \"{column}\" of relation \"{}\" does not exist",
                    table.name
                ),
            ));
        }
        steps.push(owned_by(sequence, &table.name, &column));
        Ok(steps)
    }

    /// The sequence of a serial or identity column that does not count by itself: its default, and
    /// how it is made.
    pub(super) fn own_sequence(
        &self,
        table: &str,
        column: &NewColumn,
        options: &[SequenceOptions],
        mark: Option<&str>,
    ) -> Result<(String, Vec<Step>), Fault> {
        let name = self.free_name((table, Some(&column.name)), "seq", &[])?;
        let (sequence, _) = described(options, column.ty.kind.clone())?;
        let mut steps = sequence.create(&name);
        steps.extend(self.keep_cache(&name, sequence_cache::said(options)?)?);
        steps.push(owners());
        steps.push(owned_by(&name, table, &column.name));
        let mark = mark.map(|mark| format!(" {}", identity_mark(mark, &column.name)));
        let text = format!(
            " NOT NULL DEFAULT ({}){}",
            drawing(&name),
            mark.unwrap_or_default()
        );
        Ok((text, steps))
    }

    pub(super) fn drop_sequence(
        &self,
        name: &str,
        cascade: bool,
    ) -> Result<Option<Vec<Step>>, Fault> {
        if !self.schema.has_sequence(name)? {
            let Some(table) = self.schema.serial_of(name)? else {
                return Ok(None);
            };
            return Err(depends(
                &format!("sequence {name}"),
                format!("a column of table {table} depends on sequence {name}"),
            ));
        }
        let mut steps = Vec::new();
        for table in self.schema.tables_with(&drawing(name))? {
            let Some(table) = self.schema.table(Some("public"), &table)? else {
                continue;
            };
            let mut definition = Definition::new(&table.definition)?;
            for column in &table.columns {
                let uses = column.default.as_ref();
                if !uses.is_some_and(|d| d.contains(&drawing(name))) {
                    continue;
                }
                if !cascade {
                    return Err(depends(
                        &format!("sequence {name}"),
                        format!(
                            "default value for column {} of table {} depends on sequence {name}",
                            column.name, table.name
                        ),
                    ));
                }
                definition.set_default(&column.name, None)?;
            }
            steps.push(define(&table, definition.sql()));
        }
        let place = literal(name);
        steps.push(Step::Sql(format!(
            "DELETE FROM main.{SEQUENCES} WHERE name={place}"
        )));
        steps.extend(self.move_cache(name, None)?);
        if self.schema.has_owned()? {
            steps.push(Step::Sql(format!(
                "DELETE FROM main.{OWNED} WHERE sequence={place}"
            )));
        }
        steps.extend(told());
        Ok(Some(steps))
    }

    /// What goes with a table, or a column of it.
    pub(super) fn drop_owned(
        &self,
        table: &str,
        column: Option<&str>,
    ) -> Result<Option<Vec<Step>>, Fault> {
        if !self.schema.has_owned()? {
            return Ok(None);
        }
        let place = place(table, column);
        Ok(Some(vec![
            Step::Sql(format!(
                "DELETE FROM main.{SEQUENCES} WHERE name IN (SELECT sequence FROM main.{OWNED} WHERE {place})"
            )),
            Step::Sql(format!("DELETE FROM main.{OWNED} WHERE {place}")),
        ]))
    }

    /// A table or a column has another name.
    pub(super) fn move_owned(
        &self,
        table: &str,
        column: Option<&str>,
        new: &str,
    ) -> Result<Option<Step>, Fault> {
        if !self.schema.has_owned()? {
            return Ok(None);
        }
        let part = if column.is_some() { "col" } else { "tab" };
        Ok(Some(Step::Sql(format!(
            "UPDATE main.{OWNED} SET {part}={} WHERE {}",
            literal(new),
            place(table, column)
        ))))
    }

    pub(super) fn restart_owned(&self, table: &str) -> Result<Option<Step>, Fault> {
        if !self.schema.has_owned()? {
            return Ok(None);
        }
        Ok(Some(Step::Sql(format!(
            "UPDATE main.{SEQUENCES} SET last=start, called=0 WHERE name IN (SELECT sequence FROM main.{OWNED} WHERE {})",
            place(table, None)
        ))))
    }
}

fn place(table: &str, column: Option<&str>) -> String {
    let mut place = format!("tab={}", literal(table));
    if let Some(column) = column {
        place.push_str(&format!(" AND col={}", literal(column)));
    }
    place
}

fn no_sequence_fault(name: &str) -> Fault {
    let told = no_sequence(name);
    Fault::new(told.code(), told.message().to_owned())
}

impl Sequence {
    fn change(&mut self, change: &SequenceChange) -> Result<(), Fault> {
        let up = |sequence: &Self| sequence.step > 0;
        match change {
            SequenceChange::Restart(to) => {
                self.last = to.unwrap_or(self.start);
                self.called = false;
            }
            SequenceChange::Start(n) => self.start = *n,
            SequenceChange::Increment(n) => self.step = *n,
            SequenceChange::Cycle(on) => self.cycle = *on,
            SequenceChange::Min(n) => {
                self.low = match n {
                    Some(n) => *n,
                    None if up(self) => 1,
                    None => bounds(&self.kind)?.0,
                }
            }
            SequenceChange::Max(n) => {
                self.high = match n {
                    Some(n) => *n,
                    None if up(self) => bounds(&self.kind)?.1,
                    None => -1,
                }
            }
            SequenceChange::Type(written) => {
                let kind = types::named(written)?.kind;
                let (old, new) = (bounds(&self.kind)?, bounds(&kind)?);
                if self.high == old.1 {
                    self.high = new.1;
                }
                if self.low == old.0 {
                    self.low = new.0;
                }
                self.kind = kind;
            }
            _ => {}
        }
        Ok(())
    }

    /// Only what is another: the number that was drawn last may be another by then.
    fn update(&self, name: &str, old: &Self) -> String {
        let mut sets = vec![
            format!("start={}", constant(&self.start.into())),
            format!("step={}", constant(&self.step.into())),
            format!("low={}", constant(&self.low.into())),
            format!("high={}", constant(&self.high.into())),
            format!("cycle={}", u8::from(self.cycle)),
            format!("kind={}", self.kind.oid()),
        ];
        if self.last != old.last || self.called != old.called {
            sets.push(format!("last={}", constant(&self.last.into())));
            sets.push(format!("called={}", u8::from(self.called)));
        }
        format!(
            "UPDATE main.{SEQUENCES} SET {} WHERE name={}",
            sets.join(","),
            literal(name)
        )
    }

    pub(super) fn check(&self, altered: bool) -> Result<(), Fault> {
        let invalid = |text: String| Fault::new(SqlState::INVALID_PARAMETER_VALUE, text);
        let Self {
            low, high, start, ..
        } = self;
        if self.step == 0 {
            return Err(invalid("INCREMENT must not be zero".into()));
        }
        let all = bounds(&self.kind)?;
        let kind = types::show(&self.kind, -1);
        for (word, n) in [("MAXVALUE", high), ("MINVALUE", low)] {
            if !(all.0..=all.1).contains(n) {
                return Err(invalid(format!(
                    "{word} ({n}) is out of range for sequence data type {kind}"
                )));
            }
        }
        if low >= high {
            return Err(invalid(format!(
                "MINVALUE ({low}) must be less than MAXVALUE ({high})"
            )));
        }
        let mut inside = vec![("START", start)];
        if altered {
            inside.push(("RESTART", &self.last));
        }
        for (word, n) in inside {
            if n < low {
                return Err(invalid(format!(
                    "{word} value ({n}) cannot be less than MINVALUE ({low})"
                )));
            }
            if n > high {
                return Err(invalid(format!(
                    "{word} value ({n}) cannot be greater than MAXVALUE ({high})"
                )));
            }
        }
        Ok(())
    }

    pub(super) fn create(&self, name: &str) -> Vec<Step> {
        let start = constant(&self.start.into());
        let [told, again] = told();
        vec![
            told,
            again,
            Step::Sql(format!(
                "CREATE TABLE IF NOT EXISTS main.{SEQUENCES}(name TEXT PRIMARY KEY, last INTEGER, \
                 called INTEGER, start INTEGER, step INTEGER, low INTEGER, high INTEGER, \
                 cycle INTEGER, kind INTEGER) WITHOUT ROWID"
            )),
            Step::Sql(format!(
                "INSERT INTO main.{SEQUENCES} VALUES ({},{start},0,{start},{},{},{},{},{})",
                literal(name),
                constant(&self.step.into()),
                constant(&self.low.into()),
                constant(&self.high.into()),
                u8::from(self.cycle),
                self.kind.oid()
            )),
        ]
    }
}
