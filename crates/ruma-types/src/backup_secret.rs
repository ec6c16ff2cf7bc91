//! Names of the backup's secrets, among Ruma's `SecretName`s.

use matrix_key_backup_wire::{DECRYPTION_KEY_SECRET, Names};
use ruma_events::secret::request::SecretName;

/// A secret of the key backup that devices ask each other for (G-4).
///
/// Ruma knows the decryption key as [`SecretName::RecoveryKey`] and has no name for the MAC key.
///
/// ```
/// use matrix_key_backup_ruma::BackupSecret;
/// use matrix_key_backup_wire::Names;
/// use ruma_events::secret::request::SecretName;
///
/// let name = SecretName::from(BackupSecret::MacKey(Names::Unstable));
/// assert_eq!(name.as_str(), "org.matrix.msc4048.mac");
/// assert_eq!(BackupSecret::from_ruma(&name), Some(BackupSecret::MacKey(Names::Unstable)));
/// ```
///
/// # Security
///
/// Answer only the name that was asked for: a request for the MAC key never yields the decryption
/// key (G-2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BackupSecret {
    /// `m.megolm_backup.v1`: the decryption key (S-5).
    DecryptionKey,
    /// `m.megolm_backup.v1.mac`, or its unstable name: the MAC key (N).
    MacKey(Names),
}

impl BackupSecret {
    const ALL: [Self; 3] =
        [Self::DecryptionKey, Self::MacKey(Names::Stable), Self::MacKey(Names::Unstable)];

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
    pub fn from_ruma(name: &SecretName) -> Option<Self> {
        Self::ALL.into_iter().find(|secret| secret.as_str() == name.as_str())
    }
}

impl From<BackupSecret> for SecretName {
    fn from(secret: BackupSecret) -> Self {
        secret.as_str().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // N, G-2: each name means one secret, both ways.
    #[test]
    fn names_and_secrets_are_one_to_one() {
        for secret in BackupSecret::ALL {
            assert_eq!(BackupSecret::from_ruma(&SecretName::from(secret)), Some(secret));
        }
        assert_eq!(SecretName::from(BackupSecret::DecryptionKey), SecretName::RecoveryKey);
        let names = BackupSecret::ALL.map(BackupSecret::as_str);
        assert_eq!(
            names,
            ["m.megolm_backup.v1", "m.megolm_backup.v1.mac", "org.matrix.msc4048.mac"],
        );
    }

    #[test]
    fn other_secrets_are_none_of_the_backups() {
        for name in ["m.cross_signing.master", "m.megolm_backup.v1.ma", "m.megolm_backup.v1.mac "] {
            assert_eq!(BackupSecret::from_ruma(&name.into()), None);
        }
    }
}
