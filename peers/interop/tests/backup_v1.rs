//! Whole v1 backups (V1) against matrix-sdk-crypto and vodozemac.

use interop::{
    DecryptionKey, new_sdk_sessions, place, place_of, sdk_plaintext, session_data, vectors,
};
use matrix_key_backup_primitives::{BackupDecryptionKey, BackupPublicKey};
use matrix_key_backup_v1::{BindError, DecryptedSessionData, ReceivedKey, encrypt};
use matrix_key_backup_wire::{KeyBackupData, SHARED_HISTORY_UNSTABLE};
use matrix_sdk_crypto::{
    backups::MegolmV1BackupKey,
    olm::{BackedUpRoomKey, ExportedRoomKey, InboundGroupSession},
};
use pollster::FutureExt;
use rand::rng;
use ruma::{api::client::backup::EncryptedSessionData, room_id};
use serde_json::{Value, json};
use vodozemac::base64_encode;

fn read(json: &str, key: &BackupDecryptionKey) -> Option<DecryptedSessionData> {
    ReceivedKey::parse(json).unwrap().decrypt(key).ok()
}

fn sdk_read(json: &str, key: &DecryptionKey) -> Option<BackedUpRoomKey> {
    let data = serde_json::from_str::<EncryptedSessionData>(json).ok()?;
    key.sdk.decrypt_session_data(data).ok()
}

#[test]
fn we_restore_what_matrix_sdk_crypto_backed_up() {
    let key = DecryptionKey::random();
    for session in new_sdk_sessions(40) {
        let plaintext = sdk_plaintext(&session);
        let place = place(&session);
        let first_known_index = session.first_known_index();
        let entry = key.sdk.megolm_v1_public_key().encrypt(session).block_on().unwrap();
        let entry = KeyBackupData::from_json(&serde_json::to_string(&entry).unwrap()).unwrap();
        assert_eq!(entry.first_message_index, u64::from(first_known_index));

        let restored = read(entry.session_data.get(), &key.ours).unwrap();
        let restored = restored.bind(&place).unwrap();
        let data = restored.data();
        assert_eq!(serde_json::from_str::<Value>(&data.to_json()).unwrap(), plaintext);
        assert_eq!(data.session_key().first_known_index(), first_known_index);
        assert_eq!(data.shared_history(), plaintext["m.shared_history"] == true);
    }
}

#[test]
fn matrix_sdk_crypto_restores_what_we_backed_up() {
    let key = DecryptionKey::random();
    for session in new_sdk_sessions(40) {
        let data = session_data(&session);
        let entry = encrypt(&key.ours.public_key(), &data, &mut rng()).unwrap();
        let room_key = sdk_read(entry.as_json(), &key).unwrap();
        assert_eq!(serde_json::to_value(&room_key).unwrap(), sdk_plaintext(&session));

        let parts = serde_json::from_str::<Value>(entry.as_json()).unwrap();
        let part = |name: &str| parts[name].as_str().unwrap();
        let text = key.sdk.decrypt_v1(part("ephemeral"), part("mac"), part("ciphertext")).unwrap();
        assert_eq!(text, *data.to_json());
    }
}

#[test]
fn a_public_key_of_either_is_the_others() {
    let key = DecryptionKey::random();
    let (ours, sdk) = (key.ours.public_key(), key.sdk.megolm_v1_public_key());
    assert_eq!(BackupPublicKey::from_base64(&sdk.to_base64()).unwrap(), ours);
    assert_eq!(
        MegolmV1BackupKey::from_base64(&ours.to_base64()).unwrap().to_base64(),
        sdk.to_base64()
    );
}

