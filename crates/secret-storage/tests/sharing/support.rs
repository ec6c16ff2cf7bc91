//! A small world: Alice's devices BOT, PHONE, LAPTOP and TABLET, and one of Mallory's.

use matrix_key_backup_primitives::{BackupDecryptionKey, BackupMacKey};
use matrix_key_backup_secret_storage::sharing::{
    Arrival, Cleartext, Device, DeviceId, DeviceTrust, IdentityKey, OlmEncrypted, OwnDevices,
    RequestAction, RequestId, SecretRequestContent, SecretSendContent,
};
use matrix_key_backup_wire::UserId;
use rand_core::UnwrapErr;
use zeroize::Zeroizing;

pub(crate) const BOT: &str = "BOT";
pub(crate) const PHONE: &str = "PHONE";
pub(crate) const LAPTOP: &str = "LAPTOP";
pub(crate) const TABLET: &str = "TABLET";

pub(crate) fn alice() -> UserId {
    UserId::new("@alice:example.org").unwrap()
}

pub(crate) fn mallory() -> UserId {
    UserId::new("@mallory:example.org").unwrap()
}

pub(crate) fn id(device: &str) -> DeviceId {
    DeviceId::new(device).unwrap()
}

pub(crate) fn ids(devices: &[&str]) -> Vec<DeviceId> {
    devices.iter().map(|device| id(device)).collect()
}

pub(crate) fn request_id(request: &str) -> RequestId {
    RequestId::new(request).unwrap()
}

/// The key that a device of this name has: filled with its first letter.
pub(crate) fn key_of(device: &str) -> IdentityKey {
    IdentityKey::from_slice(&[device.as_bytes()[0]; 32]).unwrap()
}

pub(crate) fn device(name: &str, trust: DeviceTrust) -> Device {
    Device { user_id: alice(), device_id: id(name), identity_key: key_of(name), trust }
}

/// What `this` knows: all four devices of Alice, cross-signed, and one of Mallory.
pub(crate) fn all_known_to(this: &str) -> Vec<Device> {
    let mut devices: Vec<_> = [BOT, PHONE, LAPTOP, TABLET]
        .map(|name| device(name, DeviceTrust::CrossSigned))
        .into_iter()
        .filter(|device| device.device_id != id(this))
        .collect();
    devices.push(Device { user_id: mallory(), ..device("MALLORY", DeviceTrust::CrossSigned) });
    devices
}

pub(crate) fn own(this: &str, devices: Vec<Device>) -> OwnDevices {
    OwnDevices::new(alice(), id(this), devices).unwrap()
}

pub(crate) fn known_to(this: &str) -> OwnDevices {
    own(this, all_known_to(this))
}

/// The same, except that one device is another.
pub(crate) fn known_to_with(this: &str, name: &str, change: impl Fn(&mut Device)) -> OwnDevices {
    let mut devices = all_known_to(this);
    devices.iter_mut().filter(|device| device.device_id == id(name)).for_each(change);
    own(this, devices)
}

pub(crate) fn known_to_without(this: &str, name: &str) -> OwnDevices {
    let mut devices = all_known_to(this);
    devices.retain(|device| device.device_id != id(name));
    own(this, devices)
}

pub(crate) fn olm(name: &str) -> OlmEncrypted {
    OlmEncrypted { sender: alice(), sender_key: key_of(name) }
}

pub(crate) fn in_the_clear() -> Arrival {
    Arrival::Cleartext(Cleartext { sender: alice() })
}

pub(crate) fn decryption_key() -> BackupDecryptionKey {
    BackupDecryptionKey::from_slice(&[7; 32]).unwrap()
}

pub(crate) fn mac_key() -> BackupMacKey {
    decryption_key().mac_key()
}

pub(crate) fn send(request_id: &RequestId, secret: &str) -> SecretSendContent {
    SecretSendContent::new(request_id.clone(), Zeroizing::new(secret.to_owned()))
}

pub(crate) fn request(device: &str, request: &str, name: &str) -> SecretRequestContent {
    let action = RequestAction::Request { name: name.to_owned() };
    SecretRequestContent {
        action,
        requesting_device_id: id(device),
        request_id: request_id(request),
    }
}

pub(crate) fn cancellation(device: &str, request: &str) -> SecretRequestContent {
    SecretRequestContent {
        action: RequestAction::Cancellation,
        requesting_device_id: id(device),
        request_id: request_id(request),
    }
}

pub(crate) fn rng() -> UnwrapErr<getrandom::SysRng> {
    UnwrapErr(getrandom::SysRng)
}
