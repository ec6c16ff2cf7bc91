//! Signatures on `auth_data` (T-1) against matrix-sdk-crypto, which signs with its device and, if it
//! has it, the master key.

use matrix_key_backup_trust::{
    BackupDescription, Ed25519PublicKey, SignatureError, Signer, TrustError, TrustReason,
    TrustState, TrustedBackup, TrustedSigners,
};
use matrix_key_backup_wire::{AuthData, BackupAlgorithm, UserId};
use matrix_sdk_crypto::{OlmMachine, store::types::BackupDecryptionKey, types::RoomKeyBackupInfo};
use pollster::FutureExt;
use ruma::{device_id, user_id};
use serde_json::{Value, json};

const USER: &str = "@alice:example.org";
const DEVICE: &str = "JLAFKJWSCS";

/// A device with cross-signing keys of its own.
fn machine() -> OlmMachine {
    let machine = OlmMachine::new(user_id!("@alice:example.org"), device_id!("JLAFKJWSCS"));
    let machine = machine.block_on();
    machine.bootstrap_cross_signing(false).block_on().unwrap();
    machine
}

fn signed_by(machine: &OlmMachine) -> RoomKeyBackupInfo {
    let mut info = BackupDecryptionKey::new().to_backup_info();
    machine.backup_machine().sign_backup(&mut info).block_on().unwrap();
    info
}

fn auth_data(info: &RoomKeyBackupInfo) -> AuthData {
    let info = serde_json::to_value(info).unwrap();
    AuthData::parse(&info["auth_data"].to_string()).unwrap()
}

fn device_key(machine: &OlmMachine) -> Ed25519PublicKey {
    Ed25519PublicKey::from_base64(&machine.identity_keys().ed25519.to_base64()).unwrap()
}

fn master_key(machine: &OlmMachine) -> Ed25519PublicKey {
    let identity = machine.get_identity(user_id!("@alice:example.org"), None).block_on().unwrap();
    let key = identity.unwrap().own().unwrap().master_key().get_first_key().unwrap();
    Ed25519PublicKey::from_base64(&key.to_base64()).unwrap()
}

fn nobody() -> TrustedSigners {
    TrustedSigners::of(UserId::new(USER).unwrap())
}

fn ours(auth_data: &AuthData, signers: &TrustedSigners) -> Result<TrustReason, TrustError> {
    let backup = BackupDescription { version: "1", algorithm: BackupAlgorithm::V1, auth_data };
    let trusted = TrustedBackup::from_signature(backup, signers, &mut TrustState::new())?;
    Ok(trusted.reason().clone())
}

fn sdk_trusts(machine: &OlmMachine, auth_data: &str) -> bool {
    let auth_data: Value = serde_json::from_str(auth_data).unwrap();
    let info = json!({ "algorithm": BackupAlgorithm::V1.as_str(), "auth_data": auth_data });
    let info = serde_json::from_value(info).unwrap();
    machine.backup_machine().verify_backup(info, true).block_on().unwrap().trusted()
}

#[test]
fn we_trust_what_matrix_sdk_crypto_signed() {
    let machine = machine();
    let auth_data = auth_data(&signed_by(&machine));
    assert_eq!(auth_data.signatures().unwrap()[USER].len(), 2);
    let by_device = nobody().with_verified_device(DEVICE, device_key(&machine));
    let by_master = nobody().with_pinned_master_key(master_key(&machine));
    assert!(matches!(
        ours(&auth_data, &by_device),
        Ok(TrustReason::Signature(Signer::VerifiedDevice { .. }))
    ));
    assert_eq!(
        ours(&auth_data, &by_master).unwrap(),
        TrustReason::Signature(Signer::PinnedMasterKey(master_key(&machine)))
    );
}

#[test]
fn neither_trusts_another_device_of_the_same_name() {
    let (machine, other) = (machine(), machine());
    let auth_data = auth_data(&signed_by(&other));
    let signers = nobody()
        .with_verified_master_key(master_key(&machine))
        .with_verified_device(DEVICE, device_key(&machine));
    let refused = ours(&auth_data, &signers).unwrap_err();
    assert!(
        matches!(refused, TrustError::Signature(SignatureError::NoneHolds { .. })),
        "{refused}"
    );
    assert!(!sdk_trusts(&machine, auth_data.as_json()));
}

#[test]
fn neither_trusts_what_was_changed_and_both_what_is_outside() {
    let machine = machine();
    let signers = nobody()
        .with_verified_master_key(master_key(&machine))
        .with_verified_device(DEVICE, device_key(&machine));
    let signed = auth_data(&signed_by(&machine));
    let signed: Value = serde_json::from_str(signed.as_json()).unwrap();
    let changed = |name: &str, value: Value| {
        let mut changed = signed.clone();
        changed[name] = value;
        changed.to_string()
    };
    let other_key = BackupDecryptionKey::new().megolm_v1_public_key().to_base64();
    for (json, holds) in [
        (signed.to_string(), true),
        (changed("unsigned", json!({ "age": 1 })), true),
        (changed("public_key", json!(other_key)), false),
        (changed("org.example.added", json!("é")), false),
    ] {
        let auth_data = AuthData::parse(&json).unwrap();
        assert_eq!(ours(&auth_data, &signers).is_ok(), holds, "{json}");
        assert_eq!(sdk_trusts(&machine, &json), holds, "{json}");
    }
}
