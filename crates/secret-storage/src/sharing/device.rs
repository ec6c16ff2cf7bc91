//! What the caller knows of the user's devices, at the moment of one event.

use alloc::collections::{BTreeMap, btree_map::Entry};

use matrix_key_backup_wire::UserId;

use super::{DeviceId, IdentityKey, OlmEncrypted};

/// A device, as the caller's own device list has it.
///
/// `identity_key` must come from device keys whose signature was checked, as every client does
/// before it encrypts to a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// Whose device it is.
    pub user_id: UserId,
    /// Its id, one for each device of a user.
    pub device_id: DeviceId,
    /// Its Curve25519 identity key.
    pub identity_key: IdentityKey,
    /// Whether this device has verified it.
    pub trust: DeviceTrust,
}

/// Whether a device is verified, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DeviceTrust {
    /// Nobody has verified it, or it was blocked.
    Unverified,
    /// This device has verified it directly, and it is not cross-signed.
    VerifiedHere,
    /// It is signed by the user's self-signing key, under a master key that this device has
    /// verified. One that the server just named does not count.
    CrossSigned,
}

impl DeviceTrust {
    const fn is_verified(self) -> bool {
        !matches!(self, Self::Unverified)
    }
}

/// The devices of this user, as they are known at the moment of one event.
///
/// Make a new one for each event: a verification that was withdrawn must count at once.
#[derive(Clone, Debug)]
pub struct OwnDevices {
    user_id: UserId,
    this_device: DeviceId,
    devices: BTreeMap<DeviceId, Device>,
    /// `None`: more than one device claims this key.
    by_key: BTreeMap<IdentityKey, Option<DeviceId>>,
}

impl OwnDevices {
    /// The devices of the user `user_id`, as `this_device` knows them. Devices of other users are
    /// left out; whether `this_device` itself is in the list does not matter.
    ///
    /// # Errors
    ///
    /// [`DuplicateDevice`] if two devices of the user have the same id.
    pub fn new(
        user_id: UserId,
        this_device: DeviceId,
        devices: impl IntoIterator<Item = Device>,
    ) -> Result<Self, DuplicateDevice> {
        let mut own =
            Self { user_id, this_device, devices: BTreeMap::new(), by_key: BTreeMap::new() };
        for device in devices.into_iter().filter(|device| device.user_id == own.user_id) {
            let holder = own.by_key.entry(device.identity_key);
            holder.and_modify(|holder| *holder = None).or_insert(Some(device.device_id.clone()));
            match own.devices.entry(device.device_id.clone()) {
                Entry::Occupied(other) => {
                    return Err(DuplicateDevice { device_id: other.key().clone() });
                }
                Entry::Vacant(vacant) => vacant.insert(device),
            };
        }
        Ok(own)
    }

    /// The user.
    #[must_use]
    pub const fn user_id(&self) -> &UserId {
        &self.user_id
    }

    /// The device that this is.
    #[must_use]
    pub const fn this_device(&self) -> &DeviceId {
        &self.this_device
    }

    /// The other devices of the user that secrets may be shared with (G-2).
    pub fn verified(&self) -> impl Iterator<Item = &DeviceId> {
        self.devices.keys().filter(|device_id| self.verified_device(device_id).is_ok())
    }

    /// The device of this id, if a secret may go to it, or come from it (G-2, G-3).
    pub(super) fn verified_device(&self, device_id: &DeviceId) -> Result<&Device, DeviceRefused> {
        if *device_id == self.this_device {
            return Err(DeviceRefused::ThisDevice);
        }
        let unknown = || DeviceRefused::UnknownDevice { device_id: device_id.clone() };
        let device = self.devices.get(device_id).ok_or_else(unknown)?;
        if !device.trust.is_verified() {
            return Err(DeviceRefused::Unverified { device_id: device_id.clone() });
        }
        // Whoever claims another device's identity key wants to be taken for it.
        self.holder(&device.identity_key)?;
        Ok(device)
    }

    /// The id of the device at the other end of an Olm session, verified or not.
    pub(super) fn sender_id(&self, from: &OlmEncrypted) -> Result<&DeviceId, DeviceRefused> {
        self.check_user(&from.sender)?;
        self.holder(&from.sender_key)
    }

    /// The verified device at the other end of an Olm session (G-3).
    pub(super) fn verified_sender(&self, from: &OlmEncrypted) -> Result<&Device, DeviceRefused> {
        self.verified_device(self.sender_id(from)?)
    }

    pub(super) fn check_user(&self, sender: &UserId) -> Result<(), DeviceRefused> {
        if *sender == self.user_id {
            return Ok(());
        }
        Err(DeviceRefused::OtherUser { user_id: sender.clone() })
    }

    fn holder(&self, key: &IdentityKey) -> Result<&DeviceId, DeviceRefused> {
        let identity_key = *key;
        match self.by_key.get(key) {
            None => Err(DeviceRefused::UnknownIdentityKey { identity_key }),
            Some(None) => Err(DeviceRefused::SharedIdentityKey { identity_key }),
            Some(Some(device_id)) => Ok(device_id),
        }
    }
}

/// Two devices of one user have the same id, so that it names neither.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the device {device_id:?} is in the list twice")]
#[non_exhaustive]
pub struct DuplicateDevice {
    /// The id.
    pub device_id: DeviceId,
}

/// Why nothing is shared with a device, in either direction (G-2, G-3).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DeviceRefused {
    /// It belongs to somebody else.
    #[error("{user_id:?} is another user, and secrets are shared among one user's own devices")]
    #[non_exhaustive]
    OtherUser {
        /// Who sent the event.
        user_id: UserId,
    },
    /// It is this device.
    #[error("it is this device itself")]
    ThisDevice,
    /// The user has no such device, as far as the caller knows.
    #[error("the device {device_id:?} is not known; the list of devices may be out of date")]
    #[non_exhaustive]
    UnknownDevice {
        /// Its id.
        device_id: DeviceId,
    },
    /// No device of the user has this key, as far as the caller knows.
    #[error(
        "no device with the identity key {identity_key} is known; the list of devices may be out \
         of date"
    )]
    #[non_exhaustive]
    UnknownIdentityKey {
        /// The sender key of the Olm session.
        identity_key: IdentityKey,
    },
    /// Several devices of the user claim this key, so that it tells nothing.
    #[error("more than one device claims the identity key {identity_key}")]
    #[non_exhaustive]
    SharedIdentityKey {
        /// The key.
        identity_key: IdentityKey,
    },
    /// It is not verified, or no longer.
    #[error("the device {device_id:?} is not verified")]
    #[non_exhaustive]
    Unverified {
        /// Its id.
        device_id: DeviceId,
    },
}
