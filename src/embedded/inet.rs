//! `inet`: addresses with the length of their network, kept as PostgreSQL shows them.

use std::cmp::Ordering;
use std::net::IpAddr;

use postgres_types::Type;

use crate::embedded::dialect::{Fault, types};
use crate::error_response::SqlState;

/// The address and the bits of its network.
fn read(text: &str) -> Option<(IpAddr, u8)> {
    let (address, bits) = match text.trim().split_once('/') {
        Some((address, bits)) => (address, Some(bits)),
        None => (text.trim(), None),
    };
    let address: IpAddr = address.parse().ok()?;
    let most = most(address);
    let bits = match bits {
        Some(bits) if bits.bytes().all(|b| b.is_ascii_digit()) => bits.parse().ok()?,
        Some(_) => return None,
        None => most,
    };
    (bits <= most).then_some((address, bits))
}

fn most(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

/// As it is kept and shown: the length of a network of one is left out.
pub(super) fn parse(text: &str) -> Result<String, Fault> {
    let (address, bits) = read(text).ok_or_else(|| {
        Fault::new(
            SqlState::INVALID_TEXT_REPRESENTATION,
            format!(
                "invalid input syntax for type {}: \"{text}\"",
                types::show(&Type::INET, -1)
            ),
        )
    })?;
    Ok(if bits == most(address) {
        address.to_string()
    } else {
        format!("{address}/{bits}")
    })
}

/// As a text it always has the length.
pub(super) fn with_length(text: &str) -> String {
    match read(text) {
        Some((address, bits)) => format!("{address}/{bits}"),
        None => text.to_owned(),
    }
}

/// IPv4 first; by the bits of the shorter network, then by its length, then by all bits
/// (network_cmp_internal).
pub(super) fn compare(a: &str, b: &str) -> Ordering {
    let (Some((x, x_bits)), Some((y, y_bits))) = (read(a), read(b)) else {
        return a.cmp(b);
    };
    let number = |address: IpAddr| match address {
        IpAddr::V4(v4) => u128::from(v4.to_bits()) << 96,
        IpAddr::V6(v6) => v6.to_bits(),
    };
    let shared = u32::from(x_bits.min(y_bits));
    let network = |address: IpAddr| match shared {
        0 => 0,
        shared => number(address) >> 128_u32.saturating_sub(shared),
    };
    x.is_ipv6()
        .cmp(&y.is_ipv6())
        .then_with(|| network(x).cmp(&network(y)))
        .then_with(|| x_bits.cmp(&y_bits))
        .then_with(|| number(x).cmp(&number(y)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_shown_and_ordered() {
        for (given, shown, long) in [
            ("192.168.0.1", "192.168.0.1", "192.168.0.1/32"),
            ("192.168.0.1/32", "192.168.0.1", "192.168.0.1/32"),
            ("10.0.0.1/8", "10.0.0.1/8", "10.0.0.1/8"),
            ("0:0::1", "::1", "::1/128"),
            ("2001:DB8::/32", "2001:db8::/32", "2001:db8::/32"),
        ] {
            assert_eq!(parse(given).unwrap(), shown);
            assert_eq!(with_length(shown), long);
        }
        for bad in ["", "999", "1.2.3.4/33", "1.2.3.4/", "::1/129", "1.2.3.4/+8"] {
            assert_eq!(parse(bad).unwrap_err().code.as_str(), "22P02", "{bad}");
        }
        let sorted = [
            "0.0.0.0/0",
            "9.0.0.1",
            "10.0.0.0/8",
            "10.0.0.1/8",
            "10.0.0.1",
            "::1",
        ];
        for (i, a) in sorted.iter().enumerate() {
            for (j, b) in sorted.iter().enumerate() {
                assert_eq!(compare(a, b), i.cmp(&j), "{a} {b}");
            }
        }
    }
}
