//! Vectors made by deployed implementations.

use matrix_key_backup_primitives::{
    AesCtrHmacKeys, BackupDecryptionKey, BackupMac, BackupMacKey, CtrIv, EphemeralPublicKey,
    KeyRepresentationError, V1Mac,
    base64::{decode_either, encode_unpadded},
    hazmat::{self, MessageKeys, SharedSecret},
    key_representation,
};
use serde_json::Value;

use crate::support::{array, string, unhex, vectors};

// K-1, K-2
#[test]
fn public_key_and_mac_key_follow_from_the_decryption_key() {
    let file = vectors("mac_key.json");
    let cases = array(&file, "vectors");
    assert!(cases.len() >= 8);
    for case in cases {
        let key = BackupDecryptionKey::from_base64(string(case, "decryption_key")).unwrap();
        assert_eq!(key.expose_bytes(), unhex(string(case, "decryption_key_hex")));
        assert_eq!(key.public_key().to_base64(), string(case, "backup_public_key"));
        let mac_key = key.mac_key();
        assert_eq!(mac_key.expose_bytes(), unhex(string(case, "backup_mac_key_hex")));
        assert_eq!(*mac_key.expose_base64(), string(case, "backup_mac_key_base64"));
        assert_eq!(
            BackupMacKey::from_base64(string(case, "backup_mac_key_base64")).unwrap(),
            mac_key
        );
    }
}

// K-2: the MAC key comes from the unclamped bytes, so clamping twins share only the public key.
#[test]
fn clamping_twins_share_the_public_key_and_nothing_else() {
    let key = [0xA5; 32];
    let mut twin = key;
    twin[0] ^= 0b0000_0111;
    twin[31] ^= 0b1000_0000;
    let [key, twin] = [key, twin].map(|bytes| BackupDecryptionKey::from_slice(&bytes).unwrap());

    assert_eq!(key.public_key(), twin.public_key());
    assert_ne!(key, twin);
    assert_ne!(key.mac_key(), twin.mac_key());
    assert_ne!(*key.expose_base58(), *twin.expose_base58());
}

// K-3
#[test]
fn keys_are_shown_as_deployed_clients_show_them() {
    let file = vectors("key_representation.json");
    let cases = array(&file, "valid");
    assert!(cases.len() >= 16);
    for case in cases {
        let key = BackupDecryptionKey::from_slice(&unhex(string(case, "key_hex"))).unwrap();
        assert_eq!(*key.expose_base58(), string(case, "display_sdk"));
        assert_eq!(*key.expose_base58(), string(case, "display_jssdk"));
        assert_eq!(*key.expose_base64(), string(case, "key_base64"));
        assert_eq!(key.public_key().to_base64(), string(case, "backup_public_key"));
        assert_eq!(BackupDecryptionKey::from_base58(string(case, "base58")).unwrap(), key);
        assert_eq!(BackupDecryptionKey::from_base58(string(case, "display_sdk")).unwrap(), key);
    }
}

// K-3
#[test]
fn key_representations_are_read_strictly() {
    let file = vectors("key_representation.json");
    let base_key = unhex(string(&file, "base_key_hex"));
    let cases = array(&file, "edge_and_invalid");
    assert!(cases.len() >= 25);
    for case in cases {
        let decoded = key_representation::decode(string(case, "string"));
        let name = string(case, "case");
        match string(case, "expected") {
            "accept" => assert_eq!(decoded.expect(name).expose_bytes(), base_key, "{name}"),
            "reject" => assert!(decoded.is_err(), "{name}"),
            unknown => panic!("{name}: {unknown}"),
        }
    }
}

