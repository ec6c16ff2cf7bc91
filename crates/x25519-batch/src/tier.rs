//! The ways to compute, and which of them this processor has.

use alloc::boxed::Box;
use core::fmt;

use thiserror::Error;

use crate::implementation::Implementation;
#[cfg(feature = "models")]
use crate::lanes::model::Model;
#[cfg(any(feature = "models", all(target_arch = "x86_64", target_feature = "sse2")))]
use crate::lanes::{Doubles51, Field51, Integers51, Lanes};
#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
use crate::lanes::{avx2::Avx2, ifma::Ifma};
use crate::portable::Portable;

/// A way to compute. All of them give the same results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Tier {
    /// Eight at a time, on x86-64 processors with AVX-512 F, DQ and IFMA.
    Avx512Ifma,
    /// Four at a time, on x86-64 processors with AVX2 and FMA.
    Avx2,
    /// One at a time, on any processor.
    Portable,
    /// The code of [`Avx512Ifma`](Self::Avx512Ifma) over plain integers: slow, for checks only.
    #[cfg(feature = "models")]
    Avx512IfmaModel,
    /// The code of [`Avx2`](Self::Avx2) over plain integers: slow, for checks only.
    #[cfg(feature = "models")]
    Avx2Model,
}

/// This processor cannot compute in that way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("this processor does not have {0}; Tier::available() lists what it has")]
pub struct TierUnavailable(pub Tier);

impl Tier {
    /// All of them, the fastest first.
    const ALL: &[Self] = &[
        Self::Avx512Ifma,
        Self::Avx2,
        Self::Portable,
        #[cfg(feature = "models")]
        Self::Avx512IfmaModel,
        #[cfg(feature = "models")]
        Self::Avx2Model,
    ];

    /// The fastest that this processor has.
    #[must_use]
    pub fn detect() -> Self {
        Self::available().next().unwrap_or(Self::Portable)
    }

    /// All that this processor has, the fastest first. Models are last, if they are built in.
    pub fn available() -> impl Iterator<Item = Self> {
        Self::ALL.iter().copied().filter(|tier| tier.implementation().is_some())
    }

    /// Its code, if this processor can run it. (The boxes are empty: no memory is taken.)
    pub(crate) fn implementation(self) -> Option<Box<dyn Implementation>> {
        match self {
            Self::Avx512Ifma | Self::Avx2 => vector_unit(self),
            Self::Portable => Some(Box::new(Portable)),
            #[cfg(feature = "models")]
            Self::Avx512IfmaModel => {
                Some(Box::new(Lanes::<Field51<Integers51<Model<8>>>>::new(Model, &Portable)))
            }
            #[cfg(feature = "models")]
            Self::Avx2Model => {
                Some(Box::new(Lanes::<Field51<Doubles51<Model<4>>>>::new(Model, &Portable)))
            }
        }
    }

    /// How many operations run side by side.
    #[must_use]
    pub fn lanes(self) -> usize {
        match self {
            Self::Avx512Ifma => 8,
            Self::Avx2 => 4,
            Self::Portable => 1,
            #[cfg(feature = "models")]
            Self::Avx512IfmaModel => 8,
            #[cfg(feature = "models")]
            Self::Avx2Model => 4,
        }
    }
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Avx512Ifma => "AVX-512 IFMA",
            Self::Avx2 => "AVX2",
            Self::Portable => "portable",
            #[cfg(feature = "models")]
            Self::Avx512IfmaModel => "model of AVX-512 IFMA",
            #[cfg(feature = "models")]
            Self::Avx2Model => "model of AVX2",
        })
    }
}

#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
fn vector_unit(tier: Tier) -> Option<Box<dyn Implementation>> {
    match tier {
        Tier::Avx512Ifma => {
            Some(Box::new(Lanes::<Field51<Integers51<Ifma>>>::new(Ifma::detect()?, &Portable)))
        }
        Tier::Avx2 => {
            Some(Box::new(Lanes::<Field51<Doubles51<Avx2>>>::new(Avx2::detect()?, &Portable)))
        }
        _ => None,
    }
}

#[cfg(not(all(target_arch = "x86_64", target_feature = "sse2")))]
fn vector_unit(_: Tier) -> Option<Box<dyn Implementation>> {
    None
}
