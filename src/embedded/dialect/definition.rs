//! The definition of a table as SQLite keeps it, taken apart and put together again. SQLite's own
//! ALTER TABLE cannot change constraints and types, so they are changed in its text (SQLite docs,
//! "Making Other Kinds Of Table Schema Changes").

use sqlparser::ast::{
    ColumnDef, ColumnOption, ColumnOptionDef, CreateTable, Expr, Ident, IndexColumn, Statement,
    TableConstraint,
};
use sqlparser::dialect::SQLiteDialect;
use sqlparser::parser::Parser;

use crate::embedded::dialect::{Fault, quote, shown};
use crate::error_response::ErrorResponse;

/// Marks the unique index that stands for a constraint; SQLite keeps a statement's comments.
pub(in crate::embedded) const UNIQUE_MARK: &str = "/*pgtls constraint*/";
/// The same for a primary key that a table was given later.
pub(in crate::embedded) const PRIMARY_MARK: &str = "/*pgtls primary*/";

/// Whether the index that this statement makes stands for a constraint.
pub(in crate::embedded) fn stands_for_constraint(sql: &str) -> bool {
    sql.contains(UNIQUE_MARK) || sql.contains(PRIMARY_MARK)
}

/// A statement or a check that an ALTER or DROP consists of.
#[derive(Clone, Debug)]
pub(in crate::embedded) enum Step {
    Sql(String),
    /// A new text for what is in SQLite's schema, perhaps under a new name.
    Define {
        database: String,
        name: String,
        new_name: String,
        sql: String,
    },
    /// Another piece of text in a view or an index, in whichever database it is.
    ViewText {
        database: &'static str,
        name: String,
        old: String,
        new: String,
    },
    /// Fails with this, if the query gives a row. A text in it is the detail.
    Refuse {
        query: String,
        error: Box<ErrorResponse>,
    },
    /// Something to tell.
    Notice(String),
}

impl From<String> for Step {
    fn from(sql: String) -> Self {
        Self::Sql(sql)
    }
}

/// A table's definition.
pub(super) struct Definition {
    create: CreateTable,
}

/// A constraint that was taken out.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Removed {
    Done,
    /// It is part of how SQLite stores the table.
    Fixed,
    Absent,
}

fn parse(sql: &str) -> Option<CreateTable> {
    let parsed = Parser::parse_sql(&SQLiteDialect {}, sql).ok()?;
    match parsed.into_iter().next()? {
        Statement::CreateTable(create) => Some(create),
        _ => None,
    }
}

fn inner(text: &str) -> Result<CreateTable, Fault> {
    parse(&format!("CREATE TABLE x({text})"))
        .ok_or_else(|| Fault::unsupported("ALTER TABLE with this definition"))
}

/// An expression in SQLite's words.
fn expression(text: &str) -> Result<Expr, Fault> {
    Parser::new(&SQLiteDialect {})
        .try_with_sql(text)
        .and_then(|mut parser| parser.parse_expr())
        .map_err(|_| Fault::unsupported("ALTER TABLE with this expression"))
}

impl Definition {
    pub(super) fn new(sql: &str) -> Result<Self, Fault> {
        let create = parse(sql).ok_or_else(|| Fault::unsupported("ALTER TABLE of this table"))?;
        Ok(Self { create })
    }

    pub(super) fn create(&self) -> &CreateTable {
        &self.create
    }

    pub(super) fn sql(&self) -> String {
        let columns = self.create.columns.iter().map(ToString::to_string);
        let constraints = self.create.constraints.iter().map(ToString::to_string);
        let parts: Vec<String> = columns.chain(constraints).collect();
        format!("CREATE TABLE {}({})", self.create.name, parts.join(","))
    }

    fn column(&mut self, name: &str) -> Result<&mut ColumnDef, Fault> {
        self.create
            .columns
            .iter_mut()
            .find(|c| c.name.value == name)
            .ok_or_else(|| Fault::unsupported("ALTER TABLE of this table"))
    }

    /// Puts an option in the place of those that `replaces` picks.
    fn set_option(
        &mut self,
        column: &str,
        replaces: impl Fn(&ColumnOption) -> bool,
        option: Option<ColumnOption>,
    ) -> Result<(), Fault> {
        let column = self.column(column)?;
        column.options.retain(|o| !replaces(&o.option));
        if let Some(option) = option {
            column.options.push(ColumnOptionDef { name: None, option });
        }
        Ok(())
    }

