//! Asking for the MAC key, and taking one answer (G-1 to G-4).

use client_api::Session;
use matrix_key_backup::primitives::BackupMacKey;
use matrix_key_backup::secret_storage::sharing::{
    Cleartext, DeviceId, IdentityKey, MacKeyRequested, OlmEncrypted, OwnDevices, ReceivedSecret,
    SecretSendContent, ToDeviceMessage,
};
use matrix_key_backup::wire::{Names, UserId};
use rand_core::UnwrapErr;
use serde_json::Value;

use crate::{BotError, State, olm::Opened, own_devices::KnownDevices};

/// A MAC key that was accepted.
pub(crate) struct Accepted {
    pub(crate) mac_key: BackupMacKey,
    pub(crate) device: String,
    /// For the other devices that were asked.
    pub(crate) cancellation: Option<ToDeviceMessage>,
}

/// Asks all verified devices of the user, if there are any. Nothing but the MAC key is ever asked
/// for.
pub(crate) fn ask(
    state: &mut State,
    devices: &OwnDevices,
) -> Result<Option<ToDeviceMessage>, BotError> {
    let recipients: Vec<_> = devices.verified().cloned().collect();
    if recipients.is_empty() {
        return Ok(None);
    }
    let mut rng = UnwrapErr(getrandom::SysRng);
    let asked =
        state.requester.request_mac_key(None, Names::Unstable, &recipients, devices, &mut rng);
    match asked.map_err(|error| BotError::Internal(error.to_string()))? {
        MacKeyRequested::Asked(asked) => Ok(Some(asked.message)),
        MacKeyRequested::Derived(_) => Err(BotError::Internal("a decryption key".into())),
    }
}

/// Takes an `m.secret.send` that came inside Olm, if it answers a question of this device.
pub(crate) fn receive(
    state: &mut State,
    opened: &Opened,
    known: &KnownDevices,
) -> Result<Accepted, String> {
    let devices = known.own_devices(&state.session).map_err(|error| error.to_string())?;
    let from = OlmEncrypted {
        sender: UserId::new(&*opened.sender).map_err(|error| error.to_string())?,
        sender_key: IdentityKey::from_base64(&opened.curve25519).map_err(|e| e.to_string())?,
    };
    let content = parse(&opened.content)?;
    let own = from.sender == *devices.user_id();
    if own && !known.belong_together(&opened.curve25519, &opened.ed25519) {
        return Err("no device of the user has both keys that the Olm session names".into());
    }
    let accepted = state.requester.receive_send(&from, &content, &devices);
    let accepted = accepted.map_err(|refused| refused.to_string())?;
    match accepted.secret {
        ReceivedSecret::MacKey(received) => Ok(Accepted {
            device: received.device_id().to_string(),
            mac_key: received.into_unconfirmed(),
            cancellation: accepted.cancellation,
        }),
        ReceivedSecret::DecryptionKey(_) => Err("it was never asked for a decryption key".into()),
    }
}

/// Refuses an `m.secret.send` that came outside Olm.
pub(crate) fn refuse_cleartext(state: &State, sender: &str, content: &Value) -> String {
    let refused = || {
        let from = Cleartext { sender: UserId::new(sender).map_err(|error| error.to_string())? };
        let content = parse(content)?;
        Ok(state.requester.receive_cleartext_send(&from, &content).to_string())
    };
    refused().unwrap_or_else(|why: String| why)
}

fn parse(content: &Value) -> Result<SecretSendContent, String> {
    let text = zeroize::Zeroizing::new(content.to_string());
    SecretSendContent::parse(&text).map_err(|error| error.to_string())
}

/// Gives up what was asked for in an earlier run: the answer may be lost.
pub(crate) fn give_up(state: &mut State, session: &Session) -> Vec<ToDeviceMessage> {
    let live: Vec<_> = state.requester.live_requests().map(|one| one.request_id.clone()).collect();
    let Ok(this) = DeviceId::new(session.device_id()) else { return Vec::new() };
    live.iter().filter_map(|id| state.requester.cancel(id, &this)).collect()
}
