//! Properties: round trips, and no panic on anything.

use matrix_key_backup_secret_storage::{
    AccountData, AccountDataEvent, DescribedKey, Iterations, KeyCheck, KeyDescription, NewKey,
    SecretContent,
};
use proptest::{collection::vec, option, prelude::*, sample::Index};
use serde_json::{Value, json};

use crate::support::{
    ALGORITHM, KEY, KEY_ID, description, encrypt, key, key_id, opened, passphrase, rng,
};

/// JSON of the kinds of values and with the names that matter.
fn any_json() -> impl Strategy<Value = Value> {
    let name = prop_oneof![
        Just("algorithm"),
        Just("iv"),
        Just("mac"),
        Just("ciphertext"),
        Just("encrypted"),
        Just("key"),
        Just("name"),
        Just("passphrase"),
        Just("salt"),
        Just("iterations"),
        Just("bits"),
        Just(KEY_ID),
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        "[A-Za-z0-9+/]{0,50}={0,2}".prop_map(Value::from),
        Just(json!(ALGORITHM)),
        Just(json!("m.pbkdf2")),
        Just(json!(1)),
        Just(json!(256)),
        Just(encrypt(&KEY, "", &[0; 32])),
    ];
    leaf.prop_recursive(4, 40, 8, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            vec((name.clone(), inner), 0..8)
                .prop_map(|members| members.into_iter().map(|(n, v)| (n.to_owned(), v)).collect()),
        ]
    })
}

/// A sound description, in which properties were replaced.
fn any_description() -> impl Strategy<Value = Value> {
    let change = ("algorithm|iv|mac|name|passphrase|org.example", option::of(any_json()));
    vec(change, 0..3).prop_map(|changes| {
        let mut description = description(&KEY);
        for (property, value) in changes {
            match value {
                Some(value) => description[property] = value,
                None => drop(description.as_object_mut().unwrap().remove(&property)),
            }
        }
        description
    })
}

/// Everything that can be done with a text.
fn use_text(text: &str) {
    if let Ok(content) = SecretContent::parse(text) {
        assert_eq!(SecretContent::parse(&content.to_json()), Ok(content.clone()));
        let _ = opened(true).decrypt("x", &content);
    }
    if let Ok(description) = KeyDescription::parse(text) {
        assert_eq!(description.as_json(), text);
        let _ = description.check(&key(&KEY));
        let described = DescribedKey::new(key_id(KEY_ID), description);
        // Up to the bound it would only take long.
        if described.description().passphrase().is_ok_and(|info| info.iterations().get() < 100) {
            let _ = described.open_with_passphrase(&passphrase("x"));
        }
    }
    let mut account_data = AccountData::new();
    for event_type in ["m.secret_storage.default_key", "m.secret_storage.key.abc", "x"] {
        account_data.insert(event_type, text);
    }
    let _ = account_data.default_key();
    let _ = account_data.key(&key_id("abc"));
    let _ = account_data.secret("x");
    let _ = serde_json::from_str::<AccountData>(text);
    let _ = serde_json::from_str::<AccountDataEvent>(text);
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in any::<String>()) {
        use_text(&text);
    }

    #[test]
    fn no_json_makes_it_panic(json in any_json()) {
        use_text(&json.to_string());
        use_text(&json!({"encrypted": {KEY_ID: json}}).to_string());
    }

    #[test]
    fn no_description_makes_it_panic(description in any_description()) {
        use_text(&description.to_string());
    }

    /// A description is cut and changed at random; what still checks is what was said.
    #[test]
    fn no_damage_makes_it_panic(
        changes in vec((any::<Index>(), any::<char>()), 0..4),
        cut in option::of(any::<Index>()),
    ) {
        let mut text: Vec<char> = description(&KEY).to_string().chars().collect();
        for (index, character) in changes {
            let position = index.index(text.len());
            text[position] = character;
        }
        if let Some(cut) = cut {
            text.truncate(cut.index(text.len()));
        }
        use_text(&text.into_iter().collect::<String>());
    }

    #[test]
    fn what_is_stored_is_read(
        name in ".+",
        secret in vec(any::<u8>(), 0..200),
        other in any_json(),
    ) {
        let text = json!({"encrypted": {"other": other}}).to_string();
        let mut content = SecretContent::parse(&text).unwrap();
        let stored = opened(true).store(&name, &secret, &mut content, &mut rng());
        prop_assert!(stored.is_ok());
        let content = SecretContent::parse(&content.to_json()).unwrap();
        let read = opened(true).decrypt(&name, &content).unwrap();
        prop_assert_eq!(read.expose_bytes(), &secret);
        prop_assert_eq!(read.expose_text().is_ok(), std::str::from_utf8(&secret).is_ok());
        // Text for text: a number read as a float and written again could be another.
        let other = format!(r#""other":{other}}}"#);
        prop_assert!(content.to_json().contains(&other));
    }

    #[test]
    fn what_is_described_is_opened(
        typed in any::<String>(),
        name in option::of(any::<String>()),
        iterations in 1_u32..20,
    ) {
        let iterations = Iterations::new(iterations).unwrap();
        let right = passphrase(&typed);
        let new_key = NewKey::from_passphrase(&right, iterations, name.as_deref(), &mut rng());
        let account_data: AccountData =
            [new_key.event(), new_key.default_key_event()].into_iter().collect();
        let account_data: AccountData =
            serde_json::from_str(&serde_json::to_string(&account_data).unwrap()).unwrap();
        let described = account_data.default_key().unwrap();
        prop_assert_eq!(described.description().name(), name.as_deref());
        prop_assert_eq!(described.description().passphrase().unwrap().iterations(), iterations);
        let opened = described.open_with_passphrase(&right).unwrap();
        prop_assert_eq!(opened.check(), KeyCheck::Fits);
        prop_assert_eq!(opened.expose_key(), new_key.opened().expose_key());
        // Not a NUL: HMAC pads its key with those, so one at the end makes no difference.
        let wrong = passphrase(&format!("{typed}x"));
        prop_assert!(described.open_with_passphrase(&wrong).is_err());
    }
}
