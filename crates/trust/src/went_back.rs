//! The server has gone back on what was trusted before (T-4).

use core::fmt;

use matrix_key_backup_wire::BackupAlgorithm;
use thiserror::Error;

use crate::BackupIdentity;

/// The server names a backup that this account has left behind.
///
/// It may well be the user's, and trusted as far as T-1 goes: deleting the current version brings
/// the one before it back. Ask the user, and if it is right so, hand this to
/// [`TrustState::accept_going_back`](crate::TrustState::accept_going_back).
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "the server names the backup {found}, but this account has used {last}. {how}. Write to it \
     only if you deleted or replaced that one yourself"
)]
#[non_exhaustive]
pub struct WentBack {
    /// The backup that the server names now.
    pub found: BackupIdentity,
    /// The one that was trusted last.
    pub last: BackupIdentity,
    /// What makes it a step back.
    pub how: StepBack,
}

/// What makes a backup a step back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StepBack {
    /// The version has the same name, but another public key or another algorithm (T-3).
    ChangedInPlace,
    /// The version is an older one: a newer one was deleted, or is withheld.
    OlderVersion,
    /// v1 after v2: what is written to it would not be authenticated.
    LowerAlgorithm,
    /// The version is new, but its public key is one that another had replaced: an older backup
    /// under a new name.
    OlderKey,
}

impl fmt::Display for StepBack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ChangedInPlace => "It is the same version with another key or algorithm",
            Self::OlderVersion => "It is an older version",
            Self::LowerAlgorithm => "It is of a lower algorithm, which authenticates nothing",
            Self::OlderKey => "Its public key is an older one, which another had replaced",
        })
    }
}

impl WentBack {
    /// Whether `found` is a step back from what was seen, the last one at the end. // T-3, T-4
    pub(crate) fn find(seen: &[BackupIdentity], found: &BackupIdentity) -> Option<Self> {
        let last = seen.last().filter(|last| *last != found)?;
        let key_was_seen = || seen.iter().any(|one| one.public_key == found.public_key);
        let how = if found.version == last.version {
            StepBack::ChangedInPlace
        } else if seen.iter().any(|one| found.is_no_newer_than(one)) {
            StepBack::OlderVersion
        } else if is_v1(found) && !is_v1(last) {
            StepBack::LowerAlgorithm
        } else if found.public_key != last.public_key && key_was_seen() {
            StepBack::OlderKey
        } else {
            return None;
        };
        Some(Self { found: found.clone(), last: last.clone(), how })
    }
}

/// Both names of v2 are one algorithm. // N-1
fn is_v1(backup: &BackupIdentity) -> bool {
    backup.algorithm == BackupAlgorithm::V1
}
