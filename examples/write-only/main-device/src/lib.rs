//! A user's full device: it makes the backup, holds its decryption key, and lets the user's own
//! verified devices write to it (MSC4048).
//!
//! Olm, Megolm, cross-signing are matrix-sdk-crypto's; backup, secret storage and secret sharing are
//! `matrix-key-backup`'s. It keeps nothing over restarts, because matrix-sdk-crypto's own store on
//! disk cannot be linked beside ours; a real client has one.

mod create;
mod error;
mod grant;
mod sign_in;

use core::fmt;
use core::time::Duration;
use std::sync::Arc;

use matrix_key_backup::OpenBackup;
use matrix_key_backup::secret_storage::sharing::{SECRET_REQUEST, SecretResponder};
use matrix_key_backup::store::homeserver::{HomeserverStore, ReqwestTransport};
use matrix_key_backup::v2::BackupReader;
use matrix_key_backup::wire::UserId;
use olm_device::OlmDevice;
use zeroize::Zeroizing;

pub use error::MainDeviceError;
pub use grant::Said;
pub use sign_in::{Restored, restore};

/// The store of this program.
pub type Store = HomeserverStore<Arc<ReqwestTransport>>;

/// The device at work, with a backup and its key.
pub struct MainDevice {
    device: OlmDevice,
    store: Store,
    responder: SecretResponder,
    backup: OpenBackup,
    reader: BackupReader,
    /// The secret storage key, as people write it down (K-3).
    recovery_key: Zeroizing<String>,
}

impl MainDevice {
    /// The device of matrix-sdk-crypto.
    #[must_use]
    pub const fn device(&self) -> &OlmDevice {
        &self.device
    }

    /// The user's backup at the homeserver.
    #[must_use]
    pub const fn store(&self) -> &Store {
        &self.store
    }

    /// The backup that it has made.
    #[must_use]
    pub const fn backup(&self) -> &OpenBackup {
        &self.backup
    }

    /// What decrypts the backup.
    #[must_use]
    pub const fn reader(&self) -> &BackupReader {
        &self.reader
    }

    /// The secret storage key, to be written down.
    #[must_use]
    pub fn recovery_key(&self) -> &str {
        &self.recovery_key
    }

    /// One turn: takes what came, and answers requests for the MAC key.
    ///
    /// Requests for secrets never reach matrix-sdk-crypto: it would answer each verified device with
    /// all that it has, cross-signing keys included, and a write-only device is a verified device.
    ///
    /// # Errors
    ///
    /// [`MainDeviceError`].
    pub async fn step(
        &mut self,
        wait: Duration,
        said: &mut Vec<Said>,
    ) -> Result<(), MainDeviceError> {
        let received = self.device.sync(wait, &[SECRET_REQUEST]).await?;
        for request in &received.kept_from_the_machine {
            let heard = self.receive_request(request).await?;
            said.push(heard);
        }
        self.back_up().await
    }
}

pub(crate) fn user_id(device: &OlmDevice) -> Result<UserId, MainDeviceError> {
    UserId::new(device.user_id().as_str()).map_err(|error| MainDeviceError::other(&error))
}

impl fmt::Debug for MainDevice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MainDevice({:?})", self.device)
    }
}
