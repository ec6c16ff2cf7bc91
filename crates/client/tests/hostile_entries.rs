//! Entries as a hostile or broken server could serve them: each is named with its reason, none
//! stops the others, none panics.
#![cfg(feature = "sqlite")]
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test"
)]

use std::collections::BTreeMap;

use futures_util::StreamExt;
use matrix_key_backup::{
    EntryReader, RejectReason, create_backup,
    primitives::BackupDecryptionKey,
    restore,
    store::{BackupStore, KeyScope, KeyToStore, SqliteStore},
    v2::{BackupReader, SourcedSession},
    wire::{BackedUpSessionData, BackupAlgorithm, KeyBackupData, Names, RoomId, SessionId},
};
use proptest::prelude::*;
use serde_json::{Value, json, value::RawValue};

const V2: BackupAlgorithm = BackupAlgorithm::V2(Names::Stable);

fn reader() -> BackupReader {
    BackupReader::new(BackupDecryptionKey::from_slice(&[5; 32]).unwrap())
}

fn room() -> RoomId {
    RoomId::new("!room:example.org").unwrap()
}

fn plaintext() -> BackedUpSessionData {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/vectors/megolm_sessions.json");
    let file: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    BackedUpSessionData::parse(file["sessions"][0]["session_data"].to_string().as_bytes()).unwrap()
}

/// One good `session_data`, as JSON text.
fn good() -> String {
    let session = SourcedSession::own_session(plaintext(), room(), None);
    let mut rng = rand_core::UnwrapErr(rand::rngs::SysRng);
    let sealed = reader().writer(Names::Stable).seal(&session, &mut rng).unwrap();
    sealed.as_json().to_owned()
}

fn with(edit: impl FnOnce(&mut Value)) -> String {
    let mut value: Value = serde_json::from_str(&good()).unwrap();
    edit(&mut value);
    value.to_string()
}

/// Each bad entry with a piece of the message that a person is to read.
fn bad_entries() -> Vec<(String, &'static str)> {
    let cut = |name: &'static str| {
        with(move |v| {
            let text = v[name].as_str().unwrap();
            v[name] = json!(text[..text.len() - 1]);
        })
    };
    let extra = |member: &str| good().replacen('{', &format!("{{{member},"), 1);
    vec![
        (cut("ciphertext"), "backup_mac"),
        (cut("ephemeral"), "backup_mac"),
        (with(|v| v["ciphertext"] = json!([v["ciphertext"]])), "backup_mac"),
        (with(|v| v["unsigned"]["backup_mac"] = json!("x")), "43 characters"),
        (with(|v| v["unsigned"]["backup_mac"] = json!(43)), "43 characters"),
        (
            with(|v| {
                let padded = format!("{}=", v["unsigned"]["backup_mac"].as_str().unwrap());
                v["unsigned"]["backup_mac"] = json!(padded);
            }),
            "43 characters",
        ),
        (with(|v| drop(v.as_object_mut().unwrap().remove("unsigned"))), "backup_mac"),
        (extra(r#""x":1.5"#), "number"),
        (extra(r#""x":"\ud800""#), "surrogate"),
        (extra(r#""ciphertext":"AAAA""#), "duplicate"),
        (extra(r#""x":{"a":1,"\u0061":2}"#), "duplicate"),
        (extra(&format!(r#""x":{}1{}"#, "[".repeat(200), "]".repeat(200))), "too deep"),
        ("[]".to_owned(), "object"),
        ("null".to_owned(), "object"),
        ("7".to_owned(), "object"),
    ]
}

/// Puts entries in the store beside one good one, and reads everything back.
fn served(entries: &[String]) -> (usize, BTreeMap<String, RejectReason>) {
    pollster::block_on(async {
        let store = SqliteStore::in_memory().await.unwrap();
        let backup = create_backup(&store, &reader(), V2).await.unwrap();
        let id = plaintext().session_key().session_id();
        let mut keys = vec![entry(id, good())];
        keys.extend(
            entries
                .iter()
                .enumerate()
                .map(|(n, json)| entry(SessionId::new(n.to_string()).unwrap(), json.clone())),
        );
        store.put_keys(backup.version(), keys).await.unwrap();
        let before = store.current_version().await.unwrap().unwrap();

        let reader = EntryReader::new(reader(), V2, None);
        let mut batches = restore(&store, backup.version().clone(), KeyScope::All, reader);
        let (mut good, mut bad) = (0, BTreeMap::new());
        while let Some(batch) = batches.next().await {
            let batch = batch.unwrap();
            good += batch.sessions.len();
            bad.extend(batch.rejected.into_iter().map(|r| (r.session_id.to_string(), r.reason)));
        }
        let after = store.current_version().await.unwrap().unwrap();
        assert_eq!((before.etag, before.count), (after.etag, after.count));
        (good, bad)
    })
}

fn entry(session_id: SessionId, json: String) -> KeyToStore {
    let data = KeyBackupData {
        first_message_index: 0,
        forwarded_count: 0,
        is_verified: false,
        session_data: RawValue::from_string(json).unwrap(),
    };
    KeyToStore { room_id: room(), session_id, data }
}

#[test]
fn each_bad_entry_is_named_with_its_reason_and_the_good_one_is_read() {
    let cases = bad_entries();
    let entries: Vec<_> = cases.iter().map(|(json, _)| json.clone()).collect();
    let (good, bad) = served(&entries);
    assert_eq!((good, bad.len()), (1, cases.len()));
    for (number, (json, piece)) in cases.iter().enumerate() {
        let message = bad[&number.to_string()].to_string();
        let shown: String = json.chars().take(120).collect();
        assert!(message.contains(piece), "{message:?} does not say {piece:?} of {shown}");
    }
}

/// The store refuses it already, so it is handed to the reader itself.
#[test]
fn oversized_entry_is_refused() {
    let long = good().replacen('{', &format!(r#"{{"x":"{}","#, "y".repeat(1 << 20)), 1);
    let expected = matrix_key_backup::wire::Expected {
        room_id: room(),
        session_id: plaintext().session_key().session_id(),
        user_id: None,
    };
    let refused =
        EntryReader::new(reader(), V2, None).read_session_data(&long, &expected).unwrap_err();
    assert!(refused.to_string().contains("too long"), "{refused}"); // V2-13
}

/// A session's good entry, served under another session's name.
#[test]
fn moved_entry_is_misplaced() {
    let (good, bad) = served(&[good()]);
    assert_eq!(good, 1);
    assert_eq!(bad["0"].class().as_str(), "misplaced"); // B-1
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    /// Bytes changed, cut out and put in at random: an answer always, never a panic, and never a
    /// key that differs from the one that was written.
    #[test]
    fn mangled_entries_never_pass(
        position in any::<prop::sample::Index>(),
        length in 0..20usize,
        put_in in "[\\PC\u{0}-\u{1f}]{0,8}",
    ) {
        let good = good();
        let start = position.index(good.len());
        let end = (start + length).min(good.len());
        let mangled = format!("{}{put_in}{}", &good[..start], &good[end..]);
        let expected = matrix_key_backup::wire::Expected {
            room_id: room(),
            session_id: plaintext().session_key().session_id(),
            user_id: None,
        };
        let reader = EntryReader::new(reader(), V2, None);
        if let Ok(session) = reader.read_session_data(&mangled, &expected) {
            let written = plaintext();
            prop_assert_eq!(session.data().session_key(), written.session_key());
            prop_assert_eq!(session.data().sender_key(), written.sender_key());
        }
    }
}
