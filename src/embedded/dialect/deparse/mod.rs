//! Queries and expressions as PostgreSQL shows them (ruleutils.c): each operator in parentheses, every
//! type that is not plain, `*` taken apart. A view's text is kept beside SQLite's, and written anew
//! when what it names gets another name.

mod call;
mod expr;
mod forms;
mod from;
mod literals;
mod member;
mod names;
mod order;
mod paren;
mod pretty;
mod query;
mod rename;
mod sides;
mod trace;

use postgres_types::Type;
use sqlparser::ast::{Expr, Query, Statement};

use crate::embedded::dialect::expr::Translator;
use crate::embedded::dialect::scope::Scope;
use crate::embedded::dialect::{Fault, Output, Parsed, Schema, Script};
pub(super) use expr::bare;
pub(in crate::embedded) use literals::{index_text, qualified, type_name, unqualified};
pub(super) use literals::{relabel, retype};
pub(in crate::embedded) use pretty::{
    definition as pretty_definition, expression as pretty_expression,
};
pub(super) use trace::{Named, Trace, address};

/// Before the text, in a comment of the view in SQLite.
pub(in crate::embedded) const VIEW_TEXT: &str = "/*pgtls-view ";

/// What gets another name: a table, or a column of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Renamed<'r> {
    pub(super) table: u32,
    pub(super) table_name: &'r str,
    pub(super) column: Option<i16>,
    pub(super) new: &'r str,
}

/// Why there is no text.
#[derive(Debug)]
pub(super) struct Unknown;

type Written = Result<(), Unknown>;

/// Writes one query or expression.
struct Printer<'t> {
    trace: &'t Trace,
    renamed: Option<Renamed<'t>>,
    /// Columns have no table in front: there is but one.
    alone: bool,
    /// With no more parentheses than it takes. What is written was written by this before, so that
    /// nothing is known of it, and nothing needs to be.
    pretty: bool,
    out: String,
    indent: usize,
    /// The list of the query at hand.
    items: Vec<&'t sqlparser::ast::SelectItem>,
}

impl<'t> Printer<'t> {
    fn new(trace: &'t Trace) -> Self {
        Self {
            trace,
            renamed: None,
            alone: false,
            pretty: false,
            out: String::new(),
            indent: 0,
            items: Vec::new(),
        }
    }
}

/// An expression over the columns of one table, and its type. It is of `wanted`, if it has no type
/// of its own.
pub(super) fn expression(
    schema: &dyn Schema,
    scope: &Scope<'_>,
    expr: &Expr,
    wanted: &Type,
) -> Option<(String, Type)> {
    let mut translator = Translator::new(schema, &[]);
    translator.trace = Some(Box::default());
    let kind = translator.expr(expr, scope).ok()?.kind().clone();
    let trace = translator.trace.take()?;
    let mut printer = Printer::new(&trace);
    printer.alone = true;
    match kind {
        Type::UNKNOWN => printer.operand(expr, wanted).ok()?,
        _ => printer.expr(expr).ok()?,
    }
    Some((
        printer.out,
        if kind == Type::UNKNOWN {
            wanted.clone()
        } else {
            kind
        },
    ))
}

/// The comment that keeps a text.
pub(super) fn comment(text: &str) -> String {
    // Nothing in it ends the comment.
    let text = text.replace('%', "%25").replace("*/", "%2A/");
    format!("{VIEW_TEXT}{text}*/")
}

/// The text in a view's statement, with `public.` before its tables.
pub(in crate::embedded) fn kept(sql: &str) -> Option<String> {
    let (_, tail) = sql.split_once(VIEW_TEXT)?;
    let (text, _) = tail.split_once("*/")?;
    Some(text.replace("%2A/", "*/").replace("%25", "%"))
}

/// A view's query, after it was translated with a trace, under these names.
pub(super) fn text(
    query: &Query,
    trace: &Trace,
    names: &[String],
    renamed: Option<Renamed<'_>>,
) -> Result<String, Unknown> {
    let mut printer = Printer::new(trace);
    printer.renamed = renamed;
    printer.query(query, Some(names))?;
    printer.out.push(';');
    Ok(printer.out)
}

/// The query of a text, if it is one.
pub(super) fn parsed(text: &str) -> Option<Box<Query>> {
    let script = Script::parse(text).ok()?;
    match script.statements.into_iter().next()? {
        Parsed::Known(statement) => match *statement {
            Statement::Query(query) => Some(query),
            _ => None,
        },
        Parsed::Own(_) => None,
    }
}

/// Translates a query and finds out what its names mean.
fn traced(schema: &dyn Schema, query: &Query) -> Result<(Box<Trace>, Vec<Output>), Fault> {
    let mut translator = Translator::new(schema, &[]);
    translator.trace = Some(Box::default());
    let (_, outputs) = translator.query(query, &Scope::default())?;
    Ok((translator.trace.take().unwrap_or_default(), outputs))
}

/// The text of a new view, whose columns are these.
pub(super) fn of(schema: &dyn Schema, query: &Query, outputs: &[Output]) -> String {
    let written = || -> Option<String> {
        let (trace, _) = traced(schema, query).ok()?;
        let names: Vec<String> = outputs.iter().map(|o| o.name.clone()).collect();
        let text = text(query, &trace, &names, None).ok()?;
        // It must be the same query.
        let (_, again) = traced(schema, &*parsed(&text)?).ok()?;
        let kind = |o: &Output| match o.ty.kind {
            Type::UNKNOWN => Type::TEXT,
            ref kind => kind.clone(),
        };
        let same = again.len() == outputs.len()
            && again
                .iter()
                .zip(outputs)
                .all(|(a, b)| a.name == b.name && kind(a) == kind(b));
        same.then_some(text)
    };
    // Else as it was written.
    written().unwrap_or_else(|| format!(" {query};"))
}

/// The text after something got another name; none if the view does not use it.
pub(super) fn renamed(
    schema: &dyn Schema,
    kept: &str,
    renamed: Renamed<'_>,
) -> Result<Option<String>, Unknown> {
    let query = parsed(kept).ok_or(Unknown)?;
    let (trace, outputs) = traced(schema, &query).map_err(|_| Unknown)?;
    if !trace.tables.values().any(|oid| *oid == renamed.table) {
        return Ok(None);
    }
    let names: Vec<String> = outputs.into_iter().map(|o| o.name).collect();
    let new = text(&query, &trace, &names, Some(renamed))?;
    Ok((new != kept).then_some(new))
}
