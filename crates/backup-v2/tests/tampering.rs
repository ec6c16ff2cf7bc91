//! No single changed bit in what the MAC covers verifies; a change in `unsigned` or `signatures`
//! alone does (V2-4, V2-5).
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test"
)]

mod common;

use common::{V2, expected, reader, rng, room, sessions, walk};
use matrix_key_backup_v2::{BackupReader, SourcedSession, UnverifiedSessionData};
use matrix_key_backup_wire::Names;
use proptest::prelude::*;
use serde_json::{Value, json};

fn verifies(json: &str, reader: &BackupReader) -> bool {
    UnverifiedSessionData::parse(json, V2).is_ok_and(|entry| entry.verify(reader.mac_key()).is_ok())
}

/// A hybrid entry: `ciphertext`, `ephemeral` and `mac` are all covered.
fn hybrid(reader: &BackupReader, index: usize) -> Value {
    let session = SourcedSession::own_session(sessions().swap_remove(index), room(), None);
    let sealed = reader.writer(Names::Stable).seal_hybrid(&session, &mut rng()).unwrap();
    serde_json::from_str(sealed.as_json()).unwrap()
}

/// Every bit of every covered string, exhaustively, as text: base64 is not decoded first (V2-4).
#[test]
fn no_changed_bit_of_a_covered_string_verifies() {
    let reader = reader(3);
    let entry = hybrid(&reader, 0);
    assert!(verifies(&entry.to_string(), &reader));
    let mut tried = 0;
    for name in ["ciphertext", "ephemeral", "mac"] {
        let text = entry[name].as_str().unwrap().as_bytes().to_vec();
        for position in 0..text.len() {
            for bit in 0..7 {
                let mut changed = text.clone();
                changed[position] ^= 1 << bit;
                let mut entry = entry.clone();
                entry[name] = json!(String::from_utf8(changed).unwrap());
                assert!(!verifies(&entry.to_string(), &reader), "{name} {position} {bit}");
                tried += 1;
            }
        }
    }
    assert!(tried > 4000, "{tried}");
}

#[test]
fn no_changed_bit_of_the_mac_verifies() {
    let reader = reader(3);
    let entry = hybrid(&reader, 0);
    let mac = entry["unsigned"]["backup_mac"].as_str().unwrap().as_bytes().to_vec();
    for position in 0..mac.len() {
        for bit in 0..7 {
            let mut changed = mac.clone();
            changed[position] ^= 1 << bit;
            let mut entry = entry.clone();
            entry["unsigned"]["backup_mac"] = json!(String::from_utf8(changed).unwrap());
            assert!(!verifies(&entry.to_string(), &reader), "{position} {bit}");
        }
    }
}

/// Any JSON value, small.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-(1i64 << 53) + 1..1i64 << 53).prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(".{0,6}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn covered_name() -> impl Strategy<Value = String> {
    ".{0,10}".prop_filter("a name of its own", |name| {
        !["ciphertext", "ephemeral", "mac", "unsigned", "signatures"].contains(&name.as_str())
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    #[test]
    fn added_property_does_not_verify(name in covered_name(), value in any_json()) {
        let reader = reader(3);
        let mut entry = hybrid(&reader, 1);
        entry[name.as_str()] = value;
        prop_assert!(!verifies(&entry.to_string(), &reader)); // V2-5
    }

    #[test]
    fn removed_property_does_not_verify(index in 0..3usize) {
        let reader = reader(3);
        let mut entry = hybrid(&reader, 1);
        let name = ["ciphertext", "ephemeral", "mac"][index];
        entry.as_object_mut().unwrap().remove(name);
        prop_assert!(!verifies(&entry.to_string(), &reader));
    }

    #[test]
    fn signatures_and_the_rest_of_unsigned_may_change(
        signatures in any_json(),
        age in any_json(),
        name in covered_name(),
    ) {
        prop_assume!(!Names::ALL.iter().any(|names| names.backup_mac() == name));
        let reader = reader(3);
        let mut entry = hybrid(&reader, 2);
        entry["signatures"] = signatures;
        entry["unsigned"][name.as_str()] = age;
        prop_assert!(verifies(&entry.to_string(), &reader)); // V2-4
    }

    #[test]
    fn round_trip(index in 0..100usize, fill in any::<u8>(), stable in any::<bool>()) {
        let reader = reader(fill);
        let names = if stable { Names::Stable } else { Names::Unstable };
        let session = SourcedSession::unvouched(sessions().swap_remove(index), room());
        let sealed = reader.writer(names).seal(&session, &mut rng()).unwrap();
        let bound = walk(sealed.as_json(), &reader, &expected(session.data()));
        prop_assert_eq!(bound.data().session_key(), session.data().session_key());
        prop_assert_eq!(bound.data().sender_key(), session.data().sender_key());
        prop_assert_eq!(bound.data().sender_claimed_keys(), session.data().sender_claimed_keys());
    }

    /// Whatever comes, it is answered and never panics.
    #[test]
    fn no_text_panics(text in ".{0,200}") {
        let reader = reader(3);
        prop_assert!(!verifies(&text, &reader));
    }
}

/// A server may write an entry anew: other order, other whitespace, other escapes.
#[test]
fn rewritten_json_still_verifies() {
    let reader = reader(3);
    let entry = hybrid(&reader, 4);
    let text = |name: &str| entry[name].as_str().unwrap().to_owned();
    let escaped: String =
        text("ephemeral").chars().map(|c| format!("\\u{:04x}", c as u32)).collect();
    let rewritten = format!(
        "{{ \"unsigned\" : {},\n\t\"mac\":\"{}\", \"\\u0065phemeral\":\"{escaped}\",\"ciphertext\":\"{}\" }} ",
        entry["unsigned"],
        text("mac"),
        text("ciphertext").replace('/', "\\/"),
    );
    assert!(verifies(&rewritten, &reader));
}
