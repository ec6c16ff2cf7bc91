//! The world as it is, the log of what happened, and what follows from the two.

use std::collections::BTreeMap;

use matrix_key_backup_primitives::{BackupDecryptionKey, BackupMacKey};
use matrix_key_backup_secret_storage::sharing::{
    Arrival, Cleartext, Device, DeviceId, DeviceTrust, IdentityKey, OlmEncrypted, OwnDevices,
    RequestId, SharedSecret,
};
use matrix_key_backup_wire::UserId;
use zeroize::Zeroizing;

use crate::op::{Payload, Sender};

pub(crate) const ALICE: &str = "@alice:example.org";
pub(crate) const MALLORY: &str = "@mallory:example.org";
/// The device of Alice that the machines under test belong to.
pub(crate) const THIS: &str = "THIS";
/// A device that an attacker adds to Alice's account, and that is never verified.
pub(crate) const INJECTED: &str = "INJECTED";
/// All devices of the world: Alice's, then one of Mallory's.
pub(crate) const DEVICES: [&str; 6] = [THIS, "A", "B", "C", INJECTED, "MALLORY"];
/// Ids under which others ask.
pub(crate) const REQUEST_IDS: [&str; 5] = ["1", "2", "3", "4", "5"];
/// How many identity keys there are. The first and the last are nobody's at the beginning.
pub(crate) const KEYS: u8 = 8;

pub(crate) struct TrueDevice {
    pub(crate) user: &'static str,
    pub(crate) key: u8,
    pub(crate) trust: DeviceTrust,
    pub(crate) listed: bool,
}

/// What has happened, as far as it matters.
#[derive(Clone, PartialEq)]
pub(crate) enum Happened {
    Asked {
        request: RequestId,
        secret: SharedSecret,
        devices: Vec<(&'static str, u8)>,
    },
    Accepted {
        request: RequestId,
    },
    Cancelled {
        request: RequestId,
    },
    /// A device that was asked gave a malformed answer.
    Spoiled {
        request: RequestId,
        device: &'static str,
    },
    Opened {
        device: &'static str,
        id: &'static str,
        secret: SharedSecret,
        key: u8,
    },
    Closed {
        device: &'static str,
        id: &'static str,
    },
}

pub(crate) struct World {
    pub(crate) devices: BTreeMap<&'static str, TrueDevice>,
    pub(crate) log: Vec<Happened>,
}

impl World {
    pub(crate) fn new() -> Self {
        let device = |(number, name): (usize, &'static str)| {
            let user = if name == "MALLORY" { MALLORY } else { ALICE };
            let trust = match name {
                INJECTED => DeviceTrust::Unverified,
                _ => DeviceTrust::CrossSigned,
            };
            let key = u8::try_from(number).unwrap() + 1;
            (name, TrueDevice { user, key, trust, listed: true })
        };
        Self { devices: DEVICES.into_iter().enumerate().map(device).collect(), log: Vec::new() }
    }

    /// The user's own verified devices, other than this one, that nobody imitates.
    pub(crate) fn is_worthy(&self, name: &str) -> bool {
        let Some(device) = self.devices.get(name) else { return false };
        let alices = |other: &&TrueDevice| other.listed && other.user == ALICE;
        let same_key = self.devices.values().filter(alices).filter(|other| other.key == device.key);
        name != THIS
            && alices(&device)
            && device.trust != DeviceTrust::Unverified
            && same_key.count() == 1
    }

    /// The device of Alice that alone has this key, verified or not.
    pub(crate) fn sole_holder(&self, key: u8) -> Option<&'static str> {
        let mut holders = self
            .devices
            .iter()
            .filter(|(_, device)| device.listed && device.user == ALICE && device.key == key);
        match (holders.next(), holders.next()) {
            (Some((name, _)), None) => Some(name),
            _ => None,
        }
    }

    pub(crate) fn key(&self, from: &Sender) -> Option<u8> {
        match from {
            Sender::Clear { .. } => None,
            Sender::Olm { device, .. } => Some(self.devices[device].key),
            Sender::OlmFromKey { key } => Some(*key),
        }
    }

