//! What a device receives that has asked.

use matrix_key_backup_primitives::{BackupDecryptionKey, BackupMacKey, Base64KeyError};
use matrix_key_backup_wire::AuthData;

use super::{DeviceId, SharedSecret};
use crate::{OtherBackup, UncheckedDecryptionKey};

/// A secret that was asked for, as the type that was asked for.
#[derive(Debug)]
#[non_exhaustive]
pub enum ReceivedSecret {
    /// The decryption key was asked for.
    DecryptionKey(Received<BackupDecryptionKey>),
    /// The MAC key was asked for.
    MacKey(Received<BackupMacKey>),
}

impl ReceivedSecret {
    /// Reads what was asked for as `secret` (K-4).
    pub(super) fn read(
        secret: SharedSecret,
        text: &str,
        device_id: &DeviceId,
    ) -> Result<Self, Base64KeyError> {
        let device_id = device_id.clone();
        Ok(match secret {
            SharedSecret::DecryptionKey => Self::DecryptionKey(Received {
                key: BackupDecryptionKey::from_base64(text)?,
                device_id,
            }),
            SharedSecret::MacKey(_) => {
                Self::MacKey(Received { key: BackupMacKey::from_base64(text)?, device_id })
            }
        })
    }
}

/// A key that one of the user's own verified devices has sent because it was asked (G-3).
///
/// Whether it belongs to the backup nobody has looked at yet: the device may hold an old one.
#[derive(Debug)]
pub struct Received<K> {
    key: K,
    device_id: DeviceId,
}

impl<K> Received<K> {
    /// The device that sent it.
    #[must_use]
    pub const fn device_id(&self) -> &DeviceId {
        &self.device_id
    }
}

impl Received<BackupMacKey> {
    /// The MAC key, which nothing has confirmed: it cannot be compared with the public key, and no
    /// version comes with it (T-5). A writer first verifies an existing entry with it.
    #[must_use]
    pub fn into_unconfirmed(self) -> BackupMacKey {
        self.key
    }
}

impl Received<BackupDecryptionKey> {
    /// The decryption key, if it is that of the backup with this `auth_data`. It then is a key that
    /// a verified device has shared, which is a reason to trust that backup (T-1).
    ///
    /// # Errors
    ///
    /// [`OtherBackup`] if it is the key of another backup: an older one, most of the time.
    pub fn check(&self, auth_data: &AuthData) -> Result<BackupDecryptionKey, OtherBackup> {
        UncheckedDecryptionKey::new(self.key.clone()).check(auth_data)
    }
}
