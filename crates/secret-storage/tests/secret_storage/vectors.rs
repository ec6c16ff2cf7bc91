//! What matrix-js-sdk and matrix-sdk-crypto wrote is read; what was damaged is not.

use matrix_key_backup_primitives::{BackupDecryptionKey, base64};
use matrix_key_backup_secret_storage::{
    AccountData, DecryptError, KeyCheck, KeyDescription, KeyDescriptionError, OpenError, OpenedKey,
    PassphraseInfoError, SecretContent, SecretStorageKey,
};
use matrix_key_backup_wire::{AuthData, DECRYPTION_KEY_SECRET};
use serde_json::Value;

use crate::support::{
    array, content, described, encrypt, hex, key, key_id, passphrase, string, unchecked, vectors,
};

const FILE: &str = "secret_storage.json";

fn stores() -> Vec<Value> {
    let vectors = vectors(FILE);
    [array(&vectors, "encrypted_js"), array(&vectors, "encrypted_rust")].concat()
}

fn described_by(store: &Value) -> matrix_key_backup_secret_storage::DescribedKey {
    let id = string(&store["key_description"], "type").strip_prefix("m.secret_storage.key.");
    described(id.unwrap(), &store["key_description"]["content"])
}

/// By every way that there is: passphrase, bytes, base58.
fn open(store: &Value) -> Vec<OpenedKey> {
    let described = described_by(store);
    let mut opened = Vec::new();
    if let Some(typed) = store["passphrase"].as_str() {
        opened.push(described.open_with_passphrase(&passphrase(typed)).unwrap());
    }
    if let Some(recovery_key) = store["recovery_key"].as_str() {
        let typed = SecretStorageKey::from_base58(recovery_key).unwrap();
        opened.push(described.open(typed).unwrap());
        opened.push(described.open(key(&hex(string(store, "key_hex")))).unwrap());
    }
    opened
}

#[test]
fn every_key_is_opened_in_every_way() {
    let (mut passphrases, mut long) = (0, 0);
    for store in stores() {
        let opened = open(&store);
        assert!(!opened.is_empty(), "{}", store["id"]);
        passphrases += usize::from(store["passphrase"].is_string());
        for opened in opened {
            assert_eq!(opened.check(), KeyCheck::Fits);
            let key = opened.expose_key();
            assert_eq!(key.expose_bytes(), hex(string(&store, "key_hex")));
            // K-3: only 32 bytes have that form.
            let shown = key.expose_base58().map(|shown| shown.replace(' ', ""));
            let expected = store["recovery_key"].as_str().map(|shown| shown.replace(' ', ""));
            assert_eq!(shown, expected);
            long += usize::from(shown.is_none());
        }
    }
    assert!(passphrases >= 7 && long >= 1, "{passphrases} {long}");
}

#[test]
fn every_secret_is_read() {
    let mut read = 0;
    for store in stores() {
        let opened = open(&store).pop().unwrap();
        for secret in array(&store, "secrets") {
            let name = string(secret, "name");
            let content = secret["account_data"]["content"].to_string();
            let content = SecretContent::parse(&content).unwrap();
            let decrypted = opened.decrypt(name, &content).unwrap();
            assert_eq!(decrypted.expose_text(), Ok(string(secret, "plaintext")), "{name}");
            if name == DECRYPTION_KEY_SECRET {
                let key = BackupDecryptionKey::from_base64(string(secret, "plaintext")).unwrap();
                let checked = decrypted.into_decryption_key().unwrap();
                assert_eq!(checked.check(&AuthData::new(key.public_key())), Ok(key));
            }
            read += 1;
        }
    }
    assert!(read >= 80, "{read}");
}

#[test]
fn whole_accounts_are_opened() {
    for scenario in array(&vectors("accounts.json"), "scenarios") {
        let account_data: AccountData =
            serde_json::from_value(scenario["account_data"].clone()).unwrap();
        let auth_data =
            AuthData::parse(&scenario["version_info"]["auth_data"].to_string()).unwrap();
        let default = account_data.default_key().unwrap();
        assert_eq!(account_data.key_ids(), [default.id().clone()]);
        let typed = passphrase(string(scenario, "ssss_passphrase"));
        let by_passphrase = default.open_with_passphrase(&typed).unwrap();
        let typed = SecretStorageKey::from_base58(string(scenario, "ssss_recovery_key")).unwrap();
        let by_key = default.open(typed).unwrap();
        let secret = account_data.secret(DECRYPTION_KEY_SECRET).unwrap();
        for opened in [by_passphrase, by_key] {
            let decrypted = opened.decrypt(DECRYPTION_KEY_SECRET, &secret).unwrap();
            let key = decrypted.into_decryption_key().unwrap().check(&auth_data).unwrap();
            assert_eq!(key.expose_base64().as_str(), string(scenario, "decryption_key"));
        }
    }
}

