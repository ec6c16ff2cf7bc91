//! Sessions one at a time, from stores that have them, have not, or fail.
#![cfg(feature = "sqlite")]
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test"
)]

use std::time::Duration;

use futures_util::future::join;
use matrix_key_backup::{
    EntryReader, OpenBackup, create_backup,
    downloader::{Download, Downloader},
    primitives::BackupDecryptionKey,
    store::{BackupStore, KeyToStore, SqliteStore, StoreError},
    v2::{BackupReader, SourcedSession},
    wire::{BackedUpSessionData, BackupAlgorithm, KeyBackupData, Names, RoomId, SessionId},
};
use rand::rngs::SysRng;
use rand_core::UnwrapErr;
use serde_json::Value;

const V2: BackupAlgorithm = BackupAlgorithm::V2(Names::Unstable);
const START: Duration = Duration::from_secs(1000);

fn room() -> RoomId {
    RoomId::new("!room:example.org").unwrap()
}

fn reader() -> BackupReader {
    BackupReader::new(BackupDecryptionKey::from_slice(&[5; 32]).unwrap())
}

fn own_session() -> SourcedSession {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/vectors/megolm_sessions.json");
    let file: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let json = file["sessions"][0]["session_data"].to_string();
    let data = BackedUpSessionData::parse(json.as_bytes()).unwrap();
    SourcedSession::own_session(data, room(), None)
}

/// An id of a session that nobody has.
fn another(letter: char) -> SessionId {
    SessionId::new(format!("{}A", letter.to_string().repeat(42))).unwrap()
}

async fn put(store: &SqliteStore, backup: &OpenBackup, session_id: &SessionId, json: &str) {
    let data = KeyBackupData {
        first_message_index: 0,
        forwarded_count: 0,
        is_verified: false,
        session_data: serde_json::from_str(json).unwrap(),
    };
    let key = KeyToStore { room_id: room(), session_id: session_id.clone(), data };
    store.put_keys(backup.version(), vec![key]).await.unwrap();
}

async fn setup() -> (Downloader<SqliteStore>, OpenBackup) {
    let store = SqliteStore::in_memory().await.unwrap();
    let backup = create_backup(&store, &reader(), V2).await.unwrap();
    let entries = EntryReader::new(reader(), V2, None);
    (Downloader::new(store, backup.version().clone(), entries), backup)
}

/// One whose store fails whenever it is asked for keys.
async fn failing() -> (Downloader<SqliteStore>, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("store.sqlite3");
    let store = SqliteStore::create(&file).await.unwrap();
    let backup = create_backup(&store, &reader(), V2).await.unwrap();
    let entries = EntryReader::new(reader(), V2, None);
    let downloader = Downloader::new(store, backup.version().clone(), entries);
    rusqlite::Connection::open(&file).unwrap().execute("DROP TABLE keys", []).unwrap();
    (downloader, folder)
}

#[test]
fn a_key_comes_once_it_is_there() {
    pollster::block_on(async {
        let (downloader, backup) = setup().await;
        let session = own_session();
        let id = session.session_id();
        let Ok(Download::Missing { retry_at }) = downloader.download(&room(), &id, START).await
        else {
            panic!("it is not there")
        };
        assert_eq!(retry_at, START + Duration::from_secs(30));

        let sealed = reader().writer(Names::Unstable);
        let sealed = sealed.seal(&session, &mut UnwrapErr(SysRng)).unwrap();
        put(downloader.store(), &backup, &id, sealed.as_json()).await;
        let early = downloader.download(&room(), &id, START).await.unwrap();
        assert!(matches!(early, Download::NotYet { .. }));
        let Download::Key(key) = downloader.download(&room(), &id, retry_at).await.unwrap() else {
            panic!("it is there")
        };
        assert_eq!(key.data().session_key(), session.data().session_key());
        assert!(key.provenance().is_authenticated());
        // Somebody has uploaded keys: no need to wait.
        let other = another('o');
        downloader.download(&room(), &other, START).await.unwrap();
        downloader.forget_misses();
        let again = downloader.download(&room(), &other, START).await.unwrap();
        assert!(matches!(again, Download::Missing { .. }));
    });
}