    pub(super) fn set_not_null(&mut self, column: &str, not_null: bool) -> Result<(), Fault> {
        let option = not_null.then_some(ColumnOption::NotNull);
        let is = |o: &ColumnOption| matches!(o, ColumnOption::NotNull | ColumnOption::Null);
        self.set_option(column, is, option)
    }

    pub(super) fn set_default(&mut self, column: &str, sql: Option<&str>) -> Result<(), Fault> {
        let option = match sql {
            Some(sql) => Some(ColumnOption::Default(expression(&format!("({sql})"))?)),
            None => None,
        };
        self.set_option(column, |o| matches!(o, ColumnOption::Default(_)), option)
    }

    /// Says how the default is shown.
    pub(super) fn mark_default(&mut self, column: &str, shown: &str) -> Result<(), Fault> {
        let new = inner(&format!("a int {}DEFAULT 0", shown::mark(shown)))?;
        let option = new.columns.into_iter().flat_map(|c| c.options).next();
        for own in &mut self.column(column)?.options {
            if matches!(own.option, ColumnOption::Default(_)) {
                own.name = option.as_ref().and_then(|o| o.name.clone());
            }
        }
        Ok(())
    }

    /// `numeric(10,2) COLLATE pg_numeric`.
    pub(super) fn set_type(&mut self, column: &str, declaration: &str) -> Result<(), Fault> {
        let mut new = inner(&format!("a {declaration}"))?;
        let new = new.columns.pop();
        let new = new.ok_or_else(|| Fault::unsupported("ALTER TABLE to this type"))?;
        let column = self.column(column)?;
        column.data_type = new.data_type;
        column
            .options
            .retain(|o| !matches!(o.option, ColumnOption::Collation(_)));
        column.options.splice(0..0, new.options);
        Ok(())
    }

    /// Takes away the check that holds a serial column to its type.
    pub(super) fn widen(&mut self, column: &str) -> Result<(), Fault> {
        let column = self.column(column)?;
        column.options.retain(|o| {
            let between = |e: &Expr| matches!(e, Expr::Between { .. });
            !matches!(&o.option, ColumnOption::Check(c) if o.name.is_none() && between(&c.expr))
        });
        Ok(())
    }

    pub(super) fn has_column(&self, name: &str) -> bool {
        self.create.columns.iter().any(|c| c.name.value == name)
    }

    pub(super) fn add_column(&mut self, text: &str) -> Result<(), Fault> {
        self.create.columns.append(&mut inner(text)?.columns);
        Ok(())
    }

    pub(super) fn drop_column(&mut self, name: &str) {
        self.create.columns.retain(|c| c.name.value != name);
    }

    pub(super) fn add_constraint(&mut self, text: &str) -> Result<(), Fault> {
        let mut new = inner(&format!("a,{text}"))?;
        self.create.constraints.append(&mut new.constraints);
        Ok(())
    }

    /// All names of constraints.
    pub(super) fn constraint_names(&self) -> Vec<&str> {
        let columns = self.create.columns.iter().flat_map(|c| &c.options);
        let columns = columns.filter_map(|o| o.name.as_ref());
        let tables = self.create.constraints.iter().filter_map(name_of);
        columns.chain(tables).map(|n| n.value.as_str()).collect()
    }

    pub(super) fn remove_constraint(&mut self, name: &str) -> Removed {
        let named = |n: Option<&Ident>| n.is_some_and(|n| n.value == name);
        let mut removed = Removed::Absent;
        let mut judge = |movable: bool| {
            removed = if movable {
                Removed::Done
            } else {
                Removed::Fixed
            };
            movable
        };
        for column in &mut self.create.columns {
            column.options.retain(|o| {
                let movable = matches!(
                    o.option,
                    ColumnOption::Check(_) | ColumnOption::ForeignKey(_)
                );
                !(named(o.name.as_ref()) && judge(movable))
            });
        }
        self.create.constraints.retain(|c| {
            let movable = matches!(
                c,
                TableConstraint::Check(_) | TableConstraint::ForeignKey(_)
            );
            !(named(name_of(c)) && judge(movable))
        });
        removed
    }

