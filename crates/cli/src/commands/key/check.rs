//! `key check`: does a key fit? A secret storage key its description, a decryption key its backup.

use clap::Args;
use matrix_key_backup::{
    primitives::BackupPublicKey, v2::BackupReader, wire::DECRYPTION_KEY_SECRET,
};
use matrix_key_backup_secret_storage::{KeyCheck, OpenedKey};
use serde::Serialize;

use crate::{
    account_data::{AuthDataFile, GivenAccountData},
    args::{KeyArguments, VersionArguments},
    context::Context,
    error::{Error, Kind},
    exit::ExitStatus,
    files::Input,
    output::Report,
    printable::printable,
    runtime::block_on,
    secrets::{GivenKey, Origin},
    storage_error::StorageError,
    storage_key::StorageKeyArguments,
    wording::{quoted, shown},
};

/// Check whether a key is the right one
///
/// With --account-data the secret storage key, or its passphrase, is compared with its description
/// there. Otherwise, and with --key-file or --auth-data too, the decryption key is compared with the
/// backup: that of --auth-data, or else that in the store.
///
/// The exit status is 3 if a key is wrong, and 1 if there is nothing to compare it with.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  matrix-key-backup key check --account-data sync.json
  matrix-key-backup key check --key-file my.key --auth-data version.json
  matrix-key-backup key check --key-file my.key --store family.sqlite3")]
pub(crate) struct Arguments {
    /// The account data of the user, JSON; `-` is standard input
    #[arg(long, value_name = "FILE")]
    account_data: Option<Input>,

    #[command(flatten)]
    storage_key: StorageKeyArguments,

    /// The answer of GET /room_keys/version, or the `auth_data` in it
    #[arg(long, value_name = "FILE", conflicts_with = "backup_version")]
    auth_data: Option<Input>,

    #[command(flatten)]
    key: KeyArguments,

    #[command(flatten)]
    version: VersionArguments,
}

/// What was compared.
#[derive(Debug, Serialize)]
struct CheckReport {
    storage_key: Option<StorageKeyChecked>,
    decryption_key: Option<DecryptionKeyChecked>,
}

/// A secret storage key and its description (S-2).
#[derive(Debug, Serialize)]
struct StorageKeyChecked {
    key_id: String,
    key_name: Option<String>,
    from: String,
    result: Fit,
    /// Why it does not fit, or could not be compared.
    problem: Option<String>,
}

/// A decryption key and a backup (S-6, T-1).
#[derive(Debug, Serialize)]
struct DecryptionKeyChecked {
    from: String,
    /// The store, or the file with the `auth_data`.
    backup: String,
    version: Option<String>,
    result: Fit,
    problem: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Fit {
    Fits,
    /// There is nothing to compare it with.
    NotCheckable,
    Wrong,
}

impl Fit {
    fn in_words(self) -> &'static str {
        match self {
            Self::Fits => "fits",
            Self::NotCheckable => "cannot be checked",
            Self::Wrong => "is wrong",
        }
    }
}

impl Report for CheckReport {
    fn text(&self) -> String {
        let problem = |problem: &Option<String>| {
            problem.as_deref().map_or_else(String::new, |text| format!(": {}", printable(text)))
        };
        let mut text = String::new();
        if let Some(StorageKeyChecked { key_id, key_name, from, result, problem: why }) =
            &self.storage_key
        {
            let name = key_name.as_ref().map(|name| format!(", {}", quoted(name)));
            text += &format!(
                "Secret storage key  {}{}\n                    that from {from} {}{}\n",
                quoted(key_id),
                name.unwrap_or_default(),
                result.in_words(),
                problem(why),
            );
        }
        if let Some(DecryptionKeyChecked { from, backup, version, result, problem: why }) =
            &self.decryption_key
        {
            let version = version.as_ref().map(|name| format!(", version {}", printable(name)));
            text += &format!(
                "Backup              {backup}{}\n                    the key from {from} {}{}\n",
                version.unwrap_or_default(),
                result.in_words(),
                problem(why),
            );
        }
        text
    }
}

impl CheckReport {
    fn exit_status(&self) -> ExitStatus {
        let results = [
            self.storage_key.as_ref().map(|checked| checked.result),
            self.decryption_key.as_ref().map(|checked| checked.result),
        ];
        if results.contains(&Some(Fit::Wrong)) {
            ExitStatus::WrongKey
        } else {
            ExitStatus::from_findings(results.contains(&Some(Fit::NotCheckable)))
        }
    }
}