/// What only we know in a key does not keep matrix-sdk-crypto from reading it.
#[test]
fn unknown_properties_do_not_disturb_matrix_sdk_crypto() {
    let key = DecryptionKey::random();
    let session = new_sdk_sessions(1).remove(0);
    let mut data = session_data(&session);
    data.set_other_property("org.example.unknown", r#"{"a":[1,2.5e3,null]}"#).unwrap();
    let entry = encrypt(&key.ours.public_key(), &data, &mut rng()).unwrap();
    let room_key = sdk_read(entry.as_json(), &key).unwrap();
    assert_eq!(serde_json::to_value(&room_key).unwrap(), sdk_plaintext(&session));
}

#[test]
fn a_whole_request_body_is_read_alike() {
    let vectors = vectors("room_keys_body.json");
    let bytes = vodozemac::base64_decode(vectors["decryption_key"].as_str().unwrap()).unwrap();
    let key = DecryptionKey::from_bytes(bytes.try_into().unwrap());
    let mut count = 0;
    for (room, sessions) in vectors["body"]["rooms"].as_object().unwrap() {
        for (id, entry) in sessions["sessions"].as_object().unwrap() {
            let entry = KeyBackupData::from_json(&entry.to_string()).unwrap();
            let ours = read(entry.session_data.get(), &key.ours).unwrap();
            let ours = ours.bind(&place_of(room, id)).unwrap();
            let sdk = sdk_read(entry.session_data.get(), &key).unwrap();
            let mut sdk = serde_json::to_value(&sdk).unwrap();
            let ours = serde_json::from_str::<Value>(&ours.data().to_json()).unwrap();
            if ours.get("m.shared_history").is_none() {
                sdk.as_object_mut().unwrap().remove("m.shared_history");
            }
            assert_eq!(ours, sdk);
            count += 1;
        }
    }
    assert_eq!(count, 200);
}

/// A trap: vodozemac compares only as many bytes of the MAC as there are. (V1-5)
#[test]
fn a_truncated_mac_is_refused_though_vodozemac_takes_it() {
    let key = DecryptionKey::random();
    let session = new_sdk_sessions(1).remove(0);
    let entry = encrypt(&key.ours.public_key(), &session_data(&session), &mut rng()).unwrap();
    let mut entry = serde_json::from_str::<Value>(entry.as_json()).unwrap();
    let mac = vodozemac::base64_decode(entry["mac"].as_str().unwrap()).unwrap();
    for length in (0..=32).filter(|length| *length != mac.len()) {
        let mut other = mac.clone();
        other.resize(length, 0);
        entry["mac"] = base64_encode(&other).into();
        assert!(read(&entry.to_string(), &key.ours).is_none(), "a MAC of {length} bytes");
        // It takes longer ones too if they go on as the HMAC does, as one in 256 does by chance.
        if length < mac.len() {
            let vodozemac_takes_it = sdk_read(&entry.to_string(), &key).is_some();
            assert_eq!(vodozemac_takes_it, length > 0, "a MAC of {length} bytes");
        }
    }
}

#[test]
fn a_wrong_mac_is_refused_by_both() {
    let key = DecryptionKey::random();
    let session = new_sdk_sessions(1).remove(0);
    let entry = encrypt(&key.ours.public_key(), &session_data(&session), &mut rng()).unwrap();
    let mut entry = serde_json::from_str::<Value>(entry.as_json()).unwrap();
    let mac = vodozemac::base64_decode(entry["mac"].as_str().unwrap()).unwrap();
    for bit in 0..mac.len() * 8 {
        let mut other = mac.clone();
        other[bit / 8] ^= 1 << (bit % 8);
        entry["mac"] = base64_encode(&other).into();
        assert!(read(&entry.to_string(), &key.ours).is_none(), "bit {bit}");
        assert!(sdk_read(&entry.to_string(), &key).is_none(), "bit {bit}");
    }
}

/// A trap: matrix-sdk-crypto calls a session by the id it was filed under. (B-1)
#[test]
fn a_key_filed_under_another_id_is_refused_though_matrix_sdk_crypto_takes_it() {
    let key = DecryptionKey::random();
    let session = new_sdk_sessions(1).remove(0);
    let entry = encrypt(&key.ours.public_key(), &session_data(&session), &mut rng()).unwrap();
    let wrong = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

    let elsewhere = place_of(session.room_id().as_str(), wrong);
    let error = read(entry.as_json(), &key.ours).unwrap().bind(&elsewhere).unwrap_err();
    assert_eq!(error, BindError::WrongSession { found: place(&session).session_id });

    let sdk = ExportedRoomKey::from_backed_up_room_key(
        room_id!("!room:example.org").to_owned(),
        wrong.to_owned(),
        sdk_read(entry.as_json(), &key).unwrap(),
    );
    assert_eq!(InboundGroupSession::from_export(&sdk).unwrap().session_id(), wrong);
}

/// V1-1a: three spellings are about, and matrix-sdk-crypto refuses a key with both of its own.
#[test]
fn shared_history_is_understood_in_both_directions() {
    let key = DecryptionKey::random();
    for session in new_sdk_sessions(4) {
        let shared = session.shared_history();
        let mut data = session_data(&session);
        assert_eq!(data.shared_history(), shared);
        data.set_other_property(SHARED_HISTORY_UNSTABLE, "true").unwrap();
        let entry = encrypt(&key.ours.public_key(), &data, &mut rng()).unwrap();
        assert!(sdk_read(entry.as_json(), &key).is_none(), "it takes both of its spellings now");

        for shared in [true, false] {
            data.set_shared_history(shared);
            let entry = encrypt(&key.ours.public_key(), &data, &mut rng()).unwrap();
            let room_key = sdk_read(entry.as_json(), &key).unwrap();
            assert_eq!(serde_json::to_value(&room_key).unwrap()["m.shared_history"], json!(shared));
        }
    }
}
