//! The limits of one entry (V2-13), and that hostile input within them costs little.

use std::{
    fmt::Write,
    time::{Duration, Instant},
};

use matrix_key_backup_wire::{ENTRY_MAX_BYTES, Json, JsonErrorKind, MAX_DEPTH};

fn arrays(depth: usize) -> String {
    "[".repeat(depth) + &"]".repeat(depth)
}

fn objects(depth: usize) -> String {
    r#"{"a":"#.repeat(depth) + "1" + &"}".repeat(depth)
}

// V2-13: the outermost array or object is level 1.
#[test]
fn depth() {
    assert_eq!(MAX_DEPTH, 128);
    assert!(Json::parse(&arrays(128)).is_ok());
    assert!(Json::parse(&objects(128)).is_ok());
    for text in [arrays(129), objects(129), "[".repeat(500_000), r#"{"a":["#.repeat(100_000)] {
        assert_eq!(Json::parse(&text).unwrap_err().kind(), JsonErrorKind::TooDeep);
    }
    // Depth is nesting, not count.
    let wide = format!("[{}]", vec![arrays(127); 100].join(","));
    assert!(Json::parse(&wide).is_ok());
    let mixed = format!("{}{}{}", r#"[{"a":"#.repeat(64), "1", "}]".repeat(64));
    assert!(Json::parse(&mixed).is_ok());
}

// V2-13
#[test]
fn size() {
    assert_eq!(ENTRY_MAX_BYTES, 1_048_576);
    let largest = format!("\"{}\"", "x".repeat(ENTRY_MAX_BYTES - 2));
    assert!(Json::parse(&largest).is_ok());
    let larger = largest + " ";
    let error = Json::parse(&larger).unwrap_err();
    assert_eq!((error.kind(), error.offset()), (JsonErrorKind::TooLarge, ENTRY_MAX_BYTES));
}

/// A repetition that fills an entry.
fn filled(open: &str, part: &str, close: &str) -> String {
    let count = (ENTRY_MAX_BYTES - open.len() - close.len()) / part.len();
    open.to_owned() + &part.repeat(count) + close
}

/// An object with as many names as an entry holds, made by `name`.
fn many_names(name: impl Fn(usize) -> String) -> String {
    let mut text = "{".to_owned();
    for number in 0.. {
        let comma = if number > 0 { "," } else { "" };
        let member = format!("{comma}\"{}\":0", name(number));
        if text.len() + member.len() >= ENTRY_MAX_BYTES {
            break;
        }
        text.write_str(&member).unwrap();
    }
    text + "}"
}

// Quadratic work on a mebibyte is a million million steps, hours in a debug build; the bound is far
// from both.
#[test]
fn nothing_is_quadratic() {
    let texts = [
        filled("[0", ",0", "]"),
        filled("[{}", ",{\"\":0}", "]"),
        filled("[[]", ",[[]]", "]"),
        filled("\"", "\\n", "\""),
        filled("\"", "\\ud800", "\""),
        filled("\"", "\\ud83d\\ude00", "\""),
        filled("\"", "xxxxxxx\\/", "\""),
        filled("\"", "\u{1f600}", "\""),
        filled("1", "0", ""),
        filled("", " ", "0"),
        many_names(|number| number.to_string()),
        many_names(|number| format!("{:06}", 999_999 - number)),
        many_names(|number| format!("{}{number:04}", "x".repeat(1000))),
        many_names(|number| format!("\\u0061{number}")),
        // An organ pipe, a classic against careless sorting.
        many_names(|number| {
            if number % 2 == 0 {
                format!("a{number:06}")
            } else {
                format!("a{:06}", 900_000 - number)
            }
        }),
    ];
    for text in &texts {
        assert!(text.len() <= ENTRY_MAX_BYTES);
        let start = Instant::now();
        let parsed = Json::parse(text);
        assert!(parsed.is_ok(), "{parsed:?} in {text:.40}");
        assert!(start.elapsed() < Duration::from_secs(20), "{text:.40}");
    }
    // As many duplicates as fit.
    let duplicates = filled("{\"a\":0", ",\"a\":0", "}");
    let start = Instant::now();
    assert_eq!(Json::parse(&duplicates).unwrap_err().kind(), JsonErrorKind::DuplicateProperty);
    assert!(start.elapsed() < Duration::from_secs(20));
}
