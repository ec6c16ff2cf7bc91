//! Where a key came from, and so whether this writer may vouch for it (V2-8, V2-11).

use matrix_key_backup_wire::{
    BackedUpSessionData, Context, MegolmSessionExport, NotEarlier, Provenance, RoomId,
    SessionDataV2, SessionId, UnauthenticatedSource, UserId,
};
use thiserror::Error;

use crate::{BoundSession, MigratingSession, VouchRecord};

/// A room key together with where it came from: the only thing that a
/// [`BackupWriter`](crate::BackupWriter) takes.
///
/// Each constructor stands for one kind of source. Those that can vouch leave `unauthenticated`
/// out (V2-8); all others mark the key. There is no other way to set the mark, and none to take it
/// off.
///
/// Where a constructor asks for an `owner`, that is the user whose backup the key goes to, not the
/// key's sender: it comes under the MAC, and a reader who knows the owner refuses keys that were
/// written for somebody else's backup (B-2).
///
/// ```compile_fail
/// # use matrix_key_backup_v2::SourcedSession;
/// # use matrix_key_backup_wire::{BackedUpSessionData, Provenance};
/// fn vouch(data: BackedUpSessionData) -> SourcedSession {
///     SourcedSession { data: data.into(), provenance: Provenance::Authenticated } // private
/// }
/// ```
#[derive(Clone, Debug)]
pub struct SourcedSession {
    data: SessionDataV2,
    provenance: Provenance,
    room_id: RoomId,
}

/// The sender of an Olm-encrypted `m.room_key`, as the Olm session and its payload name it.
#[derive(Clone, Copy, Debug)]
pub struct OlmSender<'a> {
    /// The Curve25519 identity key of the Olm session, unpadded base64. Not what the event says.
    pub curve25519: &'a str,
    /// The Ed25519 key in the `keys` of the decrypted Olm payload, unpadded base64.
    pub ed25519: &'a str,
}

/// What is known of a forwarded key (`m.forwarded_room_key`).
#[derive(Clone, Copy, Debug)]
pub struct Forward {
    /// The `trusted` flag of MSC3879, under either of its names.
    pub trusted: bool,
    /// Whether the Olm session that carried it belongs to one of the user's own verified devices.
    pub from_own_verified_device: bool,
}

impl SourcedSession {
    /// A key that came in an Olm-encrypted `m.room_key` (V2-8 a). It is vouched for.
    ///
    /// # Errors
    ///
    /// [`SourceMismatch`] if the key's `sender_key` or `sender_claimed_keys` are not those of the
    /// Olm session and payload: then nobody can vouch for them.
    pub fn from_olm_room_key(
        data: BackedUpSessionData,
        sender: OlmSender<'_>,
        room_id: RoomId,
        owner: Option<&UserId>,
    ) -> Result<Self, SourceMismatch> {
        if data.sender_key() != sender.curve25519 {
            return Err(SourceMismatch::SenderKey);
        }
        let claimed = data.sender_claimed_keys();
        if claimed.len() != 1 || claimed.get("ed25519") != Some(sender.ed25519) {
            return Err(SourceMismatch::SenderClaimedKeys);
        }
        Ok(Self::vouched(data, room_id, owner))
    }

    /// A key that this device created for its own messages (V2-8 d). It is vouched for.
    #[must_use]
    pub fn own_session(data: BackedUpSessionData, room_id: RoomId, owner: Option<&UserId>) -> Self {
        Self::vouched(data, room_id, owner)
    }

    /// A forwarded key: vouched for if the forward is trusted and came from the user's own
    /// verified device (V2-8 b), marked `m.forwarded_room_key` otherwise (V2-9).
    #[must_use]
    pub fn from_forward(
        data: BackedUpSessionData,
        forward: Forward,
        room_id: RoomId,
        owner: Option<&UserId>,
    ) -> Self {
        if forward.trusted && forward.from_own_verified_device {
            Self::vouched(data, room_id, owner)
        } else {
            Self::unauthenticated(data, UnauthenticatedSource::ForwardedRoomKey, room_id)
        }
    }

    /// A key restored from a v2 backup, with the provenance it had there (V2-8 c).
    #[must_use]
    pub fn restored(session: BoundSession) -> Self {
        let (provenance, room_id) = (session.provenance().clone(), session.room_id().clone());
        Self::remembered(session.into_data(), provenance, room_id)
    }

