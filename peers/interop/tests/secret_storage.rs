//! Secret storage (S) against matrix-sdk-crypto's: keys, descriptions and secrets.

use std::fmt::Debug;

use matrix_key_backup_primitives::BackupDecryptionKey;
use matrix_key_backup_secret_storage::{
    DescribedKey, Iterations, KeyCheck, KeyDescription, KeyId, NewKey, Passphrase, SecretContent,
    SecretStorageKey,
};
use matrix_key_backup_wire::{AuthData, DECRYPTION_KEY_SECRET};
use matrix_sdk_crypto::secret_storage::{
    AesHmacSha2EncryptedData, DecodeError, SecretStorageKey as SdkStorageKey,
};
use rand::{RngExt, rng};
use ruma::{
    events::{
        EventContentFromType,
        secret::request::SecretName,
        secret_storage::{key::SecretStorageKeyEventContent, secret::SecretEventContent},
    },
    serde::Raw,
};
use serde_json::{Value, json, value::to_raw_value};

/// Names as they are, and as nobody would have them.
const NAMES: [&str; 4] =
    [DECRYPTION_KEY_SECRET, "m.cross_signing.master", "m.megolm_backup.v1.MAC", "naïve.имя"];

fn passphrase(text: &str) -> Passphrase {
    Passphrase::new(text.to_owned())
}

/// A new key of ours: with a passphrase, or without.
fn new_key(typed: Option<&str>) -> NewKey {
    match typed {
        Some(typed) => NewKey::from_passphrase(
            &passphrase(typed),
            Iterations::new(20).unwrap(),
            Some("a name"),
            &mut rng(),
        ),
        None => NewKey::generate(None, &mut rng()),
    }
}

/// Our account data as the type that matrix-sdk-crypto takes.
fn to_sdk(described: &DescribedKey) -> SecretStorageKeyEventContent {
    let event = described.to_event();
    sdk_description(event.event_type(), event.content()).unwrap()
}

fn sdk_description(
    event_type: &str,
    content: &str,
) -> serde_json::Result<SecretStorageKeyEventContent> {
    SecretStorageKeyEventContent::from_parts(event_type, serde_json::from_str(content)?)
}

/// Its account data as ours.
fn to_ours(key: &SdkStorageKey) -> DescribedKey {
    let content = to_raw_value(key.event_content()).unwrap();
    let event_type = key.event_type().to_string();
    let id = event_type.strip_prefix("m.secret_storage.key.").unwrap();
    assert_eq!(id, key.key_id());
    let description = KeyDescription::parse(content.get()).unwrap();
    DescribedKey::new(KeyId::new(id).unwrap(), description)
}

fn sdk_decrypt(key: &SdkStorageKey, name: &str, content: &SecretContent) -> Option<Vec<u8>> {
    let content: SecretEventContent = serde_json::from_str(&content.to_json()).unwrap();
    let entry = content.encrypted.get(key.key_id())?;
    let entry = entry.deserialize_as::<AesHmacSha2EncryptedData>().ok()?;
    key.decrypt(&entry, &SecretName::from(name)).ok()
}

fn sdk_encrypt(key: &SdkStorageKey, name: &str, secret: &[u8]) -> SecretContent {
    let entry = key.encrypt(secret.to_vec(), &SecretName::from(name));
    let entry = Raw::new(&entry).unwrap();
    let content = json!({"encrypted": {key.key_id(): entry}}).to_string();
    SecretContent::parse(&content).unwrap()
}

#[test]
fn matrix_sdk_crypto_reads_what_we_wrote() {
    for typed in [None, Some("correct horse"), Some(""), Some(" é 🔑 ")] {
        let new_key = new_key(typed);
        let opened = new_key.opened();
        let shown = opened.expose_key().expose_base58().unwrap();
        let mut keys =
            vec![SdkStorageKey::from_account_data(&shown, to_sdk(new_key.described())).unwrap()];
        assert_eq!(keys[0].to_base58(), shown.as_str());
        if let Some(typed) = typed {
            keys.push(
                SdkStorageKey::from_account_data(typed, to_sdk(new_key.described())).unwrap(),
            );
        }
        for key in keys {
            for name in NAMES {
                let mut content = SecretContent::new();
                opened.store(name, b"a secret", &mut content, &mut rng()).unwrap();
                assert_eq!(sdk_decrypt(&key, name, &content).unwrap(), b"a secret");
            }
            let backup = BackupDecryptionKey::generate(&mut rng());
            let mut content = SecretContent::new();
            opened.store_decryption_key(&backup, &mut content, &mut rng()).unwrap();
            let text = sdk_decrypt(&key, DECRYPTION_KEY_SECRET, &content).unwrap();
            let theirs = matrix_sdk_crypto::store::types::BackupDecryptionKey::from_base64(
                std::str::from_utf8(&text).unwrap(),
            );
            assert_eq!(theirs.unwrap().as_bytes(), backup.expose_bytes());
        }
    }
}

