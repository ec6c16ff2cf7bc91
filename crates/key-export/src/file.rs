//! A key export file before it is opened.

use alloc::{string::String, vec::Vec};
use core::{fmt, mem};

use matrix_key_backup_primitives::{AesCtrHmacKeys, CtrIv};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::{DecryptedKeyExport, Passphrase, Rounds, RoundsOutOfBounds, armour};

/// The one version of the format.
pub(crate) const VERSION: u8 = 1;

const SALT_BYTES: usize = 16;
const IV_BYTES: usize = 16;
const ROUNDS_BYTES: usize = 4;
/// What stands before the ciphertext.
pub(crate) const HEADER_BYTES: usize = 1 + SALT_BYTES + IV_BYTES + ROUNDS_BYTES;
/// What stands after it.
const TAG_BYTES: usize = 32;

/// A key export file whose form is right, and that nobody has opened yet.
///
/// `0x01 ‖ salt (16) ‖ IV (16) ‖ rounds (u32, big-endian) ‖ ciphertext ‖ HMAC (32, over all before)`
/// in base64 between two marker lines (E-1).
///
/// ```
/// use matrix_key_backup_key_export::{KeyExportFile, Passphrase};
///
/// # let text = include_str!("../../../testdata/key-export/600-sessions.txt");
/// # let passphrase = Passphrase::new(String::from("public test passphrase"));
/// let file = KeyExportFile::parse(text)?;
/// println!("opening the file takes {} rounds", file.rounds());
/// let export = file.decrypt(&passphrase)?;
/// assert_eq!(export.len(), 600);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Source: [key exports in the Matrix specification][spec].
///
/// [spec]: https://spec.matrix.org/v1.19/client-server-api/#key-exports
#[derive(Clone)]
pub struct KeyExportFile {
    salt: [u8; SALT_BYTES],
    iv: CtrIv,
    rounds: Rounds,
    /// The whole file, decoded.
    bytes: Vec<u8>,
}

impl KeyExportFile {
    /// Reads the text of a key export file: markers, base64, version, length and rounds.
    ///
    /// It is lenient in what happens to files on their way: text before and after the markers, blank
    /// lines, spaces around lines, CRLF, lines of any length, base64 padded or not. It is strict in
    /// all else, and refuses a text with two key exports in it, because reading only one would lose
    /// keys in silence.
    ///
    /// # Errors
    ///
    /// [`KeyExportFileError`], which says what to look for in the file.
    pub fn parse(text: &str) -> Result<Self, KeyExportFileError> {
        let bytes = armour::decode(text)?;
        let Some((&version, fields)) = bytes.split_first() else {
            return Err(too_short(&bytes));
        };
        if version != VERSION {
            return Err(KeyExportFileError::UnsupportedVersion { found: version });
        }
        let (salt, iv, rounds) = split_fields(fields).ok_or_else(|| too_short(&bytes))?;
        let rounds = Rounds::new(u32::from_be_bytes(rounds))?;
        Ok(Self { salt, iv, rounds, bytes })
    }

    /// The same for the bytes of a file.
    ///
    /// # Errors
    ///
    /// As [`parse`](Self::parse), and [`KeyExportFileError::NotUtf8`].
    pub fn parse_bytes(bytes: &[u8]) -> Result<Self, KeyExportFileError> {
        Self::parse(str::from_utf8(bytes).map_err(|_| KeyExportFileError::NotUtf8)?)
    }

    /// How many rounds of PBKDF2 it takes to open the file, which is nearly all the time that it
    /// takes.
    #[must_use]
    pub const fn rounds(&self) -> Rounds {
        self.rounds
    }

    /// Opens the file: `PBKDF2-HMAC-SHA-512(passphrase, salt, rounds, 512 bits)` gives an AES-256-CTR
    /// key and an HMAC-SHA-256 key (E-1).
    ///
    /// It consumes the file and decrypts in place, since such files can be large. To let a person
    /// try again, parse the text again or keep a clone.
    ///
    /// # Errors
    ///
    /// [`DecryptError`] if the passphrase is wrong, the file is damaged, or what is in it is no list.
    /// A single key that is unusable is no error here; see [`DecryptedKeyExport::entries`].
    ///
    /// # Security
    ///
    /// The HMAC is checked, in constant time, before anything is decrypted. It proves that whoever
    /// wrote the file knew the passphrase, and nothing about whose keys are in it: a key from a file
    /// is unauthenticated (V2-11).
    pub fn decrypt(self, passphrase: &Passphrase) -> Result<DecryptedKeyExport, DecryptError> {
        let keys = AesCtrHmacKeys::from_pbkdf2(
            passphrase.expose_bytes(),
            &self.salt,
            self.rounds.non_zero(),
        );
        // From here on the buffer is going to hold plaintext.
        let mut bytes = Zeroizing::new(self.bytes);
        let (covered, tag) =
            bytes.split_last_chunk::<TAG_BYTES>().ok_or(DecryptError::WrongPassphraseOrDamaged)?;
        keys.verify(&[covered], tag).map_err(|_| DecryptError::WrongPassphraseOrDamaged)?;

        let end = covered.len();
        bytes.truncate(end);
        bytes.drain(..HEADER_BYTES);
        keys.apply_keystream(&self.iv, &mut bytes);
        DecryptedKeyExport::new(into_text(bytes)?)
    }
}

