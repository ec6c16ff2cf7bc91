//! What a client remembers, against servers that go back on what they have shown (B-3).
#![cfg(feature = "sqlite")]
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test"
)]

use futures_util::StreamExt;
use matrix_key_backup::{
    EntryReader, OpenBackup, RestoredBatch, create_backup,
    primitives::BackupDecryptionKey,
    restore,
    state::{BackupState, KeySetback, KeySetbackKind, SeenKey, VersionSetback},
    store::{BackupStore, BackupVersion, KeyScope, KeyToStore, SqliteStore, VersionId},
    v2::{BackupReader, SourcedSession},
    wire::{BackedUpSessionData, BackupAlgorithm, KeyBackupData, Names, RoomId, SessionId},
};
use rand::rngs::SysRng;
use rand_core::UnwrapErr;
use serde_json::{Value, json};

const V2: BackupAlgorithm = BackupAlgorithm::V2(Names::Unstable);

fn sessions() -> Vec<Value> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/vectors/megolm_sessions.json");
    let mut file: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    serde_json::from_value(file["sessions"].take()).unwrap()
}

fn at(session: &Value, export: usize) -> BackedUpSessionData {
    let mut json = session["session_data"].clone();
    json["session_key"] = session["exports"][export]["session_key"].clone();
    BackedUpSessionData::parse(json.to_string().as_bytes()).unwrap()
}

fn room(number: usize) -> RoomId {
    RoomId::new(format!("!room{number}:example.org")).unwrap()
}

fn rng() -> UnwrapErr<SysRng> {
    UnwrapErr(SysRng)
}

fn reader() -> BackupReader {
    BackupReader::new(BackupDecryptionKey::from_slice(&[5; 32]).unwrap())
}

/// A server that puts whatever it likes in whatever place.
struct Server {
    store: SqliteStore,
    backup: OpenBackup,
}

impl Server {
    async fn new() -> Self {
        let store = SqliteStore::in_memory().await.unwrap();
        let backup = create_backup(&store, &reader(), V2).await.unwrap();
        Self { store, backup }
    }

    /// Replaces whatever is there, which no store does by A-2.
    async fn force(&self, session: &SourcedSession) {
        let sealed = reader().writer(Names::Unstable).seal(session, &mut rng()).unwrap();
        self.force_raw(session, sealed.as_json()).await;
    }

    async fn force_raw(&self, session: &SourcedSession, session_data: &str) {
        let (room_id, session_id) = (session.room_id().clone(), session.session_id());
        let scope = KeyScope::Session(room_id.clone(), session_id.clone());
        self.store.delete_keys(self.backup.version(), scope).await.unwrap();
        let data = KeyBackupData {
            first_message_index: 0,
            forwarded_count: 0,
            is_verified: false,
            session_data: serde_json::from_str(session_data).unwrap(),
        };
        let key = KeyToStore { room_id, session_id, data };
        self.store.put_keys(self.backup.version(), vec![key]).await.unwrap();
    }

    async fn restored(&self, scope: KeyScope) -> Vec<RestoredBatch> {
        let reader = EntryReader::new(reader(), V2, None);
        let pages = restore(&self.store, self.backup.version().clone(), scope, reader);
        pages.map(Result::unwrap).collect().await
    }

    /// A restore with a state that looks on.
    async fn watched(&self, state: &mut BackupState, scope: KeyScope) -> Vec<KeySetback> {
        let mut watch = state.watch(self.backup.version(), &scope);
        for batch in &self.restored(scope).await {
            watch.note(batch);
        }
        watch.finish(state)
    }
}

fn new_state() -> BackupState {
    BackupState::generate(&mut rng())
}

/// A restore that brings nothing.
fn finished(state: &mut BackupState, version: &VersionId, scope: &KeyScope) -> Vec<KeySetback> {
    state.watch(version, scope).finish(state)
}

fn own(data: BackedUpSessionData, number: usize) -> SourcedSession {
    SourcedSession::own_session(data, room(number), None)
}

fn kinds(setbacks: &[KeySetback]) -> Vec<KeySetbackKind> {
    setbacks.iter().map(|setback| setback.what).collect()
}

