//! The language of [`Json::parse`]: RFC 8259, without duplicates.

use matrix_key_backup_wire::{Json, JsonErrorKind, JsonKind};

#[track_caller]
fn refused(text: &str, kind: JsonErrorKind, offset: usize) {
    let error = Json::parse(text).expect_err(text);
    assert_eq!((error.kind(), error.offset()), (kind, offset), "{text:?}");
}

#[track_caller]
fn string(text: &str) -> String {
    Json::parse(text).expect(text).as_str().expect(text).to_owned()
}

#[test]
fn values() {
    assert_eq!(Json::parse("null"), Ok(Json::Null));
    assert_eq!(Json::parse(" \t\r\ntrue \t\r\n"), Ok(Json::Bool(true)));
    assert_eq!(Json::parse("false").unwrap().as_bool(), Some(false));
    assert_eq!(Json::parse("[]").unwrap().as_array(), Some(&[][..]));
    assert_eq!(
        Json::parse("[1 , [2]]"),
        Ok(Json::Array([Json::Number("1"), Json::Array([Json::Number("2")].into())].into()))
    );
    let object = Json::parse("{ }").unwrap();
    assert!(object.as_object().unwrap().is_empty());
}

#[test]
fn kinds() {
    let kinds = [
        ("null", JsonKind::Null),
        ("true", JsonKind::Bool),
        ("0", JsonKind::Number),
        (r#""""#, JsonKind::String),
        (r#""\ud800""#, JsonKind::IllFormedString),
        ("[]", JsonKind::Array),
        ("{}", JsonKind::Object),
    ];
    for (text, kind) in kinds {
        assert_eq!(Json::parse(text).unwrap().kind(), kind);
    }
}

#[test]
fn numbers_keep_their_text() {
    for text in ["0", "-0", "1", "-12", "1.50", "1e5", "1E+05", "1.0e-400", "1e400", "-0.0"] {
        assert_eq!(Json::parse(text), Ok(Json::Number(text)));
    }
    let long = "1".repeat(10_000);
    assert_eq!(Json::parse(&long), Ok(Json::Number(&long)));
}

#[test]
fn malformed_numbers() {
    refused("01", JsonErrorKind::Number, 1);
    refused("-01", JsonErrorKind::Number, 2);
    refused("-", JsonErrorKind::UnexpectedEnd, 1);
    refused("-x", JsonErrorKind::Number, 1);
    refused("1.", JsonErrorKind::UnexpectedEnd, 2);
    refused("1.e1", JsonErrorKind::Number, 2);
    refused("1e", JsonErrorKind::UnexpectedEnd, 2);
    refused("[1e+]", JsonErrorKind::Number, 4);
    refused("+1", JsonErrorKind::UnexpectedCharacter, 0);
    refused(".5", JsonErrorKind::UnexpectedCharacter, 0);
    refused("0x10", JsonErrorKind::TrailingText, 1);
    refused("1_000", JsonErrorKind::TrailingText, 1);
    refused("NaN", JsonErrorKind::UnexpectedCharacter, 0);
    refused("Infinity", JsonErrorKind::UnexpectedCharacter, 0);
    refused("-Infinity", JsonErrorKind::Number, 1);
}

#[test]
fn strings_are_decoded() {
    assert_eq!(string(r#""""#), "");
    assert_eq!(string(r#""\"\\\/\b\f\n\r\t""#), "\"\\/\u{8}\u{c}\n\r\t");
    assert_eq!(string(r#""\u0000\u001f\u007F\u00e9\uD83D\ude00x""#), "\0\u{1f}\u{7f}é😀x");
    assert_eq!(string("\"\u{7f}\u{2028}\u{feff}é😀\""), "\u{7f}\u{2028}\u{feff}é😀");
    // A special character at each place of the eight bytes that are looked at together.
    for length in 0..40 {
        let plain = "é".repeat(length / 2) + &"x".repeat(length % 2) + &"y".repeat(length);
        assert_eq!(string(&format!("\"{plain}\"")), plain);
        assert_eq!(string(&format!("\"{plain}\\n{plain}\"")), format!("{plain}\n{plain}"));
        refused(
            &format!("\"{plain}\u{1}{plain}\""),
            JsonErrorKind::ControlCharacter,
            plain.len() + 1,
        );
    }
}

#[test]
fn malformed_strings() {
    for control in 0..0x20_u8 {
        let text = format!("\"{}\"", char::from(control));
        refused(&text, JsonErrorKind::ControlCharacter, 1);
    }
    refused(r#"""#, JsonErrorKind::UnexpectedEnd, 1);
    refused(r#""abc"#, JsonErrorKind::UnexpectedEnd, 4);
    refused(r#""a\"#, JsonErrorKind::Escape, 2);
    refused(r#""a\""#, JsonErrorKind::UnexpectedEnd, 4);
    refused(r#""\x41""#, JsonErrorKind::Escape, 1);
    refused(r#""\U0041""#, JsonErrorKind::Escape, 1);
    refused(r#""\u004""#, JsonErrorKind::Escape, 1);
    refused(r#""\u004g""#, JsonErrorKind::Escape, 1);
    refused(r#""\u+041""#, JsonErrorKind::Escape, 1);
    refused(r#""\u{41}""#, JsonErrorKind::Escape, 1);
    refused(r#""\ué1""#, JsonErrorKind::Escape, 1);
    refused("'a'", JsonErrorKind::UnexpectedCharacter, 0);
}

#[test]
fn malformed_structure() {
    refused("", JsonErrorKind::UnexpectedEnd, 0);
    refused(" ", JsonErrorKind::UnexpectedEnd, 1);
    refused("nul", JsonErrorKind::UnexpectedEnd, 3);
    refused("nulL", JsonErrorKind::UnexpectedCharacter, 3);
    refused("nullx", JsonErrorKind::TrailingText, 4);
    refused("{}{}", JsonErrorKind::TrailingText, 2);
    refused("[1,]", JsonErrorKind::UnexpectedCharacter, 3);
    refused("[,1]", JsonErrorKind::UnexpectedCharacter, 1);
    refused("[1 2]", JsonErrorKind::UnexpectedCharacter, 3);
    refused("[1}", JsonErrorKind::UnexpectedCharacter, 2);
    refused("[", JsonErrorKind::UnexpectedEnd, 1);
    refused("]", JsonErrorKind::UnexpectedCharacter, 0);
    refused(r#"{"a":1,}"#, JsonErrorKind::UnexpectedCharacter, 7);
    refused(r#"{"a" 1}"#, JsonErrorKind::UnexpectedCharacter, 5);
    refused(r#"{"a"}"#, JsonErrorKind::UnexpectedCharacter, 4);
    refused(r#"{"a":}"#, JsonErrorKind::UnexpectedCharacter, 5);
    refused(r#"{"a":1]"#, JsonErrorKind::UnexpectedCharacter, 6);
    refused("{a:1}", JsonErrorKind::UnexpectedCharacter, 1);
    refused("{1:1}", JsonErrorKind::UnexpectedCharacter, 1);
    refused("{", JsonErrorKind::UnexpectedEnd, 1);
    refused(r#"{"a":1"#, JsonErrorKind::UnexpectedEnd, 6);
    refused("/* */1", JsonErrorKind::UnexpectedCharacter, 0);
    // RFC 8259 has four whitespace characters, and a byte order mark is none of them.
    refused("\u{feff}1", JsonErrorKind::UnexpectedCharacter, 0);
    refused("\u{b}1", JsonErrorKind::UnexpectedCharacter, 0);
    refused("\u{c}1", JsonErrorKind::UnexpectedCharacter, 0);
    refused("\u{a0}1", JsonErrorKind::UnexpectedCharacter, 0);
    refused("1\0", JsonErrorKind::TrailingText, 1);
}

// V2-13
#[test]
fn duplicates_at_any_depth() {
    refused(r#"{"a":1,"a":1}"#, JsonErrorKind::DuplicateProperty, 7);
    refused(r#"{"a":1,"b":2,"a":3}"#, JsonErrorKind::DuplicateProperty, 13);
    refused(r#"{"":1,"":2}"#, JsonErrorKind::DuplicateProperty, 6);
    refused(r#"[{"x":[{"a":1,"a":2}]}]"#, JsonErrorKind::DuplicateProperty, 14);
    refused(r#"{"unsigned":{"a":1,"a":2}}"#, JsonErrorKind::DuplicateProperty, 19);
    refused(r#"{"signatures":{"u":{"k":"1","k":"2"}}}"#, JsonErrorKind::DuplicateProperty, 28);
    let deep = format!("{}{}{}", r#"{"x":"#.repeat(127), r#"{"a":1,"a":2}"#, "}".repeat(127));
    assert_eq!(Json::parse(&deep).unwrap_err().kind(), JsonErrorKind::DuplicateProperty);
}

// V2-13: names are compared after decoding.
#[test]
fn duplicates_by_escape() {
    refused(r#"{"ciphertext":1,"\u0063iphertext":2}"#, JsonErrorKind::DuplicateProperty, 16);
    refused(r#"{"\u0063iphertext":1,"ciphertext":2}"#, JsonErrorKind::DuplicateProperty, 21);
    refused(r#"{"a/b":1,"a\/b":2}"#, JsonErrorKind::DuplicateProperty, 9);
    refused(r#"{"é":1,"\u00e9":2}"#, JsonErrorKind::DuplicateProperty, 8);
    refused(r#"{"\u00E9":1,"\u00e9":2}"#, JsonErrorKind::DuplicateProperty, 12);
    refused(r#"{"😀":1,"\ud83d\uDE00":2}"#, JsonErrorKind::DuplicateProperty, 10);
    refused(r#"{"\n":1,"\u000a":2}"#, JsonErrorKind::DuplicateProperty, 8);
    // Lone surrogates are no text, and two of them are still one name.
    refused(r#"{"\ud800":1,"\uD800":2}"#, JsonErrorKind::DuplicateProperty, 12);
    refused(r#"{"x\udc00y":1,"\u0078\udc00y":2}"#, JsonErrorKind::DuplicateProperty, 14);
}

#[test]
fn no_duplicates() {
    for text in [
        r#"{"a":{"a":{"a":1}}}"#,
        r#"[{"a":1},{"a":1}]"#,
        r#"{"a":1,"A":1}"#,
        r#"{"\ud800":1,"\ud801":1,"\udc00":1,"\udc00\ud800":1,"\ud800\udc00":1,"":1}"#,
        // Composed and decomposed é are two names.
        r#"{"\u00e9":1,"e\u0301":1}"#,
        r#"{"a":1,"a\u0000":1}"#,
    ] {
        assert!(Json::parse(text).is_ok(), "{text}");
    }
}

#[test]
fn lone_surrogates_are_kept() {
    for text in [
        r#""\ud800""#,
        r#""\udfff""#,
        r#""\ud800x""#,
        r#""\ud800\n""#,
        r#""\ud800\u0041""#,
        r#""\udc00\ud800""#,
        r#""\ud800\ud800\udc00""#,
        r#""\ud800😀""#,
    ] {
        let json = Json::parse(text).expect(text);
        assert_eq!(json.as_str(), None, "{text}");
        assert_eq!(json.kind(), JsonKind::IllFormedString);
    }
    // A pair after a lone half is a pair.
    assert_ne!(Json::parse(r#""\ud800\ud800\udc00""#), Json::parse(r#""\ud800\udc00\ud800""#));
    assert_eq!(string(r#""\ud800\udc00""#), "\u{10000}");
    assert_eq!(string(r#""\udbff\udfff""#), "\u{10ffff}");
}

#[test]
fn members_are_sorted_by_code_point() {
    // By UTF-16 code units, as JavaScript sorts, U+10000 would stand before U+FFFF.
    let text =
        "{\"\u{10000}\":0,\"\u{ffff}\":1,\"a\":2,\"\":3,\"B\":4,\"é\":5,\"aa\":6,\"10\":7,\"9\":8}";
    let json = Json::parse(text).unwrap();
    let object = json.as_object().unwrap();
    let names: Vec<_> = object.iter().map(|(name, _)| name.as_str().unwrap()).collect();
    assert_eq!(names, ["", "10", "9", "B", "a", "aa", "é", "\u{ffff}", "\u{10000}"]);
    assert_eq!(object.get("é"), Some(&Json::Number("5")));
    assert_eq!(object.get("c"), None);
    assert!(object.contains("") && !object.contains("b"));
}

#[test]
fn raw_values_are_the_text_that_stood_there() {
    let text = r#" { "a" : [ 1.0, "\u0061" ] , "b": "x\/" ,"c":-0 } "#;
    let json = Json::parse(text).unwrap();
    let object = json.as_object().unwrap();
    assert_eq!(object.raw("a"), Some(r#"[ 1.0, "\u0061" ]"#));
    assert_eq!(object.raw("b"), Some(r#""x\/""#));
    assert_eq!(object.raw("c"), Some("-0"));
    let raw: Vec<_> = object.iter_raw().map(|(_, raw)| raw).collect();
    assert_eq!(raw.len(), 3);
}

#[test]
fn equality_ignores_order_whitespace_and_escapes() {
    let one = Json::parse(r#"{"a":1,"b":["x"]}"#).unwrap();
    assert_eq!(one, Json::parse(r#"{ "\u0062" : [ "\u0078" ], "a" : 1 }"#).unwrap());
    assert_ne!(one, Json::parse(r#"{"a":1.0,"b":["x"]}"#).unwrap());
    assert_ne!(one, Json::parse(r#"{"a":1}"#).unwrap());
    assert_ne!(one, Json::parse(r#"{"a":1,"c":["x"]}"#).unwrap());
}
