//! Copies from store to store: verbatim, resumed, refused, and compared in the end.
#![cfg(all(feature = "sqlite", feature = "json"))]
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
use std::sync::atomic::{AtomicUsize, Ordering};

use common::{ALGORITHM, key, metadata, plain_key, raw, read, session};
use futures_util::TryStreamExt;
use matrix_key_backup::copying::{
    Comparison, CopyCounts, CopyDifference, CopyError, CopyEvent, CopyReport, JsonCopyError,
    OtherBackup, compare_versions, copy_to_json, copy_version,
};
use matrix_key_backup::store::{
    BackupStore, BackupVersion, JsonFileError, JsonFileStore, JsonWriteError, KeyPages, KeyScope,
    KeyToStore, LeftOutReason, PutOutcome, ReceivedKey, SqliteStore, SqliteStoreError, StoreError,
    VersionId,
};
use matrix_key_backup::wire::{RoomId, SessionId};
use pollster::block_on;
use serde_json::{Value, json, value::RawValue};

const AUTH_DATA: &str = r#"{ "signatures": {"@a:b": {"ed25519:C": "s"}}, "public_key": "x" }"#;

async fn sqlite() -> SqliteStore {
    SqliteStore::in_memory().await.unwrap()
}

/// 700 entries in 7 rooms, more than a page of any store has.
fn many() -> Vec<KeyToStore> {
    let entry = |n: u64| {
        let metadata = metadata(n.is_multiple_of(3), n, n % 2);
        key(&format!("!{}:x", n % 7), &format!("s/{n}"), metadata, &n.to_string())
    };
    (0..700).map(entry).collect()
}

async fn backup<S: BackupStore>(store: &S, keys: Vec<KeyToStore>) -> VersionId {
    let version = store.create_version(ALGORITHM, &raw(AUTH_DATA)).await.unwrap();
    store.put_keys(&version, keys).await.unwrap();
    version
}

type Copied<F, T> =
    Result<CopyReport, CopyError<<F as BackupStore>::Error, <T as BackupStore>::Error>>;

/// A copy that refuses other backups, and what it named.
async fn copy<F: BackupStore, T: BackupStore>(
    from: &F,
    version: &VersionId,
    to: &T,
) -> (Copied<F, T>, Vec<String>) {
    let mut named = Vec::new();
    let copied =
        copy_version(from, version.clone(), to, OtherBackup::Refuse, |event| match event {
            CopyEvent::Unreadable(room, session, error) => {
                named.push(format!("{room} {session}: {error}"));
            }
            CopyEvent::Different(room, session, difference) => {
                named.push(format!("{room} {session}: {difference}"));
            }
            _ => {}
        });
    let copied = copied.await;
    (copied, named)
}

/// What two versions have in common, and what was named as different.
async fn compare<F: BackupStore, T: BackupStore>(
    from: &F,
    from_version: &VersionId,
    to: &T,
    to_version: &VersionId,
) -> (Comparison, Vec<(String, CopyDifference)>) {
    let mut named = Vec::new();
    let comparison = compare_versions(from, from_version, to, to_version, |event| {
        if let CopyEvent::Different(_, session, difference) = event {
            named.push((session.to_string(), difference));
        }
    });
    let comparison = comparison.await.unwrap();
    (comparison, named)
}

/// All of a version, byte for byte.
async fn texts<S: BackupStore>(store: &S, version: &VersionId) -> Vec<(String, String, String)> {
    let pages: Vec<_> = store.keys(version.clone(), KeyScope::All).try_collect().await.unwrap();
    let text = |key: &ReceivedKey| {
        let data = serde_json::to_string(key.data.as_ref().unwrap()).unwrap();
        (key.room_id.to_string(), key.session_id.to_string(), data)
    };
    let mut texts: Vec<_> = pages.iter().flatten().map(text).collect();
    texts.sort();
    texts
}

