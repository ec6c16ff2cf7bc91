//! The server has gone back on what was trusted before (T-4).

use core::fmt;

use thiserror::Error;

use crate::{BackupIdentity, seen::Seen};

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
    /// v1, and v2 was seen: what is written to it would not be authenticated.
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
    /// Whether `found` is a step back from what was seen. // T-3, T-4
    pub(crate) fn find(seen: &Seen, found: &BackupIdentity) -> Option<Self> {
        let how = if *found == seen.last {
            return None;
        } else if found.version == seen.last.version {
            StepBack::ChangedInPlace
        } else if seen.has_version_of(found) {
            StepBack::OlderVersion
        } else if seen.is_lower_algorithm(found) {
            StepBack::LowerAlgorithm
        } else if seen.has_replaced_key_of(found) {
            StepBack::OlderKey
        } else {
            return None;
        };
        Some(Self { found: found.clone(), last: seen.last.clone(), how })
    }
}
