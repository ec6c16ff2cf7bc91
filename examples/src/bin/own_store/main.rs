//! Backs up a key export file and restores it, in a store of one's own: `map_store.rs` is all that
//! it takes to plug one in.
//!
//! Needs `matrix-key-backup` without any of its features.
#![expect(clippy::print_stdout, reason = "it tells what it does")]

mod map_store;

use std::error::Error;

use futures_util::StreamExt as _;
use map_store::MapStore;
use matrix_key_backup::{
    RestoreSummary, create_backup,
    key_export::{KeyExportFile, Passphrase},
    primitives::BackupDecryptionKey,
    restore,
    store::KeyScope,
    trust::{KeyOrigin, TrustState, TrustedBackup},
    upload::{RoomKey, UploadEvent, Uploader},
    v2::{BackupReader, SourcedSession},
    wire::{BackupAlgorithm, Names},
};

const KEY_FILE: &str = include_str!("../../../../testdata/key-export/600-sessions.txt");
const PASSPHRASE: &str = "public test passphrase";

fn main() -> Result<(), Box<dyn Error>> {
    // Any executor will do: the engine brings none and needs none.
    pollster::block_on(async {
        let store = MapStore::default();
        let reader = BackupReader::new(BackupDecryptionKey::random()?);
        let backup = create_backup(&store, &reader, BackupAlgorithm::V2(Names::Unstable)).await?;
        println!("write this down: {}", *reader.decryption_key().expose_base58());

        // Nothing is written to a backup that is not trusted, not even to one just created (T-1).
        let (said, origin) = (backup.description(), KeyOrigin::CreatedHere);
        let mut state = TrustState::new(); // a real client keeps it over restarts (T-4)
        let trusted = TrustedBackup::from_decryption_key(said, &reader, origin, &mut state)?;
        let uploader = Uploader::for_reader(&store, &trusted, reader.clone(), None)?;
        let summary = uploader.upload(keys_from_file()?, |event| tell(&event)).await?;
        println!("uploaded {} keys, {} of them new", summary.keys, summary.new);
        assert_eq!((summary.keys, summary.new), (600, 600));

        let again = uploader.upload(keys_from_file()?, |_| ()).await?;
        println!("uploaded again: {} unchanged", again.unchanged);
        assert_eq!(again.unchanged, 600);

        let entry_reader = backup.reader(reader, None)?;
        let mut batches = restore(&store, backup.version().clone(), KeyScope::All, entry_reader);
        let mut summary = RestoreSummary::default();
        while let Some(batch) = batches.next().await {
            let batch = batch?;
            summary.add(&batch);
            // A client imports `batch.sessions` here, and shows `batch.rejected`.
        }
        println!("restored {} entries, {} rejected", summary.entries, summary.rejected_total());
        println!("nobody vouches for {} of them", summary.keys.unauthenticated_total());
        assert_eq!((summary.entries, summary.rejected_total()), (600, 0));
        assert_eq!(summary.keys.unauthenticated.get("m.undefined"), Some(&600)); // V2-11
        Ok(())
    })
}

/// The keys of a key export file. Nobody vouches for what is in a file.
fn keys_from_file() -> Result<Vec<RoomKey>, Box<dyn Error>> {
    let passphrase = Passphrase::new(PASSPHRASE.to_owned());
    let export = KeyExportFile::parse(KEY_FILE)?.decrypt(&passphrase)?;
    let mut keys = Vec::with_capacity(export.len());
    for entry in &export {
        let (room_id, data) = entry?.into_parts();
        keys.push(RoomKey::new(SourcedSession::unvouched(data, room_id)));
    }
    Ok(keys)
}

fn tell(event: &UploadEvent<'_>) {
    match event {
        UploadEvent::Progress { keys_done, .. } => println!("… {keys_done}"),
        UploadEvent::Notice(notice) => println!("{}: {:?}", notice.session_id, notice.what),
        _ => {}
    }
}
