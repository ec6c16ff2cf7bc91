//! AVX2 with FMA: four lanes in a 256-bit register, products of doubles.
#![allow(unsafe_code, reason = "an instruction that is not there is undefined behaviour")]

use core::arch::x86_64::{
    __m256d, __m256i, _mm256_add_epi64, _mm256_and_si256, _mm256_blendv_epi8, _mm256_castpd_si256,
    _mm256_castsi256_pd, _mm256_cmpeq_epi64, _mm256_fmadd_pd, _mm256_mul_epu32, _mm256_or_si256,
    _mm256_permutevar8x32_epi32, _mm256_set_epi32, _mm256_set_epi64x, _mm256_set1_epi64x,
    _mm256_set1_pd, _mm256_setzero_si256, _mm256_slli_epi64, _mm256_srli_epi64, _mm256_sub_epi64,
    _mm256_sub_pd, _mm256_xor_si256,
};
use core::ops::{Add, BitAnd, BitOr, BitXor, Sub};

use zeroize::Zeroize;

use super::word::{Backend, MultiplyFused, Word};

cpufeatures::new!(detection, "avx2", "fma");

/// The proof that the processor and the operating system have AVX2 and FMA.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Avx2(());

impl Avx2 {
    /// Asks the processor.
    pub(crate) fn detect() -> Option<Self> {
        detection::get().then_some(Self(()))
    }
}

/// Four integers of 64 bits. Whoever holds one has AVX2 and FMA: only [`Avx2`] and its own methods
/// make it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct U64x4(__m256i);

/// Four doubles, each below 2^52. Whoever holds one has AVX2 and FMA.
#[derive(Debug, Clone, Copy)]
pub(crate) struct F64x4(__m256d);

/// Eight integers of 52 bits: their low and their high halves. Whoever holds one has AVX2.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row {
    low: __m256i,
    high: __m256i,
}

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
        let half = |shift: u32| {
            #[expect(clippy::cast_possible_truncation, reason = "one half is what is wanted")]
            let [a, b, c, d, e, f, g, h] =
                values.map(|value| ((value >> shift) as u32).cast_signed());
            // SAFETY: `self` proves AVX2.
            unsafe { _mm256_set_epi32(h, g, f, e, d, c, b, a) }
        };
        Row { low: half(0), high: half(32) }
    }

    #[inline(always)]
    fn vectorize<T>(self, work: impl FnOnce() -> T) -> T {
        #[target_feature(enable = "avx2,fma")]
        #[inline(never)]
        fn with_avx2<T>(work: impl FnOnce() -> T) -> T {
            work()
        }
        // SAFETY: `self` proves AVX2.
        unsafe { with_avx2(work) }
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
        // The high half of a lane asks for place 0, and what it gets is masked or shifted off.
        // SAFETY: a `U64x4` exists only where there is AVX2.
        let half = |row| Self(unsafe { _mm256_permutevar8x32_epi32(row, self.0) });
        let low = half(row.low) & self.splat(u64::from(u32::MAX));
        low | half(row.high).shift_left::<32>()
    }
}

const TWO_TO_52: f64 = 4_503_599_627_370_496.0;
const TWO_TO_51: f64 = TWO_TO_52 / 2.0;
const TWO_TO_103: f64 = TWO_TO_52 * TWO_TO_51;

/// What the low number stands on: from 2^52 to 2^53 a double's last bit is 1, so its bits count.
const LOW_FLOOR: f64 = TWO_TO_52 + TWO_TO_51;
/// What the high number stands on: from 2^103 to 2^104 a double's last bit is 2^51.
const HIGH_FLOOR: f64 = TWO_TO_103;

