//! What the feature `metrics` counts, when it is off: nothing.

use rustls::{AlertDescription, Error};

use crate::audit::LoginEvent;
use crate::tls::config::Expiry;

pub(crate) fn login(_: &LoginEvent<'_>) {}
pub(crate) fn sni(_: &'static str) {}
pub(crate) fn tls_failed(_: &Error) {}
pub(crate) fn alert_sent(_: AlertDescription) {}
pub(crate) fn half_open(_: bool) {}
pub(crate) fn evicted(_: usize) {}
pub(crate) fn session(_: bool) {}
#[cfg(feature = "server")]
pub(crate) fn cancel(_: &'static str) {}
pub(crate) fn reload<E>(_: &Result<bool, E>) {}
pub(crate) fn expiries(_: &[Expiry], _: std::time::SystemTime) {}
