//! GRANT and REVOKE. Whoever gets in owns everything, so what leaves it so changes nothing; what
//! would take something away is refused.

use sqlparser::ast::{Grant, GrantObjects, Grantee, GranteesType, ObjectName, Revoke};

use crate::embedded::dialect::definition::Step;
use crate::embedded::dialect::expr::Translator;
use crate::embedded::dialect::plan::Plan;
use crate::embedded::dialect::scope::{fold, object};
use crate::embedded::dialect::{Fault, literal};
use crate::error_response::{ErrorResponse, SqlState};

/// Roles that are the session's own, under whichever name.
const OWN: &[&str] = &["current_role", "current_user", "session_user"];

impl Translator<'_> {
    pub(super) fn grant(&self, grant: &Grant) -> Result<Plan, Fault> {
        self.granted(grant.objects.as_ref(), "GRANT")?;
        // What an owner has he is not given; PUBLIC has what it has anyhow.
        let schema = matches!(&grant.objects, Some(GrantObjects::Schemas(_)));
        owners(&grant.grantees, "GRANT", schema)
    }

    pub(super) fn revoke(&self, revoke: &Revoke) -> Result<Plan, Fault> {
        // PUBLIC is nobody, and an owner's rights are not those he is granted.
        let schema = matches!(&revoke.objects, Some(GrantObjects::Schemas(_)));
        if !schema {
            return Err(Fault::unsupported(format!(
                "REVOKE{}",
                kind(revoke.objects.as_ref())
            )));
        }
        self.granted(revoke.objects.as_ref(), "REVOKE")?;
        owners(&revoke.grantees, "REVOKE", true)
    }

    /// That it is there.
    fn granted(&self, objects: Option<&GrantObjects>, word: &str) -> Result<(), Fault> {
        let public = |names: &[ObjectName]| {
            for name in names {
                let (_, name) = object(name)?;
                if name != "public" {
                    return Err(Fault::new(
                        SqlState::INVALID_SCHEMA_NAME,
                        format!("schema \"{name}\" does not exist"),
                    ));
                }
            }
            Ok(())
        };
        match objects {
            Some(
                GrantObjects::Schemas(names)
                | GrantObjects::AllTablesInSchema { schemas: names }
                | GrantObjects::AllSequencesInSchema { schemas: names },
            ) => public(names),
            Some(GrantObjects::Tables(names)) => {
                for name in names {
                    let (_, bare) = object(name)?;
                    if self.schema.sequence_rows(&bare)?.is_none() {
                        self.table(name)?;
                    }
                }
                Ok(())
            }
            Some(GrantObjects::Sequences(names)) => {
                for name in names {
                    let (_, bare) = object(name)?;
                    if self.schema.sequence_rows(&bare)?.is_none() {
                        return Err(Fault::new(
                            SqlState::UNDEFINED_TABLE,
                            format!("relation \"{bare}\" does not exist"),
                        ));
                    }
                }
                Ok(())
            }
            Some(GrantObjects::Databases(_)) => Ok(()),
            other => Err(Fault::unsupported(format!("{word}{}", kind(other)))),
        }
    }
}

fn kind(objects: Option<&GrantObjects>) -> String {
    match objects {
        None => " of a role".into(),
        Some(objects) => {
            let text = objects.to_string();
            let words = text
                .split_whitespace()
                .take_while(|w| w.bytes().all(|b| b.is_ascii_uppercase()));
            let words: Vec<&str> = words.collect();
            match words.is_empty() {
                true => " ON a table".into(),
                false => format!(" ON {}", words.join(" ")),
            }
        }
    }
}

/// That it is to, or from, everybody or the one who asks: there is no other role.
fn owners(grantees: &[Grantee], word: &str, public: bool) -> Result<Plan, Fault> {
    let mut steps = Vec::new();
    for grantee in grantees {
        let name = grantee.name.as_ref().map(ToString::to_string);
        let Some(name) = name.filter(|n| !n.eq_ignore_ascii_case("public")) else {
            if public && grantee.grantee_type != GranteesType::Role {
                continue;
            }
            return Err(Fault::unsupported(format!(
                "{word} to PUBLIC, but for a schema,"
            )));
        };
        let name = match name.strip_prefix('"').and_then(|n| n.strip_suffix('"')) {
            Some(quoted) => quoted.replace("\"\"", "\""),
            None => fold(&sqlparser::ast::Ident::new(name)),
        };
        if OWN.contains(&name.as_str()) {
            continue;
        }
        steps.push(Step::Refuse {
            query: format!("SELECT 1 WHERE pg_current_user()<>{}", literal(&name)),
            error: Box::new(ErrorResponse::error(
                SqlState::FEATURE_NOT_SUPPORTED,
                format!("{word} for the role \"{name}\" is not supported"),
            )),
        });
    }
    Ok(match steps.is_empty() {
        true => Plan::Nothing {
            tag: word.into(),
            notices: Vec::new(),
        },
        false => Plan::Schema {
            steps,
            tag: word.into(),
        },
    })
}
