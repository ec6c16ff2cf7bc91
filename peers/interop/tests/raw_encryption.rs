//! The encryption scheme of v1 and v2 (K-1, V1-2 to V1-5, V1-7) against vodozemac's.

use interop::{DecryptionKey, ephemeral_from_vodozemac};
use matrix_key_backup_primitives::{
    BackupPublicKey, EphemeralPublicKey, V1Mac, base64,
    hazmat::{EphemeralSecretKey, MessageKeys},
};
use rand::{RngExt, random, rng};
use vodozemac::{
    Curve25519PublicKey,
    pk_encryption::{Message, PkEncryption},
};

/// From nothing over every length around a block's end to more than any room key has.
const LENGTHS: std::ops::RangeInclusive<usize> = 0..=1100;

fn plaintext(length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    rng().fill(bytes.as_mut_slice());
    bytes
}

#[test]
fn one_decryption_key_has_one_public_key() {
    for _ in 0..200 {
        let key = DecryptionKey::random();
        let ours = key.ours.public_key().to_base64();
        assert_eq!(ours, key.vodozemac.public_key().to_base64(), "key {:?}", key.bytes);
        assert_eq!(ours, key.sdk.megolm_v1_public_key().to_base64(), "key {:?}", key.bytes);
    }
}

#[test]
fn bits_that_clamping_clears_do_not_change_the_public_key() {
    let key = DecryptionKey::random();
    let mut twin = key.bytes;
    twin[0] ^= 0b111;
    twin[31] ^= 0b1000_0000;
    let twin = DecryptionKey::from_bytes(twin);
    assert_eq!(twin.ours.public_key(), key.ours.public_key());
    assert_eq!(twin.vodozemac.public_key(), key.vodozemac.public_key());
    assert_ne!(twin.ours.mac_key(), key.ours.mac_key(), "K-2 takes the bytes as they are");
}

#[test]
fn we_decrypt_what_vodozemac_encrypted() {
    let key = DecryptionKey::random();
    let encryption = PkEncryption::from_key(key.vodozemac.public_key());
    for length in LENGTHS {
        let plaintext = plaintext(length);
        let message = encryption.encrypt(&plaintext).unwrap();
        let ephemeral = ephemeral_from_vodozemac(&message.ephemeral_key);
        let keys = MessageKeys::for_recipient(&key.ours, &ephemeral).unwrap();
        let mac = V1Mac::from_base64(&vodozemac::base64_encode(&message.mac)).unwrap();
        keys.verify_v1_mac(&mac).unwrap();
        assert_eq!(*keys.decrypt(&message.ciphertext).unwrap(), plaintext, "{length} bytes");
    }
}

#[test]
fn vodozemac_decrypts_what_we_encrypted() {
    let key = DecryptionKey::random();
    for length in LENGTHS {
        let plaintext = plaintext(length);
        let ephemeral = EphemeralSecretKey::generate(&mut rng());
        let keys = MessageKeys::for_sender(&key.ours.public_key(), &ephemeral).unwrap();
        let message = Message::from_base64(
            &base64::encode_unpadded(&keys.encrypt(&plaintext)),
            &keys.v1_mac().to_base64(),
            &ephemeral.public_key().to_base64(),
        )
        .unwrap();
        assert_eq!(key.vodozemac.decrypt(&message).unwrap(), plaintext, "{length} bytes");
    }
}

#[test]
fn both_refuse_a_changed_ciphertext_or_neither_does() {
    let key = DecryptionKey::random();
    let encryption = PkEncryption::from_key(key.vodozemac.public_key());
    let mut refused = 0;
    for _ in 0..2000 {
        let mut message = encryption.encrypt(&plaintext(rng().random_range(0..64))).unwrap();
        match rng().random_range(0..3) {
            0 => *message.ciphertext.last_mut().unwrap() ^= random::<u8>(),
            1 => message.ciphertext.truncate(rng().random_range(0..message.ciphertext.len())),
            _ => message.ciphertext.extend_from_slice(&random::<[u8; 16]>()),
        }
        let keys = MessageKeys::for_recipient(
            &key.ours,
            &ephemeral_from_vodozemac(&message.ephemeral_key),
        )
        .unwrap();
        let ours = keys.decrypt(&message.ciphertext).ok().map(|plaintext| plaintext.to_vec());
        assert_eq!(
            ours,
            key.vodozemac.decrypt(&message).ok(),
            "ciphertext {:?}",
            message.ciphertext
        );
        refused += usize::from(ours.is_none());
    }
    assert!(refused > 1000, "only {refused} of 2000 changes were seen");
}

// V1-7
#[test]
fn both_refuse_points_of_low_order() {
    let key = DecryptionKey::random();
    for point in LOW_ORDER {
        let mut bytes = [0; 32];
        for (byte, digits) in bytes.iter_mut().zip(point.as_bytes().chunks(2)) {
            *byte = u8::from_str_radix(str::from_utf8(digits).unwrap(), 16).unwrap();
        }
        for high_bit in [0, 0x80] {
            bytes[31] = bytes[31] & 0x7f | high_bit;
            let ephemeral = EphemeralPublicKey::from_slice(&bytes).unwrap();
            assert!(MessageKeys::for_recipient(&key.ours, &ephemeral).is_err(), "{bytes:x?}");
            let ephemeral_key = Curve25519PublicKey::from_bytes(bytes);
            let message = Message { ciphertext: vec![0; 16], mac: vec![0; 8], ephemeral_key };
            assert!(key.vodozemac.decrypt(&message).is_err(), "{bytes:x?}");

            let public_key = BackupPublicKey::from_slice(&bytes).unwrap();
            let own = EphemeralSecretKey::generate(&mut rng());
            assert!(MessageKeys::for_sender(&public_key, &own).is_err(), "{bytes:x?}");
            assert!(PkEncryption::from_key(ephemeral_key).encrypt(b"").is_err(), "{bytes:x?}");
        }
    }
}

/// Every u-coordinate below 2^255 of a point of small order, on the curve or its twist.
const LOW_ORDER: [&str; 7] = [
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
];
