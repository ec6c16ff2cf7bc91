//! May this backup be written to? (T-1)

use alloc::string::String;
use core::fmt;

use matrix_key_backup_primitives::{BackupMacKey, BackupPublicKey};
use matrix_key_backup_v2::{BackupReader, BackupWriter};
use matrix_key_backup_wire::{AuthData, BackupAlgorithm, UserId, WriterKey};
use thiserror::Error;

/// What a server or a file says of a backup, before anybody trusts it.
#[derive(Clone, Copy, Debug)]
pub struct BackupDescription<'a> {
    /// The backup's version.
    pub version: &'a str,
    /// Its algorithm.
    pub algorithm: BackupAlgorithm,
    /// Its `auth_data`.
    pub auth_data: &'a AuthData,
}

/// A backup that may be written to, and the reason why.
///
/// The upload engine takes nothing else. Each constructor stands for one reason of T-1; there is
/// no other way to one. It speaks of one version with one public key: when either changes, trust
/// has to be shown anew (T-3).
///
/// ```compile_fail
/// # use matrix_key_backup_trust::{BackupDescription, TrustedBackup};
/// fn believe_the_server(said: BackupDescription<'_>) -> TrustedBackup {
///     TrustedBackup::from(said) // a server's word is no reason
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustedBackup {
    version: String,
    algorithm: BackupAlgorithm,
    public_key: BackupPublicKey,
    reason: TrustReason,
}

/// Why a backup is trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TrustReason {
    /// Its public key follows from a decryption key of trusted origin (T-1).
    DecryptionKey(KeyOrigin),
    /// Its public key is the one pinned in a writer's key (K-6, T-2).
    WriterKey,
}

/// Where a decryption key came from. Any other origin is no reason to trust a backup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyOrigin {
    /// The user entered it.
    EnteredByUser,
    /// This device has just created it.
    CreatedHere,
}

impl TrustedBackup {
    /// Trusts a backup because its public key follows from a decryption key that the user entered.
    ///
    /// # Errors
    ///
    /// [`TrustError::OtherPublicKey`] if the backup's public key is another one.
    pub fn from_decryption_key(
        backup: BackupDescription<'_>,
        reader: &BackupReader,
        origin: KeyOrigin,
    ) -> Result<Self, TrustError> {
        Self::pinned(backup, *reader.public_key(), TrustReason::DecryptionKey(origin))
    }

    /// Trusts a backup because its public key is the one that a writer's key pins (K-6).
    ///
    /// `user_id` is the backup's owner, where the caller knows it.
    ///
    /// # Errors
    ///
    /// [`TrustError`] if the backup has another public key, another algorithm or another owner.
    pub fn from_writer_key(
        backup: BackupDescription<'_>,
        key: &WriterKey,
        user_id: Option<&UserId>,
    ) -> Result<Self, TrustError> {
        if key.algorithm != backup.algorithm {
            return Err(TrustError::OtherAlgorithm {
                found: backup.algorithm,
                pinned: key.algorithm,
            });
        }
        if let Some(owner) = user_id.filter(|owner| **owner != key.user_id) {
            return Err(TrustError::OtherUser {
                found: owner.clone(),
                pinned: key.user_id.clone(),
            });
        }
        Self::pinned(backup, key.public_key, TrustReason::WriterKey)
    }

    fn pinned(
        backup: BackupDescription<'_>,
        pinned: BackupPublicKey,
        reason: TrustReason,
    ) -> Result<Self, TrustError> {
        let found = *backup.auth_data.public_key();
        if found != pinned {
            return Err(TrustError::OtherPublicKey { found, pinned });
        }
        let version = String::from(backup.version);
        Ok(Self { version, algorithm: backup.algorithm, public_key: pinned, reason })
    }

    /// The version that is trusted.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The backup's algorithm.
    #[must_use]
    pub fn algorithm(&self) -> BackupAlgorithm {
        self.algorithm
    }

    /// The public key to encrypt to.
    #[must_use]
    pub fn public_key(&self) -> &BackupPublicKey {
        &self.public_key
    }

    /// Why the backup is trusted.
    #[must_use]
    pub fn reason(&self) -> TrustReason {
        self.reason
    }

    /// The writer for this backup; none for a v1 backup, which has no MAC.
    #[must_use]
    pub fn writer(&self, mac_key: BackupMacKey) -> Option<BackupWriter> {
        match self.algorithm {
            BackupAlgorithm::V1 => None,
            BackupAlgorithm::V2(names) => Some(BackupWriter::new(self.public_key, mac_key, names)),
        }
    }
}

impl fmt::Display for TrustReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::DecryptionKey(KeyOrigin::EnteredByUser) => {
                "its public key follows from the decryption key that was entered"
            }
            Self::DecryptionKey(KeyOrigin::CreatedHere) => {
                "its public key follows from the decryption key that was just created here"
            }
            Self::WriterKey => "its public key is the one in the writer's key",
        })
    }
}

/// Why a backup is not to be written to.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TrustError {
    /// The backup encrypts to a key that is not the one at hand.
    #[error("the backup has the public key {found}, the key at hand belongs to {pinned}")]
    OtherPublicKey {
        /// The public key in the backup's `auth_data`.
        found: BackupPublicKey,
        /// The public key that the key at hand gives or pins.
        pinned: BackupPublicKey,
    },
    /// The writer's key is for another algorithm: the server may have gone back to an older one.
    #[error("the backup has the algorithm {found}, the writer's key is for {pinned}")]
    OtherAlgorithm {
        /// The backup's algorithm.
        found: BackupAlgorithm,
        /// The algorithm that the writer's key pins.
        pinned: BackupAlgorithm,
    },
    /// The writer's key is for the backup of another user.
    #[error("the backup belongs to {found}, the writer's key is for {pinned}")]
    OtherUser {
        /// The backup's owner.
        found: UserId,
        /// The user that the writer's key names.
        pinned: UserId,
    },
}
