//! Operators by their operands' types (PostgreSQL docs, "Operator Type Resolution").

use postgres_types::Type;
use sqlparser::ast::{BinaryOperator, UnaryOperator};

use crate::embedded::dialect::Fault;
use crate::embedded::dialect::expr::{Open, Sql, Translator};
use crate::embedded::dialect::types::{self, is_integer, is_number, is_oid, is_text, is_time};
use crate::error_response::SqlState;

/// 42883.
pub(super) fn none(op: &str, left: &Type, right: &Type) -> Fault {
    Fault::new(
        SqlState::UNDEFINED_FUNCTION,
        format!(
            "operator does not exist: {} {op} {}",
            types::show(left, -1),
            types::show(right, -1)
        ),
    )
    .with_hint(
        "No operator matches the given name and argument types. You might need to add explicit type casts.",
    )
}

/// The type that both become, if they may be mixed.
pub(super) fn wider(a: &Type, b: &Type) -> Option<Type> {
    if a == b {
        return Some(a.clone());
    }
    if is_text(a) && is_text(b) {
        // varchar becomes char(n) unasked, and blanks at the end count for nothing.
        return Some(match (a, b) {
            (&Type::BPCHAR, &Type::VARCHAR) | (&Type::VARCHAR, &Type::BPCHAR) => Type::BPCHAR,
            _ => Type::TEXT,
        });
    }
    if is_time(a) && is_time(b) {
        let zoned = *a == Type::TIMESTAMPTZ || *b == Type::TIMESTAMPTZ;
        return Some(if zoned {
            Type::TIMESTAMPTZ
        } else {
            Type::TIMESTAMP
        });
    }
    let oid = is_oid(a) && is_oid(b);
    if oid {
        return Some(Type::OID);
    }
    match types::rank(a).zip(types::rank(b))? {
        // float4 with numeric is float8.
        (4, 5) | (5, 4) => Some(Type::FLOAT8),
        (a_rank, b_rank) if a_rank >= b_rank => Some(a.clone()),
        _ => Some(b.clone()),
    }
}

/// The type of what has one of two, by the first of which it has so far (PostgreSQL docs, "UNION,
/// CASE, and Related Constructs").
pub(super) fn meeting(a: &Type, b: &Type) -> Option<Type> {
    let text = |kind: &Type| is_text(kind) && *kind != Type::CHAR && *kind != Type::UNKNOWN;
    if !text(a) || !text(b) {
        // A numeric becomes a real unasked.
        return match (a, b) {
            (&Type::NUMERIC, &Type::FLOAT4) | (&Type::FLOAT4, &Type::NUMERIC) => Some(Type::FLOAT4),
            _ => wider(a, b),
        };
    }
    // Each becomes any other unasked, but for `name`, which becomes only text so.
    let changes = *b == Type::NAME && *a != Type::TEXT;
    Some(if changes { b.clone() } else { a.clone() })
}

/// Refuses to compare what PostgreSQL does not.
pub(super) fn comparable(op: &str, left: &Type, right: &Type) -> Result<(), Fault> {
    let known = *left != Type::UNKNOWN && *right != Type::UNKNOWN;
    let plain_json = *left == Type::JSON || *right == Type::JSON;
    if known && (wider(left, right).is_none() || plain_json) {
        return Err(none(op, left, right));
    }
    if known && (*left == Type::RECORD || *left == Type::RECORD_ARRAY) {
        return Err(Fault::unsupported(format!("{op} of rows as values")));
    }
    Ok(())
}

