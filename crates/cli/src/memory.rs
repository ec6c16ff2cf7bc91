//! What is remembered of an account over the runs, so that its homeserver cannot go back on it
//! unseen. // B-3, T-3, T-4, T-5

use std::{
    fs::{self, File},
    io,
    path::PathBuf,
};

use matrix_key_backup::{
    OpenBackup,
    primitives::BackupMacKey,
    state::{BackupState, KeySetback, RestoreWatch, VersionSetback},
    store::{KeyScope, VersionId},
    trust::{MacKeyStatus, TrustError, TrustState, TrustedBackup, WentBack},
};

use crate::{
    context::Context,
    data_directory::{data_directory, make_private},
    error::Error,
    files::{NewFile, Overwrite, lock},
    secrets::random_numbers,
};

/// Which backups of an account were trusted, and what was seen in them. Of a file nothing is
/// remembered: it does not go back to an older backup unless somebody puts an older file there.
#[derive(Debug)]
pub(crate) struct Memory {
    file: Option<PathBuf>,
    state: BackupState,
    /// As long as it is held, no other run changes what is remembered. So it is held shortly, and
    /// there is never a second one.
    _alone: Option<File>,
}

/// What the homeserver has taken back.
#[derive(Debug, Default)]
pub(crate) struct Setbacks {
    pub(crate) version: Option<VersionSetback>,
    pub(crate) keys: Vec<KeySetback>,
}

impl Memory {
    /// To be changed: other runs wait until it is dropped.
    pub(crate) fn of(context: &Context) -> Result<Self, Error> {
        let Some(name) = context.place.memory_name() else { return Self::seen(context) };
        let directory = data_directory()?;
        make_private(&directory)?;
        let alone = lock(&directory.join(format!("{name}.state.lock")), context.output)?;
        Ok(Self { _alone: Some(alone), ..Self::seen(context)? })
    }

    /// To be looked at only.
    pub(crate) fn seen(context: &Context) -> Result<Self, Error> {
        let Some(name) = context.place.memory_name() else {
            return Ok(Self { file: None, state: new_state()?, _alone: None });
        };
        let file = data_directory()?.join(format!("{name}.state.json"));
        let state = match fs::read(&file) {
            Ok(text) => serde_json::from_slice(&text).map_err(io::Error::from),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(new_state()?),
            Err(error) => Err(error),
        };
        // Nothing is begun anew unasked: forgetting is what a server would like.
        let state = state.map_err(|source| Error::Memory { file: file.clone(), source })?;
        Ok(Self { file: Some(file), state, _alone: None })
    }

    /// Trusts a backup, and has remembered it before anything is done with it. A step back takes
    /// the user's word, which is for this one backup.
    pub(crate) fn trust<T>(
        mut self,
        context: &Context,
        trust: impl Fn(&mut TrustState) -> Result<T, TrustError>,
    ) -> Result<Result<T, TrustError>, Error> {
        let mut trusted = trust(&mut self.state.trust);
        if let Err(TrustError::WentBack(went_back)) = &trusted {
            if !context.accept_older_backup {
                let problem = went_back.to_string();
                return Err(Error::WentBack { store: context.place.path().to_owned(), problem });
            }
            context.output.warn(format_args!("{went_back}. It is used, as you have said"));
            self.state.trust.accept_going_back(went_back);
            trusted = trust(&mut self.state.trust);
        }
        if trusted.is_ok() {
            self.keep()?;
        }
        Ok(trusted)
    }

    /// Whether anything is remembered of this kind of store at all.
    pub(crate) fn is_kept(&self) -> bool {
        self.file.is_some()
    }

    /// The version that was trusted last. // T-4
    pub(crate) fn last_trusted(&self) -> Option<&str> {
        Some(&self.state.trust.last_trusted()?.version)
    }

    /// What would be said of this backup before it is trusted. Nothing is remembered. // T-3, T-4
    pub(crate) fn step_back(&self, backup: &OpenBackup) -> Option<WentBack> {
        self.state.trust.step_back(backup.description())
    }

    /// What the homeserver has taken back of what was seen, as [`compare`](Self::compare) says it.
    /// Nothing is remembered. // B-3
    pub(crate) fn look(&self, backup: &OpenBackup, watch: Option<RestoreWatch>) -> Setbacks {
        if self.file.is_none() {
            return Setbacks::default();
        }
        let mut forgotten_at_once = self.state.clone();
        let keys = watch.map(|watch| watch.finish(&mut forgotten_at_once)).unwrap_or_default();
        let version = forgotten_at_once.note_version(backup);
        Setbacks { version, keys }
    }

    /// Goes along with a walk through a backup. // B-3
    pub(crate) fn watch(&self, backup: &OpenBackup, scope: &KeyScope) -> RestoreWatch {
        self.state.watch(backup.version(), scope)
    }

    /// Compares what came with what was seen before, and remembers it. // B-3
    pub(crate) fn compare(
        mut self,
        backup: &OpenBackup,
        watch: RestoreWatch,
    ) -> Result<Setbacks, Error> {
        if self.file.is_none() {
            return Ok(Setbacks::default());
        }
        let keys = watch.finish(&mut self.state);
        let version = self.state.note_version(backup);
        self.keep()?;
        Ok(Setbacks { version, keys })
    }

    /// What is remembered of trust, to be looked at.
    pub(crate) fn trust_state(&self) -> &TrustState {
        &self.state.trust
    }

    /// Remembers what came of trying a MAC key. What another run remembered of it meanwhile stays:
    /// the entry on which it was tried may have been that one's. // T-5
    pub(crate) fn note_mac_key(
        mut self,
        backup: &TrustedBackup,
        mac_key: &BackupMacKey,
        tried: &TrustState,
    ) -> Result<(), Error> {
        if self.state.trust.mac_key_status(backup, mac_key).is_some() {
            return Ok(());
        }
        match tried.mac_key_status(backup, mac_key) {
            Some(MacKeyStatus::Confirmed) => self.state.trust.confirm_mac_key(backup, mac_key),
            Some(MacKeyStatus::Unconfirmed) => {
                self.state.trust.mark_mac_key_unconfirmed(backup, mac_key);
            }
            None => return Ok(()),
        }
        self.keep()
    }

    /// A MAC key has verified entries for who holds the decryption key. It is remembered with what
    /// is [compared](Self::compare) next. // T-5
    pub(crate) fn confirm_mac_key(&mut self, backup: &TrustedBackup, mac_key: &BackupMacKey) {
        self.state.trust.confirm_mac_key(backup, mac_key);
    }

    /// Forgets the keys of a version that the user has deleted.
    pub(crate) fn forget(mut self, version: &VersionId) -> Result<(), Error> {
        self.state.forget(version, &KeyScope::All);
        self.keep()
    }

    pub(crate) fn keep(&self) -> Result<(), Error> {
        let Some(file) = &self.file else { return Ok(()) };
        make_private(&data_directory()?)?;
        let text = serde_json::to_vec(&self.state)
            .map_err(|error| Error::Write { path: file.clone(), source: error.into() })?;
        NewFile::write(file, &text, Overwrite::Yes)
    }
}

fn new_state() -> Result<BackupState, Error> {
    Ok(BackupState::generate(&mut random_numbers()?))
}
