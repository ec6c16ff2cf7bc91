//! The session export format of Megolm, in which a `session_key` is backed up.

use alloc::{borrow::ToOwned, boxed::Box, string::String, vec::Vec};
use core::fmt;

use base64ct::{Base64Unpadded, Encoding};
use matrix_key_backup_primitives::{base64, hazmat::Tier};
use matrix_key_backup_x25519_batch::Batch;
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};
use zeroize::{Zeroize as _, Zeroizing};

use crate::{
    RatchetOrder, SessionId,
    megolm_ratchet::{MegolmRatchet, Part},
};

/// version (1) ‖ message index (4, big-endian) ‖ ratchet (128) ‖ Ed25519 public key (32)
const LENGTH: usize = 1 + 4 + 128 + 32;
const RATCHET_OFFSET: usize = 1 + 4;
/// 165 is a multiple of 3, so there is neither padding nor a trailing bit.
const BASE64_LENGTH: usize = LENGTH / 3 * 4;
const VERSION: u8 = 1;

/// A Megolm session from one message index on, in session export format (V1-1).
///
/// `0x01 ‖ index (u32, big-endian) ‖ ratchet (128 bytes) ‖ Ed25519 public key (32 bytes)`, 165
/// bytes, 220 characters of unpadded base64.
///
/// # Security
///
/// Whoever has it reads all messages of the session from its index on. It is wiped on drop,
/// compared in constant time and redacted in `Debug` (K-5).
///
/// Source: V1-1, B-1; [the session export format][format].
///
/// [format]: https://gitlab.matrix.org/matrix-org/olm/-/blob/master/docs/megolm.md#session-export-format
#[derive(Clone)]
pub struct MegolmSessionExport {
    /// All of it, in base64: as it comes and goes. Of 165 bytes there is but one such text.
    text: String,
    first_known_index: u32,
    public_key: [u8; 32],
}

impl MegolmSessionExport {
    /// Reads a session from base64, exactly 220 characters, unpadded.
    ///
    /// # Errors
    ///
    /// [`SessionKeyError`] if the text is shorter or longer, is not base64 in the standard
    /// alphabet, is of another version, or does not end in an Ed25519 public key.
    pub fn from_base64(text: &str) -> Result<Self, SessionKeyError> {
        let unchecked = UncheckedSessionExport::from_base64(text)?;
        let is_point = unchecked.is_point();
        unchecked.check(is_point)
    }

    /// The secret as unpadded base64, 220 characters.
    pub fn expose_base64(&self) -> Zeroizing<String> {
        Zeroizing::new(self.text.clone())
    }

    /// The same without a copy.
    pub(crate) fn as_base64(&self) -> &str {
        &self.text
    }

    /// The first message that this session decrypts. What metadata says does not count (B-1).
    pub fn first_known_index(&self) -> u32 {
        self.first_known_index
    }

    /// The session's identifier, recomputed from its public key (B-1).
    pub fn session_id(&self) -> SessionId {
        SessionId::from_public_key(&self.public_key)
    }

    /// SHA-256 over all 165 bytes, unpadded base64, 43 characters: tells whether a key is exactly
    /// the one that it was, without being the key.
    pub fn fingerprint(&self) -> String {
        base64::encode_unpadded(&Sha256::digest(self.bytes().as_slice()))
    }

    /// Ratchets the earlier of two session keys forward, and compares it with the other (A-3).
    ///
    /// Two keys of different sessions are unconnected. Whatever the indices, it takes at most about
    /// a thousand times HMAC-SHA-256.
    ///
    /// # Security
    ///
    /// Connected keys agree on all messages from the later one's index on. Before it, the earlier
    /// one may hold junk in parts that are made anew in between, which nothing can show: then it
    /// decrypts less than it claims.
    ///
    /// ```
    /// use matrix_key_backup_wire::{MegolmSessionExport, RatchetOrder};
    ///
    /// # fn better(ours: &MegolmSessionExport, theirs: &MegolmSessionExport) -> bool {
    /// ours.compare_ratchets(theirs) == RatchetOrder::Earlier // ours decrypts more
    /// # }
    /// ```
    #[must_use]
    pub fn compare_ratchets(&self, other: &Self) -> RatchetOrder {
        if self.public_key != other.public_key {
            return RatchetOrder::Unconnected;
        }
        self.ratchet().compare(other.ratchet())
    }

    fn ratchet(&self) -> MegolmRatchet {
        let mut parts = Box::new(Zeroizing::new([Part::default(); 4]));
        let bytes = self.bytes();
        for (to, from) in parts.as_flattened_mut().iter_mut().zip(bytes.iter().skip(RATCHET_OFFSET))
        {
            *to = *from;
        }
        MegolmRatchet::new(self.first_known_index, parts)
    }

    /// All 165 bytes.
    fn bytes(&self) -> Box<Zeroizing<[u8; LENGTH]>> {
        let mut bytes = Box::new(Zeroizing::new([0; LENGTH]));
        let decoded = Base64Unpadded::decode(&self.text, bytes.as_mut_slice());
        debug_assert!(decoded.is_ok(), "the text was read before");
        bytes
    }

