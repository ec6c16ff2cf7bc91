//! The last step down: a key that belongs where it was found, and for which nobody vouches.

use matrix_key_backup_wire::{
    BackedUpSessionData, Expected, MegolmSessionExport, NotEarlier, Provenance, RoomId, SessionId,
    UnauthenticatedSource,
};

/// A v1 room key that may be imported, as unauthenticated and as nothing else (V1-6).
///
/// Only [`DecryptedSessionData::bind`](crate::DecryptedSessionData::bind) makes one. It has no
/// provenance to set: [`PROVENANCE`](Self::PROVENANCE) is a constant of the type.
///
/// ```compile_fail
/// # use matrix_key_backup_v1::BoundSession;
/// # use matrix_key_backup_wire::Provenance;
/// fn promote(session: &mut BoundSession) {
///     session.set_provenance(Provenance::Authenticated); // no such method
/// }
/// ```
#[derive(Debug)]
pub struct BoundSession {
    data: BackedUpSessionData,
    expected: Expected,
}

impl BoundSession {
    /// The provenance of everything that comes from a v1 backup: `m.legacy-v1`.
    pub const PROVENANCE: Provenance = Provenance::Unauthenticated(UnauthenticatedSource::LegacyV1);

    pub(crate) fn new(data: BackedUpSessionData, expected: &Expected) -> Self {
        Self { data, expected: expected.clone() }
    }

    /// The room key.
    #[must_use]
    pub fn data(&self) -> &BackedUpSessionData {
        &self.data
    }

    /// The room in which the key was found: the server's word.
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
    pub fn into_data(self) -> BackedUpSessionData {
        self.data
    }

    /// Begins the same session at an earlier message index (A-3).
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
