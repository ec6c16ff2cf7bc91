//! Decrypting many messages of one backup.

use alloc::vec::Vec;

use matrix_key_backup_x25519_batch::{Batch, PublicKey, SharedSecret, Tier, TierUnavailable};

use super::{DecryptionFailed, LowOrderPoint, MessageKeys, Plaintext, message_keys};
use crate::{BackupDecryptionKey, EphemeralPublicKey};

/// Decrypts any number of messages of one backup: what an [`Encryptor`](super::Encryptor) made,
/// whoever used it.
///
/// Batches go through the lanes of the vector unit: up to ten times as fast as one after the other.
///
/// # Security
///
/// That it succeeds says nothing about who wrote a message; see the [module](super).
#[derive(Clone, Debug)]
pub struct Decryptor {
    backup: BackupDecryptionKey,
    tier: Tier,
}

impl Decryptor {
    /// Takes the fastest tier that this processor has.
    #[must_use]
    pub fn new(backup: BackupDecryptionKey) -> Self {
        Self { backup, tier: Tier::detect() }
    }

    /// Takes a tier of your choice, for tests and comparisons.
    ///
    /// # Errors
    ///
    /// [`TierUnavailable`] if this processor does not have it.
    pub fn with_tier(backup: BackupDecryptionKey, tier: Tier) -> Result<Self, TierUnavailable> {
        Batch::with_tier(tier).map(|_| Self { backup, tier })
    }

    /// The decryption key.
    #[must_use]
    pub fn decryption_key(&self) -> &BackupDecryptionKey {
        &self.backup
    }

    /// The tier that batches are computed on.
    #[must_use]
    pub fn tier(&self) -> Tier {
        self.tier
    }

    /// Decrypts one message.
    ///
    /// # Errors
    ///
    /// [`DecryptionFailed`], for whatever reason.
    pub fn decrypt(
        &self,
        ephemeral: &EphemeralPublicKey,
        ciphertext: &[u8],
    ) -> Result<Plaintext, DecryptionFailed> {
        let mut plaintexts = self.decrypt_batch(&[(*ephemeral, ciphertext)]);
        plaintexts.pop().unwrap_or(Err(DecryptionFailed))
    }

    /// Decrypts each of the messages, in their order. One that does not decrypt is no matter to the
    /// others.
    ///
    /// # Errors
    ///
    /// None for the whole; [`DecryptionFailed`] for each message that does not decrypt.
    pub fn decrypt_batch(
        &self,
        messages: &[(EphemeralPublicKey, impl AsRef<[u8]>)],
    ) -> Vec<Result<Plaintext, DecryptionFailed>> {
        let ephemeral: Vec<_> = messages.iter().map(|(ephemeral, _)| *ephemeral).collect();
        let keys = self.message_keys_batch(&ephemeral);
        let messages = keys.into_iter().zip(messages);
        messages.map(|(keys, (_, ciphertext))| keys?.decrypt(ciphertext.as_ref())).collect()
    }

    /// The keys of each message that came with one of these ephemeral keys, in their order.
    ///
    /// # Errors
    ///
    /// None for the whole; [`LowOrderPoint`] for each ephemeral key that is one (V1-7).
    #[must_use]
    pub fn message_keys_batch(
        &self,
        ephemeral: &[EphemeralPublicKey],
    ) -> Vec<Result<MessageKeys, LowOrderPoint>> {
        // The tier was there when this was made, and processors lose none.
        let batch = Batch::with_tier(self.tier).unwrap_or_default();
        let points: Vec<PublicKey> =
            ephemeral.iter().map(|ephemeral| ephemeral.to_point()).collect();
        let shared = batch.diffie_hellman(&self.backup.to_scalar(), &points);
        let bytes: Vec<_> = shared.iter().map(SharedSecret::expose_bytes).collect();
        let keys = message_keys::derive_batch(&bytes);
        let keys = shared.iter().zip(keys);
        // V1-7, for each by itself.
        keys.map(|(shared, keys)| shared.is_contributory().then_some(keys).ok_or(LowOrderPoint))
            .collect()
    }
}
