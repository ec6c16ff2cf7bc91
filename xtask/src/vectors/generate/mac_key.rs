//! Our own `mac_key.json`.

use anyhow::Result;
use matrix_key_backup_primitives::BackupDecryptionKey;
use serde::Serialize;

use super::material::Material;
use crate::vectors::hex;

#[derive(Debug, Serialize)]
pub(super) struct File {
    about: &'static str,
    vectors: Vec<Vector>,
}

#[derive(Debug, Serialize)]
struct Vector {
    note: &'static str,
    decryption_key: String,
    decryption_key_hex: String,
    backup_public_key: String,
    backup_mac_key_hex: String,
    backup_mac_key_base64: String,
}

pub(super) fn file() -> Result<File> {
    let mut material = Material::of("mac_key");
    // X25519 clamps these to the same key, HKDF does not (K-1, K-2).
    let mut unclamped = material.bytes(32);
    let mut clamped = unclamped.clone();
    set_bits(&mut unclamped, 0x07, 0xc0);
    set_bits(&mut clamped, 0x00, 0x40);
    let keys = [
        ("random", material.bytes(32)),
        ("random", material.bytes(32)),
        ("all zero", vec![0; 32]),
        ("all ones", vec![0xff; 32]),
        ("clamping twin A: the bits that clamping changes are all wrong", unclamped),
        ("clamping twin B: clamped already; public key of A, MAC key of its own", clamped),
    ];
    let vectors = keys.iter().map(|(note, bytes)| vector(note, bytes)).collect::<Result<_>>()?;
    Ok(File {
        about: "backup_mac_key = HKDF-SHA-256(salt empty, ikm = the 32 bytes as they are, info = \
                MATRIX_BACKUP_MAC_KEY, 32 bytes)",
        vectors,
    })
}

/// Sets the low three bits of the first byte and the high two of the last.
fn set_bits(bytes: &mut [u8], low: u8, high: u8) {
    if let [first, .., last] = bytes {
        *first = *first & 0xf8 | low;
        *last = *last & 0x3f | high;
    }
}

fn vector(note: &'static str, bytes: &[u8]) -> Result<Vector> {
    let key = BackupDecryptionKey::from_slice(bytes)?;
    let mac_key = key.mac_key();
    Ok(Vector {
        note,
        decryption_key: key.expose_base64().to_string(),
        decryption_key_hex: hex::encode(bytes),
        backup_public_key: key.public_key().to_base64(),
        backup_mac_key_hex: hex::encode(mac_key.expose_bytes()),
        backup_mac_key_base64: mac_key.expose_base64().to_string(),
    })
}
