//! PostgreSQL's dialect on SQLite: statements are parsed, their names and types resolved, and
//! written anew. What has no counterpart is refused with 0A000, never answered wrongly.

mod alter;
mod alter_column;
mod alter_constraint;
mod alter_sequence;
mod catalog;
mod check_name;
mod collection;
mod comment;
mod contain;
mod copy;
mod create_as;
mod create_index;
mod ddl;
mod definition;
mod deparse;
mod distinct;
mod dml;
mod drop;
mod enum_type;
mod explain;
mod expr;
mod from;
mod function;
mod grammar;
mod grant;
mod grouping_sets;
mod identity;
mod index_options;
mod join;
mod keywords;
mod lateral;
mod lexical;
mod locking;
mod made_names;
mod merge;
mod named;
mod operator;
mod origin;
mod output_name;
mod parse;
mod part;
mod plan;
mod plpgsql;
mod postgres;
mod records;
mod references;
mod refusals;
mod returning;
mod row;
mod row_locks;
mod schemas;
mod scope;
mod select;
mod sequence;
mod sequence_cache;
mod set_operation;
mod sets;
mod shown;
mod sizes;
mod small;
mod spelling;
mod staged;
pub(super) mod types;
mod undo;
mod untyped;
mod update;
mod utility;
mod with;
mod with_changes;

use std::borrow::Cow;
use std::rc::Rc;

use postgres_types::Type;
use sqlparser::ast::{Ident, Spanned, Statement};
use sqlparser::tokenizer::Location;

use crate::error_response::{ErrorResponse, SqlState};
pub(super) use comment::{COMMENTS, CONSTRAINT_COMMENTS};
pub(super) use copy::Copy;
pub(super) use create_index::nulls_order;
pub(super) use ddl::{NOT_NULL_KEY, VIEW_TYPES};
pub(super) use definition::{
    PRIMARY_MARK, Step, UNIQUE_MARK, constraint_name, constraint_names, key_name,
    stands_for_constraint,
};
pub(super) use deparse::{
    index_text, kept as view_text, pretty_definition, pretty_expression, qualified, type_name,
    unqualified,
};
pub(super) use function::known_functions;
pub(super) use grammar::Parsed;
pub(super) use identity::{ALWAYS, BY_DEFAULT, identity_mark};
pub(super) use index_options::IndexOptions;
pub(super) use named::{Direction, Names, OpenCursor, no_cursor};
pub(super) use parse::Script;
pub(super) use plan::Plan;
pub(super) use plpgsql::{Block, Raise, Statement as BlockStatement, What, fits};
pub(super) use references::{foreign_key, waits};
pub(super) use sequence::{OWNED, SEQUENCES, Sequence, bare_name, no_sequence, serial_name};
pub(super) use sequence_cache::CACHES;
pub(super) use shown::{expression as shown_expression, identifier, said as shown_mark};
pub(super) use staged::{Keeps, Last, MAX_COPY, Stage, Staged};
pub(super) use types::Ty;

/// Why a statement is refused, and where in the text.
#[derive(Clone, Debug)]
pub(super) struct Fault {
    pub(super) code: SqlState,
    message: Cow<'static, str>,
    detail: Option<String>,
    hint: Option<&'static str>,
    at: Option<Location>,
}

impl Fault {
    pub(super) fn new(code: SqlState, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code,
            message: message.into(),
            detail: None,
            hint: None,
            at: None,
        }
    }

    /// 0A000, with the construct's name.
    pub(super) fn unsupported(what: impl std::fmt::Display) -> Self {
        Self::new(
            SqlState::FEATURE_NOT_SUPPORTED,
            format!("{what} is not supported"),
        )
    }

    pub(super) fn with_detail(mut self, detail: String) -> Self {
        self.detail = Some(detail);
        self
    }

    pub(super) fn with_hint(mut self, hint: &'static str) -> Self {
        self.hint = Some(hint);
        self
    }

    /// Where; the innermost place stands.
    pub(super) fn at(self, node: &impl Spanned) -> Self {
        self.from(node.span().start)
    }

    pub(super) fn at_name(self, name: &Ident) -> Self {
        self.from(name.span.start)
    }

    fn from(mut self, start: Location) -> Self {
        if self.at.is_none() && start.line > 0 {
            self.at = Some(start);
        }
        self
    }

    pub(super) fn detail(&self) -> Option<&str> {
        self.detail.as_deref()
    }

    pub(super) fn message(&self) -> &str {
        &self.message
    }

    /// As the client is told it.
    pub(super) fn respond(self, script: Option<&Script>) -> ErrorResponse {
        let mut answer = ErrorResponse::error(self.code, self.message);
        if let Some(detail) = self.detail {
            answer = answer.with_detail(detail);
        }
        if let Some(hint) = self.hint {
            answer = answer.with_hint(hint);
        }
        match self
            .at
            .zip(script)
            .and_then(|(at, script)| script.position(at))
        {
            Some(position) => answer.with_position(position),
            None => answer,
        }
    }
}

