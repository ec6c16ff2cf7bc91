//! Random keys and points against x25519-dalek, and every length of a slice.

use crate::support::{batches, check_points, check_secrets, fast_batches, random};

/// Every number of lanes left over, and a little more or less than what shares an inversion.
#[test]
fn every_length() {
    let keys: Vec<_> = random(1).take(40).collect();
    let points: Vec<_> = random(2).take(40).collect();
    for batch in batches() {
        for length in 0..=2 * batch.tier().lanes() + 1 {
            check_points(&batch, &keys[0], &points[..length]);
            check_secrets(&batch, &keys[..length], &points[0]);
            // Most likely one of these two is on the twist.
            check_secrets(&batch, &keys[..length], &points[1]);
        }
    }
}

#[test]
fn lengths_around_a_full_batch() {
    for batch in fast_batches() {
        // 32 vectors share an inversion; with two tables it is 16; the portable tier counts to 64.
        for vectors in [16, 32, 64] {
            let full = vectors * batch.tier().lanes();
            for length in [full - 1, full, full + 1] {
                let bytes: Vec<_> = random(length as u64).take(length).collect();
                check_points(&batch, &bytes[0], &bytes);
                check_secrets(&batch, &bytes, &bytes[0]);
            }
        }
    }
}

#[test]
fn random_thousands() {
    random_cases(8, 500);
}

/// Minutes, in a release build: `cargo test --release -- --ignored`.
#[test]
#[ignore = "takes minutes"]
fn random_millions() {
    random_cases(500, 2000);
}

fn random_cases(runs: u64, length: usize) {
    for batch in fast_batches() {
        for run in 0..runs {
            let bytes: Vec<_> = random(run << 32).take(length + 1).collect();
            check_points(&batch, &bytes[0], &bytes[1..]);
            check_secrets(&batch, &bytes[1..], &bytes[0]);
        }
    }
}

#[test]
fn random_cases_in_the_models() {
    for batch in batches() {
        let bytes: Vec<_> = random(9).take(70).collect();
        check_points(&batch, &bytes[0], &bytes);
        check_secrets(&batch, &bytes, &bytes[0]);
    }
}

/// A scalar and a point are random bits; these are runs of equal bits, which random ones hardly
/// have.
#[test]
fn sparse_bytes() {
    let sparse = |seed: u64| {
        random(seed).map(|bytes| {
            let [runs, fill, places @ ..] = bytes;
            let mut sparse = [if fill & 1 == 0 { 0x00 } else { 0xff }; 32];
            for &place in places.iter().take(usize::from(runs % 8)) {
                sparse[usize::from(place / 8)] ^= 1 << (place % 8);
            }
            sparse
        })
    };
    for batch in batches() {
        let points: Vec<_> = sparse(11).take(64).collect();
        for key in sparse(10).take(6) {
            check_points(&batch, &key, &points);
            check_secrets(&batch, &points, &key);
        }
    }
}
