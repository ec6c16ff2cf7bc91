//! `migrate`: a new version of the backup, with every key of the old one that may go over.

mod plan;
mod report;

use std::path::{Path, PathBuf};

use clap::{Args, builder::NonEmptyStringValueParser};
use matrix_key_backup::{
    migration::{
        CompleteMigration, MigrateError, Migration, MigrationCounts, MigrationEvent,
        MigrationReport, Migrator, TargetError, dry_run, target,
    },
    store::BackupStore as _,
    wire::BackupAlgorithm,
};

use self::{
    plan::{Plan, old_key},
    report::{Came, MigrateReport},
};
use crate::{
    any_store::{AnyStore, AnyStoreError},
    args::{FindingArguments, KeyArguments},
    begin::{check_place, warn_of_unwanted_backup},
    commands::create::NamesArgument,
    confirm::ConfirmArguments,
    context::Context,
    error::Error,
    exit::ExitStatus,
    files::{Input, NewFile, Overwrite},
    findings::{Finding, Findings},
    progress::Progress,
    runtime::block_on,
    secrets::{GivenKey, Origin, secret_text},
};

/// Take the backup to a new version: authenticated, under other names, or with another key
///
/// A backup cannot be changed in place, so a new version is made beside it, every key is copied
/// there, and then both are read and compared key by key. From v1 to v2 unless something else is asked
/// for; keys of a v1 backup are marked (m.legacy-v1), since nobody vouches for them. Entries of a v2
/// backup without a right MAC are dropped, and what cannot be read stays behind; each is named.
///
/// Nothing is destroyed: the old version stays, read-only, until it is deleted. A migration that was
/// interrupted is begun again with the same command, and ends in the same state; one with --new-key
/// with --new-key-file and the file that it wrote.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  matrix-key-backup migrate --dry-run
  matrix-key-backup migrate
  matrix-key-backup migrate --names stable --delete-old
  matrix-key-backup migrate --new-key --key-out new.key")]
pub(crate) struct Arguments {
    /// Which names the new version uses: those of the proposal, or those it will have once accepted
    /// [default: those that the backup has, and for a v1 backup those of the proposal]
    #[arg(long, value_enum)]
    names: Option<NamesArgument>,

    /// Read the old version's decryption key, base58 or base64, from this file; `-` is standard
    /// input. The new version has the same key unless another is asked for
    #[arg(long, value_name = "FILE")]
    key_file: Option<Input>,

    /// Make a new decryption key for the new version, and write it to a file before anything else
    #[arg(long)]
    new_key: bool,

    /// Where --new-key writes the key [default: beside the store, its name with `.new.key` added]
    #[arg(long, value_name = "FILE", requires = "new_key")]
    key_out: Option<PathBuf>,

    /// Read the new version's decryption key from this file: one that you have, or that an
    /// interrupted migration has made
    #[arg(long, value_name = "FILE", conflicts_with = "new_key")]
    new_key_file: Option<Input>,

    /// Migrate this version [default: the current one, or where that is the new version already, the
    /// newest of the others that the key reads]
    #[arg(long, value_name = "VERSION", value_parser = NonEmptyStringValueParser::new())]
    backup_version: Option<String>,

    /// Write nothing, and report what would come of each entry, as if the new version were empty
    #[arg(long)]
    dry_run: bool,

    /// Delete the old version, if every key of it was found in the new one
    #[arg(long, conflicts_with = "dry_run")]
    delete_old: bool,

    #[command(flatten)]
    confirm: ConfirmArguments,

    #[command(flatten)]
    findings: FindingArguments,
}

/// What clients do with a backup whose algorithm they do not know. // M-7
const V1_CLIENTS_STOP: &str = "clients that know only v1 backups stop backing up to this account as \
                               soon as there is a v2 backup, and cannot restore from it; the old \
                               version can still be read";

/// What to do where the file of a new key is in the way: it may be that of a migration that was
/// interrupted.
const KEEP_NEW_KEY: Overwrite = Overwrite::No(
    "if an interrupted migration has made it, give it with --new-key-file to go on; otherwise name \
     another file with --key-out",
);

pub(crate) fn run(arguments: &Arguments, context: &Context) -> Result<ExitStatus, Error> {
    block_on(migrate(arguments, context))
}

