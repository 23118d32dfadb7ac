//! The syntax that pg_hba.conf and pg_ident.conf share (PostgreSQL docs, "The pg_hba.conf File";
//! `hba.c:tokenize_auth_file`).
//!
//! Fields are separated by blanks, the values within a field by commas. Double quotes take what is
//! between them as it is, `""` being one. `#` begins a comment. A backslash at the end of a line,
//! even within quotes or a comment, continues it. `@file` stands for the values in a file, and the
//! lines `include`, `include_if_exists` and `include_dir` for the lines of others.

#[cfg(test)]
mod tests;

use std::fs::File;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::error::{AccessError, AccessFault, Place};

/// How deep files may include each other (PostgreSQL's CONF_FILE_MAX_DEPTH).
const MAX_DEPTH: usize = 10;
/// How many bytes are read, all files together, each as often as it is named.
const MAX_BYTES: usize = 8 << 20;

/// A word, and whether it began with a quote, which takes keywords their meaning.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Token {
    pub(super) text: Vec<u8>,
    pub(super) quoted: bool,
}

impl Token {
    /// A word as it would stand in a file without quotes.
    pub(super) fn plain(text: impl Into<Vec<u8>>) -> Self {
        Self {
            text: text.into(),
            quoted: false,
        }
    }

    pub(super) fn is_keyword(&self, word: &str) -> bool {
        !self.quoted && self.text == word.as_bytes()
    }

    /// The role of `+role`.
    pub(super) fn role(&self) -> Option<&[u8]> {
        self.text.strip_prefix(b"+").filter(|_| !self.quoted)
    }

    /// The expression of `/expression`. Quotes do not make it a name (`hba.c:regcomp_auth_token`).
    pub(super) fn pattern(&self) -> Option<&[u8]> {
        self.text.strip_prefix(b"/")
    }

    /// For messages.
    pub(super) fn lossy(&self) -> String {
        String::from_utf8_lossy(&self.text).into_owned()
    }
}

/// A line that holds something: its fields, each of at least one value.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Line {
    pub(super) place: Place,
    pub(super) fields: Vec<Vec<Token>>,
    /// The line as it stands in the file.
    pub(super) text: Vec<u8>,
}

/// What reading a file gave.
#[derive(Debug, Default)]
pub(super) struct Lines {
    pub(super) lines: Vec<Line>,
    pub(super) files: Files,
}

/// Where lines came from.
#[derive(Clone, Debug, Default)]
pub(super) struct Files {
    /// The file to read anew.
    pub(super) source: Option<PathBuf>,
    /// All files and directories that were read or looked for.
    pub(super) paths: Vec<PathBuf>,
    /// Of all bytes that were read.
    pub(super) fingerprint: u64,
}

/// Reads a file and all that it includes.
pub(super) fn load(path: &Path) -> Result<Lines, AccessError> {
    let mut tokenizer = Tokenizer {
        from_disk: true,
        left: MAX_BYTES,
        read: Lines::default(),
        hasher: DefaultHasher::new(),
    };
    let bytes = tokenizer
        .read(path)
        .map_err(|source| AccessError::Unreadable {
            path: path.to_owned(),
            source,
        })?;
    tokenizer.file(&Arc::from(path), bytes, 0)?;
    tokenizer.read.files.source = Some(path.to_owned());
    Ok(tokenizer.finish())
}

/// Takes text that includes nothing.
pub(super) fn parse(text: &[u8]) -> Result<Lines, AccessError> {
    let mut tokenizer = Tokenizer {
        from_disk: false,
        left: MAX_BYTES,
        read: Lines::default(),
        hasher: DefaultHasher::new(),
    };
    tokenizer.file(&Arc::from(Path::new("<text>")), text.to_vec(), 0)?;
    Ok(tokenizer.finish())
}

struct Tokenizer {
    from_disk: bool,
    left: usize,
    read: Lines,
    hasher: DefaultHasher,
}

impl Tokenizer {
    fn finish(self) -> Lines {
        let mut read = self.read;
        read.files.fingerprint = self.hasher.finish();
        read
    }

