//! May this backup be written to? (T-1)

use alloc::{boxed::Box, string::String, vec::Vec};

use matrix_key_backup_primitives::{BackupMacKey, BackupPublicKey};
use matrix_key_backup_v2::{BackupReader, BackupWriter};
use matrix_key_backup_wire::{AuthData, BackupAlgorithm, UserId, WriterKey};
use thiserror::Error;

use crate::{
    BackupIdentity, KeyOrigin, RejectedSignature, SignatureError, TrustReason, TrustState,
    TrustedSigners, WentBack, identity::VERSION_MAX_BYTES, seen::MAX_REPLACED_KEYS, signature,
};

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

impl BackupDescription<'_> {
    pub(crate) fn identity(&self) -> BackupIdentity {
        BackupIdentity {
            version: String::from(self.version),
            algorithm: self.algorithm,
            public_key: *self.auth_data.public_key(),
        }
    }

    fn has_key(&self, pinned: BackupPublicKey) -> Result<(), TrustError> {
        let found = *self.auth_data.public_key();
        if found == pinned { Ok(()) } else { Err(TrustError::OtherPublicKey { found, pinned }) }
    }
}

/// A backup that may be written to, and the reason why.
///
/// The upload engine takes nothing else. Each constructor stands for one reason of T-1, and each
/// asks the account's [`TrustState`] whether the server has gone back to an older backup (T-4);
/// there is no other way to one. It speaks of one version with one public key: when either changes,
/// trust has to be shown anew (T-3).
///
/// ```compile_fail
/// # use matrix_key_backup_trust::{BackupDescription, TrustedBackup};
/// fn believe_the_server(said: BackupDescription<'_>) -> TrustedBackup {
///     TrustedBackup::from(said) // a server's word is no reason
/// }
/// ```
///
/// Nor is a MAC key: it says nothing of the public key, which the server could have swapped (T-2).
///
/// ```compile_fail,E0308
/// # use matrix_key_backup_primitives::BackupMacKey;
/// # use matrix_key_backup_trust::{BackupDescription, TrustError, TrustState, TrustedBackup};
/// fn from_mac_key(
///     said: BackupDescription<'_>,
///     key: &BackupMacKey, // a `&WriterKey`, which pins the public key beside it, would do
///     state: &mut TrustState,
/// ) -> Result<TrustedBackup, TrustError> {
///     TrustedBackup::from_writer_key(said, key, None, state)
/// }
/// ```
///
/// Source: T-1 to T-4 in `docs/rules.md`;
/// [`auth_data`](https://spec.matrix.org/v1.19/client-server-api/#backup-algorithm-mmegolm_backupv1curve25519-aes-sha2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustedBackup {
    backup: BackupIdentity,
    reason: TrustReason,
    rejected_signatures: Vec<RejectedSignature>,
}

impl TrustedBackup {
    /// Trusts a backup because its public key follows from a decryption key of trusted origin.
    ///
    /// # Errors
    ///
    /// [`TrustError::OtherPublicKey`] if the backup's public key is another one;
    /// [`TrustError::WentBack`] if the account had left this backup behind.
    pub fn from_decryption_key(
        backup: BackupDescription<'_>,
        reader: &BackupReader,
        origin: KeyOrigin,
        state: &mut TrustState,
    ) -> Result<Self, TrustError> {
        backup.has_key(*reader.public_key())?;
        Self::admitted(backup, TrustReason::DecryptionKey(origin), state)
    }

    /// Trusts a backup because a key that is trusted has signed its `auth_data`.
    ///
    /// `Ed25519(key, canonical JSON of auth_data without signatures and unsigned)`, 64 bytes,
    /// unpadded base64, at `signatures`, under the own user id and the key's id. One that holds is
    /// enough; of several, the first in the order of `signers` is the reason.
    ///
    /// # Security
    ///
    /// Nobody signs the version or the algorithm. A server can show what was signed for one backup
    /// as another one; only `state` tells that it was so before (T-4).
    ///
    /// # Errors
    ///
    /// [`TrustError::Signature`] if no such key has signed it, or none of the signatures holds;
    /// [`TrustError::WentBack`] if the account had left this backup behind.
    ///
    /// Source: [signing JSON](https://spec.matrix.org/v1.19/appendices/#signing-json).
    pub fn from_signature(
        backup: BackupDescription<'_>,
        signers: &TrustedSigners,
        state: &mut TrustState,
    ) -> Result<Self, TrustError> {
        let checked = signature::check(backup.auth_data, signers)?;
        let trusted = Self::admitted(backup, TrustReason::Signature(checked.signer), state)?;
        Ok(Self { rejected_signatures: checked.rejected, ..trusted })
    }