async fn migrate(arguments: &Arguments, context: &Context) -> Result<ExitStatus, Error> {
    let store = match arguments.dry_run {
        true => context.place.open().await?,
        false => context.place.open_to_write().await?,
    };
    let key_out = key_out(arguments, context)?;
    let old_key = old_key(arguments, context)?;
    let new_key = new_key(arguments, context, &old_key)?;
    let plan = Plan::make(arguments, context, &store, &old_key, &new_key).await?;
    old_key.trust(&plan.old, context)?;
    warn_of_unwanted_backup(&context.place, &store, context.output).await;

    let passes = if arguments.dry_run { 1 } else { 2 };
    let progress = Progress::new(context.output, "Migrating keys", passes * plan.old.count());
    let work =
        Work { arguments, context, store: &store, plan, old_key, new_key, progress: &progress };
    let told = Told::new(arguments.findings, &work);
    let came = if arguments.dry_run {
        work.dry_run(&told).await?
    } else {
        work.confirm()?;
        work.write_key(key_out.as_deref())?;
        work.migrate(&told).await?
    };
    progress.finish();
    let has_problems = told.problems.any();
    let report = MigrateReport::new(&work, came, key_out.as_deref(), told);
    work.warn_of_old_key();
    store.close().await?;
    context.output.report(&report)?;
    Ok(ExitStatus::from_findings(has_problems || !report.is_complete()))
}

/// Where a new key goes, if there is to be one; refused before any work is done.
fn key_out(arguments: &Arguments, context: &Context) -> Result<Option<PathBuf>, Error> {
    if !arguments.new_key || arguments.dry_run {
        return Ok(None);
    }
    let path = arguments.key_out.clone().unwrap_or_else(|| context.place.new_key_file());
    check_place(context, &path, KEEP_NEW_KEY)?;
    Ok(Some(path))
}

/// The new version's key: a new one, another one, or the same.
fn new_key(arguments: &Arguments, context: &Context, old: &GivenKey) -> Result<GivenKey, Error> {
    if arguments.new_key {
        return GivenKey::generate();
    }
    let given = KeyArguments { key_file: arguments.new_key_file.clone() };
    match arguments.new_key_file {
        Some(_) => GivenKey::required(&given, context),
        None => Ok(GivenKey { reader: old.reader.clone(), origin: old.origin.clone() }),
    }
}

/// All that a migration works with.
struct Work<'w> {
    arguments: &'w Arguments,
    context: &'w Context,
    store: &'w AnyStore,
    plan: Plan,
    old_key: GivenKey,
    new_key: GivenKey,
    progress: &'w Progress,
}

/// What is said of single keys. Marked ones are no fault and may be all there are, so they are
/// counted apart: they must not hide the others.
struct Told<'w> {
    marked: Findings<'w>,
    problems: Findings<'w>,
    progress: &'w Progress,
}

impl<'w> Told<'w> {
    fn new(arguments: FindingArguments, work: &Work<'w>) -> Self {
        let findings = || Findings::new(arguments, work.context.output, work.progress);
        Self { marked: findings(), problems: findings(), progress: work.progress }
    }

    /// `before` is what was done before this pass.
    fn hear(&self, before: u64, event: &MigrationEvent<'_>) {
        if let MigrationEvent::Progress { entries_done } = event {
            self.progress.set(before + entries_done);
        } else if let MigrationEvent::Marked(room, session) = event {
            self.marked.add(Finding::marked(room, session));
        } else if let Some(finding) = Finding::migration(event) {
            self.problems.add(finding);
        }
    }
}

