//! DO: as much of PL/pgSQL as is used to guard changes of a schema. A block of statements with its
//! handlers, IF, RAISE, PERFORM, EXECUTE of a literal, NULL. All else is refused by name.

mod conditions;
mod words;

use crate::embedded::dialect::Fault;
use crate::error_response::SqlState;
pub(in crate::embedded) use conditions::fits;
use words::{Kind, Token};

/// BEGIN … EXCEPTION … END.
#[derive(Clone, Debug, Default)]
pub(in crate::embedded) struct Block {
    pub(in crate::embedded) statements: Vec<Statement>,
    /// What they wait for, and what they do.
    pub(in crate::embedded) handlers: Vec<(Vec<String>, Vec<Statement>)>,
}

#[derive(Clone, Debug)]
pub(in crate::embedded) struct Statement {
    pub(in crate::embedded) line: usize,
    pub(in crate::embedded) what: What,
}

#[derive(Clone, Debug)]
pub(in crate::embedded) enum What {
    Block(Block),
    /// Conditions and what is to be done, then what else.
    If(Vec<(String, Vec<Statement>)>, Vec<Statement>),
    Nothing,
    /// A query whose rows nobody wants.
    Perform(String),
    Raise(Raise),
    Sql(String),
    Execute(String),
}

#[derive(Clone, Debug)]
pub(in crate::embedded) struct Raise {
    /// `EXCEPTION`, `NOTICE`, `WARNING`; others are told to nobody.
    pub(in crate::embedded) level: String,
    pub(in crate::embedded) message: String,
    pub(in crate::embedded) code: Option<SqlState>,
    pub(in crate::embedded) detail: Option<String>,
    pub(in crate::embedded) hint: Option<String>,
}

impl What {
    /// What PostgreSQL calls it in an error's context.
    pub(in crate::embedded) fn name(&self) -> &'static str {
        match self {
            Self::Block(_) => "statement block",
            Self::If(..) => "IF",
            Self::Nothing => "NULL",
            Self::Perform(_) => "PERFORM",
            Self::Raise(_) => "RAISE",
            Self::Sql(_) => "SQL statement",
            Self::Execute(_) => "EXECUTE",
        }
    }
}

/// Nested deeper, a block is refused.
const MAX_DEPTH: usize = 50;
/// What there is not.
const REFUSED: &[&str] = &[
    "ASSERT", "CALL", "CASE", "CLOSE", "COMMIT", "CONTINUE", "DECLARE", "EXIT", "FETCH", "FOR",
    "FOREACH", "GET", "LOOP", "MOVE", "OPEN", "RETURN", "ROLLBACK", "WHILE",
];
/// Variables that PL/pgSQL has unasked.
const VARIABLES: &[&str] = &["FOUND", "SQLERRM", "SQLSTATE"];

struct Reader<'t> {
    text: &'t str,
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
}

/// Reads the code of a DO.
pub(in crate::embedded) fn read(text: &str) -> Result<Block, Fault> {
    let mut reader = Reader {
        text,
        tokens: words::tokens(text),
        at: 0,
        depth: 0,
    };
    if reader.sees("DECLARE") {
        return Err(Fault::unsupported("DECLARE in DO"));
    }
    if reader.word() == "<" {
        return Err(Fault::unsupported("a label in DO"));
    }
    reader.take("BEGIN")?;
    let block = reader.block()?;
    if reader.sees(";") {
        reader.skip();
    }
    match reader.token() {
        None => Ok(block),
        Some(_) => Err(reader.wrong()),
    }
}

