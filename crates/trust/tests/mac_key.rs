//! How far a MAC key is known to be a backup's, over restarts (T-5).
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test"
)]

use std::collections::BTreeSet;

use matrix_key_backup_primitives::{BackupDecryptionKey, BackupMacKey};
use matrix_key_backup_trust::{
    BackupDescription, KeyOrigin,
    MacKeyStatus::{self, Confirmed, Unconfirmed},
    TrustState, TrustedBackup,
};
use matrix_key_backup_v2::BackupReader;
use matrix_key_backup_wire::{AuthData, BackupAlgorithm, Names};

fn mac_key(fill: u8) -> BackupMacKey {
    BackupMacKey::from_slice(&[fill; 32]).unwrap()
}

fn backup(version: &str, fill: u8) -> TrustedBackup {
    trusted_by(version, fill, &mut TrustState::new())
}

fn trusted_by(version: &str, fill: u8, state: &mut TrustState) -> TrustedBackup {
    let reader = BackupReader::new(BackupDecryptionKey::from_slice(&[fill; 32]).unwrap());
    let auth_data = AuthData::new(*reader.public_key());
    let algorithm = BackupAlgorithm::V2(Names::Unstable);
    let backup = BackupDescription { version, algorithm, auth_data: &auth_data };
    TrustedBackup::from_decryption_key(backup, &reader, KeyOrigin::EnteredByUser, state).unwrap()
}

fn kept_and_read(state: &TrustState) -> TrustState {
    serde_json::from_str(&serde_json::to_string(state).unwrap()).unwrap()
}

#[test]
fn status_lasts_over_a_restart() {
    let (backup, key) = (backup("1", 1), mac_key(9));
    let mut state = TrustState::new();
    assert_eq!(state.mac_key_status(&backup, &key), None);
    state.mark_mac_key_unconfirmed(&backup, &key);
    state = kept_and_read(&state);
    assert_eq!(state.mac_key_status(&backup, &key), Some(Unconfirmed));
    state.confirm_mac_key(&backup, &key);
    state = kept_and_read(&state);
    assert_eq!(state.mac_key_status(&backup, &key), Some(Confirmed));
    // What was confirmed is not forgotten because a backup was found empty again.
    state.mark_mac_key_unconfirmed(&backup, &key);
    assert_eq!(state.mac_key_status(&backup, &key), Some(Confirmed));
}

// T-5: MAC key and public key follow from one secret, so the status holds for every version.
#[test]
fn status_is_of_one_key_under_one_public_key() {
    let mut state = TrustState::new();
    state.confirm_mac_key(&backup("1", 1), &mac_key(9));
    let status = |version, fill, key| -> Option<MacKeyStatus> {
        state.mac_key_status(&backup(version, fill), &mac_key(key))
    };
    assert_eq!(status("1", 1, 9), Some(Confirmed));
    assert_eq!(status("2", 1, 9), Some(Confirmed));
    assert_eq!([status("1", 2, 9), status("1", 1, 8)], [None; 2]);
}

// T-5: empty versions cost the server nothing. What this device wrote into one of them confirms
// nothing in any other either, whereto the server may have copied it.
#[test]
fn no_number_of_empty_versions_makes_a_mark_forgotten() {
    let (mut state, stale) = (TrustState::new(), mac_key(9));
    for version in 1..100 {
        state.mark_mac_key_unconfirmed(&backup(&version.to_string(), 1), &stale);
    }
    for version in ["1", "50", "100"] {
        assert_eq!(state.mac_key_status(&backup(version, 1), &stale), Some(Unconfirmed));
    }
    assert_eq!(kept_and_read(&state), state);
}

// T-5: where the state is full of one public key, what it does not know is unconfirmed.
#[test]
fn keys_of_one_public_key_are_not_forgotten() {
    let backup = backup("1", 1);
    let mut state = TrustState::new();
    for key in 0..16 {
        assert_eq!(state.mac_key_status(&backup, &mac_key(key)), None, "{key}");
        state.mark_mac_key_unconfirmed(&backup, &mac_key(key));
    }
    for key in 16..100 {
        state.mark_mac_key_unconfirmed(&backup, &mac_key(key));
    }
    let is = |state: &TrustState, key, status| {
        assert_eq!(state.mac_key_status(&backup, &mac_key(key)), Some(status), "{key}");
    };
    (0..100).for_each(|key| is(&state, key, Unconfirmed));
    // To be confirmed there is room, and who has to make it is no less unconfirmed than before.
    state.confirm_mac_key(&backup, &mac_key(50));
    state = kept_and_read(&state);
    is(&state, 50, Confirmed);
    (0..50).chain(51..100).for_each(|key| is(&state, key, Unconfirmed));
}

// T-5: room is made by public keys that were left behind; not by that of the last trusted backup.
#[test]
fn marks_of_the_last_trusted_backup_are_kept() {
    let mut state = TrustState::new();
    let last = trusted_by("1", 1, &mut state);
    state.mark_mac_key_unconfirmed(&last, &mac_key(9));
    for fill in 2..100 {
        state.mark_mac_key_unconfirmed(&backup("1", fill), &mac_key(9));
    }
    assert_eq!(state.mac_key_status(&last, &mac_key(9)), Some(Unconfirmed));
    assert_eq!(state.mac_key_status(&backup("1", 99), &mac_key(9)), Some(Unconfirmed));
    assert_eq!(state.mac_key_status(&backup("1", 84), &mac_key(9)), None, "the oldest go");
    assert_eq!(kept_and_read(&state), state);
    // And where it has taken all the room, no other is taken for tried.
    let mut state = TrustState::new();
    let last = trusted_by("1", 1, &mut state);
    (0..16).for_each(|key| state.mark_mac_key_unconfirmed(&last, &mac_key(key)));
    let full = state.clone();
    state.confirm_mac_key(&backup("2", 2), &mac_key(9));
    assert_eq!(state, full);
    assert_eq!(state.mac_key_status(&backup("2", 2), &mac_key(9)), Some(Unconfirmed));
}

// K-5: the state may lie about; no key is in it, and what stands for one looks random.
#[test]
fn state_holds_no_secret() {
    let mut state = TrustState::new();
    let mut fingerprints = BTreeSet::new();
    for (version, fill, key) in [("1", 1, 9), ("1", 1, 8), ("2", 2, 8), ("1", 2, 9)] {
        state.confirm_mac_key(&backup(version, fill), &mac_key(key));
        let kept = serde_json::to_value(&state).unwrap();
        let newest = kept["mac_keys"].as_array().unwrap().last().unwrap().clone();
        fingerprints.insert(newest["fingerprint"].as_str().unwrap().to_owned());
    }
    assert_eq!(fingerprints.len(), 4);
    let shown = format!("{state:?}{}", serde_json::to_string(&state).unwrap());
    for key in [mac_key(9), mac_key(8)] {
        let secret = key.expose_base64();
        assert!(!shown.contains(secret.as_str()) && !shown.contains("9, 9, 9, 9"));
    }
}

// It must be no MAC that an entry could bear: those are over JSON objects.
#[test]
fn fingerprint_is_that_of_the_documented_message() {
    let mut state = TrustState::new();
    let (backup, key) = (backup("7", 1), mac_key(9));
    state.confirm_mac_key(&backup, &key);
    let mut message = b"io.github.matrix_key_backup.mac_key_fingerprint\0".to_vec();
    message.extend(backup.public_key().as_bytes());
    let kept = serde_json::to_value(&state).unwrap();
    assert_eq!(kept["mac_keys"][0]["fingerprint"], key.mac(&message).to_base64());
    assert_ne!(message[0], b'{');
}
