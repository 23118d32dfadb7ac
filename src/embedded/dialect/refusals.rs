//! What PostgreSQL understands and the parser does not, by name: it is refused with 0A000, not as a
//! mistake.

use sqlparser::parser::Parser;
use sqlparser::tokenizer::{Location, Token};

use crate::embedded::dialect::grammar::{Own, sees, skip};

/// Statements that begin so, where the parser does not understand them.
const STATEMENTS: &[&str] = &[
    "ALTER ACCESS METHOD",
    "ALTER AGGREGATE",
    "ALTER COLLATION",
    "ALTER CONVERSION",
    "ALTER DATABASE",
    "ALTER DEFAULT PRIVILEGES",
    "ALTER DOMAIN",
    "ALTER EVENT TRIGGER",
    "ALTER EXTENSION",
    "ALTER FOREIGN",
    "ALTER FUNCTION",
    "ALTER GROUP",
    "ALTER LANGUAGE",
    "ALTER LARGE OBJECT",
    "ALTER MATERIALIZED VIEW",
    "ALTER OPERATOR",
    "ALTER POLICY",
    "ALTER PROCEDURAL LANGUAGE",
    "ALTER PROCEDURE",
    "ALTER PUBLICATION",
    "ALTER ROLE",
    "ALTER ROUTINE",
    "ALTER RULE",
    "ALTER SCHEMA",
    "ALTER SERVER",
    "ALTER STATISTICS",
    "ALTER SUBSCRIPTION",
    "ALTER SYSTEM",
    "ALTER TABLESPACE",
    "ALTER TEXT SEARCH",
    "ALTER TRIGGER",
    "ALTER USER",
    "ALTER VIEW",
    "CALL",
    "COMMENT ON ACCESS METHOD",
    "COPY BINARY",
    "SET LOCAL SESSION AUTHORIZATION",
    "COMMENT ON AGGREGATE",
    "COMMENT ON CAST",
    "COMMENT ON CONVERSION",
    "COMMENT ON EVENT TRIGGER",
    "COMMENT ON FOREIGN DATA WRAPPER",
    "COMMENT ON FUNCTION",
    "COMMENT ON LANGUAGE",
    "COMMENT ON LARGE OBJECT",
    "COMMENT ON OPERATOR",
    "COMMENT ON POLICY",
    "COMMENT ON PROCEDURAL LANGUAGE",
    "COMMENT ON PROCEDURE",
    "COMMENT ON PUBLICATION",
    "COMMENT ON ROUTINE",
    "COMMENT ON RULE",
    "COMMENT ON SERVER",
    "COMMENT ON STATISTICS",
    "COMMENT ON SUBSCRIPTION",
    "COMMENT ON TABLESPACE",
    "COMMENT ON TEXT SEARCH",
    "COMMENT ON TRANSFORM",
    "COMMENT ON TRIGGER",
    "COMMIT PREPARED",
    "CREATE ACCESS METHOD",
    "CREATE AGGREGATE",
    "CREATE CAST",
    "CREATE COLLATION",
    "CREATE CONSTRAINT TRIGGER",
    "CREATE CONVERSION",
    "CREATE DATABASE",
    "CREATE DEFAULT CONVERSION",
    "CREATE DOMAIN",
    "CREATE EVENT TRIGGER",
    "CREATE FOREIGN",
    "CREATE FUNCTION",
    "CREATE GROUP",
    "CREATE LANGUAGE",
    "CREATE MATERIALIZED VIEW",
    "CREATE OPERATOR",
    "CREATE OR REPLACE AGGREGATE",
    "CREATE OR REPLACE FUNCTION",
    "CREATE OR REPLACE LANGUAGE",
    "CREATE OR REPLACE PROCEDURAL LANGUAGE",
    "CREATE OR REPLACE PROCEDURE",
    "CREATE OR REPLACE RULE",
    "CREATE OR REPLACE TRANSFORM",
    "CREATE OR REPLACE TRIGGER",
    "CREATE OR REPLACE TRUSTED",
    "CREATE POLICY",
    "CREATE PROCEDURAL LANGUAGE",
    "CREATE PROCEDURE",
    "CREATE PUBLICATION",
    "CREATE ROLE",
    "CREATE RULE",
    "CREATE SERVER",
    "CREATE STATISTICS",
    "CREATE SUBSCRIPTION",
    "CREATE TABLESPACE",
    "CREATE TEXT SEARCH",
    "CREATE TRANSFORM",
    "CREATE TRIGGER",
    "CREATE TRUSTED",
    "CREATE TYPE",
    "CREATE UNLOGGED SEQUENCE",
    "CREATE USER",
    "DROP ACCESS METHOD",
    "DROP AGGREGATE",
    "DROP CAST",
    "DROP CONVERSION",
    "DROP DATABASE",
    "DROP DOMAIN",
    "DROP EVENT TRIGGER",
    "DROP FOREIGN",
    "DROP FUNCTION",
    "DROP LANGUAGE",
    "DROP OPERATOR",
    "DROP OWNED",
    "DROP PROCEDURAL LANGUAGE",
    "DROP PROCEDURE",
    "DROP PUBLICATION",
    "DROP ROUTINE",
    "DROP RULE",
    "DROP SERVER",
    "DROP STATISTICS",
    "DROP SUBSCRIPTION",
    "DROP TABLESPACE",
    "DROP TEXT SEARCH",
    "DROP TRANSFORM",
    "DROP USER MAPPING",
    "GRANT",
    "IMPORT FOREIGN SCHEMA",
    "LOAD",
    "MERGE",
    "PREPARE TRANSACTION",
    "REASSIGN OWNED",
    "REFRESH MATERIALIZED VIEW",
    "REVOKE",
    "ROLLBACK PREPARED",
    "SECURITY LABEL",
    "SET ROLE",
    "SET CATALOG",
    "SET SESSION AUTHORIZATION",
    "SET XML OPTION",
];

