//! `delete`: a version of the backup, with all its keys.

use clap::{Args, builder::NonEmptyStringValueParser};
use matrix_key_backup::store::{BackupStore as _, BackupVersion};
use serde::Serialize;

use crate::{
    any_store::AnyStore,
    args::VersionArguments,
    confirm::ConfirmArguments,
    context::Context,
    error::Error,
    exit::ExitStatus,
    memory::Memory,
    output::Report,
    printable::printable,
    runtime::block_on,
    wording::{count, in_words, quoted, shown},
};

/// Delete a version of the backup, with all its keys
///
/// What is deleted cannot be brought back, and no key is needed to delete it. Look at what there is with
/// `status` and `verify`; `migrate` says whether a newer version has every key of an older one.
///
/// The current version is deleted only with --current. The newest of the others then takes its
/// place: an older backup, perhaps of a weaker algorithm or under a key that was given up.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  matrix-key-backup delete --backup-version 1
  matrix-key-backup delete --backup-version 2 --current --yes")]
pub(crate) struct Arguments {
    /// The version to delete; `status` names all
    #[arg(long, required = true, value_name = "VERSION")]
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    backup_version: String,

    /// Delete it although it is the current one
    #[arg(long)]
    current: bool,

    #[command(flatten)]
    confirm: ConfirmArguments,
}

/// What is gone, and what is current now.
#[derive(Debug, Serialize)]
struct DeleteReport {
    store: String,
    version: String,
    algorithm: String,
    /// How many keys it had.
    count: u64,
    was_current: bool,
    /// The version that is current now.
    current_version: Option<String>,
    current_algorithm: Option<String>,
}

impl Report for DeleteReport {
    fn text(&self) -> String {
        let keys = count(self.count, "key");
        let now = match &self.current_version {
            Some(version) => format!("The current version is {}.", printable(version)),
            None => "The store has no backup any more.".to_owned(),
        };
        let version = printable(&self.version);
        format!("Store   {}\n\nVersion {version} is deleted, with {keys}. {now}\n", self.store)
    }

    fn done(&self) -> String {
        format!("The work is done: version {} in {} is deleted", self.version, self.store)
    }
}

pub(crate) fn run(arguments: &Arguments, context: &Context) -> Result<ExitStatus, Error> {
    block_on(delete(arguments, context))
}

async fn delete(arguments: &Arguments, context: &Context) -> Result<ExitStatus, Error> {
    let store = context.place.open_to_write().await?;
    let named = VersionArguments { backup_version: Some(arguments.backup_version.clone()) };
    let Some(doomed) = context.place.meant(&store, &named).await? else {
        return Err(no_backup(context));
    };
    let current = context.place.current(&store).await?;
    let was_current = current.is_some_and(|current| current.version == doomed.version);
    let consequence = if was_current {
        let next = next(&store, &doomed, context).await?;
        becomes_current(next.as_ref())
    } else {
        String::new()
    };
    if was_current && !arguments.current {
        return Err(Error::Usage(format!(
            "version {} is the current one, and nothing was deleted: add --current if it is meant. \
             {consequence}",
            doomed.version
        )));
    }
    let what = format!("{} is deleted for good. {consequence}", described(&doomed));
    arguments.confirm.confirm(context, what.trim_end().trim_end_matches('.'))?;

    let deleted = store.delete_version(&doomed.version).await;
    if !deleted.map_err(|error| Error::from_store(context.place.path().to_owned(), error))? {
        return Err(no_backup(context)); // another program was faster
    }
    Memory::of(context)?.forget(&doomed.version)?;
    let current = context.place.current(&store).await?;
    store.close().await?;
    context.output.report(&report(context, doomed, was_current, current))?;
    Ok(ExitStatus::Done)
}

/// The version that takes the place of the current one: the newest of the others.
async fn next(
    store: &AnyStore,
    current: &BackupVersion,
    context: &Context,
) -> Result<Option<BackupVersion>, Error> {
    let versions = context.place.versions(store).await?;
    let Some(next) = versions.iter().find(|version| **version != current.version) else {
        return Ok(None);
    };
    let next = store.version(next).await;
    next.map_err(|error| Error::from_store(context.place.path().to_owned(), error))
}

/// Going back to an older backup takes the user's word. // T-4
fn becomes_current(next: Option<&BackupVersion>) -> String {
    match next {
        Some(next) => format!(
            "{} then becomes the current one, perhaps under another key: a step back, which clients \
             may refuse.",
            described(next)
        ),
        None => "The store then has no backup.".to_owned(),
    }
}

/// A version, what it is and what is in it. Nobody has to be able to read it.
fn described(version: &BackupVersion) -> String {
    let algorithm = version.algorithm.parse().map_or_else(
        |_| format!("of the unknown algorithm {}", quoted(&version.algorithm)),
        |algorithm| in_words(algorithm).to_owned(),
    );
    format!("Version {}, {algorithm}, with {},", version.version, count(version.count, "key"))
}

fn no_backup(context: &Context) -> Error {
    let advice = "another program has just deleted it; look with `status`";
    Error::NoBackup { store: context.place.path().to_owned(), advice }
}

fn report(
    context: &Context,
    gone: BackupVersion,
    was_current: bool,
    current: Option<BackupVersion>,
) -> DeleteReport {
    DeleteReport {
        store: shown(context.place.path()),
        version: gone.version.to_string(),
        algorithm: gone.algorithm,
        count: gone.count,
        was_current,
        current_version: current.as_ref().map(|current| current.version.to_string()),
        current_algorithm: current.map(|current| current.algorithm),
    }
}
