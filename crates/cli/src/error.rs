//! All that can make a command fail, and, in one place ([`Error::kind`]), what that means for the
//! exit status.

use std::{io, path::PathBuf};

use matrix_key_backup::{
    OpenError, UnreadableBackup,
    account::{DiscoveryError, LoginError},
    key_export::{DecryptError, KeyExportFileError},
    store::{
        JsonFileError, StoreError, VersionId,
        homeserver::{HomeserverError, MalformedAccessToken, TransportError},
    },
    upload::UploadError,
    v2::SealError,
    wire::WriterKeyError,
};
use thiserror::Error;

use crate::{
    any_store::AnyStoreError,
    exit::ExitStatus,
    files::Input,
    secrets::{KeyTextError, Origin},
    storage_error::StorageError,
};

/// Why a command did not do what it was asked to.
///
/// Each message says what happened, to which file or backup, and what to do next. None shows
/// anything of a key or passphrase.
#[derive(Debug, Error)]
pub(crate) enum Error {
    #[error("{0}")]
    Usage(String),

    #[error(
        "one of the arguments, or the path of the store, looks like a key. It is not shown here, \
         and nothing was done. Everybody on the machine can see arguments, and the shell may keep \
         them: take the line out of its history, put the key into a file that only you can read, \
         and give the path of that file, or set MATRIX_KEY_BACKUP_KEY (for a secret storage key \
         MATRIX_KEY_BACKUP_STORAGE_KEY), or type it when you are asked"
    )]
    KeyAsArgument,

    #[error("{file} cannot be read: {source}. Check the path and its permissions")]
    Read { file: Input, source: io::Error },

    #[error("{file} is no UTF-8 text, so there is no {what} in it. Check the path")]
    NotText { file: Input, what: &'static str },

    #[error("{file} is too large for a file with a {what} in it. Check the path")]
    TooLong { file: Input, what: &'static str },

    #[error("{} cannot be written: {source}. Check the directory, its permissions and the room \
             on the disk, or give another path", path.display())]
    Write { path: PathBuf, source: io::Error },

    #[error(
        "{file} is larger than 1 GiB, and nothing was read from it: give a key export file, and \
             split the export if it is one"
    )]
    TooLarge { file: Input },

    #[error("the report could not be written to standard output: {source}. {done}")]
    NotReported { done: String, source: io::Error },

    #[error(
        "{what} could not be written to standard output: {source}. Nothing was changed: run \
             the command again"
    )]
    StandardOutput { what: &'static str, source: io::Error },

    #[error("whoever read standard output has gone away: not all keys were written there")]
    ReaderGone,

    #[error("{} is there already, and nothing was written: {advice}", path.display())]
    Exists { path: PathBuf, advice: &'static str },

    #[error("{file}: {source}. Nothing was uploaded; export the keys again, or leave it out")]
    NotAKeyExport { file: Input, source: KeyExportFileError },

    #[error("{file}: {source}. Nothing was uploaded; export the keys again, or leave it out")]
    NotAListOfKeys { file: Input, source: DecryptError },

    #[error("there is no backup in {}: {advice}", store.display())]
    NoBackup { store: PathBuf, advice: &'static str },

    #[error("{} has a backup already, version {version}, and nothing was changed: to begin a new \
             one in its place, add --replace. The old one then stays in the store, read-only; \
             `--backup-version {version}` of restore, verify, list and status reads it",
            store.display())]
    HasBackup { store: PathBuf, version: VersionId },

    #[error("there is no backup version {version} in {}: {}", store.display(), said(there))]
    NoSuchVersion { store: PathBuf, version: VersionId, there: Vec<VersionId> },

    #[error(
        "{file} could not be opened with the passphrase from {origin}: the passphrase is \
             wrong, or the file is damaged. Nothing was uploaded; try the passphrase again, or \
             export the keys again"
    )]
    WrongPassphrase { file: Input, origin: Origin },

    #[error("{origin} holds no decryption key: {error}. Compare it with what you wrote down")]
    NotAKey { origin: Origin, error: KeyTextError },

    #[error("{origin} holds no writer key: {error}. Have it made anew by `key writer`")]
    NotAWriterKey { origin: Origin, error: WriterKeyError },

    #[error("{origin} does not fit backup version {version} in {}: {problem}. Give the key that \
             belongs to this backup, or the path of another store", store.display())]
    OtherKey { origin: Origin, version: VersionId, store: PathBuf, problem: String },

    #[error("{origin} does not fit the backup in {}: {problem}. Ask whoever holds the decryption \
             key for a new writer key", store.display())]
    OtherMacKey { origin: Origin, store: PathBuf, problem: String },

    #[error("there is no store at {}: {advice}", path.display())]
    NoStore { path: PathBuf, advice: &'static str },

    #[error("{0}")]
    Store(#[from] AnyStoreError),

    #[error("{} is a JSON file, which is only read: nothing was created. Give the path of another \
             store, or take a backup there with `copy`", path.display())]
    JsonFileIsRead { path: PathBuf },

    #[error("nobody is logged in at a homeserver: log in first, with `login`")]
    NotLoggedIn,

    #[error("{} holds no session that this version of the program can read: move it away, and log \
             in anew with `login`", path.display())]
    NotASession { path: PathBuf },

    #[error(
        "no connection can be made to any homeserver: {error}. Check the proxies that the \
             environment names"
    )]
    NoTransport { error: TransportError },

    #[error(
        "the system does not let the program wait for a network: {source}. Restart the machine \
             if that does not go away"
    )]
    NoRuntime { source: io::Error },

    #[error("{0}")]
    Login(LoginError),

    #[error("{0}. Where the homeserver is can be said with --homeserver")]
    Discovery(Box<DiscoveryError>),

    #[error("{account} is logged in, and there is one session: end it with `logout` first")]
    LoggedInAlready { account: String },

    #[error(
        "this is the account {found}, and {meant} was meant: nothing was done. Leave out --user, or log \
             in to the other account"
    )]
    OtherAccount { meant: String, found: String },

    #[error("no access token was given: {error}. Copy it again from the settings of your client")]
    NotAToken { error: MalformedAccessToken },

    #[error("{} has another backup, version {current}, and nothing was copied: copy to an empty \
             store, or add --new-version to make a new one there, which makes that one read-only",
            store.display())]
    OtherBackupThere { store: PathBuf, current: VersionId },

    #[error("{}: {problem}. Nothing was done. Another device of yours may have deleted the newer \
             backup; else somebody at the homeserver wants you to use the older one. If you know why, \
             add --accept-older-backup", store.display())]
    WentBack { store: PathBuf, problem: String },

    #[error("{}, in which the program remembers what the homeserver has shown, cannot be read: \
             {source}. Without it nobody notices when the server goes back to an older backup: look \
             at the file, and move it away to begin anew", file.display())]
    Memory { file: PathBuf, source: io::Error },

    #[error("{}: the copy stopped: {problem}. Run the command again", store.display())]
    CopyStopped { store: PathBuf, problem: String },

    #[error("{0}")]
    Storage(#[from] StorageError),

    #[error("{}: {error}. Perhaps another program has changed it just now: run the command again, \
             and look at it with `status`", store.display())]
    StoreChanged { store: PathBuf, error: Box<StoreError<AnyStoreError>> },

    #[error("{}: {error}. A newer version of this program may know it; `status` shows what is \
             there", store.display())]
    UnreadableBackup { store: PathBuf, error: Box<UnreadableBackup> },

    #[error("{}: {error}. Begin a new one with `create --replace`", store.display())]
    UnusableBackup { store: PathBuf, error: SealError },

    #[error("{}: backup version {version} is no longer the one to which the key was found to fit: \
             another program has changed its algorithm or its public key, and nothing was \
             uploaded. Look at it with `status`, and upload again if it is still your backup",
            store.display())]
    NotTheTrustedBackup { store: PathBuf, version: VersionId },

    #[error(
        "the system's random number generator failed, so no key can be made. Run the command \
             again; if that does not help, restart the machine"
    )]
    NoRandomness,

    #[error("the directory for the default store cannot be found: give the path with --store")]
    NoDataDirectory,

    #[error("there is nothing to migrate in {}: version {version}, the current one, is of the \
             algorithm, the names and the key that are wanted, and no older version is of the key \
             that was given. Nothing was changed; `--names` and `--new-key` ask for other ones",
            store.display())]
    NothingToMigrate { store: PathBuf, version: VersionId },

    #[error("version {current} in {} has taken the place of version {old}, and has another \
             algorithm, other names or another key than the new version is to have: nothing was \
             changed. Migrate version {current}, or give the names and the key (--new-key-file) with \
             which the migration was begun", store.display())]
    Replaced { store: PathBuf, old: VersionId, current: VersionId },

    #[error("{}: the migration stopped: {problem}. The old version is as it was; run the command \
             again", store.display())]
    MigrationStopped { store: PathBuf, problem: String },

    #[error("the answer was not yes, so nothing was changed")]
    Declined,

    #[error("interrupted")]
    Interrupted,
}

