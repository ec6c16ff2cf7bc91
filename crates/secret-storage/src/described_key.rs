//! A secret storage key that account data describes, and how it is opened.

use matrix_key_backup_primitives::Passphrase;
use thiserror::Error;

use crate::{
    AccountDataEvent, KEY_EVENT_TYPE_PREFIX, KeyDescription, KeyId, OpenedKey, PassphraseInfoError,
    SecretStorageKey,
};

/// The id and the description of a secret storage key, `m.secret_storage.key.<id>` (S-3): all but
/// the key.
#[derive(Clone, Debug)]
pub struct DescribedKey {
    id: KeyId,
    description: KeyDescription,
}

impl DescribedKey {
    /// Puts the two together. The id is what follows `m.secret_storage.key.` in the event's type.
    #[must_use]
    pub const fn new(id: KeyId, description: KeyDescription) -> Self {
        Self { id, description }
    }

    /// The id.
    #[must_use]
    pub const fn id(&self) -> &KeyId {
        &self.id
    }

    /// The description.
    #[must_use]
    pub const fn description(&self) -> &KeyDescription {
        &self.description
    }

    /// Checks a key against the description (S-2), so that it can be used.
    ///
    /// # Errors
    ///
    /// [`OpenError::WrongKey`] if it is another key.
    pub fn open(&self, key: SecretStorageKey) -> Result<OpenedKey, OpenError> {
        match self.description.check(&key) {
            Ok(check) => Ok(OpenedKey::new(self.id.clone(), key, check)),
            Err(_) => Err(OpenError::WrongKey { key_id: self.id.clone() }),
        }
    }

    /// Derives the key from a passphrase, and checks it (S-4, S-2).
    ///
    /// It takes as long as the number of iterations says, which
    /// [`KeyDescription::passphrase`] tells in advance.
    ///
    /// # Errors
    ///
    /// [`OpenError::Passphrase`], before anything is computed, if the key follows from no
    /// passphrase or in no way that is known; [`OpenError::WrongPassphrase`] if it is another one.
    pub fn open_with_passphrase(&self, passphrase: &Passphrase) -> Result<OpenedKey, OpenError> {
        let key_id = || self.id.clone();
        let info = self
            .description
            .passphrase()
            .map_err(|error| OpenError::Passphrase { key_id: key_id(), error: error.clone() })?;
        self.open(SecretStorageKey::from_passphrase(passphrase, info))
            .map_err(|_| OpenError::WrongPassphrase { key_id: key_id() })
    }

    /// The description as account data.
    #[must_use]
    pub fn to_event(&self) -> AccountDataEvent {
        let event_type = alloc::format!("{KEY_EVENT_TYPE_PREFIX}{}", self.id);
        AccountDataEvent::of(event_type, &self.description)
    }
}

/// A secret storage key could not be opened.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The key does not fit. If the description was changed, it looks the same.
    #[error(
        "this is another key than the secret storage key {key_id:?}, or its description was changed"
    )]
    #[non_exhaustive]
    WrongKey {
        /// The key that was to be opened.
        key_id: KeyId,
    },
    /// What was derived does not fit. If the description was changed, it looks the same.
    #[error(
        "the passphrase is wrong for the secret storage key {key_id:?}, or its description was \
         changed"
    )]
    #[non_exhaustive]
    WrongPassphrase {
        /// The key that was to be opened.
        key_id: KeyId,
    },
    /// No key can be derived from any passphrase.
    #[error("the secret storage key {key_id:?} cannot be opened with a passphrase: {error}")]
    #[non_exhaustive]
    Passphrase {
        /// The key that was to be opened.
        key_id: KeyId,
        /// Why.
        error: PassphraseInfoError,
    },
}
