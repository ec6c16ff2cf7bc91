//! What the tests share. x25519-dalek says what is right.

use matrix_key_backup_x25519_batch::{Batch, PublicKey, SecretKey, Tier};

/// Everything that there is to test.
pub(crate) fn batches() -> Vec<Batch> {
    Tier::available().map(|tier| Batch::with_tier(tier).unwrap()).collect()
}

/// All but the slow models.
pub(crate) fn fast_batches() -> Vec<Batch> {
    let fast =
        |batch: &Batch| matches!(batch.tier(), Tier::Avx512Ifma | Tier::Avx2 | Tier::Portable);
    batches().into_iter().filter(fast).collect()
}

pub(crate) fn secret(bytes: &[u8; 32]) -> SecretKey {
    SecretKey::from_slice(bytes).unwrap()
}

pub(crate) fn secrets(bytes: &[[u8; 32]]) -> Vec<SecretKey> {
    bytes.iter().map(secret).collect()
}

pub(crate) fn point(bytes: &[u8; 32]) -> PublicKey {
    PublicKey::from_slice(bytes).unwrap()
}

/// Bytes that depend on the seed alone (SplitMix64).
pub(crate) fn random(seed: u64) -> impl Iterator<Item = [u8; 32]> {
    let mut state = seed;
    let mut next = move || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)).to_le_bytes()
    };
    std::iter::repeat_with(move || {
        [next(), next(), next(), next()].concat().try_into().expect("four times eight bytes")
    })
}

/// One secret with many points, compared one by one.
pub(crate) fn check_points(batch: &Batch, key: &[u8; 32], points: &[[u8; 32]]) {
    let public: Vec<_> = points.iter().map(point).collect();
    let shared = batch.diffie_hellman(&secret(key), &public);
    assert_eq!(shared.len(), points.len());
    for (i, (shared, point)) in shared.iter().zip(points).enumerate() {
        let wanted = x25519_dalek::x25519(*key, *point);
        assert_eq!(shared.expose_bytes(), wanted, "{}: {key:?} · {point:?}, {i}", batch.tier());
        assert_eq!(shared.is_contributory(), wanted != [0; 32], "{}: {point:?}", batch.tier());
    }
}

/// One point with many secrets, by its table and together with the base point.
pub(crate) fn check_secrets(batch: &Batch, keys: &[[u8; 32]], of: &[u8; 32]) {
    let keys_of_batch = secrets(keys);
    let shared = batch.fixed_point(&point(of)).shared_secrets(&keys_of_batch);
    let agreed = batch.recipient(&point(of)).agree(&keys_of_batch);
    assert_eq!((shared.len(), agreed.len()), (keys.len(), keys.len()));
    for (i, key) in keys.iter().enumerate() {
        let wanted = x25519_dalek::x25519(*key, *of);
        let what = format!("{}: {key:?} · {of:?}, {i}", batch.tier());
        assert_eq!(shared[i].expose_bytes(), wanted, "{what}");
        assert_eq!(agreed[i].shared_secret.expose_bytes(), wanted, "{what}");
        assert_eq!(agreed[i].shared_secret.is_contributory(), wanted != [0; 32], "{what}");
        let wanted = x25519_dalek::x25519(*key, x25519_dalek::X25519_BASEPOINT_BYTES);
        assert_eq!(agreed[i].public_key.as_bytes(), wanted, "{what}");
    }
}
