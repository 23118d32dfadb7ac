//! Every sequence of messages against every method and every outcome of the store: whoever is
//! told AuthenticationOk has proved to be who it says.
//!
//! A step that ends the connection ends the sequence too, once it is shown that nothing more is
//! taken; so what is enumerated is all there is, up to the depth.

use std::time::Duration;

use crate::common::raw::{GSSENC_REQUEST, SSL_REQUEST, cancel, message, startup};
use crate::common::scram::{BARE, client_final, initial, response};
use md5::Digest;
use pgtls::{
    Action, Answer, AuthMethod, Challenge, ClientCertificate, Connection, Encryption, Found,
    MockSecrets, Reason, Reply, Requirement, Rules, Secret, WrongPassword,
};

const USER: &str = "joe";
const PASSWORD: &str = "pencil";
const DEPTH: usize = 5;
const NOW: Duration = Duration::ZERO;

const METHODS: [AuthMethod; 6] = [
    AuthMethod::Cert,
    AuthMethod::Md5,
    AuthMethod::Password,
    AuthMethod::Reject,
    AuthMethod::ScramSha256,
    AuthMethod::Trust,
];

/// What the store says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Stored {
    Expired,
    Fails,
    IsSilent,
    Md5,
    Nothing,
    Scram,
}

const STORED: [Stored; 6] = [
    Stored::Expired,
    Stored::Fails,
    Stored::IsSilent,
    Stored::Md5,
    Stored::Nothing,
    Stored::Scram,
];

/// What the client says next.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Say {
    /// A message of this type, well formed where it can be.
    Type(u8),
    /// A packet without a type.
    Cancel,
    GssEncRequest,
    SslRequest,
    StartupMessage,
    /// Messages of type `p`.
    Empty,
    TooLong,
    Password(&'static str),
    PasswordWithoutEnd,
    Md5Right,
    Md5Wrong,
    InitialWithoutData,
    Initial(&'static str, &'static str),
    First,
    FinalRight,
    FinalWrongPassword,
    FinalWrongBinding,
    FinalOfAnotherNonce,
    FinalWithoutProof,
}

fn all() -> Vec<Say> {
    let mut all = vec![
        Say::Cancel,
        Say::GssEncRequest,
        Say::SslRequest,
        Say::StartupMessage,
        Say::Empty,
        Say::TooLong,
        Say::Password(PASSWORD),
        Say::Password("other"),
        Say::Password(""),
        Say::PasswordWithoutEnd,
        Say::Md5Right,
        Say::Md5Wrong,
        Say::InitialWithoutData,
        Say::Initial("SCRAM-SHA-256", "n,,"),
        Say::Initial("SCRAM-SHA-256", "y,,"),
        Say::Initial("SCRAM-SHA-256", "p=tls-server-end-point,,"),
        Say::Initial("SCRAM-SHA-256-PLUS", "p=tls-server-end-point,,"),
        Say::Initial("SCRAM-SHA-1", "n,,"),
        Say::First,
        Say::FinalRight,
        Say::FinalWrongPassword,
        Say::FinalWrongBinding,
        Say::FinalOfAnotherNonce,
        Say::FinalWithoutProof,
    ];
    // Every type of message that a frontend has, and some that none has.
    all.extend(b"BCDEFHPQSXcdfvRZ\xff".iter().map(|kind| Say::Type(*kind)));
    all
}

/// Where a sequence has led.
#[derive(Debug, Eq, PartialEq)]
enum End {
    Closed,
    In,
    Open,
}

struct Client {
    connection: Connection,
    input: Vec<u8>,
    md5_salt: [u8; 4],
    server_first: String,
    told_ok: usize,
}

impl Client {
    fn new(method: AuthMethod, stored: Stored) -> (Self, End) {
        let mut client = Self {
            connection: Connection::new(Rules::new(Encryption::Unavailable)),
            input: startup(&[("user", USER)]),
            md5_salt: [0; 4],
            server_first: String::new(),
            told_ok: 0,
        };
        let end = client.run(method, stored);
        (client, end)
    }

