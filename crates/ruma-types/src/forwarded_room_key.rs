//! `m.forwarded_room_key`, the one event whose content holds what a backup holds of a room key.

use std::collections::BTreeMap;

use matrix_key_backup_wire::{
    BackedUpSessionData, Json, JsonError, MEGOLM_ALGORITHM, MegolmSessionExport, Object, RoomId,
    SHARED_HISTORY, SHARED_HISTORY_SDK, SHARED_HISTORY_UNSTABLE, SessionId, SessionKeyError,
};
use ruma_common::{EventEncryptionAlgorithm, IdParseError, serde::Raw};
use ruma_events::forwarded_room_key::{
    ToDeviceForwardedRoomKeyEventContent, ToDeviceForwardedRoomKeyEventContentInit,
};
use thiserror::Error;

use crate::ids::{room_id_from_ruma, room_id_to_ruma};

/// The flag of MSC3879, as it will be named once accepted, and as it is until then (V2-8).
const TRUSTED: [&str; 2] = ["trusted", "org.matrix.msc3879.trusted"];

const ED25519: &str = "ed25519";

/// The content of an `m.forwarded_room_key`: a room key as a backup holds it, its room, and the
/// flag of MSC3879, which Ruma's type drops.
///
/// # Security
///
/// Everything in it is the forwarder's word, `trusted` included. The key may be vouched for only if
/// the forward came from one of the user's own verified devices as well (V2-8 b).
#[derive(Clone, Debug)]
pub struct ForwardedRoomKey {
    /// The room key.
    pub data: BackedUpSessionData,
    /// The room that it is said to belong to.
    pub room_id: RoomId,
    /// Whether the forwarder says that it trusts the key: MSC3879's `trusted`, under either name.
    pub trusted: bool,
}

impl ForwardedRoomKey {
    /// The content of an event that forwards this key.
    ///
    /// Ruma's type has no place for `trusted`, so whoever receives it takes the key for
    /// unauthenticated. What else the key has beyond the specification's properties stays behind.
    ///
    /// # Errors
    ///
    /// [`NotForwardable`] if the key has no claimed Ed25519 key, or the room id is none to Ruma.
    ///
    /// # Security
    ///
    /// The result holds the session key in a plain string, which is not wiped and which its `Debug`
    /// shows. It may leave the device only inside Olm.
    pub fn to_ruma(&self) -> Result<ToDeviceForwardedRoomKeyEventContent, NotForwardable> {
        let claimed = self.data.sender_claimed_keys().get(ED25519);
        let content = ToDeviceForwardedRoomKeyEventContentInit {
            algorithm: EventEncryptionAlgorithm::MegolmV1AesSha2,
            room_id: room_id_to_ruma(&self.room_id)?,
            sender_key: self.data.sender_key().to_owned(),
            session_id: self.data.session_key().session_id().into(),
            session_key: self.data.session_key().expose_base64().to_string(),
            sender_claimed_ed25519_key: claimed.ok_or(NotForwardable::NoClaimedKey)?.to_owned(),
            forwarding_curve25519_key_chain: self.data.forwarding_curve25519_key_chain().to_vec(),
        };
        Ok(content.into())
    }
}

impl TryFrom<&Raw<ToDeviceForwardedRoomKeyEventContent>> for ForwardedRoomKey {
    type Error = ForwardedRoomKeyError;

    /// Reads a forwarded key.
    ///
    /// `shared_history` is taken over by V1-1a; no other unknown property is.
    fn try_from(
        raw: &Raw<ToDeviceForwardedRoomKeyEventContent>,
    ) -> Result<Self, ForwardedRoomKeyError> {
        let json = Json::parse(raw.json().get())?; // V2-13: no property twice
        let content = raw.deserialize().map_err(|_| ForwardedRoomKeyError::NotTheEvent)?;
        if content.algorithm != EventEncryptionAlgorithm::MegolmV1AesSha2 {
            let name = content.algorithm.to_string();
            return Err(ForwardedRoomKeyError::UnknownAlgorithm { name });
        }
        let session_key = MegolmSessionExport::from_base64(&content.session_key)?;
        check_session_id(&session_key, content.session_id)?;
        let claimed = (ED25519.to_owned(), content.sender_claimed_ed25519_key);
        let mut data = BackedUpSessionData::new(
            session_key,
            content.sender_key,
            BTreeMap::from([claimed]),
            content.forwarding_curve25519_key_chain,
        );
        let object = json.as_object().ok_or(ForwardedRoomKeyError::NotTheEvent)?;
        take_shared_history(&mut data, object);
        Ok(Self { data, room_id: room_id_from_ruma(&content.room_id), trusted: trusted(object) })
    }
}

/// The id must be that of the key. // B-1
fn check_session_id(
    session_key: &MegolmSessionExport,
    stated: String,
) -> Result<(), ForwardedRoomKeyError> {
    let found = session_key.session_id();
    if found.as_str() == stated {
        Ok(())
    } else {
        Err(ForwardedRoomKeyError::WrongSession { stated, found })
    }
}

/// True only if a name of the flag is there, and every one that is there says `true`. // V2-8
fn trusted(content: &Object<'_>) -> bool {
    let mut written = TRUSTED.into_iter().filter_map(|name| content.get(name)).peekable();
    written.peek().is_some() && written.all(|value| value.as_bool() == Some(true))
}

/// True under the same condition, and left out where no name of it is there. // V1-1a
fn take_shared_history(data: &mut BackedUpSessionData, content: &Object<'_>) {
    let names = [SHARED_HISTORY, SHARED_HISTORY_SDK, SHARED_HISTORY_UNSTABLE];
    let mut written = names.into_iter().filter_map(|name| content.get(name)).peekable();
    if written.peek().is_some() {
        data.set_shared_history(written.all(|value| value.as_bool() == Some(true)));
    }
}

/// An event's content is not a forwarded room key. It may hold a secret, so nothing of it is shown
/// but names.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ForwardedRoomKeyError {
    /// The text is not JSON, or a property is there twice.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// A property is missing or of the wrong type.
    #[error("the event has not the properties of a forwarded room key")]
    NotTheEvent,
    /// The key is not one of a Megolm session.
    #[error("room key of the algorithm {name:?}, where `{MEGOLM_ALGORITHM}` is known")]
    #[non_exhaustive]
    UnknownAlgorithm {
        /// The `algorithm` that was found.
        name: String,
    },
    /// `session_key` cannot be read.
    #[error(transparent)]
    SessionKey(#[from] SessionKeyError),
    /// The key is that of another session than the event says (B-1).
    #[error("the event says session {stated:?}, and its key is that of session {found}")]
    #[non_exhaustive]
    WrongSession {
        /// The session id in the event.
        stated: String,
        /// The session id recomputed from the session key.
        found: SessionId,
    },
}

/// A key cannot be put into an event that forwards it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum NotForwardable {
    /// The room id is none to Ruma.
    #[error("malformed room id: {0}")]
    RoomId(IdParseError),
    /// `sender_claimed_keys` has no `ed25519`.
    #[error("the key has no claimed Ed25519 key, and an event that forwards it needs one")]
    NoClaimedKey,
}

impl From<IdParseError> for NotForwardable {
    fn from(error: IdParseError) -> Self {
        Self::RoomId(error)
    }
}
