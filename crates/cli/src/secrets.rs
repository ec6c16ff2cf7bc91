//! Secrets: from a file, standard input, the environment or a prompt. Never from an argument, and
//! never printed by an error. Here are keys; [`crate::passphrase`] has passphrases.

use std::{
    env, fmt,
    io::{self, IsTerminal as _},
    path::PathBuf,
};

use matrix_key_backup::{
    primitives::{BackupDecryptionKey, Base64KeyError, KeyRepresentationError},
    v2::BackupReader,
    wire::WriterKey,
};
use rand::{TryRng as _, rand_core::UnwrapErr, rngs::SysRng};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::{
    account_data::AccountPlace,
    args::{AnyKeyArguments, KeyArguments},
    error::Error,
    files::Input,
    output::Output,
};

pub(crate) const KEY_VARIABLE: &str = "MATRIX_KEY_BACKUP_KEY";
pub(crate) const WRITER_KEY_VARIABLE: &str = "MATRIX_KEY_BACKUP_WRITER_KEY";

const DECRYPTION_KEY: &str = "decryption key";
const WRITER_KEY: &str = "writer key";

/// Where a secret came from, to be named in messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    Input(Input),
    /// It was stored in secret storage.
    AccountData(AccountPlace),
    Environment(&'static str),
    /// The key file that was written beside the default store when it was begun.
    BesideStore(PathBuf),
    Prompt,
    /// It was made by this run.
    New,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Input(input) => input.fmt(f),
            Self::AccountData(place) => place.fmt(f),
            Self::Environment(variable) => write!(f, "the environment variable {variable}"),
            Self::BesideStore(path) => {
                write!(f, "the key file beside the store ({})", path.display())
            }
            Self::Prompt => f.write_str("your answer"),
            Self::New => f.write_str("the new decryption key"),
        }
    }
}

/// A decryption key, and where it came from.
#[derive(Debug)]
pub(crate) struct GivenKey {
    pub(crate) reader: BackupReader,
    pub(crate) origin: Origin,
}

/// A writer key, and where it came from.
#[derive(Debug)]
pub(crate) struct GivenWriterKey {
    pub(crate) key: WriterKey,
    pub(crate) origin: Origin,
}

impl GivenKey {
    /// Makes a new decryption key.
    pub(crate) fn generate() -> Result<Self, Error> {
        let key = BackupDecryptionKey::random().map_err(|_| Error::NoRandomness)?;
        Ok(Self { reader: BackupReader::new(key), origin: Origin::New })
    }

    /// The decryption key that was given by file or environment, if one was.
    pub(crate) fn given(arguments: &KeyArguments, output: Output) -> Result<Option<Self>, Error> {
        match given(arguments.key_file.as_ref(), KEY_VARIABLE, DECRYPTION_KEY, output)? {
            Some((text, origin)) => Self::parse(&text, origin).map(Some),
            None => Ok(None),
        }
    }

    /// Asks for the decryption key.
    pub(crate) fn prompt() -> Result<Self, Error> {
        let answer = ask(
            "Decryption key: ",
            "no decryption key was given, and there is no terminal to ask for it: give the file \
             that holds it with --key-file, or set MATRIX_KEY_BACKUP_KEY",
        )?;
        Self::parse(&answer, Origin::Prompt)
    }

    pub(crate) fn from_file(path: PathBuf, output: Output) -> Result<Self, Error> {
        let input = Input::File(path.clone());
        warn_if_open_to_others(&input, DECRYPTION_KEY, output);
        Self::parse(&input.read_secret(DECRYPTION_KEY)?, Origin::BesideStore(path))
    }

    fn parse(text: &str, origin: Origin) -> Result<Self, Error> {
        match decryption_key(text) {
            Ok(key) => Ok(Self { reader: BackupReader::new(key), origin }),
            Err(error) => Err(Error::NotAKey { origin, error }),
        }
    }
}

impl GivenWriterKey {
    /// The writer key that was given by file or environment, if one was.
    pub(crate) fn given(
        arguments: &AnyKeyArguments,
        output: Output,
    ) -> Result<Option<Self>, Error> {
        let file = arguments.writer_key_file.as_ref();
        let Some((text, origin)) = given(file, WRITER_KEY_VARIABLE, WRITER_KEY, output)? else {
            return Ok(None);
        };
        match WriterKey::from_json(text.trim()) {
            Ok(key) => Ok(Some(Self { key, origin })),
            Err(error) => Err(Error::NotAWriterKey { origin, error }),
        }
    }
}

/// A secret from a file, or else from the environment.
pub(crate) fn given(
    file: Option<&Input>,
    variable: &'static str,
    what: &'static str,
    output: Output,
) -> Result<Option<(Zeroizing<String>, Origin)>, Error> {
    if let Some(input) = file {
        warn_if_open_to_others(input, what, output);
        return Ok(Some((input.read_secret(what)?, Origin::Input(input.clone()))));
    }
    Ok(from_environment(variable)?.map(|text| (text, Origin::Environment(variable))))
}

/// A variable that is set to nothing counts as not set.
pub(crate) fn from_environment(variable: &'static str) -> Result<Option<Zeroizing<String>>, Error> {
    match env::var(variable) {
        Ok(text) if text.is_empty() => Ok(None),
        Ok(text) => Ok(Some(Zeroizing::new(text))),
        Err(env::VarError::NotPresent) => Ok(None),
        Err(env::VarError::NotUnicode(_)) => {
            Err(Error::Usage(format!("{variable} is set to what is no UTF-8 text: set it anew")))
        }
    }
}

