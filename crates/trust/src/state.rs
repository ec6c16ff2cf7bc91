//! What has to be remembered of what was trusted (T-4, T-5).

use alloc::{boxed::Box, vec::Vec};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{
    BackupDescription, BackupIdentity, TrustError, WentBack,
    identity::VERSION_MAX_BYTES,
    mac_key::{KnownMacKey, MAX_MAC_KEYS},
    seen::Seen,
};

/// What an account has trusted so far: which backups (T-4), and which MAC keys of them (T-5).
///
/// The caller keeps one for each account, over restarts: it is plain JSON through serde, of some tens
/// of kilobytes at most, and holds no secret. Every way to a [`TrustedBackup`](crate::TrustedBackup)
/// asks it, and notes in it what was trusted. Store it before anything is written to the backup.
///
/// A new one knows nothing, and takes whichever backup is trusted first. A caller with no place to
/// keep it may begin with a new one each time; then no step back is noticed, and an uploader that
/// began on an empty backup takes its own entries for somebody else's.
///
/// # Security
///
/// Whoever can change it can make a device forget, or take a stale MAC key for the right one, and no
/// more: no backup is trusted for what stands here.
///
/// ```
/// use matrix_key_backup_trust::TrustState;
///
/// let state = TrustState::new();
/// let kept = serde_json::to_string(&state)?;
/// assert_eq!(serde_json::from_str::<TrustState>(&kept)?, state);
/// # Ok::<(), serde_json::Error>(())
/// ```
///
/// Source: T-3 to T-5 in `docs/rules.md`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Form", into = "Form")]
pub struct TrustState {
    /// None before the first one.
    seen: Option<Seen>,
    /// The one that was noted last at the end.
    pub(crate) mac_keys: Vec<KnownMacKey>,
}

impl TrustState {
    /// A state that knows of no backup yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { seen: None, mac_keys: Vec::new() }
    }

    /// The backup that was trusted last.
    #[must_use]
    pub fn last_trusted(&self) -> Option<&BackupIdentity> {
        Some(&self.seen.as_ref()?.last)
    }

    /// Lets this account go back to the backup that was refused: the user has said so (T-4).
    ///
    /// It holds for exactly this version, algorithm and public key, and until another backup is
    /// trusted. What was left behind stays so: the next step back is refused again. Trust has to be
    /// shown again after it; what cannot be remembered is refused there.
    pub fn accept_going_back(&mut self, went_back: &WentBack) {
        if self.has_room_for(&went_back.found).is_ok() {
            self.note(went_back.found.clone());
        }
    }

    /// Whether trusting this backup would be a step back (T-4). It only looks: nothing is trusted
    /// by it, and nothing remembered.
    ///
    /// For one who wants to tell a person about a backup, whether or not there is a reason to trust
    /// it.
    #[must_use]
    pub fn step_back(&self, backup: BackupDescription<'_>) -> Option<WentBack> {
        WentBack::find(self.seen.as_ref()?, &backup.identity())
    }

    /// Takes note of a backup for which there is a reason to trust it, unless it is a step
    /// back. // T-4
    pub(crate) fn admit(&mut self, found: &BackupIdentity) -> Result<(), TrustError> {
        self.has_room_for(found)?;
        if let Some(went_back) = self.seen.as_ref().and_then(|seen| WentBack::find(seen, found)) {
            return Err(Box::new(went_back).into());
        }
        self.note(found.clone());
        Ok(())
    }

    fn has_room_for(&self, backup: &BackupIdentity) -> Result<(), TrustError> {
        if backup.version.len() > VERSION_MAX_BYTES {
            return Err(TrustError::VersionTooLong { found: backup.version.len() });
        }
        let full = self.seen.as_ref().is_some_and(|seen| !seen.has_room_for(backup));
        if full { Err(TrustError::TooManyKeys) } else { Ok(()) }
    }

    fn note(&mut self, backup: BackupIdentity) {
        match &mut self.seen {
            Some(seen) => seen.note(backup),
            None => self.seen = Some(Seen::first(backup)),
        }
    }
}

/// How the state is written. What it means is told by `format`: nothing is guessed from what is
/// missing.
#[derive(Serialize, Deserialize)]
#[serde(tag = "format", deny_unknown_fields)]
enum Form {
    #[serde(rename = "trust-state-1")]
    V1 {
        // Said, so that serde takes no missing property for none.
        #[serde(deserialize_with = "Option::deserialize")]
        seen: Option<Seen>,
        mac_keys: Vec<KnownMacKey>,
    },
}

impl From<TrustState> for Form {
    fn from(state: TrustState) -> Self {
        let TrustState { seen, mac_keys } = state;
        Self::V1 { seen, mac_keys }
    }
}

impl TryFrom<Form> for TrustState {
    type Error = UnreadableState;

    fn try_from(form: Form) -> Result<Self, Self::Error> {
        let Form::V1 { seen, mac_keys } = form;
        let mac_keys_found =
            (mac_keys.len() > MAX_MAC_KEYS).then_some(("mac_keys", mac_keys.len()));
        let too_many = mac_keys_found.or_else(|| seen.as_ref()?.too_many());
        if let Some((property, found)) = too_many {
            return Err(UnreadableState::TooMany { property, found });
        }
        if seen.as_ref().is_some_and(Seen::has_too_long_version) {
            return Err(UnreadableState::VersionTooLong);
        }
        Ok(Self { seen, mac_keys })
    }
}

/// What is wrong with a state that was read; serde's errors carry it.
#[derive(Debug, Error)]
enum UnreadableState {
    #[error("trust state: `{property}` has {found} elements, more than are ever written")]
    TooMany { property: &'static str, found: usize },
    #[error("trust state: a version has more than {VERSION_MAX_BYTES} bytes")]
    VersionTooLong,
}
