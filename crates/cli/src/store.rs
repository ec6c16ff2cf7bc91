//! Which store is meant, and opening it.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use matrix_key_backup::{
    OpenBackup,
    store::{BackupStore as _, BackupVersion, SqliteStore, VersionId},
};

use crate::{
    args::{Global, VersionArguments},
    error::Error,
    files::{directory_of, unwritable},
};

/// More versions than anybody makes; a store that somebody else made may have any number.
pub(crate) const VERSIONS_NAMED: usize = 100;

/// The file in which the backup lies, or will.
///
/// The default store is the user's own by its place: nobody mistypes its path, and nobody else
/// writes there. So there, and only there, a first upload begins a backup unasked, and the key
/// file beside it is used unasked. What a person names with `--store` may be a typing error, or a
/// store that somebody else made, and T-1 asks for the user's word on the key.
#[derive(Clone, Debug)]
pub(crate) struct StorePlace {
    path: PathBuf,
    is_default: bool,
}

impl StorePlace {
    pub(crate) fn new(global: &Global) -> Result<Self, Error> {
        match &global.store {
            Some(path) => Ok(Self { path: path.clone(), is_default: false }),
            None => {
                let directory = dirs::data_local_dir().ok_or(Error::NoDataDirectory)?;
                let path = directory.join(env!("CARGO_BIN_NAME")).join("backup.sqlite3");
                Ok(Self { path, is_default: true })
            }
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn is_default(&self) -> bool {
        self.is_default
    }

    /// Where the key of a backup is written that begins without one. A name of its own for every
    /// store: two stores in one directory never share a key file.
    pub(crate) fn key_file(&self) -> PathBuf {
        let mut path = self.path.clone().into_os_string();
        path.push(".key");
        path.into()
    }

    /// Where a migration writes the new version's key unless it is told otherwise. Not where the key
    /// of the old one may lie.
    pub(crate) fn new_key_file(&self) -> PathBuf {
        let mut path = self.path.clone().into_os_string();
        path.push(".new.key");
        path.into()
    }

    /// Whether a path is that of the store, there already or not, or of a file that SQLite keeps
    /// beside it. However it is spelled: by way of another directory, or in capitals, which some
    /// file systems take for the same.
    pub(crate) fn claims(&self, path: &Path) -> bool {
        ["", "-wal", "-shm", "-journal"].iter().any(|suffix| {
            let mut own = self.path.clone().into_os_string();
            own.push(suffix);
            is_same_place(Path::new(&own), path)
        })
    }

    /// Whether anything is there. A path that cannot be looked at counts as there: opening it will
    /// say what is wrong.
    pub(crate) fn exists(&self) -> bool {
        self.path.try_exists().unwrap_or(true)
    }

    /// Opens the store, which must be there.
    pub(crate) async fn open(&self) -> Result<SqliteStore, Error> {
        if !self.exists() {
            let advice = if self.is_default {
                "begin one with `upload` or `create`, or give the path of another with --store"
            } else {
                "check the path after --store, or begin a backup there with `create`"
            };
            return Err(Error::NoStore { path: self.path.clone(), advice });
        }
        Ok(SqliteStore::open(&self.path).await?)
    }

    /// Opens the store, if there is one.
    pub(crate) async fn open_if_there(&self) -> Result<Option<SqliteStore>, Error> {
        if self.exists() { Ok(Some(SqliteStore::open(&self.path).await?)) } else { Ok(None) }
    }

    /// The store that was open, or a new one where there was none.
    pub(crate) async fn opened_or_created(
        &self,
        opened: Option<SqliteStore>,
    ) -> Result<SqliteStore, Error> {
        match opened {
            Some(store) => Ok(store),
            None => {
                self.make_default_directory()?;
                Ok(SqliteStore::create(&self.path).await?)
            }
        }
    }

    /// Makes the directory of the default store, for its owner's eyes only. Others must be there:
    /// a directory that is not is more likely a typing error.
    pub(crate) fn make_default_directory(&self) -> Result<(), Error> {
        match self.path.parent() {
            Some(directory) if self.is_default => {
                make_private(directory).map_err(|source| unwritable(directory, source))
            }
            _ => Ok(()),
        }
    }

    /// What an open store says of its current backup, readable or not, if there is one.
    pub(crate) async fn current(
        &self,
        store: &SqliteStore,
    ) -> Result<Option<BackupVersion>, Error> {
        let current = store.current_version().await;
        current.map_err(|error| Error::from_store(self.path.clone(), error))
    }

    /// What it says of the version that is meant: the one that is named, which must be there, or
    /// the current one.
    pub(crate) async fn meant(
        &self,
        store: &SqliteStore,
        arguments: &VersionArguments,
    ) -> Result<Option<BackupVersion>, Error> {
        let Some(name) = &arguments.backup_version else { return self.current(store).await };
        let version = VersionId::new(name);
        let found = store.version(&version).await;
        match found.map_err(|error| Error::from_store(self.path.clone(), error))? {
            Some(found) => Ok(Some(found)),
            None => Err(Error::NoSuchVersion {
                store: self.path.clone(),
                version,
                there: store.versions(VERSIONS_NAMED).await?,
            }),
        }
    }

    /// The current backup in an open store, if there is one.
    pub(crate) async fn backup(&self, store: &SqliteStore) -> Result<Option<OpenBackup>, Error> {
        self.readable(self.current(store).await?)
    }

    /// The backup that is meant, which must be there.
    pub(crate) async fn existing_backup(
        &self,
        store: &SqliteStore,
        arguments: &VersionArguments,
    ) -> Result<OpenBackup, Error> {
        self.readable(self.meant(store, arguments).await?)?.ok_or_else(|| Error::NoBackup {
            store: self.path.clone(),
            advice: "begin one with `create`, or give the path of another store with --store",
        })
    }

    fn readable(&self, said: Option<BackupVersion>) -> Result<Option<OpenBackup>, Error> {
        said.map(OpenBackup::read).transpose().map_err(|error| Error::UnreadableBackup {
            store: self.path.clone(),
            error: Box::new(error),
        })
    }
}

/// Whether two paths name one place, whether or not something is there.
pub(crate) fn is_same_place(a: &Path, b: &Path) -> bool {
    let place = |path: &Path| {
        let directory = std::path::absolute(directory_of(path)).ok()?;
        let directory = fs::canonicalize(&directory).unwrap_or(directory);
        Some((directory, path.file_name()?.to_string_lossy().to_lowercase()))
    };
    let is_one_file = || Some(fs::canonicalize(a).ok()? == fs::canonicalize(b).ok()?);
    is_one_file().unwrap_or_else(|| place(a).is_some() && place(a) == place(b))
}

#[cfg(unix)]
fn make_private(directory: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)
}

#[cfg(not(unix))]
fn make_private(directory: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).create(directory)
}
