//! Where certificates and keys come from, and the rule on who may read a key.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use zeroize::Zeroizing;

use super::ConfigError;

/// The most that is read from one file: 64 MiB, room for the largest revocation lists.
const FILE_LIMIT: u64 = 64 << 20;

/// Where a piece of configuration came from, for messages.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Origin {
    /// A file.
    File(PathBuf),
    /// Bytes handed over in memory.
    Memory,
    /// A [`CertificateProvider`](super::CertificateProvider).
    Provider,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Memory => f.write_str("<memory>"),
            Self::Provider => f.write_str("<provider>"),
        }
    }
}

/// A file to be read at each load, or bytes that stay.
#[derive(Clone)]
pub(crate) enum Source {
    File(PathBuf),
    Memory(Arc<Zeroizing<Vec<u8>>>),
}

/// How an encrypted key is opened.
#[derive(Clone)]
pub(crate) enum Passphrase {
    Command(String),
    File(PathBuf),
    Value(Arc<Zeroizing<String>>),
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Command(command) => f.debug_tuple("Command").field(command).finish(),
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
            Self::Value(_) => f.write_str("Value(..)"),
        }
    }
}

/// Never shows bytes: they may be a key.
impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.origin().fmt(f)
    }
}

impl Source {
    pub(crate) fn memory(bytes: impl Into<Vec<u8>>) -> Self {
        Self::Memory(Arc::new(Zeroizing::new(bytes.into())))
    }

    pub(crate) fn origin(&self) -> Origin {
        match self {
            Self::File(path) => Origin::File(path.clone()),
            Self::Memory(_) => Origin::Memory,
        }
    }

    /// Reads something public; `what` names it in errors.
    pub(crate) fn read(&self, what: &'static str) -> Result<Zeroizing<Vec<u8>>, ConfigError> {
        match self {
            Self::Memory(bytes) => Ok(Zeroizing::clone(bytes)),
            Self::File(path) => {
                let unreadable = |source| ConfigError::Unreadable {
                    what,
                    origin: self.origin(),
                    source,
                };
                let file = File::open(path).map_err(unreadable)?;
                self.read_file(file, what)?.map_err(unreadable)
            }
        }
    }

    /// Reads a private key, if nobody else can.
    pub(crate) fn read_key(&self) -> Result<Zeroizing<Vec<u8>>, ConfigError> {
        let Self::File(path) = self else {
            return self.read("private key");
        };
        let unreadable = |source| ConfigError::KeyUnreadable {
            path: path.clone(),
            source,
        };
        // Asked before opening: a pipe without a writer would block.
        if !fs::metadata(path).map_err(unreadable)?.is_file() {
            return Err(ConfigError::KeyNotRegular { path: path.clone() });
        }
        let file = File::open(path).map_err(unreadable)?;
        check_key_access(path, &file.metadata().map_err(unreadable)?)?;
        self.read_file(file, "private key")?.map_err(unreadable)
    }

    fn read_file(
        &self,
        file: File,
        what: &'static str,
    ) -> Result<io::Result<Zeroizing<Vec<u8>>>, ConfigError> {
        let mut bytes = Zeroizing::new(Vec::new());
        match file.take(FILE_LIMIT).read_to_end(&mut bytes) {
            Ok(n) if u64::try_from(n).is_ok_and(|n| n < FILE_LIMIT) => Ok(Ok(bytes)),
            Ok(_) => Err(ConfigError::TooLarge {
                what,
                origin: self.origin(),
                limit: FILE_LIMIT,
            }),
            Err(e) => Ok(Err(e)),
        }
    }
}

/// PostgreSQL's rule: owned by the server's user with no access for others, or by root with at
/// most read access for a group. For a server run as root, its own files fall under root's rule.
#[cfg(unix)]
fn check_key_access(path: &Path, metadata: &fs::Metadata) -> Result<(), ConfigError> {
    use std::os::unix::fs::MetadataExt;

    let (mode, owner) = (metadata.mode() & 0o7777, metadata.uid());
    let forbidden = if owner == 0 {
        0o037
    } else if owner == rustix::process::geteuid().as_raw() {
        0o077
    } else {
        return Err(ConfigError::KeyOwner {
            path: path.to_owned(),
        });
    };
    if mode & forbidden == 0 {
        Ok(())
    } else {
        Err(ConfigError::KeyPermissions {
            path: path.to_owned(),
            mode,
        })
    }
}

#[cfg(not(unix))]
fn check_key_access(_: &Path, _: &fs::Metadata) -> Result<(), ConfigError> {
    Ok(())
}
