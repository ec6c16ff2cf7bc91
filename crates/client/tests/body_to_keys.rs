//! From the bytes that a homeserver answers to keys with their provenance, without Ruma: what an SDK
//! with its own HTTP does.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test"
)]

use std::collections::BTreeSet;

use matrix_key_backup::{
    BackedUpSession, EntryReader, RejectedKey,
    primitives::BackupDecryptionKey,
    store::RoomKeysScanner,
    v2::BackupReader,
    wire::{BackupAlgorithm, Provenance, UnauthenticatedSource},
};
use serde_json::{Value, json};

fn file() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/vectors/room_keys_body.json");
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// Every entry of an answer to `GET /room_keys/keys`, each with a result of its own.
fn read(file: &Value, body: &Value) -> Vec<Result<BackedUpSession, RejectedKey>> {
    let key = BackupDecryptionKey::from_base64(file["decryption_key"].as_str().unwrap()).unwrap();
    let reader = EntryReader::new(BackupReader::new(key), BackupAlgorithm::V1, None);
    let (mut scanner, mut keys) = (RoomKeysScanner::all(), Vec::new());
    for chunk in body.to_string().as_bytes().chunks(1000) {
        scanner.push(chunk, &mut keys).unwrap();
    }
    scanner.finish().unwrap();
    keys.into_iter().map(|key| reader.read(key)).collect()
}

/// Room and session of everything in a body.
fn places(body: &Value) -> BTreeSet<(String, String)> {
    let rooms = body["rooms"].as_object().unwrap().iter();
    rooms
        .flat_map(|(room, value)| {
            let sessions = value["sessions"].as_object().unwrap().keys();
            sessions.map(|session| (room.clone(), session.clone()))
        })
        .collect()
}

#[test]
fn every_key_of_a_deployed_client_is_read() {
    let file = file();
    let read = read(&file, &file["body"]);
    let legacy = Provenance::Unauthenticated(UnauthenticatedSource::LegacyV1);
    let found: BTreeSet<_> = read
        .iter()
        .map(|session| {
            let session = session.as_ref().unwrap();
            assert_eq!(*session.provenance(), legacy); // V1-6
            (session.room_id().to_string(), session.session_id().to_string())
        })
        .collect();
    assert_eq!((read.len(), found), (200, places(&file["body"])));
}

/// One bad entry never costs the others, whatever is bad about it: its content, its id, its room.
#[test]
fn what_cannot_be_read_is_an_error_of_its_own() {
    let file = file();
    let mut body = file["body"].clone();
    let rooms = body["rooms"].as_object_mut().unwrap();
    let room = rooms.keys().next().unwrap().clone();
    let sessions = rooms[&room]["sessions"].as_object_mut().unwrap();
    let good = sessions.values().next().unwrap().clone();
    let mut damaged = good.clone();
    damaged["session_data"]["mac"] = json!("AAAAAAAAAAA");
    for (session_id, entry) in [
        ("", good.clone()),      // an id that is none
        ("moved", good.clone()), // B-1
        ("damaged", damaged),    // V1-5
        ("empty", json!({})),    // no entry
        ("null", json!(null)),   // nor this
        ("negative", json!({ "first_message_index": -1 })),
    ] {
        assert!(sessions.insert(session_id.to_owned(), entry).is_none());
    }
    rooms.insert(String::new(), json!({ "sessions": { "in no room": good } }));
    rooms.insert("!no room".to_owned(), json!("sessions"));

    let (good, bad): (Vec<_>, Vec<_>) = read(&file, &body).into_iter().partition(Result::is_ok);
    assert_eq!((good.len(), bad.len()), (200, 8));
    let messages: BTreeSet<_> = bad.into_iter().map(|bad| bad.unwrap_err().to_string()).collect();
    assert_eq!(messages.len(), 8, "{messages:#?}");
}
