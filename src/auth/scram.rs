//! SCRAM-SHA-256 and SCRAM-SHA-256-PLUS, the server's side (RFC 5802, RFC 7677; `auth-scram.c`).
//!
//! Messages in, messages out. The secret, the nonce and the certificate's hash come from outside.
#![warn(
    clippy::alloc_instead_of_core,
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core
)]

use alloc::{format, string::String, vec::Vec};

use base64ct::{Base64, Encoding};
use subtle::ConstantTimeEq;

use crate::auth::exchange::{Fault, Progress};
use crate::auth::lookup::Challenge;
use crate::auth::secret::{ScramKeys, decode_key, hmac, sha256};
use crate::auth::{Verdict, WrongPassword};
use crate::error_response::{ErrorResponse, SqlState};
use crate::wire::reply::Reply;
use crate::wire::{Malformed, password};

/// The mechanism with channel binding.
pub(crate) const PLUS: &str = "SCRAM-SHA-256-PLUS";
/// The mechanism without.
pub(crate) const PLAIN: &str = "SCRAM-SHA-256";
/// The one kind of channel binding (RFC 5929).
const BINDING: &str = "tls-server-end-point";
/// SCRAM_RAW_NONCE_LEN of PostgreSQL.
pub(crate) const NONCE: usize = 18;

/// One exchange.
#[derive(Debug)]
pub(crate) struct Scram {
    keys: ScramKeys,
    /// Whatever the client proves, it fails in the end.
    doomed: Option<WrongPassword>,
    nonce: [u8; NONCE],
    /// What the channel is bound to; with it -PLUS is offered.
    end_point: Option<Vec<u8>>,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    /// SASLInitialResponse is to come.
    Mechanism,
    /// client-first is to come.
    First { plus: bool },
    /// client-final is to come.
    Final(Final),
}

#[derive(Debug)]
struct Final {
    /// What `c=` has to be, and whether it has a certificate's hash in it.
    binding: String,
    plus: bool,
    /// The client's and ours.
    nonce: String,
    /// AuthMessage up to client-final.
    signed: Vec<u8>,
}

impl Scram {
    /// With keys to judge by. If it is doomed they only have to look like keys.
    pub(crate) fn new(
        keys: ScramKeys,
        doomed: Option<WrongPassword>,
        challenge: &Challenge,
        end_point: Option<Vec<u8>>,
    ) -> Self {
        Self {
            keys,
            doomed,
            nonce: challenge.nonce,
            end_point,
            stage: Stage::Mechanism,
        }
    }

    /// The mechanisms there are.
    pub(crate) fn question(&self) -> Reply {
        Reply::AuthenticationSasl {
            plus: self.end_point.is_some(),
        }
    }

    pub(crate) fn handle(&mut self, body: &[u8]) -> Result<Progress, Fault> {
        match &self.stage {
            Stage::Mechanism => {
                let (name, rest) = password::mechanism(body).map_err(|e| framing(&e))?;
                let plus = if name == PLUS.as_bytes() && self.end_point.is_some() {
                    true
                } else if name == PLAIN.as_bytes() {
                    false
                } else {
                    return Err(violation(
                        "client selected an invalid SASL authentication mechanism",
                    ));
                };
                self.stage = Stage::First { plus };
                match password::initial_data(rest).map_err(|e| framing(&e))? {
                    None => Ok(Progress::Ask(Reply::AuthenticationSaslContinue(Vec::new()))),
                    Some(data) => self.first(plus, data),
                }
            }
            Stage::First { plus } => self.first(*plus, body),
            Stage::Final(expected) => {
                let (proof, unproved) = expected.read(whole(body)?)?;
                let (verdict, signature) = self.judge(&expected.signed, unproved, &proof);
                match (verdict, self.doomed) {
                    (Some(verdict), None) => Ok(Progress::Accept(
                        verdict,
                        Some(Reply::AuthenticationSaslFinal(
                            format!("v={}", Base64::encode_string(&signature)).into_bytes(),
                        )),
                    )),
                    (_, Some(why)) => Err(Fault::Password(why)),
                    (None, None) => Err(Fault::Password(WrongPassword::Mismatch)),
                }
            }
        }
    }

