//! `SqliteStore` and its file: who may read it, and what happens to files that are no store, are
//! damaged, or are open elsewhere.

#![cfg(feature = "sqlite")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test says what went wrong by failing"
)]

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use common::{ALGORITHM, entries, key, metadata, plain_key, raw, read, read_pages, room, session};
use matrix_key_backup::store::{
    BackupStore, KeyScope, SqliteStore, SqliteStoreError, StoreError, VersionId,
};
use matrix_key_backup::wire::{ENTRY_MAX_BYTES, KeyBackupDataError};
use pollster::block_on;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, params};
use tempfile::TempDir;

fn temporary() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store.sqlite3");
    (directory, path)
}

/// A closed store at `path` with one version that has one key.
fn make_store(path: &Path) -> VersionId {
    block_on(async {
        let store = SqliteStore::create(path).await.unwrap();
        let version = store.create_version(ALGORITHM, &raw("{}")).await.unwrap();
        store.put_keys(&version, vec![plain_key("!r", "s")]).await.unwrap();
        store.close().await.unwrap();
        version
    })
}

/// All files of a directory, but for the index of a log, which says nothing that the log does not.
fn content(directory: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file() && !path.to_string_lossy().ends_with("-shm"))
        .map(|path| (path.clone(), fs::read(path).unwrap()))
        .collect()
}

fn names(directory: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// Opening, both ways, must fail, say so about this path, and leave every file as it was.
fn refused(path: &Path) -> SqliteStoreError {
    let directory = path.parent().unwrap();
    let before = content(directory);
    let errors = block_on(async {
        [
            SqliteStore::open(path).await.unwrap_err(),
            SqliteStore::open_or_create(path).await.unwrap_err(),
        ]
    });
    assert!(content(directory) == before, "a file was changed");
    let messages = errors.each_ref().map(|error| error.to_string());
    assert!(messages[0].contains(path.to_str().unwrap()), "{}", messages[0]);
    assert_eq!(messages[0], messages[1]);
    let [error, _] = errors;
    error
}

#[cfg(unix)]
#[test]
fn only_the_owner_may_read_it() {
    use std::os::unix::fs::PermissionsExt;

    let (directory, path) = temporary();
    block_on(async {
        let store = SqliteStore::create(&path).await.unwrap();
        let version = store.create_version(ALGORITHM, &raw("{}")).await.unwrap();
        store.put_keys(&version, vec![plain_key("!r", "s")]).await.unwrap();
        assert_eq!(
            names(directory.path()),
            ["store.sqlite3", "store.sqlite3-shm", "store.sqlite3-wal"]
        );
        for name in names(directory.path()) {
            let mode = fs::metadata(directory.path().join(&name)).unwrap().permissions().mode();
            assert_eq!(mode & 0o7777, 0o600, "{name}");
        }
        store.close().await.unwrap();
    });
    assert_eq!(names(directory.path()), ["store.sqlite3"], "a closed store is one file");
}

#[test]
fn what_was_written_is_there_when_it_is_opened_again() {
    let (_directory, path) = temporary();
    let version = make_store(&path);
    block_on(async {
        for _ in 0..2 {
            // Dropping a store closes it too.
            let store = SqliteStore::open_or_create(&path).await.unwrap();
            assert_eq!(store.path(), path);
            assert_eq!(
                read(&store, &version, KeyScope::All).await,
                entries(&[plain_key("!r", "s")])
            );
        }
    });
    assert_eq!(names(path.parent().unwrap()), ["store.sqlite3"]);
}

#[test]
fn any_name_will_do() {
    let directory = tempfile::tempdir().unwrap();
    let mut paths: Vec<_> = ["a b", "q?mode=memory&x=%41#f", ":memory:", "é☃", "file:x", "'\""]
        .map(|name| directory.path().join(name))
        .into();
    #[cfg(target_os = "linux")]
    paths.push(
        directory
            .path()
            .join(<std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(b"\xff")),
    );
    for path in &paths {
        make_store(path);
        assert!(block_on(SqliteStore::open(path)).is_ok(), "{}", path.display());
        assert!(path.is_file());
    }
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), paths.len());
}

