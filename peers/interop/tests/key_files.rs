//! Key export files (E-1, E-2) against matrix-sdk-crypto's.

use std::collections::BTreeMap;

use interop::{new_sdk_sessions, session_data, testdata};
use matrix_key_backup_key_export::{
    ExportedSessionData, KeyExportFile, Passphrase, Rounds, encrypt,
};
use matrix_key_backup_wire::RoomId;
use matrix_sdk_crypto::{
    decrypt_room_key_export, encrypt_room_key_export,
    olm::{ExportedRoomKey, InboundGroupSession},
};
use pollster::FutureExt;
use rand::{RngExt, rng};
use serde_json::Value;

/// A passphrase goes in as UTF-8, whatever is in it and however long it is.
const PASSPHRASES: [&str; 7] = [
    "x",
    "correct horse battery staple",
    " spaces before and after ",
    "Schlüssel – пароль 🔑",
    // One character, in two ways to write it, which are two passphrases.
    "\u{e9}",
    "e\u{301}",
    // Longer than a block of SHA-512, where HMAC takes the hash of its key.
    "a passphrase of more than one hundred and twenty-eight bytes, which is the length of a block \
     of SHA-512, the hash of the key derivation",
];

fn passphrase(text: &str) -> Passphrase {
    Passphrase::new(text.to_owned())
}

/// Reads a file with ours, every entry of it, as JSON.
fn read(file: &str, text: &str) -> Option<Vec<Value>> {
    let export = KeyExportFile::parse(file).ok()?.decrypt(&passphrase(text)).ok()?;
    let json = |entry: ExportedSessionData| serde_json::from_str(&entry.to_json()).unwrap();
    Some(export.entries().map(|entry| json(entry.unwrap())).collect())
}

fn sdk_read(file: &str, text: &str) -> Option<Vec<Value>> {
    let keys = decrypt_room_key_export(file.as_bytes(), text).ok()?;
    Some(keys.iter().map(|key| serde_json::to_value(key).unwrap()).collect())
}

fn sdk_export(session: &InboundGroupSession) -> ExportedRoomKey {
    session.export().block_on()
}

fn our_export(session: &InboundGroupSession) -> ExportedSessionData {
    let room_id = RoomId::new(session.room_id().as_str()).unwrap();
    ExportedSessionData::new(room_id, session_data(session))
}

#[test]
fn we_read_what_matrix_sdk_crypto_wrote() {
    for (count, text) in PASSPHRASES.into_iter().enumerate() {
        let keys = new_sdk_sessions(count as u32).iter().map(sdk_export).collect::<Vec<_>>();
        let file = encrypt_room_key_export(&keys, text, 1 + count as u32 * 100).unwrap();
        let expected = keys.iter().map(|key| serde_json::to_value(key).unwrap());
        assert_eq!(read(&file, text).unwrap(), expected.collect::<Vec<_>>());
    }
}

#[test]
fn matrix_sdk_crypto_reads_what_we_wrote() {
    for (count, text) in PASSPHRASES.into_iter().enumerate() {
        let sessions = new_sdk_sessions(count as u32);
        let rounds = Rounds::new(1 + count as u32 * 100).unwrap();
        let entries = sessions.iter().map(our_export);
        let file = encrypt(entries, &passphrase(text), rounds, &mut rng());
        let expected = sessions.iter().map(|key| serde_json::to_value(sdk_export(key)).unwrap());
        assert_eq!(sdk_read(&file, text).unwrap(), expected.collect::<Vec<_>>());
    }
}

#[test]
fn another_passphrase_opens_nothing() {
    for (number, text) in PASSPHRASES.into_iter().enumerate() {
        let file = encrypt_room_key_export(&[], text, 10).unwrap();
        for (other_number, other) in PASSPHRASES.into_iter().enumerate() {
            assert_eq!(read(&file, other).is_some(), number == other_number, "{text:?} {other:?}");
        }
    }
}

/// What we take of a damaged file, matrix-sdk-crypto takes too, and reads the same in it.
#[test]
fn a_damaged_file_is_refused() {
    let keys = new_sdk_sessions(2).iter().map(sdk_export).collect::<Vec<_>>();
    let file = encrypt_room_key_export(&keys, "x", 1).unwrap();
    let sound = sdk_read(&file, "x").unwrap();
    let (first, last) = (file.find('\n').unwrap() + 1, file.rfind('\n').unwrap());
    let mut refused = 0;
    for _ in 0..300 {
        let mut bytes = file.clone().into_bytes();
        let place = rng().random_range(first..last);
        match rng().random_range(0..3) {
            // Another character of base64, but not in the number of rounds: that may take hours.
            0 if !(first + 44..first + 52).contains(&place) => bytes[place] ^= 1,
            1 => drop(bytes.splice(place..last, [])),
            _ => bytes.insert(place, b'\n'),
        }
        let damaged = String::from_utf8(bytes).unwrap();
        match read(&damaged, "x") {
            Some(read) => {
                assert_eq!((Some(&read), &read), (sdk_read(&damaged, "x").as_ref(), &sound))
            }
            None => refused += 1,
        }
    }
    assert!((50..300).contains(&refused), "{refused} of 300 refused");
}

#[test]
fn the_file_in_testdata_is_read_alike_and_holds_what_its_list_says() {
    let file = testdata("key-export/600-sessions.txt");
    let text = testdata("key-export/passphrase.txt");
    let ours = read(&file, text.trim_end()).unwrap();
    assert_eq!(ours, sdk_read(&file, text.trim_end()).unwrap());

    let list = serde_json::from_str::<Value>(&testdata("key-export/600-sessions.json")).unwrap();
    assert_eq!(ours.len(), 600);
    assert_eq!(serde_json::to_value(rooms(&file, text.trim_end())).unwrap(), list["rooms"]);
    let shared = |entry: &&Value| entry["m.shared_history"] == true;
    assert_eq!(
        ours.iter().filter(shared).count(),
        list["shared_history"].as_array().unwrap().len()
    );
}

/// Room id, session id, first known index.
fn rooms(file: &str, text: &str) -> BTreeMap<String, BTreeMap<String, u32>> {
    let export = KeyExportFile::parse(file).unwrap().decrypt(&passphrase(text)).unwrap();
    let mut rooms = BTreeMap::<_, BTreeMap<_, _>>::new();
    for entry in &export {
        let entry = entry.unwrap();
        let room = rooms.entry(entry.room_id().to_string()).or_default();
        room.insert(entry.session_id().to_string(), entry.data().session_key().first_known_index());
    }
    rooms
}
