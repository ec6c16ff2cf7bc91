//! The secret at the root of a backup.

use alloc::string::String;

use matrix_key_backup_x25519_batch::SecretKey;
use rand_core::CryptoRng;
use subtle::{Choice, ConstantTimeEq};
use zeroize::{ZeroizeOnDrop, Zeroizing};

use crate::{
    BackupMacKey, BackupPublicKey, Base64KeyError, KeyLengthError, KeyRepresentationError, base64,
    kdf::hkdf_sha256, key_representation, secret::SecretBytes,
};

/// `info` of the derivation in K-2.
const MAC_KEY_INFO: &[u8] = b"MATRIX_BACKUP_MAC_KEY";

/// The secret that opens a backup, and from which its other keys follow (K-1).
///
/// 32 random bytes, kept as they were made: they are clamped where X25519 uses them as a private
/// key, and enter the derivation of the MAC key unclamped.
///
/// ```
/// use matrix_key_backup_primitives::BackupDecryptionKey;
///
/// let key = BackupDecryptionKey::from_base58(
///     "EsUB yNZ4 TFjj sumW 4GNt kXhp CbhS CqrF XqSj LXPL 7QTb nak8",
/// )?;
/// assert_eq!(key.public_key().to_base64(), "JphPz7v2L6GmjSLH+/GMjUkgvaCZp2dYLAeVC770+DI");
/// # Ok::<(), matrix_key_backup_primitives::KeyRepresentationError>(())
/// ```
///
/// # Security
///
/// Wiped on drop, compared in constant time, redacted in `Debug` (K-5). Two keys that differ only
/// in the bits that clamping fixes have the same public key, and are different keys all the same:
/// their MAC keys differ.
///
/// Source: [key backup in the Matrix specification][spec].
///
/// [spec]: https://spec.matrix.org/v1.19/client-server-api/#server-side-key-backups
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupDecryptionKey(SecretBytes<32>);

impl BackupDecryptionKey {
    /// Makes a new key from `rng`.
    #[must_use]
    pub fn generate<R: CryptoRng + ?Sized>(rng: &mut R) -> Self {
        Self(SecretBytes::init(|bytes| rng.fill_bytes(bytes)))
    }

    /// Makes a new key from the system's random number generator.
    ///
    /// # Errors
    ///
    /// [`getrandom::Error`] if the system has none, or it fails.
    #[cfg(feature = "getrandom")]
    pub fn random() -> Result<Self, getrandom::Error> {
        SecretBytes::try_init(|bytes| getrandom::fill(bytes)).map(Self)
    }

    /// Takes the 32 bytes of a decryption key.
    ///
    /// # Errors
    ///
    /// [`KeyLengthError`] if there are not exactly 32 bytes.
    pub fn from_slice(bytes: &[u8]) -> Result<Self, KeyLengthError> {
        SecretBytes::from_slice(bytes).map(Self)
    }

    /// Reads a key as it travels between devices and lies in secret storage: base64, unpadded or
    /// padded (K-4).
    ///
    /// # Errors
    ///
    /// [`Base64KeyError`] if the text is not base64, or not that of 32 bytes.
    pub fn from_base64(text: &str) -> Result<Self, Base64KeyError> {
        Ok(Self::from_slice(&base64::decode_either_secret(text)?)?)
    }

    /// Reads a key as a person types it (K-3).
    ///
    /// # Errors
    ///
    /// [`KeyRepresentationError`], which says what to look for in the text.
    pub fn from_base58(text: &str) -> Result<Self, KeyRepresentationError> {
        key_representation::decode_bytes(text).map(Self)
    }

    /// The secret as unpadded base64, 43 characters (K-4).
    #[must_use]
    pub fn expose_base64(&self) -> Zeroizing<String> {
        base64::encode_unpadded_secret(self.expose_bytes())
    }

    /// The secret as it is shown to a person: 48 base58 characters in groups of four (K-3).
    #[must_use]
    pub fn expose_base58(&self) -> Zeroizing<String> {
        key_representation::encode_bytes(self.0.as_bytes())
    }

    /// The 32 secret bytes, unclamped.
    #[must_use]
    pub fn expose_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// `X25519(clamp(decryption key), basepoint)`, 32 bytes (K-1).
    #[must_use]
    pub fn public_key(&self) -> BackupPublicKey {
        BackupPublicKey::from_x25519((&self.to_x25519()).into())
    }

    /// `HKDF-SHA-256(salt = "", ikm = decryption key, info = "MATRIX_BACKUP_MAC_KEY")`, 32 bytes
    /// (K-2).
    ///
    /// Source: [MSC4048](https://github.com/matrix-org/matrix-spec-proposals/pull/4048).
    #[must_use]
    pub fn mac_key(&self) -> BackupMacKey {
        BackupMacKey::new(SecretBytes::init(|mac_key| {
            hkdf_sha256(b"", self.0.as_bytes(), MAC_KEY_INFO, mac_key);
        }))
    }

    pub(crate) fn to_x25519(&self) -> x25519_dalek::StaticSecret {
        (*self.0.as_bytes()).into()
    }

    /// The same key, for many operations at once.
    pub(crate) fn to_scalar(&self) -> SecretKey {
        self.0.to_scalar()
    }
}

impl ConstantTimeEq for BackupDecryptionKey {
    fn ct_eq(&self, other: &Self) -> Choice {
        self.0.ct_eq(&other.0)
    }
}

impl ZeroizeOnDrop for BackupDecryptionKey {}
