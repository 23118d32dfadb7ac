//! What is said of an index that SQLite has no word for. It is kept in a comment of the statement.

use sqlparser::ast::{BinaryOperator, CreateIndex, Expr, IndexColumn, OrderBySort, Value};

use crate::embedded::convert::hex_digits;
use crate::embedded::dialect::scope::{fold, object};
use crate::embedded::dialect::{Fault, identifier, literal};
use crate::error_response::SqlState;

const MARK: &str = " /*pgtls index ";

/// Access methods and their numbers in `pg_am`.
const METHODS: &[(&str, i64)] = &[("btree", 403), ("hash", 405), ("brin", 3580)];

/// Operator classes that are not those of their types.
const CLASSES: &[&str] = &[
    "bpchar_pattern_ops",
    "text_pattern_ops",
    "varchar_pattern_ops",
];

/// What is said of an index.
#[derive(Debug, Default, Eq, PartialEq)]
pub(in crate::embedded) struct IndexOptions {
    method: Option<String>,
    /// The columns behind INCLUDE.
    pub(in crate::embedded) included: Vec<String>,
    /// Of each key: the collation and the operator class, if they are not the type's own.
    keys: Vec<(String, String)>,
    with: Vec<(String, String)>,
}

fn refused(text: String) -> Fault {
    Fault::new(SqlState::FEATURE_NOT_SUPPORTED, text)
}

impl IndexOptions {
    pub(super) fn said(create: &CreateIndex) -> Result<Self, Fault> {
        let mut own = Self::default();
        if let Some(using) = &create.using {
            let method = using.to_string().to_lowercase();
            match METHODS.iter().find(|(name, _)| *name == method) {
                Some((name, _)) => own.method = Some((*name).to_owned()).filter(|n| n != "btree"),
                None if matches!(&*method, "gin" | "gist" | "spgist") => {
                    return Err(Fault::unsupported(format!("an index USING {method}")));
                }
                None => {
                    return Err(Fault::new(
                        SqlState::UNDEFINED_OBJECT,
                        format!("access method \"{method}\" does not exist"),
                    ));
                }
            }
        }
        own.included = create.include.iter().map(fold).collect();
        if let Some(method) = &own.method {
            own.fits(method, create)?;
        }
        for key in &create.columns {
            own.keys.push((collation(key)?, own.class(key)?));
        }
        for option in &create.with {
            own.with.push(parameter(option)?);
        }
        if own.method.is_some() && !own.with.is_empty() {
            return Err(Fault::unsupported("WITH (…) of an index that is no btree"));
        }
        Ok(own)
    }

    /// What an access method cannot do (PostgreSQL's DefineIndex).
    fn fits(&self, method: &str, create: &CreateIndex) -> Result<(), Fault> {
        let lacks = |what: &str| {
            Err(refused(format!(
                "access method \"{method}\" does not support {what}"
            )))
        };
        let mut options = create.columns.iter().map(|key| &key.column.options);
        if create.unique {
            return lacks("unique indexes");
        }
        if !self.included.is_empty() {
            return lacks("included columns");
        }
        if method == "hash" && create.columns.len() > 1 {
            return lacks("multicolumn indexes");
        }
        if options.clone().any(|o| o.sort.is_some()) {
            return lacks("ASC/DESC options");
        }
        if options.any(|o| o.nulls_first.is_some()) {
            return lacks("NULLS FIRST/LAST options");
        }
        Ok(())
    }

