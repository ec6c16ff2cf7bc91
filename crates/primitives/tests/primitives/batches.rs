//! Many messages at once give what each of them gives alone, on every tier.

use matrix_key_backup_primitives::{
    BackupDecryptionKey, BackupPublicKey, EphemeralPublicKey,
    hazmat::{
        self, DecryptionFailed, Decryptor, Encryptor, EphemeralSecretKey, LowOrderPoint,
        MessageKeys, RawMessage, Tier,
    },
};

use crate::support::{Counting, tiers};

/// Around the 4 and the 8 that take turns or lie side by side, and more than fit at once.
const SIZES: [usize; 14] = [0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 70, 257];

fn key() -> BackupDecryptionKey {
    BackupDecryptionKey::from_slice(&[0x5A; 32]).unwrap()
}

/// Plaintexts of all lengths around a block, and longer ones.
fn plaintexts(count: usize) -> Vec<Vec<u8>> {
    (0..count).map(|at| (0..at * 37 % 90).map(|byte| (byte ^ at) as u8).collect()).collect()
}

fn received(sent: &[RawMessage]) -> Vec<(EphemeralPublicKey, Vec<u8>)> {
    sent.iter().map(|message| (message.ephemeral, message.ciphertext.clone())).collect()
}

// V1-2 to V1-4
#[test]
fn a_batch_is_what_its_messages_are_alone() {
    for (tier, count) in tiers().flat_map(|tier| SIZES.map(|count| (tier, count))) {
        let plaintexts = plaintexts(count);
        let (mut rng, mut same_rng) = (Counting::default(), Counting::default());
        let encryptor = Encryptor::with_tier(&key().public_key(), tier).unwrap();
        let batch = encryptor.encrypt_batch(&plaintexts, &mut rng).unwrap();
        let alone = |plaintext: &Vec<u8>| {
            hazmat::encrypt(&key().public_key(), plaintext, &mut same_rng).unwrap()
        };
        assert_eq!(batch, plaintexts.iter().map(alone).collect::<Vec<_>>(), "{tier}, {count}");

        let decryptor = Decryptor::with_tier(key(), tier).unwrap();
        let decrypted = decryptor.decrypt_batch(&received(&batch));
        assert_eq!(decrypted.len(), count);
        for ((decrypted, plaintext), sent) in decrypted.iter().zip(&plaintexts).zip(&batch) {
            assert_eq!(
                decrypted.as_ref().map(|text| &**text),
                Ok(&plaintext[..]),
                "{tier}, {count}"
            );
            let alone = decryptor.decrypt(&sent.ephemeral, &sent.ciphertext);
            assert_eq!(alone.as_deref(), Ok(&plaintext[..]));
        }
    }
}

#[test]
fn one_message_with_tables_is_one_without() {
    for tier in tiers() {
        let encryptor = Encryptor::with_tier(&key().public_key(), tier).unwrap();
        for seed in 0..20 {
            let (mut rng, mut same_rng) = (Counting(seed), Counting(seed));
            assert_eq!(
                encryptor.encrypt(b"plaintext", &mut rng),
                hazmat::encrypt(&key().public_key(), b"plaintext", &mut same_rng),
            );
            let secret = EphemeralSecretKey::generate(&mut Counting(seed));
            let keys = MessageKeys::for_sender(&key().public_key(), &secret).unwrap();
            assert_eq!(encryptor.message_keys(&secret), Ok((secret.public_key(), keys)));
        }
    }
}

// V1-7, and a ciphertext that is damaged: each fails by itself.
#[test]
fn what_does_not_decrypt_fails_alone() {
    for tier in tiers() {
        let plaintexts = plaintexts(21);
        let encryptor = Encryptor::with_tier(&key().public_key(), tier).unwrap();
        let sent = encryptor.encrypt_batch(&plaintexts, &mut Counting::default()).unwrap();
        let mut received = received(&sent);
        received[3].0 = EphemeralPublicKey::from_slice(&[0; 32]).unwrap();
        received[10].1.pop();
        *received[20].1.last_mut().unwrap() ^= 1;
        let decryptor = Decryptor::with_tier(key(), tier).unwrap();
        for (place, result) in decryptor.decrypt_batch(&received).iter().enumerate() {
            if [3, 10, 20].contains(&place) {
                assert_eq!(*result, Err(DecryptionFailed), "{tier}, {place}");
            } else {
                let plaintext = result.as_ref().map(|text| &**text);
                assert_eq!(plaintext, Ok(&plaintexts[place][..]), "{tier}, {place}");
            }
        }
        let ephemeral: Vec<_> = received.iter().map(|(ephemeral, _)| *ephemeral).collect();
        for (place, keys) in decryptor.message_keys_batch(&ephemeral).into_iter().enumerate() {
            assert_eq!(keys, MessageKeys::for_recipient(&key(), &ephemeral[place]), "{tier}");
            assert_eq!(keys.is_err(), place == 3);
        }
    }
}

// V1-7
#[test]
fn nothing_is_encrypted_to_a_point_of_low_order() {
    let backup = BackupPublicKey::from_slice(&[0; 32]).unwrap();
    for tier in tiers() {
        let encryptor = Encryptor::with_tier(&backup, tier).unwrap();
        let mut rng = Counting::default();
        assert_eq!(encryptor.encrypt(b"", &mut rng), Err(LowOrderPoint));
        assert_eq!(encryptor.encrypt_batch(&["", "", ""], &mut rng), Err(LowOrderPoint));
        let secret = EphemeralSecretKey::generate(&mut rng);
        assert_eq!(encryptor.message_keys(&secret), Err(LowOrderPoint));
    }
}

// A key on the twist has no table.
#[test]
fn a_key_on_the_twist_is_as_good() {
    let backup = BackupPublicKey::from_slice(&[2; 32]).unwrap();
    for tier in tiers() {
        let encryptor = Encryptor::with_tier(&backup, tier).unwrap();
        let sent = encryptor.encrypt_batch(&plaintexts(9), &mut Counting::default()).unwrap();
        let mut rng = Counting::default();
        for (sent, plaintext) in sent.iter().zip(plaintexts(9)) {
            assert_eq!(Ok(sent), hazmat::encrypt(&backup, &plaintext, &mut rng).as_ref());
        }
    }
}

#[test]
fn a_portable_tier_is_always_there() {
    assert!(tiers().any(|tier| tier == Tier::Portable));
}
