//! The PROXY protocol, versions 1 and 2 (HAProxy's `proxy-protocol.txt`): who the client of a
//! proxy is.
//!
//! Only what comes from a proxy's address is read as a header, and from there it has to be one.

#[cfg(test)]
mod tests;

use std::net::SocketAddr;

use crc::{CRC_32_ISCSI, Crc};
use proxy_header::{ParseConfig, Protocol, ProxyHeader};

/// Version 1 is one line of at most this many bytes, its end included (§2.1).
const MAX_LINE: usize = 107;
const LINE: &[u8] = b"PROXY ";
/// Version 2 begins so (§2.2).
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
/// Signature, version and command, family, length.
const HEAD: usize = 16;
/// What follows the head of version 2, at most: addresses, and facts such as a client's
/// certificate.
const MAX_BODY: usize = 16 * 1024;
/// Version 2, command LOCAL: the proxy speaks for itself.
const LOCAL: u8 = 0x20;

/// The type of the field with a checksum of the whole header (§2.2.3), and the length of its value.
const CHECKSUM: (u8, usize) = (0x03, 4);
/// Of RFC 4960, appendix B, as PROXY has it.
const CRC32C: Crc<u32> = Crc::<u32>::new(&CRC_32_ISCSI);

/// What a proxy said of its client.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Proxied {
    proxy: SocketAddr,
    header: ProxyHeader<'static>,
}

/// What a proxy said of the TLS between its client and itself (PP2_TYPE_SSL).
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct ProxiedTls {
    /// The client came over TLS.
    pub encrypted: bool,
    /// It presented a certificate, in this connection or the TLS session it resumed.
    pub certificate: bool,
    /// It presented one, and the proxy verified it.
    pub verified: bool,
    /// Such as `TLSv1.3`.
    pub version: Option<String>,
    /// The cipher suite, in the proxy's notation.
    pub cipher: Option<String>,
    /// The first common name of the certificate's subject.
    pub common_name: Option<String>,
}

impl Proxied {
    /// The proxy's own address.
    #[must_use]
    pub fn proxy(&self) -> SocketAddr {
        self.proxy
    }

    /// The client's address; `None` if the proxy speaks for itself (LOCAL, for health checks) or
    /// does not know it (UNKNOWN, or a Unix socket).
    #[must_use]
    pub fn client(&self) -> Option<SocketAddr> {
        self.header.proxied_address().map(|a| a.source)
    }

    /// The address that the client connected to.
    #[must_use]
    pub fn destination(&self) -> Option<SocketAddr> {
        self.header.proxied_address().map(|a| a.destination)
    }

    /// The protocol that client and proxy agreed on (PP2_TYPE_ALPN).
    #[must_use]
    pub fn alpn(&self) -> Option<&[u8]> {
        self.header.alpn()
    }

    /// The host name that the client asked for (PP2_TYPE_AUTHORITY).
    #[must_use]
    pub fn authority(&self) -> Option<&str> {
        self.header.authority()
    }

    /// The proxy's name for this connection (PP2_TYPE_UNIQUE_ID).
    #[must_use]
    pub fn unique_id(&self) -> Option<&[u8]> {
        self.header.unique_id()
    }

    /// The network namespace (PP2_TYPE_NETNS).
    #[must_use]
    pub fn network_namespace(&self) -> Option<&str> {
        self.header.netns()
    }

    /// The TLS between client and proxy (PP2_TYPE_SSL). It is hearsay: whether *this* connection
    /// is encrypted, and whom its certificate names, is decided by [`Login::tls`] alone.
    ///
    /// [`Login::tls`]: crate::Login::tls
    #[must_use]
    pub fn tls(&self) -> Option<ProxiedTls> {
        let ssl = self.header.ssl()?;
        let certificate = ssl.client_cert_conn() || ssl.client_cert_sess();
        Some(ProxiedTls {
            encrypted: ssl.client_ssl(),
            certificate,
            verified: certificate && ssl.verify() == 0,
            version: ssl.version().map(str::to_owned),
            cipher: ssl.cipher().map(str::to_owned),
            common_name: ssl.cn().map(str::to_owned),
        })
    }

    /// The first field of a type that has no method here, such as those of cloud providers (0xE0
    /// to 0xEF).
    #[must_use]
    pub fn field(&self, kind: u8) -> Option<Vec<u8>> {
        self.header.tlvs().find_map(|field| match field {
            Ok(proxy_header::Tlv::Custom(k, value)) if k == kind => Some(value.into_owned()),
            _ => None,
        })
    }
}

/// The bytes are no header.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Malformed;

/// Gathers a header, byte by byte if need be, and takes nothing of what follows it.
#[derive(Debug)]
pub(crate) struct ProxyStep {
    proxy: SocketAddr,
    header: Vec<u8>,
}

