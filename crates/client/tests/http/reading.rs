//! Reading keys as they stream in, and looking up many with few requests.

use std::collections::BTreeSet;

use matrix_key_backup::store::homeserver::{HomeserverError, HomeserverStore};
use matrix_key_backup::store::{
    BackupStore, KeyScope, KeyToStore, ReceivedKey, StoreError, VersionId,
};
use matrix_key_backup::wire::{ENTRY_MAX_BYTES, KeyBackupDataError, RoomId, SessionId};
use pollster::block_on;
use serde_json::json;

use crate::common::{entries, plain_key, raw, room, session};
use crate::fake::{FakeHomeserver, Trouble, Ways};

type Page = Result<Vec<ReceivedKey>, StoreError<HomeserverError>>;

fn with_keys(keys: &[KeyToStore]) -> (FakeHomeserver, HomeserverStore<FakeHomeserver>, VersionId) {
    let server = FakeHomeserver::new(Ways::SYNAPSE);
    let store = server.store();
    let version = block_on(store.create_version("a", &raw("{}"))).unwrap();
    block_on(store.put_keys(&version, keys.to_vec())).unwrap();
    server.trouble(|_, _| None);
    (server, store, version)
}

/// Keys in rooms of a hundred.
fn keys(count: usize) -> Vec<KeyToStore> {
    (0..count).map(|n| plain_key(&format!("!{}", n / 100), &format!("s{n:04}"))).collect()
}

fn all_pages(store: &HomeserverStore<FakeHomeserver>, version: &VersionId) -> Vec<Page> {
    block_on(async {
        let mut pages = store.keys(version.clone(), KeyScope::All);
        let mut read = Vec::new();
        while let Some(page) = pages.next_page().await {
            read.push(page);
        }
        read
    })
}

#[test]
fn a_list_that_breaks_off_is_an_error_after_what_was_read() {
    let all = keys(1000);
    for trouble in [Trouble::BreaksOff(100_000), Trouble::Ends(100_000), Trouble::Stalls(100_000)] {
        let (server, store, version) = with_keys(&all);
        server.trouble_with("GET /keys", vec![trouble.clone()]);
        let mut pages = all_pages(&store, &version);
        let error = match pages.pop().unwrap().unwrap_err() {
            StoreError::Store(error) => error,
            other => panic!("{other:?}"),
        };
        let read: Vec<_> = pages.into_iter().flat_map(Page::unwrap).collect();
        assert!(read.len() > 300, "{} keys before {trouble:?}", read.len());
        assert_eq!(entries(&read), entries(&all[..read.len()]));
        let HomeserverError::BrokenOff { keys_read, .. } = &error else { panic!("{error:?}") };
        assert_eq!(*keys_read, read.len() as u64);
        assert!(error.to_string().starts_with("GET /room_keys/keys: "), "{error}");
    }
}

#[test]
fn before_the_first_key_a_list_is_asked_for_again() {
    let all = keys(10);
    let (server, store, version) = with_keys(&all);
    let troubles = vec![
        Trouble::NoConnection,
        Trouble::ResetAfter,
        Trouble::Silence,
        Trouble::Answer(502, ""),
    ];
    server.trouble_with("GET /keys", troubles);
    let pages = all_pages(&store, &version);
    assert_eq!(entries(pages.iter().flat_map(|page| page.as_ref().unwrap())), entries(&all));
    assert_eq!(server.requests("GET /keys"), 5);
}

#[test]
fn a_list_that_is_none_is_an_error() {
    let (server, store, version) = with_keys(&[]);
    for body in ["<html>", "[]", r#"{"rooms":[]}"#, r#"{"rooms":{}}x"#, "{}"] {
        server.trouble_with("GET /keys", vec![Trouble::Answer(200, body)]);
        let error = all_pages(&store, &version).pop().unwrap().unwrap_err();
        let StoreError::Store(HomeserverError::MalformedKeys { keys_read: 0, .. }) = error else {
            panic!("{error:?}")
        };
    }
}

