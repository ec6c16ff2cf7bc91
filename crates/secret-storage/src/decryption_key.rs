//! The secret `m.megolm_backup.v1`: which backup is it for?

use alloc::string::String;

use matrix_key_backup_primitives::{BackupDecryptionKey, BackupPublicKey};
use matrix_key_backup_wire::AuthData;
use thiserror::Error;

/// A backup's decryption key that nobody has compared with a backup yet (S-6).
///
/// ```compile_fail
/// # use matrix_key_backup_primitives::BackupDecryptionKey;
/// # use matrix_key_backup_secret_storage::UncheckedDecryptionKey;
/// fn skip_the_check(stored: UncheckedDecryptionKey) -> BackupDecryptionKey {
///     stored.into()
/// }
/// ```
///
/// # Security
///
/// It holds the key, and is redacted in `Debug` (K-5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UncheckedDecryptionKey(BackupDecryptionKey);

impl UncheckedDecryptionKey {
    pub(crate) const fn new(key: BackupDecryptionKey) -> Self {
        Self(key)
    }

    /// The public key of the backup that it opens, whichever that is.
    #[must_use]
    pub fn public_key(&self) -> BackupPublicKey {
        self.0.public_key()
    }

    /// Compares the key with a backup (S-6).
    ///
    /// # Errors
    ///
    /// [`OtherBackup`] if the backup has another public key.
    pub fn check(self, auth_data: &AuthData) -> Result<BackupDecryptionKey, OtherBackup> {
        let (found, expected) = (self.public_key(), *auth_data.public_key());
        if found == expected { Ok(self.0) } else { Err(OtherBackup { found, expected }) }
    }

    /// The key, which was compared with nothing: it may belong to no backup at all.
    ///
    /// # Security
    ///
    /// No MAC covers the secret's `iv`, and account data is the server's to choose: this may be a
    /// damaged key, or that of an older backup (S-6). Show it, or keep it where the user says, but
    /// begin no backup with it, upload to none, and use it nowhere unasked. To do that, take
    /// [`check`](Self::check).
    #[must_use]
    pub fn hazmat_into_unchecked(self) -> BackupDecryptionKey {
        self.0
    }
}

/// A secret is no backup's decryption key. What depends on the secret has no detail.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum NotADecryptionKey {
    /// It was stored under another name.
    #[error("{name:?} is not the name of a backup's decryption key")]
    #[non_exhaustive]
    OtherSecret {
        /// The name.
        name: String,
    },
    /// It has not the form of one.
    #[error(
        "what was stored is no decryption key of a backup: it is damaged, perhaps in its `iv`, \
         which no MAC covers"
    )]
    Damaged,
}

/// A decryption key is that of another backup (S-6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error(
    "the decryption key belongs to a backup with the public key {found}, and this backup has \
     {expected}"
)]
#[non_exhaustive]
pub struct OtherBackup {
    /// The public key that follows from the key.
    pub found: BackupPublicKey,
    /// The backup's.
    pub expected: BackupPublicKey,
}
