//! What a client says while it is asked to prove itself.

use alloc::{format, string::String, vec::Vec};
use core::time::Duration;

use base64ct::{Base64, Encoding};

use crate::auth::exchange::{Fault, Progress};
use crate::auth::scram::{PLAIN, PLUS, Scram};
use crate::auth::secret::{Kind, ScramKeys, hmac, md5_hex, sha256};
use crate::auth::{AuthMethod, Challenge, Found, MockSecrets, Secret, WrongPassword};
use crate::connection::{Action, Answer, Connection};
use crate::policy::{Encryption, Rules};
use crate::wire::reply::Reply;

const USER: &str = "joe";
const PASSWORD: &str = "pencil";
/// The client key of that password with the salt `salt` and one iteration is computed from here.
const SALT: &[u8] = b"salt";

fn challenge() -> Challenge {
    Challenge::new(
        [9; Challenge::RANDOM],
        &MockSecrets::new([7; 32]).iterations(1),
    )
}

fn scram_secret() -> Secret {
    Secret::scram_sha_256_with(PASSWORD, SALT, 1).expect("a secret")
}

fn client_key() -> [u8; 32] {
    let mut salted = [0; 32];
    pbkdf2::pbkdf2_hmac::<sha2::Sha256>(PASSWORD.as_bytes(), SALT, 1, &mut salted);
    *hmac(&salted, &[b"Client Key"])
}

fn keys() -> ScramKeys {
    match scram_secret().kind() {
        Kind::Scram(keys) => keys.clone(),
        Kind::Md5(_) => panic!("it is a SCRAM secret"),
    }
}

/// A login in plaintext: a byte for the method, one for what the store says, one for where to cut,
/// then all that follows the StartupMessage.
pub fn login(input: &[u8]) {
    let [method, stored, cut, stream @ ..] = input else {
        return;
    };
    let method = [
        AuthMethod::Password,
        AuthMethod::Md5,
        AuthMethod::ScramSha256,
        AuthMethod::Trust,
        AuthMethod::Reject,
        AuthMethod::Cert,
    ][usize::from(method % 6)];
    let whole = run(method, *stored, [stream].into_iter());
    let (head, tail) = stream.split_at((usize::from(*cut) * 7).min(stream.len()));
    assert_eq!(whole, run(method, *stored, [head, tail].into_iter()));
    assert_eq!(whole, run(method, *stored, stream.chunks(1)));

    let (md5, scram) = (stored % 5 == 1, stored % 5 == 0);
    let is_in = whole.iter().any(|action| action == "in");
    let told = whole.iter().filter(|a| *a == "AuthenticationOk").count();
    assert_eq!(told, usize::from(is_in));
    let right = match method {
        AuthMethod::Trust => true,
        AuthMethod::Password if md5 || scram => {
            stream.starts_with(format!("p\0\0\0\x0b{PASSWORD}\0").as_bytes())
        }
        AuthMethod::Md5 if md5 => stream.starts_with(&md5_answer()),
        // Who finds a proof by chance has earned a look: see `scram`.
        AuthMethod::Md5 | AuthMethod::ScramSha256 if scram => is_in,
        _ => false,
    };
    assert_eq!(is_in, right);
}

fn md5_answer() -> Vec<u8> {
    let inner = md5_hex(&[PASSWORD.as_bytes(), USER.as_bytes()]);
    let outer = md5_hex(&[inner.as_ref(), &[9; 4]]);
    let mut answer = Vec::from(&b"p\0\0\0\x28md5"[..]);
    answer.extend_from_slice(outer.as_ref());
    answer.push(0);
    answer
}

