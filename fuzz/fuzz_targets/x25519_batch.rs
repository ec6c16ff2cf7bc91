//! X25519 in batches: every tier comes to what x25519-dalek comes to, for slices of any length, and to
//! what curve25519-dalek takes for a point.
//!
//! The first byte chooses a tier of those that the processor has. What follows is cut into pieces of
//! 32 bytes, the last one filled up with zeros: the first is the one secret or point, the others
//! are the many.
#![no_main]

use std::sync::OnceLock;

use curve25519_dalek::edwards::CompressedEdwardsY;
use libfuzzer_sys::fuzz_target;
use matrix_key_backup_x25519_batch::{Batch, PublicKey, SecretKey, Tier};
use x25519_dalek::{X25519_BASEPOINT_BYTES, x25519};

/// Somewhat more than share an inversion on the widest tier. More would only take time.
const MOST: usize = 300;

fuzz_target!(|input: &[u8]| {
    let Some((choice, bytes)) = input.split_first() else { return };
    let mut pieces = bytes.chunks(32).map(filled);
    let Some(one) = pieces.next() else { return };
    let many: Vec<_> = pieces.take(MOST).collect();
    let batch = &batches()[usize::from(*choice) % batches().len()];
    one_secret(batch, &one, &many);
    one_point(batch, &one, &many);
    are_points(batch, &many);
});

fn batches() -> &'static [Batch] {
    static BATCHES: OnceLock<Vec<Batch>> = OnceLock::new();
    BATCHES.get_or_init(|| {
        Tier::available().map(|tier| Batch::with_tier(tier).expect("it is available")).collect()
    })
}

fn filled(piece: &[u8]) -> [u8; 32] {
    let mut filled = [0; 32];
    filled[..piece.len()].copy_from_slice(piece);
    filled
}

fn one_secret(batch: &Batch, secret: &[u8; 32], points: &[[u8; 32]]) {
    let public: Vec<_> = points.iter().map(public_key).collect();
    let shared = batch.diffie_hellman(&secret_key(secret), &public);
    assert_eq!(shared.len(), points.len());
    for (shared, point) in shared.iter().zip(points) {
        let wanted = x25519(*secret, *point);
        assert_eq!(shared.expose_bytes(), wanted, "{}", batch.tier());
        assert_eq!(shared.is_contributory(), wanted != [0; 32], "{}", batch.tier());
    }
}

fn one_point(batch: &Batch, point: &[u8; 32], secrets: &[[u8; 32]]) {
    let keys: Vec<_> = secrets.iter().map(secret_key).collect();
    // The table of the point alone, and together with that of the base point.
    let shared = batch.fixed_point(&public_key(point)).shared_secrets(&keys);
    let agreed = batch.recipient(&public_key(point)).agree(&keys);
    assert_eq!((shared.len(), agreed.len()), (keys.len(), keys.len()));
    for ((shared, agreed), secret) in shared.iter().zip(&agreed).zip(secrets) {
        let wanted = x25519(*secret, *point);
        assert_eq!(shared.expose_bytes(), wanted, "{}", batch.tier());
        assert_eq!(agreed.shared_secret.expose_bytes(), wanted, "{}", batch.tier());
        let wanted = x25519(*secret, X25519_BASEPOINT_BYTES);
        assert_eq!(agreed.public_key.as_bytes(), wanted, "{}", batch.tier());
    }
}

fn are_points(batch: &Batch, encodings: &[[u8; 32]]) {
    let is_point = |bytes: &[u8; 32]| CompressedEdwardsY(*bytes).decompress().is_some();
    let wanted: Vec<_> = encodings.iter().map(is_point).collect();
    assert_eq!(batch.ed25519_points(encodings), wanted, "{}", batch.tier());
}

fn secret_key(bytes: &[u8; 32]) -> SecretKey {
    SecretKey::from_slice(bytes).expect("32 bytes are a secret key")
}

fn public_key(bytes: &[u8; 32]) -> PublicKey {
    PublicKey::from_slice(bytes).expect("32 bytes are a point")
}
