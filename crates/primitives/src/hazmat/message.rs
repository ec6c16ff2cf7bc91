//! A whole message in one call.

use alloc::vec::Vec;

use rand_core::CryptoRng;

use super::{DecryptionFailed, EphemeralSecretKey, LowOrderPoint, MessageKeys, Plaintext};
use crate::{BackupDecryptionKey, BackupPublicKey, EphemeralPublicKey};

/// A message as [`encrypt`] makes it, without a MAC of any kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawMessage {
    /// The public half of the key pair made for this message.
    pub ephemeral: EphemeralPublicKey,
    /// AES-256-CBC, a multiple of 16 bytes.
    pub ciphertext: Vec<u8>,
}

/// Encrypts `plaintext` to a backup under a fresh ephemeral key (V1-2 to V1-4).
///
/// # Errors
///
/// [`LowOrderPoint`] if the backup's public key is one (V1-7).
pub fn encrypt<R: CryptoRng + ?Sized>(
    backup: &BackupPublicKey,
    plaintext: &[u8],
    rng: &mut R,
) -> Result<RawMessage, LowOrderPoint> {
    let ephemeral = EphemeralSecretKey::generate(rng);
    let ciphertext = MessageKeys::for_sender(backup, &ephemeral)?.encrypt(plaintext);
    Ok(RawMessage { ephemeral: ephemeral.public_key(), ciphertext })
}

/// Decrypts what [`encrypt`] made, whoever made it.
///
/// # Errors
///
/// [`DecryptionFailed`], for whatever reason.
///
/// # Security
///
/// That it succeeds says nothing about who wrote the message; see the [module](super).
pub fn decrypt(
    backup: &BackupDecryptionKey,
    ephemeral: &EphemeralPublicKey,
    ciphertext: &[u8],
) -> Result<Plaintext, DecryptionFailed> {
    MessageKeys::for_recipient(backup, ephemeral)?.decrypt(ciphertext)
}
