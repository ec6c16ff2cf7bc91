//! All that the bot keeps over restarts: one file.

use core::fmt;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;

use client_api::Session;
use matrix_key_backup::primitives::{BackupMacKey, BackupPublicKey};
use matrix_key_backup::secret_storage::sharing::SecretRequester;
use matrix_key_backup::trust::TrustState;
use serde::{Deserialize, Serialize};
use vodozemac::Ed25519PublicKey;
use vodozemac::olm::Account;
use zeroize::Zeroizing;

use crate::{BotError, PendingKey, olm::OlmSessions, pending::Place};

const FILE: &str = "write-only-bot.json";
/// Empty. Whoever has it locked is the one bot of its folder.
const LOCK: &str = "write-only-bot.lock";

/// All that the bot keeps: who it is, the ratchets of its Olm sessions, the MAC key, what it has
/// trusted, and the room keys that are not written yet.
///
/// There is no decryption key in it, and no room key that the backup has. What is secret in it is
/// the access token, the device's own Olm keys, the MAC key, and the keys that wait. The file has
/// mode 600 and is not encrypted: whoever reads it has all that the bot has.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    format: Format,
    pub(crate) session: Session,
    /// The user's master key, compared when the bot was set up.
    pub(crate) master_key: Ed25519PublicKey,
    #[serde(with = "account")]
    pub(crate) account: Account,
    #[serde(with = "sessions")]
    pub(crate) olm_sessions: OlmSessions,
    pub(crate) device_keys_published: bool,
    pub(crate) since: Option<String>,
    pub(crate) requester: SecretRequester,
    /// The public key of the backup for whose MAC key the live requests ask: an answer that comes late
    /// must not be taken for the MAC key of a backup that has come since (T-5).
    #[serde(default)]
    pub(crate) asked_for: Option<String>,
    pub(crate) trust: TrustState,
    pub(crate) mac_key: Option<KeptMacKey>,
    /// What this device has written while nothing had confirmed the MAC key: its own entries confirm
    /// nothing (T-5).
    #[serde(default)]
    pub(crate) unconfirmed: BTreeSet<Place>,
    pub(crate) pending: Vec<PendingKey>,
    /// Keys that the backup of this version does not take.
    pub(crate) blocked: Vec<PendingKey>,
    pub(crate) blocked_in: Option<String>,
}

#[derive(Serialize, Deserialize)]
enum Format {
    #[serde(rename = "write-only-bot-1")]
    V1,
}

/// The MAC key, with the public key of the backup for which it was asked (K-6, T-2).
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeptMacKey {
    public_key: String,
    mac_key: Zeroizing<String>,
}

impl KeptMacKey {
    /// `public_key` is that of the backup for which it was asked.
    pub(crate) fn new(public_key: String, mac_key: &BackupMacKey) -> Self {
        Self { public_key, mac_key: mac_key.expose_base64() }
    }

    /// The MAC key, if it was asked for this backup.
    pub(crate) fn of(&self, public_key: &BackupPublicKey) -> Option<BackupMacKey> {
        (self.public_key == public_key.to_base64())
            .then(|| BackupMacKey::from_base64(&self.mac_key).ok())
            .flatten()
    }
}

impl State {
    /// A bot that has just logged in. `master_key` is the user's master key, which the user has
    /// compared.
    #[must_use]
    pub fn new(session: Session, master_key: Ed25519PublicKey) -> Self {
        Self {
            format: Format::V1,
            session,
            master_key,
            account: Account::new(),
            olm_sessions: OlmSessions::new(),
            device_keys_published: false,
            since: None,
            requester: SecretRequester::new(),
            asked_for: None,
            trust: TrustState::new(),
            mac_key: None,
            unconfirmed: BTreeSet::new(),
            pending: Vec::new(),
            blocked: Vec::new(),
            blocked_in: None,
        }
    }

    /// Reads the state in a folder.
    ///
    /// # Errors
    ///
    /// [`BotError::File`].
    pub fn read(folder: &Path) -> Result<Self, BotError> {
        let path = folder.join(FILE);
        let failed = |what: String| BotError::File { path: path.clone(), what };
        let text = Zeroizing::new(fs::read_to_string(&path).map_err(|e| failed(e.to_string()))?);
        // serde's message may show a part of the text: the place alone does not.
        serde_json::from_str(&text)
            .map_err(|e| failed(format!("not a state, in line {} column {}", e.line(), e.column())))
    }

    /// Whether there is a state in a folder.
    #[must_use]
    pub fn exists(folder: &Path) -> bool {
        folder.join(FILE).exists()
    }

