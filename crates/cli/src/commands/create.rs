//! `create`: a new backup, and the one time that its key is shown.

use std::{
    io::{self, IsTerminal as _},
    path::PathBuf,
};

use clap::{Args, ValueEnum};
use matrix_key_backup::{
    OpenBackup,
    store::VersionId,
    wire::{BackupAlgorithm, Names},
};
use serde::Serialize;

use crate::{
    any_store::AnyStore,
    args::KeyArguments,
    begin::{begin_backup, check_new_file, prepare_key_file, warn_of_other_keys},
    context::Context,
    error::Error,
    exit::ExitStatus,
    output::Report,
    printable::printable,
    runtime::block_on,
    secrets::{GivenKey, secret_text},
    wording::{About, shown},
};

/// Begin a backup, with a new decryption key or with one that you have
///
/// The key is that from --key-file, or else from MATRIX_KEY_BACKUP_KEY. Where there is none a new one
/// is made, and shown once, on the terminal; with --key-out a new one is made in any case, and
/// written to a file. Without its key nobody can read the backup, so keep it in a safe place.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  matrix-key-backup create
  matrix-key-backup create --store family.sqlite3 --key-out family.key
  matrix-key-backup create --key-file my.key --algorithm v1")]
pub(crate) struct Arguments {
    /// v2 is authenticated; v1 is what most deployed clients know, and authenticates nothing
    #[arg(long, value_enum, default_value_t = Algorithm::V2)]
    algorithm: Algorithm,

    /// Which names a v2 backup uses: those of the proposal, or those it will have once accepted
    #[arg(long, value_enum, default_value_t)]
    names: NamesArgument,

    #[command(flatten)]
    key: KeyArguments,

    /// Make a new decryption key, and write it to this file instead of showing it
    #[arg(long, value_name = "FILE", conflicts_with = "key_file")]
    key_out: Option<PathBuf>,

    /// Begin a new backup although there is one; the old one stays in the store, and can be read with
    /// --backup-version
    #[arg(long)]
    replace: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Algorithm {
    V2,
    V1,
}

/// Which of the two spellings of the proposal's names is to be written. // N-1
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum NamesArgument {
    #[default]
    Unstable,
    Stable,
}

impl From<NamesArgument> for Names {
    fn from(names: NamesArgument) -> Self {
        match names {
            NamesArgument::Unstable => Self::Unstable,
            NamesArgument::Stable => Self::Stable,
        }
    }
}

impl Arguments {
    fn algorithm(&self) -> Result<BackupAlgorithm, Error> {
        match (self.algorithm, self.names) {
            (Algorithm::V2, names) => Ok(BackupAlgorithm::V2(names.into())),
            (Algorithm::V1, NamesArgument::Unstable) => Ok(BackupAlgorithm::V1),
            (Algorithm::V1, NamesArgument::Stable) => {
                let message = "--names is about v2 backups, and --algorithm v1 was asked for: leave \
                               out one of the two";
                Err(Error::Usage(message.to_owned()))
            }
        }
    }

