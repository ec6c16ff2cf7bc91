//! The user's own devices, as far as the user's master key speaks for them.
//!
//! The homeserver's word counts for nothing here: the master key is the one that was compared when
//! the bot was set up, it signs the self-signing key, and that one the devices.

use client_api::Session;
use matrix_key_backup::secret_storage::sharing::{
    Device, DeviceId, DeviceTrust, IdentityKey, OwnDevices,
};
use matrix_key_backup::wire::UserId;
use serde_json::{Map, Value};
use vodozemac::Ed25519PublicKey;
use vodozemac::olm::IdentityKeys;

use crate::{BotError, signed::is_signed};

/// The user's devices in an answer to `POST /keys/query`.
#[derive(Debug, Clone)]
pub(crate) struct KnownDevices {
    devices: Vec<KnownDevice>,
    /// Whether this device itself is cross-signed.
    pub(crate) this_one_is_verified: bool,
}

#[derive(Debug, Clone)]
struct KnownDevice {
    device: Device,
    ed25519: Ed25519PublicKey,
}

impl KnownDevice {
    /// Both keys: another device may claim one of them.
    fn has_keys(&self, curve25519: &str, ed25519: &str) -> bool {
        self.device.identity_key.to_base64() == curve25519 && self.ed25519.to_base64() == ed25519
    }
}

impl KnownDevices {
    /// Reads the answer; devices whose own signature does not hold are left out.
    ///
    /// # Errors
    ///
    /// [`BotError::OtherMasterKey`], [`BotError::NotMyKeys`].
    pub(crate) fn read(
        answer: &Value,
        session: &Session,
        own_keys: &IdentityKeys,
        master_key: &Ed25519PublicKey,
    ) -> Result<Self, BotError> {
        let user_id = session.user_id();
        let self_signing_key = self_signing_key(answer, user_id, master_key)?;
        let mut known = Self { devices: Vec::new(), this_one_is_verified: false };
        let none = Map::new();
        let listed =
            answer.pointer("/device_keys").and_then(|users| users.get(user_id)?.as_object());
        for (device_id, object) in listed.unwrap_or(&none) {
            let Some(found) = device(object, user_id, device_id) else { continue };
            let verified = self_signing_key
                .is_some_and(|key| is_signed(object, user_id, &key.to_base64(), &key));
            if device_id == session.device_id() {
                if found.curve25519 != own_keys.curve25519.to_base64()
                    || found.ed25519 != own_keys.ed25519
                {
                    return Err(BotError::NotMyKeys("other keys under its device id"));
                }
                known.this_one_is_verified = verified;
            }
            known.add(user_id, device_id, found, verified);
        }
        Ok(known)
    }

    fn add(&mut self, user_id: &str, device_id: &str, found: Found, verified: bool) {
        let device = || {
            Some(Device {
                user_id: UserId::new(user_id).ok()?,
                device_id: DeviceId::new(device_id).ok()?,
                identity_key: IdentityKey::from_base64(&found.curve25519).ok()?,
                trust: if verified { DeviceTrust::CrossSigned } else { DeviceTrust::Unverified },
            })
        };
        let known = |device| KnownDevice { device, ed25519: found.ed25519 };
        self.devices.extend(device().map(known));
    }

    /// As secret sharing takes them (G-2, G-3).
    pub(crate) fn own_devices(&self, session: &Session) -> Result<OwnDevices, BotError> {
        let internal = |what: String| BotError::Internal(what);
        let user_id = UserId::new(session.user_id()).map_err(|e| internal(e.to_string()))?;
        let this = DeviceId::new(session.device_id()).map_err(|e| internal(e.to_string()))?;
        let devices = self.devices.iter().map(|known| known.device.clone());
        OwnDevices::new(user_id, this, devices).map_err(|e| internal(e.to_string()))
    }

    /// Whether these two keys are those of one of the devices.
    pub(crate) fn belong_together(&self, curve25519: &str, ed25519: &str) -> bool {
        self.devices.iter().any(|known| known.has_keys(curve25519, ed25519))
    }

