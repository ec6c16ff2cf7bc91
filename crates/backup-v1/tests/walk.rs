//! The v1 walk against what deployed implementations wrote, and against what they should not have
//! accepted.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test"
)]

use matrix_key_backup_primitives::{BackupDecryptionKey, BackupPublicKey};
use matrix_key_backup_v1::{
    BindError, BoundSession, LowOrderPublicKey, ReceivedKey, UnusableKey, encrypt,
};
use matrix_key_backup_wire::{
    BackedUpSessionData, Expected, Provenance, RoomId, SessionId, UnauthenticatedSource,
};
use proptest::prelude::*;
use serde_json::{Value, json};

fn vectors(file: &str) -> Value {
    let path = format!("{}/../../testdata/vectors/{file}", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn key(text: &Value) -> BackupDecryptionKey {
    BackupDecryptionKey::from_base64(text.as_str().unwrap()).unwrap()
}

fn expected(session_id: SessionId) -> Expected {
    Expected { room_id: RoomId::new("!room:example.org").unwrap(), session_id, user_id: None }
}

fn rng() -> rand_core::UnwrapErr<getrandom::SysRng> {
    rand_core::UnwrapErr(getrandom::SysRng)
}

fn session() -> BackedUpSessionData {
    let file = vectors("megolm_sessions.json");
    let json = file["sessions"][0]["session_data"].to_string();
    BackedUpSessionData::parse(json.as_bytes()).unwrap()
}

/// A whole backup, written by matrix-sdk-crypto's JavaScript build.
#[test]
fn deployed_backup_is_read_whole() {
    let file = vectors("room_keys_body.json");
    let key = key(&file["decryption_key"]);
    let mut read = 0;
    for (room_id, room) in file["body"]["rooms"].as_object().unwrap() {
        for (session_id, entry) in room["sessions"].as_object().unwrap() {
            let expected = Expected {
                room_id: RoomId::new(room_id.as_str()).unwrap(),
                session_id: SessionId::new(session_id.as_str()).unwrap(),
                user_id: None,
            };
            let json = entry["session_data"].to_string();
            let bound =
                ReceivedKey::parse(&json).unwrap().decrypt(&key).unwrap().bind(&expected).unwrap();
            let index = u64::from(bound.data().session_key().first_known_index());
            assert_eq!(entry["first_message_index"], index);
            assert_eq!(bound.room_id(), &expected.room_id);
            read += 1;
        }
    }
    assert_eq!(read, 200);
}

/// What every deployed writer wrote as a room key.
#[test]
fn room_keys_of_all_deployed_writers_are_read() {
    let file = vectors("backup_v1.json");
    let mut read = 0;
    for case in file["vectors"].as_array().unwrap() {
        let Some(plaintext) = case["plaintext_utf8"].as_str() else { continue };
        let Ok(session) = BackedUpSessionData::parse(plaintext.as_bytes()) else { continue };
        let entry = json!({
            "ephemeral": case["ephemeral"], "ciphertext": case["ciphertext"], "mac": case["mac"],
        });
        let entry = entry.to_string();
        let decrypted = ReceivedKey::parse(&entry).unwrap().decrypt(&key(&case["private"]));
        let id = session.session_key().session_id();
        let bound = decrypted.unwrap().bind(&expected(id)).unwrap();
        assert_eq!(bound.data(), &session, "{}", case["id"]);
        read += 1;
    }
    assert!(read >= 15, "{read}");
}

#[test]
fn edge_cases() {
    let file = vectors("backup_v1_edge.json");
    let cases = file["cases"].as_array().unwrap();
    assert!(cases.len() >= 28);
    for case in cases {
        let entry = json!({
            "ephemeral": case["ephemeral"], "ciphertext": case["ciphertext"], "mac": case["mac"],
        });
        let entry = entry.to_string();
        let read = ReceivedKey::parse(&entry).unwrap().decrypt(&key(&case["private"]));
        // Two decrypt to bytes that are no session data; those are refused all the same.
        let as_bytes_only = case["expected_note"].is_string();
        match case["expected"].as_str().unwrap() {
            "accept" if !as_bytes_only => assert!(read.is_ok(), "{}: {read:?}", case["case"]),
            _ => assert!(read.is_err(), "{}", case["case"]),
        }
    }
}

#[test]
fn provenance_is_legacy_and_nothing_else() {
    let legacy = Provenance::Unauthenticated(UnauthenticatedSource::LegacyV1);
    assert_eq!(BoundSession::PROVENANCE, legacy); // V1-6
}

#[test]
fn key_filed_under_another_session_is_refused() {
    let key = BackupDecryptionKey::from_slice(&[1; 32]).unwrap();
    let session = session();
    let entry = encrypt(&key.public_key(), &session, &mut rng()).unwrap();
    let decrypted = ReceivedKey::parse(entry.as_json()).unwrap().decrypt(&key).unwrap();
    let refused = decrypted.bind(&expected(SessionId::new("other").unwrap())).unwrap_err();
    assert_eq!(refused, BindError::WrongSession { found: session.session_key().session_id() }); // B-1
}

#[test]
fn missing_and_mistyped_properties_are_named() {
    let key = BackupDecryptionKey::from_slice(&[1; 32]).unwrap();
    let entry = encrypt(&key.public_key(), &session(), &mut rng()).unwrap();
    for name in ["ephemeral", "ciphertext", "mac"] {
        let mut value: Value = serde_json::from_str(entry.as_json()).unwrap();
        for bad in [Value::Null, json!(1), json!(["x"]), json!("!")] {
            value[name] = bad;
            let json = value.to_string();
            let error = ReceivedKey::parse(&json).unwrap().decrypt(&key).unwrap_err();
            assert_eq!(error, UnusableKey::Malformed { name });
        }
        value.as_object_mut().unwrap().remove(name);
        let json = value.to_string();
        let error = ReceivedKey::parse(&json).unwrap().decrypt(&key).unwrap_err();
        assert_eq!(error, UnusableKey::Missing { name });
    }
}

#[test]
fn wrong_key_and_wrong_mac_look_the_same() {
    let key = BackupDecryptionKey::from_slice(&[1; 32]).unwrap();
    let other = BackupDecryptionKey::from_slice(&[2; 32]).unwrap();
    let entry = encrypt(&key.public_key(), &session(), &mut rng()).unwrap();
    let wrong_key = ReceivedKey::parse(entry.as_json()).unwrap().decrypt(&other).unwrap_err();
    let mut value: Value = serde_json::from_str(entry.as_json()).unwrap();
    value["mac"] = json!("AAAAAAAAAAA");
    let json = value.to_string();
    let wrong_mac = ReceivedKey::parse(&json).unwrap().decrypt(&key).unwrap_err();
    assert_eq!(
        (&wrong_key, &wrong_mac),
        (&UnusableKey::Undecryptable, &UnusableKey::Undecryptable)
    );
}

#[test]
fn public_key_of_low_order_is_refused() {
    let public_key = BackupPublicKey::from_slice(&[0; 32]).unwrap();
    assert_eq!(encrypt(&public_key, &session(), &mut rng()), Err(LowOrderPublicKey)); // V1-7
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn round_trip(fill in any::<u8>()) {
        let key = BackupDecryptionKey::from_slice(&[fill; 32]).unwrap();
        let session = session();
        let entry = encrypt(&key.public_key(), &session, &mut rng()).unwrap();
        let decrypted = ReceivedKey::parse(entry.as_json()).unwrap().decrypt(&key).unwrap();
        let bound = decrypted.bind(&expected(session.session_key().session_id())).unwrap();
        prop_assert_eq!(bound.into_data(), session);
    }

    #[test]
    fn no_text_panics(text in ".{0,200}") {
        let key = BackupDecryptionKey::from_slice(&[1; 32]).unwrap();
        let read = ReceivedKey::parse(&text).is_ok_and(|entry| entry.decrypt(&key).is_ok());
        prop_assert!(!read);
    }
}