impl ProxyStep {
    pub(crate) fn new(proxy: SocketAddr) -> Self {
        Self {
            proxy,
            header: Vec::new(),
        }
    }

    /// Whether nothing came yet.
    pub(crate) fn is_empty(&self) -> bool {
        self.header.is_empty()
    }

    /// Takes from the front of `wire` what belongs to the header; the header, once it is whole.
    pub(crate) fn receive(&mut self, wire: &mut &[u8]) -> Result<Option<Proxied>, Malformed> {
        loop {
            let wanted = match self.wanted()? {
                0 => return self.parse().map(Some),
                wanted => wanted.min(wire.len()),
            };
            if wanted == 0 {
                return Ok(None);
            }
            let (taken, rest) = wire.split_at_checked(wanted).ok_or(Malformed)?;
            self.header.extend_from_slice(taken);
            *wire = rest;
        }
    }

    /// How many bytes are certainly still to come; 0 if it is whole.
    fn wanted(&self) -> Result<usize, Malformed> {
        let header = self.header.as_slice();
        let begins = |with: &[u8]| header.iter().zip(with).all(|(a, b)| a == b);
        if begins(LINE) && !header.is_empty() {
            return match header {
                [.., b'\n'] => Ok(0),
                _ if header.len() >= MAX_LINE => Err(Malformed),
                // One at a time: nobody knows where the line ends.
                _ => Ok(1),
            };
        }
        if !begins(SIGNATURE) {
            return Err(Malformed);
        }
        let whole = match header {
            [] => 1,
            [.., a, b] if header.len() == HEAD => {
                HEAD.saturating_add(usize::from(u16::from_be_bytes([*a, *b])))
            }
            _ if header.len() < HEAD => HEAD,
            _ => {
                let length = header.get(14..HEAD).ok_or(Malformed)?;
                let [a, b] = *length else {
                    return Err(Malformed);
                };
                HEAD.saturating_add(usize::from(u16::from_be_bytes([a, b])))
            }
        };
        if whole > HEAD.saturating_add(MAX_BODY) {
            return Err(Malformed);
        }
        Ok(whole.saturating_sub(header.len()))
    }

    fn parse(&mut self) -> Result<Proxied, Malformed> {
        let bytes = core::mem::take(&mut self.header);
        let header = match bytes.get(12) {
            // Whatever else it says is to be discarded (§2.2).
            Some(&LOCAL) if bytes.starts_with(SIGNATURE) => ProxyHeader::with_local(),
            Some(_) if bytes.starts_with(SIGNATURE) && !checksums_hold(&bytes) => {
                return Err(Malformed);
            }
            _ => whole(&bytes)?,
        };
        Ok(Proxied {
            proxy: self.proxy,
            header,
        })
    }
}

fn whole(bytes: &[u8]) -> Result<ProxyHeader<'static>, Malformed> {
    if let Some(line) = bytes.strip_prefix(LINE) {
        let line = line.strip_suffix(b"\r\n").ok_or(Malformed)?;
        let plain = |b: &u8| matches!(b, 0x20..=0x7e) && *b != b'+';
        if !line.starts_with(b"UNKNOWN") && !line.iter().all(plain) {
            return Err(Malformed);
        }
    }
    // On a whole header every error is final, "too short" too.
    let (header, length) =
        ProxyHeader::parse(bytes, ParseConfig::default()).map_err(|_| Malformed)?;
    let over_tcp = header
        .proxied_address()
        .is_none_or(|a| a.protocol == Protocol::Stream);
    let fields = header.tlvs().all(|field| field.is_ok());
    let nested = header.ssl().is_none_or(|ssl| ssl.tlvs().all(|f| f.is_ok()));
    if length == bytes.len() && over_tcp && fields && nested {
        Ok(header.into_owned())
    } else {
        Err(Malformed)
    }
}

/// Whether a header of version 2 has the checksum that it says it has, if it says one. Where a field
/// does not fit, there is no more to be checked.
fn checksums_hold(header: &[u8]) -> bool {
    let addresses = match header.get(13).map(|family| family >> 4) {
        Some(1) => 12,
        Some(2) => 36,
        Some(3) => 216,
        _ => 0,
    };
    let mut rest = header.get(HEAD + addresses..).unwrap_or_default();
    while let Some(([kind, a, b], fields)) = rest.split_first_chunk() {
        let length = usize::from(u16::from_be_bytes([*a, *b]));
        let Some((value, behind)) = fields.split_at_checked(length) else {
            return true;
        };
        if (*kind, length) == CHECKSUM {
            // Calculated with zeros in its own place.
            let before = header.len().saturating_sub(fields.len());
            let mut digest = CRC32C.digest();
            digest.update(header.get(..before).unwrap_or_default());
            digest.update(&[0; CHECKSUM.1]);
            digest.update(behind);
            if digest.finalize().to_be_bytes() != value {
                return false;
            }
        }
        rest = behind;
    }
    true
}
