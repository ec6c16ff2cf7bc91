//! K-5: secrets are compared in constant time, wiped, and never printed.

use std::fmt::{Debug, Display};

use matrix_key_backup_primitives::KeyRepresentationError;
use matrix_key_backup_secret_storage::{
    DecryptedSecret, NewKey, OpenedKey, SecretStorageKey, UncheckedDecryptionKey,
};
use matrix_key_backup_wire::DECRYPTION_KEY_SECRET;
use subtle::ConstantTimeEq;
use zeroize::ZeroizeOnDrop;

use crate::support::{KEY, KEY_ID, content, encrypt, key, opened, rng, unchecked};

fn is_secret<T: Debug + Eq + ConstantTimeEq + ZeroizeOnDrop>() {}

#[test]
fn secrets_are_wiped_and_compared_in_constant_time() {
    is_secret::<SecretStorageKey>();
    is_secret::<DecryptedSecret>();
    for bit in 0..256 {
        let mut other = KEY;
        other[bit / 8] ^= 1 << (bit % 8);
        assert_ne!(key(&KEY), key(&other));
    }
    assert_eq!(key(&KEY), key(&KEY));
}

#[test]
fn nothing_prints_a_secret() {
    let text = matrix_key_backup_primitives::base64::encode_unpadded(&[9; 32]);
    let entry = content(KEY_ID, &encrypt(&KEY, DECRYPTION_KEY_SECRET, text.as_bytes()));
    let opened: OpenedKey = opened(true);
    let secret = opened.decrypt(DECRYPTION_KEY_SECRET, &entry).unwrap();
    let stored: UncheckedDecryptionKey = secret.clone().into_decryption_key().unwrap();
    let new_key = NewKey::generate(None, &mut rng());
    let new_bytes = new_key.opened().expose_key().expose_bytes()[0].to_string();
    assert_eq!(format!("{:?}", key(&KEY)), "SecretStorageKey([redacted])");
    for (debug, hidden) in [
        (format!("{opened:?}"), "42"),
        (format!("{secret:?}"), "CQkJ"),
        (format!("{stored:?}"), "9"),
        (format!("{:?}", new_key.opened().expose_key()), &*new_bytes),
    ] {
        assert!(debug.contains("[redacted]") && !debug.contains(hidden), "{debug}");
    }
}

/// What depends on a secret has no detail: two wrong keys are refused in the same words.
#[test]
fn errors_tell_nothing_of_a_secret() {
    let entry = content(KEY_ID, &encrypt(&KEY, "x", b"x"));
    let said = |byte| {
        let error = unchecked(&[byte; 32]).decrypt("x", &entry).unwrap_err();
        format!("{error} {error:?}")
    };
    assert_eq!(said(1), said(2));
    let garbage = |bytes: &[u8]| {
        let entry = content(KEY_ID, &encrypt(&KEY, DECRYPTION_KEY_SECRET, bytes));
        let secret = opened(true).decrypt(DECRYPTION_KEY_SECRET, &entry).unwrap();
        let error = secret.into_decryption_key().unwrap_err();
        format!("{error} {error:?}")
    };
    assert_eq!(garbage(&[0xff]), garbage(b"AAAA"));
}

#[test]
fn typing_errors_are_told_from_wrong_keys() {
    fn said(error: impl Display) -> String {
        error.to_string()
    }
    let typed = "EsT5 3ZT9 i8fi qvaD Fxda wmBn Koe4 zqs5 D6E2 WTAN ndkE Parn";
    let error = SecretStorageKey::from_base58(typed).unwrap_err();
    assert!(matches!(error, KeyRepresentationError::Parity), "{}", said(error));
    SecretStorageKey::from_slice(&[0; 31]).unwrap_err();
    SecretStorageKey::from_slice(&[0; 64]).unwrap_err();
}
