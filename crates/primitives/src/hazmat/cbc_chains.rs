//! AES-256-CBC encryption of several plaintexts at once (V1-4).
//!
//! In CBC each block needs the ciphertext of the one before, so a plaintext by itself keeps a
//! processor waiting for most of the time. The blocks of different plaintexts do not need each
//! other: when they take turns, the waiting is filled.
//!
//! `aes` prepares a key anew with each call, which takes longer than a block. So each key is
//! prepared once, one within the other ([`prepare`]), and all plaintexts are encrypted within the
//! last.

use alloc::vec::Vec;

use aes::{
    Aes256Enc,
    cipher::{
        Array, BlockCipherEncBackend, BlockCipherEncClosure, BlockCipherEncrypt, BlockSizeUser,
        KeyInit, array::sizes::U16,
    },
};

use super::message_keys::{Iv, Key};

/// How many plaintexts take turns.
pub(super) const CHAINS: usize = 8;

type Block = Array<u8, U16>;
/// Encrypts one block with a key that is prepared.
type EncryptBlock<'a> = dyn Fn(&mut Block) + 'a;

/// One plaintext that is being encrypted.
struct Chain {
    /// The ciphertext block before, or the IV: what the next block is mixed with.
    last: Iv,
    /// The plaintext with its padding, and in its place, block by block, the ciphertext.
    text: Vec<u8>,
}

/// Encrypts up to [`CHAINS`] plaintexts, each with the key and the IV that stand beside it, each to
/// a whole number of blocks.
pub(super) fn encrypt<'a>(
    messages: impl Iterator<Item = (&'a Key, &'a Iv, &'a [u8])>,
) -> impl Iterator<Item = Vec<u8>> {
    // The ciphers are wiped on drop, as `aes` has the feature `zeroize`.
    let (ciphers, mut chains): (Vec<_>, Vec<_>) = messages
        .map(|(key, iv, plaintext)| (Aes256Enc::new(key), Chain::new(iv, plaintext)))
        .unzip();
    prepare(&ciphers, [None; CHAINS], &mut chains);
    chains.into_iter().map(|chain| chain.text)
}

/// Prepares these ciphers, after those that are `ready`, and then encrypts.
fn prepare(
    ciphers: &[Aes256Enc],
    ready: [Option<&EncryptBlock<'_>>; CHAINS],
    chains: &mut [Chain],
) {
    match ciphers.split_first() {
        Some((cipher, rest)) => cipher.encrypt_with_backend(Prepared { rest, ready, chains }),
        None => encrypt_in_turns(ready, chains),
    }
}

/// What is to be done once a cipher is prepared.
struct Prepared<'a> {
    rest: &'a [Aes256Enc],
    ready: [Option<&'a EncryptBlock<'a>>; CHAINS],
    chains: &'a mut [Chain],
}

impl BlockSizeUser for Prepared<'_> {
    type BlockSize = U16;
}

impl BlockCipherEncClosure for Prepared<'_> {
    fn call<B: BlockCipherEncBackend<BlockSize = U16>>(self, backend: &B) {
        let encrypt = |block: &mut Block| backend.encrypt_block(block.into());
        let mut ready = self.ready;
        if let Some(place) = ready.iter_mut().find(|place| place.is_none()) {
            *place = Some(&encrypt);
        }
        prepare(self.rest, ready, self.chains);
    }
}

fn encrypt_in_turns(ready: [Option<&EncryptBlock<'_>>; CHAINS], chains: &mut [Chain]) {
    let blocks = chains.iter().map(|chain| chain.text.len() / 16).max().unwrap_or_default();
    for place in 0..blocks {
        for (encrypt, chain) in ready.iter().flatten().zip(chains.iter_mut()) {
            chain.encrypt(place, encrypt);
        }
    }
}

impl Chain {
    fn new(iv: &Iv, plaintext: &[u8]) -> Self {
        let padding = 16 - plaintext.len() % 16;
        let length = plaintext.len() + padding;
        // It has this room from the beginning: growing would leave plaintext behind.
        let mut text = Vec::with_capacity(length);
        text.extend_from_slice(plaintext);
        // PKCS#7: 1 to 16 bytes, each of which says how many they are.
        text.resize(length, padding as u8);
        Self { last: *iv, text }
    }

    /// Encrypts the block at this place, if there is one.
    fn encrypt(&mut self, place: usize, encrypt: &EncryptBlock<'_>) {
        let (blocks, _) = self.text.as_chunks_mut::<16>();
        if let Some(block) = blocks.get_mut(place) {
            // All 16 bytes at once: written one by one, they could not be read as a block before
            // each of them has reached the cache, and that is longer than the encryption takes.
            let (text, last) = (*block, self.last.0);
            #[expect(clippy::indexing_slicing, reason = "both have 16 bytes")]
            let mut mixed = Array(core::array::from_fn(|at| text[at] ^ last[at]));
            encrypt(&mut mixed);
            *block = mixed.0;
            self.last = mixed;
        }
    }
}