#[cfg(unix)]
#[test]
fn a_link_leads_to_the_store() {
    let (directory, path) = temporary();
    let version = make_store(&path);
    let (link, broken) = (directory.path().join("link"), directory.path().join("broken"));
    std::os::unix::fs::symlink(&path, &link).unwrap();
    std::os::unix::fs::symlink("nowhere", &broken).unwrap();
    let store = block_on(SqliteStore::open_or_create(&link)).unwrap();
    assert_eq!(block_on(read(&store, &version, KeyScope::All)).len(), 1);
    let error = block_on(SqliteStore::create(&broken)).unwrap_err();
    assert!(matches!(error, SqliteStoreError::Exists { .. }), "{error}");
    assert!(matches!(refused(&broken), SqliteStoreError::Missing { .. }));
}

#[test]
fn nothing_there() {
    let (directory, path) = temporary();
    let error = block_on(SqliteStore::open(&path)).unwrap_err();
    assert!(matches!(error, SqliteStoreError::Missing { .. }), "{error}");
    assert!(error.to_string().contains(path.to_str().unwrap()));
    assert!(names(directory.path()).is_empty(), "opening creates nothing");

    let deeper = path.join("store");
    let error = block_on(SqliteStore::create(&deeper)).unwrap_err();
    assert!(matches!(error, SqliteStoreError::MissingDirectory { .. }), "{error}");
    assert!(names(directory.path()).is_empty());
}

#[test]
fn creating_replaces_nothing() {
    let (directory, path) = temporary();
    make_store(&path);
    let before = content(directory.path());
    let error = block_on(SqliteStore::create(&path)).unwrap_err();
    assert!(matches!(error, SqliteStoreError::Exists { .. }), "{error}");
    assert!(content(directory.path()) == before);
}

/// The log of a database that was deleted would be replayed into the new one.
#[test]
fn creating_beside_a_leftover_log() {
    for suffix in ["-wal", "-shm", "-journal"] {
        let (directory, path) = temporary();
        fs::write(directory.path().join(format!("store.sqlite3{suffix}")), "x").unwrap();
        let error = block_on(SqliteStore::open_or_create(&path)).unwrap_err();
        assert!(matches!(error, SqliteStoreError::Leftover { .. }), "{error}");
        assert!(error.to_string().contains(suffix), "{error}");
        assert_eq!(names(directory.path()), [format!("store.sqlite3{suffix}")]);
    }
}

#[test]
fn no_file() {
    let (_directory, path) = temporary();
    fs::create_dir(&path).unwrap();
    assert!(matches!(refused(&path), SqliteStoreError::NotAFile { .. }));
    #[cfg(unix)]
    {
        fs::remove_dir(&path).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(&path).unwrap();
        assert!(matches!(refused(&path), SqliteStoreError::NotAFile { .. }));
    }
}

#[test]
fn no_database() {
    let long = "-----BEGIN MEGOLM SESSION DATA-----\n".repeat(1000);
    for text in ["x", "SQLite format 3", "SQLite format 3\0", long.as_str()] {
        let (_directory, path) = temporary();
        fs::write(&path, text).unwrap();
        let error = refused(&path);
        assert!(matches!(error, SqliteStoreError::NotADatabase { .. }), "{error}");
    }
    let (_directory, path) = temporary();
    fs::write(&path, "").unwrap();
    assert!(matches!(refused(&path), SqliteStoreError::Empty { .. }));
}

#[test]
fn a_database_of_another_program() {
    for (journal, mark) in [("DELETE", 0), ("WAL", 0), ("WAL", 0x1234_5678)] {
        let (_directory, path) = temporary();
        let other = Connection::open(&path).unwrap();
        other.pragma_update(None, "journal_mode", journal).unwrap();
        other.pragma_update(None, "application_id", mark).unwrap();
        other.execute_batch("CREATE TABLE keys (x); INSERT INTO keys VALUES (1)").unwrap();
        if journal == "WAL" {
            // As the main file has it; what comes after stays in the log.
            other.pragma_update(None, "wal_checkpoint", "TRUNCATE").unwrap();
            other.execute_batch("INSERT INTO keys VALUES (2)").unwrap();
        }
        match refused(&path) {
            SqliteStoreError::OtherProgram { application_id, .. } => {
                assert_eq!(application_id, mark);
            }
            error => panic!("{error}"),
        }
        other.execute_batch("INSERT INTO keys VALUES (3)").unwrap();
        other.close().unwrap();
        assert!(matches!(refused(&path), SqliteStoreError::OtherProgram { .. }));
        assert_eq!(names(path.parent().unwrap()), ["store.sqlite3"], "no trace is left");
    }
}

