//! What the tests in `tests` share: the test data, and both sides' forms of the same keys.
//!
//! Our types are called `ours`, those of the deployed libraries by the library's name.

use std::{fs, path::PathBuf};

use matrix_key_backup_primitives as ours;
use matrix_sdk_crypto::store::types::BackupDecryptionKey as SdkDecryptionKey;
use rand::random;
use serde_json::Value;
use vodozemac::{Curve25519PublicKey, Curve25519SecretKey, pk_encryption::PkDecryption};

/// One backup decryption key as each implementation holds it.
pub struct DecryptionKey {
    /// The 32 bytes.
    pub bytes: [u8; 32],
    /// Ours.
    pub ours: ours::BackupDecryptionKey,
    /// vodozemac's.
    pub vodozemac: PkDecryption,
    /// matrix-sdk-crypto's.
    pub sdk: SdkDecryptionKey,
}

impl DecryptionKey {
    /// A new key.
    pub fn random() -> Self {
        Self::from_bytes(random())
    }

    /// The key of these bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self {
            bytes,
            ours: ours::BackupDecryptionKey::from_slice(&bytes).unwrap(),
            vodozemac: PkDecryption::from_key(Curve25519SecretKey::from_slice(&bytes)),
            sdk: SdkDecryptionKey::from_bytes(&bytes),
        }
    }
}

/// An ephemeral public key of vodozemac as ours.
pub fn ephemeral_from_vodozemac(key: &Curve25519PublicKey) -> ours::EphemeralPublicKey {
    ours::EphemeralPublicKey::from_slice(key.as_bytes()).unwrap()
}

/// The text of a file in `testdata`.
pub fn testdata(name: &str) -> String {
    let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata")).join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A file of vectors.
pub fn vectors(name: &str) -> Value {
    serde_json::from_str(&testdata(&format!("vectors/{name}"))).unwrap()
}
