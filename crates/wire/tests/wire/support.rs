//! Vectors, sample values, and JSON texts in all the ways in which one can be written.

use std::{collections::BTreeSet, fmt, fs, path::Path};

use matrix_key_backup_wire::{BackedUpSessionData, Json};
use proptest::{collection::vec, prelude::*, sample::select, test_runner::RngSeed};
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

/// A file of vectors made by others.
pub(crate) fn vectors(file: &str) -> Value {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/vectors");
    let text = fs::read_to_string(folder.join(file)).expect("vectors are in testdata");
    serde_json::from_str(&text).expect("vectors are JSON")
}

/// A session key that really existed.
pub(crate) const SESSION_KEY: &str = "AQAAAH+bPp0UJX2pbdl9ZaUMZ/c7ZPBwiE3djB4g6iY5WZ0yFPS2mxSxlCxG+\
    ExkjmzazElI8LqpBK80+kGMTEkxTTilEEldBPRicpeX9JVNYxDb4jZqk92kr7Du4uM2rKyMj3uTWc2HNHvZxvVWGJk5C2OwSt\
    5YDRQ9MK7FQ+gRb34Qy4D2JEmXawRmFBxJyqVL0RJrOfVKu99Vq5IQaASg+m5W";
pub(crate) const SESSION_ID: &str = "gPYkSZdrBGYUHEnKpUvREms59Uq731WrkhBoBKD6blY";
pub(crate) const SENDER_KEY: &str = "5oQIFFF0noHkB7ZzEBpSDIdCZSaROKIK4g7Y5JGTYFA";

/// A plaintext with `more` before its closing brace.
pub(crate) fn plaintext_with(more: &str) -> String {
    let comma = if more.is_empty() { "" } else { "," };
    format!(
        r#"{{"algorithm":"m.megolm.v1.aes-sha2","forwarding_curve25519_key_chain":["a/","b"],
           "sender_key":"{SENDER_KEY}","sender_claimed_keys":{{"ed25519":"c"}},
           "session_key":"{SESSION_KEY}"{comma}{more}}}"#
    )
}

pub(crate) fn parse_plaintext(more: &str) -> BackedUpSessionData {
    BackedUpSessionData::parse(plaintext_with(more).as_bytes()).expect("a valid plaintext")
}

/// The tree as serde_json would have it, with the last of duplicates.
pub(crate) fn to_value(json: &Json<'_>) -> Option<Value> {
    Some(match json {
        Json::Null => Value::Null,
        Json::Bool(value) => Value::Bool(*value),
        Json::Number(text) => serde_json::from_str(text).ok()?,
        Json::String(text) => Value::String(text.as_str()?.to_owned()),
        Json::Array(elements) => {
            Value::Array(elements.iter().map(to_value).collect::<Option<_>>()?)
        }
        Json::Object(object) => Value::Object(
            object
                .iter()
                .map(|(name, value)| Some((name.as_str()?.to_owned(), to_value(value)?)))
                .collect::<Option<_>>()?,
        ),
    })
}

/// Whether a text that serde_json accepts has a duplicate property, found through serde itself.
pub(crate) fn has_duplicate(text: &str) -> bool {
    struct Finder;

    impl<'de> DeserializeSeed<'de> for Finder {
        type Value = bool;

        fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
            deserializer.deserialize_any(self)
        }
    }

    impl<'de> Visitor<'de> for Finder {
        type Value = bool;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("any JSON")
        }

        fn visit_unit<E>(self) -> Result<bool, E> {
            Ok(false)
        }

        fn visit_bool<E>(self, _: bool) -> Result<bool, E> {
            Ok(false)
        }

        fn visit_i64<E>(self, _: i64) -> Result<bool, E> {
            Ok(false)
        }

        fn visit_u64<E>(self, _: u64) -> Result<bool, E> {
            Ok(false)
        }

        fn visit_f64<E>(self, _: f64) -> Result<bool, E> {
            Ok(false)
        }

        fn visit_str<E>(self, _: &str) -> Result<bool, E> {
            Ok(false)
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<bool, A::Error> {
            let mut found = false;
            while let Some(duplicate) = elements.next_element_seed(Self)? {
                found |= duplicate;
            }
            Ok(found)
        }

        fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<bool, A::Error> {
            let mut names = BTreeSet::new();
            let mut found = false;
            while let Some(name) = members.next_key::<String>()? {
                found |= !names.insert(name);
                found |= members.next_value_seed(Self)?;
            }
            Ok(found)
        }
    }

    let mut deserializer = serde_json::Deserializer::from_str(text);
    Finder.deserialize(&mut deserializer).expect("serde_json accepts the text")
}

