//! SASLprep (RFC 4013), as PostgreSQL applies it. It is needed only where a server holds a
//! password in clear: when a secret is made, and under the method `password`.

use alloc::borrow::Cow;
use alloc::vec::Vec;

use zeroize::Zeroizing;

/// The password in normal form, or as it is where there is none: it is not UTF-8, or has
/// characters that are forbidden, or none are left (`saslprep.c:pg_saslprep`).
pub(crate) fn prepare(password: &[u8]) -> Zeroizing<Vec<u8>> {
    let prepared = core::str::from_utf8(password)
        .ok()
        .and_then(|text| stringprep::saslprep(text).ok());
    Zeroizing::new(match prepared {
        Some(Cow::Owned(text)) if !text.is_empty() => text.into_bytes(),
        Some(Cow::Borrowed(_) | Cow::Owned(_)) | None => password.to_vec(),
    })
}
