//! `unlock`: the decryption key of a backup, out of secret storage.

use std::path::PathBuf;

use clap::Args;
use matrix_key_backup::{primitives::BackupDecryptionKey, wire::DECRYPTION_KEY_SECRET};
use matrix_key_backup_secret_storage::{
    KeyCheck, OpenedKey, SecretContent, UncheckedDecryptionKey,
};
use serde::Serialize;

use crate::{
    account_data::{AccountDataFile, AuthDataFile},
    begin::check_new_file,
    context::Context,
    error::Error,
    exit::ExitStatus,
    files::{Input, KEEP_KEYS, NewFile},
    output::Report,
    printable::printable,
    secrets::secret_text,
    storage_error::StorageError,
    storage_key::StorageKeyArguments,
    wording::{quoted, shown},
};

/// Take the backup's decryption key out of secret storage (4S)
///
/// Clients keep the decryption key in the account data of the user, encrypted under the secret
/// storage key: the one that they show as "recovery key" or "security key", or make from a
/// passphrase. Account data is given as a file: an answer of /sync, a list of events, or an object
/// of contents by type.
///
/// With --auth-data the key is compared with the backup. Without it nobody knows whether it is the
/// key of this backup.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  matrix-key-backup unlock --account-data sync.json --auth-data version.json
  matrix-key-backup unlock --account-data account.json --key-out my.key
  matrix-key-backup unlock --account-data account.json --passphrase-file passphrase.txt --print")]
pub(crate) struct Arguments {
    /// The account data of the user, JSON; `-` is standard input
    #[arg(long, value_name = "FILE")]
    account_data: Input,

    /// The answer of GET /room_keys/version, or the `auth_data` in it, to compare the key with
    #[arg(long, value_name = "FILE")]
    auth_data: Option<Input>,

    #[command(flatten)]
    storage_key: StorageKeyArguments,

    /// Write the decryption key to this file [default: beside the store]
    #[arg(long, value_name = "FILE")]
    key_out: Option<PathBuf>,

    /// Print the decryption key to standard output, and write no file
    #[arg(long, conflicts_with = "key_out")]
    print: bool,
}

/// What was found.
#[derive(Debug, Serialize)]
struct UnlockReport {
    /// The secret storage key that opened it.
    key_id: String,
    /// What its owner calls it.
    key_name: Option<String>,
    /// Whether its description could be compared with it (S-2).
    key_check: &'static str,
    /// The public key that follows from the decryption key.
    public_key: String,
    /// Whether that is the public key of the backup (S-6).
    checked: bool,
    /// The version of that backup, where the file said it.
    version: Option<String>,
    /// Where the decryption key was written.
    file: Option<String>,
}

impl Report for UnlockReport {
    fn text(&self) -> String {
        let Self { key_id, key_name, public_key, version, .. } = self;
        let name = key_name.as_ref().map_or_else(String::new, |name| format!(", {}", quoted(name)));
        let mut text = format!("Secret storage key  {}{name}\n", quoted(key_id));
        text += &format!("Public key          {public_key}\n");
        text += &match (self.checked, version) {
            (true, Some(version)) => {
                format!("Backup              version {}: the key fits\n", printable(version))
            }
            (true, None) => "Backup              the key fits\n".to_owned(),
            (false, _) => "Backup              unchecked: it was compared with none\n".to_owned(),
        };
        if let Some(file) = &self.file {
            text += &format!(
                "\nThe decryption key is in {file}, readable by you only. Whoever has it can read \
                 the backup.\n"
            );
        }
        text
    }

    fn done(&self) -> String {
        match &self.file {
            Some(file) => format!("The work is done: the decryption key is in {file}"),
            None => "Nothing was changed: run the command again".to_owned(),
        }
    }
}

pub(crate) fn run(arguments: &Arguments, context: &Context) -> Result<ExitStatus, Error> {
    let account = AccountDataFile::read(&arguments.account_data)?;
    let backup = arguments.auth_data.as_ref().map(AuthDataFile::read).transpose()?;
    let path = arguments.key_file(context)?;

    let described = arguments.storage_key.described(&account)?;
    let secret = account.secret(DECRYPTION_KEY_SECRET)?;
    let given = arguments.storage_key.required(&described, context.output)?;
    let opened = given.open(&described, context.output)?;
    let stored = stored_key(&opened, &secret, &account)?;
    let report = UnlockReport {
        key_id: opened.id().to_string(),
        key_name: described.description().name().map(ToOwned::to_owned),
        key_check: in_word(opened.check()),
        public_key: stored.public_key().to_base64(),
        checked: backup.is_some(),
        version: backup.as_ref().and_then(|backup| backup.version.clone()),
        file: path.as_deref().map(shown),
    };
    let key = checked(stored, &account, backup.as_ref(), context)?;
    match &path {
        Some(path) => {
            context.place.make_default_directory()?;
            let line = secret_text(&[&key.expose_base58(), "\n"]); // K-3
            NewFile::write(path, line.as_bytes(), KEEP_KEYS)?;
            context.output.report(&report)?;
        }
        None => {
            let value = key.expose_base58();
            context.output.report_with_secret(&report, "decryption_key", &value)?;
        }
    }
    Ok(ExitStatus::Done)
}

impl Arguments {
    /// Where the key goes, unless it is printed. Nothing is asked for what could not be written.
    fn key_file(&self, context: &Context) -> Result<Option<PathBuf>, Error> {
        if self.print {
            return Ok(None);
        }
        let path = self.key_out.clone().unwrap_or_else(|| context.place.key_file());
        check_new_file(context, &path)?;
        Ok(Some(path))
    }
}

/// The decryption key as it was stored (S-5).
fn stored_key(
    opened: &OpenedKey,
    secret: &SecretContent,
    account: &AccountDataFile,
) -> Result<UncheckedDecryptionKey, StorageError> {
    let file = || account.file.clone();
    opened
        .decrypt(DECRYPTION_KEY_SECRET, secret)
        .map_err(|error| StorageError::NotDecrypted { file: file(), error })?
        .into_decryption_key()
        .map_err(|error| StorageError::NotADecryptionKey { file: file(), error })
}

/// Compares it with the backup, or says that nobody did. // S-6
fn checked(
    stored: UncheckedDecryptionKey,
    account: &AccountDataFile,
    backup: Option<&AuthDataFile>,
    context: &Context,
) -> Result<BackupDecryptionKey, Error> {
    let Some(AuthDataFile { file, auth_data, .. }) = backup else {
        context.output.warn(
            "the decryption key is unchecked: it was compared with no backup, so it may be damaged \
             or that of another one. Compare it, with --auth-data here or with `key check`",
        );
        return Ok(stored.into_unchecked());
    };
    let key = stored.check(auth_data).map_err(|error| StorageError::OtherBackup {
        account_data: account.file.clone(),
        auth_data: file.clone(),
        error,
    })?;
    Ok(key)
}

/// The word for it in reports.
fn in_word(check: KeyCheck) -> &'static str {
    match check {
        KeyCheck::Fits => "fits",
        KeyCheck::NotChecked => "not_checkable",
    }
}
