//! `session_data` as received and as written (V2-4, V2-5, V2-13, M-3, H-1).

use matrix_key_backup_primitives::{BackupMac, BackupMacKey, EphemeralPublicKey, V1Mac};
use matrix_key_backup_wire::{
    CanonicalJsonError, EncryptedSessionData, Json, JsonErrorKind, Names, ReceivedSessionData,
    SessionDataError,
};
use serde_json::Value;

use crate::support::vectors;

fn received(text: &str) -> ReceivedSessionData<'_> {
    ReceivedSessionData::parse(text).expect(text)
}

/// What the MAC covers, which is the same as one text and in pieces.
fn signable(received: &ReceivedSessionData<'_>) -> Result<String, CanonicalJsonError> {
    let mut pieces = String::new();
    let in_pieces = received.write_signable(&mut |piece| pieces.push_str(piece));
    let in_pieces = in_pieces.map(|()| pieces);
    assert_eq!(in_pieces, received.signable());
    in_pieces
}

// V2-13, and the published constructions: what is malformed before any MAC is looked at.
#[test]
fn vectors_that_do_not_parse() {
    let mut malformed = 0;
    for case in vectors("session_data_v2.json")["vectors"].as_array().unwrap() {
        let raw = case["session_data_raw"].as_str().unwrap();
        let found = ReceivedSessionData::parse(raw);
        let strict_error = case["strict_parse_error"].is_string();
        let is_object = raw.trim_start().starts_with('{');
        assert_eq!(found.is_ok(), !strict_error && is_object, "{}: {found:?}", case["id"]);
        malformed += usize::from(found.is_err());
    }
    assert!(malformed >= 6, "{malformed}");
}

