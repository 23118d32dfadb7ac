//! Counters, histograms and gauges, for whatever recorder of the `metrics` crate is installed.
//! Their names stand in the README.

use std::time::SystemTime;

use ::metrics::{counter, gauge, histogram};
use rustls::{AlertDescription, Error};

use crate::audit::LoginEvent;
use crate::auth::AuthMethod;
use crate::close::Reason;
use crate::tls::config::Expiry;
use crate::tls::facts::TlsFacts;

/// The end of a login, well or not.
pub(crate) fn login(event: &LoginEvent<'_>) {
    let took = event.took().as_secs_f64();
    let Some(reason) = event.reason() else {
        let method = event.method().map_or("none", AuthMethod::as_str);
        counter!("pgtls_logins_accepted_total", "method" => method).increment(1);
        histogram!("pgtls_login_seconds", "outcome" => "accepted").record(took);
        tls(event.tls());
        return;
    };
    counter!(
        "pgtls_logins_refused_total",
        "reason" => name(reason),
        "sqlstate" => reason.sqlstate().as_str().to_owned()
    )
    .increment(1);
    histogram!("pgtls_login_seconds", "outcome" => "refused").record(took);
}

fn tls(facts: Option<&TlsFacts>) {
    let Some(facts) = facts else {
        counter!("pgtls_plaintext_logins_total").increment(1);
        return;
    };
    let yes_or_no = |yes| if yes { "yes" } else { "no" };
    counter!(
        "pgtls_tls_logins_total",
        "version" => facts.version().as_str(),
        "cipher" => facts.cipher(),
        "group" => facts.group().unwrap_or("none"),
        "alpn" => yes_or_no(facts.alpn().is_some()),
        "sni" => yes_or_no(facts.sni().is_some()),
        "resumed" => yes_or_no(facts.resumed())
    )
    .increment(1);
}

/// Which certificate a client got by the name it asked for.
pub(crate) fn sni(result: &'static str) {
    counter!("pgtls_sni_total", "result" => result).increment(1);
}

/// A TLS session failed: by the client's alert, or by one of ours.
pub(crate) fn tls_failed(error: &Error) {
    if let Error::AlertReceived(alert) = error {
        counter!("pgtls_alerts_received_total", "alert" => alert_name(*alert)).increment(1);
    } else if let Some(alert) = sent_for(error) {
        alert_sent(alert);
    }
}

pub(crate) fn alert_sent(alert: AlertDescription) {
    counter!("pgtls_alerts_sent_total", "alert" => alert_name(alert)).increment(1);
}

fn alert_name(alert: AlertDescription) -> &'static str {
    alert.as_str().unwrap_or("unknown")
}

/// The alert that rustls sends for an error (RFC 8446 §6.2).
fn sent_for(error: &Error) -> Option<AlertDescription> {
    use rustls::PeerIncompatible;
    Some(match error {
        Error::AlertReceived(_) | Error::HandshakeNotComplete => return None,
        Error::DecryptError => AlertDescription::BadRecordMac,
        Error::InappropriateHandshakeMessage { .. } | Error::InappropriateMessage { .. } => {
            AlertDescription::UnexpectedMessage
        }
        Error::InvalidCertificate(why) => why.clone().into(),
        Error::InvalidMessage(why) => (*why).into(),
        Error::NoApplicationProtocol => AlertDescription::NoApplicationProtocol,
        Error::NoCertificatesPresented => AlertDescription::CertificateRequired,
        Error::PeerIncompatible(
            PeerIncompatible::SupportedVersionsExtensionRequired
            | PeerIncompatible::Tls12NotOffered
            | PeerIncompatible::Tls12NotOfferedOrEnabled
            | PeerIncompatible::Tls13RequiredForQuic,
        ) => AlertDescription::ProtocolVersion,
        Error::PeerIncompatible(_) => AlertDescription::HandshakeFailure,
        Error::PeerMisbehaved(_) => AlertDescription::IllegalParameter,
        Error::PeerSentOversizedRecord => AlertDescription::RecordOverflow,
        _ => AlertDescription::InternalError,
    })
}

/// One half-open connection more, or less.
pub(crate) fn half_open(more: bool) {
    change("pgtls_half_open", more);
}

/// Half-open connections that had to go.
pub(crate) fn evicted(count: usize) {
    counter!("pgtls_half_open_evicted_total").increment(u64::try_from(count).unwrap_or(u64::MAX));
}

/// One session more, or less.
pub(crate) fn session(more: bool) {
    change("pgtls_sessions", more);
}

fn change(name: &'static str, more: bool) {
    let gauge = gauge!(name);
    if more {
        gauge.increment(1);
    } else {
        gauge.decrement(1);
    }
}

/// A cancel request, and whether it named a session with its key.
#[cfg(feature = "server")]
pub(crate) fn cancel(result: &'static str) {
    counter!("pgtls_cancel_requests_total", "result" => result).increment(1);
}

/// A reload is over.
pub(crate) fn reload<E>(result: &Result<bool, E>) {
    let result = match result {
        Ok(true) => "changed",
        Ok(false) => "unchanged",
        Err(_) => "failed",
    };
    counter!("pgtls_reloads_total", "result" => result).increment(1);
}

/// How long certificates and revocation lists are good for.
pub(crate) fn expiries(all: &[Expiry], now: SystemTime) {
    for expiry in all {
        #[expect(clippy::cast_precision_loss, reason = "days are few")]
        let days = expiry.days_left(now) as f64;
        gauge!(
            "pgtls_days_to_expiry",
            "what" => expiry.what,
            "name" => expiry.name.clone()
        )
        .set(days);
    }
}

fn name(reason: &Reason) -> &'static str {
    match reason {
        Reason::CancelKeyLength => "cancel_key_length",
        Reason::CertificateMissing => "certificate_missing",
        Reason::CertificateName { .. } => "certificate_name",
        Reason::DecisionTooSlow => "decision_too_slow",
        Reason::DeadlinePassed => "deadline_passed",
        Reason::DirectTlsUnavailable => "direct_tls_unavailable",
        Reason::DirectTlsWithoutAlpn => "direct_tls_without_alpn",
        Reason::EarlyPlaintext(_) => "early_plaintext",
        Reason::EndOfStream => "end_of_stream",
        Reason::Evicted => "evicted",
        Reason::Exchange(_) => "exchange",
        Reason::IncompletePacket => "incomplete_packet",
        Reason::InvalidLength(_) => "invalid_length",
        Reason::InvalidMessageLength(_) => "invalid_message_length",
        Reason::Layout => "layout",
        Reason::NoCa => "no_ca",
        Reason::NoUser => "no_user",
        Reason::PasswordFailed { .. } => "password_failed",
        Reason::PeerName { .. } => "peer_name",
        Reason::PlaintextRefused => "plaintext_refused",
        Reason::ProxyHeader => "proxy_header",
        Reason::Refused(_) => "refused",
        Reason::Rejected { .. } => "rejected",
        Reason::ReplicationValue(_) => "replication_value",
        Reason::SecretUnavailable(_) => "secret_unavailable",
        Reason::Tls(_) => "tls",
        Reason::TooManyBytes => "too_many_bytes",
        Reason::Transport(_) => "transport",
        Reason::UnsupportedVersion(_) => "unsupported_version",
    }
}