/// Tables and views, as SQLite has them.
pub(super) trait Schema {
    /// The table of that name, `None` if there is none. Without a namespace it is looked for
    /// among the temporary, the user's own, and the system's.
    fn table(&self, namespace: Option<&str>, name: &str) -> Result<Option<Rc<Table>>, Fault>;

    fn index_exists(&self, name: &str) -> Result<bool, Fault>;

    /// The database of an index that was made by a statement, and the statement.
    fn index_text(&self, name: &str) -> Result<Option<(String, String)>, Fault>;

    /// The indexes of a table.
    fn indexes(&self, table: &Table) -> Result<Vec<Index>, Fault>;

    /// The tables with foreign keys to one of the user's own.
    fn referencing(&self, table: &str) -> Result<Vec<String>, Fault>;

    /// The views and their texts.
    fn views(&self) -> Result<Vec<(String, String)>, Fault>;

    /// The same, and those of temporary ones.
    fn all_views(&self) -> Result<Vec<View>, Fault>;

    /// A sequence, as it is read like a table.
    fn sequence_rows(&self, name: &str) -> Result<Option<Rc<Table>>, Fault>;

    /// Whether there is such a sequence, other than those of serial columns.
    fn has_sequence(&self, name: &str) -> Result<bool, Fault>;

    /// All of them.
    fn sequence_names(&self) -> Result<Vec<String>, Fault>;

    /// What is known of such a sequence.
    fn sequence(&self, name: &str) -> Result<Option<Sequence>, Fault>;

    /// The table whose serial column has this sequence.
    fn serial_of(&self, name: &str) -> Result<Option<String>, Fault>;

    /// Whether any sequence is owned by a column that does not count by itself.
    fn has_owned(&self) -> Result<bool, Fault>;

    /// The user's own tables with this in their definitions.
    fn tables_with(&self, text: &str) -> Result<Vec<String>, Fault>;

    /// SQLite's plan for a statement: each row's number, that of the one it belongs to, and its text.
    fn plan_of(&self, sql: &str) -> Result<Vec<(i64, i64, String)>, Fault>;

    /// Whether there is this table of our own.
    fn keeps(&self, table: &str) -> Result<bool, Fault>;

    /// The statement reads `pg_catalog` without naming a table of it.
    fn use_catalog(&self);
}

/// What is known of a table.
#[derive(Debug)]
pub(super) struct Table {
    /// `"main"."t"`.
    pub(super) sql: String,
    pub(super) database: &'static str,
    /// Its number in `pg_class`; 0 for the system's own.
    pub(super) oid: u32,
    /// The statement that would make it, in SQLite's words.
    pub(super) definition: String,
    pub(super) name: String,
    pub(super) view: bool,
    /// Of `pg_catalog` and `information_schema`: nobody writes there.
    pub(super) system: bool,
    pub(super) columns: Vec<TableColumn>,
}

/// A view.
pub(super) struct View {
    pub(super) database: &'static str,
    pub(super) name: String,
    /// The statement that makes it, in SQLite's words.
    pub(super) sql: String,
}

/// An index of a table.
#[derive(Clone, Debug)]
pub(super) struct Index {
    pub(super) name: String,
    /// None if it is part of the table.
    pub(super) sql: Option<String>,
    /// Its columns; `None` is an expression.
    pub(super) columns: Vec<Option<String>>,
    pub(super) unique: bool,
    /// It stands for a constraint that was made with it.
    pub(super) constraint: bool,
}