    /// The same for a key that was restored earlier and has been in a client's own store since,
    /// together with the [`VouchRecord`] of its restoration (V2-8 c).
    ///
    /// # Errors
    ///
    /// [`OtherSession`] if the record is not that of this key.
    pub fn from_record(
        data: BackedUpSessionData,
        record: VouchRecord,
    ) -> Result<Self, OtherSession> {
        if !record.is_of(&data) {
            return Err(OtherSession);
        }
        let mut data = SessionDataV2::from(data);
        let (provenance, room_id) = record.apply(&mut data);
        Ok(Self::remembered(data, provenance, room_id))
    }

    /// A key with the provenance that it had. Only what was vouched for keeps its context: beside
    /// a mark it is nobody's word (B-2).
    fn remembered(mut data: SessionDataV2, provenance: Provenance, room_id: RoomId) -> Self {
        if !provenance.is_authenticated() {
            data.remove_context();
        }
        Self { data, provenance, room_id }
    }

    /// A key on its way from one backup to another, with the provenance that its MAC covered
    /// (M-3). Nothing is added that the old entry did not say (M-2).
    #[must_use]
    pub fn migrated(session: MigratingSession) -> Self {
        let (data, provenance, room_id) = session.into_parts();
        Self { data, provenance, room_id }
    }

    /// A v1 key on its way into a v2 backup: `m.legacy-v1`, whatever it claimed, and otherwise
    /// unchanged (M-1, M-2).
    #[must_use]
    pub fn migrated_from_v1(data: BackedUpSessionData, room_id: RoomId) -> Self {
        let provenance = Provenance::Unauthenticated(UnauthenticatedSource::LegacyV1);
        Self { data: data.into(), provenance, room_id }
    }

    /// A key from an MSC4268 bundle: unauthenticated, and who sent the bundle is remembered in
    /// the plaintext, under the MAC (V2-11).
    #[must_use]
    pub fn from_bundle(data: BackedUpSessionData, sender: &UserId, room_id: RoomId) -> Self {
        let mut session = Self::unauthenticated(data, UnauthenticatedSource::Undefined, room_id);
        session.data.set_bundle_sender(sender);
        session
    }

    /// A key from a key file, or from any source that cannot vouch: `m.undefined` (V2-11).
    #[must_use]
    pub fn unvouched(data: BackedUpSessionData, room_id: RoomId) -> Self {
        Self::unauthenticated(data, UnauthenticatedSource::Undefined, room_id)
    }

    /// A key for which nobody vouches, and why (V2-9). A context that it may carry is removed:
    /// the room is hearsay too (B-2).
    #[must_use]
    pub fn unauthenticated(
        data: BackedUpSessionData,
        source: UnauthenticatedSource,
        room_id: RoomId,
    ) -> Self {
        let mut data = SessionDataV2::from(data);
        data.remove_bundle_sender(); // hearsay as well: only `from_bundle` knows it
        Self::remembered(data, Provenance::Unauthenticated(source), room_id)
    }

    /// The one place where a key becomes vouched for; it then names its room under the MAC (B-2).
    fn vouched(data: BackedUpSessionData, room_id: RoomId, owner: Option<&UserId>) -> Self {
        let mut data = SessionDataV2::from(data);
        data.remove_bundle_sender();
        data.set_context(&Context {
            room_id: room_id.clone(),
            session_id: data.session_key().session_id(),
            user_id: owner.cloned(),
        });
        Self { data, provenance: Provenance::Authenticated, room_id }
    }

    /// Begins the same session at an earlier message index (A-3). All that somebody vouches for,
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

    /// The room key.
    #[must_use]
    pub fn data(&self) -> &SessionDataV2 {
        &self.data
    }

    /// Whether this writer vouches for the key.
    #[must_use]
    pub fn provenance(&self) -> &Provenance {
        &self.provenance
    }

    /// The room of the key: that of its context, where it is vouched for.
    #[must_use]
    pub fn room_id(&self) -> &RoomId {
        &self.room_id
    }

    /// The session id of the key.
    #[must_use]
    pub fn session_id(&self) -> SessionId {
        self.data.session_key().session_id()
    }
}

/// The record is that of another key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the record of who vouches is that of another key")]
pub struct OtherSession;

/// The key does not say of its sender what the Olm session says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SourceMismatch {
    /// `sender_key` is not the Curve25519 key of the Olm session.
    #[error("`sender_key` is not the Curve25519 key of the Olm session that brought the key")]
    SenderKey,
    /// `sender_claimed_keys` is not exactly the Ed25519 key of the Olm payload.
    #[error("`sender_claimed_keys` is not the Ed25519 key in the Olm payload that brought the key")]
    SenderClaimedKeys,
}