/// JSON as a tree of which each part has been written down already, so that one value appears
/// with all sorts of whitespace, escapes, numbers and repeated names.
pub(crate) fn json_text() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        select(vec!["null", "true", "false"]).prop_map(str::to_owned),
        number_text(),
        string_text(),
    ];
    leaf.prop_recursive(6, 48, 6, |inner| {
        let member = (name_text(), space(), space(), inner.clone())
            .prop_map(|(name, before, after, value)| format!("{name}{before}:{after}{value}"));
        prop_oneof![
            (vec(inner, 0..6), space()).prop_map(|(elements, space)| {
                format!("[{space}{}{space}]", elements.join(&format!("{space},{space}")))
            }),
            (vec(member, 0..6), space()).prop_map(|(members, space)| {
                format!("{{{space}{}{space}}}", members.join(&format!(",{space}")))
            }),
        ]
    })
    .prop_flat_map(|json| {
        (space(), Just(json), space()).prop_map(|(before, json, after)| before + &json + &after)
    })
}

pub(crate) fn space() -> impl Strategy<Value = String> {
    select(vec!["", "", "", " ", "\n", "\t\r", "  \n"]).prop_map(str::to_owned)
}

/// Names are few, so that duplicates happen.
fn name_text() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => select(vec!["a", "b", "\u{e9}", "", "signatures", "\u{ffff}", "\u{10000}"])
            .prop_flat_map(|name| written(name.to_owned())),
        1 => string_text(),
    ]
}

pub(crate) fn number_text() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<i64>().prop_map(|number| number.to_string()),
        any::<u64>().prop_map(|number| number.to_string()),
        (-10_i64..10).prop_map(|number| number.to_string()),
        "-?(0|[1-9][0-9]{0,20})(\\.[0-9]{1,5})?([eE][+-]?[0-9]{1,3})?",
        select(vec!["-0", "0", "9007199254740991", "9007199254740992", "1e400", "-1E-400"])
            .prop_map(str::to_owned),
    ]
}

pub(crate) fn string_text() -> impl Strategy<Value = String> {
    any::<String>().prop_flat_map(written)
}

/// A string in quotes, each character plain or escaped in one of the ways there are.
pub(crate) fn written(text: String) -> impl Strategy<Value = String> {
    let length = text.chars().count();
    vec(any::<u8>(), length).prop_map(move |choices| {
        let content = text.chars().zip(choices).map(|(c, choice)| written_character(c, choice));
        format!("\"{}\"", content.collect::<String>())
    })
}

fn written_character(character: char, choice: u8) -> String {
    let short = match character {
        '"' => Some("\\\""),
        '\\' => Some("\\\\"),
        '/' => Some("\\/"),
        '\u{8}' => Some("\\b"),
        '\u{c}' => Some("\\f"),
        '\n' => Some("\\n"),
        '\r' => Some("\\r"),
        '\t' => Some("\\t"),
        _ => None,
    };
    let must_escape = character < ' ' || character == '"' || character == '\\';
    match (choice % 4, short) {
        (0 | 1, _) if !must_escape => character.to_string(),
        (0 | 2, Some(short)) => short.to_owned(),
        _ => {
            let units = &mut [0; 2];
            let units = character.encode_utf16(units).iter();
            let upper = choice & 0x80 == 0;
            units
                .map(|unit| if upper { format!("\\u{unit:04X}") } else { format!("\\u{unit:04x}") })
                .collect()
        }
    }
}

/// Proptest with more cases than usual: the parsers are fast.
pub(crate) fn many() -> ProptestConfig {
    ProptestConfig { cases: 2048, rng_seed: RngSeed::Random, ..ProptestConfig::default() }
}
