//! Packets as clients send them, and worse.

pub(crate) const SSL: &[u8] = b"\0\0\0\x08\x04\xd2\x16\x2f";
pub(crate) const GSS: &[u8] = b"\0\0\0\x08\x04\xd2\x16\x30";
pub(crate) const V3_0: u32 = 0x0003_0000;

/// A packet of this code, with an honest length word.
pub(crate) fn packet(code: u32, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 8).unwrap();
    [&length.to_be_bytes()[..], &code.to_be_bytes(), body].concat()
}

/// A packet of a protocol version.
pub(crate) fn of_version(major: u16, minor: u16, body: &[u8]) -> Vec<u8> {
    packet(u32::from(major) << 16 | u32::from(minor), body)
}

/// A StartupMessage 3.0 with this body, terminators and all.
pub(crate) fn startup(body: &str) -> Vec<u8> {
    packet(V3_0, body.as_bytes())
}

/// The StartupMessage of alice.
pub(crate) fn alice() -> Vec<u8> {
    startup("user\0alice\0\0")
}

pub(crate) fn cancel(key: &[u8]) -> Vec<u8> {
    packet(80_877_102, &[b"\0\0\0\x07", key].concat())
}
