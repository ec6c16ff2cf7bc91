//! The one table of names (N): everything that has a stable and an unstable spelling, and the other
//! property names that more than one layer needs.

use alloc::{borrow::ToOwned, string::String};
use core::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// `algorithm` of a v1 backup.
const V1_ALGORITHM: &str = "m.megolm_backup.v1.curve25519-aes-sha2";

/// `algorithm` of a room key that belongs to a Megolm session, the only one that we read (V1-1).
pub const MEGOLM_ALGORITHM: &str = "m.megolm.v1.aes-sha2";

/// Name under which the backup decryption key is stored and shared as a secret (S-5).
pub const DECRYPTION_KEY_SECRET: &str = "m.megolm_backup.v1";

/// Property of the plaintext that says where the session belongs (B-2).
pub const CONTEXT_PROPERTY: &str = "io.github.matrix_key_backup.context";

/// Property of the plaintext that remembers who sent the bundle a key came in (V2-11).
pub const BUNDLE_SENDER_PROPERTY: &str = "io.github.matrix_key_backup.bundle_sender";

/// `shared_history` as the specification spells it (V1-1a).
pub const SHARED_HISTORY: &str = "shared_history";

/// `shared_history` as matrix-rust-sdk writes it (V1-1a).
pub const SHARED_HISTORY_SDK: &str = "m.shared_history";

/// `shared_history` before it was accepted (V1-1a).
pub const SHARED_HISTORY_UNSTABLE: &str = "org.matrix.msc3061.shared_history";

/// Which of the two spellings of MSC4048's names is meant.
///
/// Readers understand both (N-1). Writers use one, the unstable by default, and never mix them.
///
/// ```
/// use matrix_key_backup_wire::Names;
///
/// assert_eq!(Names::default(), Names::Unstable);
/// assert_eq!(Names::Unstable.unauthenticated(), "org.matrix.msc4048.unauthenticated");
/// assert_eq!(Names::Stable.unauthenticated(), "unauthenticated");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Names {
    /// The names that the proposal will have once it is accepted.
    Stable,
    /// The names with the prefix `org.matrix.msc4048`, to be written until then.
    #[default]
    Unstable,
}

impl Names {
    /// Both spellings, the stable one first.
    pub const ALL: [Self; 2] = [Self::Stable, Self::Unstable];

    /// The other spelling.
    pub const fn other(self) -> Self {
        match self {
            Self::Stable => Self::Unstable,
            Self::Unstable => Self::Stable,
        }
    }

    /// `algorithm` of a backup with these names.
    pub const fn algorithm(self) -> &'static str {
        match self {
            Self::Stable => "m.backup.v2.curve25519-aes-sha2",
            Self::Unstable => "org.matrix.msc4048.curve25519-aes-sha2",
        }
    }

    /// Property of the plaintext that marks a key as unauthenticated (V2-8).
    pub const fn unauthenticated(self) -> &'static str {
        match self {
            Self::Stable => "unauthenticated",
            Self::Unstable => "org.matrix.msc4048.unauthenticated",
        }
    }

    /// Property of `unsigned` that holds the MAC (V2-4).
    pub const fn backup_mac(self) -> &'static str {
        match self {
            Self::Stable => "backup_mac",
            Self::Unstable => "org.matrix.msc4048.backup_mac",
        }
    }

    /// Name under which the MAC key is shared as a secret (G-4).
    pub const fn mac_secret(self) -> &'static str {
        match self {
            Self::Stable => "m.megolm_backup.v1.mac",
            Self::Unstable => "org.matrix.msc4048.mac",
        }
    }
}

/// `algorithm` of a backup version: what its entries look like and how far they can be trusted.
///
/// ```
/// use matrix_key_backup_wire::{BackupAlgorithm, Names};
///
/// let algorithm: BackupAlgorithm = "org.matrix.msc4048.curve25519-aes-sha2".parse()?;
/// assert_eq!(algorithm, BackupAlgorithm::V2(Names::Unstable));
/// assert_eq!(algorithm.as_str(), "org.matrix.msc4048.curve25519-aes-sha2");
/// # Ok::<(), matrix_key_backup_wire::UnknownBackupAlgorithm>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BackupAlgorithm {
    /// `m.megolm_backup.v1.curve25519-aes-sha2`, which authenticates nothing (V1-6).
    V1,
    /// `m.backup.v2.curve25519-aes-sha2`, or its unstable name.
    V2(Names),
}

impl BackupAlgorithm {
    /// All three names that are understood.
    pub const ALL: [Self; 3] = [Self::V1, Self::V2(Names::Stable), Self::V2(Names::Unstable)];

    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V1 => V1_ALGORITHM,
            Self::V2(names) => names.algorithm(),
        }
    }

    /// The algorithm of this name, if there is one.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.as_str() == name)
    }

    /// The spelling of the names in a v2 backup; `None` for v1.
    pub const fn names(self) -> Option<Names> {
        match self {
            Self::V1 => None,
            Self::V2(names) => Some(names),
        }
    }
}

impl fmt::Display for BackupAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for BackupAlgorithm {
    type Err = UnknownBackupAlgorithm;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::parse(name).ok_or_else(|| UnknownBackupAlgorithm { name: name.to_owned() })
    }
}

impl Serialize for BackupAlgorithm {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for BackupAlgorithm {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// A backup names an algorithm that this software does not know.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown backup algorithm {name:?}")]
#[non_exhaustive]
pub struct UnknownBackupAlgorithm {
    /// The name that was found.
    pub name: String,
}