impl Reader<'_> {
    fn token(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn text_at(&self, at: usize) -> &str {
        let token = self.tokens.get(at);
        token
            .and_then(|t| self.text.get(t.at.clone()))
            .unwrap_or_default()
    }

    /// The next token.
    fn word(&self) -> &str {
        self.text_at(self.at)
    }

    fn skip(&mut self) {
        self.at = self.at.saturating_add(1);
    }

    fn is(&self, at: usize, word: &str) -> bool {
        let kind = self.tokens.get(at).map(|t| t.kind);
        matches!(kind, Some(Kind::Word | Kind::Other))
            && self.text_at(at).eq_ignore_ascii_case(word)
    }

    fn sees(&self, word: &str) -> bool {
        self.is(self.at, word)
    }

    fn takes(&mut self, word: &str) -> bool {
        let sees = self.sees(word);
        self.at = self.at.saturating_add(usize::from(sees));
        sees
    }

    fn take(&mut self, word: &str) -> Result<(), Fault> {
        match self.takes(word) {
            true => Ok(()),
            false => Err(self.wrong()),
        }
    }

    fn wrong(&self) -> Fault {
        let message = match self.token() {
            Some(_) => format!("syntax error at or near \"{}\"", self.word()),
            None => "syntax error at end of input".into(),
        };
        Fault::new(SqlState::SYNTAX_ERROR, message)
    }

    fn line(&self) -> usize {
        let start = self.token().map_or(self.text.len(), |t| t.at.start);
        let before = self.text.get(..start).unwrap_or_default();
        before.matches('\n').count().saturating_add(1)
    }

    /// Behind BEGIN, END included.
    fn block(&mut self) -> Result<Block, Fault> {
        self.depth = self.depth.saturating_add(1);
        if self.depth > MAX_DEPTH {
            return Err(Fault::unsupported("a block nested so deep"));
        }
        let mut block = Block {
            statements: self.statements(&["EXCEPTION", "END"])?,
            handlers: Vec::new(),
        };
        if self.takes("EXCEPTION") {
            while self.takes("WHEN") {
                let mut conditions = Vec::new();
                loop {
                    conditions.push(self.condition()?);
                    if !self.takes("OR") {
                        break;
                    }
                }
                self.take("THEN")?;
                let statements = self.statements(&["WHEN", "END"])?;
                block.handlers.push((conditions, statements));
            }
            if block.handlers.is_empty() {
                return Err(self.wrong());
            }
        }
        self.take("END")?;
        self.depth = self.depth.saturating_sub(1);
        Ok(block)
    }

    fn condition(&mut self) -> Result<String, Fault> {
        if self.takes("SQLSTATE") {
            let code = self.string()?;
            return match SqlState::new(&code) {
                Some(_) => Ok(code),
                None => Err(Fault::new(SqlState::SYNTAX_ERROR, "invalid SQLSTATE code")),
            };
        }
        let name = self.word().to_lowercase();
        if self.token().is_none_or(|t| t.kind != Kind::Word) {
            return Err(self.wrong());
        }
        self.skip();
        if name == "others" {
            return Ok(name);
        }
        named(&name).map(str::to_owned)
    }

    /// A string in single quotes.
    fn string(&mut self) -> Result<String, Fault> {
        let text = self.word();
        let inner = text
            .strip_prefix('\'')
            .and_then(|t| t.strip_suffix('\''))
            .filter(|_| text.len() > 1);
        let Some(inner) = inner.map(|t| t.replace("''", "'")) else {
            return Err(match self.token().map(|t| t.kind) {
                Some(Kind::Text) => Fault::unsupported("this string in DO"),
                _ => self.wrong(),
            });
        };
        self.skip();
        Ok(inner)
    }

    /// Statements up to one of these words, which is left.
    fn statements(&mut self, ends: &[&str]) -> Result<Vec<Statement>, Fault> {
        let mut all = Vec::new();
        while !ends.iter().any(|end| self.sees(end)) {
            if self.token().is_none() {
                return Err(self.wrong());
            }
            let line = self.line();
            let what = self.statement()?;
            all.push(Statement { line, what });
        }
        Ok(all)
    }

    fn statement(&mut self) -> Result<What, Fault> {
        if let Some(word) = REFUSED.iter().find(|word| self.sees(word)) {
            return Err(Fault::unsupported(format!("{word} in DO")));
        }
        if self.word() == "<" {
            return Err(Fault::unsupported("a label in DO"));
        }
        let next = self.at.saturating_add(1);
        if self.is(next, ":") || self.is(next, "=") {
            return Err(Fault::unsupported("an assignment in DO"));
        }
        if self.takes("BEGIN") {
            let block = self.block()?;
            self.take(";")?;
            return Ok(What::Block(block));
        }
        if self.takes("IF") {
            return self.choice();
        }
        if self.takes("NULL") {
            self.take(";")?;
            return Ok(What::Nothing);
        }
        if self.takes("RAISE") {
            return self.raise();
        }
        if self.takes("EXECUTE") {
            let text = self.string().map_err(|fault| match fault.code {
                SqlState::SYNTAX_ERROR => Fault::unsupported("EXECUTE of an expression in DO"),
                _ => fault,
            })?;
            if !self.sees(";") {
                return Err(Fault::unsupported("EXECUTE of an expression in DO"));
            }
            self.skip();
            return Ok(What::Execute(text));
        }
        if self.takes("PERFORM") {
            return Ok(What::Perform(format!("SELECT {}", self.up_to(";")?)));
        }
        let known = self.token().is_some_and(|t| t.kind == Kind::Word);
        if !known {
            return Err(self.wrong());
        }
        Ok(What::Sql(self.up_to(";")?))
    }

    /// The text up to a word, which is taken. Parentheses and CASE … END are passed over.
    fn up_to(&mut self, end: &str) -> Result<String, Fault> {
        let start = self.token().map_or(self.text.len(), |t| t.at.start);
        let (mut depth, mut cases) = (0_usize, 0_usize);
        let mut last = start;
        loop {
            let Some(token) = self.token() else {
                return Err(self.wrong());
            };
            if depth == 0 && cases == 0 && self.sees(end) {
                break;
            }
            if self.sees(";") && end != ";" {
                return Err(self.wrong());
            }
            last = token.at.end;
            let word = self.word();
            let variable = VARIABLES.iter().find(|v| self.sees(v));
            if let Some(variable) = variable {
                return Err(Fault::unsupported(format!("{variable} in DO")));
            }
            match word {
                "(" => depth = depth.saturating_add(1),
                ")" => depth = depth.saturating_sub(1),
                _ if self.sees("CASE") => cases = cases.saturating_add(1),
                _ if self.sees("END") => cases = cases.saturating_sub(1),
                _ => {}
            }
            self.skip();
        }
        self.skip();
        if last == start {
            return Err(self.wrong());
        }
        Ok(self.text.get(start..last).unwrap_or_default().to_owned())
    }

    fn choice(&mut self) -> Result<What, Fault> {
        let ends = ["ELSIF", "ELSEIF", "ELSE", "END"];
        let mut arms = Vec::new();
        let mut otherwise = Vec::new();
        loop {
            let condition = self.up_to("THEN")?;
            arms.push((condition, self.statements(&ends)?));
            if !self.takes("ELSIF") && !self.takes("ELSEIF") {
                break;
            }
        }
        if self.takes("ELSE") {
            otherwise = self.statements(&["END"])?;
        }
        self.take("END")?;
        self.take("IF")?;
        self.take(";")?;
        Ok(What::If(arms, otherwise))
    }

    fn raise(&mut self) -> Result<What, Fault> {
        if self.sees("INFO") {
            return Err(Fault::unsupported("RAISE INFO in DO"));
        }
        let levels = ["DEBUG", "LOG", "NOTICE", "WARNING", "EXCEPTION"];
        let level = levels.into_iter().find(|level| self.takes(level));
        let mut raise = Raise {
            level: level.unwrap_or("EXCEPTION").to_owned(),
            message: String::new(),
            code: None,
            detail: None,
            hint: None,
        };
        match self.token().map(|t| t.kind) {
            Some(Kind::Text) => {
                let text = self.string()?;
                if text.replace("%%", "").contains('%') || self.sees(",") {
                    return Err(Fault::unsupported("RAISE with parameters in DO"));
                }
                raise.message = text.replace("%%", "%");
            }
            Some(Kind::Word) if !self.sees("USING") => {
                let name = self.word().to_lowercase();
                let code = self.condition()?;
                raise.message = if name == "sqlstate" {
                    code.clone()
                } else {
                    name
                };
                raise.code = SqlState::new(&code);
            }
            _ => return Err(Fault::unsupported("this RAISE in DO")),
        }
        if self.takes("USING") {
            loop {
                let option = self.word().to_uppercase();
                self.skip();
                if !self.takes("=") {
                    self.take(":")?;
                    self.take("=")?;
                }
                let value = self.string()?;
                match option.as_str() {
                    "MESSAGE" => raise.message = value,
                    "DETAIL" => raise.detail = Some(value),
                    "HINT" => raise.hint = Some(value),
                    "ERRCODE" => {
                        raise.code = match SqlState::new(&value) {
                            Some(code) => Some(code),
                            None => SqlState::new(named(&value)?),
                        };
                    }
                    _ => return Err(Fault::unsupported(format!("{option} of RAISE in DO"))),
                }
                if !self.takes(",") {
                    break;
                }
            }
        }
        self.take(";")?;
        Ok(What::Raise(raise))
    }
}

