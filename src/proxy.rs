//! The PROXY protocol, versions 1 and 2 (HAProxy's `proxy-protocol.txt`): who the client of a
//! proxy is.
//!
//! Only what comes from a proxy's address is read as a header, and from there it has to be one.

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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proxy_header::{ProxiedAddress, SslInfo, Tlv};

    use super::*;

    fn step() -> ProxyStep {
        ProxyStep::new("192.0.2.250:40000".parse().unwrap())
    }

    fn at_once(bytes: &[u8]) -> Result<Option<Proxied>, Malformed> {
        let mut wire = bytes;
        let got = step().receive(&mut wire);
        if matches!(got, Ok(Some(_))) {
            assert_eq!(wire, &bytes[bytes.len() - wire.len()..]);
        }
        got
    }

    fn version_2(command: u8, family: u8, body: &[u8]) -> Vec<u8> {
        let mut header = SIGNATURE.to_vec();
        header.extend_from_slice(&[command, family]);
        header.extend_from_slice(&u16::try_from(body.len()).unwrap().to_be_bytes());
        header.extend_from_slice(body);
        header
    }

    const TCP4: [u8; 12] = [203, 0, 113, 7, 192, 0, 2, 1, 0xd4, 0x31, 0x15, 0x38];

    fn with_fields() -> Vec<u8> {
        let mut tls = SslInfo::new(true, true, false, 0);
        tls.append_tlv(Tlv::SslVersion("TLSv1.3".into()));
        tls.append_tlv(Tlv::SslCn("alice".into()));
        let address = ProxiedAddress::stream(
            "[2001:db8::7]:54321".parse().unwrap(),
            "[2001:db8::1]:5432".parse().unwrap(),
        );
        let fields = [
            Tlv::Alpn(b"postgresql"[..].into()),
            Tlv::Authority("db.example".into()),
            Tlv::UniqueId(b"\x01\x02"[..].into()),
            Tlv::Ssl(tls),
            Tlv::Custom(0xea, b"vpce-1"[..].into()),
        ];
        let mut bytes = Vec::new();
        ProxyHeader::with_tlvs(Some(address), fields)
            .encode_v2(&mut bytes)
            .unwrap();
        bytes
    }

    #[test]
    fn both_versions_name_the_client() {
        let line = b"PROXY TCP4 203.0.113.7 192.0.2.1 54321 5432\r\n";
        for header in [line.to_vec(), version_2(0x21, 0x11, &TCP4)] {
            let proxied = at_once(&header).unwrap().unwrap();
            assert_eq!(proxied.client(), Some("203.0.113.7:54321".parse().unwrap()));
            assert_eq!(
                proxied.destination(),
                Some("192.0.2.1:5432".parse().unwrap())
            );
            assert_eq!(proxied.proxy(), "192.0.2.250:40000".parse().unwrap());
            assert_eq!(proxied.tls(), None);
        }
    }

    #[test]
    fn facts_are_kept() {
        let proxied = at_once(&with_fields()).unwrap().unwrap();
        assert_eq!(
            proxied.client(),
            Some("[2001:db8::7]:54321".parse().unwrap())
        );
        assert_eq!(proxied.alpn(), Some(&b"postgresql"[..]));
        assert_eq!(proxied.authority(), Some("db.example"));
        assert_eq!(proxied.unique_id(), Some(&[1, 2][..]));
        assert_eq!(proxied.network_namespace(), None);
        assert_eq!(proxied.field(0xea), Some(b"vpce-1".to_vec()));
        assert_eq!(proxied.field(0xeb), None);
        let tls = proxied.tls().unwrap();
        assert!(tls.encrypted && tls.certificate && tls.verified);
        assert_eq!(tls.version.as_deref(), Some("TLSv1.3"));
        assert_eq!(tls.common_name.as_deref(), Some("alice"));
        assert_eq!(tls.cipher, None);
    }

    fn with_checksum() -> Vec<u8> {
        let fields = [
            &[4, 0, 2, 0, 0][..],
            &[3, 0, 4, 0, 0, 0, 0],
            &[2, 0, 1, b'x'],
        ]
        .concat();
        let mut header = version_2(0x21, 0x11, &[&TCP4[..], &fields].concat());
        let checksum = CRC32C.checksum(&header).to_be_bytes();
        header[36..40].copy_from_slice(&checksum);
        header
    }

    #[test]
    fn a_checksum_is_checked() {
        // The check value of RFC 3720, B.4: 32 bytes of zeros.
        assert_eq!(CRC32C.checksum(&[0; 32]), 0x8a91_36aa);
        let header = with_checksum();
        let proxied = at_once(&header).unwrap().unwrap();
        assert_eq!(proxied.client(), Some("203.0.113.7:54321".parse().unwrap()));
        assert_eq!(proxied.authority(), Some("x"));
        for at in HEAD..header.len() {
            let mut wrong = header.clone();
            wrong[at] ^= 0x10;
            // But where it is the field's own type that is lost.
            let kept = at_once(&wrong).is_ok();
            assert_eq!(kept, wrong[33] != 3, "byte {at}");
        }
        // For each family; and what the proxy says for itself is not looked at.
        let checksum = [3, 0, 4, 1, 2, 3, 4];
        for (family, addresses) in [(0x00, 0), (0x11, 12), (0x21, 36), (0x31, 216)] {
            let body = [&vec![0; addresses][..], &checksum].concat();
            assert_eq!(at_once(&version_2(0x21, family, &body)), Err(Malformed));
            assert!(at_once(&version_2(LOCAL, family, &body)).is_ok());
        }
    }

    #[test]
    fn a_proxy_that_names_nobody_stands_for_itself() {
        for header in [
            b"PROXY UNKNOWN\r\n".to_vec(),
            b"PROXY UNKNOWN ffff::1 \xff garbage 1 2\r\n".to_vec(),
            version_2(LOCAL, 0x00, b""),
            // What a LOCAL header goes on to say is not looked at.
            version_2(LOCAL, 0x11, &TCP4),
            version_2(LOCAL, 0xff, b"garbage"),
            version_2(0x21, 0x00, b""),
            version_2(0x21, 0x31, &[0; 216]),
        ] {
            let proxied = at_once(&header).unwrap().unwrap();
            assert_eq!((proxied.client(), proxied.destination()), (None, None));
        }
    }

    #[test]
    fn what_is_no_header_is_known_by_its_first_wrong_byte() {
        for (bytes, enough) in [
            (&b"\0\0\0\x08\x04\xd2\x16\x2f"[..], 1),
            (b"\x16\x03\x01", 1),
            (b"GET / HTTP/1.1\r\n", 1),
            (b"PROXY_UNKNOWN\r\n", 6),
            (b"PROXX", 5),
            (b"\r\n\r\n\0\r\nQUIX", 11),
        ] {
            let mut step = step();
            let at = bytes
                .iter()
                .position(|b| step.receive(&mut &[*b][..]).is_err());
            assert_eq!(at, Some(enough - 1), "{bytes:?}");
        }
    }

    #[test]
    fn malformed_headers_are_refused() {
        let mut long = b"PROXY UNKNOWN ".to_vec();
        long.resize(MAX_LINE, b'x');
        let mut cases: Vec<Vec<u8>> = [
            &b"PROXY TCP4 203.0.113.7 192.0.2.1 54321 5432\n"[..],
            b"PROXY TCP4 203.0.113.7 192.0.2.1 54321\r\n",
            b"PROXY TCP4 203.0.113.7 192.0.2.1 54321 +5432\r\n",
            b"PROXY TCP4 203.0.113.7 192.0.2.1 54321 65536\r\n",
            b"PROXY TCP4 203.0.113.7 192.0.2.1 54321 5432 \r\n",
            b"PROXY TCP4 ::1 ::1 54321 5432\r\n",
            b"PROXY TCP6 203.0.113.7 192.0.2.1 54321 5432\r\n",
            b"PROXY TCP4 203.0.113.7  54321 5432\r\n",
            b"PROXY UDP4 203.0.113.7 192.0.2.1 54321 5432\r\n",
            b"PROXY \r\n",
            b"PROXY\r\n",
        ]
        .iter()
        .map(|line| line.to_vec())
        .collect();
        cases.extend([
            long,
            // The wrong version, the wrong command, datagrams, no such family.
            version_2(0x11, 0x11, &TCP4),
            version_2(0x22, 0x11, &TCP4),
            version_2(0x21, 0x12, &TCP4),
            version_2(0x21, 0x41, &TCP4),
            // Addresses cut short.
            version_2(0x21, 0x11, &TCP4[..11]),
            version_2(0x21, 0x21, &TCP4),
            version_2(0x21, 0x31, &TCP4),
            // Fields that do not fit.
            version_2(0x21, 0x11, &[&TCP4[..], &[1, 0]].concat()),
            version_2(0x21, 0x11, &[&TCP4[..], &[1, 0, 9, b'x']].concat()),
            version_2(0x21, 0x11, &[&TCP4[..], &[2, 0, 1, 0xff]].concat()),
            version_2(0x21, 0x11, &[&TCP4[..], &[0x20, 0, 2, 1, 0]].concat()),
            version_2(
                0x21,
                0x11,
                &[&TCP4[..], &[0x20, 0, 7, 1, 0, 0, 0, 0, 0x21, 0]].concat(),
            ),
            version_2(0x21, 0x00, &vec![0; MAX_BODY + 1]),
        ]);
        for bytes in cases {
            let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(60)]).into_owned();
            assert_eq!(at_once(&bytes), Err(Malformed), "{shown:?}");
        }
    }

    #[test]
    fn any_split_reads_the_same_and_takes_nothing_of_what_follows() {
        for header in [
            b"PROXY TCP6 2001:db8::7 2001:db8::1 54321 5432\r\n".to_vec(),
            version_2(0x21, 0x11, &TCP4),
            version_2(LOCAL, 0, b""),
            with_fields(),
            with_checksum(),
        ] {
            let whole = at_once(&header).unwrap();
            let mut bytes = header.clone();
            bytes.extend_from_slice(b"\r\nPROXY behind");
            for cut in 0..bytes.len() {
                let mut step = step();
                let (mut head, mut tail) = bytes.split_at(cut);
                let mut got = step.receive(&mut head).unwrap();
                if got.is_none() {
                    assert_eq!(head, b"");
                    got = step.receive(&mut tail).unwrap();
                }
                assert_eq!(got, whole);
                assert_eq!(head.len() + tail.len(), bytes.len() - header.len());
            }
        }
    }

    proptest! {
        #[test]
        fn no_bytes_break_it(
            prefix in prop::sample::select(vec![&b""[..], LINE, b"PROXY TCP4 ", SIGNATURE]),
            bytes in prop::collection::vec(any::<u8>(), 0..300),
        ) {
            let bytes = [prefix, &bytes].concat();
            let whole = at_once(&bytes);
            let mut step = step();
            let mut wire = bytes.as_slice();
            let mut got = Ok(None);
            while let (Ok(None), Some((mut one, rest))) = (&got, wire.split_at_checked(1)) {
                got = step.receive(&mut one);
                wire = rest;
            }
            prop_assert_eq!(got, whole);
        }
    }
}
