//! What is told about single entries: named as they are found, the first twenty or all of them, in
//! memory that stays bounded.

use std::sync::{Mutex, PoisonError};

use matrix_key_backup::{
    RejectedKey,
    copying::CopyEvent,
    key_export::BadEntry,
    migration::{MigrationEvent, NotMigrated},
    state::{KeySetback, VersionSetback},
    store::LeftOut,
    upload::{BlockReason, NoticeKind, UploadNotice},
    v2::VerifyError,
    wire::{RoomId, SessionId},
};
use serde::Serialize;

use crate::{args::FindingArguments, files::Input, output::Output, progress::Progress};

/// How many are named unless all are asked for.
const NAMED: usize = 20;

/// Something that is wrong with one entry.
#[derive(Debug, Serialize)]
pub(crate) struct Finding {
    /// `forged`, `misplaced`, `unreadable`, `conflict`, `missing`, `replaced`, `blocked`,
    /// `ignored_mac`, `notice`, `marked`, `dropped`, `left_behind`, `different`,
    /// `left_out`, `setback`, `repeated`.
    kind: &'static str,
    room_id: Option<String>,
    session_id: Option<String>,
    message: String,
}

impl Finding {
    fn new(
        kind: &'static str,
        room_id: &RoomId,
        session_id: &SessionId,
        message: impl Into<String>,
    ) -> Self {
        Self {
            kind,
            room_id: Some(room_id.as_str().to_owned()),
            session_id: Some(session_id.as_str().to_owned()),
            message: message.into(),
        }
    }

    /// An entry of a backup that gives no key.
    pub(crate) fn rejected(rejected: &RejectedKey) -> Self {
        let RejectedKey { room_id, session_id, reason, .. } = rejected;
        Self::new(reason.class().as_str(), room_id, session_id, reason.to_string())
    }

    /// A MAC in a v1 backup that did not hold. // H-2
    pub(crate) fn ignored_mac(room: &RoomId, session: &SessionId, error: &VerifyError) -> Self {
        let message = format!("{error}; in a v1 backup the key counts as any other");
        Self::new("ignored_mac", room, session, message)
    }

    /// Entries that should be there and are not. // B-3
    pub(crate) fn missing(
        room: Option<&RoomId>,
        session: Option<&SessionId>,
        message: impl Into<String>,
    ) -> Self {
        Self {
            kind: "missing",
            room_id: room.map(|id| id.as_str().to_owned()),
            session_id: session.map(|id| id.as_str().to_owned()),
            message: message.into(),
        }
    }

    /// An entry that was there before, among others. // A-3
    pub(crate) fn repeated((room, session): (&RoomId, &SessionId)) -> Self {
        let message = "the store names it more than once, and not side by side, so its entries were not \
                       merged: take the better one";
        Self::new("repeated", room, session, message)
    }

    /// A version that is less than it was. // B-3
    pub(crate) fn version_setback(setback: &VersionSetback) -> Self {
        Self { kind: "setback", room_id: None, session_id: None, message: setback.to_string() }
    }

    /// A key that is less than it was, or gone. // B-3
    pub(crate) fn key_setback(setback: &KeySetback) -> Self {
        let KeySetback { seen, what, .. } = setback;
        Self::new("setback", &seen.room_id, &seen.session_id, what.to_string())
    }

    /// Two keys for one session, of which one was left out. // A-3
    pub(crate) fn conflict_in_backup(room: &RoomId, session: &SessionId) -> Self {
        let message = "the backup has two keys for it that contradict each other; the better one \
                       was kept";
        Self::new("conflict", room, session, message)
    }

    /// An entry of a key export file that cannot be used.
    pub(crate) fn bad_entry(file: &Input, bad: &BadEntry) -> Self {
        Self {
            kind: "unreadable",
            room_id: bad.room_id.as_ref().map(|id| id.as_str().to_owned()),
            session_id: bad.session_id.as_ref().map(|id| id.as_str().to_owned()),
            message: format!("entry {} of {file}: {}", bad.position, bad.reason),
        }
    }

    /// What an upload says of one key.
    pub(crate) fn notice(notice: &UploadNotice) -> Self {
        Self::noticed(&notice.room_id, &notice.session_id, &notice.what)
    }

