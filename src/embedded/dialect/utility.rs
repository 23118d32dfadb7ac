//! Statements that are neither queries nor changes: transactions, settings, COPY and the rest.

use postgres_types::Type;
use sqlparser::ast::{
    ContextModifier, DiscardObject, Expr, Interval, ObjectName, Reset, SelectItem, Set, Statement,
    TransactionAccessMode, TransactionIsolationLevel, TransactionMode, Value,
};

use crate::embedded::dialect::copy;
use crate::embedded::dialect::definition::Step;
use crate::embedded::dialect::expr::{Translator, shorten};
use crate::embedded::dialect::plan::Plan;
use crate::embedded::dialect::scope::{Scope, fold};
use crate::embedded::dialect::spelling::CONSTRAINTS;
use crate::embedded::dialect::types::{self, Ty};
use crate::embedded::dialect::{Fault, Output, origin, quote, small};
use crate::error_response::{ErrorResponse, SqlState};
use crate::server::{Scope as SettingScope, SessionCommand};

impl Translator<'_> {
    pub(super) fn statement(&mut self, statement: &Statement) -> Result<Plan, Fault> {
        Ok(match statement {
            Statement::Query(query) => {
                if let Some(plan) = self.setval(query)? {
                    return Ok(plan);
                }
                if let Some(plan) = self.select_into(query)? {
                    return Ok(plan);
                }
                if let Some(plan) = self.changing_query(query)? {
                    return Ok(plan);
                }
                self.once_next = super::sequence::is_once(query);
                let (sql, columns) = self.query(query, &Scope::default())?;
                let (sql, columns) = self.presented(sql, columns)?;
                Plan::Query {
                    sql,
                    columns,
                    locks: !query.locks.is_empty(),
                }
            }
            Statement::Insert(insert) => self.insert(insert)?,
            Statement::Update(update) => self.update(update)?,
            Statement::Delete(delete) => self.delete(delete)?,
            Statement::Merge(merge) => self.merge_into(merge)?,
            Statement::CreateTable(create) => self.create_table(create)?,
            Statement::CreateIndex(create) => self.create_index(create)?,
            Statement::CreateView(create) => self.create_view(create)?,
            Statement::CreateSequence {
                temporary: false,
                if_not_exists,
                name,
                sequence_options,
            } => self.create_sequence(name, *if_not_exists, sequence_options)?,
            Statement::CreateType {
                name,
                representation,
            } => self.create_type(name, representation.as_ref())?,
            Statement::AlterType(alter) => self.alter_type(alter)?,
            Statement::AlterTable(alter) => self.alter_table(alter)?,
            Statement::Truncate(truncate) => self.truncate(truncate)?,
            Statement::Drop {
                object_type,
                if_exists,
                names,
                cascade,
                ..
            } => self.drop(object_type, *if_exists, names, *cascade)?,
            Statement::AlterIndex { name, operation } => self.alter_index(name, operation)?,
            Statement::Comment {
                object_type,
                object_name,
                comment,
                ..
            } => self.comment(*object_type, object_name, comment.as_deref())?,
            Statement::StartTransaction { modes, begin, .. } => {
                let mut plan = (false, None);
                for mode in modes {
                    match mode {
                        TransactionMode::AccessMode(mode) => {
                            plan.0 = *mode == TransactionAccessMode::ReadOnly;
                        }
                        TransactionMode::IsolationLevel(level) => plan.1 = Some(isolation(*level)),
                    }
                }
                Plan::Begin {
                    read_only: plan.0,
                    isolation: plan.1,
                    tag: if *begin { "BEGIN" } else { "START TRANSACTION" },
                }
            }
            Statement::Commit { chain: false, .. } => Plan::Commit,
            Statement::Rollback {
                chain: false,
                savepoint: None,
            } => Plan::Rollback,
            Statement::Rollback {
                savepoint: Some(name),
                ..
            } => Plan::RollbackTo(fold(name)),
            Statement::Savepoint { name } => Plan::Savepoint(fold(name)),
            Statement::ReleaseSavepoint { name } => Plan::Release(fold(name)),
            Statement::Set(set) => match constraints(set) {
                Some(deferred) => deferred_keys(deferred),
                None => set_plan(set)?,
            },
            Statement::ShowVariable { variable } => {
                let words: Vec<String> = variable.iter().map(fold).collect();
                Plan::Session(SessionCommand::Show(match words.join(" ").as_str() {
                    "all" => None,
                    "transaction isolation level" => Some("transaction_isolation".into()),
                    "time zone" => Some("timezone".into()),
                    "session authorization" => Some("session_authorization".into()),
                    _ => Some(words.join(".")),
                }))
            }
            Statement::Reset(reset) => Plan::Session(SessionCommand::Reset(match &reset.reset {
                Reset::ALL => None,
                Reset::ConfigurationParameter(name) => Some(setting_name(name)),
                Reset::SessionAuthorization => Some("session_authorization".into()),
            })),
            Statement::Discard { object_type } => Plan::Session(match object_type {
                DiscardObject::ALL => SessionCommand::DiscardAll,
                DiscardObject::PLANS => SessionCommand::DiscardPart("DISCARD PLANS"),
                DiscardObject::SEQUENCES => SessionCommand::DiscardPart("DISCARD SEQUENCES"),
                DiscardObject::TEMP => SessionCommand::DiscardPart("DISCARD TEMP"),
            }),
            Statement::Deallocate { name, .. } => {
                let all = name.quote_style.is_none() && fold(name) == "all";
                Plan::Session(SessionCommand::Deallocate((!all).then(|| fold(name))))
            }
            Statement::LISTEN { channel } => Plan::Session(SessionCommand::Listen(fold(channel))),
            Statement::UNLISTEN { channel } => {
                let all = channel.quote_style.is_none() && channel.value == "*";
                Plan::Session(SessionCommand::Unlisten((!all).then(|| fold(channel))))
            }
            Statement::NOTIFY { channel, payload } => Plan::Session(SessionCommand::Notify(
                fold(channel),
                payload.clone().unwrap_or_default(),
            )),
            Statement::Explain {
                analyze,
                statement,
                format,
                options,
                ..
            } => {
                let format = format.as_ref().map(|f| f.to_string());
                let format = format.map(|f| f.trim_start_matches("FORMAT").trim().to_owned());
                self.explain(
                    statement,
                    *analyze,
                    format,
                    options.as_deref().unwrap_or_default(),
                )?
            }
            Statement::CreateSchema {
                schema_name,
                if_not_exists,
                ..
            } => super::schemas::create_schema(schema_name, *if_not_exists)?,
            Statement::Grant(grant) => self.grant(grant)?,
            Statement::Revoke(revoke) => self.revoke(revoke)?,
            Statement::CreateExtension(create) => {
                small::create_extension(&create.name, create.if_not_exists)?
            }
            Statement::Copy {
                source,
                to,
                target,
                options,
                legacy_options,
                ..
            } => {
                let options = copy::options(options, legacy_options)?;
                Plan::Copy(self.copy(source, *to, target, options)?)
            }
            other => {
                let text = other.to_string();
                let words: Vec<&str> = text.split_whitespace().take(2).collect();
                return Err(Fault::unsupported(shorten(&words.join(" "))).at(other));
            }
        })
    }

    /// Columns as clients see them: what stands for an object by its number comes with its name,
    /// `1259 pg_class`.
    pub(super) fn presented(
        &self,
        sql: String,
        mut columns: Vec<Output>,
    ) -> Result<(String, Vec<Output>), Fault> {
        let named = |ty: &Ty| types::is_named(&ty.kind);
        for column in &columns {
            // The names of types are known without the catalogs.
            let unnamed = |kind: &Type| types::is_named(kind) && *kind != Type::REGTYPE;
            if let Some(element) = types::element(&column.ty.kind).filter(unnamed) {
                return Err(Fault::unsupported(format!(
                    "an array of {}",
                    element.name()
                )));
            }
        }
        let sql = if columns.iter().any(|c| named(&c.ty)) {
            let names: Vec<String> = (0..columns.len()).map(|i| format!("\"c{i}\"")).collect();
            let items: Vec<String> = columns
                .iter()
                .zip(&names)
                .map(|(c, name)| {
                    let value = if named(&c.ty) {
                        format!("{name}||' '||{}", self.object_out(name, &c.ty.kind))
                    } else {
                        name.clone()
                    };
                    format!("{value} AS {}", quote(&c.name))
                })
                .collect();
            format!(
                "WITH \"part\"({}) AS ({sql}) SELECT {} FROM \"part\"",
                names.join(","),
                items.join(",")
            )
        } else {
            sql
        };
        for column in &mut columns {
            if column.ty.kind == Type::UNKNOWN {
                column.ty = Type::TEXT.into();
            }
        }
        Ok((sql, columns))
    }

    /// A select list without FROM: RETURNING.
    pub(super) fn list(
        &mut self,
        items: &[SelectItem],
        scope: &Scope<'_>,
    ) -> Result<(String, Vec<Output>), Fault> {
        let mut found = Vec::new();
        for item in items {
            self.item(item, scope, &mut found)?;
        }
        if self.grouping.aggregates {
            return Err(Fault::unsupported("this function in RETURNING"));
        }
        let mut texts = Vec::new();
        let mut columns = Vec::new();
        for (name, sql) in found {
            let sql = self.settle_as(sql, &Type::TEXT)?;
            texts.push(format!("{} AS {}", sql.text, quote(&name)));
            columns.push(Output::new(name, sql.ty));
        }
        origin::trace(items, scope, &mut columns);
        Ok((texts.join(","), columns))
    }
}

