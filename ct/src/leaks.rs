//! What must be seen to leak, and what must not: a check that never finds anything proves nothing.

use std::hint::black_box;

/// Takes some of the secret's bits, and gives what depends on them.
pub(crate) type Function = fn(&[u8; 32]) -> u64;

/// A loop that ends where the secret says.
#[inline(never)]
pub(crate) fn branch(secret: &[u8; 32]) -> u64 {
    let mut rounds = 0;
    for byte in secret {
        for _ in 0..byte & 7 {
            rounds = black_box(rounds + 1);
        }
    }
    rounds
}

/// A memory address that depends on the secret.
#[inline(never)]
pub(crate) fn index(secret: &[u8; 32]) -> u64 {
    let table: [u64; 256] = black_box(std::array::from_fn(|place| place as u64 * 3));
    secret.iter().map(|&byte| table[usize::from(byte)]).sum()
}

/// Arithmetic and masks alone.
#[inline(never)]
pub(crate) fn masks(secret: &[u8; 32]) -> u64 {
    secret.iter().fold(0, |sum, &byte| {
        let mask = black_box(u64::from(byte & 1)).wrapping_neg();
        sum + (mask & u64::from(byte))
    })
}