#[test]
fn a_server_that_shows_the_same_is_not_accused() {
    pollster::block_on(async {
        let (server, sessions) = (Server::new().await, sessions());
        let mut state = new_state();
        for (number, session) in sessions.iter().enumerate().take(40) {
            server.force(&own(at(session, 1), number % 3)).await;
        }
        for scope in [KeyScope::All, KeyScope::All, KeyScope::Room(room(1))] {
            assert!(server.watched(&mut state, scope).await.is_empty());
        }
        // An earlier index is no setback, nor are new keys, nor is a restart.
        server.force(&own(at(&sessions[0], 0), 0)).await;
        server.force(&own(at(&sessions[50], 0), 0)).await;
        let mut state = reopened(&state);
        assert!(server.watched(&mut state, KeyScope::All).await.is_empty());
    });
}

fn reopened(state: &BackupState) -> BackupState {
    let kept = serde_json::to_string(state).unwrap();
    let read: BackupState = serde_json::from_str(&kept).unwrap();
    assert_eq!(read, *state);
    read
}

// B-3
#[test]
fn every_way_back_is_told() {
    pollster::block_on(async {
        let (server, sessions) = (Server::new().await, sessions());
        let mut state = new_state();
        for session in sessions.iter().take(6) {
            server.force(&own(at(session, 1), 0)).await;
        }
        assert!(server.watched(&mut state, KeyScope::All).await.is_empty());
        let mut state = reopened(&state);

        let own_again = |n: usize, export| own(at(&sessions[n], export), 0);
        let gone = own_again(0, 1);
        let scope = KeyScope::Session(room(0), gone.session_id());
        server.store.delete_keys(server.backup.version(), scope).await.unwrap();
        server.force(&own_again(1, 2)).await;
        server.force(&SourcedSession::unvouched(at(&sessions[2], 1), room(0))).await;
        server.force_raw(&own_again(3, 1), r#"{"ephemeral":"AA","ciphertext":"AA"}"#).await;

        let later = at(&sessions[1], 2).session_key().first_known_index();
        let expected = [
            (0, KeySetbackKind::Missing),
            (1, KeySetbackKind::LaterIndex { found: later }),
            (2, KeySetbackKind::NotAuthenticated),
            (3, KeySetbackKind::Unreadable),
        ];
        // The same again: what was better is not forgotten.
        for _ in 0..2 {
            let setbacks = server.watched(&mut state, KeyScope::All).await;
            assert_eq!(setbacks.len(), expected.len(), "{setbacks:?}");
            for (number, kind) in expected {
                let id = own_again(number, 1).session_id();
                let told = setbacks.iter().find(|setback| setback.seen.session_id == id).unwrap();
                assert_eq!(told.what, kind);
            }
        }
        // What the user has deleted is not missed.
        state.forget(server.backup.version(), &KeyScope::Session(room(0), gone.session_id()));
        assert_eq!(server.watched(&mut state, KeyScope::All).await.len(), 3);
        // Nor what another scope was asked for.
        let other = server.watched(&mut state, KeyScope::Room(room(1))).await;
        assert!(other.is_empty());
        state.forget(server.backup.version(), &KeyScope::All);
        assert!(server.watched(&mut state, KeyScope::All).await.is_empty());
    });
}

// A-3: of several entries for one session the best counts.
#[test]
fn a_worse_copy_beside_the_key_is_no_setback() {
    pollster::block_on(async {
        let (server, sessions) = (Server::new().await, sessions());
        let mut state = new_state();
        let good = own(at(&sessions[0], 0), 0);
        server.force(&good).await;
        let good = server.restored(KeyScope::All).await;
        server.force(&SourcedSession::unvouched(at(&sessions[0], 2), room(0))).await;
        let worse = server.restored(KeyScope::All).await;
        for order in [[&worse, &good], [&good, &worse]] {
            let mut watch = state.watch(server.backup.version(), &KeyScope::All);
            for batch in order.into_iter().flatten() {
                watch.note(batch);
            }
            assert!(watch.finish(&mut state).is_empty());
        }
        let mut watch = state.watch(server.backup.version(), &KeyScope::All);
        worse.iter().for_each(|batch| watch.note(batch));
        assert!(matches!(*kinds(&watch.finish(&mut state)), [KeySetbackKind::LaterIndex { .. }]));
    });
}

/// A version as the server describes it.
fn described(count: u64, etag: &str) -> OpenBackup {
    described_as("7", count, etag)
}

fn described_as(version: &str, count: u64, etag: &str) -> OpenBackup {
    let backup = json!({"public_key": reader().public_key().to_base64()});
    OpenBackup::read(BackupVersion {
        version: VersionId::new(version),
        algorithm: V2.as_str().to_owned(),
        auth_data: serde_json::value::to_raw_value(&backup).unwrap(),
        count,
        etag: etag.to_owned(),
    })
    .unwrap()
}

// B-3
#[test]
fn count_and_etag_do_not_go_back() {
    let mut state = new_state();
    assert_eq!(state.note_version(&described(3, "a")), None);
    assert_eq!(state.note_version(&described(3, "a")), None);
    assert_eq!(state.note_version(&described(5, "b")), None);
    assert_eq!(state.note_version(&described(3, "a")), Some(VersionSetback::OlderState));
    let mut state = reopened(&state);
    let changed = VersionSetback::ChangedUnderEtag { seen: 3, found: 2 };
    assert_eq!(state.note_version(&described(2, "a")), Some(changed));
    assert_eq!(state.note_version(&described(9, "c")), None);
    let fewer = VersionSetback::FewerKeys { seen: 9, found: 8 };
    assert_eq!(state.note_version(&described(8, "d")), Some(fewer));
}

// B-3: names of versions that nobody trusts make nothing forgotten.
#[test]
fn made_up_versions_do_not_push_out_the_real_one() {
    pollster::block_on(async {
        let (server, sessions) = (Server::new().await, sessions());
        let mut state = new_state();
        for session in sessions.iter().take(5) {
            server.force(&own(at(session, 1), 0)).await;
        }
        assert!(server.watched(&mut state, KeyScope::All).await.is_empty());
        for made_up in 0..40 {
            let version = VersionId::new(format!("made up {made_up}"));
            assert!(finished(&mut state, &version, &KeyScope::All).is_empty());
        }
        server.store.delete_keys(server.backup.version(), KeyScope::All).await.unwrap();
        assert_eq!(server.watched(&mut state, KeyScope::All).await.len(), 5);
    });
}

// B-2, B-3: copies in other rooms, and keys that anybody can make, push out nothing.
#[test]
fn copies_and_planted_keys_do_not_dilute_the_sample() {
    let sessions = sessions();
    let version = VersionId::new("1");
    let mut state = new_state();
    let real: Vec<_> = sessions.iter().take(50).map(|session| own(at(session, 1), 0)).collect();
    for key in &real {
        state.note_key(&version, seen(key));
    }
    for copy in 0..400 {
        for key in &real {
            state.note_key(&version, SeenKey { room_id: room(1 + copy), ..seen(key) });
        }
        for planted in 0..10 {
            let session_id = SessionId::new(format!("planted {copy} {planted}")).unwrap();
            let planted = SeenKey { session_id, authenticated: false, ..seen(&real[0]) };
            state.note_key(&version, planted);
        }
    }
    let told = finished(&mut state, &version, &KeyScope::Room(room(0)));
    let real_told = told.iter().filter(|setback| setback.seen.authenticated).count();
    assert_eq!(real_told, 50);
}

// B-3: the bound that is promised, with all that a server can make long.
#[test]
fn it_stays_bounded_whatever_a_server_does() {
    let longest = |character: &str, number: usize| {
        let long = |prefix: &str, most: usize| prefix.to_owned() + &character.repeat(most);
        SeenKey {
            room_id: RoomId::new(long(&format!("!{number:06}"), 400)).unwrap(),
            session_id: SessionId::new(long(&format!("{number:06}"), 99)).unwrap(),
            first_message_index: u32::MAX,
            authenticated: number.is_multiple_of(2),
        }
    };
    // As long as they may be; and as escapes, six bytes for one.
    for character in ["x", "\u{1}"] {
        let mut state = new_state();
        for version in 0..6 {
            // Only the first 256 bytes count, so these differ in the front.
            let version = VersionId::new(version.to_string() + &character.repeat(5000));
            for number in 0..2000 {
                state.note_key(&version, longest(character, number));
            }
            for number in 0..40 {
                let etag = format!("{number:06}{}", character.repeat(250));
                let version = described_as(version.as_str(), 1, &etag);
                assert_eq!(state.note_version(&version), None);
                assert_eq!(state.note_version(&described_as("7", 1, &"e".repeat(300))), None);
            }
        }
        let kept = serde_json::to_string(&state).unwrap();
        assert!(kept.len() <= BackupState::MAX_JSON_BYTES - 64 * 1024, "{} bytes", kept.len());
        assert!(kept.len() > 256 * 1024, "{} bytes do not try the bound", kept.len());
        reopened(&state);
    }
}

// B-3: the bound in bytes takes nothing from who has real ids.
#[test]
fn of_real_ids_1024_keys_are_remembered() {
    let (version, mut state) = (VersionId::new("1"), new_state());
    for number in 0..2000 {
        let key = SeenKey {
            room_id: RoomId::new(format!("!{number:018}:a-longer-name.example.org")).unwrap(),
            session_id: SessionId::new(format!("{number:043}")).unwrap(),
            first_message_index: 0,
            authenticated: true,
        };
        state.note_key(&version, key);
    }
    let mut state = reopened(&state);
    assert_eq!(finished(&mut state, &version, &KeyScope::All).len(), 1024);
}

/// JavaScript has 53 bits for a whole number.
#[test]
fn no_number_in_it_is_too_large_for_javascript() {
    fn numbers(json: &Value, found: &mut Vec<u64>) {
        match json {
            Value::Number(number) => found.push(number.as_u64().unwrap()),
            Value::Array(all) => all.iter().for_each(|json| numbers(json, found)),
            Value::Object(all) => all.values().for_each(|json| numbers(json, found)),
            _ => {}
        }
    }
    let mut state = new_state();
    state.note_key(&VersionId::new("1"), seen(&own(at(&sessions()[0], 1), 0)));
    let json = serde_json::to_value(&state).unwrap();
    let mut found = Vec::new();
    numbers(&json, &mut found);
    assert!(found.len() >= 2 && found.iter().all(|number| *number < 1 << 53), "{found:?}");
    assert_eq!(json["salt"].as_str().unwrap().len(), 16);
}

#[test]
fn the_first_form_is_still_read() {
    let json = json!({
        "format": "backup-state-1",
        "trust": serde_json::to_value(new_state().trust).unwrap(),
        "salt": u64::MAX,
        "versions": [{"version": "7", "count": 3, "etags": ["a"], "keys": [{
            "room_id": "!r", "session_id": "s", "first_message_index": 4, "authenticated": true,
        }]}],
    });
    let read: BackupState = serde_json::from_value(json).unwrap();
    let mut state = reopened(&read);
    let fewer = VersionSetback::FewerKeys { seen: 3, found: 2 };
    assert_eq!(state.note_version(&described(2, "b")), Some(fewer));
    let told = finished(&mut state, &VersionId::new("7"), &KeyScope::All);
    assert_eq!((told[0].seen.session_id.as_str(), told[0].seen.first_message_index), ("s", 4));
}

/// A watch borrows nothing: restores at the same time, and a state in use meanwhile.
#[test]
fn watches_of_one_state_do_not_meet() {
    pollster::block_on(async {
        let (server, sessions) = (Server::new().await, sessions());
        let (mut state, version) = (new_state(), server.backup.version().clone());
        let keys: Vec<_> = (0..4).map(|n| own(at(&sessions[n], 1), n % 2)).collect();
        for key in &keys {
            server.force(key).await;
        }
        assert!(server.watched(&mut state, KeyScope::All).await.is_empty());

        let even = state.watch(&version, &KeyScope::Room(room(0)));
        let mut odd = state.watch(&version, &KeyScope::Room(room(1)));
        assert_eq!(state.note_version(&described(4, "a")), None);
        // Deleted by the user while the restore was under way.
        state.forget(&version, &KeyScope::Session(room(0), keys[0].session_id()));
        // Written by this device after the restore had come by.
        state.note_key(&version, SeenKey { first_message_index: 0, ..seen(&keys[1]) });
        for batch in &server.restored(KeyScope::Room(room(1))).await {
            odd.note(batch);
        }
        assert!(odd.finish(&mut state).is_empty());
        let told = even.finish(&mut state);
        assert_eq!(kinds(&told), [KeySetbackKind::Missing]);
        assert_eq!(told[0].seen, seen(&keys[2]));

        // Another account's state learns nothing.
        let watch = state.watch(&version, &KeyScope::All);
        let mut other = new_state();
        let before = other.clone();
        assert!(watch.finish(&mut other).is_empty());
        assert_eq!(other, before);
    });
}

/// One state is all that is kept (T-4, B-3).
#[test]
fn trust_is_kept_in_the_same_state() {
    use matrix_key_backup::trust::{KeyOrigin, TrustedBackup};
    pollster::block_on(async {
        let (mut state, server) = (new_state(), Server::new().await);
        let said = server.backup.description();
        let origin = KeyOrigin::CreatedHere;
        TrustedBackup::from_decryption_key(said, &reader(), origin, &mut state.trust).unwrap();
        let state = reopened(&state);
        let last = state.trust.last_trusted().unwrap();
        assert_eq!(last.version, server.backup.version().as_str());
    });
}

/// A growing backup: what was remembered makes room for others, and is then not missed.
#[test]
fn a_sample_is_no_false_alarm_and_finds_who_withholds() {
    let real = own(at(&sessions()[0], 1), 0);
    let (version, mut state) = (VersionId::new("1"), new_state());
    let key = |number: usize| SeenKey {
        room_id: room(number % 40),
        session_id: SessionId::new(format!("session {number}")).unwrap(),
        ..seen(&real)
    };
    for number in 0..4000 {
        state.note_key(&version, key(number));
    }
    let told = finished(&mut state, &version, &KeyScope::All);
    assert_eq!(told.len(), 1024, "all that is remembered is missed where nothing comes");
    // One room in forty has 100 keys, of which about a quarter is remembered.
    let told = finished(&mut state, &version, &KeyScope::Room(room(7)));
    assert!(told.len() > 5 && told.len() < 60, "{}", told.len());
    for setback in told {
        assert_eq!((setback.what, setback.seen.room_id), (KeySetbackKind::Missing, room(7)));
    }
}

fn seen(key: &SourcedSession) -> SeenKey {
    SeenKey {
        room_id: key.room_id().clone(),
        session_id: key.session_id(),
        first_message_index: key.data().session_key().first_known_index(),
        authenticated: key.provenance().is_authenticated(),
    }
}

#[test]
fn what_we_never_wrote_is_refused() {
    let state = serde_json::to_value(new_state()).unwrap();
    let refused = |change: &dyn Fn(&mut Value)| {
        let mut changed = state.clone();
        change(&mut changed);
        assert_ne!(changed, state);
        serde_json::from_value::<BackupState>(changed).unwrap_err().to_string()
    };
    refused(&|state| state["format"] = json!("backup-state-3"));
    refused(&|state| state["more"] = json!(1));
    refused(&|state| *state = json!(null));
    for salt in [json!(-1), json!(7), json!(""), json!("+00000000000001f"), json!("0".repeat(17))] {
        refused(&|state| state["salt"] = salt.clone());
    }
    let version = json!({"version": "1", "count": 1, "etags": [], "keys": []});
    let too_much = refused(&|state| state["versions"] = json!(vec![&version; 9]));
    assert!(too_much.contains("more in it than is ever written"));
    let mut long = version;
    long["etags"] = json!(vec!["e"; 17]);
    refused(&|state| state["versions"] = json!([long]));
}