/// Whether SET CONSTRAINTS defers them.
fn constraints(set: &Set) -> Option<bool> {
    match set {
        Set::SingleAssignment {
            variable, values, ..
        } if setting_name(variable) == CONSTRAINTS => {
            let values: Vec<String> = values.iter().map(ToString::to_string).collect();
            Some(values.join("").eq_ignore_ascii_case("deferred"))
        }
        _ => None,
    }
}

/// SQLite defers all foreign keys or those that were declared so. Whichever it is, all hold when
/// the transaction ends.
fn deferred_keys(deferred: bool) -> Plan {
    let set = |on: &str| Step::Sql(format!("PRAGMA defer_foreign_keys={on}"));
    let steps = if deferred {
        vec![set("ON")]
    } else {
        vec![
            Step::Refuse {
                query: "SELECT 'Table \"'||\"table\"||'\" has a row without its key in table \"'||parent||'\".' \
                        FROM pragma_foreign_key_check LIMIT 1"
                    .into(),
                error: Box::new(ErrorResponse::error(
                    SqlState::FOREIGN_KEY_VIOLATION,
                    "insert, update or delete violates foreign key constraint",
                )),
            },
            set("OFF"),
        ]
    };
    Plan::Schema {
        steps,
        tag: "SET CONSTRAINTS".into(),
    }
}

