//! what our ratchets say is what vodozemac says.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test"
)]

use matrix_key_backup::{
    primitives::base64,
    wire::{MegolmSessionExport, RatchetOrder},
};
use proptest::prelude::*;
use vodozemac::megolm::{ExportedSessionKey, InboundGroupSession, SessionConfig, SessionOrdering};

/// A session that really existed; only its public key and its form are of use here.
const SESSION_KEY: &str = "AQAAAH+bPp0UJX2pbdl9ZaUMZ/c7ZPBwiE3djB4g6iY5WZ0yFPS2mxSxlCxG+ExkjmzazElI\
    8LqpBK80+kGMTEkxTTilEEldBPRicpeX9JVNYxDb4jZqk92kr7Du4uM2rKyMj3uTWc2HNHvZxvVWGJk5C2OwSt5YDRQ9MK7FQ\
    +gRb34Qy4D2JEmXawRmFBxJyqVL0RJrOfVKu99Vq5IQaASg+m5W";

fn export(index: u32, ratchet: &[u8]) -> MegolmSessionExport {
    let mut bytes = base64::decode_unpadded(SESSION_KEY).unwrap();
    bytes[1..5].copy_from_slice(&index.to_be_bytes());
    bytes[5..133].copy_from_slice(ratchet);
    MegolmSessionExport::from_base64(&base64::encode_unpadded(&bytes)).unwrap()
}

fn vodozemac(key: &MegolmSessionExport) -> InboundGroupSession {
    let key = ExportedSessionKey::from_base64(&key.expose_base64()).unwrap();
    InboundGroupSession::import(&key, SessionConfig::version_1())
}

/// What vodozemac exports at a later index.
fn at(key: &MegolmSessionExport, index: u32) -> MegolmSessionExport {
    let key = vodozemac(key).export_at(index).unwrap();
    MegolmSessionExport::from_base64(&key.to_base64()).unwrap()
}

fn vodozemac_says(a: &MegolmSessionExport, b: &MegolmSessionExport) -> RatchetOrder {
    match vodozemac(a).compare(&mut vodozemac(b)) {
        SessionOrdering::Equal => RatchetOrder::Equal,
        SessionOrdering::Better => RatchetOrder::Earlier,
        SessionOrdering::Worse => RatchetOrder::Later,
        SessionOrdering::Unconnected => RatchetOrder::Unconnected,
    }
}

/// Indices near the boundaries at which slower parts advance, and any.
fn index() -> impl Strategy<Value = u32> {
    let boundary = (0..4_u32, 0..256_u32, -2..3_i32)
        .prop_map(|(part, times, off)| times.wrapping_shl(8 * part).saturating_add_signed(off));
    prop_oneof![boundary, any::<u32>(), Just(0), Just(u32::MAX)]
}

proptest! {
    #[test]
    fn one_session_at_two_indices(
        a in index(),
        b in index(),
        ratchet in prop::collection::vec(any::<u8>(), 128),
    ) {
        let (from, to) = (a.min(b), a.max(b));
        let first = export(from, &ratchet);
        let second = at(&first, to);
        let expected = if from == to { RatchetOrder::Equal } else { RatchetOrder::Earlier };
        prop_assert_eq!(first.compare_ratchets(&second), expected);
        prop_assert_eq!(vodozemac_says(&first, &second), expected);
        prop_assert_eq!(second.compare_ratchets(&first), vodozemac_says(&second, &first));
    }

    /// A change of the earlier ratchet shows exactly where it does for vodozemac: not in a part
    /// that is made anew before the other index.
    #[test]
    fn one_changed_byte(
        from in index(),
        distance in prop_oneof![0..600_u32, any::<u32>()],
        ratchet in prop::collection::vec(any::<u8>(), 128),
        (which, bits) in (0..128_usize, 1..=255_u8),
    ) {
        let first = export(from, &ratchet);
        let second = at(&first, from.saturating_add(distance));
        let mut changed = ratchet;
        changed[which] ^= bits;
        let changed = export(from, &changed);
        prop_assert_eq!(changed.compare_ratchets(&second), vodozemac_says(&changed, &second));
        prop_assert_eq!(second.compare_ratchets(&changed), vodozemac_says(&second, &changed));
    }
}

/// The parts whose change shows, one by one: none but the slowest that has advanced, and those that
/// are slower still.
#[test]
fn changes_that_do_not_show() {
    let ratchet: Vec<u8> = (0..128).collect();
    for (distance, shows) in [
        (0, [true, true, true, true]),
        (1, [true, true, true, true]),
        (1 << 8, [true, true, true, false]),
        (1 << 16, [true, true, false, false]),
        (1 << 24, [true, false, false, false]),
    ] {
        let second = at(&export(0, &ratchet), distance);
        for (part, shows) in shows.into_iter().enumerate() {
            let mut changed = ratchet.clone();
            changed[32 * part] ^= 1;
            let changed = export(0, &changed);
            let unconnected = changed.compare_ratchets(&second) == RatchetOrder::Unconnected;
            assert_eq!(unconnected, shows, "part {part} over {distance}");
            assert_eq!(changed.compare_ratchets(&second), vodozemac_says(&changed, &second));
        }
    }
}
