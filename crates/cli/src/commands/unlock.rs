//! `unlock`: the decryption key of a backup, out of secret storage.

use std::path::PathBuf;

use clap::Args;
use matrix_key_backup::{primitives::BackupDecryptionKey, wire::DECRYPTION_KEY_SECRET};
use matrix_key_backup_secret_storage::{
    KeyCheck, OpenedKey, SecretContent, UncheckedDecryptionKey,
};
use serde::Serialize;

use crate::{
    account_data::GivenAccountData,
    begin::check_new_file,
    context::Context,
    error::Error,
    exit::ExitStatus,
    files::{Input, KEEP_KEYS, NewFile},
    known_backup::{KeyFit, KnownBackup},
    output::Report,
    secrets::{Origin, secret_text},
    storage_error::StorageError,
    storage_key::StorageKeyArguments,
    store::is_same_place,
    wording::{quoted, shown},
};

/// Take the backup's decryption key out of secret storage (4S)
///
/// Clients keep the decryption key in the account data of the user, encrypted under the secret
/// storage key: the one that they show as "recovery key" or "security key", or make from a
/// passphrase. With `--store homeserver` the account data is that of the account that is logged in;
/// else it is given as a file: an answer of /sync, a list of events, or an object of contents by
/// type.
///
/// The key is compared with the backup that --auth-data tells of, or else with that in the store.
/// Where there is neither, nobody knows whether it is the key of this backup. It is then called
/// unchecked, and does not go beside the store, where it would be used unasked: say with --key-out
/// or --print where it goes.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  matrix-key-backup unlock --store homeserver
  matrix-key-backup unlock --account-data sync.json --auth-data version.json
  matrix-key-backup unlock --account-data account.json --key-out my.key
  matrix-key-backup unlock --account-data account.json --passphrase-file passphrase.txt --print")]
pub(crate) struct Arguments {
    /// The account data of the user, JSON; `-` is standard input [default: that of the account, with
    /// `--store homeserver`]
    #[arg(long, value_name = "FILE")]
    account_data: Option<Input>,

    /// The answer of GET /room_keys/version, or the `auth_data` in it, to compare the key with
    /// [default: the backup in the store]
    #[arg(long, value_name = "FILE")]
    auth_data: Option<Input>,

    #[command(flatten)]
    storage_key: StorageKeyArguments,

    /// Write the decryption key to this file [default: beside the store, if the key was checked]
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
    #[serde(flatten)]
    fit: KeyFit,
    /// Where the decryption key was written.
    file: Option<String>,
}

impl Report for UnlockReport {
    fn text(&self) -> String {
        let Self { key_id, key_name, fit, .. } = self;
        let name = key_name.as_ref().map_or_else(String::new, |name| format!(", {}", quoted(name)));
        let mut text = format!("Secret storage key  {}{name}\n", quoted(key_id));
        text += &fit.text();
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
    let file = arguments.account_data.as_ref();
    let key_id = arguments.storage_key.key_id.as_ref();
    let account = GivenAccountData::required(file, key_id, context)?;
    let backup = KnownBackup::find(arguments.auth_data.as_ref(), context)?;
    let path = arguments.key_file(backup.as_ref(), context)?;

    let described = arguments.storage_key.described(&account)?;
    let secret = account.secret(DECRYPTION_KEY_SECRET)?;
    let given = arguments.storage_key.required(&described, context.output)?;
    let opened = given.open(&described, context.output)?;
    let stored = stored_key(&opened, &secret, &account)?;
    let report = UnlockReport {
        key_id: opened.id().to_string(),
        key_name: described.description().name().map(ToOwned::to_owned),
        key_check: in_word(opened.check()),
        fit: KeyFit::new(&stored.public_key(), backup.as_ref()),
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
    ///
    /// Beside the store a key is used unasked, so one that nobody can check does not go there. // S-6
    fn key_file(
        &self,
        backup: Option<&KnownBackup>,
        context: &Context,
    ) -> Result<Option<PathBuf>, Error> {
        if self.print {
            return Ok(None);
        }
        let beside = context.place.key_file();
        let path = self.key_out.clone().unwrap_or_else(|| beside.clone());
        if backup.is_none() && is_same_place(&path, &beside) {
            return Err(Error::Usage(format!(
                "the decryption key cannot be checked: there is no backup in {} to compare it \
                 with. Give the answer of GET /room_keys/version with --auth-data; or say with \
                 --key-out FILE or --print where an unchecked key is to go, since beside the store \
                 it would be used unasked",
                context.place.path().display()
            )));
        }
        check_new_file(context, &path)?;
        Ok(Some(path))
    }
}

/// The decryption key as it was stored (S-5).
fn stored_key(
    opened: &OpenedKey,
    secret: &SecretContent,
    account: &GivenAccountData,
) -> Result<UncheckedDecryptionKey, StorageError> {
    let from = || account.from.clone();
    opened
        .decrypt(DECRYPTION_KEY_SECRET, secret)
        .map_err(|error| StorageError::NotDecrypted { from: from(), error })?
        .into_decryption_key()
        .map_err(|error| StorageError::NotADecryptionKey { from: from(), error })
}

/// Compares it with the backup, or says that nobody did. // S-6
fn checked(
    stored: UncheckedDecryptionKey,
    account: &GivenAccountData,
    backup: Option<&KnownBackup>,
    context: &Context,
) -> Result<BackupDecryptionKey, Error> {
    let Some(backup) = backup else {
        context.output.warn(
            "the decryption key is unchecked: it was compared with no backup, so it may be damaged \
             or that of another one. Compare it, with --auth-data here or with `key check`",
        );
        return Ok(stored.hazmat_into_unchecked());
    };
    let from = Origin::AccountData(account.from.clone());
    Ok(stored.check(&backup.auth_data).map_err(|error| backup.other(&error.found, &from))?)
}

/// The word for it in reports.
fn in_word(check: KeyCheck) -> &'static str {
    match check {
        KeyCheck::Fits => "fits",
        KeyCheck::NotChecked => "not_checkable",
    }
}