    fn read(&mut self, path: &Path) -> io::Result<Vec<u8>> {
        self.read.files.paths.push(path.to_owned());
        let mut bytes = Vec::new();
        // One more than allowed, so that what is too long is noticed.
        let limit = u64::try_from(self.left).unwrap_or(u64::MAX);
        File::open(path)?
            .take(limit.saturating_add(1))
            .read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// Adds the lines of one file.
    fn file(&mut self, path: &Arc<Path>, bytes: Vec<u8>, depth: usize) -> Result<(), AccessError> {
        self.each_line(path, bytes, depth, |tokenizer, line| {
            if let Some((directive, target)) = directive(&line) {
                tokenizer.include(&line.place, directive, target, depth.saturating_add(1))
            } else {
                tokenizer.read.lines.push(line);
                Ok(())
            }
        })
    }

    fn each_line(
        &mut self,
        path: &Arc<Path>,
        bytes: Vec<u8>,
        depth: usize,
        mut found: impl FnMut(&mut Self, Line) -> Result<(), AccessError>,
    ) -> Result<(), AccessError> {
        let mut place = Place {
            file: Arc::clone(path),
            line: 1,
        };
        self.left = self
            .left
            .checked_sub(bytes.len())
            .ok_or_else(|| AccessError::entry(&place, AccessFault::TooLong { limit: MAX_BYTES }))?;
        bytes.hash(&mut self.hasher);
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            let (text, physical) = logical_line(&mut rest);
            if text.contains(&0) {
                return Err(AccessError::entry(&place, AccessFault::ZeroByte));
            }
            let fields = self.fields(&place, &text, depth)?;
            let next = place.line.saturating_add(physical);
            if !fields.is_empty() {
                let line = Line {
                    place: place.clone(),
                    fields,
                    text,
                };
                found(self, line)?;
            }
            place.line = next;
        }
        Ok(())
    }

    fn fields(
        &mut self,
        place: &Place,
        text: &[u8],
        depth: usize,
    ) -> Result<Vec<Vec<Token>>, AccessError> {
        let mut fields = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            let mut field = Vec::new();
            // A comma behind a value announces another one.
            while let Some((token, comma)) =
                next_token(&mut rest).map_err(|fault| AccessError::entry(place, fault))?
            {
                match token.text.strip_prefix(b"@") {
                    Some(name) if !token.quoted && !name.is_empty() => {
                        self.values(place, name, depth.saturating_add(1), &mut field)?;
                    }
                    _ => field.push(token),
                }
                if !comma {
                    break;
                }
            }
            if !field.is_empty() {
                fields.push(field);
            }
        }
        Ok(fields)
    }

    /// The values that `@file` stands for: all of the file, however it is laid out.
    fn values(
        &mut self,
        place: &Place,
        name: &[u8],
        depth: usize,
        field: &mut Vec<Token>,
    ) -> Result<(), AccessError> {
        let path = self.resolve(place, name, depth)?;
        let bytes = self.read(&path).map_err(|source| {
            AccessError::entry(
                place,
                AccessFault::Include {
                    path: path.clone(),
                    source,
                },
            )
        })?;
        self.each_line(&Arc::from(path), bytes, depth, |_, line| {
            field.extend(line.fields.into_iter().flatten());
            Ok(())
        })
    }

    fn include(
        &mut self,
        place: &Place,
        directive: Directive,
        target: &Token,
        depth: usize,
    ) -> Result<(), AccessError> {
        let path = self.resolve(place, &target.text, depth)?;
        let unreadable = |path: &Path, source| {
            AccessError::entry(
                place,
                AccessFault::Include {
                    path: path.to_owned(),
                    source,
                },
            )
        };
        let files = match directive {
            Directive::Include | Directive::IncludeIfExists => vec![path],
            Directive::IncludeDir => {
                self.read.files.paths.push(path.clone());
                configuration_files(&path).map_err(|source| unreadable(&path, source))?
            }
        };
        for path in files {
            match self.read(&path) {
                Ok(bytes) => self.file(&Arc::from(path), bytes, depth)?,
                Err(error)
                    if directive == Directive::IncludeIfExists
                        && error.kind() == io::ErrorKind::NotFound => {}
                Err(source) => return Err(unreadable(&path, source)),
            }
        }
        Ok(())
    }

    /// Names are relative to the file they stand in.
    fn resolve(&self, place: &Place, name: &[u8], depth: usize) -> Result<PathBuf, AccessError> {
        let name = String::from_utf8_lossy(name).into_owned();
        if !self.from_disk {
            return Err(AccessError::entry(place, AccessFault::IncludeInText(name)));
        }
        let path = place.file.with_file_name(name);
        if depth > MAX_DEPTH {
            return Err(AccessError::entry(
                place,
                AccessFault::IncludeDepth {
                    path,
                    limit: MAX_DEPTH,
                },
            ));
        }
        Ok(path)
    }
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum Directive {
    Include,
    IncludeDir,
    IncludeIfExists,
}

