//! Signatures on `auth_data`: which make a backup trusted, and which do not (T-1).
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test"
)]

use ed25519_dalek::{Signer as _, SigningKey};
use matrix_key_backup_primitives::{BackupDecryptionKey, base64};
use matrix_key_backup_trust::{
    BackupDescription, Ed25519PublicKey, SignatureError, SignatureProblem, Signer, StepBack,
    TrustError, TrustReason, TrustState, TrustedBackup, TrustedSigners,
};
use matrix_key_backup_wire::{AuthData, BackupAlgorithm, Names, UserId};
use serde_json::{Value, json};

const V2: BackupAlgorithm = BackupAlgorithm::V2(Names::Unstable);
const USER: &str = "@me:example.org";

fn trust_in(
    auth_data: &AuthData,
    signers: &TrustedSigners,
    state: &mut TrustState,
) -> Result<TrustedBackup, TrustError> {
    let backup = BackupDescription { version: "7", algorithm: V2, auth_data };
    TrustedBackup::from_signature(backup, signers, state)
}

fn trust(auth_data: &AuthData, signers: &TrustedSigners) -> Result<TrustedBackup, SignatureError> {
    trust_in(auth_data, signers, &mut TrustState::new()).map_err(|error| match error {
        TrustError::Signature(error) => error,
        other => panic!("{other}"),
    })
}

fn user(name: &str) -> UserId {
    UserId::new(name).unwrap()
}

fn public(key: &SigningKey) -> Ed25519PublicKey {
    Ed25519PublicKey::from_slice(key.verifying_key().as_bytes()).unwrap()
}

fn auth_data() -> AuthData {
    AuthData::new(BackupDecryptionKey::from_slice(&[1; 32]).unwrap().public_key())
}

fn sign(auth_data: &mut AuthData, user_id: &str, key_id: &str, key: &SigningKey) {
    let signature = key.sign(auth_data.signable().unwrap().as_bytes());
    auth_data.add_signature(user_id, key_id, &base64::encode_unpadded(&signature.to_bytes()));
}

/// Three keys of the user, and the set that trusts them.
struct Keys {
    master: SigningKey,
    pinned: SigningKey,
    device: SigningKey,
}

impl Keys {
    fn new() -> Self {
        let key = |fill| SigningKey::from_bytes(&[fill; 32]);
        Self { master: key(1), pinned: key(2), device: key(3) }
    }

    fn signers(&self) -> TrustedSigners {
        TrustedSigners::of(user(USER))
            .with_verified_master_key(public(&self.master))
            .with_pinned_master_key(public(&self.pinned))
            .with_verified_device("DEVICE", public(&self.device))
    }

    fn all(&self) -> [(&SigningKey, Signer); 3] {
        let signers: Vec<_> = self.signers().iter().cloned().collect();
        let [master, pinned, device] = signers.try_into().unwrap();
        [(&self.master, master), (&self.pinned, pinned), (&self.device, device)]
    }
}

