//! The way up: a room key, encrypted as deployed clients read it.

use alloc::{boxed::Box, format, string::String};

use matrix_key_backup_primitives::{
    BackupPublicKey, base64,
    hazmat::{EphemeralSecretKey, MessageKeys},
};
use matrix_key_backup_wire::BackedUpSessionData;
use rand_core::CryptoRng;
use serde_json::value::RawValue;
use thiserror::Error;

/// An encrypted v1 `session_data`, {`ciphertext`, `ephemeral`, `mac`}, as JSON text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncryptedSessionData {
    json: String,
}

impl EncryptedSessionData {
    /// The JSON text.
    #[must_use]
    pub fn as_json(&self) -> &str {
        &self.json
    }

    /// The JSON text as a raw value, for `KeyBackupData`.
    #[must_use]
    #[expect(clippy::expect_used, reason = "the text is written below, as JSON")]
    #[expect(clippy::missing_panics_doc, reason = "cannot happen")]
    pub fn into_raw(self) -> Box<RawValue> {
        RawValue::from_string(self.json).expect("encryption writes JSON")
    }
}

/// Encrypts one room key to a backup's public key (V1-2 to V1-5).
///
/// # Errors
///
/// [`LowOrderPublicKey`] if the public key is a point of low order (V1-7).
///
/// # Security
///
/// Nothing here tells a reader who wrote the key.
pub fn encrypt<R: CryptoRng + ?Sized>(
    public_key: &BackupPublicKey,
    session: &BackedUpSessionData,
    rng: &mut R,
) -> Result<EncryptedSessionData, LowOrderPublicKey> {
    hazmat_encrypt_with(public_key, session, &EphemeralSecretKey::generate(rng))
}

/// The same with a given ephemeral key, for reproducible test vectors.
///
/// # Errors
///
/// As [`encrypt`].
///
/// # Security
///
/// An ephemeral key that is used twice, or that anybody else knows, gives the plaintext away.
pub fn hazmat_encrypt_with(
    public_key: &BackupPublicKey,
    session: &BackedUpSessionData,
    ephemeral: &EphemeralSecretKey,
) -> Result<EncryptedSessionData, LowOrderPublicKey> {
    let keys = MessageKeys::for_sender(public_key, ephemeral).map_err(|_| LowOrderPublicKey)?;
    let ciphertext = base64::encode_unpadded(&keys.encrypt(session.to_json().as_bytes()));
    let ephemeral = ephemeral.public_key().to_base64();
    let mac = keys.v1_mac().to_base64();
    Ok(EncryptedSessionData {
        json: format!(r#"{{"ciphertext":"{ciphertext}","ephemeral":"{ephemeral}","mac":"{mac}"}}"#),
    })
}

/// The backup's public key is a point of low order: everybody could read what is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the backup's public key is a point of low order: nothing can be encrypted to it")]
pub struct LowOrderPublicKey;