/// While another process moves its log into a file, the file is shorter than it says it is.
#[test]
fn a_database_of_another_program_in_the_midst_of_being_written() {
    let (_directory, path) = temporary();
    let other = Connection::open(&path).unwrap();
    other.execute_batch("CREATE TABLE t (x); INSERT INTO t VALUES (zeroblob(100000))").unwrap();
    other.close().unwrap();
    fs::write(&path, &fs::read(&path).unwrap()[..8192]).unwrap();
    let error = refused(&path);
    assert!(matches!(error, SqliteStoreError::OtherProgram { .. }), "{error}");
}

/// Opening a database in the ordinary way would roll back what its program was about to write.
#[test]
fn a_crashed_database_of_another_program() {
    let (directory, path) = temporary();
    let other = Connection::open(directory.path().join("other")).unwrap();
    other.execute_batch("CREATE TABLE t (x); INSERT INTO t VALUES (zeroblob(100000))").unwrap();
    other
        .execute_batch("PRAGMA cache_size = 2; BEGIN; INSERT INTO t VALUES (zeroblob(1000000))")
        .unwrap();
    let journal = path.with_file_name("store.sqlite3-journal");
    fs::copy(directory.path().join("other"), &path).unwrap();
    fs::copy(directory.path().join("other-journal"), &journal).unwrap();
    assert!(fs::metadata(&journal).unwrap().len() > 512, "the journal is hot");
    assert!(matches!(refused(&path), SqliteStoreError::OtherProgram { .. }));
    assert!(journal.exists());
}

#[test]
fn a_newer_or_unknown_format() {
    let (_directory, path) = temporary();
    make_store(&path);
    Connection::open(&path).unwrap().pragma_update(None, "user_version", 2).unwrap();
    match refused(&path) {
        SqliteStoreError::NewerFormat { found, .. } => assert_eq!(found, 2),
        error => panic!("{error}"),
    }
    assert_eq!(names(path.parent().unwrap()), ["store.sqlite3"], "no trace is left");
    Connection::open(&path).unwrap().pragma_update(None, "user_version", 0).unwrap();
    assert!(matches!(refused(&path), SqliteStoreError::Damaged { .. }));
}

/// A newer version was killed before its log went into the file.
#[test]
fn a_newer_format_in_the_log() {
    let (_directory, path) = temporary();
    make_store(&path);
    let newer = Connection::open(&path).unwrap();
    newer.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).unwrap();
    newer.pragma_update(None, "user_version", 2).unwrap();
    newer.close().unwrap();
    assert!(path.with_file_name("store.sqlite3-wal").exists());
    assert!(matches!(refused(&path), SqliteStoreError::NewerFormat { found: 2, .. }));
}

#[test]
fn other_tables_than_ours() {
    for change in [
        "CREATE TRIGGER t AFTER INSERT ON keys BEGIN DELETE FROM keys; END",
        "CREATE VIEW v AS SELECT 1",
        "DROP TABLE keys",
        "ALTER TABLE keys ADD COLUMN x TEXT",
        "DROP TABLE keys; CREATE VIEW keys AS SELECT 1",
    ] {
        let (_directory, path) = temporary();
        make_store(&path);
        Connection::open(&path).unwrap().execute_batch(change).unwrap();
        let error = refused(&path);
        assert!(matches!(error, SqliteStoreError::Damaged { .. }), "{change}: {error}");
    }
}

/// A file that lost its end, at any place, is refused, or at least answers with an error.
#[test]
fn a_truncated_file() {
    let (_directory, path) = temporary();
    let version = make_store(&path);
    let whole = fs::read(&path).unwrap();
    for length in [1, 15, 16, 50, 99, 100, 512, 1000, 4095, 4096, 4097, 8192, whole.len() - 4096] {
        fs::write(&path, &whole[..length]).unwrap();
        match block_on(SqliteStore::open(&path)) {
            Err(error) => {
                assert!(fs::read(&path).unwrap() == whole[..length]);
                let expected = matches!(
                    error,
                    SqliteStoreError::NotADatabase { .. } | SqliteStoreError::Damaged { .. }
                );
                assert!(expected, "{length}: {error:?}");
            }
            Ok(store) => {
                let page = block_on(store.keys(version.clone(), KeyScope::All).next_page());
                assert!(page.unwrap().is_err(), "{length}");
            }
        }
    }
}

