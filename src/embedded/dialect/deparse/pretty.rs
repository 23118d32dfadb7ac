//! What was shown once, with no more parentheses than it takes (the last argument of `pg_get_viewdef`
//! and the like).

use sqlparser::ast::{Expr, Statement};
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::parser::Parser;

use crate::embedded::dialect::deparse::{Printer, Trace, Written, parsed};
use crate::embedded::dialect::grammar::Parsed;
use crate::embedded::dialect::identifier;
use crate::embedded::dialect::parse::Script;
use crate::embedded::dialect::scope::fold;

/// The definition of a view, a constraint or an index.
pub(in crate::embedded) fn definition(text: &str) -> String {
    let check = text.strip_prefix("CHECK (");
    let new = if let Some(inner) = check.and_then(|tail| tail.strip_suffix(')')) {
        written(inner).map(|inner| format!("CHECK ({inner})"))
    } else if text.starts_with("CREATE ") {
        index(text)
    } else if text.starts_with([' ', '(']) {
        parsed(text).and_then(|query| {
            let query = print(&Trace::default(), |printer| printer.query(&query, None))?;
            Some(format!("{query};"))
        })
    } else {
        None
    };
    new.unwrap_or_else(|| text.to_owned())
}

/// An expression, or a column of an index.
pub(in crate::embedded) fn expression(text: &str) -> String {
    // Other than calls stand in parentheses in an index.
    let within = || written(text.strip_prefix("((")?.strip_suffix("))")?);
    match within() {
        Some(inner) => format!("({inner})"),
        None => written(text).unwrap_or_else(|| text.to_owned()),
    }
}

fn written(text: &str) -> Option<String> {
    let parser = Parser::new(&PostgreSqlDialect {}).try_with_sql(text).ok();
    let mut parser = parser?;
    let expr = parser.parse_expr().ok()?;
    parser
        .expect_token(&sqlparser::tokenizer::Token::EOF)
        .ok()?;
    print(&Trace::default(), |printer| printer.expr(&expr))
}

fn print<'t>(trace: &'t Trace, write: impl FnOnce(&mut Printer<'t>) -> Written) -> Option<String> {
    let mut printer = Printer::new(trace);
    printer.pretty = true;
    write(&mut printer).ok()?;
    Some(printer.out)
}

fn index(text: &str) -> Option<String> {
    let (head, tail) = text.split_once(" USING ")?;
    let (method, _) = tail.split_once('(')?;
    let Parsed::Known(statement) = Script::parse(text).ok()?.statements.into_iter().next()? else {
        return None;
    };
    let Statement::CreateIndex(create) = *statement else {
        return None;
    };
    let trace = Trace::default();
    print(&trace, |printer| {
        printer.put(&format!("{head} USING {method}("));
        for (at, key) in create.columns.iter().map(|c| &c.column).enumerate() {
            printer.put(if at > 0 { ", " } else { "" });
            let apart = matches!(key.expr, Expr::Nested(_));
            printer.put(if apart { "(" } else { "" });
            printer.expr(&key.expr)?;
            printer.put(if apart { ")" } else { "" });
            printer.direction(key);
        }
        printer.put(")");
        let included: Vec<String> = create
            .include
            .iter()
            .map(|c| identifier(&fold(c)))
            .collect();
        if !included.is_empty() {
            printer.put(&format!(" INCLUDE ({})", included.join(", ")));
        }
        if let Some(predicate) = &create.predicate {
            printer.put(" WHERE ");
            printer.expr(predicate)?;
        }
        Ok(())
    })
}
