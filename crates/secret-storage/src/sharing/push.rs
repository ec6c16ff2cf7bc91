//! Secrets that come unasked: `m.secret.push` of MSC4385 (G-5).
//!
//! There is no request to compare with, so the sender must be cross-signed: a device that somebody
//! has just signed in with cannot push. Even so it is hearsay which key the backup shall have. What
//! comes out has a type of its own, which is no reason to trust a backup (T-1).

use alloc::{borrow::ToOwned, collections::BTreeSet, string::String, vec::Vec};
use core::fmt;

use matrix_key_backup_primitives::{BackupDecryptionKey, BackupMacKey, Base64KeyError};
use matrix_key_backup_wire::{AuthData, Json, Names, UserId, property};
use thiserror::Error;
use zeroize::Zeroizing;

use super::{
    Cleartext, ContentError, DeviceId, DeviceRefused, DeviceTrust, OlmEncrypted, OlmMessage,
    OwnDevices, RequestError, ShareableSecret, SharedSecret,
    content::{NAME, identifier, secret, write_with_secret},
};
use crate::{OtherBackup, UncheckedDecryptionKey};

/// Type of the event that pushes a secret, which has a stable and an unstable name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PushEventType {
    /// `m.secret.push`, once MSC4385 is accepted.
    Stable,
    /// `io.element.msc4385.secret.push`, until then.
    #[default]
    Unstable,
}

impl PushEventType {
    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stable => "m.secret.push",
            Self::Unstable => "io.element.msc4385.secret.push",
        }
    }

    /// The event type of this name, if it is one of the two. Both are received.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Stable, Self::Unstable].into_iter().find(|event_type| event_type.as_str() == name)
    }
}

/// `content` of `m.secret.push` (G-5). Its secret is wiped on drop and redacted in `Debug`.
pub struct SecretPushContent {
    name: String,
    secret: Zeroizing<String>,
}

impl SecretPushContent {
    /// Reads the content of the event. Unknown properties are ignored.
    ///
    /// # Errors
    ///
    /// [`ContentError`], which names the property and shows nothing of the secret.
    pub fn parse(json: &str) -> Result<Self, ContentError> {
        let parsed = Json::parse(json)?;
        let object = property::object(&parsed)?;
        Ok(Self { name: identifier(object, NAME)?.to_owned(), secret: secret(object)? })
    }

    /// The name of the secret, which may be none of the backup's.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Debug for SecretPushContent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretPushContent")
            .field("name", &self.name)
            .field("secret", &format_args!("[redacted]"))
            .finish()
    }
}

/// A secret that nobody has asked for.
#[derive(Debug)]
#[non_exhaustive]
pub enum PushedSecret {
    /// A decryption key.
    DecryptionKey(Pushed<BackupDecryptionKey>),
    /// A MAC key.
    MacKey(Pushed<BackupMacKey>),
}

/// A key that one of the user's own cross-signed devices has sent unasked (G-5).
///
/// ```compile_fail,E0308
/// # use matrix_key_backup_primitives::BackupDecryptionKey;
/// # use matrix_key_backup_secret_storage::sharing::{Pushed, Received};
/// fn as_if_asked_for(key: Pushed<BackupDecryptionKey>) -> Received<BackupDecryptionKey> {
///     key
/// }
/// ```
///
/// # Security
///
/// It makes no backup trusted, not even the one that it belongs to (T-1): whoever controls the
/// device that pushed it may have made both. Ask the user, or ask the other devices for the key.
#[derive(Debug)]
pub struct Pushed<K> {
    key: K,
    device_id: DeviceId,
}

impl<K> Pushed<K> {
    /// The device that sent it.
    #[must_use]
    pub const fn device_id(&self) -> &DeviceId {
        &self.device_id
    }
}

impl Pushed<BackupMacKey> {
    /// The MAC key, which nothing has confirmed (T-5).
    #[must_use]
    pub fn into_unconfirmed(self) -> BackupMacKey {
        self.key
    }
}

