//! Entries on their way into a store and out of it.

use matrix_key_backup_wire::{
    Json, KeyBackupData, KeyBackupDataError, RoomId, SessionId, canonical_json,
};
use serde_json::value::RawValue;

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

    /// Whether this entry is what a store has: the same metadata and the same JSON. Its bytes may
    /// be others.
    #[must_use]
    pub fn is(&self, stored: &KeyBackupData) -> bool {
        KeyMetadata::from(&self.data) == KeyMetadata::from(stored)
            && is_same_json(&self.data.session_data, &stored.session_data)
    }
}

/// Whether two texts are the same JSON.
pub(crate) fn is_same_json(one: &RawValue, other: &RawValue) -> bool {
    let canonical = |json: &RawValue| canonical_json(&Json::parse(json.get()).ok()?).ok();
    one.get() == other.get() || canonical(one).is_some_and(|one| Some(one) == canonical(other))
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
    /// Where none of the entries that were given is now. In all other places one is, as it was
    /// given; after a deletion there is nothing here.
    pub unwritten: Vec<Unwritten>,
}

/// A session whose entry a store did not take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unwritten {
    /// The room of the entry.
    pub room_id: RoomId,
    /// Its session.
    pub session_id: SessionId,
    /// Why it is not there.
    pub reason: UnwrittenReason,
}

/// Why a store did not take an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UnwrittenReason {
    /// It has another one in this place, and keeps that.
    KeptOld,
    /// It does not take this one, and says why. Others of the same call were taken.
    Refused(String),
}
