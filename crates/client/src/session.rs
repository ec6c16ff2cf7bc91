//! A room key that was restored, whichever algorithm it came by.

use matrix_key_backup_v1 as v1;
use matrix_key_backup_v2 as v2;
use matrix_key_backup_wire::{
    BackedUpSessionData, MegolmSessionExport, NotEarlier, Provenance, RoomId, SessionId,
    UnauthenticatedSource, UserId,
};

/// A room key that may be imported, with what is known about who vouches for it.
///
/// It is made `From` the bound sessions of v1 and v2 alone, so every check of the walk has been
/// done.
#[derive(Debug)]
pub struct BackedUpSession {
    bound: Bound,
    ignored_mac: Option<v2::VerifyError>,
}

#[derive(Debug)]
enum Bound {
    V1(v1::BoundSession),
    V2(v2::BoundSession),
}

impl From<v1::BoundSession> for BackedUpSession {
    fn from(bound: v1::BoundSession) -> Self {
        Self { bound: Bound::V1(bound), ignored_mac: None }
    }
}

impl From<v2::BoundSession> for BackedUpSession {
    fn from(bound: v2::BoundSession) -> Self {
        Self { bound: Bound::V2(bound), ignored_mac: None }
    }
}

fn is_legacy(provenance: &Provenance) -> bool {
    provenance.unauthenticated_source() == Some(&UnauthenticatedSource::LegacyV1)
}

impl BackedUpSession {
    pub(crate) fn with_ignored_mac(mut self, error: v2::VerifyError) -> Self {
        self.ignored_mac = Some(error);
        self
    }

    /// The room key.
    #[must_use]
    pub fn data(&self) -> &BackedUpSessionData {
        match &self.bound {
            Bound::V1(bound) => bound.data(),
            Bound::V2(bound) => bound.data(),
        }
    }

    /// Whether somebody vouches for the key, and if not, why not.
    #[must_use]
    pub fn provenance(&self) -> &Provenance {
        match &self.bound {
            Bound::V1(_) => const { &v1::BoundSession::PROVENANCE },
            Bound::V2(bound) => bound.provenance(),
        }
    }

    /// Who says that the key belongs to its room (B-2).
    #[must_use]
    pub fn room_assurance(&self) -> v2::RoomAssurance {
        match &self.bound {
            Bound::V1(_) => v2::RoomAssurance::ServersWord,
            Bound::V2(bound) => bound.room_assurance(),
        }
    }

    /// Who sent the bundle in which the key came, if it came in one (V2-11).
    #[must_use]
    pub fn bundle_sender(&self) -> Option<UserId> {
        match &self.bound {
            Bound::V1(_) => None,
            // Out of a v1 backup it would be the server's word.
            Bound::V2(bound) if is_legacy(bound.provenance()) => None,
            Bound::V2(bound) => bound.data().bundle_sender(),
        }
    }

    /// What to keep beside the key in a client's own store, so that it can be backed up again with
    /// the provenance that it has now (V2-8 c). None for a v1 key, which is `m.legacy-v1`.
    #[must_use]
    pub fn vouch_record(&self) -> Option<v2::VouchRecord> {
        match &self.bound {
            Bound::V1(_) => None,
            Bound::V2(bound) => Some(bound.vouch_record()),
        }
    }

    /// Takes the key out.
    #[must_use]
    pub fn into_data(self) -> BackedUpSessionData {
        match self.bound {
            Bound::V1(bound) => bound.into_data(),
            Bound::V2(bound) => bound.into_data().into(),
        }
    }

    /// The room in which the key was found.
    #[must_use]
    pub fn room_id(&self) -> &RoomId {
        match &self.bound {
            Bound::V1(bound) => bound.room_id(),
            Bound::V2(bound) => bound.room_id(),
        }
    }

    /// The session id, which is that of the session key (B-1).
    #[must_use]
    pub fn session_id(&self) -> &SessionId {
        match &self.bound {
            Bound::V1(bound) => bound.session_id(),
            Bound::V2(bound) => bound.session_id(),
        }
    }

    /// The first message that the key decrypts, from the session key itself (B-1).
    #[must_use]
    pub fn first_message_index(&self) -> u32 {
        self.data().session_key().first_known_index()
    }

    /// Whether the entry had a valid MAC, whatever that is worth in its backup (H-3).
    #[must_use]
    pub fn has_valid_mac(&self) -> bool {
        matches!(self.bound, Bound::V2(_))
    }

    /// A MAC that was there in a v1 backup and did not hold (H-2). To be reported; the key itself
    /// is what any v1 key is.
    #[must_use]
    pub fn ignored_mac(&self) -> Option<&v2::VerifyError> {
        self.ignored_mac.as_ref()
    }

    /// Begins at an earlier index.
    pub(crate) fn adopt_earlier_session_key(
        &mut self,
        earlier: &MegolmSessionExport,
    ) -> Result<(), NotEarlier> {
        match &mut self.bound {
            Bound::V1(bound) => bound.adopt_earlier_session_key(earlier),
            Bound::V2(bound) => bound.adopt_earlier_session_key(earlier),
        }
    }

    /// The session as a writer takes it, with the provenance it has (V2-8 c).
    #[must_use]
    pub fn into_sourced(self) -> v2::SourcedSession {
        match self.bound {
            Bound::V1(bound) => {
                let room_id = bound.room_id().clone();
                let legacy = UnauthenticatedSource::LegacyV1;
                v2::SourcedSession::unauthenticated(bound.into_data(), legacy, room_id)
            }
            Bound::V2(bound) => v2::SourcedSession::restored(bound),
        }
    }
}