/// What is done and said, with the stream in these pieces.
fn run<'a>(method: AuthMethod, stored: u8, pieces: impl Iterator<Item = &'a [u8]>) -> Vec<String> {
    let mut connection = Connection::new(Rules::new(Encryption::Unavailable));
    let mut input = Vec::from(&b"\0\0\0\x12\0\x03\0\0user\0joe\0\0"[..]);
    let mut story = Vec::new();
    let mut advance = |connection: &mut Connection, input: &mut Vec<u8>| {
        loop {
            let step = connection.handle_input(Duration::ZERO, input);
            assert!(step.consumed <= input.len());
            input.drain(..step.consumed);
            match step.action {
                Action::Admit(_) => story.push("in".into()),
                Action::Ask(question) => {
                    connection.answer(question, Answer::Require(method.into()));
                }
                Action::Close(close) => story.push(format!("{close:?}")),
                Action::LookUp(lookup) => {
                    let md5 = || Secret::md5(USER, PASSWORD).expect("a secret");
                    let found = match stored % 5 {
                        0 => Found::Secret(scram_secret(), challenge()),
                        1 => Found::Secret(md5(), challenge()),
                        2 => Found::Nothing(WrongPassword::NoSecret, challenge()),
                        3 => Found::Nothing(WrongPassword::Expired, challenge()),
                        _ => Found::Unavailable("down".into()),
                    };
                    connection.found(lookup, found);
                }
                Action::NeedInput => {
                    // More than fits is never waited for.
                    let over = connection.poll_timeout().is_none();
                    assert!(over || input.len() < connection.max_input());
                    return;
                }
                Action::Reply(Reply::AuthenticationOk(_)) => {
                    story.push("AuthenticationOk".into());
                }
                Action::Reply(reply) => story.push(format!("{reply:?}")),
                other => panic!("{other:?}"),
            }
        }
    };
    advance(&mut connection, &mut input);
    for piece in pieces {
        input.extend_from_slice(piece);
        advance(&mut connection, &mut input);
    }
    let last = connection.handle_eof(&input).action;
    story.push(format!("{last:?}"));
    story
}

/// One exchange: a byte of setup (1: the channel can be bound, 2: the user is not there, 4: the
/// mechanism is -PLUS), then client-first and client-final, parted by a line end. In client-final
/// byte 1 stands for the nonce, 2 for the right proof, 3 for the certificate's hash in `c=`.
///
/// What is accepted is what a slower reading of RFC 5802 accepts, no more and no less.
pub fn scram(input: &[u8]) {
    exchange(input);
}

/// Whether the client got in.
fn exchange(input: &[u8]) -> bool {
    let [setup, messages @ ..] = input else {
        return false;
    };
    let end_point = (setup & 1 != 0).then(|| Vec::from([0xaa; 32]));
    let doomed = (setup & 2 != 0).then_some(WrongPassword::NoSecret);
    let plus = setup & 4 != 0;
    let mut parts = messages.splitn(2, |b| *b == b'\n');
    let first = parts.next().unwrap_or_default();
    let template = parts.next().unwrap_or_default();

    let mut scram = Scram::new(keys(), doomed, &challenge(), end_point.clone());
    let mut initial = Vec::from(if plus { PLUS } else { PLAIN });
    initial.push(0);
    let length = u32::try_from(first.len()).expect("a short message");
    initial.extend_from_slice(&length.to_be_bytes());
    initial.extend_from_slice(first);
    let server_first = match scram.handle(&initial) {
        Ok(Progress::Ask(Reply::AuthenticationSaslContinue(data))) => {
            String::from_utf8(data).expect("server-first is text")
        }
        Ok(other) => panic!("{other:?}"),
        Err(Fault::Protocol(_)) => {
            assert!(slow_first(first, plus, end_point.is_some()).is_none());
            return false;
        }
        Err(other) => panic!("{other:?}"),
    };
    let (gs2, bare) = slow_first(first, plus, end_point.is_some()).expect("a right client-first");
    let mut bound = gs2.to_vec();
    bound.extend_from_slice(end_point.as_deref().filter(|_| plus).unwrap_or_default());
    let binding = Base64::encode_string(&bound);
    let nonce = server_first[2..].split(',').next().expect("a nonce");

    let mut last = Vec::new();
    for byte in template {
        match byte {
            1 => last.extend_from_slice(nonce.as_bytes()),
            2 => {
                let unproved = last.strip_suffix(b",p=").unwrap_or(&last);
                let proof = proof(bare, &server_first, unproved);
                last.extend_from_slice(Base64::encode_string(&proof).as_bytes());
            }
            3 => last.extend_from_slice(binding.as_bytes()),
            other => last.push(*other),
        }
    }
    let accepted = match scram.handle(&last) {
        Ok(Progress::Accept(_, Some(Reply::AuthenticationSaslFinal(data)))) => {
            assert!(data.starts_with(b"v=") && data.len() == 46);
            true
        }
        Ok(other) => panic!("{other:?}"),
        Err(Fault::Password(_) | Fault::Protocol(_)) => false,
        Err(other) => panic!("{other:?}"),
    };
    let right = slow_last(&last, &binding, nonce)
        .is_some_and(|(unproved, said)| said == proof(bare, &server_first, unproved));
    assert_eq!(accepted, right && doomed.is_none());
    accepted
}

