//! Key derivation: HKDF-SHA-256 and PBKDF2-HMAC-SHA-512.

use core::num::NonZeroU32;

use hkdf::Hkdf;
use sha2::{Sha256, Sha512};
use zeroize::Zeroize;

/// The salt of V1-3 and S-1.
pub(crate) const ZERO_SALT: [u8; 32] = [0; 32];

/// `HKDF-SHA-256(salt, ikm, info, N bytes)`, written to `okm`.
pub(crate) fn hkdf_sha256<const N: usize>(salt: &[u8], ikm: &[u8], info: &[u8], okm: &mut [u8; N]) {
    const { assert!(N <= 255 * 32, "HKDF-SHA-256 gives at most 255 blocks") };

    // `Hkdf::new` would drop the pseudorandom key without wiping it.
    let (mut pseudorandom_key, hkdf) = Hkdf::<Sha256>::extract(Some(salt), ikm);
    pseudorandom_key.zeroize();

    #[expect(clippy::expect_used, reason = "the one error, too long an output, is excluded above")]
    hkdf.expand(info, okm).expect("N is at most 255 blocks");
}

/// `PBKDF2-HMAC-SHA-512(passphrase, salt, rounds)`, as long as `key`.
pub(crate) fn pbkdf2_hmac_sha512(
    passphrase: &[u8],
    salt: &[u8],
    rounds: NonZeroU32,
    key: &mut [u8],
) {
    pbkdf2::pbkdf2_hmac::<Sha512>(passphrase, salt, rounds.get(), key);
}
