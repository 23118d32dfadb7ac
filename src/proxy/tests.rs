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
