//! AES-256-CTR with HMAC-SHA-256: how key export files (E-1) and secret storage (S-1) encrypt.

use core::num::NonZeroU32;

use aes::{
    Aes256,
    cipher::{
        Array, KeyIvInit, StreamCipher,
        array::sizes::{U32, U64},
    },
};
use ctr::Ctr128BE;
use rand_core::CryptoRng;
use subtle::{Choice, ConstantTimeEq};
use zeroize::ZeroizeOnDrop;

use crate::{
    AuthenticationTag, KeyLengthError, WrongMac,
    kdf::{ZERO_SALT, hkdf_sha256, pbkdf2_hmac_sha512},
    mac::hmac_sha256,
    secret::SecretBytes,
};

/// A pair of keys: AES-256-CTR key `[0..32]`, HMAC-SHA-256 key `[32..64]`.
///
/// Encrypt, then MAC; verify, then decrypt. What the MAC covers besides the ciphertext is the
/// file's or the secret's own rule, so the two steps are separate here.
///
/// ```
/// use core::num::NonZeroU32;
/// use matrix_key_backup_primitives::{AesCtrHmacKeys, CtrIv};
///
/// let keys = AesCtrHmacKeys::from_pbkdf2(b"passphrase", b"a salt", NonZeroU32::MIN);
/// let iv = CtrIv::from_slice(&[7; 16])?;
/// let mut text = *b"attack at dawn";
/// keys.apply_keystream(&iv, &mut text);
/// let tag = keys.mac(&[iv.as_bytes(), &text]);
///
/// assert!(keys.verify(&[iv.as_bytes(), &text], tag.as_bytes()).is_ok());
/// keys.apply_keystream(&iv, &mut text);
/// assert_eq!(&text, b"attack at dawn");
/// # Ok::<(), matrix_key_backup_primitives::KeyLengthError>(())
/// ```
///
/// # Security
///
/// 64 secret bytes, wiped on drop, compared in constant time, redacted in `Debug` (K-5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AesCtrHmacKeys(SecretBytes<64>);

impl AesCtrHmacKeys {
    /// `PBKDF2-HMAC-SHA-512(passphrase, salt, rounds, 512 bits)` (E-1).
    ///
    /// It takes as long as `rounds` says; whoever reads the number from a file should bound it.
    #[must_use]
    pub fn from_pbkdf2(passphrase: &[u8], salt: &[u8], rounds: NonZeroU32) -> Self {
        Self(SecretBytes::init(|keys| pbkdf2_hmac_sha512(passphrase, salt, rounds, keys)))
    }

    /// `HKDF-SHA-256(salt = 32 zero bytes, ikm, info, 64 bytes)` (S-1).
    #[must_use]
    pub fn from_hkdf(ikm: &[u8], info: &[u8]) -> Self {
        Self(SecretBytes::init(|keys| hkdf_sha256(&ZERO_SALT, ikm, info, keys)))
    }

    /// The 64 secret bytes.
    #[must_use]
    pub fn expose_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// Encrypts or decrypts `text` in place with AES-256-CTR, `iv` being the first value of a
    /// 128-bit big-endian counter.
    ///
    /// # Security
    ///
    /// Decrypt only what [`verify`](Self::verify) accepted, and never encrypt two texts with the
    /// same keys and IV.
    pub fn apply_keystream(&self, iv: &CtrIv, text: &mut [u8]) {
        let (aes_key, _) = self.split();
        Ctr128BE::<Aes256>::new(aes_key, &iv.0.into()).apply_keystream(text);
    }

    /// `HMAC-SHA-256(HMAC key, the parts one after the other)`, 32 bytes.
    #[must_use]
    pub fn mac(&self, parts: &[&[u8]]) -> AuthenticationTag {
        let (_, hmac_key) = self.split();
        AuthenticationTag::new(hmac_sha256(hmac_key, parts))
    }

    /// Checks in constant time that `tag` is the [`mac`](Self::mac) of these parts.
    ///
    /// # Errors
    ///
    /// [`WrongMac`] if it is not; a tag that has not exactly 32 bytes is wrong.
    pub fn verify(&self, parts: &[&[u8]], tag: &[u8]) -> Result<(), WrongMac> {
        if self.mac(parts).as_bytes().ct_eq(tag).into() { Ok(()) } else { Err(WrongMac) }
    }

    fn split(&self) -> (&Array<u8, U32>, &Array<u8, U32>) {
        <&Array<u8, U64>>::from(self.0.as_bytes()).split_ref::<U32>()
    }
}

impl ConstantTimeEq for AesCtrHmacKeys {
    fn ct_eq(&self, other: &Self) -> Choice {
        self.0.ct_eq(&other.0)
    }
}

impl ZeroizeOnDrop for AesCtrHmacKeys {}

/// The initial counter of AES-256-CTR, 16 bytes.
///
/// One that is generated has bit 63 cleared (S-1, E-1), because some readers count in 64 bits, and
/// so would lose their way where the lower half overflows. One that is read is taken as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CtrIv([u8; 16]);

impl CtrIv {
    /// Makes a new IV from `rng`.
    #[must_use]
    pub fn generate<R: CryptoRng + ?Sized>(rng: &mut R) -> Self {
        let mut iv = [0; 16];
        rng.fill_bytes(&mut iv);
        Self(iv).with_bit_63_cleared()
    }

    /// Makes a new IV from the system's random number generator.
    ///
    /// # Errors
    ///
    /// [`getrandom::Error`] if the system has none, or it fails.
    #[cfg(feature = "getrandom")]
    pub fn random() -> Result<Self, getrandom::Error> {
        let mut iv = [0; 16];
        getrandom::fill(&mut iv)?;
        Ok(Self(iv).with_bit_63_cleared())
    }

    /// Takes the 16 bytes of an IV, bit 63 included.
    ///
    /// # Errors
    ///
    /// [`KeyLengthError`] if there are not exactly 16 bytes.
    pub fn from_slice(bytes: &[u8]) -> Result<Self, KeyLengthError> {
        bytes.try_into().map(Self).map_err(|_| KeyLengthError { expected: 16, found: bytes.len() })
    }

    /// The 16 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    fn with_bit_63_cleared(self) -> Self {
        let mut iv = self.0;
        iv[8] &= 0x7f;
        Self(iv)
    }
}
