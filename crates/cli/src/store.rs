//! Which store is meant, and opening it.

use std::{
    fs,
    path::{Path, PathBuf},
};

use matrix_key_backup::{
    OpenBackup,
    store::{
        BackupStore as _, BackupVersion, JsonFileError, JsonFileStore, SqliteStore, VersionId,
    },
};

use crate::{
    any_store::{AnyStore, AnyStoreError},
    args::{Global, VersionArguments},
    data_directory::{data_directory, make_private},
    error::Error,
    files::{Input, directory_of},
    homeserver::connect,
    output::Output,
    secrets::warn_if_open_to_others,
    session::{Session, session_file},
};

/// More versions than anybody makes; a store that somebody else made may have any number.
const VERSIONS_NAMED: usize = 100;

/// What stands for the homeserver where the path of a file could stand.
const HOMESERVER: &str = "homeserver";

/// Where the backup lies, or will.
///
/// The default store is the user's own by its place: nobody mistypes its path, and nobody else
/// writes there. So there, and only there, a first upload begins a backup unasked, and the key
/// file beside it is used unasked. What a person names with `--store` may be a typing error, or a
/// store that somebody else made, and T-1 asks for the user's word on the key.
#[derive(Clone, Debug)]
pub(crate) struct StorePlace {
    kind: Kind,
    /// The path of a file; of an account, words for it.
    path: PathBuf,
    /// Where it is told what happens beside what was asked for.
    output: Output,
}

#[derive(Clone, Debug)]
enum Kind {
    DefaultFile,
    File,
    JsonFile,
    /// The account of the session, if there is one.
    Homeserver(Option<Box<Session>>),
}

impl StorePlace {
    pub(crate) fn new(global: &Global, output: Output) -> Result<Self, Error> {
        match &global.store {
            Some(path) => Self::named(path, output),
            None => {
                let path = data_directory()?.join("backup.sqlite3");
                Ok(Self { kind: Kind::DefaultFile, path, output })
            }
        }
    }

    /// The one that a person has named.
    pub(crate) fn named(path: &Path, output: Output) -> Result<Self, Error> {
        if path == Path::new(HOMESERVER) {
            return Ok(match Session::stored()? {
                Some(session) => {
                    let path = session.shown().into();
                    warn_if_open_to_others(&Input::File(session_file()?), "session", output);
                    Self { path, kind: Kind::Homeserver(Some(Box::new(session))), output }
                }
                None => Self { kind: Kind::Homeserver(None), path: HOMESERVER.into(), output },
            });
        }
        let is_json = path.extension().is_some_and(|it| it.eq_ignore_ascii_case("json"));
        let kind = if is_json { Kind::JsonFile } else { Kind::File };
        Ok(Self { kind, path: path.to_owned(), output })
    }

