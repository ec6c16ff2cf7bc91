//! K-5: what must hold for every secret type.

use std::fmt::Debug;

use matrix_key_backup_primitives::{
    AesCtrHmacKeys, BackupDecryptionKey, BackupMacKey, CtrIv, Passphrase,
    hazmat::{EphemeralSecretKey, MessageKeys, Plaintext, SharedSecret},
    key_representation::KeyBytes,
};
use subtle::ConstantTimeEq;
use zeroize::ZeroizeOnDrop;

use crate::support::{Always, with_one_bit_flipped};

/// Fails to compile if a type implements a trait.
macro_rules! assert_not_implemented {
    ($type:ty: $($forbidden:path),* $(,)?) => {$({
        // Were the trait implemented, both impls would apply and the call would be ambiguous.
        trait Ambiguous<Marker> {
            fn check() {}
        }
        struct Implemented;
        impl<T: ?Sized> Ambiguous<()> for T {}
        impl<T: ?Sized + $forbidden> Ambiguous<Implemented> for T {}
        <$type as Ambiguous<_>>::check();
    })*};
}

macro_rules! assert_well_behaved {
    ($type:ident, $bytes:literal, $make:expr) => {
        assert_not_implemented!(
            $type: Copy, Default, PartialOrd, std::fmt::Display, std::fmt::LowerHex,
            std::hash::Hash, AsRef<[u8]>, std::ops::Deref,
        );
        check::<$type>(stringify!($type), $bytes, $make);
    };
}

fn check<Secret>(name: &str, length: usize, make: impl Fn(&[u8]) -> Secret)
where
    Secret: Clone + ConstantTimeEq + Debug + Eq + ZeroizeOnDrop,
{
    assert!(std::mem::needs_drop::<Secret>(), "{name}");

    let bytes: Vec<u8> = (100..).take(length).collect();
    let secret = make(&bytes);
    assert_eq!(format!("{secret:?}"), format!("{name}([redacted])"));
    let pretty = format!("{secret:#?} {secret:02x?} {secret:X?}");
    assert!(!pretty.contains(|c: char| c.is_ascii_digit()), "{pretty}");

    assert!(secret == secret.clone());
    assert!(bool::from(secret.ct_eq(&make(&bytes))));
    for other in with_one_bit_flipped(&bytes) {
        let other = make(&other);
        assert!(secret != other);
        assert!(!bool::from(secret.ct_eq(&other)));
    }
}

#[test]
fn secrets_are_redacted_wiped_and_compared_in_constant_time() {
    assert_well_behaved!(BackupDecryptionKey, 32, |bytes| {
        BackupDecryptionKey::from_slice(bytes).unwrap()
    });
    assert_well_behaved!(BackupMacKey, 32, |bytes| BackupMacKey::from_slice(bytes).unwrap());
    assert_well_behaved!(Passphrase, 20, |bytes| {
        Passphrase::new(bytes.iter().copied().map(char::from).collect::<String>())
    });
    assert_well_behaved!(KeyBytes, 32, |bytes| KeyBytes::from_slice(bytes).unwrap());
    assert_well_behaved!(EphemeralSecretKey, 32, |bytes| {
        EphemeralSecretKey::from_slice(bytes).unwrap()
    });
    assert_well_behaved!(MessageKeys, 80, |bytes| MessageKeys::from_slice(bytes).unwrap());
    // These two come out of a derivation only.
    assert_well_behaved!(AesCtrHmacKeys, 8, |bytes| AesCtrHmacKeys::from_hkdf(bytes, b""));
    assert_not_implemented!(
        SharedSecret: Copy, Default, PartialOrd, std::fmt::Display, std::hash::Hash,
    );
    let shared = |key: u8| {
        let key = BackupDecryptionKey::from_slice(&[key; 32]).unwrap();
        let ephemeral = EphemeralSecretKey::from_slice(&[200; 32]).unwrap();
        SharedSecret::for_recipient(&key, &ephemeral.public_key()).unwrap()
    };
    let decrypted = |text: &[u8]| {
        let keys = MessageKeys::from_slice(&[7; 80]).unwrap();
        keys.decrypt(&keys.encrypt(text)).unwrap()
    };
    check::<Plaintext>("Plaintext", 20, decrypted);
    assert_eq!(format!("{:?}", shared(100)), "SharedSecret([redacted])");
    assert!(shared(100) == shared(100));
    assert!(shared(100) != shared(200));
    fn is_wiped<T: ZeroizeOnDrop + ConstantTimeEq>(_: &T) {}
    is_wiped(&shared(100));
}

// K-5: an error does not carry the text that it rejects.
#[test]
fn errors_do_not_quote_secrets() {
    let text = "6EHEWS/hVPZdT2b1PCiUlaCtcYKISjy22talUAg52X!";
    let base64 = BackupDecryptionKey::from_base64(text).unwrap_err();
    let base58 = BackupDecryptionKey::from_base58(text).unwrap_err();
    for shown in [format!("{base64} {base64:?}"), format!("{base58} {base58:?}")] {
        assert!(!shown.contains("6E") && !shown.contains("2X") && !shown.contains('!'), "{shown}");
    }
}

// K-1: the bytes are kept unclamped.
#[test]
fn a_generated_key_is_what_the_generator_gave() {
    assert_eq!(BackupDecryptionKey::generate(&mut Always(0xFF)).expose_bytes(), [0xFF; 32]);
    assert_eq!(
        EphemeralSecretKey::generate(&mut Always(0xFF)),
        EphemeralSecretKey::from_slice(&[0xFF; 32]).unwrap()
    );
}

#[cfg(feature = "getrandom")]
#[test]
fn random_keys_differ() {
    assert_ne!(BackupDecryptionKey::random().unwrap(), BackupDecryptionKey::random().unwrap());
    assert_ne!(EphemeralSecretKey::random().unwrap(), EphemeralSecretKey::random().unwrap());
    assert_ne!(CtrIv::random().unwrap(), CtrIv::random().unwrap());
}

// S-1, E-1
#[test]
fn bit_63_of_a_generated_iv_is_clear() {
    let iv = CtrIv::generate(&mut Always(0xFF));
    assert_eq!(iv.as_bytes(), [&[0xFF; 8][..], &[0x7F], &[0xFF; 7]].concat());
    #[cfg(feature = "getrandom")]
    for _ in 0..64 {
        assert_eq!(CtrIv::random().unwrap().as_bytes()[8] & 0x80, 0);
    }
}

#[test]
fn lengths_are_exact() {
    for length in (0..=100).filter(|&length| length != 32) {
        let bytes = vec![0; length];
        let error = BackupDecryptionKey::from_slice(&bytes).unwrap_err();
        assert_eq!((error.expected, error.found), (32, length));
        assert!(BackupMacKey::from_slice(&bytes).is_err());
        assert!(KeyBytes::from_slice(&bytes).is_err());
        assert!(EphemeralSecretKey::from_slice(&bytes).is_err());
        assert!(matrix_key_backup_primitives::BackupPublicKey::from_slice(&bytes).is_err());
        assert!(matrix_key_backup_primitives::EphemeralPublicKey::from_slice(&bytes).is_err());
        assert_eq!(MessageKeys::from_slice(&bytes).is_ok(), length == 80);
        assert_eq!(CtrIv::from_slice(&bytes).is_ok(), length == 16);
    }
}
