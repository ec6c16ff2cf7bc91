//! Backups in files, of any size, to be restored.

use std::{
    fs::File,
    path::{Path, PathBuf},
};

use matrix_key_backup::{
    create_backup,
    store::{BackupStore, JsonFileWriter, KeyScope, KeyToStore, SqliteStore, VersionId},
    v2::{BackupReader, BackupWriter},
    wire::{KeyBackupData, RoomId},
};
use rand::rng;
use rayon::prelude::*;

use crate::{Result, input, ours::ALGORITHM};

/// As many as a lively room has.
const SESSIONS_PER_ROOM: usize = 100;
/// How many are made and written at a time.
const AT_A_TIME: usize = 10_000;
/// What a homeserver would file keys under.
const DECRYPTION_KEY: [u8; 32] = [42; 32];

/// One backup in two files.
pub(crate) struct BackupFiles {
    pub(crate) sqlite: PathBuf,
    pub(crate) json: PathBuf,
}

/// The keys of every backup that is made here.
pub(crate) fn reader() -> Result<BackupReader> {
    input::reader_of(DECRYPTION_KEY)
}

/// Makes a backup of so many keys, each of a Megolm session of its own.
pub(crate) async fn create(folder: &Path, sessions: usize) -> Result<BackupFiles> {
    let sqlite = folder.join(format!("{sessions}.sqlite3"));
    let json = folder.join(format!("{sessions}.json"));
    let store = SqliteStore::create(&sqlite).await?;
    let reader = reader()?;
    let writer = reader.writer(matrix_key_backup::wire::Names::Unstable);
    let backup = create_backup(&store, &reader, ALGORITHM).await?;
    for first in (0..sessions).step_by(AT_A_TIME) {
        let numbers = first..sessions.min(first + AT_A_TIME);
        let keys = numbers.into_par_iter().map(|number| sealed(&writer, number).unwrap()).collect();
        store.put_keys(backup.version(), keys).await?;
    }
    write_json(&store, backup.version(), &json).await?;
    Ok(BackupFiles { sqlite, json })
}

fn sealed(writer: &BackupWriter, number: usize) -> Result<KeyToStore> {
    let room = RoomId::new(format!("!room{}:example.org", number / SESSIONS_PER_ROOM))?;
    let session = input::session(room)?;
    let data = KeyBackupData {
        first_message_index: 0,
        forwarded_count: 0,
        is_verified: true,
        session_data: writer.seal(&session, &mut rng())?.into_raw(),
    };
    let (room_id, session_id) = (session.room_id().clone(), session.session_id());
    Ok(KeyToStore { room_id, session_id, data })
}

async fn write_json(store: &SqliteStore, version: &VersionId, path: &Path) -> Result<()> {
    let backup = store.version(version).await?.ok_or("the backup that was just made")?;
    let mut writer = JsonFileWriter::new(File::create_new(path)?, &backup)?;
    let mut pages = store.keys(version.clone(), KeyScope::All);
    while let Some(page) = pages.next_page().await {
        if !writer.write(page?)?.is_empty() {
            return Err("a key was left out of the JSON file".into());
        }
    }
    writer.finish()?;
    Ok(())
}
