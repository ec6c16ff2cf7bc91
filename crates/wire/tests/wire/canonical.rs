//! Canonical JSON (V2-4, V2-13).

use matrix_key_backup_wire::{
    CanonicalJsonError, Json, ReceivedSessionData, canonical_json, signable,
};
use proptest::prelude::*;
use serde_json::Value;

use crate::support::{json_text, many, space, to_value, vectors, written};

fn canonical(text: &str) -> Result<String, CanonicalJsonError> {
    canonical_json(&Json::parse(text).expect(text))
}

// V2-4: what others' canonical JSON is, byte for byte.
#[test]
fn vectors_of_session_data() {
    let file = vectors("session_data_v2.json");
    let mut compared = 0;
    for case in file["vectors"].as_array().unwrap() {
        let raw = case["session_data_raw"].as_str().unwrap();
        let expected = case["intermediates"]["canonical_json_utf8"].as_str();
        let found = ReceivedSessionData::parse(raw).ok().and_then(|data| data.signable().ok());
        if let Some(expected) = expected {
            assert_eq!(found.as_deref(), Some(expected), "{}", case["id"]);
            compared += 1;
        } else if case["verdict"]["mac_status"] == "uncanonicalisable" {
            // V2-13
            let data = ReceivedSessionData::parse(raw).expect("JSON all the same");
            assert_eq!(data.signable(), Err(CanonicalJsonError::Number), "{}", case["id"]);
        }
    }
    assert!(compared > 80, "{compared}");
}

