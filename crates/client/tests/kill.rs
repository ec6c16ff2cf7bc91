//! Killing a process that uploads loses nothing that was acknowledged, and leaves no half of
//! anything.

#![cfg(all(unix, feature = "sqlite"))]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test says what went wrong by failing"
)]

mod common;

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use common::{ALGORITHM, entries, metadata, raw, read};
use matrix_key_backup::store::{BackupStore, KeyScope, KeyToStore, SqliteStore};
use pollster::block_on;

const PATH: &str = "STORE_TO_UPLOAD_TO";
const BATCH: usize = 20;

/// The entries of a batch, each large enough to make SQLite move its log into the file now and
/// then, and telling which batch it is from.
fn batch(number: usize) -> Vec<KeyToStore> {
    let filling = "x".repeat(2000);
    (0..BATCH)
        .map(|n| {
            let room_id = format!("!{}:x", n % 3);
            let session_id = format!("{number} {n}");
            common::key(&room_id, &session_id, metadata(false, 5, 0), &filling)
        })
        .collect()
}

/// Not a test of its own: what the child does until it is killed. It says which batch was
/// acknowledged on standard error, where the test harness writes nothing.
#[test]
fn child() {
    let Some(path) = std::env::var_os(PATH) else { return };
    block_on(async {
        let store = SqliteStore::open_or_create(path).await.unwrap();
        let current = store.current_version().await.unwrap();
        let (version, first) = match current {
            Some(current) => (current.version, usize::try_from(current.count).unwrap() / BATCH),
            None => (store.create_version(ALGORITHM, &raw("{}")).await.unwrap(), 0),
        };
        say("ready\n");
        for number in first.. {
            let outcome = store.put_keys(&version, batch(number)).await.unwrap();
            assert_eq!(outcome.count, ((number + 1) * BATCH) as u64);
            say(&format!("acknowledged {number}\n"));
        }
    });
}

/// In one write, which no kill can cut in two.
fn say(line: &str) {
    std::io::stderr().write_all(line.as_bytes()).unwrap();
}

fn start_child(path: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--nocapture"])
        .env(PATH, path)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Kills the child (SIGKILL) some time after it said that it is ready, or, without a time to
/// wait, some time after it was started; returns how many batches were acknowledged.
fn kill_after(mut child: Child, ready: bool, wait: Duration) -> Option<usize> {
    let lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let (sender, said) = mpsc::channel();
    let reading = thread::spawn(move || {
        lines.map_while(Result::ok).for_each(|line| drop(sender.send(line)));
    });
    let deadline = Duration::from_secs(60);
    let mut heard = Vec::new();
    if ready {
        heard.push(said.recv_timeout(deadline).expect("the child gets ready"));
    }
    thread::sleep(wait);
    child.kill().unwrap();
    let status = child.wait().unwrap();
    assert!(!status.success(), "it was killed, and did not end by itself");
    reading.join().unwrap();
    heard.extend(said.iter());
    for line in &heard {
        assert!(line == "ready" || line.starts_with("acknowledged "), "{line}");
    }
    let last = heard.iter().rev().find_map(|line| line.strip_prefix("acknowledged "));
    last.map(|number| number.parse::<usize>().unwrap() + 1)
}

/// Whole batches only, at least those that were acknowledged, each entry as it was written.
fn check(path: &Path, acknowledged: usize) -> usize {
    block_on(async {
        let store = SqliteStore::open(path).await.unwrap();
        let current = store.current_version().await.unwrap().unwrap();
        let found = read(&store, &current.version, KeyScope::All).await;
        assert_eq!(found.len() as u64, current.count);
        assert_eq!(found.len() % BATCH, 0, "no half of a batch");
        let batches = found.len() / BATCH;
        assert!(batches >= acknowledged, "{batches} of {acknowledged} batches are there");
        assert_eq!(current.etag, batches.to_string());
        let written: Vec<_> = (0..batches).flat_map(batch).collect();
        assert_eq!(found, entries(&written));
        batches
    })
}

/// Waiting times that are spread evenly, and the same in every run.
fn spread(round: u32, most: Duration) -> Duration {
    most.mul_f64((f64::from(round) * 0.618_033_988_749_895).fract())
}

/// Every other kill hits what the one before left behind.
#[test]
fn acknowledged_batches_survive() {
    let started = Instant::now();
    let mut total = 0;
    let (mut rounds, mut survived) = (0, 0);
    while rounds < 40 && started.elapsed() < Duration::from_secs(30) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("store");
        for _ in 0..4 {
            let wait = spread(rounds, Duration::from_millis(60));
            let acknowledged = kill_after(start_child(&path), true, wait).unwrap_or(0);
            total += acknowledged;
            // Half of the time the next child finds the file as the killed one left it.
            if rounds % 2 == 1 {
                survived += check(&path, acknowledged);
            }
            rounds += 1;
        }
    }
    assert!(rounds >= 8 && total > 0 && survived > 0, "{rounds} rounds, {total} batches");
}

/// A kill while the store is created leaves a store or nothing, never something in between.
#[test]
fn creating_is_whole() {
    // How long a child takes until it has a store, on this machine and under its load.
    let directory = tempfile::tempdir().unwrap();
    let started = Instant::now();
    kill_after(start_child(&directory.path().join("store")), true, Duration::ZERO);
    let most = started.elapsed().mul_f64(1.5);
    let (mut rounds, mut created) = (0, 0);
    while rounds < 60 && started.elapsed() < Duration::from_secs(20) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("store");
        let wait = spread(rounds, most);
        let acknowledged = kill_after(start_child(&path), false, wait);
        created += u32::from(path.exists());
        let store = block_on(SqliteStore::open_or_create(&path)).unwrap();
        let current = block_on(store.current_version()).unwrap();
        assert!(current.is_some() || acknowledged.is_none());
        rounds += 1;
    }
    assert!(rounds >= 8 && created < rounds, "{created} of {rounds} were created");
}
