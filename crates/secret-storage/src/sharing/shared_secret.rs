//! Which secrets are shared, and under which names.

use alloc::string::String;
use core::fmt;

use matrix_key_backup_wire::{DECRYPTION_KEY_SECRET, Names};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A secret of the backup that devices ask each other for.
///
/// ```
/// use matrix_key_backup_secret_storage::sharing::SharedSecret;
/// use matrix_key_backup_wire::Names;
///
/// let secret = SharedSecret::from_name("org.matrix.msc4048.mac");
/// assert_eq!(secret, Some(SharedSecret::MacKey(Names::Unstable)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum SharedSecret {
    /// `m.megolm_backup.v1`: the decryption key (S-5).
    DecryptionKey,
    /// `m.megolm_backup.v1.mac`, or its unstable name: the MAC key (G-4).
    MacKey(Names),
}

impl SharedSecret {
    /// All names that are understood.
    pub const ALL: &[Self] =
        &[Self::DecryptionKey, Self::MacKey(Names::Stable), Self::MacKey(Names::Unstable)];

    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DecryptionKey => DECRYPTION_KEY_SECRET,
            Self::MacKey(names) => names.mac_secret(),
        }
    }

    /// The secret of this name, if it is one of the backup's.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|secret| secret.as_str() == name)
    }
}

impl fmt::Display for SharedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Serialize for SharedSecret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for SharedSecret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Self::from_name(&name).ok_or_else(|| serde::de::Error::custom("unknown secret"))
    }
}