fn file() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/auth-data/signatures.json");
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// What was signed by other means, and what such a signature was changed into.
#[test]
fn signatures_of_others_are_judged_as_expected() {
    let file = file();
    let text = |name: &str| file[name].as_str().unwrap();
    let key = |name| Ed25519PublicKey::from_base64(text(name)).unwrap();
    let signers = TrustedSigners::of(user(text("user_id")))
        .with_verified_master_key(key("master_key"))
        .with_verified_device(text("device_id"), key("device_key"));
    let cases = file["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 22);
    for case in cases {
        let auth_data = AuthData::parse(case["auth_data_raw"].as_str().unwrap()).unwrap();
        let found = match trust(&auth_data, &signers) {
            Ok(trusted) => match trusted.reason() {
                TrustReason::Signature(Signer::VerifiedMasterKey(_)) => "master",
                TrustReason::Signature(Signer::VerifiedDevice { .. }) => "device",
                other => panic!("{other:?}"),
            },
            Err(SignatureError::Unsigned) => "unsigned",
            Err(SignatureError::ByOthers { .. }) => "by others",
            Err(SignatureError::NoneHolds { rejected, .. }) => match rejected[0].problem {
                SignatureProblem::Wrong => "wrong",
                SignatureProblem::Malformed => "malformed",
                other => panic!("{other:?}"),
            },
            Err(other) => panic!("{other}"),
        };
        assert_eq!(found, case["expected"], "{}", case["id"]);
    }
}

#[test]
fn each_trusted_key_suffices_alone_and_is_named() {
    let keys = Keys::new();
    for (key, signer) in keys.all() {
        let mut auth_data = auth_data();
        sign(&mut auth_data, USER, &signer.key_id(), key);
        let trusted = trust(&auth_data, &keys.signers()).unwrap();
        assert_eq!(*trusted.reason(), TrustReason::Signature(signer.clone()));
        assert_eq!(trusted.public_key(), auth_data.public_key());
        assert!(trusted.rejected_signatures().is_empty());
        let named = match &signer {
            Signer::VerifiedDevice { device_id, .. } => device_id.clone(),
            _ => public(key).to_string(),
        };
        assert!(trusted.reason().to_string().contains(&named), "{}", trusted.reason());
    }
}

#[test]
fn first_of_several_in_the_callers_order_is_the_reason() {
    let keys = Keys::new();
    let mut auth_data = auth_data();
    for (key, signer) in keys.all().into_iter().rev() {
        sign(&mut auth_data, USER, &signer.key_id(), key);
        assert_eq!(
            *trust(&auth_data, &keys.signers()).unwrap().reason(),
            TrustReason::Signature(signer)
        );
    }
}

#[test]
fn wrong_signature_is_reported_beside_one_that_holds() {
    let keys = Keys::new();
    let mut auth_data = auth_data();
    let [(_, master), _, (device_key, device)] = keys.all();
    sign(&mut auth_data, USER, &device.key_id(), device_key);
    for (signature, problem) in
        [("A".repeat(86), SignatureProblem::Wrong), ("?".into(), SignatureProblem::Malformed)]
    {
        auth_data.add_signature(USER, &master.key_id(), &signature);
        let trusted = trust(&auth_data, &keys.signers()).unwrap();
        assert_eq!(*trusted.reason(), TrustReason::Signature(device.clone()));
        let [rejected] = trusted.rejected_signatures() else { panic!("{trusted:?}") };
        assert_eq!((&rejected.signer, rejected.problem), (&master, problem));
    }
}

// T-1: a key vouches under its own name and its own user only.
#[test]
fn names_are_part_of_what_is_trusted() {
    let keys = Keys::new();
    let [(master, master_signer), _, (device, device_signer)] = keys.all();
    for (user_id, key_id, key) in [
        ("@you:example.org", device_signer.key_id(), device),
        ("@me:example.org ", device_signer.key_id(), device),
        (USER, "ed25519:OTHER".into(), device),
        (USER, "DEVICE".into(), device),
        (USER, "curve25519:DEVICE".into(), device),
        (USER, format!("ed25519:{}", public(device)), device),
        (USER, "ed25519:DEVICE2".into(), master),
    ] {
        let mut auth_data = auth_data();
        sign(&mut auth_data, user_id, &key_id, key);
        let error = trust(&auth_data, &keys.signers()).unwrap_err();
        let SignatureError::ByOthers { found, more: 0, .. } = &error else { panic!("{error}") };
        assert_eq!((&*found[0].user_id, &found[0].key_id), (user_id, &key_id));
        assert!(error.to_string().contains(&format!("{key_id:?} of {user_id:?}")), "{error}");
    }
    // The right name, and the key of another of the user's names.
    let mut auth_data = auth_data();
    sign(&mut auth_data, USER, &master_signer.key_id(), device);
    let error = trust(&auth_data, &keys.signers()).unwrap_err();
    assert!(matches!(error, SignatureError::NoneHolds { .. }), "{error}");
    assert!(error.to_string().contains(&public(master).to_string()), "{error}");
}

#[test]
fn without_a_trusted_key_nothing_is_trusted() {
    let nobody = TrustedSigners::of(user(USER));
    let keys = Keys::new();
    let mut auth_data = auth_data();
    assert_eq!(trust(&auth_data, &nobody), Err(SignatureError::Unsigned));
    sign(&mut auth_data, USER, "ed25519:DEVICE", &keys.device);
    assert!(matches!(trust(&auth_data, &nobody), Err(SignatureError::ByOthers { .. })));
}

/// Signed `auth_data` with all that canonical JSON has to carry.
fn rich(keys: &Keys) -> AuthData {
    let json = json!({
        "public_key": auth_data().public_key().to_base64(),
        "org.example.nested": { "é": [1, -2, null, true, { "日本": "\u{1f511}\"\\/\u{7}" }] },
        "unsigned": { "age": 1 },
    });
    let mut auth_data = AuthData::parse(&json.to_string()).unwrap();
    sign(&mut auth_data, USER, "ed25519:DEVICE", &keys.device);
    auth_data
}

// T-1: whatever byte is changed, what is trusted is what was signed.
#[test]
fn no_change_of_a_byte_is_trusted() {
    let keys = Keys::new();
    let original = rich(&keys);
    let signed = original.signable().unwrap();
    let signature = original.signatures().unwrap()[USER]["ed25519:DEVICE"].clone();
    let text = original.as_json().as_bytes();
    let (mut readable, mut trusted) = (0, 0);
    for at in 0..text.len() {
        for change in [1, 2, 4, 8, 16, 32, 64, 128] {
            let mut text = text.to_vec();
            text[at] ^= change;
            let Ok(text) = String::from_utf8(text) else { continue };
            let Ok(auth_data) = AuthData::parse(&text) else { continue };
            readable += 1;
            if trust(&auth_data, &keys.signers()).is_ok() {
                trusted += 1;
                assert_eq!(auth_data.signable().unwrap(), signed, "{text}");
                assert_eq!(auth_data.signatures().unwrap()[USER]["ed25519:DEVICE"], signature);
            }
        }
    }
    // Only what stands in `unsigned` may change.
    assert!(readable > 1000 && (1..60).contains(&trusted), "{readable} {trusted}");
}

#[test]
fn no_changed_bit_of_signature_or_key_is_trusted() {
    let keys = Keys::new();
    let original = rich(&keys);
    let signature = &original.signatures().unwrap()[USER]["ed25519:DEVICE"];
    let signature = base64::decode_unpadded(signature).unwrap();
    for bit in 0..512 {
        let mut changed = signature.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        let mut auth_data = original.clone();
        auth_data.add_signature(USER, "ed25519:DEVICE", &base64::encode_unpadded(&changed));
        let error = trust(&auth_data, &keys.signers()).unwrap_err();
        assert!(matches!(error, SignatureError::NoneHolds { .. }), "{bit}: {error}");
    }
    let mut other_keys = 0;
    for bit in 0..256 {
        let mut key = *keys.device.verifying_key().as_bytes();
        key[bit / 8] ^= 1 << (bit % 8);
        let Ok(key) = Ed25519PublicKey::from_slice(&key) else { continue };
        let signers = TrustedSigners::of(user(USER)).with_verified_device("DEVICE", key);
        assert!(matches!(trust(&original, &signers), Err(SignatureError::NoneHolds { .. })));
        other_keys += 1;
    }
    assert!(other_keys > 80, "{other_keys}");
}

// V2-13: what nobody can sign is said to be that, and not to be forged.
#[test]
fn what_canonical_json_cannot_carry_is_not_signed() {
    let keys = Keys::new();
    let signature = rich(&keys).signatures().unwrap()[USER]["ed25519:DEVICE"].clone();
    let json = json!({
        "public_key": auth_data().public_key().to_base64(),
        "x": 0.5,
        "signatures": { USER: { "ed25519:DEVICE": signature } },
    });
    let auth_data = AuthData::parse(&json.to_string()).unwrap();
    let error = trust(&auth_data, &keys.signers()).unwrap_err();
    assert!(matches!(error, SignatureError::NotSignable(_)), "{error}");
}

// T-4: a signature is no exception; nobody signs the version or the algorithm.
#[test]
fn signed_backup_that_was_left_behind_is_refused() {
    let keys = Keys::new();
    let signed = rich(&keys);
    let mut state = TrustState::new();
    trust_in(&signed, &keys.signers(), &mut state).unwrap();
    for (version, algorithm, how) in [
        ("6", V2, StepBack::OlderVersion),
        ("8", BackupAlgorithm::V1, StepBack::LowerAlgorithm),
        ("7", BackupAlgorithm::V1, StepBack::ChangedInPlace),
    ] {
        let backup = BackupDescription { version, algorithm, auth_data: &signed };
        let error = TrustedBackup::from_signature(backup, &keys.signers(), &mut state).unwrap_err();
        assert!(matches!(&error, TrustError::WentBack(back) if back.how == how), "{error}");
    }
}

// The server names as many signers as it likes, with any characters, of any length.
#[test]
fn error_shows_a_few_names_and_no_control_character() {
    let keys = Keys::new();
    let mut auth_data = auth_data();
    for number in 0..40 {
        let key_id = format!("ed25519:\u{1b}[2J\u{202e}{number}{}", "x".repeat(10_000));
        auth_data.add_signature("@mallory:example.org", &key_id, "");
    }
    let error = trust(&auth_data, &keys.signers()).unwrap_err();
    let shown = error.to_string();
    assert!(shown.contains("and 32 more") && shown.len() < 3000, "{shown}");
    assert!(!shown.contains(['\u{1b}', '\u{202e}']), "{shown}");
}

mod keys {
    use matrix_key_backup_trust::Ed25519KeyError;

    use super::*;

    fn read(hexadecimal: &str) -> Result<Ed25519PublicKey, Ed25519KeyError> {
        let byte = |at| u8::from_str_radix(&hexadecimal[at..at + 2], 16).unwrap();
        let bytes: Vec<u8> = (0..hexadecimal.len()).step_by(2).map(byte).collect();
        Ed25519PublicKey::from_slice(&bytes)
    }

    // Under such a key anybody can sign.
    #[test]
    fn points_of_small_order_are_refused() {
        let zeros = "0".repeat(60);
        for key in [
            format!("01{zeros}00"),             // order 1
            format!("ec{}7f", "ff".repeat(30)), // order 2
            format!("00{zeros}00"),             // order 4
            format!("00{zeros}80"),             // order 4
            "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05".into(), // order 8
            "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85".into(),
            "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a".into(),
            "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa".into(),
        ] {
            assert_eq!(read(&key), Err(Ed25519KeyError::SmallOrder), "{key}");
        }
    }

    // One point, one text: y of p + 3, which some take for 3.
    #[test]
    fn points_in_another_form_are_refused() {
        let three = format!("03{}00", "00".repeat(30));
        let three_again = format!("f0{}7f", "ff".repeat(30));
        read(&three).unwrap();
        assert_eq!(read(&three_again), Err(Ed25519KeyError::NotAPoint));
        assert_eq!(read(&format!("02{}00", "00".repeat(30))), Err(Ed25519KeyError::NotAPoint));
    }

    #[test]
    fn key_is_32_bytes_of_unpadded_base64() {
        let key = public(&Keys::new().master);
        assert_eq!(Ed25519PublicKey::from_base64(&key.to_base64()), Ok(key));
        assert_eq!(format!("{key:?}"), format!("Ed25519PublicKey({})", key.to_base64()));
        let padded = key.to_base64() + "=";
        for text in [&*padded, "", "AA==", "?", &key.to_base64().replace('A', "-")] {
            Ed25519PublicKey::from_base64(text).unwrap_err();
        }
        for length in [0, 31, 33, 64] {
            let error = Ed25519PublicKey::from_slice(&vec![1; length]).unwrap_err();
            assert!(matches!(error, Ed25519KeyError::Length { found, .. } if found == length));
        }
    }
}