// K-3: each mistake has an error of its own.
#[test]
fn key_representation_errors_say_what_is_wrong() {
    let file = vectors("key_representation.json");
    let cases = array(&file, "edge_and_invalid");
    let expected = [
        ("prefix 8b 02 (parity ok)", KeyRepresentationError::Prefix),
        ("parity ^0x80", KeyRepresentationError::Parity),
        ("two transposed characters", KeyRepresentationError::Parity),
        ("no key bytes, empty string", KeyRepresentationError::Empty),
    ];
    for (name, error) in expected {
        let case = cases.iter().find(|case| case["case"] == name).expect(name);
        assert_eq!(key_representation::decode(string(case, "string")).unwrap_err(), error);
    }

    let valid = "EsUB yNZ4 TFjj sumW 4GNt kXhp CbhS CqrF XqSj LXPL 7QTb nak8";
    let error = |text: &str| key_representation::decode(text).unwrap_err().to_string();
    assert_eq!(
        error(&valid.replace("yNZ4", "y0Z4")),
        "character 7 of the key is not one that a key can contain"
    );
    assert_eq!(
        error(&valid[..valid.len() - 1]),
        "a key has 48 characters besides spaces, and this one has 47"
    );
    assert_eq!(
        error(&format!("{valid}8")),
        "a key has 48 characters besides spaces, and this one has 49"
    );
    assert_eq!(error(" \n\t\u{3000}"), "the key is empty");
    // 36 bytes in 48 characters, and 48 bytes in 48 characters: no key begins like that.
    for character in ["z", "1"] {
        let text = character.repeat(48);
        assert_eq!(key_representation::decode(&text), Err(KeyRepresentationError::Prefix));
    }
}

// K-3: the Bitcoin alphabet, and no character that looks like one of it.
#[test]
fn only_base58_characters_are_read() {
    let alphabet = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
    let others = ['\u{FEFF}', '\u{200B}', 'é', 'Е', '１', '🔑'];
    for character in (0..=u8::MAX).map(char::from).chain(others) {
        let text = format!("EsUB {character}");
        let outcome = key_representation::decode(&text).unwrap_err().to_string();
        let expected = if alphabet.contains(character) {
            "a key has 48 characters besides spaces, and this one has 5"
        } else if character.is_whitespace() {
            "a key has 48 characters besides spaces, and this one has 4"
        } else {
            "character 6 of the key is not one that a key can contain"
        };
        assert_eq!(outcome, expected, "{character:?}");
    }
}

// K-4
#[test]
fn decryption_keys_are_read_from_base64_strictly() {
    let file = vectors("key_representation.json");
    let base_key = unhex(string(&file, "base_key_hex"));
    let cases = array(&file, "base64_decryption_key_parsing");
    assert!(cases.len() >= 9);
    for case in cases {
        let text = string(case, "string");
        let name = string(case, "case");
        let key = BackupDecryptionKey::from_base64(text);
        let mac_key = BackupMacKey::from_base64(text);
        match string(case, "expected") {
            "accept" => {
                assert_eq!(key.expect(name).expose_bytes(), base_key, "{name}");
                assert_eq!(mac_key.expect(name).expose_bytes(), base_key, "{name}");
            }
            "reject" => {
                assert!(key.is_err(), "{name}");
                assert!(mac_key.is_err(), "{name}");
            }
            unknown => panic!("{name}: {unknown}"),
        }
    }
}

// V1-2 to V1-5
#[test]
fn version_1_messages_of_deployed_writers_decrypt() {
    let file = vectors("backup_v1.json");
    for key in array(&file, "keys") {
        let decryption_key = BackupDecryptionKey::from_base64(string(key, "private")).unwrap();
        assert_eq!(decryption_key.public_key().to_base64(), string(key, "public"));
    }

    let cases = array(&file, "vectors");
    assert!(cases.len() >= 60);
    for case in cases {
        let key = BackupDecryptionKey::from_base64(string(case, "private")).unwrap();
        let ephemeral = EphemeralPublicKey::from_base64(string(case, "ephemeral")).unwrap();
        let ciphertext = decode_either(string(case, "ciphertext")).unwrap();
        let plaintext = decode_either(string(case, "plaintext_base64")).unwrap();

        let message_keys = MessageKeys::for_recipient(&key, &ephemeral).unwrap();
        assert_eq!(message_keys.expose_bytes(), unhex(string(case, "hkdf80_hex")));
        assert_eq!(*message_keys.decrypt(&ciphertext).unwrap(), plaintext);
        assert_eq!(message_keys.encrypt(&plaintext), ciphertext);
        assert_eq!(*hazmat::decrypt(&key, &ephemeral, &ciphertext).unwrap(), plaintext);

        // V1-5: the empty string is what is authenticated, not the ciphertext.
        let mac = V1Mac::from_base64(string(case, "mac")).unwrap();
        assert_eq!(message_keys.verify_v1_mac(&mac), Ok(()));
        assert_eq!(message_keys.v1_mac().to_base64(), string(case, "mac_empty_b64"));
        let over_the_ciphertext = V1Mac::from_base64(string(case, "mac_spec_literal_b64")).unwrap();
        assert!(message_keys.verify_v1_mac(&over_the_ciphertext).is_err());
    }
}

