//! What a server keeps of a password.
#![warn(
    clippy::alloc_instead_of_core,
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core
)]

use alloc::{format, string::String, vec::Vec};
use core::fmt;
use core::str::FromStr;
use core::time::Duration;

use base64ct::{Base64, Encoding};
use hmac::{Hmac, KeyInit, Mac};
use md5::Md5;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::auth::saslprep;

/// PostgreSQL's default for `scram_iterations`.
pub const DEFAULT_SCRAM_ITERATIONS: u32 = 4096;
/// SCRAM_DEFAULT_SALT_LEN of PostgreSQL.
pub(crate) const SALT: usize = 16;
/// The length of SHA-256 digests.
pub(crate) const KEY: usize = 32;

/// What a server keeps of a password, in one of PostgreSQL's two formats (`pg_authid.rolpassword`).
/// Overwritten when dropped, never printed.
///
/// ```
/// use pgtls::Secret;
///
/// let secret = Secret::scram_sha_256("pencil")?;
/// let text = secret.to_postgres();
/// assert!(text.starts_with("SCRAM-SHA-256$4096:"));
/// assert_eq!(text.parse::<Secret>()?, secret);
/// # Ok::<(), pgtls::SecretError>(())
/// ```
#[derive(Clone)]
pub struct Secret {
    kind: Kind,
    /// Since the Unix epoch.
    valid_until: Option<Duration>,
}

#[derive(Clone)]
pub(crate) enum Kind {
    /// md5(password + user), in lower-case hex.
    Md5(Zeroizing<[u8; 32]>),
    Scram(ScramKeys),
}

/// What RFC 5802 lets a server keep: enough to judge a proof, not to make one.
#[derive(Clone)]
pub(crate) struct ScramKeys {
    pub(crate) iterations: u32,
    pub(crate) salt: Vec<u8>,
    pub(crate) stored_key: Zeroizing<[u8; KEY]>,
    pub(crate) server_key: Zeroizing<[u8; KEY]>,
}

/// Why there is no secret.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SecretError {
    /// The system gives no random bytes for the salt.
    #[error("could not generate random salt; the system's random source has failed")]
    NoEntropy,
    /// PostgreSQL has no empty passwords.
    #[error("the password is empty; choose one")]
    Empty,
    /// Iterations out of range.
    #[error("a SCRAM secret needs at least one iteration")]
    NoIterations,
    /// The text is in neither of the formats.
    #[error(
        "not a password secret; write SCRAM-SHA-256$<count>:<salt>$<StoredKey>:<ServerKey>, or md5 and 32 hexadecimal digits"
    )]
    Unknown,
}

impl Secret {
    /// A SCRAM secret with 4096 iterations and a random salt of 16 bytes. The password is prepared
    /// by SASLprep (RFC 4013), or taken as it is where that forbids it, as PostgreSQL does.
    ///
    /// # Errors
    /// The password is empty, or the system gives no random bytes.
    pub fn scram_sha_256(password: impl AsRef<[u8]>) -> Result<Self, SecretError> {
        let mut salt = [0; SALT];
        getrandom::fill(&mut salt).map_err(|_| SecretError::NoEntropy)?;
        Self::scram_sha_256_with(password, &salt, DEFAULT_SCRAM_ITERATIONS)
    }

    /// A SCRAM secret with this salt and iteration count. Each doubling of the count doubles what
    /// a guess costs, and what a login costs the client.
    ///
    /// # Errors
    /// The password is empty, or the count 0.
    pub fn scram_sha_256_with(
        password: impl AsRef<[u8]>,
        salt: &[u8],
        iterations: u32,
    ) -> Result<Self, SecretError> {
        if password.as_ref().is_empty() {
            return Err(SecretError::Empty);
        }
        if iterations == 0 {
            return Err(SecretError::NoIterations);
        }
        let salted = salted_password(password.as_ref(), salt, iterations);
        let stored_key = sha256(hmac(&salted, &[b"Client Key"]).as_ref());
        let keys = ScramKeys {
            iterations,
            salt: salt.into(),
            stored_key,
            server_key: hmac(&salted, &[b"Server Key"]),
        };
        Ok(Self::from(Kind::Scram(keys)))
    }

