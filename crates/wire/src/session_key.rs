//! The session export format of Megolm, in which a `session_key` is backed up.

use alloc::{boxed::Box, string::String, vec::Vec};
use core::fmt;

use base64ct::{Base64Unpadded, Encoding};
use matrix_key_backup_primitives::{base64, hazmat::Tier};
use matrix_key_backup_x25519_batch::Batch;
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};
use zeroize::Zeroizing;

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
pub struct MegolmSessionExport(Box<Zeroizing<[u8; LENGTH]>>);

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
        base64::encode_unpadded_secret(self.0.as_slice())
    }

    /// The first message that this session decrypts. What metadata says does not count (B-1).
    pub fn first_known_index(&self) -> u32 {
        let [_, a, b, c, d, ..] = **self.0;
        u32::from_be_bytes([a, b, c, d])
    }

    /// The session's identifier, recomputed from its public key (B-1).
    pub fn session_id(&self) -> SessionId {
        SessionId::from_public_key(self.public_key())
    }

    /// SHA-256 over all 165 bytes, unpadded base64, 43 characters: tells whether a key is exactly
    /// the one that it was, without being the key.
    pub fn fingerprint(&self) -> String {
        base64::encode_unpadded(&Sha256::digest(self.0.as_slice()))
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
        if self.public_key() != other.public_key() {
            return RatchetOrder::Unconnected;
        }
        self.ratchet().compare(other.ratchet())
    }

    fn ratchet(&self) -> MegolmRatchet {
        let mut parts = Box::new(Zeroizing::new([Part::default(); 4]));
        let bytes = self.0.iter().skip(RATCHET_OFFSET);
        for (to, from) in parts.as_flattened_mut().iter_mut().zip(bytes) {
            *to = *from;
        }
        MegolmRatchet::new(self.first_known_index(), parts)
    }

    fn public_key(&self) -> &[u8; 32] {
        #[expect(clippy::expect_used, reason = "there are more than 32 bytes")]
        self.0.last_chunk().expect("a session ends in 32 bytes of public key")
    }
}

/// A session of which all is known but whether its public key is a point. To find that out for one
/// takes longer than all else, and for many at once a fraction of it.
pub(crate) struct UncheckedSessionExport(MegolmSessionExport);

impl UncheckedSessionExport {
    /// Reads a session, as [`MegolmSessionExport::from_base64`].
    pub(crate) fn from_base64(text: &str) -> Result<Self, SessionKeyError> {
        if text.len() != BASE64_LENGTH {
            return Err(SessionKeyError::Length { found: text.len() });
        }
        let mut export = MegolmSessionExport(Box::new(Zeroizing::new([0; LENGTH])));
        match Base64Unpadded::decode(text, export.0.as_mut_slice()) {
            Ok(bytes) if bytes.len() == LENGTH => {}
            _ => return Err(SessionKeyError::Encoding),
        }
        let [version, ..] = **export.0;
        if version == VERSION { Ok(Self(export)) } else { Err(SessionKeyError::Version) }
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

/// For each public key whether it is a point of Ed25519. A tier that is not there is none to fail
/// for: another gives the same answers.
pub(crate) fn are_points(tier: Tier, public_keys: &[[u8; 32]]) -> Vec<bool> {
    Batch::with_tier(tier).unwrap_or_default().ed25519_points(public_keys)
}

impl ConstantTimeEq for MegolmSessionExport {
    fn ct_eq(&self, other: &Self) -> Choice {
        self.0.as_slice().ct_eq(other.0.as_slice())
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
