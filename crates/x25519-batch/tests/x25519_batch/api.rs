//! What the types promise.

use matrix_key_backup_x25519_batch::{
    Batch, FixedPoint, LengthError, PublicKey, Recipient, SecretKey, SharedSecret, Tier,
    TierUnavailable,
};

use crate::support::{batches, point, random, secret, secrets};

#[test]
fn thirty_two_bytes_are_a_key_and_no_other_number() {
    for length in [0, 31, 33, 64] {
        let bytes = vec![1; length];
        let error = LengthError { found: length };
        assert_eq!(PublicKey::from_slice(&bytes).unwrap_err(), error);
        assert_eq!(SecretKey::from_slice(&bytes).unwrap_err(), error);
    }
    assert_eq!(LengthError { found: 31 }.to_string(), "a key has 32 bytes, and 31 were given");
}

#[test]
fn debug_shows_no_secret() {
    let key = [0xab; 32];
    let batch = Batch::new();
    let agreed = batch.recipient(&PublicKey::BASE_POINT).agree(&[secret(&key)]);
    let shown = format!("{:?}", (secret(&key), &agreed[0].shared_secret));
    assert_eq!(shown, "(SecretKey([redacted]), SharedSecret([redacted]))");
    assert!(format!("{agreed:?}").contains("SharedSecret([redacted])"));
    // What is public is shown.
    assert!(format!("{:?}", PublicKey::BASE_POINT).starts_with("PublicKey(0900"));
}

#[test]
fn secrets_are_equal_by_their_bytes() {
    let [a, b] = [[1; 32], [2; 32]];
    assert!(secret(&a) == secret(&a) && secret(&a) != secret(&b));
    let batch = Batch::new();
    let of = |bytes: &[u8; 32]| batch.diffie_hellman(&secret(bytes), &[PublicKey::BASE_POINT]);
    assert!(of(&a) == of(&a) && of(&a) != of(&b));
}

#[test]
fn generated_keys_are_what_the_generator_gives() {
    struct Counter(u8);
    impl rand_core::TryRng for Counter {
        type Error = core::convert::Infallible;
        fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
            panic!("bytes are asked for")
        }
        fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
            panic!("bytes are asked for")
        }
        fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Self::Error> {
            bytes.fill_with(|| {
                self.0 = self.0.wrapping_add(1);
                self.0
            });
            Ok(())
        }
    }
    impl rand_core::TryCryptoRng for Counter {}
    let wanted: Vec<u8> = (1..=32).collect();
    assert_eq!(SecretKey::generate(&mut Counter(0)).expose_bytes(), wanted);
    for count in [0, 1, 2, 63, 64, 65, 200] {
        let mut counter = Counter(0);
        let keys = SecretKey::generate_many(count, &mut counter);
        assert_eq!(keys.len(), count);
        let bytes = keys.iter().flat_map(|key| key.expose_bytes());
        assert!(bytes.zip(1..).all(|(byte, wanted): (_, u32)| u32::from(*byte) == wanted % 256));
    }
}

#[test]
fn the_fastest_tier_is_taken_and_the_portable_one_is_always_there() {
    let available: Vec<_> = Tier::available().collect();
    assert_eq!(Tier::detect(), available[0]);
    assert_eq!(Batch::new().tier(), available[0]);
    assert!(available.contains(&Tier::Portable));
    // If a processor has these, they are to be used.
    #[cfg(target_arch = "x86_64")]
    {
        let avx2 = std::arch::is_x86_feature_detected!("avx2");
        assert_eq!(available.contains(&Tier::Avx2), avx2);
        let ifma = std::arch::is_x86_feature_detected!("avx512ifma");
        assert_eq!(available.contains(&Tier::Avx512Ifma), ifma);
    }
    for batch in batches() {
        assert!(available.contains(&batch.tier()));
    }
}

#[test]
fn a_tier_that_is_not_there_is_an_error() {
    for tier in [Tier::Avx512Ifma, Tier::Avx2, Tier::Portable] {
        match Batch::with_tier(tier) {
            Ok(batch) => assert_eq!(batch.tier(), tier),
            Err(TierUnavailable(unavailable)) => {
                assert_eq!(unavailable, tier);
                assert!(!Tier::available().any(|available| available == tier));
            }
        }
    }
    let message = TierUnavailable(Tier::Avx2).to_string();
    assert_eq!(message, "this processor does not have AVX2; Tier::available() lists what it has");
}

#[test]
fn public_keys_are_shared_secrets_with_the_base_point() {
    let keys = secrets(&random(1).take(11).collect::<Vec<_>>());
    let recipient = point(&random(2).next().unwrap());
    for batch in batches() {
        let base = batch.fixed_point(&PublicKey::BASE_POINT);
        let public_keys = base.public_keys(&keys);
        let agreed = batch.recipient(&recipient).agree(&keys);
        assert_eq!(batch.recipient(&recipient).public_key(), recipient);
        for ((public, shared), agreed) in
            public_keys.iter().zip(base.shared_secrets(&keys)).zip(agreed)
        {
            assert_eq!(public.as_bytes(), shared.expose_bytes());
            assert_eq!(*public, agreed.public_key);
        }
    }
}

#[test]
fn threads_share_what_is_prepared() {
    fn shared<T: Send + Sync>() {}
    shared::<(Batch, FixedPoint, Recipient)>();
    shared::<(PublicKey, SecretKey, SharedSecret)>();

    let keys = secrets(&random(3).take(9).collect::<Vec<_>>());
    for batch in batches() {
        let recipient = batch.recipient(&point(&[7; 32]));
        let alone = recipient.agree(&keys);
        std::thread::scope(|scope| {
            for thread in
                [scope.spawn(|| recipient.agree(&keys)), scope.spawn(|| recipient.agree(&keys))]
            {
                assert_eq!(thread.join().unwrap(), alone);
            }
        });
    }
}