    /// An MD5 secret, for clients that can do no better. Whoever steals it can log in with it.
    ///
    /// # Errors
    /// The password is empty.
    pub fn md5(user: &str, password: impl AsRef<[u8]>) -> Result<Self, SecretError> {
        if password.as_ref().is_empty() {
            return Err(SecretError::Empty);
        }
        let digest = md5_hex(&[password.as_ref(), user.as_bytes()]);
        Ok(Self::from(Kind::Md5(digest)))
    }

    /// The same, but no good from this time on (`VALID UNTIL`), given since the Unix epoch.
    #[must_use]
    pub fn valid_until(mut self, end: Duration) -> Self {
        self.valid_until = Some(end);
        self
    }

    /// As [`Secret::valid_until`]; `None` is for ever.
    pub(super) fn with_end(mut self, end: Option<Duration>) -> Self {
        self.valid_until = end;
        self
    }

    /// Whether the secret has ended at this time since the Unix epoch.
    #[must_use]
    pub fn has_expired(&self, now: Duration) -> bool {
        self.valid_until.is_some_and(|end| end < now)
    }

    /// The text that PostgreSQL keeps. It is as secret as the secret.
    #[must_use]
    pub fn to_postgres(&self) -> Zeroizing<String> {
        Zeroizing::new(match &self.kind {
            Kind::Md5(hex) => format!(
                "md5{}",
                core::str::from_utf8(hex.as_ref()).unwrap_or_default()
            ),
            Kind::Scram(keys) => format!(
                "SCRAM-SHA-256${}:{}${}:{}",
                keys.iterations,
                Base64::encode_string(&keys.salt),
                Base64::encode_string(keys.stored_key.as_ref()),
                Base64::encode_string(keys.server_key.as_ref()),
            ),
        })
    }

    pub(crate) fn kind(&self) -> &Kind {
        &self.kind
    }

    /// Whether this is the password. Takes as long as making the secret did.
    pub(crate) fn is_of(&self, user: &[u8], password: &[u8]) -> bool {
        match &self.kind {
            Kind::Md5(hex) => md5_hex(&[password, user]).ct_eq(hex.as_ref()).into(),
            Kind::Scram(keys) => {
                let salted = salted_password(password, &keys.salt, keys.iterations);
                hmac(&salted, &[b"Server Key"])
                    .ct_eq(keys.server_key.as_ref())
                    .into()
            }
        }
    }
}

impl fmt::Debug for ScramKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScramKeys")
            .field("iterations", &self.iterations)
            .finish_non_exhaustive()
    }
}

impl From<Kind> for Secret {
    fn from(kind: Kind) -> Self {
        Self {
            kind,
            valid_until: None,
        }
    }
}

impl FromStr for Secret {
    type Err = SecretError;

    fn from_str(text: &str) -> Result<Self, SecretError> {
        md5_secret(text)
            .or_else(|| scram_secret(text))
            .map(Self::from)
            .ok_or(SecretError::Unknown)
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        let same = self
            .to_postgres()
            .as_bytes()
            .ct_eq(other.to_postgres().as_bytes());
        bool::from(same) && self.valid_until == other.valid_until
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match &self.kind {
            Kind::Md5(_) => "md5",
            Kind::Scram(_) => "scram-sha-256",
        };
        f.debug_tuple("Secret").field(&kind).finish()
    }
}

/// `md5` and 32 hexadecimal digits; PostgreSQL makes them in lower case.
fn md5_secret(text: &str) -> Option<Kind> {
    let hex: [u8; 32] = text.strip_prefix("md5")?.as_bytes().try_into().ok()?;
    let is_hex = hex
        .iter()
        .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(b));
    is_hex.then_some(Kind::Md5(Zeroizing::new(hex)))
}

/// `SCRAM-SHA-256$<count>:<salt>$<StoredKey>:<ServerKey>` (`parse_scram_secret`).
fn scram_secret(text: &str) -> Option<Kind> {
    let (count, rest) = text.strip_prefix("SCRAM-SHA-256$")?.split_once(':')?;
    let (salt, rest) = rest.split_once('$')?;
    let (stored, server) = rest.split_once(':')?;
    let iterations: u32 = count.parse().ok().filter(|n| *n > 0)?;
    let salt = Base64::decode_vec(salt).ok()?;
    Some(Kind::Scram(ScramKeys {
        iterations,
        salt,
        stored_key: decode_key(stored)?,
        server_key: decode_key(server)?,
    }))
}

