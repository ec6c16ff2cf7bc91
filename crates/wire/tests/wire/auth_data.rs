//! `auth_data` (V2-1, T-1).

use matrix_key_backup_primitives::BackupPublicKey;
use matrix_key_backup_wire::{AuthData, AuthDataError, CanonicalJsonError, PropertyError};
use serde_json::json;

use crate::support::vectors;

const KEY: &str = "JphPz7v2L6GmjSLH+/GMjUkgvaCZp2dYLAeVC770+DI";

#[track_caller]
fn parse(text: &str) -> AuthData {
    AuthData::parse(text).expect(text)
}

#[test]
fn accounts() {
    let mut found = 0;
    each_auth_data(&vectors("accounts.json"), &mut |value| {
        let auth_data = parse(&value.to_string());
        assert_eq!(serde_json::to_value(&auth_data).unwrap(), *value);
        found += 1;
    });
    assert!(found > 0);
}

fn each_auth_data(value: &serde_json::Value, visit: &mut impl FnMut(&serde_json::Value)) {
    match value {
        serde_json::Value::Object(members) => {
            for (name, value) in members {
                if name == "auth_data" {
                    visit(value);
                } else {
                    each_auth_data(value, visit);
                }
            }
        }
        serde_json::Value::Array(elements) => {
            elements.iter().for_each(|element| each_auth_data(element, visit));
        }
        _ => {}
    }
}

// V2-1: `signatures` is optional; Ruma's type demands it.
#[test]
fn signatures_are_optional() {
    let without = parse(&format!(r#"{{"public_key":"{KEY}"}}"#));
    assert_eq!(without.signatures(), None);
    assert_eq!(without.public_key().to_base64(), KEY);
    assert_eq!(without, AuthData::new(*without.public_key()));
    let empty = parse(&format!(r#"{{"public_key":"{KEY}","signatures":{{}}}}"#));
    assert_eq!(empty.signatures().map(|signatures| signatures.len()), Some(0));
    assert_ne!(without, empty);
    let signed = parse(&format!(
        r#"{{"public_key":"{KEY}","signatures":{{"@u:e":{{"ed25519:D":"AA==","ed25519:M":"x"}},"@v:e":{{}}}}}}"#
    ));
    let signatures = signed.signatures().unwrap();
    // As received: nothing is decoded.
    assert_eq!(signatures["@u:e"]["ed25519:D"], "AA==");
    assert_eq!(signatures["@v:e"].len(), 0);
}

#[test]
fn public_keys_may_be_padded() {
    let padded = parse(&format!(r#"{{"public_key":"{KEY}="}}"#));
    assert_eq!(padded.public_key().to_base64(), KEY);
    // Signatures cover what was received.
    assert_eq!(padded.signable().unwrap(), format!(r#"{{"public_key":"{KEY}="}}"#));
}

#[test]
fn what_is_wrong_is_named() {
    let error = |text: &str| AuthData::parse(text).expect_err(text).to_string();
    assert_eq!(error("null"), "auth_data: an object was expected, and this is null");
    assert_eq!(error("[]"), "auth_data: an object was expected, and this is an array");
    assert_eq!(error("{}"), "auth_data: `public_key` is missing");
    assert_eq!(
        error(r#"{"public_key":null}"#),
        "auth_data: `public_key` must be a string, and null was found"
    );
    assert!(error(r#"{"public_key":"AAAA"}"#).starts_with("auth_data: `public_key`: "));
    assert!(error(r#"{"public_key":"AAAA"}"#).contains('3'));
    assert!(error(&format!(r#"{{"public_key":"{KEY}A"}}"#)).contains("`public_key`"));
    assert!(error("").contains("end"));
    assert!(error(r#"{"public_key":1,"public_key":2}"#).contains("duplicate"));
    for signatures in [
        "null",
        "[]",
        "\"x\"",
        r#"{"u":null}"#,
        r#"{"u":{"k":1}}"#,
        r#"{"u":"s"}"#,
        r#"{"\ud800":{}}"#,
        r#"{"u":{"\ud800":"s"}}"#,
        r#"{"u":{"k":"\ud800"}}"#,
    ] {
        match AuthData::parse(&format!(r#"{{"public_key":"{KEY}","signatures":{signatures}}}"#)) {
            Err(AuthDataError::Property(PropertyError::WrongType { property, .. })) => {
                assert_eq!(property, "signatures");
            }
            other => panic!("{signatures}: {other:?}"),
        }
    }
}

// T-1: what is signed is what was received, unknown properties included.
#[test]
fn other_properties_are_kept_and_signed() {
    let text = format!(
        r#"{{"unsigned":{{"age":1.5}}, "x": {{"b":[1],"a":"\u00e9"}}, "public_key":"{KEY}","signatures":{{}}}}"#
    );
    let auth_data = parse(&text);
    assert_eq!(auth_data.as_json(), text);
    assert_eq!(serde_json::to_string(&auth_data).unwrap(), text);
    let covered = format!(r#"{{"public_key":"{KEY}","x":{{"a":"é","b":[1]}}}}"#);
    assert_eq!(auth_data.signable().unwrap(), covered);
    let float = parse(&format!(r#"{{"public_key":"{KEY}","x":1.5}}"#));
    assert_eq!(float.signable(), Err(CanonicalJsonError::Number));
}

#[test]
fn signing() {
    let mut auth_data = parse(&format!(
        r#"{{"x":1.50,"public_key":"{KEY}","signatures":{{"@u:e":{{"ed25519:D":"old","k":"kept"}}}}}}"#
    ));
    auth_data.add_signature("@u:e", "ed25519:D", "new");
    auth_data.add_signature("@\"", "ed25519:M", "m");
    let again = parse(auth_data.as_json());
    assert_eq!(again, auth_data);
    assert_eq!(again.signatures(), auth_data.signatures());
    let signatures = json!({
        "@u:e": {"ed25519:D": "new", "k": "kept"},
        "@\"": {"ed25519:M": "m"},
    });
    assert_eq!(serde_json::to_value(&again).unwrap()["signatures"], signatures);
    assert!(again.as_json().contains("1.50"));

    let mut new = AuthData::new(BackupPublicKey::from_base64(KEY).unwrap());
    let covered = new.signable().unwrap();
    new.add_signature("@u:e", "ed25519:D", "s");
    assert_eq!(new.signable().unwrap(), covered);
    assert_eq!(parse(new.as_json()), new);
}

#[test]
fn equality_is_that_of_json() {
    let one = parse(&format!(r#"{{"public_key":"{KEY}","x":[1,2]}}"#));
    assert_eq!(one, parse(&format!(r#" {{"x":[1, 2],"public\u005fkey":"{KEY}"}}"#)));
    assert_ne!(one, parse(&format!(r#"{{"public_key":"{KEY}","x":[2,1]}}"#)));
    assert_ne!(one, parse(&format!(r#"{{"public_key":"{KEY}"}}"#)));
}

#[test]
fn serde_both_ways() {
    let value = json!({"public_key": KEY, "x": 1});
    let auth_data: AuthData = serde_json::from_value(value.clone()).unwrap();
    assert_eq!(serde_json::to_value(&auth_data).unwrap(), value);
    let error = serde_json::from_str::<AuthData>("{}").unwrap_err().to_string();
    assert!(error.contains("`public_key` is missing"), "{error}");
    assert!(serde_json::from_str::<AuthData>(r#"{"public_key":1,"public_key":2}"#).is_err());
}
