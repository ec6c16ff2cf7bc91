//! A bounded sample of the keys that a version has shown.

use std::collections::BTreeMap;

use matrix_key_backup_wire::{RoomId, SessionId};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{BackedUpSession, store::KeyScope};

/// Most keys of one version that are remembered.
pub(super) const MAX_KEYS: usize = 1024;

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

    /// Remembers the best of both.
    pub(super) fn merge(&mut self, other: Self) {
        for (hash, key) in other.authenticated.into_iter().chain(other.others) {
            self.insert(hash, key);
        }
    }

    fn insert(&mut self, hash: u64, mut key: SeenKey) {
        let seen = self.authenticated.remove(&hash).or_else(|| self.others.remove(&hash));
        if let Some(seen) = seen {
            key = key.or_better(seen);
        }
        let keys = if key.authenticated { &mut self.authenticated } else { &mut self.others };
        keys.insert(hash, key);
        if self.authenticated.len() + self.others.len() > MAX_KEYS {
            self.others.pop_last().or_else(|| self.authenticated.pop_last());
        }
    }

    pub(super) fn len(&self) -> usize {
        self.authenticated.len() + self.others.len()
    }

    pub(super) fn into_keys(self) -> Vec<SeenKey> {
        self.authenticated.into_values().chain(self.others.into_values()).collect()
    }

    /// The keys of a scope.
    pub(super) fn within<'k>(
        &'k self,
        scope: &'k KeyScope,
    ) -> impl Iterator<Item = (u64, &'k SeenKey)> {
        let of_scope = |(hash, key): (&u64, &'k SeenKey)| key.is_in(scope).then_some((*hash, key));
        self.authenticated.iter().chain(&self.others).filter_map(of_scope)
    }

    pub(super) fn forget(&mut self, scope: &KeyScope) {
        self.authenticated.retain(|_, key| !key.is_in(scope));
        self.others.retain(|_, key| !key.is_in(scope));
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

/// `SHA-256(salt ‖ session id)`, 8 bytes.
pub(super) fn hash(salt: u64, session: &SessionId) -> u64 {
    let salted = Sha256::new().chain_update(salt.to_be_bytes());
    let digest = salted.chain_update(session.as_str()).finalize();
    digest.iter().take(8).fold(0, |hash, byte| hash << 8 | u64::from(*byte))
}
