//! Bodies with many entries as they were received: nothing merged, nothing dropped.

use std::{fmt, marker::PhantomData};

use ruma_client_api::backup;
use ruma_common::serde::Raw;
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::value::RawValue;

use crate::{RoomKeyEntry, UnreadableEntry, UnreadableReason, room_keys::read};

/// The body of a response to `GET /room_keys/keys`.
///
/// Ruma's `get_backup_keys::v3::Response` is a map of maps. It keeps the last of two entries for
/// one session, where both are to be read and merged (A-3), and one malformed room id or room
/// makes an error of the whole. Here every entry is read for itself.
///
/// ```
/// use matrix_key_backup_ruma::ReceivedRoomKeys;
///
/// let body = r#"{ "rooms": {
///     "!room:example.org": { "sessions": {
///         "session+1": { "first_message_index": 0, "forwarded_count": 0, "is_verified": true,
///                        "session_data": { "ephemeral": "AB", "ciphertext": "CD" } },
///         "session/2": { "first_message_index": -1 }
///     } }
/// } }"#;
/// let entries = serde_json::from_str::<ReceivedRoomKeys>(body)?.into_entries();
/// let (good, bad): (Vec<_>, Vec<_>) = entries.partition(Result::is_ok);
/// assert_eq!((good.len(), bad.len()), (1, 1));
/// # Ok::<(), serde_json::Error>(())
/// ```
///
/// Source: A-3;
/// [the endpoint](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3room_keyskeys).
#[derive(Clone, Debug, Deserialize)]
pub struct ReceivedRoomKeys {
    rooms: Pairs<Box<RawValue>>,
}

impl ReceivedRoomKeys {
    /// The entries in the order in which they were received, each with a result of its own.
    pub fn into_entries(self) -> impl Iterator<Item = Result<RoomKeyEntry, UnreadableEntry>> {
        self.rooms.0.into_iter().flat_map(|(room_id, json)| {
            match serde_json::from_str::<ReceivedRoom>(json.get()) {
                Ok(room) => room.into_entries_of(&room_id),
                Err(error) => {
                    let reason = UnreadableReason::Room(error);
                    vec![Err(UnreadableEntry { room_id, session_id: None, reason })]
                }
            }
        })
    }
}

/// The body of a response to `GET /room_keys/keys/{roomId}`.
#[derive(Clone, Debug, Deserialize)]
pub struct ReceivedRoom {
    sessions: Pairs<Raw<backup::KeyBackupData>>,
}

impl ReceivedRoom {
    /// The entries in the order in which they were received, each with a result of its own.
    /// `room_id` is the room that was asked for.
    pub fn into_entries(
        self,
        room_id: &ruma_common::RoomId,
    ) -> impl Iterator<Item = Result<RoomKeyEntry, UnreadableEntry>> {
        self.into_entries_of(room_id.as_str()).into_iter()
    }

    fn into_entries_of(self, room_id: &str) -> Vec<Result<RoomKeyEntry, UnreadableEntry>> {
        let sessions = self.sessions.0.into_iter();
        sessions.map(|(session_id, raw)| read(room_id, &session_id, &raw)).collect()
    }
}

/// The members of a JSON object, in their order and with duplicates.
#[derive(Clone, Debug)]
struct Pairs<V>(Vec<(String, V)>);

impl<'de, V: Deserialize<'de>> Deserialize<'de> for Pairs<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(PairsVisitor(PhantomData))
    }
}

struct PairsVisitor<V>(PhantomData<V>);

impl<'de, V: Deserialize<'de>> Visitor<'de> for PairsVisitor<V> {
    type Value = Pairs<V>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut pairs = Vec::new();
        while let Some(pair) = map.next_entry()? {
            pairs.push(pair);
        }
        Ok(Pairs(pairs))
    }
}
