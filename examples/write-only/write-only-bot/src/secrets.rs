//! Asking for the MAC key, and taking one answer (G-1 to G-4).

use std::collections::BTreeSet;

use matrix_key_backup::primitives::{BackupMacKey, BackupPublicKey};
use matrix_key_backup::secret_storage::sharing::{
    Cleartext, DeviceId, IdentityKey, MacKeyRequested, OlmEncrypted, OwnDevices, ReceivedSecret,
    SecretSendContent, ToDeviceMessage,
};
use matrix_key_backup::wire::{Names, UserId};
use rand_core::UnwrapErr;
use serde_json::Value;

use crate::state::KeptMacKey;
use crate::{BotError, State, olm::Opened, own_devices::KnownDevices};

/// Asks those of the user's verified devices that are not among `asked`, if there are any. Nothing
/// but the MAC key is ever asked for.
pub(crate) fn ask(
    state: &mut State,
    public_key: &BackupPublicKey,
    asked: &mut BTreeSet<DeviceId>,
    devices: &OwnDevices,
) -> Result<Option<ToDeviceMessage>, BotError> {
    let recipients: Vec<_> =
        devices.verified().filter(|id| !asked.contains(*id)).cloned().collect();
    if recipients.is_empty() {
        return Ok(None);
    }
    let mut rng = UnwrapErr(getrandom::SysRng);
    let request =
        state.requester.request_mac_key(None, Names::Unstable, &recipients, devices, &mut rng);
    match request.map_err(|error| BotError::Internal(error.to_string()))? {
        MacKeyRequested::Asked(request) => {
            asked.extend(recipients);
            state.asked_for = Some(public_key.to_base64());
            Ok(Some(request.message))
        }
        MacKeyRequested::Derived(_) => Err(BotError::Internal("a decryption key".into())),
    }
}

/// Takes an `m.secret.send` that came inside Olm, if it answers a question of this device. Gives the
/// device that sent it, and what the other devices are to be told. // G-3
pub(crate) fn receive(
    state: &mut State,
    opened: &Opened,
    known: &KnownDevices,
) -> Result<(DeviceId, Vec<ToDeviceMessage>), String> {
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
    let ReceivedSecret::MacKey(received) = accepted.secret else {
        return Err("it was never asked for a decryption key".into());
    };
    let asked_for = state.asked_for.clone().ok_or("nothing was asked for any backup")?;
    let device = received.device_id().clone();
    let mac_key: BackupMacKey = received.into_unconfirmed();
    state.mac_key = Some(KeptMacKey::new(asked_for, &mac_key));
    let mut cancellations = Vec::from_iter(accepted.cancellation);
    cancellations.extend(give_up(state));
    Ok((device, cancellations))
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

/// Takes back whatever is asked: no answer to it will be accepted.
pub(crate) fn give_up(state: &mut State) -> Vec<ToDeviceMessage> {
    let live: Vec<_> = state.requester.live_requests().map(|one| one.request_id.clone()).collect();
    let Ok(this) = DeviceId::new(state.session.device_id()) else { return Vec::new() };
    live.iter().filter_map(|id| state.requester.cancel(id, &this)).collect()
}
