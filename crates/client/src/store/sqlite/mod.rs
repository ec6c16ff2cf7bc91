//! A backup store in an SQLite file, or in memory.

mod database;
mod error;
mod file;
mod keys;
mod schema;
mod stored;
mod worker;

pub use error::SqliteStoreError;

use core::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::stream;
use matrix_key_backup_wire::{RoomId, SessionId};
use serde_json::value::RawValue;

use self::database::{Database, Outcome};
use self::keys::Cursor;
use self::worker::Worker;
use super::{
    BackupStore, BackupVersion, KeyPages, KeyScope, KeyToStore, PutOutcome, ReceivedKey,
    StoreError, VersionId,
};

/// How long to wait for another process that is writing.
const PATIENCE: Duration = Duration::from_secs(10);

/// What stands for a path in the errors of a store in memory.
const IN_MEMORY: &str = "the store in memory";

/// A backup store in a file: a person's offline copy, the program's default, a server for tests.
///
/// What was acknowledged lasts: a killed process or a loss of power takes back nothing that a
/// future returned `Ok` for, and each call happens as a whole or not at all. Several processes may
/// have the file open; one that finds it busy for ten seconds gives up with an error.
///
/// Beside the file lie its log and index (`-wal`, `-shm`) while it is open, and after a crash;
/// they belong to it. [`close`](Self::close) leaves the one file, which can then be copied.
///
/// All work is done on a thread that belongs to the store. Dropping the store waits for that
/// thread to finish the call it is at.
///
/// # Security
///
/// A new file may be read by its owner only (mode 0600 on Unix). It holds what a homeserver would:
/// encrypted keys, and in the clear the ids of rooms and sessions, the metadata of A-2 and the
/// `auth_data`. Nothing in it is believed when it is read back.
///
/// ```
/// use matrix_key_backup::store::{BackupStore, SqliteStore};
/// use serde_json::value::RawValue;
///
/// # pollster::block_on(async {
/// let store = SqliteStore::in_memory().await?;
/// let auth_data = RawValue::from_string(r#"{"public_key": "…"}"#.to_owned())?;
/// let version = store.create_version("org.matrix.msc4048.curve25519-aes-sha2", &auth_data).await?;
/// assert_eq!(store.current_version().await?.map(|current| current.version), Some(version));
/// # Ok::<_, Box<dyn core::error::Error>>(())
/// # }).unwrap();
/// ```
pub struct SqliteStore {
    path: PathBuf,
    worker: Worker<Database>,
}

impl SqliteStore {
    /// Creates a store at `path`, where nothing may be yet, and opens it.
    ///
    /// # Errors
    ///
    /// [`SqliteStoreError::Exists`], [`SqliteStoreError::Leftover`],
    /// [`SqliteStoreError::MissingDirectory`], [`SqliteStoreError::ReadOnlyDirectory`] and what the
    /// system or SQLite say.
    pub async fn create(path: impl AsRef<Path>) -> Result<Self, SqliteStoreError> {
        Self::start(path.as_ref(), |path| {
            file::create(path)?;
            file::open(path, PATIENCE)
        })
        .await
    }

    /// Opens the store at `path`.
    ///
    /// A file that is none of ours is left as it is: it is not even locked.
    ///
    /// # Errors
    ///
    /// [`SqliteStoreError::Missing`]; a variant each for what is not a store, and for what may not
    /// be read or written; [`SqliteStoreError::Busy`].
    pub async fn open(path: impl AsRef<Path>) -> Result<Self, SqliteStoreError> {
        Self::start(path.as_ref(), |path| file::open(path, PATIENCE)).await
    }

    /// Opens the store at `path`, and creates it first if nothing is there.
    ///
    /// # Errors
    ///
    /// As [`create`](Self::create) and [`open`](Self::open).
    pub async fn open_or_create(path: impl AsRef<Path>) -> Result<Self, SqliteStoreError> {
        Self::start(path.as_ref(), |path| {
            match file::create(path) {
                Ok(()) | Err(SqliteStoreError::Exists { .. }) => {}
                Err(error) => return Err(error),
            }
            file::open(path, PATIENCE)
        })
        .await
    }

    /// Makes a store that lasts as long as the value does.
    ///
    /// # Errors
    ///
    /// [`SqliteStoreError::Io`] if no thread can be started, [`SqliteStoreError::Sqlite`] if there
    /// is no memory.
    pub async fn in_memory() -> Result<Self, SqliteStoreError> {
        Self::start(Path::new(IN_MEMORY), file::in_memory).await
    }

