//! The contents of the events (G-1).

use matrix_key_backup_secret_storage::sharing::{
    ContentError, IDENTIFIER_MAX_BYTES, RequestAction, SecretRequestContent, SecretSendContent,
    SharedSecret,
};
use matrix_key_backup_wire::Names;
use serde_json::{Value, json};

use crate::support::{cancellation, id, request, request_id};

fn request_error(content: &Value) -> ContentError {
    SecretRequestContent::parse(&content.to_string()).unwrap_err()
}

fn send_error(json: &str) -> String {
    SecretSendContent::parse(json).unwrap_err().to_string()
}

// G-1: the example of the specification.
#[test]
fn requests_are_read_and_written_as_the_specification_has_them() {
    let json = json!({
        "name": "org.example.some.secret",
        "action": "request",
        "requesting_device_id": "ABCDEFG",
        "request_id": "randomly_generated_id_9573",
    });
    let content = SecretRequestContent::parse(&json.to_string()).unwrap();
    assert_eq!(content.requesting_device_id, id("ABCDEFG"));
    assert_eq!(content.request_id, request_id("randomly_generated_id_9573"));
    assert_eq!(content.action, RequestAction::Request { name: "org.example.some.secret".into() });
    assert_eq!(serde_json::from_str::<Value>(&content.to_json()).unwrap(), json);
}

#[test]
fn cancellations_have_no_name() {
    let written: Value =
        serde_json::from_str(&cancellation("PHONE", "quote\"d").to_json()).unwrap();
    let expected = json!({
        "action": "request_cancellation",
        "requesting_device_id": "PHONE",
        "request_id": "quote\"d",
    });
    assert_eq!(written, expected);
    let with_name = json!({
        "action": "request_cancellation", "name": 1, "requesting_device_id": "P", "request_id": "1",
    });
    let content = SecretRequestContent::parse(&with_name.to_string()).unwrap();
    assert_eq!(content, cancellation("P", "1"));
}

// Deployed clients add properties of their own, such as `org.matrix.msgid`.
#[test]
fn unknown_properties_are_ignored() {
    let mut json: Value =
        serde_json::from_str(&request("P", "1", "m.megolm_backup.v1").to_json()).unwrap();
    json["org.matrix.msgid"] = json!("3f");
    let content = SecretRequestContent::parse(&json.to_string()).unwrap();
    assert_eq!(content, request("P", "1", "m.megolm_backup.v1"));
    let content =
        SecretSendContent::parse(r#"{"request_id":"1","secret":"","org.matrix.msgid":"3f"}"#);
    assert_eq!(content.unwrap().request_id(), &request_id("1"));
}

// G-1: an action that nobody here knows is neither a request nor a cancellation.
#[test]
fn unknown_actions_are_errors() {
    for action in ["Request", "request ", "request_cancel", "share\n"] {
        let mut json: Value = serde_json::from_str(&cancellation("P", "1").to_json()).unwrap();
        json["action"] = json!(action);
        let expected = format!("unknown action {action:?} of a secret request");
        assert_eq!(request_error(&json).to_string(), expected);
    }
}

#[test]
fn each_property_of_a_request_is_needed_and_a_string() {
    let whole: Value = serde_json::from_str(&request("P", "1", "x").to_json()).unwrap();
    for property in ["action", "name", "requesting_device_id", "request_id"] {
        let mut missing = whole.clone();
        missing.as_object_mut().unwrap().remove(property);
        assert_eq!(request_error(&missing).to_string(), format!("`{property}` is missing"));
        for wrong in [json!(null), json!(7), json!(["1"]), json!({}), json!(true)] {
            let mut content = whole.clone();
            content[property] = wrong;
            let error = request_error(&content).to_string();
            assert!(error.starts_with(&format!("`{property}` must be a string")), "{error}");
        }
        let mut content = whole.clone();
        content[property] = json!("");
        assert_eq!(
            request_error(&content).to_string(),
            format!("`{property}`: it must not be empty")
        );
        content[property] = json!("x".repeat(IDENTIFIER_MAX_BYTES + 1));
        let error = request_error(&content).to_string();
        assert!(error.starts_with(&format!("`{property}`: it has 256 bytes")), "{error}");
    }
}

#[test]
fn the_longest_identifiers_are_taken() {
    let longest = "x".repeat(IDENTIFIER_MAX_BYTES);
    let content = request(&longest, &longest, &longest);
    assert_eq!(SecretRequestContent::parse(&content.to_json()).unwrap(), content);
}

#[test]
fn what_is_no_object_or_ambiguous_is_an_error() {
    for json in ["", "[]", "null", "\"x\"", "{", r#"{"request_id":"1"} "#] {
        assert!(SecretRequestContent::parse(json).is_err(), "{json}");
        assert!(SecretSendContent::parse(json).is_err(), "{json}");
    }
    let twice = r#"{"request_id":"1","secret":"a","request_\u0069d":"2"}"#;
    assert_eq!(send_error(twice), "duplicate property in JSON object at byte 31");
    let surrogate = r#"{"request_id":"\ud800","secret":"a"}"#;
    assert!(send_error(surrogate).contains("lone surrogate"));
}

// K-5: neither an error nor `Debug` shows the secret.
#[test]
fn nothing_shows_the_secret_of_a_send() {
    let errors = [
        send_error(r#"{"secret":"TOPSECRET"}"#),
        send_error(r#"{"request_id":7,"secret":"TOPSECRET"}"#),
        send_error(r#"{"request_id":"1","secret":["TOPSECRET"]}"#),
        send_error(r#"{"request_id":"1","secret":"TOPSECRET"#),
    ];
    assert_eq!(errors[0], "`request_id` is missing");
    assert_eq!(errors[2], "`secret` must be a string, and an array was found");
    assert!(errors.iter().all(|error| !error.contains("TOPSECRET")), "{errors:?}");
    let content = SecretSendContent::parse(r#"{"request_id":"1","secret":"TOPSECRET"}"#).unwrap();
    assert_eq!(
        format!("{content:?}"),
        r#"SecretSendContent { request_id: "1", secret: [redacted] }"#
    );
}

// G-4, N: each name means one secret, both ways.
#[test]
fn names_and_secrets_are_one_to_one() {
    let names = ["m.megolm_backup.v1", "m.megolm_backup.v1.mac", "org.matrix.msc4048.mac"];
    assert_eq!(SharedSecret::ALL.iter().map(|secret| secret.as_str()).collect::<Vec<_>>(), names);
    assert_eq!(
        names.map(|name| SharedSecret::from_name(name).unwrap()),
        [
            SharedSecret::DecryptionKey,
            SharedSecret::MacKey(Names::Stable),
            SharedSecret::MacKey(Names::Unstable),
        ]
    );
    for other in ["", "m.cross_signing.master", "m.megolm_backup.v1.MAC", "m.megolm_backup.v1 "] {
        assert_eq!(SharedSecret::from_name(other), None);
    }
}
