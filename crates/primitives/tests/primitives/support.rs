//! What several tests need.

use std::{convert::Infallible, fs, path::Path};

use matrix_key_backup_primitives::hazmat::Tier;
use rand_core::{TryCryptoRng, TryRng};
use serde_json::Value;

/// A file of `testdata/vectors`.
pub(crate) fn vectors(file: &str) -> Value {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/vectors");
    let json = fs::read(directory.join(file)).expect(file);
    serde_json::from_slice(&json).expect(file)
}

pub(crate) fn array<'a>(value: &'a Value, member: &str) -> &'a [Value] {
    value[member].as_array().unwrap_or_else(|| panic!("no array {member:?}"))
}

pub(crate) fn string<'a>(value: &'a Value, member: &str) -> &'a str {
    value[member].as_str().unwrap_or_else(|| panic!("no string {member:?} in {value}"))
}

pub(crate) fn unhex(text: &str) -> Vec<u8> {
    assert!(text.len().is_multiple_of(2), "half a byte");
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).expect("hexadecimal"))
        .collect()
}

/// Every `bytes` that differs from the given one in a single bit.
pub(crate) fn with_one_bit_flipped(bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> + '_ {
    (0..bytes.len() * 8).map(|bit| {
        let mut flipped = bytes.to_vec();
        flipped[bit / 8] ^= 1 << (bit % 8);
        flipped
    })
}

/// A generator that gives the same byte for ever.
pub(crate) struct Always(pub(crate) u8);

impl TryRng for Always {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(u32::from_ne_bytes([self.0; 4]))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(u64::from_ne_bytes([self.0; 8]))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        bytes.fill(self.0);
        Ok(())
    }
}

impl TryCryptoRng for Always {}

/// A generator whose bytes do not depend on how many are asked for at a time.
#[derive(Default)]
pub(crate) struct Counting(pub(crate) u64);

impl TryRng for Counting {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        panic!("bytes are asked for")
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        panic!("bytes are asked for")
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        for byte in bytes {
            self.0 += 1;
            *byte = (self.0.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 29) as u8;
        }
        Ok(())
    }
}

impl TryCryptoRng for Counting {}

/// The tiers that this processor has.
pub(crate) fn tiers() -> impl Iterator<Item = Tier> {
    Tier::available()
}
