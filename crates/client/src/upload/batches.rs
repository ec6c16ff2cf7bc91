//! Keys in the batches in which a store likes them: those of one room together.
//!
//! What a homeserver spends its time on is rooms: the same keys take ten times as long when the
//! rooms are interleaved. So more is read than the batch that is due, and the rooms of which most
//! has come go first. What is read ahead is bounded; order within a room is kept.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashMap, VecDeque},
    iter::Fuse,
};

use matrix_key_backup_wire::{RoomId, SessionId};

use super::RoomKey;
use crate::store::BatchLimits;

/// Keys to be looked up, decided on and written at a time, each session at most once.
pub(super) type Batch = HashMap<(RoomId, SessionId), RoomKey>;

/// Keys on their way into batches.
#[derive(Debug)]
pub(super) struct Batches<I: Iterator> {
    keys: Fuse<I>,
    limits: BatchLimits,
    waiting: BTreeMap<RoomId, VecDeque<RoomKey>>,
    /// What is waiting.
    size: Size,
}

#[derive(Clone, Copy, Debug, Default)]
struct Size {
    keys: usize,
    bytes: usize,
}

impl Size {
    fn of(key: &RoomKey) -> Self {
        Self { keys: 1, bytes: key.session.data().size() }
    }

    fn add(&mut self, other: Self) {
        self.keys += other.keys;
        self.bytes += other.bytes;
    }

    fn subtract(&mut self, other: Self) {
        self.keys -= other.keys;
        self.bytes -= other.bytes;
    }

    /// Whether this fills as many batches.
    fn fills(&self, limits: BatchLimits, batches: usize) -> bool {
        let full = |size: usize, limit: usize| size >= limit.saturating_mul(batches).max(1);
        full(self.keys, limits.keys) || full(self.bytes, limits.bytes)
    }
}

impl<I: Iterator<Item = RoomKey>> Batches<I> {
    pub(super) fn new(keys: I, limits: BatchLimits) -> Self {
        Self { keys: keys.fuse(), limits, waiting: BTreeMap::new(), size: Size::default() }
    }

    /// The next keys. The same session again waits for the next batch, where it meets the first as
    /// something that the store has.
    pub(super) fn next_batch(&mut self) -> Option<Batch> {
        self.read_ahead();
        let mut batch = Batch::new();
        let mut size = Size::default();
        for room_id in self.rooms_by_size() {
            if size.fills(self.limits, 1) {
                break;
            }
            self.take_from(&room_id, &mut batch, &mut size);
        }
        self.size.subtract(size);
        (!batch.is_empty()).then_some(batch)
    }

    fn read_ahead(&mut self) {
        while !self.size.fills(self.limits, self.limits.ahead) {
            let Some(key) = self.keys.next() else { break };
            self.size.add(Size::of(&key));
            self.waiting.entry(key.session.room_id().clone()).or_default().push_back(key);
        }
    }

    /// The rooms with the most keys first: few as they are, they may grow while they wait.
    fn rooms_by_size(&self) -> Vec<RoomId> {
        let mut rooms: Vec<_> = self.waiting.iter().collect();
        rooms.sort_by_key(|(_, keys)| Reverse(keys.len()));
        rooms.into_iter().map(|(room_id, _)| room_id.clone()).collect()
    }

