//! Who may read: the holder of the decryption key.

use matrix_key_backup_primitives::{BackupDecryptionKey, BackupMacKey, BackupPublicKey};
use matrix_key_backup_wire::Names;

use crate::BackupWriter;

/// The decryption key of a backup, with the MAC key and the public key that follow from it.
///
/// Both are derived once, here (K-1, K-2): the MAC key never comes from anywhere else for a holder
/// of the decryption key (S-5, G-4).
#[derive(Clone, Debug)]
pub struct BackupReader {
    decryption_key: BackupDecryptionKey,
    mac_key: BackupMacKey,
    public_key: BackupPublicKey,
}

impl BackupReader {
    /// Derives MAC key and public key from the decryption key.
    #[must_use]
    pub fn new(decryption_key: BackupDecryptionKey) -> Self {
        let mac_key = decryption_key.mac_key();
        let public_key = decryption_key.public_key();
        Self { decryption_key, mac_key, public_key }
    }

    /// The decryption key.
    #[must_use]
    pub fn decryption_key(&self) -> &BackupDecryptionKey {
        &self.decryption_key
    }

    /// The MAC key (K-2).
    #[must_use]
    pub fn mac_key(&self) -> &BackupMacKey {
        &self.mac_key
    }

    /// The public key (K-1).
    #[must_use]
    pub fn public_key(&self) -> &BackupPublicKey {
        &self.public_key
    }

    /// The writer for the same backup.
    #[must_use]
    pub fn writer(&self, names: Names) -> BackupWriter {
        BackupWriter::new(self.public_key, self.mac_key.clone(), names)
    }
}
