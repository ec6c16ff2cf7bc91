//! What a store has, small enough to be held in memory: two hashes for an entry.

use matrix_key_backup_wire::{Json, KeyBackupData, RoomId, SessionId, canonical_json};
use sha2::{Digest, Sha256};

use crate::store::ReceivedKey;

/// As many entries are held at a time: 36 MB, and half as much while they are sorted.
pub(super) const CAPACITY: usize = 1 << 20;

/// The first 16 bytes of SHA-256: of two that are the same it is certain that the texts are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Fingerprint([u8; 16]);

impl Fingerprint {
    /// Of a room and session.
    fn of_place(room_id: &RoomId, session_id: &SessionId) -> Self {
        let room_length = room_id.as_str().len() as u64;
        Self::of([
            &room_length.to_be_bytes(),
            room_id.as_str().as_bytes(),
            session_id.as_str().as_bytes(),
        ])
    }

    /// Of an entry with its metadata. `session_data` counts as canonical JSON (A-4), or as text
    /// where that cannot carry it, and so no MAC either (V2-13).
    pub(super) fn of_entry(data: &KeyBackupData) -> Self {
        let text = data.session_data.get();
        let canonical = Json::parse(text).ok().and_then(|json| canonical_json(&json).ok());
        Self::of([
            &[u8::from(data.is_verified)],
            &data.first_message_index.to_be_bytes(),
            &data.forwarded_count.to_be_bytes(),
            canonical.as_deref().unwrap_or(text).as_bytes(),
        ])
    }

    /// Of parts of which all but the last have a length that is known.
    fn of<const N: usize>(parts: [&[u8]; N]) -> Self {
        let mut hash = Sha256::new();
        parts.iter().for_each(|part| hash.update(part));
        let mut first = [0; 16];
        first.iter_mut().zip(hash.finalize()).for_each(|(byte, hashed)| *byte = hashed);
        Self(first)
    }
}

/// The fingerprints of one entry: where it is, and what it is if it can be read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) place: Fingerprint,
    pub(super) data: Option<Fingerprint>,
}

impl From<&ReceivedKey> for Entry {
    fn from(key: &ReceivedKey) -> Self {
        Self {
            place: Fingerprint::of_place(&key.room_id, &key.session_id),
            data: key.data.as_ref().ok().map(Fingerprint::of_entry),
        }
    }
}

/// The places of a range, in the order of their fingerprints.
///
/// As long as entries come in, the range may become smaller at its end, so that they fit. What lies
/// behind it is for another reading, which begins there.
#[derive(Debug)]
pub(super) struct Fingerprints {
    start: Option<Fingerprint>,
    end: Option<Fingerprint>,
    capacity: usize,
    /// With whether the place was looked up.
    entries: Vec<(Entry, bool)>,
}

impl Fingerprints {
    /// Room for the places from `start` on, for as many as there is capacity for.
    pub(super) fn new(start: Option<Fingerprint>, capacity: usize) -> Self {
        Self { start, end: None, capacity, entries: Vec::new() }
    }

    /// The place at which the next reading begins, if one is needed.
    pub(super) fn end(&self) -> Option<Fingerprint> {
        self.end
    }

    pub(super) fn covers(&self, place: Fingerprint) -> bool {
        self.start.is_none_or(|start| start <= place) && self.end.is_none_or(|end| place < end)
    }

    /// Takes an entry, if it is in the range. Where a store names a place twice, the first counts.
    pub(super) fn insert(&mut self, entry: Entry) {
        if !self.covers(entry.place) {
            return;
        }
        self.entries.push((entry, false));
        if self.entries.len() >= self.capacity {
            self.make_room();
        }
    }

    /// Puts the places in order, after the last one.
    pub(super) fn sort(&mut self) {
        self.entries.sort_by_key(|(entry, _)| entry.place); // which keeps the order of the same
        self.entries.dedup_by_key(|(entry, _)| entry.place);
    }

    fn make_room(&mut self) {
        self.sort();
        let half = self.capacity / 2;
        if let Some((entry, _)) = self.entries.get(half) {
            self.end = Some(entry.place);
            self.entries.truncate(half);
        }
    }

