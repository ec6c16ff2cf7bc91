//! Many entries at once, as Ruma's requests and responses hold them: room id → session id → entry.

use std::collections::{BTreeMap, btree_map::Entry};

use matrix_key_backup_wire::{KeyBackupData, KeyBackupDataError, RoomId, SessionId};
use ruma_client_api::backup::{self, RoomKeyBackup};
use ruma_common::{IdParseError, OwnedRoomId, serde::Raw};
use thiserror::Error;

use crate::{
    IntegerTooLarge, ids::room_id_to_ruma, key_backup_data_from_ruma, key_backup_data_to_ruma,
};

/// One entry of a backup and where it is filed.
///
/// # Security
///
/// In an entry that was received, room and session id are the server's word until the entry has
/// been verified, decrypted and bound (B-1, B-2).
#[derive(Clone, Debug)]
pub struct RoomKeyEntry {
    /// The room.
    pub room_id: RoomId,
    /// The session.
    pub session_id: SessionId,
    /// The entry.
    pub data: KeyBackupData,
}

/// Entries as Ruma's requests take them, and those that have no place there.
#[derive(Clone, Debug, Default)]
pub struct RoomKeysToRuma {
    /// For `add_backup_keys::v3::Request`.
    pub rooms: BTreeMap<OwnedRoomId, RoomKeyBackup>,
    /// What is not in `rooms`, and why.
    pub refused: Vec<RefusedEntry>,
}

/// An entry that cannot stand in a request.
#[derive(Clone, Debug, Error)]
#[error("the key of session {} in room {}: {reason}", entry.session_id, entry.room_id)]
pub struct RefusedEntry {
    /// The entry.
    pub entry: RoomKeyEntry,
    /// What is wrong with it.
    pub reason: RefusalReason,
}

/// Why an entry cannot stand in a request.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RefusalReason {
    /// Its room id is none to Ruma.
    #[error("malformed room id: {0}")]
    RoomId(IdParseError),
    /// Its metadata has a number that is too large for Matrix.
    #[error(transparent)]
    Integer(#[from] IntegerTooLarge),
    /// There is an entry for the same room and session before it. A request has room for one.
    #[error("there is another entry for the same session in this request")]
    Duplicate,
}

impl From<IdParseError> for RefusalReason {
    fn from(error: IdParseError) -> Self {
        Self::RoomId(error)
    }
}

/// Sorts entries by room and session for one `add_backup_keys` request.
///
/// What cannot stand in a request is handed back with the reason; of two entries for one session
/// the first is taken.
#[must_use]
pub fn room_keys_to_ruma(entries: impl IntoIterator<Item = RoomKeyEntry>) -> RoomKeysToRuma {
    let mut sorted = RoomKeysToRuma::default();
    for entry in entries {
        if let Err(reason) = insert(&mut sorted.rooms, &entry) {
            sorted.refused.push(RefusedEntry { entry, reason });
        }
    }
    sorted
}

fn insert(
    rooms: &mut BTreeMap<OwnedRoomId, RoomKeyBackup>,
    entry: &RoomKeyEntry,
) -> Result<(), RefusalReason> {
    let room_id = room_id_to_ruma(&entry.room_id)?;
    let data = key_backup_data_to_ruma(&entry.data)?;
    let room = rooms.entry(room_id).or_insert_with(|| RoomKeyBackup::new(BTreeMap::new()));
    match room.sessions.entry(entry.session_id.as_str().to_owned()) {
        Entry::Occupied(_) => Err(RefusalReason::Duplicate),
        Entry::Vacant(place) => {
            place.insert(data);
            Ok(())
        }
    }
}

/// Reads the entries of a `get_backup_keys` response, each with a result of its own.
///
/// Ruma's response keeps only the last of two entries for one session, and is an error as a whole
/// where one room id is malformed. [`ReceivedRoomKeys`](crate::ReceivedRoomKeys) reads the same
/// body without either.
pub fn room_keys_from_ruma(
    rooms: &BTreeMap<OwnedRoomId, RoomKeyBackup>,
) -> impl Iterator<Item = Result<RoomKeyEntry, UnreadableEntry>> {
    rooms.iter().flat_map(|(room_id, room)| {
        room.sessions.iter().map(move |(session_id, raw)| read(room_id.as_str(), session_id, raw))
    })
}

pub(crate) fn read(
    room_id: &str,
    session_id: &str,
    raw: &Raw<backup::KeyBackupData>,
) -> Result<RoomKeyEntry, UnreadableEntry> {
    let unreadable = |reason| UnreadableEntry {
        room_id: room_id.to_owned(),
        session_id: Some(session_id.to_owned()),
        reason,
    };
    Ok(RoomKeyEntry {
        room_id: RoomId::new(room_id).map_err(|_| unreadable(UnreadableReason::EmptyIdentifier))?,
        session_id: SessionId::new(session_id)
            .map_err(|_| unreadable(UnreadableReason::EmptyIdentifier))?,
        data: key_backup_data_from_ruma(raw).map_err(|error| unreadable(error.into()))?,
    })
}

/// Something in a response is no entry. It does not affect the others.
#[derive(Debug, Error)]
#[error("{}: {reason}", self.place())]
pub struct UnreadableEntry {
    /// The room that it is filed under.
    pub room_id: String,
    /// The session that it is filed under; `None` where the whole room cannot be read.
    pub session_id: Option<String>,
    /// What is wrong with it.
    pub reason: UnreadableReason,
}

impl UnreadableEntry {
    fn place(&self) -> String {
        match &self.session_id {
            Some(session_id) => format!("the key of session {session_id} in room {}", self.room_id),
            None => format!("the keys of room {}", self.room_id),
        }
    }
}

/// Why something in a response is no entry.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum UnreadableReason {
    /// Room or session id is the empty string.
    #[error("an identifier is empty")]
    EmptyIdentifier,
    /// The entry is malformed.
    #[error(transparent)]
    Data(#[from] KeyBackupDataError),
    /// The room is not an object with `sessions`.
    #[error("malformed room: {0}")]
    Room(serde_json::Error),
}