/// The steps of reading a version 1 message, and the name of the one that failed.
fn read_v1(case: &Value) -> Result<Vec<u8>, &'static str> {
    let key = BackupDecryptionKey::from_base64(string(case, "private")).map_err(|_| "private")?;
    let ephemeral =
        EphemeralPublicKey::from_base64(string(case, "ephemeral")).map_err(|_| "ephemeral")?;
    let mac = V1Mac::from_base64(string(case, "mac")).map_err(|_| "mac encoding")?;
    let ciphertext =
        decode_either(string(case, "ciphertext")).map_err(|_| "ciphertext encoding")?;
    let keys = MessageKeys::for_recipient(&key, &ephemeral).map_err(|_| "low order")?;
    keys.verify_v1_mac(&mac).map_err(|_| "wrong mac")?;
    keys.decrypt(&ciphertext).map(|plaintext| plaintext.to_vec()).map_err(|_| "decryption")
}

// V1-2, V1-4, V1-5, V1-7
#[test]
fn malformed_version_1_messages_fail_where_they_should() {
    let file = vectors("backup_v1_edge.json");
    let cases = array(&file, "cases");
    assert!(cases.len() >= 28);
    for case in cases {
        let name = string(case, "case");
        let result = read_v1(case);
        match string(case, "expected") {
            "accept" => {
                let plaintext = decode_either(string(case, "original_plaintext_base64")).unwrap();
                assert_eq!(result, Ok(plaintext), "{name}");
            }
            "reject" => assert!(result.is_err(), "{name}"),
            "either" => {}
            unknown => panic!("{name}: {unknown}"),
        }

        let because = if name.starts_with("low-order") {
            Some("low order")
        } else if name.starts_with("PKCS#7") || name == "ciphertext not a multiple of 16" {
            Some("decryption")
        } else if name.starts_with("mac is the first") || name == "mac 33 bytes" {
            Some("mac encoding")
        } else {
            None
        };
        if let Some(because) = because {
            assert_eq!(result, Err(because), "{name}");
        }
    }
}

#[test]
fn sender_and_recipient_agree() {
    let key = BackupDecryptionKey::from_slice(&[1; 32]).unwrap();
    let ephemeral = hazmat::EphemeralSecretKey::from_slice(&[2; 32]).unwrap();
    let sent = SharedSecret::for_sender(&key.public_key(), &ephemeral).unwrap();
    let received = SharedSecret::for_recipient(&key, &ephemeral.public_key()).unwrap();
    assert_eq!(sent, received);
    assert_eq!(sent.message_keys(), received.message_keys());
    assert_eq!(
        MessageKeys::for_sender(&key.public_key(), &ephemeral).unwrap(),
        sent.message_keys()
    );
}