    /// Writes the state into a folder, in the place of the old one: at any moment there is one whole
    /// state.
    ///
    /// # Errors
    ///
    /// [`BotError::File`].
    pub fn write(&self, folder: &Path) -> Result<(), BotError> {
        let path = folder.join(FILE);
        let failed = |what: String| BotError::File { path: path.clone(), what };
        let text = serde_json::to_vec(self).map_err(|e| failed(e.to_string()))?;
        let text = Zeroizing::new(text);
        let new = folder.join(format!("{FILE}.new"));
        let write = || {
            let mut options = fs::OpenOptions::new();
            options.write(true).create(true).truncate(true);
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
            let mut file = options.open(&new)?;
            file.write_all(&text)?;
            file.sync_all()?;
            fs::rename(&new, &path)?;
            // The new name lasts over a loss of power, too: the old ratchets would open no more.
            #[cfg(unix)]
            File::open(folder)?.sync_all()?;
            Ok(())
        };
        write().map_err(|e: std::io::Error| failed(e.to_string()))
    }
}

/// Makes this the only bot of the folder, as long as the value lives: two would each move on the
/// ratchets of the other.
pub(crate) fn lock(folder: &Path) -> Result<File, BotError> {
    if !State::exists(folder) {
        let what = "there is no device in this folder: log in first".to_owned();
        return Err(BotError::File { path: folder.to_owned(), what });
    }
    let path = folder.join(LOCK);
    let failed = |what: String| BotError::File { path: path.clone(), what };
    let file = File::options().create(true).append(true).open(&path);
    let file = file.map_err(|error| failed(error.to_string()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => Err(failed("its bot is at work already".to_owned())),
        Err(fs::TryLockError::Error(error)) => Err(failed(error.to_string())),
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "State({:?}, {} keys wait)", self.session, self.pending.len())
    }
}

mod account {
    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};
    use vodozemac::olm::{Account, AccountPickle};

    pub(super) fn serialize<S: Serializer>(account: &Account, to: S) -> Result<S::Ok, S::Error> {
        account.pickle().serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Account, D::Error> {
        AccountPickle::deserialize(from).map(Account::from_pickle)
    }
}

mod sessions {
    use std::collections::BTreeMap;

    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};
    use vodozemac::olm::{Session, SessionPickle};

    use crate::olm::OlmSessions;

    pub(super) fn serialize<S: Serializer>(all: &OlmSessions, to: S) -> Result<S::Ok, S::Error> {
        let pickles: BTreeMap<_, Vec<_>> =
            all.iter().map(|(key, of)| (key, of.iter().map(Session::pickle).collect())).collect();
        pickles.serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<OlmSessions, D::Error> {
        let pickles = BTreeMap::<String, Vec<SessionPickle>>::deserialize(from)?;
        let sessions = |of: Vec<_>| of.into_iter().map(Session::from_pickle).collect();
        Ok(pickles.into_iter().map(|(key, of)| (key, sessions(of))).collect())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test")]

    use super::*;

    fn state() -> State {
        let master_key = vodozemac::Ed25519SecretKey::new().public_key();
        State::new(Session::new("http://127.0.0.1", "@a:b", "BOT", "a token"), master_key)
    }

    #[test]
    fn what_was_written_is_read_and_nobody_elses() {
        let folder = tempfile::tempdir().unwrap();
        let mut state = state();
        state.account.generate_one_time_keys(2);
        state.write(folder.path()).unwrap();
        let read = State::read(folder.path()).unwrap();
        assert_eq!(read.account.identity_keys(), state.account.identity_keys());
        assert_eq!(read.account.one_time_keys(), state.account.one_time_keys());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = fs::metadata(folder.path().join(FILE)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }

    #[test]
    fn a_folder_has_one_bot() {
        let folder = tempfile::tempdir().unwrap();
        let error = lock(folder.path()).unwrap_err();
        assert!(error.to_string().contains("log in first"), "{error}");
        state().write(folder.path()).unwrap();
        let one = lock(folder.path()).unwrap();
        let error = lock(folder.path()).unwrap_err();
        assert!(error.to_string().contains("at work already"), "{error}");
        drop(one);
        lock(folder.path()).unwrap();
    }

    #[test]
    fn an_error_shows_nothing_of_the_file() {
        let folder = tempfile::tempdir().unwrap();
        state().write(folder.path()).unwrap();
        let path = folder.path().join(FILE);
        let text = fs::read_to_string(&path).unwrap().replace("\"since\"", "\"a secret\"");
        fs::write(&path, text).unwrap();
        let error = State::read(folder.path()).unwrap_err();
        assert!(error.to_string().contains("not a state, in line 1"), "{error}");
        assert!(!error.to_string().contains("secret"), "{error}");
    }
}
