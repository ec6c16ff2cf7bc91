//! The Megolm session export format (V1-1, B-1) against vodozemac's reading of it.

use interop::vectors;
use matrix_key_backup_wire::MegolmSessionExport;
use rand::{RngExt, random, rng};
use serde_json::Value;
use vodozemac::{
    base64_decode, base64_encode,
    megolm::{ExportedSessionKey, GroupSession, InboundGroupSession, SessionConfig},
};

/// 0x01, index, ratchet, Ed25519 public key.
const LENGTH: usize = 1 + 4 + 128 + 32;

fn session_id(export: &ExportedSessionKey) -> String {
    InboundGroupSession::import(export, SessionConfig::version_1()).session_id()
}

/// Reads an export with both and compares what they see in it.
fn compare(text: &str) {
    let ours = MegolmSessionExport::from_base64(text).unwrap();
    let theirs = ExportedSessionKey::from_base64(text).unwrap();
    let session = InboundGroupSession::import(&theirs, SessionConfig::version_1());
    assert_eq!(ours.session_id().as_str(), session.session_id());
    assert_eq!(ours.first_known_index(), session.first_known_index());
    assert_eq!(*ours.expose_base64(), theirs.to_base64());
}

fn exports() -> Vec<String> {
    let sessions = vectors("megolm_sessions.json");
    let sessions = sessions["sessions"].as_array().unwrap();
    let text = |export: &Value| export["session_key"].as_str().unwrap().to_owned();
    sessions.iter().flat_map(|session| session["exports"].as_array().unwrap()).map(text).collect()
}

#[test]
fn exports_of_all_producers_are_read_alike() {
    let exports = exports();
    assert!(exports.len() >= 250, "{} exports", exports.len());
    exports.iter().for_each(|export| compare(export));
}

#[test]
fn new_sessions_are_read_alike_at_any_index() {
    for _ in 0..100 {
        let outbound = GroupSession::new(SessionConfig::version_1());
        let mut inbound =
            InboundGroupSession::new(&outbound.session_key(), SessionConfig::version_1());
        let index = random::<u32>() >> rng().random_range(0..32);
        let export = inbound.export_at(index).unwrap();
        compare(&export.to_base64());
        assert_eq!(session_id(&export), outbound.session_id());
    }
}

/// One byte changed, in the version, the index, the ratchet or the point at the end.
#[test]
fn a_changed_export_is_read_alike_or_refused_by_both() {
    let (mut taken, mut refused) = (0, 0);
    for export in exports() {
        for _ in 0..20 {
            let mut bytes = base64_decode(&export).unwrap();
            // Half of the changes go into the point, where it is decided whether it is one.
            let first = if random() { 0 } else { LENGTH - 32 };
            bytes[rng().random_range(first..LENGTH)] ^= rng().random_range(1..=255);
            let text = base64_encode(&bytes);
            let (ours, theirs) =
                (MegolmSessionExport::from_base64(&text), ExportedSessionKey::from_base64(&text));
            assert_eq!(ours.is_ok(), theirs.is_ok(), "{text}");
            match ours {
                Ok(_) => (taken += 1, compare(&text)).1,
                Err(_) => refused += 1,
            }
        }
    }
    assert!(taken > 1000 && refused > 500, "{taken} taken, {refused} refused");
}

/// A trap: vodozemac does not look at what follows the 165 bytes.
#[test]
fn bytes_after_the_export_are_refused_though_vodozemac_takes_them() {
    for export in exports().iter().take(20) {
        let bytes = base64_decode(export).unwrap();
        for length in (0..LENGTH).chain(LENGTH + 1..LENGTH + 40) {
            let mut other = bytes.clone();
            other.resize_with(length, random);
            let text = base64_encode(&other);
            assert!(MegolmSessionExport::from_base64(&text).is_err(), "{length} bytes");
            assert_eq!(ExportedSessionKey::from_base64(&text).is_ok(), length > LENGTH);
        }
    }
}
