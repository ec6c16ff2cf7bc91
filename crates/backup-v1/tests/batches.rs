//! Many keys at once come out as each of them does alone, and what is wrong with one is no matter
//! to the others.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test"
)]

use matrix_key_backup_primitives::{BackupDecryptionKey, BackupPublicKey, hazmat::Encryptor};
use matrix_key_backup_v1::{LowOrderPublicKey, ReceivedKey, UnusableKey, encrypt_batch};
use matrix_key_backup_wire::{BackedUpSessionData, Expected, RoomId};
use serde_json::{Value, json};

fn rng() -> rand_core::UnwrapErr<getrandom::SysRng> {
    rand_core::UnwrapErr(getrandom::SysRng)
}

fn key() -> BackupDecryptionKey {
    BackupDecryptionKey::from_slice(&[5; 32]).unwrap()
}

fn sessions(count: usize) -> Vec<BackedUpSessionData> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/vectors/megolm_sessions.json");
    let file: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let sessions = file["sessions"].as_array().unwrap().iter().cycle().take(count);
    sessions
        .map(|session| {
            BackedUpSessionData::parse(session["session_data"].to_string().as_bytes()).unwrap()
        })
        .collect()
}

fn place(session: &BackedUpSessionData) -> Expected {
    let session_id = session.session_key().session_id();
    Expected { room_id: RoomId::new("!room:example.org").unwrap(), session_id, user_id: None }
}

fn encrypted(sessions: &[BackedUpSessionData]) -> Vec<String> {
    let encryptor = Encryptor::new(&key().public_key());
    let encrypted = encrypt_batch(&encryptor, sessions, &mut rng()).unwrap();
    encrypted.iter().map(|encrypted| encrypted.as_json().to_owned()).collect()
}

// Around the 4 and the 8 that take turns or lie side by side, and more than fit at once.
#[test]
fn a_batch_comes_out_as_its_keys_do_alone() {
    for count in [0, 1, 2, 3, 4, 5, 7, 8, 9, 17, 64, 300] {
        let sessions = sessions(count);
        let json = encrypted(&sessions);
        let received: Vec<_> = json.iter().map(|json| ReceivedKey::parse(json).unwrap()).collect();
        let decrypted = ReceivedKey::decrypt_batch(&received, &key());
        assert_eq!((received.len(), decrypted.len()), (count, count));
        for ((received, session), decrypted) in received.iter().zip(&sessions).zip(decrypted) {
            let bound = decrypted.unwrap().bind(&place(session)).unwrap();
            let alone = received.decrypt(&key()).unwrap().bind(&place(session)).unwrap();
            assert_eq!((bound.data(), alone.data()), (session, session));
        }
    }
}

// V1-5, V1-7
#[test]
fn what_cannot_be_decrypted_fails_alone() {
    let sessions = sessions(20);
    let mut json = encrypted(&sessions);
    let mut edit = |at: usize, name: &str, value: Value| {
        let mut entry: Value = serde_json::from_str(&json[at]).unwrap();
        entry[name] = value;
        json[at] = entry.to_string();
    };
    edit(2, "mac", json!("AAAAAAAAAAA"));
    edit(7, "ephemeral", json!("A".repeat(43)));
    edit(8, "ciphertext", Value::Null);
    edit(19, "ciphertext", json!("AAAA"));
    let received: Vec<_> = json.iter().map(|json| ReceivedKey::parse(json).unwrap()).collect();
    for (at, result) in ReceivedKey::decrypt_batch(&received, &key()).into_iter().enumerate() {
        let alone = received[at].decrypt(&key());
        assert_eq!(result.as_ref().err(), alone.as_ref().err(), "{at}");
        match at {
            2 | 19 => assert_eq!(result.unwrap_err(), UnusableKey::Undecryptable),
            7 => assert_eq!(result.unwrap_err(), UnusableKey::LowOrderEphemeral),
            8 => {
                let name = "ciphertext";
                assert_eq!(result.unwrap_err(), UnusableKey::Malformed { name });
            }
            _ => {
                let bound = result.unwrap().bind(&place(&sessions[at])).unwrap();
                assert_eq!(bound.data(), &sessions[at]);
            }
        }
    }
}

// V1-7
#[test]
fn nothing_is_encrypted_to_a_point_of_low_order() {
    let encryptor = Encryptor::new(&BackupPublicKey::from_slice(&[0; 32]).unwrap());
    let encrypted = encrypt_batch(&encryptor, &sessions(3), &mut rng());
    assert_eq!(encrypted.unwrap_err(), LowOrderPublicKey);
}
