//! Canonical JSON of `wire`, held against Ruma's, which is written independently (V2-4).
//!
//! Where both accept a text they must give the same bytes; `ruma-common` canonicalises, and
//! `ruma-signatures` removes `signatures` and `unsigned` first.

use matrix_key_backup_wire::{Json, ReceivedSessionData, canonical_json, signable};
use proptest::{collection::vec, prelude::*};
use ruma_common::{CanonicalJsonObject, CanonicalJsonValue};
use ruma_signatures::to_canonical_json_string_for_signing;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

const MAX_INTEGER: i64 = (1 << 53) - 1;

fn ours(json: &str) -> String {
    canonical_json(&Json::parse(json).unwrap()).unwrap()
}

fn ours_for_signing(json: &str) -> String {
    signable(Json::parse(json).unwrap().as_object().unwrap()).unwrap()
}

fn rumas(json: &str) -> String {
    serde_json::from_str::<CanonicalJsonValue>(json).unwrap().to_string()
}

fn rumas_for_signing(json: &str) -> String {
    let object: CanonicalJsonObject = serde_json::from_str(json).unwrap();
    to_canonical_json_string_for_signing(&object).unwrap()
}

/// A JSON text that is as far from canonical as JSON allows: any order, whitespace and escapes.
#[derive(Clone, Debug)]
enum Written {
    /// `null`, a boolean or an integer
    Plain(String),
    String(Vec<Character>),
    Array(Vec<Written>, Space),
    Object(Vec<(Vec<Character>, Written)>, Space),
}

type Space = String;

/// A character and whether it is written as an escape where it need not be.
type Character = (char, Escape);

#[derive(Clone, Copy, Debug)]
enum Escape {
    No,
    Lower,
    Upper,
}

impl Written {
    fn write(&self, out: &mut String) {
        match self {
            Self::Plain(text) => out.push_str(text),
            Self::String(characters) => write_string(characters, out),
            Self::Array(elements, space) => {
                out.push('[');
                for (index, element) in elements.iter().enumerate() {
                    out.push_str(if index > 0 { "," } else { "" });
                    out.push_str(space);
                    element.write(out);
                    out.push_str(space);
                }
                out.push(']');
            }
            Self::Object(members, space) => {
                out.push('{');
                for (index, (name, value)) in members.iter().enumerate() {
                    out.push_str(if index > 0 { "," } else { "" });
                    out.push_str(space);
                    write_string(name, out);
                    out.push_str(space);
                    out.push(':');
                    value.write(out);
                    out.push_str(space);
                }
                out.push('}');
            }
        }
    }

    fn to_json(&self) -> String {
        let mut out = String::new();
        self.write(&mut out);
        out
    }
}

fn write_string(characters: &[Character], out: &mut String) {
    out.push('"');
    for (character, escape) in characters {
        let mut units = [0; 2];
        let units = character.encode_utf16(&mut units).iter();
        match escape {
            Escape::Lower => out.extend(units.map(|unit| format!("\\u{unit:04x}"))),
            Escape::Upper => out.extend(units.map(|unit| format!("\\u{unit:04X}"))),
            Escape::No => match character {
                '/' => out.push_str("\\/"),
                '"' | '\\' => out.extend(['\\', *character]),
                control if *control < ' ' => {
                    out.push_str(serde_json::to_string(control).unwrap().trim_matches('"'));
                }
                other => out.push(*other),
            },
        }
    }
    out.push('"');
}

/// What escaping and sorting can get wrong: what is escaped, or only looks so, and characters for
/// which the order of UTF-16 is not that of code points.
const TRICKY: [char; 10] =
    ['"', '\\', '/', '\u{7f}', '\u{80}', '\u{2028}', '\u{e000}', '\u{ffff}', '\u{10000}', '😀'];

fn character() -> impl Strategy<Value = Character> {
    let any_character = prop_oneof![
        3 => prop::char::range('a', 'e'),
        1 => prop::char::range('\0', ' '),
        2 => prop::sample::select(&TRICKY[..]),
        2 => any::<char>(),
    ];
    let escape =
        prop_oneof![4 => Just(Escape::No), 1 => Just(Escape::Lower), 1 => Just(Escape::Upper)];
    (any_character, escape)
}

fn string() -> impl Strategy<Value = Vec<Character>> {
    vec(character(), 0..6)
}

fn name() -> impl Strategy<Value = Vec<Character>> {
    let known =
        prop::sample::select(vec!["signatures", "unsigned", "unsigned\0", "mac", "ciphertext"]);
    let known = known.prop_map(|name| name.chars().map(|c| (c, Escape::No)).collect());
    prop_oneof![1 => known, 3 => string()]
}

fn value() -> impl Strategy<Value = Written> {
    let integer = prop_oneof![
        Just(MAX_INTEGER),
        Just(-MAX_INTEGER),
        Just(0),
        -MAX_INTEGER..=MAX_INTEGER,
        -10..10_i64
    ];
    let leaf = prop_oneof![
        prop::sample::select(vec!["null", "true", "false"])
            .prop_map(|text| Written::Plain(text.into())),
        integer.prop_map(|integer| Written::Plain(integer.to_string())),
        string().prop_map(Written::String),
    ];
    leaf.prop_recursive(5, 48, 6, |inner| {
        prop_oneof![
            (vec(inner.clone(), 0..5), space()).prop_map(|(a, space)| Written::Array(a, space)),
            object_of(inner),
        ]
    })
}

