//! What a client keeps of a restored key, so that it can back it up again later.

use alloc::{collections::BTreeMap, string::String};

use matrix_key_backup_wire::{
    BackedUpSessionData, Provenance, RoomId, SessionDataV2, UnauthenticatedSource,
};
use serde::{Deserialize, Serialize};

/// Who vouches for a restored key, in a form to be stored beside it (V2-8 c).
///
/// Only [`BoundSession::vouch_record`](crate::BoundSession::vouch_record) makes a new one;
/// [`SourcedSession::from_record`](crate::SourcedSession::from_record) takes it back. It holds the
/// room, the sender and a fingerprint of the session key, so it vouches for exactly that key: not
/// for another export of the same session, which may be anybody's.
///
/// # Security
///
/// A client's own store is believed here: whoever can write to it can have keys backed up as
/// authenticated. It must be no less protected than the decryption key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VouchRecord {
    room_id: RoomId,
    room_under_mac: bool,
    session_key_sha256: String,
    sender_key: String,
    sender_claimed_keys: BTreeMap<String, String>,
    vouched: Vouched,
}

/// Always written out: nothing that is missing may mean that a key is authenticated (V2-10).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Vouched {
    Authenticated,
    /// With the mark as it was written.
    Unauthenticated(String),
}

impl VouchRecord {
    pub(crate) fn new(
        data: &BackedUpSessionData,
        provenance: &Provenance,
        room_id: &RoomId,
        room_under_mac: bool,
    ) -> Self {
        let vouched = match provenance.unauthenticated_source() {
            None => Vouched::Authenticated,
            Some(source) => Vouched::Unauthenticated(source.as_written().into()),
        };
        Self {
            room_id: room_id.clone(),
            room_under_mac,
            session_key_sha256: data.session_key().fingerprint(),
            sender_key: data.sender_key().into(),
            sender_claimed_keys: data.sender_claimed_keys().to_map(),
            vouched,
        }
    }

    /// Whether the record speaks of exactly this key and this sender.
    pub(crate) fn is_of(&self, data: &BackedUpSessionData) -> bool {
        data.session_key().fingerprint() == self.session_key_sha256
            && data.sender_key() == self.sender_key
            && data.sender_claimed_keys() == self.sender_claimed_keys
    }

    /// The provenance and the room. A context that was not under the MAC is taken from the key:
    /// nobody vouched for it (B-2).
    pub(crate) fn apply(self, data: &mut SessionDataV2) -> (Provenance, RoomId) {
        let right = |room_id: &RoomId| *room_id == self.room_id;
        let context = data.context().ok().flatten();
        if !self.room_under_mac || !context.is_some_and(|context| right(&context.room_id)) {
            data.remove_context();
        }
        let provenance = match self.vouched {
            Vouched::Authenticated => Provenance::Authenticated,
            Vouched::Unauthenticated(mark) => {
                Provenance::Unauthenticated(UnauthenticatedSource::from_written(&mark))
            }
        };
        (provenance, self.room_id)
    }
}