// K-2, V1-3, V1-5, V2-4: a message of the proposal's author, with every intermediate value.
#[test]
fn the_published_message_matches() {
    let file = vectors("published.json");
    let mut seen = 0;
    for case in array(&file, "vectors").iter().filter(|case| case["intermediates"].is_object()) {
        let key = BackupDecryptionKey::from_base64(string(case, "decryption_key")).unwrap();
        let expected = &case["intermediates"];
        assert_eq!(key.public_key().to_base64(), string(expected, "backup_public_key"));
        assert_eq!(key.mac_key().expose_bytes(), unhex(string(expected, "backup_mac_key_hex")));

        let signable = string(expected, "canonical_json_utf8").as_bytes();
        let computed = key.mac_key().mac(signable);
        assert_eq!(computed.to_base64(), string(expected, "computed_backup_mac"));
        let published = string(&case["session_data"]["unsigned"], "org.matrix.msc4048.backup_mac");
        let verified = BackupMac::from_base64_strict(published)
            .is_ok_and(|mac| key.mac_key().verify(signable, &mac).is_ok());
        assert_eq!(verified, string(case, "expected_by_publisher") == "accept");

        let ephemeral = EphemeralPublicKey::from_slice(&unhex(string(expected, "ephemeral_hex")));
        let shared = SharedSecret::for_recipient(&key, &ephemeral.unwrap()).unwrap();
        let keys = shared.message_keys();
        assert_eq!(shared.expose_bytes(), unhex(string(expected, "shared_secret_hex")));
        assert_eq!(keys.expose_bytes(), unhex(string(expected, "hkdf80_hex")));
        assert_eq!(keys.v1_mac().to_base64(), string(expected, "v1_mac_deployed"));
        let plaintext = keys.decrypt(&unhex(string(expected, "ciphertext_hex"))).unwrap();
        assert_eq!(*plaintext, unhex(string(expected, "plaintext_hex")));
        seen += 1;
    }
    assert!(seen >= 2, "{seen}");
}

// K-2, V2-4: a MAC that another implementer published by itself.
#[test]
fn the_published_mac_matches() {
    let file = vectors("published.json");
    let mut seen = 0;
    for case in array(&file, "vectors").iter().filter(|case| case["canonical_json"].is_string()) {
        let key = BackupDecryptionKey::from_base64(string(case, "decryption_key")).unwrap();
        let mac = key.mac_key().mac(string(case, "canonical_json").as_bytes());
        assert_eq!(mac.to_base64(), string(case, "expected_backup_mac"));
        seen += 1;
    }
    assert!(seen >= 1, "{seen}");
}

fn keys_and_data(key: &str, name: &str, data: &Value) -> (AesCtrHmacKeys, CtrIv, Vec<u8>, Vec<u8>) {
    (
        AesCtrHmacKeys::from_hkdf(&unhex(key), name.as_bytes()),
        CtrIv::from_slice(&decode_either(string(data, "iv")).unwrap()).unwrap(),
        decode_either(string(data, "ciphertext")).unwrap(),
        decode_either(string(data, "mac")).unwrap(),
    )
}

// S-1
#[test]
fn secrets_of_deployed_writers_decrypt() {
    let file = vectors("secret_storage.json");
    let mut seen = 0;
    for account in [array(&file, "encrypted_js"), array(&file, "encrypted_rust")].concat() {
        for secret in array(&account, "secrets") {
            let encrypted = secret["account_data"]["content"]["encrypted"].as_object().unwrap();
            for data in encrypted.values() {
                let (keys, iv, mut text, tag) =
                    keys_and_data(string(&account, "key_hex"), string(secret, "name"), data);
                assert_eq!(keys.verify(&[&text], &tag), Ok(()));
                assert_eq!(iv.as_bytes()[8] & 0x80, 0);
                keys.apply_keystream(&iv, &mut text);
                assert_eq!(text, string(secret, "plaintext").as_bytes());
                seen += 1;
            }
        }
    }
    assert!(seen >= 50, "{seen}");
}

// S-1: the counter has 128 bits.
#[test]
fn the_counter_wraps_at_128_bits() {
    let file = vectors("secret_storage.json");
    let cases = array(&file, "ctr_wrap");
    assert!(cases.len() >= 2);
    for case in cases {
        let (keys, iv, mut text, tag) =
            keys_and_data(string(case, "key_hex"), string(case, "name"), &case["js_data"]);
        assert_eq!(iv.as_bytes(), unhex(string(case, "iv_hex")));
        assert_eq!(keys.verify(&[&text], &tag), Ok(()));
        keys.apply_keystream(&iv, &mut text);
        assert_eq!(encode_unpadded(&text), string(case, "expected_plaintext_base64"));
    }
}
