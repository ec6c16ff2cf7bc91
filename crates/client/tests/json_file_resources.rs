//! What reading a JSON file takes: one thread while it goes on, and the same memory for any size.
#![cfg(all(feature = "json", target_os = "linux"))]
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test"
)]

mod common;

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use common::{metadata, room, session};
use matrix_key_backup::store::{BackupStore, JsonFileStore, KeyScope, VersionId};
use pollster::block_on;

const PATH: &str = "JSON_FILE_TO_READ";

/// A backup in 50 rooms; `size` is about what an entry of it takes.
fn write(path: &Path, entries: usize, size: usize) {
    let data = common::key("!r", "s", metadata(false, 0, 0), &"x".repeat(size)).data;
    let entry = serde_json::to_string(&data).unwrap();
    let mut file = BufWriter::new(File::create(path).unwrap());
    let head = r#"{"version": "1", "algorithm": "a", "auth_data": {}, "etag": "1", "rooms": {"#;
    write!(file, "{head}").unwrap();
    for room in 0..50 {
        let comma = if room > 0 { "," } else { "" };
        write!(file, r#"{comma}"!{room}": {{"sessions": {{"0": {entry}"#).unwrap();
        for session in 1..entries / 50 {
            write!(file, r#","{session}":{entry}"#).unwrap();
        }
        write!(file, "}}}}").unwrap();
    }
    write!(file, "}}}}").unwrap();
    file.into_inner().unwrap();
}

/// The most memory that this process ever had.
fn peak_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

/// Not a test of its own: what the child does, in a process whose memory is its own.
#[test]
fn child() {
    let Some(path) = std::env::var_os(PATH) else { return };
    let before = peak_kib();
    block_on(async {
        let store = JsonFileStore::open(path).await.unwrap();
        let version = store.current_version().await.unwrap().unwrap();
        let mut pages = store.keys(version.version.clone(), KeyScope::All);
        let mut read = 0;
        while let Some(page) = pages.next_page().await {
            read += page.unwrap().len() as u64;
        }
        assert_eq!(read, version.count);
        let wanted = [(room("!7"), session("9")), (room("!49"), session("0"))];
        assert_eq!(store.keys_of(&version.version, &wanted).await.unwrap().len(), 2);
    });
    let grown = peak_kib() - before;
    assert!(grown < 16 * 1024, "reading took {grown} KiB");
}

#[test]
fn memory_does_not_grow_with_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("backup.json");
    write(&path, 20_000, 3000);
    assert!(fs::metadata(&path).unwrap().len() > 60_000_000);
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child"])
        .env(PATH, &path)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

/// Threads that read files. No other test of this process has any.
fn threads() -> usize {
    let tasks = fs::read_dir("/proc/self/task").unwrap();
    let names = tasks.filter_map(|task| {
        fs::read_to_string(task.unwrap().path().join("comm")).ok() // gone meanwhile
    });
    names.filter(|name| name.trim() == "backup file").count()
}

fn wait_for_threads(wanted: usize) {
    let patience = Instant::now() + Duration::from_secs(20);
    while threads() != wanted {
        assert!(Instant::now() < patience, "{} threads", threads());
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn dropping_the_pages_ends_their_thread() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("backup.json");
    write(&path, 2000, 10);
    let store = block_on(JsonFileStore::open(path)).unwrap();
    wait_for_threads(0);
    let mut pages = store.keys(VersionId::new("1"), KeyScope::All);
    assert_eq!(threads(), 0, "nothing is begun before the stream is polled");
    assert_eq!(block_on(pages.next_page()).unwrap().unwrap().len(), 256);
    assert_eq!(threads(), 1);
    drop(pages);
    wait_for_threads(0);

    let mut pages = store.keys(VersionId::new("1"), KeyScope::All);
    while block_on(pages.next_page()).is_some() {}
    wait_for_threads(0);
}
