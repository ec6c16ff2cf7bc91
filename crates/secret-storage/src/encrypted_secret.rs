//! One secret under one key: {`iv`, `ciphertext`, `mac`} (S-1).

use alloc::{string::String, vec::Vec};

use matrix_key_backup_primitives::{AesCtrHmacKeys, CtrIv, WrongMac, base64};
use matrix_key_backup_wire::{
    Json, JsonError, Object,
    property::{self, PropertyError},
};
use rand_core::CryptoRng;
use serde::Serialize;
use thiserror::Error;
use zeroize::Zeroizing;

/// Bytes of an IV.
pub(crate) const IV_BYTES: usize = 16;
/// Bytes of a MAC.
pub(crate) const MAC_BYTES: usize = 32;

/// Ciphertext, IV and MAC, all decoded, the two latter of the right length.
pub(crate) struct EncryptedSecret {
    iv: CtrIv,
    ciphertext: Vec<u8>,
    mac: [u8; MAC_BYTES],
}

impl EncryptedSecret {
    pub(crate) fn parse(json: &str) -> Result<Self, EncryptedSecretError> {
        let json = Json::parse(json)?;
        let object = property::object(&json)?;
        Ok(Self {
            iv: iv(object, "iv")?,
            ciphertext: bytes(object, "ciphertext")?,
            mac: sized(object, "mac")?,
        })
    }

    /// Encrypts, then MACs (S-1).
    pub(crate) fn encrypt<R: CryptoRng + ?Sized>(
        keys: &AesCtrHmacKeys,
        secret: &[u8],
        rng: &mut R,
    ) -> EncryptedContent {
        let iv = CtrIv::generate(rng);
        let mut ciphertext = Zeroizing::new(secret.to_vec());
        keys.apply_keystream(&iv, &mut ciphertext);
        EncryptedContent {
            mac: keys.mac(&[&ciphertext]).to_base64(),
            ciphertext: base64::encode_unpadded(&ciphertext),
            iv: base64::encode_unpadded(iv.as_bytes()),
        }
    }

    /// Checks the MAC over the raw ciphertext, and only then decrypts (S-1).
    pub(crate) fn decrypt(&self, keys: &AesCtrHmacKeys) -> Result<Zeroizing<Vec<u8>>, WrongMac> {
        keys.verify(&[&self.ciphertext], &self.mac)?;
        let mut secret = Zeroizing::new(self.ciphertext.clone());
        keys.apply_keystream(&self.iv, &mut secret);
        Ok(secret)
    }
}

/// A secret as it is written: unpadded base64.
#[derive(Serialize)]
pub(crate) struct EncryptedContent {
    ciphertext: String,
    iv: String,
    mac: String,
}

/// An IV in a property: base64 of either padding, 16 bytes.
pub(crate) fn iv(object: &Object<'_>, name: &'static str) -> Result<CtrIv, EncryptedSecretError> {
    let bytes: [u8; IV_BYTES] = sized(object, name)?;
    CtrIv::from_slice(&bytes).map_err(|_| length::<IV_BYTES>(name, bytes.len()))
}

/// Base64 of either padding in a property, exactly `N` bytes.
pub(crate) fn sized<const N: usize>(
    object: &Object<'_>,
    name: &'static str,
) -> Result<[u8; N], EncryptedSecretError> {
    let bytes = bytes(object, name)?;
    bytes.as_slice().try_into().map_err(|_| length::<N>(name, bytes.len()))
}

fn bytes(object: &Object<'_>, name: &'static str) -> Result<Vec<u8>, EncryptedSecretError> {
    let text = property::required_string(object, name)?;
    base64::decode_either(text).map_err(|_| EncryptedSecretError::Base64 { property: name })
}

fn length<const N: usize>(property: &'static str, found: usize) -> EncryptedSecretError {
    EncryptedSecretError::Length { property, expected: N, found }
}

/// A value is not {`iv`, `ciphertext`, `mac`} in the form of S-1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum EncryptedSecretError {
    /// It is not JSON, or has a duplicate property.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// It is no object, or a property is missing or of the wrong type.
    #[error(transparent)]
    Property(#[from] PropertyError),
    /// A property is not base64 of the standard alphabet.
    #[error("`{property}` is not base64")]
    #[non_exhaustive]
    Base64 {
        /// Its name.
        property: &'static str,
    },
    /// A property has the wrong number of bytes.
    #[error("`{property}` must have {expected} bytes, and has {found}")]
    #[non_exhaustive]
    Length {
        /// Its name.
        property: &'static str,
        /// How many bytes it must have.
        expected: usize,
        /// How many it has.
        found: usize,
    },
}
