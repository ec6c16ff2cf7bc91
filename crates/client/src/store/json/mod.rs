//! A backup in a JSON file: the answers of `GET /room_keys/version` and `GET /room_keys/keys`.

mod description;
mod error;
mod file;
mod pass;
mod reader;
mod writer;

pub use error::{JsonFileError, JsonFormError};
pub use writer::{JsonFileWriter, JsonWriteError, LeftOut, LeftOutReason};

use std::path::{Path, PathBuf};

use futures_util::stream;
use matrix_key_backup_wire::{RoomId, SessionId};
use serde_json::value::RawValue;

use self::description::Description;
use self::file::{Stamp, describe};
use self::pass::{Pass, Wanted};
use self::reader::{PageReader, run};
use super::{
    BackupStore, BackupVersion, KeyPages, KeyScope, KeyToStore, PutOutcome, ReceivedKey,
    StoreError, VersionId,
};

/// What an operation on the file returns.
type Outcome<T> = Result<T, StoreError<JsonFileError>>;

/// A backup version in a JSON file, to be read: a person's copy of what a homeserver answered.
///
/// The file has one object with the properties of both answers:
///
/// ```json
/// {"version": "1", "algorithm": "…", "auth_data": {…}, "count": 1, "etag": "0",
///  "rooms": {"!room:example.org": {"sessions": {"session id": {…}}}}}
/// ```
///
/// `jq -s add version.json keys.json` makes it of the two, and [`JsonFileWriter`] of any store.
/// The order of the properties does not matter; others are ignored. Where `count` is missing, the
/// entries are counted; where `etag` is missing, it is a hash of the file.
///
/// Everything that would write fails with [`JsonFileError::ReadOnly`]. Each reading goes through
/// the whole file, on a thread of its own, whatever the [`KeyScope`], and takes the same memory
/// whatever its size. A file that is damaged is read up to the damage, which is then an error.
///
/// # Security
///
/// The file holds what a homeserver would, and nothing in it is believed when it is read.
///
/// ```
/// use matrix_key_backup::store::{BackupStore, JsonFileStore, KeyScope};
///
/// # pollster::block_on(async {
/// # let directory = tempfile::tempdir()?;
/// let path = directory.path().join("backup.json");
/// std::fs::write(&path, r#"{
///     "algorithm": "org.matrix.msc4048.curve25519-aes-sha2", "auth_data": {"public_key": "…"},
///     "version": "1", "rooms": {"!room:example.org": {"sessions": {"session id": {
///         "first_message_index": 0, "forwarded_count": 0, "is_verified": false,
///         "session_data": {"ephemeral": "…", "ciphertext": "…"}}}}}}"#)?;
/// let store = JsonFileStore::open(&path).await?;
/// let backup = store.current_version().await?.ok_or("no backup")?;
/// assert_eq!((backup.version.as_str(), backup.count), ("1", 1));
/// let mut pages = store.keys(backup.version, KeyScope::All);
/// while let Some(page) = pages.next_page().await {
///     assert!(page?.iter().all(|key| key.data.is_ok()));
/// }
/// # Ok::<_, Box<dyn core::error::Error>>(())
/// # }).unwrap();
/// ```
#[derive(Clone, Debug)]
pub struct JsonFileStore {
    path: PathBuf,
    stamp: Stamp,
    version: BackupVersion,
}

impl JsonFileStore {
    /// Opens the file at `path`, and reads all of it once for what it says of its version.
    ///
    /// What it says is remembered. Keys are read anew each time, and that fails once the file has
    /// changed.
    ///
    /// # Errors
    ///
    /// [`JsonFileError`]. A file that is damaged is opened if what it says of its version stands
    /// before the damage.
    pub async fn open(path: impl AsRef<Path>) -> Result<Self, JsonFileError> {
        let path = path.as_ref().to_owned();
        let own_path = path.clone();
        let (description, etag, stamp) = run(&path, move || describe(&own_path)).await?;
        let Description { version, algorithm, auth_data, count, etag: _ } = description;
        let version = VersionId::new(version);
        let version = BackupVersion { version, algorithm, auth_data, count, etag };
        Ok(Self { path, stamp, version })
    }

    /// The path that was given.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn read_only<T>(&self) -> Outcome<T> {
        Err(StoreError::Store(JsonFileError::ReadOnly { path: self.path.clone() }))
    }

    fn pages(&self, version: VersionId, wanted: Wanted) -> KeyPages<'_, JsonFileError> {
        let reading = Reading::NotBegun(version, wanted);
        KeyPages::new(stream::try_unfold(reading, async move |reading| {
            let mut reader = match reading {
                Reading::NotBegun(version, wanted) => self.begin(version, wanted)?,
                Reading::Begun(reader) => reader,
            };
            let page = reader.next_page().await.unwrap_or_else(|reader::Gone| {
                Err(JsonFileError::Closed { path: self.path.clone() })
            });
            let page = page.map_err(StoreError::Store)?;
            Ok(page.map(|page| (page, Reading::Begun(reader))))
        }))
    }

    fn begin(&self, version: VersionId, wanted: Wanted) -> Outcome<PageReader> {
        if version != self.version.version {
            return Err(StoreError::NoSuchVersion { version });
        }
        let pass = Pass::new(self.path.clone(), self.stamp, wanted);
        PageReader::start(&self.path, pass).map_err(StoreError::Store)
    }
}

/// The state of a stream of pages.
enum Reading {
    NotBegun(VersionId, Wanted),
    Begun(PageReader),
}

impl BackupStore for JsonFileStore {
    type Error = JsonFileError;

    async fn current_version(&self) -> Outcome<Option<BackupVersion>> {
        Ok(Some(self.version.clone()))
    }

    async fn version(&self, version: &VersionId) -> Outcome<Option<BackupVersion>> {
        Ok((self.version.version == *version).then(|| self.version.clone()))
    }

    async fn create_version(&self, _: &str, _: &RawValue) -> Outcome<VersionId> {
        self.read_only()
    }

    async fn update_auth_data(&self, _: &VersionId, _: &str, _: &RawValue) -> Outcome<()> {
        self.read_only()
    }

    async fn delete_version(&self, _: &VersionId) -> Outcome<bool> {
        self.read_only()
    }

    async fn put_keys(&self, _: &VersionId, _: Vec<KeyToStore>) -> Outcome<PutOutcome> {
        self.read_only()
    }

    fn keys(&self, version: VersionId, scope: KeyScope) -> KeyPages<'_, JsonFileError> {
        self.pages(version, Wanted::Scope(scope))
    }

    /// One reading of the file for all of them.
    async fn keys_of(
        &self,
        version: &VersionId,
        sessions: &[(RoomId, SessionId)],
    ) -> Outcome<Vec<ReceivedKey>> {
        let mut pages = self.pages(version.clone(), Wanted::sessions(sessions));
        let mut found = Vec::new();
        while let Some(page) = pages.next_page().await {
            found.extend(page?);
        }
        Ok(found)
    }

    async fn delete_keys(&self, _: &VersionId, _: KeyScope) -> Outcome<PutOutcome> {
        self.read_only()
    }
}
