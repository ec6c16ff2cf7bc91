//! What a person types to open a key export file, or secret storage.

use alloc::string::String;
use core::fmt;

use subtle::{Choice, ConstantTimeEq};
use zeroize::{ZeroizeOnDrop, Zeroizing};

/// The passphrase of a key export file (E-1) or of a secret storage key (S-4).
///
/// Its UTF-8 bytes enter the key derivation exactly as typed: nothing is trimmed and nothing is
/// normalised, because other programs do neither.
///
/// # Security
///
/// Wiped on drop, redacted in `Debug`, compared in constant time for passphrases of one length
/// (K-5). Whether one is good enough is for the program to judge: this type takes any, the empty one
/// too.
#[derive(Clone)]
pub struct Passphrase(Zeroizing<String>);

impl Passphrase {
    /// Takes the passphrase as typed, without the end of the line.
    #[must_use]
    pub fn new(typed: impl Into<Zeroizing<String>>) -> Self {
        Self(typed.into())
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The secret bytes, UTF-8.
    #[must_use]
    pub fn expose_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl ConstantTimeEq for Passphrase {
    fn ct_eq(&self, other: &Self) -> Choice {
        self.expose_bytes().ct_eq(other.expose_bytes())
    }
}

impl PartialEq for Passphrase {
    fn eq(&self, other: &Self) -> bool {
        self.ct_eq(other).into()
    }
}

impl Eq for Passphrase {}

impl ZeroizeOnDrop for Passphrase {}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase([redacted])")
    }
}
