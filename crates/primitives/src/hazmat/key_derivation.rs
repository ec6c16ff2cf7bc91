//! HKDF-SHA-256 for many shared secrets at once (V1-3), by the compression function itself.
//!
//! All of it is HMAC over messages of less than one block, and its salt never changes. So what
//! HMAC makes of the salt is a constant ([`ZERO_SALT`]), and nothing is buffered: ten compressions
//! for a message instead of fourteen. Several secrets take turns at each step, because one
//! compression waits for its own results most of the time, and processors fill that with the next.

use sha2::block_api::compress256;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// How many secrets take turns. Four keep a processor busy; more only need more registers.
pub(super) const LANES: usize = 4;

/// The state of SHA-256 between two blocks.
type State = [u32; 8];

/// A block for each secret. Wiped all at once: byte by byte it would take as long as to hash them.
struct Blocks<const N: usize>([[u8; 64]; N]);

impl<const N: usize> Blocks<N> {
    fn new() -> Self {
        Self([[0; 64]; N])
    }
}

impl<const N: usize> Drop for Blocks<N> {
    fn drop(&mut self) {
        self.0.as_flattened_mut().zeroize();
    }
}

/// Where SHA-256 begins (FIPS 180-4, 5.3.3).
const START: State = [
    0x6a09_e667,
    0xbb67_ae85,
    0x3c6e_f372,
    0xa54f_f53a,
    0x510e_527f,
    0x9b05_688c,
    0x1f83_d9ab,
    0x5be0_cd19,
];

/// HMAC's two states for a key of 32 zero bytes, the salt of V1-3: after a block of 0x36, and
/// after one of 0x5c.
const ZERO_SALT: (State, State) = (
    [
        0xf454_dead,
        0x9725_214f,
        0x90da_f2a0,
        0xdf12_28ea,
        0x64e5_750f,
        0xa392_4181,
        0x824a_932b,
        0xf8e0_4e32,
    ],
    [
        0xd385_480f,
        0x7abb_6477,
        0x37c9_c538,
        0x5dd8_2467,
        0x8e04_3a72,
        0x7534_34b0,
        0xdeb8_2818,
        0x361d_45a6,
    ],
);

/// `HKDF-SHA-256(salt = 32 zero bytes, ikm = shared secret, info = "", 80 bytes)` for each of the
/// secrets (V1-3).
pub(super) fn derive<const N: usize>(shared_secrets: [&[u8]; N], keys: [&mut [u8; 80]; N]) {
    let salted = Hmac { inner: [ZERO_SALT.0; N], outer: [ZERO_SALT.1; N] };
    let secrets = Zeroizing::new(shared_secrets.map(words));
    let pseudorandom_keys = salted.mac(&secrets, Tail::Nothing);
    let keyed = Hmac::new(&pseudorandom_keys);

    // T(1) = HMAC(PRK, 1), T(2) = HMAC(PRK, T(1) ‖ 2), T(3) = HMAC(PRK, T(2) ‖ 3)
    let first = keyed.mac_of_one();
    let second = keyed.mac(&first, Tail::Byte(2));
    let third = keyed.mac(&second, Tail::Byte(3));

    let parts = first.iter().zip(second.iter()).zip(third.iter());
    for (keys, ((first, second), third)) in keys.into_iter().zip(parts) {
        let (one, rest) = keys.split_at_mut(32);
        let (two, three) = rest.split_at_mut(32);
        write_words(one, first);
        write_words(two, second);
        write_words(three, third);
    }
}

/// Up to eight words of four bytes each, the highest byte first.
fn words(bytes: &[u8]) -> State {
    let mut words = [0; 8];
    let (chunks, _) = bytes.as_chunks();
    words.iter_mut().zip(chunks).for_each(|(word, bytes)| *word = u32::from_be_bytes(*bytes));
    words
}

/// The reverse of [`words`], as far as there is room. It is one loop, which becomes vector
/// instructions: what is written word by word cannot be read as a vector at once.
fn write_words(bytes: &mut [u8], words: &State) {
    let (chunks, _) = bytes.as_chunks_mut();
    chunks.iter_mut().zip(words).for_each(|(bytes, word)| *bytes = word.to_be_bytes());
}

