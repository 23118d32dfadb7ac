//! Which function a call means.

use postgres_types::Type;

use crate::embedded::dialect::Fault;
use crate::embedded::dialect::expr::{Sql, Translator};
use crate::embedded::dialect::function::missing;
use crate::embedded::dialect::function::table::{FUNCTIONS, Known, letter};
use crate::embedded::dialect::types::{self, is_integer};
use crate::error_response::SqlState;

/// How well arguments fit: the fewer conversions the better, `None` if they do not.
fn distance(arguments: &[&Type], wanted: &str) -> Option<usize> {
    let letters: Vec<char> = wanted.chars().filter(|c| *c != '*').collect();
    let repeats = wanted.ends_with('*');
    if arguments.len() < letters.len() || arguments.len() > letters.len() && !repeats {
        return None;
    }
    let mut sum = 0_usize;
    for (i, from) in arguments.iter().copied().enumerate() {
        let letter_ = letters.get(i).or_else(|| letters.last())?;
        let to = letter(*letter_);
        let up = types::rank(from)
            .zip(types::rank(&to))
            .is_some_and(|(f, t)| f <= t);
        let cost = match (from, letter_) {
            (_, 'a' | 'x') => 0,
            (&Type::UNKNOWN, 't') => 0,
            (&Type::UNKNOWN, _) => 1,
            (from, _) if *from == to => 0,
            (from, _) if types::is_text(from) && types::is_text(&to) => 1,
            (&Type::JSON, 'j') => 1,
            (&Type::PG_NODE_TREE, 't') => 1,
            (from, 'o' | 'c') if types::is_oid(from) || is_integer(from) => 1,
            (_, _) if up => 2,
            (&Type::DATE, 's' | 'z') => 2,
            (&Type::TIMESTAMP, 'z') => 3,
            _ => return None,
        };
        sum = sum.saturating_add(cost);
    }
    Some(sum)
}

/// The function of that name that fits best.
fn best(name: &str, arguments: &[&Type]) -> Option<&'static Known> {
    FUNCTIONS
        .iter()
        .chain(crate::embedded::dialect::locking::FUNCTIONS)
        .chain(crate::embedded::dialect::function::catalogs::FUNCTIONS)
        .filter(|(n, ..)| *n == name)
        .filter_map(|f| distance(arguments, f.1).map(|d| (d, f)))
        .min_by_key(|(d, _)| *d)
        .map(|(_, f)| f)
}

/// The letter of a function's parameter, if it has a line in the table.
pub(in crate::embedded::dialect) fn parameter(
    name: &str,
    arguments: &[Option<&Type>],
    at: usize,
) -> Option<char> {
    let kinds = arguments.iter().map(|kind| kind.unwrap_or(&Type::UNKNOWN));
    let (_, letters, ..) = best(name, &kinds.collect::<Vec<_>>())?;
    let mut letters = letters.chars().filter(|c| *c != '*');
    let last = letters.clone().next_back();
    letters.nth(at).or(last)
}

pub(in crate::embedded::dialect) fn undefined(name: &str, arguments: &[Sql]) -> Fault {
    if missing::is_missing(name) {
        return Fault::unsupported(format!("the function {name}"));
    }
    if matches!(name, "all" | "any" | "some") {
        return Fault::unsupported(format!("{} here", name.to_uppercase()));
    }
    let kinds: Vec<String> = arguments
        .iter()
        .map(|a| types::show(a.kind(), -1))
        .collect();
    Fault::new(
        SqlState::UNDEFINED_FUNCTION,
        format!("function {name}({}) does not exist", kinds.join(", ")),
    )
    .with_hint(
        "No function matches the given name and argument types. You might need to add explicit type casts.",
    )
}

impl Translator<'_> {
    /// A plain function.
    pub(in crate::embedded::dialect) fn call(
        &mut self,
        name: &str,
        arguments: Vec<Sql>,
    ) -> Result<Sql, Fault> {
        if let Some(sql) = self.definition(name, &arguments)? {
            return Ok(sql);
        }
        if let Some(sql) = self.special(name, &arguments)? {
            return Ok(sql);
        }
        let kinds: Vec<&Type> = arguments.iter().map(Sql::kind).collect();
        let Some((_, wanted, result, sqlite)) = best(name, &kinds) else {
            return Err(undefined(name, &arguments));
        };
        let letters: Vec<char> = wanted.chars().filter(|c| *c != '*').collect();
        let mut texts = Vec::new();
        for (i, argument) in arguments.into_iter().enumerate() {
            let letter_ = letters
                .get(i)
                .or_else(|| letters.last())
                .copied()
                .unwrap_or('t');
            let sql = if letter_ == 'a' {
                self.settle_as(argument, &Type::TEXT)?
            } else if letter_ == 'x' {
                let sql = self.settle_as(argument, &Type::TEXT)?;
                if *sql.kind() == Type::BOOL {
                    Sql::new(format!("pg_bool_letter({})", sql.text), Type::TEXT)
                } else {
                    self.as_shown(sql)?
                }
            } else if *argument.kind() == Type::PG_NODE_TREE {
                argument
            } else {
                let kind = letter(letter_);
                let sql = self.settle_as(argument, &kind)?;
                self.cast_now(sql, &kind.into(), false)?
            };
            texts.push(sql.text);
        }
        let function = if sqlite.is_empty() { name } else { sqlite };
        Ok(Sql::new(
            format!("{function}({})", texts.join(",")),
            letter(*result),
        ))
    }
}
