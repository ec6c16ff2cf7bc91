//! `create`: a new backup, and the one time that its key is shown.

use std::{
    io::{self, IsTerminal as _},
    path::PathBuf,
};

use clap::{Args, ValueEnum};
use matrix_key_backup::{
    OpenBackup,
    wire::{BackupAlgorithm, Names},
};
use serde::Serialize;

use crate::{
    args::KeyArguments,
    begin::begin_backup,
    context::Context,
    error::Error,
    exit::ExitStatus,
    files::KEEP_KEYS,
    output::Report,
    secrets::{GivenKey, secret_text},
    wording::{About, shown},
};

/// Begin a backup, with a new decryption key or with one that you have
///
/// A new decryption key is shown once, on the terminal, or written to a file with --key-out. Without
/// it nobody can read the backup, so keep it in a safe place.
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

    /// Write the new decryption key to this file instead of showing it
    #[arg(long, value_name = "FILE", conflicts_with = "key_file")]
    key_out: Option<PathBuf>,

    /// Begin a new backup although there is one; the old one stays in the store, read-only
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
            text += &format!(
                "Version {version} stays in the store and can only be read from now on.\n"
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
}

pub(crate) fn run(arguments: &Arguments, context: &Context) -> Result<ExitStatus, Error> {
    pollster::block_on(create(arguments, context))
}

async fn create(arguments: &Arguments, context: &Context) -> Result<ExitStatus, Error> {
    let algorithm = arguments.algorithm()?;
    if let Some(path) = &arguments.key_out {
        KEEP_KEYS.check(path)?;
    }
    let (key, show) = arguments.key(context)?;

    let store = context.place.open_or_create().await?;
    let replaced = context.place.current(&store).await?.map(|backup| backup.version);
    if let Some(version) = replaced.clone().filter(|_| !arguments.replace) {
        return Err(Error::HasBackup { store: context.place.path().to_owned(), version });
    }
    let key_file = arguments.key_out.as_deref();
    let backup = begin_backup(context, &store, &key.reader, algorithm, key_file).await?;
    store.close().await?;

    context.output.report(&CreateReport {
        about: About::new(context, &backup),
        public_key: backup.public_key().to_base64(),
        key_file: arguments.key_out.as_deref().map(shown),
        replaced: replaced.map(|version| version.to_string()),
    })?;
    if show == ShowKey::Yes {
        show_key(&key, context)?;
    }
    warn_of_other_key_file(&backup, context);
    Ok(ExitStatus::Done)
}

/// A key file beside the default store is used unasked; one of an older backup would be in the way.
fn warn_of_other_key_file(backup: &OpenBackup, context: &Context) {
    let path = context.place.key_file();
    if !context.place.is_default() || !path.is_file() {
        return;
    }
    let beside = GivenKey::from_file(path.clone(), context.output);
    if !beside.is_ok_and(|beside| beside.reader.public_key() == backup.public_key()) {
        context.output.warn(format_args!(
            "{} lies beside the store and is not the key of the new backup: move it away, or give \
             the right one with --key-file from now on",
            path.display()
        ));
    }
}

/// Shows the key, this once. // K-3
fn show_key(key: &GivenKey, context: &Context) -> Result<(), Error> {
    let text = secret_text(&[
        "\nDecryption key, shown only now:\n\n    ",
        &key.reader.decryption_key().expose_base58(),
        "\n\nWrite it down, or put it into a password manager. Whoever has it can read the backup, \
         and\nwithout it nobody can, you included.\n",
    ]);
    context.output.raw(text.as_bytes())
}
