//! What can go wrong with secret storage, and what that means for the exit status.

use matrix_key_backup::primitives::KeyRepresentationError;
use matrix_key_backup_secret_storage::{
    AccountDataError, DecryptError, EncryptError, KeyDescriptionError, NotADecryptionKey,
    OpenError, PassphraseInfoError,
};
use thiserror::Error;

use crate::{account_data::AccountPlace, error::Kind, files::Input, secrets::Origin};

/// Why secret storage could not be opened, read or made.
#[derive(Debug, Error)]
pub(crate) enum StorageError {
    #[error(
        "{file} is no account data: {problem}. Give a JSON object of contents by type, a list of \
         events, or an answer of /sync"
    )]
    NotAccountData { file: Input, problem: String },

    #[error(
        "{file} is no `auth_data` of a backup: {problem}. Give the answer of GET \
         /room_keys/version, or the `auth_data` in it"
    )]
    NotAuthData { file: Input, problem: String },

    #[error(
        "{origin} holds no secret storage key: {error}. Compare it with what you wrote down; a \
         passphrase is given with --passphrase-file"
    )]
    NotAKey { origin: Origin, error: KeyRepresentationError },

    #[error("{from}: {error}{}", advice(error))]
    AccountData { from: AccountPlace, error: AccountDataError },

    #[error("{origin}: {error}{}", remedy(error))]
    NotOpened { origin: Origin, error: OpenError },

    #[error("{from}: {error}")]
    NotDecrypted { from: AccountPlace, error: DecryptError },

    #[error("{from}: {error}")]
    NotADecryptionKey { from: AccountPlace, error: NotADecryptionKey },

    #[error("{key} and {backup} do not belong together: {problem}. {advice}")]
    OtherBackup { key: Origin, backup: String, problem: String, advice: &'static str },

    #[error("{0}")]
    NotStored(#[from] EncryptError),
}

impl StorageError {
    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::NotAccountData { .. } | Self::NotAuthData { .. } => Kind::File,
            Self::NotAKey { .. } => Kind::WrongKey,
            Self::AccountData { error, .. } => of_account_data(error),
            Self::NotOpened { error, .. } => of_opening(error),
            Self::NotDecrypted { error, .. } => of_decrypting(error),
            Self::NotADecryptionKey { .. } => Kind::Damaged,
            Self::OtherBackup { .. } => Kind::OtherBackup,
            Self::NotStored(_) => Kind::Usage,
        }
    }
}

fn of_account_data(error: &AccountDataError) -> Kind {
    use AccountDataError as Error;
    match error {
        Error::NoDefaultKey { .. } | Error::NoSuchKey { .. } | Error::NoSuchSecret { .. } => {
            Kind::NotStored
        }
        Error::KeyDescription {
            error: KeyDescriptionError::UnsupportedAlgorithm { .. }, ..
        } => Kind::Unsupported,
        _ => Kind::Damaged,
    }
}

fn of_opening(error: &OpenError) -> Kind {
    match error {
        OpenError::WrongPassphrase { .. } => Kind::WrongPassphrase,
        OpenError::Passphrase { error: PassphraseInfoError::NoPassphrase, .. } => Kind::Usage,
        OpenError::Passphrase { error: PassphraseInfoError::Property(_), .. } => Kind::Damaged,
        OpenError::Passphrase { .. } => Kind::Unsupported,
        _ => Kind::WrongKey,
    }
}

fn of_decrypting(error: &DecryptError) -> Kind {
    match error {
        DecryptError::NotStored { .. } => Kind::NotStored,
        DecryptError::WrongKeyOrDamaged { .. } => Kind::WrongKey,
        _ => Kind::Damaged,
    }
}

fn advice(error: &AccountDataError) -> &'static str {
    match error {
        AccountDataError::NoDefaultKey { existing, .. } if !existing.is_empty() => {
            ". Give one of them with --key-id"
        }
        AccountDataError::NoSuchKey { existing, .. } if !existing.is_empty() => {
            ". Give another one with --key-id"
        }
        AccountDataError::NoDefaultKey { .. } | AccountDataError::NoSuchKey { .. } => {
            ". Is this all of the account data?"
        }
        AccountDataError::NoSuchSecret { .. } => {
            ": no client has stored it there, or this is not all of the account data"
        }
        _ => "",
    }
}

fn remedy(error: &OpenError) -> &'static str {
    match error {
        OpenError::WrongPassphrase { .. } => ". Try again: capitals and spaces count",
        OpenError::WrongKey { .. } => {
            ". Look for the right one, or give the key that this is with --key-id"
        }
        OpenError::Passphrase { error: PassphraseInfoError::NoPassphrase, .. } => {
            " with --storage-key-file"
        }
        OpenError::Passphrase { .. } => {
            ". The key itself, given with --storage-key-file, opens it all the same"
        }
        _ => "",
    }
}