    fn class(&self, key: &IndexColumn) -> Result<String, Fault> {
        let Some(class) = &key.operator_class else {
            return Ok(String::new());
        };
        let (_, name) = object(class)?;
        if CLASSES.contains(&name.as_str()) {
            return Ok(name);
        }
        let method = self.method.as_deref().unwrap_or("btree");
        let own = match method {
            "brin" => "_minmax_ops",
            _ => "_ops",
        };
        const KINDS: &[&str] = &[
            "int4",
            "int2",
            "oid",
            "date",
            "float8",
            "int8",
            "numeric",
            "text",
            "timestamptz",
            "timestamp",
            "array",
            "bool",
            "bpchar",
            "bytea",
            "char",
            "float4",
            "inet",
            "interval",
            "name",
            "time",
            "varchar",
            "uuid",
            "enum",
            "jsonb",
        ];
        match name.strip_suffix(own) {
            Some(kind) if KINDS.contains(&kind) => Ok(String::new()),
            _ => Err(Fault::new(
                SqlState::UNDEFINED_OBJECT,
                format!("operator class \"{name}\" does not exist for access method \"{method}\""),
            )),
        }
    }

    /// The comment that keeps it; nothing if there is nothing to keep.
    pub(super) fn mark(&self) -> String {
        let mut words = Vec::new();
        words.extend(self.method.as_ref().map(|m| format!("m:{}", hex(m))));
        words.extend(self.included.iter().map(|name| self.included_word(name)));
        if self
            .keys
            .iter()
            .any(|(c, o)| !c.is_empty() || !o.is_empty())
        {
            let keys = self.keys.iter();
            words.extend(keys.map(|(c, o)| format!("k:{}:{}", hex(c), hex(o))));
        }
        let with = self.with.iter();
        words.extend(with.map(|(n, v)| format!("w:{}:{}", hex(n), hex(v))));
        match words.is_empty() {
            true => String::new(),
            false => format!("{MARK}{} */", words.join(" ")),
        }
    }

    fn included_word(&self, name: &str) -> String {
        format!("i:{}", hex(name))
    }

    /// The words that a column behind INCLUDE has in the comment, by its old name and its new.
    pub(super) fn renamed(&self, old: &str, new: &str) -> Option<(String, String)> {
        let word = |name| format!(" {} ", self.included_word(name));
        self.included
            .iter()
            .any(|name| name == old)
            .then(|| (word(old), word(new)))
    }

    /// What the statement that made an index says.
    pub(in crate::embedded) fn kept(sql: &str) -> Self {
        let mut own = Self::default();
        let words = sql
            .split_once(MARK)
            .and_then(|(_, tail)| tail.split_once(" */"));
        for word in words.map(|(words, _)| words).unwrap_or_default().split(' ') {
            let mut parts = word.split(':');
            let kind = parts.next().unwrap_or_default();
            let first = parts.next().map(unhex).unwrap_or_default();
            let second = parts.next().map(unhex).unwrap_or_default();
            match kind {
                "m" => own.method = Some(first),
                "i" => own.included.push(first),
                "k" => own.keys.push((first, second)),
                "w" => own.with.push((first, second)),
                _ => {}
            }
        }
        own
    }

    /// Its name and its number in `pg_am`.
    pub(in crate::embedded) fn method(&self) -> (&str, i64) {
        let name = self.method.as_deref().unwrap_or("btree");
        let number = METHODS.iter().find(|(n, _)| *n == name);
        (name, number.map_or(403, |(_, number)| *number))
    }

    /// What stands behind a key.
    pub(in crate::embedded) fn key(&self, number: usize) -> String {
        let Some((collation, class)) = self.keys.get(number) else {
            return String::new();
        };
        let mut text = String::new();
        if !collation.is_empty() {
            text.push_str(&format!(" COLLATE {}", identifier(collation)));
        }
        if !class.is_empty() {
            text.push_str(&format!(" {class}"));
        }
        text
    }

    /// ` INCLUDE (…) WITH (…)`, as far as it is said.
    pub(in crate::embedded) fn tail(&self) -> String {
        let mut text = String::new();
        if !self.included.is_empty() {
            let names: Vec<String> = self.included.iter().map(|n| identifier(n)).collect();
            text.push_str(&format!(" INCLUDE ({})", names.join(", ")));
        }
        if !self.with.is_empty() {
            let with = self.with.iter();
            let with: Vec<String> = with.map(|(n, v)| format!("{n}={}", literal(v))).collect();
            text.push_str(&format!(" WITH ({})", with.join(", ")));
        }
        text
    }
}

