//! Secret storage (S) by way of Ruma's events: what one side wrote, the other reads.

use matrix_key_backup_primitives::BackupDecryptionKey;
use matrix_key_backup_ruma::{
    DescribedKeyError, account_data_event_from_ruma, account_data_event_to_ruma,
    default_key_from_ruma, default_key_to_ruma, described_key_from_ruma, described_key_to_ruma,
    secret_content_from_ruma, secret_content_to_ruma,
};
use matrix_key_backup_secret_storage::{
    AccountData, AccountDataEvent, DescribedKey, Iterations, KeyCheck, KeyDescription,
    KeyDescriptionError, KeyId, NewKey, Passphrase, SecretContent, SecretStorageKey,
};
use matrix_key_backup_wire::DECRYPTION_KEY_SECRET;
use rand_core::UnwrapErr;
use ruma_common::serde::{Base64, Raw};
use ruma_events::{
    AnyGlobalAccountDataEvent, EventContentFromType,
    secret_storage::{
        key::{
            SecretStorageEncryptionAlgorithm, SecretStorageKeyEventContent,
            SecretStorageV1AesHmacSha2Properties,
        },
        secret::{AesHmacSha2EncryptedData, SecretEncryptedData, SecretEventContent},
    },
};
use serde_json::{Value, json, value::to_raw_value};

const ALGORITHM: &str = "m.secret_storage.v1.aes-hmac-sha2";

