//! What can be wrong with access rules and identity maps, and what mends it.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where an entry stands: a file and a line, or code.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Place {
    pub(crate) file: Arc<Path>,
    pub(crate) line: usize,
}

impl Place {
    /// The place of what was built in Rust.
    pub(crate) fn code(number: usize) -> Self {
        Self {
            file: Arc::from(Path::new("<rule>")),
            line: number,
        }
    }

    /// The file, as configured; `<text>` for text handed over, `<rule>` for what was built in
    /// Rust.
    #[must_use]
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// The line, counted from 1: the first one of an entry continued over several. For what was
    /// built in Rust, which one it is.
    #[must_use]
    pub fn line(&self) -> usize {
        self.line
    }
}

/// As PostgreSQL's log has it: `FILE:LINE`.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file.display(), self.line)
    }
}

/// Why access rules or identity maps were refused. Where PostgreSQL has the same error, the text
/// begins as its own does (`hba.c`).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AccessError {
    /// An entry that cannot be used.
    #[error("{place}: {fault}")]
    Entry {
        /// Where it stands.
        place: Place,
        /// What is wrong with it.
        fault: AccessFault,
    },
    /// A file of access rules without rules: nobody could come in.
    #[error(
        "configuration file \"{}\" contains no entries; to keep everybody out on purpose write: local all all reject",
        .path.display()
    )]
    NoEntries {
        /// The file as configured.
        path: PathBuf,
    },
    /// A file that cannot be read.
    #[error("could not open file \"{}\": {source}; check the path and its permissions", .path.display())]
    Unreadable {
        /// The file as configured.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

impl AccessError {
    pub(crate) fn entry(place: &Place, fault: AccessFault) -> Self {
        Self::Entry {
            place: place.clone(),
            fault,
        }
    }
}

/// What is wrong with one entry.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AccessFault {
    /// `\1` without a group that could fill it.
    #[error(
        "regular expression \"{pattern}\" has no subexpressions as requested by backreference in \"{database_name}\"; put what is to be taken over in parentheses"
    )]
    BackReference {
        /// The expression, without its slash.
        pattern: String,
        /// The name with `\1`.
        database_name: String,
    },
    /// An included file that cannot be read.
    #[error("could not open file \"{}\": {source}; check the path and its permissions", .path.display())]
    Include {
        /// The file, relative to the one that names it.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Files that include each other for ever, or nearly.
    #[error("could not open file \"{}\": maximum nesting depth exceeded; include fewer levels than {limit}", .path.display())]
    IncludeDepth {
        /// The file one too deep.
        path: PathBuf,
        /// How many levels there may be.
        limit: usize,
    },
    /// Text that was handed over cannot name files.
    #[error("\"{0}\" names a file, which only a file can do; load the rules from a file")]
    IncludeInText(String),
    /// A field is missing at the end of the line of pg_ident.conf.
    #[error("missing entry at end of line; write: MAPNAME SYSTEM-USERNAME DATABASE-USERNAME")]
    MissingField,
    /// Several values in a field for one.
    #[error("multiple values in ident field; write one line for each")]
    MultipleValues,
    /// A regular expression that cannot be used.
    #[error("invalid regular expression \"{pattern}\": {reason}")]
    Regex {
        /// The expression, without its slash.
        pattern: String,
        /// What is wrong with it.
        reason: String,
    },
    /// All files together are too large.
    #[error("the files together are longer than {limit} bytes; is one of them the wrong file?")]
    TooLong {
        /// How many bytes there may be.
        limit: usize,
    },
    /// A part of an address that is no number, or too large.
    #[error("invalid CIDR mask in address \"{0}\"; write 10.0.0.0/8 or fe80::/10")]
    BadCidr(String),
    /// A mask that is none, or has bits set behind bits that are not.
    #[error("invalid IP mask \"{0}\"; write one as 255.255.255.0, or the address as 10.0.0.0/24")]
    BadMask(String),
    /// A value of `clientcert` that does not exist.
    #[error("invalid value for clientcert: \"{0}\"; write verify-ca or verify-full")]
    BadClientCert(String),
    /// A value of `clientname` that does not exist.
    #[error("invalid value for clientname: \"{0}\"; write CN or DN")]
    BadClientName(String),
    /// An option without `=`.
    #[error("authentication option not in name=value format: {0}")]
    BadOption(String),
    /// A connection type that does not exist.
    #[error(
        "invalid connection type \"{0}\"; write local, host, hostssl, hostnossl, hostgssenc or hostnogssenc"
    )]
    BadType(String),
    /// Method `cert` where there is no certificate.
    #[error("cert authentication is only supported on hostssl connections; write hostssl")]
    CertNeedsTls,
    /// `clientcert=verify-ca` with method `cert`, which means `verify-full`.
    #[error(
        "clientcert can only be set to \"verify-full\" when using \"cert\" authentication; leave the option out"
    )]
    CertIsFull,
    /// A domain suffix as address.
    #[error(
        "host names that begin with a dot (\"{0}\") are not supported, for they need a reverse look-up; write the network, for example 10.1.0.0/16"
    )]
    DomainSuffix(String),
    /// A name with a mask.
    #[error("specifying both host name and CIDR mask is invalid: \"{0}\"; leave out the mask")]
    HostNameWithMask(String),
    /// The interfaces of this machine could not be read.
    #[error(
        "could not determine the addresses of this machine: {0}; write them instead of samehost or samenet"
    )]
    Interfaces(#[source] io::Error),
    /// The line ends too early.
    #[error(
        "end-of-line before {0}; write: TYPE DATABASE USER ADDRESS METHOD (local without ADDRESS)"
    )]
    MissingPart(&'static str),
    /// `peer` where there is no process to ask for.
    #[error("peer authentication is only supported on local sockets; use scram-sha-256 or cert")]
    PeerNeedsLocal,
    /// Several values in a field of pg_hba.conf for one.
    #[error("multiple values specified for {0}; write one line for each")]
    SeveralValues(&'static str),
    /// Address and mask of different families.
    #[error("IP address and mask do not match: \"{address}\", \"{mask}\"")]
    MaskFamily {
        /// The address.
        address: String,
        /// Its mask.
        mask: String,
    },
    /// A method that PostgreSQL has and this server has not.
    #[error(
        "invalid authentication method \"{0}\": not supported by this server; use scram-sha-256, cert, or peer for local"
    )]
    MethodNotSupported(String),
    /// A name of a method that does not exist.
    #[error(
        "invalid authentication method \"{0}\"; there are trust, reject, password, md5, scram-sha-256, cert and peer"
    )]
    NoSuchMethod(String),
    /// An option that does not exist.
    #[error(
        "unrecognized authentication option name: \"{0}\"; there are clientcert, clientname and map"
    )]
    NoSuchOption(String),
    /// `map` with a method that has no names to map.
    #[error("authentication option \"map\" is only valid for authentication methods peer and cert")]
    OptionNeedsIdentity,
    /// `clientcert` or `clientname` where there is no certificate.
    #[error("{0} can only be configured for \"hostssl\" rows")]
    OptionNeedsTls(&'static str),
    /// A host name that the name service does not know.
    #[error(
        "could not look up the host name \"{name}\": {source}; write its address, or see why the name service does not know it"
    )]
    UnknownHost {
        /// The name.
        name: String,
        /// What the system says.
        source: io::Error,
    },
    /// A quote without its end.
    #[error("unterminated quoted string; add the closing \" before the end of the line")]
    UnterminatedQuote,
    /// A zero byte.
    #[error("the line holds a zero byte; is it a text file?")]
    ZeroByte,
}
