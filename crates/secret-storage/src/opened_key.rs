//! A secret storage key that was opened: what encrypts and decrypts secrets.

use alloc::{string::String, vec::Vec};

use matrix_key_backup_primitives::BackupDecryptionKey;
use matrix_key_backup_wire::{DECRYPTION_KEY_SECRET, Names};
use rand_core::CryptoRng;
use thiserror::Error;

use crate::{
    DecryptedSecret, EncryptedSecretError, KeyCheck, KeyId, SecretContent, SecretStorageKey,
    encrypted_secret::EncryptedSecret, json_text::listed,
};

/// A secret storage key that was checked against its description, as far as that can be done.
///
/// It alone encrypts and decrypts, and [`DescribedKey`](crate::DescribedKey) and
/// [`NewKey`](crate::NewKey) alone make one, so the check is never left out:
///
/// ```compile_fail
/// # use matrix_key_backup_secret_storage::{DecryptedSecret, SecretContent, SecretStorageKey};
/// # use matrix_key_backup_secret_storage::DecryptError;
/// fn without_a_check(
///     key: &SecretStorageKey,
///     content: &SecretContent,
/// ) -> Result<DecryptedSecret, DecryptError> {
///     key.decrypt("m.megolm_backup.v1", content)
/// }
/// ```
///
/// # Security
///
/// It holds the key, and is redacted in `Debug` (K-5).
#[derive(Clone, Debug)]
pub struct OpenedKey {
    id: KeyId,
    key: SecretStorageKey,
    check: KeyCheck,
}

impl OpenedKey {
    pub(crate) const fn new(id: KeyId, key: SecretStorageKey, check: KeyCheck) -> Self {
        Self { id, key, check }
    }

    /// The key's id.
    #[must_use]
    pub const fn id(&self) -> &KeyId {
        &self.id
    }

    /// Whether the key was checked (S-2).
    pub const fn check(&self) -> KeyCheck {
        self.check
    }

    /// The secret key.
    #[must_use]
    pub const fn expose_key(&self) -> &SecretStorageKey {
        &self.key
    }

    /// Decrypts the secret of this name (S-1). The MAC is checked first, over the raw ciphertext.
    ///
    /// # Errors
    ///
    /// [`DecryptError`], which tells a secret that is not there from one that is damaged.
    ///
    /// # Security
    ///
    /// The MAC covers the name and the ciphertext but not the IV: who can change account data can
    /// turn the secret into garbage. So check it for what it must be, as
    /// [`DecryptedSecret::into_decryption_key`] does (S-6).
    pub fn decrypt(
        &self,
        name: &str,
        content: &SecretContent,
    ) -> Result<DecryptedSecret, DecryptError> {
        let name = || String::from(name);
        let entry = content.entry(&self.id).ok_or_else(|| DecryptError::NotStored {
            name: name(),
            key_id: self.id.clone(),
            stored_under: content.key_ids().map(String::from).collect(),
        })?;
        let bytes = EncryptedSecret::parse(entry)
            .map_err(|error| DecryptError::Damaged { name: name(), error })?
            .decrypt(&self.key.keys_for(&name()))
            .map_err(|_| match self.check {
                KeyCheck::Fits => DecryptError::WrongMac { name: name() },
                KeyCheck::NotChecked => DecryptError::WrongKeyOrDamaged { name: name() },
            })?;
        Ok(DecryptedSecret::new(name(), bytes))
    }

    /// Shows that a key that could not be checked is the right one: a secret was stored under it.
    ///
    /// # Errors
    ///
    /// [`DecryptError`] if the secret cannot be decrypted.
    pub fn confirm(mut self, name: &str, content: &SecretContent) -> Result<Self, DecryptError> {
        self.decrypt(name, content)?;
        self.check = KeyCheck::Fits;
        Ok(self)
    }

    /// Encrypts a secret under a fresh IV and puts it into `content` (S-1). What is stored there
    /// under other keys is kept.
    ///
    /// # Errors
    ///
    /// [`EncryptError`] if the key was not checked, or it is no secret to be stored.
    pub fn store<R: CryptoRng + ?Sized>(
        &self,
        name: &str,
        secret: &[u8],
        content: &mut SecretContent,
        rng: &mut R,
    ) -> Result<(), EncryptError> {
        if name.is_empty() {
            return Err(EncryptError::NoName);
        }
        if Names::ALL.iter().any(|names| names.mac_secret() == name) {
            return Err(EncryptError::MacKey);
        }
        self.check_can_store()?;
        let encrypted = EncryptedSecret::encrypt(&self.key.keys_for(name), secret, rng);
        content.insert(&self.id, &encrypted);
        Ok(())
    }

    /// Under a key that was not checked a secret would be lost, or known. // S-2
    pub(crate) fn check_can_store(&self) -> Result<(), EncryptError> {
        match self.check {
            KeyCheck::Fits => Ok(()),
            KeyCheck::NotChecked => Err(EncryptError::KeyNotChecked { key_id: self.id.clone() }),
        }
    }

    /// Stores a backup's decryption key as the secret `m.megolm_backup.v1`: unpadded base64 (S-5).
    ///
    /// # Errors
    ///
    /// [`EncryptError::KeyNotChecked`].
    pub fn store_decryption_key<R: CryptoRng + ?Sized>(
        &self,
        key: &BackupDecryptionKey,
        content: &mut SecretContent,
        rng: &mut R,
    ) -> Result<(), EncryptError> {
        self.store(DECRYPTION_KEY_SECRET, key.expose_base64().as_bytes(), content, rng)
    }
}

/// A secret could not be decrypted.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DecryptError {
    /// There is nothing under this key.
    #[error(
        "the secret {name:?} is not stored under the secret storage key {key_id:?}; keys that it is \
         stored under: {}",
        listed(stored_under)
    )]
    #[non_exhaustive]
    NotStored {
        /// The secret's name.
        name: String,
        /// The key that was tried.
        key_id: KeyId,
        /// The ids of the keys under which it is stored.
        stored_under: Vec<String>,
    },
    /// What is stored has not the form of a secret.
    #[error("the secret {name:?} is damaged: {error}")]
    #[non_exhaustive]
    Damaged {
        /// The secret's name.
        name: String,
        /// What is wrong.
        error: EncryptedSecretError,
    },
    /// The key is right, and the MAC is wrong.
    #[error(
        "the secret storage key is right, but the secret {name:?} is damaged, or it was stored \
         under another name: its MAC is wrong"
    )]
    #[non_exhaustive]
    WrongMac {
        /// The secret's name.
        name: String,
    },
    /// The MAC is wrong, and the key could not be checked.
    #[error(
        "the secret storage key is wrong, or the secret {name:?} is damaged: which of the two it is \
         cannot be told, because the key's description has no key check"
    )]
    #[non_exhaustive]
    WrongKeyOrDamaged {
        /// The secret's name.
        name: String,
    },
}

/// A secret is not stored.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum EncryptError {
    /// The name is empty. That one is for the key check (S-2).
    #[error("a secret must have a name")]
    NoName,
    /// It is the backup's MAC key, which follows from the decryption key and is never stored (S-5).
    #[error("the backup's MAC key is not stored: it is derived from the decryption key")]
    MacKey,
    /// Nobody knows whether the key is right. Under a wrong one the secret would be lost, and under
    /// one that a server made easy to guess it would be known.
    #[error(
        "the secret storage key {key_id:?} was not checked, because its description has no key \
         check: decrypt a secret with it first"
    )]
    #[non_exhaustive]
    KeyNotChecked {
        /// The key.
        key_id: KeyId,
    },
}
