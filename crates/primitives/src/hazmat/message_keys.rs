//! The keys of one message, and what is done with them.

use alloc::vec::Vec;

use aes::{
    Aes256,
    cipher::{
        Array, BlockModeDecrypt, BlockModeEncrypt, KeyIvInit,
        array::sizes::{U16, U32, U80},
        block_padding::Pkcs7,
    },
};
use subtle::{Choice, ConstantTimeEq};
use zeroize::ZeroizeOnDrop;

use super::{
    EphemeralSecretKey, LowOrderPoint, Plaintext, SharedSecret,
    cbc_chains::{self, CHAINS},
    key_derivation::{self, LANES},
};
use crate::{
    BackupDecryptionKey, BackupPublicKey, EphemeralPublicKey, KeyLengthError, V1Mac, WrongMac,
    mac::hmac_sha256, secret::SecretBytes,
};

pub(super) type Key = Array<u8, U32>;
pub(super) type Iv = Array<u8, U16>;

/// A ciphertext did not decrypt.
///
/// It does not say why: what depends on the key has no detail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the message cannot be decrypted with this key")]
pub struct DecryptionFailed;

impl From<LowOrderPoint> for DecryptionFailed {
    fn from(LowOrderPoint: LowOrderPoint) -> Self {
        Self
    }
}

/// The 80 bytes that HKDF gives for one message: AES key `[0..32]`, MAC key `[32..64]`, AES IV
/// `[64..80]` (V1-3).
///
/// # Security
///
/// For one plaintext only. Wiped on drop, compared in constant time, redacted in `Debug` (K-5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageKeys(SecretBytes<80>);

impl MessageKeys {
    /// The keys with which to encrypt a message to `backup`.
    ///
    /// # Errors
    ///
    /// [`LowOrderPoint`] if the backup's public key is one (V1-7).
    pub fn for_sender(
        backup: &BackupPublicKey,
        ephemeral: &EphemeralSecretKey,
    ) -> Result<Self, LowOrderPoint> {
        SharedSecret::for_sender(backup, ephemeral).map(|shared| shared.message_keys())
    }

    /// The keys with which to decrypt the message that came with `ephemeral`.
    ///
    /// # Errors
    ///
    /// [`LowOrderPoint`] if the ephemeral public key is one (V1-7).
    pub fn for_recipient(
        backup: &BackupDecryptionKey,
        ephemeral: &EphemeralPublicKey,
    ) -> Result<Self, LowOrderPoint> {
        SharedSecret::for_recipient(backup, ephemeral).map(|shared| shared.message_keys())
    }

    /// Takes the 80 bytes as they are. Meant for test vectors.
    ///
    /// # Errors
    ///
    /// [`KeyLengthError`] if there are not exactly 80 bytes.
    pub fn from_slice(bytes: &[u8]) -> Result<Self, KeyLengthError> {
        SecretBytes::from_slice(bytes).map(Self)
    }

    /// `HKDF-SHA-256(salt = 32 zero bytes, ikm = shared secret, info = "", 80 bytes)` (V1-3).
    pub(super) fn derive(shared_secret: &[u8; 32]) -> Self {
        Self(SecretBytes::init(|keys| key_derivation::derive([shared_secret], [keys])))
    }

    /// The 80 secret bytes.
    #[must_use]
    pub fn expose_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// AES-256-CBC with PKCS#7 padding (V1-4): 1 to 16 bytes longer than `plaintext`, and a
    /// multiple of 16.
    #[must_use]
    pub fn encrypt(&self, plaintext: &[u8]) -> Vec<u8> {
        let (aes_key, _, iv) = self.split();
        cbc::Encryptor::<Aes256>::new(aes_key, iv).encrypt_padded_vec::<Pkcs7>(plaintext)
    }

    /// [`encrypt`](Self::encrypt) for many plaintexts at once, each with its own keys, in their
    /// order.
    #[must_use]
    pub fn encrypt_batch<'a, P: AsRef<[u8]> + 'a>(
        messages: impl IntoIterator<Item = (&'a Self, &'a P)>,
    ) -> Vec<Vec<u8>> {
        let mut messages = messages
            .into_iter()
            .map(|(keys, plaintext)| {
                let (aes_key, _, iv) = keys.split();
                (aes_key, iv, plaintext.as_ref())
            })
            .peekable();
        let mut ciphertexts = Vec::with_capacity(messages.size_hint().0);
        while messages.peek().is_some() {
            ciphertexts.extend(cbc_chains::encrypt(messages.by_ref().take(CHAINS)));
        }
        ciphertexts
    }

