//! Private keys: PEM or DER, plain or encrypted.

use std::process::{Command, Stdio};

use pkcs8::{EncryptedPrivateKeyInfoRef, SecretDocument};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use zeroize::Zeroizing;

use crate::config::source::{Passphrase, Source};
use crate::config::{ConfigError, Origin};

const WHAT: &str = "private key";

/// The private key in these bytes.
pub(super) fn private_key(
    bytes: &[u8],
    origin: &Origin,
    passphrase: Option<&Passphrase>,
) -> Result<PrivateKeyDer<'static>, ConfigError> {
    if !super::parts::is_pem(bytes) {
        if let Ok(encrypted) = EncryptedPrivateKeyInfoRef::try_from(bytes) {
            return decrypt(&encrypted, origin, passphrase);
        }
        return PrivateKeyDer::try_from(bytes)
            .map(|key| key.clone_key())
            .map_err(|_| empty(origin));
    }
    if contains(bytes, "BEGIN ENCRYPTED PRIVATE KEY") {
        let malformed = |reason: String| ConfigError::MalformedPem {
            what: WHAT,
            origin: origin.clone(),
            reason,
        };
        let text = core::str::from_utf8(bytes).map_err(|e| malformed(e.to_string()))?;
        let section = text
            .find("-----BEGIN ENCRYPTED")
            .and_then(|at| text.get(at..))
            .unwrap_or_default();
        let (_, der) = SecretDocument::from_pem(section).map_err(|e| malformed(e.to_string()))?;
        let encrypted = EncryptedPrivateKeyInfoRef::try_from(der.as_bytes())
            .map_err(|e| malformed(e.to_string()))?;
        return decrypt(&encrypted, origin, passphrase);
    }
    PrivateKeyDer::from_pem_slice(bytes).map_err(|e| {
        // The headers of the older format are not PEM to the decoder.
        if contains(bytes, "Proc-Type: 4,ENCRYPTED") {
            return ConfigError::KeyLegacyEncryption {
                key: origin.clone(),
            };
        }
        match e {
            pem::Error::NoItemsFound => empty(origin),
            e => ConfigError::MalformedPem {
                what: WHAT,
                origin: origin.clone(),
                reason: e.to_string(),
            },
        }
    })
}

fn empty(origin: &Origin) -> ConfigError {
    ConfigError::Empty {
        what: WHAT,
        origin: origin.clone(),
        section: "PRIVATE KEY",
    }
}

fn contains(text: &[u8], words: &str) -> bool {
    text.windows(words.len()).any(|w| w == words.as_bytes())
}

fn decrypt(
    encrypted: &EncryptedPrivateKeyInfoRef<'_>,
    origin: &Origin,
    passphrase: Option<&Passphrase>,
) -> Result<PrivateKeyDer<'static>, ConfigError> {
    let passphrase = passphrase
        .ok_or_else(|| ConfigError::PassphraseMissing {
            key: origin.clone(),
        })?
        .obtain(origin)?;
    let plain =
        encrypted
            .decrypt(passphrase.as_bytes())
            .map_err(|e| ConfigError::PassphraseWrong {
                key: origin.clone(),
                reason: e.to_string(),
            })?;
    Ok(PrivatePkcs8KeyDer::from(plain.as_bytes().to_vec()).into())
}

impl Passphrase {
    fn obtain(&self, key: &Origin) -> Result<Zeroizing<String>, ConfigError> {
        match self {
            Self::Value(value) => Ok(Zeroizing::clone(value)),
            Self::File(path) => {
                first_line(&Source::File(path.clone()).read_key()?).ok_or_else(|| {
                    ConfigError::PassphraseWrong {
                        key: key.clone(),
                        reason: format!("{} does not begin with a line of text", path.display()),
                    }
                })
            }
            Self::Command(command) => run(command, key),
        }
    }
}

/// PostgreSQL's `run_ssl_passphrase_command`: the first line of the output, its end stripped.
fn run(command: &str, key: &Origin) -> Result<Zeroizing<String>, ConfigError> {
    let failed = |reason: String| ConfigError::PassphraseCommand {
        command: command.to_owned(),
        reason,
    };
    let mut expanded = String::new();
    let mut rest = command.chars();
    while let Some(c) = rest.next() {
        match (c, c == '%') {
            (_, true) => match rest.next() {
                Some('p') => {
                    let prompt = format!("Enter passphrase for private key {key}: ");
                    expanded.push_str(&shell_quoted(&prompt));
                }
                Some(other) => expanded.push(other),
                None => expanded.push('%'),
            },
            (c, false) => expanded.push(c),
        }
    }
    let output = Command::new("sh")
        .arg("-c")
        .arg(&expanded)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|e| failed(e.to_string()))?;
    let text = Zeroizing::new(output.stdout);
    if !output.status.success() {
        return Err(failed(output.status.to_string()));
    }
    first_line(&text).ok_or_else(|| failed("its output does not begin with a line of text".into()))
}

fn shell_quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

fn first_line(text: &[u8]) -> Option<Zeroizing<String>> {
    let line = text.split(|b| *b == b'\n').next()?;
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let line = core::str::from_utf8(line).ok()?;
    (!line.is_empty()).then(|| Zeroizing::new(line.to_owned()))
}
