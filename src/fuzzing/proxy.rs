//! PROXY protocol headers.

use crate::proxy::ProxyStep;

/// A header reads the same whole and byte by byte, and takes nothing of what follows it; whatever
/// it says can be asked for.
pub fn proxy(input: &[u8]) {
    let step = || ProxyStep::new(([192, 0, 2, 250], 40_000).into());
    let mut rest = input;
    let whole = step().receive(&mut rest);

    let mut bytewise = step();
    let mut taken = 0;
    let mut got = Ok(None);
    for byte in input.chunks(1) {
        let mut one = byte;
        got = bytewise.receive(&mut one);
        taken += 1 - one.len();
        if !matches!(got, Ok(None)) {
            break;
        }
    }
    assert_eq!(got, whole);
    if let Ok(Some(proxied)) = &whole {
        assert_eq!(taken, input.len() - rest.len());
        let _ = (proxied.client(), proxied.destination(), proxied.tls());
        let _ = (proxied.alpn(), proxied.authority(), proxied.unique_id());
        let _ = proxied.network_namespace();
        for kind in 0..=u8::MAX {
            let _ = proxied.field(kind);
        }
    }
}
