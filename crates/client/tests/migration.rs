//! What becomes of an entry on migration (M-1 to M-3), by vectors and by rule.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test"
)]

use matrix_key_backup::{
    migration::{MigratedEntry, Migration, MigrationAction, NotMigrated},
    primitives::BackupDecryptionKey,
    v1,
    v2::{BackupReader, SourcedSession, UnverifiedSessionData, VerifyError},
    wire::{
        BackedUpSessionData, BackupAlgorithm, Expected, Names, Provenance, RoomId, SessionDataV2,
        UnauthenticatedSource,
    },
};
use rand_core::UnwrapErr;
use serde_json::{Value, json};

fn vectors(file: &str) -> Value {
    let path = format!("{}/../../testdata/vectors/{file}", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn rng() -> UnwrapErr<rand::rngs::SysRng> {
    UnwrapErr(rand::rngs::SysRng)
}

fn expected(plaintext: &BackedUpSessionData) -> Expected {
    Expected {
        room_id: RoomId::new("!room:example.org").unwrap(),
        session_id: plaintext.session_key().session_id(),
        user_id: None,
    }
}

fn reader(fill: u8) -> BackupReader {
    BackupReader::new(BackupDecryptionKey::from_slice(&[fill; 32]).unwrap())
}

/// The plaintext of a migrated entry, after the whole walk.
fn read_back(entry: &MigratedEntry, reader: &BackupReader, expected: &Expected) -> SessionDataV2 {
    let algorithm = BackupAlgorithm::V2(Names::Stable); // names are read whatever they are
    UnverifiedSessionData::parse(&entry.session_data, algorithm)
        .unwrap()
        .verify(reader.mac_key())
        .unwrap()
        .decrypt(reader)
        .unwrap()
        .bind(expected)
        .unwrap()
        .into_data()
}

#[test]
fn migration_vectors() {
    let file = vectors("migration.json");
    let cases = file["vectors"].as_array().unwrap();
    assert!(cases.len() >= 18);
    for case in cases {
        let text = |name: &str| case[name].as_str().unwrap();
        let key = |name| BackupReader::new(BackupDecryptionKey::from_base64(text(name)).unwrap());
        let (old, new) = (key("old_decryption_key"), key("new_decryption_key"));
        let BackupAlgorithm::V2(names) = text("new_algorithm").parse().unwrap() else {
            panic!("a migration to v1");
        };
        let plaintext = BackedUpSessionData::parse(text("old_plaintext").as_bytes()).unwrap();
        let place = expected(&plaintext);
        let migration =
            Migration::new(old, text("old_algorithm").parse().unwrap(), new.writer(names));
        let migrated = migration.migrate(text("old_session_data_raw"), &place, &mut rng());
        let want = &case["expected"];
        match want["action"].as_str().unwrap() {
            "drop" => assert!(migrated.is_err(), "{}", case["id"]),
            "unchanged" => {
                let migrated = migrated.unwrap();
                assert_eq!(migrated.action, MigrationAction::Unchanged, "{}", case["id"]);
                assert_eq!(migrated.session_data, want["new_session_data_raw"].as_str().unwrap());
            }
            "reencrypt" => {
                let migrated = migrated.unwrap();
                assert_eq!(migrated.action, MigrationAction::Reencrypted, "{}", case["id"]);
                let example: Value =
                    serde_json::from_str(want["example_new_plaintext"].as_str().unwrap()).unwrap();
                let written = read_back(&migrated, &new, &place).to_json();
                assert_eq!(serde_json::from_str::<Value>(&written).unwrap(), example);
                let name = names.unauthenticated();
                assert_eq!(example[name], want["unauthenticated"], "{}", case["id"]);
            }
            other => panic!("{other}"),
        }
    }
}

fn session() -> BackedUpSessionData {
    let file = vectors("megolm_sessions.json");
    BackedUpSessionData::parse(file["sessions"][7]["session_data"].to_string().as_bytes()).unwrap()
}

fn own() -> SourcedSession {
    SourcedSession::own_session(session(), RoomId::new("!room:example.org").unwrap(), None)
}

/// A server can put any cleartext property beside a v1 entry. None may come under the new MAC.
#[test]
fn cleartext_of_a_v1_entry_is_not_vouched_for() {
    let reader = reader(1);
    let entry = v1::encrypt(reader.public_key(), &session(), &mut rng()).unwrap();
    let mut entry: Value = serde_json::from_str(entry.as_json()).unwrap();
    entry["org.example.planted"] = json!("by the server");
    let migration =
        Migration::new(reader.clone(), BackupAlgorithm::V1, reader.writer(Names::Stable));
    let migrated =
        migration.migrate(&entry.to_string(), &expected(&session()), &mut rng()).unwrap();
    let legacy = Provenance::Unauthenticated(UnauthenticatedSource::LegacyV1);
    assert_eq!(*migrated.provenance(), legacy); // M-1
    assert!(!migrated.session_data.contains("planted"));
    assert!(migrated.ignored_mac.is_none());
}

#[test]
fn wrong_mac_beside_a_v1_entry_is_reported() {
    let reader = reader(1);
    let entry = v1::encrypt(reader.public_key(), &session(), &mut rng()).unwrap();
    let mut entry: Value = serde_json::from_str(entry.as_json()).unwrap();
    entry["unsigned"] = json!({ "backup_mac": "A".repeat(43) });
    let migration =
        Migration::new(reader.clone(), BackupAlgorithm::V1, reader.writer(Names::Stable));
    let migrated =
        migration.migrate(&entry.to_string(), &expected(&session()), &mut rng()).unwrap();
    assert_eq!(migrated.ignored_mac, Some(VerifyError::Wrong { name: "backup_mac" })); // H-2
}

#[test]
fn v2_entry_without_valid_mac_never_comes_under_a_new_one() {
    let reader = reader(1);
    let entry = v1::encrypt(reader.public_key(), &session(), &mut rng()).unwrap();
    let algorithm = BackupAlgorithm::V2(Names::Unstable);
    let migration = Migration::new(reader.clone(), algorithm, reader.writer(Names::Stable));
    let left = migration.migrate(entry.as_json(), &expected(&session()), &mut rng()).unwrap_err();
    assert_eq!(left, NotMigrated::NotVerified(VerifyError::Missing)); // M-1
}

#[test]
fn mac_is_renamed_and_what_is_beside_it_kept() {
    let reader = reader(1);
    let sealed = reader.writer(Names::Unstable).seal(&own(), &mut rng()).unwrap();
    let mut entry: Value = serde_json::from_str(sealed.as_json()).unwrap();
    entry["unsigned"]["age"] = json!(1.5); // outside the MAC, so it may be anything
    let algorithm = BackupAlgorithm::V2(Names::Unstable);
    let migration = Migration::new(reader.clone(), algorithm, reader.writer(Names::Stable));
    let place = expected(own().data());
    let migrated = migration.migrate(&entry.to_string(), &place, &mut rng()).unwrap();
    assert_eq!(migrated.action, MigrationAction::MacRenamed); // M-3
    let written: Value = serde_json::from_str(&migrated.session_data).unwrap();
    let unsigned = written["unsigned"].as_object().unwrap();
    assert_eq!(unsigned["backup_mac"], entry["unsigned"][Names::Unstable.backup_mac()]);
    assert_eq!((unsigned.len(), &unsigned["age"]), (2, &json!(1.5)));
    assert_eq!(written["ciphertext"], entry["ciphertext"]);
    assert!(read_back(&migrated, &reader, &place).written_provenance().is_authenticated());
}

/// Another decryption key: the entry is encrypted anew, and the properties that the old MAC
/// covered come under the new one, but for `mac` and `signatures`. // M-3
#[test]
fn other_key_keeps_provenance_and_covered_properties() {
    let (old, new) = (reader(1), reader(2));
    let sealed = old.writer(Names::Stable).seal_hybrid(&own(), &mut rng()).unwrap();
    let mut entry: Value = serde_json::from_str(sealed.as_json()).unwrap();
    entry["org.example.kept"] = json!({"b": 1, "a": "é"});
    entry["signatures"] = json!({"@me:example.org": {}});
    entry.as_object_mut().unwrap().remove("unsigned");
    let text = entry.to_string();
    let received = matrix_key_backup::wire::ReceivedSessionData::parse(&text).unwrap();
    let mac = old.mac_key().mac(received.signable().unwrap().as_bytes()).to_base64();
    entry["unsigned"] = json!({ "backup_mac": mac });
    // Out of a v1 backup: the one place where a valid MAC counts there.
    let migration = Migration::new(old, BackupAlgorithm::V1, new.writer(Names::Unstable));
    let place = expected(own().data());
    let migrated = migration.migrate(&entry.to_string(), &place, &mut rng()).unwrap();
    assert_eq!(migrated.action, MigrationAction::Reencrypted);
    assert_eq!(*migrated.provenance(), Provenance::Authenticated);
    let written: Value = serde_json::from_str(&migrated.session_data).unwrap();
    assert_eq!(written["org.example.kept"], entry["org.example.kept"]);
    assert!(written.get("mac").is_none() && written.get("signatures").is_none());
    let plaintext = read_back(&migrated, &new, &place);
    assert!(plaintext.written_provenance().is_authenticated());
    assert!(plaintext.context().unwrap().is_some()); // the writer's own word, kept
}

#[test]
fn entry_that_was_moved_stays_behind() {
    let reader = reader(1);
    let algorithm = BackupAlgorithm::V2(Names::Stable);
    let migration = Migration::new(reader.clone(), algorithm, reader.writer(Names::Stable));
    let sealed = reader.writer(Names::Stable).seal(&own(), &mut rng()).unwrap();
    let elsewhere =
        Expected { room_id: RoomId::new("!other:example.org").unwrap(), ..expected(own().data()) };
    let left = migration.migrate(sealed.as_json(), &elsewhere, &mut rng()).unwrap_err();
    assert!(matches!(left, NotMigrated::Misplaced(_)));
}

/// The same public key does not make it the same decryption key: clamped bits differ, and with them
/// the MAC key. // M-3
#[test]
fn clamping_twins_are_two_keys() {
    let twin = |first: u8| {
        let mut bytes = [7; 32];
        bytes[0] = first;
        BackupReader::new(BackupDecryptionKey::from_slice(&bytes).unwrap())
    };
    let (old, new) = (twin(0b0000), twin(0b0111));
    assert_eq!(old.public_key(), new.public_key());
    let sealed = old.writer(Names::Stable).seal(&own(), &mut rng()).unwrap();
    let algorithm = BackupAlgorithm::V2(Names::Stable);
    let migration = Migration::new(old, algorithm, new.writer(Names::Stable));
    let place = expected(own().data());
    let migrated = migration.migrate(sealed.as_json(), &place, &mut rng()).unwrap();
    assert_eq!(migrated.action, MigrationAction::Reencrypted);
    read_back(&migrated, &new, &place);
}

#[test]
fn two_names_of_one_mac_become_one() {
    let reader = reader(1);
    let sealed = reader.writer(Names::Stable).seal(&own(), &mut rng()).unwrap();
    let mut entry: Value = serde_json::from_str(sealed.as_json()).unwrap();
    entry["unsigned"][Names::Unstable.backup_mac()] = entry["unsigned"]["backup_mac"].clone();
    let algorithm = BackupAlgorithm::V2(Names::Stable);
    let migration = Migration::new(reader.clone(), algorithm, reader.writer(Names::Stable));
    let place = expected(own().data());
    let migrated = migration.migrate(&entry.to_string(), &place, &mut rng()).unwrap();
    assert_eq!(migrated.action, MigrationAction::MacRenamed); // N-1
    let written: Value = serde_json::from_str(&migrated.session_data).unwrap();
    assert_eq!(written["unsigned"].as_object().unwrap().len(), 1);
}

#[test]
fn verified_is_taken_from_what_nobody_vouches_for() {
    use matrix_key_backup::replacement::KeyMetadata;

    let reader = reader(1);
    let place = expected(own().data());
    let old = KeyMetadata { is_verified: true, first_message_index: 4, forwarded_count: 2 };
    let metadata = |entry: &str, algorithm| {
        let migration = Migration::new(reader.clone(), algorithm, reader.writer(Names::Stable));
        migration.migrate(entry, &place, &mut rng()).unwrap().metadata(&old)
    };
    let v1 = v1::encrypt(reader.public_key(), &session(), &mut rng()).unwrap();
    let unverified = KeyMetadata { is_verified: false, ..old };
    assert_eq!(metadata(v1.as_json(), BackupAlgorithm::V1), unverified); // M-6
    let v2 = reader.writer(Names::Unstable).seal(&own(), &mut rng()).unwrap();
    assert_eq!(metadata(v2.as_json(), BackupAlgorithm::V2(Names::Unstable)), old); // M-6
}

/// B-2 holds in a v1 backup too: a key that says that it belongs elsewhere is not taken along.
#[test]
fn moved_v1_key_with_a_context_stays_behind() {
    let reader = reader(1);
    let entry = v1::encrypt(reader.public_key(), own().data(), &mut rng()).unwrap();
    let elsewhere =
        Expected { room_id: RoomId::new("!other:example.org").unwrap(), ..expected(own().data()) };
    let migration =
        Migration::new(reader.clone(), BackupAlgorithm::V1, reader.writer(Names::Stable));
    let left = migration.migrate(entry.as_json(), &elsewhere, &mut rng()).unwrap_err();
    assert!(matches!(left, NotMigrated::MisplacedV1(_)));
}