#[test]
fn views() {
    let data = received(r#"{"ephemeral":"AB","ciphertext":5,"x":[1.0]}"#);
    assert_eq!(data.ephemeral().and_then(Json::as_str), Some("AB"));
    assert_eq!(data.ciphertext(), Some(&Json::Number("5")));
    assert_eq!(data.mac(), None);
    assert_eq!(data.properties().len(), 3);
    let text = " {\"mac\": \"x\"}\n";
    assert_eq!(received(text).raw(), text);
    assert_eq!(received(text).mac().and_then(Json::as_str), Some("x"));
}

#[test]
fn only_objects() {
    for text in ["[]", "null", "1", "\"x\"", "[{}]"] {
        assert!(matches!(ReceivedSessionData::parse(text), Err(SessionDataError::Property(_))));
    }
}

// V2-13: at any depth, in what the MAC does not cover too.
#[test]
fn duplicates() {
    for text in [
        r#"{"ciphertext":"a","ciphertext":"a"}"#,
        r#"{"ciphertext":"a","\u0063iphertext":"b"}"#,
        r#"{"unsigned":{},"unsigned":{}}"#,
        r#"{"unsigned":{"backup_mac":"a","backup_mac":"b"}}"#,
        r#"{"unsigned":{"backup_mac":"a","backup\u005fmac":"b"}}"#,
        r#"{"unsigned":{"x":[{"a":1,"a":1}]}}"#,
        r#"{"signatures":{"@u:e":{"k":"s","k":"s"}}}"#,
        r#"{"x":{"a":1,"b":2,"a":3}}"#,
    ] {
        match ReceivedSessionData::parse(text) {
            Err(SessionDataError::Json(error)) => {
                assert_eq!(error.kind(), JsonErrorKind::DuplicateProperty);
            }
            other => panic!("{text}: {other:?}"),
        }
    }
}

// N-2
#[test]
fn macs_by_name() {
    let text = r#"{"unsigned":{"backup_mac":"s","org.matrix.msc4048.backup_mac":7}}"#;
    let data = received(text);
    let macs = data.backup_macs();
    assert_eq!(macs.get(Names::Stable).and_then(Json::as_str), Some("s"));
    assert_eq!(macs.get(Names::Unstable), Some(&Json::Number("7")));
    assert_eq!(macs.stable, macs.get(Names::Stable));
    assert_eq!(macs.unstable, macs.get(Names::Unstable));
    let names: Vec<_> = macs.iter().map(|(names, _)| names).collect();
    assert_eq!(names, Names::ALL);
    assert!(!macs.is_empty());

    let one = received(r#"{"unsigned":{"org.matrix.msc4048.backup_mac":null}}"#);
    assert!(one.backup_macs().stable.is_none() && one.backup_macs().unstable.is_some());
    for text in [
        "{}",
        r#"{"backup_mac":"x"}"#,
        r#"{"unsigned":{}}"#,
        r#"{"unsigned":null}"#,
        r#"{"unsigned":"backup_mac"}"#,
        r#"{"unsigned":[{"backup_mac":"x"}]}"#,
        r#"{"unsigned":{"msc4048":{"backup_mac":"x"},"Backup_mac":"x"}}"#,
        r#"{"x":{"unsigned":{"backup_mac":"x"}}}"#,
    ] {
        assert!(received(text).backup_macs().is_empty(), "{text}");
    }
}

// The known trap: base64 is text, and no two spellings of it are the same.
#[test]
fn base64_is_never_normalised() {
    let signables: Vec<_> = ["AA", "AA==", "AB", "AA=", "A A", "_-", "/+", "\\/+"]
        .iter()
        .map(|text| {
            let text = format!(r#"{{"ephemeral":"{text}","ciphertext":"{text}"}}"#);
            signable(&received(&text)).unwrap()
        })
        .collect();
    assert_eq!(signables[0], r#"{"ciphertext":"AA","ephemeral":"AA"}"#);
    assert_eq!(signables[1], r#"{"ciphertext":"AA==","ephemeral":"AA=="}"#);
    for (index, one) in signables.iter().enumerate() {
        for other in &signables[index + 1..] {
            let escaped_slash = one.contains("/+") && other.contains("/+");
            assert_eq!(one == other, escaped_slash);
        }
    }
}

// V2-13
#[test]
fn what_no_mac_can_cover() {
    for value in ["1.0", "-0", "1e5", "9007199254740992", "[{\"x\":0.1}]"] {
        let text = format!(r#"{{"ciphertext":"a","x":{value}}}"#);
        assert_eq!(signable(&received(&text)), Err(CanonicalJsonError::Number));
        let outside = format!(r#"{{"ciphertext":"a","unsigned":{value},"signatures":{value}}}"#);
        assert_eq!(signable(&received(&outside)).as_deref(), Ok(r#"{"ciphertext":"a"}"#));
    }
    for member in [r#""x":"\ud800""#, r#""\udc00":1"#, r#""ciphertext":"\udfff""#] {
        let text = format!("{{{member}}}");
        assert_eq!(signable(&received(&text)), Err(CanonicalJsonError::LoneSurrogate));
        let outside = format!(r#"{{"unsigned":{{{member}}}}}"#);
        assert_eq!(signable(&received(&outside)).as_deref(), Ok("{}"));
    }
}

fn ephemeral() -> EphemeralPublicKey {
    EphemeralPublicKey::from_slice(&[9; 32]).unwrap()
}

fn mac(over: &str) -> BackupMac {
    BackupMacKey::from_slice(&[1; 32]).unwrap().mac(over.as_bytes())
}

#[test]
fn what_is_written_is_what_is_covered() {
    let data = EncryptedSessionData::new(&ephemeral(), b"\xff\xff\xff\0".to_vec());
    let key = ephemeral().to_base64();
    let covered = format!(r#"{{"ciphertext":"////AA","ephemeral":"{key}"}}"#);
    assert_eq!(data.signable(), covered);
    assert_eq!(data.to_json(), covered);
    for names in Names::ALL {
        let mac = mac(&covered);
        let json = data.to_json_with_backup_mac(&mac, names);
        let received = received(&json);
        assert_eq!(signable(&received).unwrap(), covered);
        assert_eq!(
            received.backup_macs().get(names).and_then(Json::as_str),
            Some(mac.to_base64().as_str())
        );
        assert!(received.backup_macs().get(names.other()).is_none());
    }
}

// H-1: the `mac` of v1 is covered.
#[test]
fn hybrids() {
    let v1_mac = V1Mac::from_base64("AAECAwQFBgc").unwrap();
    let data = EncryptedSessionData::new(&ephemeral(), Vec::new()).with_v1_mac(&v1_mac);
    assert!(data.signable().ends_with(r#","mac":"AAECAwQFBgc"}"#));
    assert_eq!(signable(&received(&data.to_json())).unwrap(), data.signable());
}

// M-3: what the old entry said in clear goes along, but nothing that belonged to the old content.
#[test]
fn other_properties_of_an_entry_that_is_encrypted_anew() {
    let old = received(
        r#"{"ephemeral":"x","ciphertext":"y","mac":"z","unsigned":{"age":1.5},"signatures":{},
            "foo":{"b":1,"é":[2]},"a":"\u0062","\"":null}"#,
    );
    let data = EncryptedSessionData::new(&ephemeral(), b"new".to_vec())
        .with_other_properties(old.properties())
        .unwrap();
    let key = ephemeral().to_base64();
    assert_eq!(
        data.to_json(),
        format!(
            r#"{{"\"":null,"a":"b","ciphertext":"bmV3","ephemeral":"{key}","foo":{{"b":1,"é":[2]}}}}"#
        )
    );
    assert_eq!(signable(&received(&data.to_json())).unwrap(), data.to_json());
    for bad in [r#"{"x":1.0}"#, r#"{"x":"\ud800"}"#, r#"{"\ud800":1}"#] {
        let data = EncryptedSessionData::new(&ephemeral(), Vec::new());
        assert!(data.with_other_properties(received(bad).properties()).is_err());
    }
}

// M-3: only the MAC's name changes.
#[test]
fn renaming_the_mac() {
    let text = r#" {"x":{"b":1.0, "a":"\u0061"},"unsigned":{"age":1.50,"backup_mac":"M/","\ud800":2},
                    "signatures":{"s":-0},"ciphertext":"c"} "#;
    let old = received(text);
    let renamed = old.with_backup_mac_renamed(Names::Unstable).unwrap();
    let new = received(&renamed);
    assert_eq!(new.backup_macs().unstable.and_then(Json::as_str), Some("M/"));
    assert_eq!(new.backup_macs().stable, None);
    assert_eq!(new.properties().raw("x"), Some(r#"{"b":1.0, "a":"\u0061"}"#));
    assert_eq!(new.properties().get("signatures"), old.properties().get("signatures"));
    let unsigned = new.properties().get("unsigned").and_then(Json::as_object).unwrap();
    assert_eq!(unsigned.raw("age"), Some("1.50"));
    assert_eq!(unsigned.len(), 3);
    // There and back, and to the same name, is the same JSON.
    assert_eq!(
        new.with_backup_mac_renamed(Names::Stable).as_deref().map(received).unwrap().properties(),
        old.properties()
    );
    assert_eq!(
        old.with_backup_mac_renamed(Names::Stable).as_deref().map(received).unwrap().properties(),
        old.properties()
    );
}

#[test]
fn renaming_two_macs_or_none() {
    for text in [
        "{}",
        r#"{"unsigned":[]}"#,
        r#"{"unsigned":{"x":1}}"#,
        r#"{"unsigned":{"backup_mac":1}}"#,
        r#"{"unsigned":{"backup_mac":"a","org.matrix.msc4048.backup_mac":"b"}}"#,
    ] {
        assert_eq!(received(text).with_backup_mac_renamed(Names::Stable), None, "{text}");
    }
    let both = r#"{"unsigned":{"backup_mac":"a","org.matrix.msc4048.backup_mac":"a"}}"#;
    assert_eq!(
        received(both).with_backup_mac_renamed(Names::Unstable).as_deref(),
        Some(r#"{"unsigned":{"org.matrix.msc4048.backup_mac":"a"}}"#)
    );
}

// M-3: the canonical JSON, and so the MAC, is that of before.
#[test]
fn renaming_keeps_what_is_covered() {
    let mut renamed = 0;
    for case in vectors("session_data_v2.json")["vectors"].as_array().unwrap() {
        let raw = case["session_data_raw"].as_str().unwrap();
        let Ok(old) = ReceivedSessionData::parse(raw) else { continue };
        for names in Names::ALL {
            let Some(text) = old.with_backup_mac_renamed(names) else { continue };
            assert_eq!(signable(&received(&text)), old.signable(), "{}", case["id"]);
            assert!(serde_json::from_str::<Value>(&text).is_ok() || old.signable().is_err());
            renamed += 1;
        }
    }
    assert!(renamed > 100, "{renamed}");
}
