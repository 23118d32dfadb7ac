//! `PgServer`: what is ready to serve.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::front_door::FrontDoor;
use crate::server::builder::Places;
use crate::server::cancel::Sessions;
use crate::server::notifications::Hub;
use crate::wire::request::CancelRequest;

/// What is to be asked of the system for TCP connections; `None` is as the system has it.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct TcpSettings {
    /// [`PgServerBuilder::tcp_keepalives_idle`](crate::PgServerBuilder::tcp_keepalives_idle).
    pub keepalives_idle: Option<Duration>,
    /// [`PgServerBuilder::tcp_keepalives_interval`](crate::PgServerBuilder::tcp_keepalives_interval).
    pub keepalives_interval: Option<Duration>,
    /// [`PgServerBuilder::tcp_keepalives_count`](crate::PgServerBuilder::tcp_keepalives_count).
    pub keepalives_count: Option<u32>,
    /// [`PgServerBuilder::tcp_user_timeout`](crate::PgServerBuilder::tcp_user_timeout).
    pub user_timeout: Option<Duration>,
}

/// A server that is ready to serve. A runtime's `Serve` trait gives it `serve`.
pub struct PgServer<D> {
    pub(super) places: Places,
    pub(super) door: FrontDoor,
    pub(super) database: Arc<D>,
    pub(super) sessions: Arc<Sessions>,
    pub(super) hub: Arc<Hub>,
    pub(super) session_settings: Vec<(&'static str, String)>,
    pub(super) tcp: TcpSettings,
    pub(super) grace: Duration,
}

impl<D> Clone for PgServer<D> {
    fn clone(&self) -> Self {
        Self {
            places: self.places.clone(),
            door: self.door.clone(),
            database: Arc::clone(&self.database),
            sessions: Arc::clone(&self.sessions),
            hub: Arc::clone(&self.hub),
            session_settings: self.session_settings.clone(),
            tcp: self.tcp,
            grace: self.grace,
        }
    }
}

impl<D> std::fmt::Debug for PgServer<D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PgServer")
            .field("places", &self.places)
            .field("door", &self.door)
            .finish_non_exhaustive()
    }
}

impl<D> PgServer<D> {
    /// Where it is to listen first of all.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.places.address
    }

    /// All TCP addresses where it is to listen.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.places.tcp
    }

    /// The directories where it is to have Unix sockets.
    pub fn unix_socket_directories(&self) -> impl Iterator<Item = &Path> {
        self.places.unix.iter().map(PathBuf::as_path)
    }

    /// The permissions its Unix sockets are to have.
    #[must_use]
    pub fn unix_socket_permissions(&self) -> u32 {
        self.places.unix_permissions
    }

    /// The door it serves behind; reload its configuration there.
    #[must_use]
    pub fn front_door(&self) -> &FrontDoor {
        &self.door
    }

    /// What it serves.
    #[must_use]
    pub fn database(&self) -> &Arc<D> {
        &self.database
    }

    /// How long statements in flight may go on after it was told to stop.
    #[must_use]
    pub fn shutdown_grace(&self) -> Duration {
        self.grace
    }

    /// Interrupts the session that a cancel request means, if its key is right. The client is told
    /// nothing either way; the log is.
    pub fn cancel(&self, request: &CancelRequest) {
        self.sessions.cancel(request);
    }

    /// Interrupts all running statements: they fail with 57014.
    pub fn interrupt_all(&self) {
        self.sessions.interrupt_all();
    }

    pub(crate) fn hub(&self) -> &Arc<Hub> {
        &self.hub
    }

    /// What a session's settings are unless its client says otherwise.
    pub(crate) fn session_settings(&self) -> &[(&'static str, String)] {
        &self.session_settings
    }

    /// What is to be asked of the system for its TCP connections.
    #[must_use]
    pub fn tcp_settings(&self) -> TcpSettings {
        self.tcp
    }

    pub(crate) fn sessions(&self) -> &Arc<Sessions> {
        &self.sessions
    }
}
