//! What the server answers before the session begins.

use alloc::vec::Vec;

use crate::auth::{Authenticated, scram};
use crate::login::ProtocolVersion;
use crate::wire;

/// One answer of the server, as a value; [`Reply::put`] alone knows its bytes.
#[derive(Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Reply {
    /// `S`: TLS may begin.
    AcceptTls,
    /// `R` 3: the password in clear, please.
    AuthenticationCleartextPassword,
    /// `R` 5: the password hashed with this salt.
    AuthenticationMd5Password {
        /// The salt.
        salt: [u8; 4],
    },
    /// `R` 0: the login is done. Only a verifier can make its proof.
    AuthenticationOk(Authenticated),
    /// `R` 10: SCRAM-SHA-256, and whether SCRAM-SHA-256-PLUS too.
    AuthenticationSasl {
        /// With channel binding, which comes first then.
        plus: bool,
    },
    /// `R` 11: the exchange goes on with this.
    AuthenticationSaslContinue(Vec<u8>),
    /// `R` 12: the server's proof. It leaves together with `R` 0.
    AuthenticationSaslFinal(Vec<u8>),
    /// `v`: NegotiateProtocolVersion.
    NegotiateProtocolVersion {
        /// The version to go on with.
        version: ProtocolVersion,
        /// The `_pq_.` options that are not known, in the order received.
        options: Vec<Vec<u8>>,
    },
    /// `N`: no GSSAPI encryption.
    RefuseGssEnc,
    /// `N`: no TLS.
    RefuseTls,
}

impl Reply {
    /// Appends the reply's bytes.
    pub fn put(&self, out: &mut Vec<u8>) {
        match self {
            Self::AcceptTls => out.push(b'S'),
            Self::RefuseGssEnc | Self::RefuseTls => out.push(b'N'),
            Self::AuthenticationCleartextPassword => put_authentication(out, 3, &[]),
            Self::AuthenticationMd5Password { salt } => put_authentication(out, 5, &[salt]),
            Self::AuthenticationOk(_) => put_authentication(out, 0, &[]),
            Self::AuthenticationSasl { plus: true } => {
                let names = [
                    scram::PLUS.as_bytes(),
                    b"\0",
                    scram::PLAIN.as_bytes(),
                    b"\0\0",
                ];
                put_authentication(out, 10, &names);
            }
            Self::AuthenticationSasl { plus: false } => {
                put_authentication(out, 10, &[scram::PLAIN.as_bytes(), b"\0\0"]);
            }
            Self::AuthenticationSaslContinue(data) => put_authentication(out, 11, &[data]),
            Self::AuthenticationSaslFinal(data) => put_authentication(out, 12, &[data]),
            Self::NegotiateProtocolVersion { version, options } => {
                let fits = wire::put_message(out, b'v', |out| {
                    out.extend_from_slice(&version.code());
                    let count = u32::try_from(options.len()).unwrap_or(u32::MAX);
                    out.extend_from_slice(&count.to_be_bytes());
                    for name in options {
                        wire::put_cstr(out, name);
                    }
                });
                // The names came in one packet of at most 10 004 bytes.
                debug_assert!(fits.is_ok());
            }
        }
    }
}

fn put_authentication(out: &mut Vec<u8>, kind: u32, data: &[&[u8]]) {
    let fits = wire::put_message(out, b'R', |out| {
        out.extend_from_slice(&kind.to_be_bytes());
        for part in data {
            out.extend_from_slice(part);
        }
    });
    // What is sent answers a message of at most 1024 bytes.
    debug_assert!(fits.is_ok());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_have_the_bytes_of_the_protocol() {
        for (reply, bytes) in [
            (Reply::AcceptTls, &b"S"[..]),
            (Reply::RefuseTls, b"N"),
            (Reply::RefuseGssEnc, b"N"),
            (
                Reply::AuthenticationCleartextPassword,
                b"R\0\0\0\x08\0\0\0\x03",
            ),
            (
                Reply::AuthenticationMd5Password { salt: *b"salt" },
                b"R\0\0\0\x0c\0\0\0\x05salt",
            ),
            (
                Reply::AuthenticationSasl { plus: true },
                b"R\0\0\0\x2a\0\0\0\x0aSCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0",
            ),
            (
                Reply::AuthenticationSasl { plus: false },
                b"R\0\0\0\x17\0\0\0\x0aSCRAM-SHA-256\0\0",
            ),
            (
                Reply::AuthenticationSaslContinue(b"r=x".to_vec()),
                b"R\0\0\0\x0b\0\0\0\x0br=x",
            ),
            (
                Reply::AuthenticationSaslFinal(b"v=x".to_vec()),
                b"R\0\0\0\x0b\0\0\0\x0cv=x",
            ),
            (
                Reply::NegotiateProtocolVersion {
                    version: ProtocolVersion::V3_2,
                    options: Vec::from([b"_pq_.a".to_vec(), b"_pq_.".to_vec()]),
                },
                b"v\0\0\0\x19\0\x03\0\x02\0\0\0\x02_pq_.a\0_pq_.\0",
            ),
        ] {
            let mut out = Vec::new();
            reply.put(&mut out);
            assert_eq!(out, bytes, "{reply:?}");
        }
    }
}
