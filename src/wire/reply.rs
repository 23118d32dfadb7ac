//! What the server answers before the session begins.

use alloc::vec::Vec;

use crate::auth::Authenticated;
use crate::login::ProtocolVersion;
use crate::wire;

/// One answer of the server, as a value; [`Reply::put`] alone knows its bytes.
#[derive(Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Reply {
    /// `S`: TLS may begin.
    AcceptTls,
    /// `R` 0: the login is done. Only a verifier can make its proof.
    AuthenticationOk(Authenticated),
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
            Self::AuthenticationOk(_) => out.extend_from_slice(b"R\0\0\0\x08\0\0\0\0"),
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