    /// G-3: which device, if any, may have its `m.secret.send` looked at.
    pub(crate) fn accepted_answer(
        &self,
        from: &Sender,
        request: &RequestId,
    ) -> Option<&'static str> {
        let key = self.key(from)?;
        let name = self.sole_holder(key).filter(|name| self.is_worthy(name))?;
        let asked = self.log.iter().any(|happened| match happened {
            Happened::Asked { request: asked, devices, .. } => {
                asked == request && devices.contains(&(name, key))
            }
            _ => false,
        });
        let over = self.log.iter().any(|happened| match happened {
            Happened::Accepted { request: over } | Happened::Cancelled { request: over } => {
                over == request
            }
            Happened::Spoiled { request: spoiled, device } => spoiled == request && *device == name,
            _ => false,
        });
        (user_of(from) == ALICE && asked && !over).then_some(name)
    }

    /// Those that were asked and have not answered.
    pub(crate) fn unanswered(&self, request: &RequestId) -> Vec<&'static str> {
        let asked = self.log.iter().find_map(|happened| match happened {
            Happened::Asked { request: asked, devices, .. } if asked == request => Some(devices),
            _ => None,
        });
        let names = asked.unwrap().iter().map(|(name, _)| *name);
        let spoiled = |device| Happened::Spoiled { request: request.clone(), device };
        names.filter(|name| !self.log.contains(&spoiled(name))).collect()
    }

    pub(crate) fn is_live(&self, request: &RequestId) -> bool {
        let over = |happened: &Happened| {
            *happened == Happened::Accepted { request: request.clone() }
                || *happened == Happened::Cancelled { request: request.clone() }
        };
        !self.unanswered(request).is_empty() && !self.log.iter().any(over)
    }

    pub(crate) fn secret_of(&self, request: &RequestId) -> SharedSecret {
        let secret = |happened: &Happened| match happened {
            Happened::Asked { request: asked, secret, .. } if asked == request => Some(*secret),
            _ => None,
        };
        self.log.iter().find_map(secret).unwrap()
    }

    /// Whether the sender of a request is one whose requests are looked at.
    pub(crate) fn may_speak_for(&self, from: &Sender, device: &str) -> bool {
        let right_device = self.key(from).is_none_or(|key| self.sole_holder(key) == Some(device));
        user_of(from) == ALICE && right_device
    }

    pub(crate) fn seen(&self, the_device: &str, the_id: &str) -> bool {
        self.log.iter().any(|happened| match happened {
            Happened::Opened { device, id, .. } | Happened::Closed { device, id } => {
                *device == the_device && *id == the_id
            }
            _ => false,
        })
    }

    pub(crate) fn opened(&self, the_device: &str, the_id: &str) -> Option<(SharedSecret, u8)> {
        let is_closed = |happened: &Happened| match happened {
            Happened::Closed { device, id } => *device == the_device && *id == the_id,
            _ => false,
        };
        let opened = self.log.iter().find_map(|happened| match happened {
            Happened::Opened { device, id, secret, key }
                if *device == the_device && *id == the_id =>
            {
                Some((*secret, *key))
            }
            _ => None,
        });
        opened.filter(|_| !self.log.iter().any(is_closed))
    }

    // What the machines are told of it.

    pub(crate) fn snapshot(&self) -> OwnDevices {
        let listed = self.devices.iter().filter(|(_, device)| device.listed);
        let devices = listed.map(|(name, device)| Device {
            user_id: UserId::new(device.user).unwrap(),
            device_id: device_id(name),
            identity_key: identity_key(device.key),
            trust: device.trust,
        });
        let alice = UserId::new(ALICE).unwrap();
        OwnDevices::new(alice, device_id(THIS), devices).unwrap()
    }

    pub(crate) fn arrival(&self, from: &Sender) -> Arrival {
        let sender = UserId::new(user_of(from)).unwrap();
        match self.key(from) {
            None => Arrival::Cleartext(Cleartext { sender }),
            Some(key) => {
                Arrival::OlmEncrypted(OlmEncrypted { sender, sender_key: identity_key(key) })
            }
        }
    }
}

pub(crate) fn user_of(from: &Sender) -> &'static str {
    match from {
        Sender::Clear { user } | Sender::Olm { user, .. } => user,
        Sender::OlmFromKey { .. } => ALICE,
    }
}

pub(crate) fn device_id(name: &str) -> DeviceId {
    DeviceId::new(name).unwrap()
}

pub(crate) fn identity_key(key: u8) -> IdentityKey {
    IdentityKey::from_slice(&[key; 32]).unwrap()
}

pub(crate) fn decryption_key() -> BackupDecryptionKey {
    BackupDecryptionKey::from_slice(&[0x5e; 32]).unwrap()
}

pub(crate) fn mac_key() -> BackupMacKey {
    decryption_key().mac_key()
}

pub(crate) fn payload(secret: Payload) -> Zeroizing<String> {
    match secret {
        Payload::DecryptionKey => decryption_key().expose_base64(),
        Payload::MacKey => mac_key().expose_base64(),
        Payload::Padded => Zeroizing::new(format!("{}=", *mac_key().expose_base64())),
        Payload::TooShort => Zeroizing::new("AAAA".to_owned()),
        Payload::NotBase64 => Zeroizing::new("*".repeat(43)),
    }
}

pub(crate) fn is_well_formed(secret: Payload) -> bool {
    !matches!(secret, Payload::TooShort | Payload::NotBase64)
}