    /// Takes client-first, gives server-first.
    fn first(&mut self, plus: bool, message: &[u8]) -> Result<Progress, Fault> {
        let mut rest = Attributes(whole(message)?);
        let flag = rest.peek();
        let gs2 = match (flag, plus) {
            (b'n' | b'y', true) => {
                return Err(malformed(
                    "The client selected SCRAM-SHA-256-PLUS, but the SCRAM message does not include channel binding data.",
                ));
            }
            (b'y', false) if self.end_point.is_some() => return Err(downgrade()),
            (b'n' | b'y', false) => {
                rest.skip(1);
                if rest.peek() != b',' {
                    let found = shown(rest.peek());
                    return Err(malformed(format!(
                        "Comma expected, but found character \"{found}\"."
                    )));
                }
                rest.skip(1);
                if flag == b'n' { "n,," } else { "y,," }
            }
            (b'p', false) => {
                return Err(malformed(
                    "The client selected SCRAM-SHA-256 without channel binding, but the SCRAM message includes channel binding data.",
                ));
            }
            (b'p', true) => {
                let kind = rest.value(b'p')?;
                if kind != BINDING.as_bytes() {
                    let kind = shown_text(kind);
                    return Err(violation(format!(
                        "unsupported SCRAM channel-binding type \"{kind}\""
                    )));
                }
                "p=tls-server-end-point,,"
            }
            (other, _) => {
                return Err(malformed(format!(
                    "Unexpected channel-binding flag \"{}\".",
                    shown(other)
                )));
            }
        };
        match rest.peek() {
            b',' => rest.skip(1),
            b'a' => {
                return Err(unsupported(
                    "client uses authorization identity, but it is not supported",
                ));
            }
            other => {
                return Err(malformed(format!(
                    "Unexpected attribute \"{}\" in client-first-message.",
                    shown(other)
                )));
            }
        }
        let bare = rest.0;
        if rest.peek() == b'm' {
            return Err(unsupported(
                "client requires an unsupported SCRAM extension",
            ));
        }
        // The name in the StartupMessage counts, not this one.
        rest.value(b'n')?;
        let client = rest.value(b'r')?;
        let printable = |b: &u8| (0x21..=0x7e).contains(b) && *b != b',';
        let client = core::str::from_utf8(client)
            .ok()
            .filter(|nonce| nonce.bytes().all(|b| printable(&b)))
            .ok_or_else(|| violation("non-printable characters in SCRAM nonce"))?;
        while !rest.0.is_empty() {
            rest.any()?;
        }

        let nonce = format!("{client}{}", Base64::encode_string(&self.nonce));
        let server_first = format!(
            "r={nonce},s={},i={}",
            Base64::encode_string(&self.keys.salt),
            self.keys.iterations
        );
        let mut bound = Vec::from(gs2);
        if plus {
            bound.extend_from_slice(self.end_point.as_deref().unwrap_or_default());
        }
        self.stage = Stage::Final(Final {
            binding: Base64::encode_string(&bound),
            plus,
            nonce,
            signed: [bare, b",", server_first.as_bytes(), b","].concat(),
        });
        Ok(Progress::Ask(Reply::AuthenticationSaslContinue(
            server_first.into_bytes(),
        )))
    }

    /// Whether the proof is right, and what proves the server to the client. The work is the same
    /// whatever comes out.
    fn judge(
        &self,
        signed: &[u8],
        unproved: &[u8],
        proof: &[u8; 32],
    ) -> (Option<Verdict>, [u8; 32]) {
        let message = [signed, unproved];
        let mut client_key = hmac(&self.keys.stored_key, &message);
        for (byte, proved) in client_key.iter_mut().zip(proof) {
            *byte ^= proved;
        }
        let right = sha256(client_key.as_ref()).ct_eq(self.keys.stored_key.as_ref());
        let signature = *hmac(&self.keys.server_key, &message);
        (Verdict::from_choice(right), signature)
    }
}

impl Final {
    /// Takes client-final apart: the proof, and all that stands before it.
    fn read<'a>(
        &self,
        message: &'a [u8],
    ) -> Result<(zeroize::Zeroizing<[u8; 32]>, &'a [u8]), Fault> {
        let mut rest = Attributes(message);
        let binding = rest.value(b'c')?;
        if binding != self.binding.as_bytes() {
            return Err(if self.plus {
                Fault::Protocol(ErrorResponse::fatal(
                    SqlState::INVALID_AUTHORIZATION_SPECIFICATION,
                    "SCRAM channel binding check failed",
                ))
            } else {
                violation("unexpected SCRAM channel-binding attribute in client-final-message")
            });
        }
        let nonce = rest.value(b'r')?;
        let (unproved, proof) = loop {
            // Behind the comma that ended the attribute before.
            let before = message.len().saturating_sub(rest.0.len());
            let (name, value) = rest.any()?;
            if name == b'p' {
                let unproved = message.get(..before.saturating_sub(1)).unwrap_or_default();
                break (unproved, value);
            }
        };
        let proof = core::str::from_utf8(proof)
            .ok()
            .and_then(decode_key)
            .ok_or_else(|| malformed("Malformed proof in client-final-message."))?;
        if !rest.0.is_empty() {
            return Err(malformed(
                "Garbage found at the end of client-final-message.",
            ));
        }
        if nonce != self.nonce.as_bytes() {
            return Err(Fault::Protocol(
                ErrorResponse::fatal(SqlState::PROTOCOL_VIOLATION, "invalid SCRAM response")
                    .with_detail("Nonce does not match."),
            ));
        }
        Ok((proof, unproved))
    }
}

