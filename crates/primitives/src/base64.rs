//! Strict base64 in the standard alphabet.
//!
//! Matrix writes base64 without padding. Readers differ by rule: what an authenticated backup
//! carries must be unpadded (V2-12, [`decode_unpadded`]); version 1 of the backup, secret storage,
//! secrets in transit (K-4) and key files may be padded too ([`decode_either`]). Nothing else is
//! lenient: no other alphabet, no whitespace, no half padding, no bits set after the last byte.
//!
//! The `…_secret` forms take a time that does not depend on the content, and never leave a copy of
//! what they decode or encode in freed memory. The others are for what everybody may see, as
//! ciphertexts, which are most of a backup: they are several times faster.

use alloc::{string::String, vec, vec::Vec};

use ::base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, STANDARD_NO_PAD},
};
use base64ct::{Base64, Base64Unpadded, Encoding};
use zeroize::Zeroizing;

/// The text is not base64 of the accepted form. It says no more, since the text may be a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not well-formed base64")]
pub struct Base64Error;

/// Encodes `bytes` that are no secret, without padding.
#[must_use]
pub fn encode_unpadded(bytes: &[u8]) -> String {
    STANDARD_NO_PAD.encode(bytes)
}

/// Appends to `text` what [`encode_unpadded`] gives.
pub fn push_unpadded(text: &mut String, bytes: &[u8]) {
    STANDARD_NO_PAD.encode_string(bytes, text);
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
    STANDARD_NO_PAD.decode(text).map_err(|_| Base64Error)
}

/// Decodes base64 of no secret that is either unpadded, or padded exactly as RFC 4648 wants it (K-4).
///
/// # Errors
///
/// As [`decode_unpadded`], except that correct padding is accepted.
pub fn decode_either(text: &str) -> Result<Vec<u8>, Base64Error> {
    let form = if text.ends_with('=') { &STANDARD } else { &STANDARD_NO_PAD };
    form.decode(text).map_err(|_| Base64Error)
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
