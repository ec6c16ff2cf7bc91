//! What sender and recipient of a message both know.

use subtle::{Choice, ConstantTimeEq};
use zeroize::ZeroizeOnDrop;

use super::{EphemeralSecretKey, MessageKeys};
use crate::{BackupDecryptionKey, BackupPublicKey, EphemeralPublicKey, secret::SecretBytes};

/// A public key is a point of low order: the shared secret would be all zero, whatever the private
/// key (V1-7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the public key is a point of low order, which no one uses honestly")]
pub struct LowOrderPoint;

/// The result of X25519 between the backup's key and the one of a message, 32 bytes, never all
/// zero (V1-7).
///
/// # Security
///
/// Wiped on drop, compared in constant time, redacted in `Debug` (K-5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedSecret(SecretBytes<32>);

impl SharedSecret {
    /// `X25519(ephemeral private key, backup public key)`.
    ///
    /// # Errors
    ///
    /// [`LowOrderPoint`] if the backup's public key is one.
    pub fn for_sender(
        backup: &BackupPublicKey,
        ephemeral: &EphemeralSecretKey,
    ) -> Result<Self, LowOrderPoint> {
        Self::agree(&ephemeral.to_x25519(), &backup.to_x25519())
    }

    /// `X25519(backup private key, ephemeral public key)`.
    ///
    /// # Errors
    ///
    /// [`LowOrderPoint`] if the ephemeral public key is one.
    pub fn for_recipient(
        backup: &BackupDecryptionKey,
        ephemeral: &EphemeralPublicKey,
    ) -> Result<Self, LowOrderPoint> {
        Self::agree(&backup.to_x25519(), &ephemeral.to_x25519())
    }

    /// The keys of the message.
    #[must_use]
    pub fn message_keys(&self) -> MessageKeys {
        MessageKeys::derive(self.0.as_bytes())
    }

    /// The 32 secret bytes.
    #[must_use]
    pub fn expose_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    fn agree(
        private: &x25519_dalek::StaticSecret,
        public: &x25519_dalek::PublicKey,
    ) -> Result<Self, LowOrderPoint> {
        let shared = private.diffie_hellman(public);
        // V1-7
        if !shared.was_contributory() {
            return Err(LowOrderPoint);
        }
        Ok(Self(SecretBytes::init(|bytes| bytes.copy_from_slice(shared.as_bytes()))))
    }
}

impl ConstantTimeEq for SharedSecret {
    fn ct_eq(&self, other: &Self) -> Choice {
        self.0.ct_eq(&other.0)
    }
}

impl ZeroizeOnDrop for SharedSecret {}