/// A line of two fields whose first is one of the directives.
fn directive(line: &Line) -> Option<(Directive, &Token)> {
    let [first, second] = line.fields.as_slice() else {
        return None;
    };
    let directive = match first.first()?.text.as_slice() {
        b"include" => Directive::Include,
        b"include_dir" => Directive::IncludeDir,
        b"include_if_exists" => Directive::IncludeIfExists,
        _ => return None,
    };
    Some((directive, second.first()?))
}

/// The files `*.conf` of a directory but hidden ones, in the order of their names' bytes.
fn configuration_files(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in directory.read_dir()? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().as_encoded_bytes();
        if name.ends_with(b".conf") && !name.starts_with(b".") && !path.is_dir() {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Takes one line with its continuations, and says of how many lines of the file it was made.
fn logical_line(rest: &mut &[u8]) -> (Vec<u8>, usize) {
    let mut text = Vec::new();
    let mut physical = 0_usize;
    loop {
        let end = rest.iter().position(|b| *b == b'\n').unwrap_or(rest.len());
        let (line, tail) = rest.split_at(end);
        *rest = tail.get(1..).unwrap_or_default();
        physical = physical.saturating_add(1);
        let stripped = line
            .iter()
            .rposition(|b| *b != b'\r')
            .map_or(0, |last| last.saturating_add(1));
        let line = line.get(..stripped).unwrap_or_default();
        match line.strip_suffix(b"\\") {
            Some(continued) => text.extend_from_slice(continued),
            None => {
                text.extend_from_slice(line);
                return (text, physical);
            }
        }
        if rest.is_empty() {
            return (text, physical);
        }
    }
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r')
}

/// Takes one word, and says whether a comma follows it at once. `None` at the end of the line.
fn next_token(rest: &mut &[u8]) -> Result<Option<(Token, bool)>, AccessFault> {
    let start = rest
        .iter()
        .position(|b| !is_blank(*b) && *b != b',')
        .unwrap_or(rest.len());
    let mut bytes = rest.get(start..).unwrap_or_default();
    let mut text = Vec::new();
    let (mut in_quotes, mut saw_quote, mut quoted, mut comma) = (false, false, false, false);
    while let Some((&byte, tail)) = bytes.split_first() {
        match byte {
            b'"' if in_quotes && tail.first() == Some(&b'"') => {
                text.push(b'"');
                bytes = tail.get(1..).unwrap_or_default();
                continue;
            }
            b'"' => {
                quoted |= text.is_empty();
                saw_quote = true;
                in_quotes = !in_quotes;
            }
            _ if in_quotes => text.push(byte),
            b'#' => {
                bytes = &[];
                break;
            }
            b',' => {
                comma = true;
                bytes = tail;
                break;
            }
            _ if is_blank(byte) => break,
            _ => text.push(byte),
        }
        bytes = tail;
    }
    if in_quotes {
        return Err(AccessFault::UnterminatedQuote);
    }
    *rest = bytes;
    Ok((saw_quote || !text.is_empty()).then_some((Token { text, quoted }, comma)))
}