    fn noticed(room_id: &RoomId, session_id: &SessionId, what: &NoticeKind) -> Self {
        let (kind, message) = match what {
            NoticeKind::Conflict { stored_kept: true } => (
                "conflict",
                "it contradicts the key in the backup, which was kept: one of the two is not the \
                 sender's"
                    .to_owned(),
            ),
            NoticeKind::Conflict { stored_kept: false } => (
                "conflict",
                "it contradicts the key in the backup, whose place it has taken, being the one \
                 that is vouched for"
                    .to_owned(),
            ),
            NoticeKind::ReplacedUnreadable(reason) => (
                "replaced",
                format!("the entry in the backup gave no key and was replaced: {reason}"),
            ),
            NoticeKind::IgnoredMac(error) => return Self::ignored_mac(room_id, session_id, error),
            NoticeKind::Blocked(reason) => ("blocked", blocked(reason)),
            _ => ("notice", "the program has no words for what it found there".to_owned()),
        };
        Self::new(kind, room_id, session_id, message)
    }

    /// A key that a migration took out of a v1 backup. // M-1
    pub(crate) fn marked(room: &RoomId, session: &SessionId) -> Self {
        let message = "from a v1 backup, so nobody vouches for it in the new version (m.legacy-v1)";
        Self::new("marked", room, session, message)
    }

    /// What a migration says of one key, where something is wrong with it.
    pub(crate) fn migration(event: &MigrationEvent<'_>) -> Option<Self> {
        Some(match *event {
            MigrationEvent::IgnoredMac(room, session, error) => {
                Self::ignored_mac(room, session, error)
            }
            MigrationEvent::LeftBehind(room, session, reason) => {
                let kind = match reason {
                    NotMigrated::NotVerified(_) => "dropped", // M-1
                    _ => "left_behind",                       // M-7
                };
                Self::new(kind, room, session, reason.to_string())
            }
            MigrationEvent::Notice(room, session, what) => Self::noticed(room, session, what),
            MigrationEvent::Different(room, session, difference) => {
                Self::new("different", room, session, difference.to_string())
            }
            _ => return None,
        })
    }

    /// What a copy says of one entry.
    pub(crate) fn copying(event: &CopyEvent<'_>) -> Option<Self> {
        Some(match event {
            CopyEvent::Unreadable(room, session, error) => {
                Self::new("unreadable", room, session, error.to_string())
            }
            CopyEvent::LeftOut(left_out) => {
                let LeftOut { room_id, session_id, reason, .. } = left_out;
                Self::new("left_out", room_id, session_id, reason.to_string())
            }
            CopyEvent::Different(room, session, difference) => {
                Self::new("different", room, session, difference.to_string())
            }
            _ => return None,
        })
    }

    /// The finding as a line.
    fn line(&self) -> String {
        let place = match (&self.session_id, &self.room_id) {
            (Some(session), Some(room)) => format!("session {session} in room {room}: "),
            (Some(session), None) => format!("session {session}: "),
            (None, Some(room)) => format!("room {room}: "),
            (None, None) => String::new(),
        };
        format!("{}: {place}{}", self.kind, self.message)
    }
}

fn blocked(reason: &BlockReason) -> String {
    match reason {
        BlockReason::StoreKeepsOld => {
            format!(
                "the store keeps the entry that it has, although this key would add to it. Only a \
                 new backup version can take it: {NEW_VERSION}"
            )
        }
        BlockReason::UnreadableInPlace(reason) => format!(
            "the entry in the backup gives no key ({reason}), and was left in its place. Upload the \
             key with the decryption key or, where that was given, into a new backup version: \
             {NEW_VERSION}"
        ),
        BlockReason::CannotCompare => {
            "the backup has an authenticated entry for it, and a writer key cannot read that to \
             compare: upload it with the decryption key"
                .to_owned()
        }
        BlockReason::StoredTwice => {
            format!(
                "the store names two different entries for it, where there can be one, so neither \
                 was overwritten: the store is damaged, or not honest. A new backup version can take \
                 the key: {NEW_VERSION}"
            )
        }
        BlockReason::WouldLoseMac => {
            format!(
                "the entry in this v1 backup has a valid MAC, which a new one would not have, so it \
                 stays. An authenticated backup (v2) can take the key: {NEW_VERSION}"
            )
        }
        BlockReason::TooLarge => {
            "it takes more than the 1 MiB that an entry may have, so no reader would take it"
                .to_owned()
        }
        BlockReason::RefusedByStore(said) => format!("the store does not take it: {said}"),
        _ => "it was not written, for a reason that this program has no words for".to_owned(),
    }
}

/// What helps where an entry stays. // M-8
const NEW_VERSION: &str = "`create --replace` begins one, and the version that is there can still be \
                           read, with --backup-version";

/// The findings of one command. Several parts of it may add to them.
#[derive(Debug)]
pub(crate) struct Findings<'p> {
    output: Output,
    progress: &'p Progress,
    limit: usize,
    found: Mutex<Found>,
}

#[derive(Debug, Default)]
struct Found {
    listed: Vec<Finding>,
    count: u64,
}

