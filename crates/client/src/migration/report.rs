//! What a migration tells of itself.

use matrix_key_backup_trust::BackupIdentity;
use matrix_key_backup_v2::VerifyError;
use matrix_key_backup_wire::{RoomId, SessionId};
use serde::Serialize;
use thiserror::Error;

use super::{MigratedEntry, MigrationAction, NotMigrated};
use crate::{
    OpenBackup, RejectReason,
    store::{BackupStore, StoreError, VersionId},
    upload::NoticeKind,
};

/// Something that happened during a migration. Every key that was marked, dropped, left behind or
/// changed on its way is named.
#[derive(Debug)]
#[non_exhaustive]
pub enum MigrationEvent<'a> {
    /// Another page of the old version is done.
    Progress {
        /// Entries of the old version that are done so far.
        entries_done: u64,
    },
    /// The key is marked as coming from a v1 backup, so nobody vouches for it (M-1).
    Marked(&'a RoomId, &'a SessionId),
    /// A MAC that stood in a v1 backup and does not hold; the key was marked (H-2).
    IgnoredMac(&'a RoomId, &'a SessionId, &'a VerifyError),
    /// The entry stays behind in the old version (M-1, M-7).
    LeftBehind(&'a RoomId, &'a SessionId, &'a NotMigrated),
    /// The new version has a key for the session already, and they were merged (A-3).
    Notice(&'a RoomId, &'a SessionId, &'a NoticeKind),
    /// The comparison has found the key missing or worse in the new version (M-5).
    Different(&'a RoomId, &'a SessionId, &'a Difference),
}

/// How the new version falls short of the old one, for one key.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Difference {
    /// The new version does not have the session.
    #[error("it is missing in the new version")]
    Missing,
    /// The new version's entry gives no key.
    #[error("the new version's entry gives no key: {0}")]
    Unreadable(RejectReason),
    /// The new version's key does not lead to the old one's, or begins at a later message.
    #[error("the new version has another key for the session, or one from a later message on")]
    OtherKey,
    /// Somebody vouched for the key in the old version, and nobody does in the new one.
    #[error("the key was vouched for in the old version, and is not in the new one")]
    LostAuthentication,
    /// The new version names another sender.
    #[error("the new version names another sender for the key")]
    OtherSender,
    /// The room was under the MAC in the old version, and is the server's word in the new one (B-2).
    #[error("the key's room was vouched for in the old version, and is not in the new one")]
    LostRoom,
}

/// What became of the entries of the old version.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct MigrationCounts {
    /// Entries of the old version.
    pub entries: u64,
    /// Entries that went over as they were (M-3).
    pub unchanged: u64,
    /// Entries that went over with their MAC under the other name (M-3).
    pub mac_renamed: u64,
    /// Entries that were encrypted anew (M-1, M-3).
    pub reencrypted: u64,
    /// Keys that are marked as coming from a v1 backup (M-1); they are among the others.
    pub marked_legacy_v1: u64,
    /// Keys that the new version had already.
    pub already_there: u64,
    /// Keys that were merged with another one for the same session in the new version (A-3).
    pub merged: u64,
    /// Keys that would have added something to the new version, which keeps what it has (A-2).
    pub blocked: u64,
    /// Entries of a v2 backup without a valid MAC: nobody vouches for them, and they were never
    /// decrypted (M-1).
    pub dropped: u64,
    /// Entries that could not be read (M-7).
    pub left_behind: u64,
}

impl MigrationCounts {
    /// What was written, or would be.
    pub(super) fn add_migrated(&mut self, entry: &MigratedEntry) {
        match entry.action {
            MigrationAction::Unchanged => self.unchanged += 1,
            MigrationAction::MacRenamed => self.mac_renamed += 1,
            MigrationAction::Reencrypted => self.reencrypted += 1,
        }
    }

    pub(super) fn add_not_migrated(&mut self, reason: &NotMigrated) {
        match reason {
            NotMigrated::NotVerified(_) => self.dropped += 1,
            _ => self.left_behind += 1,
        }
    }
}

/// What a migration came to, after old and new were compared key by key (M-5).
///
/// Only the comparison makes one, and nothing changes it:
///
/// ```compile_fail,E0616
/// # use matrix_key_backup::migration::{CompleteMigration, MigrationReport};
/// fn pass_off(mut report: MigrationReport) -> Option<CompleteMigration> {
///     report.different = 0; // private
///     report.complete()
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct MigrationReport {
    pub(super) old_version: VersionId,
    pub(super) new_version: VersionId,
    #[serde(flatten)]
    pub(super) counts: MigrationCounts,
    pub(super) missing: u64,
    pub(super) compared: u64,
    pub(super) different: u64,
    #[serde(skip)]
    pub(super) new_identity: BackupIdentity,
}

impl MigrationReport {
    /// The old version. It is still there.
    #[must_use]
    pub fn old_version(&self) -> &VersionId {
        &self.old_version
    }

    /// The new version.
    #[must_use]
    pub fn new_version(&self) -> &VersionId {
        &self.new_version
    }

    /// What became of the entries.
    #[must_use]
    pub fn counts(&self) -> &MigrationCounts {
        &self.counts
    }

    /// Entries that the store says the old version has, and did not give.
    #[must_use]
    pub fn missing(&self) -> u64 {
        self.missing
    }

    /// Keys that were compared.
    #[must_use]
    pub fn compared(&self) -> u64 {
        self.compared
    }

    /// Keys that the new version lacks, or has worse.
    #[must_use]
    pub fn different(&self) -> u64 {
        self.different
    }

    /// Whether every key of the old version is in the new one, as good as it was.
    ///
    /// Every key that went over must have been compared, and the store must have given as many
    /// entries as it says there are. Entries without a valid MAC in a v2 backup do not count:
    /// nobody can say that they ever were keys. Any other entry that stays behind does (M-7), also
    /// where somebody may have planted it: deleting is for the user to decide then.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        let MigrationCounts { entries, dropped, left_behind, .. } = self.counts;
        self.different == 0
            && self.missing == 0
            && left_behind == 0
            && self.compared == entries - dropped
    }

    /// What it takes to delete the old version: a migration that is complete.
    #[must_use]
    pub fn complete(&self) -> Option<CompleteMigration> {
        self.is_complete().then(|| CompleteMigration {
            old: self.old_version.clone(),
            new: self.new_identity.clone(),
        })
    }
}

/// A migration of which every key was found in the new version. Only a comparison makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompleteMigration {
    old: VersionId,
    new: BackupIdentity,
}

impl CompleteMigration {
    /// Deletes the old version, which no migration does by itself (M-5).
    ///
    /// `store` is the one that was migrated in. Its current backup must still be the new one.
    ///
    /// # Errors
    ///
    /// [`StoreError::WrongVersion`] where the new version is not the current one any more, or has
    /// another key or algorithm: then the old one stays. [`StoreError::Store`].
    pub async fn delete_old<S: BackupStore>(self, store: &S) -> Result<(), StoreError<S::Error>> {
        let current = store.current_version().await?;
        let named = current.as_ref().map(|current| current.version.clone());
        let is_new =
            current.and_then(|current| OpenBackup::read(current).ok()).is_some_and(|now| {
                now.version().as_str() == self.new.version
                    && now.algorithm() == self.new.algorithm
                    && *now.public_key() == self.new.public_key
            });
        if !is_new {
            let version = VersionId::new(self.new.version);
            return Err(StoreError::WrongVersion { version, current: named });
        }
        store.delete_version(&self.old).await?;
        Ok(())
    }
}
