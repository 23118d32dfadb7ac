//! Looks at many bytes at once.

#[cfg(feature = "sqlite")]
use std::borrow::Cow;

/// Whether no byte is one of those; most texts have none, so it looks at many at once.
#[inline]
pub(crate) fn has_none(text: &[u8], special: impl Fn(u8) -> bool) -> bool {
    let none = |bytes: &[u8]| !bytes.iter().fold(false, |any, b| any | special(*b));
    match text.last_chunk::<64>() {
        Some(last) => text.as_chunks::<64>().0.iter().all(|chunk| none(chunk)) && none(last),
        None => none(text),
    }
}

/// The text that bytes are; what is not UTF-8 is replaced. Most text is ASCII, which is seen faster
/// than that the rest is UTF-8.
#[cfg(feature = "sqlite")]
#[inline]
pub(crate) fn lossy(bytes: &[u8]) -> Cow<'_, [u8]> {
    if has_none(bytes, |b| b >= 0x80) || std::str::from_utf8(bytes).is_ok() {
        return Cow::Borrowed(bytes);
    }
    Cow::Owned(String::from_utf8_lossy(bytes).into_owned().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_is_seen_wherever_it_stands() {
        for length in 0..200_usize {
            let mut text = vec![b'x'; length];
            assert!(has_none(&text, |b| b == b'y'));
            for at in 0..length {
                text[at] = b'y';
                assert!(!has_none(&text, |b| b == b'y'), "{at} of {length}");
                text[at] = b'x';
            }
        }
    }

    #[cfg(feature = "sqlite")]
    #[test]
    fn what_is_no_utf_8_is_replaced() {
        for at in [0, 63, 64, 99] {
            let text = |what: &[u8]| [&vec![b'x'; at], what, b"yz"].concat();
            for whole in ["", "a", "ä", "\u{10ffff}"] {
                let whole = text(whole.as_bytes());
                assert_eq!(lossy(&whole), whole);
            }
            assert_eq!(lossy(&text(b"\xff")), text("\u{fffd}".as_bytes()));
            assert_eq!(
                lossy(&text(b"\xed\xa0\x80")),
                text("\u{fffd}\u{fffd}\u{fffd}".as_bytes())
            );
        }
    }
}
