//! Scalars: what is kept secret of a key pair.

use alloc::vec::Vec;
use core::fmt;

use rand_core::CryptoRng;
use subtle::{Choice, ConstantTimeEq};
use zeroize::{Zeroize as _, ZeroizeOnDrop, Zeroizing};

use crate::LengthError;
use crate::length_error::array_of;

/// The secret half of a key pair, 32 bytes. They are clamped when they are used, as RFC 7748 says.
///
/// Wiped on drop, compared in constant time, and not shown by `Debug`. The bytes lie in the value
/// itself, so that a slice of many needs one allocation: moving one leaves a copy behind that
/// nobody wipes. Make them where they are to stay.
pub struct SecretKey([u8; 32]);

impl SecretKey {
    /// Draws one from the generator.
    #[must_use]
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        let mut key = Self([0; 32]);
        rng.fill_bytes(&mut key.0);
        key
    }

    /// Draws as many from the generator, in few requests: the system's takes longer to be asked than
    /// to answer. Each is made where it is to stay.
    #[must_use]
    pub fn generate_many(count: usize, rng: &mut (impl CryptoRng + ?Sized)) -> Vec<Self> {
        const AT_ONCE: usize = 64;
        let mut keys = Vec::new();
        keys.resize_with(count, || Self([0; 32]));
        let mut drawn = Zeroizing::new([[0; 32]; AT_ONCE]);
        for keys in keys.chunks_mut(AT_ONCE) {
            let (drawn, _) = drawn.split_at_mut(keys.len());
            rng.fill_bytes(drawn.as_flattened_mut());
            keys.iter_mut().zip(drawn).for_each(|(key, drawn)| key.0 = *drawn);
        }
        keys
    }

    /// Takes 32 bytes, clamped or not.
    ///
    /// # Errors
    ///
    /// [`LengthError`] if there are not exactly 32 bytes.
    pub fn from_slice(bytes: &[u8]) -> Result<Self, LengthError> {
        array_of(bytes).map(Self)
    }

    /// The 32 bytes, as they were given: not clamped.
    #[must_use]
    pub fn expose_bytes(&self) -> &[u8] {
        &self.0
    }

    pub(crate) fn as_array(&self) -> &[u8; 32] {
        &self.0
    }
}

impl Drop for SecretKey {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl ZeroizeOnDrop for SecretKey {}

impl ConstantTimeEq for SecretKey {
    fn ct_eq(&self, other: &Self) -> Choice {
        self.0.ct_eq(&other.0)
    }
}

impl PartialEq for SecretKey {
    fn eq(&self, other: &Self) -> bool {
        self.ct_eq(other).into()
    }
}

impl Eq for SecretKey {}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey([redacted])")
    }
}
