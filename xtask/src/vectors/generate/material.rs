//! Keys and room keys for our own vectors.

use anyhow::Result;
use ed25519_dalek::SigningKey;
use matrix_key_backup_primitives::hazmat::EphemeralSecretKey;
use matrix_key_backup_primitives::{BackupDecryptionKey, base64};
use matrix_key_backup_wire::MEGOLM_ALGORITHM;
use rand_core::Rng as _;

use crate::vectors::rng::SeededRng;

/// An endless supply of keys that are the same on every run.
pub(super) struct Material {
    pub(super) rng: SeededRng,
}

/// The plaintext of a room key, and the session that it belongs to.
pub(super) struct RoomKey {
    pub(super) session_id: String,
    /// A `BackedUpSessionData`, without whitespace.
    pub(super) json: String,
}

impl Material {
    /// Each topic has its own, so that a new case in one changes no other.
    pub(super) fn of(topic: &str) -> Self {
        Self { rng: SeededRng::new(topic) }
    }

    pub(super) fn bytes(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        self.rng.fill_bytes(&mut bytes);
        bytes
    }

    pub(super) fn decryption_key(&mut self) -> BackupDecryptionKey {
        BackupDecryptionKey::generate(&mut self.rng)
    }

    /// An ephemeral key, with its bytes.
    pub(super) fn ephemeral(&mut self) -> Result<(EphemeralSecretKey, Vec<u8>)> {
        let bytes = self.bytes(32);
        Ok((EphemeralSecretKey::from_slice(&bytes)?, bytes))
    }

    /// A room key that begins at the message `index`, with more properties at its end, each
    /// written as `,"name":value`.
    pub(super) fn room_key(&mut self, index: u32, properties: &str) -> RoomKey {
        let mut seed = [0; 32];
        self.rng.fill_bytes(&mut seed);
        let public_key = SigningKey::from_bytes(&seed).verifying_key().to_bytes();
        // The session export: version, index, ratchet, public key (V1-1).
        let mut export = vec![1];
        export.extend(index.to_be_bytes());
        export.extend(self.bytes(128));
        export.extend(public_key);
        let session_key = base64::encode_unpadded(&export);
        let sender_key = base64::encode_unpadded(&self.bytes(32));
        let ed25519 = base64::encode_unpadded(&self.bytes(32));
        let json = format!(
            "{{\"algorithm\":\"{MEGOLM_ALGORITHM}\",\"forwarding_curve25519_key_chain\":[],\
             \"sender_claimed_keys\":{{\"ed25519\":\"{ed25519}\"}},\
             \"sender_key\":\"{sender_key}\",\"session_key\":\"{session_key}\"{properties}}}"
        );
        RoomKey { session_id: base64::encode_unpadded(&public_key), json }
    }
}
