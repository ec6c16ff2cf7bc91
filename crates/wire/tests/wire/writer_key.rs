//! What a write-only device is handed (K-6).

use matrix_key_backup_primitives::{BackupDecryptionKey, BackupMacKey};
use matrix_key_backup_wire::{
    BackupAlgorithm, Names, PropertyError, UserId, WriterKey, WriterKeyError,
};
use serde_json::{Value, json};

fn user() -> UserId {
    UserId::new("@\"ü:example.org").unwrap()
}

fn writer_key(names: Names) -> WriterKey {
    let key = BackupDecryptionKey::from_slice(&[7; 32]).unwrap();
    WriterKey::new(user(), names, key.public_key(), key.mac_key())
}

fn value() -> Value {
    let key = writer_key(Names::Unstable);
    serde_json::from_str(&key.expose_json()).unwrap()
}

// K-6
#[test]
fn round_trip() {
    let decryption_key = BackupDecryptionKey::from_slice(&[7; 32]).unwrap();
    for names in Names::ALL {
        let key = WriterKey::from_json(&writer_key(names).expose_json()).unwrap();
        assert_eq!(key, writer_key(names));
        assert_eq!((key.user_id(), key.algorithm()), (&user(), BackupAlgorithm::V2(names)));
        assert_eq!(*key.public_key(), decryption_key.public_key());
        assert_eq!(*key.backup_mac_key(), decryption_key.mac_key());
    }
    let names: Vec<_> = value().as_object().unwrap().keys().cloned().collect();
    assert_eq!(names.len(), 4);
    for name in ["user_id", "algorithm", "public_key", "backup_mac_key"] {
        assert!(value()[name].is_string(), "{name}");
    }
}

// K-4: readers accept padding.
#[test]
fn keys_may_be_padded() {
    let mut value = value();
    let padded = value["backup_mac_key"].as_str().unwrap().to_owned() + "=";
    value["backup_mac_key"] = padded.into();
    value["more"] = json!(1.5);
    let key = WriterKey::from_json(&value.to_string()).unwrap();
    assert_eq!(key, writer_key(Names::Unstable));
}

#[test]
fn what_is_wrong_is_named() {
    for name in ["user_id", "algorithm", "public_key", "backup_mac_key"] {
        let mut without = value();
        without.as_object_mut().unwrap().remove(name);
        assert_eq!(
            WriterKey::from_json(&without.to_string()).unwrap_err().to_string(),
            format!("writer key: `{name}` is missing")
        );
        for wrong in [json!(null), json!(1), json!(["x"]), json!("")] {
            let mut other = value();
            other[name] = wrong;
            let message = WriterKey::from_json(&other.to_string()).unwrap_err().to_string();
            assert!(message.contains(name) || message.contains("algorithm"), "{message}");
        }
    }
    let mut other = value();
    other["algorithm"] = json!("m.backup.v9");
    assert!(matches!(
        WriterKey::from_json(&other.to_string()),
        Err(WriterKeyError::Algorithm(error)) if error.name == "m.backup.v9"
    ));
    // A v1 backup has no MAC, so a writer key would be good for nothing. // K-6
    other["algorithm"] = json!("m.megolm_backup.v1.curve25519-aes-sha2");
    let refused = WriterKey::from_json(&other.to_string());
    assert_eq!(refused, Err(WriterKeyError::NoMac));
    assert!(matches!(
        WriterKey::from_json("[]"),
        Err(WriterKeyError::Property(PropertyError::NotAnObject { .. }))
    ));
    let text = value().to_string().replacen('{', r#"{"public_key":"x","#, 1);
    assert!(matches!(WriterKey::from_json(&text), Err(WriterKeyError::Json(_))));
}

// A key that is too short or too long is named, and nothing of it is shown. // K-5
#[test]
fn errors_show_no_key() {
    let secret = BackupMacKey::from_slice(&[7; 31]);
    assert!(secret.is_err());
    for bad in ["c2VjcmV0", "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0", "c2VjcmV0!"] {
        let mut other = value();
        other["backup_mac_key"] = json!(bad);
        let error = WriterKey::from_json(&other.to_string()).unwrap_err();
        assert!(matches!(error, WriterKeyError::Key { property: "backup_mac_key", .. }));
        assert!(!format!("{error} {error:?}").contains("c2Vj"));
    }
}