// In the manner of the examples in the appendix of the specification.
#[test]
fn examples() {
    let cases = [
        ("{}", "{}"),
        (r#"{ "two": "Two", "one": 1 }"#, r#"{"one":1,"two":"Two"}"#),
        (r#"{ "b": "2", "a": "1" }"#, r#"{"a":"1","b":"2"}"#),
        (
            r#"{"auth":{"ok":true,"who":"@a:b.example","keys":{"z":2,"y":1},"list":["q",{"n":2,"m":1}]}}"#,
            r#"{"auth":{"keys":{"y":1,"z":2},"list":["q",{"m":1,"n":2}],"ok":true,"who":"@a:b.example"}}"#,
        ),
        (r#"{"a":"日本語"}"#, r#"{"a":"日本語"}"#),
        (r#"{"本":2,"日":1}"#, r#"{"日":1,"本":2}"#),
        (r#"{"a":"\u65E5"}"#, r#"{"a":"日"}"#),
        (r#"{"a":null}"#, r#"{"a":null}"#),
        (r#"[ true , false , null , 0 , "" ]"#, r#"[true,false,null,0,""]"#),
        (r#"{"a":{"signatures":1,"unsigned":2}}"#, r#"{"a":{"signatures":1,"unsigned":2}}"#),
    ];
    for (text, expected) in cases {
        assert_eq!(canonical(text).as_deref(), Ok(expected));
    }
}

#[test]
fn only_what_must_be_escaped_is_escaped() {
    for code in 0..=0x9f_u8 {
        let character = char::from(code);
        let escaped = format!("\"\\u{code:04X}\"");
        let expected = match character {
            '"' => "\"\\\"\"".to_owned(),
            '\\' => "\"\\\\\"".to_owned(),
            '\u{8}' => "\"\\b\"".to_owned(),
            '\t' => "\"\\t\"".to_owned(),
            '\n' => "\"\\n\"".to_owned(),
            '\u{c}' => "\"\\f\"".to_owned(),
            '\r' => "\"\\r\"".to_owned(),
            '\0'..='\u{1f}' => format!("\"\\u{code:04x}\""),
            _ => format!("\"{character}\""),
        };
        assert_eq!(canonical(&escaped).unwrap(), expected);
    }
    assert_eq!(
        canonical(r#""\/\u2028\u2029\u0085\ufeff\u200b""#).unwrap(),
        "\"/\u{2028}\u{2029}\u{85}\u{feff}\u{200b}\""
    );
    assert_eq!(canonical(r#"{"\u0000\n":0}"#).unwrap(), r#"{"\u0000\n":0}"#);
}

// V2-13
#[test]
fn numbers() {
    for good in ["0", "1", "-1", "9007199254740991", "-9007199254740991"] {
        assert_eq!(canonical(good).as_deref(), Ok(good));
    }
    for bad in [
        "-0",
        "1.0",
        "1.5",
        "0.0",
        "-0.0",
        "1e5",
        "1E5",
        "1e0",
        "0e0",
        "9007199254740992",
        "-9007199254740992",
        "9223372036854775807",
        "-9223372036854775808",
        "18446744073709551616",
        "123456789012345678901234567890",
        "1e400",
    ] {
        for text in [bad.to_owned(), format!("[{bad}]"), format!(r#"{{"a":[{{"b":{bad}}}]}}"#)] {
            assert_eq!(canonical(&text), Err(CanonicalJsonError::Number), "{text}");
        }
    }
}

// A tree that was made by hand can hold what no JSON text says.
#[test]
fn numbers_made_by_hand() {
    for bad in ["", "+1", "01", "-01", "1 ", "--1", "0x1", "1_0", "NaN", "٣"] {
        assert_eq!(canonical_json(&Json::Number(bad)), Err(CanonicalJsonError::Number), "{bad}");
    }
}

// V2-13
#[test]
fn lone_surrogates() {
    for text in [r#""\ud800""#, r#"["\udc00x"]"#, r#"{"\ud800":1}"#, r#"{"a":{"b":["\ud800"]}}"#] {
        assert_eq!(canonical(text), Err(CanonicalJsonError::LoneSurrogate), "{text}");
    }
}

fn signable_of(text: &str) -> Result<String, CanonicalJsonError> {
    signable(Json::parse(text).expect(text).as_object().expect("an object"))
}

// V2-4: removed first, whatever they hold.
#[test]
fn signatures_and_unsigned_are_removed_first() {
    let dropped =
        ["1.5", "-0", "1e400", r#""\ud800""#, r#"{"\ud800":1}"#, "null", r#"{"backup_mac":[1.0]}"#];
    for value in dropped {
        for name in ["signatures", "unsigned", "un\\u0073igned"] {
            let text = format!(r#"{{"b":1,"{name}":{value},"a":2}}"#);
            assert_eq!(signable_of(&text).as_deref(), Ok(r#"{"a":2,"b":1}"#));
            // Canonical JSON of the whole has them.
            let number = format!(r#"{{"{name}":7}}"#);
            assert_eq!(signable_of(&number).as_deref(), Ok("{}"));
            assert!(canonical(&number).unwrap().contains('7'));
        }
    }
    // Names that only look like them are covered, and so is what stands deeper. // V2-5
    let kept = r#"{"SIGNATURES":1,"Unsigned":2,"x":{"signatures":3,"unsigned":4}}"#;
    assert_eq!(signable_of(kept).as_deref(), Ok(kept));
    assert_eq!(signable_of(r#"{"x":{"unsigned":1.0}}"#), Err(CanonicalJsonError::Number));
}

/// Canonical JSON by another way: serde_json's values and strings, sorted here.
fn canonical_oracle(value: &Value) -> Option<String> {
    Some(match value {
        Value::Number(number) => {
            let integer = number.as_i64().filter(|i| i.unsigned_abs() < 1 << 53)?;
            integer.to_string()
        }
        Value::Array(elements) => {
            let elements: Option<Vec<_>> = elements.iter().map(canonical_oracle).collect();
            format!("[{}]", elements?.join(","))
        }
        Value::Object(members) => {
            let mut sorted: Vec<_> = members.iter().collect();
            sorted.sort_by_key(|(name, _)| name.chars().collect::<Vec<_>>());
            let members: Option<Vec<_>> = sorted
                .into_iter()
                .map(|(name, value)| {
                    let name = serde_json::to_string(name).ok()?;
                    Some(format!("{name}:{}", canonical_oracle(value)?))
                })
                .collect();
            format!("{{{}}}", members?.join(","))
        }
        other => serde_json::to_string(other).ok()?,
    })
}

/// The same JSON, its members in another order, with other whitespace and other escapes.
fn rewritten(value: Value) -> BoxedStrategy<String> {
    match value {
        Value::String(text) => written(text).boxed(),
        Value::Array(elements) => {
            let elements: Vec<_> = elements.into_iter().map(rewritten).collect();
            (elements, space())
                .prop_map(|(texts, s)| format!("[{s}{}]", texts.join(&format!(",{s}"))))
                .boxed()
        }
        Value::Object(members) => {
            let members: Vec<_> = members
                .into_iter()
                .map(|(name, value)| {
                    (written(name), space(), rewritten(value))
                        .prop_map(|(n, s, v)| format!("{n}{s}:{s}{v}"))
                })
                .collect();
            members
                .prop_flat_map(|members| (Just(members).prop_shuffle(), space()))
                .prop_map(|(members, s)| format!("{{{s}{}{s}}}", members.join(&format!("{s},"))))
                .boxed()
        }
        other => Just(other.to_string()).boxed(),
    }
}

proptest! {
    #![proptest_config(many())]

    #[test]
    fn agrees_with_another_way(text in json_text()) {
        let Ok(json) = Json::parse(&text) else { return Ok(()) };
        let Some(value) = to_value(&json) else {
            prop_assert!(canonical_json(&json).is_err());
            return Ok(());
        };
        match canonical_json(&json) {
            Ok(found) => prop_assert_eq!(Some(found), canonical_oracle(&value)),
            // -0 and 1.0 are integers to some; to us no text but the integer's own will do.
            Err(error) => prop_assert_eq!(error, CanonicalJsonError::Number),
        }
    }

    #[test]
    fn is_its_own_canonical_form(text in json_text()) {
        if let Ok(json) = Json::parse(&text) && let Ok(once) = canonical_json(&json) {
            prop_assert!(once.len() <= text.len());
            let again = Json::parse(&once).expect("canonical JSON is JSON");
            prop_assert_eq!(canonical_json(&again), Ok(once.clone()));
            prop_assert_eq!(again, json);
        }
    }
}

proptest! {
    // V2-4, A-4: a server may write `session_data` anew.
    #[test]
    fn survives_being_written_anew(
        (text, anew) in json_text()
            .prop_filter_map("canonical", |text| canonical_json(&Json::parse(&text).ok()?).ok())
            .prop_flat_map(|text| {
                let value = serde_json::from_str(&text).expect("canonical JSON is JSON");
                (Just(text), rewritten(value))
            })
    ) {
        prop_assert_eq!(canonical(&anew), Ok(text));
    }
}
