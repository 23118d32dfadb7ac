//! What kind of statement it is: its command tag, and what it does to the transaction.

/// What a statement does to the transaction.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    Begin,
    Commit,
    Rollback,
    /// ROLLBACK TO a savepoint.
    RollbackTo,
    /// SAVEPOINT and RELEASE.
    Savepoint,
    /// What cannot run within a transaction, implicit or not.
    Alone,
    Other,
}

/// A statement's kind and its command tag; `None` in place of a tag's number of rows.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Description {
    pub(super) kind: Kind,
    tag: String,
    counts: bool,
}

impl Description {
    pub(super) fn of(sql: &str) -> Self {
        let words = words(sql);
        let word = |n: usize| words.get(n).map_or("", String::as_str);
        let (kind, tag, counts) = match word(0) {
            "BEGIN" => (Kind::Begin, "BEGIN".into(), false),
            "COMMIT" | "END" => (Kind::Commit, "COMMIT".into(), false),
            "ROLLBACK" if words.iter().any(|w| w == "TO") => {
                (Kind::RollbackTo, "ROLLBACK".into(), false)
            }
            "ROLLBACK" => (Kind::Rollback, "ROLLBACK".into(), false),
            "SAVEPOINT" | "RELEASE" => (Kind::Savepoint, word(0).into(), false),
            "VACUUM" | "ATTACH" | "DETACH" | "PRAGMA" => (Kind::Alone, word(0).into(), false),
            "SELECT" | "VALUES" => (Kind::Other, "SELECT".into(), true),
            "INSERT" | "REPLACE" => (Kind::Other, "INSERT 0".into(), true),
            "UPDATE" | "DELETE" => (Kind::Other, word(0).into(), true),
            "WITH" => match words
                .iter()
                .find(|w| matches!(w.as_str(), "INSERT" | "REPLACE" | "UPDATE" | "DELETE"))
                .map(String::as_str)
            {
                Some("UPDATE") => (Kind::Other, "UPDATE".into(), true),
                Some("DELETE") => (Kind::Other, "DELETE".into(), true),
                Some(_) => (Kind::Other, "INSERT 0".into(), true),
                None => (Kind::Other, "SELECT".into(), true),
            },
            verb @ ("CREATE" | "DROP" | "ALTER") => {
                let noun = words
                    .iter()
                    .find(|w| matches!(w.as_str(), "TABLE" | "INDEX" | "VIEW" | "TRIGGER"))
                    .map_or("TABLE", String::as_str);
                (Kind::Other, format!("{verb} {noun}"), false)
            }
            other => (Kind::Other, other.into(), false),
        };
        Self { kind, tag, counts }
    }

    /// The command tag for so many rows.
    pub(super) fn tag(&self, rows: u64) -> String {
        if self.counts {
            format!("{} {rows}", self.tag)
        } else {
            self.tag.clone()
        }
    }
}

/// The words outside quotes, comments and parentheses, in capitals, at most a few dozen.
fn words(sql: &str) -> Vec<String> {
    const ENOUGH: usize = 64;
    let mut words = Vec::new();
    let mut depth = 0_usize;
    let mut rest = sql;
    while let Some(c) = rest.chars().next() {
        if words.len() >= ENOUGH {
            break;
        }
        let end = match c {
            '\'' | '"' | '`' => quoted(rest, c),
            '[' => rest.find(']').map(|n| n.saturating_add(1)),
            '-' if rest.starts_with("--") => rest.find('\n'),
            '/' if rest.starts_with("/*") => rest.find("*/").map(|n| n.saturating_add(2)),
            '(' => {
                depth = depth.saturating_add(1);
                Some(1)
            }
            ')' => {
                depth = depth.saturating_sub(1);
                Some(1)
            }
            c if c.is_alphabetic() || c == '_' => {
                let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_');
                if depth == 0 {
                    let word = rest.get(..end.unwrap_or(rest.len())).unwrap_or_default();
                    words.push(word.to_ascii_uppercase());
                }
                end
            }
            c => Some(c.len_utf8()),
        };
        rest = end.and_then(|n| rest.get(n..)).unwrap_or_default();
    }
    words
}

/// Where a quoted piece ends. A doubled quote ends one and begins the next, which comes to the
/// same.
fn quoted(rest: &str, quote: char) -> Option<usize> {
    rest.get(1..)?.find(quote).map(|n| n.saturating_add(2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_postgresqls() {
        let cases = [
            ("select 1", Kind::Other, "SELECT 3"),
            ("  -- hello\n /* x */ Select 1", Kind::Other, "SELECT 3"),
            ("VALUES (1)", Kind::Other, "SELECT 3"),
            ("insert into t values (1)", Kind::Other, "INSERT 0 3"),
            ("update t set a=1", Kind::Other, "UPDATE 3"),
            ("WITH x AS (DELETE) SELECT 1", Kind::Other, "SELECT 3"),
            (
                "WITH x AS (SELECT 1) DELETE FROM t",
                Kind::Other,
                "DELETE 3",
            ),
            ("create temp table t(a)", Kind::Other, "CREATE TABLE"),
            ("CREATE UNIQUE INDEX i ON t(a)", Kind::Other, "CREATE INDEX"),
            ("DROP VIEW v", Kind::Other, "DROP VIEW"),
            ("begin immediate", Kind::Begin, "BEGIN"),
            ("END", Kind::Commit, "COMMIT"),
            ("rollback", Kind::Rollback, "ROLLBACK"),
            (
                "rollback transaction to savepoint s",
                Kind::RollbackTo,
                "ROLLBACK",
            ),
            ("release s", Kind::Savepoint, "RELEASE"),
            ("vacuum", Kind::Alone, "VACUUM"),
            ("select 'it''s' -- 'begin", Kind::Other, "SELECT 3"),
            ("", Kind::Other, ""),
        ];
        for (sql, kind, tag) in cases {
            let description = Description::of(sql);
            assert_eq!(
                (description.kind, description.tag(3).as_str()),
                (kind, tag),
                "{sql}"
            );
        }
    }

    #[test]
    fn open_quotes_and_comments_end_with_the_text() {
        for sql in [
            "'", "\"", "`", "[", "--", "/*", "/*/", "a'", "('", "ü['", "-", "/",
        ] {
            words(sql);
        }
    }
}
