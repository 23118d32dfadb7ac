//! Expressions in SQLite's words, as [`Translator`] writes them, put back into PostgreSQL's.
//!
//! [`Translator`]: crate::embedded::dialect::expr::Translator

use postgres_types::Type;
use sqlparser::ast::{
    BinaryOperator, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, InTarget,
    UnaryOperator, Value,
};

use crate::embedded::dialect::deparse::bare;
use crate::embedded::dialect::function::{FLOATS, named_in_sqlite};
use crate::embedded::dialect::scope::Scope;
use crate::embedded::dialect::types;
use crate::embedded::dialect::{literal, quote};
use crate::embedded::enums;

/// Operators that are functions here: ours and PostgreSQL's.
const OPERATORS: &[(&str, &str)] = &[
    ("pg_like", "~~"),
    ("pg_ilike", "~~*"),
    ("pg_regex", "~"),
    ("pg_iregex", "~*"),
    ("pg_json_path", "#>"),
    ("pg_jsonb_contains", "@>"),
    ("pg_jsonb_exists", "?"),
    ("pg_jsonb_concat", "||"),
    ("pg_jsonb_delete", "-"),
    ("pg_jsonb_delete_path", "#-"),
    ("pg_array_contains", "@>"),
    ("pg_array_overlap", "&&"),
];

/// Functions that have another name here and no line in the table.
const NAMES: &[(&str, &str)] = &[
    ("pg_abs", "abs"),
    ("pg_ceil", "ceil"),
    ("pg_ceiling", "ceiling"),
    ("pg_floor", "floor"),
    ("pg_round", "round"),
    ("pg_round_to", "round"),
    ("pg_trunc", "trunc"),
    ("pg_trunc_to", "trunc"),
    ("pg_sign", "sign"),
    ("pg_date_trunc", "date_trunc"),
    ("pg_greatest", "greatest"),
    ("pg_least", "least"),
];

/// Where the columns are.
pub(super) struct Undo<'a> {
    pub(super) scope: &'a Scope<'a>,
}

fn digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit() || b == b'.')
}

/// The text of a literal in quotes.
fn quoted(expr: &Expr) -> Option<&str> {
    match bare(expr) {
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(text) => Some(text),
            _ => None,
        },
        _ => None,
    }
}

/// A number that is kept as a text, or as it is.
fn number(expr: &Expr) -> Option<String> {
    quoted(expr).filter(|text| digits(text)).map(str::to_owned)
}

