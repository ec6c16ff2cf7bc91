//! What is remembered of an account over the runs, so that its homeserver cannot go back on it
//! unseen. // T-3, T-4

use std::{fs, io, path::PathBuf};

use matrix_key_backup::trust::{TrustError, TrustState};

use crate::{
    context::Context,
    data_directory::{data_directory, make_private},
    error::Error,
    files::{NewFile, Overwrite},
};

/// Which backups of an account were trusted. Of a file nothing is remembered: it does not go back
/// to an older backup unless somebody puts an older file there.
#[derive(Debug)]
pub(crate) struct Memory {
    file: Option<PathBuf>,
    state: TrustState,
}

impl Memory {
    pub(crate) fn of(context: &Context) -> Result<Self, Error> {
        let Some(name) = context.place.account_name() else {
            return Ok(Self { file: None, state: TrustState::new() });
        };
        let file = data_directory()?.join(format!("{name}.state.json"));
        let state = match fs::read(&file) {
            Ok(text) => serde_json::from_slice(&text).map_err(io::Error::from),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(TrustState::new()),
            Err(error) => Err(error),
        };
        // Nothing is begun anew unasked: forgetting is what a server would like.
        let state = state.map_err(|source| Error::Memory { file: file.clone(), source })?;
        Ok(Self { file: Some(file), state })
    }

    /// Trusts a backup, and has remembered it before anything is done with it. A step back takes
    /// the user's word, which is for this one backup.
    pub(crate) fn trust<T>(
        mut self,
        context: &Context,
        trust: impl Fn(&mut TrustState) -> Result<T, TrustError>,
    ) -> Result<Result<T, TrustError>, Error> {
        let mut trusted = trust(&mut self.state);
        if let Err(TrustError::WentBack(went_back)) = &trusted {
            if !context.accept_older_backup {
                let problem = went_back.to_string();
                return Err(Error::WentBack { store: context.place.path().to_owned(), problem });
            }
            context.output.warn(format_args!("{went_back}. It is used, as you have said"));
            self.state.accept_going_back(went_back);
            trusted = trust(&mut self.state);
        }
        if trusted.is_ok() {
            self.keep()?;
        }
        Ok(trusted)
    }

    fn keep(&self) -> Result<(), Error> {
        let Some(file) = &self.file else { return Ok(()) };
        make_private(&data_directory()?)?;
        let text = serde_json::to_vec(&self.state)
            .map_err(|error| Error::Write { path: file.clone(), source: error.into() })?;
        NewFile::write(file, &text, Overwrite::Yes)
    }
}
