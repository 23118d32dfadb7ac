//! Functions of arrays, whatever their elements are.

use postgres_types::Type;
use sqlparser::ast::BinaryOperator;

use crate::embedded::dialect::Fault;
use crate::embedded::dialect::expr::{Sql, Translator};
use crate::embedded::dialect::function::resolve::undefined;
use crate::embedded::dialect::types;

impl Translator<'_> {
    pub(super) fn of_arrays(
        &mut self,
        name: &str,
        arguments: &[Sql],
    ) -> Result<Option<Sql>, Fault> {
        let one = |i: usize| arguments.get(i).cloned();
        Ok(Some(match (name, arguments.len()) {
            ("array_to_string", 2 | 3) => {
                let array = one(0).ok_or_else(|| undefined(name, arguments))?;
                let mut texts = vec![array.text.clone(), array.kind().oid().to_string()];
                if types::element(array.kind()).is_none() {
                    return Err(undefined(name, arguments));
                }
                for text in arguments.iter().skip(1) {
                    texts.push(self.implicit(text.clone(), &Type::TEXT.into())?.text);
                }
                Sql::new(
                    format!("pg_array_to_string({})", texts.join(",")),
                    Type::TEXT,
                )
            }
            ("cardinality" | "array_ndims" | "array_dims", 1) => {
                let array = one(0).ok_or_else(|| undefined(name, arguments))?;
                if types::element(array.kind()).is_none() {
                    return Err(undefined(name, arguments));
                }
                let kind = if name == "array_dims" {
                    Type::TEXT
                } else {
                    Type::INT4
                };
                let text = format!("pg_{name}({},{})", array.text, array.kind().oid());
                Sql::new(text, kind)
            }
            ("array_length" | "array_upper" | "array_lower", 2) => {
                let array = one(0).ok_or_else(|| undefined(name, arguments))?;
                let dimension = one(1).ok_or_else(|| undefined(name, arguments))?;
                if types::element(array.kind()).is_none() {
                    return Err(undefined(name, arguments));
                }
                let dimension = self.implicit(dimension, &Type::INT4.into())?;
                let call = format!("pg_{name}({},{})", array.text, array.kind().oid());
                // There are no further dimensions.
                let text = match dimension.text.as_str() {
                    "1" => call,
                    other => format!("iif({other}=1,{call},NULL)"),
                };
                Sql::new(text, Type::INT4)
            }
            ("array_position", 2 | 3)
            | ("array_positions" | "array_remove", 2)
            | ("array_replace", 3) => {
                let (array, element) = self.array_and_element(name, arguments)?;
                let values = if name == "array_replace" { 2 } else { 1 };
                let mut texts = vec![
                    array.text.clone(),
                    array.kind().oid().to_string(),
                    element.oid().to_string(),
                ];
                for (i, argument) in arguments.iter().enumerate().skip(1) {
                    let kind = if i <= values { &element } else { &Type::INT4 };
                    let sql = self
                        .implicit(argument.clone(), &kind.clone().into())
                        .map_err(|_| undefined(name, arguments))?;
                    texts.push(sql.text);
                }
                let (function, kind) = match name {
                    "array_position" => ("pg_array_find", Type::INT4),
                    "array_positions" => ("pg_array_positions", Type::INT4_ARRAY),
                    "array_remove" => ("pg_array_remove", array.kind().clone()),
                    _ => ("pg_array_replace", array.kind().clone()),
                };
                Sql::new(format!("{function}({})", texts.join(",")), kind)
            }
            ("array_append" | "array_prepend" | "array_cat", 2) => {
                let mut both = arguments.to_vec();
                if name == "array_prepend" {
                    both.reverse();
                }
                let mut given = None;
                let array = match name {
                    "array_cat" if both.iter().all(|a| *a.kind() == Type::UNKNOWN) => {
                        Type::TEXT_ARRAY
                    }
                    "array_cat" => both
                        .iter()
                        .map(|a| a.kind().clone())
                        .find(|k| types::element(k).is_some())
                        .ok_or_else(|| undefined(name, arguments))?,
                    _ => {
                        let (array, _) = self.array_and_element(name, &both)?;
                        let kind = array.kind().clone();
                        given = Some(array);
                        kind
                    }
                };
                let element = types::element(&array).ok_or_else(|| undefined(name, arguments))?;
                let second = if name == "array_cat" {
                    array.clone()
                } else {
                    element
                };
                if let (Some(given), Some(first)) = (given, both.first_mut()) {
                    *first = given;
                }
                let mut parts = Vec::new();
                for (argument, kind) in both.into_iter().zip([array, second]) {
                    parts.push(
                        self.implicit(argument, &kind.into())
                            .map_err(|_| undefined(name, arguments))?,
                    );
                }
                if name == "array_prepend" {
                    parts.reverse();
                }
                match <[Sql; 2]>::try_from(parts) {
                    Ok([left, right]) => self.binary(&BinaryOperator::StringConcat, left, right)?,
                    Err(_) => return Err(undefined(name, arguments)),
                }
            }
            ("array_fill", 2) => {
                let value = one(0).ok_or_else(|| undefined(name, arguments))?;
                let value = self.settle_as(value, &Type::TEXT)?;
                let kind = types::array_of(value.kind())
                    .ok_or_else(|| Fault::unsupported("an array of this type"))?;
                let lengths = one(1).ok_or_else(|| undefined(name, arguments))?;
                let lengths = self.settle_as(lengths, &Type::INT4_ARRAY)?;
                if *lengths.kind() != Type::INT4_ARRAY {
                    return Err(undefined(name, arguments));
                }
                let text = format!(
                    "pg_array_fill({},{},{})",
                    value.kind().oid(),
                    value.text,
                    lengths.text
                );
                Sql::new(text, kind)
            }
            ("array_fill", 3) => return Err(Fault::unsupported("array_fill with lower bounds")),
            ("trim_array", 2) => {
                let array = one(0).ok_or_else(|| undefined(name, arguments))?;
                let count = one(1).ok_or_else(|| undefined(name, arguments))?;
                if types::element(array.kind()).is_none() {
                    return Err(undefined(name, arguments));
                }
                let count = self.implicit(count, &Type::INT4.into())?;
                let text = format!("pg_trim_array({},{})", array.text, count.text);
                Sql::new(text, array.kind().clone())
            }
            _ => return Ok(None),
        }))
    }

    /// The array that the first argument is or must be, with the type of its elements. A second
    /// whose type is wider makes it wider.
    fn array_and_element(&mut self, name: &str, arguments: &[Sql]) -> Result<(Sql, Type), Fault> {
        let none = || undefined(name, arguments);
        let array = arguments.first().cloned().ok_or_else(none)?;
        let other = arguments.get(1).map(|a| a.kind().clone());
        let other = other.filter(|k| *k != Type::UNKNOWN);
        let array = match &other {
            Some(kind) if *array.kind() == Type::UNKNOWN => {
                let kind = types::array_of(kind).ok_or_else(none)?;
                self.settle_as(array, &kind)?
            }
            _ => array,
        };
        let element = types::element(array.kind()).ok_or_else(none)?;
        let wider = other
            .filter(|k| types::element(k).is_none())
            .and_then(|k| crate::embedded::dialect::operator::wider(&element, &k));
        match wider {
            Some(wider) if wider != element && types::is_number(&wider) => {
                let kind = types::array_of(&wider).ok_or_else(none)?;
                let array = self.cast_now(array, &kind.into(), false)?;
                Ok((array, wider))
            }
            _ => Ok((array, element)),
        }
    }
}