pub(super) fn run(arguments: &Arguments, context: &Context) -> Result<ExitStatus, Error> {
    let is_about_storage = arguments.account_data.is_some() || arguments.storage_key.is_meant();
    let storage_key = is_about_storage.then(|| storage_key_fit(arguments, context)).transpose()?;
    let is_about_backup = !is_about_storage
        || arguments.auth_data.is_some()
        || arguments.key.key_file.is_some()
        || arguments.version.backup_version.is_some();
    let decryption_key = if is_about_backup {
        Some(block_on(decryption_key_fit(arguments, context))?)
    } else {
        None
    };
    let report = CheckReport { storage_key, decryption_key };
    context.output.report(&report)?;
    Ok(report.exit_status())
}

fn storage_key_fit(arguments: &Arguments, context: &Context) -> Result<StorageKeyChecked, Error> {
    let file = arguments.account_data.as_ref();
    let key_id = arguments.storage_key.key_id.as_ref();
    let account = GivenAccountData::required(file, key_id, context)?;
    let described = arguments.storage_key.described(&account)?;
    let opened = arguments.storage_key.required(&described, context.output).and_then(|given| {
        let from = given.origin.clone();
        Ok((given.open(&described, context.output)?, from))
    });
    let (from, result, problem) = match opened {
        Ok((opened, from)) => {
            let (result, problem) = checked(opened, &account);
            (from, result, problem)
        }
        Err(error) => wrong_storage_key(error)?,
    };
    let key_name = described.description().name().map(ToOwned::to_owned);
    let (key_id, from) = (described.id().to_string(), from.to_string());
    Ok(StorageKeyChecked { key_id, key_name, from, result, problem })
}

/// Where its description says nothing, a secret that is stored under the key may. // S-2
fn checked(opened: OpenedKey, account: &GivenAccountData) -> (Fit, Option<String>) {
    if opened.check() == KeyCheck::Fits {
        return (Fit::Fits, None);
    }
    let confirmed = match account.secret(DECRYPTION_KEY_SECRET) {
        Ok(secret) => opened
            .confirm(DECRYPTION_KEY_SECRET, &secret)
            .map(drop)
            .map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    match confirmed {
        Ok(()) => (Fit::Fits, None),
        Err(error) => {
            let problem = format!("its description has no key check, and {error}");
            (Fit::NotCheckable, Some(problem))
        }
    }
}

/// A key that is wrong is an answer here, and no failure. Everything else is one.
fn wrong_storage_key(error: Error) -> Result<(Origin, Fit, Option<String>), Error> {
    let Error::Storage(error) = error else { return Err(error) };
    match (error.kind(), error) {
        (_, StorageError::NotAKey { origin, error }) => {
            Ok((origin, Fit::Wrong, Some(error.to_string())))
        }
        (Kind::WrongKey | Kind::WrongPassphrase, StorageError::NotOpened { origin, error }) => {
            Ok((origin, Fit::Wrong, Some(error.to_string())))
        }
        (_, error) => Err(error.into()),
    }
}

async fn decryption_key_fit(
    arguments: &Arguments,
    context: &Context,
) -> Result<DecryptionKeyChecked, Error> {
    let Backup { place, version, public_key } = backup(arguments, context).await?;
    let (from, problem) = match GivenKey::required(&arguments.key, context) {
        Ok(GivenKey { reader, origin }) => (origin, other_backup(&reader, &public_key)),
        Err(Error::NotAKey { origin, error }) => (origin, Some(error.to_string())),
        Err(error) => return Err(error),
    };
    let result = if problem.is_none() { Fit::Fits } else { Fit::Wrong };
    Ok(DecryptionKeyChecked { from: from.to_string(), backup: place, version, result, problem })
}

/// What a decryption key is compared with.
struct Backup {
    place: String,
    version: Option<String>,
    public_key: BackupPublicKey,
}

/// The backup that a file tells of, or else the one in the store.
async fn backup(arguments: &Arguments, context: &Context) -> Result<Backup, Error> {
    if let Some(file) = &arguments.auth_data {
        let AuthDataFile { file, auth_data, version } = AuthDataFile::read(file)?;
        let public_key = *auth_data.public_key();
        return Ok(Backup { place: file.to_string(), version, public_key });
    }
    let store = context.place.open().await?;
    let backup = context.place.existing_backup(&store, &arguments.version).await?;
    store.close().await?;
    let version = Some(backup.version().to_string());
    Ok(Backup { place: shown(context.place.path()), version, public_key: *backup.public_key() })
}

fn other_backup(reader: &BackupReader, of_backup: &BackupPublicKey) -> Option<String> {
    let found = reader.public_key();
    (found != of_backup)
        .then(|| format!("its public key is {found}, and that of the backup is {of_backup}"))
}
