//! No parser panics, whatever it is given, and what it accepts can be used without a panic.

use matrix_key_backup_wire::{
    AuthData, BackedUpSessionData, BackupAlgorithm, Context, Json, KeyBackupData,
    MegolmSessionExport, Names, ReceivedSessionData, SessionDataV2, WriterKey, canonical_json,
};
use proptest::prelude::*;

use crate::support::{SESSION_KEY, json_text, many, plaintext_with};

/// Gives one input to every parser and uses what comes out.
fn feed(bytes: &[u8]) {
    if let Ok(data) = SessionDataV2::parse(bytes) {
        let _ = (
            data.written_provenance(),
            data.context(),
            data.shared_history(),
            data.bundle_sender(),
        );
        let _ = format!("{data:?}");
        let again = SessionDataV2::parse(data.to_json().as_bytes());
        // Writing adds no whitespace and no escapes, so the limits hold again.
        assert_eq!(again.as_ref(), Ok(&data));
    }
    let _ = BackedUpSessionData::parse(bytes);
    let Ok(text) = core::str::from_utf8(bytes) else { return };
    if let Ok(json) = Json::parse(text) {
        let _ = (canonical_json(&json), Context::from_json(&json), format!("{json:?}"));
    }
    if let Ok(received) = ReceivedSessionData::parse(text) {
        let _ = (received.signable(), received.ephemeral(), received.ciphertext(), received.mac());
        for names in Names::ALL {
            if let Some(renamed) = received.with_backup_mac_renamed(names) {
                assert!(ReceivedSessionData::parse(&renamed).is_ok());
            }
        }
    }
    if let Ok(mut auth_data) = AuthData::parse(text) {
        let _ = auth_data.signable();
        auth_data.add_signature("@u:e", "k", "s");
        assert_eq!(AuthData::parse(auth_data.as_json()), Ok(auth_data));
    }
    let _ = (KeyBackupData::from_json(text), WriterKey::from_json(text));
    let _ = (MegolmSessionExport::from_base64(text), BackupAlgorithm::parse(text));
    let _ = serde_json::from_str::<KeyBackupData>(text);
}

/// A valid input of each kind, to be damaged.
fn samples() -> Vec<String> {
    let mac = "A".repeat(43);
    let key = "A".repeat(43);
    let session_data =
        format!(r#"{{"ephemeral":"{key}","ciphertext":"AA","unsigned":{{"backup_mac":"{mac}"}}}}"#);
    let context = r#"{"room_id":"r","session_id":"s","user_id":"u"}"#;
    vec![
        plaintext_with(&format!(r#""io.github.matrix_key_backup.context":{context}"#)),
        plaintext_with(r#""unauthenticated":"m.legacy-v1","shared_history":true,"x":[{"y":1.5}]"#),
        context.to_owned(),
        format!(
            r#"{{"first_message_index":1,"forwarded_count":0,"is_verified":false,"session_data":{session_data}}}"#
        ),
        session_data,
        format!(r#"{{"public_key":"{key}","signatures":{{"u":{{"k":"s"}}}}}}"#),
        format!(
            r#"{{"user_id":"u","algorithm":"org.matrix.msc4048.curve25519-aes-sha2","public_key":"{key}","backup_mac_key":"{key}"}}"#
        ),
        SESSION_KEY.to_owned(),
    ]
}

#[test]
fn samples_are_valid() {
    let samples = samples();
    samples.iter().for_each(|sample| feed(sample.as_bytes()));
    assert!(SessionDataV2::parse(samples[0].as_bytes()).unwrap().context().unwrap().is_some());
    assert!(
        !SessionDataV2::parse(samples[1].as_bytes())
            .unwrap()
            .written_provenance()
            .is_authenticated()
    );
    assert!(KeyBackupData::from_json(&samples[3]).is_ok());
    assert!(ReceivedSessionData::parse(&samples[4]).is_ok());
    assert!(AuthData::parse(&samples[5]).is_ok());
    assert!(WriterKey::from_json(&samples[6]).is_ok());
    assert!(MegolmSessionExport::from_base64(&samples[7]).is_ok());
}

#[test]
fn every_truncation() {
    for sample in samples() {
        for end in 0..sample.len() {
            feed(&sample.as_bytes()[..end]);
            feed(&sample.as_bytes()[end..]);
        }
    }
}

#[test]
fn every_byte_changed() {
    for sample in samples() {
        for place in 0..sample.len() {
            for byte in [b'"', b'\\', b'{', b'}', b'[', b',', b':', b'0', b'-', 0, 0x1f, 0xff] {
                let mut bytes = sample.clone().into_bytes();
                bytes[place] = byte;
                feed(&bytes);
            }
        }
    }
}

proptest! {
    #![proptest_config(many())]

    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        feed(&bytes);
    }

    #[test]
    fn any_json(text in json_text()) {
        feed(text.as_bytes());
    }

    #[test]
    fn damaged(
        sample in prop::sample::select(samples()),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3_u8), 1..8),
    ) {
        let mut bytes = sample.into_bytes();
        for (place, byte, kind) in changes {
            let place = place.index(bytes.len() + 1);
            match kind {
                0 => bytes.insert(place, byte),
                1 if place < bytes.len() => bytes[place] = byte,
                _ if place < bytes.len() => drop(bytes.remove(place)),
                _ => {}
            }
            feed(&bytes);
        }
    }
}

proptest! {
    #[test]
    fn any_json_inside(text in json_text()) {
        for sample in samples() {
            for (place, _) in sample.match_indices(':') {
                // Before a value, so that it becomes the value of a new property.
                let damaged = format!("{}:{text},\"new\"{}", &sample[..place], &sample[place..]);
                feed(damaged.as_bytes());
            }
        }
    }
}
