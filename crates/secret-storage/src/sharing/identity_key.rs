//! The key by which an Olm session knows a device.

use alloc::string::String;
use core::fmt;

use matrix_key_backup_primitives::base64;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The Curve25519 identity key of a device, 32 bytes: the sender key of its Olm sessions.
///
/// It is public. `Display` and `Debug` show it as unpadded base64, as it stands on the wire.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IdentityKey([u8; 32]);

impl IdentityKey {
    /// Takes the 32 bytes of an identity key.
    ///
    /// # Errors
    ///
    /// [`IdentityKeyError::Length`] if there are not exactly 32 bytes.
    pub fn from_slice(bytes: &[u8]) -> Result<Self, IdentityKeyError> {
        let length = IdentityKeyError::Length { found: bytes.len() };
        bytes.try_into().map(Self).map_err(|_| length)
    }

    /// Reads an identity key from base64, unpadded or padded.
    ///
    /// # Errors
    ///
    /// [`IdentityKeyError`] if the text is not base64, or not that of 32 bytes.
    pub fn from_base64(text: &str) -> Result<Self, IdentityKeyError> {
        let bytes = base64::decode_either(text).map_err(|_| IdentityKeyError::Encoding)?;
        Self::from_slice(&bytes)
    }

    /// The key as unpadded base64, 43 characters.
    #[must_use]
    pub fn to_base64(&self) -> String {
        base64::encode_unpadded(&self.0)
    }

    /// The 32 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for IdentityKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.to_base64())
    }
}

impl fmt::Debug for IdentityKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IdentityKey({self})")
    }
}

impl Serialize for IdentityKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_base64())
    }
}

impl<'de> Deserialize<'de> for IdentityKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::from_base64(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// An identity key cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IdentityKeyError {
    /// The text is not base64.
    #[error("the identity key is not well-formed base64")]
    Encoding,
    /// There are not 32 bytes.
    #[error("an identity key has 32 bytes, and there are {found}")]
    #[non_exhaustive]
    Length {
        /// How many there are.
        found: usize,
    },
}