    /// The path that was given.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The versions that the file holds, the newest first; the newest `limit` where there are more.
    ///
    /// A homeserver tells this to nobody, so it is no part of [`BackupStore`].
    ///
    /// # Errors
    ///
    /// What SQLite says.
    pub async fn versions(&self, limit: usize) -> Result<Vec<VersionId>, SqliteStoreError> {
        match self.run(move |database| database.versions(limit)).await {
            Ok(versions) => Ok(versions),
            Err(StoreError::Store(error)) => Err(error),
            // No version is asked for, so none can be missing.
            Err(_) => Ok(Vec::new()),
        }
    }

    /// Moves the log into the file, unless another process still needs it, and closes the file.
    ///
    /// Dropping the store does the same, but waits on the spot and hides errors.
    ///
    /// # Errors
    ///
    /// What SQLite says. What was acknowledged is safe all the same: it is in the log.
    pub async fn close(self) -> Result<(), SqliteStoreError> {
        match self.run(Database::close).await {
            Ok(()) => Ok(()),
            Err(StoreError::Store(error)) => Err(error),
            // Closing asks for no version.
            Err(_) => Ok(()),
        }
    }

    async fn start(
        path: &Path,
        connect: impl FnOnce(&Path) -> Result<rusqlite::Connection, SqliteStoreError> + Send + 'static,
    ) -> Result<Self, SqliteStoreError> {
        let path = path.to_owned();
        let own_path = path.clone();
        let make = move || Ok(Database { connection: connect(&own_path)?, path: own_path });
        match Worker::start(make).await {
            Ok(worker) => Ok(Self { worker: worker?, path }),
            Err(error) => Err(SqliteStoreError::from_io(&path, "opened", error)),
        }
    }

    async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Database) -> Outcome<T> + Send + 'static,
    ) -> Outcome<T> {
        match self.worker.run(job).await {
            Ok(outcome) => outcome,
            Err(worker::Gone) => {
                Err(StoreError::Store(SqliteStoreError::Closed { path: self.path.clone() }))
            }
        }
    }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("SqliteStore").field("path", &self.path).finish_non_exhaustive()
    }
}

impl BackupStore for SqliteStore {
    type Error = SqliteStoreError;

    async fn current_version(&self) -> Outcome<Option<BackupVersion>> {
        self.run(Database::current_version).await
    }

    async fn version(&self, version: &VersionId) -> Outcome<Option<BackupVersion>> {
        let version = version.clone();
        self.run(move |database| database.version(&version)).await
    }

    async fn create_version(&self, algorithm: &str, auth_data: &RawValue) -> Outcome<VersionId> {
        let (algorithm, auth_data) = (algorithm.to_owned(), auth_data.to_owned());
        self.run(move |database| database.create_version(&algorithm, &auth_data)).await
    }

    async fn update_auth_data(
        &self,
        version: &VersionId,
        algorithm: &str,
        auth_data: &RawValue,
    ) -> Outcome<()> {
        let version = version.clone();
        let (algorithm, auth_data) = (algorithm.to_owned(), auth_data.to_owned());
        self.run(move |database| database.update_auth_data(&version, &algorithm, &auth_data)).await
    }

    async fn delete_version(&self, version: &VersionId) -> Outcome<bool> {
        let version = version.clone();
        self.run(move |database| database.delete_version(&version)).await
    }

    async fn put_keys(&self, version: &VersionId, keys: Vec<KeyToStore>) -> Outcome<PutOutcome> {
        let version = version.clone();
        self.run(move |database| database.put_keys(&version, &keys)).await
    }

    fn keys(&self, version: VersionId, scope: KeyScope) -> KeyPages<'_, SqliteStoreError> {
        let cursor = Cursor::new(version, scope);
        KeyPages::new(stream::try_unfold(cursor, async move |cursor| {
            let (page, cursor) = self.run(move |database| database.page(cursor)).await?;
            Ok((!page.is_empty()).then_some((page, cursor)))
        }))
    }

    async fn keys_of(
        &self,
        version: &VersionId,
        sessions: &[(RoomId, SessionId)],
    ) -> Outcome<Vec<ReceivedKey>> {
        let (version, sessions) = (version.clone(), sessions.to_owned());
        self.run(move |database| database.keys_of(&version, &sessions)).await
    }

    async fn delete_keys(&self, version: &VersionId, scope: KeyScope) -> Outcome<PutOutcome> {
        let version = version.clone();
        self.run(move |database| database.delete_keys(&version, &scope)).await
    }
}
