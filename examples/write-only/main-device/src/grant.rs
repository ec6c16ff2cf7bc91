//! Which devices may write: verifying one, and answering its request for the MAC key (G-2, G-4).

use core::fmt;

use matrix_key_backup::secret_storage::sharing::{
    AnyOpenRequest, Arrival, Cleartext, Device, DeviceId, DeviceTrust, IdentityKey, Incoming,
    OlmMessage, OwnDevices, SecretRequestContent,
};
use matrix_key_backup::wire::UserId;
use serde_json::Value;

use crate::{MainDevice, MainDeviceError, user_id};

/// What became of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Said {
    /// The MAC key went to this device, inside Olm.
    Gave {
        /// The device.
        device: String,
    },
    /// Nothing went anywhere.
    Refused {
        /// The user who sent the request.
        sender: String,
        /// What was asked for.
        name: String,
        /// Why not.
        why: String,
    },
    /// The MAC key could not be sent to this device.
    NotSent {
        /// The device.
        device: String,
        /// Why not.
        why: String,
    },
    /// A device needs no answer any more.
    Cancelled {
        /// The device.
        device: String,
    },
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gave { device } => {
                write!(f, "gave: the MAC key to the device {device:?}, inside Olm")
            }
            Self::Refused { sender, name, why } => {
                write!(f, "refused: {sender:?} asks for {name:?}: {why}")
            }
            Self::NotSent { device, why } => {
                write!(f, "not sent: the MAC key to the device {device:?}: {why}")
            }
            Self::Cancelled { device } => {
                write!(f, "cancelled: {device:?} needs no answer any more")
            }
        }
    }
}

/// Asks for one room key. The ids of all sessions are to be seen in the backup, so whoever gets what it
/// asks for reads all of it.
pub(crate) const ROOM_KEY_REQUEST: &str = "m.room_key_request";

fn refuse_room_key(sender: &str, action: &str) -> Option<Said> {
    (action == "request").then(|| Said::Refused {
        sender: sender.to_owned(),
        name: ROOM_KEY_REQUEST.to_owned(),
        why: "this device sends on no room keys".to_owned(),
    })
}

impl MainDevice {
    /// The user's master key, which a person gives to a new write-only device.
    ///
    /// # Errors
    ///
    /// [`MainDeviceError`].
    pub async fn master_key(&self) -> Result<String, MainDeviceError> {
        let user = self.device.user_id();
        let identity = self.device.machine().get_identity(&user, None).await;
        let identity = identity.map_err(|error| MainDeviceError::other(&error))?;
        let own = identity.and_then(|identity| identity.own());
        let key = own.and_then(|own| Some(own.master_key().get_first_key()?.to_base64()));
        key.ok_or_else(|| MainDeviceError::Other("the user has no master key".to_owned()))
    }

    /// Signs a device of the user with the self-signing key, because a person has compared its
    /// fingerprint, the Ed25519 key that it shows itself.
    ///
    /// # Errors
    ///
    /// [`MainDeviceError::OtherFingerprint`] if the homeserver shows another one.
    pub async fn verify(&self, device_id: &str, fingerprint: &str) -> Result<(), MainDeviceError> {
        let user = self.device.user_id();
        self.device.query_keys(&[&user]).await?;
        let device = self.device.machine().get_device(&user, device_id.into(), None).await;
        let device = device.map_err(|error| MainDeviceError::other(&error))?;
        let device = device.ok_or_else(|| MainDeviceError::NoSuchDevice(device_id.to_owned()))?;
        let found = device.ed25519_key().map(|key| key.to_base64()).unwrap_or_default();
        if found != fingerprint {
            let (device, expected) = (device_id.to_owned(), fingerprint.to_owned());
            return Err(MainDeviceError::OtherFingerprint { device, found, expected });
        }
        let signed = device.verify().await.map_err(|error| MainDeviceError::other(&error))?;
        let signed = serde_json::to_value(&signed.signed_keys);
        let signed = signed.map_err(|error| MainDeviceError::other(&error))?;
        self.device.upload_signatures(&signed).await?;
        self.device.query_keys(&[&user]).await?;
        Ok(())
    }

