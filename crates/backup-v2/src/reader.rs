//! Who may read: the holder of the decryption key.

use matrix_key_backup_primitives::{
    BackupDecryptionKey, BackupMacKey, BackupPublicKey,
    hazmat::{Decryptor, Tier, TierUnavailable},
};
use matrix_key_backup_wire::Names;

use crate::BackupWriter;

/// The decryption key of a backup, with the MAC key and the public key that follow from it.
///
/// Both are derived once, here (K-1, K-2): the MAC key never comes from anywhere else for a holder
/// of the decryption key (S-5, G-4).
#[derive(Clone, Debug)]
pub struct BackupReader {
    mac_key: BackupMacKey,
    public_key: BackupPublicKey,
    /// It has the decryption key.
    decryptor: Decryptor,
}

impl BackupReader {
    /// Derives MAC key and public key from the decryption key.
    #[must_use]
    pub fn new(decryption_key: BackupDecryptionKey) -> Self {
        let mac_key = decryption_key.mac_key();
        let public_key = decryption_key.public_key();
        let decryptor = Decryptor::new(decryption_key);
        Self { mac_key, public_key, decryptor }
    }

    /// The same, with batches computed on a tier of your choice, for tests and comparisons.
    ///
    /// # Errors
    ///
    /// [`TierUnavailable`] if this processor does not have it.
    pub fn on_tier(self, tier: Tier) -> Result<Self, TierUnavailable> {
        let decryptor = Decryptor::with_tier(self.decryption_key().clone(), tier)?;
        Ok(Self { decryptor, ..self })
    }

    /// Decrypts batches.
    pub(crate) fn decryptor(&self) -> &Decryptor {
        &self.decryptor
    }

    /// The decryption key.
    #[must_use]
    pub fn decryption_key(&self) -> &BackupDecryptionKey {
        self.decryptor.decryption_key()
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