/// Parts of statements that the parser never understands: how the statement begins, the words, and
/// what it is called if not by its words.
const PARTS: &[(&str, &str, &str)] = &[
    ("ALTER INDEX", "ALTER", "ALTER INDEX … ALTER COLUMN"),
    ("ALTER INDEX", "ATTACH PARTITION", ""),
    ("ALTER INDEX", "DEPENDS ON EXTENSION", ""),
    (
        "ALTER INDEX",
        "IN TABLESPACE",
        "ALTER INDEX ALL IN TABLESPACE",
    ),
    ("ALTER INDEX", "OWNER TO", "ALTER INDEX … OWNER TO"),
    ("ALTER INDEX", "RESET", "ALTER INDEX … RESET"),
    ("ALTER INDEX", "SET", "ALTER INDEX … SET"),
    ("ALTER TABLE", "*", "ALTER TABLE … *"),
    ("ALTER TABLE", "ALTER CONSTRAINT", ""),
    ("ALTER TABLE", "CLUSTER ON", ""),
    ("ALTER TABLE", "COLLATE", "COLLATE in ALTER TABLE"),
    ("ALTER TABLE", "COMPRESSION", ""),
    ("ALTER TABLE", "DETACH PARTITION", ""),
    ("ALTER TABLE", "DROP EXPRESSION", ""),
    ("ALTER TABLE", "DROP IDENTITY", ""),
    (
        "ALTER TABLE",
        "IN TABLESPACE",
        "ALTER TABLE ALL IN TABLESPACE",
    ),
    ("ALTER TABLE", "OF", "ALTER TABLE … OF"),
    ("ALTER TABLE", "RESET (", "ALTER TABLE … RESET"),
    ("ALTER TABLE", "RESTART", "RESTART of an identity column"),
    ("ALTER TABLE", "SET (", "ALTER TABLE … SET (…)"),
    ("ALTER TABLE", "SET ACCESS METHOD", ""),
    (
        "ALTER TABLE",
        "SET CACHE",
        "SET CACHE of an identity column",
    ),
    (
        "ALTER TABLE",
        "SET CYCLE",
        "SET CYCLE of an identity column",
    ),
    ("ALTER TABLE", "SET GENERATED", ""),
    (
        "ALTER TABLE",
        "SET INCREMENT",
        "SET INCREMENT of an identity column",
    ),
    (
        "ALTER TABLE",
        "SET MAXVALUE",
        "SET MAXVALUE of an identity column",
    ),
    (
        "ALTER TABLE",
        "SET MINVALUE",
        "SET MINVALUE of an identity column",
    ),
    ("ALTER TABLE", "SET NO", "SET NO … of an identity column"),
    ("ALTER TABLE", "SET SCHEMA", "ALTER TABLE … SET SCHEMA"),
    (
        "ALTER TABLE",
        "SET START",
        "SET START of an identity column",
    ),
    ("ALTER TABLE", "SET STATISTICS", ""),
    ("ALTER TABLE", "SET STORAGE", ""),
    ("ALTER TABLE", "SET TABLESPACE", ""),
    ("ALTER TABLE", "SET WITHOUT", ""),
    ("ALTER TYPE", "ADD ATTRIBUTE", ""),
    ("ALTER TYPE", "ALTER ATTRIBUTE", ""),
    ("ALTER TYPE", "DROP ATTRIBUTE", ""),
    ("ALTER TYPE", "RENAME ATTRIBUTE", ""),
    ("ALTER TYPE", "SET", "ALTER TYPE … SET"),
    ("COPY", "WHERE", "COPY … WHERE"),
    (
        "CREATE SCHEMA",
        "CREATE",
        "CREATE SCHEMA with what it is to have",
    ),
    ("CREATE TABLE", "COMPRESSION", ""),
    ("CREATE TABLE", "AS EXECUTE", "CREATE TABLE AS EXECUTE"),
    (
        "CREATE TABLE",
        "( LIKE",
        "LIKE in CREATE TABLE beside other elements",
    ),
    (
        "CREATE TABLE",
        ", LIKE",
        "LIKE in CREATE TABLE beside other elements",
    ),
    ("CREATE TABLE", "OF", "CREATE TABLE OF"),
    ("CREATE TABLE", "SETOF", ""),
    ("CREATE TABLE", "USING", "CREATE TABLE … USING"),
    ("CREATE", "WITH CASCADED CHECK OPTION", ""),
    ("CREATE", "WITH CHECK OPTION", ""),
    ("CREATE", "WITH LOCAL CHECK OPTION", ""),
    ("CREATE INDEX", "ON ONLY", "CREATE INDEX … ON ONLY"),
    ("CREATE UNIQUE INDEX", "ON ONLY", "CREATE INDEX … ON ONLY"),
    ("CREATE TABLE", ") WITH (", "WITH (…) of a constraint"),
    ("CREATE TABLE", "KEY WITH (", "WITH (…) of a constraint"),
    ("CREATE TABLE", "UNIQUE WITH (", "WITH (…) of a constraint"),
    ("ALTER TABLE", ") WITH (", "WITH (…) of a constraint"),
    ("ALTER TABLE", "NOT OF", "ALTER TABLE … NOT OF"),
    ("ALTER TABLE", "SET COMPRESSION", ""),
    ("", ") . *", "(…).*"),
    ("", "SUBSTRING (", "SUBSTRING in this form"),
    ("CREATE", "RECURSIVE VIEW", ""),
    ("INSERT", "ON CONFLICT (", "this index in ON CONFLICT"),
    ("INSERT", "[", "a subscript in INSERT"),
    ("SET", "FROM CURRENT", ""),
    ("", "ANY ( VALUES", "ANY (VALUES …)"),
    ("", "ALL ( VALUES", "ALL (VALUES …)"),
    ("", "SOME ( VALUES", "SOME (VALUES …)"),
    ("", "CURRENT OF", "WHERE CURRENT OF"),
    ("", "CYCLE", ""),
    ("", "DELETE SET DEFAULT (", "SET DEFAULT of some columns"),
    ("", "DELETE SET NULL (", "SET NULL of some columns"),
    ("", "EXCLUDE CURRENT ROW", ""),
    ("", "EXCLUDE GROUP", ""),
    ("", "EXCLUDE NO OTHERS", ""),
    ("", "EXCLUDE TIES", ""),
    ("", "FOR READ ONLY", ""),
    ("", "FROM COLLATION FOR", "COLLATION FOR in FROM"),
    ("", "FROM EXTRACT (", "EXTRACT in FROM"),
    ("", "FROM OVERLAY (", "OVERLAY in FROM"),
    ("", "FROM POSITION (", "POSITION in FROM"),
    ("", "FROM SUBSTRING (", "SUBSTRING in FROM"),
    ("", "FROM TRIM (", "TRIM in FROM"),
    ("", "INCLUDE ( (", "an expression in INCLUDE"),
    ("", "ROWS FROM", "ROWS FROM"),
    ("", "COLLATION FOR", ""),
    ("", "GROUP BY ALL", ""),
    ("", "GROUP BY DISTINCT", ""),
    ("", "IS DOCUMENT", ""),
    ("", "IS NOT DOCUMENT", "IS DOCUMENT"),
    ("", "NATIONAL CHAR", "NATIONAL CHARACTER"),
    ("", "NATIONAL CHARACTER", ""),
    ("", "NCHAR", ""),
    ("", "OPERATOR (", "a prefix operator by OPERATOR(…)"),
    ("", "SEARCH BREADTH", ""),
    ("", "SEARCH DEPTH", ""),
    ("", "SIMILAR", "SUBSTRING … SIMILAR"),
    ("", "TABLESPACE", ""),
    ("", "UESCAPE", ""),
    ("", "VARIADIC", ""),
    ("", "WITH ( FORCE", ""),
    ("", "XMLELEMENT", ""),
    ("", "XMLEXISTS", ""),
    ("", "XMLFOREST", ""),
    ("", "XMLPARSE", ""),
    ("", "XMLPI", ""),
    ("", "XMLROOT", ""),
    ("", "XMLSERIALIZE", ""),
    ("", "XMLTABLE", ""),
];

