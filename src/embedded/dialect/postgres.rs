//! The parser's PostgreSQL, and what it leaves out of it.

use std::any::TypeId;

use sqlparser::ast::{BinaryOperator, CastKind, DataType, Expr, UnaryOperator};
use sqlparser::dialect::{BindPlaceholderStyle, Dialect, PostgreSqlDialect, Precedence};
use sqlparser::keywords::Keyword;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::Token;

use crate::embedded::dialect::spelling::is;

/// Words that are no name of a column of a result without AS before them: `pg_get_keywords()` where
/// `barelabel` is false, but ISNULL, which is no word of the parser's.
const NO_LABEL: &[Keyword] = &[
    Keyword::ARRAY,
    Keyword::AS,
    Keyword::CHAR,
    Keyword::CHARACTER,
    Keyword::CREATE,
    Keyword::DAY,
    Keyword::EXCEPT,
    Keyword::FETCH,
    Keyword::FILTER,
    Keyword::FOR,
    Keyword::FROM,
    Keyword::GRANT,
    Keyword::GROUP,
    Keyword::HAVING,
    Keyword::HOUR,
    Keyword::INTERSECT,
    Keyword::INTO,
    Keyword::LIMIT,
    Keyword::MINUTE,
    Keyword::MONTH,
    Keyword::NOTNULL,
    Keyword::OFFSET,
    Keyword::ON,
    Keyword::ORDER,
    Keyword::OVER,
    Keyword::OVERLAPS,
    Keyword::PRECISION,
    Keyword::RETURNING,
    Keyword::SECOND,
    Keyword::TO,
    Keyword::UNION,
    Keyword::VARYING,
    Keyword::WHERE,
    Keyword::WINDOW,
    Keyword::WITH,
    Keyword::WITHIN,
    Keyword::WITHOUT,
    Keyword::YEAR,
];

/// The parser's dialect.
#[derive(Debug)]
pub(super) struct Postgres;

const BASE: PostgreSqlDialect = PostgreSqlDialect {};

/// What is as in the parser's own.
macro_rules! as_in_base {
    ($($name:ident)*) => {
        $(fn $name(&self) -> bool {
            BASE.$name()
        })*
    };
}

impl Dialect for Postgres {
    fn dialect(&self) -> TypeId {
        BASE.dialect()
    }

    as_in_base! {
        allow_extract_custom allow_extract_single_quotes supports_add_column_if_not_exists
        supports_aliased_function_args supports_alter_column_type_using
        supports_alter_user_as_alter_role supports_array_typedef_with_brackets
        supports_attach_partition_of supports_bitwise_shift_operators
        supports_column_generic_options supports_comma_separated_trim supports_comment_on
        supports_comment_optimizer_hint supports_comparison_in_between_low_bound
        supports_copy_from_stdin_data supports_create_group supports_create_index_with_clause
        supports_create_role_if_not_exists supports_create_table_like_parenthesized
        supports_cte_materialization supports_detach_partition_of supports_drop_group
        supports_empty_projections supports_exclude_constraint
        supports_explain_with_utility_options supports_factorial_operator
        supports_filter_during_aggregation supports_geometric_types supports_group_by_expr
        supports_insert_table_alias supports_interval_options
        supports_left_associative_joins_without_parens supports_listen_notify
        supports_load_extension supports_named_fn_args_with_assignment_operator
        supports_named_fn_args_with_colon_operator supports_named_fn_args_with_expr_name
        supports_nested_comments supports_non_decimal_integer_literals supports_notnull_operator
        supports_numeric_literal_underscores supports_order_by_using_operator
        supports_select_wildcard_with_alias supports_set_names supports_sql_option_without_value
        supports_string_escape_constant supports_table_inheritance_markers
        supports_tilde_like_match_operator supports_unicode_string_literal supports_xml_expressions
    }

    fn identifier_quote_style(&self, identifier: &str) -> Option<char> {
        BASE.identifier_quote_style(identifier)
    }

    fn ordered_bind_placeholder_style(&self) -> Option<BindPlaceholderStyle> {
        BASE.ordered_bind_placeholder_style()
    }

    fn is_delimited_identifier_start(&self, ch: char) -> bool {
        BASE.is_delimited_identifier_start(ch)
    }

    fn is_identifier_start(&self, ch: char) -> bool {
        BASE.is_identifier_start(ch)
    }

    fn is_identifier_part(&self, ch: char) -> bool {
        BASE.is_identifier_part(ch)
    }

    fn is_reserved_for_identifier(&self, word: Keyword) -> bool {
        BASE.is_reserved_for_identifier(word)
    }

    fn is_table_alias(&self, word: &Keyword, parser: &mut Parser<'_>) -> bool {
        BASE.is_table_alias(word, parser)
    }

    fn is_column_alias(&self, word: &Keyword, _: &mut Parser<'_>) -> bool {
        !NO_LABEL.contains(word)
    }

    fn supports_string_literal_column_alias(&self, explicit: bool) -> bool {
        BASE.supports_string_literal_column_alias(explicit)
    }

    fn supports_string_literal_table_alias(&self, explicit: bool) -> bool {
        BASE.supports_string_literal_table_alias(explicit)
    }

    fn is_custom_operator_part(&self, ch: char) -> bool {
        BASE.is_custom_operator_part(ch)
    }