/// S-4: the number of iterations that is written unless something else is asked for.
#[test]
fn a_key_with_all_iterations_is_opened_by_both() {
    let typed = "a passphrase";
    let ours = NewKey::from_passphrase(&passphrase(typed), Iterations::DEFAULT, None, &mut rng());
    let sdk = SdkStorageKey::from_account_data(typed, to_sdk(ours.described())).unwrap();
    assert_eq!(sdk.to_base58(), ours.opened().expose_key().expose_base58().unwrap().as_str());

    let sdk = SdkStorageKey::new_from_passphrase(typed);
    let described = to_ours(&sdk);
    assert_eq!(described.description().passphrase().unwrap().iterations(), Iterations::DEFAULT);
    let opened = described.open_with_passphrase(&passphrase(typed)).unwrap();
    assert_eq!(opened.expose_key().expose_base58().unwrap().as_str(), sdk.to_base58());
}

#[test]
fn we_read_what_matrix_sdk_crypto_wrote() {
    for _ in 0..20 {
        let sdk = SdkStorageKey::new();
        let typed = SecretStorageKey::from_base58(&sdk.to_base58()).unwrap();
        let opened = to_ours(&sdk).open(typed).unwrap();
        assert_eq!(opened.check(), KeyCheck::Fits);
        for name in NAMES {
            let secret: [u8; 40] = rng().random();
            let decrypted = opened.decrypt(name, &sdk_encrypt(&sdk, name, &secret)).unwrap();
            assert_eq!(decrypted.expose_bytes(), secret);
        }
        let backup = BackupDecryptionKey::generate(&mut rng());
        let text = backup.expose_base64();
        let content = sdk_encrypt(&sdk, DECRYPTION_KEY_SECRET, text.as_bytes());
        let stored = opened.decrypt(DECRYPTION_KEY_SECRET, &content).unwrap();
        let auth_data = AuthData::new(backup.public_key());
        assert_eq!(stored.into_decryption_key().unwrap().check(&auth_data), Ok(backup));
    }
}

#[test]
fn another_key_opens_nothing() {
    let (one, other) = (new_key(Some("one")), new_key(Some("other")));
    let shown = other.opened().expose_key().expose_base58().unwrap();
    for typed in [shown.as_str(), "other", "One", ""] {
        SdkStorageKey::from_account_data(typed, to_sdk(one.described())).unwrap_err();
        one.described().open_with_passphrase(&passphrase(typed)).unwrap_err();
    }
    one.described().open(SecretStorageKey::from_base58(&shown).unwrap()).unwrap_err();
}

/// Random changes to a description and to a secret are judged alike by both.
#[test]
fn damage_is_judged_alike() {
    let (mut taken, mut refused) = (0, 0);
    for _ in 0..1500 {
        let new_key = new_key(None);
        let shown = new_key.opened().expose_key().expose_base58().unwrap();
        let (id, event) = (new_key.opened().id().clone(), new_key.event());
        let mut content = SecretContent::new();
        new_key.opened().store("x", b"a secret", &mut content, &mut rng()).unwrap();

        let mut description: Value = serde_json::from_str(event.content()).unwrap();
        let mut secret: Value = serde_json::from_str(&content.to_json()).unwrap();
        if rng().random() {
            damage(&mut description, &["iv", "mac", "algorithm", "x"]);
        } else {
            damage(&mut secret["encrypted"][id.as_str()], &["iv", "mac", "ciphertext", "x"]);
        }
        let (description, secret) = (description.to_string(), secret.to_string());

        let ours = || {
            let described = DescribedKey::new(id.clone(), KeyDescription::parse(&description)?);
            let opened = described.open(SecretStorageKey::from_base58(&shown)?)?;
            let secret = opened.decrypt("x", &SecretContent::parse(&secret)?)?;
            Ok::<_, Box<dyn std::error::Error>>(secret.expose_bytes().to_vec())
        };
        let sdk = || {
            let content = sdk_description(event.event_type(), &description).ok()?;
            let key = SdkStorageKey::from_account_data(&shown, content).ok()?;
            sdk_decrypt(&key, "x", &SecretContent::parse(&secret).ok()?)
        };
        match (ours().ok(), sdk()) {
            (Some(ours), Some(sdk)) => {
                assert_eq!(ours, sdk, "{description} {secret}");
                taken += 1;
            }
            (None, None) => refused += 1,
            // What is strict in ours: two forms for one content of base64, and half a key check.
            (None, Some(_)) => {
                assert!(is_lenient(&description) || is_lenient(&secret), "{description} {secret}");
            }
            (Some(_), None) => panic!("only ours takes {description} {secret}"),
        }
    }
    assert!(taken > 100 && refused > 300, "{taken} {refused}");
}

