//! The secret storage key: described by account data, given as a key or as a passphrase, opened.

use clap::Args;
use matrix_key_backup_secret_storage::{
    DescribedKey, KeyId, OpenedKey, Passphrase, PassphraseInfoError, SecretStorageKey,
};

use crate::{
    account_data::GivenAccountData,
    error::Error,
    files::Input,
    key_shape,
    output::Output,
    passphrase::{self, Opens},
    progress::spin,
    secrets::{self, Origin},
    storage_error::StorageError,
};

pub(crate) const KEY_VARIABLE: &str = "MATRIX_KEY_BACKUP_STORAGE_KEY";

const STORAGE_KEY: &str = "secret storage key";

/// Which secret storage key is meant, and where it, or its passphrase, is read from.
#[derive(Args, Clone, Debug)]
pub(crate) struct StorageKeyArguments {
    /// Use the secret storage key of this id, and not the default one
    #[arg(long, value_name = "ID", value_parser = key_id)]
    #[arg(allow_hyphen_values = true)]
    pub(crate) key_id: Option<KeyId>,

    /// Read the secret storage key, base58, from this file; `-` is standard input
    #[arg(long, value_name = "FILE")]
    pub(crate) storage_key_file: Option<Input>,

    /// Read the passphrase of the secret storage key from this file; `-` is standard input
    #[arg(long, value_name = "FILE")]
    #[arg(conflicts_with = "storage_key_file")]
    pub(crate) passphrase_file: Option<Input>,
}

fn key_id(text: &str) -> Result<KeyId, String> {
    KeyId::new(text).map_err(|error| error.to_string())
}

/// What a person has to open secret storage with, and where it came from.
#[derive(Debug)]
pub(crate) struct GivenStorageKey {
    secret: StorageSecret,
    pub(crate) origin: Origin,
}

#[derive(Debug)]
enum StorageSecret {
    Key(SecretStorageKey),
    Passphrase(Passphrase),
}

impl StorageKeyArguments {
    /// Whether the command line speaks of a secret storage key at all.
    pub(crate) fn is_meant(&self) -> bool {
        self.key_id.is_some() || self.storage_key_file.is_some() || self.passphrase_file.is_some()
    }

    /// What account data says of the key that is meant.
    pub(crate) fn described(&self, account: &GivenAccountData) -> Result<DescribedKey, Error> {
        let GivenAccountData { from, account_data, .. } = account;
        let described = match &self.key_id {
            Some(key_id) => account_data.key(key_id),
            None => account_data.default_key(),
        };
        described.map_err(|error| StorageError::AccountData { from: from.clone(), error }.into())
    }

    /// The key or the passphrase: given, or asked for.
    pub(crate) fn required(
        &self,
        described: &DescribedKey,
        output: Output,
    ) -> Result<GivenStorageKey, Error> {
        match self.given(output)? {
            Some(given) => Ok(given),
            None => GivenStorageKey::prompt(described, output),
        }
    }

    /// The key or the passphrase that was given, if one was.
    pub(crate) fn given(&self, output: Output) -> Result<Option<GivenStorageKey>, Error> {
        let nothing_is_named = self.storage_key_file.is_none() && self.passphrase_file.is_none();
        if nothing_is_named
            && secrets::is_set(KEY_VARIABLE)
            && secrets::is_set(passphrase::STORAGE_VARIABLE)
        {
            return Err(Error::Usage(format!(
                "{KEY_VARIABLE} and {} are both set, and which one is meant cannot be told: unset \
                 one, or give a file with --storage-key-file or --passphrase-file",
                passphrase::STORAGE_VARIABLE
            )));
        }
        if self.passphrase_file.is_none() {
            let file = self.storage_key_file.as_ref();
            if let Some((text, origin)) = secrets::given(file, KEY_VARIABLE, STORAGE_KEY, output)? {
                output.detail(format_args!("The secret storage key is from {origin}."));
                return GivenStorageKey::key(&text, origin).map(Some);
            }
        }
        let passphrase = Opens::StorageKey.given(self.passphrase_file.as_ref(), output)?;
        Ok(passphrase.map(|(passphrase, origin)| GivenStorageKey {
            secret: StorageSecret::Passphrase(passphrase),
            origin,
        }))
    }
}

impl GivenStorageKey {
    fn key(text: &str, origin: Origin) -> Result<Self, Error> {
        match SecretStorageKey::from_base58(text) {
            Ok(key) => Ok(Self { secret: StorageSecret::Key(key), origin }),
            Err(error) => Err(StorageError::NotAKey { origin, error }.into()),
        }
    }

    /// Asks for the one or the other. A person need not know which of the two it is.
    fn prompt(described: &DescribedKey, output: Output) -> Result<Self, Error> {
        let has_passphrase = match described.description().passphrase() {
            Ok(_) => true,
            Err(PassphraseInfoError::NoPassphrase) => false,
            Err(error) => {
                output.note(format_args!("{error}, so only the key itself can be used"));
                false
            }
        };
        let what =
            if has_passphrase { "Passphrase or secret storage key" } else { "Secret storage key" };
        let answer = secrets::ask(
            &format!("{what}: "),
            &format!(
                "neither a secret storage key nor a passphrase was given, and there is no terminal to \
             ask for it: give the file that holds it with --storage-key-file or --passphrase-file, \
             or set {KEY_VARIABLE} or {}",
                passphrase::STORAGE_VARIABLE
            ),
        )?;
        // A key with a typing error in it is a key all the same.
        if !has_passphrase || key_shape::is_base58_at_heart(&answer) {
            return Self::key(&answer, Origin::Prompt);
        }
        let secret = StorageSecret::Passphrase(Passphrase::new(answer));
        Ok(Self { secret, origin: Origin::Prompt })
    }

    /// Checks it against the description (S-2), after deriving it from the passphrase.
    pub(crate) fn open(self, described: &DescribedKey, output: Output) -> Result<OpenedKey, Error> {
        let Self { secret, origin } = self;
        let opened = match secret {
            StorageSecret::Key(key) => described.open(key),
            StorageSecret::Passphrase(passphrase) => {
                spin(output, "Deriving the key from the passphrase", || {
                    described.open_with_passphrase(&passphrase)
                })
            }
        };
        opened.map_err(|error| StorageError::NotOpened { origin, error }.into())
    }
}
