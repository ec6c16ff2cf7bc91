//! Why the bot stops.

use std::path::PathBuf;

use client_api::ApiError;
use matrix_key_backup::OpenError;
use matrix_key_backup::store::homeserver::HomeserverError;
use matrix_key_backup::trust::TrustError;
use matrix_key_backup::upload::UploadError;
use thiserror::Error;

/// Why the bot stops. Nothing is lost: keys that are not written yet are in its state.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BotError {
    /// A request failed.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// The file with the state cannot be read or written.
    #[error("{}: {what}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// The homeserver has other keys for this device than it has itself.
    #[error("the homeserver shows other keys for this device than it has: {0}")]
    NotMyKeys(&'static str),
    /// The user's master key is not the one that was compared when the bot was set up.
    #[error(
        "the homeserver shows the master key {found:?}, and {pinned} was given: if the user made \
         new cross-signing keys, set this device up again"
    )]
    OtherMasterKey {
        /// The one that the homeserver shows.
        found: String,
        /// The one that was given.
        pinned: String,
    },
    /// The master key that was given is none.
    #[error("{0:?} is no Ed25519 key in unpadded base64")]
    NoMasterKey(String),
    /// The backup that was written to is gone, and there is no other.
    #[error("the backup that was written to is gone, and there is no other")]
    BackupGone,
    /// The current backup cannot be read.
    #[error(transparent)]
    Backup(OpenError<HomeserverError>),
    /// The current backup is not to be written to (T-1 to T-4).
    #[error(transparent)]
    NotTrusted(#[from] TrustError),
    /// Writing failed.
    #[error(transparent)]
    Upload(#[from] UploadError<HomeserverError>),
    /// The system gave no random numbers.
    #[error("the system's random number generator failed")]
    NoRandomness,
    /// What cannot be, if the libraries do as they say.
    #[error("{0}")]
    Internal(String),
}

impl BotError {
    /// Whether a later try may succeed, with nothing else changed.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        use matrix_key_backup::store::StoreError::Store;
        let store = |error: &HomeserverError| match error {
            HomeserverError::Unauthorized { .. } => false,
            HomeserverError::Unreachable { .. } => true,
            _ => false,
        };
        match self {
            Self::Api(error) => error.is_passing(),
            Self::Backup(OpenError::Store(Store(error)))
            | Self::Upload(UploadError::Store(Store(error))) => store(error),
            _ => false,
        }
    }
}
