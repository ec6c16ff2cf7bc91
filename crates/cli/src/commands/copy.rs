//! `copy`: a version of the backup from one store to another, as it is.

use std::{
    path::PathBuf,
    sync::atomic::{AtomicBool, Ordering},
};

use clap::Args;
use matrix_key_backup::{
    copying::{
        Comparison, CopyCounts, CopyError, CopyEvent, JsonCopyError, OtherBackup, compare_versions,
        copy_to_json, copy_version,
    },
    store::{BackupVersion, VersionId},
};
use serde::Serialize;

use crate::{
    any_store::{AnyStore, AnyStoreError},
    args::{FindingArguments, VersionArguments},
    begin::{tell_other_devices, warn_of_unwanted_backup},
    error::Error,
    exit::ExitStatus,
    files::{NewFile, Overwrite},
    findings::{Finding, Findings, FindingsReport},
    output::{Output, Report},
    printable::printable,
    progress::Progress,
    runtime::block_on,
    store::{StorePlace, is_same_place},
    wording::{figure, shown},
};

/// Copy a version of the backup from one store to another, as it is
///
/// A store is the path of a file, the path of a JSON file (.json: the answers of GET version and GET
/// keys in one object), or `homeserver`, the account that `login` has stored. No key is needed:
/// entries go over encrypted as they are, and nothing is verified. In the end both are read and
/// compared entry by entry; what is missing or different is named, and the exit status is 1.
///
/// Nothing is deleted, and no entry of the target is replaced. A copy that was interrupted goes on
/// where it was, with the same command; a JSON file is written anew.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  matrix-key-backup copy homeserver copy.sqlite3     # an offline copy of the account's backup
  matrix-key-backup copy homeserver copy.json        # the same, to be read by other programs
  matrix-key-backup copy copy.sqlite3 homeserver     # and back, where the account has no backup")]
pub(crate) struct Arguments {
    /// The store to copy from
    #[arg(value_name = "FROM")]
    from: PathBuf,

    /// The store to copy to; a file that is not there is made
    #[arg(value_name = "TO")]
    to: PathBuf,

    #[command(flatten)]
    version: VersionArguments,

    /// Where the target has another backup, make a new version there, which makes that one read-only
    #[arg(long)]
    new_version: bool,

    /// Overwrite the JSON file if it is there
    #[arg(long)]
    force: bool,

    #[command(flatten)]
    findings: FindingArguments,
}

/// What a copy came to.
#[derive(Debug, Serialize)]
struct CopyReport {
    from: String,
    from_version: String,
    to: String,
    to_version: String,
    /// Whether the version was made for this copy.
    created: bool,
    #[serde(flatten)]
    counts: CopyCounts,
    #[serde(flatten)]
    comparison: Comparison,
    complete: bool,
    #[serde(flatten)]
    findings: FindingsReport,
}

impl Report for CopyReport {
    fn text(&self) -> String {
        let Self { from, to, counts, comparison, .. } = self;
        let (from_version, to_version) =
            (printable(&self.from_version), printable(&self.to_version));
        let mut text = format!("From    {from}, version {from_version}\n");
        text += &format!("To      {to}, version {to_version}\n\n");
        text += &figure(counts.entries, "entries");
        text += &figure(counts.written, "written");
        for (number, what) in [
            (counts.already_there, "there already"),
            (counts.kept, "kept: the target has another entry in their place"),
            (counts.unreadable, "unreadable: not copied"),
            (counts.left_out, "left out: a JSON file cannot have them"),
        ] {
            if number > 0 {
                text += &figure(number, what);
            }
        }
        text += &figure(comparison.compared, "read back and compared");
        text += &figure(comparison.different, "missing or different in the copy");
        text + match self.complete {
            true => "\nComplete: the copy has every entry as it was. Nothing in it was verified.\n",
            false => "\nNot complete: not every entry is in the copy as it was.\n",
        }
    }

    fn done(&self) -> String {
        let Self { from, to, complete, .. } = self;
        let verdict = if *complete { "complete" } else { "not complete" };
        format!("The work is done: {from} was copied to {to}, and the copy is {verdict}")
    }
}

/// How far it went.
struct Came {
    to_version: VersionId,
    created: bool,
    counts: CopyCounts,
    comparison: Comparison,
}

/// From where to where, and what is told along the way.
struct Work<'w> {
    arguments: &'w Arguments,
    from: StorePlace,
    to: StorePlace,
    described: BackupVersion,
    output: Output,
    /// Whether the version was made for this copy.
    created: AtomicBool,
    progress: &'w Progress,
    findings: &'w Findings<'w>,
}

pub(crate) fn run(arguments: &Arguments, output: Output) -> Result<ExitStatus, Error> {
    block_on(copy(arguments, output))
}

async fn copy(arguments: &Arguments, output: Output) -> Result<ExitStatus, Error> {
    let (from, to) =
        (StorePlace::named(&arguments.from, output)?, StorePlace::named(&arguments.to, output)?);
    check(arguments, &from, &to)?;
    let source = from.open().await?;
    let Some(described) = from.meant(&source, &arguments.version).await? else {
        let advice = "there is nothing to copy: give the path of another store";
        return Err(Error::NoBackup { store: from.path().to_owned(), advice });
    };
    let progress = Progress::new(output, "Copying keys", 2 * described.count);
    let findings = Findings::new(arguments.findings, output, &progress);
    let (told, found) = (&progress, &findings);
    let created = AtomicBool::new(false);
    let work =
        Work { arguments, from, to, described, output, created, progress: told, findings: found };
    let came = match work.to.is_json_file() {
        true => work.to_json(&source).await?,
        false => work.to_store(&source).await?,
    };
    source.close().await?;
    progress.finish();
    let report = work.report(came);
    let report = CopyReport { findings: findings.finish(), ..report };
    output.report(&report)?;
    Ok(ExitStatus::from_findings(!report.complete))
}