    /// Whether a verified device of the user has these keys.
    pub(crate) fn is_verified(&self, curve25519: &str, ed25519: &str) -> bool {
        self.devices.iter().any(|known| {
            known.device.trust == DeviceTrust::CrossSigned && known.has_keys(curve25519, ed25519)
        })
    }
}

/// What is taken of a device.
struct Found {
    curve25519: String,
    ed25519: Ed25519PublicKey,
}

/// The device, if it has signed its own keys, and is filed where it belongs.
fn device(object: &Value, user_id: &str, device_id: &str) -> Option<Found> {
    let text = |name: &str| object.get(name).and_then(Value::as_str);
    if text("user_id") != Some(user_id) || text("device_id") != Some(device_id) {
        return None;
    }
    let key = |kind: &str| object.get("keys")?.get(format!("{kind}:{device_id}"))?.as_str();
    let ed25519 = Ed25519PublicKey::from_base64(key("ed25519")?).ok()?;
    let curve25519 = IdentityKey::from_base64(key("curve25519")?).ok()?.to_base64();
    is_signed(object, user_id, device_id, &ed25519).then_some(Found { curve25519, ed25519 })
}

/// The user's self-signing key, if the user has one that the master key has signed.
fn self_signing_key(
    answer: &Value,
    user_id: &str,
    master_key: &Ed25519PublicKey,
) -> Result<Option<Ed25519PublicKey>, BotError> {
    let Some(found) = cross_signing_key(answer, "master_keys", "master", user_id) else {
        return Ok(None);
    };
    if found.1 != *master_key {
        let (found, pinned) = (found.1.to_base64(), master_key.to_base64());
        return Err(BotError::OtherMasterKey { found, pinned });
    }
    let signed = cross_signing_key(answer, "self_signing_keys", "self_signing", user_id)
        .filter(|(object, _)| is_signed(object, user_id, &master_key.to_base64(), master_key));
    Ok(signed.map(|(_, key)| key))
}