/// No bit of a file makes us panic, whichever it is that turned.
#[test]
fn a_damaged_file() {
    let (_directory, path) = temporary();
    let version = make_store(&path);
    let whole = fs::read(&path).unwrap();
    let places = (0..100).chain((100..whole.len()).step_by(211));
    for place in places {
        let mut damaged = whole.clone();
        damaged[place] ^= 1 << (place % 8);
        fs::write(&path, damaged).unwrap();
        if let Ok(store) = block_on(SqliteStore::open(&path)) {
            let _ = block_on(store.current_version());
            let _ = block_on(store.keys(version.clone(), KeyScope::All).next_page());
            let _ = block_on(store.put_keys(&version, vec![plain_key("!r", "t")]));
        }
        for suffix in ["-wal", "-shm", "-journal"] {
            let _ = fs::remove_file(path.with_file_name(format!("store.sqlite3{suffix}")));
        }
    }
}

/// One bad entry is one bad entry, and anything readable replaces it.
#[test]
fn a_damaged_entry() {
    let (_directory, path) = temporary();
    let version = make_store(&path);
    let too_large = format!("\"{}\"", "x".repeat(ENTRY_MAX_BYTES));
    let bad = [
        ("empty", String::new()),
        ("no json", "{".to_owned()),
        ("trailing", r#"{},"is_verified":true"#.to_owned()),
        ("too large", too_large),
    ];
    let file = Connection::open(&path).unwrap();
    let insert = "INSERT INTO keys VALUES (1, '!r', ?1, 0, 0, 1, ?2)";
    for (session_id, session_data) in &bad {
        file.execute(insert, params![session_id, session_data]).unwrap();
    }
    file.execute_batch("INSERT INTO keys VALUES (1, '!r', 'bytes', 0, 0, 1, CAST(x'ff' AS TEXT))")
        .unwrap();
    file.execute_batch(
        "INSERT INTO keys VALUES (1, CAST(x'21ff' AS TEXT), CAST(x'fe' AS TEXT), 0, 0, 1, '{}')",
    )
    .unwrap();
    file.close().unwrap();

    let store = block_on(SqliteStore::open(&path)).unwrap();
    let pages = block_on(read_pages(&store, &version, KeyScope::All));
    let mut found = BTreeMap::new();
    for key in pages.iter().flatten() {
        assert!(found.insert(key.session_id.as_str(), &key.data).is_none());
    }
    assert_eq!(found.len(), 7);
    assert!(found["s"].is_ok(), "the good one beside them");
    assert!(found["\u{fffd}"].is_ok(), "ids that are no text are made one");
    for session_id in ["empty", "no json", "trailing", "bytes"] {
        assert_eq!(found[session_id].as_ref().unwrap_err(), &KeyBackupDataError::SessionData);
    }
    let error = found["too large"].as_ref().unwrap_err();
    assert_eq!(error, &KeyBackupDataError::TooLarge { found: ENTRY_MAX_BYTES + 2 });

    // A-2 would keep the old ones, verified as they say they are.
    let unverified = key("!r", "no json", metadata(false, 9, 9), "good");
    block_on(store.put_keys(&version, vec![unverified.clone()])).unwrap();
    let scope = KeyScope::Session(room("!r"), session("no json"));
    assert_eq!(block_on(read(&store, &version, scope)), entries([&unverified]));
}

#[test]
fn a_deleted_version_takes_its_keys_along() {
    let (_directory, path) = temporary();
    let version = make_store(&path);
    let store = block_on(SqliteStore::open(&path)).unwrap();
    assert!(block_on(store.delete_version(&version)).unwrap());
    let file = Connection::open(&path).unwrap();
    let left: i64 = file.query_row("SELECT count(*) FROM keys", (), |row| row.get(0)).unwrap();
    assert_eq!(left, 0);
}

/// The API of a homeserver does not tell, but a file is somebody's own.
#[test]
fn versions_are_named_the_newest_first() {
    let (_directory, path) = temporary();
    block_on(async {
        let store = SqliteStore::create(&path).await.unwrap();
        assert!(store.versions(10).await.unwrap().is_empty());
        for _ in 0..4 {
            store.create_version(ALGORITHM, &raw("{}")).await.unwrap();
        }
        store.delete_version(&VersionId::new("2")).await.unwrap();
        assert_eq!(store.versions(10).await.unwrap(), ["4", "3", "1"].map(VersionId::new));
        assert_eq!(store.versions(2).await.unwrap(), ["4", "3"].map(VersionId::new));
        store.close().await.unwrap();
    });
}

#[test]
fn damaged_auth_data() {
    let (_directory, path) = temporary();
    let version = make_store(&path);
    Connection::open(&path).unwrap().execute("UPDATE versions SET auth_data = '{'", ()).unwrap();
    let store = block_on(SqliteStore::open(&path)).unwrap();
    for outcome in [block_on(store.current_version()), block_on(store.version(&version))] {
        let error = outcome.unwrap_err();
        assert!(matches!(error, StoreError::Store(SqliteStoreError::Damaged { .. })), "{error}");
    }
}

/// A put is all or nothing, and takes in nothing that no reader accepts (V2-13).
#[test]
fn an_entry_that_is_too_large() {
    let store = block_on(SqliteStore::in_memory()).unwrap();
    let version = block_on(store.create_version(ALGORITHM, &raw("{}"))).unwrap();
    let mut largest = plain_key("!r", "largest");
    largest.data.session_data = raw(&format!("\"{}\"", "x".repeat(ENTRY_MAX_BYTES - 2)));
    block_on(store.put_keys(&version, vec![largest.clone()])).unwrap();
    assert_eq!(block_on(read(&store, &version, KeyScope::All)), entries([&largest]));

    let mut larger = plain_key("!r", "larger");
    larger.data.session_data = raw(&format!("\"{}\"", "x".repeat(ENTRY_MAX_BYTES - 1)));
    let batch = vec![plain_key("!r", "first"), larger, plain_key("!r", "last")];
    let before = block_on(store.current_version()).unwrap().unwrap();
    match block_on(store.put_keys(&version, batch)).unwrap_err() {
        StoreError::Store(SqliteStoreError::EntryTooLarge { session_id, found, .. }) => {
            assert_eq!((session_id.as_str(), found), ("larger", ENTRY_MAX_BYTES + 1));
        }
        error => panic!("{error}"),
    }
    let after = block_on(store.current_version()).unwrap().unwrap();
    assert_eq!((after.count, after.etag), (before.count, before.etag));
}

/// Metadata is 64 bits without a sign on the wire.
#[test]
fn the_largest_numbers() {
    let store = block_on(SqliteStore::in_memory()).unwrap();
    let version = block_on(store.create_version(ALGORITHM, &raw("{}"))).unwrap();
    let keys = [u64::MAX, 1 << 63, (1 << 63) - 1]
        .map(|number| key("!r", &number.to_string(), metadata(false, number, number), ""));
    block_on(store.put_keys(&version, keys.to_vec())).unwrap();
    assert_eq!(block_on(read(&store, &version, KeyScope::All)), entries(&keys));
    // 2^63 - 1 is less than 2^63, also where the store keeps one of them as a negative number.
    let better = key("!r", &(1_u64 << 63).to_string(), metadata(false, (1 << 63) - 1, 0), "new");
    let worse = key("!r", &((1_u64 << 63) - 1).to_string(), metadata(false, 1 << 63, 0), "new");
    block_on(store.put_keys(&version, vec![better.clone(), worse])).unwrap();
    let expected = entries([&keys[0], &better, &keys[2]]);
    assert_eq!(block_on(read(&store, &version, KeyScope::All)), expected);
}

/// However much there is, a page stays small.
#[test]
fn pages_are_bounded() {
    let store = block_on(SqliteStore::in_memory()).unwrap();
    let version = block_on(store.create_version(ALGORITHM, &raw("{}"))).unwrap();
    let small: Vec<_> = (0..2000).map(|n| plain_key("!small", &format!("{n}"))).collect();
    let mut large = plain_key("!large", "x");
    large.data.session_data = raw(&format!("\"{}\"", "x".repeat(600_000)));
    block_on(store.put_keys(&version, small)).unwrap();
    for n in 0..40 {
        large.session_id = session(&n.to_string());
        block_on(store.put_keys(&version, vec![large.clone()])).unwrap();
    }
    let pages = block_on(read_pages(&store, &version, KeyScope::All));
    assert_eq!(pages.iter().map(Vec::len).sum::<usize>(), 2040);
    for page in &pages {
        let size = |data: &matrix_key_backup::wire::KeyBackupData| data.session_data.get().len();
        let bytes: usize = page.iter().map(|key| key.data.as_ref().map_or(0, size)).sum();
        assert!(page.len() <= 512 && bytes <= 5 << 20, "{} entries, {bytes} bytes", page.len());
    }
    assert!(pages.len() <= 15, "and not needlessly small");
}

/// What is written while a stream is read neither ends it nor comes twice.
#[test]
fn writing_while_reading() {
    let (_directory, path) = temporary();
    let version = make_store(&path);
    let (reader, writer) = block_on(async {
        (SqliteStore::open(&path).await.unwrap(), SqliteStore::open(&path).await.unwrap())
    });
    let keys: Vec<_> = (0..1200).map(|n| plain_key("!r", &format!("{n:04}"))).collect();
    block_on(writer.put_keys(&version, keys.clone())).unwrap();
    let mut pages = reader.keys(version.clone(), KeyScope::All);
    let mut seen = Vec::new();
    while let Some(page) = block_on(pages.next_page()) {
        seen.extend(page.unwrap());
        let last = seen.last().unwrap().session_id.clone();
        block_on(writer.delete_keys(&version, KeyScope::Session(room("!r"), last))).unwrap();
        block_on(writer.put_keys(&version, vec![plain_key("!a", &seen.len().to_string())]))
            .unwrap();
    }
    let mut expected = keys;
    expected.push(plain_key("!r", "s"));
    assert_eq!(entries(&seen), entries(&expected));
}

/// Dropping a page's future half-way loses nothing.
#[test]
fn a_dropped_page_comes_again() {
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    let store = block_on(SqliteStore::in_memory()).unwrap();
    let version = block_on(store.create_version(ALGORITHM, &raw("{}"))).unwrap();
    let keys: Vec<_> = (0..1500).map(|n| plain_key("!r", &n.to_string())).collect();
    block_on(store.put_keys(&version, keys.clone())).unwrap();
    let mut pages = store.keys(version, KeyScope::All);
    let mut seen = Vec::new();
    loop {
        let polled = pin!(pages.next_page()).poll(&mut Context::from_waker(Waker::noop()));
        let page = match polled {
            Poll::Ready(page) => page,
            Poll::Pending => block_on(pages.next_page()),
        };
        let Some(page) = page else { break };
        seen.extend(page.unwrap());
    }
    assert_eq!(entries(&seen), entries(&keys));
}

/// Threads of one process, and connections of several, write side by side.
#[test]
fn many_writers() {
    let (_directory, path) = temporary();
    let version = make_store(&path);
    std::thread::scope(|scope| {
        for writer in 0..4 {
            let (path, version) = (&path, &version);
            scope.spawn(move || {
                let store = block_on(SqliteStore::open_or_create(path)).unwrap();
                for n in 0..20 {
                    let keys = vec![
                        plain_key("!r", &format!("{writer} {n}")),
                        plain_key("!all", &n.to_string()),
                    ];
                    block_on(store.put_keys(version, keys)).unwrap();
                }
            });
        }
    });
    let store = block_on(SqliteStore::open(&path)).unwrap();
    assert_eq!(block_on(store.current_version()).unwrap().unwrap().count, 1 + 80 + 20);
    assert_eq!(block_on(read(&store, &version, KeyScope::All)).len(), 101);
}

/// Of many that create one store at once, one does and the others open what it made.
#[test]
fn many_creators() {
    for _ in 0..10 {
        let (directory, path) = temporary();
        std::thread::scope(|scope| {
            for writer in 0..4 {
                let path = &path;
                scope.spawn(move || {
                    let store = block_on(SqliteStore::open_or_create(path)).unwrap();
                    block_on(store.create_version(&writer.to_string(), &raw("{}"))).unwrap();
                });
            }
        });
        let store = block_on(SqliteStore::open(&path)).unwrap();
        let current = block_on(store.current_version()).unwrap().unwrap();
        assert_eq!(current.version.as_str(), "4", "none of the four was lost");
        block_on(store.close()).unwrap();
        assert_eq!(names(directory.path()), ["store.sqlite3"], "no draft is left");
    }
}

/// The promise to other processes: what is open here is not taken for closed there.
#[cfg(unix)]
mod other_processes {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    use std::os::unix::process::CommandExt;
    use std::process::Command;

    use super::*;

    const PATH: &str = "STORE_FOR_CHILD";

    /// Not a test of its own: what a child process does for the tests below.
    #[test]
    fn child() {
        let Some(path) = std::env::var_os(PATH) else { return };
        match block_on(SqliteStore::open(path)) {
            Ok(store) => {
                let count = block_on(store.current_version()).unwrap().unwrap().count;
                block_on(store.close()).unwrap();
                eprintln!("opened: {count}");
            }
            Err(error) => eprintln!("refused: {error}"),
        }
    }

    /// Runs the child; an ordinary user where `program` is a copy of this one for all to run.
    fn run_child(program: &Path, path: &Path, ordinary: bool) -> String {
        let mut command = Command::new(program);
        command.args(["--exact", "other_processes::child", "--nocapture"]).env(PATH, path);
        if ordinary {
            command.uid(65534).gid(65534).current_dir("/");
        }
        let output = command.output().unwrap();
        assert!(output.status.success());
        let said = String::from_utf8(output.stderr).unwrap();
        said.lines()
            .find(|line| line.contains("opened: ") || line.contains("refused: "))
            .unwrap()
            .to_owned()
    }

    /// The locks that this system shows on a file, for those systems that show them.
    fn locks(path: &Path) -> Vec<String> {
        let inode = format!(":{} ", fs::metadata(path).unwrap().ino());
        let locks = fs::read_to_string("/proc/locks").unwrap_or_default();
        locks
            .lines()
            .filter(|line| line.contains(&inode))
            .filter_map(|line| line.split_once(": ").map(|(_, lock)| lock.to_owned()))
            .collect()
    }

    /// An operating system drops all locks of a process on a file as soon as the process closes
    /// that file once, whoever opened it. So looking at an open store must not do that.
    #[test]
    fn a_second_opening_keeps_the_locks_of_the_first() {
        let (_directory, path) = temporary();
        let version = make_store(&path);
        let store = block_on(SqliteStore::open(&path)).unwrap();
        block_on(store.put_keys(&version, vec![plain_key("!r", "t")])).unwrap();
        let held = locks(&path);
        drop(block_on(SqliteStore::open(&path)).unwrap());
        assert!(block_on(SqliteStore::create(&path)).is_err());
        assert_eq!(locks(&path), held);
        assert_eq!(run_child(&std::env::current_exe().unwrap(), &path, false), "opened: 2");
        // Had the child been alone with the file, it would have removed the log on closing.
        assert!(path.with_file_name("store.sqlite3-wal").exists());
        block_on(store.put_keys(&version, vec![plain_key("!r", "u")])).unwrap();
        assert_eq!(block_on(read(&store, &version, KeyScope::All)).len(), 3);
    }

    /// Files and directories that may not be written to. Root may write anywhere, so as root the
    /// child is somebody else.
    #[test]
    fn permissions() {
        let directory = tempfile::tempdir().unwrap();
        let root = fs::metadata(directory.path()).unwrap().uid() == 0;
        let mode =
            |path: &Path, mode| fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
        let program = directory.path().join("program");
        fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
        mode(directory.path(), 0o755);
        mode(&program, 0o755);
        let inner = directory.path().join("inner");
        fs::create_dir(&inner).unwrap();
        let path = inner.join("store.sqlite3");
        make_store(&path);
        if root {
            for path in [&inner, &path] {
                std::os::unix::fs::chown(path, Some(65534), Some(65534)).unwrap();
            }
        }
        let whole = fs::read(&path).unwrap();
        let cases = [
            (0o755, 0o600, "opened: 1"),
            (0o755, 0o400, "may not be written to"),
            (0o755, 0o000, "may not be opened"),
            (0o555, 0o600, "no file can be created beside"),
            (0o555, 0o400, "may not be written to"),
            (0o000, 0o600, "may not be opened"),
        ];
        for (directory_mode, file_mode, expected) in cases {
            mode(&path, file_mode);
            mode(&inner, directory_mode);
            let said = run_child(&program, &path, root);
            assert!(said.contains(expected), "{directory_mode:o} {file_mode:o}: {said}");
            assert!(said.starts_with("opened") || said.contains(path.to_str().unwrap()), "{said}");
            mode(&inner, 0o755);
            mode(&path, 0o600);
            assert!(fs::read(&path).unwrap() == whole);
            assert_eq!(names(&inner), ["store.sqlite3"]);
        }
    }
}
