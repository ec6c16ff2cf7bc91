//! Two session keys of one session (A-3). What libraries of others say is compared in the tests of
//! the engine.

use matrix_key_backup_primitives::base64;
use matrix_key_backup_wire::{
    MegolmSessionExport, NotEarlier,
    RatchetOrder::{Earlier, Equal, Later, Unconnected},
    SessionDataV2,
};
use proptest::prelude::*;
use serde_json::Value;

use crate::support::{SESSION_KEY, plaintext_with, vectors};

const RATCHET: std::ops::Range<usize> = 5..133;

/// Real exports, those of one session at rising indices.
fn all_exports() -> Vec<Vec<MegolmSessionExport>> {
    let file = vectors("megolm_sessions.json");
    let key = |export: &Value| {
        MegolmSessionExport::from_base64(export["session_key"].as_str().unwrap()).unwrap()
    };
    let exports =
        |session: &Value| session["exports"].as_array().unwrap().iter().map(key).collect();
    file["sessions"].as_array().unwrap().iter().map(exports).collect()
}

fn exports(session: usize) -> Vec<MegolmSessionExport> {
    all_exports().swap_remove(session)
}

/// The same with its bytes changed.
fn changed(
    key: &MegolmSessionExport,
    change: impl FnOnce(&mut [u8]),
) -> Option<MegolmSessionExport> {
    let mut bytes = base64::decode_unpadded(&key.expose_base64()).unwrap();
    change(&mut bytes);
    MegolmSessionExport::from_base64(&base64::encode_unpadded(&bytes)).ok()
}

fn at_index(key: &MegolmSessionExport, index: u32) -> MegolmSessionExport {
    changed(key, |bytes| bytes[1..5].copy_from_slice(&index.to_be_bytes())).unwrap()
}

// A-3
#[test]
fn real_exports_of_one_session_are_connected() {
    let all = all_exports();
    assert!(all.len() == 100 && all.iter().all(|exports| exports.len() >= 2));
    for (session, exports) in all.iter().enumerate() {
        for (i, a) in exports.iter().enumerate() {
            for (j, b) in exports.iter().enumerate() {
                let expected = match i.cmp(&j) {
                    std::cmp::Ordering::Less => Earlier,
                    std::cmp::Ordering::Equal => Equal,
                    std::cmp::Ordering::Greater => Later,
                };
                assert_eq!(a.compare_ratchets(b), expected, "{session}: {i}, {j}");
            }
        }
    }
}

#[test]
fn different_sessions_are_not() {
    let (a, b) = (exports(0), exports(1));
    assert_eq!(a[0].compare_ratchets(&b[0]), Unconnected);
    // Not even with one ratchet under two public keys.
    let stolen = changed(&a[1], |bytes| bytes[133..].copy_from_slice(&public_key(&b[0]))).unwrap();
    assert_eq!(a[0].compare_ratchets(&stolen), Unconnected);
    assert_eq!(a[1].compare_ratchets(&stolen), Unconnected);
}

fn public_key(key: &MegolmSessionExport) -> Vec<u8> {
    base64::decode_unpadded(key.session_id().as_str()).unwrap()
}

// A-3
#[test]
fn every_bit_of_the_later_ratchet_counts() {
    let exports = exports(0);
    for bit in 0..1024 {
        let flip = |key| changed(key, |b| b[RATCHET.start + bit / 8] ^= 1 << (bit % 8)).unwrap();
        let later = flip(&exports[1]);
        assert_eq!(exports[0].compare_ratchets(&later), Unconnected, "{bit}");
        assert_eq!(later.compare_ratchets(&exports[0]), Unconnected, "{bit}");
        assert_eq!(exports[1].compare_ratchets(&later), Unconnected, "{bit}");
    }
}