    fn is_interval_qualifier(&self, word: Keyword) -> bool {
        BASE.is_interval_qualifier(word)
    }

    fn is_custom_type_typed_string(&self, first: Keyword, qualified: bool) -> bool {
        BASE.is_custom_type_typed_string(first, qualified)
    }

    fn prec_value(&self, precedence: Precedence) -> u8 {
        BASE.prec_value(precedence)
    }

    fn get_next_precedence(&self, parser: &Parser<'_>) -> Option<Result<u8, ParserError>> {
        match is(&parser.peek_token_ref().token, "ISNULL") {
            true => Some(Ok(BASE.prec_value(Precedence::Is))),
            false => BASE.get_next_precedence(parser),
        }
    }

    fn parse_prefix(&self, parser: &mut Parser<'_>) -> Option<Result<Expr, ParserError>> {
        precise_interval(parser)
            .transpose()
            .or_else(|| prefix_operator(parser).transpose())
            .or_else(|| BASE.parse_prefix(parser))
    }

    fn parse_infix(
        &self,
        parser: &mut Parser<'_>,
        expr: &Expr,
        precedence: u8,
    ) -> Option<Result<Expr, ParserError>> {
        if is(&parser.peek_token_ref().token, "ISNULL") {
            parser.advance_token();
            return Some(Ok(Expr::IsNull(Box::new(expr.clone()))));
        }
        between(parser, expr)
            .transpose()
            .or_else(|| BASE.parse_infix(parser, expr, precedence))
    }
}

/// `x BETWEEN SYMMETRIC a AND b` is `x BETWEEN a AND b OR x BETWEEN b AND a`.
fn between(parser: &mut Parser<'_>, expr: &Expr) -> Result<Option<Expr>, ParserError> {
    let words = |parser: &mut Parser<'_>, last| {
        let negated = parser.parse_keywords(&[Keyword::NOT, Keyword::BETWEEN, last]);
        (negated || parser.parse_keywords(&[Keyword::BETWEEN, last])).then_some(negated)
    };
    if let Some(negated) = words(parser, Keyword::ASYMMETRIC) {
        return parser.parse_between(expr.clone(), negated).map(Some);
    }
    let Some(negated) = words(parser, Keyword::SYMMETRIC) else {
        return Ok(None);
    };
    let Expr::Between {
        expr, low, high, ..
    } = parser.parse_between(expr.clone(), false)?
    else {
        return Ok(None);
    };
    let half = |low: &Expr, high: &Expr| Expr::Between {
        expr: expr.clone(),
        negated: false,
        low: Box::new(low.clone()),
        high: Box::new(high.clone()),
    };
    let both = Expr::Nested(Box::new(Expr::BinaryOp {
        left: Box::new(half(&low, &high)),
        op: BinaryOperator::Or,
        right: Box::new(half(&high, &low)),
    }));
    Ok(Some(match negated {
        true => Expr::UnaryOp {
            op: UnaryOperator::Not,
            expr: Box::new(both),
        },
        false => both,
    }))
}

/// `INTERVAL(3) '…'`, whose precision the parser forgets.
fn precise_interval(parser: &mut Parser<'_>) -> Result<Option<Expr>, ParserError> {
    let token = |at| &parser.peek_nth_token_ref(at).token;
    if !is(token(0), "INTERVAL")
        || *token(1) != Token::LParen
        || *token(3) != Token::RParen
        || !matches!(token(4), Token::SingleQuotedString(_))
    {
        return Ok(None);
    }
    let Token::Number(precision, _) = token(2).clone() else {
        return Ok(None);
    };
    for _ in 0..4 {
        parser.advance_token();
    }
    Ok(Some(Expr::Cast {
        kind: CastKind::DoubleColon,
        expr: Box::new(Expr::Value(parser.parse_value()?)),
        data_type: DataType::Interval {
            fields: None,
            precision: precision.parse().ok(),
        },
        format: None,
    }))
}

/// `OPERATOR(pg_catalog.-) x`.
fn prefix_operator(parser: &mut Parser<'_>) -> Result<Option<Expr>, ParserError> {
    let named = |parser: &Parser<'_>, at, name| is(&parser.peek_nth_token_ref(at).token, name);
    let token = |parser: &Parser<'_>, at| parser.peek_nth_token_ref(at).token.clone();
    if !named(parser, 0, "operator") || token(parser, 1) != Token::LParen {
        return Ok(None);
    }
    let schema = named(parser, 2, "pg_catalog") && token(parser, 3) == Token::Period;
    let at = if schema { 4 } else { 2 };
    let op = match token(parser, at) {
        Token::Minus => UnaryOperator::Minus,
        Token::Plus => UnaryOperator::Plus,
        Token::Tilde => UnaryOperator::BitwiseNot,
        Token::AtSign => UnaryOperator::PGAbs,
        Token::PGSquareRoot => UnaryOperator::PGSquareRoot,
        Token::PGCubeRoot => UnaryOperator::PGCubeRoot,
        _ => return Ok(None),
    };
    if token(parser, at.saturating_add(1)) != Token::RParen {
        return Ok(None);
    }
    for _ in 0..at.saturating_add(2) {
        parser.advance_token();
    }
    let expr = parser.parse_subexpr(BASE.prec_value(Precedence::PgOther))?;
    Ok(Some(Expr::UnaryOp {
        op,
        expr: Box::new(expr),
    }))
}
