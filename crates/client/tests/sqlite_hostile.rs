//! A store file that somebody made on purpose to harm whoever opens it.
#![cfg(feature = "sqlite")]
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test"
)]

use std::path::Path;

use futures_util::StreamExt;
use matrix_key_backup::{
    create_backup,
    primitives::BackupDecryptionKey,
    store::{BackupStore, KeyScope, SqliteStore, VersionId},
    v2::BackupReader,
    wire::{BackupAlgorithm, Names},
};
use rusqlite::{Connection, config::DbConfig};

/// A store with one backup version, in a file that is then changed behind its back.
fn hostile(change: impl FnOnce(&Path)) -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("store.sqlite3");
    pollster::block_on(async {
        let store = SqliteStore::create(&file).await.unwrap();
        let reader = BackupReader::new(BackupDecryptionKey::from_slice(&[5; 32]).unwrap());
        create_backup(&store, &reader, BackupAlgorithm::V2(Names::Stable)).await.unwrap();
        store.close().await.unwrap();
    });
    change(&file);
    (folder, file)
}

fn writable_schema(file: &Path) -> Connection {
    let connection = Connection::open(file).unwrap();
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, false).unwrap();
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_WRITABLE_SCHEMA, true).unwrap();
    connection
}

/// Puts rows in that the types of the table forbid.
fn insert_without_types(file: &Path, rows: &[&str]) {
    let schema = writable_schema(file);
    let sql: String = schema
        .query_row("SELECT sql FROM sqlite_schema WHERE name = 'keys'", (), |row| row.get(0))
        .unwrap();
    let loosened = sql.replace(") STRICT", ")");
    schema.execute("UPDATE sqlite_schema SET sql = ?1 WHERE name = 'keys'", [loosened]).unwrap();
    drop(schema);
    let loose = Connection::open(file).unwrap();
    for row in rows {
        loose.execute(&format!("INSERT INTO keys VALUES (1, {row})"), ()).unwrap();
    }
    drop(loose);
    let schema = writable_schema(file);
    schema.execute("UPDATE sqlite_schema SET sql = ?1 WHERE name = 'keys'", [sql]).unwrap();
}

#[test]
fn trigger_under_a_name_of_sqlites_own_is_refused() {
    let (_folder, file) = hostile(|file| {
        let trigger = "CREATE TRIGGER sqlite_evil AFTER INSERT ON keys BEGIN DELETE FROM keys; END";
        writable_schema(file)
            .execute(
                "INSERT INTO sqlite_schema (type, name, tbl_name, rootpage, sql)
                 VALUES ('trigger', 'sqlite_evil', 'keys', 0, ?1)",
                [trigger],
            )
            .unwrap();
    });
    let refused = pollster::block_on(SqliteStore::open(&file)).unwrap_err().to_string();
    assert!(refused.contains("store.sqlite3") && refused.contains("sqlite_evil"), "{refused}");
}

#[test]
fn reading_ends_whatever_the_types_of_the_ids() {
    let (_folder, file) =
        hostile(|file| insert_without_types(file, &["x'2161', x'62', 0, 0, 0, '{}'"]));
    pollster::block_on(async {
        let store = SqliteStore::open(&file).await.unwrap();
        let mut pages = store.keys(VersionId::new("1"), KeyScope::All);
        let mut seen = 0;
        while let Some(page) = pages.next().await {
            seen += 1;
            assert!(seen < 3, "the same page again and again");
            if page.is_err() {
                break;
            }
        }
    });
}

#[test]
fn long_ids_count_towards_the_size_of_a_page() {
    let (_folder, file) = hostile(|file| {
        let connection = Connection::open(file).unwrap();
        for number in 0..8 {
            connection
                .execute(
                    "INSERT INTO keys VALUES (1, printf('!%.*c', 2000000, 'a') || ?1, 's', 0, 0, 0, '{}')",
                    [number],
                )
                .unwrap();
        }
    });
    pollster::block_on(async {
        let store = SqliteStore::open(&file).await.unwrap();
        let mut pages = store.keys(VersionId::new("1"), KeyScope::All);
        let first = pages.next().await.unwrap().unwrap();
        assert!(first.len() <= 3, "{} keys of 2 MB in one page", first.len());
    });
}

#[test]
fn metadata_of_the_wrong_type_is_one_bad_entry() {
    let rows = ["'!a', 'b', 'zero', 0, 0, '{}'", "'!a', 'c', 0, 0, 0, '{}'"];
    let (_folder, file) = hostile(|file| insert_without_types(file, &rows));
    pollster::block_on(async {
        let store = SqliteStore::open(&file).await.unwrap();
        let mut pages = store.keys(VersionId::new("1"), KeyScope::All);
        let page = pages.next().await.unwrap().unwrap();
        let good: Vec<_> = page.iter().map(|key| key.data.is_ok()).collect();
        assert_eq!(good, [false, true]);
    });
}
