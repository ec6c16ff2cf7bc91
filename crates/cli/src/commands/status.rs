//! `status`: what lies in the store, and whether a key fits. It takes no key.

use std::path::{Path, PathBuf};

use clap::Args;
use matrix_key_backup::{
    OpenBackup, UnreadableBackup,
    store::{BackupVersion, VersionId},
    wire::BackupAlgorithm,
};
use serde::Serialize;

use crate::{
    access::Access,
    any_store::AnyStore,
    args::{AnyKeyArguments, FindingArguments, ScopeArguments, VersionArguments},
    begin::check_place,
    context::Context,
    error::Error,
    exit::ExitStatus,
    files::{Input, NewFile, Overwrite},
    findings::{Findings, FindingsReport},
    output::Report,
    page::{Figures, Heading, page},
    printable::printable,
    progress::Progress,
    runtime::block_on,
    secrets::{GivenKey, Origin},
    walk::{Entry, Walk, Walked},
    wording::{About, in_words, shown},
};

/// Show which backup the store has
///
/// No key is needed and none is asked for. If one is given, or lies beside the default store, its
/// fit is reported; a key that does not fit, or is none, makes the exit status 3.
///
/// With --html the whole backup is read, and a page is drawn: who vouches for how many keys of which
/// room, what gives no key and why, and from which message on keys begin. The page is one file, loads
/// nothing, and holds room and session ids, but no key.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    #[command(flatten)]
    key: AnyKeyArguments,

    #[command(flatten)]
    version: VersionArguments,

    /// Read the whole backup, and draw what is in it as a page for a browser; needs the decryption
    /// key
    #[arg(long, value_name = "FILE", conflicts_with = "writer_key_file")]
    html: Option<PathBuf>,

    /// Overwrite the page if it is there
    #[arg(long, requires = "html")]
    force: bool,
}

/// What the store has.
#[derive(Debug, Serialize)]
struct StatusReport {
    store: String,
    backup: Option<BackupStatus>,
    /// All versions in the store, the newest first.
    versions: Vec<String>,
    key: Option<KeyStatus>,
}

