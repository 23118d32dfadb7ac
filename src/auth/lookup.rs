//! What an exchange takes from outside: the secret, randomness, and a mask for users that are not
//! there.
#![warn(
    clippy::alloc_instead_of_core,
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core
)]

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use zeroize::Zeroizing;

use crate::auth::secret::{DEFAULT_SCRAM_ITERATIONS, KEY, SALT, ScramKeys, Secret, hmac};
use crate::auth::{WrongPassword, scram};

/// What became of looking up a user's secret.
#[derive(Debug)]
#[non_exhaustive]
pub enum Found {
    /// There is none that counts. The client is not to notice: it is asked all the same.
    Nothing(WrongPassword, Challenge),
    /// The user has this secret.
    Secret(Secret, Challenge),
    /// It cannot be found out, for this reason. The login is refused.
    Unavailable(String),
}

/// What makes an exchange unlike any other. One serves for one exchange.
#[derive(Clone)]
pub struct Challenge {
    pub(crate) nonce: [u8; scram::NONCE],
    pub(crate) md5_salt: [u8; 4],
    mock: MockSecrets,
}

impl Challenge {
    /// How many random bytes one takes.
    pub const RANDOM: usize = scram::NONCE + 4;

    /// From random bytes that are used for nothing else.
    #[must_use]
    pub fn new(random: [u8; Self::RANDOM], mock: &MockSecrets) -> Self {
        let (mut nonce, mut md5_salt) = ([0; scram::NONCE], [0; 4]);
        for (to, from) in nonce.iter_mut().chain(&mut md5_salt).zip(random) {
            *to = from;
        }
        Self {
            nonce,
            md5_salt,
            mock: mock.clone(),
        }
    }

    /// Keys for a user that has none. Nobody can prove to have them.
    pub(crate) fn mock_keys(&self, user: &[u8]) -> ScramKeys {
        let digest = hmac(&self.mock.key, &[user]);
        ScramKeys {
            iterations: self.mock.iterations,
            salt: Vec::from(digest.first_chunk::<SALT>().copied().unwrap_or_default()),
            stored_key: Zeroizing::new([0; KEY]),
            server_key: Zeroizing::new([0; KEY]),
        }
    }
}

impl fmt::Debug for Challenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Challenge").finish_non_exhaustive()
    }
}

/// Makes users that are not there look like others: the salt they are told is the same each time,
/// the iteration count that of everybody.
#[derive(Clone)]
pub struct MockSecrets {
    key: Zeroizing<[u8; KEY]>,
    iterations: u32,
}

impl MockSecrets {
    /// With a secret key. Servers that share their users should share it, and keep it over
    /// restarts: a salt that changes tells that there is no such user.
    #[must_use]
    pub fn new(key: [u8; 32]) -> Self {
        Self {
            key: Zeroizing::new(key),
            iterations: DEFAULT_SCRAM_ITERATIONS,
        }
    }

    /// The iteration count that most secrets have (PostgreSQL's `scram_iterations`); 4096 unless
    /// said.
    #[must_use]
    pub fn iterations(mut self, iterations: u32) -> Self {
        self.iterations = iterations.max(1);
        self
    }
}

impl fmt::Debug for MockSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MockSecrets")
            .field("iterations", &self.iterations)
            .finish_non_exhaustive()
    }
}
