//! The way up: a room key, encrypted as deployed clients read it.

use alloc::{boxed::Box, format, string::String, vec::Vec};
use core::borrow::Borrow;

use matrix_key_backup_primitives::{
    BackupPublicKey, EphemeralPublicKey, base64,
    hazmat::{Encryptor, EphemeralSecretKey, MessageKeys},
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
    fn new(ephemeral: &EphemeralPublicKey, keys: &MessageKeys, ciphertext: &[u8]) -> Self {
        let ciphertext = base64::encode_unpadded(ciphertext);
        let (ephemeral, mac) = (ephemeral.to_base64(), keys.v1_mac().to_base64());
        Self {
            json: format!(
                r#"{{"ciphertext":"{ciphertext}","ephemeral":"{ephemeral}","mac":"{mac}"}}"#
            ),
        }
    }

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
    let ciphertext = keys.encrypt(session.to_json().as_bytes());
    Ok(EncryptedSessionData::new(&ephemeral.public_key(), &keys, &ciphertext))
}

/// Encrypts any number of room keys, in their order: many at once, on the processor's vector unit,
/// and up to twenty times as fast as one after the other. `encryptor` has the backup's public key;
/// it takes less than a millisecond to make, and serves for all keys of a backup.
///
/// # Errors
///
/// As [`encrypt`]: then none can be encrypted.
///
/// # Security
///
/// As [`encrypt`].
pub fn encrypt_batch<R: CryptoRng + ?Sized>(
    encryptor: &Encryptor,
    sessions: &[impl Borrow<BackedUpSessionData>],
    rng: &mut R,
) -> Result<Vec<EncryptedSessionData>, LowOrderPublicKey> {
    let keys = encryptor.message_keys_batch(sessions.len(), rng);
    let keys = keys.map_err(|_| LowOrderPublicKey)?; // V1-7
    Ok(encrypt_all(sessions.iter().map(Borrow::borrow), &keys))
}

/// The same with an ephemeral key beside each session, which was drawn where drawing may fail.
///
/// # Errors
///
/// As [`encrypt`]: then none can be encrypted.
///
/// # Security
///
/// As [`hazmat_encrypt_with`].
pub fn hazmat_encrypt_batch_with(
    encryptor: &Encryptor,
    sessions: &[(impl Borrow<BackedUpSessionData>, EphemeralSecretKey)],
) -> Result<Vec<EncryptedSessionData>, LowOrderPublicKey> {
    let keys = encryptor.message_keys_with(sessions.iter().map(|(_, key)| key));
    let keys = keys.map_err(|_| LowOrderPublicKey)?; // V1-7
    Ok(encrypt_all(sessions.iter().map(|(session, _)| session.borrow()), &keys))
}

/// Encrypts each session with the keys of its message; there are as many of these as of those.
fn encrypt_all<'s>(
    sessions: impl Iterator<Item = &'s BackedUpSessionData>,
    keys: &[(EphemeralPublicKey, MessageKeys)],
) -> Vec<EncryptedSessionData> {
    let plaintexts: Vec<_> = sessions.map(BackedUpSessionData::to_json).collect();
    let ciphertexts =
        MessageKeys::encrypt_batch(keys.iter().map(|(_, keys)| keys).zip(&plaintexts));
    let encrypted = keys.iter().zip(&ciphertexts).map(|((ephemeral, keys), ciphertext)| {
        EncryptedSessionData::new(ephemeral, keys, ciphertext)
    });
    encrypted.collect()
}

/// The backup's public key is a point of low order: everybody could read what is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the backup's public key is a point of low order: nothing can be encrypted to it")]
pub struct LowOrderPublicKey;
