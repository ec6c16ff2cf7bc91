//! `upload`: the keys of key export files into the backup, which it begins if need be.

mod exports;
mod target;

use std::path::PathBuf;

use clap::Args;
use matrix_key_backup::{
    trust::TrustState,
    upload::{MacKeyCheck, UploadError, UploadEvent, UploadSummary, Uploader},
};
use serde::Serialize;

use self::{
    exports::Exports,
    target::{Target, Upload},
};
use crate::{
    access::Access,
    any_store::{AnyStore, AnyStoreError},
    args::{AnyKeyArguments, FindingArguments, PassphraseArguments, VersionArguments},
    context::Context,
    error::Error,
    exit::ExitStatus,
    files::Input,
    findings::{Finding, Findings, FindingsReport},
    memory::Memory,
    output::Report,
    passphrase::Opens,
    printable::printable,
    progress::Progress,
    runtime::block_on,
    wording::{About, count, figure, provenance, shown},
};

/// Add the keys of key export files to the backup
///
/// A key export file is what Matrix clients write under "export room keys". Each key is compared
/// with what the backup has: only what is new or better is written, so the same file twice changes
/// nothing. Nobody vouches for keys from a file, so they go in as unauthenticated.
///
/// If there is no backup in the default store yet, one is begun: authenticated (v2), with a new
/// decryption key in a file beside the store. In a store named by --store that takes --create.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  matrix-key-backup upload element-keys.txt
  matrix-key-backup upload --passphrase-file passphrase.txt old.txt new.txt
  matrix-key-backup upload --store bot.sqlite3 --writer-key-file writer.json keys.txt")]
pub(crate) struct Arguments {
    /// Key export files; `-` is standard input. One passphrase has to open all of them
    #[arg(required = true, value_name = "FILE")]
    files: Vec<Input>,

    #[command(flatten)]
    passphrase: PassphraseArguments,

    #[command(flatten)]
    key: AnyKeyArguments,

    /// Begin a backup if there is none, also in a store named by --store
    #[arg(long)]
    create: bool,

    /// Begin a new backup with a new key, and write the key to this file; without it, the key is the
    /// one that is given, or a new one in a file beside the store
    #[arg(long, value_name = "FILE", conflicts_with_all = ["key_file", "writer_key_file"])]
    key_out: Option<PathBuf>,

    #[command(flatten)]
    findings: FindingArguments,
}

/// What an upload came to.
#[derive(Debug, Serialize)]
struct UploadReport {
    #[serde(flatten)]
    about: About,
    /// Whether the backup was begun by this upload.
    created: bool,
    /// Where its new decryption key was written.
    key_file: Option<String>,
    files: Vec<String>,
    #[serde(flatten)]
    summary: UploadSummary,
    /// Entries of the files that are no usable key.
    unreadable: u64,
    /// How many keys the backup has now.
    count: u64,
    /// Changes when the keys of the backup change.
    etag: String,
    #[serde(flatten)]
    findings: FindingsReport,
}

impl Report for UploadReport {
    fn text(&self) -> String {
        let Self { about, summary, .. } = self;
        let files = count(self.files.len() as u64, "file");
        let mut text = about.text();
        text += &figure(summary.keys, &format!("keys in {files}"));
        text += &figure(summary.new, "new");
        text += &figure(summary.improved, "improved: better than what the backup had");
        text += &figure(summary.unchanged, "unchanged: the backup has as good a key");
        text += &figure(summary.blocked, "blocked: could not be written");
        text += &figure(summary.conflicts, "conflicts: contradict a key in the backup");
        if self.unreadable > 0 {
            text +=
                &figure(self.unreadable, "unreadable: entries of the files without a usable key");
        }
        if summary.new + summary.improved > 0 {
            text += "\nOf those that were written:\n";
            text += &provenance(&summary.written);
        }
        text += &format!(
            "\nThe backup has {} now (etag {}).\n",
            count(self.count, "key"),
            printable(&self.etag)
        );
        text += self.why_unauthenticated();
        text
    }

    fn done(&self) -> String {
        let written = count(self.summary.new + self.summary.improved, "key");
        let key = self
            .key_file
            .as_ref()
            .map_or_else(String::new, |path| format!("; its new decryption key is in {path}"));
        format!("The work is done: {written} written to {}{key}", self.about)
    }
}