#[test]
fn what_is_forged_is_said_to_be() {
    pollster::block_on(async {
        let (downloader, backup) = setup().await;
        let id = own_session().session_id();
        put(downloader.store(), &backup, &id, r#"{"ephemeral":"AA","ciphertext":"AA"}"#).await;
        let came = downloader.download(&room(), &id, START).await.unwrap();
        assert!(matches!(came, Download::Rejected(_)), "{came:?}");
        // It was reported, and is not asked for at every redraw.
        let again = downloader.download(&room(), &id, START).await.unwrap();
        assert!(matches!(again, Download::NotYet { .. }), "{again:?}");
    });
}

#[test]
fn a_store_that_fails_is_left_in_peace() {
    pollster::block_on(async {
        let (downloader, _folder) = failing().await;
        let id = own_session().session_id();
        let failed = downloader.download(&room(), &id, START).await;
        assert!(matches!(failed, Err(StoreError::Store(_))), "{failed:?}");
        let other = another('o');
        let waits = downloader.download(&room(), &other, START).await.unwrap();
        let second = START + Duration::from_secs(1);
        assert!(matches!(waits, Download::NotYet { retry_at } if retry_at == second));
        assert!(downloader.download(&room(), &other, second).await.is_err());
    });
}

/// B-1: whoever sends a message chooses the session id in it. What can be none is not asked for, so
/// that no server and no proxy fails for it, and others need not wait.
#[test]
fn what_is_no_session_id_is_missing_unasked() {
    pollster::block_on(async {
        let (downloader, _folder) = failing().await;
        for id in [".", "..", "a", &"A".repeat(44), &"A".repeat(20_000), &"/".repeat(43)] {
            let id = SessionId::new(id).unwrap();
            let missing = downloader.download(&room(), &id, START).await;
            assert!(matches!(missing, Ok(Download::Missing { .. })), "{missing:?}");
            let again = downloader.download(&room(), &id, START).await;
            assert!(matches!(again, Ok(Download::NotYet { .. })), "{again:?}");
        }
        let asked = downloader.download(&room(), &another('o'), START).await;
        assert!(matches!(asked, Err(StoreError::Store(_))), "{asked:?}");
    });
}

/// That the version is gone is an answer: it is given for each session, once in a while.
#[test]
fn a_version_that_is_gone_is_no_outage() {
    pollster::block_on(async {
        let (downloader, backup) = setup().await;
        downloader.store().delete_version(backup.version()).await.unwrap();
        for id in ['a', 'b', 'c'].map(another) {
            let gone = downloader.download(&room(), &id, START).await;
            assert!(matches!(gone, Err(StoreError::NoSuchVersion { .. })), "{gone:?}");
            // But not at every redraw.
            let again = downloader.download(&room(), &id, START).await.unwrap();
            let later = START + Duration::from_secs(30);
            assert!(matches!(again, Download::NotYet { retry_at } if retry_at == later));
            let later = downloader.download(&room(), &id, later).await;
            assert!(matches!(later, Err(StoreError::NoSuchVersion { .. })), "{later:?}");
        }
    });
}

#[test]
fn one_session_is_asked_for_once_at_a_time() {
    pollster::block_on(async {
        let (downloader, _) = setup().await;
        let id = own_session().session_id();
        let room = room();
        let ask = || downloader.download(&room, &id, START);
        // Dropped before it was done: it is not under way for ever.
        {
            let mut dropped = Box::pin(ask());
            let waker = std::task::Waker::noop();
            let _ = dropped.as_mut().poll(&mut std::task::Context::from_waker(waker));
        }
        downloader.forget_misses(); // it may have been done at the first poll
        let (first, second) = join(ask(), ask()).await;
        assert!(matches!(first, Ok(Download::Missing { .. })), "{first:?}");
        assert!(matches!(second, Ok(Download::Underway | Download::NotYet { .. })), "{second:?}");
    });
}
