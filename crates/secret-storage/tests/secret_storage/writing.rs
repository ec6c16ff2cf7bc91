//! New keys, and secrets that are written (S-1, S-4, S-5).

use std::collections::BTreeSet;

use matrix_key_backup_primitives::{BackupDecryptionKey, base64};
use matrix_key_backup_secret_storage::{
    AccountData, DecryptError, EncryptError, Iterations, KeyCheck, NewKey, OpenError,
    SecretContent, SecretStorageKey,
};
use matrix_key_backup_wire::{AuthData, DECRYPTION_KEY_SECRET};
use serde_json::{Value, json};

use crate::support::{
    ALGORITHM, KEY, KEY_ID, content, encrypt, opened, passphrase, rng, string, unchecked,
};

fn few() -> Iterations {
    Iterations::new(3).unwrap()
}

#[test]
fn a_new_key_is_found_and_opened_in_every_way() {
    let backup = BackupDecryptionKey::generate(&mut rng());
    let typed = passphrase("correct horse");
    let with = NewKey::from_passphrase(&typed, few(), Some("a name"), &mut rng());
    let without = NewKey::generate(None, &mut rng());
    for (new_key, has_passphrase) in [(with, true), (without, false)] {
        let mut secret = SecretContent::new();
        new_key.opened().store_decryption_key(&backup, &mut secret, &mut rng()).unwrap();
        let events =
            [new_key.event(), secret.to_event(DECRYPTION_KEY_SECRET), new_key.default_key_event()];
        let account_data: AccountData = events.into_iter().collect();

        let described = account_data.default_key().unwrap();
        assert_eq!(described.id(), new_key.opened().id());
        assert_eq!(described.description().name(), has_passphrase.then_some("a name"));
        let shown = new_key.opened().expose_key().expose_base58().unwrap();
        let mut keys =
            vec![described.open(SecretStorageKey::from_base58(&shown).unwrap()).unwrap()];
        match described.open_with_passphrase(&typed) {
            Ok(opened) => keys.push(opened),
            Err(error) => assert!(!has_passphrase && matches!(error, OpenError::Passphrase { .. })),
        }
        assert_eq!(keys.len(), 1 + usize::from(has_passphrase));
        for opened in keys {
            assert_eq!(opened.check(), KeyCheck::Fits);
            let secret = account_data.secret(DECRYPTION_KEY_SECRET).unwrap();
            let key = opened.decrypt(DECRYPTION_KEY_SECRET, &secret).unwrap();
            let key = key.into_decryption_key().unwrap();
            assert_eq!(key.check(&AuthData::new(backup.public_key())).as_ref(), Ok(&backup));
        }
        if has_passphrase {
            let error = described.open_with_passphrase(&passphrase("correct horsf")).unwrap_err();
            assert!(matches!(error, OpenError::WrongPassphrase { .. }));
        }
    }
}

