//! What becomes of one entry when its backup is migrated (M-1 to M-3). Pure: the order of the
//! steps, and never destroying anything, is the engine's part.

use matrix_key_backup_primitives::{BackupPublicKey, hazmat::EphemeralSecretKey};
use matrix_key_backup_v1 as v1;
use matrix_key_backup_v2 as v2;
use matrix_key_backup_wire::{
    BackupAlgorithm, ENTRY_MAX_BYTES, Expected, KeyBackupDataError, Names, Provenance,
    SessionDataError, SessionDataV2,
};
use rand_core::CryptoRng;
use thiserror::Error;

use self::MigrationAction::{MacRenamed, Reencrypted, Unchanged};
use crate::replacement::KeyMetadata;

/// The rules for one migration: from which backup to which.
#[derive(Clone, Debug)]
pub struct Migration {
    old: v2::BackupReader,
    old_algorithm: BackupAlgorithm,
    new: v2::BackupWriter,
}

/// An entry of the old backup that may go over, decrypted and bound to its place.
#[derive(Debug)]
pub struct OldEntry<'a> {
    session: v2::SourcedSession,
    form: Form<'a>,
    ignored_mac: Option<v2::VerifyError>,
}

/// What an entry had around its plaintext.
#[derive(Debug)]
enum Form<'a> {
    /// No MAC that holds: nobody ever vouched for anything of it (M-1).
    V1,
    /// A MAC that holds (M-3).
    Verified(v2::VerifiedSessionData<'a>),
}

impl OldEntry<'_> {
    /// The key, with the provenance that it has in the new backup.
    #[must_use]
    pub fn session(&self) -> &v2::SourcedSession {
        &self.session
    }
}

/// What becomes of an entry.
#[derive(Debug)]
#[non_exhaustive]
pub struct MigratedEntry {
    /// The new `session_data`, as JSON text.
    pub session_data: String,
    /// What was done.
    pub action: MigrationAction,
    /// The key in it, with the provenance that it has in the new backup.
    pub session: v2::SourcedSession,
    /// A MAC that was there in a v1 backup and did not hold (H-2), to be reported.
    pub ignored_mac: Option<v2::VerifyError>,
}

impl MigratedEntry {
    /// Whether somebody vouches for the key in the new backup.
    #[must_use]
    pub fn provenance(&self) -> &Provenance {
        self.session.provenance()
    }

    /// The metadata of the new entry: the old one's, except that a key for which nobody vouches is
    /// not verified (M-6).
    #[must_use]
    pub fn metadata(&self, old: &KeyMetadata) -> KeyMetadata {
        KeyMetadata { is_verified: old.is_verified && self.provenance().is_authenticated(), ..*old }
    }
}

/// What was done to an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MigrationAction {
    /// It goes over as it is: the same canonical JSON, the same MAC (M-3).
    Unchanged,
    /// It goes over as it is, with its MAC under the target's name (M-3).
    MacRenamed,
    /// It was encrypted anew and has a new MAC (M-1, M-3).
    Reencrypted,
}

impl Migration {
    /// A migration that reads with `old` and writes with `new`.
    #[must_use]
    pub fn new(
        old: v2::BackupReader,
        old_algorithm: BackupAlgorithm,
        new: v2::BackupWriter,
    ) -> Self {
        Self { old, old_algorithm, new }
    }

    /// Decides what becomes of one entry, and makes the new one.
    ///
    /// # Errors
    ///
    /// [`NotMigrated`]: the entry stays behind in the old backup, and is reported (M-1, M-7).
    pub fn migrate<R: CryptoRng + ?Sized>(
        &self,
        session_data: &str,
        expected: &Expected,
        rng: &mut R,
    ) -> Result<MigratedEntry, NotMigrated> {
        self.write(self.read(session_data, expected)?, rng)
    }

    /// Of which backup the old decryption key is.
    pub(super) fn old_public_key(&self) -> &BackupPublicKey {
        self.old.public_key()
    }

