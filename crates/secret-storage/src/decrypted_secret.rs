//! A secret in clear, whatever it is.

use alloc::{string::String, vec::Vec};
use core::fmt;

use matrix_key_backup_primitives::BackupDecryptionKey;
use matrix_key_backup_wire::DECRYPTION_KEY_SECRET;
use subtle::{Choice, ConstantTimeEq};
use thiserror::Error;
use zeroize::{ZeroizeOnDrop, Zeroizing};

use crate::{NotADecryptionKey, UncheckedDecryptionKey};

/// A secret in clear, and its name.
///
/// # Security
///
/// Wiped on drop, compared in constant time, redacted in `Debug` (K-5). Its IV was not
/// authenticated: what it is must be checked (S-6). A backup's MAC key that was found in secret
/// storage is not to be used (S-5): it is derived from the decryption key.
#[derive(Clone)]
pub struct DecryptedSecret {
    name: String,
    bytes: Zeroizing<Vec<u8>>,
}

impl DecryptedSecret {
    pub(crate) const fn new(name: String, bytes: Zeroizing<Vec<u8>>) -> Self {
        Self { name, bytes }
    }

    /// The name that it was stored under.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The secret bytes.
    #[must_use]
    pub fn expose_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The secret as text, which all secrets of the specification are.
    ///
    /// # Errors
    ///
    /// [`NotText`] if it is none.
    pub fn expose_text(&self) -> Result<&str, NotText> {
        core::str::from_utf8(&self.bytes).map_err(|_| NotText)
    }

    /// The secret `m.megolm_backup.v1` as what it must be: base64 of 32 bytes (S-5, S-6).
    ///
    /// # Errors
    ///
    /// [`NotADecryptionKey`] if it is another secret, or not of this form.
    pub fn into_decryption_key(self) -> Result<UncheckedDecryptionKey, NotADecryptionKey> {
        if self.name != DECRYPTION_KEY_SECRET {
            return Err(NotADecryptionKey::OtherSecret { name: self.name });
        }
        let text = self.expose_text().map_err(|_| NotADecryptionKey::Damaged)?;
        let key = BackupDecryptionKey::from_base64(text);
        Ok(UncheckedDecryptionKey::new(key.map_err(|_| NotADecryptionKey::Damaged)?))
    }
}

impl ConstantTimeEq for DecryptedSecret {
    fn ct_eq(&self, other: &Self) -> Choice {
        self.name.as_bytes().ct_eq(other.name.as_bytes())
            & self.bytes.as_slice().ct_eq(other.bytes.as_slice())
    }
}

impl PartialEq for DecryptedSecret {
    fn eq(&self, other: &Self) -> bool {
        self.ct_eq(other).into()
    }
}

impl Eq for DecryptedSecret {}

impl ZeroizeOnDrop for DecryptedSecret {}

impl fmt::Debug for DecryptedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DecryptedSecret({:?}, [redacted])", self.name)
    }
}

/// A secret is not UTF-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the secret is not text: it may have been damaged, which its MAC does not show")]
#[non_exhaustive]
pub struct NotText;