    pub(super) fn rename_constraint(&mut self, name: &str, new: &str) -> bool {
        let mut done = false;
        let mut rename = |ident: Option<&mut Ident>| {
            if let Some(ident) = ident.filter(|i| i.value == name) {
                *ident = Ident::with_quote('"', new);
                done = true;
            }
        };
        for option in self.create.columns.iter_mut().flat_map(|c| &mut c.options) {
            rename(option.name.as_mut());
        }
        for constraint in &mut self.create.constraints {
            rename(match constraint {
                TableConstraint::Check(c) => c.name.as_mut(),
                TableConstraint::ForeignKey(c) => c.name.as_mut(),
                TableConstraint::PrimaryKey(c) => c.name.as_mut(),
                TableConstraint::Unique(c) => c.name.as_mut(),
                _ => None,
            });
        }
        done
    }

    /// Takes out the foreign keys that point at a table; their names.
    pub(super) fn remove_references(&mut self, table: &str) -> Vec<String> {
        let points = |name: &sqlparser::ast::ObjectName| {
            let last = name.0.last().and_then(|p| p.as_ident());
            last.is_some_and(|i| i.value == table)
        };
        let mut names = Vec::new();
        for column in &mut self.create.columns {
            column.options.retain(|o| {
                let gone =
                    matches!(&o.option, ColumnOption::ForeignKey(k) if points(&k.foreign_table));
                if gone {
                    names.extend(o.name.as_ref().map(|n| n.value.clone()));
                }
                !gone
            });
        }
        self.create.constraints.retain(|c| {
            let gone = matches!(c, TableConstraint::ForeignKey(k) if points(&k.foreign_table));
            if gone {
                names.extend(name_of(c).map(|n| n.value.clone()));
            }
            !gone
        });
        names
    }

    /// Takes out the table's constraints that name a column.
    pub(super) fn remove_constraints_of(&mut self, column: &str) -> Removed {
        let mut removed = Removed::Absent;
        let quoted = quote(column);
        self.create.constraints.retain(|c| {
            if !c.to_string().contains(&quoted) {
                return true;
            }
            let movable = matches!(
                c,
                TableConstraint::Check(_) | TableConstraint::ForeignKey(_)
            );
            removed = match removed {
                Removed::Fixed => Removed::Fixed,
                _ if movable => Removed::Done,
                _ => Removed::Fixed,
            };
            !movable
        });
        removed
    }

    /// The foreign key that a column is part of.
    pub(super) fn foreign_key_of(&self, column: &str) -> Option<String> {
        let own = self.create.columns.iter().find(|c| c.name.value == column);
        let option = own.into_iter().flat_map(|c| &c.options);
        let mut named = option.filter(|o| matches!(o.option, ColumnOption::ForeignKey(_)));
        let text = |name: Option<&Ident>| name.map(|n| n.value.clone()).unwrap_or_default();
        if let Some(option) = named.next() {
            return Some(text(option.name.as_ref()));
        }
        self.create.constraints.iter().find_map(|c| match c {
            TableConstraint::ForeignKey(key) if key.columns.iter().any(|c| c.value == column) => {
                Some(text(key.name.as_ref()))
            }
            _ => None,
        })
    }

    /// Whether an expression of the table names a column.
    pub(super) fn computes_with(&self, column: &str) -> bool {
        let quoted = quote(column);
        let options = self.create.columns.iter().flat_map(|c| &c.options);
        let within = |o: &ColumnOptionDef| {
            matches!(
                o.option,
                ColumnOption::Check(_) | ColumnOption::Generated { .. }
            ) && o.to_string().contains(&quoted)
        };
        options.into_iter().any(within)
            || self
                .create
                .constraints
                .iter()
                .any(|c| matches!(c, TableConstraint::Check(_)) && c.to_string().contains(&quoted))
    }
}

fn name_of(constraint: &TableConstraint) -> Option<&Ident> {
    match constraint {
        TableConstraint::Check(c) => c.name.as_ref(),
        TableConstraint::ForeignKey(c) => c.name.as_ref(),
        TableConstraint::PrimaryKey(c) => c.name.as_ref(),
        TableConstraint::Unique(c) => c.name.as_ref(),
        _ => None,
    }
}

/// The name that a key's constraint was given.
pub(in crate::embedded) fn constraint_name(
    create: &CreateTable,
    kind: &str,
    columns: &[String],
) -> Option<String> {
    constraint_names(create, kind, columns).into_iter().next()
}