    /// The reverse of [`encrypt`](Self::encrypt).
    ///
    /// # Errors
    ///
    /// [`DecryptionFailed`] if `ciphertext` is empty, is no multiple of 16 bytes, or if any byte of
    /// its padding is wrong.
    ///
    /// # Security
    ///
    /// That it succeeds says nothing about who wrote the message; see the [module](super).
    pub fn decrypt(&self, ciphertext: &[u8]) -> Result<Plaintext, DecryptionFailed> {
        self.decrypt_in_place(ciphertext.to_vec())
    }

    /// [`decrypt`](Self::decrypt) where the ciphertext stands: the plaintext takes its place.
    ///
    /// # Errors
    ///
    /// As [`decrypt`](Self::decrypt).
    ///
    /// # Security
    ///
    /// As [`decrypt`](Self::decrypt).
    pub fn decrypt_in_place(&self, ciphertext: Vec<u8>) -> Result<Plaintext, DecryptionFailed> {
        let (aes_key, _, iv) = self.split();
        let mut plaintext = Plaintext::new(ciphertext);
        let buffer = plaintext.buffer();
        let length = cbc::Decryptor::<Aes256>::new(aes_key, iv)
            .decrypt_padded::<Pkcs7>(buffer)
            .map_err(|_| DecryptionFailed)?
            .len();
        buffer.truncate(length);
        Ok(plaintext)
    }

    /// The `mac` of a version 1 entry: the first 8 bytes of `HMAC-SHA-256(MAC key, "")` (V1-5).
    ///
    /// Over the empty string, not the ciphertext: so it was deployed, and so readers want it
    /// ([matrix-spec#1712](https://github.com/matrix-org/matrix-spec/issues/1712)).
    #[must_use]
    pub fn v1_mac(&self) -> V1Mac {
        let (_, mac_key, _) = self.split();
        V1Mac::truncate(hmac_sha256(mac_key, &[]))
    }

    /// Checks the `mac` of a version 1 entry, in constant time.
    ///
    /// # Errors
    ///
    /// [`WrongMac`] if it was made with other keys.
    ///
    /// # Security
    ///
    /// A right one authenticates nothing (V1-5, V1-6).
    pub fn verify_v1_mac(&self, mac: &V1Mac) -> Result<(), WrongMac> {
        if self.v1_mac() == *mac { Ok(()) } else { Err(WrongMac) }
    }

    /// AES key, MAC key, AES IV.
    fn split(&self) -> (&Key, &Key, &Iv) {
        let (aes_key, rest) = <&Array<u8, U80>>::from(self.0.as_bytes()).split_ref::<U32>();
        let (mac_key, iv) = rest.split_ref::<U32>();
        (aes_key, mac_key, iv)
    }
}

/// [`MessageKeys::derive`] for many shared secrets, in their order (V1-3).
pub(super) fn derive_batch(shared_secrets: &[&[u8]]) -> Vec<MessageKeys> {
    let mut derived = Vec::with_capacity(shared_secrets.len());
    let (in_turns, rest) = shared_secrets.as_chunks();
    in_turns.iter().for_each(|secrets| derived.extend(derive_in_turns::<LANES>(secrets)));
    rest.iter().for_each(|secret| derived.extend(derive_in_turns(&[secret])));
    derived
}

fn derive_in_turns<const N: usize>(shared_secrets: &[&[u8]; N]) -> [MessageKeys; N] {
    let mut derived = [(); N].map(|()| MessageKeys(SecretBytes::init(|_| {})));
    key_derivation::derive(*shared_secrets, derived.each_mut().map(|keys| keys.0.as_mut_bytes()));
    derived
}

impl ConstantTimeEq for MessageKeys {
    fn ct_eq(&self, other: &Self) -> Choice {
        self.0.ct_eq(&other.0)
    }
}

impl ZeroizeOnDrop for MessageKeys {}
