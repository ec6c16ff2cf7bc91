//! Strict base64 in the standard alphabet.
//!
//! Matrix writes base64 without padding. Readers differ by rule: what an authenticated backup
//! carries must be unpadded (V2-12, [`decode_unpadded`]); version 1 of the backup, secret storage,
//! secrets in transit (K-4) and key files may be padded too ([`decode_either`]). Nothing else is
//! lenient: no other alphabet, no whitespace, no half padding, no bits set after the last byte.
//!
//! The `…_secret` forms take a time that does not depend on the content, and never leave a copy of
//! what they decode or encode in freed memory. The others are for what everybody may see, as
//! ciphertexts, which are most of a backup: they are several times faster, and with the feature `std`
//! they take AVX2 or NEON where the processor has it.

use alloc::{string::String, vec, vec::Vec};

use ::base64::{Engine as _, engine::general_purpose::STANDARD};
use base64ct::{Base64, Base64Unpadded, Encoding};
use zeroize::Zeroizing;

/// The text is not base64 of the accepted form. It says no more, since the text may be a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not well-formed base64")]
pub struct Base64Error;

/// Encodes `bytes` that are no secret, without padding.
#[must_use]
pub fn encode_unpadded(bytes: &[u8]) -> String {
    unpadded().encode(bytes)
}

/// Appends to `text` what [`encode_unpadded`] gives.
pub fn push_unpadded(text: &mut String, bytes: &[u8]) {
    unpadded().encode_string(bytes, text);
}

/// Encodes secret `bytes` without padding, into a string that is wiped on drop.
#[must_use]
pub fn encode_unpadded_secret(bytes: &[u8]) -> Zeroizing<String> {
    Zeroizing::new(Base64Unpadded::encode_string(bytes))
}

/// Decodes base64 of no secret, which must be unpadded (V2-12).
///
/// # Errors
///
/// [`Base64Error`] for padding, a character outside the standard alphabet, an impossible length,
/// or trailing bits that are not zero.
pub fn decode_unpadded(text: &str) -> Result<Vec<u8>, Base64Error> {
    let mut bytes = Vec::with_capacity(text.len().div_ceil(4) * 3);
    unpadded().decode_vec(text, &mut bytes).map_err(|_| Base64Error)?;
    Ok(bytes)
}

/// [`decode_unpadded`] for exactly `N` bytes, which then need no allocation. `None` if the text is
/// anything else.
#[must_use]
pub fn decode_unpadded_array<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    let found = unpadded().decode_slice(text, &mut bytes).ok()?;
    (found == N).then_some(bytes)
}

/// Decodes base64 of no secret that is either unpadded, or padded exactly as RFC 4648 wants it (K-4).
///
/// # Errors
///
/// As [`decode_unpadded`], except that correct padding is accepted.
pub fn decode_either(text: &str) -> Result<Vec<u8>, Base64Error> {
    if text.ends_with('=') {
        STANDARD.decode(text).map_err(|_| Base64Error)
    } else {
        decode_unpadded(text)
    }
}

/// [`decode_either`] for a secret.
///
/// # Errors
///
/// As [`decode_either`].
pub fn decode_either_secret(text: &str) -> Result<Zeroizing<Vec<u8>>, Base64Error> {
    if text.ends_with('=') { decode::<Base64>(text) } else { decode::<Base64Unpadded>(text) }
}

fn decode<Form: Encoding>(text: &str) -> Result<Zeroizing<Vec<u8>>, Base64Error> {
    // Every four characters carry at most three bytes, a shorter rest at most two. The buffer is
    // wiped even when decoding stops half-way.
    let mut bytes = Zeroizing::new(vec![0; text.len().div_ceil(4) * 3]);
    let length = Form::decode(text, &mut bytes).map_err(|_| Base64Error)?.len();
    bytes.truncate(length);
    Ok(bytes)
}

/// Base64 in the standard alphabet without padding, on the vector unit.
#[cfg(all(feature = "std", any(target_arch = "x86_64", target_arch = "aarch64")))]
fn unpadded() -> &'static ::base64::engine::Simd {
    use ::base64::engine::{Simd, general_purpose::NO_PAD};

    static ENGINE: std::sync::LazyLock<Simd> = std::sync::LazyLock::new(|| Simd::standard(NO_PAD));
    &ENGINE
}

/// Base64 in the standard alphabet without padding.
#[cfg(not(all(feature = "std", any(target_arch = "x86_64", target_arch = "aarch64"))))]
fn unpadded() -> &'static ::base64::engine::GeneralPurpose {
    &::base64::engine::general_purpose::STANDARD_NO_PAD
}