impl Work<'_> {
    async fn dry_run(&self, told: &Told<'_>) -> Result<Came, Error> {
        let (old, user) = (&self.plan.old, self.context.user.as_ref());
        if self.plan.makes_v1_stop() {
            self.context.output.note(format_args!("once this is done, {V1_CLIENTS_STOP}"));
        }
        let writer = self.new_key.reader.writer(self.plan.names);
        let rules = Migration::new(self.old_key.reader.clone(), old.algorithm(), writer);
        let counts = dry_run(self.store, old, rules, user, |event| told.hear(0, &event)).await;
        let counts = counts.map_err(|error| self.failed(error))?;
        let missing = self.missing(&counts, told).await?;
        Ok(Came { counts, missing, report: None, deleted_old: false })
    }

    /// Only where the new version is still to be made: afterwards those clients have stopped. // M-7
    fn confirm(&self) -> Result<(), Error> {
        if !self.plan.makes_v1_stop() {
            return Ok(());
        }
        self.arguments.confirm.confirm(self.context, V1_CLIENTS_STOP)
    }

    /// The key is on the disk under its name before anything needs it. It stays, whatever happens.
    fn write_key(&self, path: Option<&Path>) -> Result<(), Error> {
        let Some(path) = path else { return Ok(()) };
        let line = secret_text(&[&self.new_key.reader.decryption_key().expose_base58(), "\n"]); // K-3
        NewFile::write(path, line.as_bytes(), KEEP_NEW_KEY)?;
        self.context.output.note(format_args!(
            "the new decryption key is in {0}, readable by you only: keep a copy in a safe place. If \
             this is interrupted, go on with --new-key-file {0}",
            path.display()
        ));
        Ok(())
    }

    async fn migrate(&self, told: &Told<'_>) -> Result<Came, Error> {
        let Self { store, plan, old_key, new_key, context, .. } = self;
        if let Some(version) = &plan.resumed {
            context.output.note(format_args!(
                "version {version} is of the algorithm, the names and the key that are wanted: version \
                 {} is migrated to it",
                plan.old.version()
            ));
        }
        let new = target(*store, &plan.old, &new_key.reader, plan.names).await;
        let new = new.map_err(|error| self.no_target(error))?;
        let trusted = new_key.trust_current(&new, context)?;
        let (old_reader, new_reader) = (old_key.reader.clone(), new_key.reader.clone());
        let user = context.user.clone();
        let migrator = Migrator::new(*store, &plan.old, old_reader, &trusted, new_reader, user);
        let migrator = migrator.map_err(|error| self.failed(error))?;
        let copied = migrator.copy(|event| told.hear(0, &event)).await;
        let copied = copied.map_err(|error| self.failed(error))?;
        let entries = copied.counts().entries;
        let report = copied.compare(|event| told.hear(entries, &event)).await;
        let report = report.map_err(|error| self.failed(error))?;
        let missing = self.missing(report.counts(), told).await?;
        let deleted_old = self.arguments.delete_old && self.delete_old(&report, missing).await?;
        Ok(Came { counts: *report.counts(), missing, report: Some(report), deleted_old })
    }

    /// How many entries the store says that the old version has, and did not give. // B-3
    async fn missing(&self, counts: &MigrationCounts, told: &Told<'_>) -> Result<u64, Error> {
        let now = self.store.version(self.plan.old.version()).await;
        let now = now.map_err(|error| self.failed(error.into()))?;
        let count = now.map_or(self.plan.old.count(), |now| now.count);
        let missing = count.saturating_sub(counts.entries);
        if missing > 0 {
            let message = format!(
                "the store says that version {} has {count} entries, and gave {}: compare it with an \
                 older copy",
                self.plan.old.version(),
                counts.entries
            );
            told.problems.add(Finding::missing(None, None, message));
        }
        Ok(missing)
    }

    /// Whether it was complete, and the old version is gone. // M-5
    async fn delete_old(&self, report: &MigrationReport, missing: u64) -> Result<bool, Error> {
        let Some(complete) = report.complete().filter(|_| missing == 0) else { return Ok(false) };
        CompleteMigration::delete_old(complete, self.store)
            .await
            .map_err(|error| self.failed(error.into()))?;
        Ok(true)
    }

    /// A key that is used unasked would be in the way from now on.
    fn warn_of_old_key(&self) {
        let is_the_same = self.old_key.reader.public_key() == self.new_key.reader.public_key();
        let found_unasked =
            matches!(self.old_key.origin, Origin::Environment(_) | Origin::BesideStore(_));
        if found_unasked && !is_the_same && !self.arguments.dry_run {
            self.context.output.warn(format_args!(
                "the key from {} is that of the old version, and not of the new one: from now on \
                 give the new one with --key-file, or put it in its place",
                self.old_key.origin
            ));
        }
    }

    fn no_target(&self, error: TargetError<AnyStoreError>) -> Error {
        let store = self.context.place.path().to_owned();
        match error {
            TargetError::Open(error) => Error::from_open(store, error),
            TargetError::Replaced { current, .. } => {
                Error::Replaced { store, old: self.plan.old.version().clone(), current }
            }
            _ => self.plan.nothing_to_do(self.context),
        }
    }

    fn failed(&self, error: MigrateError<AnyStoreError>) -> Error {
        let store = self.context.place.path().to_owned();
        match error {
            MigrateError::Store(error) => Error::from_store(store, error),
            MigrateError::Upload(error) => {
                Error::from_upload(store, self.plan.old.version(), &self.new_key.origin, error)
            }
            MigrateError::NoRandomness => Error::NoRandomness,
            error => Error::MigrationStopped { store, problem: error.to_string() },
        }
    }

    fn new_algorithm(&self) -> BackupAlgorithm {
        BackupAlgorithm::V2(self.plan.names)
    }
}
