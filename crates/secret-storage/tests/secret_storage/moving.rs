//! Secrets go from one key to another, and nothing is lost on the way.

use matrix_key_backup_primitives::BackupDecryptionKey;
use matrix_key_backup_secret_storage::{
    AccountData, DecryptError, EncryptError, KeyCheck, MoveError, NewKey, NotMovedReason,
    SecretContent,
};
use matrix_key_backup_wire::{DECRYPTION_KEY_SECRET, Names};
use serde_json::{Value, json};

use crate::support::rng;

const OTHER: &str = "org.example.other";

fn content(data: &AccountData, name: &str) -> Value {
    serde_json::from_str(&data.secret(name).unwrap().to_json()).unwrap()
}

/// Two secrets under `old`, one of them under a third key too, one under that key alone, and account
/// data that is no secret.
fn filled(old: &NewKey, third: &NewKey, key: &BackupDecryptionKey) -> AccountData {
    let (mut first, mut second, mut foreign) =
        (SecretContent::new(), SecretContent::new(), SecretContent::new());
    old.opened().store_decryption_key(key, &mut first, &mut rng()).unwrap();
    old.opened().store(OTHER, b"other", &mut second, &mut rng()).unwrap();
    third.opened().store(OTHER, b"other", &mut second, &mut rng()).unwrap();
    third.opened().store("org.example.foreign", b"foreign", &mut foreign, &mut rng()).unwrap();
    let events = [
        old.event(),
        old.default_key_event(),
        first.to_event(DECRYPTION_KEY_SECRET),
        second.to_event(OTHER),
        foreign.to_event("org.example.foreign"),
    ];
    let mut data: AccountData = events.into_iter().collect();
    data.insert("m.direct", "{}");
    data.insert("org.example.list", r#"{"encrypted": []}"#);
    data.insert("org.example.broken", "{");
    data
}

#[test]
fn every_secret_of_the_old_key_goes_over() {
    let [old, new, third] = [(); 3].map(|()| NewKey::generate(None, &mut rng()));
    let key = BackupDecryptionKey::generate(&mut rng());
    let mut data = filled(&old, &third, &key);
    let before = data.clone();
    let moved = data.move_secrets(old.opened(), new.opened(), &mut rng()).unwrap();
    assert_eq!(moved.left_behind, []);
    let names: Vec<_> = moved.events.iter().map(|event| event.event_type()).collect();
    assert_eq!(names, [DECRYPTION_KEY_SECRET, OTHER]);
    data.extend(moved.events);
    // What was there is there, text for text.
    for name in names_of(&before) {
        let (mut now, then) = (content(&data, name), content(&before, name));
        now["encrypted"].as_object_mut().unwrap().remove(new.opened().id().as_str());
        assert_eq!(now, then, "{name}");
    }
    let secret = data.secret(DECRYPTION_KEY_SECRET).unwrap();
    let found = new.opened().decrypt(DECRYPTION_KEY_SECRET, &secret).unwrap();
    assert_eq!(found.into_decryption_key().unwrap().public_key(), key.public_key());
    // And without the old key.
    let mut secret = data.secret(OTHER).unwrap();
    assert!(secret.forget(old.opened().id()) && !secret.forget(old.opened().id()));
    for key in [&new, &third] {
        assert_eq!(key.opened().decrypt(OTHER, &secret).unwrap().expose_bytes(), b"other");
    }
    let gone = old.opened().decrypt(OTHER, &secret).unwrap_err();
    assert!(matches!(gone, DecryptError::NotStored { .. }));
}

fn names_of(data: &AccountData) -> Vec<&'static str> {
    let names = [DECRYPTION_KEY_SECRET, OTHER, "org.example.foreign"];
    assert!(names.iter().all(|name| data.secret(name).is_ok()));
    names.into()
}

/// S-5: and what is damaged is told, and costs the others nothing.
#[test]
fn what_cannot_go_over_is_named() {
    let [old, new, third] = [(); 3].map(|()| NewKey::generate(None, &mut rng()));
    let mut data = filled(&old, &third, &BackupDecryptionKey::generate(&mut rng()));
    let mut damaged = content(&data, OTHER);
    damaged["encrypted"][old.opened().id().as_str()]["mac"] = json!("A".repeat(43));
    data.insert(OTHER, &damaged.to_string());
    let mac_key = Names::Stable.mac_secret();
    // Under another name it can be stored; whatever is under this one is not moved.
    let mut secret = SecretContent::new();
    old.opened().store("x", b"x", &mut secret, &mut rng()).unwrap();
    data.insert(mac_key, &secret.to_json());
    let moved = data.move_secrets(old.opened(), new.opened(), &mut rng()).unwrap();
    let names: Vec<_> = moved.events.iter().map(|event| event.event_type()).collect();
    assert_eq!(names, [DECRYPTION_KEY_SECRET]);
    let left: Vec<_> = moved.left_behind.iter().map(|left| left.name.as_str()).collect();
    assert_eq!(left, [mac_key, OTHER]);
    assert!(matches!(
        moved.left_behind[1].why,
        NotMovedReason::Decrypt(DecryptError::WrongMac { .. })
    ));
}

/// S-2
#[test]
fn a_key_that_was_not_checked_takes_no_secret() {
    let [old, new, third] = [(); 3].map(|()| NewKey::generate(None, &mut rng()));
    let mut data = filled(&old, &third, &BackupDecryptionKey::generate(&mut rng()));
    let same = data.move_secrets(old.opened(), old.opened(), &mut rng()).unwrap_err();
    assert_eq!(same, MoveError::SameId);
    let event = new.event();
    data.insert(event.event_type(), r#"{"algorithm":"m.secret_storage.v1.aes-hmac-sha2"}"#);
    let described = data.key(new.opened().id()).unwrap();
    let unchecked = described.open(new.opened().expose_key().clone()).unwrap();
    assert_eq!(unchecked.check(), KeyCheck::NotChecked);
    let refused = data.move_secrets(old.opened(), &unchecked, &mut rng()).unwrap_err();
    assert!(matches!(refused, MoveError::NewKey(EncryptError::KeyNotChecked { .. })));
}