fn proof(bare: &[u8], server_first: &str, unproved: &[u8]) -> [u8; 32] {
    let key = client_key();
    let stored = sha256(&key);
    let signed = [bare, b",", server_first.as_bytes(), b",", unproved];
    let mut proof = *hmac(&stored, &signed);
    for (byte, key) in proof.iter_mut().zip(key) {
        *byte ^= key;
    }
    proof
}

/// The gs2 header and client-first-bare, if it is a client-first that may go on.
fn slow_first(message: &[u8], plus: bool, bindable: bool) -> Option<(&[u8], &[u8])> {
    let parts = parts(message)?;
    let [flag, authzid, name, nonce, extensions @ ..] = parts.as_slice() else {
        return None;
    };
    let flag_fits = match *flag {
        b"n" => !plus,
        b"y" => !plus && !bindable,
        b"p=tls-server-end-point" => plus && bindable,
        _ => false,
    };
    let printable = |b: &u8| (0x21..=0x7e).contains(b);
    let fits = flag_fits
        && authzid.is_empty()
        && name.starts_with(b"n=")
        && nonce.starts_with(b"r=")
        && nonce.iter().all(printable)
        && attributes(extensions);
    fits.then(|| message.split_at(flag.len() + 2))
}

/// All before the proof, and the proof, if it is a client-final for this binding and nonce.
fn slow_last<'a>(message: &'a [u8], binding: &str, nonce: &str) -> Option<(&'a [u8], [u8; 32])> {
    let parts = parts(message)?;
    let [bound, said, rest @ ..] = parts.as_slice() else {
        return None;
    };
    let at = rest.iter().position(|part| part.starts_with(b"p="))?;
    let (extensions, proof) = rest.split_at(at);
    let [proof] = proof else {
        return None;
    };
    let fits = *bound == format!("c={binding}").as_bytes()
        && *said == format!("r={nonce}").as_bytes()
        && attributes(extensions);
    let text = core::str::from_utf8(&proof[2..]).ok()?;
    let decoded = Base64::decode_vec(text).ok()?;
    let before: usize = parts[..2 + at].iter().map(|part| part.len() + 1).sum();
    (fits && text.len() == 44).then_some((&message[..before - 1], decoded.try_into().ok()?))
}

/// What stands between the commas. A comma at the end ends the last part.
fn parts(message: &[u8]) -> Option<Vec<&[u8]>> {
    let mut parts: Vec<_> = message.split(|b| *b == b',').collect();
    if parts.len() > 1 && parts.last().is_some_and(|part| part.is_empty()) {
        parts.pop();
    }
    (!message.is_empty() && !message.contains(&0)).then_some(parts)
}

fn attributes(parts: &[&[u8]]) -> bool {
    parts
        .iter()
        .all(|part| matches!(part, [name, b'=', ..] if name.is_ascii_alphabetic()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_right_exchanges_are_accepted() {
        for (input, right) in [
            (&b"\0n,,n=,r=x\nc=biws,r=\x01,p=\x02"[..], true),
            (b"\0y,,n=,r=x\nc=\x03,r=\x01,p=\x02", true),
            (
                b"\x05p=tls-server-end-point,,n=,r=x\nc=\x03,r=\x01,p=\x02",
                true,
            ),
            (b"\0n,,n=u,r=x,a=1,b=\nc=\x03,r=\x01,x=y,Z==,p=\x02,", true),
            (b"\x02n,,n=,r=x\nc=\x03,r=\x01,p=\x02", false),
            (b"\x01y,,n=,r=x\nc=\x03,r=\x01,p=\x02", false),
            (b"\0n,,n=,r=x\nc=\x03,r=x\x01,p=\x02", false),
        ] {
            assert_eq!(exchange(input), right, "{}", input.escape_ascii());
        }
    }
}
