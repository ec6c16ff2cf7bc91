//! The key that authenticates the entries of a backup.

use alloc::{string::String, sync::Arc};
use core::fmt;

use hmac::Mac;
use subtle::{Choice, ConstantTimeEq};
use zeroize::{ZeroizeOnDrop, Zeroizing};

use crate::{
    BackupMac, Base64KeyError, KeyLengthError, WrongMac, base64,
    mac::{HmacSha256, keyed_hmac_sha256},
    secret::SecretBytes,
};

/// The key under which the entries of a backup are authenticated (K-2).
///
/// 32 secret bytes, derived from the decryption key
/// ([`BackupDecryptionKey::mac_key`](crate::BackupDecryptionKey::mac_key)). Together with the
/// backup's public key it lets a device *write* authenticated keys; it does not let it read any.
///
/// # Security
///
/// Wiped when its last clone is dropped, compared in constant time, redacted in `Debug` (K-5).
#[derive(Clone)]
pub struct BackupMacKey(Arc<Keyed>);

/// The key, and HMAC after the key's own two blocks: so they are hashed once, and not for each MAC.
struct Keyed {
    bytes: SecretBytes<32>,
    /// Wiped on drop, as `hmac` has the feature `zeroize`.
    hmac: HmacSha256,
}

impl BackupMacKey {
    pub(crate) fn new(bytes: SecretBytes<32>) -> Self {
        let hmac = keyed_hmac_sha256(bytes.as_bytes());
        Self(Arc::new(Keyed { bytes, hmac }))
    }

    /// Takes the 32 bytes of a MAC key.
    ///
    /// # Errors
    ///
    /// [`KeyLengthError`] if there are not exactly 32 bytes.
    pub fn from_slice(bytes: &[u8]) -> Result<Self, KeyLengthError> {
        SecretBytes::from_slice(bytes).map(Self::new)
    }

    /// Reads a MAC key as it travels between devices: base64, unpadded or padded (K-4).
    ///
    /// # Errors
    ///
    /// [`Base64KeyError`] if the text is not base64, or not that of 32 bytes.
    pub fn from_base64(text: &str) -> Result<Self, Base64KeyError> {
        Ok(Self::from_slice(&base64::decode_either_secret(text)?)?)
    }

    /// The secret as unpadded base64, 43 characters (K-4).
    #[must_use]
    pub fn expose_base64(&self) -> Zeroizing<String> {
        base64::encode_unpadded_secret(self.expose_bytes())
    }

    /// The 32 secret bytes.
    #[must_use]
    pub fn expose_bytes(&self) -> &[u8] {
        self.0.bytes.as_bytes()
    }

    /// `HMAC-SHA-256(backup MAC key, message)`, 32 bytes (V2-4).
    #[must_use]
    pub fn mac(&self, message: &[u8]) -> BackupMac {
        BackupMac::new(self.0.hmac.clone().chain_update(message).finalize().into_bytes().into())
    }

    /// [`mac`](Self::mac) of a message that `write` hands over piece by piece, in order: so it need not
    /// stand in one place.
    ///
    /// ```
    /// # use matrix_key_backup_primitives::BackupMacKey;
    /// # fn same(key: &BackupMacKey) -> Result<bool, std::fmt::Error> {
    /// let mac = key.mac_of(|write| {
    ///     write("a message ");
    ///     write("in two pieces");
    ///     Ok(())
    /// })?;
    /// Ok(mac == key.mac(b"a message in two pieces"))
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// That of `write`: then there is no MAC.
    pub fn mac_of<E>(
        &self,
        write: impl FnOnce(&mut dyn FnMut(&str)) -> Result<(), E>,
    ) -> Result<BackupMac, E> {
        let mut hmac = self.0.hmac.clone();
        write(&mut |piece| hmac.update(piece.as_bytes()))?;
        Ok(BackupMac::new(hmac.finalize().into_bytes().into()))
    }

    /// Checks that `mac` was made with this key over `message`, in constant time (V2-7).
    ///
    /// # Errors
    ///
    /// [`WrongMac`] if it was not.
    pub fn verify(&self, message: &[u8], mac: &BackupMac) -> Result<(), WrongMac> {
        if self.mac(message) == *mac { Ok(()) } else { Err(WrongMac) }
    }
}

impl ConstantTimeEq for BackupMacKey {
    fn ct_eq(&self, other: &Self) -> Choice {
        self.0.bytes.ct_eq(&other.0.bytes)
    }
}

impl PartialEq for BackupMacKey {
    fn eq(&self, other: &Self) -> bool {
        // Clones share their bytes, and need not compare them: that tells nothing of what they are.
        Arc::ptr_eq(&self.0, &other.0) || self.ct_eq(other).into()
    }
}

impl Eq for BackupMacKey {}

impl fmt::Debug for BackupMacKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("BackupMacKey").field(&self.0.bytes).finish()
    }
}

impl ZeroizeOnDrop for BackupMacKey {}
