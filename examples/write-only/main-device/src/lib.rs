//! A user's full device: it makes the backup, holds its decryption key, and lets the user's own
//! verified devices write to it (MSC4048).
//!
//! Olm, Megolm, cross-signing are matrix-sdk-crypto's; backup, secret storage and secret sharing are
//! `matrix-key-backup`'s. It has no file: a new run is a new device, which takes what it needs out of
//! secret storage ([`MainDevice::sign_in`]). matrix-sdk-crypto's own store on disk cannot be linked
//! beside ours; a real client has one.

mod create;
mod error;
mod grant;
mod restore;
mod sign_in;
mod unlock;

use core::fmt;
use core::time::Duration;
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use matrix_key_backup::OpenBackup;
use matrix_key_backup::secret_storage::sharing::{OlmMessage, SECRET_REQUEST, SecretResponder};
use matrix_key_backup::store::homeserver::{HomeserverStore, ReqwestTransport};
use matrix_key_backup::trust::{KeyOrigin, TrustState};
use matrix_key_backup::v2::BackupReader;
use matrix_key_backup::wire::UserId;
use olm_device::OlmDevice;
use serde_json::Value;
use zeroize::Zeroizing;

pub use error::MainDeviceError;
use grant::ROOM_KEY_REQUEST;
pub use grant::Said;
pub use restore::{Restored, restore};

/// The names of the cross-signing keys in secret storage: master, self-signing, user-signing.
const CROSS_SIGNING: [&str; 3] =
    ["m.cross_signing.master", "m.cross_signing.self_signing", "m.cross_signing.user_signing"];

/// The store of this program.
pub type Store = HomeserverStore<Arc<ReqwestTransport>>;

/// The device at work, with a backup and its key.
pub struct MainDevice {
    device: OlmDevice,
    store: Store,
    responder: SecretResponder,
    /// Requests that were not looked at yet.
    requests: VecDeque<Value>,
    /// Answers that were not sent yet.
    answers: VecDeque<OlmMessage>,
    backup: OpenBackup,
    reader: BackupReader,
    /// Why the backup of this key is trusted (T-1).
    origin: KeyOrigin,
    trust: TrustState,
    /// The sessions of this device that the backup has.
    backed_up: BTreeSet<String>,
    /// The secret storage key, as people write it down (K-3).
    recovery_key: Zeroizing<String>,
}

impl MainDevice {
    fn new(
        device: OlmDevice,
        store: Store,
        backup: OpenBackup,
        (reader, origin): (BackupReader, KeyOrigin),
        recovery_key: Zeroizing<String>,
    ) -> Self {
        Self {
            device,
            store,
            responder: SecretResponder::new(),
            requests: VecDeque::new(),
            answers: VecDeque::new(),
            backup,
            reader,
            origin,
            trust: TrustState::new(),
            backed_up: BTreeSet::new(),
            recovery_key,
        }
    }

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

    /// The user's backup, as it was made or found.
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
    /// Requests for secrets and for room keys never reach matrix-sdk-crypto: it would answer each
    /// verified device with all that it has, cross-signing keys included, and a write-only device is
    /// a verified device.
    ///
    /// # Errors
    ///
    /// [`MainDeviceError`]. After one that [passes](MainDeviceError::is_passing) the next turn goes on
    /// where this one ended: no request and no answer is lost.
    pub async fn step(
        &mut self,
        wait: Duration,
        said: &mut Vec<Said>,
    ) -> Result<(), MainDeviceError> {
        let received = self.device.sync(wait, &[SECRET_REQUEST, ROOM_KEY_REQUEST]).await?;
        self.requests.extend(received.kept_from_the_machine);
        self.device.send_outgoing().await?;
        while let Some(request) = self.requests.front().cloned() {
            said.extend(self.receive_request(&request).await?);
            self.requests.pop_front();
        }
        self.send_answers(said).await?;
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
