//! The key that secrets are stored under.

use alloc::{string::String, vec::Vec};
use core::fmt;

use matrix_key_backup_primitives::{
    AesCtrHmacKeys, KeyLengthError, KeyRepresentationError, Passphrase,
    key_representation::{self, KeyBytes},
};
use rand_core::CryptoRng;
use subtle::{Choice, ConstantTimeEq};
use zeroize::{ZeroizeOnDrop, Zeroizing};

use crate::PassphraseInfo;

/// A secret storage key, from which the keys of each secret follow (S-1).
///
/// 32 bytes; from a passphrase, as many as its description asks for.
///
/// ```
/// use matrix_key_backup_secret_storage::SecretStorageKey;
///
/// let typed = "EsT5 3ZT9 i8fi qvaD Fxda wmBn Koe4 zqs5 D6E2 WTAN ndkE Parm";
/// let key = SecretStorageKey::from_base58(typed)?;
/// assert_eq!(key.expose_base58().unwrap().as_str(), typed);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Security
///
/// Wiped on drop, compared in constant time, redacted in `Debug` (K-5). Nothing in its text tells
/// it from a backup's decryption key (K-3), which is another thing.
///
/// Source: [secret storage in the Matrix specification][spec].
///
/// [spec]: https://spec.matrix.org/v1.19/client-server-api/#msecret_storagev1aes-hmac-sha2
#[derive(Clone)]
pub struct SecretStorageKey(Zeroizing<Vec<u8>>);

impl SecretStorageKey {
    const BYTES: usize = 32;

    /// Makes a new key from `rng`.
    #[must_use]
    pub fn generate<R: CryptoRng + ?Sized>(rng: &mut R) -> Self {
        let mut bytes = Zeroizing::new(alloc::vec![0; Self::BYTES]);
        rng.fill_bytes(&mut bytes);
        Self(bytes)
    }

    /// Takes the 32 bytes of a key.
    ///
    /// # Errors
    ///
    /// [`KeyLengthError`] if there are not exactly 32 bytes.
    pub fn from_slice(bytes: &[u8]) -> Result<Self, KeyLengthError> {
        KeyBytes::from_slice(bytes).map(|key| Self::copy(key.expose_bytes()))
    }

    /// Reads a key as a person types it (K-3).
    ///
    /// # Errors
    ///
    /// [`KeyRepresentationError`], which says what to look for in the text.
    pub fn from_base58(text: &str) -> Result<Self, KeyRepresentationError> {
        key_representation::decode(text).map(|key| Self::copy(key.expose_bytes()))
    }

    /// `PBKDF2-HMAC-SHA-512(passphrase, salt, iterations, bits)` (S-4).
    ///
    /// It takes as long as the number of iterations says.
    #[must_use]
    pub fn from_passphrase(passphrase: &Passphrase, info: &PassphraseInfo) -> Self {
        let (salt, iterations) = (info.salt().as_bytes(), info.iterations().non_zero());
        // The longest key is one block of PBKDF2, 64 bytes, and a shorter one is its beginning.
        let block = AesCtrHmacKeys::from_pbkdf2(passphrase.expose_bytes(), salt, iterations);
        let block = block.expose_bytes();
        Self::copy(block.get(..usize::from(info.bits()) / 8).unwrap_or(block))
    }

    /// The secret as it is shown to a person: 48 base58 characters in groups of four (K-3).
    ///
    /// `None` for a key that has not 32 bytes, because its passphrase asks for another length: there
    /// is no such form of it.
    #[must_use]
    pub fn expose_base58(&self) -> Option<Zeroizing<String>> {
        KeyBytes::from_slice(&self.0).ok().map(|key| key_representation::encode(&key))
    }

    /// The secret bytes.
    #[must_use]
    pub fn expose_bytes(&self) -> &[u8] {
        &self.0
    }

    /// `HKDF-SHA-256(salt = 32 zero bytes, ikm = key, info = name, 64 bytes)` (S-1).
    pub(crate) fn keys_for(&self, name: &str) -> AesCtrHmacKeys {
        AesCtrHmacKeys::from_hkdf(&self.0, name.as_bytes())
    }

    fn copy(bytes: &[u8]) -> Self {
        Self(Zeroizing::new(bytes.to_vec()))
    }
}

impl ConstantTimeEq for SecretStorageKey {
    fn ct_eq(&self, other: &Self) -> Choice {
        self.0.as_slice().ct_eq(other.0.as_slice())
    }
}

impl PartialEq for SecretStorageKey {
    fn eq(&self, other: &Self) -> bool {
        self.ct_eq(other).into()
    }
}

impl Eq for SecretStorageKey {}

impl ZeroizeOnDrop for SecretStorageKey {}

impl fmt::Debug for SecretStorageKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretStorageKey([redacted])")
    }
}