fn isolation(level: TransactionIsolationLevel) -> String {
    level.to_string().to_lowercase()
}

fn setting_name(name: &ObjectName) -> String {
    let parts: Vec<String> = name
        .0
        .iter()
        .filter_map(|p| p.as_ident().map(fold))
        .collect();
    parts.join(".")
}

/// A setting's value as text; a list is joined with commas.
fn setting_value(values: &[Expr]) -> Result<Option<String>, Fault> {
    let mut parts = Vec::new();
    for value in values {
        parts.push(match value {
            Expr::Value(value) => match &value.value {
                Value::SingleQuotedString(s) | Value::EscapedStringLiteral(s) => s.clone(),
                Value::Number(n, _) => n.clone(),
                Value::Boolean(b) => if *b { "on" } else { "off" }.to_owned(),
                other => other.to_string(),
            },
            Expr::Identifier(ident) if ident.value.eq_ignore_ascii_case("default") => {
                return Ok(None);
            }
            Expr::Identifier(ident) => fold(ident),
            Expr::UnaryOp { .. } | Expr::CompoundIdentifier(_) => value.to_string(),
            other => return Err(Fault::unsupported(format!("SET to {other}")).at(other)),
        });
    }
    Ok(Some(parts.join(", ")))
}

/// `INTERVAL '+02:00' HOUR TO MINUTE`: a zone of that offset, by its POSIX name.
fn offset(interval: &Interval) -> Result<String, Fault> {
    let refused = || Fault::unsupported(format!("SET TIME ZONE {interval}"));
    let Expr::Value(value) = &*interval.value else {
        return Err(refused());
    };
    let Value::SingleQuotedString(text) = &value.value else {
        return Err(refused());
    };
    let text = text.trim();
    let (east, digits) = match text.strip_prefix('-') {
        Some(digits) => (false, digits),
        None => (true, text.strip_prefix('+').unwrap_or(text)),
    };
    let (hours, minutes) = digits.split_once(':').ok_or_else(refused)?;
    let number = |digits: &str, end: u8| {
        let found = digits.parse::<u8>().ok().filter(|n| *n < end);
        found.ok_or_else(refused)
    };
    let (hours, minutes) = (number(hours, 24)?, number(minutes, 60)?);
    let (name, posix) = if east { ('+', '-') } else { ('-', '+') };
    let size = match minutes {
        0 => format!("{hours:02}"),
        _ => format!("{hours:02}:{minutes:02}"),
    };
    Ok(format!("<{name}{size}>{posix}{size}"))
}

