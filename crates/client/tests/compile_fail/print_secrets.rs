//! K-5: secret keys are neither shown nor serialised by accident.
use matrix_key_backup::primitives::{BackupDecryptionKey, BackupMacKey};

fn show(key: &BackupDecryptionKey, mac_key: &BackupMacKey) {
    let _ = format!("{key}");
    let _ = mac_key.to_string();
    let _ = serde_json::to_string(key);
}

fn main() {}