/// V2-13, A-3: what a server has of an entry is reported, and costs no other.
#[test]
fn bad_entries_are_named_and_the_others_are_read() {
    let (server, store, version) = with_keys(&keys(2));
    server.plant(1, "!0", "none", json!(null));
    server.plant(1, "!0", "half", json!({"first_message_index": 0, "is_verified": true}));
    server.plant(1, "!0", "large", json!("x".repeat(ENTRY_MAX_BYTES + 5000)));
    let of = |scope: KeyScope| -> Vec<ReceivedKey> {
        block_on(async {
            let mut pages = store.keys(version.clone(), scope);
            let mut read = Vec::new();
            while let Some(page) = pages.next_page().await {
                read.extend(page.unwrap());
            }
            read
        })
    };
    for scope in [KeyScope::All, KeyScope::Room(room("!0"))] {
        let read = of(scope);
        let good = read.iter().filter(|key| key.data.is_ok()).count();
        assert_eq!((read.len(), good), (5, 2));
        let large = read.iter().find(|key| key.session_id.as_str() == "large").unwrap();
        assert!(matches!(large.data, Err(KeyBackupDataError::TooLarge { .. })));
    }
    for id in ["none", "half", "large"] {
        let read = of(KeyScope::Session(room("!0"), session(id)));
        assert!(read.len() == 1 && read[0].data.is_err(), "{id}");
    }
}

#[test]
fn pages_are_bounded() {
    let (_, store, version) = with_keys(&keys(2000));
    let lengths: Vec<_> =
        all_pages(&store, &version).into_iter().map(|page| page.unwrap().len()).collect();
    assert_eq!(lengths.iter().sum::<usize>(), 2000);
    assert!(lengths.iter().all(|length| *length <= 512), "{lengths:?}");
    let large: Vec<_> = (0..12)
        .map(|n| {
            let metadata = crate::common::metadata(false, 0, 0);
            crate::common::key("!r", &format!("s{n}"), metadata, &"x".repeat(1_000_000))
        })
        .collect();
    let (_, store, version) = with_keys(&large);
    let lengths: Vec<_> =
        all_pages(&store, &version).into_iter().map(|page| page.unwrap().len()).collect();
    assert_eq!(lengths, [5, 5, 2]);
}

/// Every client and proxy takes these for the way up in a path, so they are read with the room.
#[test]
fn sessions_that_no_path_can_name_are_read_all_the_same() {
    let all = [plain_key("!0", ".."), plain_key("!0", "."), plain_key("!0", "good")];
    let (server, store, version) = with_keys(&all);
    for key in &all {
        let place = (key.room_id.clone(), key.session_id.clone());
        let scope = KeyScope::Session(place.0.clone(), place.1.clone());
        let read = block_on(crate::common::read(&store, &version, scope));
        assert_eq!(read, entries([key]));
        assert_eq!(entries(&block_on(store.keys_of(&version, &[place])).unwrap()), entries([key]));
    }
    let scope = KeyScope::Session(room("!0"), session(".."));
    let error = block_on(store.delete_keys(&version, scope)).unwrap_err();
    assert!(error.to_string().contains("cannot be deleted alone"), "{error}");
    assert_eq!(server.sessions(1).len(), 3);
}

fn places<'a>(keys: impl IntoIterator<Item = &'a KeyToStore>) -> Vec<(RoomId, SessionId)> {
    keys.into_iter().map(|key| (key.room_id.clone(), key.session_id.clone())).collect()
}

#[test]
fn many_sessions_are_looked_up_with_few_requests() {
    let all = keys(2000);
    let (server, store, version) = with_keys(&all);
    for (wanted, requests) in [
        (places(&all[..1]), 1),
        (places(&all[..4]), 4),
        (places(&all[..100]), 1),
        (places(all.iter().step_by(100)), 20),
        (places(&all), 20),
    ] {
        server.trouble(|_, _| None);
        let found = block_on(store.keys_of(&version, &wanted)).unwrap();
        let found: BTreeSet<_> =
            found.into_iter().map(|key| (key.room_id, key.session_id)).collect();
        assert_eq!(found, wanted.into_iter().collect());
        assert_eq!(server.requests("GET /keys"), requests);
    }
}

#[test]
fn an_empty_backup_is_not_searched() {
    let (server, store, version) = with_keys(&[]);
    let found = block_on(store.keys_of(&version, &places(&keys(5000)))).unwrap();
    assert!(found.is_empty());
    assert_eq!(server.log(), ["GET /version/1"]);
}

#[test]
fn a_look_up_that_breaks_off_begins_again() {
    let all = keys(200);
    let (server, store, version) = with_keys(&all);
    server.trouble_with("GET /keys", vec![Trouble::BreaksOff(5_000), Trouble::Ends(5_000)]);
    let found = block_on(store.keys_of(&version, &places(&all))).unwrap();
    assert_eq!(entries(&found), entries(&all));
    server.trouble_with("GET /keys", vec![Trouble::Ends(5_000); 100]);
    assert!(block_on(store.keys_of(&version, &places(&all))).is_err());
    assert!(server.log().len() < 20);
}