fn vectors() -> Value {
    let path = format!("{}/../../testdata/vectors/accounts.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn rng() -> UnwrapErr<getrandom::SysRng> {
    UnwrapErr(getrandom::SysRng)
}

fn ruma_key(id: &str, content: &Value) -> serde_json::Result<SecretStorageKeyEventContent> {
    let event_type = format!("m.secret_storage.key.{id}");
    SecretStorageKeyEventContent::from_parts(&event_type, &to_raw_value(content).unwrap())
}

/// A whole account, as a sync answers, through Ruma's typed contents.
#[test]
fn an_account_is_unlocked_by_way_of_ruma() {
    let mut unlocked = 0;
    for scenario in vectors()["scenarios"].as_array().unwrap() {
        let events: Vec<Value> = scenario["account_data"]
            .as_object()
            .unwrap()
            .iter()
            .map(|(event_type, content)| json!({"type": event_type, "content": content}))
            .collect();
        let events: Vec<Raw<AnyGlobalAccountDataEvent>> =
            serde_json::from_value(events.into()).unwrap();
        let raw: AccountData =
            events.iter().map(|event| account_data_event_from_ruma(event).unwrap()).collect();
        let recovery_key = scenario["ssss_recovery_key"].as_str().unwrap();
        let key = || SecretStorageKey::from_base58(recovery_key).unwrap();

        let mut typed = (None, None, None);
        for event in &events {
            match event.deserialize().unwrap() {
                AnyGlobalAccountDataEvent::SecretStorageDefaultKey(event) => {
                    typed.0 = Some(default_key_from_ruma(&event.content).unwrap());
                }
                AnyGlobalAccountDataEvent::SecretStorageKey(event) => {
                    typed.1 = Some(described_key_from_ruma(&event.content).unwrap());
                }
                other if other.event_type().to_string() == DECRYPTION_KEY_SECRET => {
                    let content = event.get_field::<SecretEventContent>("content");
                    let content = content.unwrap().unwrap();
                    typed.2 = Some(secret_content_from_ruma(&content).unwrap());
                }
                _ => {}
            }
        }
        let (default, described, secret) = typed;
        assert_eq!(default, Some(raw.default_key_id().unwrap()));
        for (described, secret) in [
            (described.unwrap(), secret.unwrap()),
            (raw.default_key().unwrap(), raw.secret(DECRYPTION_KEY_SECRET).unwrap()),
        ] {
            let opened = described.open(key()).unwrap();
            assert_eq!(opened.check(), KeyCheck::Fits);
            let stored = opened.decrypt(DECRYPTION_KEY_SECRET, &secret).unwrap();
            assert_eq!(stored.expose_text(), Ok(scenario["decryption_key"].as_str().unwrap()));
            unlocked += 1;
        }
    }
    assert!(unlocked >= 4);
}

#[test]
fn what_we_make_is_what_ruma_makes() {
    let passphrase = Passphrase::new(String::from("x"));
    let iterations = Iterations::new(7).unwrap();
    let new_key = NewKey::from_passphrase(&passphrase, iterations, Some("name"), &mut rng());
    let content = described_key_to_ruma(new_key.described()).unwrap();
    let id = new_key.opened().id();
    assert_eq!((&*content.key_id, content.name.as_deref()), (id.as_str(), Some("name")));
    let info = content.passphrase.as_ref().unwrap();
    assert_eq!((u64::from(info.iterations), u64::from(info.bits)), (7, 256));
    let ours: Value = serde_json::from_str(new_key.event().content()).unwrap();
    assert_eq!(serde_json::to_value(&content).unwrap(), ours);
    let SecretStorageEncryptionAlgorithm::V1AesHmacSha2(properties) = &content.algorithm else {
        panic!("{:?}", content.algorithm);
    };
    assert_eq!(properties.iv.as_ref().unwrap().as_bytes().len(), 16);
    let again = described_key_from_ruma(&content).unwrap();
    assert_eq!(again.open_with_passphrase(&passphrase).unwrap().check(), KeyCheck::Fits);

    let default = default_key_to_ruma(id);
    assert_eq!(default_key_from_ruma(&default).as_ref(), Ok(id));
    let ours: Value = serde_json::from_str(new_key.default_key_event().content()).unwrap();
    assert_eq!(serde_json::to_value(&default).unwrap(), ours);

    let backup = BackupDecryptionKey::from_slice(&[8; 32]).unwrap();
    let mut secret = SecretContent::new();
    new_key.opened().store_decryption_key(&backup, &mut secret, &mut rng()).unwrap();
    let content = secret_content_to_ruma(&secret);
    let entry = &content.encrypted[id.as_str()];
    let entry = SecretEncryptedData::deserialize_as_aes_hmac_sha2(entry).unwrap();
    assert_eq!((entry.iv.as_bytes().len(), entry.ciphertext.as_bytes().len()), (16, 43));
    assert_eq!(secret_content_from_ruma(&content), Ok(secret));
}

#[test]
fn what_ruma_makes_is_read() {
    // An entry of its own types, written by way of its own base64.
    let base64 = |bytes: &[u8]| Base64::new(bytes.to_vec());
    let entry = AesHmacSha2EncryptedData::new(base64(&[1; 16]), base64(b"x"), base64(&[2; 32]));
    let entry = SecretEncryptedData::serialize(&entry).unwrap();
    let content = SecretEventContent::new([("abc".to_owned(), entry)].into());
    let secret = secret_content_from_ruma(&content).unwrap();
    assert_eq!(secret.key_ids().collect::<Vec<_>>(), ["abc"]);

    let properties =
        SecretStorageV1AesHmacSha2Properties::new(Some(base64(&[1; 16])), Some(base64(&[2; 32])));
    let algorithm = SecretStorageEncryptionAlgorithm::V1AesHmacSha2(properties);
    let content = SecretStorageKeyEventContent::new("abc".to_owned(), algorithm);
    let described = described_key_from_ruma(&content).unwrap();
    assert_eq!(described.id().as_str(), "abc");
    let key = SecretStorageKey::from_slice(&[3; 32]).unwrap();
    described.description().check(&key).unwrap_err();
}

#[test]
fn errors_of_descriptions() {
    let of = |id, content: Value| described_key_from_ruma(&ruma_key(id, &content).unwrap());
    let error = of("", json!({"algorithm": ALGORITHM})).unwrap_err();
    assert!(matches!(error, DescribedKeyError::EmptyKeyId(_)), "{error}");
    let error = of("abc", json!({"algorithm": "m.secret_storage.v2"})).unwrap_err();
    assert!(std::error::Error::source(&error).is_none(), "its message says it all");
    assert!(matches!(
        error,
        DescribedKeyError::KeyDescription(KeyDescriptionError::UnsupportedAlgorithm { .. })
    ));
    let content = serde_json::from_str::<SecretEventContent>(
        r#"{"encrypted": {"abc": {"iv": "", "iv": ""}}}"#,
    );
    secret_content_from_ruma(&content.unwrap()).unwrap_err();
}

#[test]
fn events_go_both_ways_text_for_text() {
    let text = r#"{"type":"m.secret_storage.key.abc","content":{"iv": "AA==", "x":1.50}}"#;
    let event: AccountDataEvent = serde_json::from_str(text).unwrap();
    let raw = account_data_event_to_ruma(&event).unwrap();
    assert_eq!(raw.json().get(), text);
    assert_eq!(account_data_event_from_ruma(&raw).unwrap(), event);
    let nothing = Raw::from_json_string(String::from("{}")).unwrap();
    account_data_event_from_ruma(&nothing).unwrap_err();
}

/// Traps: where Ruma's types lose something, or refuse more than they need to. Each of these fails
/// on the day Ruma mends it.
mod traps {
    use super::*;

    fn description() -> Value {
        json!({"algorithm": ALGORITHM, "iv": "AAAAAAAAAAAAAAAAAAAAAA",
            "mac": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"})
    }

    #[test]
    fn unknown_properties_are_dropped() {
        let mut content = description();
        content["org.example"] = json!(1);
        let typed = ruma_key("abc", &content).unwrap();
        assert_eq!(serde_json::to_value(typed).unwrap(), description());
    }

    #[test]
    fn base64_is_normalised() {
        let mut content = description();
        content["iv"] = json!("AAAAAAAAAAAAAAAAAAAAAB");
        KeyDescription::parse(&content.to_string()).unwrap_err();
        let typed = ruma_key("abc", &content).unwrap();
        assert_eq!(serde_json::to_value(typed).unwrap(), description());
    }

    /// A passphrase that nobody can use keeps those out who have the key itself.
    #[test]
    fn a_hostile_passphrase_hides_the_whole_key() {
        let mut content = description();
        content["passphrase"] =
            json!({"algorithm": "m.pbkdf2", "salt": "", "iterations": 1_u64 << 60});
        ruma_key("abc", &content).unwrap_err();
        let ours = KeyDescription::parse(&content.to_string()).unwrap();
        ours.passphrase().unwrap_err();
        let described = DescribedKey::new(KeyId::new("abc").unwrap(), ours);
        described_key_to_ruma(&described).unwrap_err();
    }

    /// A known algorithm with a malformed property becomes an unknown algorithm of the same name.
    #[test]
    fn a_malformed_check_becomes_a_custom_algorithm() {
        let mut content = description();
        content["mac"] = json!(5);
        let typed = ruma_key("abc", &content).unwrap();
        let known = matches!(typed.algorithm, SecretStorageEncryptionAlgorithm::V1AesHmacSha2(_));
        assert!(!known && typed.algorithm.algorithm() == ALGORITHM);
        let error = described_key_from_ruma(&typed).unwrap_err();
        assert!(error.to_string().contains("`mac` must be a string"), "{error}");
    }
}
