//! One key for each session, where a store has more than one.

use matrix_key_backup::{
    BackedUpSession,
    merge::{Merged, merge},
};

use crate::findings::{Finding, Findings};

/// Holds one key back until the next one shows whether it is of the same session.
///
/// A store gives its entries in the order of rooms and sessions, so two for one session follow each
/// other, and memory stays the same whatever the size of the backup.
#[derive(Debug, Default)]
pub(super) struct Merging {
    pending: Option<BackedUpSession>,
}

impl Merging {
    /// Takes the next key, and gives back one to which nothing will be added any more.
    pub(super) fn push(
        &mut self,
        session: BackedUpSession,
        findings: &Findings<'_>,
    ) -> Option<BackedUpSession> {
        match self.pending.take() {
            Some(pending) if is_same_place(&pending, &session) => {
                let Merged { session, conflicting } = merge(pending, session);
                if let Some(other) = conflicting {
                    let (room, session) = (other.room_id(), other.session_id());
                    findings.add(Finding::conflict_in_backup(room, session));
                }
                self.pending = Some(session);
                None
            }
            pending => {
                self.pending = Some(session);
                pending
            }
        }
    }

    /// The last one.
    pub(super) fn finish(self) -> Option<BackedUpSession> {
        self.pending
    }
}

fn is_same_place(a: &BackedUpSession, b: &BackedUpSession) -> bool {
    a.room_id() == b.room_id() && a.session_id() == b.session_id()
}