    /// What is in a place, once all is in order.
    pub(super) fn look_up(&mut self, place: Fingerprint) -> Option<Entry> {
        let position = self.entries.binary_search_by_key(&place, |(entry, _)| entry.place).ok()?;
        let (entry, looked_up) = self.entries.get_mut(position)?;
        *looked_up = true;
        Some(*entry)
    }

    /// How many places nobody has looked up.
    pub(super) fn left(&self) -> u64 {
        self.entries.iter().filter(|(_, looked_up)| !looked_up).count() as u64
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use serde_json::value::RawValue;

    use super::*;

    fn entry(place: u8, data: u8) -> Entry {
        Entry { place: Fingerprint([place; 16]), data: Some(Fingerprint([data; 16])) }
    }

    proptest! {
        /// Range after range, every place is there once, with the first of what it was named with,
        /// and no range holds more than it may.
        #[test]
        fn all_ranges_together_are_all_places(
            named in prop::collection::vec(any::<(u8, u8)>(), 0..300),
            capacity in 2..400_usize,
        ) {
            let mut expected = BTreeMap::new();
            for (place, data) in &named {
                expected.entry(*place).or_insert(*data);
            }
            let (mut start, mut found) = (None, BTreeMap::new());
            loop {
                let mut range = Fingerprints::new(start, capacity);
                for (place, data) in &named {
                    range.insert(entry(*place, *data));
                    prop_assert!(range.entries.len() < capacity);
                }
                range.sort();
                let places = range.entries.len() as u64;
                prop_assert_eq!(range.left(), places);
                for place in 0..=u8::MAX {
                    let looked_up = range.look_up(Fingerprint([place; 16]));
                    prop_assert!(looked_up.is_none() || range.covers(Fingerprint([place; 16])));
                    if let Some(entry) = looked_up {
                        let data = entry.data.unwrap().0[0];
                        prop_assert!(found.insert(place, data).is_none(), "once");
                    }
                }
                prop_assert_eq!(range.left(), 0);
                start = range.end();
                if start.is_none() {
                    break;
                }
                prop_assert!(places > 0, "each reading gets further");
            }
            prop_assert_eq!(found, expected);
        }
    }

    /// A-4
    #[test]
    fn entries_are_compared_as_canonical_json() {
        let of = |is_verified, index, forwarded, json: &str| {
            Fingerprint::of_entry(&KeyBackupData {
                first_message_index: index,
                forwarded_count: forwarded,
                is_verified,
                session_data: RawValue::from_string(json.to_owned()).unwrap(),
            })
        };
        let one = of(true, 1, 2, r#"{"a":"\u00e9","b":[1]}"#);
        assert_eq!(one, of(true, 1, 2, "{ \"b\": [ 1 ],\n\"a\": \"é\" }"));
        assert_ne!(one, of(false, 1, 2, r#"{"a":"\u00e9","b":[1]}"#));
        assert_ne!(one, of(true, 2, 2, r#"{"a":"\u00e9","b":[1]}"#));
        assert_ne!(one, of(true, 1, 1, r#"{"a":"\u00e9","b":[1]}"#));
        assert_ne!(one, of(true, 1, 2, r#"{"a":"\u00e9","b":[2]}"#));
        // What canonical JSON cannot carry is compared all the same.
        let float = of(true, 1, 2, r#"{"a":1.5}"#);
        assert_eq!(float, of(true, 1, 2, r#"{"a":1.5}"#));
        assert_ne!(float, of(true, 1, 2, r#"{"a":1.6}"#));
    }

    #[test]
    fn places_are_told_apart() {
        let of = |room: &str, session: &str| {
            Fingerprint::of_place(&RoomId::new(room).unwrap(), &SessionId::new(session).unwrap())
        };
        assert_eq!(of("!a", "s"), of("!a", "s"));
        assert_ne!(of("!ab", "c"), of("!a", "bc"));
        assert_ne!(of("!a", "b"), of("b", "!a"));
    }
}
