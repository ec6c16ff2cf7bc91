//! One piece of work that is measured, by one implementation.

use std::{fmt, ops::Range};

use serde::Serialize;

use crate::tier::Tier;

/// What is done. Every implementation of one operation starts from the same and comes to the same,
/// but for [`Who::VodozemacText`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Operation {
    /// An ephemeral key pair, and what it shares with the backup's key.
    Agree,
    /// What the backup's secret shares with an ephemeral public key.
    DiffieHellman,
    /// Plaintext bytes to an ephemeral public key and ciphertext bytes.
    EncryptCore,
    /// And back.
    DecryptCore,
    /// A room key to `session_data` as JSON, with its MAC and base64.
    EncryptWire,
    /// And back, with the MAC checked and both JSON texts parsed: to a room key again, whose session
    /// key is known to be one.
    DecryptWire,
    /// The same, and compared with the place where it was found, which others do not do: so it is
    /// compared with their [`DecryptWire`](Self::DecryptWire).
    Walk,
}

impl Operation {
    pub(crate) const ALL: [Self; 7] = [
        Self::Agree,
        Self::DiffieHellman,
        Self::EncryptCore,
        Self::DecryptCore,
        Self::EncryptWire,
        Self::DecryptWire,
        Self::Walk,
    ];

    /// What peers do that comes nearest.
    pub(crate) fn of_peers(self) -> Self {
        if self == Self::Walk { Self::DecryptWire } else { self }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Agree => "X25519, to encrypt",
            Self::DiffieHellman => "X25519, to decrypt",
            Self::EncryptCore => "encrypt, core",
            Self::DecryptCore => "decrypt, core",
            Self::EncryptWire => "encrypt, wire",
            Self::DecryptWire => "decrypt, wire",
            Self::Walk => "decrypt, wire, bind",
        })
    }
}

/// Who does it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Who {
    /// vodozemac, with which everything is compared.
    Vodozemac,
    /// The same, with session keys left as the text that they come in.
    VodozemacText,
    /// matrix-sdk-crypto.
    MatrixSdkCrypto,
    /// Ours, one key at a time.
    One,
    /// Ours, many keys at once.
    Batch(Tier),
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Vodozemac => f.write_str("vodozemac"),
            Self::VodozemacText => f.write_str("vodozemac, session key as text"),
            Self::MatrixSdkCrypto => f.write_str("matrix-sdk-crypto"),
            Self::One => f.write_str("ours, one key"),
            Self::Batch(tier) => write!(f, "ours, batch, {tier}"),
        }
    }
}

/// Does the work for the keys in a range, on the thread that calls.
type Work = Box<dyn Fn(Range<usize>) + Send + Sync>;

/// One piece of work, and how long it took each time.
pub(crate) struct Subject {
    pub(crate) operation: Operation,
    pub(crate) who: Who,
    pub(crate) threads: usize,
    /// How many keys are done each time.
    pub(crate) keys: usize,
    pub(crate) work: Work,
    /// Nanoseconds per key, round by round.
    pub(crate) nanoseconds: Vec<f64>,
}

impl Subject {
    /// Work on one thread.
    pub(crate) fn new(
        operation: Operation,
        who: Who,
        keys: usize,
        work: impl Fn(Range<usize>) + Send + Sync + 'static,
    ) -> Self {
        let (threads, nanoseconds) = (1, Vec::new());
        Self { operation, who, threads, keys, work: Box::new(work), nanoseconds }
    }

    /// Work on one thread that takes one key after the other.
    pub(crate) fn for_each_key(
        operation: Operation,
        who: Who,
        keys: usize,
        work: impl Fn(usize) + Send + Sync + 'static,
    ) -> Self {
        Self::new(operation, who, keys, move |keys| keys.for_each(&work))
    }

    /// The same, each half on a thread of its own.
    pub(crate) fn on_two_threads(self) -> Self {
        Self { threads: 2, ..self }
    }
}
