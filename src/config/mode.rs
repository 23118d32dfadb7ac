//! The six modes.

use core::{fmt, str::FromStr};

/// Who must use TLS, and whose certificates are demanded: libpq's six `sslmode` names, seen from
/// the server.
///
/// | mode | TLS asked for | plaintext login | client certificate |
/// | --- | --- | --- | --- |
/// | `disable` | refused (`N`) | accepted | – |
/// | `allow`, `prefer` | granted | accepted | checked if presented and a CA is configured |
/// | `require` | granted | refused | checked if presented and a CA is configured |
/// | `verify-ca` | granted | refused | demanded, chain checked |
/// | `verify-full` | granted | refused | demanded, chain and name checked |
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum SslMode {
    /// No TLS.
    Disable,
    /// TLS if the client asks; the same as `Prefer` on the server's side.
    Allow,
    /// TLS if the client asks.
    #[default]
    Prefer,
    /// TLS or nothing.
    Require,
    /// TLS, and a client certificate that leads to one of our CAs.
    VerifyCA,
    /// As `VerifyCA`, and the name in it must fit: its first common name is the user, byte for
    /// byte, unless [`SslConfig::with_client_name`](crate::SslConfig::with_client_name) says
    /// otherwise.
    VerifyFull,
}

impl SslMode {
    /// All modes, weakest first.
    pub const ALL: [Self; 6] = [
        Self::Disable,
        Self::Allow,
        Self::Prefer,
        Self::Require,
        Self::VerifyCA,
        Self::VerifyFull,
    ];

    /// The name as libpq spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Disable => "disable",
            Self::Allow => "allow",
            Self::Prefer => "prefer",
            Self::Require => "require",
            Self::VerifyCA => "verify-ca",
            Self::VerifyFull => "verify-full",
        }
    }

    /// Whether a login over plaintext is refused.
    #[must_use]
    pub fn requires_tls(self) -> bool {
        match self {
            Self::Disable | Self::Allow | Self::Prefer => false,
            Self::Require | Self::VerifyCA | Self::VerifyFull => true,
        }
    }

    /// Whether a login without a client certificate is refused.
    #[must_use]
    pub fn requires_client_certificate(self) -> bool {
        match self {
            Self::Disable | Self::Allow | Self::Prefer | Self::Require => false,
            Self::VerifyCA | Self::VerifyFull => true,
        }
    }
}

impl fmt::Display for SslMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for SslMode {
    type Err = UnknownSslMode;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|mode| mode.as_str() == name)
            .ok_or(UnknownSslMode)
    }
}

/// A name that is none of the six modes.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("unknown SSL mode; use disable, allow, prefer, require, verify-ca or verify-full")]
#[non_exhaustive]
pub struct UnknownSslMode;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_libpq_spelling_both_ways() {
        for mode in SslMode::ALL {
            assert_eq!(mode.to_string().parse(), Ok(mode));
        }
        for bad in ["", "Require", "verify_ca", "verifyfull", "require "] {
            assert_eq!(bad.parse::<SslMode>(), Err(UnknownSslMode), "{bad}");
        }
        assert!(UnknownSslMode.to_string().contains("verify-full"));
    }

    #[test]
    fn only_the_last_three_refuse_plaintext_and_the_last_two_demand_a_certificate() {
        let tls: Vec<_> = SslMode::ALL.map(SslMode::requires_tls).into();
        assert_eq!(tls, [false, false, false, true, true, true]);
        let cert: Vec<_> = SslMode::ALL
            .map(SslMode::requires_client_certificate)
            .into();
        assert_eq!(cert, [false, false, false, false, true, true]);
    }
}