impl Undo<'_> {
    pub(super) fn node(&self, expr: &Expr) -> Option<String> {
        let expr = bare(expr);
        Some(match expr {
            Expr::Identifier(ident) => quote(&ident.value),
            Expr::CompoundIdentifier(parts) => quote(&parts.last()?.value),
            Expr::Value(value) => match &value.value {
                // Most numbers for floats are written without a fraction.
                Value::Number(n, _) => n.strip_suffix(".0").unwrap_or(n).to_owned(),
                Value::SingleQuotedString(text) => literal(text),
                Value::HexStringLiteral(digits) => format!("'\\x{digits}'::bytea"),
                Value::Null => "NULL".into(),
                _ => return None,
            },
            Expr::Collate { expr, .. } => match number(expr) {
                Some(number) => number,
                None => self.node(expr)?,
            },
            Expr::UnaryOp { op, expr: inner } => {
                let text = self.node(inner)?;
                match op {
                    UnaryOperator::Not => self
                        .negated(inner)
                        .unwrap_or_else(|| format!("(NOT {text})")),
                    UnaryOperator::Minus => format!("(- {text})"),
                    _ => return None,
                }
            }
            Expr::BinaryOp { left, op, right } => self.binary(left, op, right)?,
            Expr::IsNull(inner) => format!("({} IS NULL)", self.node(inner)?),
            Expr::IsNotNull(inner) => format!("({} IS NOT NULL)", self.node(inner)?),
            Expr::In {
                expr: inner,
                target: InTarget::List(list),
                negated,
                ..
            } => {
                let exact = matches!(bare(inner), Expr::Collate { .. });
                let item = |item: &Expr| match number(item).filter(|_| exact) {
                    Some(number) => Some(number),
                    None => self.node(item),
                };
                let items: Option<Vec<String>> = list.iter().map(item).collect();
                let not = if *negated { "NOT " } else { "" };
                format!("({} {not}IN ({}))", self.node(inner)?, items?.join(", "))
            }
            Expr::Case {
                operand: None,
                conditions,
                else_result,
                ..
            } => {
                let results = conditions.iter().map(|when| &when.result);
                let results = results.chain(else_result.iter().map(|e| &**e));
                let truth = results.clone().any(|r| self.is_boolean(r));
                let result = |expr: &Expr| match truth {
                    true => self.truth(expr),
                    false => self.node(expr),
                };
                let mut text = String::from("(CASE");
                for when in conditions {
                    let test = self.node(&when.condition)?;
                    text.push_str(&format!(" WHEN {test} THEN {}", result(&when.result)?));
                }
                if let Some(otherwise) = else_result {
                    text.push_str(&format!(" ELSE {}", result(otherwise)?));
                }
                text.push_str(" END)");
                text
            }
            Expr::Trim {
                expr: inner,
                trim_where: None,
                trim_what: None,
                trim_characters: None,
                ..
            } => format!("trim({})", self.node(inner)?),
            // Of two bytea.
            Expr::Cast { expr: inner, .. } => self.node(inner)?,
            Expr::Function(call) => self.function(call)?,
            _ => return None,
        })
    }

    /// NOT, where PostgreSQL has an operator for it.
    fn negated(&self, inner: &Expr) -> Option<String> {
        let Expr::Function(call) = bare(inner) else {
            return None;
        };
        let all = arguments(call)?;
        let name = call.name.to_string();
        if let Some(text) = self.pattern(&name, "NOT ", &all) {
            return Some(text);
        }
        let op = match name.as_str() {
            "pg_like" => "!~~",
            "pg_ilike" => "!~~*",
            "pg_regex" => "!~",
            "pg_iregex" => "!~*",
            _ => return None,
        };
        self.operator(op, &all)
    }

    /// SIMILAR TO, and LIKE with another escape than is usual.
    fn pattern(&self, name: &str, not: &str, all: &[&Expr]) -> Option<String> {
        let word = match name {
            "pg_similar" => "SIMILAR TO",
            "pg_like" => "LIKE",
            "pg_ilike" => "ILIKE",
            _ => return None,
        };
        let [value, pattern, escape] = all else {
            return None;
        };
        let usual = quoted(escape) == Some("\\");
        if usual && name != "pg_similar" {
            return None;
        }
        let (value, pattern) = (self.node(value)?, self.node(pattern)?);
        let escape = match usual {
            true => String::new(),
            false => format!(" ESCAPE {}", self.node(escape)?),
        };
        Some(format!("({value} {not}{word} {pattern}{escape})"))
    }

    fn operator(&self, op: &str, arguments: &[&Expr]) -> Option<String> {
        let [left, right, ..] = arguments else {
            return None;
        };
        let (left, right) = (self.node(left)?, self.node(right)?);
        Some(format!("({left} {op} {right})"))
    }

    /// `num_nonnulls` and `num_nulls`, a sum of tests.
    fn counted(&self, left: &Expr, right: &Expr) -> Option<String> {
        let mut tests = vec![right];
        let mut rest = left;
        while let Expr::BinaryOp {
            left,
            op: BinaryOperator::Plus,
            right,
        } = rest
        {
            tests.push(right);
            rest = left;
        }
        tests.push(rest);
        let nulls = tests.iter().all(|t| matches!(bare(t), Expr::IsNull(_)));
        let inner = |test: &&Expr| match bare(test) {
            Expr::IsNull(inner) if nulls => self.node(inner),
            Expr::IsNotNull(inner) if !nulls => self.node(inner),
            _ => None,
        };
        let texts: Option<Vec<String>> = tests.iter().rev().map(inner).collect();
        let name = if nulls { "num_nulls" } else { "num_nonnulls" };
        Some(format!("{name}({})", texts?.join(", ")))
    }

    fn binary(&self, left: &Expr, op: &BinaryOperator, right: &Expr) -> Option<String> {
        if *op == BinaryOperator::Plus {
            return self.counted(left, right);
        }
        let truth = self.is_boolean(left) || self.is_boolean(right);
        let side = |expr: &Expr| match truth {
            true => self.truth(expr),
            false => self.node(expr),
        };
        let (l, r) = (side(left)?, side(right)?);
        Some(match op {
            BinaryOperator::Is if truth => format!("({l} IS {r})"),
            BinaryOperator::IsNot if truth => format!("({l} IS NOT {r})"),
            BinaryOperator::Is => format!("({l} IS NOT DISTINCT FROM {r})"),
            BinaryOperator::IsNot => format!("({l} IS DISTINCT FROM {r})"),
            BinaryOperator::And
            | BinaryOperator::Or
            | BinaryOperator::Eq
            | BinaryOperator::NotEq
            | BinaryOperator::Lt
            | BinaryOperator::LtEq
            | BinaryOperator::Gt
            | BinaryOperator::GtEq
            | BinaryOperator::StringConcat => format!("({l} {op} {r})"),
            _ => return None,
        })
    }

    /// 0 and 1 among what is true or false.
    fn truth(&self, expr: &Expr) -> Option<String> {
        match self.node(expr)?.as_str() {
            "0" => Some("false".into()),
            "1" => Some("true".into()),
            text => Some(text.to_owned()),
        }
    }

    fn is_boolean(&self, expr: &Expr) -> bool {
        match bare(expr) {
            Expr::Identifier(ident) => match self.scope.column(&ident.value) {
                Ok(Some((_, column))) => column.ty.kind == Type::BOOL,
                _ => false,
            },
            Expr::BinaryOp { op, .. } => {
                !matches!(op, BinaryOperator::StringConcat | BinaryOperator::Plus)
            }
            Expr::UnaryOp { op, .. } => *op == UnaryOperator::Not,
            Expr::IsNull(_) | Expr::IsNotNull(_) | Expr::In { .. } => true,
            _ => false,
        }
    }

    fn function(&self, call: &Function) -> Option<String> {
        let name = call.name.to_string();
        let all = arguments(call)?;
        let integer = |at: usize| all.get(at)?.to_string().parse::<i64>().ok();
        let kind = |at: usize| types::from_oid(u32::try_from(integer(at)?).ok()?);
        let one = |at: usize| self.node(all.get(at)?);
        if let Some(text) = self.pattern(&name, "", &all) {
            return Some(text);
        }
        if let Some((_, op)) = OPERATORS.iter().find(|(ours, _)| *ours == name) {
            let op = match (*op, integer(2)) {
                ("#>", Some(1)) => "#>>",
                (op, _) => op,
            };
            return self.operator(op, &all);
        }
        Some(match name.as_str() {
            "pg_arith" => {
                let op = char::from_u32(u32::try_from(integer(0)?).ok()?)?;
                let exact = kind(1)? == Type::NUMERIC;
                let side = |at: usize| match all.get(at).and_then(|e| number(e)).filter(|_| exact) {
                    Some(number) => Some(number),
                    None => one(at),
                };
                match (op, integer(2)) {
                    ('-', Some(0)) => format!("(- {})", side(3)?),
                    _ => format!("({} {op} {})", side(2)?, side(3)?),
                }
            }
            "pg_time_arith" => {
                let op = char::from_u32(u32::try_from(integer(0)?).ok()?)?;
                let side = |at: usize, kind: Type| match quoted(all.get(at)?) {
                    Some(text) => Some(format!("{}::{}", literal(text), types::show(&kind, -1))),
                    None => one(at),
                };
                format!("({} {op} {})", side(3, kind(1)?)?, side(4, kind(2)?)?)
            }
            "pg_cast" if integer(4) == Some(1) => {
                let modifier = i32::try_from(integer(3).unwrap_or(-1)).unwrap_or(-1);
                format!("({}::{})", one(0)?, types::show(&kind(2)?, modifier))
            }
            "pg_cast" => one(0)?,
            "pg_jsonb_scalar" => format!("({}::{})", one(0)?, types::show(&kind(1)?, -1)),
            "pg_json" => one(0)?,
            "pg_json_at" => {
                let op = if integer(2) == Some(1) { "->>" } else { "->" };
                format!("({} {op} {})", one(0)?, one(1)?)
            }
            "pg_enum" => {
                let kind = enums::by_oid(u32::try_from(integer(1)?).ok()?)?;
                let label = enums::label(&kind, integer(0)?)?;
                format!("{}::{}", literal(&label), types::show(&kind, -1))
            }
            "pg_extract" => format!("extract({} from {})", quoted(all.first()?)?, one(1)?),
            "pg_at_zone" => format!("({} AT TIME ZONE {})", one(0)?, one(1)?),
            "pg_nextval" => format!("nextval({})", one(0)?),
            "pg_cardinality" => format!("cardinality({})", one(0)?),
            "pg_array" => {
                let items: Option<Vec<String>> = (1..all.len()).map(one).collect();
                let array = types::array_of(&kind(0)?)?;
                format!("ARRAY[{}]::{}", items?.join(", "), types::show(&array, -1))
            }
            "pg_array_cat" => format!("({} || {})", one(2)?, one(3)?),
            "pg_array_get" if all.len() == 4 => format!("({}[{}])", one(0)?, one(3)?),
            "pg_array_slice" if all.len() == 4 => {
                format!("({}[{}:{}])", one(0)?, one(2)?, one(3)?)
            }
            "pg_array_find" if all.len() == 4 => {
                format!("array_position({}, {})", one(0)?, one(3)?)
            }
            // From the first on, and of all or of the first one.
            "pg_regexp_replace" => match (one(3)?.as_str(), quoted(all.get(5)?)?) {
                ("1", "") => format!("regexp_replace({}, {}, {})", one(0)?, one(1)?, one(2)?),
                ("1", flags) => {
                    let flags = literal(flags);
                    format!(
                        "regexp_replace({}, {}, {}, {flags})",
                        one(0)?,
                        one(1)?,
                        one(2)?
                    )
                }
                _ => return None,
            },
            "pg_power" | "pg_exact_power" => format!("power({}, {})", one(0)?, one(1)?),
            "pg_array_length" => format!("array_length({}, 1)", one(0)?),
            "pg_array_lower" => format!("array_lower({}, 1)", one(0)?),
            "pg_array_upper" => format!("array_upper({}, 1)", one(0)?),
            "pg_substr" => match (one(2), one(0)?, one(1)?) {
                (Some(length), text, from) => {
                    format!("substring({text} from {from} for {length})")
                }
                (None, text, from) => format!("substring({text} from {from})"),
            },
            "trim" if all.len() == 1 => format!("trim({})", one(0)?),
            _ => {
                // Behind the name stand the arguments, but for those that say a type.
                let (theirs, types_at) = match NAMES.iter().find(|(ours, _)| *ours == name) {
                    Some((_, theirs)) => match *theirs {
                        "greatest" | "least" => (*theirs, Some(0)),
                        "date_trunc" => (*theirs, Some(2)),
                        _ if name.ends_with("_to") => (*theirs, None),
                        _ => (*theirs, Some(1)),
                    },
                    None => (named_in_sqlite(&name).or_else(|| of_floats(&name))?, None),
                };
                let exact = theirs == "coalesce" && all.iter().any(|a| becomes_exact(a));
                let texts: Option<Vec<String>> = all
                    .iter()
                    .enumerate()
                    .filter(|(at, _)| Some(*at) != types_at)
                    .map(|(_, argument)| match number(argument).filter(|_| exact) {
                        Some(number) => Some(number),
                        None => self.node(argument),
                    })
                    .collect();
                let texts = texts?.join(", ");
                match theirs {
                    "current_date" | "localtime" | "localtimestamp" | "current_user"
                    | "session_user" => theirs.to_owned(),
                    _ => format!("{theirs}({texts})"),
                }
            }
        })
    }
}

/// Whether it is another number made a numeric.
fn becomes_exact(expr: &Expr) -> bool {
    let Expr::Function(call) = bare(expr) else {
        return false;
    };
    let all = arguments(call).unwrap_or_default();
    let exact = all.get(2).is_some_and(|kind| kind.to_string() == "1700");
    exact && call.name.to_string() == "pg_cast"
}

/// `pg_sqrt`, or `pg_exact_sqrt`.
fn of_floats(name: &str) -> Option<&'static str> {
    let bare = name.strip_prefix("pg_")?;
    let bare = bare.strip_prefix("exact_").unwrap_or(bare);
    FLOATS.iter().copied().find(|own| *own == bare)
}

fn arguments(call: &Function) -> Option<Vec<&Expr>> {
    let FunctionArguments::List(list) = &call.args else {
        return None;
    };
    let one = |argument| match argument {
        &FunctionArg::Unnamed(FunctionArgExpr::Expr(ref expr)) => Some(expr),
        _ => None,
    };
    list.args.iter().map(one).collect()
}
