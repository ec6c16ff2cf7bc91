//! What a client keeps over restarts, so that a server cannot go back on what it has shown.

mod form;
mod seen_keys;
mod seen_version;
mod watch;

pub use seen_keys::SeenKey;
pub use seen_version::VersionSetback;
pub use watch::{KeySetback, KeySetbackKind, RestoreWatch};

use matrix_key_backup_trust::TrustState;
use rand_core::CryptoRng;
use serde::{Deserialize, Serialize};

use self::{
    form::Form,
    seen_version::{SeenVersion, TEXT_MAX_BYTES},
};
use crate::{
    OpenBackup,
    store::{KeyScope, VersionId},
};

/// Most versions whose keys are remembered.
const MAX_VERSIONS: usize = 4;

/// All that a client has to remember of one account's backups: which ones it trusted (T-3 to T-5),
/// and what it has seen in them (B-3).
///
/// The caller keeps one for each account, and nothing beside it: what trusts a backup takes
/// `&mut state.trust`. Through serde it is JSON of at most [`MAX_JSON_BYTES`](Self::MAX_JSON_BYTES), whatever the
/// server does, and holds no key. It holds room and session ids. All numbers in it are counts and
/// indices; the random one is a string, since JavaScript would round it.
///
/// A server can withhold keys, and can serve older entries than it has shown. A state cannot
/// prevent it, but says so where it has seen the newer ones:
///
/// - [`note_version`](Self::note_version), whenever a version is opened, compares count and etag;
/// - [`watch`](Self::watch) goes along with a restore, and compares the keys;
/// - [`note_key`](Self::note_key) remembers what this client itself has written.
///
/// Of each version it remembers up to 1,024 keys, fewer where ids are longer than real ones: all
/// of them, or a sample that the server cannot
/// guess, and of keys that are vouched for before others. A server that withholds one key in 200 of a large backup is noticed with a probability
/// of more than 99 %.
///
/// ```
/// use matrix_key_backup::state::BackupState;
///
/// let state = BackupState::generate(&mut rand_core::UnwrapErr(rand::rngs::SysRng));
/// let kept = serde_json::to_string(&state)?;
/// assert_eq!(serde_json::from_str::<BackupState>(&kept)?, state);
/// # Ok::<(), serde_json::Error>(())
/// ```
///
/// # Security
///
/// Whoever can change it can make a client forget, and can cause false alarms. No backup and no key
/// is trusted for what stands here. Keep it from the server: a sample that the server knows it can
/// spare.
///
/// Source: B-3, T-3, T-4 in `docs/rules.md`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Form", into = "Form")]
pub struct BackupState {
    /// Which backups were trusted.
    pub trust: TrustState,
    /// Random, so that the server cannot tell which keys are remembered.
    salt: u64,
    /// The one that was opened last at the end.
    versions: Vec<SeenVersion>,
}

impl BackupState {
    /// The most that a state takes as JSON, as serde_json writes it.
    pub const MAX_JSON_BYTES: usize = 768 * 1024;

    /// A state that knows of no backup yet.
    #[must_use]
    pub fn generate<R: CryptoRng + ?Sized>(rng: &mut R) -> Self {
        Self { trust: TrustState::new(), salt: rng.next_u64(), versions: Vec::new() }
    }

    /// Compares what the server says of a version with what it has said before, and remembers it.
    ///
    /// Call it whenever the version is opened, and after this client has written to it.
    #[must_use = "what a server takes back is to be told"]
    pub fn note_version(&mut self, backup: &OpenBackup) -> Option<VersionSetback> {
        self.version(backup.version()).note(backup.count(), backup.etag())
    }

    /// Goes along with a restore of this version and scope.
    ///
    /// It is a value of its own: the state is free for other uses until it is finished, also for
    /// other restores at the same time.
    pub fn watch(&self, version: &VersionId, scope: &KeyScope) -> RestoreWatch {
        let version = bounded(version);
        let seen = self.versions.iter().find(|seen| *seen.version() == version);
        let seen = seen.map(|seen| seen.keys.of_scope(scope)).unwrap_or_default();
        RestoreWatch::new(seen, version, self.salt)
    }

    /// Remembers a key that this client has written, or knows to be in the version.
    pub fn note_key(&mut self, version: &VersionId, key: SeenKey) {
        let salt = self.salt;
        self.version(version).keys.note(salt, key);
    }

    /// Forgets what was seen of a scope, because the user has deleted it.
    pub fn forget(&mut self, version: &VersionId, scope: &KeyScope) {
        match scope {
            KeyScope::All => self.versions.retain(|seen| *seen.version() != bounded(version)),
            scope => self.version(version).forget(scope),
        }
    }

    /// What is remembered of a version, which hereby becomes the last one that was opened.
    fn version(&mut self, version: &VersionId) -> &mut SeenVersion {
        let version = bounded(version);
        let seen = match self.versions.iter().position(|seen| *seen.version() == version) {
            Some(position) => self.versions.remove(position),
            None => SeenVersion::new(version),
        };
        if self.versions.len() >= MAX_VERSIONS {
            self.forget_one_version();
        }
        self.versions.push(seen);
        #[expect(clippy::expect_used, reason = "it has just been pushed")]
        self.versions.last_mut().expect("a last one")
    }
}

impl BackupState {
    /// Forgets the version of which the fewest keys are remembered, and of several the one that
    /// was opened longest ago; never the one that was trusted last. A server can name as many
    /// versions as it likes, and must not make us forget by that what we saw in the real one.
    fn forget_one_version(&mut self) {
        let trusted =
            self.trust.last_trusted().map(|last| bounded(&VersionId::new(&*last.version)));
        let oldest = (0..)
            .zip(&self.versions)
            .filter(|(_, seen)| Some(seen.version()) != trusted.as_ref())
            .min_by_key(|(_, seen)| seen.keys.len())
            .map(|(position, _)| position);
        if let Some(position) = oldest {
            self.versions.remove(position);
        }
    }
}

/// The beginning of a version's name, which for any real one is all of it.
fn bounded(version: &VersionId) -> VersionId {
    let bytes = |(start, character): &(usize, char)| start + character.len_utf8() <= TEXT_MAX_BYTES;
    let name = version.as_str().char_indices().take_while(bytes);
    VersionId::new(name.map(|(_, character)| character).collect::<String>())
}
