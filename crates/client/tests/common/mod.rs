//! What the tests of stores share: entries to store, and the suite that every store must pass.

#![allow(dead_code, unreachable_pub, reason = "each test binary uses its own part")]

pub mod model;
pub mod suite;

use std::collections::BTreeSet;

use matrix_key_backup::replacement::KeyMetadata;
use matrix_key_backup::store::{
    BackupStore, KeyScope, KeyToStore, ReceivedKey, Unwritten, UnwrittenReason, VersionId,
};
use matrix_key_backup::wire::{KeyBackupData, RoomId, SessionId};
use serde_json::value::RawValue;

pub const ALGORITHM: &str = "org.matrix.msc4048.curve25519-aes-sha2";

/// One entry as plain values, in the order that reading sorts by here.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    pub room_id: String,
    pub session_id: String,
    pub metadata: (bool, u64, u64),
    pub session_data: String,
}

pub fn room(id: &str) -> RoomId {
    RoomId::new(id).unwrap()
}

pub fn session(id: &str) -> SessionId {
    SessionId::new(id).unwrap()
}

pub fn raw(json: &str) -> Box<RawValue> {
    RawValue::from_string(json.to_owned()).unwrap()
}

pub fn metadata(is_verified: bool, first_message_index: u64, forwarded_count: u64) -> KeyMetadata {
    KeyMetadata { is_verified, first_message_index, forwarded_count }
}

/// An entry whose `session_data` tells it from all others.
pub fn key(room_id: &str, session_id: &str, metadata: KeyMetadata, mark: &str) -> KeyToStore {
    let session_data = serde_json::json!({
        "ephemeral": "vyYXTHtLDBdg4RdaE3FHSiG+LJ1LmrKLEgNmwGAGGTY",
        "ciphertext": mark,
        "unsigned": {"org.matrix.msc4048.backup_mac": "w"},
    });
    KeyToStore {
        room_id: room(room_id),
        session_id: session(session_id),
        data: KeyBackupData {
            first_message_index: metadata.first_message_index,
            forwarded_count: metadata.forwarded_count,
            is_verified: metadata.is_verified,
            session_data: raw(&session_data.to_string()),
        },
    }
}

/// An entry like any other.
pub fn plain_key(room_id: &str, session_id: &str) -> KeyToStore {
    key(room_id, session_id, metadata(false, 0, 0), session_id)
}

pub fn is_same(one: &KeyBackupData, other: &KeyBackupData) -> bool {
    let json = |data| serde_json::to_value::<&KeyBackupData>(data).unwrap();
    json(one) == json(other)
}

pub fn same_place(one: &KeyToStore, other: &KeyToStore) -> bool {
    (&one.room_id, &one.session_id) == (&other.room_id, &other.session_id)
}

/// These entries as a store reports them that kept others: each place once, in order.
pub fn kept_old<'a>(keys: impl IntoIterator<Item = &'a KeyToStore>) -> Vec<Unwritten> {
    let places: BTreeSet<_> =
        keys.into_iter().map(|key| (key.room_id.clone(), key.session_id.clone())).collect();
    let reason = UnwrittenReason::KeptOld;
    places
        .into_iter()
        .map(|(room_id, session_id)| Unwritten { room_id, session_id, reason: reason.clone() })
        .collect()
}

impl Entry {
    fn new(room_id: &RoomId, session_id: &SessionId, data: &KeyBackupData) -> Self {
        // Compared as JSON, because stores need not keep the bytes.
        let value: serde_json::Value = serde_json::from_str(data.session_data.get()).unwrap();
        Self {
            room_id: room_id.as_str().to_owned(),
            session_id: session_id.as_str().to_owned(),
            metadata: (data.is_verified, data.first_message_index, data.forwarded_count),
            session_data: value.to_string(),
        }
    }
}

impl From<&KeyToStore> for Entry {
    fn from(key: &KeyToStore) -> Self {
        Self::new(&key.room_id, &key.session_id, &key.data)
    }
}

impl From<&ReceivedKey> for Entry {
    fn from(key: &ReceivedKey) -> Self {
        Self::new(&key.room_id, &key.session_id, key.data.as_ref().unwrap())
    }
}

pub fn entries<'a, T: 'a>(keys: impl IntoIterator<Item = &'a T>) -> Vec<Entry>
where
    Entry: From<&'a T>,
{
    let mut entries: Vec<_> = keys.into_iter().map(Entry::from).collect();
    entries.sort();
    entries
}

/// All pages of a scope.
pub async fn read_pages<S: BackupStore>(
    store: &S,
    version: &VersionId,
    scope: KeyScope,
) -> Vec<Vec<ReceivedKey>> {
    let mut pages = store.keys(version.clone(), scope);
    let mut read = Vec::new();
    while let Some(page) = pages.next_page().await {
        let page = page.unwrap();
        assert!(!page.is_empty(), "a page has at least one entry");
        read.push(page);
    }
    assert!(pages.next_page().await.is_none(), "the end is the end");
    read
}

/// All entries of a scope, each of which must be readable.
pub async fn read<S: BackupStore>(store: &S, version: &VersionId, scope: KeyScope) -> Vec<Entry> {
    entries(read_pages(store, version, scope).await.iter().flatten())
}
