//! Signatures on `auth_data`, held against `ruma-signatures` (T-1): what one signs the other takes,
//! and neither takes anything else.

use std::collections::BTreeMap;

use matrix_key_backup_trust::{
    BackupDescription, Ed25519PublicKey, TrustState, TrustedBackup, TrustedSigners,
};
use matrix_key_backup_wire::{AuthData, BackupAlgorithm, Names, UserId};
use proptest::prelude::*;
use ruma_common::{CanonicalJsonObject, CanonicalJsonValue, serde::Base64};
use ruma_signatures::{Ed25519KeyPair, KeyPair as _, PublicKeyMap, sign_json, verify_json};

use super::canonical_json::unsigned_object_with;

const USER: &str = "@me:example.org";
const DEVICE: &str = "DEVICE";
const KEY_ID: &str = "ed25519:DEVICE";
const BACKUP_KEY: &str = "JphPz7v2L6GmjSLH+/GMjUkgvaCZp2dYLAeVC770+DI";

fn key_pair() -> Ed25519KeyPair {
    Ed25519KeyPair::from_der(&Ed25519KeyPair::generate(), DEVICE.to_owned()).unwrap()
}

/// Ours: whether this device's signature makes the backup trusted.
fn trusted(auth_data: &AuthData, key: &Ed25519KeyPair) -> bool {
    let signers = TrustedSigners::of(UserId::new(USER).unwrap())
        .with_verified_device(DEVICE, Ed25519PublicKey::from_slice(&key.public_key()).unwrap());
    let algorithm = BackupAlgorithm::V2(Names::Unstable);
    let backup = BackupDescription { version: "1", algorithm, auth_data };
    TrustedBackup::from_signature(backup, &signers, &mut TrustState::new()).is_ok()
}

/// Ruma's.
fn verified(json: &str, key: &Ed25519KeyPair) -> bool {
    let keys = BTreeMap::from([(KEY_ID.to_owned(), Base64::new(key.public_key().to_vec()))]);
    let object: CanonicalJsonObject = serde_json::from_str(json).unwrap();
    verify_json(&PublicKeyMap::from([(USER.to_owned(), keys)]), &object).is_ok()
}

fn signed_by_ruma(json: &str, key: &Ed25519KeyPair) -> CanonicalJsonObject {
    let mut object = serde_json::from_str(json).unwrap();
    sign_json(USER, key, &mut object).unwrap();
    object
}

fn signed_by_us(json: &str, key: &Ed25519KeyPair) -> AuthData {
    let mut auth_data = AuthData::parse(json).unwrap();
    let signature = key.sign(auth_data.signable().unwrap().as_bytes());
    auth_data.add_signature(USER, KEY_ID, &signature.base64());
    auth_data
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn each_takes_what_the_other_signed(json in unsigned_object_with("public_key", BACKUP_KEY)) {
        let key = key_pair();
        let by_ruma = serde_json::to_string(&signed_by_ruma(&json, &key)).unwrap();
        let by_ruma = AuthData::parse(&by_ruma).unwrap();
        prop_assert!(trusted(&by_ruma, &key));
        let by_us = signed_by_us(&json, &key);
        prop_assert!(trusted(&by_us, &key) && verified(by_us.as_json(), &key));
        // Ed25519 has no random numbers: over the same bytes they are the same.
        prop_assert_eq!(by_us.signatures(), by_ruma.signatures());
        let other = key_pair();
        prop_assert!(!trusted(&by_us, &other) && !verified(by_us.as_json(), &other));
    }

    #[test]
    fn neither_takes_what_was_changed(
        json in unsigned_object_with("public_key", BACKUP_KEY),
        name in "[a-z]{1,3}|public_key|unsigned|é",
    ) {
        let key = key_pair();
        let mut object = signed_by_ruma(&json, &key);
        let value = match &*name {
            "public_key" => "hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo",
            _ => "changed",
        };
        object.insert(name.clone(), CanonicalJsonValue::String(value.to_owned()));
        let changed = serde_json::to_string(&object).unwrap();
        let covered = name != "unsigned";
        prop_assert_eq!(trusted(&AuthData::parse(&changed).unwrap(), &key), !covered);
        prop_assert_eq!(verified(&changed, &key), !covered);
    }
}