/// How many tokens the parser may have gone on behind the beginning of such a part.
const NEAR: usize = 10;

/// Something that is refused by name, if that is where the parser could not go on.
pub(super) fn refused(parser: &mut Parser<'_>, came_to: Option<Location>) -> Option<Own> {
    let statement = STATEMENTS.iter().find(|words| sees(parser, words));
    let found = statement
        .copied()
        .or_else(|| part(parser, came_to))?
        .to_owned();
    skip(parser);
    Some(Own::Refused(found))
}

/// The last part that is refused shortly before that place.
fn part(parser: &Parser<'_>, came_to: Option<Location>) -> Option<&'static str> {
    let mut found = None;
    let mut begins = [false; PARTS.len()];
    for (begun, (first, ..)) in begins.iter_mut().zip(PARTS) {
        *begun = begins_with(parser, first);
    }
    for at in 0.. {
        let token = parser.peek_nth_token_ref(at);
        let beyond = came_to.is_some_and(|end| token.span.start > end);
        if beyond || matches!(token.token, Token::EOF | Token::SemiColon) {
            return found
                .filter(|(_, place): &(_, usize)| at.saturating_sub(*place) <= NEAR)
                .map(|(name, _)| name);
        }
        for (_, (_, words, name)) in begins.iter().zip(PARTS).filter(|(begun, _)| **begun) {
            if there(parser, at, words) {
                found = Some((if name.is_empty() { *words } else { *name }, at));
            }
        }
    }
    None
}

/// The words are there, one after the other.
fn there(parser: &Parser<'_>, at: usize, words: &str) -> bool {
    words.split(' ').enumerate().all(|(n, word)| {
        match &parser.peek_nth_token_ref(at.saturating_add(n)).token {
            Token::Word(w) => w.quote_style.is_none() && w.value.eq_ignore_ascii_case(word),
            other => other.to_string() == word,
        }
    })
}

/// The statement begins so; CREATE may have words before what it makes.
fn begins_with(parser: &Parser<'_>, words: &str) -> bool {
    let Some(made) = words.strip_prefix("CREATE ") else {
        return words.is_empty() || sees(parser, words);
    };
    const BETWEEN: &[&str] = &[
        "GLOBAL",
        "LOCAL",
        "OR",
        "REPLACE",
        "TEMP",
        "TEMPORARY",
        "UNLOGGED",
    ];
    let mut at = 1;
    while BETWEEN.iter().any(|word| there(parser, at, word)) {
        at = at.saturating_add(1);
    }
    sees(parser, "CREATE") && there(parser, at, made)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::embedded::dialect::Script;
    use crate::embedded::dialect::grammar::Parsed;

    #[test]
    fn what_the_parser_does_not_know_is_named() {
        for (sql, name) in [
            ("drop tablespace x", "DROP TABLESPACE"),
            ("alter table t alter b set storage main", "SET STORAGE"),
            ("create temp table x of y", "CREATE TABLE OF"),
            (
                "select sum(a) over (order by a rows 1 preceding exclude ties) from t",
                "EXCLUDE TIES",
            ),
            (
                "select 1 from t where current of c; select 2",
                "WHERE CURRENT OF",
            ),
            (
                "create table x (a int, b int references t on delete set null (b))",
                "SET NULL of some columns",
            ),
        ] {
            match Script::parse(sql).unwrap().statements.first() {
                Some(Parsed::Own(Own::Refused(what))) => assert_eq!(what, name, "{sql}"),
                other => panic!("{sql}: {other:?}"),
            }
        }
    }

    #[test]
    fn mistakes_stay_mistakes() {
        for sql in [
            "selec a from t where current of c",
            "select \"current\" of, 1 from",
            "alter table t frob",
            "create table x (a int,)) using heap",
        ] {
            let error = Script::parse(sql).unwrap_err();
            assert_eq!(error.code().as_str(), "42601", "{sql}");
        }
    }
}
