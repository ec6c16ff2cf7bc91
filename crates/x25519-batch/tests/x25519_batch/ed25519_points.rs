//! Which encodings are points, with curve25519-dalek's decompression as the oracle.

use curve25519_dalek::edwards::CompressedEdwardsY;
use matrix_key_backup_x25519_batch::Batch;

use crate::support::{batches, fast_batches, random};

/// How many of the encodings are points, after every answer was compared.
fn check(batch: &Batch, encodings: &[[u8; 32]]) -> usize {
    let points = batch.ed25519_points(encodings);
    let wanted = encodings.iter().map(|bytes| CompressedEdwardsY(*bytes).decompress().is_some());
    let wanted: Vec<_> = wanted.collect();
    for ((bytes, found), wanted) in encodings.iter().zip(&points).zip(&wanted) {
        assert_eq!(found, wanted, "{}: {bytes:?}", batch.tier());
    }
    assert_eq!(points, wanted, "{}", batch.tier());
    points.into_iter().filter(|is_point| *is_point).count()
}

/// Numbers around 0, p and 2^255, with either sign: not below p, x = 0 with a sign, low order.
fn edges() -> Vec<[u8; 32]> {
    let mut edges = Vec::new();
    for low in 0..=255 {
        for (rest, high) in [(0, 0), (0, 0x80), (0xff, 0x7f), (0xff, 0xff)] {
            let mut bytes = [rest; 32];
            (bytes[0], bytes[31]) = (low, high);
            edges.push(bytes);
        }
    }
    // The points of low order, which are points all the same.
    for low_order in curve25519_dalek::constants::EIGHT_TORSION {
        let bytes = low_order.compress().to_bytes();
        let mut other_sign = bytes;
        other_sign[31] ^= 0x80;
        edges.extend([bytes, other_sign]);
    }
    edges
}

#[test]
fn every_edge() {
    let edges = edges();
    for batch in batches() {
        let points = check(&batch, &edges);
        assert!(points > 300 && edges.len() - points > 300, "{points} of {}", edges.len());
    }
}

#[test]
fn every_length() {
    let encodings: Vec<_> = random(20).take(70).collect();
    for batch in batches() {
        for length in 0..=4 * batch.tier().lanes() + 1 {
            check(&batch, &encodings[..length]);
        }
    }
}

#[test]
fn random_thousands() {
    random_cases(4_000);
}

/// Half a minute, in a release build: `cargo test --release -- --ignored`.
#[test]
#[ignore = "takes long"]
fn random_millions() {
    random_cases(4_000_000);
}

fn random_cases(count: usize) {
    let encodings: Vec<_> = random(21).take(count).collect();
    for batch in fast_batches() {
        let points = check(&batch, &encodings);
        assert!(points > count * 2 / 5 && points < count * 3 / 5, "{points} of {count}");
    }
}
