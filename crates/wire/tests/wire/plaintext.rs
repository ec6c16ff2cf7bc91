//! The plaintext of a key: required properties, unknown ones, round trips (V1-1, V2-2).

use std::collections::BTreeMap;

use matrix_key_backup_wire::{
    BackedUpSessionData, JsonErrorKind, MegolmSessionExport, OtherPropertyError, PropertyError,
    SessionDataError, SessionDataV2, SessionKeyError,
};
use proptest::prelude::*;
use serde_json::Value;

use crate::support::{
    SENDER_KEY, SESSION_ID, SESSION_KEY, json_text, many, parse_plaintext, plaintext_with, vectors,
};

#[track_caller]
fn round_trips(plaintext: &str) -> BackedUpSessionData {
    let data = BackedUpSessionData::parse(plaintext.as_bytes()).expect(plaintext);
    let written = data.to_json();
    let value = |text: &str| serde_json::from_str::<Value>(text).expect("JSON");
    assert_eq!(value(&written), value(plaintext));
    assert_eq!(BackedUpSessionData::parse(written.as_bytes()).unwrap(), data);
    data
}

// V1-1: what deployed clients write.
#[test]
fn plaintexts_of_v1() {
    let file = vectors("backup_v1.json");
    let (mut room_keys, mut others) = (0, 0);
    for case in file["vectors"].as_array().unwrap() {
        let Some(plaintext) = case["plaintext_utf8"].as_str() else { continue };
        if plaintext.starts_with("{\"algorithm\"") {
            round_trips(plaintext);
            room_keys += 1;
        } else {
            assert!(BackedUpSessionData::parse(plaintext.as_bytes()).is_err());
            others += 1;
        }
    }
    assert!(room_keys > 30 && others > 10, "{room_keys}, {others}");
}

#[test]
fn plaintexts_of_real_sessions() {
    for session in vectors("megolm_sessions.json")["sessions"].as_array().unwrap() {
        for form in ["session_data", "sdk_parsed", "exported_room_key"] {
            if session[form].is_object() {
                let data = round_trips(&session[form].to_string());
                let key = data.session_key();
                assert_eq!(key.session_id().as_str(), session["session_id"]);
                assert_eq!(
                    u64::from(key.first_known_index()),
                    session["backed_up_first_known_index"]
                );
            }
        }
    }
}

// V2-2
#[test]
fn plaintexts_of_v2() {
    let file = vectors("session_data_v2.json");
    let mut parsed = 0;
    for case in file["vectors"].as_array().unwrap() {
        let Some(plaintext) = case["plaintext"].as_str() else { continue };
        let id = &case["id"];
        let found = SessionDataV2::parse(plaintext.as_bytes());
        if case["category"] == "plaintext-invalid" {
            assert!(found.is_err(), "{id}");
            continue;
        }
        round_trips(plaintext);
        let data = found.unwrap_or_else(|error| panic!("{id}: {error}"));
        // In a v1 backup a reader does not look at what the plaintext says. // H-3
        let v1 = case["backup_algorithm"] == "m.megolm_backup.v1.curve25519-aes-sha2";
        if case["ours"]["outcome"] == "import" && !v1 {
            let provenance = data.written_provenance();
            assert_eq!(provenance.is_authenticated(), case["ours"]["authenticated"], "{id}");
            let source = provenance.unauthenticated_source().map(|source| source.effective());
            assert_eq!(source, case["ours"]["unauthenticated"].as_str(), "{id}");
        }
        parsed += 1;
    }
    assert!(parsed > 90, "{parsed}");
}

#[test]
fn migration_keeps_the_plaintext() {
    // M-2
    for case in vectors("migration.json")["vectors"].as_array().unwrap() {
        round_trips(case["old_plaintext"].as_str().unwrap());
    }
}

