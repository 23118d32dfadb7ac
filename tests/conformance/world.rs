//! A rustls client, a handshake, and the wire between them, cut to measure.

use std::io::{Read, Write};
use std::sync::{Arc, LazyLock, Mutex};

use pgtls::rustls::crypto::CryptoProvider;
use pgtls::rustls::pki_types::pem::PemObject;
use pgtls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use pgtls::rustls::{self, ClientConfig, ClientConnection, NamedGroup, RootCertStore};
use pgtls::{CertificateManager, FrontDoor, Peer, Question, SslMode, TestCertificates};
use tempfile::TempDir;

use crate::story::{self, NOW};

struct Keys {
    made: TestCertificates,
    _place: TempDir,
}

static KEYS: LazyLock<Keys> = LazyLock::new(|| {
    let place = tempfile::tempdir().unwrap();
    let made = CertificateManager::setup_test_certs_in(place.path()).unwrap();
    Keys {
        made,
        _place: place,
    }
});

pub(crate) fn door(mode: SslMode) -> FrontDoor {
    static DOORS: LazyLock<Mutex<Vec<(SslMode, FrontDoor)>>> = LazyLock::new(Mutex::default);
    let mut doors = DOORS.lock().unwrap();
    if let Some((_, door)) = doors.iter().find(|(of, _)| *of == mode) {
        return door.clone();
    }
    let door = FrontDoor::new(KEYS.made.ssl_config(mode)).unwrap();
    doors.push((mode, door.clone()));
    door
}

fn provider() -> CryptoProvider {
    #[cfg(feature = "aws-lc-rs")]
    let mut provider = rustls::crypto::aws_lc_rs::default_provider();
    #[cfg(not(feature = "aws-lc-rs"))]
    let mut provider = rustls::crypto::ring::default_provider();
    // A small ClientHello: there is a split at each of its bytes.
    provider
        .kx_groups
        .retain(|group| group.name() == NamedGroup::X25519);
    provider
}

/// How the client speaks TLS.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Habits {
    pub(crate) alpn: &'static [&'static str],
    pub(crate) certificate: bool,
    pub(crate) tls12: bool,
}

pub(crate) const POSTGRESQL: Habits = Habits {
    alpn: &["postgresql"],
    certificate: false,
    tls12: false,
};

pub(crate) fn client_config(habits: Habits) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_file(KEYS.made.ca_cert()).unwrap())
        .unwrap();
    let versions: &[_] = if habits.tls12 {
        &[&rustls::version::TLS12]
    } else {
        &[&rustls::version::TLS13]
    };
    let builder = ClientConfig::builder_with_provider(Arc::new(provider()))
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots);
    let mut config = if habits.certificate {
        let chain = vec![CertificateDer::from_pem_file(KEYS.made.client_cert()).unwrap()];
        let key = PrivateKeyDer::from_pem_file(KEYS.made.client_key()).unwrap();
        builder.with_client_auth_cert(chain, key).unwrap()
    } else {
        builder.with_no_client_auth()
    };
    config.alpn_protocols = habits
        .alpn
        .iter()
        .map(|name| name.as_bytes().to_vec())
        .collect();
    config.resumption = rustls::client::Resumption::disabled();
    config
}

/// What the client does next.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Do<'a> {
    /// Sends these bytes on the bare wire.
    Raw(&'a [u8]),
    /// Sends this under TLS.
    Say(&'a [u8]),
    /// Begins TLS.
    Tls,
    /// Waits until it has been answered something.
    Wait,
    /// Says close_notify.
    Close,
    /// Leaves.
    Leave,
}

/// How bytes travel to the server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Way {
    /// The wire is cut here, counted from the first byte.
    pub(crate) cut: Option<usize>,
    /// The wire is cut at every byte.
    pub(crate) bytewise: bool,
    /// Each byte under TLS is a record.
    pub(crate) tiny_records: bool,
}

pub(crate) struct Told {
    pub(crate) story: String,
    /// What the client sent.
    pub(crate) sent: usize,
    /// The fatal alert that the client was given, if any.
    pub(crate) alert: Option<String>,
    /// Whether close_notify was the last it heard.
    pub(crate) closed_cleanly: bool,
}