fn file(json: &str) -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("backup.json");
    fs::write(&path, json).unwrap();
    (directory, path)
}

async fn open(path: &Path) -> (JsonFileStore, VersionId) {
    let store = JsonFileStore::open(path).await.unwrap();
    let version = store.current_version().await.unwrap().unwrap().version;
    (store, version)
}

/// What a store does to those who copy to it, or from it.
#[derive(Default)]
struct Target {
    inner: Option<SqliteStore>,
    /// Writing fails from this call on.
    puts_until_failure: Option<AtomicUsize>,
    /// Another device makes a new version at this call.
    puts_until_replaced: Option<AtomicUsize>,
    /// Entries are written anew, as homeservers do (A-4).
    rewrites: bool,
    /// This session is not given, from this reading on.
    withholds: Option<(SessionId, AtomicUsize)>,
}

impl Target {
    async fn new() -> Self {
        Self { inner: Some(sqlite().await), ..Self::default() }
    }

    fn store(&self) -> &SqliteStore {
        self.inner.as_ref().unwrap()
    }
}

/// Counts down; whether zero was reached, at this call or before.
fn is_due(calls: Option<&AtomicUsize>) -> bool {
    calls.is_some_and(|calls| {
        calls.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_err()
    })
}

type Outcome<T> = Result<T, StoreError<SqliteStoreError>>;

impl BackupStore for Target {
    type Error = SqliteStoreError;

    async fn current_version(&self) -> Outcome<Option<BackupVersion>> {
        self.store().current_version().await
    }

    async fn version(&self, version: &VersionId) -> Outcome<Option<BackupVersion>> {
        self.store().version(version).await
    }

    async fn create_version(&self, algorithm: &str, auth_data: &RawValue) -> Outcome<VersionId> {
        let auth_data: Value = serde_json::from_str(auth_data.get()).unwrap();
        self.store().create_version(algorithm, &raw(&auth_data.to_string())).await
    }

    async fn update_auth_data(
        &self,
        version: &VersionId,
        algorithm: &str,
        auth_data: &RawValue,
    ) -> Outcome<()> {
        self.store().update_auth_data(version, algorithm, auth_data).await
    }

    async fn delete_version(&self, _: &VersionId) -> Outcome<bool> {
        panic!("a copy deletes nothing")
    }

    async fn put_keys(
        &self,
        version: &VersionId,
        mut keys: Vec<KeyToStore>,
    ) -> Outcome<PutOutcome> {
        if is_due(self.puts_until_failure.as_ref()) {
            let path = PathBuf::from("target");
            return Err(StoreError::Store(SqliteStoreError::Full { path }));
        }
        if is_due(self.puts_until_replaced.as_ref()) {
            self.store().create_version("another", &raw("null")).await?;
        }
        if self.rewrites {
            for key in &mut keys {
                let data: Value = serde_json::from_str(key.data.session_data.get()).unwrap();
                key.data.session_data = raw(&format!("{data:#}"));
            }
        }
        self.store().put_keys(version, keys).await
    }

    fn keys(&self, version: VersionId, scope: KeyScope) -> KeyPages<'_, SqliteStoreError> {
        let withheld = self.withholds.as_ref().filter(|(_, from)| is_due(Some(from)));
        KeyPages::new(self.store().keys(version, scope).map_ok(move |mut page| {
            page.retain(|key| withheld.is_none_or(|(session, _)| *session != key.session_id));
            page
        }))
    }

    async fn keys_of(
        &self,
        version: &VersionId,
        sessions: &[(RoomId, SessionId)],
    ) -> Outcome<Vec<ReceivedKey>> {
        self.store().keys_of(version, sessions).await
    }

    async fn delete_keys(&self, _: &VersionId, _: KeyScope) -> Outcome<PutOutcome> {
        panic!("a copy deletes nothing")
    }
}