/// One of the user's cross-signing keys, by the homeserver's word.
fn cross_signing_key<'a>(
    answer: &'a Value,
    kind: &str,
    usage: &str,
    user_id: &str,
) -> Option<(&'a Value, Ed25519PublicKey)> {
    let object = answer.get(kind)?.get(user_id)?;
    let keys = object.get("keys")?.as_object()?;
    let (name, key) = keys.iter().next().filter(|_| keys.len() == 1)?;
    let key = key.as_str().filter(|key| *name == format!("ed25519:{key}"))?;
    let used = object.get("usage")?.as_array()?.contains(&usage.into());
    let whose = object.get("user_id")?.as_str()? == user_id;
    let key = Ed25519PublicKey::from_base64(key).ok()?;
    (used && whose).then_some((object, key))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test")]

    use serde_json::json;
    use vodozemac::Ed25519SecretKey;
    use vodozemac::olm::Account;

    use super::*;
    use crate::published::device_keys;
    use crate::signed::canonical;

    const ALICE: &str = "@alice:example.org";

    fn session(device_id: &str) -> Session {
        Session::new("http://127.0.0.1", ALICE, device_id, "token")
    }

    fn sign(object: &mut Value, key: &Ed25519SecretKey) {
        let signature = key.sign(canonical(object).unwrap().as_bytes()).to_base64();
        object["signatures"][ALICE][format!("ed25519:{}", key.public_key().to_base64())] =
            signature.into();
    }

    fn cross_signing_key(usage: &str, key: &Ed25519SecretKey) -> Value {
        let key = key.public_key().to_base64();
        json!({ "user_id": ALICE, "usage": [usage], "keys": { format!("ed25519:{key}"): key } })
    }

    struct Answer {
        bot: Account,
        phone: Account,
        master: Ed25519SecretKey,
        answer: Value,
    }

    /// Alice's bot and phone, both cross-signed.
    fn answer() -> Answer {
        let (bot, phone) = (Account::new(), Account::new());
        let (master, self_signing) = (Ed25519SecretKey::new(), Ed25519SecretKey::new());
        let mut of_self_signing = cross_signing_key("self_signing", &self_signing);
        sign(&mut of_self_signing, &master);
        let mut devices = json!({
            "BOT": device_keys(&bot, &session("BOT")).unwrap(),
            "PHONE": device_keys(&phone, &session("PHONE")).unwrap(),
        });
        for device in ["BOT", "PHONE"] {
            sign(&mut devices[device], &self_signing);
        }
        let answer = json!({
            "master_keys": { ALICE: cross_signing_key("master", &master) },
            "self_signing_keys": { ALICE: of_self_signing },
            "device_keys": { ALICE: devices },
        });
        Answer { bot, phone, master, answer }
    }

    impl Answer {
        fn read(&self) -> Result<KnownDevices, BotError> {
            let master_key = self.master.public_key();
            KnownDevices::read(
                &self.answer,
                &session("BOT"),
                &self.bot.identity_keys(),
                &master_key,
            )
        }

        fn verified(&self) -> usize {
            self.read().unwrap().own_devices(&session("BOT")).unwrap().verified().count()
        }
    }

    #[test]
    fn what_the_master_key_speaks_for_is_verified() {
        let answer = answer();
        let known = answer.read().unwrap();
        assert!(known.this_one_is_verified);
        assert_eq!(answer.verified(), 1); // the other one
        let phone = answer.phone.identity_keys();
        let (curve, ed) = (phone.curve25519.to_base64(), phone.ed25519.to_base64());
        assert!(known.is_verified(&curve, &ed));
        assert!(!known.is_verified(&curve, &answer.bot.ed25519_key().to_base64()));
    }

    #[test]
    fn another_master_key_stops_the_bot() {
        let mut answer = answer();
        answer.master = Ed25519SecretKey::new();
        assert!(matches!(answer.read(), Err(BotError::OtherMasterKey { .. })));
    }

    #[test]
    fn a_self_signing_key_that_the_master_key_did_not_sign_verifies_nobody() {
        let mut answer = answer();
        let mut other = cross_signing_key("self_signing", &Ed25519SecretKey::new());
        other["signatures"] = answer.answer["self_signing_keys"][ALICE]["signatures"].take();
        answer.answer["self_signing_keys"][ALICE] = other;
        assert!(!answer.read().unwrap().this_one_is_verified);
        assert_eq!(answer.verified(), 0);
    }

    #[test]
    fn changed_device_keys_are_left_out() {
        let mut answer = answer();
        let other = Account::new().curve25519_key().to_base64();
        answer.answer["device_keys"][ALICE]["PHONE"]["keys"]["curve25519:PHONE"] = other.into();
        assert_eq!(answer.read().unwrap().devices.len(), 1);
    }

    /// a device that the homeserver made up, with the phone's one key and another one of its own.
    #[test]
    fn who_claims_a_verified_devices_key_is_not_taken_for_it() {
        let mut answer = answer();
        let (bot, phone) = (answer.bot.identity_keys(), answer.phone.identity_keys());
        let evil = Account::new();
        let mut made_up = device_keys(&evil, &session("EVIL")).unwrap();
        made_up["keys"]["curve25519:EVIL"] = phone.curve25519.to_base64().into();
        made_up.as_object_mut().unwrap().remove("signatures");
        let made_up = crate::signed::sign(made_up, &evil, ALICE, "EVIL").unwrap();
        answer.answer["device_keys"][ALICE]["EVIL"] = made_up;
        let known = answer.read().unwrap();
        assert_eq!(known.devices.len(), 3);
        let (curve, ed) = (phone.curve25519.to_base64(), evil.ed25519_key().to_base64());
        assert!(known.belong_together(&curve, &ed) && !known.is_verified(&curve, &ed));
        assert!(known.is_verified(&curve, &phone.ed25519.to_base64()));
        // For secrets, a key that two devices claim is nobody's (G-3).
        assert_eq!(answer.verified(), 0);
        assert!(known.is_verified(&bot.curve25519.to_base64(), &bot.ed25519.to_base64()));
    }

    #[test]
    fn other_keys_for_this_device_stop_the_bot() {
        let mut answer = answer();
        answer.bot = Account::new();
        assert!(matches!(answer.read(), Err(BotError::NotMyKeys(_))));
    }
}
