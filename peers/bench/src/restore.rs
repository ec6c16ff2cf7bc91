//! Whole restores, from a file to room keys, each in a process of its own.

use std::{
    env,
    path::PathBuf,
    process::{Command, Stdio},
    time::Instant,
};

use futures_util::StreamExt;
use matrix_key_backup::{
    EntryReader, OpenBackup, RestoreSummary, restore,
    store::{BackupStore, JsonFileStore, KeyScope, ReceivedKey, SqliteStore},
    v2::{BackupReader, UnverifiedSessionData, VerifiedSessionData},
    wire::Expected,
};
use serde::{Deserialize, Serialize};

use crate::{
    Result,
    arguments::Comparison,
    backup_file::{self, BackupFiles},
    clock, memory,
    ours::ALGORITHM,
    tier::Tier,
};

/// How often each is done: what counts is the one in the middle.
const TIMES: usize = 3;
const MILLION: usize = 1_000_000;

/// What a process is to restore.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Errand {
    pub(crate) file: PathBuf,
    pub(crate) form: Form,
    pub(crate) sessions: usize,
    pub(crate) tier: Tier,
    /// How many threads compute. Another one reads the file.
    pub(crate) threads: usize,
    /// By the engine, or step by step on one thread, with a clock between the steps.
    pub(crate) by: By,
}

/// How a backup lies in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Form {
    Json,
    Sqlite,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum By {
    Engine,
    Stages,
}

/// What it took.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Outcome {
    pub(crate) seconds: f64,
    /// Of all threads together.
    pub(crate) processor_seconds: f64,
    pub(crate) peak_mib: f64,
    /// Of the same process before it did anything.
    pub(crate) empty_mib: f64,
    pub(crate) stages: Option<Stages>,
}

/// Seconds of processor time per stage, one after the other.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Stages {
    /// From the file to entries, checked in form. This is what all other stages leave over.
    pub(crate) read: f64,
    /// `session_data` to a tree.
    pub(crate) parse: f64,
    /// The MAC.
    pub(crate) verify: f64,
    /// Base64, X25519, HKDF, AES, and the plaintext to a room key.
    pub(crate) decrypt: f64,
    /// The room key with its place.
    pub(crate) bind: f64,
}

/// An errand and what came of it.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Restore {
    #[serde(flatten)]
    pub(crate) errand: Errand,
    #[serde(flatten)]
    pub(crate) outcome: Outcome,
}

impl Errand {
    /// What stands before one on the command line.
    pub(crate) const OPTION: &str = "--restore";

    /// Sends a process on it.
    fn send(&self) -> Result<Outcome> {
        let mut command = Command::new(env::current_exe()?);
        command.args([Self::OPTION, &serde_json::to_string(self)?]);
        command.env("RAYON_NUM_THREADS", self.threads.to_string());
        let output = command.stderr(Stdio::inherit()).output()?;
        if !output.status.success() {
            return Err(format!("{self:?} ended with {}", output.status).into());
        }
        Ok(serde_json::from_slice(&output.stdout)?)
    }
}

/// Makes files and restores them on every tier.
pub(crate) fn all(comparison: &Comparison) -> Result<Vec<Restore>> {
    // Beside the program: there is room where it was built.
    let folder = env::current_exe()?.parent().map_or_else(env::temp_dir, PathBuf::from);
    let folder = tempfile::tempdir_in(folder)?;
    let files = pollster::block_on(backup_file::create(folder.path(), comparison.sessions))?;
    let errands = errands(&files, comparison.sessions)?;
    let mut outcomes: Vec<Vec<Outcome>> = vec![Vec::new(); errands.len()];
    for _ in 0..TIMES {
        for (errand, outcomes) in errands.iter().zip(&mut outcomes) {
            outcomes.push(errand.send()?);
        }
    }
    let mut restores: Vec<_> = errands
        .into_iter()
        .zip(outcomes)
        .map(|(errand, outcomes)| Restore { errand, outcome: in_the_middle(outcomes) })
        .collect();
    if comparison.million {
        let files = pollster::block_on(backup_file::create(folder.path(), MILLION))?;
        for (file, form) in [(files.json, Form::Json), (files.sqlite, Form::Sqlite)] {
            let (tier, sessions) = (Tier::detect()?, MILLION);
            let errand = Errand { file, form, sessions, tier, threads: 2, by: By::Engine };
            restores.push(Restore { outcome: errand.send()?, errand });
        }
    }
    Ok(restores)
}

fn errands(files: &BackupFiles, sessions: usize) -> Result<Vec<Errand>> {
    let from = |form, tier, threads, by| {
        let file = match form {
            Form::Json => files.json.clone(),
            Form::Sqlite => files.sqlite.clone(),
        };
        Errand { file, form, sessions, tier, threads, by }
    };
    let mut errands = Vec::new();
    for tier in Tier::available() {
        for threads in [1, 2] {
            errands.push(from(Form::Json, tier, threads, By::Engine));
        }
        errands.push(from(Form::Json, tier, 1, By::Stages));
    }
    let tier = Tier::detect()?;
    errands.extend([1, 2].map(|threads| from(Form::Sqlite, tier, threads, By::Engine)));
    Ok(errands)
}

