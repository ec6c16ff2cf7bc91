//! How to look up many sessions with few requests: pure.

use std::collections::{BTreeMap, BTreeSet};

use matrix_key_backup_wire::{RoomId, SessionId};

use crate::store::KeyScope;

/// A request costs about as much as receiving so many entries: 20 KB, or some 20 ms.
const REQUEST_IN_ENTRIES: u64 = 20;

/// Of a room where more sessions are wanted, all are read: it may be large, but hardly so large.
const SESSIONS_ONE_BY_ONE: usize = 8;

/// The sessions that are wanted, by room.
pub(super) type Wanted<'a> = BTreeMap<&'a RoomId, BTreeSet<&'a SessionId>>;

/// The requests that bring what is wanted, and more that is not. `count` is how many entries the
/// backup has.
pub(super) fn plan(wanted: &Wanted<'_>, count: u64) -> Vec<KeyScope> {
    if count == 0 {
        return Vec::new();
    }
    let scopes: Vec<_> = wanted
        .iter()
        .flat_map(|(room_id, sessions)| {
            if worth_it(sessions.len(), count) || sessions.len() > SESSIONS_ONE_BY_ONE {
                return vec![KeyScope::Room((*room_id).clone())];
            }
            let one = |session_id: &&SessionId| {
                KeyScope::Session((*room_id).clone(), (*session_id).clone())
            };
            sessions.iter().map(one).collect()
        })
        .collect();
    if worth_it(scopes.len(), count) { vec![KeyScope::All] } else { scopes }
}

/// Whether to read up to `count` entries in one request rather than make that many.
fn worth_it(requests: usize, count: u64) -> bool {
    requests > 1 && count <= REQUEST_IN_ENTRIES.saturating_mul(requests as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(rooms: usize, sessions: usize) -> Vec<(RoomId, SessionId)> {
        let place = |room, session| {
            let room_id = RoomId::new(format!("!{room}")).unwrap();
            (room_id, SessionId::new(format!("s{session}")).unwrap())
        };
        (0..rooms).flat_map(|room| (0..sessions).map(move |s| place(room, s))).collect()
    }

    /// How many requests for all, for rooms, and for sessions.
    fn requests(rooms: usize, sessions: usize, count: u64) -> [usize; 3] {
        let places = places(rooms, sessions);
        let mut wanted = Wanted::new();
        for (room_id, session_id) in &places {
            wanted.entry(room_id).or_default().insert(session_id);
        }
        let mut requests = [0; 3];
        for scope in plan(&wanted, count) {
            match scope {
                KeyScope::All => requests[0] += 1,
                KeyScope::Room(_) => requests[1] += 1,
                KeyScope::Session(..) => requests[2] += 1,
            }
        }
        requests
    }

    #[test]
    fn few_requests_and_little_that_is_not_wanted() {
        let million = 1_000_000;
        assert_eq!(requests(50, 100, 0), [0, 0, 0], "nothing is there");
        assert_eq!(requests(0, 0, million), [0, 0, 0]);
        assert_eq!(requests(1, 1, million), [0, 0, 1]);
        assert_eq!(requests(1, 1, 1), [0, 0, 1]);
        assert_eq!(requests(3, 8, million), [0, 0, 24]);
        assert_eq!(requests(3, 9, million), [0, 3, 0]);
        assert_eq!(requests(50, 100, million), [0, 50, 0]);
        assert_eq!(requests(1, 5, 100), [0, 1, 0], "the room has no more than the backup");
        assert_eq!(requests(500, 1, 10_000), [1, 0, 0]);
        assert_eq!(requests(500, 1, 10_001), [0, 0, 500]);
        assert_eq!(requests(500, 10, 10_000), [1, 0, 0]);
    }
}
