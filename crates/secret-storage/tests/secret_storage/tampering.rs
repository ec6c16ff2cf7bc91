//! S-1: whatever is changed, in the secret, in its name or in the key, is noticed; but for the IV,
//! which no MAC covers, and whose change S-6 is about.

use matrix_key_backup_primitives::{BackupDecryptionKey, base64};
use matrix_key_backup_secret_storage::{
    DecryptError, DecryptedSecret, KeyDescription, NotADecryptionKey,
};
use matrix_key_backup_wire::{AuthData, DECRYPTION_KEY_SECRET};
use serde_json::{Value, json};

use crate::support::{
    IV, KEY, KEY_ID, content, description, encrypt, key, opened, string, unchecked,
};

fn stored_key() -> BackupDecryptionKey {
    BackupDecryptionKey::from_slice(&[5; 32]).unwrap()
}

fn entry() -> Value {
    encrypt(&KEY, DECRYPTION_KEY_SECRET, stored_key().expose_base64().as_bytes())
}

fn read(name: &str, entry: &Value) -> Result<DecryptedSecret, DecryptError> {
    opened(true).decrypt(name, &content(KEY_ID, entry))
}

/// Every variant of a property with one bit flipped.
fn flipped(entry: &Value, property: &str) -> impl Iterator<Item = Value> + use<> {
    let (entry, name) = (entry.clone(), property.to_owned());
    let bytes = base64::decode_unpadded(string(&entry, property)).unwrap();
    (0..bytes.len() * 8).map(move |bit| {
        let (mut bytes, mut entry) = (bytes.clone(), entry.clone());
        bytes[bit / 8] ^= 1 << (bit % 8);
        entry[&name] = base64::encode_unpadded(&bytes).into();
        entry
    })
}

#[test]
fn it_is_read_before_anything_is_changed() {
    let secret = read(DECRYPTION_KEY_SECRET, &entry()).unwrap();
    let key = secret.into_decryption_key().unwrap();
    assert_eq!(key.check(&AuthData::new(stored_key().public_key())), Ok(stored_key()));
}

#[test]
fn every_bit_of_ciphertext_and_mac_is_authenticated() {
    let mut changed = 0;
    for entry in ["ciphertext", "mac"].into_iter().flat_map(|property| flipped(&entry(), property))
    {
        let error = read(DECRYPTION_KEY_SECRET, &entry).unwrap_err();
        assert!(matches!(error, DecryptError::WrongMac { .. }), "{error:?}");
        changed += 1;
    }
    assert_eq!(changed, (43 + 32) * 8);
}

/// S-6.
#[test]
fn no_changed_bit_of_the_iv_gives_a_key() {
    let mut changed = 0;
    for entry in flipped(&entry(), "iv") {
        let secret = read(DECRYPTION_KEY_SECRET, &entry).unwrap();
        assert_ne!(secret.expose_bytes(), stored_key().expose_base64().as_bytes());
        assert_eq!(secret.into_decryption_key(), Err(NotADecryptionKey::Damaged));
        changed += 1;
    }
    assert_eq!(changed, IV.len() * 8);
}

/// S-1: the name is in the keys.
#[test]
fn a_secret_under_another_name_is_refused() {
    let mut names =
        vec![String::new(), "m.megolm_backup.v1.mac".to_owned(), "m.megolm_backup.v1 ".to_owned()];
    for bit in 0..DECRYPTION_KEY_SECRET.len() * 8 {
        let mut bytes = DECRYPTION_KEY_SECRET.as_bytes().to_vec();
        bytes[bit / 8] ^= 1 << (bit % 8);
        names.extend(String::from_utf8(bytes));
    }
    assert!(names.len() > 100);
    for name in names {
        let error = read(&name, &entry()).unwrap_err();
        assert!(matches!(&error, DecryptError::WrongMac { name: found, .. } if *found == name));
    }
}

#[test]
fn every_bit_of_the_key_matters() {
    for bit in 0..KEY.len() * 8 {
        let mut other = KEY;
        other[bit / 8] ^= 1 << (bit % 8);
        let read = unchecked(&other).decrypt(DECRYPTION_KEY_SECRET, &content(KEY_ID, &entry()));
        assert!(matches!(read, Err(DecryptError::WrongKeyOrDamaged { .. })), "bit {bit}");
    }
}

#[test]
fn every_bit_of_a_key_check_matters() {
    let description = description(&KEY);
    for changed in ["iv", "mac"].into_iter().flat_map(|property| flipped(&description, property)) {
        let changed = KeyDescription::parse(&changed.to_string()).unwrap();
        assert!(changed.check(&key(&KEY)).is_err());
    }
}

/// Lengths are strict: nothing truncated, nothing longer.
#[test]
fn iv_and_mac_have_one_length() {
    for (property, right) in [("iv", 16), ("mac", 32)] {
        let bytes = base64::decode_unpadded(string(&entry(), property)).unwrap();
        for length in 0..right + 3 {
            let mut entry = entry();
            let changed: Vec<u8> = bytes.iter().copied().chain([0; 3]).take(length).collect();
            entry[property] = base64::encode_unpadded(&changed).into();
            let result = read(DECRYPTION_KEY_SECRET, &entry);
            assert_eq!(result.is_ok(), length == right, "{property}: {length}");
        }
    }
}