/// The names that the keys of these columns were given, in their order.
pub(in crate::embedded) fn constraint_names(
    create: &CreateTable,
    kind: &str,
    columns: &[String],
) -> Vec<String> {
    let mut found = Vec::new();
    for column in &create.columns {
        if columns != [column.name.value.clone()] {
            continue;
        }
        for option in &column.options {
            let same = matches!(
                (&option.option, kind),
                (ColumnOption::PrimaryKey(_), "p")
                    | (ColumnOption::Unique(_), "u")
                    | (ColumnOption::ForeignKey(_), "f")
            );
            if same && let Some(name) = &option.name {
                found.push(name.value.clone());
            }
        }
    }
    found.extend(create.constraints.iter().filter_map(|constraint| {
        let keys = |columns: &[IndexColumn]| -> Vec<String> {
            columns
                .iter()
                .map(|c| c.column.expr.to_string().trim_matches('"').to_owned())
                .collect()
        };
        let (word, name, names) = match constraint {
            TableConstraint::PrimaryKey(key) => ("p", &key.name, keys(&key.columns)),
            TableConstraint::Unique(key) => ("u", &key.name, keys(&key.columns)),
            TableConstraint::ForeignKey(key) => (
                "f",
                &key.name,
                key.columns.iter().map(|c| c.value.clone()).collect(),
            ),
            _ => return None,
        };
        let name = name.as_ref()?;
        (word == kind && names == columns).then(|| name.value.clone())
    }));
    found
}

/// The name of the key of these columns, by the table's definition: `p`, `u` or `f`.
pub(in crate::embedded) fn key_name(sql: &str, kind: &str, columns: &[String]) -> Option<String> {
    constraint_name(&parse(sql)?, kind, columns)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"CREATE TABLE "t"("id" INTEGER CONSTRAINT "t_pkey" PRIMARY KEY AUTOINCREMENT CHECK ("id" BETWEEN -1 AND 5),"n" numeric(6,2) COLLATE pg_numeric NOT NULL DEFAULT ('1.50') CONSTRAINT "n_check" CHECK ("n" COLLATE pg_numeric > '0' COLLATE pg_numeric),"p" int4 CONSTRAINT "p_fkey" REFERENCES "p"("a b") ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,"g" int8 GENERATED ALWAYS AS (pg_arith(43,20,"p",1)) STORED,CONSTRAINT "x" CHECK (NOT ("p" IS 1) AND ("n", "p") < ('1', 2)),CONSTRAINT "k" FOREIGN KEY ("p","g") REFERENCES "q"("a","b"))"#;

    #[test]
    fn definitions_are_changed_and_still_read_as_they_were() {
        let once = Definition::new(TEXT).unwrap().sql();
        assert_eq!(Definition::new(&once).unwrap().sql(), once);
        let connection = rusqlite::Connection::open_in_memory().unwrap();
        connection
            .create_collation("pg_numeric", |a, b| a.cmp(b))
            .unwrap();
        connection
            .create_scalar_function(
                "pg_arith",
                -1,
                rusqlite::functions::FunctionFlags::SQLITE_DETERMINISTIC
                    | rusqlite::functions::FunctionFlags::SQLITE_UTF8,
                |_| Ok(0),
            )
            .unwrap();
        connection.execute_batch(&once).unwrap();

        let mut table = Definition::new(TEXT).unwrap();
        table.set_not_null("n", false).unwrap();
        table.set_default("p", Some("7")).unwrap();
        table.set_type("p", "varchar(5)").unwrap();
        table.widen("id").unwrap();
        assert_eq!(table.remove_constraint("n_check"), Removed::Done);
        assert_eq!(table.remove_constraint("t_pkey"), Removed::Fixed);
        assert_eq!(table.remove_constraint("nope"), Removed::Absent);
        assert_eq!(table.remove_references("q"), ["k"]);
        assert!(table.computes_with("p") && !table.computes_with("id"));
        assert_eq!(table.remove_constraints_of("n"), Removed::Done);
        table.drop_column("g");
        assert!(table.rename_constraint("p_fkey", "f"));
        let sql = table.sql();
        assert_eq!(
            sql,
            r#"CREATE TABLE "t"("id" INTEGER CONSTRAINT "t_pkey" PRIMARY KEY AUTOINCREMENT,"n" NUMERIC(6,2) COLLATE pg_numeric DEFAULT ('1.50'),"p" VARCHAR(5) CONSTRAINT "f" REFERENCES "p" ("a b") ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED DEFAULT (7))"#
        );
        connection.execute_batch("DROP TABLE t").unwrap();
        connection.execute_batch(&sql).unwrap();
    }
}
