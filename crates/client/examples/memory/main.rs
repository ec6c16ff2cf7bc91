//! Uploads or restores many real sessions through a store and prints its peak memory: a SQLite file,
//! or a homeserver.
//!
//! `cargo xtask measure` runs this once for each figure, because a peak belongs to a process:
//!
//! ```text
//! memory upload|restore SESSIONS FILE|URL
//! ```
//!
//! On a homeserver it logs in with `MATRIX_KEY_BACKUP_TEST_USER` and
//! `MATRIX_KEY_BACKUP_TEST_PASSWORD`.
#![allow(missing_docs, reason = "a program")]
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a measurement ends where it fails"
)]

mod waiting;

use std::{collections::BTreeMap, time::Instant};

use futures_util::StreamExt;
use matrix_key_backup::{
    EntryReader, OpenBackup, RestoreSummary, create_backup,
    primitives::BackupDecryptionKey,
    restore,
    store::{
        BackupStore, KeyScope, SqliteStore,
        homeserver::{AccessToken, HomeserverStore, HomeserverUrl, ReqwestTransport},
    },
    trust::{KeyOrigin, TrustState, TrustedBackup},
    upload::{RoomKey, Uploader},
    v2::{BackupReader, SourcedSession},
    wire::{BackedUpSessionData, BackupAlgorithm, MegolmSessionExport, Names, RoomId},
};
use serde_json::json;
use vodozemac::megolm::{GroupSession, InboundGroupSession, SessionConfig};
use waiting::{Timed, Waiting};

/// Sessions in one room, as many as a lively one has.
const SESSIONS_PER_ROOM: usize = 100;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, action, sessions, place] = arguments.as_slice() else {
        panic!("usage: memory upload|restore SESSIONS FILE|URL");
    };
    let sessions: usize = sessions.parse().expect("a number of sessions");
    let before = peak_kib();
    let (start, waiting) = (Instant::now(), Waiting::default());
    if place.starts_with("http") {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_all().build().unwrap();
        runtime.block_on(async {
            act(action, &log_in(place, waiting.clone()).await, sessions).await;
        });
    } else {
        pollster::block_on(async { act(action, &open(action, place).await, sessions).await });
    }
    let report = json!({
        "action": action,
        "sessions": sessions,
        "seconds": start.elapsed().as_secs_f64(),
        "waiting_seconds": waiting.total().as_secs_f64(),
        "peak_kib": peak_kib(),
        "peak_before_kib": before,
    });
    println!("{report}");
}

fn reader() -> BackupReader {
    BackupReader::new(BackupDecryptionKey::from_slice(&[42; 32]).unwrap())
}

async fn open(action: &str, file: &str) -> SqliteStore {
    match action {
        "upload" => SqliteStore::create(file).await.unwrap(),
        _ => SqliteStore::open(file).await.unwrap(),
    }
}

async fn log_in(url: &str, waiting: Waiting) -> HomeserverStore<Timed> {
    let variable = |name| std::env::var(name).expect(name);
    let body = json!({
        "type": "m.login.password",
        "identifier": {"type": "m.id.user", "user": variable("MATRIX_KEY_BACKUP_TEST_USER")},
        "password": variable("MATRIX_KEY_BACKUP_TEST_PASSWORD"),
    });
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let address = format!("{}/_matrix/client/v3/login", url.trim_end_matches('/'));
    let answer = client.post(address).json(&body).send().await.unwrap();
    let answer: serde_json::Value = answer.error_for_status().unwrap().json().await.unwrap();
    let token = AccessToken::new(answer["access_token"].as_str().unwrap().to_owned()).unwrap();
    let url = HomeserverUrl::parse(url).unwrap();
    let transport = Timed { transport: ReqwestTransport::new().unwrap(), waiting };
    HomeserverStore::new(url, token, transport)
}

async fn act<S: BackupStore>(action: &str, store: &S, sessions: usize) {
    match action {
        "upload" => upload(store, sessions).await,
        "restore" => restore_all(store, sessions).await,
        other => panic!("{other}: upload or restore"),
    }
}

async fn upload<S: BackupStore>(store: &S, sessions: usize) {
    let reader = reader();
    let algorithm = BackupAlgorithm::V2(Names::Unstable);
    let backup = create_backup(store, &reader, algorithm).await.unwrap();
    let (said, origin) = (backup.description(), KeyOrigin::EnteredByUser);
    let trusted =
        TrustedBackup::from_decryption_key(said, &reader, origin, &mut TrustState::new()).unwrap();
    let uploader = Uploader::for_reader(store, &trusted, reader, None).unwrap();
    let summary = uploader.upload((0..sessions).map(room_key), |_| {}).await.unwrap();
    assert_eq!((summary.new, summary.blocked), (sessions as u64, 0));
}

/// A new session of its own, made when it is asked for.
fn room_key(number: usize) -> RoomKey {
    let outbound = GroupSession::new(SessionConfig::version_1());
    let mut inbound = InboundGroupSession::new(&outbound.session_key(), SessionConfig::version_1());
    let export = inbound.export_at(0).unwrap().to_base64();
    let data = BackedUpSessionData::new(
        MegolmSessionExport::from_base64(&export).unwrap(),
        "kyMy8hbs131Z1s/JJ4Us6W1kuVhuZACRLjAyd5+sBx8".to_owned(),
        BTreeMap::from([(
            "ed25519".to_owned(),
            "8HtVbw2mrKgwso5TKob5v5/5/wnBt6tPL71Q7t4RyjQ".to_owned(),
        )]),
        Vec::new(),
    );
    let room = format!("!room{}:example.org", number / SESSIONS_PER_ROOM);
    let room = RoomId::new(room).unwrap();
    let session = SourcedSession::own_session(data, room, None);
    RoomKey::new(session)
}

async fn restore_all<S: BackupStore>(store: &S, sessions: usize) {
    let backup = OpenBackup::current(store).await.unwrap();
    let reader = EntryReader::new(reader(), backup.algorithm(), None);
    let mut batches = restore(store, backup.version().clone(), KeyScope::All, reader);
    let mut summary = RestoreSummary::default();
    while let Some(batch) = batches.next().await {
        summary.add(&batch.unwrap());
    }
    assert_eq!(summary.keys.authenticated, sessions as u64);
    assert_eq!(summary.rejected_total(), 0);
}

/// The most memory that this process ever had, as Linux counts it. Zero elsewhere.
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}