/// Both paddings are read, and no other form of base64 is.
#[test]
fn base64_has_two_forms() {
    let forms = |property: &'static str, change: fn(&str) -> String| {
        let mut entry = entry();
        entry[property] = change(string(&entry, property)).into();
        read(DECRYPTION_KEY_SECRET, &entry)
    };
    for property in ["iv", "ciphertext", "mac"] {
        // 16, 43 and 32 bytes take two, two and one.
        let padded = |text: &str| text.to_owned() + ["", "", "==", "="][text.len() % 4];
        assert!(forms(property, padded).is_ok(), "{property}");
        for wrong in [
            |text: &str| text.to_owned() + "=",
            |text: &str| text.to_owned() + "===",
            |text: &str| text.to_owned() + "\n",
            |text: &str| format!(" {text}"),
            |text: &str| text.to_owned() + "A",
            |text: &str| text.replacen(text.chars().next().unwrap_or_default(), "é", 1),
        ] {
            let result = forms(property, wrong);
            // One `=` is right for 32 bytes.
            let is_padding = string(&entry(), property).len() % 4 == 3 && wrong("") == "=";
            assert_eq!(result.is_ok(), is_padding, "{property}: {:?}", wrong("AAAA"));
        }
    }
}

#[test]
fn trailing_bits_are_zero() {
    for property in ["iv", "ciphertext", "mac"] {
        let text = string(&entry(), property).to_owned();
        let last = text.chars().last().unwrap();
        let mut entry = entry();
        entry[property] = format!("{}{}", &text[..text.len() - 1], next(last)).into();
        let error = read(DECRYPTION_KEY_SECRET, &entry).unwrap_err();
        let expected =
            format!("the secret \"m.megolm_backup.v1\" is damaged: `{property}` is not base64");
        assert_eq!(error.to_string(), expected);
    }
}

/// The next character of the alphabet, which differs in the lowest bit.
fn next(character: char) -> char {
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    ALPHABET.chars().nth(ALPHABET.find(character).unwrap() + 1).unwrap()
}

/// S-2: where nothing checked the key, nobody can say which of the two is wrong.
#[test]
fn a_wrong_mac_under_an_unchecked_key_leaves_it_open() {
    let mut damaged = entry();
    damaged["mac"] = encrypt(&KEY, "x", b"")["mac"].clone();
    let read = |checked| opened(checked).decrypt(DECRYPTION_KEY_SECRET, &content(KEY_ID, &damaged));
    assert!(matches!(read(true), Err(DecryptError::WrongMac { .. })));
    assert!(matches!(read(false), Err(DecryptError::WrongKeyOrDamaged { .. })));
}

#[test]
fn a_secret_under_another_key_is_said_to_be_there() {
    let error = opened(true).decrypt("x", &content("other", &entry())).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the secret \"x\" is not stored under the secret storage key \"abc\"; keys that it is \
         stored under: \"other\""
    );
    let nowhere = matrix_key_backup_secret_storage::SecretContent::new();
    let error = opened(true).decrypt("x", &nowhere).unwrap_err().to_string();
    assert!(error.ends_with("stored under: none"), "{error}");
}

#[test]
fn what_is_no_secret_is_refused() {
    for (entry, expected) in [
        (json!(null), "an object was expected, and this is null"),
        (json!({}), "`iv` is missing"),
        (json!({"passthrough": true}), "`iv` is missing"),
        (json!({"iv": 1}), "`iv` must be a string, and a number was found"),
    ] {
        let error = read("x", &entry).unwrap_err().to_string();
        assert_eq!(error, format!("the secret \"x\" is damaged: {expected}"));
    }
}

/// S-6: only this backup's key.
#[test]
fn the_key_of_another_backup_is_refused() {
    let unchecked =
        || read(DECRYPTION_KEY_SECRET, &entry()).unwrap().into_decryption_key().unwrap();
    let other = BackupDecryptionKey::from_slice(&[6; 32]).unwrap().public_key();
    let error = unchecked().check(&AuthData::new(other)).unwrap_err();
    assert_eq!((error.found, error.expected), (stored_key().public_key(), other));
    assert_eq!(unchecked().public_key(), stored_key().public_key());
    assert_eq!(unchecked().hazmat_into_unchecked(), stored_key());
}

/// S-5, S-6: only the secret of this name, and only 32 bytes of base64.
#[test]
fn what_is_no_decryption_key_is_refused() {
    let secret = |name: &str, secret: &[u8]| read(name, &encrypt(&KEY, name, secret)).unwrap();
    let right = stored_key().expose_base64();
    for name in ["m.megolm_backup.v1.mac", "m.cross_signing.master", ""] {
        let error = secret(name, right.as_bytes()).into_decryption_key().unwrap_err();
        assert!(
            matches!(&error, NotADecryptionKey::OtherSecret { name: found, .. } if found == name)
        );
    }
    let longer = format!("{}A", *right);
    for wrong in [b"", &right.as_bytes()[1..], longer.as_bytes(), &[0xff; 43], b"AAAA", &[0; 32]] {
        let secret = secret(DECRYPTION_KEY_SECRET, wrong);
        assert_eq!(secret.into_decryption_key(), Err(NotADecryptionKey::Damaged));
    }
    // K-4: either padding.
    let padded = format!("{}=", *right);
    assert!(secret(DECRYPTION_KEY_SECRET, padded.as_bytes()).into_decryption_key().is_ok());
}
