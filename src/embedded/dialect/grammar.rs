//! Statements of PostgreSQL that the parser does not know, or knows only in part.

use sqlparser::ast::{Ident, ObjectName, Statement};
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Token, Word};

/// A statement of a script.
#[derive(Clone, Debug)]
pub(in crate::embedded) enum Parsed {
    Known(Box<Statement>),
    Own(Own),
}

impl Parsed {
    /// COMMIT and ROLLBACK.
    pub(in crate::embedded) fn ends_block(&self) -> bool {
        let statement = match self {
            Self::Known(statement) => statement,
            Self::Own(_) => return false,
        };
        matches!(
            **statement,
            Statement::Commit { .. } | Statement::Rollback { .. }
        )
    }
}

#[derive(Clone, Debug)]
pub(in crate::embedded) enum Own {
    AlterSequence {
        name: ObjectName,
        if_exists: bool,
        changes: Vec<SequenceChange>,
    },
    Analyze(Vec<ObjectName>),
    Checkpoint,
    CommentOnConstraint {
        name: Ident,
        table: ObjectName,
        comment: Option<String>,
    },
    Cluster(Option<(ObjectName, Option<Ident>)>),
    /// The code, and its language.
    Do(String, Option<Ident>),
    CreateLike(Like),
    Lock {
        tables: Vec<ObjectName>,
        /// `ACCESS SHARE` and the like.
        mode: String,
        nowait: bool,
    },
    /// The FETCH that goes there.
    Move(Box<Statement>),
    /// `TYPE`, `SCHEMA` or `VIEW`.
    OwnerTo {
        kind: &'static str,
        name: ObjectName,
    },
    Reindex(Reindex),
    /// What there is not, by its first words.
    Refused(String),
    Vacuum {
        tables: Vec<ObjectName>,
        analyze: bool,
    },
}

#[derive(Clone, Debug)]
pub(in crate::embedded) enum Reindex {
    All,
    Index(ObjectName),
    Table(ObjectName),
}

