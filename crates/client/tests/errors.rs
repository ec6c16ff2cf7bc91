//! Errors tell each thing once: a message that repeats its cause has no `source()`, so whoever
//! prints a whole chain reads nothing twice.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test"
)]

use std::error::Error;

use matrix_key_backup::{
    EntryReader, OpenBackup, OpenError, RejectReason, RejectedKey, Unreadable, UnreadableBackup,
    key_export::{ExportedSessionData, KeyExportFile},
    migration::{MigrateError, NotMigrated},
    primitives::{BackupDecryptionKey, BackupMac, BackupMacKey},
    store::{BackupVersion, StoreError, VersionId},
    trust::Ed25519PublicKey,
    upload::UploadError,
    v1,
    v2::{BackupReader, SealError, UnverifiedSessionData, VerifyError},
    wire::{
        AuthData, BackedUpSessionData, BackupAlgorithm, Context, Expected, Json, KeyBackupData,
        MalformedContext, Names, RoomId, SessionId, WriterKey, canonical_json,
    },
};
use serde_json::value::RawValue;

type Boxed = Box<dyn Error>;

fn error<T>(result: Result<T, impl Error + 'static>) -> Boxed {
    match result {
        Ok(_) => panic!("an error is wanted"),
        Err(error) => Box::new(error),
    }
}

/// Malformed JSON, JSON of another kind, and one with a property of another kind.
const WRONG: [&str; 4] = ["{", "[]", "{}", r#"{"a":1,"a":2}"#];

fn of_the_wire() -> Vec<Boxed> {
    let mut errors = Vec::new();
    for json in WRONG {
        errors.push(error(WriterKey::from_json(json)));
        errors.push(error(AuthData::parse(json)));
        errors.push(error(KeyBackupData::from_json(json)));
        errors.push(error(BackedUpSessionData::parse(json.as_bytes())));
        if let Ok(json) = Json::parse(json) {
            errors.push(error(Context::from_json(&json)));
        }
        if let Err(malformed) = Json::parse(json) {
            errors.push(Box::new(MalformedContext::from(malformed)));
        }
        errors.push(error(ExportedSessionData::parse(json)));
    }
    errors.push(error(AuthData::parse(r#"{"public_key":"AA"}"#)));
    errors.push(error(AuthData::parse(r#"{"public_key":"!"}"#)));
    errors.push(error("m.backup.v9".parse::<BackupAlgorithm>()));
    let mut writer_key = WriterKey::new(
        "@a:b".parse().unwrap(),
        Names::Stable,
        BackupDecryptionKey::from_slice(&[1; 32]).unwrap().public_key(),
        BackupMacKey::from_slice(&[1; 32]).unwrap(),
    )
    .expose_json()
    .to_string();
    writer_key = writer_key.replace("m.backup.v2", "m.backup.v9");
    errors.push(error(WriterKey::from_json(&writer_key)));
    errors.push(error(canonical_json(&Json::parse("1.5").unwrap())));
    errors
}

fn of_keys() -> Vec<Boxed> {
    vec![
        error(BackupMacKey::from_base64("!")),
        error(BackupMacKey::from_base64("AA")),
        error(BackupMac::from_base64_strict("!")),
        error(BackupMac::from_base64_strict("AA")),
        error(BackupDecryptionKey::from_base58("Es")),
        error(Ed25519PublicKey::from_base64("!")),
        error(Ed25519PublicKey::from_base64("AA")),
    ]
}

fn reader() -> BackupReader {
    BackupReader::new(BackupDecryptionKey::from_slice(&[5; 32]).unwrap())
}

fn of_the_walk() -> Vec<Boxed> {
    let entry = r#"{"unsigned":{"backup_mac":"A"},"x":1.5}"#;
    let v2 = BackupAlgorithm::V2(Names::Stable);
    let unverified = || UnverifiedSessionData::parse(entry, v2).unwrap();
    let not_canonical = || unverified().verify(reader().mac_key()).unwrap_err();
    assert!(matches!(not_canonical(), VerifyError::NotCanonical(_)));
    let expected = Expected {
        room_id: RoomId::new("!r:x").unwrap(),
        session_id: SessionId::new("s").unwrap(),
        user_id: None,
    };
    let entries = EntryReader::new(reader(), v2, None);
    let mut errors: Vec<Boxed> = vec![
        Box::new(not_canonical()),
        Box::new(RejectReason::from(not_canonical())),
        Box::new(NotMigrated::NotVerified(not_canonical())),
        error(entries.read_session_data("[]", &expected)),
        error(v1::ReceivedKey::parse("{}").unwrap().decrypt(reader().decryption_key())),
        error(KeyExportFile::parse("-----")),
    ];
    for json in WRONG {
        let reason = RejectReason::from(KeyBackupData::from_json(json).unwrap_err());
        let Expected { room_id, session_id, .. } = expected.clone();
        errors.push(Box::new(RejectedKey::new(room_id, session_id, reason)));
    }
    errors
}

fn of_stores() -> Vec<Boxed> {
    let unreadable = |algorithm: &str| {
        let version = BackupVersion {
            version: VersionId::new("1"),
            algorithm: algorithm.to_owned(),
            auth_data: RawValue::from_string("[]".to_owned()).unwrap(),
            count: 0,
            etag: String::new(),
        };
        OpenBackup::read(version).unwrap_err()
    };
    let io = || StoreError::Store(std::io::Error::other("disk"));
    let UnreadableBackup { reason, .. } = unreadable("m.megolm_backup.v1.curve25519-aes-sha2");
    assert!(matches!(reason, Unreadable::AuthData(_)));
    vec![
        Box::new(reason),
        Box::new(unreadable("x")),
        Box::new(unreadable("m.megolm_backup.v1.curve25519-aes-sha2")),
        Box::new(OpenError::<std::io::Error>::Unreadable(unreadable("x"))),
        Box::new(io()),
        Box::new(OpenError::Store(io())),
        Box::new(UploadError::Store(io())),
        Box::new(UploadError::<std::io::Error>::Seal(SealError::LowOrderPublicKey)),
        Box::new(MigrateError::Store(io())),
    ]
}

#[test]
fn no_error_repeats_its_source() {
    let errors = [of_the_wire(), of_keys(), of_the_walk(), of_stores()];
    let errors: Vec<_> = errors.into_iter().flatten().collect();
    assert!(errors.len() > 40);
    for error in errors {
        let mut outer: &dyn Error = &*error;
        assert!(!outer.to_string().is_empty());
        while let Some(source) = outer.source() {
            let (all, part) = (outer.to_string(), source.to_string());
            assert!(!all.contains(&part), "{all:?} repeats {part:?}");
            outer = source;
        }
    }
}
