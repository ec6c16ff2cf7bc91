//! Nothing that is secret is printed (K-5).

use std::fmt::Debug;

use matrix_key_backup_primitives::BackupDecryptionKey;
use matrix_key_backup_wire::{
    BackedUpSessionData, Json, MegolmSessionExport, Names, SessionDataV2, UserId, WriterKey,
};

use crate::support::{SENDER_KEY, SESSION_KEY, parse_plaintext, plaintext_with};

#[track_caller]
fn shows_nothing(value: &impl Debug) {
    let printed = format!("{value:?} {value:#?}");
    for secret in [SESSION_KEY, SENDER_KEY, "hidden", "ed25519", "AQAAAH", "5oQIFF", "4711"] {
        assert!(!printed.contains(secret), "{printed}");
    }
}

#[test]
fn debug_of_the_plaintext() {
    let data = parse_plaintext(r#""hidden":"hidden","x":4711,"unauthenticated":"hidden""#);
    shows_nothing(&data);
    shows_nothing(&data.other_properties());
    shows_nothing(&data.session_key());
    shows_nothing(&data.sender_claimed_keys());
    shows_nothing(&data.sender_claimed_keys().iter());
    shows_nothing(&SessionDataV2::from(data));
    shows_nothing(&MegolmSessionExport::from_base64(SESSION_KEY));
}

#[test]
fn debug_of_the_tree() {
    let text = plaintext_with(r#""hidden":["hidden",4711,"h\u0069dden","\ud800hidden"]"#);
    let json = Json::parse(&text).unwrap();
    shows_nothing(&json);
    let object = json.as_object().unwrap();
    shows_nothing(object);
    for (name, value) in object.iter() {
        shows_nothing(name);
        shows_nothing(value);
        for element in value.as_array().unwrap_or_default() {
            shows_nothing(element);
        }
    }
}

#[test]
fn errors_of_the_plaintext() {
    for text in [
        plaintext_with(r#""hidden":"hidden","hidden":4711"#),
        plaintext_with(r#""hidden":hidden"#),
        plaintext_with("").replacen("AQAAAH", "AgAAAH", 1),
        plaintext_with("").replacen("AQAAAH", "AQAAA", 1),
        plaintext_with("").replacen(SENDER_KEY, "\\ud800hidden", 1),
        plaintext_with("").replacen(r#"["a/","b"]"#, r#"["hidden",4711]"#, 1),
        plaintext_with("").replacen(r#"{"ed25519":"c"}"#, r#"{"hidden":4711}"#, 1),
        r#"{"hidden":"4711"}"#.to_owned(),
        r#"["hidden"]"#.to_owned(),
    ] {
        let error = BackedUpSessionData::parse(text.as_bytes()).expect_err(&text);
        shows_nothing(&error);
        shows_nothing(&error.to_string());
    }
}

#[test]
fn debug_of_a_writer_key() {
    let key = BackupDecryptionKey::from_slice(&[7; 32]).unwrap();
    let user = UserId::new("@u:e").unwrap();
    let writer_key = WriterKey::new(user, Names::Stable, key.public_key(), key.mac_key());
    let printed = format!("{writer_key:?} {writer_key:#?}");
    assert!(!printed.contains(key.mac_key().expose_base64().as_str()));
    assert!(printed.contains("@u:e"));
}
