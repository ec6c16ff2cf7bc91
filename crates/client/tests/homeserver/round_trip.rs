//! The way of keys from one device to another that has nothing but a passphrase.

use std::collections::BTreeMap;
use std::time::Duration;

use matrix_key_backup::downloader::{Download, Downloader};
use matrix_key_backup::key_export::KeyExportFile;
use matrix_key_backup::primitives::{BackupDecryptionKey, Passphrase};
use matrix_key_backup::secret_storage::{AccountData, Iterations, NewKey, SecretContent};
use matrix_key_backup::store::KeyScope;
use matrix_key_backup::upload::RoomKey;
use matrix_key_backup::v2::{BackupReader, SourcedSession};
use matrix_key_backup::wire::{BackupAlgorithm, DECRYPTION_KEY_SECRET, Names};
use matrix_key_backup::{BackedUpSession, EntryReader, OpenBackup, create_backup};
use rand::rand_core::UnwrapErr;
use rand::rngs::SysRng;
use serde_json::Value;

use crate::keys::{restored, room_keys, upload};
use crate::support::{Homeserver, User};

const PASSPHRASE: &str = "a passphrase that people keep";
const CONTEXT: &str = "io.github.matrix_key_backup.context";

/// The keys of a key export file, for which nobody vouches. // V2-11
fn from_key_file() -> Vec<RoomKey> {
    let path =
        |name: &str| format!("{}/../../testdata/key-export/{name}", env!("CARGO_MANIFEST_DIR"));
    let read = |name: &str| std::fs::read_to_string(path(name)).unwrap();
    let passphrase = Passphrase::new(read("passphrase.txt").trim_end().to_owned());
    let file = KeyExportFile::parse(&read("600-sessions.txt")).unwrap();
    let file = file.decrypt(&passphrase).unwrap();
    file.entries()
        .map(|entry| {
            let (room, data) = entry.unwrap().into_parts();
            RoomKey::new(SourcedSession::unvouched(data, room))
        })
        .collect()
}

/// The first device: secret storage, with the decryption key in it. // S-3
async fn store_secret(user: &User, key: &BackupDecryptionKey) {
    let rng = &mut UnwrapErr(SysRng);
    let passphrase = Passphrase::new(PASSPHRASE.to_owned());
    let few = Iterations::new(1000).unwrap();
    let new_key = NewKey::from_passphrase(&passphrase, few, None, rng);
    let mut secret = SecretContent::new();
    new_key.opened().store_decryption_key(key, &mut secret, rng).unwrap();
    let events =
        [new_key.event(), secret.to_event(DECRYPTION_KEY_SECRET), new_key.default_key_event()];
    for event in events {
        let content = serde_json::from_str(event.content()).unwrap();
        user.put(&account_data(user, event.event_type()), &content).await.ok();
    }
}

/// Another device: the decryption key, out of secret storage, compared with the backup. // S-6
async fn unlock(user: &User, backup: &OpenBackup) -> BackupReader {
    let mut found = AccountData::new();
    let default = "m.secret_storage.default_key";
    let content = user.get(&account_data(user, default)).await.ok();
    let key = format!("m.secret_storage.key.{}", content["key"].as_str().unwrap());
    found.insert(default, &content.to_string());
    for event_type in [key.as_str(), DECRYPTION_KEY_SECRET] {
        let content = user.get(&account_data(user, event_type)).await.ok();
        found.insert(event_type, &content.to_string());
    }
    let passphrase = Passphrase::new(PASSPHRASE.to_owned());
    let opened = found.default_key().unwrap().open_with_passphrase(&passphrase).unwrap();
    let secret = found.secret(DECRYPTION_KEY_SECRET).unwrap();
    let secret = opened.decrypt(DECRYPTION_KEY_SECRET, &secret).unwrap();
    BackupReader::new(secret.into_decryption_key().unwrap().check(backup.auth_data()).unwrap())
}

fn account_data(user: &User, event_type: &str) -> String {
    format!("/v3/user/{}/account_data/{event_type}", user.user_id)
}