impl Translator<'_> {
    /// A comparison, written with `sql_op`; `op` is PostgreSQL's name for it.
    pub(super) fn compare(
        &mut self,
        sql_op: &str,
        op: &str,
        left: Sql,
        right: Sql,
    ) -> Result<Sql, Fault> {
        comparable(op, left.kind(), right.kind())?;
        // There are no operators of varchar but those of text.
        let beside = |other: &Sql| *other.kind() == Type::VARCHAR;
        let (left, right) = match (beside(&right), beside(&left)) {
            (true, false) if *left.kind() == Type::UNKNOWN => {
                (self.settle_as(left, &Type::TEXT)?, right)
            }
            (false, true) if *right.kind() == Type::UNKNOWN => {
                (left, self.settle_as(right, &Type::TEXT)?)
            }
            _ => (left, right),
        };
        let (both, _) = self.common_by(vec![left, right], op, wider)?;
        let [left, right] = both.as_slice() else {
            return Err(Fault::unsupported(op));
        };
        // A column of text and a number never meet here, so SQLite's affinities do nothing.
        Ok(Sql::new(
            format!("({} {sql_op} {})", left.ordered(), right.ordered()),
            Type::BOOL,
        ))
    }

    pub(super) fn binary(
        &mut self,
        op: &BinaryOperator,
        left: Sql,
        right: Sql,
    ) -> Result<Sql, Fault> {
        use BinaryOperator as B;
        if let Some(sql) = self.containment(op, &left, &right)? {
            return Ok(sql);
        }
        match op {
            B::Eq => self.compare("=", "=", left, right),
            B::NotEq => self.compare("<>", "<>", left, right),
            B::Lt => self.compare("<", "<", left, right),
            B::LtEq => self.compare("<=", "<=", left, right),
            B::Gt => self.compare(">", ">", left, right),
            B::GtEq => self.compare(">=", ">=", left, right),
            B::Plus => self.arithmetic('+', left, right),
            B::Minus => self.arithmetic('-', left, right),
            B::Multiply => self.arithmetic('*', left, right),
            B::Divide => self.arithmetic('/', left, right),
            B::Modulo => self.arithmetic('%', left, right),
            B::StringConcat => self.concat(left, right),
            B::PGRegexMatch => self.matches("pg_regex", "", "~", left, right),
            B::PGRegexNotMatch => self.matches("pg_regex", "NOT ", "!~", left, right),
            B::PGRegexIMatch => self.matches("pg_iregex", "", "~*", left, right),
            B::PGRegexNotIMatch => self.matches("pg_iregex", "NOT ", "!~*", left, right),
            B::PGLikeMatch => self.matches("pg_like", "", "~~", left, right),
            B::PGNotLikeMatch => self.matches("pg_like", "NOT ", "!~~", left, right),
            B::PGILikeMatch => self.matches("pg_ilike", "", "~~*", left, right),
            B::PGNotILikeMatch => self.matches("pg_ilike", "NOT ", "!~~*", left, right),
            B::PGExp => self.call("power", vec![left, right]),
            B::BitwiseAnd => self.bits("&", left, right),
            B::BitwiseOr => self.bits("|", left, right),
            B::PGBitwiseXor => self.bits("#", left, right),
            B::PGStartsWith => self.call("starts_with", vec![left, right]),
            B::PGBitwiseShiftLeft => self.bits("<<", left, right),
            B::PGBitwiseShiftRight => self.bits(">>", left, right),
            B::Arrow => self.json(left, right, false),
            B::LongArrow => self.json(left, right, true),
            // psql writes its operators this way: `OPERATOR(pg_catalog.~)`.
            B::PGCustomBinaryOperator(parts) => {
                let named = match parts.last().map(String::as_str) {
                    Some("=") => B::Eq,
                    Some("<>") => B::NotEq,
                    Some("<") => B::Lt,
                    Some(">") => B::Gt,
                    Some("<=") => B::LtEq,
                    Some(">=") => B::GtEq,
                    Some("~") => B::PGRegexMatch,
                    Some("!~") => B::PGRegexNotMatch,
                    Some("~*") => B::PGRegexIMatch,
                    Some("!~*") => B::PGRegexNotIMatch,
                    Some("~~") => B::PGLikeMatch,
                    Some("+") => B::Plus,
                    Some("-") => B::Minus,
                    Some("||") => B::StringConcat,
                    _ => return Err(Fault::unsupported(format!("the operator {op}"))),
                };
                self.binary(&named, left, right)
            }
            other => Err(Fault::unsupported(format!("the operator {other}"))),
        }
    }

    fn arithmetic(&mut self, op: char, left: Sql, right: Sql) -> Result<Sql, Fault> {
        // A literal or parameter takes the other's type, but beside a time it is an interval.
        let guess = |other: &Sql| match *other.kind() {
            Type::INTERVAL if matches!(op, '*' | '/') => Type::FLOAT8,
            _ if is_time(other.kind()) && op == '+' => Type::INTERVAL,
            _ if is_text(other.kind()) => Type::UNKNOWN,
            _ => other.kind().clone(),
        };
        let (left_guess, right_guess) = (guess(&right), guess(&left));
        let left = self.settle_as(left, &left_guess)?;
        let right = self.settle_as(right, &right_guess)?;
        let (a, b) = (left.kind().clone(), right.kind().clone());
        if is_number(&a) && is_number(&b) && !is_oid(&a) && !is_oid(&b) {
            let kind = match wider(&a, &b) {
                // There are operators of two reals, and no others of one.
                Some(Type::FLOAT4) if a != b => Type::FLOAT8,
                wide => wide.unwrap_or(Type::FLOAT8),
            };
            if op == '%' && matches!(kind, Type::FLOAT4 | Type::FLOAT8) {
                return Err(none("%", &a, &b));
            }
            let (left, right) = if kind == Type::NUMERIC || is_integer(&kind) {
                (left, right)
            } else {
                (
                    self.cast_now(left, &kind.clone().into(), false)?,
                    self.cast_now(right, &kind.clone().into(), false)?,
                )
            };
            return Ok(Sql {
                not_null: left.not_null && right.not_null,
                ..Sql::new(
                    format!(
                        "pg_arith({},{},{},{})",
                        u32::from(op),
                        kind.oid(),
                        left.text,
                        right.text
                    ),
                    kind,
                )
            });
        }
        let kind = match (&a, op, &b) {
            (&Type::DATE, '+' | '-', b) if is_integer(b) => Type::DATE,
            (a, '+', &Type::DATE) if is_integer(a) => Type::DATE,
            (&Type::DATE, '-', &Type::DATE) => Type::INT4,
            (&Type::DATE, '+', &Type::TIME) | (&Type::TIME, '+', &Type::DATE) => Type::TIMESTAMP,
            (&Type::DATE, '+' | '-', &Type::INTERVAL) | (&Type::INTERVAL, '+', &Type::DATE) => {
                Type::TIMESTAMP
            }
            (
                t @ (&Type::TIMESTAMP | &Type::TIMESTAMPTZ | &Type::TIME),
                '+' | '-',
                &Type::INTERVAL,
            )
            | (&Type::INTERVAL, '+', t @ (&Type::TIMESTAMP | &Type::TIMESTAMPTZ | &Type::TIME)) => {
                (*t).clone()
            }
            (a, '-', b) if is_time(a) && is_time(b) => Type::INTERVAL,
            (&Type::TIME, '-', &Type::TIME) => Type::INTERVAL,
            (&Type::INTERVAL, '+' | '-', &Type::INTERVAL) => Type::INTERVAL,
            (&Type::INTERVAL, '*' | '/', b) if is_number(b) => Type::INTERVAL,
            (a, '*', &Type::INTERVAL) if is_number(a) => Type::INTERVAL,
            (a, '+' | '-', b) if is_oid(a) && is_integer(b) => {
                return Err(none(&op.to_string(), a, b));
            }
            _ => return Err(none(&op.to_string(), &a, &b)),
        };
        let (left, right) = if kind == Type::INTERVAL && is_time(&a) && is_time(&b) && a != b {
            let (both, _) = self.common(vec![left, right], "-")?;
            let mut both = both.into_iter();
            match (both.next(), both.next()) {
                (Some(left), Some(right)) => (left, right),
                _ => return Err(none("-", &a, &b)),
            }
        } else {
            (left, right)
        };
        Ok(Sql::new(
            format!(
                "pg_time_arith({},{},{},{},{})",
                u32::from(op),
                left.kind().oid(),
                right.kind().oid(),
                left.text,
                right.text
            ),
            kind,
        ))
    }

    fn concat(&mut self, left: Sql, right: Sql) -> Result<Sql, Fault> {
        if *left.kind() == Type::BYTEA || *right.kind() == Type::BYTEA {
            let left = self.settle_as(left, &Type::BYTEA)?;
            let right = self.settle_as(right, &Type::BYTEA)?;
            if left.kind() != right.kind() {
                return Err(none("||", left.kind(), right.kind()));
            }
            return Ok(Sql::new(
                format!("CAST({} || {} AS BLOB)", left.text, right.text),
                Type::BYTEA,
            ));
        }
        let array = |sql: &Sql| types::element(sql.kind()).is_some();
        if array(&left) || array(&right) {
            let kind = if array(&left) {
                left.kind()
            } else {
                right.kind()
            }
            .clone();
            let both_arrays = array(&left) && array(&right);
            let element = types::element(&kind).unwrap_or(Type::TEXT);
            // What has no type yet is taken for an array, too.
            let unknown = |sql: &Sql| *sql.kind() == Type::UNKNOWN;
            let (left_is, right_is) = (
                array(&left) || unknown(&left),
                array(&right) || unknown(&right),
            );
            let left = self.settle_as(left, if left_is { &kind } else { &element })?;
            let right = self.settle_as(
                right,
                if right_is || both_arrays {
                    &kind
                } else {
                    &element
                },
            )?;
            return Ok(Sql::new(
                format!(
                    "pg_array_cat({},{},{},{})",
                    left.kind().oid(),
                    right.kind().oid(),
                    left.text,
                    right.text
                ),
                kind,
            ));
        }
        if *left.kind() == Type::JSONB || *right.kind() == Type::JSONB {
            return Err(Fault::unsupported("|| of jsonb"));
        }
        if !is_text(left.kind()) && !is_text(right.kind()) {
            return Err(none("||", left.kind(), right.kind()));
        }
        let ty = Type::TEXT.into();
        let left = self.settle(left, &ty)?;
        let right = self.settle(right, &ty)?;
        let left = self.cast_now(left, &ty, false)?;
        let right = self.cast_now(right, &ty, false)?;
        Ok(Sql::new(
            format!("({} || {})", left.text, right.text),
            Type::TEXT,
        ))
    }

    fn matches(
        &mut self,
        function: &str,
        not: &str,
        op: &str,
        left: Sql,
        right: Sql,
    ) -> Result<Sql, Fault> {
        if !is_text(left.kind()) || !is_text(right.kind()) {
            return Err(none(op, left.kind(), right.kind()));
        }
        // There are operators of char(n) with its padding, and a text beside it.
        let left = self.settle_as(left, &Type::TEXT)?;
        let right = self.implicit(right, &Type::TEXT.into())?;
        let escape = if function.ends_with("like") {
            ",'\\'"
        } else {
            ""
        };
        Ok(Sql::new(
            format!("({not}{function}({},{}{escape}))", left.text, right.text),
            Type::BOOL,
        ))
    }

    fn bits(&mut self, op: &str, left: Sql, right: Sql) -> Result<Sql, Fault> {
        let (left_kind, right_kind) = (left.kind().clone(), right.kind().clone());
        let left = self.settle_as(left, &right_kind)?;
        let right = self.settle_as(right, &left_kind)?;
        if !is_integer(left.kind()) || !is_integer(right.kind()) {
            return Err(none(op, left.kind(), right.kind()));
        }
        let kind = match op {
            "<<" | ">>" => left.kind().clone(),
            _ => wider(left.kind(), right.kind()).unwrap_or(Type::INT8),
        };
        let (a, b) = (&left.text, &right.text);
        let text = match op {
            // SQLite has no XOR.
            "#" => format!("(({a} | {b}) - ({a} & {b}))"),
            "<<" | ">>" => format!("pg_shift({a},{b},{},{})", kind.oid(), u8::from(op == "<<")),
            _ => format!("pg_wrap(({a} {op} {b}),{})", kind.oid()),
        };
        Ok(Sql::new(text, kind))
    }

    /// `->` and `->>`.
    pub(super) fn json(&mut self, left: Sql, right: Sql, as_text: bool) -> Result<Sql, Fault> {
        let op = if as_text { "->>" } else { "->" };
        if !matches!(*left.kind(), Type::JSON | Type::JSONB) {
            return Err(none(op, left.kind(), right.kind()));
        }
        let right = self.settle_as(right, &Type::TEXT)?;
        if !is_text(right.kind()) && !is_integer(right.kind()) {
            return Err(none(op, left.kind(), right.kind()));
        }
        let (flag, kind) = match as_text {
            true => (1, Type::TEXT),
            false => (0, left.kind().clone()),
        };
        let binary = u8::from(*left.kind() == Type::JSONB);
        let text = format!("pg_json_at({},{},{flag},{binary})", left.text, right.text);
        Ok(Sql::new(text, kind))
    }

    pub(super) fn unary(&mut self, op: UnaryOperator, sql: Sql) -> Result<Sql, Fault> {
        match op {
            UnaryOperator::Not => {
                let sql = self.settle_as(sql, &Type::BOOL)?;
                if *sql.kind() != Type::BOOL {
                    return Err(Fault::new(
                        SqlState::DATATYPE_MISMATCH,
                        format!(
                            "argument of NOT must be type boolean, not type {}",
                            types::show(sql.kind(), -1)
                        ),
                    ));
                }
                Ok(Sql::new(format!("(NOT {})", sql.text), Type::BOOL))
            }
            UnaryOperator::Plus if is_number(sql.kind()) => Ok(sql),
            UnaryOperator::Minus => {
                // −9223372036854775808 is one number, though the parser sees two parts.
                if *sql.kind() == Type::NUMERIC && sql.text == "'9223372036854775808'" {
                    return Ok(Sql::new("(-9223372036854775807-1)", Type::INT8));
                }
                if *sql.kind() == Type::INT8 && sql.text == "2147483648" {
                    return Ok(Sql::new("(-2147483648)", Type::INT4));
                }
                if *sql.kind() == Type::INTERVAL {
                    let minus = Sql::new("-1", Type::INT4);
                    return self.arithmetic('*', sql, minus);
                }
                if let Open::Text(_) = sql.open {
                    let sql = self.settle_as(sql, &Type::FLOAT8)?;
                    return self.unary(op, sql);
                }
                if !is_number(sql.kind()) || is_oid(sql.kind()) {
                    return Err(Fault::new(
                        SqlState::UNDEFINED_FUNCTION,
                        format!("operator does not exist: - {}", types::show(sql.kind(), -1)),
                    ));
                }
                let digits = sql.text.bytes().all(|b| b.is_ascii_digit());
                if digits && is_integer(sql.kind()) {
                    return Ok(Sql {
                        text: format!("(-{})", sql.text),
                        ..sql
                    });
                }
                if matches!(*sql.kind(), Type::FLOAT4 | Type::FLOAT8) {
                    return Ok(Sql {
                        text: format!("(-{})", sql.text),
                        ..sql
                    });
                }
                let kind = sql.kind().clone();
                self.arithmetic('-', Sql::new("0", Type::INT2), sql)
                    .map(|s| Sql {
                        ty: kind.into(),
                        ..s
                    })
            }
            UnaryOperator::PGAbs => self.call("abs", vec![sql]),
            UnaryOperator::PGSquareRoot => {
                let sql = self.implicit(sql, &Type::FLOAT8.into())?;
                self.call("sqrt", vec![sql])
            }
            UnaryOperator::BitwiseNot if is_integer(sql.kind()) => Ok(Sql {
                text: format!("(~{})", sql.text),
                ..sql
            }),
            other => Err(Fault::unsupported(format!("the operator {other}"))),
        }
    }
}
