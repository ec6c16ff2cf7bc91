//! Passphrases: of key export files, and of secret storage keys.

use matrix_key_backup::key_export::Passphrase;

use crate::{
    error::Error,
    files::Input,
    output::Output,
    secrets::{Origin, ask, from_environment},
};

pub(crate) const EXPORT_VARIABLE: &str = "MATRIX_KEY_BACKUP_PASSPHRASE";
pub(crate) const STORAGE_VARIABLE: &str = "MATRIX_KEY_BACKUP_STORAGE_PASSPHRASE";

/// What a passphrase is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opens {
    KeyExportFile,
    StorageKey,
}

impl Opens {
    /// The thing, for prompts and messages.
    fn thing(self) -> &'static str {
        match self {
            Self::KeyExportFile => "the key export file",
            Self::StorageKey => "the secret storage key",
        }
    }

    pub(crate) fn variable(self) -> &'static str {
        match self {
            Self::KeyExportFile => EXPORT_VARIABLE,
            Self::StorageKey => STORAGE_VARIABLE,
        }
    }

    /// The passphrase that was given by file or environment, if one was.
    ///
    /// Only the end of the line is no part of it: spaces are (E-1).
    pub(crate) fn given(
        self,
        file: Option<&Input>,
        output: Output,
    ) -> Result<Option<(Passphrase, Origin)>, Error> {
        let variable = self.variable();
        let (mut text, origin) = match file {
            Some(input) => (input.read_secret("passphrase")?, Origin::Input(input.clone())),
            None => match from_environment(variable)? {
                Some(text) => (text, Origin::Environment(variable)),
                None => return Ok(None),
            },
        };
        let without_end =
            text.strip_suffix('\n').map_or(&**text, |line| line.strip_suffix('\r').unwrap_or(line));
        let length = without_end.len();
        text.truncate(length);
        output.detail(format_args!("The passphrase is from {origin}."));
        Ok(Some((Passphrase::new(text), origin)))
    }

    /// The passphrase of something that is there: given, or asked for.
    pub(crate) fn required(
        self,
        file: Option<&Input>,
        output: Output,
    ) -> Result<(Passphrase, Origin), Error> {
        if let Some(given) = self.given(file, output)? {
            return Ok(given);
        }
        let answer = ask(&format!("Passphrase of {}: ", self.thing()), &self.not_given())?;
        Ok((Passphrase::new(answer), Origin::Prompt))
    }

    /// The passphrase for something that is to be made: not empty, and typed twice.
    pub(crate) fn required_anew(
        self,
        file: Option<&Input>,
        output: Output,
    ) -> Result<Passphrase, Error> {
        let passphrase = match self.given(file, output)? {
            Some((passphrase, _)) => passphrase,
            None => {
                let prompt = format!("Passphrase for {}: ", self.thing());
                let first = ask(&prompt, &self.not_given())?;
                if ask("The same once more: ", &self.not_given())? != first {
                    return Err(Error::Usage("the two passphrases differ: try again".to_owned()));
                }
                Passphrase::new(first)
            }
        };
        if passphrase.is_empty() {
            return Err(Error::Usage(format!(
                "the passphrase is empty, so anybody could open {}: give another one",
                self.thing()
            )));
        }
        Ok(passphrase)
    }

    fn not_given(self) -> String {
        format!(
            "no passphrase was given, and there is no terminal to ask for it: give the file that \
             holds it with --passphrase-file, or set {}",
            self.variable()
        )
    }
}