/// Something in one of these properties is changed.
fn damage(object: &mut Value, properties: &[&str]) {
    let property = properties[rng().random_range(0..properties.len())];
    let Some(text) = object[property].as_str().map(str::to_owned) else {
        object[property] = json!(1);
        return;
    };
    let place = rng().random_range(0..text.len());
    let mut bytes = text.clone().into_bytes();
    object[property] = match rng().random_range(0..7) {
        0 => json!(null),
        1 => {
            object.as_object_mut().unwrap().remove(property);
            return;
        }
        2 => json!(format!("{text}{}", ["", "", "==", "="][text.len() % 4])),
        3 => json!(&text[..place]),
        4 => json!(text.replace('+', "-").replace('/', "_")),
        _ => {
            bytes[place] ^= 1 << rng().random_range(0..2);
            String::from_utf8(bytes).unwrap().into()
        }
    };
}

/// Whether ours has a reason to be stricter.
fn is_lenient(json: &str) -> bool {
    let value: Value = serde_json::from_str(json).unwrap();
    let object = match value["encrypted"].as_object() {
        Some(encrypted) => encrypted.values().next().unwrap().clone(),
        None => value,
    };
    let strict = |property: &str| {
        let text = object[property].as_str();
        text.is_some_and(|text| matrix_key_backup_primitives::base64::decode_either(text).is_ok())
    };
    let half =
        object["ciphertext"].is_null() && (object["iv"].is_null() != object["mac"].is_null());
    half || ["iv", "mac"].iter().any(|property| !strict(property))
        || (!object["ciphertext"].is_null() && !strict("ciphertext"))
}

/// A trap: it ignores `bits`, and derives 32 bytes whatever is asked for. (matrix-js-sdk does not.)
#[test]
fn a_key_of_512_bits_is_opened_though_matrix_sdk_crypto_cannot() {
    let vectors = interop::vectors("secret_storage.json");
    let storages = vectors["encrypted_js"].as_array().unwrap();
    let long = storages
        .iter()
        .find(|storage| storage["key_description"]["content"]["passphrase"]["bits"] == 512)
        .unwrap();
    let event_type = long["key_description"]["type"].as_str().unwrap();
    let content = long["key_description"]["content"].to_string();
    let typed = long["passphrase"].as_str().unwrap();
    refused(SdkStorageKey::from_account_data(
        typed,
        sdk_description(event_type, &content).unwrap(),
    ));
    let described = DescribedKey::new(
        KeyId::new(event_type.strip_prefix("m.secret_storage.key.").unwrap()).unwrap(),
        KeyDescription::parse(&content).unwrap(),
    );
    let opened = described.open_with_passphrase(&passphrase(typed)).unwrap();
    assert_eq!(opened.expose_key().expose_bytes().len(), 64);
}

/// A trap: 32 bits are the only bound that it has, which is an hour of work; so that is not tried.
#[test]
fn too_many_iterations_are_refused_by_ours_alone() {
    for iterations in [10_000_001_u64, u32::MAX.into(), 1 << 32] {
        let mut description = json!({"algorithm": "m.secret_storage.v1.aes-hmac-sha2"});
        description["passphrase"] =
            json!({"algorithm": "m.pbkdf2", "iterations": iterations, "salt": ""});
        let text = description.to_string();
        KeyDescription::parse(&text).unwrap().passphrase().unwrap_err();
        let content = sdk_description("m.secret_storage.key.abc", &text).unwrap();
        if iterations > u32::MAX.into() {
            let error = SdkStorageKey::from_account_data("x", content).unwrap_err();
            assert!(matches!(error, DecodeError::KdfIterationCount(_)), "{error}");
        }
    }
}

/// A trap: bits after the last byte are ignored.
#[test]
fn trailing_bits_are_refused_though_matrix_sdk_crypto_takes_them() {
    let new_key = new_key(None);
    let shown = new_key.opened().expose_key().expose_base58().unwrap();
    let sdk = SdkStorageKey::from_account_data(&shown, to_sdk(new_key.described())).unwrap();
    let mut content = SecretContent::new();
    new_key.opened().store("x", b"x", &mut content, &mut rng()).unwrap();
    let mut json: Value = serde_json::from_str(&content.to_json()).unwrap();
    let iv = &mut json["encrypted"][new_key.opened().id().as_str()]["iv"];
    // The last of 22 characters carries two bits: A, Q, g or w.
    let mut text = iv.as_str().unwrap().to_owned().into_bytes();
    *text.last_mut().unwrap() += 1;
    *iv = String::from_utf8(text).unwrap().into();
    let content = SecretContent::parse(&json.to_string()).unwrap();
    assert!(sdk_decrypt(&sdk, "x", &content).is_some(), "it no longer does this: the note can go");
    new_key.opened().decrypt("x", &content).unwrap_err();
}

fn refused<T: Debug, E>(result: Result<T, E>) {
    assert!(result.is_err(), "it no longer does this: the note can go");
}