fn set_plan(set: &Set) -> Result<Plan, Fault> {
    let one = |name: &str, value: Option<String>, local: bool| {
        let scope = if local {
            SettingScope::Transaction
        } else {
            SettingScope::Session
        };
        Plan::Session(SessionCommand::Set(scope, vec![(name.to_owned(), value)]))
    };
    Ok(match set {
        Set::SingleAssignment {
            scope,
            variable,
            values,
            ..
        } => one(
            &setting_name(variable),
            setting_value(values)?,
            matches!(scope, Some(ContextModifier::Local)),
        ),
        Set::SetTimeZone {
            local,
            value: Expr::Interval(interval),
        } => one("timezone", Some(offset(interval)?), *local),
        Set::SetTimeZone { local, value } => {
            let value = setting_value(std::slice::from_ref(value))?;
            one("timezone", value.filter(|v| v != "local"), *local)
        }
        Set::SetNames { charset_name, .. } => {
            one("client_encoding", Some(charset_name.value.clone()), false)
        }
        Set::SetNamesDefault {} => one("client_encoding", None, false),
        Set::SetTransaction {
            modes,
            snapshot: None,
            session,
        } => {
            let prefix = if *session {
                "default_transaction"
            } else {
                "transaction"
            };
            let values = modes.iter().map(|mode| match mode {
                TransactionMode::AccessMode(mode) => {
                    let on = *mode == TransactionAccessMode::ReadOnly;
                    let value = if on { "on" } else { "off" };
                    (format!("{prefix}_read_only"), Some(value.to_owned()))
                }
                TransactionMode::IsolationLevel(level) => {
                    (format!("{prefix}_isolation"), Some(isolation(*level)))
                }
            });
            let scope = if *session {
                SettingScope::Session
            } else {
                SettingScope::Transaction
            };
            Plan::Session(SessionCommand::Set(scope, values.collect()))
        }
        other => {
            return Err(Fault::unsupported(shorten(&other.to_string())));
        }
    })
}
