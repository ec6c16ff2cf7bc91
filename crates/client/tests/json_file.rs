//! A backup in a JSON file: what is read, what is refused, what is written.
#![cfg(feature = "json")]
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test"
)]

mod common;

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use common::{ALGORITHM, metadata, raw, room, session};
use matrix_key_backup::store::{
    BackupStore, BackupVersion, JsonFileError, JsonFileStore, JsonFileWriter, JsonFormError,
    JsonWriteError, KeyScope, KeyToStore, LeftOut, LeftOutReason, ReceivedKey, RoomKeysBodyError,
    StoreError, VersionId,
};
use matrix_key_backup::wire::{ENTRY_MAX_BYTES, KeyBackupData, KeyBackupDataError};
use pollster::block_on;
use proptest::prelude::*;
use serde_json::{Value, json};
use tempfile::TempDir;

/// A directory for one file, whose path comes with it.
fn place() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("backup.json");
    (directory, path)
}

fn entry(mark: &str) -> Value {
    let data = &common::key("!r", "s", metadata(false, 3, 0), mark).data;
    serde_json::to_value(data).unwrap()
}

fn backup(rooms: &Value) -> String {
    format!(r#"{{"version": "7", "algorithm": "{ALGORITHM}", "auth_data": 1, "rooms": {rooms}}}"#)
}

fn open(path: &Path) -> JsonFileStore {
    block_on(JsonFileStore::open(path)).unwrap()
}

fn describe(path: &Path) -> BackupVersion {
    block_on(open(path).current_version()).unwrap().unwrap()
}

fn open_error(path: &Path) -> JsonFileError {
    let error = block_on(JsonFileStore::open(path)).unwrap_err();
    assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
    error
}

/// All pages of the one version in the file, and how reading them ended.
fn read(
    store: &JsonFileStore,
    scope: KeyScope,
) -> (Vec<Vec<ReceivedKey>>, Result<(), StoreError<JsonFileError>>) {
    block_on(async {
        let version = store.current_version().await.unwrap().unwrap().version;
        let mut pages = store.keys(version, scope);
        let mut read = Vec::new();
        while let Some(page) = pages.next_page().await {
            match page {
                Ok(page) => read.push(page),
                Err(error) => {
                    assert!(pages.next_page().await.is_none(), "an error is the last thing said");
                    return (read, Err(error));
                }
            }
        }
        (read, Ok(()))
    })
}

fn ids(pages: &[Vec<ReceivedKey>]) -> Vec<(&str, &str, bool)> {
    let keys = pages.iter().flatten();
    keys.map(|key| (key.room_id.as_str(), key.session_id.as_str(), key.data.is_ok())).collect()
}

#[test]
fn the_answers_of_a_homeserver() {
    let vectors =
        concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/vectors/room_keys_body.json");
    let vectors: Value = serde_json::from_slice(&fs::read(vectors).unwrap()).unwrap();
    let auth_data = r#"{ "z" :1.50, "a":"\u00e9" }"#;
    let keys = vectors["body"].to_string();
    let (_directory, path) = place();
    let version = format!(
        r#"{{"algorithm": "a", "auth_data": {auth_data}, "count": 3, "etag": "x", "version": "1""#
    );
    fs::write(&path, format!("{version}, {}", &keys[1..])).unwrap();
    let described = describe(&path);
    assert_eq!(described.auth_data.get(), auth_data, "as received");
    assert_eq!(
        (described.version.as_str(), &*described.algorithm, described.count, &*described.etag),
        ("1", "a", 3, "x"),
        "the file's word"
    );
    let (pages, ended) = read(&open(&path), KeyScope::All);
    ended.unwrap();
    assert_eq!(pages.iter().flatten().count(), 200);
}

#[test]
fn what_the_file_does_not_say() {
    let (_directory, path) = place();
    let rooms =
        json!({"!a": {"sessions": {"s": entry("1"), "t": 7}}, "!b": {"sessions": {"s": 1}}});
    let json = backup(&rooms);
    fs::write(&path, &json).unwrap();
    let first = describe(&path);
    assert_eq!(first.count, 3, "every entry counts, as the store would count it");
    fs::write(&path, &json).unwrap();
    assert_eq!(describe(&path).etag, first.etag, "the same keys, the same etag");
    fs::write(&path, json.replace("\"t\"", "\"u\"")).unwrap();
    assert_ne!(describe(&path).etag, first.etag);
}

#[test]
fn no_file_is_not_opened() {
    let (directory, path) = place();
    assert!(matches!(open_error(&path), JsonFileError::Missing { .. }));
    assert!(matches!(open_error(directory.path()), JsonFileError::NotAFile { .. }));
    fs::write(&path, "").unwrap();
    let truncated = RoomKeysBodyError::Truncated { length: 0 };
    let error = open_error(&path);
    assert!(
        matches!(error, JsonFileError::Form { problem: JsonFormError::Body(found), .. } if found == truncated)
    );
    fs::write(&path, r#"{"rooms": {}}"#).unwrap();
    let error = open_error(&path).to_string();
    assert!(error.contains("jq -s add version.json keys.json"), "{error}");
}

/// Whoever prints an error with its sources reads nothing twice.
#[test]
fn errors_tell_each_thing_once() {
    let path = PathBuf::from("backup.json");
    let truncated = JsonFormError::Body(RoomKeysBodyError::Truncated { length: 7 });
    let file = |problem| JsonFileError::Form { path: path.clone(), problem };
    let disk = || io::Error::other("disk");
    let errors: Vec<Box<dyn std::error::Error>> = vec![
        Box::new(file(truncated)),
        Box::new(StoreError::Store(JsonFileError::Io { path: path.clone(), error: disk() })),
        Box::new(JsonWriteError::from(truncated)),
        Box::new(JsonWriteError::from(disk())),
        Box::new(LeftOutReason::from(KeyBackupDataError::Encoding)),
    ];
    for error in errors {
        let cause = error.source().map(ToString::to_string);
        assert!(cause.is_none(), "{error} repeats {cause:?}");
    }
}

/// The entries before the damage are given, then the error.
#[test]
fn damage_ends_reading_where_it_is() {
    let (_directory, path) = place();
    let sessions: serde_json::Map<_, _> =
        (0..1000).map(|n| (format!("{n:04}"), entry("x"))).collect();
    let json = backup(&json!({"!r": {"sessions": sessions}}));
    let place = json.find("\"0700\"").unwrap();
    for (damaged, expected) in [
        (json[..place].to_owned(), RoomKeysBodyError::Truncated { length: place as u64 }),
        (
            format!("{}!{}", &json[..place], &json[place..]),
            RoomKeysBodyError::Json { offset: place as u64 },
        ),
    ] {
        fs::write(&path, damaged).unwrap();
        let store = open(&path);
        assert_eq!(block_on(store.current_version()).unwrap().unwrap().count, 700);
        let (pages, ended) = read(&store, KeyScope::All);
        assert_eq!(pages.iter().flatten().count(), 700);
        let error = ended.unwrap_err();
        assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
        let StoreError::Store(JsonFileError::Form { problem, .. }) = error else {
            panic!("{error}")
        };
        assert_eq!(problem, JsonFormError::Body(expected));
        // Whatever is asked for: nobody knows what would have followed.
        let (pages, ended) = read(&store, KeyScope::Session(room("!r"), session("0002")));
        assert_eq!(ids(&pages), [("!r", "0002", true)]);
        assert!(ended.is_err());
        let wanted = [(room("!r"), session("0002"))];
        assert!(block_on(store.keys_of(&VersionId::new("7"), &wanted)).is_err());
    }
}

#[test]
fn an_entry_that_cannot_be_read_costs_no_other() {
    let (_directory, path) = place();
    let rooms = json!({"!a": {"sessions": {"s": entry("1"), "t": 7}}, "!b": [], "!c": {"sessions": {"u": entry("2")}}});
    fs::write(&path, backup(&rooms)).unwrap();
    let (pages, ended) = read(&open(&path), KeyScope::All);
    ended.unwrap();
    let all = "(all of the room)";
    assert_eq!(
        ids(&pages),
        [("!a", "s", true), ("!a", "t", false), ("!b", all, false), ("!c", "u", true)]
    );
}

/// A-3: both are read, so that they can be merged.
#[test]
fn what_is_there_twice_is_given_twice() {
    let (_directory, path) = place();
    let room = format!(r#""!r": {{"sessions": {{"s": {0}, "s": {0}}}}}"#, entry("1"));
    let rooms = format!(
        r#"{{"rooms": {{{room}, {room}}}, "version": "1", "algorithm": "a", "auth_data": 1}}"#
    );
    fs::write(&path, rooms).unwrap();
    let store = open(&path);
    assert_eq!(read(&store, KeyScope::All).0.concat().len(), 4);
    let wanted = [(common::room("!r"), session("s"))];
    assert_eq!(block_on(store.keys_of(&VersionId::new("1"), &wanted)).unwrap().len(), 4);
}

#[test]
fn pages_are_bounded() {
    let (_directory, path) = place();
    let small: serde_json::Map<_, _> = (0..1000).map(|n| (n.to_string(), entry("x"))).collect();
    let large = "y".repeat(900_000);
    let large: serde_json::Map<_, _> =
        (0..12).map(|n| (format!("large {n}"), entry(&large))).collect();
    let rooms = json!({"!a": {"sessions": small}, "!b": {"sessions": large}});
    fs::write(&path, backup(&rooms)).unwrap();
    let (pages, ended) = read(&open(&path), KeyScope::All);
    ended.unwrap();
    let sizes: Vec<_> = pages.iter().map(Vec::len).collect();
    assert_eq!(sizes[..3], [256, 256, 256]);
    // The fifth entry is the one that makes a page larger than 4 MiB.
    assert_eq!(sizes[4..], [5, 2], "{sizes:?}");
    assert_eq!(sizes.iter().sum::<usize>(), 1012);
}

#[test]
fn nothing_is_written() {
    let (_directory, path) = place();
    fs::write(&path, backup(&json!({}))).unwrap();
    let store = open(&path);
    let before = fs::read(&path).unwrap();
    let version = VersionId::new("7");
    fn refused<T: std::fmt::Debug>(outcome: Result<T, StoreError<JsonFileError>>) {
        let error = outcome.unwrap_err();
        assert!(matches!(error, StoreError::Store(JsonFileError::ReadOnly { .. })), "{error}");
        assert!(error.to_string().contains("backup.json"), "{error}");
    }
    block_on(async {
        refused(store.create_version("a", &raw("{}")).await);
        refused(store.update_auth_data(&version, ALGORITHM, &raw("{}")).await);
        refused(store.delete_version(&version).await);
        refused(store.put_keys(&version, vec![common::plain_key("!r", "s")]).await);
        refused(store.delete_keys(&version, KeyScope::All).await);
        let other = VersionId::new("8");
        assert!(store.version(&other).await.unwrap().is_none());
        let outcome = store.keys_of(&other, &[]).await;
        assert!(matches!(outcome, Err(StoreError::NoSuchVersion { .. })));
    });
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn another_file_in_its_place_is_noticed() {
    let (_directory, path) = place();
    fs::write(&path, backup(&json!({}))).unwrap();
    let store = open(&path);
    fs::write(&path, backup(&json!({"!r": {"sessions": {"s": entry("1")}}}))).unwrap();
    let (pages, ended) = read(&store, KeyScope::All);
    assert!(pages.is_empty());
    assert!(matches!(ended, Err(StoreError::Store(JsonFileError::Changed { .. }))));
    fs::remove_file(&path).unwrap();
    let (_, ended) = read(&store, KeyScope::All);
    assert!(matches!(ended, Err(StoreError::Store(JsonFileError::Missing { .. }))));
}

fn description() -> BackupVersion {
    BackupVersion {
        version: VersionId::new("\"1\""),
        algorithm: "an \\ algorithm".to_owned(),
        auth_data: raw("{ \"x\":\n 1e5 }"),
        count: 99,
        etag: "e\u{301}".to_owned(),
    }
}

fn received(key: KeyToStore) -> ReceivedKey {
    ReceivedKey { room_id: key.room_id, session_id: key.session_id, data: Ok(key.data) }
}

fn write(path: &Path, keys: Vec<ReceivedKey>) -> Vec<LeftOut> {
    let mut writer = JsonFileWriter::new(File::create(path).unwrap(), &description()).unwrap();
    let left_out = writer.write(keys).unwrap();
    writer.finish().unwrap();
    left_out
}

#[test]
fn what_cannot_be_written_is_named() {
    let (_directory, path) = place();
    let key = |room: &str, session: &str, mark: &str| {
        received(common::key(room, session, metadata(true, 1, 2), mark))
    };
    let unreadable = |room: &str, session: &str| ReceivedKey {
        data: Err(KeyBackupDataError::Room),
        ..key(room, session, "")
    };
    let left_out = write(
        &path,
        vec![
            unreadable("!none", "s"),
            key("!a", "s", "1"),
            unreadable("!a", "t"),
            key("!a", "s", "2"),
            key("!a", "u", "3"),
            key("!b", "s", "4"),
            key("!a", "v", "5"),
            unreadable("!c", "s"),
            key("!b", "t", "6"),
        ],
    );
    let left_out: Vec<_> = left_out
        .iter()
        .map(|left| (left.room_id.as_str(), left.session_id.as_str(), left.reason))
        .collect();
    let unreadable = LeftOutReason::Unreadable(KeyBackupDataError::Room);
    assert_eq!(
        left_out,
        [
            ("!none", "s", unreadable),
            ("!a", "t", unreadable),
            ("!a", "s", LeftOutReason::SessionAgain),
            ("!a", "v", LeftOutReason::RoomAgain),
            ("!c", "s", unreadable),
        ]
    );
    let written: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    assert_eq!(written["count"], 4, "what was written, whatever the store says");
    let marks = |room: &str| {
        let sessions = written["rooms"][room]["sessions"].as_object().unwrap();
        let mark = |entry: &Value| entry["session_data"]["ciphertext"].clone();
        sessions.values().map(mark).collect::<Vec<_>>()
    };
    assert_eq!(
        (marks("!a"), marks("!b")),
        (vec![json!("1"), json!("3")], vec![json!("4"), json!("6")])
    );
    assert_eq!(written["rooms"].as_object().unwrap().len(), 2);
}

#[test]
fn an_empty_backup_is_one_too() {
    let (_directory, path) = place();
    assert!(write(&path, vec![]).is_empty());
    let described = describe(&path);
    assert_eq!((described.count, described.etag), (0, description().etag));
    assert!(read(&open(&path), KeyScope::All).0.is_empty());
}

/// What the reader would refuse is not written.
#[test]
fn a_version_that_could_not_be_read_back_is_refused() {
    let long = format!("\"{}\"", "x".repeat(ENTRY_MAX_BYTES));
    for refused in [
        BackupVersion { auth_data: raw(&long), ..description() },
        BackupVersion { version: VersionId::new(""), ..description() },
        BackupVersion { algorithm: "a".repeat(5000), ..description() },
        BackupVersion { etag: "a".repeat(5000), ..description() },
    ] {
        let error = JsonFileWriter::new(Vec::new(), &refused).unwrap_err();
        assert!(matches!(error, JsonWriteError::Description(_)), "{error}");
    }
}

#[test]
fn a_disk_that_is_full_is_an_error() {
    struct Full(usize);
    impl io::Write for Full {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 = self.0.checked_sub(bytes.len()).ok_or(io::ErrorKind::StorageFull)?;
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let keys: Vec<_> =
        (0..100).map(|n| received(common::plain_key("!r", &n.to_string()))).collect();
    let attempt = |room: usize| -> Result<(), JsonWriteError> {
        let mut writer = JsonFileWriter::new(Full(room), &description())?;
        writer.write(keys.clone())?;
        writer.finish().map(drop)
    };
    for room in [0, 100, 10_000] {
        let error = attempt(room).unwrap_err();
        assert!(
            matches!(&error, JsonWriteError::Io(error) if error.kind() == io::ErrorKind::StorageFull),
            "{error}"
        );
    }
    attempt(1_000_000).unwrap();
}

fn any_id() -> impl Strategy<Value = String> {
    prop_oneof!["[!a-z/+\"\\\\]{1,6}", "\\PC{1,5}", "[\u{0}-\u{1f}\u{7f}-\u{9f}]{1,3}"]
}

/// Any JSON object, not written as we would write it.
fn any_session_data() -> impl Strategy<Value = String> {
    let value = prop_oneof![
        Just("null".to_owned()),
        Just("-0.50E+7".to_owned()),
        Just("\"\\ud83d\\ude00 \\u0041\\/\"".to_owned()),
        Just("[ ]".to_owned()),
        any::<u64>().prop_map(|number| number.to_string()),
        any::<String>().prop_map(|text| json!(text).to_string()),
    ];
    let value = value.prop_recursive(3, 12, 3, |inner| {
        prop::collection::btree_map("[a-z\\n\u{e9}]{0,3}", inner, 0..3).prop_map(|members| {
            let member = |(name, value)| format!("{} :\n{value}", json!(name));
            format!("{{{}\t}}", members.into_iter().map(member).collect::<Vec<_>>().join(", "))
        })
    });
    value.prop_map(|value| format!("{{ \"x\":{value}}}"))
}

fn any_rooms() -> impl Strategy<Value = Vec<(String, Vec<(String, KeyBackupData)>)>> {
    let data = (any::<[u64; 2]>(), any::<bool>(), any_session_data()).prop_map(
        |([first_message_index, forwarded_count], is_verified, session_data)| KeyBackupData {
            first_message_index,
            forwarded_count,
            is_verified,
            session_data: raw(&session_data),
        },
    );
    let sessions = prop::collection::btree_map(any_id(), data, 1..5)
        .prop_map(|sessions| sessions.into_iter().collect::<Vec<_>>())
        .prop_shuffle();
    prop::collection::btree_map(any_id(), sessions, 0..5)
        .prop_map(|rooms| rooms.into_iter().collect::<Vec<_>>())
        .prop_shuffle()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn what_is_written_is_read_back_the_same(rooms in any_rooms()) {
        let keys: Vec<_> = rooms
            .into_iter()
            .flat_map(|(room_id, sessions)| sessions.into_iter().map(move |(session_id, data)| {
                ReceivedKey { room_id: room(&room_id), session_id: session(&session_id), data: Ok(data) }
            }))
            .collect();
        let (_directory, path) = place();
        prop_assert_eq!(write(&path, keys.clone()), []);
        serde_json::from_slice::<Value>(&fs::read(&path).unwrap()).unwrap();

        let (said, described) = (description(), describe(&path));
        prop_assert_eq!(described.version, said.version);
        prop_assert_eq!(described.algorithm, said.algorithm);
        prop_assert_eq!(described.auth_data.get(), said.auth_data.get());
        prop_assert_eq!(described.etag, said.etag);
        prop_assert_eq!(described.count, keys.len() as u64);

        // Byte for byte, and in the order in which they came.
        let text = |key: &ReceivedKey| {
            let data = serde_json::to_string(key.data.as_ref().unwrap()).unwrap();
            (key.room_id.clone(), key.session_id.clone(), data)
        };
        let (pages, ended) = read(&open(&path), KeyScope::All);
        prop_assert!(ended.is_ok());
        let read: Vec<_> = pages.iter().flatten().map(text).collect();
        prop_assert_eq!(read, keys.iter().map(text).collect::<Vec<_>>());
    }
}