/// What can be refused without looking into a store.
fn check(arguments: &Arguments, from: &StorePlace, to: &StorePlace) -> Result<(), Error> {
    let is_same = match (from.is_homeserver(), to.is_homeserver()) {
        (false, false) => is_same_place(from.path(), to.path()),
        (from, to) => from && to,
    };
    if is_same {
        let message = "FROM and TO are the same store: give two";
        return Err(Error::Usage(message.to_owned()));
    }
    if to.is_json_file() { arguments.overwrite().check(to.path()) } else { Ok(()) }
}

impl Arguments {
    fn overwrite(&self) -> Overwrite {
        match self.force {
            true => Overwrite::Yes,
            false => Overwrite::No("give another path, or add --force to overwrite it"),
        }
    }
}

impl Work<'_> {
    async fn to_store(&self, source: &AnyStore) -> Result<Came, Error> {
        let opened = self.to.open_if_there().await?;
        let target = self.to.opened_or_created(opened).await?;
        let other = match self.arguments.new_version {
            true => OtherBackup::MakeReadOnly,
            false => OtherBackup::Refuse,
        };
        let version = self.described.version.clone();
        let copied = copy_version(source, version, &target, other, |event| self.hear(&event)).await;
        // Whether or not all was copied: other devices must not take it for unwanted. // P-1
        match self.created.load(Ordering::Relaxed) {
            true => self.tell_of_new_version(&target).await,
            false => warn_of_unwanted_backup(&self.to, &target, self.output).await,
        }
        let copied = copied.map_err(|error| self.failed(error))?;
        target.close().await?;
        Ok(Came {
            to_version: copied.to_version,
            created: copied.created,
            counts: copied.counts,
            comparison: copied.comparison,
        })
    }

    /// A copy needs no key, so it trusts nothing, and nothing is remembered before a key is used. // T-1
    async fn tell_of_new_version(&self, target: &AnyStore) {
        tell_other_devices(&self.to, target, self.output).await;
        if self.to.is_homeserver() {
            self.output.note(
                "use the backup's key on it once, with `--store homeserver verify`: from then on it is \
                 noticed if the homeserver goes back to an older version",
            );
        }
    }

    /// The file has its name once it is whole; then it is read and compared like any store.
    async fn to_json(&self, source: &AnyStore) -> Result<Came, Error> {
        let file = NewFile::begin(self.to.path(), self.arguments.overwrite())?;
        let version = &self.described.version;
        let copied = copy_to_json(source, version.clone(), file, |event| self.hear(&event)).await;
        let (file, counts) = copied.map_err(|error| self.not_written(error))?;
        file.finish()?;
        let target = self.to.open().await?;
        let comparison =
            compare_versions(source, version, &target, version, |event| self.hear(&event)).await;
        let comparison = comparison.map_err(|error| self.failed(error))?;
        Ok(Came { to_version: version.clone(), created: true, counts, comparison })
    }

    fn hear(&self, event: &CopyEvent<'_>) {
        match event {
            CopyEvent::Target { created, .. } => self.created.store(*created, Ordering::Relaxed),
            CopyEvent::Copied { entries_done } => self.progress.set(*entries_done),
            CopyEvent::Compared { entries_done } => {
                self.progress.set(self.described.count + entries_done);
            }
            event => {
                if let Some(finding) = Finding::copying(event) {
                    self.findings.add(finding);
                }
            }
        }
    }

    fn report(&self, came: Came) -> CopyReport {
        let Came { to_version, created, counts, comparison } = came;
        let whole = counts.unreadable == 0 && counts.left_out == 0;
        let all_seen = counts.entries >= self.described.count // B-3
            && comparison.compared >= counts.entries;
        CopyReport {
            from: shown(self.from.path()),
            from_version: self.described.version.to_string(),
            to: shown(self.to.path()),
            to_version: to_version.to_string(),
            created,
            counts,
            comparison,
            complete: whole && all_seen && comparison.has_all(),
            findings: FindingsReport::default(),
        }
    }

    fn failed(&self, error: CopyError<AnyStoreError, AnyStoreError>) -> Error {
        let (from, to) = (self.from.path().to_owned(), self.to.path().to_owned());
        match error {
            CopyError::Source(error) => Error::from_store(from, error),
            CopyError::Target(error) => Error::from_store(to, error),
            CopyError::OtherBackup { current, .. } => {
                Error::OtherBackupThere { store: to, current }
            }
            error => Error::CopyStopped { store: to, problem: error.to_string() },
        }
    }

    fn not_written(&self, error: JsonCopyError<AnyStoreError>) -> Error {
        match error {
            JsonCopyError::Source(error) => Error::from_store(self.from.path().to_owned(), error),
            error => {
                Error::CopyStopped { store: self.to.path().to_owned(), problem: error.to_string() }
            }
        }
    }
}