    /// Reads one entry of the old backup, and says which provenance its key goes over with.
    ///
    /// # Errors
    ///
    /// [`NotMigrated`].
    pub fn read<'a>(
        &self,
        session_data: &'a str,
        expected: &Expected,
    ) -> Result<OldEntry<'a>, NotMigrated> {
        let unverified = v2::UnverifiedSessionData::parse(session_data, self.old_algorithm)?;
        match (unverified.verify(self.old.mac_key()), self.old_algorithm) {
            (Ok(verified), _) => {
                // The provenance under the MAC goes along, even out of a v1 backup. // M-3
                let session = verified.decrypt(&self.old)?.bind_for_migration(expected)?;
                let session = v2::SourcedSession::migrated(session);
                Ok(OldEntry { session, form: Form::Verified(verified), ignored_mac: None })
            }
            (Err(mac), BackupAlgorithm::V1) => self.read_v1(session_data, expected, mac),
            (Err(mac), BackupAlgorithm::V2(_)) => Err(NotMigrated::NotVerified(mac)), // M-1
        }
    }

    /// No valid MAC in a v1 backup: `m.legacy-v1`, whatever the key said before. // M-1
    fn read_v1<'a>(
        &self,
        session_data: &str,
        expected: &Expected,
        mac: v2::VerifyError,
    ) -> Result<OldEntry<'a>, NotMigrated> {
        let bound = v1::ReceivedKey::parse(session_data)?
            .decrypt(self.old.decryption_key())?
            .bind(expected)
            .map_err(NotMigrated::MisplacedV1)?;
        let room_id = bound.room_id().clone();
        let session = v2::SourcedSession::migrated_from_v1(bound.into_data(), room_id);
        let ignored_mac = mac.was_present().then_some(mac);
        Ok(OldEntry { session, form: Form::V1, ignored_mac })
    }

    /// Makes the new entry.
    ///
    /// # Errors
    ///
    /// [`NotMigrated::Seal`], [`NotMigrated::TooLarge`].
    pub fn write<R: CryptoRng + ?Sized>(
        &self,
        old: OldEntry<'_>,
        rng: &mut R,
    ) -> Result<MigratedEntry, NotMigrated> {
        self.hazmat_write_with(old, &EphemeralSecretKey::generate(rng))
    }

    /// The same with a given ephemeral key.
    ///
    /// # Errors
    ///
    /// As [`write`](Self::write).
    ///
    /// # Security
    ///
    /// An ephemeral key that is used twice, or that anybody else knows, gives the plaintext away.
    pub fn hazmat_write_with(
        &self,
        old: OldEntry<'_>,
        ephemeral: &EphemeralSecretKey,
    ) -> Result<MigratedEntry, NotMigrated> {
        let OldEntry { session, form, ignored_mac } = old;
        let (session_data, action) = match form {
            // The cleartext properties beside it are not taken along: nobody vouched for them.
            Form::V1 => {
                let sealed = self.new.hazmat_seal_with(&session, ephemeral)?;
                (sealed.as_json().to_owned(), Reencrypted)
            }
            Form::Verified(verified) => self.rewrite(&session, &verified, ephemeral)?,
        };
        if session_data.len() > ENTRY_MAX_BYTES {
            return Err(NotMigrated::TooLarge); // V2-13
        }
        Ok(MigratedEntry { session_data, action, session, ignored_mac })
    }

    /// A MAC that holds is kept wherever it can be. // M-3
    fn rewrite(
        &self,
        session: &v2::SourcedSession,
        verified: &v2::VerifiedSessionData<'_>,
        ephemeral: &EphemeralSecretKey,
    ) -> Result<(String, MigrationAction), NotMigrated> {
        if !self.same_keys() || !fits(session.data(), self.new.names()) {
            let sealed = self.new.hazmat_reseal_with(session, verified.properties(), ephemeral)?;
            return Ok((sealed.as_json().to_owned(), Reencrypted));
        }
        if verified.mac_form() == v2::MacForm::One(self.new.names()) {
            return Ok((verified.as_received().to_owned(), Unchanged));
        }
        Ok((verified.with_mac_named(self.new.names()), MacRenamed))
    }

    /// Whether both backups have one decryption key, and so one MAC key.
    fn same_keys(&self) -> bool {
        self.old.public_key() == self.new.public_key() && self.old.mac_key() == self.new.mac_key()
    }
}

/// Whether the plaintext says nothing under the other name than the target's (M-3).
fn fits(data: &SessionDataV2, target: Names) -> bool {
    data.unauthenticated_names_present().all(|names| names == target)
}

/// Why an entry stays behind in the old backup. It is reported, and the migration is not called
/// complete where this was a key (M-7).
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum NotMigrated {
    /// `session_data` is not what can be parsed at all (V2-13).
    #[error(transparent)]
    Malformed(#[from] SessionDataError),
    /// An entry of a v2 backup without a valid MAC: it must not come under a new one (M-1).
    #[error(transparent)]
    NotVerified(v2::VerifyError),
    /// The MAC is right and there is no key inside.
    #[error(transparent)]
    Unusable(#[from] v2::UnusableSessionData),
    /// A v1 entry that does not decrypt to a room key.
    #[error(transparent)]
    UnusableV1(#[from] v1::UnusableKey),
    /// The key belongs elsewhere (B-1, B-2).
    #[error(transparent)]
    Misplaced(#[from] v2::BindError),
    /// The key of a v1 backup belongs elsewhere (B-1, B-2).
    #[error(transparent)]
    MisplacedV1(v1::BindError),
    /// The new backup's public key is no key to encrypt to.
    #[error(transparent)]
    Seal(#[from] v2::SealError),
    /// The new entry would be larger than 1 MiB, and no reader would take it (V2-13).
    #[error("the new entry would be larger than 1 MiB")]
    TooLarge,
    /// The entry is not a `KeyBackupData`.
    #[error(transparent)]
    MalformedEntry(#[from] KeyBackupDataError),
}
