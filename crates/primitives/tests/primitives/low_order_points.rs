//! V1-7: no message is encrypted to, or accepted from, a point of low order.

use matrix_key_backup_primitives::{
    BackupDecryptionKey, BackupPublicKey, EphemeralPublicKey,
    hazmat::{self, EphemeralSecretKey, LowOrderPoint, MessageKeys, SharedSecret},
};

use crate::support::{Always, unhex};

/// Every u-coordinate below 2^255 that X25519 maps to zero: points of order 1, 2, 4 and 8, on the
/// curve and on its twist, and the encodings of 0 and 1 that are not reduced modulo p.
const LOW_ORDER: [(&str, &str); 7] = [
    ("0", "0000000000000000000000000000000000000000000000000000000000000000"),
    ("1", "0100000000000000000000000000000000000000000000000000000000000000"),
    ("order 8, a", "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"),
    ("order 8, b", "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"),
    ("p - 1", "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
    ("p", "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
    ("p + 1", "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
];

/// The points above, and again with bit 255 set, which X25519 ignores.
fn low_order_encodings() -> impl Iterator<Item = (&'static str, Vec<u8>)> {
    LOW_ORDER.into_iter().flat_map(|(name, point)| {
        let point = unhex(point);
        let mut with_bit_255 = point.clone();
        with_bit_255[31] |= 0x80;
        [(name, point), (name, with_bit_255)]
    })
}

#[test]
fn the_recipient_rejects_them() {
    let key = BackupDecryptionKey::from_slice(&[0x5A; 32]).unwrap();
    for (name, point) in low_order_encodings() {
        let point = EphemeralPublicKey::from_slice(&point).unwrap();
        assert_eq!(SharedSecret::for_recipient(&key, &point), Err(LowOrderPoint), "{name}");
        assert_eq!(MessageKeys::for_recipient(&key, &point), Err(LowOrderPoint), "{name}");
        assert!(hazmat::decrypt(&key, &point, &[0; 16]).is_err(), "{name}");
    }
}

#[test]
fn the_sender_rejects_them() {
    let ephemeral = EphemeralSecretKey::from_slice(&[0x5A; 32]).unwrap();
    for (name, point) in low_order_encodings() {
        let point = BackupPublicKey::from_slice(&point).unwrap();
        assert_eq!(SharedSecret::for_sender(&point, &ephemeral), Err(LowOrderPoint), "{name}");
        assert_eq!(MessageKeys::for_sender(&point, &ephemeral), Err(LowOrderPoint), "{name}");
        assert_eq!(hazmat::encrypt(&point, b"", &mut Always(0x5A)), Err(LowOrderPoint), "{name}");
    }
}

/// Only low order is a reason to reject: an encoding that is merely not reduced is none, and
/// neither is bit 255 (V2-12), which changes nothing.
#[test]
fn other_unreduced_points_are_accepted() {
    let key = BackupDecryptionKey::from_slice(&[0x5A; 32]).unwrap();
    for low in 0xef..=0xff {
        let mut point = [0xff; 32];
        point[0] = low;
        point[31] = 0x7f;
        let shared =
            SharedSecret::for_recipient(&key, &EphemeralPublicKey::from_slice(&point).unwrap());
        point[31] |= 0x80;
        let with_bit_255 =
            SharedSecret::for_recipient(&key, &EphemeralPublicKey::from_slice(&point).unwrap());
        assert!(shared.is_ok());
        assert_eq!(shared, with_bit_255);
    }
}