fn named(name: &str) -> Result<&'static str, Fault> {
    conditions::code(name).ok_or_else(|| {
        Fault::new(
            SqlState::UNDEFINED_OBJECT,
            format!("unrecognized exception condition \"{name}\""),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_read_and_what_there_is_not_is_named() {
        let block = read(
            "begin -- x;\n if exists (select case when 1=1 then 1 end where 'then;' = '') then\n\
             create table \"a;b\"(x text default $q$;$q$); elsif false then null; else raise 'a%%b'; end if;\n\
             begin perform 1; end; exception when duplicate_object or sqlstate '23505' then null; when others then null; end;",
        )
        .unwrap();
        assert_eq!((block.statements.len(), block.handlers.len()), (2, 2));
        assert_eq!(block.handlers[0].0, ["42710", "23505"]);
        let What::If(arms, otherwise) = &block.statements[0].what else {
            panic!();
        };
        assert_eq!(
            (block.statements[0].line, arms.len(), otherwise.len()),
            (2, 2, 1)
        );
        assert!(arms[0].0.ends_with("'')"), "{}", arms[0].0);
        assert!(matches!(&arms[0].1[0].what, What::Sql(sql) if sql.ends_with("$q$;$q$)")));
        for (text, code) in [
            ("declare x int; begin end", "0A000"),
            ("begin for i in 1..2 loop null; end loop; end", "0A000"),
            ("begin x := 1; end", "0A000"),
            ("begin raise notice 'a %', 1; end", "0A000"),
            ("begin execute 'a' || 'b'; end", "0A000"),
            ("begin if not found then null; end if; end", "0A000"),
            ("begin return; end", "0A000"),
            ("begin null end", "42601"),
            ("begin null;", "42601"),
            ("begin if 1 = 1; end if; end", "42601"),
            ("begin end x", "42601"),
            ("begin null; exception when nope then null; end", "42704"),
            ("select 1", "42601"),
        ] {
            assert_eq!(read(text).unwrap_err().code.as_str(), code, "{text}");
        }
        assert!(fits("22000", "22012") && fits("others", "42P01") && !fits("others", "57014"));
        assert!(!fits("42710", "42P07"));
    }
}
