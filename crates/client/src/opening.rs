//! A backup as a store describes it, and making a new one.

use matrix_key_backup_primitives::BackupPublicKey;
use matrix_key_backup_trust::BackupDescription;
use matrix_key_backup_v2::BackupReader;
use matrix_key_backup_wire::{
    AuthData, AuthDataError, BackupAlgorithm, UnknownBackupAlgorithm, UserId,
};
use serde_json::value::RawValue;
use thiserror::Error;

use crate::{
    EntryReader,
    store::{BackupStore, BackupVersion, StoreError, VersionId},
};

/// A backup version whose algorithm and `auth_data` could be read. Nobody trusts it yet.
#[derive(Clone, Debug)]
pub struct OpenBackup {
    version: VersionId,
    algorithm: BackupAlgorithm,
    auth_data: AuthData,
    count: u64,
    etag: String,
}

impl OpenBackup {
    /// Opens the store's current backup.
    ///
    /// # Errors
    ///
    /// [`OpenError`].
    pub async fn current<S: BackupStore>(store: &S) -> Result<Self, OpenError<S::Error>> {
        let version = store.current_version().await?.ok_or(OpenError::NoBackup)?;
        Self::read(version).map_err(OpenError::Unreadable)
    }

    /// Reads what a store says of a version.
    ///
    /// # Errors
    ///
    /// [`UnreadableBackup`]: stores take any algorithm and any `auth_data`.
    pub fn read(backup: BackupVersion) -> Result<Self, UnreadableBackup> {
        let BackupVersion { version, algorithm, auth_data, count, etag } = backup;
        let unreadable = |reason| UnreadableBackup { version: version.clone(), reason };
        let algorithm = algorithm.parse().map_err(|error| unreadable(Unreadable::from(error)))?;
        let auth_data = AuthData::parse(auth_data.get())
            .map_err(|error| unreadable(Unreadable::from(error)))?;
        Ok(Self { version, algorithm, auth_data, count, etag })
    }

    /// The version.
    #[must_use]
    pub fn version(&self) -> &VersionId {
        &self.version
    }

    /// The algorithm.
    #[must_use]
    pub fn algorithm(&self) -> BackupAlgorithm {
        self.algorithm
    }

    /// The `auth_data`.
    #[must_use]
    pub fn auth_data(&self) -> &AuthData {
        &self.auth_data
    }

    /// The public key that the store names. Only trust says whether it is the right one.
    #[must_use]
    pub fn public_key(&self) -> &BackupPublicKey {
        self.auth_data.public_key()
    }

    /// How many keys the store says it holds.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The store's etag.
    #[must_use]
    pub fn etag(&self) -> &str {
        &self.etag
    }

    /// A reader for this backup. `owner` is the user whose backup it is, where that is known.
    ///
    /// # Errors
    ///
    /// [`WrongKey`] if the decryption key is that of another backup: every entry would look forged.
    pub fn reader(
        &self,
        reader: BackupReader,
        owner: Option<UserId>,
    ) -> Result<EntryReader, WrongKey> {
        let (found, expected) = (*reader.public_key(), *self.public_key());
        if found != expected {
            return Err(WrongKey { found, expected });
        }
        Ok(EntryReader::new(reader, self.algorithm, owner))
    }

    /// The description on which trust is decided.
    #[must_use]
    pub fn description(&self) -> BackupDescription<'_> {
        BackupDescription {
            version: self.version.as_str(),
            algorithm: self.algorithm,
            auth_data: &self.auth_data,
        }
    }
}

/// Makes a new backup version, which becomes the store's current one.
///
/// # Errors
///
/// [`OpenError`].
pub async fn create_backup<S: BackupStore>(
    store: &S,
    reader: &BackupReader,
    algorithm: BackupAlgorithm,
) -> Result<OpenBackup, OpenError<S::Error>> {
    let auth_data = AuthData::new(*reader.public_key());
    let version = store.create_version(algorithm.as_str(), &raw(&auth_data)).await?;
    let created = store.version(&version).await?;
    let created = created.ok_or(StoreError::NoSuchVersion { version })?;
    OpenBackup::read(created).map_err(OpenError::Unreadable)
}

#[expect(clippy::expect_used, reason = "auth data keeps JSON text")]
fn raw(auth_data: &AuthData) -> Box<RawValue> {
    RawValue::from_string(auth_data.as_json().to_owned()).expect("auth data is JSON")
}

/// A decryption key is that of another backup.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error(
    "the decryption key belongs to a backup with the public key {found}, this one has {expected}"
)]
#[non_exhaustive]
pub struct WrongKey {
    /// The public key that follows from the decryption key.
    pub found: BackupPublicKey,
    /// The public key of the backup.
    pub expected: BackupPublicKey,
}

/// Why there is no backup to work with.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OpenError<E> {
    /// The store has no backup.
    #[error("there is no backup yet: create one first")]
    NoBackup,
    /// The current backup is none that this software can work with.
    #[error(transparent)]
    Unreadable(UnreadableBackup),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError<E>),
}

/// A backup version whose algorithm or `auth_data` cannot be read.
#[derive(Clone, Debug, Error)]
#[error("backup version {version}: {reason}")]
#[non_exhaustive]
pub struct UnreadableBackup {
    /// The version.
    pub version: VersionId,
    /// What is wrong with it.
    pub reason: Unreadable,
}

/// What is wrong with a backup version.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum Unreadable {
    /// An algorithm that this software does not know.
    #[error(transparent)]
    Algorithm(#[from] UnknownBackupAlgorithm),
    /// An `auth_data` that is none.
    #[error(transparent)]
    AuthData(#[from] AuthDataError),
}
