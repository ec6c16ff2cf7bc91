//! The third step down: the plaintext, not yet tied to the place where it was found.

use matrix_key_backup_wire::{
    BackupAlgorithm, BindError, Expected, Provenance, SessionDataV2, UnauthenticatedSource,
};

use crate::bound::{BoundSession, MigratingSession, bind};

/// A decrypted room key that nobody has yet compared with where it was filed.
///
/// The MAC binds neither room nor session id, so a server can move a valid entry to another
/// place (B-1, B-2). Hence there is nothing to read here: [`bind`](Self::bind) comes first.
#[derive(Debug)]
pub struct DecryptedSessionData {
    data: SessionDataV2,
    algorithm: BackupAlgorithm,
}

impl DecryptedSessionData {
    pub(crate) fn new(data: SessionDataV2, algorithm: BackupAlgorithm) -> Self {
        Self { data, algorithm }
    }

    /// Compares the key with the place where it was found, and says who vouches for it.
    ///
    /// In a v2 backup the provenance is what the writer put under the MAC (V2-8 to V2-10); in a
    /// v1 backup it is always `m.legacy-v1` (H-3).
    ///
    /// # Errors
    ///
    /// [`BindError`] if the session id is not that of the session key (B-1), or the context under
    /// the MAC is malformed or names another room, session or user (B-2).
    pub fn bind(self, expected: &Expected) -> Result<BoundSession, BindError> {
        let provenance = match self.algorithm {
            BackupAlgorithm::V1 => Provenance::Unauthenticated(UnauthenticatedSource::LegacyV1),
            BackupAlgorithm::V2(_) => self.data.written_provenance(),
        };
        let room = bind(&self.data, &provenance, expected)?;
        Ok(BoundSession::new(self.data, provenance, room, expected))
    }

    /// The same for migration, the one place where a valid MAC in a v1 backup counts (M-3).
    ///
    /// What comes out cannot be imported, only written to another backup.
    ///
    /// # Errors
    ///
    /// As [`bind`](Self::bind).
    pub fn bind_for_migration(self, expected: &Expected) -> Result<MigratingSession, BindError> {
        let provenance = self.data.written_provenance();
        bind(&self.data, &provenance, expected)?;
        Ok(MigratingSession::new(self.data, provenance, expected.room_id.clone()))
    }
}
