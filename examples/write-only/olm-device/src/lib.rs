//! A Matrix device of matrix-sdk-crypto, driven over HTTP: what an SDK does around an `OlmMachine`.
//!
//! Its store is in memory: the device ends with the process. (matrix-sdk-crypto's own store on disk
//! brings SQLite, as `matrix-key-backup`'s does, and one program cannot link both.)

mod error;
mod rooms;
mod transmit;

use core::fmt;
use core::time::Duration;
use std::sync::Arc;

use client_api::{Api, Session};
use matrix_key_backup::store::homeserver::ReqwestTransport;
use matrix_sdk_crypto::{DecryptionSettings, EncryptionSyncChanges, OlmMachine, TrustRequirement};
use ruma::serde::Raw;
use ruma::{OneTimeKeyAlgorithm, OwnedUserId, UserId};
use serde_json::Value;

pub use error::DeviceError;
pub use rooms::Message;

/// A device that is logged in, and its keys.
pub struct OlmDevice {
    api: Api<Arc<ReqwestTransport>>,
    machine: OlmMachine,
    since: Option<String>,
}

/// What a sync has brought.
#[derive(Debug)]
pub struct Received {
    /// To-device events that the machine was not given.
    pub kept_from_the_machine: Vec<Value>,
    /// All of the answer.
    pub answer: Value,
}

impl OlmDevice {
    /// Makes the keys of a device, and publishes them.
    ///
    /// # Errors
    ///
    /// [`DeviceError`].
    pub async fn new(
        session: Session,
        transport: Arc<ReqwestTransport>,
    ) -> Result<Self, DeviceError> {
        let user_id = UserId::parse(session.user_id())?;
        let machine = OlmMachine::new(&user_id, session.device_id().into()).await;
        let device = Self { api: Api::new(session, transport), machine, since: None };
        device.send_outgoing().await?;
        Ok(device)
    }

    /// The requests of this device.
    #[must_use]
    pub const fn api(&self) -> &Api<Arc<ReqwestTransport>> {
        &self.api
    }

    /// The machine of matrix-sdk-crypto.
    #[must_use]
    pub const fn machine(&self) -> &OlmMachine {
        &self.machine
    }

    /// One turn: takes what is new and gives the machine all but the to-device events of the types
    /// in `keep`, which are the caller's. What the machine then has to send is for
    /// [`send_outgoing`](Self::send_outgoing): where that failed in here, the caller's would be lost.
    ///
    /// # Errors
    ///
    /// [`DeviceError`].
    pub async fn sync(&mut self, wait: Duration, keep: &[&str]) -> Result<Received, DeviceError> {
        let sync = self.api.sync(None, self.since.as_deref(), wait).await?;
        let is_kept = |event: &Value| {
            event.get("type").and_then(Value::as_str).is_some_and(|kind| keep.contains(&kind))
        };
        let (kept, rest): (Vec<_>, Vec<_>) = sync.to_device.into_iter().partition(is_kept);
        let to_device_events =
            rest.iter().map(|event| Ok(Raw::new(event)?.cast_unchecked())).collect();
        let to_device_events: serde_json::Result<Vec<_>> = to_device_events;
        let part = |name: &str| sync.answer.get(name).cloned().unwrap_or(Value::Null);
        let changed_devices = serde_json::from_value(or_empty(part("device_lists")))?;
        let counts = serde_json::from_value(or_empty(part("device_one_time_keys_count")))?;
        let fallback: Option<Vec<OneTimeKeyAlgorithm>> =
            serde_json::from_value(part("device_unused_fallback_key_types"))?;
        let changes = EncryptionSyncChanges {
            to_device_events: to_device_events?,
            changed_devices: &changed_devices,
            one_time_keys_counts: &counts,
            unused_fallback_keys: fallback.as_deref(),
            next_batch_token: Some(sync.next_batch.clone()),
        };
        self.machine.receive_sync_changes(changes, &settings()).await?;
        self.since = Some(sync.next_batch);
        Ok(Received { kept_from_the_machine: kept, answer: sync.answer })
    }

    /// The user's id, as Ruma's type.
    #[must_use]
    pub fn user_id(&self) -> OwnedUserId {
        self.machine.user_id().to_owned()
    }
}

fn or_empty(value: Value) -> Value {
    if value.is_null() { Value::Object(serde_json::Map::new()) } else { value }
}

/// To decrypt whatever can be: who sent it is looked at by whoever reads it.
pub(crate) const fn settings() -> DecryptionSettings {
    DecryptionSettings { sender_device_trust_requirement: TrustRequirement::Untrusted }
}

impl fmt::Debug for OlmDevice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OlmDevice({:?})", self.api.session())
    }
}
