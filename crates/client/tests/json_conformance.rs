//! What is written to a JSON file is read back as any store would give it: the suite of all
//! stores, with a file in between.
#![cfg(feature = "json")]
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test"
)]

mod common;

use std::convert::Infallible;
use std::fs::File;

use common::model::ModelStore;
use futures_util::{StreamExt, TryStreamExt, stream};
use matrix_key_backup::store::{
    BackupStore, BackupVersion, JsonFileError, JsonFileStore, JsonFileWriter, KeyPages, KeyScope,
    KeyToStore, PutOutcome, ReceivedKey, StoreError, VersionId,
};
use matrix_key_backup::wire::{RoomId, SessionId};
use serde_json::value::RawValue;
use tempfile::TempDir;

type Outcome<T> = Result<T, StoreError<JsonFileError>>;

/// Writes go to a model, and each read comes from a file of its own.
struct ThroughAFile {
    model: ModelStore,
    directory: TempDir,
}

store_conformance!(through_a_file, async {
    ThroughAFile { model: ModelStore::default(), directory: tempfile::tempdir().unwrap() }
});

/// A JSON file knows no error of the model, which knows none of its own.
fn same(error: StoreError<Infallible>) -> StoreError<JsonFileError> {
    match error {
        StoreError::NoSuchVersion { version } => StoreError::NoSuchVersion { version },
        StoreError::WrongVersion { version, current } => {
            StoreError::WrongVersion { version, current }
        }
        StoreError::OtherAlgorithm { version, algorithm } => {
            StoreError::OtherAlgorithm { version, algorithm }
        }
        other => panic!("{other}"),
    }
}

impl ThroughAFile {
    async fn save(&self, version: &VersionId) -> Outcome<JsonFileStore> {
        let described = self.model.version(version).await.map_err(same)?;
        let described =
            described.ok_or_else(|| StoreError::NoSuchVersion { version: version.clone() })?;
        let path = self.directory.path().join("backup.json");
        let mut writer = JsonFileWriter::new(File::create(&path).unwrap(), &described).unwrap();
        let mut pages = self.model.keys(version.clone(), KeyScope::All);
        while let Some(page) = pages.next_page().await {
            assert!(writer.write(page.map_err(same)?).unwrap().is_empty());
        }
        writer.finish().unwrap();
        let saved = JsonFileStore::open(path).await.unwrap();
        let read = saved.current_version().await?.unwrap();
        assert_eq!((&read.version, read.count), (version, described.count));
        Ok(saved)
    }
}

impl BackupStore for ThroughAFile {
    type Error = JsonFileError;

    async fn current_version(&self) -> Outcome<Option<BackupVersion>> {
        match self.model.current_version().await.map_err(same)? {
            Some(current) => self.save(&current.version).await?.current_version().await,
            None => Ok(None),
        }
    }

    async fn version(&self, version: &VersionId) -> Outcome<Option<BackupVersion>> {
        match self.save(version).await {
            Ok(saved) => saved.version(version).await,
            Err(StoreError::NoSuchVersion { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn create_version(&self, algorithm: &str, auth_data: &RawValue) -> Outcome<VersionId> {
        self.model.create_version(algorithm, auth_data).await.map_err(same)
    }

    async fn update_auth_data(
        &self,
        version: &VersionId,
        algorithm: &str,
        auth_data: &RawValue,
    ) -> Outcome<()> {
        self.model.update_auth_data(version, algorithm, auth_data).await.map_err(same)
    }

    async fn delete_version(&self, version: &VersionId) -> Outcome<bool> {
        self.model.delete_version(version).await.map_err(same)
    }

    async fn put_keys(&self, version: &VersionId, keys: Vec<KeyToStore>) -> Outcome<PutOutcome> {
        self.model.put_keys(version, keys).await.map_err(same)
    }

    fn keys(&self, version: VersionId, scope: KeyScope) -> KeyPages<'_, JsonFileError> {
        let read = async move {
            let saved = self.save(&version).await?;
            Ok(saved.keys(version, scope).collect::<Vec<_>>().await)
        };
        KeyPages::new(stream::once(read).map_ok(stream::iter).try_flatten())
    }

    async fn keys_of(
        &self,
        version: &VersionId,
        sessions: &[(RoomId, SessionId)],
    ) -> Outcome<Vec<ReceivedKey>> {
        self.save(version).await?.keys_of(version, sessions).await
    }

    async fn delete_keys(&self, version: &VersionId, scope: KeyScope) -> Outcome<PutOutcome> {
        self.model.delete_keys(version, scope).await.map_err(same)
    }
}