fn in_the_middle(mut outcomes: Vec<Outcome>) -> Outcome {
    outcomes.sort_by(|one, other| one.seconds.total_cmp(&other.seconds));
    outcomes.swap_remove(outcomes.len() / 2)
}

/// Does one, in a process that does nothing else.
pub(crate) async fn run(errand: &Errand) -> Result<Outcome> {
    let empty = memory::peak_kib()?;
    let started = Instant::now();
    let stages = match errand.form {
        Form::Json => from_store(&JsonFileStore::open(&errand.file).await?, errand).await?,
        Form::Sqlite => from_store(&SqliteStore::open(&errand.file).await?, errand).await?,
    };
    Ok(Outcome {
        seconds: started.elapsed().as_secs_f64(),
        processor_seconds: clock::process_seconds(),
        peak_mib: mib(memory::peak_kib()?),
        empty_mib: mib(empty),
        stages,
    })
}

fn mib(kib: u64) -> f64 {
    kib as f64 / 1024.0
}

async fn from_store<S: BackupStore>(store: &S, errand: &Errand) -> Result<Option<Stages>>
where
    S::Error: 'static,
{
    let backup = OpenBackup::current(store).await.map_err(|error| format!("{error:?}"))?;
    let reader = backup_file::reader()?.on_tier(errand.tier.x25519())?;
    match errand.by {
        By::Engine => {
            let restored = by_the_engine(store, &backup, reader).await?;
            check(restored, errand).map(|()| None)
        }
        By::Stages => {
            let (restored, stages) = in_stages(store, &backup, &reader).await?;
            check(restored, errand).map(|()| Some(stages))
        }
    }
}

fn check(restored: usize, errand: &Errand) -> Result<()> {
    let expected = errand.sessions;
    if restored == expected {
        Ok(())
    } else {
        Err(format!("{restored} of {expected} keys were restored").into())
    }
}

/// The way that the program goes.
async fn by_the_engine<S: BackupStore>(
    store: &S,
    backup: &OpenBackup,
    reader: BackupReader,
) -> Result<usize> {
    let reader = EntryReader::new(reader, backup.algorithm(), None);
    let mut batches = restore(store, backup.version().clone(), KeyScope::All, reader);
    let mut summary = RestoreSummary::default();
    while let Some(batch) = batches.next().await {
        summary.add(&batch.map_err(|error| format!("{error:?}"))?);
    }
    Ok(usize::try_from(summary.keys.authenticated)?)
}

/// The same walk by hand, stage by stage.
async fn in_stages<S: BackupStore>(
    store: &S,
    backup: &OpenBackup,
    reader: &BackupReader,
) -> Result<(usize, Stages)> {
    let (mut restored, mut stages) = (0, Stages::default());
    let mut pages = store.keys(backup.version().clone(), KeyScope::All);
    while let Some(page) = pages.next_page().await {
        let page = page.map_err(|error| format!("{error:?}"))?;
        restored += walk(&page, reader, &mut stages)?;
    }
    let Stages { read: _, parse, verify, decrypt, bind } = stages;
    stages.read = clock::process_seconds() - parse - verify - decrypt - bind;
    Ok((restored, stages))
}

fn walk(page: &[ReceivedKey], reader: &BackupReader, stages: &mut Stages) -> Result<usize> {
    let entries = page.iter().map(|key| key.data.as_ref()).collect::<Result<Vec<_>, _>>();
    let entries = entries.map_err(Clone::clone)?;
    let mut last = clock::thread_seconds();
    let unverified = entries
        .iter()
        .map(|entry| UnverifiedSessionData::parse(entry.session_data.get(), ALGORITHM))
        .collect::<Result<Vec<_>, _>>()?;
    lap(&mut last, &mut stages.parse);
    let verified = unverified
        .into_iter()
        .map(|entry| entry.verify(reader.mac_key()))
        .collect::<Result<Vec<_>, _>>()?;
    lap(&mut last, &mut stages.verify);
    let decrypted = VerifiedSessionData::decrypt_batch(&verified, reader);
    let decrypted = decrypted.into_iter().collect::<Result<Vec<_>, _>>()?;
    lap(&mut last, &mut stages.decrypt);
    let mut bound = Vec::with_capacity(decrypted.len());
    for (decrypted, key) in decrypted.into_iter().zip(page) {
        let (room_id, session_id) = (key.room_id.clone(), key.session_id.clone());
        bound.push(decrypted.bind(&Expected { room_id, session_id, user_id: None })?);
    }
    lap(&mut last, &mut stages.bind);
    Ok(bound.len())
}

/// Adds what has passed since the last time.
fn lap(last: &mut f64, stage: &mut f64) {
    let now = clock::thread_seconds();
    *stage += now - *last;
    *last = now;
}
