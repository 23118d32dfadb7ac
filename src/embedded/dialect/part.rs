//! Assignments to a part of a column: `SET a[1] = …`, `SET a[1:2] = …`, `SET j['k'] = …`
//! (PostgreSQL docs, "Modifying Arrays", "jsonb Subscripting").

use postgres_types::Type;
use sqlparser::ast::{
    AccessExpr, Expr, FunctionArg, FunctionArgExpr, FunctionArguments, Subscript,
};
use sqlparser::tokenizer::{Token, TokenWithSpan};

use crate::embedded::dialect::expr::{Sql, Translator};
use crate::embedded::dialect::scope::{Place, Scope};
use crate::embedded::dialect::spelling::is;
use crate::embedded::dialect::{Fault, Ty, types};
use crate::error_response::SqlState;

/// What such an assignment is written as: `a = pgtls_part(a[1], …)`.
const PART: &str = "pgtls_part";

/// Writes them so that the parser understands them.
pub(super) fn spell_parts(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    if !tokens.iter().any(|t| t.token == Token::LBracket) {
        return tokens;
    }
    let mut out: Vec<TokenWithSpan> = Vec::with_capacity(tokens.len());
    // How deep in parentheses, within what follows SET.
    let mut within: Option<usize> = None;
    let (mut target, mut open) = (false, false);
    let mut at = 0_usize;
    while let Some(token) = tokens.get(at) {
        at = at.saturating_add(1);
        let Some(depth) = within else {
            if is(&token.token, "SET") {
                (within, target) = (Some(0), true);
            }
            out.push(token.clone());
            continue;
        };
        let after_distinct = || {
            let mut said = out.iter().rev().filter(|t| !is_blank(t));
            said.next().is_some_and(|t| is(&t.token, "DISTINCT"))
        };
        let ends = match &token.token {
            Token::SemiColon | Token::EOF => true,
            Token::RParen if depth == 0 => true,
            word @ Token::Word(_) if depth == 0 => {
                is(word, "WHERE") || is(word, "RETURNING") || is(word, "FROM") && !after_distinct()
            }
            _ => false,
        };
        let close = |out: &mut Vec<TokenWithSpan>| {
            out.push(TokenWithSpan {
                token: Token::RParen,
                span: token.span,
            });
        };
        if open && (ends || depth == 0 && token.token == Token::Comma) {
            open = false;
            close(&mut out);
        }
        match &token.token {
            _ if ends => within = None,
            Token::LParen | Token::LBracket => within = Some(depth.saturating_add(1)),
            Token::RParen | Token::RBracket => within = Some(depth.saturating_sub(1)),
            Token::Comma if depth == 0 => target = true,
            Token::Whitespace(_) => {}
            Token::Word(_) if target && depth == 0 => {
                target = false;
                if let Some(end) = subscripts(&tokens, at) {
                    let span = token.span;
                    let mut put = |token: Token| out.push(TokenWithSpan { token, span });
                    put(token.token.clone());
                    put(Token::Eq);
                    put(Token::make_word(PART, None));
                    put(Token::LParen);
                    out.push(token.clone());
                    out.extend(tokens.get(at..end).unwrap_or_default().iter().cloned());
                    at = end.saturating_add(1);
                    out.push(TokenWithSpan {
                        token: Token::Comma,
                        span,
                    });
                    open = true;
                    continue;
                }
            }
            _ => target = false,
        }
        out.push(token.clone());
    }
    if open && let Some(last) = tokens.last() {
        out.push(TokenWithSpan {
            token: Token::RParen,
            span: last.span,
        });
    }
    out
}

/// Where the `=` behind the subscripts is, if there are some.
fn subscripts(tokens: &[TokenWithSpan], from: usize) -> Option<usize> {
    let mut depth = 0_usize;
    let mut any = false;
    for (at, token) in tokens.iter().enumerate().skip(from) {
        match &token.token {
            Token::LBracket => (depth, any) = (depth.saturating_add(1), true),
            Token::RBracket => depth = depth.checked_sub(1)?,
            Token::Eq if depth == 0 => return any.then_some(at),
            Token::Whitespace(_) => {}
            _ if depth == 0 => return None,
            _ => {}
        }
    }
    None
}

fn is_blank(token: &TokenWithSpan) -> bool {
    matches!(token.token, Token::Whitespace(_))
}

/// The subscripts of such an assignment, and its value.
pub(super) fn part_of(value: &Expr) -> Option<(&[AccessExpr], &Expr)> {
    let Expr::Function(call) = value else {
        return None;
    };
    let FunctionArguments::List(list) = &call.args else {
        return None;
    };
    match list.args.as_slice() {
        [
            FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::CompoundFieldAccess {
                access_chain,
                ..
            })),
            FunctionArg::Unnamed(FunctionArgExpr::Expr(value)),
        ] if call.name.to_string() == PART => Some((access_chain, value)),
        _ => None,
    }
}

