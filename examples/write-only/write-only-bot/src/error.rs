//! Why the bot stops.

use std::path::PathBuf;

use client_api::{ApiError, homeserver_is_passing};
use matrix_key_backup::OpenError;
use matrix_key_backup::store::StoreError;
use matrix_key_backup::store::homeserver::HomeserverError;
use matrix_key_backup::trust::TrustError;
use matrix_key_backup::upload::UploadError;
use thiserror::Error;

/// Why the bot stops. Nothing is lost: keys that are not written yet are in its state.
///
/// [`exit_status`](Self::exit_status) tells whoever started it what is to be done.
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
    /// The master key that was given is none. What was given is not shown: it may be a secret that
    /// went to the wrong place.
    #[error("what was given as master key is no Ed25519 key in unpadded base64")]
    NoMasterKey,
    /// No password was given.
    #[error("there is no password: put it into the variable {0} or into the standard input")]
    NoPassword(&'static str),
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
        match self {
            Self::Api(error) => error.is_passing(),
            Self::Backup(OpenError::Store(error)) | Self::Upload(UploadError::Store(error)) => {
                store_is_passing(error)
            }
            _ => false,
        }
    }

    /// Whether the homeserver no longer takes the access token: the device was logged out.
    #[must_use]
    pub fn is_logged_out(&self) -> bool {
        match self {
            Self::Api(ApiError::Refused { status, .. }) => *status == 401,
            Self::Backup(OpenError::Store(StoreError::Store(error)))
            | Self::Upload(UploadError::Store(StoreError::Store(error))) => {
                matches!(error, HomeserverError::Unauthorized { .. })
            }
            _ => false,
        }
    }

    /// What the process ends with: 3 if the device was logged out, 4 if a person has to look at the
    /// backup or the user's cross-signing keys (T-1 to T-5), 1 for anything else. (2 is for a
    /// command that cannot be read.)
    #[must_use]
    pub fn exit_status(&self) -> u8 {
        match self {
            _ if self.is_logged_out() => 3,
            Self::NotMyKeys(_)
            | Self::OtherMasterKey { .. }
            | Self::BackupGone
            | Self::NotTrusted(_)
            | Self::Backup(OpenError::Unreadable(_))
            | Self::Upload(UploadError::NotTheTrustedBackup | UploadError::StaleMacKey) => 4,
            _ => 1,
        }
    }
}

fn store_is_passing(error: &StoreError<HomeserverError>) -> bool {
    match error {
        // The user may have made a new backup in this moment: whether it is to be trusted is for the
        // next look to say. // T-3
        StoreError::NoSuchVersion { .. } | StoreError::WrongVersion { .. } => true,
        StoreError::Store(error) => homeserver_is_passing(error),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(status: u16) -> BotError {
        ApiError::Refused { status, errcode: String::new(), said: String::new() }.into()
    }

    #[test]
    fn what_passes_is_tried_again_and_a_refused_token_has_its_own_status() {
        assert!(refused(429).is_passing() && refused(502).is_passing());
        assert!(!refused(401).is_passing() && !refused(403).is_passing());
        assert_eq!([refused(401), refused(403)].map(|error| error.exit_status()), [3, 1]);
        assert_eq!(BotError::BackupGone.exit_status(), 4);
        let version = matrix_key_backup::wire::VersionId::new("1");
        let newer = StoreError::WrongVersion { version, current: None };
        assert!(BotError::from(UploadError::Store(newer)).is_passing());
    }
}
