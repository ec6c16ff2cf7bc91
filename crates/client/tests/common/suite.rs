//! What every store must do alike. Each test takes an empty store.

use std::collections::BTreeSet;

use matrix_key_backup::replacement::KeyMetadata;
use matrix_key_backup::store::{
    BackupStore, KeyScope, KeyToStore, StoreError, Unwritten, VersionId,
};
use matrix_key_backup::wire::KeyBackupData;

use super::model::new_one_wins;
use super::{
    ALGORITHM, Entry, entries, kept_old, key, metadata, plain_key, raw, read, read_pages, room,
    session,
};

/// In what stores differ that are otherwise alike.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// Whether the first of two entries takes the place of the second.
    pub new_one_wins: fn(&KeyBackupData, &KeyBackupData) -> bool,
    /// Whether the etag stays when what is to be deleted is not there.
    pub deleting_nothing_is_no_change: bool,
    /// Whether a version beyond all integers is one that is not there, and not an error.
    pub numbers_have_no_limit: bool,
}

impl Rules {
    /// A-2, and etags that change when keys do, and only then.
    pub const OURS: Self =
        Self { new_one_wins, deleting_nothing_is_no_change: true, numbers_have_no_limit: true };

    /// As Synapse has it.
    pub const SYNAPSE: Self = Self {
        new_one_wins: synapse_replaces,
        deleting_nothing_is_no_change: false,
        numbers_have_no_limit: false,
    };
}

fn synapse_replaces(new: &KeyBackupData, old: &KeyBackupData) -> bool {
    (new.is_verified && !old.is_verified)
        || new.first_message_index < old.first_message_index
        || new.forwarded_count < old.forwarded_count
}

/// Runs the whole suite as one test each, on stores that the expression makes. A store that needs an
/// executor of its own names it, and one that needs a server has its tests ignored.
#[macro_export]
macro_rules! store_conformance {
    ($name:ident, $store:expr) => {
        $crate::store_conformance!($name, $store, common::suite::Rules::OURS);
    };
    ($name:ident, $store:expr, $rules:expr) => {
        $crate::store_conformance!($name, $store, $rules, pollster::block_on,);
    };
    ($name:ident, $store:expr, $rules:expr, $block_on:path, $($ignored:literal)?) => {
        $crate::store_conformance!(@tests $name, $store, $rules, $block_on, [$($ignored)?],
            [versions_are_not_reused, auth_data_is_kept, auth_data_update,
             old_versions_are_read_only, replacement_within_a_batch, same_upload_twice, scopes,
             lookups, many_entries, deletion, deleting_a_version, session_data_is_kept]
            [no_version, replacement, etags]);
    };
    (@tests $name:ident, $store:expr, $rules:expr, $block_on:path, $ignored:tt,
     [$($test:ident),*] [$($ruled:ident),*]) => {
        mod $name {
            use super::*;
            $($crate::store_conformance!(@test $test, $ignored, $block_on(async {
                common::suite::$test(&$store.await).await
            }));)*
            $($crate::store_conformance!(@test $ruled, $ignored, $block_on(async {
                common::suite::$ruled(&$store.await, $rules).await
            }));)*
        }
    };
    (@test $test:ident, [], $run:expr) => {
        #[test]
        fn $test() {
            $run;
        }
    };
    (@test $test:ident, [$ignored:literal], $run:expr) => {
        #[test]
        #[ignore = $ignored]
        fn $test() {
            $run;
        }
    };
}

