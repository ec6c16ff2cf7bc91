//! What is to be sent.

use alloc::{string::String, vec::Vec};
use core::fmt;

use zeroize::Zeroizing;

use super::{
    Device, DeviceId, IdentityKey, RequestAction, RequestId, SECRET_REQUEST, SECRET_SEND,
    SecretRequestContent, content::write_secret_send,
};

/// An unencrypted to-device message, the same for each of its recipients: a request, or the
/// cancellation of one (G-1). There is nothing secret in it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ToDeviceMessage {
    /// Type of the event.
    pub event_type: &'static str,
    /// Devices of this user.
    pub recipients: Vec<DeviceId>,
    /// `content` of the event, as JSON.
    pub content: String,
}

impl ToDeviceMessage {
    pub(super) fn request(
        action: RequestAction,
        this_device: &DeviceId,
        request_id: &RequestId,
        recipients: Vec<DeviceId>,
    ) -> Self {
        let content = SecretRequestContent {
            action,
            requesting_device_id: this_device.clone(),
            request_id: request_id.clone(),
        };
        Self { event_type: SECRET_REQUEST, recipients, content: content.to_json() }
    }
}

/// A message that carries a secret to one device of this user.
///
/// # Security
///
/// It must be encrypted with Olm for [`identity_key`](Self::identity_key), the key that was found
/// verified. Sent in any other way, it is a secret no longer (G-1). The content is wiped on drop
/// and redacted in `Debug`.
#[must_use = "the device that asked waits for it"]
pub struct OlmMessage {
    event_type: &'static str,
    device_id: DeviceId,
    identity_key: IdentityKey,
    content: Zeroizing<String>,
}

impl OlmMessage {
    pub(super) fn secret_send(device: &Device, request_id: &RequestId, secret: &str) -> Self {
        Self::new(SECRET_SEND, device, write_secret_send(request_id, secret))
    }

    pub(super) fn new(
        event_type: &'static str,
        device: &Device,
        content: Zeroizing<String>,
    ) -> Self {
        let (device_id, identity_key) = (device.device_id.clone(), device.identity_key);
        Self { event_type, device_id, identity_key, content }
    }

    /// Type of the event inside Olm.
    #[must_use]
    pub const fn event_type(&self) -> &'static str {
        self.event_type
    }

    /// The device of this user that it is for.
    #[must_use]
    pub const fn device_id(&self) -> &DeviceId {
        &self.device_id
    }

    /// The identity key to encrypt to.
    #[must_use]
    pub const fn identity_key(&self) -> &IdentityKey {
        &self.identity_key
    }

    /// `content` of the event inside Olm, as JSON, with the secret in it.
    #[must_use]
    pub fn expose_content(&self) -> &str {
        &self.content
    }
}

impl fmt::Debug for OlmMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OlmMessage")
            .field("event_type", &self.event_type)
            .field("device_id", &self.device_id)
            .field("identity_key", &self.identity_key)
            .field("content", &format_args!("[redacted]"))
            .finish()
    }
}
