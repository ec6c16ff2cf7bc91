//! `restore`: the keys of the backup into a key export file, or as JSON lines.

mod merging;
mod sink;

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use self::{
    merging::Merging,
    sink::{Destination, Sink},
};
use crate::{
    args::{FindingArguments, KeyArguments, PassphraseArguments, ScopeArguments, VersionArguments},
    context::Context,
    error::Error,
    exit::ExitStatus,
    files::Overwrite,
    findings::{Findings, FindingsReport},
    output::Report,
    passphrase::Opens,
    progress::Progress,
    runtime::block_on,
    secrets::GivenKey,
    walk::{Entry, Walk, Walked},
    wording::{About, count, shown},
};

/// Read the backup back, into a key export file or as JSON
///
/// Every entry is verified before it is decrypted. What is forged, unreadable or in the wrong place
/// gives no key: it is named, the rest is restored, and the exit status is 1.
#[derive(Args, Debug)]
#[command(group = clap::ArgGroup::new("form").required(true))]
#[command(after_help = "Examples:
  matrix-key-backup restore --out keys.txt
  matrix-key-backup restore --out room.txt --room '!abc:example.org'
  matrix-key-backup restore --plaintext-json - | import-into-my-bot
  matrix-key-backup restore --out old.txt --backup-version 1 --key-file old.key

A line of --plaintext-json is one object:
  authenticated    whether the writer of the backup vouches for the key
  unauthenticated  why not: m.undefined, m.legacy-v1, m.forwarded_room_key or another name; or null
  bundle_sender    who handed the key over with a room's shared history; or null
  room_under_mac   whether the room is vouched for too, or is only the store's word
  key              the key, in the form of a key export file")]
pub(crate) struct Arguments {
    /// Write an encrypted key export file, which any Matrix client can import; `-` is standard output
    #[arg(long, value_name = "FILE", group = "form")]
    out: Option<PathBuf>,

    /// Write the keys unencrypted, one JSON object per line; `-` is standard output
    #[arg(long, value_name = "FILE", group = "form")]
    plaintext_json: Option<PathBuf>,

    #[command(flatten)]
    passphrase: PassphraseArguments,

    #[command(flatten)]
    key: KeyArguments,

    #[command(flatten)]
    version: VersionArguments,

    #[command(flatten)]
    scope: ScopeArguments,

    /// Overwrite the file if it is there
    #[arg(long)]
    force: bool,

    #[command(flatten)]
    findings: FindingArguments,
}

/// What a restore came to.
#[derive(Debug, Serialize)]
struct RestoreReport {
    #[serde(flatten)]
    about: About,
    /// The file that was written; none if there was no key to write, or they went to standard output.
    file: Option<String>,
    /// Keys that were written, after merging.
    written: u64,
    #[serde(flatten)]
    walked: Walked,
    #[serde(flatten)]
    findings: FindingsReport,
}

impl Report for RestoreReport {
    fn text(&self) -> String {
        let keys = count(self.written, "key");
        let mut text = self.about.text() + &self.walked.text();
        text += &match &self.file {
            Some(path) => format!("\n{keys} written to {path}.\n"),
            None if self.written == 0 => "\nThere was no key to write.\n".to_owned(),
            None => format!("\n{keys} written.\n"),
        };
        if self.walked.summary.keys.unauthenticated_total() > 0 {
            text += "Nobody vouches for the unauthenticated ones: whoever imports them should show \
                     that their\nsender is not certain.\n";
        }
        text
    }

    fn done(&self) -> String {
        let keys = count(self.written, "key");
        match &self.file {
            Some(path) => format!("The work is done: {keys} written to {path}"),
            None => "There was no key to write, and nothing was changed".to_owned(),
        }
    }
}

pub(crate) fn run(arguments: &Arguments, context: &Context) -> Result<ExitStatus, Error> {
    block_on(restore(arguments, context))
}

async fn restore(arguments: &Arguments, context: &Context) -> Result<ExitStatus, Error> {
    let destination = arguments.destination();
    destination.check(context)?;
    let store = context.place.open().await?;
    let backup = context.place.existing_backup(&store, &arguments.version).await?;
    let key = GivenKey::required(&arguments.key, context)?;
    let trusted = match arguments.version.backup_version {
        Some(_) => key.trust(&backup, context)?,
        None => key.trust_current(&backup, context)?,
    };
    let mut sink = arguments.sink(&destination, context)?;

    let progress = Progress::new(context.output, "Restoring keys", backup.count());
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
    let mut merging = Merging::default();
    let walked = walk
        .read(key.reader, |entry| {
            let Entry::Key(session) = entry else { return Ok(()) };
            match merging.push(*session, &findings) {
                Some(merged) => sink.write(merged),
                None => Ok(()),
            }
        })
        .await?;
    if let Some(last) = merging.finish() {
        sink.write(last)?;
    }
    progress.finish();
    let written = sink.finish()?;
    store.close().await?;

    let status = ExitStatus::from_findings(findings.any());
    let report = RestoreReport {
        about: About::new(context, &backup),
        file: destination.file().filter(|_| written > 0).map(shown),
        written,
        walked,
        findings: findings.finish(),
    };
    context.output.report_on(destination.report_channel(), &report)?;
    Ok(status)
}

impl Arguments {
    fn destination(&self) -> Destination {
        let overwrite = if self.force {
            Overwrite::Yes
        } else {
            Overwrite::No("give another path, or add --force to overwrite it")
        };
        // One of the two is there: they are a required group.
        let path = self.out.as_ref().or(self.plaintext_json.as_ref());
        Destination::new(path.cloned().unwrap_or_default(), overwrite)
    }

    fn sink(&self, destination: &Destination, context: &Context) -> Result<Sink, Error> {
        if self.out.is_some() {
            let file = self.passphrase.passphrase_file.as_ref();
            let passphrase = Opens::KeyExportFile.required_anew(file, context.output)?;
            Sink::export(destination, passphrase, context.output)
        } else {
            Sink::lines(destination)
        }
    }
}
