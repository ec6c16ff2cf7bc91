//! Comparing what a restore brings with what was seen before (B-3).

use std::collections::BTreeMap;

use matrix_key_backup_wire::{RoomId, SessionId};
use serde::Serialize;
use thiserror::Error;

use super::{
    BackupState, SeenKey,
    seen_keys::{SeenKeys, hash},
};
use crate::{BackedUpSession, RejectedKey, RestoredBatch, store::VersionId};

/// Goes along with one restore.
///
/// It remembers what the state knew when the restore began, and borrows nothing: a client can hold
/// it over awaits, beside other uses of its state. Restores that run at the same time have a watch
/// each, and are finished in any order.
///
/// ```no_run
/// # use futures_util::StreamExt;
/// # use matrix_key_backup::{EntryReader, restore, state::BackupState, store::{BackupStore, KeyScope, VersionId}};
/// # async fn all<S: BackupStore>(store: &S, version: VersionId, reader: EntryReader, state: &mut BackupState) -> Result<(), Box<dyn std::error::Error>> {
/// let mut watch = state.watch(&version, &KeyScope::All);
/// let mut batches = restore(store, version, KeyScope::All, reader);
/// while let Some(batch) = batches.next().await {
///     watch.note(&batch?);
/// }
/// for setback in watch.finish(state) {
///     eprintln!("{setback}");
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use = "what was withheld is known when it is finished"]
pub struct RestoreWatch {
    /// What was remembered of the scope when the restore began.
    seen: SeenKeys,
    version: VersionId,
    salt: u64,
    /// Of the remembered keys, by their hashes: the best that has come, for a session may come in
    /// several entries; or nothing, where no entry gave a key.
    came: BTreeMap<u64, Option<SeenKey>>,
    /// A sample of all that has come.
    sample: SeenKeys,
}

/// A key is worse than the server has shown it before, or gone (B-3).
#[derive(Clone, Debug, PartialEq, Eq, Error, Serialize)]
#[error("session {} in room {}: {what}", seen.session_id, seen.room_id)]
#[non_exhaustive]
pub struct KeySetback {
    /// What was seen of the key before.
    pub seen: SeenKey,
    /// How it is worse.
    pub what: KeySetbackKind,
}

/// How a key is worse than before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum KeySetbackKind {
    /// It is not there any more. Another device of the user may have deleted it; else the server
    /// withholds it.
    #[error("the key was there before, and is missing: it was deleted, or the server withholds it")]
    Missing,
    /// There is an entry, and it gives no key any more.
    #[error("the key could be read before, and its entry gives none now")]
    Unreadable,
    /// It begins at a later message.
    #[error("the key begins at message {found} now: the server shows an older entry")]
    LaterIndex {
        /// The message index from which on it decrypts now.
        found: u32,
    },
    /// Somebody vouched for it, and nobody does now.
    #[error("the key was vouched for before, and is not now: the server shows another entry")]
    NotAuthenticated,
}

impl RestoreWatch {
    pub(super) fn new(seen: SeenKeys, version: VersionId, salt: u64) -> Self {
        Self { seen, version, salt, came: BTreeMap::new(), sample: SeenKeys::default() }
    }

    /// Notes what one batch has brought.
    pub fn note(&mut self, batch: &RestoredBatch) {
        batch.sessions.iter().for_each(|session| self.note_key(session));
        batch.rejected.iter().for_each(|rejected| self.note_rejected(rejected));
    }

    /// Notes one key.
    pub fn note_key(&mut self, session: &BackedUpSession) {
        let key = SeenKey::from(session);
        if let Some(best) = self.came(&key.room_id, &key.session_id) {
            best.get_or_insert_with(|| key.clone()).improve(&key);
        }
        self.sample.note(self.salt, key);
    }

    /// Notes one entry that gives no key.
    pub fn note_rejected(&mut self, rejected: &RejectedKey) {
        self.came(&rejected.room_id, &rejected.session_id);
    }

    /// What has come of a key so far, if it is one of those that are remembered.
    fn came(&mut self, room_id: &RoomId, session_id: &SessionId) -> Option<&mut Option<SeenKey>> {
        self.seen.get(self.salt, room_id, session_id)?;
        Some(self.came.entry(hash(self.salt, session_id)).or_default())
    }

    /// Compares, after the last batch of a restore that went through, and remembers what came.
    ///
    /// The state is the one that made the watch; with another one it finds nothing and notes
    /// nothing. A restore that broke off is not to be finished: what it did not come to is not
    /// missing. Nor is what was [forgotten](BackupState::forget) in the meantime.
    #[must_use = "what a server takes back is to be told"]
    pub fn finish(self, state: &mut BackupState) -> Vec<KeySetback> {
        if state.salt != self.salt {
            return Vec::new();
        }
        let now = &mut state.version(&self.version).keys;
        let setback = |(hash, seen): (u64, &SeenKey)| {
            now.get(self.salt, &seen.room_id, &seen.session_id)?;
            let what = self.compare(hash, seen)?;
            Some(KeySetback { seen: seen.clone(), what })
        };
        let setbacks = self.seen.iter().filter_map(setback).collect();
        now.merge(self.sample);
        setbacks
    }

    fn compare(&self, hash: u64, seen: &SeenKey) -> Option<KeySetbackKind> {
        let found = match self.came.get(&hash) {
            None => return Some(KeySetbackKind::Missing),
            Some(None) => return Some(KeySetbackKind::Unreadable),
            Some(Some(found)) => found,
        };
        if found.first_message_index > seen.first_message_index {
            return Some(KeySetbackKind::LaterIndex { found: found.first_message_index });
        }
        (seen.authenticated && !found.authenticated).then_some(KeySetbackKind::NotAuthenticated)
    }
}
