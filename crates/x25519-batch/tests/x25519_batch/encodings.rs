//! Points that are special by what they are, or by how they are written.

use crate::support::{batches, check_points, check_secrets, point, random, secret};

/// 2^255 − 19
const P: [u8; 32] = {
    let mut bytes = [0xff; 32];
    bytes[0] = 0xed;
    bytes[31] = 0x7f;
    bytes
};

/// A small number.
fn small(number: u8) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes[0] = number;
    bytes
}

/// p and a little more or less: what does not leave the lowest byte.
fn near_p(more: i8) -> [u8; 32] {
    let mut bytes = P;
    bytes[0] = bytes[0].checked_add_signed(more).unwrap();
    bytes
}

fn with_high_bit(mut bytes: [u8; 32]) -> [u8; 32] {
    bytes[31] |= 0x80;
    bytes
}

/// The u-coordinates of all points of low order, on the curve and on the twist, in all their
/// encodings.
fn low_order() -> Vec<[u8; 32]> {
    let of_order_8 = [
        [
            0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f,
            0xc4, 0x6a, 0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16,
            0x5f, 0x49, 0xb8, 0x00,
        ],
        [
            0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1, 0x55, 0x9c, 0x83,
            0xef, 0x5b, 0x04, 0x44, 0x5c, 0xc4, 0x58, 0x1c, 0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd,
            0xd0, 0x9f, 0x11, 0x57,
        ],
    ];
    // 0 and p, 1 and p + 1, p − 1.
    let mut points = vec![small(0), small(1), near_p(-1), near_p(0), near_p(1)];
    points.extend(of_order_8);
    points.extend(points.clone().into_iter().map(with_high_bit));
    points
}

#[test]
fn points_of_low_order_give_zero() {
    let keys: Vec<_> = random(1).take(9).collect();
    for batch in batches() {
        for shared in batch
            .diffie_hellman(&secret(&keys[0]), &low_order().iter().map(point).collect::<Vec<_>>())
        {
            assert!(!shared.is_contributory(), "{}", batch.tier());
            assert_eq!(shared.expose_bytes(), [0; 32], "{}", batch.tier());
        }
        for point in low_order() {
            check_secrets(&batch, &keys, &point);
        }
    }
}

/// One zero among the others, in each lane in turn, leaves them as they are.
#[test]
fn a_zero_does_not_spoil_its_neighbours() {
    let key = random(2).next().unwrap();
    for batch in batches() {
        let lanes = batch.tier().lanes();
        for place in 0..2 * lanes {
            let mut points: Vec<_> = random(3).take(2 * lanes).collect();
            points[place] = low_order()[place % low_order().len()];
            check_points(&batch, &key, &points);
        }
    }
}

#[test]
fn numbers_from_p_on_are_reduced_and_the_high_bit_is_ignored() {
    let keys: Vec<_> = random(4).take(5).collect();
    // p + 0 to p + 18 are all that is below 2^255 and not below p.
    let mut points: Vec<_> = (-19..19).map(near_p).collect();
    points.extend((0..20).map(small));
    points.extend(random(5).take(20));
    points.extend(points.clone().into_iter().map(with_high_bit));
    for batch in batches() {
        check_points(&batch, &keys[0], &points);
        for point in points.iter().step_by(7) {
            check_secrets(&batch, &keys, point);
        }
        for more in 0..19_i8 {
            let forms = [small(more.unsigned_abs()), near_p(more), with_high_bit(near_p(more))];
            let shared = batch.diffie_hellman(&secret(&keys[1]), &forms.map(|form| point(&form)));
            assert!(shared[0] == shared[1] && shared[1] == shared[2], "{more}");
        }
    }
}

/// About half of all numbers are on the twist, −1 among them, for which the Edwards form would
/// divide by zero.
#[test]
fn points_on_the_twist() {
    let keys: Vec<_> = random(6).take(9).collect();
    let (mut on_twist, mut on_curve) = (0, 0);
    for bytes in [near_p(-1), small(2)].into_iter().chain(random(7).take(10)) {
        match curve25519_dalek::MontgomeryPoint(bytes).to_edwards(0) {
            None => on_twist += 1,
            Some(_) => on_curve += 1,
        }
        for batch in batches() {
            check_secrets(&batch, &keys, &bytes);
        }
    }
    assert!(on_twist >= 4 && on_curve >= 3, "{on_twist} on the twist, {on_curve} on the curve");
}

/// Clamping makes these alike, and leads to the extreme scalars.
#[test]
fn scalars_at_their_ends() {
    let mut keys = vec![[0; 32], [0xff; 32]];
    for byte in [0, 31] {
        for bits in [0x01, 0x07, 0x08, 0x40, 0x80, 0xf8] {
            for fill in [0x00, 0xff] {
                let mut key = [fill; 32];
                key[byte] ^= bits;
                keys.push(key);
            }
        }
    }
    let points: Vec<_> = random(8).take(5).chain([small(9)]).collect();
    for batch in batches() {
        for key in &keys {
            check_points(&batch, key, &points);
        }
        check_secrets(&batch, &keys, &small(9));
        check_secrets(&batch, &keys, &points[0]);
    }
}
