//! What a version has said of itself.

use matrix_key_backup_wire::{RoomId, SessionId};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::seen_keys::{MAX_KEYS, SeenKey, SeenKeys};
use crate::store::{KeyScope, VersionId};

/// Etags before the last one that are remembered.
const MAX_ETAGS: usize = 16;

/// A longer etag is not remembered, and nothing of a version with a longer name.
pub(super) const TEXT_MAX_BYTES: usize = 256;

/// What was seen of one version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SeenVersion {
    version: VersionId,
    /// The count that was seen last.
    count: u64,
    /// Without repetition, the one that was seen last at the end.
    etags: Vec<String>,
    pub(super) keys: SeenKeys,
}

/// A version says less of itself than it has said before (B-3).
#[derive(Clone, Debug, PartialEq, Eq, Error, Serialize)]
#[serde(rename_all = "snake_case", tag = "setback")]
#[non_exhaustive]
pub enum VersionSetback {
    /// It holds fewer keys. Another device of the user may have deleted some; else the server
    /// withholds them.
    #[error(
        "the backup holds {found} keys, and has held {seen}: another device has deleted some, or \
         the server withholds them"
    )]
    FewerKeys {
        /// How many it held.
        seen: u64,
        /// How many it says it holds now.
        found: u64,
    },
    /// It shows a state that it had left behind: its etag is one from before the last.
    #[error("the backup is in a state that it had left behind: the server has rolled it back")]
    OlderState,
    /// The etag is that of the last time, and yet the number of keys has changed.
    #[error("the backup holds {found} keys instead of {seen}, and its etag says nothing changed")]
    ChangedUnderEtag {
        /// How many it held.
        seen: u64,
        /// How many it says it holds now.
        found: u64,
    },
}

impl SeenVersion {
    pub(super) fn new(version: VersionId) -> Self {
        Self { version, count: 0, etags: Vec::new(), keys: SeenKeys::default() }
    }

    pub(super) fn version(&self) -> &VersionId {
        &self.version
    }

    /// Remembers count and etag, and says what does not fit what was seen before.
    pub(super) fn note(&mut self, count: u64, etag: &str) -> Option<VersionSetback> {
        let setback = self.compare(count, etag);
        self.count = count;
        self.etags.retain(|seen| seen != etag);
        if etag.len() <= TEXT_MAX_BYTES {
            if self.etags.len() >= MAX_ETAGS {
                self.etags.remove(0);
            }
            self.etags.push(etag.to_owned());
        }
        setback
    }

    fn compare(&self, found: u64, etag: &str) -> Option<VersionSetback> {
        let seen = self.count;
        match self.etags.iter().rev().position(|seen| seen == etag) {
            Some(0) if found != seen => Some(VersionSetback::ChangedUnderEtag { seen, found }),
            Some(0) => None,
            Some(_) => Some(VersionSetback::OlderState),
            None => (found < seen).then_some(VersionSetback::FewerKeys { seen, found }),
        }
    }

    /// The user has deleted these keys, so fewer are no surprise.
    pub(super) fn forget(&mut self, scope: &KeyScope) {
        self.keys.forget(scope);
        self.count = 0;
    }
}

/// How it is written. `K` is how a key is.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SeenVersionForm<K> {
    version: VersionId,
    count: u64,
    etags: Vec<String>,
    keys: Vec<K>,
}

/// `[room id, session id, first message index, authenticated]`: names of properties would take as
/// much room as the ids.
#[derive(Serialize, Deserialize)]
pub(super) struct SeenKeyForm(RoomId, SessionId, u32, bool);

impl From<SeenKey> for SeenKeyForm {
    fn from(key: SeenKey) -> Self {
        Self(key.room_id, key.session_id, key.first_message_index, key.authenticated)
    }
}

impl From<SeenKeyForm> for SeenKey {
    fn from(form: SeenKeyForm) -> Self {
        let SeenKeyForm(room_id, session_id, first_message_index, authenticated) = form;
        Self { room_id, session_id, first_message_index, authenticated }
    }
}

impl From<SeenVersion> for SeenVersionForm<SeenKeyForm> {
    fn from(seen: SeenVersion) -> Self {
        let SeenVersion { version, count, etags, keys } = seen;
        let keys = keys.into_keys().into_iter().map(SeenKeyForm::from).collect();
        Self { version, count, etags, keys }
    }
}

impl<K: Into<SeenKey>> SeenVersionForm<K> {
    /// What was written, if it is no more than we ever write.
    pub(super) fn read(self, salt: u64) -> Option<SeenVersion> {
        let Self { version, count, etags, keys: written } = self;
        let texts = etags.iter().map(String::as_str).chain([version.as_str()]);
        if etags.len() > MAX_ETAGS
            || written.len() > MAX_KEYS
            || texts.into_iter().any(|text| text.len() > TEXT_MAX_BYTES)
        {
            return None;
        }
        let mut keys = SeenKeys::default();
        for key in written {
            keys.note(salt, key.into());
        }
        Some(SeenVersion { version, count, etags, keys })
    }
}
