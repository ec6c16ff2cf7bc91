//! Real sessions to back up, and what a device restores of them.

use std::collections::BTreeMap;

use futures_util::StreamExt as _;
use matrix_key_backup::store::{BackupStore, KeyScope};
use matrix_key_backup::trust::{KeyOrigin, TrustState, TrustedBackup};
use matrix_key_backup::upload::{RoomKey, UploadEvent, UploadSummary, Uploader};
use matrix_key_backup::v2::{BackupReader, OlmSender, SourcedSession};
use matrix_key_backup::wire::{BackedUpSessionData, RoomId};
use matrix_key_backup::{BackedUpSession, EntryReader, OpenBackup, restore};
use serde_json::Value;

/// A claimed key for those sessions whose vectors name none: what came by Olm has one.
pub const ED25519: &str = "i4ZSTnb+S0Ce51HkmZaYzBBVJV4ViYvQnHwLJkWyzEs";

/// The plaintext of 100 sessions, by themselves.
pub fn plaintexts() -> Vec<BackedUpSessionData> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/vectors/megolm_sessions.json");
    let file: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let sessions = file["sessions"].as_array().unwrap().iter();
    sessions
        .map(|session| {
            let mut json = session["session_data"].clone();
            let claimed = json["sender_claimed_keys"].as_object_mut().unwrap();
            claimed.entry("ed25519").or_insert_with(|| ED25519.into());
            BackedUpSessionData::parse(json.to_string().as_bytes()).unwrap()
        })
        .collect()
}

/// The same as they come in Olm-encrypted `m.room_key`, in ten rooms. // V2-8
pub fn room_keys() -> Vec<RoomKey> {
    plaintexts().into_iter().enumerate().map(|(n, data)| room_key(data, n % 10)).collect()
}

pub fn room_key(data: BackedUpSessionData, room: usize) -> RoomKey {
    let room = RoomId::new(format!("!room{room}:example.org")).unwrap();
    let (curve25519, ed25519) = (
        data.sender_key().to_owned(),
        data.sender_claimed_keys().get("ed25519").unwrap().to_owned(),
    );
    let sender = OlmSender { curve25519: &curve25519, ed25519: &ed25519 };
    RoomKey::new(SourcedSession::from_olm_room_key(data, sender, room, None).unwrap())
}

/// Session keys by session id.
pub fn by_session(keys: &[RoomKey]) -> BTreeMap<String, String> {
    let said = |key: &RoomKey| {
        let session_key = key.session.data().session_key().expose_base64().to_string();
        (key.session.session_id().to_string(), session_key)
    };
    keys.iter().map(said).collect()
}

pub fn trust(backup: &OpenBackup, key: &BackupReader) -> TrustedBackup {
    let (said, origin) = (backup.description(), KeyOrigin::EnteredByUser);
    TrustedBackup::from_decryption_key(said, key, origin, &mut TrustState::new()).unwrap()
}

/// Uploads, and notes each session that was told as done.
pub async fn upload<S: BackupStore>(
    store: &S,
    backup: &OpenBackup,
    key: &BackupReader,
    keys: Vec<RoomKey>,
    told: &mut Vec<String>,
) -> Result<UploadSummary, String> {
    let trusted = trust(backup, key);
    let uploader = Uploader::for_reader(store, &trusted, key.clone(), None).unwrap();
    let note = |event: UploadEvent<'_>| {
        if let UploadEvent::Key { session_id, .. } = event {
            told.push(session_id.to_string());
        }
    };
    uploader.upload(keys, note).await.map_err(|error| error.to_string())
}

/// All that a device with this key restores of a version; every entry must give its key.
pub async fn restored<S: BackupStore>(
    store: &S,
    backup: &OpenBackup,
    key: &BackupReader,
    scope: KeyScope,
) -> Result<Vec<BackedUpSession>, String> {
    let reader = EntryReader::new(key.clone(), backup.algorithm(), None);
    let mut batches = restore(store, backup.version().clone(), scope, reader);
    let mut sessions = Vec::new();
    while let Some(batch) = batches.next().await {
        let batch = batch.map_err(|error| error.to_string())?;
        assert!(batch.rejected.is_empty(), "{:?}", batch.rejected);
        sessions.extend(batch.sessions);
    }
    Ok(sessions)
}

/// Session keys by session id.
pub fn restored_keys(sessions: &[BackedUpSession]) -> BTreeMap<String, String> {
    let said = |session: &BackedUpSession| {
        let session_key = session.data().session_key().expose_base64().to_string();
        (session.session_id().to_string(), session_key)
    };
    sessions.iter().map(said).collect()
}
