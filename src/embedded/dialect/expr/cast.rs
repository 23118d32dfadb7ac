//! Casts: those that are written, and those that PostgreSQL makes unasked.

use postgres_types::Type;
use rusqlite::types::Value as Kept;

use crate::embedded::convert;
use crate::embedded::dialect::Fault;
use crate::embedded::dialect::expr::{Open, Sql, Translator, constant};
use crate::embedded::dialect::types::{self, Ty};
use crate::error_response::SqlState;

/// Types whose values are not known here: as texts they would be taken for what they are not.
const OTHERS: &[Type] = &[
    Type::BIT,
    Type::VARBIT,
    Type::MONEY,
    Type::TIMETZ,
    Type::CIDR,
    Type::MACADDR,
    Type::MACADDR8,
    Type::POINT,
    Type::LINE,
    Type::LSEG,
    Type::BOX,
    Type::PATH,
    Type::POLYGON,
    Type::CIRCLE,
    Type::TS_VECTOR,
    Type::TSQUERY,
    Type::XML,
    Type::JSONPATH,
    Type::PG_LSN,
    Type::INT4_RANGE,
    Type::INT8_RANGE,
    Type::NUM_RANGE,
    Type::TS_RANGE,
    Type::TSTZ_RANGE,
    Type::DATE_RANGE,
    Type::INT4MULTI_RANGE,
    Type::INT8MULTI_RANGE,
    Type::NUMMULTI_RANGE,
    Type::TSMULTI_RANGE,
    Type::TSTZMULTI_RANGE,
    Type::DATEMULTI_RANGE,
    Type::RECORD,
];