/// A plaintext without what the backup itself adds to it: mark and context.
fn own_properties(json: &str) -> Value {
    let mut value: Value = serde_json::from_str(json).unwrap();
    let object = value.as_object_mut().unwrap();
    for name in [CONTEXT, "unauthenticated", "org.matrix.msc4048.unauthenticated"] {
        object.remove(name);
    }
    value
}

/// What was given to the engine, and what is to come out: the plaintext, and who vouches for it.
fn expected(keys: &[RoomKey], provenance: &str) -> BTreeMap<String, (Value, String)> {
    let said = |key: &RoomKey| {
        let json = key.session.data().to_json();
        (key.session.session_id().to_string(), (own_properties(&json), provenance.to_owned()))
    };
    keys.iter().map(said).collect()
}

fn found(sessions: &[BackedUpSession]) -> BTreeMap<String, (Value, String)> {
    let said = |session: &BackedUpSession| {
        let value = own_properties(&session.data().to_json());
        (session.session_id().to_string(), (value, session.provenance().to_string()))
    };
    sessions.iter().map(said).collect()
}

async fn round_trip(names: Names) {
    let algorithm = BackupAlgorithm::V2(names);
    let first_device = Homeserver::from_environment().new_user().await;
    let key = BackupReader::new(BackupDecryptionKey::random().unwrap());
    let store = first_device.store();
    let backup = create_backup(&store, &key, algorithm).await.unwrap();
    store_secret(&first_device, key.decryption_key()).await;
    let (vouched, imported) = (room_keys(), from_key_file());
    assert_eq!((vouched.len(), imported.len()), (100, 600));
    let all = vouched.iter().chain(&imported).cloned().collect();
    let summary = upload(&store, &backup, &key, all, &mut Vec::new()).await.unwrap();
    assert_eq!((summary.new, summary.written.authenticated), (700, 100));

    let (name, password) = (&first_device.localpart, &first_device.password);
    let second_device = first_device.homeserver.log_in(name, password).await;
    assert_ne!(second_device.device_id, first_device.device_id);
    let store = second_device.store();
    let backup = OpenBackup::current(&store).await.unwrap();
    assert_eq!((backup.algorithm(), backup.count()), (algorithm, 700));
    let key = unlock(&second_device, &backup).await;
    let sessions = restored(&store, &backup, &key, KeyScope::All).await.unwrap();
    let mut wanted = expected(&vouched, "authenticated");
    wanted.extend(expected(&imported, "unauthenticated (m.undefined)"));
    assert_eq!(sessions.len(), 700);
    assert_eq!(found(&sessions), wanted);

    // One room, one session, and one that a message needs.
    let place = &vouched[7].session;
    let scope = KeyScope::Room(place.room_id().clone());
    let room = restored(&store, &backup, &key, scope).await.unwrap();
    assert_eq!(room.len(), 10);
    assert!(room.iter().all(|session| session.room_id() == place.room_id()));
    let scope = KeyScope::Session(place.room_id().clone(), place.session_id());
    let session = restored(&store, &backup, &key, scope).await.unwrap();
    assert_eq!(found(&session), expected(&vouched[7..8], "authenticated"));
    let reader = EntryReader::new(key, algorithm, None);
    let downloader = Downloader::new(&store, backup.version().clone(), reader);
    let session = place.session_id();
    let download = downloader.download(place.room_id(), &session, Duration::ZERO).await.unwrap();
    let Download::Key(session) = download else { panic!("{download:?}") };
    assert_eq!(found(&[*session]), expected(&vouched[7..8], "authenticated"));
}

#[tokio::test]
#[ignore = "needs a homeserver: cargo xtask e2e"]
async fn with_the_names_of_the_proposal() {
    round_trip(Names::Unstable).await;
}

#[tokio::test]
#[ignore = "needs a homeserver: cargo xtask e2e"]
async fn with_the_stable_names() {
    round_trip(Names::Stable).await;
}
