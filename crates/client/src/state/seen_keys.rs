//! A bounded sample of the keys that a version has shown.

use std::collections::BTreeMap;

use matrix_key_backup_wire::{RoomId, SessionId};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{BackedUpSession, store::KeyScope};

/// Most keys of one version that are remembered.
pub(super) const MAX_KEYS: usize = 1024;

/// Most bytes that the keys of one version take as JSON. With the ids that real servers make, 1,024
/// keys take less.
pub(super) const MAX_KEYS_BYTES: usize = 128 * 1024;

/// A place whose ids together are longer than this is not remembered: real ones have 100 bytes.
const PLACE_MAX_BYTES: usize = 512;

/// What is remembered of one key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeenKey {
    /// The room under which it was filed.
    pub room_id: RoomId,
    /// Its session id.
    pub session_id: SessionId,
    /// The lowest message index from which on it was seen.
    pub first_message_index: u32,
    /// Whether it was seen vouched for.
    pub authenticated: bool,
}

impl From<&BackedUpSession> for SeenKey {
    fn from(session: &BackedUpSession) -> Self {
        Self {
            room_id: session.room_id().clone(),
            session_id: session.session_id().clone(),
            first_message_index: session.first_message_index(),
            authenticated: session.provenance().is_authenticated(),
        }
    }
}

/// Keys by the salted hash of their session id, one place for each session: a server that shows a
/// session in other rooms as well (B-2) makes nothing else forgotten.
///
/// Of more than fit, those with the lowest hashes stay: which ones these are depends on the salt
/// alone. Keys that are vouched for never make room for others, which anybody can make.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct SeenKeys {
    authenticated: BTreeMap<u64, SeenKey>,
    others: BTreeMap<u64, SeenKey>,
    /// What they take as JSON.
    bytes: usize,
}

impl SeenKeys {
    /// What is remembered of this place.
    pub(super) fn get(&self, salt: u64, room: &RoomId, session: &SessionId) -> Option<&SeenKey> {
        let hash = hash(salt, session);
        let found = self.authenticated.get(&hash).or_else(|| self.others.get(&hash));
        found.filter(|key| key.room_id == *room && key.session_id == *session)
    }

    /// Remembers the best that was seen of a key.
    pub(super) fn note(&mut self, salt: u64, key: SeenKey) {
        if key.room_id.as_str().len() + key.session_id.as_str().len() <= PLACE_MAX_BYTES {
            self.insert(hash(salt, &key.session_id), key);
        }
    }

    /// Remembers the best of both, which have the same salt.
    pub(super) fn merge(&mut self, other: Self) {
        for (hash, key) in other.authenticated.into_iter().chain(other.others) {
            self.insert(hash, key);
        }
    }

    fn insert(&mut self, hash: u64, mut key: SeenKey) {
        let seen = self.authenticated.remove(&hash).or_else(|| self.others.remove(&hash));
        if let Some(seen) = seen {
            self.bytes = self.bytes.saturating_sub(seen.json_bytes());
            key = key.or_better(seen);
        }
        self.bytes += key.json_bytes();
        let keys = if key.authenticated { &mut self.authenticated } else { &mut self.others };
        keys.insert(hash, key);
        while self.len() > MAX_KEYS || self.bytes > MAX_KEYS_BYTES {
            let last = self.others.pop_last().or_else(|| self.authenticated.pop_last());
            let Some((_, forgotten)) = last else { break };
            self.bytes = self.bytes.saturating_sub(forgotten.json_bytes());
        }
    }

    pub(super) fn len(&self) -> usize {
        self.authenticated.len() + self.others.len()
    }

    pub(super) fn into_keys(self) -> Vec<SeenKey> {
        self.authenticated.into_values().chain(self.others.into_values()).collect()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, &SeenKey)> {
        self.authenticated.iter().chain(&self.others).map(|(hash, key)| (*hash, key))
    }

    /// The keys of a scope.
    pub(super) fn of_scope(&self, scope: &KeyScope) -> Self {
        let mut keys = Self::default();
        for (hash, key) in self.iter().filter(|(_, key)| key.is_in(scope)) {
            keys.insert(hash, key.clone());
        }
        keys
    }

    pub(super) fn forget(&mut self, scope: &KeyScope) {
        self.authenticated.retain(|_, key| !key.is_in(scope));
        self.others.retain(|_, key| !key.is_in(scope));
        let left = self.authenticated.values().chain(self.others.values());
        self.bytes = left.map(SeenKey::json_bytes).sum();
    }
}

impl SeenKey {
    /// This one, with all that an earlier sight of the session has better; or that one, where the
    /// two lie in different rooms and this one's is not vouched for.
    fn or_better(mut self, seen: Self) -> Self {
        if self.room_id == seen.room_id {
            self.improve(&seen);
            return self;
        }
        let only_this_is_vouched_for = self.authenticated && !seen.authenticated;
        if only_this_is_vouched_for { self } else { seen }
    }

    /// Takes over what another sight of the same key has better.
    pub(super) fn improve(&mut self, other: &Self) {
        self.first_message_index = self.first_message_index.min(other.first_message_index);
        self.authenticated |= other.authenticated;
    }

    /// What it takes in a state as JSON, at most: `["room","session",4294967295,false],`.
    fn json_bytes(&self) -> usize {
        let around = r#"["","",4294967295,false],"#.len();
        json_bytes(self.room_id.as_str()) + json_bytes(self.session_id.as_str()) + around
    }

    fn is_in(&self, scope: &KeyScope) -> bool {
        match scope {
            KeyScope::All => true,
            KeyScope::Room(room) => self.room_id == *room,
            KeyScope::Session(room, session) => {
                self.room_id == *room && self.session_id == *session
            }
        }
    }
}

/// What a text takes between its quotation marks, as serde_json writes it.
fn json_bytes(text: &str) -> usize {
    let escaped = |byte: u8| match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' | 0x08 | 0x0c => 2,
        0..0x20 => 6,
        _ => 1,
    };
    text.bytes().map(escaped).sum()
}

/// `SHA-256(salt ‖ session id)`, 8 bytes.
pub(super) fn hash(salt: u64, session: &SessionId) -> u64 {
    let salted = Sha256::new().chain_update(salt.to_be_bytes());
    let digest = salted.chain_update(session.as_str()).finalize();
    digest.iter().take(8).fold(0, |hash, byte| hash << 8 | u64::from(*byte))
}
