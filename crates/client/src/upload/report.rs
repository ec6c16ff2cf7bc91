//! What an upload tells of itself.

use std::collections::BTreeMap;

use matrix_key_backup_v2::VerifyError;
use matrix_key_backup_wire::{Provenance, RoomId, SessionId};
use serde::Serialize;

use crate::{ProvenanceCounts, RejectReason, store::UnwrittenReason};

/// Something that happened during an upload.
#[derive(Debug)]
#[non_exhaustive]
pub enum UploadEvent<'a> {
    /// Another batch is done, and acknowledged by the store.
    #[non_exhaustive]
    Progress {
        /// Keys that are done so far, whatever came of them.
        keys_done: u64,
    },
    /// What came of one key, once the store has acknowledged its batch: a client marks the key as
    /// backed up, unless it was [`Blocked`](Effect::Blocked).
    #[non_exhaustive]
    Key {
        /// The room of the key.
        room_id: &'a RoomId,
        /// Its session id.
        session_id: &'a SessionId,
        /// What it did to the backup.
        effect: Effect,
    },
    /// Something that a person should see.
    Notice(&'a UploadNotice),
}

/// Something about one key that a person should see.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UploadNotice {
    /// The room of the key.
    pub room_id: RoomId,
    /// Its session id.
    pub session_id: SessionId,
    /// What it is.
    pub what: NoticeKind,
}

impl UploadNotice {
    /// Says something about one key.
    #[must_use]
    pub fn new(room_id: RoomId, session_id: SessionId, what: NoticeKind) -> Self {
        Self { room_id, session_id, what }
    }
}

/// What there is to see.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NoticeKind {
    /// The key and the one in the backup are not the same ratchet, or two that are vouched for name
    /// different senders.
    Conflict {
        /// Whether the key in the backup was kept.
        stored_kept: bool,
    },
    /// The entry in the backup could not be read; this key has taken its place.
    ReplacedUnreadable(RejectReason),
    /// A MAC stood beside the entry in a v1 backup, and did not hold (H-2). The entry counts as any
    /// other of a v1 backup.
    IgnoredMac(VerifyError),
    /// The key was not written.
    Blocked(BlockReason),
}

/// Why a key was not written although it would have added something.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BlockReason {
    /// The store keeps the entry that is there. It can only be replaced in a new backup
    /// version (M-8).
    StoreKeepsOld,
    /// The entry that is there cannot be read, and the store keeps it.
    UnreadableInPlace(RejectReason),
    /// The entry that is there has a valid MAC, and this writer cannot read it to compare.
    CannotCompare,
    /// The store names two different entries for this room and session, where there can be one.
    /// Which of them would be overwritten is not known, so neither is.
    StoredTwice,
    /// The entry that is there, in a v1 backup, has a valid MAC, which a new one would not have.
    WouldLoseMac,
    /// The entry would be larger than 1 MiB, and no reader would take it (V2-13).
    TooLarge,
    /// The store does not take the entry, and says why.
    RefusedByStore(String),
}

impl From<UnwrittenReason> for BlockReason {
    fn from(reason: UnwrittenReason) -> Self {
        match reason {
            UnwrittenReason::KeptOld => Self::StoreKeepsOld,
            UnwrittenReason::Refused(said) => Self::RefusedByStore(said),
        }
    }
}

/// How far the MAC key is known to be the backup's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum MacKeyCheck {
    /// It follows from the decryption key.
    Derived,
    /// An entry of the backup was verified with it (T-5).
    Confirmed,
    /// The backup was empty when it was first tried, so nothing could be verified with it that it did
    /// not write itself (T-5).
    Unconfirmed,
}

/// What came of one key.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) room_id: RoomId,
    pub(super) session_id: SessionId,
    pub(super) effect: Effect,
    pub(super) provenance: Provenance,
    pub(super) notices: Vec<NoticeKind>,
}

/// What a key did to the backup.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Effect {
    /// The backup did not have the session.
    New,
    /// The key took the place of a worse one.
    Improved,
    /// The backup has as good a key.
    Unchanged,
    /// The key would have added something and was not written; a notice says why.
    Blocked,
}

/// What an upload came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct UploadSummary {
    /// Keys that were given.
    pub keys: u64,
    /// Keys that the backup did not have.
    pub new: u64,
    /// Keys that took the place of a worse one.
    pub improved: u64,
    /// Keys than which the backup had as good a one.
    pub unchanged: u64,
    /// Keys that were not written although they would have added something.
    pub blocked: u64,
    /// Keys that contradict the one in the backup.
    pub conflicts: u64,
    /// Entries of a v1 backup beside which a MAC stood that did not hold (H-2).
    pub ignored_macs: u64,
    /// The keys that were written, by who vouches for them.
    pub written: ProvenanceCounts,
    /// How far the MAC key is known to be the backup's.
    pub mac_key: MacKeyCheck,
}

impl UploadSummary {
    pub(super) fn new(mac_key: MacKeyCheck) -> Self {
        let written = ProvenanceCounts { authenticated: 0, unauthenticated: BTreeMap::new() };
        Self {
            keys: 0,
            new: 0,
            improved: 0,
            unchanged: 0,
            blocked: 0,
            conflicts: 0,
            ignored_macs: 0,
            written,
            mac_key,
        }
    }

    pub(super) fn add(&mut self, outcome: &Outcome) {
        self.keys += 1;
        match outcome.effect {
            Effect::New => self.new += 1,
            Effect::Improved => self.improved += 1,
            Effect::Unchanged => self.unchanged += 1,
            Effect::Blocked => self.blocked += 1,
        }
        if matches!(outcome.effect, Effect::New | Effect::Improved) {
            self.written.add(&outcome.provenance);
        }
        for notice in &outcome.notices {
            self.conflicts += u64::from(matches!(notice, NoticeKind::Conflict { .. }));
            self.ignored_macs += u64::from(matches!(notice, NoticeKind::IgnoredMac(_)));
        }
    }
}