/// The findings for a machine.
#[derive(Debug, Default, Serialize)]
pub(crate) struct FindingsReport {
    /// Those that are named.
    pub(crate) findings: Vec<Finding>,
    /// How many more there are; `--all` names them.
    pub(crate) findings_not_named: u64,
}

impl FindingsReport {
    /// These, and then others.
    pub(crate) fn and(mut self, others: Self) -> Self {
        self.findings.extend(others.findings);
        self.findings_not_named += others.findings_not_named;
        self
    }
}

impl<'p> Findings<'p> {
    pub(crate) fn new(arguments: FindingArguments, output: Output, progress: &'p Progress) -> Self {
        let limit = if arguments.all { usize::MAX } else { NAMED };
        Self { output, progress, limit, found: Mutex::default() }
    }

    /// Names a finding: to a person at once, to a machine with the report.
    pub(crate) fn add(&self, finding: Finding) {
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        let is_named = usize::try_from(found.count).is_ok_and(|count| count < self.limit);
        found.count += 1;
        if is_named && self.output.is_json() {
            found.listed.push(finding);
        } else if is_named {
            self.progress.suspend(|| self.output.finding(finding.line()));
        }
    }

    pub(crate) fn add_all(&self, findings: impl IntoIterator<Item = Finding>) {
        findings.into_iter().for_each(|finding| self.add(finding));
    }

    /// Whether there is any.
    pub(crate) fn any(&self) -> bool {
        self.found.lock().unwrap_or_else(PoisonError::into_inner).count > 0
    }

    /// Says how many were not named.
    pub(crate) fn finish(self) -> FindingsReport {
        self.finish_of("")
    }

    /// The same where there are others; `what` says which these are.
    pub(crate) fn finish_of(self, what: &str) -> FindingsReport {
        let found = self.found.into_inner().unwrap_or_else(PoisonError::into_inner);
        let named = u64::try_from(self.limit).unwrap_or(u64::MAX).min(found.count);
        let findings_not_named = found.count - named;
        if findings_not_named > 0 && !self.output.is_json() {
            let space = if what.is_empty() { "" } else { " " };
            let more = format_args!("and {findings_not_named} more{space}{what}; --all names them");
            self.output.finding(more);
        }
        FindingsReport { findings: found.listed, findings_not_named }
    }
}

#[cfg(test)]
mod tests {
    use matrix_key_backup::{
        RejectReason,
        upload::{BlockReason, NoticeKind, UploadNotice},
        v2::VerifyError,
        wire::{KeyBackupDataError, RoomId, SessionId},
    };

    use super::Finding;

    fn notice(what: NoticeKind) -> Finding {
        let room_id = RoomId::new("!room:example.org").unwrap();
        let session_id = SessionId::new("session").unwrap();
        Finding::notice(&UploadNotice::new(room_id, session_id, what))
    }

    /// What a person reads is a sentence, and says what helps; it is no name out of the program.
    #[test]
    fn every_notice_has_words_of_its_own() {
        let wrong_mac = || VerifyError::Wrong { name: "backup_mac" };
        let broken = || RejectReason::MalformedEntry(KeyBackupDataError::SessionData);
        let blocked = [
            (BlockReason::StoreKeepsOld, "--backup-version"),
            (BlockReason::UnreadableInPlace(broken()), "decryption key"),
            (BlockReason::CannotCompare, "decryption key"),
            (BlockReason::StoredTwice, "the store is damaged"),
            (BlockReason::WouldLoseMac, "create --replace"),
            (BlockReason::TooLarge, "1 MiB"),
            (BlockReason::RefusedByStore("400 M_BAD_JSON".to_owned()), "M_BAD_JSON"),
        ];
        let mut messages = Vec::new();
        for (reason, helps) in blocked {
            let name = format!("{reason:?}");
            let Finding { kind, message, .. } = notice(NoticeKind::Blocked(reason));
            assert_eq!(kind, "blocked");
            assert!(message.contains(helps), "{message}");
            assert!(!message.contains(&name) && !message.contains("no words"), "{message}");
            messages.push(message);
        }
        for (what, kind) in [
            (NoticeKind::Conflict { stored_kept: true }, "conflict"),
            (NoticeKind::Conflict { stored_kept: false }, "conflict"),
            (NoticeKind::ReplacedUnreadable(broken()), "replaced"),
            (NoticeKind::IgnoredMac(wrong_mac()), "ignored_mac"),
        ] {
            let finding = notice(what);
            assert_eq!(finding.kind, kind);
            assert!(!finding.message.contains("no words"), "{}", finding.message);
            messages.push(finding.message);
        }
        let count = messages.len();
        messages.sort();
        messages.dedup();
        assert_eq!(messages.len(), count);
    }
}