/// Off wasm a copy can move between threads; this only has to compile.
#[test]
fn futures_are_send() {
    fn send<T: Send>(_: T) {}
    fn of_any_stores<F: BackupStore, T: BackupStore>(from: &F, to: &T) {
        let version = VersionId::new("1");
        send(copy_version(from, version.clone(), to, OtherBackup::Refuse, |_| ()));
        send(compare_versions(from, &version, to, &version, |_| ()));
        send(copy_to_json(from, version, Vec::new(), |_| ()));
    }
    let store = block_on(sqlite());
    of_any_stores(&store, &store);
}

#[test]
fn everything_goes_over_as_it_is() {
    block_on(async {
        let (from, to) = (sqlite().await, sqlite().await);
        let mut keys = many();
        keys[5].data.session_data = raw(r#"{ "z" : [1.50, "\u0041"], "mac":"m", "é": null }"#);
        let version = backup(&from, keys).await;
        // An older version can be copied as well.
        backup(&from, vec![plain_key("!newer", "s")]).await;

        let (report, named) = copy(&from, &version, &to).await;
        let report = report.unwrap();
        assert_eq!(named, [""; 0]);
        assert!(report.is_complete() && report.created);
        assert_eq!((report.counts.entries, report.counts.written), (700, 700));
        assert_eq!(report.comparison.compared, 700);
        let current = to.current_version().await.unwrap().unwrap();
        assert_eq!((&current.version, current.count), (&report.to_version, 700));
        assert_eq!((&*current.algorithm, current.auth_data.get()), (ALGORITHM, AUTH_DATA));
        assert_eq!(texts(&to, &report.to_version).await, texts(&from, &version).await);

        // Once more: nothing changes.
        let (again, named) = copy(&from, &version, &to).await;
        let again = again.unwrap();
        assert_eq!(named, [""; 0]);
        assert!(again.is_complete() && !again.created);
        assert_eq!((again.counts.already_there, again.counts.written), (700, 0));
        let after = to.current_version().await.unwrap().unwrap();
        assert_eq!((after.version, after.etag), (current.version, current.etag));
    });
}

#[test]
fn from_a_json_file_and_back_to_one() {
    block_on(async {
        let rooms = json!({
            "!a": {"sessions": {"s": plain_key("!a", "s").data, "t": plain_key("!a", "t").data}},
            "!b": {"sessions": {"s/+": key("!b", "s", metadata(true, 9, 3), "4").data}},
        });
        let (_first, path) = file(&format!(
            r#"{{"algorithm": "a", "auth_data": {AUTH_DATA}, "version": "17", "rooms": {rooms}}}"#
        ));
        let (from, version) = open(&path).await;
        let sqlite = sqlite().await;
        let (report, named) = copy(&from, &version, &sqlite).await;
        let report = report.unwrap();
        assert!(report.is_complete() && named.is_empty());

        let (_second, path) = file("");
        let file = File::create(&path).unwrap();
        let copied = copy_to_json(&sqlite, report.to_version.clone(), file, |_| ()).await;
        let (_, counts) = copied.unwrap();
        assert_eq!((counts.entries, counts.written, counts.left_out), (3, 3, 0));
        let written: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        assert_eq!(written["rooms"], rooms);
        assert_eq!(written["auth_data"], serde_json::from_str::<Value>(AUTH_DATA).unwrap());

        let (to, to_version) = open(&path).await;
        assert_eq!(to_version, report.to_version, "each store names its versions itself");
        let (comparison, named) = compare(&from, &version, &to, &to_version).await;
        assert!(comparison.has_all() && named.is_empty());
        assert_eq!((comparison.compared, comparison.only_there), (3, 0));
    });
}

#[test]
fn an_interrupted_copy_goes_on() {
    block_on(async {
        let from = sqlite().await;
        let version = backup(&from, many()).await;
        let mut to = Target::new().await;
        to.puts_until_failure = Some(AtomicUsize::new(1));
        let (broken, _) = copy(&from, &version, &to).await;
        let error = broken.unwrap_err();
        assert!(
            matches!(error, CopyError::Target(StoreError::Store(SqliteStoreError::Full { .. }))),
            "{error}"
        );
        let begun = to.current_version().await.unwrap().unwrap();
        assert!((1..700).contains(&begun.count), "{}", begun.count);

        to.puts_until_failure = None;
        let (report, named) = copy(&from, &version, &to).await;
        let report = report.unwrap();
        assert!(report.is_complete() && !report.created && named.is_empty());
        assert_eq!(report.to_version, begun.version);
        assert_eq!(report.counts.already_there, begun.count);
        assert_eq!(report.counts.written, 700 - begun.count);
        assert_eq!(texts(&to, &report.to_version).await, texts(&from, &version).await);
    });
}

#[test]
fn what_cannot_be_read_is_named_and_not_copied() {
    block_on(async {
        let good = plain_key("!a", "good").data;
        let rooms = json!({
            "!a": {"sessions": {"bad": {"first_message_index": 0}, "good": good}},
            "!b": 7,
        });
        let (_directory, path) = file(&format!(
            r#"{{"algorithm": "a", "auth_data": null, "version": "1", "rooms": {rooms}}}"#
        ));
        let (from, version) = open(&path).await;
        let to = sqlite().await;
        let (report, named) = copy(&from, &version, &to).await;
        let report = report.unwrap();
        assert_eq!(
            named,
            [
                "!a bad: malformed entry: `forwarded_count` is missing",
                "!b (all of the room): its room is no object with `sessions`",
            ]
        );
        let CopyCounts { entries, written, unreadable, .. } = report.counts;
        assert_eq!((entries, written, unreadable), (3, 1, 2));
        assert_eq!((report.comparison.compared, report.comparison.different), (1, 0));
        assert!(!report.is_complete(), "what stays behind is no part of a whole copy");
        assert_eq!(read(&to, &report.to_version, KeyScope::All).await.len(), 1);
    });
}

/// An entry that a hostile server made up does not take the place of the one that is in
/// somebody's offline copy, whatever it says of itself.
#[test]
fn another_entry_in_the_target_stays_and_is_reported() {
    block_on(async {
        let (from, to) = (sqlite().await, sqlite().await);
        let theirs = [
            key("!r", "better", metadata(true, 0, 0), "forged"),
            key("!r", "worse", metadata(false, 9, 9), "forged"),
            key("!r", "metadata", metadata(true, 5, 0), "same"),
            key("!r", "same", metadata(false, 5, 0), "same"),
            key("!r", "new", metadata(false, 5, 0), "new"),
        ];
        let ours = [
            key("!r", "better", metadata(false, 5, 0), "ours"),
            key("!r", "worse", metadata(false, 5, 0), "ours"),
            key("!r", "metadata", metadata(false, 5, 0), "same"),
            key("!r", "same", metadata(false, 5, 0), "same"),
            key("!r", "only here", metadata(false, 5, 0), "ours"),
        ];
        let version = backup(&from, theirs.to_vec()).await;
        let to_version = backup(&to, ours.to_vec()).await;
        let (report, named) = copy(&from, &version, &to).await;
        let report = report.unwrap();
        assert_eq!(
            named,
            ["better", "metadata", "worse"].map(|s| format!("!r {s}: the copy has another entry"))
        );
        let CopyCounts { written, already_there, kept, .. } = report.counts;
        assert_eq!((written, already_there, kept), (1, 1, 3));
        let Comparison { same_backup, compared, different, only_there, .. } = report.comparison;
        assert_eq!((same_backup, compared, different, only_there), (true, 5, 3, 1));
        assert!(!report.is_complete());
        let expected = common::entries(ours.iter().chain([&theirs[4]]));
        assert_eq!(read(&to, &to_version, KeyScope::All).await, expected);
    });
}

/// A-1, T-3
#[test]
fn a_target_that_was_replaced_meanwhile_is_written_to_no_more() {
    block_on(async {
        let from = sqlite().await;
        let version = backup(&from, many()).await;
        let mut to = Target::new().await;
        to.puts_until_replaced = Some(AtomicUsize::new(1));
        let (broken, _) = copy(&from, &version, &to).await;
        let CopyError::Target(StoreError::WrongVersion { version: old, current }) =
            broken.unwrap_err()
        else {
            panic!()
        };
        let current = current.unwrap();
        assert!(read(&to, &current, KeyScope::All).await.is_empty());
        // Begun again, it does not push the other one aside either.
        to.puts_until_replaced = None;
        let (refused, _) = copy(&from, &version, &to).await;
        let Err(CopyError::OtherBackup { current: named, .. }) = refused else { panic!() };
        assert_eq!(named, current);
        assert_ne!(old, current);
    });
}

#[test]
fn another_backup_is_pushed_aside_only_when_asked_for() {
    block_on(async {
        let from = sqlite().await;
        let version = backup(&from, vec![plain_key("!r", "s")]).await;
        for (algorithm, auth_data) in [("another", AUTH_DATA), (ALGORITHM, "{}")] {
            let to = sqlite().await;
            let theirs = to.create_version(algorithm, &raw(auth_data)).await.unwrap();
            to.put_keys(&theirs, vec![plain_key("!theirs", "s")]).await.unwrap();
            let (refused, _) = copy(&from, &version, &to).await;
            let error = refused.unwrap_err();
            assert!(matches!(&error, CopyError::OtherBackup { current, .. } if *current == theirs));
            assert_eq!(to.current_version().await.unwrap().unwrap().version, theirs);

            let asked = OtherBackup::MakeReadOnly;
            let report = copy_version(&from, version.clone(), &to, asked, |_| ()).await.unwrap();
            assert!(report.created && report.is_complete());
            assert_eq!(to.current_version().await.unwrap().unwrap().version, report.to_version);
            let kept = read(&to, &theirs, KeyScope::All).await;
            assert_eq!(kept, common::entries(&[plain_key("!theirs", "s")]));

            let again = copy_version(&from, version.clone(), &to, asked, |_| ()).await.unwrap();
            assert_eq!((again.created, again.to_version), (false, report.to_version));
        }
    });
}

/// A-4
#[test]
fn a_store_may_write_everything_anew() {
    block_on(async {
        let from = sqlite().await;
        let version = backup(&from, many()).await;
        let to = Target { rewrites: true, ..Target::new().await };
        let (report, named) = copy(&from, &version, &to).await;
        assert!(report.unwrap().is_complete() && named.is_empty());
        let (again, named) = copy(&from, &version, &to).await;
        let again = again.unwrap();
        assert!(again.is_complete() && named.is_empty());
        assert_eq!((again.created, again.counts.already_there), (false, 700));
    });
}

#[test]
fn what_the_target_does_not_give_back_is_missing() {
    block_on(async {
        let from = sqlite().await;
        let version = backup(&from, many()).await;
        let withholds = Some((session("s/400"), AtomicUsize::new(0)));
        let to = Target { withholds, ..Target::new().await };
        let (report, named) = copy(&from, &version, &to).await;
        let report = report.unwrap();
        assert_eq!(named, ["!1:x s/400: it is missing in the copy"]);
        assert_eq!((report.counts.written, report.comparison.different), (700, 1));
        assert!(!report.is_complete());
    });
}

/// What was copied and is not there to be compared may differ.
#[test]
fn what_the_source_takes_back_leaves_the_copy_incomplete() {
    block_on(async {
        let withholds = Some((session("s/400"), AtomicUsize::new(1)));
        let (from, to) = (Target { withholds, ..Target::new().await }, sqlite().await);
        let version = backup(&from, many()).await;
        let (report, named) = copy(&from, &version, &to).await;
        let report = report.unwrap();
        assert_eq!((report.counts.written, report.comparison.compared), (700, 699));
        assert_eq!((named, report.comparison.only_there), (vec![], 1));
        assert!(report.comparison.has_all() && !report.is_complete());
    });
}

/// The target is not even asked.
#[test]
fn without_a_version_nothing_is_made() {
    block_on(async {
        let (from, to) = (sqlite().await, sqlite().await);
        let (missing, _) = copy(&from, &VersionId::new("9"), &to).await;
        let error = missing.unwrap_err();
        assert!(matches!(&error, CopyError::Source(StoreError::NoSuchVersion { .. })), "{error}");
        assert!(to.current_version().await.unwrap().is_none());
        let missing = copy_to_json(&from, VersionId::new("9"), Vec::new(), |_| ()).await;
        let error = missing.unwrap_err();
        assert!(matches!(&error, JsonCopyError::Source(StoreError::NoSuchVersion { .. })));

        let version = backup(&from, vec![]).await;
        let missing = compare_versions(&from, &version, &to, &VersionId::new("9"), |_| ()).await;
        let error = missing.unwrap_err();
        assert!(matches!(&error, CopyError::Target(StoreError::NoSuchVersion { .. })), "{error}");
    });
}

/// What stands before the damage arrives; then the copy ends, and names the file.
#[test]
fn a_damaged_file_is_copied_up_to_the_damage() {
    block_on(async {
        let sessions: serde_json::Map<_, _> = (100..400)
            .map(|n| (n.to_string(), serde_json::to_value(plain_key("!r", "s").data).unwrap()))
            .collect();
        let rooms = json!({"!r": {"sessions": sessions}});
        let whole =
            format!(r#"{{"algorithm": "a", "auth_data": null, "version": "1", "rooms": {rooms}}}"#);
        let (_directory, path) = file(&whole[..whole.find("\"350\"").unwrap()]);
        let (from, version) = open(&path).await;
        let to = sqlite().await;
        let (broken, _) = copy(&from, &version, &to).await;
        let error = broken.unwrap_err();
        assert!(error.to_string().contains("backup.json"), "{error}");
        assert!(
            matches!(error, CopyError::Source(StoreError::Store(JsonFileError::Form { .. }))),
            "{error}"
        );
        assert_eq!(to.current_version().await.unwrap().unwrap().count, 250);
    });
}

#[test]
fn differences_are_told_apart() {
    block_on(async {
        let keys = |mark: &str| key("!r", "s", metadata(false, 1, 1), mark).data;
        let describe = |auth_data: &str, rooms: &Value| {
            format!(
                r#"{{"algorithm": "a", "auth_data": {auth_data}, "version": "1", "rooms": {rooms}}}"#
            )
        };
        let one = json!({"!r": {"sessions": {
            "a": keys("1"), "b": keys("2"), "c": keys("3"), "d": 7, "e": keys("5"),
        }}});
        let other = json!({"!r": {"sessions": {
            "a": keys("1"), "b": keys("other"), "d": 8, "e": 9, "f": keys("6"), "g": 10,
        }}});
        let (_one, path) = file(&describe("null", &one));
        let (one, version) = open(&path).await;
        let (_other, path) = file(&describe("false", &other));
        let (other, other_version) = open(&path).await;
        let (comparison, named) = compare(&one, &version, &other, &other_version).await;
        let expected = [
            ("b", CopyDifference::Other),
            ("c", CopyDifference::Missing),
            ("e", CopyDifference::Unreadable),
        ];
        assert_eq!(named, expected.map(|(session, what)| (session.to_owned(), what)));
        let Comparison { same_backup, compared, different, only_there, .. } = comparison;
        assert_eq!((same_backup, compared, different, only_there), (false, 4, 3, 2));
        assert!(!comparison.has_all());
        let (comparison, _) = compare(&one, &version, &one, &version).await;
        assert!(comparison.has_all());
    });
}

#[test]
fn what_a_file_cannot_have_is_named() {
    block_on(async {
        let entry = serde_json::to_string(&plain_key("!r", "s").data).unwrap();
        let (a, b) = ("!a", "!b");
        let (_directory, path) = file(&format!(
            r#"{{"algorithm": "a", "auth_data": null, "version": "1", "rooms": {{
                "{a}": {{"sessions": {{"s": {entry}, "s": {entry}, "t": 7}}}},
                "{b}": {{"sessions": {{"s": {entry}}}}},
                "{a}": {{"sessions": {{"u": {entry}}}}}}}}}"#
        ));
        let (from, version) = open(&path).await;
        let mut named = Vec::new();
        let copied = copy_to_json(&from, version, Vec::new(), |event| match event {
            CopyEvent::LeftOut(left) => named.push((left.session_id.to_string(), left.reason)),
            CopyEvent::Unreadable(_, session, error) => {
                named.push((session.to_string(), LeftOutReason::from(*error)));
            }
            _ => {}
        });
        let (written, counts) = copied.await.unwrap();
        let reasons: Vec<_> = named.iter().map(|(session, _)| session.as_str()).collect();
        assert_eq!(reasons, ["s", "t", "u"]);
        assert_eq!(named[0].1, LeftOutReason::SessionAgain);
        assert!(matches!(named[1].1, LeftOutReason::Unreadable(_)));
        assert_eq!(named[2].1, LeftOutReason::RoomAgain);
        let CopyCounts { entries, written: count, unreadable, left_out, .. } = counts;
        assert_eq!((entries, count, unreadable, left_out), (5, 2, 1, 2));
        let written: Value = serde_json::from_slice(&written).unwrap();
        assert_eq!(written["count"], 2);
    });
}

