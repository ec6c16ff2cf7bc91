//! AVX2: four lanes in a 256-bit register, products of 32 by 32 bits.
#![allow(unsafe_code, reason = "an instruction that is not there is undefined behaviour")]

use core::arch::x86_64::{
    __m256i, _mm256_add_epi64, _mm256_and_si256, _mm256_blend_epi32, _mm256_blendv_epi8,
    _mm256_cmpeq_epi64, _mm256_mul_epu32, _mm256_mullo_epi32, _mm256_or_si256,
    _mm256_permutevar8x32_epi32, _mm256_set_epi32, _mm256_set_epi64x, _mm256_set1_epi32,
    _mm256_set1_epi64x, _mm256_setzero_si256, _mm256_slli_epi64, _mm256_srli_epi64,
    _mm256_sub_epi64, _mm256_xor_si256,
};
use core::ops::{Add, BitAnd, BitOr, BitXor, Sub};

use zeroize::Zeroize;

use super::word::{Backend, Multiply32, Word};

cpufeatures::new!(detection, "avx2");

/// The proof that the processor and the operating system have AVX2.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Avx2(());

impl Avx2 {
    /// Asks the processor.
    pub(crate) fn detect() -> Option<Self> {
        detection::get().then_some(Self(()))
    }
}

/// Four integers of 64 bits. Whoever holds one has AVX2: only [`Avx2`] and its own methods make it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct U64x4(__m256i);

/// Eight integers of 32 bits. Whoever holds one has AVX2.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row(__m256i);

impl Zeroize for U64x4 {
    fn zeroize(&mut self) {
        self.0.zeroize();
    }
}

impl Backend for Avx2 {
    type Word = U64x4;
    const SLOW_ALONE: bool = true;

    #[inline(always)]
    fn word(self, mut value: impl FnMut(usize) -> u64) -> U64x4 {
        let [a, b, c, d] = [value(0), value(1), value(2), value(3)].map(u64::cast_signed);
        // SAFETY: `self` proves AVX2.
        U64x4(unsafe { _mm256_set_epi64x(d, c, b, a) })
    }

    #[inline(always)]
    fn row(self, values: [u64; 8]) -> Row {
        debug_assert!(values.iter().all(|&value| value < 1 << 32), "a row holds 32 bits");
        #[expect(clippy::cast_possible_truncation, reason = "the values are below 2^32")]
        let [a, b, c, d, e, f, g, h] = values.map(|value| (value as u32).cast_signed());
        // SAFETY: `self` proves AVX2.
        Row(unsafe { _mm256_set_epi32(h, g, f, e, d, c, b, a) })
    }

    #[inline(always)]
    fn vectorize<T>(self, work: impl FnOnce() -> T) -> T {
        #[target_feature(enable = "avx2")]
        #[inline(never)]
        fn with_avx2<T>(work: impl FnOnce() -> T) -> T {
            work()
        }
        // SAFETY: `self` proves AVX2.
        unsafe { with_avx2(work) }
    }
}

impl U64x4 {
    /// The same, since the high halves are zero, in a form in which the compiler cannot forget it.
    /// It leaves no instruction behind; without it, many products become products of 64 bits.
    #[inline(always)]
    fn low_halves(self) -> Self {
        let zero = self.splat(0);
        // SAFETY: a `U64x4` exists only where there is AVX2.
        Self(unsafe { _mm256_blend_epi32::<0b1010_1010>(self.0, zero.0) })
    }
}

macro_rules! operator {
    ($trait:ident, $method:ident, $intrinsic:ident) => {
        impl $trait for U64x4 {
            type Output = Self;

            #[inline(always)]
            fn $method(self, other: Self) -> Self {
                // SAFETY: a `U64x4` exists only where there is AVX2.
                Self(unsafe { $intrinsic(self.0, other.0) })
            }
        }
    };
}

operator!(Add, add, _mm256_add_epi64);
operator!(Sub, sub, _mm256_sub_epi64);
operator!(BitAnd, bitand, _mm256_and_si256);
operator!(BitOr, bitor, _mm256_or_si256);
operator!(BitXor, bitxor, _mm256_xor_si256);

impl Word for U64x4 {
    const LANES: usize = 4;
    /// All bits of a lane are one for yes.
    type Mask = Self;
    type Lanes = [u64; 4];
    type Row = Row;

    #[inline(always)]
    fn splat(self, value: u64) -> Self {
        // SAFETY: a `U64x4` exists only where there is AVX2.
        Self(unsafe { _mm256_set1_epi64x(value.cast_signed()) })
    }

    #[inline(always)]
    fn lanes(self) -> [u64; 4] {
        // SAFETY: both are 32 bytes, and any bytes are integers.
        unsafe { core::mem::transmute::<__m256i, [u64; 4]>(self.0) }
    }

    #[inline(always)]
    fn shift_left<const BITS: i32>(self) -> Self {
        const { assert!(0 <= BITS && BITS < 64, "a shift within 64 bits") };
        // SAFETY: a `U64x4` exists only where there is AVX2.
        Self(unsafe { _mm256_slli_epi64::<BITS>(self.0) })
    }

    #[inline(always)]
    fn shift_right<const BITS: i32>(self) -> Self {
        const { assert!(0 <= BITS && BITS < 64, "a shift within 64 bits") };
        // SAFETY: a `U64x4` exists only where there is AVX2.
        Self(unsafe { _mm256_srli_epi64::<BITS>(self.0) })
    }

    #[inline(always)]
    fn is_zero(self) -> Self {
        // SAFETY: a `U64x4` exists only where there is AVX2.
        let zero = unsafe { _mm256_setzero_si256() };
        // SAFETY: as above.
        Self(unsafe { _mm256_cmpeq_epi64(self.0, zero) })
    }

    #[inline(always)]
    fn select(mask: Self, yes: Self, no: Self) -> Self {
        // SAFETY: a `U64x4` exists only where there is AVX2.
        Self(unsafe { _mm256_blendv_epi8(no.0, yes.0, mask.0) })
    }

    #[inline(always)]
    fn look_up(self, row: &Row) -> Self {
        // The high half of a lane asks for place 0, and what it gets is masked off.
        // SAFETY: a `U64x4` exists only where there is AVX2.
        let found = Self(unsafe { _mm256_permutevar8x32_epi32(row.0, self.0) });
        found & found.splat(u64::from(u32::MAX))
    }
}

impl Multiply32 for U64x4 {
    #[inline(always)]
    fn multiply_32(self, other: Self) -> Self {
        let (a, b) = (self.low_halves(), other.low_halves());
        // SAFETY: a `U64x4` exists only where there is AVX2.
        Self(unsafe { _mm256_mul_epu32(a.0, b.0) })
    }

    // In 32-bit lanes, although the high halves are zero: if the compiler saw a product of 64 bits
    // of which only 32 are used, it would rather multiply more than mask them.
    #[inline(always)]
    fn times_32(self, factor: u32) -> Self {
        // SAFETY: a `U64x4` exists only where there is AVX2.
        let factors = unsafe { _mm256_set1_epi32(factor.cast_signed()) };
        // SAFETY: as above.
        Self(unsafe { _mm256_mullo_epi32(self.0, factors) })
    }
}