/// 32 bytes in base64, and nothing else.
pub(crate) fn decode_key(text: &str) -> Option<Zeroizing<[u8; KEY]>> {
    let mut key = Zeroizing::new([0; KEY]);
    let n = Base64::decode(text, key.as_mut()).ok()?.len();
    (n == KEY).then_some(key)
}

pub(crate) fn sha256(bytes: &[u8]) -> Zeroizing<[u8; KEY]> {
    Zeroizing::new(Sha256::digest(bytes).into())
}

pub(crate) fn hmac(key: &[u8; KEY], parts: &[&[u8]]) -> Zeroizing<[u8; KEY]> {
    // HMAC fills short keys with zeros up to its block.
    let mut block = Zeroizing::new([0; 64]);
    if let Some(start) = block.first_chunk_mut() {
        *start = *key;
    }
    let mut mac = <Hmac<Sha256> as KeyInit>::new((&*block).into());
    for part in parts {
        mac.update(part);
    }
    Zeroizing::new(mac.finalize().into_bytes().into())
}

/// md5 of the parts, in lower-case hex.
pub(crate) fn md5_hex(parts: &[&[u8]]) -> Zeroizing<[u8; 32]> {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut md5 = Md5::new();
    for part in parts {
        md5.update(part);
    }
    let digest: Zeroizing<[u8; 16]> = Zeroizing::new(md5.finalize().into());
    let mut hex = Zeroizing::new([0; 32]);
    for (pair, byte) in hex.chunks_exact_mut(2).zip(digest.iter()) {
        for (digit, nibble) in pair.iter_mut().zip([byte >> 4, byte & 15]) {
            *digit = DIGITS.get(usize::from(nibble)).copied().unwrap_or(b'0');
        }
    }
    hex
}