/// CREATE TABLE (LIKE …).
#[derive(Clone, Debug)]
pub(in crate::embedded) struct Like {
    pub(super) name: ObjectName,
    pub(super) temporary: bool,
    pub(super) if_not_exists: bool,
    pub(super) source: ObjectName,
    /// `DEFAULTS` and the like, in upper case, in what they leave.
    pub(super) including: Vec<String>,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub(in crate::embedded) enum SequenceChange {
    Cache(i64),
    Cycle(bool),
    Increment(i64),
    Max(Option<i64>),
    Min(Option<i64>),
    OwnedBy(Option<ObjectName>),
    OwnerTo,
    Rename(Ident),
    Restart(Option<i64>),
    Schema(Ident),
    Start(i64),
    Type(String),
}

/// What LIKE may include.
const LIKE: &[&str] = &[
    "COMMENTS",
    "COMPRESSION",
    "CONSTRAINTS",
    "DEFAULTS",
    "GENERATED",
    "IDENTITY",
    "INDEXES",
    "STATISTICS",
    "STORAGE",
];

fn is(token: &Token, word: &str) -> bool {
    matches!(token, Token::Word(Word { value, quote_style: None, .. }) if value.eq_ignore_ascii_case(word))
}

/// The words are next.
pub(super) fn sees(parser: &Parser<'_>, words: &str) -> bool {
    let mut words = words.split(' ').enumerate();
    words.all(|(n, word)| is(&parser.peek_nth_token_ref(n).token, word))
}

/// Takes the words, if they are next.
pub(super) fn takes(parser: &mut Parser<'_>, words: &str) -> bool {
    let there = sees(parser, words);
    if there {
        for _ in words.split(' ') {
            parser.advance_token();
        }
    }
    there
}

pub(super) fn at_end(parser: &Parser<'_>) -> bool {
    matches!(parser.peek_token_ref().token, Token::EOF | Token::SemiColon)
}

pub(super) fn unexpected<T>(parser: &Parser<'_>) -> Result<T, ParserError> {
    let token = parser.peek_token_ref().clone();
    parser.expected("the end of the statement", token)
}

/// A number, with a sign or without.
fn number(parser: &mut Parser<'_>) -> Result<i64, ParserError> {
    let minus = parser.consume_token(&Token::Minus);
    if !minus {
        let _ = parser.consume_token(&Token::Plus);
    }
    let token = parser.peek_token_ref().clone();
    let Token::Number(digits, _) = &token.token else {
        return parser.expected("a number", token);
    };
    let text = format!("{}{digits}", if minus { "-" } else { "" });
    match text.parse() {
        Ok(n) => {
            parser.advance_token();
            Ok(n)
        }
        Err(_) => parser.expected("a bigint", token),
    }
}

/// A statement that is parsed here, if it is one.
pub(super) fn own(parser: &mut Parser<'_>) -> Result<Option<Own>, ParserError> {
    Ok(Some(if takes(parser, "ALTER SEQUENCE") {
        alter_sequence(parser)?
    } else if let Some(own) = owner(parser)? {
        own
    } else if takes(parser, "ANALYZE") || takes(parser, "ANALYSE") {
        let verbose = takes(parser, "VERBOSE");
        if !verbose {
            options(parser)?;
        }
        Own::Analyze(tables(parser)?)
    } else if takes(parser, "VACUUM") {
        vacuum(parser)?
    } else if takes(parser, "CHECKPOINT") {
        Own::Checkpoint
    } else if takes(parser, "COMMENT ON CONSTRAINT") {
        comment_on_constraint(parser)?
    } else if takes(parser, "CLUSTER") {
        cluster(parser)?
    } else if takes(parser, "LOCK") {
        lock(parser)?
    } else if takes(parser, "MOVE") {
        Own::Move(Box::new(parser.parse_fetch_statement()?))
    } else if takes(parser, "REINDEX") {
        reindex(parser)?
    } else if takes(parser, "DO") {
        code_of_do(parser)?
    } else if let Some(like) = like(parser)? {
        Own::CreateLike(like)
    } else {
        return Ok(None);
    }))
}

fn comment_on_constraint(parser: &mut Parser<'_>) -> Result<Own, ParserError> {
    let name = parser.parse_identifier()?;
    if !takes(parser, "ON") {
        return unexpected(parser);
    }
    if sees(parser, "DOMAIN") && !is(&parser.peek_nth_token_ref(1).token, "IS") {
        skip(parser);
        return Ok(Own::Refused("COMMENT ON CONSTRAINT … ON DOMAIN".into()));
    }
    let table = parser.parse_object_name(false)?;
    if !takes(parser, "IS") {
        return unexpected(parser);
    }
    let comment = match takes(parser, "NULL") {
        true => None,
        false => Some(parser.parse_literal_string()?),
    };
    Ok(Own::CommentOnConstraint {
        name,
        table,
        comment,
    })
}

/// DO, with the language before the code or behind it.
fn code_of_do(parser: &mut Parser<'_>) -> Result<Own, ParserError> {
    let mut language = None;
    if takes(parser, "LANGUAGE") {
        language = Some(parser.parse_identifier()?);
    }
    let token = parser.peek_token_ref().clone();
    let code = match token.token {
        Token::SingleQuotedString(code) | Token::EscapedStringLiteral(code) => code,
        Token::DollarQuotedString(code) => code.value,
        _ => return parser.expected("code", token),
    };
    parser.advance_token();
    if language.is_none() && takes(parser, "LANGUAGE") {
        language = Some(parser.parse_identifier()?);
    }
    Ok(Own::Do(code, language))
}

/// ALTER … OWNER TO, for what has no other owner.
fn owner(parser: &mut Parser<'_>) -> Result<Option<Own>, ParserError> {
    let Some(kind) = ["TYPE", "SCHEMA", "VIEW"]
        .into_iter()
        .find(|kind| sees(parser, &format!("ALTER {kind}")))
    else {
        return Ok(None);
    };
    parser.maybe_parse(|parser| {
        takes(parser, &format!("ALTER {kind}"));
        let name = parser.parse_object_name(false)?;
        if !takes(parser, "OWNER TO") {
            return unexpected(parser);
        }
        parser.parse_identifier()?;
        Ok(Own::OwnerTo { kind, name })
    })
}

/// Goes to the end of the statement.
pub(super) fn skip(parser: &mut Parser<'_>) {
    while !at_end(parser) {
        parser.advance_token();
    }
}

/// Options in parentheses; gives their words.
fn options(parser: &mut Parser<'_>) -> Result<Vec<String>, ParserError> {
    let mut words = Vec::new();
    if !parser.consume_token(&Token::LParen) {
        return Ok(words);
    }
    while !parser.consume_token(&Token::RParen) {
        if at_end(parser) {
            return unexpected(parser);
        }
        words.push(parser.peek_token_ref().token.to_string().to_uppercase());
        parser.advance_token();
    }
    Ok(words)
}

/// `a, b (column, …)` to the end.
fn tables(parser: &mut Parser<'_>) -> Result<Vec<ObjectName>, ParserError> {
    let mut tables = Vec::new();
    while !at_end(parser) {
        if !tables.is_empty() && !parser.consume_token(&Token::Comma) {
            return unexpected(parser);
        }
        tables.push(parser.parse_object_name(false)?);
        options(parser)?;
    }
    Ok(tables)
}

fn vacuum(parser: &mut Parser<'_>) -> Result<Own, ParserError> {
    let words = options(parser)?;
    let mut analyze = words.iter().any(|w| w == "ANALYZE" || w == "ANALYSE");
    if words.is_empty() {
        for word in ["FULL", "FREEZE", "VERBOSE"] {
            takes(parser, word);
        }
        analyze = takes(parser, "ANALYZE") || takes(parser, "ANALYSE");
    }
    Ok(Own::Vacuum {
        tables: tables(parser)?,
        analyze,
    })
}

fn cluster(parser: &mut Parser<'_>) -> Result<Own, ParserError> {
    if !takes(parser, "VERBOSE") {
        options(parser)?;
    }
    if at_end(parser) {
        return Ok(Own::Cluster(None));
    }
    let table = parser.parse_object_name(false)?;
    let index = takes(parser, "USING").then(|| parser.parse_identifier());
    Ok(Own::Cluster(Some((table, index.transpose()?))))
}

fn lock(parser: &mut Parser<'_>) -> Result<Own, ParserError> {
    takes(parser, "TABLE");
    let mut tables = Vec::new();
    loop {
        takes(parser, "ONLY");
        tables.push(parser.parse_object_name(false)?);
        let _ = parser.consume_token(&Token::Mul);
        if !parser.consume_token(&Token::Comma) {
            break;
        }
    }
    let mut mode = "ACCESS EXCLUSIVE";
    if takes(parser, "IN") {
        let modes = [
            "ACCESS SHARE",
            "ROW SHARE",
            "ROW EXCLUSIVE",
            "SHARE UPDATE EXCLUSIVE",
            "SHARE ROW EXCLUSIVE",
            "SHARE",
            "EXCLUSIVE",
            "ACCESS EXCLUSIVE",
        ];
        match modes.iter().find(|m| takes(parser, m)) {
            Some(found) => mode = found,
            None => return unexpected(parser),
        }
        if !takes(parser, "MODE") {
            return unexpected(parser);
        }
    }
    Ok(Own::Lock {
        tables,
        mode: mode.to_owned(),
        nowait: takes(parser, "NOWAIT"),
    })
}

fn reindex(parser: &mut Parser<'_>) -> Result<Own, ParserError> {
    options(parser)?;
    let all = ["SCHEMA", "DATABASE", "SYSTEM"];
    let what = if let Some(word) = ["INDEX", "TABLE"].into_iter().find(|w| takes(parser, w)) {
        takes(parser, "CONCURRENTLY");
        let name = parser.parse_object_name(false)?;
        match word {
            "INDEX" => Reindex::Index(name),
            _ => Reindex::Table(name),
        }
    } else if all.into_iter().any(|w| takes(parser, w)) {
        takes(parser, "CONCURRENTLY");
        parser.parse_object_name(false)?;
        Reindex::All
    } else {
        return unexpected(parser);
    };
    Ok(Own::Reindex(what))
}

fn alter_sequence(parser: &mut Parser<'_>) -> Result<Own, ParserError> {
    use SequenceChange as C;
    let if_exists = takes(parser, "IF EXISTS");
    let name = parser.parse_object_name(false)?;
    let mut changes = Vec::new();
    while !at_end(parser) {
        changes.push(if takes(parser, "RENAME TO") {
            C::Rename(parser.parse_identifier()?)
        } else if takes(parser, "OWNER TO") {
            parser.parse_identifier()?;
            C::OwnerTo
        } else if takes(parser, "SET SCHEMA") {
            C::Schema(parser.parse_identifier()?)
        } else if takes(parser, "SET LOGGED") || takes(parser, "SET UNLOGGED") {
            // Like an owner, it is the same for all.
            C::OwnerTo
        } else if takes(parser, "OWNED BY") {
            C::OwnedBy(match takes(parser, "NONE") {
                true => None,
                false => Some(parser.parse_object_name(false)?),
            })
        } else if takes(parser, "RESTART") {
            let with = takes(parser, "WITH");
            let bare = matches!(
                parser.peek_token_ref().token,
                Token::Number(..) | Token::Minus | Token::Plus
            );
            C::Restart(match with || bare {
                true => Some(number(parser)?),
                false => None,
            })
        } else if takes(parser, "START") {
            takes(parser, "WITH");
            C::Start(number(parser)?)
        } else if takes(parser, "INCREMENT") {
            takes(parser, "BY");
            C::Increment(number(parser)?)
        } else if takes(parser, "NO MINVALUE") {
            C::Min(None)
        } else if takes(parser, "NO MAXVALUE") {
            C::Max(None)
        } else if takes(parser, "MINVALUE") {
            C::Min(Some(number(parser)?))
        } else if takes(parser, "MAXVALUE") {
            C::Max(Some(number(parser)?))
        } else if takes(parser, "NO CYCLE") {
            C::Cycle(false)
        } else if takes(parser, "CYCLE") {
            C::Cycle(true)
        } else if takes(parser, "CACHE") {
            C::Cache(number(parser)?)
        } else if takes(parser, "AS") {
            C::Type(parser.parse_data_type()?.to_string())
        } else {
            return unexpected(parser);
        });
    }
    if changes.is_empty() {
        return unexpected(parser);
    }
    Ok(Own::AlterSequence {
        name,
        if_exists,
        changes,
    })
}

/// `CREATE TABLE a (LIKE b …)` and nothing else in the parentheses.
fn like(parser: &mut Parser<'_>) -> Result<Option<Like>, ParserError> {
    if !sees(parser, "CREATE") {
        return Ok(None);
    }
    parser.maybe_parse(|parser| {
        let token = parser.peek_token_ref().clone();
        takes(parser, "CREATE");
        let temporary = takes(parser, "TEMP") || takes(parser, "TEMPORARY");
        takes(parser, "UNLOGGED");
        if !takes(parser, "TABLE") {
            return parser.expected("TABLE", token);
        }
        let if_not_exists = takes(parser, "IF NOT EXISTS");
        let name = parser.parse_object_name(false)?;
        if !parser.consume_token(&Token::LParen) || !takes(parser, "LIKE") {
            return parser.expected("LIKE", token);
        }
        let source = parser.parse_object_name(false)?;
        let mut including: Vec<String> = Vec::new();
        while !parser.consume_token(&Token::RParen) {
            let with = takes(parser, "INCLUDING");
            if !with && !takes(parser, "EXCLUDING") {
                return unexpected(parser);
            }
            let words = if takes(parser, "ALL") {
                LIKE
            } else {
                match LIKE.iter().position(|w| takes(parser, w)) {
                    Some(at) => LIKE.get(at..=at).unwrap_or_default(),
                    None => return unexpected(parser),
                }
            };
            including.retain(|w| !words.contains(&w.as_str()));
            if with {
                including.extend(words.iter().map(|w| (*w).to_owned()));
            }
        }
        if !at_end(parser) {
            return unexpected(parser);
        }
        Ok(Like {
            name,
            temporary,
            if_not_exists,
            source,
            including,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::embedded::dialect::Script;

    fn one(sql: &str) -> Own {
        match Script::parse(sql).unwrap().statements.pop() {
            Some(Parsed::Own(own)) => own,
            other => panic!("{sql}: {other:?}"),
        }
    }

    #[test]
    fn statements_of_our_own_are_read() {
        let Own::AlterSequence { changes, .. } = one(
            "alter sequence if exists public.s as int restart with -3 restart increment 2 no minvalue \
             maxvalue +9 start 1 cache 5 no cycle owned by none owned by public.t.id",
        ) else {
            panic!();
        };
        assert_eq!(changes.len(), 11);
        assert_eq!(changes[1], SequenceChange::Restart(Some(-3)));
        assert_eq!(changes[2], SequenceChange::Restart(None));
        let Own::Lock {
            tables,
            mode,
            nowait,
        } = one("lock table only a, public.b * in share row exclusive mode nowait")
        else {
            panic!();
        };
        assert_eq!(
            (tables.len(), &*mode, nowait),
            (2, "SHARE ROW EXCLUSIVE", true)
        );
        let Own::CreateLike(like) = one(
            "create temp table if not exists a (like b including all excluding indexes including indexes)",
        ) else {
            panic!();
        };
        assert!(like.temporary && like.if_not_exists && like.including.len() == LIKE.len());
        assert!(
            matches!(one("vacuum (verbose, analyze) a, b(c)"), Own::Vacuum { tables, analyze: true } if tables.len() == 2)
        );
        assert!(matches!(one("do $$begin end$$"), Own::Do(code, None) if code == "begin end"));
        assert!(
            matches!(one("create statistics x on a, b from t"), Own::Refused(w) if w == "CREATE STATISTICS")
        );
        for wrong in [
            "alter sequence s",
            "alter sequence s restart x",
            "lock t in share",
            "cluster t x",
            "reindex t",
            "vacuum (x",
        ] {
            let error = Script::parse(wrong).unwrap_err();
            assert_eq!(error.code().as_str(), "42601", "{wrong}");
        }
        // What follows a statement that is refused is read too.
        assert_eq!(
            Script::parse("grant x; do 'y'; select 1")
                .unwrap()
                .statements
                .len(),
            3
        );
    }
}
