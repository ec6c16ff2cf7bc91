//! A room key between its arrival and its backup.

use core::fmt;
use std::collections::BTreeMap;

use matrix_key_backup::upload::RoomKey;
use matrix_key_backup::v2::{OlmSender, SourcedSession};
use matrix_key_backup::wire::{BackedUpSessionData, MegolmSessionExport, RoomId, UserId};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use vodozemac::megolm::{InboundGroupSession, SessionConfig, SessionKey};
use zeroize::Zeroizing;

use crate::olm::Opened;

/// Where a key is in the backup: its room and its session id.
pub(crate) type Place = (String, String);

const MEGOLM: &str = "m.megolm.v1.aes-sha2";

/// A room key that came in an Olm-encrypted `m.room_key`, until the backup has it.
///
/// As JSON it holds the key, which is why the bot forgets it once it is written.
#[derive(Clone, Serialize, Deserialize)]
pub struct PendingKey {
    room_id: String,
    /// Megolm session export, unpadded base64.
    session_key: Zeroizing<String>,
    /// The user who sent it.
    sender: String,
    /// The Curve25519 key of the Olm session that brought it, unpadded base64.
    pub(crate) curve25519: String,
    /// The Ed25519 key in the Olm payload that brought it, unpadded base64.
    pub(crate) ed25519: String,
    shared_history: bool,
}

impl PendingKey {
    /// Takes the content of an `m.room_key`; `None` if it is none that can be backed up.
    pub(crate) fn read(from: &Opened) -> Option<Self> {
        let text = |name| from.content.get(name).and_then(Value::as_str);
        if text("algorithm") != Some(MEGOLM) {
            return None;
        }
        let key = SessionKey::from_base64(text("session_key")?).ok()?;
        let session = InboundGroupSession::new(&key, SessionConfig::version_1());
        // The id is the session's public key: it cannot be chosen. // B-1
        if text("session_id") != Some(&session.session_id()) {
            return None;
        }
        // V1-1a: each spelling that is there must say so.
        let names = ["shared_history", "m.shared_history", "org.matrix.msc3061.shared_history"];
        let mut said = names.into_iter().filter_map(|name| from.content.get(name)).peekable();
        let shared_history = said.peek().is_some() && said.all(|value| *value == Value::Bool(true));
        Some(Self {
            room_id: text("room_id")?.to_owned(),
            session_key: Zeroizing::new(session.export_at_first_known_index().to_base64()),
            sender: from.sender.clone(),
            curve25519: from.curve25519.clone(),
            ed25519: from.ed25519.clone(),
            shared_history,
        })
    }

    /// The key as it is backed up: vouched for, by the Olm session that brought it (V2-8 a).
    /// `None` if it is not well-formed.
    pub(crate) fn to_room_key(&self, owner: &UserId, sender_verified: bool) -> Option<RoomKey> {
        let session_key = MegolmSessionExport::from_base64(&self.session_key).ok()?;
        let claimed = BTreeMap::from([("ed25519".to_owned(), self.ed25519.clone())]);
        let mut data =
            BackedUpSessionData::new(session_key, self.curve25519.clone(), claimed, Vec::new());
        data.set_shared_history(self.shared_history);
        let sender = OlmSender { curve25519: &self.curve25519, ed25519: &self.ed25519 };
        let room_id = RoomId::new(&self.room_id).ok()?;
        let session = SourcedSession::from_olm_room_key(data, sender, room_id, Some(owner)).ok()?;
        let mut key = RoomKey::new(session);
        key.sender_verified = sender_verified;
        Some(key)
    }

    /// The user who sent it.
    #[must_use]
    pub fn sender(&self) -> &str {
        &self.sender
    }

    /// The room.
    #[must_use]
    pub fn room_id(&self) -> &str {
        &self.room_id
    }

    /// The session id.
    #[must_use]
    pub fn session_id(&self) -> Option<String> {
        let key = MegolmSessionExport::from_base64(&self.session_key).ok()?;
        Some(key.session_id().to_string())
    }

    /// Where it is in the backup.
    pub(crate) fn place(&self) -> Option<Place> {
        Some((self.room_id.clone(), self.session_id()?))
    }
}

impl fmt::Debug for PendingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PendingKey(of {} in {})", self.sender, self.room_id)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test")]

    use matrix_key_backup::wire::Provenance;
    use serde_json::json;
    use vodozemac::megolm::GroupSession;

    use super::*;

    fn opened() -> Opened {
        let session = GroupSession::new(SessionConfig::version_1());
        Opened {
            sender: "@bob:example.org".into(),
            curve25519: "JphPz7v2L6GmjSLH+/GMjUkgvaCZp2dYLAeVC770+DI".into(),
            ed25519: "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo".into(),
            event_type: "m.room_key".into(),
            content: json!({
                "algorithm": MEGOLM,
                "room_id": "!room:example.org",
                "session_id": session.session_id(),
                "session_key": session.session_key().to_base64(),
                // What the event says of its sender counts for nothing.
                "sender_key": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            }),
        }
    }

    // V2-8 a, B-2
    #[test]
    fn a_key_is_vouched_for_by_the_olm_session_that_brought_it() {
        let (opened, owner) = (opened(), UserId::new("@alice:example.org").unwrap());
        let key = PendingKey::read(&opened).unwrap();
        let room_key = key.to_room_key(&owner, false).unwrap();
        assert_eq!(*room_key.session.provenance(), Provenance::Authenticated);
        assert!(!room_key.sender_verified);
        let data = room_key.session.data();
        assert_eq!(data.sender_key(), opened.curve25519);
        assert_eq!(data.sender_claimed_keys().get("ed25519"), Some(opened.ed25519.as_str()));
        assert_eq!(key.session_id().as_deref(), opened.content["session_id"].as_str());
        assert_eq!(room_key.session.room_id().as_str(), "!room:example.org");
    }

    // B-1
    #[test]
    fn a_key_under_another_session_id_is_none() {
        let mut other = opened();
        other.content["session_id"] = opened().content["session_id"].take();
        assert!(PendingKey::read(&other).is_none());
    }

    #[test]
    fn nothing_of_a_key_is_shown() {
        let opened = opened();
        let key = PendingKey::read(&opened).unwrap();
        assert_eq!(format!("{key:?}"), "PendingKey(of @bob:example.org in !room:example.org)");
    }
}
