//! Integers modulo p the slow way, to compare with, and numbers worth trying.

use alloc::vec::Vec;
use core::ops::{Add, Mul, Sub};

/// Below p = 2^255 − 19; the lowest word first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Number([u64; 4]);

pub(crate) const P: [u64; 4] = [u64::MAX - 18, u64::MAX, u64::MAX, u64::MAX >> 1];

impl Number {
    pub(crate) const ZERO: Self = Self([0; 4]);
    pub(crate) const ONE: Self = Self([1, 0, 0, 0]);

    /// Any number of 256 bits, reduced.
    pub(crate) fn new(words: [u64; 4]) -> Self {
        let mut number = words;
        while let Some(less) = subtract(number, P) {
            number = less;
        }
        Self(number)
    }

    pub(crate) fn words(self) -> [u64; 4] {
        self.0
    }

    /// Limbs times 2 to the power of their weights, added up.
    pub(crate) fn from_limbs(limbs: &[u64], weights: &[u32]) -> Self {
        limbs.iter().zip(weights).fold(Self::ZERO, |sum, (&limb, &weight)| {
            let shifted = (0..weight).fold(Self([limb, 0, 0, 0]), |number, _| number + number);
            sum + shifted
        })
    }

    /// The number below p in limbs of radix 2^51.
    pub(crate) fn limbs(self) -> [u64; 5] {
        let bit = |i: usize| self.0.get(i / 64).map_or(0, |word| word >> (i % 64) & 1);
        core::array::from_fn(|limb| (0..51).map(|i| bit(51 * limb + i) << i).sum())
    }

    pub(crate) fn power(self, exponent: [u64; 4]) -> Self {
        let bit = |i: usize| exponent[i / 64] >> (i % 64) & 1 == 1;
        (0..256).rev().fold(Self::ONE, |power, i| {
            let square = power * power;
            if bit(i) { square * self } else { square }
        })
    }

    pub(crate) fn inverse(self) -> Self {
        self.power([P[0] - 2, P[1], P[2], P[3]])
    }
}

fn subtract(a: [u64; 4], b: [u64; 4]) -> Option<[u64; 4]> {
    let mut borrow = false;
    let difference = core::array::from_fn(|i| {
        let (difference, first) = a[i].overflowing_sub(b[i]);
        let (difference, second) = difference.overflowing_sub(u64::from(borrow));
        borrow = first || second;
        difference
    });
    (!borrow).then_some(difference)
}

impl Add for Number {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        let mut carry = 0;
        Self::new(core::array::from_fn(|i| {
            // Both are below 2^255, so nothing is carried out of the top.
            let sum = u128::from(self.0[i]) + u128::from(other.0[i]) + carry;
            carry = sum >> 64;
            sum as u64
        }))
    }
}

impl Sub for Number {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        let negated = Self::new(subtract(P, other.0).unwrap());
        self.add(negated)
    }
}

impl Mul for Number {
    type Output = Self;

    /// Bit by bit.
    fn mul(self, other: Self) -> Self {
        (0..255).rev().fold(Self::ZERO, |product, i| {
            let twice = product + product;
            if other.0[i / 64] >> (i % 64) & 1 == 1 { twice + self } else { twice }
        })
    }
}

/// Numbers at which arithmetic modulo p goes wrong, if it does: around 0, p and 2^255, and with
/// limbs that are all ones.
pub(crate) fn edges() -> Vec<[u64; 4]> {
    let mut edges: Vec<_> = (0..20).map(|small| [small, 0, 0, 0]).collect();
    edges.extend((0..20).map(|less| [P[0] - less, P[1], P[2], P[3]]));
    edges.extend((1..19).map(|more| [P[0] + more, P[1], P[2], P[3]]));
    for bits in [25, 26, 51, 77, 102, 128, 153, 179, 204, 230, 254] {
        let mut power = [0; 4];
        power[bits / 64] = 1 << (bits % 64);
        edges.push(power);
        edges.push(subtract(power, [1, 0, 0, 0]).unwrap());
        edges.push(subtract(P, power).unwrap());
    }
    edges
}

/// Numbers of 255 bits that depend on the seed alone.
pub(crate) fn random(seed: u64) -> impl Iterator<Item = [u64; 4]> {
    // SplitMix64.
    let mut state = seed;
    let mut next = move || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    };
    core::iter::repeat_with(move || [next(), next(), next(), next() >> 1])
}

#[test]
fn the_reference_is_right() {
    let [a, b] = [[7, 8, 9, 10], [u64::MAX, 1, 2, 3]].map(Number::new);
    assert_eq!((a + b) * (a - b), a * a - b * b);
    assert_eq!(a * a.inverse(), Number::ONE);
    assert_eq!(Number::new(P), Number::ZERO);
    assert_eq!(Number::from_limbs(&b.limbs(), &[0, 51, 102, 153, 204]), b);
    // 2^255 = 19
    assert_eq!(Number::from_limbs(&[1], &[255]), Number::new([19, 0, 0, 0]));
}