/// The form that deployed clients write.
#[test]
fn a_description_is_written_as_others_write_it() {
    let new_key = NewKey::from_passphrase(&passphrase("x"), few(), None, &mut rng());
    let event = serde_json::to_value(new_key.event()).unwrap();
    let id = string(&event, "type").strip_prefix("m.secret_storage.key.").unwrap();
    assert_eq!((id, id.len()), (new_key.opened().id().as_str(), 32));
    assert!(id.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c)), "{id}");
    let content = &event["content"];
    assert_eq!(content["algorithm"], ALGORITHM);
    let names: Vec<_> = content.as_object().unwrap().keys().collect();
    assert_eq!(names, ["algorithm", "iv", "mac", "passphrase"]);
    assert_eq!(string(content, "iv").len(), 22);
    assert_eq!(string(content, "mac").len(), 43);
    let salt = string(&content["passphrase"], "salt");
    assert_eq!(salt.len(), 32);
    assert_eq!(
        content["passphrase"],
        json!({"algorithm": "m.pbkdf2", "iterations": 3, "salt": salt})
    );
    assert_eq!(new_key.default_key_event().content(), format!(r#"{{"key":"{id}"}}"#));
    assert_eq!(new_key.default_key_event().event_type(), "m.secret_storage.default_key");
    assert_eq!(new_key.described().to_event(), new_key.event());
}

/// S-5: unpadded base64; S-1: unpadded base64 too, bit 63 clear, and never the same IV.
#[test]
fn a_secret_is_written_as_others_write_it() {
    let backup = BackupDecryptionKey::generate(&mut rng());
    let mut ivs = BTreeSet::new();
    for _ in 0..100 {
        let mut secret = SecretContent::new();
        opened(true).store_decryption_key(&backup, &mut secret, &mut rng()).unwrap();
        let written: Value = serde_json::from_str(&secret.to_json()).unwrap();
        let entry = &written["encrypted"][KEY_ID];
        assert_eq!(entry.as_object().unwrap().len(), 3);
        let bytes = |property| base64::decode_unpadded(string(entry, property)).unwrap();
        let (iv, ciphertext, mac) = (bytes("iv"), bytes("ciphertext"), bytes("mac"));
        assert_eq!((iv.len(), ciphertext.len(), mac.len()), (16, 43, 32));
        assert_eq!(iv[8] & 0x80, 0);
        assert!(ivs.insert(iv));
        let read = opened(true).decrypt(DECRYPTION_KEY_SECRET, &secret).unwrap();
        assert_eq!(read.expose_text(), Ok(backup.expose_base64().as_str()));
    }
}

#[test]
fn new_keys_differ() {
    let (mut ids, mut keys, mut salts) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for _ in 0..50 {
        let new_key = NewKey::from_passphrase(&passphrase("x"), few(), None, &mut rng());
        ids.insert(new_key.opened().id().clone());
        keys.insert(new_key.opened().expose_key().expose_bytes().to_vec());
        salts.insert(new_key.described().description().passphrase().unwrap().salt().to_owned());
        keys.insert(SecretStorageKey::generate(&mut rng()).expose_bytes().to_vec());
    }
    assert_eq!((ids.len(), keys.len(), salts.len()), (50, 100, 50));
}

/// A key of another length than 32 bytes has no base58, and works all the same.
#[test]
fn keys_of_other_lengths_work() {
    for bits in [128, 512] {
        let info = json!({"algorithm": "m.pbkdf2", "iterations": 2, "salt": "s", "bits": bits});
        let description = json!({"algorithm": ALGORITHM, "passphrase": info});
        let described = crate::support::described("k", &description);
        let unchecked = described.open_with_passphrase(&passphrase("x")).unwrap();
        let key = unchecked.expose_key();
        assert_eq!(key.expose_bytes().len() * 8, bits);
        assert!(key.expose_base58().is_none());
        // The description that a writer would give it.
        let info = described.description().passphrase().unwrap();
        let checked = matrix_key_backup_secret_storage::KeyDescription::new(
            key,
            None,
            Some(info),
            &mut rng(),
        );
        assert_eq!(checked.check(key), Ok(KeyCheck::Fits));
        let written: Value = serde_json::from_str(checked.as_json()).unwrap();
        assert_eq!(written["passphrase"]["bits"], bits);
        let again = matrix_key_backup_secret_storage::KeyDescription::parse(checked.as_json());
        assert_eq!(again.unwrap().passphrase(), Ok(info));
    }
}

/// S-5: the MAC key is never stored; and the name of the key check is no secret's.
#[test]
fn what_is_not_stored() {
    let store = |name: &str| {
        let mut secret = SecretContent::new();
        let result = opened(true).store(name, b"x", &mut secret, &mut rng());
        assert_eq!(result.is_ok(), secret.key_ids().count() == 1);
        result
    };
    assert_eq!(store("m.megolm_backup.v1.mac"), Err(EncryptError::MacKey));
    assert_eq!(store("org.matrix.msc4048.mac"), Err(EncryptError::MacKey));
    assert_eq!(store(""), Err(EncryptError::NoName));
    assert_eq!(store("m.megolm_backup.v1.macs"), Ok(()));
}

/// S-2: a key that nothing checked stores nothing, until a secret shows that it is right.
#[test]
fn an_unchecked_key_stores_nothing() {
    let mut secret = SecretContent::new();
    let error = opened(false).store("x", b"x", &mut secret, &mut rng()).unwrap_err();
    assert!(matches!(error, EncryptError::KeyNotChecked { .. }), "{error:?}");
    assert_eq!(secret, SecretContent::new());

    let stored = content(KEY_ID, &encrypt(&KEY, "y", b"y"));
    let confirmed = opened(false).confirm("y", &stored).unwrap();
    assert_eq!(confirmed.check(), KeyCheck::Fits);
    confirmed.store("x", b"x", &mut secret, &mut rng()).unwrap();
    let wrong = unchecked(&[1; 32]).confirm("y", &stored).unwrap_err();
    assert!(matches!(wrong, DecryptError::WrongKeyOrDamaged { .. }));
}