fn collation(key: &IndexColumn) -> Result<String, Fault> {
    let Expr::Collate { collation, .. } = &key.column.expr else {
        return Ok(String::new());
    };
    let (_, name) = object(collation)?;
    match name.as_str() {
        "default" => Ok(String::new()),
        "C" | "POSIX" => Ok(name),
        _ => Err(Fault::unsupported(format!("the collation {name}")).at(collation)),
    }
}

/// `fillfactor = 50`.
fn parameter(option: &Expr) -> Result<(String, String), Fault> {
    let (name, value) = match option {
        Expr::BinaryOp {
            left,
            op: BinaryOperator::Eq,
            right,
        } => (&**left, Some(&**right)),
        name => (name, None),
    };
    let Expr::Identifier(name) = name else {
        return Err(Fault::unsupported(format!("WITH ({option}) of an index")).at(option));
    };
    let name = fold(name);
    let value = match value {
        None => "true".to_owned(),
        Some(Expr::Value(value)) => match &value.value {
            Value::SingleQuotedString(text) => text.clone(),
            other => other.to_string(),
        },
        Some(other) => other.to_string(),
    };
    let wrong = |text: String| Fault::new(SqlState::INVALID_PARAMETER_VALUE, text);
    match name.as_str() {
        "fillfactor" => {
            let number: i64 = value.parse().map_err(|_| {
                wrong(format!(
                    "invalid value for integer option \"{name}\": {value}"
                ))
            })?;
            if !(10..=100).contains(&number) {
                return Err(
                    wrong(format!("value {value} out of bounds for option \"{name}\""))
                        .with_detail("Valid values are between \"10\" and \"100\".".into()),
                );
            }
        }
        "deduplicate_items" => {
            let words = ["on", "off", "true", "false", "yes", "no", "1", "0"];
            if !words.contains(&value.to_lowercase().as_str()) {
                return Err(wrong(format!(
                    "invalid value for boolean option \"{name}\": {value}"
                )));
            }
        }
        _ => return Err(wrong(format!("unrecognized parameter \"{name}\""))),
    }
    Ok((name, value))
}

/// Whether a key goes down.
pub(super) fn descends(key: &IndexColumn) -> bool {
    matches!(key.column.options.sort, Some(OrderBySort::Desc))
}

fn hex(text: &str) -> String {
    hex_digits(text.as_bytes())
}

fn unhex(text: &str) -> String {
    let bytes: Option<Vec<u8>> = (0..text.len())
        .step_by(2)
        .map(|at| {
            let digits = text.get(at..at.checked_add(2)?)?;
            u8::from_str_radix(digits, 16).ok()
        })
        .collect();
    String::from_utf8(bytes.unwrap_or_default()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_kept() {
        let said = IndexOptions {
            method: None,
            included: vec!["b".into(), "C */ d".into()],
            keys: vec![
                (String::new(), "text_pattern_ops".into()),
                ("C".into(), String::new()),
            ],
            with: vec![("fillfactor".into(), "50".into())],
        };
        let sql = format!("CREATE INDEX \"i\"{} ON \"t\"(\"a\")", said.mark());
        assert_eq!(IndexOptions::kept(&sql), said);
        let (old, new) = said.renamed("b", "ü").unwrap();
        let renamed = IndexOptions::kept(&sql.replacen(&old, &new, 1));
        assert_eq!(renamed.included, ["ü", "C */ d"]);
        assert_eq!(
            said.tail(),
            " INCLUDE (b, \"C */ d\") WITH (fillfactor='50')"
        );
        assert_eq!(said.key(1), " COLLATE \"C\"");
        assert_eq!(IndexOptions::default().mark(), "");
        assert_eq!(
            IndexOptions::kept("CREATE INDEX i ON t(a)"),
            IndexOptions::default()
        );
    }
}