// A-3: an index that is far away, or wrong, costs no more than one that is near. Stepping through
// 2^32 messages would take an hour.
#[test]
fn distance_costs_nothing() {
    let near = exports(0).remove(0);
    for (from, to) in [(0, u32::MAX), (0, 0xffff_ff00), (1, 0xff00_ffff), (0x00ff_ffff, u32::MAX)] {
        for _ in 0..50 {
            let (first, second) = (at_index(&near, from), at_index(&near, to));
            assert_eq!(first.compare_ratchets(&second), Unconnected);
            assert_eq!(second.compare_ratchets(&first), Unconnected);
        }
    }
}

// The limit of A-3 that SECURITY.md tells: parts that are made anew before the later index can be
// anything. Nobody can tell, and nothing after that index is lost.
#[test]
fn junk_that_is_overwritten_does_not_show() {
    let key = at_index(&exports(0)[0], 0);
    let junk = changed(&key, |bytes| bytes[RATCHET.end - 32..RATCHET.end].fill(7)).unwrap();
    assert_eq!(junk.compare_ratchets(&key), Unconnected);
    // 300 messages on, both have the same ratchet: it is made without the part that was changed.
    let later = |key| reached(key, 300);
    assert_eq!(later(&junk), later(&key));
}

/// The same key at a later index, message by message, as the Megolm document defines it.
fn reached(key: &MegolmSessionExport, index: u32) -> MegolmSessionExport {
    let bytes = base64::decode_unpadded(&key.expose_base64()).unwrap();
    let mut parts: Vec<[u8; 32]> =
        bytes[RATCHET].chunks(32).map(|part| part.try_into().unwrap()).collect();
    for i in key.first_known_index() + 1..=index {
        let from = (0..4).find(|j| i.is_multiple_of(1 << (8 * (3 - j)))).unwrap();
        let seed = parts[from];
        for (number, part) in (0..).zip(&mut parts).skip(from) {
            *part = hmac(&seed, number);
        }
    }
    changed(&at_index(key, index), |bytes| {
        bytes[RATCHET].copy_from_slice(parts.as_flattened());
    })
    .unwrap()
}

fn hmac(key: &[u8; 32], number: u8) -> [u8; 32] {
    let mac = matrix_key_backup_primitives::BackupMacKey::from_slice(key).unwrap().mac(&[number]);
    base64::decode_unpadded(&mac.to_base64()).unwrap().try_into().unwrap()
}

// A-3: the comparison cannot be left out, because it is the way in.
#[test]
fn only_a_connected_key_takes_the_place() {
    let mut data = SessionDataV2::parse(plaintext_with(r#""x":1"#).as_bytes()).unwrap();
    let current = data.session_key().clone();
    let [earlier, other] = [exports(0).remove(0), exports(1).remove(0)];
    assert_eq!(earlier.session_id(), current.session_id());
    assert!(earlier.first_known_index() < current.first_known_index());

    let lower = other.first_known_index();
    assert!(lower < current.first_known_index());
    let made_up = at_index(&current, current.first_known_index() - 1); // the id fits, the index too
    for unconnected in [&other, &made_up] {
        assert_eq!(data.adopt_earlier_session_key(unconnected), Err(NotEarlier::Unconnected));
    }
    assert_eq!(data.adopt_earlier_session_key(&current), Err(NotEarlier::Index));
    assert_eq!(data.session_key(), &current);
    assert_eq!(data.adopt_earlier_session_key(&earlier), Ok(()));
    assert_eq!(data.session_key(), &earlier);
    assert_eq!(data.adopt_earlier_session_key(&current), Err(NotEarlier::Index));
    assert_eq!(data.into_inner().other_properties().get("x"), Some("1"));
}

proptest! {
    #[test]
    fn what_a_key_reaches_is_connected(from in any::<u32>(), distance in 1..700_u32) {
        let from = from.min(u32::MAX - distance);
        let key = at_index(&MegolmSessionExport::from_base64(SESSION_KEY).unwrap(), from);
        let later = reached(&key, from + distance);
        prop_assert_eq!(key.compare_ratchets(&later), Earlier);
        prop_assert_eq!(later.compare_ratchets(&key), Later);
        let strange = at_index(&later, from + distance - 1);
        prop_assert_eq!(later.compare_ratchets(&strange), Unconnected);
    }
}
