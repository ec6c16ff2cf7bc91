//! Curve25519 public keys: the backup's, and the ephemeral one of each message.

use alloc::string::String;
use core::fmt;

use matrix_key_backup_x25519_batch::PublicKey as Point;

use crate::{Base64KeyError, KeyLengthError, base64};

/// The public half of a backup's decryption key, `public_key` in `AuthData` (K-1).
///
/// 32 bytes. Whoever has it can add keys to the backup, which is why an authenticated backup also
/// needs a MAC ([`BackupMacKey`](crate::BackupMacKey)).
///
/// `Display` and `Debug` show it as unpadded base64, as it stands on the wire.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BackupPublicKey([u8; 32]);

impl BackupPublicKey {
    /// Takes the 32 bytes of a public key.
    ///
    /// Any 32 bytes will do; a point of low order is refused only when it is used (V1-7).
    ///
    /// # Errors
    ///
    /// [`KeyLengthError`] if there are not exactly 32 bytes.
    pub fn from_slice(bytes: &[u8]) -> Result<Self, KeyLengthError> {
        array_from_slice(bytes).map(Self)
    }

    /// Reads a public key from base64, unpadded or padded.
    ///
    /// # Errors
    ///
    /// [`Base64KeyError`] if the text is not base64, or not that of 32 bytes.
    pub fn from_base64(text: &str) -> Result<Self, Base64KeyError> {
        Ok(Self::from_slice(&base64::decode_either(text)?)?)
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

    pub(crate) fn from_x25519(key: x25519_dalek::PublicKey) -> Self {
        Self(key.to_bytes())
    }

    pub(crate) fn to_x25519(self) -> x25519_dalek::PublicKey {
        self.0.into()
    }

    /// The same key, for many operations at once.
    pub(crate) fn to_point(self) -> Point {
        point(&self.0)
    }
}

/// The public half of the key pair made for one message, `ephemeral` in `session_data` (V1-2).
///
/// 32 bytes. `Display` and `Debug` show it as unpadded base64, as it stands on the wire.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EphemeralPublicKey([u8; 32]);

impl EphemeralPublicKey {
    /// Takes the 32 bytes of a public key.
    ///
    /// Any 32 bytes will do; a point of low order is refused only when it is used (V1-7).
    ///
    /// # Errors
    ///
    /// [`KeyLengthError`] if there are not exactly 32 bytes.
    pub fn from_slice(bytes: &[u8]) -> Result<Self, KeyLengthError> {
        array_from_slice(bytes).map(Self)
    }

    /// Reads the `ephemeral` of a version 1 backup: base64, unpadded or padded.
    ///
    /// # Errors
    ///
    /// [`Base64KeyError`] if the text is not base64, or not that of 32 bytes.
    pub fn from_base64(text: &str) -> Result<Self, Base64KeyError> {
        Ok(Self::from_slice(&base64::decode_either(text)?)?)
    }

    /// Reads the `ephemeral` of an authenticated backup: unpadded base64 and nothing else (V2-12).
    ///
    /// # Errors
    ///
    /// [`Base64KeyError`] if the text is not unpadded base64, or not that of 32 bytes.
    pub fn from_base64_strict(text: &str) -> Result<Self, Base64KeyError> {
        match base64::decode_unpadded_array(text) {
            Some(bytes) => Ok(Self(bytes)),
            None => Ok(Self::from_slice(&base64::decode_unpadded(text)?)?),
        }
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

    pub(crate) fn from_x25519(key: x25519_dalek::PublicKey) -> Self {
        Self(key.to_bytes())
    }

    pub(crate) fn to_x25519(self) -> x25519_dalek::PublicKey {
        self.0.into()
    }

    /// The same key, for many operations at once.
    pub(crate) fn to_point(self) -> Point {
        point(&self.0)
    }

    pub(crate) fn from_point(point: &Point) -> Self {
        let mut key = Self([0; 32]);
        key.0.copy_from_slice(point.as_bytes());
        key
    }
}

#[expect(clippy::expect_used, reason = "the type has 32 bytes")]
fn point(bytes: &[u8; 32]) -> Point {
    Point::from_slice(bytes).expect("there are 32 bytes")
}

fn array_from_slice(bytes: &[u8]) -> Result<[u8; 32], KeyLengthError> {
    bytes.try_into().map_err(|_| KeyLengthError { expected: 32, found: bytes.len() })
}

impl fmt::Display for BackupPublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.to_base64())
    }
}

impl fmt::Display for EphemeralPublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.to_base64())
    }
}

impl fmt::Debug for BackupPublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BackupPublicKey({self})")
    }
}

impl fmt::Debug for EphemeralPublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EphemeralPublicKey({self})")
    }
}
