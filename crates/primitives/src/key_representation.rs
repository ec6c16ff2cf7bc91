//! How a 32-byte key is shown to a person, and read back (K-3).
//!
//! ```text
//! base58(0x8B 0x01 ‖ key ‖ parity), a space after every fourth character
//! ```
//!
//! The parity byte is the XOR of all bytes before it, which catches most slips of the pen. The
//! backup decryption key and the secret storage key share this form, so nothing in the text says
//! which of the two it is.
//!
//! Source: [cryptographic key representation][spec] in the appendices of the Matrix specification.
//!
//! # Security
//!
//! Every buffer is wiped. Base58 is a division by 58, digit by digit, and looks up its alphabet in
//! a table; unlike the rest of this crate it does not claim to run in constant time.
//!
//! [spec]: https://spec.matrix.org/v1.19/appendices/#cryptographic-key-representation

use alloc::string::String;

use subtle::{Choice, ConstantTimeEq};
use zeroize::{ZeroizeOnDrop, Zeroizing};

use crate::{KeyLengthError, secret::SecretBytes};

const PREFIX: [u8; 2] = [0x8B, 0x01];

/// Prefix, key and parity.
const PAYLOAD_BYTES: usize = 2 + 32 + 1;

/// With this prefix, 35 bytes always take 48 characters: 58^47 < 0x8B01 · 256^33 < 58^48. So the
/// length can be judged before anything is decoded, in the unit that a person can count.
const CHARACTERS: usize = 48;

const GROUP: usize = 4;

/// A text is not a key in the form of K-3.
///
/// No variant carries anything of the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyRepresentationError {
    /// There is nothing but whitespace.
    #[error("the key is empty")]
    Empty,
    /// A character is not one of the base58 alphabet, which leaves out `0`, `O`, `I` and `l`.
    #[error("character {position} of the key is not one that a key can contain")]
    #[non_exhaustive]
    Character {
        /// Its place in the text as it was given, counted in characters from 1, spaces included.
        position: usize,
    },
    /// There are too few or too many characters.
    #[error("a key has 48 characters besides spaces, and this one has {found}")]
    #[non_exhaustive]
    Length {
        /// How many characters there are, whitespace not counted.
        found: usize,
    },
    /// The text is base58, but not that of a Matrix key.
    #[error("this is not a Matrix key: its beginning is wrong")]
    Prefix,
    /// The parity is wrong, so that there must be a typing error somewhere.
    #[error("the key contains a typing error: its check digit is wrong")]
    Parity,
}

/// The 32 secret bytes behind a key representation, when it is not known whose they are.
///
/// A [`BackupDecryptionKey`](crate::BackupDecryptionKey) has its own
/// [`from_base58`](crate::BackupDecryptionKey::from_base58); this is for the secret storage key.
///
/// # Security
///
/// Wiped on drop, compared in constant time, redacted in `Debug` (K-5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyBytes(SecretBytes<32>);

impl KeyBytes {
    /// Takes the 32 bytes of a key.
    ///
    /// # Errors
    ///
    /// [`KeyLengthError`] if there are not exactly 32 bytes.
    pub fn from_slice(bytes: &[u8]) -> Result<Self, KeyLengthError> {
        SecretBytes::from_slice(bytes).map(Self)
    }

    /// The 32 secret bytes.
    #[must_use]
    pub fn expose_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl ConstantTimeEq for KeyBytes {
    fn ct_eq(&self, other: &Self) -> Choice {
        self.0.ct_eq(&other.0)
    }
}

impl ZeroizeOnDrop for KeyBytes {}

/// Writes a key for a person: 48 characters in twelve groups of four (K-3).
#[must_use]
pub fn encode(key: &KeyBytes) -> Zeroizing<String> {
    encode_bytes(key.0.as_bytes())
}

/// Reads a key that a person typed, whatever whitespace is in it (K-3).
///
/// # Errors
///
/// [`KeyRepresentationError`], which says what to look for in the text.
pub fn decode(text: &str) -> Result<KeyBytes, KeyRepresentationError> {
    decode_bytes(text).map(KeyBytes)
}

pub(crate) fn encode_bytes(key: &[u8; 32]) -> Zeroizing<String> {
    let mut payload = Zeroizing::new([0; PAYLOAD_BYTES]);
    let [prefix_0, prefix_1, body @ .., last] = &mut *payload;
    [*prefix_0, *prefix_1] = PREFIX;
    body.copy_from_slice(key);
    *last = parity(key);

    let mut characters = Zeroizing::new([0; CHARACTERS]);
    #[expect(clippy::expect_used, reason = "see CHARACTERS")]
    bs58::encode(&*payload).onto(characters.as_mut_slice()).expect("48 characters suffice");

    let mut text = Zeroizing::new(String::with_capacity(CHARACTERS + CHARACTERS / GROUP));
    for (index, group) in characters.chunks(GROUP).enumerate() {
        if index > 0 {
            text.push(' ');
        }
        text.extend(group.iter().copied().map(char::from));
    }
    text
}

pub(crate) fn decode_bytes(text: &str) -> Result<SecretBytes<32>, KeyRepresentationError> {
    let characters = without_whitespace(text)?;

    let mut payload = Zeroizing::new([0; CHARACTERS]);
    let length = bs58::decode(&*characters)
        .onto(payload.as_mut_slice())
        .map_err(|_| KeyRepresentationError::Prefix)?;
    // What begins with the prefix and takes 48 characters has 35 bytes; see CHARACTERS.
    let Some([prefix_0, prefix_1, key @ .., last]) =
        payload.get(..length).and_then(|payload| <&[u8; PAYLOAD_BYTES]>::try_from(payload).ok())
    else {
        return Err(KeyRepresentationError::Prefix);
    };
    if [*prefix_0, *prefix_1] != PREFIX {
        return Err(KeyRepresentationError::Prefix);
    }
    let key = SecretBytes::init(|bytes: &mut [u8; 32]| bytes.copy_from_slice(key));
    if parity(key.as_bytes()) == *last { Ok(key) } else { Err(KeyRepresentationError::Parity) }
}

/// The base58 characters of `text`, if they are that and as many as a key has.
fn without_whitespace(text: &str) -> Result<Zeroizing<[u8; CHARACTERS]>, KeyRepresentationError> {
    let mut characters = Zeroizing::new([0; CHARACTERS]);
    let mut free = characters.iter_mut();
    let mut found = 0;
    for (index, character) in text.chars().enumerate().filter(|(_, c)| !c.is_whitespace()) {
        let character = base58_digit(character)
            .ok_or(KeyRepresentationError::Character { position: index + 1 })?;
        if let Some(place) = free.next() {
            *place = character;
        }
        found += 1;
    }
    match found {
        0 => Err(KeyRepresentationError::Empty),
        CHARACTERS => Ok(characters),
        found => Err(KeyRepresentationError::Length { found }),
    }
}

/// `character` as ASCII, if the Bitcoin alphabet has it.
fn base58_digit(character: char) -> Option<u8> {
    matches!(character, '1'..='9' | 'A'..='H' | 'J'..='N' | 'P'..='Z' | 'a'..='k' | 'm'..='z')
        .then_some(character)
        .and_then(|character| u8::try_from(character).ok())
}

/// The XOR of the prefix and the key.
fn parity(key: &[u8; 32]) -> u8 {
    PREFIX.iter().chain(key).fold(0, |parity, byte| parity ^ byte)
}
