//! What a message decrypts to.

use alloc::vec::Vec;
use core::{fmt, ops::Deref};

use subtle::{Choice, ConstantTimeEq};
use zeroize::{Zeroize as _, ZeroizeOnDrop};

/// A decrypted plaintext, of any number of bytes.
///
/// # Security
///
/// Wiped on drop, compared in constant time, redacted in `Debug` (K-5).
#[derive(Clone)]
pub struct Plaintext(Vec<u8>);

impl Plaintext {
    /// Takes a buffer that is a plaintext, or will be one.
    pub(super) fn new(buffer: Vec<u8>) -> Self {
        Self(buffer)
    }

    pub(super) fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.0
    }
}

impl Deref for Plaintext {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl AsRef<[u8]> for Plaintext {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Plaintext {
    fn drop(&mut self) {
        // Emptied first, all of it is spare room, which is wiped at once; elements are wiped one by
        // one, and that takes as long as to decrypt them.
        self.0.clear();
        self.0.zeroize();
    }
}

impl ZeroizeOnDrop for Plaintext {}

impl ConstantTimeEq for Plaintext {
    fn ct_eq(&self, other: &Self) -> Choice {
        self.0.ct_eq(&other.0)
    }
}

impl PartialEq for Plaintext {
    fn eq(&self, other: &Self) -> bool {
        self.ct_eq(other).into()
    }
}

impl Eq for Plaintext {}

impl fmt::Debug for Plaintext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Plaintext([redacted])")
    }
}
