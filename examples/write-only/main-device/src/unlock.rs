//! What is in secret storage, for whoever has its key (S-3).

use matrix_key_backup::OpenBackup;
use matrix_key_backup::secret_storage::{
    AccountData, DecryptedSecret, OpenedKey, SecretStorageKey,
};
use matrix_key_backup::v2::BackupReader;
use matrix_key_backup::wire::{DECRYPTION_KEY_SECRET, UserId};

use crate::{MainDeviceError, Store};

const DEFAULT_KEY: &str = "m.secret_storage.default_key";

/// The user's secret storage, opened.
pub(crate) struct Unlocked<'s> {
    store: &'s Store,
    user_id: &'s UserId,
    opened: OpenedKey,
}

impl<'s> Unlocked<'s> {
    /// Opens it with its key, as people write it down (K-3).
    pub(crate) async fn open(
        store: &'s Store,
        user_id: &'s UserId,
        recovery_key: &str,
    ) -> Result<Self, MainDeviceError> {
        let other = |error: &dyn core::error::Error| MainDeviceError::other(error);
        let mut data = AccountData::new();
        fetch(store, user_id, DEFAULT_KEY, &mut data).await?;
        let key_id = data.default_key_id().map_err(|e| other(&e))?;
        fetch(store, user_id, &format!("m.secret_storage.key.{key_id}"), &mut data).await?;
        let key = SecretStorageKey::from_base58(recovery_key).map_err(|e| other(&e))?;
        let opened = data.default_key().map_err(|e| other(&e))?.open(key).map_err(|e| other(&e))?;
        Ok(Self { store, user_id, opened })
    }

    /// One secret.
    pub(crate) async fn secret(&self, name: &str) -> Result<DecryptedSecret, MainDeviceError> {
        let other = |error: &dyn core::error::Error| MainDeviceError::other(error);
        let mut data = AccountData::new();
        fetch(self.store, self.user_id, name, &mut data).await?;
        let content = data.secret(name).map_err(|e| other(&e))?;
        self.opened.decrypt(name, &content).map_err(|e| other(&e))
    }

    /// What reads this backup: the decryption key, compared with its public key (S-6).
    pub(crate) async fn reader(
        &self,
        backup: &OpenBackup,
    ) -> Result<BackupReader, MainDeviceError> {
        let other = |error: &dyn core::error::Error| MainDeviceError::other(error);
        let key = self.secret(DECRYPTION_KEY_SECRET).await?;
        let key = key.into_decryption_key().map_err(|e| other(&e))?;
        Ok(BackupReader::new(key.check(backup.auth_data()).map_err(|e| other(&e))?))
    }
}

/// Whether the account has a default key of secret storage.
pub(crate) async fn has_secret_storage(
    store: &Store,
    user_id: &UserId,
) -> Result<bool, MainDeviceError> {
    Ok(store.account().data(user_id, DEFAULT_KEY).await?.is_some())
}

async fn fetch(
    store: &Store,
    user_id: &UserId,
    event_type: &str,
    data: &mut AccountData,
) -> Result<(), MainDeviceError> {
    if let Some(content) = store.account().data(user_id, event_type).await? {
        data.insert(event_type, content.get());
    }
    Ok(())
}