    /// The path of the file, or what stands for it in messages and reports.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn is_default(&self) -> bool {
        matches!(self.kind, Kind::DefaultFile)
    }

    pub(crate) fn is_homeserver(&self) -> bool {
        matches!(self.kind, Kind::Homeserver(_))
    }

    pub(crate) fn is_json_file(&self) -> bool {
        matches!(self.kind, Kind::JsonFile)
    }

    /// The account that is meant, whose session must be there.
    pub(crate) fn session(&self) -> Result<&Session, Error> {
        match &self.kind {
            Kind::Homeserver(Some(session)) => Ok(session),
            _ => Err(Error::NotLoggedIn),
        }
    }

    /// What the file begins with in which is remembered what was seen, of a store that is an account.
    pub(crate) fn memory_name(&self) -> Option<String> {
        match &self.kind {
            Kind::Homeserver(session) => session.as_deref().map(Session::memory_name),
            _ => None,
        }
    }

    /// Where the key of a backup is written that begins without one. A name of its own for every
    /// store: two stores in one directory never share a key file.
    pub(crate) fn key_file(&self) -> PathBuf {
        self.beside(".key")
    }

    /// Where a migration writes the new version's key unless it is told otherwise. Not where the key
    /// of the old one may lie.
    pub(crate) fn new_key_file(&self) -> PathBuf {
        self.beside(".new.key")
    }

    /// The store's path with this at its end; of an account, a file of its own in the data
    /// directory.
    fn beside(&self, suffix: &str) -> PathBuf {
        let beside = match &self.kind {
            // The session lies in the data directory, so there is one.
            Kind::Homeserver(Some(session)) => {
                data_directory().unwrap_or_default().join(session.file_name())
            }
            _ => self.path.clone(),
        };
        let mut path = beside.into_os_string();
        path.push(suffix);
        path.into()
    }

    /// Whether a path is that of the store, there already or not, or of a file that SQLite keeps
    /// beside it. However it is spelled: by way of another directory, or in capitals, which some
    /// file systems take for the same.
    pub(crate) fn claims(&self, path: &Path) -> bool {
        if self.is_homeserver() {
            return session_file().is_ok_and(|own| is_same_place(&own, path));
        }
        ["", "-wal", "-shm", "-journal"].iter().any(|suffix| {
            let mut own = self.path.clone().into_os_string();
            own.push(suffix);
            is_same_place(Path::new(&own), path)
        })
    }

    /// Whether anything is there. A path that cannot be looked at counts as there: opening it will
    /// say what is wrong. So does an account: asking the server is opening it.
    pub(crate) fn exists(&self) -> bool {
        self.is_homeserver() || self.path.try_exists().unwrap_or(true)
    }

    /// Opens the store, which must be there.
    pub(crate) async fn open(&self) -> Result<AnyStore, Error> {
        if !self.exists() {
            let advice = if self.is_default() {
                "begin one with `upload` or `create`, or give the path of another with --store"
            } else {
                "check the path after --store, or begin a backup there with `create`"
            };
            return Err(Error::NoStore { path: self.path.clone(), advice });
        }
        let opened = match &self.kind {
            Kind::DefaultFile | Kind::File => {
                AnyStore::Sqlite(SqliteStore::open(&self.path).await.map_err(AnyStoreError::from)?)
            }
            Kind::JsonFile => {
                AnyStore::Json(JsonFileStore::open(&self.path).await.map_err(AnyStoreError::from)?)
            }
            Kind::Homeserver(_) => {
                AnyStore::Homeserver(Box::new(connect(self.session()?, self.output)?))
            }
        };
        Ok(opened)
    }

    /// Opens the store, which must be there and can be written to: refused before anything is said
    /// of what is to be written, or done for it.
    pub(crate) async fn open_to_write(&self) -> Result<AnyStore, Error> {
        let store = self.open().await?;
        if self.is_json_file() {
            let path = self.path.clone();
            return Err(AnyStoreError::from(JsonFileError::ReadOnly { path }).into());
        }
        Ok(store)
    }

    /// Opens the store, if there is one.
    pub(crate) async fn open_if_there(&self) -> Result<Option<AnyStore>, Error> {
        if self.exists() { self.open().await.map(Some) } else { Ok(None) }
    }

    /// The store that was open, or a new one where there was none.
    pub(crate) async fn opened_or_created(
        &self,
        opened: Option<AnyStore>,
    ) -> Result<AnyStore, Error> {
        if self.is_json_file() {
            return Err(Error::JsonFileIsRead { path: self.path.clone() });
        }
        match opened {
            Some(store) => Ok(store),
            None => {
                self.make_default_directory()?;
                let created = SqliteStore::create(&self.path).await;
                Ok(AnyStore::Sqlite(created.map_err(AnyStoreError::from)?))
            }
        }
    }

    /// Makes the directory of the default store, for its owner's eyes only. Others must be there:
    /// a directory that is not is more likely a typing error.
    pub(crate) fn make_default_directory(&self) -> Result<(), Error> {
        match self.kind {
            Kind::DefaultFile | Kind::Homeserver(_) => make_private(&data_directory()?),
            Kind::File | Kind::JsonFile => Ok(()),
        }
    }

    /// What an open store says of its current backup, readable or not, if there is one.
    pub(crate) async fn current(&self, store: &AnyStore) -> Result<Option<BackupVersion>, Error> {
        let current = store.current_version().await;
        current.map_err(|error| Error::from_store(self.path.clone(), error))
    }

    /// What it says of the version that is meant: the one that is named, which must be there, or
    /// the current one.
    pub(crate) async fn meant(
        &self,
        store: &AnyStore,
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
                there: self.versions(store).await?,
            }),
        }
    }

    /// Which versions it has, the newest first.
    pub(crate) async fn versions(&self, store: &AnyStore) -> Result<Vec<VersionId>, Error> {
        let versions = store.versions(VERSIONS_NAMED).await;
        versions.map_err(|error| Error::from_store(self.path.clone(), error))
    }

    /// The current backup in an open store, if there is one.
    pub(crate) async fn backup(&self, store: &AnyStore) -> Result<Option<OpenBackup>, Error> {
        self.readable(self.current(store).await?)
    }

    /// The backup that is meant, which must be there.
    pub(crate) async fn existing_backup(
        &self,
        store: &AnyStore,
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
