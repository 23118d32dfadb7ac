//! COPY FROM STDIN and TO STDOUT.

use sqlparser::ast::{
    CopyLegacyCsvOption, CopyLegacyOption, CopyOption, CopySource, CopyTarget, Expr, Ident,
    ObjectName,
};

use crate::embedded::dialect::dml::own_target;
use crate::embedded::dialect::expr::Translator;
use crate::embedded::dialect::from::relation_of;
use crate::embedded::dialect::scope::{Place, Scope, fold};
use crate::embedded::dialect::{Fault, Output, quote};
use crate::error_response::SqlState;
use crate::server::CopyOptions;

/// A COPY: the query that gives its rows, or the INSERT that takes each.
#[derive(Clone, Debug)]
pub(in crate::embedded) struct Copy {
    pub(in crate::embedded) sql: String,
    /// The table's name, for messages.
    pub(in crate::embedded) table: String,
    pub(in crate::embedded) columns: Vec<Output>,
    /// FROM STDIN.
    pub(in crate::embedded) from: bool,
    pub(in crate::embedded) options: CopyOptions,
}

impl Translator<'_> {
    pub(super) fn copy(
        &mut self,
        source: &CopySource,
        to: bool,
        target: &CopyTarget,
        options: CopyOptions,
    ) -> Result<Copy, Fault> {
        if !matches!(
            (target, to),
            (CopyTarget::Stdin, false) | (CopyTarget::Stdout, true)
        ) {
            return Err(Fault::new(
                SqlState::INSUFFICIENT_PRIVILEGE,
                "permission denied to COPY to or from a file or program",
            )
            .with_hint("Anyone can COPY to stdout or from stdin. psql's \\copy command also works for anyone."));
        }
        let (sql, table, columns) = match source {
            CopySource::Table {
                table_name,
                columns,
            } if to => self.copy_out(table_name, columns)?,
            CopySource::Table {
                table_name,
                columns,
            } => self.copy_in(table_name, columns)?,
            CopySource::Query(query) if to => {
                let (sql, columns) = self.query(query, &Scope::default())?;
                let (sql, columns) = self.presented(sql, columns)?;
                (sql, String::new(), columns)
            }
            CopySource::Query(_) => {
                return Err(Fault::new(
                    SqlState::SYNTAX_ERROR,
                    "syntax error at or near \"FROM\"",
                ));
            }
        };
        Ok(Copy {
            sql,
            table,
            columns,
            from: !to,
            options,
        })
    }

    fn copy_out(
        &mut self,
        name: &ObjectName,
        columns: &[Ident],
    ) -> Result<(String, String, Vec<Output>), Fault> {
        let table = self.table(name)?;
        if table.view {
            return Err(Fault::new(
                SqlState::WRONG_OBJECT_TYPE,
                format!("cannot copy from view \"{}\"", table.name),
            )
            .with_hint("Try the COPY (SELECT ...) TO variant."));
        }
        let mut scope = Scope::default();
        scope.add(relation_of(&table, table.name.clone()))?;
        let all: Vec<Ident> = table
            .columns
            .iter()
            .filter(|c| !c.generated)
            .map(|c| Ident::with_quote('"', &*c.name))
            .collect();
        let names = if columns.is_empty() { &all } else { columns };
        let (mut items, mut outputs) = (Vec::new(), Vec::new());
        for name in names {
            let sql = self.expr(&Expr::Identifier(name.clone()), &scope)?;
            items.push(sql.text);
            outputs.push(Output {
                name: fold(name),
                ty: sql.ty,
                origin: None,
            });
        }
        let sql = format!(
            "SELECT {} FROM {} AS {}",
            items.join(","),
            table.sql,
            quote(&table.name)
        );
        Ok((sql, table.name.clone(), outputs))
    }

    /// An INSERT with a parameter for each column.
    fn copy_in(
        &self,
        name: &ObjectName,
        columns: &[Ident],
    ) -> Result<(String, String, Vec<Output>), Fault> {
        let table = self.table(name)?;
        own_target(&table).at(name)?;
        let mut targets = Vec::new();
        for column in columns {
            targets.push(self.target_column(&table, column)?.clone());
        }
        if columns.is_empty() {
            targets = table
                .columns
                .iter()
                .filter(|c| !c.generated)
                .cloned()
                .collect();
        }
        let names: Vec<String> = targets.iter().map(|c| quote(&c.name)).collect();
        let values: Vec<String> = (1..=targets.len()).map(|n| format!("?{n}")).collect();
        let sql = format!(
            "INSERT INTO {}({}) VALUES ({})",
            table.sql,
            names.join(","),
            values.join(",")
        );
        let outputs = targets
            .into_iter()
            .map(|c| Output {
                name: c.name,
                ty: c.ty,
                origin: None,
            })
            .collect();
        Ok((sql, table.name.clone(), outputs))
    }
}

/// The options, in the words that `CopyOptions` takes.
pub(super) fn options(
    options: &[CopyOption],
    legacy: &[CopyLegacyOption],
) -> Result<CopyOptions, Fault> {
    let mut given: Vec<(&str, Option<String>)> = Vec::new();
    for option in options {
        given.push(match option {
            CopyOption::Format(format) => ("format", Some(fold(format))),
            CopyOption::Freeze(freeze) => ("freeze", Some(freeze.to_string())),
            CopyOption::Delimiter(c) => ("delimiter", Some(c.to_string())),
            CopyOption::Null(text) => ("null", Some(text.clone())),
            CopyOption::Header(header) => ("header", Some(header.to_string())),
            CopyOption::Quote(c) => ("quote", Some(c.to_string())),
            CopyOption::Escape(c) => ("escape", Some(c.to_string())),
            CopyOption::Encoding(name) => ("encoding", Some(name.clone())),
            other => return Err(Fault::unsupported(format!("COPY with {other}"))),
        });
    }
    for option in legacy {
        match option {
            CopyLegacyOption::Binary => given.push(("format", Some("binary".into()))),
            CopyLegacyOption::Csv(options) => {
                given.push(("format", Some("csv".into())));
                for option in options {
                    given.push(match option {
                        CopyLegacyCsvOption::Header => ("header", None),
                        CopyLegacyCsvOption::Quote(c) => ("quote", Some(c.to_string())),
                        CopyLegacyCsvOption::Escape(c) => ("escape", Some(c.to_string())),
                        other => return Err(Fault::unsupported(format!("COPY with {other}"))),
                    });
                }
            }
            CopyLegacyOption::Delimiter(c) => given.push(("delimiter", Some(c.to_string()))),
            CopyLegacyOption::Null(text) => given.push(("null", Some(text.clone()))),
            CopyLegacyOption::Header => given.push(("header", None)),
            other => return Err(Fault::unsupported(format!("COPY with {other}"))),
        }
    }
    CopyOptions::parse(given.iter().map(|(name, value)| (*name, value.as_deref())))
        .map_err(|e| Fault::new(e.code(), e.message().to_owned()))
}
