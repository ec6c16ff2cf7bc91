//! What is known of a server between two calls: state.json beside its data.

use std::io::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result};
use matrix_key_backup_primitives::base64;
use serde::{Deserialize, Serialize};

use crate::homeserver::config::SERVER_NAME;

/// Process, address, secrets and users of a server. Test secrets all, and yet only their owner
/// reads them: the file is written so.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct State {
    /// The process that was started last, while nobody has stopped it.
    pub(crate) pid: Option<u32>,
    /// `http://127.0.0.1:` and the port.
    pub(crate) url: String,
    /// For `/_synapse/admin/v1/register`.
    pub(crate) registration_shared_secret: String,
    pub(crate) signing_key: String,
    pub(crate) macaroon_secret_key: String,
    pub(crate) users: Vec<User>,
}

/// Somebody who was registered when the server was started.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct User {
    pub(crate) localpart: String,
    pub(crate) user_id: String,
    pub(crate) password: String,
}

impl State {
    /// That of a server that never ran: new secrets, no users.
    ///
    /// # Errors
    ///
    /// When the system has no randomness.
    pub(crate) fn new() -> Result<Self> {
        Ok(Self {
            registration_shared_secret: random()?,
            signing_key: format!("ed25519 test {}", random()?),
            macaroon_secret_key: random()?,
            ..Self::default()
        })
    }

    /// Reads a state; `None` where there is none.
    ///
    /// # Errors
    ///
    /// When the file cannot be read, or is of another form.
    pub(crate) fn read(file: &Path) -> Result<Option<Self>> {
        match std::fs::read(file) {
            Ok(text) => serde_json::from_slice(&text).map(Some).with_context(|| {
                let file = file.display();
                format!(
                    "{file} is damaged. Stop the server, if `ps` shows one, and delete the file"
                )
            }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("cannot read {}", file.display())),
        }
    }

    /// Writes the state in one step.
    ///
    /// # Errors
    ///
    /// When the file cannot be written.
    pub(crate) fn write(&self, file: &Path) -> Result<()> {
        let text = serde_json::to_vec_pretty(self).context("cannot write the state")?;
        write_for_owner(file, &text)
    }

    /// The user `localpart`, with a password if it is new.
    ///
    /// # Errors
    ///
    /// When the system has no randomness.
    pub(crate) fn user(&mut self, localpart: &str) -> Result<&User> {
        let known = self.users.iter().position(|user| user.localpart == localpart);
        let at = known.unwrap_or(self.users.len());
        if known.is_none() {
            let user_id = format!("@{localpart}:{SERVER_NAME}");
            let password = random()?;
            self.users.push(User { localpart: localpart.to_owned(), user_id, password });
        }
        self.users.get(at).context("a user who was just added")
    }

    pub(crate) fn user_ids(&self) -> Vec<&str> {
        self.users.iter().map(|user| user.user_id.as_str()).collect()
    }
}

/// 32 random bytes in unpadded base64.
fn random() -> Result<String> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).context("the system has no randomness")?;
    Ok(base64::encode_unpadded(&bytes))
}

/// Writes a file in one step that nobody but its owner can read.
///
/// # Errors
///
/// When it cannot be written.
pub(crate) fn write_for_owner(file: &Path, text: &[u8]) -> Result<()> {
    let cannot = || format!("cannot write {}", file.display());
    let folder = file.parent().with_context(cannot)?;
    // A temporary file is its owner's alone, and keeps that when it gets its name.
    let mut temporary = tempfile::NamedTempFile::new_in(folder).with_context(cannot)?;
    temporary.write_all(text).with_context(cannot)?;
    temporary.persist(file).with_context(cannot)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_read_as_it_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("state.json");
        assert!(State::read(&file).unwrap().is_none());
        let mut state = State::new().unwrap();
        state.pid = Some(1);
        let password = state.user("alice").unwrap().password.clone();
        state.write(&file).unwrap();
        let mut read = State::read(&file).unwrap().unwrap();
        assert_eq!((read.pid, &read.signing_key), (Some(1), &state.signing_key));
        assert_eq!(read.user("alice").unwrap().password, password, "no second password");
        assert_ne!(read.user("bob").unwrap().password, password);
        assert_eq!(read.user_ids(), ["@alice:localhost", "@bob:localhost"]);
    }

    #[cfg(unix)]
    #[test]
    fn nobody_else_reads_the_state() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("state.json");
        // One that was readable for all does not stay so.
        std::fs::write(&file, "{}").unwrap();
        State::new().unwrap().write(&file).unwrap();
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn something_else_in_its_place_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("state.json");
        std::fs::write(&file, "[").unwrap();
        assert!(State::read(&file).unwrap_err().to_string().contains("state.json"));
    }
}
