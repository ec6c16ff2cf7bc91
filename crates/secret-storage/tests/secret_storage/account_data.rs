//! From account data to keys and secrets (S-3): what is missing is named.

use matrix_key_backup_secret_storage::{
    AccountData, AccountDataError, AccountDataEvent, SecretContent,
};
use serde_json::{Value, json};

use crate::support::{ALGORITHM, KEY, content, description, encrypt, key, key_id};

fn account_data(contents: &Value) -> AccountData {
    serde_json::from_value(contents.clone()).unwrap()
}

fn complete() -> Value {
    json!({
        "m.secret_storage.default_key": {"key": "two"},
        "m.secret_storage.key.one": {"algorithm": ALGORITHM},
        "m.secret_storage.key.two": description(&KEY),
        "m.example": {"encrypted": {"two": encrypt(&KEY, "m.example", b"secret")}},
        "m.direct": {"@a:b.c": ["!d:e.f"]},
    })
}

#[test]
fn the_default_key_and_any_other_are_found() {
    let account_data = account_data(&complete());
    assert_eq!(account_data.key_ids(), [key_id("one"), key_id("two")]);
    let default = account_data.default_key().unwrap();
    assert_eq!(default.id(), &key_id("two"));
    assert_eq!(account_data.key(&key_id("one")).unwrap().id(), &key_id("one"));
    let secret = account_data.secret("m.example").unwrap();
    let secret = default.open(key(&KEY)).unwrap().decrypt("m.example", &secret).unwrap();
    assert_eq!((secret.name(), secret.expose_bytes()), ("m.example", &b"secret"[..]));
}

#[test]
fn what_is_missing_is_named() {
    let without = |event_type: &str| {
        let mut contents = complete();
        contents.as_object_mut().unwrap().remove(event_type);
        // MSC3391: an empty content is what is left of deleted account data.
        let mut deleted = complete();
        deleted[event_type] = json!({});
        [account_data(&contents), account_data(&deleted)]
    };
    for account_data in without("m.secret_storage.default_key") {
        let error = account_data.default_key().unwrap_err().to_string();
        let keys = r#"there is no default secret storage key; keys that exist: "one", "two""#;
        assert_eq!(error, keys);
    }
    for account_data in without("m.secret_storage.key.two") {
        let error = account_data.default_key().unwrap_err().to_string();
        assert_eq!(error, r#"there is no secret storage key "two"; keys that exist: "one""#);
        assert_eq!(account_data.key_ids(), [key_id("one")]);
    }
    for account_data in without("m.example") {
        let error = account_data.secret("m.example").unwrap_err().to_string();
        assert_eq!(error, r#"there is no secret "m.example" in the account data"#);
    }
}

#[test]
fn what_is_damaged_is_named() {
    let with = |event_type: &str, content: &str| {
        let mut account_data = account_data(&complete());
        account_data.insert(event_type, content);
        account_data
    };
    for (content, expected) in [
        ("", "unexpected end of JSON at byte 0"),
        ("[]", "an object was expected, and this is an array"),
        (r#"{"id": "two"}"#, "`key` is missing"),
        (r#"{"key": 2}"#, "`key` must be a string, and a number was found"),
        (r#"{"key": ""}"#, "`key` must not be empty"),
        (r#"{"key": "two", "key": "one"}"#, "duplicate property in JSON object at byte 15"),
    ] {
        let error = with("m.secret_storage.default_key", content).default_key_id().unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("`m.secret_storage.default_key` is damaged: {expected}")
        );
    }
    let error = with("m.secret_storage.key.two", r#"{"a": 1}"#).default_key().unwrap_err();
    assert!(matches!(error, AccountDataError::KeyDescription { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        r#"the description of the secret storage key "two" cannot be used: it is damaged: `algorithm` is missing"#
    );
    for (content, expected) in [
        ("nonsense", "unexpected character in JSON at byte 1"),
        (r#"{"encrypte": 1}"#, "`encrypted` is missing"),
        (r#"{"encrypted": []}"#, "`encrypted` must be an object, and an array was found"),
        (r#"{"encrypted": {"two": 1, "two": 1}}"#, "duplicate property in JSON object at byte 25"),
    ] {
        let error = with("m.example", content).secret("m.example").unwrap_err();
        let expected =
            format!("the account data of the secret \"m.example\" is damaged: {expected}");
        assert_eq!(error.to_string(), expected);
    }
}

/// Not more ids than a person reads.
#[test]
fn long_lists_are_cut() {
    let mut account_data = AccountData::new();
    for number in 0..1000 {
        account_data.insert(format!("m.secret_storage.key.{number:03}"), r#"{"a": 1}"#);
    }
    account_data.insert("m.secret_storage.key.", r#"{"a": 1}"#);
    assert_eq!(account_data.key_ids().len(), 1000);
    let error = account_data.default_key().unwrap_err().to_string();
    assert!(error.ends_with(r#""008", "009" and 990 more"#), "{error}");
}

#[test]
fn events_travel_through_serde() {
    let text = r#"{"type":"m.secret_storage.key.one","content":{"algorithm":"x","z":[1.0, 2]}}"#;
    let event: AccountDataEvent = serde_json::from_str(text).unwrap();
    assert_eq!(event.event_type(), "m.secret_storage.key.one");
    assert_eq!(event.content(), r#"{"algorithm":"x","z":[1.0, 2]}"#);
    assert_eq!(serde_json::to_string(&event).unwrap(), text);
    let account_data: AccountData = [event].into_iter().collect();
    assert_eq!(account_data.key_ids(), [key_id("one")]);
    let default = AccountDataEvent::default_key(&key_id("a\"b"));
    assert_eq!(default.content(), r#"{"key":"a\"b"}"#);
}

/// S-3: what is stored under other keys is kept text for text, and so is what nobody knows.
#[test]
fn other_entries_survive() {
    let text =
        r#"{"encrypted":{"other":{"iv": 5.0, "x":"\u0041"},"three":null},"org.example":[1, 2]}"#;
    let mut secret = SecretContent::parse(text).unwrap();
    assert_eq!(secret.to_json(), text);
    assert_eq!(secret.key_ids().collect::<Vec<_>>(), ["other", "three"]);
    let opened = crate::support::opened(true);
    opened.store("m.example", b"secret", &mut secret, &mut crate::support::rng()).unwrap();
    let written: Value = serde_json::from_str(&secret.to_json()).unwrap();
    let mut before: Value = serde_json::from_str(text).unwrap();
    before["encrypted"]["abc"] = written["encrypted"]["abc"].clone();
    assert_eq!(written, before);
    assert!(secret.to_json().contains(r#"{"iv": 5.0, "x":"\u0041"}"#));
    let again: SecretContent = serde_json::from_str(&secret.to_json()).unwrap();
    assert_eq!(again, secret);
    // And the entry of the key itself is replaced.
    let old = content("abc", &json!({"old": true}));
    let mut new = old;
    opened.store("m.example", b"secret", &mut new, &mut crate::support::rng()).unwrap();
    assert!(!new.to_json().contains("old"));
    assert_eq!(new.key_ids().collect::<Vec<_>>(), ["abc"]);
}

/// A name that is no Unicode text could not be written back.
#[test]
fn lone_surrogates_in_names_are_refused() {
    SecretContent::parse(r#"{"encrypted":{"\ud800":{}}}"#).unwrap_err();
    SecretContent::parse(r#"{"encrypted":{},"\ud800":{}}"#).unwrap_err();
    assert_eq!(
        SecretContent::parse(r#"{"encrypted":{"\ud83d\ude00":{}}}"#).unwrap().key_ids().count(),
        1
    );
}