    /// Takes one `m.secret.request`, and puts an answer where it may have one. After an error it can be
    /// taken again.
    pub(crate) async fn receive_request(
        &mut self,
        event: &Value,
    ) -> Result<Option<Said>, MainDeviceError> {
        let text = |pointer| event.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        if text("/type") == ROOM_KEY_REQUEST {
            return Ok(refuse_room_key(text("/sender"), text("/content/action")));
        }
        let (sender, name) = (text("/sender").to_owned(), text("/content/name").to_owned());
        let refused =
            |why: String| Some(Said::Refused { sender: sender.clone(), name: name.clone(), why });
        let content = event.get("content").unwrap_or(&Value::Null).to_string();
        let content = match SecretRequestContent::parse(&content) {
            Ok(content) => content,
            Err(error) => return Ok(refused(error.to_string())),
        };
        let Ok(from) = UserId::new(&*sender) else { return Ok(refused("no sender".to_owned())) };
        let from = Arrival::Cleartext(Cleartext { sender: from });
        // G-2: the devices as they are now.
        self.device.query_keys(&[&self.device.user_id()]).await?;
        let devices = self.own_devices().await?;
        let incoming = match self.responder.receive_request(&from, &content, &devices) {
            Ok(incoming) => incoming,
            Err(error) => return Ok(refused(error.to_string())),
        };
        match incoming {
            Incoming::Request(AnyOpenRequest::MacKey(open)) => {
                let mac_key = self.reader.decryption_key().mac_key(); // G-4
                match self.responder.answer(open, &mac_key, &devices) {
                    Ok(message) => self.answers.push_back(message),
                    Err(error) => return Ok(refused(error.to_string())),
                }
                Ok(None)
            }
            // Who can write and shall not read asks for the MAC key. A device that shall read is
            // verified by a person who hands it the secret storage key.
            Incoming::Request(AnyOpenRequest::DecryptionKey(open)) => {
                self.responder.decline(open);
                Ok(refused("this device gives the decryption key to no device".to_owned()))
            }
            Incoming::Cancellation(cancelled) => {
                Ok(Some(Said::Cancelled { device: cancelled.device_id.to_string() }))
            }
            _ => Ok(refused("this device gives no other key away".to_owned())),
        }
    }

    /// Sends what there is to answer. What fails for now stays.
    pub(crate) async fn send_answers(
        &mut self,
        said: &mut Vec<Said>,
    ) -> Result<(), MainDeviceError> {
        while let Some(message) = self.answers.front() {
            let device = message.device_id().to_string();
            match self.send(message).await {
                Ok(()) => said.push(Said::Gave { device }),
                Err(error) if error.is_passing() => return Err(error),
                Err(error) => said.push(Said::NotSent { device, why: error.to_string() }),
            }
            self.answers.pop_front();
        }
        Ok(())
    }

    /// The user's devices, as matrix-sdk-crypto has checked them.
    async fn own_devices(&self) -> Result<OwnDevices, MainDeviceError> {
        let other = |error: &dyn core::error::Error| MainDeviceError::other(error);
        let user = self.device.user_id();
        let found = self.device.machine().get_user_devices(&user, None).await;
        let found = found.map_err(|e| other(&e))?;
        let owner = user_id(&self.device)?;
        let device = |found: matrix_sdk_crypto::Device| {
            Some(Device {
                user_id: owner.clone(),
                device_id: DeviceId::new(found.device_id().as_str()).ok()?,
                identity_key: IdentityKey::from_slice(found.curve25519_key()?.as_bytes()).ok()?,
                trust: if found.is_cross_signing_trusted() {
                    DeviceTrust::CrossSigned
                } else {
                    DeviceTrust::Unverified
                },
            })
        };
        let devices: Vec<_> = found.devices().filter_map(device).collect();
        let this = DeviceId::new(self.device.machine().device_id().as_str());
        OwnDevices::new(owner.clone(), this.map_err(|e| other(&e))?, devices).map_err(|e| other(&e))
    }

    /// Sends a secret to one device, encrypted with Olm for the key that was found verified. // G-1
    async fn send(&self, message: &OlmMessage) -> Result<(), MainDeviceError> {
        let user = self.device.user_id();
        let device_id = message.device_id().as_str();
        let device = self.device.machine().get_device(&user, device_id.into(), None).await;
        let device = device.map_err(|error| MainDeviceError::other(&error))?;
        let key = device.and_then(|device| device.curve25519_key());
        if key.is_none_or(|key| key.as_bytes() != message.identity_key().as_bytes()) {
            return Err(MainDeviceError::Other("the device has another identity key now".into()));
        }
        let content: Value = serde_json::from_str(message.expose_content())
            .map_err(|error| MainDeviceError::other(&error))?;
        let sent = self.device.send_encrypted(&user, device_id, message.event_type(), &content);
        Ok(sent.await?)
    }
}
