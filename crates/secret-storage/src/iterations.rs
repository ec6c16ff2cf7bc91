//! How often PBKDF2 turns.

use alloc::string::{String, ToString};
use core::{fmt, num::NonZeroU32};

use thiserror::Error;

use crate::json_text::shortened;

/// Number of iterations of PBKDF2, from 1 to [`Iterations::MAX`] (S-4).
///
/// It stands in account data, where the server chooses what we read, and deriving a key takes time
/// in proportion to it: of the order of a second per million.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Iterations(NonZeroU32);

impl Iterations {
    /// What a new key is made with unless something else is asked for: 500,000.
    pub const DEFAULT: Self = Self(NonZeroU32::new(500_000).unwrap());

    /// The most that is read or written: 10,000,000. A server must not be able to ask for an hour
    /// of work.
    pub const MAX: Self = Self(NonZeroU32::new(10_000_000).unwrap());

    /// Takes a number of iterations.
    ///
    /// # Errors
    ///
    /// [`IterationsOutOfBounds`] for 0, and for more than [`Iterations::MAX`].
    ///
    /// # Security
    ///
    /// Few iterations make it cheap to try many passphrases.
    pub fn new(iterations: u32) -> Result<Self, IterationsOutOfBounds> {
        NonZeroU32::new(iterations)
            .map(Self)
            .filter(|iterations| *iterations <= Self::MAX)
            .ok_or_else(|| IterationsOutOfBounds { found: iterations.to_string() })
    }

    /// Reads a number as JSON writes it. Nothing is rounded.
    pub(crate) fn parse(number: &str) -> Result<Self, IterationsOutOfBounds> {
        let found = || IterationsOutOfBounds { found: shortened(number) };
        Self::new(number.parse().map_err(|_| found())?)
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0.get()
    }

    pub(crate) const fn non_zero(self) -> NonZeroU32 {
        self.0
    }
}

impl Default for Iterations {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl fmt::Display for Iterations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A number of iterations that is neither read nor written (S-4).
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "the number of iterations is {found}, and must be a whole number from 1 to {}",
    Iterations::MAX
)]
#[non_exhaustive]
pub struct IterationsOutOfBounds {
    /// The number that was found, as it was written.
    pub found: String,
}