/// SaltedPassword of RFC 5802.
fn salted_password(password: &[u8], salt: &[u8], iterations: u32) -> Zeroizing<[u8; KEY]> {
    let prepared = saslprep::prepare(password);
    let mut salted = Zeroizing::new([0; KEY]);
    pbkdf2::pbkdf2_hmac::<Sha256>(&prepared, salt, iterations, salted.as_mut());
    salted
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made by PostgreSQL 15 with `CREATE ROLE joe PASSWORD '…'`.
    #[rustfmt::skip]
    const MADE_BY_POSTGRESQL: &[(&str, &str)] = &[
        ("pencil", "SCRAM-SHA-256$4096:bGHUUuHp3JhR0Hy2DRKSHw==$NZ7L7JcgtZuCFqWfyntH/7b6pDPr5hfPAs1U7qt50ZY=:9hpubRid2bUC7wSOtcjaLbaFuLxLTJei77PKs/3BkXU="),
        ("pencil", "md54571bc2e04d92926b0cb2bdc83773286"),
        // A soft hyphen goes, Roman nine and a feminine ordinal become letters.
        ("x\u{ad}y\u{2168}\u{aa}", "SCRAM-SHA-256$4096:icBU1F25c0IC/orEoNzmcw==$4+LzTllwLbqRiKqJmbP0y4rdyOhyFMM8/5LCkbaPfhw=:qiSG08McA5cqWNgpCpKpWYHqKhqbWIU0TraQqkdSLtw="),
        // A no-break space becomes a space.
        ("p\u{e4}ssw\u{f6}rd\u{a0}\u{2163}", "SCRAM-SHA-256$4096:mMFcFY3LHXZfnfy0UjPrOA==$CU4fIU/rQeBg8z9DTCFipM6xFs7RSSY7E8xr+zma97c=:N1ByrYztp0XqUjJLGD0Mx9kjyiA1LKGu43Fg9Im9wec="),
        // Control characters and unassigned ones are prohibited: the password is taken as it is.
        ("ctrl\u{7}x", "SCRAM-SHA-256$4096:qkJju2S9VA3HFBsgDEbEpw==$xYRU2dR4mLiV5KVLmki0ZzeqJxqYq+5B/9kLaqei3a4=:Enza6aKtx8xFASor5hp5c5pUWnBtaEHnWKD4G/fFdkQ="),
        ("unassigned\u{221}", "SCRAM-SHA-256$4096:Wk3nBCnxEitTKg8WvdnwCg==$FXe1asawilhyb9+zJoL0QxH6dCbIjh4oGKNTzfzi5jU=:lJ7z7YlS0ILJpKjGMmBoom9rYD9BAXa6CLKFyC+tbUg="),
        ("zwsp\u{200b}in", "SCRAM-SHA-256$4096:9MwlxFcV+ilWKgitWgV6xQ==$/Gvrr1if29nlOeMDvRLD68KR9QfyGwayLzC6xsLSVFg=:LQyYLOLx3muZp8jCGw/oFSrGPvrTWVxt4yUHeoICDlA="),
    ];

    #[test]
    fn secrets_are_those_of_postgresql() {
        for (password, text) in MADE_BY_POSTGRESQL {
            let secret: Secret = text.parse().unwrap();
            assert_eq!(*secret.to_postgres(), *text);
            assert!(
                secret.is_of(b"joe", password.as_bytes()),
                "{password:?} {text}"
            );
            assert!(!secret.is_of(b"joe", b"other"), "{text}");
        }
    }

    #[test]
    fn secrets_made_here_judge_the_same() {
        for secret in [
            Secret::scram_sha_256("pencil").unwrap(),
            Secret::scram_sha_256_with("pencil", b"a salt of any length", 1).unwrap(),
            Secret::md5("joe", "pencil").unwrap(),
        ] {
            assert!(secret.is_of(b"joe", b"pencil") && !secret.is_of(b"joe", b"Pencil"));
            assert_eq!(secret.to_postgres().parse::<Secret>().unwrap(), secret);
            // Nothing of it shows in logs.
            let shown = format!("{secret:?}");
            assert!(matches!(
                shown.as_str(),
                "Secret(\"md5\")" | "Secret(\"scram-sha-256\")"
            ));
        }
        let (one, other) = (
            Secret::scram_sha_256("pencil").unwrap(),
            Secret::scram_sha_256("pencil").unwrap(),
        );
        assert_ne!(one, other, "each has a salt of its own");
    }

    #[test]
    fn other_texts_are_not_secrets() {
        let good = "SCRAM-SHA-256$4096:bGHUUuHp3JhR0Hy2DRKSHw==$NZ7L7JcgtZuCFqWfyntH/7b6pDPr5hfPAs1U7qt50ZY=:9hpubRid2bUC7wSOtcjaLbaFuLxLTJei77PKs/3BkXU=";
        assert!(good.parse::<Secret>().is_ok());
        for bad in [
            "",
            "pencil",
            "md54571bc2e04d92926b0cb2bdc8377328",
            "md54571bc2e04d92926b0cb2bdc8377328G",
            "md54571BC2E04D92926B0CB2BDC83773286",
            &good.replace("4096", "0"),
            &good.replace("4096", "-1"),
            &good.replace("4096", "4294967296"),
            &good.replace("SCRAM-SHA-256$", "SCRAM-SHA-1$"),
            &good.replace("==$", "=$"),
            &good.replace("ZY=:", "ZY:"),
            &good.replace("XU=", ""),
            &format!("{good}:"),
        ] {
            assert_eq!(bad.parse::<Secret>(), Err(SecretError::Unknown), "{bad}");
        }
        assert_eq!(Secret::scram_sha_256(""), Err(SecretError::Empty));
        assert_eq!(
            Secret::scram_sha_256_with("x", b"salt", 0),
            Err(SecretError::NoIterations)
        );
    }

    #[test]
    fn a_secret_ends_when_it_says() {
        let end = Duration::from_secs(1_800_000_000);
        let secret = Secret::md5("joe", "pencil").unwrap();
        assert!(!secret.has_expired(Duration::MAX));
        let secret = secret.valid_until(end);
        assert!(!secret.has_expired(end));
        assert!(secret.has_expired(end + Duration::from_micros(1)));
    }
}
