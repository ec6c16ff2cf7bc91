//! The Jacobi symbol modulo p = 2^255 − 19, in variable time.
//!
//! # How
//!
//! It follows binary division steps on f = p and g: g is halved while it is even; then, where g
//! has become the smaller one by an estimate, the two change places, and a multiple of f is added
//! to g that makes it even again. Only additions: so both stay positive, and each step changes the
//! symbol (g | f) by a rule of quadratic reciprocity. When f is 1, the symbol is known.
//!
//! What a step does depends on the lowest bits alone. So 62 steps are done in single words and
//! remembered as a matrix, which is then applied to the whole numbers. These are the "posdivsteps" of
//! libsecp256k1, after Bernstein and Yang's [divsteps].
//!
//! Whether that ends is not proved. If it does not, there is no answer; if it does, the answer is
//! right.
//!
//! [divsteps]: https://gcd.cr.yp.to/papers.html

use core::mem::swap;

use super::decoding::halves;

/// 256 bits, the lowest word first.
pub(super) type Number = [u64; 4];

const P: Number = [u64::MAX - 18, u64::MAX, u64::MAX, u64::MAX >> 1];
/// How many steps make a matrix.
const STEPS: u32 = 62;
/// After so many matrices it is given up. Nearly all numbers need 10 to 14.
const MATRICES: usize = 25;

/// Whether `number` is a square modulo p; none if that could not be found out, as for multiples of
/// p and for some small numbers.
pub(super) fn is_square(number: Number) -> Option<bool> {
    let (mut f, mut g) = (P, number);
    let mut state = State { eta: -1, negative: 0 };
    for _ in 0..MATRICES {
        let [[u, v], [q, r]] = state.steps(f[0], g[0]);
        (f, g) = (combine(u, &f, v, &g), combine(q, &f, r, &g));
        if f == [1, 0, 0, 0] {
            return Some(state.negative & 1 == 0);
        }
    }
    None
}

/// What is carried from one matrix to the next.
struct State {
    /// The estimate: below zero, f is the larger one.
    eta: i64,
    /// The lowest bit tells whether the symbol's sign has changed.
    negative: u64,
}

impl State {
    /// Does [`STEPS`] on numbers with these lowest words. The matrix has to be divided by 2^62.
    fn steps(&mut self, mut f: u64, mut g: u64) -> [[u64; 2]; 2] {
        let (mut u, mut v, mut q, mut r) = (1_u64, 0_u64, 0_u64, 1_u64);
        let mut left = STEPS;
        loop {
            let zeros = (g | u64::MAX << left).trailing_zeros();
            g >>= zeros;
            u <<= zeros;
            v <<= zeros;
            self.eta -= i64::from(zeros);
            left -= zeros;
            // (2 | f) is −1 where f is 3 or 5 modulo 8.
            self.negative ^= u64::from(zeros) & (f >> 1 ^ f >> 2);
            if left == 0 {
                return [[u, v], [q, r]];
            }
            if self.eta < 0 {
                self.eta = -self.eta;
                swap(&mut f, &mut g);
                swap(&mut u, &mut q);
                swap(&mut v, &mut r);
                // (f | g) is −(g | f) where both are 3 modulo 4.
                self.negative ^= (f & g) >> 1;
            }
            // As many zeros at once as may come before the next change of places, up to six. The
            // inverse of −f modulo 2^6 is f·(f² − 2).
            let most = left.min(self.eta.unsigned_abs().saturating_add(1).min(6) as u32);
            let inverse = f.wrapping_mul(f.wrapping_mul(f).wrapping_sub(2));
            let times = inverse.wrapping_mul(g) & ((1 << most) - 1);
            g = g.wrapping_add(f.wrapping_mul(times));
            q = q.wrapping_add(u.wrapping_mul(times));
            r = r.wrapping_add(v.wrapping_mul(times));
        }
    }
}

/// `(u·f + v·g) / 2^62`, where u + v is at most 2^62.
fn combine(u: u64, f: &Number, v: u64, g: &Number) -> Number {
    let mut sum = [0; 5];
    let mut carry = 0_u128;
    for (sum, (f, g)) in sum.iter_mut().zip(f.iter().zip(g)) {
        let column = u128::from(u) * u128::from(*f) + u128::from(v) * u128::from(*g) + carry;
        *sum = halves(column).0;
        carry = column >> 64;
    }
    let [a, b, c, d, _] = sum;
    let (top, _) = halves(carry);
    let shift = |low: u64, high: u64| low >> STEPS | high << (64 - STEPS);
    [shift(a, b), shift(b, c), shift(c, d), shift(d, top)]
}

#[cfg(test)]
mod tests {
    use super::super::decoding::{add, multiply};
    use super::*;

    // 2 is no square, as p is 5 modulo 8, so twice a square is none. Of some numbers, as of 2, there is
    // no answer; of random ones there is.
    #[test]
    fn squares_and_their_doubles() {
        let mut random = [0x0123_4567_89ab_cdef, 1, 2, u64::MAX >> 2];
        for small in 1..2000 {
            random = add(&multiply(&random, &random), &[small, 0, 0, 0]);
            let answers = |number| {
                let square = multiply(&number, &number);
                (is_square(square), is_square(multiply(&square, &[2, 0, 0, 0])))
            };
            assert_eq!(answers(random), (Some(true), Some(false)), "{random:x?}");
            for special in [[small, 0, 0, 0], [0, 0, 0, small]] {
                let (square, double) = answers(special);
                assert!(square != Some(false) && double != Some(true), "{special:x?}");
            }
        }
    }

    #[test]
    fn multiples_of_p_have_no_answer() {
        assert_eq!(is_square([0; 4]), None);
        assert_eq!(is_square(P), None);
        assert_eq!(is_square([u64::MAX - 37, u64::MAX, u64::MAX, u64::MAX]), None);
    }
}