#[derive(Debug, Serialize)]
struct BackupStatus {
    version: String,
    /// Whether it is the newest version, and so not read-only. // A-1
    current: bool,
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
    fn new(
        said: &BackupVersion,
        read: &Result<OpenBackup, UnreadableBackup>,
        newest: Option<&VersionId>,
    ) -> Self {
        let algorithm = said.algorithm.clone();
        let known = read.as_ref().ok().map(OpenBackup::algorithm);
        Self {
            version: said.version.to_string(),
            current: newest == Some(&said.version),
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
        let read_only = if self.current { "" } else { ", read-only" };
        let mut text = format!(
            "Backup      version {}, {}{read_only}\n",
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
        if self.versions.len() > 1 {
            let versions = self.versions.join(", ");
            text += &format!("Versions    {versions}: all can be read, with --backup-version\n");
        }
        text + &self.key.as_ref().map_or_else(String::new, KeyStatus::text)
    }
}

impl KeyStatus {
    fn text(&self) -> String {
        let Self { kind, from, .. } = self;
        match &self.problem {
            None => format!("Key         the {kind} key from {from} fits\n"),
            Some(problem) => {
                let problem = printable(problem);
                format!("Key         the {kind} key from {from} does not fit: {problem}\n")
            }
        }
    }
}

pub(crate) fn run(arguments: &Arguments, context: &Context) -> Result<ExitStatus, Error> {
    block_on(status(arguments, context))
}

async fn status(arguments: &Arguments, context: &Context) -> Result<ExitStatus, Error> {
    let store = context.place.open().await?;
    let said = context.place.meant(&store, &arguments.version).await?;
    let versions = context.place.versions(&store).await?;
    if let Some(path) = &arguments.html {
        return draw(arguments, path, &store, context).await;
    }
    store.close().await?;

    let read = said.clone().map(OpenBackup::read);
    let backup = said.as_ref().zip(read.as_ref());
    let key = match Access::given(&arguments.key, context) {
        Ok(access) => access.as_ref().map(|access| fit(access, read.as_ref(), context)),
        Err(error) => Some(KeyStatus::unusable(error, context)?),
    };
    let report = StatusReport {
        store: shown(context.place.path()),
        backup: backup.map(|(said, read)| BackupStatus::new(said, read, versions.first())),
        versions: versions.iter().map(ToString::to_string).collect(),
        key,
    };
    context.output.report(&report)?;
    Ok(report.exit_status())
}

/// What a page was drawn of.
#[derive(Debug, Serialize)]
struct PageReport {
    #[serde(flatten)]
    about: About,
    /// The page.
    html: String,
    #[serde(flatten)]
    walked: Walked,
    #[serde(flatten)]
    findings: FindingsReport,
}

impl Report for PageReport {
    fn text(&self) -> String {
        let Self { about, html, walked, .. } = self;
        format!("{}{}\nDrawn in {html}: open it in a browser.\n", about.text(), walked.text())
    }

    fn done(&self) -> String {
        format!("The work is done: the page is in {}", self.html)
    }
}

/// Reads the whole backup and draws it.
async fn draw(
    arguments: &Arguments,
    path: &Path,
    store: &AnyStore,
    context: &Context,
) -> Result<ExitStatus, Error> {
    let overwrite = match arguments.force {
        true => Overwrite::Yes,
        false => Overwrite::No("give another path, or add --force to overwrite it"),
    };
    check_place(context, path, overwrite)?;
    let backup = context.place.existing_backup(store, &arguments.version).await?;
    let key = GivenKey::required(&arguments.key.decryption, context)?;
    let trusted = key.trust(&backup, context)?;

    let progress = Progress::new(context.output, "Reading keys", backup.count());
    let findings = Findings::new(FindingArguments { all: false }, context.output, &progress);
    let scope = ScopeArguments { room: None, session: None };
    let walk = Walk {
        store,
        backup: &backup,
        trusted: &trusted,
        scope: &scope,
        progress: &progress,
        findings: &findings,
        context,
    };
    let mut figures = Figures::default();
    let walked = walk
        .read(key.reader, |entry| {
            match entry {
                Entry::Key(session) => figures.add(&session),
                Entry::Rejected(rejected) => figures.add_rejected(&rejected),
            }
            Ok(())
        })
        .await?;
    progress.finish();
    let heading = Heading {
        store: &shown(context.place.path()),
        version: backup.version().as_str(),
        algorithm: in_words(backup.algorithm()),
        public_key: &backup.public_key().to_base64(),
        missing: walked.missing,
        is_v1: backup.algorithm() == BackupAlgorithm::V1,
    };
    NewFile::write(path, page(&heading, &figures).as_bytes(), overwrite)?;

    let status = ExitStatus::from_findings(findings.any());
    let about = About::new(context, &backup);
    let (html, findings) = (shown(path), findings.finish());
    context.output.report(&PageReport { about, html, walked, findings })?;
    Ok(status)
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

impl KeyStatus {
    /// What was given as a key, and is none, does not fit. A file that was named wrongly is an
    /// error all the same; the one beside the default store was not named at all.
    fn unusable(error: Error, context: &Context) -> Result<Self, Error> {
        let (kind, from, problem) = match error {
            Error::NotAKey { origin, error } => ("decryption", origin, error.to_string()),
            Error::NotAWriterKey { origin, error } => ("writer", origin, error.to_string()),
            Error::Read { file, source } if is_beside_store(&file, context) => {
                ("decryption", beside_store(context), format!("it cannot be read: {source}"))
            }
            Error::NotText { file, .. } if is_beside_store(&file, context) => {
                ("decryption", beside_store(context), "it is no UTF-8 text".to_owned())
            }
            Error::TooLong { file, .. } if is_beside_store(&file, context) => {
                ("decryption", beside_store(context), "it is too large for a key".to_owned())
            }
            error => return Err(error),
        };
        Ok(Self { kind, from: from.to_string(), fits: false, problem: Some(problem) })
    }
}

fn beside_store(context: &Context) -> Origin {
    Origin::BesideStore(context.place.key_file())
}

fn is_beside_store(file: &Input, context: &Context) -> bool {
    context.place.is_default() && *file == Input::File(context.place.key_file())
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
