//! Our JSON reader against serde_json's, and canonical JSON against itself (V2-13).
#![no_main]

use libfuzzer_sys::fuzz_target;
use matrix_key_backup_wire::{Json, JsonErrorKind, canonical_json};
use serde_json::Value;
use serde_json::value::RawValue;

fuzz_target!(|text: &str| {
    // A raw value takes lone surrogates and numbers of any size, as ours does.
    let theirs = serde_json::from_str::<&RawValue>(text);
    match Json::parse(text) {
        Ok(json) => {
            assert!(theirs.is_ok(), "ours accepts what is no JSON: {theirs:?}");
            canonical(text, &json);
        }
        Err(error) => {
            let stricter_on_purpose = matches!(
                error.kind(),
                JsonErrorKind::DuplicateProperty | JsonErrorKind::TooDeep | JsonErrorKind::TooLarge
            );
            assert!(theirs.is_err() || stricter_on_purpose, "ours refuses JSON: {error}");
        }
    }
});

fn canonical(text: &str, json: &Json<'_>) {
    let Ok(canonical) = canonical_json(json) else { return };
    let again = Json::parse(&canonical).expect("canonical JSON is JSON");
    assert_eq!(canonical_json(&again).as_deref(), Ok(&*canonical), "not canonical yet");
    // serde_json builds no tree of 128 levels.
    if let (Ok(one), Ok(other)) =
        (serde_json::from_str::<Value>(text), serde_json::from_str::<Value>(&canonical))
    {
        assert_eq!(one, other, "canonical JSON says something else");
    }
}
