//! What holds for every input.

use matrix_key_backup_primitives::{
    AesCtrHmacKeys, BackupDecryptionKey, BackupMac, BackupMacKey, BackupPublicKey, CtrIv,
    EphemeralPublicKey, MacEncodingError, V1Mac,
    base64::{
        decode_either, decode_either_secret, decode_unpadded, encode_unpadded,
        encode_unpadded_secret,
    },
    hazmat::{self, EphemeralSecretKey, MessageKeys},
    key_representation::{self, KeyBytes},
};
use proptest::{collection::vec, prelude::*};

use crate::support::{Always, with_one_bit_flipped};

fn bytes(length: usize) -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), length)
}

fn message() -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..300)
}

/// The padded form, by the definition of RFC 4648.
fn padded(unpadded: &str) -> String {
    format!("{unpadded}{}", "=".repeat(unpadded.len().next_multiple_of(4) - unpadded.len()))
}

proptest! {
    // V1-2 to V1-4
    #[test]
    fn what_is_encrypted_decrypts(key in bytes(32), seed: u8, plaintext in message()) {
        let key = BackupDecryptionKey::from_slice(&key).unwrap();
        let sent = hazmat::encrypt(&key.public_key(), &plaintext, &mut Always(seed)).unwrap();
        prop_assert_eq!(sent.ciphertext.len(), (plaintext.len() / 16 + 1) * 16);
        let received = hazmat::decrypt(&key, &sent.ephemeral, &sent.ciphertext).unwrap();
        prop_assert_eq!(&*received, &plaintext);
    }

    // V1-4
    #[test]
    fn a_ciphertext_has_whole_blocks(keys in bytes(80), ciphertext in message()) {
        let keys = MessageKeys::from_slice(&keys).unwrap();
        if ciphertext.is_empty() || ciphertext.len() % 16 != 0 {
            prop_assert!(keys.decrypt(&ciphertext).is_err());
        } else if let Ok(plaintext) = keys.decrypt(&ciphertext) {
            // Padding has one form only, so that nothing but this ciphertext gives this plaintext.
            prop_assert_eq!(keys.encrypt(&plaintext), ciphertext);
        }
    }

    // V1-4: CBC carries a changed bit over to the next block. Where that block is nothing but
    // padding, every such change breaks it.
    #[test]
    fn every_byte_of_the_padding_is_checked(keys in bytes(80), blocks in 1..4_usize, fill: u8) {
        let keys = MessageKeys::from_slice(&keys).unwrap();
        let ciphertext = keys.encrypt(&vec![fill; blocks * 16]);
        let (before, rest) = ciphertext.split_at((blocks - 1) * 16);
        let (block, padding) = rest.split_at(16);
        for block in with_one_bit_flipped(block) {
            prop_assert!(keys.decrypt(&[before, &block, padding].concat()).is_err());
        }
    }

    // V2-4
    #[test]
    fn no_changed_bit_verifies(key in bytes(32), content in vec(any::<u8>(), 1..40)) {
        let key = BackupMacKey::from_slice(&key).unwrap();
        let mac = key.mac(&content);
        prop_assert!(key.verify(&content, &mac).is_ok());
        for content in with_one_bit_flipped(&content) {
            prop_assert!(key.verify(&content, &mac).is_err());
        }
        for mac in with_one_bit_flipped(&decode_unpadded(&mac.to_base64()).unwrap()) {
            let mac = BackupMac::from_base64_strict(&encode_unpadded(&mac)).unwrap();
            prop_assert!(key.verify(&content, &mac).is_err());
        }
        for key in with_one_bit_flipped(key.expose_bytes()) {
            prop_assert!(BackupMacKey::from_slice(&key).unwrap().verify(&content, &mac).is_err());
        }
    }

    // V1-5
    #[test]
    fn no_changed_bit_of_a_v1_mac_verifies(keys in bytes(80)) {
        let keys = MessageKeys::from_slice(&keys).unwrap();
        let mac = keys.v1_mac();
        prop_assert!(keys.verify_v1_mac(&mac).is_ok());
        for mac in with_one_bit_flipped(&decode_unpadded(&mac.to_base64()).unwrap()) {
            let mac = V1Mac::from_base64(&encode_unpadded(&mac)).unwrap();
            prop_assert!(keys.verify_v1_mac(&mac).is_err());
        }
    }

    // V1-5, V2-4: a MAC has all its bytes and no more.
    #[test]
    fn a_mac_of_another_length_is_wrong(mac in vec(any::<u8>(), 0..70)) {
        let text = encode_unpadded(&mac);
        match BackupMac::from_base64_strict(&text) {
            Ok(_) => prop_assert_eq!(mac.len(), 32),
            Err(MacEncodingError::Length { expected, found, .. }) => {
                prop_assert_eq!((expected, found), (32, mac.len()));
                prop_assert_ne!(found, 32);
            }
            Err(error) => panic!("{error}"),
        }
        prop_assert_eq!(V1Mac::from_base64(&text).is_ok(), mac.len() == 8);
        prop_assert_eq!(V1Mac::from_base64(&padded(&text)).is_ok(), mac.len() == 8);
    }

    // S-1, E-1
    #[test]
    fn aes_ctr_hmac_round_trips(ikm in bytes(32), info in message(), iv in bytes(16), text in message()) {
        let keys = AesCtrHmacKeys::from_hkdf(&ikm, &info);
        let iv = CtrIv::from_slice(&iv).unwrap();
        let mut encrypted = text.clone();
        keys.apply_keystream(&iv, &mut encrypted);
        prop_assert!(text.len() < 16 || encrypted != text);

        let tag = keys.mac(&[iv.as_bytes(), &encrypted]);
        prop_assert_eq!(keys.mac(&[&[iv.as_bytes(), &encrypted].concat()]), tag);
        prop_assert!(keys.verify(&[iv.as_bytes(), &encrypted], tag.as_bytes()).is_ok());
        for wrong in with_one_bit_flipped(tag.as_bytes()) {
            prop_assert!(keys.verify(&[iv.as_bytes(), &encrypted], &wrong).is_err());
        }
        for length in 0..32 {
            let truncated = &tag.as_bytes()[..length];
            prop_assert!(keys.verify(&[iv.as_bytes(), &encrypted], truncated).is_err());
        }
        let longer = [tag.as_bytes(), &[0]].concat();
        prop_assert!(keys.verify(&[iv.as_bytes(), &encrypted], &longer).is_err());

        keys.apply_keystream(&iv, &mut encrypted);
        prop_assert_eq!(encrypted, text);
    }

    // K-4, V2-12: for some bytes there is exactly one unpadded text, and one padded.
    #[test]
    fn base64_has_one_form(text in "[A-Ca-c0-2+/=_ -]{0,9}") {
        if let Ok(decoded) = decode_unpadded(&text) {
            prop_assert_eq!(&encode_unpadded(&decoded), &text);
        }
        if let Ok(decoded) = decode_either(&text) {
            let unpadded = encode_unpadded(&decoded);
            prop_assert!(text == unpadded || text == padded(&unpadded));
        }
    }

    // K-4, V2-12: what is public is read by other code than what is secret, and by the same rules,
    // in texts long enough for vector instructions.
    #[test]
    fn both_readers_of_base64_agree(
        bytes in vec(any::<u8>(), 0..200),
        place in any::<prop::sample::Index>(),
        typed in prop::option::of("[A-Za-z0-9+/=_ \\-\n\\x00\\x7fé]"),
        is_padded in any::<bool>(),
    ) {
        let mut text = encode_unpadded(&bytes);
        if is_padded {
            text = padded(&text);
        }
        if let (Some(typed), false) = (typed, text.is_empty()) {
            let place = place.index(text.len());
            text.replace_range(place..=place, &typed);
        }
        let secret = decode_either_secret(&text).map(|bytes| bytes.to_vec());
        prop_assert_eq!(&decode_either(&text), &secret);
        if !text.ends_with('=') {
            prop_assert_eq!(decode_unpadded(&text), secret);
        }
    }

    #[test]
    fn base64_round_trips(bytes in message()) {
        let text = encode_unpadded(&bytes);
        prop_assert_eq!(&*encode_unpadded_secret(&bytes), &text);
        prop_assert_eq!(&decode_unpadded(&text).unwrap(), &bytes);
        prop_assert_eq!(&decode_either(&text).unwrap(), &bytes);
        prop_assert_eq!(&decode_either(&padded(&text)).unwrap(), &bytes);
        prop_assert_eq!(&*decode_either_secret(&padded(&text)).unwrap(), &bytes);
        let has_padding = bytes.len() % 3 != 0;
        prop_assert_eq!(decode_unpadded(&padded(&text)).is_err(), has_padding);
        for tail in ["=", "==", "===", "====", " ", "\n", "\0", "A===", "é"] {
            let longer = format!("{text}{tail}");
            prop_assert!(longer == padded(&text) || decode_either(&longer).is_err());
        }
    }

    // K-4, V2-12
    #[test]
    fn keys_round_trip_through_base64(bytes in bytes(32)) {
        let text = encode_unpadded(&bytes);
        prop_assert_eq!(text.len(), 43);
        let padded = padded(&text);

        let public = BackupPublicKey::from_slice(&bytes).unwrap();
        prop_assert_eq!(public.as_bytes(), &bytes);
        prop_assert_eq!(public.to_base64(), &*text);
        prop_assert_eq!(public.to_string(), &*text);
        prop_assert_eq!(format!("{public:?}"), format!("BackupPublicKey({text})"));
        prop_assert_eq!(BackupPublicKey::from_base64(&text).unwrap(), public);
        prop_assert_eq!(BackupPublicKey::from_base64(&padded).unwrap(), public);

        let ephemeral = EphemeralPublicKey::from_slice(&bytes).unwrap();
        prop_assert_eq!(ephemeral.as_bytes(), &bytes);
        prop_assert_eq!(ephemeral.to_base64(), &*text);
        prop_assert_eq!(ephemeral.to_string(), &*text);
        prop_assert_eq!(format!("{ephemeral:?}"), format!("EphemeralPublicKey({text})"));
        prop_assert_eq!(EphemeralPublicKey::from_base64(&padded).unwrap(), ephemeral);
        prop_assert_eq!(EphemeralPublicKey::from_base64_strict(&text).unwrap(), ephemeral);
        prop_assert!(EphemeralPublicKey::from_base64_strict(&padded).is_err());

        let mac = BackupMac::from_base64_strict(&text).unwrap();
        prop_assert_eq!(mac.to_base64(), &*text);
        prop_assert_eq!(format!("{mac:?}"), format!("BackupMac({text})"));
        prop_assert!(BackupMac::from_base64_strict(&padded).is_err());

        let key = BackupDecryptionKey::from_slice(&bytes).unwrap();
        prop_assert_eq!(&*key.expose_base64(), &*text);
        prop_assert_eq!(&BackupDecryptionKey::from_base64(&text).unwrap(), &key);
        prop_assert_eq!(&BackupDecryptionKey::from_base64(&padded).unwrap(), &key);
    }

    // K-3
    #[test]
    fn keys_round_trip_through_base58(bytes in bytes(32)) {
        let key = KeyBytes::from_slice(&bytes).unwrap();
        let text = key_representation::encode(&key);
        prop_assert_eq!(text.len(), 59);
        prop_assert!(text.split(' ').all(|group| group.len() == 4));
        prop_assert_eq!(&key_representation::decode(&text).unwrap(), &key);
        prop_assert_eq!(&key_representation::decode(&text.replace(' ', "")).unwrap(), &key);
        let decryption_key = BackupDecryptionKey::from_slice(&bytes).unwrap();
        prop_assert_eq!(&*decryption_key.expose_base58(), &*text);
        prop_assert_eq!(&BackupDecryptionKey::from_base58(&text).unwrap(), &decryption_key);
    }

    // K-3: a slip of the pen is found, or gives the key that is written there; never a third thing.
    #[test]
    fn a_key_has_one_representation(bytes in bytes(32), place in 0..48_usize, typed in "[1-9A-HJ-NP-Za-km-z]") {
        let key = BackupDecryptionKey::from_slice(&bytes).unwrap();
        let mut text = key.expose_base58().replace(' ', "");
        text.replace_range(place..=place, &typed);
        if let Ok(read) = BackupDecryptionKey::from_base58(&text) {
            prop_assert_eq!(read.expose_base58().replace(' ', ""), text);
        }
    }

    #[test]
    fn no_text_panics(text in any::<String>()) {
        let _ = key_representation::decode(&text);
        let _ = BackupDecryptionKey::from_base64(&text);
        let _ = EphemeralPublicKey::from_base64_strict(&text);
        let _ = BackupMac::from_base64_strict(&text);
        let _ = V1Mac::from_base64(&text);
    }
}

#[test]
fn ephemeral_keys_make_different_messages() {
    let key = BackupDecryptionKey::from_slice(&[7; 32]).unwrap();
    let first = hazmat::encrypt(&key.public_key(), b"text", &mut Always(1)).unwrap();
    let second = hazmat::encrypt(&key.public_key(), b"text", &mut Always(2)).unwrap();
    assert_ne!(first.ephemeral, second.ephemeral);
    assert_ne!(first.ciphertext, second.ciphertext);
    assert_eq!(first.ephemeral, EphemeralSecretKey::from_slice(&[1; 32]).unwrap().public_key());
}