/// Multiplies as doubles, which are exact here, after Niall Emmart's "Faster modular exponentiation
/// using double precision floating point arithmetic on the GPU" (2018).
///
/// The first multiply-add rounds the product to units of 2^51, because of what it is added to. The
/// second one gives what remains of it, for rounding is only done at its end. Both results stand on
/// a number whose last bit is the unit, so their bits are integers but for what that number's are.
///
/// # Constant time
///
/// What takes longer in a multiply-add than usual are numbers that are subnormal, infinite or none.
/// Here they are zero, or from 1 to 2^104.
impl MultiplyFused for U64x4 {
    type Factor = F64x4;

    #[inline(always)]
    fn factor(self) -> F64x4 {
        let standing = F64x4::from_bits(self | self.splat(TWO_TO_52.to_bits()));
        standing.minus(standing.splat(TWO_TO_52))
    }

    #[inline(always)]
    fn halves(a: F64x4, b: F64x4) -> (Self, Self) {
        let high = a.times_plus(b, a.splat(HIGH_FLOOR));
        let low = a.times_plus(b, a.splat(HIGH_FLOOR + LOW_FLOOR).minus(high));
        let (low, high) = (low.bits(), high.bits());
        // The compiler adds up such constants of a whole column.
        let excess = (1_u64 << 50).wrapping_sub(LOW_FLOOR.to_bits());
        (low + low.splat(excess), high - high.splat(HIGH_FLOOR.to_bits()))
    }

    #[inline(always)]
    fn small_times_19(self) -> Self {
        let factor = self.splat(19);
        // SAFETY: a `U64x4` exists only where there is AVX2.
        Self(unsafe { _mm256_mul_epu32(self.0, factor.0) })
    }
}

impl F64x4 {
    #[inline(always)]
    fn from_bits(bits: U64x4) -> Self {
        // SAFETY: a `U64x4` exists only where there are AVX2 and FMA.
        Self(unsafe { _mm256_castsi256_pd(bits.0) })
    }

    #[inline(always)]
    fn bits(self) -> U64x4 {
        // SAFETY: an `F64x4` exists only where there are AVX2 and FMA.
        U64x4(unsafe { _mm256_castpd_si256(self.0) })
    }

    #[inline(always)]
    fn splat(self, value: f64) -> Self {
        // SAFETY: an `F64x4` exists only where there are AVX2 and FMA.
        Self(unsafe { _mm256_set1_pd(value) })
    }

    #[inline(always)]
    fn minus(self, other: Self) -> Self {
        // SAFETY: an `F64x4` exists only where there are AVX2 and FMA.
        Self(unsafe { _mm256_sub_pd(self.0, other.0) })
    }

    /// `self · factor + addend`, rounded once.
    #[inline(always)]
    fn times_plus(self, factor: Self, addend: Self) -> Self {
        // SAFETY: an `F64x4` exists only where there are AVX2 and FMA.
        Self(unsafe { _mm256_fmadd_pd(self.0, factor.0, addend.0) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The two numbers are what they are said to be, at the ends of their ranges and where rounding
    /// goes up, goes down, or has to choose.
    #[test]
    fn halves_make_the_product() {
        let Some(avx2) = Avx2::detect() else { return };
        let largest = (1_u64 << 51) + (1 << 17) - 1;
        let mut factors =
            [0, 1, 2, 3, 19, 121_665, 1 << 25, 1 << 50, (1 << 51) - 1, 1 << 51, largest];
        for _ in 0..200 {
            for a in factors {
                for b in factors {
                    let [low, high] = halves(avx2, a, b).map(u128::from);
                    assert!(low <= 1 << 51 && high < 1 << 52, "{a} · {b}: {low} {high}");
                    let product = u128::from(a) * u128::from(b);
                    assert_eq!((high << 51) + low, product + (1 << 50), "{a} · {b}");
                }
            }
            let next = |factor: u64| factor.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
            factors = factors.map(|factor| next(factor) % (largest + 1));
        }
    }

    fn halves(avx2: Avx2, a: u64, b: u64) -> [u64; 2] {
        let factor = |value| avx2.word(|_| value).factor();
        let (low, high) = U64x4::halves(factor(a), factor(b));
        [low.lane(0), high.lane(3)]
    }
}
