//! Backups of matrix-sdk-crypto on a real homeserver, and ours for it: `cargo xtask e2e --peers`.
#![allow(missing_docs)]

#[path = "../../../crates/client/tests/homeserver/support.rs"]
mod support;

use std::collections::{BTreeMap, BTreeSet};

use futures_util::StreamExt;
use interop::{DecryptionKey, new_sdk_sessions, session_data};
use matrix_key_backup::{
    BackedUpSession, OpenBackup, create_backup,
    migration::{MigrationEvent, Migrator, target},
    restore,
    store::{
        KeyScope,
        homeserver::{AccessToken, HomeserverStore, HomeserverUrl, ReqwestTransport},
    },
    trust::{KeyOrigin, TrustState, TrustedBackup},
    upload::{RoomKey, Uploader},
    v2::{BackupReader, SourcedSession},
    wire::{BackupAlgorithm, Names, Provenance, RoomId, UnauthenticatedSource},
};
use matrix_sdk_crypto::{
    OlmMachine,
    olm::{ExportedRoomKey, InboundGroupSession},
};
use ruma::api::client::backup::KeyBackupData;
use serde_json::{Value, json};
use support::{Homeserver, User};

type Store = HomeserverStore<ReqwestTransport>;
/// What is compared: the whole key, by where it belongs.
type Keys = BTreeMap<(String, String), Value>;

/// More than matrix-sdk-crypto puts into one request.
const SESSIONS: u32 = 120;

fn store(user: &User) -> Store {
    let url = HomeserverUrl::parse(&user.homeserver.url).unwrap();
    let token = AccessToken::new(user.access_token.clone()).unwrap();
    HomeserverStore::new(url, token, ReqwestTransport::new().unwrap())
}

async fn machine(user: &User) -> OlmMachine {
    let user_id = ruma::UserId::parse(user.user_id.as_str()).unwrap();
    OlmMachine::new(&user_id, user.device_id.as_str().into()).await
}

async fn import(machine: &OlmMachine, keys: Vec<ExportedRoomKey>) {
    let count = keys.len();
    let imported = machine.store().import_room_keys(keys, None, |_, _| {}).await.unwrap();
    assert_eq!(imported.imported_count, count);
}

/// As both would back them up, so that the two can be compared.
async fn keys_of(machine: &OlmMachine) -> Keys {
    let exported = machine.store().export_room_keys(|_| true).await.unwrap();
    let session = |key| InboundGroupSession::from_export(&key).unwrap();
    plain(&exported.into_iter().map(session).collect::<Vec<_>>())
}

/// On a thread of its own: a blocking wait inside tokio's runtime, whose budget is spent, never ends.
fn apart<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| scope.spawn(work).join().unwrap())
}

fn plain(sessions: &[InboundGroupSession]) -> Keys {
    let place = |s: &InboundGroupSession| (s.room_id().to_string(), s.session_id().to_owned());
    let keys = sessions.iter().map(|s| (place(s), interop::sdk_plaintext(s)));
    apart(|| keys.collect())
}

fn restored_keys(sessions: &[BackedUpSession]) -> Keys {
    let place =
        |s: &BackedUpSession| (s.room_id().as_str().to_owned(), s.session_id().as_str().to_owned());
    let plaintext = |s: &BackedUpSession| serde_json::from_str(&s.data().to_json()).unwrap();
    sessions.iter().map(|s| (place(s), plaintext(s))).collect()
}

/// A v1 backup by matrix-sdk-crypto alone: signed, made and encrypted by it, carried by us.
async fn sdk_backs_up(user: &User, machine: &OlmMachine, key: &DecryptionKey) {
    let mut info = key.sdk.to_backup_info();
    machine.backup_machine().sign_backup(&mut info).await.unwrap();
    let info = serde_json::to_value(&info).unwrap();
    let created = user.post("/v3/room_keys/version", &info).await.ok();
    let public_key = key.sdk.megolm_v1_public_key();
    public_key.set_version(created["version"].as_str().unwrap().to_owned());
    machine.backup_machine().enable_backup_v1(public_key).await.unwrap();
    while let Some((id, request)) = machine.backup_machine().backup().await.unwrap() {
        let path = format!("/v3/room_keys/keys?version={}", request.version);
        let answer = user.put(&path, &json!({ "rooms": request.rooms })).await.ok();
        let (etag, count) = (answer["etag"].as_str().unwrap(), answer["count"].as_u64().unwrap());
        let count = u32::try_from(count).unwrap().into();
        let answer =
            ruma::api::client::backup::add_backup_keys::v3::Response::new(etag.to_owned(), count);
        machine.mark_request_as_sent(&id, &answer).await.unwrap();
    }
}

async fn we_restore(
    store: &Store,
    backup: &OpenBackup,
    key: &BackupReader,
) -> Vec<BackedUpSession> {
    let reader = backup.reader(key.clone(), None).unwrap();
    let mut sessions = Vec::new();
    let mut pages = restore(store, backup.version().clone(), KeyScope::All, reader);
    while let Some(page) = pages.next().await {
        let page = page.unwrap();
        assert!(page.rejected.is_empty(), "{:?}", page.rejected);
        sessions.extend(page.sessions);
    }
    sessions
}