/// Which versions a store has.
fn said(versions: &[VersionId]) -> String {
    let names: Vec<_> = versions.iter().map(VersionId::as_str).collect();
    match &names[..] {
        [] => "it has no backup at all. Check the path, or begin one with `create`".to_owned(),
        [only] => format!("the only one that it has is version {only}"),
        [newer @ .., oldest] => {
            format!("it has the versions {} and {oldest}", newer.join(", "))
        }
    }
}

/// What kind of failure it is: the word for it under `--json`, and the exit status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Usage,
    File,
    NoBackup,
    HasBackup,
    NotStored,
    Damaged,
    Unsupported,
    WrongKey,
    WrongPassphrase,
    WrongPassword,
    OtherBackup,
    WentBack,
    Store,
    NotLoggedIn,
    Unreachable,
    RateLimited,
    StandardOutput,
    Interrupted,
}

impl Error {
    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::Usage(_)
            | Self::KeyAsArgument
            | Self::NoDataDirectory
            | Self::Declined
            | Self::LoggedInAlready { .. }
            | Self::OtherAccount { .. } => Kind::Usage,
            Self::Login(error) => of_login(error),
            Self::Discovery(error) => of_discovery(error),
            Self::Read { .. }
            | Self::NotText { .. }
            | Self::TooLong { .. }
            | Self::TooLarge { .. }
            | Self::Write { .. }
            | Self::Exists { .. }
            | Self::NotAKeyExport { .. }
            | Self::NotAListOfKeys { .. } => Kind::File,
            Self::NotReported { .. } | Self::StandardOutput { .. } | Self::ReaderGone => {
                Kind::StandardOutput
            }
            Self::Storage(error) => error.kind(),
            Self::NoBackup { .. } | Self::NoSuchVersion { .. } => Kind::NoBackup,
            Self::OtherBackupThere { .. }
            | Self::HasBackup { .. }
            | Self::NothingToMigrate { .. }
            | Self::Replaced { .. } => Kind::HasBackup,
            Self::NotAKey { .. }
            | Self::NotAWriterKey { .. }
            | Self::OtherKey { .. }
            | Self::OtherMacKey { .. } => Kind::WrongKey,
            Self::WrongPassphrase { .. } => Kind::WrongPassphrase,
            Self::WentBack { .. } => Kind::WentBack,
            Self::Memory { .. }
            | Self::JsonFileIsRead { .. }
            | Self::Store(AnyStoreError::Json(JsonFileError::ReadOnly { .. })) => Kind::File,
            Self::NotLoggedIn | Self::NotASession { .. } | Self::NotAToken { .. } => {
                Kind::NotLoggedIn
            }
            Self::Store(AnyStoreError::Homeserver(error)) => of_homeserver(error),
            Self::NoStore { .. }
            | Self::Store(_)
            | Self::CopyStopped { .. }
            | Self::NoTransport { .. }
            | Self::NoRuntime { .. }
            | Self::StoreChanged { .. }
            | Self::UnreadableBackup { .. }
            | Self::UnusableBackup { .. }
            | Self::MigrationStopped { .. }
            | Self::NoRandomness => Kind::Store,
            Self::NotTheTrustedBackup { .. } => Kind::OtherBackup,
            Self::Interrupted => Kind::Interrupted,
        }
    }

    /// What a store said; `store` is its path.
    pub(crate) fn from_store(store: PathBuf, error: StoreError<AnyStoreError>) -> Self {
        match error {
            StoreError::Store(error) => Self::Store(error),
            error => Self::StoreChanged { store, error: Box::new(error) },
        }
    }

    /// Why there is no backup to work with.
    pub(crate) fn from_open(store: PathBuf, error: OpenError<AnyStoreError>) -> Self {
        match error {
            OpenError::Unreadable(error) => {
                Self::UnreadableBackup { store, error: Box::new(error) }
            }
            OpenError::Store(error) => Self::from_store(store, error),
            _ => Self::NoBackup { store, advice: "begin one with `create`" },
        }
    }

    /// Why an upload to this version stopped; `origin` is where the key came from.
    pub(crate) fn from_upload(
        store: PathBuf,
        version: &VersionId,
        origin: &Origin,
        error: UploadError<AnyStoreError>,
    ) -> Self {
        match error {
            UploadError::Store(error) => Self::from_store(store, error),
            UploadError::Seal(error) => Self::UnusableBackup { store, error },
            UploadError::NoRandomness => Self::NoRandomness,
            UploadError::NotTheTrustedBackup => {
                Self::NotTheTrustedBackup { store, version: version.clone() } // T-3
            }
            error => {
                Self::OtherMacKey { origin: origin.clone(), store, problem: error.to_string() }
            }
        }
    }
}