fn object() -> impl Strategy<Value = Written> {
    object_of(value())
}

/// An object with this property and no `signatures`.
pub(crate) fn unsigned_object_with(name: &str, text: &str) -> impl Strategy<Value = String> {
    let plain = |text: &str| text.chars().map(|c| (c, Escape::No)).collect::<Vec<_>>();
    let (name, text) = (plain(name), Written::String(plain(text)));
    let signatures = plain("signatures");
    object().prop_map(move |written| {
        let Written::Object(mut members, space) = written else { unreachable!("an object") };
        let named = |wanted: &[Character], (name, _): &(Vec<Character>, Written)| {
            name.iter().map(|(c, _)| c).eq(wanted.iter().map(|(c, _)| c))
        };
        members.retain(|member| !named(&name, member) && !named(&signatures, member));
        members.push((name.clone(), text.clone()));
        Written::Object(members, space).to_json()
    })
}

fn object_of(value: impl Strategy<Value = Written>) -> impl Strategy<Value = Written> {
    (vec((name(), value), 0..6), space()).prop_map(|(mut members, space)| {
        // A name twice is another matter, and another test.
        let text = |name: &[Character]| name.iter().map(|(c, _)| *c).collect::<String>();
        let mut seen = std::collections::BTreeSet::new();
        members.retain(|(name, _)| seen.insert(text(name)));
        Written::Object(members, space)
    })
}

fn space() -> impl Strategy<Value = Space> {
    "[ \t\r\n]{0,2}"
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn canonical_json_is_rumas(written in value()) {
        let json = written.to_json();
        prop_assert_eq!(ours(&json), rumas(&json));
    }

    #[test]
    fn what_is_signed_is_what_ruma_signs(written in object()) {
        let json = written.to_json();
        prop_assert_eq!(ours_for_signing(&json), rumas_for_signing(&json));
    }

    #[test]
    fn canonical_json_is_a_fixed_point(written in value()) {
        let canonical = ours(&written.to_json());
        prop_assert_eq!(ours(&canonical), canonical);
    }
}

// The order of UTF-16 code units would put U+10000 before U+E000; canonical JSON does not.
#[test]
fn names_are_in_the_order_of_code_points() {
    let json = "{\"\u{10000}\":1,\"\u{e000}\":2,\"\u{ffff}\":3}";
    assert_eq!(ours(json), "{\"\u{e000}\":2,\"\u{ffff}\":3,\"\u{10000}\":1}");
    assert_eq!(ours(json), rumas(json));
}

// V2-13: numbers that canonical JSON cannot carry are refused by both. So is a lone surrogate,
// though Ruma refuses the whole text for it.
#[test]
fn both_refuse_what_canonical_json_cannot_carry() {
    let values = [
        "1.0",
        "0.5",
        "1e2",
        "1E0",
        "-0",
        "-0.0",
        "9007199254740992",
        "-9007199254740992",
        "18446744073709551615",
        "18446744073709551616",
        "1e999",
        r#""\ud800""#,
        r#""\udc00\ud800""#,
    ];
    for value in values {
        let json = format!(r#"{{"a":[{value}]}}"#);
        assert!(serde_json::from_str::<CanonicalJsonObject>(&json).is_err(), "Ruma took {value}");
        assert!(canonical_json(&Json::parse(&json).unwrap()).is_err(), "we took {value}");
    }
}

// V2-13: what `unsigned` and `signatures` hold does not matter to us. Ruma refuses the whole.
#[test]
fn only_ruma_minds_what_is_not_covered() {
    let json = r#"{"unsigned":{"age":1.5,"x":"\ud800"},"a":1,"signatures":[-0]}"#;
    assert_eq!(ours_for_signing(json), r#"{"a":1}"#);
    assert!(serde_json::from_str::<CanonicalJsonObject>(json).is_err());
}

// V2-4: on every entry with a valid MAC, what we cover is what its reference covered. On every entry
// that both read, it is what Ruma would sign.
#[test]
fn entries_of_the_vectors_are_covered_as_ruma_would_sign_them() {
    let text = include_str!("../../../../testdata/vectors/session_data_v2.json");
    let file: Value = serde_json::from_str(text).unwrap();
    let (mut with_mac, mut with_mac_not_rumas, mut compared) = (0, 0, 0);
    for case in file["vectors"].as_array().unwrap() {
        let (id, has_mac) = (&case["id"], case["verdict"]["mac_status"] == "valid");
        let json = case["session_data_raw"].as_str().unwrap();
        let covered = ReceivedSessionData::parse(json).ok().and_then(|data| data.signable().ok());
        let by_ruma = serde_json::from_str::<CanonicalJsonObject>(json).ok();
        if has_mac {
            let expected = case["intermediates"]["canonical_json_sha256"].as_str().unwrap();
            assert_eq!(sha256(covered.as_deref().unwrap()), expected, "{id}");
            with_mac += 1;
            with_mac_not_rumas += usize::from(by_ruma.is_none());
        }
        if let (Some(covered), Some(object)) = (covered, by_ruma) {
            assert_eq!(covered, to_canonical_json_string_for_signing(&object).unwrap(), "{id}");
            compared += 1;
        }
    }
    // One with a valid MAC holds in `unsigned` what Ruma does not read.
    assert_eq!((with_mac, with_mac_not_rumas, compared), (75, 1, 107));
}

fn sha256(text: &str) -> String {
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}
