//! Randomness that is the same on every run, so that vectors can be made again and compared.

use core::convert::Infallible;

use rand_core::{TryCryptoRng, TryRng};
use sha2::{Digest as _, Sha256};

/// SHA-256 over a seed and a counter. For test vectors alone: whoever knows the seed knows all.
#[derive(Debug)]
pub(crate) struct SeededRng {
    seed: String,
    blocks: u64,
    /// What is left of the last block.
    rest: Vec<u8>,
}

impl SeededRng {
    pub(crate) fn new(seed: &str) -> Self {
        Self { seed: seed.to_owned(), blocks: 0, rest: Vec::new() }
    }

    fn byte(&mut self) -> u8 {
        loop {
            if let Some(byte) = self.rest.pop() {
                return byte;
            }
            let block = Sha256::new()
                .chain_update(b"matrix-key-backup vectors")
                .chain_update(self.blocks.to_be_bytes())
                .chain_update(self.seed.as_bytes())
                .finalize();
            self.blocks += 1;
            self.rest = block.to_vec();
        }
    }
}

impl TryRng for SeededRng {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(u32::from_be_bytes([self.byte(), self.byte(), self.byte(), self.byte()]))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(u64::from(self.try_next_u32()?) << 32 | u64::from(self.try_next_u32()?))
    }

    fn try_fill_bytes(&mut self, target: &mut [u8]) -> Result<(), Infallible> {
        target.fill_with(|| self.byte());
        Ok(())
    }
}

impl TryCryptoRng for SeededRng {}

#[cfg(test)]
mod tests {
    use rand_core::Rng as _;

    use super::*;

    #[test]
    fn one_seed_gives_one_stream_and_another_seed_another() {
        let stream = |seed| {
            let mut rng = SeededRng::new(seed);
            let mut bytes = [0; 100];
            rng.fill_bytes(&mut bytes);
            bytes
        };
        assert_eq!(stream("a"), stream("a"));
        assert_ne!(stream("a"), stream("b"));
    }
}