impl UploadReport {
    /// Why nobody vouches for these keys. // V2-11, V1-6
    fn why_unauthenticated(&self) -> &'static str {
        if self.about.is_v1() {
            "\nThis is a v1 backup: nothing in it is authenticated, wherever its keys came from.\n"
        } else {
            "\nKeys from a file are unauthenticated: whoever made or changed the file could have put \
             any\nkey into it, so nobody can vouch that a key belongs to the sender that it names. \
             They decrypt\nmessages all the same; clients show that the sender is not certain.\n"
        }
    }
}

pub(crate) fn run(arguments: &Arguments, context: &Context) -> Result<ExitStatus, Error> {
    block_on(upload(arguments, context))
}

/// Everything that can be refused is looked at first: nothing is written before all keys are right.
async fn upload(arguments: &Arguments, context: &Context) -> Result<ExitStatus, Error> {
    let target = Target::find(arguments, context).await?;
    let file = arguments.passphrase.passphrase_file.as_ref();
    let (passphrase, origin) = Opens::KeyExportFile.required(file, context.output)?;
    let exports = Exports::open(&arguments.files, &passphrase, &origin, context.output)?;
    let upload = target.begin(context).await?;

    let progress = Progress::new(context.output, "Uploading keys", exports.len());
    let findings = Findings::new(arguments.findings, context.output, &progress);
    let failed = |error| upload.failed(context, error);
    let uploader = match &upload.access {
        Access::Reader(_) => uploader(&upload, context, &mut TrustState::new()).await,
        Access::Writer(given) => {
            // Nothing is held while the server is asked: it may take its time. // T-5
            let mut state = Memory::seen(context)?.trust_state().clone();
            let tried = uploader(&upload, context, &mut state).await;
            let mac_key = given.key.backup_mac_key();
            Memory::of(context)?.note_mac_key(&upload.trusted, mac_key, &state)?;
            tried
        }
    }
    .map_err(failed)?;
    let summary = uploader
        .upload(exports.keys(&findings), |event| match event {
            UploadEvent::Progress { keys_done, .. } => progress.set(keys_done),
            UploadEvent::Notice(notice) => findings.add(Finding::notice(notice)),
            _ => {}
        })
        .await
        .map_err(failed)?;
    progress.finish();

    let any_findings = findings.any();
    let report = report(arguments, context, &upload, &exports, summary, findings.finish()).await?;
    upload.store.close().await?;
    if report.summary.mac_key == MacKeyCheck::Unconfirmed {
        context.output.warn(UNCONFIRMED);
    }
    context.output.report(&report)?;
    Ok(ExitStatus::from_findings(any_findings))
}

const UNCONFIRMED: &str = "the backup was empty, so the MAC key could not be tried on any of its \
                           entries: have what was uploaded checked once by a holder of the \
                           decryption key, with `verify`"; // T-5

async fn uploader<'u>(
    upload: &'u Upload,
    context: &Context,
    state: &mut TrustState,
) -> Result<Uploader<'u, AnyStore>, UploadError<AnyStoreError>> {
    let Upload { store, trusted, access, .. } = upload;
    match access {
        Access::Reader(given) => {
            Uploader::for_reader(store, trusted, given.reader.clone(), context.user.clone())
        }
        Access::Writer(given) => {
            let mac_key = given.key.backup_mac_key().clone();
            Uploader::for_writer(store, trusted, mac_key, state).await
        }
    }
}

impl Upload {
    fn failed(&self, context: &Context, error: UploadError<AnyStoreError>) -> Error {
        let store = context.place.path().to_owned();
        Error::from_upload(store, self.backup.version(), self.access.origin(), error)
    }
}

async fn report(
    arguments: &Arguments,
    context: &Context,
    upload: &Upload,
    exports: &Exports,
    summary: UploadSummary,
    findings: FindingsReport,
) -> Result<UploadReport, Error> {
    let backup = context.place.existing_backup(&upload.store, &VersionArguments::default()).await?;
    Ok(UploadReport {
        about: About::new(context, &upload.backup),
        created: upload.created,
        key_file: upload.key_file.as_deref().map(shown),
        files: arguments.files.iter().map(ToString::to_string).collect(),
        unreadable: exports.len() - summary.keys,
        summary,
        count: backup.count(),
        etag: backup.etag().to_owned(),
        findings,
    })
}
