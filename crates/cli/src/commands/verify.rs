//! `verify`: the whole walk, without taking any key out.

use clap::Args;
use matrix_key_backup::wire::BackupAlgorithm;
use serde::Serialize;

use crate::{
    access::Access,
    args::{AnyKeyArguments, FindingArguments, ScopeArguments, VersionArguments},
    context::Context,
    error::Error,
    exit::ExitStatus,
    findings::{Findings, FindingsReport},
    output::Report,
    progress::Progress,
    runtime::block_on,
    walk::{MacsChecked, Walk, Walked},
    wording::About,
};

/// Check every entry of the backup
///
/// With the decryption key each entry is verified, decrypted and compared with its place, as for a
/// restore. With a writer key only the MACs are checked. Whatever is forged, unreadable or
/// misplaced is named, and the exit status is 1.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  matrix-key-backup verify
  matrix-key-backup verify --writer-key-file writer.json --all")]
pub(crate) struct Arguments {
    #[command(flatten)]
    key: AnyKeyArguments,

    #[command(flatten)]
    version: VersionArguments,

    #[command(flatten)]
    scope: ScopeArguments,

    #[command(flatten)]
    findings: FindingArguments,
}

/// What was found.
#[derive(Debug, Serialize)]
struct VerifyReport {
    #[serde(flatten)]
    about: About,
    #[serde(flatten)]
    checked: Checked,
    #[serde(flatten)]
    findings: FindingsReport,
    #[serde(skip)]
    is_sound: bool,
}

/// How far the key at hand reaches.
#[derive(Debug, Serialize)]
#[serde(tag = "checked", rename_all = "snake_case")]
enum Checked {
    /// With the decryption key.
    Everything(Walked),
    /// With a writer key.
    Macs(MacsChecked),
}

impl Report for VerifyReport {
    fn text(&self) -> String {
        let figures = match &self.checked {
            Checked::Everything(walked) => walked.text(),
            Checked::Macs(checked) => checked.text(),
        };
        format!("{}{figures}\n{}", self.about.text(), self.verdict())
    }
}

impl VerifyReport {
    /// What the figures come to, and no more than that.
    fn verdict(&self) -> &'static str {
        match &self.checked {
            _ if !self.is_sound => "Something is wrong, as said above.\n",
            Checked::Everything(_) if self.about.is_v1() => {
                "All entries can be read. In a v1 backup that says no more: whoever knows its public \
                 key, the\nserver included, can have written any of them.\n"
            }
            Checked::Everything(_) => "Nothing is forged, misplaced, unreadable or missing.\n",
            Checked::Macs(_) => {
                "All MACs are right. Whether the keys can be read, and belong where they are, takes \
                 the\ndecryption key.\n"
            }
        }
    }
}

pub(crate) fn run(arguments: &Arguments, context: &Context) -> Result<ExitStatus, Error> {
    block_on(verify(arguments, context))
}

async fn verify(arguments: &Arguments, context: &Context) -> Result<ExitStatus, Error> {
    let store = context.place.open().await?;
    let backup = context.place.existing_backup(&store, &arguments.version).await?;
    let access = Access::required(&arguments.key, context)?;
    let trusted = match arguments.version.backup_version {
        Some(_) => access.trust(&backup, context)?,
        None => access.trust_current(&backup, context)?,
    };
    if let (Access::Writer(_), BackupAlgorithm::V1) = (&access, backup.algorithm()) {
        let message = "a v1 backup has no MACs, so a writer key has nothing to check there: give the \
                       decryption key with --key-file";
        return Err(Error::Usage(message.to_owned()));
    }

    let progress = Progress::new(context.output, "Verifying keys", backup.count());
    let findings = Findings::new(arguments.findings, context.output, &progress);
    let walk = Walk {
        store: &store,
        backup: &backup,
        trusted: &trusted,
        scope: &arguments.scope,
        progress: &progress,
        findings: &findings,
        context,
    };
    let checked = match access {
        Access::Reader(given) => Checked::Everything(walk.read(given.reader, |_| Ok(())).await?),
        Access::Writer(given) => Checked::Macs(walk.check_macs(&given.key).await?),
    };
    progress.finish();
    store.close().await?;

    let is_sound = !findings.any();
    let about = About::new(context, &backup);
    let findings = findings.finish();
    context.output.report(&VerifyReport { about, checked, findings, is_sound })?;
    Ok(ExitStatus::from_findings(!is_sound))
}
