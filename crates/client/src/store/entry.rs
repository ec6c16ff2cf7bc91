//! Entries on their way into a store and out of it.

use matrix_key_backup_wire::{KeyBackupData, KeyBackupDataError, RoomId, SessionId};

use crate::replacement::{KeyMetadata, replaces};

/// An entry as a store returned it: nothing of it has been verified.
///
/// An entry that cannot be read stands here with the reason, so that one bad entry never costs
/// the others.
#[derive(Clone, Debug)]
pub struct ReceivedKey {
    /// The room that the entry is filed under: the store's word (B-2).
    pub room_id: RoomId,
    /// The session that the entry is filed under: the store's word (B-1).
    pub session_id: SessionId,
    /// The entry, or why it is none.
    pub data: Result<KeyBackupData, KeyBackupDataError>,
}

/// An entry to be written.
#[derive(Clone, Debug)]
pub struct KeyToStore {
    /// The room to file it under.
    pub room_id: RoomId,
    /// The session to file it under.
    pub session_id: SessionId,
    /// The entry.
    pub data: KeyBackupData,
}

impl KeyToStore {
    /// Whether this entry takes the place of one with the metadata `old`.
    #[must_use]
    pub fn replaces(&self, old: &KeyMetadata) -> bool {
        replaces(&KeyMetadata::from(&self.data), old)
    }
}

/// Which entries of a version are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyScope {
    /// All of them.
    All,
    /// Those of one room.
    Room(RoomId),
    /// The one of one session in one room.
    Session(RoomId, SessionId),
}

/// How a version stands after a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PutOutcome {
    /// The etag: another one than before exactly if something changed.
    pub etag: String,
    /// How many keys the version holds.
    pub count: u64,
}
