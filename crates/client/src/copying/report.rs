//! What a copy tells of itself.

use matrix_key_backup_wire::{KeyBackupDataError, RoomId, SessionId};
use serde::Serialize;
use thiserror::Error;

use crate::maybe_send::MaybeSend;
use crate::store::{KeyToStore, ReceivedKey, VersionId};

/// Something that happened during a copy. Every entry that did not go over is named.
#[derive(Debug)]
#[non_exhaustive]
pub enum CopyEvent<'a> {
    /// The version that is copied to was found, or made.
    Target {
        /// The version.
        version: &'a VersionId,
        /// Whether it was made for this copy.
        created: bool,
    },
    /// Another page is copied.
    Copied {
        /// Entries that are done so far, whatever came of them.
        entries_done: u64,
    },
    /// The entry could not be read, so it was not copied.
    Unreadable(&'a RoomId, &'a SessionId, &'a KeyBackupDataError),
    /// The entry could not be written to a JSON file.
    #[cfg(feature = "json")]
    LeftOut(&'a crate::store::LeftOut),
    /// Another page is compared.
    Compared {
        /// Entries that are compared so far.
        entries_done: u64,
    },
    /// The comparison has found that the target has not the same entry.
    Different(&'a RoomId, &'a SessionId, CopyDifference),
}

/// How the target differs in one place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CopyDifference {
    /// It has no entry.
    #[error("it is missing in the copy")]
    Missing,
    /// It has another entry: other metadata, or another `session_data`.
    #[error("the copy has another entry")]
    Other,
    /// It has an entry that cannot be read.
    #[error("the copy has an entry that cannot be read")]
    Unreadable,
}

/// What became of the entries that were to be copied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct CopyCounts {
    /// Entries that the store has given.
    pub entries: u64,
    /// Entries that were given to the target.
    pub written: u64,
    /// Entries that the target had already, from a copy that broke off or otherwise.
    pub already_there: u64,
    /// Entries in the place of which the target had another one, which stays.
    pub kept: u64,
    /// Entries that could not be read.
    pub unreadable: u64,
    /// Entries that a JSON file cannot have.
    pub left_out: u64,
}

impl CopyCounts {
    /// Counts and tells what cannot be copied, and gives on what can.
    pub(super) fn add_page(
        &mut self,
        page: Vec<ReceivedKey>,
        observe: &mut (impl FnMut(CopyEvent<'_>) + MaybeSend),
    ) -> Vec<KeyToStore> {
        self.entries += page.len() as u64;
        let mut readable = Vec::with_capacity(page.len());
        for ReceivedKey { room_id, session_id, data } in page {
            match data {
                Ok(data) => readable.push(KeyToStore { room_id, session_id, data }),
                Err(error) => {
                    self.unreadable += 1;
                    observe(CopyEvent::Unreadable(&room_id, &session_id, &error));
                }
            }
        }
        readable
    }
}

/// What two versions have in common.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Comparison {
    /// Whether algorithm and `auth_data` are the same.
    pub same_backup: bool,
    /// Entries that were compared: all that can be read.
    pub compared: u64,
    /// Entries that the other version lacks, or has differently.
    pub different: u64,
    /// Entries in places where only the other version has one.
    pub only_there: u64,
}

impl Comparison {
    /// Whether the other version has every entry that can be read. It may have more.
    #[must_use]
    pub fn has_all(&self) -> bool {
        self.same_backup && self.different == 0
    }
}

/// What a copy came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct CopyReport {
    /// The version that was copied.
    pub from_version: VersionId,
    /// The version that it was copied to.
    pub to_version: VersionId,
    /// Whether that was made for this copy.
    pub created: bool,
    /// What became of the entries.
    #[serde(flatten)]
    pub counts: CopyCounts,
    /// What the two versions have in common now.
    #[serde(flatten)]
    pub comparison: Comparison,
}

impl CopyReport {
    /// Whether every entry is in the target as it was.
    ///
    /// It is not where the comparison has seen fewer entries than were copied: the store took some
    /// back, or withholds them, and nobody knows how they compare.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        let CopyCounts { entries, unreadable, .. } = self.counts;
        unreadable == 0 && self.comparison.has_all() && self.comparison.compared >= entries
    }
}
