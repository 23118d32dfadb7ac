//! The names in a certificate.

use alloc::{borrow::ToOwned, string::String, vec::Vec};
use core::net::IpAddr;

use rustls::pki_types::CertificateDer;
use x509_cert::Certificate;
use x509_cert::der::asn1::ObjectIdentifier;
use x509_cert::der::{Decode, Tag, Tagged};
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

use crate::tls::dn;

/// id-at-commonName (RFC 5280 appendix A.1).
const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");

/// Why a certificate names nobody.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum NoName {
    #[error("a name in the SSL certificate contains embedded null")]
    EmbeddedNull,
    #[error("client certificate contains no user name")]
    Missing,
    #[error("the certificate or a name in it cannot be parsed")]
    Unparsable,
    #[error("a name in the certificate has characters that its string type does not allow")]
    UnusualString,
}

/// A client certificate, parsed for its names.
pub(crate) struct Names(Certificate);

impl Names {
    pub(crate) fn parse(certificate: &CertificateDer<'_>) -> Result<Self, NoName> {
        Certificate::from_der(certificate)
            .map(Self)
            .map_err(|_| NoName::Unparsable)
    }

    /// The first common name of the subject, whole, as the bytes that stand in the certificate
    /// (`be_tls_open_server`: `X509_NAME_get_text_by_NID`).
    pub(crate) fn common_name(&self) -> Result<String, NoName> {
        let subject = self.0.tbs_certificate().subject();
        let first = subject
            .iter()
            .find(|attribute| attribute.oid == COMMON_NAME)
            .ok_or(NoName::Missing)?;
        let bytes = first.value.value();
        // Before anything else: also in a type that would be refused below.
        if bytes.contains(&0) && first.value.tag() != Tag::BmpString {
            return Err(NoName::EmbeddedNull);
        }
        let text = match first.value.tag() {
            Tag::Utf8String => core::str::from_utf8(bytes).ok(),
            Tag::PrintableString | Tag::Ia5String | Tag::TeletexString if bytes.is_ascii() => {
                core::str::from_utf8(bytes).ok()
            }
            _ => None,
        };
        match text {
            None => Err(NoName::UnusualString),
            Some("") => Err(NoName::Missing),
            Some(text) => Ok(text.to_owned()),
        }
    }

    /// The whole subject as `CN=joe,OU=Dev,O=Co`.
    pub(crate) fn distinguished_name(&self) -> Result<String, NoName> {
        let text = dn::rfc2253(self.0.tbs_certificate().subject())?;
        if text.is_empty() {
            return Err(NoName::Missing);
        }
        Ok(text)
    }

    pub(crate) fn emails(&self) -> Result<Vec<String>, NoName> {
        self.alternative(|name| match name {
            GeneralName::Rfc822Name(text) => Some(text.as_str()),
            _ => None,
        })
    }

    pub(crate) fn uris(&self) -> Result<Vec<String>, NoName> {
        self.alternative(|name| match name {
            GeneralName::UniformResourceIdentifier(text) => Some(text.as_str()),
            _ => None,
        })
    }

    pub(crate) fn dns_names(&self) -> Result<Vec<String>, NoName> {
        self.alternative(|name| match name {
            GeneralName::DnsName(text) => Some(text.as_str()),
            _ => None,
        })
    }

    pub(crate) fn addresses(&self) -> Result<Vec<IpAddr>, NoName> {
        let address = |octets: &[u8]| match octets.len() {
            4 => <[u8; 4]>::try_from(octets).ok().map(IpAddr::from),
            16 => <[u8; 16]>::try_from(octets).ok().map(IpAddr::from),
            _ => None,
        };
        let all = self.all_alternative()?;
        all.iter()
            .filter_map(|name| match name {
                GeneralName::IpAddress(octets) => Some(octets.as_bytes()),
                _ => None,
            })
            .map(|octets| address(octets).ok_or(NoName::Unparsable))
            .collect()
    }

    fn alternative(
        &self,
        pick: impl Fn(&GeneralName) -> Option<&str>,
    ) -> Result<Vec<String>, NoName> {
        let all = self.all_alternative()?;
        all.iter()
            .filter_map(pick)
            .map(|text| match text {
                _ if text.contains('\0') => Err(NoName::EmbeddedNull),
                _ => Ok(text.to_owned()),
            })
            .collect()
    }

    fn all_alternative(&self) -> Result<Vec<GeneralName>, NoName> {
        match self.0.tbs_certificate().get_extension::<SubjectAltName>() {
            Ok(Some((_, names))) => Ok(names.0),
            Ok(None) => Ok(Vec::new()),
            Err(_) => Err(NoName::Unparsable),
        }
    }
}