    /// Runs the machine until it waits.
    fn run(&mut self, method: AuthMethod, stored: Stored) -> End {
        loop {
            let step = self.connection.handle_input(NOW, &self.input);
            self.input.drain(..step.consumed);
            match step.action {
                Action::Admit(login) => {
                    assert_eq!((login.method(), self.told_ok), (method, 1));
                    return End::In;
                }
                Action::Ask(question) => {
                    let answer = Answer::Require(Requirement::new(method));
                    self.connection.answer(question, answer);
                }
                Action::Close(_) => {
                    assert_eq!(self.told_ok, 0);
                    return End::Closed;
                }
                Action::LookUp(lookup) => {
                    assert!(method.needs_secret() && lookup.user() == USER.as_bytes());
                    if let Some(found) = found(stored) {
                        self.connection.found(lookup, found);
                    }
                }
                Action::NeedInput => return End::Open,
                Action::Reply(reply) => match reply {
                    Reply::AuthenticationOk(_) => self.told_ok += 1,
                    Reply::AuthenticationMd5Password { salt } => self.md5_salt = salt,
                    Reply::AuthenticationSaslContinue(data) => {
                        self.server_first = String::from_utf8(data).unwrap();
                    }
                    _ => {}
                },
                other => panic!("{other:?}"),
            }
        }
    }

    fn bytes(&self, say: Say) -> Vec<u8> {
        let final_of = |password, binding: &[u8]| {
            // Before server-first there is none that could be right.
            let first = match self.server_first.as_str() {
                "" => "r=x,s=eA==,i=1",
                first => first,
            };
            response(&client_final(first, password, binding))
        };
        match say {
            Say::Type(kind) => message(kind, b"x\0"),
            Say::Cancel => cancel(1, b"abcd"),
            Say::GssEncRequest => GSSENC_REQUEST.to_vec(),
            Say::SslRequest => SSL_REQUEST.to_vec(),
            Say::StartupMessage => startup(&[("user", USER)]),
            Say::Empty => message(b'p', b""),
            Say::TooLong => b"p\x7f\xff\xff\xff".to_vec(),
            Say::Password(password) => message(b'p', format!("{password}\0").as_bytes()),
            Say::PasswordWithoutEnd => message(b'p', PASSWORD.as_bytes()),
            Say::Md5Right => md5_answer(PASSWORD, &self.md5_salt),
            Say::Md5Wrong => md5_answer("other", &self.md5_salt),
            Say::InitialWithoutData => message(b'p', b"SCRAM-SHA-256\0\xff\xff\xff\xff"),
            Say::Initial(mechanism, gs2) => initial(mechanism, format!("{gs2}{BARE}").as_bytes()),
            Say::First => response(format!("n,,{BARE}").as_bytes()),
            Say::FinalRight => final_of(PASSWORD, b"n,,"),
            Say::FinalWrongPassword => final_of("other", b"n,,"),
            Say::FinalWrongBinding => final_of(PASSWORD, b"p=tls-server-end-point,,hash"),
            Say::FinalOfAnotherNonce => {
                let other = self.server_first.replacen("r=fyko", "r=oykf", 1);
                let other = if other.is_empty() {
                    "r=x,s=eA==,i=1"
                } else {
                    &other
                };
                response(&client_final(other, PASSWORD, b"n,,"))
            }
            Say::FinalWithoutProof => {
                let whole = final_of(PASSWORD, b"n,,");
                let at = whole.windows(3).position(|w| w == b",p=").unwrap();
                message(b'p', &whole[5..at])
            }
        }
    }
}

fn found(stored: Stored) -> Option<Found> {
    let challenge = Challenge::new(
        [9; Challenge::RANDOM],
        &MockSecrets::new([7; 32]).iterations(1),
    );
    Some(match stored {
        Stored::Expired => Found::Nothing(WrongPassword::Expired, challenge),
        Stored::Fails => Found::Unavailable("down".into()),
        Stored::IsSilent => return None,
        Stored::Md5 => Found::Secret(Secret::md5(USER, PASSWORD).unwrap(), challenge),
        Stored::Nothing => Found::Nothing(WrongPassword::NoSecret, challenge),
        Stored::Scram => {
            let secret = Secret::scram_sha_256_with(PASSWORD, b"salt", 1).unwrap();
            Found::Secret(secret, challenge)
        }
    })
}

fn md5_answer(password: &str, salt: &[u8]) -> Vec<u8> {
    let hex = |parts: &[&[u8]]| {
        let digest = parts
            .iter()
            .fold(md5::Md5::new(), |md5, part| md5.chain_update(part));
        let bytes = digest.finalize();
        bytes.iter().map(|b| format!("{b:02x}")).collect::<String>()
    };
    let inner = hex(&[password.as_bytes(), USER.as_bytes()]);
    let answer = format!("md5{}\0", hex(&[inner.as_bytes(), salt]));
    message(b'p', answer.as_bytes())
}

