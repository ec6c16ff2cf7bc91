//! A store of any kind, chosen when the program runs.

use std::fmt::Display;

use futures_util::StreamExt as _;
use matrix_key_backup::{
    store::{
        BackupStore, BackupVersion, BatchLimits, JsonFileError, JsonFileStore, KeyPages, KeyScope,
        KeyToStore, PutOutcome, ReceivedKey, SqliteStore, SqliteStoreError, StoreError, VersionId,
        homeserver::{HomeserverError, HomeserverStore, ReqwestTransport},
    },
    wire::{RoomId, SessionId},
};
use serde_json::value::RawValue;
use thiserror::Error;

type Outcome<T> = Result<T, StoreError<AnyStoreError>>;

/// A homeserver does not tell which versions it has. Ours count them, so this many numbers below
/// the current one are tried.
const NUMBERS_TRIED: u64 = 20;

/// Where the backup lies.
#[derive(Debug)]
pub(crate) enum AnyStore {
    Sqlite(SqliteStore),
    Json(JsonFileStore),
    Homeserver(Box<HomeserverStore<ReqwestTransport>>),
}

/// What a store of this kind says.
#[derive(Debug, Error)]
pub(crate) enum AnyStoreError {
    #[error(transparent)]
    Sqlite(#[from] SqliteStoreError),
    #[error(transparent)]
    Json(#[from] JsonFileError),
    #[error(transparent)]
    Homeserver(#[from] HomeserverError),
    /// What all stores may say some day, and this program does not know apart.
    #[error("{0}")]
    Other(String),
}

impl AnyStore {
    /// The versions that the store has, the newest first; the newest `limit` where there are more.
    ///
    /// Of a homeserver that does not number its versions, the current one alone.
    pub(crate) async fn versions(&self, limit: usize) -> Outcome<Vec<VersionId>> {
        match self {
            Self::Sqlite(store) => {
                store.versions(limit).await.map_err(|error| StoreError::Store(error.into()))
            }
            Self::Json(_) => {
                Ok(self.current_version().await?.map(|it| it.version).into_iter().collect())
            }
            Self::Homeserver(_) => self.numbered_versions(limit).await,
        }
    }

    async fn numbered_versions(&self, limit: usize) -> Outcome<Vec<VersionId>> {
        let Some(current) = self.current_version().await? else { return Ok(Vec::new()) };
        let number = current.version.as_str().parse::<u64>().unwrap_or_default();
        let mut versions = vec![current.version];
        for older in (number.saturating_sub(NUMBERS_TRIED).max(1)..number).rev() {
            if versions.len() >= limit {
                break;
            }
            let older = VersionId::new(older.to_string());
            if self.version(&older).await?.is_some() {
                versions.push(older);
            }
        }
        Ok(versions)
    }

    /// Closes a file properly. There is nothing to close where nothing is kept open.
    pub(crate) async fn close(self) -> Result<(), AnyStoreError> {
        match self {
            Self::Sqlite(store) => Ok(store.close().await?),
            Self::Json(_) | Self::Homeserver(_) => Ok(()),
        }
    }
}

fn any<E: Into<AnyStoreError> + Display>(error: StoreError<E>) -> StoreError<AnyStoreError> {
    match error {
        StoreError::NoSuchVersion { version } => StoreError::NoSuchVersion { version },
        StoreError::WrongVersion { version, current } => {
            StoreError::WrongVersion { version, current }
        }
        StoreError::OtherAlgorithm { version, algorithm } => {
            StoreError::OtherAlgorithm { version, algorithm }
        }
        StoreError::Store(error) => StoreError::Store(error.into()),
        error => StoreError::Store(AnyStoreError::Other(error.to_string())),
    }
}

fn any_pages<'s, E>(pages: KeyPages<'s, E>) -> KeyPages<'s, AnyStoreError>
where
    E: Into<AnyStoreError> + Display + 's,
{
    KeyPages::new(pages.map(|page| page.map_err(any)))
}

/// The same call on whichever store it is.
macro_rules! dispatch {
    ($self:ident, $store:ident => $call:expr) => {
        match $self {
            AnyStore::Sqlite($store) => $call.await.map_err(any),
            AnyStore::Json($store) => $call.await.map_err(any),
            AnyStore::Homeserver($store) => $call.await.map_err(any),
        }
    };
}

impl BackupStore for AnyStore {
    type Error = AnyStoreError;

    async fn current_version(&self) -> Outcome<Option<BackupVersion>> {
        dispatch!(self, store => store.current_version())
    }

    async fn version(&self, version: &VersionId) -> Outcome<Option<BackupVersion>> {
        dispatch!(self, store => store.version(version))
    }

    async fn create_version(&self, algorithm: &str, auth_data: &RawValue) -> Outcome<VersionId> {
        dispatch!(self, store => store.create_version(algorithm, auth_data))
    }

    async fn update_auth_data(
        &self,
        version: &VersionId,
        algorithm: &str,
        auth_data: &RawValue,
    ) -> Outcome<()> {
        dispatch!(self, store => store.update_auth_data(version, algorithm, auth_data))
    }

    async fn delete_version(&self, version: &VersionId) -> Outcome<bool> {
        dispatch!(self, store => store.delete_version(version))
    }

    async fn put_keys(&self, version: &VersionId, keys: Vec<KeyToStore>) -> Outcome<PutOutcome> {
        dispatch!(self, store => store.put_keys(version, keys))
    }

    fn batch_limits(&self) -> BatchLimits {
        match self {
            Self::Sqlite(store) => store.batch_limits(),
            Self::Json(store) => store.batch_limits(),
            Self::Homeserver(store) => store.batch_limits(),
        }
    }

    fn keys(&self, version: VersionId, scope: KeyScope) -> KeyPages<'_, AnyStoreError> {
        match self {
            Self::Sqlite(store) => any_pages(store.keys(version, scope)),
            Self::Json(store) => any_pages(store.keys(version, scope)),
            Self::Homeserver(store) => any_pages(store.keys(version, scope)),
        }
    }

    async fn keys_of(
        &self,
        version: &VersionId,
        sessions: &[(RoomId, SessionId)],
    ) -> Outcome<Vec<ReceivedKey>> {
        dispatch!(self, store => store.keys_of(version, sessions))
    }

    async fn delete_keys(&self, version: &VersionId, scope: KeyScope) -> Outcome<PutOutcome> {
        dispatch!(self, store => store.delete_keys(version, scope))
    }
}
