//! The contents of the events that ask for a secret and bring one (G-1).

use alloc::{
    borrow::ToOwned,
    string::{String, ToString},
};
use core::fmt;

use matrix_key_backup_wire::{Json, JsonError, Object, PropertyError, property};
use serde_json::json;
use zeroize::Zeroizing;

use super::{DeviceId, IdentifierError, RequestId, identifiers::bounded};

/// Type of the event that asks for a secret, or cancels that. It travels unencrypted.
pub const SECRET_REQUEST: &str = "m.secret.request";

/// Type of the event that brings a secret. It travels only inside Olm.
pub const SECRET_SEND: &str = "m.secret.send";

const ACTION: &str = "action";
const REQUEST: &str = "request";
const REQUEST_CANCELLATION: &str = "request_cancellation";
const REQUESTING_DEVICE_ID: &str = "requesting_device_id";
const REQUEST_ID: &str = "request_id";
pub(super) const NAME: &str = "name";
pub(super) const SECRET: &str = "secret";

/// `content` of `m.secret.request` (G-1).
///
/// ```
/// use matrix_key_backup_secret_storage::sharing::{RequestAction, SecretRequestContent};
///
/// let content = SecretRequestContent::parse(
///     r#"{
///         "action": "request",
///         "name": "m.megolm_backup.v1",
///         "requesting_device_id": "PHONE",
///         "request_id": "1"
///     }"#,
/// )?;
/// assert_eq!(content.action, RequestAction::Request { name: "m.megolm_backup.v1".into() });
/// # Ok::<(), matrix_key_backup_secret_storage::sharing::ContentError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretRequestContent {
    /// What is wanted.
    pub action: RequestAction,
    /// The device that asks, by its own word.
    pub requesting_device_id: DeviceId,
    /// The request, as that device numbers them.
    pub request_id: RequestId,
}

/// What an `m.secret.request` wants.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RequestAction {
    /// The secret of this name.
    Request {
        /// Any name, those of other secrets included.
        name: String,
    },
    /// Nothing any more.
    Cancellation,
}

impl SecretRequestContent {
    /// Reads the content of the event. Unknown properties are ignored; an unknown action is an
    /// error, never a guess.
    ///
    /// # Errors
    ///
    /// [`ContentError`], which names the property.
    pub fn parse(json: &str) -> Result<Self, ContentError> {
        let parsed = Json::parse(json)?;
        let object = property::object(&parsed)?;
        Ok(Self {
            action: match identifier(object, ACTION)? {
                REQUEST => RequestAction::Request { name: identifier(object, NAME)?.to_owned() },
                REQUEST_CANCELLATION => RequestAction::Cancellation,
                other => return Err(ContentError::UnknownAction { action: other.to_owned() }),
            },
            requesting_device_id: identifier(object, REQUESTING_DEVICE_ID)
                .and_then(|id| DeviceId::new(id).map_err(wrong(REQUESTING_DEVICE_ID)))?,
            request_id: request_id(object)?,
        })
    }

    /// The content as JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut content = match &self.action {
            RequestAction::Request { name } => json!({ ACTION: REQUEST, NAME: name }),
            RequestAction::Cancellation => json!({ ACTION: REQUEST_CANCELLATION }),
        };
        if let Some(content) = content.as_object_mut() {
            content.insert(REQUESTING_DEVICE_ID.into(), self.requesting_device_id.as_str().into());
            content.insert(REQUEST_ID.into(), self.request_id.as_str().into());
        }
        content.to_string()
    }
}

/// `content` of `m.secret.send` (G-1).
///
/// # Security
///
/// The secret is wiped on drop, redacted in `Debug`, and comes out only through
/// [`SecretRequester::receive_send`](super::SecretRequester::receive_send).
pub struct SecretSendContent {
    request_id: RequestId,
    secret: Zeroizing<String>,
}

impl SecretSendContent {
    /// Reads the content of the event. Unknown properties are ignored.
    ///
    /// # Errors
    ///
    /// [`ContentError`], which names the property and shows nothing of the secret.
    pub fn parse(json: &str) -> Result<Self, ContentError> {
        let parsed = Json::parse(json)?;
        let object = property::object(&parsed)?;
        Ok(Self { request_id: request_id(object)?, secret: secret(object)? })
    }

    /// What an SDK has parsed itself.
    #[must_use]
    pub const fn new(request_id: RequestId, secret: Zeroizing<String>) -> Self {
        Self { request_id, secret }
    }

    /// The request that this answers.
    #[must_use]
    pub const fn request_id(&self) -> &RequestId {
        &self.request_id
    }

    pub(super) fn expose_secret(&self) -> &str {
        &self.secret
    }
}

impl fmt::Debug for SecretSendContent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretSendContent")
            .field("request_id", &self.request_id)
            .field("secret", &format_args!("[redacted]"))
            .finish()
    }
}

/// Writes `{"request_id": …, "secret": …}`.
pub(super) fn write_secret_send(request_id: &RequestId, secret: &str) -> Zeroizing<String> {
    write_with_secret(REQUEST_ID, request_id.as_str(), secret)
}

/// Writes `{"<property>": …, "secret": …}` into a buffer that never grows, and so leaves no copy of
/// the secret behind (K-5). `secret` is base64, in which nothing is escaped.
pub(super) fn write_with_secret(property: &str, value: &str, secret: &str) -> Zeroizing<String> {
    let value = json!(value).to_string();
    let parts = ["{\"", property, "\":", &value, ",\"", SECRET, "\":\"", secret, "\"}"];
    let length = parts.iter().map(|part| part.len()).sum();
    let mut json = Zeroizing::new(String::with_capacity(length));
    parts.iter().for_each(|part| json.push_str(part));
    json
}

pub(super) fn secret(object: &Object<'_>) -> Result<Zeroizing<String>, ContentError> {
    Ok(Zeroizing::new(property::required_string(object, SECRET)?.to_owned()))
}

/// A string that is not secret, so short that it may be remembered and shown.
pub(super) fn identifier<'j>(
    object: &'j Object<'_>,
    property: &'static str,
) -> Result<&'j str, ContentError> {
    bounded(property::required_string(object, property)?).map_err(wrong(property))
}

fn request_id(object: &Object<'_>) -> Result<RequestId, ContentError> {
    let text = property::required_string(object, REQUEST_ID)?;
    RequestId::new(text).map_err(wrong(REQUEST_ID))
}

fn wrong(property: &'static str) -> impl Fn(IdentifierError) -> ContentError {
    move |error| ContentError::Identifier { property, error }
}

/// The content of an event cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ContentError {
    /// The text is not JSON, or has a duplicate property.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// It is no object, or a property is missing or no string.
    #[error(transparent)]
    Property(#[from] PropertyError),
    /// A property is empty or too long.
    #[error("`{property}`: {error}")]
    #[non_exhaustive]
    Identifier {
        /// Its name.
        property: &'static str,
        /// What is wrong with it.
        error: IdentifierError,
    },
    /// The request wants something that this software does not know.
    #[error("unknown action {action:?} of a secret request")]
    #[non_exhaustive]
    UnknownAction {
        /// What it says.
        action: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    // K-5: a buffer that grows leaves its old content behind, unwiped.
    #[test]
    fn writing_never_grows_the_buffer() {
        for id in ["1", "\u{1}\"\\ü", &"\u{1}".repeat(255)] {
            let json = write_secret_send(&RequestId::new(id).unwrap(), &"A".repeat(43));
            assert_eq!(json.capacity(), json.len());
            assert_eq!(SecretSendContent::parse(&json).unwrap().request_id().as_str(), id);
        }
    }
}