/// What a homeserver's failure means to a person: log in again, try again, or something else.
fn of_homeserver(error: &HomeserverError) -> Kind {
    match error {
        HomeserverError::Unauthorized { .. } => Kind::NotLoggedIn,
        HomeserverError::Unreachable { .. } | HomeserverError::BrokenOff { .. } => {
            Kind::Unreachable
        }
        HomeserverError::RateLimited { .. } => Kind::RateLimited,
        HomeserverError::Key { cause, .. } => of_homeserver(cause),
        _ => Kind::Store,
    }
}

fn of_login(error: &LoginError) -> Kind {
    match error {
        LoginError::WrongPassword { .. } => Kind::WrongPassword,
        LoginError::NoPasswords { .. } => Kind::Unsupported,
        LoginError::RefreshTokenEnded { .. } => Kind::NotLoggedIn,
        LoginError::Homeserver(error) => of_homeserver(error),
        _ => Kind::Store,
    }
}

fn of_discovery(error: &DiscoveryError) -> Kind {
    match error {
        DiscoveryError::WellKnown { cause, .. } | DiscoveryError::NoHomeserver { cause, .. } => {
            of_homeserver(cause)
        }
        _ => Kind::Store,
    }
}

impl Kind {
    pub(crate) fn exit_status(self) -> ExitStatus {
        match self {
            Self::Usage
            | Self::File
            | Self::NoBackup
            | Self::HasBackup
            | Self::NotStored
            | Self::Damaged
            | Self::Unsupported => ExitStatus::Usage,
            Self::WrongKey
            | Self::WrongPassphrase
            | Self::WrongPassword
            | Self::OtherBackup
            | Self::WentBack => ExitStatus::WrongKey,
            Self::Store | Self::Unreachable | Self::RateLimited => ExitStatus::Store,
            Self::NotLoggedIn => ExitStatus::NotLoggedIn,
            Self::StandardOutput => ExitStatus::StandardOutput,
            Self::Interrupted => ExitStatus::Interrupted,
        }
    }

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Usage => "usage",
            Self::File => "file",
            Self::NoBackup => "no_backup",
            Self::HasBackup => "has_backup",
            Self::NotStored => "not_stored",
            Self::Damaged => "damaged",
            Self::Unsupported => "unsupported",
            Self::WrongKey => "wrong_key",
            Self::WrongPassphrase => "wrong_passphrase",
            Self::WrongPassword => "wrong_password",
            Self::OtherBackup => "other_backup",
            Self::WentBack => "went_back",
            Self::Store => "store",
            Self::NotLoggedIn => "not_logged_in",
            Self::Unreachable => "unreachable",
            Self::RateLimited => "rate_limited",
            Self::StandardOutput => "standard_output",
            Self::Interrupted => "interrupted",
        }
    }
}