impl Translator<'_> {
    /// A cast that somebody wrote.
    pub(in crate::embedded::dialect) fn cast(&mut self, sql: Sql, ty: &Ty) -> Result<Sql, Fault> {
        let element = types::element(&ty.kind);
        let vector = |kind: &Type| matches!(*kind, Type::OID_VECTOR | Type::INT2_VECTOR);
        if element.is_some() && vector(sql.kind()) && !vector(&ty.kind) {
            // They are written with blanks between their elements, and without braces.
            let text = format!("('{{'||replace({},' ',',')||'}}')", sql.text);
            let kind = match *sql.kind() {
                Type::OID_VECTOR => Type::OID_ARRAY,
                _ => Type::INT2_ARRAY,
            };
            return self.cast(Sql::new(text, kind), ty);
        }
        if OTHERS.contains(element.as_ref().unwrap_or(&ty.kind)) {
            let name = types::show(&ty.kind, -1);
            return Err(Fault::unsupported(format!("the type {name}")));
        }
        if *sql.kind() == Type::UNKNOWN {
            // A cast cuts a text to its length, where an INSERT refuses it.
            let loose = Ty::from(ty.kind.clone());
            let cut = matches!(
                ty.kind,
                Type::VARCHAR | Type::BPCHAR | Type::VARCHAR_ARRAY | Type::BPCHAR_ARRAY
            );
            let cuts = cut && ty.modifier >= 0;
            let sql = self.settle(sql, if cuts { &loose } else { ty })?;
            return if cuts {
                self.cast_now(sql, ty, true)
            } else {
                Ok(sql)
            };
        }
        self.cast_now(sql, ty, true)
    }

    /// The conversion that PostgreSQL makes unasked where a function or operator wants a type.
    pub(in crate::embedded::dialect) fn implicit(
        &mut self,
        sql: Sql,
        ty: &Ty,
    ) -> Result<Sql, Fault> {
        let sql = self.settle(sql, ty)?;
        let (from, to) = (sql.kind(), &ty.kind);
        let up = types::rank(from)
            .zip(types::rank(to))
            .is_some_and(|(f, t)| f <= t);
        let time = types::is_time(from) && types::is_time(to) && *from != Type::TIMESTAMPTZ;
        let good = from == to
            || up
            || time
            || types::is_text(from) && types::is_text(to)
            || types::is_integer(from) && types::is_oid(to);
        if good {
            return self.cast_now(sql, ty, false);
        }
        Err(Fault::new(
            SqlState::DATATYPE_MISMATCH,
            format!(
                "expression of type {} where {} is expected",
                types::show(from, -1),
                types::show(to, -1)
            ),
        ))
    }

    /// In the text form that clients see; as a text, char(n) would lose its padding.
    pub(in crate::embedded::dialect) fn as_shown(&self, sql: Sql) -> Result<Sql, Fault> {
        match *sql.kind() {
            Type::BPCHAR => Ok(Sql {
                ty: Type::TEXT.into(),
                ..sql
            }),
            _ => self.cast_now(sql, &Type::TEXT.into(), false),
        }
    }

    pub(in crate::embedded::dialect) fn cast_now(
        &self,
        sql: Sql,
        ty: &Ty,
        explicit: bool,
    ) -> Result<Sql, Fault> {
        let (from, to) = (sql.ty.kind.clone(), ty.kind.clone());
        let fits = ty.modifier < 0 || ty.modifier == sql.ty.modifier;
        let same_text = types::is_text(&from)
            && matches!(to, Type::TEXT | Type::VARCHAR)
            && from != Type::BPCHAR
            || from == Type::VARCHAR && to == Type::TEXT;
        if (from == to || same_text) && fits {
            return Ok(Sql {
                ty: ty.clone(),
                ..sql
            });
        }
        if let Some(text) = folded(&sql, ty, explicit)? {
            return Ok(Sql {
                text,
                ty: ty.clone(),
                not_null: true,
                open: Open::No,
            });
        }
        let not_null = sql.not_null;
        let text = if types::is_named(&to) && types::is_text(&from) {
            self.object_in(&sql.text, &to)
        } else if types::is_named(&from) && types::is_text(&to) {
            self.object_out(&sql.text, &from)
        } else if matches!(to, Type::JSON | Type::JSONB)
            && (types::is_text(&from) || from == Type::JSON)
        {
            format!("pg_json({},{})", sql.text, u8::from(to == Type::JSONB))
        } else if explicit
            && from == Type::JSONB
            && (to == Type::BOOL || types::is_number(&to) && !types::is_oid(&to))
        {
            let text = format!("pg_jsonb_scalar({},{})", sql.text, to.oid());
            let plain = match to {
                Type::BOOL => Type::BOOL,
                _ => Type::NUMERIC,
            };
            return self.cast_now(Sql::new(text, plain), ty, true);
        } else if types::rank(&from)
            .zip(types::rank(&to))
            .is_some_and(|(f, t)| f <= t)
            && types::storage(&from) == types::storage(&to)
            && types::storage(&to) == types::Storage::Integer
            && !types::is_oid(&to)
        {
            sql.text
        } else if convert::castable(&from, &to) {
            format!(
                "pg_cast({},{},{},{},{})",
                sql.text,
                from.oid(),
                to.oid(),
                ty.modifier,
                u8::from(explicit)
            )
        } else {
            return Err(Fault::new(
                SqlState::CANNOT_COERCE,
                format!(
                    "cannot cast type {} to {}",
                    types::show(&from, -1),
                    types::show(&to, -1)
                ),
            ));
        };
        Ok(Sql {
            text,
            ty: ty.clone(),
            not_null,
            open: Open::No,
        })
    }
}

/// The cast of a number that was written as such.
fn folded(sql: &Sql, ty: &Ty, explicit: bool) -> Result<Option<String>, Fault> {
    let digits = !sql.text.is_empty() && sql.text.bytes().all(|b| b.is_ascii_digit());
    let value = match sql.ty.kind {
        Type::INT4 | Type::INT8 if digits => sql.text.parse().map(Kept::Integer).ok(),
        Type::NUMERIC => sql
            .text
            .strip_prefix('\'')
            .and_then(|t| t.strip_suffix('\''))
            .filter(|t| !t.contains('\''))
            .map(|t| Kept::Text(t.to_owned())),
        _ => None,
    };
    let Some(value) = value.filter(|_| types::is_number(&ty.kind)) else {
        return Ok(None);
    };
    convert::cast((&value).into(), &sql.ty.kind, ty, explicit).map(|v| Some(constant(&v)))
}
