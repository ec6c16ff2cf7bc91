//! Random texts: salts, and the ids of keys and requests.

use alloc::string::String;

use matrix_key_backup_primitives::base64;
use rand_core::CryptoRng;

/// 32 characters, 192 random bits. They go into the path of a URL without being escaped.
pub(crate) fn random_text<R: CryptoRng + ?Sized>(rng: &mut R) -> String {
    let mut bytes = [0; 24];
    rng.fill_bytes(&mut bytes);
    base64::encode_unpadded(&bytes).replace('+', "-").replace('/', "_")
}