    /// The key to begin with, and whether it has to be shown because nothing else keeps it.
    fn key(&self, context: &Context) -> Result<(GivenKey, ShowKey), Error> {
        if self.key_out.is_some() {
            return Ok((GivenKey::generate()?, ShowKey::No));
        }
        if let Some(given) = GivenKey::given(&self.key, context.output)? {
            context.output.note(format_args!("the decryption key is from {}", given.origin));
            return Ok((given, ShowKey::No));
        }
        if context.output.is_json() || !io::stdout().is_terminal() {
            let message = "a new decryption key would be made, and there is no terminal to show it \
                           on: give a file for it with --key-out, or a key that you have with \
                           --key-file. Nothing was created";
            return Err(Error::Usage(message.to_owned()));
        }
        Ok((GivenKey::generate()?, ShowKey::Yes))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ShowKey {
    Yes,
    No,
}

/// What was created.
#[derive(Debug, Serialize)]
struct CreateReport {
    #[serde(flatten)]
    about: About,
    public_key: String,
    /// Where the new decryption key was written.
    key_file: Option<String>,
    /// The version whose place it took.
    replaced: Option<String>,
}

impl Report for CreateReport {
    fn text(&self) -> String {
        let mut text = self.about.text();
        text += &format!("Created, with the public key {}.\n", self.public_key);
        if let Some(version) = &self.replaced {
            let version = printable(version);
            text += &format!(
                "Version {version} stays in the store and can only be read from now on: with \
                 --backup-version {version}\nof restore, verify, list and status, and with its own \
                 decryption key.\n"
            );
        }
        if let Some(path) = &self.key_file {
            text += &format!(
                "The decryption key is in {path}, readable by you only. Whoever has it can read the \
                 backup,\nand without it nobody can: keep a copy in a safe place.\n"
            );
        }
        text
    }

    fn done(&self) -> String {
        let Self { about, key_file, .. } = self;
        let key = key_file
            .as_ref()
            .map_or_else(String::new, |path| format!(", and its decryption key is in {path}"));
        format!("The work is done: {about} was created{key}")
    }
}

pub(crate) fn run(arguments: &Arguments, context: &Context) -> Result<ExitStatus, Error> {
    block_on(create(arguments, context))
}

async fn create(arguments: &Arguments, context: &Context) -> Result<ExitStatus, Error> {
    let algorithm = arguments.algorithm()?;
    if let Some(path) = &arguments.key_out {
        check_new_file(context, path)?;
    }
    let (key, show) = arguments.key(context)?;
    let store = context.place.open_if_there().await?;
    let replaced = to_be_replaced(store.as_ref(), arguments, context).await?;
    let (store, backup) = begin(&key, show, algorithm, arguments, context, store).await?;
    store.close().await?;

    warn_of_other_keys(&key, context);
    context.output.report(&CreateReport {
        about: About::new(context, &backup),
        public_key: backup.public_key().to_base64(),
        key_file: arguments.key_out.as_deref().map(shown),
        replaced: replaced.map(|version| version.to_string()),
    })?;
    Ok(ExitStatus::Done)
}

/// The version that the store has, if there is one and it may be replaced.
async fn to_be_replaced(
    store: Option<&AnyStore>,
    arguments: &Arguments,
    context: &Context,
) -> Result<Option<VersionId>, Error> {
    let Some(store) = store else { return Ok(None) };
    let current = context.place.current(store).await?.map(|backup| backup.version);
    match current {
        Some(version) if !arguments.replace => {
            Err(Error::HasBackup { store: context.place.path().to_owned(), version })
        }
        current => Ok(current),
    }
}

/// First the key is where it is to be, on the terminal or in a file, then there is a backup.
async fn begin(
    key: &GivenKey,
    show: ShowKey,
    algorithm: BackupAlgorithm,
    arguments: &Arguments,
    context: &Context,
    store: Option<AnyStore>,
) -> Result<(AnyStore, OpenBackup), Error> {
    context.place.make_default_directory()?;
    let draft = arguments.key_out.as_deref();
    let draft = draft.map(|path| prepare_key_file(context, &key.reader, path)).transpose()?;
    let store = context.place.opened_or_created(store).await?;
    if show == ShowKey::Yes {
        show_key(key, context)?;
    }
    let backup = begin_backup(context, &store, &key.reader, algorithm, draft).await?;
    // Remembered from the beginning, so that the server cannot take it back unseen. // T-4
    key.trust_current(&backup, context)?;
    Ok((store, backup))
}

/// Shows the key, this once. // K-3
fn show_key(key: &GivenKey, context: &Context) -> Result<(), Error> {
    let text = secret_text(&[
        "\nDecryption key, shown only now:\n\n    ",
        &key.reader.decryption_key().expose_base58(),
        "\n\nWrite it down, or put it into a password manager. Whoever has it can read the backup, \
         and\nwithout it nobody can, you included.\n\n",
    ]);
    context.output.raw("the new decryption key", text.as_bytes())
}