    /// Trusts a backup because its public key is the one that a writer's key pins (K-6).
    ///
    /// `user_id` is the backup's owner, where the caller knows it.
    ///
    /// # Errors
    ///
    /// [`TrustError`] if the backup has another public key, another algorithm or another owner;
    /// [`TrustError::WentBack`] if the account had left this backup behind.
    pub fn from_writer_key(
        backup: BackupDescription<'_>,
        key: &WriterKey,
        user_id: Option<&UserId>,
        state: &mut TrustState,
    ) -> Result<Self, TrustError> {
        if key.algorithm() != backup.algorithm {
            return Err(TrustError::OtherAlgorithm {
                found: backup.algorithm,
                pinned: key.algorithm(),
            });
        }
        if let Some(owner) = user_id.filter(|owner| *owner != key.user_id()) {
            return Err(TrustError::OtherUser {
                found: owner.clone(),
                pinned: key.user_id().clone(),
            });
        }
        backup.has_key(*key.public_key())?;
        Self::admitted(backup, TrustReason::WriterKey, state)
    }

    /// The end of every way: there is a reason, and the account has not been further. // T-4
    fn admitted(
        backup: BackupDescription<'_>,
        reason: TrustReason,
        state: &mut TrustState,
    ) -> Result<Self, TrustError> {
        let backup = backup.identity();
        state.admit(&backup)?;
        Ok(Self { backup, reason, rejected_signatures: Vec::new() })
    }

    /// Which backup is trusted: what the server is compared with before it is written to (T-3).
    #[must_use]
    pub fn identity(&self) -> &BackupIdentity {
        &self.backup
    }

    /// The version that is trusted.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.backup.version
    }

    /// The backup's algorithm.
    #[must_use]
    pub fn algorithm(&self) -> BackupAlgorithm {
        self.backup.algorithm
    }

    /// The public key to encrypt to.
    #[must_use]
    pub fn public_key(&self) -> &BackupPublicKey {
        &self.backup.public_key
    }

    /// Why the backup is trusted.
    #[must_use]
    pub fn reason(&self) -> &TrustReason {
        &self.reason
    }

    /// Signatures under the names of trusted keys that did not hold beside one that did.
    ///
    /// They change nothing, and somebody should hear of them: a key that is trusted did not sign
    /// what stands here, or it was changed since.
    #[must_use]
    pub fn rejected_signatures(&self) -> &[RejectedSignature] {
        &self.rejected_signatures
    }

    /// The writer for this backup; none for a v1 backup, which has no MAC.
    #[must_use]
    pub fn writer(&self, mac_key: BackupMacKey) -> Option<BackupWriter> {
        let names = self.backup.algorithm.names()?;
        Some(BackupWriter::new(self.backup.public_key, mac_key, names))
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
    /// No signature of a key that is trusted stands under it, or none that holds (T-1).
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// The server has gone back to a backup that this account had left behind (T-4), or has changed
    /// one in place (T-3).
    #[error(transparent)]
    WentBack(#[from] Box<WentBack>),
    /// The name of the version is too long to be remembered.
    #[error("the backup's version has {found} bytes, and {VERSION_MAX_BYTES} is the limit")]
    #[non_exhaustive]
    VersionTooLong {
        /// How many bytes it has.
        found: usize,
    },
    /// The state is full of public keys that were trusted, and forgets none, so that none of them
    /// can be brought back unseen (T-4).
    #[error(
        "this account has replaced its backup's public key {MAX_REPLACED_KEYS} times, and no more are \
         remembered. To use another one, begin with a new trust state: it knows none of the old ones"
    )]
    TooManyKeys,
}
