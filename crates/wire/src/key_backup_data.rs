//! One entry of a backup, as the `/room_keys` API carries it.

use alloc::{borrow::ToOwned, boxed::Box, string::ToString};

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

use crate::{
    cause::from_causes,
    json::{ENTRY_MAX_BYTES, Json, JsonError, MAX_DEPTH, Object},
    property::{self, PropertyError},
};

/// Room for the metadata around a `session_data` of [`ENTRY_MAX_BYTES`].
const METADATA_MAX_BYTES: usize = 4096;

/// One entry of a backup: the encrypted key, and the metadata that the server compares.
///
/// The metadata is nobody's word but the uploader's and the server's: no MAC covers it (B-1).
/// `session_data` is kept as it was received. Other properties are ignored, and servers drop them.
#[derive(Clone, Debug, Serialize)]
pub struct KeyBackupData {
    /// Index of the first message that the key decrypts, as the uploader said.
    pub first_message_index: u64,
    /// How often the key was forwarded.
    pub forwarded_count: u64,
    /// Whether the uploader had verified the device that the key came from.
    pub is_verified: bool,
    /// The encrypted key, as JSON text.
    pub session_data: Box<RawValue>,
}

impl KeyBackupData {
    /// Reads one entry.
    ///
    /// # Errors
    ///
    /// [`KeyBackupDataError`] if a property is missing or of the wrong type, one is there twice at
    /// any depth, or `session_data` is larger than [`ENTRY_MAX_BYTES`] (V2-13).
    pub fn from_json(json: &str) -> Result<Self, KeyBackupDataError> {
        // `session_data` may itself use up the depth that is allowed.
        let parsed = Json::parse_within(json, ENTRY_MAX_BYTES + METADATA_MAX_BYTES, MAX_DEPTH + 1)?;
        let object = property::object(&parsed)?;
        Ok(Self {
            first_message_index: unsigned_integer(object, "first_message_index")?,
            forwarded_count: unsigned_integer(object, "forwarded_count")?,
            is_verified: boolean(object, "is_verified")?,
            session_data: session_data(object)?,
        })
    }
}

fn unsigned_integer(object: &Object<'_>, property: &'static str) -> Result<u64, PropertyError> {
    let value = property::required(object, property)?;
    match value {
        Json::Number(number) => number.parse().ok(),
        _ => None,
    }
    .ok_or_else(|| property::wrong_type(value, property, "an unsigned integer"))
}

fn boolean(object: &Object<'_>, property: &'static str) -> Result<bool, PropertyError> {
    let value = property::required(object, property)?;
    value.as_bool().ok_or_else(|| property::wrong_type(value, property, "a boolean"))
}

fn session_data(object: &Object<'_>) -> Result<Box<RawValue>, KeyBackupDataError> {
    let property = "session_data";
    let raw = object.raw(property).ok_or(PropertyError::Missing { property })?;
    if raw.len() > ENTRY_MAX_BYTES {
        return Err(KeyBackupDataError::TooLarge { found: raw.len() });
    }
    // Ours accepts lone surrogates and numbers of any size, and so does a raw value.
    RawValue::from_string(raw.to_owned()).map_err(|_| KeyBackupDataError::SessionData)
}

impl<'de> Deserialize<'de> for KeyBackupData {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        Self::from_json(raw.get()).map_err(|error| serde::de::Error::custom(error.to_string()))
    }
}

/// An entry of a backup cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyBackupDataError {
    /// The text is not JSON, or not within the limits of V2-13.
    #[error("malformed entry: {0}")]
    Json(JsonError),
    /// It is no object, or a property is missing or of the wrong type.
    #[error("malformed entry: {0}")]
    Property(PropertyError),
    /// `session_data` is larger than an entry may be (V2-13).
    #[error("`session_data` is larger than {ENTRY_MAX_BYTES} bytes: {found} bytes")]
    TooLarge {
        /// Its length in bytes.
        found: usize,
    },
    /// `session_data` is not what serde takes for JSON.
    #[error("`session_data` is no JSON")]
    SessionData,
    /// The bytes are no UTF-8, so no JSON.
    #[error("malformed entry: it is not UTF-8")]
    Encoding,
    /// The room or session id that it is filed under is none, so it cannot belong there.
    #[error("it is filed under an id that is empty, too long or no Unicode text")]
    Place,
    /// What stands in place of a whole room's entries is none of them.
    #[error("its room is no object with `sessions`")]
    Room,
}

from_causes!(KeyBackupDataError: Property(PropertyError), Json(JsonError));
