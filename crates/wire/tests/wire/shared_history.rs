//! The three spellings of `shared_history` (V1-1a).

use matrix_key_backup_wire::BackedUpSessionData;

use crate::support::{parse_plaintext, plaintext_with};

const SPELLINGS: [&str; 3] =
    ["shared_history", "m.shared_history", "org.matrix.msc3061.shared_history"];

/// All that may stand under one spelling; `None` is its absence.
const VALUES: [Option<&str>; 8] = [
    None,
    Some("true"),
    Some("false"),
    Some("null"),
    Some("1"),
    Some("\"true\""),
    Some("[true]"),
    Some("{}"),
];

// V1-1a: true only if every spelling that is there says so; whatever is no boolean counts as false.
#[test]
fn all_combinations() {
    for first in VALUES {
        for second in VALUES {
            for third in VALUES {
                let values = [first, second, third];
                let members: Vec<_> = SPELLINGS
                    .iter()
                    .zip(values)
                    .filter_map(|(name, value)| Some(format!("\"{name}\":{}", value?)))
                    .collect();
                let data = parse_plaintext(&members.join(","));
                let present: Vec<_> = values.into_iter().flatten().collect();
                let expected = !present.is_empty() && present.iter().all(|value| *value == "true");
                assert_eq!(data.shared_history(), expected, "{members:?}");
                // What was there is kept.
                let again = BackedUpSessionData::parse(data.to_json().as_bytes()).unwrap();
                for (name, value) in SPELLINGS.iter().zip(values) {
                    assert_eq!(again.other_properties().get(name), value);
                }
            }
        }
    }
}

#[test]
fn a_spelling_may_be_escaped() {
    assert!(parse_plaintext(r#""sh\u0061red_history": true "#).shared_history());
    assert!(!parse_plaintext(r#""Shared_history":true"#).shared_history());
}

// V1-1a: never both of matrix-rust-sdk's own two.
#[test]
fn two_spellings_are_written() {
    for before in ["", r#""org.matrix.msc3061.shared_history":true"#, r#""m.shared_history":null"#]
    {
        for shared in [true, false] {
            let mut data = BackedUpSessionData::parse(plaintext_with(before).as_bytes()).unwrap();
            data.set_shared_history(shared);
            assert_eq!(data.shared_history(), shared);
            let text = shared.to_string();
            let other = data.other_properties();
            assert_eq!(other.get("shared_history"), Some(text.as_str()));
            assert_eq!(other.get("m.shared_history"), Some(text.as_str()));
            assert_eq!(other.get("org.matrix.msc3061.shared_history"), None);
        }
    }
}
