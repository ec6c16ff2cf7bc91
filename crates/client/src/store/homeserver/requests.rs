//! Keys in requests of a size that a server takes: pure.

use std::collections::{BTreeMap, btree_map::Entry};

use matrix_key_backup_ruma::{key_backup_data_to_ruma, room_id_to_ruma};
use matrix_key_backup_wire::{ENTRY_MAX_BYTES, RoomId, SessionId};

use crate::replacement::KeyMetadata;
use crate::store::{KeyToStore, Unwritten, UnwrittenReason};

/// What an entry takes in a request beside its `session_data` and its session id, about.
const METADATA: usize = 100;

/// The largest request that is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Limits {
    pub(super) bytes: usize,
    pub(super) keys: usize,
    pub(super) rooms: usize,
}

impl Limits {
    /// What a server takes is not known before it is tried. Synapse on SQLite fails with more than
    /// about 900 rooms.
    pub(super) const FIRST: Self = Self { bytes: 4 << 20, keys: 5000, rooms: 500 };

    /// How many of the keys, which are sorted by room, one request takes: at least one.
    pub(super) fn fitting(self, keys: &[KeyToStore]) -> usize {
        let (mut bytes, mut rooms) = (0_usize, 0);
        let mut last_room = None;
        for (taken, key) in keys.iter().enumerate() {
            bytes = bytes.saturating_add(size(key));
            if last_room != Some(&key.room_id) {
                (last_room, rooms) = (Some(&key.room_id), rooms + 1);
            }
            let too_much = bytes > self.bytes || taken >= self.keys || rooms > self.rooms;
            if too_much {
                return taken.max(1);
            }
        }
        keys.len()
    }
}

/// About how many bytes keys take in a request.
pub(super) fn size_of(keys: &[KeyToStore]) -> usize {
    keys.iter().map(size).sum()
}

fn size(key: &KeyToStore) -> usize {
    key.data.session_data.get().len() + key.session_id.as_str().len() + METADATA
}

/// Sorts keys by room. Of two for one session the better stays, as it would in the store;
/// what no server can take is not tried.
pub(super) fn sort(keys: Vec<KeyToStore>) -> (Vec<KeyToStore>, Vec<Unwritten>) {
    let mut sorted = BTreeMap::new();
    let mut refused = Vec::new();
    for key in keys {
        if let Some(why) = why_not(&key) {
            refused.push(unwritten(key, UnwrittenReason::Refused(why)));
            continue;
        }
        match sorted.entry((key.room_id.clone(), key.session_id.clone())) {
            Entry::Vacant(place) => drop(place.insert(key)),
            Entry::Occupied(mut place) if key.replaces(&KeyMetadata::from(&place.get().data)) => {
                place.insert(key);
            }
            Entry::Occupied(_) => {}
        }
    }
    refused.retain(|lost| !sorted.contains_key(&(lost.room_id.clone(), lost.session_id.clone())));
    (sorted.into_values().collect(), refused)
}

fn why_not(key: &KeyToStore) -> Option<String> {
    let length = key.data.session_data.get().len();
    if length > ENTRY_MAX_BYTES {
        return Some(format!("it has {length} bytes, and an entry at most {ENTRY_MAX_BYTES}")); // V2-13
    }
    let room_id = room_id_to_ruma(&key.room_id).err().map(|error| format!("its room id: {error}"));
    room_id.or_else(|| key_backup_data_to_ruma(&key.data).err().map(|error| error.to_string()))
}

pub(super) fn unwritten(key: KeyToStore, reason: UnwrittenReason) -> Unwritten {
    let KeyToStore { room_id, session_id, .. } = key;
    Unwritten { room_id, session_id, reason }
}

pub(super) fn place(key: &KeyToStore) -> (RoomId, SessionId) {
    (key.room_id.clone(), key.session_id.clone())
}

#[cfg(test)]
mod tests {
    use matrix_key_backup_wire::KeyBackupData;
    use serde_json::value::RawValue;

    use super::*;

    fn key(room_id: &str, session_id: &str, index: u64, length: usize) -> KeyToStore {
        let session_data = RawValue::from_string(format!("\"{}\"", "x".repeat(length))).unwrap();
        KeyToStore {
            room_id: RoomId::new(room_id).unwrap(),
            session_id: SessionId::new(session_id).unwrap(),
            data: KeyBackupData {
                first_message_index: index,
                forwarded_count: 0,
                is_verified: false,
                session_data,
            },
        }
    }

    #[test]
    fn requests_keep_to_every_limit() {
        let limits = Limits { bytes: 1000, keys: 5, rooms: 2 };
        let of = |rooms: &[&str], length| {
            let keys: Vec<_> = rooms.iter().map(|room| key(room, "s", 0, length)).collect();
            limits.fitting(&keys)
        };
        assert_eq!(of(&[], 0), 0);
        assert_eq!(of(&["!a"; 4], 0), 4);
        assert_eq!(of(&["!a"; 6], 0), 5, "keys");
        assert_eq!(of(&["!a", "!a", "!b", "!c"], 0), 3, "rooms");
        assert_eq!(of(&["!a"; 3], 400), 1, "bytes");
        assert_eq!(of(&["!a"; 3], 4000), 1, "one key goes alone, however large");
    }

    /// A-2, V2-13
    #[test]
    fn what_no_server_takes_is_sorted_out() {
        let too_large = ENTRY_MAX_BYTES - 1;
        let (sorted, refused) = sort(vec![
            key("!b", "worse", 7, 1),
            key("!b", "worse", 3, 2),
            key("!b", "worse", 5, 3),
            key("!a", "large", 0, ENTRY_MAX_BYTES - 2),
            key("!a", "too large", 0, too_large),
            key("no room", "s", 0, 1),
            key("!a", "number", 1 << 53, 1),
            key("!b", "one is good", 0, too_large),
            key("!b", "one is good", 0, 1),
        ]);
        let names: Vec<_> = sorted.iter().map(|key| key.session_id.as_str()).collect();
        assert_eq!(names, ["large", "one is good", "worse"]);
        assert_eq!(sorted[2].data.first_message_index, 3);
        let said: Vec<_> = refused
            .iter()
            .map(|lost| match &lost.reason {
                UnwrittenReason::Refused(why) => (lost.session_id.as_str(), why.as_str()),
                UnwrittenReason::KeptOld => panic!("{lost:?}"),
            })
            .collect();
        assert_eq!(said[0], ("too large", "it has 1048577 bytes, and an entry at most 1048576"));
        assert!(said[1].0 == "s" && said[1].1.starts_with("its room id: "), "{said:?}");
        assert!(said[2].0 == "number" && said[2].1.contains("9007199254740992"), "{said:?}");
        assert_eq!(said.len(), 3);
    }
}
