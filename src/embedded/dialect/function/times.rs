//! Functions of dates and times that depend on which of them it is.

use postgres_types::Type;

use crate::embedded::dialect::Fault;
use crate::embedded::dialect::expr::{Sql, Translator};
use crate::embedded::dialect::function::resolve::undefined;
use crate::embedded::dialect::types;

impl Translator<'_> {
    pub(super) fn of_times(&mut self, name: &str, arguments: &[Sql]) -> Result<Option<Sql>, Fault> {
        let one = |i: usize| arguments.get(i).cloned();
        Ok(Some(match (name, arguments.len()) {
            ("date_trunc", 2 | 3) => {
                let unit = one(0).ok_or_else(|| undefined(name, arguments))?;
                let value = one(1).ok_or_else(|| undefined(name, arguments))?;
                let unit = self.implicit(unit, &Type::TEXT.into())?;
                let value = self.settle_as(value, &Type::TIMESTAMPTZ)?;
                let kind = match *value.kind() {
                    Type::TIMESTAMPTZ | Type::DATE => Type::TIMESTAMPTZ,
                    _ if arguments.len() > 2 => return Err(undefined(name, arguments)),
                    Type::TIMESTAMP => Type::TIMESTAMP,
                    Type::INTERVAL | Type::TIME => Type::INTERVAL,
                    _ => return Err(undefined(name, arguments)),
                };
                let value = self.cast_now(value, &kind.clone().into(), false)?;
                let mut texts = vec![unit.text, value.text, kind.oid().to_string()];
                if let Some(zone) = one(2) {
                    texts.push(self.implicit(zone, &Type::TEXT.into())?.text);
                }
                Sql::new(format!("pg_date_trunc({})", texts.join(",")), kind)
            }
            ("to_char", 2) if arguments.first().is_some_and(|a| *a.kind() == Type::TIME) => {
                let value = one(0).ok_or_else(|| undefined(name, arguments))?;
                let pattern = one(1).ok_or_else(|| undefined(name, arguments))?;
                let value = self.cast_now(value, &Type::INTERVAL.into(), false)?;
                let pattern = self.implicit(pattern, &Type::TEXT.into())?;
                let text = format!("pg_to_char_v({},{})", value.text, pattern.text);
                Sql::new(text, Type::TEXT)
            }
            ("current_timestamp" | "localtimestamp" | "localtime", 1) => {
                let digits = one(0).map(|sql| sql.text.parse()).and_then(Result::ok);
                let digits = digits.ok_or_else(|| undefined(name, arguments))?;
                let now = self.call(name, Vec::new())?;
                let ty = types::Ty {
                    modifier: digits,
                    ..now.ty.clone()
                };
                self.cast_now(now, &ty, true)?
            }
            ("make_interval", 0..=7) => {
                let (whole, seconds) = arguments.split_at(arguments.len().min(6));
                let mut texts = self.all_of(name, whole, &Type::INT4)?;
                texts.resize(6, "0".into());
                texts.extend(self.all_of(name, seconds, &Type::FLOAT8)?);
                texts.resize(7, "0".into());
                let text = format!("pg_make_interval({})", texts.join(","));
                Sql::new(text, Type::INTERVAL)
            }
            ("extract" | "date_part", 2) => {
                let unit = one(0).ok_or_else(|| undefined(name, arguments))?;
                let value = one(1).ok_or_else(|| undefined(name, arguments))?;
                let unit = self.implicit(unit, &Type::TEXT.into())?;
                let value = self.settle_as(value, &Type::TIMESTAMP)?;
                if !types::is_time(value.kind())
                    && !matches!(*value.kind(), Type::TIME | Type::INTERVAL)
                {
                    return Err(undefined(name, arguments));
                }
                let extracted = Sql::new(
                    format!(
                        "pg_extract({},{},{})",
                        unit.text,
                        value.text,
                        value.kind().oid()
                    ),
                    Type::NUMERIC,
                );
                if name == "extract" {
                    extracted
                } else {
                    self.cast_now(extracted, &Type::FLOAT8.into(), false)?
                }
            }
            ("timezone", 2) => {
                let zone = one(0).ok_or_else(|| undefined(name, arguments))?;
                let value = one(1).ok_or_else(|| undefined(name, arguments))?;
                self.at_time_zone(value, zone)?
            }
            _ => return Ok(None),
        }))
    }
}
