//! How often PBKDF2 turns.

use core::{fmt, num::NonZeroU32};

use thiserror::Error;

/// Number of rounds of PBKDF2, from 1 to [`Rounds::MAX`] (E-1).
///
/// It stands in the file in clear, and opening the file takes time in proportion to it: of the order
/// of a second per million.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rounds(NonZeroU32);

impl Rounds {
    /// What is written unless something else is asked for: 500,000.
    pub const DEFAULT: Self = Self(NonZeroU32::new(500_000).unwrap());

    /// The least that the Matrix specification asks a writer for: 100,000.
    pub const RECOMMENDED_MIN: Self = Self(NonZeroU32::new(100_000).unwrap());

    /// The most that is read or written: 10,000,000. A file must not be able to ask for an hour of
    /// work before anybody can know that it is damaged.
    pub const MAX: Self = Self(NonZeroU32::new(10_000_000).unwrap());

    /// Takes a number of rounds.
    ///
    /// # Errors
    ///
    /// [`RoundsOutOfBounds`] for 0, and for more than [`Rounds::MAX`].
    ///
    /// # Security
    ///
    /// Few rounds make it cheap to try many passphrases. Files with fewer than
    /// [`Rounds::RECOMMENDED_MIN`] exist and are read; do not write them.
    pub fn new(rounds: u32) -> Result<Self, RoundsOutOfBounds> {
        NonZeroU32::new(rounds)
            .map(Self)
            .filter(|rounds| *rounds <= Self::MAX)
            .ok_or(RoundsOutOfBounds { found: rounds })
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

impl Default for Rounds {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl fmt::Display for Rounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A number of rounds that is neither read nor written (E-1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the number of rounds is {found}, and must be from 1 to {}", Rounds::MAX)]
#[non_exhaustive]
pub struct RoundsOutOfBounds {
    /// The number that was found.
    pub found: u32,
}
