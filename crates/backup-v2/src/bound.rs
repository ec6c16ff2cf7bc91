//! The last step down: a key that belongs where it was found.

use matrix_key_backup_wire::{
    Expected, MalformedContext, MegolmSessionExport, NotEarlier, Provenance, RoomId, SessionDataV2,
    SessionId, UserId,
};
use thiserror::Error;

/// Who says that the key belongs to the room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RoomAssurance {
    /// The writer, under the MAC (B-2).
    UnderMac,
    /// Only the server.
    ServersWord,
}

/// A room key that may be imported: MAC checked, decrypted, and bound to its place.
///
/// Only [`DecryptedSessionData::bind`](crate::DecryptedSessionData::bind) makes one.
#[derive(Debug)]
pub struct BoundSession {
    data: SessionDataV2,
    provenance: Provenance,
    room: RoomAssurance,
    expected: Expected,
}

impl BoundSession {
    pub(crate) fn new(
        data: SessionDataV2,
        provenance: Provenance,
        room: RoomAssurance,
        expected: &Expected,
    ) -> Self {
        Self { data, provenance, room, expected: expected.clone() }
    }

    /// The room key.
    #[must_use]
    pub fn data(&self) -> &SessionDataV2 {
        &self.data
    }

    /// Whether the writer vouched for the key, and if not, why not.
    #[must_use]
    pub fn provenance(&self) -> &Provenance {
        &self.provenance
    }

    /// Who says that the key belongs to [`room_id`](Self::room_id).
    #[must_use]
    pub fn room_assurance(&self) -> RoomAssurance {
        self.room
    }

    /// The room in which the key was found.
    #[must_use]
    pub fn room_id(&self) -> &RoomId {
        &self.expected.room_id
    }

    /// The session id, recomputed from the session key and equal to the one it was found under.
    #[must_use]
    pub fn session_id(&self) -> &SessionId {
        &self.expected.session_id
    }

    /// Takes the key out.
    #[must_use]
    pub fn into_data(self) -> SessionDataV2 {
        self.data
    }

    /// Begins the same session at an earlier message index.
    ///
    /// # Errors
    ///
    /// [`NotEarlier`] if `earlier` is of another session or does not begin earlier.
    ///
    /// # Security
    ///
    /// The caller has to have shown that `earlier`, ratcheted forward, equals this session key
    /// . All that somebody vouches for, `sender_key` first, stays this session's.
    pub fn adopt_earlier_session_key(
        &mut self,
        earlier: MegolmSessionExport,
    ) -> Result<(), NotEarlier> {
        self.data.adopt_earlier_session_key(earlier)
    }
}

/// A room key on its way from one backup to another, with the provenance that its MAC covered.
///
/// It cannot be imported; [`SourcedSession::migrated`](crate::SourcedSession::migrated) is the
/// only way on.
#[derive(Debug)]
pub struct MigratingSession {
    data: SessionDataV2,
    provenance: Provenance,
}

impl MigratingSession {
    pub(crate) fn new(data: SessionDataV2, provenance: Provenance) -> Self {
        Self { data, provenance }
    }

    /// The room key.
    #[must_use]
    pub fn data(&self) -> &SessionDataV2 {
        &self.data
    }

    /// The provenance as the writer put it under the MAC.
    #[must_use]
    pub fn provenance(&self) -> &Provenance {
        &self.provenance
    }

    pub(crate) fn into_parts(self) -> (SessionDataV2, Provenance) {
        (self.data, self.provenance)
    }
}

/// Compares a key with its place. // B-1, B-2
pub(crate) fn bind(
    data: &SessionDataV2,
    provenance: &Provenance,
    expected: &Expected,
) -> Result<RoomAssurance, BindError> {
    let session_id = data.session_key().session_id();
    if session_id != expected.session_id {
        return Err(BindError::WrongSession { found: session_id });
    }
    let Some(context) = data.context()? else {
        return Ok(RoomAssurance::ServersWord);
    };
    if context.room_id != expected.room_id {
        return Err(BindError::WrongRoom { written_for: context.room_id });
    }
    if context.session_id != expected.session_id {
        return Err(BindError::WrongContextSession { written_for: context.session_id });
    }
    if let (Some(written_for), Some(owner)) = (context.user_id, &expected.user_id)
        && written_for != *owner
    {
        return Err(BindError::WrongUser { written_for });
    }
    // A context beside an `unauthenticated` mark comes from a writer that broke B-2: it is held
    // to what it says, but proves nothing.
    Ok(if provenance.is_authenticated() {
        RoomAssurance::UnderMac
    } else {
        RoomAssurance::ServersWord
    })
}

/// Why a decrypted key does not belong where it was found. Somebody moved it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum BindError {
    /// The session key is that of another session (B-1).
    #[error("the key inside is that of session {found}")]
    WrongSession {
        /// The session id recomputed from the session key.
        found: SessionId,
    },
    /// The writer wrote the key for another room (B-2).
    #[error("the key was written for room {written_for}")]
    WrongRoom {
        /// The room under the MAC.
        written_for: RoomId,
    },
    /// The writer wrote the key for another session (B-2).
    #[error("the key was written for session {written_for}")]
    WrongContextSession {
        /// The session id under the MAC.
        written_for: SessionId,
    },
    /// The writer wrote the key for another user's backup (B-2).
    #[error("the key was written for the backup of {written_for}")]
    WrongUser {
        /// The user under the MAC.
        written_for: UserId,
    },
    /// The context under the MAC cannot be read, so it cannot be checked (B-2).
    #[error(transparent)]
    MalformedContext(#[from] MalformedContext),
}