/// A column of a table.
#[derive(Clone, Debug)]
pub(super) struct TableColumn {
    pub(super) name: String,
    pub(super) ty: Ty,
    pub(super) not_null: bool,
    /// The default in SQLite's words.
    pub(super) default: Option<String>,
    /// Computed from others, it takes no value.
    pub(super) generated: bool,
    /// The row's number in SQLite: it counts by itself.
    pub(super) counts: bool,
    /// An identity column, as `pg_attribute.attidentity` has it.
    pub(super) identity: &'static str,
    /// Part of the primary key.
    pub(super) key: bool,
}

impl TableColumn {
    /// The default as PostgreSQL shows it.
    pub(super) fn shown_default(&self, table: &str, view: bool) -> Option<String> {
        if self.counts && self.identity.is_empty() && !view {
            let name = serial_name(table, &self.name);
            return Some(format!(
                "nextval({}::regclass)",
                literal(&identifier(&name))
            ));
        }
        // That of an identity column is no default of its own, and DEFAULT NULL is none.
        self.default
            .as_ref()
            .filter(|_| self.identity.is_empty())
            .filter(|sql| !sql.trim_matches(['(', ')']).eq_ignore_ascii_case("null"))
            .map(|sql| shown::default(sql, &self.ty))
    }
}

/// A column of a result.
#[derive(Clone, Debug)]
pub(super) struct Output {
    pub(super) name: String,
    pub(super) ty: Ty,
    /// The table that the value is from, and the column's number there.
    pub(super) origin: Option<(u32, i16)>,
}

impl Output {
    pub(super) fn new(name: impl Into<String>, ty: impl Into<Ty>) -> Self {
        Self {
            name: name.into(),
            ty: ty.into(),
            origin: None,
        }
    }
}

/// Two results are alike if their columns are, wherever they come from.
impl PartialEq for Output {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.ty == other.ty
    }
}

/// A statement in SQLite's dialect.
#[derive(Clone, Debug)]
pub(super) struct Translated {
    pub(super) plan: Plan,
    /// The types of `$1`, `$2`, ….
    pub(super) parameters: Vec<Type>,
}

impl Translated {
    /// A cursor is shown with the text that declared it.
    pub(super) fn of_text(mut self, text: Option<&str>) -> Self {
        if let (Plan::Declare { cursor, .. }, Some(text)) = (&mut self.plan, text) {
            text.trim_end_matches(';').clone_into(&mut cursor.statement);
        }
        self
    }
}

/// Translates a statement. `declared` are the parameters' types as far as the client says them.
pub(super) fn translate(
    statement: &Parsed,
    schema: &dyn Schema,
    declared: &[Option<Type>],
) -> Result<Translated, Fault> {
    match statement {
        Parsed::Known(statement) => translate_known(statement, schema, declared),
        Parsed::Own(own) => Ok(Translated {
            plan: expr::Translator::new(schema, declared).own(own)?,
            parameters: Vec::new(),
        }),
    }
}

fn translate_known(
    statement: &Statement,
    schema: &dyn Schema,
    declared: &[Option<Type>],
) -> Result<Translated, Fault> {
    let mut translator = expr::Translator::new(schema, declared);
    let mut plan = translator.statement(statement)?;
    let draws = std::mem::take(&mut translator.draws);
    if translator.draws_rows {
        plan = sequence::drawing_rows(plan);
    }
    if !draws.is_empty() || translator.draws_rows && matches!(plan, Plan::Query { .. }) {
        let inner = Box::new(plan);
        plan = Plan::Drawing { draws, plan: inner };
    }
    let parameters = translator.parameters()?;
    Ok(Translated { plan, parameters })
}

/// A query in SQLite's words, whose names are those of the system.
pub(super) fn query_text(schema: &dyn Schema, text: &str) -> Option<String> {
    let query = deparse::parsed(text)?;
    let mut translator = expr::Translator::new(schema, &[]);
    let translated = translator.query(&query, &scope::Scope::default());
    debug_assert!(translated.is_ok(), "{text}: {translated:?}");
    translated.ok().map(|(text, _)| text)
}

/// An identifier in SQLite's quotes.
pub(super) fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A text in SQLite's quotes.
pub(super) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