/// Whether the environment holds both kinds of key, so that it cannot say which one is meant.
pub(crate) fn environment_is_ambiguous() -> bool {
    is_set(KEY_VARIABLE) && is_set(WRITER_KEY_VARIABLE)
}

/// The variable from which a key is taken where none is given otherwise, if there is one.
pub(crate) fn key_in_environment() -> Option<&'static str> {
    [KEY_VARIABLE, WRITER_KEY_VARIABLE].into_iter().find(|variable| is_set(variable))
}

pub(crate) fn is_set(variable: &str) -> bool {
    env::var_os(variable).is_some_and(|value| !value.is_empty())
}

pub(crate) fn warn_if_open_to_others(input: &Input, what: &str, output: Output) {
    if input.is_open_to_others() {
        output.warn(format_args!(
            "{input} holds the {what}, and others than its owner may read it: run `chmod 600` on it"
        ));
    }
}

/// Reads a key as people write it, in either form, and tells the two apart by their shape: 43
/// characters, or 44 with padding, are base64; `+`, `/` and `=` are none of base58. // K-3, K-4
pub(crate) fn decryption_key(text: &str) -> Result<BackupDecryptionKey, KeyTextError> {
    let text = text.trim();
    let has_gaps = text.contains(char::is_whitespace);
    if !has_gaps && (text.len() == 43 || text.contains(['+', '/', '='])) {
        BackupDecryptionKey::from_base64(text).map_err(KeyTextError::Base64)
    } else {
        BackupDecryptionKey::from_base58(text).map_err(KeyTextError::Base58)
    }
}

/// A text is no decryption key.
#[derive(Debug, Error)]
pub(crate) enum KeyTextError {
    #[error("{0}")]
    Base58(KeyRepresentationError),
    #[error("{0}")]
    Base64(Base64KeyError),
}

/// Asks on the terminal, without showing what is typed.
pub(crate) fn ask(prompt: &str, no_terminal: &str) -> Result<Zeroizing<String>, Error> {
    if !io::stdin().is_terminal() {
        return Err(Error::Usage(no_terminal.to_owned()));
    }
    rpassword::prompt_password(prompt).map(Zeroizing::new).map_err(|error| match error.kind() {
        io::ErrorKind::Interrupted => Error::Interrupted,
        _ => Error::Usage(format!("{no_terminal} ({error})")),
    })
}

/// Puts a text together that holds a secret.
pub(crate) fn secret_text(parts: &[&str]) -> Zeroizing<String> {
    // As large as it gets, so that it is never moved and leaves no copy behind.
    let length = parts.iter().map(|part| part.len()).sum();
    let mut text = Zeroizing::new(String::with_capacity(length));
    text.extend(parts.iter().copied());
    text
}

/// The system's own generator, for new keys. It keeps no state here that would have to be wiped.
/// // K-5
///
/// It is tried once, so that a system that has no random numbers is an error and no panic.
pub(crate) fn random_numbers() -> Result<UnwrapErr<SysRng>, Error> {
    SysRng.try_next_u32().map_err(|_| Error::NoRandomness)?;
    Ok(UnwrapErr(SysRng))
}

#[cfg(test)]
mod tests {
    use matrix_key_backup::primitives::KeyRepresentationError;

    use super::{KeyTextError, decryption_key, random_numbers};

    const BASE58: &str = "EsUB yNZ4 TFjj sumW 4GNt kXhp CbhS CqrF XqSj LXPL 7QTb nak8";

    // K-5: a seeded generator would leave the state from which new keys follow behind.
    #[test]
    fn the_generator_for_new_keys_has_no_state() {
        assert_eq!(size_of_val(&random_numbers().unwrap()), 0);
    }

    #[test]
    fn reads_both_forms() {
        let key = decryption_key(BASE58).unwrap();
        let base64 = key.expose_base64();
        for text in [
            format!("  {BASE58}\n"),
            BASE58.replace(' ', ""),
            base64.to_string(),
            format!("{}=\n", *base64),
        ] {
            assert_eq!(decryption_key(&text).unwrap(), key, "{text:?}");
        }
    }

    #[test]
    fn says_of_each_form_what_is_wrong() {
        use KeyRepresentationError as Wrong;
        let base58 = |text: &str| match decryption_key(text) {
            Err(KeyTextError::Base58(error)) => error,
            other => panic!("{text:?}: {other:?}"),
        };
        assert!(matches!(base58(""), Wrong::Empty));
        assert!(matches!(base58(&BASE58[..40]), Wrong::Length { .. }));
        assert!(matches!(base58(&BASE58.replace("Es", "Et")), Wrong::Prefix));
        assert!(matches!(base58(&BASE58.replace("yNZ4", "yNZ5")), Wrong::Parity));
        assert!(matches!(base58(&BASE58.replace("yNZ4", "yNZ0")), Wrong::Character { .. }));

        let base64 = decryption_key(BASE58).unwrap().expose_base64();
        for wrong in [format!("{}+/A=", &base64[..39]), format!("{}==", *base64)] {
            assert!(matches!(decryption_key(&wrong), Err(KeyTextError::Base64(_))), "{wrong:?}");
        }
    }
}
