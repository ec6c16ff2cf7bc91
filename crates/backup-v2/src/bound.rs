//! The last step down: a key that belongs where it was found.

use crate::VouchRecord;
use matrix_key_backup_wire::{
    BindError, Expected, MegolmSessionExport, NotEarlier, Provenance, RoomId, SessionDataV2,
    SessionId,
};

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

    /// What to keep beside the key in a client's own store, so that it can be backed up again with
    /// the provenance that it has now (V2-8 c).
    #[must_use]
    pub fn vouch_record(&self) -> VouchRecord {
        let room_under_mac = self.room == RoomAssurance::UnderMac;
        VouchRecord::new(&self.data, &self.provenance, &self.expected.room_id, room_under_mac)
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

    /// Begins the same session at an earlier message index. All that somebody vouches for,
    /// `sender_key` first, stays this session's.
    ///
    /// # Errors
    ///
    /// [`NotEarlier`] if `earlier` does not begin earlier, or does not become this session key when
    /// it is ratcheted forward.
    pub fn adopt_earlier_session_key(
        &mut self,
        earlier: &MegolmSessionExport,
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
    room_id: RoomId,
}

impl MigratingSession {
    pub(crate) fn new(data: SessionDataV2, provenance: Provenance, room_id: RoomId) -> Self {
        Self { data, provenance, room_id }
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

    pub(crate) fn into_parts(self) -> (SessionDataV2, Provenance, RoomId) {
        (self.data, self.provenance, self.room_id)
    }
}

/// Compares a key with its place, and says who vouches for the room. // B-1, B-2
pub(crate) fn bind(
    data: &SessionDataV2,
    provenance: &Provenance,
    expected: &Expected,
) -> Result<RoomAssurance, BindError> {
    let has_context = expected.check(data)?;
    // A context beside an `unauthenticated` mark comes from a writer that broke B-2: it is held
    // to what it says, but proves nothing.
    Ok(if has_context && provenance.is_authenticated() {
        RoomAssurance::UnderMac
    } else {
        RoomAssurance::ServersWord
    })
}
