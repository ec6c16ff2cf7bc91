//! `status`: what lies in the store, and whether a key fits. It takes no key.

use clap::Args;
use matrix_key_backup::{OpenBackup, UnreadableBackup, store::BackupVersion};
use serde::Serialize;

use crate::{
    access::Access,
    args::AnyKeyArguments,
    context::Context,
    error::Error,
    exit::ExitStatus,
    output::Report,
    printable::printable,
    wording::{in_words, shown},
};

/// Show which backup the store has
///
/// No key is needed and none is asked for. If one is given, its fit is reported; a key that does
/// not fit makes the exit status 3.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    #[command(flatten)]
    key: AnyKeyArguments,
}

/// What the store has.
#[derive(Debug, Serialize)]
struct StatusReport {
    store: String,
    backup: Option<BackupStatus>,
    key: Option<KeyStatus>,
}

#[derive(Debug, Serialize)]
struct BackupStatus {
    version: String,
    /// As the store names it.
    algorithm: String,
    /// Whether the algorithm authenticates keys.
    authenticated: bool,
    public_key: Option<String>,
    /// How many keys there are.
    count: u64,
    /// Changes when they do.
    etag: String,
    /// Why nothing can be done with it.
    problem: Option<String>,
    #[serde(skip)]
    algorithm_in_words: String,
}

#[derive(Debug, Serialize)]
struct KeyStatus {
    kind: &'static str,
    from: String,
    fits: bool,
    /// Why not.
    problem: Option<String>,
}

impl BackupStatus {
    fn new(said: &BackupVersion, read: &Result<OpenBackup, UnreadableBackup>) -> Self {
        let algorithm = said.algorithm.clone();
        let known = read.as_ref().ok().map(OpenBackup::algorithm);
        Self {
            version: said.version.to_string(),
            authenticated: known.is_some_and(|known| known.names().is_some()),
            algorithm_in_words: match known {
                Some(known) => in_words(known).to_owned(),
                None => format!("algorithm {}", printable(&algorithm)),
            },
            algorithm,
            public_key: read.as_ref().ok().map(|backup| backup.public_key().to_base64()),
            count: said.count,
            etag: said.etag.clone(),
            problem: read.as_ref().err().map(|error| error.reason.to_string()),
        }
    }

    fn text(&self) -> String {
        let mut text = format!(
            "Backup      version {}, {}\n",
            printable(&self.version),
            self.algorithm_in_words
        );
        if let Some(public_key) = &self.public_key {
            text += &format!("Public key  {public_key}\n");
        }
        text += &format!("Keys        {} (etag {})\n", self.count, printable(&self.etag));
        if let Some(problem) = &self.problem {
            text += &format!(
                "Problem     {}: a newer version of this program may know it\n",
                printable(problem)
            );
        }
        text
    }
}

impl Report for StatusReport {
    fn text(&self) -> String {
        let mut text = format!("Store       {}\n", self.store);
        match &self.backup {
            Some(backup) => text += &backup.text(),
            None => text += "Backup      none: begin one with `create` or `upload --create`\n",
        }
        match &self.key {
            Some(KeyStatus { kind, from, fits: true, .. }) => {
                text += &format!("Key         the {kind} key from {from} fits\n");
            }
            Some(KeyStatus { kind, from, problem, .. }) => {
                let problem = problem.as_deref().unwrap_or("there is no backup");
                let problem = printable(problem);
                text +=
                    &format!("Key         the {kind} key from {from} does not fit: {problem}\n");
            }
            None => {}
        }
        text
    }
}

pub(crate) fn run(arguments: &Arguments, context: &Context) -> Result<ExitStatus, Error> {
    pollster::block_on(status(arguments, context))
}

async fn status(arguments: &Arguments, context: &Context) -> Result<ExitStatus, Error> {
    let store = context.place.open().await?;
    let access = Access::given(&arguments.key, context)?;
    let current = context.place.current(&store).await?;
    store.close().await?;

    let read = current.clone().map(OpenBackup::read);
    let backup = current.as_ref().zip(read.as_ref());
    let report = StatusReport {
        store: shown(context.place.path()),
        backup: backup.map(|(said, read)| BackupStatus::new(said, read)),
        key: access.as_ref().map(|access| fit(access, read.as_ref(), context)),
    };
    context.output.report(&report)?;
    Ok(report.exit_status())
}

fn fit(
    access: &Access,
    backup: Option<&Result<OpenBackup, UnreadableBackup>>,
    context: &Context,
) -> KeyStatus {
    let problem = match backup {
        None => Some("there is no backup".to_owned()),
        Some(Err(error)) => Some(error.to_string()),
        Some(Ok(backup)) => match access.trust(backup, context) {
            Ok(_) => None,
            Err(Error::OtherKey { problem, .. }) => Some(problem),
            Err(error) => Some(error.to_string()),
        },
    };
    KeyStatus {
        kind: access.kind(),
        from: access.origin().to_string(),
        fits: problem.is_none(),
        problem,
    }
}

impl StatusReport {
    fn exit_status(&self) -> ExitStatus {
        let is_unreadable = |backup: &BackupStatus| backup.problem.is_some();
        if self.backup.as_ref().is_some_and(is_unreadable) {
            ExitStatus::Findings
        } else if self.backup.is_some() && self.key.as_ref().is_some_and(|key| !key.fits) {
            ExitStatus::WrongKey
        } else {
            ExitStatus::Done
        }
    }
}
