//! One entry of a backup.

use matrix_key_backup_wire::{
    ENTRY_MAX_BYTES, JsonErrorKind, KeyBackupData, KeyBackupDataError, MAX_DEPTH, PropertyError,
    ReceivedSessionData,
};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::{json_text, vectors};

fn entry(session_data: &str) -> String {
    format!(
        r#"{{"first_message_index":3,"forwarded_count":0,"is_verified":true,"session_data":{session_data}}}"#
    )
}

#[track_caller]
fn session_data(text: &str) -> String {
    KeyBackupData::from_json(text).expect(text).session_data.get().to_owned()
}

// What deployed clients upload.
#[test]
fn uploaded_bodies() {
    let file = vectors("room_keys_body.json");
    let mut entries = 0;
    each_entry(&file, &mut |value| {
        let text = value.to_string();
        let data: KeyBackupData = serde_json::from_str(&text).unwrap();
        assert_eq!(serde_json::to_value(&data).unwrap(), *value);
        assert!(ReceivedSessionData::parse(data.session_data.get()).is_ok());
        entries += 1;
    });
    assert!(entries >= 200, "{entries}");
}

fn each_entry(value: &Value, visit: &mut impl FnMut(&Value)) {
    match value {
        Value::Object(members) if members.contains_key("first_message_index") => visit(value),
        Value::Object(members) => members.values().for_each(|value| each_entry(value, visit)),
        Value::Array(elements) => elements.iter().for_each(|value| each_entry(value, visit)),
        _ => {}
    }
}

#[test]
fn session_data_is_kept_as_received() {
    for raw in [
        r#"{ "unsigned" : {"backup_mac":"x"}, "\u0061": 1.50, "b":"\ud800" }"#,
        "[]",
        "null",
        "1e400",
        r#""\ud800""#,
        "{}",
    ] {
        assert_eq!(session_data(&entry(raw)), raw);
        let data: KeyBackupData = serde_json::from_str(&entry(raw)).unwrap();
        assert_eq!(serde_json::to_string(&data).unwrap(), entry(raw));
    }
}

#[test]
fn metadata() {
    let data = KeyBackupData::from_json(&entry("{}")).unwrap();
    assert_eq!((data.first_message_index, data.forwarded_count, data.is_verified), (3, 0, true));
    let largest = entry("{}").replacen('3', &u64::MAX.to_string(), 1);
    assert_eq!(KeyBackupData::from_json(&largest).unwrap().first_message_index, u64::MAX);
    // Servers drop what they do not know, and so do we.
    let more = entry("{}").replacen('{', r#"{"x":{"y":1.0},"#, 1);
    let data = KeyBackupData::from_json(&more).unwrap();
    assert_eq!(serde_json::to_string(&data).unwrap(), entry("{}"));
}

#[test]
fn what_is_wrong_is_named() {
    let valid: Value = serde_json::from_str(&entry("{}")).unwrap();
    for field in ["first_message_index", "forwarded_count", "is_verified", "session_data"] {
        let mut without = valid.clone();
        without.as_object_mut().unwrap().remove(field);
        match KeyBackupData::from_json(&without.to_string()) {
            Err(KeyBackupDataError::Property(PropertyError::Missing { property, .. })) => {
                assert_eq!(property, field);
            }
            other => panic!("{field}: {other:?}"),
        }
        let error = serde_json::from_value::<KeyBackupData>(without).unwrap_err().to_string();
        assert!(error.contains(&format!("`{field}` is missing")), "{error}");
    }
    let wrong = [json!(null), json!("1"), json!(-1), json!(1.0), json!([]), json!({})];
    for field in ["first_message_index", "forwarded_count", "is_verified"] {
        for value in wrong.iter().chain([&json!(1e20)]) {
            let mut entry = valid.clone();
            entry[field] = value.clone();
            match KeyBackupData::from_json(&entry.to_string()) {
                Err(KeyBackupDataError::Property(PropertyError::WrongType {
                    property, ..
                })) => {
                    assert_eq!(property, field);
                }
                other => panic!("{field}: {other:?}"),
            }
        }
    }
    for text in ["-0", "1e0", "3.0", "18446744073709551616"] {
        assert!(KeyBackupData::from_json(&entry("{}").replacen('3', text, 1)).is_err(), "{text}");
    }
    assert!(matches!(
        KeyBackupData::from_json("[]"),
        Err(KeyBackupDataError::Property(PropertyError::NotAnObject { .. }))
    ));
}

// V2-13
#[test]
fn duplicates() {
    for text in [
        entry("{}").replacen('{', r#"{"is_verified":true,"#, 1),
        entry("{}").replacen('{', r#"{"s\u0065ssion_data":{},"#, 1),
        entry("{}").replacen('{', r#"{"x":1,"x":1,"#, 1),
        entry(r#"{"unsigned":{"a":1,"a":1}}"#),
    ] {
        match KeyBackupData::from_json(&text) {
            Err(KeyBackupDataError::Json(error)) => {
                assert_eq!(error.kind(), JsonErrorKind::DuplicateProperty);
            }
            other => panic!("{text}: {other:?}"),
        }
    }
}

// V2-13: the limits are those of `session_data`, with or without the metadata around it.
#[test]
fn limits() {
    let nested = |depth| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert_eq!(session_data(&entry(&nested(MAX_DEPTH))), nested(MAX_DEPTH));
    assert!(KeyBackupData::from_json(&entry(&nested(MAX_DEPTH + 1))).is_err());

    let long = |length| format!("\"{}\"", "x".repeat(length - 2));
    assert_eq!(session_data(&entry(&long(ENTRY_MAX_BYTES))).len(), ENTRY_MAX_BYTES);
    match KeyBackupData::from_json(&entry(&long(ENTRY_MAX_BYTES + 1))) {
        Err(KeyBackupDataError::TooLarge { found, .. }) => assert_eq!(found, ENTRY_MAX_BYTES + 1),
        other => panic!("{other:?}"),
    }
    assert!(KeyBackupData::from_json(&entry(&long(2 * ENTRY_MAX_BYTES))).is_err());
}

proptest! {
    #[test]
    fn any_session_data(text in json_text()) {
        if let Ok(data) = KeyBackupData::from_json(&entry(&text)) {
            prop_assert_eq!(data.session_data.get(), text.trim());
        }
    }
}
