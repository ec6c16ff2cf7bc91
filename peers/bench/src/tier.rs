//! The ways in which many keys are done at once, by the names that the figures use.

use std::fmt;

use matrix_key_backup_x25519_batch as x25519;
use serde::{Deserialize, Serialize};

use crate::Result;

/// A way to compute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Tier {
    Avx512Ifma,
    Avx2,
    Portable,
}

impl Tier {
    const ALL: [Self; 3] = [Self::Avx512Ifma, Self::Avx2, Self::Portable];

    /// What this processor has, the fastest first.
    pub(crate) fn available() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|tier| x25519::Batch::with_tier(tier.x25519()).is_ok())
    }

    /// What is taken where nobody asks for another.
    pub(crate) fn detect() -> Result<Self> {
        let detected = x25519::Tier::detect();
        let named = Self::ALL.into_iter().find(|tier| tier.x25519() == detected);
        named.ok_or_else(|| format!("a tier without a name here: {detected}").into())
    }

    pub(crate) fn x25519(self) -> x25519::Tier {
        match self {
            Self::Avx512Ifma => x25519::Tier::Avx512Ifma,
            Self::Avx2 => x25519::Tier::Avx2,
            Self::Portable => x25519::Tier::Portable,
        }
    }
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.x25519().fmt(f)
    }
}
