//! The whole way down, for files that do not say where an entry was found.

use anyhow::{Result, ensure};
use matrix_key_backup::{BackedUpSession, EntryReader, RejectReason};
use matrix_key_backup_v2 as v2;
use matrix_key_backup_wire::{Expected, RoomId, SessionId};

/// The room in which every entry is found.
pub(crate) const ROOM_ID: &str = "!vectors:example.org";

/// A session id that no key has.
pub(crate) const NOWHERE: &str = "no-session-has-this-id";

/// Reads a `session_data` as if it had been found where it belongs.
///
/// The files leave the session id out; it is taken from the refusal of a wrong one, so that each
/// key also shows that it cannot be moved (B-1).
///
/// # Errors
///
/// When a key is imported under an id that it has not got.
pub(crate) fn read(
    reader: &EntryReader,
    session_data: &str,
) -> Result<Result<BackedUpSession, RejectReason>> {
    let misplaced = reader.read_session_data(session_data, &place(SessionId::new(NOWHERE)?)?);
    ensure!(misplaced.is_err(), "the key is imported under a session id that it has not got (B-1)");
    match misplaced {
        Err(RejectReason::Misplaced(v2::BindError::WrongSession { found }))
        | Err(RejectReason::MisplacedV1(v2::BindError::WrongSession { found })) => {
            Ok(reader.read_session_data(session_data, &place(found)?))
        }
        other => Ok(other),
    }
}

/// A place in [`ROOM_ID`], in a backup of nobody in particular.
///
/// # Errors
///
/// Never: the room id is not empty.
pub(crate) fn place(session_id: SessionId) -> Result<Expected> {
    let room_id = RoomId::new(ROOM_ID)?;
    Ok(Expected { room_id, session_id, user_id: None })
}