/// What follows the 32 bytes of a message.
#[derive(Clone, Copy)]
enum Tail {
    Nothing,
    Byte(u8),
}

/// HMAC-SHA-256 under `N` keys, after the block of the key: where the inner and the outer hash go
/// on from.
struct Hmac<const N: usize> {
    inner: [State; N],
    outer: [State; N],
}

impl<const N: usize> Hmac<N> {
    fn new(keys: &[State; N]) -> Self {
        let padded = |with: u32| {
            let mut blocks = Blocks::new();
            for (block, key) in blocks.0.iter_mut().zip(keys) {
                let (start, rest) = block.split_at_mut(32);
                write_words(start, &key.map(|word| word ^ with));
                write_words(rest, &[with; 8]);
            }
            let mut states = [START; N];
            compress(&mut states, &blocks);
            states
        };
        Self { inner: padded(0x3636_3636), outer: padded(0x5c5c_5c5c) }
    }

    /// The MACs of messages of 32 bytes, or 33.
    fn mac(&self, messages: &[State; N], tail: Tail) -> Zeroizing<[State; N]> {
        let (after, length) = match tail {
            Tail::Nothing => (0x8000_0000, 32),
            Tail::Byte(byte) => (u32::from(byte) << 24 | 0x0080_0000, 33),
        };
        self.outer(&hash(self.inner, messages, after, length))
    }

    /// The MACs of the one byte 1.
    fn mac_of_one(&self) -> Zeroizing<[State; N]> {
        let message = [0x0180_0000, 0, 0, 0, 0, 0, 0, 0];
        self.outer(&hash(self.inner, &[message; N], 0, 1))
    }

    fn outer(&self, hashes: &[State; N]) -> Zeroizing<[State; N]> {
        hash(self.outer, hashes, 0x8000_0000, 32)
    }
}

impl<const N: usize> Drop for Hmac<N> {
    fn drop(&mut self) {
        self.inner.as_flattened_mut().zeroize();
        self.outer.as_flattened_mut().zeroize();
    }
}

impl<const N: usize> ZeroizeOnDrop for Hmac<N> {}

/// Hashes the last block, which follows one block: eight words of a message, what stands after
/// them, and the length of the message in bytes.
fn hash<const N: usize>(
    mut states: [State; N],
    messages: &[State; N],
    after: u32,
    length: u32,
) -> Zeroizing<[State; N]> {
    let end = [after, 0, 0, 0, 0, 0, 0, (64 + length) * 8];
    let mut blocks = Blocks::new();
    for (block, message) in blocks.0.iter_mut().zip(messages) {
        let (start, rest) = block.split_at_mut(32);
        write_words(start, message);
        write_words(rest, &end);
    }
    compress(&mut states, &blocks);
    Zeroizing::new(states)
}

/// One block for each state. They do not wait for each other.
fn compress<const N: usize>(states: &mut [State; N], blocks: &Blocks<N>) {
    for (state, block) in states.iter_mut().zip(&blocks.0) {
        compress256(state, core::slice::from_ref(block));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kdf::hkdf_sha256;

    #[test]
    fn the_states_of_the_salt_are_those_of_zero_bytes() {
        let salted = Hmac::new(&[[0; 8]]);
        assert_eq!((salted.inner, salted.outer), ([ZERO_SALT.0], [ZERO_SALT.1]));
    }

    // V1-3, with HKDF as RustCrypto has it as the oracle.
    #[test]
    fn the_keys_are_those_of_hkdf() {
        for seed in 0..64_u8 {
            let secrets: [[u8; 32]; LANES] = core::array::from_fn(|lane| {
                core::array::from_fn(|at| {
                    seed.wrapping_mul(lane as u8 * 2 + 59) ^ (at as u8).wrapping_mul(37)
                })
            });
            let mut keys = [[0; 80]; LANES];
            derive(secrets.each_ref().map(|secret| secret.as_slice()), keys.each_mut());
            for (secret, keys) in secrets.iter().zip(&keys) {
                let mut wanted = [0; 80];
                hkdf_sha256(&crate::kdf::ZERO_SALT, secret, b"", &mut wanted);
                assert_eq!(keys, &wanted);
                let mut alone = [0; 80];
                derive([secret], [&mut alone]);
                assert_eq!(alone, wanted);
            }
        }
    }
}