/// Whether a client that said this has proved itself. The rules of the methods, and nothing else.
fn proved(method: AuthMethod, stored: Stored, said: &[Say]) -> bool {
    let scram = [
        &[Say::Initial("SCRAM-SHA-256", "n,,"), Say::FinalRight][..],
        &[Say::InitialWithoutData, Say::First, Say::FinalRight],
    ];
    match (method, stored) {
        (AuthMethod::Trust, _) => true,
        (AuthMethod::Password, Stored::Md5 | Stored::Scram) => said == [Say::Password(PASSWORD)],
        (AuthMethod::Md5, Stored::Md5) => said == [Say::Md5Right],
        (AuthMethod::Md5 | AuthMethod::ScramSha256, Stored::Scram) => scram.contains(&said),
        _ => false,
    }
}

/// Says all of it, one after the other. The end, and the client as it stands then.
fn play(method: AuthMethod, stored: Stored, said: &[Say]) -> (Client, End) {
    let (mut client, mut end) = Client::new(method, stored);
    for say in said {
        assert_eq!(end, End::Open, "the sequence goes on: {said:?}");
        let bytes = client.bytes(*say);
        client.input.extend(bytes);
        end = client.run(method, stored);
    }
    (client, end)
}

/// All sequences that begin with this one. How many there are.
fn explore(method: AuthMethod, stored: Stored, alphabet: &[Say], said: &mut Vec<Say>) -> usize {
    let (mut client, end) = play(method, stored, said);
    let is_in = proved(method, stored, said);
    assert_eq!(
        end == End::In,
        is_in,
        "{method:?} {stored:?} {said:?}: {end:?}"
    );
    assert_eq!(
        client.told_ok,
        usize::from(is_in),
        "{method:?} {stored:?} {said:?}"
    );
    let mut count = 1;
    if end == End::Open {
        if said.len() < DEPTH {
            for say in alphabet {
                said.push(*say);
                count += explore(method, stored, alphabet, said);
                said.pop();
            }
        }
        // Neither time nor the end of the stream is a proof.
        let (mut other, _) = play(method, stored, said);
        let deadline = other.connection.poll_timeout().unwrap();
        let late = other.connection.handle_timeout(deadline).action;
        let Action::Close(late) = late else {
            panic!("{late:?}");
        };
        let whose = match stored {
            Stored::IsSilent => Reason::DecisionTooSlow,
            _ => Reason::DeadlinePassed,
        };
        assert_eq!((late.farewell(), late.reason()), (None, &whose));
        let input = client.input.clone();
        let gone = client.connection.handle_eof(&input).action;
        assert!(matches!(gone, Action::Close(_)), "{gone:?}");
    }
    for say in alphabet {
        let bytes = client.bytes(*say);
        let after = client.connection.handle_input(NOW, &bytes);
        assert_eq!(after.consumed, 0);
        assert!(matches!(after.action, Action::NeedInput), "{after:?}");
    }
    count
}

#[test]
fn only_who_has_proved_it_is_told_authentication_ok() {
    let alphabet = all();
    let mut count = 0;
    for method in METHODS {
        for stored in STORED {
            // A silent store leaves everything open: what was said piles up, and is not taken.
            let alphabet = match stored {
                Stored::IsSilent => &alphabet[..3],
                _ => &alphabet[..],
            };
            count += explore(method, stored, alphabet, &mut Vec::new());
        }
    }
    assert!(count > 2500, "{count}");
}

/// The proof of the password is not enough where a certificate is wanted too.
#[test]
fn a_password_does_not_replace_a_certificate() {
    for wanted in [ClientCertificate::Required, ClientCertificate::OfUser] {
        for method in METHODS {
            let mut connection = Connection::new(Rules::new(Encryption::Optional));
            let input = startup(&[("user", USER)]);
            let Action::Ask(question) = connection.handle_input(NOW, &input).action else {
                panic!("no question");
            };
            let requirement = Requirement::new(method).client_certificate(wanted);
            connection.answer(question, Answer::Require(requirement));
            let action = connection.handle_input(NOW, &[]).action;
            let Action::Close(close) = action else {
                panic!("{action:?}");
            };
            let farewell = close.farewell().unwrap();
            assert_eq!(
                farewell.message(),
                "connection requires a valid client certificate"
            );
        }
    }
}