type Fields = ([u8; SALT_BYTES], CtrIv, [u8; ROUNDS_BYTES]);

/// Splits what follows the version; `None` if it is too short to be followed by a tag.
fn split_fields(fields: &[u8]) -> Option<Fields> {
    let (salt, fields) = fields.split_first_chunk()?;
    let (iv, fields) = fields.split_first_chunk::<IV_BYTES>()?;
    let (rounds, rest) = fields.split_first_chunk()?;
    let iv = CtrIv::from_slice(iv).ok()?;
    (rest.len() >= TAG_BYTES).then_some((*salt, iv, *rounds))
}

fn too_short(bytes: &[u8]) -> KeyExportFileError {
    KeyExportFileError::TooShort { found: bytes.len(), expected: HEADER_BYTES + TAG_BYTES }
}

/// The plaintext as a string, without a copy.
fn into_text(mut bytes: Zeroizing<Vec<u8>>) -> Result<Zeroizing<String>, DecryptError> {
    String::from_utf8(mem::take(&mut *bytes)).map(Zeroizing::new).map_err(|error| {
        drop(Zeroizing::new(error.into_bytes()));
        DecryptError::NotUtf8
    })
}

impl fmt::Debug for KeyExportFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyExportFile")
            .field("rounds", &self.rounds)
            .field("bytes", &self.bytes.len())
            .finish_non_exhaustive()
    }
}

/// A text is not a key export file that can be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum KeyExportFileError {
    /// The bytes are not UTF-8.
    #[error("not a key export file: it is not UTF-8 text")]
    NotUtf8,
    /// Neither of the two markers is there.
    #[error("not a key export file: there is no line {:?}", armour::BEGIN)]
    NotAKeyExport,
    /// The marker of the beginning is missing.
    #[error("the beginning of the key export is missing: there is no line {:?}", armour::BEGIN)]
    BeginMissing,
    /// The marker of the end is missing.
    #[error("the key export is cut off: there is no line {:?} after its beginning", armour::END)]
    EndMissing,
    /// There is a second marker, so that reading one key export would lose the keys of another.
    #[error(
        "there is more than one key export in this file, the second is at line {line}: \
         split it into one file for each"
    )]
    #[non_exhaustive]
    MoreThanOne {
        /// The line of the marker that is too many, from 1.
        line: usize,
    },
    /// What is between the markers is not base64.
    #[error("line {line} of the key export is damaged: it is not base64")]
    #[non_exhaustive]
    NotBase64 {
        /// The line of the whole text, from 1.
        line: usize,
    },
    /// The version of the format is unknown.
    #[error("key export of version {found}, where only version {VERSION} is supported")]
    #[non_exhaustive]
    UnsupportedVersion {
        /// The version that was found.
        found: u8,
    },
    /// There are too few bytes.
    #[error("the key export is cut off: it has {found} bytes, and none has less than {expected}")]
    #[non_exhaustive]
    TooShort {
        /// How many bytes there are.
        found: usize,
        /// How many bytes there are at least in an empty one.
        expected: usize,
    },
    /// The number of rounds is out of bounds.
    #[error(transparent)]
    Rounds(#[from] RoundsOutOfBounds),
}

/// A key export file could not be opened.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DecryptError {
    /// The HMAC is wrong. Which of the two it is cannot be told.
    #[error("the passphrase is wrong, or the file is damaged")]
    WrongPassphraseOrDamaged,
    /// The passphrase is right, and what it protects is not UTF-8.
    #[error("the passphrase is right, but what is in the file is no list of keys: it is not UTF-8")]
    NotUtf8,
    /// The passphrase is right, and what it protects is not one JSON list.
    #[error(
        "the passphrase is right, but what is in the file is no list of keys: \
         it stops being one at byte {offset} of the decrypted text"
    )]
    #[non_exhaustive]
    NotAList {
        /// Where it is no JSON list any more, in bytes from 0.
        offset: usize,
    },
}
