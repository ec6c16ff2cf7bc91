//! Keys as a person sees them, and as they travel (K-3, K-4), against matrix-sdk-crypto's.

use interop::{DecryptionKey, vectors};
use matrix_key_backup_primitives::{BackupDecryptionKey, KeyRepresentationError};
use matrix_sdk_crypto::store::types::BackupDecryptionKey as SdkDecryptionKey;
use rand::{RngExt, rng, seq::IndexedRandom};

const KEYS: usize = 500;
const ALPHABET: &[u8] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

#[test]
fn base58_is_written_alike_and_read_both_ways() {
    for _ in 0..KEYS {
        let key = DecryptionKey::random();
        let ours = key.ours.expose_base58();
        assert_eq!(*ours, key.sdk.to_string());
        assert_eq!(SdkDecryptionKey::from_base58(&ours).unwrap().as_bytes(), &key.bytes);
        assert_eq!(BackupDecryptionKey::from_base58(&key.sdk.to_base58()).unwrap(), key.ours);
    }
}

#[test]
fn base64_is_written_alike_and_read_both_ways() {
    for _ in 0..KEYS {
        let key = DecryptionKey::random();
        let ours = key.ours.expose_base64();
        assert_eq!(*ours, key.sdk.to_base64());
        assert_eq!(SdkDecryptionKey::from_base64(&ours).unwrap().as_bytes(), &key.bytes);
        assert_eq!(BackupDecryptionKey::from_base64(&key.sdk.to_base64()).unwrap(), key.ours);
    }
}

/// Slips of the pen: a character changed, lost, doubled, swapped with its neighbour.
#[test]
fn a_mistyped_key_is_read_alike_or_refused_by_both() {
    for _ in 0..5000 {
        let key = DecryptionKey::random();
        let mut text = key.sdk.to_base58().into_bytes();
        let place = rng().random_range(0..text.len() - 1);
        match rng().random_range(0..3) {
            0 => text[place] = *ALPHABET.choose(&mut rng()).unwrap(),
            1 => drop(text.remove(place)),
            _ => text.swap(place, place + 1),
        }
        let text = String::from_utf8(text).unwrap();
        let ours =
            BackupDecryptionKey::from_base58(&text).ok().map(|key| key.expose_bytes().to_vec());
        let sdk = SdkDecryptionKey::from_base58(&text).ok().map(|key| key.as_bytes().to_vec());
        assert_eq!(ours, sdk, "{text}");
    }
}

/// A trap: what follows the parity byte is not looked at by matrix-sdk-crypto.
#[test]
fn bytes_after_the_key_are_refused_though_matrix_sdk_crypto_takes_them() {
    let mut taken = 0;
    for case in vectors("key_representation.json")["edge_and_invalid"].as_array().unwrap() {
        let text = case["string"].as_str().unwrap();
        if case["case"].as_str().unwrap().contains("good bytes + trailing") {
            assert!(SdkDecryptionKey::from_base58(text).is_ok(), "{case}");
            assert!(BackupDecryptionKey::from_base58(text).is_err(), "{case}");
            taken += 1;
        }
    }
    assert!(taken >= 2, "the vectors hold no such case");
}

/// A trap: its parity error prints a byte computed from the key; ours prints none.
#[test]
fn a_wrong_parity_tells_nothing_of_the_key() {
    let mut messages = Vec::new();
    for byte in 0..20 {
        let key = DecryptionKey::from_bytes([byte; 32]);
        let mut text = key.sdk.to_base58().into_bytes();
        // The last character carries the parity alone, but for a carry.
        *text.last_mut().unwrap() = if text.last() == Some(&b'2') { b'3' } else { b'2' };
        let text = String::from_utf8(text).unwrap();
        let error = BackupDecryptionKey::from_base58(&text).unwrap_err();
        assert_eq!(error, KeyRepresentationError::Parity);
        messages.push((format!("{error} {error:?}"), SdkDecryptionKey::from_base58(&text)));
    }
    let (first, _) = &messages[0];
    assert!(messages.iter().all(|(message, _)| message == first), "the message depends on the key");
    let theirs = messages.iter().map(|(_, sdk)| sdk.as_ref().err().unwrap().to_string());
    let theirs = theirs.collect::<std::collections::BTreeSet<_>>();
    assert!(theirs.len() > 1, "matrix-sdk-crypto no longer does this: the note can go");
}
