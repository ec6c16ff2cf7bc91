//! Whether two session keys are one Megolm ratchet.

use alloc::boxed::Box;

use hmac::{Hmac, KeyInit, Mac, digest::FixedOutput};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// How the ratchets of two session keys lie to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RatchetOrder {
    /// The same key at the same index.
    Equal,
    /// The first one begins earlier and leads to the second.
    Earlier,
    /// The second one begins earlier and leads to the first.
    Later,
    /// Neither leads to the other: at least one is not the sender's.
    Unconnected,
}

/// One part of a ratchet, `R(i, j)`.
pub(crate) type Part = [u8; 32];

/// The state of a Megolm ratchet at one message index: four parts of 32 bytes.
///
/// Part `j` is hashed every `256^(3 - j)` messages, and each time the faster parts after it are
/// made anew from it: `R(i, k) = HMAC-SHA-256(R(i - 256^(3 - j), j), k)`, one byte. So it advances
/// over any distance with at most 255 hashes of each part.
///
/// Source: A-3; [the ratchet in the Megolm document][ratchet].
///
/// [ratchet]: https://gitlab.matrix.org/matrix-org/olm/-/blob/master/docs/megolm.md#the-megolm-ratchet-algorithm
pub(crate) struct MegolmRatchet {
    index: u32,
    parts: Box<Zeroizing<[Part; 4]>>,
}

impl MegolmRatchet {
    pub(crate) fn new(index: u32, parts: Box<Zeroizing<[Part; 4]>>) -> Self {
        Self { index, parts }
    }

    /// How this ratchet lies to another one of the same session. The parts are compared in
    /// constant time.
    pub(crate) fn compare(self, other: Self) -> RatchetOrder {
        let (order, mut earlier, later) = match self.index.cmp(&other.index) {
            core::cmp::Ordering::Equal => (RatchetOrder::Equal, self, other),
            core::cmp::Ordering::Less => (RatchetOrder::Earlier, self, other),
            core::cmp::Ordering::Greater => (RatchetOrder::Later, other, self),
        };
        earlier.advance_to(later.index);
        let same = earlier.parts.as_flattened().ct_eq(later.parts.as_flattened());
        if bool::from(same) { order } else { RatchetOrder::Unconnected }
    }

    /// Advances to an index that is not lower. Between parts the index is the last one at which
    /// all faster parts have just been made anew, so no part is hashed more than 255 times.
    fn advance_to(&mut self, index: u32) {
        let mut parts = self.parts.as_mut_slice();
        for (number, shift) in [(0_u8, 24), (1, 16), (2, 8), (3, 0)] {
            let Some((part, faster)) = parts.split_first_mut() else { return };
            let steps = (index >> shift).saturating_sub(self.index >> shift);
            if steps > 0 {
                for _ in 1..steps {
                    hash(part, number).finalize_into(part.into());
                }
                for (faster, number) in faster.iter_mut().zip(number + 1..) {
                    hash(part, number).finalize_into(faster.into());
                }
                hash(part, number).finalize_into(part.into());
                self.index = index >> shift << shift;
            }
            parts = faster;
        }
    }
}

/// `HMAC-SHA-256(part, number)`, to be written where it belongs and nowhere else.
fn hash(part: &Part, number: u8) -> Hmac<Sha256> {
    #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
    let hmac = <Hmac<Sha256> as KeyInit>::new_from_slice(part).expect("any length will do");
    hmac.chain_update([number])
}

#[cfg(test)]
mod tests {
    use alloc::boxed::Box;

    use hmac::Mac;
    use proptest::prelude::*;
    use zeroize::Zeroizing;

    use super::{MegolmRatchet, Part, hash};

    fn parts(fill: u8) -> [Part; 4] {
        [1_u8, 2, 3, 4].map(|part| [part ^ fill; 32])
    }

    fn at(index: u32, parts: [Part; 4]) -> MegolmRatchet {
        MegolmRatchet::new(index, Box::new(Zeroizing::new(parts)))
    }

    /// One message on, read off the definition: the slowest part whose turn it is, at an index
    /// that is a multiple of its period, makes itself and all faster parts.
    fn next(index: u32, parts: [Part; 4]) -> (u32, [Part; 4]) {
        let index = index + 1;
        let slowest = (0..4).find(|j| index.is_multiple_of(1 << (8 * (3 - j)))).unwrap();
        let mut after = parts;
        for (number, part) in (0..).zip(&mut after).skip(slowest) {
            part.copy_from_slice(&hash(&parts[slowest], number).finalize().into_bytes());
        }
        (index, after)
    }

    /// one leap comes to where single steps come.
    fn one_leap_is_all_steps(from: u32, distance: u32) {
        let mut stepped = (from, parts(0x5a));
        for _ in 0..distance {
            stepped = next(stepped.0, stepped.1);
        }
        let mut leapt = at(from, parts(0x5a));
        leapt.advance_to(stepped.0);
        assert_eq!((leapt.index, **leapt.parts), stepped, "{from} + {distance}");
    }

    #[test]
    fn leaps_over_every_boundary() {
        for boundary in [1_u32 << 8, 1 << 16, 1 << 24, 3 << 24, 0xff_0000, 0xff00_0000, u32::MAX] {
            for before in [0, 1, 255, 256, 257, 700] {
                for distance in [0, 1, 2, 255, 256, 257, 600] {
                    let from = boundary.saturating_sub(before);
                    one_leap_is_all_steps(from, distance.min(u32::MAX - from));
                }
            }
        }
        one_leap_is_all_steps(250, 70_000); // over 2^16 from far away
    }

    proptest! {
        #[test]
        fn leaps_from_anywhere(from in 0..u32::MAX - 600, distance in 0..600_u32) {
            one_leap_is_all_steps(from, distance);
        }

        /// Two leaps are one, over any distance.
        #[test]
        fn leaps_add_up(mut indices in prop::array::uniform3(any::<u32>())) {
            indices.sort_unstable();
            let (mut two, mut one) = (at(indices[0], parts(0)), at(indices[0], parts(0)));
            two.advance_to(indices[1]);
            two.advance_to(indices[2]);
            one.advance_to(indices[2]);
            prop_assert_eq!((one.index, **one.parts), (two.index, **two.parts));
        }
    }
}
