//! The address column: where a connection may come from.

use std::io;
use std::net::{IpAddr, ToSocketAddrs};

use ipnet::IpNet;

use super::error::AccessFault;
use super::tokens::Token;

/// What a rule says about the client's address.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Address {
    All,
    /// Any of these networks: what was written, or what this machine has, or where a name leads.
    Networks(Vec<IpNet>),
}

impl Address {
    /// `None` is a peer without an address.
    pub(super) fn fits(&self, peer: Option<IpAddr>) -> bool {
        match (self, peer) {
            (Self::All, _) => true,
            (Self::Networks(_), None) => false,
            (Self::Networks(networks), Some(peer)) => networks.iter().any(|n| n.contains(&peer)),
        }
    }
}

/// What has to be asked of the system when rules are loaded.
pub(super) trait System {
    /// The networks that this machine has an address in, each with that address.
    fn interfaces(&self) -> io::Result<Vec<IpNet>>;
    /// The addresses of a host.
    fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>>;
}

/// The system this runs on.
pub(super) struct ThisSystem;

impl System for ThisSystem {
    fn interfaces(&self) -> io::Result<Vec<IpNet>> {
        let interfaces = if_addrs::get_if_addrs()?;
        let networks = interfaces.into_iter().filter_map(|interface| {
            let (address, mask) = match interface.addr {
                if_addrs::IfAddr::V4(v4) => (IpAddr::V4(v4.ip), IpAddr::V4(v4.netmask)),
                if_addrs::IfAddr::V6(v6) => (IpAddr::V6(v6.ip), IpAddr::V6(v6.netmask)),
            };
            IpNet::with_netmask(address, mask).ok()
        });
        Ok(networks.collect())
    }

    fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        let addresses = (host, 0).to_socket_addrs()?;
        Ok(addresses.map(|a| a.ip().to_canonical()).collect())
    }
}

fn single(address: IpAddr) -> IpNet {
    IpNet::from(address)
}

/// Takes the address from its column and, if need be, the mask from the next one.
pub(super) fn parse(
    token: &Token,
    mask: impl FnOnce() -> Result<Token, AccessFault>,
    system: &dyn System,
) -> Result<Address, AccessFault> {
    if token.is_keyword("all") {
        return Ok(Address::All);
    }
    if token.is_keyword("samehost") {
        let own = system.interfaces().map_err(AccessFault::Interfaces)?;
        let hosts = own.into_iter().map(|net| single(net.addr()));
        return Ok(Address::Networks(hosts.collect()));
    }
    if token.is_keyword("samenet") {
        let own = system.interfaces().map_err(AccessFault::Interfaces)?;
        return Ok(Address::Networks(own));
    }
    let text = token.lossy();
    let (address, prefix) = match text.split_once('/') {
        Some((address, prefix)) => (address, Some(prefix)),
        None => (text.as_str(), None),
    };
    let network = match (address.parse::<IpAddr>(), prefix) {
        (Ok(address), Some(prefix)) => prefix
            .bytes()
            .all(|b| b.is_ascii_digit())
            .then(|| prefix.parse().ok())
            .flatten()
            .and_then(|prefix| IpNet::new(address, prefix).ok())
            .ok_or(AccessFault::BadCidr(text))?,
        (Ok(address), None) => with_mask(address, &mask()?)?,
        (Err(_), Some(_)) => return Err(AccessFault::HostNameWithMask(text)),
        (Err(_), None) if text.starts_with('.') => return Err(AccessFault::DomainSuffix(text)),
        (Err(_), None) => {
            let found = system
                .resolve(&text)
                .map_err(|source| AccessFault::UnknownHost { name: text, source })?;
            return Ok(Address::Networks(found.into_iter().map(single).collect()));
        }
    };
    Ok(Address::Networks(vec![network]))
}

fn with_mask(address: IpAddr, mask: &Token) -> Result<IpNet, AccessFault> {
    let text = mask.lossy();
    let bad = || AccessFault::BadMask(text.clone());
    let mask: IpAddr = text.parse().map_err(|_| bad())?;
    if address.is_ipv4() != mask.is_ipv4() {
        return Err(AccessFault::MaskFamily {
            address: address.to_string(),
            mask: text,
        });
    }
    IpNet::with_netmask(address, mask).map_err(|_| bad())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A system with two interfaces and one name.
    pub(in super::super) struct Fixed;

    impl System for Fixed {
        fn interfaces(&self) -> io::Result<Vec<IpNet>> {
            Ok(vec![
                "192.168.7.2/24".parse().unwrap(),
                "fd00::2/64".parse().unwrap(),
            ])
        }

        fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
            match host {
                "localhost" => Ok(vec!["127.0.0.1".parse().unwrap(), "::1".parse().unwrap()]),
                _ => Err(io::Error::other("no such host")),
            }
        }
    }

    fn address(text: &str, mask: Option<&str>) -> Result<Address, AccessFault> {
        let mask = || {
            mask.map(Token::plain)
                .ok_or(AccessFault::MissingPart("netmask specification"))
        };
        parse(&Token::plain(text), mask, &Fixed)
    }

    #[test]
    fn addresses_take_in_what_they_name() {
        for (text, mask, peer, expected) in [
            ("all", None, "8.8.8.8", true),
            ("all", None, "::1", true),
            ("0.0.0.0/0", None, "8.8.8.8", true),
            ("0.0.0.0/0", None, "::1", false),
            ("::/0", None, "::1", true),
            ("::/0", None, "8.8.8.8", false),
            ("127.0.0.1/32", None, "127.0.0.1", true),
            ("127.0.0.1/32", None, "127.0.0.2", false),
            ("10.1.2.3/8", None, "10.9.9.9", true),
            ("10.1.2.3/8", None, "11.1.2.3", false),
            ("fe80::/10", None, "febf::1", true),
            ("fe80::/10", None, "fec0::1", false),
            ("10.1.2.3", Some("255.0.0.0"), "10.9.9.9", true),
            ("10.1.2.3", Some("255.255.255.255"), "10.1.2.4", false),
            ("fd00::", Some("ffff:ffff:ffff:ffff::"), "fd00::5", true),
            ("samehost", None, "192.168.7.2", true),
            ("samehost", None, "192.168.7.3", false),
            ("samenet", None, "192.168.7.3", true),
            ("samenet", None, "192.168.8.3", false),
            ("samenet", None, "fd00::99", true),
            ("localhost", None, "::1", true),
            ("localhost", None, "127.0.0.2", false),
        ] {
            let fits = address(text, mask)
                .unwrap()
                .fits(Some(peer.parse().unwrap()));
            assert_eq!(fits, expected, "{text} {mask:?} {peer}");
        }
        assert!(address("all", None).unwrap().fits(None));
        assert!(!address("0.0.0.0/0", None).unwrap().fits(None));
    }

    #[test]
    fn the_machine_knows_its_own_addresses() {
        let own = ThisSystem.interfaces().unwrap();
        assert!(own.iter().any(|net| net.addr().is_loopback()), "{own:?}");
    }
}