impl Translator<'_> {
    /// The column's new value, from its old one.
    pub(super) fn assign_part(
        &mut self,
        old: &str,
        (name, ty): (&str, &Ty),
        (chain, value): (&[AccessExpr], &Expr),
        scope: &Scope<'_>,
    ) -> Result<String, Fault> {
        let given = self.expr(value, scope)?;
        if ty.kind == Type::JSONB {
            let mut path = Vec::new();
            for access in chain {
                let AccessExpr::Subscript(Subscript::Index { index }) = access else {
                    return Err(Fault::new(
                        SqlState::DATATYPE_MISMATCH,
                        "jsonb subscript does not support slices",
                    )
                    .at(value));
                };
                let step = self.expr(index, scope)?;
                let step = self.settle_as(step, &Type::TEXT)?;
                if !types::is_text(step.kind()) && !matches!(*step.kind(), Type::INT2 | Type::INT4)
                {
                    return Err(Fault::new(
                        SqlState::DATATYPE_MISMATCH,
                        format!(
                            "subscript type {} is not supported",
                            types::show(step.kind(), -1)
                        ),
                    )
                    .with_hint("jsonb subscript must be coercible to either integer or text.")
                    .at(index));
                }
                path.push(step.text);
            }
            let given = self.assign(given, name, &Type::JSONB.into()).at(value)?;
            return Ok(format!(
                "pg_jsonb_part({old},{},{})",
                given.text,
                path.join(",")
            ));
        }
        let Some(element) = types::element(&ty.kind) else {
            return Err(Fault::new(
                SqlState::DATATYPE_MISMATCH,
                format!(
                    "cannot subscript type {} because it does not support subscripting",
                    types::show(&ty.kind, -1)
                ),
            )
            .at(value));
        };
        let [AccessExpr::Subscript(subscript)] = chain else {
            return Err(Fault::unsupported("arrays of several dimensions").at(value));
        };
        let (bounds, source) = match subscript {
            Subscript::Index { index } => {
                let index = self.expr_of(index, scope, Type::INT4)?.text;
                let of_element = Ty {
                    kind: element.clone(),
                    modifier: ty.modifier,
                };
                let given = self.assign(given, name, &of_element).at(value)?;
                let source = format!("pg_array({},{})", element.oid(), given.text);
                ([index.clone(), index], source)
            }
            Subscript::Slice {
                lower_bound,
                upper_bound,
                stride: None,
            } => {
                let mut bound = |bound: &Option<Expr>| match bound {
                    Some(bound) => self.expr_of(bound, scope, Type::INT4).map(|sql| sql.text),
                    None => Ok("''".into()),
                };
                let bounds = [bound(lower_bound)?, bound(upper_bound)?];
                let whole: Sql = self.assign(given, name, ty).at(value)?;
                (bounds, whole.text)
            }
            Subscript::Slice { .. } => return Err(Fault::unsupported("this subscript").at(value)),
        };
        Ok(format!(
            "pg_array_part({old},{},{},{source})",
            ty.kind.oid(),
            bounds.join(",")
        ))
    }
}

#[cfg(test)]
mod tests {
    use sqlparser::dialect::PostgreSqlDialect;
    use sqlparser::tokenizer::Tokenizer;

    use super::*;

    #[test]
    fn what_is_in_brackets_behind_set_is_a_part() {
        for (said, meant) in [
            ("update t set a[1]=2", "update t set a=pgtls_part(a[1],2)"),
            (
                "update t set a[1]=2; set x=1",
                "update t set a=pgtls_part(a[1],2); set x=1",
            ),
            (
                "update t set x=1, a [ b[1] ] [2:] = f(1, 2) , y=3 where a[1]=2",
                "update t set x=1, a=pgtls_part(a [ b[1] ] [2:] , f(1, 2) ), y=3 where a[1]=2",
            ),
            (
                "update t set a['k']=b is distinct from c from u returning a[1]=2; select a[1]=2",
                "update t set a=pgtls_part(a['k'],b is distinct from c )from u returning a[1]=2; select a[1]=2",
            ),
            (
                "with w as (update t set a[1]=(select 1 from u)) select a[1]=2",
                "with w as (update t set a=pgtls_part(a[1],(select 1 from u))) select a[1]=2",
            ),
            ("select a[1]=2, b[1]=3", "select a[1]=2, b[1]=3"),
            ("update t set a[1", "update t set a[1"),
            ("update t set a]1=2", "update t set a]1=2"),
        ] {
            let tokens = Tokenizer::new(&PostgreSqlDialect {}, said)
                .tokenize_with_location()
                .unwrap();
            let spelled: String = spell_parts(tokens)
                .iter()
                .map(|t| t.token.to_string())
                .filter(|t| t != "EOF")
                .collect();
            assert_eq!(spelled, meant);
        }
    }
}
