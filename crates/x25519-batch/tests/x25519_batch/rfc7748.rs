//! The vectors of RFC 7748, sections 5.2 and 6.1.

use matrix_key_backup_x25519_batch::PublicKey;

use crate::support::{batches, fast_batches, point, secret};

fn hex(text: &str) -> [u8; 32] {
    let byte = |i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap();
    std::array::from_fn(byte)
}

#[test]
fn scalar_multiplication() {
    let vectors = [
        [
            "a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
            "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
            "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552",
        ],
        [
            "4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
            "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493",
            "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957",
        ],
    ];
    for batch in batches() {
        for [key, u, wanted] in vectors.map(|vector| vector.map(hex)) {
            let shared = batch.diffie_hellman(&secret(&key), &[point(&u)]);
            assert_eq!(shared[0].expose_bytes(), wanted, "{}", batch.tier());
        }
    }
}

#[test]
fn a_thousand_iterations() {
    for batch in fast_batches() {
        let (mut key, mut u) = (PublicKey::BASE_POINT, PublicKey::BASE_POINT);
        for _ in 0..1000 {
            let key_bytes = key.as_bytes().try_into().unwrap();
            let shared = batch.diffie_hellman(&secret(&key_bytes), &[u]);
            (u, key) = (key, PublicKey::from_slice(shared[0].expose_bytes()).unwrap());
        }
        let wanted = hex("684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51");
        assert_eq!(key.as_bytes(), wanted, "{}", batch.tier());
    }
}

#[test]
fn diffie_hellman() {
    let alice_public = hex("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a");
    let bob_private = hex("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb");
    let bob_public = hex("de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f");
    let shared = hex("4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742");
    for batch in batches() {
        let agreed = batch.recipient(&point(&alice_public)).agree(&[secret(&bob_private)]);
        assert_eq!(agreed[0].public_key.as_bytes(), bob_public, "{}", batch.tier());
        assert_eq!(agreed[0].shared_secret.expose_bytes(), shared, "{}", batch.tier());
    }
}