#[test]
fn a_file_that_cannot_be_written_ends_the_copy() {
    #[derive(Debug)]
    struct Full;
    impl io::Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    block_on(async {
        let from = sqlite().await;
        let version = backup(&from, many()).await;
        let error = copy_to_json(&from, version, Full, |_| ()).await.unwrap_err();
        assert!(
            matches!(&error, JsonCopyError::Write(JsonWriteError::Io(error)) if error.kind() == io::ErrorKind::StorageFull),
            "{error}"
        );
    });
}

/// Where a person waits, something is told.
#[test]
fn progress_is_told() {
    block_on(async {
        let (from, to) = (sqlite().await, sqlite().await);
        let version = backup(&from, many()).await;
        let mut told = Vec::new();
        let copied = copy_version(&from, version, &to, OtherBackup::Refuse, |event| match event {
            CopyEvent::Target { version, created } => told.push(format!("{version} {created}")),
            CopyEvent::Copied { entries_done } => told.push(format!("copied {entries_done}")),
            CopyEvent::Compared { entries_done } => told.push(format!("compared {entries_done}")),
            other => panic!("{other:?}"),
        });
        copied.await.unwrap();
        let expected = ["1 true", "copied 512", "copied 700", "compared 512", "compared 700"];
        assert_eq!(told, expected);
    });
}

#[test]
fn reports_are_json() {
    block_on(async {
        let (from, to) = (sqlite().await, sqlite().await);
        let version = backup(&from, vec![plain_key("!r", "s")]).await;
        let (report, _) = copy(&from, &version, &to).await;
        assert_eq!(
            serde_json::to_value(report.unwrap()).unwrap(),
            json!({
                "from_version": "1", "to_version": "1", "created": true, "entries": 1,
                "written": 1, "already_there": 0, "kept": 0, "unreadable": 0, "left_out": 0,
                "same_backup": true, "compared": 1, "different": 0, "only_there": 0,
            })
        );
    });
}