#[test]
fn fields() {
    let data = parse_plaintext(r#""x":1"#);
    assert_eq!(data.sender_key(), SENDER_KEY);
    assert_eq!(data.forwarding_curve25519_key_chain(), ["a/", "b"]);
    assert_eq!(
        data.sender_claimed_keys(),
        BTreeMap::from([("ed25519".to_owned(), "c".to_owned())])
    );
    assert_eq!(data.session_key().session_id().as_str(), SESSION_ID);
    assert_eq!(*data.session_key().expose_base64(), SESSION_KEY);
    assert_eq!(data.other_properties().iter().collect::<Vec<_>>(), [("x", "1")]);
}

#[test]
fn claimed_keys() {
    let claimed = |keys: &str| {
        let text = format!(
            "{{\"algorithm\":\"m.megolm.v1.aes-sha2\",\"forwarding_curve25519_key_chain\":[],\
             \"sender_claimed_keys\":{{{keys}}},\"sender_key\":\"\\u00e9\",\
             \"session_key\":\"{SESSION_KEY}\"}}"
        );
        round_trips(&text)
    };
    // Whatever their order, and however they are escaped; and empty ones are no others.
    let data = claimed(r#""ed25519":"\u0041\n","":"","b":"","a":"1""#);
    let keys = data.sender_claimed_keys();
    let all = [("", ""), ("a", "1"), ("b", ""), ("ed25519", "A\n")];
    assert_eq!(data.sender_key(), "é");
    assert_eq!(keys.iter().collect::<Vec<_>>(), all);
    assert_eq!(all.map(|(name, _)| keys.get(name)), all.map(|(_, key)| Some(key)));
    assert_eq!((keys.get("A\n"), keys.get("1"), keys.get("éa")), (None, None, None));
    assert_eq!((keys.len(), keys.is_empty()), (4, false));
    let map: BTreeMap<String, String> = all.map(|(name, key)| (name.into(), key.into())).into();
    assert_eq!((keys, keys.to_map()), (keys, map.clone()));
    assert_eq!(keys, map);
    let session_key = data.session_key().clone();
    let made = BackedUpSessionData::new(session_key, "é".into(), map, Vec::new());
    assert_eq!(made, data);
    assert_eq!(made.to_json(), data.to_json());

    // What is between two texts belongs to one of them.
    for other in
        [r#""":"","a":"1","b":"","ed25519":"A""#, r#""":"","a":"","b":"1","ed25519":"A\n""#]
    {
        assert_ne!(claimed(other), data);
        assert_ne!(claimed(other).sender_claimed_keys(), keys);
    }
    let none = claimed("");
    assert_eq!((none.sender_claimed_keys().len(), none.sender_key()), (0, "é"));
    assert!(none.sender_claimed_keys().is_empty());
}

#[test]
fn written_anew() {
    let key = || MegolmSessionExport::from_base64(SESSION_KEY).unwrap();
    let claimed = BTreeMap::from([("ed25519".to_owned(), "\"\\\n".to_owned())]);
    let chain = vec!["a".to_owned(), "é\u{1}".to_owned()];
    let data = BackedUpSessionData::new(key(), SENDER_KEY.to_owned(), claimed, chain);
    assert_eq!(
        *data.to_json(),
        format!(
            "{{\"algorithm\":\"m.megolm.v1.aes-sha2\",\
             \"forwarding_curve25519_key_chain\":[\"a\",\"é\\u0001\"],\
             \"sender_claimed_keys\":{{\"ed25519\":\"\\\"\\\\\\n\"}},\
             \"sender_key\":\"{SENDER_KEY}\",\"session_key\":\"{SESSION_KEY}\"}}"
        )
    );
    round_trips(&data.to_json());
    let empty = BackedUpSessionData::new(key(), String::new(), BTreeMap::new(), Vec::new());
    round_trips(&empty.to_json());
}

// Numbers, whitespace and escapes of what is unknown stay exactly as they were.
#[test]
fn unknown_properties_are_kept_as_text() {
    for raw in [
        "1.50",
        "-0",
        "1e400",
        "123456789012345678901234567890",
        r#""\u0061\/""#,
        r#""\ud800""#,
        "{ \"b\" : [ 1.0 , null ] }",
        "[\n]",
    ] {
        let data = parse_plaintext(&format!(r#""z":{raw},"\u0061":{raw},"é\n":{raw}"#));
        for name in ["z", "a", "é\n"] {
            assert_eq!(data.other_properties().get(name), Some(raw));
        }
        let again = BackedUpSessionData::parse(data.to_json().as_bytes()).unwrap();
        assert_eq!(again, data);
        assert_eq!(again.to_json(), data.to_json());
        assert!(data.to_json().contains(&format!("\"z\":{raw}")));
    }
}

#[test]
fn unknown_names_with_lone_surrogates_are_kept() {
    let names = [r"\ud800", r"x\udc00y", r"\udfff\ud800", r"\ud800é\ud800", "😀"];
    let more: Vec<_> = names.iter().map(|name| format!("\"{name}\":\"{name}\"")).collect();
    let data = parse_plaintext(&more.join(","));
    let json = data.to_json();
    for name in names {
        assert!(json.contains(&format!("\"{name}\":\"{name}\"")), "{name}");
    }
    assert_eq!(BackedUpSessionData::parse(json.as_bytes()).unwrap(), data);
    assert_eq!(data.other_properties().len(), names.len());
    assert_eq!(data.other_properties().iter().count(), 1);
}

// V2-13: in the plaintext too.
#[test]
fn duplicates_in_the_plaintext() {
    for more in [
        r#""sender_key":"x""#,
        r#""x":1,"x":1"#,
        r#""unauthenticated":"m.legacy-v1","unauthenticat\u0065d":null"#,
        r#""x":{"y":[{"a":1,"\u0061":1}]}"#,
        r#""\ud800":1,"\uD800":1"#,
    ] {
        match BackedUpSessionData::parse(plaintext_with(more).as_bytes()) {
            Err(SessionDataError::Json(error)) => {
                assert_eq!(error.kind(), JsonErrorKind::DuplicateProperty);
            }
            other => panic!("{more}: {other:?}"),
        }
    }
}

#[test]
fn what_is_wrong_is_named() {
    let valid: Value = serde_json::from_str(&plaintext_with("")).unwrap();
    let fields = [
        "algorithm",
        "forwarding_curve25519_key_chain",
        "sender_key",
        "sender_claimed_keys",
        "session_key",
    ];
    for field in fields {
        let mut without = valid.clone();
        without.as_object_mut().unwrap().remove(field);
        match BackedUpSessionData::parse(without.to_string().as_bytes()) {
            Err(SessionDataError::Property(PropertyError::Missing { property, .. })) => {
                assert_eq!(property, field);
            }
            other => panic!("{field}: {other:?}"),
        }
        for wrong in ["null", "1", "true", "[1]", "{\"a\":1}", "[[]]", "[\"\\ud800\"]"] {
            let text = valid.to_string().replacen(
                &format!("\"{field}\":{}", valid[field]),
                &format!("\"{field}\":{wrong}"),
                1,
            );
            match BackedUpSessionData::parse(text.as_bytes()) {
                Err(SessionDataError::Property(PropertyError::WrongType { property, .. })) => {
                    assert_eq!(property, field);
                }
                other => panic!("{field}, {wrong}: {other:?}"),
            }
        }
    }
}

#[test]
fn what_is_no_plaintext() {
    let parse = BackedUpSessionData::parse;
    assert_eq!(parse(b"\xff"), Err(SessionDataError::NotUtf8));
    assert_eq!(parse(b"\"\xed\xa0\x80\""), Err(SessionDataError::NotUtf8));
    assert!(matches!(parse(b""), Err(SessionDataError::Json(_))));
    assert!(matches!(parse(b"hello"), Err(SessionDataError::Json(_))));
    assert!(matches!(parse(b"[]"), Err(SessionDataError::Property(_))));
    assert!(matches!(parse(b"{}"), Err(SessionDataError::Property(_))));
    let trailing = plaintext_with("") + "x";
    assert!(matches!(parse(trailing.as_bytes()), Err(SessionDataError::Json(_))));
    let padded_with_nul = plaintext_with("") + "\0";
    assert!(matches!(parse(padded_with_nul.as_bytes()), Err(SessionDataError::Json(_))));
}

// M-7
#[test]
fn unknown_algorithms() {
    let text = plaintext_with("").replacen("m.megolm.v1.aes-sha2", "m.mls.v1", 1);
    match BackedUpSessionData::parse(text.as_bytes()) {
        Err(SessionDataError::UnknownAlgorithm { name, .. }) => assert_eq!(name, "m.mls.v1"),
        other => panic!("{other:?}"),
    }
    // Of another algorithm nothing else is expected.
    assert!(matches!(
        BackedUpSessionData::parse(br#"{"algorithm":"m.mls.v1","session_key":7}"#),
        Err(SessionDataError::UnknownAlgorithm { .. })
    ));
}

// V1-1: no trailing bytes, as in `session_key` alone.
#[test]
fn bad_session_keys() {
    let text = plaintext_with("").replacen(SESSION_KEY, &format!("{SESSION_KEY}AA"), 1);
    assert_eq!(
        BackedUpSessionData::parse(text.as_bytes()),
        Err(SessionDataError::SessionKey(
            MegolmSessionExport::from_base64(&format!("{SESSION_KEY}AA")).unwrap_err()
        ))
    );
    assert!(matches!(
        MegolmSessionExport::from_base64(""),
        Err(SessionKeyError::Length { found: 0, .. })
    ));
}

// V2-13
#[test]
fn limits_of_the_plaintext() {
    let room = (1 << 20) - plaintext_with(r#""x":"""#).len();
    let largest = plaintext_with(&format!(r#""x":"{}""#, "y".repeat(room)));
    assert_eq!(largest.len(), 1 << 20);
    assert!(BackedUpSessionData::parse(largest.as_bytes()).is_ok());
    assert!(BackedUpSessionData::parse((largest + " ").as_bytes()).is_err());

    let deep =
        |levels| plaintext_with(&format!(r#""x":{}{}"#, "[".repeat(levels), "]".repeat(levels)));
    assert!(BackedUpSessionData::parse(deep(127).as_bytes()).is_ok());
    assert!(BackedUpSessionData::parse(deep(128).as_bytes()).is_err());
}

#[test]
fn other_properties_are_set_and_removed() {
    let mut data = parse_plaintext("");
    assert!(data.other_properties().is_empty());
    data.set_other_property("a", " [1.0] ").unwrap();
    data.set_other_property("a", "[2.0]").unwrap();
    data.set_other_property("\"", "\"x\"").unwrap();
    assert_eq!(data.other_properties().get("a"), Some("[2.0]"));
    assert!(round_trips(&data.to_json()).other_properties().contains("\""));
    assert_eq!(data.remove_other_property("a").unwrap().as_str(), "[2.0]");
    assert_eq!(data.remove_other_property("a"), None);
    assert!(matches!(
        data.set_other_property("a", "{\"a\":1,\"a\":2}"),
        Err(OtherPropertyError::Json(_))
    ));
    assert!(data.set_other_property("a", "1,\"b\":2").is_err());
    assert!(matches!(
        data.set_other_property("session_key", "1"),
        Err(OtherPropertyError::Required { property: "session_key", .. })
    ));
}

proptest! {
    #![proptest_config(many())]

    // V1-1, V2-2: unknown properties survive, whatever they are.
    #[test]
    fn unknown_properties_survive(json in json_text(), name in any::<String>()) {
        let mut data = parse_plaintext(r#""kept":[1.0]"#);
        if data.set_other_property(&name, &json).is_ok() {
            let again = BackedUpSessionData::parse(data.to_json().as_bytes()).unwrap();
            prop_assert_eq!(again.other_properties().get(&name), Some(json.trim()));
            prop_assert_eq!(again.to_json().len(), again.to_json().trim().len());
        }
    }

    #[test]
    fn fields_survive(
        sender_key in any::<String>(),
        claimed in prop::collection::btree_map(any::<String>(), any::<String>(), 0..4),
        chain in prop::collection::vec(any::<String>(), 0..4),
    ) {
        let key = MegolmSessionExport::from_base64(SESSION_KEY).unwrap();
        let data = BackedUpSessionData::new(key, sender_key, claimed, chain);
        prop_assert_eq!(BackedUpSessionData::parse(data.to_json().as_bytes()).unwrap(), data);
    }
}
