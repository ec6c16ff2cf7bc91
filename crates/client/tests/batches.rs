//! Entries that are read many at once come out as each of them does alone, whatever is among them.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test"
)]

use matrix_key_backup::{
    BackedUpSession, EntryReader, RejectedKey,
    primitives::{BackupDecryptionKey, EphemeralPublicKey},
    store::ReceivedKey,
    v1,
    v2::{BackupReader, SourcedSession},
    wire::{
        BackedUpSessionData, BackupAlgorithm, EncryptedSessionData, KeyBackupData,
        KeyBackupDataError, Names, RoomId,
    },
};
use serde_json::{Value, value::RawValue};

fn reader(fill: u8) -> BackupReader {
    BackupReader::new(BackupDecryptionKey::from_slice(&[fill; 32]).unwrap())
}

fn rng() -> rand_core::UnwrapErr<rand::rngs::SysRng> {
    rand_core::UnwrapErr(rand::rngs::SysRng)
}

fn room() -> RoomId {
    RoomId::new("!room:example.org").unwrap()
}

fn sessions() -> Vec<BackedUpSessionData> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/vectors/megolm_sessions.json");
    let file: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let sessions = file["sessions"].as_array().unwrap();
    let parse = |session: &Value| {
        BackedUpSessionData::parse(session["session_data"].to_string().as_bytes()).unwrap()
    };
    sessions.iter().map(parse).collect()
}

/// What may stand in a place: of every kind something good, and something bad.
fn session_data(kind: usize, session: &BackedUpSessionData) -> String {
    let reader_ = reader(5);
    let own = SourcedSession::own_session(session.clone(), room(), None);
    let v1 = || v1::encrypt(reader_.public_key(), session, &mut rng()).unwrap();
    let hybrid = || reader_.writer(Names::Stable).seal_hybrid(&own, &mut rng()).unwrap();
    match kind {
        0 => reader_.writer(Names::Stable).seal(&own, &mut rng()).unwrap().as_json().to_owned(),
        1 => reader(6).writer(Names::Stable).seal(&own, &mut rng()).unwrap().as_json().to_owned(),
        2 => v1().as_json().to_owned(),
        3 => hybrid().as_json().to_owned(),
        // H-2: a MAC that is there and wrong.
        4 => hybrid().as_json().replace(r#""backup_mac":""#, r#""backup_mac":"A"#),
        // V1-7, under a MAC that is right.
        5 => {
            let point = EphemeralPublicKey::from_slice(&[0; 32]).unwrap();
            let encrypted = EncryptedSessionData::new(&point, vec![0; 32]);
            let mac = reader_.mac_key().mac(encrypted.signable().as_bytes());
            encrypted.to_json_with_backup_mac(&mac, Names::Stable)
        }
        6 => v1().as_json().replace(r#""mac":""#, r#""mac":"A"#),
        7 => "[]".to_owned(),
        _ => "{}".to_owned(),
    }
}

const KINDS: usize = 10;

fn entries(count: usize) -> Vec<ReceivedKey> {
    let sessions = sessions();
    let entries = (0..count).map(|at| {
        let session = &sessions[at % sessions.len()];
        // Some are filed elsewhere than they belong (B-1).
        let filed_as = if at % 23 == 22 { &sessions[(at + 1) % sessions.len()] } else { session };
        let raw = || RawValue::from_string(session_data(at % KINDS, session)).unwrap();
        let data = (at % KINDS != KINDS - 1).then(|| KeyBackupData {
            first_message_index: 0,
            forwarded_count: 0,
            is_verified: false,
            session_data: raw(),
        });
        ReceivedKey {
            room_id: room(),
            session_id: filed_as.session_key().session_id(),
            data: data.ok_or(KeyBackupDataError::Encoding),
        }
    });
    entries.collect()
}

type Read = Result<BackedUpSession, RejectedKey>;

fn assert_same(one: &Read, other: &Read) {
    match (one, other) {
        (Ok(one), Ok(other)) => {
            assert_eq!(one.data(), other.data());
            assert_eq!(one.provenance(), other.provenance());
            assert_eq!(one.ignored_mac(), other.ignored_mac());
            assert_eq!(one.has_valid_mac(), other.has_valid_mac());
        }
        (one, other) => assert_eq!(one.as_ref().err(), other.as_ref().err()),
    }
}

// H-1 to H-4, V2-6, V2-7
#[test]
fn a_batch_comes_out_as_its_entries_do_alone() {
    for algorithm in [BackupAlgorithm::V1, BackupAlgorithm::V2(Names::Stable)] {
        let reader = EntryReader::new(reader(5), algorithm, None);
        for count in [0, 1, 2, 9, 40, 130] {
            let entries = entries(count);
            let batch = reader.read_batch(entries.clone());
            assert_eq!(batch.len(), count);
            for (entry, read) in entries.into_iter().zip(&batch) {
                assert_same(&reader.read(entry), read);
            }
            if count == 130 {
                // It is no comparison of failures alone.
                let read = batch.iter().filter(|read| read.is_ok()).count();
                let wanted = if algorithm == BackupAlgorithm::V1 { 40 } else { 20 };
                assert!((wanted..count).contains(&read), "{read}");
            }
        }
    }
}