/// Runs one connection.
pub(crate) fn run(
    door: &FrontDoor,
    answer: fn(&Question) -> pgtls::Answer,
    config: &Arc<ClientConfig>,
    script: &[Do<'_>],
    way: Way,
) -> Told {
    let mut server = door.handshake(&Peer::Unknown);
    let mut client: Option<ClientConnection> = None;
    let mut script = script.iter().peekable();
    let mut to_server = Vec::new();
    let mut told = Told {
        story: String::new(),
        sent: 0,
        alert: None,
        closed_cleanly: false,
    };
    let mut story = Vec::new();
    let (mut answered, mut over) = (false, false);
    loop {
        // The client does what it can.
        while let Some(step) = script.peek() {
            match step {
                Do::Raw(bytes) => to_server.extend_from_slice(bytes),
                Do::Say(bytes) => {
                    let client = client.as_mut().expect("TLS begun");
                    let size = if way.tiny_records { 1 } else { bytes.len() };
                    if client.is_handshaking() && way.tiny_records {
                        // What is written now would leave as one record.
                        break;
                    }
                    for record in bytes.chunks(size.max(1)) {
                        client.writer().write_all(record).unwrap();
                    }
                    answered = false;
                }
                Do::Tls => {
                    let name = ServerName::try_from("localhost").unwrap();
                    client = Some(ClientConnection::new(Arc::clone(config), name).unwrap());
                }
                Do::Wait if !answered => break,
                Do::Wait => answered = false,
                Do::Close => {
                    let client = client.as_mut().expect("TLS begun");
                    if client.is_handshaking() {
                        break;
                    }
                    client.send_close_notify();
                }
                Do::Leave => break,
            }
            script.next();
        }
        if let Some(client) = &mut client {
            while client.wants_write() {
                client.write_tls(&mut to_server).unwrap();
            }
        }
        if over {
            break;
        }
        if to_server.is_empty() {
            if matches!(script.next(), Some(Do::Leave)) {
                server.handle_eof(NOW);
                story::drain(&mut server, answer, &mut story, &mut Vec::new());
            }
            if matches!(server.poll_output(), pgtls::Output::Wait(Some(_))) {
                story.push("…".to_owned());
            }
            break;
        }
        // Some of it arrives.
        let piece = match way {
            Way { bytewise: true, .. } => 1,
            Way { cut: Some(cut), .. } if told.sent < cut => to_server.len().min(cut - told.sent),
            _ => to_server.len(),
        };
        told.sent += piece;
        let arrived: Vec<u8> = to_server.drain(..piece).collect();
        let mut to_client = Vec::new();
        let mut rest = arrived.as_slice();
        loop {
            let taken = server.handle_input(NOW, rest);
            rest = &rest[taken..];
            story::drain(&mut server, answer, &mut story, &mut to_client);
            if taken == 0 {
                break;
            }
        }
        over = matches!(server.poll_output(), pgtls::Output::Wait(None));
        // The client hears it.
        let mut heard = to_client.as_slice();
        if let [b'S' | b'N', behind @ ..] = heard {
            heard = behind;
            answered = true;
        }
        let Some(client) = &mut client else { continue };
        while !heard.is_empty() && told.alert.is_none() {
            client.read_tls(&mut heard).unwrap();
            match client.process_new_packets() {
                Ok(state) => {
                    let mut plain = vec![0; state.plaintext_bytes_to_read()];
                    client.reader().read_exact(&mut plain).unwrap();
                    answered |= !plain.is_empty();
                    story::spoken(&mut story, &plain);
                    told.closed_cleanly |= state.peer_has_closed();
                }
                Err(error) => told.alert = Some(error.to_string()),
            }
        }
    }
    // An admission is told when it happens, what was said before it when the client heard it.
    let admissions = story.iter().position(|told| told.starts_with("in "));
    if let Some(place) = admissions {
        let admission = story.remove(place);
        story.push(admission);
    }
    told.story = story.join(" ");
    told
}