    pub(crate) fn public_key(&self) -> &[u8; 32] {
        &self.public_key
    }
}

/// A session of which all is known but whether its public key is a point. To find that out for one
/// takes longer than all else, and for many at once a fraction of it.
pub(crate) struct UncheckedSessionExport(MegolmSessionExport);

impl UncheckedSessionExport {
    /// Reads a session, as [`MegolmSessionExport::from_base64`].
    ///
    /// All of it is looked at, and what is no secret is decoded: its beginning, and its end.
    pub(crate) fn from_base64(text: &str) -> Result<Self, SessionKeyError> {
        if text.len() != BASE64_LENGTH {
            return Err(SessionKeyError::Length { found: text.len() });
        }
        let decoded = if is_base64(text.as_bytes()) { ends(text) } else { None };
        let (version, first_known_index, public_key) = decoded.ok_or(SessionKeyError::Encoding)?;
        if version != VERSION {
            return Err(SessionKeyError::Version);
        }
        Ok(Self(MegolmSessionExport { text: text.to_owned(), first_known_index, public_key }))
    }

    /// The public key, of which [`are_points`] tells whether it is a point.
    pub(crate) fn public_key(&self) -> &[u8; 32] {
        self.0.public_key()
    }

    /// Whether the public key is a point. One by itself is quickest on the portable tier.
    pub(crate) fn is_point(&self) -> bool {
        are_points(Tier::Portable, &[*self.public_key()]) == [true]
    }

    /// The session, if its public key is a point.
    pub(crate) fn check(self, is_point: bool) -> Result<MegolmSessionExport, SessionKeyError> {
        if is_point { Ok(self.0) } else { Err(SessionKeyError::PublicKey) }
    }
}

/// Version, message index and public key of a text of [`BASE64_LENGTH`].
fn ends(text: &str) -> Option<(u8, u32, [u8; 32])> {
    // Four characters are three bytes. The first two groups and the one at the seam have a byte of
    // the ratchet among them, which is secret: these are decoded in constant time, all at once.
    let (mut groups, mut bytes) = (Zeroizing::new([0; 12]), Zeroizing::new([0; 9]));
    let (first, seam) = groups.split_at_mut(8);
    first.copy_from_slice(text.as_bytes().get(..8)?);
    seam.copy_from_slice(text.as_bytes().get(176..180)?);
    Base64Unpadded::decode(groups.as_slice(), bytes.as_mut_slice()).ok()?;
    let rest: [u8; 30] = base64::decode_unpadded_array(text.get(180..)?)?;

    let [version, a, b, c, d, _, _, start @ ..] = *bytes;
    let mut public_key = [0; 32];
    let (of_seam, end) = public_key.split_at_mut(2);
    of_seam.copy_from_slice(&start);
    end.copy_from_slice(&rest);
    Some((version, u32::from_be_bytes([a, b, c, d]), public_key))
}

/// Whether all of it is in the standard alphabet. It may be secret: nothing branches on it, and all of
/// it is looked at.
fn is_base64(text: &[u8]) -> bool {
    let is_in = |byte: u8, first: u8, count: u8| byte.wrapping_sub(first) < count;
    let is_character = |byte: u8| {
        is_in(byte, b'A', 26)
            | is_in(byte, b'a', 26)
            | is_in(byte, b'0', 10)
            | is_in(byte, b'+', 1)
            | is_in(byte, b'/', 1)
    };
    text.iter().fold(true, |all, &byte| all & is_character(byte))
}

/// For each public key whether it is a point of Ed25519. A tier that is not there is none to fail
/// for: another gives the same answers.
pub(crate) fn are_points(tier: Tier, public_keys: &[[u8; 32]]) -> Vec<bool> {
    Batch::with_tier(tier).unwrap_or_default().ed25519_points(public_keys)
}

impl Drop for MegolmSessionExport {
    fn drop(&mut self) {
        // Emptied first, all of it is spare room, which is wiped at once and not byte by byte.
        self.text.clear();
        self.text.zeroize();
    }
}

impl ConstantTimeEq for MegolmSessionExport {
    fn ct_eq(&self, other: &Self) -> Choice {
        self.text.as_bytes().ct_eq(other.text.as_bytes())
    }
}

impl PartialEq for MegolmSessionExport {
    fn eq(&self, other: &Self) -> bool {
        self.ct_eq(other).into()
    }
}

impl Eq for MegolmSessionExport {}

impl fmt::Debug for MegolmSessionExport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MegolmSessionExport([redacted])")
    }
}

/// A `session_key` is not a Megolm session in export format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SessionKeyError {
    /// The text is shorter or longer than the format (V1-1).
    #[error("the session key must be {BASE64_LENGTH} characters of base64, and has {found} bytes")]
    #[non_exhaustive]
    Length {
        /// Length of the text in bytes.
        found: usize,
    },
    /// The text is not unpadded base64 in the standard alphabet.
    #[error("the session key is not unpadded base64")]
    Encoding,
    /// The first byte is not that of the session export format.
    #[error("the session key is not in session export format, version 1")]
    Version,
    /// The last 32 bytes are not an Ed25519 public key.
    #[error("the session key does not end in an Ed25519 public key")]
    PublicKey,
}
