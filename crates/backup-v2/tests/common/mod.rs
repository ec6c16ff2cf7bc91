//! What the tests of this crate share: real sessions, keys, vectors.
#![allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "shared by several test crates"
)]

use std::sync::LazyLock;

use matrix_key_backup_primitives::BackupDecryptionKey;
use matrix_key_backup_v2::{BackupReader, BoundSession, UnverifiedSessionData};
use matrix_key_backup_wire::{
    BackedUpSessionData, BackupAlgorithm, Expected, Names, RoomId, SessionDataV2, SessionId,
};
use serde_json::Value;

pub const V2: BackupAlgorithm = BackupAlgorithm::V2(Names::Unstable);

pub fn vectors(file: &str) -> Value {
    let path = format!("{}/../../testdata/vectors/{file}", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// The plaintexts of a hundred real sessions.
pub fn sessions() -> Vec<BackedUpSessionData> {
    static SESSIONS: LazyLock<Vec<BackedUpSessionData>> = LazyLock::new(|| {
        let file = vectors("megolm_sessions.json");
        let sessions = file["sessions"].as_array().unwrap();
        let parse = |session: &Value| {
            BackedUpSessionData::parse(session["session_data"].to_string().as_bytes()).unwrap()
        };
        sessions.iter().map(parse).collect()
    });
    SESSIONS.clone()
}

pub fn reader(fill: u8) -> BackupReader {
    BackupReader::new(BackupDecryptionKey::from_slice(&[fill; 32]).unwrap())
}

pub fn rng() -> rand_core::UnwrapErr<getrandom::SysRng> {
    rand_core::UnwrapErr(getrandom::SysRng)
}

pub fn room() -> RoomId {
    RoomId::new("!room:example.org").unwrap()
}

pub fn expected(data: &SessionDataV2) -> Expected {
    let session_id: SessionId = data.session_key().session_id();
    Expected { room_id: room(), session_id, user_id: None }
}

/// The whole walk, which must succeed.
pub fn walk(json: &str, reader: &BackupReader, expected: &Expected) -> BoundSession {
    UnverifiedSessionData::parse(json, V2)
        .unwrap()
        .verify(reader.mac_key())
        .unwrap()
        .decrypt(reader)
        .unwrap()
        .bind(expected)
        .unwrap()
}
