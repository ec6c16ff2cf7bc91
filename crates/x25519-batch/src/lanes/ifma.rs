//! AVX-512 IFMA: eight lanes in a 512-bit register, products of 52 by 52 bits that are added up.
#![allow(unsafe_code, reason = "an instruction that is not there is undefined behaviour")]

use core::arch::x86_64::{
    __m512i, __mmask8, _mm512_add_epi64, _mm512_and_si512, _mm512_madd52hi_epu64,
    _mm512_madd52lo_epu64, _mm512_mask_blend_epi64, _mm512_or_si512, _mm512_permutexvar_epi64,
    _mm512_set_epi64, _mm512_set1_epi64, _mm512_sllv_epi64, _mm512_srlv_epi64, _mm512_sub_epi64,
    _mm512_testn_epi64_mask, _mm512_xor_si512,
};
use core::ops::{Add, BitAnd, BitOr, BitXor, Sub};

use zeroize::Zeroize;

use super::word::{Backend, Multiply52, Word};

cpufeatures::new!(detection, "avx512f", "avx512dq", "avx512ifma");

/// The proof that the processor and the operating system have AVX-512 F, DQ and IFMA.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ifma(());

impl Ifma {
    /// Asks the processor.
    pub(crate) fn detect() -> Option<Self> {
        detection::get().then_some(Self(()))
    }
}

/// Eight integers of 64 bits. Whoever holds one has IFMA: only [`Ifma`] and its own methods make
/// it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct U64x8(__m512i);

impl Zeroize for U64x8 {
    fn zeroize(&mut self) {
        self.0.zeroize();
    }
}

impl Backend for Ifma {
    type Word = U64x8;
    const SLOW_ALONE: bool = false;

    #[inline(always)]
    fn word(self, mut value: impl FnMut(usize) -> u64) -> U64x8 {
        let values = [0, 1, 2, 3, 4, 5, 6, 7].map(&mut value);
        self.row(values)
    }

    #[inline(always)]
    fn row(self, values: [u64; 8]) -> U64x8 {
        let [a, b, c, d, e, f, g, h] = values.map(u64::cast_signed);
        // SAFETY: `self` proves IFMA.
        U64x8(unsafe { _mm512_set_epi64(h, g, f, e, d, c, b, a) })
    }

    #[inline(always)]
    fn vectorize<T>(self, work: impl FnOnce() -> T) -> T {
        #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
        #[inline(never)]
        fn with_ifma<T>(work: impl FnOnce() -> T) -> T {
            work()
        }
        // SAFETY: `self` proves IFMA.
        unsafe { with_ifma(work) }
    }
}

macro_rules! operator {
    ($trait:ident, $method:ident, $intrinsic:ident) => {
        impl $trait for U64x8 {
            type Output = Self;

            #[inline(always)]
            fn $method(self, other: Self) -> Self {
                // SAFETY: a `U64x8` exists only where there is IFMA.
                Self(unsafe { $intrinsic(self.0, other.0) })
            }
        }
    };
}

operator!(Add, add, _mm512_add_epi64);
operator!(Sub, sub, _mm512_sub_epi64);
operator!(BitAnd, bitand, _mm512_and_si512);
operator!(BitOr, bitor, _mm512_or_si512);
operator!(BitXor, bitxor, _mm512_xor_si512);

impl Word for U64x8 {
    const LANES: usize = 8;
    type Mask = __mmask8;
    type Lanes = [u64; 8];
    type Row = Self;

    #[inline(always)]
    fn splat(self, value: u64) -> Self {
        // SAFETY: a `U64x8` exists only where there is IFMA.
        Self(unsafe { _mm512_set1_epi64(value.cast_signed()) })
    }

    #[inline(always)]
    fn lanes(self) -> [u64; 8] {
        // SAFETY: both are 64 bytes, and any bytes are integers.
        unsafe { core::mem::transmute::<__m512i, [u64; 8]>(self.0) }
    }

    // The intrinsics with a constant count want it as another type than AVX2's; a vector of one
    // constant compiles to the same instruction.
    #[inline(always)]
    fn shift_left<const BITS: i32>(self) -> Self {
        let count = self.splat(const { count(BITS) });
        // SAFETY: a `U64x8` exists only where there is IFMA.
        Self(unsafe { _mm512_sllv_epi64(self.0, count.0) })
    }

    #[inline(always)]
    fn shift_right<const BITS: i32>(self) -> Self {
        let count = self.splat(const { count(BITS) });
        // SAFETY: a `U64x8` exists only where there is IFMA.
        Self(unsafe { _mm512_srlv_epi64(self.0, count.0) })
    }

    #[inline(always)]
    fn is_zero(self) -> __mmask8 {
        // SAFETY: a `U64x8` exists only where there is IFMA.
        unsafe { _mm512_testn_epi64_mask(self.0, self.0) }
    }

    #[inline(always)]
    fn select(mask: __mmask8, yes: Self, no: Self) -> Self {
        // SAFETY: a `U64x8` exists only where there is IFMA.
        Self(unsafe { _mm512_mask_blend_epi64(mask, no.0, yes.0) })
    }

    #[inline(always)]
    fn look_up(self, row: &Self) -> Self {
        // SAFETY: a `U64x8` exists only where there is IFMA.
        Self(unsafe { _mm512_permutexvar_epi64(self.0, row.0) })
    }
}

/// A shift's count, within 64 bits.
const fn count(bits: i32) -> u64 {
    assert!(0 <= bits && bits < 64, "a shift within 64 bits");
    bits.cast_unsigned() as u64
}

impl Multiply52 for U64x8 {
    #[inline(always)]
    fn add_low_52(self, a: Self, b: Self) -> Self {
        // SAFETY: a `U64x8` exists only where there is IFMA.
        Self(unsafe { _mm512_madd52lo_epu64(self.0, a.0, b.0) })
    }

    #[inline(always)]
    fn add_high_52(self, a: Self, b: Self) -> Self {
        // SAFETY: a `U64x8` exists only where there is IFMA.
        Self(unsafe { _mm512_madd52hi_epu64(self.0, a.0, b.0) })
    }
}