fn trusted(backup: &OpenBackup, key: &BackupReader) -> TrustedBackup {
    let (said, origin) = (backup.description(), KeyOrigin::EnteredByUser);
    TrustedBackup::from_decryption_key(said, key, origin, &mut TrustState::new()).unwrap()
}

/// V1, M-1, M-5: from a deployed client's backup to an authenticated one, and every key with it.
#[tokio::test]
#[ignore = "needs a homeserver: cargo xtask e2e --peers"]
async fn a_backup_of_matrix_sdk_crypto_is_restored_and_migrated() {
    let user = Homeserver::from_environment().new_user().await;
    let (machine, key) = (machine(&user).await, DecryptionKey::random());
    let mut exported = Vec::new();
    for session in apart(|| new_sdk_sessions(SESSIONS)) {
        exported.push(session.export().await);
    }
    import(&machine, exported).await;
    sdk_backs_up(&user, &machine, &key).await;
    let expected = keys_of(&machine).await;
    assert_eq!(expected.len(), SESSIONS as usize);

    let (store, reader) = (store(&user), BackupReader::new(key.ours.clone()));
    let old = OpenBackup::current(&store).await.unwrap();
    assert_eq!(old.algorithm(), BackupAlgorithm::V1);
    let sessions = we_restore(&store, &old, &reader).await;
    assert_eq!(restored_keys(&sessions), expected);
    // V1-6
    assert!(sessions.iter().all(|s| *s.provenance() != Provenance::Authenticated));

    let new = target(&store, &old, &reader, Names::Unstable).await.unwrap();
    let trusted = trusted(&new, &reader);
    let migrator =
        Migrator::new(&store, &old, reader.clone(), &trusted, reader.clone(), None).unwrap();
    let mut marked = BTreeSet::new();
    let copied = migrator.copy(|event| {
        if let MigrationEvent::Marked(room, session) = event {
            marked.insert((room.as_str().to_owned(), session.as_str().to_owned()));
        }
    });
    let copied = copied.await.unwrap();
    let report = copied.compare(|_| {}).await.unwrap();
    assert!(report.is_complete(), "{report:?}");
    assert!(marked.iter().eq(expected.keys()));

    let sessions = we_restore(&store, &new, &reader).await;
    assert_eq!(sessions.len(), expected.len());
    let legacy = Provenance::Unauthenticated(UnauthenticatedSource::LegacyV1);
    for session in sessions {
        assert!(session.has_valid_mac());
        assert_eq!(*session.provenance(), legacy);
        let place =
            (session.room_id().as_str().to_owned(), session.session_id().as_str().to_owned());
        let found: Value = serde_json::from_str(&session.data().to_json()).unwrap();
        for (name, value) in expected[&place].as_object().unwrap() {
            assert_eq!(found[name], *value, "{name}");
        }
    }
}

/// V1: our backup, read by a deployed client that has the decryption key.
#[tokio::test]
#[ignore = "needs a homeserver: cargo xtask e2e --peers"]
async fn matrix_sdk_crypto_restores_a_backup_that_we_wrote() {
    let user = Homeserver::from_environment().new_user().await;
    let (key, store) = (DecryptionKey::random(), store(&user));
    let reader = BackupReader::new(key.ours.clone());
    let backup = create_backup(&store, &reader, BackupAlgorithm::V1).await.unwrap();
    let trusted = trusted(&backup, &reader);
    let uploader = Uploader::for_reader(&store, &trusted, reader, None).unwrap();
    let sessions = apart(|| new_sdk_sessions(SESSIONS));
    let ours = |session: &InboundGroupSession| {
        let room_id = RoomId::new(session.room_id().as_str()).unwrap();
        RoomKey::new(SourcedSession::unvouched(session_data(session), room_id))
    };
    let keys: Vec<_> = apart(|| sessions.iter().map(ours).collect());
    let summary = uploader.upload(keys, |_| {}).await.unwrap();
    assert_eq!((summary.keys, summary.new), (u64::from(SESSIONS), u64::from(SESSIONS)));

    let version = backup.version();
    let body = user.get(&format!("/v3/room_keys/keys?version={version}")).await.ok();
    let mut exported = Vec::new();
    for (room, entries) in body["rooms"].as_object().unwrap() {
        for (id, entry) in entries["sessions"].as_object().unwrap() {
            let entry: KeyBackupData = serde_json::from_value(entry.clone()).unwrap();
            let room_key = key.sdk.decrypt_session_data(entry.session_data).unwrap();
            let room_id = ruma::RoomId::parse(room.as_str()).unwrap();
            exported.push(ExportedRoomKey::from_backed_up_room_key(room_id, id.clone(), room_key));
        }
    }
    let machine = machine(&user).await;
    import(&machine, exported).await;
    assert_eq!(keys_of(&machine).await, plain(&sessions));
}
