//! Our parser against serde_json, on generated and on damaged JSON.
//!
//! They must agree, except that ours refuses duplicates and deep or large texts, and keeps lone
//! surrogates and numbers that no `f64` can hold.

use matrix_key_backup_wire::{Json, JsonErrorKind};
use proptest::prelude::*;
use serde_json::{Value, value::RawValue};

use crate::support::{has_duplicate, json_text, many, to_value};

/// Compares the two on one text.
fn compare(text: &str) -> Result<(), TestCaseError> {
    let ours = Json::parse(text);
    let theirs = serde_json::from_str::<Value>(text);
    match (&ours, &theirs) {
        (Ok(ours), Ok(theirs)) => {
            let ours = to_value(ours);
            prop_assert_eq!(ours.as_ref(), Some(theirs));
            prop_assert!(!has_duplicate(text));
        }
        (Err(error), Ok(_)) => match error.kind() {
            JsonErrorKind::DuplicateProperty => prop_assert!(has_duplicate(text)),
            kind => prop_assert!(false, "only we refuse {text:?}: {kind}"),
        },
        (Ok(ours), Err(error)) => {
            prop_assert!(more_than_serde(ours), "only serde_json refuses {text:?}: {error}");
        }
        (Err(_), Err(_)) => {}
    }
    // Whatever we accept is JSON to serde_json's own check of syntax.
    if ours.is_ok() {
        prop_assert!(serde_json::from_str::<&RawValue>(text).is_ok());
    }
    Ok(())
}

/// Whether there is something in it that we keep and serde_json cannot represent.
fn more_than_serde(json: &Json<'_>) -> bool {
    match json {
        Json::Number(number) => number.parse::<f64>().is_ok_and(f64::is_infinite),
        Json::String(text) => text.as_str().is_none(),
        Json::Array(elements) => elements.iter().any(more_than_serde),
        Json::Object(object) => {
            object.iter().any(|(name, value)| name.as_str().is_none() || more_than_serde(value))
        }
        _ => false,
    }
}

/// What is put into a text to damage it: everything that means something in JSON.
fn fragment() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(vec![
            "\"",
            "\\",
            "{",
            "}",
            "[",
            "]",
            ":",
            ",",
            "-",
            "+",
            ".",
            "e",
            "E",
            "0",
            "1",
            "00",
            " ",
            "\n",
            "\u{b}",
            "\0",
            "\u{1f}",
            "\u{7f}",
            "\u{feff}",
            "\\u",
            "\\ud800",
            "\\udc00",
            "\\ud83d\\ude00",
            "\\n",
            "\\x",
            "null",
            "true",
            "fals",
            "NaN",
            "1e400",
            "1e-400",
            "-0",
            "\"a\":1,",
            ",\"a\":1",
            "{\"a\":1,\"\\u0061\":2}",
            "é",
            "😀",
            "'",
            "/",
            "//",
        ])
        .prop_map(str::to_owned),
        any::<char>().prop_map(String::from),
    ]
}

/// Replaces `length` characters from `place` on.
fn damage(text: &str, place: prop::sample::Index, length: usize, fragment: &str) -> String {
    let characters: Vec<char> = text.chars().collect();
    let start = place.index(characters.len() + 1);
    let end = characters.len().min(start + length);
    characters[..start].iter().collect::<String>()
        + fragment
        + &characters[end..].iter().collect::<String>()
}

proptest! {
    #![proptest_config(many())]

    #[test]
    fn generated(text in json_text()) {
        compare(&text)?;
    }

    #[test]
    fn damaged(
        text in json_text(),
        damages in prop::collection::vec((any::<prop::sample::Index>(), 0..3_usize, fragment()), 1..4),
    ) {
        let mut text = text;
        for (place, length, fragment) in damages {
            text = damage(&text, place, length, &fragment);
            compare(&text)?;
        }
    }

    #[test]
    fn tokens(fragments in prop::collection::vec(fragment(), 0..12)) {
        compare(&fragments.concat())?;
    }

    #[test]
    fn in_a_string(fragments in prop::collection::vec(fragment(), 0..12)) {
        compare(&format!("\"{}\"", fragments.concat()))?;
        compare(&format!("{{\"{}\":0}}", fragments.concat()))?;
    }

    #[test]
    fn numbers(text in "[-+0-9.eE]{1,12}") {
        compare(&text)?;
    }

    #[test]
    fn any_text(text in any::<String>()) {
        compare(&text)?;
    }

    // Cutting a text off anywhere is never a panic and, in an object, always an error.
    #[test]
    fn truncated(text in json_text()) {
        for end in (0..text.len()).filter(|&end| text.is_char_boundary(end)) {
            compare(&text[..end])?;
        }
    }
}
