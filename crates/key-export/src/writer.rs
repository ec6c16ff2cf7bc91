//! Writing a key export file.

use alloc::{string::String, vec, vec::Vec};
use core::{borrow::Borrow, fmt};

use matrix_key_backup_primitives::{AesCtrHmacKeys, CtrIv};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::{
    ExportedSessionData, Passphrase, Rounds, armour,
    file::{HEADER_BYTES, VERSION},
};

/// Bytes of a block of AES.
const BLOCK_BYTES: usize = 16;

/// Writes a key export file from sessions that come one by one.
///
/// Each session is encrypted as it comes: what grows is ciphertext, and the sessions need not be in
/// memory together. The file itself is one block by its format, so its text appears at the end.
///
/// ```
/// use getrandom::{SysRng, rand_core::UnwrapErr};
/// use matrix_key_backup_key_export::{KeyExportFile, KeyExportWriter, Passphrase, Rounds};
///
/// # let text = include_str!("../../../testdata/key-export/600-sessions.txt");
/// # let passphrase = Passphrase::new(String::from("public test passphrase"));
/// # let export = KeyExportFile::parse(text)?.decrypt(&passphrase)?;
/// let passphrase = Passphrase::new(String::from("correct horse battery staple"));
/// let mut rng = UnwrapErr(SysRng);
/// let mut writer = KeyExportWriter::new(&passphrase, Rounds::DEFAULT, &mut rng);
/// for session in export.entries().flatten() {
///     writer.push(&session);
/// }
/// let text = writer.finish();
/// # assert_eq!(KeyExportFile::parse(&text)?.decrypt(&passphrase)?.len(), 600);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Security
///
/// Salt and IV are new for each file. How hard it is to guess the passphrase from the file depends
/// on the passphrase and on the number of rounds; see [`Rounds::new`].
pub struct KeyExportWriter {
    keys: AesCtrHmacKeys,
    iv: CtrIv,
    /// Header and ciphertext so far.
    bytes: Vec<u8>,
    len: usize,
}

impl KeyExportWriter {
    /// Begins a file, which takes as long as `rounds` says.
    #[must_use]
    pub fn new<R: CryptoRng + ?Sized>(
        passphrase: &Passphrase,
        rounds: Rounds,
        rng: &mut R,
    ) -> Self {
        let mut salt = [0; 16];
        rng.fill_bytes(&mut salt);
        let iv = CtrIv::generate(rng);
        let keys = AesCtrHmacKeys::from_pbkdf2(passphrase.expose_bytes(), &salt, rounds.non_zero());

        let mut bytes = vec![VERSION];
        bytes.extend_from_slice(&salt);
        bytes.extend_from_slice(iv.as_bytes());
        bytes.extend_from_slice(&rounds.get().to_be_bytes());
        Self { keys, iv, bytes, len: 0 }
    }

    /// Adds a session.
    pub fn push(&mut self, session: &ExportedSessionData) {
        self.encrypt(if self.len == 0 { b"[" } else { b"," });
        self.encrypt(session.to_json().as_bytes());
        self.len += 1;
    }

    /// How many sessions have been added.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether no session has been added.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Ends the list and the file, and gives its text: padded base64 in lines of 128 characters,
    /// which is what deployed clients write and all of them read.
    #[must_use]
    pub fn finish(mut self) -> String {
        self.encrypt(if self.len == 0 { b"[]" } else { b"]" });
        let tag = self.keys.mac(&[&self.bytes]);
        self.bytes.extend_from_slice(tag.as_bytes());
        armour::encode(&self.bytes)
    }

    /// Appends the ciphertext of `plaintext`, which need not begin or end where a block does.
    fn encrypt(&mut self, plaintext: &[u8]) {
        let position = self.bytes.len() - HEADER_BYTES;
        let skipped = position % BLOCK_BYTES;
        let mut text = Zeroizing::new(vec![0; skipped + plaintext.len()]);
        let (_, target) = text.split_at_mut(skipped);
        target.copy_from_slice(plaintext);

        self.keys.apply_keystream(&advance(&self.iv, position / BLOCK_BYTES), &mut text);
        let (_, ciphertext) = text.split_at(skipped);
        self.bytes.extend_from_slice(ciphertext);
    }
}

/// The counter after so many blocks: 128 bits, big-endian, like that of the cipher.
#[expect(clippy::expect_used, reason = "16 bytes in, 16 bytes out")]
fn advance(iv: &CtrIv, blocks: usize) -> CtrIv {
    let counter =
        iv.as_bytes().iter().fold(0, |counter: u128, &byte| counter << 8 | u128::from(byte));
    CtrIv::from_slice(&counter.wrapping_add(blocks as u128).to_be_bytes()).expect("16 bytes")
}

impl fmt::Debug for KeyExportWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyExportWriter").field("len", &self.len).finish_non_exhaustive()
    }
}

/// Writes a key export file with these sessions, and gives its text (E-1, E-2).
///
/// The same as a [`KeyExportWriter`] in one call. [`Rounds::DEFAULT`] is the number to take.
#[must_use]
pub fn encrypt<R: CryptoRng + ?Sized>(
    sessions: impl IntoIterator<Item: Borrow<ExportedSessionData>>,
    passphrase: &Passphrase,
    rounds: Rounds,
    rng: &mut R,
) -> String {
    let mut writer = KeyExportWriter::new(passphrase, rounds, rng);
    for session in sessions {
        writer.push(session.borrow());
    }
    writer.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pieces of any length add up to what the cipher makes of the whole, even where the counter
    /// overflows its lower half, or altogether.
    #[test]
    fn encrypting_in_pieces_is_encrypting_in_one_go() {
        let keys = AesCtrHmacKeys::from_hkdf(b"key", b"");
        for iv in
            [[0; 16], [0xff; 16], [1, 2, 3, 4, 5, 6, 7, 8, 255, 255, 255, 255, 255, 255, 255, 254]]
        {
            let iv = CtrIv::from_slice(&iv).unwrap();
            let mut writer =
                KeyExportWriter { keys: keys.clone(), iv, bytes: vec![0; HEADER_BYTES], len: 0 };
            let mut whole = Vec::new();
            for length in (0..70).chain([1000, 3, 1]) {
                let piece = vec![length as u8; length];
                writer.encrypt(&piece);
                whole.extend(piece);
            }
            keys.apply_keystream(&iv, &mut whole);
            assert_eq!(writer.bytes[HEADER_BYTES..], whole);
        }
    }
}