#[test]
fn damaged_secrets_are_told_apart() {
    let vectors = vectors(FILE);
    let decrypt = |case: &str| {
        let case = array(&vectors, "edge").iter().find(|edge| edge["case"] == case).unwrap();
        let opened = unchecked(&hex(string(case, "key_hex")));
        opened.decrypt(string(case, "name"), &content("abc", &case["data"])).map(|secret| {
            let same = secret.expose_bytes() == string(case, "original_plaintext").as_bytes();
            (same, secret.into_decryption_key().is_ok())
        })
    };
    let is_wrong = |found: Result<_, DecryptError>, expected: &str| match found.unwrap_err() {
        DecryptError::WrongKeyOrDamaged { name, .. } => assert_eq!(name, expected),
        other => panic!("{other:?}"),
    };
    let damaged = |found: Result<_, DecryptError>| match found.unwrap_err() {
        DecryptError::Damaged { error, .. } => error.to_string(),
        other => panic!("{other:?}"),
    };
    assert_eq!(decrypt("valid padded (js output)"), Ok((true, true)));
    // S-6: the IV is outside the MAC.
    assert_eq!(decrypt("iv bit flipped (iv is not covered by the mac)"), Ok((false, false)));
    assert_eq!(decrypt("ciphertext empty, right mac"), Ok((false, false)));
    is_wrong(decrypt("mac bit flipped"), DECRYPTION_KEY_SECRET);
    is_wrong(decrypt("ciphertext bit flipped"), DECRYPTION_KEY_SECRET);
    is_wrong(decrypt("empty name"), "");
    assert_eq!(damaged(decrypt("mac truncated to 16")), "`mac` must have 32 bytes, and has 16");
    assert_eq!(damaged(decrypt("mac empty")), "`mac` must have 32 bytes, and has 0");
    assert_eq!(damaged(decrypt("iv 17 bytes")), "`iv` must have 16 bytes, and has 17");
    assert_eq!(damaged(decrypt("iv trailing bits")), "`iv` is not base64");
    assert_eq!(damaged(decrypt("mac missing")), "`mac` is missing");
    assert_eq!(damaged(decrypt("ciphertext missing")), "`ciphertext` is missing");
    assert_eq!(damaged(decrypt("mac null")), "`mac` must be a string, and null was found");
}

/// The vectors have a case for this whose base64 happens to have no such character.
#[test]
fn the_url_safe_alphabet_is_refused() {
    // So long that there is one.
    let mut entry = encrypt(&[1; 32], "x", &[0; 1000]);
    let read = |entry: &Value| unchecked(&[1; 32]).decrypt("x", &content("abc", entry)).map(drop);
    assert_eq!(read(&entry), Ok(()));
    let ciphertext = string(&entry, "ciphertext").to_owned();
    for (standard, other) in [("+", "-"), ("/", "_")] {
        assert!(ciphertext.contains(standard));
        entry["ciphertext"] = ciphertext.replace(standard, other).into();
        let error = read(&entry).unwrap_err().to_string();
        assert_eq!(error, "the secret \"x\" is damaged: `ciphertext` is not base64");
    }
}

#[test]
fn key_checks_come_out_as_expected() {
    let vectors = vectors(FILE);
    let mut seen = Vec::new();
    for case in array(&vectors, "key_description_checks") {
        let found = match KeyDescription::parse(&case["content"].to_string()) {
            Err(error) => error.to_string(),
            Ok(_) => {
                let described = described("abc", &case["content"]);
                let input = string(case, "input");
                let opened = match SecretStorageKey::from_base58(input) {
                    Ok(key) => described.open(key),
                    Err(_) => described.open_with_passphrase(&passphrase(input)),
                };
                match opened {
                    Ok(opened) => format!("{:?}", opened.check()),
                    Err(error) => error.to_string(),
                }
            }
        };
        seen.push((string(case, "case"), found));
    }
    let expected = [
        ("valid", "Fits"),
        (
            "wrong key",
            "this is another key than the secret storage key \"abc\", or its description was changed",
        ),
        (
            "iv flipped",
            "this is another key than the secret storage key \"abc\", or its description was changed",
        ),
        ("no iv", "its key check is damaged: `iv` is missing"),
        ("mac 16 bytes", "its key check is damaged: `mac` must have 32 bytes, and has 16"),
        ("mac empty string", "its key check is damaged: `mac` must have 32 bytes, and has 0"),
        ("algorithm missing", "it is damaged: `algorithm` is missing"),
        ("passphrase: recovery key given instead", "Fits"),
        (
            "passphrase algorithm unknown",
            "the secret storage key \"abc\" cannot be opened with a passphrase: `passphrase` of the key description asks for \"m.argon2\", where only \"m.pbkdf2\" is known",
        ),
        (
            "passphrase bits 512",
            "the passphrase is wrong for the secret storage key \"abc\", or its description was changed",
        ),
        (
            "passphrase iterations 2^32",
            "the secret storage key \"abc\" cannot be opened with a passphrase: `passphrase` of the key description: the number of iterations is 4294967296, and must be a whole number from 1 to 10000000",
        ),
        (
            "passphrase salt missing",
            "the secret storage key \"abc\" cannot be opened with a passphrase: `passphrase` of the key description is damaged: `salt` is missing",
        ),
    ];
    let expected = expected.map(|(case, found)| (case, found.to_owned()));
    assert_eq!(seen, expected);
}

/// S-1: 128 bits count, also where the lower 64 overflow.
#[test]
fn the_counter_has_128_bits() {
    for case in array(&vectors(FILE), "ctr_wrap") {
        let opened = unchecked(&hex(string(case, "key_hex")));
        let secret = content("abc", &case["js_data"]);
        let decrypted = opened.decrypt(string(case, "name"), &secret).unwrap();
        let expected = base64::decode_either(string(case, "expected_plaintext_base64")).unwrap();
        assert_eq!(decrypted.expose_bytes(), expected);
    }
}

/// The types of the errors, not only their words.
#[test]
fn errors_can_be_matched() {
    let unknown = KeyDescription::parse(r#"{"algorithm": "m.secret_storage.v2"}"#).unwrap_err();
    assert!(matches!(unknown, KeyDescriptionError::UnsupportedAlgorithm { .. }));
    let plain = described("abc", &serde_json::json!({"algorithm": crate::support::ALGORITHM}));
    let error = plain.open_with_passphrase(&passphrase("x")).unwrap_err();
    let expected = PassphraseInfoError::NoPassphrase;
    assert!(matches!(error, OpenError::Passphrase { error, .. } if error == expected));
    assert_eq!(plain.id(), &key_id("abc"));
}