async fn create<S: BackupStore>(store: &S) -> VersionId {
    store.create_version(ALGORITHM, &raw(r#"{"public_key":"x"}"#)).await.unwrap()
}

pub async fn no_version<S: BackupStore>(store: &S, rules: Rules) {
    const BEYOND_INTEGERS: &str = "18446744073709551616";

    assert!(store.current_version().await.unwrap().is_none());
    if !rules.numbers_have_no_limit {
        let version = VersionId::new(BEYOND_INTEGERS);
        let answer = store.version(&version).await;
        assert!(matches!(answer, Err(StoreError::Store(_))), "{answer:?}");
    }
    for name in ["1", "0", "-1", "", "01", "one", BEYOND_INTEGERS, "'; DROP TABLE keys; --"] {
        if name == BEYOND_INTEGERS && !rules.numbers_have_no_limit {
            continue;
        }
        let version = VersionId::new(name);
        let missing = |error: StoreError<S::Error>| match error {
            StoreError::NoSuchVersion { version: named } => assert_eq!(named, version),
            other => panic!("{other:?}"),
        };
        assert!(store.version(&version).await.unwrap().is_none());
        assert!(!store.delete_version(&version).await.unwrap());
        missing(store.update_auth_data(&version, ALGORITHM, &raw("{}")).await.unwrap_err());
        missing(store.put_keys(&version, vec![plain_key("!r", "s")]).await.unwrap_err());
        missing(store.delete_keys(&version, KeyScope::All).await.unwrap_err());
        missing(store.keys_of(&version, &[(room("!r"), session("s"))]).await.unwrap_err());
        let mut pages = store.keys(version.clone(), KeyScope::All);
        missing(pages.next_page().await.unwrap().unwrap_err());
        assert!(pages.next_page().await.is_none(), "an error is the last thing said");
    }
}

pub async fn versions_are_not_reused<S: BackupStore>(store: &S) {
    let first = create(store).await;
    store.put_keys(&first, vec![plain_key("!r", "s")]).await.unwrap();
    let second = create(store).await;
    assert_eq!(store.current_version().await.unwrap().unwrap().version, second);
    assert!(store.delete_version(&second).await.unwrap());
    assert!(!store.delete_version(&second).await.unwrap());
    assert!(store.version(&second).await.unwrap().is_none());
    // The one before is current again, with its keys, and may be written to.
    let current = store.current_version().await.unwrap().unwrap();
    assert_eq!((&current.version, current.count), (&first, 1));
    store.put_keys(&first, vec![plain_key("!r", "t")]).await.unwrap();
    let third = create(store).await;
    assert!(third != first && third != second);
    assert_eq!(store.current_version().await.unwrap().unwrap().count, 0);
}

pub async fn auth_data_is_kept<S: BackupStore>(store: &S) {
    for json in [
        r#"{"public_key":"x","signatures":{"@a:b":{"ed25519:C":"s"}},"other":[1,null,"é"]}"#,
        "null",
        "{}",
        "7",
        r#""text""#,
        "[[]]",
    ] {
        let version = store.create_version("some.algorithm", &raw(json)).await.unwrap();
        let found = store.version(&version).await.unwrap().unwrap();
        assert_eq!(found.algorithm, "some.algorithm");
        let value = |json: &str| serde_json::from_str::<serde_json::Value>(json).unwrap();
        assert_eq!(value(found.auth_data.get()), value(json));
        let current = store.current_version().await.unwrap().unwrap();
        assert_eq!((current.version, current.etag), (found.version, found.etag));
    }
}

pub async fn auth_data_update<S: BackupStore>(store: &S) {
    let version = create(store).await;
    let before = store.put_keys(&version, vec![plain_key("!r", "s")]).await.unwrap();
    store.update_auth_data(&version, ALGORITHM, &raw(r#"{"new":1}"#)).await.unwrap();
    match store.update_auth_data(&version, "another", &raw("{}")).await.unwrap_err() {
        StoreError::OtherAlgorithm { version: named, algorithm } => {
            assert_eq!((named, algorithm.as_str()), (version.clone(), "another"));
        }
        other => panic!("{other:?}"),
    }
    let after = store.version(&version).await.unwrap().unwrap();
    assert_eq!(after.algorithm, ALGORITHM);
    assert_eq!(after.auth_data.get(), r#"{"new":1}"#);
    assert_eq!((after.etag, after.count), (before.etag, before.count), "no key was changed");
}

/// A-1.
pub async fn old_versions_are_read_only<S: BackupStore>(store: &S) {
    let old = create(store).await;
    let kept = store.put_keys(&old, vec![plain_key("!r", "s")]).await.unwrap();
    let new = create(store).await;
    let refused = [
        store.put_keys(&old, vec![plain_key("!r", "t")]).await,
        store.put_keys(&old, vec![]).await,
    ];
    for outcome in refused {
        match outcome.unwrap_err() {
            StoreError::WrongVersion { version, current } => {
                assert_eq!((version, current), (old.clone(), Some(new.clone())));
            }
            other => panic!("{other:?}"),
        }
    }
    let found = store.version(&old).await.unwrap().unwrap();
    assert_eq!((found.etag, found.count), (kept.etag, 1));
    assert_eq!(read(store, &old, KeyScope::All).await, entries(&[plain_key("!r", "s")]));
    assert_eq!(store.version(&new).await.unwrap().unwrap().count, 0);
}

/// Every pair of metadata from a small grid, as two entries for a session of its own.
fn all_pairs() -> Vec<(KeyToStore, KeyToStore)> {
    let mut grid = Vec::new();
    for is_verified in [false, true] {
        for index in [0, 1, 7] {
            grid.extend([0, 1].map(|forwarded| metadata(is_verified, index, forwarded)));
        }
    }
    let pair = |(old, new): (KeyMetadata, KeyMetadata)| {
        let session_id = format!("{old:?}, {new:?}");
        (key("!r:x", &session_id, old, "old"), key("!r:x", &session_id, new, "new"))
    };
    grid.iter().flat_map(|old| grid.iter().map(move |new| (*old, *new))).map(pair).collect()
}

type NewOneWins = fn(&KeyBackupData, &KeyBackupData) -> bool;

fn survivors(pairs: &[(KeyToStore, KeyToStore)], new_one_wins: NewOneWins) -> Vec<Entry> {
    entries(
        pairs.iter().map(|(old, new)| if new_one_wins(&new.data, &old.data) { new } else { old }),
    )
}

/// A-2, entries of an earlier upload.
pub async fn replacement<S: BackupStore>(store: &S, rules: Rules) {
    let version = create(store).await;
    let pairs = all_pairs();
    let (old, new): (Vec<_>, Vec<_>) = pairs.iter().cloned().unzip();
    store.put_keys(&version, old).await.unwrap();
    let outcome = store.put_keys(&version, new).await.unwrap();
    assert_eq!(outcome.count, 144);
    assert_eq!(read(store, &version, KeyScope::All).await, survivors(&pairs, rules.new_one_wins));
    let lost = pairs.iter().filter(|(old, new)| !(rules.new_one_wins)(&new.data, &old.data));
    assert_eq!(sorted(outcome.unwritten), kept_old(lost.map(|(_, new)| new)));
}

fn sorted(mut unwritten: Vec<Unwritten>) -> Vec<Unwritten> {
    unwritten.sort_by(|a, b| (&a.room_id, &a.session_id).cmp(&(&b.room_id, &b.session_id)));
    unwritten
}

/// A-2, both entries in one upload.
pub async fn replacement_within_a_batch<S: BackupStore>(store: &S) {
    let version = create(store).await;
    let pairs = all_pairs();
    let batch = pairs.iter().cloned().flat_map(|(old, new)| [old, new]).collect();
    let outcome = store.put_keys(&version, batch).await.unwrap();
    assert_eq!(outcome.count, 144);
    assert_eq!(read(store, &version, KeyScope::All).await, survivors(&pairs, new_one_wins));
    assert_eq!(outcome.unwritten, [], "of two in one place, one is there");
    let worse: Vec<_> = pairs
        .iter()
        .map(|(old, _)| key("!r:x", old.session_id.as_str(), metadata(false, 9, 9), "w"))
        .collect();
    let outcome = store.put_keys(&version, worse.clone()).await.unwrap();
    assert_eq!(sorted(outcome.unwritten), kept_old(&worse));
}

pub async fn same_upload_twice<S: BackupStore>(store: &S) {
    let version = create(store).await;
    let batch: Vec<_> = (0..50).map(|n| plain_key("!r:x", &format!("s{n}"))).collect();
    let once = store.put_keys(&version, batch.clone()).await.unwrap();
    let twice = store.put_keys(&version, batch.clone()).await.unwrap();
    assert_eq!(once, twice, "the same etag, the same count");
    assert_eq!(read(store, &version, KeyScope::All).await, entries(&batch));
}

pub async fn etags<S: BackupStore>(store: &S, rules: Rules) {
    let version = create(store).await;
    let mut seen = BTreeSet::from([store.version(&version).await.unwrap().unwrap().etag]);
    let mut changed = |etag: String| assert!(seen.insert(etag), "an etag for each state");
    let first = metadata(false, 5, 0);
    changed(store.put_keys(&version, vec![key("!r", "s", first, "1")]).await.unwrap().etag);
    let better = metadata(false, 4, 0);
    let last = store.put_keys(&version, vec![key("!r", "s", better, "2")]).await.unwrap().etag;
    changed(last.clone());
    // A worse one, the same again, nothing at all, and nothing to delete.
    let worse = vec![key("!r", "s", metadata(false, 9, 0), "3")];
    assert_eq!(store.put_keys(&version, worse).await.unwrap().etag, last);
    let same = vec![key("!r", "s", better, "4")];
    assert_eq!(store.put_keys(&version, same).await.unwrap().etag, last);
    assert_eq!(store.put_keys(&version, vec![]).await.unwrap().etag, last);
    let nothing = KeyScope::Room(room("!elsewhere"));
    let after = store.delete_keys(&version, nothing).await.unwrap().etag;
    assert_eq!(store.version(&version).await.unwrap().unwrap().etag, after);
    if rules.deleting_nothing_is_no_change {
        assert_eq!(after, last);
    } else {
        changed(after);
    }
    changed(store.delete_keys(&version, KeyScope::All).await.unwrap().etag);
}

/// Ids that a path or a query would trip over.
const ODD: [&str; 8] = ["a/b+c", "%2F", "?x=1&y#z", "é\u{10ffff}", " ", "'\"\\", "..", "*_%"];

fn odd_keys() -> Vec<KeyToStore> {
    let rooms = ODD.map(|id| format!("!{id}:x"));
    rooms.iter().flat_map(|room| ODD.map(|session| plain_key(room, session))).collect()
}

pub async fn scopes<S: BackupStore>(store: &S) {
    let version = create(store).await;
    let keys = odd_keys();
    store.put_keys(&version, keys.clone()).await.unwrap();
    assert_eq!(read(store, &version, KeyScope::All).await, entries(&keys));
    for key in &keys {
        let scope = KeyScope::Room(key.room_id.clone());
        let same_room = entries(keys.iter().filter(|other| other.room_id == key.room_id));
        assert_eq!(read(store, &version, scope).await, same_room);
        let scope = KeyScope::Session(key.room_id.clone(), key.session_id.clone());
        assert_eq!(read(store, &version, scope).await, entries([key]));
    }
    let (here, nowhere) = (keys[0].room_id.clone(), room("!nowhere"));
    assert!(read(store, &version, KeyScope::Room(nowhere)).await.is_empty());
    assert!(read(store, &version, KeyScope::Session(here, session("none"))).await.is_empty());
}

pub async fn lookups<S: BackupStore>(store: &S) {
    let version = create(store).await;
    let keys = odd_keys();
    store.put_keys(&version, keys.clone()).await.unwrap();
    let mut wanted: Vec<_> = keys.iter().step_by(3).collect();
    let mut places: Vec<_> =
        wanted.iter().map(|key| (key.room_id.clone(), key.session_id.clone())).collect();
    // What is not there, also where its room or its session is.
    places.insert(1, (room("!nowhere"), keys[0].session_id.clone()));
    places.insert(3, (keys[0].room_id.clone(), session("none")));
    wanted.sort_by_key(|key| (&key.room_id, &key.session_id));
    let found = store.keys_of(&version, &places).await.unwrap();
    assert_eq!(entries(&found), entries(wanted));
    assert!(store.keys_of(&version, &[]).await.unwrap().is_empty());
}

pub async fn many_entries<S: BackupStore>(store: &S) {
    let version = create(store).await;
    let keys: Vec<_> = (0..1500)
        .map(|n| plain_key(&format!("!{}:x", n % 7), &format!("s{}", n * 7919 % 1500)))
        .collect();
    let mut outcome = None;
    for batch in keys.chunks(400) {
        outcome = Some(store.put_keys(&version, batch.to_vec()).await.unwrap());
    }
    assert_eq!(outcome.unwrap().count, 1500);
    let pages = read_pages(store, &version, KeyScope::All).await;
    assert_eq!(entries(pages.iter().flatten()), entries(&keys), "each entry once");
    let in_one_room = entries(keys.iter().filter(|key| key.room_id.as_str() == "!3:x"));
    assert_eq!(read(store, &version, KeyScope::Room(room("!3:x"))).await, in_one_room);
}

pub async fn deletion<S: BackupStore>(store: &S) {
    let version = create(store).await;
    let keys = odd_keys();
    store.put_keys(&version, keys.clone()).await.unwrap();
    let gone = &keys[10];
    let scope = KeyScope::Session(gone.room_id.clone(), gone.session_id.clone());
    assert_eq!(store.delete_keys(&version, scope).await.unwrap().count, 63);
    let scope = KeyScope::Room(keys[63].room_id.clone());
    assert_eq!(store.delete_keys(&version, scope).await.unwrap().count, 55);
    let left =
        entries(keys.iter().enumerate().filter(|(n, _)| *n != 10 && *n < 56).map(|(_, k)| k));
    assert_eq!(read(store, &version, KeyScope::All).await, left);
    assert_eq!(store.version(&version).await.unwrap().unwrap().count, 55);
    // What was deleted may come back, and as any key.
    let worse = key(gone.room_id.as_str(), gone.session_id.as_str(), metadata(false, 9, 9), "w");
    assert_eq!(store.put_keys(&version, vec![worse]).await.unwrap().count, 56);
    assert_eq!(store.delete_keys(&version, KeyScope::All).await.unwrap().count, 0);
    assert!(read(store, &version, KeyScope::All).await.is_empty());
}

pub async fn deleting_a_version<S: BackupStore>(store: &S) {
    let (old, new) = (create(store).await, create(store).await);
    store.put_keys(&new, vec![plain_key("!r", "s")]).await.unwrap();
    let mut pages = store.keys(new.clone(), KeyScope::All);
    assert!(store.delete_version(&new).await.unwrap());
    assert!(pages.next_page().await.unwrap().is_err());
    let outcome = store.put_keys(&new, vec![plain_key("!r", "s")]).await;
    assert!(matches!(outcome, Err(StoreError::NoSuchVersion { .. })));
    assert!(read(store, &old, KeyScope::All).await.is_empty());
    assert!(store.delete_version(&old).await.unwrap());
    assert!(store.current_version().await.unwrap().is_none());
}

/// Properties that nobody knows, in any place, come back.
pub async fn session_data_is_kept<S: BackupStore>(store: &S) {
    let version = create(store).await;
    let mut key = plain_key("!r", "s");
    key.data.session_data = raw(
        r#"{ "z": [1, {"é": "\u0041\ud83d\ude00"}], "ephemeral": "e", "mac": "m", "ciphertext": "c",
             "signatures": {"a": null}, "unsigned": {"b": false} }"#,
    );
    store.put_keys(&version, vec![key.clone()]).await.unwrap();
    assert_eq!(read(store, &version, KeyScope::All).await, entries([&key]));
}