/// The attributes of a message that are not read yet: `letter=value`, parted by commas.
struct Attributes<'a>(&'a [u8]);

impl<'a> Attributes<'a> {
    /// The next byte, 0 at the end: a zero byte inside was refused before.
    fn peek(&self) -> u8 {
        self.0.first().copied().unwrap_or(0)
    }

    fn skip(&mut self, n: usize) {
        self.0 = self.0.get(n..).unwrap_or_default();
    }

    /// The value of this attribute, which must come next.
    fn value(&mut self, name: u8) -> Result<&'a [u8], Fault> {
        if self.peek() != name {
            return Err(malformed(format!(
                "Expected attribute \"{}\" but found \"{}\".",
                char::from(name),
                shown(self.peek())
            )));
        }
        self.rest_of(name)
    }

    /// The next attribute, whichever it is.
    fn any(&mut self) -> Result<(u8, &'a [u8]), Fault> {
        let name = self.peek();
        if self.0.is_empty() {
            return Err(malformed("Attribute expected, but found end of string."));
        }
        if !name.is_ascii_alphabetic() {
            return Err(malformed(format!(
                "Attribute expected, but found invalid character \"{}\".",
                shown(name)
            )));
        }
        Ok((name, self.rest_of(name)?))
    }

    fn rest_of(&mut self, name: u8) -> Result<&'a [u8], Fault> {
        self.skip(1);
        if self.peek() != b'=' {
            return Err(malformed(format!(
                "Expected character \"=\" for attribute \"{}\".",
                char::from(name)
            )));
        }
        self.skip(1);
        let mut parts = self.0.splitn(2, |b| *b == b',');
        let value = parts.next().unwrap_or_default();
        self.0 = parts.next().unwrap_or_default();
        Ok(value)
    }
}

fn whole(message: &[u8]) -> Result<&[u8], Fault> {
    if message.is_empty() {
        Err(malformed("The message is empty."))
    } else if message.contains(&0) {
        Err(malformed("Message length does not match input length."))
    } else {
        Ok(message)
    }
}

/// A byte as PostgreSQL shows it.
fn shown(byte: u8) -> String {
    if (0x21..=0x7e).contains(&byte) {
        format!("'{}'", char::from(byte))
    } else {
        format!("0x{byte:02x}")
    }
}

/// Of a text, 30 bytes at most, and nothing that does not print.
fn shown_text(text: &[u8]) -> String {
    text.iter()
        .take(30)
        .map(|b| match b {
            0x21..=0x7e => char::from(*b),
            _ => '?',
        })
        .collect()
}

fn violation(message: impl Into<alloc::borrow::Cow<'static, str>>) -> Fault {
    Fault::Protocol(ErrorResponse::fatal(SqlState::PROTOCOL_VIOLATION, message))
}

fn malformed(detail: impl Into<alloc::borrow::Cow<'static, str>>) -> Fault {
    Fault::Protocol(
        ErrorResponse::fatal(SqlState::PROTOCOL_VIOLATION, "malformed SCRAM message")
            .with_detail(detail),
    )
}

fn unsupported(message: &'static str) -> Fault {
    Fault::Protocol(ErrorResponse::fatal(
        SqlState::FEATURE_NOT_SUPPORTED,
        message,
    ))
}

/// The client can bind channels and was made to believe that the server cannot.
fn downgrade() -> Fault {
    Fault::Protocol(
        ErrorResponse::fatal(
            SqlState::INVALID_AUTHORIZATION_SPECIFICATION,
            "SCRAM channel binding negotiation error",
        )
        .with_detail(
            "The client supports SCRAM channel binding but thinks the server does not.  However, this server does support channel binding.",
        ),
    )
}

fn framing(why: &Malformed) -> Fault {
    violation(match why {
        Malformed::Slack => "invalid message format",
        Malformed::Truncated => "insufficient data left in message",
        Malformed::Unterminated => "invalid string in message",
    })
}
