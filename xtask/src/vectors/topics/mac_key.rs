//! `mac_key.json`: decryption key → public key (K-1) and MAC key (K-2).

use anyhow::Result;
use matrix_key_backup_primitives::BackupDecryptionKey;
use serde::Deserialize;

use crate::vectors::case::{self, Cases, equal};
use crate::vectors::hex;
use crate::vectors::report::Report;

#[derive(Debug, Deserialize)]
struct File<'a> {
    #[serde(borrow)]
    vectors: Cases<'a>,
}

#[derive(Debug, Deserialize)]
struct Vector {
    decryption_key: String,
    decryption_key_hex: String,
    backup_public_key: String,
    backup_mac_key_hex: String,
    backup_mac_key_base64: String,
}

pub(super) fn check(file: &'static str, text: &str, report: &mut Report) -> Result<()> {
    let File { vectors } = serde_json::from_str(text)?;
    case::run_each(report, file, "vectors", &vectors, check_vector);
    Ok(())
}

fn check_vector(vector: &Vector) -> Result<()> {
    let key = BackupDecryptionKey::from_base64(&vector.decryption_key)?;
    equal("decryption_key_hex", hex::encode(key.expose_bytes()), &*vector.decryption_key_hex)?;
    equal("decryption_key", key.expose_base64().as_str(), &*vector.decryption_key)?;
    equal("backup_public_key", key.public_key().to_base64(), &*vector.backup_public_key)?;
    let mac_key = key.mac_key();
    equal("backup_mac_key_hex", hex::encode(mac_key.expose_bytes()), &*vector.backup_mac_key_hex)?;
    equal("backup_mac_key_base64", &**mac_key.expose_base64(), &*vector.backup_mac_key_base64)
}
