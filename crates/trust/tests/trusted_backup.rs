//! What makes a backup trusted, and what does not (T-1, T-2, K-6).
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test"
)]

use std::collections::BTreeSet;

use matrix_key_backup_primitives::{BackupDecryptionKey, BackupPublicKey};
use matrix_key_backup_trust::{
    BackupDescription, KeyOrigin, TrustError, TrustReason, TrustState, TrustedBackup,
};
use matrix_key_backup_v2::BackupReader;
use matrix_key_backup_wire::{AuthData, BackupAlgorithm, Names, UserId, WriterKey};

const V2: BackupAlgorithm = BackupAlgorithm::V2(Names::Unstable);

fn reader(fill: u8) -> BackupReader {
    BackupReader::new(BackupDecryptionKey::from_slice(&[fill; 32]).unwrap())
}

fn user(name: &str) -> UserId {
    UserId::new(format!("@{name}:example.org")).unwrap()
}

fn writer_key(reader: &BackupReader) -> WriterKey {
    let names = V2.names().unwrap();
    WriterKey::new(user("me"), names, *reader.public_key(), reader.mac_key().clone())
}

fn described<T>(
    public_key: BackupPublicKey,
    algorithm: BackupAlgorithm,
    trust: impl FnOnce(BackupDescription<'_>) -> T,
) -> T {
    let auth_data = AuthData::new(public_key);
    trust(BackupDescription { version: "7", algorithm, auth_data: &auth_data })
}

#[test]
fn own_public_key_is_trusted_and_another_is_not() {
    let (mine, other) = (reader(1), reader(2));
    let trust = |backup: BackupDescription<'_>| {
        TrustedBackup::from_decryption_key(
            backup,
            &mine,
            KeyOrigin::EnteredByUser,
            &mut TrustState::new(),
        )
    };
    let trusted = described(*mine.public_key(), V2, trust).unwrap();
    assert_eq!(*trusted.reason(), TrustReason::DecryptionKey(KeyOrigin::EnteredByUser));
    assert_eq!((trusted.version(), trusted.algorithm()), ("7", V2));
    assert_eq!(
        described(*other.public_key(), V2, trust),
        Err(TrustError::OtherPublicKey { found: *other.public_key(), pinned: *mine.public_key() })
    );
}

// T-1: the reason says where the key came from, and no two say the same.
#[test]
fn every_origin_is_a_reason_of_its_own() {
    let mine = reader(1);
    let mut told = BTreeSet::new();
    for origin in [
        KeyOrigin::EnteredByUser,
        KeyOrigin::CreatedHere,
        KeyOrigin::SecretStorage,
        KeyOrigin::SharedByVerifiedDevice,
    ] {
        let trust = |backup: BackupDescription<'_>| {
            TrustedBackup::from_decryption_key(backup, &mine, origin, &mut TrustState::new())
        };
        let trusted = described(*mine.public_key(), V2, trust).unwrap();
        assert_eq!(*trusted.reason(), TrustReason::DecryptionKey(origin));
        told.insert(trusted.reason().to_string());
        described(*reader(2).public_key(), V2, trust).unwrap_err();
    }
    assert_eq!(told.len(), 4);
}

/// The MAC key alone authenticates no public key: the writer's key has to pin both (T-2).
#[test]
fn writer_key_pins_public_key_algorithm_and_user() {
    let (mine, other) = (reader(1), reader(2));
    let key = writer_key(&mine);
    let trust = |owner: UserId| {
        move |backup: BackupDescription<'_>| {
            TrustedBackup::from_writer_key(
                backup,
                &writer_key(&reader(1)),
                Some(&owner),
                &mut TrustState::new(),
            )
        }
    };
    let trusted = described(*key.public_key(), V2, trust(user("me"))).unwrap();
    assert_eq!(*trusted.reason(), TrustReason::WriterKey);
    assert!(matches!(
        described(*other.public_key(), V2, trust(user("me"))),
        Err(TrustError::OtherPublicKey { .. })
    ));
    for algorithm in [BackupAlgorithm::V1, BackupAlgorithm::V2(Names::Stable)] {
        assert_eq!(
            described(*key.public_key(), algorithm, trust(user("me"))),
            Err(TrustError::OtherAlgorithm { found: algorithm, pinned: V2 })
        );
    }
    assert!(matches!(
        described(*key.public_key(), V2, trust(user("you"))),
        Err(TrustError::OtherUser { .. })
    ));
}

#[test]
fn writer_writes_to_the_pinned_key_and_not_to_v1() {
    let mine = reader(1);
    let trust = |backup: BackupDescription<'_>| {
        TrustedBackup::from_decryption_key(
            backup,
            &mine,
            KeyOrigin::EnteredByUser,
            &mut TrustState::new(),
        )
        .unwrap()
    };
    let writer = described(*mine.public_key(), V2, trust).writer(mine.mac_key().clone()).unwrap();
    assert_eq!((writer.public_key(), writer.names()), (mine.public_key(), Names::Unstable));
    let v1 = described(*mine.public_key(), BackupAlgorithm::V1, trust);
    assert!(v1.writer(mine.mac_key().clone()).is_none());
}
