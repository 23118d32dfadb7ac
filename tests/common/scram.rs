//! The client's half of SCRAM-SHA-256 (RFC 5802), as exact or as wrong as a test wants it.

use base64ct::{Base64, Encoding};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use super::raw::message;

pub const BARE: &str = "n=,r=fyko+d2lbbFgONRv9qkxdawL";

pub fn initial(mechanism: &str, data: &[u8]) -> Vec<u8> {
    let mut body = mechanism.as_bytes().to_vec();
    body.push(0);
    body.extend(u32::try_from(data.len()).unwrap().to_be_bytes());
    body.extend(data);
    message(b'p', &body)
}

pub fn response(data: &[u8]) -> Vec<u8> {
    message(b'p', data)
}

/// client-final for a server-first, with this channel-binding input.
pub fn client_final(server_first: &str, password: &str, binding: &[u8]) -> Vec<u8> {
    let without_proof = without_proof(server_first, binding);
    let proof = proof(server_first, password, &without_proof).0;
    format!("{without_proof},p={}", Base64::encode_string(&proof)).into_bytes()
}

/// What server-final must be for that client-final.
pub fn server_final(server_first: &str, password: &str, binding: &[u8]) -> String {
    let without_proof = without_proof(server_first, binding);
    let signature = proof(server_first, password, &without_proof).1;
    format!("v={}", Base64::encode_string(&signature))
}

fn without_proof(server_first: &str, binding: &[u8]) -> String {
    let nonce = attribute(server_first, "r=");
    format!("c={},r={nonce}", Base64::encode_string(binding))
}

pub fn attribute<'a>(text: &'a str, name: &str) -> &'a str {
    text.split(',')
        .find_map(|part| part.strip_prefix(name))
        .unwrap_or_else(|| panic!("{name} in {text}"))
}

fn proof(server_first: &str, password: &str, without_proof: &str) -> (Vec<u8>, Vec<u8>) {
    let salt = Base64::decode_vec(attribute(server_first, "s=")).unwrap();
    let count = attribute(server_first, "i=").parse().unwrap();
    let mut salted = [0; 32];
    pbkdf2::pbkdf2_hmac::<Sha256>(password.as_bytes(), &salt, count, &mut salted);
    let client_key = hmac(&salted, b"Client Key");
    let stored_key = Sha256::digest(&client_key);
    let signed = format!("{BARE},{server_first},{without_proof}");
    let signature = hmac(&stored_key, signed.as_bytes());
    let proof = client_key.iter().zip(signature).map(|(k, s)| k ^ s);
    let server_key = hmac(&salted, b"Server Key");
    (proof.collect(), hmac(&server_key, signed.as_bytes()))
}

fn hmac(key: &[u8], message: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(message);
    mac.finalize().into_bytes().to_vec()
}