    /// Moves keys of a room until the batch is full, and leaves those of a session that it has.
    fn take_from(&mut self, room_id: &RoomId, batch: &mut Batch, size: &mut Size) {
        let Some(waiting) = self.waiting.remove(room_id) else { return };
        let mut left = VecDeque::new();
        for key in waiting {
            if size.fills(self.limits, 1) || batch.contains_key(&key.place()) {
                left.push_back(key);
                continue;
            }
            size.add(Size::of(&key));
            batch.insert(key.place(), key);
        }
        if !left.is_empty() {
            self.waiting.insert(room_id.clone(), left);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use matrix_key_backup_v2::SourcedSession;
    use matrix_key_backup_wire::BackedUpSessionData;

    use super::*;

    fn sessions() -> Vec<BackedUpSessionData> {
        let path =
            concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/vectors/megolm_sessions.json");
        let file: serde_json::Value =
            serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let sessions = file["sessions"].as_array().unwrap().iter();
        sessions
            .map(|session| {
                BackedUpSessionData::parse(session["session_data"].to_string().as_bytes()).unwrap()
            })
            .collect()
    }

    /// Keys in these rooms, in this order, each of a session of its own.
    fn keys(rooms: impl IntoIterator<Item = usize>) -> Vec<RoomKey> {
        let sessions = sessions();
        let in_room = |(session, room): (&BackedUpSessionData, usize)| {
            let room_id = RoomId::new(format!("!{room}")).unwrap();
            RoomKey::new(SourcedSession::unvouched(session.clone(), room_id))
        };
        sessions.iter().cycle().zip(rooms).map(in_room).collect()
    }

    fn limits(keys: usize, bytes: usize, ahead: usize) -> BatchLimits {
        BatchLimits { keys, bytes, ahead }
    }

    /// How many keys of which rooms are in each batch.
    fn rooms(keys: Vec<RoomKey>, limits: BatchLimits) -> Vec<BTreeMap<String, usize>> {
        let mut batches = Batches::new(keys.into_iter(), limits);
        let mut rooms = Vec::new();
        while let Some(batch) = batches.next_batch() {
            let mut in_batch = BTreeMap::new();
            for (room_id, _) in batch.keys() {
                *in_batch.entry(room_id.to_string()).or_default() += 1;
            }
            rooms.push(in_batch);
        }
        assert_eq!((batches.size.keys, batches.size.bytes), (0, 0));
        rooms
    }

    #[test]
    fn interleaved_rooms_are_written_one_after_the_other() {
        let interleaved = keys((0..100).map(|n| n % 10));
        let together = rooms(interleaved.clone(), limits(10, usize::MAX, 10));
        assert!(
            together.iter().all(|batch| batch.len() == 1 && batch.values().sum::<usize>() == 10)
        );
        assert_eq!(together.len(), 10);
        // Without reading ahead each batch has all rooms.
        let apart = rooms(interleaved, limits(10, usize::MAX, 1));
        assert!(apart.iter().all(|batch| batch.len() == 10));
    }

    #[test]
    fn what_is_read_ahead_is_bounded() {
        let least = keys(0..100).iter().map(|key| Size::of(key).bytes).min().unwrap();
        let held = |limits: BatchLimits| {
            let read = Cell::new(0);
            let keys = keys((0..100).map(|n| n % 50)).into_iter();
            let mut batches = Batches::new(keys.inspect(|_| read.set(read.get() + 1)), limits);
            let mut written = 0;
            let mut most = 0;
            while let Some(batch) = batches.next_batch() {
                most = most.max(read.get() - written);
                written += batch.len();
            }
            assert_eq!(written, 100);
            most
        };
        assert_eq!(held(limits(10, usize::MAX, 3)), 30);
        assert!((2..=30).contains(&held(limits(usize::MAX, 10 * least, 3))));
        assert_eq!(held(limits(0, 0, 0)), 1, "limits that allow nothing are those of one key");
    }

    #[test]
    fn a_session_that_comes_twice_waits_and_keeps_its_turn() {
        let mut both = keys([0, 0]);
        let mut again = both[0].clone();
        again.forwarded_count = 77;
        both.insert(1, again);
        let mut batches = Batches::new(both.into_iter(), limits(10, usize::MAX, 2));
        let mut next = || {
            let batch = batches.next_batch()?;
            Some((batch.len(), batch.values().any(|key| key.forwarded_count == 77)))
        };
        assert_eq!([next(), next(), next()], [Some((2, false)), Some((1, true)), None]);
    }
}
