//! What the page is about: figures of each room, gathered entry by entry, in memory that grows with
//! the rooms and not with the keys.

use std::collections::BTreeMap;

use matrix_key_backup::{BackedUpSession, RejectedKey, v2::RoomAssurance, wire::RoomId};

/// How many sessions of a room are named, of those that give no key and of those that begin late.
const NAMED: usize = 50;

/// Figures of a whole backup.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    rooms: BTreeMap<RoomId, RoomFigures>,
}

/// Figures of one room.
#[derive(Debug, Default)]
pub(super) struct RoomFigures {
    /// Keys that may be imported.
    pub(super) keys: u64,
    pub(super) authenticated: u64,
    /// By the effective reason (V2-9).
    pub(super) unauthenticated: BTreeMap<&'static str, u64>,
    /// By class: forged, misplaced, unreadable.
    pub(super) rejected: BTreeMap<&'static str, u64>,
    /// Keys whose room only the server names (B-2).
    pub(super) servers_word: u64,
    /// Keys that do not decrypt their session's first messages.
    pub(super) late: u64,
    /// How many messages that makes, together.
    pub(super) messages_lost: u64,
    /// Entries that give no key, and why.
    pub(super) without_key: Vec<Named>,
    /// Sessions with a gap at their beginning.
    pub(super) with_gap: Vec<Named>,
}

/// A session that something is to be said about.
#[derive(Debug)]
pub(super) struct Named {
    pub(super) session_id: String,
    pub(super) message: String,
}

impl Figures {
    /// Counts a key.
    pub(crate) fn add(&mut self, session: &BackedUpSession) {
        let room = self.rooms.entry(session.room_id().clone()).or_default();
        room.keys += 1;
        match session.provenance().unauthenticated_source() {
            None => room.authenticated += 1,
            Some(source) => *room.unauthenticated.entry(source.effective()).or_default() += 1,
        }
        room.servers_word += u64::from(session.room_assurance() == RoomAssurance::ServersWord);
        let first = session.first_message_index();
        if first > 0 {
            room.late += 1;
            room.messages_lost += u64::from(first);
            let message = match first {
                1 => "begins at message 1: the one before it cannot be read".to_owned(),
                first => format!("begins at message {first}: the {first} before it cannot be read"),
            };
            name(&mut room.with_gap, session.session_id().as_str(), message);
        }
    }

    /// Counts an entry that gives no key.
    pub(crate) fn add_rejected(&mut self, rejected: &RejectedKey) {
        let room = self.rooms.entry(rejected.room_id.clone()).or_default();
        let class = rejected.reason.class().as_str();
        *room.rejected.entry(class).or_default() += 1;
        let message = format!("{class}: {}", rejected.reason);
        name(&mut room.without_key, rejected.session_id.as_str(), message);
    }

    /// The rooms with what is wrong first, then by the number of keys.
    pub(super) fn rooms(&self) -> Vec<(&RoomId, &RoomFigures)> {
        let mut rooms: Vec<_> = self.rooms.iter().collect();
        rooms.sort_by_key(|(_, room)| std::cmp::Reverse((room.rejected_total(), room.keys)));
        rooms
    }

    /// All rooms together.
    pub(super) fn total(&self) -> RoomFigures {
        let mut total = RoomFigures::default();
        for room in self.rooms.values() {
            total.keys += room.keys;
            total.authenticated += room.authenticated;
            total.servers_word += room.servers_word;
            total.late += room.late;
            total.messages_lost += room.messages_lost;
            add(&mut total.unauthenticated, &room.unauthenticated);
            add(&mut total.rejected, &room.rejected);
        }
        total
    }
}

fn add(total: &mut BTreeMap<&'static str, u64>, more: &BTreeMap<&'static str, u64>) {
    for (what, number) in more {
        *total.entry(what).or_default() += number;
    }
}

impl RoomFigures {
    pub(super) fn rejected_total(&self) -> u64 {
        self.rejected.values().sum()
    }

    /// Keys and what gives none: the store has one entry for each session.
    pub(super) fn sessions(&self) -> u64 {
        self.keys + self.rejected_total()
    }

    /// How many there is something to say about, and are not named.
    pub(super) fn not_named(&self) -> u64 {
        let named = self.without_key.len() + self.with_gap.len();
        (self.rejected_total() + self.late).saturating_sub(named as u64)
    }
}

fn name(list: &mut Vec<Named>, session_id: &str, message: String) {
    if list.len() < NAMED {
        list.push(Named { session_id: session_id.to_owned(), message });
    }
}
