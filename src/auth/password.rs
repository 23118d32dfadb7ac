//! Methods `password` and `md5`: one question, one answer (`auth.c:CheckPasswordAuth`,
//! `CheckMD5Auth`).
#![warn(
    clippy::alloc_instead_of_core,
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core
)]

use alloc::vec::Vec;
use core::fmt;

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::auth::exchange::{Fault, Progress};
use crate::auth::secret::{Kind, Secret, md5_hex};
use crate::auth::{Verdict, WrongPassword};
use crate::error_response::{ErrorResponse, SqlState};
use crate::wire::password;

/// The password in clear is to come.
#[derive(Debug)]
pub(crate) struct Cleartext {
    pub(crate) user: Vec<u8>,
    pub(crate) secret: Secret,
    /// Whatever the password, it fails in the end.
    pub(crate) doomed: Option<WrongPassword>,
}

impl Cleartext {
    pub(crate) fn handle(&self, body: &[u8]) -> Result<Progress, Fault> {
        let right = self.secret.is_of(&self.user, text(body)?);
        match (Verdict::from_choice(right), self.doomed) {
            (Some(verdict), None) => Ok(Progress::Accept(verdict, None)),
            (_, Some(why)) => Err(Fault::Password(why)),
            (None, None) => Err(Fault::Password(WrongPassword::Mismatch)),
        }
    }
}

/// `md5` and the hash of the secret and our salt is to come.
pub(crate) struct Md5 {
    secret: Zeroizing<[u8; 32]>,
    salt: [u8; 4],
}

impl fmt::Debug for Md5 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Md5").finish_non_exhaustive()
    }
}

impl Md5 {
    /// A secret of the right kind, or `None`.
    pub(crate) fn new(secret: &Secret, salt: [u8; 4]) -> Option<Self> {
        match secret.kind() {
            Kind::Md5(hex) => Some(Self {
                secret: hex.clone(),
                salt,
            }),
            Kind::Scram(_) => None,
        }
    }

    pub(crate) fn handle(&self, body: &[u8]) -> Result<Progress, Fault> {
        let hex = md5_hex(&[self.secret.as_ref(), &self.salt]);
        let mut wanted = [0; 35];
        for (to, from) in wanted.iter_mut().zip(b"md5".iter().chain(hex.iter())) {
            *to = *from;
        }
        Verdict::from_choice(wanted.ct_eq(text(body)?))
            .map(|verdict| Progress::Accept(verdict, None))
            .ok_or(Fault::Password(WrongPassword::Mismatch))
    }
}

fn text(body: &[u8]) -> Result<&[u8], Fault> {
    let text = password::password(body).ok_or_else(|| {
        Fault::Protocol(ErrorResponse::fatal(
            SqlState::PROTOCOL_VIOLATION,
            "invalid password packet size",
        ))
    })?;
    if text.is_empty() {
        return Err(Fault::Protocol(ErrorResponse::fatal(
            SqlState::INVALID_PASSWORD,
            "empty password returned by client",
        )));
    }
    Ok(text)
}