impl Pushed<BackupDecryptionKey> {
    /// The decryption key, if it is that of the backup with this `auth_data`: to read that backup
    /// with, not to trust it.
    ///
    /// # Errors
    ///
    /// [`OtherBackup`] if it is the key of another backup.
    ///
    /// # Security
    ///
    /// What comes out is a key like any other, because whoever reads needs just that. Where a backup
    /// is to be trusted, the caller says where the key came from (T-1), and no type can keep them
    /// from the wrong word: a pushed key was not asked for, so it is not one that a verified device
    /// has shared. Wrapping it in a reader would not help, since trust starts from a reader.
    pub fn check_for_reading(
        &self,
        auth_data: &AuthData,
    ) -> Result<BackupDecryptionKey, OtherBackup> {
        UncheckedDecryptionKey::new(self.key.clone()).check(auth_data)
    }
}

/// Takes an `m.secret.push` that came inside Olm (G-5).
///
/// # Errors
///
/// [`PushRefused`]: nothing was accepted.
///
/// # Security
///
/// `from` is what the Olm session says, and `devices` the user's devices as of now.
pub fn receive_push(
    from: &OlmEncrypted,
    content: &SecretPushContent,
    devices: &OwnDevices,
) -> Result<PushedSecret, PushRefused> {
    let device = devices.verified_sender(from)?;
    let device_id = device.device_id.clone();
    if device.trust != DeviceTrust::CrossSigned {
        return Err(PushRefused::NotCrossSigned { device_id });
    }
    let secret = SharedSecret::from_name(&content.name)
        .ok_or_else(|| PushRefused::UnknownSecret { name: content.name.clone() })?;
    let malformed = |error| PushRefused::Malformed { device_id: device_id.clone(), secret, error };
    Ok(match secret {
        SharedSecret::DecryptionKey => {
            let key = BackupDecryptionKey::from_base64(&content.secret).map_err(malformed)?;
            PushedSecret::DecryptionKey(Pushed { key, device_id })
        }
        SharedSecret::MacKey(_) => {
            let key = BackupMacKey::from_base64(&content.secret).map_err(malformed)?;
            PushedSecret::MacKey(Pushed { key, device_id })
        }
    })
}

/// Refuses an `m.secret.push` that came outside Olm (G-5).
#[must_use = "this is to be reported"]
pub fn refuse_cleartext_push(from: &Cleartext) -> PushRefused {
    PushRefused::Cleartext { sender: from.sender.clone() }
}

/// Sends a key, unasked, to verified devices of this user (G-2, G-5): one message for each.
///
/// `names` says under which of its names a MAC key goes (N-1).
///
/// # Errors
///
/// [`RequestError`] if a recipient is not a verified device of this user, or there is none.
pub fn push<K: ShareableSecret>(
    key: &K,
    event_type: PushEventType,
    names: Names,
    recipients: &[DeviceId],
    devices: &OwnDevices,
) -> Result<Vec<OlmMessage>, RequestError> {
    if recipients.is_empty() {
        return Err(RequestError::NoRecipient);
    }
    let (name, secret) = (K::named(names).as_str(), key.expose_base64());
    let message = |device_id| {
        let device = devices.verified_device(device_id)?;
        Ok(OlmMessage::new(event_type.as_str(), device, write_with_secret(NAME, name, &secret)))
    };
    recipients.iter().collect::<BTreeSet<_>>().into_iter().map(message).collect()
}

/// Why an `m.secret.push` was not accepted (G-5).
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PushRefused {
    /// It does not come from a verified device of this user.
    #[error(transparent)]
    Device(#[from] DeviceRefused),
    /// The device is verified, and not cross-signed.
    #[error("the device {device_id:?} is not cross-signed, and only such devices may push secrets")]
    #[non_exhaustive]
    NotCrossSigned {
        /// The device.
        device_id: DeviceId,
    },
    /// It came outside Olm. Either it was made up, or a device has shown a secret to the server.
    #[error(
        "{sender:?} pushed a secret without encryption: it may be made up, and if it is real, \
         the homeserver can read it"
    )]
    #[non_exhaustive]
    Cleartext {
        /// `sender` of the event.
        sender: UserId,
    },
    /// The secret is none of the backup's. Other parts of a client may know it.
    #[error("{name:?} is not a secret of the key backup")]
    #[non_exhaustive]
    UnknownSecret {
        /// Its name.
        name: String,
    },
    /// The secret is not 32 bytes of base64 (K-4).
    #[error("the device {device_id:?} pushed a malformed `{secret}`: {error}")]
    #[non_exhaustive]
    Malformed {
        /// The device.
        device_id: DeviceId,
        /// The secret that it is meant to be.
        secret: SharedSecret,
        /// What is wrong with it.
        error: Base64KeyError,
    },
}
